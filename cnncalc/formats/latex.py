r"""LaTeX: a booktabs table for ``\input``.

A table that fits on a page floats, and with ``fit_width`` is scaled down to the line width; a longer one breaks across
pages. In two-column layouts a wide table spans both columns. A ``bare`` one is a ``tabular`` alone. Text of users is
escaped; non-Latin letters need LuaLaTeX or XeLaTeX with a font that has them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.source import columns as width_of
from cnncalc.source import visible

if TYPE_CHECKING:
    from cnncalc.formats.document import Document, Page, Paragraph, Table

MAX_ROWS = 50
"""Maximum number of rows of a floating table; a longer one breaks across pages."""
MAX_COLUMN_WIDTH = 70
"""Maximum width in characters in one of two columns; a wider table spans both."""
SIZES = ((80, r"\small"), (100, r"\footnotesize"), (130, r"\scriptsize"))
"""Font sizes of a table across pages by its width in characters; a wider one is ``\\tiny``."""

ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless\/",
    ">": r"\textgreater\/",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
}
"""The replacement of each special character."""
MATH = (
    (re.compile(r"(?<![A-Za-z_0-9.\\])[0-9]+(?:x[0-9]+)+(?![A-Za-z_])"), "x", r"$\times$"),
    (re.compile(r"(?<=[0-9)])\*(?=[0-9(])|(?<= )\*(?= )"), "*", r"$\cdot$"),
)
"""Products, the sign that is replaced in them, and its form in mathematics; ``CONV3x5`` is a name."""
SPECIAL = re.compile(r"""[\\{}$&#_%~^<>|"'`]|-(?=-)|,(?=,)""")
LATIN = re.compile("[\x00-\u017f]*")


def write(document: Document, page: Page) -> str:
    """The document as a part of a LaTeX file; comments at its head name the packages that it needs."""
    form = document.tex
    is_long = not form.bare and any(len(table.rows) > MAX_ROWS for table in document.tables)
    if form.bare:
        lines = [line for table in document.tables for line in short_lines(table, fit_width=form.fit_width)]
    else:
        lines = _across_pages(document) if is_long else _float(document)
    text = "\n".join(lines)
    packages = ["booktabs", *(["longtable"] if is_long else ["graphicx"] if form.fit_width else [])]
    needs = " and ".join([rf"\usepackage{{{name}}}" for name in packages]) + " in the preamble"
    head = [f"% Needs {needs}{', and a one-column layout' if is_long else ''}."]
    if not LATIN.fullmatch(text):
        head.append("% Contains non-Latin letters: LuaLaTeX or XeLaTeX, and a font that has them.")
    return "\n".join(head) + "\n" + text + "\n"


def _across_pages(document: Document) -> list[str]:
    lines = []
    for place, table in enumerate(document.tables):
        lines += long_lines(table, _caption(document) if place == 0 else "")
    return [*lines, *_notes(document)]


def _float(document: Document) -> list[str]:
    name = "table*" if any(_width(table) > MAX_COLUMN_WIDTH for table in document.tables) else "table"
    lines = [rf"\begin{{{name}}}", r"  \centering"]
    if _caption(document):
        lines.append(f"  {_caption(document)}")
    for table in document.tables:
        lines += ["  " + line for line in short_lines(table, fit_width=document.tex.fit_width)]
    return [*lines, *_notes(document), rf"\end{{{name}}}"]


def _caption(document: Document) -> str:
    r"""``\caption{...}\label{...}``; a label needs a caption, even an empty one, since it refers to its number."""
    form = document.tex
    words = typeset(form.caption) if form.caption is not None else caption(document.heading)
    label = rf"\label{{{form.label}}}" if form.label else ""
    return rf"\caption{{{words}}}{label}" if words or label else ""


def _notes(document: Document) -> list[str]:
    return [line for paragraph in document.closing for line in paragraph_lines(paragraph)]


def escaped(text: str) -> str:
    """A text escaped for LaTeX; hyphens and commas form no ligatures."""
    return SPECIAL.sub(lambda found: ESCAPES.get(found[0], found[0] + r"\/"), visible(text))


def typeset(text: str) -> str:
    """A text escaped for LaTeX, with mathematical signs in products."""
    text = escaped(text)
    for product, sign, replacement in MATH:
        text = product.sub(lambda found, sign=sign, by=replacement: found[0].replace(sign, by), text)  # type: ignore[misc]
    return text


def caption(heading: tuple[str, ...]) -> str:
    """The lines of a heading as sentences of one caption."""
    lines = [visible(line).strip() for line in heading]
    return " ".join([typeset(line) + ("" if line.endswith(".") else ".") for line in lines if line])


def _width(table: Table) -> int:
    """The width of a table in characters."""
    return sum([max([width_of(cell.text) for cell in cells]) + 2 for cells in zip(*table.rows, strict=True)])


def _sides(table: Table) -> str:
    return "@{}" + "".join(["r" if column.right else "l" for column in table.columns]) + "@{}"


def _rows(table: Table) -> list[str]:
    r"""The rows; an empty group precedes a ``[`` or ``*``, which ``\\`` would read as its argument, blanks or not."""
    rows = [" & ".join([cell.tex or typeset(cell.text) for cell in row]) for row in table.rows]
    return ["{}" * row.lstrip(" ").startswith(("[", "*")) + row + r" \\" for row in rows]


def _titles(table: Table) -> list[str]:
    if not table.has_header:
        return []
    return [" & ".join([escaped(column.title) for column in table.columns]) + r" \\", r"\midrule"]


def short_lines(table: Table, *, fit_width: bool) -> list[str]:
    """A table for one page; with ``fit_width`` scaled down to the line width."""
    lines = [rf"\begin{{tabular}}{{{_sides(table)}}}", r"  \toprule"]
    lines += ["  " + line for line in (*_titles(table), *_rows(table), r"\bottomrule")]
    if not fit_width:
        return [*lines, r"\end{tabular}"]
    return [
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        *["  " + line for line in lines],
        r"  \end{tabular}}",
    ]


def long_lines(table: Table, heading: str) -> list[str]:
    """A table that breaks across pages below the caption ``heading``; its titles are repeated on each."""
    size = next((size for most, size in SIZES if _width(table) <= most), r"\tiny")
    titles = _titles(table)
    lines = [rf"{{{size}\setlength{{\tabcolsep}}{{3pt}}%", rf"\begin{{longtable}}{{{_sides(table)}}}"]
    if heading:
        lines.append(rf"  {heading} \\")
    lines += ["  " + line for line in (r"\toprule", *titles)]
    lines.append(r"  \endfirsthead" if heading else r"  \endhead")
    if heading:
        lines += ["  " + line for line in (r"\toprule", *titles)] + [r"  \endhead"]
    lines += ["  " + line for line in (r"\bottomrule", r"\endfoot")]
    return [*lines, *["  " + line for line in _rows(table)], r"\end{longtable}}"]


def paragraph_lines(paragraph: Paragraph) -> list[str]:
    """The title in bold and the lines after it, in small type below the table."""
    if not paragraph.filled_lines:
        return []
    title = rf"\textbf{{{escaped(paragraph.title)}}} " if paragraph.title else ""
    if paragraph.verbatim:
        drawn = [visible(line).rstrip() for line in paragraph.lines]
        return [rf"\par\smallskip{{\scriptsize\raggedright {title}\par}}", *_verbatim(drawn)]
    text = r"\newline ".join([typeset(line).strip() for line in paragraph.filled_lines])
    return [rf"  \par\smallskip{{\scriptsize\raggedright {title}{text}\par}}"]


def _verbatim(lines: list[str]) -> list[str]:
    r"""A drawing as verbatim text; a space is inserted into any ``\end{verbatim}`` in it."""
    safe = [line.replace(r"\end{verbatim}", r"\end {verbatim}") for line in lines]
    return [r"{\tiny\begin{verbatim}", *safe, r"\end{verbatim}}"]
