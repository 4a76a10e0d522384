"""What was checked, in plain lines."""
import contextlib
import time


class Report:
    """The checks of one journey. A check that fails is noted with what it saw, and the journey goes on."""

    def __init__(self, journey):
        self.journey = journey
        self.passed = 0
        self.failed = 0
        self.lines = []

    @contextlib.contextmanager
    def check(self, what):
        """One check, named by the sentence that must hold. Anything raised inside makes it fail."""
        started = time.monotonic()
        try:
            yield
        except Exception as error:  # whatever went wrong, the other checks still tell something
            self.failed += 1
            self.lines.append(f"  FAILED {what}")
            self.lines.extend("         " + line for line in _told(error).splitlines())
        else:
            self.passed += 1
            self.lines.append(f"  ok     {what} ({time.monotonic() - started:.1f} s)")

    def note(self, text):
        """Something worth reading that is neither right nor wrong."""
        self.lines.append(f"         {text}")

    def text(self):
        return "\n".join([self.journey, *self.lines])


def _told(error):
    if isinstance(error, AssertionError) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}"


def expect(holds, seen):
    """Fails the check around it unless `holds`; `seen` is what there was instead."""
    if not holds:
        raise AssertionError(seen)
