"""The parameters and MACs that torchinfo, thop, ptflops and fvcore count for a net written by ``convert --to torch``.

The table of each program has a rule for each module, by its name without the number of sides (``Conv`` stands for
``nn.Conv1d``, ``nn.Conv2d`` and ``nn.Conv3d``), and for each function that a layer calls (``F.interpolate``). Modules
and functions without a rule have 0 MACs. Source: the code of each program in the version that
:mod:`cnncalc.interop.conventions` names, and runs of it.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.counting import Figure
from cnncalc.interop.exporters import ExportOptions
from cnncalc.interop.torch_code import CODES, Call
from cnncalc.interop.torch_source import Source
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cnncalc.interop.counting import Net, Row
    from cnncalc.interop.torch_code import Code
    from cnncalc.volume import Volume


class Seen(NamedTuple):
    """A module or a function, with its input (``read``) and output (``given``) for one image.

    ``name`` is written as in the code, ``base`` is the class without the number of sides; ``values`` are the positional
    arguments. ``weights`` and ``biases`` are the numbers of elements of its arrays, including shared ones.
    """

    name: str
    base: str
    row: Row
    read: Volume
    given: Volume
    values: tuple[Any, ...] = ()
    weights: int = 0
    biases: int = 0

    @property
    def learns(self) -> bool:
        """Whether it has parameters."""
        return self.weights + self.biases > 0

    def has(self, name: str) -> bool:
        """Whether the layer has a parameter or buffer of this name."""
        return any(array.name == name for array in self.row.arrays)

    def elements(self, *names: str) -> int:
        """The number of elements of the arrays with these names."""
        return sum([array.count.value for array in self.row.arrays if array.name in names])


class Rule(NamedTuple):
    """What a program counts for a module: a description, and a function for the MACs.

    ``called`` computes those of the function that the module calls, which some programs count in addition.
    """

    words: str
    macs: Callable[[Seen], float]
    called: Callable[[Seen], float] | None = None


class Counter(NamedTuple):
    """A program that counts modules.

    ``rules`` is its table. ``parameters`` computes the parameters that it counts for a module; with ``sees_unused``
    also for modules that do not run in inference.
    For a module with n parent modules it multiplies the MACs by n ** ``repeats``, and the parameters by
    n ** ``repeats_parameters``; None: it counts them in another way, which is not known.
    ``traces``: it counts only operations on which an output depends.
    """

    rules: Mapping[str, Rule]
    parameters: Callable[[Seen, Mapping[str, Rule]], int]
    sees_unused: bool = True
    repeats: int = 0
    repeats_parameters: int | None = 0
    traces: bool = False


WRAPPED = {"weight_norm": "Parametrized", "spectral_norm": "Parametrized"}
"""Functions that change the class of a module, with the prefix that they add to its name."""

PARTS: Mapping[str, tuple[str, ...]] = {"Subsample": ("AvgPool",)}
"""The modules of PyTorch that modules of the generated code contain."""


def _seen(row: Row, code: Code) -> Iterator[Seen]:
    """The modules of a layer for which hooks are called, or the function that computes the layer."""
    entered, output = row.input_volumes[0] if row.input_volumes else row.output, row.output
    read = entered if code.read is None else entered.with_sides(code.read)
    given = output if code.given is None else output.with_sides(code.given)
    if code.module is None:
        if code.function:
            yield Seen(code.function, code.function, row, read, given)
        return
    named, call = _class(code.module)
    arrays = [array for array in row.arrays if array.role != "buffer"]
    biases = sum([array.count.value for array in arrays if array.role == "bias"])
    weights = sum([array.count.value for array in arrays]) - biases
    base = named[:-2] if named[-2:] in ("1d", "2d", "3d") else named
    name = call.name if call.name.endswith(f".{named}") else named
    yield Seen(name, base, row, read, given, call.values, weights, biases)
    if code.expression.count("{m}") > 1:  # an AvgPool is also called for a map of ones, to divide by its shares
        yield Seen(name, base, row, read.with_depth(1), given.with_depth(1), call.values)
    for part in PARTS.get(base, ()):
        yield Seen(f"nn.{part}{len(read.sides)}d", part, row, read, given)


def _class(call: Call) -> tuple[str, Call]:
    """The class of the module that a call creates, and the call of its constructor."""
    name = call.name.rpartition(".")[2]
    if call.values and isinstance(call.values[0], Call):
        inner, made = _class(call.values[0])
        return WRAPPED.get(name, "") + inner, made
    return name, call


# counts for the rules


def _products(m: Seen) -> int:
    return m.row.macs


def _weights_by_positions(m: Seen) -> int:
    return m.weights * m.given.positions


def _read(m: Seen) -> int:
    return m.read.elements


def _given(m: Seen) -> int:
    return m.given.elements


def _times(factor: int, count: Callable[[Seen], int]) -> Callable[[Seen], int]:
    return lambda m: factor * count(m)


def _by_learning(count: Callable[[Seen], int], without: int, learned: int) -> Callable[[Seen], int]:
    """``learned`` for each element if the module has parameters, else ``without``."""
    return lambda m: count(m) * (learned if m.learns else without)


def _on_a_plane(count: Callable[[Seen], float]) -> Callable[[Seen], float]:
    return lambda m: count(m) if len(m.given.sides) == 2 else 0


def _rules(*rows: tuple[str, Rule]) -> dict[str, Rule]:
    """A table from rows of the names of modules, separated by spaces, and their rule."""
    return {name: rule for names, rule in rows for name in names.split()}


# torchinfo: parameters named weight or bias of modules without children; times the positions if the class has "Conv"


def _attention_by_names(m: Seen) -> int:
    return m.elements("weight", "bias") + m.elements("out_weight", "out_bias") * m.given.depth


TORCHINFO = _rules(
    ("Conv ConvTranspose StandardizedConv ConnectedConv LocalConv", Rule(
        "its weights and biases, times the positions of its output",
        lambda m: (m.weights + m.biases) * m.given.positions,
    )),
    ("Linear BatchNorm LayerNorm GroupNorm InstanceNorm RMSNorm PReLU Scale L2Norm Subsample", Rule(
        "its parameters once", lambda m: m.weights + m.biases,
    )),
    ("Transposed", Rule("its biases once", lambda m: m.biases)),
    ("Attention", Rule(
        "weight and bias once, out_weight and out_bias times the depth, no other parameter",
        _attention_by_names,
    )),
)  # fmt: skip


def _leaf_parameters(m: Seen, rules: Mapping[str, Rule]) -> int:
    """The parameters of each module; weights that two modules share count in both."""
    is_tied = m.row.transposed and m.base in rules and m.base != "Transposed"
    return m.weights + m.biases if is_tied else m.row.parameters


# thop


def _mean_of_bins(m: Seen) -> int:
    share = prod([whole / part for whole, part in zip(m.read.sides, m.given.sides, strict=True)])
    return int((share + 1) * m.given.elements)


def _softmax(m: Seen) -> int:
    axis = m.values[0]
    size = m.read.depth if axis == 1 else m.read.sides[axis - 2]
    return m.read.elements // size * (3 * size - 1)


def _interpolated(m: Seen) -> int:
    by_sides = {1: 5, 2: 11, 3: 0}
    return m.given.elements * (1 if _is_nearest(m) else by_sides[len(m.given.sides)])


def _mode(m: Seen) -> str:
    return str(getattr(m.row.layer, "mode", ""))


def _is_nearest(m: Seen) -> bool:
    return _mode(m) == "nearest"


THOP = _rules(
    ("Conv Linear", Rule("its multiplications, without biases", _products)),
    ("ConvTranspose", Rule("its weights times the positions of its output, without biases", _weights_by_positions)),
    ("BatchNorm LayerNorm InstanceNorm", Rule(
        "2 for each input element, 4 if it has parameters", _by_learning(_read, 2, 4),
    )),
    ("PReLU", Rule("1 for each input element", _read)),
    ("Softmax", Rule("n exponentials, n - 1 additions and n divisions for each n elements", _softmax)),
    ("AvgPool", Rule("1 for each output element", _given)),
    ("AdaptiveAvgPool", Rule(
        "for each output element the mean size of the bins plus 1", _mean_of_bins,
    )),
    ("Upsample", Rule(
        "for each output element 1 (nearest), 5 (linear), 11 (bilinear) or nothing (trilinear)", _interpolated,
    )),
)  # fmt: skip


def _known_parameters(m: Seen, rules: Mapping[str, Rule]) -> int:
    """The parameters of the modules in the table only."""
    return _leaf_parameters(m, rules) if m.base in rules else 0


# ptflops: hooks of modules, and functions that it replaces while the net runs


def _with_biases(m: Seen) -> int:
    return m.row.macs + (m.given.elements if m.biases else 0)


def _factors(m: Seen) -> float:
    """The output elements as ptflops computes them: if there are factors, the input elements times their product."""
    layer = m.row.layer
    factor = getattr(layer, "factor", None)
    area = m.read.elements if _mode(m) == "area" else 0
    if factor is None or len(m.row.input_volumes) > 1:
        return m.given.elements + area
    factors = factor if isinstance(factor, tuple) else (factor,) * len(m.read.sides)
    if len(set(factors)) == 1:
        return m.read.elements * float(factors[0]) ** len(m.read.sides) + area
    return m.read.elements * prod([int(each) for each in factors]) + area


def _response_across(m: Seen) -> int:
    """Squares, their mean over the padded depth, a product and a sum."""
    size: int = m.row.layer.size  # type: ignore[attr-defined]
    return 3 * m.read.elements + (m.read.depth + size - 1) * m.read.positions


def _response_within(m: Seen) -> int:
    """The mean over the padded squares."""
    size: int = m.row.layer.size  # type: ignore[attr-defined]
    return m.read.with_sides(tuple([side + size - 1 for side in m.read.sides])).elements


PTFLOPS = _rules(
    ("Conv ConvTranspose Linear", Rule(
        "its multiplications, and one for each output element if it has a bias", _with_biases,
    )),
    ("BatchNorm InstanceNorm GroupNorm", Rule(
        "1 for each input element, 2 if it has parameters", _by_learning(_read, 1, 2),
    )),
    ("LayerNorm", Rule("1 for each input element", _read)),
    ("ReLU PReLU ELU GELU", Rule(
        "2 for each element: for the module, and for the function that it calls", _given, _read,
    )),
    ("LeakyReLU ReLU6", Rule("1 for each element", _given)),
    ("Softmax SiLU", Rule("1 for each element, for the function that it calls", lambda m: 0, _read)),
    ("MaxPool AvgPool AdaptiveMaxPool AdaptiveAvgPool", Rule(
        "2 for each input element: for the module, and for the function that it calls", _read, _read,
    )),
    ("LPPool", Rule(
        "for functions that it calls 1 for each input element and 2 for each output element", lambda m: 0,
        lambda m: m.read.elements + 2 * m.given.elements,
    )),
    ("LocalResponseNorm", Rule(
        "for functions that it calls 3 for each element, and the squares with padding", lambda m: 0,
        _response_across,
    )),
    ("ResponseWithin", Rule(
        "for a function that it calls the squares with padding", lambda m: 0, _response_within,
    )),
    ("Upsample", Rule(
        "2 for each output element: for the module, and for the function that it calls", _given, _given,
    )),
    ("F.interpolate", Rule(
        "1 for each output element; with different factors computed from their integer parts", lambda m: 0, _factors,
    )),
)  # fmt: skip


# fvcore: operators of a trace


def _all_kernels(m: Seen) -> int:
    """A convolution with a connection table runs with kernels of zeros for all other pairs."""
    kernel: tuple[int, ...] = m.row.layer.kernel  # type: ignore[attr-defined]
    return m.given.elements * m.read.depth * prod(kernel)


def _standardized(m: Seen) -> int:
    """The MACs, and the batch normalization of the weights, which has no parameters."""
    return m.row.macs + 4 * m.weights


def _projections(m: Seen) -> int:
    """The MACs of the projections of attention, without its two matrix products."""
    queries, memory = m.row.input_volumes[0], m.row.input_volumes[-1]
    whole = m.elements("weight")
    ahead = m.elements("query") + whole // 3 + m.elements("out_weight")
    return ahead * queries.positions + (m.elements("key", "value") + whole - whole // 3) * memory.positions


def _scaled(count: Callable[[Seen], int], without: int, scaled: int) -> Callable[[Seen], int]:
    """``scaled`` for each element if there is a learned scale, else ``without``."""
    return lambda m: count(m) * (scaled if m.has("scale") else without)


def _batch_norm(m: Seen) -> int:
    without, scaled = (1, 2) if getattr(m.row.layer, "stats", True) else (4, 5)
    return m.read.elements * (scaled if m.has("scale") else without)


def _nearest_or_bilinear(m: Seen) -> int:
    if _mode(m) == "area":
        return m.read.elements
    return m.given.elements * {"nearest": 1, "bilinear": 4}.get(_mode(m), 0)


FVCORE = _rules(
    ("Conv ConvTranspose ParametrizedConv LocalConv Linear Transposed torch.matmul", Rule(
        "its multiplications, without biases", _products,
    )),
    ("ConnectedConv", Rule("its multiplications, and those with the kernels of zeros of the table", _all_kernels)),
    ("StandardizedConv", Rule("its multiplications, and 4 for each weight that is standardized", _standardized)),
    ("Attention", Rule("the multiplications of its projections only", _projections)),
    ("BatchNorm", Rule(
        "1 for each input element, 2 with a scale; without running statistics 4 and 5", _batch_norm,
    )),
    ("LayerNorm GroupNorm InstanceNorm", Rule(
        "4 for each input element, 5 with a scale", _scaled(_read, 4, 5),
    )),
    ("AdaptiveAvgPool", Rule("with 2 sides 1 for each input element", _on_a_plane(_read))),
    ("Upsample F.interpolate", Rule(
        "with 2 sides for each output element 1 (nearest) or 4 (bilinear), or 1 for each input element (area)",
        _on_a_plane(_nearest_or_bilinear),
    )),
)  # fmt: skip


COUNTERS = {
    "torchinfo": Counter(TORCHINFO, _leaf_parameters, repeats_parameters=None),
    "thop": Counter(THOP, _known_parameters, sees_unused=False, repeats=2, repeats_parameters=1),
    "ptflops": Counter(PTFLOPS, lambda m, rules: m.row.trainable, repeats=1),
    "fvcore": Counter(FVCORE, lambda m, rules: m.row.parameters, traces=True),
}
"""The programs by name."""


def figures(tool: str, net: Net) -> list[Figure]:
    """What a program of :data:`COUNTERS` counts for each layer of a net in inference."""
    counter = COUNTERS[tool]
    source = Source(net.resolved, ExportOptions())
    parents = _parents(source, net)
    is_run = _used(net) if counter.traces else [not row.training_only for row in net.layers]
    return [
        _figure(counter, row, source.codes[row.index], parents.get(row.index, 1), is_run=is_run[row.index])
        for row in net.layers
    ]


def _used(net: Net) -> list[bool]:
    """Whether an output of inference depends on each layer."""
    used = [
        not row.training_only and not readers for row, readers in zip(net.layers, net.resolved.readers(), strict=True)
    ]
    for row in reversed(net.layers):
        if used[row.index]:
            for source in row.sources:
                used[source] = True
    return used


def _figure(counter: Counter, row: Row, code: Code, parents: int, *, is_run: bool) -> Figure:
    """What a program counts for a layer whose module has ``parents`` parent modules."""
    if row.kind not in CODES and not row.layer.is_input:
        stated = ("stated, not computed",) if row.layer.is_stated else ()
        return Figure(row.parameters, row.macs, stated, f"PyTorch has no module for {row.kind.upper()} layers", True)
    parameters, macs, words, doubt, has_rule = 0, 0.0, [], None, False
    for place, m in enumerate(_seen(row, code)):
        rule = counter.rules.get(m.base)
        has_rule = has_rule or rule is not None
        if not place and (counter.sees_unused or not row.training_only):
            parameters = counter.parameters(m, counter.rules) * parents ** (counter.repeats_parameters or 0)
        if rule is not None and is_run:
            macs += parents**counter.repeats * rule.macs(m) + (0 if rule.called is None else rule.called(m))
        words.append(f"{m.name}: {'nothing' if rule is None else rule.words}")
    if parents > 1 and counter.repeats_parameters is None:
        doubt = "it counts parameters that several blocks share more than once"
    return Figure(parameters, macs, tuple(words), doubt, has_rule)


def _parents(source: Source, net: Net) -> dict[int, int]:
    """The number of parent modules of each module that several layers share, by the index of the layer."""
    if not any(row.shared_with and not row.transposed for row in net.layers):
        return {}
    source.text()  # assigns the modules to their parents
    groups: dict[int, list[int]] = {}
    for row in net.layers:
        if not row.transposed and row.index in source.paths:
            groups.setdefault(source.graph.owner(row.index)[0], []).append(row.index)
    found = {}
    for members in groups.values():
        found.update(dict.fromkeys(members, len({source.paths[index].rpartition(".")[0] for index in members})))
    return found
