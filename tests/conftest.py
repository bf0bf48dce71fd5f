"""Options and fixtures of all tests."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.pages import Tabs

os.environ.setdefault("OMP_NUM_THREADS", "1")
"""NumPy and PyTorch use one thread, in subprocesses too: the nets are small, and with ``-n`` all cores are in use."""

ALL_SLOW = "\npytestmark = pytest.mark.slow\n"
skipped: set[str] = set()
"""Names of the tests and files that were skipped."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="rewrite the golden files, for review")


@pytest.fixture
def regenerate(request: pytest.FixtureRequest) -> bool:
    """Whether to rewrite the golden files."""
    return bool(request.config.getoption("--regenerate"))


@pytest.fixture(scope="session")
def tabs() -> Iterator[Tabs]:
    """The tabs of a browser that is started once in each process; the test is skipped where there is none."""
    from tests.pages import Tabs, open_browser

    for browser in open_browser():
        yield Tabs(browser)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """With ``-n``, neighbouring tests run in one process and share its caches; an idle process takes over tests."""
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """No garbage collection while tests are collected; the collected tests are excluded from later collections."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The quick set does not import test files that have only slow tests, nor their imports, such as PyTorch."""
    if config.option.markexpr == "not slow" and collection_path.match("test_*.py"):
        return ALL_SLOW in collection_path.read_text(encoding="utf-8") or None
    return None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped:
        skipped.add(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        skipped.add(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the names of the skipped tests to the file ``CNNCALC_SKIPPED``, so that they can be run elsewhere."""
    file = os.environ.get("CNNCALC_SKIPPED")
    if file and not hasattr(session.config, "workerinput"):
        Path(file).write_text("".join(f"{name}\n" for name in sorted(skipped)), encoding="utf-8")
