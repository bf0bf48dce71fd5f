"""Worker processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from cnncalc.errors import ValueProblem
from cnncalc.records import NamedTuple
from cnncalc.source import visible
from cnncalc.units import MAX_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

MOST_PROCESSES = 1_000
FILES_OF_A_PROCESS = 3
"""The files that this process has open for each worker: a connection, and two pipes that tell when either ends."""
OTHER_FILES = 32
"""How many other files this process may have open."""
STARTS = 3
"""How often the start of a worker is tried: the fork server may have ended, and is then started again."""
START_SECONDS = 0.1
"""The seconds between two tries."""


def number_of_processes(text: str) -> int:
    """The number in ``processes:N``; raises ValueProblem unless it is a whole number from 1 to MOST_PROCESSES."""
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    if not is_number or not 1 <= int(text) <= MOST_PROCESSES:
        found = visible(text)[:60]
        raise ValueProblem(f"the number of processes is a whole number from 1 to {MOST_PROCESSES:,}, found '{found}'")
    return int(text)


class WorkerEnded(RuntimeError):
    """A worker process ended while it ran a task."""


class WorkerNotStarted(RuntimeError):
    """The system starts no more processes."""


def most_processes() -> int:
    """How many processes the limit of open files allows; MOST_PROCESSES where there is no such limit."""
    try:
        import resource
    except ImportError:  # Windows
        return MOST_PROCESSES
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return MOST_PROCESSES
    return min(MOST_PROCESSES, max(0, limit - OTHER_FILES) // FILES_OF_A_PROCESS)


class WorkerProcesses(ThreadPoolExecutor):
    """Up to ``number`` processes, each served by a thread, which sends it a task and waits for the answer.

    There are fewer where the limit of open files allows no more. A task without a process fails with
    :class:`WorkerNotStarted`. If a process ends, its task alone fails, with :class:`WorkerEnded`, and another process
    takes its place. (:class:`concurrent.futures.ProcessPoolExecutor` fails all tasks, and before Python 3.12.1 it can
    lose one for ever.) The processes ignore interrupts; they end at the shutdown, even while they compute, and when
    this process ends, even if it is killed. They are not forked from this process, whose threads may hold locks, but
    from a fork server that has imported ``modules``; systems without fork servers spawn them.
    """

    def __init__(self, number: int, modules: Sequence[str] = ("cnncalc.search.work",)) -> None:
        self._number = min(number, most_processes())
        super().__init__(max(1, self._number), initializer=_block_interrupts)
        methods = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if self._context.get_start_method() == "forkserver":
            self._context.set_forkserver_preload(["cnncalc.search.fork_server", __name__, *modules])
        self._lock = threading.Lock()
        """Held while a process is started or removed; threads may not do that at the same time."""
        self._has_ended = False
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submits a task; its function and arguments are pickled, and so is what it returns or raises."""
        return super().submit(self._in_process, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the processes at once, even while they compute: all tasks without an answer fail."""
        with self._lock:
            self._has_ended = True
            for worker in self._workers:
                worker.process.kill()
        super().shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            for worker in [*self._workers]:
                self._remove(worker)

    def _in_process(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs a task in an idle process, or in a new one."""
        task = pickle.dumps((fn, args, kwargs))
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = self._started()
        try:
            worker.connection.send_bytes(task)
            answer = worker.connection.recv_bytes()
        except (EOFError, OSError):
            self._remove(worker)
            raise WorkerEnded("a worker process ended while it ran a task") from None
        self._idle.append(worker)
        result, error, trace = pickle.loads(answer)  # noqa: S301 (from the process that this one has started)
        if error is not None:
            raise error from RuntimeError(f"in a worker process:\n{trace}")
        return result

    def _started(self) -> _Worker:
        """A new worker; raises WorkerNotStarted if there can be none, WorkerEnded after the shutdown."""
        with self._lock:
            if self._has_ended:
                raise WorkerEnded("the worker processes have ended")
            if not self._number:
                raise WorkerNotStarted("a worker process needs more open files than the system allows")
            reason = ""
            for attempt in range(STARTS):
                time.sleep(START_SECONDS if attempt else 0)
                try:
                    worker = self._new_worker()
                except (EOFError, OSError) as error:
                    reason = getattr(error, "strerror", None) or "the fork server has ended"
                else:
                    self._workers.add(worker)
                    return worker
            raise WorkerNotStarted(f"a worker process cannot be started: {reason}")

    def _new_worker(self) -> _Worker:
        """A new process and the connection to it; raises EOFError or OSError if it cannot be started."""
        connection, other_end = self._context.Pipe()
        try:
            with other_end:
                process = self._context.Process(target=_serve, args=(other_end,), daemon=True)
                process.start()
        except BaseException:
            connection.close()
            raise
        return _Worker(process, connection)

    def _remove(self, worker: _Worker) -> None:
        """Ends a process, if it has not ended, and waits for its end."""
        with self._lock:
            self._workers.remove(worker)
            worker.connection.close()
            worker.process.kill()
            worker.process.join()


class _Worker(NamedTuple):
    """A process and the connection to it."""

    process: BaseProcess
    connection: Connection


def _block_interrupts() -> None:
    """Blocks SIGINT in this thread, so that the processes that it starts inherit the block."""
    if hasattr(signal, "pthread_sigmask"):
        from multiprocessing.resource_tracker import ensure_running

        ensure_running()  # it unblocks SIGINT
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])


def _serve(connection: Connection) -> None:
    """Runs the tasks that arrive, until the other end of the connection is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            task = connection.recv_bytes()
        except EOFError:
            return
        try:
            fn, args, kwargs = pickle.loads(task)  # noqa: S301 (from the process that has started this one)
            answer = pickle.dumps((fn(*args, **kwargs), None, ""))
        except Exception as error:  # noqa: BLE001 (raised again where the task was submitted)
            answer = pickle.dumps((None, _to_send(error), traceback.format_exc()))
        connection.send_bytes(answer)


def _to_send(error: Exception) -> Exception:
    """The error, or one with its type and message if it cannot be pickled and read again."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes)
    except Exception:  # noqa: BLE001 (pickling runs code of the error's class)
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _end_with_parent() -> None:
    """Ends this process, even while it computes, when the process that started it has ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(0)


def remove_files() -> None:
    """Removes the folder in which the fork server has its socket, as the usual end of Python does.

    For a program that ends without it; the worker processes have been shut down.
    """
    from multiprocessing.util import _exit_function  # type: ignore[attr-defined]

    _exit_function()


def available_cores() -> int:
    """The number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
