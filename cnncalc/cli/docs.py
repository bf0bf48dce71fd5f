"""``cnncalc docs``: the tables and numbers inside documents, brought up to date."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.cli.command import DONE, FAILED, WRONG, Command, Option, choice
from cnncalc.cli.streams import StreamError, reason, say, write_output
from cnncalc.documents import SYNTAXES, syntax_of
from cnncalc.errors import DesignError, Problem, ValueProblem
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.cli.calls import Caller
    from cnncalc.cli.rewriting import Drawing, Rewritten

_TITLES = [each.title for each in SYNTAXES.values()]

HELP = f"""Writes into FILES what the calls in their markers print, and leaves all else as it is. FILES are documents in
{", ".join(_TITLES[:-1])} or {_TITLES[-1]}, and folders (searched for them).

A marker is a pair of comments with a call of cnncalc, and what stands between them is written anew:

\b
  <!-- cnncalc: table vgg16 --format markdown -->
  <!-- /cnncalc -->

\b
So is a number in a line: <!-- cnncalc: value vgg16 parameters -->138.4M<!-- /cnncalc -->
In reStructuredText:      .. cnncalc: CALL   and   .. /cnncalc
In LaTeX and AsciiDoc:    % cnncalc: CALL,   // cnncalc: CALL   and alike

Files that a call names lie beside the document. The exit code is 1 if --check finds a document that is not up to date,
2 where a marker or its call is wrong; such a document is left as it is.

\b
Examples:
  cnncalc docs --diff README.md
  cnncalc docs --check README.md docs
"""

MOST_LOOKED_AT = 1000
"""An SVG file is known by so many of its first bytes."""

MOST_BYTES = 16 * 1024 * 1024
"""A larger file is hardly a document."""

MARK = "\ufeff"
"""A byte order mark, as UTF-8 decodes it."""

LEFT_OUT = ("node_modules",)
"""Folders that are not searched, beside those that begin with a dot."""


def run(files: tuple[str, ...], check: bool, diff: bool, syntax: str | None) -> int:
    """Brings documents up to date, or says whether they are."""
    from cnncalc.cli.calls import Caller

    if not files:
        raise ValueProblem("cnncalc docs needs FILES", code="usage", hint="cnncalc docs README.md docs")
    if "-" in files:
        raise ValueProblem("docs rewrites files, and standard input is none", code="usage")
    caller, worst = Caller(), DONE
    documents, empty = find_documents(files, syntax)
    bare = dict.fromkeys(empty, 0)
    for document in documents:
        try:
            done = _Work(document, caller)
            if not (check or diff):
                done.write()
        except (ValueProblem, StreamError) as error:
            say(str(Problem(error.code, error.message, hint=error.hint)))
            worst = WRONG
            continue
        except DesignError as error:
            say(str(error))
            worst = WRONG
            continue
        for block in (*done.rewritten.warnings, done.rewritten.wrong):
            if block:
                say(block)
        if document.folder and not done.rewritten.markers and not done.rewritten.wrong:
            bare[document.folder] = bare.get(document.folder, 0) + 1
        else:
            write_output("".join([line + "\n" for line in done.lines(check=check, diff=diff)]))
        worst = max(worst, WRONG if done.rewritten.wrong else FAILED if check and done.stale else DONE)
    for folder, count in bare.items():
        what = f"{count:,} document{'s' if count > 1 else ''} without a marker" if count else "no document"
        write_output(f"{visible(folder)}: {what}\n")
    return worst


# Which documents


class Document(NamedTuple):
    """A document to work on: its path, how it is named, its syntax, and the folder that was searched for it."""

    path: str
    shown: str
    syntax: str | None
    folder: str = ""


def find_documents(names: Sequence[str], syntax: str | None) -> tuple[list[Document], list[str]]:
    """The documents that the names of a call stand for, each once: files, and those below folders, in order.

    Gives the folders without any document as well.
    """
    from cnncalc.checks.configuration import shown_path

    documents: dict[str, Document] = {}
    empty = []
    for name in names:
        folder = shown_path(name) if _is_folder(name) else ""
        paths = list(_below(name)) if folder else [name]
        if not paths:
            empty.append(folder)
        for path in paths:
            is_path = bool(path) and "\0" not in path
            shown = shown_path(path) if is_path else path
            real = os.path.realpath(path) if is_path else path
            documents.setdefault(real, Document(path, shown, syntax or syntax_of(path) or syntax_of(real), folder))
    return list(documents.values()), empty


def _is_folder(name: str) -> bool:
    try:
        return os.path.isdir(name)
    except ValueError:
        return False


def _below(folder: str) -> Iterator[str]:
    """The documents below a folder, sorted; hidden files and folders are left out."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in LEFT_OUT)
        for name in sorted(names):
            if syntax_of(name) and not name.startswith("."):
                yield os.path.join(here, name)


def read_document(path: str, shown: str) -> str:
    """The text of a document, to the byte; ValueProblem where it is none."""
    name = visible(shown)
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # a device may never end
            raise ValueProblem(f"cannot read {name}: it is no file", code="unreadable")
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ValueProblem(f"cannot read {name or repr('')}: {reason(error)}", code="unreadable") from None
    if len(data) > MOST_BYTES:
        raise ValueProblem(f"{name}: a document has at most {MOST_BYTES // 1024**2} MiB", code="limit")
    bad = data.find(0)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        bad = error.start if bad < 0 else min(bad, error.start)
    if bad >= 0:
        line = len(data[:bad].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
        what = f"line {line}, byte {bad} is 0x{data[bad]:02x}"
        raise ValueProblem(f"{name} is not a text in UTF-8: {what}", code="not-text")
    return text


# The work on one


class _Work:
    """A document that is brought up to date."""

    def __init__(self, document: Document, caller: Caller) -> None:
        from cnncalc.cli.rewriting import rewrite

        if document.syntax is None and os.path.exists(document.path):
            known = " ".join(f".{ending}" for each in SYNTAXES.values() for ending in each.endings)
            message = f"the syntax of {visible(document.shown)} is not known by its name (known: {known})"
            raise ValueProblem(message, code="unknown-syntax", hint=f"--syntax {'|'.join(SYNTAXES)} says it")
        self._read = text = read_document(document.path, document.shown)
        self.document = document
        self.mark = MARK if text.startswith(MARK) else ""
        self.text = text[len(self.mark) :]
        # that of its target, where it is a link: what a document says does not depend on the name it is called by
        self.folder = os.path.dirname(os.path.realpath(document.path))
        self.rewritten: Rewritten = rewrite(document.shown, self.text, document.syntax or "", self.folder, caller)
        self.drawings = [drawing for drawing in self.rewritten.drawings if self._is_other(drawing)]

    @property
    def stale(self) -> list[str]:
        """The markers that are not up to date, in the order of the text: the line of each with its call."""
        markers = [change.marker for change in self.rewritten.update.changes]
        found = {marker.span.start: (marker, "") for marker in markers}
        found |= {drawing.marker.span.start: (drawing.marker, drawing.path) for drawing in self.drawings}
        return [
            f"{marker.span.line}: stale: {visible(' '.join(marker.call.split()))}"
            + (f" ({visible(path)} {'differs' if os.path.exists(self._place(path)) else 'is missing'})" if path else "")
            for _, (marker, path) in sorted(found.items())
        ]

    def write(self) -> None:
        """Writes the pictures, then the document; each beside its place first, so that none is ever half there."""
        from cnncalc.checks.configuration import shown_path

        if self.rewritten.update.changes and read_document(self.document.path, self.document.shown) != self._read:
            message = f"{visible(self.document.shown)} was changed while its calls were made, so it is left as it is"
            raise ValueProblem(message, code="changed", hint="bring it up to date once more")
        for drawing in self.drawings:
            path = self._place(drawing.path)
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            except OSError as error:
                raise StreamError("output", f"cannot write '{visible(drawing.path)}': {reason(error)}") from None
            write_output(drawing.svg, shown_path(path))
        if self.rewritten.update.changes:
            write_output(self.mark + self.rewritten.update.text, self.document.path)

    def lines(self, *, check: bool, diff: bool) -> Iterator[str]:
        """What was found and done, in lines."""
        from cnncalc.documents.difference import unified_diff

        name, count, stale = visible(self.document.shown), len(self.rewritten.markers), self.stale
        if self.rewritten.wrong:
            yield f"{name}: left as it is"
            return
        if check:
            yield from [f"{name}:{line}" for line in stale]
        if (check or diff) and self.rewritten.update.changes:
            yield unified_diff(self.document.shown, self.text, self.rewritten.update).removesuffix("\n")
        if not count:
            yield f"{name}: no marker"
            return
        done = f"{len(stale):,} {'stale' if check or diff else 'brought up to date'}" if stale else "up to date"
        yield f"{name}: {count:,} marker{'s' if count > 1 else ''}, {done}"

    def _place(self, path: str) -> str:
        """Where the file of a picture lies."""
        return os.path.join(self.folder, path)

    def _is_other(self, drawing: Drawing) -> bool:
        """Whether the file of a picture is to be written; DesignError where it may not be."""
        path = self._place(drawing.path)
        inside = os.path.realpath(self.folder)
        if os.path.commonpath([inside, os.path.realpath(path)]) != inside:
            raise _picture_problem(drawing, "it leads out of the document's folder")
        if not os.path.lexists(path):
            return True
        try:
            with open(path, "rb") as file:
                old = file.read()
        except OSError as error:
            raise _picture_problem(drawing, reason(error)) from None
        if b"<svg" not in old[:MOST_LOOKED_AT]:
            raise _picture_problem(drawing, "a file of this name is there and is no SVG, so it is not replaced")
        return old != drawing.svg.encode("utf-8", "backslashreplace")


def _picture_problem(drawing: Drawing, why: str) -> DesignError:
    return DesignError([Problem("picture", f"{drawing.path} cannot be written: {why}", drawing.marker.span)])


COMMAND = Command(
    "docs",
    "The tables and numbers inside documents, brought up to date.",
    HELP,
    run,
    (),
    (
        Option("--check", "check", "Write nothing; exit with 1 if a document is not up to date.", default=False,
               opposite="--no-check"),
        Option("--diff", "diff", "Write nothing; print what would change.", default=False, opposite="--no-diff"),
        choice("--syntax", tuple(SYNTAXES), "How FILES are written (default: by the ends of their names)."),
    ),
    several="files",
)  # fmt: skip
