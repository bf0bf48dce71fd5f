"""Every design rule finds its planted fault, states the effect of the fix, and passes the net without the fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

import cnncalc
from cnncalc.checks.rules import RULES, explain, run_rules
from cnncalc.errors import DesignError, ValueProblem
from tests.random_nets import fixed_seeds, random_design
from tests.random_volumes import random_net

if TYPE_CHECKING:
    from pathlib import Path

    from cnncalc.checks.findings import Finding

HEAD = "INPUT 32x32x3 -> CONV3-64 -> RELU ->"
TAIL = "-> RELU -> GAP -> FC-10"


class Planted(NamedTuple):
    """A net with a fault, its twin without it, and what the advice counts in the twin.

    Where the advice is one of several cures, the twin is the net that it describes; ``value`` is worked out from the
    twin, which is read from its text and not made by the rule.
    """

    code: str
    fault: str
    twin: str
    quantity: str
    sites: int = 1


PLANTED = [
    Planted(
        "linear-on-map",
        "INPUT 8x8x5 -> CONV3-6 -> RELU -> LINEAR-7 -> SOFTMAX",
        "INPUT 8x8x5 -> CONV3-6 -> RELU -> FC-7 -> SOFTMAX",
        "weights",
    ),
    Planted(
        "uneven-window",
        "INPUT 224x224x3 -> CONV7-96/2(pad=0) -> RELU -> POOL3/2(round=ceil) -> GAP -> FC-10",
        "INPUT 224x224x3 -> CONV7-96/2(pad=1) -> RELU -> POOL3/2(round=ceil) -> GAP -> FC-10",
        "unread",
    ),
    Planted(
        "uneven-window",
        "INPUT 64x64x3 -> CONV3-16/2 -> RELU -> POOL3/2 -> GAP -> FC-10",
        "INPUT 64x64x3 -> CONV3-16/2 -> RELU -> POOL3/2(round=ceil) -> GAP -> FC-10",
        "unread",
    ),
    Planted(
        "uneven-window",
        "INPUT 10x10x3 -> CONV3-16 -> RELU -> AVGPOOL7 -> FC-10",
        "INPUT 10x10x3 -> CONV3-16 -> RELU -> GAP -> FC-10",
        "unread",
    ),
    Planted(
        "uneven-window",  # the rows alone
        "INPUT 20x21x3 -> CONV3-16 -> RELU -> DWCONV3/2(pad=0) -> RELU -> GAP -> FC-10",
        "INPUT 20x21x3 -> CONV3-16 -> RELU -> DWCONV3/2 -> RELU -> GAP -> FC-10",
        "unread",
    ),
    Planted(
        "input-side",
        "INPUT 100x100x3 -> [CONV3-16 -> RELU -> POOL2]*3 -> GAP -> FC-10",
        "INPUT 104x104x3 -> [CONV3-16 -> RELU -> POOL2]*3 -> GAP -> FC-10",
        "unread",
    ),
    Planted(
        "input-side",
        "INPUT 100x60x3 -> [CONV3-16 -> RELU -> POOL2]*4 -> GAP -> FC-10",
        "INPUT 112x64x3 -> [CONV3-16 -> RELU -> POOL2]*4 -> GAP -> FC-10",
        "unread",
    ),
    Planted("large-kernel", f"{HEAD} CONV7-64 {TAIL}", f"{HEAD} [CONV3-64 -> RELU]*2 -> CONV3-64 {TAIL}", "weights"),
    Planted(
        "large-kernel",
        f"{HEAD} [CONV5-64/2 -> RELU]*3 -> GAP -> FC-10",
        f"{HEAD} [CONV3-64 -> RELU -> CONV3-64/2 -> RELU]*3 -> GAP -> FC-10",
        "weights",
        sites=3,
    ),
    Planted(
        "large-kernel",  # without padding, in groups
        f"{HEAD} CONV5-64(pad=0, groups=2) {TAIL}",
        f"{HEAD} CONV3-64(pad=0, groups=2) -> RELU -> CONV3-64(pad=0, groups=2) {TAIL}",
        "weights",
    ),
    Planted(
        "large-kernel",  # a stride at the head, but on a deep volume
        "INPUT 32x32x64 -> CONV7-64/2 -> RELU -> GAP -> FC-10",
        "INPUT 32x32x64 -> CONV3-64 -> RELU -> CONV3-64 -> RELU -> CONV3-64/2 -> RELU -> GAP -> FC-10",
        "weights",
    ),
    Planted(
        "large-pool", f"{HEAD} POOL4 -> CONV3-32 {TAIL}", f"{HEAD} POOL2 -> POOL2 -> CONV3-32 {TAIL}", "activations"
    ),
    Planted(
        "large-pool",
        f"{HEAD} AVGPOOL5/3(round=ceil) -> CONV3-32 {TAIL}",
        f"{HEAD} AVGPOOL2 -> AVGPOOL2 -> CONV3-32 {TAIL}",
        "activations",
    ),
    Planted(
        "padded-pool", f"{HEAD} POOL2(pad=1) -> CONV3-32 {TAIL}", f"{HEAD} POOL2 -> CONV3-32 {TAIL}", "activations"
    ),
    Planted(
        "kernel-beyond-plane",
        "INPUT 32x32x3 -> [CONV3-64 -> RELU -> POOL2]*5 -> CONV3-512 -> RELU -> FC-10",
        "INPUT 32x32x3 -> [CONV3-64 -> RELU -> POOL2]*5 -> CONV1-512 -> RELU -> FC-10",
        "weights",
    ),
    Planted(
        "kernel-beyond-plane",
        "INPUT 32x32x3 -> [CONV3-64 -> RELU -> POOL2]*4 -> CONV5-512 -> RELU -> GAP -> FC-10",
        "INPUT 32x32x3 -> [CONV3-64 -> RELU -> POOL2]*4 -> CONV3-512 -> RELU -> GAP -> FC-10",
        "weights",
    ),
    Planted(
        "kernel-beyond-plane",  # the dilation reaches beyond the plane
        f"{HEAD} POOL2 -> CONV3-64(dilation=16) {TAIL}",
        f"{HEAD} POOL2 -> CONV1-64 {TAIL}",
        "weights",
    ),
    Planted(
        "long-stretch",
        "INPUT 32x32x3 -> [CONV3-64 -> RELU]*8 -> POOL2 -> FC-10",
        "INPUT 32x32x3 -> [CONV3-64(bias=no) -> BN -> RELU]*8 -> POOL2 -> FC-10",
        "parameters",
    ),
    Planted(
        "many-fc",
        "INPUT 32x32x3 -> CONV3-8/2 -> RELU -> [FC-64 -> RELU -> DROPOUT]*5 -> FC-10",
        "INPUT 32x32x3 -> CONV3-8/2 -> RELU -> [FC-64 -> RELU -> DROPOUT]*2 -> FC-10",
        "parameters",
    ),
    Planted(
        "linear-after-linear",
        "INPUT 32x32x3 -> CONV3-64(bias=no) -> BN -> CONV3-64 -> RELU -> GAP -> FC-10",
        "INPUT 32x32x3 -> CONV3-64(bias=no) -> BN -> RELU -> CONV3-64 -> RELU -> GAP -> FC-10",
        "parameters",
    ),
    Planted("linear-after-linear", f"{HEAD} GAP -> FC-512 -> DROPOUT -> FC-10", f"{HEAD} GAP -> FC-10", "parameters"),
    Planted(
        "linear-after-linear",
        "INPUT 32x32x3 -> [CONV3-64]*3 -> RELU -> GAP -> FC-10",
        "INPUT 32x32x3 -> [CONV3-64 -> RELU]*3 -> GAP -> FC-10",
        "parameters",
        sites=2,
    ),
    Planted("no-effect", f"{HEAD} POOL2 -> RELU -> GAP -> FC-10", f"{HEAD} POOL2 -> GAP -> FC-10", "all_layers"),
    Planted("no-effect", f"{HEAD} POOL1 -> GAP -> FC-10", f"{HEAD} GAP -> FC-10", "all_layers"),
    Planted("no-effect", f"{HEAD} GAP -> GAP -> FC-10", f"{HEAD} GAP -> FC-10", "all_layers"),
    Planted("no-effect", f"{HEAD} DROPOUT(0) -> GAP -> FC-10", f"{HEAD} GAP -> FC-10", "all_layers"),
    Planted("no-effect", f"{HEAD} UPSAMPLE1 -> PAD(1) -> GAP -> FC-10", f"{HEAD} PAD(1) -> GAP -> FC-10", "all_layers"),
    Planted("no-effect", f"{HEAD} PAD(0) -> GAP -> FC-10", f"{HEAD} GAP -> FC-10", "all_layers"),
    Planted("no-effect", f"{HEAD} SLICE(0, to=64) -> GAP -> FC-10", f"{HEAD} GAP -> FC-10", "all_layers"),
    Planted(
        "activation-after-last-fc",
        f"{HEAD} GAP -> [FC-64 -> RELU]*2 -> FC-10 -> RELU -> DROPOUT",
        f"{HEAD} GAP -> [FC-64 -> RELU]*2 -> FC-10",
        "all_layers",
    ),
    Planted(
        "softmax-inside",
        f"{HEAD} GAP -> FC-64 -> SOFTMAX -> FC-10",
        f"{HEAD} GAP -> FC-64 -> RELU -> FC-10",
        "activations",
    ),
    Planted(
        "softmax-inside",
        f"{HEAD} GAP -> FC-10 -> SOFTMAX -> FLATTEN -> SOFTMAX",
        f"{HEAD} GAP -> FC-10 -> FLATTEN -> SOFTMAX",
        "activations",
    ),
    Planted(
        "first-fc",
        "INPUT 64x64x3 -> CONV3-64/2 -> RELU -> POOL2 -> FLATTEN -> FC-256 -> RELU -> FC-10",
        "INPUT 64x64x3 -> CONV3-64/2 -> RELU -> POOL2 -> GAP -> FC-256 -> RELU -> FC-10",
        "parameters",
    ),
    Planted(
        "early-activations",
        "INPUT 224x224x3 -> [CONV3-16 -> RELU -> POOL2]*2 -> CONV3-32 -> RELU -> GAP -> FC-10",
        "INPUT 224x224x3 -> [CONV3-16/s -> RELU -> POOL2]*[2, 1] as s -> CONV3-32 -> RELU -> GAP -> FC-10",
        "activations",
    ),
    Planted(
        "bias-before-bn",
        "INPUT 32x32x3 -> [CONV3-64 -> BN -> RELU]*4 -> GAP -> FC-10",
        "INPUT 32x32x3 -> [CONV3-64(bias=no) -> BN -> RELU]*4 -> GAP -> FC-10",
        "parameters",
        sites=4,
    ),
    Planted(
        "bias-before-bn",
        f"{HEAD} GAP -> FC-64 -> BN -> RELU -> FC-10",
        f"{HEAD} GAP -> FC-64(bias=no) -> BN -> RELU -> FC-10",
        "parameters",
    ),
    Planted("odd-depth", f"{HEAD} CONV3-250 {TAIL}", f"{HEAD} CONV3-256 {TAIL}", "macs"),
    Planted(
        "odd-depth",  # in groups, which must divide the better depth as well
        "INPUT 20x21x25 -> CONV3-150(groups=25) -> RELU -> GAP -> FC-10",
        "INPUT 20x21x25 -> CONV3-200(groups=25) -> RELU -> GAP -> FC-10",
        "macs",
    ),
    Planted("odd-depth", f"{HEAD} GAP -> FC-500 -> RELU -> FC-10", f"{HEAD} GAP -> FC-504 -> RELU -> FC-10", "macs"),
]


def findings(design: str, code: str | None = None) -> list[Finding]:
    found = run_rules(cnncalc.analyze(design), file="net.yaml")
    return [finding for finding in found if code is None or finding.code == code]


@pytest.mark.parametrize("case", PLANTED, ids=lambda case: f"{case.code}: {case.fault}")
def test_a_planted_fault_is_found_and_its_twin_is_not(case: Planted) -> None:
    (finding,) = findings(case.fault, case.code)

    assert (finding.severity, finding.file, finding.architecture) == ("warning", "net.yaml", "pattern")
    assert finding.span is not None
    assert finding.layer is not None
    assert finding.message.startswith(f"{finding.layer}: ")
    assert findings(case.twin, case.code) == []


@pytest.mark.parametrize("case", PLANTED, ids=lambda case: f"{case.code}: {case.fault}")
def test_the_effect_is_that_of_the_net_written_out(case: Planted) -> None:
    """The advice counts what the twin has, which is read from its own text."""
    (finding,) = findings(case.fault, case.code)
    fault, twin = cnncalc.analyze(case.fault), cnncalc.analyze(case.twin)

    assert finding.advice is not None
    if case.quantity == "unread":
        assert finding.actual is not None
        assert (finding.advice.value, finding.actual > 0) == (0, True)
    elif case.quantity == "all_layers":
        assert (finding.actual, finding.advice.value) == (len(fault.layers), len(twin.layers))
    else:
        expected = (getattr(fault.totals, case.quantity), getattr(twin.totals, case.quantity))
        assert (finding.actual, finding.advice.value) == expected
    assert finding.key == case.quantity


def test_every_rule_but_that_of_stale_entries_has_a_planted_fault() -> None:
    assert {case.code for case in PLANTED} | {"unused-ignore"} == set(RULES)


ON_PURPOSE = [
    "INPUT -> FC",
    "INPUT 32x32x64 -> CONV3-16 -> RELU -> LINEAR-8 -> GELU -> GAP -> LINEAR-10",
    "INPUT 64x16 -> CONV3-16 -> RELU -> LINEAR-8",
    "INPUT 224x224x3 -> CONV7-64/2(bias=no) -> BN -> RELU -> POOL3/2(pad=1) -> GAP -> FC-10",  # only padding is left
    "INPUT 32x32x64 -> CONV1-64/2 -> RELU -> GAP -> FC-10",  # skips the same pixels everywhere
    "INPUT 33x33x3 -> CONV3-16/2(pad=same) -> RELU -> POOL2(round=ceil) -> GAP -> FC-10",
    "INPUT 32x32x64 -> DWCONV7 -> RELU -> GAP -> FC-10",
    "INPUT 32x32x64 -> CONV1x7-64 -> RELU -> CONV7x1-64 -> RELU -> GAP -> FC-10",
    "INPUT 32x32x64 -> CONV5-64(dilation=2) -> RELU -> GAP -> FC-10",
    "INPUT 32x32x16 -> CONV5-64 -> RELU -> GAP -> FC-10",  # a stack would cost more
    "INPUT 32x32x64 -> [ | CONV7-1 -> SIGMOID ] -> MUL -> GAP -> FC-10",  # a mask
    "INPUT 32x32x64 -> CONV7-3 -> TANH",  # an image
    "INPUT 32x32x64 -> CONV3-64(bias=no) -> BN -> [ | GAP -> FC-4 -> RELU -> FC-64 -> SIGMOID ] -> MUL -> GAP -> FC-10",
    "INPUT 32x32x64 -> CONV8-64/8(pad=0) -> RELU -> GAP -> FC-10",  # patches
    "INPUT 5x5x64 -> CONV5-64(pad=0) -> RELU -> FC-10",  # an FC written as a convolution
    "INPUT 14x14x64 -> AVGPOOL5/3 -> CONV1-128 -> RELU -> FC-10",  # in front of the classifier
    "INPUT 32x32x3 -> CONV3-16 -> RELU -> POOL5/1(pad=2) -> CONV3-16 -> RELU -> GAP -> FC-10",
    "INPUT 32x32x3 -> CONV3-16 -> RELU -> [[CONV3-16 -> RELU -> CONV3-16 | ] -> ADD -> RELU]*8 -> GAP -> FC-10",
    "INPUT 32x32x3 -> CONV3-16(bias=no) -> BN -> RELU6 -> DWCONV3(bias=no) -> BN -> CONV1-32(bias=no) -> BN -> RELU6 "
    "-> GAP -> FC-10",  # a separable convolution
    "INPUT 32x32x96 -> CONV1-16 -> CONV1-96 -> RELU -> GAP -> FC-10",  # a factorization
    "INPUT 32x32x64 -> CONV1x3-64 -> CONV3x1-64 -> RELU -> GAP -> FC-10",
    "INPUT 32x32x16 -> [CONV3-64 -> RELU -> CONV3-64 | CONV1-64] -> ADD -> CONV3-64 -> RELU -> GAP -> FC-10",
    "INPUT 32x32x3 -> CONV3-64 -> RELU -> CONV1-10 -> RELU -> GAP",  # squeezenet's head
    "INPUT 32x32x3 -> CONV3-64 -> RELU -> GAP -> FC-10 -> SIGMOID",
    "INPUT 32x32x3 -> CONV3-64 -> RELU -> GAP -> FC-10 -> SOFTMAX",
    "INPUT 8x8x64 -> CONV1-64 -> RELU@v -> CONV1-64 -> SOFTMAX -> MUL(@v) -> CONV1-64 -> RELU -> GAP -> FC-10",
    "INPUT 32x32x3 -> CONV3-64 -> RELU -> GAP -> [FC-10@a | FC-4@b]",
    "INPUT 32x32x3 -> CONV3-8 -> RELU@a -> CONV1-5@small -> FROM(@a) -> POOL2 -> CONV3-8 -> RELU -> CONV1-5@large",
    "INPUT 32x32x3 -> CONV3-64 -> RELU -> GAP -> FC-333",  # as many as there are classes
    "INPUT 572x572x3 -> CONV3-64 -> RELU -> CONV3-64 -> RELU -> CONV1-2",  # a plane for a plane
    "INPUT 1x1x100 -> FC-16384 -> RELU -> RESHAPE 4x4x1024 -> DECONV2-64 -> RELU -> DECONV2-3 -> TANH",
]


@pytest.mark.parametrize("design", ON_PURPOSE)
def test_what_is_done_on_purpose_is_left_alone(design: str) -> None:
    assert [(finding.code, finding.message) for finding in findings(design)] == []


@pytest.mark.parametrize(
    ("design", "codes"),
    [
        ("INPUT 64x3 -> CONV7-64/2 -> RELU -> POOL4 -> CONV3-64 -> RELU -> GAP -> FC-10", []),
        (
            "INPUT 640x3 -> CONV3-64 -> RELU -> POOL16 -> CONV3-64 -> RELU -> CONV3-64 -> RELU -> GAP -> FC-10",
            ["large-pool"],
        ),
        ("INPUT 65x3 -> CONV3-64 -> RELU -> POOL2 -> CONV3-64 -> RELU -> GAP -> FC-10", ["input-side"]),
        ("INPUT 3x6x4x1 -> POOL2 -> WINDOW([1, 3, 2]) -> LINEAR-5", ["input-side", "linear-on-map"]),
        ("INPUT 8x6x3 -> CONV3-8 -> SEQUENCE -> POOL5 -> GAP -> FC-10", ["uneven-window"]),
        ("INPUT 8x9x16x3 -> CONV3-64 -> RELU -> POOL2 -> CONV3-64 -> RELU -> GAP -> FC-10", ["input-side"]),
        ("INPUT 8x16x16x3 -> CONV1x3x3-64 -> CONV3x1x1-64 -> RELU -> GAP -> FC-10", []),
        ("INPUT 8x16x16x3 -> CONV3-64 -> CONV3-64 -> RELU -> GAP -> FC-10", ["linear-after-linear"]),
        ("INPUT 4x4x4x8 -> POOL2 -> CONV5-64 -> RELU -> GAP -> FC-10", ["kernel-beyond-plane"]),
    ],
)
def test_rules_hold_for_volumes_of_one_and_three_sides(design: str, codes: list[str]) -> None:
    found = [finding.code for finding in run_rules(cnncalc.analyze(design), file="net")]
    assert [code for code in found if code not in ("large-kernel", "early-activations")] == codes


def test_a_message_gives_the_rule_and_the_numbers() -> None:
    """The whole record of one finding."""
    (finding,) = findings(f"{HEAD} CONV7-64 {TAIL}")

    assert finding.code == "large-kernel"
    assert finding.message == (
        "conv2: a stack of small kernels needs fewer weights than a large one: CONV7-64 has 200,704, 3 layers of 3x3 "
        "with the same receptive field of 7x7 have 110,592"
    )
    assert finding.span is not None
    assert (finding.span.line, finding.span.column) == (1, len(HEAD) + 2)
    assert finding.advice == ("CONV3-64 -> RELU -> CONV3-64 -> RELU -> CONV3-64", 112_960)


def test_layers_at_one_place_in_the_text_are_one_finding() -> None:
    """[...]*20 is one thing to change, whose effect is that of all 20."""
    (finding,) = findings("INPUT 32x32x3 -> [CONV3-64 -> BN -> RELU]*20 -> GAP -> FC-10")

    assert finding.message == (
        "conv1: normalization cancels a bias before it, but CONV3-64 has 64 biases before bn1 (likewise conv2, conv3, "
        "conv4 and 16 more)"
    )
    assert finding.advice is not None
    assert (finding.actual or 0) - (finding.advice.value or 0) == 20 * 64


def test_findings_come_in_the_order_of_the_layers() -> None:
    text = "INPUT 101x101x3 -> CONV3-250 -> BN -> RELU -> POOL2 -> CONV3-64 -> CONV3-64 -> RELU -> GAP -> FC-10"

    report = cnncalc.analyze(text)
    found = run_rules(report, file="x")

    assert [(finding.layer, finding.code) for finding in found] == [
        ("input", "input-side"),
        ("conv1", "early-activations"),
        ("conv1", "bias-before-bn"),
        ("conv1", "odd-depth"),
        ("conv3", "linear-after-linear"),
    ]
    assert run_rules(report, file="x", select=reversed(RULES)) == found


def test_select_and_ignore() -> None:
    report = cnncalc.analyze("INPUT 32x32x3 -> CONV3-64 -> BN -> CONV3-64 -> RELU -> GAP -> FC-10")

    def codes(select: tuple[str, ...] = (), ignore: tuple[str, ...] = ()) -> list[str]:
        return [finding.code for finding in run_rules(report, file="x", select=select, ignore=ignore)]

    assert codes() == ["bias-before-bn", "linear-after-linear"]
    assert codes(select=("linear-after-linear",)) == ["linear-after-linear"]
    assert codes(ignore=("linear-after-linear",)) == ["bias-before-bn"]
    assert codes(select=("linear-after-linear",), ignore=("linear-after-linear",)) == []


@pytest.mark.parametrize(
    ("what", "code", "message"),
    [
        ("select", "large-kernal", "select: no design rule 'large-kernal'; did you mean 'large-kernel'?"),
        ("ignore", "padded_pool", "ignore: no design rule 'padded_pool'; did you mean 'padded-pool'?"),
        ("select", "", "select: no design rule ''"),
    ],
)
def test_an_unknown_code_is_an_error(what: str, code: str, message: str) -> None:
    report = cnncalc.analyze("INPUT -> FC")

    select, ignore = ([code], []) if what == "select" else ([], [code])

    with pytest.raises(ValueProblem) as caught:
        run_rules(report, file="x", select=select, ignore=ignore)

    assert (caught.value.message, caught.value.code) == (message, "unknown-rule")


# what a file ignores

NET = """\
name: net
ignore: {ignore}
blocks:
  unit(w): CONV3-w -> BN -> RELU
layers: |
  INPUT 32x32x3 -> unit(16)@a -> unit(16)@b -> unit(16)@c*2 -> POOL2(pad=1) -> GAP -> FC-10
"""


def told(folder: Path, ignore: str) -> list[tuple[str, str]]:
    """Code and message of what is found with a value for ``ignore:``."""
    file = folder / "net.yaml"
    file.write_text(NET.replace("{ignore}", ignore), encoding="utf-8")
    return [(finding.code, finding.message) for finding in run_rules(cnncalc.analyze(str(file)), file="net.yaml")]


BIAS = (
    "bias-before-bn",
    "a.conv1: normalization cancels a bias before it, but CONV3-16 has 16 biases before a.bn1 (likewise "
    "b.conv1, c.0.conv1 and c.1.conv1)",
)
PAD = ("padded-pool", "pool1: a pool should need no padding, but pad 1 turns [32x32x16] into [17x17x16] with stride 2")


@pytest.mark.parametrize(
    ("ignore", "expected"),
    [
        ("", [BIAS, PAD]),
        ("[]", [BIAS, PAD]),
        ("bias-before-bn", [PAD]),
        ("[bias-before-bn, padded-pool]", []),
        ("{padded-pool: pool1}", [BIAS]),
        ("[bias-before-bn, {padded-pool: [pool1]}]", []),
        ("{bias-before-bn: [a, b.conv1, c]}", [PAD]),
    ],
)
def test_a_file_ignores_rules_at_all_or_for_layers_and_blocks(
    tmp_path: Path, ignore: str, expected: list[tuple[str, str]]
) -> None:
    assert told(tmp_path, ignore) == expected


def test_what_is_left_of_layers_at_one_place_is_still_told(tmp_path: Path) -> None:
    (bias, _) = told(tmp_path, "{bias-before-bn: [a, c.0]}")

    assert bias[1].startswith("b.conv1: ")
    assert bias[1].endswith(" (likewise c.1.conv1)")


@pytest.mark.parametrize(
    ("ignore", "message"),
    [
        ("{large-kernel: a}", "ignore: large-kernel finds nothing at a"),
        ("{padded-pool: pol1}", "ignore: there is no layer 'pol1'; did you mean 'pool1'?"),
        ("[large-kernel]", "ignore: large-kernel finds nothing"),
    ],
)
def test_an_entry_that_ignores_nothing_is_told(tmp_path: Path, ignore: str, message: str) -> None:
    assert told(tmp_path, ignore)[-1] == ("unused-ignore", message)
    assert "unused-ignore" not in [code for code, _ in told(tmp_path, f"[unused-ignore, {ignore.strip('[]')}]")]


@pytest.mark.parametrize(
    ("ignore", "expected"),
    [
        ("[[padded-pool]]", "2:10 wrong-type: ignore: expected the code of a design rule"),
        ("{padded-pool: []}", "2:23 wrong-type: ignore: the list of layers of padded-pool is empty"),
        (
            "{padded-pool: }",
            "2:10 wrong-type: ignore: expected the name of a layer or block for which to ignore padded-pool",
        ),
        (
            "{padded-pool: [a, {b: c}]}",
            "2:27 wrong-type: ignore: expected the name of a layer or block for which to ignore padded-pool",
        ),
    ],
)
def test_a_wrong_ignore_is_an_error_of_the_file(tmp_path: Path, ignore: str, expected: str) -> None:
    with pytest.raises(DesignError) as caught:
        told(tmp_path, ignore)

    (problem,) = caught.value.every
    assert problem.span is not None
    assert f"{problem.span.line}:{problem.span.column} {problem.code}: {problem.message}" == expected


def test_what_a_file_ignores_is_written_again(tmp_path: Path) -> None:
    """``show --as yaml`` gives a file with the same findings."""
    from cnncalc.language.writer import as_yaml

    told(tmp_path, "[bias-before-bn, {padded-pool: [pool1]}]")
    written = as_yaml(cnncalc.analyze(str(tmp_path / "net.yaml")).resolved)
    (tmp_path / "again.yaml").write_text(written, encoding="utf-8")

    assert "\nignore: [bias-before-bn, {padded-pool: pool1}]\n" in written
    assert run_rules(cnncalc.analyze(str(tmp_path / "again.yaml")), file="x") == []


# the registry


@pytest.mark.parametrize("code", RULES)
def test_a_rule_is_documented_by_its_docstring(code: str) -> None:
    text = explain(code)

    assert text.startswith(f"{code}: ")
    assert code.replace("-", "").isalpha()
    assert code == code.lower()
    parts = [text.find(f"\n\n{part}: ") for part in ("What", "Why", "Example", "Instead", "Source")]
    assert parts == sorted(parts)
    assert parts[0] > 0


def test_an_unknown_code_cannot_be_explained() -> None:
    with pytest.raises(ValueProblem, match="--explain: no design rule 'first-fcs'; did you mean 'first-fc'"):
        explain("first-fcs")


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", [*(random_design(seed).text for seed in fixed_seeds(30)), *(random_net(seed).pattern for seed in range(60))]
)
def test_no_rule_stumbles_over_a_random_net(text: str) -> None:
    """Whatever is found in a net of all kinds has a place, a computed value in its unit, and the same text again.

    The nets are on planes, then on one to three sides.
    """
    report = cnncalc.analyze(text)

    found = run_rules(report, file="x")

    assert found == run_rules(report, file="x")
    for finding in found:
        assert finding.code in RULES
        assert finding.layer in {row.name for row in report.layers}
        assert finding.advice is None or finding.advice.value is not None


def test_a_long_file_costs_a_bounded_number_of_nets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each effect is that of a whole net, so what is found at too many places is told together."""
    from cnncalc.checks.rules import base

    file = tmp_path / "long.yaml"
    units = "  - conv: {filters: 8}\n  - bn\n  - relu\n" * 30
    file.write_text(f"layers:\n  - input: 8x8x3\n{units}  - gap\n  - fc: 10\n", encoding="utf-8")
    report = cnncalc.analyze(str(file))

    assert len(run_rules(report, file="x")) == 30
    monkeypatch.setattr(base, "MAX_WORK", 4 * len(report.layers))
    found = run_rules(report, file="x")

    assert len(found) == 4
    assert found[-1].message.endswith("(likewise conv5, conv6, conv7 and 23 more)")
    saved = [(finding.actual or 0) - (finding.advice.value or 0) for finding in found if finding.advice is not None]
    assert saved == [8, 8, 8, 27 * 8]
