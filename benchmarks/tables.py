"""Tables of benchmarks: what each returns and prints, in Markdown; medians with their spread."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Table(NamedTuple):
    """A table of a benchmark: ``about`` states what was run, how often, and what the ratios are of."""

    title: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """The table in Markdown: the first column to the left, numbers to the right."""
        rule = ("---", *["---:"] * (len(self.columns) - 1))
        lines = [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in (self.columns, rule, *self.rows)]
        return "\n".join([f"### {self.title}", "", self.about, "", *lines, ""])


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, and the quartiles around it: ``4.20 (4.11 to 4.39)``; a single value is itself."""
    middle = f"{statistics.median(values):.{digits}f}"
    if len(values) < 2:
        return middle
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle} ({low:.{digits}f} to {high:.{digits}f})"


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Each value divided by that of the base in the same round."""
    return [value / one for value, one in zip(values, base, strict=True)]
