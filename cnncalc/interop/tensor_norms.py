"""Converts normalizations, softmax and dropout."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import Unsupported
from cnncalc.interop.formulas import evaluate, rounded
from cnncalc.interop.selection import groups_of
from cnncalc.interop.tensor import Array, Tensor, Value, WrongFile, axis_in, require_vectors
from cnncalc.interop.tensor_attention import normed
from cnncalc.interop.tensor_functions import NO_ARRAYS, activation, learned, reduced_axes
from cnncalc.interop.tensor_weights import flat, in_order
from cnncalc.interop.views import BATCH, Atom, maps_axes, size_of, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.interop.operators import Operator
    from cnncalc.interop.tensor_net import Net

BN_EPS = 1e-5


def _normalized(
    net: Net,
    operator: Operator,
    x: Tensor,
    kind: str,
    arrays: Mapping[str, Array | None],
    buffers: Mapping[str, Array | None] = NO_ARRAYS,
    *,
    default: float = BN_EPS,
    usual: float = BN_EPS,
    **keys: Any,
) -> Tensor:
    """Adds a normalization.

    ``default`` is the ``eps`` of the kind, ``usual`` that of an operator without the attribute ``epsilon``. The ``eps``
    of a kind is above 0: another one in the file is noted.
    """
    value = rounded(float(operator.attributes.get("epsilon", usual)))
    if value != default and value > 0:
        keys["eps"] = value
    found = learned(net, operator, x, kind, arrays, buffers, **keys)
    if value <= 0:
        why = f"{operator.type} has the epsilon {value:g}, {kind.upper()} {default:g}"
        net.builder.note(why)
        net.differs(found.source, why)
    return found


def batch_norm(net: Net, operator: Operator) -> Value:
    """BatchNormalization."""
    x = net.tensor(operator)
    scale, shift, mean, variance = (net.array(operator, number) for number in (1, 2, 3, 4))
    channels = x.shape[1] if x.rank > 1 else x.shape[0]
    if not operator.attributes.get("spatial", 1) and prod(x.shape[2:]) > 1:
        if scale is None or scale.shape != (channels,):
            raise Unsupported("it normalizes each element of a map, not each channel")
        # the exporter of MXNet wrote 0 where it meant 1
        net.builder.note("BatchNormalization with spatial=0 has one scale for each channel: read as spatial=1")
    vectors = {"scale": scale, "shift": shift, "mean": mean, "variance": variance}
    require_vectors(vectors, channels, "channels")
    tensor = net.spatial(x)[0] if x.rank > 1 else x
    # below operator set 14 it is in training mode if it outputs the running statistics
    has_more = sum(1 for name in operator.outputs if name) > 1
    is_training = mean is not None and (has_more or bool(operator.attributes.get("training_mode")))
    if is_training and has_more:
        net.builder.note("BatchNormalization in training mode")
    scale, shift = _without_literal(net, scale, 1), _without_literal(net, shift, 0)
    buffers = {"mean": flat(mean), "variance": flat(variance)} if mean is not None else {}
    keys: dict[str, Any] = _parts(scale, shift) | ({} if mean is not None else {"stats": False})
    found = _normalized(net, operator, tensor, "bn", _both(scale, shift), buffers, **keys)
    if is_training:
        net.differs(found.source, "BatchNormalization in training mode")
    return found


def _without_literal(net: Net, array: Array | None, neutral: int) -> Array | None:
    """None for a literal of the number that does not change the input, which is not a parameter; else the array."""
    if array is None or not array.is_literal or array.scalar != neutral:
        return array
    net.used(array)
    return None


def _both(scale: Array | None, shift: Array | None) -> dict[str, Array | None]:
    """The scale and the shift by name, as vectors."""
    return {"scale": flat(scale), "shift": flat(shift)}


def _parts(scale: Array | None, shift: Array | None) -> dict[str, Any]:
    """The keys that say which of scale and shift a normalization lacks."""
    return {name: False for name, array in (("scale", scale), ("shift", shift)) if array is None}


def _images(net: Net, x: Tensor) -> Tensor:
    """The tensor, batch x channels x sides, as a view of such a volume.

    Raises Unsupported if the first axis has elements of one image.
    """
    tensor, front = net.spatial(x)
    if front:
        raise Unsupported("its first axis is not only the images of a batch")
    return tensor


def instance_norm(net: Net, operator: Operator) -> Value:
    """InstanceNormalization: IN, or GN if each channel of the tensor is a group of channels of the volume."""
    x = net.tensor(operator)
    scale, shift = net.array(operator, 1), net.array(operator, 2)
    if x.rank < 3:
        raise WrongFile("its input has no sides")
    if scale is None or shift is None:
        parts: dict[str, Any] = {"scale": scale is not None, "shift": shift is not None}
        return _normalized(net, operator, _images(net, x), "in", _both(scale, shift), **parts)
    require_vectors({"scale": scale, "shift": shift}, x.shape[1], "channels")
    volume = x.source.volume
    depth = len(volume) - 1
    first = x.axes[1]
    groups = size_of(first)
    rest = {atom for axis in x.axes[2:] for atom in axis}
    is_group = (
        first == (Atom(depth, volume.depth // groups, groups),) if 1 < groups < volume.depth else not first
    ) and prod(atom.size for atom in rest) == volume.elements // groups
    is_plain = scale.scalar == 1 and shift.scalar == 0 and scale.is_learned is not True
    if groups < volume.depth and is_group and not any(atom.side == BATCH for atom in rest):
        if not is_plain:
            raise Unsupported("it has one scale for each group of channels")
        net.used(scale)
        net.used(shift)
        net.builder.note("InstanceNormalization of groups of channels is GN; its scales of 1 are not parameters")
        return _normalized(net, operator, x, "gn", NO_ARRAYS, groups=groups, scale=False, shift=False)
    tensor = _images(net, x)
    if is_plain:
        net.used(scale)
        net.used(shift)
        net.builder.note("InstanceNormalization with scales of 1 and shifts of 0 has no parameters")
        return _normalized(net, operator, tensor, "in", NO_ARRAYS)
    return _normalized(net, operator, tensor, "in", _both(scale, shift), scale=True, shift=True)


def group_norm(net: Net, operator: Operator) -> Value:
    """GroupNormalization."""
    x = net.tensor(operator)
    scale, shift = net.array(operator, 1), net.array(operator, 2)
    groups = int(operator.attributes.get("num_groups", 1))
    tensor = _images(net, x)
    if scale is None or shift is None:
        return _normalized(net, operator, tensor, "gn", _both(scale, shift), groups=groups, **_parts(scale, shift))
    depth = tensor.source.volume.depth
    if scale.shape != (depth,):
        require_vectors({"scale": scale, "shift": shift}, groups, "groups")
        if scale.scalar != 1 or shift.scalar != 0:
            raise Unsupported("it has one scale for each group of channels")
        net.used(scale)
        net.used(shift)
        return _normalized(net, operator, tensor, "gn", NO_ARRAYS, groups=groups, scale=False, shift=False)
    require_vectors({"shift": shift}, depth, "channels")
    return _normalized(net, operator, tensor, "gn", _both(scale, shift), groups=groups)


def layer_norm(net: Net, operator: Operator) -> Value:
    """LayerNormalization and RMSNormalization over the last axes."""
    x = net.tensor(operator)
    scale, shift = net.array(operator, 1), net.array(operator, 2)
    is_rms = operator.type != "LayerNormalization"
    axis = axis_in(operator.attributes.get("axis", -1), x.rank)
    tensor = net.depth_last(x) if axis == x.rank - 1 else net.rearranged(x, groups_of(net, [x]))
    ordered = [atom for part in tensor.axes[axis:] for atom in part]
    volume = tensor.source.volume
    names = reduced_axes(volume, frozenset(ordered))
    keys: dict[str, Any] = {"axes": list(names), "scale": scale is not None}
    sizes = [size for name, size in zip((*volume.names, "depth"), volume, strict=True) if name in names]
    if {*names} <= {"depth"}:
        keys["axes"], sizes = "depth", [volume.depth]
    elif size_of(ordered) == volume.elements:
        keys["axes"], sizes = "volume", list(volume)  # also the sides of 1
    if volume.is_point:
        sizes = [volume.depth]
    if not is_rms:
        keys["shift"] = shift is not None
    elif shift is not None:
        raise Unsupported("RMS has no shift")
    arrays: dict[str, Array | None] = {}
    for name, array in (("scale", scale), ("shift", shift)):
        _require_last(name, array, x.shape, axis)
        arrays[name] = None if array is None else in_order(array, ordered, *sizes)
    return _normalized(
        net, operator, tensor, "rms" if is_rms else "ln", arrays, default=1e-6 if is_rms else BN_EPS, **keys
    )  # fmt: skip


def _require_last(name: str, array: Array | None, shape: tuple[int, ...], axis: int) -> None:
    """Raises WrongFile or Unsupported if an array does not have one number for each element of the last axes."""
    if array is None:
        return
    own = (*(1,) * (len(shape) - len(array.shape)), *array.shape)
    if len(own) > len(shape) or any(a not in (1, b) for a, b in zip(own, shape, strict=True)):
        raise WrongFile(f"its {name} has the shape {list(array.shape)}, but it normalizes {list(shape[axis:])}")
    if own[axis:] != shape[axis:] or prod(own[:axis]) > 1:
        raise Unsupported(f"its {name} has the shape {list(array.shape)}, the normalized axes {list(shape[axis:])}")


def skip_layer_norm(net: Net, operator: Operator) -> list[Value]:
    """SkipLayerNormalization of ONNX Runtime: the sum of two tensors, then LN."""
    one, other = net.tensor(operator), net.tensor(operator, 1)
    if one.axes != other.axes:
        raise Unsupported("the elements of its inputs are in different orders")
    total = net.added("add", [one.source, other.source], None)
    if len(operator.inputs) > 4 and operator.inputs[4]:
        raise Unsupported("it adds a bias")
    scale, shift = net.array(operator, 2), net.array(operator, 3)
    require_vectors({"scale": scale, "shift": shift}, one.shape[-1], "channels")
    tensor = net.depth_last(Tensor(total, one.axes))
    keys: dict[str, Any] = {"axes": "depth", **_parts(scale, shift)}
    found = _normalized(net, operator, tensor, "ln", _both(scale, shift), usual=1e-12, **keys)
    return [found, None, None, Tensor(total, one.axes)]


def lrn(net: Net, operator: Operator) -> Value:
    """LRN."""
    tensor = net.spatial(net.tensor(operator))[0]
    attributes = operator.attributes
    keys = {
        "alpha": rounded(float(attributes.get("alpha", 0.0001))),
        "beta": rounded(float(attributes.get("beta", 0.75))),
        "k": rounded(float(attributes.get("bias", 1.0))),
    }
    size = int(attributes.get("size", 5))
    found = activation(net, operator, tensor, "lrn", size=size, **keys)
    if size % 2 == 0:  # of the two neighbours at the ends of an even number, ONNX takes the later one
        why = f"{operator.type} over an even number of channels reads other neighbours than LRN"
        net.builder.note(why)
        net.differs(found.source, why)
    return found


def divided_by_neighbours(net: Net, operator: Operator, x: Tensor, below: Tensor) -> Tensor | None:
    """LRN, if a map is divided by a power of the mean of the squares of neighbouring channels; else None.

    PyTorch computes this mean by an average pool over a volume of channels x sides and a depth of 1.
    """
    formula = below.source.formula
    if formula is None or formula.type != "Pow" or formula.leaf.place is None:
        return None
    (inner, beta), pool, volume = formula.args, formula.leaf, x.source.volume
    kernel = net.key(pool, "kernel")
    if net.kind(pool) != "avgpool" or not isinstance(kernel, tuple) or isinstance(inner, float) or not inner.formula:
        return None
    size, zeros = kernel[0], [0] * len(volume.sides)
    pads = size // 2, *zeros, (size - 1) // 2, *zeros
    usual = {"kernel": (size, *[1] * len(zeros)), "stride": 1, "pad": pads if size % 2 == 0 else pads[: len(kernel)]}
    is_pool = all(net.key(pool, name) == value for name, value in usual.items())
    nodes = net.builder.nodes
    reshape = nodes[nodes[formula.leaf.place].inputs[0]]
    square = nodes[reshape.inputs[0]] if reshape.kind == "reshape" else None
    is_square = square is not None and square.kind == "square" and square.inputs == (x.source.place,)
    channels = (x.axes[0], *[whole(side, size) for side, size in enumerate((volume.depth, *volume.sides))])
    is_same = x.axes == maps_axes(volume, net.batch) and below.axes == channels and inner.formula.is_polynomial
    k, one, two = evaluate(inner, pool, [0.0, 1.0, 2.0])
    if not (is_pool and is_square and is_same and isinstance(beta, float)) or abs(two - 2 * one + k) > 1e-9:
        return None
    keys = {"alpha": rounded(one - k), "beta": rounded(beta), "k": rounded(k)}
    return activation(net, operator, x, "lrn", size=size, **keys)


def lp_norm(net: Net, operator: Operator) -> Value:
    """LpNormalization: L2NORM over the depth."""
    x = net.tensor(operator)
    axis = axis_in(operator.attributes.get("axis", -1), x.rank)
    if operator.attributes.get("p", 2) != 2:
        raise Unsupported("L2NORM divides by the L2 norm (p = 2), not by another norm")
    tensor = net.spatial(x)[0] if axis == 1 and x.rank > 2 else net.depth_last(x)
    volume = tensor.source.volume
    if tensor.axes[axis] != whole(len(volume) - 1, volume.depth):
        raise Unsupported("L2NORM normalizes over the depth, not over another axis")
    return activation(net, operator, tensor, "l2norm")


def softmax(net: Net, operator: Operator) -> Value:
    """Softmax over one axis, or in operator sets below 13 over all axes from one on."""
    x = net.tensor(operator)
    axis = axis_in(operator.attributes.get("axis", -1), max(x.rank, 1))
    axes = range(axis, x.rank) if operator.attributes.get("flattened") else [axis]
    if list(axes) == [x.rank - 1]:
        scores = normed(net, operator, x, lambda: _softmax(net, operator, x, axes))
        if scores is not None:
            return scores
    return _softmax(net, operator, x, axes)


def _softmax(net: Net, operator: Operator, x: Tensor, axes: Sequence[int]) -> Tensor:
    atoms = frozenset([atom for number in axes for atom in x.axes[number]])
    try:
        names = reduced_axes(x.source.volume, atoms)
    except Unsupported:
        x = net.rearranged(x, groups_of(net, [x]))
        names = reduced_axes(x.source.volume, frozenset([atom for number in axes for atom in x.axes[number]]))
    if not names:  # over one element
        volume = x.source.volume
        names = tuple([name for name, size in zip((*volume.names, "depth"), volume, strict=True) if size == 1])[:1]
        if not names:
            return activation(net, operator, x, "affine", factor=0, shift=1)
    keys = {} if names == ("depth",) else {"axes": list(names)}
    return activation(net, operator, x, "softmax", **keys)


def dropout(net: Net, operator: Operator) -> Value:
    """Dropout, which is the identity in inference."""
    x = net.tensor(operator)
    net.builder.note("Dropout, the identity in inference, left out")
    mode = net.array(operator, 2)
    if mode is not None and mode.scalar is not False and mode.scalar != 0:
        net.vague[operator.outputs[0]] = "Dropout in training mode"
    return x
