"""Reads the text format of protocol buffers without a schema, and records where in the text each field is.

The methods of :class:`Message` check the type of a value when a caller reads it: :meth:`Message.integer`,
:meth:`Message.text` and the like raise DesignError with the position if it has another type.
Source: "Text Format Language Specification", protobuf.dev.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.language.limits import DECIMAL_CHARACTERS, NESTING
from cnncalc.records import NamedTuple
from cnncalc.source import Source, Span
from cnncalc.units import MAX_DIGITS, too_many_digits

if TYPE_CHECKING:
    from collections.abc import Iterator

PROTOTXT_BYTES = 2 * 1024 * 1024
FIELDS = 100_000
"""The most fields of a text."""

_TOKEN = re.compile(
    r"[ \t\r\n\f\v]*(?:(?P<word>[A-Za-z_]\w*)"
    r"|(?P<number>(?:-[ \t]*)?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[fF]?|inf(?:inity)?\b|nan\b))"
    r"|(?P<string>\"[^\"\\\n]*(?:\\[^\n][^\"\\\n]*)*\"|'[^'\\\n]*(?:\\[^\n][^'\\\n]*)*')"
    r"|(?P<sign>[{}<>\[\]:,;])|(?P<comment>\#[^\n]*)|(?P<end>\Z))"
)
_BLANK = re.compile(r"[ \t\r\n\f\v]*")
_EXTENSION = re.compile(r"\[\s*([A-Za-z_][\w./\-]*)\s*\]")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_SEPARATORS = (",", ";")
_CLOSING = {"{": "}", "<": ">"}
_TRUE, _FALSE = ("true", "True", "t", "1"), ("false", "False", "f", "0")


class Field(NamedTuple):
    """One value of a field: a string, an integer, a float, a :class:`Word`, or a :class:`Message`."""

    value: Any
    start: int
    end: int


class Word(str):
    """A name without quotes: an enumeration value or a boolean."""

    __slots__ = ()


class Message:
    """The values of each field of a message, by the name of the field. ``start`` to ``end`` is its place in the text.

    A method that reads one value gives ``default`` if there is none. All of them raise DesignError if a value has
    another type, those that read one value also if there are several.
    """

    __slots__ = ("end", "fields", "source", "start", "used")

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.fields: dict[str, list[Field]] = {}
        self.start = start
        self.end = end
        self.used: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def all(self, name: str) -> list[Field]:
        """All values of a field."""
        self.used.add(name)
        return self.fields.get(name, [])

    def value(self, name: str) -> Any:
        """The value of a field, whatever its type; None if there is none."""
        self._once(name)
        found = self.all(name)
        return found[0].value if found else None

    def span(self, name: str | None = None) -> Span:
        """The position of the first value of a field, or, without a name, of the name before the message."""
        found = self.fields.get(name or "")
        return Span(self.source, found[0].start, found[0].end) if found else Span(self.source, self.start, self.end)

    def messages(self, name: str) -> list[Message]:
        """All messages of a repeated field."""
        return [self._read(name, field, Message, "a message in braces") for field in self.all(name)]

    def message(self, name: str) -> Message:
        """The message of a field, merged from all messages of a repeated one; an empty message if there is none."""
        found = self.messages(name)
        if len(found) == 1:
            return found[0]
        merged = Message(self.source, self.start, self.end)
        for part in found:
            for key, values in part.fields.items():
                merged.fields.setdefault(key, []).extend(values)
        return merged

    def texts(self, name: str) -> list[str]:
        """All strings of a repeated field, including words without quotes."""
        return [self._read(name, field, str, "a string in quotes") for field in self.all(name)]

    def text(self, name: str, default: str = "") -> str:
        """The string or word of a field."""
        self._once(name)
        found = self.texts(name)
        return found[-1] if found else default

    def integers(self, name: str) -> list[int]:
        """All integers of a repeated field."""
        return [self._integer(name, field) for field in self.all(name)]

    def integer(self, name: str, default: int = 0) -> int:
        """The integer of a field."""
        self._once(name)
        found = self.integers(name)
        return found[-1] if found else default

    def numbers(self, name: str) -> list[float]:
        """All numbers of a repeated field."""
        return [float(self._read(name, field, (int, float), "a number")) for field in self.all(name)]

    def number(self, name: str, default: float = 0.0) -> float:
        """The number of a field."""
        self._once(name)
        found = self.numbers(name)
        return found[-1] if found else default

    def boolean(self, name: str, default: bool = False) -> bool:
        """The boolean of a field."""
        self._once(name)
        for field in self.all(name):
            written = str(field.value)
            if written not in (*_TRUE, *_FALSE) or isinstance(field.value, Message):
                raise self._wrong(name, field, "true or false")
            return written in _TRUE
        return default

    def _once(self, name: str) -> None:
        """Raises DesignError, at the second value, if a field has several."""
        for field in self.fields.get(name, ())[1:2]:
            span = Span(self.source, field.start, field.end)
            raise DesignError([Problem("repeated-key", f"{name} has a value already", span)])

    def _integer(self, name: str, field: Field) -> int:
        value = field.value
        if isinstance(value, float) and abs(value) < 2**53 and value == int(value):
            return int(value)
        if not isinstance(value, int):
            raise self._wrong(name, field, "a whole number")
        return value

    def _read(self, name: str, field: Field, kind: Any, expected: str) -> Any:
        if not isinstance(field.value, kind):
            raise self._wrong(name, field, expected)
        return field.value

    def _wrong(self, name: str, field: Field, expected: str) -> DesignError:
        what = "a message" if isinstance(field.value, Message) else repr(field.value)[:60]
        span = Span(self.source, field.start, field.end)
        return DesignError([Problem("wrong-value", f"{name}: expected {expected}, found {what}", span)])


class _Token(NamedTuple):
    """A token. ``kind`` is ``word``, ``number``, ``string`` or ``end``, or for a sign the sign itself."""

    kind: str
    text: str
    start: int
    end: int


_END = _Token("end", "", 0, 0)


def parse(source: Source) -> Message:
    """Parses a text to a message. Raises DesignError with the position of the first error."""
    return _Parser(source).whole()


class _Parser:
    """A recursive-descent parser; ``token`` is the next token."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.at = 0
        self.count = 0
        self.token = _END
        self.advance()

    def whole(self) -> Message:
        """The whole text as a message."""
        top = Message(self.source, 0, min(1, len(self.source.text)))
        while self.token.kind != "end":
            self.field(top, 0)
        return top

    def field(self, message: Message, depth: int) -> None:
        """Reads one field of a message at a nesting depth."""
        name = self.name()
        self.count_one(name)
        values = message.fields.setdefault(name.text, [])
        has_colon = self.skip(":")
        if self.token.kind in _CLOSING:
            values.append(self.message(name, depth))
        elif not has_colon:
            raise self.fault(f"expected ':' or '{{' after {name.text[:60]}", self.token)
        elif self.token.kind == "[":
            self.list(values, name, depth)
        else:
            values.append(self.scalar(name))
        if self.token.kind in _SEPARATORS:
            self.advance()

    def message(self, name: _Token, depth: int) -> Field:
        """Reads a message in braces after its name."""
        if depth >= NESTING:
            raise self.fault(f"messages are nested more than {NESTING} deep", name, "limit")
        closing = _CLOSING[self.token.text]
        nested = Message(self.source, name.start, name.end)
        self.advance()
        while not self.skip(closing):
            if self.token.kind == "end":
                raise self.fault(f"the message is never closed: '{closing}' is missing", name)
            self.field(nested, depth + 1)
        return Field(nested, name.start, name.end)

    def list(self, values: list[Field], name: _Token, depth: int) -> None:
        """Reads a list of values or of messages: ``[1, 2]``."""
        opening = self.token
        self.advance()
        while not self.skip("]"):
            self.count_one(self.token)
            if self.token.kind == "end":
                raise self.fault("the list is never closed: ']' is missing", opening)
            is_message = self.token.kind in _CLOSING
            values.append(self.message(name, depth) if is_message else self.scalar(name))
            self.skip(",")

    def count_one(self, token: _Token) -> None:
        """Counts a field or a value of a list."""
        self.count += 1
        if self.count > FIELDS:
            raise self.fault(f"the text has more than {FIELDS:,} fields", token, "limit")

    def skip(self, sign: str) -> bool:
        """Skips a sign if it is the next token; returns whether it was."""
        if self.token.kind != sign:
            return False
        self.advance()
        return True

    def name(self) -> _Token:
        """Reads the name of a field or, in brackets, of an extension."""
        token = self.token
        if token.kind == "[":
            match = _EXTENSION.match(self.source.text, token.start)
            if match is not None:
                self.at = match.end()
                self.advance()
                return _Token("word", match[1], token.start, match.end())
        if token.kind != "word":
            found = "the end of the text" if token.kind == "end" else f"'{token.text[:60]}'"
            raise self.fault(f"expected the name of a field, found {found}", token)
        self.advance()
        return token

    def scalar(self, name: _Token) -> Field:
        """Reads a string, a number or a word."""
        token = self.token
        if token.kind == "string":
            return self.string()
        if token.kind == "number":
            value: int | float | Word = self.number(token)
        elif token.kind == "word":
            value = float(token.text) if token.text.lower() in ("inf", "infinity", "nan") else Word(token.text)
        else:
            found = "the end of the text" if token.kind == "end" else f"'{token.text[:60]}'"
            raise self.fault(f"expected the value of {name.text[:60]}, found {found}", token)
        self.advance()
        return Field(value, token.start, token.end)

    def number(self, token: _Token) -> int | float:
        """The number of a token: decimal, hexadecimal or octal."""
        text = token.text.replace(" ", "").replace("\t", "")
        digits = text.lstrip("-")
        is_hex = digits[:2].lower() == "0x"
        if is_hex:
            digits = digits[2:]
        is_whole = is_hex or digits.isdigit()
        most = MAX_DIGITS if is_whole else DECIMAL_CHARACTERS
        if len(digits) > most:
            message = too_many_digits(len(digits)) if is_whole else f"a number has at most {most} characters"
            raise self.fault(message, token, "limit")
        if not is_whole:
            return float(text if digits[0] in "in" else text.rstrip("fF"))
        if is_hex:
            return int(text, 16)
        is_octal = digits[0] == "0" and set(digits) <= set("01234567")
        return int(text, 8 if is_octal else 10)

    def string(self) -> Field:
        """Reads a string; successive literals are concatenated."""
        start, pieces = self.token.start, []
        end = start
        while self.token.kind == "string":
            pieces.append(_ESCAPE.sub(_character, self.token.text[1:-1]))
            end = self.token.end
            self.advance()
        return Field("".join(pieces), start, end)

    def advance(self) -> None:
        """Moves to the next token."""
        text = self.source.text
        match = _TOKEN.match(text, self.at)
        while match is not None and match.lastgroup == "comment":
            self.at = match.end()
            match = _TOKEN.match(text, self.at)
        if match is not None:
            kind = match.lastgroup
            assert kind is not None
            start, self.at = match.span(kind)
            found = text[start : self.at]
            self.token = _Token(found if kind == "sign" else kind, found, start, self.at)
            return
        blank = _BLANK.match(text, self.at)
        at = blank.end() if blank else self.at
        what = "the string is never closed" if text[at] in "\"'" else f"unexpected character {text[at]!r}"
        raise self.fault(what, _Token("", text[at], at, at + 1))

    def fault(self, message: str, token: _Token, code: str = "syntax") -> DesignError:
        """A DesignError at the position of a token."""
        return DesignError([Problem(code, message, Span(self.source, token.start, max(token.end, token.start + 1)))])


def _character(match: re.Match[str]) -> str:
    """The character of an escape sequence."""
    escape = match[1]
    if escape[0] in "xuU" and len(escape) > 1:
        number = int(escape[1:], 16)
        return chr(number) if number < 0x110000 else "\ufffd"
    if escape[0] in "01234567":
        return chr(int(escape, 8))
    return _ESCAPES.get(escape, escape)


def unread(message: Message, names: frozenset[str]) -> Iterator[tuple[str, Span]]:
    """Names and positions of the fields that were never read, except those with the given names."""
    for name in message.fields:
        if name not in message.used and name not in names:
            yield name, message.span(name)
