"""The syntax tree of a pattern; the entries of an architecture file become the same tree."""

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
    """A value as written: a number, a size, a list, a word of a file."""

    value: Any
    span: Span


class Name(NamedTuple):
    """A bare word: a key word of the layer, or a variable."""

    text: str
    span: Span


class Label(NamedTuple):
    """``@name``, in which braces hold expressions."""

    parts: tuple[str | Code, ...]
    span: Span


class References(NamedTuple):
    """One or more ``@name`` as the value of a key."""

    labels: tuple[Label, ...]
    span: Span


class ListOperand(NamedTuple):
    """A list in a file with expressions among its entries."""

    items: tuple[Operand, ...]
    span: Span


Operand: TypeAlias = "Literal | Name | Code | References | ListOperand"


class Argument(NamedTuple):
    """``value`` or ``key=value`` in parentheses, or an entry of a mapping in a file."""

    key: str | None
    value: Operand
    span: Span
    """The place of the key, or of the value if there is no key."""


class LayerSyntax(NamedTuple):
    """A layer or the call of a block, as written."""

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
    """``[ ... ]``: one branch is a group, several are a fork."""

    branches: tuple[tuple[Item, ...], ...]
    label: Label | None
    span: Span
    """The opening bracket."""


class Item(NamedTuple):
    """A layer or group with its ``?`` or ``*``."""

    unit: LayerSyntax | GroupSyntax
    optional: bool = False
    condition: Name | Code | None = None
    times: Literal | Name | Code | None = None
    names: tuple[str, ...] = ()
    suffix_span: Span | None = None


class BlockParameter(NamedTuple):
    """A parameter of a block, with its default."""

    name: str
    default: Operand | None


class Default(NamedTuple):
    """The default of a file for a key, or the value of a variable."""

    value: Operand
    span: Span


class Design(NamedTuple):
    """A design as read, before its expansion.

    ``forms`` are other forms of the net, each by its name with what it is. ``variables`` are those of the file with
    their values (None: open); ``defaults`` are by kind and key.
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
    """A block of a file: its parameters and its pattern."""

    name: str
    parameters: tuple[BlockParameter, ...]
    body: tuple[Item, ...]
    span: Span

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(parameter.name for parameter in self.parameters)
