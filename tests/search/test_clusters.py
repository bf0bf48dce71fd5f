"""Searches over dask and MPI, really run on this machine where they are installed."""

from __future__ import annotations

import importlib.util
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from cnncalc.errors import ValueProblem
from cnncalc.search import clusters, dispatch
from cnncalc.search.executors import outcomes, worker_pool
from tests.calls import ROOT, environment
from tests.search.test_executors import EXPECTED
from tests.search.workers import POINTS, WORK
from tests.subcases import each

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MPI_SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",  # more processes than cores: Open MPI 4
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",  # and 5
}
has_mpi = importlib.util.find_spec("mpi4py") is not None and shutil.which("mpiexec") is not None
needs_mpi = pytest.mark.skipif(not has_mpi, reason="needs mpi4py and mpiexec")
has_dask = importlib.util.find_spec("distributed") is not None
pytestmark = pytest.mark.filterwarnings("default")  # warnings of dask and its dependencies


class Cluster:
    """A scheduler of dask with workers, each a process; on a free port of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.scheduler = self._started("scheduler", "--port", "0", "--host", "127.0.0.1")
        self.workers: list[subprocess.Popen[bytes]] = []
        self.address = _awaited_address(self.file)

    def add_worker(self) -> None:
        self.workers.append(self._started("worker", "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1"))

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _started(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        module = f"distributed.cli.dask_{what}"
        more = ("--scheduler-file", str(self.file), "--no-dashboard")
        log = (self.folder / f"{what}.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *options, *more],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment(PYTHONWARNINGS="ignore", DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="1s"),
            )


def _awaited_address(file: Path) -> str:
    for _ in range(3000):
        try:
            address: str = json.loads(file.read_text(encoding="utf-8"))["address"]
        except (FileNotFoundError, ValueError):  # not there, or not yet written in full
            time.sleep(0.01)
        else:
            return address.replace("tcp://", "dask://")
    raise TimeoutError


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = Cluster(tmp_path_factory.mktemp("dask"))
    try:
        yield started
    finally:
        started.end()


@pytest.mark.slow
@pytest.mark.skipif(not has_dask, reason="needs dask.distributed")
def test_a_scheduler_without_workers_is_an_error(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "CONNECTION_SECONDS", 1.0)
    with pytest.raises(ValueProblem, match=r"cannot be reached: the scheduler at .* has no worker within 1 s"):
        worker_pool(WORK, cluster.address).__enter__()


@pytest.mark.slow
@pytest.mark.skipif(not has_dask, reason="needs dask.distributed")
def test_a_worker_of_dask_that_is_killed_loses_no_point(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "CHUNK_SECONDS", 0.01)
    monkeypatch.setattr(clusters, "CONNECTION_SECONDS", 60.0)  # workers start slowly on a busy machine
    cluster.add_worker()
    cluster.add_worker()
    assert list(outcomes(WORK, POINTS[:30], cluster.address)) == EXPECTED[:30]

    with worker_pool(WORK, cluster.address) as entered:
        found = entered.outcomes(POINTS * 3)
        begun = [next(found) for _ in range(20)]
        cluster.workers[0].send_signal(signal.SIGKILL)
        assert [*begun, *found] == EXPECTED * 3
    assert cluster.workers[1].poll() is None, "the workers are not ours to end"


@pytest.mark.slow
@pytest.mark.skipif(not has_dask, reason="needs dask.distributed")
def test_a_scheduler_that_ends_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "CONNECTION_SECONDS", 60.0)
    own = Cluster(tmp_path)
    try:
        own.add_worker()
        with worker_pool(WORK, own.address) as entered:
            found = entered.outcomes(POINTS * 1000)
            next(found)
            own.scheduler.kill()
            with pytest.raises(ValueProblem, match="failed: the connection is lost"):
                list(found)
    finally:
        own.end()


@pytest.mark.slow
@pytest.mark.skipif(not has_dask, reason="needs dask.distributed")
def test_a_scheduler_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "CONNECTION_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    message = rf"dask://127.0.0.1:{port} cannot be reached: no dask scheduler answers at 127.0.0.1:{port} within 0.5 s"
    with pytest.raises(ValueProblem, match=message):
        worker_pool(WORK, f"dask://127.0.0.1:{port}").__enter__()


PROGRAM = """
from cnncalc.search.executors import outcomes
from tests.search.workers import POINTS, WORK
found = list(outcomes(WORK, POINTS, "mpi"))
assert found == list(outcomes(WORK, POINTS, "serial"))
print("equal")
"""


def run_by_mpi(processes: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs Python with these words in so many processes of ``mpiexec``."""
    return subprocess.run(
        ["mpiexec", "-n", str(processes), sys.executable, *words],
        capture_output=True,
        env=environment(**MPI_SETTINGS),
        cwd=ROOT,
        timeout=60,
        text=True,
        check=False,
    )


@pytest.mark.slow
@needs_mpi
def test_mpi_gives_the_same() -> None:
    done = run_by_mpi(3, "-m", "mpi4py.futures", "-c", PROGRAM)
    assert (done.returncode, done.stdout) == (0, "equal\n"), done.stderr


@pytest.mark.slow
@needs_mpi
@pytest.mark.parametrize(
    ("processes", "words"),
    [(1, ("-m", "mpi4py.futures", "-c", PROGRAM)), (2, ("-c", PROGRAM))],
    ids=["alone", "no pool"],
)
def test_processes_of_mpi_that_are_no_workers_are_an_error(processes: int, words: tuple[str, ...]) -> None:
    done = run_by_mpi(processes, *words)
    assert done.returncode != 0
    message = "mpi needs at least two processes started by mpiexec: the first one searches, the others compute"
    assert message in done.stderr


@each("name", ["dask://", "dask://host", "dask://:8786", "dask://host:0", "dask://host:70000", "dask://host:x"])
def test_an_address_has_a_host_and_a_port(name: str) -> None:
    with pytest.raises(ValueProblem, match="expected dask://HOST:PORT, as in dask://localhost:8786, found 'dask://"):
        worker_pool(WORK, name).__enter__()


@pytest.mark.parametrize(
    ("name", "package", "message", "extra"),
    [
        ("dask://localhost:8786", "distributed", "dask://localhost:8786 needs dask.distributed", "cnncalc[dask]"),
        ("mpi", "mpi4py", "mpi needs mpi4py and an MPI library (ModuleNotFoundError: ", "cnncalc[mpi]"),
    ],
)
def test_a_missing_extra_is_named(
    name: str, package: str, message: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (package, f"{package}.futures"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ValueProblem) as caught:
        worker_pool(WORK, name).__enter__()
    assert caught.value.message.startswith(message)
    assert caught.value.code == "missing-extra"
    assert f"pip install '{extra}'" in (caught.value.hint or "")
