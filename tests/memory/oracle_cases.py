"""The nets that are measured in PyTorch: every layer kind between two convolutions, and combinations of layers."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import cnncalc
from cnncalc.graph import chain
from cnncalc.layers import KINDS
from cnncalc.memory.optimizers import OPTIMIZERS, STYLES
from tests.layer_cases import CASES, Case
from tests.random_nets import sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.analysis.report import Report

NETS = {
    "frozen_conv": "INPUT[11x9x3] -> CONV3-6 -> RELU -> CONV3-7(trainable=no) -> RELU -> CONV3-5 -> RELU -> FC-13",
    "frozen_first": "INPUT[11x9x3] -> CONV3-6(trainable=no) -> RELU -> CONV3-7 -> RELU -> CONV3-5 -> RELU -> FC-13",
    "frozen_stem": (
        "INPUT[11x9x3] -> CONV3-6(trainable=no) -> BN(trainable=no) -> RELU -> POOL2 -> CONV3-7 -> RELU -> FC-13"
    ),
    "frozen_fc": (
        "INPUT[11x9x3] -> CONV3-6 -> RELU -> FC-200(trainable=no) -> RELU -> FC-300 -> SIGMOID -> FC-13(trainable=no)"
    ),
    "frozen_bn": (
        "INPUT[11x9x3] -> CONV3-6 -> BN(trainable=no) -> RELU -> CONV3-5 -> LN(trainable=no) -> "
        "GN5(trainable=no) -> GELU -> FC-13"
    ),
    "frozen_scale": (
        "INPUT[11x9x3] -> CONV3-6 -> SCALE(trainable=no) -> PRELU(trainable=no) -> CONV3-5 -> "
        "SUBSAMPLE(trainable=no) -> IN(scale=yes,shift=yes,trainable=no) -> FC-13"
    ),
    "frozen_shift": (
        "INPUT[11x9x3] -> CONV3-6 -> SCALE(scale=no, trainable=no) -> RELU -> CONV3-5 -> SCALE(scale=no) -> "
        "FC-13 -> SCALE(scale=no)"
    ),
    "shared_scale": (
        "INPUT[11x9x3] -> CONV3-6 -> SCALE(shared=yes, trainable=no) -> RELU -> CONV3-5@a -> CONV3-5 -> RELU -> "
        "SCALE(shared=yes, shift=no) -> ADD(@a) -> SCALE(shared=yes, scale=no) -> CONV1-1 -> GAP -> "
        "SCALE(shared=yes) -> FC-13"
    ),
    "frozen_norm": (
        "INPUT[11x9x3] -> CONV3-6 -> RMS(trainable=no) -> L2NORM(scale=yes,trainable=no) -> GRN(trainable=no) -> "
        "LINEAR-5(trainable=no) -> CONV3-4 -> RELU -> FC-13"
    ),
    "frozen_dw": (
        "INPUT[11x9x3] -> CONV3-6 -> DWCONV3(trainable=no) -> RELU -> DECONV2-5/2(trainable=no) -> RELU -> FC-13"
    ),
    "all_but_last": (
        "INPUT[11x9x3] -> CONV3-6(trainable=no) -> BN(trainable=no) -> RELU -> POOL2 -> LRN -> "
        "FC-70(trainable=no) -> RELU -> DROPOUT -> FC-13"
    ),
    "addself": "INPUT[11x9x3] -> CONV3-6 -> IDENTITY@a -> ADD(@a, @a) -> RELU -> CONV3-5 -> FC-13",
    "mulself": "INPUT[11x9x3] -> CONV3-6@a -> MUL(@a, @a) -> RELU -> CONV3-5 -> FC-13",
    "cattwice": "INPUT[11x9x3] -> CONV3-6@a -> CONCAT(@a, @a) -> RELU -> CONV3-5 -> FC-13",
    "res": (
        "INPUT[11x9x3] -> CONV3-6 -> [CONV3-6 -> BN -> RELU -> CONV3-6 -> BN | ] -> ADD -> RELU -> CONV3-5 -> FC-13"
    ),
    "resip": (
        "INPUT[11x9x3] -> CONV3-6 -> [CONV3-6 -> BN -> RELU -> CONV3-6 -> BN | ] -> ADD(in_place=yes) -> RELU "
        "-> CONV3-5 -> FC-13"
    ),
    "incep": (
        "INPUT[11x9x3] -> CONV3-6 -> [CONV1-4 -> RELU | CONV1-3 -> RELU -> CONV3-5 -> RELU | POOL3/1(pad=1) "
        "-> CONV1-2] -> CONCAT -> DROPOUT -> CONV1-9 -> GAP -> FC-13"
    ),
    "se": ("INPUT[11x9x3] -> CONV3-6 -> [ | GAP -> CONV1-2 -> RELU -> CONV1-6 -> SIGMOID] -> MUL -> CONV3-5 -> FC-13"),
    "sefc": ("INPUT[11x9x3] -> CONV3-6 -> [ | GAP -> FC-2 -> RELU -> FC-6 -> SIGMOID] -> MUL -> CONV3-5 -> FC-13"),
    "dropip": (
        "INPUT[11x9x3] -> CONV3-6 -> DROPOUT(in_place=yes) -> CONV3-7 -> DROPOUT(in_place=yes) -> FC-50 -> "
        "DROPOUT -> FC-13"
    ),
    "softmaxend": "INPUT[11x9x3] -> CONV3-6 -> RELU -> FC-13 -> SOFTMAX",
    "spatial": "INPUT[11x9x3] -> CONV3-6 -> RELU -> CONV1-4",
    "spatialsm": "INPUT[11x9x3] -> CONV3-6 -> RELU -> CONV1-4 -> SOFTMAX",
    "point": "INPUT[11x9x3] -> CONV3-6 -> RELU -> CONV1-40 -> GAP",
    "pointconv": "INPUT[11x9x3] -> CONV3-6 -> GAP -> CONV1-30 -> RELU -> CONV1-40",
    "twoout": "INPUT[11x9x3] -> CONV3-6 -> RELU -> [FC-13 | CONV1-4 | GAP -> FC-7]",
    "aux": (
        "INPUT[11x9x3] -> CONV3-6 -> RELU@a -> POOL2 -> FC-50(training_only=yes) -> RELU -> FC-13@h -> "
        "FROM(@a) -> CONV3-7 -> GAP -> FC-13"
    ),
    "share": "INPUT[11x9x3] -> CONV3-6 -> RELU -> CONV3-6@s -> RELU -> CONV3-6(share=s) -> RELU -> FC-13",
    "sharebn": (
        "INPUT[11x9x3] -> CONV3-6 -> BN@b -> RELU -> CONV3-6@s -> BN(share=b) -> RELU -> CONV3-6(share=s) -> "
        "RELU -> CONV3-6(share=s) -> FC-13"
    ),
    "sharefc": "INPUT[11x9x3] -> FC-400 -> RELU -> FC-400@a -> RELU -> FC-400(share=a) -> RELU -> FC-13",
    "tied": (
        "INPUT[11x9x3] -> CONV3-6@a -> RELU -> CONV3-8/2@b -> RELU -> DECONV3-6/2(share=b, transposed=yes, pad=1)@c "
        "-> RELU -> CONV3-8(share=c, transposed=yes) -> RELU -> DECONV3-6/2(share=c, pad=1) "
        "-> DECONV3-3/1(share=a, transposed=yes, bias=no) -> FC-13"
    ),
    "tiedfc": (
        "INPUT[11x9x3] -> CONV3-6 -> RELU -> FC-60@a -> RELU -> FC-40@b -> RELU "
        "-> FC-60(share=b, transposed=yes, bias=no) -> RELU -> FC-594(share=a, transposed=yes) -> RELU -> FC-13"
    ),
    "tiedtwice": (
        "INPUT[11x9x3] -> FC-30@a -> RELU -> FC-297(share=a, transposed=yes) -> FC-30(share=a) "
        "-> FC-297(share=a, transposed=yes, bias=no) -> FC-13"
    ),
    "sharedbias": "INPUT[11x9x3] -> FC-300@a -> FC-297 -> FC-300(share=a) -> FC-13",
    "tiedlinear": (
        "INPUT[11x9x3] -> CONV3-6 -> LN(axes=depth) -> LINEAR-20@a -> GELU -> LINEAR-6(share=a, transposed=yes) "
        "-> GELU -> LINEAR-20(share=a) -> LINEAR-6(share=a, transposed=yes, bias=no) -> CONV3-5 -> FC-13"
    ),
    "tiedfrozen": (
        "INPUT[11x9x3] -> CONV3-6 -> RELU -> CONV3-8(trainable=no)@b -> RELU "
        "-> DECONV3-6/1(share=b, transposed=yes, pad=1) -> FC-20(trainable=no)@f -> RELU "
        "-> FC-594(share=f, transposed=yes) -> FC-13"
    ),
    "unet": (
        "INPUT[12x8x3] -> CONV3-6 -> RELU@a -> POOL2 -> CONV3-9 -> RELU@b -> POOL2 -> CONV3-12 -> RELU -> "
        "DECONV2-9/2 -> CONCAT(@b) -> CONV3-9 -> RELU -> UPSAMPLE2 -> CONCAT(@a) -> CONV3-6 -> RELU -> "
        "CONV1-5"
    ),
    "shuf": (
        "INPUT[12x8x3] -> CONV3-12 -> RELU@a -> SLICE(from=0,to=6) -> CONV3-6 -> BN -> RELU@x -> FROM(@a) -> "
        "SLICE(from=6) -> CONCAT(@x) -> SHUFFLE2 -> CONV1-5 -> GAP -> FC-13"
    ),
    "dense": (
        "INPUT[12x8x3] -> CONV3-6@a -> BN -> RELU -> CONV3-4@b -> CONCAT(@a,@b)@c -> BN -> RELU -> CONV3-4@d "
        "-> CONCAT(@a,@b,@d) -> CONV1-5 -> FC-13"
    ),
    "add3": "INPUT[12x8x3] -> CONV3-6@a -> CONV3-6@b -> CONV3-6@c -> ADD(@a,@b,@c) -> RELU -> FC-13",
    "mul3": "INPUT[12x8x3] -> CONV3-6@a -> CONV3-6@b -> CONV3-6@c -> MUL(@a,@b,@c) -> RELU -> FC-13",
    "relubranch": "INPUT[12x8x3] -> CONV3-6@a -> RELU@b -> CONV3-6 -> ADD(@a) -> ADD(@b) -> RELU6 -> FC-13",
    "effnet": (
        "INPUT[12x8x3] -> CONV3-6 -> BN -> SILU@a -> DWCONV3 -> BN -> SILU@x -> GAP -> CONV1-2 -> SILU -> "
        "CONV1-6 -> SIGMOID -> MUL(@x) -> CONV1-6 -> BN -> ADD(@a) -> HSWISH -> GAP -> DROPOUT -> FC-13"
    ),
    "convnext": (
        "INPUT[12x8x3] -> CONV4-6/4(pad=0) -> LN(axes=depth)@a -> DWCONV7 -> LN(axes=depth) -> CONV1-24 -> "
        "GELU -> CONV1-6 -> SCALE(shift=no) -> ADD(@a) -> GAP -> LN(axes=depth) -> FC-13"
    ),
    "linears": (
        "INPUT[12x8x3] -> CONV4-6/4(pad=0) -> LN(axes=depth)@a -> DWCONV7 -> LN(axes=depth) -> LINEAR-24 -> GELU "
        "-> GRN -> LINEAR-6 -> SCALE(shift=no) -> ADD(@a) -> LINEAR-5(bias=no) -> GAP -> LN(axes=depth) -> LINEAR-20 "
        "-> RELU -> FC-13"
    ),
    "pointwise": (
        "INPUT[12x8x3] -> AFFINE(2, [0.5, 0.25, -1]) -> CONV3-6 -> MISH@a -> CONV3-6 -> SUB(@a) -> SELU -> CONV3-6 -> "
        "DROPOUT(0.3, whole=channel) -> CLIP(0, 4) -> CONV3-12 -> GLU -> DROPOUT(whole=image) -> DIV(@a) -> ABS -> "
        "SQRT -> CONV3-5 -> GAP -> FC-13"
    ),
    "extremes": (
        "INPUT[12x8x3] -> CONV3-6@a -> CONV3-6@b -> MAXIMUM(@a) -> CONV3-6 -> MINIMUM(@b) -> EXP -> NEG -> "
        "MEAN(@a) -> SQUARE -> HSIGMOID(0.2) -> GELU(tanh) -> NEG(in_place=yes) -> FC-13"
    ),
    "flat": "INPUT[12x8x3] -> CONV3-6 -> FLATTEN -> BN -> RELU -> FC-20 -> PRELU -> SCALE -> LN -> FC-13",
    "resh": (
        "INPUT[12x8x3] -> FC-96 -> RELU -> RESHAPE 4x4x6 -> DECONV2-5/2 -> RELU -> UPSAMPLE2(mode=bilinear) "
        "-> PAD(pad=[1,0]) -> CONV3-4 -> SOFTMAX -> CONV1-3"
    ),
    "unpooled": (
        "INPUT[17x13x3] -> CONV3-6 -> BN -> RELU -> POOL2(round=ceil)@p -> CONV3-8 -> RELU -> POOL3/2(pad=1)@q "
        "-> CONV3-8 -> BN -> UNPOOL(@q) -> CONV3-6 -> UNPOOL(@p) -> CONV3-5"
    ),
    "unpooled_line": "INPUT[12x4] -> LN(axes=depth) -> POOL2@p -> LINEAR-4 -> UNPOOL(@p) -> GAP -> FC-13",
    "unpooled_plane": "INPUT[12x8x3] -> LINEAR-6 -> POOL2@p -> UNPOOL(@p) -> CONV3-5",
    "unpooled_space": "INPUT[4x6x5x3] -> LN(axes=depth) -> POOL2@p -> UNPOOL(@p) -> FC-13",
    "shared_position": "INPUT[12x4] -> LINEAR-8 -> POSITION@a -> RELU -> POSITION(share=a) -> GAP -> FC-13",
    "sliced_norm": "INPUT[14x4] -> SLICE(3, 4) -> BN -> GAP -> FC-13",
    "permuted_norm": "INPUT[8x7x2] -> CONV1-2 -> PERMUTE(order=[width, height, depth]) -> BN -> FC-13",
    "group_norm_last": "INPUT[8x3] -> LINEAR-3 -> GN1 -> CONV1-6 -> FC-13",
    "normed_planes": "INPUT[120x2] -> LN(axes=depth) -> PLANE(size=[10, 12]) -> CONV3-2 -> FC-3",
    "planes": "INPUT[120x2] -> LINEAR-2 -> PLANE(size=[30, 4]) -> CONV3-2 -> LINEAR-6",
    "one_deep": "INPUT[8x1] -> LN(axes=depth) -> CONV3-4 -> FC-13",
    "one_deep_plane": "INPUT[6x5x1] -> IN -> LN(axes=depth) -> CONV3-4 -> FC-13",
    "matched": (
        "INPUT[17x13x3] -> CONV3-6@a -> POOL2 -> CONV3-8@b -> UPSAMPLE2 -> CONV3-6 -> RELU@c -> CROP(@b, at=begin) "
        "-> CONV3-7 -> RESIZE(@a, mode=bilinear) -> SLICE(2, 15, axis=height) "
        "-> [CONV3-4 | CONV1-4] -> CONCAT(axis=width) -> REDUCE(max) -> CONV3-5"
    ),
    "sequences": (
        "INPUT[8x16x3] -> CONV3-16 -> RELU -> SEQUENCE -> TOKEN2 -> POSITION -> GELU -> PLANE13x10 -> CONV1-8 -> FC-13"
    ),
    "windows": (
        "INPUT[8x16x3] -> CONV3-16 -> RELU -> ROLL([-1, 2]) -> WINDOW2x4 -> POSITION -> GELU -> UNWINDOW8x16 -> "
        "ROLL([1, -2]) -> CONV1-8 -> FC-13"
    ),
    "attention": (
        "INPUT[8x16x3] -> CONV3-32 -> SEQUENCE -> POSITION@a -> GELU -> ATTENTION-2 -> ADD(@a) -> PLANE8x16 -> FC-13"
    ),
    "relative": (
        "INPUT[8x16x3] -> CONV3-32@a -> WINDOW4x4 -> ATTENTION-4(relative=4x4) -> UNWINDOW8x16 -> ADD(@a) -> FC-13"
    ),
    "memory": (
        "INPUT[8x16x3]@i -> CONV3-32 -> SEQUENCE@a -> FROM(@i) -> CONV3-12/2 -> SEQUENCE -> ATTENTION-4(@a) -> GELU "
        "-> ATTENTION-2(@a, head_dim=10, bias=no) -> LINEAR-7 -> FC-13"
    ),
    "relativememory": (
        "INPUT[8x16x3]@i -> CONV3-32 -> WINDOW4x4@a -> FROM(@i) -> CONV3-12 -> WINDOW4x4 -> "
        "ATTENTION-4(@a, relative=4x4) -> ATTENTION-2(@a, head_dim=10, relative=4x4, out=no) -> UNWINDOW8x16 -> FC-13"
    ),
    "products": (
        "INPUT[8x16x3] -> CONV3-32 -> [ | CONV1-32] -> MATMUL(transpose=yes) -> CONV3-16@a -> LINEAR-8 -> "
        "[ | PERMUTE([height, depth, width])] -> MATMUL -> RELU -> SEQUENCE -> [ | LINEAR-16(trainable=no)] -> "
        "MATMUL(transpose=yes) -> FC-13"
    ),
    "normed": (
        "INPUT[12x8x3] -> CONV3-60(normed=spectral) -> BN -> RELU -> CONV3-40(normed=weight, groups=4) -> RELU -> "
        "CONV3-30(standardized=yes) -> UPSAMPLE2 -> CONV3-7(normed=weight, trainable=no) -> FC-13"
    ),
    "heads": (
        "INPUT[8x16x3] -> CONV3-32 -> SEQUENCE -> POSITION -> ATTENTION-4(head_dim=16, out=no, bias=no) -> "
        "PLANE8x16 -> FC-13"
    ),
}
"""Nets of several layers by name, as patterns."""

STEPS = "steps"
NETS[STEPS] = "INPUT[8x8x3] -> CONV3-60 -> RELU -> CONV3-90 -> BN -> GAP -> FC-700 -> RELU -> FC-300"


class Measure(NamedTuple):
    """A net, by name, and how it is trained."""

    net: str
    habits: dict[str, Any]

    def __str__(self) -> str:
        return " ".join([self.net, *[f"{name}={value}" for name, value in self.habits.items()]])


def around(case: Case) -> Report:
    """A layer between convolutions (between fully-connected layers if its inputs are points)."""
    names = []
    layers: list[Any] = []
    sides = len(case.inputs[0].sides)
    if all(volume.is_point for volume in case.inputs):
        layers.append(("input", KINDS["input"](size=[*(5, 7, 2)[:sides], 3])))
        for number, volume in enumerate(case.inputs):
            names.append(f"before{number}")
            layers.append((names[-1], KINDS["fc"](units=volume.depth), ["input"]))
    else:
        sizes = [max(volume[side] for volume in case.inputs) for side in range(sides)]
        layers.append(("input", KINDS["input"](size=[*sizes, 3])))
        for number, volume in enumerate(case.inputs):
            names.append(f"before{number}")
            if number and case.layer.reads_second_sizes:  # no layer before it learns
                layers.append((names[-1], KINDS["avgpool"](output=list(volume.sides)), ["input"]))
                continue
            layers.append((names[-1], KINDS["conv"](filters=volume.depth, kernel=3), ["input"]))
            if volume.sides != tuple(sizes):
                names[-1] = f"mean{number}"
                mean = KINDS["gap"]() if volume.is_point else KINDS["avgpool"](output=volume.sides)
                layers.append((names[-1], mean))
    layers.append(("kind", case.layer, names))
    if not case.layer.output(*case.inputs).is_point:
        layers.append(("after", KINDS["conv"](filters=5, kernel=1)))
    layers.append(("fc", KINDS["fc"](units=13)))
    return cnncalc.analyze(chain("around", layers))


def is_in_pytorch(case: Case) -> bool:
    """Whether PyTorch has it: no connection tables, LRN within a map, padded norm pool that rounds up.

    UNPOOL and the kinds of sequences and attention are in the nets.
    """
    keys = case.keys
    padded_up = case.kind == "lppool" and "pad" in keys and keys.get("round") == "ceil"
    is_in_nets = case.kind in ("input", "unpool") or case.layer.family in ("sequence", "vectors", "attention")
    is_partial = "connections" in keys or keys.get("region") == "within"
    return not (is_in_nets or case.layer.is_stated or is_partial or padded_up)


@cache
def report_of(net: str) -> Report:
    """The report on a net of the table, or on a layer between others."""
    if net in NETS:
        return cnncalc.analyze(NETS[net])
    return around(next(case for case in CASES if str(case) == net))


HABITS: list[dict[str, Any]] = [
    {},
    {"dtype": "bfloat16"},
    {"autocast": "bfloat16"},
    {"autocast": "float16"},
    {"zero_grad": "zeros"},
    {"zero_grad": "before-backward"},
    {"accumulate": 2},
    {"optimizer": "adam"},
    {"optimizer": "adam", "style": "loop", "weight_decay": True},
]


NOT_EXACT = {"sequences": ("batch",)}
"""Nets whose memory is exact except with these options: of a single image, the gradient of TOKEN is part of a larger
tensor, which it keeps alive."""

ON_A_CPU = ("local", "padding", "rearrange", "reduction", "resize")
"""Families whose cases are measured on a CPU as well: their kernels, and which of them copy, differ there."""

NETS_ON_A_CPU = (
    *(
        "attention",
        "heads",
        "matched",
        "memory",
        "normed",
        "products",
        "relative",
        "relativememory",
        "sequences",
        "unpooled",
        "windows",
    ),
    *("sharefc", "sharedbias", "tiedfc", "tiedtwice", "tiedlinear"),
    *("shared_position", "sliced_norm", "permuted_norm", "group_norm_last"),
    *("planes", "normed_planes", "shared_scale"),
    *("unpooled_line", "unpooled_plane", "unpooled_space", "one_deep", "one_deep_plane"),
)
"""Nets that are."""

CPU_HABITS: list[dict[str, Any]] = [{"profile": "torch-cpu"}, {"profile": "torch-cpu", "autocast": "bfloat16"}]


def measures(*, some: bool = False) -> Iterator[Measure]:
    """All measures; with ``some`` one variant of each kind, and each net with one set of options."""
    seen = set()
    for case in CASES:
        if is_in_pytorch(case) and not (some and case.kind in seen):
            seen.add(case.kind)
            more = CPU_HABITS if case.layer.family in ON_A_CPU else []
            for habits in HABITS[:1] if some else [*HABITS[:3], {"dtype": "float64"}, *more]:
                yield Measure(str(case), habits)
    for net, pattern in NETS.items():
        alone = {"batch": 2} if "BN" in pattern else {"batch": 1}
        more = CPU_HABITS if net in NETS_ON_A_CPU else []
        if "POSITION" in pattern:
            more = [*more, {"batch": 1, "accumulate": 2}]
        if "PLANE" in pattern and more:
            more = [*more, {"batch": 1, "profile": "torch-cpu"}]
        for habits in HABITS[:1] if some else [*HABITS, alone, *more]:
            if not any(name in habits for name in NOT_EXACT.get(net, ())):
                yield Measure(net, habits)
    for optimizer in [] if some else OPTIMIZERS.values():
        for style in STYLES if optimizer.can_fuse else STYLES[:2]:
            for decay in (False, True):
                yield Measure(STEPS, {"optimizer": optimizer.name, "style": style, "weight_decay": decay})
            on_a_cpu = {"profile": "torch-cpu", "optimizer": optimizer.name, "style": style, "weight_decay": True}
            yield Measure(STEPS, on_a_cpu)


def measure_sample() -> Sequence[Measure]:
    """Measures that the suite repeats where PyTorch is installed: a third of those with ``some``, which has all kinds.

    ``python -m benchmarks.random_tests`` repeats them all.
    """
    every = list(measures(some=True))
    return sample([measure for start in range(3) for measure in every[start::3]], len(every) // 3)
