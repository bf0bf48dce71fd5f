"""Executors of other machines: dask.distributed and MPI, which are optional."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from cnncalc.errors import ValueProblem
from cnncalc.search.dispatch import Provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

CONNECTION_SECONDS = 10.0
"""How long a scheduler of dask may take to answer, and to have a worker."""


def dask_provider(name: str, host: str, port: int, stack: ExitStack) -> Provider:
    """The workers of the scheduler at this address; ``stack`` ends the connection.

    Raises ValueProblem without dask, if no scheduler answers, or if it has no worker.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        hint = "python -m pip install 'cnncalc[dask]'"
        raise ValueProblem(f"{name} needs dask.distributed", code="missing-extra", hint=hint) from None
    stack.enter_context(_quiet("distributed"))
    end = monotonic() + CONNECTION_SECONDS
    try:
        client = Client(f"tcp://{host}:{port}", timeout=CONNECTION_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise _unreachable(name, f"no scheduler of dask answers at {host}:{port}", _cause(error)) from None
    stack.callback(client.close, timeout=CONNECTION_SECONDS)
    try:
        client.wait_for_workers(1, timeout=max(end - monotonic(), 0.1))
    except (OSError, TimeoutError) as error:
        raise _unreachable(name, f"the scheduler at {host}:{port} has no worker", _cause(error)) from None
    return Provider(name, lambda: client.get_executor(pure=False), deaths=(KilledWorker,), may_restart=False)


def mpi_provider(name: str) -> Provider:
    """The other processes of this run of ``mpiexec``, each a worker of ``mpi4py.futures``.

    Raises ValueProblem without mpi4py, or if this process was not started with other processes as its workers.
    """
    try:
        from mpi4py.futures import MPIPoolExecutor
    except (ImportError, RuntimeError) as error:  # RuntimeError: no library of MPI
        hint = "python -m pip install 'cnncalc[mpi]', and a library of MPI, such as Debian's package openmpi-bin"
        message = f"{name} needs mpi4py and a library of MPI ({_cause(error)})"
        raise ValueProblem(message, code="missing-extra", hint=hint) from None
    if not _has_workers():
        hint = "mpiexec -n 3 python -m mpi4py.futures -m cnncalc sweep ... --executor mpi"
        message = f"{name} needs at least two processes of one mpiexec, of which the first one searches"
        raise ValueProblem(message, code="executor", hint=hint)
    return Provider(name, lambda: MPIPoolExecutor(main=False), may_restart=False)


def _has_workers() -> bool:
    """Whether ``python -m mpi4py.futures`` has made the other processes of this run workers of this one.

    Otherwise a pool would start processes of its own, and hang where that is not allowed.
    """
    from mpi4py import MPI, futures

    parts = [getattr(futures, part, None) for part in ("_core", "_lib")]  # mpi4py 4 and 3
    return MPI.COMM_WORLD.Get_size() > 1 and any(getattr(part, "SharedPool", None) is not None for part in parts)


def _unreachable(name: str, what: str, cause: str) -> ValueProblem:
    message = f"{name} cannot be reached: {what} within {CONNECTION_SECONDS:g} s ({cause})"
    return ValueProblem(message, code="executor")


def _cause(error: BaseException) -> str:
    """The first error in a chain, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


@contextmanager
def _quiet(logger: str) -> Iterator[None]:
    """No messages of that logger: what they tell of a lost connection is told by ours."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)
