"""Tables on a terminal, compared with those that rich draws."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

import cnncalc
from cnncalc.formats.document import Cell, Column, Document, Page, Table
from cnncalc.formats.terminal import write
from cnncalc.views.layer_table import table_document
from tests.random_nets import examples

WORDS = st.sampled_from(
    ["", "conv1", "1,000", "[64, 128]", "[bold]x[/bold]", ":smile:", "\u00e9", "\u65e5\u672c", "a  b"]
)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """A table whose titles and cells hold words, markup and wide characters."""
    sides = draw(st.lists(st.booleans(), min_size=1, max_size=4))
    columns = [Column("", f"no {place} {draw(WORDS)}".strip(), right) for place, right in enumerate(sides)]
    rows = draw(st.lists(st.tuples(*[WORDS.map(Cell) for _ in sides]), min_size=1, max_size=4))
    return Table(tuple(columns), tuple(rows))


def drawn_by_rich(table: Table, page: Page) -> str:
    file = StringIO()
    console = Console(
        file=file, force_terminal=True, color_system="standard" if page.colour else None, width=200, _environ={}
    )
    drawn = RichTable(box=box.ASCII if page.ascii_only else box.ROUNDED, header_style="bold")
    for place, column in enumerate(table.columns):
        style = "" if place else "cyan"
        drawn.add_column(Text(column.title), justify="right" if column.right else "left", style=style)
    for row in table.rows:
        drawn.add_row(*[Text(cell.text) for cell in row])
    console.print(drawn)
    return file.getvalue()


def seen(text: str) -> list[tuple[str, str]]:
    """Each character with its style: it does not matter whether a style is set once or anew for each part."""
    found, style = [], ""
    for code, character in re.findall("\x1b\\[([0-9;]*)m|(.)", text, re.DOTALL):
        if character:
            found.append((character, style))
        else:
            style = "" if code == "0" else code
    return found


def test_a_table_that_is_too_wide_for_a_terminal_has_its_cells_below_each_other() -> None:
    columns = (Column("what", "peak memory by category"), Column("a", "training", True), Column("b", "at", True))
    rows = (
        (Cell("activations, saved for backward or in use"), Cell("19.50 KiB"), Cell("")),
        (Cell("sum"), Cell("1.605 GiB"), Cell("relu7 (backward) of the first step")),
    )
    document = Document((), Table(columns, rows), (), dict)

    assert "\u2502 sum " in write(document, Page(75, False, False))
    assert write(document, Page(30, False, False)).splitlines() == [
        "peak memory by category",
        "activations, saved for",
        "backward or in use",
        "  training  19.50 KiB",
        "sum",
        "  training  1.605 GiB",
        "  at        relu7 (backward)",
        "            of the first step",
        "",
    ]


def test_cells_below_each_other_keep_the_columns_of_words() -> None:
    """Abbreviated, the table of lenet5 needs 63 columns; from 60 on it is a box without its volumes."""
    report = cnncalc.analyze("lenet5")
    boxed, stacked = (write(table_document(report), Page(width, False, False)) for width in (63, 59))

    assert "\n\u2502 c1       \u2502 [28x28x6]  \u2502    4,704 \u2502     150 \u2502" in boxed
    assert "\nc1\n  volume   [28x28x6]\n  memory   4,704\n  weights  150\n" in stacked


def test_a_table_without_optional_columns_loses_none() -> None:
    columns = (Column("key", "key"), Column("accepts", "accepts"), Column("meaning", "meaning"))
    row = (Cell("scale"), Cell("yes or no, yes"), Cell("whether a factor is learned"))

    assert write(Document((), Table(columns, (row,)), (), dict), Page(30, False, False)).splitlines() == [
        "key",
        "scale",
        "  accepts  yes or no, yes",
        "  meaning  whether a factor is",
        "           learned",
        "",
    ]


@examples(50)
@given(table=tables(), colour=st.booleans(), ascii_only=st.booleans())
def test_a_table_is_drawn_as_rich_draws_it(table: Table, colour: bool, ascii_only: bool) -> None:
    page = Page(None, colour, ascii_only)

    assert seen(write(Document((), table, (), dict), page)) == seen(drawn_by_rich(table, page))


@pytest.mark.parametrize(("colour", "expected"), [(True, "\x1b[1mA net\x1b[0m\n"), (False, "A net\n")])
def test_the_heading_is_bold_on_a_terminal_with_colour(colour: bool, expected: str) -> None:
    assert write(Document(("A net",), Table((), ()), (), dict), Page(80, colour)) == expected
