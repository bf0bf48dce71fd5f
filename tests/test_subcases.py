"""All cases of one test run, and each case that fails is named."""

from __future__ import annotations

import pytest

from tests.subcases import each

pytest_plugins = ["pytester"]

CODE = """
from tests.subcases import each

@each("number", [1, 2, 3, 4])
def test_odd(number):
    assert number % 2

@each("word,length", [("a", 1), ("ab", 2), ("b", 9)], ids=lambda case: case[0], by=lambda case: case[0][0])
def test_length(word, length, tmp_path):
    assert tmp_path.exists()
    assert len(word) == length
"""


def test_every_case_that_fails_is_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(CODE)

    done = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    failed = [line.partition(" - ")[0] for line in done.outlines if line.startswith("SUBFAILED")]
    assert [(line.partition(" ")[0], line.rpartition("::")[2]) for line in failed] == [
        ("SUBFAILED[2]", "test_odd"),
        ("SUBFAILED[4]", "test_odd"),
        ("SUBFAILED[b]", "test_length[b]"),
    ]
    assert "FAILED test_every_case_that_fails_is_named.py::test_odd" in done.stdout.str()
    assert "1 passed" in done.stdout.str()


def test_the_undecorated_test_can_be_called() -> None:
    @each("number", [1])
    def odd(number: int) -> None:
        assert number % 2

    odd.__wrapped__(3)
    with pytest.raises(AssertionError):
        odd.__wrapped__(4)
