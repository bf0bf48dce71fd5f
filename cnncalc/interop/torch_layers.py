"""Runs each layer kind with PyTorch, independently of the executor, to verify it.

Tensors are batch x depth x sides, with one to three sides. Parameters are the arrays of the executor as tensors.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 (its conventional name)

from cnncalc.interop.torch_sequences import SEQUENCES

if TYPE_CHECKING:
    from collections.abc import Sequence


def function(name: str, x: Any) -> Any:
    """The function of torch.nn.functional for the number of sides of ``x``; ``conv`` is F.conv2d for two."""
    return getattr(F, f"{name}{x.dim() - 2}d")


def sides_of(x: Any) -> range:
    """The dimensions of the sides."""
    return range(2, x.dim())


def around(x: Any, pad: Sequence[int], fill: float = 0) -> Any:
    """``x`` padded with ``fill``; ``pad`` is all begins, then all ends."""
    return F.pad(x, listed(pad), value=fill)


def listed(pad: Sequence[int]) -> list[int]:
    """A padding of all begins and then all ends in the order of PyTorch: pairs, the last side first."""
    half = len(pad) // 2
    pairs = reversed(list(zip(pad[:half], pad[half:], strict=True)))
    return [number for pair in pairs for number in pair]


def pads_of(layer: Any, sizes: Sequence[int], kernel: Any, stride: Any, dilation: Any) -> list[int]:
    """The padding of a layer on sides of these sizes: all begins, then all ends."""
    pad = layer.pad
    if pad is None:
        return [wide * (size - 1) // 2 for wide, size in zip(dilation, kernel, strict=True)] * 2
    if pad != "same":
        return list(pad)
    before, after = [], []
    for side, size in enumerate(sizes):
        wide = dilation[side] * (kernel[side] - 1) + 1
        whole = max(0, (-(-size // stride[side]) - 1) * stride[side] + wide - size)
        before.append(whole // 2)
        after.append(whole - whole // 2)
    return before + after


def padded(x: Any, layer: Any, kernel: Any, stride: Any, dilation: Any, fill: float = 0) -> Any:
    """``x`` with the padding of a layer."""
    return around(x, pads_of(layer, x.shape[2:], kernel, stride, dilation), fill)


def symmetric(layer: Any) -> list[int] | None:
    """One padding for each side, as PyTorch takes it; None if the padding is not symmetric."""
    pad = layer.pad
    half = len(pad) // 2
    return list(pad[:half]) if not isinstance(pad, str) and pad[:half] == pad[half:] else None


def by_depth(array: Any, x: Any) -> Any:
    """Reshapes an array with one number for each channel so that it broadcasts over ``x``."""
    return array.reshape(-1, *[1] * (x.dim() - 2))


def conv(layer: Any, x: Any, p: dict[str, Any]) -> Any:
    """CONV, DWCONV."""
    weight, bias = p["weight"], p.get("bias")
    groups = layer.groups if layer.kind == "conv" else x.shape[1]
    kernel = range(weight.dim() - 2)
    if layer.kind == "conv" and layer.connections is not None:
        full = torch.zeros(layer.filters, x.shape[1], *weight.shape[1:], dtype=x.dtype)
        kernels = iter(weight)
        for number, maps in enumerate(layer.connections):
            for d in maps:
                full[number, d] = next(kernels)
        weight = full
    elif layer.kind == "conv":
        weight = weight.permute(-1, -2, *kernel)
        if layer.standardized:
            weight = F.batch_norm(weight.flatten(1)[None], None, None, training=True, eps=1e-6).reshape(weight.shape)
        elif layer.normed == "weight":
            length = p["length"].reshape(-1, *[1] * (weight.dim() - 1))
            weight = torch._weight_norm(weight, length, 0)  # noqa: SLF001 (the public form needs a module)
        elif layer.normed == "spectral":  # of the matrix in the order of the executor: filters x (kernel, maps)
            order = weight.permute(0, *range(2, weight.dim()), 1).flatten(1)
            weight = weight / (p["left"] @ order @ p["right"])
    else:
        *sizes, depth, multiplier = weight.shape
        weight = weight.permute(-2, -1, *kernel).reshape(depth * multiplier, 1, *sizes)
    x = padded(x, layer, layer.kernel, layer.stride, layer.dilation)
    return function("conv", x)(x, weight, bias, stride=layer.stride, dilation=layer.dilation, groups=groups)


def local(layer: Any, x: Any, p: dict[str, Any]) -> Any:
    """LOCAL: multiplies each window, from unfold, by the weights of its position."""
    weight, count = p["weight"], x.dim() - 2
    x = padded(x, layer, layer.kernel, layer.stride, layer.dilation)
    for side in range(count):
        gap = layer.dilation[side]
        x = x.unfold(2 + side, gap * (layer.kernel[side] - 1) + 1, layer.stride[side])[..., ::gap]
    shape, groups = x.shape[2 : 2 + count], layer.groups
    columns = x.movedim(1, -1).reshape(len(x), shape.numel(), -1, groups, x.shape[1] // groups)
    weight = weight.reshape(shape.numel(), -1, weight.shape[-2], groups, weight.shape[-1] // groups)
    result = torch.einsum("npkgd,pkdgf->ngfp", columns, weight).reshape(len(x), -1, *shape)
    return result + p["bias"].movedim(-1, 0) if "bias" in p else result


def deconv(layer: Any, x: Any, p: dict[str, Any]) -> Any:
    """DECONV."""
    weight = p["weight"].permute(-2, -1, *range(x.dim() - 2))
    pad = symmetric(layer)
    transposed = function("conv_transpose", x)
    if pad is not None:
        return transposed(x, weight, p.get("bias"), layer.stride, pad, layer.output_pad, layer.groups, layer.dilation)
    whole = transposed(x, weight, p.get("bias"), layer.stride, 0, layer.output_pad, layer.groups, layer.dilation)
    if layer.pad == "same":
        sizes = zip(whole.shape[2:], x.shape[2:], layer.stride, strict=True)
        over = [size - before * stride for size, before, stride in sizes]
        crop = [size // 2 for size in over] + [size - size // 2 for size in over]
    else:
        crop = list(layer.pad)
    return around(whole, [-size for size in crop])


def pool(layer: Any, x: Any) -> Any:
    """POOL, AVGPOOL."""
    if layer.adaptive is not None:
        return function("adaptive_max_pool" if layer.kind == "pool" else "adaptive_avg_pool", x)(x, layer.adaptive)
    stride, ceil = layer.stride or layer.kernel, layer.round == "ceil"
    dilation = layer.dilation if layer.kind == "pool" else [1] * len(stride)
    pad = symmetric(layer)
    if pad is not None and all(2 * size <= kernel for size, kernel in zip(pad, layer.kernel, strict=True)):
        if layer.kind == "pool":
            return function("max_pool", x)(x, layer.kernel, stride, pad, dilation, ceil_mode=ceil)
        return function("avg_pool", x)(x, layer.kernel, stride, pad, ceil, layer.count_pad)
    ends = pads_of(layer, x.shape[2:], layer.kernel, stride, dilation)
    reach = reach_of(layer, x.shape[2:], ends, stride, dilation)
    if layer.kind == "pool":
        return function("max_pool", x)(around(x, reach, -torch.inf), layer.kernel, stride, 0, dilation)
    mean = function("avg_pool", x)
    counted = around(torch.ones_like(x), ends, 1.0 if layer.count_pad else 0.0)
    counted = around(counted, [more - own for more, own in zip(reach, ends, strict=True)])
    return mean(around(x, reach), layer.kernel, stride) / mean(counted, layer.kernel, stride)


def reach_of(layer: Any, sizes: Sequence[int], ends: Sequence[int], stride: Any, dilation: Any) -> list[int]:
    """The padding up to the end of the last window; with ``round=ceil`` no window begins in the padding at the end."""
    reach = list(ends)
    for side, (size, step) in enumerate(zip(sizes, stride, strict=True)):
        before, after = ends[side], ends[side + len(stride)]
        window = dilation[side] * (layer.kernel[side] - 1) + 1
        travel = size + before + after - window
        last = travel // step
        if layer.round == "ceil":
            last = -(-travel // step)
            last -= last * step >= size + before
        reach[side + len(stride)] = last * step + window - size - before
    return reach


def lppool(layer: Any, x: Any) -> Any:
    """LPPOOL."""
    if not any(layer.pad) and layer.round == "floor":
        kernel, stride = (value[0] if value and x.dim() == 3 else value for value in (layer.kernel, layer.stride))
        return function("lp_pool", x)(x.abs(), layer.power, kernel, stride)
    stride, single = layer.stride or layer.kernel, [1] * (x.dim() - 2)
    ends = pads_of(layer, x.shape[2:], layer.kernel, stride, single)
    powers = around(x.abs() ** layer.power, reach_of(layer, x.shape[2:], ends, stride, single))
    return (function("avg_pool", x)(powers, layer.kernel, stride) * prod(layer.kernel)) ** (1 / layer.power)


SIMPLE: dict[str, Any] = {
    "relu": F.relu,
    "relu6": F.relu6,
    "silu": F.silu,
    "hswish": F.hardswish,
    "mish": F.mish,
    "selu": F.selu,
    "glu": lambda x: F.glu(x, dim=1),
    "softplus": F.softplus,
    "gap": lambda x: function("adaptive_avg_pool", x)(x, 1),
    "gmp": lambda x: function("adaptive_max_pool", x)(x, 1),
    "dropout": lambda x: x,
    "identity": lambda x: x,
    "input": lambda x: x,
    "flatten": lambda x: as_map(torch.flatten(x, 1), x),
}


MERGES: dict[str, Any] = {
    "add": torch.add,
    "mul": torch.mul,
    "sub": torch.sub,
    "div": torch.div,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "mean": torch.add,
}


def constant(value: Any, x: Any) -> Any:
    """A number, or one for each channel in a shape that broadcasts over maps."""
    return x.new_tensor(value).view(-1, *[1] * (x.dim() - 2)) if isinstance(value, tuple) else value


def as_map(flat: Any, x: Any) -> Any:
    """Reshapes vectors, batch x depth, to maps of one position with the number of sides of ``x``."""
    return flat.reshape(*flat.shape, *[1] * (x.dim() - 2))


def normalization(layer: Any, x: Any, p: dict[str, Any]) -> Any:
    """BN, GN, IN, LN, RMS, L2NORM."""
    scale, shift, eps = p.get("scale"), p.get("shift"), layer.eps
    if layer.kind == "bn":
        return F.batch_norm(x, p.get("mean"), p.get("variance"), scale, shift, training=not layer.stats, eps=eps)
    if layer.kind == "gn":
        return F.group_norm(x, layer.groups, scale, shift, eps)
    if layer.kind == "in":
        return F.instance_norm(x, weight=scale, bias=shift, eps=eps)
    axes = layer.axes or ("depth" if x.dim() == 3 else "volume")
    every = [*sides_of(x), 1]
    chosen = every if axes == "volume" else [1] if axes == "depth" else dims(axes, x)
    order = [0, *[side for side in range(1, x.dim()) if side not in chosen], *chosen]
    last = x.permute(order)  # the normalized dimensions are last
    shape = last.shape[-len(chosen) :]
    scale, shift = (None if array is None else array.reshape(shape) for array in (scale, shift))
    if layer.kind == "rms":
        result = F.rms_norm(last, shape, scale, eps)
    elif layer.kind == "l2norm":
        along: Any = tuple(range(-len(shape), 0))  # the type stub of PyTorch allows only one dimension
        result = F.normalize(last, dim=along, eps=eps)
        result = result if scale is None else result * scale
    else:
        result = F.layer_norm(last, shape, scale, shift, eps)
    return result.permute([order.index(side) for side in range(x.dim())])


def response(x: Any, scale: Any, shift: Any, eps: float) -> Any:
    """GRN, as in the code of its authors, on batch x sides x depth."""
    x = x.movedim(1, -1)
    lengths = torch.norm(x, p=2, dim=tuple(range(1, x.dim() - 1)), keepdim=True)
    relative = lengths / (lengths.mean(dim=-1, keepdim=True) + eps)
    return (scale * (x * relative) + shift + x).movedim(-1, 1)


LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
"""The names of linear interpolation in PyTorch, by the number of sides."""


def dims(names: Any, x: Any) -> list[int]:
    """The dimensions of batch x depth x sides with these names of sides or ``depth``."""
    sides = {1: ("length",), 2: ("height", "width"), 3: ("frames", "height", "width")}[x.dim() - 2]
    return [1 if name == "depth" else 2 + sides.index(name) for name in names]


def pad(layer: Any, x: Any) -> Any:
    """PAD."""
    both = listed(layer.pad)
    if layer.mode == "zero":
        return F.pad(x, (*both, *layer.depth), value=layer.value)
    return F.pad(x, both, mode={"wrap": "circular"}.get(layer.mode, layer.mode))


def space2depth(layer: Any, x: Any) -> Any:
    """SPACE2DEPTH, by slices of the input."""
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
    """The elements at each position of a block; the last side is fastest."""
    return [x[place] for place in places(block)]


def places(block: Any) -> list[Any]:
    """The index of the elements at each position of a block; the last side is fastest."""
    return [
        (..., *[slice(begin, None, step) for begin, step in zip(begins, block, strict=True)])
        for begins in np.ndindex(*block)
    ]


def depth2space(layer: Any, x: Any) -> Any:
    """DEPTH2SPACE."""
    count = int(np.prod(layer.block))
    if layer.order == "crd" and x.dim() == 4 and len(set(layer.block)) == 1:
        return F.pixel_shuffle(x, layer.block[0])
    depth = x.shape[1] // count
    sides = [size * step for size, step in zip(x.shape[2:], layer.block, strict=True)]
    result = torch.zeros(len(x), depth, *sides, dtype=x.dtype)
    order = np.arange(count).reshape(layer.block).T.ravel() if layer.order == "focus" else np.arange(count)
    for number, place in enumerate(places(layer.block)):
        part = list(order).index(number)
        result[place] = x[:, number::count] if layer.order == "crd" else x[:, part * depth : (part + 1) * depth]
    return result


def crop(layer: Any, x: Any, other: Any = None) -> Any:
    """CROP."""
    sides = layer.size if other is None else other.shape[2:]
    begins = [(size - part) // 2 for size, part in zip(x.shape[2:], sides, strict=True)]
    if layer.at != "centre":
        begins = [0] * len(sides) if layer.at == "begin" else list(layer.at)
    return x[(..., *[slice(begin, begin + part) for begin, part in zip(begins, sides, strict=True)])]


def resize(layer: Any, x: Any, other: Any = None) -> Any:
    """RESIZE."""
    mode = LINEAR[x.dim() - 2] if layer.mode == "bilinear" else layer.mode
    more = {"align_corners": layer.corners} if layer.mode in ("bilinear", "bicubic") else {}
    size = layer.size if other is None else tuple(other.shape[2:])
    return F.interpolate(x, size, layer.factor if size is None else None, mode=mode, **more)


def reduce(layer: Any, x: Any) -> Any:
    """REDUCE."""
    function: Any = {"mean": torch.mean, "sum": torch.sum, "max": torch.amax, "min": torch.amin}[layer.op]
    return function(x, dims(layer.axes, x), keepdim=True)


def softmax(layer: Any, x: Any) -> Any:
    """SOFTMAX over one axis or several."""
    over = dims(layer.axes, x)
    if len(over) == 1:
        return F.softmax(x, over[0])
    powers = torch.exp(x - x.amax(over, keepdim=True))
    return powers / powers.sum(over, keepdim=True)


def permute(layer: Any, x: Any) -> Any:
    """PERMUTE."""
    *sides, depth = dims(layer.order, x)
    return x.permute(0, depth, *sides)


def unpool(layer: Any, x: Any, places: Any) -> Any:
    """UNPOOL. ``places`` are indices within the windows of the pool; those of PyTorch are within the map."""
    pool, sizes = layer.pool, list(layer.entered.sides)
    count = len(sizes)
    if pool.adaptive is not None:
        indices = places.long().reshape(x.shape)
    else:
        indices = 0
        offsets = np.unravel_index(places.numpy().astype(int), pool.kernel)
        begins = pads_of(pool, sizes, pool.kernel, pool.step, pool.dilation)
        for side, (offset, size) in enumerate(zip(offsets, sizes, strict=True)):
            shape = [1] * x.dim()
            shape[2 + side] = -1
            first = np.arange(x.shape[2 + side]) * pool.step[side] - begins[side]
            indices = indices * size + first.reshape(shape) + offset * pool.dilation[side]
        indices = torch.from_numpy(indices)
    # F.max_unpool2d checks the sizes as if windows did not overlap; the functions that it calls do not
    kernels = torch.ops.aten
    if count == 1:
        return kernels.max_unpool2d(x.unsqueeze(-1), indices.unsqueeze(-1), [*sizes, 1]).squeeze(-1)
    if count == 2:
        return kernels.max_unpool2d(x, indices, sizes)
    return kernels.max_unpool3d(x, indices, sizes, [1] * 3, [0] * 3)


def fc(layer: Any, inputs: list[Any], p: dict[str, Any]) -> Any:
    """FC."""
    (x,) = inputs
    return as_map(F.linear(torch.flatten(x, 1), p["weight"].T, p.get("bias")), x)


def linear(layer: Any, inputs: list[Any], p: dict[str, Any]) -> Any:
    """LINEAR along the depth."""
    return F.linear(inputs[0].movedim(1, -1), p["weight"].T, p.get("bias")).movedim(-1, 1)


def rbf(layer: Any, inputs: list[Any], p: dict[str, Any]) -> Any:
    """RBF."""
    return as_map(torch.cdist(torch.flatten(inputs[0], 1), p["centre"].T) ** 2, inputs[0])


def subsample(layer: Any, inputs: list[Any], p: dict[str, Any]) -> Any:
    """SUBSAMPLE."""
    (x,) = inputs
    total = function("avg_pool", x)(x, layer.kernel, layer.stride) * prod(layer.kernel)
    return total * by_depth(p["weight"], x) + by_depth(p["bias"], x)


def lrn(layer: Any, inputs: list[Any], p: dict[str, Any]) -> Any:
    """LRN across maps or within a map."""
    (x,) = inputs
    if layer.region == "across":
        return F.local_response_norm(x, layer.size, layer.alpha, layer.beta, layer.k)
    before, after = layer.size // 2, (layer.size - 1) // 2
    squares = F.pad(x**2, (before, after) * len(sides_of(x)))
    return x / (layer.k + layer.alpha * function("avg_pool", x)(squares, layer.size, 1)) ** layer.beta


def scale(layer: Any, inputs: list[Any], p: dict[str, Any]) -> Any:
    """SCALE."""
    (x,) = inputs
    x = x * by_depth(p["scale"], x) if "scale" in p else x
    return x + by_depth(p["shift"], x) if "shift" in p else x


def hsigmoid(layer: Any, x: Any) -> Any:
    """HSIGMOID."""
    is_usual = layer.slope == 1 / 6 and layer.shift == 0.5
    return F.hardsigmoid(x) if is_usual else torch.clamp(x * layer.slope + layer.shift, 0, 1)


def merge(layer: Any, inputs: list[Any], p: dict[str, Any]) -> Any:
    """The element-wise merges, two inputs at a time."""
    x = inputs[0]
    for other in inputs[1:]:
        x = MERGES[layer.kind](x, other)
    return x / len(inputs) if layer.kind == "mean" else x


def concat(layer: Any, inputs: list[Any], p: dict[str, Any]) -> Any:
    """CONCAT."""
    return torch.cat(inputs, dim=dims(layer.axis, inputs[0])[0])


def reshape(layer: Any, x: Any) -> Any:
    """RESHAPE."""
    *sides, depth = layer.size
    return x.reshape(-1, depth, *sides)


def upsample(layer: Any, x: Any) -> Any:
    """UPSAMPLE."""
    if layer.mode == "nearest":
        return F.interpolate(x, scale_factor=layer.factor)
    return F.interpolate(x, scale_factor=layer.factor, mode=LINEAR[len(sides_of(x))], align_corners=False)


def slice_(layer: Any, x: Any) -> Any:
    """SLICE."""
    return x[(*(slice(None),) * dims(layer.axis, x)[0], slice(layer.start, layer.stop))]


REARRANGED: dict[str, Any] = {
    "pad": pad, "space2depth": space2depth, "depth2space": depth2space, "crop": crop, "resize": resize,
    "reduce": reduce, "softmax": softmax, "permute": permute, "unpool": unpool,
}  # fmt: skip
"""Kinds that PyTorch has no module for; the function takes the layer and its inputs."""

WITHOUT_PARAMETERS: dict[str, Any] = {
    **REARRANGED, "pool": pool, "avgpool": pool, "lppool": lppool, "hsigmoid": hsigmoid, "reshape": reshape,
    "upsample": upsample, "slice": slice_,
    "lrelu": lambda layer, x: F.leaky_relu(x, layer.slope),
    "gelu": lambda layer, x: F.gelu(x, approximate="tanh" if layer.form == "tanh" else "none"),
    "clip": lambda layer, x: torch.clamp(x, layer.low, layer.high),
    "hardtanh": lambda layer, x: F.hardtanh(x, layer.low, layer.high),
    "affine": lambda layer, x: x * constant(layer.factor, x) + constant(layer.shift, x),
    "elu": lambda layer, x: F.elu(x, layer.alpha),
    "shuffle": lambda layer, x: F.channel_shuffle(x, layer.groups),
}  # fmt: skip
"""Kinds without parameters; the function takes the layer and its inputs."""

NORMALIZATIONS = ("bn", "ln", "gn", "in", "rms", "l2norm")

LAYERS: dict[str, Any] = {
    **SEQUENCES,
    **dict.fromkeys(MERGES, merge),
    **dict.fromkeys(NORMALIZATIONS, lambda layer, inputs, p: normalization(layer, inputs[0], p)),
    **dict.fromkeys(("conv", "dwconv"), lambda layer, inputs, p: conv(layer, inputs[0], p)),
    "local": lambda layer, inputs, p: local(layer, inputs[0], p),
    "deconv": lambda layer, inputs, p: deconv(layer, inputs[0], p),
    "grn": lambda layer, inputs, p: response(inputs[0], p["scale"], p["shift"], layer.eps),
    "prelu": lambda layer, inputs, p: F.prelu(inputs[0], p["slope"]),
    "fc": fc, "linear": linear, "rbf": rbf, "subsample": subsample, "lrn": lrn, "scale": scale, "concat": concat,
}  # fmt: skip
"""The other kinds; the function takes the layer, its inputs and its parameters by name."""


def layer_in_torch(layer: Any, inputs: list[Any], p: dict[str, Any]) -> Any:
    """The output of a layer in inference with PyTorch; inputs and output are batch x depth x sides.

    ``p`` are the parameters and buffers by name.
    """
    kind = layer.kind
    if kind in LAYERS:
        return LAYERS[kind](layer, inputs, p)
    if kind in WITHOUT_PARAMETERS:
        return WITHOUT_PARAMETERS[kind](layer, *inputs)
    same_name = SIMPLE[kind] if kind in SIMPLE else getattr(torch, kind)
    return same_name(inputs[0])
