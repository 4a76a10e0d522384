"""One user's machine in the scratch directory: a home, the program that runs in it, and the contract that every run
must keep."""

import json
import os
from pathlib import Path

import text
from file_trees import Snapshot, empty_directory, remove
from launcher import BrokenPromise, Launch

NOW = "2026-11-20T06:30:00Z"
NOW_SECONDS = 1795156200
NOBODY = 65534
SOMEBODY = 4711

# The times in seconds that a command may take when Claude Code or a user waits for it. SQLite itself retries for ten
# seconds if a lock cannot be acquired or released in the middle of a report, and it cannot be interrupted.
CLIENT_SECONDS = 1.0
USER_SECONDS = 11.5
# The times in seconds after which a run is ended. They are longer, to distinguish "slow" from "never".
CLIENT_TIMEOUT = 3.0
USER_TIMEOUT = 13.0

# The commands that Claude Code runs.
CLIENT_COMMANDS = ("statusline", "hook")
PANIC = (
    b"panicked at",
    b"RUST_BACKTRACE",
    b"stack backtrace",
    b"memory allocation of",
    b"fatal runtime error",
    b"has overflowed its stack",
    b"core dumped",
)
MAX_DOLLAR_ERROR = 1e-9


class Machine:
    """A home that is recreated for each case. `directory` is the worker's directory (see cage.py), and
    `response_counts` contains the true number of responses in each session."""

    def __init__(self, directory, tools, seed):
        self.directory = directory
        self.tools = tools
        self.seed = seed
        self.small = directory / "small"
        self.few = directory / "few"
        self.frozen = directory / "frozen"
        self.thawed = directory / "thawed"
        self.error_messages = []
        self.snapshots = {}
        self.expected_remarks = "[{}, {}]"
        self.case = ""
        self.set_root(directory / "machine")

    def set_root(self, root):
        """Sets the location of the home. An attack may put it on a different kind of disk."""
        self.root = root
        self.home = root / "home"
        self.outside = root / "outside"
        self.claude = self.home / ".claude"
        self.data = self.home / ".local/share/whycap"
        self.project = self.home / "work/api"
        self.variables = {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",
            "TZ": "UTC",
            "NO_COLOR": "1",
            "WHYCAP_NOW": NOW,
        }
        self.response_counts = {}

    def reset(self, case):
        """Creates an empty home, no matter what the previous case left behind."""
        self.case = case
        for disk in (self.small, self.few, self.thawed):
            empty_directory(disk)
        self.set_root(self.directory / "machine")
        remove(self.root)
        self.root.mkdir(mode=0o755)
        self.home.mkdir()
        self.outside.mkdir()

    # --- files -----------------------------------------------------------------------------------

    def path(self, relative):
        return self.home / relative

    def write(self, path, content, mode=None, age=None):
        """Writes a file below home, or anywhere if the path is absolute, with its parents."""
        path = self.home / path
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, (dict, list)):
            content = json.dumps(content)
        if isinstance(content, str):
            content = content.encode("utf-8", "surrogateescape")
        path.write_bytes(content)
        if mode is not None:
            path.chmod(mode)
        if age is not None:
            self.age(path, age)
        return path

    def age(self, path, seconds):
        """Sets the modification time of a path to the given time before NOW."""
        time = NOW_SECONDS - seconds
        os.utime(self.home / path, (time, time), follow_symlinks=False)

    def change_owner(self, user, root=None):
        """Gives all files to another user."""
        for directory, directories, files in os.walk(root or self.root):
            os.chown(directory, user, user)
            for name in directories + files:
                os.lchown(os.path.join(directory, name), user, user)

    def device(self, path, name, of="in"):
        """Creates a device node as a link to one that was created before the cage was closed, because nobody in the
        cage can create devices. There are two of each, so that effects on the device in the home can be distinguished
        from effects on the device outside."""
        path = self.home / path
        path.parent.mkdir(parents=True, exist_ok=True)
        device = self.directory / "devices" / of / name
        os.chown(device, 0, 0)
        os.chmod(device, 0o666)
        os.link(device, path)
        return path

    def snapshot(self, name, make):
        """Puts the home into the state that `make` creates. The state is created only once per worker."""
        if name not in self.snapshots:
            make(self)
            self.snapshots[name] = (Snapshot.of(self.root), dict(self.response_counts))
        else:
            snapshot, response_counts = self.snapshots[name]
            snapshot.restore(self.root)
            self.response_counts = dict(response_counts)
        return self

    def leftover_files(self):
        """Returns the temporary files and incomplete directories that are left below the home."""
        leftovers = []
        for directory, directories, files in os.walk(self.home):
            directory = Path(directory)
            leftovers += [directory / name for name in files if is_temporary(name)]
            if directory.name == "quarantine" and directory.is_relative_to(self.data):
                paths = [directory / name for name in directories]
                leftovers += [path for path in paths if set(os.listdir(path)) <= {"manifest.json"}]
        return [path.relative_to(self.home) for path in leftovers]

    # --- the program -----------------------------------------------------------------------------

    def run(self, *arguments, environment=None, preload=None, cwd=None, program=None, timeout=None, **options):
        """Runs the program without checking the result. A variable in `environment` that is None is not set. `Launch`
        describes the options."""
        variables = {**self.variables, **(environment or {})}
        variables = {name: value for name, value in variables.items() if value is not None}
        if preload:
            variables["LD_PRELOAD"] = str(preload)
        is_for_client = bool(arguments) and os.fsdecode(arguments[0]) in CLIENT_COMMANDS
        launch = Launch(
            program=program or self.tools.program,
            arguments=arguments,
            directory=cwd or self.default_directory(),
            variables=variables,
            timeout=timeout or (CLIENT_TIMEOUT if is_for_client else USER_TIMEOUT),
            **options,
        )
        return launch.run(self.tools.launch, self.directory / "calls")

    def default_directory(self):
        return self.project if self.project.is_dir() else self.root

    def statusline(self, payload=b"{}", previous_line=False, **options):
        """Runs the status line and checks its contract. With `previous_line`, the output of the user's previous status
        line appears unchanged above whycap's."""
        run = self.run("statusline", stdin=payload_bytes(payload), **options)
        return self.check_client_run(run, previous_line=previous_line)

    def hook(self, event=b"{}", **options):
        """Runs a hook and checks its contract."""
        return self.check_client_run(self.run("hook", stdin=payload_bytes(event), **options))

    def command(self, *arguments, exits=(0, 1, 2), **options):
        """Runs another command and checks its contract."""
        run = self.run(*arguments, **options)
        if run.command in CLIENT_COMMANDS:
            return self.check_client_run(run)
        return self.check_user_run(run, exits)

    # --- the contract ----------------------------------------------------------------------------

    def check_client_run(self, run, printed=True, previous_line=False):
        """Checks a command that Claude Code runs. With `printed=False`, a status line may be empty."""
        check_no_crash(run, CLIENT_TIMEOUT)
        if run.exit_code != 0:
            raise BrokenPromise(f"{run.command} exited with {run.exit_code}; stderr {run.stderr[:160]!r}")
        if run.stderr:
            raise BrokenPromise(f"{run.command} wrote to standard error: {run.stderr[:160]!r}")
        if run.seconds > CLIENT_SECONDS:
            times = f"{run.seconds:.1f} s, of which {run.cpu_seconds:.2f} s were CPU time"
            raise BrokenPromise(f"{run.command} took {times}", slow=True)
        if run.command == "statusline":
            if printed and not run.failed_output and not run.text.strip():
                raise BrokenPromise(f"statusline printed {run.stdout[:80]!r} instead of a line")
            if not previous_line:
                check_output(run, allow_colors=True)
        elif run.stdout and not run.failed_output:
            if not isinstance(run.json(), dict):
                raise BrokenPromise(f"hook printed something other than an object: {run.stdout[:160]!r}")
            check_output(run)
            check_reply(run.json())
        return run

    def check_user_run(self, run, exits=(0, 1, 2)):
        """Checks a command that a user runs, and records its error message."""
        check_no_crash(run, USER_TIMEOUT)
        if run.seconds > USER_SECONDS:
            raise BrokenPromise(f"{run.command} took {run.seconds:.1f} s", slow=True)
        if run.exit_code not in exits:
            raise BrokenPromise(f"{run.command} exited with {run.exit_code}; stderr {run.stderr[:160]!r}")
        # `doctor`, clearing, and restoring report problems on standard output and exit with 1.
        is_reported = run.exit_code == 1 and run.stdout and not run.stderr
        if run.exit_code in (1, 2) and not is_reported and not run.failed_errors:
            self.error_messages.append((run.exit_code, run.error_text))
        check_output(run)
        for line in run.error_text.split("\n"):
            if forbidden := text.forbidden_character(line):
                raise BrokenPromise(f"{run.command} printed {forbidden} to standard error: {line[:160]!r}")
        return run

    def check(self, holds, problem):
        if not holds:
            raise BrokenPromise(problem)

    # --- spend -----------------------------------------------------------------------------------

    def response_count(self):
        return sum(self.response_counts.values())

    def is_exact(self, report, responses):
        """Returns whether the total of a report contains this number of responses and their cost."""
        total = report["total"]
        cost = responses * text.RESPONSE_USD
        return total["responses"] == responses and abs(total["cost_usd"] - cost) <= MAX_DOLLAR_ERROR

    def check_spend(self, responses=None, **options):
        """Checks that `spend` counts each response once and succeeds."""
        run = self.command("spend", "--json", exits=(0,), **options)
        self.check_report(run.json(), responses)
        return run

    def check_report(self, report, responses=None):
        """Checks the total of a report."""
        expected = self.response_count() if responses is None else responses
        if not self.is_exact(report, expected):
            total = report["total"]
            raise BrokenPromise(
                f"spend counts {total['responses']} responses and ${total['cost_usd']} instead of {expected} and "
                f"${expected * text.RESPONSE_USD:.2f}"
            )
        self.expected_remarks = text.remarks(report)

    def check_gap_is_reported(self, run):
        """Checks that a report whose total is wrong because of a fault says so, by containing text that a correct
        report does not contain."""
        if run.exit_code != 0:
            return
        report = run.json()
        expected = self.response_count()
        if not self.is_exact(report, expected) and text.remarks(report) == self.expected_remarks:
            counted = report["total"]["responses"]
            raise BrokenPromise(f"spend counts {counted} of {expected} responses, reports no gap, and exits with 0")

    def check_spend_or_error(self, *arguments, **options):
        """Checks that the report contains the exact total, or that the command fails with a one-line error."""
        run = self.command(*arguments, exits=(0, 1), **options)
        self.check_gap_is_reported(run)
        return run


def is_temporary(name):
    return name.startswith(".whycap-") or name.endswith(".tmp") or ".whycap.new" in name


def payload_bytes(payload):
    return json.dumps(payload).encode() if isinstance(payload, (dict, list)) else payload


def check_no_crash(run, timeout):
    if run.timed_out:
        raise BrokenPromise(f"{run.command} did not exit in {timeout:.0f} s", hang=True)
    if run.signal:
        raise BrokenPromise(f"{run.command} was ended by signal {run.signal}; stderr {run.stderr[:160]!r}")
    if any(words in run.stderr or words in run.stdout for words in PANIC):
        raise BrokenPromise(f"{run.command} panicked: {(run.stderr or run.stdout)[:200]!r}")


def check_output(run, allow_colors=False):
    """Checks that nothing in the output moves the cursor, hides text, or reverses it."""
    try:
        output = run.stdout.decode()
    except UnicodeDecodeError as error:
        invalid = run.stdout[max(0, error.start - 20) : error.start + 20]
        raise BrokenPromise(f"{run.command} printed bytes that are not UTF-8: {invalid!r}") from error
    if forbidden := text.forbidden_character(output, allow_colors):
        raise BrokenPromise(f"{run.command} printed {forbidden}: {text.excerpt(output, forbidden)!r}")


def check_reply(reply):
    """Checks the strings in a hook's reply, which Claude Code shows on the terminal."""
    for key, value in text.strings_of(reply):
        if key.endswith("terminalSequence"):
            value = value.removeprefix("\x1b]9;").rstrip("\a")
        if forbidden := text.forbidden_character(value):
            raise BrokenPromise(f"the hook's {key} contains {forbidden}: {text.excerpt(value, forbidden)!r}")
