"""Returns one document with its markers updated; writes no file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.calls import CALLABLE, Caller, CallError, MarkerProblem, problems_of
from cnncalc.documents import MAX_BYTES, SYNTAXES
from cnncalc.documents.scan import scan
from cnncalc.documents.update import OutputRejected, Update, body_of, update
from cnncalc.errors import MAX_COUNTED, Problem, listed
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.documents.marker import Marker


class Drawing(NamedTuple):
    """A picture file of a marker: its path from the document's folder, and its text."""

    marker: Marker
    path: str
    svg: str


class DocumentUpdate(NamedTuple):
    """The markers of a document and its update; ``errors`` is the text of all errors, ``warnings`` of each warning."""

    markers: tuple[Marker, ...]
    update: Update
    errors: str
    warnings: tuple[str, ...] = ()
    drawings: tuple[Drawing, ...] = ()


def update_document(name: str, text: str, syntax: str, folder: str, caller: Caller) -> DocumentUpdate:
    """The document called ``name`` brought up to date; file names in its calls start from ``folder``."""
    found = scan(name, text, syntax, CALLABLE)
    problems = [MarkerProblem(problem) for problem in found.problems]
    bodies, drawings, warnings = [], [], []
    size = 0
    for marker in found.markers:
        if len(problems) >= MAX_COUNTED:
            break
        result = caller.call(marker.words, folder)
        if result.answer is None:
            problems += problems_of(result.error or CallError(""), marker.span)
            continue
        for warning in result.warnings:
            problem = Problem("call-warning", "warning from this call:", marker.span, severity="warning")
            warnings.append(str(MarkerProblem(problem, warning)))
        if result.picture is not None and result.answer.picture is not None:
            drawings.append(Drawing(marker, result.answer.picture.path, result.picture))
        try:
            body = body_of(marker, result.answer, SYNTAXES[syntax])
        except OutputRejected as error:
            problems.append(MarkerProblem(Problem("unfit-output", str(error), marker.span)))
            continue
        size += len(body)
        if size > MAX_BYTES:
            most = f"a document has at most {MAX_BYTES // 1024**2} MiB"
            message = f"{most}, but with the output of the calls up to this one it would have more"
            problems.append(MarkerProblem(Problem("limit", message, marker.span)))
            break
        bodies.append(body)
    problems += [MarkerProblem(problem) for problem in _clashes(drawings)]
    if not problems:
        changed = update(text, found, bodies, syntax, CALLABLE)
        if changed.problem is None:
            return DocumentUpdate(found.markers, changed, "", tuple(warnings), tuple(drawings))
        problems.append(MarkerProblem(changed.problem))
    problems.sort(key=lambda one: one.problem.span.start if one.problem.span else 0)
    return DocumentUpdate(found.markers, Update(text, ()), listed(problems), tuple(warnings))


def _clashes(drawings: list[Drawing]) -> list[Problem]:
    """A problem for each drawing whose file another drawing uses too."""
    first: dict[str, Drawing] = {}
    problems = []
    for drawing in drawings:
        other = first.setdefault(drawing.path, drawing)
        if other.svg != drawing.svg:
            message = f"{drawing.path} is also written, with different content, in line {other.marker.span.line}"
            problems.append(Problem("picture", message, drawing.marker.span))
    return problems
