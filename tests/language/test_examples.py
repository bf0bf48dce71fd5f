"""Nets written in the language, with their published parameter counts."""

# ruff: noqa: E501  # a net stands in one line

from __future__ import annotations

from pathlib import Path

import pytest

import cnncalc
from cnncalc.analysis.report import account
from cnncalc.language.reading import read_design, read_pattern
from cnncalc.language.writer import as_pattern, as_yaml
from tests.language.test_laws import facts

EXAMPLES = Path(__file__).parent / "examples"
PARAMETERS = {
    "dcgan": 18_872_323,
    "densenet121": 7_978_856,
    "googlenet": 6_998_552,
    "inception-v4": 42_679_816,
    "lenet5": 60_000,
    "mobilenet-v2": 3_504_872,
    "resnet50": 25_557_032,
    "resnet50-v2": 25_549_352,
    "vgg16": 138_357_544,
    "vgg16-line": 138_357_544,
}


def test_every_example_has_its_count() -> None:
    assert {file.stem for file in EXAMPLES.glob("*.yaml")} == set(PARAMETERS)


@pytest.mark.slow
@pytest.mark.parametrize("name", PARAMETERS)
def test_an_example_has_the_published_parameters_and_reads_back(name: str) -> None:
    report = cnncalc.analyze(str(EXAMPLES / f"{name}.yaml"))
    assert report.totals.parameters == PARAMETERS[name]
    assert facts(account(read_pattern("<again>", as_pattern(report.resolved)))) == facts(report)
    assert facts(account(read_design("<again>", as_yaml(report.resolved)))) == facts(report)


WRITERS = [
    "INPUT 8x8x4 -> CONV1-{10**20} -> GAP -> FC-{10**40 + 7}",
    "INPUT {[10**30, 2, 3]} -> GAP",
    "INPUT 8x8x4 -> PAD([0, 0, 10**30, 10**19]) -> PAD([0, 0, -10**30, -10**19]) -> CONV3-4(pad=[10**20, 0])",
    "INPUT 8x8x4 -> CONV3-4(share=b)@a -> CONV3-4@b",
    "INPUT 8x8x4 -> CONV3-4(share=b, transposed=yes)@a -> DECONV3-4@b -> CONV3-4(share=a, bias=yes)",
    "[INPUT 8x8x3@l | INPUT 8x8x3@r] -> CONCAT",
    "INPUT 8x8x3 -> CONV-3@a -> [INPUT 8x8x3] -> ADD(@a)",
    "INPUT 8x8x3@input1 -> CONV-3@a -> [INPUT 8x8x3@z] -> ADD(@a)",
    "INPUT 8x8x4 -> [ [CONV3-4 | ] -> ADD | [CONV3-4 | ] -> ADD | ] -> ADD -> [ | ] -> MUL",
    "INPUT 8x8x4 -> [CONV3-4 -> RELU]@m.x/y-z*3 -> FC-2",
    "INPUT 8x8x4 -> [[CONV3-4 -> RELU]@a -> [CONV3-4 -> RELU]@a2]@b*2 -> [RELU]@c -> FC-2",
    "INPUT 8x8x4 -> [CONV3-4]@conv1 -> [RELU@conv1]@a -> FC-2",
    "INPUT 8x8x4 -> [RELU -> [CONV3-4@x -> RELU]@g -> ADD(@x)]@g.h -> RELU@g.g.x -> FROM(@g.h.g.x) -> CONV3-4@x -> ADD(@g.g.x)",
    "INPUT 8x8x4 -> CONV3-4@a.b.c -> RELU@a.b.d -> RELU@a.e -> RELU@q -> RELU@a.b.z",
    "INPUT 8x8x4 -> CONV3-4@a -> GAP(training_only=yes) -> FC-3@aux -> FROM(@a) -> FC-5",
    "INPUT 64x64x4 -> " + "[RELU -> " * 63 + "RELU" + "".join(f"]@n{depth}" for depth in range(63)),
    "INPUT 64x64x4 -> " + "[|" * 62 + "RELU" + "]->ADD" * 62 + "->ADD(@input)",
    "input: 8x8x4\nblocks: {head: GAP -> FC-3 -> FC-4}\nlayers: CONV3-4@a -> head(training_only=yes)@aux -> FROM(@a) -> FC-5\n"
    "  -> [RELU -> head(training_only=yes, trainable=no) | RELU ]\n",
    "input: 8x8x4\nblocks: {'u(w)': CONV3-w -> BN, 'v(w)': u(w) -> u(w)}\n"
    "layers: v(4)@x*2 -> v(4, share=x) -> v(4, share=@x.0) -> v(4, trainable=no)@z\n",
    "input: 8x8x4\nlayers:\n  - conv: {name: a, filters: 4, inputs: b}\n  - conv: {name: b, inputs: input, filters: 4}\n"
    "  - add: {name: s, inputs: [a, b]}\n  - fc: {name: o, units: 3, inputs: b}\n  - fc: 2\n",
    "INPUT 8x8x4 -> DROPOUT(1e-7) -> LRELU(1e-30) -> LRN(alpha=1e22, beta=-0.1) -> ELU(alpha=0) -> LRELU(slope=-0.0)",
]  # fmt: skip


@pytest.mark.parametrize("text", WRITERS)
def test_odd_nets_read_back_as_well(text: str) -> None:
    report = account((read_design if "layers:" in text else read_pattern)("<text>", text))
    for write, read in ((as_pattern, read_pattern), (as_yaml, read_design)):
        written = write(report.resolved)
        again = account(read("<again>", written))
        assert facts(again) == facts(report), written
        assert write(again.resolved) == written
