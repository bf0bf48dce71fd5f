"""Calls of cnncalc in documents: run inside this process, with their output captured."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cnncalc.cli.command import FAILED
from cnncalc.cli.console import Console, StreamError
from cnncalc.cli.program import internal_problem, limit_of, perform
from cnncalc.cli.registry import COMMANDS, find_command
from cnncalc.documents.marker import Answer, Picture
from cnncalc.documents.picture import check_path, words_of
from cnncalc.errors import CnncalcError, DesignError, Problem, ValueProblem
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TextIO

    from cnncalc.analysis.report import Report
    from cnncalc.formats.document import Page
    from cnncalc.source import Span

CALLABLE = tuple(name for name in COMMANDS if name not in ("docs", "report"))
"""The commands that a document may call: those that print something."""


class CapturedConsole(Console):
    """A console that records the output of a command, formatted as for a pipe; standard input is closed.

    ``reports`` holds (text, format) pairs, ``files`` (name, text) pairs that a command would have written, ``errors``
    the lines for standard error.
    """

    help_width = 78
    takes_bytes = False
    most_points = 1000

    def __init__(self, folder: str, analyses: dict[Any, Report]) -> None:
        super().__init__(folder)
        self.analyses = analyses
        self.reports: list[tuple[str, str]] = []
        self.files: list[tuple[str, str]] = []
        self.errors: list[str] = []

    def read_input(self) -> str:
        raise StreamError("input", "a call in a document has no standard input: name a file, a net or a pattern")

    def print(self, content: str | bytes, format: str = "text", name: str = "report") -> None:
        assert isinstance(content, str)
        self.reports.append((content, format))

    def print_error(self, text: str) -> None:
        self.errors.append(text)

    def write_file(self, content: str | bytes, file: str, shown: str = "") -> None:
        assert isinstance(content, str)
        self.files.append((file, content))

    def page(self) -> Page | None:
        return None

    def is_ascii(self) -> bool:
        return False

    def refuse_terminal(self, what: str, name: str) -> None:
        return None

    def progress_stream(self) -> TextIO | None:
        return None


class CallResult(NamedTuple):
    """The output of a call or its error, and its warnings.

    ``picture`` is the SVG text of a drawing that belongs in a file beside the document.
    """

    answer: Answer | None
    error: Exception | None = None
    warnings: tuple[str, ...] = ()
    picture: str | None = None


class CallError(CnncalcError):
    """A call ended with an error exit code; the message is its standard error."""


class Caller:
    """Runs the calls of documents, each one once per folder; calls about the same net share its analysis."""

    def __init__(self) -> None:
        self._results: dict[tuple[str, tuple[str, ...]], CallResult] = {}
        self._analyses: dict[Any, Report] = {}

    def call(self, words: tuple[str, ...], folder: str) -> CallResult:
        """The result of a call whose relative file names start from ``folder``."""
        key = (os.path.realpath(folder), words)
        if key not in self._results:
            self._results[key] = _call(words, CapturedConsole(folder or os.curdir, self._analyses))
        return self._results[key]


def _call(words: Sequence[str], console: CapturedConsole) -> CallResult:
    try:
        code = perform(words, console)
    except Exception as error:  # noqa: BLE001  # a failed call does not stop the others
        return CallResult(None, error, tuple(console.errors))
    if code > FAILED:
        return CallResult(None, CallError("\n".join(console.errors)))
    warnings = tuple(console.errors)
    formats = {name for _, name in console.reports}
    text = "".join([text for text, _ in console.reports])
    if not console.files:
        return CallResult(Answer(text, formats.pop() if len(formats) == 1 else "text"), None, warnings)
    if words[0] != "plot":
        message = "a call in a document cannot write a file: its output goes into the document"
        return CallResult(None, ValueProblem(message, code="usage"), warnings)
    try:
        ((path, svg),) = console.files
        check_path(path)
    except ValueProblem as error:
        return CallResult(None, error, warnings)
    return CallResult(Answer("", "svg", Picture(path, words_of(svg))), None, warnings, svg)


class MarkerProblem(NamedTuple):
    """A problem at its place in the document, and the ``output`` of the call that caused it."""

    problem: Problem
    output: str = ""

    def __str__(self) -> str:
        return f"{self.problem}\n\n{self.output}" if self.output else str(self.problem)


def problems_of(error: Exception, span: Span | None) -> list[MarkerProblem]:
    """The problems of a failed call at its place in the document; those with a place of their own keep it as well."""
    if isinstance(error, DesignError):
        placed = [problem for problem in error.every if problem.span is not None]
        here = [MarkerProblem(problem._replace(span=span)) for problem in error.every if problem.span is None]
        return here + ([_failed(span, str(DesignError(placed)))] if placed else [])
    if isinstance(error, CallError):
        return [_failed(span, str(error))]
    if isinstance(error, CnncalcError):
        return [MarkerProblem(error.problem(span))]
    problem = limit_of(error) or internal_problem(error, "please report it with the call")
    return [MarkerProblem(problem._replace(span=span))]


def _failed(span: Span | None, output: str) -> MarkerProblem:
    return MarkerProblem(Problem("failed-call", "this call failed:", span), output)


def error_text(error: Exception) -> str:
    """The problems of a failed call without a place in a document."""
    if isinstance(error, (CallError, DesignError)):
        return str(error)
    return "\n\n".join([str(problem) for problem in problems_of(error, None)])


def with_format(words: Sequence[str], format: str) -> tuple[str, ...]:
    """The call with that format, if it chooses none and its command has it."""
    command = find_command(words[0])
    given = list(words[1 : words.index("--")] if "--" in words else words[1:])
    has_it = command is not None and any(
        option.flag == "--format" and format in option.words for option in command.options
    )
    if not has_it or any(word in ("--help", "-h") or word.partition("=")[0] == "--format" for word in given):
        return tuple(words)
    return (words[0], "--format", format, *words[1:])


def named_files(words: Sequence[str], folder: str) -> list[str]:
    """The paths of the files that a call names."""
    found = []
    for word in words[1:]:
        name = word.partition("=")[2] if word.startswith("--") else word
        path = os.path.join(folder, name)
        if name and "\0" not in name and os.path.isfile(path):
            found.append(os.path.abspath(path))
    return found
