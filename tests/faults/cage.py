"""The cage consists of mount, process, and network namespaces in which only a scratch directory can be written to.

Attacks replace devices with files, fill disks, and kill processes. Without a cage, one of them once replaced /dev/null
on the machine it ran on. All attacks therefore run in the cage or not at all:

- every mount is read-only except the scratch directory, which is a separate tmpfs;
- /dev is a private, read-only directory with its own null, zero, urandom, and terminals;
- /proc shows only the suite's processes, /run is empty, and there is no network;
- finally, the capabilities to mount file systems, create devices, and change the kernel are dropped permanently.

Before the first attack, `find_holes()` looks for ways out of the cage.
"""

import ctypes
import errno
import os
import signal
import socket
import stat
import sys
import traceback
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)

# <sched.h>, <sys/mount.h>, <sys/prctl.h>, <linux/capability.h>
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
NEW_NAMESPACES = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET
MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MOUNT_SETATTR = 442
AT_FDCWD = -100
AT_RECURSIVE = 0x8000
MOUNT_ATTR_RDONLY = 1
PR_SET_PDEATHSIG = 1
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
DROPPED_CAPABILITIES = {
    "CAP_LINUX_IMMUTABLE": 9,
    "CAP_NET_ADMIN": 12,
    "CAP_NET_RAW": 13,
    "CAP_SYS_MODULE": 16,
    "CAP_SYS_RAWIO": 17,
    "CAP_SYS_CHROOT": 18,
    "CAP_SYS_ADMIN": 21,
    "CAP_SYS_BOOT": 22,
    "CAP_SYS_TIME": 25,
    "CAP_MKNOD": 27,
    "CAP_MAC_OVERRIDE": 32,
    "CAP_MAC_ADMIN": 33,
    "CAP_SYSLOG": 34,
    "CAP_PERFMON": 38,
    "CAP_BPF": 39,
}
DEVICES = {"null": os.makedev(1, 3), "zero": os.makedev(1, 5), "urandom": os.makedev(1, 9)}

# The existing directories that the scratch directory may be mounted over, in order of preference.
MOUNT_POINTS = ("/srv", "/mnt", "/media", "/opt", "/tmp")
SCRATCH_SIZE = "6g"
SMALL_DISK = 1 << 20
SMALL_DISK_FILES = 64


class Unavailable(Exception):
    """Raised if the system does not allow a cage. The message gives the reason."""


def call(function, *arguments):
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__}: {os.strerror(number)}")


def mount(source, target, kind, flags, data=""):
    call(LIBC.mount, source.encode(), str(target).encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())


def scratch_mount_point(needed):
    """Returns an existing directory that does not contain anything that the suite needs later."""
    needed_paths = [Path(path).resolve() for path in needed]
    for directory in map(Path, MOUNT_POINTS):
        is_needed = any(path.is_relative_to(directory) for path in needed_paths)
        if directory.is_dir() and not directory.is_symlink() and not is_needed:
            return directory
    raise Unavailable(f"none of {', '.join(MOUNT_POINTS)} can be used for a scratch directory")


def run_inside(function, needed, workers):
    """Runs `function(scratch)` in the cage, in a child process, and returns its exit code. Raises Unavailable without
    running anything if no cage is possible. `needed` contains the paths that must stay visible."""
    if os.uname().sysname != "Linux":
        raise Unavailable("there are no mount namespaces on this system")
    if os.geteuid() != 0:
        raise Unavailable(
            "only root may make a mount namespace with devices and other users in it (sudo tests/faults/run.py)"
        )
    scratch = scratch_mount_point(needed)
    try:
        call(LIBC.unshare, NEW_NAMESPACES)
    except OSError as error:
        raise Unavailable(f"the system does not allow namespaces ({error.strerror})") from error
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        run_in_child(function, scratch, workers, writer)
    os.close(writer)
    problem = os.read(reader, 4096).decode()
    os.close(reader)
    try:
        _, status = os.waitpid(child, 0)
    except KeyboardInterrupt:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return 130
    if problem:
        raise Unavailable(f"the namespace could not be set up ({problem})")
    return os.waitstatus_to_exitcode(status)


def run_in_child(function, scratch, workers, error_writer):
    """Builds the cage and runs the function. Exits with the function's result, and writes an error to the pipe if the
    cage cannot be built."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    try:
        build(scratch, workers)
    except OSError as error:
        os.write(error_writer, str(error).encode())
        os._exit(1)
    os.close(error_writer)
    exit_code = 1
    try:
        exit_code = function(scratch)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)


def build(scratch, workers):
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    make_everything_read_only()
    mount("scratch", scratch, "tmpfs", MS_NOSUID, f"size={SCRATCH_SIZE},mode=755")
    for worker in range(workers):
        create_worker_directory(scratch / f"w{worker}")
    mount("dev", "/dev", "tmpfs", MS_NOSUID, "size=64k,mode=755")
    for name, number in DEVICES.items():
        make_device(Path("/dev") / name, number)
    os.symlink("/proc/self/fd", "/dev/fd")
    # The cage has its own terminals, through which no other terminal can be reached.
    (Path("/dev") / "pts").mkdir()
    os.symlink("pts/ptmx", "/dev/ptmx")
    mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    mount("dev", "/dev", "tmpfs", MS_REMOUNT | MS_RDONLY | MS_NOSUID, "size=64k,mode=755")
    mount("proc", "/proc", "proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    if Path("/run").is_dir():
        mount("run", "/run", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "size=4k")
    os.chdir(scratch)
    os.environ["TMPDIR"] = str(scratch)
    drop_capabilities()


def make_everything_read_only():
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY, 0, 0, 0)
    call(
        LIBC.syscall,
        ctypes.c_long(MOUNT_SETATTR),
        ctypes.c_int(AT_FDCWD),
        b"/",
        ctypes.c_uint(AT_RECURSIVE),
        attributes,
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )


def create_worker_directory(directory):
    """Creates a worker's directory. Besides homes, it contains a disk that fills up quickly, a disk that is read-only
    through one of its mounts, and devices for attacks to link to, because no devices can be created later."""
    directory.mkdir()
    for set_of_devices in ("in", "out"):
        (directory / "devices" / set_of_devices).mkdir(parents=True)
        for name, number in DEVICES.items():
            make_device(directory / "devices" / set_of_devices / name, number)
    for name in ("small", "few", "thawed", "frozen"):
        (directory / name).mkdir()
    mount("small", directory / "small", "tmpfs", MS_NOSUID, f"size={SMALL_DISK},mode=755")
    mount("few", directory / "few", "tmpfs", MS_NOSUID, f"size={SMALL_DISK},nr_inodes={SMALL_DISK_FILES},mode=755")
    mount(str(directory / "thawed"), directory / "frozen", "", MS_BIND)
    mount("none", directory / "frozen", "", MS_REMOUNT | MS_BIND | MS_RDONLY)


def make_device(path, number):
    os.mknod(path, stat.S_IFCHR | 0o666, number)
    os.chmod(path, 0o666)


def drop_capabilities():
    for number in DROPPED_CAPABILITIES.values():
        if LIBC.prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1:
            call(LIBC.prctl, PR_CAPBSET_DROP, number, 0, 0, 0)
    LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    call(LIBC.capget, header, sets)
    for number in DROPPED_CAPABILITIES.values():
        word = number // 32 * 3
        for index in range(word, word + 3):
            sets[index] &= ~(1 << number % 32)
    call(LIBC.capset, header, sets)


def mounts():
    """Yields the mount point of every mount, and whether the mount is read-only."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        yield fields[4].encode().decode("unicode_escape"), "ro" in fields[5].split(",")


# The errors with which the cage refuses an operation.
REFUSALS = (errno.EROFS, errno.EPERM, errno.EACCES, errno.ENOENT, errno.ENETUNREACH, errno.ENOTDIR)
# The directories in which no file can be created.
READ_ONLY_DIRECTORIES = (
    "/ /etc /usr /bin /dev /dev/shm /tmp /var/tmp /var/lib /run /root /home /sys/kernel /proc/self /proc/sys/kernel /boot"
).split()
DEVICE_ENTRIES = ["fd", "null", "ptmx", "pts", "urandom", "zero"]
# An address that is reserved for documentation.
UNREACHABLE_ADDRESS = ("192.0.2.1", 9)


class HoleFinder:
    """Attempts to leave the cage. `attempts` counts the attempts, and `holes` contains a sentence for each one that
    succeeded."""

    def __init__(self):
        self.attempts = 0
        self.holes = []

    def must_fail(self, hole, operation, undo=None):
        """Reports a hole if an operation succeeds. `undo` reverses the operation."""
        self.attempts += 1
        try:
            operation()
        except OSError as error:
            if error.errno not in REFUSALS:
                self.holes.append(f"{hole}: unexpected error, {error}")
        else:
            self.holes.append(hole)
            if undo:
                undo()

    def must_hold(self, hole, holds):
        """Reports a hole if a condition does not hold."""
        self.attempts += 1
        if not holds:
            self.holes.append(hole)

    def check_files(self, scratch, outside):
        for mount_point, read_only in mounts():
            is_inside = Path(mount_point).is_relative_to(scratch) or mount_point == "/dev/pts"
            self.must_hold(f"{mount_point} is mounted writable", read_only or is_inside)
        for directory in dict.fromkeys([*READ_ONLY_DIRECTORIES, *map(str, outside)]):
            if not Path(directory).resolve().is_relative_to(scratch):
                self.check_directory(Path(directory))

    def check_directory(self, directory):
        path = directory / ".whycap-cage-test"

        def create_file():
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))

        self.must_fail(f"a file can be created in {directory}", create_file, lambda: os.unlink(path))

    def check_kernel(self, scratch):
        device = scratch / "block"

        def open_setting():
            os.close(os.open("/proc/sys/kernel/hostname", os.O_WRONLY))

        def remount():
            mount("none", "/", "", MS_REMOUNT | MS_BIND)

        def create_device():
            make_device(device, os.makedev(254, 0))

        self.must_fail("a kernel setting can be opened for writing", open_setting)
        self.must_fail("something can be mounted", lambda: mount("none", scratch / "w0", "tmpfs", 0))
        self.must_fail("something can be mounted writable again", remount)
        self.must_fail("a device can be created", create_device, lambda: os.unlink(device))
        self.must_fail("another root can be entered", lambda: os.chroot(scratch))
        for name, number in DROPPED_CAPABILITIES.items():
            is_dropped = LIBC.prctl(PR_CAPBSET_READ, number, 0, 0, 0) != 1
            self.must_hold(f"{name} is still there", is_dropped)

    def check_surroundings(self):
        devices = sorted(os.listdir("/dev"))
        terminals = os.listdir("/dev/pts")
        has_own_devices = devices == DEVICE_ENTRIES and terminals == ["ptmx"]
        self.must_hold("/dev contains more than null, zero, urandom, and its own terminals", has_own_devices)
        self.must_hold("/dev is not read-only", os.statvfs("/dev").f_flag & os.ST_RDONLY)
        self.must_hold("processes from outside are visible", os.getpid() == 1)
        interfaces = [name for _, name in socket.if_nameindex()]
        self.must_hold("there is a network", interfaces == ["lo"])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outgoing:
            self.must_fail("a packet can leave", lambda: outgoing.connect(UNREACHABLE_ADDRESS))


def find_holes(scratch, outside):
    """Returns the number of attempts to leave the cage, and a sentence for each one that succeeded. `outside` contains
    the directories that must be out of reach. No attempt does any harm if it succeeds."""
    finder = HoleFinder()
    finder.check_files(scratch, outside)
    finder.check_kernel(scratch)
    finder.check_surroundings()
    return finder.attempts, finder.holes
