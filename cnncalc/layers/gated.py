"""Activation functions that multiply each element by a gate, a number between 0 and 1 that depends on it."""

from __future__ import annotations

from math import pi

from cnncalc.errors import ShapeError
from cnncalc.layers.activation import Activation, never_in_place
from cnncalc.layers.base import Layer, key
from cnncalc.layers.keys import Choice
from cnncalc.layers.memory import Keeping
from cnncalc.layers.planes import elementwise, pieces, pixels, planes
from cnncalc.layers.window import all_sides

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes

ERFC = (
    *(-1.3026537197817094342, 0.6419697923564902603, 0.019476473204185836312, -0.0095615147868086316419),
    *(-0.0009465953444820368663, 0.00036683949785276145187, 4.2523324806907771645e-5, -2.0278578112534243154e-5),
    *(-1.6242900046470255135e-6, 1.3036558355805232018e-6, 1.5626441722066143178e-8, -8.5238095914926542525e-8),
    *(6.5290544390488514964e-9, 5.0593434955514689418e-9, -9.9136415649303308674e-10, -2.2736512229318358557e-10),
    *(9.646791102015526802e-11, 2.3940380830391147447e-12, -6.8860275264975533984e-12, 8.9448792730907257167e-13),
    *(3.1309213993429580783e-13, -1.1270822361367252365e-13, 3.8109052551892320678e-16, 7.1060976136087369431e-15),
    *(-1.5230282014571041472e-15, -9.4574945712912544535e-17, 1.2102371892242730222e-16),
)
"""Chebyshev coefficients of P in erfc(z) = t * exp(-z*z + P(t)) with t = 2/(2 + z), for z of at least 0.

Source: Press et al., Numerical Recipes, third edition, section 6.2.2; recomputed with 50 digits.
"""


ROOT = (2 / pi) ** 0.5
"""sqrt(2/pi), in the approximation of GELU."""


def erfc(xp: Any, z: Any) -> Any:
    """1 - erf(z) for z >= 0, element by element, to the accuracy of the data type."""
    t = 2 / (2 + z)
    twice = 4 * t - 2
    term, before = xp.zeros_like(z), xp.zeros_like(z)
    for coefficient in ERFC[:0:-1]:
        term, before = twice * term - before + coefficient, term
    return t * xp.exp(-z * z + 0.5 * (ERFC[0] + twice * term) - before)


class Gelu(Activation):
    """Each element times the probability that a standard normal number is smaller, exactly or approximated.

    Formula: y = x * P(X <= x) = x * (1 + erf(x/sqrt(2))) / 2; with ``form: tanh``
    y = x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 * x**3))) / 2.
    Volume: as the input.

    Source: Hendrycks and Gimpel 2016.
    """

    kind: ClassVar[str] = "gelu"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> GELU"
    can_work_in_place: ClassVar[bool] = False
    bare: ClassVar[str | None] = "form"

    in_place: bool | None = never_in_place()
    form: str = key(Choice("exact", "tanh"), "exact", means="whether it is exact, or approximated with tanh")

    def _tanh(self, xp: Any, x: Any) -> Any:
        """The hyperbolic tangent that approximates the error function."""
        return xp.tanh((x + 0.044715 * x * xp.square(x)) * ROOT)

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        def function(x: Any, result: Any) -> None:
            if self.form == "tanh":
                xp.multiply(x, 0.5 * (1 + self._tanh(xp, x)), out=result)
                return
            # x * P(X <= x) = x * erfc(-x/sqrt(2)) / 2; for positive x this is subtracted from x
            tail = xp.absolute(x) * erfc(xp, xp.absolute(x) * 0.5**0.5) * 0.5
            xp.subtract(xp.maximum(x, 0), tail, out=result)

        return elementwise(xp, function, x, out)

    def derivative(self, xp: Any, kept: Any) -> Any:
        if self.form == "tanh":
            tanh = self._tanh(xp, kept)
            inner = ROOT * (1 + 3 * 0.044715 * xp.square(kept))
            return 0.5 * (1 + tanh) + 0.5 * kept * (1 - xp.square(tanh)) * inner
        # the cumulative probability, plus x times the density
        tail = 0.5 * erfc(xp, xp.absolute(kept) * 0.5**0.5)
        below = xp.where(kept > 0, 1 - tail, tail)
        return below + kept * xp.exp(-0.5 * xp.square(kept)) * 0.3989422804014327  # 1 / sqrt(2*pi)


class Silu(Activation):
    """Each element times its sigmoid, also called swish.

    Formula: y = x / (1 + exp(-x)).
    Volume: as the input.

    Source: Hendrycks and Gimpel 2016; Ramachandran et al. 2017.
    """

    kind: ClassVar[str] = "silu"
    other_names: ClassVar[tuple[str, ...]] = ("swish",)
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> SILU"

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        def function(x: Any, result: Any) -> None:
            with xp.errstate(over="ignore"):
                xp.divide(x, 1 + xp.exp(-x), out=result)

        return elementwise(xp, function, x, out)

    def keeping_in_torch(self, inputs: Volumes, output: Volume, *, in_place: bool = False) -> Keeping:
        return self.keeping(inputs, output, in_place=in_place)._replace(composed_volumes=5)

    def derivative(self, xp: Any, kept: Any) -> Any:
        sigmoid = 1 / (1 + xp.exp(-kept))
        return sigmoid * (1 + kept * (1 - sigmoid))


class Mish(Activation):
    """Each element times the hyperbolic tangent of its softplus.

    Formula: y = x * tanh(log(1 + exp(x))).
    Volume: as the input.

    Source: Misra 2019.
    """

    kind: ClassVar[str] = "mish"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> MISH"

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        def function(x: Any, result: Any) -> None:
            xp.multiply(x, xp.tanh(xp.logaddexp(0, x)), out=result)

        return elementwise(xp, function, x, out)

    def keeping_in_torch(self, inputs: Volumes, output: Volume, *, in_place: bool = False) -> Keeping:
        return self.keeping(inputs, output, in_place=in_place)._replace(composed_volumes=7)

    def derivative(self, xp: Any, kept: Any) -> Any:
        gate = xp.tanh(xp.logaddexp(0, kept))
        return gate + kept * (1 - xp.square(gate)) / (1 + xp.exp(-kept))


class HardSwish(Activation):
    """An approximation of swish without the exponential, cheaper to compute.

    Formula: y = x * min(max(0, x + 3), 6) / 6.
    Volume: as the input.

    Source: Howard et al. 2019, section 5.2.
    """

    kind: ClassVar[str] = "hswish"
    gradient_follows: ClassVar[str] = "output on cuda"
    other_names: ClassVar[tuple[str, ...]] = ("hardswish",)
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> HSWISH"

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        def function(x: Any, result: Any) -> None:
            xp.divide(x * xp.clip(x + 3, 0, 6), 6, out=result)

        return elementwise(xp, function, x, out)

    def derivative(self, xp: Any, kept: Any) -> Any:
        return xp.where(kept > 3, 1, xp.where(kept < -3, 0, kept / 3 + 0.5)).astype(kept.dtype, copy=False)


class Glu(Layer):
    """The first half of the channels times the sigmoid of the second half.

    Formula: y[d] = x[d] / (1 + exp(-x[d + D/2])).
    Volume: height and width as the input, depth D/2; D must be even.

    Source: Dauphin et al. 2016.
    """

    kind: ClassVar[str] = "glu"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-64 -> GLU"
    thin_depth: ClassVar[int | None] = 2
    kept: ClassVar[Keeping] = Keeping(inputs=True)

    @property
    def family(self) -> str:
        """Among the activation functions, although it halves the depth."""
        return "activation"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        return [f"{all_sides(output)} as the input", f"depth {inputs[0].depth}/2 = {output.depth}"]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        if x.depth % 2:
            message = f"GLU halves the depth, so the depth must be even, but it is {x.depth}"
            hint = f"LINEAR-{x.depth + 1} before it gives an even depth"
            raise ShapeError(message, code="not-divisible", hint=hint)
        return x.with_depth(x.depth // 2)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.single(inputs, gradient_order="contiguous" if builder.is_cpu else "suggested")

    def _halves(self, maps: Any) -> tuple[Any, Any]:
        half = maps.shape[1] // 2
        return maps[:, :half], maps[:, half:]

    def forward(self, xp: Any, x: Any) -> Any:
        left, right = self._halves(planes(x))
        with xp.errstate(over="ignore"):
            gate = 1 + xp.exp(-right)
        return pixels(xp.divide(left, gate, out=gate))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        maps, incoming = planes(saved.x), planes(gradient)
        left, right = self._halves(maps)
        result = xp.empty(maps.shape, maps.dtype)
        first, second = self._halves(result)
        for number in range(len(maps)):
            for piece in pieces(left.shape[1], maps[0, 0].nbytes):
                place = (number, piece)
                with xp.errstate(over="ignore"):
                    gate = 1 / (1 + xp.exp(-right[place]))
                xp.multiply(incoming[place], gate, out=first[place])
                xp.multiply(first[place] * left[place], 1 - gate, out=second[place])
        return (pixels(result),), {}
