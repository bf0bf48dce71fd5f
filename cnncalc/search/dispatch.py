"""Submits the points of a search to executors in chunks, and gives their outcomes in the order of the points.

Only the interface of ``concurrent.futures.Executor`` is used. The points of a chunk and the number of submitted chunks
are chosen from measured times.
"""

from __future__ import annotations

import pickle
from collections import deque
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, InvalidStateError, wait
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
"""How long to wait for the shutdown of an executor: one given by the user may hang after a worker was killed."""
SILENT_SECONDS = 5.0
"""After how many seconds without any answer the executors are asked whether they still take tasks."""
CHUNK_SECONDS = 0.2
"""How long a worker should compute one chunk: much longer than it takes to send the chunk and its answer."""
MAX_CHUNK = 10_000
"""The most points of a chunk."""
MAX_AHEAD = 100_000
"""The most points between the first one without an outcome and the last submitted one."""
LEAST_TASKS, MOST_TASKS = 2, 4_096
"""Limits of the number of chunks that are submitted to one executor at the same time."""
OVERHEAD_SECONDS = 0.05
"""At most how long it takes to send a chunk and its answer to and from an idle worker."""
MAX_DEATHS = 3
"""A point counts as broken once so many workers have died on it; the search fails if so many die at its start."""


class Provider(NamedTuple):
    """How an executor is started.

    ``name`` is for messages. ``tasks`` is the number of chunks that are submitted to it at the same time at first.
    ``deaths`` are the exceptions, besides BrokenExecutor, of a task whose worker died. ``may_restart``: a broken one
    may be replaced. ``is_owned``: it is shut down with the search.
    """

    name: str
    start: Callable[[], Executor]
    tasks: int = LEAST_TASKS
    deaths: tuple[type[BaseException], ...] = ()
    may_restart: bool = True
    is_owned: bool = True


class Chunk:
    """Some points in their order, and their pickled outcomes once they are known.

    ``deaths`` counts the workers that died on it while it had a single point. ``is_suspect``: it is one of the chunks
    that were submitted when a worker died; it is submitted again alone, to find out which of them is the cause.
    """

    def __init__(self, points: Sequence[Point], *, is_suspect: bool = False) -> None:
        self.points = points
        self.outcomes: bytes | None = None
        self.deaths = 0
        self.is_suspect = is_suspect

    def halves(self) -> list[Chunk]:
        """Two chunks with half of its points each."""
        middle = len(self.points) // 2
        return [Chunk(part, is_suspect=self.is_suspect) for part in (self.points[:middle], self.points[middle:])]

    def fail(self) -> None:
        """Sets the outcome of its only point: broken."""
        why = f"worker-died: the worker process ended {MAX_DEATHS} times while it computed this design"
        self.outcomes = pickle.dumps([Outcome(None, why)])


class Task:
    """A submitted chunk, when it was submitted, and when its answer arrived."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.start = self.end = perf_counter()

    def has_ended(self, _: object) -> None:
        """Records the time; the executor calls it, perhaps in another thread."""
        self.end = perf_counter()


class ChunkSizer:
    """Chooses the number of points of a chunk from the seconds that the last chunks took."""

    def __init__(self) -> None:
        self.seconds_per_point: float | None = None

    def observe(self, points: int, seconds: float) -> None:
        """Records that ``points`` points took ``seconds``; later chunks have more weight."""
        if points:
            measured = max(seconds / points, 1e-9)
            known = self.seconds_per_point
            self.seconds_per_point = measured if known is None else (known + measured) / 2

    @property
    def points(self) -> int:
        """The number of points of the next chunk."""
        if self.seconds_per_point is None:
            return 1
        return max(1, min(MAX_CHUNK, int(CHUNK_SECONDS / self.seconds_per_point)))


class ExecutorQueue:
    """One executor and the chunks that are submitted to it.

    It ``is_ready`` once it has answered an empty chunk, the probe. ``most_tasks``, the most chunks that are submitted
    at the same time, grows while chunks hardly wait for a worker, and shrinks while they wait long; so it follows the
    number of workers.
    """

    def __init__(self, provider: Provider, work: bytes) -> None:
        self.provider = provider
        self.tasks: dict[Future[bytes], Task] = {}
        self.most_tasks = provider.tasks
        self._work = work
        self._failed_starts = 0
        self._executor: Executor | None = None
        self._probe: Future[bytes] | None = None

    def start(self) -> None:
        """Starts the executor and submits the probe; raises ValueProblem if it cannot be started."""
        try:
            self._executor = self.provider.start()
            self._probe = self._sent([])
        except (OSError, RuntimeError) as error:
            raise self.failure(error) from None

    @property
    def is_ready(self) -> bool:
        """Whether the probe has been answered."""
        return self._probe is None

    def poll(self) -> None:
        """Receives the answer to the probe if it has arrived; if a worker died, restarts the executor a few times."""
        probe = self._probe
        if probe is None or not probe.done():
            return
        self._probe = None
        deaths: tuple[type[BaseException], ...] = (BrokenExecutor, *self.provider.deaths)
        try:
            self.read_answer(probe)
        except deaths as error:
            self._failed_starts += 1
            if self._failed_starts == MAX_DEATHS or not self.provider.may_restart:
                raise self.failure(error) from None
            self.restart()
        else:
            self._failed_starts = 0

    def fail_if_broken(self) -> None:
        """Fails the futures without an answer if the executor takes no more tasks: they would never have one.

        A pool of processes loses a task that is submitted at the moment in which it breaks, before Python 3.12.1.
        """
        try:
            self._sent([])
        except (OSError, RuntimeError) as error:
            for future in self.futures:
                with suppress(InvalidStateError):  # it has its answer now
                    future.set_exception(BrokenExecutor(str(error)))

    @property
    def futures(self) -> list[Future[bytes]]:
        """The futures without an answer: the probe, or the submitted chunks."""
        return [*self.tasks] if self._probe is None else [self._probe]

    def can_take(self, *, is_suspect: bool) -> bool:
        """Whether another chunk may be submitted; a suspect one is submitted alone."""
        if not self.is_ready:
            return False
        if not self.tasks:
            return True
        is_alone = is_suspect or any(task.chunk.is_suspect for task in self.tasks.values())
        return not is_alone and len(self.tasks) < self.most_tasks

    def submit(self, chunk: Chunk) -> bool:
        """Submits a chunk; returns False if the executor is broken. Raises ValueProblem if it cannot take tasks."""
        try:
            future = self._sent(chunk.points)
        except BrokenExecutor:
            return False
        except (OSError, RuntimeError) as error:
            if isinstance(error, OSError) and self.tasks:  # the pipe of a pool of processes that breaks at this moment
                return False
            raise self.failure(error) from None
        task = self.tasks[future] = Task(chunk)
        future.add_done_callback(task.has_ended)
        return True

    def adapt(self, task: Task, seconds: float) -> None:
        """Adapts ``most_tasks`` after an answer that took ``seconds`` to compute."""
        waited = (task.end - task.start) / (seconds + OVERHEAD_SECONDS)
        if waited < 2:
            self.most_tasks = min(self.most_tasks + 1, MOST_TASKS)
        elif waited > 4:
            self.most_tasks = max(self.most_tasks - 1, LEAST_TASKS)

    def restart(self) -> None:
        """Replaces a broken executor; raises ValueProblem if that is not possible."""
        if not self.provider.may_restart:
            raise self.failure("its workers have died")
        self.tasks.clear()
        self.close()
        self.start()

    def close(self) -> None:
        """Cancels the submitted chunks and shuts the executor down, if it is ours."""
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
        """The error for an executor that does not work."""
        if isinstance(error, CancelledError):
            error = "the connection is lost"
        text = error if isinstance(error, str) else " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return ValueProblem(f"the executor {self.provider.name} failed: {text}", code="executor")

    def _sent(self, points: Sequence[Point]) -> Future[bytes]:
        assert self._executor is not None
        return self._executor.submit(answer, self._work, pickle.dumps(points))

    def read_answer(self, future: Future[bytes]) -> tuple[float, bytes]:
        """The seconds and the pickled outcomes of an answer.

        Raises ValueProblem if the worker has another version of cnncalc, or if the executor does not work;
        BrokenExecutor and the ``deaths`` of the :class:`Provider` if the worker died.
        """
        try:
            content = future.result()
        except Exception as error:
            if isinstance(error, (BrokenExecutor, *self.provider.deaths)):
                raise
            raise self.failure(error) from None
        # bytes that answer() wrote in a worker
        version, seconds, outcomes, failure, is_bug = pickle.loads(content)  # noqa: S301
        if version != __version__:
            raise self.failure(f"a worker has cnncalc {version}, but this process has {__version__}")
        if is_bug:
            raise RuntimeError(failure)
        if failure:
            raise self.failure(f"a worker says: {failure}")
        return seconds, outcomes


def _end(executor: Executor) -> None:
    """Shuts down an executor whose answers have all been read; its errors are ignored."""
    with suppress(Exception):
        executor.shutdown(wait=True)


class WorkerPool:
    """Computes the outcomes of a :class:`~cnncalc.search.work.Work` in this process and in executors.

    This process computes alone for ``delay`` seconds and until an executor is ready; with a delay of 0 it computes
    nothing. It is a context manager: leaving it shuts the executors down. Entering raises DesignError if the target
    cannot be read, and with a delay of 0 ValueProblem if an executor does not answer.
    """

    def __init__(self, work: Work, providers: Sequence[Provider] = (), delay: float = inf) -> None:
        self.work = work
        self.delay = delay
        self.providers = providers
        self.queues: list[ExecutorQueue] = []
        self.has_started = False
        self._chunk_sizer = ChunkSizer()
        self._order: deque[Chunk] = deque()
        """All chunks whose outcomes were not yielded yet, in the order of the points."""
        self._waiting: deque[Chunk] = deque()
        """Those of them that must be submitted again."""

    def __enter__(self) -> WorkerPool:
        sent = pickle.dumps(self.work.to_send())
        self.queues = [ExecutorQueue(provider, sent) for provider in self.providers]
        if not self.delay:
            try:
                self._start()
                while not all(queue.is_ready for queue in self.queues):
                    self._wait()
            except BaseException:
                self.close()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Shuts the executors down."""
        for queue in self.queues:
            queue.close()

    def outcomes(self, points: Iterable[Point]) -> Iterator[tuple[Point, Outcome]]:
        """Yields each point with its outcome, in order; at most MAX_AHEAD points are read ahead.

        May be called again after all outcomes have been yielded. Raises ValueProblem if an executor fails.
        """
        source = iter(points)
        for point in source:
            if self._has_ready_executor():
                source = chain([point], source)
                break
            start = perf_counter()
            (outcome,) = evaluate(self.work, [point])
            seconds = perf_counter() - start
            self._chunk_sizer.observe(1, seconds)
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

    def _has_ready_executor(self) -> bool:
        """Whether an executor is ready to compute instead of this process; starts them once ``delay`` has passed."""
        if self.delay > 0 or not self.queues:
            return False
        if not self.has_started:
            self._start()
        for queue in self.queues:
            queue.poll()
        return any(queue.is_ready for queue in self.queues)

    def _start(self) -> None:
        self.has_started = True
        for queue in self.queues:
            queue.start()

    def _fill(self, source: Iterator[Point]) -> None:
        """Submits chunks while an executor can take one."""
        ahead = sum([len(chunk.points) for chunk in self._order])
        while True:
            is_suspect = bool(self._waiting) and self._waiting[0].is_suspect
            queues = [queue for queue in self.queues if queue.can_take(is_suspect=is_suspect)]
            if not queues:
                return
            if self._waiting:
                chunk = self._waiting.popleft()
            else:
                points = list(islice(source, max(0, min(self._chunk_sizer.points, MAX_AHEAD - ahead))))
                if not points:
                    return
                ahead += len(points)
                chunk = Chunk(points)
                self._order.append(chunk)
            queue = min(queues, key=lambda queue: len(queue.tasks))
            if not queue.submit(chunk):
                self._waiting.appendleft(chunk)
                self._receive(queue)
                if queue.is_ready:  # not restarted yet: none of its tasks has reported that it is broken
                    self._recover(queue)

    def _wait(self) -> None:
        """Waits for an answer, and receives all that have arrived."""
        futures = chain.from_iterable([queue.futures for queue in self.queues])
        is_silent = not wait(futures, SILENT_SECONDS, FIRST_COMPLETED).done
        for queue in self.queues:
            if is_silent:
                queue.fail_if_broken()
            queue.poll()
            self._receive(queue)

    def _receive(self, queue: ExecutorQueue) -> None:
        """Reads the answers that have arrived, and queues the chunks of dead workers again."""
        is_broken = False
        for future in [future for future in queue.tasks if future.done()]:
            task = queue.tasks[future]
            try:
                seconds, task.chunk.outcomes = queue.read_answer(future)
            except BrokenExecutor:
                is_broken = True
                continue
            except queue.provider.deaths:
                del queue.tasks[future]
                self._blame(task.chunk)
                continue
            del queue.tasks[future]
            queue.adapt(task, seconds)
            self._chunk_sizer.observe(len(task.chunk.points), seconds)
        if is_broken:
            self._recover(queue)

    def _recover(self, queue: ExecutorQueue) -> None:
        """Restarts a broken executor and queues its chunks again; marks or halves those that may have broken it."""
        chunks = [task.chunk for task in queue.tasks.values()]
        if len(chunks) == 1:
            self._blame(chunks[0])
        else:
            for chunk in chunks:
                chunk.is_suspect = True
            self._waiting.extendleft(reversed(chunks))
        queue.restart()

    def _blame(self, chunk: Chunk) -> None:
        """Queues a chunk again after a worker died on it, perhaps by chance.

        Its halves replace it, so that a point that kills its worker is soon alone in a chunk. After MAX_DEATHS such a
        point is broken.
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
