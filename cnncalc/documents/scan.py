"""The markers of a document: a syntax finds the comments, which are read and paired here."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from cnncalc.documents import SYNTAXES
from cnncalc.documents.marker import Marker
from cnncalc.errors import DesignError, Problem, Problems, ValueProblem, did_you_mean, in_text_order
from cnncalc.records import NamedTuple
from cnncalc.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Collection

    from cnncalc.documents import Syntax
    from cnncalc.documents.marker import Comment

NAME = "cnncalc"
SPELLING = re.compile(
    r"\s*(?:(?P<slash>/)\s*)?(?P<word>[A-Za-z]+(?:[-_][A-Za-z]+)?)(?P<colon>[:\uff1a]?)(?!:)\s*(?P<rest>(?:\S.*)?)",
    re.S,
)
"""A comment, without blanks at its end, that may be a marker: ``cnncalc: CALL`` or ``/cnncalc``."""

MAX_CALL = 128 * 1024
"""The most characters of a call; Linux takes as many in a word of a command line."""

LIKENESS = 0.75
"""Minimum difflib ratio of a misspelt ``cnncalc``."""


class Scan(NamedTuple):
    """The markers of a document and the problems with them; no markers if the problems are too many."""

    source: Source
    markers: tuple[Marker, ...]
    problems: tuple[Problem, ...]


def source_of(name: str, text: str) -> Source:
    """The document as a source for messages, with single carriage returns replaced by line feeds."""
    return Source(name, re.sub("\r(?!\n)", "\n", text) if "\r" in text else text)


def scan(name: str, text: str, syntax: str, commands: Collection[str]) -> Scan:
    """The markers of a document called ``name``; ``commands`` are the allowed first words of calls."""
    return _Pairing(source_of(name, text), text, SYNTAXES[syntax], commands).scan()


def words_of(call: str) -> tuple[str, ...]:
    """The words of a call, split as by a POSIX shell; ValueProblem if that is impossible or the call is too long."""
    if len(call) > MAX_CALL:  # the time of shlex grows with the square of the length of a word
        raise ValueProblem(f"a call has at most {MAX_CALL:,} characters, but this one has {len(call):,}")
    try:
        return tuple(shlex.split(call))
    except ValueError as error:
        why = str(error)
        raise ValueProblem(f"the call cannot be split into words: {why[:1].lower()}{why[1:]}") from None


class _Pairing:
    """Reads the comments of a document in order and pairs them."""

    def __init__(self, source: Source, text: str, syntax: Syntax, commands: Collection[str]) -> None:
        self.source = source
        self.text = text
        self.syntax = syntax
        self.commands = commands
        self.problems = Problems()
        self.markers: list[Marker] = []
        self.open: tuple[Comment, Span] | None = None

    def scan(self) -> Scan:
        try:
            for comment in self.syntax.load().comments(self.text):
                self._read(comment)
            if self.open is not None:
                end = self.syntax.marker()[1]
                self._refuse("unclosed-marker", f"this marker is never closed: {end} is missing", self.open[1])
        except DesignError as error:  # too many problems: the rest is not read
            return Scan(self.source, (), error.every)
        return Scan(self.source, tuple(self.markers), tuple(in_text_order(self.problems)))

    def _refuse(self, code: str, message: str, span: Span, hint: str | None = None) -> None:
        self.problems.append(Problem(code, message, span, hint))

    def _read(self, comment: Comment) -> None:
        inner = self.text[comment.inner_start : comment.inner_end]
        found = SPELLING.fullmatch(inner.rstrip())
        if found is None:
            return
        span = self._span(comment)
        if found["word"] == NAME:
            if bool(found["slash"]) != bool(found["colon"]):
                self._check_place(comment)
            if found["slash"] and not found["colon"] and not found["rest"]:
                self._close(comment, span)
                return
            if not found["slash"] and found["colon"] == ":":
                at = comment.inner_start + found.start("rest")
                self._begin(comment, Span(self.source, at, at + max(1, len(found["rest"]))) if found["rest"] else span)
                return
        self._check_spelling(found, span)

    def _span(self, comment: Comment) -> Span:
        """The first line of a comment."""
        line_end = self.source.text.find("\n", comment.start, comment.end)
        return Span(self.source, comment.start, comment.end if line_end < 0 else line_end)

    def _check_spelling(self, found: re.Match[str], span: Span) -> None:
        """Reports a comment that looks like a misspelt marker."""
        from difflib import SequenceMatcher

        word = found["word"]
        first = found["rest"].split(None, 1)[0] if found["rest"] else ""
        has_colon = bool(found["colon"]) or (first[:1] in (":", "\uff1a") and first[:2] != "::")
        if SequenceMatcher(None, word.casefold(), NAME).ratio() < LIKENESS:
            return
        begin, end = self.syntax.marker()
        if found["slash"] or (self.open is not None and not found["colon"] and not found["rest"]):
            self._refuse("misspelt-marker", f"this looks like the end of a marker, which is written {end}", span)
        elif has_colon or first in self.commands:
            self._refuse("misspelt-marker", f"this looks like a marker, which is written {begin}", span)

    def _check_place(self, comment: Comment) -> None:
        """Reports a marker that shares its line, in a syntax whose comments end with the line."""
        if comment.before is None and not self.syntax.has_inline:
            message = "in this syntax a marker has to be alone on its line"
            self._refuse("marker-place", message, self._span(comment))

    def _begin(self, comment: Comment, span: Span) -> None:
        if self.open is not None:
            line = self.open[1].line
            message = f"a marker begins inside another one: that of line {line} is not closed"
            self._refuse("nested-marker", message, span)
        self.open = (comment, span)

    def _close(self, comment: Comment, span: Span) -> None:
        if self.open is None:
            begin = self.syntax.marker()[0]
            self._refuse("unopened-marker", f"this closes a marker, but none is open: one begins with {begin}", span)
            return
        (first, call_span), self.open = self.open, None
        call = self.text[call_span.start : call_span.end] if call_span.start >= first.inner_start else ""
        words = self._words(call, call_span)
        if words is None:
            return
        start, end, is_inline, newline = first.end, comment.start, True, "\n"
        if first.before is not None and comment.before is not None:
            line_end = self._line_end(first.end)
            if line_end <= comment.start:
                newline = self.text[self._bare_end(first.end) : line_end] or "\n"
                start, end, is_inline = line_end, comment.start - len(comment.before), False
        self.markers.append(Marker(call, words, call_span, start, end, is_inline, first.before or "", newline))

    def _words(self, call: str, span: Span) -> tuple[str, ...] | None:
        """The words of a call; None if it is wrong, which is reported."""
        try:
            words = words_of(call)
        except ValueProblem as problem:
            self._refuse("marker-syntax", problem.message, span)
            return None
        known = ", ".join(self.commands)
        if not words:
            begin = self.syntax.marker()[0]
            self._refuse("empty-marker", f"a marker needs a call: {begin}", span, f"the commands are {known}")
            return None
        if words[0] not in self.commands:
            near = did_you_mean(words[0], self.commands)
            message = f"a document cannot call '{words[0][:60]}'{near}"
            hint = None if near else f"the commands are {known}"
            if words[0] == NAME:
                hint = f"leave out the second '{NAME}'"
            self._refuse("unknown-command", message, span, hint)
            return None
        return words

    def _bare_end(self, offset: int) -> int:
        """The end of the line of an offset, before the line break."""
        found = re.compile(r"[\r\n]|\Z").search(self.text, offset)
        return found.start() if found else len(self.text)

    def _line_end(self, offset: int) -> int:
        """The end of the line of an offset, after the line break."""
        end = self._bare_end(offset)
        return end + (2 if self.text.startswith("\r\n", end) else 1) if end < len(self.text) else end
