"""Commands and options, and the parser of simple command lines."""

from __future__ import annotations

from cnncalc.errors import ValueProblem, nearest, no_effect
from cnncalc.formats import FOREIGN_ENDINGS, FORMATS, MADE_FROM_SVG, PLAIN_ENDINGS, format_of_ending
from cnncalc.records import NamedTuple
from cnncalc.source import argument, visible
from cnncalc.units import check_digits, listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from cnncalc.cli.console import Console
    from cnncalc.errors import Problem

DONE, FAILED, WRONG, INTERNAL = 0, 1, 2, 3
"""Exit codes: success; a check failed; invalid input or command line; an internal error."""


class Option(NamedTuple):
    """An option ``flag VALUE``, or a switch ``flag`` with its ``opposite``.

    ``name`` is its field in the command's call or in its group; an option that is not given has the default of that
    field. ``read`` converts the text and raises ValueProblem. ``gather`` combines the values of a ``repeated`` option.
    ``words`` lists the allowed values of a choice. ``letter`` is a one-letter flag such as ``-o``.
    """

    flag: str
    name: str
    help: str
    metavar: str = ""
    read: Callable[[str], Any] = str
    words: tuple[str, ...] = ()
    opposite: str | None = None
    repeated: bool = False
    gather: Callable[[Sequence[Any]], Any] = tuple
    letter: str = ""

    @property
    def flags(self) -> tuple[str, ...]:
        """All its flags: ``-o``, ``--output``; for a switch also the opposite."""
        return tuple([flag for flag in (self.letter, self.flag, self.opposite) if flag])

    def accepts_equals(self, flag: str) -> bool:
        """Whether a value may follow this flag as ``=VALUE``."""
        return self.opposite is None and flag != self.letter


class Group(NamedTuple):
    """Options that several commands share; ``make`` builds the field ``name`` of the call from their values."""

    name: str
    make: Callable[..., Any]
    options: tuple[Option, ...]


def no_idle_options(call: Any) -> Iterable[tuple[str, str]]:
    """No option is without effect."""
    return ()


class Command(NamedTuple):
    """A command: ``call`` is the NamedTuple of its arguments and options, ``run`` executes one and gives the exit code.

    ``parameters`` are its options and groups of options. The other fields of ``call`` are its positional arguments;
    a field with a default may be left out, and a field ``files`` takes all remaining words. ``idle`` gives the names of
    arguments and options that have no effect in a call, each with the reason; those that are given are warned of.
    """

    name: str
    short: str
    help: str
    call: Any
    run: Callable[[Any, Console], int | None]
    parameters: tuple[Option | Group, ...]
    idle: Callable[[Any], Iterable[tuple[str, str]]] = no_idle_options

    @property
    def arguments(self) -> tuple[str, ...]:
        """Its positional arguments, without ``files``."""
        options = {parameter.name for parameter in self.parameters}
        return tuple([name for name in self.call._fields if name not in options and name != "files"])

    @property
    def takes_files(self) -> bool:
        """Whether it takes any number of files."""
        return "files" in self.call._fields

    def is_optional(self, argument: str) -> bool:
        """Whether a positional argument may be left out."""
        return argument in self.call._field_defaults

    @property
    def options(self) -> tuple[Option, ...]:
        """All its options, those of groups included."""
        options: list[Option] = []
        for parameter in self.parameters:
            options += parameter.options if isinstance(parameter, Group) else (parameter,)
        return tuple(options)

    def call_of(self, values: dict[str, Any]) -> Any:
        """The call with these values of arguments and options."""
        values = dict(values)
        for group in self.parameters:
            if isinstance(group, Group):
                given = {option.name: values.pop(option.name) for option in group.options if option.name in values}
                values[group.name] = group.make(**given)
        return self.call(**values)

    def warnings(self, call: Any, values: Mapping[str, Any]) -> Iterable[Problem]:
        """A warning for each argument or option with a value that has no effect in a call."""
        options = {option.name: option for option in self.options}
        for name, why in self.idle(call):
            if name not in options:
                given = " ".join(values[name]) if name == "files" else values.get(name)
                if given:
                    yield no_effect(visible(given[:60]), why)
            elif name in values:
                option = options[name]
                yield no_effect(option.opposite if option.opposite and not values[name] else option.flag, why)


def parse_simple(command: Command, words: Sequence[str]) -> dict[str, Any] | None:
    """The values of a correct call, without abbreviations and each option once; :mod:`.click_parser` parses others.

    None for those. Most calls are correct and start faster without click.
    """
    flags = {flag: option for option in command.options for flag in option.flags}
    given: dict[str, tuple[Option, list[Any]]] = {}
    arguments: list[str] = []
    rest = iter(words)
    try:
        for word in rest:
            if not word.startswith("-") or word == "-":
                arguments.append(word)
                continue
            flag, sign, text = word.partition("=")
            option = flags.get(flag)
            if option is None or (sign and not option.accepts_equals(flag)):
                return None
            if option.name in given and not option.repeated:
                return None
            value = flag == option.flag if option.opposite else option.read(text if sign else next(rest))
            given.setdefault(option.name, (option, []))[1].append(value)
        values = {name: option.gather(all_) if option.repeated else all_[-1] for name, (option, all_) in given.items()}
    except (StopIteration, ValueProblem):
        return None
    positional = _positional(command, arguments)
    return None if positional is None else {**values, **positional}


def _positional(command: Command, words: list[str]) -> dict[str, Any] | None:
    """The values of positional arguments; None if there are too few or too many words."""
    names = command.arguments
    values: dict[str, Any] = dict(zip(names, words, strict=False))
    if command.takes_files:
        values["files"] = tuple(words[len(names) :])
    elif len(words) > len(names):
        return None
    return values if all(command.is_optional(name) for name in names[len(words) :]) else None


# Values of options


def whole_number(text: str, least: int = 1) -> int:
    """A whole number of at least ``least``, which is 0 or 1."""
    if not text.isascii() or not text.isdigit() or (least and not text.strip("0")):
        raise ValueProblem(f"expected a whole number of at least {least}, found '{text[:60]}'")
    check_digits(text)
    return int(text)


def seed(text: str) -> int:
    """The seed of random numbers, 0 or more."""
    return whole_number(text, 0)


def one_of(flag: str, words: tuple[str, ...]) -> Callable[[str], str]:
    """A reader of an option that accepts one of these words and suggests the nearest for another."""

    def read(text: str) -> str:
        if text not in words:
            near = nearest(text, words)
            message = f"expected {listed(words, 'or')}, found '{text[:60]}'"
            raise ValueProblem(message, hint=f"{flag} {near}" if near else None)
        return text

    return read


def choice(flag: str, words: tuple[str, ...], help: str, *, name: str = "") -> Option:
    """An option that takes one of a few words."""
    return Option(flag, name or flag[2:], help, "|".join(words), one_of(flag, words), words)


def switch(flag: str, help: str, *, name: str = "", opposite: str = "") -> Option:
    """An option without a value; its opposite is ``--no-...`` if not given."""
    word = flag[2:]
    return Option(flag, name or word.replace("-", "_"), help, opposite=opposite or f"--no-{word}")


def format_of(
    file: str | None,
    formats: tuple[str, ...],
    chosen: str | None = None,
    also: tuple[str, ...] = (),
    flag: str = "--output",
) -> str | None:
    """The format of a command that writes to a file: the chosen one, else that of the ending; None for the default.

    ``also`` are endings of files that the command writes without a format; ``flag`` is the option that names the file.
    Raises ValueProblem for an ending of another format, and without a chosen one for an ending that is unknown: no file
    gets a format that its name does not tell.
    """
    name = (file or "").replace("\\", "/").rpartition("/")[2]
    ending = name.rpartition(".")[2].lower() if "." in name.lstrip(".") else ""
    is_plain = ending in PLAIN_ENDINGS or not ending.isalpha()
    if chosen is None:
        found = next((each for each in formats if ending in FORMATS[each].endings), None)
        if found is not None or not ending or (is_plain and "text" in formats) or ending in also:
            return found
        what, usual = f"a format of this command (formats: {', '.join(formats)})", _usual_ending(formats)
    else:
        is_known = ending in FOREIGN_ENDINGS or format_of_ending(ending) is not None
        if ending in FORMATS[chosen].endings or is_plain or not is_known:
            return chosen
        what, usual = f"the format {chosen}", _usual_ending((chosen,))
    hint = _with_ending(file or "", ending, usual, flag)
    raise ValueProblem(f"'.{visible(ending)}' is not an ending of {what}", code="usage", hint=hint)


def _usual_ending(formats: tuple[str, ...]) -> str:
    """The ending of files of the first format that has one."""
    return next((FORMATS[name].endings[0] for name in formats if FORMATS[name].endings), "txt")


def _with_ending(file: str, ending: str, usual: str, flag: str) -> str:
    """The option with another ending of its file, and for a picture how the wanted one is made from it."""
    target = argument(f"{file[: -len(ending)]}{usual}")
    if usual != "svg" or ending not in MADE_FROM_SVG:
        return f"{flag} {target}"
    return f"{flag} {target}, then rsvg-convert -f {ending} -o {argument(file)} {target}"
