"""The light and the dark palette of a drawing, as rules of a style sheet.

Neighbouring areas, and families of layer kinds, differ in lightness or have a pattern, so they can be told apart in
black and white. The contrast of every text with its background is at least 4.5 to 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.drawings.metrics import FAMILY
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cnncalc.analysis.report import LayerReport

THEMES = ("auto", "light", "dark")
"""The themes of a drawing. ``auto``: that of the page that contains it, else that of the system; print is light."""

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
    "of_convolution": "#2f6690",
    "of_linear": "#5a2410",
    "of_normalization": "#559f60",
    "of_pooling": "#e6b85c",
    "of_block": "#eef1f4",
    "of_activation": "#ece4f5",
    "of_activation_stripe": "#7a4fa0",
    "of_merge": "#f6dbe3",
    "of_merge_stripe": "#a8285c",
    "of_other": "#dde2e8",
    "of_other_stripe": "#5b6470",
    "parameters": "#27435f",
    "state": "#6f8eac",
    "rest": "#d5dfe8",
    "gradients": "#f1d5a5",
    "stripe": "#8a5208",
    "activations": "#84b8de",
    "transient": "#b23a25",
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
    "of_convolution": "#6cabdc",
    "of_linear": "#f7d3a8",
    "of_normalization": "#3c8a52",
    "of_pooling": "#6e4a12",
    "of_block": "#161d26",
    "of_activation": "#3a2a4d",
    "of_activation_stripe": "#c3a3e6",
    "of_merge": "#4a1a2e",
    "of_merge_stripe": "#f08ab0",
    "of_other": "#2b323b",
    "of_other_stripe": "#aab2bd",
    "parameters": "#3f5f80",
    "state": "#7f9dbb",
    "rest": "#c2ced9",
    "gradients": "#4a3510",
    "stripe": "#e9b660",
    "activations": "#4f93c4",
    "transient": "#ff9a80",
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
    "within": "stroke:{activations};stroke-width:4.5;stroke-linecap:round;fill:none",
    "beyond": "stroke:{axis};stroke-width:1;fill:none",
    "front_line": "stroke:{ink};stroke-width:1.25;fill:none",
    "bars": "stroke:{edge};stroke-width:.5",
    "of_convolution": "fill:{of_convolution}",
    "of_linear": "fill:{of_linear}",
    "of_normalization": "fill:{of_normalization}",
    "of_pooling": "fill:{of_pooling}",
    "of_block": "fill:{of_block}",
    "of_activation": "fill:url(#{prefix}-of_activation)",
    "of_merge": "fill:url(#{prefix}-of_merge)",
    "of_other": "fill:url(#{prefix}-of_other)",
    "parameters": "fill:{parameters};stroke:{ground};stroke-width:.5",
    "state": "fill:{state};stroke:{ground};stroke-width:.5",
    "rest": "fill:{rest};stroke:{ground};stroke-width:.5",
    "gradients": "fill:url(#{prefix}-gradients)",
    "activations": "fill:{activations}",
    "transient": "fill:{transient}",
    "fold": "fill:{node};stroke:{axis};stroke-width:1;stroke-dasharray:4 3",
    "front": "stroke:{edge};stroke-width:.75;stroke-linejoin:round",
    "frame": "fill:none;stroke:{edge};stroke-width:.5",
    "side": "fill:{ground};fill-opacity:.3;stroke:{edge};stroke-width:.75;stroke-linejoin:round",
    "top": "fill:{ground};fill-opacity:.6;stroke:{edge};stroke-width:.75;stroke-linejoin:round",
    "window": "fill:{ground};fill-opacity:.6;stroke:{ink};stroke-width:1",
    "ray": "stroke:{ink};stroke-width:.75;stroke-dasharray:3 2;fill:none",
    "arrow": "stroke:{edge};stroke-width:1.1;fill:none",
    "tip": "fill:{edge}",
    "node": "fill:{node};stroke:{edge};stroke-width:1",
    "merge": "fill:{merge};stroke:{edge};stroke-width:1",
    "forward": "fill:{forward}",
    "backward": "fill:{backward}",
    "step": "fill:{axis}",
}
"""The style of each class; a drawing contains only those that it uses."""


class Pattern(NamedTuple):
    """Stripes over a colour: both by purpose, and the angle of the stripes in degrees."""

    ground: str
    stripe: str
    angle: int


PATTERNS = {
    "gradients": Pattern("gradients", "stripe", 45),
    "of_activation": Pattern("of_activation", "of_activation_stripe", 45),
    "of_merge": Pattern("of_merge", "of_merge_stripe", 135),
    "of_other": Pattern("of_other", "of_other_stripe", 0),
}
"""The classes with a pattern; the rules of their parts are those of ``NAME-ground`` and ``NAME-stripe``."""

for _name, _pattern in PATTERNS.items():
    RULES[f"{_name}-ground"] = f"fill:{{{_pattern.ground}}}"
    RULES[f"{_name}-stripe"] = f"stroke:{{{_pattern.stripe}}};stroke-width:1.5"

FAMILIES = {
    "of_convolution": "convolution",
    "of_linear": "fully-connected",
    "of_pooling": "pooling",
    "of_normalization": "normalization",
    "of_activation": "activation function",
    "of_merge": "merge",
    "of_other": "input and other",
    "of_block": "block of several kinds",
}
"""The class of each family of layer kinds, and its name in the legend; kinds of other families are ``of_other``."""


def family_of(rows: Iterable[LayerReport]) -> str:
    """The class of the family of the layers, ``of_block`` for layers of several families."""
    found = {f"of_{row.layer.family}" for row in rows}
    if len(found) > 1:
        return "of_block"
    (name,) = found
    return name if name in FAMILIES else "of_other"


def legend_of(families: Iterable[str]) -> list[tuple[str, str]]:
    """Class and name of these families, in the order of :data:`FAMILIES`."""
    used = set(families)
    return [(name, words) for name, words in FAMILIES.items() if name in used]


def style_sheet(prefix: str, used: set[str], theme: str) -> str:
    """The rules of the classes that are used, limited to the drawing with that id."""
    lines = [f"#{prefix} text{{font-family:{FAMILY};white-space:pre}}"]
    for name, (size, bold) in FONTS.items():
        if name in used:
            lines.append(f"#{prefix} .{name}{{font-size:{size}px{';font-weight:bold' if bold else ''}}}")
    colours = {"prefix": prefix, **(DARK if theme == "dark" else LIGHT)}
    rules = [(name, rule) for name, rule in RULES.items() if name in used]
    lines += [f"#{prefix} .{name}{{{rule.format_map(colours)}}}" for name, rule in rules]
    if theme == "auto":  # on screen the colour scheme of the element decides; a file of its own has both
        lines += [f"#{prefix}:root{{color-scheme:light dark}}", "@media screen{"]
        both = {name: f"light-dark({LIGHT[name]},{DARK[name]})" for name in LIGHT}
        lines += [f"#{prefix} .{name}{{{changes}}}" for name, rule in rules if (changes := _changes(rule, both))]
        lines.append("}")
    return "\n".join(lines)


def _changes(rule: str, colours: dict[str, str]) -> str:
    """The declarations of a rule that have a colour, with these colours."""
    parts = [part for part in rule.split(";") if "{" in part and "{prefix}" not in part]
    return ";".join(parts).format_map(colours)
