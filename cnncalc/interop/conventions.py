"""How other programs count the same net, so that a user sees why two tools disagree.

Programs for PyTorch count the modules that ``convert --to torch`` writes, those for ONNX the operators that ``convert
--to onnx`` writes. A program that counts modules misses what a net calls as a function, as torchvision's DenseNet does
with its last pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.interop.counting import Figure
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cnncalc.interop.counting import Net


class Convention(NamedTuple):
    """A tool: its version, how it counts in words, and a function with its figures for each layer of a net."""

    version: str
    words: str
    figures: Callable[[Net], list[Figure]]


def _of_modules(tool: str) -> Callable[[Net], list[Figure]]:
    def figures(net: Net) -> list[Figure]:
        from cnncalc.interop import torch_counters

        return torch_counters.figures(tool, net)

    return figures


def _of_operators(net: Net) -> list[Figure]:
    from cnncalc.interop import onnx_counter

    return onnx_counter.figures(net)


def _of_sections(net: Net) -> list[Figure]:
    from cnncalc.interop import darknet_counter

    return darknet_counter.figures(net)


def _of_keras(net: Net) -> list[Figure]:
    """The parameters and buffers of each layer that runs at test time."""
    from cnncalc.interop.keras_source import KerasSource

    doubts = {index: f"Keras has {lack}" for index, lack in KerasSource(net.resolved).lacks.items()}
    return [
        Figure(0, None)
        if row.training_only
        else Figure(row.parameters + row.buffers, None, doubt=doubts.get(row.index))
        for row in net.layers
    ]


CONVENTIONS: dict[str, Convention] = {
    "torchinfo": Convention(
        "1.8.0",
        "a convolution: weights and biases times the positions of its output; every other layer: its parameters once, "
        "so a LINEAR on a sequence counts as one on a vector; not the matrix products of ATTENTION",
        _of_modules("torchinfo"),
    ),
    "thop": Convention(
        "0.1.1",
        "multiplications without biases; 4 for each element of BN, LN and IN with parameters, 2 without; the outputs "
        "of AVGPOOL, those of GAP times its window plus one; SOFTMAX, PRELU and UPSAMPLE; the weights of a DECONV "
        "times the positions of its output; nothing for modules without a rule, such as GN and ATTENTION",
        _of_modules("thop"),
    ),
    "ptflops": Convention(
        "0.7.5",
        "multiplications and one for each bias added, without ATTENTION and MATMUL; 2 for each element of BN, GN and "
        "IN with parameters, 1 without and for LN; 1 or 2 for each output of RELU and its variants, GELU, SILU and "
        "SOFTMAX, 2 for each input of a pool and each output of UPSAMPLE: one for the module, one for the function "
        "that it calls",
        _of_modules("ptflops"),
    ),
    "fvcore": Convention(
        "0.1.5",
        "multiplications without biases, for ATTENTION only those of its projections; 2 for each element of BN with a "
        "scale, 5 of LN, GN and IN; 1 for each input of GAP with 2 sides, 1 or 4 for each output of UPSAMPLE",
        _of_modules("fvcore"),
    ),
    "onnx-tool": Convention(
        "1.0.1",
        "multiplications and one for each bias added; 31 for each element of BN, 1 of RELU, ADD and MUL, more for "
        "operators with exponentials (36 for SOFTMAX); pools by the elements of their windows; parameters with the "
        "running means and variances of BN, and those of layers that act only in training",
        _of_operators,
    ),
    "keras": Convention(
        "3", "only parameters, with the running means and variances of BN, which it calls non-trainable", _of_keras
    ),
    "darknet": Convention(
        "AlexeyAB",
        "multiplications of convolutions, and half of the elements of all windows of pools and of the additions of "
        "ADD: half of its BFLOPs; nothing for LOCAL and FC",
        _of_sections,
    ),
}
"""The tools by name."""


class Counted(NamedTuple):
    """A net as another tool counts it, for one image.

    ``macs`` is None if it counts none; ``figures`` are by layer. ``free`` are the kinds of layers that compute
    something but for which the tool has no rule, in the order of the net.
    """

    tool: str
    version: str
    words: str
    parameters: int
    macs: int | None
    figures: tuple[Figure, ...]
    free: tuple[str, ...]

    def doubts(self, indices: Iterable[int] | None = None) -> dict[str, list[int]]:
        """The reasons why figures of these layers (default: all) may differ from the tool's, each with its layers."""
        found: dict[str, list[int]] = {}
        for index in range(len(self.figures)) if indices is None else indices:
            doubt = self.figures[index].doubt
            if doubt is not None:
                found.setdefault(doubt, []).append(index)
        return found


def counted(tool: str, net: Net) -> Counted:
    """A net as a tool of :data:`CONVENTIONS` counts it; totals are those of a run at test time."""
    convention = CONVENTIONS[tool]
    figures = tuple(convention.figures(net))
    macs = [figure.macs for figure in figures if figure.macs is not None]
    total = int(sum(macs)) if len(macs) == len(figures) else None
    parameters = sum([figure.parameters for figure in figures])
    free = () if total is None else _free(net, figures)
    return Counted(tool, convention.version, convention.words, parameters, total, figures, free)


def _free(net: Net, figures: Iterable[Figure]) -> tuple[str, ...]:
    """The kinds without a rule for any layer that computes something at test time."""
    found: dict[str, bool] = {}
    for row, figure in zip(net.layers, figures, strict=True):
        if not (row.layer.is_input or row.layer.is_view_at_test_time or row.training_only):
            found[row.kind] = found.get(row.kind, False) or figure.has_rule
    return tuple([kind for kind, has_rule in found.items() if not has_rule])
