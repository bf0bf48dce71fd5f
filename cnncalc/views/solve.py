"""The document of ``solve``: the best member within the limits, or the one that exceeds them least."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.figures.measure import KEYS
from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table, word
from cnncalc.formats.notation import USUAL, Notation
from cnncalc.search.ranges import point_text
from cnncalc.search.solve import MOST_MEMBERS
from cnncalc.units import percent, percent_by, plural

if TYPE_CHECKING:
    from cnncalc.search.limits import Bound
    from cnncalc.search.solve import LimitValue, Member, Solution

WORDS = {"max": "at most", "min": "at least"}


def solve_document(solution: Solution, command: str, *, notation: Notation = USUAL) -> Document:
    """The answer with each limit; ``command`` prints the table of the member shown."""
    shown = solution.best or solution.nearest
    assert shown is not None
    limits = " and ".join([_in_words(each.bound, notation) for each in shown.limits])
    heading = [f"{solution.architecture}: {solution.objective} with {limits}"]
    if solution.best is not None:
        within = "the limit" if len(shown.limits) == 1 else "all limits"
        heading.append(f"{point_text(shown.variables)}: within {within}")
        heading.append(_next_line(solution, notation))
    else:
        heading.append(f"no design is within the limits; nearest: {point_text(shown.variables)}")
        assert solution.blame is not None
        heading.append(f"reason: {_miss(solution.blame, notation)}")
    closing = [
        Paragraph("table of this design", (command,), main=1),
        Paragraph("search", _search_lines(solution), main=2),
        Paragraph("conventions", (f"1 MAC is one multiply and one add; {notation.rule}",)),
    ]
    return Document(tuple(heading), _table(solution, shown, notation), tuple(closing), lambda: _data(solution))


def _in_words(bound: Bound, notation: Notation) -> str:
    """A limit: ``training_need at most 8.000 GiB``."""
    measure = bound.wanted.measure
    return f"{measure.title} {WORDS[bound.bound]} {_amount(bound.limit, measure.unit, notation)}"


def _amount(value: int, unit: str, notation: Notation) -> str:
    return notation.size(value) if unit == "bytes" else notation.full(value)


def _number(value: int, unit: str, notation: Notation) -> Cell:
    """A limit or a figure; in narrow terminals a count is written short."""
    return Cell(_amount(value, unit, notation), value, None if unit == "bytes" else notation.short(value))


def _miss(limit: LimitValue, notation: Notation) -> str:
    """A value that breaks its limit, and by how much."""
    measure, bound = limit.bound.wanted.measure, limit.bound
    over = bound.excess(limit.value)
    share = f", {percent_by(over, bound.limit)}" if bound.limit else ""
    where = "above" if bound.bound == "max" else "below"
    value, amount = (_amount(each, measure.unit, notation) for each in (limit.value, over))
    return f"{measure.title} is {value}{share} ({amount}) {where} the limit"


def _next_line(solution: Solution, notation: Notation) -> str:
    """The next better member, and the limit that it breaks."""
    if solution.next is None:
        better = "larger" if solution.objective.startswith("largest") else "smaller"
        return f"next: none; no valid design beside this one in the ranges is {better}"
    return f"next: with {point_text(solution.next.variables)} {_miss(solution.next.worst, notation)}"


def _table(solution: Solution, shown: Member, notation: Notation) -> Table:
    """A row for each limit, then for the other figures; columns for the answer and the next better member."""
    other = solution.next
    columns = [
        Column("figure", "figure"),
        Column("bound", ""),
        Column("limit", "limit", True),
        Column("value", point_text(shown.variables), True, "value"),
        Column("share", "of limit", True),
    ]
    if other is not None:
        columns.append(Column("next", f"next: {point_text(other.variables)}", True, "next"))
    rows = []
    for number, each in enumerate(shown.limits):
        measure, bound = each.bound.wanted.measure, each.bound
        row = [
            word(measure.title),
            Cell(WORDS[bound.bound], bound.bound),
            _number(bound.limit, measure.unit, notation),
            _number(each.value, measure.unit, notation),
            word(percent(each.value, bound.limit) if bound.limit else "")._replace(short=""),
        ]
        if other is not None:
            value = other.limits[number].value
            row.append(_number(value, measure.unit, notation))
        rows.append(tuple(row))
    limited = {each.bound.wanted.measure.key for each in shown.limits}
    for key, value in shown.figures.items():
        if key not in limited:
            row = [word(key), Cell("", ""), Cell(""), _number(value, KEYS[key].unit, notation), Cell("", short="")]
            if other is not None:
                row.append(_number(other.figures[key], KEYS[key].unit, notation))
            rows.append(tuple(row))
    return Table(tuple(columns), tuple(rows))


def _search_lines(solution: Solution) -> tuple[str, ...]:
    """How many members were analysed, what that proves, how many are invalid, and the remarks of the search."""
    lines = [f"{solution.analysed:,} of {plural(solution.members, 'design')} analysed: {proof_of(solution)}"]
    if solution.broken:
        lines.append(
            f"{solution.broken:,} of these {'is' if solution.broken == 1 else 'are'} invalid, as {solution.reason}"
        )
    return (*lines, *solution.remarks)


def proof_of(solution: Solution) -> str:
    """What the members that were analysed prove."""
    if solution.is_complete:
        return "every one that could be better" if solution.best is not None else "every one"
    every = "; --every analyses all" if solution.members <= MOST_MEMBERS else ""
    how = "bisection" if len(solution.ranges) == 1 else "branch and bound"
    return f"by {how}, since each limited figure grows or falls steadily among these{every}"


def _data(solution: Solution) -> dict[str, Any]:
    """The answer for JSON; bytes and counts are exact."""
    best, other = solution.best, solution.next
    found: dict[str, Any] = {
        "schema": 1,
        "architecture": solution.architecture,
        "variables": None if best is None else best.variables,
        "figures": None if best is None else best.figures,
        "limits": _limits(best or solution.nearest),
        "next": None
        if other is None
        else {"variables": other.variables, "breaks": other.worst.bound.wanted.measure.key, "value": other.worst.value},
    }
    if solution.nearest is not None and solution.blame is not None:
        found["nearest"] = {
            "variables": solution.nearest.variables,
            "figures": solution.nearest.figures,
            "blame": solution.blame.bound.wanted.measure.key,
            "limit": solution.blame.bound.limit,
            "value": solution.blame.value,
        }
    found["analysed"] = solution.analysed
    return found


def _limits(member: Member | None) -> list[dict[str, Any]]:
    assert member is not None
    return [
        {"key": each.bound.wanted.measure.key, "limit": each.bound.limit, "value": each.value} for each in member.limits
    ]
