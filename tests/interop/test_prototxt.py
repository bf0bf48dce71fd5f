"""The text format of protocol buffers, read without a schema."""

from __future__ import annotations

import pytest

from cnncalc.errors import DesignError
from cnncalc.interop.prototxt import FIELDS, Message, parse
from cnncalc.source import Source


def read(text: str) -> Message:
    return parse(Source("net.prototxt", text))


def test_every_form_of_a_field_is_read() -> None:
    message = read(
        """
        # a comment
        name: "a" 'b\\n\\x41\\101'   size: 0x1F; octal: 010, list: [1, 2.5e1, -3]
        part { x: 1 }  part < x: 2 >  part: { x: 3 }  [ext.of/it]: WORD  parts: [{x: 4}, {x: 5}]
        on: true  off: 0  minus: - 2  half: .5f  large: inf
        """
    )
    assert message.text("name") == "ab\nAA"
    assert (message.integer("size"), message.integer("octal"), message.integer("minus")) == (31, 8, -2)
    assert message.numbers("list") == [1, 25, -3]
    assert [part.integer("x") for part in message.messages("part") + message.messages("parts")] == [1, 2, 3, 4, 5]
    assert (message.text("ext.of/it"), message.boolean("on"), message.boolean("off")) == ("WORD", True, False)
    assert (message.number("half"), message.number("large")) == (0.5, float("inf"))
    assert message.message("part").integers("x") == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a {\n  b: 1", 1, 1, "'}' is missing"),
        ("a: [1, 2", 1, 4, "']' is missing"),
        ("a:", 1, 3, "the end of the text"),
        ("a: 1\nb 2", 2, 3, "expected ':'"),
        ('"a": 1', 1, 1, "the name of a field"),
        ('a: "b\n"', 1, 4, "never closed"),
        ("a < b: 1 }", 1, 10, "the name of a field"),
        ("a: 1234567890123456789", 1, 4, "a number has at most 18 digits, but this one has 19"),
        ("a: 0x1234567890123456789", 1, 4, "a number has at most 18 digits, but this one has 19"),
        ("a: 1 \x00", 1, 6, "unexpected character"),
        ("a{" * 70, 1, 129, "64 deep"),
    ],
)
def test_a_fault_is_shown_at_its_place(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(DesignError) as caught:
        read(text)
    (problem,) = caught.value.every
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (line, column)
    assert words in problem.message


@pytest.mark.parametrize(
    ("text", "read_as"), [("a: x", "integers"), ("a {}", "texts"), ("a: 1.5", "integers"), ("a: 2", "boolean")]
)
def test_a_value_of_another_type_is_refused(text: str, read_as: str) -> None:
    with pytest.raises(DesignError, match="a: expected"):
        getattr(read(text), read_as)("a")


def test_the_number_of_fields_is_limited() -> None:
    with pytest.raises(DesignError, match="more than 100,000 fields"):
        read("a{}" * (FIELDS + 1))
