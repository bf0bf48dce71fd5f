"""What is said of options and values that a command does not have; each hint is typed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from cnncalc.cli.click_parser import parse
from cnncalc.cli.console import Console
from cnncalc.cli.registry import COMMANDS, find_command
from cnncalc.cli.suggestions import SYNONYMS, option_hint
from cnncalc.errors import DesignError, ValueProblem, nearest
from cnncalc.figures.budget import from_calls
from tests.calls import called

if TYPE_CHECKING:
    from pathlib import Path

NET = "INPUT 32x32x3 -> CONV3-8 -> RELU -> GAP -> FC-4"
ARGUMENTS = {"explain": [NET, "conv1"], "value": [NET, "macs"], "diff": ["lenet5", "alexnet"], "docs": ["README.md"]}
NO_ARGUMENTS = ("list", "kinds", "schema")
VALUES = (None, "2", "fp16", "a b", "json")


def hint_of(*words: str) -> str:
    """The hint of a call that is not read."""
    with pytest.raises(ValueProblem) as caught:
        parse(words, Console())
    return caught.value.hint or ""


def words_of(name: str) -> list[str]:
    return [name, *([] if name in NO_ARGUMENTS else ARGUMENTS.get(name, [NET]))]


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_hint_says_to_use_is_read(name: str) -> None:
    """Familiar names of other tools, with values that fit, that do not, and without one."""
    command = find_command(name)
    assert command is not None
    known = [word for words in SYNONYMS.values() for word in words]
    hints = {option_hint(name, f"--{word}", value) or "": value for word in known for value in VALUES}
    used = {hint: value for hint, value in hints.items() if hint.startswith("use ") and ": " not in hint}
    assert used or name == "schema"
    for hint, value in used.items():
        written = shlex.split(hint.removeprefix("use "))
        option = next(each for each in command.options if written[0] in each.flags)
        if len(written) > 1 or option.opposite:
            assert isinstance(parse([*words_of(name), *written], Console()), tuple)
        else:
            assert value is None, hint


def test_a_word_of_a_value_that_is_known_elsewhere_leads_to_one_that_is_taken() -> None:
    """Every choice of every command, with every such word: the hint is read, or there is none but the help."""
    tried = 0
    for name in COMMANDS:
        for option in find_command(name).options:  # type: ignore[union-attr]
            for word in ["x7", "fp16", "half", "cuda", "cpu", "pytorch", "md", "eval"] if option.words else ():
                if word not in option.words:
                    hint = hint_of(*words_of(name), option.flag, word)
                    if hint != f"cnncalc {name} --help":
                        assert isinstance(parse([*words_of(name), *shlex.split(hint)], Console()), tuple)
                        tried += 1
    assert tried > 50


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        ("sweep vgg16 --vary batch=1..4 --jobs 2", "use --executor processes:2"),
        ("sweep vgg16 --vary batch=1..4 --executor 2", "--executor processes:2"),
        ("check vgg16 --workers 2", "use --jobs 2"),
        ("table vgg16 --precision fp16", "use --dtype float16"),
        ("table vgg16 --precision=3", "use --dtype: expected float32, float64, float16, bfloat16 or int8, found '3'"),
        ("table vgg16 --dtype half", "--dtype float16"),
        ("memory vgg16 --amp", "use --autocast float16"),
        ("memory --amp vgg16", "use --autocast float16"),
        ("memory vgg16 --amp bf16", "use --autocast bfloat16"),
        ("memory vgg16 --checkpointing", "use --checkpoint blocks"),
        ("memory vgg16 --profile cpu", "--profile torch-cpu"),
        ("verify vgg16 --against pytorch", "--against torch"),
        ("table vgg16 --img 64", "use --input: expected sides and depth, as in 224x224x3 or 16000x1, found '64'"),
        ("table vgg16 --input 3,64,64", "--input 64x64x3"),
        ("table vgg16 --input-size 1,3,64,32", "use --input 64x32x3"),
        ("table vgg16 --input 64,64,3", "--input 64x64x3"),
        ("table vgg16 --input 224X224X3", "--input 224x224x3"),
        ("table mobilenet-v2 --alpha 0.5", "use --set alpha=0.5"),
        ("table 'INPUT 8x8x3 -> CONV3-{w}' --w 4", "use --set w=4"),
        ("table resnet50 --md", "use --format markdown"),
        ("table vgg16 --png", "--format png is an option of cnncalc plot"),
        ("table vgg16 --yaml", "--as yaml is an option of cnncalc show"),
        ("table vgg16 --gpu t4", "--memory t4 is an option of cnncalc fit, cnncalc solve"),
        ("table vgg16 --zero-stage 9", "--zero is an option of cnncalc fit"),
        ("table vgg16 --heading no", "use --no-heading, without a value"),
        ("table vgg16 --brief=yes", "use --brief, without a value"),
        ("memory vgg16 --weight-decay 1e-4", "use --weight-decay, without a value"),
        ("fit vgg16 --memory 8GiB --weight-decay 0.1", "use --weight-decay, without a value"),
        ("table vgg16 --lr 0.1", "leave it out: no figure depends on it"),
        ("table vgg16 --version", "cnncalc --version"),
        ("table vgg16 --port 80", "cnncalc table --help"),
        ("table vgg16 --bias no", "cnncalc table --help"),
        ("table vgg16 --btach 2", "did you mean '--batch'?"),
        ("table vgg16 --batchsize 2", "use --batch 2"),
    ],
)
def test_the_hint_for_a_call_that_is_not_read(call: str, hint: str) -> None:
    assert hint_of(*shlex.split(call)) == hint


def test_a_variable_of_a_file_is_set_with_set(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text("variables: {w: 2}\nlayers: INPUT 8x8x3 -> CONV3-{w}\n", encoding="utf-8")
    assert hint_of("table", str(file), "--w", "4") == "use --set w=4"
    file.write_text("layers: [\n", encoding="utf-8")
    assert hint_of("table", str(file), "--w", "4") == "cnncalc table --help"


def test_a_word_known_elsewhere_is_suggested_only_where_its_meaning_is_known() -> None:
    assert nearest("half", ("float32", "float16")) == "float16"
    assert nearest("half", ("sum", "mean")) is None
    assert nearest("memory", ("parameters", "training_memory")) == "training_memory"


def test_a_word_that_begins_known_ones_is_the_shortest_of_them() -> None:
    assert nearest("vit", ("vgg16", "vit-b-32-large", "vit-b-16")) == "vit-b-16"
    assert nearest("v", ("vgg16", "vit-b-16")) is None


def test_a_limit_is_written_without_commas() -> None:
    done = called("check", "lenet5", "--max", "parameters=1,000,000")

    assert done.stderr.startswith(
        "--max:1:14: error[wrong-value]: a number is written without commas, found '1,000,000'"
    )
    assert done.stderr.count("error[") == 1
    (hint,) = [line.partition("hint: ")[2] for line in done.stderr.splitlines() if "hint: " in line]
    assert called("check", "lenet5", *shlex.split(hint)).returncode == 0


@pytest.mark.parametrize(("limit", "hint"), [("1,024.5MiB", "--max training_memory=1024.5MiB"), ("1,5GiB", None)])
def test_commas_between_thousands_are_left_out_and_no_others(limit: str, hint: str | None) -> None:
    with pytest.raises(DesignError) as caught:
        from_calls([("max", f"training_memory={limit}")])
    assert caught.value.problems[0].hint == hint


def test_layers_and_blocks_are_named_where_no_name_is_similar() -> None:
    done = called("explain", "lenet5", "zzz")

    assert done.stderr == (
        "error[unknown-layer]: lenet5 has no layer 'zzz' "
        "(layers: input, c1, tanh1, s2, sigmoid1, c3, tanh2, s4 and 6 more)\n"
    )
    assert "no block or layer 'zzz' (known: none, blocks, " in called("memory", "vgg16", "--checkpoint", "zzz").stderr


def test_a_split_over_devices_needs_their_number() -> None:
    assert "hint: add --data-parallel 2" in called("fit", "lenet5", "--memory", "8GiB", "--zero", "2").stderr
