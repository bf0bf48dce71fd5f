"""The layer kinds: one class each, one file per family."""

from __future__ import annotations

from cnncalc.layers.activation import (
    Elu,
    Gelu,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    PRelu,
    Relu,
    Relu6,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)
from cnncalc.layers.base import Key, Layer, Parameter, Stencil
from cnncalc.layers.convolution import Conv, Deconv, DepthwiseConv
from cnncalc.layers.input import Input
from cnncalc.layers.linear import FullyConnected, Rbf
from cnncalc.layers.merge import Add, Concat, Multiply
from cnncalc.layers.normalization import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, LocalResponseNorm, Scale
from cnncalc.layers.pooling import AveragePool, GlobalAveragePool, GlobalMaxPool, LpPool, MaxPool, Subsample
from cnncalc.layers.regularization import Dropout
from cnncalc.layers.reshape import Flatten, Identity, Reshape, Shuffle, Slice, Upsample, ZeroPad

KINDS: dict[str, type[Layer]] = {
    cls.kind: cls
    for cls in (
        *(Input, Conv, DepthwiseConv, Deconv, FullyConnected, Rbf),
        *(MaxPool, AveragePool, LpPool, GlobalAveragePool, GlobalMaxPool, Subsample),
        *(Relu, Relu6, Sigmoid, Tanh, Gelu, Silu, HardSwish, HardSigmoid),
        *(LeakyRelu, Elu, Softplus, PRelu, Softmax),
        *(BatchNorm, LayerNorm, GroupNorm, InstanceNorm, LocalResponseNorm, Scale),
        *(Dropout, Add, Multiply, Concat),
        *(Flatten, Identity, Reshape, Upsample, ZeroPad, Shuffle, Slice),
    )
}
"""Every layer kind by its key in files."""

__all__ = ["KINDS", "Key", "Layer", "Parameter", "Stencil"]
