"""Counts the size of an expansion before expanding, so that a short text cannot take all memory."""

from __future__ import annotations

from cnncalc.errors import DesignError, Problem
from cnncalc.language.limits import EXPANSION, NESTING
from cnncalc.language.syntax import GroupSyntax
from cnncalc.language.values import holds, iterations_of, names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cnncalc.language.plan import Planner
    from cnncalc.language.syntax import Item, LayerSyntax
    from cnncalc.language.values import Environment, Variables
    from cnncalc.source import Span


class ExpansionCounter:
    """Counts the layers, calls and iterations to which a design expands.

    ``keeps``: items with a bare '?' are counted. Invalid items count 0 or 1; ``invalid`` has their problems, which the
    expansion reports too. The error for an expansion that is too large includes ``problems``, those found before.
    """

    def __init__(self, planner: Planner, variables: Variables, problems: list[Problem], *, keeps: bool) -> None:
        self.planner = planner
        self.variables = variables
        self.problems = problems
        self.keeps = keeps
        self.counted: dict[tuple[str, str], int] = {}
        self.used_names: dict[int, frozenset[str]] = {}
        self.invalid: dict[tuple[str, Span | None], Problem] = {}  # by message and place

    def count(self, items: Iterable[Item]) -> int:
        """The count of a chain; raises DesignError if it is above the limit."""
        return self._count(items, self.variables.outside, 0)

    def _count(self, items: Iterable[Item], environment: Environment, depth: int) -> int:
        total = 0
        for item in items:
            total += self._count_item(item, environment, depth)
            if total > EXPANSION:
                raise self._too_large(total, item.unit.span)
        return total

    def _count_item(self, item: Item, environment: Environment, depth: int) -> int:
        span = item.suffix_span or item.unit.span
        if item.optional:
            if item.condition is None:
                return self._count_unit(item.unit, environment, depth) if self.keeps else 0
            try:
                if not holds(item.condition, environment):
                    return 0
            except DesignError as error:
                return self._invalid(error, 0)
            return self._count_unit(item.unit, environment, depth)
        if item.times is None:
            return self._count_unit(item.unit, environment, depth)
        try:
            iterations = iterations_of(item, environment)
        except DesignError as error:
            return self._invalid(error, 0)
        if not iterations:
            return 0
        if not (self._names_used(item.unit) & set(item.names)):
            return self._bounded(iterations.count * (1 + self._count_unit(item.unit, environment, depth)), span)
        total = 0
        for values in iterations:
            total += 1 + self._count_unit(item.unit, environment.bound(**values), depth)
            if total > EXPANSION:
                raise self._too_large(max(total, iterations.count), span)
        return total

    def _count_unit(self, unit: LayerSyntax | GroupSyntax, environment: Environment, depth: int) -> int:
        if depth > NESTING:
            raise self._refusal(f"groups and calls nest at most {NESTING} deep", unit.span)
        if isinstance(unit, GroupSyntax):
            return sum(self._count(branch, environment, depth + 1) for branch in unit.branches)
        plan = self.planner.plan(unit)
        if plan.block is None or plan.is_broken:
            return 1
        try:
            values = self.variables.bind(plan, plan.block, environment, None)
        except DesignError as error:
            return self._invalid(error, 1)
        known = (plan.block.name, repr([values[p.name] for p in plan.block.parameters]))
        if known not in self.counted:
            inside = self.variables.inside(values, None)
            self.counted[known] = 1 + self._count(plan.block.body, inside, depth + 1)
        return self.counted[known]

    def _invalid(self, error: DesignError, count: int) -> int:
        """Notes the problems of an invalid item, which counts ``count``."""
        for problem in error.every:
            self.invalid.setdefault((problem.message, problem.span), problem)
        return count

    def _names_used(self, unit: LayerSyntax | GroupSyntax) -> frozenset[str]:
        """The names that a unit uses in counts, conditions and arguments of calls, on which its count may depend."""
        known = self.used_names.get(id(unit))
        if known is None:
            used: set[str] = set()
            self._collect(unit, used)
            known = self.used_names[id(unit)] = frozenset(used)
        return known

    def _collect(self, unit: LayerSyntax | GroupSyntax, used: set[str]) -> None:
        if isinstance(unit, GroupSyntax):
            for branch in unit.branches:
                for item in branch:
                    for operand in (item.times, item.condition):
                        if operand is not None:
                            used |= names_of(operand)
                    self._collect(item.unit, used)
            return
        plan = self.planner.plan(unit)
        if plan.block is not None:
            for given in plan.given.values():
                used |= names_of(given.value)

    def _bounded(self, count: int, span: Span | None) -> int:
        if count > EXPANSION:
            raise self._too_large(count, span)
        return count

    def _too_large(self, count: int, span: Span | None) -> DesignError:
        shown = f"{count:,}" if count < 10**30 else f"a number of {len(str(count))} digits"
        return self._refusal(
            f"a net expands to at most {EXPANSION:,} layers, calls and iterations, but this gives {shown}", span
        )

    def _refusal(self, message: str, span: Span | None) -> DesignError:
        return DesignError([*self.problems, *self.planner.problems, Problem("limit", message, span)])
