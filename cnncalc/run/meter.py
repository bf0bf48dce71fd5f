"""A NumPy that counts the multiply-adds it is asked for."""

from __future__ import annotations

from typing import Any

UNCOUNTED = ("dot", "einsum", "inner", "outer", "tensordot", "vdot", "vecdot", "matvec", "vecmat")
"""Ways to multiply and add that the meter has no count for, so that no layer may take them."""


class Meter:
    """Stands in for the module ``numpy`` where a layer runs.

    ``contracted`` are the multiply-adds of matrix products, ``products`` the elements that :meth:`multiply` made; both
    are taken from the shapes of the arrays that are handed over. All other names are NumPy's own.
    """

    def __init__(self, numpy: Any) -> None:
        self._numpy = numpy
        self.contracted = 0
        self.products = 0

    def __getattr__(self, name: str) -> Any:
        if name in UNCOUNTED:
            raise AttributeError(f"numpy.{name} is not metered: a layer uses matmul, or multiply and add")
        value = getattr(self._numpy, name)
        setattr(self, name, value)
        return value

    def reset(self) -> None:
        """Begins to count from 0."""
        self.contracted = self.products = 0

    def matmul(self, a: Any, b: Any, *, out: Any = None) -> Any:
        """``numpy.matmul``: (..., m, n) times (..., n, k) are m*n*k multiply-adds, times the stacked matrices."""
        result = self._numpy.matmul(a, b, out=out)
        self.contracted += result.size * a.shape[-1]
        return result

    def multiply(self, a: Any, b: Any, *, out: Any = None) -> Any:
        """``numpy.multiply``: one product for each element of the result."""
        result = self._numpy.multiply(a, b, out=out)
        self.products += result.size
        return result
