"""CPU time and peak memory over the number of layers, from 10 to 200,000.

    python -m benchmarks.layers [rounds] [LARGEST]

Nets of n layers are given as patterns; a repeated part holds 100 layers, since the limit of 200,000 counts each
repetition too. Every call is a process of its own, and sizes and commands take turns. What is printed is the CPU time
a layer (user and system, less that of the smallest net, which is the start) as a multiple of that at 2,000 layers: 1
is linear. So for peak memory. Beyond LARGEST (20,000) layers only the commands of ``LARGE`` run.
"""

from __future__ import annotations

import statistics
import sys
from tempfile import TemporaryDirectory

from benchmarks.launcher import Launcher, Used
from benchmarks.startup import CNNCALC, environment
from benchmarks.tables import Table, spread

START, BASE = 10, 2_000
SIZES = (START, BASE, 20_000, 197_000)
LARGE = ("table", "memory")
COMMANDS = {
    "table": "table NET",
    "show": "show NET",
    "check": "check NET",
    "diff": "diff NET OTHER",
    "memory": "memory NET",
    "memory --plan": "memory NET --plan",
    "plot cost": "plot NET --kind cost --output plot.svg",
    "plot volumes": "plot NET --kind volumes --output plot.svg",
    "plot graph": "plot NET --kind graph --output plot.svg",
    "report": "report NET --output page.html",
}


def pattern(layers: int, depth: int = 8) -> str:
    """A net of that many layers with the input: repeats of 100 layers, and what remains."""
    parts = [f"INPUT 16x16x{depth}"]
    repeats, rest = divmod(layers - 2, 100)
    if repeats:
        parts.append(f"[{_row(100, depth)}]*{repeats}")
    if rest:
        parts.append(_row(rest, depth))
    return " -> ".join([*parts, "FC-10"])


def _row(layers: int, depth: int) -> str:
    pairs = " -> ".join([f"CONV3-{depth} -> RELU"] * (layers // 2))
    return " -> ".join(filter(None, [pairs, "BN" if layers % 2 else ""]))


def measured(rounds: int, largest: int) -> dict[tuple[str, int], list[Used]]:
    """What each command took at each number of layers, in each round."""
    wanted = [(name, size) for size in SIZES for name in COMMANDS if size <= largest or name in LARGE]
    taken: dict[tuple[str, int], list[Used]] = {each: [] for each in wanted}
    around = environment()
    with TemporaryDirectory() as folder, Launcher() as launcher:
        for _ in range(rounds):
            for name, size in wanted:
                nets = {"NET": pattern(size), "OTHER": pattern(size, 9)}
                words = [nets.get(word, word) for word in COMMANDS[name].split()]
                used = launcher.run([sys.executable, *CNNCALC, *words], around, folder=folder)
                if used.status not in (0, 1):
                    raise SystemExit(f"{name} of {size:,} layers ended with status {used.status}")
                taken[name, size].append(used)
    return taken


def tables(rounds: int = 3, largest: int = 20_000) -> tuple[list[Table], bool]:
    """The tables of one run, of time and of memory; no bound is set."""
    taken = measured(rounds, largest)
    sizes = SIZES[1:]
    about = f"medians and quartiles of {rounds} interleaved rounds, less the median at {START} layers"
    return [
        Table(
            "CPU time over the number of layers",
            f"Time a layer as a multiple of that at {BASE:,} layers; 1 is linear; {about}.",
            ("command", *(f"{size:,} layers" for size in sizes), f"seconds at {BASE:,}"),
            tuple(_row_of(taken, name, "cpu") for name in COMMANDS),
        ),
        Table(
            "Peak memory over the number of layers",
            f"Memory a layer as a multiple of that at {BASE:,} layers; 1 is linear; {about}.",
            ("command", *(f"{size:,} layers" for size in sizes), f"MiB at {BASE:,}"),
            tuple(_row_of(taken, name, "mebibytes") for name in COMMANDS),
        ),
    ], False


def _row_of(taken: dict[tuple[str, int], list[Used]], name: str, field: str) -> tuple[str, ...]:
    """The row of a command: what a layer takes at each size beyond the base, and what the base takes."""
    values = {size: [getattr(one, field) for one in taken.get((name, size), [])] for size in SIZES}
    start = statistics.median(values[START])
    base = (statistics.median(values[BASE]) - start) / (BASE - START)
    shares = {size: [(value - start) / (size - START) / base for value in values[size]] for size in SIZES[2:]}
    return (name, "1", *(spread(shares[size]) if shares[size] else "" for size in SIZES[2:]), spread(values[BASE]))


def main() -> int:
    """Measures, and prints the tables."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    largest = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    for table in tables(rounds, largest)[0]:
        print(table.markdown())
    return 0


if __name__ == "__main__":
    sys.exit(main())
