from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest

import cnncalc
from cnncalc.cli.options import TABLE_FORMATS
from cnncalc.errors import ValueProblem
from cnncalc.formats import write
from cnncalc.formats.document import Cell, Column, Document, Page, Table, chosen_columns, word
from cnncalc.formats.notation import Notation
from cnncalc.graph import Graph, chain
from cnncalc.layers import KINDS, Layer
from cnncalc.units import percent
from cnncalc.views.layer_table import CELLS, COLUMNS, SORT_KEYS, Selection, checked_selection, rows_of, table_document
from cnncalc.views.notes import notes_document
from cnncalc.views.shares import sentences

PRINTED_ROWS = """\
INPUT: [224x224x3] memory: 224*224*3=150K weights: 0
CONV3-64: [224x224x64] memory: 224*224*64=3.2M weights: (3*3*3)*64 = 1,728
CONV3-64: [224x224x64] memory: 224*224*64=3.2M weights: (3*3*64)*64 = 36,864
POOL2: [112x112x64] memory: 112*112*64=800K weights: 0
CONV3-128: [112x112x128] memory: 112*112*128=1.6M weights: (3*3*64)*128 = 73,728
CONV3-128: [112x112x128] memory: 112*112*128=1.6M weights: (3*3*128)*128 = 147,456
POOL2: [56x56x128] memory: 56*56*128=400K weights: 0
CONV3-256: [56x56x256] memory: 56*56*256=800K weights: (3*3*128)*256 = 294,912
CONV3-256: [56x56x256] memory: 56*56*256=800K weights: (3*3*256)*256 = 589,824
CONV3-256: [56x56x256] memory: 56*56*256=800K weights: (3*3*256)*256 = 589,824
POOL2: [28x28x256] memory: 28*28*256=200K weights: 0
CONV3-512: [28x28x512] memory: 28*28*512=400K weights: (3*3*256)*512 = 1,179,648
CONV3-512: [28x28x512] memory: 28*28*512=400K weights: (3*3*512)*512 = 2,359,296
CONV3-512: [28x28x512] memory: 28*28*512=400K weights: (3*3*512)*512 = 2,359,296
POOL2: [14x14x512] memory: 14*14*512=100K weights: 0
CONV3-512: [14x14x512] memory: 14*14*512=100K weights: (3*3*512)*512 = 2,359,296
CONV3-512: [14x14x512] memory: 14*14*512=100K weights: (3*3*512)*512 = 2,359,296
CONV3-512: [14x14x512] memory: 14*14*512=100K weights: (3*3*512)*512 = 2,359,296
POOL2: [7x7x512] memory: 7*7*512=25K weights: 0
FC: [1x1x4096] memory: 4096 weights: 7*7*512*4096 = 102,760,448
FC: [1x1x4096] memory: 4096 weights: 4096*4096 = 16,777,216
FC: [1x1x1000] memory: 1000 weights: 4096*1000 = 4,096,000
"""
"""The rows of the VGGNet table in the CS231n notes, blanks between columns folded."""


def layer(kind: str, **keys: object) -> Layer:
    return KINDS[kind](**keys)


def small_net(name: str = "small") -> Graph:
    """input [9x11x3] -> conv 7 filters -> relu -> fc 5, all sizes different."""
    return chain(
        name,
        [
            ("input", layer("input", size=[9, 11, 3])),
            ("conv1", layer("conv", filters=7)),
            ("relu1", layer("relu")),
            ("fc1", layer("fc", units=5)),
        ],
    )


# The notes' style


def test_vgg16_in_the_notes_style_has_the_rows_of_the_notes() -> None:
    """CS231n, VGGNet in detail: 22 rows, column for column."""
    lines = write(notes_document(cnncalc.analyze("vgg16")), "text").splitlines()

    rows = [re.sub(" +", " ", line) for line in lines if "memory: " in line and not line.startswith("TOTAL")]

    assert rows == PRINTED_ROWS.splitlines()


def test_vgg16_in_the_notes_style_has_the_correct_total_and_a_footnote() -> None:
    """224*224*3 + 2*224*224*64 + ... = 15,237,608, not 24M."""
    lines = write(notes_document(cnncalc.analyze("vgg16")), "text").splitlines()

    assert lines[-5:] == [
        "TOTAL memory: 15M * 4 bytes ~= 58MB / image (only forward! ~*2 for bwd)",
        "TOTAL params: 138M parameters",
        "(The notes print 24M and 93MB for this table, which is not the sum of its rows: they hold 15,237,608 numbers, "
        "* 4 bytes ~ 58.13 MB.)",
        "(memory counts elements of one image; K, M and G are powers of 1000; weights without biases)",
        "(KB, MB and GB are powers of 1024, as in the notes)",
    ]


def test_vgg16_as_a_pattern_has_the_footnote_too() -> None:
    pattern = (
        "INPUT -> [[CONV3-w -> RELU]*n -> POOL2]*[2x64, 2x128, 3x256, 3x512, 3x512] as n, w "
        "-> [FC -> RELU -> DROPOUT]*2 -> FC"
    )
    assert "The notes print 24M" in write(notes_document(cnncalc.analyze(pattern)), "text")


@pytest.mark.parametrize("name", ["vgg13", "vgg19", "alexnet", "lenet5"])
def test_other_nets_have_no_footnote(name: str) -> None:
    assert "The notes print" not in write(notes_document(cnncalc.analyze(name)), "text")


def test_a_batch_and_another_type_in_the_notes_style() -> None:
    """15,237,608 * 8 bytes = 116.25 MiB, * 32 images = 3.63 GiB."""
    text = write(notes_document(cnncalc.analyze("vgg16", batch=32, dtype="float64")), "text")

    assert "TOTAL memory: 15M * 8 bytes ~= 116MB / image (only forward! ~*2 for bwd) * 32 images ~= 3.6GB\n" in text


# The full table


def test_the_table_of_a_small_net_whole() -> None:
    """conv: (3*3*3)*7 = 189, 189*9*11 = 18,711 MACs; fc: 9*11*7*5 = 3,465; 297 + 693 + 5 = 995 elements."""
    report = cnncalc.analyze(small_net(), batch=2)

    assert (
        write(table_document(report), "text")
        == """\
small
bytes for 2 images in float32

layer  label    volume    memory            bytes  weights           biases    MACs  receptive field
-----  -------  --------  ------------  ---------  ----------------  ------  ------  ---------------
input  INPUT    [9x11x3]  9*11*3 = 297  2.320 KiB  0                      0       0              1x1
conv1  CONV3-7  [9x11x7]  9*11*7 = 693  5.414 KiB  (3*3*3)*7 = 189        7  18.71K              3x3
relu1  RELU     [9x11x7]  in place            0 B  0                      0       0              3x3
fc1    FC-5     [1x1x5]   5                  40 B  9*11*7*5 = 3,465       5   3,465             9x11

TOTAL memory  995 activations * 4 bytes * 2 images ~ 7.773 KiB / batch of 2, forward only
              about x2 with backward: 15.55 KiB
TOTAL params  3,666 = 3,654 weights + 12 biases
              * 4 bytes ~ 14.32 KiB; x3 with gradients and optimizer state (momentum, Adagrad, RMSProp): 42.96 KiB
TOTAL MACs    22,176 (22.18K) / image, forward
shares        the first layer (conv1): 69.6 % of the activations, 84.4 % of the MACs
              most in one layer: 69.6 % of the activations in conv1, 94.7 % of the parameters in fc1, \
84.4 % of the MACs in conv1
              the convolutions: 84.4 % of the MACs, the FC layers: 15.6 %
conventions   memory: elements for one image; K, M and G are powers of 1000
              bytes: 2 images in float32; KiB, MiB and GiB are powers of 1024
              weights include scales, biases include shifts; 1 MAC is one multiply and add in a convolution or FC layer
"""
    )


def test_json_has_the_keys_that_other_programs_read() -> None:
    report = cnncalc.analyze(small_net(), batch=2)

    record = json.loads(write(table_document(report), "json"))

    assert record["schema"] == 1
    assert (record["architecture"], record["batch"], record["dtype"]) == ("small", 2, "float32")
    assert record["layers"][1] == {
        "name": "conv1",
        "kind": "conv",
        "label": "CONV3-7",
        "inputs": ["input"],
        "output": [9, 11, 7],
        "activations": 693,
        "activation_bytes": 5544,
        "in_place": False,
        "weights": 189,
        "biases": 7,
        "parameters": 196,
        "trainable": 196,
        "buffers": 0,
        "macs": 18711,
        "receptive_field": [3, 3],
        "receptive_field_unclipped": [3, 3],
        "training_only": False,
        "shared_with": None,
        "arithmetic": {"activations": "9*11*7", "weights": "(3*3*3)*7", "biases": "7", "macs": "(3*3*3)*7*9*11"},
    }
    assert record["totals"] == {
        "activations": 995,
        "weights": 3654,
        "biases": 12,
        "parameters": 3666,
        "trainable": 3666,
        "buffers": 0,
        "macs": 22176,
        "activation_bytes": 7960,
        "parameter_bytes": 14664,
    }


@pytest.mark.parametrize(
    "name", ["lenet5", "alexnet", "googlenet", "resnet50", "mobilenet-v2", "unet", "dcgan-generator"]
)
def test_every_printed_expression_is_the_number_beside_it(name: str) -> None:
    record = json.loads(write(table_document(cnncalc.analyze(name)), "json"))

    for row in record["layers"]:
        for key, expression in row["arithmetic"].items():
            assert re.fullmatch(r"[0-9+*() ]+", expression)
            assert eval(expression) == row[key], (row["name"], key)  # noqa: S307  # digits, +, * and brackets alone


def test_rows_that_are_not_in_place_sum_to_the_totals() -> None:
    record = json.loads(write(table_document(cnncalc.analyze("googlenet-aux", in_place=False)), "json"))

    own = [row for row in record["layers"] if not row["in_place"]]
    assert sum(row["activations"] for row in own) == record["totals"]["activations"]
    assert sum(row["macs"] for row in record["layers"]) == record["totals"]["macs"]


def test_without_in_place_each_relu_has_its_own_row_of_memory() -> None:
    """693 more elements."""
    assert cnncalc.analyze(small_net(), in_place=False).totals.activations == 995 + 693


def test_blocks_sum_to_the_totals_and_layers_outside_stay() -> None:
    report = cnncalc.analyze("resnet50")

    for depth, count in ((1, 11), (2, 23), (3, 171)):
        rows = rows_of(report, depth)
        assert len(rows) == count
        assert sum(row.held for row in rows) == report.totals.activations
        assert sum(row.parameters for row in rows) == report.totals.parameters
        assert sum(row.macs for row in rows) == report.totals.macs
    assert [row.name for row in rows_of(report, 1)][:7] == [
        "input",
        "conv1",
        "bn1",
        "relu1",
        "pool1",
        "layer1",
        "layer2",
    ]


def test_shared_frozen_and_training_only_layers_are_marked() -> None:
    """fc2 uses the 60*60 + 60 parameters of fc1, which is frozen, and runs only in training."""
    graph = chain(
        "shared",
        [("input", layer("input", size=[1, 1, 60])), ("fc1", layer("fc", units=60)), ("fc2", layer("fc", units=60))],
    )
    first, frozen, sharing = graph.nodes
    nodes = (first, frozen._replace(trainable=False), sharing._replace(share=1, training_only=True))

    text = write(table_document(cnncalc.analyze(graph._replace(nodes=nodes))), "text")

    rows = [re.sub("  +", "  ", line) for line in text.splitlines()]
    assert "fc1  FC-60  [1x1x60]  60  240 B  60*60 = 3,600  60  3,600  1x1  frozen" in rows
    assert (
        "fc2  FC-60  [1x1x60]  60  240 B  shared  shared  3,600  1x1  frozen, training only, parameters of fc1" in rows
    )
    assert "TOTAL params  3,660 = 3,600 weights + 60 biases" in rows
    assert "  0 are trainable, 3,660 frozen" in rows
    assert "  shared and counted once: fc2 with fc1" in rows
    assert "TOTAL MACs  7,200 / image, forward" in rows
    assert "at test time  1 layer for training only: fc2" in rows
    assert "  without them: 120 activations = 480 B, 3,660 parameters, 3,600 MACs" in rows


def test_the_totals_at_test_time() -> None:
    """GoogLeNet's auxiliary heads: 13,378,280 - 6,379,728 = 6,998,552 parameters at test time."""
    text = write(table_document(cnncalc.analyze("googlenet-aux")), "text")

    assert "at test time  14 layers for training only: aux1.avgpool1, " in text
    assert " 6,998,552 (6.999M) parameters" in text


def test_assumptions_are_listed() -> None:
    text = write(table_document(cnncalc.analyze("INPUT -> CONV -> RELU -> POOL? -> FC -> FC")), "text")

    (line,) = [line for line in text.splitlines() if line.startswith("assumed: ")]
    assert line.removeprefix("assumed: ").split(", ") == [
        "input 224x224x3",
        "64 filters in a CONV without a number",
        "kernel 3 in a CONV without a number",
        "items marked '?' are kept",
        "kernel 2 in a POOL without a number",
        "4096 units in a hidden FC without a number",
        "1000 units in the last FC",
    ]


def test_a_complete_design_has_no_assumptions() -> None:
    assert "assumed" not in write(table_document(cnncalc.analyze("INPUT 8x9x3 -> CONV3-4 -> POOL2 -> FC-5")), "text")


@pytest.mark.parametrize(("units", "memory"), [("iec", "58.13 MiB"), ("notes", "58.13 MB"), ("si", "60.95 MB")])
def test_units(units: str, memory: str) -> None:
    """60,950,432 bytes."""
    text = write(table_document(cnncalc.analyze("vgg16"), notation=Notation(units)), "text")

    assert f"15,237,608 (15.24M) activations * 4 bytes ~ {memory} / image" in text


# Columns


def test_columns_are_chosen_by_name() -> None:
    report = cnncalc.analyze(small_net())

    assert write(table_document(report, columns=chosen_columns("layer, MACs,receptive field", COLUMNS)), "csv") == (
        "layer,macs,receptive_field\ninput,0,1x1\nconv1,18711,3x3\nrelu1,0,3x3\nfc1,3465,9x11\n"
    )


def test_an_unknown_column_suggests_the_nearest() -> None:
    with pytest.raises(ValueProblem) as caught:
        chosen_columns("layer,volum", COLUMNS)
    assert caught.value.message == "no column 'volum'; did you mean 'volume'?"
    assert str(caught.value.hint).startswith("the columns are layer, label, ")


def test_a_column_named_twice_is_refused() -> None:
    with pytest.raises(ValueProblem, match="the column 'macs' is named twice"):
        chosen_columns("macs,layer,macs", COLUMNS)


@pytest.mark.parametrize("form", TABLE_FORMATS)
def test_every_column_is_written_in_every_format(form: str) -> None:
    text = write(table_document(cnncalc.analyze("googlenet-aux"), columns=tuple(CELLS)), form)
    assert text.endswith("\n")
    assert "3a.C1.conv1" in text


# Shares of the totals


def test_vgg16_has_71_1_percent_of_its_activations_in_two_blocks() -> None:
    """(2*224*224*64 + 112*112*64 + 2*112*112*128 + 56*56*128) / 15,237,608 = 71.1 %; fc1 102,764,544 / 138,357,544."""
    assert sentences(cnncalc.analyze("vgg16")) == [
        "the first two blocks (conv1 to pool2): 71.1 % of the activations, 30.5 % of the MACs",
        "most in one layer: 21.1 % of the activations in conv1 (and in 1 more), 74.3 % of the parameters in fc1, "
        "12.0 % of the MACs in conv2 (and in 5 more)",
        "the convolutions: 99.2 % of the MACs, the FC layers: 0.8 %",
    ]


def test_a_net_without_pools_is_split_at_half_of_its_activations() -> None:
    """192 in; 8*8*64, 8*8*32 and 64 out: 4096/6400 = 64 %. 27*64*64, 576*32*64 and 32*64 MACs: 110592/1292288."""
    report = cnncalc.analyze("INPUT 8x8x3 -> CONV3-64 -> CONV3-32 -> CONV1-64/8")

    assert sentences(report)[0] == "the first layer (conv1): 64.0 % of the activations, 8.6 % of the MACs"
    assert sentences(report)[1] == (
        "most in one layer: 64.0 % of the activations in conv1, 82.5 % of the parameters in conv2, "
        "91.3 % of the MACs in conv2"
    )


@pytest.mark.parametrize("net", ["resnet50", "googlenet-aux", "lenet5", "mobilenet-v2"])
def test_the_largest_layers_are_those_with_the_largest_counts(net: str) -> None:
    """resnet50: layer4.0.conv2 has 9.2 % of the parameters, fc 8.0 %."""
    report = cnncalc.analyze(net)
    (line,) = [line for line in sentences(report) if line.startswith("most in one layer")]
    for what, key in (("activations", "activations"), ("parameters", "parameters"), ("MACs", "macs")):
        found = re.search(rf"([0-9.]+) % of the {what} in (\S+?)(?: \(and in (\d+) more\))?(?:,|$)", line)
        assert found is not None
        sizes = {row.name: getattr(row, key) for row in report.layers if key != "activations" or not row.in_place}
        assert sizes[found[2]] == max(sizes.values())
        assert list(sizes.values()).count(max(sizes.values())) == 1 + int(found[3] or 0)
        assert found[1] == f"{100 * max(sizes.values()) / getattr(report.totals, key):.1f}"


# Rows sorted and left out


def test_the_largest_rows_come_first_and_the_note_says_what_is_left_out() -> None:
    text = cnncalc.table("resnet50", sort="parameters", top=4)
    names = [line.split()[0] for line in text.splitlines()[6:10]]
    assert names == ["layer4.0.conv2", "layer4.1.conv2", "layer4.2.conv2", "layer4.0.downsample.0"]
    line = "the 4 largest of 175 by parameters: 35.9 % of the total; totals are those of all rows"
    assert line in text.splitlines()[:4]
    totals = text[text.index("TOTAL memory") :]
    assert cnncalc.table("resnet50").endswith(totals)


def test_every_format_has_the_chosen_rows_alone() -> None:
    for name in TABLE_FORMATS:
        if name in ("rich", "json"):
            continue
        text = cnncalc.table("lenet5", name, sort="macs", top=2)
        whole = cnncalc.table("lenet5", name)
        assert ("c3" in text, "c1" in text) == (True, True), name
        assert len(text.splitlines()) < len(whole.splitlines()), name
        assert text.index("c3") < text.index("c1")
    data = json.loads(cnncalc.table("lenet5", "json", sort="macs", top=2))
    assert [row["name"] for row in data["layers"]] == ["c3", "c1"]
    assert data["shown"] == {"sort": "macs", "top": 2, "rows": 2, "of": 14}
    assert data["totals"] == json.loads(cnncalc.table("lenet5", "json"))["totals"]
    blocks = json.loads(cnncalc.table("resnet50", "json", depth=1, sort="macs", top=1))
    assert [row["name"] for row in blocks["blocks"]] == ["layer3"]
    assert len(blocks["layers"]) == 175


@pytest.mark.parametrize("key", SORT_KEYS)
def test_rows_are_sorted_by_every_count(key: str) -> None:
    rows = rows_of(cnncalc.analyze("googlenet-aux"))
    chosen = Selection(key).of(rows)
    sizes = [SORT_KEYS[key](row) for row in chosen]
    assert sizes == sorted(sizes, reverse=True)
    places = [row.last.index for row in chosen]
    for (size, place), (next_size, next_place) in pairwise(zip(sizes, places, strict=True)):
        assert size > next_size or place < next_place
    assert Selection(key).lines(rows) == [f"all {len(rows)}, the largest by {CELLS[key][0]} first"]


def test_bars_of_chosen_rows_show_shares_of_the_whole() -> None:
    report = cnncalc.analyze("vgg16")
    table = table_document(report, bars=True, selection=Selection("parameters", 1)).table
    assert [cell.value for cell in table.rows[0]][-2:] == ["74.3", "0.7"]


@pytest.mark.parametrize("written", ["MACs", " macs ", "MACS"])
def test_the_key_to_sort_by_is_read_as_a_column_is(written: str) -> None:
    assert cnncalc.table("lenet5", sort=written, top=2) == cnncalc.table("lenet5", sort="macs", top=2)
    assert cnncalc.table("lenet5", columns=written) == cnncalc.table("lenet5", columns="macs")


def test_a_wrong_selection_is_refused() -> None:
    with pytest.raises(ValueProblem, match="--top shows the largest rows, so it needs a key to sort by"):
        checked_selection(None, 3)
    with pytest.raises(ValueProblem, match="rows cannot be sorted by 'parms'; did you mean 'parameters'"):
        checked_selection("parms", None)


# Columns that tell layers apart


def test_columns_tell_layers_with_the_same_label_apart() -> None:
    text = (
        "INPUT 16x16x4 -> CONV3-4(groups=2) -> CONV3-4(dilation=2, bias=no) -> POOL3/2(pad=1) -> CONV1x7-3(pad=same) "
        "-> [DECONV2-8 | UPSAMPLE2 -> CONV5-8(pad=[1, 2, 3, 2])] -> CONCAT -> AVGPOOL(output=3x3)"
    )
    columns = "label,input,kernel,stride,pad,dilation,groups,bias"
    assert cnncalc.table(text, "csv", columns=columns) == (
        "label,input,kernel,stride,pad,dilation,groups,bias\n"
        "INPUT,,,,,,,\n"
        "CONV3-4(groups=2),[16x16x4],3x3,1,1,1,2,yes\n"
        "CONV3-4(dilation=2),[16x16x4],3x3,1,2,2,1,no\n"
        "POOL3/2,[16x16x4],3x3,2,1,1,,\n"
        "CONV1x7-3,[8x8x4],1x7,1,same,1,1,yes\n"
        "DECONV2-8/2,[8x8x3],2x2,2,0,1,1,yes\n"
        "UPSAMPLE2,[8x8x3],,,,,,\n"
        'CONV5-8,[16x16x3],5x5,1,"[1, 2, 3, 2]",1,1,yes\n'
        "CONCAT,[16x16x8],,,,,,\n"
        "AVGPOOL(output=3x3),[16x16x16],,,,,,\n"
    )
    assert cnncalc.table("resnet50", "csv", columns="input,kernel", depth=1).splitlines()[6] == "[56x56x64],"


def test_a_pool_in_a_branch_ends_no_block() -> None:
    """Branches bypass both pools, so the net is split at half of its activations."""
    fork = "[POOL2 | CONV3-8/2] -> CONCAT"
    report = cnncalc.analyze(f"INPUT 16x16x3 -> CONV3-8@a -> {fork} -> {fork} -> FC-3")

    assert sentences(report)[0].startswith("the first 3 layers of 8 ")


def test_a_net_without_parameters_has_no_sentence_on_them() -> None:
    assert sentences(cnncalc.analyze("INPUT 16x16x3 -> RELU")) == []


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(1, 3, "33.3 %"), (2, 3, "66.7 %"), (0, 0, "0.0 %"), (1, 1, "100.0 %")]
)
def test_percent(part: int, whole: int, text: str) -> None:
    assert percent(part, whole) == text


# Text of users


HOSTILE = "[bold]a[/bold] \x1b[31m:smile: \u202e"


@pytest.mark.parametrize("form", ["text", "rich", "csv"])
def test_text_of_users_is_neither_markup_nor_a_terminal_command(form: str) -> None:
    report = cnncalc.analyze(small_net(HOSTILE))._replace(title=HOSTILE)
    report = report._replace(layers=(report.layers[0]._replace(name=HOSTILE), *report.layers[1:]))

    text = write(table_document(report), form, Page(200, False))

    assert r"[bold]a[/bold] \x1b[31m:smile: \u202e" in text
    assert "\x1b" not in text


def test_a_narrow_terminal_abbreviates_and_shows_every_layer() -> None:
    report = cnncalc.analyze("vgg16")

    text = write(table_document(report), "rich", Page(80, False))

    assert max(map(len, text.splitlines())) <= 80
    assert "(shortened to fit; --format text shows all)" in text
    for row in report.layers:
        assert f" {row.name} " in text


def test_titles_of_numbers_wrap_at_spaces_and_numbers_do_not() -> None:
    columns = (Column("w", "w", right=True), Column("m", "training_memory (batch 32)", right=True))
    rows = tuple([(Cell(str(w), w), Cell(f"{w}1,234,567 B", w)) for w in (8, 16)])

    text = write(Document((), Table(columns, rows), (), dict), "rich", Page(24, False))

    inner = [[cell.strip() for cell in line.split("\u2502")[1:-1]] for line in text.splitlines() if "\u2502" in line]
    assert max(map(len, text.splitlines())) <= 24
    assert [cells[1] for cells in inner] == ["training_memory", "(batch 32)", "81,234,567 B", "161,234,567 B"]


def test_words_wrap_within_their_cell() -> None:
    table = Table(
        (Column("a", "what it is"), Column("b", "count", right=True)),
        ((word("one two three four"), Cell("1,234", 1234)), (word("layer1.0.downsample.0"), Cell("5", 5))),
    )

    text = write(Document((), table, (), dict), "rich", Page(24, False))

    assert text.splitlines() == [
        "\u256d" + "\u2500" * 14 + "\u252c" + "\u2500" * 7 + "\u256e",
        "\u2502 what it is   \u2502 count \u2502",
        "\u251c" + "\u2500" * 14 + "\u253c" + "\u2500" * 7 + "\u2524",
        "\u2502 one two      \u2502 1,234 \u2502",
        "\u2502 three four   \u2502       \u2502",
        "\u2502 layer1.0.    \u2502     5 \u2502",
        "\u2502 downsample.0 \u2502       \u2502",
        "\u2570" + "\u2500" * 14 + "\u2534" + "\u2500" * 7 + "\u256f",
    ]


def test_with_bars_other_columns_are_abbreviated_first() -> None:
    text = write(table_document(cnncalc.analyze("vgg16"), bars=True), "rich", Page(80, False))

    assert max(map(len, text.splitlines())) <= 80
    assert "\u2588\u2588\u2588\u2588\u2588  74.3 %" in text


def test_a_wide_terminal_shows_the_arithmetic() -> None:
    text = write(table_document(cnncalc.analyze("vgg16")), "rich", Page(150, False))

    assert "shortened" not in text
    assert "│ (3*3*64)*128 = 73,728 " in text


def test_colour_only_where_the_page_has_it() -> None:
    assert "\x1b[" in write(table_document(cnncalc.analyze(small_net())), "rich", Page(80, True))
    assert "\x1b[" not in write(table_document(cnncalc.analyze(small_net())), "rich", Page(80, False))


def test_a_terminal_without_box_characters_gets_ascii() -> None:
    assert write(table_document(cnncalc.analyze(small_net())), "rich", Page(80, False, True)).isascii()


def test_the_output_is_deterministic() -> None:
    for form in TABLE_FORMATS:
        assert write(table_document(cnncalc.analyze("lenet5")), form) == write(
            table_document(cnncalc.analyze("lenet5")), form
        )
