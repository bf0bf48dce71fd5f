"""Layers that PyTorch has no module for, composed of its functions: weights that are normed, windows with own weights.

Values are batch x depth x sides. ``build`` gives the module of a layer, or None if it is not one of these.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  # its usual name
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.analysis.report import LayerReport


class Connected(nn.Module):
    """A convolution whose filters see the listed maps, with zeros for the others."""

    def __init__(self, layer: Any, depth: int, ends: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.layer, self.depth, self.ends = layer, depth, ends
        self.places = [(number, map_) for number, maps in enumerate(layer.connections) for map_ in maps]
        self.weight = nn.Parameter(torch.zeros(len(self.places), *layer.kernel))
        self.bias = nn.Parameter(torch.zeros(layer.filters)) if layer.bias else None

    def forward(self, x: Any) -> Any:
        layer: Any = self.layer
        full = self.weight.new_zeros(layer.filters, self.depth, *layer.kernel)
        rows, columns = (torch.tensor(numbers, device=x.device) for numbers in zip(*self.places, strict=True))
        full = full.index_put((rows, columns), self.weight)
        x = F.pad(x, [number for pair in reversed(self.ends) for number in pair])
        convolve: Any = getattr(F, f"conv{x.dim() - 2}d")
        return convolve(x, full, self.bias, layer.stride, 0, layer.dilation)


class Standardized(nn.Module):
    """A convolution with standardized weights, as timm's StdConv2d."""

    def __init__(self, conv: Any) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Any) -> Any:
        conv = self.conv
        flat = conv.weight.reshape(1, conv.out_channels, -1)
        weight = F.batch_norm(flat, None, None, training=True, momentum=0.0, eps=1e-6).reshape_as(conv.weight)
        return conv._conv_forward(x, weight, conv.bias)


class Local(nn.Module):
    """Windows by Tensor.unfold in one tensor, times the weights of each position, group by group."""

    def __init__(self, layer: Any, x: Any, output: Any, ends: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.layer, self.ends, self.counts = layer, ends, output.sides
        inner = prod(layer.kernel) * (x.depth // layer.groups)
        self.weight = nn.Parameter(torch.zeros(layer.groups * output.positions, inner, layer.filters // layer.groups))
        self.bias = nn.Parameter(torch.zeros(output.depth, *output.sides)) if layer.bias else None

    def forward(self, x: Any) -> Any:
        layer, sides = self.layer, len(self.counts)
        if any(map(any, self.ends)):
            x = F.pad(x, [number for pair in reversed(self.ends) for number in pair])
        for side, (kernel, gap, step) in enumerate(zip(layer.kernel, layer.dilation, layer.stride, strict=True)):
            x = x.unfold(2 + side, gap * (kernel - 1) + 1, step)
            x = x[..., ::gap] if gap > 1 else x
        batch = len(x)
        x = x.unflatten(1, (layer.groups, -1))
        order = [1, *range(3, 3 + sides), 0, 2, *range(3 + sides, 3 + 2 * sides)]
        columns = x.permute(order).reshape(self.weight.shape[0], batch, -1)
        result = torch.bmm(columns, self.weight)
        result = result.view(layer.groups, *self.counts, batch, -1)
        result = result.permute(1 + sides, 0, 2 + sides, *range(1, 1 + sides)).reshape(batch, -1, *self.counts)
        return result if self.bias is None else result + self.bias


class Within(nn.Module):
    """Local response normalization within each map."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Any:
        layer: Any = self.layer
        sides = x.dim() - 2
        squares = F.pad(x**2, (layer.size // 2, (layer.size - 1) // 2) * sides)
        mean: Any = getattr(F, f"avg_pool{sides}d")
        return x / (layer.k + layer.alpha * mean(squares, layer.size, 1)) ** layer.beta


class Opaque(nn.Module):
    """What a layer states."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.size = layer.size
        self.weight = nn.Parameter(torch.zeros(layer.parameters(*())[0].count.value)) if layer.parameters(*()) else None
        if layer.buffers(*()):
            self.register_buffer("kept", torch.zeros(layer.buffers(*())[0].count.value))

    def forward(self, x: Any) -> Any:
        *sides, depth = self.size
        return x.new_zeros(len(x), depth, *sides)


def normed(layer: Any, conv: Any) -> Any:
    """The module of a convolution, or the one that makes its weights anew in each forward pass."""
    if layer.kind != "conv":
        return conv
    if layer.standardized:
        return Standardized(conv)
    if layer.normed == "weight":
        return weight_norm(conv)
    return spectral_norm(conv) if layer.normed == "spectral" else conv


def lp_pool(layer: Any, x: Any, ends: Sequence[tuple[int, int]], sides: Sequence[int]) -> Callable[[Any], Any]:
    """A padded norm pool that rounds up: the powers summed, with zeros for what lies beyond the padding."""
    steps, fits = layer.step, []
    for (first, last), kernel, step, count, size in zip(ends, layer.kernel, steps, sides, x.sides, strict=True):
        fits.append((first, max(last, (count - 1) * step + kernel - size - first)))
    mean: Any = getattr(F, f"avg_pool{len(sides)}d")

    def function(x: Any) -> Any:
        powers = F.pad(x.abs() ** layer.power, [number for pair in reversed(fits) for number in pair])
        result = (mean(powers, layer.kernel, steps) * prod(layer.kernel)) ** (1 / layer.power)
        return result[(slice(None), slice(None), *[slice(count) for count in sides])]

    return function


def build(row: LayerReport, ends: Sequence[tuple[int, int]]) -> nn.Module | None:
    """The module of a layer, if it is one of these; ``ends`` are the pads of a convolution."""
    layer: Any = row.layer
    if row.kind == "conv" and layer.connections is not None:
        return Connected(layer, row.input_volumes[0].depth, ends)
    if row.kind == "local":
        return Local(layer, row.input_volumes[0], row.output, ends)
    if row.kind == "lrn" and layer.region == "within":
        return Within(layer)
    return Opaque(layer) if row.kind == "opaque" else None


KINDS = ("conv", "local", "lrn", "opaque")
"""The kinds of which :func:`build` makes some."""
