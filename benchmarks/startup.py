"""Run time of ``cnncalc`` as a multiple of ``python -c pass``, and its peak memory.

    python -m benchmarks.startup [rounds]

The commands take turns, so a busy machine slows all of them alike. Prints the median of the ratios of each round and
the largest resident memory. The bounds are goals of the project; exits with 1 if one is exceeded. Byte code is written
first, as by an installation.
"""

from __future__ import annotations

import compileall
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.bounds import Bounds

ROOT = Path(__file__).resolve().parent.parent
PATTERN = "INPUT[32x32x3] -> [[CONV3-{32*2**i} -> RELU]*2 -> POOL2]*3 as i -> FC-256 -> RELU -> FC-10"
CNNCALC = ("-c", "from cnncalc.cli import main; main()")  # what the console script does
CASES: dict[str, tuple[tuple[str, ...], bool, float | None]] = {
    "python -c pass": (("-c", "pass"), False, None),
    "table PATTERN | cat": ((*CNNCALC, "table", PATTERN), False, 4.5),
    "table vgg16 | cat": ((*CNNCALC, "table", "vgg16"), False, 5.5),
    "table vgg16 --format json | cat": ((*CNNCALC, "table", "vgg16", "--format", "json"), False, None),
    "table resnet152 | cat": ((*CNNCALC, "table", "resnet152"), False, None),
    "table PATTERN on a terminal": ((*CNNCALC, "table", PATTERN), True, 7.5),
    "table vgg16 on a terminal": ((*CNNCALC, "table", "vgg16"), True, 7.5),
    "--help": ((*CNNCALC, "--help"), False, None),
}
MAX_MEMORY_MIB = 20


def timed(arguments: tuple[str, ...], on_terminal: bool) -> tuple[float, float]:
    """Seconds from start to end of one run, and its largest resident memory in MiB."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    start = time.perf_counter()
    if on_terminal:
        import pty

        child, terminal = pty.fork()
        if not child:
            os.execve(sys.executable, [sys.executable, *arguments], environment)
        while _read(terminal):
            pass
        os.close(terminal)
    else:
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        child = process.pid
        assert process.stdout is not None
        process.stdout.read()
        process.stdout.close()
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    if not on_terminal:
        process.returncode = status
    if status:
        raise SystemExit(f"{arguments} ended with status {status}")
    return seconds, usage.ru_maxrss / 1024


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


def main() -> int:
    """Measures, and prints one line for each case."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    compileall.compile_dir(str(ROOT / "cnncalc"), quiet=1)
    seconds: dict[str, list[float]] = {name: [] for name in CASES}
    memory: dict[str, float] = dict.fromkeys(CASES, 0.0)
    for number in range(rounds + 1):
        for name, (arguments, on_terminal, _) in CASES.items():
            took, resident = timed(arguments, on_terminal)
            if number:  # the first round fills caches and is not counted
                seconds[name].append(took)
                memory[name] = max(memory[name], resident)
    bare = seconds["python -c pass"]
    bounds = Bounds()
    for name, (_, _, bound) in CASES.items():
        ratio = statistics.median(one / base for one, base in zip(seconds[name], bare, strict=True))
        limit = ""
        if bound:
            limit = f"{bounds.checked(ratio, bound, 'x')}, {bounds.checked(memory[name], MAX_MEMORY_MIB, 'MiB')}"
        print(
            f"{name:32}{ratio:6.2f} x{statistics.median(seconds[name]) * 1000:8.1f} ms{memory[name]:7.1f} MiB  {limit}"
        )
    return int(bounds.is_exceeded)


if __name__ == "__main__":
    sys.exit(main())
