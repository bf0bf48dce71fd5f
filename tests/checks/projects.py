"""Small projects to check: files in a folder, and a git repository around them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TINY = """\
name: tiny
input: 32x32x3
layers: |
  [CONV3-32 -> RELU -> CONV3-32 -> RELU -> POOL2]*2 -> FC-256 -> RELU -> FC-10
"""
"""555,754 parameters: 896 + 3*9,248 + (8*8*32)*256 + 256 + 256*10 + 10; 15,567,360 MACs; field 16x16."""

PARAMETERS = 896 + 3 * 9248 + 8 * 8 * 32 * 256 + 256 + 256 * 10 + 10


def written(folder: Path, files: Mapping[str, str]) -> Path:
    """The folder with these files in it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return folder


def git(folder: Path, *words: str) -> str:
    """A call of git in the folder."""
    who = ["-c", "user.name=tester", "-c", "user.email=tester@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def committed(folder: Path) -> None:
    """All files of the folder in one commit."""
    if not (folder / ".git").exists():
        git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--no-verify", "-m", "as it was")
