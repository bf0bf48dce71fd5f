"""Parts: the items of a folded net with their numbers, each of which knows the nodes that it represents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.language.folding.columns import explained
from cnncalc.language.folding.forms import CallForm, ForkForm, Forms, GrowthForm, ListForm, TimesForm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.language.folding.forms import Values


class Part:
    """One item of a chain: ``form`` is the number of its form, ``values`` are the numbers in its slots.

    ``entry`` is the depth of its input volume, 0 if it has none. ``label`` is a name by which other layers refer to it;
    in a repeat or a block only the last part may have one. ``width`` is the approximate length of its text.
    """

    __slots__ = ("entry", "form", "label", "values", "width")

    def __init__(self, form: int, values: Values, width: int, entry: int, label: str | None = None) -> None:
        self.form = form
        self.values = values
        self.width = width
        self.entry = entry
        self.label = label

    @property
    def chains(self) -> list[list[Part]]:
        """The chains inside, in the order of their layers in the net."""
        return []

    def remade(self, forms: Forms, chains: list[list[Part]]) -> Part:
        """A copy of the part with other chains inside; raises UnlikeError if they do not fit."""
        return self


class Leaf(Part):
    """One layer; ``node`` is the index of its node."""

    __slots__ = ("node",)

    def __init__(self, form: int, values: Values, width: int, entry: int, node: int, label: str | None = None) -> None:
        super().__init__(form, values, width, entry, label)
        self.node = node


def _joined(chain: list[Part]) -> Values:
    return tuple([value for part in chain for value in part.values])


def numbers(chain: list[Part]) -> tuple[int, ...]:
    """The numbers of the forms of a chain."""
    return tuple([part.form for part in chain])


def width_of(chain: list[Part]) -> int:
    """The approximate length of the text of a chain."""
    return sum([part.width + 4 for part in chain])


class Fork(Part):
    """Branches and the merge that joins them."""

    __slots__ = ("branches", "merge")

    def __init__(self, forms: Forms, branches: list[list[Part]], merge: Leaf, entry: int) -> None:
        self.branches = branches
        self.merge = merge
        ids = tuple([numbers(branch) for branch in branches])
        values = tuple([value for branch in branches for value in _joined(branch)]) + merge.values
        roles = tuple([role for branch in ids for role in forms.chain_roles(branch)]) + forms.roles(merge.form)
        inner = [merge.form, *[number for branch in ids for number in branch]]
        form = forms.add(ForkForm(ids, merge.form), roles, reach=max(0, forms.reach(inner) - 1), inner=inner)
        width = sum([width_of(branch) + 3 for branch in branches]) + merge.width + 4
        super().__init__(form, values, width, entry, merge.label)

    @property
    def chains(self) -> list[list[Part]]:
        return [*self.branches, [self.merge]]

    def remade(self, forms: Forms, chains: list[list[Part]]) -> Part:
        (merge,) = chains[-1]
        assert isinstance(merge, Leaf)
        return Fork(forms, chains[:-1], merge, self.entry)


class UnlikeError(Exception):
    """The bodies of a repeat do not have the same forms."""


class Loop(Part):
    """A chain that is repeated, with one body for each iteration.

    Bodies with equal numbers are a repeat with a count, others a repeat over a list. Raises UnlikeError if the forms of
    the bodies differ.
    """

    __slots__ = ("bodies",)

    def __init__(self, forms: Forms, bodies: list[list[Part]]) -> None:
        self.bodies = bodies
        body = numbers(bodies[0])
        if any(numbers(other) != body for other in bodies):
            raise UnlikeError
        rows = [_joined(chain) for chain in bodies]
        entry, label, width = bodies[0][0].entry, bodies[-1][-1].label, width_of(bodies[0]) + 4
        roles, reach = forms.chain_roles(body), forms.reach(body)
        if all(row == rows[0] for row in rows):
            form = forms.add(TimesForm(body), ("count", *roles), reach=reach, inner=body)
            super().__init__(form, (len(bodies), *rows[0]), width, entry, label)
            return
        plan, columns = explained(rows, roles)
        fixed = [place for place, reference in enumerate(plan) if reference.is_constant]
        parts = tuple([roles[column] for column in columns])
        table: tuple[object, ...] = tuple([tuple([row[column] for column in columns]) for row in rows])
        if len(columns) == 1:
            table = tuple([row[columns[0]] for row in rows])
        form = forms.add(
            ListForm(body, plan, parts), ("list", *[roles[place] for place in fixed]), reach=reach, inner=body
        )
        width += 8 + 3 * len(columns) + list_width(table)
        super().__init__(form, (table, *[rows[0][place] for place in fixed]), width, entry, label)

    @property
    def chains(self) -> list[list[Part]]:
        return self.bodies

    def remade(self, forms: Forms, chains: list[list[Part]]) -> Part:
        return Loop(forms, chains)


class Growth(Loop):
    """A repeat in which each iteration reads the outputs of all iterations before, as in a DenseNet."""

    __slots__ = ()

    def __init__(self, forms: Forms, bodies: list[list[Part]]) -> None:
        super().__init__(forms, bodies)
        form = forms[self.form]
        if not isinstance(form, TimesForm):
            raise UnlikeError
        self.form = forms.add(GrowthForm(form.body), forms.roles(self.form), reach=forms.reach(form.body))
        self.width += 20
        self.label = None

    def remade(self, forms: Forms, chains: list[list[Part]]) -> Part:
        return Growth(forms, chains)


def list_width(value: object) -> int:
    """The length of the text of a number or a list."""
    if isinstance(value, tuple):
        return sum([list_width(part) + 2 for part in value])  # with brackets, commas and blanks
    return len(str(value))


class Call(Part):
    """The call of a block, which replaces a chain."""

    __slots__ = ("body",)

    def __init__(self, forms: Forms, block: str, roles: tuple[str, ...], body: list[Part], values: Values) -> None:
        self.body = body
        form = forms.add(CallForm(block), roles, (block, roles))
        width = len(block) + (2 + sum([list_width(value) + 1 for value in values]) if values else 0)
        super().__init__(form, values, width, body[0].entry, body[-1].label)

    @property
    def chains(self) -> list[list[Part]]:
        return [self.body]

    def remade(self, forms: Forms, chains: list[list[Part]]) -> Part:
        raise NotImplementedError


def leaves(chain: list[Part]) -> Iterator[Leaf]:
    """Yields the layers of a chain in the order of the net."""
    stack = [iter(chain)]
    while stack:
        part = next(stack[-1], None)
        if part is None:
            stack.pop()
        elif isinstance(part, Leaf):
            yield part
        else:
            stack += [iter(inner) for inner in reversed(part.chains)]
