"""Loads a TARGET, and checks its budget and the names of the design rules that it ignores."""

from __future__ import annotations

from cnncalc.analysis import loading
from cnncalc.errors import DesignError, Problem, Problems, in_text_order
from cnncalc.language.settings import DEFAULT_SETTINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cnncalc.graph import Graph, Ignore
    from cnncalc.language.settings import Settings


def load(target: str, settings: Settings = DEFAULT_SETTINGS, stdin: str | None = None, folder: str = "") -> Graph:
    """As :func:`cnncalc.analysis.loading.load`; also raises DesignError for an invalid budget or an unknown rule.

    All problems are reported together, with those of the volumes.
    """
    try:
        graph = loading.load(target, settings, stdin, folder)
    except DesignError as error:
        found = _problems(error.partial)
        if not found:
            raise
        raise DesignError(in_text_order([*error.every, *found]), error.partial) from None
    found = _problems(graph)
    if found:
        from cnncalc.analysis.volumes import with_volume_problems

        raise with_volume_problems(DesignError(in_text_order(found), graph))
    return graph


def _problems(graph: Graph | None) -> list[Problem]:
    """The problems of the budget and of the ignored rules of a graph."""
    if graph is None:
        return []
    problems = _unknown_rules(graph.ignore) if graph.ignore else []
    if graph.budget is not None:
        from cnncalc.checks.family import check_ranges
        from cnncalc.figures.budget import read_budget

        try:
            check_ranges(read_budget(graph.budget))
        except DesignError as error:
            problems += error.every
    return problems


def _unknown_rules(ignored: tuple[Ignore, ...]) -> list[Problem]:
    """A problem for each ignored rule that does not exist."""
    from cnncalc.checks.rules import RULES

    problems = Problems()
    for span, code in {item.code_span: item.code for item in ignored if item.code not in RULES}.items():
        problems.append(Problem("unknown-rule", f"ignore: no design rule '{code}'{problems.near(code, RULES)}", span))
    return problems
