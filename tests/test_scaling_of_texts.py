"""Time in proportion to a text: one ten times as long takes about ten times as long, not a hundred times."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from cnncalc.errors import CnncalcError
from cnncalc.figures.budget import from_calls
from cnncalc.interop.other_files import refusal
from cnncalc.language.reading import read_pattern
from tests.analysis.test_scaling import MOST, growth
from tests.documents.helpers import scanned

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

MARKER = "<!-- cnncalc: table x --><!-- /cnncalc -->"


def _refused(pattern: str) -> None:
    with suppress(CnncalcError):
        read_pattern("<text>", pattern)


def _refused_limit(text: str) -> None:
    with suppress(CnncalcError):
        from_calls([("max", text)])


READERS: dict[str, Callable[[str], object]] = {
    "pattern": _refused,
    "limit": _refused_limit,
    "code": lambda text: refusal("net.py", text.encode()),
    **{name: partial(scanned, syntax=name) for name in ("markdown", "html", "rst", "latex", "asciidoc")},
}
TEXTS: dict[str, tuple[str, int, Callable[[int], str]]] = {
    "a word of digits": ("pattern", 2_000, lambda n: f"INP{'0' * n}UT 8x8x3 -> FC-2"),
    "a word of sizes": ("pattern", 1_000, lambda n: f"CONV{'1x' * n}{{2}}-8"),
    "options of a limit": ("limit", 2_000, lambda n: "parameters=" + "a," * n),
    "markers": ("markdown", 400, lambda n: f"{MARKER}\n" * n),
    "markers on lines of their own": ("markdown", 400, lambda n: MARKER.replace("><", ">\n<\n") * n),
    "markers on one line": ("html", 1_000, lambda n: MARKER * n),
    "lines that end in CR": ("html", 1_000, lambda n: MARKER.replace("><", ">\r<\r") * n),
    "blanks before a marker": ("asciidoc", 2_000, lambda n: f"//{' ' * n}x\n"),
    "blanks in a marker": ("latex", 2_000, lambda n: f"% cnncalc: a{' ' * n}a\n"),
    "blanks before comments": ("html", 1_000, lambda n: " " * n + MARKER * n),
    "lists in lists": ("markdown", 500, lambda n: "- " * n + MARKER),
    "lines behind a long one": ("markdown", 300, lambda n: f"a\n{'x' * 10 * n}\n" + "b\n" * n),
    "rows of many cells": ("markdown", 300, lambda n: f"{'a|' * n}\n{'-|' * n}\n" + "c|d\n" * n),
    "code of empty lines": ("code", 1_000, lambda n: "\n" * n),
    "code of words and empty lines": ("code", 200, lambda n: "import\n\nfrom\n" * n + "\n" * n),
    "a class without an end": ("code", 400, lambda n: "class A(" + "Module" * n),
    "commands without an end": ("latex", 1_000, lambda n: r"\mintinline{" * n + "% x\n"),
}
"""For each text what reads it, how long the short one is, and the text of a length."""


@pytest.mark.parametrize("what", TEXTS)
def test_time_grows_with_the_length_of_a_text(what: str) -> None:
    reader, few, text = TEXTS[what]
    assert growth(READERS[reader], text(few), text(10 * few)) < MOST
