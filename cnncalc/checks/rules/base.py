"""Base class of design rules, and helpers that several of them use."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from cnncalc.analysis.rewriting import rewritten
from cnncalc.checks.findings import Advice, Finding
from cnncalc.layers.convolution import Convolution
from cnncalc.layers.pooling import AdaptivePooling, Pooling
from cnncalc.records import NamedTuple
from cnncalc.units import listed, plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.figures.measure import Share
    from cnncalc.layers.base import Layer
    from cnncalc.volume import Volume


MAX_WORK = 20_000
"""Maximum number of layers that one rule recomputes; each advice recomputes the whole net."""


class Site(NamedTuple):
    """A layer at which a rule finds something, and facts that the rule needs to describe it."""

    row: LayerReport
    facts: tuple[Any, ...] = ()


class Rule:
    """A design rule. The docstring of each rule is its documentation: what, why, example, instead, source.

    ``code`` is the word by which it is selected, ignored and explained. ``sites`` yields the layers that break it.
    ``finding`` describes all sites from one position in the text: ``[CONV7-64 -> RELU]*20`` is one thing to change.
    """

    code: ClassVar[str] = ""

    def sites(self, report: Report) -> Iterable[Site]:
        """The layers at which the rule finds something; none for a rule about the file."""
        return ()

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        """The finding about sites from one position in the text, with the computed effect of the fix."""
        raise NotImplementedError

    def findings(self, report: Report, sites: Iterable[Site]) -> Iterator[Finding]:
        """One finding for each position in the text; beyond MAX_WORK the last finding names all further sites."""
        places: dict[tuple[object, ...], list[Site]] = {}
        max_places = max(1, MAX_WORK // len(report.layers))
        for site in sites:
            span = site.row.span
            place: tuple[object, ...] = (site.row.index,) if span is None else (id(span.source), span.start, span.end)
            if place not in places and len(places) >= max_places:
                place = next(reversed(places))
            places.setdefault(place, []).append(site)
        for together in places.values():
            yield self.finding(report, together)

    def found(
        self,
        report: Report,
        sites: Sequence[Site],
        message: str,
        key: str | None = None,
        *,
        what: str = "",
        changed: Report | int | None = None,
        shares: tuple[Share, ...] = (),
    ) -> Finding:
        """A finding at the first of the sites; the message names the others.

        ``key`` is the quantity that the advice changes, ``what`` the advice, ``changed`` the net that follows it, or
        its quantity (None: there is no advice).
        """
        row = sites[0].row
        actual = None if key is None else self.value(report, key)
        advice = None
        if key is not None and changed is not None:
            advice = Advice(what, changed if isinstance(changed, int) else self.value(changed, key))
        return Finding(
            self.code,
            "warning",
            f"{row.name}: {message}{others(sites)}",
            "",
            report.name,
            row.span,
            row.name,
            key,
            actual=actual,
            shares=shares,
            advice=advice,
        )

    def value(self, report: Report, key: str) -> int:
        """A quantity of the net: a total of the report, ``unread`` (elements) or ``all_layers`` (their number)."""
        if key == "unread":
            return unread(report)
        return len(report.layers) if key == "all_layers" else int(getattr(report.totals, key))


def others(sites: Sequence[Site]) -> str:
    """`` (likewise conv2, conv3 and 4 more)``"""
    names = [site.row.name for site in sites[1:]]
    if not names:
        return ""
    if len(names) > 4:
        return f" (likewise {', '.join(names[:3])} and {len(names) - 3} more)"
    return f" (likewise {listed(names)})"


# Helpers


def passes_all(row: LayerReport) -> bool:
    """Whether the output has all elements of the input, unchanged, at test time."""
    return row.layer.is_view_at_test_time and row.output.elements == row.input_volumes[0].elements


def resizes(row: LayerReport) -> bool:
    """Whether a layer changes a side on purpose: by a stride, by upsampling, or by seeing the whole plane.

    A window without padding also shrinks the plane, but is not counted.
    """
    if not row.sources or row.output.sides == row.input_volumes[0].sides:
        return False
    stencils = row.layer.stencils(*row.input_volumes)
    rules = [stencil and stencil.nominal for stencil in stencils or (None,)]
    return any(rule is None or rule.step not in (0, rule.parts) for rule in rules)


def left_over(layer: Layer, x: Volume) -> tuple[int, ...]:
    """How many rows, columns and so on at the far end of each side of the input no window reaches.

    Padding is not counted, nor the gap between two windows where the stride is larger than the window.
    """
    if not isinstance(layer, (Convolution, Pooling)) or (isinstance(layer, AdaptivePooling) and layer.adaptive):
        return (0,) * len(x.sides)
    windows = layer.windows(x)
    left = []
    for side, size in enumerate(x.sides):
        stride, window = windows.stride[side], windows.kernel[side]
        reached = (windows.steps[side] - 1) * stride + window - windows.pads[side][0]
        left.append(max(0, size - reached - max(0, stride - window)))
    return tuple(left)


def with_changes(report: Report, changes: Mapping[int, Sequence[Layer]]) -> Report | None:
    """The net with some layers replaced, with its volumes and counts alone; None if that is not a valid net."""
    return rewritten(report, changes, brief=True)


def unread(report: Report) -> int:
    """The number of elements in rows and columns that no window reaches, over all volumes of the net."""
    total = 0
    for row in report.layers:
        if row.sources:
            x = row.input_volumes[0]
            read = [size - left for size, left in zip(x.sides, left_over(row.layer, x), strict=True)]
            total += (x.positions - prod(read)) * x.depth
    return total


LINES = {"length": "position", "frames": "frame", "height": "row", "width": "column"}
"""What one element along a side is called."""


def lines_left(left: tuple[int, ...], x: Volume) -> str:
    """``1 row and 1 column``"""
    return listed([plural(n, LINES[name]) for n, name in zip(left, x.names, strict=True) if n])
