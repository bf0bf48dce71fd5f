"""Finds repeats: equal consecutive parts become a repeat with a count, similar ones a repeat over a list."""

from __future__ import annotations

from operator import eq
from typing import TYPE_CHECKING, Any

from cnncalc.language.folding.forms import LayerForm
from cnncalc.language.folding.parts import Leaf, Loop, Part, UnlikeError, numbers, width_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from cnncalc.language.folding.forms import Forms

MAX_PERIOD = 400
"""The most parts in the body of a repeat."""
MAX_ROUNDS = 12
"""How often a chain with repeats is searched again, since repeats may be repeated too."""
MAX_STEPS = 6_000_000
"""The most parts that the search for repeats compares."""
LEAST_SAVED = 30
"""How many characters a repeat over a list must save: with less it is not easier to read."""


class RepeatFinder:
    """Finds repeats.

    ``equal_first``: parts with equal numbers are joined before parts that only have equal forms. ``with_single``: a
    chain that is repeated elsewhere and occurs once here becomes a repeat of one, so that both have the same form.
    """

    def __init__(self, forms: Forms, *, equal_first: bool, with_single: bool) -> None:
        self.forms = forms
        self.equal_first = equal_first
        self.with_single = with_single
        self.steps = MAX_STEPS
        self._numbers: dict[Hashable, int] = {}

    def folded(self, chain: list[Part]) -> list[Part]:
        """The chain with repeats, in itself and in the chains of its parts."""
        chain = [self._inside(part) for part in chain]
        for _ in range(MAX_ROUNDS):
            before = len(chain)
            if self.equal_first:
                chain = self._pass(chain, exact=True)
            if self.with_single and len(chain) == before:
                chain = self._wrapped(chain)
            chain = self._pass(chain, exact=False)
            if len(chain) == before:
                break
        return chain

    def _inside(self, part: Part) -> Part:
        chains = part.chains
        if not chains:
            return part
        folded = [self.folded(chain) if len(chain) > 1 else chain for chain in chains]
        if all(new is old for new, old in zip(folded, chains, strict=True)):
            return part
        return part.remade(self.forms, folded)

    def _pass(self, chain: list[Part], *, exact: bool) -> list[Part]:
        """The chain with the repeats of every period (number of parts), short periods first."""
        period, keys = 1, self._keys(chain, exact=exact)
        while period <= min(len(chain) // 2, MAX_PERIOD) and self.steps > 0:
            self.steps -= len(chain)
            found = self._of_period(chain, keys, period)
            if found is None:
                period += 1
            else:
                chain, period = found, 1
                keys = self._keys(chain, exact=exact)
        return chain

    def _keys(self, chain: Sequence[Part], *, exact: bool) -> list[int]:
        """A number for each part; parts with equal numbers may be joined."""
        if not exact:
            return [part.form for part in chain]
        numbers = self._numbers
        return [numbers.setdefault((part.form, part.values), len(numbers)) for part in chain]

    def _of_period(self, chain: list[Part], keys: list[int], period: int) -> list[Part] | None:
        """The chain with the repeats of one period; None if there are none."""
        same = bytes(map(eq, keys, keys[period:]))
        wanted = b"\1" * period
        at, done, result = same.find(wanted), 0, []
        while at >= 0:
            stop = same.find(b"\0", at)
            stop = len(same) if stop < 0 else stop
            at = max(at, done)
            times = (stop - at + period) // period
            if times > 1:
                start = self._start(chain, at, (stop - at + period) % period)
                bodies = [chain[start + number * period : start + (number + 1) * period] for number in range(times)]
                loop = self._loop(bodies)
                if loop is not None:
                    result += [*chain[done:start], loop]
                    done = start + times * period
            at = same.find(wanted, max(stop, done))
        return [*result, *chain[done:]] if done else None

    def _start(self, chain: Sequence[Part], at: int, spare: int) -> int:
        """The place where the first body begins, if it can be shifted by up to ``spare`` parts.

        Best is a fork or a layer with MACs, worst an activation function or a normalization, which belongs to the layer
        before it.
        """
        return max(range(at, at + spare + 1), key=lambda start: (self._rank(chain[start]), -start))

    def _rank(self, part: Part) -> int:
        form = self.forms[part.form]
        if not isinstance(form, LayerForm):
            return 1 if isinstance(part, Loop) else 2
        layer = form.layer
        return 2 if layer.counts_macs else 0 if layer.is_activation or layer.is_normalization else 1

    def _loop(self, bodies: list[list[Part]]) -> Part | None:
        """The repeat of these bodies; None if it saves too little, or if a label inside it would be repeated."""
        for body in bodies:
            if any(part.label is not None for part in body[:-1]):
                return None
        if any(body[-1].label is not None for body in bodies[:-1]):
            return None
        if any(_has_label(part) for body in bodies for part in body):
            return None
        loop = Loop(self.forms, bodies)
        total = sum(map(width_of, bodies))
        if not isinstance(loop.values[0], tuple):
            return loop if total - loop.width > 2 else None
        is_plain = all(isinstance(part, Leaf) for part in bodies[0])
        has_lists = any(isinstance(value, tuple) for row in loop.values[0] if isinstance(row, tuple) for value in row)
        return loop if total - loop.width > max(LEAST_SAVED, total // 4) and not (is_plain and has_lists) else None

    def _wrapped(self, chain: list[Part]) -> list[Part]:
        """The chain in which every single occurrence of a chain that is repeated elsewhere is a repeat of one."""
        bodies = {numbers(part.bodies[0]) for part in chain if isinstance(part, Loop)}
        if not bodies:
            return chain
        result: list[Part] = []
        at = 0
        lengths = sorted({len(body) for body in bodies}, reverse=True)
        while at < len(chain):
            for length in lengths:
                piece = chain[at : at + length]
                if numbers(piece) in bodies and not any(part.label for part in piece[:-1]):
                    result.append(Loop(self.forms, [piece]))
                    at += length
                    break
            else:
                result.append(chain[at])
                at += 1
        return result


def unwrapped(forms: Forms, chain: list[Part]) -> list[Part]:
    """The chain without repeats of one, where equal forms stay equal."""
    try:
        return _unwrapped(forms, [chain])[0]
    except UnlikeError:
        return chain


def _unwrapped(forms: Forms, chains: list[list[Part]]) -> list[list[Part]]:
    """Chains of equal forms without the repeats that have a single iteration in all of them."""
    result: list[list[Part]] = [[] for _ in chains]
    for parts in zip(*chains, strict=True):
        if all(isinstance(part, Loop) and len(part.chains) == 1 for part in parts):
            pieces = _unwrapped(forms, [part.chains[0] for part in parts])
        elif isinstance(parts[0], Loop):
            inner = iter(_unwrapped(forms, [body for part in parts for body in part.chains]))
            pieces = [[part.remade(forms, [next(inner) for _ in part.chains])] for part in parts]
        elif parts[0].chains:
            branches = [_unwrapped(forms, list(each)) for each in zip(*[part.chains for part in parts], strict=True)]
            pieces = [
                [part.remade(forms, list(each))] for part, each in zip(parts, zip(*branches, strict=True), strict=True)
            ]
        else:
            pieces = [[part] for part in parts]
        for found, piece in zip(result, pieces, strict=True):
            found += piece
    return result


def _has_label(part: Part) -> bool:
    """Whether a part inside this one has a label other than that of the part itself."""
    stack: list[Any] = [part]
    while stack:
        one = stack.pop()
        for chain in one.chains:
            for inner in chain:
                if inner.label is not None and inner.label != part.label:
                    return True
                stack.append(inner)
    return False
