"""Layers and functions that generated Keras code has beside those of Keras: the source of those used is copied."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import layers, ops

kept: dict[str, Any] = {}


def keep(layer: Any) -> Any:
    """The layer, kept by its name for others that use its weights."""
    kept[layer.name] = layer
    return layer


class Scale(layers.Layer):
    """One learned factor a channel and one learned shift, as far as they are wanted."""

    def __init__(self, scale: bool = True, shift: bool = True, **keys: Any) -> None:
        super().__init__(**keys)
        self.scales, self.shift = scale, shift

    def build(self, shape: Any) -> None:
        """The factors and shifts."""
        self.scale = self.add_weight(shape=shape[-1:], initializer="ones", name="scale") if self.scales else None
        self.bias = self.add_weight(shape=shape[-1:], initializer="zeros", name="bias") if self.shift else None

    def call(self, x: Any) -> Any:
        """X times the factor plus the shift."""
        x = x if self.scale is None else x * self.scale
        return x if self.bias is None else x + self.bias


class Subsample(Scale):
    """The sum of each window, times one learned coefficient a map, plus one learned bias a map."""

    def __init__(self, kernel: Any, stride: Any, **keys: Any) -> None:
        super().__init__(**keys)
        self.kernel, self.stride = kernel, stride

    def call(self, x: Any) -> Any:
        """The windows of x."""
        return super().call(ops.average_pool(x, self.kernel, self.stride) * math.prod(self.kernel))


class LpPooling(layers.Layer):
    """The p-norm of each window."""

    def __init__(self, kernel: Any, stride: Any, power: float, **keys: Any) -> None:
        super().__init__(**keys)
        self.kernel, self.stride, self.power = kernel, stride, power

    def call(self, x: Any) -> Any:
        """The windows of x."""
        total = ops.average_pool(ops.abs(x) ** self.power, self.kernel, self.stride) * math.prod(self.kernel)
        return total ** (1 / self.power)


class CountedPooling(layers.Layer):
    """The mean of each window over the positions that count."""

    def __init__(self, kernel: Any, stride: Any, pads: Any, counted: Any, **keys: Any) -> None:
        super().__init__(**keys)
        self.kernel, self.stride, self.pads, self.counted = kernel, stride, pads, counted

    def call(self, x: Any) -> Any:
        """The windows of x, padded; ``counted`` is the part of the padding that counts."""
        windows = ops.average_pool(ops.pad(x, self.pads), self.kernel, self.stride)
        for side, new in enumerate(windows.shape[1:-1]):
            (begin, _), (before, after) = self.pads[1 + side], self.counted[1 + side]
            first = np.arange(new) * self.stride[side]
            last = np.minimum(first + self.kernel[side], begin + x.shape[1 + side] + after)
            share = self.kernel[side] / (last - np.maximum(first, begin - before))
            windows = windows * ops.convert_to_tensor(
                share.astype("float32").reshape(-1, *[1] * (len(self.pads) - 2 - side))
            )
        return windows


class Rbf(layers.Layer):
    """The squared distance to each fixed centre."""

    def __init__(self, units: int, **keys: Any) -> None:
        super().__init__(**keys)
        self.units = units

    def build(self, shape: Any) -> None:
        """The centres."""
        self.centre = self.add_weight(shape=(self.units, shape[-1]), initializer="ones", trainable=False, name="centre")

    def call(self, x: Any) -> Any:
        """The distances of each image."""
        return ops.sum((x[:, None] - self.centre) ** 2, axis=-1)


class RmsNorm(layers.Layer):
    """Division by the root of the mean square over the axes, times a learned factor if wanted."""

    def __init__(self, axes: Any, epsilon: float, scale: bool, **keys: Any) -> None:
        super().__init__(**keys)
        self.axes, self.epsilon, self.scale = axes, epsilon, scale

    def build(self, shape: Any) -> None:
        """The factors."""
        axes = [axis % len(shape) for axis in self.axes]
        sizes = [shape[axis] if axis in axes else 1 for axis in range(1, len(shape))]
        self.gamma = self.add_weight(shape=sizes, initializer="ones", name="gamma") if self.scale else None

    def divided(self, x: Any) -> Any:
        """X, divided."""
        return x * ops.rsqrt(ops.mean(x**2, axis=self.axes, keepdims=True) + self.epsilon)

    def call(self, x: Any) -> Any:
        """X, divided and scaled."""
        x = self.divided(x)
        return x if self.gamma is None else x * self.gamma


class NormOver(layers.LayerNormalization):
    """Layer normalization over any axes, also where they are not the last."""

    def call(self, x: Any) -> Any:
        """X less its mean, divided by its deviation, scaled and shifted."""
        mean, variance = ops.moments(x, axes=self.axis, keepdims=True)
        x = (x - mean) * ops.rsqrt(variance + self.epsilon)
        shape = [size if axis in self.axis else 1 for axis, size in enumerate(x.shape)]
        x = x * ops.reshape(self.gamma, shape) if self.scale else x
        return x + ops.reshape(self.beta, shape) if self.center else x


class L2Norm(RmsNorm):
    """Division by the length over the axes, times a learned factor if wanted."""

    def divided(self, x: Any) -> Any:
        """X, divided."""
        return x / ops.maximum(ops.sqrt(ops.sum(x**2, axis=self.axes, keepdims=True)), self.epsilon)


class GlobalResponse(layers.Layer):
    """Global response normalization (ConvNeXt V2)."""

    def __init__(self, epsilon: float, **keys: Any) -> None:
        super().__init__(**keys)
        self.epsilon = epsilon

    def build(self, shape: Any) -> None:
        """The factors and shifts."""
        self.gamma = self.add_weight(shape=shape[-1:], initializer="zeros", name="gamma")
        self.beta = self.add_weight(shape=shape[-1:], initializer="zeros", name="beta")

    def call(self, x: Any) -> Any:
        """X, with each channel scaled by its length in relation to that of the others."""
        lengths = ops.sqrt(ops.sum(x**2, axis=tuple(range(1, len(x.shape) - 1)), keepdims=True))
        relative = lengths / (ops.mean(lengths, axis=-1, keepdims=True) + self.epsilon)
        return self.gamma * (x * relative) + self.beta + x


class LocalResponse(layers.Layer):
    """Local response normalization across the channels."""

    def __init__(self, size: int, alpha: float, beta: float, k: float, **keys: Any) -> None:
        super().__init__(**keys)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def mean(self, squares: Any) -> Any:
        """The mean of the squares around each element."""
        depth = squares.shape[-1]
        pads = [*[(0, 0)] * (len(squares.shape) - 1), (self.size // 2, (self.size - 1) // 2)]
        squares = ops.pad(squares, pads)
        return sum(squares[..., first : first + depth] for first in range(self.size)) / self.size

    def call(self, x: Any) -> Any:
        """X, divided by the mean of the squares around it."""
        return x / (self.k + self.alpha * self.mean(x**2)) ** self.beta


class ResponseWithin(LocalResponse):
    """Local response normalization within each map."""

    def mean(self, squares: Any) -> Any:
        """The mean of the squares around each element."""
        pads = [(0, 0), *[(self.size // 2, (self.size - 1) // 2)] * (len(squares.shape) - 2), (0, 0)]
        return ops.average_pool(ops.pad(squares, pads), self.size, 1)


class ConnectedConv(layers.Layer):
    """A convolution whose filters see the listed maps only; one kernel for each."""

    def __init__(
        self, connections: Any, kernel: Any, strides: Any = 1, padding: str = "valid", dilation_rate: Any = 1,
        use_bias: bool = True, **keys: Any,
    ) -> None:  # fmt: skip
        super().__init__(**keys)
        self.connections, self.kernel, self.use_bias = connections, kernel, use_bias
        self.window = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}

    def build(self, shape: Any) -> None:
        """A kernel for each connection."""
        self.places = [(maps, row) for row, each in enumerate(self.connections) for maps in each]
        self.weight = self.add_weight(shape=(len(self.places), *self.kernel), name="kernel")
        self.bias = self.add_weight(shape=(len(self.connections),), name="bias") if self.use_bias else None

    def call(self, x: Any) -> Any:
        """The maps of all filters."""
        whole = (x.shape[-1], len(self.connections), *self.kernel)
        full = ops.scatter(np.array(self.places), self.weight, whole)
        full = ops.transpose(full, (*range(2, len(whole)), 0, 1))
        x = ops.conv(x, full, **self.window)
        return x if self.bias is None else x + self.bias


class StandardizedConv2D(layers.Conv2D):
    """A convolution whose filters have mean 0 and variance 1."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution with the standardized filters."""
        mean, variance = ops.moments(kernel, axes=(0, 1, 2), keepdims=True)
        return super().convolution_op(inputs, (kernel - mean) * ops.rsqrt(variance + 1e-6))


class Resize(layers.Layer):
    """A map of another size: the nearest element, or a sum of those around a place."""

    def __init__(self, size: Any, mode: str, corners: bool = False, factor: Any = None, **keys: Any) -> None:
        super().__init__(**keys)
        self.size, self.mode, self.corners, self.factor = size, mode, corners, factor

    def taps(self, side: int, old: int) -> Any:
        """The places along a side that each new one takes, and their shares."""
        new = self.size[side]
        at, scale = np.arange(new), old / new if self.factor is None else 1 / self.factor[side]
        if self.mode == "nearest":
            return [(np.floor((at * float(np.float32(scale))).astype("float32")), np.ones(new))]
        place = at * ((old - 1) / max(new - 1, 1)) if self.corners else (at + 0.5) * scale - 0.5
        if self.mode == "bilinear":
            place = np.clip(place, 0, old - 1)
            low = np.floor(place)
            return [(low, 1 - place + low), (low + 1, place - low)]
        low = np.floor(place)
        part, found = place - low, []
        for step in range(-1, 3):
            far = np.abs(part - step)
            inside, outside = (1.25 * far - 2.25) * far**2 + 1, ((-0.75 * far + 3.75) * far - 6) * far + 3
            found.append((low + step, np.where(far <= 1, inside, outside)))
        return found

    def call(self, x: Any) -> Any:
        """X with the new sides."""
        for side in range(len(self.size)):
            old, made = x.shape[1 + side], 0
            if old == self.size[side] and self.factor is None:
                continue
            for places, shares in self.taps(side, old):
                places = np.clip(places, 0, old - 1).astype("int32")
                shares = shares.astype("float32").reshape(-1, *[1] * (len(self.size) - side))
                made = made + ops.take(x, places, axis=1 + side) * ops.convert_to_tensor(shares)
            x = made
        return x


class Token(layers.Layer):
    """Learned vectors in front of a sequence."""

    def __init__(self, count: int, **keys: Any) -> None:
        super().__init__(**keys)
        self.count = count

    def build(self, shape: Any) -> None:
        """The vectors."""
        self.token = self.add_weight(shape=(1, self.count, shape[-1]), initializer="zeros", name="token")

    def call(self, x: Any) -> Any:
        """The vectors, then the sequence."""
        return ops.concatenate([ops.repeat(self.token, ops.shape(x)[0], axis=0), x], axis=1)

    def compute_output_shape(self, shape: Any) -> Any:
        """A sequence with as many positions more."""
        return (shape[0], shape[1] + self.count, shape[2])


class Position(layers.Layer):
    """A learned volume that is added."""

    def build(self, shape: Any) -> None:
        """The volume."""
        self.position = self.add_weight(shape=(1, *shape[1:]), initializer="zeros", name="position")

    def call(self, x: Any) -> Any:
        """X plus the volume."""
        return x + self.position


class Attention(layers.Layer):
    """Attention with heads along the last side: projections, softmax of products, projection back."""

    def __init__(
        self, heads: int, inner: int, bias: bool = True, out: bool = True, plane: Any = None, **keys: Any
    ) -> None:  # fmt: skip
        super().__init__(**keys)
        self.heads, self.inner, self.has_bias, self.has_out, self.plane = heads, inner, bias, out, plane

    def build(self, x_shape: Any, memory_shape: Any) -> None:
        """The projections, and the table of relative positions."""
        depth, other = x_shape[-1], memory_shape[-1]
        units = [(depth, self.inner), (other, self.inner), (other, self.inner)]
        units += [(self.inner, depth)] if self.has_out else []
        self.kernels = [self.add_weight(shape=each, name=f"kernel{place}") for place, each in enumerate(units)]
        sizes = [each[-1] for each in units] if self.has_bias else []
        self.biases = [self.add_weight(shape=(size,), initializer="zeros", name="bias") for size in sizes]
        self.relative = None
        if self.plane is not None:
            count = math.prod(2 * size - 1 for size in self.plane)
            self.relative = self.add_weight(shape=(count, self.heads), initializer="zeros", name="relative")

    def projected(self, x: Any, place: int) -> Any:
        """X times a projection, plus its bias."""
        x = ops.matmul(x, self.kernels[place])
        return x + self.biases[place] if self.has_bias else x

    def call(self, x: Any, memory: Any) -> Any:
        """What x finds in the memory."""
        lead = [-1 if size is None else size for size in x.shape[:-2]]

        def parts(value: Any) -> Any:
            value = ops.reshape(value, (*lead, value.shape[-2], self.heads, self.inner // self.heads))
            return ops.swapaxes(value, -2, -3)

        queries, keys, values = [parts(self.projected(each, place)) for place, each in enumerate((x, memory, memory))]
        scores = ops.matmul(queries, ops.swapaxes(keys, -1, -2)) / math.sqrt(self.inner // self.heads)
        if self.relative is not None:
            height, width = self.plane
            rows, columns = np.repeat(np.arange(height), width), np.tile(np.arange(width), height)
            places = (rows[:, None] - rows + height - 1) * (2 * width - 1) + columns[:, None] - columns + width - 1
            scores = scores + ops.transpose(ops.take(self.relative, places, axis=0), (2, 0, 1))
        found = ops.swapaxes(ops.matmul(ops.softmax(scores), values), -2, -3)
        found = ops.reshape(found, (*lead, x.shape[-2], self.inner))
        return self.projected(found, 3) if self.has_out else found


def padded(x: Any, pads: Any, mode: Any) -> Any:
    """X with its own elements around it: ``reflect``, ``edge`` or ``wrap``, as numpy.pad has them."""
    for axis, pad in enumerate(pads):
        if any(pad):
            places = np.pad(np.arange(x.shape[axis]), pad, mode=mode)
            x = ops.take(x, places.astype("int32"), axis=axis)
    return x


def windows(x: Any, size: Any) -> Any:
    """A map as batch x windows x places x depth."""
    sides, depth, rank = x.shape[1:-1], x.shape[-1], len(size)
    counts = [whole // part for whole, part in zip(sides, size, strict=True)]
    x = ops.reshape(x, (-1, *[part for pair in zip(counts, size, strict=True) for part in pair], depth))
    x = ops.transpose(x, (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1))
    return ops.reshape(x, (-1, math.prod(counts), math.prod(size), depth))


def from_windows(x: Any, sides: Any, size: Any) -> Any:
    """The map with these sides that windows are from."""
    rank, depth = len(size), x.shape[-1]
    counts = [whole // part for whole, part in zip(sides, size, strict=True)]
    x = ops.reshape(x, (-1, *counts, *size, depth))
    x = ops.transpose(x, (0, *[axis for side in range(rank) for axis in (1 + side, 1 + rank + side)], 2 * rank + 1))
    return ops.reshape(x, (-1, *sides, depth))


def channel_shuffle(x: Any, groups: int) -> Any:
    """The channels of the groups, taken in turn."""
    shape = x.shape[1:]
    x = ops.reshape(x, (-1, *shape[:-1], groups, shape[-1] // groups))
    return ops.reshape(ops.swapaxes(x, -1, -2), (-1, *shape))


def _block_order(block: Any, order: str) -> list[int]:
    """The dimensions of batch, depth, and count and place of each side, as they are joined."""
    places, counts = [3 + 2 * side for side in range(len(block))], [2 + 2 * side for side in range(len(block))]
    if order == "focus":
        places = places[::-1]
    return [0, 1, *places, *counts] if order == "crd" else [0, *places, 1, *counts]


def space_to_depth(x: Any, block: Any, order: str) -> Any:
    """The places of each block join the depth."""
    x = ops.moveaxis(x, -1, 1)
    sides = [size // step for size, step in zip(x.shape[2:], block, strict=True)]
    depth = x.shape[1] * math.prod(block)
    if order == "darknet":
        whole = [size * step for size, step in zip(x.shape[2:], block, strict=True)]
        x = ops.reshape(x, (-1, x.shape[1] // math.prod(block), *whole))
    cut = [part for size, step in zip(x.shape[2:], block, strict=True) for part in (size // step, step)]
    x = ops.transpose(ops.reshape(x, (-1, x.shape[1], *cut)), _block_order(block, order))
    return ops.moveaxis(ops.reshape(x, (-1, depth, *sides)), 1, -1)


def depth_to_space(x: Any, block: Any, order: str) -> Any:
    """The inverse of space_to_depth."""
    x = ops.moveaxis(x, -1, 1)
    axes = _block_order(block, order)
    pairs = [part for size, step in zip(x.shape[2:], block, strict=True) for part in (size, step)]
    whole = [-1, x.shape[1] // math.prod(block), *pairs]
    back = ops.reshape(x, [whole[axis] for axis in axes])
    back = ops.transpose(back, [axes.index(axis) for axis in range(len(axes))])
    sides = [size * step for size, step in zip(x.shape[2:], block, strict=True)]
    return ops.moveaxis(ops.reshape(back, (-1, whole[1], *sides)), 1, -1)
