"""What a command is: its arguments, its options and what it does. Knows nothing of how a command line is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.formats import FOREIGN_ENDINGS, FORMATS, format_of_ending
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.cli.streams import Output

DONE, FAILED, WRONG, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: success; a check failed; the input or the call is wrong; an internal error; interrupted."""

MOST_DIGITS = 18
"""Longer whole numbers are refused, as everywhere in the language."""


class Option(NamedTuple):
    """An option ``flag VALUE``, or a switch ``flag`` with its ``opposite``.

    ``name`` is the keyword that the command gets; with a ``group`` it is a key of the mapping of that keyword. ``read``
    turns the text into the value and raises ValueProblem. Of a ``repeated`` option the values are put together by
    ``gather``. ``words`` are the values that there are, if they are few. ``brief`` is a flag of one letter, ``-o``.
    """

    flag: str
    name: str
    help: str
    metavar: str = ""
    read: Callable[[str], Any] = str
    default: Any = None
    group: str | None = None
    words: tuple[str, ...] = ()
    opposite: str | None = None
    repeated: bool = False
    gather: Callable[[Sequence[Any]], Any] = tuple
    brief: str = ""

    @property
    def flags(self) -> tuple[str, ...]:
        """Every way to write it: ``-o``, ``--output``; a switch and its opposite."""
        return tuple([flag for flag in (self.brief, self.flag, self.opposite) if flag])


class Command(NamedTuple):
    """A command: ``run`` gets the arguments and options as keywords and gives the exit code (None: 0).

    The last arguments may be left out where they are ``optional``; ``run`` gets None for them. ``several`` names one
    more argument, which takes all words that are left.
    """

    name: str
    short: str
    help: str
    run: Callable[..., int | None]
    arguments: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    optional: tuple[str, ...] = ()
    several: str | None = None

    def call(self, values: dict[str, Any]) -> int:
        """Runs the command with the values that were read; options that are not among them have their defaults."""
        keywords: dict[str, Any] = {name: values.get(name) for name in self.arguments}
        if self.several is not None:
            keywords[self.several] = tuple(values.get(self.several, ()))
        for option in self.options:
            value = values.get(option.name, option.default)
            if option.group is None:
                keywords[option.name] = value
            else:
                keywords.setdefault(option.group, {})[option.name] = value
        output = keywords.get("output")
        if output is not None and output.get("file") and output.get("format") is None:
            formats = next((option.words for option in self.options if option.name == "format"), None)
            if formats is not None:
                output["format"] = format_of(output["file"], formats)
        return self.run(**keywords) or 0


def read_plainly(command: Command, words: Sequence[str]) -> dict[str, Any] | None:
    """The values of a call without mistakes; None if it needs a closer look.

    This is what most calls are, and it spares them half of their start-up time. Whatever is unusual (help, a mistake,
    an abbreviation) is left to :mod:`cnncalc.cli.grammar`.
    """
    flags = {flag: option for option in command.options for flag in option.flags}
    values: dict[str, Any] = {}
    arguments: list[str] = []
    repeated: dict[str, list[Any]] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("-") or word == "-":
            arguments.append(word)
            continue
        flag, sign, text = word.partition("=")
        option = flags.get(flag)
        if option is None or (sign and (option.opposite or flag == option.brief)):
            return None
        if option.opposite:
            values[option.name] = flag == option.flag
            continue
        try:
            value = option.read(text if sign else next(rest))
            if option.repeated:
                repeated.setdefault(option.name, []).append(value)
                value = option.gather(repeated[option.name])
        except (StopIteration, ValueProblem):
            return None
        values[option.name] = value
    if command.several is not None:
        number = len(command.arguments)
        values[command.several] = tuple(arguments[number:])
        arguments = arguments[:number]
    if not len(command.arguments) - len(command.optional) <= len(arguments) <= len(command.arguments):
        return None
    return {**values, **dict(zip(command.arguments, arguments, strict=False))}


# How values are read


def whole_number(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isascii() or not text.isdigit() or not text.strip("0"):
        raise ValueProblem(f"expected a whole number of at least 1, found '{text[:60]}'")
    if len(text) > MOST_DIGITS:
        raise ValueProblem(f"a whole number may have {MOST_DIGITS} digits, but this one has {len(text)}")
    return int(text)


def one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    """A reader of one of a few words, which answers another one with the nearest."""

    def read(text: str) -> str:
        if text not in words:
            near = did_you_mean(text, words)
            raise ValueProblem(f"expected {' or '.join(words)}, found '{text[:60]}'{near}")
        return text

    return read


def choice(flag: str, words: tuple[str, ...], help: str, *, name: str = "", default: str | None = None) -> Option:
    """An option that takes one of a few words."""
    return Option(flag, name or flag[2:], help, "|".join(words), one_of(words), default, words=words)


def format_of(file: str, formats: tuple[str, ...]) -> str | None:
    """The one of a command's formats that the ending of a file names; None if it names none.

    Raises ValueProblem for the ending of a picture or of another file that is no text.
    """
    name = file.replace("\\", "/").rpartition("/")[2]
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    found = format_of_ending(ending)
    if found is not None and found.name in formats:
        return found.name
    if ending in FOREIGN_ENDINGS or (found is not None and found.is_picture):
        usual = next((FORMATS[name].endings[0] for name in formats if FORMATS[name].endings), "txt")
        message = f"'.{ending}' is no format of this command, which writes {', '.join(formats)}"
        raise ValueProblem(message, code="usage", hint=f"--output {visible(file)[: -len(ending)]}{usual}")
    return None


def output_of(output: dict[str, Any], **only: object) -> Output:
    """Where the report goes and how, from the group ``output``.

    ``only`` are options that decide which columns there are, by their flags: JSON, which has every key, takes none.
    """
    from cnncalc.cli.streams import Output

    for flag, value in only.items():
        if value and output["format"] == "json":
            message = f"{flag} is for a table of rows and columns; --format json always has every key"
            raise ValueProblem(message, code="usage")
    return Output(output["format"], output["file"])
