"""Splits the text of a pattern into tokens, each with its place in the text."""

from __future__ import annotations

from cnncalc.errors import DesignError, Problem
from cnncalc.language.limits import DECIMAL_CHARACTERS, PATTERN_CHARACTERS
from cnncalc.layers.keys import DecimalNumber
from cnncalc.records import NamedTuple
from cnncalc.source import visible
from cnncalc.units import MAX_DIGITS, too_many_digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cnncalc.source import Text


class Token(NamedTuple):
    """A token: its type, its value, and the offsets of its first character and of the one after its last.

    The types are ``word``, ``integer``, ``size``, ``decimal``, ``label`` and ``end``; the type of a mark such as ``->``
    or ``[`` is the mark.
    """

    type: str
    value: Any
    start: int
    end: int


_BLANKS = frozenset(" \t\r\n\f\v\u00a0")
_DIGITS = frozenset("0123456789")
_TIMES = frozenset("x\u00d7")
_WORD_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")
_MARKS = frozenset("[](){}|?*,:=/+-%<>")
_PAIRS = frozenset(("**", "//", "<=", ">=", "==", "!=", "->"))

_MODULE = r"(?:\.[^\W\d]\w{0,60}){1,9}(?=\()"
"""The rest of a name with dots, up to its parenthesis, as in ``nn.Conv2d(`` from the dot on."""
_QUOTED = r"""(['"])([\w.]{1,60})\1"""
"""A word in quotes."""
_ARROW = r"(?:[-=~|\u2013\u2014\u2212]+[ ]*>+|>+|[\u2190-\u21ff\u2794-\u27be\u27f0-\u27ff\u2900-\u297f\u2b00-\u2bff])"
"""An arrow in another form: ``=>``, ``-->``, or a character that shows an arrow."""
ARROW_HINT = "write '->'"


def arrow_at(text: str, at: int) -> str:
    """The arrow in another form than ``->`` that begins at an offset of a text; empty if there is none."""
    import re  # only for an invalid pattern: a valid one is scanned without regular expressions

    found = re.compile(_ARROW).match(text, at)
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

    def _error(self, code: str, message: str, start: int, end: int, hint: str | None = None) -> DesignError:
        """The error at a span of the text."""
        return DesignError([Problem(code, message, self.text.span(start, end), hint)])

    def tokens(self) -> list[Token]:
        """All tokens of the text, with an ``end`` token last."""
        value = self.text.value
        if len(value) > PATTERN_CHARACTERS:
            message = f"a pattern has at most {PATTERN_CHARACTERS:,} characters, but this one has {len(value):,}"
            raise self._error("limit", message, 0, 1)
        return self._scan(0, len(value), inside=False)

    def _scan(self, at: int, end: int, *, inside: bool) -> list[Token]:
        text = self.text.value
        found: list[Token] = []
        add = found.append
        while at < end:
            letter = text[at]
            if letter in _BLANKS:
                at += 1
                continue
            if letter in _DIGITS or (letter == "." and text[at + 1 : min(at + 2, end)] in _DIGITS):
                token = self._number(at, end)
            elif letter in _WORD_LETTERS or (letter.isalnum() and not letter.isdecimal()):
                stop = _word_end(text, at, end)
                token = Token("word", text[at:stop], at, stop)
            elif letter == "\u2192":
                token = Token("->", "->", at, at + 1)
            elif text[at : min(at + 2, end)] in _PAIRS:
                mark = text[at : at + 2]
                token = Token(mark, mark, at, at + 2)
            elif letter in _MARKS:
                token = Token(letter, letter, at, at + 1)
            elif letter == "@":
                if inside:
                    raise self._error("pattern-syntax", "'@' is not allowed in an expression", at, at + 1)
                token = self._label(at)
            elif letter == "#":
                self._require_comment(at, inside=inside)
                line_end = text.find("\n", at, end)
                at = end if line_end < 0 else line_end
                continue
            else:
                raise self._wrong_character(at)
            add(token)
            at = token.end
        add(Token("end", None, end, end))
        return found

    def _require_comment(self, at: int, *, inside: bool) -> None:
        """Raises DesignError for a '#' that does not begin a comment."""
        text = self.text.value
        if inside or not self.comments:
            raise self._error("pattern-syntax", "'#' is not allowed in a name or a value", at, at + 1)
        if at and not text[at - 1].isspace():
            message = "'#' is not allowed in a name, and a comment needs a blank before its '#'"
            raise self._error("pattern-syntax", message, at, at + 1)
        if self.text.folded:
            raise self._error(
                "folded-comment",
                "YAML folded this pattern into one line, so '#' would comment out the rest",
                at,
                at + 1,
                "write the pattern as a block: 'layers: |' and the pattern on the next lines",
            )

    def _number(self, at: int, end: int) -> Token:
        """integer = digits; size = digits "x" digits { "x" digits }; decimal = digits with a point or an exponent"""
        text = self.text.value
        stop = _digits_end(text, at, end)
        point = stop < end and text[stop] == "."
        if point:
            stop = _digits_end(text, stop + 1, end)
        exponent = _exponent_end(text, stop, end)
        if point or exponent > stop:
            return self._decimal(text[at:exponent], at, exponent)
        size = _sizes_end(text, stop, end, _TIMES)
        if size > stop:
            return Token("size", self._size(text[at:size], at), at, size)
        return Token("integer", self._integer(text[at:stop], at), at, stop)

    def _wrong_character(self, at: int) -> DesignError:
        """The error for a character that begins no token."""
        arrow = arrow_at(self.text.value, at)
        if arrow:
            return self._error("pattern-syntax", wrong_arrow(arrow), at, at + len(arrow), ARROW_HINT)
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
        import re

        module = re.compile(_MODULE).match(self.text.value, at)
        quoted = re.compile(_QUOTED).match(self.text.value, at)
        if module is not None:
            hint = f"write the layer without its module: {module[0].rpartition('.')[2]}"
        elif quoted is not None:
            hint = f"write it without quotes: {quoted[2]}"
        message = f"{what} is not allowed in a pattern: '{visible(character)}'"
        return self._error("pattern-syntax", message, at, at + 1, hint)

    def _integer(self, digits: str, at: int) -> int:
        if len(digits) > MAX_DIGITS:
            raise self._error("limit", too_many_digits(len(digits)), at, at + len(digits))
        if digits[0] == "0" and len(digits) > 1:
            plain = digits.lstrip("0") or "0"
            message = f"a number cannot begin with 0: '{digits}'"
            raise self._error("number", message, at, at + len(digits), f"write {plain}")
        return int(digits)

    def _size(self, text: str, at: int) -> list[int]:
        parts = []
        for part in text.replace("\u00d7", "x").split("x"):
            parts.append(self._integer(part, at))
            at += len(part) + 1
        return parts

    def _decimal(self, text: str, at: int, stop: int) -> Token:
        value = DecimalNumber(text)
        if value == float("inf") or len(text) > DECIMAL_CHARACTERS:
            raise self._error(
                "number", f"a decimal number has at most {DECIMAL_CHARACTERS} characters and is finite", at, stop
            )
        return Token("decimal", value, at, stop)

    def _label(self, at: int) -> Token:
        """label = "@" name characters, in which braces hold an expression"""
        text, stop = self.text.value, at + 1
        parts: list[str | list[Token]] = []
        while True:
            piece = _name_end(text, stop)
            if piece > stop:
                parts.append(text[stop:piece])
                stop = piece
            elif text[stop : stop + 1] == "{":
                close = text.find("}", stop)
                if close < 0:
                    raise self._error("pattern-syntax", "this '{' is never closed", stop, stop + 1)
                parts.append(self._scan(stop + 1, close, inside=True))
                stop = close + 1
            else:
                break
        if not parts:
            message = "a name must follow '@': letters, digits, '_', '-', '.' or '/'"
            raise self._error("pattern-syntax", message, at, at + 1)
        return Token("label", parts, at, stop)


def _digits_end(text: str, at: int, end: int) -> int:
    while at < end and text[at] in _DIGITS:
        at += 1
    return at


def _exponent_end(text: str, at: int, end: int) -> int:
    """The end of an exponent such as ``e-3``; ``at`` if there is none."""
    if at < end and text[at] in "eE":
        digits = at + 1 + (text[at + 1 : at + 2] in ("+", "-"))
        stop = _digits_end(text, digits, end)
        if stop > digits:
            return stop
    return at


def _sizes_end(text: str, at: int, end: int, marks: frozenset[str]) -> int:
    """The end of further sizes, each after one of the marks, as ``x3x3`` in ``3x3x3``; ``at`` if there are none."""
    while at < end and text[at] in marks:
        stop = _digits_end(text, at + 1, end)
        if stop == at + 1:
            break
        at = stop
    return at


def _word_end(text: str, at: int, end: int) -> int:
    """The end of a word: letters, digits, ``_``, and sizes after a multiplication sign, as in CONV3\u00d73."""
    while at < end and (text[at] in _WORD_LETTERS or text[at].isalnum()):
        at += 1
    return _sizes_end(text, at, end, frozenset("\u00d7"))


def _name_end(text: str, at: int) -> int:
    """The end of the characters of a name: those of a word, ``.``, ``/``, and a ``-`` that does not begin ``->``."""
    while at < len(text):
        letter = text[at]
        if not (letter in _WORD_LETTERS or letter in "./" or letter.isalnum()):
            if letter != "-" or text[at + 1 : at + 2] == ">":
                break
        at += 1
    return at
