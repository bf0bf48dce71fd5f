"""Expressions in braces, compiled to steps of a stack machine, so that a long one cannot exhaust the stack.

expression = integers, SIZEs (2x64 is the list [2, 64]), names, lists, x[i], + - * // % **, comparisons,
and or not, a if c else b, min(..), max(..), parentheses
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem, ValueProblem
from cnncalc.language.limits import EXPRESSION_DIGITS, NESTING
from cnncalc.layers.keys import BOOLEAN_WORDS, Value, is_whole, shown, truth
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cnncalc.language.tokens import Token
    from cnncalc.source import Span, Text
    from cnncalc.volume import Volume

VOLUME_NAMES = ("depth", "height", "width")
"""Names of the sides of the input volume of a block."""

OPERATOR_WORDS = ("and", "or", "not", "if", "else")
FUNCTIONS = ("min", "max")
RESERVED = (*VOLUME_NAMES, *OPERATOR_WORDS, *FUNCTIONS, "as", *BOOLEAN_WORDS)
"""Words that cannot be names of variables."""

_TOO_LARGE = 10**EXPRESSION_DIGITS
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_LEFT = {"or": 2, "and": 3, "+": 6, "-": 6, "*": 7, "//": 7, "%": 7}
_COMPARE, _NOT, _SIGN, _POWER = 5, 4, 8, 9
_PREFIXES: Mapping[str, tuple[int, tuple[tuple[str], ...]]] = {
    "-": (_SIGN, (("negate",),)),
    "+": (_SIGN, ()),
    "not": (_NOT, (("not",),)),
}
"""Precedence and step of each prefix operator."""
_JUMPS = ("and", "or", "unless", "jump")
"""The steps that may skip others."""


class Code(NamedTuple):
    """A compiled expression: the steps of the stack machine, and the places of the names it uses."""

    steps: tuple[tuple[Any, ...], ...]
    names: Mapping[str, Span]
    span: Span


class Deferred:
    """A value that depends on the volumes at ``entries``, which are ports of the expansion.

    ``resolve`` computes it from these volumes; it raises ValueProblem if it cannot.
    """

    __slots__ = ("entries", "resolve")

    def __init__(self, entries: Iterable[Any], resolve: Callable[[Mapping[Any, Volume]], Value]) -> None:
        self.entries = tuple(dict.fromkeys(entries))
        self.resolve = resolve


def deferred_side(name: str, entry: Any) -> Deferred:
    """The depth, height or width of the volume at a port."""
    return Deferred((entry,), lambda volumes: getattr(volumes[entry], name))


def deferred_code(code: Code, values: Mapping[str, Value]) -> Deferred:
    """An expression with deferred values."""

    def resolve(volumes: Mapping[Any, Volume]) -> Value:
        return evaluate(code, {name: resolved(value, volumes) for name, value in values.items()})

    return Deferred(entries_of(values.values()), resolve)


def deferred_list(items: list[Value]) -> Deferred:
    """A list with deferred elements."""
    return Deferred(entries_of(items), lambda volumes: [resolved(item, volumes) for item in items])


def entries_of(values: Iterable[Value]) -> list[Any]:
    """The ports whose volumes the values depend on."""
    return [entry for value in values if isinstance(value, Deferred) for entry in value.entries]


def resolved(value: Value, volumes: Mapping[Any, Volume]) -> Value:
    """The value, resolved if it was deferred."""
    return value.resolve(volumes) if isinstance(value, Deferred) else value


class ExpressionParser:
    """Reads one expression from tokens, starting at ``at``, and advances ``at`` past it."""

    def __init__(self, text: Text, tokens: Sequence[Token], at: int = 0) -> None:
        self.text = text
        self.tokens = tokens
        self.at = at
        self.names: dict[str, Span] = {}
        self._depth = 0

    def parse(self) -> Code:
        """expression, up to the first token that cannot be part of it"""
        start = self.tokens[self.at].start
        steps = self._expression(1)
        end = self.tokens[self.at - 1].end
        return Code(tuple(steps), self.names, self.text.span(start, end))

    def parse_operand(self) -> Code:
        """operand, without operators after it"""
        start = self.tokens[self.at].start
        steps = self._operand()
        return Code(tuple(steps), self.names, self.text.span(start, self.tokens[self.at - 1].end))

    def _error(self, message: str, token: Token, hint: str | None = None) -> DesignError:
        return DesignError([Problem("expression-syntax", message, self._span(token), hint)])

    def _span(self, token: Token) -> Span:
        """The span of a token; of the end token that of the last character."""
        last = len(self.text.value.rstrip()) - 1
        return self.text.span(min(token.start, last), token.end)

    def _word(self) -> str:
        token = self.tokens[self.at]
        return token.value if token.type == "word" else token.type

    def _expression(self, precedence: int) -> list[tuple[Any, ...]]:
        """operand { operator operand }, with operators of at least this precedence"""
        self._depth += 1
        if self._depth > NESTING:
            message = f"an expression nests at most {NESTING} deep"
            raise DesignError([Problem("limit", message, self._span(self.tokens[self.at]))])
        steps = self._operand()
        while True:
            word = self._word()
            own = _LEFT.get(word)
            if own is not None and own >= precedence:
                self.at += 1
                right = self._expression(own + 1)
                if word in ("and", "or"):
                    steps.append((word, len(right)))
                    steps += right
                else:
                    steps += right
                    steps.append((word,))
            elif word == "**" and precedence <= _POWER:
                self.at += 1
                steps += self._expression(_SIGN)
                steps.append(("**",))
            elif word in _COMPARISONS and precedence <= _COMPARE:
                signs = []
                while self._word() in _COMPARISONS:
                    signs.append(self._word())
                    self.at += 1
                    steps += self._expression(_COMPARE + 1)
                steps.append(("compare", tuple(signs)))
            elif word == "if" and precedence <= 1:
                self.at += 1
                condition = self._expression(2)
                if self._word() != "else":
                    raise self._error("'a if c' needs 'else b'", self.tokens[self.at])
                self.at += 1
                other = self._expression(1)
                condition.append(("unless", len(steps) + 1))
                condition += steps
                condition.append(("jump", len(other)))
                steps = condition + other
            else:
                break
        self._depth -= 1
        return steps

    def _operand(self) -> list[tuple[Any, ...]]:
        """operand = ( "-" | "+" | "not" ) expression | atom { "[" expression "]" }"""
        prefix = _PREFIXES.get(self._word())
        if prefix is not None:
            self.at += 1
            precedence, step = prefix
            return [*self._expression(precedence), *step]
        steps = self._atom()
        while self.tokens[self.at].type == "[":
            opened = self.tokens[self.at]
            self.at += 1
            steps += self._expression(1)
            self._close("]", opened)
            steps.append(("index",))
        return steps

    def _atom(self) -> list[tuple[Any, ...]]:
        """atom = INTEGER | SIZE | NAME | list | "(" expression ")" | ( "min" | "max" ) "(" expressions ")" """
        token = self.tokens[self.at]
        word = self._word()
        self.at += 1
        if token.type == "integer":
            return [("value", token.value)]
        if token.type == "size":
            return [("value", list(token.value))]
        if token.type == "decimal":
            raise self._error("only whole numbers are allowed in an expression", token)
        if word == "(":
            steps = self._expression(1)
            self._close(")", token)
            return steps
        if word == "[":
            steps, count = self._expressions("]", token)
            return [*steps, ("list", count)]
        if word in FUNCTIONS:
            return self._function(word, token)
        if token.type == "word" and word not in OPERATOR_WORDS:
            self.names.setdefault(word, self.text.span(token.start, token.end))
            return [("name", word)]
        found = "the end" if token.type in ("end", "}") else f"'{token.value}'"
        hint = "inside braces and lists, write the expression without braces" if word == "{" else None
        raise self._error(f"expected a number or a name, found {found}", token, hint)

    def _function(self, word: str, token: Token) -> list[tuple[Any, ...]]:
        if self._word() != "(":
            raise self._error(f"'{word}' needs numbers in parentheses: {word}(a, b)", token)
        self.at += 1
        steps, count = self._expressions(")", token)
        if not count:
            raise self._error(f"'{word}' needs at least one number", token)
        return [*steps, (word, count)]

    def _expressions(self, close: str, opened: Token) -> tuple[list[tuple[Any, ...]], int]:
        steps: list[tuple[Any, ...]] = []
        count = 0
        while self.tokens[self.at].type != close:
            steps += self._expression(1)
            count += 1
            if self.tokens[self.at].type != ",":
                break
            self.at += 1
        self._close(close, opened)
        return steps, count

    def _close(self, close: str, opened: Token) -> None:
        token = self.tokens[self.at]
        if token.type != close:
            if token.type in ("end", "}"):
                raise self._error(f"this '{opened.value}' is never closed", opened)
            raise self._error(f"expected '{close}' or ',', found '{token.value}'", token)
        self.at += 1


def evaluate(code: Code, values: Mapping[str, Value]) -> Value:
    """The value of an expression; raises ValueProblem for operands that an operation cannot take."""
    stack: list[Value] = []
    steps = code.steps
    at = 0
    while at < len(steps):
        step = steps[at]
        at += 1
        operation = step[0]
        if operation == "value":
            stack.append(step[1])
        elif operation == "name":
            stack.append(values.get(step[1], step[1]))
        elif operation in _JUMPS:
            at += _jump(step, stack)
        else:
            _apply(step, stack)
    (result,) = stack
    return result


def _jump(step: tuple[Any, ...], stack: list[Value]) -> int:
    """The number of steps to skip."""
    operation, distance = step
    if operation == "jump":
        return int(distance)
    if operation == "unless":
        return 0 if condition(stack.pop()) else int(distance)
    if condition(stack[-1]) == (operation == "or"):
        return int(distance)
    stack.pop()
    return 0


def _apply(step: tuple[Any, ...], stack: list[Value]) -> None:
    """Replaces the operands on top of the stack by the result of an operation."""
    operation = step[0]
    if operation == "not":
        stack.append(not condition(stack.pop()))
    elif operation == "negate":
        stack.append(-_whole(stack.pop(), "-"))
    elif operation == "compare":
        stack.append(_compare(step[1], stack))
    elif operation == "list":
        stack[len(stack) - step[1] :] = [stack[len(stack) - step[1] :]]
    elif operation == "index":
        index = stack.pop()
        stack.append(_element(stack.pop(), index))
    elif operation in FUNCTIONS:
        operands = stack[len(stack) - step[1] :]
        del stack[len(stack) - step[1] :]
        if len(operands) == 1 and isinstance(operands[0], list) and operands[0]:
            operands = operands[0]
        numbers = [_whole(operand, operation) for operand in operands]
        stack.append(min(numbers) if operation == "min" else max(numbers))
    else:
        right = _whole(stack.pop(), operation)
        stack.append(_arithmetic(operation, _whole(stack.pop(), operation), right))


def condition(value: Value) -> bool:
    """A value as a condition: yes or no, or whether a whole number is not 0; raises ValueProblem for another."""
    answer = truth(value)
    if answer is None and is_whole(value):
        return bool(value != 0)
    if answer is None:
        raise ValueProblem(f"a condition is yes or no, found {shown(value)}", code="wrong-type")
    return answer


def _whole(value: Value, operation: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueProblem(f"'{operation}' computes with whole numbers, found {shown(value)}", code="wrong-type")


def _comparable(value: Value) -> Value:
    if isinstance(value, str):
        return BOOLEAN_WORDS.get(value.lower(), value.lower())
    return value


def _compare(signs: tuple[str, ...], stack: list[Value]) -> bool:
    operands = stack[len(stack) - len(signs) - 1 :]
    del stack[len(stack) - len(signs) - 1 :]
    for sign, left, right in zip(signs, operands[:-1], operands[1:], strict=True):
        if sign in ("==", "!="):
            holds = (_comparable(left) == _comparable(right)) == (sign == "==")
        else:
            low, high = _whole(left, sign), _whole(right, sign)
            holds = {"<": low < high, "<=": low <= high, ">": low > high, ">=": low >= high}[sign]
        if not holds:
            return False
    return True


def _element(value: Value, index: Value) -> Value:
    if not isinstance(value, list):
        raise ValueProblem(f"only a list has elements, found {shown(value)}", code="wrong-type")
    place = _whole(index, "[ ]")
    if not -len(value) <= place < len(value):
        raise ValueProblem(f"the list {shown(value)} has {len(value)} elements, so there is no element {place}")
    return value[place]


def _arithmetic(operation: str, left: int, right: int) -> int:
    if operation == "+":
        result = left + right
    elif operation == "-":
        result = left - right
    elif operation == "*":
        result = left * right
    elif operation == "**":
        if right < 0:
            raise ValueProblem(f"a whole number to the power of {right} is not a whole number")
        if abs(left) > 1 and right * (abs(left).bit_length() - 1) > 4 * EXPRESSION_DIGITS:
            raise ValueProblem(f"a number in an expression has at most {EXPRESSION_DIGITS} digits", code="limit")
        result = left**right
    elif right == 0:
        raise ValueProblem(f"division by zero: {left} {operation} 0")
    else:
        result = left // right if operation == "//" else left % right
    if abs(result) >= _TOO_LARGE:
        raise ValueProblem(f"a number in an expression has at most {EXPRESSION_DIGITS} digits", code="limit")
    return result
