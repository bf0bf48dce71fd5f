"""Values of names as a call writes them, ``--set w=0.5``, and the texts of values."""

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
    """A value of ``--set``, written as in a pattern: a number, a size, a list or a word.

    Raises DesignError with the place in the text, which is that of ``option``.
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
    """A number as ``--set`` reads it: an ``int``, or the decimal number with its digits.

    Raises ValueProblem for a number without an end, such as 1/3, or with more than DECIMAL_CHARACTERS places.
    """
    if value.denominator == 1:
        return value.numerator
    places = next((each for each in range(1, DECIMAL_CHARACTERS) if 10**each % value.denominator == 0), None)
    if places is None:
        raise ValueProblem(f"{value} has no decimal form of less than {DECIMAL_CHARACTERS} places")
    digits = f"{abs(value.numerator) * 10**places // value.denominator:0{places + 1}d}"
    return DecimalNumber(f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}")
