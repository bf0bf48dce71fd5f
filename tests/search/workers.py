"""Executors for the tests of searches, by the names that ``--executor`` takes, and what their workers do."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from cnncalc.figures.measure import Measure
from cnncalc.language.settings import Settings
from cnncalc.search import work as tasks
from cnncalc.search.family import Wanted
from cnncalc.search.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnncalc.search.family import Family, Point
    from cnncalc.search.work import Outcome

WORK = Work("INPUT 9x9x3 -> [CONV3-w -> RELU]*n -> POOL -> FC-10", Settings(), (Wanted(Measure("parameters")),))
POINTS: list[Point] = [{"w": w, "n": n} for w in range(5) for n in range(1, 21)]
"""100 points; those with w = 0 are broken."""
FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["tests.search.workers"])
DEADLY = 13
"""A process of :func:`deadly_processes` ends when it computes a point whose n is this number."""


class Immediate(Executor):
    """Computes a task when it is submitted; ``sizes`` are the bytes of the points of each."""

    def __init__(self) -> None:
        self.has_ended = False
        self.sizes: list[int] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.sizes.append(len(args[1]))
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.has_ended = True


class Endless(Immediate):
    """Waits a minute when it is ended."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        time.sleep(60)


def two_processes() -> Executor:
    return ProcessPoolExecutor(2, FORKSERVER)


def deadly_processes(number: int) -> Executor:
    return ProcessPoolExecutor(number, FORKSERVER, _make_deadly)


def unborn_processes(number: int) -> Executor:
    """Processes that end before they take a task."""
    return ProcessPoolExecutor(number, FORKSERVER, partial(os._exit, 1))


def _make_deadly() -> None:
    real = tasks._outcome

    def outcome(family: Family, work: Work, point: Point) -> Outcome:
        if point["n"] == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(family, work, point)

    tasks._outcome = outcome


def no_executor() -> int:
    return 3


def failing() -> Executor:
    raise OSError(111, "Connection refused")


NOT_CALLABLE = 3


class CannotBePickled(Exception):
    def __init__(self) -> None:
        super().__init__("no")
        self.function = lambda: None


class CannotBeRead(Exception):
    """Unpickling calls it with the message alone."""

    def __init__(self, message: str, _: int) -> None:
        super().__init__(message)


def fail_with(kind: type[Exception]) -> None:
    raise kind() if kind is CannotBePickled else kind("no", 1)
