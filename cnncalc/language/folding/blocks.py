"""Finds blocks: chains that occur several times become a block with parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.language.folding.columns import explained
from cnncalc.language.folding.forms import LayerForm
from cnncalc.language.folding.parts import Call, Fork, Leaf, Loop, Part, UnlikeError, numbers
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cnncalc.language.folding.forms import Forms, Reference

MAX_LENGTH = 14
"""The most parts in the body of a block."""
MAX_BLOCKS = 12
MAX_PARTS = 2_000
"""Blocks are searched for only in nets with at most this number of parts."""
LEAST_SAVED = 24


class Block(NamedTuple):
    """A block: its name and an example of its body.

    ``plan`` says for each slot of the body how it follows from the parameters, ``roles`` are the roles of the
    parameters, ``constants`` the numbers that are equal in all calls.
    """

    name: str
    example: list[Part]
    plan: tuple[Reference, ...]
    roles: tuple[str, ...]
    constants: tuple[Any, ...]


class _Runs:
    """The runs of parts in chains, by the numbers of their forms.

    ``counts``: how often each stands in them without overlap; ``widths``: its characters; ``whole``: those that are all
    of a chain.
    """

    def __init__(self, chains: Iterable[list[Part]]) -> None:
        self.counts: dict[tuple[int, ...], int] = {}
        self.widths: dict[tuple[int, ...], int] = {}
        self.whole: set[tuple[int, ...]] = set()
        last: dict[tuple[int, ...], tuple[int, int]] = {}
        for number, one in enumerate(chains):
            ids = numbers(one)
            sums = [0]
            for part in one:
                sums.append(sums[-1] + part.width + 4)
            for start, part in enumerate(one):
                for stop in range(start + 1, min(start + MAX_LENGTH, len(one)) + 1):
                    if stop > start + 1 and one[stop - 2].label is not None:
                        break
                    if stop == start + 1 and isinstance(part, (Leaf, Call)):
                        continue
                    key = ids[start:stop]
                    before = last.get(key)
                    if before is not None and before[0] == number and before[1] > start:
                        continue
                    last[key] = number, stop
                    self._add(key, sums[stop] - sums[start], is_whole=stop - start == len(one))

    def _add(self, key: tuple[int, ...], width: int, *, is_whole: bool) -> None:
        count = self.counts.get(key, 0)
        self.counts[key] = count + 1
        if not count:
            self.widths[key] = width
        if is_whole:
            self.whole.add(key)


class Blocks:
    """Finds blocks in a net, first the one that saves most characters; names in ``taken`` are not used."""

    def __init__(self, forms: Forms, taken: frozenset[str]) -> None:
        self.forms = forms
        self.taken = set(taken)
        self.blocks: list[Block] = []
        self.refused: set[tuple[int, ...]] = set()

    def folded(self, chain: list[Part]) -> list[Part]:
        """The net with calls of blocks; adds these to ``blocks``."""
        while len(self.blocks) < MAX_BLOCKS:
            best = self._best(chain)
            if best is None:
                break
            known = len(self.blocks)
            try:
                found = self._replace(chain, best)
            except UnlikeError:  # with calls in them, the bodies of a repeat around the block differ in form
                found = None
            if found is None:
                self.refused.add(best)
                self.taken -= {block.name for block in self.blocks[known:]}
                del self.blocks[known:]
                continue
            chain = found
        return chain

    def _best(self, chain: list[Part]) -> tuple[int, ...] | None:
        """The forms of the chain that saves most characters as a block; None if none saves enough."""
        shown = shown_chains(chain)
        if sum(map(len, shown)) > MAX_PARTS:
            return None
        runs = _Runs(shown)
        best, most = None, LEAST_SAVED
        for key, count in runs.counts.items():
            if count < 2 or key in self.refused:
                continue
            slots = len(set(self.forms.chain_roles(key)))
            saved = (count - 1) * runs.widths[key] - count * (8 + 3 * slots) - 16
            if key in runs.whole:
                saved = saved * 5 // 4
            if saved > most and not self.forms.reach(key) and not any(self._is_kept(number) for number in key):
                best, most = key, saved
        return best

    def _is_kept(self, number: int) -> bool:
        form = self.forms[number]
        return isinstance(form, LayerForm) and (form.label is not None or form.in_brackets)

    def _replace(self, chain: list[Part], key: tuple[int, ...]) -> list[Part] | None:
        """The net with calls instead of these forms; None if a label inside them would be lost."""
        places = occurrences(chain, key)
        if any(part.label is not None for piece in places for part in inner_parts(piece)):
            return None
        rows = [tuple([value for part in piece for value in part.values]) for piece in places]
        roles = self.forms.chain_roles(key)
        plan, columns = explained(rows, roles, [piece[0].entry for piece in places])
        name = self._name(key)
        constants = tuple([value for value, reference in zip(rows[0], plan, strict=True) if reference.is_constant])
        block = Block(name, places[0], plan, tuple([roles[column] for column in columns]), constants)
        self.blocks.append(block)
        return self._replaced(chain, key, block, columns)

    def _replaced(self, chain: list[Part], key: tuple[int, ...], block: Block, columns: tuple[int, ...]) -> list[Part]:
        result: list[Part] = []
        at, length = 0, len(key)
        ids = numbers(chain)
        while at < len(chain):
            if ids[at : at + length] == key:
                piece = chain[at : at + length]
                values = tuple([value for part in piece for value in part.values])
                result.append(
                    Call(self.forms, block.name, block.roles, piece, tuple([values[column] for column in columns]))
                )
                at += length
                continue
            part = chain[at]
            if isinstance(part, (Fork, Loop)):
                part = part.remade(self.forms, [self._replaced(inner, key, block, columns) for inner in part.chains])
            result.append(part)
            at += 1
        return result

    def _name(self, key: tuple[int, ...]) -> str:
        is_fork = any(not isinstance(self.forms[number], LayerForm) for number in key)
        stem = "unit" if is_fork else "C"
        name, letter = stem, "B"
        while name in self.taken:
            name = f"{stem}{letter}" if is_fork else chr(ord("C") + len(self.blocks))
            letter = chr(ord(letter) + 1)
        self.taken.add(name)
        return name


def shown_chains(chain: list[Part]) -> list[list[Part]]:
    """The chains of a net that are written in the text: of a repeat only the first body."""
    found, stack = [], [chain]
    while stack:
        one = stack.pop()
        found.append(one)
        for part in one:
            if isinstance(part, Loop):
                stack.append(part.bodies[0])
            elif isinstance(part, Fork):
                stack += part.chains
    return found


def occurrences(chain: list[Part], key: tuple[int, ...]) -> list[list[Part]]:
    """The occurrences of a sequence of forms, also in all bodies of repeats."""
    found, stack, length = [], [chain], len(key)
    while stack:
        one = stack.pop()
        ids = numbers(one)
        at = 0
        while at < len(one):
            if ids[at : at + length] == key:
                found.append(one[at : at + length])
                at += length
                continue
            if isinstance(one[at], (Fork, Loop)):
                stack += one[at].chains
            at += 1
    return found


def inner_parts(piece: list[Part]) -> list[Part]:
    """The parts of a chain without the last one, and the parts inside all of them but those with its label."""
    found = list(piece[:-1])
    stack = [part for part in piece if not isinstance(part, Call)]
    last = piece[-1].label
    while stack:
        for chain in stack.pop().chains:
            found += [part for part in chain if part.label != last]
            stack += [part for part in chain if not isinstance(part, Call)]
    return found
