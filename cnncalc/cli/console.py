"""The console: standard streams, files, and what the terminal can show."""

from __future__ import annotations

import errno
import os
import stat
import sys

from cnncalc.errors import CnncalcError, ValueProblem
from cnncalc.language.files import reason, special_kind
from cnncalc.source import SAVE_AS_UTF8, not_utf8, visible, wide_encoding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TextIO

    from cnncalc.analysis.report import Report
    from cnncalc.cli.options import OutputOptions
    from cnncalc.errors import Problem
    from cnncalc.formats.document import Document, Page

MAX_INPUT_BYTES = 4 * 1024 * 1024
"""Maximum bytes read from standard input; above the limits of the language, which report longer input."""


class StreamError(CnncalcError):
    """Standard input cannot be read, or output cannot be written; the message says where and why."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


TITLE_WIDTH, BELOW_TITLE = 16, 2
"""The characters of the title of a paragraph and the gap after it."""
MIN_MAP_WIDTH, MAX_MAP_WIDTH = 16, 100
"""The fewest and the most characters of a line of a map of memory."""


class Console:
    """The standard streams of this process, and the folder that relative file names start from.

    A command reads and writes only through its console.
    """

    help_width: int | None = None
    """Width of help; None: that of the terminal."""
    takes_bytes = True
    """Whether pictures that are not text can be written."""
    most_points: int | None = None
    """The most designs that a search may look at; None: as many as it takes."""

    def __init__(self, folder: str = "") -> None:
        self.folder = os.path.abspath(folder) if folder else ""
        self.analyses: dict[Any, Report] = {}
        """The latest layer reports by what they depend on; the calls of a document share them."""

    def path(self, file: str) -> str:
        """The path of a file that the command line names."""
        return os.path.join(self.folder, file)

    def read_input(self) -> str:
        """Standard input as text; StreamError if it is not UTF-8."""
        if sys.stdin is None:
            raise StreamError("input", "standard input is closed")
        try:
            data = sys.stdin.buffer.read(MAX_INPUT_BYTES)
        except OSError as error:
            raise StreamError("input", f"standard input cannot be read: {reason(error)}") from None
        start = 0
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            start = error.start
        else:
            if not wide_encoding(data):
                return text
        raise StreamError("input", f"standard input is not a text in UTF-8 ({not_utf8(data, start)})", SAVE_AS_UTF8)

    def print(self, content: str | bytes, format: str = "text", name: str = "report") -> None:
        """Writes to standard output; ``format`` is the format of the content, ``name`` is used in error messages.

        Ignored if the reader has closed the pipe: the exit code stays the same.
        """
        if sys.stdout is None:
            raise StreamError("output", f"the {name} cannot be written: standard output is closed")
        try:
            if isinstance(content, bytes):
                sys.stdout.buffer.write(content)
            else:
                _allow_escapes(sys.stdout)
                sys.stdout.write(content)
            sys.stdout.flush()
        except BrokenPipeError:
            _discard(sys.stdout)
        except OSError as error:
            _discard(sys.stdout)
            raise StreamError("output", f"the {name} cannot be written to standard output: {reason(error)}") from None

    def print_error(self, text: str) -> None:
        """Writes a line to standard error; ignored if that is closed."""
        if sys.stderr is None:
            return
        _allow_escapes(sys.stderr)
        try:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        except OSError:
            _discard(sys.stderr)

    def write_file(self, content: str | bytes, file: str, shown: str = "") -> None:
        """Replaces a file, so that no reader sees a part of it; ``shown`` is its name in error messages.

        Raises StreamError if it cannot be written.
        """
        try:
            _replace_file(
                content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace"),
                self._destination(file),
            )
        except (OSError, ValueError) as error:
            raise StreamError("output", f"cannot write '{visible(shown or file)}': {reason(error)}") from None

    def require_folder(self, file: str) -> None:
        """Raises StreamError for a folder, and for a file in a folder that is missing: before a long computation."""
        try:
            if not os.path.isdir(os.path.dirname(self._destination(file))):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        except OSError as error:
            raise StreamError("output", f"cannot write '{visible(file)}': {reason(error)}") from None

    def _destination(self, file: str) -> str:
        """The path, without links, of a file to write; IsADirectoryError for a folder, also one that is missing."""
        path = self.path(file)
        if os.path.basename(path) in ("", ".", "..") or os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return os.path.realpath(path)

    def page(self) -> Page | None:
        """Width, colour and characters of the terminal; None if standard output is not a terminal.

        ``FORCE_COLOR`` formats as for a terminal of unlimited width, ``NO_COLOR`` turns colour off.
        """
        from cnncalc.formats.document import Page

        is_terminal = _is_terminal(sys.stdout) and os.environ.get("TERM") not in ("dumb", "unknown")
        if not is_terminal and not os.environ.get("FORCE_COLOR"):
            return None
        width = None
        if is_terminal:
            try:
                width = int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size(sys.stdout.fileno()).columns or None
            except (OSError, ValueError):
                width = 80
        return Page(width, not os.environ.get("NO_COLOR"), self.is_ascii())

    def map_width(self, output: OutputOptions) -> int:
        """The characters of a line of a map of memory: on a terminal as many as fit beside its title."""
        page = self.page() if output.format in (None, "rich") and output.to_stdout else None
        if page is None or page.width is None:
            return MAX_MAP_WIDTH
        from cnncalc.formats.document import LEAST_WIDTH

        indent = TITLE_WIDTH if page.width >= LEAST_WIDTH else BELOW_TITLE
        return max(MIN_MAP_WIDTH, min(MAX_MAP_WIDTH, page.width - indent))

    def is_ascii(self) -> bool:
        """Whether standard output cannot encode the characters of boxes and bars."""
        try:
            "\u256d\u2500\u253c\u2588".encode(getattr(sys.stdout, "encoding", None) or "ascii")
        except (UnicodeEncodeError, LookupError):
            return True
        return False

    def refuse_terminal(self, what: str, name: str) -> None:
        """Raises ValueProblem if standard output is a terminal; ``name`` is a file name for the hint."""
        if _is_terminal(sys.stdout):
            hint = f"write it to a file with --output {name}, or into a pipe"
            raise ValueProblem(f"{what} cannot be shown on a terminal", code="usage", hint=hint)

    def progress_stream(self) -> TextIO | None:
        """Standard error if it is a terminal, else None."""
        return sys.stderr if _is_terminal(sys.stderr) else None

    def warn(self, problems: Iterable[Problem]) -> None:
        """Writes warnings about a design to standard error."""
        for problem in problems:
            self.print_error(str(problem))

    def write_document(self, document: Document, output: OutputOptions) -> None:
        """Writes a document in the chosen format; by default with boxes on a terminal, else as plain text."""
        from cnncalc.formats import write

        page = self.page() if output.format in (None, "rich") and output.to_stdout else None
        chosen = output.format or "rich"
        if chosen == "rich" and page is None:
            chosen = "text"
        self.write(write(output.written(document), chosen, page), output, chosen)

    def write(self, content: str | bytes, output: OutputOptions, format: str = "text") -> None:
        """Writes content of that format to the file that ``output`` names, or to standard output."""
        if isinstance(content, str) and not content.endswith("\n"):
            content += "\n"
        if output.file is None or output.to_stdout:
            self.print(content, format, "picture" if isinstance(content, bytes) else "report")
        else:
            self.write_file(content, output.file)


def flush() -> None:
    """Flushes standard output and error; a closed stream is ignored."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):
                _discard(stream)


def discard_output() -> None:
    """Redirects standard output to the null device, after its reader has closed it."""
    if sys.stdout is not None:
        _discard(sys.stdout)


def _discard(stream: TextIO) -> None:
    """Redirects a stream to the null device, so that closing it raises no error."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    except (OSError, ValueError):
        pass


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _allow_escapes(stream: TextIO) -> None:
    """Writes characters that the stream's encoding lacks as escapes."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _replace_file(data: bytes, path: str) -> None:
    """Writes a temporary file beside ``path`` and renames it; a FIFO or a character device is written directly.

    A FIFO that no process reads is an error, where opening it would never end.
    """
    if os.path.islink(path):  # a circle of links, which os.path.realpath leaves
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    kind = special_kind(path) if os.path.exists(path) else None
    if kind is not None:
        if not stat.S_ISCHR(os.stat(path).st_mode) and kind != "FIFO":
            raise OSError(22, f"it is a {kind}")
        try:
            descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            if error.errno == errno.ENXIO:
                raise OSError(errno.ENXIO, f"no process reads this {kind}") from None
            raise
        os.set_blocking(descriptor, True)
        with open(descriptor, "wb") as device:
            device.write(data)
        return
    temporary = os.path.join(os.path.dirname(path), f".cnncalc-{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb") as new:
            new.write(data)
        if os.path.exists(path):
            if not os.access(path, os.W_OK):
                raise PermissionError(13, "Permission denied")
            os.chmod(temporary, os.stat(path).st_mode & 0o7777)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
