"""Reads YAML into a tree of nodes, each with its place in the text; scalars stay text.

The tree is built here from the events of PyYAML's C parser, so that limits apply while it grows, repeated keys are
found, and ``010`` is not turned into 8.
"""

from __future__ import annotations

from cnncalc.collection import Paused
from cnncalc.errors import DesignError, Problem, Problems
from cnncalc.graph import RawValue
from cnncalc.language.limits import YAML_ALIASES, YAML_BYTES, YAML_DEPTH, YAML_NODES
from cnncalc.language.tree_cache import cache_tree, cached_tree
from cnncalc.records import NamedTuple
from cnncalc.source import Source, Span, Text, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeAlias

    from yaml import YAMLError

MAX_QUOTED = 100
"""The longest pattern that a hint repeats."""
TOO_DEEP = f"YAML nests at most {YAML_DEPTH} deep"


class Scalar:
    """A scalar as written; ``value`` is its text without quotes and escapes."""

    __slots__ = ("_end", "_source", "_start", "_style", "value")

    def __init__(self, value: str, style: str, source: Source, start: int, end: int) -> None:
        self.value = value
        self._style = style
        self._source = source
        self._start = start
        self._end = end

    @property
    def plain(self) -> bool:
        """Whether it has no quotes and is not a block (``|`` or ``>``)."""
        return not self._style

    @property
    def plain_parts(self) -> tuple[str, str, int, int]:
        """Its value, its style (``"``, ``'``, ``|``, ``>`` or none), and its first and last offset in the source."""
        return self.value, self._style, self._start, self._end

    @property
    def is_null(self) -> bool:
        """Whether it is empty, ``~`` or ``null``."""
        return not self._style and self.value in ("", "~", "null", "Null", "NULL")

    @property
    def span(self) -> Span:
        """Its span in the source, without blanks at the end."""
        source, start = self._source, self._start
        return Span(source, start, start + (len(source.text[start : self._end].rstrip()) or 1))

    @property
    def text(self) -> Text:
        """Its value, with the place of each character in the source."""
        value, style, start = self.value, self._style, self._start
        raw = self._source.text[start : self._end]
        if style in ("", "'") and raw[bool(style) : len(raw) - bool(style)] == value:
            return Text(value, self._source, (0,), (start + bool(style),))
        if style == '"' and raw[1:-1] == value:
            return Text(value, self._source, (0,), (start + 1,))
        folded = style != "|" and "\n" in raw.strip() and style != ">"
        if style == ">":
            folded = "\n" in value.strip("\n") or raw.count("\n") > 1
        values, places = _aligned(value, raw, style)
        return Text(value, self._source, values, tuple(start + at for at in places), folded)


class Sequence(NamedTuple):
    """A list; ``size`` is the number of its nodes, those inside included."""

    items: tuple[Node, ...]
    span: Span
    size: int


class Mapping(NamedTuple):
    """A mapping: its keys and values in order, no key twice; ``size`` as for :class:`Sequence`."""

    entries: tuple[tuple[Scalar, Node], ...]
    span: Span
    size: int

    def get(self, key: str) -> Node | None:
        """The value of a key; None if there is no such key."""
        for name, node in self.entries:
            if name.value == key:
                return node
        return None


Node: TypeAlias = "Scalar | Sequence | Mapping"


def raw_value(node: Node) -> RawValue:
    """A node as a record that does not depend on YAML."""
    if isinstance(node, Scalar):
        return RawValue(node.span, what="nothing") if node.is_null else RawValue(node.span, node.value.strip())
    if isinstance(node, Sequence):
        return RawValue(node.span, what="a list")
    entries = tuple((key.value, key.span, raw_value(value)) for key, value in node.entries)
    return RawValue(node.span, entries=entries)


def _plain(node: Node) -> tuple[Any, ...]:
    """A node as nested tuples of texts and numbers, for the cache."""
    if isinstance(node, Scalar):
        return node.plain_parts
    _, start, end = node.span
    if isinstance(node, Sequence):
        return [_plain(item) for item in node.items], start, end, node.size
    return tuple([(_plain(key), _plain(value)) for key, value in node.entries]), start, end, node.size


def _made(found: tuple[Any, ...], source: Source) -> Any:
    """The node from the tuples of :func:`_plain`."""
    if isinstance(found[0], str):
        value, style, start, end = found
        return Scalar(value, style, source, start, end)
    content, start, end, size = found
    span = Span(source, start, end)
    if isinstance(content, list):
        return Sequence(tuple([_made(item, source) for item in content]), span, size)
    return Mapping(tuple([(_made(key, source), _made(value, source)) for key, value in content]), span, size)


class _Open:
    """A list or mapping whose end has not been read."""

    __slots__ = ("anchor", "is_mapping", "items", "start")

    def __init__(self, is_mapping: bool, anchor: str | None, start: int) -> None:
        self.is_mapping = is_mapping
        self.anchor = anchor
        self.start = start
        self.items: list[Node] = []


class YamlDocument:
    """Reads a YAML text, which must be one document."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems = Problems()
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._aliases = self._documents = 0

    def _error(self, code: str, message: str, span: Span, hint: str | None = None) -> DesignError:
        return DesignError([*self.problems, Problem(code, message, span, hint)])

    def _span(self, start: int, end: int) -> Span:
        return Span(self.source, start, max(start + 1, end))

    def read(self) -> Node | None:
        """The root node, None for an empty text; raises DesignError for invalid YAML or more than a limit allows.

        Repeated keys, keys that are not words, and merge keys are added to ``problems`` instead.
        """
        text = self.source.text
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        if size > YAML_BYTES:
            message = f"a YAML file has at most {YAML_BYTES // 1024**2} MiB, but this one has {size:,} bytes"
            raise self._error("limit", message, self._span(0, 1))
        kept = cached_tree(self.source)
        if kept is not None:
            node: Node = _made(kept, self.source)
            return node
        import re

        import yaml

        unprintable = re.search("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
        if unprintable is not None:
            at = unprintable.start()
            message = f"control characters are not allowed in YAML, found {visible(unprintable.group())!s}"
            raise self._error("yaml-syntax", message, self._span(at, at + 1))
        try:
            with Paused():
                root = self._build(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        except yaml.YAMLError as error:
            raise self._syntax(error) from None
        if root is not None and not self.problems:
            cache_tree(self.source, lambda: _plain(root))
        return root

    def root_so_far(self) -> Node | None:
        """After an error, the root node with what was read; None if nothing was."""
        node: Node | None = None
        for opened in reversed(self._stack):
            items = [*opened.items, node] if node is not None else opened.items
            span = self._span(opened.start, opened.start + 1)
            if opened.is_mapping:
                pairs = zip(items[::2], items[1::2], strict=False)  # the value of the last key may be missing
                node = Mapping(tuple((key, value) for key, value in pairs if isinstance(key, Scalar)), span, 0)
            else:
                node = Sequence(tuple(items), span, 0)
        return node

    def has_read(self, key: str) -> bool:
        """After an error, whether the value of a key of the root mapping was read to its end."""
        items = self._stack[0].items if self._stack and self._stack[0].is_mapping else []
        names = [name for name, _ in zip(items[::2], items[1::2], strict=False)]
        return any(isinstance(name, Scalar) and name.value == key for name in names)

    def _syntax(self, error: YAMLError) -> DesignError:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        what = getattr(error, "problem", None) or "invalid YAML"
        at = min(mark.index if mark is not None else 0, max(0, len(self.source.text) - 1))
        if "nesting depth" in what:  # the C parser has a limit of its own
            return self._error("limit", TOO_DEEP, self._span(at, at + 1))
        return self._error("yaml-syntax", f"YAML: {what}", self._span(at, at + 1), self._quotes_hint(at))

    def _quotes_hint(self, at: int) -> str | None:
        """The hint for a pattern without quotes that YAML cannot parse; None if there is no pattern on the line."""
        import re

        number = self.source.position(at)[0]
        lines = [self.source.line(place) for place in (number, number - 1) if place > 0]
        if any("->" in line and " #" in line for line in lines):
            return "YAML ends a bare text at ' #'; write the pattern as a block: 'layers: |' and the pattern below it"
        for line in lines:
            bare = re.match(r"\s*(?:- +)?(?:[\w.-]+: +)?([\[{].*)$", line)
            if bare is not None and ("->" in line or "]*" in line or "]?" in line):
                pattern = bare.group(1).strip()
                quoted = f': "{pattern}"' if len(pattern) <= MAX_QUOTED else ""
                return f"YAML reads '[' as a list; put the pattern into quotes{quoted}, or write it as a block with '|'"
            if "->" in line:
                return "put the pattern into quotes, or write it as a block with '|'"
        return None

    def _build(self, events: Iterator[Any]) -> Node | None:
        """The root node of the events of the parser."""
        from yaml import ScalarEvent

        root: Node | None = None
        source, stack = self.source, self._stack
        for count, event in enumerate(events):
            start, end = event.start_mark.index, event.end_mark.index
            if count > 2 * YAML_NODES:  # a collection takes two events
                raise self._too_many(self._span(start, end))
            node: Node | None
            if type(event) is ScalarEvent:
                if event.tag is not None:
                    self._refuse_tag(event, start, end)
                node = Scalar(event.value, event.style or "", source, start, end)
                if event.anchor is not None:
                    self._anchors[event.anchor] = node
            else:
                node = self._node(event, start, end)
                if node is None:
                    continue
            if stack:
                stack[-1].items.append(node)
            else:
                root = node
        return root

    def _node(self, event: Any, start: int, end: int) -> Node | None:
        """The node that an event other than a scalar completes; None if it completes none."""
        import yaml

        if isinstance(event, yaml.CollectionStartEvent):
            self._refuse_tag(event, start, end)
            if len(self._stack) == YAML_DEPTH:
                raise self._error("limit", TOO_DEEP, self._span(start, end))
            self._stack.append(_Open(isinstance(event, yaml.MappingStartEvent), event.anchor, start))
        elif isinstance(event, yaml.CollectionEndEvent):
            done = self._stack.pop()
            node = self._collection(done, end)
            if done.anchor is not None:
                self._anchors[done.anchor] = node
            return node
        elif isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor or "", start, end)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                message = "an architecture file has one document, but a second one begins here"
                raise self._error("yaml-syntax", message, self._span(start, end))
        return None

    def _alias(self, anchor: str, start: int, end: int) -> Node:
        self._aliases += 1
        if self._aliases > YAML_ALIASES:
            message = f"a YAML file has at most {YAML_ALIASES} aliases"
            raise self._error("limit", message, self._span(start, end))
        node = self._anchors.get(anchor)
        if node is None:
            message = f"the alias '*{anchor}' is inside or before its anchor"
            raise self._error("yaml-syntax", message, self._span(start, end), self._quotes_hint(start))
        return node

    def _too_many(self, span: Span) -> DesignError:
        return self._error("limit", f"a YAML file has at most {YAML_NODES:,} nodes, with aliases expanded", span)

    def _refuse_tag(self, event: Any, start: int, end: int) -> None:
        if event.tag is not None and event.tag != "!":
            raise self._error("yaml-tag", f"YAML tags are not allowed: {event.tag}", self._span(start, end))

    def _collection(self, done: _Open, end: int) -> Node:
        size = 1 + sum([1 if isinstance(item, Scalar) else item.size for item in done.items])
        text = self.source.text
        while end > done.start + 1 and text[end - 1] in " \t\r\n":
            end -= 1
        span = Span(self.source, done.start, max(done.start + 1, end))
        if size > YAML_NODES:
            raise self._too_many(span)
        if not done.is_mapping:
            return Sequence(tuple(done.items), span, size)
        entries: list[tuple[Scalar, Node]] = []
        seen: dict[str, Scalar] = {}
        for key, value in zip(done.items[::2], done.items[1::2], strict=True):
            if not isinstance(key, Scalar):
                self.problems.append(
                    Problem(
                        "wrong-type",
                        "a key must be a word, but YAML parsed a list or mapping",
                        key.span,
                        self._quotes_hint(key.span.start),
                    )
                )
                continue
            if key.value == "<<" and key.plain:
                self.problems.append(Problem("yaml-merge", "merge keys ('<<') are not supported", key.span))
                continue
            if key.value in seen:
                line = seen[key.value].span.line
                message = f"the key '{key.value}' is repeated; it is already on line {line}"
                self.problems.append(Problem("repeated-key", message, key.span))
                continue
            seen[key.value] = key
            entries.append((key, value))
        return Mapping(tuple(entries), span, size)


def _aligned(value: str, raw: str, style: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Offsets in a scalar's value and those in its raw text, as in :class:`cnncalc.source.Text`.

    Characters other than blanks have the same order in both (an escape in double quotes counts as one character), so
    that both can be scanned together.
    """
    at = 0
    if style in ("|", ">"):
        at = raw.find("\n") + 1
    elif style:
        at = 1
    values, places = [0], [at]
    shift = at
    for index, character in enumerate(value):
        if character in " \t\n\r":
            if at < len(raw) and raw[at] == character:
                at += 1
            continue
        at = _skip_blanks(raw, at, style)
        if at - index != shift:
            shift = at - index
            values.append(index)
            places.append(at)
        at += _width(raw, at, style)
    return tuple(values), tuple(places)


def _skip_blanks(raw: str, at: int, style: str) -> int:
    """The offset after blanks and, in double quotes, escaped line breaks."""
    while at < len(raw):
        if raw[at] in " \t\r\n":
            at += 1
        elif style == '"' and raw[at] == "\\" and raw[at + 1 : at + 2] in ("\n", "\r"):
            at += 2
        else:
            break
    return at


def _width(raw: str, at: int, style: str) -> int:
    """The number of raw characters that one character of the value takes."""
    if style == '"' and raw[at : at + 1] == "\\":
        return {"x": 4, "u": 6, "U": 10}.get(raw[at + 1 : at + 2], 2)
    return 2 if style == "'" and raw[at : at + 2] == "''" else 1
