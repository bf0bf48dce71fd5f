"""Start-up: each command of cnncalc, divided by ``python -c pass``.

    python -m benchmarks.startup

Words choose the commands whose line holds one of them. Byte code is written first, as by an installation.
"""

from __future__ import annotations

import compileall
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.interleaved import ROOT, Benchmark, Goal, bare, interleaved, ours

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.interleaved import Row

PATTERN = "INPUT[32x32x3] -> [[CONV3-{32*2**i} -> RELU]*2 -> POOL2]*3 as i -> FC-256 -> RELU -> FC-10"
BARE = "python -c pass"
MORE_MEBIBYTES = 7.5
"""16 MiB in all into a pipe, of which Python 3.11 takes 8.5."""


class Case(NamedTuple):
    """A command line, whether it writes to a terminal, and the most that the ratio of CPU time may be, if a goal."""

    line: str
    on_terminal: bool = False
    most: float | None = None

    @property
    def title(self) -> str:
        """The line as in the table."""
        return self.line + " (terminal)" * self.on_terminal

    def words(self, folder: str) -> list[str]:
        """The words of the call; FILE, FOLDER and PAGE lie in the folder."""
        places = {"FILE": "net.yaml", "FOLDER": "nets", "PAGE": "page.md"}
        named = {word: str(Path(folder, place)) for word, place in places.items()}
        return [named.get(word, PATTERN if word == "PATTERN" else word) for word in self.line.split()]

    @property
    def goals(self) -> tuple[Goal, ...]:
        """The goals of time and, into a pipe, memory."""
        if self.most is None:
            return ()
        time = Goal("CPU time", most=self.most)
        return (time,) if self.on_terminal else (time, Goal("memory", most=MORE_MEBIBYTES))


CASES = (
    Case("table PATTERN", most=3.5),
    Case("table vgg16", most=4.5),
    Case("table FILE", most=4.5),
    Case("table PATTERN", on_terminal=True, most=6.5),
    Case("table vgg16", on_terminal=True, most=6.5),
    Case("table vgg16 --format json"),
    Case("table resnet152"),
    Case("--version"),
    Case("--help"),
    Case("table --help"),
    Case("list"),
    Case("kinds"),
    Case("show vgg16"),
    Case("explain vgg16 fc3"),
    Case("verify lenet5"),
    Case("memory vgg16"),
    Case("memory vgg16 --plan"),
    Case("fit vgg16 --memory 8GiB"),
    Case("fit densenet121 --memory 8GiB"),
    Case("solve vgg16 --for batch=1..64 --max training_memory=8GiB"),
    Case("formula lenet5"),
    Case("check vgg16 --max parameters=140M"),
    Case("check FOLDER"),
    Case("diff vgg16 vgg19"),
    Case("plot vgg16"),
    Case("report vgg16"),
    Case("report resnet152"),
    Case("docs --check PAGE"),
    Case("value vgg16 parameters"),
    Case("convert vgg16"),
    Case("convert vgg16 --to torch"),
)


def prepare(folder: Path) -> None:
    """Writes what the calls name: a file of a net, a folder of sixty, and a document with a number."""
    named = sorted((ROOT / "architectures").glob("*.yaml"))
    (folder / "net.yaml").write_text((ROOT / "architectures" / "vgg16.yaml").read_text("utf-8"), "utf-8")
    (folder / "nets").mkdir()
    for number in range(60):
        text = named[number % len(named)].read_text("utf-8")
        (folder / "nets" / f"{number}.yaml").write_text(text, "utf-8")
    page = "<!-- cnncalc: value lenet5 parameters -->60.00K<!-- /cnncalc -->\n"
    (folder / "page.md").write_text(page, "utf-8")


def measured(rounds: int, words: Sequence[str]) -> Iterator[Row]:
    """The row of each command."""
    chosen = [case for case in CASES if not words or any(word in case.title for word in words)]
    compileall.compile_dir(str(ROOT / "cnncalc"), quiet=1)
    with TemporaryDirectory() as folder:
        prepare(Path(folder))
        turns = {case.title: ours(*case.words(folder), is_on_terminal=case.on_terminal) for case in chosen}
        run = interleaved({BARE: bare(), **turns}, rounds)
    for case in chosen:
        yield run.row(case.title, BARE, *case.goals)


BENCHMARK = Benchmark(__doc__, measured, rounds=11)


def main() -> int:
    """Measures, and prints a line for each command."""
    return BENCHMARK.main()


if __name__ == "__main__":
    sys.exit(main())
