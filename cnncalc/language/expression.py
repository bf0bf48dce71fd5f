"""Expressions in braces: read into steps of a small stack machine, so that no length of them can exhaust the stack.

expression = integers, SIZEs (2x64 is the list [2, 64]), names, lists, x[i], + - * // % **, comparisons,
and or not, a if c else b, min(..), max(..), parentheses
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc.errors import DesignError, Problem, ValueProblem
from cnncalc.language.limits import EXPRESSION_DIGITS, NESTING
from cnncalc.layers.keys import BOOLEAN_WORDS, Value, is_whole, shown, truth

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cnncalc.language.tokens import Token
    from cnncalc.source import Span, Text
    from cnncalc.volume import Volume

VOLUME_NAMES = ("depth", "height", "width")
"""Names that stand for the volume that enters a block."""

OPERATOR_WORDS = ("and", "or", "not", "if", "else")
FUNCTIONS = ("min", "max")
RESERVED = (*VOLUME_NAMES, *OPERATOR_WORDS, *FUNCTIONS, "as", *BOOLEAN_WORDS)
"""Words that no variable may have as its name."""

_TOO_LARGE = 10**EXPRESSION_DIGITS
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_LEFT = {"or": 2, "and": 3, "+": 6, "-": 6, "*": 7, "//": 7, "%": 7}
_COMPARE, _NOT, _SIGN, _POWER = 5, 4, 8, 9


class Code(NamedTuple):
    """An expression, ready to be evaluated: steps of the stack machine, and the places of the names it uses."""

    steps: tuple[tuple[Any, ...], ...]
    names: Mapping[str, Span]
    span: Span


class Deferred:
    """A value that is known once the volumes at ``entries`` are; ``entries`` are ports of the expansion."""

    __slots__ = ("entries",)

    def __init__(self, entries: Iterable[Any]) -> None:
        self.entries = tuple(dict.fromkeys(entries))

    def resolve(self, volumes: Mapping[Any, Volume]) -> Value:
        """The value for given volumes; raises ValueProblem if it makes no sense."""
        raise NotImplementedError


class DeferredPart(Deferred):
    """The depth, height or width of the volume at a port."""

    __slots__ = ("name",)

    def __init__(self, name: str, entry: Any) -> None:
        super().__init__((entry,))
        self.name = name

    def resolve(self, volumes: Mapping[Any, Volume]) -> Value:
        return getattr(volumes[self.entries[0]], self.name)


class DeferredCode(Deferred):
    """An expression over values some of which are deferred."""

    __slots__ = ("code", "values")

    def __init__(self, code: Code, values: Mapping[str, Value]) -> None:
        super().__init__(entries_of(values.values()))
        self.code = code
        self.values = values

    def resolve(self, volumes: Mapping[Any, Volume]) -> Value:
        return evaluate(self.code, {name: settled(value, volumes) for name, value in self.values.items()})


class DeferredList(Deferred):
    """A list some of whose elements are deferred."""

    __slots__ = ("items",)

    def __init__(self, items: list[Value]) -> None:
        super().__init__(entries_of(items))
        self.items = items

    def resolve(self, volumes: Mapping[Any, Volume]) -> Value:
        return [settled(item, volumes) for item in self.items]


def entries_of(values: Iterable[Value]) -> list[Any]:
    """The ports whose volumes the values wait for."""
    return [entry for value in values if isinstance(value, Deferred) for entry in value.entries]


def settled(value: Value, volumes: Mapping[Any, Volume]) -> Value:
    """The value, resolved if it was deferred."""
    return value.resolve(volumes) if isinstance(value, Deferred) else value


class ExpressionParser:
    """Reads one expression from tokens, from ``at`` on; ``at`` is then behind it."""

    def __init__(self, text: Text, tokens: Sequence[Token], at: int = 0) -> None:
        self.text = text
        self.tokens = tokens
        self.at = at
        self.names: dict[str, Span] = {}
        self._depth = 0

    def parse(self) -> Code:
        """The expression, up to the first token that cannot belong to it."""
        start = self.tokens[self.at].start
        steps = self._expression(1)
        end = self.tokens[self.at - 1].end
        return Code(tuple(steps), self.names, self.text.span(start, end))

    def parse_operand(self) -> Code:
        """One operand alone, such as a list: operators behind it are left."""
        start = self.tokens[self.at].start
        steps = self._operand()
        return Code(tuple(steps), self.names, self.text.span(start, self.tokens[self.at - 1].end))

    def _error(self, message: str, token: Token, hint: str | None = None) -> DesignError:
        return DesignError([Problem("expression-syntax", message, self._span(token), hint)])

    def _span(self, token: Token) -> Span:
        """The place of a token; of the end of the text its last character."""
        last = len(self.text.value.rstrip()) - 1
        return self.text.span(min(token.start, last), token.end)

    def _word(self) -> str:
        token = self.tokens[self.at]
        return token.value if token.type == "word" else token.type

    def _expression(self, least: int) -> list[tuple[Any, ...]]:
        """Reads operators that bind at least as tightly as ``least``, after the operand before them."""
        self._depth += 1
        if self._depth > NESTING:
            message = f"an expression nests at most {NESTING} deep"
            raise DesignError([Problem("limit", message, self._span(self.tokens[self.at]))])
        steps = self._operand()
        while True:
            word = self._word()
            strength = _LEFT.get(word)
            if strength is not None and strength >= least:
                self.at += 1
                right = self._expression(strength + 1)
                if word in ("and", "or"):
                    steps.append((word, len(right)))
                    steps += right
                else:
                    steps += right
                    steps.append((word,))
            elif word == "**" and least <= _POWER:
                self.at += 1
                steps += self._expression(_SIGN)
                steps.append(("**",))
            elif word in _COMPARISONS and least <= _COMPARE:
                signs = []
                while self._word() in _COMPARISONS:
                    signs.append(self._word())
                    self.at += 1
                    steps += self._expression(_COMPARE + 1)
                steps.append(("compare", tuple(signs)))
            elif word == "if" and least <= 1:
                self.at += 1
                condition = self._expression(2)
                if self._word() != "else":
                    raise self._error("'a if c' needs its 'else b'", self.tokens[self.at])
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
        token = self.tokens[self.at]
        word = self._word()
        self.at += 1
        if word == "-":
            steps = self._expression(_SIGN)
            steps.append(("negate",))
            return steps
        if word == "+":
            return self._expression(_SIGN)
        if word == "not":
            steps = self._expression(_NOT)
            steps.append(("not",))
            return steps
        if token.type == "integer":
            steps = [("value", token.value)]
        elif token.type == "size":
            steps = [("value", list(token.value))]
        elif token.type == "decimal":
            raise self._error("an expression computes with whole numbers", token)
        elif word == "(":
            steps = self._expression(1)
            self._close(")", token)
        elif word == "[":
            steps, count = self._several("]", token)
            steps.append(("list", count))
        elif word in FUNCTIONS:
            if self._word() != "(":
                raise self._error(f"'{word}' needs its numbers: {word}(a, b)", token)
            self.at += 1
            steps, count = self._several(")", token)
            if not count:
                raise self._error(f"'{word}' of nothing", token)
            steps.append((word, count))
        elif token.type == "word" and word not in OPERATOR_WORDS:
            span = self.text.span(token.start, token.end)
            self.names.setdefault(word, span)
            steps = [("name", word)]
        else:
            found = "the end" if token.type in ("end", "}") else f"'{token.value}'"
            hint = "inside braces and lists an expression needs no braces" if word == "{" else None
            raise self._error(f"expected a number or a name, found {found}", token, hint)
        while self.tokens[self.at].type == "[":
            opened = self.tokens[self.at]
            self.at += 1
            steps += self._expression(1)
            self._close("]", opened)
            steps.append(("index",))
        return steps

    def _several(self, close: str, opened: Token) -> tuple[list[tuple[Any, ...]], int]:
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
    """The value of an expression; raises ValueProblem with the numbers that make no sense."""
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
            stack.append(_named(step[1], values))
        elif operation in ("and", "or"):
            if _condition(stack[-1]) == (operation == "or"):
                at += step[1]
            else:
                stack.pop()
        elif operation == "unless":
            if not _condition(stack.pop()):
                at += step[1]
        elif operation == "jump":
            at += step[1]
        elif operation == "not":
            stack.append(not _condition(stack.pop()))
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
    (result,) = stack
    return result


def _named(name: str, values: Mapping[str, Value]) -> Value:
    if name in values:
        return values[name]
    return name


def _condition(value: Value) -> bool:
    answer = truth(value)
    if answer is None and is_whole(value):
        return bool(value != 0)
    if answer is None:
        raise ValueProblem(f"a condition is yes or no, found {shown(value)}", code="wrong-type")
    return answer


def condition(value: Value) -> bool:
    """A value as a condition: yes or no, or a whole number that is not 0; raises ValueProblem for another."""
    return _condition(value)


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
        raise ValueProblem(f"the list {shown(value)} has {len(value)} elements, but element {place} is asked for")
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
            raise ValueProblem(f"a whole number to the power of {right} is no whole number")
        if abs(left) > 1 and right * (abs(left).bit_length() - 1) > 4 * EXPRESSION_DIGITS:
            raise ValueProblem(f"a number in an expression has at most {EXPRESSION_DIGITS} digits", code="limit")
        result = left**right
    elif right == 0:
        raise ValueProblem(f"{left} {operation} 0: nothing is divided by zero")
    else:
        result = left // right if operation == "//" else left % right
    if abs(result) >= _TOO_LARGE:
        raise ValueProblem(f"a number in an expression has at most {EXPRESSION_DIGITS} digits", code="limit")
    return result
