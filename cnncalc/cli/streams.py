"""Standard input and output, files, and what the terminal can show."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.errors import CnncalcError, ValueProblem
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from cnncalc.errors import Problem
    from cnncalc.formats.document import Document, Page

MOST_INPUT = 4 * 1024 * 1024
"""So many bytes of standard input are read; the limits of the language lie far below and are named by the reader."""


class StreamError(CnncalcError):
    """Standard input cannot be read, or the report cannot be written; the message says where and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint: str | None = None


class Output(NamedTuple):
    """Where a report goes and how: ``format`` is one of the formats or None, ``file`` None for standard output."""

    format: str | None = None
    file: str | None = None

    def write(self, document: Document) -> None:
        """Writes the document: in the format asked for, else with boxes on a terminal and as plain text elsewhere."""
        from cnncalc.formats import write

        page = terminal() if self.format in (None, "rich") and self.file in (None, "-") else None
        chosen = self.format or "rich"
        if chosen == "rich" and page is None:
            chosen = "text"
        write_output(write(document, chosen, page), self.file, chosen)

    def write_text(self, text: str, format: str | None = None) -> None:
        """Writes a text that is already in its final form; ``format`` says which, where the call does not."""
        write_output(text if text.endswith("\n") else text + "\n", self.file, format or self.format or "text")


class Collected:
    """What a call said while it was collected.

    ``reports`` are texts with their formats, ``files`` those that it would have written, each with its text; ``said``
    is what was meant for standard error.
    """

    def __init__(self) -> None:
        self.reports: list[tuple[str, str]] = []
        self.files: list[tuple[str, str]] = []
        self.said: list[str] = []


_collected: Collected | None = None


@contextmanager
def collected() -> Iterator[Collected]:
    """Within it, what commands write and say is kept instead; nothing is read from standard input, and no file written.

    Reports are those that a pipe would get, whatever this process runs in.
    """
    global _collected  # standard output is one for the whole process as well
    before, _collected = _collected, Collected()
    try:
        yield _collected
    finally:
        _collected = before


def is_collecting() -> bool:
    """Whether what is written goes to somebody inside of this process."""
    return _collected is not None


def refuse_terminal(what: str, name: str, file: str | None = None) -> None:
    """Raises ValueProblem where something for another program would go to a terminal; ``name`` is that of a file."""
    if _collected is None and file in (None, "-") and sys.stdout is not None and sys.stdout.isatty():
        hint = f"write it to a file with --output {name}, or into a pipe"
        raise ValueProblem(f"{what} is not for a terminal", code="usage", hint=hint)


def read_input() -> str:
    """Standard input as text; StreamError where it is not UTF-8."""
    if _collected is not None:
        raise StreamError("input", "there is no standard input here: name a file, a net or a pattern")
    if sys.stdin is None:
        raise StreamError("input", "standard input is closed")
    try:
        data = sys.stdin.buffer.read(MOST_INPUT)
    except OSError as error:
        raise StreamError("input", f"standard input cannot be read: {reason(error)}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise StreamError(
            "input",
            f"standard input is not UTF-8: line {line}, byte {error.start} is 0x{data[error.start]:02x}",
        ) from None


def write_output(text: str, file: str | None = None, format: str = "text") -> None:
    """The report to a file, or to standard output; raises StreamError if it cannot be written.

    Where a reader of standard output closes early, the rest is dropped: the work goes on, and its exit code tells the
    same as if somebody had read all of it.
    """
    if _collected is not None:
        if file is None or file == "-":
            _collected.reports.append((text, format))
        else:
            _collected.files.append((file, text))
        return
    if file is not None and file != "-":
        _write_file(text.encode("utf-8", "backslashreplace"), file)
    else:
        _print(text, "report")


def write_data(data: bytes, file: str | None = None) -> None:
    """A picture to a file, or to standard output; as :func:`write_output`."""
    if _collected is not None:
        raise StreamError("output", "only text can be put into a document: a picture is drawn there as SVG")
    if file is not None and file != "-":
        _write_file(data, file)
    else:
        _print(data, "picture")


def _print(what: str | bytes, name: str) -> None:
    """A text or the bytes of a picture to standard output."""
    if sys.stdout is None:
        raise StreamError("output", f"the {name} cannot be written: standard output is closed")
    try:
        if isinstance(what, bytes):
            sys.stdout.buffer.write(what)
        else:
            _allow_escapes(sys.stdout)
            sys.stdout.write(what)
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon(sys.stdout)
    except OSError as error:
        _abandon(sys.stdout)
        raise StreamError("output", f"the {name} cannot be written to standard output: {reason(error)}") from None


def _write_file(data: bytes, file: str) -> None:
    """Writes beside the file and then takes its place, so that no reader sees half of it."""
    place = os.path.realpath(file)
    beside = f"{place}.{os.getpid()}.tmp"
    try:
        if os.path.exists(place) and not os.path.isfile(place):
            if os.path.isdir(place):
                raise IsADirectoryError(21, "Is a directory")
            with open(place, "wb") as device:
                device.write(data)
            return
        if os.path.isfile(beside):  # left by a process that had this number and was killed
            os.unlink(beside)
        try:
            with open(beside, "xb") as new:
                new.write(data)
            if os.path.exists(place):
                if not os.access(place, os.W_OK):
                    raise PermissionError(13, "Permission denied")
                os.chmod(beside, os.stat(place).st_mode & 0o7777)
            os.replace(beside, place)
        except BaseException:
            if os.path.exists(beside):
                os.unlink(beside)
            raise
    except (OSError, ValueError) as error:
        raise StreamError("output", f"cannot write '{visible(file)}': {reason(error)}") from None


def reason(error: Exception) -> str:
    """Why, in the words of the operating system."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def say(text: str) -> None:
    """A line about a problem, to standard error; if that is gone, to nobody."""
    if _collected is not None:
        _collected.said.append(text)
        return
    if sys.stderr is None:
        return
    _allow_escapes(sys.stderr)
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        _abandon(sys.stderr)


def say_warnings(problems: tuple[Problem, ...]) -> None:
    """Warnings about a design; the report is printed all the same."""
    for problem in problems:
        say(str(problem))


def flush() -> None:
    """Writes what is left in the buffers; what nobody reads any more is dropped."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):
                _abandon(stream)


def _abandon(stream: TextIO) -> None:
    """Lets the rest of a stream that cannot be written go nowhere, so that closing it raises nothing."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass


def abandon_output() -> None:
    """Standard output has no reader any more."""
    if sys.stdout is not None:
        _abandon(sys.stdout)


def _allow_escapes(stream: TextIO) -> None:
    """Characters that the stream's encoding lacks are shown as escapes."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def terminal() -> Page | None:
    """What the terminal behind standard output can show; None where there is none.

    ``FORCE_COLOR`` stands for a terminal of any width, ``NO_COLOR`` takes the colour away.
    """
    from cnncalc.formats.document import Page

    if _collected is not None:
        return None
    forced = bool(os.environ.get("FORCE_COLOR"))
    is_terminal = sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if not is_terminal and not forced:
        return None
    width = None
    if is_terminal:
        try:
            width = int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size(sys.stdout.fileno()).columns or None
        except (OSError, ValueError):
            width = 80
    return Page(width, not os.environ.get("NO_COLOR"), is_ascii())


def is_ascii() -> bool:
    """Whether standard output cannot take the characters that boxes and bars are drawn with."""
    if _collected is not None:
        return False
    try:
        "\u256d\u2500\u253c\u2588".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False
