"""Layers and functions that Keras does not have; generated Keras code contains the source of those that it uses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import layers, ops

kept: dict[str, Any] = {}


def keep(layer: Any) -> Any:
    """Stores a layer by its name, so that other layers can share its weights, and returns it."""
    kept[layer.name] = layer
    return layer


class Scale(layers.Layer):
    """A learned factor and a learned shift for each channel, or ``shared`` by all; either can be left out."""

    def __init__(self, scale: bool = True, shift: bool = True, shared: bool = False, **keys: Any) -> None:
        super().__init__(**keys)
        self.scales, self.shift, self.shared = scale, shift, shared

    def build(self, shape: Any) -> None:
        """Creates the factors and shifts."""
        form = (1,) if self.shared else shape[-1:]
        self.scale = self.add_weight(shape=form, initializer="ones", name="scale") if self.scales else None
        self.bias = self.add_weight(shape=form, initializer="zeros", name="bias") if self.shift else None

    def call(self, x: Any) -> Any:
        """The input times the factor plus the shift."""
        x = x if self.scale is None else x * self.scale
        return x if self.bias is None else x + self.bias


class Subsample(Scale):
    """The sum of each window, times a learned coefficient plus a learned bias for each map."""

    def __init__(self, kernel: Any, stride: Any, **keys: Any) -> None:
        super().__init__(**keys)
        self.kernel, self.stride = kernel, stride

    def call(self, x: Any) -> Any:
        """Pools the windows of x."""
        return super().call(ops.average_pool(x, self.kernel, self.stride) * math.prod(self.kernel))


class LpPooling(layers.Layer):
    """The p-norm of each window."""

    def __init__(self, kernel: Any, stride: Any, power: float, **keys: Any) -> None:
        super().__init__(**keys)
        self.kernel, self.stride, self.power = kernel, stride, power

    def call(self, x: Any) -> Any:
        """Pools the windows of x."""
        total = ops.average_pool(ops.abs(x) ** self.power, self.kernel, self.stride) * math.prod(self.kernel)
        return total ** (1 / self.power)


class CountedPooling(layers.Layer):
    """Average pooling that counts only part of the padding."""

    def __init__(self, kernel: Any, stride: Any, pads: Any, counted: Any, **keys: Any) -> None:
        super().__init__(**keys)
        self.kernel, self.stride, self.pads, self.counted = kernel, stride, pads, counted

    def call(self, x: Any) -> Any:
        """Pads x and pools its windows; ``counted`` are the pads that count as elements in the mean."""
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
    """The squared distances to fixed centres."""

    def __init__(self, units: int, **keys: Any) -> None:
        super().__init__(**keys)
        self.units = units

    def build(self, shape: Any) -> None:
        """Creates the centres."""
        self.centre = self.add_weight(shape=(self.units, shape[-1]), initializer="ones", trainable=False, name="centre")

    def call(self, x: Any) -> Any:
        """The squared distances, batch x units."""
        return ops.sum((x[:, None] - self.centre) ** 2, axis=-1)


class RmsNorm(layers.Layer):
    """Divides by the root mean square over the axes, then multiplies by a learned factor if ``scale`` is set."""

    def __init__(self, axes: Any, epsilon: float, scale: bool, **keys: Any) -> None:
        super().__init__(**keys)
        self.axes, self.epsilon, self.scale = axes, epsilon, scale

    def build(self, shape: Any) -> None:
        """Creates the factors."""
        axes = [axis % len(shape) for axis in self.axes]
        sizes = [shape[axis] if axis in axes else 1 for axis in range(1, len(shape))]
        self.gamma = self.add_weight(shape=sizes, initializer="ones", name="gamma") if self.scale else None

    def divided(self, x: Any) -> Any:
        """Divides the input."""
        return x * ops.rsqrt(ops.mean(x**2, axis=self.axes, keepdims=True) + self.epsilon)

    def call(self, x: Any) -> Any:
        """Divides and scales the input."""
        x = self.divided(x)
        return x if self.gamma is None else x * self.gamma


class NormOver(layers.LayerNormalization):
    """Layer normalization over any axes, not only the last ones."""

    def call(self, x: Any) -> Any:
        """Subtracts the mean, divides by the standard deviation, then scales and shifts."""
        mean, variance = ops.moments(x, axes=self.axis, keepdims=True)
        x = (x - mean) * ops.rsqrt(variance + self.epsilon)
        shape = [size if axis in self.axis else 1 for axis, size in enumerate(x.shape)]
        x = x * ops.reshape(self.gamma, shape) if self.scale else x
        return x + ops.reshape(self.beta, shape) if self.center else x


class L2Norm(RmsNorm):
    """Divides by the L2 norm over the axes, then multiplies by a learned factor if ``scale`` is set."""

    def divided(self, x: Any) -> Any:
        """Divides the input."""
        return x / ops.maximum(ops.sqrt(ops.sum(x**2, axis=self.axes, keepdims=True)), self.epsilon)


class GlobalResponse(layers.Layer):
    """Global response normalization (ConvNeXt V2)."""

    def __init__(self, epsilon: float, **keys: Any) -> None:
        super().__init__(**keys)
        self.epsilon = epsilon

    def build(self, shape: Any) -> None:
        """Creates the factors and shifts."""
        self.gamma = self.add_weight(shape=shape[-1:], initializer="zeros", name="gamma")
        self.beta = self.add_weight(shape=shape[-1:], initializer="zeros", name="beta")

    def call(self, x: Any) -> Any:
        """Scales each channel by its L2 norm divided by the mean norm of all channels."""
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
        """Divides each element by a power of ``k`` plus ``alpha`` times the mean of the squares around it."""
        return x / (self.k + self.alpha * self.mean(x**2)) ** self.beta


class ResponseWithin(LocalResponse):
    """Local response normalization over a window within each map."""

    def mean(self, squares: Any) -> Any:
        """The mean of the squares around each element."""
        pads = [(0, 0), *[(self.size // 2, (self.size - 1) // 2)] * (len(squares.shape) - 2), (0, 0)]
        return ops.average_pool(ops.pad(squares, pads), self.size, 1)


class ConnectedConv(layers.Layer):
    """A convolution in which each filter reads only the listed input maps; it has one kernel for each of them."""

    def __init__(
        self, connections: Any, kernel: Any, strides: Any = 1, padding: str = "valid", dilation_rate: Any = 1,
        use_bias: bool = True, **keys: Any,
    ) -> None:  # fmt: skip
        super().__init__(**keys)
        self.connections, self.kernel, self.use_bias = connections, kernel, use_bias
        self.window = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}

    def build(self, shape: Any) -> None:
        """Creates a kernel for each connection."""
        self.places = [(maps, row) for row, each in enumerate(self.connections) for maps in each]
        self.weight = self.add_weight(shape=(len(self.places), *self.kernel), name="kernel")
        self.bias = self.add_weight(shape=(len(self.connections),), name="bias") if self.use_bias else None

    def call(self, x: Any) -> Any:
        """Convolves x with all filters."""
        whole = (x.shape[-1], len(self.connections), *self.kernel)
        full = ops.scatter(np.array(self.places), self.weight, whole)
        full = ops.transpose(full, (*range(2, len(whole)), 0, 1))
        x = ops.conv(x, full, **self.window)
        return x if self.bias is None else x + self.bias


class StandardizedConv2D(layers.Conv2D):
    """A convolution whose filters have mean 0 and variance 1."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolves with the standardized filters."""
        mean, variance = ops.moments(kernel, axes=(0, 1, 2), keepdims=True)
        return super().convolution_op(inputs, (kernel - mean) * ops.rsqrt(variance + 1e-6))


class Resize(layers.Layer):
    """Resizes the sides: nearest, bilinear or bicubic interpolation."""

    def __init__(self, size: Any, mode: str, corners: bool = False, factor: Any = None, **keys: Any) -> None:
        super().__init__(**keys)
        self.size, self.mode, self.corners, self.factor = size, mode, corners, factor

    def taps(self, side: int, old: int) -> Any:
        """Pairs of arrays over the outputs of a side: the index of an input that each reads, and its weight."""
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
        """Resizes one side after the other."""
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
        """Creates the vectors."""
        self.token = self.add_weight(shape=(1, self.count, shape[-1]), initializer="zeros", name="token")

    def call(self, x: Any) -> Any:
        """Concatenates the vectors and the sequence."""
        return ops.concatenate([ops.repeat(self.token, ops.shape(x)[0], axis=0), x], axis=1)

    def compute_output_shape(self, shape: Any) -> Any:
        """The shape with ``count`` more positions."""
        return (shape[0], shape[1] + self.count, shape[2])


class Position(layers.Layer):
    """Adds a learned volume, such as a position embedding."""

    def build(self, shape: Any) -> None:
        """Creates the volume."""
        self.position = self.add_weight(shape=(1, *shape[1:]), initializer="zeros", name="position")

    def call(self, x: Any) -> Any:
        """Adds the volume to the input."""
        return x + self.position


class Attention(layers.Layer):
    """Multi-head attention along the last side, with its projections and an optional relative position bias."""

    def __init__(
        self, heads: int, inner: int, bias: bool = True, out: bool = True, plane: Any = None, **keys: Any
    ) -> None:  # fmt: skip
        super().__init__(**keys)
        self.heads, self.inner, self.has_bias, self.has_out, self.plane = heads, inner, bias, out, plane

    def build(self, x_shape: Any, memory_shape: Any) -> None:
        """Creates the projections and the table of relative positions."""
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
        """Applies projection ``place``: query, key, value or output (0 to 3)."""
        x = ops.matmul(x, self.kernels[place])
        return x + self.biases[place] if self.has_bias else x

    def call(self, x: Any, memory: Any) -> Any:
        """Attends from the positions of x to those of the memory."""
        lead = [-1 if size is None else size for size in x.shape[:-2]]

        def parts(value: Any) -> Any:
            value = ops.reshape(value, (*lead, value.shape[-2], self.heads, self.inner // self.heads))
            return ops.swapaxes(value, -2, -3)

        queries, keys, values = [parts(self.projected(each, place)) for place, each in enumerate((x, memory, memory))]
        scores = ops.matmul(queries, ops.swapaxes(keys, -1, -2)) / math.sqrt(self.inner // self.heads)
        if self.relative is not None:
            offsets: Any = 0
            for size, own in zip(self.plane, np.indices(self.plane).reshape(len(self.plane), -1), strict=True):
                offsets = offsets * (2 * size - 1) + own[:, None] - own + size - 1
            scores = scores + ops.transpose(ops.take(self.relative, offsets, axis=0), (2, 0, 1))
        found = ops.swapaxes(ops.matmul(ops.softmax(scores), values), -2, -3)
        found = ops.reshape(found, (*lead, x.shape[-2], self.inner))
        return self.projected(found, 3) if self.has_out else found


def padded(x: Any, pads: Any, mode: Any) -> Any:
    """Pads x with its own elements; the modes are ``reflect``, ``edge`` and ``wrap`` of numpy.pad."""
    for axis, pad in enumerate(pads):
        if any(pad):
            places = np.pad(np.arange(x.shape[axis]), pad, mode=mode)
            x = ops.take(x, places.astype("int32"), axis=axis)
    return x


def windows(x: Any, size: Any) -> Any:
    """Splits a map into windows: batch x windows x positions x depth."""
    sides, depth, rank = x.shape[1:-1], x.shape[-1], len(size)
    counts = [whole // part for whole, part in zip(sides, size, strict=True)]
    x = ops.reshape(x, (-1, *[part for pair in zip(counts, size, strict=True) for part in pair], depth))
    x = ops.transpose(x, (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1))
    return ops.reshape(x, (-1, math.prod(counts), math.prod(size), depth))


def from_windows(x: Any, sides: Any, size: Any) -> Any:
    """Joins windows to a map with these sides: the inverse of windows()."""
    rank, depth = len(size), x.shape[-1]
    counts = [whole // part for whole, part in zip(sides, size, strict=True)]
    x = ops.reshape(x, (-1, *counts, *size, depth))
    x = ops.transpose(x, (0, *[axis for side in range(rank) for axis in (1 + side, 1 + rank + side)], 2 * rank + 1))
    return ops.reshape(x, (-1, *sides, depth))


def channel_shuffle(x: Any, groups: int) -> Any:
    """Interleaves the channels of the groups."""
    shape = x.shape[1:]
    x = ops.reshape(x, (-1, *shape[:-1], groups, shape[-1] // groups))
    return ops.reshape(ops.swapaxes(x, -1, -2), (-1, *shape))


def _block_order(block: Any, order: str) -> list[int]:
    """The order of the axes: batch, depth, then the block count and the position in the block of each side."""
    places, counts = [3 + 2 * side for side in range(len(block))], [2 + 2 * side for side in range(len(block))]
    if order == "focus":
        places = places[::-1]
    return [0, 1, *places, *counts] if order == "crd" else [0, *places, 1, *counts]


def space_to_depth(x: Any, block: Any, order: str) -> Any:
    """Moves the positions of each block into the depth."""
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
    """Moves the depth into blocks of positions: the inverse of space_to_depth()."""
    x = ops.moveaxis(x, -1, 1)
    axes = _block_order(block, order)
    pairs = [part for size, step in zip(x.shape[2:], block, strict=True) for part in (size, step)]
    whole = [-1, x.shape[1] // math.prod(block), *pairs]
    back = ops.reshape(x, [whole[axis] for axis in axes])
    back = ops.transpose(back, [axes.index(axis) for axis in range(len(axes))])
    sides = [size * step for size, step in zip(x.shape[2:], block, strict=True)]
    return ops.moveaxis(ops.reshape(back, (-1, whole[1], *sides)), 1, -1)
