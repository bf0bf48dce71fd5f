"""The memory layouts of values and gradients of PyTorch's operations, and views of them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.layers.layout import Layout, channels_last, contiguous, elementwise, suggested, viewed
from cnncalc.layers.memory import Extra, Size
from cnncalc.memory.builder import TapeBuilder
from cnncalc.memory.tape import NEW, NONE, SAME, VIEW, Borrowing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.volume import Volume

LARGE_IMAGE = 20480
"""Depth times frames times height above which a CPU convolves a single image over three sides by oneDNN."""


class TorchLayouts(TapeBuilder):
    """Records the layout of each value with the operations; at the end of a training tape adds those of gradients."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.orders: list[str | Layout] = []  # of each operation: the memory order of the gradients that it makes
        self.gathers: dict[int, str] = {}  # operations whose backward needs its gradient dense in this order
        self.gradients: dict[int, Layout | None] = {}  # the layout of the gradient of each value that has one
        self.merged: dict[int, str] = {}  # views of results computed with all ``images``, or all ``sides``, as one axis
        self.permutations: dict[int, tuple[int, ...]] = {}  # views in another order: the order of their gradients
        self.repeated: set[int] = set()  # sums, whose gradients are repeated without memory of their own
        self.borrowing: dict[int, tuple[str, bool]] = {}  # operations whose gradient becomes that of a parameter
        self.bases: dict[int, int] = {}  # of each value that is a view for autograd: the tensor that it views

    @property
    def gives_places(self) -> bool:
        """Whether another layer reads the index of each maximum of the current layer."""
        return self.row.index in self.unpooled

    @property
    def is_cpu(self) -> bool:
        """Whether the kernels are those of a CPU."""
        return self.profile.is_cpu

    def layout_of(self, value: int) -> Layout:
        """The memory layout of a value, which must have one."""
        layout = self.layouts[value]
        assert layout is not None
        return layout

    def elementwise(self, operands: Sequence[Layout]) -> Layout:
        """The layout of the output of an element-wise operation on tensors of these layouts."""
        return elementwise(operands, is_fake=self.is_fake)

    def copied(self, x: Layout) -> Layout:
        """The layout of a copy of a tensor: also the strides of axes of size 1 where the tensor is dense."""
        return x if x.is_dense else self.elementwise([x])

    def map_layout(self, value: int) -> Layout:
        """The memory layout of a value with its sides: batch x depth gets sides of 1."""
        layout = self.layout_of(value)
        return (
            layout
            if len(layout.sizes) > 2
            else layout._replace(sizes=(*layout.sizes, *self.ones), strides=(*layout.strides, *self.ones))
        )

    @property
    def ones(self) -> tuple[int, ...]:
        """Sides of 1, as many as the output of the current layer has."""
        return (1,) * len(self.output.sides)

    def is_flat(self, value: int) -> bool:
        """Whether a value is batch x depth in PyTorch, without sides."""
        return len(self.layout_of(value).sizes) == 2

    def sizes_of(self, volume: Volume, inputs: Sequence[int]) -> tuple[int, ...]:
        """The sizes of the axes of the current layer's output in PyTorch: batch x depth (x sides)."""
        flat = self.row.layer.is_flat
        if flat or (flat is None and all(self.is_flat(value) for value in inputs)):
            return (self.images, volume.elements)
        return (self.images, volume.depth, *volume.sides)

    def made(self, inputs: Sequence[int], volume: Volume, order: str | None = None) -> Layout:
        """The layout of the output of the current layer, in the order that it declares in ``memory_order``."""
        order = order or self.row.layer.memory_order
        sizes = self.sizes_of(volume, inputs)
        if order == "contiguous" or len(sizes) == 2:
            return contiguous(sizes)
        if order == "channels last":
            return channels_last(sizes)
        layouts = [self.map_layout(value) for value in inputs]
        if order == "input":
            layout = self.elementwise(layouts)
            is_part = prod(layout.sizes) > prod(sizes)
            return self.elementwise([layouts[0]._replace(sizes=sizes)]) if is_part else layout
        return suggested(layouts[0], sizes) if all(x.suggests_channels_last for x in layouts) else contiguous(sizes)

    def _recorded(
        self, *arguments: Any, order: str | Layout = "input", gathers: str | None = None, **options: Any
    ) -> int:
        """Records an operation whose backward makes gradients in ``order`` and needs its own dense in ``gathers``."""
        result = super().operation(*arguments, **options)
        self.orders.append(order)
        if gathers is not None:
            self.gathers[self.last] = gathers
        return result

    def operation(
        self, inputs: Sequence[int], elements: Size | None = None, *, layout: Layout | None = None, **options: Any
    ) -> int:
        """Records an operation; one that overwrites a view changes the viewed tensor for autograd."""
        if layout is None and inputs and (elements is None or elements == self.elements[inputs[0]]):
            known = [found for value in inputs if (found := self.layouts[value]) is not None]
            layout = self.elementwise(known) if len({len(x.sizes) for x in known}) == 1 else self.layouts[inputs[0]]
        if not options.get("is_alias") or options.get("gradients") == (VIEW,):
            return self._recorded(inputs, elements, layout=layout, **options)
        options["overwrites"] = True
        base = self.bases.get(inputs[0])
        if base is not None and any(self.learns(value) for value in inputs):
            return self._copied_slices(inputs, base, **options)
        result = self._recorded(inputs, elements, layout=self.layouts[inputs[0]], **options)
        if base is not None:
            self.bases[result] = base
        return result

    def _key(self, inputs: Sequence[int]) -> tuple[Any, ...] | None:
        return super()._key(inputs) if self.bases.keys().isdisjoint(inputs) else None

    def _is_repeatable(self, number: int, inputs: Sequence[int], result: int) -> bool:
        is_view = number in self.permutations or number in self.merged or result in self.bases
        is_special = is_view or number in self.repeated or number in self.borrowing
        return not is_special and super()._is_repeatable(number, inputs, result)

    def _repeat(self, number: int, inputs: Sequence[int]) -> int:
        self.orders.append(self.orders[number])
        if number in self.gathers:
            self.gathers[len(self.operations)] = self.gathers[number]
        return super()._repeat(number, inputs)

    def _copied_slices(self, inputs: Sequence[int], base: int, **options: Any) -> int:
        """Records an operation that overwrites its first input, a view of ``base`` (CopySlices in autograd).

        Backward copies the gradient into a tensor like ``base``, copies the part of the view again for the function
        that overwrote it, and writes its result back. Gradients of other inputs are summed to their size after that.
        """
        first, gradients, scratch = inputs[0], options["gradients"], options.get("backward_scratch", ())
        summed = tuple([place for place in options.get("summed_inputs", ()) if self.learns(inputs[place])])
        if options.pop("clones_input", False):
            options["extras"] = (*options.get("extras", ()), Extra("input", self.elements[first]))
            options["keeps"] = ()
        options |= {
            "gradients": (NEW, *[how if how == NONE else NEW for how in gradients[1:]]),
            "order": "base",
            "backward_scratch": self._slices_scratch(inputs, base, gradients, summed, scratch),
            "summed_inputs": tuple([place for place in summed if place]),
            "sum_scratch": (),
            "made_before": (self.bytes_of(base), self.bytes_of(first)),
        }
        whole = self._recorded([base, *inputs[1:]], self.elements[base], layout=self.layouts[base], **options)
        return self._part(whole, first)

    def _slices_scratch(
        self, inputs: Sequence[int], base: int, gradients: Sequence[str], summed: Sequence[int], scratch: Sequence[Size]
    ) -> tuple[Size, ...]:
        """The temporaries of backward of an operation that overwrites a view of ``base``.

        ``summed``: the inputs, by position, whose gradients it sums; ``scratch``: the temporaries of the operation
        without the view.
        """
        part = self.bytes_of(inputs[0])
        found = [size for size in scratch if min(size) >= 0]
        if found or not self.learns(base):  # temporaries that are larger than the sums
            found += [self.bytes_of(inputs[place]).times(-1) for place in summed if place]
        others = zip(gradients[1:], inputs[1:], strict=True)
        if not any(how == SAME and self.learns(value) for how, value in others):
            found.append(part)
        if not self.learns(base):  # the gradient of the viewed tensor is allocated nevertheless
            found.append(self.bytes_of(base))
        elif gradients[0] != SAME and 0 not in summed:
            found.append(part)
        return tuple(found)

    def _part(self, whole: int, like: int) -> int:
        """A view of ``whole``, which was overwritten, with the elements of ``like``."""
        is_replayed = self.is_fake and self.elements[like] == self.elements[whole]
        gradient = VIEW if is_replayed else NEW
        result = self._recorded(
            [whole], self.elements[like], layout=self.layouts[like], is_alias=True, gradients=(gradient,), order="base"
        )
        order = self.layout_of(whole).order_in(self.layout_of(like)) if is_replayed else None
        if order:
            self.permutations[self.last] = order
        self.bases[result] = whole
        return result

    def viewed(
        self, value: int, layout: Layout | None = None, *, gradient: str = VIEW, merges: str | None = None
    ) -> int:
        """A view of a value with the layout given; by default of all elements, with sides.

        ``merges``: the value was computed with all ``images``, or all ``sides``, as one axis.
        """
        layout = layout or self.map_layout(value)
        self.is_for_several |= not layout.is_dense
        elements = Size(0, prod(layout.sizes[1:]))
        result = self._recorded(
            [value], elements, layout=layout, is_alias=True, gradients=(gradient,), order="contiguous"
        )
        self.bases[result] = self.bases.get(value, value)
        if merges:
            self.merged[self.last] = merges
        return result

    def same(self, value: int) -> int:
        """The value itself, as the output of a layer that returns its input.

        The recorded operation stands for a variable that holds it. Autograd has no function for it: the gradients of
        all readers are added in the order in which these ran.
        """
        self._recorded([value], layout=self.layouts[value], is_alias=True, gradients=(NONE,))
        return value

    def sliced(self, value: int, volume: Volume) -> int:
        """A view of some channels and positions; its gradient becomes a new tensor with zeros for the others."""
        wanted = (self.images, volume.depth, *volume.sides)
        sizes, strides = self.layout_of(value)
        cut = [side for side, size in enumerate(sizes) if size != wanted[side]]
        for side in cut or [1]:
            sizes = (*sizes[:side], wanted[side], *sizes[side + 1 :])
            value = self.viewed(value, Layout(sizes, strides), gradient=NEW if cut else VIEW)
        return value

    def summed(self, value: int, volume: Volume) -> int:
        """A sum over some axes; the gradient of the value is a view of the incoming one, repeated along them."""
        layout = self.made([value], volume, "contiguous")
        item = 4 if self.autocast and not self.is_cpu else self.items[value]
        word = VIEW if item == self.items[value] else NEW
        result = self.operation([value], Size(0, volume.elements), item=item, layout=layout, gradients=(word,))
        self.repeated.add(self.last)
        return result

    def permuted(self, value: int, order: tuple[int, ...]) -> int:
        """A view with the batch, the depth and the sides in another order."""
        result = self.viewed(value, self.map_layout(value).permuted(order))
        self.permutations[self.last] = tuple([order.index(side) for side in range(len(order))])
        return result

    def flat(self, value: int) -> int:
        """A value as batch x depth."""
        return (
            self.same(value) if self.is_flat(value) else self.reshaped(value, (prod(self.layout_of(value).sizes[1:]),))
        )

    def as_plane(self, value: int, *, last: bool = False) -> int:
        """A view of a sequence as an image of height 1 or, with ``last``, of width 1."""
        x = self.map_layout(value)
        return self.viewed(value, Layout((*x.sizes, 1), (*x.strides, 1)) if last else _plane(x))

    def as_length(self, value: int, *, last: bool = False) -> int:
        """The inverse of :meth:`as_plane`."""
        sizes, strides = self.layout_of(value)
        if last:
            return self.viewed(value, Layout(sizes[:-1], strides[:-1]))
        return self.viewed(value, Layout((*sizes[:-2], sizes[-1]), (*strides[:-2], strides[-1])))

    def by_channel(self, value: int, along: Sequence[int] = (1,)) -> Layout:
        """The layout of an element-wise operation on a value and a parameter with one element for each channel.

        ``along``: the axes of the value along which the parameter has elements of its own.
        """
        x = self.layout_of(value)
        return self.elementwise([x, contiguous([size if axis in along else 1 for axis, size in enumerate(x.sizes)])])

    @property
    def is_fake(self) -> bool:
        """Whether the tensors are those of FakeTensorMode."""
        return self.profile.is_fake

    def convolution_order(self, value: int, kernel: Sequence[int], groups: int, *, is_own: bool = False) -> str:
        """The memory order of the output of a convolution: ``suggested``, that of its input, or one of the two orders.

        On a CPU the output over three sides is contiguous in half precision, and for a single image without oneDNN. The
        plane of a length of 1 or a depth of 1 may be both contiguous and channels-last.
        """
        profile = self.profile
        keeps = {"bfloat16": profile.convolves_bfloat16, "float64": profile.is_cpu}.get(self.dtype, True)
        if profile.is_cpu and len(self.output.sides) == 3:
            keeps = not self.is_without_onednn(value, kernel, groups)
        if not (keeps or is_own):
            return "contiguous"
        if len(self.output.sides) > 1:
            return "suggested"
        return "channels last" if self.convolves_channels_last(value) else "contiguous"

    def convolves_channels_last(self, value: int) -> bool:
        """Whether a convolution takes a value as channels-last; a length as a plane of contiguous memory."""
        x = self.map_layout(value)
        if len(x.sizes) > 3:
            return x.suggests_channels_last
        return x.is_contiguous and _plane(x).suggests_channels_last

    def is_without_onednn(self, value: int, kernel: Sequence[int], groups: int) -> bool:
        """Whether a CPU convolves over three sides by PyTorch's own kernels instead of those of oneDNN.

        oneDNN convolves float32, a single image only in several groups, with a kernel above 3 along both last sides,
        or if it is large.

        Source: aten/src/ATen/native/Convolution.cpp of PyTorch, use_mkldnn.
        """
        if self.dtype != "float32":
            return True
        if groups > 1 or min(kernel[-2:]) > 3 or prod(self.layout_of(value).sizes[1:4]) > LARGE_IMAGE:
            return False
        self.is_for_several = True
        return self.images == 1

    def is_summed(self, value: int, parameter: int) -> bool:
        """Whether the gradient of a parameter is a sum of elements of one as large as a value."""
        if self.elements[value].per_image != self.parameters[parameter].elements:
            return True
        self.is_for_several = True
        return self.images > 1

    def learned_bytes(self, parameter: int) -> Size:
        """The bytes of the gradient of a parameter; none if it is frozen."""
        owner = self.parameters[parameter]
        return Size(owner.size if owner.is_trainable else 0)

    def view_of(self, x: Layout, sizes: Sequence[int]) -> Layout | None:
        """The layout of a view with other sizes, batch included; None if a copy is needed."""
        return viewed(x, sizes, is_fake=self.is_fake)

    def reshaped(self, value: int, sizes: Sequence[int]) -> int:
        """The same elements with these sides after the batch: a view where the layout allows it, else a copy."""
        x = self.layout_of(value)
        sizes = (self.images, *sizes)
        layout = self.view_of(x, sizes)
        self.is_for_several |= not x.is_contiguous  # for a single image the view has another stride of the batch
        if layout is None:
            return self.operation([value], layout=self.view_of(contiguous(x.sizes), sizes), gradients=(VIEW,))
        return self.viewed(value, layout)

    def gathered(self, value: int, order: str) -> int:
        """The value itself if it is dense in that order, else a copy that is.

        The order is ``suggested`` or ``contiguous``.
        """
        x = self.layout_of(value)
        if order == "suggested" and x.suggests_channels_last:
            wanted, is_dense = channels_last(x.sizes), x.is_depth_last
        else:
            wanted, is_dense = contiguous(x.sizes), x.is_contiguous
        if is_dense:
            return value
        return self.operation([value], layout=wanted, gradients=(SAME,))

    # layouts of gradients

    def _finish(self) -> None:
        """Finds the layout of each gradient, and adds the copies that backward makes of those in the wrong order.

        A gradient that was recorded as a view becomes a new tensor where its layout allows no view.
        """
        gradients = self.gradients
        for number, operation in reversed([*enumerate(self.operations)]):
            if operation.output not in gradients and operation.name != "loss":
                continue
            incoming = gradients.get(operation.output)
            scratch = operation.backward_scratch
            if incoming is not None and not self._is_gathered(number, incoming):
                self.is_for_several = True
                scratch = (*scratch, self.bytes_of(operation.output))
            words = list(operation.gradients)
            for place, value in enumerate(operation.inputs):
                before = words[place]
                if before == NONE or not self.learns(value):
                    continue
                words[place], found = self._passed_on(number, before, incoming, self.layouts[value])
                self.is_for_several |= words[place] != before  # for a single image more layouts allow views
                self._add_gradient(value, found)
            if number in self.borrowing and incoming is not None:
                order, is_free = self.borrowing[number]
                is_ordered = incoming.is_contiguous if order == "contiguous" else incoming.is_depth_last
                self.operations[number] = operation = operation._replace(borrows=Borrowing(is_ordered, is_free))
            if scratch != operation.backward_scratch or tuple(words) != operation.gradients:
                self.operations[number] = operation._replace(gradients=tuple(words), backward_scratch=scratch)

    def _is_gathered(self, number: int, incoming: Layout) -> bool:
        """Whether the incoming gradient of an operation is dense in the order that its backward needs, if any."""
        order = self.gathers.get(number)
        if order == "suggested" and self.map_layout(self.operations[number].inputs[0]).suggests_channels_last:
            order = "channels last"
        if order == "channels last":
            return incoming.is_channels_last
        return order is None or incoming.is_contiguous

    def _add_gradient(self, value: int, found: Layout | None) -> None:
        """Keeps the layout of the gradient of a value, or of its sum with those of other operations."""
        target, other = self.layouts[value], self.gradients.get(value)
        if found is not None and target is not None and found.sizes != target.sizes:
            found = self.view_of(found, target.sizes) or contiguous(target.sizes)
        if other is not None and found is not None:
            found = other if self.profile.adds_in_place and other.is_dense else self.elementwise([other, found])
        self.gradients[value] = found

    def _passed_on(
        self, number: int, word: str, incoming: Layout | None, target: Layout | None
    ) -> tuple[str, Layout | None]:
        """How an operation makes the gradient of an input with layout ``target``, and the layout of that gradient."""
        if target is None:
            return word, None
        if word == NEW:
            return word, self._made_back(number, incoming, target)
        if incoming is None:
            return word, None
        if number in self.permutations and len(incoming.sizes) == len(self.permutations[number]):
            return word, incoming.permuted(self.permutations[number])
        if number in self.repeated:
            return word, (incoming if len(incoming.sizes) == len(target.sizes) else target).repeated(target.sizes)
        sizes = target.sizes
        if word == SAME or incoming.sizes == sizes:
            whole = (1, sizes[0] * sizes[1], *sizes[2:])
            if self.merged.get(number) == "images" and viewed(incoming, whole) is None:
                return NEW, contiguous(sizes)
            if self.merged.get(number) == "sides" and not incoming.is_depth_last:
                return NEW, channels_last(sizes)
            return word, incoming
        if prod(incoming.sizes) == prod(sizes):
            found = self.view_of(incoming, sizes)
            return (NEW, contiguous(sizes)) if found is None else (word, found)
        # some of the channels; a value with sides of 1 may be batch x depth here
        found = Layout(sizes, (*incoming.strides, *self.ones)[: len(sizes)])
        self.is_for_several |= not found.is_dense
        return VIEW, found

    def _made_back(self, number: int, incoming: Layout | None, target: Layout) -> Layout:
        """The layout of a new gradient of a tensor with layout ``target``, from the memory order of the operation."""
        order, sizes = self.orders[number], target.sizes
        if order == "suggested":
            return suggested(target, sizes)
        if order == "channels last":
            return channels_last(sizes)
        if order == "base":
            return target
        if order == "contiguous" or incoming is None or len(incoming.sizes) != len(sizes):
            return contiguous(sizes)
        if isinstance(order, Layout):
            gathered = contiguous(sizes) if incoming.suggests_channels_last else incoming
            return self.elementwise([order.repeated(sizes), gathered])
        if order == "incoming":
            return suggested(incoming, sizes)
        if order == "cut":
            return self.elementwise([incoming._replace(sizes=sizes)])
        if all(one in (1, whole) for one, whole in zip(incoming.sizes, sizes, strict=True)):
            if order == "repeated":
                return self.elementwise([incoming.repeated(sizes)])
            output = self.layouts[self.operations[number].output]
            if order == "output" and output is not None:
                return self.elementwise([output, incoming])
            return self.elementwise([incoming, target])
        is_summed = all(one in (1, whole) for one, whole in zip(sizes, incoming.sizes, strict=True))
        return contiguous(sizes) if is_summed else self.elementwise([target])

    def _gradient_order(self, order: str) -> str:
        """The memory order of the gradient that the current layer makes, whose output has ``order``."""
        follows = self.row.layer.gradient_follows
        is_output = follows == "output" or (follows == "output on cuda" and not self.is_cpu)
        return "output" if is_output else order

    def borrow_gradient(self, order: str, *, is_free: bool = True) -> None:
        """Notes that backward makes no new tensor for the gradient of the last operation's parameter, for one image.

        It is the incoming gradient or a part of it; for several images it is a sum, a new tensor. ``order`` is the
        memory order of the parameter. ``is_free``: no other gradient is the same tensor.
        """
        self.is_for_several = True
        if self.images == 1:
            self.borrowing[self.last] = (order, is_free)


def _plane(x: Layout) -> Layout:
    """The layout of a length as a plane of height 1."""
    whole = x.sizes[-1] * x.strides[-1]
    return Layout((*x.sizes[:-1], 1, x.sizes[-1]), (*x.strides[:-1], whole, x.strides[-1]))
