"""How programs that look at modules of PyTorch count those that ``convert --to torch`` writes.

A table for each program says what it counts of a module, by the name of the module without the number of its sides
(``Conv`` stands for ``nn.Conv1d``, ``nn.Conv2d`` and ``nn.Conv3d``), or of a function that a layer calls
(``F.interpolate``). What is not in its table counts nothing. Source: the code of each program in the version that
:mod:`cnncalc.interop.conventions` names, and runs of it.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.counting import Figure
from cnncalc.interop.exporters import ExportOptions
from cnncalc.interop.torch_code import Call
from cnncalc.interop.torch_source import Source
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cnncalc.interop.counting import Net, Row
    from cnncalc.interop.torch_code import Code
    from cnncalc.volume import Volume


class Seen(NamedTuple):
    """A module or a function, with what it reads and gives for one image.

    ``name`` is written as in the code, ``base`` names the class without the number of its sides; ``values`` are its
    arguments without a key.
    ``weights`` and ``biases`` are the elements of its arrays, also of those that it shares.
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
        """Whether the layer has an array of this name."""
        return any(array.name == name for array in self.row.arrays)

    def elements(self, *names: str) -> int:
        """The elements of its arrays with these names."""
        return sum([array.count.value for array in self.row.arrays if array.name in names])


class Rule(NamedTuple):
    """What a program counts of a module: in words, and as a number; ``called``: of the function that it calls."""

    words: str
    macs: Callable[[Seen], float]
    called: Callable[[Seen], float] | None = None


class Counter(NamedTuple):
    """A program that counts modules.

    ``rules`` is its table. ``parameters`` gives those that it counts of a module; ``sees_unused``: also of modules that
    are not run at test time. A module that is a part of several others it adds up for each of these, its operations to
    the power ``repeats``: once more where a hook is put on it for each. ``repeats_parameters``: 1 where its parameters
    are added up for each too, None where they are added up otherwise. ``traces``: it counts operations only on which an
    output depends.
    """

    rules: Mapping[str, Rule]
    parameters: Callable[[Seen, Mapping[str, Rule]], int]
    sees_unused: bool = True
    repeats: int = 0
    repeats_parameters: int | None = 0
    traces: bool = False


WRAPPED = {"weight_norm": "Parametrized", "spectral_norm": "Parametrized"}
"""Functions that change the class of a module, with the word that its name then begins with."""

PARTS: Mapping[str, tuple[str, ...]] = {"Subsample": ("AvgPool",)}
"""The modules of PyTorch within our own modules."""


def _seen(row: Row, code: Code) -> Iterator[Seen]:
    """The modules of a layer as hooks see them, or the function that computes it."""
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
    yield Seen(
        call.name if call.name.endswith(f".{named}") else named, base, row, read, given, call.values, weights, biases
    )
    for part in PARTS.get(base, ()):
        yield Seen(f"nn.{part}{len(read.sides)}d", part, row, read, given)


def _class(call: Call) -> tuple[str, Call]:
    """The class of the module that a call makes, and the call of its constructor."""
    name = call.name.rpartition(".")[2]
    if call.values and isinstance(call.values[0], Call):
        inner, made = _class(call.values[0])
        return WRAPPED.get(name, "") + inner, made
    return name, call


# What rules count


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
    """``learned`` for each element where the module has parameters, else ``without``."""
    return lambda m: count(m) * (learned if m.learns else without)


def _on_a_plane(count: Callable[[Seen], float]) -> Callable[[Seen], float]:
    return lambda m: count(m) if len(m.given.sides) == 2 else 0


def _rules(*rows: tuple[str, Rule]) -> dict[str, Rule]:
    """A table from rows that begin with the names of several modules."""
    return {name: rule for names, rule in rows for name in names.split()}


# torchinfo: parameters called weight or bias, of modules without parts; by positions if "Conv" is in the class's name


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
        "what is called weight or bias once, out_weight and out_bias times the depth, all else not",
        _attention_by_names,
    )),
)  # fmt: skip


def _leaf_parameters(m: Seen, rules: Mapping[str, Rule]) -> int:
    """Those of each module; weights that two modules share count in both."""
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
    ("Conv Linear", Rule("its products, without biases", _products)),
    ("ConvTranspose", Rule("its weights times the positions of its output, without biases", _weights_by_positions)),
    ("BatchNorm LayerNorm InstanceNorm", Rule(
        "2 for each element that it reads, 4 if it learns", _by_learning(_read, 2, 4),
    )),
    ("PReLU", Rule("1 for each element that it reads", _read)),
    ("Softmax", Rule("n powers, n - 1 additions and n divisions for each n elements", _softmax)),
    ("AvgPool", Rule("1 for each element that it gives", _given)),
    ("AdaptiveAvgPool", Rule(
        "for each element that it gives the mean size of the bins and 1", _mean_of_bins,
    )),
    ("Upsample", Rule(
        "for each element that it gives 1 (nearest), 5 (linear), 11 (bilinear) or nothing (trilinear)", _interpolated,
    )),
)  # fmt: skip


def _known_parameters(m: Seen, rules: Mapping[str, Rule]) -> int:
    """Those of the modules in the table."""
    return _leaf_parameters(m, rules) if m.base in rules else 0


# ptflops: hooks of modules, and functions that it replaces while the net runs


def _with_biases(m: Seen) -> int:
    return m.row.macs + (m.given.elements if m.biases else 0)


def _factors(m: Seen) -> float:
    """What it takes for the elements of a result: from factors those of the input times their product."""
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
    """Squares, the mean over them with their padding, a product and a sum."""
    size: int = m.row.layer.size  # type: ignore[attr-defined]
    return 3 * m.read.elements + (m.read.depth + size - 1) * m.read.positions


def _response_within(m: Seen) -> int:
    """The mean over the squares with their padding."""
    size: int = m.row.layer.size  # type: ignore[attr-defined]
    return m.read.with_sides(tuple([side + size - 1 for side in m.read.sides])).elements


PTFLOPS = _rules(
    ("Conv ConvTranspose Linear", Rule("its products and one addition for each element with a bias", _with_biases)),
    ("BatchNorm InstanceNorm GroupNorm", Rule(
        "1 for each element that it reads, 2 if it learns", _by_learning(_read, 1, 2),
    )),
    ("LayerNorm", Rule("1 for each element that it reads", _read)),
    ("ReLU PReLU ELU GELU", Rule(
        "2 for each element: for the module, and for the function that it calls", _given, _read,
    )),
    ("LeakyReLU ReLU6", Rule("1 for each element", _given)),
    ("Softmax SiLU", Rule("1 for each element, for the function that it calls", lambda m: 0, _read)),
    ("MaxPool AvgPool AdaptiveMaxPool AdaptiveAvgPool", Rule(
        "2 for each element that it reads: for the module, and for the function that it calls", _read, _read,
    )),
    ("LPPool", Rule(
        "for functions that it calls 1 for each element that it reads and 2 for each that it gives", lambda m: 0,
        lambda m: m.read.elements + 2 * m.given.elements,
    )),
    ("LocalResponseNorm", Rule(
        "for functions that it calls 3 for each element, and the squares with their padding", lambda m: 0,
        _response_across,
    )),
    ("ResponseWithin", Rule(
        "for a function that it calls the squares with their padding", lambda m: 0, _response_within,
    )),
    ("Upsample", Rule(
        "2 for each element that it gives: for the module, and for the function that it calls", _given, _given,
    )),
    ("F.interpolate", Rule(
        "1 for each element that it gives, reckoned from the factors where there are such; of several factors their "
        "whole parts", lambda m: 0, _factors,
    )),
)  # fmt: skip


# fvcore: operators of a trace


def _all_kernels(m: Seen) -> int:
    """A convolution with a table of connections is run with kernels of zeros for all others."""
    kernel: tuple[int, ...] = m.row.layer.kernel  # type: ignore[attr-defined]
    return m.given.elements * m.read.depth * prod(kernel)


def _standardized(m: Seen) -> int:
    """With the batch normalization of the weights, which learns nothing."""
    return m.row.macs + 4 * m.weights


def _projections(m: Seen) -> int:
    """Without the two products of attention."""
    queries, memory = m.row.input_volumes[0], m.row.input_volumes[-1]
    whole = m.elements("weight")
    ahead = m.elements("query") + whole // 3 + m.elements("out_weight")
    return ahead * queries.positions + (m.elements("key", "value") + whole - whole // 3) * memory.positions


def _scaled(count: Callable[[Seen], int], without: int, scaled: int) -> Callable[[Seen], int]:
    """``scaled`` for each element where there is a learned scale, else ``without``."""
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
        "its products, without biases", _products,
    )),
    ("ConnectedConv", Rule("its products and those with the kernels of zeros that fill the table", _all_kernels)),
    ("StandardizedConv", Rule("its products, and 4 for each weight that is standardized", _standardized)),
    ("Attention", Rule("the products of its projections, without those of attention", _projections)),
    ("BatchNorm", Rule(
        "1 for each element that it reads, 2 with a scale; without running statistics 4 and 5", _batch_norm,
    )),
    ("LayerNorm GroupNorm InstanceNorm", Rule(
        "4 for each element that it reads, 5 with a scale", _scaled(_read, 4, 5),
    )),
    ("AdaptiveAvgPool", Rule("1 for each element that it reads on a plane", _on_a_plane(_read))),
    ("Upsample F.interpolate", Rule(
        "on a plane for each element that it gives 1 (nearest) or 4 (bilinear), or 1 for each that it reads (area)",
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
    """What a program of :data:`COUNTERS` counts of each layer of a net, run at test time."""
    counter = COUNTERS[tool]
    source = Source(net.resolved, ExportOptions())
    parents = _parents(source, net)
    is_run = _used(net) if counter.traces else [not row.training_only for row in net.layers]
    return [
        _figure(counter, row, source.codes[row.index], parents.get(row.index, 1), is_run=is_run[row.index])
        for row in net.layers
    ]


def _used(net: Net) -> list[bool]:
    """Whether an output at test time depends on each layer."""
    used = [
        not row.training_only and not readers for row, readers in zip(net.layers, net.resolved.readers, strict=True)
    ]
    for row in reversed(net.layers):
        if used[row.index]:
            for source in row.sources:
                used[source] = True
    return used


def _figure(counter: Counter, row: Row, code: Code, parents: int, *, is_run: bool) -> Figure:
    """What a program counts of a layer whose module is a part of so many others."""
    if row.layer.is_stated:
        return Figure(row.parameters, row.macs, ("stated, not computed",), "PyTorch has no equal of what is stated")
    parameters, macs, words, doubt = 0, 0.0, [], None
    for place, m in enumerate(_seen(row, code)):
        rule = counter.rules.get(m.base)
        if not place and (counter.sees_unused or not row.training_only):
            parameters = counter.parameters(m, counter.rules) * parents ** (counter.repeats_parameters or 0)
        if rule is not None and is_run:
            macs += parents**counter.repeats * rule.macs(m) + (0 if rule.called is None else rule.called(m))
        words.append(f"{m.name}: {'nothing' if rule is None else rule.words}")
    if parents > 1 and counter.repeats_parameters is None:
        doubt = "it adds up parameters that several blocks share more often than once"
    return Figure(parameters, macs, tuple(words), doubt)


def _parents(source: Source, net: Net) -> dict[int, int]:
    """For each layer that shares its module with others the number of modules that have it as a part."""
    if not any(row.shared_with and not row.transposed for row in net.layers):
        return {}
    source.text()  # finds where the modules are
    groups: dict[int, list[int]] = {}
    for row in net.layers:
        if not row.transposed and row.index in source.paths:
            groups.setdefault(source.graph.owner(row.index)[0], []).append(row.index)
    found = {}
    for members in groups.values():
        found.update(dict.fromkeys(members, len({source.paths[index].rpartition(".")[0] for index in members})))
    return found
