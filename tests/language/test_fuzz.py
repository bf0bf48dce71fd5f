"""Any text is read, or raises a DesignError whose positions lie inside the text."""

# ruff: noqa: E501  # pieces stand in rows

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncalc import DesignError, ValueProblem, analyze, load
from cnncalc.analysis.report import account
from cnncalc.language.files import decode
from cnncalc.language.reading import read_design, read_pattern
from cnncalc.language.settings import Settings
from cnncalc.language.writer import as_pattern, as_yaml
from tests.random_nets import examples, random_design

if TYPE_CHECKING:
    from cnncalc.errors import Problem

pytestmark = pytest.mark.slow

FILES = [
    "name: a\ninput: 9x11x3\nvariables: {n: 2, w: [3, 4], p: same}\ndefaults: {conv: {bias: no}}\nblocks:\n"
    "  C(kernel, filters, stride=1): CONV{kernel}-filters/stride(pad=p) -> BN -> RELU\n"
    "  unit(w, s=1, project=no): |\n    [ C3-w/s -> C1-{2*w} | [C1-{2*w}/s]?project ] -> ADD\n"
    "layers: |\n  C3-6 -> unit(3, 1, yes)@stage*n # twice\n  -> [CONV-{i+1}@c{i}]*w as i -> CONCAT(@stage.0.C1, @stage)\n",
    "input: 8x8x3\nlayers:\n  - conv: {name: a, filters: 4, kernel: [3, 1], pad: [1, 0]}\n  - relu\n  - pool: 2\n"
    "  - CONV3-4: [4x4x4]\n  - conv: {name: b, filters: 4, inputs: a, stride: 2, share: conv2}\n  - add: {inputs: [conv2, b]}\n"
    '  - "[RELU -> BN]*2"\n  - fc: {units: "{2*5}", trainable: no}\n',
    "title: 'x'\nsource: \"y\\t\"\nvariables:\n  stages: &s\n    - [1, 2]\n    - [3, 4]\n  other: *s\n"
    "layers: >\n  INPUT 8x8x2 -> [CONV3-w]*stages as n, w -> GAP ->\n  [FC-3(training_only=yes)@aux | FC]\n"
    "budget: {parameters: 4M, training_memory: {max: 8GiB, batch: 64}}\n",
]
PIECES = (
    *("INPUT", "INPUT 8x9x3", "CONV", "CONV3-4", "RELU", "POOL2", "FC", "BN", "ADD", "CONCAT", "MUL", "FROM", "DROPOUT"),
    *("SLICE(0)", "UPSAMPLE2", "DECONV2-3", "GN", "block", "x", "N", "depth", "i", "yes", "same", "if", "else", "not", "and"),
    *("->", "\u2192", "[", "]", "|", "?", "*", "(", ")", "{", "}", ",", "@", "@a", "@a.b", ":", "=", "-", "/", "//", "**", "%"),
    *("+", "<", "==", "as", "as i", "min", "1", "0", "2x3", "8x9x3", "999999999999999999", "1.5", "1e9", ".5", "01", "#", "\n"),
    *("inputs=", "share=a", "pad=", "kernel=0", "training_only=yes", "trainable=no", "transposed=yes", "\u00d7", "\u2014", "\x07", "\u4e2d", "'", '"'),
    *("layers:", "input:", "variables:", "blocks:", "defaults:", "- ", "conv: ", "{filters: 3}", "&a", "*a", "<<:", "!!str", "|", ">"),
)  # fmt: skip


def read(text: str, reader: Any = read_pattern, **options: Any) -> Any:
    """The report on a text, or its DesignError; any other exception fails the test."""
    try:
        result: Any = account(reader("<text>", text, Settings(**options)))
    except DesignError as error:
        result = error
    if isinstance(result, DesignError):
        assert result.problems, text
        assert str(result)
        for problem in result.problems:
            assert_well_placed(problem, text)
    return result


def assert_well_placed(problem: Problem, text: str) -> None:
    if problem.span is not None:
        assert problem.span.source.text == text
        assert 0 <= problem.span.start < problem.span.end <= len(text) + 1, (
            problem
        )  # one past the end: something is missing there
    lines = str(problem).splitlines()
    assert all(line.isprintable() for line in lines), lines
    if problem.span is not None:
        assert lines[3].split("|", 1)[1].strip(" ^") == "", lines
        assert "^" in lines[3], lines


def mutated(random: Random, text: str) -> str:
    """The text with a few characters or pieces removed, inserted, doubled or swapped."""
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(text) + 1)
        other = random.randrange(len(text) + 1)
        low, high = min(at, other), max(at, other)
        form = random.randint(0, 5)
        if form == 0:
            text = text[:at] + text[at + random.randint(1, 3) :]
        elif form == 1:
            text = text[:at] + random.choice(PIECES) + text[at:]
        elif form == 2:
            text = text[:at] + random.choice("[]{}()|?*@-/,:=# \n\t0123456789xX.'\"&!%") + text[at:]
        elif form == 3:
            text = text[:low] + text[high:]
        elif form == 4 and high - low < 200:
            text = text[:high] + text[low:high] + text[high:]
        else:
            piece = text[at : at + 5]
            text = text[:at] + text[at + 5 :]
            text = text[:other] + piece + text[other:]
    return text[:5000]


@examples(120)
@given(st.integers(0, 10**6))
def test_a_mutated_pattern_is_read_or_refused(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    read(mutated(random, random_design(seed, items=5).text))


@examples(120)
@given(st.integers(0, 10**6))
def test_a_mutated_file_is_read_or_refused(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    read(mutated(random, random.choice(FILES)), read_design)


@examples(100)
@given(st.lists(st.sampled_from(PIECES), max_size=14), st.sampled_from(("", " ")))
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


@examples(150)
@given(st.integers(0, 10**6))
def test_a_mutated_design_reads_back_from_the_output_of_show(seed: int) -> None:
    """A mutation that is still a design reads back from its own pattern and YAML."""
    random = Random(seed)  # noqa: S311
    report = read(mutated(random, random_design(seed, items=4).text))
    if isinstance(report, DesignError):
        return
    for write, reader in ((as_pattern, read_pattern), (as_yaml, read_design)):
        again = account(reader("<again>", write(report.resolved)))
        assert [(row.name, row.layer, row.inputs, row.output) for row in again.layers] == [
            (row.name, row.layer, row.inputs, row.output) for row in report.layers
        ]


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
