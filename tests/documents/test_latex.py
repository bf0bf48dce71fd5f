"""LaTeX: which comments are markers, and how output is inserted."""

from __future__ import annotations

import pytest

from cnncalc.documents.marker import Answer, Picture
from tests.documents.helpers import calls, filled, problems

MARKER = "% cnncalc: show a"
END = "% /cnncalc"
LIVE = {
    "alone": f"{MARKER}\n{END}",
    "indented": f"  {MARKER}\n\t{END}",
    "with several signs": "%% cnncalc: show a\n%%% /cnncalc",
    "behind verbatim": f"\\begin{{verbatim}}\n%\n\\end{{verbatim}}\n{MARKER}\n{END}",
    "behind verbatim that is a comment": f"% \\begin{{verbatim}}\n{MARKER}\n{END}",
    "behind verbatim that is verbatim itself": f"\\verb|\\begin{{verbatim}}|\n{MARKER}\n{END}",
    "behind an escaped sign": f"50\\% \\begin{{center}}\n{MARKER}\n{END}",
    "in an environment": f"\\begin{{table}}\n{MARKER}\n{END}\n\\end{{table}}",
    "behind code on one line": f"\\begin{{comment}}x\\end{{comment}}\n{MARKER}\n{END}",
}
CODE = {
    name: f"\\begin{{{name}}}\n{MARKER}\n\\end{{{name}}}\n"
    for name in ("verbatim", "verbatim*", "Verbatim", "lstlisting", "comment", "alltt", "filecontents*")
} | {
    "minted": f"\\begin{{minted}}{{tex}}\n{MARKER}\n\\end{{minted}}\n",
    "Verbatim with options": f"  \\begin{{Verbatim}}[fontsize=\\small]\n{MARKER}\n  \\end{{Verbatim}}\n",
    "behind an escaped sign": f"50\\% \\begin{{verbatim}}\n{MARKER}\n\\end{{verbatim}}\n",
    "verb": "\\verb|% cnncalc: show a|\n",
    "lstinline": "\\lstinline!% cnncalc: show a!\n",
    "an escaped sign": "\\% cnncalc: show a\n",
}


@pytest.mark.parametrize("text", LIVE.values(), ids=LIVE)
def test_a_marker_is_found(text: str) -> None:
    assert calls(text, "latex") == ["show a"]


@pytest.mark.parametrize("text", CODE.values(), ids=CODE)
def test_code_is_not_changed(text: str) -> None:
    assert calls(text, "latex") == []


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (Answer("a_%\n"), "  \\begin{verbatim}\na_%\n\\end{verbatim}\n"),
        (Answer("\\begin{table}\n\\end{table}\n", "latex"), "  \\begin{table}\n  \\end{table}\n"),
        (Answer("\\begin{verbatim}\nx\n\\end{verbatim}\n", "latex"), "\\begin{verbatim}\nx\n\\end{verbatim}\n"),
        (Answer("50 %, a_b\n", "line"), "  50 \\%, a\\_b\n"),
        (
            Answer("", "svg", Picture("pictures/a.svg", "x")),
            "  % LaTeX cannot include SVG: convert pictures/a.svg to PDF or PNG.\n"
            "  \\includegraphics[width=\\linewidth]{pictures/a}\n",
        ),
    ],
)
def test_bodies(answer: Answer, body: str) -> None:
    assert filled(f"a\n  {MARKER}\n  {END}\nb", answer, "latex").text == f"a\n  {MARKER}\n{body}  {END}\nb"


def test_a_marker_after_text_is_refused() -> None:
    """The comment extends to the end of the line, so the marker cannot be inline."""
    assert problems("It has % cnncalc: value a b\n1\n% /cnncalc\n", "latex") == (
        "page:1:8: error[marker-place]: in this syntax a marker has to be alone on its line\n"
        "  |\n"
        "1 | It has % cnncalc: value a b\n"
        "  |        ^^^^^^^^^^^^^^^^^^^^"
    )
