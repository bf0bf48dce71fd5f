"""Runs the kinds of sequences, windows and attention with PyTorch, independently of the executor.

Tensors are batch x depth x sides. Parameters are the arrays of the executor as tensors.
"""

from __future__ import annotations

from itertools import product
from math import isqrt, prod
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (its conventional name)

if TYPE_CHECKING:
    from collections.abc import Callable


def last(x: Any) -> Any:
    """Moves the depth last: batch x sides x depth."""
    return x.movedim(1, -1)


def first(x: Any) -> Any:
    """Moves the depth after the batch: batch x depth x sides."""
    return x.movedim(-1, 1)


def sides_of(value: Any) -> list[int]:
    """The sides of a key; one number stands for a square."""
    return [value, value] if isinstance(value, int) else list(value)


def window(x: Any, size: Any) -> Any:
    """WINDOW: unfolds one side after the other."""
    for side, part in enumerate(size):
        x = x.unfold(2 + side, part, part)
    return x.flatten(2, 1 + len(size)).flatten(3)


def unwindow(layer: Any, x: Any) -> Any:
    """UNWINDOW: assigns each window to its positions, which are those of WINDOW on a map of indices."""
    size, (windows, places) = sides_of(layer.size), x.shape[2:]
    if prod(size) == windows * places:
        divisors = [[part for part in range(1, side + 1) if side % part == 0] for side in size]
        options = [one for one in product(*divisors) if prod(one) == places]
        most_equal = min(options, key=lambda one: (max(one) / min(one), one[::-1]))  # of several the first is higher
        part = most_equal if layer.window is None else sides_of(layer.window)
    else:
        part = size
        along = windows if len(size) == 1 else isqrt(windows)
        size = [side * along for side in size]
    positions = window(torch.arange(prod(size)).reshape(1, 1, *size), part).flatten()
    result = torch.empty(*x.shape[:2], prod(size), dtype=x.dtype)
    result[..., positions] = x.flatten(2)
    return result.reshape(*x.shape[:2], *size)


def attention(layer: Any, inputs: list[Any], p: dict[str, Any]) -> Any:
    """ATTENTION, with nn.MultiheadAttention if that supports its keys, else from its formula."""
    x, memory = last(inputs[0]), last(inputs[-1])
    shape = x.shape
    x, memory = x.reshape(-1, *shape[-2:]), memory.reshape(-1, *memory.shape[-2:])
    names = ("query", "key", "value")
    weights = [w.T for w in (p["weight"].chunk(3, dim=1) if "weight" in p else [p[name] for name in names])]
    biases = p["bias"].chunk(3) if "bias" in p else [None] * 3
    mask = None
    if layer.relative is not None:
        plane = sides_of(layer.relative)
        places = torch.stack(torch.meshgrid(*map(torch.arange, plane), indexing="ij"), -1).reshape(-1, len(plane))
        distance = places[:, None] - places[None] + torch.tensor(plane) - 1
        table = p["relative"].reshape(*[2 * side - 1 for side in plane], -1)
        mask = table[distance.unbind(-1)].permute(2, 0, 1)
    if layer.out and weights[0].shape[0] == shape[-1]:
        module = nn.MultiheadAttention(
            shape[-1], layer.heads, bias=layer.bias, kdim=memory.shape[-1], vdim=memory.shape[-1], batch_first=True
        ).to(x.dtype)
        state = {"out_proj.weight": p["out_weight"].T}
        if memory.shape[-1] == shape[-1]:
            state["in_proj_weight"] = torch.cat(weights)
        else:
            state.update({f"{name[0]}_proj_weight": weight for name, weight in zip(names, weights, strict=True)})
        if layer.bias:
            state.update({"in_proj_bias": p["bias"], "out_proj.bias": p["out_bias"]})
        options = {"attn_mask": None if mask is None else mask.repeat(len(x), 1, 1), "need_weights": False}
        # load_state_dict would copy the values, so they would have no gradient
        return first(torch.func.functional_call(module, state, (x, memory, memory), options)[0].reshape(shape))
    projected = [F.linear(each, w, b) for each, w, b in zip((x, memory, memory), weights, biases, strict=True)]
    q, k, v = (each.unflatten(-1, (layer.heads, -1)).transpose(1, 2) for each in projected)
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + (0 if mask is None else mask)
    result = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
    if layer.out:
        result = F.linear(result, p["out_weight"].T, p.get("out_bias"))
    return first(result.reshape(*shape[:-1], -1))


def matmul(layer: Any, inputs: list[Any], _: dict[str, Any]) -> Any:
    """MATMUL."""
    x, other = map(last, inputs)
    return first(torch.matmul(x, other.transpose(-1, -2) if layer.transpose else other))


def token(_: Any, inputs: list[Any], p: dict[str, Any]) -> Any:
    """TOKEN."""
    x = last(inputs[0])
    return first(torch.cat([p["token"].expand(len(x), -1, -1), x], dim=1))


SEQUENCES: dict[str, Callable[[Any, list[Any], dict[str, Any]], Any]] = {
    "sequence": lambda layer, inputs, p: inputs[0].flatten(2),
    "plane": lambda layer, inputs, p: inputs[0].unflatten(2, sides_of(layer.size)),
    "window": lambda layer, inputs, p: window(inputs[0], layer.size),
    "unwindow": lambda layer, inputs, p: unwindow(layer, inputs[0]),
    "roll": lambda layer, inputs, p: torch.roll(inputs[0], layer.shift, tuple(range(2, inputs[0].ndim))),
    "token": token,
    "position": lambda layer, inputs, p: inputs[0] + first(p["position"][None]),
    "attention": attention,
    "matmul": matmul,
    "opaque": lambda layer, inputs, p: torch.zeros(
        len(inputs[0]), layer.size[-1], *layer.size[:-1], dtype=inputs[0].dtype
    ),
}
"""The function of each kind; it takes the layer, its inputs and its parameters by name."""
