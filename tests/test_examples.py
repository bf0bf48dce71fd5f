"""The scripts under ``examples/`` run."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import cnncalc
from tests.calls import environment
from tests.manual import ROOT

EXAMPLES = ROOT / "examples"


def test_optuna_trains_only_designs_that_fit() -> None:
    """The best design that it prints is within the limits of the script."""
    pytest.importorskip("optuna", reason="Optuna is not installed (pip install optuna)")
    command = [sys.executable, str(EXAMPLES / "optuna_search.py")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    proposed, over = map(int, re.findall(r"(\d+) designs proposed, (\d+) over the limits", done.stdout)[0])
    assert 0 < over < proposed == 60
    best = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", done.stdout)}
    text = re.findall(r'FAMILY = """(.*?)"""', (EXAMPLES / "optuna_search.py").read_text(), re.S)[0]
    report = cnncalc.analyze("-", stdin=text, variables=best)
    assert report.totals.macs <= 100_000_000
    assert f"({report.totals.parameters:,} parameters, {report.totals.macs:,} macs" in done.stdout
    assert cnncalc.account_memory(report.graph, batch=64, optimizer="adam").training.peak_bytes <= 256 * 1024**2


def test_the_example_without_optuna_is_valid_python() -> None:
    compile((EXAMPLES / "optuna_search.py").read_text(encoding="utf-8"), "optuna_search.py", "exec")
