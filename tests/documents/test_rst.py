"""reStructuredText: which comments are markers, and how output is inserted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cnncalc.cli.calls import Caller
from cnncalc.cli.document_update import update_document
from cnncalc.documents.marker import Answer, Picture
from tests.documents.helpers import calls, filled

if TYPE_CHECKING:
    from pathlib import Path

MARKER = ".. cnncalc: show a"
END = ".. /cnncalc"
LIVE = {
    "alone": f"{MARKER}\n{END}",
    "in a directive": f".. note::\n\n   {MARKER}\n   {END}",
    "in a list": f"- a\n\n  {MARKER}\n  {END}",
    "as the content of an entry": f"- {MARKER}\n  {END}",
    "behind a literal block": f"a::\n\n  b\n\n{MARKER}\n{END}",
    "behind a quoted literal block": f"a::\n\n> b\n> c\n\n{MARKER}\n{END}",
    "behind code": f".. code-block:: rst\n\n   x\n\n{MARKER}\n{END}",
    "behind a comment": f".. a comment\n   of two lines\n\n{MARKER}\n{END}",
    "behind a directive without content": f".. contents::\n\n{MARKER}\n{END}",
    "beside a literal block of a list": f"- a::\n\n    b\n\n  {MARKER}\n  {END}",
    "behind colons and no blank line": f"a::\nb\n\n{MARKER}\n{END}",
    "with tabs": f".. note::\n\n\t{MARKER}\n\t{END}",
}
CODE = {
    "in a literal block": f"a::\n\n  {MARKER}\n",
    "in a literal block of its own sign": f"::\n\n  {MARKER}\n",
    "behind blank lines of a literal block": f"a::\n\n  b\n\n\n  {MARKER}\n",
    "in a literal block of a list": f"- a::\n\n    {MARKER}\n",
    "in a quoted literal block": f"a::\n\n{MARKER}\n{END}\n",
    "in a literal block of a directive": f".. note:: a::\n\n     {MARKER}\n",
    "in a block of code": f".. code-block:: rst\n\n   {MARKER}\n",
    "in a block of code with options": f".. code:: rst\n   :number-lines:\n\n   {MARKER}\n",
    "in a raw block": f".. raw:: html\n\n   {MARKER}\n",
    "in a parsed literal": f".. parsed-literal::\n\n   {MARKER}\n",
    "in code in a note": f".. note::\n\n   .. sourcecode:: rst\n\n      {MARKER}\n",
    "in the code of a substitution": f".. |x| raw:: html\n\n   {MARKER}\n",
    "in another comment": f".. a comment\n   {MARKER}\n",
    "in an empty comment": f"..\n   {MARKER}\n",
    "in the directive of Sphinx": ".. cnncalc:: show a\n",
    "in a target": ".. _cnncalc: show\n",
}


@pytest.mark.parametrize("text", LIVE.values(), ids=LIVE)
def test_a_marker_is_found(text: str) -> None:
    assert calls(text, "rst") == ["show a"]


@pytest.mark.parametrize("text", CODE.values(), ids=CODE)
def test_code_is_not_changed(text: str) -> None:
    assert calls(text, "rst") == []


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (Answer("a\n\n b\n"), ".. code-block:: text\n\n   a\n\n    b"),
        (Answer("{}\n", "json"), ".. code-block:: json\n\n   {}"),
        (Answer("a,b\n", "csv"), ".. code-block:: text\n\n   a,b"),
        (Answer("<b>\n", "html"), ".. raw:: html\n\n   <b>"),
        (Answer("<svg/>\n", "svg"), ".. raw:: html\n\n   <svg/>"),
        (Answer("a\\\\\n", "latex"), ".. raw:: latex\n\n   a\\\\"),
        (Answer("====\n a\n====\n", "rst"), "====\n a\n===="),
        (Answer("a *b* `c` |d| e_\n", "line"), "a \\*b* \\`c\\` \\|d\\| e\\_"),
        (Answer("", "svg", Picture("a.svg", "*x*")), ".. image:: a.svg\n   :alt: *x*"),
    ],
)
def test_bodies_are_between_blank_lines(answer: Answer, body: str) -> None:
    text = f"a\n\n{MARKER}\n{END}\n\nb\n"

    done = filled(text, answer, "rst")

    assert done.text == f"a\n\n{MARKER}\n\n{body}\n\n{END}\n\nb\n"


def test_a_body_is_indented_as_its_marker() -> None:
    text = f".. note::\n\n   {MARKER}\n   {END}\n"

    assert filled(text, Answer("a\n\nb\n"), "rst").text == (
        f".. note::\n\n   {MARKER}\n\n   .. code-block:: text\n\n      a\n\n      b\n\n   {END}\n"
    )


@pytest.mark.slow
def test_docutils_reads_every_body_without_warnings(tmp_path: Path) -> None:
    """The output of the commands in every format is read by docutils without a message, and nothing is lost."""
    docutils = pytest.importorskip("docutils.core", reason="docutils is not installed")
    (tmp_path / "n.yaml").write_text(
        'name: n\ntitle: "*a* `b` |c| d_ <e> :: .. f"\nlayers: INPUT 8x8x3 -> FC-2\n', encoding="utf-8"
    )
    shown = [
        "value n.yaml title", "value n.yaml input", "value n.yaml parameters --format json", "table n.yaml",
        "table n.yaml --format rst", "table n.yaml --format csv", "table n.yaml --format tsv",
        "table n.yaml --format markdown", "table n.yaml --format json", "show n.yaml --as yaml", "list --format rst",
    ]  # fmt: skip
    text = "Title\n=====\n\n" + "".join(f".. cnncalc: {call}\n.. /cnncalc\n\n" for call in shown)
    text += f".. note::\n\n   .. cnncalc: {shown[4]}\n   .. /cnncalc\n\n- .. cnncalc: {shown[3]}\n  .. /cnncalc\n"

    done = update_document("page", text, "rst", str(tmp_path), Caller())

    assert done.errors == ""
    tree = docutils.publish_doctree(done.update.text, settings_overrides={"report_level": 1, "halt_level": 1})
    words = tree.astext()
    assert "*a* `b` |c| d_ <e> :: .. f" in words
    assert "[8x8x3]" in words
    assert words.count("TOTAL params") == 5
