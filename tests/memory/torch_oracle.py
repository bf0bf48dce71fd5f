"""Nets in PyTorch, and the bytes that a training step and an inference allocate.

:class:`Net` builds the PyTorch modules of a report and calls them block by block; the dots in the names give the
blocks. :func:`measure_fake` runs it under FakeTensorMode on a device "cuda", which need not exist, and counts every
tensor that an operation creates, each rounded up to 512 bytes.
"""

from __future__ import annotations

import gc
import itertools
import math
import weakref
from contextlib import ExitStack, nullcontext
from types import MethodType
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F  # noqa: N812  # its usual name
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from cnncalc.interop.torch_layers import REARRANGED, dims
from tests.memory import torch_composed, torch_sequences
from tests.memory.torch_device import stand_in_for_cuda

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.analysis.report import LayerReport, Report

AUXILIARY = 0.3
"""The weight of the loss of an auxiliary head."""


class Measured(NamedTuple):
    """Bytes of live tensors in the second step, in the first step and in one inference."""

    peak: int
    first_step_peak: int
    after_forward: int
    after_backward: int
    saved: int
    inference: int


# Layers


def _on(x: Any) -> int:
    """The number of sides of a volume."""
    return len(x.sides)


def _module(name: str, x: Any) -> Any:
    """The module of that name for a volume: ``Conv`` is nn.Conv2d for two sides."""
    return getattr(nn, f"{name}{_on(x)}d")


def _ends(pad: Any, x: Any, kernel: Any, stride: Any, dilation: Any) -> list[tuple[int, int]]:
    """The padding at the beginning and at the end of each side."""
    if not isinstance(pad, str):
        half = len(pad) // 2
        return list(zip(pad[:half], pad[half:], strict=True))
    ends: list[tuple[int, int]] = []
    for side, size in enumerate(x.sides):
        window = dilation[side] * (kernel[side] - 1) + 1
        whole = max(0, (-(-size // stride[side]) - 1) * stride[side] + window - size)
        ends.append((whole // 2, whole - whole // 2))
    return ends


def _around(ends: Sequence[tuple[int, int]], fill: float = 0.0) -> Callable[[Any], Any]:
    """The padding as a separate step; PyTorch lists the last side first."""
    listed = [number for pair in reversed(ends) for number in pair]
    return lambda x: F.pad(x, listed, value=fill)


def _padding(ends: Sequence[tuple[int, int]], fill: float = 0.0) -> Callable[[Any], Any] | None:
    """The padding as a separate step, if the layer of PyTorch cannot do it."""
    return None if all(first == last for first, last in ends) else _around(ends, fill)


def _after(before: Callable[[Any], Any] | None, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if before is None:
        return function
    return lambda x: function(before(x))


class Scale(nn.Module):
    """One factor and one shift for each channel, or for all of them, as far as they are wanted."""

    def __init__(
        self, x: Any, *, scale: bool = True, shift: bool = True, shared: bool = False, flat: bool = False
    ) -> None:
        super().__init__()
        shape = (1,) if shared else (1, x.depth) if flat else (1, x.depth, *[1] * _on(x))
        self.weight = nn.Parameter(torch.ones(shape)) if scale else None
        self.bias = nn.Parameter(torch.zeros(shape)) if shift else None

    def forward(self, x: Any) -> Any:
        x = x if self.weight is None else x * self.like(x, self.weight)
        return x if self.bias is None else x + self.like(x, self.bias)

    def like(self, x: Any, numbers: Any) -> Any:
        """The numbers with the dimensions of x, where the module is used on others than it was made for."""
        return numbers if numbers.dim() in (1, x.dim()) else numbers.reshape(1, -1, *[1] * (x.dim() - 2))


class Rbf(nn.Module):
    """Squared distances to fixed centres."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.ones(units, inputs))

    def forward(self, x: Any) -> Any:
        centre: Any = self.centre
        return torch.cdist(x.flatten(1), centre) ** 2


def _conv(row: LayerReport) -> tuple[nn.Module, Callable[[Any], Any]]:
    layer: Any = row.layer
    (x,) = row.input_volumes
    if row.kind == "deconv":
        crop = layer.pads()
        even = all(first == last for first, last in crop)
        module: nn.Module = _module("ConvTranspose", x)(
            x.depth,
            layer.filters,
            layer.kernel,
            layer.stride,
            [first for first, _ in crop] if even else 0,
            layer.output_pad,
            layer.groups,
            layer.bias,
            layer.dilation,
        )
        return module, module if even else _after(module, _around([(-first, -last) for first, last in crop]))
    ends = _ends(layer.pads(), x, layer.kernel, layer.stride, layer.dilation)
    before = _padding(ends)
    groups = x.depth if row.kind == "dwconv" else layer.groups
    module = _module("Conv", x)(
        x.depth,
        row.output.depth,
        layer.kernel,
        layer.stride,
        [first for first, _ in ends] if before is None else 0,
        layer.dilation,
        groups,
        layer.bias,
    )
    module = torch_composed.normed(layer, module)
    return module, _after(before, module)


def _pool(row: LayerReport) -> Callable[[Any], Any]:
    layer: Any = row.layer
    (x,) = row.input_volumes
    made: Callable[[Any], Any]
    if row.kind != "lppool" and layer.adaptive is not None:
        made = _module("AdaptiveMaxPool" if row.kind == "pool" else "AdaptiveAvgPool", x)(layer.adaptive)
        return made
    dilation = layer.dilation if row.kind == "pool" else (1,) * _on(x)
    ends = _ends(layer.pad, x, layer.kernel, layer.step, dilation)
    ceil = layer.round == "ceil"
    if row.kind == "lppool" and ceil and any(map(any, ends)):
        return torch_composed.lp_pool(layer, x, ends, row.output.sides)
    if row.kind == "lppool":
        # the function for one side takes only numbers
        kernel, step = (value[0] if _on(x) == 1 else value for value in (layer.kernel, layer.step))
        made = _module("LPPool", x)(layer.power, kernel, step, ceil)
        return _after(_around(ends) if any(map(any, ends)) else None, made)
    # which PyTorch's pools do only up to half a kernel
    half = all(2 * first <= size for (first, _), size in zip(ends, layer.kernel, strict=True))
    fill = -torch.inf if row.kind == "pool" else 0.0
    before = _padding(ends, fill) if half else _around(ends, fill)
    padding = [first for first, _ in ends] if before is None else 0
    if row.kind == "pool":
        made = _module("MaxPool", x)(layer.kernel, layer.step, padding, dilation, ceil_mode=ceil)
    else:
        made = _module("AvgPool", x)(layer.kernel, layer.step, padding, ceil, layer.count_pad)
    pooled = _after(before, made)
    if not ceil or before is None:
        return pooled
    # PyTorch's rule for the last window knows only equal pads: here one that begins in the far padding is dropped
    kept = (slice(None), slice(None), *[slice(count) for count in row.output.sides])
    return lambda x: pooled(x)[kept]


class DepthLast(nn.Module):
    """Applies a module for the last dimension of a tensor along the depth."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Any) -> Any:
        return self.inner(x.movedim(1, -1)).movedim(-1, 1)


def _affine(module: Any, row: LayerReport) -> nn.Module:
    """Removes the scale or shift that the layer does not have."""
    layer: Any = row.layer
    depth = row.output.depth
    shape = getattr(module, "normalized_shape", (depth,))
    module.weight = nn.Parameter(torch.ones(shape)) if layer.scale else None
    module.bias = nn.Parameter(torch.zeros(shape)) if layer.shift else None
    if row.kind == "ln":
        module.elementwise_affine = layer.scale or layer.shift
    else:
        module.affine = layer.scale or layer.shift
    return module


def _norm(row: LayerReport, flat: bool) -> nn.Module:
    layer: Any = row.layer
    x = row.output
    depth = x.depth
    if row.kind == "bn":
        cls = nn.BatchNorm1d if flat else _module("BatchNorm", x)
        return _affine(cls(depth, affine=False, track_running_stats=layer.stats), row)
    if row.kind == "gn":
        return _affine(nn.GroupNorm(layer.groups, depth, affine=False), row)
    if row.kind == "in":
        return _affine(_module("InstanceNorm", x)(depth, affine=False), row)
    axes = layer.over(len(x.sides)) if row.kind == "ln" else layer.axes
    is_deep = axes == "depth"
    shape = (depth,) if flat or is_deep else (depth, *x.sides)
    if isinstance(axes, tuple):
        return _norm_over(row, axes)
    if row.kind == "rms":
        rms = nn.RMSNorm(shape, eps=layer.eps, elementwise_affine=layer.scale)
        return DepthLast(rms) if is_deep else rms
    if row.kind == "l2norm":
        return L2Norm(shape, scale=layer.scale, eps=layer.eps)
    norm = _affine(nn.LayerNorm(shape, elementwise_affine=False), row)
    return DepthLast(norm) if is_deep else norm


class AxesLast(nn.Module):
    """A module that works on a tensor with some axes behind the others."""

    def __init__(self, inner: nn.Module, order: Sequence[int]) -> None:
        super().__init__()
        self.inner, self.order = inner, order

    def forward(self, x: Any) -> Any:
        maps = x if x.dim() > 2 else x[(slice(None), slice(None), *(None,) * (len(self.order) - 2))]
        result = self.inner(maps.permute(self.order)).permute([self.order.index(side) for side in range(maps.dim())])
        return result if x.dim() > 2 else result.flatten(1)


def _norm_over(row: LayerReport, axes: tuple[str, ...]) -> nn.Module:
    """LN, RMS or L2NORM over other axes than the depth or the volume."""
    layer: Any = row.layer
    names, sizes = ("depth", *row.output.names), (row.output.depth, *row.output.sides)
    chosen = [1 + names.index(name) for name in axes]
    if row.kind == "l2norm":
        whole = tuple([size if name in axes else 1 for name, size in zip(names, sizes, strict=True)])
        return L2Norm(whole, scale=layer.scale, eps=layer.eps, dims=tuple(chosen))
    shape = [sizes[side - 1] for side in chosen]
    inner: nn.Module = nn.RMSNorm(shape, eps=layer.eps, elementwise_affine=layer.scale)
    if row.kind == "ln":
        inner = _affine(nn.LayerNorm(shape, elementwise_affine=False), row)
    return AxesLast(inner, [0, *[side for side in range(1, 1 + len(names)) if side not in chosen], *chosen])


class L2Norm(nn.Module):
    """Euclidean normalization along the depth or over the volume, optionally with a learned factor."""

    def __init__(self, shape: tuple[int, ...], *, scale: bool, eps: float, dims: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.dims, self.eps = dims or tuple(range(1, len(shape) + 1)), eps
        self.weight = nn.Parameter(torch.ones(shape)) if scale else None

    def forward(self, x: Any) -> Any:
        dims: Any = self.dims  # the type stub of PyTorch allows only one
        if x.dim() == 2 and max(dims) > 1:
            return self.forward(x[(slice(None), slice(None), *(None,) * (max(dims) - 1))]).flatten(1)
        x = F.normalize(x, dim=dims, eps=self.eps)
        weight: Any = self.weight
        if weight is None:
            return x
        return x * weight.reshape(*weight.shape, *(1,) * (x.dim() - 1 - weight.dim()))


class GlobalResponse(nn.Module):
    """GRN as in the code of its authors, on maps."""

    def __init__(self, volume: Any, eps: float) -> None:
        super().__init__()
        self.eps = eps
        shape = (1, volume.depth, *[1] * len(volume.sides))
        self.gamma, self.beta = nn.Parameter(torch.zeros(shape)), nn.Parameter(torch.zeros(shape))

    def forward(self, x: Any) -> Any:
        lengths = torch.norm(x, p=2, dim=tuple(range(2, x.dim())), keepdim=True)
        relative = lengths / (lengths.mean(dim=1, keepdim=True) + self.eps)
        return self.gamma * (x * relative) + self.beta + x


class Dropped(nn.Module):
    """Dropout of elements, channels, or images (images as in timm and torchvision)."""

    def __init__(self, whole: str, rate: float, placed: bool) -> None:
        super().__init__()
        self.whole, self.rate, self.placed = whole, rate, placed

    def forward(self, x: Any) -> Any:
        if self.whole == "element":
            return F.dropout(x, self.rate, self.training, self.placed)
        if self.whole == "channel":
            return (
                torch.feature_dropout_(x, self.rate, self.training)
                if self.placed
                else torch.feature_dropout(x, self.rate, self.training)
            )
        if not self.training or self.rate == 0:
            return x
        mask = x.new_empty(len(x), *[1] * (x.dim() - 1)).bernoulli_(1 - self.rate)
        if self.rate < 1:
            mask.div_(1 - self.rate)
        return x.mul_(mask) if self.placed else x * mask


def _constants(factor: Any, shift: Any) -> Callable[[Any], Any]:
    """The factor and the summand: numbers, or tensors with one number for each channel."""

    def function(x: Any) -> Any:
        def made(value: Any) -> Any:
            return x.new_tensor(value).view(-1, *[1] * (x.dim() - 2)) if isinstance(value, tuple) else value

        if factor == -1 and shift != 0 and not isinstance(shift, tuple):
            return shift - x
        if factor != 1 or shift == 0:
            x = x * made(factor)
        return x if shift == 0 else x + made(shift)

    return function


LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
"""PyTorch's names of linear interpolation, by the number of sides."""


SIMPLE: dict[str, Any] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "silu": nn.SiLU,
    "hswish": nn.Hardswish,
    "mish": nn.Mish,
    "selu": nn.SELU,
}


def _activation(row: LayerReport) -> Callable[[Any], Any]:
    layer: Any = row.layer
    placed = row.in_place
    if row.kind == "clip":
        return lambda x: (torch.clamp_ if placed else torch.clamp)(x, layer.low, layer.high)
    if row.kind == "hardtanh":
        return lambda x: F.hardtanh(x, layer.low, layer.high, placed)
    if row.kind == "hsigmoid":
        if layer.slope == 1 / 6 and layer.shift == 0.5:
            return nn.Hardsigmoid(placed)
        return lambda x: torch.clamp(x * layer.slope + layer.shift, 0, 1)
    if row.kind == "glu":
        return nn.GLU(1)
    if row.kind == "lrelu":
        return nn.LeakyReLU(layer.slope, placed)
    if row.kind == "elu":
        return nn.ELU(layer.alpha, placed)
    if row.kind == "gelu":
        return nn.GELU("tanh" if layer.form == "tanh" else "none")
    if row.kind == "softplus":
        return nn.Softplus()
    if row.kind in SIMPLE:
        module: Callable[[Any], Any] = SIMPLE[row.kind](placed)
        return module
    function: Callable[[Any], Any] = getattr(torch, row.kind + ("_" if placed else ""))
    return lambda x: function(x)


def _shuffle(groups: int) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        batch, depth, *sides = x.shape
        return x.view(batch, groups, -1, *sides).transpose(1, 2).reshape(batch, depth, *sides)

    return function


def _softmax(row: LayerReport) -> Callable[[Any], Any]:
    """Over one axis by the function of PyTorch; several axes are first moved and joined into one."""
    layer: Any = row.layer

    def function(x: Any) -> Any:
        along = dims(layer.axes, x) if x.dim() > 2 else [1]
        if len(along) == 1:
            return torch.softmax(x, along[0])
        order = [0, *[dim for dim in range(1, x.dim()) if dim not in along], *along]
        moved = x.permute(order)
        joined = moved.reshape(*moved.shape[: -len(along)], -1)
        return torch.softmax(joined, -1).view(moved.shape).permute([order.index(dim) for dim in range(x.dim())])

    return function


def _blocks(row: LayerReport) -> Callable[[Any], Any]:
    """By the pixel shuffle functions of PyTorch, or as a copy of a permuted view."""
    layer: Any = row.layer
    block, sides = layer.block, len(layer.block)
    goes_deep = row.kind == "space2depth"
    places, counts = [3 + 2 * side for side in range(sides)], [2 + 2 * side for side in range(sides)]
    if layer.order == "focus":
        places = places[::-1]
    order = [0, 1, *places, *counts] if layer.order == "crd" else [0, *places, 1, *counts]

    def deep(x: Any) -> Any:
        parts = [part for size, step in zip(x.shape[2:], block, strict=True) for part in (size // step, step)]
        return x.reshape(*x.shape[:2], *parts).permute(order).reshape(len(x), -1, *parts[::2])

    def shallow(x: Any) -> Any:
        pairs = [part for size, step in zip(x.shape[2:], block, strict=True) for part in (size, step)]
        whole = [len(x), x.shape[1] // math.prod(block), *pairs]
        back = x.reshape([whole[axis] for axis in order]).permute([order.index(axis) for axis in range(len(order))])
        return back.reshape(*whole[:2], *[size * step for size, step in zip(x.shape[2:], block, strict=True)])

    def darknet(x: Any) -> Any:
        wide = [size * step for size, step in zip(x.shape[2:], block, strict=True)]
        moved = deep(x.reshape(len(x), -1, *wide))
        return moved.reshape(len(x), -1, *[size // step for size, step in zip(x.shape[2:], block, strict=True)])

    if layer.order == "crd" and sides == 2 and len(set(block)) == 1:
        function: Any = nn.functional.pixel_unshuffle if goes_deep else nn.functional.pixel_shuffle
        return lambda x: function(x, block[0])
    if not goes_deep:
        return shallow
    return darknet if layer.order == "darknet" else deep


def _joined(row: LayerReport) -> Callable[..., Any]:
    if row.kind == "concat":
        layer: Any = row.layer
        return lambda *inputs: torch.cat(inputs, dims(layer.axis, inputs[0])[0] if inputs[0].dim() > 2 else 1)
    name, placed = {"mean": "add"}.get(row.kind, row.kind), row.in_place

    def function(*inputs: Any) -> Any:
        result = inputs[0]
        for number, other in enumerate(inputs[1:]):
            is_whole = torch.broadcast_shapes(result.shape, other.shape) == result.shape
            again = placed or (number and bool(row.layer.may_work_in_place()) and is_whole)
            result = getattr(result, f"{name}_" if again else name)(other)
        if len(inputs) == 1:
            return result.clone()
        return result / len(inputs) if row.kind == "mean" else result

    return function


def _in_planes(row: LayerReport, function: Callable[..., Any], flat: Sequence[bool]) -> Callable[..., Any]:
    """Calls a function for maps with vectors as maps of one element."""
    takes_maps = row.layer.is_flat is False and row.kind != "reshape"
    if not any(flat) or (all(flat) and not takes_maps):
        return function
    ones = (None,) * len(row.input_volumes[0].sides)
    return lambda *inputs: function(*[x[(slice(None), slice(None), *ones)] if x.dim() == 2 else x for x in inputs])


def build(row: LayerReport, flat: bool) -> tuple[nn.Module | None, Callable[..., Any]]:
    """The module with the parameters of a layer, if any, and its function; ``flat``: its input is batch x depth."""
    kind = row.kind
    layer: Any = row.layer
    if kind in torch_sequences.KINDS:
        return torch_sequences.build(row)
    if kind in torch_composed.KINDS:
        ends = (
            _ends(layer.pads(), row.input_volumes[0], layer.kernel, layer.stride, layer.dilation)
            if layer.keys.get("pad")
            else ()
        )
        composed = torch_composed.build(row, ends)
        if composed is not None:
            return composed, composed
    if kind in ("conv", "dwconv", "deconv"):
        return _conv(row)
    if kind == "fc":
        fc = nn.Linear(row.input_volumes[0].elements, layer.units, layer.bias)
        return fc, fc if flat else lambda x: fc(x.flatten(1))
    if kind == "linear":
        linear = nn.Linear(row.input_volumes[0].depth, layer.units, layer.bias)
        deep = linear if flat else DepthLast(linear)
        return deep, deep
    if kind == "rbf":
        rbf = Rbf(row.input_volumes[0].elements, layer.units)
        return rbf, rbf
    if kind in ("pool", "avgpool", "lppool"):
        return None, _pool(row)
    if kind == "gap":
        return None, _module("AdaptiveAvgPool", row.output)(1)
    if kind == "gmp":
        return None, _module("AdaptiveMaxPool", row.output)(1)
    if kind == "subsample":
        scale = Scale(row.output)
        return scale, _after(_module("AvgPool", row.output)(layer.kernel, layer.step), scale)
    if kind == "scale":
        scale = Scale(row.output, scale=layer.scale, shift=layer.shift, shared=layer.shared, flat=flat)
        return scale, scale
    if kind == "grn":
        response = GlobalResponse(row.output, layer.eps)
        return response, response
    if kind in ("bn", "ln", "gn", "in", "rms", "l2norm"):
        norm = _norm(row, flat)
        return norm, norm
    if kind == "lrn":
        return None, nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)
    if kind == "prelu":
        prelu = nn.PReLU(1 if layer.shared else row.output.depth)
        return prelu, prelu
    if kind == "softmax":
        return None, _softmax(row)
    if kind in ("space2depth", "depth2space"):
        return None, _blocks(row)
    if kind in REARRANGED:  # also UNPOOL, which the net replaces by a function that gets the indices
        return None, lambda *inputs: REARRANGED[kind](layer, *inputs)
    if kind == "dropout":
        drop = Dropped(layer.whole, layer.rate, row.in_place_in_training)
        return drop, drop
    if kind == "affine":
        return None, _constants(layer.factor, layer.shift)
    if layer.is_merge:
        return None, _joined(row)
    if kind == "upsample":
        mode = LINEAR[_on(row.output)] if layer.mode == "bilinear" else layer.mode
        return None, nn.Upsample(scale_factor=layer.factor, mode=mode)
    if kind == "shuffle":
        return None, _shuffle(layer.groups)
    if kind == "slice":
        return None, lambda x: x[
            (*(slice(None),) * (dims(layer.axis, x)[0] if x.dim() > 2 else 1), slice(layer.start, layer.stop))
        ]
    if kind == "identity":
        return None, lambda x: x
    if kind == "flatten":
        return None, lambda x: x.flatten(1)
    if kind == "reshape":
        *sizes, depth = layer.size
        return None, lambda x: x.reshape(-1, depth, *sizes)
    return None, _activation(row)


# Nets


def _row(source: int) -> int:
    """The row that gives a value, or (below 0) the places of a max pool."""
    return source if source >= 0 else ~source


class Block:
    """The layers with one prefix: layers and blocks in the order in which they run.

    ``again``: a checkpointed segment, which runs again in backward.
    """

    def __init__(self, name: str, *, again: bool = False) -> None:
        self.name = name
        self.again = again
        self.steps: list[LayerReport | Block] = []

    def rows(self) -> list[LayerReport]:
        """All layers in the block and its blocks."""
        found: list[LayerReport] = []
        for step in self.steps:
            found += step.rows() if isinstance(step, Block) else [step]
        return found


def blocks(rows: Sequence[LayerReport], segments: Sequence[tuple[int, int]] = ()) -> Block:
    """The blocks that the dots in the names give, and the checkpointed segments (first and last row) in them."""
    top = Block("")
    path = [top]
    paths = {row.index: [row.name[:place] for place, sign in enumerate(row.name) if sign == "."] for row in rows}
    for first, last in segments:
        within = [path for index, path in paths.items() if first <= index <= last]
        levels = zip(*within, strict=False)
        common = len(list(itertools.takewhile(lambda level: len(set(level)) == 1, levels)))
        for names in within:
            names.insert(common, f"segment {first}")
    for row in rows:
        names = paths[row.index]
        shared = 0
        while shared < min(len(names), len(path) - 1) and path[shared + 1].name == names[shared]:
            shared += 1
        del path[shared + 1 :]
        for name in names[shared:]:
            path.append(Block(name, again=name.startswith("segment ")))
            path[-2].steps.append(path[-1])
        path[-1].steps.append(row)
    return top


def _with_places(pool: Any) -> Callable[[Any], Any]:
    """A max pool that also gives the index of each maximum."""
    pool.return_indices = True
    return lambda x: pool(x)


def tied(
    row: LayerReport, built: tuple[Any, Callable[..., Any]], owner: Any, *, flat: bool
) -> tuple[nn.Module, Callable[..., Any]]:
    """A module that uses the weights of another one, transposed; convolutions take them as they are."""
    module = built[0]
    if row.kind in ("conv", "deconv"):
        module.weight = owner.weight
        return built
    inner, other = (each.inner if isinstance(each, DepthLast) else each for each in (module, owner))
    del inner.weight

    def function(x: Any) -> Any:
        return F.linear(x, other.weight.t(), inner.bias)

    if row.kind == "linear" and not flat:
        return module, lambda x: function(x.movedim(1, -1)).movedim(-1, 1)
    return module, function if flat else lambda x: function(x.flatten(1))


class Net(nn.Module):
    """The net of a report. ``segments`` are the first and last rows of checkpointed segments."""

    def __init__(self, report: Report, segments: Sequence[tuple[int, int]] = ()) -> None:
        super().__init__()
        self.report = report
        self.segments = segments
        self.parts = nn.ModuleDict()
        self.functions: dict[int, Callable[..., Any]] = {}
        modules: dict[int, tuple[nn.Module | None, Callable[..., Any]]] = {}
        unpooled = {row.sources[1] for row in report.layers if row.layer.takes_places}
        flat: dict[int, bool] = {}
        for row in report.layers:
            if row.kind == "input":
                flat[row.index] = False
                continue
            source = row.sources[0]
            whole = row.layer.is_flat
            flat[row.index] = all(flat[source] for source in row.sources) if whole is None else whole
            node = report.graph.nodes[row.index]
            if node.share is None or node.transposed:
                modules[row.index] = build(row, flat[source])
                module = modules[row.index][0]
                if module is not None and node.transposed:
                    modules[row.index] = tied(row, modules[row.index], modules[node.share or 0][0], flat=flat[source])
                if module is not None:
                    self.parts[f"m{row.index}"] = module
                    for parameter in module.parameters():
                        parameter.requires_grad_(row.is_trainable)
            else:
                modules[row.index] = modules[node.share]
            function = modules[row.index][1]
            if row.index in unpooled:
                function = _with_places(function)
            elif row.layer.takes_places:
                function = self._unpooling(row)
            self.functions[row.index] = _in_planes(row, function, [flat[s] for s in row.sources])
        outputs = sum(parameter.numel() for parameter in self.parameters())
        assert outputs == report.totals.parameters, (outputs, report.totals.parameters)

    def _unpooling(self, row: LayerReport) -> Callable[[Any, Any], Any]:
        layer: Any = row.layer
        sides, pool = list(row.output.sides), layer.pool
        kernels = torch.ops.aten  # F.max_unpool2d asks for sizes that windows without overlap give

        def function(x: Any, places: Any) -> Any:
            if len(sides) == 1:
                return kernels.max_unpool2d(x.unsqueeze(-1), places.unsqueeze(-1), [*sides, 1]).squeeze(-1)
            if len(sides) == 2:
                return kernels.max_unpool2d(x, places, sides)
            pads = [0] * 3 if pool.adaptive or isinstance(pool.pad, str) else list(pool.pad[:3])
            steps = [1] * 3 if pool.adaptive else list(pool.step)
            return kernels.max_unpool3d(x, places, sides, steps, pads)

        return function

    def plan(self, *, training: bool) -> tuple[list[LayerReport], list[int], dict[int, list[int]]]:
        """Rows that run, rows whose values are results, and who reads which row, or (below 0) its places."""
        report = self.report
        rows = [row for row in report.layers if training or not row.training_only]
        runs = {row.index for row in rows}
        readers: dict[int, list[int]] = {place: [] for row in rows for place in (row.index, ~row.index)}
        for row in rows:
            for source in row.reads:
                readers[source].append(row.index)
        results = []
        for row in list(rows):
            if readers[row.index] or readers[~row.index]:
                continue
            if training and row.layer.gives_probabilities:
                rows.remove(row)
                readers[row.sources[0]].remove(row.index)
                results.append(row.sources[0])
            else:
                results.append(row.index)
        assert runs
        return rows, results, readers

    def forward(self, *images: Any) -> list[Any]:
        rows, results, readers = self.plan(training=self.training)
        inputs = [row.index for row in rows if row.kind == "input"]
        segments = self.segments if self.training else ()
        top = blocks([row for row in rows if row.kind != "input"], segments)
        given = self._call(top, dict(zip(inputs, images, strict=True)), readers, set(results))
        return [given[result] for result in results]

    def _call(self, block: Block, values: dict[int, Any], readers: Any, results: set[int]) -> dict[int, Any]:
        """One call of a block; the caller keeps references to the arguments."""
        inside = {row.index for row in block.rows()}
        # for each value: how many steps of this block still read it, and whether this block has a reference to it
        steps = []
        for step in block.steps:
            members = {row.index for row in step.rows()} if isinstance(step, Block) else {step.index}
            steps.append((step, members))
        left: dict[int, int] = {}
        given: dict[int, Any] = {}
        local = dict(values)
        for _, members in steps:
            rows = [self.report.layers[member] for member in members]
            for source in {source for row in rows for source in row.reads if _row(source) not in members}:
                left[source] = left.get(source, 0) + 1
        held = {source for source, count in left.items() if count > 1}
        for step, members in steps:
            rows = [self.report.layers[member] for member in members]
            taken = dict.fromkeys(source for row in rows for source in row.reads if _row(source) not in members)
            if isinstance(step, Block):
                call = self._checkpointed if step.again else self._call
                made = call(step, {source: local[source] for source in taken}, readers, results)
            else:
                value = self.functions[step.index](*[local[source] for source in step.reads])
                made = dict(
                    zip((step.index, ~step.index), value if isinstance(value, tuple) else (value,), strict=False)
                )
            for source in taken:
                if source not in held and _row(source) in inside and source in local:
                    del local[source]
            for index, value in made.items():
                outside = index in results or any(reader not in inside for reader in readers[index])
                if outside:
                    given[index] = value
                if any(reader in inside for reader in readers[index]):
                    local[index] = value
            del made
            value = None
        return given

    def _checkpointed(self, block: Block, values: dict[int, Any], readers: Any, results: set[int]) -> dict[int, Any]:
        """One call of a checkpointed block."""
        rows = block.rows()
        members = {row.index for row in rows}
        out = [
            index
            for index in [place for member in members for place in (member, ~member)]
            if index in results or any(reader not in members for reader in readers[index])
        ]

        def function(*inputs: Any) -> tuple[Any, ...]:
            made = self._call(block, dict(zip(values, inputs, strict=True)), readers, results)
            return tuple(made[index] for index in out)

        made = checkpoint(function, *values.values(), use_reentrant=False, preserve_rng_state=False)
        return dict(zip(out, made, strict=True))


PLAN = Net.plan


def as_net(module: Any, report: Report) -> Any:
    """A module of other code with what a measurement asks of a :class:`Net`: its plan, and a list of outputs."""
    module.report, module.plan = report, MethodType(PLAN, module)
    run = module.forward

    def forward(*images: Any) -> list[Any]:
        found = run(*images)
        return list(found) if isinstance(found, tuple) else [found]

    module.forward = forward
    return module


def loss_of(net: Net, outputs: Sequence[Any], targets: dict[tuple[int, ...], Any]) -> Any:
    """The sum of the mean cross-entropies of all outputs; auxiliary heads have a smaller weight."""
    _, results, _ = net.plan(training=True)
    heads = [net.report.layers[index].training_only for index in results]
    total: Any = None
    for weighted in (False, True):
        for index, is_head, output in zip(results, heads, outputs, strict=True):
            if is_head != weighted:
                continue
            row = net.report.layers[index]
            target = targets[row.output.sides]
            each = F.cross_entropy(output.flatten(1) if row.output.is_point and output.dim() > 2 else output, target)
            if weighted:
                each = AUXILIARY * each
            total = each if total is None else total + each
    return total


def data_of(net: Net, batch: int, dtype: Any, device: str) -> tuple[list[Any], dict[tuple[int, ...], Any]]:
    """Images and targets."""
    images = []
    for row in net.report.layers:
        if row.kind == "input":
            images.append(torch.rand(batch, row.output.depth, *row.output.sides, dtype=dtype, device=device))
    _, results, _ = net.plan(training=True)
    targets: dict[tuple[int, ...], Any] = {}
    for index in results:
        size = net.report.layers[index].output.sides
        shape = (batch,) if set(size) == {1} else (batch, *size)
        if size not in targets:
            targets[size] = torch.zeros(shape, dtype=torch.int64, device=device)
    return images, targets


# Measuring


class Tracer(TorchDispatchMode):
    """Counts the bytes of all live storages that operations create."""

    def __init__(self, rounding: int = 512) -> None:
        super().__init__()
        self.rounding = rounding
        self.live = 0
        self.peak = 0
        self.sizes: dict[int, int] = {}
        self.log: list[tuple[str, int]] | None = None
        self.name = ""

    def track(self, tensor: Any) -> None:
        """Starts to count the storage of a tensor."""
        storage = tensor.untyped_storage()
        place = storage._cdata
        if place in self.sizes:
            return
        size = -(-storage.nbytes() // self.rounding) * self.rounding
        self.sizes[place] = size
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._gone, place)

    def _gone(self, place: int) -> None:
        self.live -= self.sizes.pop(place)

    def mark(self, name: str) -> int:
        """The bytes alive now; ``name`` names the moment."""
        return self.live

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and (tensor.device.type == "cuda" or self.rounding == 1):
                self.track(tensor)
        if self.log is not None:
            self.log.append((str(func), self.live))
        return result


OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "sgd": lambda p, **k: torch.optim.SGD(p, lr=0.01, **k),
    "momentum": lambda p, **k: torch.optim.SGD(p, lr=0.01, momentum=0.9, **k),
    "nesterov": lambda p, **k: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, **k),
    "adagrad": lambda p, **k: torch.optim.Adagrad(p, **k),
    "rmsprop": lambda p, **k: torch.optim.RMSprop(p, **k),
    "rmsprop-centered": lambda p, **k: torch.optim.RMSprop(p, centered=True, **k),
    "rmsprop-momentum": lambda p, **k: torch.optim.RMSprop(p, momentum=0.9, **k),
    "adadelta": lambda p, **k: torch.optim.Adadelta(p, **k),
    "adam": lambda p, **k: torch.optim.Adam(p, **k),
    "amsgrad": lambda p, **k: torch.optim.Adam(p, amsgrad=True, **k),
    "adamw": lambda p, **k: torch.optim.AdamW(p, **k),
    "nadam": lambda p, **k: torch.optim.NAdam(p, **k),
    "radam": lambda p, **k: torch.optim.RAdam(p, **k),
}


class Habits(NamedTuple):
    """How a net is trained."""

    batch: int = 3
    dtype: str = "float32"
    optimizer: str = "momentum"
    weight_decay: bool = False
    style: str | None = None
    autocast: str | None = None
    zero_grad: str = "start"
    accumulate: int = 1
    segments: tuple[tuple[int, int], ...] = ()


def autocast_on(device: str, habits: Habits) -> Any:
    """The context of autocast, or one without effect."""
    return nullcontext() if habits.autocast is None else torch.autocast(device, getattr(torch, habits.autocast))


def as_if_on_cuda() -> ExitStack:
    """A context in which autocast works on a device that does not exist, in checkpointed segments too."""
    stack = ExitStack()
    stack.enter_context(mock.patch("torch.cuda.amp.common.amp_definitely_not_available", return_value=False))
    stack.enter_context(mock.patch("torch.cuda.is_bf16_supported", return_value=True))
    return stack


def _saved(net: Net, images: Any, targets: Any, habits: Habits, device: str, rounding: int) -> int:
    """Bytes of the tensors that autograd keeps after one forward pass, parameters and buffers not counted."""
    own = {tensor.untyped_storage()._cdata for tensor in [*net.parameters(), *net.buffers()]}
    kept: weakref.WeakSet[Any] = weakref.WeakSet()

    class Packed:
        """What a backward function holds in place of a tensor."""

        def __init__(self, tensor: Any) -> None:
            self.storage = tensor.untyped_storage()  # a tensor would hold the function that saves its output
            kept.add(self)

    half = autocast_on(device, habits)
    with torch.autograd.graph.saved_tensors_hooks(Packed, lambda _: None), half:
        loss = loss_of(net, net(*images), targets)
    found = {packed.storage._cdata: packed.storage for packed in kept if packed.storage._cdata not in own}
    total = 0
    for storage in found.values():
        total += -(-int(storage.nbytes()) // rounding) * rounding
    del loss
    return total


def on_cuda(net: Net, dtype: Any) -> Net:
    """The net on the device that does not exist, where ``to`` cannot be called."""
    known: dict[Any, Any] = {}  # tied modules share a parameter
    for module in net.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                if parameter not in known:
                    moved = torch.empty(parameter.shape, dtype=dtype, device="cuda")
                    known[parameter] = nn.Parameter(moved, requires_grad=parameter.requires_grad)
                module._parameters[name] = known[parameter]
        for name, buffer in module._buffers.items():
            if buffer is not None:
                kind = dtype if buffer.is_floating_point() else buffer.dtype
                module._buffers[name] = torch.empty(buffer.shape, dtype=kind, device="cuda")
    return net


def measure_fake(report: Report, habits: Habits | None = None, *, log: list[tuple[str, int]] | None = None) -> Measured:
    """Measures a net on a device "cuda" that need not exist."""
    habits = habits or Habits()
    stand_in_for_cuda()
    tracer = Tracer()
    tracer.log = log
    with FakeTensorMode(), as_if_on_cuda():
        net = on_cuda(Net(report, habits.segments), getattr(torch, habits.dtype))
        images, targets = data_of(net, habits.batch, getattr(torch, habits.dtype), "cuda")
        saved = _saved(net, images, targets, habits, "cuda", tracer.rounding) if not habits.segments else -1
        for tensor in [*net.parameters(), *net.buffers(), *images]:
            tracer.track(tensor)
        resident = tracer.live
        with tracer:
            net.eval()
            tracer.peak = tracer.live
            half = autocast_on("cuda", habits)
            with torch.no_grad(), half:
                out = net(*images)
            inference = tracer.peak
            del out
            assert tracer.live == resident, (tracer.live, resident)
            net.train()
            for tensor in targets.values():
                tracer.track(tensor)
            figures = _steps(net, images, targets, habits, tracer, "cuda")
    gc.collect()
    gc.freeze()  # exclude the modules of PyTorch from later garbage collections
    return Measured(*figures, saved, inference)


def _optimizer(net: Net, habits: Habits, device: str) -> Any:
    more: dict[str, Any] = {"foreach": device == "cuda"} if habits.style is None else {}
    if habits.style is not None:
        more = {"foreach": habits.style == "foreach"} if habits.style != "fused" else {"fused": True}
    if habits.weight_decay:
        more["weight_decay"] = 0.01
    return OPTIMIZERS[habits.optimizer]([p for p in net.parameters() if p.requires_grad], **more)


class Marker:
    """Marks in a profile the moments at which a tracer would report the live bytes."""

    def mark(self, name: str) -> int:
        with torch.autograd.profiler.record_function(f"mark {name}"):
            return 0


def _steps(net: Net, images: Any, targets: Any, habits: Habits, tracer: Any, device: str) -> tuple[int, int, int, int]:
    """Peak of the second step and of the first; after forward and after backward of the second."""
    optimizer = _optimizer(net, habits, device)
    peaks: list[int] = []
    forward = backward = 0

    def step() -> None:
        nonlocal forward, backward
        if habits.zero_grad == "start":
            optimizer.zero_grad(set_to_none=True)
        elif habits.zero_grad == "zeros":
            optimizer.zero_grad(set_to_none=False)

        def once(number: int) -> tuple[int, int]:
            half = autocast_on(device, habits)
            with half:
                out = net(*images)
                loss = loss_of(net, out, targets)
            here = tracer.mark("forward")
            if habits.zero_grad == "before-backward" and not number:
                optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if habits.accumulate == 1:
                after = tracer.mark("backward")
                optimizer.step()
                return here, after
            return here, 0

        for number in range(habits.accumulate):
            forward, backward = once(number)
        if habits.accumulate > 1:
            backward = tracer.mark("backward")  # logits and loss are freed
            optimizer.step()

    for _ in range(3):
        tracer.peak = tracer.mark("step")
        step()
        peaks.append(tracer.peak)
    return peaks[2], peaks[0], forward, backward


# On a real CPU


def _composed(name: str) -> tuple[bool, bool]:
    """Whether an operator of the profiler is composed of others: in some of its overloads, and in all of them."""
    if not name.startswith("aten::"):
        return True, True
    packet = getattr(torch.ops.aten, name.removeprefix("aten::"), None)
    if packet is None:
        return False, False
    operators = [f"{name}.{overload}".removesuffix(".default") for overload in packet.overloads()]
    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key
    known = [operator for operator in operators if torch._C._dispatch_has_kernel(operator)]
    composed = [has_kernel(operator, "CompositeImplicitAutograd") for operator in known]
    return any(composed), bool(composed) and all(composed)


class Ledger(NamedTuple):
    """Changes of the live bytes in order of time (nanoseconds); ``marks`` are times by name."""

    changes: list[tuple[int, int]]
    marks: dict[str, list[int]]

    def live(self, before: int) -> int:
        """The bytes alive at a time, relative to those before the first change."""
        return sum(change for time, change in self.changes if time < before)

    def peak(self, first: int, last: int) -> int:
        """The largest number of live bytes between two times."""
        total = highest = self.live(first)
        for time, change in self.changes:
            if first <= time <= last:
                total += change
                highest = max(highest, total)
        return highest


def _ledger(events: Any) -> Ledger:
    """The allocations of a profile that outlive their kernel, and the times at which they are freed.

    A kernel is the outermost operator that is not composed of others: what it frees before it ends are its temporary
    buffers, unless a checkpointed segment ends within it. An operator that converts its arguments and calls itself
    is not a kernel but belongs to autocast. In the step of the optimizer all allocations count.
    """
    composed: dict[str, tuple[bool, bool]] = {}
    found: list[tuple[int, Any, int, int]] = []  # time, place, bytes, end of the kernel around it
    marks: dict[str, list[int]] = {}
    stack = [(event, 0, "") for event in events]  # with the end of the kernel around it, and the name above it
    while stack:
        event, end, above = stack.pop()
        if event.typed[0].name == "Allocation":
            found.append((event.start_time_ns, event.typed[1].ptr, event.typed[1].alloc_size, end))
            continue
        name = event.name
        if name.startswith("mark "):
            marks.setdefault(name[5:], []).append(event.start_time_ns)
        if name.startswith("Optimizer.step") or above.startswith("Optimizer.step"):
            name = "Optimizer.step"
        elif not end:
            if name not in composed:
                composed[name] = _composed(name)
            # if an overload is composed of others, an operator of the same name below it is the kernel
            in_some, in_all = composed[name]
            is_outer = in_all or (in_some and name != above)
            called = {child.name for child in event.children if child.typed[0].name != "Allocation"}
            converts = called == {"aten::to", name}
            end = 0 if is_outer or converts else event.end_time_ns
            name = above if converts else name
        stack += [(child, end, name) for child in event.children]
    found.sort(key=lambda entry: entry[0])
    for times in marks.values():
        times.sort()
    changes: list[tuple[int, int]] = []
    open_at: dict[Any, int] = {}
    for time, place, size, _ in found:
        if size < 0:
            made = open_at.pop(place, None)
            stopped = made is not None and any(found[made][0] < stop < time for stop in marks.get("stop", []))
            if made is not None and changes[made][1] and time <= found[made][3] and not stopped:
                changes[made] = (changes[made][0], 0)
                size = 0
        else:
            open_at[place] = len(changes)
        changes.append((time, size))
    return Ledger(changes, marks)


class Stopped(Exception):
    """Replaces the exception that ends the run of a checkpointed segment, and marks the moment."""

    def __init__(self) -> None:
        super().__init__()
        Marker().mark("stop")


def measure_cpu(report: Report, habits: Habits | None = None) -> Measured:
    """Measures a net on this CPU, by the allocations that the profiler of PyTorch records.

    In half precision it is without oneDNN, which has kernels for these types only on some CPUs.
    """
    habits = habits or Habits()
    # entering the flags warns once in a process, so they are left alone where they change nothing
    is_half = habits.autocast is not None or habits.dtype in ("bfloat16", "float16")
    with torch.backends.mkldnn.flags(enabled=False) if is_half else nullcontext():
        return _measured_on_cpu(report, habits)


def _measured_on_cpu(report: Report, habits: Habits) -> Measured:
    dtype = getattr(torch, habits.dtype)
    net = Net(report, habits.segments).to(dtype)
    images, targets = data_of(net, habits.batch, dtype, "cpu")
    saved = _saved(net, images, targets, habits, "cpu", 1) if not habits.segments else -1
    resident = sum(tensor.untyped_storage().nbytes() for tensor in [*net.parameters(), *net.buffers(), *images])
    net.eval()
    with torch.no_grad(), autocast_on("cpu", habits):  # buffers of the first run of a kernel are not those of the net
        net(*images)
    gc.collect()
    gc.disable()
    try:
        stops = mock.patch("torch.utils.checkpoint._StopRecomputationError", Stopped)
        with stops, torch.autograd.profiler.profile(profile_memory=True) as profiled:
            with torch.autograd.profiler.record_function("mark inference"):
                pass
            half = autocast_on("cpu", habits)
            with torch.no_grad(), half:
                out = net(*images)
            del out
            Marker().mark("training")
            net.train()
            _steps(net, images, targets, habits, Marker(), "cpu")
            with torch.autograd.profiler.record_function("mark end"):
                pass
    finally:
        gc.enable()
    results: Any = profiled.kineto_results
    ledger = _ledger(results.experimental_event_tree())
    marks = ledger.marks
    starts = [*marks["step"], *marks["end"]]
    there = resident + sum(tensor.untyped_storage().nbytes() for tensor in targets.values())
    peaks = [there + ledger.peak(first, last) for first, last in itertools.pairwise(starts)]
    forward, backward = (there + ledger.live(marks[name][-1]) for name in ("forward", "backward"))
    inference = resident + ledger.peak(marks["inference"][0], marks["training"][0])
    return Measured(peaks[2], peaks[0], forward, backward, saved, inference)
