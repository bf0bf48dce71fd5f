"""The options that every table has: format, columns, depth, short and exact numbers, bars."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cnncalc.cli.options import TABLE_FORMATS
from cnncalc.formats import FORMATS
from cnncalc.language import catalogue
from tests.calls import called, cnncalc
from tests.nets import FEW

if TYPE_CHECKING:
    from pathlib import Path

NET = "INPUT 9x11x3 -> CONV3-7 -> RELU -> FC-5"
TABLES = [["table", NET], ["memory", NET], ["diff", NET, "INPUT 9x11x3 -> CONV3-8 -> RELU -> FC-5"], ["list"]]
BEGINNINGS = {
    "markdown": ("|", "#"), "latex": ("% Needs \\usepackage{booktabs}",), "html": ('<div class="cnncalc">',),
    "rst": (".. table::",),
}  # fmt: skip


FORMS = [form for form in TABLE_FORMATS if not FORMATS[form].needs_terminal]


@pytest.mark.parametrize(
    ("call", "form"),
    [(call, form) for call in TABLES for form in FORMS],
    ids=lambda value: value[0] if isinstance(value, list) else value,
)
def test_every_table_comes_in_every_format(call: list[str], form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``list`` is called with a few nets; the golden files hold all of them."""
    monkeypatch.setattr(catalogue, "names", lambda: list(FEW))

    done = called(*call, "--format", form, *(() if FORMATS[form].is_exact else ("--verbose",)))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(BEGINNINGS.get(form, ("",)))
    assert done.stdout.endswith("\n")
    if form == "json":
        assert json.loads(done.stdout)["schema"] == 1
    elif not FORMATS[form].is_exact:
        assert "powers of 1024" in done.stdout


ENDINGS = [
    ("a.md", "markdown"), ("a.b.TEX", "latex"), ("a.html", "html"), ("a.rst", "rst"), ("a.csv", "csv"),
    ("a.tsv", "tsv"), ("a.json", "json"), ("a.txt", "text"), ("md", "text"), ("a.log", "text"),
    ("a.mkd", "markdown"), ("a.ltx", "latex"), ("a.xhtml", "html"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "name", "form"),
    [(TABLES[0], *ending) for ending in ENDINGS] + [(call, "a.md", "markdown") for call in TABLES[1:3]],
    ids=lambda value: value[0] if isinstance(value, list) else value,
)
def test_the_ending_of_a_file_chooses_the_format(call: list[str], name: str, form: str, tmp_path: Path) -> None:
    file = tmp_path / name

    assert called(*call, "--output", str(file)).returncode == 0
    assert file.read_text() == called(*call, "--format", form).stdout
    assert called(*call, "--format", form, "--output", str(file)).returncode == 0
    assert file.read_text() == called(*call, "--format", form).stdout


def test_a_file_ending_of_another_format_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"

    done = called("table", NET, "--output", str(file))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error[usage]: '.xlsx' is not an ending of a format of this command "
        f"(formats: {', '.join(TABLE_FORMATS)})\n  = hint: --output {tmp_path}/a.txt\n"
    )
    assert not file.exists()


@pytest.mark.parametrize(
    ("options", "row"),
    [
        ([], "conv1 CONV3-7 [9x11x7] 9*11*7 = 693 5.414 KiB (3*3*3)*7 = 189 7 18.71K 3x3"),
        (["--exact"], "conv1 CONV3-7 [9x11x7] 9*11*7 = 693 5,544 B (3*3*3)*7 = 189 7 18,711 3x3"),
        (["--short"], "conv1 CONV3-7 [9x11x7] 693 5.414 KiB 189 7 18.71K 3x3"),
        (["--exact", "--short"], "conv1 CONV3-7 [9x11x7] 693 5.414 KiB 189 7 18.71K 3x3"),
        (["--columns", "macs,layer,parameters"], "18.71K conv1 196"),
        (["--columns", "layer,macs", "--exact"], "conv1 18,711"),
    ],
)
def test_numbers_and_columns_are_chosen(options: list[str], row: str) -> None:
    """conv1: (3*3*3)*7 = 189 weights, 7 biases; 189*9*11 = 18,711 MACs; 693 numbers * 4 bytes * 2 images."""
    done = called("table", NET, "--batch", "2", *options)

    assert done.returncode == 0
    assert row in [" ".join(line.split()) for line in done.stdout.splitlines()]


def test_exact_numbers_of_the_notes_table() -> None:
    text = called("table", "vgg16", "--style", "notes", "--exact").stdout
    lines = [" ".join(line.split()) for line in text.splitlines()]

    assert "CONV3-64: [224x224x64] memory: 224*224*64 = 3,211,264 weights: (3*3*3)*64 = 1,728" in lines
    assert "TOTAL memory: 15,237,608 * 4 bytes = 60,950,432 B / image (only forward! ~*2 for bwd)" in lines
    assert "TOTAL params: 138,357,544 parameters" in lines


def test_short_numbers_of_the_notes_table() -> None:
    lines = called("table", "vgg16", "--style", "notes", "--short").stdout.splitlines()

    assert "FC:         [1x1x4096]     memory: 4096  weights: 100M" in lines


def test_exact_bytes_of_memory() -> None:
    """1,792 + 138... : the breakdown in bytes adds up to the peak that JSON has."""
    call = ["memory", "vgg16", "--batch", "8"]
    lines = called(*call, "--exact").stdout.splitlines()
    record = json.loads(called(*call, "--format", "json").stdout)

    (total,) = [line.split() for line in lines if line.startswith("sum ")]

    assert total[1:3] == [f"{record['training']['peak_bytes']:,}", "B"]


@pytest.mark.parametrize(
    ("style", "last"), [("full", "conventions  memory: elements"), ("notes", "(memory counts elements")]
)
def test_a_table_without_totals_has_its_conventions(style: str, last: str) -> None:
    whole = called("table", NET, "--style", style, "--verbose").stdout
    text = called("table", NET, "--style", style, "--no-totals", "--verbose").stdout

    assert "TOTAL" in whole
    assert "TOTAL" not in text
    assert text.split("\n\n")[:2] == whole.split("\n\n")[:2]
    assert text.split("\n\n")[2].startswith(last)


def test_a_table_of_memory_with_chosen_columns() -> None:
    lines = called("memory", NET, "--columns", "class,inference", "--format", "csv").stdout.splitlines()

    assert lines[0] == "class,inference"
    assert lines[1].startswith("parameters,")


def test_memory_names_blocks() -> None:
    text = called("memory", "resnet50", "--depth", "1", "--verbose").stdout

    (first,) = [line for line in text.splitlines() if line.startswith("largest layers")]
    assert first.split()[2] == "layer1:"


def test_differences_are_summed_by_block() -> None:
    """ResNet-101 has 17 more bottlenecks in layer3, each with 1x1, 3x3 and 1x1: 18,992,128 parameters more."""
    call = ["diff", "resnet50", "resnet101", "--depth", "1"]
    record = json.loads(called(*call, "--format", "json").stdout)

    assert [(block["name"], block["status"], block["parameters"]) for block in record["blocks"]] == [
        ("layer3", "changed", 44_549_160 - 25_557_032)
    ]
    assert len(record["blocks"][0]["layers"]) == len(record["layers"])
    (row,) = [line for line in called(*call).stdout.splitlines() if line.startswith("changed")]
    assert row.split() == ["changed", "layer3", "170", "added", "[14x14x1024]", "+13.65M", "+18.99M", "+3.712G"]
    assert called(*call, "--format", "csv").stdout.splitlines()[1] == (
        "changed,layer3,170 added,[14x14x1024],13647872,18992128,3712221184"
    )


def test_added_blocks_and_layers_outside_blocks() -> None:
    before = "INPUT 9x11x3 -> [CONV3-7 -> RELU]@a -> FC-5"
    after = "INPUT 9x11x3 -> [CONV3-7 -> RELU]@a -> [CONV3-7 -> BN -> RELU]@b -> FC-6"

    rows = called("diff", before, after, "--depth", "1", "--columns", "change,layer,what").stdout.split("\n\n")[2]

    assert [" ".join(row.split()) for row in rows.splitlines()[2:]] == [
        "added b 3 added",
        "changed fc1 FC-6: units 5 -> 6",
    ]


def test_bars_show_the_shares_of_the_totals() -> None:
    """conv1 has 693 of 995 numbers, 196 of 3,666 parameters, 18,711 of 22,176 MACs."""
    done = called("table", NET, "--bars", "--columns", "layer,activation_share")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--bars chooses the columns" in done.stderr

    rows = {line.partition(" ")[0]: line for line in called("table", NET, "--bars").stdout.splitlines()}

    full = "\u2588" * 12
    assert rows["conv1"].count(full) == 2
    assert [rows["conv1"].count(share) for share in ("69.6 %", "5.3 %", "84.4 %")] == [1, 1, 1]
    assert rows["fc1"].count(full) == 1
    assert "%" not in rows["relu1"]


def test_bars_use_characters_that_the_stream_can_encode() -> None:
    text = cnncalc("table", NET, "--bars", PYTHONIOENCODING="ascii").stdout

    assert text.isascii()
    assert "############  69.6 %" in text
    assert called("table", NET, "--bars", "--format", "latex").stdout.isascii()


def test_a_column_of_shares_in_csv() -> None:
    text = called("table", NET, "--columns", "layer,parameter_share", "--format", "csv").stdout

    assert text == "layer,parameter_share\ninput,0.0\nconv1,5.3\nrelu1,0.0\nfc1,94.7\n"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            ["table", NET, "--short", "--format", "csv"],
            "--short does not apply: --format csv always has exact integers",
        ),
        (["list", "--short", "--format", "json"], "--short does not apply: --format json always has exact integers"),
        (
            ["list", "--columns", "name", "--format", "json"],
            "--columns needs a format with rows and columns; --format json always has every key",
        ),
        (["diff", NET, NET, "--columns", "layers"], "no column 'layers'; did you mean 'layer'?"),
        (["memory", NET, "--columns", "train"], "no column 'train'; did you mean 'training'?"),
        (["memory", NET, "--columns", "share,share"], "the column 'share' is named twice"),
        (["table", NET, "--bars", "--style", "notes"], "--bars chooses the columns and excludes --style notes"),
    ],
)
def test_invalid_options_are_refused(call: list[str], message: str) -> None:
    done = called(*call)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0].endswith(f"]: {message}")
