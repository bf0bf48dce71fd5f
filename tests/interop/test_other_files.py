"""Files that hold no design are refused with the way to one, at every command that takes a target."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from cnncalc.interop.other_files import OTHER_FILES, refusal
from tests.calls import called

if TYPE_CHECKING:
    from pathlib import Path

KERAS = 'import keras\n\nmodel = keras.Sequential([keras.layers.Dense(10)])\nclasses = {"a": [1]}\n'
TORCH = "from torch import nn\n\n\nclass Net(nn.Module):\n    pass\n\n\ndef build():\n    return Net()\n"
CALLS = [
    *("table FILE", "show FILE", "explain FILE conv1", "verify FILE", "memory FILE", "fit FILE --memory 8GiB"),
    *("solve FILE --for filters=1..2 --max macs=1M", "formula FILE", "check FILE", "diff lenet5 FILE"),
    *("diff FILE lenet5", "plot FILE", "report FILE", "value FILE macs", "convert FILE"),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("code", "hint"),
    [(KERAS, "model.save('model.keras') writes a file that is read"), (TORCH, "net.py:Net or net.py:build")],
)
def test_a_file_of_code_is_refused_with_the_way(
    call: str, code: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(code, encoding="utf-8")

    done = called(*shlex.split(call.replace("FILE", "net.py")))

    assert done.returncode == 2
    assert done.stderr.startswith("error[not-a-design]: net.py is ")
    assert f"\n  = hint: {hint}" in done.stderr


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("model: nn.Module = nn.Sequential(nn.ReLU())\n", "net.py:model"),
        ("class A(nn.Module):\n  x = 1\nclass B(torch.nn.Module):\n  y = 2\n", "net.py:B or net.py:A"),
        ("class C(Base):\n  x = 1\n\ndef with_size(n):\n  pass\n", "net.py:NAME"),
        ("", "net.py:NAME"),
        (
            "class A(nn.Module):\n  x = 1\nmodel = A()\nloss = nn.MSELoss()\nsteps = Adam([])\n",
            "net.py:model or net.py:A",
        ),
        ("import torch\nimport keras\ndef net():\n  pass\n", "net.py:net"),
    ],
)
def test_the_names_of_code_that_can_be_nets(code: str, hint: str) -> None:
    problem = refusal("net.py", code.encode())

    assert problem is not None
    assert problem.hint == hint


def test_a_name_with_blanks_is_one_word_in_the_hint() -> None:
    problem = refusal("my net.py", TORCH.encode())

    assert problem is not None
    assert [shlex.split(each) for each in (problem.hint or "").split(" or ")] == [
        ["my net.py:Net"],
        ["my net.py:build"],
    ]


@pytest.mark.parametrize("ending", [ending for endings, _, _ in OTHER_FILES for ending in endings])
def test_a_file_of_another_program_is_refused_with_the_way(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"net{ending.upper()}"
    file.write_bytes(b"\x80\x02}q\x00." * 100)

    done = called("table", str(file))

    assert done.returncode == 2
    assert f"'{ending}' is the ending of " in done.stderr
    assert "= hint: " in done.stderr


@pytest.mark.parametrize("pattern", ["INPUT 8x8x3 -> CONV3-4 -> FC-2", "INPUT 8x8x3\n-> CONV3-4\n-> FC-2"])
def test_a_pattern_in_a_file_is_read_as_the_hint_says(pattern: str, tmp_path: Path) -> None:
    file = tmp_path / "net.txt"
    file.write_text(pattern + "\n", encoding="utf-8")
    refused = called("value", str(file), "parameters")
    assert "= hint: write 'layers: ' before a pattern of one line; indent a longer one below a line" in refused.stderr

    lines = pattern.split("\n")
    text = f"layers: {pattern}" if len(lines) == 1 else "\n  ".join(["layers: |", *lines])
    file.write_text(text + "\n", encoding="utf-8")

    assert called("value", str(file), "parameters").stdout == "626\n"


def test_other_files_without_an_ending_of_a_design_are_read_as_one(tmp_path: Path) -> None:
    file = tmp_path / "net.txt"
    file.write_text("layers: INPUT 8x8x3 -> FC-2\n", encoding="utf-8")

    assert called("value", str(file), "parameters").stdout == "386\n"


def test_an_error_of_code_names_a_line_of_that_code_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class that needs arguments fails in the call, which is ours."""
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    text = "from torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self, n):\n        super().__init__()\n"
    (tmp_path / "net.py").write_text(f"{text}\n\ndef broken():\n    return 1 // 0\n", encoding="utf-8")

    assert called("table", "net.py:Net").stderr == (
        "error[wrong-module]: cannot call net.py:Net(): TypeError: Net.__init__() missing 1 required positional "
        "argument: 'n'\n  = hint: name a function without arguments that returns the module\n"
    )
    assert called("table", "net.py:broken").stderr.endswith("(in net.py, line 10)\n")
