"""Runs a command line: finds and calls the command, reports errors, returns the exit code."""

from __future__ import annotations

import os
import sys

from cnncalc.cli.command import DONE, INTERNAL, WRONG, parse_simple
from cnncalc.cli.console import Console, discard_output
from cnncalc.cli.interrupts import INTERRUPTED
from cnncalc.cli.registry import COMPLETION, find_command
from cnncalc.counts import MAX_RESULT_DIGITS
from cnncalc.errors import CnncalcError, DesignError, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.cli.interrupts import Watch


def run(arguments: Sequence[str], console: Console | None = None, watch: Watch | None = None) -> int:
    """Runs the command line with these arguments and returns the exit code; errors go to standard error.

    After a signal that ``watch`` has received, every error is the interrupt, whatever has become of it on its way.
    """
    console = console or Console()
    words = list(arguments)
    options = words[: words.index("--")] if "--" in words else words
    is_debugging = "--debug" in options
    if is_debugging:
        words = [word for index, word in enumerate(words) if index >= len(options) or word != "--debug"]
    try:
        return perform(words, console)
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001  # top level: reports any error without a traceback
        if isinstance(error, KeyboardInterrupt) or (watch is not None and watch.number is not None):
            console.print_error("interrupted")
            return INTERRUPTED
        return _failed(error, console, is_debugging=is_debugging)


def _failed(error: Exception, console: Console, *, is_debugging: bool) -> int:
    """Reports an error; returns the exit code."""
    if isinstance(error, BrokenPipeError):
        discard_output()
        return DONE
    if isinstance(error, CnncalcError):
        console.print_error(str(error if isinstance(error, DesignError) else error.problem()))
        return WRONG
    if isinstance(error, FileNotFoundError) and not _has_folder():
        message = "the working folder does not exist any more"
        console.print_error(str(Problem("folder", message, None, "change to a folder that exists")))
        return WRONG
    limit = limit_of(error)
    if limit is not None:
        console.print_error(str(limit))
        return WRONG
    if is_debugging and sys.stderr is not None:
        from traceback import print_exception

        print_exception(error, file=sys.stderr)
    advice = "" if is_debugging else "; --debug shows the traceback"
    console.print_error(str(internal_problem(error, f"please report it with the command{advice}")))
    return INTERNAL


def limit_of(error: Exception) -> Problem | None:
    """The problem of a call whose numbers are too large to be written, to be a float, or to be a size of an array.

    None for every other error, also for what else is an OverflowError: an infinite or a negative number was computed.
    """
    text = str(error)
    if isinstance(error, ValueError) and "digits) for integer string conversion" in text:
        return Problem("limit", f"a result has at most {MAX_RESULT_DIGITS:,} digits, but one of this call has more")
    if isinstance(error, (OverflowError, ValueError)) and any(words in text for words in _TOO_LARGE):
        message = "this call computes with sizes of at most 2^63 - 1 and numbers up to 1.8e308, but one is larger"
        return Problem("limit", message, None, "smaller sizes, or a command that only counts, such as table or value")
    return None


_TOO_LARGE = (
    *("int too large to convert to float", "integer division result too large for a float"),
    *(
        "int too large to convert to C long",
        "int too large to convert to C ssize_t",
        "cannot fit 'int' into an index-sized",
    ),
    *("Maximum allowed dimension exceeded", "array is too big", "maximum supported dimension"),
)
"""What Python and NumPy say of whole numbers beyond the floats, and beyond the sizes that there are."""


def _has_folder() -> bool:
    """Whether the working folder still exists."""
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def perform(words: Sequence[str], console: Console) -> int:
    """Parses a command line and runs its command; returns the exit code, raises on errors."""
    command = find_command(words[0]) if words and COMPLETION not in os.environ else None
    values = parse_simple(command, words[1:]) if command else None
    if command is None or values is None:
        from cnncalc.cli.click_parser import parse

        parsed = parse(words, console)
        if isinstance(parsed, int):
            return parsed
        command, values = parsed
    call = command.call_of(values)
    code = command.run(call, console) or DONE
    console.warn(command.warnings(call, values))
    return code


def internal_problem(error: Exception, request: str) -> Problem:
    """An error of cnncalc itself in one line."""
    words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return Problem("internal", f"{words} (internal error: {request})")
