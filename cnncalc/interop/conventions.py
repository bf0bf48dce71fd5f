"""How other programs count the same net, so that a user sees why two tools disagree.

PyTorch's counters hook modules: the rules are those for the modules that ``convert --to torch`` writes. What a net
calls as a function, as torchvision's DenseNet does with its last pool, a hook does not see. Source: the code of each
tool in the version that stands in :data:`CONVENTIONS`; each rule is compared with a run of the tool.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Protocol

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cnncalc.layers.base import Layer
    from cnncalc.volume import Volume


class Row(Protocol):
    """What a rule needs of a layer; counts are for one image."""

    @property
    def kind(self) -> str: ...
    @property
    def layer(self) -> Layer: ...
    @property
    def input_volumes(self) -> tuple[Volume, ...]: ...
    @property
    def output(self) -> Volume: ...
    @property
    def weights(self) -> int: ...
    @property
    def biases(self) -> int: ...
    @property
    def parameters(self) -> int: ...
    @property
    def buffers(self) -> int: ...
    @property
    def macs(self) -> int: ...
    @property
    def training_only(self) -> bool: ...


class Convention(NamedTuple):
    """A tool: its version, what it counts in words, and the rule of each of its figures for a layer."""

    version: str
    words: str
    parameters: Callable[[Row], int]
    macs: Callable[[Row], int] | None


CONVOLUTIONS = ("conv", "dwconv", "deconv")
DENSE = ("fc", "linear")
NORMS = ("bn", "ln", "in")


def _learned(row: Row) -> int:
    return row.parameters


def _is_affine(row: Row) -> bool:
    return row.parameters > 0


def _biased(row: Row) -> int:
    """One addition for each element of the output, where there is a bias."""
    return row.output.elements if row.biases else 0


def torchinfo(row: Row) -> int:
    """Parameters times the positions of the output for convolutions, parameters once for all other layers."""
    return row.parameters * (row.output.positions if row.kind in CONVOLUTIONS else 1)


def thop(row: Row) -> int:
    """Products of convolutions and dense layers, 2 or 4 for each element of a norm, pools of means and softmax."""
    elements, x = row.output.elements, row.input_volumes[0].elements if row.input_volumes else 0
    kind = row.kind
    if kind == "deconv":
        return row.weights * row.output.positions
    if kind in CONVOLUTIONS or kind in DENSE:
        return row.macs
    if kind in NORMS:
        return 2 * x * (2 if _is_affine(row) else 1)
    if kind == "avgpool" and getattr(row.layer, "adaptive", None) is None:
        return elements
    if kind in ("gap", "avgpool"):
        share = prod(row.input_volumes[0].sides) / prod(row.output.sides)
        return int((share + 1) * elements)
    if kind == "prelu":
        return x
    if kind == "softmax":
        depth = row.output.depth
        return elements // depth * (3 * depth - 1)
    if kind == "upsample":
        return elements * (1 if getattr(row.layer, "mode", "") == "nearest" else 11)
    return 0


def ptflops(row: Row) -> int:
    """Products, additions of biases, and one or two operations for each element of norms, activations and pools."""
    elements, x = row.output.elements, row.input_volumes[0].elements if row.input_volumes else 0
    kind = row.kind
    if kind in CONVOLUTIONS or kind in DENSE:
        return row.macs + _biased(row)
    if kind in (*NORMS, "gn"):
        return x * (2 if _is_affine(row) and kind != "ln" else 1)
    if kind in ("relu", "prelu", "elu", "gelu"):
        return 2 * elements  # once for the module, once for the function that it calls
    if kind in ("relu6", "lrelu", "softmax", "silu"):
        return elements
    if kind in ("pool", "avgpool", "gap", "gmp"):
        return 2 * x
    if kind == "upsample":
        return 2 * elements
    return 0


def fvcore(row: Row) -> int:
    """Products, one or two operations for each element of BN, four or five of other norms, means over the plane."""
    elements, x = row.output.elements, row.input_volumes[0].elements if row.input_volumes else 0
    kind = row.kind
    if kind in CONVOLUTIONS or kind in DENSE or kind == "matmul":
        return row.macs
    if kind == "bn":
        return x * (2 if _is_affine(row) else 1)
    if kind in ("ln", "gn", "in"):
        return x * (5 if _is_affine(row) else 4)
    is_plane = len(row.output.sides) == 2  # it knows the pool over a plane alone
    if is_plane and (kind == "gap" or (kind == "avgpool" and getattr(row.layer, "adaptive", None) is not None)):
        return x
    if kind == "upsample":
        return elements * (1 if getattr(row.layer, "mode", "") == "nearest" else 4)
    return 0


def darknet(row: Row) -> int:
    """Products of convolutions alone; darknet prints twice as many as BFLOPs."""
    return row.macs if row.kind in ("conv", "dwconv") else 0


CONVENTIONS: dict[str, Convention] = {
    "torchinfo": Convention(
        "1.8.0",
        "a convolution: weights and biases times the positions of its output; every other layer: its parameters once, "
        "so that a LINEAR on a sequence counts as one on a vector",
        _learned,
        torchinfo,
    ),
    "thop": Convention(
        "0.1.1",
        "products without biases; 4 for each element of BN, LN and IN that learn (2 without), the outputs of AVGPOOL, "
        "of GAP times its window plus one, SOFTMAX, PRELU and UPSAMPLE; a DECONV by the positions of its output; no "
        "parameters of modules that it has no rule for, such as GN",
        lambda row: row.parameters if row.kind in (*CONVOLUTIONS, *DENSE, *NORMS, "prelu") else 0,
        thop,
    ),
    "ptflops": Convention(
        "0.7.5",
        "products and one for each bias added; 2 for each element of BN, GN and IN that learn (1 without, and of LN), "
        "1 or 2 for each element that RELU and its variants or SOFTMAX give, 2 for each that a pool reads or UPSAMPLE "
        "gives: once for the module, once for the function that it calls",
        _learned,
        ptflops,
    ),
    "fvcore": Convention(
        "0.1.5",
        "products without biases; 2 for each element of BN that learns, 5 of LN, GN and IN, 1 for each that GAP "
        "reads over a plane, 1 or 4 for each that UPSAMPLE gives",
        _learned,
        fvcore,
    ),
    "keras": Convention(
        "3",
        "parameters alone, with the running means and variances of BN, which it calls non-trainable",
        lambda row: row.parameters + row.buffers,
        None,
    ),
    "darknet": Convention("AlexeyAB", "products of convolutions alone, twice as BFLOPs", _learned, darknet),
}
"""The tools by name."""


COMPARED = frozenset(
    [
        *("input", "dropout", "flatten", "identity", "concat", "add", *CONVOLUTIONS, *DENSE, *NORMS),
        *("relu", "relu6", "lrelu", "prelu", "elu", "gelu", "silu", "sigmoid", "softmax"),
        *("pool", "avgpool", "gap", "gmp", "upsample"),
    ]
)
"""The kinds on which each rule was compared with a run of its tool."""


def not_compared(tool: str, rows: Iterable[Row]) -> list[Row]:
    """The layers on which the rule of a tool that hooks modules was not compared with it.

    These are layers of other kinds, and those with keys for which ``convert --to torch`` writes more than one module:
    normed filters, tables of connections, a scale without a shift, uneven pads of a pool.
    """
    if tool in ("keras", "darknet"):
        return []
    return [row for row in rows if row.kind not in COMPARED or _is_composed(row.layer)]


def _is_composed(layer: Layer) -> bool:
    """Whether PyTorch has no single module for the keys of a layer."""
    keys = layer.written()
    if keys.get("scale", True) != keys.get("shift", True):
        return True
    pad = getattr(layer, "pad", None)
    half = len(pad) // 2 if isinstance(pad, tuple) else 0
    uneven = isinstance(pad, tuple) and pad[:half] != pad[half:]
    return uneven or not {"normed", "standardized", "connections"}.isdisjoint(keys)


class Counted(NamedTuple):
    """The totals of a net as another tool counts them, for one image; ``macs`` None: it counts none."""

    tool: str
    version: str
    words: str
    parameters: int
    macs: int | None


def counted(tool: str, rows: Iterable[Row]) -> Counted:
    """The totals of a net as a tool of :data:`CONVENTIONS` counts it at test time."""
    convention = CONVENTIONS[tool]
    runs: Sequence[Row] = [row for row in rows if not row.training_only]
    parameters = sum([convention.parameters(row) for row in runs])
    macs = None if convention.macs is None else sum([convention.macs(row) for row in runs])
    return Counted(tool, convention.version, convention.words, parameters, macs)
