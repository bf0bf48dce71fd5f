"""The extension for Sphinx, in projects that are built."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.calls import environment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

pytest.importorskip("sphinx", reason="Sphinx is not installed: the extension is not built")

CONF = """\
project = "nets"
extensions = ["cnncalc.sphinx"]
latex_documents = [("index", "nets.tex", "nets", "us", "howto")]
"""
INDEX = """\
Nets
====

.. toctree::

   inside/own

VGG-16 has :cnncalc:`value vgg16 parameters` parameters and reads :cnncalc:`value vgg16 input`.

.. cnncalc:: table lenet5 --columns layer,weights

.. cnncalc:: table "INPUT 9x9x3 -> FC-2"
   --columns layer,weights --format csv

.. cnncalc:: show lenet5 --as yaml

.. cnncalc:: plot lenet5

.. note::

   - .. cnncalc:: value lenet5 macs --exact
"""
OWN = """\
Our own
=======

:cnncalc:`value nets/own.yaml title` has :cnncalc:`value nets/own.yaml parameters`.
"""
NET = 'name: own\ntitle: "*a* `b` |c| d_ <e>"\nlayers: INPUT 8x8x3 -> FC-2\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of two documents and a design."""
    for name, text in (("conf.py", CONF), ("index.rst", INDEX), ("inside/own.rst", OWN), ("inside/nets/own.yaml", NET)):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


def build(project: Path, builder: str, *options: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a build."""
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "--no-color", "-b", builder, *options, "-d", "doctrees", ".", builder],
        cwd=project, capture_output=True, text=True, env=environment(), timeout=300, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_html(project: Path) -> None:
    code, _, errors = build(project, "html", "-W", "--keep-going")

    assert (code, errors) == (0, "")
    page = (project / "html/index.html").read_text(encoding="utf-8")
    assert "VGG-16 has 138.4M parameters and reads [224x224x3]." in page
    assert re.search(r"<td><p>c1</p></td>\s*<td><p>\(5\*5\*1\)\*6 = 150</p></td>", page)
    assert "conv1" not in page
    assert "layer,weights" in page
    assert "fc1,486" in re.sub("<[^>]*>", "", page)
    assert "source:" in re.sub("<[^>]*>", "", page)
    assert "325,680" in page
    (picture,) = re.findall(r'<img src="(_images/cnncalc-[0-9a-f]{16}\.svg)" alt="Three bar charts [^"]*">', page)
    assert (project / "html" / picture).read_text(encoding="utf-8").startswith("<svg ")
    own = (project / "html/inside/own.html").read_text(encoding="utf-8")
    assert "*a* `b` |c| d_ &lt;e&gt; has 386." in own


def test_latex(project: Path) -> None:
    code, _, errors = build(project, "latex", "-W", "--keep-going")

    assert (code, errors) == (0, "")
    text = (project / "latex/nets.tex").read_text(encoding="utf-8")
    assert "has 138.4M parameters" in text
    assert "Three bar charts over the layers of lenet5" in text
    assert "325,680" in text


def test_a_document_is_read_again_when_its_design_changes(project: Path) -> None:
    assert build(project, "text")[0] == 0
    assert "has 386." in (project / "text/inside/own.txt").read_text(encoding="utf-8")

    (project / "inside/nets/own.yaml").write_text(NET.replace("FC-2", "FC-3"), encoding="utf-8")
    code, output, _ = build(project, "text")

    assert code == 0
    assert "has 579." in (project / "text/inside/own.txt").read_text(encoding="utf-8")
    assert "1 changed" in output


MISTAKES = """\
Nets
====

.. cnncalc:: tabel vgg16

A sentence with :cnncalc:`value vgg16 paramters` in it,
and :cnncalc:`list`.

.. cnncalc:: table "INPUT 9x9x1 -> CONV11(pad=0)"

.. cnncalc:: table "x

.. cnncalc:: table vgg16 --output x
"""


def test_mistakes_have_their_line(project: Path) -> None:
    (project / "index.rst").write_text(MISTAKES, encoding="utf-8")

    code, _, errors = build(project, "text", "-W", "--keep-going")

    assert code == 1  # 2 if the extension raised an exception
    place = f"{project}/index.rst"
    said = [line.removesuffix(" [docutils]") for line in errors.splitlines() if line.startswith(place)]
    assert said == [
        f"{place}:4: ERROR: cnncalc: a document cannot call 'tabel'; did you mean 'table'?",
        f"{place}:6: ERROR: cnncalc: error[unknown-key]: a net has no 'paramters'; did you mean 'parameters'?",
        f"{place}:6: ERROR: cnncalc: the role needs a call that prints one line: use the directive, or "
        "'value TARGET KEY'",
        f"{place}:9: ERROR: cnncalc: <pattern>:1:16: error[window-too-large]: conv1: the window must fit into the "
        "volume, but kernel 11 is larger than height 9",
        f"{place}:11: ERROR: cnncalc: the call cannot be split into words: no closing quotation",
        f"{place}:13: ERROR: cnncalc: error[usage]: a call in a document cannot write a file: its output goes "
        "into the document",
    ]
