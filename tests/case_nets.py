"""Nets around the layer of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.graph import chain
from cnncalc.layers import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.graph import Graph
    from cnncalc.layers import Layer
    from tests.layer_cases import Case


def between_convolutions(case: Case, *behind: Layer) -> Graph:
    """The layer of a case behind a convolution of each input; ``behind`` it some layers and a convolution."""
    layer: Any = case.layer
    ends = [f"conv{number}" for number in range(len(case.inputs))]

    def layers(volumes: Any) -> Iterator[tuple[Any, ...]]:
        for number, volume in enumerate(volumes):
            yield f"input{number}", KINDS["input"](size=list(volume))
            before = f"input{number}"
            if layer.takes_windows and len(volume.sides) > 1:  # each row of the input is a window
                yield f"window{number}", KINDS["window"](size=[1, volume[1]]), [before]
                before = f"window{number}"
            yield f"conv{number}", KINDS["conv"](filters=volume.depth, kernel=1), [before]
        if layer.takes_places:
            yield "pool", layer.pool, ["conv1"]
            ends[1] = "pool"
        yield "it", layer, ends
        for number, other in enumerate(behind):
            yield f"behind{number}", other
        yield "last", KINDS["conv"](filters=5, kernel=1)

    return chain("case", layers((case.inputs[0], layer.entered) if layer.takes_places else case.inputs))
