"""The report: one row per layer, and the totals. Every table, check and document is made from it."""

from __future__ import annotations

from itertools import zip_longest

from cnncalc.analysis.key_effects import in_place_warnings, parameter_warnings
from cnncalc.analysis.placement import in_place_nodes, test_time_nodes
from cnncalc.analysis.reach import UNKNOWN, fields_of
from cnncalc.analysis.volumes import Shaped, depth_last, propagate
from cnncalc.collection import Paused
from cnncalc.counts import MAX_RESULT_DIGITS, NOTHING, TOO_LONG
from cnncalc.errors import DesignError, Problem, did_you_mean_or
from cnncalc.graph import TIED
from cnncalc.layers.convolution import Convolution
from cnncalc.records import NamedTuple
from cnncalc.units import bytes_per_element, plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from cnncalc.analysis.cost import Cost
    from cnncalc.analysis.reach import Field
    from cnncalc.analysis.volumes import Known
    from cnncalc.counts import Count
    from cnncalc.graph import Graph
    from cnncalc.layers.base import Layer, Parameter
    from cnncalc.source import Span
    from cnncalc.volume import Volume


class LayerReport(NamedTuple):
    """One row of the table.

    ``output`` is the volume. ``activations`` are the elements of that volume for one image,
    ``activation_bytes`` its bytes for the whole batch. ``in_place`` rows have no memory of their own, so they do not
    count in the totals. ``weights`` hold weights and scales, ``biases`` biases and shifts, ``parameters`` both,
    ``trainable`` those that are not frozen; ``buffers`` are kept but not learned. A row that shares the
    parameters of another one (``shared_with``) counts none; if it uses only its weights, ``transposed``, it counts its
    biases. ``macs`` are multiply-adds for one image.
    ``receptive_field`` has for each side the most input positions, from the first to the last, that one output can
    depend on; ``receptive_field_unclipped`` the same on an input without borders, None if outputs see the whole plane
    or only padding. Unless ``receptive_field_is_exact``, it is an upper bound. ``fields`` are those of each input that
    outputs see; of several inputs of the net (``has_several_inputs``) the receptive field is the largest of each side.
    ``arithmetic`` holds the formulas of activations, weights, biases, buffers and macs. ``arrays`` are the parameter
    and buffer arrays that the layer uses.
    """

    index: int  # type: ignore[assignment]  # its position among the rows; hides the method of tuple, which is not used
    name: str
    kind: str
    label: str
    layer: Layer
    inputs: tuple[str, ...]
    sources: tuple[int, ...]
    input_volumes: tuple[Volume, ...]
    output: Volume
    activations: int
    activation_bytes: int
    in_place: bool
    in_place_in_training: bool
    weights: int
    biases: int
    parameters: int
    trainable: int
    buffers: int
    macs: int
    receptive_field: tuple[int, ...]
    receptive_field_unclipped: tuple[int, ...] | None
    receptive_field_is_exact: bool
    arithmetic: Mapping[str, str]
    arrays: tuple[Parameter, ...]
    fields: Mapping[str, Field]
    has_several_inputs: bool
    training_only: bool
    is_trainable: bool
    shared_with: str | None
    transposed: bool
    named: bool
    span: Span | None

    @property
    def own_arrays(self) -> tuple[Parameter, ...]:
        """The parameters and buffers that are counted here, not at the layer whose parameters it uses."""
        if self.shared_with is None:
            return self.arrays
        return tuple([array for array in self.arrays if self.transposed and array.name != TIED])

    @property
    def reads(self) -> tuple[int, ...]:
        """What the layer reads in a run: outputs as the index of their row, the indices of a max pool as ``~index``."""
        return (self.sources[0], ~self.sources[1]) if self.layer.takes_places else self.sources

    @property
    def learns_from(self) -> tuple[int, ...]:
        """The rows to which backward of the layer passes a gradient."""
        no_second = self.layer.takes_places or self.layer.reads_second_sizes
        return self.sources[:1] if no_second else self.sources

    @property
    def receptive_fields(self) -> dict[str, tuple[int, ...]]:
        """The receptive field in each input that outputs see, by its name; empty if inputs are not distinguished."""
        return {name: field.size for name, field in self.fields.items() if name}

    @property
    def sees_all(self) -> bool:
        """Whether the layer, or one before it, sees the whole plane."""
        return any(field.sees_all for field in self.fields.values())

    @property
    def block(self) -> str:
        """The block of the layer: its name without the last part."""
        return self.name.rpartition(".")[0]


def without_gradient(rows: Sequence[LayerReport]) -> frozenset[int]:
    """The rows that backward does not reach: only the sizes of their volumes, or indices of a max pool, are read."""
    if all(row.learns_from == row.sources for row in rows):
        return frozenset()
    read = {source for row in rows for source in row.sources}
    reached = {row.index for row in rows if row.index not in read}
    for row in reversed(rows):
        if row.index in reached:
            reached.update(row.learns_from)
    return frozenset([row.index for row in rows if row.index not in reached])


class Totals(NamedTuple):
    """Sums over the rows: elements for one image, bytes for the whole batch.

    ``activations`` and ``activation_bytes`` leave out rows that are in place. ``parameter_bytes`` are those of the
    parameters, without buffers.
    """

    activations: int
    weights: int
    biases: int
    parameters: int
    trainable: int
    buffers: int
    macs: int
    activation_bytes: int
    parameter_bytes: int


class Stated(NamedTuple):
    """The part of the totals that the design states (OPAQUE) and nothing computes."""

    parameters: int
    buffers: int
    macs: int


class Report(NamedTuple):
    """What a net costs, layer by layer.

    ``totals`` counts every row, ``test_time`` only rows that run at test time. ``assumed`` holds the defaults of sizes
    that the text leaves open. ``activations_in_place`` is the argument ``in_place`` of :func:`account`.
    """

    name: str
    title: str | None
    source: str | None
    batch: int
    dtype: str
    layers: tuple[LayerReport, ...]
    totals: Totals
    test_time: Totals
    assumed: Mapping[str, Any]
    warnings: tuple[Problem, ...]
    graph: Graph
    activations_in_place: bool = True

    @property
    def other_forms(self) -> str:
        """The other forms of the net in one line: ``torchvision's form: resnet50-v1.5; pre-activation: ..``."""
        return "; ".join(f"{what}: {name}" for name, what in self.graph.forms.items())

    @property
    def full_title(self) -> str:
        """The title, with the other forms of the net: ``ResNet-50 (torchvision's form: resnet50-v1.5)``."""
        return f"{self.title or ''} ({self.other_forms})".lstrip() if self.other_forms else self.title or ""

    @property
    def stated(self) -> Stated | None:
        """The part of the totals that is stated, not computed; None without layers whose figures are stated."""
        rows = [row for row in self.layers if row.layer.is_stated]
        if not rows:
            return None
        return Stated(*[sum([getattr(row, name) for row in rows]) for name in Stated._fields])

    @property
    def stated_line(self) -> str | None:
        """``stated`` in words: ``stated, not computed: 448 of the parameters, ... (opaque1)``."""
        stated = self.stated
        if stated is None:
            return None
        counts = zip((stated.parameters, stated.buffers, stated.macs), ("parameters", "buffers", "MACs"), strict=True)
        parts = [f"{count:,} of the {what}" for count, what in counts if count] or ["a volume"]
        names = self.stated_layers
        more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
        return f"stated, not computed: {', '.join(parts)} ({', '.join(names[:3])}{more})"

    @property
    def stated_layers(self) -> tuple[str, ...]:
        """The layers whose figures are stated."""
        return tuple([row.name for row in self.layers if row.layer.is_stated])

    @property
    def stated_bytes_line(self) -> str | None:
        """``stated_line`` for memory: with the stated volumes, and what their layers save for backward."""
        if self.stated_line is None:
            return None
        rows = [row for row in self.layers if row.layer.is_stated]
        saved = [extra.elements for row in rows for extra in row.layer.keeping(row.input_volumes, row.output).extras]
        elements = sum([size.per_image for size in saved])
        kept = f", and {elements:,} elements for each image that training saves" if elements else ""
        which = "its volume" if len(rows) == 1 else "their volumes"
        return f"{self.stated_line}; in bytes also {which}{kept}"

    @property
    def unproven(self) -> frozenset[int]:
        """The rows whose figures are stated, and those that depend on them."""
        found: set[int] = set()
        for row in self.layers:
            if row.layer.is_stated or any(source in found for source in row.sources):
                found.add(row.index)
        return frozenset(found)

    @property
    def counted_layers(self) -> int:
        """The number of layers with MACs except MATMUL: ``layers`` in budgets and totals."""
        return sum([row.layer.counts_macs and row.layer.counts_as_layer for row in self.layers])

    @property
    def resolved(self) -> Graph:
        """The graph with every draft replaced by its layer."""
        nodes = [
            node if node.layer is row.layer else node._replace(layer=row.layer)
            for node, row in zip(self.graph.nodes, self.layers, strict=True)
        ]
        return self.graph._replace(nodes=tuple(nodes))

    def layer(self, name: str) -> LayerReport:
        """The row of a layer; KeyError if there is no layer of that name."""
        for row in self.layers:
            if row.name == name:
                return row
        raise KeyError(name)


def totals(rows: Sequence[LayerReport], bytes_each: int) -> Totals:
    """The sums over rows; ``bytes_each`` are the bytes of one parameter."""
    own = [row for row in rows if not row.in_place]
    parameters = sum([row.parameters for row in rows])
    return Totals(
        activations=sum([row.activations for row in own]),
        weights=sum([row.weights for row in rows]),
        biases=sum([row.biases for row in rows]),
        parameters=parameters,
        trainable=sum([row.trainable for row in rows]),
        buffers=sum([row.buffers for row in rows]),
        macs=sum([row.macs for row in rows]),
        activation_bytes=sum([row.activation_bytes for row in own]),
        parameter_bytes=parameters * bytes_each,
    )


def account(
    graph: Graph,
    *,
    batch: int = 1,
    dtype: str = "float32",
    in_place: bool = True,
    brief: bool = False,
    with_hints: bool = True,
    known: Known | None = None,
) -> Report:
    """The report of a net for a batch of images in one data type.

    With ``in_place=False`` each activation function has a volume of its own. A ``brief`` report takes half the time and
    has no receptive fields, labels, formulas and warnings about volumes. ``with_hints``: search for an input that works
    if the volumes do not fit; a brief report does not. ``known`` are costs of other graphs of the same text; those of
    this graph are added. Raises DesignError for layers that do not fit together, ValueProblem for an unknown data type.
    """
    bytes_each = bytes_per_element(dtype)
    with Paused():
        shaped = propagate(graph, with_hints=with_hints and not brief, known=known)
        placed = in_place_nodes(graph, shaped, activations_in_place=in_place)
        at_test = test_time_nodes(graph)
        layers = {} if brief else {id(item.layer): item.layer for item in shaped}  # many nodes have the same one
        labels = {key: layer.label() for key, layer in layers.items()}
        costs = {} if brief else {id(item.cost): item.cost for item in shaped}
        formulas = {key: _formulas(cost) for key, cost in costs.items()}
        rows = [
            _row(
                shaped, index, labels, formulas, seen, batch * bytes_each, placed=placed[index], at_test=at_test[index]
            )
            for index, seen in enumerate([NO_FIELDS] * len(shaped) if brief else _named_fields(shaped))
        ]
    every = totals(rows, bytes_each)
    if max(every) >= TOO_LONG:
        message = f"a result has at most {MAX_RESULT_DIGITS:,} digits, but a sum over all layers has more"
        raise DesignError([Problem("limit", message)])
    test = every if all(at_test) else totals([row for row in rows if not row.training_only], bytes_each)
    return Report(
        name=graph.name,
        title=graph.title,
        source=graph.source,
        batch=batch,
        dtype=dtype,
        layers=tuple(rows),
        totals=every,
        test_time=test,
        assumed={**graph.assumed, **_assumed(shaped)},
        warnings=graph.warnings
        + (() if brief else _input_warnings(shaped))
        + (() if brief else in_place_warnings(rows, graph, placed, activations=in_place))
        + (() if brief else parameter_warnings(rows, graph)),
        graph=graph,
        activations_in_place=in_place,
    )


def _row(
    shaped: Sequence[Shaped],
    index: int,
    labels: Mapping[int, str],
    formulas: Mapping[int, Mapping[str, str]],
    fields: NamedFields,
    bytes_each: int,
    *,
    placed: tuple[bool, bool],
    at_test: bool,
) -> LayerReport:
    """The row of a node; ``labels`` are by id of the layer, ``formulas`` by id of the cost; a brief report has none.

    ``bytes_each`` is the bytes of one element times the batch.
    """
    node, layer, inputs, cost, _ = shaped[index]
    texts = formulas.get(id(cost), NO_FORMULAS)
    if node.share is not None:  # it has no parameters of its own, or only biases
        cost = cost._replace(weights=NOTHING, buffers=NOTHING, biases=cost.biases if node.transposed else NOTHING)
        texts = _formulas(cost) if texts else texts
    owner = node
    while owner.share is not None:
        owner = shaped[owner.share].node
    parameters = cost.weights.value + cost.biases.value
    return LayerReport(
        index=index,
        name=node.name,
        kind=layer.kind,
        label=labels.get(id(layer), ""),
        layer=layer,
        inputs=tuple([shaped[source].node.name for source in node.inputs]),
        sources=node.inputs,
        input_volumes=inputs,
        output=cost.output,
        activations=cost.activations.value,
        activation_bytes=cost.activations.value * bytes_each,
        in_place=placed[0],
        in_place_in_training=placed[1],
        weights=cost.weights.value,
        biases=cost.biases.value,
        parameters=parameters,
        trainable=parameters if owner.trainable else 0,
        buffers=cost.buffers.value,
        macs=cost.macs.value,
        receptive_field=fields.size,
        receptive_field_unclipped=fields.unclipped,
        receptive_field_is_exact=fields.is_exact,
        arithmetic=texts,
        arrays=cost.arrays,
        fields=fields.by_name,
        has_several_inputs=fields.has_several_inputs,
        training_only=not at_test,
        is_trainable=owner.trainable,
        shared_with=None if node.share is None else shaped[node.share].node.name,
        transposed=node.transposed,
        named=node.named,
        span=node.span,
    )


def _formulas(cost: Cost) -> dict[str, str]:
    """The formulas of all counts that are not zero, and of the activations."""
    formulas = {"activations": cost.activations.text}
    for name in ("weights", "biases", "buffers", "macs"):
        count: Count = getattr(cost, name)
        if count.value:
            formulas[name] = count.text
    return formulas


class NamedFields(NamedTuple):
    """The fields of a layer by the name of the input, and the largest for each side."""

    by_name: Mapping[str, Field]
    size: tuple[int, ...]
    unclipped: tuple[int, ...] | None
    is_exact: bool
    has_several_inputs: bool


NO_FORMULAS: Mapping[str, str] = {}
NO_FIELDS = NamedFields({}, (), None, False, False)
"""The formulas and fields of a brief report."""


def _named_fields(shaped: Sequence[Shaped]) -> list[NamedFields]:
    """The fields of each node; those of nodes with equal fields are computed once."""
    known: dict[int, NamedFields] = {}
    fields = fields_of(shaped)
    sides = len(shaped[0].output) - 1
    several = sum([item.layer.is_input for item in shaped]) > 1
    result = []
    for mine in fields:
        if id(mine) not in known:
            each = {id(field): field for field in mine.values()}.values()  # many inputs may have the same field
            sizes = [field.size for field in each]
            endless = [field.unclipped for field in each]
            known[id(mine)] = NamedFields(
                {"" if index == UNKNOWN else shaped[index].node.name: field for index, field in mine.items()},
                largest_sides(sizes, sides),
                # for outputs that see nothing, the field without borders is not known
                None if None in endless or not endless else largest_sides([size for size in endless if size], sides),
                all(field.is_certain for field in each),
                several,
            )
        result.append(known[id(mine)])
    return result


def largest_sides(sizes: Sequence[tuple[int, ...]], sides: int) -> tuple[int, ...]:
    """The largest size of each side, of inputs that may have different numbers of sides; zeros if there are none."""
    if len(sizes) == 1:
        return sizes[0]
    return tuple([max(each) for each in zip_longest(*sizes, fillvalue=0)]) if sizes else (0,) * sides


def _assumed(shaped: Sequence[Shaped]) -> dict[str, Any]:
    """The values that layers assume for keys that the text leaves open, from their volumes."""
    found: dict[str, Any] = {}
    for item in shaped:
        if item.inputs:
            found.update(item.layer.assumed(*item.inputs))
    return found


MAX_CHANNELS_OF_LENGTH = 16
"""A sequence with more channels, read by a convolution, looks like the height and width of a grey image."""


def _input_warnings(shaped: Sequence[Shaped]) -> tuple[Problem, ...]:
    """Warnings about inputs whose sizes seem to be in another order, or without a depth; they are used as written."""
    found = []
    convolved = {source for item in shaped if isinstance(item.layer, Convolution) for source in item.node.inputs}
    for index, (node, layer, _, cost, _) in enumerate(shaped):
        if not layer.is_input:
            continue
        looks = _looks_depth_first(cost.output) or _looks_grey(cost.output, is_convolved=index in convolved)
        if looks is not None:
            code, message, hint = looks
            span = node.key_spans.get("size", node.stated_span or node.span)
            found.append(Problem(code, f"{node.name}: {cost.output} is read as {message}", span, hint, "warning"))
    return tuple(found)


def _looks_depth_first(x: Volume) -> tuple[str, str, str] | None:
    """Code, message and hint for an input that seems to have its depth first; else None."""
    swapped = depth_last(x)
    if swapped is None:
        return None
    order = " x ".join(x.names)
    hint = f"for an image of depth {swapped.depth} write {swapped.size}"
    return "looks-depth-first", f"{order} x depth, but looks like depth x {order}", hint


def _looks_grey(x: Volume, *, is_convolved: bool) -> tuple[str, str, str] | None:
    """Code, message and hint for what seems to be a grey image without a depth; else None.

    ``is_convolved``: a convolution reads the input.
    """
    if len(x.sides) > 1:
        return None
    if x[0] != x.depth and not (x.depth > MAX_CHANNELS_OF_LENGTH and is_convolved):
        return None
    return "looks-grey", f"length {x[0]}, depth {x.depth}", f"a grey image is {x.size}x1"


def require_layer(report: Report, name: str) -> LayerReport:
    """The row of a layer; raises DesignError with the nearest name if there is none."""
    try:
        return report.layer(name)
    except KeyError:
        inside = [row.name for row in report.layers if row.name.startswith(name + ".")]
        if inside:
            block = f"a block of {plural(len(inside), 'layer')}"
            message = f"{report.name}: '{name}' is {block}; name one of them, such as {inside[0]}"
            raise DesignError([Problem("unknown-layer", message)]) from None
        near = did_you_mean_or(name, [row.name for row in report.layers], "layers")
        raise DesignError([Problem("unknown-layer", f"{report.name} has no layer '{name}'{near}")]) from None
