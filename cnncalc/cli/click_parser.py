"""The command line parsed by click: help, completion, abbreviations and usage errors. Commands are not run here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from cnncalc import __version__
from cnncalc.cli.command import DONE
from cnncalc.cli.console import StreamError
from cnncalc.cli.registry import COMMANDS, COMPLETION, find_command
from cnncalc.errors import CnncalcError, Problem, ValueProblem, nearest
from cnncalc.language.files import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.cli.command import Command, Option
    from cnncalc.cli.console import Console

    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # older versions are not generic at run time

HELP = """Computes exactly what a convolutional network costs: volumes, memory, parameters, multiply-adds.

It covers feed-forward networks for sequences, images, video and scans: convolutions, pools, normalizations,
activations, fully-connected layers, attention, forks and merges; not recurrent layers, embeddings, running time or
accuracy.

A TARGET is, tried in this order: '-' (standard input), a file (a design in YAML, or a model of ONNX, Caffe, darknet,
TensorFlow Lite or Keras), a named net such as vgg16, a PyTorch module in code such as torchvision.models:resnet50, or a
pattern such as "INPUT -> [CONV -> RELU -> POOL]*2 -> FC -> RELU -> FC".

\b
Examples:
  cnncalc table vgg16
  cnncalc table "INPUT[32x32x3] -> [CONV3-32 -> RELU -> POOL2]*2 -> FC-10"
"""

EPILOG = """Exit codes: 0 success, 1 a check failed, 2 invalid input or command line, 3 an internal error,
130 interrupted.

Shell completion: eval "$(_CNNCALC_COMPLETE=bash_source cnncalc)", or zsh_source, or fish_source.
"""

TARGETS = ("target", "before", "after", "source")
"""The names of arguments that may be a net."""

SETTINGS = {"help_option_names": [], "max_content_width": 100}  # HELP_OPTION instead: it prints on the console


def parse(words: Sequence[str], console: Console) -> tuple[Command, dict[str, Any]] | int:
    """The command that is called and its values; or an exit code if there is nothing left to do, as after help.

    Raises ValueProblem for an invalid command line, with the nearest correct one as a hint.
    """
    try:
        answer = program.main(
            args=list(words),
            prog_name="cnncalc",
            complete_var=COMPLETION,
            standalone_mode=False,
            windows_expand_args=False,
            terminal_width=console.help_width,
            obj=console,
        )
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.UsageError as error:
        raise usage_error(error, words) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StreamError("output", f"the completions cannot be written: {reason(error)}") from None
    except SystemExit as end:  # after completion
        return end.code if isinstance(end.code, int) else DONE
    if isinstance(answer, tuple):
        command, values = answer
        return command, values
    return answer if isinstance(answer, int) else DONE


class OptionType(ParamType):
    """The click type of an option."""

    def __init__(self, option: Option) -> None:
        self.name = option.metavar
        self.option = option

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self.option.read(value)
        except ValueProblem as problem:
            raise InvalidValue(problem, ctx, param) from None

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        if self.option.metavar == "FILE":
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(word) for word in self.option.words if word.startswith(incomplete)]


def _gathered(option: Option) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """A callback that combines the values of a repeated option."""

    def gather(ctx: click.Context, param: click.Parameter, values: tuple[Any, ...]) -> Any:
        try:
            return option.gather(values) if values else None
        except ValueProblem as problem:
            raise InvalidValue(problem, ctx, param) from None

    return gather


def complete_target(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The named nets that begin with the word; files if there are none."""
    from cnncalc.language.catalogue import names

    found = [CompletionItem(name) for name in names() if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def _parameter(option: Option) -> click.Parameter:
    if option.opposite:
        return click.Option([f"{option.flag}/{option.opposite}", option.name], default=None, help=option.help)
    return click.Option(
        [*option.flags, option.name],
        type=OptionType(option),
        metavar=option.metavar,
        multiple=option.repeated,
        callback=_gathered(option) if option.repeated else None,
        help=option.help,
    )


def _print_help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.obj.print(ctx.get_help() + "\n", name="help")
        ctx.exit()


HELP_OPTION = click.Option(
    ["-h", "--help"], is_flag=True, is_eager=True, expose_value=False, callback=_print_help,
    help="Show this message and exit.",
)  # fmt: skip


class OneCall(click.Command):
    """A command that warns of an option that is given twice."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        values, _, order = self.make_parser(ctx).parse_args(list(args))
        for param in dict.fromkeys(order):
            if isinstance(param, click.Option) and not param.multiple and order.count(param) > 1:
                ctx.obj.warn([_given_twice(param, values[param.name or ""], order.count(param))])
        return super().parse_args(ctx, args)


def _given_twice(param: click.Option, last: Any, times: int) -> Problem:
    if param.is_flag:
        used = param.opts[0] if last else param.secondary_opts[0]
        names = "/".join([*param.opts, *param.secondary_opts])
    else:
        used, names = f"{last}"[:60], max(param.opts, key=len)
    many = "twice" if times == 2 else f"{times} times"
    return Problem("given-twice", f"{names} is given {many}; only the last one counts: {used}", severity="warning")


def click_command(command: Command) -> click.Command:
    """The click command; called, it returns the command and its values instead of running."""
    parameters: list[click.Parameter] = [
        click.Argument(
            [name],
            metavar=f"[{name.upper()}]" if command.is_optional(name) else name.upper(),
            required=not command.is_optional(name),
            shell_complete=complete_target if name in TARGETS else None,
        )
        for name in command.arguments
    ]
    if command.takes_files:
        parameters.append(click.Argument(["files"], metavar="FILES...", nargs=-1, shell_complete=complete_target))
    parameters += [*(_parameter(option) for option in command.options), HELP_OPTION]

    def callback(**values: Any) -> tuple[Command, dict[str, Any]]:
        return command, {name: value for name, value in values.items() if value is not None}

    return OneCall(
        command.name,
        params=parameters,
        callback=callback,
        help=command.help,
        short_help=command.short,
        context_settings=SETTINGS,
    )


class Program(click.Group):
    """The group of commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = find_command(cmd_name)
        return click_command(command) if command else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        command = self.get_command(ctx, args[0])
        if command is None and not ctx.resilient_parsing:
            raise NoSuchCommand(args[0], ctx)
        return args[0], command, args[1:]


class NoSuchCommand(click.UsageError):
    """The first word is not a command; it may be a TARGET."""

    def __init__(self, word: str, ctx: click.Context) -> None:
        super().__init__(f"no command '{word[:60]}'", ctx)
        self.word = word


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.obj.print(f"cnncalc {__version__}\n")
        ctx.exit()


@click.group(
    cls=Program, params=[HELP_OPTION], help=HELP, epilog=EPILOG, invoke_without_command=True, context_settings=SETTINGS
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an internal error.")
@click.pass_context
def program(ctx: click.Context) -> None:
    """Prints the help if no command is given."""
    if ctx.invoked_subcommand is None:
        ctx.obj.print(ctx.get_help() + "\n", name="help")


# Usage errors

QUOTES = "put a pattern in quotes, otherwise the shell splits it at blanks and treats '>' as redirection"
"""The hint for a pattern that has come as several words."""


class InvalidValue(click.BadParameter):
    """An option whose value cannot be read, with the hint of the problem."""

    def __init__(self, problem: ValueProblem, ctx: click.Context | None, param: click.Parameter | None) -> None:
        super().__init__(problem.message, ctx, param)
        self.hint = problem.hint


def usage_error(error: click.UsageError, words: Sequence[str]) -> ValueProblem:
    """The error for an invalid command line, with a hint."""
    called = next((word for word in words if word in COMMANDS), None)  # click does not set it if a value is missing
    path = error.ctx.command_path if error.ctx else f"cnncalc {called}" if called else "cnncalc"
    hint = f"{path} --help"
    if isinstance(error, NoSuchCommand):
        return _no_command(error)
    if isinstance(error, click.NoSuchOption):
        return _no_option(error, path, called or "", words)
    if isinstance(error, click.MissingParameter):
        name = error.param.make_metavar(error.ctx) if error.param and error.ctx else "an argument"
        return ValueProblem(f"{path} needs {name}", code="usage", hint=hint)
    if isinstance(error, click.BadParameter):
        name = max(error.param.opts, key=len) if error.param and error.param.opts else "the argument"
        hint = error.hint or hint if isinstance(error, InvalidValue) else hint
        return ValueProblem(f"{name}: {error.message}", code="usage", hint=hint)
    from cnncalc.cli.suggestions import setting_hint

    message = error.format_message()
    if "unexpected extra argument" in message:
        extra = message.partition("(")[2].rpartition(")")[0]
        takes_pattern = error.ctx is not None and any(param.name in TARGETS for param in error.ctx.command.params)
        is_split = takes_pattern and any(map(_is_of_a_pattern, words))
        hint = setting_hint(called or "", words) or (QUOTES if is_split else hint)
        return ValueProblem(f"{path} got an unexpected argument: {extra[:60]}", code="usage", hint=hint)
    hint = setting_hint(called or "", words) or hint
    return ValueProblem(message[:1].lower() + message[1:].rstrip("."), code="usage", hint=hint)


def _no_command(error: NoSuchCommand) -> ValueProblem:
    from cnncalc.analysis.loading import FILE_READERS
    from cnncalc.language.catalogue import path

    word = error.word
    near = nearest(word, COMMANDS)
    is_file = any(word.endswith(reader.endings) for reader in FILE_READERS)
    if "->" in word or "\u2192" in word or is_file or word == "-" or path(word):
        quoted = f'"{word[:60]}{"..." if len(word) > 60 else ""}"' if " " in word or ">" in word else word
        hint = f"cnncalc table {quoted}"
    elif near:
        hint = f"did you mean '{near}'?"
    else:
        hint = f"the commands are {', '.join(COMMANDS)}"
    return ValueProblem(error.message, code="usage", hint=hint)


def _is_of_a_pattern(word: str) -> bool:
    """Whether a word of a call may be one of a pattern without quotes: ``INPUT``, ``CONV3-8``, ``-`` of ``->``."""
    start = word.lstrip("[")[:2]
    return " " not in word and (word in ("-", "|", "[", "]") or "->" in word or (start.isalpha() and start.isupper()))


def _variables(words: Sequence[str]) -> list[str]:
    """The names of the variables of the first named net, architecture file or pattern of a call, if it can be read."""
    from cnncalc.analysis.loading import ARCHITECTURE, Loader
    from cnncalc.language.catalogue import path

    for word in words:
        is_file = word.lower().endswith(ARCHITECTURE.endings) and os.path.isfile(word)
        if is_file or "->" in word or path(word):
            try:
                return list(Loader(word).variables())
            except CnncalcError:
                return []
    return []


def _no_option(error: click.NoSuchOption, path: str, command: str, words: Sequence[str]) -> ValueProblem:
    from cnncalc.cli.suggestions import option_hint

    name = error.option_name
    if "->" in words:  # a word by itself: the shell has split a pattern
        hint = QUOTES
    elif name.startswith(("->", "-[")):
        hint = "put an argument that begins with '-' after '--'"
    else:
        parts = [part for word in words for part in (word.split("=", 1) if word.startswith(f"{name}=") else (word,))]
        after = parts[parts.index(name) + 1 :] if name in parts else []
        value = after[0][:60] if after and not after[0].startswith("-") else None
        hint = option_hint(command, name, value, _variables(words)) or f"{path} --help"
    return ValueProblem(f"{path} has no option '{name[:60]}'", code="usage", hint=hint)
