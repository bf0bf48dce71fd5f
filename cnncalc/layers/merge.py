"""Layers that join branches."""

from __future__ import annotations

from itertools import accumulate

from cnncalc.errors import ShapeError
from cnncalc.layers.base import Layer, key
from cnncalc.layers.keys import Boolean
from cnncalc.layers.memory import Keeping
from cnncalc.layers.planes import axis_of, pixels, planes
from cnncalc.layers.requirements import require_equal_sides, require_inputs
from cnncalc.layers.side_keys import SideName
from cnncalc.layers.stencil import FIRST, POINT, Stencil, Stencils
from cnncalc.units import listed
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volumes


class Merge(Layer):
    """Joins several volumes into one; of a single volume the output is a copy."""

    is_merge: ClassVar[bool] = True


class Elementwise(Merge):
    """Base of merges that work element by element; a side or depth of 1 is broadcast to that of the others.

    The first two inputs are combined, then the result and the third input, and so on.
    """

    is_commutative: ClassVar[bool] = True
    why_byproducts: ClassVar[str] = "a copy of its first input, which it overwrites"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        is_broadcast = len(set(inputs)) > 1
        return ["element-wise; sides of 1 are broadcast" if is_broadcast else "element-wise, same as each input"]

    def output(self, *inputs: Volume) -> Volume:
        require_inputs(self.kind, inputs, 1, None)
        require_equal_sides(self.kind, inputs)
        sizes = [{*column} - {1} or {1} for column in zip(*inputs, strict=True)]
        wrong = [name for name, found in zip((*inputs[0].names, "depth"), sizes, strict=True) if len(found) > 1]
        if wrong:
            volumes = " and ".join(str(x) for x in inputs)
            raise ShapeError(
                f"{self.kind.upper()} needs volumes of the same {' and '.join(wrong)} (or 1, which is broadcast), but "
                f"gets {volumes}",
                code="merge-mismatch",
            )
        return Volume(*[found.pop() for found in sizes])

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        # a side of 1 is broadcast
        return tuple([FIRST if size == 1 else POINT for size in inputs[of].sides])

    def forward(self, xp: Any, *inputs: Any, out: Any = None) -> Any:
        if len(inputs) == 1:
            (x,) = inputs
            return pixels(xp.array(planes(x))) if out is None else out
        combine = self.combine(xp)
        result = inputs[0]
        for x in inputs[1:]:
            shape = xp.broadcast_shapes(result.shape, x.shape)
            if out is None or out.shape != shape:
                batch, *sides, depth = shape
                out = pixels(xp.empty((batch, depth, *sides), x.dtype))
            result = combine(result, x, out=out)
        return result

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        if len(inputs) == 1:
            return builder.operation(inputs)  # a copy
        if any(builder.is_flat(value) != builder.is_flat(inputs[0]) for value in inputs):
            inputs = [builder.viewed(value) if builder.is_flat(value) else value for value in inputs]
        result = inputs[0]
        volume = builder.volumes[0]
        for number, (value, other) in enumerate(zip(inputs[1:], builder.volumes[1:], strict=True)):
            before, volume = volume, Volume(*[max(a, b) for a, b in zip(volume, other, strict=True)])
            # later operations may overwrite the result of the first, unless it is broadcast
            in_place = builder.in_place or bool(number and self.may_work_in_place() and before == volume)
            result = self.lower_two(builder, result, value, volume, in_place=in_place)
        return result

    def lower_two(self, builder: TorchBuilder, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """Records the operation on two values, whose output has this volume."""
        raise NotImplementedError

    def combine(self, xp: Any) -> Any:
        """The NumPy function that combines two arrays."""
        raise NotImplementedError

    def pairwise(self, xp: Any) -> Any:
        return self.combine(xp)

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(inputs=True, gradients=("new",) * len(inputs), overwrites=False)

    def slopes(self, xp: Any, left: Any, right: Any, gradient: Any) -> tuple[Any, Any]:
        """The gradients of two arrays that are combined, from that of the result and in its shape."""
        raise NotImplementedError

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        """The gradients, from the last input to the first; the results of combining the first ones are recomputed."""
        made = [
            xp.empty((shape[0], shape[-1], *shape[1:-1]), gradient.dtype) if needed else None
            for shape, needed in zip(saved.shapes, saved.needs_gradient, strict=True)
        ]
        combine = self.combine(xp)
        for image in range(len(gradient)):  # image by image, so that temporaries stay small
            one = slice(image, image + 1)
            inputs = [pixels(planes(x)[one]) for x in saved.inputs]
            before = list(accumulate(inputs[:-1], combine))
            incoming = gradient[one]
            for number in range(len(inputs) - 1, 0, -1):
                incoming, other = self.slopes(xp, before[number - 1], inputs[number], incoming)
                incoming = reduced(xp, incoming, before[number - 1].shape)
                if (target := made[number]) is not None:
                    target[one] = planes(reduced(xp, other, inputs[number].shape))
            if (target := made[0]) is not None:
                target[one] = planes(incoming)
        return tuple([None if target is None else pixels(target) for target in made]), {}


class Overwriting(Elementwise):
    """Base of element-wise merges that can overwrite their first input."""

    in_place: bool = key(Boolean(), False, means="whether it overwrites its first input")

    def may_work_in_place(self) -> bool | None:
        return self.in_place


def reduced(xp: Any, gradient: Any, shape: tuple[int, ...]) -> Any:
    """A gradient summed to the shape (batch x sides x depth) of an input that is broadcast."""
    axes = tuple([axis for axis, size in enumerate(shape) if size != gradient.shape[axis]])
    return gradient.sum(axis=axes, keepdims=True) if axes else gradient


class Add(Overwriting):
    """The sum of its inputs, as at the end of a residual block.

    Formula: y = x1 + x2 + ..., element by element.
    Volume: as the inputs; a side or depth of 1 is broadcast to the others.

    Source: He et al. 2015, "Deep Residual Learning".
    """

    kind: ClassVar[str] = "add"
    other_names: ClassVar[tuple[str, ...]] = ("sum", "plus")
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "eltwise": ("ADD(@name)", "that of Caffe adds unless told otherwise; MUL multiplies"),
        "shortcut": ("ADD(@name)", "with the name of the layer that it adds, which that layer is given by @name"),
    }
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-16 -> [CONV3-16 | ] -> ADD"
    is_linear = True

    def combine(self, xp: Any) -> Any:
        return xp.add

    def lower_two(self, builder: TorchBuilder, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        return builder.added(left, right, volume, in_place=in_place)

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(gradients=tuple(["same" if x == output else "new" for x in inputs]))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        return tuple(
            [
                None if not needed else gradient if shape == gradient.shape else reduced(xp, gradient, shape)
                for shape, needed in zip(saved.shapes, saved.needs_gradient, strict=True)
            ]
        ), {}


class Multiply(Overwriting):
    """The product of its inputs, as when a squeeze-and-excitation branch scales the channels.

    Formula: y = x1 * x2 * ..., element by element.
    Volume: as the inputs; a side or depth of 1 is broadcast to the others.

    Source: Hu et al. 2018, "Squeeze-and-Excitation Networks".
    """

    kind: ClassVar[str] = "mul"
    other_names: ClassVar[tuple[str, ...]] = ("multiply", "product")
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-16 -> [GAP -> FC-16 -> SIGMOID | ] -> MUL"
    why_input: ClassVar[str] = "the gradient of one factor is the other one"

    def combine(self, xp: Any) -> Any:
        return xp.multiply

    def lower_two(self, builder: TorchBuilder, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        return builder.multiplied(left, right, volume, in_place=in_place)

    def slopes(self, xp: Any, left: Any, right: Any, gradient: Any) -> tuple[Any, Any]:
        return gradient * right, gradient * left


class Subtract(Overwriting):
    """The first input minus the others.

    Formula: y = x1 - x2 - ..., element by element.
    Volume: as the inputs; a side or depth of 1 is broadcast to the others.

    Source: ONNX, operator Sub.
    """

    kind: ClassVar[str] = "sub"
    other_names: ClassVar[tuple[str, ...]] = ("subtract", "minus")
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-16 -> [CONV3-16 | ] -> SUB"
    is_commutative: ClassVar[bool] = False
    is_linear = True

    def combine(self, xp: Any) -> Any:
        return xp.subtract

    def lower_two(self, builder: TorchBuilder, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        return builder.subtracted(left, right, volume, in_place=in_place)

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(gradients=("same" if inputs[0] == output else "new", *("new",) * (len(inputs) - 1)))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        wanted = [
            reduced(xp, gradient, shape) if needed else None
            for shape, needed in zip(saved.shapes, saved.needs_gradient, strict=True)
        ]
        return (wanted[0], *[None if found is None else -found for found in wanted[1:]]), {}


class Divide(Overwriting):
    """The first input divided by the others.

    Formula: y = x1 / x2 / ..., element by element.
    Volume: as the inputs; a side or depth of 1 is broadcast to the others.

    Source: ONNX, operator Div.
    """

    kind: ClassVar[str] = "div"
    other_names: ClassVar[tuple[str, ...]] = ("divide", "truediv")
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-16 -> [ | SOFTPLUS] -> DIV"
    is_commutative: ClassVar[bool] = False
    why_input: ClassVar[str] = "the gradients of a quotient are computed from both of its parts"

    def combine(self, xp: Any) -> Any:
        return xp.divide

    def lower_two(self, builder: TorchBuilder, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        return builder.divided(left, right, volume, in_place=in_place)

    def slopes(self, xp: Any, left: Any, right: Any, gradient: Any) -> tuple[Any, Any]:
        first = gradient / right
        return first, -first * (left / right)


class Maximum(Elementwise):
    """The largest of its inputs.

    Formula: y = max(x1, x2, ...), element by element.
    Volume: as the inputs; a side or depth of 1 is broadcast to the others.

    Where two are equal, each gets half of the gradient.

    Source: Goodfellow et al. 2013, "Maxout Networks".
    """

    kind: ClassVar[str] = "maximum"
    other_names: ClassVar[tuple[str, ...]] = ("max",)
    example: ClassVar[str] = "INPUT 28x28x16 -> [CONV3-16 | CONV3-16] -> MAXIMUM"
    picks_values = True
    why_input: ClassVar[str] = "the gradient goes to the input that is chosen"

    def combine(self, xp: Any) -> Any:
        return xp.maximum

    def lower_two(self, builder: TorchBuilder, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        return builder.chosen(left, right, volume)

    def slopes(self, xp: Any, left: Any, right: Any, gradient: Any) -> tuple[Any, Any]:
        chosen = self.combine(xp)(left, right)
        halved = xp.where(left == right, 0.5 * gradient, gradient)
        return halved * (left == chosen), halved * (right == chosen)


class Minimum(Maximum):
    """The smallest of its inputs.

    Formula: y = min(x1, x2, ...), element by element.
    Volume: as the inputs; a side or depth of 1 is broadcast to the others.

    Where two are equal, each gets half of the gradient.

    Source: ONNX, operator Min.
    """

    kind: ClassVar[str] = "minimum"
    other_names: ClassVar[tuple[str, ...]] = ("min",)
    example: ClassVar[str] = "INPUT 28x28x16 -> [CONV3-16 | CONV3-16] -> MINIMUM"
    picks_least: ClassVar[bool] = True

    def combine(self, xp: Any) -> Any:
        return xp.minimum


class Mean(Elementwise):
    """The mean of its inputs.

    Formula: y = (x1 + x2 + ...) / n for n inputs, element by element.
    Volume: as the inputs; a side or depth of 1 is broadcast to the others.

    Source: ONNX, operator Mean.
    """

    kind: ClassVar[str] = "mean"
    other_names: ClassVar[tuple[str, ...]] = ("average",)
    example: ClassVar[str] = "INPUT 28x28x16 -> [CONV3-16 | CONV3-16] -> MEAN"
    is_linear = True

    def combine(self, xp: Any) -> Any:
        return xp.add

    def forward(self, xp: Any, *inputs: Any, out: Any = None) -> Any:
        result = super().forward(xp, *inputs, out=out)
        result /= len(inputs)
        return result

    def pairwise(self, xp: Any) -> Any:
        return None  # the sum is divided

    def lower_two(self, builder: TorchBuilder, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        return builder.added(left, right, volume, in_place=in_place)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        total = super().lower(builder, inputs)
        return builder.times_number(total) if len(inputs) > 1 else total

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(gradients=("new",) * len(inputs))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        return tuple(
            [
                reduced(xp, gradient, shape) / len(saved.shapes) if needed else None
                for shape, needed in zip(saved.shapes, saved.needs_gradient, strict=True)
            ]
        ), {}


class Concat(Merge):
    """Its inputs joined along the depth, or along one of their sides.

    Formula: y = the maps of the first input, then those of the second, and so on; with ``axis`` the positions of that
    side, one input after the other.
    Volume: as each input, but the depth (or the side) is the sum of theirs.

    Source: Szegedy et al. 2014, Figure 2.
    """

    memory_order: ClassVar[str] = "suggested"
    kind: ClassVar[str] = "concat"
    other_names: ClassVar[tuple[str, ...]] = ("cat", "concatenate")
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "route": ("CONCAT(@name)", "the volume before it and that of the named layer; FROM(@name) takes that one alone")
    }
    example: ClassVar[str] = "INPUT 28x28x16 -> [CONV1-64 | CONV3-32] -> CONCAT"
    is_linear = True
    picks_values = True
    bare: ClassVar[str | None] = "axis"

    axis: tuple[str, ...] = key(SideName(), ("depth",), means="the side, or the depth, along which they are joined")

    @property
    def joins_depth(self) -> bool:
        """Whether it joins channels, not positions along a side."""
        return self.axis == ("depth",)

    @property
    def tells_inputs_apart(self) -> bool:
        return not self.joins_depth

    @property
    def is_flat(self) -> bool | None:  # type: ignore[override]
        return None if self.joins_depth else False

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (axis,) = self.axis
        place = output.place(axis)
        sizes = " + ".join([str(x[place]) for x in inputs])
        others = [name for name in (*output.names, "depth") if name != axis]
        return [f"{listed(others)}, same as each input", f"{axis} {sizes} = {output[place]}"]

    def output(self, *inputs: Volume) -> Volume:
        require_inputs(self.kind, inputs, 1, None)
        require_equal_sides(self.kind, inputs)
        first, (axis,) = inputs[0], self.axis
        place = first.place(axis)
        if len({x.replaced(place, 1) for x in inputs}) > 1:
            volumes = " and ".join(str(x) for x in inputs)
            others = [name for name in (*first.names, "depth") if name != axis]
            message = f"CONCAT needs volumes of the same {listed(others)}, but gets {volumes}"
            raise ShapeError(message, code="merge-mismatch")
        return first.replaced(place, sum(x[place] for x in inputs))

    def channel_use(self, *inputs: Volume) -> str:
        return "stacked" if self.joins_depth else "apart"

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return self.stencils_of_each(*inputs)[of]

    def stencils_of_each(self, *inputs: Volume) -> list[Stencils | None]:
        points = (POINT,) * len(inputs[0].sides)
        if self.joins_depth:
            return [points] * len(inputs)
        place = inputs[0].place(self.axis[0])
        firsts = accumulate([x[place] for x in inputs], initial=0)
        moved = [Stencil(1, range(-first, 1 - first)) for first, _ in zip(firsts, inputs, strict=False)]
        return [(*points[:place], one, *points[place + 1 :]) for one in moved]

    def forward(self, xp: Any, *inputs: Any) -> Any:
        maps = [planes(x) for x in inputs]
        return pixels(xp.concatenate(maps, axis=axis_of(self.axis[0], maps[0])))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        if builder.is_cpu:  # autocast on a CPU converts all to the widest type
            widest = max([builder.item_of(value) for value in inputs])
            inputs = [builder.converted(value, widest) for value in inputs]
        return builder.single(inputs)

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        # along a side, views would not have each map contiguous
        return Keeping(gradients=("view" if self.joins_depth else "new",) * len(inputs))

    def keeping_in_torch(self, inputs: Volumes, output: Volume, *, in_place: bool = False) -> Keeping:
        return Keeping(gradients=("view",) * len(inputs))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        incoming = planes(gradient)
        axis = axis_of(self.axis[0], incoming)
        result, first = [], 0
        for shape, needed in zip(saved.shapes, saved.needs_gradient, strict=True):
            size = (shape[0], shape[-1], *shape[1:-1])[axis]
            part = incoming[(*(slice(None),) * axis, slice(first, first + size))]
            if not self.joins_depth:
                part = xp.array(part, order="C")
            result.append(pixels(part) if needed else None)
            first += size
        return tuple(result), {}
