"""The program: its commands, loaded when called, and its exit codes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from cnncalc.cli.command import DONE, INTERNAL, INTERRUPTED, WRONG, read_plainly
from cnncalc.cli.registry import COMPLETION, find_command
from cnncalc.cli.streams import StreamError, abandon_output, say
from cnncalc.errors import CnncalcError, DesignError, Problem, ValueProblem

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Runs the command line with these arguments; gives the exit code.

    All that goes wrong is said on standard error.
    """
    words = list(arguments)
    options = words[: words.index("--")] if "--" in words else words
    is_debugging = "--debug" in options
    if is_debugging:
        words = [word for place, word in enumerate(words) if place >= len(options) or word != "--debug"]
    try:
        return perform(words)
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        abandon_output()
        return DONE
    except DesignError as error:
        say(str(error))
        return WRONG
    except (ValueProblem, StreamError) as error:
        say(str(Problem(error.code, error.message, hint=error.hint)))
        return WRONG
    except CnncalcError as error:
        say(str(Problem("design", str(error))))
        return WRONG
    except Exception as error:  # noqa: BLE001  # the one place that may catch all: no traceback for what a user typed
        say_internal(error, is_debugging)
        return INTERNAL


def perform(words: Sequence[str]) -> int:
    """Reads a command line, calls its command, gives the exit code; what goes wrong is raised."""
    command = find_command(words[0]) if words and COMPLETION not in os.environ else None
    values = read_plainly(command, words[1:]) if command else None
    if command is None or values is None:
        from cnncalc.cli.grammar import read

        answer = read(words)
        if isinstance(answer, int):
            return answer
        command, values = answer
    return command.call(values)


def say_internal(error: Exception, is_debugging: bool) -> None:
    """One line about an error of cnncalc itself; the traceback if asked for."""
    if is_debugging and sys.stderr is not None:
        from traceback import print_exception

        print_exception(error, file=sys.stderr)
    words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    again = "" if is_debugging else "; --debug shows where"
    say(str(Problem("internal", f"{words} (an error of cnncalc itself: please report it with the command{again})")))
