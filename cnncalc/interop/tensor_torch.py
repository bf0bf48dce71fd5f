"""Converts operators of PyTorch that ONNX does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import Unsupported, uniform
from cnncalc.interop.formulas import rounded
from cnncalc.interop.tensor import Array, WrongFile, axis_in
from cnncalc.interop.tensor_dense import dense
from cnncalc.interop.tensor_functions import activation, learned
from cnncalc.interop.tensor_moves import rolled
from cnncalc.interop.tensor_weights import transposed
from cnncalc.interop.views import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cnncalc.interop.operators import Operator
    from cnncalc.interop.tensor import Value
    from cnncalc.interop.tensor_net import Net


def linear(net: Net, operator: Operator) -> Value:
    """Linear: the weight is outputs x inputs."""
    weight, bias = net.array(operator, 1), net.array(operator, 2)
    if not isinstance(weight, Array) or len(weight.shape) != 2:
        raise Unsupported("its weights are computed from the inputs of the net")
    return dense(net, operator, net.tensor(operator), transposed(weight, (1, 0)), bias)


def adaptive_pool(net: Net, operator: Operator) -> Value:
    """AdaptiveAveragePool, AdaptiveMaxPool."""
    tensor, front = net.spatial(net.tensor(operator))
    if front:
        raise Unsupported("its sides span several images of the batch")
    kind = "avgpool" if operator.type == "AdaptiveAveragePool" else "pool"
    found = net.added(kind, [tensor.source], operator.name, output=uniform(list(operator.attributes["output_size"])))
    return net.maps(found, tensor)


def dropout(net: Net, operator: Operator) -> Value:
    """DROPOUT, which a module has and an inference file does not."""
    attributes = operator.attributes
    keys: dict[str, Any] = {"rate": rounded(float(attributes["ratio"]))}
    if attributes["whole"] != "element":
        keys["whole"] = attributes["whole"]
    return activation(net, operator, net.tensor(operator), "dropout", **keys)


def glu(net: Net, operator: Operator) -> Value:
    """GLU along the channels."""
    x = net.tensor(operator)
    axis = axis_in(operator.attributes["axis"], x.rank)
    tensor = net.spatial(x)[0] if axis == 1 and x.rank > 2 else net.depth_last(x)
    volume = tensor.source.volume
    if tensor.axes[axis] != whole(len(volume) - 1, volume.depth):
        raise Unsupported("GLU splits the depth, not another axis")
    found = net.added("glu", [tensor.source], operator.name)
    axes = list(tensor.axes)
    axes[axis] = whole(len(volume) - 1, found.volume.depth)
    return type(tensor)(found, tuple(axes))


def element(kind: str) -> Callable[[Net, Operator], Value]:
    """A handler for an element-wise function that is a layer kind."""

    def make(net: Net, operator: Operator) -> Value:
        return activation(net, operator, net.tensor(operator), kind)

    return make


def roll(net: Net, operator: Operator) -> Value:
    """Roll along the sides."""
    x = net.tensor(operator)
    axes = [axis_in(axis, x.rank) for axis in operator.attributes["axes"]]
    return rolled(net, x, list(zip(axes, operator.attributes["shifts"], strict=True)), operator.name)


def attention(net: Net, operator: Operator) -> Value:
    """A whole torch.nn.MultiheadAttention; its inputs are the queries, and the keys and values if they differ."""
    attributes = operator.attributes
    values = net.inputs(operator)
    tensors = [net.tensor(operator, place) for place, value in enumerate(values) if not isinstance(value, Array)]
    arrays = [value for value in values if isinstance(value, Array)]
    if len(tensors) > 2 or not tensors:
        raise Unsupported("its keys and values are different tensors")
    x = tensors[0]
    if not attributes["batch_first"] and x.rank == 3:
        raise Unsupported("its first axis is the sequence, not the batch (batch_first=False)")
    sequences = [net.rearranged(tensor, net.last_groups(tensor)) for tensor in tensors]
    for sequence in sequences:
        net.place(sequence.source)
    shared = net.weights("attention", arrays)
    keys: dict[str, Any] = {"heads": attributes["heads"], **({} if attributes["bias"] else {"bias": False})}
    found = net.added("attention", [each.source for each in sequences], operator.name, **shared, **keys)
    net.own(found, arrays)
    return type(x)(found, sequences[0].axes)


def shifted_windows(net: Net, operator: Operator) -> Value:
    """A whole ShiftedWindowAttention of torchvision: PAD, ROLL, WINDOW, ATTENTION, UNWINDOW, ROLL, CROP.

    Source: torchvision, models/swin_transformer.py. The mask for pairs of positions from different windows has no
    parameters; it is left out, with a note.
    """
    attributes = operator.attributes
    values = net.inputs(operator)
    x = net.depth_last(net.tensor(operator))
    arrays = [value for value in values if isinstance(value, Array) and not value.is_integer]
    for value in values:
        if isinstance(value, Array):
            net.used(value)
    volume = x.source.volume
    window = list(attributes["window"])
    missing = [-size % wide for size, wide in zip(volume.sides, window, strict=True)]
    padded = [size + more for size, more in zip(volume.sides, missing, strict=True)]
    shift = [0 if wide >= size else step for wide, size, step in zip(window, padded, attributes["shift"], strict=True)]
    net.place(x.source)
    shared = net.weights("attention", arrays)
    keys: dict[str, Any] = {"heads": attributes["heads"], "relative": list(window)}
    if not attributes["bias"]:
        keys["bias"] = False
    steps: list[tuple[str, str | None, dict[str, Any]]] = []
    if any(missing):
        steps.append(("pad", None, {"pad": [0] * len(missing) + missing}))
    if any(shift):
        steps.append(("roll", None, {"shift": uniform([-step for step in shift])}))
        net.builder.note("shifted windows: the mask for pairs from different windows, without parameters, left out")
    steps += [("window", None, {"size": uniform(window)}), ("attention", operator.name, keys)]
    steps.append(("unwindow", None, {"size": padded, "window": uniform(window)}))
    if any(shift):
        steps.append(("roll", None, {"shift": uniform(shift)}))
    if any(missing):
        steps.append(("crop", None, {"size": list(volume.sides), "at": "begin"}))
    source = x.source
    for kind, name, each in steps:
        made = net.added(kind, [source], name, **(shared if kind == "attention" else {}), **each)
        source = made
        if kind == "attention":
            net.own(source, arrays)
    return type(x)(source, x.axes)


def response(net: Net, operator: Operator) -> Value:
    """A whole torch.nn.LocalResponseNorm."""
    tensor = net.spatial(net.tensor(operator))[0]
    attributes = operator.attributes
    keys = {
        name: rounded(float(attributes[given])) for name, given in (("alpha", "alpha"), ("beta", "beta"), ("k", "bias"))
    }
    return activation(net, operator, tensor, "lrn", size=int(attributes["size"]), **keys)


def prelu(net: Net, operator: Operator) -> Value:
    """PRelu of PyTorch: one slope for each index of the second axis, or one for all."""
    x, slope = net.tensor(operator), net.array(operator, 1)
    if slope is None:
        raise WrongFile("its slopes are missing")
    tensor = net.spatial(x)[0] if x.rank > 2 else x
    shared: dict[str, Any] = {"shared": True} if slope.elements == 1 and tensor.source.volume.depth > 1 else {}
    return learned(net, operator, tensor, "prelu", {"slope": slope}, **shared)


HANDLERS: Mapping[str, Callable[[Net, Operator], Value]] = {
    "Linear": linear,
    "AdaptiveAveragePool": adaptive_pool,
    "AdaptiveMaxPool": adaptive_pool,
    "TrainingDropout": dropout,
    "Glu": glu,
    "Square": element("square"),
    "Roll": roll,
    "MultiheadAttention": attention,
    "LocalResponseNorm": response,
    "ShiftedWindowAttention": shifted_windows,
    "TorchPRelu": prelu,
}
"""The function that converts each of these operators."""
