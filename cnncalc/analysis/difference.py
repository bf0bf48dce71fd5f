"""The difference of two reports: added, removed and changed layers, and the changes of the totals.

Layers are aligned in two ways, by name and by kind and keys; each part of the nets uses the alignment with fewer
changes. Names find a block that was inserted among equal ones; kinds and keys find a layer that was inserted into a
chain, which changes the numbers of all later layers.
"""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.analysis.alignment import ascending, filled, gaps
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from cnncalc.analysis.alignment import Pairs
    from cnncalc.analysis.report import LayerReport, Report

STATUSES = ("added", "removed", "changed", "renamed", "affected", "same")
"""The statuses of a layer; an ``affected`` one is unchanged, but its volumes or counts changed."""


class LayerChange(NamedTuple):
    """A changed key of a layer: both values as architecture files write them; for None the note on the default."""

    key: str
    before: Any
    after: Any


class LayerDifference(NamedTuple):
    """A layer before and after; of an added layer ``before`` is None, of a removed one ``after``."""

    status: str
    before: LayerReport | None
    after: LayerReport | None
    changes: tuple[LayerChange, ...] = ()

    def change(self, count: str) -> int:
        """The change of a count of the layer (``parameters``, ``macs``, ...); a missing layer counts 0.

        Activations of a layer in place count as 0, so that the changes add up to that of the total.
        """
        return _counted(self.after, count) - _counted(self.before, count)


def _counted(row: LayerReport | None, count: str) -> int:
    if row is None or (count == "activations" and row.in_place):
        return 0
    value: int = getattr(row, count)
    return value


class Quantity(NamedTuple):
    """A total before and after, in ``unit``: ``count`` or ``bytes``."""

    key: str
    unit: str
    before: int
    after: int

    @property
    def change(self) -> int:
        """The increase."""
        return self.after - self.before

    @property
    def tenths(self) -> int | None:
        """The change in tenths of a percent, rounded half away from zero; None if ``before`` is 0."""
        if not self.before:
            return None
        size = (2000 * abs(self.change) + self.before) // (2 * self.before)
        return size if self.change >= 0 else -size


MIN_SHARED, MIN_SHARED_OF_LARGER = 50, 25
"""Two nets share little if they share less than 50 % of the layers of the smaller net, or 25 % of the larger."""


class Stage(NamedTuple):
    """The number of the layers of a net whose outputs have the same sides, and their sums."""

    layers: int = 0
    activations: int = 0
    parameters: int = 0
    macs: int = 0


class Difference(NamedTuple):
    """The difference of two nets; ``layers`` includes unchanged layers.

    ``shared`` is the number of layers, without inputs, that both nets have: of the same kind with the same keys but for
    the number of filters or units, and with inputs that match each other, such as two activation functions.
    """

    before: Report
    after: Report
    layers: tuple[LayerDifference, ...]
    quantities: tuple[Quantity, ...]
    shared: int

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers of layers of the nets, without inputs."""
        before, after = [sum([not row.layer.is_input for row in report.layers]) for report in (self.before, self.after)]
        return before, after

    @property
    def shares_little(self) -> bool:
        """Whether too few layers are shared for a comparison layer by layer; see :data:`MIN_SHARED`.

        Nets in which each layer has its counterpart do not, however many of them differ.
        """
        if not any(layer.status in ("added", "removed") for layer in self.layers):
            return False
        least, most = sorted(self.sizes)
        return self.shared * 100 < MIN_SHARED * least or self.shared * 100 < MIN_SHARED_OF_LARGER * most

    def stages(self) -> dict[tuple[int, ...], tuple[Stage, Stage]]:
        """The stages of both nets, by the sides of their volumes, the largest first."""
        before, after = _stages(self.before), _stages(self.after)
        sizes = sorted({*before, *after}, key=lambda size: (prod(size), size), reverse=True)
        return {size: (before.get(size, Stage()), after.get(size, Stage())) for size in sizes}

    @property
    def different(self) -> tuple[LayerDifference, ...]:
        """The layers with any change."""
        return tuple([layer for layer in self.layers if layer.status != "same"])

    @property
    def is_equal(self) -> bool:
        """Whether there is no change."""
        return not self.different and not any(quantity.change for quantity in self.quantities)

    def count(self, status: str) -> int:
        """The number of layers with a status."""
        return sum([layer.status == status for layer in self.layers])

    @property
    def renumbered(self) -> int:
        """The number of layers that differ only in a number of their name."""
        same = [layer for layer in self.layers if layer.status in ("affected", "same")]
        return sum([layer.before.name != layer.after.name for layer in same if layer.before and layer.after])


def difference(before: Report, after: Report, memory: Sequence[Quantity] = ()) -> Difference:
    """The difference of two reports; ``memory`` are further totals, which are added at the end."""
    layers = _layers(before, after)
    return Difference(before, after, layers, (*_totals(before, after), *memory), _shared(layers))


def _shared(layers: Sequence[LayerDifference]) -> int:
    """The number of layers that both nets have; see :class:`Difference`."""
    pairs = {
        layer.before.index: layer.after.index
        for layer in layers
        if layer.before is not None and layer.after is not None and _family(layer.before) == _family(layer.after)
    }
    count = 0
    for layer in layers:
        before, after = layer.before, layer.after
        if before is None or after is None or before.layer.is_input or _but_for_depth(before) != _but_for_depth(after):
            continue
        count += sorted([pairs.get(source, -1) for source in before.sources]) == sorted(after.sources)
    return count


def _stages(report: Report) -> dict[tuple[int, ...], Stage]:
    """The stages of a net by the sides of their volumes."""
    found: dict[tuple[int, ...], Stage] = {}
    for row in report.layers:
        size = row.output.sides
        own = Stage(1, _counted(row, "activations"), row.parameters, row.macs)
        found[size] = Stage(*[one + more for one, more in zip(found.get(size, Stage()), own, strict=True)])
    return found


def _totals(before: Report, after: Report) -> list[Quantity]:
    old, new = before.totals, after.totals
    return [
        Quantity("layers", "count", before.counted_layers, after.counted_layers),
        Quantity("parameters", "count", old.parameters, new.parameters),
        Quantity("weights", "count", old.weights, new.weights),
        Quantity("macs", "count", old.macs, new.macs),
        Quantity("activations", "count", old.activations, new.activations),
        Quantity("parameter_memory", "bytes", old.parameter_bytes, new.parameter_bytes),
        Quantity("activation_memory", "bytes", old.activation_bytes, new.activation_bytes),
    ]


# Alignment


def aligned(before: Sequence[LayerReport], after: Sequence[LayerReport]) -> Pairs:
    """Pairs of matching layers, in the order of both nets."""
    ways = (_exactly, _but_for_depth, _kind, _family)
    passes = [(list(map(way, before)), list(map(way, after))) for way in ways]
    places = {row.name: row.index for row in after}
    by_name = [(row.index, places[row.name]) for row in before if row.name in places]
    named = ascending([(one, other) for one, other in by_name if before[one].kind == after[other].kind])
    found = []
    for pairs in (named, []):
        for old, new in passes:
            pairs = filled(pairs, old, new)
        found.append(pairs)
    return _cheaper(before, after, *found)


def _exactly(row: LayerReport) -> Hashable:
    return row.layer


def _but_for_depth(row: LayerReport) -> Hashable:
    """Kind and keys without the number of filters or units."""
    layer = row.layer
    return (row.kind, *[getattr(layer, item.attribute) for name, item in layer.keys.items() if name != layer.dash])


def _kind(row: LayerReport) -> Hashable:
    return row.kind


def _family(row: LayerReport) -> Hashable:
    """The family of a kind: activation functions, for example, can replace each other."""
    return row.layer.family


UNPAIRED, OTHER_KIND, OTHER_KEYS, OTHER_NAME, OTHER_VOLUME, OTHER_NUMBER = 40, 30, 20, 10, 5, 1
"""Costs of an alignment: of an added or removed layer, and of a pair with another kind, keys, name and so on."""


def _cost(before: LayerReport, after: LayerReport) -> int:
    """The cost of a pair."""
    cost = 0
    if before.kind != after.kind:
        cost = OTHER_KIND
    elif before.layer != after.layer:
        cost = OTHER_KEYS
    if before.output != after.output:
        cost += OTHER_VOLUME
    if before.name != after.name:
        cost += OTHER_NAME if before.named and after.named else OTHER_NUMBER
    return cost


def _cheaper(before: Sequence[LayerReport], after: Sequence[LayerReport], one: Pairs, other: Pairs) -> Pairs:
    """The pairs on which both alignments agree, and between them those of the cheaper one (of equal ones ``one``)."""
    both = sorted(set(one) & set(other))
    chosen: Pairs = []
    at = [0, 0]
    for number, (start, end, begin, stop) in enumerate(gaps(both, len(before), len(after))):
        candidates = []
        for way, pairs in enumerate((one, other)):
            inside: Pairs = []
            while at[way] < len(pairs) and pairs[at[way]] < (end, stop):
                inside.append(pairs[at[way]])
                at[way] += 1
            at[way] += 1  # the pair on which both agree
            left = end - start + stop - begin - 2 * len(inside)
            cost = UNPAIRED * left + sum([_cost(before[old], after[new]) for old, new in inside])
            candidates.append((cost, way, inside))
        chosen += min(candidates)[2]
        chosen += both[number : number + 1]
    return chosen


# Changes


def _layers(before: Report, after: Report) -> tuple[LayerDifference, ...]:
    """The differences of all layers: pairs that are aligned or have the same written name, and single layers."""
    pairs = aligned(before.layers, after.layers)
    partner = dict(pairs)
    taken = set(partner.values())
    places = {row.name: row.index for row in after.layers if row.named and row.index not in taken}
    moved: dict[int, int] = {}  # named layers at another position
    for row in before.layers:
        place = places.get(row.name) if row.named and row.index not in partner else None
        if place is not None and after.layers[place].kind == row.kind:
            partner[row.index] = place
            moved[place] = row.index
    compare = _Comparison(before, after, partner)
    found: list[LayerDifference] = []
    for number, (start, end, begin, stop) in enumerate(gaps(pairs, len(before.layers), len(after.layers))):
        for row in before.layers[start:end]:
            if row.index not in partner:
                found.append(LayerDifference("removed", row, None))
        for row in after.layers[begin:stop]:
            old = moved.get(row.index)
            found.append(LayerDifference("added", None, row) if old is None else compare.pair(old, row.index))
        if number < len(pairs):
            found.append(compare.pair(*pairs[number]))
    return tuple(found)


NUMBERS = ("output", "activations", "in_place", "weights", "biases", "parameters", "trainable", "buffers", "macs")
"""Numbers that may differ for a layer that is itself unchanged."""


class _Comparison:
    """Compares matching layers."""

    def __init__(self, before: Report, after: Report, partner: dict[int, int]) -> None:
        self.before, self.after = before, after
        self.partner = partner
        self.old_origins = _origins(before.layers, set(partner))
        self.new_origins = _origins(after.layers, set(partner.values()))
        self.old_places = {row.name: row.index for row in before.layers}
        self.new_places = {row.name: row.index for row in after.layers}

    def pair(self, one: int, other: int) -> LayerDifference:
        """The difference of a layer."""
        before, after = self.before.layers[one], self.after.layers[other]
        changes = [*_keys(before, after), *self._graph(before, after)]
        if changes:
            status = "changed"
        elif not _is_renumbered(before, after):
            status = "renamed"
        elif any(getattr(before, key) != getattr(after, key) for key in NUMBERS):
            status = "affected"
        else:
            status = "same"
        return LayerDifference(status, before, after, tuple(changes))

    def _graph(self, before: LayerReport, after: LayerReport) -> list[LayerChange]:
        """Changes of inputs and of training."""
        found = []
        old = [self.partner.get(self.old_origins[source]) for source in before.sources]
        new: list[int | None] = [self.new_origins[source] for source in after.sources]
        if before.layer.is_commutative:
            old, new = sorted(old, key=_known), sorted(new, key=_known)
        if old != new:
            found.append(LayerChange("inputs", list(before.inputs), list(after.inputs)))
        owner = None if before.shared_with is None else self.partner.get(self.old_places[before.shared_with])
        if owner != (None if after.shared_with is None else self.new_places[after.shared_with]):
            found.append(LayerChange("share", before.shared_with or "none", after.shared_with or "none"))
        old_node, new_node = self.before.graph.nodes[before.index], self.after.graph.nodes[after.index]
        for key in ("trainable", "training_only", "transposed"):
            if getattr(old_node, key) != getattr(new_node, key):
                found.append(LayerChange(key, getattr(old_node, key), getattr(new_node, key)))
        return found


def _known(place: int | None) -> int:
    return -1 if place is None else place


def _origins(rows: Sequence[LayerReport], paired: set[int]) -> list[int]:
    """For each layer: itself if it is matched, else the single matched layer that it derives from.

    So a layer after an inserted layer or block still counts as having the same input.
    """
    origins: list[int] = []
    for row in rows:
        made_from = {origins[source] for source in row.sources}
        passes = row.index not in paired and len(made_from) == 1
        origins.append(made_from.pop() if passes else row.index)
    return origins


def _keys(before: LayerReport, after: LayerReport) -> list[LayerChange]:
    """The keys with different values; for different kinds, the kind and the common keys."""
    found = []
    old, new = before.layer, after.layer
    if before.kind != after.kind:
        found.append(LayerChange("kind", before.kind, after.kind))
    for name, item in new.keys.items():
        was = old.keys.get(name)
        if was is None:
            continue
        first, second = getattr(old, was.attribute), getattr(new, item.attribute)
        if first != second:
            found.append(
                LayerChange(
                    name,
                    was.note if first is None else was.reader.write(first),
                    item.note if second is None else item.reader.write(second),
                )
            )
    return found


def _is_renumbered(before: LayerReport, after: LayerReport) -> bool:
    """Whether names differ at most in the numbers of layers or blocks."""
    if before.named or after.named:
        last = [row.name.rpartition(".")[2] for row in (before, after)]
        if last[0] != last[1]:
            return False
    return _without_numbers(before.name) == _without_numbers(after.name)


def _without_numbers(name: str) -> str:
    return re.sub("[0-9]+", "#", name)
