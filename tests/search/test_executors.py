"""Executors of a search: each gives what one process gives, in the same order, also when workers end."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import re
import signal
import sys
import time
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, wait
from contextlib import suppress
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import pytest

from cnncalc import __version__
from cnncalc.errors import CnncalcError, DesignError, ValueProblem
from cnncalc.search import dispatch, executors, processes
from cnncalc.search.dispatch import ChunkSizer, ExecutorQueue, Provider, Task, WorkerPool
from cnncalc.search.executors import outcomes, worker_pool
from cnncalc.search.processes import WorkerEnded, WorkerProcesses, available_cores
from cnncalc.search.work import Outcome, evaluate
from tests.calls import ROOT, running
from tests.search import workers
from tests.search.workers import POINTS, WORK
from tests.subcases import each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from cnncalc.search.family import Point

EXPECTED = list(zip(POINTS, evaluate(WORK, POINTS), strict=True))
WORKER_DIED = Outcome(None, "worker-died: the worker process ended 3 times while it computed this design")
HERE = "tests.search.workers"


@pytest.fixture(autouse=True)
def processes_start_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "POOL_SECONDS", 0.0)


@each("executor", ["serial", "threads", "processes:2", f"{HERE}:two_processes", f"{HERE}:Immediate"])
@pytest.mark.slow
def test_every_executor_gives_the_same(executor: str) -> None:
    assert list(outcomes(WORK, POINTS, executor)) == EXPECTED
    assert list(outcomes(WORK, [], executor)) == []


def test_an_executor_of_the_caller_is_not_shut_down() -> None:
    executor = workers.Immediate()
    assert list(outcomes(WORK, POINTS, executor)) == EXPECTED
    assert not executor.has_ended


def test_an_executor_of_a_factory_is_shut_down() -> None:
    with worker_pool(WORK, f"{HERE}:Immediate") as entered:
        (queue,) = entered.queues
        made = queue._executor
        assert isinstance(made, workers.Immediate)
        assert list(entered.outcomes(POINTS)) == EXPECTED
    assert made.has_ended


def test_a_factory_is_found_in_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "my_pool_of_threads.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\n\n\ndef make():\n    return ThreadPoolExecutor(2)\n"
    )
    for name in ("my_pool_of_threads:make", "my_pool_of_threads.py:make"):
        with worker_pool(WORK, name, str(tmp_path)) as entered:
            assert list(entered.outcomes(POINTS[:30])) == EXPECTED[:30]


def test_workers_need_no_copy_of_a_file(tmp_path: Path) -> None:
    """Its content goes along, so it may change, or be on no other machine."""
    (tmp_path / "net.yaml").write_text("layers: INPUT 9x9x3 -> [CONV3-w -> RELU]*n -> POOL -> FC-10", encoding="utf-8")
    work = WORK._replace(target="net.yaml", folder=str(tmp_path))
    with worker_pool(work, workers.Immediate()) as entered:
        (tmp_path / "net.yaml").unlink()
        assert list(entered.outcomes(POINTS)) == EXPECTED
    with pytest.raises(DesignError, match="no such file"):
        evaluate(work._replace(stdin="another"), [])


@each("target", ["INPUT 9x9x3 -> CONV3-w -> FC-10", "tests.search.workers:WORK"])
def test_a_target_without_a_file_sends_none(target: str) -> None:
    with suppress(DesignError):  # a module needs PyTorch, and this is none
        assert WORK._replace(target=target).to_send().content is None


def test_a_large_file_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"layers: INPUT 9x9x3 -> FC-10"
    (tmp_path / "net.yaml").write_bytes(text)
    work = WORK._replace(target="net.yaml", folder=str(tmp_path))
    assert work.to_send().content == text
    monkeypatch.setattr("cnncalc.search.family.MOST_SENT", len(text) - 1)
    assert work.to_send().content is None


# few points, many points


def test_few_points_start_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 small designs take milliseconds, and the start of two processes tenths of a second."""
    monkeypatch.setattr(executors, "POOL_SECONDS", 30.0)
    with worker_pool(WORK, "processes:2") as entered:
        assert list(entered.outcomes(POINTS[:20])) == EXPECTED[:20]
        assert not entered.has_started


def test_this_process_computes_until_the_others_are_ready() -> None:
    """An executor whose first answer comes late: the points until then are computed here, the others there."""
    late: Future[bytes] = Future()

    class Late(workers.Immediate):
        def submit(self, *args: Any, **more: Any) -> Future[Any]:
            answer = super().submit(*args, **more)
            if len(self.sizes) > 1:
                return answer
            late.content = answer  # type: ignore[attr-defined]
            return late

    executor = Late()
    entered = WorkerPool(WORK, [Provider("late", lambda: executor)], 1e-9)
    with entered:
        found = entered.outcomes(POINTS)
        assert list(islice(found, 20)) == EXPECTED[:20]
        assert len(executor.sizes) == 1
        late.set_result(late.content.result())  # type: ignore[attr-defined]
        assert list(found) == EXPECTED[20:]
        assert len(executor.sizes) > 1


def test_one_core_needs_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnncalc.search.processes.available_cores", lambda: 1)
    with worker_pool(WORK, "processes") as entered:
        assert entered.queues == []


@each("executor", ["serial", "threads", f"{HERE}:Immediate"])
def test_points_are_taken_a_bounded_number_ahead(executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = count()
    monkeypatch.setattr(dispatch, "MAX_AHEAD", 90)
    found = outcomes(WORK, ({"n": 1, "w": 1 + next(taken) % 7} for _ in iter(int, 1)), executor)
    for n, (point, outcome) in enumerate(islice(found, 40)):
        assert point == {"n": 1, "w": 1 + n % 7}
        assert outcome.figures is not None
    found.close()  # type: ignore[attr-defined]
    assert next(taken) <= 40 + 90


def test_a_slow_first_chunk_stops_the_others_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the first chunk has no answer, at most MAX_AHEAD points go out."""
    monkeypatch.setattr(dispatch, "MAX_AHEAD", 40)
    held: list[Future[Any]] = []
    taken = count()

    class Slow(workers.Immediate):
        def submit(self, *args: Any, **more: Any) -> Future[Any]:
            answer = super().submit(*args, **more)
            if len(self.sizes) != 2:
                return answer
            held.append(answer)
            return Future()

    executor = Slow()
    entered = WorkerPool(WORK, [Provider("slow", lambda: executor)], 0)
    with entered:
        monkeypatch.setattr(dispatch, "wait", _require_an_answer)
        with pytest.raises(TimeoutError):
            list(entered.outcomes({"n": 1, "w": 1} for _ in iter(lambda: next(taken), -1)))
    assert len(held) == 1
    assert next(taken) == 40


def _require_an_answer(futures: Iterable[Future[Any]], *_: object) -> object:
    answered = wait(futures, 0)
    if not answered.done:
        raise TimeoutError
    return answered


@pytest.mark.slow
def test_garbage_is_collected_where_the_program_does_not() -> None:
    """Each design leaves cycles of some hundred bytes."""
    gc.collect()
    gc.disable()
    try:
        for _ in outcomes(WORK, POINTS * 2, "serial"):
            pass
        assert not gc.isenabled()
        assert gc.collect() < 2000
        evaluate(WORK, POINTS * 2)
        assert gc.collect() > 2000, "designs leave no cycles any more: Running is not needed"
    finally:
        gc.enable()


def test_a_chunk_takes_a_fifth_of_a_second() -> None:
    chunk_sizer = ChunkSizer()
    assert chunk_sizer.points == 1
    chunk_sizer.observe(10, 0.02)
    assert chunk_sizer.points == 100
    chunk_sizer.observe(100, 0.6)  # 6 ms a point, 4 ms on average
    assert chunk_sizer.points == 50
    chunk_sizer.observe(1, 60.0)
    assert chunk_sizer.points == 1
    for _ in range(60):
        chunk_sizer.observe(1000, 0.0)
    assert chunk_sizer.points == dispatch.MAX_CHUNK


def test_the_chunks_of_an_executor_follow_its_workers() -> None:
    """With N workers of 0.2 s a chunk and R chunks out, a chunk takes R/N times 0.2 s: R becomes 2 to 4 times N."""
    for number in (1, 2, 40):
        queue = ExecutorQueue(Provider("some", workers.Immediate), b"")
        for _ in range(40 * number):
            task = Task(dispatch.Chunk([]))
            task.start, task.end = 0.0, 0.2 * max(1, queue.most_tasks / number)
            queue.adapt(task, 0.2)
        assert 2 * number <= queue.most_tasks <= 4 * number + 1


# workers that end


def _ending_one(pairs: Iterable[tuple[Point, Outcome]], number: int) -> Iterator[tuple[Point, Outcome]]:
    """The pairs; after so many of them a worker is killed."""
    for place, pair in enumerate(pairs):
        if place == number:
            child = multiprocessing.active_children()[0]
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
        yield pair


def test_a_process_that_is_killed_loses_no_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its task alone is computed again, by another process."""
    monkeypatch.setattr(dispatch, "CHUNK_SECONDS", 0.01)
    with worker_pool(WORK, "processes:2") as entered:
        starts = _counted_starts(entered, monkeypatch)
        for _ in range(5):
            assert list(_ending_one(entered.outcomes(POINTS), 5)) == EXPECTED
        assert not starts


def test_a_pool_with_a_worker_that_is_killed_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "CHUNK_SECONDS", 0.01)
    with worker_pool(WORK, f"{HERE}:two_processes") as entered:
        starts = _counted_starts(entered, monkeypatch)
        for _ in range(5):  # all points may be computed before the worker has ended
            assert list(_ending_one(entered.outcomes(POINTS), 5)) == EXPECTED
            if starts:
                break
        assert len(starts) == 1, "no pool was started in place of the broken one"
        assert not [pair for pair in entered.outcomes(POINTS[:5]) if pair not in EXPECTED]


@pytest.mark.slow
def test_an_executor_of_loky_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("loky")
    monkeypatch.setattr(dispatch, "CHUNK_SECONDS", 0.01)
    with worker_pool(WORK, "loky:get_reusable_executor") as entered:
        assert [*entered.outcomes(POINTS)] == EXPECTED


def test_an_executor_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "SHUTDOWN_SECONDS", 0.05)
    with worker_pool(WORK, f"{HERE}:Endless") as entered:
        assert [*entered.outcomes(POINTS)] == EXPECTED


def _counted_starts(entered: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    starts: list[str] = []
    for queue in entered.queues:

        def counted(start: Callable[[], None] = queue.start) -> None:
            starts.append("started")
            start()

        monkeypatch.setattr(queue, "start", counted)
    return starts


@pytest.mark.slow
@pytest.mark.parametrize(("pools", "number"), [(2, 1), (1, 2)])
def test_a_point_that_ends_every_worker_is_broken(pools: int, number: int) -> None:
    """Each other point has its outcome."""
    provider = Provider("deadly", partial(workers.deadly_processes, number))
    points = [point for point in POINTS if point["w"] == 1]
    with WorkerPool(WORK, [provider] * pools, 0) as entered:
        found = list(entered.outcomes(points))

    assert [point for point, _ in found] == points
    for pair in found:
        if pair[0]["n"] == workers.DEADLY:
            assert pair[1] == WORKER_DIED
        else:
            assert pair in EXPECTED


def test_an_exception_that_tells_of_an_end_is_one() -> None:
    """As dask does, which tries a task with other workers itself: its chunk alone goes out again, in halves."""

    class Ended(Exception):
        pass

    class Fatal(workers.Immediate):
        def submit(self, fn: Any, /, *args: Any, **more: Any) -> Future[Any]:
            future = super().submit(fn, *args, **more)
            if {"w": 1, "n": workers.DEADLY} in pickle.loads(args[1]):  # noqa: S301  # our own points
                future = Future()
                future.set_exception(Ended())
            return future

    with WorkerPool(WORK, [Provider("fatal", Fatal, deaths=(Ended,), may_restart=False)], 0) as entered:
        found = list(entered.outcomes(POINTS))
    assert [pair for pair in found if pair not in EXPECTED] == [({"w": 1, "n": workers.DEADLY}, WORKER_DIED)]
    assert [point for point, _ in found] == POINTS


def test_an_executor_that_breaks_while_it_takes_a_task_is_replaced() -> None:
    """A pool of processes then raises OSError: it has closed the pipe to the thread that feeds its workers."""
    closed: list[Executor] = []

    class Closing(workers.Immediate):
        taken = 0

        def submit(self, fn: Any, /, *args: Any, **more: Any) -> Future[Any]:
            self.taken += 1
            if self.taken == 3 and not closed:
                closed.append(self)
                raise OSError("handle is closed")
            return super().submit(fn, *args, **more)

    with WorkerPool(WORK, [Provider("closing", Closing)], 0) as entered:
        found = list(entered.outcomes(POINTS))
    assert len(closed) == 1
    assert [point for point, _ in found] == POINTS
    assert all(pair in EXPECTED for pair in found if pair[0]["n"] != workers.DEADLY)


@pytest.mark.parametrize("place", [1, 2, 3])
def test_an_executor_that_loses_a_task_while_it_breaks_is_replaced(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lost task, the probe or a chunk, has no answer for ever; the executor takes no other."""
    lost: list[Executor] = []

    class Losing(workers.Immediate):
        def submit(self, *args: Any, **more: Any) -> Future[Any]:
            if self in lost:
                raise BrokenExecutor("a process ended")
            answer = super().submit(*args, **more)
            if lost or len(self.sizes) < place:
                return answer
            lost.append(self)
            return Future()

    monkeypatch.setattr(dispatch, "SILENT_SECONDS", 0.01)
    with WorkerPool(WORK, [Provider("losing", Losing, tasks=1)], 0) as entered:
        assert list(entered.outcomes(POINTS)) == EXPECTED
    assert len(lost) == 1


def test_workers_that_are_silent_for_long_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "SILENT_SECONDS", 0.001)
    with worker_pool(WORK, "processes:2") as entered:
        starts = _counted_starts(entered, monkeypatch)
        assert list(entered.outcomes(POINTS)) == EXPECTED
    assert not starts


def test_workers_that_end_at_once_are_an_error() -> None:
    provider = Provider("unborn", partial(workers.unborn_processes, 1))
    with (
        pytest.raises(ValueProblem, match="the executor unborn failed: BrokenProcessPool"),
        WorkerPool(WORK, [provider], 0),
    ):
        pass


@pytest.mark.parametrize("tells", [True, False])
def test_an_executor_may_be_found_broken_when_a_task_is_sent(tells: bool) -> None:
    """A task that is out at that time may tell of it, or not yet; its points are computed again."""
    held: list[Future[Any]] = []

    class Breaking(workers.Immediate):
        def submit(self, *args: Any, **more: Any) -> Future[Any]:
            answer = super().submit(*args, **more)
            if len(self.sizes) == 2 and not held:
                held.append(Future())
                return held[0]
            if len(self.sizes) == 4 and len(held) == 1:
                held.append(Future())
                if tells:
                    held[0].set_exception(BrokenExecutor())
                raise BrokenExecutor
            return answer

    with WorkerPool(WORK, [Provider("breaking", Breaking)], 0) as entered:
        assert list(entered.outcomes(POINTS)) == EXPECTED
    assert len(held) == 2


def test_an_executor_of_the_caller_is_not_restarted() -> None:
    with ProcessPoolExecutor(1, workers.FORKSERVER, workers._make_deadly) as executor:
        found = outcomes(WORK, POINTS[20:40], executor)
        with pytest.raises(ValueProblem, match="the executor ProcessPoolExecutor failed: its workers have died"):
            list(found)


PROGRAM = """
import sys, time
from cnncalc.search import executors
from tests.search.workers import POINTS, WORK
executors.POOL_SECONDS = 0.0
with executors.worker_pool(WORK, "processes:2") as entered:
    for number, _ in enumerate(entered.outcomes(POINTS * 100000)):
        if number == 50:
            import multiprocessing
            print(*[child.pid for child in multiprocessing.active_children()], flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_process_that_searches(ending: signal.Signals) -> None:
    """An interrupt reaches the group, as from a terminal; the workers say nothing, and none of them is left."""
    program = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{PROGRAM}"
    with running([sys.executable, "-c", program], cwd=ROOT, start_new_session=True) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 2
        if ending == signal.SIGINT:
            os.killpg(process.pid, ending)
        else:
            process.send_signal(ending)
        errors = process.communicate(timeout=20)[1].decode()
    if ending == signal.SIGINT:
        assert errors.count("Traceback") == 1, errors
        assert errors.rstrip().endswith("KeyboardInterrupt")
    assert _all_end(pids)


def _all_end(pids: Sequence[int]) -> bool:
    for _ in range(500):
        if not any(_is_there(pid) for pid in pids):
            return True
        time.sleep(0.01)
    return False


def _is_there(pid: int) -> bool:
    """Whether a process runs; one that has ended but was not waited for does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_leaving_in_the_middle_ends_the_workers() -> None:
    others = multiprocessing.active_children()  # of an executor that another test has left
    with worker_pool(WORK, "processes:2") as entered:
        found = entered.outcomes(POINTS * 3000)
        assert list(islice(found, 10)) == EXPECTED[:10]
        pids = [child.pid or 0 for child in multiprocessing.active_children() if child not in others]
        assert len(pids) == 2
    assert _all_end(pids)


def test_a_task_whose_process_ends_fails_alone() -> None:
    with WorkerProcesses(2) as pool:
        futures = [pool.submit(os._exit, 1) if number % 3 == 1 else pool.submit(abs, -number) for number in range(30)]
        for number, future in enumerate(futures):
            if number % 3 == 1:
                with pytest.raises(WorkerEnded):
                    future.result()
            else:
                assert future.result() == number
        with pytest.raises(ZeroDivisionError) as caught:
            pool.submit(divmod, 1, 0).result()
        assert "in a worker process" in str(caught.value.__cause__)
        for kind in (workers.CannotBePickled, workers.CannotBeRead):
            with pytest.raises(RuntimeError, match=f"{kind.__name__}: no"):
                pool.submit(workers.fail_with, kind).result()


def test_a_task_that_cannot_be_pickled_takes_no_process() -> None:
    with WorkerProcesses(1) as pool:
        first = pool.submit(os.getpid).result()
        with pytest.raises((AttributeError, pickle.PicklingError)):
            pool.submit(lambda: 1).result()
        assert pool.submit(os.getpid).result() == first


def test_tasks_fail_at_once_when_the_processes_are_shut_down() -> None:
    pool = WorkerProcesses(2)
    futures = [pool.submit(time.sleep, 60) for _ in range(5)]
    start = time.monotonic()
    while len(multiprocessing.active_children()) < 2 and time.monotonic() < start + 30:
        time.sleep(0.01)
    pool.shutdown()
    assert time.monotonic() < start + 30
    for future in futures:
        with pytest.raises(WorkerEnded):
            future.result(timeout=0)


def test_a_fork_server_that_ends_is_started_again() -> None:
    """Tasks in work have their answers, and later ones have new processes."""
    with WorkerProcesses(2) as pool:
        server = pool.submit(os.getppid).result()
        assert server not in {os.getpid(), 1}
        working = pool.submit(time.sleep, 1)
        os.kill(server, signal.SIGKILL)
        assert pool.submit(divmod, 7, 2).result(timeout=30) == (3, 1)
        assert working.result(timeout=30) is None
        for worker in multiprocessing.active_children():
            worker.kill()
        found = [pool.submit(abs, -number) for number in range(4)]
        assert [future.result(timeout=30) for future in found if not future.exception(timeout=30)]


FEW_FILES = """
import resource, sys
from cnncalc.search.processes import WorkerNotStarted, WorkerProcesses
if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[1])))
    with WorkerProcesses(50) as pool:
        futures = [pool.submit(abs, -number) for number in range(200)]
        try:
            print(sum(future.result() for future in futures))
        except WorkerNotStarted as error:
            print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize(
    ("files", "expected"),
    [(64, "19900"), (40, "19900"), (20, "a worker process needs more open files than the system allows")],
)
def test_there_are_as_many_processes_as_open_files_allow(files: int, expected: str) -> None:
    with running([sys.executable, "-c", FEW_FILES, str(files)], cwd=ROOT) as process:
        output, errors = process.communicate(timeout=60)
    assert (output.decode().strip(), errors) == (expected, b"")


@pytest.mark.parametrize("error", [OSError(11, "Resource temporarily unavailable"), EOFError()])
def test_a_process_that_cannot_be_started_is_an_error_of_its_task(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: WorkerProcesses) -> None:
        raise error

    monkeypatch.setattr(WorkerProcesses, "_new_worker", refuse)
    monkeypatch.setattr(processes, "START_SECONDS", 0.0)
    reason = getattr(error, "strerror", None) or "the fork server has ended"
    with pytest.raises(ValueProblem, match=f"processes:2 failed: .*: a worker process cannot be started: {reason}"):
        list(outcomes(WORK, POINTS * 100, "processes:2"))


def test_interrupts_do_not_reach_a_worker() -> None:
    with WorkerProcesses(1) as pool:
        assert pool.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
        os.kill(pool.submit(os.getpid).result(), signal.SIGINT)
        assert pool.submit(abs, -3).result() == 3


INTERRUPTED_START = """
import os, signal, time
from cnncalc.search.processes import WorkerProcesses
signal.signal(signal.SIGINT, lambda *_: None)
if __name__ == "__main__":
    with WorkerProcesses(2) as pool:
        futures = [pool.submit(abs, -number) for number in range(9)]
        while not all(future.done() for future in futures):
            os.killpg(0, signal.SIGINT)
            time.sleep(0.001)
        print(*[future.result() for future in futures])
"""


@pytest.mark.slow
def test_interrupts_do_not_reach_a_worker_that_is_started() -> None:
    """Nor the fork server: it would print a traceback."""
    with running([sys.executable, "-c", INTERRUPTED_START], cwd=ROOT, start_new_session=True) as process:
        output, errors = process.communicate(timeout=60)
    assert (output, errors) == (b"0 1 2 3 4 5 6 7 8\n", b"")


# names and errors


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("proceses", "no executor 'proceses'; did you mean 'processes'?"),
        ("", "no executor '' (known: processes, processes:N, threads, serial, "),
        ("processes:0", "the number of processes is a whole number from 1 to 1,000, found '0'"),
        ("processes:", "the number of processes is a whole number from 1 to 1,000, found ''"),
        ("processes:-2", "the number of processes is a whole number from 1 to 1,000, found '-2'"),
        ("processes:1001", "the number of processes is a whole number from 1 to 1,000, found '1001'"),
        (f"processes:{'9' * 5000}", "the number of processes is a whole number from 1 to 1,000, found '9999"),
        ("threads:4", "no executor 'threads:4'; did you mean 'threads'?"),
        ("no_such_package_here:make", "no Python module 'no_such_package_here'"),
        ("no_such_file_here.py:make", "no file 'no_such_file_here.py'"),
        (f"{HERE}:two_proceses", f"{HERE} has no 'two_proceses'; did you mean 'two_processes'?"),
        (f"{HERE}:NOT_CALLABLE", f"{HERE}:NOT_CALLABLE is not a function that returns an executor, but int"),
        (f"{HERE}:no_executor", f"{HERE}:no_executor() returns int, not a concurrent.futures.Executor"),
        (f"{HERE}:failing", f"cannot call {HERE}:failing(): ConnectionRefusedError: [Errno 111] Connection refused"),
    ],
)
def test_an_executor_that_cannot_be_had_is_named(name: str, message: str) -> None:
    with pytest.raises(CnncalcError, match=re.escape(message)), worker_pool(WORK, name):
        pass


def test_the_suggested_number_of_processes_is_that_of_the_cores() -> None:
    with pytest.raises(ValueProblem) as caught, worker_pool(WORK, "processes:0"):
        pass
    assert caught.value.hint == f"--executor processes:{available_cores()}"


def test_a_target_that_cannot_be_read_starts_nothing() -> None:
    with (
        pytest.raises(DesignError, match="no file, named net or pattern"),
        worker_pool(WORK._replace(target="vgg99"), "x:y"),
    ):
        pass


def _answering(content: Any) -> Executor:
    class Answering(workers.Immediate):
        def submit(self, *args: Any, **more: Any) -> Future[Any]:
            future: Future[Any] = Future()
            if isinstance(content, BaseException):
                future.set_exception(content)
            else:
                future.set_result(pickle.dumps(content))
            return future

    return Answering()


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (("0.0.1", 0.0, b"", "", False), ValueProblem, "failed: a worker has cnncalc 0.0.1, but this process has "),
        ((__version__, 0.0, b"", "no file 'net.yaml'", False), ValueProblem, "a worker says: no file 'net"),
        ((__version__, 0.0, b"", "TypeError: no", True), RuntimeError, "TypeError: no"),
        (ModuleNotFoundError("No module named 'cnncalc'"), ValueProblem, "ModuleNotFoundError: No module named 'cn"),
    ],
)
def test_an_answer_that_is_none_is_an_error(content: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)), worker_pool(WORK, _answering(content)):
        pass


def test_a_lost_connection_is_an_error() -> None:
    class Losing(workers.Immediate):
        def submit(self, *args: Any, **more: Any) -> Future[Any]:
            future = super().submit(*args, **more)
            if len(self.sizes) > 3:
                future = Future()
                future.cancel()
                future.set_running_or_notify_cancel()
            return future

    with pytest.raises(ValueProblem, match="the executor Losing failed: the connection is lost"):
        list(outcomes(WORK, POINTS, Losing()))


def test_an_error_of_cnncalc_in_a_worker_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object) -> Outcome:
        raise TypeError("no such thing")

    with worker_pool(WORK, "threads") as entered:
        monkeypatch.setattr("cnncalc.search.work._outcome", wrong)
        with pytest.raises(RuntimeError, match="TypeError: no such thing"):
            list(entered.outcomes(POINTS))
