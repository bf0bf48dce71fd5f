from __future__ import annotations

import json
import re
from math import ceil, floor
from typing import Any

import pytest

import cnncalc
from cnncalc.analysis.report import Report, require_layer
from cnncalc.errors import DesignError
from cnncalc.formats import write
from cnncalc.graph import chain
from cnncalc.layers import KINDS
from cnncalc.views.explanation import explanation_document, placement
from tests.nets import most_nets, report_of
from tests.subcases import each

CASES: dict[str, list[dict[str, Any]]] = {
    **{kind: [{}] for kind in KINDS},
    "input": [{"size": [9, 11, 6]}],
    "conv": [
        {"filters": 8},
        {"filters": 8, "kernel": [3, 2], "stride": 2, "pad": [1, 0, 2, 3]},
        {"filters": 8, "kernel": 3, "dilation": [2, 1], "groups": 2, "pad": "same", "stride": 2},
        {"filters": 2, "connections": [[0, 1, 2], [3, 5]]},
    ],
    "dwconv": [{"kernel": 5, "stride": [2, 3], "multiplier": 2}, {}],
    "deconv": [{"filters": 4},
               {"filters": 4, "kernel": 3, "stride": 2, "pad": [1, 0, 0, 1], "output_pad": 1, "dilation": 2}],
    "fc": [{"units": 7}],
    "rbf": [{"units": 7}],
    "pool": [{}, {"kernel": 3, "stride": 2, "round": "ceil"}, {"kernel": 2, "stride": 3, "pad": 1, "round": "ceil"},
             {"output": [3, 4]}, {"kernel": 2, "dilation": 2}],
    "avgpool": [{"kernel": 3, "stride": 2, "pad": 1}, {"output": 5}],
    "lppool": [{"kernel": [2, 3]}],
    "lrelu": [{"slope": 0.2}], "gn": [{"groups": 3}], "in": [{"scale": True}],
    "clip": [{"low": 0, "high": 6}], "affine": [{"factor": 2}], "dropout": [{}, {"whole": "channel"}],
    "linear": [{"units": 5}], "local": [{"filters": 5}],
    "reshape": [{"size": [11, 9, 6]}],
    "upsample": [{"factor": 3}],
    "pad": [{"pad": [1, 2, -3, 0]}],
    "shuffle": [{"groups": 3}],
    "slice": [{"from": 1, "to": 4}, {"from": 2}, {"from": 3, "axis": "width"}],
    "sequence": [{}], "plane": [{"size": [9, 11]}], "window": [{"size": [3, 11]}], "unwindow": [{"size": [33, 3]}],
    "roll": [{"shift": [-2, 3]}], "token": [{"count": 2}], "position": [{}],
    "attention": [{"heads": 2}, {"heads": 3, "head_dim": 5, "out": "no"}, {"heads": 1, "relative": [9, 11]}],
    "matmul": [{"transpose": "yes"}], "opaque": [{"output": [5, 4, 3], "parameters": 7, "macs": 9}],
    "reduce": [{"axes": ["height", "depth"]}],
    "resize": [{"size": [13, 5]}, {"factor": 1.5}],
    "crop": [{"size": [4, 7]}],
    "permute": [{"order": ["width", "depth", "height"]}],
    "space2depth": [{"block": [3, 11]}],
    "depth2space": [{"block": [3, 2]}],
}  # fmt: skip  # one kind a line is easier to read
"""For each kind keys with which it takes a volume of [9x11x6]; most need none."""


OF_SEQUENCES = ("plane", "token", "attention", "matmul")
"""Kinds that take a sequence, here of [99x6]."""


every_case = each("kind,keys", [(kind, keys) for kind, cases in CASES.items() for keys in cases])


def one_layer(kind: str, keys: dict[str, Any]) -> Report:
    """A net of an input of [9x11x6] and one layer, called ``x``."""
    cls = KINDS[kind]
    if kind == "input":
        return cnncalc.analyze(chain("net", [("x", cls(**keys))]))
    inputs = ["input", "input"] if cls.is_merge else ["input"]
    if cls.takes_places:
        before = [("input", KINDS["input"](size=[18, 22, 6])), ("pool", KINDS["pool"]())]
        return cnncalc.analyze(chain("net", [*before, ("x", cls(**keys), ["pool", "pool"])]))
    size = [99, 6] if kind in OF_SEQUENCES else [9, 11, 6]
    return cnncalc.analyze(chain("net", [("input", KINDS["input"](size=size)), ("x", cls(**keys), inputs)]))


@every_case
def test_the_steps_to_a_volume_compute_it(kind: str, keys: dict[str, Any]) -> None:
    """Each printed formula is worked out again, rounded as it says, and gives the side of the volume."""
    row = one_layer(kind, keys).layer("x")

    assert row.layer.size_steps(row.input_volumes, row.output)
    for step in row.layer.size_steps(row.input_volumes, row.output):
        found = re.match(r"(height|width|depth) ([0-9+*/() -]+) = ([0-9/+ ]+ = )?([0-9]+)(.*)", step)
        if not found:
            continue
        side, formula, _, number, rest = found.groups()
        value = eval(formula)  # noqa: S307  # digits, signs and brackets alone
        value = ceil(value) if "rounded up" in rest else floor(value)
        assert value == int(number), step
        dropped = re.search(r": ([0-9]+)$", rest)
        sizes = dict(zip((*row.output.names, "depth"), row.output, strict=True))
        assert sizes[side] == int(dropped.group(1) if dropped else number), step


@every_case
def test_the_uses_of_each_weight_give_the_multiply_adds(kind: str, keys: dict[str, Any]) -> None:
    row = one_layer(kind, keys).layer("x")
    x, y = row.input_volumes[0] if row.input_volumes else row.output, row.output
    uses = {
        "every weight is used once": 1,
        "every weight is used at each of the {sides} positions of the output": y.positions,
        "every weight is used at each of the {sides} positions of the input": x.positions,
    }.get(row.layer.weight_use)
    if uses is None:
        assert kind in ("attention", "matmul", "opaque")  # where products have no weights, or figures are stated
        return

    assert row.macs == (row.weights * uses if row.layer.counts_macs else 0)


@every_case
def test_every_layer_is_explained_in_every_format(kind: str, keys: dict[str, Any]) -> None:
    report = one_layer(kind, keys)
    row = report.layer("x")

    record = json.loads(write(explanation_document(report, row), "json"))

    explained = [step["number"] for step in record["steps"]]
    assert {"volume", "activations", "in place", "bytes", "MACs", "receptive field"} <= set(explained)
    assert record["layer"]["output"] == list(row.output)
    assert f"{row.parameters:,}" in write(explanation_document(report, row), "text")
    assert write(explanation_document(report, row), "rich").isascii()


def test_alexnet_conv1_whole() -> None:
    """Krizhevsky et al. 2012: 96 filters of 11x11x3 at stride 4 over 227x227x3 give 55x55x96."""
    report = cnncalc.analyze("alexnet")

    assert (
        write(explanation_document(report, report.layer("conv1")), "text")
        == """\
conv1 of alexnet: CONV11-96/4, layer 2 of 23

input            [227x227x3] from input
volume           height (227 - 11 + 2*0)/4 + 1 = 55
                 width (227 - 11 + 2*0)/4 + 1 = 55
                 depth 96 = filters
                 height x width x depth: [55x55x96]
activations      55*55*96 = 290,400
in place         no: it creates a new volume
bytes            290,400*4 = 1,161,600 bytes ~ 1.108 MiB
weights          weight [11x11x3x96]: (11*11*3)*96 = 34,848
biases           bias [96]: 96
parameters       34,848 + 96 = 34,944, *4 = 139,776 bytes = 136.5 KiB
trainable        all of them
MACs             (11*11*3)*96*55*55 = 105,415,200 multiply-adds for one image
                 every weight is used at each of the height*width positions of the output
receptive field  height 1 + (11 - 1)*1 = 11; neighbours in the input are 1 pixel apart
                 width 1 + (11 - 1)*1 = 11; neighbours in the input are 1 pixel apart
                 height x width: 11x11 pixels of the input
"""
    )


def test_rounding_up_is_explained() -> None:
    """9 by windows of 2 at stride 3 with a pad of 1: (9 - 2 + 2)/3 = 3 windows more than one; 11: 11/3 rounds up."""
    row = one_layer("pool", {"kernel": 2, "stride": 3, "pad": 1, "round": "ceil"}).layer("x")

    assert row.layer.size_steps(row.input_volumes, row.output) == [
        "height (9 - 2 + 2*1)/3 + 1 = 4",
        "width (11 - 2 + 2*1)/3 + 1 = 11/3 + 1 = 5, rounded up; the last window would start in the end padding: 4",
        "depth 6, same as the input",
    ]


@most_nets
def test_the_explained_receptive_field_equals_the_table(name: str) -> None:
    report = report_of(name)

    for row in report.layers:
        text = write(explanation_document(report, row), "text")
        assert "x".join(map(str, row.receptive_field)) in text.rpartition("receptive field")[2]
        for side, formula, number in re.findall(
            r"(length|frames|height|width) ([0-9]+ \+ \([0-9]+ - 1\)\*[0-9]+) = ([0-9]+), ", text
        ):
            assert eval(formula) == int(number), (row.name, side)  # noqa: S307  # digits, signs and brackets alone


@most_nets
@pytest.mark.parametrize("in_place", [True, False])
def test_whether_a_layer_is_in_place_agrees_with_the_table(name: str, in_place: bool) -> None:
    report = report_of(name) if in_place else cnncalc.analyze(name, in_place=False)

    for row in report.layers:
        answer, why = placement(report, row, in_place=in_place)
        assert answer is row.in_place
        assert why


@pytest.mark.parametrize(
    ("pattern", "name", "why"),
    [
        ("INPUT 9x9x3 -> CONV-4 -> RELU", "relu1", "it overwrites conv1, which nothing else reads"),
        ("INPUT 9x9x3 -> CONV-4 -> RELU(in_place=no)", "relu1", "in_place=no"),
        ("INPUT 9x9x3 -> CONV-4 -> GELU", "gelu1", "GELU cannot overwrite its input"),
        ("INPUT 9x9x3 -> CONV-4 -> [RELU | ] -> ADD", "relu1", "conv1 is also read by add1"),
        ("INPUT 9x9x3 -> CONV-4 -> SIGMOID -> TANH", "tanh1", "backward needs the output of sigmoid1"),
        ("INPUT 9x9x3 -> CONV-4 -> DROPOUT", "dropout1", "it is the identity at test time"),
        ("INPUT 9x9x3 -> CONV-4 -> FLATTEN", "flatten1", "it is a view of its input"),
        ("INPUT 9x9x3 -> CONV-4 -> POOL", "pool1", "it creates a new volume"),
        ("INPUT 9x9x3 -> CONV-4 -> [RELU | ] -> ADD", "add1", "ADD creates a new volume unless in_place=yes"),
        ("INPUT 9x9x3 -> CONV-4@c -> FLATTEN@v -> RELU@r -> FC-3@o -> FROM(@c) -> CONV-2@d", "r",
         "the memory of c is also read by d"),
    ],
)  # fmt: skip  # a case is easier to read in one line
def test_the_reason_for_in_place(pattern: str, name: str, why: str) -> None:
    report = cnncalc.analyze(pattern)

    assert placement(report, report.layer(name))[1] == why


def test_without_in_place_the_reason_is_the_option() -> None:
    report = cnncalc.analyze("INPUT 9x9x3 -> CONV-4 -> RELU", in_place=False)

    why = placement(report, report.layer("relu1"), in_place=False)[1]

    assert why == "--no-in-place gives each activation function a volume of its own"


def test_an_unknown_layer_suggests_the_nearest() -> None:
    with pytest.raises(DesignError) as caught:
        require_layer(cnncalc.analyze("vgg16"), "convv1")
    assert str(caught.value) == "error[unknown-layer]: vgg16 has no layer 'convv1'; did you mean 'conv1'?"
