"""Readers, which parse and write the values of layer keys.

A value of the language is a whole number, a decimal number, a rational number (the result of an expression), a list of
values, or a word (``same``, ``yes``). Calling a reader with such a value returns the form with which the layer
computes, or raises :class:`~cnncalc.errors.ValueProblem`, which says what was expected. ``write`` converts back, to the
shortest value of the language that is read so.
"""

from __future__ import annotations

from math import isqrt

from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.units import listed
from cnncalc.volume import SIDES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

Value: TypeAlias = "Any"
"""A value of the language: ``int``, ``float``, ``Fraction``, ``bool``, ``str`` (a word) or a list of values."""


class DecimalNumber(float):
    """A decimal number as written: a float, for keys, and its ``text``, from which expressions compute exactly."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> DecimalNumber:
        """The number of a text such as ``0.5`` or ``1e-4``."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str

    def __neg__(self) -> DecimalNumber:
        return DecimalNumber(self.text[1:] if self.text.startswith("-") else f"-{self.text}")


MAX_SIDES = max(SIDES)
"""The most spatial sides that a volume has."""

TRUE_WORDS = ("yes", "true", "on")
FALSE_WORDS = ("no", "false", "off")
BOOLEAN_WORDS: Mapping[str, bool] = dict.fromkeys(TRUE_WORDS, True) | dict.fromkeys(FALSE_WORDS, False)


def shown(value: Value) -> str:
    """A value as a user would write it, abbreviated, for messages."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(shown(part) for part in value[:12])
        return f"[{inner}{', ...' if len(value) > 12 else ''}]"
    if isinstance(value, str):
        return f"'{value if len(value) <= 60 else value[:57] + '...'}'"
    text = _fraction_text(value) if is_fraction(value) else str(value)
    return text if len(text) <= 40 else f"a number of {len(text)} digits"


def truth(value: Value) -> bool | None:
    """The value as a boolean; None if it is neither a boolean nor a word for one."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return BOOLEAN_WORDS.get(value.lower())
    return None


def is_whole(value: Value) -> bool:
    """Whether the value is a whole number; yes and no are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_volume_size(value: Value) -> bool:
    """Whether the value is a list of whole numbers with as many parts as a volume can have: two to four."""
    return isinstance(value, (list, tuple)) and 2 <= len(value) <= MAX_SIDES + 1 and all(map(is_whole, value))


def is_fraction(value: Value) -> bool:
    """Whether the value is a ``Fraction``, without loading the module ``fractions``."""
    return not isinstance(value, int) and hasattr(value, "denominator")


def _fraction_text(value: Value) -> str:
    """A fraction as a decimal number, ``12.5``; with more than 12 places rounded to four: ``about 8.3333``."""
    places = next((places for places in range(1, 13) if 10**places % value.denominator == 0), 4)
    scaled = round(value * 10**places)
    whole, part = divmod(abs(scaled), 10**places)
    text = f"{'-' if scaled < 0 else ''}{whole}.{part:0{places}d}"
    return text if scaled == value * 10**places else f"about {text}"


def ways_to_whole(value: Value) -> str | None:
    """The hint if a whole number is needed and the value is another positive number, or a list with one; else None."""
    if isinstance(value, (list, tuple)):
        return next(filter(None, map(ways_to_whole, value)), None)
    if not (isinstance(value, float) or is_fraction(value)) or not value > 0 or value - value != 0:
        return None
    low = int(value // 1)
    high = low if value == low else low + 1
    near = low if 2 * value < 2 * low + 1 else high
    return f"in braces, floor(..) gives {shown(low)}, ceil(..) {shown(high)} and round(..) {shown(near)}"


class Reader:
    """Base of readers: calling one with a value of the language returns the value that the layer stores."""

    expects = "a value"
    needs_whole = False
    """Whether its numbers must be whole."""
    words: tuple[str, ...] = ()
    """The words that the key takes; in patterns they precede variables of the same name."""
    holds_names = False
    """Whether names inside a list are words of the key, too, and not variables."""
    example: Value = None
    """A value for hints that works in almost every net; None: the default of the key, if it has one."""

    def __call__(self, value: Value) -> Any:
        raise NotImplementedError

    def write(self, value: Any) -> Value:
        """The value of the language that is read as ``value``."""
        return value

    def refuse(self, value: Value) -> ValueProblem:
        """The error for a value of a wrong type."""
        near = did_you_mean(value, self.words) if isinstance(value, str) and self.words else ""
        hint = ways_to_whole(value) if self.needs_whole else None
        return ValueProblem(f"expected {self.expects}, found {shown(value)}{near}", code="wrong-type", hint=hint)


class Whole(Reader):
    """A whole number of at least ``minimum``.

    ``others`` is the hint for other numbers and for lists, in which ``{}`` stands for the value; ``below`` is the hint
    for smaller numbers.
    """

    needs_whole = True

    def __init__(
        self, minimum: int = 1, *, others: str | None = None, below: str | None = None, example: int | None = None
    ) -> None:
        self.minimum = minimum
        self.example = minimum if example is None else example
        self.others = others
        self.below = below
        self.expects = "a whole number" + (
            f" of at least {minimum}" if minimum > 0 else ", 0 or more" if minimum == 0 else ""
        )

    def __call__(self, value: Value) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            problem = self.refuse(value)
            if self.others is not None and not isinstance(value, str):
                problem.hint = self.others.format(shown(value))
            raise problem
        if value < self.minimum:
            raise ValueProblem(f"expected {self.expects}, found {shown(value)}", hint=self.below)
        return value


class VolumeSize(Reader):
    """The sizes of a volume, depth last, each at least 1: ``224x224x64`` or ``[224, 224, 64]``."""

    needs_whole = True
    expects = "a size of two to four parts, depth last, as height x width x depth in 224x224x3"

    def __call__(self, value: Value) -> tuple[int, ...]:
        if not is_volume_size(value):
            problem = self.refuse(value)
            if is_whole(value) and value > 0:
                side = isqrt(value)
                image = f" or {side}x{side}x1" if side * side == value and side > 1 else ""
                problem.hint = f"write 1x{shown(value)}{image}"
            raise problem
        if min(value) < 1:
            hint = "write the part as an expression of height, width and depth" if -1 in value else None
            message = f"each part of a size is at least 1, found {'x'.join(str(part) for part in value)}"
            raise ValueProblem(message, hint=hint)
        return tuple(value)

    def write(self, value: Any) -> Value:
        return list(value)


class Decimal(Reader):
    """A number of at least ``minimum``, above ``above`` and at most ``maximum``, as a float."""

    def __init__(
        self,
        minimum: float | None = None,
        maximum: float | None = None,
        *,
        above: float | None = None,
        example: Value = None,
    ) -> None:
        self.minimum, self.maximum, self.above, self.example = minimum, maximum, above, example
        rules = [
            f"of at least {minimum:g}" if minimum is not None else "",
            f"above {above:g}" if above is not None else "",
        ]
        rules.append(f"at most {maximum:g}" if maximum is not None else "")
        self.expects = " ".join(["a number", " and ".join(rule for rule in rules if rule)]).strip()

    def __call__(self, value: Value) -> float:
        if not (isinstance(value, (int, float)) or is_fraction(value)) or isinstance(value, bool):
            raise self.refuse(value)
        if isinstance(value, int) and value.bit_length() > 64:
            raise ValueProblem(f"a number of this key is below 2**64, found {shown(value)}", code="limit")
        number = float(value)
        low = (self.minimum is not None and number < self.minimum) or (self.above is not None and number <= self.above)
        if low or (self.maximum is not None and number > self.maximum) or number - number != 0:
            raise ValueProblem(f"expected {self.expects}, found {shown(value)}")
        return number

    def write(self, value: Any) -> Value:
        return int(value) if value == int(value) and abs(value) < 10**15 else value


class Numbers(Decimal):
    """A number, or a list with one number for each channel, as a float or a tuple of floats."""

    def __init__(self) -> None:
        super().__init__()
        self.expects = "a number, or a list with one number for each channel"

    def __call__(self, value: Value) -> Any:
        if not isinstance(value, (list, tuple)):
            return super().__call__(value)
        if not value:
            raise self.refuse(value)
        return tuple([super(Numbers, self).__call__(part) for part in value])

    def write(self, value: Any) -> Value:
        return (
            [super(Numbers, self).write(part) for part in value] if isinstance(value, tuple) else super().write(value)
        )


class Boolean(Reader):
    """yes or no (true, false, on, off)."""

    expects = "yes or no"
    words = TRUE_WORDS + FALSE_WORDS
    example = "yes"

    def __call__(self, value: Value) -> bool:
        answer = truth(value)
        if answer is None:
            raise self.refuse(value)
        return answer


class Choice(Reader):
    """One of the given words, in any case."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.example = words[0]
        self.expects = listed(words, "or")

    def __call__(self, value: Value) -> str:
        if not isinstance(value, str) or value.lower() not in self.words:
            raise self.refuse(value)
        return value.lower()


class WholeList(Reader):
    """A list of ``count`` whole numbers, 0 or more."""

    needs_whole = True

    def __init__(self, count: int) -> None:
        self.count = count
        self.example = [0] * count
        self.expects = f"a list of {count} whole numbers, 0 or more"

    def __call__(self, value: Value) -> tuple[int, ...]:
        if not isinstance(value, (list, tuple)) or len(value) != self.count or not all(map(is_whole, value)):
            raise self.refuse(value)
        if min(value) < 0:
            raise ValueProblem(f"expected {self.expects}, found {shown(value)}")
        return tuple(value)

    def write(self, value: Any) -> Value:
        return list(value)


class Connections(Reader):
    """For each filter the list of the input maps, counted from 0, that it sees."""

    needs_whole = True
    expects = "a list with one list of input maps for each filter"

    def __call__(self, value: Value) -> tuple[tuple[int, ...], ...]:
        if not isinstance(value, (list, tuple)) or not value:
            raise self.refuse(value)
        for number, maps in enumerate(value):
            if not isinstance(maps, (list, tuple)) or not all(is_whole(part) for part in maps):
                raise self.refuse(value)
            if not maps:
                raise ValueProblem(f"filter {number} is connected to no input map")
            if min(maps) < 0:
                raise ValueProblem(f"input maps count from 0, but filter {number} names map {shown(min(maps))}")
            if len(set(maps)) < len(maps):
                raise ValueProblem(f"filter {number} names an input map twice: {shown(maps)}")
        return tuple(tuple(maps) for maps in value)

    def write(self, value: Any) -> Value:
        return [list(maps) for maps in value]
