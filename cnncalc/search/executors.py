"""The executors that compute a search: this process, others on this machine, or other machines."""

from __future__ import annotations

import re
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from cnncalc.collection import Running
from cnncalc.errors import DesignError, ValueProblem, did_you_mean
from cnncalc.search.dispatch import Provider, WorkerPool
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cnncalc.search.family import Point
    from cnncalc.search.work import Outcome, Work

FORMS = ("processes", "processes:N", "threads", "serial", "dask://HOST:PORT", "mpi", "PACKAGE.MODULE:FACTORY")
"""The names of executors."""
POOL_SECONDS = 0.5
"""How long this process computes alone before it starts others: about the time that their start takes."""


def read_executor(text: str) -> str:
    """The name of an executor; ValueProblem for a number, which may be one of processes."""
    if text.isdigit():
        message = f"an executor is one of {', '.join(FORMS)}, found '{text[:60]}'"
        raise ValueProblem(message, code="unknown-executor", hint=f"--executor processes:{text[:60]}")
    return text


def outcomes(work: Work, points: Iterable[Point], executor: str | Executor) -> Iterator[tuple[Point, Outcome]]:
    """Yields each point with its outcome, in the order of the points; the pool is started with the first point.

    Arguments and errors are those of :func:`worker_pool`.
    """
    with worker_pool(work, executor) as entered:
        yield from entered.outcomes(points)


@contextmanager
def worker_pool(work: Work, executor: str | Executor, folder: str = "") -> Iterator[WorkerPool]:
    """The pool that computes ``work``; its executors are shut down when the context is left.

    ``executor`` is one of :data:`FORMS`, or an executor of the caller, which is not shut down. The factory of
    ``PACKAGE.MODULE:FACTORY`` is called without arguments and returns an executor; ``folder`` is then on the import
    path (default: the current one). Raises ValueProblem for an executor that is unknown or cannot be reached,
    DesignError if the factory or the target cannot be read.
    """
    with Running(), ExitStack() as stack:
        if isinstance(executor, Executor):
            name = type(executor).__name__
            providers: Sequence[Provider] = [Provider(name, lambda: executor, may_restart=False, is_owned=False)]
            delay = 0.0
        else:
            providers, delay = _named(executor, folder, stack)
        yield stack.enter_context(WorkerPool(work, providers, delay))


def _named(name: str, folder: str, stack: ExitStack) -> tuple[Sequence[Provider], float]:
    """The providers of a named executor, and for how many seconds this process computes alone."""
    word, sign, rest = read_executor(name).partition(":")
    if name == "serial":
        return (), inf
    if word == "processes":
        number = _number_of_processes(rest if sign else None)
        return (_processes(name, number), POOL_SECONDS) if number > 1 or sign else ((), inf)
    if name == "threads":
        from cnncalc.search.processes import available_cores

        return [Provider(name, partial(ThreadPoolExecutor, available_cores()))], 0.0
    if word == "dask" and rest.startswith("//"):
        from cnncalc.search.clusters import dask_provider

        host, port = _address(name, rest[2:])
        return [dask_provider(name, host, port, stack)], 0.0
    if name == "mpi":
        from cnncalc.search.clusters import mpi_provider

        return [mpi_provider(name)], 0.0
    if sign and re.fullmatch(r"[\w.]+|.+\.py", word) and all(part.isidentifier() for part in rest.split(".")):
        return [Provider(name, partial(_made, name, folder))], 0.0
    near = did_you_mean(name, ("processes", "threads", "serial", "mpi"))
    message = f"no executor '{visible(name)[:60]}'{near or ' (known: ' + ', '.join(FORMS) + ')'}"
    raise ValueProblem(message, code="unknown-executor")


def _number_of_processes(text: str | None) -> int:
    """The N of ``processes:N``; all cores if there is none."""
    from cnncalc.search.processes import available_cores, number_of_processes

    if text is None:
        return available_cores()
    try:
        return number_of_processes(text)
    except ValueProblem as problem:
        hint = f"--executor processes:{available_cores()}"
        raise ValueProblem(problem.message, code="wrong-value", hint=hint) from None


def _processes(name: str, number: int) -> list[Provider]:
    """``number`` processes on this machine."""
    from cnncalc.search.processes import WorkerEnded, WorkerProcesses

    return [Provider(name, partial(WorkerProcesses, number), 2 * number, deaths=(WorkerEnded,))]


def _address(name: str, text: str) -> tuple[str, int]:
    """Host and port of ``dask://HOST:PORT``."""
    host, sign, port = text.rpartition(":")
    if not host or not sign or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 2**16:
        message = f"expected dask://HOST:PORT, as in dask://localhost:8786, found '{visible(name)[:60]}'"
        raise ValueProblem(message, code="wrong-value")
    return host, int(port)


def _made(name: str, folder: str) -> Executor:
    """The executor that the named factory returns."""
    from cnncalc.interop.python_code import failure_of, object_named, running_code

    with running_code(folder):
        factory = object_named(name, folder)
        if not callable(factory):
            message = f"{name} is not a function that returns an executor, but {type(factory).__name__}"
            raise ValueProblem(message, code="executor")
        try:
            made = factory()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 (code of the user, which may call sys.exit)
            raise DesignError([failure_of(f"call {name}()", error)]) from None
    if not isinstance(made, Executor):
        message = f"{name}() returns {type(made).__name__}, not a concurrent.futures.Executor"
        raise ValueProblem(message, code="executor")
    return made
