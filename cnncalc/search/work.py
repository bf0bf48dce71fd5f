"""What a search computes of many designs of one family, as a task that another process or machine can do."""

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
    """The figures ``wanted`` of members of a family; it can be pickled.

    ``settings`` are those that do not vary. ``stdin`` is the text of the target ``-``; a relative path of the target
    starts from ``folder``, which is absolute, so that every process of the machine finds it. ``content`` is that of the
    file, so that other machines need no copy, and that all workers compute the same design when the file changes.

    ``bounds`` are limits on figures that may be only upper bounds, which then do not decide them.
    """

    target: str
    settings: Settings
    wanted: tuple[Wanted, ...]
    stdin: str | None = None
    folder: str = ""
    content: bytes | None = None
    bounds: tuple[Bound, ...] = ()

    def to_send(self) -> Work:
        """The work with the content of its file, unless that is large. Raises DesignError if it cannot be read."""
        return self._replace(content=_family(self).content)


class Outcome(NamedTuple):
    """The figures of one member, in the order of ``wanted``; None and the ``reason`` for one that is broken.

    A reason is the code of a problem, ``: `` and its message.
    """

    figures: tuple[int, ...] | None
    reason: str = ""

    @property
    def code(self) -> str:
        """The code of the reason."""
        return self.reason.partition(": ")[0]


def evaluate(work: Work, points: Sequence[Point]) -> list[Outcome]:
    """The outcomes of some points, in their order; what a worker does.

    The text of the target is parsed once in each thread. A name that changes nothing in a member is no reason: another
    member may read it. Raises DesignError if the target cannot be read.
    """
    family = _family(work)
    return [_outcome(family, work, point) for point in points]


def answer(work: bytes, points: bytes) -> bytes:
    """What :func:`evaluate` gives, as a task of an executor; arguments and result are pickled.

    The result holds the version of cnncalc, the seconds it took, the outcomes, which are pickled on their own, so that
    they stay small until they are asked for, and why there are none: a message, and whether it is an error of cnncalc.
    """
    start = perf_counter()
    found: list[Outcome] = []
    failure, is_bug = "", False
    try:
        found = evaluate(pickle.loads(work), pickle.loads(points))  # noqa: S301  # bytes of the process that searches
    except CnncalcError as error:
        failure = str(error)
    except Exception as error:  # noqa: BLE001  # told to the process that searches
        failure, is_bug = f"{type(error).__name__}: {error}", True
    return pickle.dumps((__version__, perf_counter() - start, pickle.dumps(found), failure, is_bug))


_KEPT = threading.local()
"""The last work of this thread and its family."""


def _family(work: Work) -> Family:
    if getattr(_KEPT, "work", None) != work:
        _KEPT.family = Family(
            work.target, work.settings, work.stdin, work.folder, work.content, requires_effect=False, with_hints=False
        )
        _KEPT.work = work
    family: Family = _KEPT.family
    return family


def _outcome(family: Family, work: Work, point: Point) -> Outcome:
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
