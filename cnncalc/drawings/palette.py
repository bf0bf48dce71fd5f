"""The light and the dark palette of a drawing, as rules of a style sheet.

Neighbouring areas differ in lightness or have a pattern, so they can be told apart in black and white. The contrast of
every text with its background is at least 4.5 to 1.
"""

from __future__ import annotations

from cnncalc.drawings.metrics import FAMILY

FONTS = {
    "head": (16, True),
    "sub": (12, False),
    "panel": (12, True),
    "label": (11, False),
    "strong": (11, True),
    "tick": (10, False),
    "note": (10.5, False),
}
"""Font size in pixels of each kind of text, and whether it is bold."""

LIGHT = {
    "ground": "#ffffff",
    "ink": "#1f2328",
    "muted": "#57606a",
    "grid": "#e3e7eb",
    "axis": "#8c959f",
    "bars": "#2f6690",
    "bars2": "#a4551e",
    "parameters": "#27435f",
    "state": "#6f8eac",
    "rest": "#d5dfe8",
    "gradients": "#f1d5a5",
    "stripe": "#8a5208",
    "activations": "#84b8de",
    "transient": "#b23a25",
    "front": "#dbe8f3",
    "side": "#b4cce1",
    "top": "#edf3f9",
    "edge": "#40586f",
    "node": "#f3f6f9",
    "merge": "#dfe6ee",
    "forward": "#d5dde5",
    "backward": "#57606a",
    "on_backward": "#ffffff",
}
DARK = {
    "ground": "#0d1117",
    "ink": "#e6edf3",
    "muted": "#9ea7b3",
    "grid": "#252c35",
    "axis": "#6e7681",
    "bars": "#6cabdc",
    "bars2": "#e2985c",
    "parameters": "#3f5f80",
    "state": "#7f9dbb",
    "rest": "#c2ced9",
    "gradients": "#4a3510",
    "stripe": "#e9b660",
    "activations": "#4f93c4",
    "transient": "#ff9a80",
    "front": "#2b435a",
    "side": "#1d2f41",
    "top": "#3a5670",
    "edge": "#9fbad3",
    "node": "#161d26",
    "merge": "#27313d",
    "forward": "#2d3743",
    "backward": "#aeb8c4",
    "on_backward": "#0d1117",
}
"""The colours by purpose."""

RULES = {
    "ground": "fill:{ground}",
    "ink": "fill:{ink}",
    "muted": "fill:{muted}",
    "inverse": "fill:{on_backward}",
    "rim": "stroke:{ground};stroke-width:3;stroke-linejoin:round;paint-order:stroke",
    "grid": "stroke:{grid};stroke-width:1;fill:none",
    "axis": "stroke:{axis};stroke-width:1;fill:none",
    "mark": "stroke:{ink};stroke-width:1.25;fill:none",
    "dash": "stroke:{ink};stroke-width:1;stroke-dasharray:4 3;fill:none",
    "dot": "fill:{ink};stroke:{ground};stroke-width:1.5",
    "bars": "fill:{bars}",
    "bars2": "fill:{bars2}",
    "parameters": "fill:{parameters};stroke:{ground};stroke-width:.5",
    "state": "fill:{state};stroke:{ground};stroke-width:.5",
    "rest": "fill:{rest};stroke:{ground};stroke-width:.5",
    "gradients": "fill:{gradients}",
    "activations": "fill:{activations}",
    "transient": "fill:{transient}",
    "stripe": "stroke:{stripe};stroke-width:1.5",
    "fold": "fill:{node};stroke:{axis};stroke-width:1;stroke-dasharray:4 3",
    "front": "fill:{front};stroke:{edge};stroke-width:.75;stroke-linejoin:round",
    "side": "fill:{side};stroke:{edge};stroke-width:.75;stroke-linejoin:round",
    "top": "fill:{top};stroke:{edge};stroke-width:.75;stroke-linejoin:round",
    "window": "fill:{ground};fill-opacity:.6;stroke:{ink};stroke-width:1",
    "ray": "stroke:{ink};stroke-width:.75;stroke-dasharray:3 2;fill:none",
    "arrow": "stroke:{edge};stroke-width:1.1;fill:none",
    "tip": "fill:{edge}",
    "node": "fill:{node};stroke:{edge};stroke-width:1",
    "merge": "fill:{merge};stroke:{edge};stroke-width:1",
    "forward": "fill:{forward}",
    "backward": "fill:{backward}",
    "step": "fill:{axis}",
    "again": "fill:{gradients}",
}
"""The style of each class; a drawing contains only those that it uses."""


def style_sheet(prefix: str, used: set[str]) -> str:
    """The rules of the classes that are used, limited to the drawing with that id."""
    lines = [f"#{prefix} text{{font-family:{FAMILY};white-space:pre}}"]
    for name, (size, bold) in FONTS.items():
        if name in used:
            lines.append(f"#{prefix} .{name}{{font-size:{size}px{';font-weight:bold' if bold else ''}}}")
    rules = [(name, rule) for name, rule in RULES.items() if name in used]
    lines += [f"#{prefix} .{name}{{{rule.format_map(LIGHT)}}}" for name, rule in rules]
    lines.append("@media screen and (prefers-color-scheme:dark){")
    for name, rule in rules:
        lines.append(f"#{prefix} .{name}{{{_changes(rule)}}}")
    lines.append("}")
    return "\n".join(lines)


def _changes(rule: str) -> str:
    """The declarations of a rule that have a colour, in the dark palette."""
    return ";".join([part for part in rule.split(";") if "{" in part]).format_map(DARK)
