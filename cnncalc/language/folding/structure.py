"""Turns a graph into the parts of a pattern: chains, and forks whose branches begin at one volume and are merged.

Other connections are written with names: ``FROM(@name)``, ``ADD(@name)``.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from cnncalc.language.folding.forms import DEPTH, GROWTH_INDEX, Forms, LayerForm, Symbol, local_name
from cnncalc.language.folding.parts import Fork, Growth, Leaf, Part
from cnncalc.language.folding.short_layers import ShortLayers, as_tuples
from cnncalc.language.forks import STEPS_PER_NODE, Forks
from cnncalc.language.layer_text import Field, fields_of, is_long, layer_text
from cnncalc.layers.keys import is_whole
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.graph import Graph, Node
    from cnncalc.layers.base import Layer
    from cnncalc.volume import Volume

MAX_DEPTH = 24
"""How deep forks are nested at most; deeper connections are written with names."""
MAX_PARTS = 6
"""The longest list that can be a parameter of a block or a repeat."""
MIN_GROWTH = 3
"""The fewest iterations of a growing merge that are written as a repeat."""


class Variable(NamedTuple):
    """A variable for a size of some layers: its name, its value, and the indices of the layers."""

    name: str
    value: int
    places: frozenset[int]


class Builder:
    """Builds the parts of a net.

    ``order`` has the indices of the nodes in the order of the text, in which branches follow one another; all other
    lists are in this order. In a growing merge each merge reads the inputs of the one before and one more, as in a
    DenseNet.
    """

    def __init__(
        self, graph: Graph, short_layers: ShortLayers, volumes: Sequence[Volume], *, has_own_names: bool = True
    ) -> None:
        self.has_own_names = has_own_names
        """Whether a kept name may be one that unnamed layers get automatically, as ``conv1``."""
        self.graph = graph
        self.short_layers = short_layers
        self.forms = Forms()
        self.keeps_pointwise = False
        order = branch_order(graph)
        place = {node: index for index, node in enumerate(order)}
        self.order = order
        self.nodes = [graph.nodes[index] for index in order]
        self.volumes = [volumes[index] for index in order]
        self.inputs = [tuple([place[source] for source in node.inputs]) for node in self.nodes]
        self.shares = [None if node.share is None else place[node.share] for node in self.nodes]
        self.readers: list[list[int]] = [[] for _ in order]
        for index, sources in enumerate(self.inputs):
            for source in sources:
                self.readers[source].append(index)
        self.is_read = [bool(readers) for readers in self.readers]
        self.references: dict[int, list[int]] = {}
        """For each node that others refer to by name: these others."""
        for index, share in enumerate(self.shares):
            if share is not None:
                self.references.setdefault(share, []).append(index)
        self.steps = STEPS_PER_NODE * len(order)
        """How many steps are left for the search for growing merges and forks."""
        self.grown: dict[int, tuple[str, int]] = {}
        """For each last node of an iteration of a growing merge: the letter of its name, and its number."""
        self.growths: dict[int, list[int]] = {}
        """All merges of each growing merge, by the first of them."""
        self._find_growths()
        growing = {index for merges in self.growths.values() for index in merges}
        merges = [index for index, sources in enumerate(self.inputs) if len(sources) > 1 and self.layer(index).is_merge]
        others = [merge for merge in merges if merge not in growing]
        self.forks = Forks(self.inputs, others, self.steps, with_tangled=True)
        self.plan = self._chain(0, len(order), None, 0)
        self.paths: dict[int, tuple[int, ...]] = {}
        self._find_paths(self.plan, ())
        self.variable: Variable | None = None
        self.kept: dict[int, str] = {}
        """The nodes that keep their names, with these names."""
        self.global_names: dict[int, str] = {}
        self.local_names: dict[int, tuple[int, int]] = {}
        """For nodes to which only nodes of one fork refer: the depth of the fork, and their number in it."""
        self._name_nodes()
        self._leaf_forms: dict[Any, tuple[int, tuple[Any, ...], int]] = {}

    def layer(self, index: int) -> Layer:
        """The layer of a node, as it is written."""
        return self.short_layers.layers[self.order[index]]

    # structure: the plan, a list of layers, forks and growing merges in the order of the text

    def _find_growths(self) -> None:
        """Finds growing merges: each merge reads the inputs of the one before, and the last node computed from that."""
        by_inputs = {
            sources: index for index, sources in enumerate(self.inputs) if sources and self.layer(index).is_merge
        }
        following = {}
        for sources, index in by_inputs.items():
            before = by_inputs.get(sources[:-1])
            if before is not None and sources[-1] == index - 1 and self._is_closed(before, index):
                following[before] = index
        firsts = sorted(following.keys() - following.values())
        for letter, first in zip("fghijklmnopqrstuvwxyzabcde" if firsts else "", firsts, strict=False):
            merges = [first]
            while merges[-1] in following:
                merges.append(following[merges[-1]])
            if len(merges) > MIN_GROWTH:
                self.growths[first] = merges
                for number, merge in enumerate(merges[1:]):
                    self.grown[merge - 1] = letter, number

    def _is_closed(self, first: int, stop: int) -> bool:
        """Whether nodes ``first + 1`` to ``stop - 1`` read only nodes from ``first`` on.

        Of ``first`` and these nodes only the last one may be read by nodes from ``stop`` on.
        """
        for index in range(first + 1, stop):
            self.steps -= 1
            if not self.inputs[index] or min(self.inputs[index]) < first:
                return False
        return all(max(self.readers[index], default=stop) < stop for index in range(first, stop - 1))

    def _chain(self, low: int, high: int, entry: int | None, depth: int) -> Plan:
        """The plan of the nodes ``low`` to ``high - 1``, whose input is the volume of node ``entry`` (None: none)."""
        items: Plan = []
        at, current = low, entry
        while at < high:
            merges = self.growths.get(at)
            if merges is not None and merges[-1] < high:
                items.append(_Growth([self._time(start, stop, depth) for start, stop in pairwise(merges)]))
                current = merges[-1] - 1
                at = current + 1
                continue
            merge, branches = self.forks.furthest(at, high, current) if depth < MAX_DEPTH else (None, [])
            if merge is not None:
                chains = [self._chain(start, stop, current, depth + 1) for start, stop in branches]
                items.append(_Fork(chains, self._single(merge, current, is_fork=True), current))
                at = merge
            else:
                items.append(self._single(at, current, at_head=at == low and entry is None))
            current, at = at, at + 1
        return items

    def _time(self, start: int, stop: int, depth: int) -> tuple[_Single, Plan]:
        """One iteration of a growing merge: the merge, and the plan of the nodes after it."""
        return self._single(start, None), self._chain(start + 1, stop, start, depth)

    def _single(self, at: int, current: int | None, *, at_head: bool = False, is_fork: bool = False) -> _Single:
        """One layer with the nodes to which it refers by name: in a FROM before it, and in its parentheses."""
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
        for place in (*named, *(() if source is None else (source,))):
            if place not in self.grown:
                self.references.setdefault(place, []).append(at)
        is_one = len(inputs) == 1 and joins and not is_fork
        return _Single(at, source, named, is_one, not inputs and not at_head, current)

    # names

    def _find_paths(self, items: Plan, path: tuple[int, ...]) -> None:
        """Records for each node the forks around it, as the nodes of their merges, the innermost last."""
        for item in items:
            if isinstance(item, _Single):
                self.paths[item.node] = path
                continue
            if isinstance(item, _Growth):
                for merge, chain in item.times:
                    self._find_paths([merge, *chain], path)
                continue
            inside = (*path, item.merge.node)
            self.paths[item.merge.node] = inside
            for branch in item.branches:
                self._find_paths(branch, inside)

    def _name_nodes(self) -> None:
        """Decides which nodes have a name in the text: inputs, outputs, those in ``ignore``, and those referred to."""
        one_input = sum(not sources for sources in self.inputs) == 1
        self._keep_names(one_input=one_input)
        self._name_references(one_input=one_input)

    def _keep_names(self, *, one_input: bool) -> None:
        """The names of inputs and outputs and those in ``ignore``, which stay as they are."""
        kept = {ignored.layer for ignored in self.graph.ignore}
        automatic = _automatic_names(self.nodes)
        last = len(self.nodes) - 1
        for index, node in enumerate(self.nodes):
            is_end, is_input = not self.is_read[index], not self.inputs[index]
            is_own = (is_input or is_end) and (node.named or (is_end and index != last))
            if node.name in kept or (is_own and not (is_input and one_input and node.name == "input")):
                self.kept[index] = node.name if self.has_own_names else _other_than(node.name, automatic)

    def _name_references(self, *, one_input: bool) -> None:
        """The names of other nodes that are referred to: within their innermost common fork, else in the whole net."""
        numbers: Counter[int] = Counter()
        taken = {"input", *self.kept.values()}
        count = 0
        for index, users in sorted(self.references.items()):
            if index in self.kept:
                continue
            if not self.inputs[index] and one_input:
                self.global_names[index] = "input"
                continue
            paths = [self.paths[place] for place in (index, *users)]
            depth = _common(paths)
            if depth:
                merge = paths[0][depth - 1]
                self.local_names[index] = depth, numbers[merge]
                numbers[merge] += 1
                continue
            count += 1
            while f"t{count}" in taken:
                count += 1
            self.global_names[index] = f"t{count}"

    def find_variable(self) -> None:
        """Finds the size of the last layers that has a variable by default, such as ``classes`` for FC.

        The variable is used by all last layers of the kind that have the same size as the very last one.
        """
        for index in reversed(range(len(self.nodes))):
            layer = self.layer(index)
            for key, sizing in layer.sizes.items():
                if sizing.last is None:
                    continue
                attribute = layer.keys[key].attribute
                value = getattr(layer, attribute)
                places = {
                    place for place in self._last_of(type(layer)) if getattr(self.layer(place), attribute) == value
                }
                is_shared_beyond = any(
                    share is not None and (share in places) != (place in places)
                    for place, share in enumerate(self.shares)
                )
                if not self.paths[index] and not is_long(value) and not is_shared_beyond:
                    self.variable = Variable(sizing.last[0], value, frozenset(places))
                return

    def _last_of(self, kind: type[Layer]) -> list[int]:
        """The layers of a kind that no other layer of that kind follows."""
        found: list[int] = []
        is_followed = [False] * len(self.nodes)
        for index in reversed(range(len(self.nodes))):
            is_one = type(self.layer(index)) is kind
            if is_one and not is_followed[index]:
                found.append(index)
            if is_one or is_followed[index]:
                for source in self.inputs[index]:
                    is_followed[source] = True
        return found

    @property
    def has_doubtful_names(self) -> bool:
        """Whether a kept name is one that an unnamed layer could get automatically."""
        return self.has_own_names and not _automatic_names(self.nodes).isdisjoint(self.kept.values())

    @property
    def kept_names(self) -> frozenset[str]:
        """The names that are used already, so that new ones must differ."""
        return frozenset([*self.kept.values(), *self.global_names.values()])

    def _name(self, index: int, user: int) -> str:
        """The name of a node in a reference of the node ``user``."""
        if index in self.grown:
            letter, number = self.grown[index]
            return f"{letter}{number}"
        if index in self.local_names:
            depth, number = self.local_names[index]
            return local_name(len(self.paths[user]) - depth, number)
        return self.kept.get(index) or self.global_names[index]

    # parts

    def parts(self, forms: Forms, *, keeps_pointwise: bool) -> list[Part]:
        """The net as a chain of parts.

        ``keeps_pointwise``: kernels of 1 are part of the form, so that layers with larger kernels have other forms.
        """
        self.forms, self.keeps_pointwise = forms, keeps_pointwise
        self._leaf_forms.clear()
        return self._parts(self.plan)

    def _parts(self, items: Plan) -> list[Part]:
        parts: list[Part] = []
        for item in items:
            if isinstance(item, _Growth):
                parts += self._growth(item)
            else:
                parts.append(self._part(item))
        return parts

    def _growth(self, item: _Growth) -> list[Part]:
        """The repeat of a growing merge; its iterations one by one if they differ."""
        first = item.times[0][0].node
        letter, _ = self.grown[self.growths[first][1] - 1]
        base = [f"@{self._name(place, first)}" for place in self.inputs[first]]
        extra = ", ".join([*base, f"@{letter}{{range({GROWTH_INDEX})}}"])
        times = []
        for merge, chain in item.times:
            leaf = self._leaf(merge, [extra] if len(base) > 1 else [f"inputs=[{extra}]"])
            parts = [leaf, *self._parts(chain)]
            parts[-1].label = f"{letter}{{{GROWTH_INDEX}}}"
            times.append(parts)
        if all(
            [(part.form, part.values) for part in parts] == [(p.form, p.values) for p in times[0]] for parts in times
        ):
            return [Growth(self.forms, times)]
        return [part for merge, chain in item.times for part in self._parts([merge, *chain])]

    def _part(self, item: _Single | _Fork) -> Part:
        if isinstance(item, _Single):
            return self._leaf(item)
        depth = 0 if item.entry is None else self.volumes[item.entry].depth
        return Fork(self.forms, [self._parts(branch) for branch in item.branches], self._leaf(item.merge), depth)

    def _names_in(self, places: Sequence[int], user: int) -> list[str]:
        """The references to nodes; consecutive ones to a growing merge are a single reference with ``range``."""
        texts: list[str] = []
        at = 0
        while at < len(places):
            letter, number = self.grown.get(places[at], ("", 1))
            stop = at + 1
            while number == 0 and self.grown.get(places[stop] if stop < len(places) else -1) == (letter, stop - at):
                stop += 1
            one = f"@{self._name(places[at], user)}"
            texts.append(one if stop == at + 1 else f"@{letter}{{range({stop - at})}}")
            at = stop
        return texts

    def _leaf(self, single: _Single, references: list[str] | None = None) -> Leaf:
        index = single.node
        node, share = self.nodes[index], self.shares[index]
        extra = references or self._names_in(single.named, index)
        if references is None and (single.is_one or (len(extra) == 1 and len(single.named) > 1)):
            extra = [f"inputs=[{extra[0]}]"]
        extra += [f"share=@{self._name(share, index)}"] if share is not None else []
        extra += ["transposed=yes"] if node.transposed else []
        extra += [] if node.trainable else ["trainable=no"]
        extra += ["training_only=yes"] if node.training_only else []
        source = None if single.source is None else self._name(single.source, index)
        label = self.kept.get(index) or (self._name(index, index) if index in self.local_names else None)
        layer = self.layer(index)
        variable = self.variable.name if self.variable is not None and index in self.variable.places else ""
        key = (layer, tuple(extra), source, label, single.in_brackets, variable)
        known = self._leaf_forms.get(key)
        if known is None:
            known = self._leaf_form(
                layer, tuple(extra), source, label, in_brackets=single.in_brackets, variable=variable
            )
            self._leaf_forms[key] = known
        form, values, width = known
        entry = 0 if single.entry is None else self.volumes[single.entry].depth
        name = self.global_names.get(index) if self.inputs[index] else None
        if index in self.grown:
            name = self._name(index, index)
        return Leaf(form, values, width, entry, index, name)

    def _leaf_form(
        self,
        layer: Layer,
        extra: tuple[str, ...],
        source: str | None,
        label: str | None,
        *,
        in_brackets: bool,
        variable: str,
    ) -> tuple[int, tuple[Any, ...], int]:
        kind = type(layer)
        fields, values, roles = [], [], []
        for field in fields_of(layer, self.short_layers.defaults.get(kind.kind, {})):
            is_point = self.keeps_pointwise and field.key == "kernel" and field.value == 1
            if variable and field.key in kind.sizes:
                fields.append(field._replace(value=Symbol(variable)))
            elif _is_number(field.value) and not kind.is_input and not is_point:
                values.append(as_tuples(field.value))
                roles.append(DEPTH if field.key in (kind.depth_key, "groups") else field.key)
                fields.append(Field(field.place, field.key, None, field.default))
            else:
                fields.append(field)
        form = LayerForm(layer, tuple(fields), extra, source, label, in_brackets)
        hashable_fields = tuple([(field.place, field.key, as_tuples(field.value)) for field in fields])
        names = " ".join([*extra, source or "", label or ""])
        reach = max([int(forks) + 1 for forks in re.findall(r"<(\d+)\.", names)], default=0)
        number = self.forms.add(form, tuple(roles), (kind, hashable_fields, extra, source, label, in_brackets), reach)
        width = len(layer_text(layer, extra)) + (len(source) + 10 if source else 0)
        return number, tuple(values), width


class _Fork:
    """Branches of the plan, the merge that joins them, and the node whose volume is their input (None: inputs)."""

    __slots__ = ("branches", "entry", "merge")

    def __init__(self, branches: list[Plan], merge: _Single, entry: int | None) -> None:
        self.branches = branches
        self.merge = merge
        self.entry = entry


class _Single:
    """One layer of the plan: its node, and the nodes to which it refers.

    ``source`` is the node of a FROM before it, ``named`` are those in its parentheses. ``is_one``: it is a merge of a
    single volume, which copies it. ``in_brackets``: it is an input, written in brackets since a volume precedes it.
    ``entry`` is the node whose volume is its input (None: it has none).
    """

    __slots__ = ("entry", "in_brackets", "is_one", "named", "node", "source")

    def __init__(
        self, node: int, source: int | None, named: tuple[int, ...], is_one: bool, in_brackets: bool, entry: int | None
    ) -> None:
        self.node = node
        self.source = source
        self.named = named
        self.is_one = is_one
        self.in_brackets = in_brackets
        self.entry = entry


def _automatic_names(nodes: Sequence[Node]) -> set[str]:
    """The names that unnamed layers get automatically: ``conv1``, ``conv2``, ..."""
    numbers = Counter(node.kind for node in nodes)
    return {
        f"{kind}{'_' if kind[-1].isdigit() else ''}{number}"
        for kind, count in numbers.items()
        for number in range(1, count + 1)
    }


def _other_than(name: str, taken: set[str]) -> str:
    """The name, followed by ``_`` if it is taken."""
    return f"{name}_" if name in taken else name


def _common(paths: Sequence[tuple[int, ...]]) -> int:
    """The number of forks that are around all nodes with these paths."""
    depth = 0
    while all(len(path) > depth and path[depth] == paths[0][depth] for path in paths):
        depth += 1
    return depth


class _Growth:
    """The iterations of a growing merge: each is the merge, and the plan of the nodes after it."""

    __slots__ = ("times",)

    def __init__(self, times: list[tuple[_Single, Plan]]) -> None:
        self.times = times


Plan: TypeAlias = "list[_Single | _Fork | _Growth]"


def _is_number(value: Any) -> bool:
    """Whether a value may be a parameter: a number, or a list of whole numbers."""
    if isinstance(value, bool) or is_long(value):
        return False
    if isinstance(value, list):
        return 0 < len(value) <= MAX_PARTS and all(map(is_whole, value))
    return isinstance(value, (int, float))


def branch_order(graph: Graph) -> list[int]:
    """The indices of the nodes in an order in which nodes follow their inputs, and branches follow one another."""
    nodes = graph.nodes
    is_read = [bool(readers) for readers in graph.readers()]
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
