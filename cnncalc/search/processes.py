"""Worker processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from cnncalc.errors import ValueProblem
from cnncalc.source import visible
from cnncalc.units import MAX_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

MOST_PROCESSES = 1_000


def number_of_processes(text: str) -> int:
    """The number in ``processes:N``; raises ValueProblem unless it is a whole number from 1 to MOST_PROCESSES."""
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    if not is_number or not 1 <= int(text) <= MOST_PROCESSES:
        found = visible(text)[:60]
        raise ValueProblem(f"the number of processes is a whole number from 1 to {MOST_PROCESSES:,}, found '{found}'")
    return int(text)


class WorkerProcesses(ProcessPoolExecutor):
    """A pool of ``number`` processes that end when this process ends, even if it is killed, and ignore interrupts.

    They are not forked from this process, whose threads may hold locks, but from a fork server that has imported
    ``modules``; systems without fork servers spawn them.
    """

    def __init__(self, number: int, modules: Sequence[str] = ("cnncalc.search.work",)) -> None:
        methods = multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if context.get_start_method() == "forkserver":
            context.set_forkserver_preload(["cnncalc.search.processes", *modules])
        self._reader, self._writer = context.Pipe(duplex=False)
        super().__init__(number, context, _begin, (self._reader,))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submits a task; SIGINT is blocked meanwhile, so that processes started by it inherit the block."""
        if not hasattr(signal, "pthread_sigmask"):
            return super().submit(fn, *args, **kwargs)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the processes at once, even while they compute."""
        self._writer.close()
        super().shutdown(wait, cancel_futures=cancel_futures)
        self._reader.close()


def _begin(reader: Connection) -> None:
    """Initialises a worker: ignores interrupts, and watches for the end of its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(reader,), daemon=True).start()


def _end_with(reader: Connection) -> None:
    """Ends this process when the other end of the pipe is closed, as it is when the parent ends."""
    wait([reader])
    os._exit(0)


def available_cores() -> int:
    """The number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
