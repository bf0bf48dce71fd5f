"""Points of a search: products, samples, lists from CSV files, and conditions."""

from __future__ import annotations

from collections import Counter
from itertools import islice, product
from typing import TYPE_CHECKING

import pytest

from cnncalc.errors import CnncalcError, DesignError, ValueProblem
from cnncalc.search.points import MOST_POINTS, Listed, Points, Product, Sample, permutation
from cnncalc.search.ranges import read_ranges, value_of_range
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from pathlib import Path

    from cnncalc.search.family import Point

RANGES = read_ranges(["w=8..32/8", "act=relu,gelu", "stages=[2x64],[3x64]"], "--vary")
HUGE = read_ranges(["a=1..1000000000000000", "b=1..1000000000000000", "c=0.5,1"], "--vary")


def texts(point: Point) -> tuple[str, ...]:
    """The values of a point as a call writes them."""
    return tuple(map(value_of_range, point.values()))


def test_product_is_in_the_order_of_the_ranges() -> None:
    """The last one varies quickest."""
    found = [texts(point) for point in Product(RANGES)]
    assert found == list(product(["8", "16", "24", "32"], ["relu", "gelu"], ["[[2, 64]]", "[[3, 64]]"]))
    assert [texts(Product(RANGES).point(place)) for place in (0, 5, 15)] == [found[0], found[5], found[15]]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 1000, 4097])
def test_permutation_has_each_number_once(size: int) -> None:
    found = list(permutation(size, 3))
    assert sorted(found) == list(range(size))
    assert found == list(permutation(size, 3))
    if size > 100:
        assert found != list(permutation(size, 4))
        assert found[:50] != sorted(found[:50])


def test_permutation_of_a_huge_range_is_spread() -> None:
    """Of 1,000 numbers below 10^60 about a tenth is in each tenth."""
    found = list(islice(permutation(10**60, "seed"), 1000))
    assert len(set(found)) == 1000
    assert all(60 < count < 140 for count in Counter(number // 10**59 for number in found).values())


def test_random_sample_has_distinct_points_and_a_seed() -> None:
    every = list(map(texts, Product(RANGES)))
    sample = list(map(texts, Points(Product(RANGES, Sample(10, seed=1)))))
    assert len(set(sample)) == 10
    assert set(sample) <= set(every)
    assert sample == list(map(texts, Points(Product(RANGES, Sample(10, seed=1)))))
    assert sample != list(map(texts, Points(Product(RANGES, Sample(10, seed=2)))))
    assert sample[:4] == list(map(texts, Points(Product(RANGES, Sample(4, seed=1)))))
    assert sorted(map(texts, Points(Product(RANGES, Sample(1000))))) == sorted(every)


def test_random_sample_has_as_many_points_as_wanted_with_conditions() -> None:
    points = Points(Product(RANGES, Sample(6)), ["w <= 16"])
    found = list(points)
    assert len(found) == 6
    assert all(point["w"] <= 16 for point in found)
    assert points.excluded > 0


def test_a_sample_of_a_huge_product_is_quick() -> None:
    found = list(Points(Product(HUGE, Sample(20)), ["a < b"]))
    assert len({texts(point) for point in found}) == 20
    assert all(point["a"] < point["b"] for point in found)


def test_latin_hypercube_meets_each_part_of_each_range_once() -> None:
    """40 points of ranges with 40, 4 and 400 values: one in each fortieth, ten for each value."""
    ranges = read_ranges(["a=1..40", "b=1..4", "c=1..400"], "--vary")
    found = list(Product(ranges, Sample(40, "latin", 7)))
    assert sorted(point["a"] for point in found) == list(range(1, 41))
    assert Counter(point["b"] for point in found) == dict.fromkeys([1, 2, 3, 4], 10)
    assert sorted((point["c"] - 1) // 10 for point in found) == list(range(40))
    assert found == list(Product(ranges, Sample(40, "latin", 7)))
    assert found != list(Product(ranges, Sample(40, "latin", 8)))


def test_latin_hypercube_has_no_point_twice() -> None:
    ranges = read_ranges(["a=1..3", "b=1..3"], "--vary")
    found = [texts(point) for point in Product(ranges, Sample(30, "latin"))]
    assert len(found) == len(set(found)) <= 9


def test_a_product_that_is_too_large_is_refused_with_a_way_out() -> None:
    with pytest.raises(ValueProblem, match=r"10\^30 points together, more than 100,000,000") as error:
        Product(HUGE)
    assert error.value.hint == "draw some of them: --sample 10000 --seed 1"
    assert len(Product(HUGE, Sample(10_000, seed=1))) == 10_000
    assert len(Product(read_ranges([f"a=1..{MOST_POINTS}"], "--vary"))) == MOST_POINTS
    with pytest.raises(ValueProblem, match="the ranges have 100,000,001 points together"):
        Product(read_ranges([f"a=0..{MOST_POINTS}"], "--vary"))
    with pytest.raises(ValueProblem, match="a Latin hypercube has at most 1,000,000 points"):
        Product(HUGE, Sample(1_000_001, "latin"))


# Conditions


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        (["w > 16"], 8),
        (["w > 16", "act == relu"], 4),
        (["w % 16 == 0 and stages[0][0] == 2 or act == gelu"], 10),
        (["w*classes <= 160"], 8),
        (["not act == GELU"], 8),
        (["8 < w < 32"], 8),
    ],
)
def test_conditions_leave_points_out(conditions: list[str], left: int) -> None:
    points = Points(Product(RANGES), conditions, {"classes": 10})
    assert len(list(points)) == left
    assert points.excluded == 16 - left


def test_conditions_know_the_sides_of_an_input() -> None:
    ranges = read_ranges(["input=32..64/32", "n=1,2"], "--vary", Volume(16, 16, 3))
    assert [texts(point) for point in Points(Product(ranges), ["height*width > 1024*n and depth == 3"])] == [
        ("64x64x3", "1"),
        ("64x64x3", "2"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width > 3", "'width' has no value here (names: act, stages, w)"),
        ("stagse[0] == 1", "'stagse' has no value here; did you mean 'stages'?"),
        ("act == relo", "'relo' has no value here; did you mean 'relu'?"),
        ("w = 8", "expected an operator or the end of the condition, found '='"),
        ("w >", "expected a number or a name, found the end"),
        ("", "a condition is an expression, found nothing"),
        ("w 8", "expected an operator or the end of the condition, found '8'"),
        ("w", None),
        ("w + 1", None),
        ("act < 3", "'<' computes with numbers, found 'relu' (at w=8, act=relu, stages=[[2, 64]])"),
        ("w // (w - 24) > 0", "division by zero: 24 // 0 (at w=24, act=relu, stages=[[2, 64]])"),
        ("act", "a condition is yes or no, found 'relu' (at w=8, act=relu, stages=[[2, 64]])"),
    ],
)
def test_conditions_that_have_no_value(text: str, message: str | None) -> None:
    if message is None:
        assert len(list(Points(Product(RANGES), [text]))) == 16
        return
    with pytest.raises(DesignError) as error:
        list(Points(Product(RANGES), [text]))
    assert error.value.every[0].message == message
    assert error.value.every[0].span is not None
    assert error.value.every[0].span.source.name == "--where"


def test_conditions_that_hold_nowhere_are_an_error() -> None:
    with pytest.raises(ValueProblem, match="--where w > 99 holds for none of 16 points"):
        list(Points(Product(RANGES), ["w > 99"]))
    with pytest.raises(ValueProblem, match="holds for none of 16 points"):
        list(Points(Product(RANGES, Sample(3)), ["w > 99"]))


def test_a_sample_gives_up_when_conditions_hold_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnncalc.search.points._TRIES", 500)
    monkeypatch.setattr("cnncalc.search.points._TRIES_EACH", 10)
    with pytest.raises(ValueProblem, match="--where a < 0 holds for none of 531 points"):
        list(Points(Product(HUGE, Sample(3)), ["a < 0"]))


# Lists


def listed(folder: Path, text: str, base: Volume | None = None) -> Listed:
    """The points of a CSV file with this text."""
    path = folder / "points.csv"
    path.write_text(text, encoding="utf-8")
    return Listed(str(path), "points.csv", base)


def test_points_of_a_csv_file(tmp_path: Path) -> None:
    text = '\ufeff# mine\nw,act,stages,input,batch\n8,relu,"[2x64]",32,4\n\n0.5, gelu ,"[[3, 64], [4, 8]]",32x16,8\r\n'
    source = listed(tmp_path, text, Volume(224, 224, 3))
    assert source.names == ("w", "act", "stages", "input", "batch")
    assert list(map(texts, source)) == [
        ("8", "relu", "[[2, 64]]", "32x32x3", "4"),
        ("0.5", "gelu", "[[3, 64], [4, 8]]", "32x16x3", "8"),
    ]
    assert len(source) == 2
    assert source.probes() == list(source)
    assert len(list(Points(source, ["w < 8 and act == gelu"]))) == 1


def test_a_list_is_known_by_its_values(tmp_path: Path) -> None:
    first = listed(tmp_path, "w\n8\n16\n").header
    assert first == listed(tmp_path, "# the same\nw\n 8\n16\n").header
    assert first != listed(tmp_path, "w\n8\n17\n").header


def test_the_variables_of_a_points_file_are_a_list(tmp_path: Path) -> None:
    text = '# cnncalc-sweep 1 {"variables": {"w": "8..16/8"}}\nw,macs,status,reason\n8,123,ok,\n16,,broken,x\n'
    assert list(map(texts, listed(tmp_path, text))) == [("8",), ("16",)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "points.csv: it has no points; write a line with the names, then one line for each point"),
        ("w\n", "points.csv: it has no points; write a line with the names, then one line for each point"),
        ("# only\n", "points.csv: it has no points; write a line with the names, then one line for each point"),
        ("8,16\n", "points.csv, line 1: the first line names a variable in each column, found '8'"),
        ("w,,n\n1,2,3\n", "points.csv, line 1: the first line names a variable in each column, found nothing"),
        ("w,w\n1,2\n", "points.csv, line 1: 'w' is repeated in the first line"),
        ("# c\nw,n\n1,2\n\n3\n", "points.csv, line 5: expected 2 cells, found 1"),
        ("w,n\n1,2\n3,4,5\n", "points.csv, line 3: expected 2 cells, found 3"),
        ("w\n1\n\n2..3\n", "points.csv, line 4: w: expected one value, found '2..3'"),
        ('w\n"1,2"\n', "points.csv, line 2: w: expected one value, found '1,2'"),
        ("batch\n4\n0\n", "points.csv, line 3: batch: batch must be at least 1, found 0"),
        ("w,n\n1,\n", "points.csv, line 2: n has no value"),
        ('w\n"1\n2\n', "points.csv, line 3: it is not CSV: unexpected end of data"),
        ("w\n" + "1" * 2_000_000, "points.csv, line 2: a line has at most 1,048,576 characters"),
        (
            ",".join(f"a{n}" for n in range(101)),
            "points.csv, line 1: there are at most 100 columns, but this line has 101",
        ),
    ],
)
def test_lists_that_are_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DesignError) as error:
        listed(tmp_path, text)
    assert error.value.every[0].message == message


def test_lists_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"w\n\xff\n")
    for path, message in (
        ("none.csv", "cannot read x.csv: no such file or directory"),
        (".", "x.csv: it is a folder, not a file"),
        ("latin.csv", "x.csv: it is not a text in UTF-8"),
        ("a\0b", "cannot read x.csv: its name has a NUL character"),
    ):
        with pytest.raises(CnncalcError) as error:
            Listed(str(tmp_path / path), "x.csv")
        assert str(error.value).partition(": ")[2] == message
