"""The run of a net by ONNX's reference evaluator, divided by ours.

    python -m benchmarks.evaluator [NET ...]

Both compute in NumPy, in one process, a batch of 1 in float32 with the same weights; their outputs are compared first.
A ratio says how many times as much the evaluator takes.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.interleaved import Benchmark, Goal, call, interleaved, is_installed
from cnncalc.run.processor import use_widest_kernels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.interleaved import Row, Taken

NETS = ("lenet5-modern", "cifar-tiny", "nin", "squeezenet-1.1", "alexnet-torchvision", "mobilenet-v2", "resnet18")
AGREED = 1e-4
"""The most that outputs may differ, as a share of the largest element."""


def measured(rounds: int, words: Sequence[str]) -> Iterator[Row | str]:
    """A row for each net."""
    if not is_installed("onnx"):
        yield "Nothing is measured, since onnx is not installed."
        return
    use_widest_kernels()
    for net in words or NETS:
        theirs, ours = f"onnx.reference, {net}", f"cnncalc, {net}"
        run = interleaved(dict(zip((theirs, ours), turns(net), strict=True)), rounds)
        yield run.row(theirs, ours, Goal("time", least=20))


def turns(net: str) -> tuple[Callable[[], Taken], Callable[[], Taken]]:
    """The turns of the evaluator and of our run, whose outputs agree."""
    import numpy as np
    from onnx.reference import ReferenceEvaluator

    import cnncalc
    from cnncalc.interop.exporters import ExportOptions
    from cnncalc.interop.onnx_writer import onnx_model
    from cnncalc.layers.planes import planes
    from cnncalc.run.forward import draw_images, run
    from cnncalc.run.weights import build

    report = cnncalc.analyze(net)
    weights, images = build(report), draw_images(report)
    model = onnx_model(report.resolved, ExportOptions(weights="seeded", arrays=weights))
    given = {name: np.ascontiguousarray(planes(image)) for name, image in images.items()}
    theirs: Callable[[], list[Any]] = partial(ReferenceEvaluator(model).run, None, given)
    ours = partial(run, report, weights, images, training_only=False)
    for mine, other in zip(ours().outputs.values(), theirs(), strict=True):
        difference = np.abs(planes(mine).reshape(other.shape) - other).max() / np.abs(other).max()
        assert difference <= AGREED, f"the outputs of {net} differ by {difference}"
    return call(theirs), call(ours)


BENCHMARK = Benchmark(__doc__, measured, rounds=11, peers=("numpy", "onnx"))


def main() -> int:
    """Measures, and prints the ratios."""
    return BENCHMARK.main()


if __name__ == "__main__":
    sys.exit(main())
