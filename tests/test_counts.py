"""Integers stored with their formula."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cnncalc.counts import NOTHING, Count, product, total
from tests.random_nets import examples


def test_a_product_of_a_product_is_put_in_parentheses() -> None:
    weights = product(product(3, 3, 64), 128)
    assert (str(weights), int(weights)) == ("(3*3*64)*128", 73_728)
    assert str(product(Count(5, "5"), 7)) == "5*7"


def test_a_sum_omits_zeros() -> None:
    assert total() == total(NOTHING, NOTHING) == NOTHING
    assert total(NOTHING, product(2, 3)) == product(2, 3)
    assert total(product(2, 3), Count(4, "4")) == Count(10, "2*3 + 4")


numbers = st.integers(0, 10**20)
counts = st.recursive(
    numbers.map(lambda number: Count(number, str(number))),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: product(*parts)),
        st.lists(inner, max_size=3).map(lambda parts: total(*parts)),
    ),
    max_leaves=8,
)


@examples(100)
@given(counts)
def test_the_formula_evaluates_to_the_value(count: Count) -> None:
    assert eval(str(count)) == int(count)  # noqa: S307
