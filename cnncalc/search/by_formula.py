"""A sweep by formulas: formulas find the best points of a product of ranges, and only these are analysed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import ValueProblem
from cnncalc.search.executors import worker_pool
from cnncalc.search.points import Product
from cnncalc.search.ranges import point_text
from cnncalc.search.survey import Aim, Surveyor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from cnncalc.search.family import Family
    from cnncalc.search.survey import Survey
    from cnncalc.search.sweep import Objective, Plan, Summary

MOST_ROUNDS = 5
"""How often the survey is repeated without the best points that turned out to be invalid designs."""


def sweep_by_formula(
    plan: Plan, family: Family, summary: Summary, executor: str | Executor = "serial", folder: str = ""
) -> None:
    """Fills the summary of a sweep: the counts by formulas, and the records of the best points by analysing them.

    ``executor`` and ``folder`` as for :func:`~cnncalc.search.executors.worker_pool`. Raises ValueProblem where a figure
    is not a polynomial of the names that vary, or where an analysed design has other figures than its formulas.
    """
    source = plan.points.source
    if not isinstance(source, Product) or source.sample is not None:
        raise ValueProblem("--by-formula needs --vary, and takes neither --from nor --sample", code="usage")
    objectives = summary.objectives or (() if summary.sort is None else (summary.sort,))
    needed = _needed(plan, objectives)
    surveyor = Surveyor(family, source.ranges, [plan.work.wanted[place] for place in needed])
    aims = [_aim(plan, objective, needed) for objective in objectives]
    for aim in aims:
        if aim.is_name and surveyor.axes[aim.place].numbers is None:
            name = surveyor.axes[aim.place].name
            raise ValueProblem(f"'{name}' has values that are not numbers, so they have no order", code="wrong-value")
    excluded: set[int] = set()
    for _ in range(MOST_ROUNDS):
        survey = surveyor.survey(
            [(needed.index(place), bound) for place, bound in zip(plan.places, plan.bounds, strict=True)],
            aims,
            top=None if summary.objectives else summary.first.most,
            conditions=plan.points.conditions.parts,
            excluded=frozenset(excluded),
        )
        invalid = _fill(plan, summary, survey, needed, executor, folder)
        if not invalid:
            break
        excluded |= invalid
    else:
        message = f"{len(excluded):,} of the best points are invalid designs, which formulas cannot detect"
        raise ValueProblem(message, code="no-polynomial", hint="leave out --by-formula to compute every design")
    summary.counts = {
        "ok": survey.within,
        "over": survey.points - survey.within - survey.broken,
        "broken": survey.broken + len(excluded),
    }
    summary.nearest = survey.nearest
    summary.survey = survey
    plan.points.excluded = surveyor.points - survey.points - len(excluded)


def _needed(plan: Plan, objectives: Sequence[Objective]) -> list[int]:
    """The places of the keys that choose points: those of limits and objectives. Other keys need no formula."""
    places = {*plan.places, *[plan.keys.index(each.key) for each in objectives if each.key in plan.keys]}
    return sorted(places) or [0]


def _aim(plan: Plan, objective: Objective, needed: Sequence[int]) -> Aim:
    if objective.key in plan.keys:
        return Aim(needed.index(plan.keys.index(objective.key)), False, objective.is_max)
    return Aim(plan.points.names.index(objective.key), True, objective.is_max)


def _fill(
    plan: Plan, summary: Summary, survey: Survey, needed: Sequence[int], executor: str | Executor, folder: str
) -> set[int]:
    """Analyses the designs of all survivors and keeps their records; if some are invalid, only returns their places."""
    records, invalid = [], set()
    with worker_pool(plan.work, executor, folder) as workers:
        outcomes = workers.outcomes(iter([each.point for each in survey.survivors]))
        for survivor, (point, outcome) in zip(survey.survivors, outcomes, strict=True):
            if outcome.figures is None:
                invalid.add(survivor.place)
            elif tuple([outcome.figures[place] for place in needed]) != survivor.figures:
                message = f"the figures of the design with {point_text(point)} differ from those of the formulas"
                hint = "leave out --by-formula to compute every design"
                raise ValueProblem(message, code="no-polynomial", hint=hint)
            records.append(plan.record(point, outcome))
    if not invalid:
        for record in records:
            summary.keep(record)
            if summary.keeps_drawn:
                summary.drawn.add(record)
    return invalid
