"""Who computes the outcomes of a search's points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import ValueProblem
from cnncalc.search.work import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cnncalc.search.family import Point
    from cnncalc.search.work import Outcome, Work


def outcomes(work: Work, points: Iterable[Point], executor: str) -> Iterator[tuple[Point, Outcome]]:
    """Each point with its outcome, in the order of the points, of which only a bounded number is taken ahead.

    ``executor`` names who computes them: ``serial``. Raises ValueProblem for another one, DesignError if the target
    cannot be read.
    """
    if executor != "serial":
        raise ValueProblem(f"no executor '{executor[:60]}' (known: serial)", code="unknown-executor")
    for point in points:
        yield point, evaluate(work, [point])[0]
