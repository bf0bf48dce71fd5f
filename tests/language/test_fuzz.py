"""Any text is read, or raises a DesignError whose positions lie inside the text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fuzz.designs import FILES, KEYS, PIECES
from benchmarks.fuzz.target import refused
from cnncalc import DesignError, ValueProblem, analyze, load
from cnncalc.analysis.report import account
from cnncalc.language.files import decode
from cnncalc.language.reading import read_design, read_pattern
from cnncalc.language.settings import Settings
from tests.random_nets import examples

pytestmark = pytest.mark.slow


def read(text: str, reader: Any = read_pattern, **options: Any) -> Any:
    """The report on a text, or its DesignError; any other exception fails the test."""
    try:
        result: Any = account(reader("<text>", text, Settings(**options)))
    except DesignError as error:
        result = error
    if isinstance(result, DesignError):
        refused(result)
        assert all(problem.span is None or problem.span.source.text == text for problem in result.problems)
    return result


@examples(100)
@given(st.lists(st.sampled_from((*PIECES, *KEYS)), max_size=14), st.sampled_from(("", " ")))
def test_random_tokens_are_read_or_refused(pieces: list[str], glue: str) -> None:
    text = glue.join(pieces)
    for reader in (read_pattern, read_design):
        read(text, reader)
    read("INPUT 8x8x4 -> " + text)


@examples(120)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for reader in (read_pattern, read_design):
        read(text, reader)


@examples(120)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        text = decode("<bytes>", data)
    except DesignError as error:
        str(error)
        return
    read(text, read_design)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@examples(80)
@given(VALUES)
def test_any_value_of_an_option_is_accepted_or_refused(value: Any) -> None:
    text = "INPUT 8x8x3 -> CONV-n -> CONV3-4(pad=p) -> POOL2?q -> DROPOUT(r) -> [RELU]*n as i -> FC"
    for options in (
        {"variables": {"n": value, "p": 1, "q": True, "r": 0.5}},
        {"variables": {"n": 2, "p": value, "q": True, "r": 0.5}},
        {"variables": {"n": 2, "p": 1, "q": value, "r": 0.5}},
        {"variables": {"n": 2, "p": 1, "q": True, "r": value}},
        {"variables": {"n": 2, "p": 1, "q": 1, "r": 0}, "input": value},
        {"variables": {"n": 2, "p": 1, "q": 1, "r": 0}, "optional": value},
        {"variables": {"n": 2, "p": 1, "q": 1, "r": 0}, "filters": value, "hidden": value, "classes": value},
    ):
        try:
            load(text, **options)
        except (DesignError, ValueProblem) as error:
            str(error)
    for more in ({"batch": value}, {"dtype": value}):
        try:
            analyze("INPUT 8x8x3 -> RELU", **more)
        except ValueProblem as error:
            str(error)


@pytest.mark.parametrize("text", FILES)
def test_the_texts_that_are_mutated_are_valid(text: str) -> None:
    assert not isinstance(read(text, read_design), DesignError)
