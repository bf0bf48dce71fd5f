"""Folding of a flat net into repeats, blocks and lists: a short text of the same net, node for node."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

import cnncalc
from cnncalc.analysis.report import account
from cnncalc.analysis.volumes import propagate
from cnncalc.language import folding
from cnncalc.language.folding import flat, flat_pattern, folded, folded_pattern
from cnncalc.language.folding.parts import list_width
from cnncalc.language.forks import Forks
from cnncalc.language.reading import read_architecture, read_design, read_pattern
from cnncalc.language.writer import as_pattern, as_yaml
from tests.nets import most_nets
from tests.random_nets import examples, random_design, seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnncalc.graph import Graph, Node


def shapes_of(graph: Graph) -> Counter[Any]:
    """The layers of a net, each with all layers before it, so that nets with different edges differ."""
    seen: list[int] = []
    for item in propagate(graph):
        node, cost = item.node, item.cost
        figures = (cost.output, cost.weights.value, cost.biases.value, cost.macs.value, item.layer.label())
        owner = None if node.share is None else graph.nodes[node.share].kind
        flags = (node.trainable, node.training_only, node.transposed)
        seen.append(hash((figures, owner, flags, tuple(seen[source] for source in node.inputs))))
    return Counter(seen)


@cache
def named_net(name: str) -> tuple[Graph, Counter[Any]]:
    """A named net with its layers known, and its shapes."""
    graph = account(cnncalc.load(name)).resolved
    return graph, shapes_of(graph)


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


def resolved(text: str) -> Graph:
    """The net of a pattern, with all keys known."""
    graph = read_pattern("net", text)
    layers = [item.layer for item in propagate(graph)]
    return graph._replace(
        nodes=tuple(node._replace(layer=layer) for node, layer in zip(graph.nodes, layers, strict=True))
    )


NAMINGS: dict[str, Callable[[Graph], Graph]] = {
    "without names": without_names,
    "numbered": numbered,
    "dotted": lambda graph: graph,
}
LINES = {
    "resnet50": 16,
    "densenet121": 14,
    "mobilenet-v2": 16,
    "inception-v3": 28,
    "efficientnet-b0": 24,
    "yolov3": 18,
    "vgg16": 11,
    "googlenet": 27,
    "shufflenet-v2": 17,
    "resnet152": 16,
    "swin-t": 35,
    "unet": 18,
    "segnet": 16,
}
"""Maximum number of lines of the folded text, with its name and source."""


@pytest.mark.parametrize("name", LINES)
def test_a_named_net_is_folded_to_few_lines(name: str) -> None:
    graph, shapes = named_net(name)
    for naming in NAMINGS if name in ("resnet50", "googlenet", "yolov3") else ["dotted"]:
        text = folded(NAMINGS[naming](graph))
        assert len(text.splitlines()) <= LINES[name], text
        assert max(map(len, text.splitlines())) <= 120, text
        assert shapes_of(read_architecture("again", text)) == shapes


@most_nets
def test_every_named_net_is_folded(name: str) -> None:
    graph, shapes = named_net(name)
    graph = without_names(graph)
    for text in (folded(graph), folded_pattern(graph)):
        assert shapes_of(read_design("again", text)) == shapes, text
    assert len(folded(graph)) < 0.9 * len(flat(graph)) or len(graph.nodes) < 15


@examples(40)
@given(seeds)
def test_the_folded_text_of_a_random_net_is_the_same_net(seed: int) -> None:
    graph = resolved(random_design(seed, items=14).text)
    for text in (folded(graph), folded_pattern(graph)):
        assert shapes_of(read_design("again", text)) == shapes_of(graph), text
    assert len(folded_pattern(graph)) <= len(flat_pattern(graph)) + 60


def folded_layers(text: str) -> str:
    """The pattern of the folded text of a pattern, in one line; with its blocks before it."""
    whole = folded(read_pattern("net", text))
    return re.sub(r"\s+", " ", whole.partition("\n")[2]).strip()


def test_the_width_of_a_list_is_that_of_its_text() -> None:
    for value, text in ((7, "7"), ((1, 20), "[1, 20]"), (((1, 2), (3, 40)), "[[1, 2], [3, 40]]"), ((5,), "[5]")):
        assert list_width(value) == len(text)


def test_the_pattern_of_a_net_repeats_the_sequence_that_covers_most() -> None:
    text = "INPUT 8x8x3 -> [RELU*3 -> TANH]*2 -> FC-2"
    assert as_pattern(read_pattern("net", text)).strip() == text


def test_a_block_is_made_where_it_saves_one_character_more_than_the_least() -> None:
    unit = "DWCONV3 -> CONV3-8(pad=0) -> CONV3-64 -> BN -> SILU"
    graph = read_pattern("net", f"INPUT 64x64x3 -> {unit} -> TANH -> {unit} -> CONV5-7 -> {unit}")
    assert f"  C: |\n    {unit}\n" in folded(graph)


def test_a_merge_that_grows_by_what_another_input_changes_is_read_back() -> None:
    text, names = "INPUT 8x8x4 -> CONV1-4@a -> CONV1-4@b -> CONCAT(inputs=[@a, @b])", ["@a", "@b"]
    for number in range(5):
        names.append(f"@x{number}")
        text += f" -> [CONV1-4 | INPUT 8x8x4] -> ADD@x{number} -> CONCAT(inputs=[{', '.join(names)}])"
    graph = read_pattern("net", f"{text} -> FC-2")
    assert shapes_of(read_design("again", folded(graph))) == shapes_of(graph)


def test_inputs_without_a_name_get_none() -> None:
    text = "[INPUT 8x8x3 -> CONV3-4 | INPUT 8x8x4] -> ADD -> FC-2"
    assert folded_pattern(read_pattern("net", text)) == text + "\n"


def test_some_nets_are_shortest_by_a_strategy_that_keeps_layers_of_one_position(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = cnncalc.load("mobilenet-v3-large")
    shortest = folded(graph)
    strategies = folding.STRATEGIES
    monkeypatch.setattr(folding, "STRATEGIES", (*strategies[:3], *strategies[4:]))
    assert len(folded(graph)) > len(shortest)


def test_equal_parts_of_nested_forks_are_one_block() -> None:
    text = folded(without_names(named_net("unet-padded")[0]))
    assert "unit(w): |\n    [CONV3-w -> RELU]*2\n" in text
    assert text.count("unit(") == 10


def test_the_label_of_a_call_is_written_behind_it_not_inside_the_block() -> None:
    text = folded(without_names(named_net("pspnet-resnet50")[0]))
    assert re.findall(r"\S*@t2\S*", text) == ["unit(4)@t2", "ADD(@t2,"]


def test_a_named_group_of_one_repeat_keeps_its_name() -> None:
    assert "[ [CONV5-6 -> CONV1-6 -> DWCONV3]*2 ]@c1" in folded_layers(
        "INPUT 9x9x6 -> [[CONV5-6 -> CONV1-6 -> DWCONV3]*2]@c1 -> GAP"
    )


def test_an_entry_of_a_layer_that_reads_two_volumes_names_both() -> None:
    graph = read_pattern("net", "INPUT 8x8x3 -> CONV3-4@a -> POOL2 -> RESIZE(@a) -> FC-2")
    assert "- resize: {inputs: [pool1, a]}" in as_yaml(graph)
    assert shapes_of(read_design("again", as_yaml(graph))) == shapes_of(graph)


def test_a_fork_is_sought_until_no_step_is_left() -> None:
    inputs = [(), (0,), (0,), (1, 2)]
    assert Forks(inputs, [3], 0).furthest(1, 4, 0)[0] == 3
    assert Forks(inputs, [3], -1).furthest(1, 4, 0)[0] is None


def test_a_repetition_with_different_numbers_becomes_a_repeat_over_a_list() -> None:
    stage = "CONV3-{0} -> BN -> RELU -> CONV3-{0} -> BN -> RELU -> CONV3-{0} -> BN -> RELU -> POOL2"
    text = "INPUT 64x64x3 -> " + " -> ".join(stage.format(width) for width in (8, 16, 32)) + " -> GAP"
    assert folded_layers(text) == (
        "layers: | INPUT 64x64x3 -> [ [CONV3-w -> BN -> RELU]*3 -> POOL2 ]*[8, 16, 32] as w -> GAP"
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
    assert {node.name for node, readers in zip(again.nodes, again.readers(), strict=True) if not readers} == {
        "boxes",
        "scores",
    }


def test_notes_become_comments_at_the_top() -> None:
    graph = read_pattern("net", "INPUT 9x9x3 -> RELU")._replace(notes=("Identity left out (3 times)", "a\nb"))
    for text in (folded(graph), flat(graph), folded_pattern(graph), flat_pattern(graph)):
        assert text.startswith("# Identity left out (3 times)\n# a\\nb\n")
        assert len(cnncalc.load("-", stdin=text).nodes) == 2


def test_an_output_with_a_name_that_layers_get_keeps_it_where_it_is_free() -> None:
    """``conv2`` is the name of the second convolution outside of blocks, which here is another one."""
    nodes = list(resolved("INPUT 9x9x3 -> CONV3-4 -> RELU -> CONV3-5 -> TANH -> CONV1-6").nodes)
    nodes[3], nodes[5] = nodes[3]._replace(name="first"), nodes[5]._replace(name="conv2", named=True)
    graph = read_pattern("net", "INPUT 9x9x3 -> RELU")._replace(nodes=tuple(nodes))
    again = read_architecture("again", folded(graph))
    assert shapes_of(again) == shapes_of(graph)
    assert again.nodes[5].name == "conv2_"
    nodes[5] = nodes[5]._replace(name="conv3")
    again = read_architecture("again", folded(graph._replace(nodes=tuple(nodes))))
    assert again.nodes[5].name == "conv3"


@pytest.mark.parametrize("name", ["unit3.conv1", "unit4", "relu2"])
def test_layers_and_blocks_for_which_rules_are_ignored_keep_their_names(name: str) -> None:
    text = f"""
input: 9x9x4
blocks: {{unit: CONV3-4 -> BN}}
layers: unit -> RELU -> unit -> RELU -> unit -> RELU -> unit -> RELU -> unit -> RELU -> FC-2
ignore: [{{bias-before-bn: {name}}}]
"""
    graph = account(read_architecture("net", text)).resolved
    again = read_architecture("again", folded(graph))
    assert shapes_of(again) == shapes_of(graph)
    assert again.ignore[0].layer == name
    assert any(f"{node.name}.".startswith(f"{name}.") for node in again.nodes)


def test_long_defaults_and_lists_are_broken_into_lines() -> None:
    keys = "trainable=no, eps=0.001, scale=no, shift=no"
    kinds = ["CONV3-8(bias=no, groups=2, dilation=2, standardized=yes)", "DWCONV3(bias=no, dilation=2)"]
    kinds += ["LRELU(0.3)", "LRN5(alpha=0.5, beta=0.5, k=3)", "ELU(0.5)", "DROPOUT(0.125, whole=channel)"]
    text = "INPUT 64x64x8 -> " + " -> ".join([*kinds, *kinds, f"BN({keys})"])
    graph = resolved(text)
    found = folded(graph)
    assert max(map(len, found.splitlines())) <= 120
    assert shapes_of(read_architecture("again", found)) == shapes_of(graph)
    filters = list(range(1_000_000, 1_000_024))
    units = [" -> ".join(f"CONV1-{one + place}" for one in filters) for place in (100, 300, 700)]
    graph = resolved("INPUT 1x1x8 -> " + " -> POOL1 -> ".join(f"{unit} -> TANH" for unit in units))
    found = folded(graph)
    assert max(map(len, found.splitlines())) <= 120
    assert shapes_of(read_architecture("again", found)) == shapes_of(graph)


def test_the_classes_are_a_variable() -> None:
    text = "INPUT 9x9x3 -> FC-8 -> RELU -> FC-10 -> SOFTMAX"
    assert folded_layers(text).startswith("variables: classes: 10 layers: |")
    assert folded_layers(text).endswith("INPUT 9x9x3 -> FC-8 -> RELU -> FC-classes -> SOFTMAX")


def test_last_layers_of_one_size_have_the_variable_together() -> None:
    """Auxiliary classifiers, and heads that share their weights, follow the variable; heads of other sizes do not."""
    heads = "INPUT 8x8x3 -> CONV3-4@a -> FC-7@one -> FROM(@a) -> FC-5@two -> FROM(@a) -> CONV3-6 -> FC-7"
    assert folded_layers(heads) == (
        "variables: classes: 7 layers: | INPUT 8x8x3 -> CONV3-4@t1 -> FC-classes@one -> FROM(@t1) -> FC-5@two"
        " -> FROM(@t1) -> CONV3-6 -> FC-classes"
    )
    shared = "INPUT 8x8x4 -> SLICE(0, 2) -> FC-7@one -> FROM(@input) -> SLICE(2, 4) -> FC-7(share=@one)"
    assert folded_layers(shared).endswith("FC-classes@one -> FROM(@input) -> SLICE(2, 4) -> FC-classes(share=@one)")
    within = "INPUT 1x1x7 -> FC-7@a -> RELU -> FC-7(share=@a)"
    assert "classes" not in folded_layers(within)


def test_keys_that_a_kind_needs_are_no_defaults() -> None:
    """SLICE alone would not say what it takes."""
    text = "INPUT 8x8x9 -> SLICE(0, 5) -> CONV3-9 -> SLICE(0, 5) -> CONV5-9 -> SLICE(0, 5) -> CONV3-8"
    assert folded_layers(text).count("SLICE(0, 5)") == 3
    assert "defaults" not in folded_layers(text)


def test_a_long_head_is_broken_into_lines() -> None:
    graph = read_pattern("net", "INPUT 9x9x3 -> RELU")
    long = ('some words  and two blanks " # : ' * 12).strip()
    graph = graph._replace(title=long, source=long, notes=(long,), forms={"one": long, "two": "short"})
    for text in (folded(graph), flat(graph)):
        assert max(map(len, text.splitlines())) <= 120
        again = read_architecture("again", text)
        assert (again.title, again.source, again.forms) == (long, long, graph.forms)


def test_a_net_without_repetition_is_written_too() -> None:
    text = "INPUT 5x5x2@a -> RELU@b -> TANH@c -> ADD(@a, @b)@d -> ADD(@b, @c)@e -> ADD(@a, @d)@f -> MUL(@e, @b)"
    graph = resolved(text)
    assert shapes_of(read_architecture("again", folded(graph))) == shapes_of(graph)


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
    graph = resolved(text)
    found = folded(graph)
    assert shapes_of(read_architecture("again", found)) == shapes_of(graph)
    assert "@f{range(j)})" in found
    assert "*6 as j" in found
    assert "@f{range(6)})" in found


def test_units_with_references_inside_are_joined() -> None:
    """The names are local to the unit: each time of the repeat has its own."""
    unit = "[GAP -> FC-2@{0}a -> FC-8@{0}b | GMP -> FC-2(share={0}a) -> FC-8(share={0}b)] -> ADD -> SIGMOID"
    text = "INPUT 9x9x8 -> " + " -> ".join(f"[ | {unit.format(letter)} ] -> MUL -> CONV3-8" for letter in "pqr")
    graph = resolved(text)
    found = folded(graph)
    assert shapes_of(read_architecture("again", found)) == shapes_of(graph)
    assert found.count("GMP") == 1


def test_branches_that_read_from_each_other_stay_a_fork() -> None:
    cell = "[CONV1-4@{0}a -> CONV1x3-4 | FROM(@{0}a) -> CONV3x1-4 | CONV3-4 -> TANH] -> CONCAT -> RELU"
    text = "INPUT 9x9x8 -> " + " -> ".join(cell.format(letter) for letter in "pqrs")
    graph = resolved(text)
    found = folded(graph)
    assert shapes_of(read_architecture("again", found)) == shapes_of(graph)
    assert found.count("CONCAT") == 1


def test_the_names_of_blocks_are_kept() -> None:
    graph, _ = named_net("resnet50")
    again = read_architecture("again", folded(graph))
    blocks = {".".join(node.block.split(".")[:2]) for node in again.nodes}
    assert blocks == {".".join(node.block.split(".")[:2]) for node in graph.nodes}
    assert {"layer1.0", "layer3.5", "layer4.2"} <= blocks


def test_names_whose_numbers_follow_no_repeat_are_left_out() -> None:
    text = "INPUT 9x9x4 -> " + " -> ".join(
        f"[[CONV3-4 -> BN | ] -> ADD -> RELU]@unit{number}" for number in (3, 1, 4, 1_000, 5)
    )
    graph = resolved(text)
    found = folded(graph)
    assert shapes_of(read_architecture("again", found)) == shapes_of(graph)
    assert "*5" in found
    assert "@" not in found
