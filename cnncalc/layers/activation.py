"""Activation functions: element by element, the volume unchanged."""

from __future__ import annotations

from typing import ClassVar

from cnncalc.counts import Count
from cnncalc.layers.base import Layer, Parameter, key
from cnncalc.layers.keys import Boolean, Decimal
from cnncalc.volume import Volume


class Activation(Layer):
    """A function of each element.

    ``in_place`` overwrites the input where that is allowed: the input has no other reader, and its maker does not need
    it for backward.
    """

    is_activation: ClassVar[bool] = True
    can_work_in_place: ClassVar[bool] = True
    """Whether PyTorch has the function in place."""

    in_place: bool | None = key(Boolean(), None, note="yes where allowed")

    def may_work_in_place(self) -> bool | None:
        return self.in_place if self.can_work_in_place else False


class Relu(Activation):
    """max(0, x). Source: CS231n, "Rectified Linear Unit"."""

    kind: ClassVar[str] = "relu"
    keeps_output: ClassVar[bool] = True


class Relu6(Activation):
    """min(max(0, x), 6). Source: Sandler et al. 2018."""

    kind: ClassVar[str] = "relu6"


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    kind: ClassVar[str] = "sigmoid"
    keeps_output: ClassVar[bool] = True


class Tanh(Activation):
    """The hyperbolic tangent of x."""

    kind: ClassVar[str] = "tanh"
    keeps_output: ClassVar[bool] = True


class Gelu(Activation):
    """x * P(X <= x) for a standard normal X, exactly (with the error function). Source: Hendrycks and Gimpel 2016."""

    kind: ClassVar[str] = "gelu"
    can_work_in_place: ClassVar[bool] = False


class Silu(Activation):
    """x * sigmoid(x), also called swish. Source: Ramachandran et al. 2017."""

    kind: ClassVar[str] = "silu"


class HardSwish(Activation):
    """x * min(max(0, x + 3), 6) / 6. Source: Howard et al. 2019."""

    kind: ClassVar[str] = "hswish"


class HardSigmoid(Activation):
    """min(max(0, x + 3), 6) / 6. Source: Howard et al. 2019."""

    kind: ClassVar[str] = "hsigmoid"


class LeakyRelu(Activation):
    """x where positive, else ``slope`` * x. Source: Maas et al. 2013."""

    kind: ClassVar[str] = "lrelu"
    bare: ClassVar[str | None] = "slope"

    slope: float = key(Decimal(), 0.01)

    def may_work_in_place(self) -> bool | None:
        return False if self.slope < 0 else super().may_work_in_place()


class Elu(Activation):
    """x where positive, else ``alpha`` * (exp(x) - 1). Source: Clevert et al. 2015."""

    kind: ClassVar[str] = "elu"
    bare: ClassVar[str | None] = "alpha"

    alpha: float = key(Decimal(), 1.0)

    def may_work_in_place(self) -> bool | None:
        return False if self.alpha < 0 else super().may_work_in_place()


class Softplus(Activation):
    """log(1 + exp(x))."""

    kind: ClassVar[str] = "softplus"
    can_work_in_place: ClassVar[bool] = False


class PRelu(Activation):
    """x where positive, else a learned slope times x: one slope a channel, counted as weights.

    Source: He et al. 2015, "Delving Deep into Rectifiers".
    """

    kind: ClassVar[str] = "prelu"
    learns: ClassVar[bool] = True
    can_work_in_place: ClassVar[bool] = False

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        depth = inputs[0].depth
        return (Parameter("slope", (depth,), Count(depth, str(depth))),)


class Softmax(Layer):
    """exp(x) over its sum along the depth, at each position."""

    kind: ClassVar[str] = "softmax"
    keeps_output: ClassVar[bool] = True
