"""A net as text that reads back to the same net: a pattern, or an architecture file.

Blocks become groups with a name, branches that meet again become forks, and what repeats word for word becomes a
repeat; what is none of these is said with ``FROM(@name)`` and ``ADD(@name)``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cnncalc.language.limits import INPUT_DIGITS, NESTING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.base import Layer

LONGEST_REPEAT = 24
"""So many items may repeat together."""

WIDTH = 110


class _Unreachable(Exception):
    """A name that no reference from here can mean, because a nearer layer has it as well."""


# values


def _number(value: int) -> str:
    """A whole number as an expression whose literals the language reads."""
    limit = 10**INPUT_DIGITS
    if abs(value) < limit:
        return str(value)
    high, low = divmod(abs(value), limit)
    text = f"({_number(high)})*10**{INPUT_DIGITS}+{low}"
    return f"-({text})" if value < 0 else text


def _is_long(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_long(part) for part in value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**INPUT_DIGITS


def _plain(value: Any) -> str:
    """A value of the language, without braces."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "[" + ", ".join(_plain(part) for part in value) + "]"
    if isinstance(value, int):
        return _number(value)
    return str(value) if isinstance(value, str) else repr(value)


def _written(value: Any, *, quoted: bool = False) -> str:
    """A value as it stands in arguments (or, ``quoted``, in a YAML file)."""
    is_size = isinstance(value, list) and len(value) == 3 and all(isinstance(part, int) for part in value)
    if is_size and not _is_long(value) and min(value) > 0:
        return "x".join(str(part) for part in value)
    if _is_long(value):
        text = "{" + _plain(value) + "}"
        return f'"{text}"' if quoted else text
    return _plain(value)


def _short(value: Any) -> str:
    """A value as it stands behind a word, '-' or '/': 64, 1x7, {10**20}."""
    if isinstance(value, list) and not _is_long(value):
        return "x".join(str(part) for part in value)
    return _written(value)


def layer_text(layer: Layer, extra: Sequence[str] = ()) -> str:
    """A layer in its short form: ``CONV3-64/2(pad=0)``; ``extra`` arguments come last."""
    kind = type(layer)
    values = layer.written()
    text = kind.kind.upper()
    for key, mark, always in ((kind.first, "", True), (kind.dash, "-", True), (kind.slash, "/", False)):
        if key is None:
            continue
        item = kind.keys[key]
        attribute = getattr(layer, item.attribute)
        if key in values:
            value = values.pop(key)
        elif always and attribute is not None and not (kind.kind == "dwconv" and mark == "-"):
            value = item.reader.write(attribute)
        else:
            continue
        if "output" in values and mark == "":
            continue
        if key == "size" and isinstance(value, list):
            text += " "
        text += mark + _short(value)
    arguments = [_written(values.pop(kind.bare))] if kind.bare in values else []
    arguments += [f"{key}={_written(value)}" for key, value in values.items()]
    arguments += extra
    return text + (f"({', '.join(arguments)})" if arguments else "")


# names


class _Counter:
    """Counts layers as the language does, so that only names that differ are written."""

    def __init__(self, prefix: str, outer: _Counter | None, one_input: bool) -> None:
        self.prefix = prefix
        self.outer = outer
        self.one_input = one_input
        self.counts: dict[str, int] = {}

    def counted(self, kind: str) -> str:
        """The name that the next layer of a kind would get."""
        number = self.counts[kind] = self.counts.get(kind, 0) + 1
        if kind == "input":
            return self.prefix + ("input" if self.one_input else f"input{number}")
        return f"{self.prefix}{kind}{'_' if kind[-1].isdigit() else ''}{number}"


class _PatternWriter:
    """Writes the rows of a report as one pattern."""

    def __init__(self, report: Report, *, groups: bool) -> None:
        self.rows = report.layers
        self.groups = groups
        nodes = report.graph.nodes
        self.nodes = nodes
        self.read = [bool(readers) for readers in report.graph.readers]
        self.one_input = sum(row.kind == "input" for row in self.rows) == 1
        self.places = {row.name: row.index for row in self.rows}
        self.spans: dict[str, tuple[int, int, int]] = {}
        for row in self.rows:
            prefix = row.block
            while prefix:
                first, _, count = self.spans.get(prefix, (row.index, 0, 0))
                self.spans[prefix] = (first, row.index, count + 1)
                prefix = prefix.rpartition(".")[0]
        self.merges: dict[int | None, list[int]] = {}
        for row in self.rows:
            if len(row.sources) > 1:
                self.merges.setdefault(self._fork_of(row), []).append(row.index)

    def text(self) -> list[str]:
        """The items of the pattern."""
        return self._chain(0, len(self.rows), None, _Counter("", None, self.one_input), 0, is_whole=True)

    # structure

    def _fork_of(self, row: LayerReport) -> int | None:
        """The node at which the branches of a merge would part, or None."""
        ends = sorted(set(row.sources))
        if len(ends) == 1:
            return ends[0]
        # the first layer of the second branch reads what the fork reads
        head = self.rows[ends[0] + 1]
        return head.sources[0] if head.sources and head.sources[0] <= ends[0] else None

    def _branches(self, merge: int, start: int, fork: int | None) -> list[tuple[int, int]] | None:
        """The stretches of rows that are the branches of a merge, in order; None if they are not that simple."""
        at = start
        branches = []
        for source in self.rows[merge].sources:
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
                for source in self.rows[index].sources:
                    if source != fork and not low <= source < high:
                        return None
        return branches

    def _chain(
        self, low: int, high: int, current: int | None, counter: _Counter, depth: int, *, is_whole: bool = False
    ) -> list[str]:
        """The items of rows low..high-1, entered by the volume of row ``current``."""
        items: list[str] = []
        at = low
        while at < high:
            fork_end, branches = self._fork(at, high, current) if depth < NESTING - 4 else (None, None)
            prefix, group_end = self._group(at, high, counter) if depth < NESTING - 4 else (None, 0)
            if prefix is not None and group_end > (fork_end or 0):
                inside = _Counter(prefix + ".", counter, self.one_input)
                inner = self._chain(at, group_end, current, inside, depth + 1)
                items.append(f"{_bracketed(_compressed(inner))}@{prefix[len(counter.prefix) :]}")
                current, at = group_end - 1, group_end
                continue
            if fork_end is not None and branches is not None:
                texts = []
                for start, end in branches:
                    texts.append(" -> ".join(_compressed(self._chain(start, end, current, counter, depth + 1))))
                items.append("[" + " | ".join(texts) + "]")
                items.append(self._layer(fork_end, counter, (), is_end=is_whole and fork_end == high - 1))
                current, at = fork_end, fork_end + 1
                continue
            row = self.rows[at]
            is_end = at == high - 1 and is_whole
            if row.kind == "input":
                text = self._layer(at, counter, (), is_end=is_end)
                items.append(f"[{text}]" if at > low or current is not None else text)
            elif len(row.sources) == 1:
                if row.sources[0] != current:
                    items.append(f"FROM({self._reference(row.sources[0], counter)})")
                items.append(self._layer(at, counter, (), is_end=is_end))
            else:
                others = row.sources
                if len(others) == 2 and others[0] == current and current is not None:
                    others = others[1:]
                references = [self._reference(source, counter) for source in others]
                items.append(self._layer(at, counter, references, is_end=is_end))
            current, at = at, at + 1
        return items

    def _fork(self, at: int, high: int, current: int | None) -> tuple[int | None, list[tuple[int, int]] | None]:
        """The furthest merge whose branches begin here, with its branches."""
        for merge in reversed(self.merges.get(current, ())):
            if at < merge < high:
                branches = self._branches(merge, at, current)
                if branches is not None and sum(start < end for start, end in branches) > 0:
                    return merge, branches
        return None, None

    def _group(self, at: int, high: int, counter: _Counter) -> tuple[str | None, int]:
        """The widest block that begins here and lies in the stretch as a whole, and where it ends."""
        if not self.groups:
            return None, 0
        name = self.rows[at].name
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

    def _layer(self, index: int, counter: _Counter, references: Sequence[str], *, is_end: bool) -> str:
        row, node = self.rows[index], self.nodes[index]
        extra = list(references)
        if not node.trainable:
            extra.append("trainable=no")
        if node.training_only:
            extra.append("training_only=yes")
        if node.share is not None:
            extra.append(f"share={self._reference(node.share, counter)}")
        text = layer_text(row.layer, extra)
        counted = counter.counted(row.kind)
        if counted != row.name or not (self.read[index] or is_end):
            if not row.name.startswith(counter.prefix):
                raise _Unreachable
            text += f"@{row.name[len(counter.prefix) :]}"
        return text

    def _reference(self, index: int, counter: _Counter) -> str:
        """``@name``, as short as it may be for the scopes at this place to find the right layer."""
        name = self.rows[index].name
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


def _bracketed(items: list[str]) -> str:
    return "[" + " -> ".join(items) + "]"


def _compressed(items: list[str]) -> list[str]:
    """Items in which what follows itself word for word is written once, with its count; named items never do."""
    result: list[str] = []
    at = 0
    while at < len(items):
        best, times = 0, 1
        for length in range(1, min(LONGEST_REPEAT, (len(items) - at) // 2) + 1):
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
        # a fork is repeated together with its merge, so it never stands alone
        result.append(f"{_bracketed(inner) if best > 1 or not _repeatable(inner[0]) else inner[0]}*{times}")
    return result


def _repeatable(item: str) -> bool:
    """Whether an item may carry a '*' without brackets: no merge, no repeat of its own."""
    return re.fullmatch(r"[A-Z0-9]+[^*\]]*", item) is not None and not re.match(r"(ADD|MUL|CONCAT|FROM)\b", item)


def as_pattern(report: Report) -> str:
    """The net as a pattern that reads back to the same net, over several lines where it is long."""
    try:
        items = _PatternWriter(report, groups=True).text()
    except _Unreachable:
        items = _PatternWriter(report, groups=False).text()
    items = _compressed(items)
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(item) + 4 <= WIDTH:
            lines[-1] += f" -> {item}"
        else:
            lines.append(f"-> {item}" if lines else item)
    return "\n".join(lines) + "\n"


# YAML


def _quoted(text: str) -> str:
    """A text as a YAML scalar: bare where YAML cannot misread it, else in double quotes."""
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


def _node_text(node: Any) -> str:
    """A YAML node of a file, written again."""
    if hasattr(node, "text"):
        return node.value if node.plain else _quoted(node.value)
    if hasattr(node, "items") and not callable(node.items):
        return "[" + ", ".join(_node_text(item) for item in node.items) + "]"
    return "{" + ", ".join(f"{_quoted(key.value)}: {_node_text(value)}" for key, value in node.entries) + "}"


def as_yaml(report: Report) -> str:
    """The net as an architecture file with one entry a layer, which reads back to the same net."""
    graph = report.graph
    lines = [f"name: {_quoted(report.name)}"]
    if report.title:
        lines.append(f"title: {_quoted(report.title)}")
    if report.source:
        lines.append(f"source: {_quoted(report.source)}")
    if graph.budget is not None and not getattr(graph.budget, "is_null", False):
        lines.append(f"budget: {_node_text(graph.budget)}")
    if graph.ignore:
        entries = [i.code if i.layer is None else f"{{{i.code}: {_quoted(i.layer)}}}" for i in graph.ignore]
        lines.append(f"ignore: [{', '.join(entries)}]")
    lines.append("layers:")
    inputs = sum(row.kind == "input" for row in report.layers)
    counter = _Counter("", None, inputs == 1)
    read = [bool(readers) for readers in graph.readers]
    for row, node in zip(report.layers, graph.nodes, strict=True):
        keys: dict[str, str] = {}
        counted = counter.counted(row.kind)
        is_last = row.index == len(report.layers) - 1
        if counted != row.name or not (read[row.index] or is_last):
            keys["name"] = _quoted(row.name)
        if row.sources and row.sources != (row.index - 1,):
            names = [_quoted(source) for source in row.inputs]
            keys["inputs"] = names[0] if len(names) == 1 else "[" + ", ".join(names) + "]"
        values = _sized(row.layer)
        keys.update(_yaml_keys(values))
        if not node.trainable:
            keys["trainable"] = "no"
        if node.training_only:
            keys["training_only"] = "yes"
        if node.share is not None:
            keys["share"] = _quoted(report.layers[node.share].name)
        inner = ", ".join(f"{key}: {value}" for key, value in keys.items())
        lines.append(f"  - {row.kind}: {{{inner}}}" if inner else f"  - {row.kind}")
    return "\n".join(lines) + "\n"


def _sized(layer: Layer) -> dict[str, Any]:
    """The keys of a layer as values of the language: its sizes even where they are the default, then what differs."""
    kind = type(layer)
    values = layer.written()
    first: dict[str, Any] = {}
    for key in (kind.dash, kind.first):
        if key is None or (key not in values and ("output" in values or (kind.kind == "dwconv" and key == kind.dash))):
            continue
        item = kind.keys[key]
        first[key] = values.pop(key, item.reader.write(getattr(layer, item.attribute)))
    return first | values


def _yaml_keys(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: _written(value, quoted=True) for key, value in values.items()}
