"""Locks the calling process in: no files, no network, no other process, bounded memory and time."""

import ctypes
import errno
import os
import resource
import signal
import struct
from dataclasses import dataclass

from sandbox.errors import SandboxUnavailableError

MIB = 2**20
# Landlock's calls have the same number on every architecture.
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
LANDLOCK_VERSION_FLAG = 1
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000

# All that computing on memory already mapped, and talking over pipes already open, can need.
ALLOWED_CALLS = (
    "read", "readv", "write", "writev", "close", "lseek", "fstat", "poll", "ppoll",
    "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "membarrier",
    "futex", "sched_yield", "sched_getaffinity", "getcpu", "nanosleep", "clock_nanosleep",
    "clock_gettime", "clock_getres", "gettimeofday", "times", "getrusage", "getrandom",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
    "getpid", "gettid", "sysinfo", "uname", "rseq", "exit", "exit_group",
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What the process may use: address space in MiB and processor seconds."""

    memory_mb: int
    cpu_s: int


def confine(limits: Limits, *, inside_bubblewrap: bool) -> None:
    """Gives up everything for good; import first whatever will be needed.

    Inside bubblewrap the files are already out of reach and Landlock is a second wall where the
    kernel has it; without bubblewrap it is the first and must hold. Raises SandboxUnavailableError.
    """
    install_filter = _call_filter()
    libc = ctypes.CDLL(None, use_errno=True)
    _die_with_parent(libc)
    _leave_namespaces(libc)
    limit_resources(limits)
    _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _check(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "a process that cannot be read")
    if not (_forbid_files(libc) or inside_bubblewrap):
        raise SandboxUnavailableError(
            "this machine has neither bubblewrap nor Landlock (Linux 5.13 or newer)"
        )
    install_filter()


def limit_resources(limits: Limits) -> None:
    """Bounds memory and processor time; no file can grow, no core is left."""
    for kind, most in (
        (resource.RLIMIT_AS, limits.memory_mb * MIB),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def _die_with_parent(libc: ctypes.CDLL) -> None:
    _check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "an end with its parent")


def _leave_namespaces(libc: ctypes.CDLL) -> None:
    """Leaves network, IPC and users behind where the kernel allows; the call filter bars them too."""
    libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)


def _forbid_files(libc: ctypes.CDLL) -> bool:
    """A Landlock ruleset that handles every right and grants none; False if the kernel has none."""
    version = libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION_FLAG)
    if version < 1:
        return False
    files = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    network = 0b11 if version >= 4 else 0
    scopes = 0b11 if version >= 6 else 0
    rights = struct.pack("<QQQ", files, network, scopes)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = libc.syscall(LANDLOCK_CREATE_RULESET, rights, size, 0)
    if ruleset < 0:
        return False
    restricted: int = libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return restricted == 0


class _CallFilter:
    """A seccomp filter that answers EPERM to every system call but ALLOWED_CALLS."""

    def __init__(self) -> None:
        import pyseccomp  # absent where there is no Linux

        self._filter = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
        for name in ALLOWED_CALLS:
            self._filter.add_rule(pyseccomp.ALLOW, name)

    def __call__(self) -> None:
        self._filter.load()


def _call_filter() -> _CallFilter:
    """Made first, because libseccomp is found with the help of files and of a process."""
    try:
        return _CallFilter()
    except (ImportError, OSError, RuntimeError) as error:
        raise SandboxUnavailableError(f"this machine has no usable libseccomp: {error}") from error


def _check(result: int, wanted: str) -> None:
    if result != 0:
        raise SandboxUnavailableError(
            f"the kernel refused {wanted}: {os.strerror(ctypes.get_errno())}"
        )
