"""Runs the layers of a training step with PyTorch where they differ from inference, and computes its loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F  # noqa: N812 (its conventional name)

from cnncalc.interop.torch_layers import layer_in_torch

if TYPE_CHECKING:
    from collections.abc import Iterable


def layer_in_training(layer: Any, inputs: list[Any], numbers: dict[str, Any], mask: Any = None) -> Any:
    """The output of a layer in training; inputs and output are batch x depth x sides.

    ``numbers`` are the parameters and buffers by name; ``mask`` is that of dropout, 1 for each element that is kept.
    """
    if layer.kind == "bn":
        scale, shift = numbers.get("scale"), numbers.get("shift")
        return F.batch_norm(inputs[0], numbers.get("mean"), numbers.get("variance"), scale, shift, True, eps=layer.eps)
    if layer.kind == "gn" and "scale" not in numbers:  # PyTorch cannot differentiate it without a scale
        ones = torch.ones(inputs[0].shape[1], dtype=inputs[0].dtype)
        return F.group_norm(inputs[0], layer.groups, ones, numbers.get("shift"), layer.eps)
    if layer.kind == "hsigmoid":  # PyTorch computes its derivative with 1/6 rounded to float32
        return torch.clamp(inputs[0] * layer.slope + layer.shift, 0, 1)
    if layer.kind == "dropout":
        if layer.rate in (0, 1):
            return F.dropout(inputs[0], layer.rate)
        return inputs[0] * mask / (1 - layer.rate)
    return layer_in_torch(layer, inputs, numbers)


def loss_of(outputs: Iterable[tuple[Any, Any, float]]) -> Any:
    """The weighted sum of mean cross-entropies; ``outputs`` are scores, target classes and weight of each output."""
    total: Any = 0
    for values, targets, weight in outputs:
        total = total + weight * F.cross_entropy(values, torch.from_numpy(targets))
    return total
