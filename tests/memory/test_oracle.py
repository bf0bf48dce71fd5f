"""Memory of every layer kind and of combinations, equal to PyTorch's to the byte.

``data/measured.json`` has measurements of PyTorch 2.13, so that the rules are tested without it; where it is installed,
a sample is measured again. Figures are those of :class:`tests.memory.torch_oracle.Measured`.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from cnncalc.memory.report import Options, account_memory
from tests.memory.oracle_cases import NETS, measure_sample, measures, report_of
from tests.memory.own_process import answer_of

FIGURES = ("peak", "first step", "after forward", "after backward", "saved", "inference")
MEASURED: list[Any] = json.loads((Path(__file__).parent / "data" / "measured.json").read_text(encoding="utf-8"))
KINDS = list(dict.fromkeys(net.partition("(")[0] for net, _, _ in MEASURED))


def computed(net: str, habits: dict[str, Any]) -> list[int]:
    account = account_memory(report_of(net), Options(**{"profile": "torch-fake", "batch": 3, **habits}), details=False)
    training = account.training
    return [
        training.peak_bytes,
        training.first_step_peak_bytes,
        training.after_forward_bytes,
        training.after_backward_bytes,
        training.saved_bytes,
        account.inference.peak_bytes,
    ]


def differences(rows: list[Any]) -> list[str]:
    return [
        f"{net} {habits}: {name} {got:,} instead of {want:,}"
        for net, habits, figures in rows
        for name, got, want in zip(FIGURES, computed(net, habits), figures, strict=True)
        if got != want
    ]


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, 4))])
@pytest.mark.parametrize("kind", KINDS)
def test_memory_equals_the_stored_measurements(kind: str, part: int) -> None:
    """A layer kind in all variants, or a net with all options; a quarter of the rows belongs to the quick tests."""
    assert not differences([row for row in MEASURED if row[0].partition("(")[0] == kind][part::4])


def test_every_case_has_a_stored_measurement() -> None:
    every = [(measure.net, measure.habits) for measure in measures()]
    measured = [(net, habits) for net, habits, _ in MEASURED]
    assert every == measured, "python -m tests.memory.measure missing measures what data/measured.json lacks"
    assert set(NETS) <= set(KINDS)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is not installed, so nothing here is measured anew"
)
def test_memory_equals_new_measurements() -> None:
    rows = answer_of("tests.memory.measure")
    assert len(rows) == len(measure_sample())
    assert not differences(rows)
