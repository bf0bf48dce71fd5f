"""``cnncalc docs``: updates the tables and numbers inside documents."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cnncalc.cli.command import DONE, FAILED, WRONG, Command, choice, switch
from cnncalc.cli.console import StreamError
from cnncalc.documents import MAX_BYTES, SYNTAXES, syntax_of
from cnncalc.errors import CnncalcError, DesignError, Problem, ValueProblem
from cnncalc.language.files import read_bytes, reason
from cnncalc.records import NamedTuple
from cnncalc.source import SAVE_AS_UTF8, not_utf8, visible
from cnncalc.units import listed, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.cli.calls import Caller
    from cnncalc.cli.console import Console
    from cnncalc.cli.document_update import Drawing

_TITLES = [each.title for each in SYNTAXES.values()]

_COMMENTS = "\n".join(
    f"{f'In {each.title}:':24}{'   and   '.join(each.marker())}"
    for each in SYNTAXES.values()
    if each.marker() != SYNTAXES["html"].marker()
)

HELP = f"""Replaces the text between the markers in FILES with the output of their calls. FILES are documents in
{", ".join(_TITLES[:-1])} or {_TITLES[-1]}, and folders (searched for them).

A marker is a pair of comments with a call of cnncalc; the text between them is replaced:

\b
  <!-- cnncalc: table vgg16 --format markdown -->
  <!-- /cnncalc -->

\b
A number in a line:     <!-- cnncalc: value vgg16 parameters -->138.4M<!-- /cnncalc -->
{_COMMENTS}

File names in a call are relative to the document. The exit code is 1 if --check finds a document that is not up to
date, 2 if a marker or its call is invalid; such a document is not changed.

\b
Examples:
  cnncalc docs --diff README.md
  cnncalc docs --check README.md docs
"""

SVG_START = 1000
"""Number of bytes at the start of a file that are searched for ``<svg``."""

BYTE_ORDER_MARK = "\ufeff"

NOT_SEARCHED = ("node_modules",)
"""Folders that are not searched, like those that begin with a dot."""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc docs``."""

    files: tuple[str, ...]
    check: bool = False
    diff: bool = False
    syntax: str | None = None


def run(call: Call, console: Console) -> int:
    """Updates documents, or checks whether they are up to date."""
    from cnncalc.cli.calls import Caller

    if not call.files:
        raise ValueProblem("cnncalc docs needs FILES", code="usage", hint="cnncalc docs README.md docs")
    if "-" in call.files:
        raise ValueProblem("docs rewrites files, but '-' is standard input", code="usage")
    documents, unmarked = find_documents(call.files, call.syntax, console)
    caller, code = Caller(), DONE
    for document in documents:
        work = _bring_up_to_date(document, call, caller, console)
        if work is None:
            code = WRONG
        elif document.folder and not work.result.markers and not work.result.errors:
            unmarked[document.folder] = unmarked.get(document.folder, 0) + 1
        else:
            console.print("".join([line + "\n" for line in work.lines(check=call.check, diff=call.diff)]))
            code = max(code, WRONG if work.result.errors else FAILED if call.check and work.stale else DONE)
    for folder, count in unmarked.items():
        what = f"{plural(count, 'document')} without a marker" if count else "no document"
        console.print(f"{visible(folder)}: {what}\n")
    return code


def _bring_up_to_date(document: DocumentFile, call: Call, caller: Caller, console: Console) -> _DocumentUpdate | None:
    """Updates a document and writes it unless --check or --diff is given; prints errors. None if it cannot be read."""
    from cnncalc.cli.calls import error_text

    try:
        work = _DocumentUpdate(document, caller, console)
        if not (call.check or call.diff):
            work.write()
    except CnncalcError as error:
        console.print_error(error_text(error))
        return None
    for text in (*work.result.warnings, work.result.errors):
        if text:
            console.print_error(text)
    return work


# Which documents


class DocumentFile(NamedTuple):
    """A document: its path, its name in messages, its syntax, and the folder of the command line it was found in."""

    path: str
    shown: str
    syntax: str | None
    folder: str = ""


def find_documents(
    names: Sequence[str], syntax: str | None, console: Console
) -> tuple[list[DocumentFile], dict[str, int]]:
    """The documents of a call, each once: its files and those below its folders; and its folders without documents.

    The second result maps each such folder to 0.
    """
    from cnncalc.checks.configuration import shown_path

    documents: dict[str, DocumentFile] = {}
    empty = {}
    for name in names:
        path = console.path(name) if name else name
        folder = shown_path(path, console.folder) if _is_folder(path) else ""
        paths = list(_below(path)) if folder else [path]
        if not paths:
            empty[folder] = 0
        for path in paths:
            is_path = bool(path) and "\0" not in path
            shown = shown_path(path, console.folder) if is_path else path
            real = os.path.realpath(path) if is_path else path
            documents.setdefault(real, DocumentFile(path, shown, syntax or syntax_of(path) or syntax_of(real), folder))
    return list(documents.values()), empty


def _is_folder(name: str) -> bool:
    try:
        return os.path.isdir(name)
    except ValueError:
        return False


def _below(folder: str) -> Iterator[str]:
    """The documents below a folder, sorted, without hidden files and folders."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in NOT_SEARCHED)
        for name in sorted(names):
            if syntax_of(name) and not name.startswith("."):
                yield os.path.join(here, name)


def read_document(path: str, shown: str) -> str:
    """The text of a document with its line ends as they are; ValueProblem if it is not UTF-8 text."""
    name = visible(shown)
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # reading a device may never end
            raise ValueProblem(f"cannot read {name}: not a file", code="unreadable")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ValueProblem(f"cannot read {name or repr('')}: {reason(error)}", code="unreadable") from None
    if len(data) > MAX_BYTES:
        raise ValueProblem(f"{name}: a document has at most {MAX_BYTES // 1024**2} MiB", code="limit")
    bad = data.find(0)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        bad = error.start if bad < 0 else min(bad, error.start)
    if bad >= 0:
        message = f"{name} is not a text in UTF-8 ({not_utf8(data, bad)})"
        raise ValueProblem(message, code="not-text", hint=SAVE_AS_UTF8)
    return text


# One document


class _DocumentUpdate:
    """A document and its update."""

    def __init__(self, document: DocumentFile, caller: Caller, console: Console) -> None:
        from cnncalc.cli.document_update import update_document

        if document.syntax is None and os.path.exists(document.path):
            known = " ".join(f".{ending}" for each in SYNTAXES.values() for ending in each.endings)
            message = f"unknown syntax of {visible(document.shown)} (known endings: {known})"
            raise ValueProblem(message, code="unknown-syntax", hint=f"--syntax {listed(tuple(SYNTAXES), 'or')}")
        self._read = text = read_document(document.path, document.shown)
        self.document = document
        self.mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
        self.text = text[len(self.mark) :]
        self.console = console
        self.folder = os.path.dirname(os.path.realpath(document.path))  # a link is updated like its target
        self.result = update_document(document.shown, self.text, document.syntax or "", self.folder, caller)
        self.drawings = [drawing for drawing in self.result.drawings if self._differs(drawing)]

    @property
    def stale(self) -> list[str]:
        """The line and the call of each marker that is not up to date, in the order of the text."""
        markers = [change.marker for change in self.result.update.changes]
        found = {marker.span.start: (marker, "") for marker in markers}
        found |= {drawing.marker.span.start: (drawing.marker, drawing.path) for drawing in self.drawings}
        return [
            f"{marker.span.line}: stale: {visible(' '.join(marker.call.split()))}"
            + (f" ({visible(path)} {'differs' if os.path.exists(self._place(path)) else 'is missing'})" if path else "")
            for _, (marker, path) in sorted(found.items())
        ]

    def write(self) -> None:
        """Writes the pictures, then the document."""
        from cnncalc.checks.configuration import shown_path

        if self.result.update.changes and read_document(self.document.path, self.document.shown) != self._read:
            message = f"{visible(self.document.shown)} was changed while its calls ran, so it is not written"
            raise ValueProblem(message, code="changed", hint="run cnncalc docs again")
        for drawing in self.drawings:
            path = self._place(drawing.path)
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            except OSError as error:
                raise StreamError("output", f"cannot write '{visible(drawing.path)}': {reason(error)}") from None
            self.console.write_file(drawing.svg, path, shown_path(path, self.console.folder))
        if self.result.update.changes:
            self.console.write_file(self.mark + self.result.update.text, self.document.path, self.document.shown)

    def lines(self, *, check: bool, diff: bool) -> Iterator[str]:
        """The lines of the report."""
        from cnncalc.documents.difference import unified_diff

        name, count, stale = visible(self.document.shown), len(self.result.markers), self.stale
        if self.result.errors:
            yield f"{name}: not changed"
            return
        if check:
            yield from [f"{name}:{line}" for line in stale]
        if (check or diff) and self.result.update.changes:
            yield unified_diff(self.document.shown, self.text, self.result.update).removesuffix("\n")
        if not count:
            yield f"{name}: no marker"
            return
        done = f"{len(stale):,} {'stale' if check or diff else 'updated'}" if stale else "up to date"
        yield f"{name}: {plural(count, 'marker')}, {done}"

    def _place(self, path: str) -> str:
        """The path of a picture."""
        return os.path.join(self.folder, path)

    def _differs(self, drawing: Drawing) -> bool:
        """Whether the file of a picture is missing or differs; DesignError if it must not be written."""
        path = self._place(drawing.path)
        inside = os.path.realpath(self.folder)
        if os.path.commonpath([inside, os.path.realpath(path)]) != inside:
            raise _picture_problem(drawing, "it is outside of the document's folder")
        if not os.path.lexists(path):
            return True
        try:
            old = read_bytes(path, MAX_BYTES)
        except DesignError as error:
            raise _picture_problem(drawing, error.problems[0].message) from None
        if b"<svg" not in old[:SVG_START]:
            raise _picture_problem(drawing, "a file of this name exists and is not SVG, so it is not replaced")
        return old != drawing.svg.encode("utf-8", "backslashreplace")


def _picture_problem(drawing: Drawing, why: str) -> DesignError:
    return DesignError([Problem("picture", f"{drawing.path} cannot be written: {why}", drawing.marker.span)])


COMMAND = Command(
    "docs",
    "Update the tables and numbers inside documents.",
    HELP,
    Call,
    run,
    (
        switch("--check", "Write nothing; exit with 1 if a document is not up to date."),
        switch("--diff", "Write nothing; print what would change."),
        choice("--syntax", tuple(SYNTAXES), "The syntax of FILES (default: by the endings of their names)."),
    ),
)
