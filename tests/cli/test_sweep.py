"""``cnncalc sweep``: what is printed and written, exit codes, and sweeps that are killed."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from cnncalc.cli import sweep
from cnncalc.cli.console import Console
from cnncalc.cli.options import TABLE_FORMATS
from tests.calls import COMMAND, called, cnncalc, environment, running

if TYPE_CHECKING:
    from pathlib import Path

NET = "INPUT 8x8x3 -> [CONV3-{w} -> RELU]*{n} -> POOL -> FC-{h} -> FC-10"
VARY = ("--vary", "w=2..8/2", "--vary", "n=1,2", "--vary", "h=0,4,16", "--executor", "serial")
CALL = ("sweep", NET, *VARY, "--max", "macs=20K", "--pareto", "parameters,activations:max")


def test_the_front_with_all_that_is_left_out() -> None:
    """The first: CONV3-2 28*2, FC-4 on [4x4x2] 132, FC-10 50 parameters; 8*8*27*2 + 128 + 40 MACs."""
    done = called(*CALL)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "pattern: 24 designs: 12 within the limits, 4 over, 8 broken\n"
        "front of parameters, activations:max: 6 designs\n"
        "\n"
        "w  n   h  parameters    macs  activations\n"
        "-  -  --  ----------  ------  -----------\n"
        "2  1   4         238   3,624          366\n"
        "2  2   4         276   5,928          494\n"
        "4  1   4         422   7,208          526\n"
        "4  2   4         570  16.42K          782\n"
        "8  1   4         790  14.38K          846\n"
        "8  1  16       2,458  16.03K          858\n"
        "\n"
        "outside the limits  4 designs: macs above 20.00K, first at w=6, n=2, h=4\n"
        "broken              8 designs: wrong-value, first at w=2, n=1, h=0: "
        "units: expected a whole number of at least 1, found 0\n"
    )


def test_json_has_everything() -> None:
    data = json.loads(called(*CALL, "--format", "json").stdout)
    assert list(data)[:8] == ["schema", "architecture", "variables", "keys", "limits", "pareto", "points", "ok"]
    assert data["limits"] == [{"key": "macs", "bound": "max", "limit": 20_000}]
    assert data["pareto"] == [{"key": "parameters", "is_max": False}, {"key": "activations", "is_max": True}]
    assert data["ok"] + data["over"] + data["broken"] == data["points"] == 24
    assert data["broken"] == 8
    for design in data["designs"]:
        words = [word for name, value in design["variables"].items() for word in ("--set", f"{name}={value}")]
        for key, value in design["figures"].items():
            assert called("value", NET, key, "--exact", *words).stdout == f"{value:,}\n"


@pytest.mark.parametrize("form", TABLE_FORMATS)
def test_every_format(form: str) -> None:
    done = called(*CALL, "--format", form)
    assert (done.returncode, done.stderr) == (0, "")
    assert "parameters" in done.stdout


def test_csv_and_chosen_columns() -> None:
    rows = list(csv.reader(io.StringIO(called("sweep", NET, *VARY, "--top", "2", "--format", "csv").stdout)))
    assert rows[0] == ["w", "n", "h", "parameters", "macs", "activations"]
    assert [row[:3] for row in rows[1:]] == [["2", "1", "4"], ["2", "1", "16"]]
    text = called("sweep", NET, *VARY, "--top", "1", "--columns", "macs,w", "--format", "csv").stdout
    assert text.splitlines()[0] == "macs,w"


def test_exit_codes() -> None:
    over = called("sweep", NET, *VARY, "--max", "macs=10")
    assert over.returncode == 1
    assert "no design is within the limits: macs is at least " in over.stdout
    both = called("sweep", NET, *VARY, "--max", "macs=6000", "--min", "parameters=2000")
    assert both.returncode == 1
    assert "no design is within the limits: each limit is met, but not all of them at once" in both.stdout
    broken = called("sweep", NET, "--vary", "w=0,1", "--vary", "n=1,2", "--set", "h=0", "--executor", "serial")
    assert (broken.returncode, broken.stdout) == (2, "")
    assert broken.stderr.startswith(
        "error[all-broken]: no design of the sweep is valid: 4 designs: wrong-value, first at w=0"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--vary", "ww=1,2"],
         "error[unknown-variable]: 'ww' changes nothing: the design has no variable 'ww'; did you mean 'w'?"),
        (["--vary", "w=1,2", "--vary", "wv=1,2"],
         "error[unknown-variable]: 'wv' changes nothing: the design has no variable 'wv'"),
        (["--vary", "w=1,2", "--executor", "proceses"],
         "error[unknown-executor]: no executor 'proceses'; did you mean 'processes'?"),
        (["--vary", "w=1,2", "--keys", "mac"], "error[unknown-key]: no key 'mac'; did you mean 'macs'?"),
        (["--vary", "w=1,2", "--keys", "macs,macs"], "error[usage]: --keys: the key 'macs' is named twice"),
        (["--vary", "w=1,2", "--pareto", "macs,"], "error[usage]: --pareto: expected keys separated by commas"),
        (["--vary", "w=1..100000000000"], "error[too-many-points]: the ranges have 100,000,000,000 points together"),
        (["--vary", "w=1,2", "--plot", "x.svg", "--keys", "macs"], "error[usage]: a drawing needs two or three keys"),
        (["--vary", "w=1,2", "--plot", "x.pdf"],
         "error[usage]: '.pdf' is not an ending of a format of this command (formats: svg, png)\n  = hint: --plot x.s"),
        (["--vary", "w=1,2", "--points", "x.csv", "--plot", "none/x.svg"], "error[output]: cannot write 'none/x"),
        (["--vary", "w=1,2", "-o", "."], "error[output]: cannot write '.': is a directory"),
        (["--vary", "w=1,2", "--points", "x.txt"], "error[usage]: a points file must end in .csv or .jsonl"),
        (["--vary", "w=1,2", "--from", "x.csv"], "error[usage]: --from cannot be combined with --vary"),
        (["--from", "none.csv"], "error[unreadable]: cannot read none.csv: no such file or directory"),
        (["--vary", "w=1,2", "--where", "w > "], "--where:1:3: error[expression-syntax]: expected a number or a name"),
        (["--vary", "w=1,2", "--where", "w % (w-1) == 10 "],
         "--where:1:1: error[wrong-value]: division by zero: 1 % 0 (at w=1)\n"
         "  |\n1 | w % (w-1) == 10\n  | ^^^^^^^^^^^^^^^\n"),
        (["--vary", "w=1,2", "--optimizer", "adamm"],
         "error[unknown-optimizer]: no optimizer 'adamm'; did you mean 'adam"),
        (["--vary", "batch=1,2", "--batch", "4"], "error[usage]: 'batch' varies, and --batch sets it"),
        ([], "error[usage]: a sweep needs names that vary"),
    ],
)  # fmt: skip
def test_wrong_calls(words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = called("sweep", "INPUT 8x8x3 -> CONV3-{w} -> FC-10", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_options_without_effect_are_warned_of() -> None:
    done = called("sweep", NET, *VARY, "--units", "si", "--top", "1")
    assert done.stderr.startswith("warning[no-effect]: --units has no effect: no key of this sweep is in bytes")
    done = called("sweep", NET, *VARY, "--seed", "3", "--optimizer", "adam", "--top", "1")
    assert "warning[no-effect]: --seed has no effect: it would say how --sample draws" in done.stderr
    assert "warning[no-effect]: --optimizer has no effect: no key of this sweep depends on it" in done.stderr
    done = called("sweep", NET, "--vary", "w=1,2", "--vary", "batch=1,2", "--set", "n=1", "--set", "h=3", "--top", "1")
    assert done.stderr.startswith("warning[no-effect]: --vary batch has no effect")


def test_a_list_from_a_file_and_its_own_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The front of a sweep is measured again with another key."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("w,n,h\n3,2,5\n4,1,0\n", encoding="utf-8")
    words = ("sweep", NET, "--from", "a.csv", "--executor", "serial")
    assert called(*words, "--points", "b.csv").returncode == 0
    rows = list(csv.reader((tmp_path / "b.csv").read_text().splitlines()[1:]))
    assert [row[:3] + row[-2:-1] for row in rows[1:]] == [["3", "2", "5", "ok"], ["4", "1", "0", "broken"]]
    data = json.loads(called(*words[:2], "--from", "b.csv", "--keys", "arena", "--format", "json").stdout)
    assert [design["variables"] for design in data["designs"]] == [{"w": 3, "n": 2, "h": 5}]


def test_the_target_may_be_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    words = ("sweep", "-", "--vary", "w=1..3", "--points", str(path), "--executor", "processes:2")
    done = cnncalc(*words, stdin="INPUT 8x8x3 -> CONV3-{w} -> FC-10", TMPDIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(path.read_text().splitlines()) == 4
    assert os.listdir(tmp_path) == ["a.jsonl"]  # nothing temporary is left


def test_a_drawing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert called(*CALL, "--plot", "a.svg").returncode == 0
    assert (tmp_path / "a.svg").read_text().startswith("<svg ")


def test_progress_is_shown_on_a_terminal_and_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is written again; at its end the number of designs a second."""
    monkeypatch.setattr(sweep, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(sweep, "REDRAW_SECONDS", 0.0)
    terminal = io.StringIO()
    monkeypatch.setattr(Console, "progress_stream", lambda _: terminal)
    done = called(*CALL)
    lines = terminal.getvalue().split("\r")
    assert re.fullmatch(r"1 of 24: 1 design in \d+\.\d s, [\d,]+ a second", lines[1])
    assert (lines[-2].strip(), lines[-1]) == ("", "")
    assert len(lines[-2]) >= len(lines[-3].rstrip())  # a line before it may have been longer
    assert re.fullmatch(r"24 designs in \d+\.\d s, [\d,]+ a second\n", done.stderr)
    assert done.stdout.startswith("pattern: 24 designs")


# Sweeps that end early


def long_call(path: Path, points: int) -> list[str]:
    """A sweep that takes about a second for each thousand points."""
    net = "INPUT 32x32x3 -> [CONV3-{w} -> BN -> RELU]*6 -> POOL -> FC-{h} -> FC-10"
    ranges = ("--vary", f"w=1..{points // 10}", "--vary", "h=1..10")
    return [*COMMAND, "sweep", net, *ranges, "--points", str(path), "--top", "1", "--executor", "processes:2"]


def wait_for(path: Path, lines: int, child: subprocess.Popen[bytes]) -> None:
    """Waits until a file has more lines than that."""
    for _ in range(6000):
        if path.exists() and path.read_bytes().count(b"\n") > lines:
            return
        assert child.poll() is None, child.communicate()
        time.sleep(0.01)
    raise AssertionError("nothing is written")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_killed_sweep_goes_on_to_the_same_file(tmp_path: Path, form: str) -> None:
    """Killed with SIGKILL twice, each time when more was written."""
    whole, path = tmp_path / f"whole.{form}", tmp_path / f"a.{form}"
    points = 4000
    subprocess.run(long_call(whole, points), check=True, capture_output=True, env=environment())
    lines = 0
    for _ in range(2):
        with running(long_call(path, points)) as child:
            wait_for(path, lines, child)
        lines = path.read_bytes().count(b"\n")
        assert whole.read_bytes().startswith(path.read_bytes())
    done = subprocess.run(long_call(path, points), check=True, capture_output=True, env=environment())
    assert b"4,000 designs" in done.stdout
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs signals of POSIX")
def test_an_interrupted_sweep_leaves_its_points(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"

    def start() -> None:
        """SIGINT interrupts it, as at a prompt."""
        signal.signal(signal.SIGINT, signal.default_int_handler)

    with running(long_call(path, 100_000), preexec_fn=start) as child:
        wait_for(path, 0, child)
        busy = subprocess.run(long_call(path, 100_000), capture_output=True, env=environment(), check=False)
        assert busy.returncode == 2
        assert b"a.csv: another sweep is writing this file" in busy.stderr
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=30)
    text = path.read_text()
    points = text.count("\n") - 2
    assert (child.returncode, output) == (130, b"")
    assert text.endswith("\n")
    assert errors.decode().splitlines()[-2:] == [
        f"{path} has {points:,} points; the same command goes on from there",
        "interrupted",
    ]
