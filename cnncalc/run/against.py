"""Compares a net in another engine, with the same weights and images, layer by layer with the run in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.analysis.torch_refusals import torch_refusals
from cnncalc.errors import DesignError, Problem, ValueProblem
from cnncalc.interop.exporters import ExportOptions
from cnncalc.layers.planes import pixels, planes
from cnncalc.records import NamedTuple
from cnncalc.run.forward import draw_images, run
from cnncalc.run.training import HEAD_WEIGHT, Trainer, draw_targets
from cnncalc.run.weights import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.run.weights import Weights

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
"""The largest difference of values that agree, as a share of the largest value of the layer, by data type."""
GRADIENT_TOLERANCE = 1e-10
"""The same for gradients in float64; in float32 rounding along a deep net is too large to compare them."""
LEAST_SCALE = 1e-3
"""The least value by which a difference is divided, as a share of the largest input of the layer; for gradients as a
share of the largest gradient of the net, those of its outputs included. Without it rounding would count as a difference
if the exact value is 0, as the gradient of a bias before BN or the mean of a normalized map."""


class ArrayComparison(NamedTuple):
    """The comparison of an array of one layer in another engine and in NumPy.

    ``what`` is ``output``, or the name of the parameter whose gradient it is. ``shape`` is the shape in the engine,
    ``expected_shape`` that in NumPy; of outputs batch x sides x depth. ``distance`` is the largest difference as a
    share of the largest value, None if the shapes differ.
    """

    layer: str
    what: str
    shape: tuple[int, ...]
    expected_shape: tuple[int, ...]
    distance: float | None
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether the shapes are equal, and the values within the tolerance."""
        return self.distance is not None and self.distance <= self.tolerance


class EngineComparison(NamedTuple):
    """The comparison of a net in another engine and in NumPy.

    ``outputs`` are the outputs of layers that were compared, ``gradients`` the gradients of parameters. ``unproven``
    are the layers that are left out: their figures are stated, or depend on stated ones.
    """

    name: str
    engine: str
    version: str
    batch: int
    dtype: str
    seed: int
    layers: int
    outputs: tuple[ArrayComparison, ...]
    gradients: tuple[ArrayComparison, ...]
    unproven: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether everything that was compared agrees."""
        return all(each.agrees for each in (*self.outputs, *self.gradients))


def compare_with(report: Report, engine: str, *, seed: int = 0) -> EngineComparison:
    """Runs a net in NumPy and in ``onnxruntime`` or ``torch``, with the same random weights and images.

    The outputs of all layers are compared; with torch in float64 also the gradients of all parameters in one training
    step, with the cross-entropy loss. The batch and the data type are those of the report. Layers whose figures are
    stated, not computed, and layers that depend on them are left out.

    Raises ValueProblem for a data type that is not run, such as float64 in ONNX Runtime, and DesignError if the engine
    is not installed, or a layer cannot be expressed in it or is refused by it.
    """
    if report.dtype not in TOLERANCE:
        raise ValueProblem(f"a net is run in float32 or float64, not in {report.dtype}", code="dtype")
    if engine == "onnxruntime" and report.dtype != "float32":
        message = "ONNX Runtime is compared in float32 only: its CPU kernels have no convolution in float64"
        raise ValueProblem(message, code="dtype", hint="--dtype float32, or --against torch")
    has_gradients = engine == "torch" and report.dtype == "float64" and not report.unproven
    refused = torch_refusals(report, report.batch, training=has_gradients) if engine == "torch" else ()
    if refused:
        raise DesignError(refused)
    version, outputs_of = {"onnxruntime": _in_onnxruntime, "torch": _in_torch}[engine](report)
    weights, images = build(report, seed=seed), draw_images(report, seed=seed)
    # no layer overwrites its input, so that all outputs can be compared
    out_of_place = report._replace(layers=tuple([row._replace(in_place=False) for row in report.layers]))
    expected = run(out_of_place, weights, images, keep=lambda name: True).outputs
    rows = {row.name: row for row in report.layers}
    unproven = {report.layers[index].name for index in report.unproven}
    compared = []
    for name, found in outputs_of(weights, images):
        if not rows[name].layer.is_input and name not in unproven:
            entering = [np.abs(expected[report.layers[source].name]).max(initial=0) for source in rows[name].sources]
            least = LEAST_SCALE * float(max(entering))
            compared.append(compare_arrays(name, "output", found, expected[name], TOLERANCE[report.dtype], least))
    gradients: tuple[ArrayComparison, ...] = ()
    if has_gradients:
        gradients = tuple(_gradients(report, seed))
    return EngineComparison(
        report.name, engine, version, report.batch, report.dtype, seed, len(report.layers), tuple(compared), gradients,
        tuple(name for name in rows if name in unproven),
    )  # fmt: skip


def compare_arrays(
    name: str, what: str, found: Any, expected: Any, tolerance: float, least: float = 0.0
) -> ArrayComparison:
    """The comparison of two arrays; ``least`` is the least value by which the difference is divided.

    NaN and infinities are equal to themselves.
    """
    if found.shape != expected.shape:
        return ArrayComparison(name, what, found.shape, expected.shape, None, tolerance)
    with np.errstate(invalid="ignore"):
        difference = np.abs(found - expected)
    difference = np.where((found == expected) | (np.isnan(found) & np.isnan(expected)), 0, difference)
    largest = max(float(np.abs(expected).max(initial=0)), least if np.isfinite(least) else 0.0)
    distance = float(difference.max(initial=0))
    share = distance / largest if largest and np.isfinite(largest) else distance
    return ArrayComparison(name, what, found.shape, expected.shape, share, tolerance)


# ONNX Runtime


def _in_onnxruntime(report: Report) -> tuple[str, Callable[[Weights, Mapping[str, Any]], Iterable[tuple[str, Any]]]]:
    """The version of ONNX Runtime, and a function that returns the name and output of each layer."""
    try:
        import onnxruntime
    except ImportError:
        hint = "python -m pip install 'cnncalc[onnx]'"
        raise DesignError([Problem("missing-extra", "ONNX Runtime is not installed", None, hint)]) from None
    from cnncalc.interop.onnx_writer import onnx_model

    def outputs(weights: Weights, images: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        options = ExportOptions(weights="seeded", arrays=weights)
        model = onnx_model(report.resolved, options, every_output=True)
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = 3
        session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
        entering = {name: np.ascontiguousarray(planes(image)) for name, image in images.items()}
        found = session.run(None, entering)
        for value, array in zip(model.graph.output, found, strict=True):
            yield value.name, pixels(array)

    return onnxruntime.__version__, outputs


# PyTorch


def _in_torch(report: Report) -> tuple[str, Callable[[Weights, Mapping[str, Any]], Iterable[tuple[str, Any]]]]:
    """The version of PyTorch, and a function that returns the name and output of each layer."""
    from cnncalc.interop.torch_module import imported_torch

    torch = imported_torch()
    from cnncalc.interop.torch_layers import layer_in_torch

    def outputs(weights: Weights, images: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        values: list[Any] = []
        with torch.no_grad():
            for row in report.layers:
                numbers = {name: torch.from_numpy(array) for name, array in weights[row.index].items()}
                inputs = [values[source] for source in row.sources] or [_tensor(torch, images[row.name])]
                if row.layer.takes_places:
                    inputs[1] = _places(torch, report.layers[row.sources[1]], values)
                values.append(layer_in_torch(row.layer, inputs, numbers))
                yield row.name, pixels(values[-1].numpy())

    return torch.__version__, outputs


def _tensor(torch: Any, image: Any) -> Any:
    """Images (batch x sides x depth) as a tensor batch x depth x sides."""
    return torch.from_numpy(np.ascontiguousarray(planes(image)))


def _places(torch: Any, pool: LayerReport, values: list[Any]) -> Any:
    """The place of each maximum in its window, as the run in NumPy computes it."""
    image = pixels(values[pool.sources[0]].numpy())
    _, extras = pool.layer.forward_training(np, image)
    return torch.from_numpy(np.ascontiguousarray(planes(extras["places"])))


def _mask(torch: Any, row: LayerReport, x: Any, random: np.random.Generator) -> Any:
    """The mask that the step in NumPy draws for DROPOUT, 1 for an element that is kept; None for other layers."""
    layer = row.layer
    if not layer.is_identity_at_test_time or layer.is_view or layer.no_effect(row.output) is not None:
        return None
    _, extras = row.layer.forward_training(np, pixels(x.detach().numpy()), random=random)
    return torch.from_numpy(planes(extras["mask"]).copy()) if "mask" in extras else None


def _gradients(report: Report, seed: int) -> Iterator[ArrayComparison]:
    """The comparison of the gradient of each parameter in one training step of PyTorch and of NumPy."""
    from cnncalc.interop.torch_training import loss_of

    trainer = Trainer(report, build(report, seed=seed), None, random=np.random.default_rng(seed), in_place=False)
    images, targets = draw_images(report, seed=seed), draw_targets(report, trainer.outputs, seed=seed)
    values, leaves = _trained(trainer, images, seed)
    loss = loss_of(
        [
            (values[row.index], targets[row.output.sides], HEAD_WEIGHT if row.training_only else 1)
            for row in trainer.outputs
        ]
    )
    trainer.step(images, targets)
    if not trainer.names:
        return
    ends = [values[row.index] for row in trainer.outputs if values[row.index].requires_grad]
    for value in ends:
        value.retain_grad()
    loss.backward()
    largest = max(float(each.grad.abs().max()) for each in (*leaves.values(), *ends) if each.grad is not None)
    for index, name in trainer.names:
        found = leaves[index, name].grad
        ours = trainer.gradients[index, name]
        theirs = np.zeros_like(ours) if found is None else found.numpy()
        layer = report.layers[index].name
        yield compare_arrays(layer, name, theirs, ours, GRADIENT_TOLERANCE, LEAST_SCALE * largest)


def _trained(trainer: Trainer, images: Mapping[str, Any], seed: int) -> tuple[list[Any], dict[tuple[int, str], Any]]:
    """The outputs of all layers in a training step of PyTorch, and the tensors of the arrays by row and name."""
    import torch

    from cnncalc.interop.torch_training import layer_in_training

    report = trainer.report
    leaves: dict[tuple[int, str], Any] = {}
    for row, numbers in zip(report.layers, trainer.weights, strict=True):
        for array in row.own_arrays:
            leaf = torch.from_numpy(numbers[array.name].copy())
            leaves[row.index, array.name] = leaf.requires_grad_((row.index, array.name) in trainer.names)
    values: list[Any] = []
    random = np.random.default_rng(seed)
    for row in report.layers:
        inputs = [values[source] for source in row.sources] or [_tensor(torch, images[row.name])]
        if row.layer.takes_places:
            inputs[1] = _places(torch, report.layers[row.sources[1]], [value.detach() for value in values])
        used = {}
        for array in row.arrays:
            owner, is_transposed = report.graph.owner(row.index, array.name)
            leaf = leaves[owner, array.name]
            used[array.name] = leaf.mT if is_transposed else leaf
        values.append(layer_in_training(row.layer, inputs, used, _mask(torch, row, inputs[0], random)))
    return values, leaves
