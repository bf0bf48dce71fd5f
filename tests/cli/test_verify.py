"""``cnncalc verify``: exit codes, streams, progress."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any

import pytest

from cnncalc.cli.console import Console
from cnncalc.cli.program import run
from cnncalc.cli.verify import Progress
from cnncalc.layers import KINDS
from cnncalc.volume import Volume

NET = "INPUT[13x17x3] -> CONV3-4/2 -> RELU -> POOL -> FC-5"

TEXT = """\
pattern: run in NumPy with 2 images, float64, random weights (seed 3)

quantity           agree  measured
----------------  ------  ---------------------------------------------
volumes           5 of 5  1,220 elements per image
activation bytes  5 of 5  19,520 bytes
weights           5 of 5  348 elements
biases            5 of 5  9 elements
parameters        5 of 5  357 elements
buffers           5 of 5  0 elements
MACs              5 of 5  14,088 multiply-adds metered
in place          5 of 5  1 in place or views, 4 with memory of their own
values            5 of 5  as with nothing in place
totals            7 of 7  968 elements in memory of their own
receptive field   5 of 5  5 equal

memory used  parameters and buffers 2.789 KiB, live activations at most 14.30 KiB
result       all numbers of 5 layers agree
"""


def test_agreement_is_printed_with_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", NET, "--batch", "2", "--dtype", "float64", "--seed", "3"]) == 0

    out, err = capsys.readouterr()
    assert [line.rstrip("-") for line in out.splitlines()] == [line.rstrip("-") for line in TEXT.splitlines()]
    assert err == ""


def test_disagreement_is_printed_with_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KINDS["pool"], "output", lambda self, x: Volume(x[0] // 2, x[1] // 2 + 1, x.depth))

    assert run(["verify", "INPUT[13x17x3] -> CONV3-4/2 -> RELU -> POOL"]) == 1

    out, err = capsys.readouterr()
    assert "pool1: volumes: expected 1x3x5x4, measured 1x3x4x4" in out
    assert "every number" not in out
    assert err == ""


def test_json_has_every_quantity(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", NET, "--format", "json"]) == 0

    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == 1
    assert data["agrees"] is True
    assert data["disagreements"] == []
    agreed = {entry["quantity"]: entry["agreed"] for entry in data["quantities"]}
    assert (agreed["macs"], agreed["values"]) == (5, 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dtype", "float16"], "error[usage]: --dtype: expected float32 or float64, found 'float16'"),
        (["--seed", "-1"], "error[usage]: --seed: expected a whole number of at least 0, found '-1'"),
        (
            ["--batch", "900000000000"],
            "error[too-large-to-run]: the run of pattern with 900000000000 images in float32",
        ),
    ],
)
def test_an_invalid_call_has_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", NET, *arguments]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(message)


def test_without_numpy_there_is_a_one_line_error() -> None:
    """In a process of its own, in which NumPy cannot be imported."""
    code = "import sys; sys.modules['numpy'] = None; from cnncalc.cli.program import run; sys.exit(run(sys.argv[1:]))"

    done = subprocess.run([sys.executable, "-c", code, "verify", NET], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error[numpy-missing]: verify runs the net in NumPy, which is not installed",
        "  = hint: pip install numpy",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_a_terminal_and_for_runs_of_more_than_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, now = Terminal(), [0.0]
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with Progress(Console().progress_stream(), 20) as show:
        assert show is not None
        show("run", 0, "input")
        assert stream.getvalue() == ""
        now[0] = 1.5
        show("run", 1, "conv1")

    assert stream.getvalue() == "\rrun: layer 2 of 20, conv1\r" + " " * 25 + "\r"


def test_there_is_no_progress_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet: Any = io.StringIO()
    monkeypatch.setattr(sys, "stderr", quiet)

    with Progress(Console().progress_stream(), 20) as show:
        assert show is None


TRAINED = """\
pattern: two training steps in NumPy with 2 images, float64, adam, random weights (seed 3)

point                   computed  measured  difference
----------------------  --------  --------  ----------
before the first step     13,480    13,480           0
after forward             24,256    24,256           0
after backward            22,136    22,136           0
saved for backward        15,600    15,600           0
peak                      33,344    33,344           0
peak of the first step    27,632    27,632           0

result  every number agrees to the byte, and all values agree
"""


def test_a_training_step_is_measured_and_compared_with_the_replay(capsys: pytest.CaptureFixture[str]) -> None:
    """357 parameters of 8 bytes and 2 images of 663: 13,464 bytes, and 2 classes of 8."""
    call = ["verify", NET, "--batch", "2", "--dtype", "float64", "--seed", "3", "--train", "--optimizer", "adam"]

    assert run(call) == 0

    out, err = capsys.readouterr()
    assert out == TRAINED
    assert err == ""


def test_a_training_step_with_more_memory_than_computed_has_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A RELU that works on a copy, not in place: 1 image of 7x9x4 float32 more while it runs."""
    relu = KINDS["relu"]
    forward = relu.forward_training

    def wasteful(self: Any, xp: Any, *inputs: Any, **keywords: Any) -> Any:
        output, extras = forward(self, xp, *inputs, **keywords)
        return xp.array(output), extras

    monkeypatch.setattr(relu, "forward_training", wasteful)

    assert run(["verify", NET, "--train"]) == 1

    out, err = capsys.readouterr()
    assert "relu1 (forward): computed 6,524, measured 7,532 (+1,008)" in out
    assert "every number" not in out
    assert err == ""


def test_a_training_step_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "lenet5", "--train", "--format", "json"]) == 0

    data = json.loads(capsys.readouterr()[0])
    assert data["agrees"]
    assert data["disagreements"] == []
    assert data["optimizer"] == "momentum"
    assert (data["values"], data["changed_values"]) == (13, [])
    assert all(pair["computed"] == pair["measured"] > 0 for pair in data["training"].values())
    assert data["scratch_bytes"] + data["training"]["peak_bytes"]["measured"] >= data["highest_bytes"]


def test_an_optimizer_without_train_and_an_unknown_one_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", NET, "--optimizer", "adam"]) == 2
    assert "--optimizer needs a training step" in capsys.readouterr()[1]
    assert run(["verify", NET, "--train", "--optimizer", "adma"]) == 2
    assert "no optimizer 'adma'; did you mean 'adam'?" in capsys.readouterr()[1]
