"""Budgets and suppressed rules of a file are validated once, where the design is loaded, in broken designs too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import cnncalc
from cnncalc.checks.check import Checker, CheckOptions
from cnncalc.language.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

SOUND = "layers: INPUT 8x8x4 -> RELU\n"


def problems(folder: Path, text: str) -> list[str]:
    """The problems that a check finds in a file, each with its place."""
    (folder / "net.yaml").write_text(text, encoding="utf-8")
    (outcome,) = Checker(CheckOptions({}), Settings()).check([str(folder / "net.yaml")]).files
    return [
        f"{problem.span.line}:{problem.span.column} {problem.code}: {problem.message}"
        for problem in outcome.problems
        if problem.span is not None
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("budget: {parametrs: 3}", "2:10 unknown-key: a budget has no key 'parametrs'; did you mean 'parameters'?"),
        ("budget: {parameters: 3Q}", "2:22 unknown-unit: parameters: no unit 'Q' for a count (known: K, M, G, T)"),
        (
            "budget: [parameters]",
            "2:9 wrong-type: budget: expected a mapping of keys to limits, as in parameters: 7M, found a list",
        ),
        ("ignore: padded-pol", "2:9 unknown-rule: ignore: no design rule 'padded-pol'; did you mean 'padded-pool'?"),
        (
            "ignore: [{padded-pol: [a, b]}]",
            "2:11 unknown-rule: ignore: no design rule 'padded-pol'; did you mean 'padded-pool'?",
        ),
    ],
)
def test_a_wrong_budget_or_rule_is_reported_in_sound_and_broken_designs(
    tmp_path: Path, text: str, expected: str
) -> None:
    broken = {
        "layers: INPUT 8x8x4 -> RELUU\n": "1:24 unknown-layer: no layer kind or block 'RELUU'; did you mean 'RELU'?",
        "layers: INPUT 8x8x4 -> CONV9(pad=0)\n": (
            "1:24 window-too-large: conv1: the window must fit into the volume, but kernel 9 is larger than height 8"
        ),
        "layers: []\n": "1:9 wrong-type: layers: expected a pattern or a list of layers, but the list is empty",
    }

    assert problems(tmp_path, SOUND) == []
    assert problems(tmp_path, SOUND + text) == [expected]
    for design, problem in broken.items():
        assert problems(tmp_path, design + text) == [problem, expected]


def test_every_command_refuses_a_wrong_budget_and_an_unknown_rule(tmp_path: Path) -> None:
    """The keys of budgets and the codes of rules are validated where a design is loaded, together with its volumes."""
    path = tmp_path / "net.yaml"
    path.write_text("input: 4x4x3\nbudget: {macs: 3Q}\nignore: nonsense\nlayers: CONV5-2(pad=0)\n", encoding="utf-8")

    with pytest.raises(cnncalc.DesignError) as raised:
        cnncalc.load(path)

    assert [problem.code for problem in raised.value.every] == ["unknown-unit", "unknown-rule", "window-too-large"]
