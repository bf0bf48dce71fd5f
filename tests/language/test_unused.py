"""Unused constants are checked too, and an empty list is not a design."""

from __future__ import annotations

import pytest

from cnncalc.errors import DesignError
from cnncalc.language.reading import read_design


@pytest.mark.parametrize(
    ("text", "twin", "message"),
    [
        (
            "defaults: {conv: {filters: -3}}\nlayers: INPUT -> FC\n",
            "defaults: {conv: {filters: 3}}\nlayers: INPUT -> FC\n",
            """\
<text>:1:28: error[wrong-value]: defaults of conv: filters: expected a whole number of at least 1, found -3
  |
1 | defaults: {conv: {filters: -3}}
  |                            ^^""",
        ),
        (
            "defaults: {bn: {trainable: maybe}}\nlayers: INPUT -> FC\n",
            "defaults: {bn: {trainable: no}}\nlayers: INPUT -> FC\n",
            """\
<text>:1:28: error[wrong-type]: defaults of bn: trainable: expected yes or no, found 'maybe'
  |
1 | defaults: {bn: {trainable: maybe}}
  |                            ^^^^^""",
        ),
        (
            "blocks: {R: [{conv: {kernel: 0}}]}\nlayers: INPUT -> FC\n",
            "blocks: {R: [{conv: {kernel: 1}}]}\nlayers: INPUT -> FC\n",
            """\
<text>:1:22: error[wrong-value]: block R: conv: kernel: expected a whole number of at least 1, \
or one for each side, as [height, width], found 0
  |
1 | blocks: {R: [{conv: {kernel: 0}}]}
  |                      ^^^^^^^^^""",
        ),
        (
            "blocks: {R: [{relu: {training_only: sometimes}}]}\nlayers: INPUT -> FC\n",
            "blocks: {R: [{relu: {training_only: yes}}]}\nlayers: INPUT -> FC\n",
            """\
<text>:1:22: error[wrong-type]: block R: relu: training_only: expected yes or no, found 'sometimes'
  |
1 | blocks: {R: [{relu: {training_only: sometimes}}]}
  |                      ^^^^^^^^^^^^^^^^^^^^^^^^""",
        ),
        (
            "layers: []\n",
            "layers: [input]\n",
            """\
<text>:1:9: error[wrong-type]: layers: expected a pattern or a list of layers, but the list is empty
  |
1 | layers: []
  |         ^^""",
        ),
    ],
)
def test_an_unused_wrong_value_is_refused_too(text: str, twin: str, message: str) -> None:
    with pytest.raises(DesignError) as caught:
        read_design("<text>", text)

    assert str(caught.value) == message
    assert read_design("<text>", twin).nodes


def test_a_wrong_constant_that_is_used_is_reported_once() -> None:
    with pytest.raises(DesignError) as caught:
        read_design("<text>", "defaults: {conv: {filters: -3}}\nlayers: INPUT -> CONV -> CONV\n")

    assert caught.value.count == len({problem.message for problem in caught.value.problems})
    assert not any("defaults of" in problem.message for problem in caught.value.problems)
