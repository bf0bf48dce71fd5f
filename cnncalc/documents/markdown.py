"""Markdown as CommonMark reads it: HTML comments outside of code, in HTML blocks and within text."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from cnncalc.documents.commonmark import TICKS, Blocks, inline_places
from cnncalc.documents.html import comment_places, on_lines
from cnncalc.documents.marker import Comment, indented
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.documents.commonmark import LineSegment
    from cnncalc.documents.marker import Answer, Picture

CONTAINERS = re.compile(r"[\s>]+|(?:[-+*]|[0-9]{1,9}[.)])[ \t]")
"""What may precede a comment on a line of its own, once or more often."""


def comments(text: str) -> Iterator[Comment]:
    """Every HTML comment outside of code."""
    for first, last, head in on_lines(text, _places(text)):
        alone = head is not None and _is_bare(head)
        yield Comment(first, last, first + 4, last - 3, re.sub(r"[^\s>]", " ", head or "") if alone else None)


def _is_bare(head: str) -> bool:
    """Whether the head of a line holds only container markers; a regular expression that repeats them needs memory."""
    at = 0
    while at < len(head):
        found = CONTAINERS.match(head, at)
        if found is None:
            return False
        at = found.end()
    return True


def _places(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each comment."""
    for segments, is_html in Blocks(text).read():
        joined, starts = _joined(text, segments)
        if "<!--" not in joined:
            continue
        for start, end in comment_places(joined) if is_html else inline_places(joined):
            yield _origin(segments, starts, start), _origin(segments, starts, end - 1) + 1


def _joined(text: str, segments: Sequence[LineSegment]) -> tuple[str, list[int]]:
    """The segments as one text, and the offset of each in it."""
    starts, length = [], 0
    for segment in segments:
        starts.append(length)
        length += segment.end - segment.start + 1
    return "\n".join([text[segment.start : segment.end] for segment in segments]), starts


def _origin(segments: Sequence[LineSegment], starts: list[int], offset: int) -> int:
    place = bisect_right(starts, offset) - 1
    return segments[place].start + offset - starts[place]


# Output


ENTITIES = {sign: f"&#{ord(sign)};" for sign in "\\`*_[]~$|"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
VOLUME = re.compile(r"\[[0-9]+(?:x[0-9]+)+\]")


def picture(picture: Picture) -> list[str]:
    """An image."""
    target = f"<{picture.path}>" if re.search(r"[\s()]", picture.path) else picture.path
    return [f"![{inline(picture.words)}]({target})"]


def markup(answer: Answer, indent: str) -> list[str]:
    """The answer between blank lines."""
    return indented(["", *answer.lines, ""], indent)


def listing(answer: Answer, indent: str) -> list[str]:
    """A fenced code block."""
    longest = max([len(run) for run in TICKS.findall(answer.text)], default=0)
    fence = "`" * max(3, longest + 1)
    return indented([fence + answer.format, *answer.lines, fence], indent)


def inline(text: str) -> str:
    """A line of words, escaped for Markdown and HTML alike."""
    text = visible(text)
    if VOLUME.fullmatch(text):
        return text
    shown = "".join(ENTITIES.get(sign, sign) for sign in text)
    return re.sub(r"^(?:([#+=-])|([0-9]+)([.)])(?=\s|$))", _at_start, shown)


def _at_start(found: re.Match[str]) -> str:
    """The escape of a character that would begin a heading, a list or a rule."""
    return f"&#{ord(found[1])};" if found[1] else f"{found[2]}&#{ord(found[3])};"
