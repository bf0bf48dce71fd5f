"""Names of sides as values of keys, and layers that read a second volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import cnncalc
from cnncalc.errors import DesignError
from cnncalc.language.writer import as_pattern

if TYPE_CHECKING:
    from cnncalc.volume import Volume


def last(pattern: str) -> Volume:
    return cnncalc.analyze(pattern).layers[-1].output


def test_names_of_sides_in_a_list_are_not_evaluated_as_sizes() -> None:
    """In an expression ``height`` is a number: {height // 4} is 2."""
    assert last("INPUT 8x6x4 -> REDUCE(max, axes=[height, depth])") == (1, 6, 1)
    assert last("INPUT 8x6x4 -> SLICE(0, {height // 4}, axis=height)") == (2, 6, 4)


@pytest.mark.parametrize(
    ("pattern", "label"),
    [
        ("INPUT 49x4 -> PLANE7", "PLANE7"),
        ("INPUT 49x4 -> PLANE([49])", "PLANE([49])"),
        ("INPUT 27x4 -> PLANE3x3x3", "PLANE3x3x3"),
        ("INPUT 12x4 -> WINDOW3 -> UNWINDOW([12])", "UNWINDOW([12])"),
        ("INPUT 8x8x8x4 -> WINDOW2 -> UNWINDOW8x8x8(window=[2, 2, 2])", "UNWINDOW8x8x8(window=2x2x2)"),
        ("INPUT 49x4 -> ATTENTION-2(relative=7)", "ATTENTION-2(relative=7x7)"),
        ("INPUT 49x4 -> ATTENTION-2(relative=[49])", "ATTENTION-2(relative=[49])"),
    ],
)
def test_a_label_is_read_as_the_layer_that_it_names(pattern: str, label: str) -> None:
    """One number is a plane with equal sides, so those of a length and of a volume are written in full."""
    row = cnncalc.analyze(pattern).layers[-1]
    again = cnncalc.analyze(f"{pattern.rpartition(' -> ')[0]} -> {row.layer.label()}").layers[-1]

    assert row.layer.label() == label
    assert again.output == row.output
    assert again.parameters == row.parameters


@pytest.mark.parametrize("layers", ["SEQUENCE -> PLANE([12])", "WINDOW3 -> UNWINDOW([12], window=[3])"])
def test_the_sides_of_a_length_are_written_as_a_list(layers: str) -> None:
    pattern = f"INPUT 12x4 -> {layers} -> FC-3"
    assert as_pattern(cnncalc.analyze(pattern).graph).split() == pattern.split()


def test_a_second_volume_gives_the_sides() -> None:
    net = "INPUT 8x6x4@image -> POOL2 -> CONV3-5@half -> {} -> CONV1-3"

    assert last(net.format("RESIZE(@image)")) == (8, 6, 3)
    assert last(net.format("FROM(@image) -> CROP(@half)")) == (4, 3, 3)
    assert last(net.format("CROP(inputs=[@image, @half])")) == (4, 3, 3)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        ("INPUT 8x6x4 -> SOFTMAX(length)", "there is no length: a volume of 2 sides has height, width and depth"),
        ("INPUT 8x6x4 -> PERMUTE([depth, width])", "expected each of height, width and depth once"),
        ("INPUT 8x6x4 -> CROP9", "height 9 is larger than 8"),
        ("INPUT 8x6x4 -> CONV3-4@c -> UNPOOL(@c)", "the second volume is that of CONV3-4; name a POOL"),
        ("INPUT 8x6x4 -> POOL2 -> UNPOOL", "only one volume is given"),
    ],
)
def test_a_volume_that_does_not_fit_is_reported_with_its_numbers(net: str, message: str) -> None:
    with pytest.raises(DesignError) as caught:
        cnncalc.analyze(net)

    assert message in str(caught.value)
