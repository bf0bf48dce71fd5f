"""Calls of cnncalc that stand in documents: made inside this process, never by a shell; they write nothing."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.cli.command import FAILED
from cnncalc.cli.program import perform
from cnncalc.cli.registry import COMMANDS, find_command
from cnncalc.cli.streams import StreamError, collected
from cnncalc.documents.marker import Answer, Picture
from cnncalc.documents.picture import check_path, words_of
from cnncalc.documents.update import Unfit
from cnncalc.errors import CnncalcError, DesignError, Problem, ValueProblem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.source import Span

CALLABLE = tuple(name for name in COMMANDS if name not in ("docs", "report", "convert"))
"""The commands that a document may call: those that print something."""


class Said(NamedTuple):
    """What came of a call: its answer, or why there is none; warnings as they were said.

    ``picture`` is the text of the drawing that belongs beside the document.
    """

    answer: Answer | None
    error: Exception | None = None
    warnings: tuple[str, ...] = ()
    picture: str | None = None


class Caller:
    """Makes the calls of documents, each one once for all documents of a folder."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, tuple[str, ...]], Said] = {}

    def call(self, words: tuple[str, ...], folder: str) -> Said:
        """What a call gives where files are named from ``folder``."""
        key = (os.path.realpath(folder), words)
        if key not in self._known:
            self._known[key] = _call(words, folder)
        return self._known[key]


def _call(words: Sequence[str], folder: str) -> Said:
    with collected() as output:
        try:
            with inside(folder):
                code = perform(words)
        except Exception as error:  # noqa: BLE001  # one call that fails does not end the others
            return Said(None, error, tuple(output.said))
    warnings = tuple(output.said)
    if code > FAILED:
        return Said(None, CallError("\n".join(output.said)), ())
    formats = {name for _, name in output.reports}
    text = "".join([text for text, _ in output.reports])
    if not output.files:
        return Said(Answer(text, formats.pop() if len(formats) == 1 else "text"), None, warnings)
    if words[0] != "plot":
        message = "a call in a document writes no file: what it prints is put into the document"
        return Said(None, ValueProblem(message, code="usage"), warnings)
    try:
        ((path, svg),) = output.files
        check_path(path)
    except Unfit as error:
        return Said(None, ValueProblem(str(error), code="picture"), warnings)
    return Said(Answer("", "svg", Picture(path, words_of(svg))), None, warnings, svg)


class CallError(CnncalcError):
    """A call said what is wrong and ended so; the message holds its words."""


@contextmanager
def inside(folder: str) -> Iterator[None]:
    """Within it, names of files are those from ``folder``."""
    before = os.getcwd()
    os.chdir(folder or ".")
    try:
        yield
    finally:
        os.chdir(before)


class Fault(NamedTuple):
    """Something wrong with a marker: the problem at its place in the document, and the call's own ``words``."""

    problem: Problem
    words: str = ""

    def __str__(self) -> str:
        return f"{self.problem}\n\n{self.words}" if self.words else str(self.problem)


def faults_of(error: Exception, span: Span | None) -> list[Fault]:
    """What went wrong with a call, at its place in the document; what has a place of its own keeps that as well."""
    if isinstance(error, DesignError):
        placed = [problem for problem in error.every if problem.span is not None]
        here = [Fault(problem._replace(span=span)) for problem in error.every if problem.span is None]
        return here + ([_failed(span, str(DesignError(placed)))] if placed else [])
    if isinstance(error, (ValueProblem, StreamError)):
        return [Fault(Problem(error.code, error.message, span, error.hint))]
    if isinstance(error, CallError):
        return [_failed(span, str(error))]
    if isinstance(error, CnncalcError):
        return [Fault(Problem("design", str(error), span))]
    words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return [Fault(Problem("internal", f"{words} (an error of cnncalc itself: please report it with the call)", span))]


def _failed(span: Span | None, words: str) -> Fault:
    return Fault(Problem("failed-call", "this call fails; it says:", span), words)


def in_format(words: Sequence[str], format: str) -> tuple[str, ...]:
    """The call with a format where it names none and its command has that one."""
    command = find_command(words[0])
    given = list(words[1 : words.index("--")] if "--" in words else words[1:])
    has_it = command is not None and any(
        option.flag == "--format" and format in option.words for option in command.options
    )
    if not has_it or any(word in ("--help", "-h") or word.partition("=")[0] == "--format" for word in given):
        return tuple(words)
    return (words[0], "--format", format, *words[1:])


def named_files(words: Sequence[str], folder: str) -> list[str]:
    """The paths of files that a call names."""
    found = []
    for word in words[1:]:
        name = word.partition("=")[2] if word.startswith("--") else word
        path = os.path.join(folder, name)
        if name and "\0" not in name and os.path.isfile(path):
            found.append(os.path.abspath(path))
    return found


def said_in_words(error: Exception) -> str:
    """What went wrong with a call, for whoever has a place for it already."""
    if isinstance(error, (CallError, DesignError)):
        return str(error)
    return "\n\n".join(str(fault) for fault in faults_of(error, None))
