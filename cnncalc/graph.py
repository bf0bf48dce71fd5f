"""Nodes in an order that can be run: a design after its text has been expanded, before its volumes are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc.errors import DesignError, Problem
from cnncalc.layers.base import Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cnncalc.source import Span
    from cnncalc.volume import Volume

NO_KEYS: Mapping[str, Any] = {}


class Draft(NamedTuple):
    """A layer some of whose keys depend on a volume: ``CONV1-{depth//2}``.

    ``entries`` are the indices of the nodes whose outputs are those volumes; ``settle`` takes the volumes in the same
    order and gives the layer (and raises DesignError if it makes no sense).
    """

    kind: type[Layer]
    entries: tuple[int, ...]
    settle: Callable[..., Layer]


class Node(NamedTuple):
    """One layer at its place in the net.

    ``inputs`` and ``share`` are indices of nodes, ``share`` of the node whose parameters this one uses. ``span`` is its
    place in the text and ``key_spans`` that of each key; ``stated`` is the volume that the text says it gives.
    ``named`` tells a name that was written from one that was counted.
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
    is_end: bool = False

    @property
    def kind(self) -> str:
        """The layer kind, as in files."""
        return self.layer.kind if isinstance(self.layer, Layer) else self.layer.kind.kind

    @property
    def is_input(self) -> bool:
        """Whether the net begins with it."""
        return (self.layer if isinstance(self.layer, Layer) else self.layer.kind).is_input

    @property
    def block(self) -> str:
        """The block it lies in: its name without the last part."""
        return self.name.rpartition(".")[0]


class Ignore(NamedTuple):
    """A design rule that a file does not want to hear of, for the layer or block of that name (None: for all)."""

    code: str
    layer: str | None
    span: Span


class Graph(NamedTuple):
    """A whole net: its nodes in an order in which they can run.

    ``assumed`` holds what the text left open and the defaults decided; ``budget`` what the file demands, as written;
    ``ignore`` the design rules that it does not want to hear of.
    """

    name: str
    nodes: tuple[Node, ...]
    title: str | None = None
    source: str | None = None
    assumed: Mapping[str, Any] = NO_KEYS
    warnings: tuple[Problem, ...] = ()
    budget: Any = None
    ignore: tuple[Ignore, ...] = ()

    @property
    def readers(self) -> list[list[int]]:
        """For each node the nodes that read its output, in order."""
        readers: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for source in node.inputs:
                readers[source].append(index)
        return readers

    def find(self, name: str) -> int:
        """The index of the node of that name; KeyError if there is none."""
        for index, node in enumerate(self.nodes):
            if node.name == name:
                return index
        raise KeyError(name)


def chain(name: str, layers: Iterable[tuple[str, Layer] | tuple[str, Layer, Sequence[str]]]) -> Graph:
    """A net from layers in Python: each with its name and, unless it takes the one before, the names of its inputs."""
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
    return Graph(name, in_running_order(nodes))


def _needs(node: Node) -> tuple[int, ...]:
    """The nodes that must come before: inputs, and those whose volumes an expression asks for."""
    return (*node.inputs, *node.layer.entries) if isinstance(node.layer, Draft) else node.inputs


def in_running_order(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """The nodes so that each comes behind its inputs, otherwise in the order given.

    Raises DesignError where nodes need each other in a circle; the circle is shown.
    """
    if all(max(_needs(node), default=-1) < index for index, node in enumerate(nodes)):
        return tuple(nodes)
    from heapq import heapify, heappop, heappush  # most designs are in order, and start the sooner without it

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
        raise DesignError([_circle(nodes, {index for index, count in enumerate(waiting) if count})])
    place = {old: new for new, old in enumerate(order)}
    moved = []
    for index in order:
        node = nodes[index]
        layer = node.layer
        if isinstance(layer, Draft):
            layer = layer._replace(entries=tuple(place[entry] for entry in layer.entries))
        share = None if node.share is None else place[node.share]
        inputs = tuple(place[source] for source in node.inputs)
        moved.append(node._replace(layer=layer, inputs=inputs, share=share))
    return tuple(moved)


def _circle(nodes: Sequence[Node], stuck: set[int]) -> Problem:
    """One circle among the nodes that could not be ordered."""
    seen: dict[int, int] = {}
    path: list[int] = []
    index = min(stuck)
    while index not in seen:
        seen[index] = len(path)
        path.append(index)
        index = next(source for source in _needs(nodes[index]) if source in stuck)
    circle = path[seen[index] :][::-1]
    start = circle.index(min(circle))
    circle = circle[start:] + circle[:start]
    names = [nodes[member].name for member in circle]
    if len(names) > 12:
        names = [*names[:6], "...", *names[-5:]]
    text = " -> ".join([*names, names[0]])
    return Problem("cycle", f"the layers need each other in a circle: {text}", nodes[circle[0]].span)
