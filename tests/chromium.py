"""The result of a script in a page, from a real browser where one is installed."""

from __future__ import annotations

import html
import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

from tests.pages import SWITCHES, find_browser

if TYPE_CHECKING:
    from pathlib import Path


def answer(folder: Path, body: str, script: str, *flags: str) -> Any:
    """The value of the expression ``script`` in a page with that body, passed as JSON."""
    page = folder / "page.html"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><body style="margin:0">{body}<pre id="answer"></pre>'
        f'<script>document.getElementById("answer").textContent = JSON.stringify({script})</script>',
        encoding="utf-8",
    )
    done = subprocess.run(
        [
            find_browser(),
            "--headless",
            *SWITCHES,
            *flags,
            f"--user-data-dir={folder / 'profile'}",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    found = re.search(r'<pre id="answer">(.*?)</pre>', done.stdout.decode(), re.DOTALL)
    assert found, "the script of the page did not run"
    return json.loads(html.unescape(found[1]))
