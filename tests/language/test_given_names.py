"""Which variables a call can set, and the message for a duplicate name."""

from __future__ import annotations

import pytest

import cnncalc
from cnncalc.errors import DesignError


@pytest.mark.parametrize(
    ("target", "name"),
    [("vgg16", "w"), ("INPUT 8x8x3 -> [CONV3-w]*[4, 5] as w -> FC-2", "w"), ("INPUT 8x8x3 -> [CONV3-4]*2 as i", "i")],
)
def test_a_name_bound_by_a_repeat_cannot_be_set(target: str, name: str) -> None:
    cnncalc.analyze(target)

    (warning,) = cnncalc.analyze(target, variables={name: 9}).warnings

    assert f"--set {name}=9 has no effect: the design has no variable '{name}'" in warning.message


def test_the_variables_that_can_be_set_are_listed() -> None:
    (warning,) = cnncalc.load("vgg16", variables={"foo": 1}).warnings

    assert warning.message == ("--set foo=1 has no effect: the design has no variable 'foo' (it has classes, stages)")


def test_a_name_defined_by_a_repeated_call_is_reported_once() -> None:
    text = """
input: 8x8x3
blocks:
  u: CONV3-4 -> BN
layers: "[u@a -> RELU]*2 -> FC-2"
"""
    with pytest.raises(DesignError) as raised:
        cnncalc.load("-", stdin=text)

    assert [problem.message for problem in raised.value.every] == ["the name 'a' is defined twice"]


def test_the_name_of_an_invalid_layer_is_known() -> None:
    text = "input: 8x8x3\nlayers:\n  - conv: {name: a, filters: 0}\n  - conv: {name: a, filters: 4}\n"
    with pytest.raises(DesignError) as raised:
        cnncalc.load("-", stdin=text)

    assert [problem.message for problem in raised.value.every] == [
        "filters: expected a whole number of at least 1, found 0",
        "the name 'a' is defined twice",
    ]


def test_explaining_a_block_suggests_one_of_its_layers() -> None:
    from cnncalc.analysis.report import require_layer

    with pytest.raises(DesignError, match=r"block of 32 layers; name one of them, such as layer1\.0\.conv1"):
        require_layer(cnncalc.analyze("resnet50"), "layer1")
