"""The HTML of the report page: valid, complete without JavaScript, self-contained."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import html5lib
import pytest

import cnncalc
from cnncalc.memory.curve import curve_of
from cnncalc.memory.report import Options, Simulation, account_memory
from cnncalc.page import layers
from cnncalc.page.markup import prose, text, verbatim
from cnncalc.page.template import as_json
from cnncalc.units import format_bytes
from tests.pages import HOSTILE, page_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from xml.etree.ElementTree import Element

pytestmark = pytest.mark.slow

CALLS = [
    ("lenet5",),
    ("vgg16",),
    ("resnet18",),
    ("googlenet-aux", "--batch", "32", "--optimizer", "adam", "--units", "si"),
    ("lenet5", "--profile", "notes"),
    ("INPUT 4x5x3",),
    ("vgg16", "vgg19"),
    ("resnet50", "resnet50-v1.5", "--profile", "torch-cpu", "--checkpoint", "blocks"),
    ("lenet5", "lenet5"),
]


@cache
def tree(page: str) -> Element:
    """The page as a strict parser reads it; anything that is not valid is an error."""
    root: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    return root


def text_of(element: Element) -> str:
    return "".join(element.itertext())


def attributes(root: Element, name: str) -> Iterator[str]:
    return (element.attrib[name] for element in root.iter() if name in element.attrib)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of a design whose texts contain HTML markup."""
    file = tmp_path_factory.mktemp("hostile") / "net.yaml"
    file.write_text(HOSTILE, encoding="utf-8")
    return page_of(str(file))


@pytest.fixture(params=CALLS, ids=" ".join)
def page(request: pytest.FixtureRequest) -> str:
    return page_of(*request.param)


def check_structure(page: str) -> None:
    """Valid, with one title, landmarks, headings in order, names for all controls, tables with captions and scopes."""
    root = tree(page)
    ids = list(attributes(root, "id"))
    assert len(ids) == len(set(ids))
    for name in ("for", "aria-labelledby", "aria-describedby"):
        for value in attributes(root, name):
            assert set(value.split()) <= set(ids), f"{name}={value}"
    for link in attributes(root, "href"):
        assert link.startswith("#")
        assert link[1:] in ids
    labelled = set(attributes(root, "for"))
    within = {id(inner) for label in root.iter("label") for inner in label.iter()}
    for kind in ("input", "select"):
        for control in root.iter(kind):
            assert control.get("id") in labelled or id(control) in within
    assert [len(list(root.iter(tag))) for tag in ("main", "header", "footer", "nav", "h1")] == [1] * 5
    levels = [int(element.tag[1]) for element in root.iter() if re.fullmatch("h[1-6]", str(element.tag))]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for table in root.iter("table"):
        assert table[0].tag == "caption"
        assert text_of(table[0])
        assert all(head.get("scope") in ("col", "row") for head in table.iter("th"))
        widths = {len(row) for row in table.iter("tr")}
        assert len(widths) == 1
    for element in root.iter():
        assert "style" not in element.attrib
        assert not [name for name in element.attrib if str(name).startswith("on")]


def test_a_page_is_valid_and_accessible(page: str) -> None:
    check_structure(page)


def test_text_of_users_is_never_markup(hostile: str) -> None:
    check_structure(hostile)
    root = tree(hostile)
    body = text_of(next(root.iter("main")))

    (heading,) = root.iter("h1")
    assert text_of(heading) == "a<b>&c|d_e"
    assert "<script>alert('x')</script> [red] 日本語 שלום </style> \\u202e&amp;" in body
    assert "<!-- --> \\ `code` \\x07" in body
    assert "הראשון" in body
    assert len(list(root.iter("script"))) == 2
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", hostile)


def test_a_page_makes_no_requests(page: str) -> None:
    """The content security policy forbids requests, and no element makes one."""
    root = tree(page)
    (policy,) = [meta.get("content", "") for meta in root.iter("meta") if meta.get("http-equiv")]
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))

    assert rules["default-src"] == "'none'"
    for name, contents in (
        ("style-src", [text_of(style) for style in root.iter("style")]),
        ("script-src", [text_of(script) for script in root.iter("script") if not script.get("type")]),
    ):
        sums = [f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'" for content in contents]
        assert rules[name].split() == sums
    assert list(attributes(root, "src")) == []
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org/2000/svg)", page)


def test_the_table_holds_every_exact_number() -> None:
    report = cnncalc.analyze("resnet152")
    (table,) = [table for table in tree(page_of("resnet152")).iter("table") if table.get("id") == "layers"]
    lines = [line for line in table.iter("tr") if line.get("data-l") is not None]
    layers = [line for line in lines if "block" not in line.get("class", "")]

    for row, line in zip(report.layers, layers, strict=True):
        cells = list(line)
        assert text_of(cells[0]) == str(row.index)
        assert text_of(cells[1]) == row.name
        assert text_of(cells[2]) == row.label
        assert text_of(cells[3]) == "\u00d7".join(map(str, row.output))
        held = "in place" if row.in_place else f"{row.activations:,}"
        assert (cells[4].text, cells[6].text, cells[7].text) == (held, f"{row.parameters:,}", f"{row.macs:,}")
        assert cells[5].get("data-v") == str(0 if row.in_place else row.activation_bytes)
    sums = [cell.text for cell in next(table.iter("tfoot"))[0]]
    totals = report.totals
    assert sums[4:8:2] == [f"{totals.activations:,}", f"{totals.parameters:,}"]
    assert sums[7] == f"{totals.macs:,}"


def test_the_row_of_a_block_has_the_sums_of_its_layers() -> None:
    report = cnncalc.analyze("resnet152")
    (table,) = [table for table in tree(page_of("resnet152")).iter("table") if table.get("id") == "layers"]
    blocks = {text_of(line[1]): line for line in table.iter("tr") if "block" in line.get("class", "")}

    assert len(blocks) == 4 + 50 + 4  # stages, blocks, and the projections of the first blocks
    for name, line in blocks.items():
        inside = [row for row in report.layers if row.name.startswith(f"{name}.")]
        assert text_of(line[2]) == f"{len(inside)} layers"
        assert line[6].text == f"{sum(row.parameters for row in inside):,}"
        assert line[7].text == f"{sum(row.macs for row in inside):,}"
        assert line[4].text == f"{sum(row.activations for row in inside if not row.in_place):,}"


def test_a_long_table_has_its_first_rows_and_the_totals_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "MAX_ROWS", 7)
    root = tree("<!DOCTYPE html><title>x</title>" + layers.layer_table(cnncalc.analyze("vgg16"), "iec"))

    assert [text_of(line[1]) for line in next(root.iter("tbody"))] == [
        *("input", "conv1", "relu1", "conv2", "relu2", "pool1", "conv3")
    ]
    assert "138,357,544" in text_of(next(root.iter("tfoot")))
    assert "The first 7 rows of the table of vgg16" in text_of(next(root.iter("caption")))


def data_of(page: str) -> Any:
    (script,) = [script for script in tree(page).iter("script") if script.get("type") == "application/json"]
    return json.loads(text_of(script))


def test_the_data_of_the_page_are_those_of_the_curve() -> None:
    report = cnncalc.analyze("googlenet-aux")
    found = data_of(page_of("googlenet-aux", "--batch", "32", "--optimizer", "adam", "--units", "si"))

    assert found["batch"] == 32
    assert found["nets"][0].items() >= curve_of(Simulation(report, Options())).data().items()
    assert found["nets"][0]["notes"] == [4 * report.totals.activations, 4 * report.totals.parameters, 0]


def test_the_page_says_what_a_device_needs() -> None:
    needs = account_memory(cnncalc.analyze("resnet18"), Options(batch=8)).training.need_bytes
    page = page_of("resnet18", "--batch", "8")

    assert f"For 8 images and momentum a device needs {format_bytes(needs)} in training and " in page
    assert "a device needs" not in page_of("resnet18", "--batch", "8", "--reserve", "0")


def test_the_static_figures_equal_the_memory_command() -> None:
    report = cnncalc.analyze("googlenet-aux", batch=32)
    memory = account_memory(report, Options(batch=32, optimizer="adam"))
    root = tree(page_of("googlenet-aux", "--batch", "32", "--optimizer", "adam", "--units", "si"))
    found = {e.get("data-out"): e.get("data-bytes") for e in root.iter() if e.get("data-bytes")}

    expected = {"training-peak": memory.training.peak_bytes, "training-sum": memory.training.peak_bytes}
    expected |= {"inference-peak": memory.inference.peak_bytes, "inference-sum": memory.inference.peak_bytes}
    expected |= {f"training-{key}": value for key, value in memory.training.breakdown._asdict().items()}
    expected |= {f"inference-{key}": value for key, value in memory.inference.breakdown._asdict().items()}
    expected |= {"training-notes": memory.notes.training_bytes, "inference-notes": memory.notes.inference_bytes}
    assert found == {key: str(value) for key, value in expected.items()}


def test_the_summary_says_what_the_net_is_and_what_it_costs() -> None:
    root = tree(page_of("vgg16"))
    (lead,) = [element for element in root.iter("div") if element.get("class") == "lead"]

    assert " ".join(text_of(lead).split()) == (
        "vgg16 maps images of 224\u00d7224\u00d73 to 1,000 numbers. It has 39 layers in one chain, 16 of them "
        "convolutional, fully-connected or attention. It has 138.4M parameters (527.8 MiB) and takes 15.47G "
        "multiply-adds for an image. The activations of one image take 58.13 MiB. The peak memory of a training step "
        "on one image with momentum is 1.605 GiB, in the backward pass of relu7; that of inference on one image is "
        "552.9 MiB. No budget is set for it."
    )


def test_budgets_and_findings_are_those_of_check(hostile: str) -> None:
    root = tree(hostile)
    (section,) = [section for section in root.iter("section") if section.get("id") == "checks"]
    rows = [[text_of(cell) for cell in row] for row in section.iter("tr")][1:]

    assert [(row[0], row[-1]) for row in rows] == [
        ("parameters", "passed"),
        ("parameters", "above the warning level"),
        ("macs", "failed"),
        ("training memory (batch 4, adam)", "passed"),
    ]
    assert "It fails 1 of its 4 limits." in " ".join(text_of(root).split())
    assert "net.yaml, line 10, column 3" in text_of(section)


def test_the_page_of_two_nets_has_every_total_and_every_layer() -> None:
    root = tree(page_of("vgg16", "vgg19"))
    tables = {table.get("class"): table for table in root.iter("table")}
    totals = {text_of(row[0]): [text_of(cell) for cell in row[1:]] for row in tables["totals"].iter("tr")}
    changes = [[text_of(cell) for cell in row] for row in tables["sortable differences"].iter("tr")][1:]

    assert totals["parameters"] == ["138,357,544", "143,667,240", "+5,309,696", "+3.8"]
    assert totals["MACs"] == ["15,470,264,320", "19,632,062,464", "+4,161,798,144", "+26.9"]
    assert [change[0] for change in changes] == ["added"] * 6
    assert [net["name"] for net in data_of(page_of("vgg16", "vgg19"))["nets"]] == ["vgg16", "vgg19"]


def test_two_nets_that_cost_the_same() -> None:
    words = " ".join(text_of(tree(page_of("lenet5", "lenet5"))).split())

    assert "cost the same: there is no difference between them." in words
    assert "All layers are equal." in words


def test_a_page_is_the_same_on_every_run_and_has_no_path_of_this_machine(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(HOSTILE, encoding="utf-8")
    page = page_of(str(file))
    page_of.cache_clear()

    assert page_of(str(file)) == page


@pytest.mark.parametrize(("net", "most"), [("lenet5", 160_000), ("googlenet", 600_000), ("resnet152", 750_000)])
def test_a_page_is_small(net: str, most: int) -> None:
    assert len(page_of(net).encode()) < most


def test_data_cannot_end_the_script_and_stay_exact() -> None:
    hard = {"</script>": ["<!--", "a\u2028b\u2029&"], "n": [2**53 - 1, 2**53, -(2**60)]}
    written = as_json(hard)

    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == {**hard, "n": [2**53 - 1, str(2**53), str(-(2**60))]}


def test_right_to_left_names_are_isolated() -> None:
    assert prose("CONV3-4 in \u05d4\u05e8\u05d0\u05e9\u05d5\u05df.1: 758.7K (5 %)") == (
        "CONV3-4 in <bdi>\u05d4\u05e8\u05d0\u05e9\u05d5\u05df.1</bdi>: 758.7K (5\u00a0%)"
    )
    assert prose("(\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd)") == (
        "(<bdi>\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd</bdi>)"
    )


def test_text_keeps_its_lines_and_shows_its_control_characters() -> None:
    assert text("<a href='x'>\"&") == "&lt;a href=&#39;x&#39;&gt;&quot;&amp;"
    assert verbatim("a\tb\n\x1b[31m", "x").endswith(">a    b\n\\x1b[31m</pre>")


def test_the_page_of_two_nets_that_share_little_compares_their_stages() -> None:
    """A row for each size of volumes, and the rule; of nets that share much, the layers."""
    unlike, alike = page_of("lenet5", "vgg16"), page_of("vgg16", "vgg19")

    assert "The nets share little: 0 of 13 layers of lenet5 and of 38 of vgg16." in unlike
    assert '<h2 id="table-title" tabindex="-1">Stages</h2>' in unlike
    assert "224x224" in unlike
    assert "at least 50\u00a0% of the layers of the smaller one" in unlike
    assert '<h2 id="table-title" tabindex="-1">Layers</h2>' in alike
    assert "share little" not in alike
