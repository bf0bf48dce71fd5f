"""Dilated convolutions of .tflite files, which TensorFlow spells out as a convolution of blocks of the image.

Source: TensorFlow, tf.nn.with_space_to_batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.interop.tflite_net import Operator

SPREAD, GATHERED = "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def with_dilations(operators: Sequence[Operator], numbers: Mapping[int, Sequence[float]]) -> Sequence[Operator]:
    """The operators with each SPACE_TO_BATCH_ND, convolution, BATCH_TO_SPACE_ND as one dilated convolution.

    ``numbers`` are the values of small constants by tensor. The convolution gets the option ``pads``: top, left, bottom
    and right, what is added before the blocks are made less what is cut off behind.
    """
    if not any(operator.code == SPREAD for operator in operators):
        return operators
    readers: dict[int, list[int]] = {}
    for place, operator in enumerate(operators):
        for value in operator.inputs:
            readers.setdefault(value, []).append(place)
    found: list[Operator | None] = [*operators]
    for place, operator in enumerate(operators):
        chain = [place]
        while operator.code == SPREAD and len(chain) < 3:
            behind = readers.get(operators[chain[-1]].outputs[0], [])
            if len(behind) != 1:
                break
            chain += behind
        if len(chain) == 3:
            first, middle, last = [operators[each] for each in chain]
            joined = _joined(first, middle, last, numbers)
            if joined is not None:
                found[chain[0]] = found[chain[1]] = None
                found[chain[2]] = joined
    return [operator for operator in found if operator is not None]


def _joined(
    first: Operator, middle: Operator, last: Operator, numbers: Mapping[int, Sequence[float]]
) -> Operator | None:
    """Three operators as one; None where they are no dilated convolution."""
    options = middle.options
    if middle.code not in CONVOLUTIONS or last.code != GATHERED or middle.inputs[0] != first.outputs[0]:
        return None
    if options["padding"] != "VALID" or [*options["stride"], *options["dilation"]] != [1] * 4:
        return None
    known = [numbers.get(place) for each in (first, last) for place in each.inputs[1:3]]
    if len(known) != 4 or any(values is None for values in known):
        return None
    block, added, same, cut = [[int(value) for value in values or ()] for values in known]
    if block != same or len(block) != 2 or len(added) != 4 or len(cut) != 4 or min(block) < 1:
        return None
    top, bottom, left, right = [more - less for more, less in zip(added, cut, strict=True)]
    if min(top, bottom, left, right) < 0:
        return None
    more = {**options, "dilation": block, "pads": (top, left, bottom, right)}
    inputs = (first.inputs[0], *middle.inputs[1:])
    return middle._replace(inputs=inputs, outputs=last.outputs, options=more, layers=last.layers)
