"""Computes figures of many designs of one family, in this or another process, or on another machine."""

from __future__ import annotations

import pickle
import threading
from time import perf_counter
from typing import TYPE_CHECKING

from cnncalc import __version__
from cnncalc.errors import CnncalcError
from cnncalc.records import NamedTuple
from cnncalc.search.family import Family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.language.settings import Settings
    from cnncalc.search.family import Point, Wanted
    from cnncalc.search.limits import Bound


class Work(NamedTuple):
    """What workers need to compute the figures ``wanted`` of members of a family; it can be pickled.

    ``settings`` are the values that do not vary. ``stdin`` is the text of the target ``-``. A relative path of the
    target starts from ``folder``, which is absolute, so that every process finds it. ``content`` is that of the file,
    so that other machines need no copy, and all workers compute the same design even if the file changes.

    ``bounds`` are the limits on figures that may be only upper bounds: a point whose upper bound does not decide a
    limit is broken.
    """

    target: str
    settings: Settings
    wanted: tuple[Wanted, ...]
    stdin: str | None = None
    folder: str = ""
    content: bytes | None = None
    bounds: tuple[Bound, ...] = ()

    def to_send(self) -> Work:
        """The work with the content of its file, unless that is too large. Raises DesignError if it cannot be read."""
        return self._replace(content=_family(self).content)


class Outcome(NamedTuple):
    """The figures of one member, in the order of ``wanted``; for a broken member None, and the ``reason``.

    A reason is the code of a problem, then ``: `` and its message.
    """

    figures: tuple[int, ...] | None
    reason: str = ""

    @property
    def code(self) -> str:
        """The code of the problem in the reason."""
        return self.reason.partition(": ")[0]


def evaluate(work: Work, points: Sequence[Point]) -> list[Outcome]:
    """The outcomes of some points, in their order; this is the task of a worker.

    The text of the target is parsed once in each thread. A name that changes nothing in a member does not make it
    broken: it may change another member. Raises DesignError if the target cannot be read.
    """
    family = _family(work)
    return [_outcome(family, work, point) for point in points]


def answer(work: bytes, points: bytes) -> bytes:
    """Runs :func:`evaluate` as a task of an executor; arguments and result are pickled.

    The result is a tuple: the version of cnncalc, the seconds it took, the outcomes (pickled separately, so that they
    stay small until they are read), the message of an error that prevented them or ``""``, and whether that error is a
    bug of cnncalc.
    """
    start = perf_counter()
    found: list[Outcome] = []
    failure, is_bug = "", False
    try:
        found = evaluate(pickle.loads(work), pickle.loads(points))  # noqa: S301  # written by the searching process
    except CnncalcError as error:
        failure = str(error)
    except Exception as error:  # noqa: BLE001  # reported to the searching process
        failure, is_bug = f"{type(error).__name__}: {error}", True
    return pickle.dumps((__version__, perf_counter() - start, pickle.dumps(found), failure, is_bug))


_KEPT = threading.local()
"""The last work of each thread, and its family."""


def _family(work: Work) -> Family:
    if getattr(_KEPT, "work", None) != work:
        _KEPT.family = Family(
            work.target, work.settings, work.stdin, work.folder, work.content, requires_effect=False, with_hints=False
        )
        _KEPT.work = work
    family: Family = _KEPT.family
    return family


def _outcome(family: Family, work: Work, point: Point) -> Outcome:
    """The figures of a point, or why it is broken."""
    try:
        meter = family.meter(point, work.wanted)
        figures = tuple([meter.value(each.at(point)) for each in work.wanted])
        for bound in work.bounds:
            measure = bound.wanted.at(point)
            value = meter.value(measure)
            if meter.is_upper_bound(measure) and (bound.bound == "min" or bound.is_broken(value)):
                what = f"{measure.key} is at most {value}, which does not decide {bound.bound} {bound.limit}"
                return Outcome(None, f"undecidable: {what}")
        return Outcome(figures)
    except CnncalcError as error:
        return Outcome(None, f"{error.first.code}: {error.first.message}")
