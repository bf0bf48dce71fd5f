"""Matrix products as PyTorch composes them of views, copies and batched products."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.layers.layout import Layout, contiguous, viewed
from cnncalc.layers.memory import Extra, Size
from cnncalc.memory.tape import NEW, NONE, SAME, VIEW
from cnncalc.memory.torch_lowering import TorchLowering

if TYPE_CHECKING:
    from collections.abc import Sequence


class TorchProducts(TorchLowering):
    """Adds matrix products, linear layers and attention to the lowering.

    Values have any axes here; the first one is the batch, or contains it.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.chunked: dict[int, int] = {}  # parts of parameters: the parameter

    def _lower(self, inputs: list[int]) -> int:
        self._view_parameters()
        return self.row.layer.lower(self, inputs)

    # views

    def alias(self, value: int, layout: Layout, gradient: str = VIEW, elements: Size | None = None) -> int:
        """A view of a value with this layout; ``gradient`` is how its gradient becomes that of the value."""
        elements = elements or self.elements[value]
        result = self._recorded(
            [value], elements, layout=layout, is_alias=True, gradients=(gradient,), order="contiguous"
        )
        self.bases[result] = self.bases.get(value, value)
        return result

    def reordered(self, value: int, order: Sequence[int]) -> int:
        """A view with the axes in another order."""
        result = self.alias(value, self.map_layout(value).permuted(order))
        self.permutations[self.last] = tuple([order.index(side) for side in range(len(order))])
        return result

    def depth_last(self, value: int) -> int:
        """A view of batch x depth x sides as batch x sides x depth."""
        return self.reordered(value, (0, *range(2, len(self.map_layout(value).sizes)), 1))

    def depth_second(self, value: int) -> int:
        """The inverse of :meth:`depth_last`."""
        last = len(self.layout_of(value).sizes) - 1
        return self.reordered(value, (0, last, *range(1, last)))

    def arranged(self, value: int, sizes: Sequence[int], *, is_result: bool = False) -> int:
        """The same elements with these sizes, batch included: a view if the layout allows it, else a copy.

        ``is_result``: the value is the result of a product, whose view is not one for autograd.
        """
        x = self.layout_of(value)
        if x.sizes == tuple(sizes):
            return value
        layout = self.view_of(x, sizes)
        self.is_for_several |= not x.is_contiguous
        if layout is None:
            return self.operation([value], layout=self.view_of(contiguous(x.sizes), sizes), gradients=(VIEW,))
        result = self.alias(value, layout)
        if is_result:
            del self.bases[result]
        return result

    def spread(self, value: int, sizes: Sequence[int]) -> int:
        """A view repeated along axes of size 1; its gradient is summed."""
        x = self.layout_of(value)
        if x.sizes == tuple(sizes):
            return value
        return self.alias(value, x.repeated(sizes), NEW, Size(0, prod(sizes) // self.images))

    def part(self, value: int, side: int, begin: int, end: int) -> int:
        """A view of positions ``begin`` to ``end`` - 1 along a side; its gradient has zeros elsewhere."""
        sizes, strides = self.layout_of(value)
        layout = Layout((*sizes[:side], end - begin, *sizes[side + 1 :]), strides)
        return self.alias(value, layout, NEW, Size(0, prod(layout.sizes) // self.images))

    def unfolded(self, value: int, side: int, kernel: int, gap: int, step: int) -> int:
        """A view of the windows along a side, whose positions are one more axis; gradients of a position are summed."""
        sizes, strides = self.layout_of(value)
        window = gap * (kernel - 1) + 1
        count = (sizes[side] - window) // step + 1
        for places, width in ((window, 1), (kernel, gap)) if gap > 1 else ((window, 1),):
            layout = Layout(
                (*sizes[:side], count, *sizes[side + 1 :], places),
                (*strides[:side], step * strides[side], *strides[side + 1 :], width * strides[side]),
            )
            value = self.alias(value, layout, NEW, Size(0, prod(layout.sizes) // self.images))
        return value

    def wrapped(self, value: int, pads: Sequence[tuple[int, int]]) -> int:
        """The value padded circularly: a new tensor, the value copied into it, then each border copied."""
        x = self.map_layout(value)
        sides = zip(x.sizes[2:], pads, strict=True)
        sizes = (*x.sizes[:2], *[before + size + after for size, (before, after) in sides])
        elements = Size(0, prod(sizes) // self.images)
        whole = self._recorded((), elements, item=self.items[value], layout=contiguous(sizes), gradients=())
        inner = whole
        for side in range(len(sizes) - 1, 1, -1):
            before, after = pads[side - 2]
            inner = self.part(inner, side, before, sizes[side] - after)
        whole = self._copied_into(inner, whole, value)
        for side in range(len(sizes) - 1, 1, -1):
            before, after = pads[side - 2]
            size, end = sizes[side], sizes[side] - after
            if before:
                target, source = self.part(whole, side, 0, before), self.part(whole, side, end - before, end)
                whole = self._copied_into(target, whole, source)
            if after:
                target, source = self.part(whole, side, end, size), self.part(whole, side, before, before + after)
                whole = self._copied_into(target, whole, source)
        return whole

    def _copied_into(self, target: int, whole: int, source: int) -> int:
        """Copies ``source`` into ``target``, a part of ``whole``; returns the new value of ``whole``."""
        result = self.operation([target, source], is_alias=True, gradients=(NEW, SAME))
        base = self.bases[result]
        return whole if base == whole else base

    # products

    def vectors(self, value: int) -> int:
        """The vectors along the depth as batch x length x depth; all sides but the last are part of the batch."""
        last = self.depth_last(value)
        *batch, length, depth = self.layout_of(last).sizes
        return self.arranged(last, (prod(batch), length, depth))

    def linear(self, value: int, depth: int, parameters: Sequence[int], parts: Sequence[int] = ()) -> int:
        """The product of the vectors along the last axis of a value with weights, plus a bias if there is one.

        Weights and bias are ``parameters``, or ``parts`` of parameters, which are values.
        """
        is_learned = self._needs_rows(parameters, parts)
        own, given, x = tuple(parameters), list(parts), value
        if self.autocast:  # the last argument is cast first
            given = [self.converted(part, self.item) for part in given[::-1]][::-1]
            given = [self.cast(parameter) for parameter in own[::-1]][::-1] + given
            own, x = (), self.converted(value, self.item)
        layout = self.layout_of(x)
        *batch, inner = layout.sizes
        has_bias = len(parameters) + len(parts) > 1
        is_fused = has_bias and (layout.is_contiguous or len(layout.sizes) == 2)
        matrix: tuple[int, ...] = (prod(batch), inner)
        if not (is_fused or is_learned) and viewed(layout, matrix) is None:
            matrix = (prod(batch[:-1]), batch[-1], inner)  # a batched product, which does not copy its input
        rows = self.arranged(x, matrix)
        keeps: tuple[int, ...] = (0,) if is_learned else ()
        if not own and self.learns(rows):
            keeps += (1,)
        bias: tuple[tuple[int, ...], list[int]] = ((), [])
        if has_bias and not is_fused:
            bias = (own[1:], given[1 - len(own[:1]) :])
            own, given = own[:1], given[: 1 - len(own[:1])]
        result = self.operation(
            [rows, *given],
            Size(0, self.elements[rows].per_image // inner * depth),
            layout=contiguous((*matrix[:-1], depth)),
            keeps=keeps,
            parameters=own,
            saves_parameter=self.learns(rows),
            order="base" if self.layout_of(rows).is_dense else "contiguous",
            summed_parameters=own[1:],
            summed_inputs=(len(given),) if is_fused and given else (),
            is_product=True,
        )
        result = self.arranged(result, (*batch, depth), is_result=True)
        if any(bias):
            result = self._plus_bias(result, *bias)
        self.hold(value)  # an argument
        if x != value:
            self.hold(x)
        for part in given:
            self.hold(part)
        return result

    def _needs_rows(self, parameters: Sequence[int], parts: Sequence[int]) -> bool:
        """Whether the gradient of the weights is computed from the vectors: of a parameter, or of a part of one.

        PyTorch computes that of a part at test time too, but not that of a cast of it.
        """
        if parts and self.autocast and not self.training:
            return False
        return self.parameters[parameters[0] if parameters else self.chunked[parts[0]]].is_trainable

    def _plus_bias(self, value: int, own: tuple[int, ...], given: Sequence[int]) -> int:
        """Value plus a bias, a parameter (``own``) or a value (``given``): in place except for fake tensors."""
        return self.operation(
            [value, *given],
            self.elements[value],
            layout=self.layout_of(value),
            is_alias=not self.is_fake,
            gradients=(SAME, *(NEW,) * len(given)),
            parameters=own,
            summed_parameters=own,
            summed_inputs=(1,) if given else (),
        )

    def products_with_own(self, value: int, depth: int, parameter: int) -> int:
        """The products of a batch of matrices with those of a parameter, which has one for each."""
        batch, count, _ = self.layout_of(value).sizes
        is_learned = self.parameters[parameter].is_trainable
        own: tuple[int, ...] = (parameter,)
        given: list[int] = []
        x = value
        if self.autocast:
            own, given = (), [self.cast(parameter)]
            x = self.converted(value, self.item)
        keeps = ((0,) if is_learned else ()) + ((1,) if given and self.learns(x) else ())
        result = self.operation(
            [x, *given],
            Size(0, batch * count * depth // self.images),
            layout=contiguous((batch, count, depth)),
            keeps=keeps,
            parameters=own,
            saves_parameter=self.learns(x),
            order="contiguous",
        )
        if x != value:
            self.hold(x)
        return result

    def product(self, left: int, right: int) -> int:
        """The matrix product along the last two axes; the axes before them are a batch, broadcast to each other."""
        one, other = self.layout_of(left).sizes, self.layout_of(right).sizes
        batch = [max(a, b) for a, b in zip(one[:-2], other[:-2], strict=True)]
        left = self.arranged(self.spread(left, (*batch, *one[-2:])), (prod(batch), *one[-2:]))
        right = self.arranged(self.spread(right, (*batch, *other[-2:])), (prod(batch), *other[-2:]))
        sizes = (prod(batch), one[-2], other[-1])
        result = self.batched(left, right, sizes)
        return self.arranged(result, (*batch, one[-2], other[-1]), is_result=True)

    def batched(self, left: int, right: int, sizes: tuple[int, int, int]) -> int:
        """The products of two batches of matrices."""
        keeps = ((0,) if self.learns(right) else ()) + ((1,) if self.learns(left) else ())
        return self.operation(
            [left, right],
            Size(0, prod(sizes) // self.images),
            layout=contiguous(sizes),
            keeps=keeps,
            gradients=(NEW, NEW),
            order="contiguous",
        )

    def plus_parameter(self, value: int, parameter: int) -> int:
        """Value plus a parameter that has the elements of one image."""
        x = self.layout_of(value)
        item = max(self.items[value], self.parameter_item)
        result = self.operation(
            [value],
            item=item,
            layout=self.elementwise([x, contiguous((1, *x.sizes[1:]))]),
            gradients=(SAME if self.items[value] == item else NEW,),
            parameters=(parameter,),
        )
        if item == self.parameter_item:
            self.borrow_gradient("contiguous", is_free=not self.learns(value))
        return result

    # attention

    def parts_of(self, whole: int, heads: int) -> tuple[int, int, int]:
        """Queries, keys and values of batch x length x 3*width, each as batch x heads x length x width of a head.

        Their gradients are stacked in one tensor.
        """
        batch, length, width = self.layout_of(whole).sizes
        stacked = self.reordered(self.arranged(whole, (batch, length, 3, heads, width // 3 // heads)), (2, 0, 3, 1, 4))
        sizes, strides = self.layout_of(stacked)
        elements = Size(0, self.elements[whole].per_image // 3)
        found = []
        for gradient in (NONE, NONE, NEW):  # backward makes the tensor when it has the gradients of all three
            part = self._recorded(
                [stacked],
                elements,
                layout=Layout(sizes[1:], strides[1:]),
                is_alias=True,
                gradients=(gradient,),
                order="contiguous",
            )
            self.values[part] = self.values[part]._replace(learns=self.learns(stacked))
            found.append(part)
        value, keys, queries = found
        return queries, keys, value

    def heads_of(self, value: int, heads: int) -> int:
        """Batch x length x width as batch x heads x length x width of a head."""
        batch, length, width = self.layout_of(value).sizes
        return self.reordered(self.arranged(value, (batch, length, heads, width // heads)), (0, 2, 1, 3))

    def chunks(self, parameter: int, count: int) -> list[int]:
        """Equal parts of a parameter: values without memory, whose gradients are concatenated in one tensor."""
        elements = Size(self.parameters[parameter].elements // count)
        found = []
        for number in range(count):
            is_last = number == count - 1  # whose backward runs first
            own = (parameter,) if is_last else ()
            part = self._recorded((), elements, item=self.parameter_item, is_alias=True, gradients=(), parameters=own)
            is_learned = self.training and self.parameters[parameter].is_trainable
            self.values[part] = self.values[part]._replace(learns=is_learned)
            self.chunked[part] = parameter
            found.append(part)
        return found

    def attended(self, queries: int, keys: int, value: int, bias: tuple[int, ...]) -> int:
        """softmax(q k^T + b) v of batch x heads x length x width of a head; ``bias`` is b, if there is one.

        On a CPU it is one kernel, which keeps a logarithm for each position, unless b needs a gradient; its backward
        makes the gradients of q, k and v, needed or not. Otherwise it is composed of products and a softmax, in
        float32.
        """
        item = self.items[queries]
        bias = tuple([self.converted(each, self.item) for each in bias])
        batch, heads, length, numbers = self.layout_of(queries).sizes
        if self.is_cpu and not any(self.learns(each) for each in bias):
            logarithms = Size(0, batch * heads * length // self.images)
            result = self.operation(
                [queries, keys, value, *bias],
                layout=contiguous((batch, length, heads, numbers)),
                keeps=tuple(range(3 + len(bias))),
                keeps_output=True,
                extras=(Extra("logarithms", logarithms, max(4, item), inference="always"),),
                gradients=(*(NEW,) * 3, *(NONE,) * len(bias)),
                backward_scratch=tuple([self.bytes_of(x) for x in (queries, keys, value) if not self.learns(x)]),
                order="base",
            )
            for each in bias:
                self.hold(each)
            return self.reordered(result, (0, 2, 1, 3))
        wide: list[int] = []
        if item < 4:
            queries, keys, value = wide = [self.in_type(part, 4) for part in (queries, keys, value)]
        scaled = self.operation([queries])
        transposed = self.operation([self.reordered(keys, (0, 1, 3, 2))])
        scores = self.product(scaled, transposed)
        self.hold(transposed)
        if bias:
            scores = self._plus_bias(scores, (), bias)
        scores = self.operation([scores], keeps_output=True)
        if item < 4:
            wide.append(self.in_type(scores, item))  # it is returned as well
        result = self.product(scores, value)
        if item < 4:
            result = self.in_type(result, item)
        for held in (scaled, scores, *wide, *bias):
            self.hold(held)
        return result

    def merged_heads(self, value: int) -> int:
        """Batch x heads x length x width of a head as batch x length x width."""
        batch, heads, length, each = self.layout_of(value).sizes
        return self.arranged(self.reordered(value, (0, 2, 1, 3)), (batch, length, heads * each))
