"""A small process that starts programs and says what each of them took.

The largest resident memory that the system reports of a program is never less than that of the process that started
it. This one is a Python without ``site``, so it is smaller than any Python program that it starts.
"""

from __future__ import annotations

import marshal
import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from subprocess import Popen


class Used(NamedTuple):
    """What a program took: ``seconds`` from start to end, ``cpu`` seconds (user and system), ``mebibytes`` at its peak.

    ``status`` is its exit code.
    """

    seconds: float
    cpu: float
    mebibytes: float
    status: int


class Launcher:
    """Starts programs one after another; a context that ends the small process."""

    def __init__(self) -> None:
        import subprocess

        pipe = subprocess.PIPE
        self._process: Popen[bytes] = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__], stdin=pipe, stdout=pipe, bufsize=0
        )

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        *,
        folder: str = ".",
        on_terminal: bool = False,
        shows_errors: bool = False,
    ) -> Used:
        """Runs a program to its end, its output read and dropped: from a terminal, or from a pipe."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        request = marshal.dumps((list(words), dict(environment), folder, on_terminal, shows_errors))
        stdin.write(len(request).to_bytes(8, "little") + request)
        size = int.from_bytes(_all(stdout.fileno(), 8), "little")
        return Used(*marshal.loads(_all(stdout.fileno(), size)))  # noqa: S302 (both ends are this module)


def _all(file: int, size: int) -> bytes:
    """That many bytes, fewer only at the end of the file."""
    found = b""
    while len(found) < size:
        part = os.read(file, size - len(found))
        if not part:
            break
        found += part
    return found


def _serve() -> None:
    while size := int.from_bytes(_all(0, 8), "little"):
        answer = marshal.dumps(_run(*marshal.loads(_all(0, size))))  # noqa: S302 (both ends are this module)
        os.write(1, len(answer).to_bytes(8, "little") + answer)


def _run(
    words: list[str], environment: dict[str, str], folder: str, on_terminal: bool, shows_errors: bool
) -> tuple[float, float, float, int]:
    start = time.perf_counter()
    read, write = os.openpty() if on_terminal else os.pipe()
    child = os.fork()
    if not child:
        try:
            _become(words, environment, folder, write, on_terminal, shows_errors)
        finally:
            os._exit(127)
    os.close(write)
    while _has_more(read):
        pass
    os.close(read)
    _, status, used = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def _become(
    words: list[str], environment: dict[str, str], folder: str, output: int, on_terminal: bool, shows_errors: bool
) -> None:
    """Turns this process into the program."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(output if on_terminal else null, 0)
    os.dup2(output, 1)
    if not shows_errors:
        os.dup2(output if on_terminal else null, 2)
    os.chdir(folder)
    os.execve(words[0], words, environment)


def _has_more(file: int) -> bool:
    try:
        return bool(os.read(file, 65536))
    except OSError:  # the other end of a terminal is closed
        return False


if __name__ == "__main__":
    _serve()
