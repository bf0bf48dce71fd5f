"""Runs a model file in ONNX Runtime, and compares it layer by layer with the run in NumPy on the same weights."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.interop.tensor_values import NotKnown
from cnncalc.interop.tensor_weights import Place, from_volume, is_whole, to_volume
from cnncalc.interop.views import batch_of, shape_of
from cnncalc.records import NamedTuple
from cnncalc.run.against import LEAST_SCALE, TOLERANCE, ArrayComparison, compare_arrays
from cnncalc.run.forward import draw_images, release
from cnncalc.run.verify import available_bytes, needed_bytes
from cnncalc.run.weights import with_shared
from cnncalc.source import visible
from cnncalc.units import format_bytes, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.interop.onnx_weights import OnnxWeights
    from cnncalc.run.weights import Weights

ENGINE = "ONNX Runtime"
INSTALL = "python -m pip install 'cnncalc[onnx]'"
TYPES = {
    "tensor(float)": "f4", "tensor(double)": "f8", "tensor(float16)": "f2", "tensor(uint8)": "u1", "tensor(int8)": "i1",
    "tensor(int32)": "i4", "tensor(int64)": "i8",
}  # fmt: skip
"""The types of inputs of a file that can be run: their names in ONNX Runtime and NumPy."""
ALLOWED = {"float64": TOLERANCE["float32"], "float32": TOLERANCE["float32"], "float16": 2e-3}
"""The largest difference of values that agree, as a share of the largest one, by the data type in the file."""
PLACES = 5e-7
"""What is added to ALLOWED for each position of the longest side along which a layer interpolates: positions are
computed in single precision, to 1.2e-7 of a side, between elements that may differ by several times the largest one."""
SUMMED = 1e-9
"""What is added to ALLOWED for each element of a sum by which a layer divides, added one by one in single precision."""
DTYPE = "float64"
"""The data type of the run in NumPy, so that its rounding is negligible compared with that of the file."""
MOST_BYTES = 2**31 - 1
"""Bytes of the largest file, a message of Protocol Buffers, that ONNX Runtime reads."""


class OwnRun(NamedTuple):
    """The comparison of a model file in ONNX Runtime with the run in NumPy on the weights of the file.

    ``skipped`` says why the file was not run (empty: it was). ``outputs`` are the outputs of layers that were compared.
    ``no_value`` are the layers whose output is no value of the file; ``left_out`` says for each layer that is not
    compared why. ``is_external``: some weights are in other files.
    """

    skipped: str = ""
    version: str = ""
    batch: int = 1
    outputs: tuple[ArrayComparison, ...] = ()
    no_value: tuple[str, ...] = ()
    left_out: Mapping[str, str] = {}
    is_external: bool = False

    @property
    def agrees(self) -> bool:
        """Whether everything that was compared agrees."""
        return all(each.agrees for each in self.outputs)


def run_own_file(report: Report, own: OnnxWeights, *, seed: int = 0) -> OwnRun:
    """Runs a model file in ONNX Runtime and its net in NumPy, with the weights of the file and the same random input.

    Every layer is compared whose output is a value of the file; :data:`ALLOWED` is the largest difference. The inputs
    of a layer in NumPy are the values of the file, if it has them: differences do not add up along the net, and a
    layer that cannot be compared (it is stated, or its weights are not known) does not prevent the comparison of those
    after it.
    """
    try:
        import onnxruntime
    except ImportError:
        return OwnRun(f"{ENGINE} is not installed ({INSTALL})")
    try:
        return _compared(report, own, onnxruntime, seed)
    except NotKnown as error:
        return OwnRun(str(error))
    except MemoryError:
        return OwnRun("the memory does not suffice")


def _compared(report: Report, own: OnnxWeights, engine: Any, seed: int) -> OwnRun:
    """The comparison with a file; raises NotKnown if the file cannot be run."""
    is_external = own.check_external()
    _check(report, own)
    weights, unknown = _weights(report, own)
    places = _places(report, own)
    try:
        theirs, images = _run_file(own, engine, report, places, seed)
    except NotKnown:
        if not unknown:
            raise
        layer, why = next(iter(unknown.items()))
        raise NotKnown(f"weights of {plural(len(unknown), 'layer')} are lacking: {layer}: {why}") from None
    found, left_out = _layer_by_layer(
        report, weights, images, theirs, {**own.origins.inexact, **unknown}, own.origins.placed
    )
    names = [row.name for row in report.layers if not row.layer.is_input]
    no_value = tuple([name for name in names if name not in places and name not in left_out])
    return OwnRun("", engine.__version__, own.origins.batch, tuple(found), no_value, left_out, is_external)


def _layer_by_layer(
    report: Report,
    weights: Weights,
    images: Mapping[str, Any],
    theirs: dict[str, Any],
    reasons: Mapping[str, str],
    placed: Mapping[str, int],
) -> tuple[list[ArrayComparison], dict[str, str]]:
    """The comparison of each output, computed from the file's values, and why each other layer is left out.

    ``theirs`` are the outputs in the file, and is emptied. ``reasons`` says of layers why they differ, or cannot be
    computed; ``placed`` has the longest side along which a layer interpolates.
    """
    readers = Counter(source for row in report.layers for source in row.reads)
    arrays: dict[int, Any] = {}
    found: list[ArrayComparison] = []
    left_out: dict[str, str] = {}
    unsure: set[int] = set()
    for row in report.layers:
        there = theirs.pop(row.name, None)
        unknown = [report.layers[source].name for source in row.sources if source in unsure]
        why = _why_left_out(row, there, reasons.get(row.name), unknown)
        ours = _output(row, [arrays[source] for source in row.reads], images, weights, arrays, readers)
        if why is not None:
            left_out[row.name] = why
        elif there is not None:
            entering = [float(np.abs(arrays[source]).max(initial=0)) for source in row.sources]
            least = LEAST_SCALE * max(entering)
            summed = row.output.elements if row.layer.divides_by_sum else 0
            allowed = ALLOWED[there.dtype.name] + PLACES * placed.get(row.name, 0) + SUMMED * summed
            found.append(compare_arrays(row.name, "output", there, ours, allowed, least))
        fits = there is not None and there.shape == ours.shape
        arrays[row.index] = there.astype(DTYPE) if there is not None and fits else ours
        if why is not None and not fits:
            unsure.add(row.index)
        release(arrays, readers, row)
    return found, left_out


def _why_left_out(row: LayerReport, there: Any, reason: str | None, unknown: Sequence[str]) -> str | None:
    """Why a layer is not compared; None: it is.

    ``there`` is its output in the file; ``unknown`` are its inputs that are no values of the file.
    """
    if row.layer.is_stated:
        return "its figures are stated, not computed"
    if reason is not None:
        return reason
    if there is not None and there.dtype.name not in ALLOWED:
        return f"the file computes it in {there.dtype.name}"
    return f"it reads {unknown[0]}, of which the file has no value" if unknown else None


def _output(
    row: LayerReport, inputs: list[Any], images: Mapping[str, Any], weights: Weights, arrays: dict[int, Any],
    readers: Counter[int],
) -> Any:  # fmt: skip
    """The output of a layer in NumPy; the places of a max pool, if a layer reads them, are put into ``arrays``."""
    with np.errstate(all="ignore"):
        if not row.sources:
            return row.layer.forward(np, images[row.name])
        if not readers[~row.index]:
            return row.layer.forward(np, *inputs, **weights[row.index])
        output, extras = row.layer.forward_training(np, *inputs, **weights[row.index])
    arrays[~row.index] = extras["places"]
    return output


def _check(report: Report, own: OnnxWeights) -> None:
    """Raises NotKnown for a file that cannot be run: it has parts that are not read, or is too large."""
    if own.has_more:
        raise NotKnown("it has graphs, sparse tensors or lists of tensors in attributes, which are not looked at")
    if len(own.data) > MOST_BYTES:
        raise NotKnown(f"it has {len(own.data):,} bytes, more than {ENGINE} reads of one file")
    each = np.dtype(DTYPE).itemsize
    outputs = sum([row.activations for row in report.layers]) * own.origins.batch
    # weights and all outputs exist twice, in addition to the constants from which they are computed
    layers = needed_bytes(report) * each // np.dtype(report.dtype).itemsize
    needed = 2 * layers + (2 * outputs + own.origins.elements) * each + 2 * len(own.data)
    free = available_bytes()
    if needed > free:
        raise NotKnown(f"it needs about {format_bytes(needed)} of memory, but {format_bytes(free)} is free")


def _places(report: Report, own: OnnxWeights) -> dict[str, Place]:
    """The value of the file that is the output of each layer: the last one that belongs to the layer."""
    volumes = {row.name: row.output for row in report.layers if not row.layer.is_input}
    return {
        place.layer: place
        for place in own.origins.values
        if place.name in own.results and place.layer in volumes and is_whole(place, volumes[place.layer])
    }


def _run_file(
    own: OnnxWeights, engine: Any, report: Report, places: Mapping[str, Place], seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The outputs of layers in ONNX Runtime, batch x sides x depth, and the images; raises NotKnown if it fails."""
    settings = engine.SessionOptions()
    settings.log_severity_level = 4
    settings.graph_optimization_level = engine.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.add_session_config_entry("session.model_external_initializers_file_folder_path", own.folder)
    names = [place.name for place in places.values()]
    try:
        session = engine.InferenceSession(own.with_outputs(names), settings, providers=["CPUExecutionProvider"])
        images, feeds = _inputs(report, own, session.get_inputs(), seed)
        found = dict(zip(names, session.run(names, feeds), strict=True)) if names else {}
    except Exception as error:  # its errors have no common class
        if isinstance(error, (NotKnown, MemoryError)):
            raise
        text = visible(str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__)
        raise NotKnown(f"{ENGINE} does not run it: {text[:300]}") from None
    volumes = {row.name: row.output for row in report.layers}
    theirs = {}
    for layer, place in places.items():
        array = found[place.name]
        fits = array.shape == shape_of(place.axes)
        theirs[layer] = to_volume(array, place.axes, volumes[layer], own.origins.batch) if fits else array
    return theirs, images


def _inputs(
    report: Report, own: OnnxWeights, inputs: Sequence[Any], seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Random images, of whole numbers where the file takes these, and the same arrays as inputs of the file."""
    images = draw_images(report, seed=seed, batch=own.origins.batch, dtype="float32")
    layers = {place.name: (layer, place) for layer, place in own.origins.inputs.items()}
    feeds = {}
    for each in inputs:
        form = TYPES.get(each.type)
        if form is None:
            raise NotKnown(f"its input {visible(each.name)} is of {each.type}")
        if each.name not in layers:  # no layer reads it
            feeds[each.name] = np.zeros([size if isinstance(size, int) else 1 for size in each.shape], form)
            continue
        layer, place = layers[each.name]
        if not batch_of(place.axes):  # the same for every image
            images[layer] = images[layer][:1].repeat(own.origins.batch, axis=0)
        if np.dtype(form).kind != "f":
            images[layer] = np.rint(127 * np.abs(images[layer]))
        feeds[each.name] = np.ascontiguousarray(from_volume(images[layer], place.axes).astype(form))
        images[layer] = images[layer].astype(form)
    return {name: image.astype(DTYPE) for name, image in images.items()}, feeds


def _weights(report: Report, own: OnnxWeights) -> tuple[Weights, dict[str, str]]:
    """The weights of a net from its file, and for each layer whose weights are not known the reason."""
    found: list[dict[str, Any]] = []
    unknown: dict[str, str] = {}
    for row in report.layers:
        arrays = {array.name: np.zeros(array.shape, DTYPE) for array in row.own_arrays}
        found.append(arrays)
        for name, array in arrays.items():
            try:
                array[...] = own.array(row.name, name, array.shape)
            except NotKnown as error:
                unknown.setdefault(row.name, f"its {name}: {error}")
    for row in report.layers:
        if row.shared_with in unknown:
            unknown[row.name] = unknown[row.shared_with]
    return with_shared(report, found), unknown
