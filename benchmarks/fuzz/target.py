"""What is tried: a target takes bytes, gives them to the entry that a command calls, and says what came out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from cnncalc.errors import CnncalcError, DesignError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.fuzz.mutations import Mutation

READ = "read"
LARGE = "many layers, "
"""Begins the outcome of a design whose layers are expanded but whose volumes do not fit together."""
"""The outcome of an input that is read."""
VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|[0-9][0-9,.]*|<[^>]*>")
"""What differs between messages of one rule."""


class Broken(Exception):
    """An input for which a rule of the program does not hold; the message says which."""


class Target(NamedTuple):
    """A reader of the program.

    ``run`` gives bytes to it and returns the outcome: :data:`READ`, or the rule that refused them; anything that it
    raises is a failure. ``share``: how many of a thousand inputs it gets. ``seeds`` gives the inputs from which others
    are made by ``mutate``. ``mebibytes`` is the memory that one input may take.
    """

    name: str
    share: int
    run: Callable[[bytes], str]
    seeds: Callable[[], Sequence[bytes]]
    mutate: Mutation
    mebibytes: int = 128


def text_of(data: bytes) -> str:
    """Bytes as the text of an argument of the command line."""
    return data.decode("utf-8", "surrogateescape").replace("\0", "")


def one_in(count: int, data: bytes) -> bool:
    """Whether a costly check is made of this input: of one in ``count``, the same ones on every run."""
    return crc32(data) % count == 0


def refused(error: CnncalcError) -> str:
    """The outcome of an input that is refused; raises Broken if a message or a place is wrong."""
    problems = error.problems if isinstance(error, DesignError) else (error.problem(),)
    if not problems:
        raise Broken("an error without a problem")
    for problem in problems:
        check_problem(problem)
    return f"{problems[0].code}: {VARYING.sub('_', problems[0].message)[:80]}"


def check_problem(problem: Problem) -> None:
    """Raises Broken if a problem has no message, cannot be shown, or its place does not lie in the text."""
    if not problem.message or not problem.code or problem.code == "internal" or "internal error" in problem.message:
        raise Broken(f"a problem without a message, or an internal one: {problem!r}")
    text = str(problem)
    check_shown(text)
    span = problem.span
    if span is None:
        return
    if not 0 <= span.start < span.end <= len(span.source.text) + 1:
        raise Broken(f"a place outside the text: {span.start} to {span.end} of {len(span.source.text)}")
    lines = text.split("\n")
    if len(lines) < 4 or "^" not in lines[3] or lines[3].split("|", 1)[1].strip(" ^"):
        raise Broken(f"no caret below the line: {lines}")


def check_shown(text: str) -> None:
    """Raises Broken if a message holds what must not be sent to a terminal, or shows a traceback."""
    if not text.replace("\n", "").isprintable():
        bad = next(c for c in text if not c.isprintable() and c != "\n")
        raise Broken(f"a message with the character U+{ord(bad):04X}")
    if "Traceback" in text:
        raise Broken("a message with a traceback")
