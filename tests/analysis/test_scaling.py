"""Time in proportion to the layers: ten times as many take about ten times as long, not a hundred times.

The nets are small enough that a test is quick; ``python -m benchmarks.layers`` measures 20,000 and 197,000 layers.
"""

from __future__ import annotations

import gc
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

import cnncalc
from cnncalc.analysis.difference import difference
from cnncalc.checks.rules import run_rules
from cnncalc.drawings import draw
from cnncalc.formats import write
from cnncalc.language.writer import as_pattern
from cnncalc.memory.curve import curve_of
from cnncalc.memory.report import Options, Simulation, account_memory
from cnncalc.run.verify import verify
from cnncalc.views.layer_table import table_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnncalc.analysis.report import Report


pytestmark = pytest.mark.slow


def _difference(report: Report, net: str) -> object:
    return difference(report, cnncalc.analyze(net.replace("RELU", "SIGMOID")))


def _drawn(kind: str, net: str) -> str:
    return draw(cnncalc.analyze(net), kind)


NETS = {
    "equal layers": "[CONV3-8 -> RELU]*{n}",
    "changing layers": "[CONV3-{{8+i*i%97}} -> RELU]*{n} as i",
    "shortcuts": "[[CONV3-8 -> BN -> RELU | IDENTITY] -> ADD]*{n}",
    "joined volumes of different sizes": "[[IDENTITY | CONV3-1 -> RELU] -> CONCAT]*{n}",
}
FEW, MANY = 40, 400
MOST = 15
"""How many times as long ten times as many layers may take: the clock is coarse, and the machine may be busy."""
WORK: dict[str, Callable[[str], object]] = {
    "report": lambda net: cnncalc.analyze(net),
    "table": lambda net: write(table_document(cnncalc.analyze(net)), "text"),
    "pattern": lambda net: as_pattern(cnncalc.load(net)),
    "memory": lambda net: account_memory(cnncalc.analyze(net)),
    "curve": lambda net: curve_of(Simulation(cnncalc.analyze(net), Options())),
    "rules": lambda net: run_rules(cnncalc.analyze(net), file="net", select=(), ignore=()),
    "difference": lambda net: _difference(cnncalc.analyze(net), net),
    **{kind: partial(_drawn, kind) for kind in ("cost", "volumes", "graph")},
}


def seconds(work: Callable[[str], object], net: str) -> float:
    """CPU seconds of a call, without garbage collection, as in the program."""
    gc.disable()
    start = time.process_time()
    work(net)
    taken = time.process_time() - start
    gc.enable()
    return taken


def growth(work: Callable[[str], object], few: str, many: str) -> float:
    """How many times as long the larger net takes."""
    seconds(work, few)  # imports
    for _ in range(4):  # a busy machine may disturb one
        ratio = seconds(work, many) / min(seconds(work, few) for _ in range(3))
        if ratio < MOST:
            break
    return ratio


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("layers", NETS)
def test_time_grows_with_the_number_of_layers(layers: str, work: str) -> None:
    few, many = (f"INPUT 6x5x8 -> {NETS[layers].format(n=number)} -> FC-10" for number in (FEW, MANY))
    assert growth(WORK[work], few, many) < MOST


def test_fields_grow_with_the_number_of_inputs_of_a_layer() -> None:
    few, many = (f"INPUT 6x5x8@a -> CONCAT({', '.join(['@a'] * number)}, axis=height)" for number in (500, 5_000))
    assert growth(WORK["report"], few, many) < MOST


def test_a_run_of_many_steps_is_made_ready_in_linear_time() -> None:
    few, many = (f"INPUT 3x2x2 -> [[CONV1-2 | ] -> ADD -> POOL3/1(pad=1)]*{number}" for number in (200, 2_000))
    assert growth(lambda net: cnncalc.prepare(net, threads=1), few, many) < MOST


def test_the_rules_grow_with_the_number_of_their_findings() -> None:
    few, many = (f"INPUT 1x1x3 -> [FC-3 -> FC-3 -> RELU]*{number}" for number in (100, 1_000))
    assert growth(WORK["rules"], few, many) < MOST


def test_verifying_grows_with_the_number_of_layers() -> None:
    few, many = (f"INPUT 3x2x2 -> [CONV1-2 -> RELU]*{number}" for number in (100, 1_000))
    assert growth(lambda net: verify(cnncalc.analyze(net)), few, many) < MOST


@pytest.mark.parametrize("block", ["[CONV3-8 -> RELU -> POOL3/1(pad=1)]", "[[CONV3-8 -> RELU | ] -> ADD]@block"])
def test_checkpointing_grows_with_the_number_of_blocks(block: str) -> None:
    few, many = (f"INPUT 6x5x8 -> {block}*{number} -> FC-10" for number in (100, 1_000))
    options = Options(checkpoint="blocks")
    assert growth(lambda net: Simulation(cnncalc.analyze(net), options).training(1), few, many) < MOST
