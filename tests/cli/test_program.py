"""The program in a process of its own: exit codes, streams, encodings, terminals."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from contextlib import suppress
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cnncalc.cli.options import TABLE_FORMATS
from cnncalc.cli.program import limit_of
from cnncalc.cli.registry import COMMANDS, find_command
from cnncalc.cli.suggestions import SYNONYMS
from tests.calls import COMMAND, called, cnncalc, environment, one_of, running

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

TINY = "INPUT 9x11x3 -> CONV3-7 -> RELU -> FC-5"


def on_terminal(*arguments: str, width: int = 150, **variables: str) -> str:
    """The output for a terminal of that width."""
    leader, follower = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    streams = {"stdin": follower, "stdout": follower, "stderr": follower}
    with running([*COMMAND, *arguments], env=environment(PYTHONUTF8="1", **variables), **streams) as process:
        os.close(follower)
        parts = []
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:  # the program has ended
                break
            if not part:
                break
            parts.append(part)
        os.close(leader)
        assert process.wait(timeout=60) == 0
    return b"".join(parts).decode().replace("\r\n", "\n")


# Exit codes and streams


def test_a_table_goes_to_standard_output_and_the_exit_code_is_0() -> None:
    done = cnncalc("table", TINY)

    assert (done.returncode, done.stderr) == (0, "")
    assert "conv1  CONV3-7  [9x11x7]" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tabel", "vgg16"], "error[usage]: no command 'tabel'\n  = hint: did you mean 'table'?\n"),
        (["vgg16"], "error[usage]: no command 'vgg16'\n  = hint: cnncalc table vgg16\n"),
        (["INPUT -> FC"], "error[usage]: no command 'INPUT -> FC'\n  = hint: cnncalc table \"INPUT -> FC\"\n"),
        (["frobnicate"], f"error[usage]: no command 'frobnicate'\n  = hint: the commands are {', '.join(COMMANDS)}\n"),
        (["table"], "error[usage]: cnncalc table needs TARGET\n  = hint: cnncalc table --help\n"),
        (["explain", "vgg16"], "error[usage]: cnncalc explain needs LAYER\n  = hint: cnncalc explain --help\n"),
        (
            ["table", TINY, "--formt", "text"],
            "error[usage]: cnncalc table has no option '--formt'\n  = hint: did you mean '--format'?\n",
        ),
        (
            ["table", TINY, "--theme", "dark"],
            "error[usage]: cnncalc table has no option '--theme'\n"
            "  = hint: --theme dark is an option of cnncalc plot\n",
        ),
        (
            ["fit", TINY, "--device", "t4"],
            "error[usage]: cnncalc fit has no option '--device'\n  = hint: use --memory t4\n",
        ),
        (["fit", TINY, "--gpu=t4"], "error[usage]: cnncalc fit has no option '--gpu'\n  = hint: use --memory t4\n"),
        (
            ["fit", TINY, "--gpu", "rtx 3090"],
            "error[usage]: cnncalc fit has no option '--gpu'\n  = hint: use --memory 'rtx 3090'\n",
        ),
        (
            ["table", TINY, "--json"],
            "error[usage]: cnncalc table has no option '--json'\n  = hint: use --format json\n",
        ),
        (
            ["memory", TINY, "--fp16"],
            "error[usage]: cnncalc memory has no option '--fp16'\n  = hint: use --autocast float16\n",
        ),
        (["check", TINY, "--werror"], "error[usage]: cnncalc check has no option '--werror'\n  = hint: use --strict\n"),
        (
            ["table", TINY, "--format", "texd"],
            f"error[usage]: --format: expected {one_of(TABLE_FORMATS)}, found 'texd'\n  = hint: --format text\n",
        ),
        (
            ["table", TINY, "--format"],
            "error[usage]: option '--format' requires an argument\n  = hint: cnncalc table --help\n",
        ),
        (
            ["table", TINY, "--batch", "0"],
            "error[usage]: --batch: expected a whole number of at least 1, found '0'\n  = hint: cnncalc table --help\n",
        ),
        (
            ["table", TINY, "--batch", "1" * 19],
            "error[usage]: --batch: a number has at most 18 digits, but this one has 19\n"
            "  = hint: cnncalc table --help\n",
        ),
        (
            ["table", "INPUT", "-"],
            "error[usage]: cnncalc table got an unexpected argument: -\n"
            "  = hint: put a pattern in quotes, otherwise the shell splits it at blanks and treats '>' as "
            "redirection\n",
        ),
        (
            ["kinds", "conv", "pool"],
            "error[usage]: cnncalc kinds got an unexpected argument: pool\n  = hint: cnncalc kinds --help\n",
        ),
        (
            ["value", "INPUT 8x8x3 -> FC-4", "parameters", "macs"],
            "error[usage]: cnncalc value got an unexpected argument: macs\n  = hint: cnncalc value --help\n",
        ),
        (
            ["table", "INPUT", "->", "FC"],
            "error[usage]: cnncalc table has no option '->'\n"
            "  = hint: put a pattern in quotes, otherwise the shell splits it at blanks and treats '>' as "
            "redirection\n",
        ),
        (
            ["table", "-> FC"],
            "error[usage]: cnncalc table has no option '->'\n"
            "  = hint: put an argument that begins with '-' after '--'\n",
        ),
        (
            ["table", TINY, "--set", "a=1", "--set", "a=2"],
            "error[usage]: --set: 'a' is set twice\n  = hint: cnncalc table --help\n",
        ),
        (
            ["table", TINY, "--set", "a"],
            "error[usage]: --set: expected NAME=VALUE, found 'a'\n  = hint: cnncalc table --help\n",
        ),
        (
            ["table", TINY, "--set", "2=a"],
            "error[usage]: --set: '2' is not a variable name, which has letters, digits and '_'\n"
            "  = hint: cnncalc table --help\n",
        ),
        (
            ["table", TINY, "--optional", "maybe"],
            "error[usage]: --optional: expected keep, drop or a list such as yes,no,yes, found 'maybe'\n"
            "  = hint: cnncalc table --help\n",
        ),
        (
            ["table", TINY, "--input", "9"],
            "error[usage]: --input: expected sides and depth, as in 224x224x3 or 16000x1, found '9'\n"
            "  = hint: cnncalc table --help\n",
        ),
        (
            ["table", TINY, "--input", "9x0x3"],
            "error[usage]: --input: each part of a volume is at least 1, found '9x0x3'\n"
            "  = hint: cnncalc table --help\n",
        ),
        (
            ["table", TINY, "--columns", "layer", "--style", "notes"],
            "error[unknown-column]: no column 'layer'; did you mean 'label'?\n"
            "  = hint: the columns are label, volume, memory, weights\n",
        ),
        (
            ["table", TINY, "--columns", "layer", "--format", "json"],
            "error[usage]: --columns needs a format with rows and columns; --format json always has every key\n",
        ),
        (
            ["show", TINY, "--format", "csv"],
            "error[usage]: --format csv is for --as layers; --as pattern has its own format\n",
        ),
        (["explain", TINY, "conv2"], "error[unknown-layer]: pattern has no layer 'conv2'; did you mean 'conv1'?\n"),
        (
            ["table", TINY, "--set", "n=[2"],
            "--set n:1:1: error[expression-syntax]: this '[' is never closed\n  |\n1 | [2\n  | ^\n",
        ),
        (
            ["table", TINY, "--set", "n=1 2"],
            "--set n:1:3: error[wrong-value]: expected one value, as in n=2, n=2x64 or 'n=[2x64, 3x128]'\n"
            "  |\n1 | 1 2\n  |   ^\n",
        ),
        (
            ["table", "no/such/folder/net.yaml"],
            "error[unreadable]: cannot read no/such/folder/net.yaml: no such file or directory\n",
        ),
        (["--unknown"], "error[usage]: cnncalc has no option '--unknown'\n  = hint: cnncalc --help\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_invalid_call_is_reported_on_standard_error_with_a_hint(arguments: list[str], message: str) -> None:
    done = called(*arguments)

    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_warnings_go_to_standard_error_and_the_table_is_printed() -> None:
    done = cnncalc("table", "INPUT 3x224x224 -> FC-5")

    assert done.returncode == 0
    assert "warning[looks-depth-first]" in done.stderr
    assert "TOTAL memory" in done.stdout


@pytest.mark.parametrize("argument", ["--version"])
def test_version(argument: str) -> None:
    import cnncalc as package

    assert cnncalc(argument).stdout == f"cnncalc {package.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_has_an_example(command: str, flag: str) -> None:
    done = called(command, flag)

    assert done.returncode == 0
    assert f"  cnncalc {command} " in done.stdout


def test_help_examples_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example of each help is run, where it may write what it writes; one may need an extra that is missing."""
    import shlex

    from tests.interop.onnx_writer import Model

    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("# A net\n", encoding="utf-8")
    model = Model(x=(1, 3, 8, 8))
    model.add("Relu", "x")
    (tmp_path / "model.onnx").write_bytes(model.bytes())
    (tmp_path / "docs").mkdir()
    for command in COMMANDS:
        text = called(command, "--help").stdout
        for line in re.findall(r"^ {4}cnncalc (.+)$", text, re.M):
            done = called(*shlex.split(line))
            assert done.returncode == 0 or "error[missing-extra]" in done.stderr, line


def test_without_a_command_the_help_is_printed() -> None:
    done = cnncalc()

    assert done.returncode == 0
    assert done.stdout.startswith("Usage: cnncalc ")


def test_an_internal_error_is_one_line_and_exit_code_3() -> None:
    """A traceback is shown with --debug alone."""
    code = (
        "import sys, cnncalc.analysis.report as report\n"
        "def broken(*_, **__): raise RuntimeError('broken')\n"
        "report.account = broken\n"
        "from cnncalc.cli.program import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    command = [COMMAND[0], "-c", code, "table", TINY]

    plain = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    debug = subprocess.run([*command, "--debug"], capture_output=True, text=True, env=environment(), check=False)

    assert (plain.returncode, debug.returncode) == (3, 3)
    assert plain.stderr == (
        "error[internal]: RuntimeError: broken "
        "(internal error: please report it with the command; --debug shows the traceback)\n"
    )
    assert "Traceback" in debug.stderr


def test_an_interrupt_is_exit_code_130() -> None:
    """Also where the tests run with SIGINT ignored, as under nohup: the program starts with its default."""
    code = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    with running([COMMAND[0], "-c", code, *COMMAND[1:], "table", "-"], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"#" * 200_000)  # more than a pipe holds: returns when the program reads
        for _ in range(10):  # a signal between two reads waits for the next signal
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=6)
                break
        assert process.returncode == 130
        assert process.stderr.read() == b"interrupted\n"


# Standard input


@pytest.mark.parametrize("text", [TINY, f"layers: {TINY!r}\n", f"\ufeff{TINY}", TINY.replace(" -> ", "\r\n-> ")])
def test_a_design_from_standard_input(text: str) -> None:
    done = cnncalc("table", "-", "--columns", "layer,weights", "--format", "csv", stdin=text)

    assert (done.returncode, done.stdout) == (0, "layer,weights\ninput,0\nconv1,189\nrelu1,0\nfc1,3465\n")


def test_standard_input_that_is_not_text() -> None:
    done = cnncalc("table", "-", stdin=b"INPUT\n\xff")

    assert (done.returncode, done.stderr) == (
        2,
        "error[input]: standard input is not a text in UTF-8 (line 2, byte 6 is 0xff)\n  = hint: save it as UTF-8\n",
    )


def test_empty_standard_input() -> None:
    done = cnncalc("table", "-", stdin="")

    assert done.returncode == 2
    assert done.stderr.startswith("error[empty]: <stdin> is empty")


# Standard output


def test_a_reader_that_closes_early_is_no_error() -> None:
    """More output than a pipe buffers, and a reader that reads one line."""
    with running([*COMMAND, "table", "resnet152", "--format", "json"]) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"{\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=30) == 0


def test_a_failed_check_keeps_its_exit_code_when_the_pipe_is_closed() -> None:
    """``cnncalc check ... | head -0``: the exit code is the same when nobody reads the output."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "check", "lenet5", "--max", "parameters=1K"],
        stdout=writer, stderr=subprocess.PIPE, env=environment(), check=False,
    )  # fmt: skip
    os.close(writer)

    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "table", TINY], stdout=full, stderr=subprocess.PIPE, text=True, env=environment(), check=False
        )

    assert (done.returncode, done.stderr) == (
        2,
        "error[output]: the report cannot be written to standard output: no space left on device\n",
    )


def test_a_closed_standard_output() -> None:
    done = subprocess.run(
        ["sh", "-c", f"'{COMMAND[0]}' -m cnncalc table '{TINY}' >&-"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        check=False,
    )

    assert (done.returncode, done.stderr) == (
        2,
        "error[output]: the report cannot be written: standard output is closed\n",
    )


def test_a_stream_without_other_characters_gets_escapes() -> None:
    yaml = 'name: größe\ntitle: "Größe → x"\nlayers: "INPUT 9x9x3 -> FC-5"\n'

    done = cnncalc("table", "-", stdin=yaml, PYTHONIOENCODING="ascii")

    assert done.returncode == 0
    assert done.stdout.startswith("gr\\xf6\\xdfe: Gr\\xf6\\xdfe \\u2192 x\n")
    assert cnncalc("table", "-", stdin=yaml, PYTHONIOENCODING="utf-8").stdout.startswith("größe: Größe → x\n")


def test_a_pipe_gets_no_colour_no_boxes_and_whole_lines() -> None:
    """COLUMNS says how wide a terminal is; a pipe has no width."""
    done = cnncalc("table", "googlenet", COLUMNS="20")

    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    assert (
        done.stdout == cnncalc("table", "googlenet").stdout == cnncalc("table", "googlenet", "--format", "rich").stdout
    )


def test_a_terminal_gets_boxes_and_colour() -> None:
    text = on_terminal("table", TINY)

    assert "╭" in text
    assert "\x1b[" in text


def test_no_color() -> None:
    assert "\x1b" not in on_terminal("table", TINY, NO_COLOR="1")


def test_force_color_in_a_pipe() -> None:
    """Nothing is cut there either."""
    text = cnncalc("table", "resnet50", FORCE_COLOR="1", COLUMNS="20", PYTHONUTF8="1").stdout

    assert "\x1b[" in text
    assert "(1*1*64)*256 = 16,384" in text


def test_a_dumb_terminal_gets_plain_text() -> None:
    assert on_terminal("table", TINY, TERM="dumb") == cnncalc("table", TINY).stdout


NARROW = (
    "table vgg16",
    "table resnet50 --bars",
    "memory lenet5",
    "diff resnet50 resnet50-v1.5",
    "fit vgg16 --memory 3GiB",
    "solve resnet18 --for input=32..224/32 --for classes=10,1000 --max macs=1G --best max:parameters",
    "list",
    "kinds",
    "kinds conv",
)


@pytest.mark.parametrize(
    ("words", "width"), [(words, width) for words in NARROW for width in (80, 100) if (words, width) != ("list", 100)]
)
def test_output_fits_a_narrow_terminal(words: str, width: int) -> None:
    """Wrapping them would break the box."""
    lines = on_terminal(*words.split(), width=width, NO_COLOR="1").splitlines()

    assert any(line.startswith("\u256d") for line in lines)
    assert max(map(len, lines)) <= width


# --output


def test_output_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "table.json"

    done = called("table", TINY, "--format", "json", "--output", str(file))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(file.read_text())["totals"]["parameters"] == 3666
    assert [path.name for path in tmp_path.iterdir()] == ["table.json"]


def test_output_replaces_a_file_and_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "table.txt"
    file.write_text("old")
    file.chmod(0o640)

    assert called("table", TINY, "--output", str(file)).returncode == 0

    assert file.read_text() == called("table", TINY).stdout
    assert file.stat().st_mode & 0o777 == 0o640


def test_output_through_a_link_leaves_the_link(tmp_path: Path) -> None:
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")

    assert called("table", TINY, "--output", str(tmp_path / "link.txt")).returncode == 0

    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").is_file()


def test_an_invalid_design_leaves_the_output_file_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "table.txt"
    file.write_text("old")

    assert called("table", "INPUT 2x2x3 -> CONV3-4(pad=0)", "--output", str(file)).returncode == 2

    assert file.read_text() == "old"


@pytest.mark.parametrize(
    ("place", "why"),
    [
        *[(place, "is a directory") for place in ("", "new/", "new.csv/", "new/.", "..")],
        ("no/such/folder.txt", "no such file or directory"),
    ],
)
def test_output_that_cannot_be_written(tmp_path: Path, place: str, why: str) -> None:
    file = f"{tmp_path}/{place}"

    done = called("table", TINY, "--output", file)

    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error[output]: cannot write '{file}': {why}\n")
    assert not list(tmp_path.iterdir())


def test_output_to_a_device() -> None:
    assert called("table", TINY, "--output", "/dev/null").returncode == 0
    assert called("table", TINY, "--output", "-").stdout == called("table", TINY).stdout


# Commands


def test_table_of_the_general_pattern() -> None:
    pattern = "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC"

    done = called(
        "table", pattern, "--set", "N=2", "--set", "M=3", "--set", "K=1", "--optional", "yes,no,yes", "--format", "csv"
    )

    kinds = [line.split(",")[2] for line in done.stdout.splitlines()[1:]]
    assert kinds == ["input", *["conv", "relu"] * 2, "pool", *["conv", "relu"] * 4, "pool", "fc", "relu", "fc"]


@pytest.mark.parametrize("text", ["n=2x64", "n=[2, 64]", "n=[1+1, 2**6]"])
def test_a_list_by_set(text: str) -> None:
    done = called("show", "INPUT 9x9x3 -> CONV-{n[1]} -> FC-{n[0]}", "--set", text)

    assert done.stdout == "INPUT 9x9x3 -> CONV3-64 -> FC-2\n"


def test_a_word_by_set() -> None:
    done = called("show", "INPUT 9x9x3 -> CONV3-4(pad=p)", "--set", "p=valid", "--as", "layers", "--format", "csv")

    assert done.stdout.splitlines()[2] == "conv1,conv,pad=0 filters=4,input,7x7x4"


def test_sizes_by_options() -> None:
    done = called(
        *(
            "table",
            "INPUT -> CONV -> FC -> FC",
            "--input",
            "9x11x3",
            "--filters",
            "7",
            "--hidden",
            "5",
            "--classes",
            "2",
        ),
        *("--columns", "layer,volume", "--format", "csv"),
    )

    assert done.stdout == "layer,volume\ninput,9x11x3\nconv1,9x11x7\nfc1,1x1x5\nfc2,1x1x2\n"


def test_list_has_every_named_net_with_its_parameters() -> None:
    from cnncalc.language.catalogue import names

    nets = json.loads(called("list", "--format", "json").stdout)["nets"]

    assert [net["name"] for net in nets] == names()
    assert {net["name"]: net["totals"]["parameters"] for net in nets}["vgg16"] == 138_357_544
    assert all(net["source"] and net["title"] for net in nets)
    for net in nets[:5]:
        assert called("value", net["name"], "layers").stdout == f"{net['layers']}\n"


def test_show_as_layers_has_one_line_per_layer() -> None:
    assert (
        called("show", TINY, "--as", "layers").stdout
        == """\
layer  kind   keys             inputs  volume
-----  -----  ---------------  ------  --------
input  input  size=[9, 11, 3]          [9x11x3]
conv1  conv   filters=7        input   [9x11x7]
relu1  relu                    conv1   [9x11x7]
fc1    fc     units=5          relu1   [1x1x5]
"""
    )


@pytest.mark.parametrize("way", ["pattern", "yaml"])
def test_show_reads_back_to_the_same_table(way: str) -> None:
    shown = called("show", TINY, "--as", way).stdout

    again = cnncalc("table", "-", "--format", "csv", stdin=shown).stdout

    assert again == called("table", TINY, "--format", "csv").stdout


def test_explain() -> None:
    done = called("explain", "alexnet", "conv1")

    assert "height (227 - 11 + 2*0)/4 + 1 = 55\n" in done.stdout


# Completion


def completed(words: str) -> list[str]:
    count = len(words.split(" "))
    done = cnncalc(_CNNCALC_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(count - 1))
    return done.stdout.splitlines()


def test_completion_of_commands_nets_options_and_words() -> None:
    assert completed("cnncalc ta") == ["plain,table"]
    assert completed("cnncalc table vgg1") == [f"plain,vgg{n}" for n in ("11", "13", "16", "16-bn", "19")]
    assert completed("cnncalc table vgg16 --un") == ["plain,--units"]
    assert completed("cnncalc table vgg16 --dtype b") == ["plain,bfloat16"]
    assert completed("cnncalc table nets/my") == ["file,nets/my"]


def test_the_script_for_completion() -> None:
    done = cnncalc(_CNNCALC_COMPLETE="bash_source")

    assert done.returncode == 0
    assert "_cnncalc_completion" in done.stdout


def test_each_option_that_other_names_lead_to_exists() -> None:
    commands = [command for command in map(find_command, COMMANDS) if command is not None]
    flags = {flag for command in commands for option in command.options for flag in option.flags}
    assert {text.split()[0] for text in SYNONYMS} <= flags


@pytest.mark.parametrize(
    "words",
    [
        ["plot", "INPUT 8x8x3 -> [UPSAMPLE999999999]*200 -> FC-2"],
        ["table", "INPUT 8x8x3 -> [UPSAMPLE999999999]*200 -> FC-2", "--convention", "torchinfo"],
    ],
    ids=lambda words: words[0],
)
def test_numbers_that_are_too_large_for_what_a_command_computes_are_a_limit(words: list[str]) -> None:
    done = called(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("error[limit]: this call computes with sizes of at most 2^63 - 1")


@pytest.mark.parametrize(
    "wrong",
    [lambda: float(10**400), lambda: 10**400 / 3, lambda: range(10**30).__len__(), lambda: [0] * 10**30],
    ids=["float", "quotient", "range", "list"],
)
def test_whole_numbers_beyond_floats_and_sizes_are_a_limit(wrong: Callable[[], object]) -> None:
    with pytest.raises(OverflowError) as raised:
        wrong()
    assert limit_of(raised.value) is not None


@pytest.mark.parametrize(
    "wrong",
    [lambda: int(float("inf")), lambda: (-1).to_bytes(8, "little"), lambda: exp(1000), lambda: chr(2**31)],
    ids=["infinity", "negative", "exponential", "character"],
)
def test_other_overflows_are_internal_errors(wrong: Callable[[], object]) -> None:
    with pytest.raises(OverflowError) as raised:
        wrong()
    assert limit_of(raised.value) is None
