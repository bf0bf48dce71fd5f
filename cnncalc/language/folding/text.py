"""The text of a folded net: a pattern with repeats, its blocks and its variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cnncalc.language.expression import RESERVED
from cnncalc.language.folding.forms import (
    DEPTH,
    GROWTH_INDEX,
    CallForm,
    GrowthForm,
    LayerForm,
    ListForm,
    Symbol,
    TimesForm,
)
from cnncalc.language.folding.parts import Call, Fork, Leaf, Loop, list_width
from cnncalc.language.folding.short_layers import as_lists
from cnncalc.language.layer_text import MARKS, joined, plain, short, written
from cnncalc.layers.keys import MAX_SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.language.folding.blocks import Block
    from cnncalc.language.folding.forms import Forms, Reference
    from cnncalc.language.folding.naming import Group, Naming
    from cnncalc.language.folding.parts import Part

LONGEST_LIST = 40
"""The most characters of a list in a pattern; a longer list becomes a variable."""

LETTERS = {DEPTH: "w", "size": "size", "kernel": "k", "stride": "s", "count": "n", "list": "l"}
"""The names of parameters by their role; other parameters have the first letter of their role."""


class PatternText:
    """Writes the chains of a folded net.

    ``kept_names`` are names that new names must differ from. ``has_variables``: long lists may become ``variables``,
    each a list of the texts of its entries, with a comment in ``comments``.
    """

    def __init__(
        self,
        forms: Forms,
        blocks: Sequence[Block],
        kept_names: frozenset[str],
        naming: Naming | None,
        *,
        has_variables: bool,
    ) -> None:
        self.forms = forms
        self.kept_names = kept_names
        self.naming = naming
        self._loop_names: dict[int, tuple[str, ...]] = {}
        """For each repeat around whose numbers occur in names: the name of its index, or those of items of its list."""
        self.blocks = {block.name: block for block in blocks}
        self.has_variables = has_variables
        self.variables: dict[str, list[str]] = {}
        self.comments: dict[str, str] = {}
        self.lists: list[int] = []
        """The number of items in the entries of each list."""
        self.names = {block.name: self._parameters(block) for block in blocks}
        self.calls: dict[str, list[tuple[str, ...]]] = {block.name: [] for block in blocks}
        """The arguments of all written calls of each block."""
        self.defaults: dict[str, dict[int, str]] = {block.name: {} for block in blocks}
        self._begin()

    def _begin(self) -> None:
        """Resets the letters for names, at the start of the net or of a block."""
        self._letters = 0
        self._inside: list[dict[str, str]] = []
        """For each fork around, the innermost last: its names by their number."""

    def _letter(self) -> str:
        """A new name: a, b, ..., z, aa, ab, ..."""
        while True:
            name, rest = "", self._letters
            self._letters += 1
            while rest >= 0:
                name, rest = chr(ord("a") + rest % 26) + name, rest // 26 - 1
            if name not in self.kept_names:
                return name

    def _named(self, text: str) -> str:
        """A text with names instead of the placeholders of :func:`local_name`."""

        def name(found: re.Match[str]) -> str:
            names = self._inside[-1 - int(found[1])]
            if found[2] not in names:
                names[found[2]] = self._letter()
            return names[found[2]]

        return re.sub(r"<(\d+)\.(\d+)>", name, text) if "<" in text else text

    # entry points

    def net(self, chain: Sequence[Part]) -> list[str]:
        """The items of the net."""
        self._begin()
        values = [value for part in chain for value in part.values]
        return self._chain(chain, iter(values), frozenset())

    def block(self, block: Block) -> tuple[str, list[str]]:
        """The head of a block and the items of its body."""
        self._begin()
        names = self.names[block.name]
        defaults = self.defaults[block.name]
        heads = [f"{name}={defaults[place]}" if place in defaults else name for place, name in self._ordered(block)]
        constants = iter(block.constants)
        values = [next(constants) if reference.is_constant else _symbol(reference, names) for reference in block.plan]
        head = block.name + (f"({', '.join(heads)})" if heads else "")
        return head, self._chain(block.example, iter(values), frozenset(names), is_named=False)

    # parameters

    def _ordered(self, block: Block) -> list[tuple[int, str]]:
        """The parameters with their places, those with a default last."""
        places = list(enumerate(self.names[block.name]))
        return sorted(places, key=lambda place: place[0] in self.defaults[block.name])

    @property
    def burden(self) -> int:
        """How hard the text is to read: 15 for each list, and for each parameter of a block or list after the third."""
        counts = [len(names) for names in self.names.values()] + self.lists
        return sum([max(0, count - 3) * 15 for count in counts]) + 15 * len(self.lists)

    def _parameters(self, block: Block) -> tuple[str, ...]:
        if all(isinstance(part, Leaf) for part in block.example) and self._has_short_form(block):
            words = {DEPTH: "filters", "kernel": "kernel", "stride": "stride"}
            return tuple([words[role] for role in block.roles])
        taken: set[str] = set()
        return tuple([_free(LETTERS.get(role, role[0]), taken) for role in block.roles])

    @staticmethod
    def _has_short_form(block: Block) -> bool:
        """Whether its parameters can be written as ``C3-64/2``: each role once, and filters is one of them."""
        roles = set(block.roles)
        return len(roles) == len(block.roles) and {DEPTH} <= roles <= {DEPTH, "kernel", "stride"}

    def find_defaults(self) -> None:
        """Makes values that more than half of the calls pass the defaults; all calls must have been written once."""
        self.lists.clear()
        for name, block in self.blocks.items():
            calls = self.calls[name]
            for place, role in enumerate(block.roles):
                values = [call[place] for call in calls]
                common = max(sorted(set(values)), key=values.count) if values else ""
                is_literal = re.fullmatch(r"[0-9.x]+|\[[0-9, ]+\]", common) is not None
                if is_literal and role != DEPTH and values.count(common) * 2 > len(values) > 1:
                    self.defaults[name][place] = common
            self.calls[name] = []

    # chains

    def _chain(
        self, chain: Sequence[Part], values: Iterator[Any], taken: frozenset[str], *, is_named: bool = True
    ) -> list[str]:
        """The items of a chain; with ``is_named`` false the label of its last part is left to the caller."""
        items: list[str] = []
        groups = [] if self.naming is None else self.naming.groups.get(id(chain), [])
        beginning: dict[int, list[Group]] = {}
        for group in groups:
            beginning.setdefault(group.start, []).append(group)
        opened: list[tuple[Group, int]] = []
        for place, part in enumerate(chain):
            opened += [(group, len(items)) for group in beginning.get(place, ())]
            has_name = part.label is not None and (is_named or place < len(chain) - 1)
            items += self._item(part, values, taken, f"@{part.label}" if has_name else "")
            while opened and opened[-1][0].stop == place + 1:
                group, begin = opened.pop()
                is_call = isinstance(part, Call) and group.stop == group.start + 1
                inside = items[-1] if is_call else _bracketed(" -> ".join(items[begin:]))
                items[begin:] = [f"{inside}@{self._group_name(group)}"]
        return items

    def _group_name(self, group: Group) -> str:
        """The name of a group, with expressions for the numbers that change."""
        parts = []
        for part in group.name:
            if isinstance(part, str):
                parts.append(part)
            elif part.is_index:
                (name,) = self._loop_names[part.loop]
                parts.append(f"{{{name} + {part.number}}}" if part.number else f"{{{name}}}")
            else:
                parts.append(f"{{{self._loop_names[part.loop][part.number]}}}")
        return "".join(parts)

    def _indexed(self, part: Loop, taken: frozenset[str]) -> tuple[frozenset[str], str]:
        """The names that are taken in a repeat with a count, and `` as j`` if a name needs its index, else ``""``."""
        if self.naming is None or id(part) not in self.naming.indexed:
            return taken, ""
        used = set(taken)
        name = _free("j", used)
        self._loop_names[id(part)] = (name,)
        return frozenset(used), f" as {name}"

    def _item(self, part: Part, values: Iterator[Any], taken: frozenset[str], mark: str) -> list[str]:
        """The items of one part: two for a fork and its merge, and for a FROM and its layer."""
        form = self.forms[part.form]
        if isinstance(form, LayerForm):
            return self._layer(form, values, mark)
        if isinstance(form, CallForm):
            return [self._call(form, values) + mark]
        if isinstance(part, Fork):
            self._inside.append({})
            branches = [" -> ".join(self._chain(branch, values, taken)) for branch in part.branches]
            items = [_forked(branches), *self._item(part.merge, values, taken, mark)]
            self._inside.pop()
            return items
        assert isinstance(part, Loop)
        body = part.bodies[0]
        if isinstance(form, GrowthForm):
            count = _argument(next(values))
            self._loop_names[id(part)] = (GROWTH_INDEX,)
            items = self._chain(body, values, taken | {GROWTH_INDEX})
            return [f"{_unit(items)}*{count} as {GROWTH_INDEX}"]
        if isinstance(form, TimesForm):
            count = _argument(next(values))
            taken, index = self._indexed(part, taken)
            items, mark = self._body(body, values, taken, mark)
            return [f"{_unit(items)}{mark}*{count}{index}"]
        assert isinstance(form, ListForm)
        return [self._list(form, part, values, taken, mark)]

    def _body(
        self, body: Sequence[Part], values: Iterator[Any], taken: frozenset[str], mark: str
    ) -> tuple[list[str], str]:
        """The items of a repeat and its label, which it needs if there are names inside."""
        before = self._letters
        items = self._chain(body, values, taken, is_named=False)
        if self._letters > before and not mark:
            mark = f"@{self._letter()}"
        return items, mark

    def _list(self, form: ListForm, part: Loop, values: Iterator[Any], taken: frozenset[str], mark: str) -> str:
        rows = next(values)
        used = set(taken)
        columns = [] if self.naming is None else self.naming.columns.get(id(part), [])
        counts = tuple([_free("i", used) for _ in columns])
        self._loop_names[id(part)] = counts
        names = tuple([_free(LETTERS.get(role, role[0]), used) for role in form.roles])
        inner = iter([next(values) if reference.is_constant else _symbol(reference, names) for reference in form.plan])
        items, mark = self._body(part.bodies[0], inner, frozenset(used), mark)
        if columns:
            rows = [(*head, *(row if len(names) > 1 else [row])) for *head, row in zip(*columns, rows, strict=True)]
            names = (*counts, *names)
        self.lists.append(len(names))
        if isinstance(rows, Symbol):
            table = rows.text
        elif self.has_variables and (list_width(tuple(rows)) > LONGEST_LIST or (len(names) > 1 and len(rows) > 2)):
            table = self._variable(row_texts(rows, len(names)), ", ".join(names))
        else:
            table = f"[{', '.join(row_texts(rows, len(names)))}]"
        return f"{_unit(items)}{mark}*{table} as {', '.join(names)}"

    def _variable(self, rows: list[str], comment: str) -> str:
        """The name of the variable for a list, which is added if it is new."""
        for name, known in self.variables.items():
            if known == rows and self.comments[name] == comment:
                return name
        name = f"stages{len(self.variables) + 1}" if self.variables else "stages"
        self.variables[name] = rows
        self.comments[name] = comment
        return name

    def _layer(self, form: LayerForm, values: Iterator[Any], mark: str) -> list[str]:
        texts = []
        for field in form.fields:
            value = next(values) if field.value is None else field.value
            if isinstance(value, Symbol):
                is_word = value.is_name and field.place != "first"
                texts.append((field, value.text if is_word else f"{{{value.text}}}"))
                continue
            value = as_lists(value)
            if value != field.default:
                texts.append((field, short(value) if field.place in MARKS else written(value)))
        extra = [self._named(part) for part in form.extra]
        label = f"@{self._named(form.label)}" if form.label else mark
        text = joined(form.layer, texts, extra) + label
        items = [_bracketed(text) if form.in_brackets else text]
        return [f"FROM(@{self._named(form.source)})", *items] if form.source else items

    def _call(self, form: CallForm, values: Iterator[Any]) -> str:
        block = self.blocks[form.block]
        given = [next(values) for _ in block.roles]
        arguments = tuple([_argument(value, role) for value, role in zip(given, block.roles, strict=True)])
        self.calls[block.name].append(arguments)
        defaults = self.defaults[block.name]
        kept = {place for place in range(len(given)) if defaults.get(place) != arguments[place]}
        if "filters" in self.names[block.name]:
            text = block.name
            for name, sign in (("kernel", ""), ("filters", "-"), ("stride", "/")):
                place = self.names[block.name].index(name) if name in self.names[block.name] else -1
                if place in kept:
                    value = given[place]
                    is_bare = isinstance(value, Symbol) and value.is_name and sign
                    words = value.text if isinstance(value, Symbol) else short(as_lists(value))
                    text += sign + (words if is_bare or not isinstance(value, Symbol) else f"{{{words}}}")
            return text
        shown = []
        is_named = False
        for place, name in self._ordered(block):
            if place in kept:
                shown.append(f"{name}={arguments[place]}" if is_named else arguments[place])
            else:
                is_named = True
        return block.name + (f"({', '.join(shown)})" if shown else "")


def _symbol(reference: Reference, names: Sequence[str]) -> Symbol:
    """The symbol for a slot that follows from a name."""
    name = "depth" if reference.column == -1 else names[reference.column]
    if not reference.operation:
        return Symbol(name)
    if reference.operation == "*":
        return Symbol(f"{reference.number}*{name}", is_name=False)
    return Symbol(f"{name}{reference.operation}{reference.number}", is_name=False)


def row_texts(rows: Sequence[Any], columns: int) -> list[str]:
    """The texts of the entries of a list, each with ``columns`` items."""
    if columns == 1:
        return [_part(row) for row in rows]
    return [f"[{', '.join(map(_part, row))}]" for row in rows]


def _part(value: Any) -> str:
    """The text of a number or a list; a few whole numbers are written as a size, such as 1x7."""
    if (
        isinstance(value, tuple)
        and 1 < len(value) <= MAX_SIDES
        and all(isinstance(part, int) and part > 0 for part in value)
    ):
        return "x".join(map(str, value))
    return plain(as_lists(value))


def _argument(value: Any, role: str = "") -> str:
    """A value as a count or the argument of a call."""
    if isinstance(value, Symbol):
        return value.text if value.is_name else f"{{{value.text}}}"
    return plain(as_lists(value)) if role == "list" else _part(value)


def _free(wanted: str, taken: set[str]) -> str:
    """A name that is not taken, which is added to ``taken``: ``wanted``, or with a number after it."""
    letter = wanted if wanted.isalpha() and wanted.isascii() else "a"
    found, number = letter, 1
    while found in taken or found in RESERVED:
        number += 1
        found = f"{letter}{number}"
    taken.add(found)
    return found


def _unit(items: Sequence[str]) -> str:
    """Items as a single one that can be repeated: in brackets unless they are one layer or call."""
    if len(items) == 1 and re.fullmatch(r"[A-Za-z][\w{}/-]*(\([^()*\[]*\))?", items[0]):
        return items[0]
    return _bracketed(" -> ".join(items))


def _forked(branches: Sequence[str]) -> str:
    """The branches of a fork in brackets: ``[ a | b | ]``."""
    return _bracketed(" | ".join(branches))


def _bracketed(text: str) -> str:
    """A text in brackets, with spaces inside if it has brackets itself."""
    return f"[ {text.strip()} ]" if "[" in text else f"[{text}]"
