"""A correct call is parsed without click; click parses it to the same values."""

from __future__ import annotations

import re

import pytest

from cnncalc.cli.click_parser import parse
from cnncalc.cli.command import Command, Group, parse_simple
from cnncalc.cli.console import Console
from cnncalc.cli.registry import COMMANDS, find_command

CALLS = [
    "table vgg16",
    "table vgg16 --style notes --batch 3 --dtype int8 --units si",
    "table -",
    "table --batch=2 vgg16 --format=csv",
    "table vgg16 --set a=1 --set b=2 --set=c=[1,2]",
    "table vgg16 --input 9x11x3 --filters 7 --hidden 5 --classes 2 --optional yes,no",
    "table vgg16 --output - --columns layer,macs --depth 2",
    "table vgg16 --columns -x",
    "list --format json",
    "show vgg16 --as yaml",
    "explain vgg16 conv1",
]
UNPLAIN = [
    "table vgg16 --no-in-place --in-place --no-in-place",
    "table vgg16 --batch 2 --batch 3",
    "table",
    "table a b",
    "table vgg16 -h",
    "table vgg16 --help",
    "table vgg16 --batch 0",
    "table vgg16 --batch",
    "table vgg16 --bat 3",
    "table vgg16 --in-place=yes",
    "table vgg16 --set a=1 --set a=2",
    "table -- -",
]


def command_of(call: str) -> tuple[Command, list[str]]:
    name, *words = call.split()
    command = find_command(name)
    assert command is not None
    return command, words


@pytest.mark.parametrize("call", CALLS)
def test_both_parsers_agree(call: str) -> None:
    command, words = command_of(call)

    plain = parse_simple(command, words)
    answer = parse(call.split(), Console())

    assert isinstance(answer, tuple)
    assert answer[0] is command
    assert plain is not None
    assert plain == answer[1]


@pytest.mark.parametrize("call", UNPLAIN)
def test_unusual_calls_are_parsed_by_click(call: str) -> None:
    assert parse_simple(*command_of(call)) is None


def test_an_argument_after_two_dashes_may_begin_with_a_dash() -> None:
    answer = parse(["table", "--batch", "2", "--", "-> FC"], Console())

    assert isinstance(answer, tuple)
    assert (answer[1]["target"], answer[1]["batch"]) == ("-> FC", 2)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help_and_a_field(name: str) -> None:
    command = find_command(name)

    assert command is not None
    assert all(option.help.endswith(".") for option in command.options)
    names = [*command.arguments, *(option.name for option in command.options)]
    assert len(names) == len(set(names))


def defaults(command: Command) -> dict[str, object]:
    """The value of every option of a call without options, by flag."""
    values: dict[str, object] = dict.fromkeys(command.arguments, "x")
    if command.takes_files:
        values["files"] = ()
    call = command.call_of(values)
    found = {}
    for parameter in command.parameters:
        options = parameter.options if isinstance(parameter, Group) else (parameter,)
        holder = getattr(call, parameter.name) if isinstance(parameter, Group) else call
        found.update({option.flag: getattr(holder, option.name) for option in options})
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_help_states_the_default(name: str) -> None:
    command = find_command(name)
    assert command is not None

    for option in command.options:
        stated = re.search(r"\(default: ([\w.-]+)\)", option.help)
        default = defaults(command)[option.flag]
        if stated and default is not None:
            written = {True: "yes", False: "no"}.get(default) if isinstance(default, bool) else str(default)
            assert written == stated[1], option.flag


def test_options_mean_the_same_everywhere() -> None:
    """An option has the same flags and help in every command; only its allowed values differ."""
    seen: dict[str, object] = {}
    for name in COMMANDS:
        command = find_command(name)
        assert command is not None
        for option in command.options:
            same = (option.name, option.repeated, option.opposite, option.metavar if not option.words else "")
            assert seen.setdefault(option.flag, same) == same, (name, option.flag)
