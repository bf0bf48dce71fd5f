"""``cnncalc report`` as users call it: output files, refused calls, and ``-o`` in every command."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cnncalc.cli.click_parser import parse
from cnncalc.cli.command import parse_simple
from cnncalc.cli.console import Console
from cnncalc.cli.registry import COMMANDS, find_command
from tests.calls import called, cnncalc

if TYPE_CHECKING:
    from pathlib import Path

    from cnncalc.cli.command import Command


def writers() -> list[Command]:
    """The commands that write a report to a file."""
    commands = [find_command(name) for name in COMMANDS]
    return [command for command in commands if command and any(o.flag == "--output" for o in command.options)]


def test_the_page_goes_to_standard_output_or_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "page.html"

    printed = called("report", "lenet5")
    silent = called("report", "lenet5", "-o", str(file))

    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout.startswith("<!DOCTYPE html>\n")
    assert printed.stdout.endswith("</html>\n")
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
    assert file.read_text(encoding="utf-8") == printed.stdout


def test_a_design_is_read_from_standard_input() -> None:
    done = cnncalc("report", "-", stdin="INPUT 8x8x3 -> CONV3-4 -> RELU -> FC-10")

    assert done.returncode == 0
    assert "<bdi>conv1</bdi>" in done.stdout


def test_warnings_are_on_standard_error_and_in_the_page() -> None:
    done = called("report", "INPUT 3x32x32 -> CONV3-8 -> FC-10")

    assert done.returncode == 0
    assert "warning[looks-depth-first]" in done.stderr
    assert "looks-depth-first" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["vgg16", "--checkpoint", "best"],
            "error[usage]: --checkpoint best depends on the batch, but the page uses the same segments for every "
            "batch\n  = hint: --checkpoint blocks, stages, sqrt, or names of blocks\n",
        ),
        (["-", "-"], "error[usage]: standard input can be read once, but both targets are '-'\n"),
        (
            ["vgg16", "--optimizer", "adm"],
            "error[unknown-optimizer]: no optimizer 'adm'; did you mean 'adam'? (known: sgd, momentum, nesterov, ",
        ),
        (["vgg16", "-o"], "error[usage]: option '-o' requires an argument\n  = hint: cnncalc report --help\n"),
        (
            ["vgg16", "-o", "a.pdf"],
            "error[usage]: '.pdf' is not an ending of a format of this command (formats: html)\n"
            "  = hint: --output a.html\n",
        ),
        (["vgg16", "--batch", "0"], "error[usage]: --batch: expected a whole number of at least 1, found '0'\n"),
        ([], "error[usage]: cnncalc report needs TARGET\n  = hint: cnncalc report --help\n"),
    ],
)
def test_an_invalid_call_has_a_message(words: list[str], message: str) -> None:
    done = called("report", *words)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)


def test_an_invalid_budget_is_an_error_with_its_position(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text("name: small\nlayers: INPUT 8x8x3 -> CONV3-4 -> FC-10\nbudget: {macks: 7M}\n", encoding="utf-8")

    done = called("report", str(file))

    assert (done.returncode, done.stdout) == (2, "")
    assert "net.yaml:3:10: error[" in done.stderr
    assert "did you mean 'macs'?" in done.stderr


def test_a_page_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("before", encoding="utf-8")

    broken = called("report", "INPUT 8x8x3 -> CONV99-4(pad=0)", "-o", str(file))
    nowhere = called("report", "lenet5", "-o", str(tmp_path / "no" / "page.html"))

    assert broken.returncode == nowhere.returncode == 2
    assert file.read_text(encoding="utf-8") == "before"
    assert os.listdir(tmp_path) == ["page.html"]
    assert "cannot write" in nowhere.stderr


@pytest.mark.parametrize("command", writers(), ids=lambda command: command.name)
@pytest.mark.parametrize("words", [["-o", "a.txt"], ["--output", "a.txt"], ["--output=a.txt"]])
def test_every_command_has_output_and_o(command: Command, words: list[str]) -> None:
    """Parsed by ``parse_simple`` and by click, which must agree."""
    targets = ["x" for name in command.arguments if not command.is_optional(name)]
    plain = parse_simple(command, [*targets, *words])
    answer = parse([command.name, *targets, *words], Console())

    assert plain is not None
    assert plain["file"] == "a.txt"
    assert not isinstance(answer, int)
    assert answer[1]["file"] == "a.txt"


def test_the_value_may_follow_o_directly() -> None:
    """As in other programs; such calls are parsed by click."""
    command = find_command("table")
    assert command is not None

    for words in (["lenet5", "-oa.txt"], ["lenet5", "-o=a.txt"]):
        assert parse_simple(command, words) is None
    answer = parse(["table", "lenet5", "-oa.txt"], Console())
    assert not isinstance(answer, int)
    assert answer[1]["file"] == "a.txt"


def test_help_lists_both_flags() -> None:
    done = called("table", "--help")

    assert "-o, --output FILE" in done.stdout
