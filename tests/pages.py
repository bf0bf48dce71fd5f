"""Pages of reports, and the browser in which tests open pages and drawings."""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from cnncalc.cli.command import DONE
from cnncalc.cli.program import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

ColorScheme = Literal["light", "dark"]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Possible names of the program."""

SWITCHES = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
TIMEOUT = 15_000
"""Timeout of browser operations, in milliseconds."""

# long enough that blocks are folded; with nested blocks, text with markup of other languages, and a budget
HOSTILE = """\
name: a<b>&c|d_e
title: "<script>alert('x')</script> [red] 日本語 שלום </style> \\u202e&amp;"
source: "<!-- --> \\\\ `code` \\x07"
blocks:
  unit(w): "[CONV3-w -> BN -> RELU -> CONV3-w -> BN | CONV1-w] -> ADD -> RELU"
layers: INPUT 9x14x3 -> CONV3-4@הראשון -> [unit(8)@u -> unit(8)@v]@層*9 -> GAP -> FC-10
budget:
  parameters: {max: 100K, warn: 9K}
  training_memory: {max: 80MiB, batch: 4, optimizer: adam}
  macs: 1K
"""


@functools.cache
def page_of(*words: str) -> str:
    """The page that ``cnncalc report`` with these words writes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        assert run(["report", *words, "-o", str(file)]) == DONE
        return file.read_text(encoding="utf-8")


def find_browser() -> str:
    """The path of a Chromium; the test is skipped where there is none."""
    path = next((found for found in map(shutil.which, CHROMIUM) if found), None)
    if path is None:
        pytest.skip(f"no browser here: none of {', '.join(CHROMIUM)} is installed")
    return path


class Tabs:
    """The tabs of a browser. Tests use the same ones in turn, since opening a tab takes longer than most tests."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._pages: dict[bool, Page] = {}

    def blank(self, *, color_scheme: ColorScheme | None = None, javascript: bool = True) -> Page:
        """An empty tab of 1280x900 pixels. ``color_scheme`` is that of the system (default: light)."""
        if javascript not in self._pages:
            context = self._browser.new_context(java_script_enabled=javascript)
            context.set_default_timeout(TIMEOUT)
            self._pages[javascript] = context.new_page()
        page = self._pages[javascript]
        page.goto("about:blank")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(media="null", color_scheme=color_scheme or "null")
        return page

    def evaluated(self, body: str, script: str, color_scheme: ColorScheme | None = None) -> Any:
        """The value of the expression ``script`` in a page with that body."""
        page = self.blank(color_scheme=color_scheme)
        page.set_content(f'<!doctype html><meta charset="utf-8"><body style="margin:0">{body}')
        return page.evaluate(script)


def open_browser() -> Iterator[Browser]:
    """A headless Chromium, closed at the end; the test is skipped where there is none."""
    path = find_browser()
    driver: Any = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra: browser)")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(SWITCHES), timeout=2 * TIMEOUT)
        try:
            yield browser
        finally:
            browser.close()


def written_to(folder: Path, *words: str) -> str:
    """The address of a file with that page."""
    file = folder / "page.html"
    file.write_text(page_of(*words), encoding="utf-8")
    return file.as_uri()
