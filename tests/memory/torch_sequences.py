"""Sequences, windows and attention as PyTorch modules, written as usual in such nets.

Tensors are batch x depth x sides, as in the other modules; in memory the depth is the fastest dimension, as for
batch x sides x depth.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  # its usual name

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnncalc.analysis.report import LayerReport

Built = tuple["nn.Module | None", "Callable[..., Any]"]


def last(x: Any) -> Any:
    """Batch x sides x depth."""
    return x.movedim(1, -1)


def first(x: Any) -> Any:
    """Batch x depth x sides."""
    return x.movedim(-1, 1)


class Token(nn.Module):
    """Learned vectors before a sequence."""

    def __init__(self, count: int, depth: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, count, depth))

    def forward(self, x: Any) -> Any:
        return first(torch.cat([self.token.expand(len(x), -1, -1), last(x)], 1))


class Position(nn.Module):
    """Adds a learned volume."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, *sizes))

    def forward(self, x: Any) -> Any:
        return first(last(x) + self.position)


class Attention(nn.Module):
    """One projection to queries, keys and values, the product of softmax and values, the output projection."""

    def __init__(self, layer: Any, depth: int, other: int) -> None:
        super().__init__()
        inner = layer.inner(depth)
        self.heads = layer.heads
        if depth == other:
            self.weight = nn.Parameter(torch.zeros(3 * inner, depth))
        else:
            self.query = nn.Parameter(torch.zeros(inner, depth))
            self.key = nn.Parameter(torch.zeros(inner, other))
            self.value = nn.Parameter(torch.zeros(inner, other))
        self.bias = nn.Parameter(torch.zeros(3 * inner)) if layer.bias else None
        self.out_weight = nn.Parameter(torch.zeros(depth, inner)) if layer.out else None
        self.out_bias = nn.Parameter(torch.zeros(depth)) if layer.out and layer.bias else None
        self.relative = None
        if layer.relative is not None:
            rows = prod(2 * side - 1 for side in layer.plane)
            self.relative = nn.Parameter(torch.zeros(rows, layer.heads))
            self.pairs = prod(layer.plane)

    def forward(self, x: Any, memory: Any = None) -> Any:
        x = last(x)
        shape = x.shape
        x = x.reshape(-1, *shape[-2:])
        if memory is None:
            whole = F.linear(x, self.weight, self.bias)
            parts = whole.reshape(*x.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        else:
            memory = last(memory)
            memory = memory.reshape(-1, *memory.shape[-2:])
            weights = self.weight.chunk(3) if hasattr(self, "weight") else (self.query, self.key, self.value)
            biases = (None,) * 3 if self.bias is None else self.bias.chunk(3)
            read = zip((x, memory, memory), weights, biases, strict=True)
            parts = [F.linear(*each).unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in read]
        mask = None
        if self.relative is not None:
            # the memory does not depend on which rows
            places = torch.zeros(self.pairs**2, dtype=torch.long, device=x.device)
            mask = self.relative[places].view(self.pairs, self.pairs, -1).permute(2, 0, 1).contiguous().unsqueeze(0)
        queries, keys, values = parts
        result = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        result = result.transpose(1, 2).reshape(*shape[:-1], -1)
        if self.out_weight is not None:
            result = F.linear(result, self.out_weight, self.out_bias)
        return first(result)


def _windows(x: Any, size: Any) -> Any:
    """Windows and their positions, with the depth last."""
    x = last(x)
    batch, *sides, depth = x.shape
    counts = [whole // part for whole, part in zip(sides, size, strict=True)]
    rank = len(size)
    x = x.view(batch, *[part for pair in zip(counts, size, strict=True) for part in pair], depth)
    x = x.permute(0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1)
    return first(x.reshape(batch, prod(counts), prod(size), depth))


def _map(x: Any, sides: Any, size: Any) -> Any:
    """The inverse of :func:`_windows`."""
    x = last(x)
    batch, _, _, depth = x.shape
    counts = [whole // part for whole, part in zip(sides, size, strict=True)]
    rank = len(size)
    x = x.view(batch, *counts, *size, depth)
    x = x.permute(0, *[axis for side in range(rank) for axis in (1 + side, 1 + rank + side)], 2 * rank + 1)
    return first(x.reshape(batch, *sides, depth))


def build(row: LayerReport) -> Built:
    """The module of a layer, if it learns, and its function."""
    layer: Any = row.layer
    x = row.input_volumes[0]
    kind = row.kind
    module: Any = None
    if kind == "token":
        module = Token(layer.count, x.depth)
    elif kind == "position":
        module = Position(*x)
    elif kind == "attention":
        module = Attention(layer, x.depth, row.input_volumes[-1].depth)
    if module is not None:
        return module, module
    if kind == "matmul":
        return None, lambda a, b: first(last(a) @ (last(b).transpose(-1, -2) if layer.transpose else last(b)))
    functions: dict[str, Callable[..., Any]] = {
        "sequence": lambda x: x.flatten(2),
        "plane": lambda x: x.unflatten(2, layer.sides),
        "roll": lambda x: torch.roll(x, layer.shift, tuple(range(2, x.dim()))),
        "window": lambda x: _windows(x, layer.size),
        "unwindow": lambda a: _map(a, *layer.parts(x)),
    }
    return None, functions[kind]


KINDS = ("sequence", "plane", "window", "unwindow", "roll", "token", "position", "attention", "matmul")
"""The kinds that :func:`build` makes."""
