"""A check by several processes gives what one process gives."""

from __future__ import annotations

import multiprocessing
import os
import time
from typing import TYPE_CHECKING

import pytest

from cnncalc.checks import parallel
from cnncalc.checks.check import Checker, CheckOptions, CheckResult
from cnncalc.checks.search import Search
from cnncalc.figures.budget import from_calls, read_budget
from cnncalc.language.settings import DEFAULT_SETTINGS
from cnncalc.search import processes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DESIGNS = {
    "good.yaml": "layers: INPUT 8x8x3 -> CONV3-8 -> RELU -> FC-10\nbudget: {parameters: 10K}\n",
    "wrong.yaml": "layers: INPUT 8x8x3 -> CNV3-8 -> FC-10\n",
    "other.yaml": "a: 1\n",
    "finding.yaml": "layers: INPUT 64x64x3 -> CONV11-8 -> FC-10\n",
    "unread.yaml": "layers: [\n",
}
"""Files of every verdict."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of each kind and a configuration; processes are started with the second file."""
    for number in range(4):
        for name, text in DESIGNS.items():
            (tmp_path / f"{number}{name}").write_text(text, encoding="utf-8")
    (tmp_path / "cnncalc.toml").write_text("[budget]\nweights = '20K'\n", encoding="utf-8")
    monkeypatch.setattr(parallel, "KNOWN_SECONDS", 0.0)
    monkeypatch.setattr(parallel, "WORTHWHILE_SECONDS", 0.0)
    monkeypatch.setattr(parallel, "MOST_IN_CHUNK", 3)
    return tmp_path


def checked(folder: Path, jobs: int | None) -> CheckResult:
    """The result of a check of a folder, with a budget of the call."""
    options = CheckOptions(read_budget(from_calls([("max", "macs=1M")])), folder=str(folder), jobs=jobs)
    return Checker(options, DEFAULT_SETTINGS).check(["."])


def test_processes_give_the_same_result_in_the_same_order(folder: Path) -> None:
    alone = checked(folder, 1)

    together = checked(folder, 2)

    assert together == alone
    assert {outcome.code() for outcome in alone.files} == {0, 1, 2}
    assert alone.left_out


def test_no_more_processes_are_started_than_have_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Recorded(processes.WorkerProcesses):
        def __init__(self, number: int, modules: Sequence[str] = ()) -> None:
            started.append(number)
            super().__init__(number, modules)

    monkeypatch.setattr(parallel, "MOST_IN_CHUNK", 10)
    monkeypatch.setattr(parallel, "CHUNK_SECONDS", 100.0)
    monkeypatch.setattr(processes, "WorkerProcesses", Recorded)

    together = checked(folder, processes.MOST_PROCESSES)

    assert started == [2]
    assert together == checked(folder, 1)


def test_what_a_process_that_ends_leaves_is_checked_by_this_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = checked(folder, 1)
    monkeypatch.setattr(parallel, "_checked", _ends)

    assert checked(folder, 2) == alone


def test_what_no_process_can_be_started_for_is_checked_by_this_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = checked(folder, 1)
    monkeypatch.setattr(processes, "most_processes", lambda: 0)

    assert checked(folder, 2) == alone


def _ends(*_: object) -> None:
    os._exit(1)


def test_processes_end_with_a_check_that_is_left(folder: Path) -> None:
    checker = Checker(CheckOptions({}, folder=str(folder)), DEFAULT_SETTINGS)
    search = Search(checker.configurations, str(folder), ())
    search.add(".")
    results = parallel.file_results(checker, list(search.targets.values()) * 50, 2)
    for _ in range(3):
        next(results)
    children = multiprocessing.active_children()
    assert len(children) == 2

    results.close()

    end = time.monotonic() + 30
    while any(child.is_alive() for child in children) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(child.is_alive() for child in children)


def test_few_files_start_no_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "WORTHWHILE_SECONDS", 1000.0)
    monkeypatch.setattr(parallel, "_together", None)

    assert len(checked(folder, None).files) == 16
