r"""LaTeX: a table in the manner of booktabs, to be read into a document with ``\input``.

A table that fits on a page floats and is scaled down to the line where it is wider; a longer one breaks across pages.
Where pages have two columns, a wide one takes both.
Whatever a user wrote is shown as it is; letters beyond Latin need LuaLaTeX or XeLaTeX with a font that has them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.source import columns as width_of
from cnncalc.source import visible

if TYPE_CHECKING:
    from cnncalc.formats.document import Document, Page, Paragraph, Table

MOST_ROWS = 50
"""A longer table breaks across pages."""
MOST_COLUMN = 70
"""Where pages have two columns, a table of more characters takes both, since in one it could not be read."""
SIZES = ((80, r"\small"), (100, r"\footnotesize"), (130, r"\scriptsize"))
"""The type of a table across pages, by its width in characters; a wider one is set in the smallest."""

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
"""What each character with a meaning of its own is written as."""
SPECIAL = re.compile(r"""[\\{}$&#_%~^<>|"'`]|-(?=-)|,(?=,)""")
LATIN = re.compile("[\x00-\u017f]*")


def write(document: Document, page: Page) -> str:
    """The document as a part of a LaTeX file; its first lines say what it needs."""
    tables = [table for table in (document.summary, document.table) if table is not None and table.rows]
    is_long = any(len(table.rows) > MOST_ROWS for table in tables)
    body: list[str] = []
    if is_long:
        for place, table in enumerate(tables):
            body += long_lines(table, document.heading if place == 0 else ())
        body += [line for paragraph in document.closing for line in paragraph_lines(paragraph)]
    else:
        float_ = "table*" if any(_width(table) > MOST_COLUMN for table in tables) else "table"
        body += [rf"\begin{{{float_}}}", r"  \centering"]
        if document.heading:
            body.append(rf"  \caption{{{caption(document.heading)}}}")
        for table in tables:
            body += ["  " + line for line in short_lines(table)]
        notes = [line for paragraph in document.closing for line in paragraph_lines(paragraph)]
        body += [*notes, rf"\end{{{float_}}}"]
    text = "\n".join(body)
    needs = r"\usepackage{booktabs} and \usepackage{" + ("longtable" if is_long else "graphicx") + "} in the preamble"
    head = [f"% Needs {needs}{', and pages of one column' if is_long else ''}."]
    if not LATIN.fullmatch(text):
        head.append("% Holds letters beyond Latin: LuaLaTeX or XeLaTeX, and a font that has them.")
    return "\n".join(head) + "\n" + text + "\n"


def escaped(text: str) -> str:
    """A text that LaTeX sets as it is; no two hyphens or commas become one mark."""
    return SPECIAL.sub(lambda found: ESCAPES.get(found[0], found[0] + r"\/"), visible(text))


def caption(heading: tuple[str, ...]) -> str:
    """The lines of a heading as sentences of one caption."""
    lines = [visible(line).strip() for line in heading]
    return " ".join([escaped(line) + ("" if line.endswith(".") else ".") for line in lines if line])


def _width(table: Table) -> int:
    """In characters."""
    return sum([max([width_of(cell.text) for cell in cells]) + 2 for cells in zip(*table.rows, strict=True)])


def _sides(table: Table) -> str:
    return "@{}" + "".join(["r" if column.right else "l" for column in table.columns]) + "@{}"


def _rows(table: Table) -> list[str]:
    r"""The rows; one that begins with a mark that ``\\`` would take for its own gets an empty group before it."""
    rows = [" & ".join([escaped(cell.text) for cell in row]) for row in table.rows]
    return ["{}" * row.startswith(("[", "*")) + row + r" \\" for row in rows]


def _titles(table: Table) -> list[str]:
    if not table.has_header:
        return []
    return [" & ".join([escaped(column.title) for column in table.columns]) + r" \\", r"\midrule"]


def short_lines(table: Table) -> list[str]:
    """A table for one page, at most as wide as the line."""
    lines = [rf"\begin{{tabular}}{{{_sides(table)}}}", r"  \toprule"]
    lines += ["  " + line for line in (*_titles(table), *_rows(table), r"\bottomrule")]
    return [
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        *["  " + line for line in lines],
        r"  \end{tabular}}",
    ]


def long_lines(table: Table, heading: tuple[str, ...]) -> list[str]:
    """A table across pages, its titles repeated on each."""
    size = next((size for most, size in SIZES if _width(table) <= most), r"\tiny")
    titles = _titles(table)
    lines = [rf"{{{size}\setlength{{\tabcolsep}}{{3pt}}%", rf"\begin{{longtable}}{{{_sides(table)}}}"]
    if heading:
        lines.append(rf"  \caption{{{caption(heading)}}} \\")
    lines += ["  " + line for line in (r"\toprule", *titles)]
    lines.append(r"  \endfirsthead" if heading else r"  \endhead")
    if heading:
        lines += ["  " + line for line in (r"\toprule", *titles)] + [r"  \endhead"]
    lines += ["  " + line for line in (r"\bottomrule", r"\endfoot")]
    return [*lines, *["  " + line for line in _rows(table)], r"\end{longtable}}"]


def paragraph_lines(paragraph: Paragraph) -> list[str]:
    """The word in bold and its lines behind it, in small type below the table."""
    lines = [line for line in map(visible, paragraph.lines) if line.strip()]
    if not lines:
        return []
    title = rf"\textbf{{{escaped(paragraph.title)}}} " if paragraph.title else ""
    if paragraph.verbatim:
        drawn = [visible(line).rstrip() for line in paragraph.lines]
        return [rf"\par\smallskip{{\scriptsize\raggedright {title}\par}}", *_verbatim(drawn)]
    text = r"\newline ".join([escaped(line.strip()) for line in lines])
    return [rf"  \par\smallskip{{\scriptsize\raggedright {title}{text}\par}}"]


def _verbatim(lines: list[str]) -> list[str]:
    """A drawing letter for letter; one that holds the end of such a drawing is cut in two there."""
    safe = [line.replace(r"\end{verbatim}", r"\end {verbatim}") for line in lines]
    return [r"{\tiny\begin{verbatim}", *safe, r"\end{verbatim}}"]
