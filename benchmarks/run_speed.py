"""The run of a net in NumPy, divided by that of eager PyTorch and of ONNX Runtime, and ONNX's evaluator by ours.

    python -m benchmarks.run_speed [NET ...] [BATCH ...]

All run the same net in float32 on all cores, in one process, with weights that are ready: ``cnncalc.prepare``, the
module that ``cnncalc convert --to torch`` writes, a session of ONNX Runtime. The reference evaluator of onnx, which
computes in NumPy too, runs some of the nets at a batch of 1; there a ratio says how many times as much it takes. Ours
has the same weights as ONNX Runtime and the evaluator, and the outputs are compared first. In each turn a run is
repeated for at least 50 ms.
"""

from __future__ import annotations

import sys
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any

from benchmarks.interleaved import Benchmark, Goal, call, interleaved, is_installed, left_out
from cnncalc.run.processor import use_widest_kernels
from cnncalc.search.processes import available_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.interleaved import Row, Taken

NETS = ("vgg16", "resnet50-v1.5", "googlenet-bn", "mobilenet-v2", "densenet121", "alexnet-torchvision")
EVALUATED = ("lenet5-modern", "squeezenet-1.1", "resnet18", "mobilenet-v2", "alexnet-torchvision")
"""The nets that the reference evaluator runs."""

BATCHES = (1, 8)
TORCH, SESSION, EVALUATOR = "eager PyTorch", "ONNX Runtime", "onnx.reference"
NEEDED = {TORCH: "torch", SESSION: "onnxruntime", EVALUATOR: "onnx"}
TURN_SECONDS = 0.05
"""The least time of a turn, so that a short run is measured as it is when it runs many times."""
AGREED = 1e-4
"""The most that outputs may differ, as a share of the largest element."""


def measured(rounds: int, words: Sequence[str]) -> Iterator[Row | str]:
    """A row for each net, batch and other engine."""
    use_widest_kernels()
    batches = [int(word) for word in words if word.isdigit()] or BATCHES
    nets = [word for word in words if not word.isdigit()]
    engines = []
    for name, module in NEEDED.items():
        if missing := [each for each in dict.fromkeys(["onnx", module]) if not is_installed(each)]:
            yield left_out(name, missing)
        else:
            engines.append(name)
    if not is_installed("threadpoolctl"):
        yield "Ours runs on one thread, since threadpoolctl is not installed."
    for net in nets or dict.fromkeys([*NETS, *EVALUATED]):
        for batch in batches:
            is_evaluated = batch == 1 and (net in EVALUATED or net not in NETS)
            others = [name for name in engines if (is_evaluated if name == EVALUATOR else net in (*nets, *NETS))]
            if others:
                yield from rows(net, batch, others, rounds)
    if is_installed("threadpoolctl"):
        yield f"NumPy multiplies matrices with {kernels()}."


def rows(net: str, batch: int, others: Sequence[str], rounds: int) -> Iterator[Row]:
    """The rows of a net and batch."""
    ours = f"{net}, batch {batch}"
    run = interleaved({name: turn(function) for name, function in calls(net, batch, others, ours).items()}, rounds)
    for name in others:
        if name == EVALUATOR:
            yield run.row(name, ours, Goal("time", least=20))
        else:
            most = 1.0 if name == TORCH else 1.3 if net == "vgg16" else 1.8
            yield run.row(ours, name, *[Goal("time", most=most)] * (batch == 1))


def turn(function: Callable[[], object]) -> Callable[[], Taken]:
    """The turn of a run, which is repeated for TURN_SECONDS."""
    function()
    return call(function, times=ceil(TURN_SECONDS / call(function)().seconds))


def kernels() -> str:
    """The library of NumPy's matrix products, and for which processors the kernels are that it has chosen."""
    from threadpoolctl import threadpool_info

    blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return ", ".join(
        f"{each['internal_api']}, kernels for {each.get('architecture', 'any processor')}" for each in blas
    )


def calls(net: str, batch: int, others: Sequence[str], name: str) -> dict[str, Callable[[], list[Any]]]:
    """The run of each engine, ours by ``name``; those with our weights have the same outputs."""
    import numpy as np

    import cnncalc
    from cnncalc.interop.exporters import ExportOptions
    from cnncalc.interop.onnx_writer import onnx_model
    from cnncalc.layers.planes import planes
    from cnncalc.run.forward import draw_images
    from cnncalc.run.prepared import PreparedNet
    from cnncalc.run.weights import build

    report = cnncalc.analyze(net, batch=batch)
    weights, images = build(report), draw_images(report)
    prepared = PreparedNet(report, weights, threads=available_cores())
    given = {key: np.ascontiguousarray(planes(image)) for key, image in images.items()}
    model = onnx_model(report.resolved, ExportOptions(weights="seeded", arrays=weights))
    found = {name: lambda: [planes(array) for array in prepared(images).values()]}
    if TORCH in others:
        found[TORCH] = torch_run(report, given)
    if SESSION in others:
        found[SESSION] = session_run(model, given)
    if EVALUATOR in others:
        from onnx.reference import ReferenceEvaluator

        found[EVALUATOR] = partial(ReferenceEvaluator(model).run, None, given)
    for other in found.keys() - {name, TORCH}:
        for mine, theirs in zip(found[name](), found[other](), strict=True):
            difference = np.abs(mine.reshape(theirs.shape) - theirs).max() / np.abs(theirs).max()
            assert difference <= AGREED, f"{net}: the outputs of {other} differ by {difference}"
    return found


def torch_run(report: Any, given: dict[str, Any]) -> Callable[[], list[Any]]:
    """The run of the module that is written as code, with weights of PyTorch's own."""
    import torch

    from cnncalc.interop.exporters import ExportOptions
    from cnncalc.interop.torch_source import torch_source

    torch.set_num_threads(available_cores())
    names: dict[str, Any] = {"__name__": "net"}
    exec(torch_source(report.resolved, ExportOptions()), names)  # noqa: S102 (our own code)
    module = names["Net"]().eval()
    tensors = [torch.from_numpy(image) for image in given.values()]

    def run() -> list[Any]:
        with torch.inference_mode():
            return [module(*tensors)]

    return run


def session_run(model: Any, given: dict[str, Any]) -> Callable[[], list[Any]]:
    """The run of a session of ONNX Runtime on the CPU."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    settings.intra_op_num_threads = available_cores()
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    return partial(session.run, None, given)


BENCHMARK = Benchmark(__doc__, measured, rounds=9, peers=("numpy", "threadpoolctl", "torch", "onnxruntime", "onnx"))


def main() -> int:
    """Measures, and prints the ratios."""
    return BENCHMARK.main()


if __name__ == "__main__":
    sys.exit(main())
