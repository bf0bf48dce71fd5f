"""Volumes, parameters, buffers and multiply-adds of random nets, compared with those of PyTorch's modules.

    python -m benchmarks.random_counts [FIRST] [LAST]

Draws the nets of the seeds FIRST (0) to LAST (19999) of tests/random_volumes.py, which hold every kind on one to three
sides, and runs two images each in PyTorch on tensors without data, layer by layer. Prints those that differ, and counts
those that PyTorch refuses, by what it says. Multiply-adds are those of PyTorch's counter; of a connection table they
are its weights times the positions, and of an OPAQUE layer they are not compared. Run it from the checkout, with
PyTorch installed. It takes about a minute for a thousand nets.
"""

from __future__ import annotations

import sys
from collections import Counter
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report

REFUSALS = {
    "smaller than kernel size": "an average over three sides of an input smaller than the kernel, padded or not",
    "more than 1 spatial element": "the normalization of a map of one element",
    "more than 1 value per channel": "the standardization of a single weight",
    "view size is not compatible": "LRN of a map that is not contiguous",
}
"""What PyTorch refuses, by words of its message."""


def main() -> int:
    """Prints the differences; the exit code is 1 if there is any."""
    import cnncalc
    from tests.random_volumes import random_net

    first, last = (int(sys.argv[place]) if len(sys.argv) > place else given for place, given in ((1, 0), (2, 19999)))
    wrong = equal = 0
    refused: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for seed in range(first, last + 1):
        pattern = random_net(seed).pattern
        report = cnncalc.analyze(pattern)
        try:
            said = differences(report)
        except (RuntimeError, ValueError) as error:
            reason = next((reason for words, reason in REFUSALS.items() if words in str(error)), None)
            said = [] if reason else [str(error).splitlines()[0]]
            if reason:
                refused[reason] += 1
                continue
        kinds.update(row.kind for row in report.layers)
        equal += not said
        wrong += bool(said)
        if said:
            print(f"{seed}: {pattern}: {'; '.join(said)}", flush=True)
    print(f"{equal:,} equal, {wrong:,} different, {sum(refused.values()):,} refused by PyTorch")
    for reason, count in refused.items():
        print(f"refused {count:,}: {reason}")
    rarest = ", ".join([f"{kind} {count:,}" for kind, count in kinds.most_common()[:-6:-1]])
    print(f"{len(kinds)} kinds, the rarest: {rarest}")
    return 1 if wrong else 0


def differences(report: Report) -> list[str]:
    """What PyTorch has otherwise, layer by layer."""
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
                continue
            before = counter.get_total_flops()
            made = net.functions[row.index](*[values[source] for source in row.reads])
            values[row.index], values[~row.index] = made if isinstance(made, tuple) else (made, None)
            if not _agree(row, tuple(values[row.index].shape)):
                said.append(f"{row.name} {row.output} is {tuple(values[row.index].shape)}")
            macs = (counter.get_total_flops() - before) // 4
            module, used = [_module(net, index) for index in (row.index, report.graph.owner(row.index, "weight")[0])]
            if getattr(row.layer, "connections", None) is not None:
                macs = used.weight.numel() * row.output.positions
            pairs = _counts(row, module, macs)
            said += [
                f"{row.name}: {name} {ours:,} instead of {theirs:,}" for name, ours, theirs in pairs if ours != theirs
            ]
    return said


def _module(net: Any, index: int) -> Any:
    """The module of a row; None where it has none of its own."""
    return dict(net.parts.items()).get(f"m{index}")


def _counts(row: LayerReport, module: Any, macs: int) -> list[tuple[str, int, int]]:
    """Of a layer: what is counted, by the report and by PyTorch."""
    parameters = [] if module is None else list(module.parameters())
    buffers = [] if module is None else [x for name, x in module.named_buffers() if "num_batches" not in name]
    pairs = [
        ("parameters", row.parameters, sum(array.numel() for array in parameters)),
        ("buffers", row.buffers, sum(array.numel() for array in buffers)),
        ("trainable", row.trainable, sum(array.numel() for array in parameters if array.requires_grad)),
    ]
    return pairs if row.layer.is_stated else [*pairs, ("MACs", row.macs, macs)]


def _agree(row: LayerReport, shape: tuple[int, ...]) -> bool:
    """Whether a tensor has the volume of a layer: as a map, or as batch x depth."""
    volume = row.output
    return shape in ((2, volume.depth, *volume.sides), (2, prod(volume)) if set(volume.sides) == {1} else ())


if __name__ == "__main__":
    sys.exit(main())
