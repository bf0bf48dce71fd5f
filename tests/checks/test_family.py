"""Budgets over a family: every member is measured as if it were checked alone, and the worst one is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cnncalc.errors import DesignError
from cnncalc.figures.budget import from_calls, from_python, read_budget
from cnncalc.testing import assert_within_budget
from tests.calls import called
from tests.checks.projects import written

if TYPE_CHECKING:
    from pathlib import Path

NET = """\
variables: {w: 8}
layers: INPUT 16x16x3 -> CONV3-w -> RELU -> POOL -> CONV1-12(groups=4) -> GAP -> FC-10
budget:
"""
"""Valid where w is a multiple of 4; 28*w + 3*w + 12 + 130 parameters."""


def checked(folder: Path, budget: str, *more: str) -> tuple[int, list[dict[str, Any]], str]:
    """The exit code, the limits with their values, and what stands on standard error."""
    written(folder, {"net.yaml": NET + budget})
    done = called("check", str(folder / "net.yaml"), "--no-rules", "--format", "json", *more)
    data = json.loads(done.stdout)
    return done.returncode, data["files"][0]["limits"] + data["files"][0].get("findings", []), done.stderr


def parameters(w: int) -> int:
    return 28 * w + 3 * w + 12 + 130


def test_every_member_must_keep_a_limit(tmp_path: Path) -> None:
    code, found, _ = checked(tmp_path, "  parameters: {max: 1000, min: 500, for: {w: 8..40}}\n")
    assert code == 1
    assert [(each["bound"], each["actual"], each["family"]) for each in found if "family" in each] == [
        ("max", parameters(40), {"worst": "w=40", "breaking": 4, "members": 33}),
        ("min", parameters(8), {"worst": "w=8", "breaking": 1, "members": 33}),
    ]
    assert checked(tmp_path, "  parameters: {max: 1382, min: 390, for: {w: 8..40}}\n")[0] == 0


def test_the_finding_names_the_worst_member_and_the_invalid_ones_are_noted(tmp_path: Path) -> None:
    written(tmp_path, {"net.yaml": NET + "  parameters: {max: 1000, for: {w: 8..40}}\n"})
    done = called("check", str(tmp_path / "net.yaml"), "--no-rules")
    assert "parameters (w=40): 1,382 is over the max of 1,000 by 382 (38.2 %); 4 of 33 members break it" in done.stdout
    assert "for: 24 of 33 members are not valid designs, such as w=9: conv2: the depth must be " in done.stderr
    assert called("check", str(tmp_path / "net.yaml"), "--no-rules", "--max", "parameters=2K").returncode == 0


def test_batches_and_options_of_a_family(tmp_path: Path) -> None:
    """Each batch and width is measured as a design alone is."""
    for fitting, code in ((True, 0), (False, 1)):
        alone = written(tmp_path / "alone", {"net.yaml": NET + "  macs: 1G\n"}) / "net.yaml"
        words = [
            "value",
            str(alone),
            "training_memory",
            "--batch",
            "9",
            "--set",
            "w=20",
            "--optimizer",
            "adam",
            "--exact",
        ]
        limit = int(called(*words).stdout.replace(",", "")) - (not fitting)
        budget = f"  training_memory: {{max: {limit}, optimizer: adam, for: {{batch: 1..9, w: '20,8'}}}}\n"
        assert checked(tmp_path, budget)[0] == code


def test_configurations_and_python_take_families(tmp_path: Path) -> None:
    budget = "[budget]\nparameters = {max = 1000, for = {w = '8..40/4'}}\n"
    written(tmp_path, {"net.yaml": NET.replace("budget:\n", ""), "cnncalc.toml": budget})
    assert "4 of 9 members break it" in called("check", str(tmp_path / "net.yaml"), "--no-rules").stdout
    (tmp_path / "cnncalc.toml").unlink()
    assert_within_budget(tmp_path / "net.yaml", parameters={"max": 1382, "for": {"w": "8..40/4"}})
    with pytest.raises(AssertionError, match="1 of 9 members breaks it"):
        assert_within_budget(tmp_path / "net.yaml", parameters={"max": 1381, "for": {"w": "8..40/4"}})


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ("parameters: {max: 1K, for: {w: 40..8}}", "hint: for: {w: 8..40}"),
        (
            "parameters: {max: 1K, for: {v: 8..40}}",
            "4:34: error[unknown-variable]: parameters: for: 'v' changes nothing",
        ),
        ("parameters: {max: 1K, for: {w: 1..4000}}", "4,000 designs are too many: at most 1,000 are checked"),
        ("parameters: {max: 1K, for: {w: 1..9000000000}}", "9,000,000,000 designs are too many"),
        ("parameters: {max: 1K, for: {w: 9..11}}", "parameters: for: no member is valid; with w=9: "),
        ("parameters: {max: 1K, for: 8..40}", "for: expected names with ranges, as in {width: 8..64}, found '8..40'"),
        ("parameters: {max: 1K, for: {}}", "for: expected names with ranges, as in {width: 8..64}, found an empty"),
        ("parameters: {max: 1K, for: {w: [8, 9]}}", "for: w: expected a range such as 8..64, or '8,16,32', found"),
        ("parameters: {max: +5%, for: {w: 8..40}}", "+5% is relative, and the members of a family have no base"),
        ("training_memory: {max: 1M, batch: 4, for: {batch: 1..4}}", "batch is 4 and varies by for too"),
        ("parameters: {max: 1M, for: {batch: 1..4}}", "the batch changes nothing: parameters does not depend on it"),
        ("parameters: {for: {w: 8..40}}", "parameters: no limit: one of max, warn and min is needed"),
        ("parameters: {max: 1K, form: {w: 8}}", "parameters has no key 'form'; did you mean 'for'?"),
    ],
)
def test_wrong_families(tmp_path: Path, budget: str, message: str) -> None:
    written(tmp_path, {"net.yaml": f"{NET}  {budget}\n"})
    done = called("check", str(tmp_path / "net.yaml"), "--no-rules")
    assert done.returncode == 2
    assert message in done.stderr


def test_ranges_of_a_budget_are_read_whenever_its_file_is(tmp_path: Path) -> None:
    written(tmp_path, {"net.yaml": NET + "  parameters: {max: 1K, for: {w: 40..8}}\n"})
    assert called("table", str(tmp_path / "net.yaml")).returncode == 2


def test_a_call_has_no_family() -> None:
    with pytest.raises(DesignError, match="for: expected names with ranges"):
        read_budget(from_calls([("max", "parameters=4M,for=w=8..64")]))
    (entry,) = read_budget(from_python({"parameters": {"max": "4M", "for": {"w": "8..64"}}})).values()
    assert [tuple(each[:2]) for each in entry.family] == [("w", "8..64")]
