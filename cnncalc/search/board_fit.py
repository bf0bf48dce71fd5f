"""Whether a net fits a board; if not, the changes of its input and variables with which it does."""

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
"""The step between tried sides of the input, and between tried values of a variable that is a multiple of it."""
DECIMALS = 20
"""A variable that is not a whole number is tried in steps of 1/DECIMALS."""
MOST_INVALID = 40
"""The most consecutive invalid values that are tried before the search gives up."""


class ChipFigures(NamedTuple):
    """Figures of a net on a chip: bytes of the smallest arena, of its head and of the model in flash; and the MACs."""

    arena: int
    head: int
    flash: int
    macs: int


class Change(NamedTuple):
    """A change of the net, in words (``width=16``), with the figures of the changed net and whether it fits."""

    what: str
    figures: ChipFigures
    fits: bool


class BoardFit(NamedTuple):
    """A net on a board, of whose RAM ``reserve`` bytes are kept for the program.

    ``advice`` lists changes that reduce the missing bytes, those with which the net fits first; empty if it fits.
    """

    architecture: str
    board: Board
    reserve: int
    figures: ChipFigures
    advice: tuple[Change, ...] = ()

    @property
    def ram_left(self) -> int:
        """The bytes of RAM minus arena and reserve; negative if they do not fit."""
        return self.board.ram - self.reserve - self.figures.arena

    @property
    def flash_left(self) -> int:
        """The bytes of flash minus those of the model; negative if it does not fit."""
        return self.board.flash - self.figures.flash

    @property
    def fits(self) -> bool:
        """Whether the arena and the model fit."""
        return self.has_room(self.figures)

    def has_room(self, figures: ChipFigures) -> bool:
        """Whether a net with these figures fits."""
        return figures.arena + self.reserve <= self.board.ram and figures.flash <= self.board.flash

    def missing(self, figures: ChipFigures) -> int:
        """The bytes of RAM and flash, added up, by which a net with these figures exceeds the board."""
        return max(0, figures.arena + self.reserve - self.board.ram) + max(0, figures.flash - self.board.flash)

    def fitting(self, report: Report) -> _Fitting:
        """Whether the arena and the model of a net fit; raises DesignError."""
        net = net_on_chip(report)
        return _Fitting(fits_in(net, self.board.ram - self.reserve), flash_of(net).bytes <= self.board.flash)


def chip_figures(report: Report) -> ChipFigures:
    """The figures of a net on a chip.

    Raises DesignError with every layer for which TensorFlow Lite Micro has no operator.
    """
    net = net_on_chip(report)
    arena = arena_of(net)
    return ChipFigures(arena.minimum_bytes, arena.head_bytes, flash_of(net).bytes, report.totals.macs)


class _Fitting(NamedTuple):
    """Whether the arena fits the RAM, and the model the flash."""

    ram: bool
    flash: bool

    def includes(self, aim: _Fitting) -> bool:
        """Whether everything that fits in ``aim`` fits here too."""
        return self.ram >= aim.ram and self.flash >= aim.flash


def fit_board(family: Family | None, report: Report, board: Board, reserve: int = 0) -> BoardFit:
    """Whether the net of a report fits a board; if not, with advice.

    ``report`` is that of ``family`` with its own values; without a family there is no advice on input and variables.
    ``reserve`` bytes of RAM are kept for the program.

    For the input and each variable that is a number, the advice is the largest tried value with which the net fits,
    found by bisection. If it does not fit even with the smallest one, the advice is the largest value with which the
    same of arena and model fit as with the smallest one. Raises DesignError for a layer without an operator on chips.
    """
    found = BoardFit(report.name, board, reserve, chip_figures(report))
    if found.fits:
        return found
    smaller = [] if family is None else [(family, *each) for each in _smaller(family, report)]
    advice = [_largest(members, report, found, name, values) for members, name, values in smaller]
    pooled = with_pooled_fc(report)
    if pooled is not None:
        figures = chip_figures(pooled[1])
        what = f"global average pooling before {pooled[0]}"
        advice.append(Change(what, figures, found.has_room(figures)))
    helping = [
        each for each in advice if each is not None and found.missing(each.figures) < found.missing(found.figures)
    ]
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
    """The change to the largest value that fits, by bisection; None if none of the first values is valid."""

    def fitting(place: int) -> _Fitting | None:
        try:
            return found.fitting(family.report({name: values[place]}))
        except CnncalcError:
            return None

    first = next((place for place in range(min(len(values), MOST_INVALID)) if fitting(place) is not None), None)
    if first is None:
        return None
    aim = fitting(first)
    assert aim is not None
    best, low, high = first, first, len(values)
    if aim == found.fitting(report):
        high = first  # no value makes the arena or the model fit: advise the smallest one
    while high - low > 1:
        middle = place = (low + high) // 2
        now = fitting(place)
        while now is None and place > max(low + 1, middle - MOST_INVALID):  # the next smaller valid value
            place -= 1
            now = fitting(place)
        if now is not None and not now.includes(aim):
            high = place
        else:
            best = best if now is None else place
            low = middle
    figures = chip_figures(family.report({name: values[best]}))
    return Change(f"{name}={value_of_range(values[best])}", figures, found.has_room(figures))
