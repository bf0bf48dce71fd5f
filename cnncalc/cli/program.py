"""The program: its commands, loaded when called, and its exit codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from cnncalc import __version__
from cnncalc.cli.streams import InputError, OutputError, abandon_output, say, write_output
from cnncalc.errors import CnncalcError, DesignError, Problem, ValueProblem, nearest
from cnncalc.source import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, FAILED, WRONG, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: done; a check failed; the input or the call is wrong; an error of cnncalc itself; interrupted."""

COMMANDS = ("table", "list", "show", "explain", "verify")
"""Every command; each is a module of this package with a click command ``command``."""

HELP = """Says exactly what a convolutional network costs: volumes, memory, parameters, multiply-adds.

A TARGET is, tried in this order: '-' (standard input), a file or anything that ends in .yaml or .yml, a named net such
as vgg16, or a pattern such as "INPUT -> [CONV -> RELU -> POOL]*2 -> FC -> RELU -> FC".

\b
Examples:
  cnncalc table vgg16
  cnncalc table "INPUT[32x32x3] -> [CONV3-32 -> RELU -> POOL2]*2 -> FC-10"
"""

EPILOG = """Exit codes: 0 done, 1 a check failed, 2 the input or the call is wrong, 3 an internal error, 130 interrupted.

Shell completion: eval "$(_CNNCALC_COMPLETE=bash_source cnncalc)" (also zsh_source, fish_source).
"""


class Program(click.Group):
    """The group of commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        from importlib import import_module

        command: click.Command = import_module(f"cnncalc.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None:
            raise NoSuchCommand(name, ctx)
        return name, command, args[1:]


class NoSuchCommand(click.UsageError):
    """The first word is no command; it may be a TARGET."""

    def __init__(self, word: str, ctx: click.Context) -> None:
        super().__init__(f"no command '{word[:60]}'", ctx)
        self.word = word


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    write_output(f"cnncalc {__version__}\n")
    ctx.exit()


@click.group(
    cls=Program,
    help=HELP,
    epilog=EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an internal error.")
@click.pass_context
def program(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        write_output(ctx.get_help() + "\n")


def run(arguments: Sequence[str]) -> int:
    """Runs the command line with these arguments; gives the exit code. All that goes wrong is said on standard error."""
    words = list(arguments)
    options = words[: words.index("--")] if "--" in words else words
    is_debugging = "--debug" in options
    words = [word for place, word in enumerate(words) if place >= len(options) or word != "--debug"]
    try:
        result: Any = program.main(args=words, prog_name="cnncalc", standalone_mode=False)
        return result if isinstance(result, int) else DONE
    except (KeyboardInterrupt, click.exceptions.Abort):
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        abandon_output()
        return DONE
    except click.UsageError as error:
        say(describe(usage_problem(error)))
        return WRONG
    except click.ClickException as error:
        say(describe(Problem("usage", error.format_message())))
        return WRONG
    except DesignError as error:
        say(str(error))
        return WRONG
    except ValueProblem as error:
        say(describe(Problem(error.code, error.message, hint=error.hint)))
        return WRONG
    except InputError as error:
        say(describe(Problem("input", str(error))))
        return WRONG
    except OutputError as error:
        say(describe(Problem("output", str(error))))
        return WRONG
    except CnncalcError as error:
        say(describe(Problem("design", str(error))))
        return WRONG
    except SystemExit as end:  # shell completion ends so
        return end.code if isinstance(end.code, int) else WRONG if end.code else DONE
    except Exception as error:  # the one place that may catch all: no traceback for what a user typed
        say_internal(error, is_debugging)
        return INTERNAL


def say_internal(error: Exception, is_debugging: bool) -> None:
    """One line about an error of cnncalc itself; the traceback if asked for."""
    if is_debugging:
        from traceback import print_exception

        print_exception(error, file=sys.stderr)
    words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    again = "" if is_debugging else "; --debug shows where"
    say(describe(Problem("internal", f"{words} (this is an error of cnncalc: please report it with the command{again})")))


def usage_problem(error: click.UsageError) -> Problem:
    """A wrong call as a problem: what is wrong in one line, and a way out."""
    path = error.ctx.command_path if error.ctx else "cnncalc"
    hint = f"{path} --help"
    if isinstance(error, NoSuchCommand):
        return _no_command(error)
    if isinstance(error, click.NoSuchOption):
        return _no_option(error, path)
    if isinstance(error, click.MissingParameter):
        name = error.param.make_metavar(error.ctx) if error.param and error.ctx else "an argument"
        return Problem("usage", f"{path} needs {name}", hint=hint)
    if isinstance(error, click.BadParameter):
        name = error.param.opts[0] if error.param and error.param.opts else "the argument"
        return Problem("usage", f"{name}: {error.message}", hint=hint)
    message = error.format_message()
    if "unexpected extra argument" in message:
        extra = message.partition("(")[2].rpartition(")")[0]
        hint = "a pattern goes into quotes, or the shell cuts it at blanks and takes '>' for a file"
        return Problem("usage", f"{path} takes no further argument: {extra[:60]}", hint=hint)
    return Problem("usage", message[:1].lower() + message[1:].rstrip("."), hint=hint)


def _no_command(error: NoSuchCommand) -> Problem:
    word = error.word
    from cnncalc.frontend.catalogue import path

    near = nearest(word, COMMANDS)
    if "->" in word or "\u2192" in word or word.endswith((".yaml", ".yml")) or word == "-" or path(word):
        quoted = f'"{word[:60]}{"..." if len(word) > 60 else ""}"' if " " in word or ">" in word else word
        hint = f"cnncalc table {quoted}"
    elif near:
        hint = f"did you mean '{near}'?"
    else:
        hint = f"the commands are {', '.join(COMMANDS)}"
    return Problem("usage", error.message, hint=hint)


def _no_option(error: click.NoSuchOption, path: str) -> Problem:
    known = [name for param in error.ctx.command.params for name in param.opts] if error.ctx else []
    name = error.option_name
    near = nearest(name, [*known, "--help"])
    if name.startswith("->") or name.startswith("-["):
        hint = "an argument that begins with '-' goes behind '--'"
    else:
        hint = f"did you mean '{near}'?" if near else f"{path} --help"
    return Problem("usage", f"{path} has no option '{name[:60]}'", hint=hint)
