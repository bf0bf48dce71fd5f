"""Starts a process and prints what it took: seconds, user and system seconds, largest KiB, status.

    python -I -S benchmarks/launcher.py pipe|terminal PROGRAM [WORD ...]

The largest resident memory that the system reports of a process counts from its parent's, so the parent is this small
program and not the benchmark, which holds more. The output of the process is read, as by ``cat``, and thrown away.
"""

from __future__ import annotations

import os
import sys
import time


def main() -> None:
    """Runs the program that the words name."""
    kind, program, *words = sys.argv[1:]
    start = time.perf_counter()
    output, other = os.openpty() if kind == "terminal" else os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, other, 1), (os.POSIX_SPAWN_CLOSE, other), (os.POSIX_SPAWN_CLOSE, output)]
    child = os.posix_spawnp(program, [program, *words], os.environ, file_actions=actions)
    os.close(other)
    while _read(output):
        pass
    _, status, used = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    print(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(status))


def _read(output: int) -> bytes:
    try:
        return os.read(output, 65536)
    except OSError:  # the other end of a terminal is closed
        return b""


if __name__ == "__main__":
    main()
