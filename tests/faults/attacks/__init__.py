"""The attacks, one file an area, in the order in which they run."""
from attacks import stdin, arguments, environment, links, permissions, disks, kills, races, crowds, ledgers, clocks, poison, gaps, escapes, secrets, installing, failing  # noqa: F401
