"""AsciiDoc: which comments are markers, and how output is inserted."""

from __future__ import annotations

import pytest

from cnncalc.documents.marker import Answer, Picture
from tests.documents.helpers import calls, filled

MARKER = "// cnncalc: show a"
END = "// /cnncalc"
LIVE = {
    "alone": f"{MARKER}\n{END}",
    "in a paragraph": f"a\n{MARKER}\n1\n{END}\nb",
    "in an example": f"====\n{MARKER}\n{END}\n====",
    "in an open block": f"--\n{MARKER}\n{END}\n--",
    "behind a listing": f"----\na\n----\n{MARKER}\n{END}",
    "behind a listing by its attributes": f"[source,json]\n----\na\n----\n\n{MARKER}\n{END}",
    "behind a paragraph of code": f"[source]\na\nb\n\n{MARKER}\n{END}",
    "behind attributes of a table": f"[%header]\n|===\n|===\n{MARKER}\n{END}",
    "between attributes and their block": f"[source]\n{MARKER}\n{END}",
}
CODE = {
    "in a listing": f"----\n{MARKER}\n----",
    "in a longer listing": f"-----\n----\n{MARKER}\n-----",
    "in a literal block": f"....\n{MARKER}\n....",
    "in a passthrough": f"++++\n{MARKER}\n++++",
    "in a block of comment": f"////\n{MARKER}\n////",
    "between backticks": f"```ruby\n{MARKER}\n```",
    "in an open block of code": f"[source]\n.title\n--\n{MARKER}\n--",
    "in a paragraph of code": f"[source]\na\n{MARKER}\n{END}\n",
    "indented": f" {MARKER}",
    "behind text": f"a {MARKER}",
    "with three signs": "/// cnncalc: show a",
}


@pytest.mark.parametrize("text", LIVE.values(), ids=LIVE)
def test_a_marker_is_found(text: str) -> None:
    assert calls(text, "asciidoc") == ["show a"]


@pytest.mark.parametrize("text", CODE.values(), ids=CODE)
def test_code_is_not_changed(text: str) -> None:
    assert calls(text, "asciidoc") == []


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (Answer("a\n----\nb\n"), "-----\na\n----\nb\n-----"),
        (Answer("include::x[]\n\\ifdef::y[]\n"), "----\n\\include::x[]\n\\\\ifdef::y[]\n----"),
        (Answer("{}\n", "json"), "[source,json]\n----\n{}\n----"),
        (Answer("a,b\n1,2\n", "csv"), "[%header,format=csv]\n,===\na,b\n1,2\n,==="),
        (Answer("a\tb\n", "tsv"), "[%header,format=tsv]\n|===\na\tb\n|==="),
        (Answer("<b>\n", "html"), "++++\n<b>\n++++"),
        (Answer("<svg/>\n", "svg"), "++++\n<svg/>\n++++"),
        (Answer("58.13 MiB\n", "line"), "58.13 MiB"),
        (Answer("[1x1x10]\n", "line"), "[1x1x10]"),
        (Answer("a *b* [c]\n", "line"), "pass:c[a *b* [c\\]]"),
        (Answer("1. a\n", "line"), "pass:c[1. a]"),
        (Answer("", "svg", Picture("a.svg", 'x "y" [z]')), 'image::a.svg["x &quot;y&quot; [z&#93;"]'),
    ],
)
def test_bodies(answer: Answer, body: str) -> None:
    assert filled(f"a\n\n{MARKER}\n{END}\n\nb\n", answer, "asciidoc").text == f"a\n\n{MARKER}\n{body}\n{END}\n\nb\n"
