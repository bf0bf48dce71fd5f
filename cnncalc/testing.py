"""Budgets in tests: ``assert_within_budget("nets/mine.yaml", parameters="5M")``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from cnncalc.arguments import target_of
from cnncalc.checks.check import Checker, CheckOptions
from cnncalc.errors import DesignError, ValueProblem
from cnncalc.figures.budget import from_python, read_budget
from cnncalc.formats.check.plain import write

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["assert_within_budget"]


def assert_within_budget(
    target: str | os.PathLike[str],
    *,
    base: str | None = None,
    baseline: str | os.PathLike[str] | None = None,
    variables: Mapping[str, Any] | None = None,
    strict: bool = False,
    **budget: Any,
) -> None:
    """Raises AssertionError with all findings if a design exceeds its budget.

    ``target`` is a path, the name of a net or a pattern. ``budget`` holds limits as a file does:
    ``parameters="5M"``, ``training_memory={"max": "8GiB", "batch": 64}``, ``receptive_field={"min": 200}``. For each
    key they override those of the file. Limits such as ``"+5%"`` are relative to ``base`` (a git revision) or
    ``baseline`` (a recorded file). With ``strict`` warnings fail too.

    Raises AssertionError if a limit is exceeded or there is none, DesignError if the design or the budget is invalid.
    """
    from cnncalc.language.settings import Settings

    if base is not None and baseline is not None:
        raise ValueProblem("base and baseline exclude each other", code="usage")
    options = CheckOptions(
        budget=read_budget(from_python(budget)) if budget else {},
        base=base,
        baseline=None if baseline is None else os.fspath(baseline),
        rules=False,
        strict=strict,
    )
    result = Checker(options, Settings(variables=dict(variables or {}))).check([target_of(target)])
    (outcome,) = result.files or (None,)
    if outcome is not None and outcome.is_broken:
        raise DesignError(outcome.problems)
    if outcome is None or not outcome.has_budget:
        raise AssertionError(f"{os.fspath(target)} has no budget, so no limit was checked")
    if result.code:
        raise AssertionError(f"{outcome.file} is not within its budget\n\n{write(result)}")
