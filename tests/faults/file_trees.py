"""Directory trees: snapshots, comparison, and removal."""

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Entry:
    """A file, directory, or symbolic link. `content` is None for a directory and the target for a link."""

    path: str
    mode: int
    content: object
    modified: int


class Snapshot:
    """A directory tree in memory, with modes and modification times."""

    def __init__(self, entries):
        self.entries = entries

    @classmethod
    def of(cls, root):
        entries = []
        for directory, directories, files in os.walk(root):
            entries.append(entry_of(directory, root))
            links = [name for name in directories if os.path.islink(os.path.join(directory, name))]
            entries += [entry_of(os.path.join(directory, name), root) for name in files + links]
        return cls(entries)

    def restore(self, root):
        remove(root)
        self.restore_into(root)

    def restore_into(self, root):
        for entry in self.entries:
            path = os.path.join(root, entry.path)
            if entry.content is None:
                os.makedirs(path, exist_ok=True)
            elif isinstance(entry.content, str):
                os.symlink(entry.content, path)
            else:
                Path(path).write_bytes(entry.content)
            if not stat.S_ISLNK(entry.mode):
                os.chmod(path, stat.S_IMODE(entry.mode))
        # Writing into a directory changes its modification time, so the directories come last.
        for entry in reversed(self.entries):
            times = (entry.modified, entry.modified)
            os.utime(os.path.join(root, entry.path), ns=times, follow_symlinks=False)


def entry_of(path, root):
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISDIR(status.st_mode):
        content = None
    else:
        content = Path(path).read_bytes()
    return Entry(os.path.relpath(path, root), status.st_mode, content, status.st_mtime_ns)


def observable_state(path):
    """Returns everything about a path that can be observed without following links, or None if there is no such path.
    If the path counts as untouched, all of this must stay the same."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    kind = stat.S_IFMT(status.st_mode)
    content = None
    if stat.S_ISREG(status.st_mode):
        content = Path(path).read_bytes()
    elif stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISDIR(status.st_mode):
        names = sorted(os.listdir(path))
        content = tuple((name, observable_state(os.path.join(path, name))) for name in names)
    return kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_ino, content


def file_type(path):
    """Returns the type bits of a path's mode, or None if there is no such path."""
    try:
        return stat.S_IFMT(os.lstat(path).st_mode)
    except FileNotFoundError:
        return None


def remove(path):
    """Removes a tree, regardless of its contents and their modes."""
    shutil.rmtree(path, ignore_errors=True)
    if os.path.lexists(path):
        os.unlink(path)


def empty_directory(directory):
    """Removes everything in a directory."""
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
