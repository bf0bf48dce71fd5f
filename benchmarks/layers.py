"""Layers: each command on a net of 20,000 and of 197,000 layers, divided by one with a tenth of them.

    python -m benchmarks.layers

Ten, or less, is linear. Words choose the commands whose line holds one of them. The nets are given as patterns whose
repeated part holds 100 layers, since the limit of 200,000 counts each repetition too. Only the commands of ``LARGE``
run at 197,000 layers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.interleaved import Benchmark, Goal, interleaved, ours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.interleaved import Row, Taken

SIZES = (2_000, 20_000, 197_000)
COMMANDS = (
    "table NET",
    "memory NET",
    "memory NET --plan",
    "show NET",
    "check NET",
    "diff NET OTHER",
    "plot NET --kind cost --output PLOT",
    "plot NET --kind volumes --output PLOT",
    "plot NET --kind graph --output PLOT",
    "report NET --output PAGE",
)
LARGE = COMMANDS[:2]


def pattern(layers: int, depth: int = 8) -> str:
    """A net of that many layers with its input: as many repeats of 100 layers as possible, and what remains."""
    repeats, rest = divmod(layers - 2, 100)
    parts = [f"[{_row(100, depth)}]*{repeats}" if repeats else "", _row(rest, depth)]
    return " -> ".join(filter(None, [f"INPUT 16x16x{depth}", *parts, "FC-10"]))


def _row(layers: int, depth: int) -> str:
    return " -> ".join([*[f"CONV3-{depth} -> RELU"] * (layers // 2), *["BN"] * (layers % 2)])


def measured(rounds: int, words: Sequence[str]) -> Iterator[Row]:
    """The rows of each command, the large nets last."""
    chosen = [command for command in COMMANDS if not words or any(word in command for word in words)]
    pairs = [(command, SIZES[1], SIZES[0]) for command in chosen]
    pairs += [(command, SIZES[2], SIZES[1]) for command in chosen if command in LARGE]
    with TemporaryDirectory() as folder:
        turns: dict[str, Callable[[], Taken]] = {}
        for command, *sizes in pairs:
            for size in sizes:
                turns.setdefault(_title(command, size), ours(*_words(command, size, folder)))
        run = interleaved(turns, rounds)
    for command, more, fewer in pairs:
        yield run.row(_title(command, more), _title(command, fewer), Goal("CPU time", most=12))


def _title(command: str, layers: int) -> str:
    return f"{command.partition(' --output')[0]}, {layers:,} layers"


def _words(command: str, layers: int, folder: str) -> list[str]:
    places = {"PLOT": str(Path(folder, "plot.svg")), "PAGE": str(Path(folder, "page.html"))}
    named = {"NET": pattern(layers), "OTHER": pattern(layers, 9), **places}
    return [named.get(word, word) for word in command.split()]


BENCHMARK = Benchmark(__doc__, measured, rounds=3)


def main() -> int:
    """Measures, and prints a line for each ratio."""
    return BENCHMARK.main()


if __name__ == "__main__":
    sys.exit(main())
