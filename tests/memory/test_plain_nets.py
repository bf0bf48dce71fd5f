"""Memory of nets as people write them in PyTorch, designed by hand and read from the module, equal to the byte.

``data/plain_nets.json`` has measurements of PyTorch 2.13.
"""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

import cnncalc
from cnncalc.memory.report import Options
from tests.memory.own_process import answer_of
from tests.memory.random_training import FIGURES, computed

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report

if importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is not installed, so no module can be read", allow_module_level=True)

from tests.memory.measure_plain import DATA, settings
from tests.memory.plain_nets import NETS

MEASURED: list[Any] = json.loads(DATA.read_text(encoding="utf-8"))


@cache
def report_of(net: str, way: str) -> Report:
    case = NETS[net]
    if way == "designed":
        return cnncalc.analyze("-", stdin=case.design)
    inputs: Any = case.inputs if len(case.inputs) > 1 else next(iter(case.inputs.values()))
    return cnncalc.analyze(cnncalc.from_torch(case.module(), inputs))


def differences(way: str, rows: list[Any]) -> list[str]:
    return [
        f"{net} {habits}: {name} {got:,} instead of {want:,}"
        for net, habits, figures in rows
        for name, got, want in zip(FIGURES, computed(report_of(net, way), Options(**habits)), figures, strict=True)
        if got != want
    ]


@pytest.mark.parametrize("way", ["designed", "read"])
@pytest.mark.parametrize("net", NETS)
def test_a_plain_module_needs_what_is_computed(net: str, way: str) -> None:
    assert not differences(way, [row for row in MEASURED if row[0] == net])


def test_every_setting_has_a_stored_measurement() -> None:
    assert [(net, habits) for net, habits, _ in MEASURED] == settings()


@pytest.mark.slow
def test_plain_modules_need_what_was_measured() -> None:
    rows = answer_of("tests.memory.measure_plain", "5")
    assert rows == MEASURED[::5]
