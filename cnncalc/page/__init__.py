"""The report of one net, or of two, as a self-contained HTML page: no network, no other file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.formats.notation import Notation
from cnncalc.page.checks import checks_section
from cnncalc.page.comparison import comparison_summary, differences_section
from cnncalc.page.conventions import assumptions_section, conventions_section, design_section
from cnncalc.page.figures import Gallery, drawings_section, pairs_section
from cnncalc.page.layers import layer_table, table_tools
from cnncalc.page.markup import section
from cnncalc.page.memory import STOPS, memory_data, memory_section
from cnncalc.page.summary import summary_section
from cnncalc.page.template import heading, whole_page
from cnncalc.views.difference import difference_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.difference import Difference
    from cnncalc.checks.check import FileResult
    from cnncalc.memory.curve import Curve
    from cnncalc.memory.report import MemoryReport

DRAWN = ("cost", "volumes", "training", "inference", "graph")
"""The drawings of the page of one net."""
COMPARED = ("cost", "volumes")
"""The drawings of the page of two nets."""

FOLDED = 60
"""The blocks of a table with more layers are collapsed at first."""


def report_page(
    memory: MemoryReport, curve: Curve, outcome: FileResult, texts: Sequence[tuple[str, str]], *, units: str = "iec"
) -> str:
    """The page of one net. ``memory`` is made with logs; ``texts`` are the design itself, with titles."""
    report = memory.report
    gallery = Gallery(units)
    parts = [
        ("summary", "Summary", summary_section(memory, outcome, units)),
        ("drawings", "Drawings", drawings_section(gallery, memory, DRAWN)),
        ("table", "Layers", section("table", "Layers", table_tools(), layer_table(report, units))),
        ("memory", "Memory", memory_section([memory], [curve], units)),
        ("checks", "Budgets", checks_section([outcome], [report.name], units)),
        ("conventions", "Conventions", conventions_section(memory, units)),
        ("assumptions", "Assumptions", assumptions_section([memory], units)),
        ("design", "Design", design_section(texts)),
    ]
    lines = [line for line in (report.full_title, f"Source: {report.source}" if report.source else None) if line]
    return whole_page(
        f"{report.name}: cost",
        heading([report.name], lines),
        [(key, label) for key, label, _ in parts],
        [html for _, _, html in parts],
        _data([memory], [curve], units),
        gallery.styles,
    )


def comparison_page(
    found: Difference,
    names: tuple[str, str],
    memories: tuple[MemoryReport, MemoryReport],
    curves: tuple[Curve, Curve],
    outcomes: tuple[FileResult, FileResult],
    texts: Sequence[tuple[str, str]],
    *,
    units: str = "iec",
) -> str:
    """The page that compares the second net with the first."""
    renamed = [memory._replace(architecture=name) for memory, name in zip(memories, names, strict=True)]
    document = difference_document(found, names, memories[0].options, notation=Notation(units))
    gallery = Gallery(units)
    parts = [
        ("summary", "Summary", comparison_summary(found, document, names, units)),
        ("drawings", "Drawings", pairs_section(gallery, renamed, COMPARED)),
        ("table", "Stages" if found.shares_little else "Layers", differences_section(found, document, names)),
        ("memory", "Memory", memory_section(renamed, curves, units)),
        ("checks", "Budgets", checks_section(outcomes, names, units)),
        ("conventions", "Conventions", conventions_section(renamed[0], units)),
        ("assumptions", "Assumptions", assumptions_section(renamed, units)),
        ("design", "Designs", design_section(texts)),
    ]
    return whole_page(
        f"{names[0]} and {names[1]} compared",
        heading(names, []),
        [(key, label) for key, label, _ in parts],
        [html for _, _, html in parts],
        _data(renamed, curves, units),
        gallery.styles,
    )


def _data(memories: Sequence[MemoryReport], curves: Sequence[Curve], units: str) -> dict[str, Any]:
    """The data that the script of the page reads."""
    options = memories[0].options
    return {
        "units": units,
        "batch": options.batch,
        "stops": STOPS,
        "fold": FOLDED,
        "nets": [memory_data(memory, curve) for memory, curve in zip(memories, curves, strict=True)],
    }
