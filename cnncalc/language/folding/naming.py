"""The names of blocks in a folded net: which groups and calls are blocks of the original net, and their names.

A block of the original net is a common prefix of layer names, such as ``layer1.0``. A group gets a name if it consists
of exactly the layers of a block in every repetition, and if the numbers in the names follow from the index or the list
of a repeat around it: ``layer{i}.{j + 1}``.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from cnncalc.language.folding.forms import LayerForm, ListForm
from cnncalc.language.folding.parts import Fork, Leaf, Loop, Part
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.language.folding.forms import Forms


MIN_COUNTED = 5
"""The fewest layers of a block whose name may have a number that changes with a repeat."""


class Counted(NamedTuple):
    """A number in a name that changes with a repeat: its index plus ``number``, or item ``number`` of its entries.

    ``loop`` is the ``id`` of the repeat.
    """

    loop: int
    is_index: bool
    number: int


class Group(NamedTuple):
    """The parts ``start`` to ``stop - 1`` of a chain, with their name: texts, and numbers that change."""

    start: int
    stop: int
    name: tuple[str | Counted, ...]


class Instance(NamedTuple):
    """One occurrence of a chain: the iteration of each repeat around it, and the prefix of the names around it."""

    chain: list[Part]
    times: tuple[int, ...]
    prefix: str


class Naming:
    """The names of the blocks of a net.

    ``groups`` holds the named groups of each chain by its ``id``, outer ones first. ``columns`` holds the items that
    names need in the list of a repeat, ``indexed`` the repeats that need an index, both by the ``id`` of the first of
    equal repeats.
    """

    def __init__(self, forms: Forms, chain: list[Part], names: Sequence[str]) -> None:
        self.forms = forms
        self.names = names
        self.groups: dict[int, list[Group]] = {}
        self.columns: dict[int, list[tuple[int, ...]]] = {}
        self.indexed: set[int] = set()
        self._sizes: Counter[str] = Counter()
        """The number of layers of each block."""
        self._begins: dict[str, int] = {}
        """The index of the first layer of each block."""
        for index, name in enumerate(names):
            prefix = name.rpartition(".")[0]
            while prefix:
                self._sizes[prefix] += 1
                self._begins.setdefault(prefix, index)
                prefix = prefix.rpartition(".")[0]
        self._known: dict[int, tuple[str, int, bool, int]] = {}
        if self._sizes:
            self._visit([Instance(chain, (), "")], ())

    def _facts(self, part: Part) -> tuple[str, int, bool, int]:
        """The innermost block around a part, the number of its layers, whether one has a label, and the first one."""
        known = self._known.get(id(part))
        if known is not None:
            return known
        if isinstance(part, Leaf):
            form = self.forms[part.form]
            is_named = part.label is not None or (isinstance(form, LayerForm) and form.label is not None)
            found = self.names[part.node].rpartition(".")[0], 1, is_named, part.node
        else:
            inner = [self._facts(one) for chain in part.chains for one in chain]
            is_named = part.label is not None or any(facts[2] for facts in inner)
            begin = min([facts[3] for facts in inner])
            found = _common([facts[0] for facts in inner]), sum([facts[1] for facts in inner]), is_named, begin
        self._known[id(part)] = found
        return found

    def _visit(self, instances: list[Instance], loops: tuple[Loop, ...]) -> None:
        """Finds the groups of occurrences of a chain, and of the chains inside."""
        chain = instances[0].chain
        groups: list[Group] = []
        inside: list[list[str]] = [[one.prefix for one in instances] for _ in chain]

        def scan(start: int, stop: int, around: list[Instance]) -> None:
            """Finds the groups from ``start`` to ``stop - 1``, and the groups inside them."""
            at = start
            while at < stop:
                group, prefixes = self._group(around, loops, at, stop)
                if group is None:
                    at += 1
                    continue
                groups.append(group)
                inside[at : group.stop] = [prefixes] * (group.stop - at)
                within = [one._replace(prefix=prefix) for one, prefix in zip(around, prefixes, strict=True)]
                scan(at, group.stop, within)
                at = group.stop

        scan(0, len(chain), instances)
        if groups:
            self.groups[id(chain)] = groups
        for place, part in enumerate(chain):
            if isinstance(part, Fork):
                for branch in range(len(part.branches)):
                    self._visit(
                        [
                            Instance(one.chain[place].chains[branch], one.times, prefix)
                            for one, prefix in zip(instances, inside[place], strict=True)
                        ],
                        loops,
                    )
            elif isinstance(part, Loop) and not self.forms.has_names(part.form):
                bodies = [
                    Instance(body, (*one.times, number), prefix)
                    for one, prefix in zip(instances, inside[place], strict=True)
                    for number, body in enumerate(one.chain[place].chains)
                ]
                self._visit(bodies, (*loops, part))

    def _group(
        self, instances: list[Instance], loops: tuple[Loop, ...], at: int, most: int
    ) -> tuple[Group | None, list[str]]:
        """The widest named group that begins at the place ``at`` (None: none), and its prefix in each occurrence."""
        first = instances[0]
        block, _, _, begin = self._facts(first.chain[at])
        if not block.startswith(first.prefix):
            return None, []
        path = block[len(first.prefix) :].split(".") if len(block) > len(first.prefix) else []
        for length in range(1, len(path) + 1):
            name = first.prefix + ".".join(path[:length])
            stop = self._stop(first.chain, at, name) if self._begins[name] == begin else None
            if stop is None or stop > most or (stop == at + 1 and isinstance(first.chain[at], Leaf)):
                continue
            if self.forms.reach([part.form for part in first.chain[at:stop]]):
                continue
            names = [name]
            for one in instances[1:]:
                part = self._facts(one.chain[at])[0]
                pieces = part[len(one.prefix) :].split(".") if part.startswith(one.prefix) else []
                names.append(one.prefix + ".".join(pieces[:length]))
                if len(pieces) < length or self._stop(one.chain, at, names[-1]) != stop:
                    break
            else:
                own = [one[len(instance.prefix) :] for one, instance in zip(names, instances, strict=True)]
                found = self._expressed(instances, loops, own, may_count=self._sizes[name] >= MIN_COUNTED)
                if found is not None:
                    return Group(at, stop, found), [f"{one}." for one in names]
        return None, []

    def _stop(self, chain: list[Part], at: int, name: str) -> int | None:
        """The place after the block ``name``, which begins at ``at``; None if the parts are not exactly that block."""
        left, stop = self._sizes[name], at
        while left > 0 and stop < len(chain):
            block, count, is_named, _ = self._facts(chain[stop])
            if is_named or not (block == name or block.startswith(f"{name}.")):
                return None
            left -= count
            stop += 1
        return None if left else stop

    def _expressed(
        self, instances: list[Instance], loops: tuple[Loop, ...], names: list[str], *, may_count: bool
    ) -> tuple[str | Counted, ...] | None:
        """The name of a group from its names in all occurrences; None if their numbers follow no rule."""
        pieces = [re.split(r"(?<![0-9])(0|[1-9][0-9]{0,8})(?![0-9])", name) for name in names]
        if any(piece[::2] != pieces[0][::2] for piece in pieces):
            return None
        result: list[str | Counted] = []
        before = {loop: list(columns) for loop, columns in self.columns.items()}
        for place, text in enumerate(pieces[0]):
            column = [piece[place] for piece in pieces]
            if all(one == text for one in column):
                result.append(text)
                continue
            found = self._counted([int(one) for one in column], instances, loops, may_count=may_count)
            if found is None:
                self.columns = before
                return None
            result.append(found)
        self.indexed |= {part.loop for part in result if isinstance(part, Counted) and part.is_index}
        return tuple(result)

    def _counted(
        self, numbers: list[int], instances: list[Instance], loops: tuple[Loop, ...], *, may_count: bool
    ) -> Counted | None:
        """How numbers follow from the index or the list of one repeat; None if they do not."""
        for level in reversed(range(len(loops))) if may_count else ():
            known: dict[int, int] = {}
            for number, one in zip(numbers, instances, strict=True):
                if known.setdefault(one.times[level], number) != number:
                    break
            else:
                loop, form = loops[level], self.forms[loops[level].form]
                values = tuple([known[time] for time in range(len(known))])
                if isinstance(form, ListForm):
                    if level:
                        return None
                    columns = self.columns.setdefault(id(loop), [])
                    if values not in columns:
                        columns.append(values)
                    return Counted(id(loop), is_index=False, number=columns.index(values))
                if values != tuple(range(values[0], values[0] + len(values))):
                    return None
                return Counted(id(loop), is_index=True, number=values[0])
        return None


def _common(blocks: list[str]) -> str:
    """The innermost block around several blocks: their longest common prefix."""
    if all(block == blocks[0] for block in blocks):
        return blocks[0]
    paths = [block.split(".") for block in blocks]
    low, high = min(paths), max(paths)
    parts = []
    for one, other in zip(low, high, strict=False):
        if one != other:
            break
        parts.append(one)
    return ".".join(parts)
