"""The documentation of a layer kind, parsed from its docstring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.layers.base import REQUIRED
from cnncalc.layers.keys import shown
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.layers.base import Key, Layer

PARTS = ("Formula", "Volume", "Learned", "Source")
"""The words that, followed by a colon, begin a part of a docstring."""


class Documentation(NamedTuple):
    """The docstring of a kind: its first line, its parts (empty if missing), and in ``besides`` the other paragraphs.

    Formula and volume are in the letters of the notes: H, W and D are height, width and depth of the input, F the
    kernel, S the stride, P the pad, K the number of filters or units; x is the input and y the output.
    """

    summary: str
    formula: str
    volume: str
    learned: str
    source: str
    besides: tuple[str, ...]


def docstring(kind: type[Layer]) -> str:
    """The docstring of a kind without its markup of code."""
    lines = (kind.__doc__ or "").replace("``", "").strip().split("\n")
    return "\n".join([line.strip() for line in lines])


def documentation(kind: type[Layer]) -> Documentation:
    """The parts of the docstring of a kind, each in one line."""
    summary, *paragraphs = docstring(kind).split("\n\n")
    parts: dict[str, list[str]] = {part: [] for part in PARTS}
    besides: list[str] = []
    for paragraph in paragraphs:
        further: list[str] = []
        lines = further
        for line in paragraph.split("\n"):
            word, colon, rest = line.partition(": ")
            if colon and word in parts:
                lines = parts[word]
                line = rest
            lines.append(line)
        if further:
            besides.append(" ".join(further))
    formula, volume, learned, source = (" ".join(parts[part]) for part in PARTS)
    return Documentation(summary.replace("\n", " "), formula, volume, learned, source, tuple(besides))


def short_form(kind: type[Layer]) -> str:
    """The short form of a kind in patterns: ``CONV{kernel}-{filters}/{stride}``."""
    places = (("", kind.first), ("-", kind.dash), ("/", kind.slash))
    written = "".join([f"{sign}{{{name}}}" for sign, name in places if name is not None])
    if not written and kind.bare is not None:
        written = f"({{{kind.bare}}})"
    return kind.kind.upper() + written


def default_of(item: Key) -> str | None:
    """The default of a key as a user writes it; None if the key has none."""
    if item.default is REQUIRED:
        return None
    return item.note or shown(item.reader.write(item.default)).strip("'")
