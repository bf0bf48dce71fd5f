"""Convolutions, and what they have in common with others."""

from __future__ import annotations

from math import prod

from cnncalc.counts import Count, product
from cnncalc.errors import ShapeError, ValueProblem
from cnncalc.layers.base import Layer, Parameter, Sizing, key
from cnncalc.layers.filter_bank import FilterBank
from cnncalc.layers.keys import Boolean, Choice, Connections, Whole
from cnncalc.layers.memory import WHY_WEIGHTS, Keeping
from cnncalc.layers.normalization import normalized
from cnncalc.layers.normed_weights import lower_spectral_norm, lower_standardized, lower_weight_norm
from cnncalc.layers.planes import convolve, convolve_maps, over_sides, pixels, planes, window_starts
from cnncalc.layers.planes_backward import correlate, unconvolve, unconvolve_maps
from cnncalc.layers.requirements import require_groups
from cnncalc.layers.side_keys import Pad, Sizes
from cnncalc.layers.window import Windows, lower_windows, sized
from cnncalc.units import plural
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.stencil import Stencil
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volumes


STANDARD_EPS = 1e-6
"""Added to the variance of a filter that is standardized, as in timm's StdConv2d."""


def at_each(kernels: Count, volume: Volume) -> Count:
    """The weights times the positions of a volume at which each is used: ``(3*3*64)*128*56*56``."""
    return Count(kernels.value * volume.positions, lambda: "*".join(map(str, (kernels, *volume.sides))))


def _outer(weight: Any, left: Any, right: Any) -> Any:
    """The outer product of the two singular vectors, in the shape of the weights."""
    return (right[:, None] * left).reshape(weight.shape)


class Filters(Layer):
    """Base of convolutions and transposed convolutions: filters with a window, a stride and a bias."""

    memory_order: ClassVar[str] = "suggested"
    is_linear = True
    counts_macs: ClassVar[bool] = True
    learns: ClassVar[bool] = True
    autocast: ClassVar[str | None] = "half"
    is_flat: ClassVar[bool | None] = False
    in_notes_table: ClassVar[bool] = True
    why_input: ClassVar[str] = WHY_WEIGHTS
    first: ClassVar[str | None] = "kernel"
    slash: ClassVar[str | None] = "stride"

    def groups_of(self, x: Volume) -> int:
        """The number of parts of the depth, each of which has filters of its own."""
        raise NotImplementedError

    def is_depthwise(self, x: Volume) -> bool:
        return self.groups_of(x) == x.depth > 1

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(inputs=learns)


class Convolution(Filters):
    """Base of layers with convolution windows; the default pad keeps the sides at stride 1 if the kernel is odd."""

    kernel: tuple[int, ...] = key(Sizes(), 3, means="sides of the window")
    stride: tuple[int, ...] = key(Sizes(), 1, means="pixels from one window to the next")
    pad: tuple[int, ...] | str | None = key(
        Pad(), None, note="dilation*(kernel-1)//2", means="zeros around the input, at each end of its sides"
    )
    dilation: tuple[int, ...] = key(Sizes(), 1, means="pixels from one element of the window to the next")
    bias: bool = key(Boolean(), True, means="whether each filter has a bias")

    def _check(self) -> None:
        if self.pad == self._half():
            self.__dict__["pad"] = None

    def _half(self) -> tuple[int, ...]:
        return tuple([d * (k - 1) // 2 for k, d in zip(self.kernel, self.dilation, strict=True)]) * 2

    @property
    def sliding_kernel(self) -> tuple[int, ...]:
        return self.kernel

    def pads(self) -> tuple[int, ...] | str:
        """The pad as written, else dilation*(kernel-1)//2 at both ends of each side."""
        return self._half() if self.pad is None else self.pad

    def window_keys(self) -> dict[str, Any]:
        return {**super().window_keys(), "pad": self.pads()}

    def windows(self, x: Volume) -> Windows:
        """The windows over a volume; raises ShapeError if none fits."""
        return Windows(x, self.kernel, self.stride, self.pads(), self.dilation)

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        return [*self.windows(x).size_steps(x, self.kernel), self._depth_step(x, output)]

    def _depth_step(self, x: Volume, output: Volume) -> str:
        raise NotImplementedError

    def stencils(self, *inputs: Volume, of: int = 0) -> tuple[Stencil, ...] | None:
        return self.windows(inputs[0]).stencils()

    def begins_of(self, sides: Sequence[int]) -> tuple[range, ...]:
        """The first index of each window along each side of an array with these sides."""
        return window_starts(sides, self.pads(), self.kernel, self.dilation, self.stride)

    def kernels(self, x: Volume) -> Count:
        """The number of weights, with the arithmetic."""
        raise NotImplementedError

    def macs(self, inputs: Volumes, output: Volume) -> Count:
        return at_each(self.kernels(inputs[0]), output)

    def _slash(self) -> str:
        stride = sized(self.stride)
        return f"/{stride}" if stride != "1" else ""

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        pads = self.windows(builder.volumes[0]).pads
        return lower_windows(builder, inputs, pads, lambda x: self.lower_padded(builder, x))

    def lower_padded(self, builder: TorchBuilder, x: int) -> int:
        """Records the convolution; ``x`` is padded already if PyTorch's function cannot pad it so."""
        return builder.single([x], order=self.torch_order(builder, x))

    def torch_order(self, builder: TorchBuilder, x: int) -> str:
        """The memory order of the output; on CUDA a depthwise convolution has kernels of its own in every type."""
        groups = self.groups_of(builder.volumes[0])
        is_own = groups == builder.volumes[0].depth > 1 and not builder.is_cpu
        return builder.convolution_order(x, self.kernel, groups, is_own=is_own)

    def copies_weight_gradient(self, shape: tuple[int, ...]) -> bool:
        return prod(shape[:-2]) > 1 and shape[-2] > 1


class Conv(Convolution):
    """K filters that slide over the full depth of the input, or with ``groups`` each over one part of it.

    Formula: a window of the input, F x F x D/groups, times the weights of the filter, added up, plus its bias.
    Volume: height (H - F + 2P)/S + 1, rounded down; width alike; depth K, the filters. F is the kernel (dilated:
    dilation*(F - 1) + 1), S the stride, P the pad.
    Learned: F*F*D/groups weights and one bias per filter.

    With ``connections`` each filter sees the listed input maps only, with one F*F kernel for each.

    With ``standardized`` each filter w is used as (w - mean) / sqrt(variance + 1e-6). With ``normed: weight`` it is
    used as g * w / |w|, with one learned length g per filter, K weights more; with ``normed: spectral`` as w / s, where
    s = u*W*v estimates the largest singular value of the K x (F*F*D/groups) matrix W. The vectors u and v are buffers,
    which a run does not update. The memory is that of PyTorch's parametrizations, and of timm's StdConv2d.

    Source: CS231n, "Convolutional Layer"; groups: Krizhevsky et al. 2012; connections: LeCun et al. 1998, Table I;
    dilation: Yu and Koltun 2016; standardized: Qiao et al. 2019; normed: Salimans and Kingma 2016, Miyato et al. 2018.
    """

    kind: ClassVar[str] = "conv"
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        **dict.fromkeys(("conv", "convolution"), ("CONV{k}{n}{s}(pad=0)", "without pad=0 CONV pads to keep the size")),
        "convolutional": ("CONV{k}{n}{s}", "it pads to keep the size, as pad=1 of darknet does"),
        **dict.fromkeys(("pointwise", "pointwiseconv"), ("CONV1{n}{s}", "a convolution with a kernel of 1x1")),
        **dict.fromkeys(
            ("atrousconv", "dilatedconv"), ("CONV{k}{n}{s}(pad=0, dilation=2)", "with your dilation and pad")
        ),
        "weightnorm": ("CONV{k}{n}{s}(normed=weight)", "a key of the convolution whose weights it normalizes"),
        "spectralnorm": ("CONV{k}{n}{s}(normed=spectral)", "a key of the convolution whose weights it normalizes"),
        **dict.fromkeys(
            ("stdconv", "wsconv", "scaledstdconv"), ("CONV{k}{n}{s}(standardized=yes)", "weights are standardized")
        ),
        **dict.fromkeys(("groupconv", "groupedconv"), ("CONV{k}{n}{s}(pad=0, groups=2)", "with your groups and pad")),
    }
    example: ClassVar[str] = "INPUT 56x56x32 -> CONV3-64/2"
    tied_to: ClassVar[str | None] = "deconv"
    depth_key: ClassVar[str | None] = "filters"
    thin_keys: ClassVar[Mapping[str, Any]] = {"filters": 1, "groups": 1, "connections": None, "standardized": False}
    dash: ClassVar[str | None] = "filters"
    bare: ClassVar[str | None] = "filters"
    sizes: ClassVar[Mapping[str, Sizing]] = {"filters": Sizing("filters", by_depth=True), "kernel": Sizing("kernel")}

    filters: int = key(Whole(1), 64, means="the number of filters: the depth of the output")
    groups: int = key(Whole(1), 1, means="parts of the depth, each with its share of the filters")
    connections: tuple[tuple[int, ...], ...] | None = key(
        Connections(), None, note="each sees all maps", means="for each filter the input maps, from 0, that it sees"
    )
    standardized: bool = key(Boolean(), False, means="whether each filter gets mean 0 and variance 1")
    normed: str = key(
        Choice("none", "weight", "spectral"),
        "none",
        means="weight: a learned length; spectral: a largest singular value of 1",
    )

    def _check(self) -> None:
        super()._check()
        if self.connections is not None:
            if len(self.connections) != self.filters:
                raise ValueProblem(
                    "connections: there must be one list for each filter, but found "
                    f"{plural(len(self.connections), 'list')} for {plural(self.filters, 'filter')}"
                )
            if self.groups > 1:
                raise ValueProblem(f"connections: with a connection table groups must be 1, but is {self.groups}")

        if self.connections is not None and (self.standardized or self.normed != "none"):
            raise ValueProblem("connections: with a connection table the weights cannot be standardized or normed")
        if self.standardized and self.normed != "none":
            raise ValueProblem("normed: weights are either standardized or normed, not both")

    def groups_of(self, x: Volume) -> int:
        return self.groups

    @property
    def untied(self) -> str | None:
        written = self.written()
        return next((name for name in ("connections", "standardized", "normed") if name in written), None)

    def fan_in(self, shape: tuple[int, ...]) -> int:
        # with connections the weights have shape (connections, height, width)
        return super().fan_in(shape) if self.connections is None else max(1, prod(shape) // self.filters)

    def label(self) -> str:
        unusual = self.unusual("groups", "dilation", "standardized", "normed")
        return f"CONV{sized(self.kernel)}-{self.filters}{self._slash()}{unusual}"

    def _depth_step(self, x: Volume, output: Volume) -> str:
        return f"depth {self.filters} = filters"

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        require_groups(x.depth, self.groups, self.filters)
        if self.connections is not None:
            furthest = max(max(maps) for maps in self.connections)
            if furthest >= x.depth:
                raise ShapeError(
                    f"a connection must name an input map, but map {furthest} is not among the {x.depth} maps "
                    f"0 to {x.depth - 1}",
                    code="no-such-map",
                    key="connections",
                )
        return Volume(*self.windows(x).steps, self.filters)

    def channel_use(self, *inputs: Volume) -> str:
        if self.connections is None:
            return "mixed" if self.groups == 1 else "apart"
        return "apart" if len({map_ for maps in self.connections for map_ in maps}) == inputs[0].depth else "some"

    def torch_sample(self, x: Volume, batch: int, *, training: bool) -> int | None:
        return self.kernels(x).value // self.filters if self.standardized else None

    def kernels(self, x: Volume) -> Count:
        """(F*F*D)*K, the number of weights; with groups (F*F*D/groups)*K."""
        if self.connections is not None:
            return product(product(*self.kernel), sum(len(maps) for maps in self.connections))
        return product(product(*self.kernel, x.depth // self.groups), self.filters)

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        (x,) = inputs
        if self.connections is not None:
            shape: tuple[int, ...] = (sum(len(maps) for maps in self.connections), *self.kernel)
        else:
            shape = (*self.kernel, x.depth // self.groups, self.filters)
        found = [Parameter("weight", shape, self.kernels(x))]
        if self.normed == "weight":
            found.append(Parameter("length", (self.filters,), Count(self.filters)))
        if self.bias:
            found.append(Parameter("bias", (self.filters,), Count(self.filters), "bias"))
        return tuple(found)

    def buffers(self, *inputs: Volume) -> tuple[Parameter, ...]:
        if self.normed != "spectral":
            return ()
        columns = product(*self.kernel, inputs[0].depth // self.groups)
        left = Parameter("left", (self.filters,), Count(self.filters), "buffer")
        return (left, Parameter("right", (columns.value,), columns, "buffer"))

    def filter_bank(
        self,
        xp: Any,
        sides: Sequence[int],
        *,
        weight: Any,
        bias: Any = None,
        length: Any = None,
        left: Any = None,
        right: Any = None,
    ) -> FilterBank | None:
        if self.connections is not None:
            return None
        used = self._used(xp, weight, length, left, right)
        return FilterBank(used, bias, self.groups, self.begins_of(sides), self.dilation)

    def forward(
        self, xp: Any, x: Any, *, weight: Any, bias: Any = None, length: Any = None, left: Any = None, right: Any = None
    ) -> Any:
        weight = self._used(xp, weight, length, left, right)
        begins, maps = self.begins_of(x.shape[1:-1]), planes(x)
        batch, depth = maps.shape[:2]
        if self.connections is None and 1 < depth == self.groups:
            kernels = weight.reshape(*weight.shape[:-2], depth, -1)
            return pixels(convolve_maps(xp, maps, kernels, bias, begins, self.dilation))
        result = xp.empty((batch, self.filters, *map(len, begins)), x.dtype)
        if self.connections is not None:
            first = 0
            for number, sources in enumerate(self.connections):
                kernels = xp.moveaxis(weight[first : first + len(sources)], 0, -1)[..., None]
                out_maps = slice(number, number + 1)
                shift = None if bias is None else bias[out_maps]
                convolve(xp, maps[:, list(sources)], kernels, shift, begins, self.dilation, result[:, out_maps])
                first += len(sources)
            return pixels(result)
        in_depth, out_depth = depth // self.groups, self.filters // self.groups
        for group in range(self.groups):
            in_maps = slice(group * in_depth, (group + 1) * in_depth)
            out_maps = slice(group * out_depth, (group + 1) * out_depth)
            shift = None if bias is None else bias[out_maps]
            convolve(xp, maps[:, in_maps], weight[..., out_maps], shift, begins, self.dilation, result[:, out_maps])
        return pixels(result)

    def lower_padded(self, builder: TorchBuilder, x: int) -> int:
        if not self.standardized and self.normed == "none":
            return super().lower_padded(builder, x)
        weights = self.kernels(builder.volumes[0]).value
        used = 2 if self.normed == "weight" else 1
        lowered = {"none": lower_standardized, "weight": lower_weight_norm, "spectral": lower_spectral_norm}
        weight = lowered[self.normed](builder, weights, self.filters)
        result = builder.single([x], order=self.torch_order(builder, x), made=(weight, used))
        builder.hold(weight)  # an argument
        return result

    def order_in_torch(self, arrays: Sequence[Parameter]) -> Sequence[Parameter]:
        # what normed weights are computed from is registered after the bias, their length first
        return super().order_in_torch(arrays) if self.normed == "none" else arrays[::-1]

    def _used(self, xp: Any, weight: Any, length: Any, left: Any, right: Any) -> Any:
        """The weights that the convolution uses: kernel sides x D/groups x K."""
        over = tuple(range(weight.ndim - 1))
        if self.standardized:
            return normalized(xp, weight, over, STANDARD_EPS)
        if self.normed == "weight":
            return weight * (length / xp.sqrt(xp.square(weight).sum(axis=over)))
        if self.normed == "spectral":
            return weight / (weight * _outer(weight, left, right)).sum()
        return weight

    def _through_norm(self, xp: Any, change: Any, saved: Saved) -> dict[str, Any]:
        """The gradients of the weights, and of the lengths, from the gradient of the weights that are used."""
        weight = saved.parameters["weight"]
        over = tuple(range(weight.ndim - 1))
        if self.standardized:
            inverse = 1 / xp.sqrt(weight.var(axis=over) + STANDARD_EPS)
            h = (weight - weight.mean(axis=over)) * inverse
            return {"weight": (change - change.mean(axis=over) - h * (change * h).mean(axis=over)) * inverse}
        if self.normed == "weight":
            inverse = 1 / xp.sqrt(xp.square(weight).sum(axis=over))
            along = (change * weight).sum(axis=over) * inverse
            factor = saved.parameters["length"] * inverse
            return {"weight": factor * (change - weight * (inverse * along)), "length": along}
        if self.normed == "spectral":
            outer = _outer(weight, saved.parameters["left"], saved.parameters["right"])
            gain = (weight * outer).sum()
            return {"weight": (change - outer * ((change * weight).sum() / gain)) / gain}
        return {"weight": change}

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        (needs_gradient,) = saved.needs_gradient
        numbers = saved.parameters
        weight = self._used(xp, *[numbers.get(name) for name in ("weight", "length", "left", "right")])
        incoming = planes(gradient)
        depth, begins = saved.shape[1], self.begins_of(saved.shape[2:])
        maps = planes(saved.x) if saved.learns else None
        if self.connections is None and 1 < depth == self.groups:
            kernels = weight.reshape(*self.kernel, depth, -1)
            result, change = unconvolve_maps(
                xp, maps, incoming, kernels, begins, self.dilation, saved.shape, needs_gradient=needs_gradient
            )
            change = None if change is None else change.reshape(weight.shape)
        else:
            result = xp.empty(saved.shape, gradient.dtype) if needs_gradient else None
            back = self._back_in_groups if self.connections is None else self._back_over_connections
            change = back(xp, maps, incoming, weight, result, begins)
        found = self._through_norm(xp, change, saved) if saved.learns else {}
        if saved.learns and self.bias:
            found["bias"] = incoming.sum(axis=over_sides(incoming)).sum(axis=0)
        return (None if result is None else pixels(result),), found

    def _back_in_groups(self, xp: Any, maps: Any, incoming: Any, weight: Any, result: Any, begins: Any) -> Any:
        """The gradient of the weights (None without ``maps``); that of the input is written to ``result``."""
        change: Any = None if maps is None else xp.empty(weight.shape, weight.dtype)
        in_depth, out_depth = weight.shape[-2], self.filters // self.groups
        for group in range(self.groups):
            in_maps = slice(group * in_depth, (group + 1) * in_depth)
            out_maps = slice(group * out_depth, (group + 1) * out_depth)
            if result is not None:
                unconvolve(xp, incoming[:, out_maps], weight[..., out_maps], begins, self.dilation, result[:, in_maps])
            if maps is not None:
                target = change[..., out_maps] if self.groups > 1 else change
                correlate(xp, maps[:, in_maps], incoming[:, out_maps], begins, self.kernel, self.dilation, target)
        return change

    def _back_over_connections(self, xp: Any, maps: Any, incoming: Any, weight: Any, result: Any, begins: Any) -> Any:
        """As :meth:`_back_in_groups`, computed over all maps with zero weights where there is no connection."""
        which = [(sources, filters) for filters, group in enumerate(self.connections or ()) for sources in group]
        sources, filters = [pair[0] for pair in which], [pair[1] for pair in which]
        depth = maps.shape[1] if result is None else result.shape[1]
        dense = xp.zeros((*self.kernel, depth, self.filters), weight.dtype)
        dense[..., sources, filters] = xp.moveaxis(weight, 0, -1)
        if result is not None:
            unconvolve(xp, incoming, dense, begins, self.dilation, result)
        if maps is None:
            return None
        correlate(xp, maps, incoming, begins, self.kernel, self.dilation, dense)
        return xp.ascontiguousarray(xp.moveaxis(dense[..., sources, filters], -1, 0))
