"""Markdown as CommonMark reads it: HTML comments outside of all code, in blocks of HTML and in the middle of text.

A line is read from the left: the containers it stands in (quotations, entries of lists), then what it begins or goes on
with. Of Python-Markdown and GitHub the containers of admonitions, tabs and footnotes are known as well.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.documents.html import comment_places, line_after, line_before
from cnncalc.documents.html import shown as shown
from cnncalc.documents.lines import TAB, lines_of
from cnncalc.documents.marker import Comment, indented
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.documents.marker import Answer

QUOTATION = 0
"""The container of a quotation; that of an entry of a list is the number of columns by which it is indented."""

FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,}).*$")
HEADING = re.compile(r"#{1,6}(?:[ \t]|$)")
RULE = re.compile(r"(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
UNDERLINE = re.compile(r"(?:=+|-+)[ \t]*$")
ENTRY = re.compile(r"(?:[-+*]|([0-9]{1,9})[.)])(?=[ \t]|$)")
ADMONITION = re.compile(r"(?:!!!|\?\?\?\+?|===[!+]?)[ \t]+[\w\"'].*$")
FOOTNOTE = re.compile(r"\[\^[^\]\s]+\]:")
DELIMITERS = re.compile(r"(?=.*\|)[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")

NAMES = (
    "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt"
    "|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu"
    "|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr"
    "|track|ul"
)
ATTRIBUTE = r"""\s+[A-Za-z_:][\w.:-]*(?:\s*=\s*(?:[^\s"'=<>`]+|'[^']*'|"[^"]*"))?"""
TAG = re.compile(rf"<[A-Za-z][A-Za-z0-9-]*(?:{ATTRIBUTE})*\s*/?>|</[A-Za-z][A-Za-z0-9-]*\s*>", re.A)
AUTOLINK = re.compile(r"<[A-Za-z][A-Za-z0-9.+-]{1,31}:[^\s<>]*>")
TEXTUAL = "script|pre|style|textarea"
BLANK = re.compile(r"[ \t]*$")
HTML_BLOCKS = (
    (re.compile(rf"<(?:{TEXTUAL})(?:[\s>]|$)", re.I), re.compile(rf"</(?:{TEXTUAL})>", re.I)),
    (re.compile(r"<!--"), re.compile(r"-->")),
    (re.compile(r"<\?"), re.compile(r"\?>")),
    (re.compile(r"<![A-Za-z]"), re.compile(r">")),
    (re.compile(r"<!\[CDATA\["), re.compile(r"\]\]>")),
    (re.compile(rf"</?(?:{NAMES})(?:\s|/?>|$)", re.I), BLANK),
)  # fmt: skip
"""How a block of HTML begins, and what its last line holds; one that ends in :data:`BLANK` ends before a blank line."""


class Piece(NamedTuple):
    """A part of a line, without the containers that it stands in."""

    start: int
    end: int


def comments(text: str) -> Iterator[Comment]:
    """Every HTML comment outside of code."""
    for pieces, is_html in _leaves(text):
        joined, starts = _joined(text, pieces)
        if "<!--" not in joined:
            continue
        for start, end in comment_places(joined) if is_html else _inline_places(joined):
            first, last = _origin(pieces, starts, start), _origin(pieces, starts, end - 1) + 1
            head = line_before(text, first)
            alone = _is_bare(head) and not line_after(text, last).strip()
            yield Comment(first, last, first + 4, last - 3, re.sub(r"[^\s>]", " ", head) if alone else None)


CONTAINERS = re.compile(r"(?:[\s>]|(?:[-+*]|[0-9]{1,9}[.)])[ \t])*")


def _is_bare(head: str) -> bool:
    """Whether a line begins with containers alone."""
    return CONTAINERS.fullmatch(head) is not None


def _joined(text: str, pieces: list[Piece]) -> tuple[str, list[int]]:
    """The pieces as one text, and where in it each begins."""
    starts, length = [], 0
    for piece in pieces:
        starts.append(length)
        length += piece.end - piece.start + 1
    return "\n".join([text[piece.start : piece.end] for piece in pieces]), starts


def _origin(pieces: list[Piece], starts: list[int], offset: int) -> int:
    place = bisect_right(starts, offset) - 1
    return pieces[place].start + offset - starts[place]


# Blocks


def _leaves(text: str) -> Iterator[tuple[list[Piece], bool]]:
    """The texts that may hold comments: paragraphs (line by line in tables), headings, and blocks of HTML (True)."""
    containers: list[int] = []
    paragraph: list[Piece] = []
    html: list[Piece] = []
    html_end: re.Pattern[str] | None = None
    fence = ""
    for start, end, _ in lines_of(text):
        at, column, matched = _continued(text, start, end, containers)
        is_inside = matched == len(containers)
        if fence:
            if is_inside:
                if _closes(fence, text, at, column, end):
                    fence = ""
                continue
            fence = ""
        if html_end is not None:
            is_over = not is_inside or (html_end is BLANK and BLANK.match(text, at, end) is not None)
            if not is_over:
                html.append(Piece(at, end))
                is_over = html_end is not BLANK and html_end.search(text, at, end) is not None
                if is_over:
                    yield html, True
                    html, html_end = [], None
                continue
            yield html, True
            html, html_end = [], None
        while True:
            first, to = _blanks(text, at, column, end)
            indent = to - column
            if first == end:
                if paragraph:
                    yield from _paragraph(text, paragraph)
                    paragraph = []
                del containers[matched:]
                break
            goes_on = bool(paragraph) and matched == len(containers)
            if indent >= 4:
                if paragraph:
                    paragraph.append(Piece(first, end))
                else:
                    del containers[matched:]
                break
            sign = text[first]
            if sign == ">":
                yield from _paragraph(text, paragraph)
                paragraph = []
                del containers[matched:]
                containers.append(QUOTATION)
                matched += 1
                at, column = _behind_quotation(text, first, to, end)
                continue
            if sign in "`~" and (opened := FENCE.match(text, first, end)) is not None:
                fence = opened[1] or opened[2]
            elif sign == "#" and HEADING.match(text, first, end):
                yield from _paragraph(text, paragraph)
                paragraph = []
                yield [Piece(first, end)], False
            elif sign == "<" and (closing := _html_end(text, first, end, bool(paragraph))) is not None:
                yield from _paragraph(text, paragraph)
                paragraph = []
                if closing is not BLANK and closing.search(text, first, end):
                    yield [Piece(first, end)], True
                else:
                    html, html_end = [Piece(first, end)], closing
            elif (goes_on and sign in "=-" and UNDERLINE.match(text, first, end)) or (
                sign in "*-_" and RULE.match(text, first, end)
            ):
                pass
            elif (wide := _entry(text, first, to, end, goes_on)) is not None:
                yield from _paragraph(text, paragraph)
                paragraph = []
                del containers[matched:]
                at, more = wide
                containers.append(indent + more)
                matched += 1
                column = to + more
                continue
            elif sign in "!?=" and ADMONITION.match(text, first, end):
                yield from _paragraph(text, paragraph)
                paragraph = []
                del containers[matched:]
                containers.append(indent + TAB)
                matched += 1
                yield [Piece(first, end)], False
                break
            elif sign == "[" and (note := FOOTNOTE.match(text, first, end)) is not None:
                yield from _paragraph(text, paragraph)
                paragraph = []
                del containers[matched:]
                containers.append(TAB)
                matched += 1
                at, column = first + note.end(), to + note.end()
                continue
            else:
                if not paragraph:
                    del containers[matched:]
                paragraph.append(Piece(first, end))
                break
            yield from _paragraph(text, paragraph)
            paragraph = []
            del containers[matched:]
            break
    yield from _paragraph(text, paragraph)
    if html:
        yield html, True


def _paragraph(text: str, pieces: list[Piece]) -> Iterator[tuple[list[Piece], bool]]:
    """A paragraph as a whole; a table line by line, since no code goes on in its next row."""
    if len(pieces) > 1 and _is_table(text[pieces[0].start : pieces[0].end], text[pieces[1].start : pieces[1].end]):
        for piece in pieces:
            yield [piece], False
    elif pieces:
        yield pieces, False


def _is_table(head: str, rule: str) -> bool:
    """Whether two lines begin a table: as many cells in its head as in the rule below."""
    return DELIMITERS.match(rule) is not None and _cells(head) == _cells(rule)


def _cells(row: str) -> int:
    """How many cells a row has."""
    row = row.strip().replace("\\|", "")
    return row.removeprefix("|").removesuffix("|").count("|") + 1


def _blanks(text: str, at: int, column: int, end: int) -> tuple[int, int]:
    """The first place that holds no blank, and its column."""
    while at < end:
        if text[at] == " ":
            column += 1
        elif text[at] == "\t":
            column += TAB - column % TAB
        else:
            break
        at += 1
    return at, column


def _advanced(text: str, at: int, column: int, columns: int) -> tuple[int, int]:
    """So many columns of blanks further, or as far as there are blanks; a tab may be taken in part."""
    target = column + columns
    while column < target and at < len(text) and text[at] in " \t":
        wide = TAB - column % TAB if text[at] == "\t" else 1
        if column + wide > target:
            return at, target
        at, column = at + 1, column + wide
    return at, column


def _continued(text: str, start: int, end: int, containers: list[int]) -> tuple[int, int, int]:
    """How far the open containers go on in a line: place and column behind them, and how many they are."""
    at, column = start, 0
    bare_end = start + len(text[start:end].rstrip(" \t"))
    for matched, container in enumerate(containers):
        if container == QUOTATION:
            first, to = _blanks(text, at, column, min(end, at + TAB))
            if to - column > 3 or first >= bare_end or text[first] != ">":
                return at, column, matched
            at, column = _behind_quotation(text, first, to, end)
        elif at >= bare_end:
            at, column = _blanks(text, at, column, end)
        else:
            first, to = _advanced(text, at, column, container)
            if to - column < container:
                return at, column, matched
            at, column = first, to
    return at, column, len(containers)


def _behind_quotation(text: str, at: int, column: int, end: int) -> tuple[int, int]:
    """Place and column behind a ``>`` and the blank that belongs to it."""
    at, column = at + 1, column + 1
    return _advanced(text, at, column, 1) if at < end else (at, column)


def _is_rule(text: str, first: int, end: int, *, under_text: bool) -> bool:
    """Whether a line is a rule between paragraphs, or underlines a heading."""
    if under_text and UNDERLINE.match(text, first, end):
        return True
    return text[first] in "*-_" and RULE.match(text, first, end) is not None


def _closes(fence: str, text: str, at: int, column: int, end: int) -> bool:
    """Whether a line closes a block of code."""
    first, to = _blanks(text, at, column, end)
    rest = text[first:end].rstrip(" \t")
    return to - column < 4 and len(rest) >= len(fence) and rest == fence[0] * len(rest)


def _html_end(text: str, first: int, end: int, in_paragraph: bool) -> re.Pattern[str] | None:
    """What ends the block of HTML that begins here; None if none does."""
    for begin, closing in HTML_BLOCKS:
        if begin.match(text, first, end):
            return closing
    if not in_paragraph:
        tag = TAG.match(text, first, end)
        if tag is not None and BLANK.match(text, tag.end(), end):
            return BLANK
    return None


def _entry(text: str, first: int, column: int, end: int, in_paragraph: bool) -> tuple[int, int] | None:
    """Where the content of an entry of a list begins, and how many columns behind its sign; None if there is none."""
    found = ENTRY.match(text, first, end)
    if found is None:
        return None
    at = found.end()
    behind, to = _blanks(text, at, column + len(found[0]), end)
    if behind == end:
        return None if in_paragraph else (end, len(found[0]) + 1)
    if in_paragraph and found[1] is not None and int(found[1]) != 1:
        return None
    blanks = to - column - len(found[0])
    if blanks > 4:
        at, _ = _advanced(text, at, column + len(found[0]), 1)
        return at, len(found[0]) + 1
    return behind, len(found[0]) + blanks


# The middle of text


SIGN = re.compile(r"\\.|`+|<", re.S)
TICKS = re.compile(r"`+")


def _inline_places(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each comment in a paragraph: outside of code spans, tags and links, and not escaped."""
    runs: dict[int, list[int]] | None = None
    missing: set[str] = set()
    at = 0
    while (sign := SIGN.search(text, at)) is not None:
        at = sign.end()
        if sign[0][0] == "\\":
            continue
        if sign[0][0] == "`":
            if runs is None:
                runs = {}
                for run in TICKS.finditer(text):
                    runs.setdefault(len(run[0]), []).append(run.start())
            same = runs.get(len(sign[0]), [])
            place = bisect_right(same, sign.start())
            if place < len(same):
                at = same[place] + len(sign[0])
            continue
        start = sign.start()
        if text.startswith("<!--", start) and not text.startswith((">", "->"), start + 4):
            end = _until(text, "-->", start + 4, missing)
            if end:
                yield start, end
                at = end
            continue
        opaque = TAG.match(text, start) or AUTOLINK.match(text, start)
        if opaque is not None:
            at = opaque.end()
        elif text.startswith("<?", start):
            at = _until(text, "?>", start, missing) or at
        elif text.startswith("<![CDATA[", start):
            at = _until(text, "]]>", start, missing) or at
        elif text.startswith("<!", start) and text[start + 2 : start + 3].isalpha():
            at = _until(text, ">", start, missing) or at


def _until(text: str, what: str, at: int, missing: set[str]) -> int:
    """The end of the next ``what``, 0 if there is none any more."""
    if what in missing:
        return 0
    end = text.find(what, at)
    if end < 0:
        missing.add(what)
        return 0
    return end + len(what)


# What is written


ENTITIES = {sign: f"&#{ord(sign)};" for sign in "\\`*_[]~$|"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
VOLUME = re.compile(r"\[[0-9]+x[0-9]+x[0-9]+\]")


def block(answer: Answer, indent: str) -> list[str]:
    """Markdown, HTML and SVG as they are, between blank lines; a line of words as such; all else as fenced code."""
    if answer.picture is not None:
        path = answer.picture.path
        target = f"<{path}>" if re.search(r"[\s()]", path) else path
        return indented([f"![{inline(answer.picture.words)}]({target})"], indent)
    if answer.form in ("markdown", "html", "svg"):
        return indented(["", *answer.lines, ""], indent)
    if answer.form == "line":
        return indented([inline(line) for line in answer.lines], indent)
    longest = max([len(run) for run in TICKS.findall(answer.text)], default=0)
    fence = "`" * max(3, longest + 1)
    return indented([fence + answer.form, *answer.lines, fence], indent)


def inline(text: str) -> str:
    """Words that Markdown and HTML alike show as they are."""
    text = visible(text)
    if VOLUME.fullmatch(text):
        return text
    shown = "".join(ENTITIES.get(sign, sign) for sign in text)
    return re.sub(r"^(?:([#+=-])|([0-9]+)([.)])(?=\s|$))", _at_start, shown)


def _at_start(found: re.Match[str]) -> str:
    """What would begin a heading, a list or a rule."""
    return f"&#{ord(found[1])};" if found[1] else f"{found[2]}&#{ord(found[3])};"
