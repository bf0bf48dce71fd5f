"""A net prepared to run many times: one list of NumPy calls for each thread, on memory that is allocated once.

The layers of a step are computed part by part (see :mod:`cnncalc.run.steps`), each part by one thread, so that factors,
shifts and activation functions are applied to data that is still in the cache of the core. For finite values the
results are those of :meth:`cnncalc.layers.base.Layer.forward`, except for rounding.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from cnncalc.errors import ValueProblem
from cnncalc.layers.planes import pixels, planes
from cnncalc.run.builder import Builder
from cnncalc.run.steps import plan_of
from cnncalc.run.verify import available_bytes, require_runnable
from cnncalc.run.weights import array_of, build, given
from cnncalc.run.workers import Barrier, BarrierBroken, limited, single_threaded_products

if TYPE_CHECKING:
    from collections.abc import Collection

    from cnncalc.analysis.report import Report
    from cnncalc.run.weights import Weights

BUFFER_ELEMENTS = 1024
"""Elements of NumPy's buffer for arrays that are broadcast; with its default of 8,192 additions take longer."""
LEAST_THREADED_MACS = 1 << 20
"""Steps with fewer multiply-adds, on average, are faster on one thread: others would wait longer than they save."""
MOST_THREADS = 64
"""The most threads of a net; more are not faster, since all wait for each other after each step."""


def prepare(
    report: Report, weights: Mapping[str, Mapping[str, Any]] | None = None, *, seed: int = 0, threads: int = 1
) -> PreparedNet:
    """A prepared net, with arrays of weights by the names of layer and array, or random ones, drawn with ``seed``.

    Raises ValueProblem for another data type and wrong weights, DesignError if it needs more memory than is available.
    """
    require_runnable(report, available_bytes())
    return PreparedNet(report, build(report, seed=seed) if weights is None else given(report, weights), threads=threads)


class PreparedNet:
    """A net with its weights, prepared to run on batches of the size of the report.

    It runs on at most ``threads`` threads; a small net runs on one. ``keep`` are the rows whose outputs are returned in
    addition to those that no layer reads. ``arena_bytes`` is the memory of all activations, ``workspace_bytes`` the
    further memory of the threads, ``weight_bytes`` that of the copies of weights, which are rearranged and multiplied
    by the factors of normalizations. ``multiply_adds`` are those of the matrix products of one call. ``steps`` has the
    names of the layers that are computed together.
    """

    def __init__(
        self, report: Report, weights: Weights, *, threads: int = 1, keep: Collection[int] = (), xp: Any = np
    ) -> None:
        self.report = report
        self._controller = single_threaded_products()
        with np.errstate(all="ignore"):  # weights of 0 and 1 show which layers can be folded
            plan = plan_of(report, keep)
        is_large = report.totals.macs * report.batch >= LEAST_THREADED_MACS * len(plan.steps)
        self.threads = min(threads, MOST_THREADS) if self._controller is not None and is_large else 1
        self.steps = tuple(
            [tuple([report.layers[index].name for index in (*step.before, *step.rows)]) for step in plan.steps]
        )
        self._dtype: Any = np.dtype(report.dtype)
        self._arena = np.empty((report.batch, plan.elements), self._dtype)
        self._barrier = Barrier(self.threads)
        builder = Builder(report, weights, plan, self._arena, self.threads, self._barrier, xp)
        with np.errstate(all="ignore"):
            self._calls = builder.build()
        self._arrays = builder.arrays
        self._kept = plan.kept
        self.arena_bytes = self._arena.nbytes
        self.workspace_bytes = builder.workspace_bytes
        self.multiply_adds = builder.multiply_adds
        self.weight_bytes = builder.filter_steps.weight_bytes
        del builder.filter_steps.builder  # a cycle, which would keep the memory after the net
        self.begin()
        _nets.add(self)

    def begin(self) -> None:
        """Discards all threads and locks, as a forked process must: the threads do not exist there."""
        self._pool: ThreadPoolExecutor | None = None
        self._lock = Lock()

    def __call__(self, images: Any) -> dict[str, Any]:
        """The outputs of the net, batch x sides x depth, by the names of their layers.

        ``images`` is a mapping of the name of each input to an array batch x sides x depth, or the array of the only
        input. Raises ValueProblem if one is missing or has another shape.
        """
        arrays = self._checked(images)
        with self._lock, limited(self._controller):
            for index, image in arrays.items():
                np.copyto(self._arrays[index], planes(image))
            errors = self._run_all()
            for error in errors:
                if error is not None and not isinstance(error, BarrierBroken):
                    raise error
            return {self.report.layers[index].name: pixels(self._arrays[index].copy()) for index in self._kept}

    def _checked(self, images: Any) -> dict[int, Any]:
        """The array of images of each input, by its row; raises ValueProblem."""
        inputs = {row.name: row for row in self.report.layers if row.layer.is_input and row.index in self._arrays}
        if not isinstance(images, Mapping):
            if len(inputs) > 1:
                raise ValueProblem(f"images: expected an array for each of the inputs {', '.join(inputs)}")
            images = dict.fromkeys(inputs, images)
        found = {}
        for name, row in inputs.items():
            if name not in images:
                raise ValueProblem(f"images: there is no array for the input {name}")
            shape = (self.report.batch, *row.output)
            found[row.index] = array_of(images[name], shape, self._dtype, f"images: those of {name}")
        return found

    def _run_all(self) -> list[BaseException | None]:
        """Makes the calls of all threads, and returns the error of each; an interrupt ends all threads first."""
        self._barrier.reset()
        try:
            if self._pool is None and self.threads > 1:
                self._pool = ThreadPoolExecutor(self.threads - 1)
            others = [self._pool.submit(self._run, thread) for thread in range(1, self.threads)] if self._pool else []
            return [self._run(0), *[other.result() for other in others]]
        except BaseException:
            self._end_threads()
            raise

    def _end_threads(self) -> None:
        """Ends all other threads, even if it is interrupted meanwhile; the next run starts new ones."""
        while self._pool is not None:
            try:
                self._barrier.abort()
                self._pool.shutdown(cancel_futures=True)
                self._pool = None
            except KeyboardInterrupt:
                continue

    def _run(self, thread: int) -> BaseException | None:
        """Makes the calls of a thread; returns its error, after which all threads end."""
        usual = np.setbufsize(BUFFER_ELEMENTS)
        try:
            with np.errstate(all="ignore"):
                for call in self._calls[thread]:
                    call()
        except BaseException as error:  # noqa: BLE001  # it is raised again in the thread of the caller
            self._barrier.abort()
            return error
        finally:
            np.setbufsize(usual)
        return None


_nets: WeakSet[PreparedNet] = WeakSet()


def _begin_all() -> None:
    """Resets all nets of a forked process: their threads do not exist there, and their locks may be held for ever."""
    for net in _nets:
        net.begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all)
