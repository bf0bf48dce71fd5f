"""Layers and input volumes for the tests of every layer kind; all sizes in a case differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc.layers import KINDS
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from cnncalc.layers import Layer


def bound(layer: Layer, inputs: tuple[Volume, ...]) -> Layer:
    """The layer for volumes with as many sides as its inputs."""
    return layer.on(len(inputs[0].sides)) if inputs else layer


class Case(NamedTuple):
    """A layer and its input volumes."""

    kind: str
    keys: dict[str, Any]
    inputs: tuple[Volume, ...]

    @property
    def layer(self) -> Layer:
        return bound(KINDS[self.kind](**self.keys), self.inputs)

    def __str__(self) -> str:
        keys = ",".join(f"{name}={value}" for name, value in self.keys.items() if name != "connections")
        more = "table" if "connections" in self.keys else ""
        volumes = "+".join(volume.size for volume in self.inputs)
        return f"{self.kind}({keys}{more})-{volumes}".replace(" ", "")


X = Volume(9, 11, 6)
"""The volume that enters most cases: no two of batch, height, width, depth and filters are alike."""

TABLE = [[0, 1, 2], [1, 2, 3], [5], [0, 2, 3, 5], [4, 1], [0, 1, 2, 3, 4, 5], [3, 0]]
"""A connection table for seven filters on six maps."""


def _cases(kind: str, *variants: dict[str, Any], inputs: tuple[Volume, ...] = (X,)) -> list[Case]:
    return [Case(kind, keys, inputs) for keys in variants]


CONVOLUTIONS = [
    *_cases(
        "conv",
        {"filters": 7},
        {"filters": 7, "bias": "no"},
        {"filters": 7, "kernel": 1},
        {"filters": 7, "kernel": 1, "stride": 2},
        {"filters": 7, "kernel": 1, "stride": [3, 2], "pad": 1},
        {"filters": 7, "kernel": 5, "stride": 2},
        {"filters": 7, "kernel": 4},
        {"filters": 7, "kernel": 2, "stride": 3, "pad": 0},
        {"filters": 7, "kernel": [3, 5], "stride": [2, 3], "pad": [2, 1]},
        {"filters": 7, "kernel": [1, 7], "pad": [0, 3]},
        {"filters": 7, "kernel": [7, 1]},
        {"filters": 7, "kernel": [4, 3], "pad": [0, 2, 3, 1]},
        {"filters": 7, "pad": "same", "stride": 2},
        {"filters": 7, "pad": "same", "kernel": [4, 5], "stride": [1, 3]},
        {"filters": 7, "pad": "same", "kernel": 2, "stride": 3},
        {"filters": 7, "pad": "same", "dilation": 3},
        {"filters": 7, "pad": "valid"},
        {"filters": 7, "dilation": 2},
        {"filters": 7, "dilation": [2, 3], "pad": [1, 2, 3, 0], "stride": 2},
        {"filters": 9, "groups": 3},
        {"filters": 8, "groups": 2, "kernel": [3, 2], "stride": [1, 2], "pad": [1, 0, 0, 2], "bias": "no"},
        {"filters": 8, "groups": 2, "kernel": 1},
        {"filters": 12, "groups": 6, "kernel": 3},
        {"filters": 6, "groups": 6, "kernel": 3, "stride": 2, "bias": "no"},
        {"filters": 7, "connections": TABLE},
        {"filters": 7, "connections": TABLE, "kernel": [3, 2], "stride": 2, "pad": [0, 1], "bias": "no"},
    ),
    *_cases("conv", {"filters": 7, "kernel": 3}, inputs=(Volume(18, 37, 5),)),
    *_cases("conv", {"filters": 4, "kernel": [9, 11], "pad": 0}),
    *_cases(
        "dwconv",
        {},
        {"bias": "no"},
        {"multiplier": 2},
        {"kernel": [3, 5], "stride": [2, 3], "pad": [2, 1, 0, 3], "multiplier": 3},
        {"kernel": 5, "pad": "same", "stride": 2},
        {"dilation": [2, 1], "kernel": 3},
        {"kernel": 1},
        {"kernel": 2, "stride": 3, "pad": 0},
    ),
    *_cases("dwconv", {"kernel": 3}, {"stride": 2, "multiplier": 2}, inputs=(Volume(18, 37, 5),)),
    *_cases(
        "deconv",
        {"filters": 7},
        {"filters": 7, "bias": "no"},
        {"filters": 7, "kernel": 3, "stride": 1},
        {"filters": 7, "kernel": 3, "stride": 2, "pad": 1},
        {"filters": 7, "kernel": 5, "stride": 2, "pad": 2, "output_pad": 1},
        {"filters": 7, "kernel": [3, 4], "stride": [2, 3], "pad": [1, 0], "output_pad": [0, 2]},
        {"filters": 7, "kernel": 3, "stride": 2, "pad": [0, 1, 2, 0]},
        {"filters": 7, "kernel": 4, "stride": 2, "pad": "same"},
        {"filters": 7, "kernel": [5, 3], "stride": [2, 3], "pad": "same"},
        {"filters": 7, "kernel": 3, "dilation": 2, "stride": 3, "pad": 1, "output_pad": 2},
        {"filters": 9, "groups": 3, "kernel": 3},
        {"filters": 8, "groups": 2, "kernel": [2, 3], "stride": 2, "dilation": [1, 2], "pad": 1, "bias": "no"},
        {"filters": 7, "kernel": 1, "stride": 3},
        {"filters": 37, "kernel": 3, "stride": 2, "pad": 1},
    ),
    *_cases("deconv", {"filters": 7, "kernel": 4, "stride": 1}, inputs=(Volume(1, 1, 10),)),
    *_cases("fc", {"units": 7}, {"units": 7, "bias": "no"}),
    *_cases("fc", {"units": 7}, inputs=(Volume(1, 1, 13),)),
]

POOLS = [
    *_cases(
        "pool",
        {},
        {"kernel": 3, "stride": 2},
        {"kernel": 3, "stride": 2, "pad": 1},
        {"kernel": 3, "stride": 2, "round": "ceil"},
        {"kernel": 3, "stride": 3, "pad": 1, "round": "ceil"},
        {"kernel": 2, "stride": 3, "round": "ceil", "pad": 1},
        {"kernel": [2, 3], "stride": [3, 2], "pad": [1, 0], "round": "ceil"},
        {"kernel": [11, 13], "stride": [3, 4], "round": "ceil"},
        {"kernel": [4, 5], "stride": [2, 3], "pad": [0, 2, 2, 1]},
        {"kernel": 3, "stride": 2, "pad": "same"},
        {"kernel": [2, 5], "stride": [2, 1], "pad": "same"},
        {"kernel": 3, "stride": 1, "dilation": 2},
        {"kernel": 3, "stride": 2, "dilation": [2, 3], "pad": 1, "round": "ceil"},
        {"kernel": 1},
        {"kernel": 2, "stride": 5},
        {"output": [3, 4]},
        {"output": [1, 1]},
        {"output": [9, 11]},
        {"output": [13, 5]},
    ),
    *_cases(
        "avgpool",
        {},
        {"kernel": 3, "stride": 2},
        {"kernel": 3, "stride": 2, "pad": 1},
        {"kernel": 3, "stride": 2, "pad": 1, "count_pad": "no"},
        {"kernel": 3, "stride": 2, "pad": 1, "round": "ceil"},
        {"kernel": 3, "stride": 3, "pad": 1, "round": "ceil", "count_pad": "no"},
        {"kernel": [4, 3], "stride": [3, 2], "round": "ceil"},
        {"kernel": [12, 16], "stride": [4, 6], "pad": [0, 1], "round": "ceil"},
        {"kernel": 2, "stride": 3, "round": "ceil", "pad": 1},
        {"kernel": [4, 5], "stride": [2, 3], "pad": [0, 2, 2, 1]},
        {"kernel": [4, 5], "stride": [2, 3], "pad": [0, 2, 2, 1], "count_pad": "no"},
        {"kernel": 3, "stride": 2, "pad": "same"},
        {"kernel": [2, 3], "stride": 2, "pad": "same", "count_pad": "no"},
        {"output": [3, 4]},
        {"output": [13, 5]},
    ),
    *_cases(
        "lppool",
        {},
        {"kernel": 3, "stride": 2, "power": 3},
        {"kernel": [2, 3], "stride": [1, 2], "power": 1},
        {"kernel": 3, "stride": 2, "pad": 1},
        {"kernel": 3, "stride": 3, "pad": [0, 1], "round": "ceil", "power": 1.5},
        {"kernel": [10, 13], "stride": [2, 5], "round": "ceil"},
        {"kernel": 3, "stride": 2, "pad": "same"},
    ),
    *_cases("gap", {}),
    *_cases("gmp", {}),
    *_cases("subsample", {}, {"kernel": 3, "stride": 2}, {"kernel": [2, 3]}),
]

POINTWISE = [
    *[
        case
        for kind in ("relu", "relu6", "sigmoid", "tanh", "gelu", "silu", "hswish", "hsigmoid", "softplus")
        for case in _cases(kind, {})
    ],
    *_cases("relu", {"in_place": "no"}),
    *_cases("lrelu", {}, {"slope": 0.2}, {"slope": -0.5}, {"slope": 1.5}),
    *_cases("elu", {}, {"alpha": 0.3}),
    *_cases("prelu", {}),
    *_cases("prelu", {}, inputs=(Volume(1, 1, 13),)),
    *_cases("softmax", {}),
    *_cases("softmax", {}, inputs=(Volume(1, 1, 13),)),
    *_cases("dropout", {}, {"rate": 0.2}, {"in_place": "yes"}),
    *_cases("identity", {}),
]

NORMALIZATIONS = [
    *_cases("bn", {}, {"scale": "no"}, {"shift": "no"}, {"scale": "no", "shift": "no"}, {"stats": "no"}),
    *_cases("bn", {}, inputs=(Volume(1, 1, 13),)),
    *_cases("ln", {}, {"axes": "depth"}, {"scale": "no"}, {"axes": "depth", "shift": "no"}),
    *_cases("ln", {}, inputs=(Volume(1, 1, 13),)),
    *_cases("gn", {"groups": 3}, {"groups": 1, "scale": "no"}, {"groups": 6, "shift": "no"}),
    *_cases("in", {}, {"scale": "yes", "shift": "yes"}),
    *_cases(
        "lrn",
        {},
        {"size": 3, "alpha": 0.5, "beta": 0.5, "k": 2},
        {"size": 4, "alpha": 1.5},
        {"size": 9, "alpha": 2},
        {"size": 3, "region": "within", "alpha": 0.9},
        {"size": 4, "region": "within", "alpha": 0.9, "beta": 1},
    ),
    *_cases("scale", {}, {"shift": "no"}),
]

Y = Volume(9, 11, 4)
MERGES = [
    *[
        case
        for kind in ("add", "mul")
        for case in (
            *_cases(kind, {}, {"in_place": "yes"}, inputs=(X, X)),
            *_cases(kind, {}, inputs=(X, X, X)),
            *_cases(kind, {}, inputs=(X, Volume(1, 1, 6))),
            *_cases(kind, {}, inputs=(Volume(9, 11, 1), X)),
            *_cases(kind, {}, inputs=(Volume(9, 11, 1), Volume(1, 1, 6))),
            *_cases(kind, {}, inputs=(Volume(1, 1, 6), X, Volume(9, 11, 1))),
        )
    ],
    *_cases("concat", {}, inputs=(X, Y)),
    *_cases("concat", {}, inputs=(Y, X, Volume(9, 11, 1))),
]

MOVES = [
    *_cases("input", {"size": [9, 11, 6]}, inputs=()),
    *_cases("rbf", {"units": 7}),
    *_cases("flatten", {}),
    *_cases("reshape", {"size": [3, 18, 11]}, {"size": [9, 11, 6]}, {"size": [1, 1, 594]}),
    *_cases("upsample", {}, {"factor": 3}, {"factor": 1}),
    *_cases(
        "upsample",
        {"mode": "bilinear"},
        {"mode": "bilinear", "factor": 3},
        {"mode": "bilinear", "factor": 4},
        {"mode": "bilinear", "factor": 1},
    ),
    *_cases("upsample", {"mode": "bilinear", "factor": 2}, inputs=(Volume(1, 2, 3),)),
    *_cases("pad", {"pad": 1}, {"pad": [0, 2]}, {"pad": [1, -2, 0, 3]}, {"pad": -2}, {"pad": 0}),
    *_cases("shuffle", {"groups": 3}, {"groups": 2}, {"groups": 1}),
    *_cases("slice", {"from": 2}, {"from": 0, "to": 4}, {"from": 1, "to": 2}, {"from": 0}),
]

ROW, BOX, WINDOWS = Volume(13, 6), Volume(5, 4, 3, 6), Volume(8, 15, 6)
"""A sequence, a volume of three sides, and eight windows of fifteen places."""

SEQUENCES = [
    *_cases("sequence", {}),
    *_cases("sequence", {}, inputs=(ROW,)),
    *_cases("sequence", {}, inputs=(BOX,)),
    *_cases("plane", {"size": [9, 11]}, {"size": [3, 3, 11]}, {"size": [99]}, inputs=(Volume(99, 6),)),
    *_cases("plane", {"size": 5}, inputs=(Volume(25, 6),)),
    *_cases("window", {"size": [3, 11]}, {"size": [9, 1]}, {"size": 1}),
    *_cases("window", {"size": [3, 5]}, inputs=(Volume(6, 20, 7),)),
    *_cases("window", {"size": 7}, inputs=(Volume(21, 6),)),
    *_cases("window", {"size": [5, 2, 3]}, inputs=(BOX,)),
    *_cases("unwindow", {"size": [6, 20]}, {"size": [12, 10], "window": [3, 5]}, {"size": [10, 12]}, inputs=(WINDOWS,)),
    *_cases("unwindow", {"size": [120]}, {"size": [2, 15, 4]}, inputs=(WINDOWS,)),
    *_cases("unwindow", {"size": 3}, inputs=(Volume(16, 9, 6),)),
    *_cases("roll", {"shift": 2}, {"shift": [-3, 0]}, {"shift": [13, -1]}, {"shift": 0}),
    *_cases("roll", {"shift": -2}, inputs=(ROW,)),
    *_cases("roll", {"shift": [1, -2, 1]}, inputs=(BOX,)),
    *_cases("token", {}, {"count": 3}, inputs=(ROW,)),
    *_cases("position", {}),
    *_cases("position", {}, inputs=(ROW,)),
    *_cases("position", {}, inputs=(BOX,)),
    *_cases("opaque", {"output": [5, 7, 4], "parameters": 33, "buffers": 8, "macs": 170, "saved": 19}, {"output": [2, 10]}),
]

ATTENTIONS = [
    *_cases(
        "attention",
        {"heads": 2},
        {"heads": 3, "bias": "no"},
        {"heads": 2, "head_dim": 5},
        {"heads": 2, "dim": 8, "out": "no"},
        {"heads": 1, "out": "no", "bias": "no"},
        inputs=(ROW,),
    ),
    *_cases("attention", {"heads": 2, "relative": [3, 5]}, {"heads": 2, "head_dim": 4}, inputs=(WINDOWS,)),
    *_cases("attention", {"heads": 2, "relative": 3}, inputs=(Volume(9, 4),)),
    *_cases("attention", {"heads": 2}, {"heads": 2, "out": "no"}, inputs=(ROW, Volume(7, 6))),
    *_cases("attention", {"heads": 2}, {"heads": 3, "head_dim": 4, "bias": "no"}, inputs=(ROW, Volume(7, 5))),
    *_cases("attention", {"heads": 2}, inputs=(WINDOWS, Volume(8, 7, 5))),
    *_cases("matmul", {}, inputs=(ROW, Volume(6, 7))),
    *_cases("matmul", {"transpose": "yes"}, inputs=(ROW, Volume(7, 6))),
    *_cases("matmul", {}, inputs=(WINDOWS, Volume(8, 6, 7))),
    *_cases("matmul", {"transpose": "yes"}, inputs=(WINDOWS, Volume(1, 7, 6))),
]

CASES: list[Case] = [*CONVOLUTIONS, *POOLS, *POINTWISE, *NORMALIZATIONS, *MERGES, *MOVES, *SEQUENCES, *ATTENTIONS]
