"""Locally connected layers: the windows of a convolution, with different weights at each position."""

from __future__ import annotations

from math import prod

from cnncalc.counts import Count, product
from cnncalc.layers.base import Parameter, Sizing, key
from cnncalc.layers.convolution import Convolution, at_each
from cnncalc.layers.keys import Whole
from cnncalc.layers.planes import covered, padded, pixels, planes, shifted
from cnncalc.layers.requirements import require_groups
from cnncalc.layers.window import enlarged, sized
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volumes


class Local(Convolution):
    """A convolution whose weights are not shared: each position of the output has K filters of its own.

    Formula: a window of the input, F x F x D/groups, times the weights of that position and filter, added up, plus the
    bias of that position and filter.
    Volume: height (H - F + 2P)/S + 1, rounded down; width alike; depth K, the filters.
    Learned: F*F*D/groups weights and one bias per filter and position of the output.

    PyTorch has no such layer. The memory is that of code which gathers the windows of Tensor.unfold in one tensor and
    multiplies them by the weights of each position with torch.bmm.

    Source: Taigman et al. 2014, section 3.2; the layer [local] of darknet, LocallyConnected2D of Keras.
    """

    kind: ClassVar[str] = "local"
    other_names: ClassVar[tuple[str, ...]] = ("locallyconnected", "localconv")
    example: ClassVar[str] = "INPUT 7x7x16 -> LOCAL3-32"
    weight_use: ClassVar[str] = "every weight is used once"
    depth_key: ClassVar[str | None] = "filters"
    thin_keys: ClassVar[Mapping[str, Any]] = {"filters": 1, "groups": 1}
    dash: ClassVar[str | None] = "filters"
    bare: ClassVar[str | None] = "filters"
    sizes: ClassVar[Mapping[str, Sizing]] = {"filters": Sizing("filters", by_depth=True), "kernel": Sizing("kernel")}

    filters: int = key(Whole(1), 64, means="the number of filters: the depth of the output")
    groups: int = key(Whole(1), 1, means="parts of the depth, each with its share of the filters")

    def label(self) -> str:
        return f"LOCAL{sized(self.kernel)}-{self.filters}{self._slash()}{self.unusual('groups', 'dilation')}"

    def _depth_step(self, x: Volume, output: Volume) -> str:
        return f"depth {self.filters} = filters"

    def groups_of(self, x: Volume) -> int:
        return self.groups

    def fan_in(self, shape: tuple[int, ...]) -> int:
        return prod(shape[len(self.kernel) : -1])

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        require_groups(x.depth, self.groups, self.filters)
        return Volume(*self.windows(x).steps, self.filters)

    def channel_use(self, *inputs: Volume) -> str:
        return "mixed" if self.groups == 1 else "apart"

    def kernels(self, x: Volume) -> Count:
        """(F*F*D/groups)*K, the number of weights of one position."""
        return product(product(*self.kernel, x.depth // self.groups), self.filters)

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        (x,) = inputs
        output = self.output(x)
        shape = (*output.sides, *self.kernel, x.depth // self.groups, self.filters)
        weight = Parameter("weight", shape, at_each(self.kernels(x), output))
        if not self.bias:
            return (weight,)
        return (weight, Parameter("bias", tuple(output), product(*output), "bias"))

    def macs(self, inputs: Volumes, output: Volume) -> Count:
        return at_each(self.kernels(inputs[0]), output)

    def copies_weight_gradient(self, shape: tuple[int, ...]) -> bool:
        return False

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # windows by Tensor.unfold, gathered in one tensor, times the weights of each position in a product of batches
        (x,) = inputs
        pads = self.windows(builder.volumes[0]).pads
        if any(map(any, pads)):
            x = builder.resized(x, enlarged(builder.volumes[0], pads))
        held, counts, rank = [x], builder.output.sides, len(self.kernel)
        for side, (size, gap, step) in enumerate(zip(self.kernel, self.dilation, self.stride, strict=True)):
            x = builder.unfolded(x, 2 + side, size, gap, step)
        batch, depth, inner = builder.images, builder.volumes[0].depth // self.groups, prod(self.kernel)
        x = builder.arranged(x, (batch, self.groups, depth, *counts, *self.kernel))
        x = builder.reordered(x, (1, *range(3, 3 + rank), 0, 2, *range(3 + rank, 3 + 2 * rank)))
        x = builder.arranged(x, (self.groups * prod(counts), batch, depth * inner))
        held.append(x)
        filters = self.filters // self.groups
        result = builder.products_with_own(x, filters, builder.own_parameters[0])
        result = builder.arranged(result, (self.groups, *counts, batch, filters))
        result = builder.reordered(result, (1 + rank, 0, 2 + rank, *range(1, 1 + rank)))
        result = builder.arranged(result, (batch, self.filters, *counts))
        if self.bias:
            result = builder.plus_parameter(result, builder.own_parameters[1])
        for value in held:
            builder.hold(value)
        return result

    def _windows(self, xp: Any, image: Any, begins: Sequence[range]) -> Any:
        """The windows of an image (depth x sides): an array output sides x kernel sides x depth."""
        band = padded(xp, image, covered(begins, self.kernel, self.dilation))
        columns = xp.empty((*map(len, begins), *self.kernel, len(image)), image.dtype)
        for place, offsets in self._places(xp):
            columns[(*(slice(None),) * len(begins), *place)] = xp.moveaxis(shifted(band, offsets, begins), 0, -1)
        return columns

    def _places(self, xp: Any) -> Iterator[tuple[tuple[int, ...], list[int]]]:
        """Each position in the kernel, and its offset from the beginning of a window."""
        for place in xp.ndindex(*self.kernel):
            yield place, [i * d for i, d in zip(place, self.dilation, strict=True)]

    def _parts(self, depth: int) -> Iterator[tuple[slice, slice]]:
        """The channels and the filters of each group."""
        inner, outer = depth // self.groups, self.filters // self.groups
        for group in range(self.groups):
            yield slice(group * inner, (group + 1) * inner), slice(group * outer, (group + 1) * outer)

    def forward(self, xp: Any, x: Any, *, weight: Any, bias: Any = None) -> Any:
        maps, begins = planes(x), self.begins_of(x.shape[1:-1])
        counts = tuple(map(len, begins))
        result = xp.empty((len(maps), self.filters, *counts), x.dtype)
        filters = weight.reshape(prod(counts), -1, self.filters)
        for image, target in zip(maps, result, strict=True):
            columns = self._windows(xp, image, begins)
            for inner, outer in self._parts(len(image)):
                windows = columns[..., inner].reshape(prod(counts), 1, -1)
                target[outer] = xp.matmul(windows, filters[..., outer])[:, 0].T.reshape(-1, *counts)
            if bias is not None:
                target += xp.moveaxis(bias, -1, 0)
        return pixels(result)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        weight, incoming = saved.parameters["weight"], planes(gradient)
        depth, begins = saved.shape[1], self.begins_of(saved.shape[2:])
        count, sides = prod(map(len, begins)), len(begins)
        filters = weight.reshape(count, -1, self.filters)
        change: Any = xp.zeros(filters.shape, weight.dtype) if saved.learns else None
        result: Any = xp.empty(saved.shape, gradient.dtype) if saved.needs_gradient[0] else None
        for number, image in enumerate(incoming):
            grads = image.reshape(self.filters, count).T
            columns = None if change is None else self._windows(xp, planes(saved.x)[number], begins)
            back = None if result is None else xp.empty((*weight.shape[: 2 * sides], depth), weight.dtype)
            for inner, outer in self._parts(depth):
                if columns is not None:
                    windows = columns[..., inner].reshape(count, -1, 1)
                    change[..., outer] += xp.matmul(windows, grads[:, None, outer])
                if back is not None:
                    part = xp.matmul(filters[..., outer], grads[:, outer, None])
                    back[..., inner] = part.reshape(*back.shape[:-1], -1)
            if result is not None:
                result[number] = self._folded(xp, back, begins, saved.shape[2:])
        found = {} if change is None else {"weight": change.reshape(weight.shape)}
        if saved.learns and self.bias:
            found["bias"] = xp.ascontiguousarray(xp.moveaxis(incoming.sum(axis=0), 0, -1))
        return (None if result is None else pixels(result),), found

    def _folded(self, xp: Any, columns: Any, begins: Sequence[range], shape: Sequence[int]) -> Any:
        """The transpose of :meth:`_windows`: an image depth x ``shape`` to which each window is added at its place."""
        bounds = covered(begins, self.kernel, self.dilation)
        lows = [min(0, low) for low, _ in bounds]
        sizes = [max(size, high) - low for size, (_, high), low in zip(shape, bounds, lows, strict=True)]
        whole = xp.zeros((columns.shape[-1], *sizes), columns.dtype)
        sides = len(begins)
        for place, offsets in self._places(xp):
            moved = [windows.start - low + o for windows, low, o in zip(begins, lows, offsets, strict=True)]
            target = shifted(whole, moved, begins)
            target += xp.moveaxis(columns[(*(slice(None),) * sides, *place)], -1, 0)
        return whole[(slice(None), *[slice(-low, size - low) for low, size in zip(lows, shape, strict=True)])]
