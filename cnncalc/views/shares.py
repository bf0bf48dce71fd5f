"""Sentences about the parts of a net with the most activations, parameters and multiply-adds."""

from __future__ import annotations

from cnncalc.layers.linear import FullyConnected
from cnncalc.layers.pooling import Pooling
from cnncalc.units import percent, plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report

EARLY_POOLS = 2
"""The number of blocks that count as early; each ends at a pool."""


def sentences(report: Report) -> list[str]:
    """The shares of early layers, of the largest layers, and of convolutions and FC layers."""
    return [line for line in (early_activations(report), largest(report), most_macs(report)) if line]


def early_activations(report: Report) -> str | None:
    """The share of activations and multiply-adds of the first two blocks; None if these are the whole net.

    A block ends at a pool that no branch bypasses. With fewer than two such pools it is the share of the first layers
    that together hold at least half of the activations. The totals include the input, the layers do not.
    """
    rows = [row for row in report.layers if not row.layer.is_input]
    whole = report.totals.activations
    if not rows or not whole:
        return None
    what, early = _early(report, rows, whole)
    if not early:
        return None
    activations = sum([row.activations for row in early if not row.in_place])
    text = f"{what} ({_stretch(early)}): {percent(activations, whole)} of the activations"
    if report.totals.macs:
        macs = sum([row.macs for row in early])
        text += f", {percent(macs, report.totals.macs)} of the MACs"
    return text


def _early(report: Report, rows: list[LayerReport], whole: int) -> tuple[str, list[LayerReport]]:
    """A description of the early layers, and the layers; none if all layers are early."""
    pools = [row.index for row in _main_line(report) if isinstance(row.layer, Pooling) and _shrinks(row)]
    if len(pools) >= EARLY_POOLS:
        return "the first two blocks", [row for row in rows if row.index <= pools[EARLY_POOLS - 1]]
    early = _first_half(rows, whole)
    what = f"the first {plural(len(early), 'layer')} of {len(rows):,}" if len(early) > 1 else "the first layer"
    return what, early if len(early) < len(rows) else []


def largest(report: Report) -> str | None:
    """The layers with the most activations, parameters and MACs, each with its share; of equal layers the first."""
    rows = report.layers
    counts = (
        ("activations", [0 if row.in_place else row.activations for row in rows], report.totals.activations),
        ("parameters", [row.parameters for row in rows], report.totals.parameters),
        ("MACs", [row.macs for row in rows], report.totals.macs),
    )
    parts = []
    for what, sizes, whole in counts:
        most = max(sizes)
        if whole and len(rows) > 2:
            others = sizes.count(most) - 1
            alike = f" (and in {others:,} more)" if others else ""
            parts.append(f"{percent(most, whole)} of the {what} in {rows[sizes.index(most)].name}{alike}")
    return "most in one layer: " + ", ".join(parts) if parts else None


def most_macs(report: Report) -> str | None:
    """The share of multiply-adds of convolutions and of fully-connected layers."""
    whole = report.totals.macs
    if not whole:
        return None
    dense = sum([row.macs for row in report.layers if isinstance(row.layer, FullyConnected)])
    parts = []
    if dense < whole:
        parts.append(f"the convolutions: {percent(whole - dense, whole)} of the MACs")
    if dense:
        parts.append(f"the FC layers: {percent(dense, whole)}{'' if parts else ' of the MACs'}")
    return ", ".join(parts)


def _main_line(report: Report) -> list[LayerReport]:
    """The layers that no branch bypasses: no layer after them reads an output from before them."""
    last_read = list(range(len(report.layers)))
    for row in report.layers:
        for source in row.sources:
            last_read[source] = row.index
    furthest = 0
    result = []
    for row in report.layers:
        if furthest <= row.index:
            result.append(row)
        furthest = max(furthest, last_read[row.index])
    return result


def _shrinks(row: LayerReport) -> bool:
    (before,) = row.input_volumes
    return row.output.positions < before.positions


def _first_half(rows: list[LayerReport], whole: int) -> list[LayerReport]:
    early = []
    held = 0
    for row in rows:
        early.append(row)
        held += 0 if row.in_place else row.activations
        if 2 * held >= whole:
            break
    return early


def _stretch(rows: list[LayerReport]) -> str:
    return rows[0].name if len(rows) == 1 else f"{rows[0].name} to {rows[-1].name}"
