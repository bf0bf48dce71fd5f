"""What other programs count in ``benchmarks.conventions``, in addition to the named nets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.graph import Graph, Node
from cnncalc.layers import KINDS
from tests.layer_cases import CASES, Case

if TYPE_CHECKING:
    from collections.abc import Iterator

NETS = (
    "INPUT 23x19x3 -> POOL3/2(round=ceil)@p -> CONV3-8 -> CONV3-3 -> UNPOOL(@p) -> GAP -> FC-5",
    "INPUT 12x10x3 -> CONV3-4@a -> [CONV3-4@b | CONV3-4(share=@b)] -> ADD -> GAP -> FC-3 -> SOFTMAX",
    "INPUT 9x8x3 -> CONV3-4@a -> [CONV3-4@l.b -> PRELU@l.p | CONV3-4(share=@l.b)@r.b -> PRELU(share=@l.p)@r.p] -> ADD",
    "INPUT 20x24x3 -> CONV3-6/2(bias=no)@e -> RELU -> DECONV3-3/2(pad=1, output_pad=1, share=@e, transposed=yes)",
    "INPUT 7x5x2 -> FC-9(bias=no)@a -> FC-70(share=@a, transposed=yes)",
    "INPUT 12x10x3 -> CONV3-4(trainable=no) -> BN(trainable=no) -> RELU -> CONV3-5 -> BN -> GAP -> FC-3",
    "[INPUT 9x7x2@left -> CONV3-4 | INPUT 9x7x2@right -> CONV3-4] -> ADD -> FLATTEN -> RELU -> BN -> FC-2",
    "INPUT 9x7x2 -> CONV3-4@c -> [GAP -> FC-3(training_only=yes)@aux | CONV3-5 -> GAP -> FC-3@main]",
    "INPUT 14x14x3 -> CONV7-12/7 -> SEQUENCE -> TOKEN -> POSITION -> [LN -> ATTENTION-3 | ] -> ADD -> LN -> FC-4",
    "INPUT 12x20x6 -> WINDOW(3x5) -> ATTENTION(2, relative=[3, 5]) -> UNWINDOW(12x20) -> LINEAR-4 -> GMP",
    "INPUT 9x11x6 -> RESIZE(factor=1.5) -> RESIZE(factor=[1.3, 2.5], mode=bilinear) -> RESIZE(size=[7, 5]) -> CONV3-2",
    "INPUT 9x8x7x3 -> POOL3/2(pad=[1, 0, 1, 1, 0, 0]) -> CONV3-4 -> BN -> AVGPOOL(output=2) -> FC-3",
)
"""Nets with parameters that are shared or frozen, layers that run in training alone, several inputs, windows."""


def net_of(case: Case) -> Graph:
    """The inputs of a case, and its layer."""
    inputs = [
        Node(f"input{place}", KINDS["input"](size=list(volume)), named=True) for place, volume in enumerate(case.inputs)
    ]
    return Graph("case", (*inputs, Node("layer", KINDS[case.kind](**case.keys), tuple(range(len(inputs))), named=True)))


def layers() -> Iterator[tuple[str, Graph]]:
    """Each layer of the tests as a net, but those that need another layer around them."""
    for case in CASES:
        is_alone = not case.layer.takes_places and not (case.layer.takes_windows and len(case.inputs[0]) > 2)
        if case.kind not in ("input", "opaque") and is_alone:
            yield str(case), net_of(case)
