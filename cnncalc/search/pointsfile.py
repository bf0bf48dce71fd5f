"""The points file of a sweep: CSV or JSON Lines, written in whole lines, so that a stopped sweep can continue it.

Its header holds the design, the options and the version of cnncalc, so that only the same sweep continues it.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem, ValueProblem
from cnncalc.language.files import reason, special_kind
from cnncalc.layers.keys import DecimalNumber, Value
from cnncalc.search.points import MARK
from cnncalc.search.ranges import value_of_range
from cnncalc.source import argument, visible
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cnncalc.search.sweep import Record

ENDINGS = ("csv", "jsonl")
"""The endings of points files, which are also the names of their forms."""
FORM = 1
"""The version of the format, raised when older files can no longer be read."""
FLUSH_SECONDS, FLUSH_BYTES = 1.0, 1 << 16
"""Buffered points are written when they have so many bytes, or so many seconds after the last write."""
MAX_LINE = 1 << 20
"""The longest line that is read, in bytes."""


class PointsProblem(DesignError):
    """A points file that cannot be read, continued or written."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__([Problem(code, message, None, hint)])


def form_of(path: str) -> str:
    """``csv`` or ``jsonl``, by the ending of the path; raises ValueProblem for another ending."""
    ending = path.rpartition(".")[2].lower()
    if ending not in ENDINGS or "." not in path:
        shown = visible(path)[:200]
        message = f"a points file must end in .{' or .'.join(ENDINGS)}, found '{shown}'"
        stem = shown.rpartition(".")[0] if "." in os.path.basename(shown) else shown
        hint = f"--points {argument((stem or 'points') + '.csv')}"
        raise ValueProblem(message, code="usage", hint=hint)
    return ending


class Csv:
    """Points as comma-separated values: a comment with the header, the names of the columns, a line for each point."""

    def __init__(self, header: Mapping[str, Any], names: Sequence[str], keys: Sequence[str]) -> None:
        self.keys = len(keys)
        columns = ",".join([_cell(name) for name in (*names, *keys, "status", "reason")])
        self.start = f"{MARK}{FORM} {_json(header)}\n"
        self.head = f"{self.start}{columns}\n"

    @staticmethod
    def header_of(line: str) -> Any:
        """The header in the first line of a file; raises ValueError if it has none."""
        if not line.startswith(MARK):
            raise ValueError("no header")
        form, _, text = line[len(MARK) :].partition(" ")
        return _of_form(form, text)

    @staticmethod
    def beginning(point: Mapping[str, Value]) -> str:
        """The beginning of the line of a point: the values of its variables."""
        return "".join([_cell(value_of_range(value)) + "," for value in point.values()])

    @staticmethod
    def rest(record: Record) -> str:
        """The rest of the line: the figures, status and reason of a record."""
        figures = record.numbers
        cells = "," * len(record.keys) if figures is None else "".join([f"{each}," for each in figures])
        return f"{cells}{record.status},{_cell(record.reason)}\n"

    def parsed(self, line: str, beginning: str) -> tuple[tuple[int, ...] | None, str, str]:
        """Figures, status and reason of a line that starts with ``beginning``; raises ValueError if wrong."""
        *cells, status, reason = line[len(beginning) :].split(",", self.keys + 1)
        if len(cells) != self.keys:
            raise ValueError("too few cells")
        if reason.startswith('"'):
            reason = reason[1:-1].replace('""', '"')
        figures = None if status == "broken" else tuple([_whole(cell) for cell in cells])
        return figures, status, reason


class JsonLines:
    """Points as JSON Lines: a record with the header, then a record for each point."""

    def __init__(self, header: Mapping[str, Any], names: Sequence[str], keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        self.head = self.start = f'{{"header": {{"cnncalc-sweep": {FORM}, {_json(header)[1:]}}}\n'

    @staticmethod
    def header_of(line: str) -> Any:
        """The header in the first line of a file; raises ValueError if it has none."""
        record = json.loads(line)
        if not isinstance(record, dict) or not isinstance(record.get("header"), dict):
            raise ValueError("not a header")
        header = dict(record["header"])
        return _of_form(str(header.pop("cnncalc-sweep", "")), json.dumps(header))

    @staticmethod
    def beginning(point: Mapping[str, Value]) -> str:
        """The beginning of the line of a point: the values of its variables."""
        return "{" + "".join([f"{json.dumps(name)}: {_json_value(value)}, " for name, value in point.items()])

    @staticmethod
    def rest(record: Record) -> str:
        """The rest of the line: the figures, status and reason of a record."""
        figures = record.numbers if record.numbers is not None else (None,) * len(record.keys)
        cells = [
            f"{json.dumps(key)}: {'null' if each is None else each}, "
            for key, each in zip(record.keys, figures, strict=True)
        ]
        return f'{"".join(cells)}"status": "{record.status}", "reason": {json.dumps(record.reason)}}}\n'

    def parsed(self, line: str, beginning: str) -> tuple[tuple[int, ...] | None, str, str]:
        """Figures, status and reason of a line that starts with ``beginning``; raises ValueError if wrong."""
        try:
            record = json.loads("{" + line[len(beginning) :])
            figures = [record[key] for key in self.keys]
            status, reason = record["status"], record["reason"]
        except (KeyError, TypeError):
            raise ValueError("keys are missing") from None
        if status != "broken" and not all(type(each) is int for each in figures):
            raise ValueError("a figure is not a whole number")
        return None if status == "broken" else tuple(figures), status, reason


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)


def _of_form(form: str, text: str) -> Any:
    """The header in a text of the format version ``form``; raises ValueError for another version."""
    if form != str(FORM):
        raise ValueError("another version of the format")
    return json.loads(text)


def _whole(text: str) -> int:
    if not text.isascii() or not text.removeprefix("-").isdigit():
        raise ValueError("not a whole number")
    return int(text)


def _cell(text: str) -> str:
    """A cell of CSV, quoted where necessary."""
    text = visible(text)
    if "," in text or '"' in text or text[:1] in ("#", " ") or text[-1:] == " ":
        return '"' + text.replace('"', '""') + '"'
    return text


def json_value(value: Value) -> Any:
    """A value of a variable for JSON: a decimal as a number, an input as the list of its sizes."""
    if isinstance(value, Volume):
        return list(value)
    return [json_value(part) for part in value] if isinstance(value, (list, tuple)) else value


def _json_value(value: Value) -> str:
    if isinstance(value, DecimalNumber):
        return repr(float(value))
    return json.dumps(json_value(value))


class PointsFile:
    """A points file, locked so that no other process writes it.

    ``shown`` is the name of the file in messages, ``header`` that of this sweep, ``names`` and ``keys`` the variables
    and figures of its columns. Raises PointsProblem if the file belongs to another sweep, if another process writes it,
    or if it cannot be opened; the file is then not changed.
    """

    def __init__(
        self, path: str, shown: str, header: Mapping[str, Any], names: Sequence[str], keys: Sequence[str]
    ) -> None:
        self.shown = visible(shown)
        self.form = (Csv if form_of(path) == "csv" else JsonLines)(header, names, keys)
        self.rows = 0
        """The number of points in the file."""
        self.can_lock = True
        """Whether the file could be locked: not every system and file system has locks."""
        self._path = path
        self._header = json.loads(_json(header))
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._flushed = time.monotonic()
        self._is_new = not os.path.lexists(path)
        self._descriptor = self._open()
        try:
            self._lock()
            self._end = self._begin()
        except BaseException:
            self.close()
            raise

    def _problem(self, code: str, message: str, hint: str | None = None) -> PointsProblem:
        return PointsProblem(code, f"{self.shown}: {message}", hint)

    def _open(self) -> int:
        try:
            kind = None if self._is_new else special_kind(self._path)
            if kind is not None:
                raise self._problem("output", f"points are written to a file, and this is a {kind}")
            return os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        except (OSError, ValueError) as error:
            raise PointsProblem("output", f"cannot write '{self.shown}': {reason(error)}") from None

    def _lock(self) -> None:
        """Locks the file, where there are locks; raises PointsProblem if another process has locked it."""
        try:
            import fcntl
        except ImportError:
            self.can_lock = False
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = "another sweep is writing this file"
            raise self._problem("busy", message, "wait until it ends, or write to another file") from None
        except OSError:  # a file system without locks
            self.can_lock = False

    def _begin(self) -> int:
        """Checks the head; returns the offset of the first point. A head that is not complete is removed."""
        head = self.form.head.encode()
        found = self._read(0, len(head))
        if found == head:
            return len(head)
        if len(found) < len(head) and head.startswith(found):
            os.ftruncate(self._descriptor, 0)
            return 0
        self._refuse(self._read(0, MAX_LINE))
        raise AssertionError("_refuse always raises")

    def _refuse(self, data: bytes) -> None:
        """Raises PointsProblem for a file that begins with ``data``: it is no points file, or one of another sweep."""
        line = data.partition(b"\n")[0]
        other = "write to another file, or remove this one"
        try:
            header = self.form.header_of(line.decode())
            if not isinstance(header, dict):
                raise ValueError("not a mapping")
        except (ValueError, RecursionError):
            message = "it is not a points file of a sweep, so nothing is written to it"
            raise self._problem("other-file", message, other) from None
        parts = [
            "of another design"
            if key == "design"
            else f"{key}: {_short(header.get(key))} there, {_short(self._header.get(key))} here"
            for key in {**self._header, **header}
            if header.get(key) != self._header.get(key)
        ]
        what = "; ".join(parts) or "its columns"
        raise self._problem("other-sweep", f"it holds the points of another sweep ({what})", other)

    def _read(self, start: int, count: int) -> bytes:
        data = b""
        while len(data) < count:
            os.lseek(self._descriptor, start + len(data), os.SEEK_SET)
            part = os.read(self._descriptor, count - len(data))
            if not part:
                break
            data += part
        return data

    def lines(self) -> Iterator[str]:
        """Yields the lines of the points in the file, without line ends; all must be read before a point is added.

        A last line without an end is removed from the file. Raises PointsProblem for a line that is too long or not
        UTF-8.
        """
        start, rest = self._end, b""
        while True:
            part = self._read(start + len(rest), MAX_LINE)
            *whole, rest = (rest + part).split(b"\n")
            for line in whole:
                start += len(line) + 1
                self.rows += 1
                try:
                    yield line.decode()
                except UnicodeDecodeError:
                    raise self.changed() from None
            if len(rest) > MAX_LINE:
                raise self.changed()
            if not part:
                break
        if rest:
            os.ftruncate(self._descriptor, start)
        self._end = start

    def changed(self) -> PointsProblem:
        """The error for the line that was read last, which is not that of this sweep."""
        message = f"point {self.rows:,} is not the one that this sweep computes, so the file was changed"
        return self._problem("other-sweep", message, "write to another file, or remove the points from there on")

    def add(self, beginning: str, record: Record) -> None:
        """Appends a point to a buffer, which is written when large or old; raises PointsProblem if that fails."""
        if not self._end and not self._waiting:
            self._wait(self.form.head)
            self._flushed = time.monotonic()
        self._wait(beginning + self.form.rest(record))
        self.rows += 1
        if self._bytes >= FLUSH_BYTES or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def _wait(self, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        self._waiting.append(data)
        self._bytes += len(data)

    def flush(self) -> None:
        """Writes the buffered points. If that fails, whole lines that were written stay; raises PointsProblem."""
        data = b"".join(self._waiting)
        self._waiting, self._bytes = [], 0
        self._flushed = time.monotonic()
        view, done = memoryview(data), 0
        try:
            os.lseek(self._descriptor, self._end, os.SEEK_SET)
            while done < len(data):
                done += os.write(self._descriptor, view[done:])
        except OSError as error:
            whole = data.rfind(b"\n", 0, done) + 1
            points = data.count(b"\n") - (0 if self._end else self.form.head.count("\n"))
            self.rows -= min(points, data.count(b"\n", whole))
            self._end += whole
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
            message = f"cannot write '{self.shown}': {reason(error)}"
            hint = f"it holds {self.rows:,} points; run the same command again to continue"
            raise PointsProblem("output", message, hint) from None
        self._end += done

    def close(self) -> None:
        """Writes the buffered points and closes the file; a new file that is still empty is removed."""
        if self._descriptor < 0:
            return
        try:
            if self._waiting:
                self.flush()
            if self._is_new and not os.fstat(self._descriptor).st_size:
                os.unlink(self._path)
        finally:
            os.close(self._descriptor)
            self._descriptor = -1


def _short(value: Any) -> str:
    text = visible(_json(value))
    return text if len(text) <= 80 else f"{text[:77]}..."
