"""The findings of a check, which every output format writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.figures.measure import Share
    from cnncalc.source import Span


class Advice(NamedTuple):
    """A change to try, and the value computed for it, in the unit of the finding."""

    what: str
    value: int | None = None


class Finding(NamedTuple):
    """One finding of a check.

    ``code`` is ``budget``, or the code of a design rule; ``severity`` is ``error`` or ``warning``. ``file`` is as the
    user wrote it; ``span`` is the position of the limit or of the layer (None: the file, or the call). For a budget,
    ``key`` and ``bound`` (``max`` or ``min``) name the limit, ``limit`` and ``actual`` are exact, in ``unit``
    (``bytes`` or ``count``), and ``shares`` are the layers that contribute most, largest first.
    """

    code: str
    severity: str
    message: str
    file: str
    architecture: str
    span: Span | None = None
    layer: str | None = None
    key: str | None = None
    bound: str | None = None
    limit: int | None = None
    actual: int | None = None
    unit: str = "count"
    shares: tuple[Share, ...] = ()
    advice: Advice | None = None

    @property
    def over(self) -> int | None:
        """By how much the limit is exceeded, in its unit."""
        if self.limit is None or self.actual is None:
            return None
        return abs(self.actual - self.limit)
