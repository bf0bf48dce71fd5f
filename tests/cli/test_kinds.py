"""``cnncalc kinds``: the documentation of the classes, as a table and for one kind."""

from __future__ import annotations

import csv
import io
import json

import pytest

from cnncalc.cli.options import TABLE_FORMATS
from cnncalc.layers import KINDS
from cnncalc.layers.documentation import documentation
from tests.calls import called


def test_all_kinds_are_listed_with_their_keys() -> None:
    rows = list(csv.DictReader(io.StringIO(called("kinds", "--format", "csv").stdout)))

    assert [row["kind"] for row in rows] == list(KINDS)
    for row in rows:
        kind = KINDS[row["kind"]]
        assert row["summary"] == documentation(kind).summary
        assert all(name in row["keys"] for name in kind.keys)


@pytest.mark.parametrize("name", KINDS)
def test_one_kind_in_full_has_everything_from_its_class(name: str) -> None:
    kind = KINDS[name]
    told = documentation(kind)

    text = called("kinds", name).stdout
    data = json.loads(called("kinds", name.upper(), "--format", "json").stdout)

    for part in [*told[:-1], *told.besides, kind.example]:
        assert part in text
    for key, item in kind.keys.items():
        assert any(line.split()[:1] == [key] and item.means in line for line in text.splitlines())
    assert [row["key"] for row in data["keys"]] == list(kind.keys)
    assert (data["kind"], data["formula"], data["source"]) == (name, told.formula, told.source)


def test_the_numbers_of_the_example_are_those_of_its_layer() -> None:
    text = called("kinds", "conv").stdout

    assert "output [28x28x64]: 28*28*64 = 50,176 activations" in text
    assert "weights: (3*3*32)*64 = 18,432" in text
    assert "saves its input (the output of input), 392.0 KiB" in text


def test_an_unknown_kind_of_layer_suggests_the_nearest() -> None:
    done = called("kinds", "covn")

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "error[unknown-layer]: no layer kind 'covn'; did you mean 'conv'?\n  = hint: cnncalc kinds lists them\n"
    )


@pytest.mark.parametrize(
    ("word", "kind"), [("BatchNorm2d", "bn"), ("dense", "linear"), ("Convolution", "conv"), ("LazyConv1d", "conv")]
)
def test_a_name_of_another_tool_suggests_the_kind(word: str, kind: str) -> None:
    assert f"no layer kind '{word}'; did you mean '{kind}'?" in called("kinds", word).stderr


@pytest.mark.parametrize("form", TABLE_FORMATS)
def test_every_format_shows_kinds_with_and_without_keys(form: str) -> None:
    """CSV and TSV hold the table of keys, and GAP has none."""
    for name in ("conv", "gap"):
        done = called("kinds", name, "--format", form)

        assert (done.returncode, done.stderr) == (0, "")
        assert ("dilation" in done.stdout) == (name == "conv")
        assert form in ("csv", "tsv") or documentation(KINDS[name]).source.split(",")[0] in done.stdout
