"""The tapes of one net for every batch: lowered twice, then worked out by arithmetic.

Every size is a fixed part and a part for each image, so two tapes say all of them; only the rounding comes last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.memory.lowering import lower
from cnncalc.memory.tape import ByProduct, Tape

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report
    from cnncalc.memory.profiles import Profile
    from cnncalc.memory.tape import Operation, Parameter, Value


class TapeFamily:
    """Gives the tape of a net for a batch, without lowering the net anew."""

    def __init__(
        self, report: Report, profile: Profile, *, dtype: str, training: bool, autocast: str | None = None
    ) -> None:
        exact = profile._replace(rounding=1)
        self.rounding = profile.rounding
        # two batches above 1, since a batch of 1 can be a case of its own
        self.two = lower(report, exact, batch=2, dtype=dtype, training=training, autocast=autocast)
        self.three = lower(report, exact, batch=3, dtype=dtype, training=training, autocast=autocast)
        self._fixed = self._parameters(), tuple([self._rounded(size) for size in self.two.buffers])

    def _rounded(self, size: int) -> int:
        return -(-size // self.rounding) * self.rounding

    def _parameters(self) -> tuple[Parameter, ...]:
        return tuple([parameter._replace(size=self._rounded(parameter.size)) for parameter in self.two.parameters])

    def tape(self, batch: int) -> Tape:
        """The tape for a batch of so many images."""
        steps = batch - 2
        rounding = self.rounding

        def size(two: int, three: int) -> int:
            return -(-(two + steps * (three - two)) // rounding) * rounding

        def value(two: Value, three: Value) -> Value:
            return two._replace(size=size(two.size, three.size))

        def operation(two: Operation, three: Operation) -> Operation:
            if not (two.byproducts or two.scratch or two.backward_scratch):
                return two
            products = tuple(
                [ByProduct(size(a.size, b.size), a.kept) for a, b in zip(two.byproducts, three.byproducts, strict=True)]
            )
            return two._replace(
                byproducts=products,
                scratch=size(two.scratch, three.scratch),
                backward_scratch=tuple(
                    [
                        size(a, b) if a > 0 else -size(-a, -b)
                        for a, b in zip(two.backward_scratch, three.backward_scratch, strict=True)
                    ]
                ),
            )

        parameters, buffers = self._fixed
        return self.two._replace(
            values=tuple([value(a, b) for a, b in zip(self.two.values, self.three.values, strict=True)]),
            operations=tuple(
                [operation(a, b) for a, b in zip(self.two.operations, self.three.operations, strict=True)]
            ),
            parameters=parameters,
            buffers=buffers,
        )
