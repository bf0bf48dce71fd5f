"""One document: its markers found, their calls made, their bodies as they should be. Nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.cli.calls import CALLABLE, Caller, CallError, Fault, faults_of
from cnncalc.documents import SYNTAXES
from cnncalc.documents.scan import scan
from cnncalc.documents.update import Unfit, Update, body_of, update
from cnncalc.errors import MOST_PROBLEMS, Problem

if TYPE_CHECKING:
    from cnncalc.documents.marker import Marker


class Drawing(NamedTuple):
    """A picture that a marker wants beside the document: its path from there, and its text."""

    marker: Marker
    path: str
    svg: str


class Rewritten(NamedTuple):
    """What came of a document: its markers and its update, or what is wrong with it, as it is to be said.

    ``warnings`` are what the calls said that did not end them.
    """

    markers: tuple[Marker, ...]
    update: Update
    wrong: str
    warnings: tuple[str, ...] = ()
    drawings: tuple[Drawing, ...] = ()


def rewrite(name: str, text: str, syntax: str, folder: str, caller: Caller) -> Rewritten:
    """A document called ``name``, its calls made where ``folder`` is the place to name files from."""
    found = scan(name, text, syntax, CALLABLE)
    faults = [Fault(problem) for problem in found.problems]
    bodies, drawings, warnings = [], [], []
    for marker in found.markers:
        said = caller.call(marker.words, folder)
        if said.answer is None:
            faults += faults_of(said.error or CallError(""), marker.span)
            continue
        for words in said.warnings:
            place = Problem("call-warning", "this call warns; it says:", marker.span, severity="warning")
            warnings.append(f"{place}\n\n{words}")
        if said.picture is not None and said.answer.picture is not None:
            drawings.append(Drawing(marker, said.answer.picture.path, said.picture))
        try:
            bodies.append(body_of(marker, said.answer, SYNTAXES[syntax]))
        except Unfit as error:
            faults.append(Fault(Problem("unfit-output", str(error), marker.span)))
    faults += [Fault(problem) for problem in _clashes(drawings)]
    if not faults:
        changed = update(text, found, bodies, syntax, CALLABLE)
        if changed.problem is None:
            return Rewritten(found.markers, changed, "", tuple(warnings), tuple(drawings))
        faults.append(Fault(changed.problem))
    return Rewritten(found.markers, Update(text, ()), _in_words(faults), tuple(warnings))


def _in_words(faults: list[Fault]) -> str:
    """What is wrong, in the order of the text; of very much the first, and how much more."""
    faults = sorted(faults, key=lambda fault: fault.problem.span.start if fault.problem.span else 0)
    words = "\n\n".join(str(fault) for fault in faults[:MOST_PROBLEMS])
    left = len(faults) - MOST_PROBLEMS
    return words + (f"\n\n... and {left:,} more problem{'s' if left > 1 else ''}" if left > 0 else "")


def _clashes(drawings: list[Drawing]) -> list[Problem]:
    """Two different pictures for one file."""
    first: dict[str, Drawing] = {}
    problems = []
    for drawing in drawings:
        other = first.setdefault(drawing.path, drawing)
        if other.svg != drawing.svg:
            message = f"{drawing.path} gets another picture in line {other.marker.span.line}"
            problems.append(Problem("picture", message, drawing.marker.span))
    return problems
