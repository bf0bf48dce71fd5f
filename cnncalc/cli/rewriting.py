"""One document: its markers found, their calls made, their bodies as they should be. Nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.cli.calls import CALLABLE, Caller, CallError, problems_of
from cnncalc.documents.scan import scan
from cnncalc.documents.update import Update, update
from cnncalc.errors import DesignError, Problem, in_text_order

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
    problems = list(found.problems)
    blocks: list[str] = []
    answers, drawings, warnings = [], [], []
    for marker in found.markers:
        said = caller.call(marker.words, folder)
        if said.answer is None:
            error = said.error or CallError("")
            problems += problems_of(error, marker.span)
            if isinstance(error, CallError):
                blocks.append(str(error))
            continue
        answers.append(said.answer)
        if said.picture is not None and said.answer.picture is not None:
            drawings.append(Drawing(marker, said.answer.picture.path, said.picture))
        for words in said.warnings:
            place = Problem("call-warning", "this call warns", marker.span, severity="warning")
            warnings.append(f"{place}\n\n{words}")
    nothing = Update(text, (), ())
    if not problems:
        problems += _clashes(drawings)
    if not problems:
        changed = update(text, found, answers, syntax, CALLABLE)
        if not changed.problems:
            return Rewritten(found.markers, changed, "", tuple(warnings), tuple(drawings))
        problems += changed.problems
    here = [problem for problem in problems if problem.span is not None and problem.span.source is found.source]
    there = [problem for problem in problems if problem not in here]
    said_so = [str(DesignError(in_text_order(here))), *([str(DesignError(there))] if there else []), *blocks]
    return Rewritten(found.markers, nothing, "\n\n".join(dict.fromkeys(said_so)), tuple(warnings))


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
