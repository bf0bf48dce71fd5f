"""Budgets over a family of designs: the members of the ranges that an entry states after ``for``."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from cnncalc.errors import CnncalcError, DesignError, Problem
from cnncalc.figures.measure import Meter
from cnncalc.search.family import BATCH, Family, Wanted
from cnncalc.search.ranges import INPUT, points_of, read_range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.figures.budget import Budget, Entry, FamilyRange
    from cnncalc.figures.measure import Measure
    from cnncalc.search.family import Point
    from cnncalc.search.ranges import Range

MOST_CHECKED = 1000
"""The most members of a family that are checked."""
_OPTION = "for:"


def check_ranges(budget: Budget) -> None:
    """Raises DesignError for ranges that cannot be read; ranges of ``input`` need the design and are not checked."""
    problems: list[Problem] = []
    for entry in budget.values():
        for each in entry.family:
            if each.name != INPUT:
                try:
                    read_range(f"{each.name}={each.text}", _OPTION)
                except DesignError as error:
                    problems += _placed(error, entry, each)
    if problems:
        raise DesignError(problems)


def _placed(error: DesignError, entry: Entry, written: FamilyRange) -> list[Problem]:
    """The problems of a range at its position in the budget; a hint with a range gets the syntax of budgets."""
    found = []
    for each in error.every:
        hint = each.hint
        if hint is not None and hint.startswith(_OPTION):
            name, _, values = hint.removeprefix(_OPTION).strip().partition("=")
            hint = f"for: {{{name}: {values}}}"
        message = f"{entry.measure.key}: for: {written.name}: {each.message}"
        found.append(Problem(each.code, message, written.span, hint))
    return found


def ranges_of(entry: Entry, family: Family) -> list[Range]:
    """The ranges of an entry; raises DesignError for wrong ones and for more than MOST_CHECKED members."""
    ranges = []
    for each in entry.family:
        try:
            ranges += family.ranges([f"{each.name}={each.text}"], _OPTION)
        except DesignError as error:
            raise DesignError(_placed(error, entry, each)) from None
    members = points_of(ranges)
    if members > MOST_CHECKED:
        message = f"{entry.measure.key}: for: {members:,} designs are too many: at most {MOST_CHECKED:,} are checked"
        raise DesignError([Problem("limit", message, entry.family[0].span, "narrow the ranges, or write larger steps")])
    return ranges


def members_of(entry: Entry, family: Family) -> Iterator[tuple[Point, Measure, Meter | CnncalcError]]:
    """Each member of a family, what is measured of it, and its meter, or the error if it is not a valid design.

    Members that differ only in the batch share their meter. Raises DesignError as :func:`ranges_of` does, and for a
    name that changes nothing.
    """
    ranges = ranges_of(entry, family)
    ranges.sort(key=lambda each: each.name == BATCH)
    wanted = Wanted(entry.measure, BATCH not in entry.options)
    before: Point | None = None
    found: Meter | CnncalcError | None = None
    names = [each.name for each in ranges]
    points = [dict(zip(names, values, strict=True)) for values in product(*[list(each.values) for each in ranges])]
    try:
        family.look_up([points[0], points[len(points) // 2], points[-1]])
    except DesignError as error:
        written = {each.name: each.span for each in entry.family}
        raise DesignError(
            [
                each._replace(
                    message=f"{entry.measure.key}: for: {each.message}",
                    span=next((span for name, span in written.items() if f"'{name}'" in each.message), each.span),
                )
                for each in error.every
            ]
        ) from None
    for point in points:
        design = {name: value for name, value in point.items() if name != BATCH}
        if found is None or design != before:
            before = design
            try:
                found = Meter(family.report(design))
            except CnncalcError as error:
                found = error
        yield point, wanted.at(point), found
