"""A canvas that becomes one SVG: shapes, escaped texts, styles for a light and a dark background."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar
from zlib import crc32

from cnncalc.drawings.metrics import LINE, cut, evenly_wrapped, width_of
from cnncalc.drawings.palette import FAMILIES, FONTS, PATTERNS, style_sheet
from cnncalc.records import NamedTuple
from cnncalc.source import RIGHT_TO_LEFT, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from cnncalc.analysis.report import Report

T = TypeVar("T")

MARGIN = 16.0
"""Margin of every drawing in pixels."""
PREFIX = "\x00"
"""Placeholder for the prefix of ids until the drawing is finished; no text contains it."""

_ISOLATED = re.compile(f"[{RIGHT_TO_LEFT}]")


def shown(text: str) -> str:
    """Text of a user, with control characters as escapes and right-to-left text isolated."""
    text = visible(text)
    return f"\u2068{text}\u2069" if _ISOLATED.search(text) else text


def escaped(text: str) -> str:
    """The text with the escapes of XML."""
    if "&" in text or "<" in text or ">" in text or '"' in text:
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return text


def number(value: float) -> str:
    """A coordinate with at most two decimals."""
    text = f"{value:.2f}"
    if text.endswith("00"):
        return text[:-3] if text != "-0.00" else "0"
    return text[:-1] if text.endswith("0") else text


class Once:
    """What several drawings of the same nets compute alike: each result is kept and computed once."""

    def __init__(self) -> None:
        self._found: dict[tuple[Any, ...], tuple[Any, Any]] = {}

    def __call__(self, function: Callable[..., T], record: object, *options: Hashable) -> T:
        """``function(record, *options)``; a record, such as a report, is known by its identity."""
        key = (function, id(record), *options)
        if key not in self._found:
            self._found[key] = record, function(record, *options)  # with the record, so that no other has its identity
        result: T = self._found[key][1]
        return result


class Request(NamedTuple):
    """How a net is drawn. ``beside`` are nets with which the drawing shares its axes and its scale."""

    width: float
    once: Once
    depth: int | None = None
    units: str = "iec"
    theme: str = "auto"
    beside: tuple[Report, ...] = ()


class Canvas:
    """Collects the elements of one drawing from top to bottom; ``y`` is the lower end of what is drawn.

    ``width`` is in pixels. The CSS class of an element names its role; :mod:`cnncalc.drawings.palette` has the styles.
    """

    def __init__(self, kind: str, net: str, request: Request) -> None:
        self.kind = kind
        self.net = net
        self.width = request.width
        self.theme = request.theme
        self.y = MARGIN
        self.parts: list[str] = []
        self.used = {"ground"}

    @property
    def left(self) -> float:
        """The left border."""
        return MARGIN

    @property
    def right(self) -> float:
        """The right border."""
        return self.width - MARGIN

    # texts

    def text(
        self,
        x: float,
        y: float,
        text: str,
        font: str = "label",
        colour: str = "ink",
        *,
        anchor: str = "start",
        rotated: bool = False,
        full: str | None = None,
        more: str = "",
        over_lines: bool = False,
    ) -> None:
        """Draws one line of text with its base line at ``y``; ``rotated``: it reads upward. ``full`` is its tool tip.

        ``over_lines`` draws an outline in the colour of the background, so that the text is legible on lines.
        """
        self.used.update((font, colour))
        if over_lines:
            self.used.add("rim")
            colour = f"{colour} rim"
        where = f'x="{number(x)}" y="{number(y)}"'
        if anchor != "start":
            where += f' text-anchor="{anchor}"'
        if rotated:
            where += f' transform="rotate(-90 {number(x)} {number(y)})"'
        tip = f"<title>{escaped(full)}</title>" if full is not None and full != text else ""
        self.parts.append(f'<text class="{font} {colour}" {where}{more}>{tip}{escaped(text)}</text>')

    def fitted(self, x: float, y: float, text: str, room: float, font: str = "label") -> None:
        """Draws a text cut to the room; its tool tip has the full text."""
        size, bold = FONTS[font]
        shortened = cut(text, size, room, bold=bold)
        if shortened:
            self.text(x, y, shortened, font, full=text)

    def lines(self, text: str, font: str, colour: str = "ink", *, gap: float = 0.0) -> None:
        """Draws a paragraph below everything drawn so far, with lines of about equal length."""
        size, bold = FONTS[font]
        self.y += gap
        for line in evenly_wrapped(text, size, self.right - self.left, bold=bold):
            self.y += size * LINE
            self.text(self.left, self.y - size * 0.3, line, font, colour)

    @staticmethod
    def room(text: str, font: str = "label") -> float:
        """The width of a text in a font."""
        size, bold = FONTS[font]
        return width_of(text, size, bold=bold)

    # shapes

    def rect(self, x: float, y: float, width: float, height: float, name: str, more: str = "") -> None:
        """Draws a rectangle; ``name`` is one class or several."""
        self.used.update(name.split())
        self.parts.append(
            f'<rect class="{name}" x="{number(x)}" y="{number(y)}" width="{number(width)}" '
            f'height="{number(height)}"{more}/>'
        )

    def bar(self, x: float, y: float, width: float, height: float, name: str, tip: str, value: int) -> None:
        """Draws a bar with its exact value."""
        self.used.add(name)
        self.parts.append(
            f'<rect class="{name}" x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" '
            f'data-value="{value}"><title>{escaped(tip)}</title></rect>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, name: str) -> None:
        """Draws a straight line."""
        self.path(f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}", name)

    def path(self, d: str, name: str, more: str = "") -> None:
        """Draws a path."""
        self.used.add(name)
        self.parts.append(f'<path class="{name}" d="{d}"{more}/>')

    def area(self, points: Sequence[tuple[float, float]], name: str) -> None:
        """Draws a polygon."""
        self.path(f"M{'L'.join([f'{number(x)} {number(y)}' for x, y in points])}Z", name)

    def circle(self, x: float, y: float, radius: float, name: str) -> None:
        """Draws a dot."""
        self.used.add(name)
        self.parts.append(f'<circle class="{name}" cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"/>')

    def begin(self, tip: str = "", more: str = "") -> None:
        """Opens a group with a tool tip."""
        self.parts.append(f"<g{more}>" + (f"<title>{escaped(tip)}</title>" if tip else ""))

    def end(self) -> None:
        """Closes a group."""
        self.parts.append("</g>")

    def legend(self, entries: Sequence[tuple[str, str]]) -> None:
        """Draws a square and a name for each class, below everything drawn so far."""
        x, y = self.left, self.y + 18
        for name, words in entries:
            wide = 18 + self.room(words)
            if x > self.left and x + wide > self.right:
                x, y = self.left, y + 17
            self.rect(x, y - 9, 11, 11, f"{name} bars" if name in FAMILIES else name)
            self.fitted(x + 16, y, words, self.right - x - 16)
            x += wide + 16
        self.y = y + 4

    # output

    def svg(self, title: str, description: str) -> str:
        """The drawing as one string, always the same for the same elements; its ids are unique to it."""
        height = self.y + MARGIN
        striped = [name for name in PATTERNS if name in self.used]
        turns = {
            name: f' patternTransform="rotate({PATTERNS[name].angle})"' for name in striped if PATTERNS[name].angle
        }
        patterns = "".join(
            [
                f'<pattern id="{PREFIX}-{name}" width="5" height="5" patternUnits="userSpaceOnUse"'
                f'{turns.get(name, "")}><rect class="{name}-ground" width="5" height="5"/>'
                f'<path class="{name}-stripe" d="M0 1H5"/></pattern>'
                for name in striped
            ]
        )
        used = self.used.union(*[(f"{name}-ground", f"{name}-stripe") for name in striped])
        body = "\n".join(self.parts)
        letters = re.sub(r"[^a-z0-9]+", "-", self.net.lower()).strip("-")[:40] or "net"
        content = f"{self.net}\0{self.width}\0{self.theme}\0{title}\0{description}\0{body}"
        mark = crc32(content.encode("utf-8", "backslashreplace"))
        prefix = f"{self.kind}-{letters}-{mark:08x}"
        size = f"{number(self.width)} {number(height)}"
        text = (
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{PREFIX}" role="img" '
            f'aria-labelledby="{PREFIX}-title {PREFIX}-desc" viewBox="0 0 {size}" '
            f'width="{number(self.width)}" height="{number(height)}">\n'
            f'<title id="{PREFIX}-title">{escaped(title)}</title>\n'
            f'<desc id="{PREFIX}-desc">{escaped(description)}</desc>\n'
            f"<style>\n{style_sheet(PREFIX, used, self.theme)}\n</style>\n"
            + (f"<defs>{patterns}</defs>\n" if patterns else "")
            + f'<rect class="ground" width="{number(self.width)}" height="{number(height)}"/>\n'
            f"{body}\n</svg>\n"
        )
        return text.replace(PREFIX, prefix)
