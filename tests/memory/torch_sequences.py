"""The kinds of sequences, windows and attention as PyTorch modules, as nets with them are usually written.

Values are batch x depth x sides, as everywhere; those of positions lie with the depth fastest, as batch x sides x depth
does in such nets.
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
    """A learned volume that is added."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, *sizes))

    def forward(self, x: Any) -> Any:
        return first(last(x) + self.position)


class Attention(nn.Module):
    """Projections as one, the product of softmax and values, and the projection back."""

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
            self.places = layer._pairs(__import__("numpy"))

    def forward(self, x: Any, memory: Any = None) -> Any:
        raise NotImplementedError
