"""Designs a second with each executor of sweeps, and its efficiency against one process.

    python -m benchmarks.sweeps [points] [rounds] [executor ...]

The executors take turns on the same points, so a busy machine slows all of them alike; printed are the medians of the
rounds. Efficiency is the rate divided by that of ``serial`` in the same round and by the number of workers, one for
each core. ``dask`` stands for a scheduler with these workers on this machine, ``mpi`` for a run of ``mpiexec`` with
them; both are left out where they are not installed. Starts are not part of the times. The last line is the peak memory
of the process that searches. ``1000000 1 processes`` measures the sweep of a million designs.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import islice, product
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cnncalc.figures.measure import Measure
from cnncalc.language.settings import Settings
from cnncalc.search.executors import crew
from cnncalc.search.family import Wanted
from cnncalc.search.processes import available_cores
from cnncalc.search.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cnncalc.search.family import Point

TARGET = "INPUT 32x32x3 -> [[CONV3-{w*2**i} -> RELU]*n -> POOL2]*m as i -> FC-h -> RELU -> FC-10"
WORK = Work(TARGET, Settings(), tuple(Wanted(Measure(key)) for key in ("parameters", "macs", "activations")))
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
    "OMPI_MCA_rmaps_base_oversubscribe": "1",  # one process more than there are cores
}


def points(number: int) -> Iterator[Point]:
    """So many points; neighbours take about equally long."""
    found = product(range(1, 1_000_001), (1, 2), (1, 2), (64, 128))
    return ({"w": w, "n": n, "m": m, "h": h} for w, n, m, h in islice(found, number))


def seconds_of(executor: str, stack: ExitStack) -> Callable[[int], float]:
    """A function that gives the seconds for so many points; the executor is ready and stays so."""
    if executor == "mpi":
        return seconds_of_mpi
    entered = stack.enter_context(crew(WORK, started_dask(stack) if executor == "dask" else executor))
    entered.delay = min(entered.delay, 0.0) if entered.lanes else entered.delay

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


def can_run(executor: str) -> bool:
    """Whether what the executor needs is installed."""
    if executor == "dask":
        return find_spec("distributed") is not None
    if executor == "mpi":
        return find_spec("mpi4py") is not None and shutil.which("mpiexec") is not None
    return True


def peak_mebibytes() -> float:
    """The largest resident memory of this process so far."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Measures, and prints a line for each executor."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    if sys.argv[2:] == ["measure-mpi"]:
        with ExitStack() as stack:
            entered = stack.enter_context(crew(WORK, "mpi"))
            list(entered.outcomes(points(200)))
            start = time.perf_counter()
            assert sum(1 for _ in entered.outcomes(points(number))) == number
            print(json.dumps(time.perf_counter() - start))
        return 0
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    chosen = sys.argv[3:] or [executor for executor in EXECUTORS if can_run(executor)]
    cores = available_cores()
    taken: dict[str, list[float]] = {executor: [] for executor in chosen}
    with ExitStack() as stack:
        functions = {executor: seconds_of(executor, stack) for executor in chosen}
        for _ in range(rounds):
            for executor, seconds in functions.items():
                taken[executor].append(seconds(number))
    print(f"{number:,} points, {rounds} rounds, {cores} cores")
    for executor, times in taken.items():
        line = f"{executor:12}{number / statistics.median(times):9,.0f} designs a second"
        if "serial" in taken and executor != "serial":
            ratios = [alone / together for alone, together in zip(taken["serial"], times, strict=True)]
            ratio = statistics.median(ratios)
            line += f"{ratio:7.2f} times serial, efficiency {ratio / cores:.0%}"
        print(line)
    print(f"peak memory of this process: {peak_mebibytes():.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
