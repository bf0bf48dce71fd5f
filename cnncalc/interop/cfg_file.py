"""Reads the text of a darknet file: sections in brackets, each with options, ``key=value``.

As in darknet, all blanks are removed, the first of repeated options is used, and text after the digits of a number is
ignored. Source: src/option_list.c, src/parser.c, src/utils.c of github.com/AlexeyAB/darknet.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.errors import DesignError, Problem
from cnncalc.records import NamedTuple
from cnncalc.source import Span
from cnncalc.units import MAX_DIGITS, too_many_digits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cnncalc.source import Source

CFG_BYTES = 2 * 1024 * 1024
SECTIONS = 20_000
"""The most sections of a file."""
MAX_NUMBERS = 10_000
"""The most numbers of a list."""

_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


class Option(NamedTuple):
    """The value of an option without blanks, and the offsets at which its line begins and ends."""

    value: str
    start: int
    end: int


class Section(NamedTuple):
    """A section: the name in its brackets, its position, and its options.

    The methods that read an option raise DesignError, with the position, for a value of another type.
    """

    name: str
    span: Span
    options: Mapping[str, Option]

    def __contains__(self, name: object) -> bool:
        return name in self.options

    def at(self, name: str) -> Span:
        """The position of an option, or of the section if it does not have the option."""
        option = self.options.get(name)
        return self.span if option is None else _line(self.span.source, option.start, option.end)

    def text(self, name: str, default: str = "") -> str:
        """The value of an option as text."""
        return self.options[name].value if name in self.options else default

    def integer(self, name: str, default: int) -> int:
        """The value of an option as a whole number."""
        if name not in self.options:
            return default
        match = _WHOLE.match(self.options[name].value)
        if match is None:
            raise self.wrong(name, "a whole number")
        return self._whole(name, match[0])

    def number(self, name: str, default: float) -> float:
        """The value of an option as a decimal number."""
        if name not in self.options:
            return default
        match = _NUMBER.match(self.options[name].value)
        if match is None:
            raise self.wrong(name, "a number")
        return float(match[0])

    def integers(self, name: str) -> list[int]:
        """The value of an option as a list of whole numbers separated by commas."""
        parts = [part for part in self.text(name).split(",", MAX_NUMBERS + 1) if part]
        if len(parts) > MAX_NUMBERS:
            message = f"[{self.name}] {name}: a list has at most {MAX_NUMBERS:,} numbers"
            raise _fault(self.at(name), message, "limit")
        found = [_WHOLE.match(part) for part in parts]
        if not found or not all(found):
            raise self.wrong(name, "whole numbers separated by commas")
        return [self._whole(name, match[0]) for match in found if match is not None]

    def _whole(self, name: str, digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            message = f"[{self.name}] {name}: {too_many_digits(len(digits))}"
            raise _fault(self.at(name), message, "limit")
        return int(digits)

    def wrong(self, name: str, expected: str) -> DesignError:
        """The error for an option whose value is not what is expected, or that is missing."""
        found = f"found '{self.text(name)[:60]}'" if name in self.options else "but it is missing"
        return DesignError(
            [Problem("wrong-value", f"[{self.name}] {name}: expected {expected}, {found}", self.at(name))]
        )


def read_sections(source: Source) -> list[Section]:
    """The sections of a text, in order; raises DesignError at the first syntax error."""
    sections: list[Section] = []
    options: dict[str, Option] = {}
    at = 0
    for line in source.text.splitlines(keepends=True):
        begin, at = at, at + len(line)
        text = "".join(line.split()).replace("\x00", "")
        if not text or text[0] in "#;":
            continue
        if text[0] == "[":
            span = _line(source, begin, at)
            if len(sections) >= SECTIONS:
                raise _fault(span, f"the file has more than {SECTIONS:,} sections", "limit")
            options = {}
            sections.append(Section(_name(text, span), span, options))
            continue
        key, equals, value = text.partition("=")
        if not equals:
            message = f"expected '[section]' or 'option=value', found '{text[:60]}'"
            raise _fault(_line(source, begin, at), message)
        if not sections:
            message = "an option before the first section; a file begins with [net]"
            raise _fault(_line(source, begin, at), message)
        if key not in options:
            options[key] = Option(value.partition("#")[0].partition(";")[0], begin, at)
    return sections


def _line(source: Source, begin: int, end: int) -> Span:
    """The position of a line without the blanks around it."""
    line = source.text[begin:end]
    start = begin + len(line) - len(line.lstrip())
    return Span(source, start, max(start + 1, begin + len(line.rstrip())))


def _name(text: str, span: Span) -> str:
    """The name in the brackets of a line without blanks."""
    name, bracket, rest = text[1:].partition("]")
    if not bracket or (rest and rest[0] not in "#;"):
        raise _fault(span, f"expected ']' at the end of '{text[:60]}'")
    return name


def _fault(span: Span, message: str, code: str = "syntax") -> DesignError:
    return DesignError([Problem(code, message, span)])
