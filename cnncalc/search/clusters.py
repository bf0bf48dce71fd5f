"""Executors on other machines: dask.distributed and MPI, both optional dependencies."""

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
"""How long to wait for a dask scheduler to answer and to have a worker."""


def dask_provider(name: str, host: str, port: int, stack: ExitStack) -> Provider:
    """The workers of the dask scheduler at ``host:port``; ``stack`` closes the connection when it is left.

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
        raise _unreachable(name, f"no dask scheduler answers at {host}:{port}", _cause(error)) from None
    stack.callback(client.close, timeout=CONNECTION_SECONDS)
    try:
        client.wait_for_workers(1, timeout=max(end - monotonic(), 0.1))
    except (OSError, TimeoutError) as error:
        raise _unreachable(name, f"the scheduler at {host}:{port} has no worker", _cause(error)) from None
    return Provider(name, lambda: client.get_executor(pure=False), deaths=(KilledWorker,), may_restart=False)


def mpi_provider(name: str) -> Provider:
    """The other processes that ``mpiexec`` started, each a worker of ``mpi4py.futures``.

    Raises ValueProblem without mpi4py, or if this process was not started with other processes as its workers.
    """
    try:
        from mpi4py.futures import MPIPoolExecutor
    except (ImportError, RuntimeError) as error:  # RuntimeError: no MPI library
        hint = "python -m pip install 'cnncalc[mpi]', and an MPI library, such as the Debian package openmpi-bin"
        message = f"{name} needs mpi4py and an MPI library ({_cause(error)})"
        raise ValueProblem(message, code="missing-extra", hint=hint) from None
    if not _has_workers():
        hint = "mpiexec -n 3 python -m mpi4py.futures -m cnncalc sweep ... --executor mpi"
        message = f"{name} needs at least two processes started by mpiexec: the first one searches, the others compute"
        raise ValueProblem(message, code="executor", hint=hint)
    return Provider(name, lambda: MPIPoolExecutor(main=False), may_restart=False)


def _has_workers() -> bool:
    """Whether ``python -m mpi4py.futures`` has made the other processes workers of this one.

    Otherwise a pool would try to start processes itself, and hang where MPI does not allow that.
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
    """Silences a logger: a lost connection is already reported by our own error."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)
