"""Points of a search go out to executors in chunks, and their outcomes come back in the order of the points.

Nothing is asked of an executor but what ``concurrent.futures.Executor`` states. How many points a chunk holds and how
many chunks are out follows from measured times alone.
"""

from __future__ import annotations

import pickle
from collections import deque
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, wait
from contextlib import suppress
from itertools import chain, islice
from math import inf
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING

from cnncalc import __version__
from cnncalc.errors import ValueProblem
from cnncalc.records import NamedTuple
from cnncalc.search.work import Outcome, answer, evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor, Future

    from cnncalc.search.family import Point
    from cnncalc.search.work import Work

SHUTDOWN_SECONDS = 10
"""How long the end of an executor is awaited: one of a user's whose worker was killed may never end."""
CHUNK_SECONDS = 0.2
"""How long a worker computes one chunk: much longer than its way there and back."""
MAX_CHUNK = 10_000
"""Most points of a chunk."""
MAX_AHEAD = 100_000
"""Most points between the first one without an outcome and the last one that went out."""
LEAST_ROOM, MOST_ROOM = 2, 4_096
"""Chunks that are out at one executor at the same time."""
OVERHEAD_SECONDS = 0.05
"""The way of a chunk to a worker and back, at most, where workers wait for chunks."""
MAX_DEATHS = 3
"""So many worker processes may end on one point before it is broken, or at their start before the search ends."""


class Provider(NamedTuple):
    """How an executor is started.

    ``name`` is for messages. ``is_single``: it has one worker, which takes tasks in their order. ``deaths`` are the
    exceptions of a task that ended its worker, besides BrokenExecutor. ``may_restart``: another one may be started once
    it is broken. ``is_owned``: it ends with the search. ``ends_at_once``: its shutdown does not wait for its tasks.
    """

    name: str
    start: Callable[[], Executor]
    is_single: bool = False
    deaths: tuple[type[BaseException], ...] = ()
    may_restart: bool = True
    is_owned: bool = True
    ends_at_once: bool = False


class Chunk:
    """Some points in their order, and their outcomes once they are known.

    ``deaths`` counts the workers that ended on its only point. ``is_suspect``: it is among the chunks of which one
    ended a worker, and goes out alone, so that it becomes clear which one.
    """

    def __init__(self, points: Sequence[Point], *, is_suspect: bool = False) -> None:
        self.points = points
        self.outcomes: bytes | None = None
        self.deaths = 0
        self.is_suspect = is_suspect

    def halves(self) -> list[Chunk]:
        """Two chunks with its points."""
        middle = len(self.points) // 2
        return [Chunk(part, is_suspect=self.is_suspect) for part in (self.points[:middle], self.points[middle:])]

    def fail(self) -> None:
        """Its only point is broken."""
        why = f"worker-died: the worker process ended {MAX_DEATHS} times while it computed this design"
        self.outcomes = pickle.dumps([Outcome(None, why)])


class Task:
    """A chunk that is out: when it went, and when its answer came."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.start = self.end = perf_counter()

    def has_ended(self, _: object) -> None:
        """Called by the executor, perhaps in a thread of its own."""
        self.end = perf_counter()


class Pace:
    """The points of a chunk, from the seconds that the last ones took."""

    def __init__(self) -> None:
        self.seconds_per_point: float | None = None

    def observe(self, points: int, seconds: float) -> None:
        """So many points took so long; the last ones count most."""
        if points:
            measured = max(seconds / points, 1e-9)
            known = self.seconds_per_point
            self.seconds_per_point = measured if known is None else (known + measured) / 2

    @property
    def points(self) -> int:
        """The points of the next chunk."""
        if self.seconds_per_point is None:
            return 1
        return max(1, min(MAX_CHUNK, int(CHUNK_SECONDS / self.seconds_per_point)))


class Lane:
    """One executor and the chunks that are out there.

    It ``is_ready`` once it has answered an empty chunk. ``room``, the number of chunks that may be out, grows while
    they hardly wait for a worker, and shrinks while they wait for long; so it follows the number of workers.
    """

    def __init__(self, provider: Provider, work: bytes) -> None:
        self.provider = provider
        self.tasks: dict[Future[bytes], Task] = {}
        self.room = LEAST_ROOM
        self._work = work
        self._failed_starts = 0
        self._executor: Executor | None = None
        self._probe: Future[bytes] | None = None

    def start(self) -> None:
        """Starts the executor and sends the empty chunk."""
        try:
            self._executor = self.provider.start()
            self._probe = self._sent([])
        except (OSError, RuntimeError) as error:
            raise self.failure(error) from None

    @property
    def is_ready(self) -> bool:
        """Whether the empty chunk has been answered."""
        return self._probe is None

    def look(self) -> None:
        """Receives the answer to the empty chunk, if it has come; a worker that ended on it is replaced a few times."""
        probe = self._probe
        if probe is None or not probe.done():
            return
        self._probe = None
        try:
            self.opened(probe)
        except BrokenExecutor as error:
            self._failed_starts += 1
            if self._failed_starts == MAX_DEATHS:
                raise self.failure(error) from None
            self.restart()
        except self.provider.deaths as error:
            raise self.failure(error) from None
        else:
            self._failed_starts = 0

    @property
    def futures(self) -> list[Future[bytes]]:
        """What it waits for."""
        return [*self.tasks] if self._probe is None else [self._probe]

    def can_take(self, *, is_suspect: bool) -> bool:
        """Whether another chunk may go out."""
        if not self.is_ready:
            return False
        if not self.tasks:
            return True
        is_alone = is_suspect or any(task.chunk.is_suspect for task in self.tasks.values())
        return not is_alone and len(self.tasks) < self.room

    def submit(self, chunk: Chunk) -> bool:
        """Sends a chunk; False if the executor is found to be broken."""
        try:
            future = self._sent(chunk.points)
        except BrokenExecutor:
            return False
        except (OSError, RuntimeError) as error:
            raise self.failure(error) from None
        task = self.tasks[future] = Task(chunk)
        future.add_done_callback(task.has_ended)
        return True

    def adapt(self, task: Task, seconds: float) -> None:
        """The room after an answer that took ``seconds`` to compute."""
        waited = (task.end - task.start) / (seconds + OVERHEAD_SECONDS)
        if waited < 2:
            self.room = min(self.room + 1, MOST_ROOM)
        elif waited > 4:
            self.room = max(self.room - 1, LEAST_ROOM)

    def restart(self) -> None:
        """Starts another executor in place of a broken one."""
        if not self.provider.may_restart:
            raise self.failure("its workers have ended")
        self.tasks.clear()
        self.close()
        self.start()

    def close(self) -> None:
        """Cancels what is out, and ends the executor."""
        if not self.provider.ends_at_once:
            for future in self.futures:
                future.cancel()
        self.tasks.clear()
        self._probe = None
        executor, self._executor = self._executor, None
        if executor is not None and self.provider.is_owned:
            ending = Thread(target=_end, args=(executor,), daemon=True)
            ending.start()
            ending.join(SHUTDOWN_SECONDS)

    def failure(self, error: BaseException | str) -> ValueProblem:
        """The executor does not work."""
        if isinstance(error, CancelledError):
            error = "the connection is lost"
        text = error if isinstance(error, str) else " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return ValueProblem(f"the executor {self.provider.name} failed: {text}", code="executor")

    def _sent(self, points: Sequence[Point]) -> Future[bytes]:
        assert self._executor is not None
        return self._executor.submit(answer, self._work, pickle.dumps(points))

    def opened(self, future: Future[bytes]) -> tuple[float, bytes]:
        """Seconds and outcomes of an answer.

        Raises ValueProblem for one of another version of cnncalc and for executors that do not work, BrokenExecutor and
        the other exceptions of :class:`Provider` for a worker that has ended.
        """
        try:
            content = future.result()
        except Exception as error:
            if isinstance(error, (BrokenExecutor, *self.provider.deaths)):
                raise
            raise self.failure(error) from None
        # what a worker of ours has written
        version, seconds, outcomes, failure, is_bug = pickle.loads(content)  # noqa: S301
        if version != __version__:
            raise self.failure(f"a worker has version {version} of cnncalc, and this is {__version__}")
        if is_bug:
            raise RuntimeError(failure)
        if failure:
            raise self.failure(f"a worker says: {failure}")
        return seconds, outcomes


def _end(executor: Executor) -> None:
    """Ends an executor whose answers have all been read; what it raises no longer matters."""
    with suppress(Exception):
        executor.shutdown(wait=True)


class Crew:
    """Those who compute the outcomes of a work: this process and the executors of ``providers``.

    This process computes alone for ``delay`` seconds, and until an executor is ready; with a delay of 0 it computes
    nothing. A context: leaving it ends the executors. Entering raises DesignError if the target cannot be read, and
    with a delay of 0 ValueProblem if an executor does not answer.
    """

    def __init__(self, work: Work, providers: Sequence[Provider] = (), delay: float = inf) -> None:
        self.work = work
        self.delay = delay
        self.providers = providers
        self.lanes: list[Lane] = []
        self.has_started = False
        self._pace = Pace()
        self._order: deque[Chunk] = deque()  # all chunks without an outcome that was given, in the order of the points
        self._waiting: deque[Chunk] = deque()  # those of them that have to go out again

    def __enter__(self) -> Crew:
        sent = pickle.dumps(self.work.to_send())
        self.lanes = [Lane(provider, sent) for provider in self.providers]
        if not self.delay:
            try:
                self._start()
                while not all(lane.is_ready for lane in self.lanes):
                    self._wait()
            except BaseException:
                self.close()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the executors."""
        for lane in self.lanes:
            lane.close()

    def outcomes(self, points: Iterable[Point]) -> Iterator[tuple[Point, Outcome]]:
        """Each point with its outcome, in their order; a bounded number of points is taken ahead.

        May be called again when all outcomes have been given.
        """
        source = iter(points)
        for point in source:
            if self._is_relieved():
                source = chain([point], source)
                break
            start = perf_counter()
            (outcome,) = evaluate(self.work, [point])
            seconds = perf_counter() - start
            self._pace.observe(1, seconds)
            self.delay -= seconds
            yield point, outcome
        while True:
            self._fill(source)
            if not self._order:
                return
            head = self._order[0]
            if head.outcomes is None:
                self._wait()
            else:
                self._order.popleft()
                yield from zip(head.points, pickle.loads(head.outcomes), strict=True)  # noqa: S301  # as above

    def _is_relieved(self) -> bool:
        """Whether an executor is ready to compute in place of this process; they are started once it pays."""
        if self.delay > 0 or not self.lanes:
            return False
        if not self.has_started:
            self._start()
        for lane in self.lanes:
            lane.look()
        return any(lane.is_ready for lane in self.lanes)

    def _start(self) -> None:
        self.has_started = True
        for lane in self.lanes:
            lane.start()

    def _fill(self, source: Iterator[Point]) -> None:
        """Sends chunks out while there is room."""
        ahead = sum([len(chunk.points) for chunk in self._order])
        while True:
            is_suspect = bool(self._waiting) and self._waiting[0].is_suspect
            lanes = [lane for lane in self.lanes if lane.can_take(is_suspect=is_suspect)]
            if not lanes:
                return
            if self._waiting:
                chunk = self._waiting.popleft()
            else:
                points = list(islice(source, max(0, min(self._pace.points, MAX_AHEAD - ahead))))
                if not points:
                    return
                ahead += len(points)
                chunk = Chunk(points)
                self._order.append(chunk)
            lane = min(lanes, key=lambda lane: len(lane.tasks))
            if not lane.submit(chunk):
                self._waiting.appendleft(chunk)
                self._receive(lane)
                if lane.is_ready:  # not restarted yet, since no task that is out has told of it
                    self._recover(lane)

    def _wait(self) -> None:
        """Waits for an answer, and receives all that have come."""
        wait(chain.from_iterable([lane.futures for lane in self.lanes]), return_when=FIRST_COMPLETED)
        for lane in self.lanes:
            lane.look()
            self._receive(lane)

    def _receive(self, lane: Lane) -> None:
        is_broken = False
        for future in [future for future in lane.tasks if future.done()]:
            task = lane.tasks[future]
            try:
                seconds, task.chunk.outcomes = lane.opened(future)
            except BrokenExecutor:
                is_broken = True
                continue
            except lane.provider.deaths:
                del lane.tasks[future]
                self._blame(task.chunk)
                continue
            del lane.tasks[future]
            lane.adapt(task, seconds)
            self._pace.observe(len(task.chunk.points), seconds)
        if is_broken:
            self._recover(lane)

    def _recover(self, lane: Lane) -> None:
        """Sends the chunks of a broken executor out again; the one that may have broken it is treated with care."""
        chunks = [task.chunk for task in lane.tasks.values()]
        if lane.provider.is_single or len(chunks) < 2:
            blamed, others = chunks[:1], chunks[1:]
        else:
            blamed, others = [], chunks
            for chunk in chunks:
                chunk.is_suspect = True
        self._waiting.extendleft(reversed(others))
        for chunk in blamed:
            self._blame(chunk)
        lane.restart()

    def _blame(self, chunk: Chunk) -> None:
        """A worker ended on this chunk, perhaps by chance.

        Its halves go out in its place, so that a point that ends its worker is soon alone; such a point is broken in
        the end.
        """
        if len(chunk.points) > 1:
            halves = chunk.halves()
            place = self._order.index(chunk)
            self._order.rotate(-place)
            self._order.popleft()
            self._order.extendleft(reversed(halves))
            self._order.rotate(place)
            self._waiting.extendleft(reversed(halves))
            return
        chunk.deaths += 1
        if chunk.deaths == MAX_DEATHS:
            chunk.fail()
        else:
            self._waiting.appendleft(chunk)
