"""Volumes, parameters, buffers and multiply-adds of random nets, compared with those of PyTorch's modules.

    python -m benchmarks.random_counts [FIRST] [LAST]

Draws the nets of the seeds FIRST (0) to LAST (19999) of tests/memory/random_training.py, on one to three sides, and
runs two images each in PyTorch on tensors without data. Prints those that differ, and counts those that PyTorch
refuses: without data it takes no average over three sides whose kernel is larger than the input, padded or not, and
it normalizes no map of one element. Run it from the checkout, with PyTorch installed.
"""

from __future__ import annotations

import sys
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report

REFUSALS = ("smaller than kernel size", "more than 1 spatial element")


def main() -> int:
    """Prints the differences; the exit code is 1 if there is any."""
    import cnncalc
    from tests.memory.random_training import random_trial

    first, last = (int(sys.argv[place]) if len(sys.argv) > place else given for place, given in ((1, 0), (2, 19999)))
    wrong = refused = 0
    for seed in range(first, last + 1):
        pattern = random_trial(seed).pattern
        try:
            said = differences(cnncalc.analyze(pattern))
        except (RuntimeError, ValueError) as error:
            if not any(words in str(error) for words in REFUSALS):
                raise
            refused += 1
            continue
        wrong += bool(said)
        if said:
            print(f"{seed}: {pattern}: {'; '.join(said)}", flush=True)
    print(f"{last - first + 1 - wrong - refused:,} equal, {wrong:,} different, {refused:,} refused by PyTorch")
    return 1 if wrong else 0


def differences(report: Report) -> list[str]:
    """What PyTorch has otherwise, a line each."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from tests.memory.torch_oracle import Net

    said: list[str] = []
    with torch.no_grad(), torch.device("meta"), FlopCounterMode(display=False) as counter:
        net = Net(report).eval()
        values: dict[int, Any] = {}
        for row in report.layers:
            if row.kind == "input":
                values[row.index] = torch.empty(2, row.output.depth, *row.output.sides)
            else:
                values[row.index] = net.functions[row.index](*[values[source] for source in row.sources])
            if not _agree(row, tuple(values[row.index].shape)):
                said.append(f"{row.name} {row.output} is {tuple(values[row.index].shape)}")
    totals = report.totals
    pairs = {
        "parameters": (totals.parameters, sum(array.numel() for array in net.parameters())),
        "buffers": (totals.buffers, sum(x.numel() for name, x in net.named_buffers() if "num_batches" not in name)),
        "MACs": (totals.macs, counter.get_total_flops() // 4),
    }
    return said + [f"{name} {ours:,} instead of {theirs:,}" for name, (ours, theirs) in pairs.items() if ours != theirs]


def _agree(row: LayerReport, shape: tuple[int, ...]) -> bool:
    """Whether a tensor has the volume of a layer: as a map, or as batch x depth."""
    volume = row.output
    return shape in ((2, volume.depth, *volume.sides), (2, prod(volume)) if set(volume.sides) == {1} else ())


if __name__ == "__main__":
    sys.exit(main())
