"""Columns of numbers: which are constant, and which follow from other columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.language.folding.forms import CONSTANT, DEPTH, Reference

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_FACTOR = 16
"""The largest factor between two columns for which one is written as a multiple of the other."""


def explained(
    rows: Sequence[tuple[Any, ...]], roles: Sequence[str], depths: Sequence[int] = ()
) -> tuple[tuple[Reference, ...], tuple[int, ...]]:
    """For each column how it follows from others, and the indices of the columns that do not.

    ``roles`` are the roles of the columns: only columns of the same role follow from each other. ``depths`` holds the
    depth of the input volume for each row; columns with the role DEPTH may follow from it (empty: none does).
    """
    columns = list(zip(*rows, strict=True))
    plan: list[Reference] = [CONSTANT] * len(columns)
    first: dict[tuple[str, Any], int] = {}
    """The first of equal columns with the same role."""
    varying = []
    for place, column in enumerate(columns):
        if all(value == column[0] for value in column):
            continue
        key = (roles[place], column)
        if first.setdefault(key, place) == place:
            varying.append(place)
    bases: dict[int, Reference] = {}
    by_depth = {place: _of_depth(columns[place], depths) for place in varying if depths and roles[place] == DEPTH}
    # columns with small numbers first, so that others become multiples of them
    for place in sorted(varying, key=lambda place: (repr(type(columns[place][0])), _size(columns[place]))):
        found = by_depth.get(place)
        for base in bases if found is None else ():
            if roles[base] == roles[place] == DEPTH and bases[base].column == base:
                factor = _factor(columns[base], columns[place])
                if factor:
                    found = Reference(base, "*", factor)
                    break
        bases[place] = found or Reference(place)
    kept = [place for place in varying if bases[place].column == place]
    index = {place: number for number, place in enumerate(kept)}
    for place, column in enumerate(columns):
        owner = first.get((roles[place], column))
        if owner is not None:
            reference = bases[owner]
            plan[place] = reference._replace(column=index.get(reference.column, -1))
    return tuple(plan), tuple(kept)


def _size(column: Sequence[Any]) -> Any:
    return column[0] if isinstance(column[0], (int, float)) else 0


def _factor(base: Sequence[Any], column: Sequence[Any]) -> int:
    """The whole number (2 to MAX_FACTOR) with column = factor * base in every row; 0 if there is none."""
    if not (isinstance(base[0], int) and isinstance(column[0], int)) or not base[0] or column[0] % base[0]:
        return 0
    factor = column[0] // base[0]
    if not 1 < factor <= MAX_FACTOR:
        return 0
    return factor if all(value == factor * small for small, value in zip(base, column, strict=True)) else 0


def _of_depth(column: Sequence[Any], depths: Sequence[int]) -> Reference | None:
    """The column as the input depth, a multiple of it, or a quotient of it; None if it is none of these."""
    if not all(isinstance(value, int) for value in column) or 0 in depths or 0 in column:
        return None
    if tuple(column) == tuple(depths):
        return Reference(-1)
    factor = _factor(depths, column)
    if factor:
        return Reference(-1, "*", factor)
    factor = _factor(column, depths)
    return Reference(-1, "//", factor) if factor else None
