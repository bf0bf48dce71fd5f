"""How each number of one layer is computed, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.analysis.key_effects import why_not_in_place
from cnncalc.formats.document import Cell, Column, Document, Table
from cnncalc.layers.activation import Activation
from cnncalc.units import bytes_per_element, equal_bytes, plural
from cnncalc.views.layer_table import sides_text, with_exact
from cnncalc.volume import SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.analysis.reach import Field
    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.base import Parameter
    from cnncalc.layers.stencil import Stencil


def explanation_document(
    report: Report, row: LayerReport, *, units: str = "iec", in_place: bool = True, convention: str | None = None
) -> Document:
    """The explanation of one row of a report; ``in_place`` is the option of the report.

    ``convention`` adds how another tool counts the layer.
    """
    steps = list(explanation(report, row, units=units, in_place=in_place))
    if convention is not None:
        steps += _counted(report, row, convention)
    title = f"{row.name} of {report.name}: {row.label}, layer {row.index + 1:,} of {len(report.layers):,}"
    columns = (Column("number", ""), Column("step", ""))
    cells = []
    before = ""
    for what, step in steps:
        cells.append((Cell("" if what == before else what, what), Cell(step, step)))
        before = what
    return Document((title,), Table(columns, tuple(cells)), (), lambda: _data(report, row, steps))


def _counted(report: Report, row: LayerReport, tool: str) -> list[tuple[str, str]]:
    """The figures of another tool for a layer, and how it counts them."""
    from cnncalc.interop.conventions import counted

    figure = counted(tool, report).figures[row.index]
    macs = None if figure.macs is None else int(figure.macs)
    steps = []
    for what, theirs, ours in (("parameters", figure.parameters, row.parameters), ("MACs", macs, row.macs)):
        if theirs is not None:
            steps.append(f"{theirs:,} {what}" + (", as here" if theirs == ours else f", {ours:,} here"))
    return [(f"in {tool}", step) for step in [*steps, *figure.words]]


def _data(report: Report, row: LayerReport, steps: list[tuple[str, str]]) -> dict[str, Any]:
    from cnncalc.formats.record import SCHEMA, layer_record

    return {
        "schema": SCHEMA,
        "architecture": report.name,
        "batch": report.batch,
        "dtype": report.dtype,
        "layer": layer_record(row),
        "steps": [{"number": what, "step": step} for what, step in steps],
    }


def explanation(report: Report, row: LayerReport, *, units: str, in_place: bool = True) -> Iterator[tuple[str, str]]:
    """Pairs of the number that is explained and a step of its computation."""
    each = bytes_per_element(report.dtype)
    for name, volume in zip(row.inputs, row.input_volumes, strict=True):
        yield "input", f"{volume} from {name}"
    for step in row.layer.size_steps(row.input_volumes, row.output):
        yield "volume", step
    yield "volume", f"{' x '.join(row.output.names)} x depth: {row.output}"
    yield "activations", with_exact(row.arithmetic["activations"], row.activations)
    yield from _memory(report, row, each, units, in_place)
    yield from _learned(row, each, units)
    if "macs" in row.arithmetic:
        yield "MACs", f"{with_exact(row.arithmetic['macs'], row.macs)} multiply-adds for one image"
        yield "MACs", row.layer.weight_use.format(sides="*".join(row.output.names))
    else:
        yield "MACs", "0: only convolutions, fully-connected layers, attention and matrix products are counted"
    for step in field_steps(report, row):
        yield "receptive field", step
    if row.training_only:
        yield "test time", "not run (training only)"


def _memory(report: Report, row: LayerReport, each: int, units: str, in_place: bool) -> Iterator[tuple[str, str]]:
    is_shared, why = placement(report, row, in_place=in_place)
    yield "in place", f"{'yes' if is_shared else 'no'}: {why}"
    images = "" if report.batch == 1 else f"*{report.batch}"
    text = f"{row.activations:,}*{each}{images} = {row.activation_bytes:,} bytes"
    if row.activation_bytes >= 1000:
        text += f" {equal_bytes(row.activation_bytes, units)}"
    if is_shared:
        text = f"0, since the memory is shared; its volume is {text}"
    yield "bytes", text + (f" for a batch of {report.batch:,}" if report.batch > 1 else "")


def _learned(row: LayerReport, each: int, units: str) -> Iterator[tuple[str, str]]:
    if row.shared_with and not row.transposed:
        yield "parameters", f"0: those of {row.shared_with} are used, and counted there"
        return
    learned = any(array.role != "buffer" for array in row.own_arrays)
    for role, what in (("weight", "weights"), ("bias", "biases"), ("buffer", "buffers")):
        steps = _array_steps([array for array in row.own_arrays if array.role == role])
        if row.transposed and role == "weight":
            steps = [f"0: those of {row.shared_with} are used, transposed, and counted there"]
        elif not steps and role != "buffer":
            steps = ["0" if learned else "0: nothing is learned"]
        yield from [(what, step) for step in steps]
    if not learned:
        return
    size = row.parameters * each
    text = f"{row.weights:,} + {row.biases:,} = {row.parameters:,}, *{each} = {size:,} bytes"
    yield "parameters", text + (f" {equal_bytes(size, units)}" if size >= 1000 else "")
    trainable = "all of them" if row.is_trainable else "0: frozen, so no gradient and no optimizer state"
    yield "trainable", trainable


def _array_steps(arrays: list[Parameter]) -> list[str]:
    """The shape and size of each array, and their sum."""
    steps = []
    for array in arrays:
        shape = "x".join(str(part) for part in array.shape)
        steps.append(f"{array.name} [{shape}]: {with_exact(array.count.text, array.count.value)}")
    if len(arrays) > 1:
        count = sum(array.count.value for array in arrays)
        steps.append(f"{' + '.join(f'{array.count.value:,}' for array in arrays)} = {count:,}")
    return steps


# The receptive field


def field_steps(report: Report, row: LayerReport) -> list[str]:
    """How the receptive field in each input is computed from those of the inputs of the layer."""
    if not row.sources:
        return [f"{sides_text(row.receptive_field)}: each element is one pixel"]
    if not row.fields:
        return [f"{sides_text(row.receptive_field)}: no output depends on an input"]
    return [
        f"in {name}: {step}" if row.has_several_inputs and name else step
        for name, field in row.fields.items()
        for step in _field_steps(report, row, name, field)
    ]


def _field_steps(report: Report, row: LayerReport, name: str, field: Field) -> list[str]:
    """The steps for the receptive field in one input."""
    size = sides_text(field.size)
    before = [report.layers[source] for source in row.sources if name in report.layers[source].fields]
    if field.sees_all:
        if any(source.fields[name].sees_all for source in before):
            return [f"{size}: all that is read of the input, since an input of the layer already sees it"]
        return [f"{size}: the layer sees the whole plane, so all that is read of the input"]
    steps = []
    if len(before) > 1:
        seen = ", ".join(f"{source.name} {sides_text(source.fields[name].size)}" for source in before)
        steps.append(f"from the first to the last pixel that any input of the layer sees: {seen}")
    bound = "" if field.is_certain else "at most "
    if field.boxes is None and name and not field.is_folded:
        stencils = row.layer.stencils(*row.input_volumes, of=row.sources.index(before[0].index)) or ()
        image = report.layer(name).output
        steps += [
            _side_step(image.names[side], before, name, field, side, stencil and stencil.nominal, image[side])
            for side, stencil in enumerate(stencils)
        ]
    return [*steps, f"{' x '.join(SIDES[len(field.size)])}: {bound}{size} pixels of the input"]


def _side_step(
    what: str, before: list[LayerReport], name: str, field: Field, side: int, stencil: Stencil | None, image: int
) -> str:
    """How the extent along one side follows from that of the input; ``stencil`` is the layer's rule without borders."""
    here, start = field.sides[side], before[0].fields[name].sides[side]
    extent = here.extent if here.endless is None else here.endless.extent
    if stencil is None:
        return f"{what} {extent}: what all positions of the side see"
    window = stencil.offsets[-1] - stencil.offsets[0] + 1
    text = f"{what} {extent}, the maximum over its outputs, which see different numbers of pixels"
    if here.endless is not None and start.endless is not None and stencil.parts == start.endless.period == 1:
        text = f"{what} {extent}, unchanged"
        if len(before) > 1:
            text = f"{what} {extent}"
        elif window > 1:
            advance = start.endless.advance
            text = f"{what} {start.endless.extent} + ({window} - 1)*{advance} = {extent}"
            text += f"; neighbours in the input are {plural(advance, 'pixel')} apart"
    if here.extent == extent:
        return text
    return text + (f"; clipped to the input size {image}" if here.extent == image else f"; {here.extent} at the border")


# In place


def placement(report: Report, row: LayerReport, *, in_place: bool = True) -> tuple[bool, str]:
    """Whether the row shares the memory of another one, and the reason."""
    layer = row.layer
    if row.in_place:
        if layer.is_view:
            return True, "it is a view of its input"
        if layer.is_identity_at_test_time:
            return True, "it is the identity at test time"
        return True, f"it overwrites {row.inputs[0]}, which nothing else reads"
    if not row.sources:
        return False, "the input has a volume of its own"
    if isinstance(layer, Activation):
        return False, _why_not(report, row, in_place)
    if "in_place" in layer.keys:
        if layer.may_work_in_place():
            return False, _why_not(report, row, in_place=True)
        return False, f"{layer.kind.upper()} creates a new volume unless in_place=yes"
    return False, "it creates a new volume"


def _why_not(report: Report, row: LayerReport, in_place: bool) -> str:
    """Why a layer that could overwrite its input does not."""
    if row.layer.is_activation and not in_place:
        return "--no-in-place gives each activation function a volume of its own"
    return why_not_in_place(report.layers, row, report.graph.readers())
