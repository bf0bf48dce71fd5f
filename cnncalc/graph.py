"""The graph of a design: expanded, in topological order, without volumes."""

from __future__ import annotations

from cnncalc.errors import DesignError, Problem
from cnncalc.layers.base import Layer
from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from cnncalc.source import Span
    from cnncalc.volume import Volume

NO_KEYS: Mapping[str, Any] = {}

TIED = "weight"
"""The array of another layer that a layer uses transposed; its other arrays are its own."""


class Draft(NamedTuple):
    """A layer with keys that depend on volumes: ``CONV1-{depth//2}``.

    ``entries`` are the indices of the nodes whose output volumes the keys use; ``resolve`` takes the volumes in this
    order and returns the layer, or raises DesignError.
    """

    kind: type[Layer]
    entries: tuple[int, ...]
    resolve: Callable[..., Layer]


class Node(NamedTuple):
    """One layer at its place in the net.

    ``inputs`` and ``share`` are indices of nodes; ``share`` is the node whose parameters this one uses, or with
    ``transposed`` whose weights it uses with inputs and outputs swapped. ``span`` is its place in the text,
    ``key_spans`` those of its keys; ``stated`` is the output volume that the text states. ``named``: the name is from
    the text, not generated.
    """

    name: str
    layer: Layer | Draft
    inputs: tuple[int, ...] = ()
    span: Span | None = None
    key_spans: Mapping[str, Span] = NO_KEYS
    stated: Volume | None = None
    stated_span: Span | None = None
    named: bool = False
    trainable: bool = True
    training_only: bool = False
    share: int | None = None
    transposed: bool = False

    @property
    def kind(self) -> str:
        """The layer kind as written in files."""
        return self.layer.kind if isinstance(self.layer, Layer) else self.layer.kind.kind

    @property
    def is_input(self) -> bool:
        """Whether it is an input of the net."""
        return (self.layer if isinstance(self.layer, Layer) else self.layer.kind).is_input

    @property
    def block(self) -> str:
        """Its block: the name without the last part."""
        return self.name.rpartition(".")[0]


class RawValue(NamedTuple):
    """A value as written, with its place: a ``text``, a mapping (``entries``), or something else (``what``)."""

    span: Span | None
    text: str | None = None
    entries: tuple[tuple[str, Span | None, RawValue], ...] | None = None
    what: str = ""


class Ignore(NamedTuple):
    """Design rule suppressed by the file, for the layer or block of that name (None: for all).

    ``code`` is as written and may name no rule.
    """

    code: str
    layer: str | None
    span: Span
    code_span: Span


class Graph(NamedTuple):
    """A whole net: its nodes in topological order.

    ``assumed`` holds sizes that the text leaves open, with the defaults used. ``budget`` and ``ignore`` are the budget
    of the file and the design rules it suppresses, as written. ``forms`` are other forms of the net, each by its name
    with what it is. ``changed`` holds what the call changes in the design, which ``name`` then says; ``title``,
    ``source`` and ``forms`` are those of the unchanged design, and left out. ``notes`` says what the file of another
    program has and the layers do not show. ``stored`` is the net as such a file holds it, for what is planned from its
    own operators; it belongs to these nodes alone. ``containers`` are blocks that the program only groups, as
    ``torch.nn.ModuleList`` does, and never calls.
    """

    name: str
    nodes: tuple[Node, ...]
    title: str | None = None
    source: str | None = None
    assumed: Mapping[str, Any] = NO_KEYS
    warnings: tuple[Problem, ...] = ()
    budget: RawValue | None = None
    ignore: tuple[Ignore, ...] = ()
    forms: Mapping[str, str] = NO_KEYS
    changed: Mapping[str, str] = NO_KEYS
    notes: tuple[str, ...] = ()
    stored: Any = None
    containers: frozenset[str] = frozenset()

    @property
    def changes(self) -> str:
        """What the call changes in the design, for headings: ``, changed: classes=10``; empty without changes."""
        changes = ", ".join(f"{key}={value}" for key, value in self.changed.items())
        return f", changed: {changes}" if changes else ""

    def readers(self) -> list[list[int]]:
        """For each node the indices of those that read its output, in order; not to be changed."""
        global _last_read  # many parts of a command ask for those of one net
        nodes, readers = _last_read
        if nodes is not self.nodes:
            readers = [[] for _ in self.nodes]
            for index, node in enumerate(self.nodes):
                for source in node.inputs:
                    readers[source].append(index)
            _last_read = self.nodes, readers
        return readers

    def owner(self, index: int, array: str = TIED) -> tuple[int, bool]:
        """The node whose array of that name a node uses, its own unless it shares it, and whether transposed."""
        is_transposed = False
        while (share := self.nodes[index].share) is not None:
            if self.nodes[index].transposed:
                if array != TIED:
                    break
                is_transposed = not is_transposed
            index = share
        return index, is_transposed

    def find(self, name: str) -> int:
        """The index of the node of that name; KeyError if there is none."""
        for index, node in enumerate(self.nodes):
            if node.name == name:
                return index
        raise KeyError(name)


_last_read: tuple[tuple[Node, ...], list[list[int]]] = ((), [])
"""The nodes of the graph whose readers were asked for last, and these."""


def chain(name: str, layers: Iterable[tuple[str, Layer] | tuple[str, Layer, Sequence[str]]]) -> Graph:
    """A net from layers in Python, each with a name and, unless it reads the one before, the names of its inputs."""
    nodes: list[Node] = []
    places: dict[str, int] = {}
    for entry in layers:
        given, layer = entry[0], entry[1]
        if len(entry) == 3:
            inputs = tuple(places[source] for source in entry[2])
        else:
            inputs = (len(nodes) - 1,) if nodes and not layer.is_input else ()
        places[given] = len(nodes)
        nodes.append(Node(given, layer, inputs, named=True))
    return Graph(name, topologically_sorted(nodes))


def _needs(node: Node) -> tuple[int, ...]:
    """The nodes that must come before: inputs, and the nodes whose volumes a draft depends on."""
    return (*node.inputs, *node.layer.entries) if isinstance(node.layer, Draft) else node.inputs


def topologically_sorted(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """The nodes sorted so that each follows its inputs, otherwise in the given order.

    Raises DesignError for a cycle, which the message shows.
    """
    if all(max(_needs(node), default=-1) < index for index, node in enumerate(nodes)):
        return tuple(nodes)
    order = _topological_order(nodes)
    place = {old: new for new, old in enumerate(order)}
    return tuple(_moved(nodes[index], place) for index in order)


def _topological_order(nodes: Sequence[Node]) -> list[int]:
    """The indices of the nodes in topological order."""
    from heapq import heapify, heappop, heappush  # most designs are in order already: saves start-up time

    waiting = [0] * len(nodes)
    readers: list[list[int]] = [[] for _ in nodes]
    for index, node in enumerate(nodes):
        for source in set(_needs(node)):
            waiting[index] += 1
            readers[source].append(index)
    ready = [index for index, count in enumerate(waiting) if not count]
    heapify(ready)
    order: list[int] = []
    while ready:
        index = heappop(ready)
        order.append(index)
        for reader in readers[index]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heappush(ready, reader)
    if len(order) < len(nodes):
        raise DesignError([_cycle(nodes, {index for index, count in enumerate(waiting) if count})])
    return order


def _moved(node: Node, place: Mapping[int, int]) -> Node:
    """The node with its references to others at their new places."""
    layer = node.layer
    if isinstance(layer, Draft):
        layer = layer._replace(entries=tuple(place[entry] for entry in layer.entries))
    share = None if node.share is None else place[node.share]
    return node._replace(layer=layer, inputs=tuple(place[source] for source in node.inputs), share=share)


def _cycle(nodes: Sequence[Node], stuck: set[int]) -> Problem:
    """A cycle among the nodes that could not be ordered."""
    seen: dict[int, int] = {}
    path: list[int] = []
    index = min(stuck)
    while index not in seen:
        seen[index] = len(path)
        path.append(index)
        index = next(source for source in _needs(nodes[index]) if source in stuck)
    cycle = path[seen[index] :][::-1]
    start = cycle.index(min(cycle))
    cycle = cycle[start:] + cycle[:start]
    names = [nodes[member].name for member in cycle]
    if len(names) > 12:
        names = [*names[:6], "...", *names[-5:]]
    text = " -> ".join([*names, names[0]])
    return Problem("cycle", f"the layers form a cycle: {text}", nodes[cycle[0]].span)
