"""Forms: what items of a pattern look like with their numbers left out, so that equal ones can be found.

A form is known by its number; two items have the same form if they differ in numbers alone. ``slots`` are the places
of the numbers, in the order of the text; items hold the values. A slot has a role, :data:`DEPTH` or the name of its
key, such as ``kernel``: only values of the same role are taken for the same parameter.
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
"""The name of the number of a time in a :class:`GrowthForm`."""


class Symbol(NamedTuple):
    """A name, or an expression of names, in place of a number."""

    text: str
    is_name: bool = True


class LayerForm(NamedTuple):
    """A layer. The value of a field whose number is in a slot is None; ``default`` leaves it out of the text.

    ``extra`` stands in the parentheses after the keys, ``source`` is the name that a FROM before it has, ``label`` its
    own. Names inside a fork are written as :func:`local_name` gives them. ``alone``: it begins a branch of its own.
    """

    layer: Layer
    fields: tuple[Field, ...]
    extra: tuple[str, ...]
    source: str | None
    label: str | None
    alone: bool


class ForkForm(NamedTuple):
    """Branches, each a chain of forms, and the merge that joins them."""

    branches: tuple[tuple[int, ...], ...]
    merge: int


class TimesForm(NamedTuple):
    """A chain, repeated; the first slot is the count."""

    body: tuple[int, ...]


class GrowthForm(NamedTuple):
    """A chain, repeated, that begins with a merge of what all times before gave; the first slot is the count."""

    body: tuple[int, ...]


class ListForm(NamedTuple):
    """A chain, repeated for each entry of a list, which is the first slot.

    ``plan`` says for each slot of the chain whether it is the same in all entries, and then a slot of this form, or
    how it follows from the parts of the entry. ``roles`` are those of the parts.
    """

    body: tuple[int, ...]
    plan: tuple[Reference, ...]
    roles: tuple[str, ...]


class CallForm(NamedTuple):
    """A call of a block; the slots are its parameters."""

    block: str


Form: TypeAlias = "LayerForm | ForkForm | TimesForm | GrowthForm | ListForm | CallForm"


class Reference(NamedTuple):
    """How a slot follows from others: ``constant``, or column ``column`` with an operation and a number.

    ``operation`` is empty for the column itself; a ``column`` of -1 is the depth of the volume that enters the block.
    """

    column: int = -2
    operation: str = ""
    number: int = 0

    @property
    def is_constant(self) -> bool:
        """Whether it is the same everywhere."""
        return self.column == -2


CONSTANT = Reference()


def local_name(forks: int, number: int) -> str:
    """The name ``number`` of the fork that many forks further out than the innermost one around a layer.

    It is replaced by a name of letters in the text; parts of different forks that use their names alike look alike.
    """
    return f"<{forks}.{number}>"


class Known(NamedTuple):
    """A form with the roles of its slots, and in how many forks around it names are that it uses or defines."""

    form: Form
    roles: tuple[str, ...]
    reach: int
    has_names: bool


class Forms:
    """The forms of a net by their numbers."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._known: list[Known] = []

    def __getitem__(self, number: int) -> Form:
        return self._known[number].form

    def roles(self, number: int) -> tuple[str, ...]:
        """The roles of the slots of a form."""
        return self._known[number].roles

    def reach(self, numbers: Sequence[int]) -> int:
        """In how many forks around a chain names are that it uses or defines."""
        return max([self._known[number].reach for number in numbers], default=0)

    def has_names(self, *numbers: int) -> bool:
        """Whether there are names inside that are local to a fork."""
        return any(self._known[number].has_names for number in numbers)

    def chain_roles(self, numbers: Sequence[int]) -> tuple[str, ...]:
        """The roles of the slots of a chain."""
        return tuple([role for number in numbers for role in self._known[number].roles])

    def add(
        self, form: Form, roles: tuple[str, ...], key: Hashable | None = None, reach: int = 0, inner: Sequence[int] = ()
    ) -> int:
        """The number of a form; ``key`` tells it apart (default: the form itself), ``inner`` are the forms in it."""
        key = (type(form), form if key is None else key)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._known)
            self._known.append(Known(form, roles, reach, reach > 0 or self.has_names(*inner)))
        return number


Values: TypeAlias = "tuple[Any, ...]"
