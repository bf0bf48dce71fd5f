"""Designs a second of each executor of sweeps, as a multiple of those of ``serial``.

    python -m benchmarks.sweeps [POINTS] [EXECUTOR ...]

All compute the same points (8,000), so the ratio is the time of ``serial`` divided by that of the executor; divided by
the number of workers, one for each core, it is the efficiency. ``dask`` stands for a scheduler with these workers on
this machine, ``mpi`` for a run of ``mpiexec`` with them, a program of Open MPI or MPICH. Starts are not part of the
times. ``1000000 processes --rounds 1`` measures the sweep of a million designs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from itertools import islice, product
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.interleaved import Benchmark, Taken, interleaved, is_installed, left_out
from cnncalc.figures.measure import Measure
from cnncalc.language.settings import Settings
from cnncalc.search.executors import worker_pool
from cnncalc.search.family import Wanted
from cnncalc.search.processes import available_cores
from cnncalc.search.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.interleaved import Row
    from cnncalc.search.family import Point

TARGET = "INPUT 32x32x3 -> [[CONV3-{w*2**i} -> RELU]*n -> POOL2]*m as i -> FC-h -> RELU -> FC-10"
WORK = Work(TARGET, Settings(), tuple(Wanted(Measure(key)) for key in ("parameters", "macs", "activations")))
POINTS = 8000
EXECUTORS = ("serial", "threads", "processes", "dask", "mpi")
PORT = "28786"
MPIEXEC = (
    "mpiexec",
    "-n",
    str(available_cores() + 1),
    sys.executable,
    "-m",
    "mpi4py.futures",
    "-m",
    "benchmarks.sweeps",
)
MPI_SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",  # one process more than there are cores, in Open MPI 4 and 5
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


def points(number: int) -> Iterator[Point]:
    """So many points; neighbours take about equally long."""
    found = product(range(1, 1_000_001), (1, 2), (1, 2), (64, 128))
    return ({"w": w, "n": n, "m": m, "h": h} for w, n, m, h in islice(found, number))


def seconds_of(executor: str, stack: ExitStack) -> Callable[[int], float]:
    """A function that gives the seconds for so many points; the executor is ready and stays so."""
    if executor == "mpi":
        return seconds_of_mpi
    entered = stack.enter_context(worker_pool(WORK, started_dask(stack) if executor == "dask" else executor))
    entered.delay = min(entered.delay, 0.0) if entered.queues else entered.delay

    def seconds(number: int) -> float:
        start = time.perf_counter()
        found = sum(1 for _ in entered.outcomes(points(number)))
        assert found == number
        return time.perf_counter() - start

    seconds(200)  # starts, and imports
    return seconds


def started_dask(stack: ExitStack) -> str:
    """The address of a scheduler of dask with a worker for each core."""
    folder = stack.enter_context(TemporaryDirectory())

    def start(what: str, *options: str) -> None:
        words = [sys.executable, "-m", f"distributed.cli.dask_{what}", *options, "--no-dashboard"]
        process = subprocess.Popen(words, cwd=folder, env=environment(), stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.kill)

    start("scheduler", "--host", "127.0.0.1", "--port", PORT)
    for _ in range(available_cores()):
        start("worker", f"tcp://127.0.0.1:{PORT}", "--nthreads", "1", "--no-nanny")
    return f"dask://127.0.0.1:{PORT}"


def seconds_of_mpi(number: int) -> float:
    """The seconds for so many points with the processes of a run of ``mpiexec``, without its start."""
    done = subprocess.run(
        [*MPIEXEC, str(number), "measure-mpi"],
        stdout=subprocess.PIPE,
        env={**environment(), **MPI_SETTINGS},
        check=True,
    )
    return float(json.loads(done.stdout))


def environment() -> dict[str, str]:
    """The environment, in which modules of this process are found."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))}


def missing(executor: str) -> str:
    """What the executor needs and is not installed; nothing if it can run."""
    if executor == "dask":
        return "" if is_installed("distributed") else "distributed"
    if executor == "mpi" and not is_installed("mpi4py"):
        return "mpi4py"
    return "mpiexec" if executor == "mpi" and not shutil.which("mpiexec") else ""


def measured(rounds: int, words: Sequence[str]) -> Iterator[Row | str]:
    """A row for each executor but ``serial``."""
    number = next((int(word) for word in words if word.isdigit()), POINTS)
    chosen = [word for word in words if not word.isdigit()] or EXECUTORS[1:]
    with ExitStack() as stack:
        turns = {"serial": turn_of(seconds_of("serial", stack), number)}
        for executor in chosen:
            if missing(executor):
                yield left_out(executor, [missing(executor)])
            else:
                turns[executor] = turn_of(seconds_of(executor, stack), number)
        run = interleaved(turns, rounds)
    for executor in turns:
        if executor != "serial":
            yield run.row("serial", executor)


def turn_of(seconds: Callable[[int], float], number: int) -> Callable[[], Taken]:
    """The turn of an executor; what its workers compute is not known."""
    return lambda: Taken(seconds(number))


def in_mpi(number: int) -> None:
    """Prints the seconds for so many points, in a run of ``mpiexec``."""
    with ExitStack() as stack:
        entered = stack.enter_context(worker_pool(WORK, "mpi"))
        list(entered.outcomes(points(200)))
        start = time.perf_counter()
        assert sum(1 for _ in entered.outcomes(points(number))) == number
        print(json.dumps(time.perf_counter() - start))


BENCHMARK = Benchmark(__doc__, measured, rounds=5, peers=("distributed", "mpi4py"))


def main() -> int:
    """Measures, and prints a ratio for each executor."""
    if sys.argv[2:] == ["measure-mpi"]:
        in_mpi(int(sys.argv[1]))
        return 0
    return BENCHMARK.main()


if __name__ == "__main__":
    sys.exit(main())
