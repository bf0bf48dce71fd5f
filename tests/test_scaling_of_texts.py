"""Time in proportion to a text: one ten times as long takes about ten times as long, not a hundred times."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from cnncalc.errors import CnncalcError
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


READERS: dict[str, Callable[[str], object]] = {
    "pattern": _refused,
    **{name: partial(scanned, syntax=name) for name in ("markdown", "html", "rst", "latex", "asciidoc")},
}
TEXTS: dict[str, tuple[str, str, str, str, int]] = {
    "a word of digits": ("pattern", "INP", "0", "UT 8x8x3 -> FC-2", 2_000),
    "a word of sizes": ("pattern", "CONV", "1x", "{2}-8", 1_000),
    "markers": ("markdown", "", MARKER + "\n", "", 400),
    "markers on lines of their own": ("markdown", "", MARKER.replace("><", ">\n<") + "\n", "", 400),
    "markers on one line": ("html", "", MARKER, "", 1_000),
    "lines that end in CR": ("html", "", MARKER.replace("><", ">\r<") + "\r", "", 1_000),
    "blanks before a marker": ("asciidoc", "//", " ", "x\n", 2_000),
    "blanks in a marker": ("latex", "% cnncalc: a", " ", "a\n", 2_000),
    "blanks before a comment": ("html", "", " ", MARKER * 20, 2_000),
    "commands without an end": ("latex", "", r"\mintinline{", "% x\n", 1_000),
}
"""For each text its reader, its beginning, the part that is repeated, its end, and how often for the short text."""


@pytest.mark.parametrize("what", TEXTS)
def test_time_grows_with_the_length_of_a_text(what: str) -> None:
    reader, head, part, tail, few = TEXTS[what]
    texts = [f"{head}{part * count}{tail}" for count in (few, 10 * few)]
    assert growth(READERS[reader], *texts) < MOST
