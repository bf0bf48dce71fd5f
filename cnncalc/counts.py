"""Whole numbers that carry their arithmetic, so that a table cannot print a sum that is not the sum."""

from __future__ import annotations

from math import prod

from cnncalc.records import NamedTuple


class Count(NamedTuple):
    """A whole number and the expression it comes from.

    >>> weights = product(product(3, 3, 64), 128)
    >>> str(weights), int(weights)
    ('(3*3*64)*128', 73728)
    """

    value: int
    text: str

    def __int__(self) -> int:
        return self.value

    def __str__(self) -> str:
        return self.text


NOTHING = Count(0, "0")


def product(*factors: int | Count) -> Count:
    """The product of whole numbers and counts; a count that is itself an expression is put in parentheses."""
    value = prod([int(factor) if isinstance(factor, Count) else factor for factor in factors])
    texts = [
        (f"({factor.text})" if not factor.text.isdigit() else factor.text) if isinstance(factor, Count) else str(factor)
        for factor in factors
    ]
    return Count(value, "*".join(texts))


def total(*parts: Count) -> Count:
    """The sum of counts; those that are zero are left out of the arithmetic."""
    parts = tuple(part for part in parts if part.value)
    if not parts:
        return NOTHING
    if len(parts) == 1:
        return parts[0]
    return Count(sum(part.value for part in parts), " + ".join(part.text for part in parts))
