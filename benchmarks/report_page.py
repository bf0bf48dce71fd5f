"""Time to make the page of a report after start-up, in total and by step.

    python -m benchmarks.report_page [net] [rounds]

Prints medians of the CPU time of repeated calls in one process, including analysis and memory, and the size of the
page, which has each drawing twice, for wide and for narrow windows. The bound is for resnet152; exits with 1 if it is
exceeded. The first round, which imports modules, is not counted.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.bounds import Bounds
from cnncalc.analysis.loading import load
from cnncalc.analysis.report import account
from cnncalc.checks.check import CheckOptions
from cnncalc.cli.report import checked, texts_of
from cnncalc.language.settings import DEFAULT_SETTINGS
from cnncalc.memory.curve import curve_of
from cnncalc.memory.report import Options, Simulation, simulated
from cnncalc.page import report_page

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_MILLISECONDS = 300


def steps(net: str) -> Iterator[tuple[str, str]]:
    """Makes a page; yields the name of each step, with the page after the last one."""
    graph = load(net)
    yield "load", ""
    report = account(graph)
    yield "analysis", ""
    simulation = Simulation(report, Options())
    memory = simulated(simulation, logs=True, details=False)
    yield "memory", ""
    curve = curve_of(simulation)
    yield "curve", ""
    outcome = checked(net, report, DEFAULT_SETTINGS, CheckOptions({}))
    yield "budget and rules", ""
    texts = texts_of(report)
    yield "texts", ""
    yield "page", report_page(memory, curve, outcome, texts)


def main() -> int:
    """Measures, and prints one line for each step."""
    net = sys.argv[1] if len(sys.argv) > 1 else "resnet152"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 11
    took: dict[str, list[float]] = {}
    page = ""
    for number in range(rounds + 1):
        gc.collect()
        gc.disable()  # as in the program
        start = before = time.process_time()
        for name, written in steps(net):
            now = time.process_time()
            page = written
            if number:
                took.setdefault(name, []).append(now - before)
            before = now
        if number:
            took.setdefault("all", []).append(before - start)
        gc.enable()
    bounds = Bounds()
    for name, seconds in took.items():
        milliseconds = statistics.median(seconds) * 1000
        is_bounded = (name, net) == ("all", "resnet152")
        limit = "  " + bounds.checked(milliseconds, MAX_MILLISECONDS, "ms") if is_bounded else ""
        print(f"{name:20}{milliseconds:8.1f} ms{limit}")
    print(f"{'size of the page':20}{len(page.encode()) / 1000:8.1f} kB")
    return int(bounds.is_exceeded)


if __name__ == "__main__":
    sys.exit(main())
