"""HTML from plain text: what a user wrote is shown as it is, and never taken for markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.formats.html import escaped
from cnncalc.source import FROM_RIGHT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def text(value: str) -> str:
    """A text as HTML shows it, control characters as escapes; it may stand in an attribute, too."""
    return escaped(value)


_WORD = rf"[^\s()\[\],;:<>&]*[{FROM_RIGHT}][^\s()\[\],;:<>&]*"
_ISOLATED = re.compile(rf"{_WORD}(?:\s+{_WORD})*")
"""Words that are written from right to left, and what is joined to them."""


def prose(value: str) -> str:
    """A sentence with names in it: those from right to left do not turn what stands around them."""
    return _ISOLATED.sub(r"<bdi>\g<0></bdi>", text(value).replace(" %", "\u00a0%"))


def name(value: str) -> str:
    """A word that a user chose, whose direction of writing does not turn what stands around it."""
    return f"<bdi>{text(value)}</bdi>"


def verbatim(lines: str, label: str) -> str:
    """A text of several lines, kept line by line, that can be scrolled with the keyboard."""
    shown = "\n".join([text(line.replace("\t", "    ")) for line in lines.splitlines()])
    return f'<pre tabindex="0" role="group" aria-label="{text(label)}" dir="auto">{shown}</pre>'


def section(key: str, title: str, *parts: str) -> str:
    """A part of the page with its heading, which the table of contents leads to."""
    body = "\n".join([part for part in parts if part])
    return (
        f'<section id="{key}" aria-labelledby="{key}-title">\n'
        f'<h2 id="{key}-title" tabindex="-1">{text(title)}</h2>\n{body}\n</section>'
    )


def paragraph(html: str, kind: str = "") -> str:
    """A paragraph of HTML."""
    return f"<p{attribute('class', kind)}>{html}</p>"


def listed(items: Iterable[str], kind: str = "") -> str:
    """A list of pieces of HTML; nothing where there are none."""
    lines = "\n".join([f"<li>{item}</li>" for item in items])
    return f"<ul{attribute('class', kind)}>\n{lines}\n</ul>" if lines else ""


def attribute(key: str, value: str) -> str:
    """An attribute with a blank before it; nothing where it has no value."""
    return f' {key}="{value}"' if value else ""


def table(
    caption: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]], *, key: str = "", kind: str = ""
) -> str:
    """A table of pieces of HTML that can be scrolled sideways; the first cell of a row is its heading.

    A column is its title and its class: ``n`` for numbers.
    """
    heads = "".join([f'<th scope="col"{attribute("class", look)}>{text(title)}</th>' for title, look in columns])
    lines = []
    for first, *others in rows:
        cells = [
            f"<td{attribute('class', look)}>{cell}</td>" for cell, (_, look) in zip(others, columns[1:], strict=True)
        ]
        lines.append(f'<tr><th scope="row">{first}</th>{"".join(cells)}</tr>')
    body = "\n".join(lines)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{text(caption)}">\n'
        f"<table{attribute('id', key)}{attribute('class', kind)}>\n<caption>{text(caption)}</caption>\n"
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )
