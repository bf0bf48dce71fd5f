"""Measures cases that take turns in one run, and gives ratios within each round, never one time alone.

A benchmark is a module of this package with a docstring (its first line says what is compared, a line of four blanks is
the command that repeats it), a record ``BENCHMARK`` and ``main``::

    def measured(rounds: int, words: Sequence[str]) -> Iterator[Row | str]:
        run = interleaved({"python -c pass": bare(), "table vgg16": ours("table", "vgg16")}, rounds)
        yield run.row("table vgg16", "python -c pass", Goal("CPU time", most=4.5))

    BENCHMARK = Benchmark(__doc__, measured, rounds=21, peers=("numpy",))

    def main() -> int:
        return BENCHMARK.main()

A case is a process of its own (``process``, ``ours``) or a function called in this one (``call``). In each round every
case has one turn, in the opposite order in every second round, so what else the machine does slows all of them alike;
the first round fills caches and is not counted. In each round the time of a case is divided by that of another one; a
row has the median of these ratios and their quartiles. ``time`` is from start to end, ``CPU time`` user and system time
on all cores, ``memory`` how much more MiB a process had resident at most than the other one.

A string that ``measured`` yields is a remark, such as that a peer is not installed and left out.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
LAUNCHER = str(Path(__file__).with_name("launcher.py"))
QUANTITIES = ("time", "CPU time", "memory")


class Taken(NamedTuple):
    """What one turn of a case took, as far as it is known: of a function the memory is not; the exit code."""

    seconds: float
    cpu_seconds: float | None = None
    mebibytes: float | None = None
    code: int = 0


def process(
    *words: str,
    is_on_terminal: bool = False,
    environment: Mapping[str, str] | None = None,
    given: str = os.devnull,
    codes: Sequence[int] = (0,),
) -> Callable[[], Taken]:
    """The turn of a case that is a process, from start to end; its output goes into a pipe or to a terminal.

    It finds the modules of the checkout and of ``PYTHONPATH``, writes byte code, and reads the file ``given``. Ends the
    benchmark if the exit code is none of ``codes``.
    """
    kind = "terminal" if is_on_terminal else "pipe"
    found = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    variables = {**os.environ, "PYTHONPATH": found, "TERM": "xterm", **(environment or {})}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)

    def turn() -> Taken:
        command = [sys.executable, "-I", "-S", LAUNCHER, kind, *words]
        with Path(given).open("rb") as stdin:
            done = subprocess.run(command, stdin=stdin, capture_output=True, text=True, env=variables, check=True)
        seconds, cpu_seconds, kibibytes, code = done.stdout.split()
        if int(code) not in codes:
            raise SystemExit(f"{' '.join(words)} ended with status {code}\n{done.stderr}")
        return Taken(float(seconds), float(cpu_seconds), int(kibibytes) / 1024, int(code))

    return turn


def bare() -> Callable[[], Taken]:
    """The turn of Python that does nothing."""
    return process(sys.executable, "-c", "pass")


def ours(*words: str, is_on_terminal: bool = False) -> Callable[[], Taken]:
    """The turn of ``cnncalc`` with these words, started as its script does."""
    script = "from cnncalc.cli import main; main()"
    return process(sys.executable, "-c", script, *words, is_on_terminal=is_on_terminal)


def call(function: Callable[[], object], *, times: int = 1, parts: int = 1) -> Callable[[], Taken]:
    """The turn of a case that is a function, called so many times; what one of its parts, such as a layer, takes."""

    def turn() -> Taken:
        gc.collect()
        was_enabled = gc.isenabled()
        gc.disable()  # as in the program
        start, cpu_start = time.perf_counter(), time.process_time()
        for _ in range(times):
            function()
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        if was_enabled:
            gc.enable()
        return Taken(seconds / times / parts, cpu_seconds / times / parts)

    return turn


class Spread(NamedTuple):
    """The median of the rounds, and their quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of one value a round."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)

    def text(self, quantity: str) -> str:
        """``3.41 (3.38 to 3.47)``, with a sign for MiB more."""
        if quantity == "memory":
            return "{:+,.{d}f} ({:+,.{d}f} to {:+,.{d}f})".format(*self, d=int(abs(self.median) < 100))
        digits = 0 if self.median >= 100 else 1 if self.median >= 10 else 2
        return "{:,.{d}f} ({:,.{d}f} to {:,.{d}f})".format(*self, d=digits)


@dataclass(frozen=True)
class Goal:
    """What the project wants the median of a quantity (``QUANTITIES``) to be, at most or at least."""

    quantity: str
    most: float | None = None
    least: float | None = None

    def is_missed(self, spread: Spread) -> bool:
        """Whether the median is beyond the goal."""
        return (self.most is not None and spread.median > self.most) or (
            self.least is not None and spread.median < self.least
        )

    @property
    def text(self) -> str:
        """``CPU time at most 3.5``."""
        unit = " MiB more" if self.quantity == "memory" else ""
        bound = f"at most {self.most:g}" if self.most is not None else f"at least {self.least:g}"
        return f"{self.quantity} {bound}{unit}"


@dataclass(frozen=True)
class Row:
    """One case divided by another one: the spread of each quantity, and the goals."""

    case: str
    against: str
    spreads: dict[str, Spread]
    goals: tuple[Goal, ...] = ()

    @property
    def missed(self) -> list[Goal]:
        """The goals that the medians are beyond."""
        return [goal for goal in self.goals if goal.is_missed(self.spreads[goal.quantity])]

    @property
    def cells(self) -> tuple[str, ...]:
        """Case, the other one, a cell for each quantity, the goals."""
        found = [self.spreads[each].text(each) if each in self.spreads else "" for each in QUANTITIES]
        goals = [goal.text + (" (missed)" if goal in self.missed else "") for goal in self.goals]
        return self.case, self.against, *found, ", ".join(goals)


HEADINGS = ("case", "divided by", "time", "CPU time", "MiB more", "goal")


@dataclass(frozen=True)
class Run:
    """What each case took in each round that counts."""

    taken: dict[str, list[Taken]]

    def row(self, case: str, against: str, *goals: Goal, quantities: Sequence[str] = QUANTITIES) -> Row:
        """The ratios of a case and another one, of the quantities that are known of both."""
        pairs = list(zip(self.taken[case], self.taken[against], strict=True))
        found = {
            "time": [one.seconds / other.seconds for one, other in pairs],
            "CPU time": [
                one.cpu_seconds / other.cpu_seconds
                for one, other in pairs
                if one.cpu_seconds is not None and other.cpu_seconds is not None
            ],
            "memory": [
                one.mebibytes - other.mebibytes
                for one, other in pairs
                if one.mebibytes is not None and other.mebibytes is not None
            ],
        }
        return Row(case, against, {name: Spread.of(found[name]) for name in quantities if found[name]}, goals)


def interleaved(cases: Mapping[str, Callable[[], Taken]], rounds: int) -> Run:
    """Gives every case a turn in each round, in the opposite order in every second one; the first does not count."""
    taken: dict[str, list[Taken]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        for name in reversed(list(cases)) if number % 2 else cases:
            one = cases[name]()
            if number:
                taken[name].append(one)
    return Run(taken)


def left_out(what: str, missing: Iterable[str]) -> str:
    """The remark that something is not measured, for want of the modules or programs that are not installed."""
    return f"Left out: {what}; not installed: {', '.join(missing)}."


def is_installed(module: str) -> bool:
    """Whether a module can be found."""
    return find_spec(module) is not None


@dataclass(frozen=True)
class Result:
    """What one run of a benchmark has found, and on which machine."""

    date: str
    rounds: int
    machine: dict[str, str]
    versions: dict[str, str]
    remarks: tuple[str, ...]
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """The result as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Result:
        """The result that JSON holds."""
        rows = tuple(
            Row(
                row["case"],
                row["against"],
                {name: Spread(*spread) for name, spread in row["spreads"].items()},
                tuple(Goal(**goal) for goal in row["goals"]),
            )
            for row in found["rows"]
        )
        return cls(**{**found, "remarks": tuple(found["remarks"]), "rows": rows})

    def lines(self) -> list[str]:
        """The result for a terminal: columns, remarks, machine."""
        cells = [HEADINGS, *(row.cells for row in self.rows)]
        shown = [number for number in range(len(HEADINGS)) if any(row[number] for row in cells[1:])]
        widths = {number: max(len(row[number]) for row in cells) for number in shown}
        lines = ["  ".join(row[number].ljust(widths[number]) for number in shown).rstrip() for row in cells]
        return [*lines, *self.remarks, self.circumstances]

    @property
    def circumstances(self) -> str:
        """One line: rounds, date, machine, versions."""
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        machine = "; ".join(self.machine.values())
        return f"{self.rounds} rounds on {self.date}; {machine}; {versions}."


@dataclass(frozen=True)
class Benchmark:
    """A benchmark: the docstring of its module, its function, its rounds, the distributions it compares with."""

    text: str
    measured: Callable[[int, Sequence[str]], Iterable[Row | str]]
    rounds: int
    peers: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The first line of the docstring: what is compared."""
        return self.text.splitlines()[0]

    def result(self, rounds: int | None = None, words: Sequence[str] = ()) -> Result:
        """Measures; ``words`` choose cases."""
        number = rounds or self.rounds
        before = os.getloadavg()[0]
        found = list(self.measured(number, words))
        versions = {name: version(name) for name in self.peers if _has_version(name)}
        return Result(
            datetime.now(timezone.utc).date().isoformat(),
            number,
            {**machine(), "load": f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after, {_priority()}"},
            {platform.python_implementation(): platform.python_version(), **versions},
            tuple(each for each in found if isinstance(each, str)),
            tuple(each for each in found if isinstance(each, Row)),
        )

    def main(self) -> int:
        """Measures, and prints a line for each ratio; 1 if a goal is missed."""
        parser = argparse.ArgumentParser(description=self.text, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("words", nargs="*", metavar="WORD", help="chooses cases")
        parser.add_argument("--rounds", type=int, default=self.rounds)
        parser.add_argument("--json", action="store_true", help="prints the result as JSON")
        given = parser.parse_args()
        result = self.result(given.rounds, given.words)
        print(json.dumps(result.to_json()) if given.json else "\n".join(result.lines()))
        return int(any(row.missed for row in result.rows))


def machine() -> dict[str, str]:
    """Processor, cores that this process may use, and system."""
    names = {
        line.split(":", 1)[1].strip() for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")
    }
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": ", ".join(sorted(names)) or platform.processor() or platform.machine(),
        "cores": f"{cores} cores",
        "system": platform.system(),
    }


def _priority() -> str:
    if hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR):
        return "real-time priority"
    return f"niceness {os.nice(0)}"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def _has_version(name: str) -> bool:
    try:
        version(name)
    except ImportError:
        return False
    return True
