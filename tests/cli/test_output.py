"""What stands around a table, and which format a file gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cnncalc.formats.document import MOST_LINES
from tests.calls import called

if TYPE_CHECKING:
    from pathlib import Path

NET = "INPUT 9x11x3 -> CONV3-7 -> BN -> RELU -> DROPOUT -> FC-5"
OTHER = "INPUT 9x11x3 -> CONV3-8 -> BN -> RELU -> DROPOUT -> FC-5"
CALLS = [
    ["table", NET],
    ["table", "vgg16", "--style", "notes"],
    ["memory", NET],
    ["memory", NET, "--checkpoint", "sqrt"],
    ["fit", NET, "--memory", "440MiB"],
    ["fit", "--list-devices"],
    ["solve", "lenet5", "--for", "batch=1..9", "--memory", "8GiB"],
    ["diff", NET, OTHER],
    ["kinds"],
    ["explain", NET, "conv1"],
    ["verify", NET],
    ["verify", NET, "--train"],
    ["show", NET, "--as", "layers"],
]


def last_part(text: str) -> list[str]:
    """The lines below the last blank line of a text."""
    return text.rstrip("\n").split("\n\n")[-1].splitlines()


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_at_most_three_lines_stand_below_a_table_all_or_none(call: list[str]) -> None:
    usual, brief, verbose = (called(*call, *more) for more in ([], ["--brief"], ["--verbose"]))
    assert [done.returncode for done in (usual, brief, verbose)] == [0, 0, 0]
    table = brief.stdout.rstrip("\n")

    assert usual.stdout.startswith(table)
    assert verbose.stdout.startswith(table)
    below = usual.stdout[len(table) :].strip("\n").splitlines()
    assert len(below) <= MOST_LINES
    every = " ".join(verbose.stdout[len(table) :].split())
    assert all(" ".join(line.split()) in every for line in below)


def test_the_totals_are_the_three_lines_below_a_table() -> None:
    below = last_part(called("table", "resnet50").stdout)
    assert [" ".join(line.split()[:2]) for line in below] == ["TOTAL memory", "TOTAL params", "TOTAL MACs"]


def test_what_is_assumed_stands_above_the_table() -> None:
    lines = called("table", "INPUT -> CONV3 -> FC", "--brief").stdout.splitlines()
    assert lines[:2] == [
        "pattern",
        "assumed: input 224x224x3, 64 filters in a CONV without a number, 1000 units in the last FC",
    ]


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("text", "layer"),
        ("markdown", "| layer | macs |".replace("macs", "MACs")),
        ("latex", "% Needs"),
        ("html", "<div"),
        ("rst", ".. table::"),
    ],
)
def test_every_format_leaves_out_its_heading_on_demand(form: str, start: str) -> None:
    call = ("table", "lenet5", "--columns", "layer,macs", "--format", form)
    with_it, without = called(*call).stdout, called(*call, "--no-heading").stdout
    assert "LeNet-5" in with_it
    assert "LeNet-5" not in without
    assert without.startswith(start)


@pytest.mark.parametrize(
    ("call", "message", "hint"),
    [
        (["table", NET, "-o", "x.xml"], "'.xml' is not an ending of a format of this command", "--output x.txt"),
        (["table", NET, "-o", "x.foo"], "'.foo' is not an ending of a format of this command", "--output x.txt"),
        (["table", NET, "-o", "x.yaml"], "'.yaml' is not an ending of a format of this command", "--output x.txt"),
        (["table", NET, "-o", "x.md", "--format", "csv"], "'.md' is not an ending of the format csv", "--output x.csv"),
        (["check", NET, "-o", "x.rst"], "'.rst' is not an ending of a format of this command", "--output x.txt"),
        (["check", NET, "-o", "x.xml", "--format", "json"], "'.xml' is not an ending of the format json", "x.json"),
        (["value", NET, "macs", "-o", "x.csv"], "'.csv' is not an ending of a format of this command", "x.txt"),
        (["plot", NET, "-o", "x.txt"], "'.txt' is not an ending of a format of this command", "--output x.svg"),
        (["schema", "-o", "x.yaml"], "'.yaml' is not an ending of a format of this command", "--output x.json"),
        (["report", NET, "-o", "x.md"], "'.md' is not an ending of a format of this command", "--output x.html"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_no_file_gets_a_format_that_its_name_does_not_tell(call: list[str], message: str, hint: str) -> None:
    done = called(*call)
    assert done.returncode == 2
    assert message in done.stderr
    assert hint in done.stderr


@pytest.mark.parametrize(
    "call",
    [
        ["table", NET, "-o", "x"],
        ["table", NET, "-o", "x.txt", "--format", "json"],
        ["table", NET, "-o", "x.data", "--format", "csv"],
        ["check", NET, "-o", "x.json", "--format", "gitlab"],
        ["check", NET, "-o", "x.json", "--format", "sarif"],
        ["check", NET, "-o", "x.xml"],
        ["show", NET, "-o", "x.yaml"],
    ],
    ids=" ".join,
)
def test_an_ending_that_tells_the_format_or_nothing_is_written(
    call: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert called(*call).returncode < 2
    (file,) = tmp_path.iterdir()
    assert file.read_text(encoding="utf-8").startswith("<?xml") == (file.suffix == ".xml")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--caption", "a"], "--caption needs --format latex"),
        (["--fit-width"], "--fit-width needs --format latex"),
        (["--format", "latex", "--bare", "--label", "a"], "--label names a floating table, and --bare writes none"),
        (["--format", "latex", "--label", "a}b"], "a label holds letters, digits and : - _ . + /, found 'a}b'"),
    ],
)
def test_options_of_latex_without_effect_are_refused(options: list[str], message: str) -> None:
    done = called("table", NET, *options)
    assert done.returncode == 2
    assert message in done.stderr


def test_flops_are_twice_the_macs() -> None:
    """7*3*3*3 weights at 9*11 positions and 9*11*7*5 of the FC layer: 18,711 + 3,465 MACs."""
    assert called("value", NET, "flops", "--exact").stdout == "44,352\n"
    assert called("value", NET, "flops", "--layer", "conv1", "--exact").stdout == "37,422\n"
    assert called("check", NET, "--max", "flops=44351").returncode == 1
    assert called("check", NET, "--max", "flops=44352").returncode == 0
    rows = called("table", NET, "--columns", "layer,macs,flops", "--format", "csv").stdout.splitlines()
    assert rows[2] == "conv1,18711,37422"
