"""The unified diff of a document update. Only the bodies of markers are compared."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from difflib import SequenceMatcher
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.documents.update import Update

CONTEXT = 3
"""Lines of context before and after a change."""

Tag = Literal["replace", "delete", "insert", "equal"]
Step = tuple[Tag, int, int, int, int]
"""A step from one list of lines to another, as difflib gives it."""


class _Matcher(SequenceMatcher[str]):
    """Groups precomputed opcodes as difflib does."""

    def __init__(self, steps: list[Step]) -> None:
        super().__init__()
        self.steps = steps

    def get_opcodes(self) -> list[Step]:
        return self.steps


def unified_diff(name: str, text: str, update: Update) -> str:
    """The diff of a document called ``name``; empty if nothing changes."""
    old, new = _lines(text), _lines(update.text)
    shown = visible(name)
    lines: list[str] = []
    for group in _Matcher(_steps(text, update, old, new)).get_grouped_opcodes(CONTEXT):
        if not lines:
            lines += [f"--- {shown}", f"+++ {shown} (up to date)"]
        last = group[-1]
        lines.append(f"@@ -{_range(group[0][1], last[2])} +{_range(group[0][3], last[4])} @@")
        for tag, a, b, c, d in group:
            if tag == "equal":
                lines += _shown(" ", old[a:b])
                continue
            lines += _shown("-", old[a:b])
            lines += _shown("+", new[c:d])
    return "\n".join(lines) + "\n" if lines else ""


def _lines(text: str) -> list[str]:
    """Lines with their line breaks; a single carriage return is also one."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", text)


def _range(start: int, end: int) -> str:
    length = end - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"


def _shown(sign: str, lines: list[str]) -> Iterator[str]:
    for line in lines:
        bare = line.removesuffix("\n")
        yield sign + "\t".join(visible(part) for part in bare.split("\t"))
        if not line.endswith(("\n", "\r")):
            yield "\\ No newline at end of file"


def _steps(text: str, update: Update, old: list[str], new: list[str]) -> list[Step]:
    """The steps from the old lines to the new ones: those of each changed body, and equal lines between them."""
    starts = [0, *accumulate(map(len, old))]
    ends = [0, *accumulate(map(len, new))]
    regions: list[list[int]] = []
    moved = 0
    for change in update.changes:
        start, end = change.marker.start, change.marker.end
        a, b = bisect_right(starts, start) - 1, _line_after(starts, end)
        at = start + moved
        c, d = bisect_right(ends, at) - 1, _line_after(ends, at + len(change.body))
        moved += len(change.body) - (end - start)
        if regions and (a < regions[-1][1] or c < regions[-1][3]):
            regions[-1][1], regions[-1][3] = max(b, regions[-1][1]), max(d, regions[-1][3])
        else:
            regions.append([a, b, c, d])
    steps: list[Step] = []
    at_old = at_new = 0
    for a, b, c, d in regions:
        if a > at_old:
            steps.append(("equal", at_old, a, at_new, c))
        inner = SequenceMatcher(None, old[a:b], new[c:d], autojunk=False)
        steps += [(tag, a + i, a + j, c + k, c + m) for tag, i, j, k, m in inner.get_opcodes()]
        at_old, at_new = b, d
    if at_old < len(old):
        steps.append(("equal", at_old, len(old), at_new, len(new)))
    return _merged(steps)


def _line_after(starts: list[int], end: int) -> int:
    """The first line that begins at or after ``end``."""
    return bisect_left(starts, end)


def _merged(steps: list[Step]) -> list[Step]:
    """The steps with adjacent equal steps joined, as grouping requires."""
    result: list[Step] = []
    for step in steps:
        if result and step[0] == result[-1][0] == "equal":
            result[-1] = ("equal", result[-1][1], step[2], result[-1][3], step[4])
        else:
            result.append(step)
    return result
