"""From a graph to the parts of a pattern: chains, and forks where branches begin at one volume and are merged.

Other connections become names: ``FROM(@name)``, ``ADD(@name)``.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from cnncalc.language.folding.forms import Forms, LayerForm
from cnncalc.language.folding.parts import Fork, Leaf, Part
from cnncalc.language.layer_text import Field, fields_of, is_long, layer_text
from cnncalc.layers.base import WINDOW_KEYS, Layer
from cnncalc.layers.keys import is_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.graph import Graph, Node
    from cnncalc.volume import Volume

MAX_DEPTH = 24
"""How deep forks nest; further branches are written with names."""
MAX_PARTS = 6
"""A longer list is not taken for a parameter."""
STEPS_PER_NODE = 60
"""How many steps the search for forks may take for each node."""


class Usual:
    """The layers of a net as they are written: keys that only repeat what follows from others are left out.

    ``defaults`` are keys that most layers of a kind share.
    """

    def __init__(self, nodes: Sequence[Node], volumes: Sequence[Volume], *, has_defaults: bool) -> None:
        self.layers = [usual(node, volumes) for node in nodes]
        self.defaults: dict[str, dict[str, Any]] = {}
        if has_defaults:
            self._find_defaults()

    def _find_defaults(self) -> None:
        kinds = Counter(type(layer) for layer in self.layers)
        found: dict[type[Layer], Counter[tuple[str, Any]]] = {}
        for layer in self.layers:
            counts = found.setdefault(type(layer), Counter())
            counts.update((key, frozen(value)) for key, value in layer.written().items())
        for kind, counts in found.items():
            for (key, value), count in counts.items():
                if key in (kind.first, kind.dash, kind.slash) or key in kind.sizes or is_long(thawed(value)):
                    continue
                is_all = count == kinds[kind]
                may_undo = kind.keys[key].default is not None and key not in _replaced(kind)
                if count > 1 and count > 0.6 * kinds[kind] and (is_all or may_undo):
                    self.defaults.setdefault(kind.kind, {})[key] = thawed(value)


def _replaced(kind: type[Layer]) -> set[str]:
    return {name for names in kind.replaces.values() for name in names} | set(kind.replaces)


def frozen(value: Any) -> Any:
    """A value with tuples in place of lists, which can be a key."""
    return tuple([frozen(part) for part in value]) if isinstance(value, (list, tuple)) else value


def thawed(value: Any) -> Any:
    """A value of the language again: lists in place of tuples."""
    return [thawed(part) for part in value] if isinstance(value, tuple) else value


def usual(node: Node, volumes: Sequence[Volume]) -> Layer:
    """The layer of a node without keys of its window that have the value they would have anyway."""
    layer = node.layer
    assert isinstance(layer, Layer), node.name
    if not node.inputs:
        return layer
    sides = len(volumes[node.inputs[0]]) - 1
    for key in WINDOW_KEYS:
        if key in layer.keys and layer.keys[key].default is None and key in layer.written():
            shorter = layer.with_keys(**{key: None})
            if shorter.on(sides).window_keys() == layer.on(sides).window_keys():
                layer = shorter
    return layer


class Builder:
    """Makes the parts of a net; ``order`` has the nodes in the order of the text, the branches one after the other."""

    def __init__(self, graph: Graph, usual_layers: Usual, volumes: Sequence[Volume]) -> None:
        self.usual = usual_layers
        self.forms = Forms()
        self.point_apart = False
        order = branch_order(graph)
        place = {node: index for index, node in enumerate(order)}
        self.order = order
        self.nodes = [graph.nodes[index] for index in order]
        self.volumes = [volumes[index] for index in order]
        self.inputs = [tuple([place[source] for source in node.inputs]) for node in self.nodes]
        self.shares = [None if node.share is None else place[node.share] for node in self.nodes]
        self.is_read = [False] * len(order)
        for sources in self.inputs:
            for source in sources:
                self.is_read[source] = True
        self.referenced: set[int] = {share for share in self.shares if share is not None}
        self.merges: dict[int | None, list[int]] = {}
        for index, sources in enumerate(self.inputs):
            if len(sources) > 1 and self.layer(index).is_merge:
                self.merges.setdefault(self._fork_of(sources), []).append(index)
        self.steps = STEPS_PER_NODE * len(order)
        self.plan = self._chain(0, len(order), None, 0)
        self.labels = self._labels()
        self._leaf_forms: dict[Any, tuple[int, tuple[Any, ...], int]] = {}

    def layer(self, index: int) -> Layer:
        """The layer of a node, as written."""
        return self.usual.layers[self.order[index]]

    # structure: a plan of indices, ``int`` for a layer and a tuple of branches and merge for a fork

    def _fork_of(self, sources: Sequence[int]) -> int | None:
        """The node at which the branches of a merge would begin, or None."""
        ends = sorted(set(sources))
        if len(ends) == 1:
            return ends[0]
        inputs = self.inputs[ends[0] + 1]
        return inputs[0] if inputs and inputs[0] <= ends[0] else None

    def _branches(self, merge: int, start: int, fork: int | None) -> list[tuple[int, int]] | None:
        """The branches of a merge, as ranges of nodes in order; None if they cannot be written as a fork."""
        at = start
        branches = []
        for source in self.inputs[merge]:
            self.steps -= 1
            if source == fork and fork is not None and fork < start:
                branches.append((at, at))
                continue
            if source < at:
                return None
            branches.append((at, source + 1))
            at = source + 1
        if at != merge:
            return None
        for low, high in branches:
            for index in range(low, high):
                self.steps -= 1
                for source in self.inputs[index]:
                    if source != fork and not low <= source < high:
                        return None
        return branches

    def _chain(self, low: int, high: int, entry: int | None, depth: int) -> list[Any]:
        """The plan of nodes low..high-1, which the volume of node ``entry`` enters."""
        items: list[Any] = []
        at, current = low, entry
        while at < high:
            merge, branches = self._fork(at, high, current) if depth < MAX_DEPTH else (None, [])
            if merge is not None:
                chains = [self._chain(start, stop, current, depth + 1) for start, stop in branches]
                items.append((chains, self._single(merge, current, is_fork=True), current))
                at = merge
            else:
                items.append(self._single(at, current, at_head=at == low and entry is None))
            current, at = at, at + 1
        return items

    def _fork(self, at: int, high: int, current: int | None) -> tuple[int | None, list[tuple[int, int]]]:
        """The furthest merge whose branches begin here, with its branches."""
        for merge in reversed(self.merges.get(current, ())):
            if self.steps < 0:
                break
            if at < merge < high:
                branches = self._branches(merge, at, current)
                if branches is not None and sum(start < end for start, end in branches) > 0:
                    return merge, branches
        return None, []

    def _single(self, at: int, current: int | None, *, at_head: bool = False, is_fork: bool = False) -> _Single:
        """One layer with the nodes that it names: the one of a FROM before it, and those in its parentheses."""
        inputs = self.inputs[at]
        joins = self.layer(at).is_merge
        source: int | None = None
        named: tuple[int, ...] = ()
        if is_fork or (not inputs):
            pass
        elif len(inputs) == 1 and not joins:
            source = None if inputs[0] == current else inputs[0]
        elif len(inputs) > 1:
            named = inputs[1:] if len(inputs) == 2 and inputs[0] == current else inputs
        else:
            named = inputs
        self.referenced.update(named)
        if source is not None:
            self.referenced.add(source)
        is_one = len(inputs) == 1 and joins and not is_fork
        return _Single(at, source, named, is_one, not inputs and not at_head, current)

    # names

    def _labels(self) -> dict[int, tuple[str, bool]]:
        """The names that must be written, each with whether it is to be kept: those of inputs, outputs, references."""
        labels: dict[int, tuple[str, bool]] = {}
        last = len(self.nodes) - 1
        one_input = sum(not sources for sources in self.inputs) == 1
        numbers: Counter[str] = Counter()
        automatic = set()
        for node in self.nodes:
            numbers[node.kind] += 1
            mark = "_" if node.kind[-1].isdigit() else ""
            automatic.add(f"{node.kind}{mark}{numbers[node.kind]}")
        taken: set[str] = {"input"}
        for index, node in enumerate(self.nodes):
            is_end = not self.is_read[index]
            is_input = not self.inputs[index]
            if (is_input or is_end) and (node.named or (is_end and index != last)):
                if is_input and one_input and node.name == "input":
                    continue
                name = node.name if node.name not in automatic else f"{node.name}_out"
                labels[index] = (name, True)
                taken.add(name)
        count = 0
        for index in sorted(self.referenced):
            if index in labels:
                continue
            if not self.inputs[index] and one_input:
                labels[index] = ("input", False)
                continue
            count += 1
            while f"t{count}" in taken:
                count += 1
            labels[index] = (f"t{count}", False)
        return labels

    # parts

    def parts(self, forms: Forms, *, point_apart: bool) -> list[Part]:
        """The net as a chain of parts. ``point_apart``: kernels of 1 are no numbers, so that larger ones differ."""
        self.forms, self.point_apart = forms, point_apart
        self._leaf_forms.clear()
        return self._parts(self.plan)

    def _parts(self, items: Sequence[Any]) -> list[Part]:
        return [self._part(item) for item in items]

    def _part(self, item: Any) -> Part:
        if isinstance(item, _Single):
            return self._leaf(item)
        branches, merge, entry = item
        depth = 0 if entry is None else self.volumes[entry].depth
        return Fork(self.forms, [self._parts(branch) for branch in branches], self._leaf(merge), depth)

    def _leaf(self, single: _Single) -> Leaf:
        index = single.node
        node = self.nodes[index]
        extra = [f"@{self.labels[place][0]}" for place in single.named]
        if single.is_one:
            extra = [f"inputs=[{extra[0]}]"]
        if node.transposed:
            extra.append("transposed=yes")
        if not node.trainable:
            extra.append("trainable=no")
        if node.training_only:
            extra.append("training_only=yes")
        share = self.shares[index]
        if share is not None:
            extra.append(f"share=@{self.labels[share][0]}")
        source = None if single.source is None else self.labels[single.source][0]
        name, is_kept = self.labels.get(index, (None, False))
        if not self.inputs[index] and name == "input":
            name = None
        label = name if is_kept else None
        layer = self.layer(index)
        key = (layer, tuple(extra), source, label, single.alone)
        known = self._leaf_forms.get(key)
        if known is None:
            known = self._leaf_forms[key] = self._leaf_form(layer, tuple(extra), source, label, alone=single.alone)
        form, values, width = known
        entry = 0 if single.entry is None else self.volumes[single.entry].depth
        return Leaf(form, values, width, entry, index, None if is_kept else name)

    def _leaf_form(
        self, layer: Layer, extra: tuple[str, ...], source: str | None, label: str | None, *, alone: bool
    ) -> tuple[int, tuple[Any, ...], int]:
        kind = type(layer)
        fields, values, roles = [], [], []
        for field in fields_of(layer, self.usual.defaults.get(kind.kind, {})):
            is_point = self.point_apart and field.key == "kernel" and field.value == 1
            if _is_number(field.value) and not kind.is_input and not is_point:
                values.append(frozen(field.value))
                roles.append("size" if field.key in (kind.depth_key, "groups") else field.key)
                fields.append(Field(field.place, field.key, None, field.default))
            else:
                fields.append(field)
        form = LayerForm(layer, tuple(fields), extra, source, label, alone)
        frozen_fields = tuple([(field.place, field.key, frozen(field.value)) for field in fields])
        number = self.forms.add(form, tuple(roles), (kind, frozen_fields, extra, source, label, alone))
        width = len(layer_text(layer, extra)) + (len(source) + 10 if source else 0)
        return number, tuple(values), width


class _Single:
    """One layer of the plan: its node and what it names."""

    __slots__ = ("alone", "entry", "is_one", "named", "node", "source")

    def __init__(
        self, node: int, source: int | None, named: tuple[int, ...], is_one: bool, alone: bool, entry: int | None
    ) -> None:
        self.node = node
        self.source = source
        self.named = named
        self.is_one = is_one
        self.alone = alone
        self.entry = entry


def _is_number(value: Any) -> bool:
    """Whether a value may be a parameter: a number, or a list of whole numbers."""
    if isinstance(value, bool) or is_long(value):
        return False
    if isinstance(value, list):
        return 0 < len(value) <= MAX_PARTS and all(map(is_whole, value))
    return isinstance(value, (int, float))


def branch_order(graph: Graph) -> list[int]:
    """The nodes in an order in which each follows its inputs, and the branches of a merge stand one after the other."""
    nodes = graph.nodes
    is_read = [bool(readers) for readers in graph.readers]
    done = [False] * len(nodes)
    order: list[int] = []
    for end in range(len(nodes)):
        if is_read[end]:
            continue
        stack = [end]
        while stack:
            index = stack[-1]
            if done[index]:
                stack.pop()
                continue
            waiting = [source for source in nodes[index].inputs if not done[source]]
            if waiting:
                stack += reversed(waiting)
                continue
            done[index] = True
            order.append(index)
            stack.pop()
    return order
