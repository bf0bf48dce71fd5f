"""Expressions in braces, compiled to the steps of a stack machine, so that a long one cannot exhaust Python's stack.

expression = integers, decimals, SIZEs (2x64 is the list [2, 64]), names, lists, x[i], + - * // % **, comparisons,
and or not, a if c else b, min(..), max(..), round(x), floor(x), ceil(x), make_divisible(x, d), range(n),
parentheses

Numbers are exact: a decimal is a rational number (0.1 is 1/10), and a result that is whole is an ``int`` again.
"""

from __future__ import annotations

from cnncalc.errors import DesignError, Problem, ValueProblem, did_you_mean
from cnncalc.language.limits import EXPRESSION_DIGITS, NESTING, RANGE
from cnncalc.layers.keys import BOOLEAN_WORDS, DecimalNumber, Value, is_fraction, is_whole, shown, truth
from cnncalc.records import NamedTuple
from cnncalc.units import plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from cnncalc.language.tokens import Token
    from cnncalc.source import Span, Text
    from cnncalc.volume import Volume

VOLUME_NAMES = ("depth", "height", "width", "length", "frames")
"""Names of the sizes of a volume: that which enters the block or, outside of blocks, the layer."""

OPERATOR_WORDS = ("and", "or", "not", "if", "else")
FUNCTIONS: Mapping[str, tuple[int, int | None]] = {
    "min": (1, None),
    "max": (1, None),
    "round": (1, 1),
    "floor": (1, 1),
    "ceil": (1, 1),
    "make_divisible": (1, 2),
    "range": (1, 1),
}
"""The functions, each with the fewest and the most arguments that it takes (None: no limit)."""
RESERVED = (*VOLUME_NAMES, *OPERATOR_WORDS, "min", "max", "as", *BOOLEAN_WORDS)
"""Words that cannot be names of variables."""

DIVISION = "'//' divides and rounds down; '*' takes decimals, as in 0.5*w"
"""The hint for ``/``, which is not an operator."""

_TOO_LARGE = 10**EXPRESSION_DIGITS
"""The least whole number with more digits than an expression may have."""
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_LEFT = {"or": 2, "and": 3, "+": 6, "-": 6, "*": 7, "//": 7, "%": 7}
"""Precedence of each operator that groups from the left; the highest binds most tightly."""
_COMPARE, _NOT, _SIGN, _POWER = 5, 4, 8, 9
"""Precedence of comparisons, ``not``, the sign of a number, and ``**``."""
_PREFIXES: Mapping[str, tuple[int, tuple[tuple[str], ...]]] = {
    "-": (_SIGN, (("negate",),)),
    "+": (_SIGN, ()),
    "not": (_NOT, (("not",),)),
}
"""Precedence and steps of each prefix operator."""
_JUMPS = ("and", "or", "unless", "jump")
"""The steps that may skip steps after them."""


class Code(NamedTuple):
    """A compiled expression: the steps of the stack machine, and each name it uses with the place of its first use."""

    steps: tuple[tuple[Any, ...], ...]
    names: Mapping[str, Span]
    span: Span


class Deferred:
    """A value that depends on volumes, which are computed later.

    ``entries`` are the ports of these volumes (see :class:`cnncalc.language.names.Names`). ``resolve`` takes the volume
    of each port and returns the value; it raises ValueProblem if an operation cannot be computed.
    """

    __slots__ = ("entries", "resolve")

    def __init__(self, entries: Iterable[Any], resolve: Callable[[Mapping[Any, Volume]], Value]) -> None:
        self.entries = tuple(dict.fromkeys(entries))
        self.resolve = resolve


def deferred_side(name: str, entry: Any) -> Deferred:
    """The size with this name (``height``, ``depth``) of the volume at port ``entry``."""
    return Deferred((entry,), lambda volumes: _side_of(volumes[entry], name))


def _side_of(volume: Volume, name: str) -> int:
    """The size with this name of a volume; raises ValueProblem if the volume has no size of that name."""
    names = (*volume.names, "depth")
    if name not in names:
        raise ValueProblem(f"{volume} has no {name}: its sizes are {', '.join(names)}", code="wrong-sides")
    return volume[names.index(name)]


def deferred_code(code: Code, values: Mapping[str, Value]) -> Deferred:
    """The value of an expression in which some names have deferred values."""

    def resolve(volumes: Mapping[Any, Volume]) -> Value:
        return evaluate(code, {name: resolved(value, volumes) for name, value in values.items()})

    return Deferred(entries_of(values.values()), resolve)


def deferred_list(items: list[Value]) -> Deferred:
    """A list of which some elements are deferred."""
    return Deferred(entries_of(items), lambda volumes: [resolved(item, volumes) for item in items])


def entries_of(values: Iterable[Value]) -> list[Any]:
    """The ports whose volumes the values depend on."""
    return [entry for value in values if isinstance(value, Deferred) for entry in value.entries]


def resolved(value: Value, volumes: Mapping[Any, Volume]) -> Value:
    """The value, computed from the volumes if it is deferred."""
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
        """expression; ends at the first token that cannot be part of it"""
        start = self.tokens[self.at].start
        steps = self._expression(1)
        end = self.tokens[self.at - 1].end
        return Code(tuple(steps), self.names, self.text.span(start, end))

    def parse_operand(self) -> Code:
        """operand; ends before an operator"""
        start = self.tokens[self.at].start
        steps = self._operand()
        return Code(tuple(steps), self.names, self.text.span(start, self.tokens[self.at - 1].end))

    def _error(self, message: str, token: Token, hint: str | None = None) -> DesignError:
        return DesignError([Problem("expression-syntax", message, self._span(token), hint)])

    def _span(self, token: Token) -> Span:
        """The span of a token; for the ``end`` token that of the last character."""
        last = max(0, len(self.text.value.rstrip()) - 1)
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
        """atom = INTEGER | DECIMAL | SIZE | NAME | list | "(" expression ")" | FUNCTION "(" expressions ")" """
        token = self.tokens[self.at]
        word = self._word()
        self.at += 1
        if token.type == "integer":
            return [("value", token.value)]
        if token.type == "size":
            return [("value", list(token.value))]
        if token.type == "decimal":
            return [("value", exact(token.value))]
        if word == "(":
            steps = self._expression(1)
            self._close(")", token)
            return steps
        if word == "[":
            steps, count = self._expressions("]", token)
            return [*steps, ("list", count)]
        if word in ("min", "max") or (
            token.type == "word" and word not in OPERATOR_WORDS and self.tokens[self.at].type == "("
        ):
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
        if word not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            raise self._error(f"no function '{word}'{did_you_mean(word, FUNCTIONS)} (known: {known})", token)
        self.at += 1
        steps, count = self._expressions(")", token, "d" if word == "make_divisible" else None)
        fewest, most = FUNCTIONS[word]
        if count < fewest:
            raise self._error(f"'{word}' needs at least one number", token)
        if most is not None and count > most:
            raise self._error(f"'{word}' takes {plural(most, 'number')}, but {count} are given", token)
        return [*steps, (word, count)]

    def _expressions(self, close: str, opened: Token, key: str | None = None) -> tuple[list[tuple[Any, ...]], int]:
        """[ expression { "," [ key "=" ] expression } [ "," ] ] close; also returns the number of expressions"""
        steps: list[tuple[Any, ...]] = []
        count = 0
        while self.tokens[self.at].type != close:
            steps += self._expression(1)
            count += 1
            if self.tokens[self.at].type != ",":
                break
            self.at += 1
            if key is not None and self._word() == key and self.tokens[self.at + 1].type == "=":
                self.at += 2
        self._close(close, opened)
        return steps, count

    def _close(self, close: str, opened: Token) -> None:
        token = self.tokens[self.at]
        if token.type != close:
            if token.type in ("end", "}"):
                raise self._error(f"this '{opened.value}' is never closed", opened)
            hint = DIVISION if token.type == "/" else None
            raise self._error(f"expected '{close}' or ',', found '{token.value}'", token, hint)
        self.at += 1


def evaluate(code: Code, values: Mapping[str, Value]) -> Value:
    """The value of an expression with these values of names; raises ValueProblem for operands of a wrong type or value.

    A name without a value stands for itself, as a word.
    """
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
    """How many steps a step of :data:`_JUMPS` skips; takes its condition from the stack, unless it is the result."""
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
    """Replaces the operands on top of the stack by the result of the operation; raises ValueProblem."""
    operation = step[0]
    if operation == "not":
        stack.append(not condition(stack.pop()))
    elif operation == "negate":
        stack.append(-number(stack.pop(), "-"))
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
        if operation in ("min", "max") and len(operands) == 1 and isinstance(operands[0], list) and operands[0]:
            operands = operands[0]
        stack.append(_function_value(operation, [number(operand, operation) for operand in operands]))
    else:
        right = number(stack.pop(), operation)
        stack.append(_arithmetic(operation, number(stack.pop(), operation), right))


def condition(value: Value) -> bool:
    """The truth of a value: of yes or no, or whether a whole number is not 0; raises ValueProblem for other values."""
    answer = truth(value)
    if answer is None and is_whole(value):
        return bool(value != 0)
    if answer is None:
        raise ValueProblem(f"a condition is yes or no, found {shown(value)}", code="wrong-type")
    return answer


def exact(value: Value) -> Value:
    """The value with whole decimal numbers as ``int``, in lists too: 64.0 gives 64."""
    if isinstance(value, list):
        return [exact(part) for part in value]
    if isinstance(value, float) and value.is_integer() and _digits(value) <= EXPRESSION_DIGITS:
        whole = number(value, "")
        return whole if is_whole(whole) else value
    return value


def _digits(value: float) -> int:
    """An upper bound of the digits of a decimal number written without an exponent."""
    digits, _, power = _text(value).lower().partition("e")
    return len(digits) + abs(int(power or 0))


def _text(value: float) -> str:
    """The text of a decimal number: as written, else the shortest text that Python reads as the same float."""
    return value.text if isinstance(value, DecimalNumber) else repr(value)


def number(value: Value, operation: str) -> Any:
    """The exact value of a number: an ``int`` if it is whole, else a ``Fraction``.

    Raises ValueProblem for anything else, and for a decimal number with more digits than an expression may have.
    """
    if is_whole(value):
        return value
    if isinstance(value, float):
        from fractions import Fraction  # loaded only by designs that compute with decimals

        if _digits(value) > EXPRESSION_DIGITS:
            raise _too_long()
        return _simplest(Fraction(_text(value)))
    if is_fraction(value):
        return _simplest(value)
    raise ValueProblem(f"'{operation}' computes with numbers, found {shown(value)}", code="wrong-type")


def _simplest(value: Any) -> Any:
    """A rational number, as an ``int`` if it is whole."""
    return value.numerator if value.denominator == 1 else value


def _too_long() -> ValueProblem:
    return ValueProblem(f"a number in an expression has at most {EXPRESSION_DIGITS} digits", code="limit")


def _function_value(name: str, numbers: list[Any]) -> Any:
    """The value of a function of exact numbers; raises ValueProblem.

    ``round`` rounds halves up. ``make_divisible(x, d)`` gives the multiple of d (default 8) nearest to x, at least d,
    and the next multiple if that is below 0.9 x.

    Source of ``make_divisible``: ``_make_divisible`` of MobileNet in TensorFlow and torchvision.
    """
    if name in ("min", "max"):
        return min(numbers) if name == "min" else max(numbers)
    value = numbers[0]
    if name == "round":
        return (2 * value + 1) // 2  # half up
    if name == "floor":
        return value // 1
    if name == "ceil":
        return -(-value // 1)
    if name == "range":
        return _range(value)
    divisor = numbers[1] if len(numbers) > 1 else 8
    if not is_whole(divisor) or divisor < 1:
        message = f"make_divisible(x, d) needs a whole number d of at least 1, found {shown(divisor)}"
        raise ValueProblem(message)
    near = max(divisor, (2 * value + divisor) // (2 * divisor) * divisor)
    return near + divisor if 10 * near < 9 * value else near


def _range(count: Any) -> list[int]:
    """The whole numbers from 0 to ``count - 1``; raises ValueProblem."""
    if not is_whole(count) or count < 0:
        raise ValueProblem(f"range(n) needs a whole number n, 0 or more, found {shown(count)}", code="wrong-type")
    if count > RANGE:
        raise ValueProblem(f"range(n) gives at most {RANGE:,} numbers, but n is {shown(count)}", code="limit")
    return list(range(count))


def _comparable(value: Value) -> Value:
    """The value as ``==`` compares it: words in lower case, yes and no as booleans, decimals as exact numbers."""
    if isinstance(value, str):
        return BOOLEAN_WORDS.get(value.lower(), value.lower())
    if isinstance(value, list):
        return [_comparable(part) for part in value]
    return number(value, "==") if isinstance(value, float) else value


def same_value(left: Value, right: Value) -> bool:
    """Whether two values are equal, as ``==`` compares them: words in any case, decimals exactly."""
    return bool(_comparable(left) == _comparable(right))


def _compare(signs: tuple[str, ...], stack: list[Value]) -> bool:
    operands = stack[len(stack) - len(signs) - 1 :]
    del stack[len(stack) - len(signs) - 1 :]
    for sign, left, right in zip(signs, operands[:-1], operands[1:], strict=True):
        if sign in ("==", "!="):
            holds = same_value(left, right) == (sign == "==")
        else:
            low, high = number(left, sign), number(right, sign)
            holds = {"<": low < high, "<=": low <= high, ">": low > high, ">=": low >= high}[sign]
        if not holds:
            return False
    return True


def _element(value: Value, index: Value) -> Value:
    if not isinstance(value, list):
        raise ValueProblem(f"only a list has elements, found {shown(value)}", code="wrong-type")
    place = index
    if not is_whole(place):
        raise ValueProblem(f"the place of an element is a whole number, found {shown(index)}", code="wrong-type")
    if not -len(value) <= place < len(value):
        count = plural(len(value), "element")
        message = f"the list {shown(value)} has {count}, counted from 0, so there is no element {place}"
        raise ValueProblem(message)
    return value[place]


def _arithmetic(operation: str, left: Any, right: Any) -> Any:
    """The result of an operation on exact numbers; raises ValueProblem."""
    if operation == "+":
        result = left + right
    elif operation == "-":
        result = left - right
    elif operation == "*":
        result = left * right
    elif operation == "**":
        result = _power(left, right)
    elif right == 0:
        raise ValueProblem(f"division by zero: {shown(left)} {operation} 0")
    else:
        result = left // right if operation == "//" else left % right
    if max(abs(result.numerator), result.denominator) >= _TOO_LARGE:
        raise _too_long()
    return _simplest(result)


def _power(base: Any, power: Any) -> Any:
    """``base ** power``; raises ValueProblem, for a result with too many digits before computing it."""
    if not is_whole(power):
        raise ValueProblem(f"a power is a whole number, found {shown(power)}", code="wrong-type")
    if base == 0 and power < 0:
        raise ValueProblem(f"division by zero: 0 ** {power}")
    if abs(power) * (max(abs(base.numerator), base.denominator).bit_length() - 1) > 4 * EXPRESSION_DIGITS:
        raise _too_long()
    if power >= 0:
        return base**power
    from fractions import Fraction

    return Fraction(base) ** power
