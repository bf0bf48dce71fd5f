"""For the threads of a prepared net: a barrier, the division of work, memory, and single-threaded BLAS."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


class BarrierBroken(RuntimeError):
    """Another thread has raised an error."""


class Barrier:
    """Lets threads wait for each other, in half the time that :class:`threading.Barrier` takes.

    Each pair of threads has two locks for each direction, used alternately: one thread releases the lock that the other
    acquires.
    """

    def __init__(self, threads: int) -> None:
        self._locks = [[[Lock() for _ in range(2)] for _ in range(threads)] for _ in range(threads)]
        self._turns = [0] * threads
        self._is_broken = False
        self.reset()

    def reset(self) -> None:
        """Prepares it for a run; no thread may be waiting."""
        self._is_broken = False
        self._turns = [0] * len(self._turns)
        for row in self._locks:
            for pair in row:
                for lock in pair:
                    lock.acquire(blocking=False)

    def wait(self, me: int) -> None:
        """Returns when all threads have called it as often as thread ``me``; raises BarrierBroken if one has failed."""
        turn = self._turns[me]
        self._turns[me] = 1 - turn
        others = [number for number in range(len(self._turns)) if number != me]
        for other in others:
            with suppress(RuntimeError):  # after abort it is free already
                self._locks[me][other][turn].release()
        for other in others:
            self._locks[other][me][turn].acquire()
        if self._is_broken:
            raise BarrierBroken

    def abort(self) -> None:
        """Ends the waiting of all threads, after an error in one of them."""
        self._is_broken = True
        for row in self._locks:
            for pair in row:
                for lock in pair:
                    with suppress(RuntimeError):
                        lock.release()


def single_threaded_products() -> Any:
    """A controller of the threads of NumPy's BLAS; None if ``threadpoolctl`` is not installed."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


def limited(controller: Any) -> Any:
    """A context in which each matrix product runs on one thread; ``controller`` is that of NumPy's BLAS."""
    return nullcontext() if controller is None else controller.limit(limits=1, user_api="blas")


def shares(count: int, parts: int) -> Sequence[range]:
    """The numbers from 0 to ``count - 1`` in ``parts`` ranges of about equal length."""
    edges = [count * part // parts for part in range(parts + 1)]
    return [range(low, high) for low, high in pairwise(edges)]


class Workspace:
    """The memory that a thread reuses for each step; its size is measured first, then it is allocated."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = dtype
        self._elements = 0
        self._array: Any = None

    def begin(self, is_measured: bool) -> None:
        """Begins to measure the size, or allocates the memory of the size that was measured."""
        self._array = None if is_measured else np.empty(self._elements, self._dtype)

    @property
    def bytes(self) -> int:
        """The size of the memory in bytes."""
        return self._elements * int(self._dtype.itemsize)

    def take(self, *sizes: int) -> list[Any]:
        """Flat arrays of these sizes, which the next call returns again; None for each while the size is measured."""
        edges = [0]
        for size in sizes:
            edges.append(edges[-1] + -(-size // 16) * 16)
        if self._array is None:
            self._elements = max(self._elements, edges[-1])
            return [None] * len(sizes)
        return [self._array[low:high] for low, high in pairwise(edges)]
