"""The syntax tree of a pattern. The entries of an architecture file are read into the same tree."""

from __future__ import annotations

from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    from cnncalc.graph import Ignore, RawValue
    from cnncalc.language.expression import Code
    from cnncalc.source import Span
    from cnncalc.volume import Volume

NOTHING: Mapping[Any, Any] = {}


class Literal(NamedTuple):
    """A value as written: a number, a size or a list; in an architecture file also a word."""

    value: Any
    span: Span


class Name(NamedTuple):
    """A bare word: a key word of the layer (``same``), or the name of a variable."""

    text: str
    span: Span


class Label(NamedTuple):
    """``@name``: its texts and the expressions in braces, in order."""

    parts: tuple[str | Code, ...]
    span: Span


class References(NamedTuple):
    """One or more labels (``@name``) as the value of a key."""

    labels: tuple[Label, ...]
    span: Span


class ListOperand(NamedTuple):
    """A list in an architecture file of whose entries at least one is an expression."""

    items: tuple[Operand, ...]
    span: Span


Operand: TypeAlias = "Literal | Name | Code | References | ListOperand"


class Argument(NamedTuple):
    """``value`` or ``key=value`` in parentheses, or, ``in_file``, ``key: value`` or an entry of a mapping in a file."""

    key: str | None
    value: Operand
    span: Span
    """The place of the key, or of the value if there is no key."""
    in_file: bool = False


class LayerSyntax(NamedTuple):
    """A layer or the call of a block, as written: ``word first - dash / slash (arguments, references): stated @label``.

    ``in_file``: it is an entry of the list ``layers`` or of a block, so that messages show the form of files.
    """

    word: str
    span: Span
    first: Operand | None = None
    dash: Operand | None = None
    slash: Operand | None = None
    arguments: tuple[Argument, ...] = ()
    references: tuple[Label, ...] = ()
    stated: Volume | None = None
    stated_span: Span | None = None
    label: Label | None = None
    in_file: bool = False


class GroupSyntax(NamedTuple):
    """``[ ... ]``: a group if it has one branch, a fork if it has several."""

    branches: tuple[tuple[Item, ...], ...]
    label: Label | None
    span: Span
    """The opening bracket."""


class Item(NamedTuple):
    """A layer, call or group with its ``?`` (``optional``, ``condition``) or its ``*`` (``times as names``)."""

    unit: LayerSyntax | GroupSyntax
    optional: bool = False
    condition: Name | Code | None = None
    times: Literal | Name | Code | None = None
    names: tuple[str, ...] = ()
    suffix_span: Span | None = None


class BlockParameter(NamedTuple):
    """A parameter of a block, with its default (None: it must be given)."""

    name: str
    default: Operand | None


class Default(NamedTuple):
    """The default that an architecture file gives a key of a kind, or the value that it gives a variable."""

    value: Operand
    span: Span


class Design(NamedTuple):
    """A design as read, before its expansion.

    ``forms`` maps the name of each other form of the net to its description. ``variables`` maps the names of the file's
    variables to their values (None: without a value). ``defaults`` maps a kind and a key to the file's default.
    """

    name: str
    items: tuple[Item, ...]
    title: str | None = None
    source: str | None = None
    forms: Mapping[str, str] = NOTHING
    input: Volume | None = None
    input_span: Span | None = None
    variables: Mapping[str, Default | None] = NOTHING
    defaults: Mapping[str, Mapping[str, Default]] = NOTHING
    blocks: Mapping[str, Block] = NOTHING
    budget: RawValue | None = None
    ignore: tuple[Ignore, ...] = ()


class Block(NamedTuple):
    """A block of an architecture file: its parameters and its items."""

    name: str
    parameters: tuple[BlockParameter, ...]
    body: tuple[Item, ...]
    span: Span

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(parameter.name for parameter in self.parameters)
