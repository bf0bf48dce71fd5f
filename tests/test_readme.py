"""Tables in the documents are those that the program prints: ``pytest --regenerate`` writes them anew."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.calls import cnncalc

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ["README.md", "docs/manual.md"]
PAGES = [*DOCUMENTS, *sorted(str(page.relative_to(ROOT)) for page in ROOT.glob("docs/*.md"))]
"""Documents, and every page of the manual."""


def read(name: str) -> str:
    """The text of a document."""
    return (ROOT / name).read_text(encoding="utf-8")


def test_documents_are_up_to_date(regenerate: bool) -> None:
    """Every marker in the documents holds what its call prints."""
    if regenerate:
        assert cnncalc("docs", "README.md", "docs").returncode == 0

    done = cnncalc("docs", "--check", "README.md", "docs")

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    counts = dict(re.findall(r"^(.+): ([0-9]+) markers?, up to date$", done.stdout, re.M))
    assert set(DOCUMENTS) <= set(counts)
    assert counts["README.md"] == str(read("README.md").count("<!-- cnncalc: "))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_mistakes_in_documents_are_answered_as_printed(name: str) -> None:
    """Each block that begins with a call at a prompt shows what that call says."""
    text = (ROOT / name).read_text(encoding="utf-8")

    blocks = re.findall(r"```text\n\$ cnncalc (.+)\n((?:.*\n)*?)```", text)

    assert blocks
    for call, answer in blocks:
        done = cnncalc(*shlex.split(call))
        assert done.stderr + done.stdout == answer, call


@pytest.mark.parametrize("name", [name for name in dict.fromkeys(PAGES) if "```python\n" in read(name)])
def test_python_in_documents_runs(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")

    blocks = re.findall(r"```python\n(.*?)```", text, re.S)

    assert blocks
    for block in blocks:
        subprocess.run([sys.executable, "-c", block], check=True, cwd=ROOT)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_in_documents_work(name: str) -> None:
    """Each line of a shell block that calls cnncalc."""
    text = (ROOT / name).read_text(encoding="utf-8")

    calls = [
        line
        for block in re.findall(r"```sh\n(.*?)```", text, re.S)
        for line in re.findall(r"^cnncalc (.+)$", block, re.M)
    ]

    assert calls
    for call in calls:
        assert cnncalc(*shlex.split(call)).returncode == 0, call
