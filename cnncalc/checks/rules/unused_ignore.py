"""The rule ``unused-ignore``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.checks.findings import Finding
from cnncalc.checks.rules.base import (
    Rule,
    Site,
)
from cnncalc.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.checks.rules.base import Site
    from cnncalc.graph import Ignore


class UnusedIgnore(Rule):
    """What a file ignores should be there.

    What: an entry under `ignore:` for which its rule has nothing to say: the layer has another name by now, or the
    fault has been cured. Only rules that ran are looked at.

    Why: a stale entry hides the next fault of that kind, and a misspelt one hides nothing.

    Example: `ignore: {large-kernel: conv1}` in a file whose conv1 is a 3x3.

    Instead: take the entry out, or write the name as `cnncalc table` has it.

    Source: the practice of linters, such as ruff's unused-noqa.
    """

    code: ClassVar[str] = "unused-ignore"

    def sites(self, report: Report) -> Iterable[Site]:
        return ()

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        raise NotImplementedError

    def of(self, report: Report, stale: Iterable[Ignore]) -> Iterator[Finding]:
        """A finding for each entry that was not needed."""
        names = {row.name for row in report.layers}
        for item in stale:
            message = f"ignore: {item.code} has nothing to say"
            if item.layer is not None:
                is_there = item.layer in names or any(name.startswith(f"{item.layer}.") for name in names)
                missing = f"there is no layer '{item.layer}'{did_you_mean(item.layer, sorted(names))}"
                message = f"{message} about {item.layer}" if is_there else f"ignore: {missing}"
            yield Finding(self.code, "warning", message, "", report.name, item.span)
