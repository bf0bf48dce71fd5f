"""Attention, and the matrix product of two volumes."""

from __future__ import annotations

from math import prod

from cnncalc.counts import Count, product, total
from cnncalc.errors import ShapeError, ValueProblem
from cnncalc.layers.base import Layer, Parameter, key
from cnncalc.layers.keys import Boolean, Whole
from cnncalc.layers.memory import Extra, Keeping, Size
from cnncalc.layers.merge import Merge, reduced
from cnncalc.layers.planes import pixels, planes
from cnncalc.layers.requirements import dividing, require_equal_sides, require_inputs, squarest
from cnncalc.layers.sequence import places_of
from cnncalc.layers.side_keys import AnySizes
from cnncalc.layers.stencil import FIRST, NONE, POINT, WHOLE
from cnncalc.layers.window import all_sides, sized
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.stencil import Stencils
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volumes


class Attention(Layer):
    """Multi-head attention: each position takes a weighted mean over all positions of the input or of a second volume.

    Formula: each head is softmax(q k^T / sqrt(head_dim) + b) v, with q = x Wq + bq, k = m Wk + bk, v = m Wv + bv, where
    the memory m is the second volume, or x if there is none; the heads are concatenated, and with ``out`` multiplied by
    Wo, plus bo.
    Volume: [N x D]; without ``out`` [N x I], I = heads*head_dim.
    Learned: D*I + 2*E*I weights, with ``out`` I*D more, where E is the depth of the memory; 3*I biases, with ``out`` D
    more; with ``relative`` (2*H - 1)*(2*W - 1)*heads biases b, by the distance of two positions in a plane of HxW.

    It works along the last side; the sides before it are a batch, such as the windows that WINDOW makes. With N
    positions of the input and M of the memory it takes N*D*I + 2*M*E*I + 2*N*M*I MACs, with ``out`` N*I*D more.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2; ``relative``: Liu et al. 2021, equation 4.
    """

    kind: ClassVar[str] = "attention"
    other_names: ClassVar[tuple[str, ...]] = ("mha", "multiheadattention", "selfattention", "crossattention", "msa")
    example: ClassVar[str] = "INPUT 28x28x3 -> CONV4-16/4(pad=0) -> SEQUENCE -> ATTENTION-4"
    counts_macs: ClassVar[bool] = True
    learns: ClassVar[bool] = True
    weight_use: ClassVar[str] = "every weight is used once for each vector, and each pair of positions is multiplied"
    why_input: ClassVar[str] = "the gradient of the weights is the input times the gradient of the projections"
    why_byproducts: ClassVar[str] = "projections, attention and heads, which the gradients use"
    is_flat: ClassVar[bool | None] = False
    autocast: ClassVar[str | None] = "half"
    takes_windows: ClassVar[bool] = True
    second_input: ClassVar[str | None] = "the memory that it attends to"
    thin_depth: ClassVar[int | None] = None
    dash: ClassVar[str | None] = "heads"
    bare: ClassVar[str | None] = "heads"

    heads: int = key(Whole(1), means="number of heads, each of which takes its own mean")
    dim: int | None = key(Whole(1), None, note="the depth", means="the depth of all heads together")
    head_dim: int | None = key(Whole(1), None, note="dim / heads", means="the depth of each head")
    bias: bool = key(Boolean(), True, means="whether the projections have biases")
    out: bool = key(Boolean(), True, means="whether a projection back to the depth follows")
    relative: int | tuple[int, ...] | None = key(
        AnySizes(), None, note="none", means="sides of the plane for a learned bias by relative position"
    )

    def _check(self) -> None:
        if self.dim is None:
            return
        if self.head_dim is None and self.dim % self.heads:
            raise ValueProblem(
                f"heads: they must divide dim, but {self.dim} is not divisible by {self.heads}",
                code="not-divisible",
                hint=_other_heads(self.dim, self.heads, "head_dim in place of dim"),
            )
        if self.head_dim is not None and self.heads * self.head_dim != self.dim:
            raise ValueProblem(
                f"dim: it is heads*head_dim, but {self.heads}*{self.head_dim} = {self.heads * self.head_dim} is not "
                f"{self.dim}",
                code="wrong-value",
                hint=f"leave dim out, or write dim={self.heads * self.head_dim}",
            )

    def label(self) -> str:
        more = self.unusual("dim", "head_dim", "bias", "out")[1:-1].split(", ")
        if self.relative is not None:
            more.append(f"relative={'x'.join(map(str, self.plane)) if len(self.plane) > 1 else list(self.plane)}")
        keys = ", ".join(filter(None, more))
        return f"ATTENTION-{self.heads}" + (f"({keys})" if keys else "")

    def inner(self, depth: int) -> int:
        """The depth of all heads together, for an input of this depth; raises ShapeError."""
        if self.head_dim is not None:
            return self.heads * self.head_dim
        if self.dim is not None:
            return self.dim
        if depth % self.heads:
            raise ShapeError(
                f"the heads must divide the depth, but depth {depth} is not divisible by {self.heads}",
                code="not-divisible",
                key="heads",
                hint=_other_heads(depth, self.heads, "head_dim"),
            )
        return depth

    @property
    def plane(self) -> tuple[int, ...]:
        """The sides of the plane of the relative biases."""
        return (self.relative,) * 2 if isinstance(self.relative, int) else self.relative or ()

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        x, memory = inputs[0], inputs[-1]
        inner = self.inner(x.depth)
        depth = f"depth {output.depth}, " + (
            "same as the input" if self.out else f"{self.heads} heads of {inner // self.heads}"
        )
        return [
            f"{all_sides(output)}, same as the input",
            depth,
            f"{self.heads} heads of {inner // self.heads} numbers, each over {memory[-2]} positions",
        ]

    def output(self, *inputs: Volume) -> Volume:
        require_inputs(self.kind, inputs, 1, 2)
        x, memory = inputs[0], inputs[-1]
        inner = self.inner(x.depth)
        if memory.sides[:-1] != x.sides[:-1]:
            raise ShapeError(
                f"the memory must have the same sides before the last, but {memory} is read for {x}",
                code="merge-mismatch",
                hint="SEQUENCE makes a sequence of the memory" if len(x.sides) == 1 else None,
            )
        if self.relative is not None and not x.sides[-1] == memory.sides[-1] == prod(self.plane):
            positions = x.sides[-1] if x.sides[-1] != prod(self.plane) else memory.sides[-1]
            raise ShapeError(
                f"relative biases are for a plane with as many positions, but {'x'.join(map(str, self.plane))} has "
                f"{prod(self.plane)} and the sequence {positions}",
                code="plane-mismatch",
                key="relative",
                hint=_plane_of(positions) if x.sides[-1] == memory.sides[-1] else "leave relative out",
            )
        return x if self.out else x.with_depth(inner)

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        depth, other = inputs[0].depth, inputs[-1].depth
        inner = self.inner(depth)
        if depth == other:
            arrays = [Parameter("weight", (depth, 3 * inner), product(3, depth, inner))]
        else:
            arrays = [
                Parameter("query", (depth, inner), product(depth, inner)),
                Parameter("key", (other, inner), product(other, inner)),
                Parameter("value", (other, inner), product(other, inner)),
            ]
        if self.bias:
            arrays.append(Parameter("bias", (3 * inner,), product(3, inner), "bias"))
        if self.out:
            arrays.append(Parameter("out_weight", (inner, depth), product(inner, depth)))
            if self.bias:
                arrays.append(Parameter("out_bias", (depth,), Count(depth), "bias"))
        if self.relative is not None:
            rows = [2 * side - 1 for side in self.plane]
            arrays.append(Parameter("relative", (prod(rows), self.heads), product(*rows, self.heads), "bias"))
        return tuple(arrays)

    def fan_in(self, shape: tuple[int, ...]) -> int:
        return shape[0]

    def macs(self, inputs: Volumes, output: Volume) -> Count:
        x, memory = inputs[0], inputs[-1]
        *before, length = x.sides
        other, inner = memory.sides[-1], self.inner(x.depth)
        each = [
            product(length, x.depth, inner),
            product(2, other, memory.depth, inner),
            product(2, length, other, inner),
            *([product(length, inner, x.depth)] if self.out else []),
        ]
        return product(*before, total(*each)) if before else total(*each)

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        *before, _ = inputs[of].sides
        if len(inputs) > 1 and of == 0:  # a query is weighed against the memory alone
            # a memory of one position has the weight 1, whatever the query is
            return (*(POINT,) * len(before), POINT if inputs[1].sides[-1] > 1 else NONE)
        return (*(POINT,) * len(before), None) if before else WHOLE

    def channel_use(self, *inputs: Volume) -> str:
        return "mixed"

    def _projections(self, arrays: Mapping[str, Any]) -> tuple[Any, ...]:
        """The weights of queries, keys and values."""
        if "weight" not in arrays:
            return arrays["query"], arrays["key"], arrays["value"]
        weight = arrays["weight"]
        inner = weight.shape[1] // 3
        return weight[:, :inner], weight[:, inner : 2 * inner], weight[:, 2 * inner :]

    def _split(self, projected: Any, sides: Sequence[int]) -> Any:
        """A view of batch x inner x positions as batch x product of the sides before x heads x length x head_dim."""
        batch, inner, _ = projected.shape
        return projected.reshape(batch, self.heads, inner // self.heads, prod(sides[:-1]), sides[-1]).transpose(
            0, 3, 1, 4, 2
        )

    def _merged_heads(self, xp: Any, heads: Any) -> Any:
        """The inverse of :meth:`_split`: batch x inner x positions."""
        batch, before, count, length, each = heads.shape
        return xp.ascontiguousarray(heads.transpose(0, 2, 4, 1, 3)).reshape(batch, count * each, before * length)

    def _pairs(self, xp: Any) -> Any:
        """For each pair of positions the row of the table of relative biases: length x length."""
        plane = self.plane
        rows = [2 * side - 1 for side in plane]
        places = xp.array([places_of(position, plane) for position in range(prod(plane))])
        distance = places[:, None] - places[None] + (xp.array(plane) - 1)
        index = distance[..., 0]
        for axis in range(1, len(plane)):
            index = index * rows[axis] + distance[..., axis]
        return index

    def forward(self, xp: Any, x: Any, memory: Any = None, **arrays: Any) -> Any:
        return self._computed(xp, x, memory, arrays)[0]

    def forward_training(
        self, xp: Any, x: Any, memory: Any = None, *, random: Any = None, **arrays: Any
    ) -> tuple[Any, dict[str, Any]]:
        return self._computed(xp, x, memory, arrays)

    def _computed(self, xp: Any, x: Any, memory: Any, arrays: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The output, and by name what backward uses."""
        read = x if memory is None else memory
        flat = [planes(each).reshape(len(each), each.shape[-1], -1) for each in (x, read, read)]
        projected = [xp.matmul(weight.T, each) for weight, each in zip(self._projections(arrays), flat, strict=True)]
        if self.bias:
            inner = projected[0].shape[1]
            for number, each in enumerate(projected):
                each += arrays["bias"][number * inner : (number + 1) * inner, None]
        queries = self._split(projected[0], x.shape[1:-1])
        keys, values = (self._split(each, read.shape[1:-1]) for each in projected[1:])
        scores = xp.matmul(queries, keys.swapaxes(-1, -2))
        scores *= queries.shape[-1] ** -0.5
        if self.relative is not None:
            scores += arrays["relative"][self._pairs(xp)].transpose(2, 0, 1)
        scores -= scores.max(axis=-1, keepdims=True)
        xp.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = self._merged_heads(xp, xp.matmul(scores, values))
        result = mixed
        if self.out:
            result = xp.matmul(arrays["out_weight"].T, mixed)
            if self.bias:
                result += arrays["out_bias"][:, None]
        kept = {"query": projected[0], "key": projected[1], "value": projected[2], "scores": scores, "mixed": mixed}
        return pixels(result.reshape(len(x), -1, *x.shape[1:-1])), kept

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        x, memory = builder.volumes[0], builder.volumes[-1]
        inner, own = self.inner(x.depth), list(builder.own_parameters)
        count = 1 if x.depth == memory.depth else 3
        weights, biases = own[:count], own[count : count + self.bias]
        back = own[count + self.bias : count + self.bias + self.out * (1 + self.bias)]
        held = [builder.vectors(value) for value in inputs]  # variables of the caller
        if len(inputs) == 1:
            # one product gives queries, keys and values
            whole = builder.linear(held[0], 3 * inner, (*weights, *biases))
            queries, keys, value = builder.parts_of(whole, self.heads)
            held.append(whole)
        else:
            parts = builder.chunks(weights[0], 3) if count == 1 else []
            shifts = builder.chunks(biases[0], 3) if biases else []
            projected = []
            for number, read in enumerate((held[0], held[1], held[1])):
                weight = weights[number : number + 1] if count > 1 else []
                given = [*parts[number : number + 1], *shifts[number : number + 1]]
                projected.append(builder.heads_of(builder.linear(read, inner, weight, given), self.heads))
            queries, keys, value = projected
            held += projected
        biased = () if self.relative is None else builder.bias_of_pairs(own[-1], self.heads, x.sides[-1] ** 2)
        result = builder.merged_heads(builder.attended(queries, keys, value, biased[1:]))
        result = builder.arranged(result, (builder.images, *x.sides, inner))
        if back:
            result = builder.linear(result, x.depth, back)
        for each in (*held, *biased):
            builder.hold(each)
        return builder.depth_second(result)

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        x, memory = inputs[0], inputs[-1]
        inner = self.inner(x.depth)
        extras = [
            Extra("query", Size(0, x.positions * inner)),
            Extra("key", Size(0, memory.positions * inner)),
            Extra("value", Size(0, memory.positions * inner)),
            Extra("scores", Size(0, self.heads * x.positions * memory.sides[-1])),
        ]
        if learns and self.out:
            extras.append(Extra("mixed", Size(0, x.positions * inner)))
        return Keeping(inputs=learns, extras=tuple(extras), gradients=("new",) * len(inputs))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        arrays, kept = saved.parameters, saved.extras
        shape, other = saved.shapes[0], saved.shapes[-1]
        incoming = planes(gradient).reshape(len(gradient), gradient.shape[-1], -1)
        found: dict[str, Any] = {}
        if self.out:
            if saved.learns:
                found["out_weight"] = _summed_product(xp, kept["mixed"], incoming)
                if self.bias:
                    found["out_bias"] = incoming.sum(axis=(0, 2))
            incoming = xp.matmul(arrays["out_weight"], incoming)
        heads = self._split(incoming, shape[1:-1])
        scores = kept["scores"]
        queries = self._split(kept["query"], shape[1:-1])
        keys, values = (self._split(kept[name], other[1:-1]) for name in ("key", "value"))
        of_values = xp.matmul(scores.swapaxes(-1, -2), heads)
        of_scores = xp.matmul(heads, values.swapaxes(-1, -2))
        of_scores -= (of_scores * scores).sum(axis=-1, keepdims=True)
        of_scores *= scores
        if saved.learns and self.relative is not None:
            found["relative"] = self._of_table(xp, of_scores.sum(axis=(0, 1)), arrays["relative"])
        of_scores *= queries.shape[-1] ** -0.5
        of_queries, of_keys = xp.matmul(of_scores, keys), xp.matmul(of_scores.swapaxes(-1, -2), queries)
        projected = [self._merged_heads(xp, each) for each in (of_queries, of_keys, of_values)]
        if saved.learns and self.bias:
            found["bias"] = xp.concatenate([each.sum(axis=(0, 2)) for each in projected])
        weights = self._projections(arrays)
        if saved.learns:
            every = [saved.inputs[0], saved.inputs[-1], saved.inputs[-1]]
            flat = [planes(x).reshape(len(x), x.shape[-1], -1) for x in every]
            of_weights = [_summed_product(xp, x, each) for x, each in zip(flat, projected, strict=True)]
            if "weight" in arrays:
                found["weight"] = xp.concatenate(of_weights, axis=1)
            else:
                found.update(zip(("query", "key", "value"), of_weights, strict=True))
        parts = [(0, 0), (len(saved.shapes) - 1, 1), (len(saved.shapes) - 1, 2)]
        results: list[Any] = [None] * len(saved.shapes)
        for place, number in parts:
            if saved.needs_gradient[place]:
                part = xp.matmul(weights[number], projected[number])
                results[place] = part if results[place] is None else results[place].__iadd__(part)
        batch = len(gradient)
        return (
            tuple(
                [
                    None if each is None else pixels(each.reshape(batch, volume[-1], *volume[1:-1]))
                    for each, volume in zip(results, saved.shapes, strict=True)
                ]
            ),
            found,
        )

    def _of_table(self, xp: Any, of_scores: Any, table: Any) -> Any:
        """The gradient of the table of relative biases, from that of the scores: heads x length x length."""
        index = self._pairs(xp).reshape(-1)
        result = xp.zeros(table.shape, table.dtype)
        xp.add.at(result, index, of_scores.reshape(self.heads, -1).T)
        return result


def _other_heads(depth: int, heads: int, key: str) -> str:
    """A hint about heads that do not divide the depth of all heads together: others, or the key for that of each."""
    found = dividing("head", depth, heads)
    return f"{found}; {key} sets the depth of each head" if found else f"{key} sets the depth of each head"


def _plane_of(positions: int) -> str:
    """A hint about the sides of a plane with so many positions."""
    found = squarest(positions)
    sides = f"[{positions}]" if found is None else sized(found)
    return f"write the sides of the map or window that the sequence was, such as relative={sides}"


def _summed_product(xp: Any, x: Any, gradient: Any) -> Any:
    """The gradient of weights, from the input and the incoming gradient, both batch x depth x positions."""
    return xp.matmul(x, gradient.swapaxes(-1, -2)).sum(axis=0)


def _other_form(one: Volume, other: Volume, *, transpose: bool) -> str | None:
    """The hint if two volumes can be multiplied with this value of ``transpose``; else None."""
    if one.depth != (other.depth if transpose else other.sides[-1]):
        return None
    return "MATMUL(transpose=yes) multiplies along both depths" if transpose else "it fits without transpose"


class Matmul(Merge):
    """The matrix product of two volumes along the last side and the depth, for each position of the sides before.

    Formula: y[n, m] = the sum over k of a[n, k] * b[k, m]; with ``transpose`` of a[n, k] * b[m, k].
    Volume: [N x M] of [N x K] and [K x M], with ``transpose`` of [N x K] and [M x K].

    Sides before the last must be equal, or 1, which is broadcast. It takes N*K*M MACs for each of their positions.

    Source: ONNX, MatMul.
    """

    kind: ClassVar[str] = "matmul"
    other_names: ClassVar[tuple[str, ...]] = ("bmm", "batchmatmul", "dot")
    example: ClassVar[str] = "INPUT 28x28x3 -> CONV4-16/4(pad=0) -> SEQUENCE -> [ | CONV1-16] -> MATMUL(transpose=yes)"
    counts_macs: ClassVar[bool] = True
    counts_as_layer: ClassVar[bool] = False
    autocast: ClassVar[str | None] = "half"
    why_input: ClassVar[str] = "the gradient of one factor is computed from the other one"
    is_flat: ClassVar[bool | None] = False
    thin_depth: ClassVar[int | None] = None
    weight_use: ClassVar[str] = "it has no weights"
    tells_inputs_apart = True

    transpose: bool = key(Boolean(), False, means="whether the second volume is transposed")

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        x = inputs[0]
        return [
            f"{output.names[-1]} {x.sides[-1]}, that of the first",
            f"depth {output.depth}, the {'length' if self.transpose else 'depth'} of the second",
            f"summed over {x.depth}",
        ]

    def output(self, *inputs: Volume) -> Volume:
        require_inputs(self.kind, inputs, 2, 2)
        one, other = inputs
        require_equal_sides(self.kind, inputs)
        *before, rows = one.sides
        *others, length = other.sides
        inner, columns = (other.depth, length) if self.transpose else (length, other.depth)
        if one.depth != inner:
            what = "depth" if self.transpose else other.names[-1]
            raise ShapeError(
                f"the depth of the first volume must be the {what} of the second, but {one} has {one.depth} and "
                f"{other} {inner}",
                code="merge-mismatch",
                hint=_other_form(one, other, transpose=not self.transpose),
            )
        if any(a != b and 1 not in (a, b) for a, b in zip(before, others, strict=True)):
            raise ShapeError(
                f"MATMUL needs equal sides before the last, or 1, but gets {one} and {other}", code="merge-mismatch"
            )
        return Volume(*[max(a, b) for a, b in zip(before, others, strict=True)], rows, columns)

    def macs(self, inputs: Volumes, output: Volume) -> Count:
        return product(*output.sides, inputs[0].depth, output.depth)

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        *before, _ = inputs[of].sides
        if of and not before:
            return WHOLE
        return (*[FIRST if size == 1 else POINT for size in before], None if of else POINT)

    def channel_uses(self, *inputs: Volume) -> list[str]:
        return ["mixed", "parted" if self.transpose else "mixed"]  # transposed, a channel is of one position of it

    def forward(self, xp: Any, x: Any, other: Any) -> Any:
        factor = other.swapaxes(-1, -2) if self.transpose else other
        return _in_maps(xp, xp.matmul(factor.swapaxes(-1, -2), x.swapaxes(-1, -2)))

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(inputs=True, gradients=("new", "new"))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        values = [builder.entering(value) for value in inputs]
        one, other = [builder.depth_last(value) for value in values]
        if self.transpose:
            sides = len(builder.volumes[1].sides)
            other = builder.reordered(other, (*range(sides), sides + 1, sides))
        result = builder.product(one, other)
        for value in values:
            builder.hold(value)
        return builder.depth_second(result)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        x, other = saved.inputs
        factor = other.swapaxes(-1, -2) if self.transpose else other
        results: list[Any] = [None, None]
        if saved.needs_gradient[0]:
            of_first = xp.matmul(factor, gradient.swapaxes(-1, -2))
            results[0] = _in_maps(xp, of_first)
        if saved.needs_gradient[1]:
            # as (positions, then depth) of the gradient of the second factor, transposed
            swapped = gradient.swapaxes(-1, -2)
            of_second = xp.matmul(x.swapaxes(-1, -2), gradient) if self.transpose else xp.matmul(swapped, x)
            results[1] = _in_maps(xp, of_second)
        return tuple(
            [
                None if result is None else pixels(xp.ascontiguousarray(planes(reduced(xp, result, shape))))
                for result, shape in zip(results, saved.shapes, strict=True)
            ]
        ), {}


def _in_maps(xp: Any, product: Any) -> Any:
    """Batch x sides before x depth x length as batch x sides x depth, with each map contiguous in memory."""
    if product.ndim == 3:
        return pixels(product)
    batch, *before, depth, length = product.shape
    result = xp.empty((batch, depth, *before, length), product.dtype)
    xp.moveaxis(result, 1, -2)[...] = product
    return pixels(result)
