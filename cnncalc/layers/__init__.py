"""The layer kinds: one class each, one file per family."""

from __future__ import annotations

from cnncalc.layers import (
    activation,
    attention,
    batch_norm,
    convolution,
    deconvolution,
    depthwise,
    elementwise,
    gated,
    global_pooling,
    input,  # noqa: A004 (the name of the kind)
    linear,
    local,
    magnitude,
    merge,
    norm_pooling,
    normalization,
    opaque,
    padding,
    pooling,
    rearrange,
    reduction,
    regularization,
    reshape,
    resize,
    scale,
    sequence,
    subsampling,
    unpooling,
    vectors,
)
from cnncalc.layers.base import Key, Layer, Parameter
from cnncalc.layers.stencil import Stencil

FAMILIES = (
    *(input, convolution, depthwise, deconvolution, local, linear),
    *(pooling, norm_pooling, global_pooling, subsampling, unpooling),
    *(activation, gated, elementwise, batch_norm, normalization, scale, magnitude, regularization),
    *(merge, reduction, reshape, resize, padding, rearrange, sequence, vectors, attention, opaque),
)
"""The modules that define kinds, in the order in which kinds are listed."""

KINDS: dict[str, type[Layer]] = {
    kind.kind: kind
    for family in FAMILIES
    for kind in vars(family).values()
    if isinstance(kind, type) and issubclass(kind, Layer) and "kind" in vars(kind) and kind is not Layer
}
"""Every layer kind by its key in files: the classes of the families that set ``kind``."""

NEVER_BLOCKS = frozenset(
    (
        *("add", "avgpool", "bn", "concat", "conv", "deconv", "dropout", "dwconv", "elu"),
        *("fc", "flatten", "gap", "gelu", "gmp", "gn", "hsigmoid", "hswish", "identity"),
        *("in", "input", "ln", "lppool", "lrelu", "lrn", "mul", "pad", "pool"),
        *("prelu", "rbf", "relu", "relu6", "reshape", "scale", "shuffle", "sigmoid", "silu"),
        *("slice", "softmax", "softplus", "subsample", "tanh", "upsample"),
    )
)
"""The kinds whose names a block cannot have; older files may have a block with the name of a kind added later."""

__all__ = ["KINDS", "NEVER_BLOCKS", "Key", "Layer", "Parameter", "Stencil"]
