"""Pooling: a window of each map becomes one number, map by map."""

from __future__ import annotations

from typing import ClassVar

from cnncalc.counts import Count
from cnncalc.errors import ValueProblem
from cnncalc.layers.base import WHOLE_PLANE, Layer, Parameter, Stencil, key
from cnncalc.layers.keys import Boolean, Choice, Decimal, Pad, Pair
from cnncalc.layers.window import SIDES, Windows, extent, sized
from cnncalc.volume import Volume


class Pooling(Layer):
    """What all pools share: a window, by default without overlap and without padding."""

    first: ClassVar[str | None] = "kernel"
    slash: ClassVar[str | None] = "stride"
    bare: ClassVar[str | None] = "kernel"

    kernel: tuple[int, int] = key(Pair(), (2, 2))
    stride: tuple[int, int] | None = key(Pair(), None, note="the kernel")

    def _check(self) -> None:
        if self.stride == self.kernel:
            self.__dict__["stride"] = None

    @property
    def step(self) -> tuple[int, int]:
        """The stride as written, or the kernel."""
        return self.kernel if self.stride is None else self.stride

    def windows(self, x: Volume) -> Windows:
        """The windows over a volume."""
        return Windows(x, self.kernel, self.step, (0, 0, 0, 0))

    def label(self) -> str:
        slash = f"/{sized(self.step)}" if self.step != self.kernel else ""
        return f"{self.kind.upper()}{sized(self.kernel)}{slash}"

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return Volume(*self.windows(x).steps, x.depth)

    def stencils(self, *inputs: Volume) -> tuple[Stencil, Stencil] | None:
        return self.windows(inputs[0]).stencils()


class PaddedPooling(Pooling):
    """Pools that may pad by at most half their kernel and may round up."""

    pad: tuple[int, int, int, int] | str = key(Pad(), (0, 0, 0, 0))
    round: str = key(Choice("floor", "ceil"), "floor")

    def _dilation(self) -> tuple[int, int]:
        return (1, 1)

    def _check(self) -> None:
        super()._check()
        if isinstance(self.pad, str):
            return
        for side in (0, 1):
            window = extent(self.kernel[side], self._dilation()[side])
            pad = max(self.pad[side], self.pad[side + 2])
            if 2 * pad > window:
                raise ValueProblem(
                    f"pad: a pool may pad by at most half its kernel, but {pad} is more than half of "
                    f"{window} in {SIDES[side]}",
                    code="pad-too-large",
                )

    def windows(self, x: Volume) -> Windows:
        return Windows(x, self.kernel, self.step, self.pad, self._dilation(), ceil=self.round == "ceil")


class AdaptivePooling(PaddedPooling):
    """Pools that may instead be told the size of their output."""

    adaptive: tuple[int, int] | None = key(Pair(), None, name="output", note="not adaptive")

    def _check(self) -> None:
        super()._check()
        if self.adaptive is None:
            return
        for name in ("kernel", "stride", "pad", "round", "dilation"):
            if name in self.keys and self.__dict__[name] != self.keys[name].default:
                raise ValueProblem(f"output: an adaptive pool works out its own windows; leave out {name}")

    def label(self) -> str:
        if self.adaptive is None:
            return super().label()
        return f"{self.kind.upper()}(output={self.adaptive[0]}x{self.adaptive[1]})"

    def output(self, *inputs: Volume) -> Volume:
        if self.adaptive is None:
            return super().output(*inputs)
        return Volume(*self.adaptive, inputs[0].depth)

    def stencils(self, *inputs: Volume) -> tuple[Stencil, Stencil] | None:
        if self.adaptive is None:
            return super().stencils(*inputs)
        # bin o of O over H inputs begins at floor(o*H/O) and ends before ceil((o+1)*H/O)
        (x,), (rows, columns) = inputs, self.adaptive
        return (Stencil(x.height, 0, x.height - 1, rows), Stencil(x.width, 0, x.width - 1, columns))


class MaxPool(AdaptivePooling):
    """The largest value of each window, map by map.

    ``kernel`` F and ``stride`` S are in pixels. With an input of height H the output has height (H - F)/S + 1, width
    alike. Nothing is learned; padding never wins. With ``output`` the windows are worked out so that the output has
    that size.

    Source: CS231n, "Pooling Layer".
    """

    kind: ClassVar[str] = "pool"

    dilation: tuple[int, int] = key(Pair(), (1, 1))

    def _dilation(self) -> tuple[int, int]:
        return self.dilation


class AveragePool(AdaptivePooling):
    """The mean of each window, map by map.

    ``count_pad`` says whether padding counts as zeros in the mean. With ``output`` the windows are worked out so that
    the output has that size. Nothing is learned.

    Source: CS231n, "Pooling Layer", general pooling.
    """

    kind: ClassVar[str] = "avgpool"

    count_pad: bool = key(Boolean(), True)


class LpPool(PaddedPooling):
    """The p-norm of each window: (sum of x**p) ** (1/p), map by map; L2-norm pooling with power 2.

    Nothing is learned.

    Source: CS231n, "Pooling Layer", general pooling.
    """

    kind: ClassVar[str] = "lppool"

    power: float = key(Decimal(least=1), 2.0)


class GlobalAveragePool(Layer):
    """The mean of each map: [HxWxD] becomes [1x1xD].

    Source: Lin et al. 2014, section 3.2.
    """

    kind: ClassVar[str] = "gap"

    def output(self, *inputs: Volume) -> Volume:
        return Volume(1, 1, inputs[0].depth)

    def stencils(self, *inputs: Volume) -> tuple[Stencil, Stencil] | None:
        return WHOLE_PLANE


class GlobalMaxPool(GlobalAveragePool):
    """The largest value of each map: [HxWxD] becomes [1x1xD]."""

    kind: ClassVar[str] = "gmp"


class Subsample(Pooling):
    """LeNet-5's trainable pooling: the sum of each window, times one coefficient a map, plus one bias a map.

    D coefficients (counted as weights) and D biases are learned.

    Source: LeCun et al. 1998, section II.B.
    """

    kind: ClassVar[str] = "subsample"
    learns: ClassVar[bool] = True

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        depth = inputs[0].depth
        count = Count(depth, str(depth))
        return (Parameter("weight", (depth,), count), Parameter("bias", (depth,), count, "bias"))
