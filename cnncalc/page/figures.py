"""Drawings in a page, each for a wide and for a narrow window; their styles move to the style sheet of the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.drawings import OVER_TIME, draw
from cnncalc.drawings.canvas import Once
from cnncalc.page.markup import name, scrolling, section, text
from cnncalc.page.summary import place
from cnncalc.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.memory.report import MemoryReport

WIDTH = 1120
"""Width of a drawing in pixels: that of the page."""
HALF_WIDTH = 548
"""Width of two drawings side by side."""
PHONE_WIDTH = 326
"""Width of a drawing in a narrow window: that of a phone of 360 pixels, less margins and frame."""

_STYLE = re.compile(r"<style>\n?(.*?)</style>\n?", re.DOTALL)


class Gallery:
    """Collects drawings and their style rules; the ids of every drawing in a page are unique."""

    def __init__(self, units: str) -> None:
        self.units = units
        self.once = Once()
        self.styles: list[str] = []
        self.known: set[str] = set()

    def figure(self, memory: MemoryReport, kind: str, width: int = WIDTH, beside: Sequence[Report] = ()) -> str:
        """One drawing with its caption, and the same for a phone; it shares its axes with those of nets beside it."""
        frames = [
            scrolling(self._drawing(memory, kind, wide, beside), f"Drawing: {kind}", window)
            for wide, window in ((width, "desk"), (PHONE_WIDTH, "phone"))
        ]
        caption = _caption(memory, kind, self.units)
        return f'<figure class="{kind}">\n{"".join(frames)}\n<figcaption>{caption}</figcaption>\n</figure>'

    def _drawing(self, memory: MemoryReport, kind: str, width: int, beside: Sequence[Report]) -> str:
        """A drawing without its own styles, which the content security policy of the page does not allow."""
        drawing = draw(memory.report, kind, memory=memory, width=width, units=self.units, beside=beside, once=self.once)
        mark = re.findall(r'<svg[^>]* id="([^"]+)"', drawing)[0]
        if mark in self.known:  # the same net twice
            drawing = drawing.replace(mark, f"{mark}-{len(self.known)}")
        self.known.add(mark)
        self.styles += _STYLE.findall(drawing)
        return _STYLE.sub("", drawing, count=1)


def _caption(memory: MemoryReport, kind: str, units: str) -> str:
    """What a drawing shows, in a sentence."""
    report, training, inference = memory.report, memory.training, memory.inference
    if kind == "training":
        end = format_bytes(training.after_forward_bytes, units)
        return (
            f"The peak of {format_bytes(training.peak_bytes, units)} is {place(training.peak_at)}. After the forward "
            f"pass, {end} are live; {format_bytes(training.saved_bytes, units)} are kept for the backward pass."
        )
    if kind == "inference":
        return f"The peak of {format_bytes(inference.peak_bytes, units)} is {place(inference.peak_at)}."
    if kind == "cost":
        return f"Activation memory, parameters and MACs of each layer of {name(memory.architecture)}."
    if kind == "volumes":
        largest = max(report.layers, key=lambda row: 0 if row.in_place else row.activations)
        return f"The largest volume is {text(str(largest.output))}, the output of {name(largest.name)}."
    return f"The layers of {name(memory.architecture)} and the volumes between them."


def drawings_section(gallery: Gallery, memory: MemoryReport, kinds: Sequence[str]) -> str:
    """The section with the drawings of one net."""
    if memory.options.profile == "notes":  # the rule has no timeline
        kinds = [kind for kind in kinds if kind not in OVER_TIME]
    if not any(row.layer.is_merge for row in memory.report.layers):  # a chain: the table shows the same
        kinds = [kind for kind in kinds if kind != "graph"]
    return section("drawings", "Drawings", *[gallery.figure(memory, kind) for kind in kinds])


def pairs_section(gallery: Gallery, memories: Sequence[MemoryReport], kinds: Sequence[str]) -> str:
    """The section with the drawings of two nets side by side, on the same axes."""
    reports = [memory.report for memory in memories]
    rows = []
    for kind in kinds:
        figures = "\n".join(
            [
                gallery.figure(memory, kind, HALF_WIDTH, [*reports[:place], *reports[place + 1 :]])
                for place, memory in enumerate(memories)
            ]
        )
        rows.append(f'<div class="pair">\n{figures}\n</div>')
    return section("drawings", "Drawings", *rows)
