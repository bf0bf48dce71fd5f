"""Writes a graph as a pattern or an architecture file that reads back to the same net.

In a pattern blocks become named groups, branches that end in a merge become forks, and equal items in a row become a
repeat; other connections are written with ``FROM(@name)`` and ``ADD(@name)``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.language.forks import STEPS_PER_NODE, Forks
from cnncalc.language.layer_text import entry_keys, layer_text
from cnncalc.language.limits import NESTING
from cnncalc.layers import KINDS
from cnncalc.layers.base import Layer
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.graph import Graph, Node, RawValue

MAX_REPEAT = 24
"""The most items of a sequence that is written as a repeat."""

WIDTH = 110
"""The most characters of a line of a pattern, unless one item is longer."""
MAX_WIDTH = 120
"""The most characters of a line before the layers of a file, unless one word is longer."""


class _Unreachable(Exception):
    """A name cannot be written in a scope, because a nearer scope has the same name or the prefixes differ."""


# names


class _Counter:
    """Numbers layers as the expansion does, so that only names that differ from the automatic ones are written."""

    def __init__(self, prefix: str, outer: _Counter | None, one_input: bool) -> None:
        self.prefix = prefix
        self.outer = outer
        self.one_input = one_input
        self.counts: dict[str, int] = {}

    def counted(self, node: Node) -> str:
        """Counts a node, and returns the automatic name that it would get."""
        kind = node.kind
        number = self.counts[kind] = self.counts.get(kind, 0) + 1
        if node.is_input:
            return self.prefix + ("input" if self.one_input else f"input{number}")
        return f"{self.prefix}{kind}{'_' if kind[-1].isdigit() else ''}{number}"


class _PatternWriter:
    """Writes a net as one pattern."""

    def __init__(self, graph: Graph, *, groups: bool) -> None:
        self.nodes = graph.nodes
        self.groups = groups
        self.read = [bool(readers) for readers in graph.readers()]
        self.one_input = sum(not node.inputs for node in self.nodes) == 1
        self.places = {node.name: index for index, node in enumerate(self.nodes)}
        self.texts: dict[int, str] = {}  # by layer: many nodes have the same one
        self.spans: dict[str, tuple[int, int, int]] = {}
        """For each block the index of its first node, that of its last node, and the number of its nodes."""
        for index, node in enumerate(self.nodes):
            prefix = node.block
            while prefix:
                first, _, count = self.spans.get(prefix, (index, 0, 0))
                self.spans[prefix] = (first, index, count + 1)
                prefix = prefix.rpartition(".")[0]
        merges = [index for index, node in enumerate(self.nodes) if len(node.inputs) > 1 and _joins(node)]
        inputs = [node.inputs for node in self.nodes]
        self.forks = Forks(inputs, merges, STEPS_PER_NODE * len(inputs))

    def text(self) -> list[str]:
        """The items of the pattern."""
        return self._chain(0, len(self.nodes), None, _Counter("", None, self.one_input), 0)

    # structure

    def _chain(self, low: int, high: int, entry: int | None, counter: _Counter, depth: int) -> list[str]:
        """The items of nodes ``low`` to ``high - 1``; ``entry`` is the node whose volume enters them, if any."""
        items: list[str] = []
        at, current = low, entry
        while at < high:
            found, end = self._nested(at, high, current, counter, depth)
            if not found:
                found, end = self._single(at, current, counter, at_head=at == low and entry is None), at + 1
            items += found
            at, current = end, end - 1
        return items

    def _nested(self, at: int, high: int, current: int | None, counter: _Counter, depth: int) -> tuple[list[str], int]:
        """The items of the block or fork that begins at a node, and the node after it; no items if there is none."""
        if depth >= NESTING - 4:
            return [], at
        merge, branches = self.forks.furthest(at, high, current)
        prefix, end = self._group(at, high, counter)
        if prefix is not None and end > (merge or 0):
            inside = _Counter(prefix + ".", counter, self.one_input)
            inner = self._chain(at, end, current, inside, depth + 1)
            return [f"{_bracketed(_compressed(inner))}@{prefix[len(counter.prefix) :]}"], end
        if merge is None:
            return [], at
        texts = []
        for start, stop in branches:
            texts.append(" -> ".join(_compressed(self._chain(start, stop, current, counter, depth + 1))))
        return ["[" + " | ".join(texts) + "]", self._layer(merge, counter, ())], merge + 1

    def _single(self, at: int, current: int | None, counter: _Counter, *, at_head: bool) -> list[str]:
        """The items of one node: its layer, after ``FROM`` if it does not read the volume of node ``current``."""
        inputs = self.nodes[at].inputs
        if not inputs:
            text = self._layer(at, counter, ())
            return [text if at_head else f"[{text}]"]
        if len(inputs) == 1 and _joins(self.nodes[at]):
            return [self._layer(at, counter, [f"inputs=[{self._reference(inputs[0], counter)}]"])]
        if len(inputs) == 1:
            before = [] if inputs[0] == current else [f"FROM({self._reference(inputs[0], counter)})"]
            return [*before, self._layer(at, counter, ())]
        others = inputs[1:] if len(inputs) == 2 and inputs[0] == current else inputs
        return [self._layer(at, counter, [self._reference(source, counter) for source in others])]

    def _group(self, at: int, high: int, counter: _Counter) -> tuple[str | None, int]:
        """The outermost block that begins at a node and ends before ``high``, if any, and the node after it."""
        if not self.groups:
            return None, 0
        name = self.nodes[at].name
        if not name.startswith(counter.prefix):
            raise _Unreachable
        parts = name[len(counter.prefix) :].split(".")[:-1]
        prefix = counter.prefix[:-1]
        for part in parts:
            prefix = f"{prefix}.{part}" if prefix else part
            first, last, count = self.spans[prefix]
            if first == at and count == last - first + 1 and last < high and prefix not in self.places:
                return prefix, last + 1
        return None, 0

    # layers

    def _layer(self, index: int, counter: _Counter, references: Sequence[str]) -> str:
        """The layer of a node with its references, further keys and, unless automatic, its label."""
        node = self.nodes[index]
        extra = list(references)
        if not node.trainable:
            extra.append("trainable=no")
        if node.training_only:
            extra.append("training_only=yes")
        if node.share is not None:
            extra.append(f"share={self._reference(node.share, counter)}")
        if node.transposed:
            extra.append("transposed=yes")
        layer = _known_layer(node)
        text = layer_text(layer, extra) if extra else self.texts.get(id(layer))
        if text is None:
            text = self.texts[id(layer)] = layer_text(layer)
        is_end = index == len(self.nodes) - 1 and counter.outer is None
        if counter.counted(node) != node.name or not (self.read[index] or is_end):
            if not node.name.startswith(counter.prefix):
                raise _Unreachable
            text += f"@{node.name[len(counter.prefix) :]}"
        return text

    def _reference(self, index: int, counter: _Counter) -> str:
        """The shortest ``@name`` that refers to a node from this scope."""
        name = self.nodes[index].name
        scope: _Counter | None = counter
        inner: list[str] = []
        while scope is not None:
            if name.startswith(scope.prefix):
                relative = name[len(scope.prefix) :]
                if not any(prefix + relative in self.places or prefix + relative in self.spans for prefix in inner):
                    return f"@{relative}"
            inner.append(scope.prefix)
            scope = scope.outer
        raise _Unreachable


def _known_layer(node: Node) -> Layer:
    """The layer of a node that is not a draft."""
    assert isinstance(node.layer, Layer), node.name
    return node.layer


def _bracketed(items: list[str]) -> str:
    return "[" + " -> ".join(items) + "]"


def _compressed(items: list[str]) -> list[str]:
    """The items, with equal sequences in a row written once with a count; items with a label are not repeated."""
    result: list[str] = []
    at = 0
    while at < len(items):
        best, times = 0, 1
        for length in range(1, min(MAX_REPEAT, (len(items) - at) // 2) + 1):
            unit = items[at : at + length]
            if any("@" in item for item in unit):
                break
            count = 1
            while items[at + count * length : at + (count + 1) * length] == unit:
                count += 1
            if count > 1 and count * length > best * times:
                best, times = length, count
        if not best:
            result.append(items[at])
            at += 1
            continue
        unit = items[at : at + best]
        inner = _compressed(unit) if best > 1 else unit
        at += best * times
        # a fork is always repeated with its merge
        result.append(f"{_bracketed(inner) if best > 1 or not _repeatable(inner[0]) else inner[0]}*{times}")
    return result


def _repeatable(item: str) -> bool:
    """Whether a '*' may follow an item without brackets: it is neither a merge nor FROM, and has no '*' itself."""
    word = re.match(r"[A-Z0-9]+", item)
    if word is None or re.fullmatch(r"[A-Z0-9]+[^*\]]*", item) is None or word[0] == "FROM":
        return False
    kind = KINDS.get(word[0].lower())
    return kind is None or not kind.is_merge


def as_pattern(graph: Graph) -> str:
    """The pattern, in lines, that reads back to the net of a graph without drafts."""
    try:
        items = _PatternWriter(graph, groups=True).text()
    except _Unreachable:
        items = _PatternWriter(graph, groups=False).text()
    items = _compressed(items)
    lines = note_lines(graph)
    first = len(lines)
    for item in items:
        if len(lines) > first and len(lines[-1]) + len(item) + 4 <= WIDTH:
            lines[-1] += f" -> {item}"
        else:
            lines.append(f"-> {item}" if len(lines) > first else item)
    return "\n".join(lines) + "\n"


# YAML


def _quoted(text: str) -> str:
    """A text as a YAML scalar: without quotes where YAML reads it as this text, else in double quotes."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", text) and text.lower() not in ("null", "~"):
        return text
    escaped = "".join(
        f"\\{character}"
        if character in '"\\'
        else character
        if character.isprintable()
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
    return f'"{escaped}"'


def _raw_text(value: RawValue) -> str:
    """A value of a budget as YAML."""
    if value.entries is not None:
        return "{" + ", ".join(f"{_quoted(key)}: {_raw_text(part)}" for key, _, part in value.entries) + "}"
    text = value.text or ""
    return text if re.fullmatch(r"[A-Za-z0-9+-][A-Za-z0-9_.%+-]*( [A-Za-z0-9%]+)?", text) else _quoted(text)


def as_yaml(graph: Graph) -> str:
    """The architecture file, with an entry for each layer, that reads back to the net of a graph without drafts."""
    lines = [*head_lines(graph), "layers:"]
    counter = _Counter("", None, sum(not node.inputs for node in graph.nodes) == 1)
    last = len(graph.nodes) - 1
    for index, readers in enumerate(graph.readers()):
        node = graph.nodes[index]
        needs_name = counter.counted(node) != node.name or not (readers or index == last)
        keys = {"name": _quoted(node.name)} if needs_name else {}
        keys.update(_entry_keys(graph, index))
        inner = ", ".join(f"{key}: {value}" for key, value in keys.items())
        lines.append(f"  - {node.kind}: {{{inner}}}" if inner else f"  - {node.kind}")
    return "\n".join(lines) + "\n"


def note_lines(graph: Graph) -> list[str]:
    """The notes of a net as comments."""
    return [line for note in graph.notes for line in in_lines(f"# {visible(note)}", "# ")]


def in_lines(text: str, begin: str = "  ") -> list[str]:
    """A text in lines of at most :data:`MAX_WIDTH` characters; lines after the first begin with ``begin``.

    It is broken at single blanks: inside quotes or brackets YAML reads a line break as a blank.
    """
    lines = [""]
    for word in re.split(r"(?<! ) (?! )", text):
        if not lines[-1]:
            lines[-1] = word
        elif len(lines[-1]) + 1 + len(word) <= MAX_WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(begin + word)
    return lines


def head_lines(graph: Graph) -> list[str]:
    """The lines of a file before its layers: the notes as comments, then its keys from ``name`` to ``ignore``."""
    lines = [*note_lines(graph), f"name: {_quoted(graph.name)}"]
    if graph.title:
        lines.append(f"title: {_quoted(graph.title)}")
    if graph.source:
        lines.append(f"source: {_quoted(graph.source)}")
    if graph.forms:
        lines.append(
            f"forms: {{{', '.join(f'{_quoted(name)}: {_quoted(what)}' for name, what in graph.forms.items())}}}"
        )
    if graph.budget is not None and graph.budget.entries:
        lines.append(f"budget: {_raw_text(graph.budget)}")
    if graph.ignore:
        entries = [i.code if i.layer is None else f"{{{i.code}: {_quoted(i.layer)}}}" for i in graph.ignore]
        lines.append(f"ignore: [{', '.join(entries)}]")
    return [part for line in lines for part in ([line] if line.startswith("#") else in_lines(line))]


def _joins(node: Node) -> bool:
    """Whether a node is a merge, whose inputs are written even if it has one."""
    return _known_layer(node).is_merge


def _entry_keys(graph: Graph, index: int) -> dict[str, str]:
    """The keys of the entry of a node, without its name, each with the text of its value."""
    node = graph.nodes[index]
    keys: dict[str, str] = {}
    if node.inputs and (node.inputs != (index - 1,) or _joins(node)):
        names = [_quoted(graph.nodes[source].name) for source in node.inputs]
        keys["inputs"] = names[0] if len(names) == 1 and not _joins(node) else "[" + ", ".join(names) + "]"
    keys.update(entry_keys(_known_layer(node)))
    if not node.trainable:
        keys["trainable"] = "no"
    if node.training_only:
        keys["training_only"] = "yes"
    if node.share is not None:
        keys["share"] = _quoted(graph.nodes[node.share].name)
    if node.transposed:
        keys["transposed"] = "yes"
    return keys
