"""Conditions on the names of a family, in the language's expressions: ``--where "width <= 4*depth_mult"``.

They are evaluated on the values of a point, before its design is read.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cnncalc.errors import DesignError, Problem, ValueProblem, did_you_mean
from cnncalc.language.expression import ExpressionParser, condition, evaluate
from cnncalc.language.tokens import Scanner
from cnncalc.layers.keys import BOOLEAN_WORDS
from cnncalc.search.ranges import INPUT, point_text
from cnncalc.source import plain
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cnncalc.language.expression import Code
    from cnncalc.layers.keys import Value

OPTION = "--where"


class Conditions:
    """Conditions, each an expression; a point must fulfil all of them.

    ``names`` are the names that vary, ``words`` the words among their values, ``values`` the names that do not vary
    with their values. If ``input`` varies, conditions name its sides (``sides``) and ``depth`` instead of ``input``.
    Raises DesignError for a text that is not an expression, and for a name without a value.
    """

    def __init__(
        self,
        texts: Sequence[str],
        names: Sequence[str],
        words: Iterable[str] = (),
        values: Mapping[str, Value] | None = None,
        sides: Sequence[str] = (),
    ) -> None:
        self.texts = tuple(texts)
        self._values = dict(values or {})
        self._has_sides = INPUT in names
        known = {*names, *self._values}
        if self._has_sides:
            known = {*(known - {INPUT}), *sides, "depth"}
        self._names = set(names)
        self._vary = {*names, *(() if not self._has_sides else (*sides, "depth"))}
        self._codes = [_read(text, known, set(words)) for text in texts]

    def hold(self, point: Mapping[str, Value]) -> bool:
        """Whether a point fulfils all conditions; raises DesignError for one without a value (1/0)."""
        return all(self._holds(code, point) for code in self._codes)

    @property
    def parts(self) -> Sequence[tuple[tuple[str, ...], Callable[[Mapping[str, Value]], bool]]]:
        """For each condition the names that vary in it, and a function that tells whether a point fulfils it."""
        found = []
        for code in self._codes:
            used = dict.fromkeys([name if name in self._names else INPUT for name in code.names if name in self._vary])
            found.append((tuple(used), partial(self._holds, code)))
        return found

    def _holds(self, code: Code, point: Mapping[str, Value]) -> bool:
        values = {**self._values, **point}
        volume = values.pop(INPUT, None) if self._has_sides else None
        if isinstance(volume, Volume):
            values = {**dict(zip((*volume.names, "depth"), volume, strict=True)), **values}
        try:
            return condition(evaluate(code, values))
        except ValueProblem as problem:
            message = f"{problem.message} (at {point_text(point)})"
            raise DesignError([Problem(problem.code, message, code.span, problem.hint)]) from None


def _read(text: str, known: set[str], words: set[str]) -> Code:
    """The code of a condition; raises DesignError for a text that is not an expression, and for unknown names."""
    source = plain(OPTION, text)
    if not text.strip():
        message = "a condition is an expression, found nothing"
        raise DesignError([Problem("expression-syntax", message, source.span(0, 1), f'{OPTION} "n <= 4"')])
    tokens = Scanner(source).tokens()
    parser = ExpressionParser(source, tokens)
    code = parser.parse()
    rest = tokens[parser.at]
    if rest.type != "end":
        hint = "'==' compares" if rest.type == "=" else None
        message = f"expected an operator or the end of the condition, found '{rest.value}'"
        raise DesignError([Problem("expression-syntax", message, source.span(rest.start, rest.end), hint)])
    lower = {*BOOLEAN_WORDS, *(word.lower() for word in words)}
    problems = []
    for name, span in code.names.items():
        if name in known or name.lower() in lower:
            continue
        near = did_you_mean(name, {*known, *words})
        listed = f" (names: {', '.join(sorted(known))})" if not near else ""
        problems.append(Problem("unknown-variable", f"'{name[:60]}' has no value here{near}{listed}", span))
    if problems:
        raise DesignError(problems)
    return code
