"""`now --watch`, and everything that terminates it, suspends it, or takes away its terminal."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import world
from suite import attack

SECOND = 1.0
PRINTED_TEXT = b"Press q to quit"


class Terminal:
    """A separate terminal in which `now --watch` runs."""

    def __init__(self, machine):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [machine.tools.program, "now", "--watch"],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env={**machine.variables, "TERM": "xterm"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def shown(self, until=None, seconds=4 * SECOND):
        """Returns the output up to these bytes, or the output so far if the time is up."""
        text, end = b"", time.monotonic() + seconds
        while time.monotonic() < end and (until is None or until not in text):
            if select.select([self.master], [], [], 0.05)[0]:
                text += os.read(self.master, 65536)
        return text

    def is_taken(self):
        return termios.tcgetattr(self.slave) != self.before

    def state(self):
        return self.stat()[0]

    def ticks(self):
        """Returns the processor time that the process has used, in hundredths of a second."""
        return sum(map(int, self.stat()[11:13]))

    def stat(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()

    def ends(self):
        try:
            return self.process.wait(SECOND) is not None
        except subprocess.TimeoutExpired:
            return False

    def close(self):
        self.process.kill()
        self.process.wait()
        for end in (self.master, self.slave):
            try:
                os.close(end)
            except OSError:
                pass


def watching(machine):
    world.fresh(machine)
    terminal = Terminal(machine)
    machine.check(PRINTED_TEXT in terminal.shown(PRINTED_TEXT, 10 * SECOND), "nothing is printed")
    machine.check(terminal.is_taken(), "the terminal was not taken, so nothing is tried")
    return terminal


ENDING = ("HUP", "INT", "QUIT", "TERM", "ABRT", "ALRM", "USR1", "USR2", "VTALRM", "PROF", "XCPU", "TRAP", "SYS", "BUS")


@attack("watching", "SIG{name} ends `now --watch` within a second, and the terminal is as before", over=ENDING)
def signalled(machine, name):
    terminal = watching(machine)
    try:
        terminal.process.send_signal(getattr(signal, "SIG" + name))
        machine.check(terminal.ends(), "it goes on")
        left = terminal.shown(seconds=0.2)
        machine.check(not terminal.is_taken(), "the terminal does not echo")
        machine.check(b"\x1b[?1049l" in left and b"\x1b[?25h" in left, "the other screen or the hidden cursor stays")
    finally:
        terminal.close()


@attack("watching", "a terminal that is closed ends `now --watch` within a second")
def closed(machine):
    terminal = watching(machine)
    try:
        os.close(terminal.slave)
        os.close(terminal.master)
        machine.check(terminal.ends(), "it goes on")
    finally:
        terminal.close()


@attack(
    "watching",
    "SIG{name} ends `now --watch` within a second although nobody reads its output",
    over=("TERM", "HUP", "INT"),
)
def unread(machine, name):
    terminal = watching(machine)
    try:
        for columns in range(60, 260):
            fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
            time.sleep(0.005)
        terminal.process.send_signal(getattr(signal, "SIG" + name))
        machine.check(terminal.ends(), "it goes on")
    finally:
        terminal.close()


@attack(
    "watching",
    "`now --watch` that is stopped by {how} restores the terminal, and prints everything again when it continues",
    over=("a signal", "a key"),
)
def stopped(machine, how):
    terminal = watching(machine)
    try:
        for _ in range(3):
            if how == "a signal":
                terminal.process.send_signal(signal.SIGTSTP)
            else:
                os.write(terminal.master, b"\x1a")
            left = terminal.shown(b"\x1b[?1049l")
            time.sleep(0.1)
            machine.check(terminal.state() == "T", f"it is in state {terminal.state()}, not stopped")
            machine.check(not terminal.is_taken() and b"\x1b[?25h" in left, "the terminal is not given back")
            terminal.process.send_signal(signal.SIGCONT)
            machine.check(PRINTED_TEXT in terminal.shown(PRINTED_TEXT), "nothing is printed when it continues")
            machine.check(terminal.is_taken(), "the terminal is not taken again")
        os.write(terminal.master, b"q")
        machine.check(terminal.ends() and terminal.process.returncode == 0, "q does not end it")
    finally:
        terminal.close()


@attack("watching", "`now --watch` works for less than a hundredth of its time")
def idle(machine):
    terminal = watching(machine)
    try:
        before = terminal.ticks()
        terminal.shown(seconds=10 * SECOND)
        worked = terminal.ticks() - before
        machine.check(worked < 10, f"it worked for {worked / 100:.2f} s of 10 s")
    finally:
        terminal.close()
