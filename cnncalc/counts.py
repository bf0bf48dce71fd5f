"""Integers stored with their formula, so both always match."""

from __future__ import annotations

from math import prod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_RESULT_DIGITS = 4300
"""Digits of a result; Python writes integers up to this length."""
MANY_DIGITS = f"a number has at most {MAX_RESULT_DIGITS:,} digits"
"""What is wrong with a number of more digits, of which Python's message speaks of Python."""
TOO_LONG = 10**MAX_RESULT_DIGITS
"""The smallest integer that is too long for a result."""


class Count:
    """An integer and its formula, which is written when it is asked for; without one it is the integer itself.

    >>> weights = product(product(3, 3, 64), 128)
    >>> str(weights), int(weights)
    ('(3*3*64)*128', 73728)
    """

    __slots__ = ("_text", "value")

    def __init__(self, value: int, text: str | Callable[[], str] = "") -> None:
        self.value = value
        self._text = text

    @property
    def text(self) -> str:
        """The formula."""
        if not isinstance(self._text, str):
            self._text = self._text()
        return self._text or str(self.value)

    def __int__(self) -> int:
        return self.value

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Count({self.value}, {self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Count) and (self.value, self.text) == (other.value, other.text)

    def __hash__(self) -> int:
        return hash(self.value)

    def __reduce__(self) -> tuple[type[Count], tuple[int, str]]:
        return Count, (self.value, self.text)


NOTHING = Count(0, "0")


def product(*factors: int | Count) -> Count:
    """The product of integers and counts; counts with a formula are put in parentheses."""
    value = prod([factor.value if isinstance(factor, Count) else factor for factor in factors])
    return Count(value, lambda: "*".join(map(_factor, factors)))


def _factor(factor: int | Count) -> str:
    text = str(factor)
    return text if isinstance(factor, int) or text.isdigit() else f"({text})"


def total(*parts: Count) -> Count:
    """The sum of counts; zeros are left out of the formula."""
    parts = tuple(part for part in parts if part.value)
    if not parts:
        return NOTHING
    if len(parts) == 1:
        return parts[0]
    return Count(sum(part.value for part in parts), lambda: " + ".join(part.text for part in parts))
