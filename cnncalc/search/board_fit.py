"""Whether a net fits a board, and the members of its family that do: smaller inputs, smaller values of variables."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from cnncalc.analysis.rewriting import with_pooled_fc
from cnncalc.errors import CnncalcError
from cnncalc.language.assignment import decimal
from cnncalc.memory.micro import flash_of, net_on_chip
from cnncalc.memory.tflm import arena_of, fits_in
from cnncalc.records import NamedTuple
from cnncalc.search.ranges import INPUT, SIZES, Sizes, number_of, value_of_range

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.layers.keys import Value
    from cnncalc.memory.boards import Board
    from cnncalc.search.family import Family

STEP = 8
"""The step of sides of inputs, and of variables that it divides, such as numbers of channels."""
DECIMALS = 20
"""Steps of a decimal number from 0 to 1."""
MOST_INVALID = 40
"""The values in a row that are tried until one is valid."""


class Takes(NamedTuple):
    """What a net takes on a chip, in bytes: the smallest arena, its head, the model in flash; and its MACs."""

    arena: int
    head: int
    flash: int
    macs: int


class Change(NamedTuple):
    """A change of the net, what it then takes, and whether it fits."""

    what: str
    takes: Takes
    fits: bool


class BoardFit(NamedTuple):
    """A net on a board; ``reserve`` bytes of its RAM are for the program. ``advice``: what helps if it does not fit."""

    architecture: str
    board: Board
    reserve: int
    takes: Takes
    advice: tuple[Change, ...] = ()

    @property
    def ram_left(self) -> int:
        """The bytes of RAM beside arena and reserve; negative: so many are missing."""
        return self.board.ram - self.reserve - self.takes.arena

    @property
    def flash_left(self) -> int:
        """The bytes of flash beside the model; negative: so many are missing."""
        return self.board.flash - self.takes.flash

    @property
    def fits(self) -> bool:
        """Whether the arena and the model fit."""
        return self.has_room(self.takes)

    def has_room(self, takes: Takes) -> bool:
        """Whether a net that takes this fits."""
        return takes.arena + self.reserve <= self.board.ram and takes.flash <= self.board.flash

    def missing(self, takes: Takes) -> int:
        """The bytes that a net lacks."""
        return max(0, takes.arena + self.reserve - self.board.ram) + max(0, takes.flash - self.board.flash)

    def room(self, report: Report) -> _Room:
        """What of a net fits; raises DesignError."""
        net = net_on_chip(report)
        return _Room(fits_in(net, self.board.ram - self.reserve), flash_of(net).bytes <= self.board.flash)


def takes_of(report: Report) -> Takes:
    """What a net takes; raises DesignError with every layer that chips have no operator for."""
    net = net_on_chip(report)
    arena = arena_of(net)
    return Takes(arena.minimum_bytes, arena.head_bytes, flash_of(net).bytes, report.totals.macs)


class _Room(NamedTuple):
    """Whether the arena fits the RAM, and the model the flash."""

    ram: bool
    flash: bool

    def reaches(self, aim: _Room) -> bool:
        """Whether all that the other has fits here too."""
        return self.ram >= aim.ram and self.flash >= aim.flash


def fit_board(family: Family | None, report: Report, board: Board, reserve: int = 0) -> BoardFit:
    """Whether the net of a report, which is the family without a change, fits a board; if not, with advice.

    Without a family there is no advice on its input and variables.

    For the input and each variable that is a number, the advice is a value with which the net fits, or that part of it
    which fits with the smallest value, while it does not with the next larger one. Raises DesignError.
    """
    found = BoardFit(report.name, board, reserve, takes_of(report))
    if found.fits:
        return found
    smaller = [] if family is None else [(family, *each) for each in _smaller(family, report)]
    advice = [_largest(members, report, found, name, values) for members, name, values in smaller]
    pooled = with_pooled_fc(report)
    if pooled is not None:
        takes = takes_of(pooled[1])
        advice.append(Change(f"global average pooling before {pooled[0]}", takes, found.has_room(takes)))
    helping = [each for each in advice if each is not None and found.missing(each.takes) < found.missing(found.takes)]
    return found._replace(advice=tuple(sorted(helping, key=lambda change: not change.fits)))


def _smaller(family: Family, report: Report) -> Iterator[tuple[str, Sequence[Value]]]:
    """Smaller values of the input and of each variable, in rising order."""
    first = next((row.output for row in report.layers if not row.sources), None)
    if first is not None and len(set(first.sides)) == 1 and first.sides[0] > STEP:
        yield INPUT, Sizes(range(STEP, first.sides[0], STEP), first.sides, first.depth)
    for name, value in family.variables.items():
        number = None if value is None or name in SIZES else number_of(value)
        if number is None:
            continue
        if number.denominator == 1 and number > 1:
            step = STEP if number % STEP == 0 else 1
            yield name, range(step, int(number), step)
        elif number > 0:
            steps = -(-number * DECIMALS // 1)
            yield name, [decimal(Fraction(each, DECIMALS)) for each in range(1, int(steps))]


def _largest(family: Family, report: Report, found: BoardFit, name: str, values: Sequence[Value]) -> Change | None:
    """The change to a value, found by bisection; None if no value is valid."""

    def room(place: int) -> _Room | None:
        try:
            return found.room(family.report({name: values[place]}))
        except CnncalcError:
            return None

    first = next((place for place in range(min(len(values), MOST_INVALID)) if room(place) is not None), None)
    if first is None:
        return None
    aim = room(first)
    assert aim is not None
    best, low, high = first, first, len(values)
    if aim == found.room(report):
        high = first  # no value makes more of it fit: the smallest
    while high - low > 1:
        middle = place = (low + high) // 2
        now = room(place)
        while now is None and place > max(low + 1, middle - MOST_INVALID):  # the next smaller valid value
            place -= 1
            now = room(place)
        if now is not None and not now.reaches(aim):
            high = place
        else:
            best = best if now is None else place
            low = middle
    takes = takes_of(family.report({name: values[best]}))
    return Change(f"{name}={value_of_range(values[best])}", takes, found.has_room(takes))
