"""CPU time of each command as a multiple of ``python -c pass``, and its peak memory above that.

    python -m benchmarks.startup [rounds]

The commands take turns, so a busy machine slows all of them alike. CPU time is that of user and system. Prints the
median of the ratios of each round with its quartiles, and the largest resident memory. The bounds are goals of the
project; exits with 1 if one is exceeded. Byte code is written first, as by an installation.
"""

from __future__ import annotations

import compileall
import os
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.launcher import Launcher, Used
from benchmarks.tables import Table, ratios, spread

ROOT = Path(__file__).resolve().parent.parent
PATTERN = "INPUT[32x32x3] -> [[CONV3-{32*2**i} -> RELU]*2 -> POOL2]*3 as i -> FC-256 -> RELU -> FC-10"
CNNCALC = ("-c", "from cnncalc.cli import main; main()")  # what the console script does
BARE = "python -c pass"
MAX_MEMORY_MIB = 16.0
"""The bound on the memory of a command that has a bound on its time."""


class Case(NamedTuple):
    """A call of the program: its ``words``, whether it writes to a terminal, and the bound on its ratio, if any."""

    words: tuple[str, ...]
    on_terminal: bool = False
    bound: float | None = None

    @property
    def title(self) -> str:
        """The command line, as in the table."""
        shown = ["PATTERN" if word == PATTERN else word for word in self.words]
        return " ".join([*shown, *(["(terminal)"] if self.on_terminal else [])])


CASES = (
    Case(("table", PATTERN), bound=3.5),
    Case(("table", "vgg16"), bound=4.5),
    Case(("table", "net.yaml"), bound=4.5),
    Case(("table", PATTERN), on_terminal=True, bound=6.5),
    Case(("table", "vgg16"), on_terminal=True, bound=6.5),
    *(
        Case(tuple(line.split()))
        for line in (
            "table vgg16 --format json",
            "table resnet152",
            "--version",
            "--help",
            "table --help",
            "list",
            "kinds",
            "show vgg16",
            "explain vgg16 conv1",
            "verify lenet5",
            "memory vgg16",
            "memory vgg16 --plan",
            "fit vgg16 --memory 8GiB",
            "fit densenet121 --memory 8GiB",
            "solve vgg16 --for batch=1..64 --max training_memory=8GiB",
            "formula lenet5",
            "check vgg16",
            "check nets",
            "diff vgg16 vgg19",
            "plot vgg16",
            "report vgg16",
            "docs --check page.md",
            "value vgg16 parameters",
            "convert vgg16",
            "convert vgg16 --to torch",
        )
    ),
)


def prepare(folder: Path) -> None:
    """Writes the files that the calls name: a net, sixty nets, and a document with a table."""
    named = sorted((ROOT / "architectures").glob("*.yaml"))
    text = (ROOT / "architectures" / "vgg16.yaml").read_text(encoding="utf-8")
    (folder / "net.yaml").write_text(text, encoding="utf-8")
    (folder / "nets").mkdir()
    for number in range(60):
        file = named[number % len(named)]
        (folder / "nets" / f"{number}.yaml").write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    page = "<!-- cnncalc: table lenet5 -->\n<!-- /cnncalc -->\n"
    (folder / "page.md").write_text(page, encoding="utf-8")


def environment() -> dict[str, str]:
    """The environment of the calls: byte code is written and used, and the terminal has colours."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm"}


def measured(rounds: int, cases: tuple[Case, ...] = CASES) -> dict[str, list[Used]]:
    """What each case took in each round, and :data:`BARE`; the round before the first fills caches."""
    compileall.compile_dir(str(ROOT / "cnncalc"), quiet=1)
    taken: dict[str, list[Used]] = {BARE: [], **{case.title: [] for case in cases}}
    with TemporaryDirectory() as folder, Launcher() as launcher:
        prepare(Path(folder))
        around = environment()
        for number in range(rounds + 1):
            used = {BARE: launcher.run([sys.executable, "-c", "pass"], around)}
            for case in cases:
                words = [sys.executable, *CNNCALC, *case.words]
                used[case.title] = launcher.run(words, around, folder=folder, on_terminal=case.on_terminal)
                if used[case.title].status not in (0, 1):
                    raise SystemExit(f"{case.title} ended with status {used[case.title].status}")
            for title, one in used.items():
                if number:
                    taken[title].append(one)
    return taken


def tables(rounds: int = 11, cases: tuple[Case, ...] = CASES) -> tuple[list[Table], bool]:
    """The table of one run, and whether a bound is exceeded."""
    taken = measured(rounds, cases)
    bare = [used.cpu for used in taken[BARE]]
    least = max(used.mebibytes for used in taken[BARE])
    rows = []
    exceeded = False
    for case in cases:
        used = taken[case.title]
        ratio = ratios([one.cpu for one in used], bare)
        memory = max(one.mebibytes for one in used)
        bound = ""
        if case.bound is not None:
            too_much = statistics.median(ratio) > case.bound or memory > MAX_MEMORY_MIB
            exceeded |= too_much
            bound = f"{case.bound:g} and {MAX_MEMORY_MIB:g} MiB{', exceeded' if too_much else ''}"
        rows.append((case.title, spread(ratio), f"{memory:.1f}", f"{memory - least:.1f}", bound))
    about = (
        f"CPU time (user and system) as a multiple of `{BARE}`, which took {statistics.median(bare) * 1000:.1f} ms and "
        f"{least:.1f} MiB; medians and quartiles of {rounds} interleaved rounds. Peak memory in MiB."
    )
    columns = ("command", "ratio", "peak", "above Python", "bound")
    return [Table("Start-up of the commands", about, columns, tuple(rows))], exceeded


def main() -> int:
    """Measures, and prints the table."""
    found, exceeded = tables(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
    for table in found:
        print(table.markdown())
    return int(exceeded)


if __name__ == "__main__":
    sys.exit(main())
