"""The points of a search: the product of ranges, a sample of it, or the rows of a CSV file.

They are generated one by one, so a product of 10^18 points needs no memory, in an order that depends only on the
options.
"""

from __future__ import annotations

import csv
from hashlib import sha256, shake_128
from itertools import islice
from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem, ValueProblem
from cnncalc.language.files import read_bytes, reason, special_kind, why_unreadable
from cnncalc.records import NamedTuple
from cnncalc.search.conditions import OPTION, Conditions
from cnncalc.search.ranges import INPUT, point_at, points_of, read_range
from cnncalc.source import visible, wide_encoding
from cnncalc.units import listing, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TextIO

    from cnncalc.layers.keys import Value
    from cnncalc.search.family import Point
    from cnncalc.search.ranges import Range
    from cnncalc.volume import Volume

MOST_POINTS = 10**8
"""The most points of a product without a sample: at 2,000 designs a second they take 14 hours."""
MOST_LATIN = 10**6
"""The most points of a Latin hypercube sample."""
MOST_NAMES = 100
"""The most columns of a CSV file of points."""
MOST_CHARACTERS = 1 << 20
"""The most characters of a line of such a file."""
METHODS = ("random", "latin")
"""How a sample is drawn."""
MARK = "# cnncalc-sweep "
"""The beginning of the first line of a CSV file that a sweep wrote."""
_TRIES = 1_000_000
_TRIES_EACH = 1000
"""A random sample ends once conditions have excluded _TRIES points plus _TRIES_EACH for each wanted point."""
_KEPT_LENGTH = 100_000
"""Values of ranges up to this length, and cells of a file up to this number, are computed once and kept."""
_PROBES = 5
"""How many points are read before a search, to find names that no design has."""


class Sample(NamedTuple):
    """A sample of ``points`` points of a product, drawn by one of :data:`METHODS` from a seed."""

    points: int
    method: str = "random"
    seed: int = 0


class Product:
    """The points of a product of ranges, the last of which varies fastest; or a sample of them.

    ``random``: distinct points in a random order. ``latin`` (Latin hypercube): the range of each name is cut into as
    many equal parts as the sample has points, and each part is used once; equal points are dropped. Without a sample at
    most ``most`` points are allowed. Raises ValueProblem for a product or a sample that is too large.
    """

    def __init__(self, ranges: Sequence[Range], sample: Sample | None = None, most: int = MOST_POINTS) -> None:
        self.ranges = tuple(ranges)
        self.sample = sample
        self.size = points_of(ranges)
        if sample is None and self.size > most:
            number = f"{self.size:,}" if self.size < 10**18 else f"about 10^{len(str(self.size)) - 1}"
            message = f"the ranges have {number} points together, more than {most:,}"
            raise ValueProblem(message, code="too-many-points", hint="draw some of them: --sample 10000 --seed 1")
        if sample is not None and sample.method == "latin" and sample.points > MOST_LATIN:
            message = f"a Latin hypercube has at most {MOST_LATIN:,} points, not {sample.points:,}"
            raise ValueProblem(message, code="too-many-points", hint=f"--sample {MOST_LATIN} --method latin")
        self._values = [list(each.values) if len(each.values) <= _KEPT_LENGTH else each.values for each in self.ranges]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that vary."""
        return tuple([each.name for each in self.ranges])

    @property
    def words(self) -> set[str]:
        """The values that are words, also inside lists."""
        lists = [each.values for each in self.ranges if not each.is_progression]
        return {word for values in lists for value in values for word in words_of(value)}

    @property
    def sides(self) -> tuple[str, ...]:
        """The names of the sides of the input if it varies; else empty."""
        return next((each.values[0].names for each in self.ranges if each.name == INPUT), ())

    @property
    def wanted(self) -> int | None:
        """How many points that fulfil the conditions are wanted; None: all."""
        return self.sample.points if self.sample is not None and self.sample.method == "random" else None

    @property
    def header(self) -> dict[str, Any]:
        """What determines the points, for the header of a points file."""
        found: dict[str, Any] = {"variables": {each.name: each.text.partition("=")[2].strip() for each in self.ranges}}
        return found if self.sample is None else {**found, "sample": self.sample._asdict()}

    def __len__(self) -> int:
        """The most points there can be, without conditions."""
        return self.size if self.sample is None else min(self.size, self.sample.points)

    def __iter__(self) -> Iterator[Point]:
        sample = self.sample
        if sample is None:
            yield from map(self.point, range(self.size))
        elif sample.method == "random":
            yield from map(self.point, permutation(self.size, sample.seed))
        else:
            yield from self._latin(sample)

    def point(self, place: int) -> Point:
        """The point at a place of the product."""
        return point_at(self.names, self._values, place)

    def probes(self) -> list[Point]:
        """A few points, spread over the product."""
        steps = min(self.size, _PROBES)
        return [self.point(step * (self.size - 1) // max(1, steps - 1)) for step in range(steps)]

    def _latin(self, sample: Sample) -> Iterator[Point]:
        """Yields the points of a Latin hypercube sample; equal ones are left out."""
        count = sample.points
        strata = [permutation(count, f"{sample.seed} {place}") for place in range(len(self.ranges))]
        may_repeat = all(len(values) < count for values in self._values)
        seen: set[tuple[int, ...]] = set()
        for number, parts in enumerate(zip(*strata, strict=True)):
            places = tuple(
                [
                    ((part << 32) + _random(f"{sample.seed} {number} {axis}", 32)) * len(values) // (count << 32)
                    for axis, (part, values) in enumerate(zip(parts, self._values, strict=True))
                ]
            )
            if may_repeat:
                if places in seen:
                    continue
                seen.add(places)
            yield {name: self._values[axis][at] for axis, (name, at) in enumerate(zip(self.names, places, strict=True))}


def _random(text: str, bits: int) -> int:
    """A pseudorandom number of ``bits`` bits that depends only on the text."""
    return int.from_bytes(shake_128(text.encode()).digest((bits + 7) // 8), "big") >> -bits % 8


def permutation(size: int, seed: object) -> Iterator[int]:
    """Yields the numbers from 0 to ``size - 1`` in a random order; the same seed always gives the same order.

    A Feistel network permutes the numbers below the least power of 4 that is at least ``size``; it is applied again to
    results from ``size`` on (cycle walking). Source: Black and Rogaway 2002, "Ciphers with arbitrary finite domains".
    """
    bits = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = (1 << bits) - 1
    for number in range(size):
        value = number
        while True:
            left, right = value >> bits, value & mask
            for turn in range(4):
                left, right = right, left ^ _random(f"{seed} {turn} {right}", bits)
            value = left << bits | right
            if value < size:
                yield value
                break


def words_of(value: Value) -> Iterator[str]:
    """The words in a value: the value itself, or those in a list."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from words_of(part)


class Listed:
    """The points of a CSV file: its first line names the variables, one for each column, and each row is a point.

    Lines at its start that begin with ``#`` are skipped. Of a file that a sweep wrote only the variables are read.
    ``path`` is the file, ``shown`` its name in messages, ``base`` the volume of the design's input, as for ranges. The
    whole file is checked first; raises DesignError with the line.
    """

    wanted: int | None = None

    def __init__(self, path: str, shown: str, base: Volume | None = None) -> None:
        self.shown = visible(shown)
        self._path = path
        self._base = base
        self._values: dict[tuple[str, str], Value] = {}
        self.words: set[str] = set()
        self.sides: tuple[str, ...] = ()
        self.names: tuple[str, ...] = ()
        digest = sha256()
        self._probes: list[Point] = []
        self._count = 0
        for point in self._rows():
            self._count += 1
            if len(self._probes) < _PROBES:
                self._probes.append(point)
            digest.update(repr(list(point.values())).encode())
            self.words.update([word for value in point.values() for word in words_of(value)])
            self.sides = self.sides or getattr(point.get(INPUT), "names", ())
        if not self._count:
            raise self._wrong("it has no points; write a line with the names, then one line for each point")
        self._digest = digest.hexdigest()

    @property
    def header(self) -> dict[str, Any]:
        """What determines the points, for the header of a points file."""
        return {"variables": list(self.names), "points": self._digest}

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Point]:
        return self._rows()

    def probes(self) -> list[Point]:
        """The first points."""
        return self._probes

    def _wrong(self, message: str, line: int | None = None) -> DesignError:
        where = self.shown if line is None else f"{self.shown}, line {line:,}"
        return DesignError([Problem("wrong-points", f"{where}: {message}")])

    def _rows(self) -> Iterator[Point]:
        """Yields the points of the file; raises DesignError if it cannot be read."""
        try:
            kind = special_kind(self._path)
            if kind is not None:
                raise self._wrong(f"it is a {kind}, not a file")
            with open(self._path, encoding="utf-8-sig", newline="") as file:
                yield from self._points(file)
        except OSError as error:
            why = why_unreadable(self._path, error)
            raise DesignError([Problem("unreadable", f"cannot read {self.shown}: {why}")]) from None
        except UnicodeDecodeError:
            wide = wide_encoding(read_bytes(self._path, 0))
            raise self._wrong(f"it is not a text in UTF-8{f', but in {wide}' if wide else ''}") from None
        except ValueError as error:
            raise DesignError([Problem("unreadable", f"cannot read {self.shown}: {reason(error)}")]) from None

    def _points(self, file: TextIO) -> Iterator[Point]:
        first = file.readline(MOST_CHARACTERS + 2)
        line = 1
        written = None
        if first.startswith(MARK):
            written = _names_of_header(first)
        while first.startswith("#"):
            first = file.readline(MOST_CHARACTERS + 2)
            line += 1
        names: list[str] | None = None
        reader = csv.reader(self._lines(first, file, line), strict=True)
        try:
            for cells in reader:
                at = line + reader.line_num - 1
                if names is None:
                    names = [cell.strip() for cell in cells]
                    self._check_names(names, at, written)
                elif cells and not (len(cells) == 1 and not cells[0].strip()):
                    yield self._point(cells, len(names), at)
        except csv.Error as error:
            raise self._wrong(f"it is not CSV: {error}", line + reader.line_num - 1) from None

    def _lines(self, first: str, file: TextIO, number: int) -> Iterator[str]:
        """Yields ``first``, which is line ``number``, and the lines after it; raises DesignError for a long line."""
        line = first
        while line:
            if len(line.rstrip("\r\n")) > MOST_CHARACTERS:
                raise self._wrong(f"a line has at most {MOST_CHARACTERS:,} characters", number)
            yield line
            line = file.readline(MOST_CHARACTERS + 2)
            number += 1

    def _check_names(self, names: list[str], line: int, written: list[str] | None) -> None:
        if len(names) > MOST_NAMES:
            raise self._wrong(f"there are at most {MOST_NAMES} columns, but this line has {len(names):,}", line)
        if written is not None:
            names = names[: len(written)]
        for name in names:
            if not name.isidentifier():
                found = f"'{visible(name)[:60]}'" if name else "nothing"
                raise self._wrong(f"the first line names a variable in each column, found {found}", line)
            if names.count(name) > 1:
                raise self._wrong(f"'{name}' is repeated in the first line", line)
        self.names = tuple(names)

    def _point(self, cells: list[str], columns: int, line: int) -> Point:
        if len(cells) != columns:
            raise self._wrong(f"expected {plural(columns, 'cell')}, found {len(cells):,}", line)
        return {name: self._value(name, cell, line) for name, cell in zip(self.names, cells, strict=False)}

    def _value(self, name: str, cell: str, line: int) -> Value:
        key = name, cell
        if not cell.strip():
            raise self._wrong(f"{name} has no value", line)
        if key not in self._values:
            if len(self._values) >= _KEPT_LENGTH:
                self._values.clear()
            try:
                values = read_range(f"{name}={cell}", self.shown, self._base).values
            except DesignError as error:
                raise self._wrong(f"{name}: {error.every[0].message}", line) from None
            if len(values) > 1:
                raise self._wrong(f"{name}: expected one value, found '{visible(cell)[:60]}'", line)
            self._values[key] = values[0]
        return self._values[key]


def _names_of_header(line: str) -> list[str] | None:
    """The names that vary in a file that a sweep wrote, from its first line; None if it cannot be read."""
    import json

    try:
        variables = json.loads(line[len(MARK) :].partition(" ")[2])["variables"]
        return [str(name) for name in variables]
    except (ValueError, KeyError, TypeError):
        return None


class Points:
    """The points of a source that fulfil conditions, in the order of the source."""

    def __init__(
        self, source: Product | Listed, conditions: Sequence[str] = (), values: Mapping[str, Value] | None = None
    ) -> None:
        self.source = source
        self.conditions = Conditions(conditions, source.names, source.words, values, source.sides)
        self.excluded = 0
        """How many of the points so far the conditions excluded."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names that vary."""
        return self.source.names

    @property
    def header(self) -> dict[str, Any]:
        """What determines the points, for the header of a points file."""
        return {**self.source.header, "where": list(self.conditions.texts)}

    def __len__(self) -> int:
        """The most points there can be; conditions may exclude some."""
        return len(self.source)

    def __iter__(self) -> Iterator[Point]:
        """Yields the points; raises ValueProblem at the end if the conditions exclude all of them."""
        self.excluded, found, wanted = 0, 0, self.source.wanted
        for point in self.source:
            if self.conditions.hold(point):
                found += 1
                yield point
                if found == wanted:
                    return
            else:
                self.excluded += 1
                if wanted is not None and self.excluded > _TRIES + _TRIES_EACH * wanted:
                    break
        if not found:
            texts = listing(self.conditions.texts)
            message = f"{OPTION} {texts} holds for none of {plural(self.excluded, 'point')}"
            raise ValueProblem(message, code="no-points")

    def probes(self) -> list[Point]:
        """A few points that fulfil the conditions, spread out where possible."""
        return [point for point in self.source.probes() if self.conditions.hold(point)] or list(islice(self, 1))
