"""Calls of the program, in a process of its own or in this one."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from cnncalc.cli.program import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "cnncalc"]


def one_of(words: Iterable[str]) -> str:
    """``a, b or c``, as messages name what can be chosen."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def environment(**more: str) -> dict[str, str]:
    """The environment of the tests, without variables that change colours or widths, and with ``more``."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return {**kept, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", **more}


def cnncalc(*arguments: str, stdin: str | bytes = b"", **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the program in a process of its own; the output is text."""
    data = stdin if isinstance(stdin, bytes) else stdin.encode()
    done = subprocess.run(
        [*COMMAND, *arguments], input=data, capture_output=True, env=environment(**variables), timeout=60, check=False
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@contextmanager
def running(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is killed at the end; its streams are pipes, unless the ``options`` of Popen say otherwise."""
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment() if env is None else env, **{**streams, **options}) as process:
        try:
            yield process
        finally:
            process.kill()


def called(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the program in this process with pipes as streams; much faster than :func:`cnncalc`."""
    output, errors = io.BytesIO(), io.BytesIO()
    with (
        patch.dict(os.environ, environment(), clear=True),
        redirect_stdout(io.TextIOWrapper(output, encoding="utf-8", newline="", write_through=True)),
        redirect_stderr(io.TextIOWrapper(errors, encoding="utf-8", newline="", write_through=True)),
    ):
        code = run(arguments)
        said, wrong = output.getvalue().decode(), errors.getvalue().decode()
    return subprocess.CompletedProcess(list(arguments), code, said, wrong)
