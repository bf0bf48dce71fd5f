"""Converts a net of operators over tensors to layers: the net of an ONNX or TensorFlow Lite file, or a PyTorch module.

The entry is :func:`layers_of`. Tensors are views of the volumes of layers (:mod:`cnncalc.interop.views`), so operators
that only reorder elements add no layer until another operator needs a certain order. Formulas written as arithmetic
become the layer kind that they equal (:mod:`cnncalc.interop.formulas`).
"""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import TYPE_CHECKING

from cnncalc.interop import (
    tensor_dense,
    tensor_elementwise,
    tensor_functions,
    tensor_moves,
    tensor_norms,
    tensor_pads,
    tensor_torch,
    tensor_windows,
)
from cnncalc.interop.builder import MAX_BITS, WRONG, Unsupported
from cnncalc.interop.operators import Branch
from cnncalc.interop.tensor import KEEPING, Array, Made, Source, Tensor, Value, WrongFile
from cnncalc.interop.tensor_folding import MAKERS, ONE, TWO, NotFolded, broadcast, fold, is_constant, made_of
from cnncalc.interop.tensor_functions import with_key
from cnncalc.interop.tensor_inputs import read_constants, read_input
from cnncalc.interop.tensor_net import Net, Unknown
from cnncalc.interop.tensor_weights import Origins, origins_of
from cnncalc.interop.views import Axes, last_axes, maps_axes
from cnncalc.interop.wire import WireError
from cnncalc.layers.requirements import MOST_INPUTS
from cnncalc.units import plural
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
    "Pad": tensor_pads.pad,
    **dict.fromkeys(("Resize", "Upsample"), tensor_windows.resize),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), tensor_windows.blocks),
    **dict.fromkeys(
        (
            *tensor_functions.PLAIN, "Erf", "Log", "Reciprocal", "Sign", "Floor", "Ceil", "Round", "Sin", "Cos",
            "Softsign", "Not",
        ),
        tensor_functions.unary,
    ),
    "Selu": tensor_functions.selu,
    "LeakyRelu": tensor_functions.leaky,
    "HardSigmoid": tensor_functions.hard_sigmoid,
    "Clip": tensor_functions.clip,
    "Elu": with_key("elu", "alpha", "alpha", 1.0),
    "Celu": tensor_functions.celu,
    **dict.fromkeys(("Swish", "com.microsoft.QuickGelu"), tensor_functions.swish),
    **dict.fromkeys(("Gelu", "com.microsoft.Gelu"), tensor_functions.gelu),
    **dict.fromkeys(("com.microsoft.BiasGelu", "com.microsoft.FastGelu"), tensor_elementwise.biased_gelu),
    "PRelu": tensor_elementwise.prelu,
    **dict.fromkeys(
        ("Where", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"), tensor_elementwise.chosen
    ),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Mean", "Sum"), tensor_elementwise.arithmetic),
    **dict.fromkeys(
        ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare"),
        tensor_functions.reduction,
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
    **dict.fromkeys(("Gemm", "com.microsoft.FusedGemm"), tensor_dense.gemm),
    "com.microsoft.FusedMatMul": tensor_dense.fused_matmul,
    "MatMul": tensor_dense.matmul,
    "Einsum": tensor_dense.einsum,
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
    "GatherND": tensor_moves.gather_points,
    "Concat": tensor_moves.concatenated,
    **tensor_torch.HANDLERS,
}  # fmt: skip
"""The function that converts each operator, by its type; other domains are a prefix of the type."""

MOST_WARNINGS = 5
"""The most warnings about shapes that differ from those in the file."""

ELEMENTWISE = frozenset((
    *tensor_functions.PLAIN, *TWO, *ONE, "Erf", "Log", "Sin", "Cos", "Softsign", "LogSoftmax", "Hardmax", "Softmax",
    "Clip", "Celu", "Elu", "ThresholdedRelu", "PRelu", "Where", "LayerNormalization", "RMSNormalization", "BitShift",
    "LpNormalization", "InstanceNormalization", "GroupNormalization", "com.microsoft.QuickGelu", "IsNaN", "CumSum",
    "com.microsoft.BiasGelu", "com.microsoft.FastGelu", "com.microsoft.SkipLayerNormalization", "Swish", "Shrink",
))  # fmt: skip
"""Operators whose output has the broadcast shape of their inputs."""

BROADCASTING = frozenset((
    "Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Mean", "Sum", "Where", "Greater", "GreaterOrEqual", "Less",
    "LessOrEqual", "Reshape", "Transpose",
))  # fmt: skip
"""Operators that take an expanded input without its copies; for others the copies are concatenated first."""

VIEWS = frozenset((*KEEPING, "Transpose", "Expand"))
"""Operators on weights that compute no new numbers."""

REASONS = {
    **dict.fromkeys(
        (
            "LSTM",
            "GRU",
            "RNN",
            "SVDF",
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            "BIDIRECTIONAL_SEQUENCE_LSTM",
            "UNIDIRECTIONAL_SEQUENCE_RNN",
            "BIDIRECTIONAL_SEQUENCE_RNN",
        ),
        "there are no recurrent layer kinds",
    ),
    **dict.fromkeys(("If", "Loop", "Scan"), "its control flow depends on the data"),
    **dict.fromkeys(("NonMaxSuppression", "NonZero", "TopK", "Unique"), "its output size depends on the data"),
    **dict.fromkeys(("ArgMax", "ArgMin"), "its output is indices, not activations"),
    **dict.fromkeys(
        ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"),
        "it computes with quantized numbers",
    ),
    "LogSoftmax": "no layer kind computes logarithms",
}
"""Why operators without a function are not supported."""


def layers_of(net: OperatorNet, settings: Settings, format: str, file: str) -> Graph:
    """Converts an operator net to layers; the entry point for importers of tensor programs.

    ``format`` and ``file`` name it in messages: ``"ONNX file"``, ``"model.onnx"``. Raises DesignError that lists all
    problems and all unsupported operators; with ``settings.partial`` the latter become OPAQUE.
    """
    work, outputs = _converted(net, settings, format, file)
    return _finished(work, outputs)


def layers_and_origins(net: OperatorNet, settings: Settings, format: str, file: str) -> tuple[Graph, Origins]:
    """Converts an operator net to layers, and maps their parameters and outputs to values of the source."""
    work, outputs = _converted(net, settings, format, file)
    origins = origins_of(work)  # before layers that no output needs are removed
    return _finished(work, outputs), origins


def _converted(net: OperatorNet, settings: Settings, format: str, file: str) -> tuple[Net, list[int]]:
    """All layers of a net, and the indices of those that compute its outputs."""
    work = Net(net, settings, format, file)
    read_constants(work)
    for name, shape in net.inputs.items():
        if work.readers.get(name):
            read_input(work, name, shape)
    for number, operator in enumerate(net.operators):
        work.rank = number
        _convert(work, operator)
    return work, _outputs(work)


def _finished(work: Net, outputs: list[int]) -> Graph:
    """The graph of the layers that the outputs need."""
    mixed = _freeze(work)
    work.builder.keep(outputs, work.ranks)
    for node in work.builder.nodes:
        if node.name in mixed:
            work.builder.note("layer taken as trained of which only some parameters are frozen")
    _count(work)
    return work.builder.graph(work.net.name)


def _freeze(work: Net) -> set[str]:
    """Marks the layers whose parameters are frozen; returns the names of those of which only some are."""
    constants, nodes = work.net.constants, work.builder.nodes
    mixed = set()
    for place, arrays in work.parameters.items():
        found = [constants[name] for array in arrays.values() for name in array.origins if name in constants]
        frozen = [constant.is_frozen for constant in found if constant.is_learned]
        if frozen and all(frozen) and nodes[place].share is None:
            nodes[place] = nodes[place]._replace(trainable=False)
        elif any(frozen) and not all(frozen):
            mixed.add(nodes[place].name)
    return mixed


def _convert(net: Net, operator: Operator) -> None:
    """Converts one operator, and stores its outputs."""
    missing = [name for name in operator.inputs if name and name not in net.values]
    wrong = f"it reads {missing[0]}, which no earlier operator outputs" if missing else operator.wrong
    if wrong:
        net.builder.fail(f"{operator.type}: {wrong}", operator.name)
        _store(net, operator, [])
        return
    if len(operator.inputs) > MOST_INPUTS:
        message = f"{operator.type}: it has {len(operator.inputs):,} inputs, more than {MOST_INPUTS:,}"
        net.builder.fail(message, operator.name, code="limit")
        _store(net, operator, [])
        return
    try:
        found = _results(net, operator)
    except (Unsupported, NotFolded) as error:
        _unsupported(net, operator, str(error))
        return
    except Unknown:
        found = []
    except (WrongFile, WireError) as error:
        net.builder.fail(f"{operator.type}: {error}", operator.name)
        found = []
    except WRONG:
        net.builder.fail(f"{operator.type}: its attributes or inputs are not those of the operator", operator.name)
        found = []
    _store(net, operator, found)


def _store(net: Net, operator: Operator, found: list[Value]) -> None:
    for number, name in enumerate(operator.outputs):
        value = found[number] if number < len(found) else None
        if not name:
            continue
        if isinstance(value, Tensor) and max(value.shape, default=0).bit_length() > MAX_BITS:
            message = f"{operator.type}: a size of its result has more than {MAX_BITS} bits"
            net.builder.fail(message, operator.name, code="limit")
            value = None
        if isinstance(value, Tensor):
            value.source.names.append(name)
            net.make_in_time(value.source, operator)
            _compare(net, operator, name, value)
        if value is None and name not in net.unknown:
            net.failed.add(name)
        net.values[name] = value


def _results(net: Net, operator: Operator) -> list[Value]:
    """The outputs of an operator; empty if its inputs are not known."""
    values = net.inputs(operator)
    unknown = [name for name, value in zip(operator.inputs, values, strict=True) if name and value is None]
    has_failed = not net.failed.isdisjoint(unknown)
    is_lacking = not has_failed and not net.unknown.isdisjoint(unknown)
    if (has_failed or is_lacking) and not any(isinstance(value, Tensor) for value in values):
        if is_lacking:
            net.unknown.update(operator.outputs)
        return []
    if operator.type in MAKERS:
        return [] if unknown else [MAKERS[operator.type](net, operator)]
    if operator.type == "If" and not unknown:
        return _taken(net, operator)
    if not unknown and is_constant(values[:1] if operator.type == "CastLike" else values):
        return _folded(net, operator)
    handler = HANDLERS.get(operator.type)
    if handler is None:
        raise Unsupported(operator.why or REASONS.get(operator.type, "no layer kind computes it"))
    if is_lacking:
        raise Unsupported("it needs a constant that cnncalc does not compute")
    if unknown:
        return []
    if not any(operator.inputs):
        raise WrongFile("it has no inputs")
    if operator.type not in BROADCASTING:
        _copy_expanded(net, operator)
    return _handled(net, operator, handler(net, operator))


def _copy_expanded(net: Net, operator: Operator) -> None:
    """Makes inputs that were expanded concatenations of their copies."""
    for name in operator.inputs:
        value = net.values.get(name)
        if isinstance(value, Tensor) and value.expanded:
            net.values[name] = tensor_moves.with_copies(net, net.makers.get(name, operator), value)


def _taken(net: Net, operator: Operator) -> list[Value]:
    """Converts the branch of If that its constant condition selects; returns the outputs of that branch."""
    condition = net.inputs(operator)[0] if operator.inputs else None
    if not isinstance(condition, Array) or condition.scalar is None:
        raise Unsupported(REASONS["If"])
    branch = operator.attributes.get("then_branch" if condition.scalar else "else_branch")
    if not isinstance(branch, Branch):
        raise Unsupported("it is in a function of the file, whose branches are not read")
    net.used(condition)
    net.builder.note("If left out: its condition is constant, so one branch runs")
    for inner in branch.operators:
        _convert(net, inner)
    return [net.values.get(name) for name in branch.outputs]


def _handled(net: Net, operator: Operator, found: Value | list[Value]) -> list[Value]:
    """The outputs of an operator, from what its handler returned."""
    results = found if isinstance(found, list) else [found]
    if operator.type == "MaxPool" and len(operator.outputs) > 1:
        results = results * 2
    if len(operator.outputs) > 1:
        _require_outputs(net, operator, results)
    if operator.type in ("com.microsoft.FusedConv", "com.microsoft.FusedGemm"):
        results = [_activated(net, operator, results[0])]
    return results


def _require_outputs(net: Net, operator: Operator, results: list[Value]) -> None:
    """Raises Unsupported if an operator reads an output that no layer computes; notes such an output of the net."""
    for number, name in enumerate(operator.outputs[1:], 1):
        readers = [reader.type for reader in net.reading.get(name, ())]
        if operator.type == "MaxPool":
            others = [reader for reader in readers if reader != "MaxUnpool"]
            if others:
                raise Unsupported(f"its second output is indices, not activations, and {others[0]} reads them")
            continue
        if not name or results == [None] or results[number : number + 1] not in ([], [None]):
            continue
        if readers:
            raise Unsupported(f"its output {number + 1} is read, but no layer gives it")
        if net.readers.get(name):
            net.builder.note(f"output {number + 1} of {operator.type} left out")


def _folded(net: Net, operator: Operator) -> list[Value]:
    """The outputs of an operator on constants. Without a computable shape they get the shapes that the file states."""
    try:
        return fold(net, operator)
    except NotFolded:
        found: list[Value] = []
        for name in operator.outputs:
            shape = net.net.shapes.get(name)
            if shape is None or None in shape:
                net.unknown.add(name)
                found.append(None)
            else:
                arrays = [value for value in net.inputs(operator) if isinstance(value, Array)]
                made = made_of(net, arrays, tuple([size or 0 for size in shape]), None, is_integer=False)
                made.made = Made(operator.type, operator.attributes, tuple(net.inputs(operator)), len(found))
                found.append(made)
        return found


def _activated(net: Net, operator: Operator, value: Value) -> Value:
    """Applies the activation function that a fused operator names."""
    name = operator.attributes.get("activation")
    if not isinstance(value, Tensor) or not name:
        return value
    names = [f"activation_{letter}" for letter in ("alpha", "beta", "gamma")]
    single = tuple([operator.attributes[each] for each in names if each in operator.attributes])
    numbers = operator.attributes.get("activation_params", single)
    needed = {"LeakyRelu": 1, "Clip": 2, "HardSigmoid": 2}.get(name, 0)
    if name not in tensor_functions.PLAIN and not needed:
        raise Unsupported(f"its activation is {name}")
    if needed and len(numbers) != needed:
        raise WrongFile(f"its activation {name} takes {plural(needed, 'number')}, but has {len(numbers)}")
    return tensor_functions.function_of(net, operator, name, value, *[float(number) for number in numbers[:needed]])


def _unsupported(net: Net, operator: Operator, why: str) -> None:
    """Records an unsupported operator, with the volume of its output if that is known."""
    tensors = [value for value in net.inputs(operator) if isinstance(value, Tensor)]
    weights = [value for value in net.inputs(operator) if isinstance(value, Array) and value.origins]
    parameters = sum(weight.elements for weight in weights if not weight.is_integer and not weight.is_literal)
    figures = {"parameters": parameters} if parameters else {}
    for weight in weights:
        net.used(weight)
    found = _result_of(net, operator, tensors)
    first = tensors[0].source if tensors else None
    place = net.lacks(operator, why, None if found is None else found[0], figures, first)
    for name in operator.outputs:
        net.values[name] = None
        net.failed.add(name)
    if place is None or found is None:
        net.ends += [tensor.source for tensor in tensors]
        return
    source = Source(net.builder.volume(place), place)
    if operator.outputs:
        source.names.append(operator.outputs[0])
        net.values[operator.outputs[0]] = Tensor(source, found[1])


def _result_of(net: Net, operator: Operator, tensors: list[Tensor]) -> tuple[Volume, Axes] | None:
    """The volume and the axes of the first output of an unsupported operator; None if they are not known."""
    shape = _stated(net, operator)
    if shape is None:
        return None
    for tensor in tensors:
        if tensor.shape == shape and not tensor.expanded:
            return tensor.source.volume, tensor.axes
    if not shape:
        return None
    images = shape[0] == net.batch
    front = [] if images else [shape[0]]
    if not 1 <= len(shape) - 1 + len(front) <= max(SIDES) + 1 or min(shape) < 1:
        return None
    if len(shape) == 2:
        volume = Volume(*(front or [1, 1]), shape[1])
    elif len(shape) == 3:
        volume = Volume(*front, shape[1], shape[2])
    else:
        is_last = front or net.net.depth_last
        volume = Volume(*front, *shape[1:]) if is_last else Volume(*shape[2:], shape[1])
    if len(shape) == 2 and images:
        return volume, maps_axes(volume, net.batch)[:2]
    if len(shape) > 3 and images and not net.net.depth_last:
        return volume, maps_axes(volume, net.batch)
    axes = last_axes(volume, net.batch)
    return volume, axes if images else axes[1:]


def _stated(net: Net, operator: Operator) -> tuple[int, ...] | None:
    """The shape of the first output: as the file states it, or for element-wise operators broadcast from the inputs."""
    found = net.net.shapes.get(operator.outputs[0]) if operator.outputs else None
    if found is not None and len(found) > 1 and None not in found[1:]:
        return tuple([size or net.batch for size in found])
    if operator.type in ELEMENTWISE:
        shapes = [value.shape for value in net.inputs(operator) if value is not None]
        try:
            return broadcast(shapes) if shapes else None
        except WrongFile:
            return None
    return None


def _compare(net: Net, operator: Operator, name: str, value: Tensor) -> None:
    """Compares a shape with the one in the file; a difference is an error for an output of the net, else a warning."""
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
    message = f"{operator.type} has the output shape {list(shape)}, but the file states {text} for {name}"
    if net.replaced:
        return
    if name in net.net.outputs:
        net.builder.fail(message, operator.name)
    else:
        net.contradictions += 1
        if net.contradictions <= MOST_WARNINGS:
            net.builder.warn("stated-shape", f"{operator.name}: {message}")


def _outputs(net: Net) -> list[int]:
    """The indices of the layers that compute the outputs; pending ones are added now."""
    found = []
    for name in net.net.outputs:
        value = net.values.get(name)
        if isinstance(value, Tensor):
            place = net.place(value.source)
            if place is not None:
                found.append(place)
        elif isinstance(value, Array):
            net.builder.note("an output that does not depend on any input left out")
    for source in net.ends if net.builder.settings.partial else ():
        place = net.place(source)
        if place is not None:
            found.append(place)
    return found


def _computed(net: Net) -> tuple[int, int]:
    """The numbers of the file from which weights are computed, and these weights; a number that several use is one."""
    sizes = {name: prod(constant.shape) for name, constant in net.net.constants.items() if not constant.is_integer}
    uses = Counter(name for origins in net.origins.values() for name in origins)
    stored: set[str] = set()
    used = 0
    for identity, elements in (net.held | net.buffers).items():
        origins = net.origins.get(identity, ())  # a table of relative biases has none, and a note of its own
        found = [name for name in origins if name in sizes]
        if found and (sum(sizes[name] for name in found) != elements or any(uses[name] > 1 for name in found)):
            stored.update(found)
            used += elements
    return sum(sizes[name] for name in stored), used


def _count(net: Net) -> None:
    """Compares the number of parameters of the layers with that of the file, and notes each difference."""
    if net.contradictions > MOST_WARNINGS:
        more = net.contradictions - MOST_WARNINGS
        net.builder.warn("stated-shape", f"the shapes of {more:,} more values differ from those that the file states")
    left = {
        name: prod(constant.shape)
        for name, constant in net.net.constants.items()
        if name not in net.counted and not constant.is_integer and prod(constant.shape) > 1
    }
    if left:
        many = sum(left.values())
        first = next(iter(left))
        tensors = plural(len(left), "tensor")
        net.builder.note(f"{many:,} numbers in {tensors} that are not parameters of a layer, such as {first}")
    held = sum((net.held | net.buffers).values())
    if net.repeated:
        net.builder.note(
            f"{held:,} numbers of the file are parameters of layers; {net.repeated:,} more are counted, since several "
            "layers have the same ones"
        )
    stored, used = _computed(net)
    if stored != used:
        net.builder.note(f"{plural(used, 'weight')} computed from {plural(stored, 'number')} of the file")
    steps = {
        name: value.elements
        for operator in net.net.operators
        if operator.type not in VIEWS
        for name, value in zip(operator.outputs, map(net.values.get, operator.outputs), strict=True)
        if isinstance(value, Array) and value.is_learned and value.elements > 1 and id(value) not in net.normed
    }
    if steps:
        net.builder.note(
            f"{sum(steps.values()):,} numbers in {plural(len(steps), 'tensor')} that are computed from weights in each "
            f"pass, such as {net.makers[next(iter(steps))].name}: their memory is not counted"
        )
    counted = net.builder.numbers()
    if counted != held + net.repeated:
        net.builder.note(f"the layers have {counted:,} parameters, their tensors in the file {held:,} numbers")
