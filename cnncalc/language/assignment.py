"""Values of variables as the option ``--set w=0.5`` writes them: read from a text, and written as one."""

from __future__ import annotations

from cnncalc.errors import DesignError, Problem, ValueProblem
from cnncalc.language.expression import ExpressionParser, evaluate
from cnncalc.language.limits import DECIMAL_CHARACTERS
from cnncalc.language.tokens import Scanner
from cnncalc.layers.keys import DecimalNumber
from cnncalc.source import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fractions import Fraction

    from cnncalc.layers.keys import Value


def variable(name: str, text: str, option: str = "--set") -> Value:
    """The value of a variable from its text: a number, a size, a list or a word, written as in a pattern.

    Raises DesignError with the place in ``text``, which the message shows as the value of ``option``.
    """
    source = plain(f"{option} {name}", text)
    tokens = Scanner(source).tokens()
    if len(tokens) == 2 and tokens[0].type == "word":
        return tokens[0].value
    parser = ExpressionParser(source, tokens)
    code = parser.parse()
    rest = tokens[parser.at]
    if rest.type != "end":
        message = f"expected one value, as in {name}=2, {name}=2x64 or '{name}=[2x64, 3x128]'"
        raise DesignError([Problem("wrong-value", message, source.span(rest.start, len(text)))])
    for word, span in code.names.items():
        raise DesignError([Problem("wrong-value", f"'{word}' has no value here", span)])
    try:
        return evaluate(code, {})
    except ValueProblem as problem:
        raise DesignError([Problem(problem.code, problem.message, code.span, problem.hint)]) from None


def value_text(value: Value) -> str:
    """A value as ``--set`` takes it: ``64``, ``0.5``, ``[[2, 64], [3, 128]]``, ``relu``."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return getattr(value, "text", None) or str(value)


def decimal(value: Fraction) -> Value:
    """A rational number as ``--set`` reads it: an ``int`` if it is whole, else a decimal number with all its digits.

    Raises ValueProblem for a number with infinitely many decimal places, such as 1/3, or with at least
    :data:`DECIMAL_CHARACTERS` of them.
    """
    if value.denominator == 1:
        return value.numerator
    places = next((each for each in range(1, DECIMAL_CHARACTERS) if 10**each % value.denominator == 0), None)
    if places is None:
        raise ValueProblem(f"{value} cannot be written with less than {DECIMAL_CHARACTERS} decimal places")
    digits = f"{abs(value.numerator) * 10**places // value.denominator:0{places + 1}d}"
    return DecimalNumber(f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}")
