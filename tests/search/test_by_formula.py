"""A sweep by formulas prints what the sweep of all designs prints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.calls import called

pytest.importorskip("numpy")

NET = "INPUT[32x32x3] -> CONV3-a -> RELU -> POOL2 -> CONV3-b -> POOL2 -> CONV3-5 -> GAP -> FC-10"
SAME = ("points", "ok", "over", "broken", "excluded", "designs", "more", "keys", "variables", "pareto")


def swept(*words: str) -> dict[str, Any]:
    done = called("sweep", *words, "--executor", "serial", "--format", "json")
    assert done.stderr == ""
    data: dict[str, Any] = json.loads(done.stdout)
    return data


@pytest.mark.parametrize(
    "words",
    [
        [NET, "--vary", "a=4..8", "--vary", "b=4..12/4", "--max", "parameters=1300", "--pareto",
         "macs,activations:max"],
        [NET, "--vary", "a=4,8,7", "--vary", "input=28..31", "--set", "b=5", "--pareto", "parameters,macs,input:max"],
        [NET, "--vary", "a=4..9", "--vary", "b=4..8", "--where", "a <= b", "--where", "b % 2 == 0", "--sort",
         "macs:max"],
        [NET, "--vary", "input=28..33", "--vary", "a=3..6", "--set", "b=5", "--where", "a*a < height", "--top", "3"],
        [NET, "--vary", "a=4..9", "--set", "b=5", "--min", "macs=200K", "--sort", "a:max", "--top", "2"],
        [NET, "--vary", "a=4..9", "--set", "b=5", "--keys", "training_memory", "--max", "macs=300K", "--sort", "a"],
        [NET, "--vary", "a=2..6", "--set", "b=5", "--vary", "batch=1..9", "--max", "activation_memory=600KiB",
         "--pareto", "parameters,batch:max"],
        ["INPUT[32x32x3] -> CONV{k}-w(pad=0) -> FC-10", "--vary", "k=29..34", "--vary", "w=3..5", "--pareto",
         "macs,parameters:max"],
    ],
)  # fmt: skip
def test_a_sweep_by_formulas_finds_what_all_designs_give(words: list[str]) -> None:
    by_formula, exhaustive = swept(*words, "--by-formula"), swept(*words)

    assert by_formula["by_formula"]["checked"] > 0
    assert {key: by_formula.get(key) for key in SAME} == {key: exhaustive.get(key) for key in SAME}
    assert by_formula["ok"] > 0


@pytest.mark.slow
def test_best_points_that_are_no_designs_are_left_out() -> None:
    """With a=5000 the layer has no filter: the formula of the MACs is smallest there, but the design is invalid."""
    net = "INPUT[8x8x3] -> CONV3-{(a-5000)**2} -> GAP -> FC-10"
    found = swept(net, "--vary", "a=1..90000", "--by-formula", "--sort", "macs", "--top", "2")

    assert [each["variables"]["a"] for each in found["designs"]] == [4999, 5001]
    assert (found["ok"], found["broken"]) == (89_999, 1)


def test_no_point_within_the_limits_is_exit_code_1_with_the_nearest() -> None:
    words = (NET, "--vary", "a=4..9", "--set", "b=5", "--max", "macs=10")
    done, exhaustive = called("sweep", *words, "--by-formula"), called("sweep", *words, "--executor", "serial")

    assert (done.returncode, exhaustive.returncode) == (1, 1)
    assert done.stdout.splitlines()[:2] == exhaustive.stdout.splitlines()[:2]
    assert "macs is at least 171.1K" in done.stdout


@pytest.mark.slow
def test_more_points_than_can_be_computed() -> None:
    """2*10^7 points, which would take hours."""
    vary = ("--vary", "a=1..200", "--vary", "b=1..100000", "--max", "parameters=10K")
    done = called("sweep", NET, *vary, "--sort", "macs:max", "--top", "1", "--by-formula", "--executor", "serial")

    assert done.returncode == 0
    assert "pattern: 20,000,000 designs: " in done.stdout
    assert "; the best point computed\n" in done.stdout


@pytest.mark.parametrize("words", [["--sample", "3"], ["--points", "x.csv"]])
def test_options_that_need_every_design_are_refused(words: list[str]) -> None:
    done = called("sweep", NET, "--vary", "a=4..9", "--set", "b=5", "--by-formula", *words)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error[usage]: --by-formula looks at all points of ranges without computing each, so "
        f"{words[0]} does not apply\n  = hint: leave out {words[0]}\n"
    )


def test_what_is_no_polynomial_is_refused() -> None:
    net = "INPUT[8x8x3] -> CONV3-{2**a}"
    done = called("sweep", net, "--vary", "a=1..90", "--by-formula", "--max", "parameters=1M")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error[no-polynomial]: parameters: no formulas for all points of these ranges, since no polynomial in a of a "
        "degree up to 8, whatever its step\n  = hint: leave out --by-formula to compute every design\n"
    )
