"""Options and keys without effect give a warning; the name of the net states what the call changes."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest

import cnncalc
from cnncalc import DesignError, Volume
from cnncalc.formats import FORMATS
from cnncalc.layers import KINDS

FILE = """
name: small
title: A small net
source: "a paper"
forms: {smaller: with fewer filters}
variables: {n: 2, w: 8, twice: "{2*w}", idle: 3, rate: 0.1}
blocks:
  unused(k): CONV{k}-idle
layers: INPUT 8x8x3 -> [CONV3-w -> RELU]*n -> DROPOUT(rate) -> FC-twice -> FC-5
"""


def small(**options: Any) -> cnncalc.Graph:
    return cnncalc.load("-", stdin=FILE, **options)


def warnings(graph: cnncalc.Graph) -> list[str]:
    assert {problem.code for problem in graph.warnings} <= {"no-effect", "input-replaced"}
    return [problem.message.partition(":")[0] for problem in graph.warnings if problem.code == "no-effect"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"variables": {"n": 3}}, []),
        ({"variables": {"m": 3}}, ["--set m=3 has no effect"]),
        ({"variables": {"idle": 4}}, ["--set idle=4 has no effect"]),
        ({"variables": {"k": 4}}, ["--set k=4 has no effect"]),
        ({"variables": {"w": 4}}, []),
        ({"variables": {"twice": 4, "w": 2}}, []),
        ({"filters": 4}, ["--filters 4 has no effect"]),
        ({"hidden": 4}, ["--hidden 4 has no effect"]),
        ({"classes": 4}, ["--classes 4 has no effect"]),
        ({"optional": False}, ["--optional drop has no effect"]),
        ({"optional": True}, ["--optional keep has no effect"]),
        ({"filters": 4, "classes": 5}, ["--classes 5 has no effect", "--filters 4 has no effect"]),
    ],
    ids=str,
)
def test_options_without_effect_in_a_file(options: dict[str, Any], expected: list[str]) -> None:
    assert warnings(small(**options)) == expected


@pytest.mark.parametrize(
    ("pattern", "options", "expected"),
    [
        ("INPUT 8x8x3 -> CONV -> FC", {"filters": 4}, []),
        ("INPUT 8x8x3 -> CONV3-4 -> FC", {"filters": 4}, ["--filters 4 has no effect"]),
        ("INPUT 8x8x3 -> CONV3-filters -> FC", {"filters": 4}, []),
        ("INPUT 8x8x3 -> FC", {"hidden": 4}, ["--hidden 4 has no effect"]),
        ("INPUT 8x8x3 -> FC -> FC", {"hidden": 4}, []),
        ("INPUT 8x8x3 -> FC -> FC-2", {"classes": 4}, ["--classes 4 has no effect"]),
        ("INPUT 8x8x3 -> FC-2 -> FC", {"classes": 4}, []),
        ("INPUT 8x8x3 -> POOL? -> FC", {"optional": False}, []),
        ("INPUT 8x8x3 -> POOL?{1 > 0} -> FC", {"optional": False}, ["--optional drop has no effect"]),
        ("INPUT 8x8x3 -> FC-n", {"variables": {"n": 2}, "classes": 3}, ["--classes 3 has no effect"]),
        ("INPUT 8x8x3 -> FC-classes", {"variables": {"classes": 2}, "classes": 3}, ["--set classes=2 has no effect"]),
    ],
    ids=str,
)
def test_options_without_effect_in_a_pattern(pattern: str, options: dict[str, Any], expected: list[str]) -> None:
    assert warnings(cnncalc.load(pattern, **options)) == expected


def test_the_warning_names_what_the_option_would_set() -> None:
    assert [problem.message for problem in small(filters=4, variables={"nn": 1}).warnings] == [
        "--set nn=1 has no effect: the design has no variable 'nn'; did you mean 'n'? (it has idle, n, rate, twice, w)",
        "--filters 4 has no effect: it would set the filters of a CONV without a number or a variable 'filters', and "
        "the design has neither",
    ]


def test_a_misspelt_variable_is_reported_with_the_variable_that_has_no_value() -> None:
    with pytest.raises(DesignError) as raised:
        cnncalc.load("INPUT 8x8x3 -> CONV3-depths", variables={"depht": 3})

    assert [(problem.code, problem.severity) for problem in raised.value.every] == [
        ("unset-variable", "error"),
        ("no-effect", "warning"),
    ]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "small"),
        ({"variables": {"n": 2}}, "small"),
        ({"variables": {"rate": Fraction(1, 10)}}, "small"),
        ({"variables": {"rate": 0.1, "w": 8.0}}, "small"),
        ({"variables": {"idle": 4}}, "small"),
        ({"input": (8, 8, 3)}, "small"),
        ({"variables": {"twice": 16}}, "small"),
        ({"variables": {"n": 3}}, "small, changed: n=3"),
        ({"variables": {"rate": 0.25, "n": 1}}, "small, changed: rate=0.25, n=1"),
        ({"variables": {"w": 4, "twice": 16}}, "small, changed: w=4, twice=16"),
        ({"input": (16, 16, 3)}, "small, changed: input=16x16x3"),
    ],
    ids=str,
)
def test_the_name_of_the_net_states_what_the_call_changes(options: dict[str, Any], name: str) -> None:
    graph = small(**options)

    assert graph.name == name
    assert (graph.title, graph.source) == (("A small net", "a paper") if name == "small" else (None, None))
    assert bool(graph.forms) == (name == "small")
    assert bool(graph.changed) == (name != "small")


def test_every_view_of_a_changed_net_states_the_changes() -> None:
    name = "resnet18, changed: classes=10"
    report = cnncalc.analyze("resnet18", classes=10)
    record = json.loads(cnncalc.table("resnet18", "json", classes=10))

    for form in [name for name, each in FORMATS.items() if each.writer and not (each.is_exact or each.needs_terminal)]:
        text = cnncalc.table("resnet18", form, classes=10)
        assert name in text
        assert "He et al" not in text
        assert "ResNet-18" not in text
    assert (record["architecture"], record["title"], record["source"]) == (name, None, None)
    assert record["changed"] == {"classes": "10"}
    assert name in cnncalc.plot("resnet18", classes=10)
    assert cnncalc.account_memory("resnet18", classes=10).architecture == report.name == name


def test_other_forms_stand_beside_the_title() -> None:
    assert cnncalc.table("resnet50", depth=1).startswith(
        "resnet50: ResNet-50 (torchvision's form: resnet50-v1.5; pre-activation: resnet50-v2)\n"
    )
    assert cnncalc.analyze("resnet50").title == "ResNet-50"
    untitled = "name: a\nforms: {b: the wider form}\nlayers: INPUT 8x8x3 -> FC-2\n"
    assert cnncalc.table("-", stdin=untitled).startswith("a (the wider form: b)\n")


@pytest.mark.parametrize(
    ("owner", "sharer", "warns"),
    [
        ("", ", trainable=no", True),
        ("", ", trainable=yes", False),
        ("(trainable=no)", ", trainable=yes", True),
        ("(trainable=no)", ", trainable=no", False),
        ("(trainable=no)", "", False),
    ],
)
def test_trainable_of_a_layer_that_shares(owner: str, sharer: str, warns: bool) -> None:
    graph = cnncalc.load(f"INPUT 8x8x3 -> CONV3-3{owner}@a -> CONV3-3(share=@a{sharer})@b -> FC-2")

    assert bool(graph.warnings) == warns
    for problem in graph.warnings:
        assert problem.message.startswith("b: trainable=")
        assert "it uses the parameters of a, which are" in problem.message
        assert problem.span is not None


def test_a_frozen_call_of_a_block_that_shares() -> None:
    text = """
blocks:
  double(w): CONV3-w -> CONV3-w
layers: INPUT 8x8x3 -> double(3)@a -> double(3, share=@a, trainable=no)@b*2 -> FC-2
"""
    graph = cnncalc.load("-", stdin=text)

    assert [problem.message.partition(" has")[0] for problem in graph.warnings] == [
        "b.0.conv1: trainable=no",
        "b.0.conv2: trainable=no",
    ]


def test_forms_in_a_file_are_texts() -> None:
    with pytest.raises(DesignError, match="forms: expected a text that says what a is"):
        cnncalc.load("-", stdin="forms: {a: [1, 2]}\nlayers: INPUT 8x8x3 -> FC-2\n")


def test_a_variable_may_have_the_name_of_a_side_and_hides_it() -> None:
    text = "variables: {width: 0.5}\nlayers: INPUT 8x8x3 -> CONV3-{ceil(9*width)} -> FC-{height}\n"

    assert [row.output for row in cnncalc.analyze("-", stdin=text).layers[1:]] == [Volume(8, 8, 5), Volume(1, 1, 8)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "BN(scale=no, shift=no, trainable=no)",
            ["bn1: trainable has no effect: BN(scale=no, shift=no) has no parameters"],
        ),
        ("BN(shift=no, trainable=no)", []),
        ("IN(trainable=yes)", ["in1: trainable has no effect: IN has no parameters"]),
        ("IN@a -> IN(share=@a)", ["in2: share has no effect: IN has no parameters"]),
        ("IN(scale=yes)@a -> IN(scale=yes, share=@a)", []),
        ("BN(scale=no, shift=no)@a -> BN(scale=no, shift=no, share=@a)", []),  # it shares the running statistics
        (
            "OPAQUE([1, 1, 2], trainable=no)",
            ["opaque1: trainable has no effect: OPAQUE(1x1x2, stated) has no parameters"],
        ),
        ("OPAQUE([1, 1, 2], parameters=7, trainable=no)", []),
        ("[IN(trainable=no)]*3", ["in1: trainable has no effect: IN has no parameters"]),
        ("[IN(scale={i > 0}, trainable=no)]*2 as i", []),  # the second one has a scale
    ],
    ids=str,
)
def test_keys_of_parameters_at_a_layer_without_any(text: str, expected: list[str]) -> None:
    report = cnncalc.analyze(f"INPUT 8x8x3 -> {text}")

    assert [problem.message for problem in report.warnings] == expected
    assert all(problem.code == "no-effect" and problem.span is not None for problem in report.warnings)


@pytest.mark.parametrize(
    ("defaults", "layers", "expected"),
    [
        ("in: {trainable: no}", "IN", ["in1: trainable has no effect: IN has no parameters"]),
        ("in: {trainable: yes}", "[IN]*3", ["in1: trainable has no effect: IN has no parameters"]),
        ("in: {trainable: no}", "IN -> IN(scale=yes)", []),
        ("in: {trainable: no}", "IN(trainable=no)", ["in1: trainable has no effect: IN has no parameters"]),
        ("in: {trainable: no}", "CONV3-4", []),  # defaults may be for layers that the net does not have
        ("in: {trainable: no, scale: yes}", "IN", []),
    ],
)
def test_trainable_in_defaults_is_warned_of_as_at_the_layer(defaults: str, layers: str, expected: list[str]) -> None:
    report = cnncalc.analyze("-", stdin=f"defaults: {{{defaults}}}\nlayers: INPUT 8x8x3 -> {layers}\n")

    assert [problem.message for problem in report.warnings] == expected
    spans = [problem.span for problem in report.warnings]
    assert all(span is not None and (span.line == 2) == ("trainable" in layers) for span in spans)


def test_trainable_in_defaults_is_refused_for_kinds_without_parameters_as_at_the_layer() -> None:
    with pytest.raises(DesignError, match="defaults: relu has no parameters to freeze"):
        cnncalc.load("-", stdin="defaults: {relu: {trainable: no}}\nlayers: INPUT 8x8x3 -> RELU\n")


def test_a_layer_frozen_by_itself_stays_frozen_beside_a_default() -> None:
    text = "defaults: {conv: {trainable: yes}}\nlayers: INPUT 8x8x3 -> CONV3-4(trainable=no) -> CONV3-4\n"
    assert [row.trainable for row in cnncalc.analyze("-", stdin=text).layers[1:]] == [0, 148]


def test_a_function_that_never_overwrites_its_input_takes_in_place_without_effect() -> None:
    kinds = [kind for kind, layer in KINDS.items() if not getattr(layer, "can_work_in_place", True)]
    assert kinds == ["softplus", "prelu", "gelu"]
    for kind in kinds:
        for word, warned in (("yes", 1), ("no", 0)):
            report = cnncalc.analyze(f"INPUT 9x11x6 -> CONV3-4 -> {kind.upper()}(in_place={word})")
            assert not report.layers[-1].in_place
            assert len(report.warnings) == warned
            assert all("cannot overwrite its input" in problem.message for problem in report.warnings)
