"""Time of a run of a net in NumPy, as a multiple of that in eager PyTorch and in ONNX Runtime.

    python -m benchmarks.run_speed [net ...] [--batch 1,8] [--rounds 9] [--threads 2]

All three run the same net on the same number of threads, with float32 and weights that are ready: what is measured is
one call after the first. Ours has the same weights as ONNX Runtime; PyTorch runs the code that ``convert --to torch``
writes. The engines take turns, so a busy machine slows all of them alike. Prints a table in Markdown: the median of our
times, the median of the ratios of each round with their quartiles, and the largest difference from the output of ONNX
Runtime as a share of its largest element. Needs PyTorch, onnx and onnxruntime.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

from cnncalc.records import NamedTuple
from cnncalc.run.processor import use_widest_kernels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NETS = ("vgg16", "resnet50-v1.5", "googlenet-bn", "mobilenet-v2", "densenet121", "alexnet-torchvision")
BATCHES = (1, 8)
MAX_TORCH = 1.0
MAX_ORT = {"vgg16": 1.3}
MAX_ORT_ELSE = 1.8
"""Bounds of the ratios at batch 1: goals of the project."""


class Speed(NamedTuple):
    """One net and batch: milliseconds of our run, and that time as a multiple of the time of each other engine.

    Of the multiple the lower quartile, the median and the upper quartile; ``apart`` is the largest difference of the
    outputs as a share of the largest element.
    """

    net: str
    batch: int
    milliseconds: float
    over_torch: tuple[float, float, float]
    over_ort: tuple[float, float, float]
    apart: float


def rows(
    nets: Sequence[str] = NETS, batches: Sequence[int] = BATCHES, *, rounds: int = 9, threads: int = 2
) -> Iterator[Speed]:
    """Measures each net with each batch."""
    use_widest_kernels()
    for net in nets:
        for batch in batches:
            yield _measured(net, batch, rounds, threads)


def _measured(net: str, batch: int, rounds: int, threads: int) -> Speed:
    import numpy as np

    import cnncalc
    from cnncalc.run.forward import draw_images
    from cnncalc.run.weights import build

    report = cnncalc.analyze(net, batch=batch)
    weights, images = build(report), draw_images(report)
    calls: dict[str, Callable[[], Any]] = {
        "ours": _ours(report, weights, images, threads),
        "torch": _torch(report, images, threads),
        "ort": _ort(report, weights, images, threads),
    }
    found, expected = calls["ours"](), calls["ort"]()
    apart = max(
        float(np.abs(ours.reshape(theirs.shape) - theirs).max() / np.abs(theirs).max())
        for ours, theirs in zip(found, expected, strict=True)
    )
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 2):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if number >= 2:  # the first rounds bring the memory in
                times[name].append(time.perf_counter() - start)

    def over(name: str) -> tuple[float, float, float]:
        ratios = [ours / theirs for ours, theirs in zip(times["ours"], times[name], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return low, middle, high

    return Speed(net, batch, 1000 * statistics.median(times["ours"]), over("torch"), over("ort"), apart)


def _ours(report: Any, weights: Any, images: Any, threads: int) -> Callable[[], list[Any]]:
    from cnncalc.run.prepared import PreparedNet

    net = PreparedNet(report, weights, threads=threads)
    return lambda: [np_planes(array) for array in net(images).values()]


def np_planes(array: Any) -> Any:
    """An output batch x sides x depth as batch x depth x sides, the order of the other engines."""
    from cnncalc.layers.planes import planes

    return planes(array)


def _torch(report: Any, images: Any, threads: int) -> Callable[[], Any]:
    import torch

    from cnncalc.interop.exporters import ExportOptions
    from cnncalc.interop.torch_source import torch_source

    torch.set_num_threads(threads)
    scope: dict[str, Any] = {"__name__": "net"}
    exec(compile(torch_source(report.resolved, ExportOptions()), "net.py", "exec"), scope)  # noqa: S102
    module = next(value for value in reversed(list(scope.values())) if _is_module(torch, value))().eval()
    tensors = [torch.from_numpy(np_planes(image).copy()) for image in images.values()]

    def call() -> Any:
        with torch.inference_mode():
            return module(*tensors)

    return call


def _is_module(torch: Any, value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, torch.nn.Module)


def _ort(report: Any, weights: Any, images: Any, threads: int) -> Callable[[], list[Any]]:
    import numpy as np
    import onnxruntime

    from cnncalc.interop.exporters import ExportOptions
    from cnncalc.interop.onnx_writer import onnx_model

    model = onnx_model(report.resolved, ExportOptions(weights="seeded", arrays=weights))
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    settings.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    entering = {name: np.ascontiguousarray(np_planes(image)) for name, image in images.items()}
    return lambda: list(session.run(None, entering))


def table(found: Sequence[Speed]) -> str:
    """The rows as a table in Markdown."""
    lines = [
        "| net | batch | ours, ms | over PyTorch (quartiles) | over ONNX Runtime (quartiles) | difference |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in found:
        ratios = [f"{middle:.2f} ({low:.2f} to {high:.2f})" for low, middle, high in (row.over_torch, row.over_ort)]
        cells = (row.net, f"{row.batch}", f"{row.milliseconds:.1f}", *ratios, f"{row.apart:.1e}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Measures, and prints the table; 1 if a bound of batch 1 is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nets", nargs="*", default=NETS)
    parser.add_argument("--batch", default="1,8")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    call = parser.parse_args()
    batches = [int(text) for text in call.batch.split(",")]
    found = list(rows(call.nets, batches, rounds=call.rounds, threads=call.threads))
    print(table(found))
    exceeded = [
        row
        for row in found
        if row.batch == 1 and (row.over_torch[1] > MAX_TORCH or row.over_ort[1] > MAX_ORT.get(row.net, MAX_ORT_ELSE))
    ]
    for row in exceeded:
        print(f"{row.net}: beyond {MAX_TORCH:g} x PyTorch or {MAX_ORT.get(row.net, MAX_ORT_ELSE):g} x ONNX Runtime")
    return int(bool(exceeded))


if __name__ == "__main__":
    sys.exit(main())
