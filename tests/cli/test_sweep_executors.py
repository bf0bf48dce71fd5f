"""``cnncalc sweep --executor``: nothing is written where an executor cannot be had; MPI goes on where it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from cnncalc.search import clusters
from tests.calls import called, environment, running
from tests.search.test_clusters import MPI_SETTINGS, has_dask, has_mpi, needs_mpi

if TYPE_CHECKING:
    from pathlib import Path

NET = "INPUT 32x32x3 -> [CONV3-{w} -> RELU -> POOL2]*{n} -> FC-10"
SWEEP = ("sweep", NET, "--vary", "w=1..300", "--vary", "n=1..4", "--format", "text")
REASONS = [
    word
    for key in ("parameters", "weights", "macs", "activations", "parameter_memory")
    for word in ("--max", f"{key}=1")
]
"""Limits that no design meets: each point has a long reason, so that points are soon written."""
MISSING = {
    "processes:none": "error[wrong-value]: the number of processes is a whole number from 1 to 1,000, found 'none'",
    "no_such_module_here:make": "error[unknown-target]: no Python module 'no_such_module_here'",
    "tests.search.workers:failing": "error[wrong-module]: cannot call tests.search.workers:failing(): Connection",
    "mpi": "error[executor]: mpi needs at least two processes" if has_mpi else "error[missing-extra]: mpi needs",
    "dask://127.0.0.1:1": "error[executor]: dask://127.0.0.1:1 cannot" if has_dask else "error[missing-extra]: dask://",
}


@pytest.mark.filterwarnings("default")  # of dask and its dependencies
@pytest.mark.parametrize("executor", MISSING)
def test_nothing_is_written_without_an_executor(executor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "CONNECTION_SECONDS", 0.3)
    points = tmp_path / "points.csv"
    done = called(*SWEEP, "--executor", executor, "--points", str(points))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(MISSING[executor])
    assert not points.exists()


@pytest.mark.slow
@needs_mpi
def test_a_sweep_over_mpi_goes_on_after_a_process_was_killed(tmp_path: Path) -> None:
    alone, together = tmp_path / "alone.csv", tmp_path / "together.csv"
    printed = called(*SWEEP, *REASONS, "--executor", "serial", "--points", str(alone))
    program = [sys.executable, "-m", "mpi4py.futures", "-m", "cnncalc", *SWEEP, *REASONS]
    command = ["mpiexec", "-n", "3", *program, "--executor", "mpi", "--points", str(together)]
    variables = environment(**MPI_SETTINGS)

    with running(command, env=variables) as job:
        while not together.exists() or together.stat().st_size < 4_000:
            assert job.poll() is None
            time.sleep(0.01)
        os.kill(max(_children(job.pid)), signal.SIGKILL)
        job.communicate(timeout=30)
    assert job.returncode != 0
    assert 4_000 <= together.stat().st_size < alone.stat().st_size

    done = subprocess.run(command, capture_output=True, env=variables, timeout=60, check=False)
    assert (done.returncode, done.stdout.decode()) == (printed.returncode, printed.stdout)
    assert together.read_bytes() == alone.read_bytes()


def _children(parent: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for word in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{word}/stat") as file:
                if int(file.read().rpartition(")")[2].split()[1]) == parent:
                    found.append(int(word))
        except FileNotFoundError:
            pass
    return found
