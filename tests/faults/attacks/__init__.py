"""The attacks, one file per area, in the order in which they run."""

from attacks import stdin, arguments, environment  # noqa: F401
from attacks import links, permissions, disks  # noqa: F401
from attacks import kills, races, crowds, ledgers  # noqa: F401
from attacks import clocks, poison, gaps  # noqa: F401
from attacks import sizes  # noqa: F401
from attacks import escapes, secrets  # noqa: F401
from attacks import amounts, causes, outages  # noqa: F401
from attacks import installing  # noqa: F401
from attacks import failing  # noqa: F401  last, because a hang costs the most there
