"""The README and the manual, split into code blocks, calls, links and headings."""

from __future__ import annotations

import re
import shlex
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in DOCS.rglob("*.md"))]
"""The README and every page of the manual."""

MARKER = re.compile(r"<!-- cnncalc: (?P<call>.+?) -->(?P<body>.*?)<!-- /cnncalc -->", re.S)
NAMED = re.compile(r"^`(?P<name>[\w./-]+)`:\n\n(?P<fence>`{3,})\w+\n(?P<body>.*?)^(?P=fence)$", re.S | re.M)
"""A file that a page shows: its name, then its text."""
PROMPT = "$ cnncalc "


@cache
def tokens_of(text: str) -> list[Token]:
    """The tokens of a page by markdown-it, cached."""
    return MarkdownIt("commonmark").enable("table").parse(text)


def read(page: str) -> str:
    """The text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


class Block(NamedTuple):
    """A code block: its language, its text, and the text between it and the previous block."""

    language: str
    text: str
    before: str


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    lines = text.splitlines(keepends=True)
    found, last = [], 0
    for token in tokens_of(text):
        if token.type == "fence" and token.map is not None:
            found.append(Block(token.info, token.content, "".join(lines[last : token.map[0]])))
            last = token.map[1]
    return found


class Shown(NamedTuple):
    """A call after a prompt, and its output on the page."""

    call: str
    answer: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.call)


def shown_calls(block: Block) -> list[Shown]:
    """The calls of a block that begins with a prompt; a blank line before a prompt does not belong to the output."""
    if block.language != "text" or not block.text.startswith(PROMPT):
        return []
    parts = re.split(r"^\$ cnncalc ", block.text, flags=re.M)[1:]
    return [Shown(*part.rstrip("\n").partition("\n")[::2]) for part in parts]


def shell_calls(block: Block) -> list[str]:
    """The lines of a block of shell commands that call cnncalc."""
    return re.findall(r"^cnncalc (.+)$", block.text, re.M) if block.language == "sh" else []


def named_files(text: str) -> dict[str, str]:
    """The files that a page shows, by name."""
    return {match["name"]: match["body"] for match in NAMED.finditer(text)}


class Link(NamedTuple):
    """The target of a link or a picture: a page or file (empty: the page itself) and an anchor."""

    path: str
    anchor: str


def links(text: str) -> list[Link]:
    """Links and pictures of a page that lead to a place in the repository."""
    found = []
    for token in tokens_of(text):
        for child in token.children or ():
            target = child.attrGet("href") or child.attrGet("src")
            if target and "://" not in str(target):
                path, _, anchor = str(target).partition("#")
                found.append(Link(path, anchor))
    return found


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings by the rule of GitHub.

    Lower case; only letters, digits, blanks, ``-`` and ``_`` are kept; each blank becomes ``-``; a repeated anchor gets
    a number.
    """
    found: set[str] = set()
    tokens = tokens_of(text)
    for opened, inline in pairwise(tokens):
        if opened.type == "heading_open":
            words = "".join(child.content for child in inline.children or ()).lower()
            plain = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            number, anchor = 0, plain
            while anchor in found:
                number += 1
                anchor = f"{plain}-{number}"
            found.add(anchor)
    return found
