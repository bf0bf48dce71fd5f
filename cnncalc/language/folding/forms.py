"""Forms: items of a pattern without their numbers, so that items which differ only in numbers can be found.

A form is identified by a number; two items have the same form if they differ only in numbers. The slots of a form are
the places of these numbers, in the order of the text; items hold the values. A slot has a role, :data:`DEPTH` or the
name of its key, such as ``kernel``: only values of the same role can be the same parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from cnncalc.language.layer_text import Field
    from cnncalc.layers.base import Layer


DEPTH = "channels"
"""The role of numbers of channels: filters, units, groups."""

GROWTH_INDEX = "j"
"""The name of the index in a :class:`GrowthForm`."""


class Symbol(NamedTuple):
    """A name or an expression, written instead of a number."""

    text: str
    is_name: bool = True


class LayerForm(NamedTuple):
    """A layer. The value of a field is None if its number is in a slot.

    ``extra`` are the items after the keys in its parentheses, such as references. ``source`` is the name in a FROM
    before the layer, ``label`` its own name. Names of nodes inside a fork are those of :func:`local_name`.
    ``in_brackets``: it is an input, written in brackets since a volume precedes it.
    """

    layer: Layer
    fields: tuple[Field, ...]
    extra: tuple[str, ...]
    source: str | None
    label: str | None
    in_brackets: bool


class ForkForm(NamedTuple):
    """Branches, each a chain of forms, and the merge that joins them."""

    branches: tuple[tuple[int, ...], ...]
    merge: int


class TimesForm(NamedTuple):
    """A repeated chain; the first slot is the count."""

    body: tuple[int, ...]


class GrowthForm(NamedTuple):
    """A repeated chain whose first layer merges the outputs of all iterations before; the first slot is the count."""

    body: tuple[int, ...]


class ListForm(NamedTuple):
    """A chain that is repeated for each entry of a list; the first slot is the list.

    ``plan`` says for each slot of the chain how it follows from the items of an entry, or that it is constant; constant
    slots are the further slots of this form. ``roles`` are the roles of the items of an entry.
    """

    body: tuple[int, ...]
    plan: tuple[Reference, ...]
    roles: tuple[str, ...]


class CallForm(NamedTuple):
    """A call of a block; the slots are its parameters."""

    block: str


Form: TypeAlias = "LayerForm | ForkForm | TimesForm | GrowthForm | ListForm | CallForm"


class Reference(NamedTuple):
    """How a slot follows from others: it is constant, or column ``column`` with an operation and a number.

    ``operation`` is empty for the column itself. A ``column`` of -1 is the depth of the input volume of the block, -2
    means constant.
    """

    column: int = -2
    operation: str = ""
    number: int = 0

    @property
    def is_constant(self) -> bool:
        """Whether the slot has the same value everywhere."""
        return self.column == -2


CONSTANT = Reference()


def local_name(forks: int, number: int) -> str:
    """The placeholder of name ``number`` in the fork that is ``forks`` levels outside the innermost one.

    The text has a name of letters instead. Because placeholders are relative, equal branches of different forks have
    equal forms.
    """
    return f"<{forks}.{number}>"


class FormFacts(NamedTuple):
    """A form and the roles of its slots.

    ``reach``: how many levels of forks outwards its local names belong to; 0: it uses none. ``has_names``: local names
    are used in it or inside it.
    """

    form: Form
    roles: tuple[str, ...]
    reach: int
    has_names: bool


class Forms:
    """The forms of a net by their numbers."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._known: list[FormFacts] = []

    def __getitem__(self, number: int) -> Form:
        return self._known[number].form

    def roles(self, number: int) -> tuple[str, ...]:
        """The roles of the slots of a form."""
        return self._known[number].roles

    def reach(self, numbers: Sequence[int]) -> int:
        """How many levels of forks outwards the local names of a chain belong to; 0: it uses none."""
        return max([self._known[number].reach for number in numbers], default=0)

    def has_names(self, *numbers: int) -> bool:
        """Whether one of these forms uses names that are local to a fork, also inside it."""
        return any(self._known[number].has_names for number in numbers)

    def chain_roles(self, numbers: Sequence[int]) -> tuple[str, ...]:
        """The roles of the slots of a chain."""
        return tuple([role for number in numbers for role in self._known[number].roles])

    def add(
        self, form: Form, roles: tuple[str, ...], key: Hashable | None = None, reach: int = 0, inner: Sequence[int] = ()
    ) -> int:
        """The number of a form, which is added if it is new.

        Forms with equal ``key`` (default: the form itself) are equal. ``inner`` are the forms inside.
        """
        key = (type(form), form if key is None else key)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._known)
            self._known.append(FormFacts(form, roles, reach, reach > 0 or self.has_names(*inner)))
        return number


Values: TypeAlias = "tuple[Any, ...]"
