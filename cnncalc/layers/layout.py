"""The memory layout of tensors, and the rules by which PyTorch's operations choose the layout of their outputs.

Sizes and strides (in elements) have the batch first. They are those of a batch of one image, or of two images for any
larger batch, since strides do not depend on the number of images.

Source: c10/core/MemoryFormat.h, c10/core/Contiguity.h, aten/src/ATen/TensorIterator.cpp and TensorUtils.cpp of PyTorch.
"""

from __future__ import annotations

from functools import lru_cache

from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def _channels_last_order(rank: int) -> tuple[int, ...]:
    """The axes of batch x depth x sides in channels-last order, slowest first."""
    return (0, *range(2, rank), 1)


class Layout(NamedTuple):
    """The sizes of a tensor (a map: batch, depth, height, width), and the stride of each axis, in elements."""

    sizes: tuple[int, ...]
    strides: tuple[int, ...]

    def lies_in(self, order: Sequence[int]) -> bool:
        """Whether it is dense with its axes in this order, slowest first."""
        step = 1
        for side in reversed(order):
            if self.sizes[side] != 1:
                if self.strides[side] != step:
                    return False
                step *= self.sizes[side]
        return True

    @property
    def is_contiguous(self) -> bool:
        """Whether it is dense with the last axis fastest."""
        return self.lies_in(range(len(self.sizes)))

    @property
    def is_channels_last(self) -> bool:
        """Whether it is a dense map with the depth fastest."""
        return self._is_map and self.is_depth_last

    @property
    def is_depth_last(self) -> bool:
        """Whether it is dense with the depth fastest, with any number of sides."""
        return self.lies_in(_channels_last_order(len(self.sizes)))

    @property
    def _is_map(self) -> bool:
        """Whether it is a map with two or three sides: PyTorch has no channels-last order for others."""
        return len(self.sizes) in (4, 5)

    @property
    def is_dense(self) -> bool:
        """Whether its elements fill a contiguous part of memory, in any order."""
        return self.lies_in(sorted(range(len(self.sizes)), key=lambda side: -self.strides[side]))

    @property
    def suggests_channels_last(self) -> bool:
        """Whether kernels that choose between the two orders choose channels-last for it, dense or not."""
        if not self._is_map or not self.strides[1]:
            return False
        least = 0
        for side in reversed(_channels_last_order(len(self.sizes))):
            stride = self.strides[side]
            if stride < least or (side == 0 and least == self.strides[1]):
                return False
            least = stride * self.sizes[side]
        return True

    def permuted(self, order: Sequence[int]) -> Layout:
        """The layout with its axes in another order."""
        return Layout(tuple([self.sizes[side] for side in order]), tuple([self.strides[side] for side in order]))

    def order_in(self, other: Layout) -> tuple[int, ...] | None:
        """The place of each axis in ``other``, if that is this layout with its axes in another order; else None."""
        axes, others = list(zip(*self, strict=True)), list(zip(*other, strict=True))
        if sorted(axes) != sorted(others):
            return None
        order = []
        for axis in axes:
            order.append(others.index(axis))
            others[order[-1]] = (-1, -1)
        return tuple(order)

    def repeated(self, sizes: Sequence[int]) -> Layout:
        """The layout with axes of size 1 repeated to ``sizes``, with a stride of 0."""
        sides = zip(*self, sizes, strict=True)
        return Layout(tuple(sizes), tuple([0 if size != whole else step for size, step, whole in sides]))


def contiguous(sizes: Sequence[int]) -> Layout:
    """The layout of a new tensor with the last axis fastest."""
    return _ordered(tuple(sizes), tuple(range(len(sizes))))


def channels_last(sizes: Sequence[int]) -> Layout:
    """A new map with the depth fastest."""
    return _ordered(tuple(sizes), _channels_last_order(len(sizes)))


def suggested(x: Layout, sizes: Sequence[int]) -> Layout:
    """The layout of a new tensor in the order that kernels choose for ``x``: channels-last or contiguous."""
    return channels_last(sizes) if x.suggests_channels_last else contiguous(sizes)


@lru_cache(maxsize=1024)
def _ordered(sizes: tuple[int, ...], order: tuple[int, ...]) -> Layout:
    strides = [0] * len(sizes)
    step = 1
    for side in reversed(order):
        strides[side] = step
        step *= sizes[side]
    return Layout(sizes, tuple(strides))


def elementwise(operands: Sequence[Layout], *, is_fake: bool = False) -> Layout:
    """The layout of the output of an element-wise operation on tensors of these layouts, with broadcasting.

    ``is_fake``: of FakeTensorMode, which computes other strides of axes of size 1.
    """
    return _elementwise(tuple(operands), is_fake)


def _common(operands: Sequence[Layout], is_fake: bool) -> Layout | None:
    """The layout that operands of the same sizes have in common, which PyTorch keeps; None if there is none."""
    first = operands[0]
    is_contiguous = all(operand.is_contiguous for operand in operands)
    is_last = len(first.sizes) == 4 and all(operand.is_channels_last for operand in operands)
    if is_contiguous and not (is_last and is_fake):
        return contiguous(first.sizes)
    if is_last and not is_contiguous:
        return channels_last(first.sizes)
    if not is_fake and first.is_dense and all(operand.strides == first.strides for operand in operands):
        return first
    return None


@lru_cache(maxsize=1024)
def _elementwise(operands: tuple[Layout, ...], is_fake: bool) -> Layout:
    rank = len(operands[0].sizes)
    sizes = tuple([max(operand.sizes[side] for operand in operands) for side in range(rank)])
    common = _common(operands, is_fake) if all(operand.sizes == sizes for operand in operands) else None
    if common is not None:
        return common
    every = [
        [0 if size == 1 != whole else stride for size, stride, whole in zip(*operand, sizes, strict=True)]
        for operand in operands
    ]
    order = list(range(rank))[::-1]  # fastest first
    for last in range(1, rank):
        place = last
        for other in range(last - 1, -1, -1):
            compared = _compared(every, sizes, order[other], order[place])
            if compared > 0:
                order[other], order[place] = order[place], order[other]
                place = other
            elif compared < 0:
                break
    return _ordered(sizes, tuple(order[::-1]))


def _compared(every: Sequence[Sequence[int]], sizes: Sequence[int], one: int, other: int) -> int:
    """Below 0 if axis ``one`` must be faster than axis ``other``, above 0 if slower, 0 if no operand decides."""
    for strides in every:
        if not strides[one] or not strides[other]:
            continue
        if strides[one] != strides[other]:
            return -1 if strides[one] < strides[other] else 1
        if sizes[one] > sizes[other]:
            return 1
    return 0


def viewed(x: Layout, sizes: Sequence[int], *, is_fake: bool = False) -> Layout | None:
    """The layout of a view of ``x`` with other sizes; None if a copy is needed.

    ``is_fake``: of FakeTensorMode, which computes other strides of axes of size 1.
    """
    strides = [0] * len(sizes)
    place = len(sizes) - 1
    base = x.strides[-1]
    elements = taken = 1
    for side in range(len(x.sizes) - 1, -1, -1):
        elements *= x.sizes[side]
        if side and (x.sizes[side - 1] == 1 or x.strides[side - 1] == elements * base):
            continue
        while place >= 0 and (taken < elements or sizes[place] == 1):
            strides[place] = taken * base
            taken *= sizes[place]
            place -= 1
        if taken != elements:
            return None
        if side:
            base = x.strides[side - 1]
            elements = taken = 1
    if place != -1:
        return None
    return _merged_and_split(x, sizes) if is_fake else Layout(tuple(sizes), tuple(strides))


def _merged_and_split(x: Layout, sizes: Sequence[int]) -> Layout:
    """The layout of a view of ``x`` as FakeTensorMode makes it: axes merged and split one by one, the first ones first.

    Source: _reshape_view_helper of torch/_refs/__init__.py of PyTorch.
    """
    axes = list(zip(*x, strict=True))
    for place, wanted in enumerate(sizes):
        if place == len(axes):  # only sizes of 1 are left
            axes.append((1, axes[-1][1]))
        size, stride = axes[place]
        end = place
        while size % wanted:
            end += 1
            size *= axes[end][0]
        if end > place:
            stride = min([axes[end][1], *[step for count, step in axes[place:end] if count != 1]])
        left = size // wanted
        rest = [(left, stride)] if left > 1 else []
        axes[place : end + 1] = [(wanted, stride * left), *rest]
    return Layout(tuple(sizes), tuple([stride for _, stride in axes[: len(sizes)]]))
