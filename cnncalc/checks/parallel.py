"""Checks many files: in this process, and in processes on all cores if that would take more than a second."""

from __future__ import annotations

import pickle
import time
from typing import TYPE_CHECKING, Any

from cnncalc.collection import Running

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from cnncalc.checks.check import Checker, FileResult
    from cnncalc.checks.search import LeftOut, Target

WORTHWHILE_SECONDS = 1.0
"""Processes are started if this process alone would take longer than this for the remaining files."""
KNOWN_SECONDS = 0.3
"""The number of seconds after which the time of one file is estimated."""
CHUNK_SECONDS = 0.2
"""The estimated time of the files that a process gets at once."""
MOST_IN_CHUNK = 100
"""The most files that a process gets at once."""


def file_results(
    checker: Checker, targets: Sequence[Target], jobs: int | None
) -> Generator[FileResult | LeftOut, None, None]:
    """The results of files, in their order; ``jobs`` is the number of processes (default: one for each core)."""
    start = time.perf_counter()
    for done, target in enumerate(targets):
        seconds = time.perf_counter() - start
        if jobs != 1 and done and seconds > KNOWN_SECONDS:
            each = seconds / done
            if each * (len(targets) - done) > WORTHWHILE_SECONDS:
                from cnncalc.search.processes import available_cores

                number = jobs or available_cores()
                if number > 1:
                    size = min(MOST_IN_CHUNK, max(1, int(CHUNK_SECONDS / each)))
                    yield from _together(checker, targets[done:], number, size)
                    return
                jobs = 1
        yield checker.file_result(target)


def _together(checker: Checker, targets: Sequence[Target], number: int, size: int) -> Iterator[FileResult | LeftOut]:
    """The results, computed by ``number`` processes with ``size`` files at once.

    This process checks the files of a process that ends or cannot be started.
    """
    from cnncalc.search.processes import WorkerEnded, WorkerNotStarted, WorkerProcesses

    setup = pickle.dumps((type(checker), checker.options, checker.settings, checker.stdin))
    chunks = [targets[at : at + size] for at in range(0, len(targets), size)]
    modules = ("cnncalc.checks.parallel", "cnncalc.checks.check")
    with Running(), WorkerProcesses(min(number, len(chunks)), modules) as pool:
        futures = [pool.submit(_checked, setup, chunk) for chunk in chunks]
        for chunk, future in zip(chunks, futures, strict=True):
            try:
                results = future.result()
            except (WorkerEnded, WorkerNotStarted):
                results = [checker.file_result(target) for target in chunk]
            yield from results


_checkers: dict[bytes, Any] = {}
"""The checkers of a worker process, which keep the configurations and the base that they have read."""


def _checked(setup: bytes, targets: Sequence[Target]) -> list[FileResult | LeftOut]:
    """The results of files, computed in a worker process; ``setup`` is the pickled checker."""
    if setup not in _checkers:
        kind, *given = pickle.loads(setup)  # noqa: S301 (from the process that has started this one)
        _checkers[setup] = kind(*given)
    return [_checkers[setup].file_result(target) for target in targets]
