"""One user's machine in the scratch directory: a home, the program that runs in it, and the contract that every run
must keep."""
import itertools
import json
import os
import shutil
import stat
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import text

NOW = "2026-11-20T06:30:00Z"
NOW_SECONDS = 1795156200
NOBODY = 65534
SOMEBODY = 4711

# How long Claude Code and a person wait. SQLite itself retries for ten seconds if a lock cannot be acquired or released
# in the middle of a report, and it cannot be interrupted.
HOST_SECONDS, PERSON_SECONDS = 1.0, 11.5
# How long a run that has exceeded its time is still watched, to distinguish "slow" from "never".
HOST_PATIENCE, PERSON_PATIENCE = 3.0, 13.0

HOST_VERBS = ("statusline", "hook")
PANIC = (b"panicked at", b"RUST_BACKTRACE", b"stack backtrace", b"memory allocation of", b"fatal runtime error",
         b"has overflowed its stack", b"core dumped")


class Broken(Exception):
    """A broken promise. `slow` means that the run took too long, and `hang` that it never ended."""

    def __init__(self, trouble, slow=False, hang=False):
        super().__init__(trouble)
        self.slow, self.hang = slow or hang, hang


@dataclass
class Tools:
    """The programs that the suite needs, in the scratch directory."""
    program: Path
    launch: Path
    clock: Path
    repository: Path
    has_wait: bool = False


@dataclass
class Fault:
    """A system call to interfere with, and how to do so (see tools/launch.c)."""
    nth: int
    error: int = 0
    number: int = None
    argument: int = None
    onward: bool = False
    kill: bool = False

    def options(self):
        options = ["-i", str(self.nth)]
        if self.number is not None:
            options += ["-n", str(self.number)]
        if self.argument is not None:
            options += ["-a", str(self.argument)]
        if self.onward:
            options.append("-w")
        return options + (["-k"] if self.kill else ["-e", str(self.error)])


@dataclass
class NeverClosed:
    """Standard input that provides these bytes and then stays open. With `pause`, they arrive one by one."""
    data: bytes = b""
    pause: float = 0.0


@dataclass
class Run:
    """The result of one run."""
    verb: str
    out: bytes
    err: bytes
    exit: int
    signal: int
    late: bool
    wall: float
    cpu: float
    calls: int
    acted: int
    number: int
    argument: int
    counting: bool
    failed_output: bool
    failed_errors: bool
    listed: list = field(default_factory=list)

    @property
    def text(self):
        return self.out.decode(errors="replace")

    @property
    def complaint(self):
        return self.err.decode(errors="replace")

    def json(self):
        try:
            return json.loads(self.out.decode())
        except (ValueError, UnicodeDecodeError) as error:
            raise Broken(f"standard output is not JSON ({error}): {self.out[:200]!r}") from error


class Machine:
    """A home that is recreated for each case."""

    def __init__(self, own, tools, seed):
        self.own, self.tools, self.seed = own, tools, seed
        self.small, self.few, self.frozen, self.thawed = (own / name for name in ("small", "few", "frozen", "thawed"))
        self.said = []
        self.snapshots = {}
        self.sound_remarks = "[{}, {}]"
        self.case = ""
        self.place()

    def place(self, root=None):
        """The location of the home, which is the scratch directory unless an attack needs a different kind of disk."""
        self.root = root or self.own / "machine"
        self.home = self.root / "home"
        self.outside = self.root / "outside"
        self.claude = self.home / ".claude"
        self.data = self.home / ".local/share/whycap"
        self.project = self.home / "work/api"
        self.variables = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "TZ": "UTC", "NO_COLOR": "1", "WHYCAP_NOW": NOW}
        self.truth = {}

    def anew(self, case):
        """Creates an empty home, no matter what the previous case left behind."""
        self.case = case
        for disk in (self.small, self.few, self.thawed):
            empty(disk)
        self.place()
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
        path.write_bytes(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)
        if mode is not None:
            path.chmod(mode)
        if age is not None:
            self.age(path, age)
        return path

    def age(self, path, seconds):
        """Sets the modification time of a path to the given time before NOW."""
        os.utime(self.home / path, (NOW_SECONDS - seconds,) * 2, follow_symlinks=False)

    def give(self, user, root=None):
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
        made = self.own / "devices" / of / name
        os.chown(made, 0, 0)
        os.chmod(made, 0o666)
        os.link(made, path)
        return path

    def snapshot(self, name, make):
        """Puts the home into the state that `make` creates. The state is created only once per worker."""
        if name not in self.snapshots:
            make(self)
            self.snapshots[name] = (Snapshot.of(self.root), dict(self.truth))
        else:
            snapshot, truth = self.snapshots[name]
            snapshot.restore(self.root)
            self.truth = dict(truth)
        return self

    # --- the program -----------------------------------------------------------------------------

    def run(self, *arguments, stdin=b"", environment=None, cwd=None, user=None, umask=None, limits=(), ignore_xfsz=False,
            closed=(), fault=None, count=False, patience=None, stdout=subprocess.PIPE, program=None, preload=None, pause=None):
        """Runs the program without checking the result."""
        verb = os.fsdecode(arguments[0]) if arguments else ""
        patience = patience or (HOST_PATIENCE if verb in HOST_VERBS else PERSON_PATIENCE)
        variables = {**self.variables, **(environment or {})}
        variables = {key: value for key, value in variables.items() if value is not None}
        if preload:
            variables["LD_PRELOAD"] = str(preload)
        report_in, report_out = os.pipe()
        passed = [report_out]
        command = [str(self.tools.launch), "-r", str(report_out), "-T", str(patience), "-C", str(cwd or self.default_directory())]
        if user is not None:
            command += ["-u", str(user)]
        if umask is not None:
            command += ["-m", f"{umask:o}"]
        for limit in limits:
            command += ["-l", limit]
        if ignore_xfsz:
            command.append("-x")
        for number in closed:
            command += ["-c", str(number)]
        list_path = self.own / "calls"
        list_file = None
        if count:
            list_file = os.open(list_path, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
            passed.append(list_file)
            command += ["-L", str(list_file)]
        if fault:
            command += fault.options()
        interlude = None
        if pause:
            nth, action = pause
            interlude = Interlude(action)
            command += ["-i", str(nth), "-p", f"{interlude.resume_in},{interlude.pause_out}"]
            passed += [interlude.resume_in, interlude.pause_out]
        command += ["--", str(program or self.tools.program), *arguments]
        feeder = Feeder(stdin)
        try:
            child = subprocess.Popen(command, stdin=feeder.end, stdout=stdout, stderr=subprocess.PIPE, env=variables,
                pass_fds=passed)
        finally:
            os.close(report_out)
            feeder.started()
        if interlude:
            interlude.begin()
        out, err = child.communicate()
        feeder.stop()
        if interlude:
            interlude.end()
        report = os.read(report_in, 4096).decode()
        os.close(report_in)
        listed = []
        if list_file is not None:
            listed = [tuple(map(int, line.split())) for line in os.pread(list_file, 1 << 24, 0).decode().splitlines()]
            os.close(list_file)
        if not report:
            raise RuntimeError(f"the launcher failed: {err!r}")
        found = dict(part.split("=") for part in report.split())
        return Run(verb, out or b"", err, int(found["exit"]), int(found["signal"]), found["late"] == "1", float(found["wall"]),
                   float(found["cpu"]), int(found["calls"]), int(found["acted"]), int(found["number"]), int(found["argument"]),
                   found["counting"] == "1", found["output"] == "1", found["errors"] == "1", listed)

    def default_directory(self):
        return self.project if self.project.is_dir() else self.root

    # --- the contract ----------------------------------------------------------------------------

    def statusline(self, payload=b"{}", foreign=False, **how):
        """Runs the status line and checks its contract. With `foreign`, another program's line appears unchanged above
        whycap's."""
        return self.checked_host(self.run("statusline", stdin=payload_bytes(payload), **how), foreign=foreign)

    def hook(self, event=b"{}", **how):
        """Runs a hook and checks its contract."""
        return self.checked_host(self.run("hook", stdin=payload_bytes(event), **how))

    def verb(self, *arguments, exits=(0, 1, 2), **how):
        """Runs another command and checks its contract."""
        run = self.run(*arguments, **how)
        if run.verb in HOST_VERBS:
            return self.checked_host(run)
        return self.checked_person(run, exits)

    def checked_host(self, run, printed=True, foreign=False):
        self.no_crash(run, HOST_PATIENCE)
        if run.exit != 0:
            raise Broken(f"{run.verb} ended with {run.exit}; stderr {run.err[:160]!r}")
        if run.err:
            raise Broken(f"{run.verb} wrote to standard error: {run.err[:160]!r}")
        if run.wall > HOST_SECONDS:
            raise Broken(f"{run.verb} took {run.wall:.1f} s ({run.cpu:.2f} s of them working)", slow=True)
        if run.verb == "statusline":
            if printed and not run.failed_output and not run.text.strip():
                raise Broken(f"statusline printed no line but {run.out[:80]!r}")
            if not foreign:
                clean(run, "status line")
        elif run.out and not run.failed_output:
            if not isinstance(run.json(), dict):
                raise Broken(f"hook printed something else than an object: {run.out[:160]!r}")
            clean(run, "JSON")
            clean_reply(run.json())
        return run

    def checked_person(self, run, exits=(0, 1, 2)):
        self.no_crash(run, PERSON_PATIENCE)
        if run.wall > PERSON_SECONDS:
            raise Broken(f"{run.verb} took {run.wall:.1f} s", slow=True)
        if run.exit not in exits:
            raise Broken(f"{run.verb} ended with {run.exit}; stderr {run.err[:160]!r}")
        # `doctor`, clearing, and restoring report problems on standard output and exit with 1.
        is_reported = run.exit == 1 and run.out and not run.err
        if run.exit in (1, 2) and not is_reported and not run.failed_errors:
            self.said.append((run.exit, run.complaint))
        if text.is_json_object(run.out):
            clean(run, "JSON")
        else:
            clean(run, "page")
        for line in run.complaint.split("\n"):
            if foul := text.foul(line):
                raise Broken(f"{run.verb} printed {foul} to standard error: {line[:160]!r}")
        return run

    def no_crash(self, run, patience):
        if run.late:
            raise Broken(f"{run.verb} did not end in {patience:.0f} s", hang=True)
        if run.signal:
            raise Broken(f"{run.verb} was ended by signal {run.signal}; stderr {run.err[:160]!r}")
        if any(word in run.err or word in run.out for word in PANIC):
            raise Broken(f"{run.verb} panicked: {(run.err or run.out)[:200]!r}")

    # --- what must be true afterwards --------------------------------------------------------------

    def holds(self, holds, trouble):
        if not holds:
            raise Broken(trouble)

    def responses(self):
        return sum(self.truth.values())

    def exact(self, responses=None, **how):
        """Checks that `spend` counts each response once and succeeds."""
        run = self.verb("spend", "--json", exits=(0,), **how)
        self.exact_report(run.json(), responses)
        return run

    def exact_report(self, report, responses=None):
        wanted = self.responses() if responses is None else responses
        total = report["total"]
        if total["responses"] != wanted or abs(total["cost_usd"] - wanted * text.RESPONSE_USD) > 1e-9:
            raise Broken(f"spend counts {total['responses']} responses and ${total['cost_usd']}, true are {wanted} and "
                         f"${wanted * text.RESPONSE_USD:.2f}")
        self.sound_remarks = text.remarks(report)

    def exact_or_said(self, run):
        """Checks that a report whose total is wrong because of a fault says so, by containing text that a correct
        report does not contain."""
        if run.exit != 0:
            return
        report = run.json()
        total = report["total"]
        if total["responses"] == self.responses() and abs(total["cost_usd"] - self.responses() * text.RESPONSE_USD) < 1e-9:
            return
        if text.remarks(report) == self.sound_remarks:
            raise Broken(f"spend counts {total['responses']} of {self.responses()} responses, says nothing about it, and ends with 0")

    def exact_or_refused(self, *arguments, **how):
        """Checks that the report contains the exact total, or that the command fails with a one-line error."""
        run = self.verb(*arguments, exits=(0, 1), **how)
        self.exact_or_said(run)
        return run

    def litter(self):
        """Returns the temporary files and incomplete directories that are left below the home."""
        found = []
        for directory, directories, files in os.walk(self.home):
            for name in files:
                if name.startswith(".whycap-") or name.endswith(".tmp") or ".whycap.new" in name:
                    found.append(os.path.join(directory, name))
            if os.path.basename(directory) == "quarantine" and directory.startswith(str(self.data)):
                for name in directories:
                    if set(os.listdir(os.path.join(directory, name))) <= {"manifest.json"}:
                        found.append(os.path.join(directory, name))
        return [Path(path).relative_to(self.home) for path in found]


def payload_bytes(payload):
    return json.dumps(payload).encode() if isinstance(payload, (dict, list)) else payload


def clean(run, kind):
    """Checks that nothing in the output moves the cursor, hides text, or reverses it."""
    try:
        shown = run.out.decode()
    except UnicodeDecodeError as error:
        raise Broken(f"{run.verb} printed bytes that are no UTF-8: {run.out[max(0, error.start - 20):error.start + 20]!r}") from error
    if foul := text.foul(shown, colours=kind == "status line"):
        raise Broken(f"{run.verb} printed {foul} raw: {text.around(shown, foul)!r}")


def clean_reply(reply):
    """Checks the strings in a reply, which the client shows on the terminal."""
    for key, value in text.strings_of(reply):
        if key.endswith("terminalSequence"):
            bare = value.removeprefix("\x1b]9;").rstrip("\a")
            if foul := text.foul(bare):
                raise Broken(f"the hook's {key} carries {foul}: {value!r}")
        elif foul := text.foul(value):
            raise Broken(f"the hook's {key} carries {foul}: {text.around(value, foul)!r}")


class Feeder:
    """Feeds the program's standard input."""

    def __init__(self, source):
        self.thread = self.writer = None
        self.stopping = threading.Event()
        if isinstance(source, int):
            self.end = source
        elif isinstance(source, bytes) and not source:
            self.end = subprocess.DEVNULL
        else:
            self.end, self.writer = os.pipe()
            never = isinstance(source, NeverClosed)
            self.thread = threading.Thread(target=self.feed,
                args=(source.data if never else source, never, getattr(source, "pause", 0)), daemon=True)

    def started(self):
        if self.thread:
            os.close(self.end)
            self.thread.start()

    def feed(self, data, never_close, pause):
        try:
            pieces = (data[index:index + 1] for index in range(len(data))) if pause else [data]
            for piece in pieces:
                view = memoryview(piece)
                while view and not self.stopping.is_set():
                    view = view[os.write(self.writer, view):]
                if pause and self.stopping.wait(pause):
                    break
            if never_close:
                self.stopping.wait()
        except BrokenPipeError:
            pass
        finally:
            os.close(self.writer)

    def stop(self):
        self.stopping.set()
        if self.thread:
            self.thread.join()


class Interlude:
    """Runs an action while the program is stopped before one of its system calls."""

    def __init__(self, action):
        self.action = action
        self.resume_in, self.resume_out = os.pipe()
        self.pause_in, self.pause_out = os.pipe()
        self.happened = False
        self.trouble = None
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def begin(self):
        os.close(self.resume_in)
        os.close(self.pause_out)
        self.thread.start()

    def watch(self):
        while os.read(self.pause_in, 1):
            try:
                self.happened = True
                self.action()
            except Exception as error:  # reported by end(), in the thread that waits
                self.trouble = error
            os.write(self.resume_out, b"r")

    def end(self):
        self.thread.join()
        os.close(self.resume_out)
        os.close(self.pause_in)
        if self.trouble:
            raise self.trouble


class Snapshot:
    """A directory tree in memory, with modes and modification times."""

    def __init__(self, entries):
        self.entries = entries

    @classmethod
    def of(cls, root):
        entries = []
        for directory, directories, files in os.walk(root):
            for name in ["", *files, *[name for name in directories if os.path.islink(os.path.join(directory, name))]]:
                path = os.path.join(directory, name) if name else directory
                found = os.lstat(path)
                if stat.S_ISLNK(found.st_mode):
                    content = os.readlink(path)
                elif stat.S_ISDIR(found.st_mode):
                    content = None
                else:
                    content = Path(path).read_bytes()
                entries.append((os.path.relpath(path, root), found.st_mode, content, found.st_mtime_ns))
        return cls(entries)

    def restore(self, root):
        remove(root)
        self.restore_into(root)

    def restore_into(self, root):
        for relative, mode, content, _ in self.entries:
            path = os.path.join(root, relative)
            if content is None:
                os.makedirs(path, exist_ok=True)
            elif isinstance(content, str):
                os.symlink(content, path)
            else:
                with open(path, "wb") as file:
                    file.write(content)
            if not stat.S_ISLNK(mode):
                os.chmod(path, stat.S_IMODE(mode))
        for relative, mode, _, modified in reversed(self.entries):
            os.utime(os.path.join(root, relative), ns=(modified, modified), follow_symlinks=False)


def look(path):
    """Returns everything about a path that can be observed without following links. If the path counts as untouched,
    all of this must stay the same."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    kind = stat.S_IFMT(found.st_mode)
    content = None
    if stat.S_ISREG(found.st_mode):
        content = Path(path).read_bytes()
    elif stat.S_ISLNK(found.st_mode):
        content = os.readlink(path)
    elif stat.S_ISDIR(found.st_mode):
        content = tuple((name, look(os.path.join(path, name))) for name in sorted(os.listdir(path)))
    return kind, stat.S_IMODE(found.st_mode), found.st_uid, found.st_ino, content


def kind_of(path):
    try:
        return stat.S_IFMT(os.lstat(path).st_mode)
    except FileNotFoundError:
        return None


def remove(path):
    """Removes a tree, regardless of its contents and their modes."""
    shutil.rmtree(path, onerror=lambda *_: None)
    if os.path.lexists(path):
        os.unlink(path)


def empty(directory):
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def wait_for_all(runs):
    """Runs functions at the same time and returns their results. The first exception is raised afterward."""
    results, troubles = [None] * len(runs), []

    def call(index, function):
        try:
            results[index] = function()
        except Exception as error:
            troubles.append(error)
    threads = [threading.Thread(target=call, args=pair) for pair in enumerate(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]
    return results


def moments():
    """Yields unique numbers for use in names."""
    return itertools.count(time.monotonic_ns())
