"""Layers and input volumes for the tests of every layer kind; all sizes in a case differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc.layers import KINDS
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from cnncalc.layers import Layer


def bound(layer: Layer, inputs: tuple[Volume, ...]) -> Layer:
    """The layer for the number of sides of its inputs."""
    if layer.takes_places:  # for a pool whose last window is clipped at the border
        pool = KINDS["pool"](kernel=2, round="ceil").on(len(inputs[0].sides))
        entered = inputs[0].with_sides(tuple([2 * size - 1 for size in inputs[0].sides]))
        return layer.after(pool, (entered,))
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
"""The input of most cases; batch, height, width, depth and filters are all different."""

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
        {"filters": 7, "standardized": "yes"},
        {"filters": 8, "groups": 2, "normed": "weight", "stride": 2},
        {"filters": 7, "normed": "weight", "kernel": [3, 2], "bias": "no"},
        {"filters": 8, "groups": 2, "normed": "spectral"},
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
        {"filters": 7, "kernel": 3, "stride": [3, 2], "pad": [1, 0, 0, 2], "output_pad": 1},
    ),
    *_cases("deconv", {"filters": 7, "kernel": 4, "stride": 1}, inputs=(Volume(1, 1, 10),)),
    *_cases("fc", {"units": 7}, {"units": 7, "bias": "no"}),
    *_cases("fc", {"units": 7}, inputs=(Volume(1, 1, 13),)),
    *_cases("linear", {"units": 7}, {"units": 7, "bias": "no"}),
    *_cases("linear", {"units": 7}, inputs=(Volume(1, 1, 13),)),
    *_cases(
        "local",
        {"filters": 7},
        {"filters": 7, "bias": "no"},
        {"filters": 7, "kernel": [3, 5], "stride": [2, 3], "pad": [2, 1, 0, 3]},
        {"filters": 7, "kernel": 2, "stride": 3, "pad": "same"},
        {"filters": 8, "groups": 2, "dilation": [2, 1]},
        {"filters": 6, "groups": 6, "kernel": 3, "stride": 4, "pad": 0},
    ),
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
    *[case for kind in ("mish", "selu", "square", "exp", "sqrt", "glu") for case in _cases(kind, {})],
    *_cases("abs", {}),
    *_cases("gelu", {"form": "tanh"}),
    *_cases("hsigmoid", {"slope": 0.2}, {"slope": 0.3, "shift": -0.1}),
    *_cases("clip", {"low": 0, "high": 6}, {"low": -1, "high": 0.5}, {"low": 0.25}, {"high": -0.25}),
    *_cases("hardtanh", {}, {"low": -0.5, "high": 1.5}),
    *_cases("neg", {}, {"in_place": "yes"}),
    *_cases(
        "affine",
        {"factor": 0.5},
        {"shift": -2},
        {},
        {"factor": -1.5, "shift": 3},
        {"factor": [0.5, 1, -1.5, 2, 2.5, 3], "shift": [0, 1, 2, 3, -4, 5]},
        {"factor": 2, "shift": [0, 1, 2, 3, -4, 5]},
        {"factor": [0.5, 1, -1.5, 2, 2.5, 3]},
    ),
    *[
        case
        for kind, keys in (
            ("mish", {}),
            ("glu", {}),
            ("square", {}),
            ("neg", {}),
            ("clip", {"high": 1}),
            ("affine", {"factor": [0.5, 1, -1.5, 2], "shift": 1}),
            ("affine", {"factor": -1, "shift": 1}),
            ("dropout", {"whole": "channel"}),
            ("dropout", {"whole": "image"}),
        )
        for size in ((1, 1, 4), (17, 4), (6, 5, 7, 4))
        for case in _cases(kind, keys, inputs=(Volume(*size),))
    ],
    *_cases("prelu", {}, {"shared": "yes"}),
    *_cases("prelu", {}, inputs=(Volume(1, 1, 13),)),
    *_cases("softmax", {}, {"axes": ["height", "width"]}, {"axes": "width"}, {"axes": ["depth", "height"]}),
    *_cases("softmax", {}, inputs=(Volume(1, 1, 13),)),
    *_cases("dropout", {}, {"rate": 0.2}, {"in_place": "yes"}),
    *_cases(
        "dropout",
        {"whole": "channel"},
        {"whole": "channel", "rate": 1},
        {"whole": "image", "rate": 0.3},
        {"whole": "channel", "rate": 0.3, "in_place": "yes"},
        {"whole": "image", "in_place": "yes"},
    ),
    *_cases("identity", {}),
]

NORMALIZATIONS = [
    *_cases("bn", {}, {"scale": "no"}, {"shift": "no"}, {"scale": "no", "shift": "no"}, {"stats": "no"}),
    *_cases("bn", {}, inputs=(Volume(1, 1, 13),)),
    *_cases("ln", {}, {"axes": "depth"}, {"scale": "no"}, {"axes": "depth", "shift": "no"}),
    *_cases("ln", {}, inputs=(Volume(1, 1, 13),)),
    *_cases("ln", {"axes": ["width", "depth"]}, {"axes": ["height", "width"], "shift": "no"}, {"axes": "width"}),
    *_cases("ln", {"axes": ["frames", "width", "depth"]}, inputs=(Volume(4, 7, 6, 5),)),
    *_cases("ln", {"axes": "length"}, inputs=(Volume(7, 5),)),
    *_cases("gn", {"groups": 3}, {"groups": 1, "scale": "no"}, {"groups": 6, "shift": "no"}),
    *_cases("in", {}, {"scale": "yes", "shift": "yes"}),
    *[case for kind in ("bn", "ln", "in") for case in _cases(kind, {"eps": 0.01})],
    *_cases("gn", {"groups": 2, "eps": 0.01}),
    *_cases("rms", {}, {"axes": "volume"}, {"scale": "no"}, {"axes": "volume", "scale": "no"}, {"eps": 0.3}),
    *_cases("rms", {}, inputs=(Volume(1, 1, 13),)),
    *_cases("rms", {"axes": ["width", "depth"]}, {"axes": ["height", "width"], "scale": "no"}),
    *_cases("l2norm", {}, {"scale": "yes"}, {"axes": "volume"}, {"axes": "volume", "scale": "yes"}, {"eps": 2.5}),
    *_cases("l2norm", {}, inputs=(Volume(1, 1, 13),)),
    *_cases("l2norm", {"axes": ["height", "width"]}, {"axes": ["height", "depth"], "scale": "yes"}),
    *_cases("grn", {}, {"eps": 0.3}),
    *_cases("grn", {}, inputs=(Volume(1, 1, 13),)),
    *_cases(
        "lrn",
        {},
        {"size": 3, "alpha": 0.5, "beta": 0.5, "k": 2},
        {"size": 4, "alpha": 1.5},
        {"size": 9, "alpha": 2},
        {"size": 3, "region": "within", "alpha": 0.9},
        {"size": 4, "region": "within", "alpha": 0.9, "beta": 1},
    ),
    *_cases("scale", {}, {"shift": "no"}, {"scale": "no"}),
    *_cases("scale", {"shared": "yes"}, {"shared": "yes", "shift": "no"}, {"shared": "yes", "scale": "no"}),
    *_cases("scale", {"shared": "yes"}, inputs=(Volume(1, 1, 13),)),
    *_cases("scale", {"scale": "no"}, inputs=(Volume(1, 1, 13),)),
]

SHORT, FRAMES = Volume(7, 5), Volume(4, 7, 6, 5)
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
    *[
        case
        for kind in ("sub", "div", "maximum", "minimum", "mean")
        for case in (
            *_cases(kind, {}, inputs=(X, X)),
            *_cases(kind, {}, inputs=(X, X, X)),
            *_cases(kind, {}, inputs=(X, Volume(1, 1, 6))),
            *_cases(kind, {}, inputs=(Volume(9, 11, 1), X)),
            *_cases(kind, {}, inputs=(Volume(1, 1, 6), X, Volume(9, 11, 1))),
        )
    ],
    *[case for kind in ("sub", "div") for case in _cases(kind, {"in_place": "yes"}, inputs=(X, X))],
    *[
        case
        for kind in ("add", "mul", "sub", "div", "maximum", "mean")
        for case in (
            *_cases(kind, {}, inputs=(X, Volume(9, 1, 6))),
            *_cases(kind, {}, inputs=(Volume(1, 11, 1), Volume(9, 1, 6))),
            *_cases(kind, {}, inputs=(Volume(17, 1), Volume(1, 4))),
            *_cases(kind, {}, inputs=(Volume(3, 1, 5, 4), Volume(3, 6, 5, 1))),
        )
    ],
    *_cases("concat", {}, inputs=(X, Y)),
    *_cases("concat", {"axis": "height"}, inputs=(X, Volume(5, 11, 6))),
    *_cases("concat", {"axis": "width"}, inputs=(Volume(9, 4, 6), X, Volume(9, 2, 6))),
    *_cases("concat", {"axis": "length"}, inputs=(Volume(7, 5), Volume(9, 5))),
    *_cases("concat", {"axis": "frames"}, inputs=(Volume(2, 7, 4, 5), Volume(3, 7, 4, 5))),
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
    *_cases(
        "pad",
        {"pad": [1, 2], "mode": "reflect"},
        {"pad": [0, 2, 3, 1], "mode": "replicate"},
        {"pad": [9, 1, 0, 2], "mode": "wrap"},
        {"pad": [1, 0, 2, 0], "value": 0.5},
        {"pad": [0, -1], "depth": [2, 1]},
    ),
    *_cases(
        "pad", {"pad": [3, 1], "mode": "reflect"}, {"pad": 2, "depth": [0, 3], "value": -1}, inputs=(Volume(7, 5),)
    ),
    *_cases(
        "pad", {"pad": [1, 0, 2, 0, 3, 1], "mode": "reflect"}, {"pad": 1, "mode": "wrap"}, inputs=(Volume(3, 7, 4, 5),)
    ),
    *_cases("crop", {"size": 7}, {"size": [9, 4]}, {"size": [2, 5], "at": "begin"}, {"size": [3, 2], "at": [1, 4]}),
    *_cases("crop", {}, {"at": "begin"}, inputs=(X, Volume(4, 7, 3))),
    *_cases("crop", {"size": 4}, inputs=(Volume(7, 5),)),
    *_cases("crop", {}, inputs=(Volume(4, 7, 6, 5), Volume(3, 2, 5, 8))),
    *_cases("space2depth", {"block": 2}, {"block": 2, "order": "dcr"}, {"order": "focus"}, inputs=(Volume(6, 10, 3),)),
    *_cases("space2depth", {"block": [2, 5]}, {"block": [3, 2], "order": "focus"}, inputs=(Volume(6, 10, 3),)),
    *_cases("space2depth", {"order": "darknet"}, {"order": "darknet", "block": [3, 1]}, inputs=(Volume(6, 10, 12),)),
    *_cases("space2depth", {"block": 3}, inputs=(Volume(6, 5),)),
    *_cases("space2depth", {"block": [1, 3, 2]}, {"block": 2, "order": "dcr"}, inputs=(Volume(2, 6, 4, 5),))[:1],
    *_cases(
        "depth2space",
        {"block": 2},
        {"block": 2, "order": "dcr"},
        {"order": "focus"},
        {"block": [2, 3], "order": "darknet"},
        {"block": 1},
        inputs=(Volume(5, 7, 12),),
    ),
    *_cases("depth2space", {"block": 3}, inputs=(Volume(6, 12),)),
    *_cases("depth2space", {"block": [1, 3, 2]}, inputs=(Volume(2, 3, 4, 12),)),
    *_cases(
        "resize",
        {"size": [13, 5]},
        {"size": 20, "mode": "bilinear"},
        {"size": [5, 17], "mode": "bilinear", "corners": "yes"},
        {"size": [1, 4], "mode": "bilinear", "corners": "yes"},
        {"size": [6, 23], "mode": "bicubic"},
        {"size": [12, 7], "mode": "bicubic", "corners": "yes"},
        {"size": [4, 15], "mode": "area"},
        {"factor": 1.5},
        {"factor": [0.7, 2], "mode": "bilinear"},
        {"factor": [1.3, 0.5], "mode": "bicubic"},
        {"factor": 0.34, "mode": "area"},
        {"size": [9, 11], "mode": "bilinear"},
    ),
    *_cases("resize", {}, {"mode": "bilinear"}, inputs=(X, Volume(4, 17, 3))),
    *_cases("resize", {"size": 12, "mode": "bilinear"}, {"factor": 2.5}, inputs=(Volume(7, 5),)),
    *_cases(
        "resize", {"size": [5, 3, 8], "mode": "bilinear"}, {"size": 4, "mode": "area"}, inputs=(Volume(3, 6, 4, 5),)
    ),
    *_cases(
        "permute",
        {"order": ["width", "height", "depth"]},
        {"order": ["depth", "height", "width"]},
        {"order": ["width", "depth", "height"]},
    ),
    *_cases("permute", {"order": ["depth", "length"]}, inputs=(Volume(7, 5),)),
    *_cases("permute", {"order": ["width", "depth", "frames", "height"]}, inputs=(Volume(3, 6, 4, 5),)),
    *[
        case
        for op in ("mean", "max", "min", "sum")
        for case in _cases("reduce", {"op": op}, {"op": op, "axes": ["height", "width"]}, {"op": op, "axes": "width"})
    ],
    *_cases("reduce", {"axes": ["depth", "height"]}, {"op": "max", "axes": ["height", "width", "depth"]}),
    *_cases("reduce", {"op": "max", "axes": ["frames", "depth"]}, inputs=(Volume(3, 6, 4, 5),)),
    *_cases("unpool", {}, inputs=(X, X)),
    *_cases("unpool", {}, inputs=(Volume(7, 5), Volume(7, 5))),
    *_cases("unpool", {}, inputs=(Volume(3, 6, 4, 5), Volume(3, 6, 4, 5))),
    *_cases("shuffle", {"groups": 3}, {"groups": 2}, {"groups": 1}),
    *_cases("slice", {"from": 2}, {"from": 0, "to": 4}, {"from": 1, "to": 2}, {"from": 0}),
    *_cases("slice", {"from": 2, "axis": "height"}, {"from": 1, "to": 4, "axis": "width"}),
    *_cases("slice", {"from": 0, "to": 1, "axis": "length"}, inputs=(Volume(7, 5),)),
]


LENGTH, SPACE = Volume(13, 6), Volume(5, 9, 7, 6)
"""Inputs with one and with three sides."""


def _on_other_sides(kind: str, *variants: dict[str, Any], others: tuple[Volume, ...] = ()) -> list[Case]:
    """The cases on a length and in space; ``others``: further inputs, with one and with three sides."""
    both = zip((LENGTH, SPACE), (others[:1], others[1:]), strict=True)
    return [case for x, more in both for case in _cases(kind, *variants, inputs=(x, *more))]


OTHER_SIDES = [
    *_on_other_sides(
        "conv",
        {"filters": 7},
        {"filters": 7, "kernel": 1, "stride": 2},
        {"filters": 8, "groups": 2, "kernel": 4, "stride": 3, "pad": 1, "bias": "no"},
        {"filters": 7, "pad": "same", "kernel": 2, "stride": 3},
        {"filters": 7, "dilation": 2, "pad": 1},
        {"filters": 6, "groups": 6},
        {"filters": 7, "connections": TABLE},
    ),
    *_cases("conv", {"filters": 7, "kernel": [4], "pad": [3, 1], "stride": [2]}, inputs=(LENGTH,)),
    *_cases(
        "conv",
        {"filters": 7, "kernel": [1, 3, 2], "stride": [1, 2, 3], "pad": [0, 1, 2]},
        {"filters": 7, "kernel": [3, 1, 4], "pad": [2, 0, 1, 1, 3, 0]},
        inputs=(SPACE,),
    ),
    *_on_other_sides("local", {"filters": 8, "groups": 2, "kernel": 4, "stride": 3, "pad": 1}),
    *_on_other_sides("linear", {"units": 7}, {"units": 7, "bias": "no"}),
    *_on_other_sides("ln", {}),
    *_on_other_sides("rms", {}, {"axes": "volume"}),
    *_on_other_sides("l2norm", {"scale": "yes"}, {"axes": "volume"}),
    *_on_other_sides("grn", {}),
    *_on_other_sides("dwconv", {}, {"kernel": 4, "stride": 2, "multiplier": 2, "bias": "no"}),
    *_on_other_sides(
        "deconv",
        {"filters": 7},
        {"filters": 8, "groups": 2, "kernel": 5, "stride": 2, "pad": 2, "output_pad": 1},
        {"filters": 7, "kernel": 3, "pad": "same"},
    ),
    *_cases(
        "deconv", {"filters": 7, "kernel": [3, 2, 4], "stride": [1, 2, 3], "pad": [0, 1, 0, 1, 0, 2]}, inputs=(SPACE,)
    ),
    *_on_other_sides(
        "pool",
        {},
        {"kernel": 3, "stride": 2, "pad": 1, "round": "ceil"},
        {"kernel": 2, "dilation": 2, "stride": 1},
        {"output": 3},
    ),
    *_on_other_sides(
        "avgpool", {}, {"kernel": 3, "stride": 2, "pad": 1, "round": "ceil", "count_pad": "no"}, {"output": 2}
    ),
    *_on_other_sides("lppool", {}, {"kernel": 3, "stride": 2, "power": 3}),
    *_on_other_sides("subsample", {}),
    *[
        case
        for kind in ("gap", "gmp", "in", "softmax", "flatten", "prelu", "scale")
        for case in _on_other_sides(kind, {})
    ],
    *_on_other_sides("scale", {"scale": "no"}, {"shared": "yes", "shift": "no"}),
    *_on_other_sides("bn", {}, {"stats": "no"}),
    *_on_other_sides("ln", {"axes": "volume"}, {"axes": "depth"}),
    *_on_other_sides("gn", {"groups": 3}),
    *_on_other_sides("lrn", {"size": 3}, {"size": 3, "region": "within"}),
    *_on_other_sides("fc", {"units": 7}),
    *_on_other_sides("rbf", {"units": 7}),
    *_on_other_sides("upsample", {"factor": 3}, {"factor": 3, "mode": "bilinear"}),
    *_on_other_sides("pad", {"pad": 1}, {"pad": -1}),
    *_cases("pad", {"pad": [1, -2]}, inputs=(LENGTH,)),
    *_cases("pad", {"pad": [1, -2, 0, 2, 1, -1]}, inputs=(SPACE,)),
    *_on_other_sides("shuffle", {"groups": 3}),
    *_on_other_sides("slice", {"from": 2}),
    *[
        case
        for kind in ("add", "mul")
        for case in (
            *_on_other_sides(kind, {}, others=(LENGTH, SPACE)),
            *_on_other_sides(kind, {}, others=(Volume(1, 6), Volume(1, 1, 1, 6))),
        )
    ],
    *_on_other_sides("concat", {}, others=(Volume(13, 4), Volume(5, 9, 7, 4))),
    *_cases("reshape", {"size": [39, 2]}, {"size": [2, 13, 3]}, {"size": [2, 3, 1, 13]}, inputs=(LENGTH,)),
    *_cases("reshape", {"size": [45, 42]}, {"size": [9, 7, 30]}, inputs=(SPACE,)),
]

WINDOWS = Volume(8, 15, 6)
"""Eight windows of fifteen positions."""

SEQUENCES = [
    *_cases("sequence", {}),
    *_cases("sequence", {}, inputs=(LENGTH,)),
    *_cases("sequence", {}, inputs=(SPACE,)),
    *_cases("plane", {"size": [9, 11]}, {"size": [3, 3, 11]}, {"size": [99]}, inputs=(Volume(99, 6),)),
    *_cases("plane", {"size": 5}, inputs=(Volume(25, 6),)),
    *_cases("window", {"size": [3, 11]}, {"size": [9, 1]}, {"size": 1}),
    *_cases("window", {"size": [3, 5]}, inputs=(Volume(6, 20, 7),)),
    *_cases("window", {"size": 7}, inputs=(Volume(21, 6),)),
    *_cases("window", {"size": [5, 3, 7]}, inputs=(SPACE,)),
    *_cases("unwindow", {"size": [6, 20]}, {"size": [12, 10], "window": [3, 5]}, {"size": [10, 12]}, inputs=(WINDOWS,)),
    *_cases("unwindow", {"size": [120]}, {"size": [2, 15, 4]}, inputs=(WINDOWS,)),
    *_cases("unwindow", {"size": 3}, inputs=(Volume(16, 9, 6),)),
    *_cases("unwindow", {"size": [1, 10, 5]}, inputs=(Volume(10, 5, 6),)),
    *_cases("roll", {"shift": 2}, {"shift": [-3, 0]}, {"shift": [13, -1]}, {"shift": 0}),
    *_cases("roll", {"shift": -2}, inputs=(LENGTH,)),
    *_cases("roll", {"shift": [1, -2, 1]}, inputs=(SPACE,)),
    *_cases("token", {}, {"count": 3}, inputs=(LENGTH,)),
    *_cases("position", {}),
    *_cases("position", {}, inputs=(LENGTH,)),
    *_cases("position", {}, inputs=(SPACE,)),
    *_cases(
        "opaque", {"output": [5, 7, 4], "parameters": 33, "buffers": 8, "macs": 170, "saved": 19}, {"output": [2, 10]}
    ),
]

ATTENTIONS = [
    *_cases(
        "attention",
        {"heads": 2},
        {"heads": 3, "bias": "no"},
        {"heads": 2, "head_dim": 5},
        {"heads": 2, "dim": 8, "out": "no"},
        {"heads": 1, "out": "no", "bias": "no"},
        inputs=(LENGTH,),
    ),
    *_cases("attention", {"heads": 2, "relative": [3, 5]}, {"heads": 2, "head_dim": 4}, inputs=(WINDOWS,)),
    *_cases("attention", {"heads": 2, "relative": 3}, inputs=(Volume(9, 4),)),
    *_cases("attention", {"heads": 2}, {"heads": 2, "out": "no"}, inputs=(LENGTH, Volume(7, 6))),
    *_cases("attention", {"heads": 2}, {"heads": 3, "head_dim": 4, "bias": "no"}, inputs=(LENGTH, Volume(7, 5))),
    *_cases("attention", {"heads": 2}, inputs=(WINDOWS, Volume(8, 7, 5))),
    *_cases("matmul", {}, inputs=(LENGTH, Volume(6, 7))),
    *_cases("matmul", {"transpose": "yes"}, inputs=(LENGTH, Volume(7, 6))),
    *_cases("matmul", {}, inputs=(WINDOWS, Volume(8, 6, 7))),
    *_cases("matmul", {"transpose": "yes"}, inputs=(WINDOWS, Volume(1, 7, 6))),
]

MOST: list[Case] = [*CONVOLUTIONS, *POOLS, *POINTWISE, *NORMALIZATIONS, *MERGES, *MOVES]
PLANES: list[Case] = [case for case in MOST if all(len(volume) == 3 for volume in case.inputs)]
"""Layers on volumes with two sides."""

CASES: list[Case] = [*MOST, *OTHER_SIDES, *SEQUENCES, *ATTENTIONS]
