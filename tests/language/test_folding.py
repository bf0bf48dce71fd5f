"""Folding of a flat net into repeats, blocks and lists: a short text of the same net, node for node."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

import cnncalc
from cnncalc.analysis.report import account
from cnncalc.language.folding import flat, flat_pattern, folded, folded_pattern
from cnncalc.language.reading import read_architecture, read_design, read_pattern
from tests.nets import most_nets, report_of
from tests.random_nets import examples, random_design, seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnncalc.analysis.report import Report
    from cnncalc.graph import Graph, Node


def shapes_of(report: Report) -> Counter[Any]:
    """The layers of a net, each with all layers before it, so that nets with different edges differ."""
    seen: list[int] = []
    for row in report.layers:
        node = report.resolved.nodes[row.index]
        figures = (row.output, row.parameters, row.macs, row.layer.label(), node.trainable, node.training_only)
        owner = None if node.share is None else report.resolved.nodes[node.share].kind
        seen.append(hash((figures, owner, tuple(seen[source] for source in node.inputs))))
    return Counter(seen)


def without_names(graph: Graph) -> Graph:
    """The net with default names of layers."""
    numbers: Counter[str] = Counter()
    nodes = []
    for node in graph.nodes:
        numbers[node.kind] += 1
        mark = "_" if node.kind[-1].isdigit() else ""
        name = "input" if node.is_input else f"{node.kind}{mark}{numbers[node.kind]}"
        nodes.append(node._replace(name=name, named=False))
    return graph._replace(nodes=tuple(nodes))


def numbered(graph: Graph) -> Graph:
    """The net with names like those in files of other programs: ``Conv_3__21_0``."""
    nodes = [
        node._replace(name=f"{node.kind.title()}_{index}__{7 * index}_0", named=True)
        for index, node in enumerate(graph.nodes)
    ]
    return graph._replace(nodes=tuple(nodes))


NAMINGS: dict[str, Callable[[Graph], Graph]] = {
    "without names": without_names,
    "numbered": numbered,
    "dotted": lambda graph: graph,
}
LINES = {
    "resnet50": 14,
    "densenet121": 12,
    "mobilenet-v2": 15,
    "inception-v3": 24,
    "efficientnet-b0": 21,
    "yolov3": 18,
    "vgg16": 10,
    "googlenet": 24,
    "shufflenet-v2": 14,
    "resnet152": 14,
    "swin-t": 29,
    "unet": 14,
    "segnet": 15,
}
"""Maximum number of lines of the folded text, with its name and source."""
LARGE = ("resnet152", "densenet121", "inception-v3", "swin-t")


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in LINES]
)
def test_a_named_net_is_folded_to_few_lines(name: str, naming: str) -> None:
    report = account(cnncalc.load(name))
    graph = NAMINGS[naming](report.resolved)
    text = folded(graph)
    assert len(text.splitlines()) <= LINES[name], text
    assert max(map(len, text.splitlines())) <= 123, text
    assert shapes_of(account(read_architecture("again", text))) == shapes_of(report)


@most_nets
def test_every_named_net_is_folded(name: str) -> None:
    report = account(cnncalc.load(name))
    graph = without_names(report.resolved)
    texts = folded(graph), folded_pattern(graph)
    for text in texts:
        assert shapes_of(account(read_design("again", text))) == shapes_of(report), text
    assert len(texts[0]) < 0.9 * len(flat(graph)) or len(graph.nodes) < 15


@examples(40)
@given(seeds)
def test_the_folded_text_of_a_random_net_is_the_same_net(seed: int) -> None:
    report = report_of(random_design(seed, items=14).text)
    for text in (folded(report.resolved), folded_pattern(report.resolved)):
        assert shapes_of(account(read_design("again", text))) == shapes_of(report), text
    assert len(folded_pattern(report.resolved)) <= len(flat_pattern(report.resolved)) + 60


def folded_layers(text: str) -> str:
    """The pattern of the folded text of a pattern, in one line; with its blocks before it."""
    whole = folded(read_pattern("net", text))
    return re.sub(r"\s+", " ", whole.partition("\n")[2]).strip()


def test_a_repetition_with_different_numbers_becomes_a_repeat_over_a_list() -> None:
    stage = "CONV3-{0} -> BN -> RELU -> CONV3-{0} -> BN -> RELU -> CONV3-{0} -> BN -> RELU -> POOL2"
    text = "INPUT 64x64x3 -> " + " -> ".join(stage.format(width) for width in (8, 16, 32)) + " -> FC-10"
    assert folded_layers(text) == (
        "layers: | INPUT 64x64x3 -> [ [CONV3-w -> BN -> RELU]*3 -> POOL2 ]*[8, 16, 32] as w -> FC-10"
    )


def test_keys_that_most_layers_of_a_kind_share_are_defaults() -> None:
    text = "INPUT 9x9x3 -> CONV3-4(bias=no) -> BN -> CONV5-6(bias=no) -> BN -> CONV1-7(bias=no) -> CONV1x3-9"
    assert "defaults: {conv: {bias: no}}" in folded_layers(text)
    assert folded_layers(text).endswith("CONV1-7 -> CONV1x3-9(bias=yes)")


def test_the_names_of_inputs_and_outputs_are_kept() -> None:
    text = "INPUT 9x9x3@picture -> [CONV3-4@first -> RELU | CONV3-4@second -> RELU@two] -> ADD@sum -> GAP -> FC-3@boxes"
    text += " -> FROM(@sum) -> GMP -> FC-2@scores"
    again = read_architecture("again", folded(read_pattern("net", text)))
    assert again.nodes[0].name == "picture"
    assert {node.name for node, readers in zip(again.nodes, again.readers, strict=True) if not readers} == {
        "boxes",
        "scores",
    }


def test_notes_become_comments_at_the_top() -> None:
    graph = read_pattern("net", "INPUT 9x9x3 -> RELU")._replace(notes=("Identity left out (3 times)", "a\nb"))
    for text in (folded(graph), flat(graph), folded_pattern(graph), flat_pattern(graph)):
        assert text.startswith("# Identity left out (3 times)\n# a\\nb\n")
        assert len(cnncalc.load("-", stdin=text).nodes) == 2


def test_a_net_without_repetition_is_written_too() -> None:
    text = "INPUT 5x5x2@a -> RELU@b -> TANH@c -> ADD(@a, @b)@d -> ADD(@b, @c)@e -> ADD(@a, @d)@f -> MUL(@e, @b)"
    report = report_of(text)
    assert shapes_of(account(read_architecture("again", folded(report.resolved)))) == shapes_of(report)


def _chain_of(length: int) -> tuple[Node, ...]:
    graph = read_pattern("net", "INPUT 8x8x4 -> CONV3-4 -> RELU -> [CONV1-4 | ] -> ADD -> TANH")
    nodes = list(graph.nodes)
    unit = nodes[1:]
    while len(nodes) < length:
        shift = len(nodes) - 1
        nodes += [
            node._replace(name=f"{node.name}_{len(nodes)}", inputs=tuple(source + shift for source in node.inputs))
            for node in unit
        ]
    return tuple(nodes)


def test_a_long_net_is_folded() -> None:
    nodes = _chain_of(2_000)
    text = folded(read_pattern("net", "INPUT 8x8x4 -> RELU")._replace(nodes=nodes))
    assert f"*{(len(nodes) - 1) // 5}" in text
    assert text.count("\n") < 6


def test_a_merge_that_grows_is_a_repeat() -> None:
    """As torchvision's DenseNet, in which each layer joins all that came before it."""
    text = "INPUT 9x9x3 -> CONV3-8@x -> BN -> RELU -> CONV3-4@y0"
    for number in range(1, 7):
        names = ", ".join(f"@y{before}" for before in range(number))
        text += f" -> CONCAT(@x, {names}) -> BN -> RELU -> CONV3-4@y{number}"
    text += " -> CONCAT(@x, @y0, @y1, @y2, @y3, @y4, @y5, @y6) -> GAP"
    report = account(read_pattern("net", text))
    found = folded(report.graph)
    assert shapes_of(account(read_architecture("again", found))) == shapes_of(report)
    assert "@f{range(j)})" in found
    assert "*6 as j" in found
    assert "@f{range(6)})" in found


def test_units_with_references_inside_are_joined() -> None:
    """The names are local to the unit: each time of the repeat has its own."""
    unit = "[GAP -> FC-2@{0}a -> FC-8@{0}b | GMP -> FC-2(share={0}a) -> FC-8(share={0}b)] -> ADD -> SIGMOID"
    text = "INPUT 9x9x8 -> " + " -> ".join(f"[ | {unit.format(letter)} ] -> MUL -> CONV3-8" for letter in "pqr")
    report = account(read_pattern("net", text))
    found = folded(report.graph)
    assert shapes_of(account(read_architecture("again", found))) == shapes_of(report)
    assert found.count("GMP") == 1


def test_branches_that_read_from_each_other_stay_a_fork() -> None:
    cell = "[CONV1-4@{0}a -> CONV1x3-4 | FROM(@{0}a) -> CONV3x1-4 | CONV3-4 -> TANH] -> CONCAT -> RELU"
    text = "INPUT 9x9x8 -> " + " -> ".join(cell.format(letter) for letter in "pqrs")
    report = account(read_pattern("net", text))
    found = folded(report.graph)
    assert shapes_of(account(read_architecture("again", found))) == shapes_of(report)
    assert found.count("CONCAT") == 1
