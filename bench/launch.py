"""Prepares its own process, then becomes the command: ``python -m bench.launch <core> <command>…``.

So the pid that was started is the server's own: pinned to one core, allowed enough open files,
and killed by the kernel when the benchmark itself dies without having ended it.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys

OPEN_FILES = 65_536
_PR_SET_PDEATHSIG = 1


def pin(core: int, pid: int = 0) -> None:
    """Run on this core alone, where the platform can and has it; else on all.

    Of another process this moves the main thread, and those that it starts later.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    with contextlib.suppress(OSError):
        os.sched_setaffinity(pid, {core})


def raise_open_files() -> None:
    """Allow as many descriptors as the hard limit does: each client is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def die_with_parent() -> None:
    """Be killed when the parent is; Linux only, elsewhere the parent's own clean-up must do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Prepare, then exec; never returns."""
    core, *command = sys.argv[1:]
    die_with_parent()
    pin(int(core))
    raise_open_files()
    os.execvp(command[0], command)  # noqa: S606 - the benchmark's own command line


if __name__ == "__main__":
    main()
