"""Tables with boxes and colour for a terminal. The only module that imports rich, of which it needs the boxes alone."""

from __future__ import annotations

from itertools import zip_longest

from rich import box

from cnncalc.formats import text
from cnncalc.formats.document import LEAST_WIDTH, Cell, Column, Table
from cnncalc.source import columns as width_of
from cnncalc.source import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cnncalc.formats.document import Document, Page, Paragraph

MIN_WIDTH = 12
"""The minimum width of a column with wrapped words."""
BOLD, DIM, CYAN = "1", "2", "36"
"""Codes of ECMA-48, "Select Graphic Rendition"."""


def write(document: Document, page: Page) -> str:
    """The document with a box around its table, if that has a header.

    If the table is too wide, columns are abbreviated or left out (a note says so), then words are wrapped within their
    cells; if it is still too wide, its cells stand below each other, without a box. Text is never read as markup.
    """
    return "".join([f"{line}\n" for line in _lines(document, page)])


def _lines(document: Document, page: Page) -> Iterator[str]:
    """The lines of the document."""
    table, is_shortened = fit_table(document.table, page.width)
    for place, line in enumerate(document.heading):
        for part in parts(visible(line), page.width):
            yield part if place else styled(part, BOLD, page)
    if document.summary is not None and document.summary.rows:
        yield from _boxed(document.summary, page)
    if table.has_header and table.rows:
        yield from _boxed(table, page)
    elif table.rows:
        margin = widths(table)[0] + len(text.GAP) if len(table.columns) == 2 else 0
        for line in ["", *text.table_lines(table), ""]:
            yield from parts(line, page.width, margin)
    if is_shortened:
        for part in parts("(shortened to fit; --format text shows all)", page.width):
            yield styled(part, DIM, page)
    margin = text.margin_of(document.closing)
    if page.width is not None and page.width < LEAST_WIDTH:
        yield from _below(document.closing, page)
        return
    for line in text.paragraph_lines(document.closing):
        yield from parts(line, page.width, margin)


def _below(paragraphs: Iterable[Paragraph], page: Page) -> Iterator[str]:
    """The lines of paragraphs below their titles."""
    for paragraph in paragraphs:
        yield from [styled(part, BOLD, page) for part in parts(visible(paragraph.title), page.width)]
        for line in paragraph.lines:
            yield from parts(f"  {visible(line)}".rstrip(), page.width, 2)


def styled(line: str, style: str, page: Page) -> str:
    """The line in a style, if the terminal has colour."""
    return f"\x1b[{style}m{line}\x1b[0m" if page.colour and line else line


def parts(line: str, width: int | None, margin: int = 0) -> Iterator[str]:
    """The line, wrapped at the width of the terminal; continuation lines are indented by ``margin``."""
    while width is not None and width_of(line) > width:
        end = line.rfind(" ", margin + 1, width + 1)
        if end <= margin or not line[:end].strip():
            break
        yield line[:end].rstrip()
        line = " " * margin + line[end:].lstrip()
    yield line


def widths(table: Table) -> list[int]:
    """The width of each column."""
    lines = [[column.title for column in table.columns], *[[cell.text for cell in row] for row in table.rows]]
    return [_widest(texts) for texts in zip(*lines, strict=True)]


def _widest(texts: tuple[str, ...]) -> int:
    """The width of the widest text."""
    together = "".join(texts)
    if together.isascii() and together.isprintable():  # many times faster than the general case
        return max(map(len, texts))
    return max([width_of(visible(text)) for text in texts])


def table_width(table: Table) -> int:
    """The width of the table with its box: a space on both sides of each column, and rules between."""
    return sum(width + 3 for width in widths(table)) + 1


def fit_table(table: Table, width: int | None) -> tuple[Table, bool]:
    """The table with as few columns abbreviated as necessary to fit, and whether any column was changed.

    The widest column with short texts is abbreviated first; then optional columns are left out, from the right; then
    columns with ``last`` are abbreviated, from the right. In a table with such columns an abbreviated column becomes
    optional. At last columns of words are left out, unless the table is too wide without them, too, or the terminal is
    narrower than LEAST_WIDTH.
    """
    if width is None or not table.has_header or not table.rows:
        return table, False
    shortened = False
    while table_width(table) > width and (place := _next_to_shorten(table)) is not None:
        table, shortened = _shortened(table, place), True
    wraps = not _has_last(table)
    fewer = table
    while table_width(fewer) > width and not (wraps and fits_wrapped(fewer, width)):
        place = _last_of_words(fewer)
        if place is None or (wraps and width < LEAST_WIDTH):
            return table, shortened
        fewer = _without(fewer, place)
    return fewer, shortened or fewer is not table


def _has_last(table: Table) -> bool:
    """Whether the table has columns with ``last``, which are abbreviated after all others."""
    return any(column.last for column in table.columns)


def _last_of_words(table: Table) -> int | None:
    """The last column of words that may be left out; the first one identifies the row."""
    places = range(1, len(table.columns))
    return max([x for x in places if not table.columns[x].right and not table.columns[x].last], default=None)


def _next_to_shorten(table: Table) -> int | None:
    """The column to abbreviate or leave out next; None if there is none."""
    taken = widths(table)
    places = range(len(taken))
    shorts = [{row[place].short for row in table.rows} for place in places]
    shorter = [place for place in places if table.columns[place].short_title or shorts[place] - {None, ""}]
    candidates = [place for place in shorter if not table.columns[place].last]
    if candidates:
        return max(candidates, key=lambda place: taken[place])
    spare = max([place for place in places if shorts[place] == {""}], default=None)
    return max(shorter, default=None) if spare is None else spare


def _shortened(table: Table, place: int) -> Table:
    """The table with one column abbreviated (to numbers, hence right-aligned), or without it."""
    cells = [row[place] for row in table.rows]
    if not table.columns[place].short_title and all(cell.short == "" for cell in cells):
        return _without(table, place)
    column = table.columns[place]
    short = Column(column.key, column.short_title or column.title, right=True, last=column.last)
    spare = "" if _has_last(table) and not column.last else None
    new = [Cell(cell.text if cell.short is None else cell.short, cell.value, spare) for cell in cells]
    return Table(
        (*table.columns[:place], short, *table.columns[place + 1 :]),
        tuple([(*row[:place], cell, *row[place + 1 :]) for row, cell in zip(table.rows, new, strict=True)]),
    )


def _without(table: Table, place: int) -> Table:
    """The table without one column."""
    return Table(
        (*table.columns[:place], *table.columns[place + 1 :]),
        tuple([(*row[:place], *row[place + 1 :]) for row in table.rows]),
    )


def wrapped_widths(table: Table, width: int | None) -> list[int] | None:
    """The width of each column if the widest columns of words are wrapped until the table fits.

    None if nothing has to be wrapped, or if that is not enough.
    """
    if width is None:
        return None
    excess = table_width(table) - width
    if excess <= 0 or not fits_wrapped(table, width):
        return None
    taken, least = widths(table), _minimum_widths(table)
    while excess > 0:
        place = max(range(len(taken)), key=lambda place: (taken[place] > least[place], taken[place]))
        taken[place] -= 1
        excess -= 1
    return taken


def fits_wrapped(table: Table, width: int) -> bool:
    """Whether the table fits if its words are wrapped."""
    return table_width(table) - width <= sum(widths(table)) - sum(_minimum_widths(table))


def _minimum_widths(table: Table) -> list[int]:
    """The smallest width of each column: numbers are never wrapped, titles above numbers only at spaces."""
    cells = widths(table._replace(columns=tuple([column._replace(title="") for column in table.columns])))
    return [
        max(number, *map(width_of, visible(column.title).split(" "))) if column.right else min(wide, MIN_WIDTH)
        for wide, number, column in zip(widths(table), cells, table.columns, strict=True)
    ]


def wrapped(line: str, width: int) -> list[str]:
    """The line in parts of at most ``width``: split at spaces, else after punctuation, else anywhere."""
    lines = []
    while width_of(line) > width:
        end = 1
        while width_of(line[: end + 1]) <= width:
            end += 1
        blank = line.rfind(" ", 1, end + 1)
        if blank < 1:
            end = max([line.rfind(mark, 0, end) + 1 for mark in "-,./_"]) or end
        lines.append(line[:end] if blank < 1 else line[:blank])
        line = line[end:] if blank < 1 else line[blank + 1 :]
    return [*lines, line]


def _fits(table: Table, width: int | None) -> bool:
    """Whether the table fits, if need be with its words wrapped."""
    return width is None or table_width(table) <= width or fits_wrapped(table, width)


def stacked(table: Table, page: Page, width: int) -> Iterator[str]:
    """The lines of a table that is too wide: of each row the first cell, then the others, each with its title."""
    titles = [visible(column.title) for column in table.columns]
    label = max(map(width_of, titles[1:]), default=0)
    yield from [styled(part, BOLD, page) for part in parts(titles[0], width)]
    for first, *others in [[visible(cell.text) for cell in row] for row in table.rows]:
        yield from [styled(part, CYAN, page) for part in parts(first, width)]
        for title, cell in zip(titles[1:], others, strict=True):
            line = f"  {title}{' ' * (label - width_of(title))}  {cell}"
            margin = min(label + 4, width // 2)
            fits = margin + max(map(width_of, cell.split(" "))) <= width
            yield from parts(line, width, margin if fits else 4) if cell else ()
    yield ""


def _boxed(table: Table, page: Page) -> Iterator[str]:
    """The lines of a table with its box: bold titles, the first column in cyan."""
    if page.width is not None and not _fits(table, page.width):
        yield from stacked(table, page, page.width)
        return
    form = box.ASCII if page.ascii_only else box.ROUNDED
    titles = [[column.title] for column in table.columns]
    rows = [[visible(cell.text) for cell in row] for row in table.rows]
    room = wrapped_widths(table, page.width)
    if room is not None:
        titles = [wrapped(title, width) for [title], width in zip(titles, room, strict=True)]
        rows = [[*line] for row in rows for line in zip_longest(*map(wrapped, row, room), fillvalue="")]
    height = max(map(len, titles))
    head = list(zip(*[[""] * (height - len(title)) + title for title in titles], strict=True))
    cells, taken = text.padded([*head, *rows], table.columns)
    edges = [width + 2 for width in taken]
    yield form.get_top(edges)
    for row in cells[:height]:
        line = form.head_vertical.join([styled(f" {cell} ", BOLD, page) for cell in row])
        yield f"{form.head_left}{line}{form.head_right}"
    yield form.get_row(edges, "head")
    for first, *others in cells[height:]:
        line = form.mid_vertical.join([styled(f" {first} ", CYAN, page), *[f" {cell} " for cell in others]])
        yield f"{form.mid_left}{line}{form.mid_right}"
    yield form.get_bottom(edges)
