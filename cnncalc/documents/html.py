"""HTML: comments as a browser finds them, so not in scripts or attributes."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from cnncalc.documents.marker import Comment, indented
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cnncalc.documents.marker import Answer, Picture

RAW = ("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes")
"""Elements with text content, in which a browser finds no comments. ``pre`` is not one of them: in it, a document that
shows a marker has to write ``&lt;!--``."""

TAG = re.compile(r"</?([A-Za-z][^\s/>]*)")
TAG_PART = re.compile(r""">|=\s*(["'])""")
END_OF_RAW = {name: re.compile(rf"</{name}(?=[\s/>])", re.I) for name in RAW}


def comments(text: str) -> Iterator[Comment]:
    """Every comment."""
    for start, end, before in on_lines(text, comment_places(text)):
        alone = before is not None and not before.strip()
        yield Comment(start, end, start + 4, max(start + 4, end - 3), before if alone else None)


def on_lines(text: str, places: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int, str | None]]:
    """Start and end of each comment, and the text before it on its line.

    That is None if another comment begins on the line before it, or if text follows it on its line. The time is linear,
    also for a line of many comments.
    """
    at = line = 0
    before = -1  # where the line of the comment before it begins
    for start, end in places:
        line = max(text.rfind("\n", at, start), text.rfind("\r", at, start), line - 1) + 1
        is_last = REST_OF_LINE.match(text, end) is not None
        yield start, end, text[line:start] if is_last and line != before else None
        at, before = start, line


REST_OF_LINE = re.compile(r"[^\S\r\n]*(?=[\r\n]|\Z)")
"""No more than blanks up to the end of a line."""


def comment_places(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each closed comment, by the tokenizer of the HTML standard."""
    at = text.find("<")
    while at >= 0:
        if text.startswith("<!--", at):
            if text.startswith((">", "->"), at + 4):
                end = text.index(">", at) + 1
            else:
                end = text.find("-->", at + 4) + 3
                if end < 3:
                    return
                yield at, end
            at = text.find("<", end)
        elif text.startswith("<![CDATA[", at):
            at = _after(text, "]]>", at)
        elif text.startswith(("<!", "<?"), at):
            at = _after(text, ">", at)
        else:
            found = TAG.match(text, at)
            at = text.find("<", at + 1) if found is None else _after_tag(text, found)


def _after(text: str, what: str, at: int) -> int:
    """The next ``<`` after the end of a construct, or -1."""
    end = text.find(what, at)
    return -1 if end < 0 else text.find("<", end)


def _after_tag(text: str, tag: re.Match[str]) -> int:
    """The next ``<`` after a tag, or after the content of a raw text element; -1 at the end."""
    at = tag.end()
    while True:
        part = TAG_PART.search(text, at)
        if part is None:
            return -1
        if part[1] is None:
            break
        at = text.find(part[1], part.end()) + 1
        if not at:
            return -1
    name = tag[1].lower()
    if name in RAW and not tag[0].startswith("</"):
        end = END_OF_RAW[name].search(text, part.end())
        return -1 if end is None else end.start()
    return text.find("<", part.end())


def picture(picture: Picture) -> list[str]:
    """An image."""
    return [f'<img src="{escape(picture.path)}" alt="{escape(visible(picture.words))}">']


def markup(answer: Answer, indent: str) -> list[str]:
    """The answer as it is; an indent inside ``pre`` would be shown."""
    return answer.lines if "<pre" in answer.text else indented(answer.lines, indent)


def listing(answer: Answer, indent: str) -> list[str]:
    """Preformatted text, whose lines have no indent, since a browser would show it."""
    lines = [escape(line, quote=False) for line in answer.lines] or [""]
    lines[0] = f"{indent}<pre>{lines[0]}"
    lines[-1] += "</pre>"
    return lines


def inline(text: str) -> str:
    """A line of words, escaped."""
    return escape(visible(text), quote=False)
