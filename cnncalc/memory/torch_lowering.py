"""Builds the tape of a report: each layer as the operations that eager PyTorch runs for it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.layers.layout import Layout, contiguous, suggested
from cnncalc.layers.memory import STATISTIC, Extra, Size
from cnncalc.memory.builder import ONE
from cnncalc.memory.tape import NEW, NONE, SAME, VIEW, Frame
from cnncalc.memory.torch_layouts import TorchLayouts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import LayerReport
    from cnncalc.volume import Volume


class TorchLowering(TorchLayouts):
    """Lowers a net for PyTorch; implements :class:`cnncalc.layers.torch_builder.TorchBuilder`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.casts: dict[int, int] = {}  # casts of trainable parameters, which autocast keeps until it ends
        self.parameter_views: dict[tuple[int, int], int] = {}  # by layer and parameter, where it is used transposed

    def _own(self, row: LayerReport) -> None:
        super()._own(row)
        if row.layer.normalizes_batch and any(array.role == "buffer" for array in row.own_arrays):
            self.buffers.append(8)

    def _width(self, extra: Extra, item: int) -> int:
        if extra.item != STATISTIC:
            return super()._width(extra, item)
        return max(4 if not self.is_cpu else self.parameter_item if self.row.arrays else item, item)

    def _likelihood(self, logits: int) -> int:
        # autocast runs the loss in float32: on a CPU all of it, on CUDA only what follows the softmax
        if self.is_cpu and (wide := self.converted(logits, 4, name="loss")) != logits:
            logits = wide
            self.held.append(Frame(self.last + 2, (logits,)))  # an argument until the loss is computed
        result = self.operation([logits], name="loss", keeps_output=True, order="contiguous")
        return self.converted(result, 4, name="loss")

    def _loss_extras(self) -> tuple[Extra, ...]:
        return (Extra("sum of weights", ONE),)

    def _frames(self, spans: dict[int, tuple[int, int]]) -> tuple[Frame, ...]:
        frames = super()._frames(spans)
        casts = tuple(self.casts.values())
        return (*frames, Frame(self.last, casts)) if casts else frames

    # what layers call

    def averaged(self, value: int, output: Volume) -> int:
        """The mean of each channel; of channels-last input a channels-last view, whose gradient is a new tensor."""
        mean = self.single([value], output=output, order="contiguous")
        if not self.layout_of(value).suggests_channels_last:
            return mean
        layout = self.layout_of(mean)
        depth = layout.sizes[1]
        return self.viewed(mean, layout._replace(strides=(depth, 1, *(depth,) * (len(layout.sizes) - 2))), gradient=NEW)

    def single(
        self,
        inputs: Sequence[int],
        *,
        output: Volume | None = None,
        is_resized: bool = False,
        keeps: tuple[int, ...] | None = None,
        order: str | None = None,
        gradient_order: str | Layout | None = None,
        gathers: str | None = None,
        makes_all: str | None = None,
        summed: tuple[int, ...] = (),
        scratch: tuple[Size, ...] = (),
        made: tuple[int, int] | None = None,
        is_product: bool = False,
    ) -> int:
        """Records the current layer as one operation, as its ``keeping_in_torch`` and ``autocast`` say.

        Arguments: see :class:`cnncalc.layers.torch_builder.TorchBuilder`.
        """
        row, layer, parameters = self.row, self.row.layer, self.own_parameters
        given: list[int] = []
        if made is not None:
            given, parameters = [made[0]], parameters[made[1] :]
        keeping = layer.keeping_in_torch(row.input_volumes, row.output, in_place=self.in_place)
        is_half = self.autocast and layer.autocast == "half"
        if keeps is None:
            keeps = (0, 1) if is_half else keeping.kept_inputs(len(inputs))
        volumes = len(inputs)
        summed = tuple([place for place in summed if place < len(parameters)])
        summed_inputs: tuple[int, ...] = ()
        summed_parameters = tuple([parameters[place] for place in summed])
        copied = () if order == "contiguous" else self._copied(inputs)
        if is_half:
            inputs = self._cast_arguments(inputs, given, parameters, copied)
            summed_inputs = tuple([volumes + place for place in summed])
            parameters = copied = summed_parameters = ()
        else:
            inputs = [*[self.entering(value) for value in inputs], *given]
            keeps = (*keeps, volumes) if given else keeps
        composed = keeping.composed_volumes if self.is_fake else 0
        volume = output or row.output
        item = max([self.items[value] for value in inputs[:volumes]])
        gradients = tuple(
            [how if self.items[value] == item else NEW for how, value in zip(keeping.gradients, inputs, strict=False)]
        )
        layout = self.made(inputs[:volumes], volume, order)
        extras = self._made(keeping.extras)
        if self.gives_places:
            places = self.operation((), Size(0, volume.elements), item=8, layout=layout, gradients=())
            self.places[self.row.index] = places
            keeps, extras, gradients = (*keeps, len(inputs)), (), (*gradients, NONE)
            inputs = [*inputs, places]
        return self.operation(
            inputs,
            Size(0, volume.elements),
            item=item,
            layout=layout,
            storage=max(self.elements[inputs[0]], Size(0, volume.elements)) if is_resized else None,
            is_alias=self.in_place,
            keeps=keeps,
            keeps_output=keeping.output,
            keeps_second_output=self.gives_places,
            clones_input=keeping.clones,
            extras=extras,
            gradients=gradients + (NEW,) * (len(inputs) - len(gradients)),
            parameters=parameters,
            copied=copied,
            saves_parameter=bool(parameters),
            backward_scratch=(*scratch, *(self.bytes_of(inputs[0]),) * composed, *self._unneeded(inputs[0], makes_all)),
            order=gradient_order or self._gradient_order(order or layer.memory_order),
            gathers=gathers,
            summed_inputs=summed_inputs,
            summed_parameters=summed_parameters,
            is_product=is_product,
        )

    def _cast_arguments(
        self, inputs: Sequence[int], given: Sequence[int], parameters: Sequence[int], copied: tuple[int, ...]
    ) -> list[int]:
        """The arguments of an operation in half precision; the last one is cast first: bias, weight, input."""
        casts = [self.cast(parameter, copied) for parameter in reversed(parameters)]
        made = [self.converted(value, self.item) for value in given]
        return [*[self.entering(value) for value in inputs], *made, *casts[::-1]]

    def _unneeded(self, value: int, makes_all: str | None) -> tuple[Size, ...]:
        """The bytes of the gradients that a kernel makes although nothing needs them; ``makes_all`` says of what."""
        if makes_all is None:
            return ()
        own = self.own_parameters if makes_all == "all" else ()
        frozen = [self.parameters[place] for place in own]
        of_input = () if self.learns(value) else (self.bytes_of(value),)
        return (*of_input, *[Size(parameter.size) for parameter in frozen if not parameter.is_trainable])

    def _copied(self, inputs: Sequence[int]) -> tuple[int, ...]:
        """The parameters of the current layer whose gradients are channels-last, unlike the parameters."""
        if not (self.own_parameters and self.convolves_channels_last(inputs[0])):
            return ()
        arrays = [array for array in self.row.arrays if array.role != "buffer"]
        copies = self.row.layer.copies_weight_gradient
        pairs = zip(self.own_parameters, arrays, strict=True)
        return tuple([place for place, array in pairs if copies(array.shape)])

    def _made(self, extras: tuple[Extra, ...]) -> tuple[Extra, ...]:
        """The extras that PyTorch allocates: all in training, some at test time."""
        if self.training:
            return extras
        return tuple(
            [
                x
                for x in extras
                if x.inference == "always" or (x.inference == "native" and self.is_native_norm and not self.is_cpu)
            ]
        )

    @property
    def is_native_norm(self) -> bool:
        """Whether PyTorch runs batch normalization with its native kernels, not with those of cuDNN."""
        roles = {array.role for array in self.row.arrays}
        x = self.place[self.row.sources[0]]
        # cuDNN takes float16 with parameters in float32 alone
        is_half = self.dtype == "bfloat16" or (self.dtype == "float16" and not self.autocast)
        is_native = is_half and self.items[x] == self.item
        return self.is_cpu or is_native or not {"weight", "bias"} <= roles or self.is_flat(x)

    def entering(self, value: int) -> int:
        """An input of the current layer, converted to the data type in which autocast runs the layer."""
        how = self.row.layer.autocast
        if how == "half":
            return self.converted(value, self.item)
        if how == "pool" and self.is_cpu and len(self.output.sides) == 3:
            layer: Any = self.row.layer
            # autocast does not know the function that also gives the index of each maximum
            is_known = not self.gives_places or layer.adaptive is not None
            return self.converted(value, 4) if is_known else value
        # autocast does not convert the inputs of operations that overwrite them
        return self.widened(value) if how == "full" and not self.in_place else value

    def widened(self, value: int) -> int:
        """A value in float32, for operations that autocast runs in float32 on CUDA and in any type on a CPU."""
        return value if self.is_cpu else self.converted(value, 4)

    def converted(self, value: int, item: int, *, name: str | None = None) -> int:
        """The value itself or, under autocast, a copy in the data type with ``item`` bytes."""
        return self.in_type(value, item, name=name) if self.autocast and self.items[value] != item else value

    def in_type(self, value: int, item: int, *, name: str | None = None) -> int:
        """A copy in the data type with ``item`` bytes."""
        layout = self.layouts[value]
        layout = None if layout is None else self.copied(layout)
        return self.operation([value], item=item, layout=layout, name=name)

    def cast(self, parameter: int, copied: tuple[int, ...] = ()) -> int:
        """A parameter cast to the data type of autocast; its backward makes the gradient in float32.

        All layers with the parameter share the cast, but that of a transposed view belongs to one layer.
        """
        view = self.parameter_views.get((self.row.index, parameter))
        if view is not None:
            return self.operation([view], item=self.item)
        cast = self.casts.get(parameter)
        if cast is None:
            owner = self.parameters[parameter]
            copied = tuple([place for place in copied if place == parameter])
            cast = self.operation((), Size(owner.elements), gradients=(), parameters=(parameter,), copied=copied)
            if owner.is_trainable:
                self.casts[parameter] = cast
        return cast

    def _view_parameters(self) -> None:
        """Records the transposed views of weights that the code of the current layer makes before autocast casts them.

        They have no memory of their own, and their gradients are those of the parameters.
        """
        if self.autocast and self.row.layer.tied_as_view:
            for parameter in self.transposed[self.row.index]:
                self.parameter_views[self.row.index, parameter] = self._recorded(
                    (),
                    Size(self.parameters[parameter].elements),
                    item=self.parameter_item,
                    is_alias=True,
                    gradients=(),
                    parameters=(parameter,),
                    is_product=True,
                )

    def resized(self, value: int, volume: Volume, *, crops: bool = False, crops_some: bool = False) -> int:
        """A copy padded or cropped to a volume; ``crops``: no side is padded, ``crops_some``: some side is cropped."""
        x = self.map_layout(value)
        sizes = (self.images, volume.depth, *volume.sides)
        layout = self.copied(x._replace(sizes=sizes)) if crops else suggested(x, sizes)
        order = "incoming" if crops or crops_some else "cut"  # backward pads what was cropped
        return self.operation([value], Size(0, volume.elements), layout=layout, order=order)

    def power(self, value: int) -> int:
        """Value ** p, in float32 under autocast on CUDA; its backward is grad * (p * x**(p - 1))."""
        wide = self.widened(value)
        if wide != value:
            self.held.append(Frame(self.last + 1, (value,)))
        size = self.bytes_of(wide)
        return self.operation([wide], keeps=(0,), backward_scratch=(size, size))

    def constant(self, value: int, depth: int | None = None, *, images: bool = False) -> int:
        """A new tensor without a gradient: like ``value``, or with ``depth`` numbers (0: a single one).

        ``images``: with numbers of its own for each image.
        """
        elements, layout = self.elements[value], self.layouts[value]
        if depth is not None:
            ones = (1,) * (len(self.layout_of(value).sizes) - 2)
            layout = contiguous((self.images if images else 1, depth, *ones)) if depth else None
            elements = Size(0, depth) if images else Size(depth or 1)
        return self._recorded((), elements, item=self.items[value], layout=layout, gradients=())

    def times_constant(self, value: int, constant: int, *, in_place: bool = False) -> int:
        """Value times a tensor without a gradient."""
        return self.operation([value, constant], is_alias=in_place, keeps=(1,), gradients=(NEW, NONE))

    def plus_constant(self, value: int, constant: int) -> int:
        """Value plus a tensor without a gradient."""
        return self.operation([value, constant], gradients=(SAME, NONE))

    def times_number(self, value: int) -> int:
        """Value times a Python number, which a CPU wraps in a tensor of float64."""
        layout = self.with_number(value)
        return self.operation([value], layout=layout, numbers=8 if self.is_cpu else 0)

    def plus_number(self, value: int) -> int:
        """Value plus a Python number, which is not kept for backward."""
        number = [self._recorded((), ONE, item=8, gradients=())] if self.is_cpu else []
        gradients = (SAME, NONE)[: 1 + len(number)]
        layout = self.with_number(value)
        return self.operation([value, *number], item=self.items[value], layout=layout, gradients=gradients)

    def minus_from_number(self, value: int) -> int:
        """A Python number minus a value; the number is wrapped inside the kernel."""
        return self.operation([value], layout=self.with_number(value))

    def with_number(self, value: int) -> Layout | None:
        """The layout of a value combined with a Python number, which is an operand except for fake tensors."""
        return None if self.is_fake or self.layouts[value] is None else self.by_channel(value, ())

    def scaled(self, value: int, *, leads: bool = False, along: Sequence[int] = (1,)) -> int:
        """Value times the first parameter, plus the second if there is one, channel by channel.

        ``leads``: the parameter is the first factor, so its gradient is summed to its size first. ``along``: the axes
        of the value along which the parameter has elements of its own.
        """
        factor, *shift = self.own_parameters
        is_learned = self.parameters[factor].is_trainable
        item = max(self.items[value], self.parameter_item)
        whole = self.elements[value].times(item)
        # one number for all channels has fewer axes than the value
        is_summed = self.parameter_item != item or not along or self.is_summed(value, factor)
        scratch: tuple[Size, ...] = (whole,) if is_learned and is_summed else ()
        if self.items[value] != item and self.learns(value):  # the gradient of the value, in float32
            later = self.bytes_of(value).times(-1) if leads else Size(-self.parameters[factor].size)
            scratch += (whole, later) if is_learned and is_summed else (whole,)
        sums: tuple[Size, ...] = ()
        if is_learned and self.parameter_item != item:  # the gradient of the factor is summed in float32
            owner = self.parameters[factor]
            sums = (Size(owner.elements * item), Size(-owner.size))
        keeps = (0,) if is_learned else ()
        result = self.operation(
            [value],
            item=item,
            layout=self.by_channel(value, along),
            keeps=keeps,
            parameters=(factor,),
            saves_parameter=self.learns(value),
            backward_scratch=scratch,
            summed_inputs=(0,) if self.items[value] != item else (),
            summed_parameters=(factor,) if is_summed else (),
            sum_scratch=sums,
        )
        if shift:
            shape = self.by_channel(result, along)
            result = self.operation([result], layout=shape, gradients=(SAME,), parameters=tuple(shift))
        return result

    def shifted(self, value: int, *, along: Sequence[int] = (1,)) -> int:
        """Value plus the first parameter, channel by channel; ``along`` as for :meth:`scaled`."""
        item = max(self.items[value], self.parameter_item)
        return self.operation(
            [value],
            item=item,
            layout=self.by_channel(value, along),
            gradients=(SAME if self.items[value] == item else NEW,),
            parameters=self.own_parameters[:1],
        )

    def bias_of_pairs(self, table: int, heads: int, pairs: int) -> tuple[int, int]:
        """The index of a row of ``table`` for each pair of positions, and the biases of the pairs, head by head."""
        places = self.operation((), Size(pairs), item=8, gradients=())
        item = self.parameter_item
        taken = self.operation(
            [places], Size(heads * pairs), item=item, keeps=(0,), gradients=(NONE,), parameters=(table,)
        )
        # taken pair by pair, then reordered head by head
        return places, self.operation([taken], is_alias=heads == 1 or pairs == 1, gradients=(VIEW,))

    def joined_with_own(self, value: int, layout: Layout) -> int:
        """The first parameter of the layer, for each image, followed by a value, as one tensor."""
        item = max(self.items[value], self.parameter_item)
        wide = self.converted(value, item) if self.is_cpu else value  # the kernel of CUDA converts its inputs itself
        result = self.operation(
            [wide],
            Size(0, prod(layout.sizes[1:])),
            item=item,
            layout=layout,
            gradients=(VIEW if self.items[wide] == item else NEW,),
            parameters=self.own_parameters,
        )
        if item == self.parameter_item:
            self.borrow_gradient("channels last")
        self.hold(wide)
        return result

    def added(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """The sum of two values, broadcast to each other."""
        spread = self._spread(left, right, volume, in_place=in_place)
        gradients = (NEW if 0 in spread else SAME, NEW if 1 in spread else SAME)
        return self._merged(
            left,
            right,
            volume,
            in_place=in_place,
            gradients=gradients,
            summed_inputs=spread,
            sum_scratch=self._converted_sum(left, right, volume, in_place=in_place, made=()),
        )

    def subtracted(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """The difference of two values, broadcast to each other.

        The gradient of the second is made in the size of the result, then summed to its own.
        """
        spread = self._spread(left, right, volume, in_place=in_place)
        is_summed = 1 in spread and self.learns(right)
        item = self._merged_item(left, right, in_place=in_place)
        return self._merged(
            left,
            right,
            volume,
            in_place=in_place,
            gradients=(NEW if 0 in spread else SAME, NEW),
            backward_scratch=(Size(0, volume.elements * item),) if is_summed else (),
            summed_inputs=spread[-1:] if is_summed else (),
            sum_scratch=self._converted_sum(left, right, volume, in_place=in_place, made=(1,)),
        )

    def multiplied(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """The product of two values, broadcast to each other.

        Gradients are made in the size of the result, one after the other, in the wider type of the incoming one and the
        other factor; then each is summed to its own size and converted to its own type.
        """
        elements, item = Size(0, volume.elements), self._merged_item(left, right, in_place=in_place)
        made = (max(item, self.items[right]), max(item, self.items[left]))  # bytes of an element of each gradient
        pairs = tuple(zip((left, right), made, strict=True))
        places = [place for place, (v, width) in enumerate(pairs) if not self._is_whole(v, elements, width)]
        summed = [pair for place, pair in enumerate(pairs) if place in places and self.learns(pair[0])]
        # the peak is at the first sum, when the other gradients are still whole
        scratch = tuple([elements.times(width) for _, width in summed])
        scratch += tuple([self.bytes_of(v).times(-1) for v, _ in summed[1:]])
        # the first is summed in the wider type
        is_spread = bool(summed) and self.elements[summed[0][0]] != elements
        sums = tuple(
            [x for v, w in summed[:is_spread] for x in (self.elements[v].times(w), self.bytes_of(v).times(-1))]
        )
        return self._merged(
            left,
            right,
            volume,
            in_place=in_place,
            keeps=(self.learns(right), self.learns(left)),
            backward_scratch=scratch,
            summed_inputs=tuple(places),
            sum_scratch=sums,
        )

    def divided(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """One value divided by another, broadcast to each other.

        The gradient of the second is made first: minus the incoming one times (left / right) / right.
        """
        learns = self.learns(right)
        sums = () if learns else self._converted_sum(left, right, volume, in_place=in_place, made=(0,))
        return self._merged(
            left,
            right,
            volume,
            in_place=in_place,
            keeps=(learns, True),
            sum_scratch=sums,
            **self._made_whole(left, right, volume, in_place=in_place, divides=learns),
        )

    def chosen(self, left: int, right: int, volume: Volume) -> int:
        """The larger or smaller of two values, broadcast to each other.

        Backward makes two masks for each gradient, and half of the incoming one.
        """
        return self._merged(
            left,
            right,
            volume,
            in_place=False,
            keeps=(True, True),
            order="output",
            **self._made_whole(left, right, volume, in_place=False, masks=2),
        )

    def _made_whole(
        self, left: int, right: int, volume: Volume, *, in_place: bool, divides: bool = False, masks: int = 0
    ) -> dict[str, Any]:
        """The temporaries of backward when gradients are made in the size of the result, then summed to their own.

        They are in the wider type of the two values. ``divides``: two quotients and minus the incoming gradient exist
        beside the gradient of the second input, before that of the first is made. ``masks`` and one temporary exist
        beside all gradients.
        """
        spread = self._spread(left, right, volume, in_place=False)
        values = (left, right)
        learned = [place for place in (0, 1) if self.learns(values[place])]
        late = [place for place in learned if place in spread]
        whole = Size(0, volume.elements * max(self.items[left], self.items[right]))
        if masks:
            scratch = (*(Size(0, volume.elements),) * masks, whole, *(whole,) * len(late))
        elif divides:
            minus = Size(0, volume.elements * self._merged_item(left, right, in_place=in_place))
            scratch = (*(whole,) * (3 - len(learned) + len(late)), minus)
        else:
            scratch = (whole,) * len(late)
        if divides or masks:
            scratch += tuple([self.bytes_of(values[place]).times(-1) for place in late])
        return {"backward_scratch": scratch, "summed_inputs": spread}

    def _converted_sum(
        self, left: int, right: int, volume: Volume, *, in_place: bool, made: tuple[int, ...]
    ) -> tuple[Size, ...]:
        """The temporaries of a gradient that is summed in the type of the result, then converted to that of its input.

        At most one of the two inputs has another type. ``made``: the positions of the gradients that are made in the
        size of the result: the sum exists beside such a gradient, else beside the converted one.
        """
        item = self._merged_item(left, right, in_place=in_place)
        for place, value in enumerate((left, right)):
            if self.learns(value) and self.items[value] != item and self.elements[value].per_image != volume.elements:
                total = self.elements[value].times(item)
                return (total, self.bytes_of(value).times(-1)) if place in made else (total,)
        return ()

    def _spread(self, left: int, right: int, volume: Volume, *, in_place: bool) -> tuple[int, ...]:
        """The positions (0, 1) of the values that do not have the size and data type of the result."""
        elements, item = Size(0, volume.elements), self._merged_item(left, right, in_place=in_place)
        return tuple([place for place, value in enumerate((left, right)) if not self._is_whole(value, elements, item)])

    def _merged(
        self,
        left: int,
        right: int,
        volume: Volume,
        *,
        in_place: bool,
        keeps: tuple[bool, bool] = (False, False),
        gradients: tuple[str, str] = (NEW, NEW),
        **options: Any,
    ) -> int:
        """Records an operation on two values; ``keeps``: whether backward needs each."""
        keeps_left, keeps_right = keeps
        extras: tuple[Extra, ...] = ()
        if in_place and keeps_left:  # overwritten, so a copy is kept
            extras, keeps_left = (Extra("first input", self.elements[left], self.items[left]),), False
        return self.operation(
            [left, right],
            Size(0, volume.elements),
            item=self._merged_item(left, right, in_place=in_place),
            layout=self.made([left, right], volume, "input"),
            is_alias=in_place,
            keeps=((0,) if keeps_left else ()) + ((1,) if keeps_right else ()),
            extras=extras,
            gradients=gradients,
            **options,
        )

    def _merged_item(self, left: int, right: int, *, in_place: bool) -> int:
        """Bytes of an element of the result of two values: of the wider one, in place of the first."""
        return self.items[left] if in_place else max(self.items[left], self.items[right])

    def _is_whole(self, value: int, elements: Size, item: int) -> bool:
        """Whether a value has the size and data type of the result."""
        return self.elements[value] == elements and self.items[value] == item
