"""An interrupt at any moment from the first line of the program on: an exit code or a signal, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.calls import COMMAND, environment, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NET = "INPUT 9x11x3 -> CONV3-7 -> RELU -> FC-5"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _signals_have_their_usual_effect() -> Iterator[None]:
    """Also where the tests run in the background or under nohup, whose children ignore signals."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


AT_A_CALL = """
import os, signal, sys
left, number = int(sys.argv.pop(1)), int(sys.argv.pop(1))
signal.signal(signal.SIGINT, signal.default_int_handler)
from cnncalc.cli import main
def count(*_):
    global left
    left -= 1
    if not left:
        sys.setprofile(None)
        os.kill(os.getpid(), number)
sys.setprofile(count)
main()
"""
"""The program, which gets a signal at a call of a function whose number is given."""


def interrupted_at(
    call: int, number: int, *words: str, folder: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """The program after a signal at a call of a function, counted from its first line."""
    return subprocess.run(
        [sys.executable, "-c", AT_A_CALL, str(call), str(int(number)), *words],
        capture_output=True, env=environment(), cwd=folder, timeout=60, check=False,
    )  # fmt: skip


def calls_of(*words: str) -> int:
    """How many calls and returns of functions a call of the program makes."""
    code = AT_A_CALL.replace("if not left:", "if False:").replace("main()", "try: main()\nfinally: print(-left)")
    done = subprocess.run(
        [sys.executable, "-c", code, "0", "0", *words], capture_output=True, env=environment(), check=True
    )
    return int(done.stdout.split()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_at_any_call_of_a_function_ends_the_program_without_a_traceback(number: int) -> None:
    words = ("table", NET)
    calls = calls_of(*words)
    assert calls > 1000

    parts = 8 if number == signal.SIGINT else 4
    for part in range(1, parts):
        done = interrupted_at(calls * part // parts, number, *words)
        code = 130 if number == signal.SIGINT else -number
        assert (done.returncode, done.stderr) == (code, b"interrupted\n"), (part, done)


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS[:2], ids=lambda number: number.name)
def test_a_file_that_is_being_written_is_left_as_it_was(tmp_path: Path, number: int) -> None:
    """From the moment in which the temporary file is there on."""
    (tmp_path / "t.txt").write_text("old")
    code = AT_A_CALL.replace("sys.setprofile(count)", "").replace(
        "main()", "replace = os.replace\nos.replace = lambda *_: os.kill(os.getpid(), number)\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "0", str(int(number)), "table", NET, "-o", "t.txt"],
        capture_output=True, env=environment(), cwd=tmp_path, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (130 if number == signal.SIGINT else -number, b"interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == ["t.txt"]
    assert (tmp_path / "t.txt").read_text() == "old"


LOST = """
import os, signal, sys, weakref
from cnncalc.cli import main, program
signal.signal(signal.SIGINT, signal.default_int_handler)
class Thing: pass
def perform(*_):
    {lose}
    import time
    time.sleep(30)
program.perform = perform
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "lose",
    [
        "thing = Thing(); ref = weakref.ref(thing, lambda _: os.kill(os.getpid(), 2)); del thing",
        "Thing.__del__ = lambda _: os.kill(os.getpid(), 2); thing = Thing(); del thing",
        "\n    try: os.kill(os.getpid(), 2)\n    except KeyboardInterrupt: raise RuntimeError('lost') from None",
        "\n    try: os.kill(os.getpid(), 2)\n    except KeyboardInterrupt: return 0",
    ],
    ids=["weak reference", "destructor", "another error", "caught"],
)
def test_an_interrupt_is_not_lost(lose: str) -> None:
    """Python drops exceptions of callbacks, and some of its own modules turn them into others."""
    done = subprocess.run(
        [sys.executable, "-c", LOST.replace("{lose}", lose)],
        capture_output=True, env=environment(), timeout=20, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"interrupted\n")


@pytest.mark.slow
def test_a_program_that_is_started_to_ignore_an_interrupt_ignores_it() -> None:
    """As ``cnncalc ... &`` in a script."""
    code = AT_A_CALL.replace("signal.default_int_handler", "signal.SIG_IGN")
    done = subprocess.run(
        [sys.executable, "-c", code, "500", str(int(signal.SIGINT)), "table", NET],
        capture_output=True, env=environment(), timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0
    assert b"TOTAL" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS[:2], ids=lambda number: number.name)
def test_the_workers_of_a_sweep_end_with_it_and_its_points_stay(tmp_path: Path, number: int) -> None:
    """A signal to the program alone, as a scheduler sends it; no temporary file is left."""
    words = ("sweep", "resnet18", "--vary", "input=32..4000", "--points", "p.csv", "--executor", "processes:2")
    temporary = tmp_path / "t"
    temporary.mkdir()
    options: dict[str, Any] = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "start_new_session": True}
    with running([*COMMAND, *words], env=environment(TMPDIR=str(temporary)), **options) as process:
        end = time.monotonic() + 40
        points = tmp_path / "p.csv"
        while time.monotonic() < end and not (points.exists() and points.stat().st_size):
            time.sleep(0.05)
        process.send_signal(number)
        errors = process.communicate(timeout=60)[1].decode()

    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert errors.splitlines()[-1] == "interrupted"
    assert "the same command goes on from there" in errors
    assert "Traceback" not in errors
    assert points.read_bytes().endswith(b"\n")
    assert not _alive(process.pid)
    assert not os.listdir(temporary)


def _alive(session: int) -> Sequence[int]:
    """The processes of a session, once those that end have had ten seconds to do so."""
    end = time.monotonic() + 10
    while True:
        found = []
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and os.getsid(int(entry)) == session:
                    state = Path("/proc", entry, "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
                    found += [] if state == "Z" else [int(entry)]
            except (OSError, ProcessLookupError):
                continue
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.1)
