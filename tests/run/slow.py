"""Layers with windows, computed one output at a time, independent of the package.

Arrays are batch x height x width x depth.
"""

from __future__ import annotations

from itertools import product
from math import ceil, floor
from typing import Any

import numpy as np


def sides(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def pads(keys: dict[str, Any], default: Any, x: Any, stride: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right); `same` as in the documentation of TensorFlow."""
    pad = keys.get("pad", default)
    kernel, dilation = sides(keys.get("kernel", 3)), sides(keys.get("dilation", 1))
    if pad == "valid":
        return (0, 0, 0, 0)
    if pad == "same":
        before_after = []
        for side in (0, 1):
            wide = (kernel[side] - 1) * dilation[side] + 1
            out = ceil(x.shape[1 + side] / stride[side])
            whole = max((out - 1) * stride[side] + wide - x.shape[1 + side], 0)
            before_after.append((whole // 2, whole - whole // 2))
        return (before_after[0][0], before_after[1][0], before_after[0][1], before_after[1][1])
    if isinstance(pad, int):
        return (pad,) * 4
    return (*pad, *pad) if len(pad) == 2 else tuple(pad)


def conv(x: Any, weight: Any, bias: Any, keys: dict[str, Any], groups: int, depthwise: bool = False) -> Any:
    """For each filter at each position, the sum over window and depth of input times weight."""
    stride, dilation = sides(keys.get("stride", 1)), sides(keys.get("dilation", 1))
    kernel = sides(keys.get("kernel", 3))
    usual = [dilation[side] * (kernel[side] - 1) // 2 for side in (0, 1)]
    top, left, bottom, right = pads(keys, usual, x, stride)
    high, wide = x.shape[1] + top + bottom, x.shape[2] + left + right
    field = np.zeros((x.shape[0], high, wide, x.shape[3]))
    field[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    reach = [dilation[side] * (kernel[side] - 1) for side in (0, 1)]
    rows = [row for row in range(0, high, stride[0]) if row + reach[0] < high]
    columns = [column for column in range(0, wide, stride[1]) if column + reach[1] < wide]
    multiplier = weight.shape[3] if depthwise else 0
    filters = x.shape[3] * multiplier if depthwise else weight.shape[3]
    out = np.zeros((x.shape[0], len(rows), len(columns), filters))
    each = x.shape[3] // groups
    for (r, row), (c, column), k in product(enumerate(rows), enumerate(columns), range(filters)):
        total = np.zeros(x.shape[0])
        for i, j in product(range(kernel[0]), range(kernel[1])):
            there = field[:, row + i * dilation[0], column + j * dilation[1]]
            if depthwise:
                total += there[:, k // multiplier] * weight[i, j, k // multiplier, k % multiplier]
            else:
                first = k // (filters // groups) * each
                for d in range(each):
                    total += there[:, first + d] * weight[i, j, d, k]
        out[:, r, c, k] = total + (0 if bias is None else bias[k])
    return out


def table_conv(x: Any, weight: Any, bias: Any, keys: dict[str, Any]) -> Any:
    """Each filter reads the maps in its row of the table, with one kernel for each map."""
    table = keys["connections"]
    full = np.zeros((*weight.shape[1:], x.shape[3], len(table)))
    number = 0
    for k, maps in enumerate(table):
        for d in maps:
            full[:, :, d, k] = weight[number]
            number += 1
    return conv(x, full, bias, keys, 1)


def deconv(x: Any, weight: Any, bias: Any, keys: dict[str, Any]) -> Any:
    """Adds the kernel, weighted by each input element, to the output; then the border is cropped."""
    stride, dilation = sides(keys.get("stride", 2)), sides(keys.get("dilation", 1))
    kernel, more = sides(keys.get("kernel", 2)), sides(keys.get("output_pad", 0))
    groups, filters = keys.get("groups", 1), keys["filters"]
    pad = keys.get("pad", 0)
    size = [
        (x.shape[1 + side] - 1) * stride[side] + dilation[side] * (kernel[side] - 1) + 1 + more[side] for side in (0, 1)
    ]
    if pad == "same":
        over = [size[side] - x.shape[1 + side] * stride[side] for side in (0, 1)]
        top, left, bottom, right = over[0] // 2, over[1] // 2, over[0] - over[0] // 2, over[1] - over[1] // 2
    else:
        top, left, bottom, right = pads({"pad": pad}, 0, x, stride)
    out = np.zeros((x.shape[0], *size, filters))
    deep, each = x.shape[3] // groups, filters // groups
    places = product(range(x.shape[1]), range(x.shape[2]), range(kernel[0]), range(kernel[1]), range(x.shape[3]))
    for row, column, i, j, d in places:
        for k in range(each):
            out[:, row * stride[0] + i * dilation[0], column * stride[1] + j * dilation[1], d // deep * each + k] += (
                x[:, row, column, d] * weight[i, j, d, k]
            )
    out = out[:, top : size[0] - bottom, left : size[1] - right]
    return out if bias is None else out + bias


def pool(x: Any, keys: dict[str, Any], reduce: Any) -> Any:
    """``reduce(values, counted, kernel area)`` of the image elements in each window.

    ``counted`` is the number of positions of the window inside the image or its padding.
    """
    kernel = sides(keys.get("kernel", 2))
    stride, dilation = sides(keys.get("stride", kernel)), sides(keys.get("dilation", 1))
    pad = pads({"kernel": 2, **keys}, 0, x, stride)
    begins, reach = [], [dilation[side] * (kernel[side] - 1) + 1 for side in (0, 1)]
    for side in (0, 1):
        size = x.shape[1 + side]
        turns = (size + pad[side] + pad[side + 2] - reach[side]) / stride[side]
        number = (ceil if keys.get("round") == "ceil" else floor)(turns) + 1
        begins.append([o * stride[side] - pad[side] for o in range(number) if o * stride[side] < size + pad[side]])
    out = np.zeros((x.shape[0], len(begins[0]), len(begins[1]), x.shape[3]))
    for (r, row), (c, column) in product(enumerate(begins[0]), enumerate(begins[1])):
        values, counted = [], 0
        for i, j in product(range(kernel[0]), range(kernel[1])):
            y, z = row + i * dilation[0], column + j * dilation[1]
            counted += y < x.shape[1] + pad[2] and z < x.shape[2] + pad[3]
            if 0 <= y < x.shape[1] and 0 <= z < x.shape[2]:
                values.append(x[:, y, z])
        out[:, r, c] = reduce(np.array(values), counted, kernel[0] * kernel[1])
    return out
