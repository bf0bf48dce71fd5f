"""Drawings of a net as SVG: its cost, its memory over time, its volumes, its graph."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from cnncalc.drawings.canvas import Once, Request
from cnncalc.drawings.palette import THEMES
from cnncalc.errors import ValueProblem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.memory.report import MemoryReport

DRAWINGS = {
    "cost": "activation memory, parameters and MACs of each layer",
    "training": "live memory over a training step, with its peak",
    "inference": "live memory over inference, with its peak",
    "volumes": "the volumes as blocks, drawn to scale",
    "graph": "the graph, with the volumes on its edges",
}
"""The kinds of drawings and their descriptions."""

OVER_TIME = ("training", "inference")
"""Kinds that are drawn from a memory report."""
WIDTH = 880
"""Default width of a drawing in pixels: that of a README."""
MIN_WIDTH, MAX_WIDTH = 320, 10_000
"""Limits of the width in pixels."""


def draw(
    report: Report,
    kind: str,
    *,
    memory: MemoryReport | None = None,
    width: int | None = None,
    depth: int | None = None,
    units: str = "iec",
    theme: str = "auto",
    beside: Sequence[Report] = (),
    once: Once | None = None,
) -> str:
    """One drawing as SVG text; the same net always gives the same text.

    ``memory``, made with ``logs=True``, is needed for training and inference. ``width`` is in pixels; ``depth`` is the
    nesting level at which layers are summed by block; ``theme`` is one of :data:`THEMES`. Cost and volumes of a net
    share their axes with those of the nets ``beside`` it. ``once`` keeps what other drawings of the net need too.
    Raises ValueProblem for an unknown kind or theme, a width outside the limits, and a memory report without events.
    """
    if kind not in DRAWINGS:
        known = ", ".join(DRAWINGS)
        raise ValueProblem(f"no kind of drawing '{kind}'{did_you_mean(kind, DRAWINGS)} (known: {known})", code="usage")
    if theme not in THEMES:
        known = ", ".join(THEMES)
        raise ValueProblem(f"no theme '{theme}'{did_you_mean(theme, THEMES)} (known: {known})", code="usage")
    wide = WIDTH if width is None else width
    if not MIN_WIDTH <= wide <= MAX_WIDTH:
        raise ValueProblem(f"a drawing is {MIN_WIDTH} to {MAX_WIDTH:,} pixels wide, not {wide:,}", code="usage")
    request = Request(wide, once or Once(), depth, units, theme, tuple(beside))
    if kind in OVER_TIME:
        if memory is None:
            raise ValueProblem(f"the drawing '{kind}' needs a memory report", code="usage")
        from cnncalc.drawings.timeline import draw_timeline

        return draw_timeline(kind, memory, request)
    module = import_module(f"cnncalc.drawings.{kind}")
    drawing: str = module.draw(report, request)
    return drawing
