"""A format is one record: a toy one appears in options, help, file endings, documents and the Python face."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from cnncalc.documents import SYNTAXES
from cnncalc.formats import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

WRITER = """
def write(document, page):
    columns, rows = document.table.columns, document.table.rows
    lines = ["|===", *("|" + column.title for column in columns), ""]
    lines += ["|" + cell.text for row in rows for cell in row]
    return "\\n".join([*lines, "|==="]) + "\\n"
"""
PROGRAM = """
import sys
from cnncalc.formats import FORMATS, Format
FORMATS["asciidoc"] = Format("asciidoc", "toy_asciidoc", endings=("adoc",), markup_in=("asciidoc",))
import cnncalc
from cnncalc.cli.program import run
print(cnncalc.table("lenet5", "asciidoc", columns="layer").splitlines()[0])
call = ["table", "lenet5", "--columns", "layer,macs"]
codes = [run([*call, "-o", "x.adoc"]), run([*call, "--format", "asciidoc"]), run(["table", "--help"])]
sys.exit(max(*codes, run(["docs", "a.adoc"])))
"""
SYNTAX = """
import re
from cnncalc.documents.marker import Comment

def comments(text):
    for found in re.finditer("^# (.*)$", text, re.M):
        yield Comment(*found.span(), *found.span(1), "")

def markup(answer, indent):
    return answer.lines

def listing(answer, indent):
    return ["#+begin_example", *answer.lines, "#+end_example"]

def inline(text):
    return text
"""
SYNTAX_PROGRAM = """
import sys
from cnncalc.documents import SYNTAXES, Syntax
SYNTAXES["org"] = Syntax("org", "Org", "toy_org", ("org",), "# {}")
from cnncalc.cli.program import run
sys.exit(max(run(["docs", "."]), run(["docs", "--syntax", "org", "b"]), run(["docs", "--help"])))
"""


def run_in(folder: Path, program: str) -> str:
    """The output of a Python program that runs in a folder and imports its modules."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_format_is_one_record(tmp_path: Path) -> None:
    (tmp_path / "toy_asciidoc.py").write_text(WRITER)
    (tmp_path / "a.adoc").write_text("// cnncalc: table lenet5 --columns layer,macs --format asciidoc\n// /cnncalc\n")

    output = run_in(tmp_path, PROGRAM)

    assert "|json|asciidoc" in "".join(output.split())
    table = (tmp_path / "x.adoc").read_text()
    assert table.startswith("|===\n|layer\n|MACs\n")
    assert output.startswith("|===\n" + table)
    assert (tmp_path / "a.adoc").read_text().split("\n", 1)[1] == table + "// /cnncalc\n"


def test_a_document_syntax_is_one_record(tmp_path: Path) -> None:
    (tmp_path / "toy_org.py").write_text(SYNTAX)
    (tmp_path / "a.org").write_text("# cnncalc: value lenet5 parameters\n# /cnncalc\n")
    (tmp_path / "b").write_text("# cnncalc: show vgg16\n# /cnncalc\n")

    output = run_in(tmp_path, SYNTAX_PROGRAM)

    assert output.startswith("a.org: 1 marker, 1 updated\nb: 1 marker, 1 updated\n")
    assert "LaTeX, AsciiDoc or Org" in " ".join(output.split())
    assert (tmp_path / "a.org").read_text() == "# cnncalc: value lenet5 parameters\n60.00K\n# /cnncalc\n"
    assert (tmp_path / "b").read_text().splitlines()[1] == "#+begin_example"


@pytest.mark.parametrize("name", [each for record in FORMATS.values() for each in record[1:3] if each])
def test_the_writer_of_a_format_is_a_module(name: str) -> None:
    assert callable(import_module(name).write)


def test_an_ending_belongs_to_one_format_and_one_syntax() -> None:
    for records in ([each for each in FORMATS.values() if each.writer], SYNTAXES.values()):
        endings = [ending for each in records for ending in each.endings]
        assert len(endings) == len(set(endings))


def test_markup_is_for_known_syntaxes() -> None:
    assert {name for each in FORMATS.values() for name in each.markup_in} <= set(SYNTAXES)
