"""Exact polynomials with rational coefficients: their values on numbers and arrays, and as text, LaTeX and Python."""

from __future__ import annotations

from fractions import Fraction
from math import comb, lcm, prod
from typing import TYPE_CHECKING, Any

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeAlias

    Powers: TypeAlias = tuple[int, ...]
    """The power of each variable in a term."""

INT64 = 2**63 - 1
"""The largest number of NumPy's int64."""


class Polynomial(NamedTuple):
    """A polynomial of the variables ``names``.

    ``terms`` maps the powers of each term to its coefficient: no zeros, the highest degree first.

    >>> area = Polynomial.of(("w",), {(2,): 9, (1,): 10})
    >>> str(area), area(w=4)
    ('9*w^2 + 10*w', 184)
    """

    names: tuple[str, ...]
    terms: Mapping[Powers, Fraction]

    @staticmethod
    def of(names: Sequence[str], terms: Mapping[Powers, Any]) -> Polynomial:
        """The polynomial of these terms, sorted; terms with a coefficient of 0 are left out."""
        kept = [(powers, Fraction(factor)) for powers, factor in terms.items() if factor]
        kept.sort(key=lambda term: (-sum(term[0]), tuple([-power for power in term[0]])))
        return Polynomial(tuple(names), dict(kept))

    @property
    def degree(self) -> int:
        """The largest sum of powers in a term; 0 for a constant."""
        return max([sum(powers) for powers in self.terms], default=0)

    @property
    def used(self) -> tuple[str, ...]:
        """The variables with a power above 0 in some term."""
        return tuple([name for place, name in enumerate(self.names) if any(powers[place] for powers in self.terms)])

    @property
    def denominator(self) -> int:
        """The least common denominator of the coefficients."""
        return lcm(*[factor.denominator for factor in self.terms.values()])

    @property
    def numerators(self) -> dict[Powers, int]:
        """The coefficients times the denominator."""
        whole = self.denominator
        return {powers: int(factor * whole) for powers, factor in self.terms.items()}

    def plus(self, other: Polynomial) -> Polynomial:
        """The sum of this polynomial and another one of the same ``names``."""
        terms = dict(self.terms)
        for powers, factor in other.terms.items():
            terms[powers] = terms.get(powers, Fraction(0)) + factor
        return Polynomial.of(self.names, terms)

    # values

    def __call__(self, **values: Any) -> Any:
        """The exact value: an ``int`` or a ``Fraction`` for numbers, an array for arrays of whole numbers (broadcast).

        An array has the dtype int64 if no intermediate result can exceed it, else ``object`` with Python's integers.
        Variables that are not in :attr:`used` need no value. Raises KeyError for another one without a value,
        ValueError for arrays of other dtypes and if a result of arrays is not whole.
        """
        used = self.used
        given = [values[name] if name in used else values.get(name, 0) for name in self.names]
        if any(hasattr(value, "dtype") for value in given):
            return self._of_arrays(given)
        total = self.at([Fraction(value) for value in given])
        return total.numerator if total.denominator == 1 else total

    def at(self, values: Sequence[Fraction | int]) -> Fraction:
        """The value for ``values`` of the variables, in the order of ``names``."""
        powers_of: list[list[Fraction | int]] = [[1] for _ in values]
        total = Fraction(0)
        for powers, factor in self.terms.items():
            for known, value, power in zip(powers_of, values, powers, strict=True):
                while len(known) <= power:
                    known.append(known[-1] * value)
                factor *= known[power]
            total += factor
        return total

    def bound(self, largest: Sequence[int]) -> int:
        """An upper bound of all intermediate results of value * denominator, if each |variable| <= its ``largest``."""
        total = 0
        for powers, factor in self.numerators.items():
            size = abs(factor)
            for value, power in zip(largest, powers, strict=True):
                size *= max(1, value) ** power
            total += size
        return total

    def _of_arrays(self, given: Sequence[Any]) -> Any:
        """The value for arrays of whole numbers, broadcast, in the order of ``names``."""
        import numpy as np

        arrays = [np.asarray(value) for value in given]
        if any(array.dtype.kind not in "iuO" for array in arrays):
            raise ValueError("expected arrays of whole numbers")
        largest = [max(abs(int(array.max())), abs(int(array.min()))) if array.size else 0 for array in arrays]
        kind: Any = np.int64 if self.bound(largest) <= INT64 else object
        arrays = [array.astype(kind) for array in arrays]
        total = np.zeros(np.broadcast_shapes(*[array.shape for array in arrays]), kind)
        for powers, factor in self.numerators.items():
            term: Any = factor if kind is object else np.int64(factor)
            for array, power in zip(arrays, powers, strict=True):
                if power:
                    term = term * array**power
            total = total + term
        if self.denominator > 1:
            if (total % self.denominator).any():
                raise ValueError("some values are not whole numbers: the condition of the formula does not hold there")
            total = total // self.denominator
        return total

    # forms

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """``9*w^2 + 10*w``, with a common denominator ``(w^2 + w)/2``."""
        return self._written("*", lambda name, power: name if power == 1 else f"{name}^{power}", "({top})/{below}")

    def python(self) -> str:
        """A Python expression, also for arrays: ``9*w**2 + 10*w``, ``(w**2 + w)//2``, whose division is exact."""
        return self._written("*", lambda name, power: name if power == 1 else f"{name}**{power}", "({top})//{below}")

    def latex(self) -> str:
        r"""``9 w^{2} + 10 w``, ``\frac{w^{2} + w}{2}``; names of more than one letter are upright."""

        def factor(name: str, power: int) -> str:
            shown = name if len(name) == 1 else rf"\mathrm{{{name.replace('_', chr(92) + '_')}}}"
            return shown if power == 1 else f"{shown}^{{{power}}}"

        return self._written(r" \, ", factor, r"\frac{{{top}}}{{{below}}}")

    def _written(self, times: str, factor: Any, fraction: str) -> str:
        """The polynomial as a text: ``times`` between factors, ``factor(name, power)`` for a power, ``fraction``."""
        parts: list[str] = []
        below = self.denominator
        for powers, count in self.numerators.items():
            factors = [factor(name, power) for name, power in zip(self.names, powers, strict=True) if power]
            if abs(count) != 1 or not factors:
                factors.insert(0, str(abs(count)))
            sign = ("- " if count < 0 else "+ ") if parts else ("-" if count < 0 else "")
            parts.append(sign + times.join(factors))
        top = " ".join(parts) or "0"
        if below == 1:
            return top
        is_single = len(parts) == 1 and "frac" not in fraction
        return (fraction.replace("({top})", "{top}") if is_single else fraction).format(top=top, below=below)


class Steps(NamedTuple):
    """Values of one variable in equal steps: ``first``, ``first + step``, ..."""

    first: Fraction
    step: Fraction

    def value(self, place: int) -> Fraction:
        """The value after ``place`` steps."""
        return self.first + place * self.step

    def basis(self, most: int) -> list[list[Fraction]]:
        """For each k up to ``most`` the coefficients, lowest power first, of binomial(n, k) in powers of the value.

        n = (value - first)/step is the number of steps.
        """
        found = [[Fraction(1)]]
        for k in range(1, most + 1):
            # (n - k + 1)/k with n = (x - first)/step
            slope = 1 / (self.step * k)
            start = -(self.first / self.step + k - 1) / k
            before = found[-1]
            now = [Fraction(0)] * (len(before) + 1)
            for power, factor in enumerate(before):
                now[power] += factor * start
                now[power + 1] += factor * slope
            found.append(now)
        return found


def difference_weights(order: Powers) -> list[tuple[Powers, int]]:
    """Places and weights: the forward difference of an order is the sum of the values at the places times the weights.

    The weight of a place p <= order is (-1)^|order - p| * prod(binomial(order_i, p_i)).
    """
    places: list[tuple[Powers, int]] = [((), 1)]
    for most in order:
        weights = [(-1) ** (most - place) * comb(most, place) for place in range(most + 1)]
        places = [((*before, place), sign * weights[place]) for before, sign in places for place in range(most + 1)]
    return places


def binomial(steps: int, order: int) -> int:
    """The binomial coefficient of ``steps`` over ``order``, a whole number also for negative ``steps``."""
    if steps >= 0:
        return comb(steps, order)
    return (-1 if order % 2 else 1) * comb(order - steps - 1, order)


def value_after(steps: Sequence[int], orders: Iterable[Powers]) -> list[int]:
    """The factors of the forward differences in the value after ``steps``: prod(binomial(steps_i, order_i))."""
    return [prod(map(binomial, steps, order)) for order in orders]


def from_differences(
    names: Sequence[str], bases: Sequence[list[list[Fraction]]], differences: Mapping[Powers, int]
) -> Polynomial:
    """The polynomial in ``names`` with these forward differences at the first values: Newton's form, expanded.

    ``bases`` are those of :meth:`Steps.basis`, one for each variable.
    """
    terms: dict[Powers, Fraction] = {order: Fraction(value) for order, value in differences.items() if value}
    for place, basis in enumerate(bases):
        result: dict[Powers, Fraction] = {}
        for order, factor in terms.items():
            for power, part in enumerate(basis[order[place]]):
                if part:
                    key = (*order[:place], power, *order[place + 1 :])
                    result[key] = result.get(key, Fraction(0)) + factor * part
        terms = result
    return Polynomial.of(names, terms)
