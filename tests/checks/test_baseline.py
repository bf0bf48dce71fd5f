"""Relative budgets: against a git revision, and against a recorded baseline."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from cnncalc.cli.program import run
from tests.checks.projects import PARAMETERS, TINY, committed, git, written

if TYPE_CHECKING:
    from pathlib import Path

RELATIVE = TINY + "budget: {parameters: +5%}\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one net."""
    written(tmp_path, {"nets/a.yaml": RELATIVE})
    committed(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(["check", "--no-rules", *words])
    done = capsys.readouterr()
    return code, done.out, done.err


@pytest.mark.parametrize(("units", "code"), [(256, 0), (268, 0), (270, 1), (300, 1)])
def test_a_change_is_held_against_the_revision(
    units: int, code: int, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each unit of the FC layer is 2048 weights, a bias and 10 weights behind it: 2059; 5 % of 555,754 are 27,787."""
    (repository / "nets/a.yaml").write_text(RELATIVE.replace("FC-256", f"FC-{units}"), encoding="utf-8")

    found, out, err = check(capsys, "nets/a.yaml", "--base", "HEAD", "--format", "json")

    assert (found, err) == (code, "")
    (one,) = json.loads(out)["files"][0]["limits"]
    assert (one["base"], one["limit"]) == (PARAMETERS, PARAMETERS * 105 // 100)
    assert one["actual"] == PARAMETERS + (units - 256) * 2059


def test_a_file_is_found_from_any_folder(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository / "nets")

    code, out, _ = check(capsys, "a.yaml", "--base", "HEAD")

    assert code == 0
    assert "max +5% (583.5K)" in out


@pytest.mark.parametrize("revision", ["nowhere", "HEAD~7", "--output=x", "", "HEAD:nets"])
def test_a_revision_that_cannot_be_read_is_an_error(
    revision: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = check(capsys, "nets/a.yaml", f"--base={revision}")

    assert code == 2
    assert err.startswith(f"error[unreadable-base]: cannot read the base '{revision}': ")
    assert not (repository / "x").exists()


def test_without_a_repository_a_base_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(written(tmp_path, {"a.yaml": RELATIVE}))

    code, _, err = check(capsys, "a.yaml", "--base", "HEAD")

    assert code == 2
    assert "cannot read the base 'HEAD': the file is not in a git repository" in err


def test_without_git_a_base_is_an_error(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(repository))

    code, _, err = check(capsys, "nets/a.yaml", "--base", "HEAD")

    assert (code, "the program 'git' is not installed" in err) == (2, True)


def test_a_relative_limit_without_any_base_is_an_error_at_its_place(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = check(capsys, "nets/a.yaml")

    assert (code, "no-base" in out) == (2, False)
    assert err == (
        "nets/a.yaml:5:10: error[no-base]: parameters: +5% is relative, but no base is given\n"
        "  |\n"
        "5 | budget: {parameters: +5%}\n"
        "  |          ^^^^^^^^^^\n"
        "  = hint: give --base REV or --baseline FILE, or set base or baseline in the configuration\n"
    )


@pytest.mark.parametrize(("strict", "code"), [(False, 0), (True, 1)])
def test_a_new_file_has_no_base_and_that_is_said(
    strict: bool, code: int, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(repository, {"nets/b.yaml": RELATIVE})

    found, out, _ = check(capsys, "nets", "--base", "HEAD", *(["--strict"] if strict else []))

    assert found == code
    assert "nets/b.yaml does not exist in HEAD" in out


def test_a_file_that_is_broken_in_the_base_has_no_base(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(repository, {"nets/a.yaml": "layers: POL2\n"})
    committed(repository)
    written(repository, {"nets/a.yaml": RELATIVE})

    code, out, _ = check(capsys, "nets/a.yaml", "--base", "HEAD")

    assert code == 0
    assert "nets/a.yaml is invalid in HEAD: " in out


# Baselines


def test_what_is_recorded_is_what_is_compared_with(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exact values, sorted, the same bytes each time; paths as seen from the baseline."""
    first, _, _ = check(capsys, "nets/a.yaml", "vgg16", "--record", "kept/base.json")
    assert first == 2  # there is no such folder, and that is an error
    (repository / "kept").mkdir()
    assert check(capsys, "nets/a.yaml", "vgg16", "--record", "kept/base.json")[0] == 0
    text = (repository / "kept/base.json").read_text(encoding="utf-8")

    recorded = json.loads(text)
    assert check(capsys, "nets/a.yaml", "vgg16", "--record", "kept/base.json")[0] == 0
    again, out, _ = check(capsys, "nets/a.yaml", "--baseline", "kept/base.json", "--max", "parameters=-1%")

    assert (repository / "kept/base.json").read_text(encoding="utf-8") == text
    assert list(recorded["files"]) == ["../nets/a.yaml", "vgg16"]
    assert recorded["files"]["../nets/a.yaml"]["parameters"] == PARAMETERS
    assert recorded["files"]["vgg16"]["parameters"] == 138_357_544
    assert text == json.dumps(recorded, indent=2, sort_keys=True) + "\n"
    assert again == 1
    assert "over the max of 550.2K (-1% on 555.8K)" in out


def test_a_measure_that_was_not_recorded_is_said(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(capsys, "nets/a.yaml", "--record", "base.json")

    code, out, _ = check(
        capsys, "nets/a.yaml", "--baseline", "base.json", "--max", "training_memory=+1%,batch=3", "--strict"
    )

    assert code == 1
    assert "base.json has no training_memory batch=3 dtype=float32 optimizer=momentum profile=torch-cuda" in out


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "no such file or directory"),
        ("{", "invalid JSON"),
        ("[]", "not a baseline of cnncalc (schema 1)"),
        ('{"schema": 2, "files": {}}', "not a baseline of cnncalc (schema 1)"),
        ('{"schema": true, "files": {}}', "not a baseline of cnncalc (schema 1)"),
        ('{"schema": 1.0, "files": {}}', "not a baseline of cnncalc (schema 1)"),
        ('{"schema": 1, "files": {"a.yaml": {"parameters": true}}}', "the values of 'a.yaml' must be whole numbers"),
        ('{"schema": 1, "files": {"a.yaml": {"parameters": "5M"}}}', "the values of 'a.yaml' must be whole numbers"),
        ('{"schema": 1, "files": {"a.yaml": {"parameters": -1}}}', "the values of 'a.yaml' must be whole numbers"),
        ('{"schema": 1, "files": {"a.yaml": {"parameters": NaN}}}', "the values of 'a.yaml' must be whole numbers"),
        ("[" * 100_000, "JSON is nested too deeply"),
        (f'{{"schema": 1, "files": {{"a.yaml": {{"macs": {"9" * 4301}}}}}}}', "a number has at most 4,300 digits\n"),
    ],
)
def test_a_bad_baseline_is_an_error(
    text: str | None, why: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (repository / "base.json").write_text(text, encoding="utf-8")

    code, _, err = check(capsys, "nets/a.yaml", "--baseline", "base.json")

    assert code == 2
    assert err.startswith(f"error[unreadable-base]: cannot read the baseline base.json: {why}")
    way_out = "cnncalc check FILES... --record base.json"
    if text is not None:
        way_out = "remove the file, or name another one: cnncalc check FILES... --record FILE"
        assert check(capsys, "nets/a.yaml", "--record", "base.json")[0] == 2
        (repository / "base.json").unlink()
    assert err.endswith(f"\n  = hint: {way_out}\n")
    assert check(capsys, "nets/a.yaml", "--record", "base.json")[0] == 0
    assert check(capsys, "nets/a.yaml", "--baseline", "base.json")[0] == 0


def test_the_hint_for_a_baseline_can_be_given_to_a_shell(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = check(capsys, "nets/a.yaml", "--baseline", "my base.json")

    assert err.endswith("\n  = hint: cnncalc check FILES... --record 'my base.json'\n")


@pytest.mark.parametrize("place", ["nets", "fifo", ""])
def test_the_hint_for_what_is_no_file_is_another_one(
    place: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(repository / "fifo")

    code, _, err = check(capsys, "nets/a.yaml", "--baseline", place)

    assert code == 2
    assert err.endswith("\n  = hint: name another one: cnncalc check FILES... --record FILE\n")


def test_the_first_values_are_recorded_without_a_base_which_is_said(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = check(capsys, "nets", "--record", "b.json", "--strict")

    assert (code, err) == (1, "")
    assert out.endswith("\n1 file, 1 limit; no base for 1 file\n")
    assert check(capsys, "nets", "--baseline", "b.json", "--strict")[0] == 0


def test_nothing_is_recorded_of_a_run_with_a_broken_file(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(repository, {"nets/b.yaml": "layers: POL2\n"})

    code, _, err = check(capsys, "nets", "--record", "base.json")

    assert code == 2
    assert "base.json is not written: not every file could be measured" in err
    assert not (repository / "base.json").exists()


def test_a_configuration_may_name_the_base(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(repository, {"cnncalc.toml": 'base = "HEAD"\n'})

    assert check(capsys, "nets/a.yaml")[0] == 0
    written(repository, {"cnncalc.toml": 'baseline = "kept.json"\n'})
    assert check(capsys, "nets/a.yaml", "--record", "kept.json")[0] == 0
    assert check(capsys, "nets/a.yaml")[0] == 0
    written(repository, {"cnncalc.toml": 'base = "HEAD"\nbaseline = "kept.json"\n'})
    code, _, err = check(capsys, "nets/a.yaml")
    assert (code, "names both a base and a baseline" in err) == (2, True)


def test_the_limits_that_need_no_base_are_checked_where_there_is_none(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One relative limit is an error; over the other one is said, in every format that has tests or tables."""
    written(repository, {"nets/a.yaml": TINY + "budget: {parameters: +5%, macs: 1M, layers: 10}\n"})

    for words in ((), ("--base", "nowhere")):
        code, out, err = check(capsys, "nets/a.yaml", *words, "--format", "json")
        (file,) = json.loads(out)["files"]
        assert code == 2
        assert err.count("error[") == 1
        assert {one["key"]: one["verdict"] for one in file["limits"]} == {
            "parameters": "no base", "macs": "error", "layers": "pass",
        }  # fmt: skip
    assert "1 file, 3 limits; 1 file with errors; 1 file over budget" in check(capsys, "nets/a.yaml")[1]
    junit = check(capsys, "nets/a.yaml", "--format", "junit")[1]
    assert 'tests="4" failures="1" errors="1"' in junit


def test_a_base_that_git_cannot_read_leaves_the_other_limits(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """A partial clone has the files of its working tree alone; here its remote is gone."""
    written(repository, {"nets/a.yaml": TINY + "budget: {parameters: +5%, weights: +5%, macs: 1M}\n"})
    committed(repository)
    git(repository, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path_factory.mktemp("clone") / "partial"
    git(clone.parent, "clone", "-q", "--filter=blob:none", f"file://{repository}", "partial")
    git(clone, "remote", "set-url", "origin", f"file://{clone}/nowhere")
    os.chdir(clone)

    code, out, err = check(capsys, "nets/a.yaml", "--base", "HEAD~1", "--format", "json")

    (file,) = json.loads(out)["files"]
    assert code == 2
    assert err.startswith("error[unreadable-base]: cannot read the base 'HEAD~1': could not fetch ")
    assert err.endswith(
        "\n  = hint: a partial clone does not have it, and its remote gives none; clone without --filter\n"
    )
    assert err.count("error[") == 1
    assert {one["key"]: one["verdict"] for one in file["limits"]} == {
        "parameters": "no base", "weights": "no base", "macs": "error",
    }  # fmt: skip


def test_the_way_out_that_git_gives_is_the_hint(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container the files often belong to another user. Messages of git are read in English."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")

    code, _, err = check(capsys, "nets/a.yaml", "--base", "HEAD")

    assert code == 2
    assert err.startswith(
        "error[unreadable-base]: cannot read the base 'HEAD': detected dubious ownership in repository at "
    )
    assert err.endswith(f"\n  = hint: git config --global --add safe.directory {repository}\n")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"schema": 1, "files": {"a.yaml": {"macs": 1}, "a.yaml": {"macs": 9}}}', "a.yaml"),
        ('{"schema": 1, "files": {"a.yaml": {"macs": 1, "macs": 9}}}', "macs"),
        ('{"schema": 1, "files": {}, "files": {"a.yaml": {"macs": 9}}}', "files"),
    ],
)
def test_a_baseline_with_a_key_twice_is_refused(
    text: str, key: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(repository, {"b.json": text})

    code, _, err = check(capsys, "nets", "--baseline", "b.json")

    assert code == 2
    assert f"error[unreadable-base]: cannot read the baseline b.json: it has the key '{key}' twice" in err


def recorded(folder: Path, file: str) -> dict[str, int]:
    values: dict[str, int] = json.loads((folder / "b.json").read_text(encoding="utf-8"))["files"][file]
    return values


def test_recording_never_lets_more_pass_unless_it_is_accepted(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """268 units are within 5 % of 256: the check passes, and the baseline stays; 128 units are recorded."""
    assert check(capsys, "nets", "--record", "b.json")[0] == 0
    written(repository, {"nets/a.yaml": RELATIVE.replace("FC-256", "FC-268")})

    code, _, err = check(capsys, "nets", "--baseline", "b.json", "--record", "b.json")

    assert code == 0
    assert err.startswith("b.json: ")
    assert f"\n  nets/a.yaml: parameters: {PARAMETERS:,}, now {PARAMETERS + 12 * 2059:,}\n" in err
    assert recorded(repository, "nets/a.yaml")["parameters"] == PARAMETERS
    code, _, err = check(capsys, "nets", "--record", "b.json", "--accept")
    assert (code, err) == (0, "")
    assert recorded(repository, "nets/a.yaml")["parameters"] == PARAMETERS + 12 * 2059
    written(repository, {"nets/a.yaml": RELATIVE.replace("FC-256", "FC-128")})
    assert check(capsys, "nets", "--record", "b.json")[::2] == (0, "")
    assert recorded(repository, "nets/a.yaml")["parameters"] == PARAMETERS - 128 * 2059


def test_a_value_with_a_lower_limit_is_never_recorded_lower(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fields of 16 and, with kernels of 5, of 28."""
    wider = TINY.replace("CONV3", "CONV5") + "budget: {receptive_field: {min: -1%}}\n"
    written(repository, {"nets/a.yaml": wider})
    check(capsys, "nets", "--record", "b.json")
    written(repository, {"nets/a.yaml": wider.replace("CONV5", "CONV3")})

    _, _, err = check(capsys, "nets", "--record", "b.json")

    assert "receptive_field: 28, now 16" in err
    assert recorded(repository, "nets/a.yaml")["receptive_field"] == 28


def test_recording_keeps_the_files_that_were_not_checked(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(repository, {"nets/b.yaml": RELATIVE, "nets/c.yaml": RELATIVE})
    check(capsys, "nets", "lenet5", "--record", "b.json")
    (repository / "nets/c.yaml").unlink()

    check(capsys, "nets/a.yaml", "--record", "b.json")

    files = json.loads((repository / "b.json").read_text(encoding="utf-8"))["files"]
    assert sorted(files) == ["lenet5", "nets/a.yaml", "nets/b.yaml"]
    (repository / "b.json").write_text("{", encoding="utf-8")
    assert "error[unreadable-base]" in check(capsys, "nets", "--record", "b.json")[2]
    assert check(capsys, "nets", "--accept")[0] == 2
