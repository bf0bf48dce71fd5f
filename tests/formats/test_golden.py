"""Tables compared with golden files; ``pytest --regenerate`` rewrites the files for review.

Every named net has a golden file in text and CSV, five different ones in every other format.
"""

from __future__ import annotations

import csv
import io
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import cnncalc
from cnncalc.analysis.difference import difference
from cnncalc.formats import write
from cnncalc.formats.document import Page
from cnncalc.language.catalogue import names
from cnncalc.memory.report import Options
from cnncalc.search.family import Family
from cnncalc.search.sweep import Summary, SweepRequest, plan_of, records
from cnncalc.views.catalogue import nets_document
from cnncalc.views.difference import difference_document
from cnncalc.views.formula import formula_document
from cnncalc.views.layer_table import EXACT, table_document
from cnncalc.views.memory import memory_document
from cnncalc.views.notes import notes_document
from cnncalc.views.solve import solve_document
from cnncalc.views.sweep import sweep_document
from tests.nets import FEW, every_net, report_of

if TYPE_CHECKING:
    from cnncalc.formats.document import Document

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
MAX_ROWS = 200
"""The text file of a larger net is summed by block; its CSV file has every layer."""
MAX_ROWS_IN_A_DOCUMENT = 60
"""The same for the formats of documents and the terminal."""
DOCUMENTS = {
    "markdown": "md",
    "latex": "tex",
    "html": "html",
    "rst": "rst",
}  # fmt: skip
"""The formats of documents and the endings of their golden files."""
FORMS = {"text": "txt", "csv": "csv", "tsv": "tsv", "json": "json", "rich": "terminal.txt", **DOCUMENTS}
"""Every format and the ending of its golden files."""
NOTES = ("alexnet", "googlenet", "lenet5", "resnet18", "vgg16", "vgg16-bn")
RICH = {"vgg16-narrow": ("vgg16", Page(80)), "cifar-tiny-colour": ("cifar-tiny", Page(150, True))}


def compare(file: str, text: str, regenerate: bool) -> None:
    """Compare with the golden file, or write it with ``regenerate``."""
    path = GOLDEN / file
    if regenerate:
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.exists(), f"no golden file {file}: run pytest --regenerate and read it"
    assert text == path.read_text(encoding="utf-8")


@every_net
def test_text_table(name: str, regenerate: bool) -> None:
    """The weights and biases of the rows add up to the totals."""
    report = report_of(name)
    text = write(table_document(report, depth=None if len(report.layers) <= MAX_ROWS else 1), "text")
    compare(f"{name}.txt", text, regenerate)
    table = text.split("\n\n")[1].splitlines()
    starts = [match.start() for match in re.finditer("-+", table[1])]
    ends = [*starts[1:], None]
    titles = [table[0][start:end].strip() for start, end in zip(starts, ends, strict=True)]
    rows = [[line[start:end].strip() for start, end in zip(starts, ends, strict=True)] for line in table[2:]]
    weights, biases = titles.index("weights"), titles.index("biases")
    counts = [row[weights].rpartition("= ")[2].replace(",", "") for row in rows]
    assert sum(int(count) for count in counts) == report.totals.weights
    assert sum(int(row[biases].rpartition("= ")[2].replace(",", "")) for row in rows) == report.totals.biases


@every_net
def test_csv_table(name: str, regenerate: bool) -> None:
    """Every layer with exact numbers; each column adds up to its total."""
    report = report_of(name)
    text = write(table_document(report, columns=EXACT), "csv")
    compare(f"{name}.csv", text, regenerate)
    rows = list(csv.DictReader(io.StringIO(text)))
    own = [row for row in rows if row["in_place"] == "false"]
    totals = report.totals._asdict()
    assert sum(int(row["activations"]) for row in own) == totals["activations"]
    assert sum(int(row["bytes"]) for row in rows) == totals["activation_bytes"]
    for key in ("weights", "biases", "parameters", "trainable", "buffers", "macs"):
        assert sum(int(row[key]) for row in rows) == totals[key], key


@pytest.mark.parametrize("form", DOCUMENTS)
@pytest.mark.parametrize("name", FEW)
def test_table_in_a_document(name: str, form: str, regenerate: bool) -> None:
    report = report_of(name)
    depth = None if len(report.layers) <= MAX_ROWS_IN_A_DOCUMENT else 1
    compare(f"{name}.{DOCUMENTS[form]}", write(table_document(report, depth=depth), form), regenerate)


@pytest.mark.parametrize("name", FEW)
def test_tsv_table(name: str, regenerate: bool) -> None:
    """TSV has the cells of CSV."""
    text = write(table_document(report_of(name), columns=EXACT), "tsv")
    compare(f"{name}.tsv", text, regenerate)
    commas = csv.reader(io.StringIO(write(table_document(report_of(name), columns=EXACT), "csv")))
    assert [line.split("\t") for line in text.splitlines()] == list(commas)


@cache
def other(what: str) -> Document:
    """A table other than that of a net."""
    if what == "list":
        return nets_document([report_of(name) for name in names()])
    if what == "memory":
        return memory_document(cnncalc.account_memory("vgg16", batch=8), depth=1)
    if what == "solve":
        found = cnncalc.solve("lenet5", {"input": "28..64/4"}, max={"macs": "1M", "training_memory": "8MiB,batch=32"})
        return solve_document(found, "cnncalc table lenet5 --input 36x36x1")
    if what == "sweep":
        return _swept("lenet5", ("input=24..64/4",), "macs=1M", ("macs", "input:max"))
    if what == "formula":
        return formula_document(cnncalc.formula("alexnet", ["classes", "W"]))
    reports = report_of("resnet50"), report_of("resnet50-v1.5")
    return difference_document(difference(*reports), ("resnet50", "resnet50-v1.5"), Options())


def _swept(net: str, vary: tuple[str, ...], limit: str, front: tuple[str, ...]) -> Document:
    """The document of a sweep."""
    request = SweepRequest(vary, limits=(("max", limit),), front=front)
    plan = plan_of(request, Family(net))
    summary = Summary(plan, request.objectives)
    for record in records(plan):
        summary.add(record)
    return sweep_document(summary, net)


OTHERS = {
    "list": "list",
    "memory": "memory-vgg16",
    "diff": "diff-resnet50",
    "formula": "formula-alexnet",
    "solve": "solve-lenet5",
    "sweep": "sweep-lenet5",
}
"""Tables other than those of nets, and the stems of their golden files."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", OTHERS)
def test_other_tables(what: str, form: str, regenerate: bool) -> None:
    compare(f"{OTHERS[what]}.{FORMS[form]}", write(other(what), form, Page(160)), regenerate)


@pytest.mark.parametrize("name", NOTES)
def test_notes_table(name: str, regenerate: bool) -> None:
    compare(f"{name}.notes.txt", write(notes_document(report_of(name)), "text"), regenerate)


@pytest.mark.parametrize("name", FEW)
def test_json(name: str, regenerate: bool) -> None:
    compare(f"{name}.json", write(table_document(report_of(name)), "json"), regenerate)


@pytest.mark.parametrize("name", FEW)
def test_wide_terminal(name: str, regenerate: bool) -> None:
    report = report_of(name)
    depth = None if len(report.layers) <= MAX_ROWS_IN_A_DOCUMENT else 1
    compare(f"{name}.terminal.txt", write(table_document(report, depth=depth), "rich", Page(160)), regenerate)


@pytest.mark.parametrize("name", RICH)
def test_terminal(name: str, regenerate: bool) -> None:
    net, page = RICH[name]
    compare(f"{name}.terminal.txt", write(table_document(report_of(net)), "rich", page), regenerate)


def test_every_golden_file_is_compared() -> None:
    """No golden file is left over from a removed net or format."""
    expected = {f"{name}.{end}" for name in names() for end in ("txt", "csv")}
    expected |= {f"{name}.{end}" for name in FEW for end in FORMS.values()}
    expected |= {f"{name}.{end}" for name in OTHERS.values() for end in FORMS.values()}
    expected |= {f"{name}.notes.txt" for name in NOTES}
    expected |= {f"{name}.terminal.txt" for name in RICH}
    expected |= {"onnx-backend.txt", "fuzzing.json"}  # of test_onnx_backend.py and test_hardening.py
    assert {path.name for path in GOLDEN.iterdir() if path.is_file()} == expected
