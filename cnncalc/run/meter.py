"""A wrapper of NumPy that counts multiply-adds."""

from __future__ import annotations

from typing import Any

UNCOUNTED = ("dot", "einsum", "inner", "outer", "tensordot", "vdot", "vecdot", "matvec", "vecmat")
"""Functions that multiply and add but are not counted, so that layers must not call them."""


class MeteredNumpy:
    """Passed to a layer instead of the module ``numpy``.

    ``contracted`` counts the multiply-adds of matrix products, ``products`` the elements that :meth:`multiply`
    returned, both from the shapes of the arrays. All other attributes are those of NumPy.
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
        """Resets the counts to 0."""
        self.contracted = self.products = 0

    def matmul(self, a: Any, b: Any, *, out: Any = None) -> Any:
        """``numpy.matmul``; (..., m, n) times (..., n, k) counts as m*n*k multiply-adds for each pair of matrices."""
        result = self._numpy.matmul(a, b, out=out)
        self.contracted += result.size * a.shape[-1]
        return result

    def multiply(self, a: Any, b: Any, *, out: Any = None) -> Any:
        """``numpy.multiply``; counts one product for each element of the result."""
        result = self._numpy.multiply(a, b, out=out)
        self.products += result.size
        return result
