"""The options that mean the same in every command, and what the commands get of them."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from cnncalc.cli.streams import read_input, say_warnings, terminal, write_output
from cnncalc.errors import DesignError, Problem, ValueProblem, did_you_mean
from cnncalc.layers.keys import truth
from cnncalc.units import BYTES_PER_ELEMENT, UNIT_STYLES
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.graph import Graph
    from cnncalc.render.document import Document

Command = TypeVar("Command", bound="Callable[..., Any]")

MOST_DIGITS = 18
"""Longer whole numbers are refused, as everywhere in the language."""


class WholeNumber(click.ParamType):
    """A whole number of at least ``least``."""

    name = "N"

    def __init__(self, least: int = 1) -> None:
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value)
        if not text.isascii() or not text.isdigit() or int(text[: MOST_DIGITS + 1]) < self.least:
            self.fail(f"expected a whole number of at least {self.least}, found '{text[:60]}'", param, ctx)
        if len(text) > MOST_DIGITS:
            self.fail(f"a whole number may have {MOST_DIGITS} digits, but this one has {len(text)}", param, ctx)
        return int(text)


class Word(click.Choice[str]):
    """One of a few words; another one is answered with the nearest."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(list(words))
        self.words = tuple(words)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if text not in self.words:
            near = did_you_mean(text, self.words)
            self.fail(f"expected {' or '.join(self.words)}, found '{text[:60]}'{near}", param, ctx)
        return text


def _assignments(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """NAME=VALUE pairs; a name stands once."""
    result: dict[str, Any] = {}
    for text in values:
        name, sign, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not sign or not name or not value:
            raise click.BadParameter(f"expected NAME=VALUE, found '{text[:60]}'", ctx, param)
        if not name.isidentifier():
            raise click.BadParameter(f"'{name[:60]}' is no name of a variable", ctx, param)
        if name in result:
            raise click.BadParameter(f"'{name}' is set twice", ctx, param)
        result[name] = _value(name, value)
    return result


def _value(name: str, text: str) -> Any:
    """A value as in a pattern: a whole number, a size, a list, a word; raises DesignError with its place."""
    from cnncalc.frontend.expression import ExpressionParser, evaluate
    from cnncalc.frontend.tokens import Scanner
    from cnncalc.source import plain

    source = plain(f"--set {name}", text)
    tokens = Scanner(source).tokens()
    if tokens[1].type == "end" and tokens[0].type in ("word", "decimal"):
        return tokens[0].value
    parser = ExpressionParser(source, tokens)
    code = parser.parse()
    rest = tokens[parser.at]
    if rest.type != "end":
        message = f"expected one value, as in {name}=2, {name}=2x64 or '{name}=[2x64, 3x128]'"
        raise DesignError([Problem("wrong-value", message, source.span(rest.start, len(text)))])
    for word, span in code.names.items():
        raise DesignError([Problem("wrong-value", f"'{word}' has no value here", span)])
    try:
        return evaluate(code, {})
    except ValueProblem as problem:
        raise DesignError([Problem(problem.code, problem.message, code.span, problem.hint)]) from None


def _choices(ctx: click.Context, param: click.Parameter, text: str | None) -> bool | tuple[bool, ...] | None:
    """keep, drop, or yes and no for each occurrence."""
    if text is None or text in ("keep", "drop"):
        return None if text is None else text == "keep"
    answers = [truth(part.strip()) for part in text.split(",")]
    if None in answers:
        raise click.BadParameter(f"expected keep, drop or a list such as yes,no,yes, found '{text[:60]}'", ctx, param)
    return tuple(answer is True for answer in answers)


def _volume(ctx: click.Context, param: click.Parameter, text: str | None) -> Volume | None:
    """HxWxD, each part at least 1."""
    if text is None:
        return None
    parts = text.strip().strip("[]").replace("\u00d7", "x").split("x")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= MOST_DIGITS for part in parts):
        raise click.BadParameter(f"expected height x width x depth, as in 224x224x3, found '{text[:60]}'", ctx, param)
    if not all(map(int, parts)):
        raise click.BadParameter(f"each part of a volume is at least 1, found '{text[:60]}'", ctx, param)
    return Volume(*map(int, parts))


def complete_target(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """The named nets that begin so; a file where none does."""
    from click.shell_completion import CompletionItem

    from cnncalc.frontend.catalogue import names

    found = [CompletionItem(name) for name in names() if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


target_argument = click.argument("target", metavar="TARGET", shell_complete=complete_target)
"""TARGET: ``-``, a file, a named net or a pattern."""


def _gathered(command: Callable[..., Any], into: str, names: Sequence[str], gather: Callable[..., Any]) -> Any:
    """The command with some of its keywords gathered into one."""

    @wraps(command)
    def run(**keywords: Any) -> Any:
        keywords[into] = gather(**{name: keywords.pop(name) for name in names})
        return command(**keywords)

    return run


_DESIGN = {
    "variables": click.option(
        "--set", "variables", metavar="NAME=VALUE", multiple=True, callback=_assignments,
        help="Give a variable of the design a value; repeatable.",
    ),
    "optional": click.option(
        "--optional", metavar="keep|drop|LIST", callback=_choices,
        help="What is written with '?': keep or drop all (default: keep), or yes,no,... one for each.",
    ),
    "input": click.option(
        "--input", metavar="HxWxD", callback=_volume, help="Volume of the input (default: the design's, or 224x224x3)."
    ),
    "filters": click.option("--filters", type=WholeNumber(), help="Filters of a CONV without a number (default: 64)."),
    "hidden": click.option("--hidden", type=WholeNumber(), help="Units of a hidden FC without a number (default: 4096)."),
    "classes": click.option("--classes", type=WholeNumber(), help="Units of a last FC without a number (default: 1000)."),
}  # fmt: skip  # one option a line is easier to read

_REPORT = {
    "batch": click.option("--batch", type=WholeNumber(), default=1, show_default=True, help="Images in a batch."),
    "dtype": click.option(
        "--dtype", type=Word(list(BYTES_PER_ELEMENT)), default="float32", show_default=True, help="Type of a number."
    ),
}


def design_options(command: Command) -> Command:
    """What a design is read with; the command gets ``design``: the fields of ``Settings``."""
    gathered = _gathered(command, "design", tuple(_DESIGN), dict)
    for option in reversed(_DESIGN.values()):
        gathered = option(gathered)
    result: Command = gathered
    return result


def report_options(command: Command) -> Command:
    """--batch and --dtype; the command gets ``account``: the keywords of :func:`cnncalc.analysis.report.account`."""
    gathered = _gathered(command, "account", tuple(_REPORT), dict)
    for option in reversed(_REPORT.values()):
        gathered = option(gathered)
    result: Command = gathered
    return result


units_option = click.option(
    "--units",
    type=Word(UNIT_STYLES),
    help="iec: KiB, MiB of 1024 (default). notes: the same values as KB, MB. si: kB, MB of 1000.",
)


class Output(NamedTuple):
    """Where a report goes and how: ``form`` is one of the formats or None, ``file`` None for standard output."""

    form: str | None
    file: str | None

    def write(self, document: Document) -> None:
        """Writes the document: in the format asked for, else with boxes on a terminal and as plain text elsewhere."""
        from cnncalc.render import write

        page = terminal() if self.form in (None, "rich") and self.file in (None, "-") else None
        form = self.form or "rich"
        if form == "rich" and page is None:
            form = "text"
        self.write_text(write(document, form, page))

    def write_text(self, text: str) -> None:
        """Writes a text that is already in its final form."""
        write_output(text, self.file)


def output_options(*forms: str) -> Callable[[Command], Command]:
    """--format (one of ``forms``) and --output; the command gets ``output``: an :class:`Output`."""
    default = "rich on a terminal, else text" if "rich" in forms else forms[0]

    def decorate(command: Command) -> Command:
        def gather(form: str | None, file: str | None) -> Output:
            return Output(form, file)

        gathered = _gathered(command, "output", ("form", "file"), gather)
        gathered = click.option(
            "--output", "file", metavar="FILE", type=click.Path(), help="Write to a file instead of standard output."
        )(gathered)
        result: Command = click.option(
            "--format", "form", type=Word(forms), help=f"Format of the report (default: {default})."
        )(gathered)
        return result

    return decorate


def load(target: str, design: dict[str, Any]) -> Graph:
    """The net behind a TARGET, read with what ``design_options`` gave."""
    from cnncalc.frontend.expand import Settings
    from cnncalc.frontend.target import load_target

    return load_target(target, Settings(**design), read_input() if target == "-" else None)


def analyze(target: str, design: dict[str, Any], account: dict[str, Any], *, in_place: bool = True) -> Report:
    """The report of a TARGET; its warnings go to standard error."""
    from cnncalc.analysis.report import account as report_of

    report = report_of(load(target, design), in_place=in_place, **account)
    say_warnings(report.warnings)
    return report
