"""Makes layers of a net of operators over tensors: of an ONNX file, or of a PyTorch module.

The entry is :func:`layers_of`. Tensors are views of the volumes of layers (:mod:`cnncalc.interop.views`), so operators
that only move elements make no layer until one needs another order. Formulas spelled out as arithmetic become the kind
that they are (:mod:`cnncalc.interop.formulas`).
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from cnncalc.interop import tensor_dense, tensor_elementwise, tensor_moves, tensor_norms, tensor_windows
from cnncalc.interop.builder import NoEqual
from cnncalc.interop.tensor_elementwise import with_key
from cnncalc.interop.tensor_folding import MAKERS, NotFolded, fold, is_constant
from cnncalc.interop.tensor_inputs import read_constants, read_input
from cnncalc.interop.tensor_net import Array, Net, Source, Tensor, Unknown, Value, WrongFile
from cnncalc.interop.views import last_axes, maps_axes
from cnncalc.interop.wire import WireError
from cnncalc.volume import SIDES, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cnncalc.graph import Graph
    from cnncalc.interop.operators import Operator, OperatorNet
    from cnncalc.language.settings import Settings

HANDLERS: Mapping[str, Callable[[Net, Operator], Value | list[Value]]] = {
    **dict.fromkeys(("Conv", "com.microsoft.FusedConv"), tensor_windows.conv),
    "ConvTranspose": tensor_windows.deconv,
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), tensor_windows.pool),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), tensor_windows.global_pool),
    "MaxUnpool": tensor_windows.unpool,
    "Pad": tensor_windows.pad,
    **dict.fromkeys(("Resize", "Upsample"), tensor_windows.resize),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), tensor_windows.blocks),
    **dict.fromkeys(
        (
            *tensor_elementwise.PLAIN, "Erf", "Log", "Reciprocal", "Sign", "Floor", "Ceil", "Round", "Sin", "Cos",
            "Softsign", "Not",
        ),
        tensor_elementwise.unary,
    ),
    "LeakyRelu": tensor_elementwise.leaky,
    "HardSigmoid": tensor_elementwise.hard_sigmoid,
    "Clip": tensor_elementwise.clip,
    "Elu": with_key("elu", "alpha", "alpha", 1.0),
    "Celu": tensor_elementwise.celu,
    **dict.fromkeys(("Gelu", "com.microsoft.Gelu"), tensor_elementwise.gelu),
    "PRelu": tensor_elementwise.prelu,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Mean", "Sum"), tensor_elementwise.arithmetic),
    **dict.fromkeys(
        ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare"),
        tensor_elementwise.reduction,
    ),
    "BatchNormalization": tensor_norms.batch_norm,
    "InstanceNormalization": tensor_norms.instance_norm,
    "GroupNormalization": tensor_norms.group_norm,
    **dict.fromkeys(
        ("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"), tensor_norms.layer_norm
    ),
    "com.microsoft.SkipLayerNormalization": tensor_norms.skip_layer_norm,
    "LRN": tensor_norms.lrn,
    "LpNormalization": tensor_norms.lp_norm,
    "Softmax": tensor_norms.softmax,
    "Dropout": tensor_norms.dropout,
    "Gemm": tensor_dense.gemm,
    "MatMul": tensor_dense.matmul,
    "Attention": tensor_dense.attention,
    **dict.fromkeys(
        ("Identity", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear"), tensor_moves.identity
    ),
    "Reshape": tensor_moves.reshape,
    "Flatten": tensor_moves.flatten,
    "Transpose": tensor_moves.transpose,
    "Squeeze": tensor_moves.squeeze,
    "Unsqueeze": tensor_moves.unsqueeze,
    "Expand": tensor_moves.expand,
    "Tile": tensor_moves.tile,
    "Slice": tensor_moves.slices,
    "Split": tensor_moves.split,
    "Gather": tensor_moves.gather,
    "Concat": tensor_moves.concatenated,
}  # fmt: skip
"""What each operator becomes, by its type; those of other domains with the domain before it."""

REASONS = {
    **dict.fromkeys(("LSTM", "GRU", "RNN"), "recurrent layers are not covered"),
    **dict.fromkeys(("If", "Loop", "Scan"), "what runs depends on the data"),
    **dict.fromkeys(("NonMaxSuppression", "NonZero", "TopK", "Unique"), "how much it gives depends on the data"),
    **dict.fromkeys(("ArgMax", "ArgMin"), "it gives places, not activations"),
    **dict.fromkeys(
        ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"),
        "it computes with quantized numbers",
    ),
    "LogSoftmax": "no kind takes logarithms",
}


def layers_of(net: OperatorNet, settings: Settings, format: str, file: str) -> Graph:
    """The net of layers that an operator net is: the entry of importers of tensor programs.

    ``format`` and ``file`` name it in messages: ``"ONNX file"``, ``"model.onnx"``. Raises DesignError with all
    problems, and all operators without an equal; with ``settings.partial`` these become OPAQUE.
    """
    work = Net(net, settings, format, file)
    read_constants(work)
    for name, shape in net.inputs.items():
        if work.readers.get(name):
            read_input(work, name, shape)
    for number, operator in enumerate(net.operators):
        work.rank = number
        _convert(work, operator)
    outputs = _outputs(work)
    _count(work)
    work.builder.keep(outputs, work.ranks)
    return work.builder.graph(net.name)


def _convert(net: Net, operator: Operator) -> None:
    """Makes the values of an operator."""
    try:
        found = _results(net, operator)
    except NotFolded as error:
        _without_equal(net, operator, str(error))
        return
    except NoEqual as error:
        _without_equal(net, operator, str(error))
        return
    except Unknown:
        found = []
    except (WrongFile, WireError) as error:
        net.builder.fail(f"{operator.type}: {error}", operator.name)
        found = []
    _store(net, operator, found)


def _store(net: Net, operator: Operator, found: list[Value]) -> None:
    for number, name in enumerate(operator.outputs):
        value = found[number] if number < len(found) else None
        if not name:
            continue
        if isinstance(value, Tensor):
            value.source.names.append(name)
            _compare(net, operator, name, value)
        net.values[name] = value


def _results(net: Net, operator: Operator) -> list[Value]:
    """The results of an operator; of one on values that are not known, nothing."""
    values = net.inputs(operator)
    maker = MAKERS.get(operator.type)
    if maker is not None:
        return [maker(net, operator)]
    if is_constant(values):
        return fold(net, operator)
    handler = HANDLERS.get(operator.type)
    if handler is None:
        raise NoEqual(REASONS.get(operator.type, "no kind computes it"))
    if any(value is None and name for name, value in zip(operator.inputs, values, strict=True)):
        return []
    found = handler(net, operator)
    results = found if isinstance(found, list) else [found]
    if operator.type == "MaxPool" and len(operator.outputs) > 1:
        results = results * 2
    if operator.type == "com.microsoft.FusedConv":
        results = [_activated(net, operator, results[0])]
    return results


def _activated(net: Net, operator: Operator, value: Value) -> Value:
    """The activation function that a fused operator names."""
    name = operator.attributes.get("activation")
    if not isinstance(value, Tensor) or not name:
        return value
    numbers = operator.attributes.get("activation_params", ())
    if name not in (*tensor_elementwise.PLAIN, "LeakyRelu", "Clip", "HardSigmoid"):
        raise NoEqual(f"its activation is {name}")
    return tensor_elementwise.function_of(net, operator, name, value, *[float(number) for number in numbers])


def _without_equal(net: Net, operator: Operator, why: str) -> None:
    """Records an operator without an equal, with the volume that the file states for its result."""
    tensors = [value for value in net.inputs(operator) if isinstance(value, Tensor)]
    shape = _stated(net, operator, tensors)
    volume = None if shape is None else _volume_of(net, shape)
    weights = [value for value in net.inputs(operator) if isinstance(value, Array) and value.origins]
    figures = {"parameters": sum(w.elements for w in weights if not w.is_integer and not w.is_literal)}
    for weight in weights:
        net.used(weight)
    place = net.lacks(
        operator, why, volume, {k: v for k, v in figures.items() if v}, tensors[0].source if tensors else None
    )
    for name in operator.outputs:
        net.values[name] = None
    if place is None or shape is None:
        return
    source = Source(net.builder.volume(place), place)
    axes = maps_axes(source.volume, net.batch) if len(shape) != 3 else last_axes(source.volume, net.batch)
    if len(shape) == 2:
        axes = (axes[0], axes[1])
    if len(axes) == len(shape) and operator.outputs:
        tensor = Tensor(source, axes)
        source.names.append(operator.outputs[0])
        net.values[operator.outputs[0]] = tensor


def _stated(net: Net, operator: Operator, tensors: list[Tensor]) -> tuple[int, ...] | None:
    """The shape of the first result that the file states, or that of the input for a function of each element."""
    found = net.net.shapes.get(operator.outputs[0]) if operator.outputs else None
    if found is not None and len(found) > 1 and None not in found[1:]:
        return (net.batch, *[size or 1 for size in found[1:]])
    same = operator.type in ("LogSoftmax", "Hardmax", "QuickGelu") or operator.type in tensor_elementwise.PLAIN
    return tensors[0].shape if tensors and same else None


def _volume_of(net: Net, shape: tuple[int, ...]) -> Volume | None:
    """The volume of a tensor of that shape: batch x channels x sides, or batch x positions x depth."""
    if shape[0] not in (1, net.batch) or min(shape) < 1:
        return None
    if len(shape) == 2:
        return Volume(1, 1, shape[1])
    if len(shape) == 3:
        return Volume(shape[1], shape[2])
    return Volume(*shape[2:], shape[1]) if len(shape) - 2 in SIDES else None


def _compare(net: Net, operator: Operator, name: str, value: Tensor) -> None:
    """Compares a shape with the one that the file states: for an output an error, else a warning."""
    stated = net.net.shapes.get(name)
    if stated is None:
        return
    shape = value.shape
    same = len(stated) == len(shape) and all(
        a in (None, b) or (n == 0 and net.batch == 1) for n, (a, b) in enumerate(zip(stated, shape, strict=True))
    )
    if same:
        return
    text = "[" + ", ".join("?" if size is None else str(size) for size in stated) + "]"
    message = f"{operator.type} gives {list(shape)}, but the file states {text} for {name}"
    if net.replaced:
        return
    if name in net.net.outputs:
        net.builder.fail(message, operator.name)
    else:
        net.builder.warn("stated-shape", f"{operator.name}: {message}")


def _outputs(net: Net) -> list[int]:
    """The layers that give the outputs; those not made yet are made now."""
    found = []
    for name in net.net.outputs:
        value = net.values.get(name)
        if isinstance(value, Tensor):
            place = net.place(value.source)
            if place is not None:
                found.append(place)
        elif isinstance(value, Array):
            net.builder.note("an output that depends on no input left out")
    return found


def _count(net: Net) -> None:
    """Notes the numbers of the file that no layer holds."""
    left = {
        name: prod(constant.shape)
        for name, constant in net.net.constants.items()
        if name not in net.counted and not constant.is_integer and prod(constant.shape) > 1
    }
    if left:
        many = sum(left.values())
        first = next(iter(left))
        net.builder.note(f"{many:,} numbers in {len(left)} tensors that no layer holds, such as {first}")
