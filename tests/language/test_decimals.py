"""Decimals in expressions are exact rational numbers; a size must be a whole number."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cnncalc
from cnncalc import ValueProblem
from cnncalc.language.assignment import variable
from cnncalc.language.expression import ExpressionParser, evaluate
from cnncalc.language.tokens import Scanner
from cnncalc.source import plain
from tests.random_nets import examples


def value(text: str, **names: Any) -> Any:
    """The value of an expression."""
    source = plain("text", text)
    return evaluate(ExpressionParser(source, Scanner(source).tokens()).parse(), names)


def number(text: str) -> Fraction:
    """The value of an expression as a fraction, whatever its type."""
    found = value(text)
    return Fraction(found.text if isinstance(found, float) else found)  # type: ignore[attr-defined]


DECIMALS = st.decimals(-1000, 1000, places=3).map(str)


@given(DECIMALS, DECIMALS, st.sampled_from(["+", "-", "*", "//", "%", "<", "==", "<="]))
@examples(200)
def test_operators_agree_with_fractions(left: str, right: str, sign: str) -> None:
    """Python's own fractions are the oracle."""
    names = {"a": Fraction(left), "b": Fraction(right)}
    if sign in ("//", "%") and not names["b"]:
        with pytest.raises(ValueProblem, match="division by zero"):
            value(f"({left}) {sign} ({right})")
        return
    expected = eval(f"a {sign} b", names)  # noqa: S307  # a sign of the list above

    assert value(f"({left}) {sign} ({right})") == expected


@given(DECIMALS)
@examples(300)
def test_rounding(text: str) -> None:
    exact = Fraction(text)

    assert value(f"floor({text})") == floor(exact)
    assert value(f"ceil({text})") == ceil(exact)
    assert value(f"round({text})") == floor(exact + Fraction(1, 2))


@given(st.integers(1, 4000), st.integers(1, 200), st.integers(1, 64))
@examples(200)
def test_make_divisible_agrees_with_that_of_the_mobilenets(base: int, hundredths: int, divisor: int) -> None:
    """As in TensorFlow's and torchvision's MobileNets: at least the divisor, and not more than 10 % below."""
    wanted = Fraction(base * hundredths, 100)
    found = max(divisor, int(wanted + Fraction(divisor, 2)) // divisor * divisor)
    if found < Fraction(9, 10) * wanted:
        found += divisor

    assert value(f"make_divisible({base}*{hundredths}*0.01, {divisor})") == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1 + 0.2", "0.3"),
        ("3 * 0.1 == 0.3", "1"),
        ("64.0", "64"),
        ("10 * 0.5", "5"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-2"),
        ("-7.5 // 2", "-4"),
        ("-7.5 % 2", "0.5"),
        ("2**-2", "0.25"),
        ("1.5**2", "2.25"),
        ("min(0.5, 0.25)", "0.25"),
        ("max([0.5, 2])", "2"),
        ("1e-5 * 10**5", "1"),
        (".5 + 5.", "5.5"),
        ("1E2", "100"),
        ("3 * 3**-1", "1"),
        ("make_divisible(20)", "24"),
        ("make_divisible(3)", "8"),
        ("make_divisible(33.6, 8)", "32"),
        ("make_divisible(35, d=4)", "36"),
        ("make_divisible(10, 9)", "9"),  # 0.9 of 10 is not below 0.9 of 10
    ],
)
def test_values(text: str, expected: str) -> None:
    assert number(text) == Fraction(expected)


@pytest.mark.parametrize("text", ["64.0", "10*0.5", "round(4.6)", "1e1", "2.5 // 1", "8 * 0.5**2"])
def test_a_whole_result_is_an_integer(text: str) -> None:
    assert type(value(text)) is int


def test_names_of_functions_may_also_be_variables_and_values_of_keys() -> None:
    assert value("floor + ceil", floor=2, ceil=3) == 5
    net = "INPUT 8x8x3 -> POOL3/2(round=how) -> FC-{floor}"
    report = cnncalc.analyze(net, variables={"how": "ceil", "floor": 7})

    assert [str(row.output) for row in report.layers] == ["[8x8x3]", "[4x4x3]", "[1x1x7]"]


@pytest.mark.parametrize(("text", "expected"), [("0.5", "0.5"), ("-0.5", "-1/2"), ("1e-3", "0.001"), ("8.0", "8")])
def test_set_takes_decimals(text: str, expected: str) -> None:
    found = variable("w", text)

    assert Fraction(str(getattr(found, "text", found))) == Fraction(expected)


def test_set_takes_lists_of_decimals() -> None:
    widths = variable("widths", "[0.5, 1.0, 0.25]")
    report = cnncalc.analyze("INPUT 8x8x3 -> [CONV1-{round(w*30)}]*widths as w", variables={"widths": widths})

    assert [row.output.depth for row in report.layers] == [3, 15, 30, 8]


NET = """
variables: {w: 0.35, widths: [0.5, "{w*2}", 32.0]}
blocks:
  body(m, rate=0.5): CONV3-{make_divisible(64*m)} -> DROPOUT(rate)
layers:
  - input: 8x8x3
  - body(w)
  - body: {m: 0.5, rate: 0.1}
  - "[CONV1-{ceil(8*m)}]*widths as m"
  - lrelu: {slope: "{w*2}"}
  - fc: {units: "{w*100}"}
"""


def test_decimals_in_a_file() -> None:
    """64*0.35 = 22.4 gives 24; 64*0.5 = 32; 8*0.5, 8*0.7 = 5.6 and 8*32; slope 0.7; 35 units."""
    graph = cnncalc.load("-", stdin=NET)
    report = cnncalc.analyze(graph)

    assert [row.label for row in report.layers] == [
        *("INPUT", "CONV3-24", "DROPOUT", "CONV3-32", "DROPOUT(0.1)", "CONV1-4", "CONV1-6", "CONV1-256"),
        *("LRELU(0.7)", "FC-35"),
    ]
    assert vars(report.layer("lrelu1").layer)["slope"] == 0.7


def test_the_written_text_reads_back_as_the_same_net() -> None:
    from cnncalc.language.writer import as_pattern, as_yaml

    report = cnncalc.analyze("-", stdin=NET)
    for text in (as_pattern(report.resolved), as_yaml(report.resolved)):
        again = cnncalc.analyze("-", stdin=text)
        assert [(row.name, row.layer) for row in again.layers] == [(row.name, row.layer) for row in report.layers]


def test_a_third_is_exact_until_a_key_takes_a_float() -> None:
    report = cnncalc.analyze("INPUT 8x8x3 -> DROPOUT({3**-1}) -> FC-{99 * 3**-1}")

    assert vars(report.layers[1].layer)["rate"] == 1 / 3
    assert report.layers[2].label == "FC-33"


def test_a_volume_times_a_decimal() -> None:
    report = cnncalc.analyze("INPUT 8x8x12 -> CONV1-{round(depth*0.3)} -> FC-{ceil(height*0.3)}")

    assert [row.output.depth for row in report.layers] == [12, 4, 3]


@pytest.mark.parametrize("width", [0.5, Fraction(1, 2), Decimal("0.5"), variable("w", "0.5"), np.float64(0.5)])
def test_python_takes_decimals(width: Any) -> None:
    assert cnncalc.analyze("INPUT 8x8x3 -> FC-{30*w}", variables={"w": width}).layers[-1].output.depth == 15


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), {"a": 1}, None, [1, {}], 1j])
def test_python_refuses_values_that_are_not_numbers(wrong: Any) -> None:
    with pytest.raises(ValueProblem, match="variables: w is a number, a word or a list of them, found"):
        cnncalc.load("INPUT 8x8x3 -> FC-{w}", variables={"w": wrong})


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "0.1**999999999", "(1 + 1e-9)**999999999", "1e-60**9"])
def test_a_huge_exponent_is_refused_at_once(text: str) -> None:
    with pytest.raises(cnncalc.DesignError, match=r"at most (64 digits|40 characters)"):
        cnncalc.load(f"INPUT 8x8x3 -> FC-{{2*({text})}}")


@pytest.mark.parametrize("call", ["round([2.5, 7])", "floor([3.7, 9])", "ceil([1.2])", "make_divisible([9, 4])"])
def test_functions_of_one_number_refuse_lists(call: str) -> None:
    with pytest.raises(ValueProblem, match="computes with numbers"):
        value(call)
    assert (value("min([3, 2])"), value("max([3, 2])")) == (2, 3)
