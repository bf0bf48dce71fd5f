"""Polynomials: their forms, and their exact values on numbers and arrays."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given

from cnncalc.search.polynomial import (
    INT64,
    Polynomial,
    Steps,
    binomial,
    difference_weights,
    from_differences,
    value_after,
)
from tests.random_nets import examples, seeds

HALF = Fraction(1, 2)


@pytest.mark.parametrize(
    ("terms", "text", "python", "latex"),
    [
        ({(1, 0): 10, (2, 0): 9}, "9*w^2 + 10*w", "9*w**2 + 10*w", r"9 \, w^{2} + 10 \, w"),
        ({(2, 0): HALF, (1, 0): -HALF}, "(w^2 - w)/2", "(w**2 - w)//2", r"\frac{w^{2} - w}{2}"),
        ({(1, 0): HALF}, "w/2", "w//2", r"\frac{w}{2}"),
        ({(1, 1): Fraction(3, 4), (0, 0): HALF}, "(3*w*n_1 + 2)/4", "(3*w*n_1 + 2)//4",
         r"\frac{3 \, w \, \mathrm{n\_1} + 2}{4}"),
        ({(0, 1): -1, (0, 0): 7}, "-n_1 + 7", "-n_1 + 7", r"-\mathrm{n\_1} + 7"),
        ({(0, 0): 5}, "5", "5", "5"),
        ({(1, 0): 0}, "0", "0", "0"),
    ],
)  # fmt: skip
def test_the_forms_of_a_polynomial(terms: dict[Any, Any], text: str, python: str, latex: str) -> None:
    found = Polynomial.of(("w", "n_1"), terms)

    assert (found.text(), found.python(), found.latex()) == (text, python, latex)


def test_terms_stand_by_degree_then_in_the_order_of_the_variables() -> None:
    found = Polynomial.of(("w", "H"), {(0, 0): 1, (0, 2): 1, (1, 1): 1, (2, 0): 1, (0, 3): 1, (1, 0): 1})

    assert str(found) == "H^3 + w^2 + w*H + H^2 + w + 1"
    assert (found.degree, found.used) == (3, ("w", "H"))
    assert Polynomial.of(("w", "H"), {(0, 1): 1}).used == ("H",)


@given(seeds)
@examples(40)
def test_a_polynomial_is_found_again_from_its_differences(seed: int) -> None:
    """Also with decimal steps; its value, its Python form and the sum of its parts agree at points off the grid."""
    random = Random(seed)  # noqa: S311  # the same polynomials on every run
    names = ("a", "b", "c")[: random.randint(1, 3)]
    count = random.randint(1, 6)
    terms = {tuple(random.randint(0, 3) for _ in names): Fraction(random.randint(-9, 9)) for _ in range(count)}
    expected = Polynomial.of(names, terms)
    steps = [Steps(Fraction(random.randint(-4, 9)), Fraction(random.randint(1, 8))) for _ in names]
    top = (3,) * len(names)
    places = [place for place, _ in difference_weights(top)]
    values = {
        place: int(expected.at([each.value(count) for each, count in zip(steps, place, strict=True)]))
        for place in places
    }
    orders = {order: sum(values[at] * weight for at, weight in difference_weights(order)) for order in places}

    found = from_differences(names, [each.basis(3) for each in steps], orders)

    assert found == expected
    where = [random.randint(-20, 20) for _ in names]
    by_steps = sum(map(int.__mul__, value_after(where, orders), orders.values()))
    point = [each.value(count) for each, count in zip(steps, where, strict=True)]
    assert by_steps == expected.at(point)
    whole = dict(zip(names, map(int, point), strict=True))
    assert eval(found.python(), {}, whole) == found(**whole) == expected.at(point)  # noqa: S307  # our own text


def test_binomials_of_negative_numbers_are_whole() -> None:
    """C(-3, 2) = (-3)(-4)/2 = 6."""
    assert [binomial(-3, order) for order in range(4)] == [1, -3, 6, -10]


def test_values_on_numbers_are_exact() -> None:
    half = Polynomial.of(("w",), {(2,): HALF, (1,): HALF})

    assert half(w=10**30) == (10**60 + 10**30) // 2
    assert half(w=HALF) == Fraction(3, 8)
    with pytest.raises(KeyError):
        half(x=1)


def test_values_on_arrays_equal_those_on_numbers() -> None:
    """NumPy's whole numbers where nothing can exceed them, Python's beyond; arrays of several shapes go together."""
    np = pytest.importorskip("numpy")
    area = Polynomial.of(("w", "h"), {(2, 1): Fraction(9, 2), (1, 0): Fraction(-3, 2), (0, 0): 5})
    w, h = np.arange(1, 9).reshape(8, 1), np.arange(1, 6) * 2 + 1

    small = area(w=w, h=h)
    large = area(w=w * 10**7, h=h * 10**7)

    assert small.shape == (8, 5)
    assert (small.dtype, large.dtype) == (np.int64, object)
    for i in range(8):
        for j in range(5):
            assert small[i, j] == area(w=int(w[i, 0]), h=int(h[j]))
            assert large[i, j] == area(w=int(w[i, 0]) * 10**7, h=int(h[j]) * 10**7)


def test_no_value_on_arrays_wraps_around() -> None:
    """At the largest number of 64 bits the array is of NumPy's numbers, one beyond it of Python's."""
    np = pytest.importorskip("numpy")
    line = Polynomial.of(("w",), {(1,): 1})

    assert (line(w=np.array([INT64])).dtype, line(w=np.array([INT64]))[0]) == (np.int64, INT64)
    more = line.plus(Polynomial.of(("w",), {(0,): 1}))(w=np.array([INT64]))
    assert (more.dtype, more[0]) == (object, INT64 + 1)


def test_arrays_outside_of_the_condition_are_refused() -> None:
    np = pytest.importorskip("numpy")
    half = Polynomial.of(("w",), {(1,): HALF})

    with pytest.raises(ValueError, match="some values are not whole numbers"):
        half(w=np.array([2, 3]))
    with pytest.raises(ValueError, match="arrays of whole numbers"):
        half(w=np.array([2.0]))
