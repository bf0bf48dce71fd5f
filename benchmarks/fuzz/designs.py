"""Targets: designs as patterns and as architecture files, and what holds for those that are read."""

# ruff: noqa: E501  # pieces stand in rows

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.fuzz.mutations import damaged, one_of, with_lines, with_numbers, with_signs, with_words
from benchmarks.fuzz.target import LARGE, READ, Broken, Target, one_in, refused, text_of
from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import account
from cnncalc.checks import loading
from cnncalc.errors import CnncalcError
from cnncalc.language.limits import EXPANSION_BESIDE_PROBLEMS
from cnncalc.language.reading import read_design, read_pattern
from cnncalc.language.writer import as_pattern, as_yaml
from tests.random_nets import random_design

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.graph import Graph

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = [
    "name: a\ninput: 9x11x3\nvariables: {n: 2, w: [3, 4], p: same}\ndefaults: {conv: {bias: no}}\nblocks:\n"
    "  C(kernel, filters, stride=1): CONV{kernel}-filters/stride(pad=p) -> BN -> RELU\n"
    "  unit(w, s=1, project=no): |\n    [ C3-w/s -> C1-{2*w} | [C1-{2*w}/s]?project ] -> ADD\n"
    "layers: |\n  C3-6 -> unit(3, 1, yes)@stage*n # twice\n  -> [CONV-{i+1}@c{i}]*w as i -> CONCAT(@stage.0.C1, @stage)\n",
    "input: 8x8x3\nlayers:\n  - conv: {name: a, filters: 4, kernel: [3, 1], pad: [1, 0]}\n  - relu\n  - pool: 2\n"
    "  - CONV3-4: [4x4x4]\n  - conv: {name: b, filters: 4, inputs: a, stride: 2, share: conv2}\n  - add: {inputs: [conv2, b]}\n"
    '  - "[RELU -> BN]*2"\n  - fc: {units: "{2*5}", trainable: no}\n',
    "title: 'x'\nsource: \"y\\t\"\nvariables:\n  stages: &s\n    - [1, 2]\n    - [3, 4]\n  other: *s\n"
    "layers: >\n  INPUT 8x8x2 -> [CONV3-w]*stages as n, w -> GAP ->\n  [FC-3(training_only=yes)@aux | FC]\n"
    "budget: {parameters: 4M, training_memory: {max: 8GiB, batch: 64}}\n",
    "input: 16x16x4\nlayers: [CONV1-8, RELU]\nignore: [first-fc, {rule: even-kernel, layers: [conv1]}]\nbudget:\n"
    "  macs: {max: 4M, warn: 3M, for: {width: 8..64}}\n  allow_stated: no\n  inference_memory: +5%\n",
]
"""Architecture files with every key."""
PATTERNS = (
    "INPUT -> FC", "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC",
    "INPUT 8x8x3 -> [[CONV3-w -> RELU]*n -> POOL2]*[2x4, 2x5] as n, w -> [FC -> RELU -> DROPOUT]*2 -> FC",
    "INPUT[9x11x3] -> [[CONV3-{2*2**i} -> RELU]*2 -> POOL2]*2 as i -> FC-6 -> RELU -> FC-10",
    "INPUT 12x12x4 -> [CONV1-4 -> RELU | CONV1-6 -> RELU -> CONV3-8 | POOL3/1(pad=1) -> CONV1-2] -> CONCAT -> GAP",
    "INPUT 8x8x4 -> [CONV1-6 -> BN -> RELU -> CONV1-4 -> BN | ] -> ADD -> RELU -> FC(5, bias=no)",
    "INPUT 9x9x2@x -> CONV3-4@a -> RELU -> ADD(@a) -> FROM(@x) -> RESIZE(12x12, mode=bilinear)@b -> CROP(@a) -> MUL(@a, @b)",
    "INPUT 16x8 -> LINEAR-8 -> TOKEN1 -> POSITION -> ATTENTION-2(bias=no) -> LN(axes=depth) -> SLICE(0, 1, axis=length) -> FC-3",
    "INPUT 8x8x4 -> WINDOW4 -> ATTENTION-2(relative=4x4) -> UNWINDOW8x8 -> ROLL2 -> SPACE2DEPTH(2, order=dcr) -> SEQUENCE -> PLANE4x4",
    "INPUT 4x8x8x3 -> CONV3-4(pad=same) -> POOL2 -> REDUCE(max, axes=[frames, depth]) -> PERMUTE([width, depth, height, frames])",
    "INPUT 32x1 -> CONV9-4/2 -> GLU -> DECONV4-2/2(output_pad=1) -> RMS -> OPAQUE(output=16x2, parameters=7)",
    "INPUT: [12x12x3] -> CONV3-4: [12x12x4] -> POOL2: [6x6x4]@p -> UNPOOL(@p) -> LOCAL3-2 -> CLIP(0, 6) -> AFFINE(0.5, [1, 2])",
)  # fmt: skip
PIECES = (
    *("INPUT", "INPUT 8x9x3", "CONV", "CONV3-4", "RELU", "POOL2", "FC", "BN", "ADD", "CONCAT", "MUL", "FROM", "DROPOUT", "LINEAR-4"),
    *("SLICE(0)", "UPSAMPLE2", "DECONV2-3", "GN", "block", "x", "N", "depth", "i", "yes", "same", "if", "else", "not", "and", "or"),
    *("->", " -> ", "\u2192", "[", "]", "|", "?", "*", "(", ")", "{", "}", ",", "@", "@a", "@a.b", ":", "=", "-", "/", "//", "**", "%"),
    *("+", "<", "==", "as", " as i", "min", "1", "0", "2x3", "8x9x3", "999999999999999999", "1.5", "1e9", ".5", "01", "#", "\n"),
    *("inputs=", "share=a", "pad=", "kernel=0", "training_only=yes", "trainable=no", "transposed=yes", "\u00d7", "\u2014", "\x07", "\u4e2d", "'", '"'),
    *("*2", "*3", "*[1, 2]", "?{i > 0}", "(pad=same)", "{2*i+1}", "range(3)", "make_divisible(9)", "floor(1.5)", "axis=height", "axes=depth"),
)  # fmt: skip
KEYS = (
    *("layers:", "input:", "variables:", "blocks:", "defaults:", "budget:", "ignore:", "name:", "- ", "conv: ", "{filters: 3}", "&a", "*a"),
    *("<<:", "!!str", "|", ">", "[", "]", "{", "}", ",", ": ", "? ", "---\n", "...\n", "'", '"', "~", "null", "on", "010", "1_000", "12:30"),
)  # fmt: skip


def checked(report: Report) -> None:
    """Raises Broken if the totals are not the sums over the layers."""
    for name in ("macs", "parameters", "weights", "biases", "buffers", "trainable"):
        if getattr(report.totals, name) != sum([getattr(row, name) for row in report.layers]):
            raise Broken(f"the total of {name} is not the sum over the layers")
    if report.totals.activations != sum([row.activations for row in report.layers if not row.in_place]):
        raise Broken("the total of activations is not the sum over the layers that are not in place")


def read_again(report: Report) -> None:
    """Raises Broken if the pattern or the file that ``show`` writes is not read as the same net."""
    rows = [(row.name, row.layer, row.inputs, row.output, row.macs, row.parameters) for row in report.layers]
    for write, reader in ((as_pattern, read_pattern), (as_yaml, read_design)):
        text = write(report.resolved)
        again = account(reader("<again>", text))
        found = [(row.name, row.layer, row.inputs, row.output, row.macs, row.parameters) for row in again.layers]
        if found != rows:
            raise Broken(f"it does not read back from {text[:600]}")


def held(report: Report, data: bytes) -> str:
    """A report that the input gives, after its checks; one in twelve short ones is written and read back."""
    checked(report)
    if one_in(12, data) and len(report.layers) < 100:
        read_again(report)
    return READ


def run_pattern(data: bytes) -> str:
    """A pattern, as from standard input."""
    try:
        graph = loading.load("-", stdin=text_of(data))
    except CnncalcError as error:
        return refused(error)
    return counted(graph, data)


def run_file(data: bytes) -> str:
    """An architecture file, whose budget is read, too."""
    try:
        text = data.decode("utf-8")
        graph = loading.load("-", stdin=text) if one_in(2, data) else load_bytes("net.yaml", data)
    except UnicodeDecodeError:
        try:
            graph = load_bytes("net.yaml", data)
        except CnncalcError as error:
            return refused(error)
    except CnncalcError as error:
        return refused(error)
    return counted(graph, data)


def counted(graph: Graph, data: bytes) -> str:
    """The outcome of a design whose layers are known."""
    try:
        report = account(graph)
    except CnncalcError as error:
        return (LARGE if len(graph.nodes) > EXPANSION_BESIDE_PROBLEMS else "") + refused(error)
    return held(report, data)


@cache
def pattern_seeds() -> Sequence[bytes]:
    """Patterns of the manual's form, and random valid ones of few layers."""
    texts = [*PATTERNS, *[random_design(seed, items=3).text for seed in range(300)]]
    return [text.encode() for text in texts]


@cache
def file_seeds() -> Sequence[bytes]:
    """Files with every key, the short ones of the named nets, and random nets as files."""
    named = [path.read_bytes() for path in sorted((ROOT / "architectures").glob("*.yaml"))]
    named += [path.read_bytes() for path in sorted((ROOT / "tests" / "language" / "examples").glob("*.yaml"))]
    short = [data for data in named if len(data) < 900]
    random = [as_yaml(account(read_pattern("<r>", random_design(seed, items=2).text)).resolved) for seed in range(60)]
    return [*[text.encode() for text in FILES] * 5, *short, *[text.encode() for text in random]]


TARGETS = (
    Target(
        "pattern", 100, run_pattern, pattern_seeds, one_of(with_words(*PIECES), with_words(*PIECES), with_words(*PIECES), with_numbers, with_signs, damaged)
    ),
    Target(
        "yaml", 12, run_file, file_seeds,
        one_of(with_words(*PIECES, *KEYS), with_words(*KEYS), with_lines, with_lines, with_numbers, with_signs, damaged),
    ),
)  # fmt: skip
