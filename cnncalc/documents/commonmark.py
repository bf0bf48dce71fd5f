"""CommonMark: the parts of a document that may hold HTML comments, and the comments within text.

A line is read from the left: the containers it is in (quotations, list items), then the block that it begins or
continues. The admonitions, tabs and footnotes of Python-Markdown and GitHub are containers too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from cnncalc.documents.lines import TAB, lines_of
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

QUOTATION = 0
"""The container of a quotation. That of a list item is its indent in columns."""

FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,}).*$")
HEADING = re.compile(r"#{1,6}(?:[ \t]|$)")
RULES = {sign: re.compile(rf"[{sign} \t]*") for sign in "*_-"}
"""What the rest of a line that is a rule consists of, by its first sign; it has three signs at least."""
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
"""The beginning and the end of each kind of HTML block; :data:`BLANK`: it ends before a blank line."""


class LineSegment(NamedTuple):
    """A part of a line, without the markers of its containers."""

    start: int
    end: int


# Blocks


class Leaf(NamedTuple):
    """A text that may hold comments: a paragraph, a row of a table, a heading, or a block of HTML."""

    segments: tuple[LineSegment, ...]
    is_html: bool = False


class Place(NamedTuple):
    """A place in a line: offset, column, and how many of the open containers it is in."""

    at: int
    column: int
    matched: int


class Blocks:
    """Reads a document line by line; tracks the open containers and the open paragraph, code or HTML block."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.leaves: list[Leaf] = []
        self.containers: list[int] = []
        self.paragraph: list[LineSegment] = []
        self.html: list[LineSegment] = []
        self.html_end: re.Pattern[str] | None = None
        self.fence = ""
        self.is_empty_entry = False
        self._other = ("", 0)  # a sign of rules, and the next character behind it that is neither the sign nor blank
        self._judged: tuple[LineSegment | None, bool] = (None, False)  # the second line of a paragraph: is it a table?

    def read(self) -> list[Leaf]:
        """The leaves that may hold comments, in the order of the text."""
        for start, end, _ in lines_of(self.text):
            place = _continued(self.text, start, end, self.containers)
            if self._continues_block(place, end):
                continue
            further: Place | None = place
            while further is not None:
                further = self._begin(further, end)
        self._close_paragraph()
        self._close_html()
        return self.leaves

    def _continues_block(self, place: Place, end: int) -> bool:
        """Whether the line belongs to an open block of code or HTML."""
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
        self.html.append(LineSegment(place.at, end))
        if self.html_end is not BLANK and self.html_end.search(self.text, place.at, end):
            self._close_html()
        return True

    def _begin(self, place: Place, end: int) -> Place | None:
        """Begins the block at a place; returns the place inside a container, or None if the line is done."""
        text = self.text
        first, column = _blanks(text, place.at, place.column, end)
        if first == end:
            self._blank(place)
            return None
        self.is_empty_entry = False
        is_text = bool(self.paragraph) and not self._is_table()
        if column - place.column >= TAB:
            if is_text:
                self.paragraph.append(LineSegment(first, end))
            else:
                self._close(place)
            return None
        is_continuation = is_text and place.matched == len(self.containers)
        if self._begin_leaf(place, first, end, is_continuation=is_continuation):
            return None
        begun = self._begin_container(place, first, column, end, is_continuation=is_continuation)
        if begun is False:
            if not self.paragraph:
                self._close(place)
            self.paragraph.append(LineSegment(first, end))
        return begun if isinstance(begun, Place) else None

    def _begin_leaf(self, place: Place, first: int, end: int, *, is_continuation: bool) -> bool:
        """Begins a block of code, a heading, a block of HTML or a rule; False if the line begins none of them."""
        text, sign = self.text, self.text[first]
        if sign in "`~" and (fence := FENCE.match(text, first, end)) is not None:
            self._close(place)
            self.fence = fence[1] or fence[2]
        elif sign == "#" and HEADING.match(text, first, end):
            self._close(place)
            self.leaves.append(Leaf((LineSegment(first, end),)))
        elif sign == "<" and (html_end := _html_end(text, first, end, bool(self.paragraph))) is not None:
            self._close(place)
            self.html, self.html_end = [LineSegment(first, end)], html_end
            if html_end is not BLANK and html_end.search(text, first, end):
                self._close_html()
        elif self._is_rule(first, end, under_text=is_continuation):
            self._close(place)
        else:
            return False
        return True

    def _begin_container(
        self, place: Place, first: int, column: int, end: int, *, is_continuation: bool
    ) -> Place | bool:
        """Opens a quotation, a list item, an admonition or a footnote.

        Returns the place inside it; True where the line holds nothing more, False where it begins no container.
        """
        text, sign, indent = self.text, self.text[first], column - place.column
        if sign == ">":
            self._open(place, QUOTATION)
            return Place(*_after_quotation(text, first, column, end), place.matched + 1)
        if (entry := _entry(text, first, column, end, is_continuation)) is not None:
            at, wide = entry
            self._open(place, indent + wide)
            self.is_empty_entry = at == end
            return True if at == end else Place(at, column + wide, place.matched + 1)
        if sign in "!?=" and ADMONITION.match(text, first, end):
            self._open(place, indent + TAB)
            self.leaves.append(Leaf((LineSegment(first, end),)))
            return True
        if sign == "[" and (note := FOOTNOTE.match(text, first, end)) is not None:
            self._open(place, TAB)
            return Place(note.end(), column + len(note[0]), place.matched + 1)
        return False

    def _blank(self, place: Place) -> None:
        """Reads a blank line, which ends a paragraph, a quotation and an empty list item."""
        is_inside = place.matched == len(self.containers)
        self._close(place)
        if self.is_empty_entry and is_inside:
            self.containers.pop()
        self.is_empty_entry = False

    def _open(self, place: Place, container: int) -> None:
        self._close(place)
        self.containers.append(container)

    def _close(self, place: Place) -> None:
        """Ends the paragraph and the containers that the line is not in."""
        self._close_paragraph()
        del self.containers[place.matched :]

    def _close_paragraph(self) -> None:
        """Ends the paragraph; each row of a table is a leaf, since a code span ends with its row."""
        if self._is_table():
            self.leaves += [Leaf((segment,)) for segment in self.paragraph]
        elif self.paragraph:
            self.leaves.append(Leaf(tuple(self.paragraph)))
        self.paragraph = []

    def _is_table(self) -> bool:
        """Whether the paragraph is a table, which its first two lines decide once."""
        if len(self.paragraph) < 2:
            return False
        if self._judged[0] is not self.paragraph[1]:
            self._judged = self.paragraph[1], _is_table(self.text, self.paragraph)
        return self._judged[1]

    def _is_rule(self, first: int, end: int, *, under_text: bool) -> bool:
        """Whether a line is a rule, or underlines a heading; linear also where the line is one list in another."""
        text, sign = self.text, self.text[first]
        if under_text and UNDERLINE.match(text, first, end):
            return True
        if sign not in RULES or (sign == self._other[0] and first < self._other[1]):
            return False
        found = RULES[sign].match(text, first, end)
        assert found is not None  # it matches nothing, too
        if found.end() < end:
            self._other = sign, found.end()
            return False
        return text.count(sign, first, end) >= 3

    def _close_html(self) -> None:
        if self.html:
            self.leaves.append(Leaf(tuple(self.html), is_html=True))
        self.html, self.html_end = [], None


def _is_table(text: str, segments: Sequence[LineSegment]) -> bool:
    """Whether a paragraph of at least two lines is a table: a delimiter row with as many cells as the first follows."""
    if not DELIMITERS.match(text, *segments[1]):
        return False
    return _cells(text[slice(*segments[0])]) == _cells(text[slice(*segments[1])])


def _cells(row: str) -> int:
    """The number of cells of a row."""
    row = row.strip().replace("\\|", "")
    return row.removeprefix("|").removesuffix("|").count("|") + 1


def _blanks(text: str, at: int, column: int, end: int) -> tuple[int, int]:
    """Offset and column of the first character that is not a blank."""
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
    """Offset and column after at most ``columns`` columns of blanks; part of a tab may be consumed."""
    target = column + columns
    while column < target and at < len(text) and text[at] in " \t":
        wide = TAB - column % TAB if text[at] == "\t" else 1
        if column + wide > target:
            return at, target
        at, column = at + 1, column + wide
    return at, column


def _continued(text: str, start: int, end: int, containers: list[int]) -> Place:
    """The place after the markers of the open containers that a line continues."""
    at, column = start, 0
    bare_end = start + len(text[start:end].rstrip(" \t"))
    for matched, container in enumerate(containers):
        if container == QUOTATION:
            first, to = _blanks(text, at, column, min(end, at + TAB))
            if to - column > 3 or first >= bare_end or text[first] != ">":
                return Place(at, column, matched)
            at, column = _after_quotation(text, first, to, end)
        elif at >= bare_end:
            at, column = _blanks(text, at, column, end)
        else:
            first, to = _advanced(text, at, column, container)
            if to - column < container:
                return Place(at, column, matched)
            at, column = first, to
    return Place(at, column, len(containers))


def _after_quotation(text: str, at: int, column: int, end: int) -> tuple[int, int]:
    """Offset and column after a ``>`` and its blank."""
    at, column = at + 1, column + 1
    return _advanced(text, at, column, 1) if at < end else (at, column)


def _closes(fence: str, text: str, place: Place, end: int) -> bool:
    """Whether a line closes a fenced code block."""
    first, column = _blanks(text, place.at, place.column, end)
    rest = text[first:end].rstrip(" \t")
    return column - place.column < TAB and len(rest) >= len(fence) and rest == fence[0] * len(rest)


def _html_end(text: str, first: int, end: int, in_paragraph: bool) -> re.Pattern[str] | None:
    """The end of the HTML block that begins here; None if none begins."""
    for begin, closing in HTML_BLOCKS:
        if begin.match(text, first, end):
            return closing
    if not in_paragraph:
        tag = TAG.match(text, first, end)
        if tag is not None and BLANK.match(text, tag.end(), end):
            return BLANK
    return None


def _entry(text: str, first: int, column: int, end: int, in_paragraph: bool) -> tuple[int, int] | None:
    """Offset of the content of a list item, and its column after the marker; None if no item begins here."""
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


# Inline comments


SIGN = re.compile(r"\\.|`+|<", re.S)
TICKS = re.compile(r"`+")


def inline_places(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each comment in a paragraph: outside of code spans, tags and links, and not escaped."""
    ends = _Ends(text)
    at = 0
    while (sign := SIGN.search(text, at)) is not None:
        start, at = sign.span()
        if sign[0][0] == "`":
            at = ends.of_code(start, len(sign[0])) or at
        elif sign[0] == "<" and text.startswith("<!--", start) and not text.startswith((">", "->"), start + 4):
            end = ends.after("-->", start + 4)
            if end:
                yield start, end
                at = end
        elif sign[0] == "<":
            at = ends.of_markup(start) or at


class _Ends:
    """Finds where inline code and HTML end; the searches over a whole text take linear time together."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._runs: dict[int, list[int]] = {}
        self._missing: set[str] = set()

    def of_code(self, start: int, length: int) -> int:
        """The end of a code span that begins with ``length`` backticks; 0 if it is never closed."""
        if not self._runs:
            for run in TICKS.finditer(self.text):
                self._runs.setdefault(len(run[0]), []).append(run.start())
        same = self._runs.get(length, [])
        place = bisect_right(same, start)
        return same[place] + length if place < len(same) else 0

    def of_markup(self, start: int) -> int:
        """The end of a tag, an autolink, an instruction, a CDATA section or a declaration; 0 if there is none."""
        text = self.text
        found = TAG.match(text, start) or AUTOLINK.match(text, start)
        if found is not None:
            return found.end()
        if text.startswith("<?", start):
            return self.after("?>", start)
        if text.startswith("<![CDATA[", start):
            return self.after("]]>", start)
        is_declaration = text.startswith("<!", start) and text[start + 2 : start + 3].isalpha()
        return self.after(">", start) if is_declaration else 0

    def after(self, what: str, at: int) -> int:
        """The end of the next ``what``, 0 if there is none."""
        if what in self._missing:
            return 0
        end = self.text.find(what, at)
        if end < 0:
            self._missing.add(what)
            return 0
        return end + len(what)
