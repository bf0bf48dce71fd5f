"""The language, rule by rule: syntax, meaning, and equivalent spellings."""

# ruff: noqa: E501  # the spellings of one net stand side by side

from __future__ import annotations

from typing import Any

import pytest

from cnncalc import DesignError, Volume, analyze, load
from cnncalc.analysis.report import Report, account
from cnncalc.errors import NotADesign
from cnncalc.language.reading import ArchitectureReader, design_reader, read_design, read_pattern
from cnncalc.language.settings import Settings


def net(text: str, **options: Any) -> Report:
    """The report on a pattern, or on a file if the text has the key layers."""
    reader = read_design if "layers:" in text else read_pattern
    return account(reader("<text>", text, Settings(**options)))


def facts(report: Report) -> list[tuple[Any, ...]]:
    return [(row.name, row.layer, row.inputs, row.output, row.training_only, row.is_trainable) for row in report.layers]


def nameless(report: Report) -> list[tuple[Any, ...]]:
    return [(row.layer, row.sources, row.output) for row in report.layers]


def names(report: Report) -> list[str]:
    return [row.name for row in report.layers]


def labels(report: Report) -> list[str]:
    return [row.label for row in report.layers]


def codes(text: str, **options: Any) -> list[str]:
    with pytest.raises(DesignError) as caught:
        net(text, **options)
    return [problem.code for problem in caught.value.problems]


SPELLINGS = [
    ("INPUT 8x9x3", "INPUT[8x9x3]", "INPUT(8x9x3)", "INPUT: [8x9x3]", "INPUT8x9x3", "input[8\u00d79\u00d73]", "INPUT(size=[8, 9, 3])"),
    ("INPUT", "INPUT[224x224x3]", "input: 224x224x3\nlayers: INPUT", "layers: INPUT"),
    ("INPUT 8x9x3 -> CONV3-4 -> RELU", "INPUT 8x9x3->CONV3-4->RELU", "input 8x9x3 \u2192 Conv3-4 \u2192 relu", "INPUT 8x9x3 ->\n\tCONV 3 - 4 # a -> b [\n-> RELU"),
    ("INPUT 8x9x3 -> CONV3-4", "INPUT 8x9x3 -> CONV(4)", "INPUT 8x9x3 -> CONV(filters=4, kernel=3)", "INPUT 8x9x3 -> CONV{1+2}-{2*2}",
     "INPUT 8x9x3 -> CONV3: [8x9x4]", "INPUT 8x9x3 -> CONV3x3-4/1x1(pad=1)", "input: 8x9x3\nlayers: [conv: 4]",
     "input: 8x9x3\nlayers:\n  - conv: {filters: 4, kernel: [3, 3], pad: [1, 1, 1, 1], bias: on}", "input: [8, 9, 3]\nlayers:\n  - CONV3: [8x9x4]"),
    ("INPUT 8x9x3 -> CONV3-4(pad=1)", "INPUT 8x9x3 -> CONV3-4(pad=[1, 1])", "INPUT 8x9x3 -> CONV3-4(pad=1x1)", "INPUT 8x9x3 -> CONV3-4(pad=[1, 1, 1, 1])", "INPUT 8x9x3 -> CONV3-4(pad={2 - 1})"),
    ("INPUT 8x9x3 -> CONV3-4(pad=0)", "INPUT 8x9x3 -> CONV3-4(pad=valid)", "INPUT 8x9x3 -> CONV3-4(pad=[0, 0])", "variables: {p: valid}\nlayers: INPUT 8x9x3 -> CONV3-4(pad=p)"),
    ("INPUT 8x9x3 -> CONV3-4(bias=no)", "INPUT 8x9x3 -> CONV3-4(bias=FALSE)", "INPUT 8x9x3 -> CONV3-4(bias=off)", "defaults: {conv: {bias: no}}\nlayers: INPUT 8x9x3 -> CONV3-4"),
    ("INPUT 8x9x3 -> POOL", "INPUT 8x9x3 -> POOL2", "INPUT 8x9x3 -> POOL2/2", "INPUT 8x9x3 -> POOL(2)", "INPUT 8x9x3 -> POOL2(round=floor, pad=0)"),
    ("INPUT 8x9x3 -> DROPOUT", "INPUT 8x9x3 -> DROPOUT(.5)", "INPUT 8x9x3 -> DROPOUT(5e-1)", "input: 8x9x3\nlayers:\n  - dropout: 0.5"),
    ("INPUT 8x9x3 -> FC-5", "INPUT 8x9x3 -> FC(5)", "INPUT 8x9x3 -> FC: [1x1x5]", "INPUT 8x9x3 -> FC{'x'}".replace("{'x'}", "-{5}"), "variables: {classes: 5}\nlayers: INPUT 8x9x3 -> FC-classes"),
    ("INPUT 8x9x3 -> RELU", "INPUT 8x9x3 -> [RELU]", "INPUT 8x9x3 -> RELU*1", "INPUT 8x9x3 -> [[RELU]]*1", "INPUT 8x9x3 -> RELU?", "INPUT 8x9x3 -> RELU?{1 < 2}", "INPUT 8x9x3 -> RELU?yes", "INPUT 8x9x3 -> TANH*0 -> RELU", "INPUT 8x9x3 -> [] -> RELU -> []"),
    ("INPUT 8x9x3 -> CONV3-2 -> CONV3-4 -> CONV3-4", "INPUT 8x9x3 -> [CONV3-w]*[2, 4, 4] as w", "INPUT 8x9x3 -> [[CONV3-w]*n]*[1x2, 2x4] as n, w", "INPUT 8x9x3 -> CONV3-{2 if i == 0 else 4}*3 as i",
     "INPUT 8x9x3 -> CONV3-{min(2+2*i, 4)}*3 as i", "variables: {s: [[1, 2], [2, 4]]}\nlayers: INPUT 8x9x3 -> [CONV3-w*n]*s as n, w", "INPUT 8x9x3 -> CONV3-{[2, 4, 4][i]}*3 as i", "INPUT 8x9x3 -> CONV3-{x[1]}*[0x2, 0x4, 0x4] as x"),
    ("INPUT 8x9x3 -> CONV3-3 -> [CONV3-3 | ] -> ADD", "INPUT 8x9x3 -> CONV3-3@conv1 -> CONV3-3 -> ADD(@conv1)", "input: 8x9x3\nlayers:\n  - conv: 3\n  - conv: 3\n  - add: {inputs: [conv2, conv1]}"),
    ("INPUT 8x9x3 -> RELU6 -> GN3 -> IN", "INPUT 8x9x3 -> relu6 -> GN(groups=3) -> in", "INPUT 8x9x3 -> RELU6 -> GN{1+2} -> IN"),
    ("INPUT 8x9x4 -> CONV1-{depth//2} -> FC-{height*width}", "INPUT 8x9x4 -> CONV1-2 -> FC-72", "INPUT 8x9x4 -> CONV1-{width - 7} -> FC-{depth * 36}"),
]  # fmt: skip


@pytest.mark.parametrize("spellings", SPELLINGS, ids=[spelling[0] for spelling in SPELLINGS])
def test_every_spelling_means_the_same(spellings: tuple[str, ...]) -> None:
    for other in spellings[1:]:
        assert facts(net(other)) == facts(net(spellings[0])), other


def test_the_four_patterns_of_the_notes_are_read_unchanged() -> None:
    assert labels(net("INPUT -> FC")) == ["INPUT", "FC-1000"]
    assert labels(net("INPUT -> CONV -> RELU -> FC")) == ["INPUT", "CONV3-64", "RELU", "FC-1000"]
    assert labels(net("INPUT -> [CONV -> RELU -> POOL]*2 -> FC -> RELU -> FC")) == [
        "INPUT", "CONV3-64", "RELU", "POOL2", "CONV3-64", "RELU", "POOL2", "FC-4096", "RELU", "FC-1000",
    ]  # fmt: skip
    long = net("INPUT -> [CONV -> RELU -> CONV -> RELU -> POOL]*3 -> [FC -> RELU]*2 -> FC")
    assert long.layers[15].output == Volume(28, 28, 64)
    assert [row.kind for row in long.layers].count("fc") == 3


def test_the_general_pattern_needs_its_variables() -> None:
    general = "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC"
    report = net(general, variables={"N": 2, "M": 3, "K": 1})
    assert [row.kind for row in report.layers].count("conv") == 6
    assert report.layers[-1].input_volumes == (Volume(1, 1, 4096),)
    assert report.assumed == {
        "input": [224, 224, 3], "filters": 64, "kernel": 3, "optional": "keep", "pool_kernel": 2, "hidden": 4096, "classes": 1000,
    }  # fmt: skip
    assert labels(net(general, variables={"N": 0, "M": 0, "K": 0})) == labels(net("INPUT -> FC"))
    with pytest.raises(DesignError, match="variables without a value: N, M, K"):
        net(general)


def test_optional_items_are_kept_dropped_or_chosen_individually() -> None:
    text = "INPUT 8x8x3 -> [RELU?]*3 -> TANH?{1 > 0}"
    for optional, relus in ((None, 3), (True, 3), (False, 0), ((True, False, True), 2)):
        assert [row.kind for row in net(text, optional=optional).layers].count("relu") == relus
    assert net(text).assumed == {"optional": "keep"}
    assert net(text, optional=False).layers[-1].kind == "tanh"
    assert codes(text, optional=(True,)) == ["optional"]


def test_assumed_values_are_reported_and_can_be_set() -> None:
    text = "INPUT -> CONV -> FC -> FC"
    assert net(text).assumed == {"input": [224, 224, 3], "filters": 64, "kernel": 3, "hidden": 4096, "classes": 1000}
    set_all = net(text, input=Volume(8, 9, 2), filters=5, hidden=6, classes=7)
    assert labels(set_all) == ["INPUT", "CONV3-5", "FC-6", "FC-7"]
    assert set_all.assumed == {"kernel": 3}
    in_file = "defaults: {conv: {filters: 5, kernel: 1}, fc: {units: 9}, input: {size: 8x8x2}}\nlayers: INPUT -> CONV -> FC -> FC-3"
    assert labels(net(in_file)) == ["INPUT", "CONV1-5", "FC-9", "FC-3"]
    assert net(in_file).assumed == {}


def test_the_input_of_the_call_replaces_that_of_the_design_and_is_reported() -> None:
    for text in ("INPUT 8x9x3 -> RELU", "input: 8x9x3\nlayers: RELU", "INPUT: [8x9x3] -> RELU"):
        report = net(text, input=Volume(5, 6, 2))
        assert report.layers[-1].output == Volume(5, 6, 2)
        assert [str(warning) for warning in report.warnings] == [
            "note[input-replaced]: --input 5x6x2 replaces the stated input 8x9x3"
        ]
        assert net(text, input=Volume(8, 9, 3)).warnings == ()


def test_a_first_input_without_a_name_is_called_input_or_input1() -> None:
    for name in ("input", "input1"):
        assert net("INPUT -> RELU", inputs={name: Volume(5, 6, 2)}).layers[-1].output == Volume(5, 6, 2)
    two = "[INPUT -> RELU | INPUT -> RELU] -> CONCAT"
    sizes = {"input1": Volume(5, 6, 2), "input2": Volume(5, 6, 7)}
    assert net(two, inputs=sizes).layers[-1].output == Volume(5, 6, 9)


def test_a_fork_of_which_one_branch_begins_with_an_input_reads_no_other() -> None:
    """The branch without INPUT has nothing to read; the file's input is that of the INPUT without a size."""
    for pattern in ("[INPUT -> RELU | TANH] -> ADD", "[TANH | INPUT -> RELU] -> ADD", "[[INPUT -> RELU]]"):
        text = f"input: 5x6x2\nlayers: '{pattern}'\n"
        if "|" in pattern:
            assert codes(text) == ["no-input"]
        else:
            assert labels(net(text)) == ["INPUT", "RELU"]
    assert labels(net("input: 5x6x2\nlayers: '[ | TANH] -> ADD'\n")) == ["INPUT", "TANH", "ADD"]


def test_the_variables_of_a_design_are_those_that_its_layers_read() -> None:
    text = "input: 8x8x3\nvariables: {w: 8, v: 3}\nlayers: CONV3-w -> CONV3-n\n"
    assert design_reader("<text>", text).variables() == {"w": 8, "n": None}
    assert design_reader("<text>", "INPUT 8x8x3 -> CONV3-n").variables() == {"n": None}


def test_a_text_that_is_no_yaml_is_a_file_if_a_line_begins_with_input_and_it_has_no_arrow() -> None:
    for text, is_file in (("input: 8x8x3\nlayrs: [", True), ("input: [ -> x", False), ("CONV3: [8x8x3", False)):
        assert isinstance(design_reader("<text>", text), ArchitectureReader) == is_file


def test_a_file_is_meant_as_a_design_if_it_has_the_key_layers_or_an_input_with_a_size() -> None:
    for text, is_design in (
        *(("{input: 8x8x3, layers: [CONV3-8}", True), ("input: 8x8x3\nlayers: [CONV3-8\n", True)),
        *(("name: a, layers: [CONV3-8", False), ("# nothing\n", False)),
    ):
        with pytest.raises(DesignError) as caught:
            ArchitectureReader("<text>", text).graph()
        assert isinstance(caught.value, NotADesign) != is_design
        assert caught.value.problems[0].span is not None


def test_a_branch_that_begins_with_a_merge_has_no_volume_to_join() -> None:
    assert codes("[INPUT 8x8x3@a | ADD(@a)] -> CONCAT") == ["wrong-inputs"]


def test_parts_that_are_not_built_are_checked_too() -> None:
    blocks = "input: 8x8x3\nblocks: {{{}}}\nlayers: FC-2\n"
    assert codes("INPUT 8x8x3 -> [[RELU | TANH] -> RELU]?no -> FC-2") == ["fork-without-merge"]
    assert codes(blocks.format("b: '[RELU | TANH] -> RELU'")) == ["fork-without-merge"]
    assert codes(blocks.format("b: CONV3-n")) == ["unset-variable"]
    assert codes(blocks.format("'b(k=n)': CONV3-k")) == ["unset-variable"]
    assert codes("INPUT 8x8x3 -> RELU@a -> [RELU -> ADD(@a{height})]?no -> FC-2") == ["graph-needs-volume"]


def test_an_input_that_looks_depth_first_is_taken_as_written_with_a_warning() -> None:
    report = net("INPUT 3x224x224 -> RELU")
    assert report.layers[0].output == Volume(3, 224, 224)
    assert [warning.hint for warning in report.warnings] == ["for an image of depth 3 write 224x224x3"]
    assert net("INPUT 224x224x3 -> RELU").warnings == ()


def test_hidden_fc_layers_and_last_fc_layers_have_different_defaults() -> None:
    """A net with two ends: the last FC of each branch has the classes, the one before the fork is hidden."""
    report = net("INPUT 4x4x2 -> FC@h -> [RELU -> FC | TANH -> FC -> FC]", hidden=5, classes=3)
    assert [row.output.depth for row in report.layers if row.kind == "fc"] == [5, 3, 5, 3]


def test_a_stated_volume_sets_an_open_size_and_is_checked_otherwise() -> None:
    assert net("INPUT: [8x9x3] -> CONV: [8x9x7] -> POOL2: [4x4x7] -> FC: [1x1x2]").layers[-1].output == Volume(1, 1, 2)
    assert codes("INPUT: [8x9x3] -> POOL2: [4x5x3]") == ["volume-mismatch"]


def test_a_layer_without_a_name_gets_its_kind_and_a_number() -> None:
    report = net("INPUT 8x8x4 -> CONV3-4 -> RELU6 -> CONV3-4@x -> RELU6@y -> CONV3-4 -> RELU6 -> RELU")
    assert names(report) == ["input", "conv1", "relu6_1", "x", "y", "conv3", "relu6_3", "relu1"]


def test_a_repeat_of_a_labelled_group_numbers_the_label() -> None:
    text = "INPUT 8x8x4 -> CONV3-4@c*2 -> [RELU -> BN]@g*2 -> [TANH]@h*1"
    assert names(net(text)) == ["input", "c.0", "c.1", "g.0.relu1", "g.0.bn1", "g.1.relu1", "g.1.bn1", "h.0.tanh1"]


def test_layers_of_a_block_are_prefixed_with_its_label_or_its_name_and_number() -> None:
    text = (
        "input: 8x8x4\nblocks:\n  u(w): CONV3-w -> RELU\n  v: u(4) -> u(4)@a\nlayers: u(4) -> v -> u(4)@x -> u(4)@y*2\n"
    )
    assert names(net(text)) == [
        "input", "u1.conv1", "u1.relu1", "v1.u1.conv1", "v1.u1.relu1", "v1.a.conv1", "v1.a.relu1", "x.conv1", "x.relu1",
        "y.0.conv1", "y.0.relu1", "y.1.conv1", "y.1.relu1",
    ]  # fmt: skip


def test_names_bound_by_as_are_known_inside_the_item_and_in_its_labels() -> None:
    assert names(net("INPUT 8x8x4 -> [CONV3-4@m{i}{w} -> RELU@r{i}/{w+1}]*[7, 8] as w".replace("{i}", "z"))) == [
        "input", "mz7", "rz/8", "mz8", "rz/9",
    ]  # fmt: skip
    assert codes("INPUT 8x8x4 -> CONV3-4*2 as i -> CONV-i") == ["unset-variable"]


def test_a_reference_finds_the_innermost_name_and_the_last_iteration_of_a_repeat() -> None:
    report = net(
        "INPUT 8x8x4 -> CONV3-4@a -> [TANH@a -> RELU -> ADD(@a)]@g -> [BN]@r*3 -> ADD(@a) -> ADD(@r) -> ADD(@g)"
    )
    rows = {row.name: row.inputs for row in report.layers}
    assert rows["g.add1"] == ("g.relu1", "g.a")
    assert rows["add1"] == ("r.2.bn1", "a")
    assert rows["add2"] == ("add1", "r.2.bn1")
    assert rows["add3"] == ("add2", "g.add1")


def test_add_with_one_reference_also_reads_the_item_before_and_with_two_does_not() -> None:
    text = "INPUT 8x8x4 -> CONV3-4@a -> TANH@b -> {}"
    assert net(text.format("ADD(@a)")).layers[-1].inputs == ("b", "a")
    assert net(text.format("RELU@c -> ADD(@a, @b)")).layers[-1].inputs == ("a", "b")


def test_from_continues_from_the_named_layer() -> None:
    report = net("INPUT 8x8x4 -> CONV3-4@a -> TANH@b -> FROM(@a) -> RELU -> CONCAT(@b)")
    assert [row.inputs for row in report.layers][3:] == [("a",), ("relu1", "b")]


def test_a_fork_at_the_end_of_the_net_gives_one_output_for_each_branch() -> None:
    report = net("INPUT 8x8x4 -> [CONV3-4 -> RELU | GAP -> FC-3 | ]")
    assert [bool(readers) for readers in report.graph.readers()] == [True, True, False, True, False]


def test_add_and_mul_broadcast_a_point_or_a_single_map() -> None:
    assert net("INPUT 8x9x4 -> [GAP | ] -> MUL").layers[-1].output == Volume(8, 9, 4)
    assert net("INPUT 8x9x4 -> [CONV3-1 | ] -> ADD").layers[-1].output == Volume(8, 9, 4)
    assert net("INPUT 8x9x4 -> [GAP | CONV3-1] -> ADD").layers[-1].output == Volume(8, 9, 4)
    assert codes("INPUT 8x9x4 -> [GAP -> CONV1-3 | ] -> ADD") == ["merge-mismatch"]


def test_a_branch_may_begin_with_another_input() -> None:
    report = net("[INPUT 8x9x3 -> CONV3-4 | INPUT 8x9x2] -> CONCAT")
    assert names(report) == ["input1", "conv1", "input2", "concat1"]
    assert report.layers[-1].output == Volume(8, 9, 6)


def test_expressions_are_exact() -> None:
    for text, value in (
        ("2+3*4", 14), ("(2+3)*4", 20), ("-7//2+9", 5), ("-7%3", 2), ("2**3**2", 512), ("-2**2+9", 5), ("7 if 1 > 2 else 8", 8),
        ("1 < 2 < 3 and 5", 5), ("0 or 4", 4), ("3 if not 0 else 1", 3), ("max(1, 2x9)", None), ("max(2x9)", 9), ("min(4, 2, 3)", 2),
        ("2x5x7[-1]", 7), ("[1, [2, 3]][1][0]", 2), ("3 if yes else 4", 3), ("10**40 // 10**39", 10), ("5 if 2 != 3 else 1", 5),
        ("1 if 2 >= 3 or 3 <= 3 else 2", 1), ("1 if same == same else 2", 1),
    ):  # fmt: skip
        if value is None:
            assert codes(f"INPUT 8x8x3 -> CONV-{{{text}}}") == ["wrong-type"]
        else:
            assert net(f"INPUT 8x8x3 -> CONV-{{{text}}}").layers[-1].output.depth == value, text


def test_blocks_take_parameters_by_position_by_name_and_in_short_form() -> None:
    head = "input: 9x9x3\nblocks:\n  C(kernel, filters, stride=1, p=same): CONV{kernel}-filters/stride(pad=p) -> BN -> RELU\nlayers: "
    for call in (
        "C(3, 4, 2)",
        "C3-4/2",
        "C3-4(2)",
        "C3-4(stride=2)",
        "C(filters=4, kernel=3, stride=2)",
        "C{1+2}-{2*2}/2",
        "C3(4, 2)",
        "C3-4/2(same)",
    ):
        assert facts(net(head + call)) == facts(net(head + "C(3, 4, 2)")), call
    assert net(head + "C3-4/2(valid)").layers[-1].output == Volume(4, 4, 4)
    assert labels(net(head + "C1x7-4"))[1] == "CONV1x7-4"


def test_scopes_are_lexical() -> None:
    """The block uses the variable w of the file, not that of the repeat that calls it."""
    text = "input: 8x8x3\nvariables: {w: 5}\nblocks:\n  u: CONV3-w\nlayers: u*[7, 8] as w\n"
    assert [row.output.depth for row in net(text).layers] == [3, 5, 5]


def test_depth_in_a_block_is_that_of_its_input() -> None:
    text = "input: 8x8x6\nblocks:\n  half: CONV3-7 -> CONV1-{depth//2}\nlayers: half -> CONV1-{depth*2}\n"
    assert [row.output.depth for row in net(text).layers] == [6, 7, 3, 6]


def test_variables_of_the_call_override_those_of_the_file() -> None:
    text = "variables: {a: 2, b: '{a + 1}'}\nlayers: INPUT 8x8x3 -> CONV-b"
    assert net(text).layers[-1].output.depth == 3
    assert net(text, variables={"a": 9}).layers[-1].output.depth == 10
    assert [problem.code for problem in net(text, variables={"c": 9}).warnings] == ["no-effect"]
    assert (
        net("INPUT 8x8x3 -> CONV-filters -> FC-hidden -> FC-classes", filters=2, hidden=3, classes=4)
        .layers[2]
        .output.depth
        == 3
    )


def test_a_layer_may_be_used_before_it_is_listed() -> None:
    text = "input: 8x8x3\nlayers:\n  - add: {name: s, inputs: [b, input]}\n  - conv: {name: b, filters: 3, inputs: input}\n  - relu: {inputs: s}\n"
    assert names(net(text)) == ["input", "b", "s", "relu1"]


def test_shared_parameters_are_counted_once_and_their_multiply_adds_at_each_use() -> None:
    report = net("INPUT 8x8x4 -> CONV3-4(share=b)@a -> CONV3-4(share=c)@b -> CONV3-4@c")
    assert [row.parameters for row in report.layers] == [0, 0, 0, 3 * 3 * 4 * 4 + 4]
    assert [row.shared_with for row in report.layers] == [None, "c", "c", None]
    assert report.totals.macs == 3 * (3 * 3 * 4 * 4 * 8 * 8)
    calls = (
        "input: 8x8x4\nblocks: {'u(w)': CONV3-w -> BN -> RELU}\nlayers: u(4)@x*2 -> u(4, share=x) -> u(4, share=@x.0)\n"
    )
    assert [row.shared_with for row in net(calls).layers if row.shared_with] == [
        "x.1.conv1",
        "x.1.bn1",
        "x.0.conv1",
        "x.0.bn1",
    ]


def test_frozen_layers_have_parameters_and_no_trainable_ones() -> None:
    text = "input: 8x8x4\nblocks: {u: CONV3-4 -> RELU -> BN}\nlayers: u(trainable=no) -> u -> CONV3-4(trainable=no)\n"
    report = net(text)
    assert report.totals.parameters == 2 * (148 + 8) + 148
    assert report.totals.trainable == 148 + 8
    # a frozen call freezes the layers with parameters
    assert [row.name for row in report.layers if not row.is_trainable] == ["u1.conv1", "u1.bn1", "conv1"]
    assert codes("INPUT 8x8x4 -> RELU(trainable=no)") == ["unknown-key"]


def test_a_pattern_that_is_also_valid_yaml_is_read_as_a_pattern() -> None:
    """INPUT: [8x9x3] is a YAML mapping, but INPUT is not a key of a file."""
    for text in ("INPUT: [8x9x3]", "INPUT 8x9x3 -> CONV3-4: [8x9x4]", "INPUT : [8x9x3] -> RELU"):
        assert account(read_design("<stdin>", text)).layers[0].output == Volume(8, 9, 3)


def test_options_of_load_are_checked() -> None:
    assert load("INPUT -> FC", input=[8, 9, 3], classes=2).nodes[-1].layer is not None
    assert analyze("INPUT 8x8x3 -> RELU?", optional=[False]).layers[-1].kind == "input"


def test_a_block_with_the_name_of_a_kind_is_used_with_a_warning() -> None:
    text = "blocks: {attention(n): 'GAP -> CONV1-{n}'}\nlayers: [input: 8x8x4, attention: {n: 3}, fc: 2]\n"
    graph = read_design("<text>", text)

    assert [node.name for node in graph.nodes] == ["input", "attention1.gap1", "attention1.conv1", "fc1"]
    assert [problem.code for problem in graph.warnings] == ["block-hides-kind"]


def test_a_list_in_the_name_of_a_reference_is_one_reference_an_entry() -> None:
    graph = read_pattern(
        "net", "INPUT 9x9x3@x -> [CONCAT(inputs=[@x, @y{range(i)}]) -> CONV3-4@y{i}]*3 as i -> ADD(@y{[0, 2]})"
    )
    names = [node.name for node in graph.nodes]
    assert [[names[source] for source in node.inputs] for node in graph.nodes if len(node.inputs) > 1] == [
        ["x", "y0"],
        ["x", "y0", "y1"],
        ["y0", "y2"],
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("INPUT 9x9x3@x0 -> RELU@x{range(2)}", "a name holds whole numbers and words, found [0, 1]"),
        ("INPUT 9x9x3@x0 -> RELU -> FROM(@x{range(1)})", "a name holds whole numbers and words, found [0]"),
        ("INPUT 9x9x3@x0 -> CONCAT(@x{range(3)})", "unknown layer 'x1'"),
        ("INPUT 9x9x3@x0 -> RELU -> CONCAT(@x{range(1001)})", "range(n) gives at most 1,000 numbers, but n is 1001"),
        ("INPUT 9x9x3@x0 -> RELU -> CONCAT(@x{range(-1)})", "range(n) needs a whole number n, 0 or more, found -1"),
        (
            "INPUT 9x9x3 -> [RELU@x{i}]*1000 as i -> [CONCAT(@x{range(1000)})]*101",
            "names with lists give at most 100,000 references in a net",
        ),
    ],
)
def test_references_that_a_list_cannot_give(text: str, message: str) -> None:
    with pytest.raises(DesignError) as caught:
        read_pattern("net", text)
    assert message in str(caught.value)
