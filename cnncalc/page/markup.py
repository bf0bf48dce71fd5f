"""HTML from plain text: everything that a user wrote is escaped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.formats.html import escaped
from cnncalc.records import NamedTuple
from cnncalc.source import RIGHT_TO_LEFT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

text = escaped
"""A text as HTML shows it, control characters as escapes; also valid in an attribute."""

_WORD = rf"[^\s()\[\],;:<>&]*[{RIGHT_TO_LEFT}][^\s()\[\],;:<>&]*"
_ISOLATED = re.compile(rf"{_WORD}(?:\s+{_WORD})*")
"""Right-to-left words, and the characters joined to them."""


def prose(value: str) -> str:
    """A sentence with names in it; names written from right to left are isolated from the text around them."""
    return _ISOLATED.sub(r"<bdi>\g<0></bdi>", text(value).replace(" %", "\u00a0%"))


def sentence(value: str) -> str:
    """Prose with a capital and a full stop."""
    return prose(f"{value[:1].upper()}{value[1:]}.")


def name(value: str) -> str:
    """A name that a user chose, isolated from the text around it."""
    return f"<bdi>{text(value)}</bdi>"


def verbatim(lines: str, label: str, direction: str = "auto") -> str:
    """Preformatted text that can be scrolled with the keyboard."""
    shown = "\n".join([text(line.replace("\t", "    ")) for line in lines.splitlines()])
    return f'<pre tabindex="0" role="group" aria-label="{text(label)}" dir="{direction}">{shown}</pre>'


def section(key: str, title: str, *parts: str) -> str:
    """A section of the page with its heading; the table of contents links to ``key``."""
    body = "\n".join([part for part in parts if part])
    return (
        f'<section id="{key}" aria-labelledby="{key}-title">\n'
        f'<h2 id="{key}-title" tabindex="-1">{text(title)}</h2>\n{body}\n</section>'
    )


def paragraph(html: str, kind: str = "") -> str:
    """A paragraph of HTML."""
    return f"<p{attribute('class', kind)}>{html}</p>"


def listed(items: Iterable[str], kind: str = "") -> str:
    """A list of HTML items; empty if there are none."""
    lines = "\n".join([f"<li>{item}</li>" for item in items])
    return f"<ul{attribute('class', kind)}>\n{lines}\n</ul>" if lines else ""


def attribute(key: str, value: str) -> str:
    """An attribute with a blank before it; empty if it has no value."""
    return f' {key}="{value}"' if value else ""


def scrolling(html: str, label: str, kind: str = "") -> str:
    """A part that scrolls sideways, with the mouse or the keyboard; ``kind`` is a further class."""
    return (
        f'<div class="{f"scroll {kind}".strip()}" tabindex="0" role="group" aria-label="{text(label)}">\n{html}\n</div>'
    )


class Number(NamedTuple):
    """A cell with an exact value, which the script of the page sorts by."""

    html: str
    value: int


def table(
    caption: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str | Number]], kind: str = ""
) -> str:
    """A table of HTML cells; the first cell of a row is its heading.

    A column is its title in HTML and its class: ``n`` for numbers.
    """
    heads = "".join([f'<th scope="col"{attribute("class", css_class)}>{title}</th>' for title, css_class in columns])
    lines = []
    for first, *others in rows:
        cells = "".join([_cell(cell, css_class) for cell, (_, css_class) in zip(others, columns[1:], strict=True)])
        lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    body = "\n".join(lines)
    return scrolling(
        f"<table{attribute('class', kind)}>\n<caption>{text(caption)}</caption>\n"
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>",
        caption,
    )


def _cell(cell: str | Number, css_class: str) -> str:
    if isinstance(cell, Number):
        return f'<td{attribute("class", css_class)} data-v="{cell.value}">{cell.html}</td>'
    return f"<td{attribute('class', css_class)}>{cell}</td>"
