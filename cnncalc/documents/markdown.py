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
    from collections.abc import Iterator, Sequence

    from cnncalc.documents.marker import Answer

HAS_INLINE = True

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
    for pieces, is_html in _Blocks(text).read():
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


def _joined(text: str, pieces: Sequence[Piece]) -> tuple[str, list[int]]:
    """The pieces as one text, and where in it each begins."""
    starts, length = [], 0
    for piece in pieces:
        starts.append(length)
        length += piece.end - piece.start + 1
    return "\n".join([text[piece.start : piece.end] for piece in pieces]), starts


def _origin(pieces: Sequence[Piece], starts: list[int], offset: int) -> int:
    place = bisect_right(starts, offset) - 1
    return pieces[place].start + offset - starts[place]


# Blocks


class Leaf(NamedTuple):
    """A text that may hold comments: a paragraph, a row of a table, a heading, or a block of HTML."""

    pieces: tuple[Piece, ...]
    is_html: bool = False


class Place(NamedTuple):
    """A place in a line: its offset, its column, and how many of the open containers it stands in."""

    at: int
    column: int
    matched: int


class _Blocks:
    """Reads a document line by line: what containers are open, and which leaf: a paragraph, code, HTML."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.leaves: list[Leaf] = []
        self.containers: list[int] = []
        self.paragraph: list[Piece] = []
        self.html: list[Piece] = []
        self.html_end: re.Pattern[str] | None = None
        self.fence = ""
        self.is_empty_entry = False

    def read(self) -> list[Leaf]:
        """The leaves that may hold comments, in the order of the text."""
        for start, end, _ in lines_of(self.text):
            place = _continued(self.text, start, end, self.containers)
            if self._goes_on(place, end):
                continue
            further: Place | None = place
            while further is not None:
                further = self._begin(further, end)
        self._close_paragraph()
        self._close_html()
        return self.leaves

    def _goes_on(self, place: Place, end: int) -> bool:
        """Whether the line belongs to code or to a block of HTML that is open."""
        is_inside = place.matched == len(self.containers)
        if self.fence:
            is_code = is_inside
            if not is_inside or _closes(self.fence, self.text, place, end):
                self.fence = ""
            return is_code
        if self.html_end is None:
            return False
        if not is_inside or (self.html_end is BLANK and BLANK.match(self.text, place.at, end)):
            self._close_html()
            return False
        self.html.append(Piece(place.at, end))
        if self.html_end is not BLANK and self.html_end.search(self.text, place.at, end):
            self._close_html()
        return True

    def _begin(self, place: Place, end: int) -> Place | None:
        """Begins what stands at a place; gives the place inside if it is a container, None if the line is done."""
        text = self.text
        first, column = _blanks(text, place.at, place.column, end)
        if first == end:
            self._blank(place)
            return None
        self.is_empty_entry = False
        is_text = bool(self.paragraph) and not _is_table(text, self.paragraph)
        goes_on = is_text and place.matched == len(self.containers)
        indent = column - place.column
        sign = text[first]
        if indent >= TAB:
            if is_text:
                self.paragraph.append(Piece(first, end))
            else:
                self._close(place)
            return None
        if sign == ">":
            self._open(place, QUOTATION)
            return Place(*_behind_quotation(text, first, column, end), place.matched + 1)
        if sign in "`~" and (fence := FENCE.match(text, first, end)) is not None:
            self._close(place)
            self.fence = fence[1] or fence[2]
        elif sign == "#" and HEADING.match(text, first, end):
            self._close(place)
            self.leaves.append(Leaf((Piece(first, end),)))
        elif sign == "<" and (html_end := _html_end(text, first, end, bool(self.paragraph))) is not None:
            self._close(place)
            self.html, self.html_end = [Piece(first, end)], html_end
            if html_end is not BLANK and html_end.search(text, first, end):
                self._close_html()
        elif _is_rule(text, first, end, under_text=goes_on):
            self._close(place)
        elif (entry := _entry(text, first, column, end, goes_on)) is not None:
            at, wide = entry
            self._open(place, indent + wide)
            self.is_empty_entry = at == end
            return None if at == end else Place(at, column + wide, place.matched + 1)
        elif sign in "!?=" and ADMONITION.match(text, first, end):
            self._open(place, indent + TAB)
            self.leaves.append(Leaf((Piece(first, end),)))
        elif sign == "[" and (note := FOOTNOTE.match(text, first, end)) is not None:
            self._open(place, TAB)
            return Place(note.end(), column + len(note[0]), place.matched + 1)
        else:
            if not self.paragraph:
                self._close(place)
            self.paragraph.append(Piece(first, end))
        return None

    def _blank(self, place: Place) -> None:
        """A blank line: it ends a paragraph, a quotation, and an entry in which nothing stands yet."""
        is_inside = place.matched == len(self.containers)
        self._close(place)
        if self.is_empty_entry and is_inside:
            self.containers.pop()
        self.is_empty_entry = False

    def _open(self, place: Place, container: int) -> None:
        self._close(place)
        self.containers.append(container)

    def _close(self, place: Place) -> None:
        """Ends the paragraph, and the containers that the line does not stand in."""
        self._close_paragraph()
        del self.containers[place.matched :]

    def _close_paragraph(self) -> None:
        """Ends the paragraph; a table is read line by line, since no code goes on in its next row."""
        if _is_table(self.text, self.paragraph):
            self.leaves += [Leaf((piece,)) for piece in self.paragraph]
        elif self.paragraph:
            self.leaves.append(Leaf(tuple(self.paragraph)))
        self.paragraph = []

    def _close_html(self) -> None:
        if self.html:
            self.leaves.append(Leaf(tuple(self.html), is_html=True))
        self.html, self.html_end = [], None


def _is_table(text: str, pieces: Sequence[Piece]) -> bool:
    """Whether a paragraph is a table: its second line is a rule with as many cells as the first."""
    if len(pieces) < 2 or not DELIMITERS.match(text, *pieces[1]):
        return False
    return _cells(text[slice(*pieces[0])]) == _cells(text[slice(*pieces[1])])


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


def _continued(text: str, start: int, end: int, containers: list[int]) -> Place:
    """How far the open containers go on in a line: the place behind them."""
    at, column = start, 0
    bare_end = start + len(text[start:end].rstrip(" \t"))
    for matched, container in enumerate(containers):
        if container == QUOTATION:
            first, to = _blanks(text, at, column, min(end, at + TAB))
            if to - column > 3 or first >= bare_end or text[first] != ">":
                return Place(at, column, matched)
            at, column = _behind_quotation(text, first, to, end)
        elif at >= bare_end:
            at, column = _blanks(text, at, column, end)
        else:
            first, to = _advanced(text, at, column, container)
            if to - column < container:
                return Place(at, column, matched)
            at, column = first, to
    return Place(at, column, len(containers))


def _behind_quotation(text: str, at: int, column: int, end: int) -> tuple[int, int]:
    """Place and column behind a ``>`` and the blank that belongs to it."""
    at, column = at + 1, column + 1
    return _advanced(text, at, column, 1) if at < end else (at, column)


def _is_rule(text: str, first: int, end: int, *, under_text: bool) -> bool:
    """Whether a line is a rule between paragraphs, or underlines a heading."""
    if under_text and UNDERLINE.match(text, first, end):
        return True
    return text[first] in "*-_" and RULE.match(text, first, end) is not None


def _closes(fence: str, text: str, place: Place, end: int) -> bool:
    """Whether a line closes a block of code."""
    first, column = _blanks(text, place.at, place.column, end)
    rest = text[first:end].rstrip(" \t")
    return column - place.column < TAB and len(rest) >= len(fence) and rest == fence[0] * len(rest)


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
