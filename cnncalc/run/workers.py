"""What the threads of a prepared net need: a barrier, shares of the work, memory, products on one thread each."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


class BarrierBroken(RuntimeError):
    """Another thread has failed."""


class Barrier:
    """Lets threads wait for each other, at half the cost of :class:`threading.Barrier`.

    Each pair of threads has two locks for each direction, used in turn: one thread releases what the other acquires.
    """

    def __init__(self, threads: int) -> None:
        self._locks = [[[Lock() for _ in range(2)] for _ in range(threads)] for _ in range(threads)]
        self._turns = [0] * threads
        self._is_broken = False
        self.reset()

    def reset(self) -> None:
        """Makes it ready for a run; no thread may be waiting."""
        self._is_broken = False
        self._turns = [0] * len(self._turns)
        for row in self._locks:
            for pair in row:
                for lock in pair:
                    lock.acquire(blocking=False)

    def wait(self, me: int) -> None:
        """Returns when all threads have called it as often as this one; raises BarrierBroken if one has failed."""
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
        """Ends the waiting of all other threads, after an error."""
        self._is_broken = True
        for row in self._locks:
            for pair in row:
                for lock in pair:
                    with suppress(RuntimeError):
                        lock.release()


def single_threaded_products() -> Any:
    """A controller of NumPy's BLAS; None where ``threadpoolctl`` is missing."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


def limited(controller: Any) -> Any:
    """A context in which matrix products run on one thread."""
    return nullcontext() if controller is None else controller.limit(limits=1, user_api="blas")


def shares(count: int, parts: int) -> Sequence[range]:
    """``count`` numbers in ``parts`` ranges, as equal as possible."""
    edges = [count * part // parts for part in range(parts + 1)]
    return [range(low, high) for low, high in pairwise(edges)]


class Workspace:
    """The memory that one thread uses again and again: first measured, then made."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = dtype
        self._elements = 0
        self._array: Any = None

    def begin(self, is_measured: bool) -> None:
        """Begins to measure, or to use what was measured."""
        self._array = None if is_measured else np.empty(self._elements, self._dtype)

    @property
    def bytes(self) -> int:
        """The bytes of the memory."""
        return self._elements * int(self._dtype.itemsize)

    def take(self, *sizes: int) -> list[Any]:
        """Arrays of these sizes beside each other, which the next call may return again; None while measured."""
        edges = [0]
        for size in sizes:
            edges.append(edges[-1] + -(-size // 16) * 16)
        if self._array is None:
            self._elements = max(self._elements, edges[-1])
            return [None] * len(sizes)
        return [self._array[low:high] for low, high in pairwise(edges)]
