"""The rule ``unused-ignore``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.checks.findings import Finding
from cnncalc.checks.rules.base import Rule
from cnncalc.errors import MAX_PROBLEMS, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cnncalc.analysis.report import Report
    from cnncalc.graph import Ignore


class UnusedIgnore(Rule):
    """Every entry under `ignore:` should suppress a finding.

    What: an entry under `ignore:` that suppresses nothing: the layer has been renamed, or the problem has been fixed.
    Only rules that ran are considered.

    Why: a stale entry hides the next problem of that kind, and a misspelt one has no effect.

    Example: `ignore: {large-kernel: conv1}` in a file whose conv1 is a 3x3.

    Instead: remove the entry, or write the name as `cnncalc table` prints it.

    Source: the practice of linters, such as ruff's unused-noqa.
    """

    code: ClassVar[str] = "unused-ignore"

    def of(self, report: Report, stale: Iterable[Ignore]) -> Iterator[Finding]:
        """A finding for each entry that suppressed nothing."""
        names = {row.name for row in report.layers}
        blocks = {name[:at] for name in names for at, letter in enumerate(name) if letter == "."}
        known = sorted(names)
        for number, item in enumerate(stale):
            message = f"ignore: {item.code} finds nothing"
            if item.layer is not None:
                exists = item.layer in names or item.layer in blocks
                near = did_you_mean(item.layer, known) if number < MAX_PROBLEMS else ""
                missing = f"there is no layer '{item.layer}'{near}"
                message = f"{message} at {item.layer}" if exists else f"ignore: {missing}"
            yield Finding(self.code, "warning", message, "", report.name, item.span)
