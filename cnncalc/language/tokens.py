"""From the text of a pattern to tokens, each with its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.language.limits import DECIMAL_CHARACTERS, PATTERN_CHARACTERS
from cnncalc.layers.keys import DecimalNumber
from cnncalc.records import NamedTuple
from cnncalc.source import visible
from cnncalc.units import MAX_DIGITS

if TYPE_CHECKING:
    from cnncalc.source import Text


class Token(NamedTuple):
    """A token: its type, its value and its offsets in the text.

    Types: ``word``, ``integer``, ``size``, ``decimal``, ``label``, ``end``, and each mark as itself (``->``, ``[``).
    """

    type: str
    value: Any
    start: int
    end: int


_TOKEN = re.compile(
    r"""
      (?P<blank>[ \t\r\n\f\v\u00a0]+)
    | (?P<comment>\#[^\n]*)
    | (?P<arrow>->|\u2192)
    | (?P<word>[^\W\d]\w*(?:\u00d7[0-9]+)*)
    | (?P<decimal>[0-9]+\.[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)
    | (?P<size>[0-9]+(?:[x\u00d7][0-9]+)+)
    | (?P<integer>[0-9]+)
    | (?P<label>@)
    | (?P<mark>\*\*|//|<=|>=|==|!=|[\[\](){}|?*,:=/+\-%<>])
    """,
    re.VERBOSE,
)
_NAME_CHARACTERS = re.compile(r"(?:[\w./]|-(?!>))+")


_MODULE = re.compile(r"(?:\.[^\W\d]\w{0,60}){1,9}(?=\()")
"""The layers of a module in other tools, from the dot: nn.Conv2d."""
_QUOTED = re.compile(r"""(['"])([\w.]{1,60})\1""")
_ARROW = re.compile(
    r"(?:[-=~|\u2013\u2014\u2212]+[ ]*>+|>+|[\u2190-\u21ff\u2794-\u27be\u27f0-\u27ff\u2900-\u297f\u2b00-\u2bff])"
)
ARROW_HINT = "write '->'"


def arrow_at(text: str, at: int) -> str:
    """What is meant as an arrow at a place of a text; empty if nothing is."""
    found = _ARROW.match(text, at)
    return found[0] if found is not None and found[0] != "->" else ""


def wrong_arrow(arrow: str) -> str:
    """The message about an arrow in another form."""
    return f"an arrow is written '->', found '{visible(arrow)}'"


class Scanner:
    """Splits a text into tokens; raises DesignError at the first invalid character."""

    def __init__(self, text: Text, *, comments: bool = False) -> None:
        self.text = text
        self.comments = comments
        """Whether the text may hold comments, as a pattern may and a single name or value may not."""

    def problem(self, code: str, message: str, start: int, end: int, hint: str | None = None) -> DesignError:
        """The error for a span of the text."""
        return DesignError([Problem(code, message, self.text.span(start, end), hint)])

    def tokens(self) -> list[Token]:
        """All tokens of the text, with an ``end`` token last."""
        value = self.text.value
        if len(value) > PATTERN_CHARACTERS:
            message = f"a pattern has at most {PATTERN_CHARACTERS:,} characters, but this one has {len(value):,}"
            raise self.problem("limit", message, 0, 1)
        return self._scan(0, len(value), inside=False)

    def _scan(self, at: int, end: int, *, inside: bool) -> list[Token]:
        text = self.text.value
        found: list[Token] = []
        add = found.append
        match = _TOKEN.match
        while at < end:
            piece = match(text, at, end)
            if piece is None:
                self._refuse_character(at)
                raise AssertionError
            kind, stop = piece.lastgroup, piece.end()
            if kind == "blank":
                pass
            elif kind == "comment":
                if inside or not self.comments:
                    raise self.problem("pattern-syntax", "'#' is not allowed in a name or a value", at, at + 1)
                if at and not text[at - 1].isspace():
                    message = "'#' is not allowed in a name, and a comment needs a blank before its '#'"
                    raise self.problem("pattern-syntax", message, at, at + 1)
                if self.text.folded:
                    raise self.problem(
                        "folded-comment",
                        "YAML folded this pattern into one line, so '#' would comment out the rest",
                        at,
                        at + 1,
                        "write the pattern as a block: 'layers: |' and the pattern on the next lines",
                    )
            elif kind == "arrow":
                add(Token("->", "->", at, stop))
            elif kind == "word":
                add(Token("word", piece.group(), at, stop))
            elif kind == "integer":
                add(Token("integer", self._integer(piece.group(), at), at, stop))
            elif kind == "size":
                add(Token("size", self._size(piece.group(), at), at, stop))
            elif kind == "decimal":
                add(self._decimal(piece.group(), at, stop))
            elif kind == "label":
                if inside:
                    raise self.problem("pattern-syntax", "'@' is not allowed in an expression", at, stop)
                label = self._label(at)
                stop = label.end
                add(label)
            else:
                add(Token(piece.group(), piece.group(), at, stop))
            at = stop
        add(Token("end", None, end, end))
        return found

    def _refuse_character(self, at: int) -> None:
        arrow = arrow_at(self.text.value, at)
        if arrow:
            raise self.problem("pattern-syntax", wrong_arrow(arrow), at, at + len(arrow), ARROW_HINT)
        character = self.text.value[at]
        names = {
            "\u2013": "a dash",
            "\u2014": "a dash",
            "\u2212": "a typographic minus sign",
            "\u201c": "a typographic quote",
            "'": "a quote",
            '"': "a quote",
        }
        what = names.get(character, "a character")
        hint = "write '->' or '-'" if character in "\u2013\u2014\u2212" else None
        module = _MODULE.match(self.text.value, at)
        quoted = _QUOTED.match(self.text.value, at)
        if module is not None:
            hint = f"write the layer without its module: {module[0].rpartition('.')[2]}"
        elif quoted is not None:
            hint = f"write it without quotes: {quoted[2]}"
        message = f"{what} not allowed in a pattern: '{visible(character)}'"
        raise self.problem("pattern-syntax", message, at, at + 1, hint)

    def _integer(self, digits: str, at: int) -> int:
        if len(digits) > MAX_DIGITS:
            message = f"a number has at most {MAX_DIGITS} digits, but this one has {len(digits)}"
            raise self.problem("limit", message, at, at + len(digits))
        if digits[0] == "0" and len(digits) > 1:
            plain = digits.lstrip("0") or "0"
            message = f"a number cannot begin with 0: '{digits}'"
            raise self.problem("number", message, at, at + len(digits), f"write {plain}")
        return int(digits)

    def _size(self, text: str, at: int) -> list[int]:
        parts = []
        for part in re.split("[x\u00d7]", text):
            parts.append(self._integer(part, at))
            at += len(part) + 1
        return parts

    def _decimal(self, text: str, at: int, stop: int) -> Token:
        value = DecimalNumber(text)
        if value == float("inf") or len(text) > DECIMAL_CHARACTERS:
            raise self.problem(
                "number", f"a decimal number has at most {DECIMAL_CHARACTERS} characters and is finite", at, stop
            )
        return Token("decimal", value, at, stop)

    def _label(self, at: int) -> Token:
        """label = "@" name characters, in which braces hold an expression"""
        text, stop = self.text.value, at + 1
        parts: list[str | list[Token]] = []
        while True:
            piece = _NAME_CHARACTERS.match(text, stop)
            if piece is not None:
                parts.append(piece.group())
                stop = piece.end()
            elif text[stop : stop + 1] == "{":
                close = text.find("}", stop)
                if close < 0:
                    raise self.problem("pattern-syntax", "this '{' is never closed", stop, stop + 1)
                parts.append(self._scan(stop + 1, close, inside=True))
                stop = close + 1
            else:
                break
        if not parts:
            message = "a name must follow '@': letters, digits, '_', '-', '.' or '/'"
            raise self.problem("pattern-syntax", message, at, at + 1)
        return Token("label", parts, at, stop)
