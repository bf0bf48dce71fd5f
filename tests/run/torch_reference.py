"""Every layer kind in PyTorch, independent of the package.

Tensors are batch x depth x height x width. Parameters are those of the NumPy run, brought into PyTorch's order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812  # its usual name

from tests.run.torch_sequences import SEQUENCES


def two(value: Any) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)


def padded(x: Any, layer: Any, kernel: Any, stride: Any, dilation: Any, fill: float = 0) -> Any:
    """The padding that the layer's keys ask for, added by hand."""
    pad = layer.pad
    if pad is None:
        pad = [dilation[0] * (kernel[0] - 1) // 2, dilation[1] * (kernel[1] - 1) // 2] * 2
    elif pad == "same":
        before, after = [], []
        for side in (0, 1):
            size, wide = x.shape[2 + side], dilation[side] * (kernel[side] - 1) + 1
            whole = max(0, (-(-size // stride[side]) - 1) * stride[side] + wide - size)
            before.append(whole // 2)
            after.append(whole - whole // 2)
        pad = before + after
    top, left, bottom, right = pad
    return F.pad(x, (left, right, top, bottom), value=fill)


def symmetric(layer: Any) -> list[int] | None:
    """The pad as PyTorch takes it, or None where it cannot."""
    pad = layer.pad
    return [pad[0], pad[1]] if not isinstance(pad, str) and pad[:2] == pad[2:] else None


def conv(layer: Any, x: Any, p: dict[str, Any]) -> Any:
    weight, bias = p["weight"], p.get("bias")
    groups = layer.groups if layer.kind == "conv" else x.shape[1]
    if layer.kind == "conv" and layer.connections is not None:
        full = torch.zeros(layer.filters, x.shape[1], *weight.shape[1:], dtype=x.dtype)
        kernels = iter(weight)
        for number, maps in enumerate(layer.connections):
            for d in maps:
                full[number, d] = next(kernels)
        weight = full
    elif layer.kind == "conv":
        weight = weight.permute(3, 2, 0, 1)
    else:
        kh, kw, depth, multiplier = weight.shape
        weight = weight.permute(2, 3, 0, 1).reshape(depth * multiplier, 1, kh, kw)
    x = padded(x, layer, layer.kernel, layer.stride, layer.dilation)
    return F.conv2d(x, weight, bias, stride=layer.stride, dilation=layer.dilation, groups=groups)


def local(layer: Any, x: Any, p: dict[str, Any]) -> Any:
    """Windows by unfold, each times the weights of its position."""
    height, width, _, _, depth, filters = p["weight"].shape
    x = padded(x, layer, layer.kernel, layer.stride, layer.dilation)
    columns = F.unfold(x, layer.kernel, layer.dilation, 0, layer.stride)
    columns = columns.reshape(len(x), layer.groups, depth, -1, height, width)  # of each group by channel and place
    weight = p["weight"].flatten(2, 3).unflatten(-1, (layer.groups, filters // layer.groups))
    result = torch.einsum("ngdphw,hwpdgf->ngfhw", columns, weight).flatten(1, 2)
    return result + p["bias"].permute(2, 0, 1) if "bias" in p else result


def deconv(layer: Any, x: Any, p: dict[str, Any]) -> Any:
    weight = p["weight"].permute(2, 3, 0, 1)
    pad = symmetric(layer)
    if pad is not None:
        return F.conv_transpose2d(
            x, weight, p.get("bias"), layer.stride, pad, layer.output_pad, layer.groups, layer.dilation
        )
    whole = F.conv_transpose2d(x, weight, p.get("bias"), layer.stride, 0, 0, layer.groups, layer.dilation)
    if layer.pad == "same":
        over = [whole.shape[2 + side] - x.shape[2 + side] * layer.stride[side] for side in (0, 1)]
        crop = [over[0] // 2, over[1] // 2, over[0] - over[0] // 2, over[1] - over[1] // 2]
    else:
        crop = list(layer.pad)
    return whole[:, :, crop[0] : whole.shape[2] - crop[2], crop[1] : whole.shape[3] - crop[3]]


def pool(layer: Any, x: Any) -> Any:
    if layer.adaptive is not None:
        adaptive: Any = F.adaptive_max_pool2d if layer.kind == "pool" else F.adaptive_avg_pool2d
        return adaptive(x, layer.adaptive)
    stride, ceil = layer.stride or layer.kernel, layer.round == "ceil"
    pad = symmetric(layer)
    if layer.kind == "pool":
        if pad is None:
            x, pad = padded(x, layer, layer.kernel, stride, layer.dilation, -torch.inf), [0, 0]
        return F.max_pool2d(x, layer.kernel, stride, pad, layer.dilation, ceil_mode=ceil)
    if pad is not None:
        return F.avg_pool2d(x, layer.kernel, stride, pad, ceil, layer.count_pad)
    ones = padded(torch.ones_like(x), layer, layer.kernel, stride, (1, 1))
    x = padded(x, layer, layer.kernel, stride, (1, 1))
    mean = F.avg_pool2d(x, layer.kernel, stride)
    return mean if layer.count_pad else mean / F.avg_pool2d(ones, layer.kernel, stride)


def lppool(layer: Any, x: Any) -> Any:
    if layer.pad == (0, 0, 0, 0) and layer.round == "floor":
        return F.lp_pool2d(x.abs(), layer.power, layer.kernel, layer.stride)
    stride = layer.stride or layer.kernel
    powers = padded(x.abs() ** layer.power, layer, layer.kernel, stride, (1, 1))
    # whatever lies beyond the padding counts as nothing in a sum
    powers = F.pad(powers, (0, stride[1] if layer.round == "ceil" else 0, 0, stride[0] if layer.round == "ceil" else 0))
    total = F.avg_pool2d(powers, layer.kernel, stride, divisor_override=1) ** (1 / layer.power)
    if layer.round == "ceil":
        top, left, _, _ = layer.pad
        probe = F.max_pool2d(x, layer.kernel, stride, (top, left), ceil_mode=True)
        total = total[:, :, : probe.shape[2], : probe.shape[3]]
    return total


SIMPLE: dict[str, Any] = {
    "relu": F.relu,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "silu": F.silu,
    "hswish": F.hardswish,
    "hsigmoid": F.hardsigmoid,
    "softplus": F.softplus,
    "gap": lambda x: F.adaptive_avg_pool2d(x, 1),
    "gmp": lambda x: F.adaptive_max_pool2d(x, 1),
    "dropout": lambda x: x,
    "identity": lambda x: x,
    "input": lambda x: x,
    "flatten": lambda x: torch.flatten(x, 1)[:, :, None, None],
}


def normalization(layer: Any, x: Any, p: dict[str, Any]) -> Any:
    scale, shift, eps = p.get("scale"), p.get("shift"), layer.eps
    if layer.kind == "bn":
        return F.batch_norm(x, p.get("mean"), p.get("variance"), scale, shift, training=not layer.stats, eps=eps)
    if layer.kind == "gn":
        return F.group_norm(x, layer.groups, scale, shift, eps)
    if layer.kind == "in":
        whole = (x - x.mean((2, 3), keepdim=True)) / torch.sqrt(x.var((2, 3), correction=0, keepdim=True) + eps)
        ours = F.instance_norm(x, weight=scale, bias=shift, eps=eps)
        assert scale is not None or torch.allclose(whole, ours)
        return ours
    last = x.movedim(1, -1)
    shape = last.shape[-1:] if layer.axes == "depth" else last.shape[1:]
    scale, shift = (None if array is None else array.reshape(shape) for array in (scale, shift))
    if layer.kind == "rms":
        return F.rms_norm(last, shape, scale, eps).movedim(-1, 1)
    if layer.kind == "l2norm":
        result = F.normalize(last, dim=tuple(range(-len(shape), 0)), eps=eps)  # type: ignore[arg-type]
        return (result if scale is None else result * scale).movedim(-1, 1)
    return F.layer_norm(last, shape, scale, shift, eps).movedim(-1, 1)


def response(x: Any, scale: Any, shift: Any, eps: float) -> Any:
    """GRN as its authors write it, on batch x sides x depth."""
    x = x.movedim(1, -1)
    lengths = torch.norm(x, p=2, dim=tuple(range(1, x.dim() - 1)), keepdim=True)
    relative = lengths / (lengths.mean(dim=-1, keepdim=True) + eps)
    return (scale * (x * relative) + shift + x).movedim(-1, 1)


def dims(names: Any, x: Any) -> list[int]:
    """The dimensions of sides and depth by their names, in batch x depth x sides."""
    sides = {1: ("length",), 2: ("height", "width"), 3: ("frames", "height", "width")}[x.dim() - 2]
    return [1 if name == "depth" else 2 + sides.index(name) for name in names]


def pad(layer: Any, x: Any) -> Any:
    sides = x.dim() - 2
    both = [each for side in reversed(range(sides)) for each in (layer.pad[side], layer.pad[sides + side])]
    if layer.mode == "zero":
        return F.pad(x, (*both, *layer.depth), value=layer.value)
    return F.pad(x, both, mode={"wrap": "circular"}.get(layer.mode, layer.mode))


def space2depth(layer: Any, x: Any) -> Any:
    """Each block by slices of the input."""
    if layer.order == "crd" and x.dim() == 4 and len(set(layer.block)) == 1:
        return F.pixel_unshuffle(x, layer.block[0])
    if layer.order == "darknet":
        batch, depth, *sides = x.shape
        wide = [size * step for size, step in zip(sides, layer.block, strict=True)]
        count = int(np.prod(layer.block))
        parts = blocks(x.reshape(batch, depth // count, *wide), layer.block)
        return torch.cat(parts, 1).reshape(batch, -1, *[s // b for s, b in zip(sides, layer.block, strict=True)])
    parts = blocks(x, layer.block)
    if layer.order == "dcr":
        return torch.cat(parts, 1)
    if layer.order == "crd":
        return torch.stack(parts, 2).flatten(1, 2)
    order = np.arange(len(parts)).reshape(layer.block).T.ravel()  # by column
    return torch.cat([parts[number] for number in order], 1)


def blocks(x: Any, block: Any) -> list[Any]:
    """For each place in a block the elements at it, last side fastest."""
    return [
        x[(..., *[slice(place, None, step) for place, step in zip(places, block, strict=True)])]
        for places in np.ndindex(*block)
    ]


def depth2space(layer: Any, x: Any) -> Any:
    count = int(np.prod(layer.block))
    if layer.order == "crd" and x.dim() == 4 and len(set(layer.block)) == 1:
        return F.pixel_shuffle(x, layer.block[0])
    depth = x.shape[1] // count
    sides = [size * step for size, step in zip(x.shape[2:], layer.block, strict=True)]
    result = torch.zeros(len(x), depth, *sides, dtype=x.dtype)
    order = np.arange(count).reshape(layer.block).T.ravel() if layer.order == "focus" else np.arange(count)
    for number, target in enumerate(blocks(result, layer.block)):
        part = list(order).index(number)
        target[...] = x[:, number::count] if layer.order == "crd" else x[:, part * depth : (part + 1) * depth]
    return result


def crop(layer: Any, x: Any, other: Any = None) -> Any:
    sides = layer.size if other is None else other.shape[2:]
    begins = [(size - part) // 2 for size, part in zip(x.shape[2:], sides, strict=True)]
    if layer.at != "centre":
        begins = [0] * len(sides) if layer.at == "begin" else list(layer.at)
    return x[(..., *[slice(begin, begin + part) for begin, part in zip(begins, sides, strict=True)])]


def resize(layer: Any, x: Any, other: Any = None) -> Any:
    linear = {3: "linear", 4: "bilinear", 5: "trilinear"}[x.dim()]
    mode = linear if layer.mode == "bilinear" else layer.mode
    more = {"align_corners": layer.corners} if layer.mode in ("bilinear", "bicubic") else {}
    size = layer.size if other is None else tuple(other.shape[2:])
    return F.interpolate(x, size, layer.factor if size is None else None, mode=mode, **more)


def reduce(layer: Any, x: Any) -> Any:
    function: Any = {"mean": torch.mean, "sum": torch.sum, "max": torch.amax, "min": torch.amin}[layer.op]
    return function(x, dims(layer.axes, x), keepdim=True)


def softmax(layer: Any, x: Any) -> Any:
    powers = torch.exp(x - x.amax(dims(layer.axes, x), keepdim=True))
    result = powers / powers.sum(dims(layer.axes, x), keepdim=True)
    if len(layer.axes) == 1:
        ours = F.softmax(x, dims(layer.axes, x)[0])
        assert torch.allclose(result, ours)
        return ours
    return result


def permute(layer: Any, x: Any) -> Any:
    *sides, depth = dims(layer.order, x)
    return x.permute(0, depth, *sides)


def unpool(layer: Any, x: Any, places: Any) -> Any:
    """From places in the windows of the pool, which PyTorch counts in the map."""
    sides = x.dim() - 2
    pool = layer.pool
    indices: Any = 0
    offsets = np.unravel_index(places.numpy().astype(int), pool.kernel)
    for side, (offset, size) in enumerate(zip(offsets, layer.entered.sides, strict=True)):
        begins = np.arange(x.shape[2 + side]) * pool.step[side] - pool.pad[side]
        shape = [1] * x.dim()
        shape[2 + side] = -1
        indices = indices * size + begins.reshape(shape) + offset
    function: Any = {1: F.max_unpool1d, 2: F.max_unpool2d, 3: F.max_unpool3d}[sides]
    return function(x, torch.from_numpy(indices), pool.kernel, pool.step, pool.pad[:sides], list(layer.entered.sides))


REARRANGED: dict[str, Any] = {
    "pad": pad,
    "space2depth": space2depth,
    "depth2space": depth2space,
    "crop": crop,
    "resize": resize,
    "reduce": reduce,
    "softmax": softmax,
    "permute": permute,
    "unpool": unpool,
}


def layer_in_torch(layer: Any, inputs: list[Any], p: dict[str, Any]) -> Any:
    """What PyTorch makes of a layer."""
    x, kind = inputs[0], layer.kind
    if kind in SEQUENCES:
        return SEQUENCES[kind](layer, inputs, p)
    if kind in REARRANGED:
        return REARRANGED[kind](layer, *inputs)
    if kind in SIMPLE:
        return SIMPLE[kind](x)
    if kind in ("conv", "dwconv"):
        return conv(layer, x, p)
    if kind == "local":
        return local(layer, x, p)
    if kind == "linear":
        return F.linear(x.movedim(1, -1), p["weight"].T, p.get("bias")).movedim(-1, 1)
    if kind == "deconv":
        return deconv(layer, x, p)
    if kind == "fc":
        return F.linear(torch.flatten(x, 1), p["weight"].T, p.get("bias"))[:, :, None, None]
    if kind == "rbf":
        return (torch.cdist(torch.flatten(x, 1), p["centre"].T) ** 2)[:, :, None, None]
    if kind in ("pool", "avgpool"):
        return pool(layer, x)
    if kind == "lppool":
        return lppool(layer, x)
    if kind == "subsample":
        total = F.avg_pool2d(x, layer.kernel, layer.stride, divisor_override=1)
        return total * p["weight"][:, None, None] + p["bias"][:, None, None]
    if kind == "grn":
        return response(x, p["scale"], p["shift"], layer.eps)
    if kind in ("bn", "ln", "gn", "in", "rms", "l2norm"):
        return normalization(layer, x, p)
    if kind == "lrn":
        if layer.region == "across":
            return F.local_response_norm(x, layer.size, layer.alpha, layer.beta, layer.k)
        before, after = layer.size // 2, (layer.size - 1) // 2
        squares = F.pad(x**2, (before, after, before, after))
        return x / (layer.k + layer.alpha * F.avg_pool2d(squares, layer.size, 1)) ** layer.beta
    if kind == "scale":
        return x * p["scale"][:, None, None] + (p["shift"][:, None, None] if "shift" in p else 0)
    if kind == "lrelu":
        return F.leaky_relu(x, layer.slope)
    if kind == "elu":
        return F.elu(x, layer.alpha)
    if kind == "prelu":
        return F.prelu(x, p["slope"])
    if kind == "concat":
        return torch.cat(inputs, dim=dims(layer.axis, x)[0])
    if kind in ("add", "mul"):
        for other in inputs[1:]:
            x = x + other if kind == "add" else x * other
        return x
    if kind == "reshape":
        height, width, depth = layer.size
        return x.reshape(-1, depth, height, width)
    if kind == "upsample":
        more = {"align_corners": False} if layer.mode == "bilinear" else {}
        return F.interpolate(x, scale_factor=layer.factor, mode=layer.mode, **more)
    if kind == "shuffle":
        return F.channel_shuffle(x, layer.groups)
    if kind == "slice":
        return x[(*(slice(None),) * dims(layer.axis, x)[0], slice(layer.start, layer.stop))]
    raise NotImplementedError(kind)
