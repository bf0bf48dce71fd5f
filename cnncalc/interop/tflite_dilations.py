"""Recognises dilated convolutions in .tflite files, which TensorFlow writes as a convolution of blocks of the image.

Source: TensorFlow, tf.nn.with_space_to_batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.interop.tflite_net import whole_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.interop.tflite_net import Operator

TO_BATCH, TO_SPACE = "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def with_dilations(operators: Sequence[Operator], numbers: Mapping[int, Sequence[float]]) -> Sequence[Operator]:
    """Replaces each SPACE_TO_BATCH_ND, convolution, BATCH_TO_SPACE_ND by one dilated convolution.

    ``numbers`` are the values of small constants by tensor. The convolution gets the option ``pads``: top, left, bottom
    and right, the pads of SPACE_TO_BATCH_ND less the crops of BATCH_TO_SPACE_ND.
    """
    if not any(operator.code == TO_BATCH for operator in operators):
        return operators
    readers: dict[int, list[int]] = {}
    for place, operator in enumerate(operators):
        for value in operator.inputs:
            readers.setdefault(value, []).append(place)
    found: list[Operator | None] = [*operators]
    for place, operator in enumerate(operators):
        chain = [place]
        while operator.code == TO_BATCH and len(chain) < 3:
            after = readers.get(operators[chain[-1]].outputs[0], [])
            if len(after) != 1:
                break
            chain += after
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
    """Three operators as one dilated convolution; None if they are not one."""
    options = middle.options
    if middle.code not in CONVOLUTIONS or last.code != TO_SPACE or middle.inputs[0] != first.outputs[0]:
        return None
    if options["padding"] != "VALID" or [*options["stride"], *options["dilation"]] != [1] * 4:
        return None
    places = [place for each in (first, last) for place in each.inputs[1:3]]
    known = [whole_numbers(numbers[place]) for place in places if place in numbers]
    if len(places) != 4 or len(known) != 4:
        return None
    block, pads, same, crops = [values or [] for values in known]
    if block != same or len(block) != 2 or len(pads) != 4 or len(crops) != 4 or min(block) < 1:
        return None
    top, bottom, left, right = [pad - crop for pad, crop in zip(pads, crops, strict=True)]
    if min(top, bottom, left, right) < 0:
        return None
    more = {**options, "dilation": block, "pads": (top, left, bottom, right)}
    inputs = (first.inputs[0], *middle.inputs[1:])
    return middle._replace(inputs=inputs, outputs=last.outputs, options=more, layers=last.layers)
