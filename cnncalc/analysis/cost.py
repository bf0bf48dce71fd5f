"""The cost of one layer for given volumes."""

from __future__ import annotations

from cnncalc.counts import NOTHING, TOO_LONG, Count, total
from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cnncalc.layers.base import Layer, Parameter
    from cnncalc.volume import Volume


class Cost(NamedTuple):
    """The output volume of a layer and its counts, for one image.

    ``activations`` are the elements of the volume; ``weights`` hold weights and scales, ``biases`` biases and shifts,
    ``buffers`` arrays that are kept but not learned; ``macs`` are multiply-adds. ``arrays`` are the arrays that are
    counted.
    """

    output: Volume
    activations: Count
    weights: Count
    biases: Count
    buffers: Count
    macs: Count
    arrays: tuple[Parameter, ...]

    @property
    def is_too_long(self) -> bool:
        """Whether a count has more digits than a result may have."""
        return any(count.value >= TOO_LONG for count in self[1:6])


def volume_alone(layer: Layer, inputs: tuple[Volume, ...]) -> Cost:
    """The output volume of a layer, without counts; raises ShapeError if it cannot take these volumes."""
    return Cost(layer.output(*inputs), NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, ())


def cost_of(layer: Layer, inputs: tuple[Volume, ...]) -> Cost:
    """The cost of a layer; raises ShapeError if it cannot take these volumes."""
    output = layer.output(*inputs)
    learned = layer.parameters(*inputs)
    kept = layer.buffers(*inputs)
    if not learned and not kept:
        weights = biases = buffers = NOTHING
    else:
        weights = total(*[array.count for array in learned if array.role == "weight"])
        biases = total(*[array.count for array in learned if array.role == "bias"])
        buffers = total(*[array.count for array in kept])
    return Cost(output, layer.arithmetic(output), weights, biases, buffers, layer.macs(inputs, output), learned + kept)
