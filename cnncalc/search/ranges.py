"""Ranges of the names of a family: ``width=8..64/8``, ``w=0.25..2/x2``, ``stages=[2x64],[3x64]``, ``input=32..512``.

The values of a progression are computed when they are used, so that one of 10^18 values needs no memory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import gcd, prod
from typing import TYPE_CHECKING, overload

from cnncalc.errors import DesignError, Problem, ValueProblem
from cnncalc.language.assignment import decimal, value_text, variable
from cnncalc.layers.keys import DecimalNumber, is_fraction, is_whole
from cnncalc.records import NamedTuple
from cnncalc.source import Source, Span, visible
from cnncalc.units import check_digits
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cnncalc.layers.keys import Value

SIZES = ("batch", "filters", "hidden", "classes")
"""Names with an option of their own, as ``--batch``: their values are whole numbers of at least 1."""
INPUT = "input"
"""The name of the size of the first input: one number for equal sides, or the sides, with or without the depth."""
MAX_LISTED = 10_000
"""The most values of a list."""
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_SIDES = re.compile("[0-9]+(?:[x\u00d7][0-9]+)*")


class Progression(Sequence["Value"]):
    """``count`` numbers in equal steps: ``first``, ``first + step``, ..."""

    def __init__(self, first: Fraction, step: Fraction, count: int) -> None:
        self.first = first
        self.step = step
        self.length = count

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, place: int) -> Value: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Value]: ...

    def __getitem__(self, place: int | slice) -> Value:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(self.length))]
        if not -self.length <= place < self.length:
            raise IndexError(place)
        return decimal(self.first + place % self.length * self.step)


class Sizes(Sequence[Volume]):
    """Volumes whose sides have the same ratio: ``numbers`` are their first sides, ``sides`` those of one volume."""

    def __init__(self, numbers: Sequence[Value], sides: tuple[int, ...], depth: int) -> None:
        self.numbers = numbers
        self.sides = sides
        self.depth = depth

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> Volume: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Volume]: ...

    def __getitem__(self, place: int | slice) -> Volume | Sequence[Volume]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        number = self.numbers[place]
        return Volume(*[side * number // self.sides[0] for side in self.sides], self.depth)


class Range(NamedTuple):
    """The values that a name takes, in the order in which they are tried; ``text`` is the option's text.

    ``is_progression``: the values rise steadily: two ends, with a step or factor, were written, and not a list.
    """

    name: str
    values: Sequence[Value]
    text: str
    is_progression: bool = False


def points_of(ranges: Sequence[Range]) -> int:
    """The number of points of the product of ranges."""
    return prod([len(each.values) for each in ranges])


def read_ranges(texts: Sequence[str], option: str, base: Volume | None = None) -> list[Range]:
    """The ranges of an option that may be repeated; raises DesignError with the place, also for a repeated name."""
    ranges = [read_range(text, option, base) for text in texts]
    seen: set[str] = set()
    for each in ranges:
        if each.name in seen:
            raise _wrong(option, each.text, 0, len(each.name), f"'{each.name}' has two ranges")
        seen.add(each.name)
    return ranges


def read_range(text: str, option: str, base: Volume | None = None) -> Range:
    """The range of ``NAME=LOW..HIGH[/STEP|/xFACTOR]``, or of ``NAME=`` and a list with commas outside brackets.

    ``base`` is the volume of the first input of the design, from which a range of ``input`` takes its depth (None:
    unknown, so the range must state it). Raises DesignError with the place in the text of ``option``.
    """
    name, sign, rest = text.partition("=")
    at = len(name) + 1
    name = name.strip()
    if not sign or not name or not rest.strip():
        example = "width=8..64, or width=8,16,32"
        raise _wrong(option, text, 0, len(text), f"expected NAME=LOW..HIGH or NAME=A,B,C, as in {example}")
    if not name.isidentifier():
        raise _wrong(option, text, 0, at - 1, f"'{name[:60]}' is not the name of a variable, batch or input")
    reader = _RangeReader(name, text, at, option, base)
    if ".." in rest:
        return Range(name, reader.progression(), text, is_progression=True)
    return Range(name, reader.listed(), text)


def range_of_values(name: str, values: Sequence[Value]) -> Range:
    """The range of a list of Python values; more than two numbers in equal, rising steps are a progression.

    Raises ValueProblem.
    """
    if not name.isidentifier():
        raise ValueProblem(f"'{name[:60]}' is not the name of a variable, batch or input")
    if not 1 <= len(values) <= MAX_LISTED:
        raise ValueProblem(f"{name}: expected 1 to {MAX_LISTED:,} values, found {len(values):,}")
    text = f"{name}={','.join(map(value_of_range, values))}"
    numbers = [number_of(value) for value in values]
    if name in SIZES:
        for number in numbers:
            if number is None or number.denominator > 1 or number < 1:
                raise ValueProblem(f"{name}: expected whole numbers of at least 1, found {text}")
    seen: set[object] = set()
    for value in values:
        if _hashable(value) in seen:
            raise ValueProblem(f"{name}: {value_of_range(value)} is repeated in the list")
        seen.add(_hashable(value))
    is_steady = name != INPUT and len(values) > 2 and None not in numbers
    steps = {after - before for before, after in pairwise(numbers)} if is_steady else {Fraction(0)}  # type: ignore[operator]
    return Range(name, list(values), text, is_progression=len(steps) == 1 and min(steps) > 0)


def _hashable(value: Value) -> object:
    """A value with tuples instead of lists, to find equal values in a set."""
    return tuple([_hashable(part) for part in value]) if isinstance(value, (list, tuple)) else value


def _wrong(option: str, text: str, start: int, end: int, message: str, hint: str | None = None) -> DesignError:
    span = Span(Source(option, text), start, max(start + 1, end))
    return DesignError([Problem("wrong-range", message, span, hint)])


class _RangeReader:
    """Reads the values after ``NAME=``, which begin at ``at`` in the text."""

    def __init__(self, name: str, text: str, at: int, option: str, base: Volume | None) -> None:
        self.name = name
        self.text = text
        self.at = at
        self.option = option
        self.base = base

    def wrong(
        self, message: str, hint: str | None = None, start: int | None = None, end: int | None = None
    ) -> DesignError:
        """The error for a part of the text, by default for all values."""
        first = self.at if start is None else start
        return _wrong(self.option, self.text, first, len(self.text) if end is None else end, message, hint)

    # ends and a step

    def progression(self) -> Sequence[Value]:
        """The values of ``LOW..HIGH``, ``LOW..HIGH/STEP`` or ``LOW..HIGH/xFACTOR``."""
        low_text, _, rest = self.text[self.at :].partition("..")
        high_text, slash, step_text = rest.partition("/")
        step_text = step_text.strip()
        is_factor = step_text[:1] in ("x", "\u00d7")
        first = last = Volume()
        if self.name == INPUT:
            first, last = self._volume(self._sides(low_text)), self._volume(self._sides(high_text))
            low, high = Fraction(first[0]), Fraction(last[0])
            if [side * first[0] for side in last.sides] != [side * last[0] for side in first.sides]:
                message = f"both ends of a range of inputs need the same ratio of sides, but {first} and {last} differ"
                raise self.wrong(message, "write the sizes as a list with commas")
            if first.depth != last.depth:
                raise self.wrong(f"the depth of the input is {first.depth} at one end and {last.depth} at the other")
        else:
            low, high = self._number(low_text, "the lower end"), self._number(high_text, "the upper end")
        if low > high:
            exchanged = f"{self.name}={high_text.strip()}..{low_text.strip()}{'/' if slash else ''}{step_text}"
            why = f"the range is empty: its lower end {low_text.strip()} is above its upper end {high_text.strip()}"
            raise self.wrong(why, f"{self.option} {exchanged}")
        if slash and not step_text:
            raise self.wrong("expected a step or a factor after '/', as in 8..64/8 or 8..64/x2")
        numbers: Sequence[Value]
        if is_factor:
            numbers = self._factors(low, high, self._number(step_text[1:], "the factor"))
        else:
            numbers = self._steps(low, high, self._number(step_text, "the step") if slash else None)
        if self.name != INPUT:
            self._check_least(low)
            return numbers
        return self._inputs(numbers, first)

    def _steps(self, low: Fraction, high: Fraction, step: Fraction | None) -> Progression:
        if step is None:
            if low.denominator > 1 or high.denominator > 1:
                example = f"{self.option} {self.name}={self.text[self.at :].strip()}/0.05"
                raise self.wrong("a range of decimals needs a step", example)
            step = Fraction(1)
        if step <= 0:
            raise self.wrong(f"a step must be above 0, found {step}")
        return Progression(low, step, int((high - low) // step) + 1)

    def _factors(self, low: Fraction, high: Fraction, factor: Fraction) -> list[Value]:
        """``low``, ``low * factor``, ... up to ``high``; raises DesignError."""
        if factor <= 1:
            raise self.wrong(f"a factor must be above 1, found {factor}")
        if low <= 0:
            raise self.wrong(f"a range with a factor must begin above 0, found {low}")
        found: list[Value] = []
        value = low
        while value <= high:  # ends soon: numbers have few digits, decimals few places
            if value.denominator > 1 and self.name in (*SIZES, INPUT):
                raise self.wrong(f"{self.name} takes whole numbers, but this range has {decimal(value)}")
            try:
                found.append(decimal(value))
            except ValueProblem:
                message = f"value {len(found) + 1} of this range has 40 decimal places or more"
                raise self.wrong(message, f"write the values as a list: {self.option} {self.name}=1,1.5,2.25") from None
            value *= factor
        return found

    def _number(self, text: str, what: str) -> Fraction:
        """A number, with or without decimals."""
        word = text.strip()
        if not _NUMBER.fullmatch(word):
            found = f"found '{visible(word)[:60]}'" if word else "found nothing"
            raise self.wrong(f"{what} must be a number, {found}")
        self._check_digits(word)
        value = Fraction(word)
        if self.name in (*SIZES, INPUT) and value.denominator > 1 and what != "the factor":
            raise self.wrong(f"{self.name} takes whole numbers, found {word}")
        return value

    def _check_digits(self, word: str) -> None:
        try:
            check_digits(word)
        except ValueProblem as problem:
            raise self.wrong(problem.message) from None

    def _check_least(self, least: Fraction) -> None:
        if self.name in SIZES and least < 1:
            raise self.wrong(f"{self.name} must be at least 1, found {least}")

    # sizes of inputs

    def _sides(self, text: str) -> list[int]:
        word = text.strip()
        if not _SIDES.fullmatch(word):
            example = "input=32..512/32 for equal sides, or input=128x256..512x1024/32"
            raise self.wrong(f"expected a size of the input, as in {example}, found '{visible(word)[:60]}'")
        self._check_digits(word)
        sides = [int(part) for part in re.split("[x\u00d7]", word)]
        if not all(sides):
            raise self.wrong(f"each side of an input must be at least 1, found {word}")
        return sides

    def _volume(self, sides: Sequence[int]) -> Volume:
        """The volume of the written sides: one number is used for all sides; the depth may be that of the design."""
        base = self.base
        if base is None:
            if len(sides) < 2 or len(sides) > 4:
                message = "the sides and the depth must be written, since the size of the design's input is not known"
                raise self.wrong(message, f"write all of them, as in {self.name}=224x224x3")
            return Volume(*sides)
        if len(sides) == len(base):
            return Volume(*sides)
        if len(sides) == len(base) - 1:
            return Volume(*sides, base.depth)
        if len(sides) == 1:
            return Volume(*[sides[0] for _ in base.sides], base.depth)
        named = " x ".join(base.names)
        raise self.wrong(f"the input of the design is {base}: expected {named}, found {_size(sides)}")

    def _inputs(self, numbers: Sequence[Value], first: Volume) -> Sizes:
        """The volumes with the same ratio of sides as ``first``, whose first sides are ``numbers``."""
        each = first[0] // gcd(*first.sides)
        last: Value = numbers[-1]
        if any(number % each for number in (*numbers[:2], last)):
            message = (
                f"sides in the ratio of {first} need multiples of {each} as first sides, but the step gives others"
            )
            raise self.wrong(message, f"write a step that is a multiple of {each}")
        return Sizes(numbers, first.sides, first.depth)

    # lists

    def listed(self) -> list[Value]:
        """The values of a list with commas outside brackets."""
        found: list[Value] = []
        seen: set[object] = set()
        for start, end in self._parts():
            part = self.text[start:end].strip()
            if not part:
                raise self.wrong("a value of the list is empty", start=start, end=end)
            if len(found) == MAX_LISTED:
                raise self.wrong(f"a list has at most {MAX_LISTED:,} values, but this one has more")
            value = self._value(part, start, end)
            if _hashable(value) in seen:
                raise self.wrong(f"{part} is repeated in the list", start=start, end=end)
            seen.add(_hashable(value))
            found.append(value)
        return found

    def _value(self, part: str, start: int, end: int) -> Value:
        if self.name == INPUT:
            return self._volume(self._sides(part))
        if self.name in SIZES:
            value = self._number(part, f"a value of {self.name}")
            self._check_least(value)
            return int(value)
        try:
            return variable(self.name, part, self.option)
        except DesignError as error:
            raise self.wrong(error.every[0].message, error.every[0].hint, start, end) from None

    def _parts(self) -> list[tuple[int, int]]:
        """Start and end of each value of a list in the text."""
        parts, start, depth = [], self.at, 0
        for place in range(self.at, len(self.text)):
            letter = self.text[place]
            depth += (letter in "[({") - (letter in "])}")
            if letter == "," and depth <= 0:
                parts.append((start, place))
                start = place + 1
        return [*parts, (start, len(self.text))]


def _size(sides: Sequence[int]) -> str:
    return "x".join(map(str, sides))


def value_of_range(value: Value) -> str:
    """A value of a range as options accept it: ``64``, ``[2, 64]``, ``224x224x3`` for an input."""
    return value.size if isinstance(value, Volume) else value_text(value)


def point_text(point: Mapping[str, Value]) -> str:
    """The values of a point as a text: ``width=22, input=224x224x3``."""
    return ", ".join([f"{name}={value_of_range(value)}" for name, value in point.items()])


def point_at(names: Sequence[str], values: Sequence[Sequence[Value]], place: int) -> dict[str, Value]:
    """The point number ``place``, from 0, of the product of the ``values`` of ``names``; the last varies fastest."""
    found: list[Value] = []
    for each in reversed(values):
        place, at = divmod(place, len(each))
        found.append(each[at])
    return dict(zip(names, reversed(found), strict=True))


def number_of(value: Value | None) -> Fraction | None:
    """A value as a number, to compare values: an input by its elements; None for words, lists, booleans and None."""
    if isinstance(value, Volume):
        return Fraction(value.elements)
    if value is not None and (is_whole(value) or is_fraction(value)):
        return Fraction(value)
    return Fraction(value.text) if isinstance(value, DecimalNumber) else None
