"""The update of a document: the body of each marker becomes the output of its call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.documents.scan import scan
from cnncalc.errors import Problem
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cnncalc.documents import Syntax
    from cnncalc.documents.marker import Answer, Marker
    from cnncalc.documents.scan import Scan
    from cnncalc.source import Span


class Change(NamedTuple):
    """A marker with an outdated body, and its new body."""

    marker: Marker
    body: str


class Update(NamedTuple):
    """The updated document with its changes, or the ``problem`` because of which it is not updated."""

    text: str
    changes: tuple[Change, ...]
    problem: Problem | None = None


class OutputRejected(Exception):
    """The output of a call cannot be put into a marker; the message states the reason."""


def update(text: str, found: Scan, bodies: Sequence[str], syntax: str, commands: Collection[str]) -> Update:
    """The document with a body in each marker of ``found``.

    The result is scanned again and refused unless it has the same markers with these bodies, so that a second update
    changes nothing.
    """
    parts: list[str] = []
    places: list[tuple[int, int]] = []
    at = length = 0
    for marker, body in zip(found.markers, bodies, strict=True):
        before = text[at : marker.start]
        length += len(before)
        places.append((length, length + len(body)))
        length += len(body)
        parts += [before, body]
        at = marker.end
    changes = tuple(
        Change(marker, body)
        for marker, body in zip(found.markers, bodies, strict=True)
        if body != text[marker.start : marker.end]
    )
    if not changes:
        return Update(text, ())
    new = "".join([*parts, text[at:]])
    wrong = _first_difference(found, scan(found.source.name, new, syntax, commands), places)
    if wrong is not None:
        message = "the output of this call contains text that would hide markers of the document"
        return Update(text, (), Problem("unfit-output", message, wrong))
    return Update(new, changes)


def body_of(marker: Marker, answer: Answer, syntax: Syntax) -> str:
    """The body of a marker; raises OutputRejected if the answer cannot be inserted."""
    if marker.is_inline:
        lines = answer.lines
        if answer.picture is not None:
            raise OutputRejected("a picture needs a line of its own, but this marker is within a line")
        if len(lines) > 1:
            message = f"only one line fits within a line, but this call prints {len(lines):,}"
            raise OutputRejected(f"{message}: put its markers on lines of their own")
        return syntax.load().inline(lines[0]) if lines else ""
    try:
        lines = syntax.block(answer, marker.indent)
    except ValueError as error:
        raise OutputRejected(str(error)) from None
    return "".join([line + marker.newline for line in lines])


def _first_difference(old: Scan, new: Scan, places: Sequence[tuple[int, int]]) -> Span | None:
    """The place of the first marker that is lost or different in the new document; None if all are present."""
    for number, marker in enumerate(old.markers):
        now = new.markers[number] if number < len(new.markers) else None
        if now is None or now.call != marker.call or (now.start, now.end) != places[number]:
            return marker.span
    if len(new.markers) > len(old.markers) or new.problems:
        return old.markers[-1].span
    return None
