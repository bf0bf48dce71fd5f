"""Depthwise convolutions: filters that see one map each."""

from __future__ import annotations

from math import prod

from cnncalc.counts import Count, product
from cnncalc.layers.base import Parameter, key
from cnncalc.layers.convolution import Convolution
from cnncalc.layers.filter_bank import FilterBank
from cnncalc.layers.keys import Whole
from cnncalc.layers.planes import convolve_maps, over_sides, pixels, planes
from cnncalc.layers.planes_backward import unconvolve_maps
from cnncalc.layers.window import depth_step, sized
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved


class DepthwiseConv(Convolution):
    """One filter for each map of the input, or ``multiplier`` filters, each applied to that map only.

    Formula: a window of one map, F x F, times the weights of the filter, added up, plus its bias.
    Volume: height (H - F + 2P)/S + 1, rounded down; width alike; depth D*multiplier.
    Learned: F*F weights and one bias per filter, D*multiplier filters.

    The filters of map d give the maps d*multiplier to (d+1)*multiplier - 1.

    Source: Howard et al. 2017, section 3.1.
    """

    kind: ClassVar[str] = "dwconv"
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        **dict.fromkeys(
            ("depthwise", "depthwiseconv"),
            ("DWCONV{k}{s}(pad=0)", "without pad=0 it pads to keep the size; the number after '-' is its multiplier"),
        ),
        **dict.fromkeys(
            ("sepconv", "separableconv", "depthwiseseparableconv", "depthwiseseparable", "dsconv"),
            (
                "DWCONV{k}{s}(pad=0, bias=no) -> CONV1{n}",
                "a separable convolution is these two; without pad=0 DWCONV pads to keep the size",
            ),
        ),
    }
    example: ClassVar[str] = "INPUT 56x56x32 -> DWCONV3/2"
    thin_keys: ClassVar[Mapping[str, Any]] = {"multiplier": 1}
    dash: ClassVar[str | None] = "multiplier"
    bare: ClassVar[str | None] = "kernel"

    multiplier: int = key(Whole(1), 1, means="filters for each map of the input")

    def groups_of(self, x: Volume) -> int:
        return x.depth

    def is_depthwise(self, x: Volume) -> bool:
        return True

    def fan_in(self, shape: tuple[int, ...]) -> int:
        return prod(self.kernel)

    def label(self) -> str:
        times = f"-{self.multiplier}" if self.multiplier > 1 else ""
        return f"DWCONV{sized(self.kernel)}{times}{self._slash()}{self.unusual('dilation')}"

    def _depth_step(self, x: Volume, output: Volume) -> str:
        return depth_step(x) if self.multiplier == 1 else f"depth {x.depth}*{self.multiplier} = {output.depth}"

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return Volume(*self.windows(x).steps, x.depth * self.multiplier)

    def kernels(self, x: Volume) -> Count:
        """(F*F)*D*multiplier, the number of weights."""
        factors = (x.depth, self.multiplier) if self.multiplier > 1 else (x.depth,)
        return product(product(*self.kernel), *factors)

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        (x,) = inputs
        filters = x.depth * self.multiplier
        weight = Parameter("weight", (*self.kernel, x.depth, self.multiplier), self.kernels(x))
        if not self.bias:
            return (weight,)
        return (weight, Parameter("bias", (filters,), Count(filters), "bias"))

    def copies_weight_gradient(self, shape: tuple[int, ...]) -> bool:
        return False

    def filter_bank(self, xp: Any, sides: Sequence[int], *, weight: Any, bias: Any = None) -> FilterBank:
        depth = weight.shape[-2]
        alone = weight.reshape(*weight.shape[:-2], 1, -1)
        return FilterBank(alone, bias, depth, self.begins_of(sides), self.dilation)

    def forward(self, xp: Any, x: Any, *, weight: Any, bias: Any = None) -> Any:
        return pixels(convolve_maps(xp, planes(x), weight, bias, self.begins_of(x.shape[1:-1]), self.dilation))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        (needs_gradient,) = saved.needs_gradient
        weight, incoming = saved.parameters["weight"], planes(gradient)
        begins = self.begins_of(saved.shape[2:])
        maps = planes(saved.x) if saved.learns else None
        result, change = unconvolve_maps(
            xp, maps, incoming, weight, begins, self.dilation, saved.shape, needs_gradient=needs_gradient
        )
        found = {"weight": change} if saved.learns else {}
        if saved.learns and self.bias:
            found["bias"] = incoming.sum(axis=over_sides(incoming)).sum(axis=0)
        return (None if result is None else pixels(result),), found
