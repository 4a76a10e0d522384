"""The cage consists of mount, process, and network namespaces in which only a scratch directory can be written to.

Attacks replace devices with files, fill disks, and kill processes. Without a cage, one of them once replaced /dev/null
on the machine it ran on. All attacks therefore run in the cage or not at all:

- every mount is read-only except the scratch directory, which is a separate tmpfs;
- /dev is a private, read-only directory with its own null, zero, urandom, and terminals;
- /proc shows only the suite's processes, /run is empty, and there is no network;
- finally, the capabilities to mount file systems, create devices, and change the kernel are given up permanently.

Before the first attack, `holes()` looks for ways out of the cage.
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
NEW_NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000  # mount, uts, ipc, pid, net
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
PR_SET_PDEATHSIG, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 23, 24, 38
GIVEN_UP = {"CAP_LINUX_IMMUTABLE": 9, "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_SYS_MODULE": 16, "CAP_SYS_RAWIO": 17,
            "CAP_SYS_CHROOT": 18, "CAP_SYS_ADMIN": 21, "CAP_SYS_BOOT": 22, "CAP_SYS_TIME": 25, "CAP_MKNOD": 27,
            "CAP_MAC_OVERRIDE": 32, "CAP_MAC_ADMIN": 33, "CAP_SYSLOG": 34, "CAP_PERFMON": 38, "CAP_BPF": 39}
DEVICES = {"null": os.makedev(1, 3), "zero": os.makedev(1, 5), "urandom": os.makedev(1, 9)}

# The existing directories that the scratch directory may be mounted over, in order of preference.
PLACES = ("/srv", "/mnt", "/media", "/opt", "/tmp")
SIZE = "6g"
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


def place_for_scratch(needed):
    """Returns an existing directory that does not contain anything that the suite needs later."""
    needed = [Path(path).resolve() for path in needed]
    for place in map(Path, PLACES):
        if place.is_dir() and not place.is_symlink() and not any(path.is_relative_to(place) for path in needed):
            return place
    raise Unavailable(f"none of {', '.join(PLACES)} can be used for a scratch directory")


def run_inside(function, needed, workers):
    """Runs `function(scratch)` in the cage, in a child process, and returns its exit code. Raises Unavailable without
    running anything if no cage is possible. `needed` contains the paths that must stay visible."""
    if os.uname().sysname != "Linux":
        raise Unavailable("there are no mount namespaces on this system")
    if os.geteuid() != 0:
        raise Unavailable("only root may make a mount namespace with devices and other users in it (sudo tests/faults/run.py)")
    scratch = place_for_scratch(needed)
    try:
        call(LIBC.unshare, NEW_NAMESPACES)
    except OSError as error:
        raise Unavailable(f"the system gives no namespaces ({error.strerror})") from error
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        try:
            build(scratch, workers)
        except OSError as error:
            os.write(writer, str(error).encode())
            os._exit(1)
        os.close(writer)
        code = 1
        try:
            code = function(scratch)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    os.close(writer)
    trouble = os.read(reader, 4096).decode()
    os.close(reader)
    try:
        _, status = os.waitpid(child, 0)
    except KeyboardInterrupt:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return 130
    if trouble:
        raise Unavailable(f"the namespace could not be furnished ({trouble})")
    return os.waitstatus_to_exitcode(status)


def build(scratch, workers):
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    everything_read_only()
    mount("scratch", scratch, "tmpfs", MS_NOSUID, f"size={SIZE},mode=755")
    for worker in range(workers):
        furnish(scratch / f"w{worker}")
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
    give_up_rights()


def everything_read_only():
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY, 0, 0, 0)
    call(LIBC.syscall, ctypes.c_long(MOUNT_SETATTR), ctypes.c_int(AT_FDCWD), b"/", ctypes.c_uint(AT_RECURSIVE),
         attributes, ctypes.c_size_t(ctypes.sizeof(attributes)))


def furnish(own):
    """Creates a worker's directory. Besides homes, it contains a disk that fills up quickly, a disk that is read-only
    through one of its mounts, and devices for attacks to link to, because no devices can be created later."""
    own.mkdir()
    for set_of_devices in ("in", "out"):
        (own / "devices" / set_of_devices).mkdir(parents=True)
        for name, number in DEVICES.items():
            make_device(own / "devices" / set_of_devices / name, number)
    for name in ("small", "few", "thawed", "frozen"):
        (own / name).mkdir()
    mount("small", own / "small", "tmpfs", MS_NOSUID, f"size={SMALL_DISK},mode=755")
    mount("few", own / "few", "tmpfs", MS_NOSUID, f"size={SMALL_DISK},nr_inodes={SMALL_DISK_FILES},mode=755")
    mount(str(own / "thawed"), own / "frozen", "", MS_BIND)
    mount("none", own / "frozen", "", MS_REMOUNT | MS_BIND | MS_RDONLY)


def make_device(path, number):
    os.mknod(path, stat.S_IFCHR | 0o666, number)
    os.chmod(path, 0o666)


def give_up_rights():
    for number in GIVEN_UP.values():
        if LIBC.prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1:
            call(LIBC.prctl, PR_CAPBSET_DROP, number, 0, 0, 0)
    LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    call(LIBC.capget, header, sets)
    for number in GIVEN_UP.values():
        word = number // 32 * 3
        for index in range(word, word + 3):
            sets[index] &= ~(1 << number % 32)
    call(LIBC.capset, header, sets)


def mounts():
    """Returns (mount point, is it read-only) for every mount."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        yield fields[4].encode().decode("unicode_escape"), "ro" in fields[5].split(",")


def holes(scratch, outside):
    """Returns a sentence for every way out of the cage that was found. `outside` contains the directories that must be
    out of reach. Each way out is tested so that it does no harm if it works."""
    tried = 0
    found = []

    def must_fail(sentence, attempt, undo=lambda: None):
        nonlocal tried
        tried += 1
        try:
            attempt()
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EPERM, errno.EACCES, errno.ENOENT, errno.ENETUNREACH, errno.ENOTDIR):
                found.append(f"{sentence}: unexpected refusal, {error}")
        else:
            found.append(sentence)
            undo()

    def must_hold(sentence, holds):
        nonlocal tried
        tried += 1
        if not holds:
            found.append(sentence)

    for point, read_only in mounts():
        inside = Path(point).is_relative_to(scratch) or point == "/dev/pts"
        must_hold(f"{point} is mounted writable", read_only or inside)
    directories = ["/", "/etc", "/usr", "/bin", "/dev", "/dev/shm", "/tmp", "/var/tmp", "/var/lib", "/run", "/root", "/home",
                   "/sys/kernel", "/proc/self", "/proc/sys/kernel", "/boot", *map(str, outside)]
    for directory in dict.fromkeys(directories):
        if Path(directory).resolve().is_relative_to(scratch):
            continue
        path = Path(directory) / ".whycap-cage-test"
        must_fail(f"a file can be made in {directory}", lambda: os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)),
                  lambda: os.unlink(path))
    must_fail("a kernel setting can be opened for writing", lambda: os.close(os.open("/proc/sys/kernel/hostname", os.O_WRONLY)))
    must_fail("something can be mounted", lambda: mount("none", scratch / "w0", "tmpfs", 0))
    must_fail("something can be mounted writable again", lambda: mount("none", "/", "", MS_REMOUNT | MS_BIND))
    must_fail("a device can be made", lambda: make_device(scratch / "block", os.makedev(254, 0)),
        lambda: os.unlink(scratch / "block"))
    must_fail("another root can be entered", lambda: os.chroot(scratch))
    must_hold("/dev holds more than null, zero, urandom and terminals of its own",
        sorted(os.listdir("/dev")) == ["fd", "null", "ptmx", "pts", "urandom", "zero"] and os.listdir("/dev/pts") == ["ptmx"])
    must_hold("/dev is not read-only", os.statvfs("/dev").f_flag & os.ST_RDONLY)
    must_hold("processes from outside can be seen", os.getpid() == 1)
    must_hold("there is a network", [name for _, name in socket.if_nameindex()] == ["lo"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outgoing:
        must_fail("a packet can leave", lambda: outgoing.connect(("192.0.2.1", 9)))
    for name, number in GIVEN_UP.items():
        must_hold(f"{name} is still there", LIBC.prctl(PR_CAPBSET_READ, number, 0, 0, 0) != 1)
    return tried, found
