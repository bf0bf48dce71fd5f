"""Transposed convolution."""

from __future__ import annotations

from math import prod

from cnncalc.counts import Count, product
from cnncalc.errors import ShapeError, ValueProblem
from cnncalc.layers.base import Parameter, key
from cnncalc.layers.convolution import Filters, at_each
from cnncalc.layers.keys import Boolean, Whole
from cnncalc.layers.planes import by_channel, conv_transpose, convolve, over_sides, pixels, planes
from cnncalc.layers.planes_backward import correlate
from cnncalc.layers.requirements import require_groups
from cnncalc.layers.side_keys import Pad, Sizes
from cnncalc.layers.stencil import Stencil
from cnncalc.layers.window import beginnings, ends, enlarged, extent, sized
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volumes


class Deconv(Filters):
    """Transposed convolution: each position of the input adds one weighted window to the output.

    Formula: y = the sum of the windows x[i, j, d] * w[.., .., d, k], S pixels apart, plus the bias of map k.
    Volume: height (H - 1)*S - 2P + dilation*(F - 1) + output_pad + 1; width alike; depth K, the filters.
    Learned: F*F*D/groups weights and one bias per filter.

    Rows and columns that ``pad`` crops are computed first, so the multiply-adds are input positions x kernel x depths.

    Source: Dumoulin and Visin 2016, chapter 4.
    """

    kind: ClassVar[str] = "deconv"
    other_names: ClassVar[tuple[str, ...]] = ("upconv", "deconvolution")
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = dict.fromkeys(
        ("convtranspose", "convtransposed", "convt", "tconv", "transposedconv", "transposeconv", "deconv"),
        ("DECONV{k}{N}{S}", "the stride of PyTorch and Keras is 1 unless written, that of DECONV 2"),
    )
    example: ClassVar[str] = "INPUT 28x28x64 -> DECONV2-32/2"
    tied_to: ClassVar[str | None] = "conv"
    weight_use: ClassVar[str] = "every weight is used at each of the {sides} positions of the input"
    depth_key: ClassVar[str | None] = "filters"
    thin_keys: ClassVar[Mapping[str, Any]] = {"filters": 1, "groups": 1}
    dash: ClassVar[str | None] = "filters"
    bare: ClassVar[str | None] = "filters"

    filters: int = key(Whole(1), means="the number of filters: the depth of the output")
    kernel: tuple[int, ...] = key(Sizes(), 2, means="sides of the window")
    stride: tuple[int, ...] = key(Sizes(), 2, means="pixels of the output from one window to the next")
    pad: tuple[int, ...] | str = key(Pad(), 0, means="how much of the output is cropped at each end of its sides")
    output_pad: tuple[int, ...] = key(Sizes(0), 0, means="how much is added at the end of each side of the output")
    dilation: tuple[int, ...] = key(Sizes(), 1, means="pixels from one element of the window to the next")
    groups: int = key(Whole(1), 1, means="parts of the depth, each with its share of the filters")
    bias: bool = key(Boolean(), True, means="whether each filter has a bias")

    def _check(self) -> None:
        for side in range(len(self.kernel)):
            if self.pad == "same" and (self.kernel[side] < self.stride[side] or self.output_pad[side]):
                raise ValueProblem(
                    "pad: same means an output of size*stride, which needs a kernel of at least the "
                    f"stride and no output_pad, but kernel is {self.kernel[side]}, stride {self.stride[side]}, "
                    f"output_pad {self.output_pad[side]}"
                )
            if self.output_pad[side] >= max(self.stride[side], self.dilation[side]):
                raise ValueProblem(
                    f"output_pad: must be smaller than the stride or the dilation, but {self.output_pad[side]} is not "
                    f"below stride {self.stride[side]} or dilation {self.dilation[side]}"
                )

    def pads(self) -> tuple[tuple[int, int], ...]:
        """How much is cropped at the beginning and at the end of each side."""
        if not isinstance(self.pad, str):
            return ends(self.pad)
        # same: output = size * stride; the odd element at the end, as in TensorFlow
        sides = zip(self.kernel, self.dilation, self.stride, strict=True)
        crops = [extent(kernel, dilation) - stride for kernel, dilation, stride in sides]
        return tuple([(crop // 2, crop - crop // 2) for crop in crops])

    def groups_of(self, x: Volume) -> int:
        return self.groups

    def fan_in(self, shape: tuple[int, ...]) -> int:
        return max(1, prod(shape[:-1]) // self.groups // prod(self.stride))

    def label(self) -> str:
        unusual = self.unusual("groups", "dilation")
        return f"DECONV{sized(self.kernel)}-{self.filters}/{sized(self.stride)}{unusual}"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        steps = []
        for side, (name, (before, after)) in enumerate(zip(output.names, self.pads(), strict=True)):
            crop = f"2*{before}" if before == after else f"({before} + {after})"
            grown = f"({inputs[0][side]} - 1)*{self.stride[side]} - {crop}"
            window = f"{self.dilation[side]}*({self.kernel[side]} - 1) + {self.output_pad[side]} + 1"
            steps.append(f"{name} {grown} + {window} = {output[side]}")
        return [*steps, f"depth {self.filters} = filters"]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        require_groups(x.depth, self.groups, self.filters)
        sizes = []
        for side, (size, pad) in enumerate(zip(x.sides, self.pads(), strict=True)):
            window = extent(self.kernel[side], self.dilation[side])
            whole = (size - 1) * self.stride[side] + window + self.output_pad[side]
            if whole <= sum(pad):
                raise ShapeError(
                    f"cropping must leave at least 1, but pad crops {sum(pad)} of {x.names[side]} {whole}",
                    code="volume-vanishes",
                    key="pad",
                )
            sizes.append(whole - sum(pad))
        return Volume(*sizes, self.filters)

    def kernels(self, x: Volume) -> Count:
        """(F*F*D)*K, the weights with their arithmetic; with groups (F*F*D)*(K/groups)."""
        return product(product(*self.kernel, x.depth), self.filters // self.groups)

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        (x,) = inputs
        shape = (*self.kernel, x.depth, self.filters // self.groups)
        weight = Parameter("weight", shape, self.kernels(x))
        if not self.bias:
            return (weight,)
        return (weight, Parameter("bias", (self.filters,), Count(self.filters), "bias"))

    def macs(self, inputs: Volumes, output: Volume) -> Count:
        (x,) = inputs
        return at_each(self.kernels(x), x)

    def stencils(self, *inputs: Volume, of: int = 0) -> tuple[Stencil, ...] | None:
        # input i reaches the outputs i*stride - before + t*dilation for each t of the kernel
        sides = zip(self.kernel, self.dilation, self.stride, beginnings(self.pads()), strict=True)
        return tuple([Stencil(1, range(pad - gap * (k - 1), pad + 1, gap), step) for k, gap, step, pad in sides])

    def channel_use(self, *inputs: Volume) -> str:
        return "mixed" if self.groups == 1 else "apart"

    def forward(self, xp: Any, x: Any, *, weight: Any, bias: Any = None) -> Any:
        maps, crop = planes(x), self.pads()
        sizes = [
            (size - 1) * self.stride[side] + self.dilation[side] * (weight.shape[side] - 1) + 1 + self.output_pad[side]
            for side, size in enumerate(maps.shape[2:])
        ]
        shape = [size - sum(pad) for size, pad in zip(sizes, crop, strict=True)]
        result = xp.empty((len(maps), self.filters, *shape), x.dtype)
        in_depth, each = maps.shape[1] // self.groups, weight.shape[-1]
        for group in range(self.groups):
            in_maps, out_maps = slice(group * in_depth, (group + 1) * in_depth), slice(group * each, (group + 1) * each)
            conv_transpose(
                xp,
                maps[:, in_maps],
                weight[..., in_maps, :],
                self.stride,
                self.dilation,
                self.output_pad,
                crop,
                result[:, out_maps],
            )
        if bias is not None:
            result += by_channel(bias, result)
        return pixels(result)

    def copies_weight_gradient(self, shape: tuple[int, ...]) -> bool:
        return prod(shape[:-2]) > 1 and shape[-1] > 1

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        pads, convolution = self.pads(), (inputs[0], self.kernel, self.groups)
        order = builder.convolution_order(*convolution)
        is_resized = self.groups == 1 and builder.is_cpu and len(pads) == 3 and builder.is_without_onednn(*convolution)
        if all(before == after for before, after in pads):
            return builder.single(inputs, is_resized=is_resized, order=order)
        whole = builder.single(inputs, output=enlarged(builder.output, pads), is_resized=is_resized, order=order)
        return builder.resized(whole, builder.output, crops=True)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        # the transpose of a transposed convolution is a convolution
        (needs_gradient,) = saved.needs_gradient
        weight, incoming = saved.parameters["weight"], planes(gradient)
        depth, each = saved.shape[1], weight.shape[-1]
        sides = zip(saved.shape[2:], self.stride, beginnings(self.pads()), strict=True)
        windows = [range(-pad, size * stride - pad, stride) for size, stride, pad in sides]
        result = xp.empty(saved.shape, gradient.dtype) if needs_gradient else None
        change = xp.empty(weight.shape, weight.dtype) if saved.learns else None
        in_depth = depth // self.groups
        for group in range(self.groups):
            in_maps, out_maps = slice(group * in_depth, (group + 1) * in_depth), slice(group * each, (group + 1) * each)
            if result is not None:
                transposed = weight[..., in_maps, :].swapaxes(-1, -2)
                convolve(xp, incoming[:, out_maps], transposed, None, windows, self.dilation, result[:, in_maps])
            if change is not None:
                maps = planes(saved.x)[:, in_maps]
                correlate(
                    xp,
                    incoming[:, out_maps],
                    maps,
                    windows,
                    self.kernel,
                    self.dilation,
                    change[..., in_maps, :],
                    transposed=True,
                )
        found = {"weight": change} if saved.learns else {}
        if saved.learns and self.bias:
            found["bias"] = incoming.sum(axis=over_sides(incoming)).sum(axis=0)
        return (None if result is None else pixels(result),), found
