"""Ranges of names: progressions, factors, lists, sizes of inputs, and what is wrong with others."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest

from cnncalc.errors import DesignError
from cnncalc.language.assignment import variable
from cnncalc.layers.keys import DecimalNumber
from cnncalc.search.ranges import number_of, point_at, point_text, points_of, read_range, read_ranges, value_of_range
from cnncalc.volume import Volume

BASE = Volume(224, 224, 3)

READ = {
    "width=8..64/8": "8 16 24 32 40 48 56 64",
    "width=8..11": "8 9 10 11",
    "width=8..20/5": "8 13 18",
    "w=0.25..2/x2": "0.25 0.5 1 2",
    "w=0.9..1.1/0.05": "0.9 0.95 1 1.05 1.1",
    "w=-1..1": "-1 0 1",
    "w=0.5, 0.75,1": "0.5 0.75 1",
    "width=64": "64",
    "stages=[2x64],[3x64, 4x8]": "[[2, 64]] [[3, 64], [4, 8]]",
    "act=relu,gelu": "relu gelu",
    "batch=1..64/x4": "1 4 16 64",
    "input=32..96/32": "32x32x3 64x64x3 96x96x3",
    "input=128x256..256x512/64": "128x256x3 192x384x3 256x512x3",
    "input=16x16x1..64x64x1/x2": "16x16x1 32x32x1 64x64x1",
    "input=9,10x11,3x4x5": "9x9x3 10x11x3 3x4x5",
}


@pytest.mark.parametrize(("text", "values"), READ.items())
def test_the_values_of_a_range(text: str, values: str) -> None:
    found = read_range(text, "--for", BASE)
    assert found.name == text.partition("=")[0]
    assert " ".join(map(value_of_range, found.values)).replace(", ", ",") == values.replace(", ", ",")


def test_each_value_equals_that_of_set() -> None:
    for text in ("w=0.1..0.9/0.1", "w=1..4", "w=[2x64],relu,0.5"):
        for value in read_range(text, "--for").values:
            assert variable("w", value_of_range(value)) == value


def test_a_range_of_many_values_costs_nothing() -> None:
    found = read_range("n=1..999999999999999999", "--vary")
    assert len(found.values) == 10**18 - 1
    assert found.values[-1] == 10**18 - 1
    assert found.values[3:5] == [4, 5]
    assert points_of([found, found]) == (10**18 - 1) ** 2


WRONG = {
    "w": (1, "expected NAME=LOW..HIGH or NAME=A,B,C"),
    "w=": (1, "expected NAME=LOW..HIGH or NAME=A,B,C"),
    "2=1..3": (1, "is not the name of a variable"),
    "w=8..4": (3, "the range is empty: its lower end 8 is above its upper end 4"),
    "w=8..": (3, "the upper end must be a number, found nothing"),
    "w=..8": (3, "the lower end must be a number, found nothing"),
    "w=a..8": (3, "the lower end must be a number, found 'a'"),
    "w=1..9/0": (3, "a step must be above 0"),
    "w=1..9/": (3, "expected a step or a factor"),
    "w=1..9/x1": (3, "a factor must be above 1"),
    "w=1..9/x1.000001": (3, "value 8 of this range has 40 decimal places or more"),
    "w=0..9/x2": (3, "must begin above 0"),
    "w=0.1..0.9": (3, "a range of decimals needs a step"),
    "w=1..9999999999999999999": (3, "a number has at most 18 digits, but this one has 19"),
    "input=8..9999999999999999999": (7, "a number has at most 18 digits, but this one has 19"),
    "w=1,,2": (5, "a value of the list is empty"),
    "w=1,2,1": (7, "1 is repeated in the list"),
    "batch=0..4": (7, "batch must be at least 1, found 0"),
    "batch=1.5..4": (7, "batch takes whole numbers"),
    "batch=1..8/1.5": (7, "batch takes whole numbers, found 1.5"),
    "batch=1..9/x1.5": (7, "batch takes whole numbers, but this range has 1.5"),
    "batch=a": (7, "a value of batch must be a number"),
    "input=3x5..9x15": (7, "need multiples of 3 as first sides, but the step gives others"),
    "input=3x5..9x16/3": (7, "both ends of a range of inputs need the same ratio of sides"),
    "input=8x8x1..16x16x3/8": (7, "the depth of the input is 1 at one end and 3 at the other"),
    "input=0..9": (7, "each side of an input must be at least 1"),
    "input=1x2x3x4": (7, "expected height x width, found 1x2x3x4"),
}


@pytest.mark.parametrize(("text", "place"), WRONG.items())
def test_a_wrong_range_is_refused_with_its_place(text: str, place: tuple[int, str]) -> None:
    with pytest.raises(DesignError) as error:
        read_range(text, "--for", BASE)
    (problem,) = error.value.every
    assert problem.span is not None
    assert (problem.code, problem.span.column) == ("wrong-range", place[0])
    assert place[1] in problem.message


def test_a_name_has_one_range() -> None:
    with pytest.raises(DesignError, match="'w' has two ranges"):
        read_ranges(["w=1..2", "w=3"], "--for")


def test_numbers_of_values() -> None:
    values = [7, DecimalNumber("0.30"), Fraction(1, 3), Volume(2, 3, 4), True, "same", [1, 2], None]
    assert [number_of(value) for value in values] == [7, Fraction(3, 10), Fraction(1, 3), 24, None, None, None, None]


def test_places_of_a_product_are_those_of_nested_loops() -> None:
    names, values = ("a", "b", "c"), ([1, 2], ["x", "y", "z"], [Volume(8, 8, 3)])
    expected = [dict(zip(names, each, strict=True)) for each in product(*values)]
    assert [point_at(names, values, place) for place in range(6)] == expected
    assert point_text(expected[4]) == "a=2, b=y, c=8x8x3"
