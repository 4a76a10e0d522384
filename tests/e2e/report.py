"""The results of checks, as plain lines."""

import contextlib
import time


class Report:
    """The checks of one journey. If a check fails, the report records what it saw, and the journey continues."""

    def __init__(self, journey):
        self.journey = journey
        self.passed = 0
        self.failed = 0
        self.lines = []

    @contextlib.contextmanager
    def check(self, what):
        """Runs a check, named by the statement that must be true. Any exception inside the block makes it fail."""
        started = time.monotonic()
        try:
            yield
        except Exception as error:  # the other checks still provide information
            self.failed += 1
            self.lines.append(f"  FAILED {what}")
            self.lines.extend("         " + line for line in _told(error).splitlines())
        else:
            self.passed += 1
            self.lines.append(f"  ok     {what} ({time.monotonic() - started:.1f} s)")

    def note(self, text):
        """Records information that is neither a success nor a failure."""
        self.lines.append(f"         {text}")

    def text(self):
        return "\n".join([self.journey, *self.lines])


def _told(error):
    if isinstance(error, AssertionError) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}"


def expect(holds, seen):
    """Fails the surrounding check unless `holds` is true. `seen` is the actual result."""
    if not holds:
        raise AssertionError(seen)
