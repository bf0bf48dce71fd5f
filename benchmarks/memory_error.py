"""Errors of three estimates of training memory against PyTorch: cnncalc, the CS231n estimate, torchinfo's total.

    python -m benchmarks.memory_error

Uses the recorded training steps in float32 of ``tests/memory/data/truth.json`` (PyTorch 2.13, MemTracker on a fake CUDA
device), so it needs no PyTorch. The CS231n estimate is 2 x activations + 3 x parameters, both from the table.
torchinfo's "Estimated Total Size" is input + parameters + 2 x the outputs of the layers that have parameters (version
1.8.0, ``model_statistics.py``), whatever the optimizer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import cnncalc
from cnncalc.memory.report import Options, account_memory

TRUTH = Path(__file__).resolve().parent.parent / "tests" / "memory" / "data" / "truth.json"
OPTIMIZERS = {"sgd": "sgd", "sgd_momentum": "momentum", "adam": "adam"}


def torchinfo_total(report: cnncalc.Report, batch: int) -> int:
    """Bytes of torchinfo's estimate for a batch, in float32."""
    inputs = sum(row.activations for row in report.layers if row.kind == "input")
    outputs = sum(row.activations for row in report.layers if row.parameters)
    return 4 * (batch * (inputs + 2 * outputs) + report.totals.parameters)


def main() -> int:
    """Prints the errors of each case, then the median and the largest."""
    truth: dict[str, Any] = json.loads(TRUTH.read_text(encoding="utf-8"))
    rows = [row for row in truth["cuda"] if row["mode"] == "train" and row["dtype"] == "float32"]
    errors: dict[str, list[float]] = {"cnncalc": [], "CS231n estimate": [], "torchinfo": []}
    print("net batch optimizer measured cnncalc notes torchinfo")
    for row in rows:
        report = cnncalc.analyze("-", stdin=truth["nets"][row["net"]])
        batch = row["batch"]
        memory = account_memory(report, Options("torch-fake", batch, optimizer=OPTIMIZERS[row["opt"]]))
        guesses = (memory.training.peak_bytes, memory.notes.training_bytes, torchinfo_total(report, batch))
        shown = []
        for found, guess in zip(errors.values(), guesses, strict=True):
            error = guess / row["peak"] - 1
            found.append(error)
            shown.append(f"{error:+.1%}")
        print(row["net"], batch, row["opt"], row["peak"], *shown)
    print(f"\n{len(rows)} training steps: median and largest absolute error; cases without error")
    for name, found in errors.items():
        absolute = [abs(error) for error in found]
        exact = sum(error == 0 for error in found)
        print(f"{name:12} {median(absolute):6.1%} {max(absolute):6.1%} {exact:4}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
