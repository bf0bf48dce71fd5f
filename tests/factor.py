"""A toy layer kind: its class and its test cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from cnncalc.counts import Count
from cnncalc.layers.base import Layer, Parameter, key
from cnncalc.layers.keys import Boolean
from cnncalc.layers.memory import Keeping
from cnncalc.layers.planes import pixels, planes
from tests.layer_cases import Case, X

if TYPE_CHECKING:
    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.volume import Volume


class Factor(Layer):
    """Multiplies each channel by a factor, which is learned unless ``learned`` is no.

    Formula: y = x * factor[d].
    Volume: as the input.
    Learned: D factors, counted as weights.

    Source: none; a kind for tests.
    """

    kind: ClassVar[str] = "factor"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> FACTOR"
    is_linear = True
    folds_into_weights = True
    learns: ClassVar[bool] = True
    drawn: ClassVar[str] = "joined"

    learned: bool = key(Boolean(), True, means="whether the factors are learned")

    @property
    def family(self) -> str:
        """The family of SCALE, for the colours of drawings."""
        return "normalization"

    def _arrays(self, x: Volume) -> tuple[Parameter, ...]:
        return (Parameter("factor", (x.depth,), Count(x.depth, str(x.depth)), "weight" if self.learned else "buffer"),)

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        return self._arrays(inputs[0]) if self.learned else ()

    def buffers(self, *inputs: Volume) -> tuple[Parameter, ...]:
        return () if self.learned else self._arrays(inputs[0])

    def weight_range(self, shape: tuple[int, ...]) -> tuple[float, float]:
        return 0.5, 1.5

    def forward(self, xp: Any, x: Any, *, factor: Any) -> Any:
        return pixels(xp.multiply(planes(x), factor[:, None, None]))

    def keeping(
        self, inputs: tuple[Volume, ...], output: Volume, *, in_place: bool = False, learns: bool = True
    ) -> Keeping:
        return Keeping(inputs=learns)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        coming, found = planes(gradient), {}
        if saved.learns:
            found["factor"] = (coming * planes(saved.x)).sum(axis=(0, 2, 3))
        result = coming * saved.parameters["factor"][:, None, None] if saved.needs_gradient[0] else None
        return (None if result is None else pixels(result),), found


CASES = [Case("factor", {}, (X,)), Case("factor", {"learned": "no"}, (X,))]
