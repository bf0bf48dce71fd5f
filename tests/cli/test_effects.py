"""Options of a call that have no effect, or are given twice, are warned of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import cnncalc
from cnncalc.checks.check import Checker, CheckOptions
from cnncalc.language import catalogue
from cnncalc.language.settings import Settings
from tests.calls import called

if TYPE_CHECKING:
    from pathlib import Path

SMALL = "INPUT 9x11x3 -> CONV3-7 -> RELU -> FC-5"


def warned(*arguments: str) -> list[str]:
    """The warnings of a call, without their reasons."""
    done = called(*arguments)
    lines = [line for line in done.stderr.splitlines() if line.startswith("warning[")]
    return [line.partition("]: ")[2].partition(" has no effect")[0] for line in lines]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (["table", "lenet5", "--memory"], []),
        (["table", SMALL, "--filters", "32"], ["--filters 32"]),
        (["table", SMALL, "--batch", "8"], []),
        (["table", SMALL, "--format", "csv", "--batch", "8"], []),
        (["table", SMALL, "--format", "csv", "--batch", "8", "--columns", "layer,macs"], ["--batch"]),
        (["table", SMALL, "--format", "csv", "--dtype", "float64", "--columns", "macs"], ["--dtype"]),
        (["table", SMALL, "--format", "json", "--no-totals", "--units", "si"], ["--units", "--no-totals"]),
        (["table", SMALL, "--exact", "--units", "si"], ["--units"]),
        (["table", SMALL, "--depth", "1"], ["--depth 1"]),
        (["table", "resnet18", "--depth", "1"], []),
        (["table", "resnet18", "--depth", "9"], ["--depth 9"]),
        (["value", "lenet5", "macs", "--batch", "8"], ["--batch"]),
        (["value", "lenet5", "parameter_memory", "--batch", "8", "--dtype", "float64"], ["--batch"]),
        (["value", "lenet5", "activation_memory", "--batch", "8", "--optimizer", "adam"], ["--optimizer"]),
        (["value", "lenet5", "training_memory", "--batch", "8", "--optimizer", "adam", "--units", "si"], []),
        (["value", "lenet5", "output", "--units", "si", "--profile", "ideal"], ["--profile", "--units"]),
        (["value", "lenet5", "macs", "--layer", "c1", "--dtype", "float64"], ["--dtype"]),
        (["memory", "lenet5", "--plan", "--optimizer", "adam", "--timeline"], ["--optimizer", "--timeline"]),
        (["memory", "lenet5", "--depthwise-in-place"], ["--depthwise-in-place"]),
        (["memory", "lenet5", "--why", "c1", "--depth", "1"], ["--depth"]),
        (["table", SMALL, "--format", "csv", "--batch", "8", "--columns", "Bytes"], []),
        (["table", SMALL, "--format", "json", "--brief", "--no-heading"], ["--brief", "--no-heading"]),
        (["memory", SMALL, "--format", "csv", "--verbose"], ["--verbose"]),
        (["memory", "lenet5", "--why", "c1", "--exact", "--units", "si"], ["--exact"]),
        (["memory", "lenet5", "--why", "c1", "--format", "json", "--units", "si"], []),
        (["list", "--format", "json", "--brief"], ["--brief"]),
        (["diff", "lenet5", "cifar-tiny", "--format", "json", "--units", "si"], ["--units"]),
        (["fit", SMALL, "--memory", "440MiB", "--exact", "--units", "si"], ["--units"]),
        (["fit", SMALL, "--memory", "440MiB", "--units", "si", "--brief"], []),
        (["fit", "--list-devices", "--memory", "8GiB", "--batch", "8"], ["--memory", "--batch"]),
        (["fit", "--list-devices", "--units", "si"], []),
        (["fit", "vgg16", "--list-devices"], ["vgg16"]),
        (["check", "vgg16", "lenet5", "--explain", "first-fc"], ["vgg16 lenet5"]),
        (["plot", "lenet5", "--kind", "graph", "--batch", "8", "-o", "-"], ["--batch"]),
        (["plot", "lenet5", "--kind", "cost", "--batch", "8", "-o", "-"], []),
        (["plot", "lenet5", "--kind", "inference", "--optimizer", "adam", "-o", "-"], ["--optimizer"]),
        (["plot", "lenet5", "--kind", "training", "--optimizer", "adam", "-o", "-"], []),
        (
            ["memory", "lenet5", "--profile", "notes", "--batch", "2", "--checkpoint", "blocks", "--accumulate", "2"],
            ["--accumulate", "--checkpoint"],
        ),
        (["memory", "lenet5", "--profile", "ideal", "--accumulate", "2", "--optimizer", "adam"], []),
        (["fit", SMALL, "--memory", "440MiB", "--profile", "notes", "--optimizer", "adam"], ["--optimizer"]),
        (["diff", "lenet5", "cifar-tiny", "--depth", "1"], ["--depth 1"]),
        (["diff", "lenet5", "resnet18", "--depth", "1"], []),
        (["check", "lenet5", "--no-rules", "--select", "large-pool"], ["--select"]),
        (["check", "--explain", "large-pool", "--strict"], ["--strict"]),
        (["check", "lenet5", "--filters", "3", "--no-rules"], ["--filters 3"]),
        (["check", "lenet5", "cifar-tiny", "--filters", "3", "--no-rules"], []),
        (["diff", "lenet5", "cifar-tiny", "--filters", "3"], []),
        (["diff", "lenet5", "vgg16", "--filters", "3"], ["--filters 3"]),
    ],
    ids=" ".join,
)
def test_options_without_effect(call: list[str], expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "names", lambda: ["lenet5"])  # for list
    assert warned(*call) == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            ["fit", SMALL, "--memory", "8GiB", "--memory=440MiB"],
            "--memory is given twice; only the last one counts: 440MiB",
        ),
        (
            ["table", SMALL, "--batch", "2", "--batch", "3", "--batch", "4"],
            "--batch is given 3 times; only the last one counts: 4",
        ),
        (["table", SMALL, "-o", "a.txt", "--output", "-"], "--output is given twice; only the last one counts: -"),
        (
            ["table", SMALL, "--no-in-place", "--in-place"],
            "--in-place/--no-in-place is given twice; only the last one counts: --in-place",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_that_is_given_twice(call: list[str], message: str) -> None:
    done = called(*call)

    assert done.returncode == 0
    assert f"warning[given-twice]: {message}\n" in done.stderr


def test_an_option_that_may_be_repeated_is_not_warned_of() -> None:
    done = called("table", "INPUT 8x8x3 -> [CONV3-w]*n", "--set", "w=2", "--set", "n=3")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_check_is_strict_about_an_option_without_effect() -> None:
    assert called("check", "lenet5", "--max", "parameters=1M", "--no-rules", "--filters", "3").returncode == 0
    assert (
        called("check", "lenet5", "--max", "parameters=1M", "--no-rules", "--filters", "3", "--strict").returncode == 1
    )


def test_the_call_of_a_document_is_warned_of(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "It has <!-- cnncalc: value lenet5 macs --batch 8 --filters 3 --><!-- /cnncalc --> MACs.\n", encoding="utf-8"
    )

    done = called("docs", str(page))

    assert "--batch has no effect: macs does not depend on it" in done.stderr
    assert "--filters 3 has no effect" in done.stderr


def test_what_is_covered_is_said_in_the_same_words_everywhere() -> None:
    from tests.calls import ROOT

    help_ = " ".join(called("--help").stdout.split())
    sentence = help_[help_.index("It covers") : help_.index(" A TARGET")]

    assert "not recurrent layers" in sentence
    for page in ("README.md", "docs/index.md"):
        assert sentence in " ".join((ROOT / page).read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ("CONV3-4@a -> RELU(in_place=yes)@r -> CONV3-4 -> ADD(@a)", "r: a is also read by add1"),
        ("CONV3-4 -> SIGMOID -> RELU(in_place=yes)@r -> CONV3-4", "r: backward needs the output of sigmoid1"),
        ("CONV3-4@a -> CONV3-4 -> ADD(@a, in_place=yes)@r", None),
        ("CONV3-4@a -> DROPOUT(in_place=yes)@r -> CONV3-4 -> ADD(@a)", "r: a is also read by add1"),
        ("CONV3-4@a -> IDENTITY@b -> DROPOUT(in_place=yes)@r -> ADD(@a)", "r: the memory of a is also read by add1"),
        ("CONV3-4 -> DROPOUT(in_place=yes)", None),
        ("[CONV3-4@c{i} -> RELU(in_place=yes)]*2 as i -> ADD(@c0)", None),
    ],
)
def test_in_place_on_a_layer_that_has_memory_of_its_own_is_warned_of(layers: str, why: str | None) -> None:
    found = warnings_of(f"INPUT 9x11x4 -> {layers}")
    name, _, reason = (why or "").partition(": ")
    assert found == ([f"{name}: in_place=yes has no effect: {reason}"] if why else [])


def warnings_of(text: str, **options: Any) -> list[str]:
    return [problem.message for problem in cnncalc.analyze(text, **options).warnings]


def test_in_place_is_not_warned_of_where_a_call_turns_it_off() -> None:
    text = "INPUT 9x11x4 -> CONV3-4@a -> RELU(in_place=yes) -> CONV3-4 -> ADD(@a)"
    assert len(warnings_of(text)) == 1
    assert warnings_of(text, in_place=False) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["cnncalc.toml has no effect: it has no keys"]),
        ('files = ["lenet5"]', []),
        ('files = ["lenet5", "lenet5"]', ["files: a second 'lenet5' has no effect: the list has it 2 times"]),
        ("exclude = []", ["exclude has no effect: it is empty"]),
        ('ignore = ["first-fc"]', []),
        ('select = ["first-fc"]\nignore = ["first-fc"]', []),
        (
            'select = ["many-fc"]\nignore = ["first-fc", "many-fc"]',
            ["ignore: 'first-fc' has no effect: 'select' names other rules, and only those are applied"],
        ),
    ],
)
def test_keys_of_the_configuration_that_change_nothing_are_warned_of(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    (tmp_path / "cnncalc.toml").write_text(text + "\n", encoding="utf-8")
    (outcome,) = Checker(CheckOptions({}, folder=str(tmp_path)), Settings()).check(["lenet5"]).files
    assert [problem.message for problem in outcome.problems] == expected
    assert outcome.code(strict=True) == 1  # a warning, or no budget
