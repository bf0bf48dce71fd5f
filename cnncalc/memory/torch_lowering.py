"""From a report to a tape: each layer as the operations that eager PyTorch runs for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.layers.memory import STATISTIC, Extra, Size
from cnncalc.memory.builder import ONE, TapeBuilder
from cnncalc.memory.tape import NEW, SAME, Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import LayerReport
    from cnncalc.volume import Volume


class TorchLowering(TapeBuilder):
    """Lowers a net for PyTorch; implements :class:`cnncalc.layers.torch_builder.TorchBuilder`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.casts: dict[int, int] = {}  # half copies of learned parameters, which live until autocast ends

    def _register(self, row: LayerReport) -> tuple[int, ...]:
        places = super()._register(row)
        if row.layer.normalizes_batch and any(array.role == "buffer" for array in row.arrays):
            self.buffers.append(8)
        return places

    def _lower(self, inputs: list[int]) -> int:
        return self.row.layer.lower(self, inputs)

    def _width(self, extra: Extra, item: int) -> int:
        return max(4, item) if extra.item == STATISTIC else super()._width(extra, item)

    def _loss_extras(self) -> tuple[Extra, ...]:
        return (Extra("sum of weights", ONE),)

    def _frames(self, spans: dict[int, tuple[int, int]]) -> tuple[Frame, ...]:
        frames = super()._frames(spans)
        casts = tuple(self.casts.values())
        return (*frames, Frame(0, self.last, casts)) if casts else frames

    # what layers call

    def single(self, inputs: Sequence[int], *, output: Volume | None = None, keeps_weight: bool = True) -> int:
        """The current layer as one operation, by what it declares in ``keeping_in_torch`` and ``autocast``."""
        row, layer, parameters = self.row, self.row.layer, self.own_parameters
        keeping = layer.keeping_in_torch(row.input_volumes, row.output, in_place=self.in_place)
        keeps = tuple(range(len(inputs))) if keeping.inputs else ()
        if self.autocast and layer.autocast == "half":
            keeps = (0, 1) if keeps_weight else (0,)
            # the last argument is cast first: bias, weight, input
            casts = [self.cast(parameter) for parameter in reversed(parameters)][::-1]
            inputs = [self.converted(inputs[0], self.item), *casts]
            parameters = ()
        elif self.autocast and layer.autocast == "full":
            inputs = [self.converted(value, 4) for value in inputs]
        composed = keeping.composed_volumes if self.profile.composes else 0
        return self.operation(
            inputs,
            Size(0, (output or row.output).elements),
            is_alias=self.in_place,
            keeps=keeps,
            keeps_output=keeping.output,
            clones_input=self.in_place and keeping.clones,
            extras=self._made(keeping.extras),
            gradients=keeping.gradients + (NEW,) * (len(inputs) - len(keeping.gradients)),
            parameters=parameters,
            backward_scratch=(self.bytes_of(inputs[0]),) * composed,
        )

    def _made(self, extras: tuple[Extra, ...]) -> tuple[Extra, ...]:
        """The extras that PyTorch makes: at test time only some."""
        if self.training or not extras:
            return extras
        return tuple([x for x in extras if x.inference == "always" or (x.inference == "native" and self._is_native())])

    def _is_native(self) -> bool:
        """Whether PyTorch uses its native batch normalization instead of cuDNN's."""
        roles = {array.role for array in self.row.arrays}
        return self.dtype == "bfloat16" or not {"weight", "bias"} <= roles or self._is_flat(self.row.sources[0])

    def _is_flat(self, index: int) -> bool:
        """Whether PyTorch has a row's output as batch x depth."""
        row = self.report.layers[index]
        while not row.layer.is_flat:
            if row.layer.is_flat is False or not row.output.is_point:
                return False
            if row.layer.is_merge:
                return all(self._is_flat(source) for source in row.sources)
            row = self.report.layers[row.sources[0]]
        return True

    def converted(self, value: int, item: int) -> int:
        """The value itself or, under autocast, a copy in the type of that width."""
        if not self.autocast or self.items[value] == item:
            return value
        return self.operation([value], item=item)

    def cast(self, parameter: int) -> int:
        """A half copy of a parameter, shared by its layers; its backward makes the gradient in float32."""
        cast = self.casts.get(parameter)
        if cast is None:
            owner = self.parameters[parameter]
            cast = self.operation((), Size(owner.elements), gradients=(), parameters=(parameter,))
            if owner.is_trainable:
                self.casts[parameter] = cast
        return cast

    def resized(self, value: int, volume: Sequence[int]) -> int:
        """A copy padded or cropped to height x width x depth."""
        height, width, depth = volume
        return self.operation([value], Size(0, height * width * depth))

    def power(self, value: int) -> int:
        """Value ** p, which autocast does in float32; backward is grad * (p * x**(p - 1))."""
        wide = self.converted(value, 4)
        if wide != value:
            self.held.append(Frame(self.last, self.last + 1, (value,)))
        size = self.bytes_of(wide)
        return self.operation([wide], keeps=(0,), backward_scratch=(size, size))

    def scaled(self, value: int) -> int:
        """Value times the first parameter, plus the second if there is one, channel by channel."""
        factor, *shift = self.own_parameters
        is_learned = self.parameters[factor].is_trainable
        item = max(self.items[value], self.parameter_item)
        whole = self.elements[value].times(item)
        scratch: tuple[Size, ...] = (whole,) if is_learned else ()
        if self.items[value] != item and self.learns(value):  # its gradient in float32
            scratch += (whole, Size(-self.parameters[factor].size)) if is_learned else (whole,)
        keeps = (0,) if is_learned else ()
        result = self.operation([value], item=item, keeps=keeps, parameters=(factor,), backward_scratch=scratch)
        if shift:
            result = self.operation([result], gradients=(SAME,), parameters=tuple(shift))
        return result

    def added(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """The sum of two values, spread over each other where sizes differ."""
        elements, item = Size(0, volume.elements), max(self.items[left], self.items[right])
        gradients = tuple([SAME if self._is_whole(value, elements, item) else NEW for value in (left, right)])
        return self.operation([left, right], elements, item=item, is_alias=in_place, gradients=gradients)

    def multiplied(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """The product of two values, spread over each other where sizes differ.

        Gradients are made in the size of the result, one after the other; then each is summed to its own size.
        """
        elements, item = Size(0, volume.elements), max(self.items[left], self.items[right])
        keeps_left, keeps_right = self.learns(right), self.learns(left)
        extras: tuple[Extra, ...] = ()
        if in_place and keeps_left:  # overwritten, so a copy is kept
            extras, keeps_left = (Extra("first factor", self.elements[left], self.items[left]),), False
        keeps = ((0,) if keeps_left else ()) + ((1,) if keeps_right else ())
        summed = [v for v in (left, right) if self.learns(v) and not self._is_whole(v, elements, item)]
        # the peak is at the first sum, when the other gradients are still whole
        scratch = (elements.times(item),) * len(summed) + tuple([self.bytes_of(v).times(-1) for v in summed[1:]])
        return self.operation(
            [left, right], elements, item=item, is_alias=in_place, keeps=keeps, extras=extras, backward_scratch=scratch
        )

    def _is_whole(self, value: int, elements: Size, item: int) -> bool:
        """Whether a value has the size and type of the result."""
        return self.elements[value] == elements and self.items[value] == item
