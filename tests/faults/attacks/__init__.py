"""The attacks, one file an area, in the order in which they run."""
from attacks import stdin, arguments, environment, links, permissions, disks, failing  # noqa: F401
