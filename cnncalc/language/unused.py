"""Checks the constants in unused defaults and blocks, which the expansion does not evaluate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import Problem, Problems, ValueProblem
from cnncalc.language.plan import Planner
from cnncalc.language.syntax import LayerSyntax, Literal
from cnncalc.layers import KINDS
from cnncalc.layers.keys import Boolean

if TYPE_CHECKING:
    from cnncalc.language.syntax import Design, Operand
    from cnncalc.layers.keys import Reader
    from cnncalc.source import Span


def problems_in_unused(design: Design) -> list[Problem]:
    """The problems of invalid constants in defaults and blocks that nothing uses, of a design without other problems.

    Checks the defaults and, in blocks, the entries of lists; not the patterns in blocks.
    """
    problems = Problems()

    def read(where: str, key: str, reader: Reader, operand: Operand | None, span: Span) -> None:
        if not isinstance(operand, Literal):
            return
        try:
            reader(operand.value)
        except ValueProblem as problem:
            problems.append(Problem(problem.code, f"{where}: {key}: {problem.message}", span, problem.hint))

    for name, keys in design.defaults.items():
        for key, default in keys.items():
            reader = Boolean() if key == "trainable" else KINDS[name].keys[key].reader
            read(f"defaults of {name}", key, reader, default.value, default.span)
    planner = Planner(design.blocks, Problems())
    for block in design.blocks.values():
        for item in block.body:
            unit = item.unit
            if not isinstance(unit, LayerSyntax) or not unit.in_file:
                continue
            plan = planner.plan(unit)
            where = f"block {block.name}: {unit.word}"
            known = plan.kind.keys if plan.kind is not None else {}
            for key, given in plan.given.items():
                if key in known:
                    read(where, key, known[key].reader, given.value, given.span)
            flags = {"trainable": plan.frozen, "training_only": plan.training_only, "transposed": plan.transposed}
            for key, operand in flags.items():
                read(where, key, Boolean(), operand, plan.key_spans.get(key, unit.span))
    return problems
