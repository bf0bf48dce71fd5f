"""Modules and functions that PyTorch does not have; generated code contains the source of those that it uses."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (its conventional name)
from torch import nn


def without(module: nn.Module, *names: str) -> nn.Module:
    """Removes parameters of a module, and returns it."""
    for name in names:
        setattr(module, name, None)
    return module


class Scale(nn.Module):
    """A learned factor and a learned shift for each channel, or with depth 1 for all; either can be left out."""

    def __init__(self, depth: int, sides: int, scale: bool = True, shift: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(depth, *[1] * sides)) if scale else None
        self.bias = nn.Parameter(torch.zeros(depth, *[1] * sides)) if shift else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The input times the factor plus the shift."""
        x = x if self.weight is None else x * self.like(x, self.weight)
        return x if self.bias is None else x + self.like(x, self.bias)

    def like(self, x: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """The numbers with the dimensions of x, where the module is used on others than it was made for."""
        is_broadcast = numbers.dim() == x.dim() - 1 or numbers.shape == (1,)
        return numbers if is_broadcast else numbers.view(-1, *[1] * (x.dim() - 2))


class Subsample(nn.Module):
    """The sum of each window, times a learned coefficient plus a learned bias for each map."""

    def __init__(self, depth: int, kernel: tuple[int, ...], stride: tuple[int, ...]) -> None:
        super().__init__()
        self.mean = getattr(nn, f"AvgPool{len(kernel)}d")(kernel, stride)
        self.scale = Scale(depth, len(kernel))
        self.count = math.prod(kernel)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pools the windows of x."""
        return self.scale(self.mean(x) * self.count)


class Rbf(nn.Module):
    """The squared distances to fixed centres."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.ones(units, inputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The squared distances, batch x units."""
        return torch.cdist(x.flatten(1), self.centre) ** 2


class L2Norm(nn.Module):
    """Divides by the L2 norm over the leading dimensions, then multiplies by a learned factor if ``scale`` is set."""

    def __init__(self, shape: tuple[int, ...], eps: float, scale: bool) -> None:
        super().__init__()
        self.dims: Any = tuple(range(1, len(shape) + 1))
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(shape)) if scale else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalizes the input."""
        x = F.normalize(x, dim=self.dims, eps=self.eps)
        if self.weight is None:
            return x
        return x * self.weight.reshape(*self.weight.shape, *(1,) * (x.dim() - 1 - self.weight.dim()))


class GlobalResponse(nn.Module):
    """Global response normalization (ConvNeXt V2)."""

    def __init__(self, depth: int, sides: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.zeros(1, depth, *[1] * sides))
        self.beta = nn.Parameter(torch.zeros(1, depth, *[1] * sides))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scales each channel by its L2 norm divided by the mean norm of all channels."""
        lengths = torch.norm(x, p=2, dim=tuple(range(2, x.dim())), keepdim=True)
        relative = lengths / (lengths.mean(dim=1, keepdim=True) + self.eps)
        return self.gamma * (x * relative) + self.beta + x


class ResponseWithin(nn.Module):
    """Local response normalization over a window within each map."""

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Divides each element by a power of ``k`` plus ``alpha`` times the mean of the squares around it."""
        sides = x.dim() - 2
        squares = F.pad(x**2, (self.size // 2, (self.size - 1) // 2) * sides)
        mean = getattr(F, f"avg_pool{sides}d")(squares, self.size, 1)
        return x / (self.k + self.alpha * mean) ** self.beta


class StochasticDepth(nn.Module):
    """Drops whole images in training."""

    def __init__(self, rate: float, inplace: bool = False) -> None:
        super().__init__()
        self.rate, self.inplace = rate, inplace

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The input, with dropped images set to 0 and the others rescaled."""
        if not self.training or self.rate == 0:
            return x
        mask = x.new_empty(len(x), *[1] * (x.dim() - 1)).bernoulli_(1 - self.rate)
        if self.rate < 1:
            mask.div_(1 - self.rate)
        return x.mul_(mask) if self.inplace else x * mask


class ConnectedConv(nn.Module):
    """A convolution in which each filter reads only the listed input maps; it has one kernel for each of them."""

    def __init__(self, depth: int, connections: list[list[int]], bias: bool, **window: Any) -> None:
        super().__init__()
        self.depth, self.connections, kernel = depth, connections, window.pop("kernel")
        self.window = window
        self.weight = nn.Parameter(torch.ones(sum(map(len, connections)), *kernel))
        self.bias = nn.Parameter(torch.zeros(len(connections))) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolves x with all filters."""
        full = self.weight.new_zeros(len(self.connections), self.depth, *self.weight.shape[1:])
        places = [(row, column) for row, maps in enumerate(self.connections) for column in maps]
        full[[row for row, _ in places], [column for _, column in places]] = self.weight
        return getattr(F, f"conv{x.dim() - 2}d")(x, full, self.bias, **self.window)


class StandardizedConv2d(nn.Conv2d):
    """A convolution whose filters have mean 0 and variance 1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolves with the standardized filters."""
        flat = self.weight.flatten(1)[None]
        weight = F.batch_norm(flat, None, None, training=True, eps=1e-6).reshape(self.weight.shape)
        return self._conv_forward(x, weight, self.bias)


class LocalConv(nn.Module):
    """A convolution with its own weights at each position."""

    def __init__(
        self, depth: int, filters: int, positions: tuple[int, ...], groups: int, bias: bool, **window: Any
    ) -> None:
        super().__init__()
        self.window, self.positions, self.groups = window, positions, groups
        inputs = depth // groups * math.prod(window["kernel"])
        self.weight = nn.Parameter(torch.ones(groups * math.prod(positions), inputs, filters // groups))
        self.bias = nn.Parameter(torch.zeros(filters, *positions)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiplies each window by the weights of its position."""
        for side, (size, step, gap) in enumerate(
            zip(*(self.window[k] for k in ("kernel", "stride", "dilation")), strict=True)
        ):
            x = x.unfold(2 + side, gap * (size - 1) + 1, step)[..., ::gap]
        batch, rank = len(x), len(self.positions)
        sides, kernel = range(3, 3 + rank), range(3 + rank, 3 + 2 * rank)
        columns = x.unflatten(1, (self.groups, -1)).permute(1, *sides, 0, 2, *kernel)
        columns = columns.reshape(len(self.weight), batch, -1)
        result = (columns @ self.weight).reshape(self.groups, *self.positions, batch, -1)
        result = result.permute(1 + rank, 0, 2 + rank, *range(1, 1 + rank)).reshape(batch, -1, *self.positions)
        return result if self.bias is None else result + self.bias


class Token(nn.Module):
    """Learned vectors in front of a sequence."""

    def __init__(self, count: int, depth: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, count, depth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Concatenates the vectors and the sequence."""
        return torch.cat([self.token.expand(len(x), -1, -1), x.movedim(1, -1)], 1).movedim(-1, 1)


class Position(nn.Module):
    """Adds a learned volume, such as a position embedding."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, *sizes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Adds the volume to the input."""
        return (x.movedim(1, -1) + self.position).movedim(-1, 1)


class Attention(nn.Module):
    """Multi-head attention along the last side, with its projections and an optional relative position bias."""

    def __init__(
        self, depth: int, heads: int, inner: int, memory: int, bias: bool = True, out: bool = True,
        plane: tuple[int, ...] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.heads = heads
        if memory == depth:
            self.weight = nn.Parameter(torch.zeros(3 * inner, depth))
        else:
            self.query = nn.Parameter(torch.zeros(inner, depth))
            self.key = nn.Parameter(torch.zeros(inner, memory))
            self.value = nn.Parameter(torch.zeros(inner, memory))
        self.bias = nn.Parameter(torch.zeros(3 * inner)) if bias else None
        self.out_weight = nn.Parameter(torch.zeros(depth, inner)) if out else None
        self.out_bias = nn.Parameter(torch.zeros(depth)) if out and bias else None
        self.relative, self.plane = None, plane
        if plane is not None:
            self.relative = nn.Parameter(torch.zeros(math.prod(2 * size - 1 for size in plane), heads))

    def _mask(self, device: torch.device) -> torch.Tensor | None:
        """The learned bias for each pair of positions, 1 x heads x positions x positions."""
        if self.relative is None or self.plane is None:
            return None
        offsets, pairs = torch.zeros((), dtype=torch.long, device=device), math.prod(self.plane)
        ranges = [torch.arange(size, device=device) for size in self.plane]
        for size, places in zip(self.plane, torch.meshgrid(*ranges, indexing="ij"), strict=True):
            own = places.flatten()
            offsets = offsets * (2 * size - 1) + own[:, None] - own + size - 1
        return self.relative[offsets.flatten()].view(pairs, pairs, -1).permute(2, 0, 1).contiguous().unsqueeze(0)

    def forward(self, x: torch.Tensor, memory: torch.Tensor | None = None) -> torch.Tensor:
        """Attends from the positions of x to those of the memory, by default x."""
        x = x.movedim(1, -1)
        shape = x.shape
        x = x.reshape(-1, *shape[-2:])
        if memory is None:
            whole = F.linear(x, self.weight, self.bias)
            parts = whole.reshape(*x.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        else:
            memory = memory.movedim(1, -1)
            memory = memory.reshape(-1, *memory.shape[-2:])
            weights = self.weight.chunk(3) if hasattr(self, "weight") else (self.query, self.key, self.value)
            biases = (None,) * 3 if self.bias is None else self.bias.chunk(3)
            read = zip((x, memory, memory), weights, biases, strict=True)
            parts = [F.linear(*each).unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in read]
        queries, keys, values = parts
        result = F.scaled_dot_product_attention(queries, keys, values, attn_mask=self._mask(x.device))
        result = result.transpose(1, 2).reshape(*shape[:-1], -1)
        if self.out_weight is not None:
            result = F.linear(result, self.out_weight, self.out_bias)
        return result.movedim(-1, 1)


def windows(x: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """Splits a map into windows: batch x depth x windows x positions."""
    x = x.movedim(1, -1)
    batch, *sides, depth = x.shape
    counts, rank = [whole // part for whole, part in zip(sides, size, strict=True)], len(size)
    x = x.view(batch, *[part for pair in zip(counts, size, strict=True) for part in pair], depth)
    x = x.permute(0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1)
    return x.reshape(batch, math.prod(counts), math.prod(size), depth).movedim(-1, 1)


def from_windows(x: torch.Tensor, sides: tuple[int, ...], size: tuple[int, ...]) -> torch.Tensor:
    """Joins windows to a map with these sides: the inverse of windows()."""
    x = x.movedim(1, -1)
    batch, _, _, depth = x.shape
    counts, rank = [whole // part for whole, part in zip(sides, size, strict=True)], len(size)
    x = x.view(batch, *counts, *size, depth)
    x = x.permute(0, *[axis for side in range(rank) for axis in (1 + side, 1 + rank + side)], 2 * rank + 1)
    return x.reshape(batch, *sides, depth).movedim(-1, 1)


def channel_shuffle(x: torch.Tensor, groups: int) -> torch.Tensor:
    """Interleaves the channels of the groups."""
    batch, depth, *sides = x.shape
    return x.view(batch, groups, -1, *sides).transpose(1, 2).reshape(batch, depth, *sides)


def softmax(x: torch.Tensor, dims: tuple[int, ...]) -> torch.Tensor:
    """The softmax over several dimensions."""
    order = [*[dim for dim in range(x.dim()) if dim not in dims], *dims]
    moved = x.permute(order)
    joined = moved.reshape(*moved.shape[: -len(dims)], -1)
    return torch.softmax(joined, -1).view(moved.shape).permute([order.index(dim) for dim in range(x.dim())])


def _block_order(block: tuple[int, ...], order: str) -> list[int]:
    """The order of the axes: batch, depth, then the block count and the position in the block of each side."""
    places, counts = [3 + 2 * side for side in range(len(block))], [2 + 2 * side for side in range(len(block))]
    if order == "focus":
        places = places[::-1]
    return [0, 1, *places, *counts] if order == "crd" else [0, *places, 1, *counts]


def space_to_depth(x: torch.Tensor, block: tuple[int, ...], order: str) -> torch.Tensor:
    """Moves the positions of each block into the depth."""
    sides = [size // step for size, step in zip(x.shape[2:], block, strict=True)]
    if order == "darknet":
        x = x.reshape(len(x), -1, *[size * step for size, step in zip(x.shape[2:], block, strict=True)])
    cut = [part for size, step in zip(x.shape[2:], block, strict=True) for part in (size // step, step)]
    moved = x.reshape(*x.shape[:2], *cut).permute(_block_order(block, order))
    return moved.reshape(len(x), -1, *cut[::2]).reshape(len(x), -1, *sides)


def depth_to_space(x: torch.Tensor, block: tuple[int, ...], order: str) -> torch.Tensor:
    """Moves the depth into blocks of positions: the inverse of space_to_depth()."""
    axes = _block_order(block, order)
    pairs = [part for size, step in zip(x.shape[2:], block, strict=True) for part in (size, step)]
    whole = [len(x), x.shape[1] // math.prod(block), *pairs]
    back = x.reshape([whole[axis] for axis in axes]).permute([axes.index(axis) for axis in range(len(axes))])
    return back.reshape(*whole[:2], *[size * step for size, step in zip(x.shape[2:], block, strict=True)])


class Transposed(nn.Module):
    """A linear layer with the transposed weights of another module, ``of``."""

    def __init__(self, units: int, bias: bool) -> None:
        super().__init__()
        self.of: tuple[nn.Linear, ...] = ()  # a tuple, so that its parameters are not registered in this module
        self.bias = nn.Parameter(torch.zeros(units)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiplies by the transposed weights."""
        return F.linear(x, self.of[0].weight.t(), self.bias)
