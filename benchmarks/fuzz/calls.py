"""Targets: command lines as words and as whole calls, values of options, and conditions."""

# ruff: noqa: E501  # pieces stand in rows

from __future__ import annotations

import io
import os
import re
import shlex
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from benchmarks.fuzz.mutations import damaged, one_of, with_numbers, with_signs, with_words
from benchmarks.fuzz.target import READ, Broken, Target, check_shown, one_in, refused, text_of
from cnncalc.cli.calls import CapturedConsole
from cnncalc.cli.click_parser import parse
from cnncalc.cli.command import FAILED, WRONG, parse_simple
from cnncalc.cli.program import run
from cnncalc.cli.registry import COMMANDS, find_command
from cnncalc.errors import CnncalcError
from cnncalc.figures.budget import from_calls, read_amount, read_budget
from cnncalc.language.assignment import variable
from cnncalc.search.conditions import Conditions
from cnncalc.search.ranges import read_range
from cnncalc.search.sweep import read_objective
from cnncalc.units import parse_bytes, parse_count, parse_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BETWEEN = "\x1f"
"""Separates the words of a command line."""
TINY = "'INPUT 8x8x3 -> CONV3-4 -> RELU -> POOL2 -> FC-5'"
FAMILY = "'INPUT 8x8x3 -> [CONV3-{w} -> RELU]*n -> GAP -> FC-{w}'"
LINES = (
    f"table {TINY} --format json --batch 2 --dtype float16", "table net.yaml --style notes --units si --depth 1", "table -",
    f"table {FAMILY} --set w=4 --set n=2 --columns name,output --convention thop", "list --format csv", "kinds conv relu", "kinds",
    f"show {TINY} --as yaml", f"show {TINY} --as pattern --flat", f"explain {TINY} conv1", f"explain {TINY} relu1 --convention keras",
    f"verify {TINY} --seed 1", f"memory {TINY} --batch 2 --optimizer adam --plan", f"memory {TINY} --profile tflm --pointers 64",
    f"memory {TINY} --checkpoint sqrt --autocast float16 --image-batches 2", f"fit {TINY} --memory 8GiB --reserve 0",
    f"fit {TINY} --memory t4 --max-batch 64", "fit --list-devices", f"solve {FAMILY} --set n=1 --for w=1..9 --max parameters=400",
    f"solve {FAMILY} --for w=1..9 --for n=1..2 --best max:macs --max macs=9K --format json",
    f"sweep {FAMILY} --vary w=1..4/2 --vary n=1,2 --keys macs,parameters --max macs=9K --pareto macs,parameters:max",
    f"sweep {FAMILY} --vary w=1..8/x2 --set n=1 --where 'w > 2' --sort macs --top 2 --sample 3 --seed 1 --points p.csv --executor serial",
    f"formula {FAMILY} --set n=1 --in w --of parameters,macs", "formula net.yaml", "check net.yaml", f"check {TINY} --max macs=1K --warn parameters=1K",
    "check net.yaml other.yaml --base base.json --format github --strict", "check --explain even-kernel", f"check {TINY} --select first-fc --ignore large-pool",
    "diff net.yaml other.yaml --format markdown", f"diff net.yaml {TINY}", f"plot {TINY} -o out.svg", f"plot {TINY} --form memory --theme dark", f"report {TINY} -o out.html",
    "docs --check page.md", "docs --diff page.md page.rst", f"value {TINY} parameters", "value net.yaml training_memory --batch 2", "schema", "schema --config",
    f"convert {TINY} --to torch", f"convert {TINY} --to caffe", "convert net.yaml --to keras", "convert net.prototxt", "table net.cfg --input 8x8x3", "table net.json",
    "--version", "--help", "table --help", f"table {TINY} --optional keep --filters 3 --hidden 4 --classes 5 --input 9x9x3",
)  # fmt: skip
"""Calls of every command; words of others are mixed into them."""
FILES = {
    "net.yaml": "name: a\ninput: 8x8x3\nlayers: CONV3-4@x -> RELU -> [BN | ] -> ADD -> GAP -> FC-3\nbudget: {macs: 4M}\n",
    "other.yaml": "input: 8x8x3\nvariables: {w: 3}\nlayers: CONV3-w -> RELU -> FC-3\nbudget: {parameters: +5%}\n",
    "net.cfg": "[net]\nheight=8\nwidth=8\nchannels=3\n[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=leaky\n",
    "net.prototxt": 'input: "x" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }\nlayer { name: "r" type: "ReLU" bottom: "x" top: "r" }\n',
    "net.json": '{"class_name": "Sequential", "config": [{"class_name": "InputLayer", "config": {"batch_shape": [null, 8, 8, 3]}}]}',
    "base.json": '{"schema": 1, "files": {"other.yaml": {"parameters": 7}}}',
    "page.md": "<!-- cnncalc: value net.yaml macs -->1<!-- /cnncalc -->\n",
    "page.rst": ".. cnncalc: table net.yaml --format rst\n\nold\n\n.. /cnncalc\n",
}
"""The files that the calls name."""
WORDS = (
    *(BETWEEN, BETWEEN, "--", "-", "=", ",", ":", "..", "/x2", "@", "net.yaml", "other.yaml", "net.cfg", "page.md", "vgg16", "lenet5", "nothing"),
    *("parameters", "macs", "training_memory", "arena", "json", "text", "8GiB", "0", "1", "2", "-1", "1.5", "yes", "no", "conv1", "w=2", "8x8x3"),
)  # fmt: skip
VALUES = (
    "7M", "93MiB", "+5%", "-0.5%", "8GiB", "1.5 GB", "4096", "parameters=7M", "training_memory=8GiB,batch=64,optimizer=adam", "macs:max", "receptive_field",
    "w=8..64", "w=8..64/8", "w=1..64/x2", "w=0.5,1,1.5", "stages=[2x64],[3x64]", "input=8x8x3..32x32x3/8", "batch=1..1K", "name=relu,tanh", "n={1+2}", "2x64",
    "[2x64, 3x128]", "224x224x3", "arena=64KiB,pointers=64", "flash=1MiB", "w = 1 .. 9", "w=9..1", "inference_need=8GiB,reserve=auto", "allow_stated=no", "16000x1",
)  # fmt: skip
CONDITIONS = (
    "w <= 4*n", "w % 2 == 0 and n > 1", "(w if n > 1 else 2*w) < 9", "floor(w/2) >= n or not w == 3", "make_divisible(w, 4) == 4", "a == relu", "w in n", "max(w, n) < 7",
    "1 < w < 4", "w**2 > n//2", "w - -1 > 0.5", "[w, n][0] > 1", "height*width < 64", "range(w)[0] == 0", "round(w/3) != ceil(n/2)",
)  # fmt: skip
OPERATORS = (
    "+",
    "-",
    "*",
    "**",
    "//",
    "%",
    "<",
    "<=",
    "==",
    "!=",
    "(",
    ")",
    "[",
    "]",
    ",",
    " and ",
    " or ",
    "not ",
    " if ",
    " else ",
    "w",
    "n",
    "1",
    "0.5",
    "min(",
    "range(",
    "{",
    "}",
)


def words_of(data: bytes) -> list[str]:
    """The words of a command line."""
    return text_of(data).split(BETWEEN)


class Quiet(CapturedConsole):
    """A console that keeps nothing."""

    def __init__(self) -> None:
        super().__init__("", {})


def run_words(data: bytes) -> str:
    """The words of a call are read alike by both parsers; nothing is computed."""
    words = words_of(data)
    command = find_command(words[0])
    simple = parse_simple(command, words[1:]) if command else None
    try:
        found = parse(words, Quiet())
    except CnncalcError as error:
        if simple is not None:
            raise Broken(f"the parsers disagree: {simple} and {error}") from None
        return refused(error)
    if isinstance(found, int):
        return "help"
    if simple is not None and simple != found[1]:
        raise Broken(f"the parsers disagree: {simple} and {found[1]}")
    try:
        found[0].call_of(found[1])
    except CnncalcError as error:
        return refused(error)
    return READ


UNSAFE = re.compile(
    r"\.\.[/\\]|[/\\]\.\.|~|(?:^|=|,|-o|:)[/\\]|^[A-Za-z_][\w.]*:[A-Za-z_]|\.py:|^-.*(?:processes|dask|mpi|[:])|_CNNCALC"
)
"""Words that may name files elsewhere, code, or other machines: such calls are not made."""


def is_safe(words: Sequence[str]) -> bool:
    """Whether a call stays in its folder and in this process."""
    if any(UNSAFE.search(word) for word in words) or not words:
        return False
    large = any(len(part) > 3 for word in words for part in re.findall("[0-9]+", word))
    return not (large and words[0][:1] in "vps")  # runs and drawings of large volumes may take long


def run_call(data: bytes) -> str:
    """A whole call in a folder of its own, in this process."""
    words = words_of(data)
    if not is_safe(words):
        return "left out"
    if words[0] == "sweep" and not any(word.startswith("--e") for word in words):
        words[1:1] = ["--executor=serial"]
    for name, text in FILES.items():
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
    output, errors = io.BytesIO(), io.BytesIO()
    with (
        patch.dict(os.environ, {"TERM": "xterm"}),
        patch("sys.stdin", io.TextIOWrapper(io.BytesIO(b"INPUT 8x8x3 -> RELU"))),
        redirect_stdout(io.TextIOWrapper(output, encoding="utf-8", newline="", write_through=True)),
        redirect_stderr(io.TextIOWrapper(errors, encoding="utf-8", newline="", write_through=True)),
    ):
        code = run(words)
        said = errors.getvalue().decode("utf-8")
    if code not in (0, FAILED, WRONG):
        raise Broken(f"exit code {code}: {said}")
    check_shown(said)
    if code == WRONG and not said.strip() and b"error" not in output.getvalue():
        raise Broken("exit code 2 without a message")
    if "internal" in said:
        raise Broken(f"an internal error: {said}")
    return READ if code < WRONG else " ".join(re.sub(r"'[^']*'|[0-9]+", "_", said).split())[:80]


def run_value(data: bytes) -> str:
    """A text as the value of every option."""
    text = text_of(data)
    readers: tuple[Callable[[], Any], ...] = (
        lambda: parse_bytes(text), lambda: parse_count(text), lambda: parse_size(text), lambda: read_amount(text, "bytes"),
        lambda: read_amount(text, "count"), lambda: read_range(text, "--vary"), lambda: variable("w", text),
        lambda: read_objective(text), lambda: read_budget(from_calls([("max", text)])), *[_reader(option.read, text) for option in _options()],
    )  # fmt: skip
    outcomes = []
    for read in readers:
        try:
            read()
            outcomes.append(READ)
        except CnncalcError as error:
            outcomes.append(refused(error))
    return " ".join([outcome.partition(":")[0] for outcome in outcomes])


def _reader(read: Callable[[str], Any], text: str) -> Callable[[], Any]:
    return lambda: read(text)


@cache
def _options() -> tuple[Any, ...]:
    """One option for each way in which values of options are read."""
    found: dict[Any, Any] = {}
    for name in COMMANDS:
        command = find_command(name)
        for option in command.options if command else ():
            if not option.opposite and option.read is not str:
                found.setdefault(option.words or option.read, option)
    return tuple(found.values())


def run_condition(data: bytes) -> str:
    """A condition of ``--where``, and whether a point fulfils it."""
    try:
        condition = Conditions((text_of(data),), ("w", "n"), ("relu",), {"height": 8, "width": 9})
        condition.hold({"w": 3, "n": 2} if one_in(2, data) else {"w": [2, 64], "n": "relu"})
    except CnncalcError as error:
        return refused(error)
    return READ


@cache
def call_seeds() -> Sequence[bytes]:
    """The calls as words."""
    return [BETWEEN.join(shlex.split(line)).encode() for line in LINES]


@cache
def call_pieces() -> Sequence[str]:
    """Commands, flags with their values, and other words."""
    found = [*WORDS, *WORDS, *COMMANDS]
    for name in COMMANDS:
        command = find_command(name)
        for option in command.options if command else ():
            found += [f"{BETWEEN}{flag}{BETWEEN if option.opposite else ''}" for flag in option.flags]
            found += [f"{BETWEEN}{option.flag}{BETWEEN}{word}{BETWEEN}" for word in option.words[:4]]
    return found


TARGETS = (
    Target("option values", 45, run_value, lambda: [text.encode() for text in VALUES], one_of(with_words(*VALUES), with_words(*OPERATORS), with_numbers, with_signs)),
    Target("conditions", 190, run_condition, lambda: [text.encode() for text in CONDITIONS], one_of(with_words(*OPERATORS), with_words(*OPERATORS), with_numbers, with_signs)),
    Target("words of calls", 16, run_words, call_seeds, one_of(with_words(*call_pieces()), with_words(*call_pieces()), with_signs, damaged)),
    Target("calls", 2, run_call, call_seeds, one_of(with_words(*call_pieces()), with_words(*call_pieces()), with_numbers, with_signs)),
)  # fmt: skip
