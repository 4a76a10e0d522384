"""Runs a program through tools/launch.c, which limits it, interferes with its system calls, and reports what happened."""

import json
import os
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

MAX_REPORT = 4096
MAX_CALL_LIST = 1 << 24


class BrokenPromise(Exception):
    """A broken promise. `slow` means that the run took too long, and `hang` that it never ended."""

    def __init__(self, problem, slow=False, hang=False):
        super().__init__(problem)
        self.slow = slow or hang
        self.hang = hang


@dataclass
class Tools:
    """The programs that the suite needs, in the scratch directory."""

    program: Path
    launch: Path
    clock: Path
    repository: Path


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
        if self.kill:
            options.append("-k")
        else:
            options += ["-e", str(self.error)]
        return options


@dataclass
class NeverClosed:
    """Standard input that provides these bytes and then stays open. With `pause`, they arrive one by one."""

    data: bytes = b""
    pause: float = 0.0


@dataclass
class Launch:
    """How a program is run. With `list_calls`, the system calls are listed. `pause` is the number of a system call, and
    an action that runs while the program is stopped before this call."""

    program: Path
    arguments: tuple
    directory: Path
    variables: dict
    timeout: float
    stdin: object = b""
    stdout: object = subprocess.PIPE
    user: int = None
    umask: int = None
    limits: tuple = ()
    ignore_xfsz: bool = False
    closed_descriptors: tuple = ()
    fault: Fault = None
    list_calls: bool = False
    pause: tuple = None

    def options(self):
        """Returns the launcher's options, except those that name descriptors."""
        options = ["-T", str(self.timeout), "-C", str(self.directory)]
        if self.user is not None:
            options += ["-u", str(self.user)]
        if self.umask is not None:
            options += ["-m", f"{self.umask:o}"]
        for limit in self.limits:
            options += ["-l", limit]
        if self.ignore_xfsz:
            options.append("-x")
        for descriptor in self.closed_descriptors:
            options += ["-c", str(descriptor)]
        if self.fault:
            options += self.fault.options()
        return options

    def run(self, launcher, list_path):
        """Runs the program and returns the result. `launcher` is the path of the launcher, and `list_path` is the
        file for the list of system calls."""
        report_reader, report_writer = os.pipe()
        inherited = [report_writer]
        options = ["-r", str(report_writer), *self.options()]
        call_list = None
        if self.list_calls:
            call_list = os.open(list_path, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
            inherited.append(call_list)
            options += ["-L", str(call_list)]
        interruption = None
        if self.pause:
            number, action = self.pause
            interruption = Interruption(action)
            inherited += interruption.descriptors()
            options += ["-i", str(number), "-p", ",".join(map(str, interruption.descriptors()))]

        feeder = Feeder(self.stdin)
        try:
            process = subprocess.Popen(
                [str(launcher), *options, "--", str(self.program), *self.arguments],
                stdin=feeder.descriptor,
                stdout=self.stdout,
                stderr=subprocess.PIPE,
                env=self.variables,
                pass_fds=inherited,
            )
        finally:
            os.close(report_writer)
            feeder.start()
        if interruption:
            interruption.start()
        stdout, stderr = process.communicate()
        feeder.stop()
        if interruption:
            interruption.finish()

        report = os.read(report_reader, MAX_REPORT).decode()
        os.close(report_reader)
        system_calls = []
        if call_list is not None:
            lines = os.pread(call_list, MAX_CALL_LIST, 0).decode().splitlines()
            system_calls = [tuple(map(int, line.split())) for line in lines]
            os.close(call_list)
        if not report:
            raise RuntimeError(f"the launcher failed: {stderr!r}")
        fields = dict(part.split("=") for part in report.split())
        command = os.fsdecode(self.arguments[0]) if self.arguments else ""
        return Run(command, stdout or b"", stderr, fields, system_calls)


class Run:
    """The result of one run. `system_calls` contains the number and the arguments of each call, if they were listed."""

    def __init__(self, command, stdout, stderr, report, system_calls):
        self.command = command
        self.stdout = stdout
        self.stderr = stderr
        self.system_calls = system_calls
        self.exit_code = int(report["exit"])
        self.signal = int(report["signal"])
        self.timed_out = report["late"] == "1"
        self.seconds = float(report["wall"])
        self.cpu_seconds = float(report["cpu"])
        self.call_count = int(report["calls"])
        # Whether the launcher has interfered with a call or stopped the program before it.
        self.has_acted = int(report["acted"]) > 0
        self.found_main = report["counting"] == "1"
        self.failed_output = report["output"] == "1"
        self.failed_errors = report["errors"] == "1"

    @property
    def text(self):
        return self.stdout.decode(errors="replace")

    @property
    def error_text(self):
        return self.stderr.decode(errors="replace")

    def json(self):
        try:
            return json.loads(self.stdout.decode())
        except (ValueError, UnicodeDecodeError) as error:
            raise BrokenPromise(f"standard output is not JSON ({error}): {self.stdout[:200]!r}") from error


class Feeder:
    """Feeds the program's standard input from bytes, a descriptor, or `NeverClosed`."""

    def __init__(self, source):
        self.thread = None
        self.writer = None
        self.stopping = threading.Event()
        if isinstance(source, int):
            self.descriptor = source
        elif source == b"":
            self.descriptor = subprocess.DEVNULL
        else:
            self.descriptor, self.writer = os.pipe()
            self.thread = threading.Thread(target=self.feed, args=(source,), daemon=True)

    def start(self):
        """Starts to write. The program must have been started."""
        if self.thread:
            os.close(self.descriptor)
            self.thread.start()

    def feed(self, source):
        try:
            if isinstance(source, NeverClosed):
                self.write(source.data, source.pause)
                self.stopping.wait()
            else:
                self.write(source)
        except BrokenPipeError:
            pass
        finally:
            os.close(self.writer)

    def write(self, data, pause=0):
        if not pause:
            self.write_all(data)
            return
        for index in range(len(data)):
            self.write_all(data[index : index + 1])
            if self.stopping.wait(pause):
                return

    def write_all(self, data):
        unwritten = memoryview(data)
        while unwritten and not self.stopping.is_set():
            written = os.write(self.writer, unwritten)
            unwritten = unwritten[written:]

    def stop(self):
        self.stopping.set()
        if self.thread:
            self.thread.join()


class Interruption:
    """Runs an action while the program is stopped before one of its system calls."""

    def __init__(self, action):
        self.action = action
        self.resume_reader, self.resume_writer = os.pipe()
        self.pause_reader, self.pause_writer = os.pipe()
        self.error = None
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def descriptors(self):
        """Returns the descriptors that the launcher inherits."""
        return [self.resume_reader, self.pause_writer]

    def start(self):
        for descriptor in self.descriptors():
            os.close(descriptor)
        self.thread.start()

    def watch(self):
        while os.read(self.pause_reader, 1):
            try:
                self.action()
            except Exception as error:  # raised by finish(), in the thread that waits
                self.error = error
            os.write(self.resume_writer, b"r")

    def finish(self):
        self.thread.join()
        os.close(self.resume_writer)
        os.close(self.pause_reader)
        if self.error:
            raise self.error


def run_at_once(functions):
    """Runs functions at the same time and returns their results. The first exception is raised afterward."""
    results = [None] * len(functions)
    errors = []

    def call(index, function):
        try:
            results[index] = function()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=pair) for pair in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results
