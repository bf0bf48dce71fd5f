"""Integrations of ``check``, each one run: the example repository, pre-commit, the GitHub action, pytest."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cnncalc.errors import DesignError
from cnncalc.testing import assert_within_budget
from tests.calls import COMMAND, ROOT, environment
from tests.checks.projects import PARAMETERS, TINY, committed, git, written

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

EXAMPLE = ROOT / "examples" / "guard"
GUIDE = ROOT / "docs" / "guard.md"

pytest_plugins = ["pytester"]


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example repository, as somebody clones it."""
    shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    committed(tmp_path / "example")
    git(tmp_path, "clone", "-q", "example", "clone")
    return tmp_path / "clone"


def grown(folder: Path) -> None:
    """The change that the guide speaks of."""
    path = folder / "nets/tiny.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("FC-256", "FC-512"), encoding="utf-8", newline="\n")


def program(folder: Path) -> dict[str, str]:
    """An environment in which ``cnncalc`` and ``python`` are those of the tests."""
    place = folder / "programs"
    place.mkdir(exist_ok=True)
    for name, words in (("cnncalc", COMMAND), ("python", [sys.executable])):
        script = place / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return environment(PATH=f"{place}{os.pathsep}{os.environ['PATH']}", PYTHONPATH=str(ROOT))


def test_the_guide_shows_the_files_of_the_example() -> None:
    """Each file of the example stands in the guide, word for word."""
    text = GUIDE.read_text(encoding="utf-8")
    shown = dict(re.findall(r"`([^`\n]+)`:\n\n```[a-z]+\n(.*?)```", text, re.S))
    files = {
        str(path.relative_to(EXAMPLE)).replace(os.sep, "/"): path.read_text(encoding="utf-8")
        for path in EXAMPLE.rglob("*")
        if path.is_file() and path.name != "baseline.json" and "cache" not in str(path.relative_to(EXAMPLE))
    }

    assert {name: shown.get(name) for name in files} == files


def test_the_calls_of_the_guide_print_what_it_shows(example: Path) -> None:
    """In order, in a clone; behind the words 'now' the net has grown. The other calls need no file."""
    text = GUIDE.read_text(encoding="utf-8")
    blocks = re.findall(r"```text\n\$ cnncalc (check nets)\n((?:.*\n)*?)```", text)

    assert len(blocks) == 2
    for number, (call, answer) in enumerate(blocks):
        if number == 1:
            grown(example)
        done = subprocess.run(
            [*COMMAND, *shlex.split(call)], cwd=example, capture_output=True, text=True, env=environment(), check=False
        )
        assert done.stderr + done.stdout == answer
        assert done.returncode == min(number, 1)


# pre-commit


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_the_hook_runs_through_pre_commit(example: Path) -> None:
    """With the hook's own entry, arguments and file patterns, in the environment of the tests."""
    pytest.importorskip("pre_commit")
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    config = yaml.safe_load((example / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (wanted,) = config["repos"][0]["hooks"]
    assert wanted["id"] == hook["id"]
    local = {**hook, **wanted, "language": "system"}
    (example / ".pre-commit-config.yaml").write_text(
        yaml.safe_dump({"repos": [{"repo": "local", "hooks": [local]}]}), encoding="utf-8"
    )
    git(example, "add", "-A")
    environ = {**program(example.parent), "PRE_COMMIT_HOME": str(example.parent / "hooks")}

    def hooked() -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color", "never"]
        return subprocess.run(words, cwd=example, env=environ, capture_output=True, text=True, check=False)

    fine = hooked()
    grown(example)
    over = hooked()

    assert (fine.returncode, "Passed" in fine.stdout) == (0, True), fine.stdout + fine.stderr
    assert over.returncode == 1
    assert "nets/tiny.yaml:7:3: error[budget]: parameters: 1.083M (1,082,858) is over the max of 600.0K" in over.stdout


# GitHub


def steps() -> list[dict[str, Any]]:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert action["runs"]["using"] == "composite"
    found: list[dict[str, Any]] = action["runs"]["steps"]
    return found


def act(folder: Path, step: dict[str, Any], **inputs: str) -> subprocess.CompletedProcess[str]:
    """Runs a step of the action as GitHub's runner does: bash -e with pipefail, inputs in the environment."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    values = {name: str(entry["default"]) for name, entry in action["inputs"].items()} | inputs
    environ = program(folder.parent)
    for name, text in step.get("env", {}).items():
        environ[name] = re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda match: values[match[1]], text)
    environ |= {"GITHUB_ACTION_PATH": str(ROOT), "RUNNER_TEMP": str(folder.parent)}
    environ["GITHUB_STEP_SUMMARY"] = str(folder.parent / "summary.md")
    script = folder.parent / "step.sh"
    script.write_text(step["run"], encoding="utf-8")
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    return subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_steps_of_the_action_run(example: Path) -> None:
    """The inputs are those of the example's workflow."""
    workflow = yaml.safe_load((example / ".github/workflows/budget.yml").read_text(encoding="utf-8"))
    inputs = workflow["jobs"]["check"]["steps"][-1]["with"]
    inputs = {**inputs, "base": inputs["base"].replace("${{ github.base_ref }}", "main"), "sarif": "out.sarif"}
    git(example, "update-ref", "refs/remotes/origin/main", "HEAD")
    check = steps()[1]

    fine = act(example, check, **inputs)
    grown(example)
    over = act(example, check, **inputs)
    wrong = act(example, check, **{**inputs, "base": "nowhere"})
    plain = act(example, check, files="nets")

    assert fine.returncode == 0, fine.stdout + fine.stderr
    assert fine.stdout == "cnncalc check: 1 file, 7 limits; all within budget\n"
    assert over.returncode == 1
    assert over.stdout.startswith("::error file=nets/tiny.yaml,line=7,col=3,title=cnncalc budget::parameters: 1.083M")
    assert "activations" not in over.stdout
    summary = (example.parent / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("<!-- cnncalc check -->\n### cnncalc: within budget\n")
    assert "### cnncalc: over budget" in summary
    assert (example / "out.sarif").exists()
    assert (wrong.returncode, plain.returncode) == (2, 1)


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_first_step_of_the_action_installs_this_checkout(tmp_path: Path) -> None:
    """Offline: without dependencies, built with what the tests have."""
    pytest.importorskip("hatchling")
    pytest.importorskip("pip")
    (tmp_path / "work").mkdir()
    step = {**steps()[0]}
    step["run"] += f" --no-deps --no-build-isolation --disable-pip-version-check --target {tmp_path / 'there'}"

    done = act(tmp_path / "work", step)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "there/cnncalc/cli/check.py").exists()
    assert (tmp_path / "there/cnncalc/architectures/vgg16.yaml").exists()


# GitLab


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_script_of_gitlab_runs(example: Path) -> None:
    """All but the line that installs; each line as a shell gets it."""
    job = yaml.safe_load((example / ".gitlab-ci.yml").read_text(encoding="utf-8"))["budget"]
    lines = [line for line in job["script"] if not line.startswith("pip install")]
    assert len(lines) == len(job["script"]) - 1
    reports = job["artifacts"]["reports"]

    def script() -> int:
        words = ["bash", "-eo", "pipefail", "-c", "\n".join(lines)]
        return subprocess.run(
            words, cwd=example, env=program(example.parent), capture_output=True, check=False
        ).returncode

    assert script() == 0
    assert (example / reports["codequality"]).read_text(encoding="utf-8") == "[]\n"
    grown(example)
    assert script() == 1
    assert '"check_name": "cnncalc-budget"' in (example / reports["codequality"]).read_text(encoding="utf-8")
    assert "<failure " in (example / reports["junit"]).read_text(encoding="utf-8")


# pytest


def test_the_plugin_gives_the_fixture(
    pytester: pytest.Pytester, example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example's own test, in a run of its own."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    arguments = ["-p", "cnncalc.pytest_plugin", "-p", "no:cacheprovider", str(example / "tests")]
    fine = pytester.runpytest_subprocess(*plugged(arguments))
    grown(example)
    over = pytester.runpytest_subprocess(*plugged(arguments))

    fine.assert_outcomes(passed=1)
    over.assert_outcomes(failed=1)
    over.stdout.fnmatch_lines(["*error?budget?: parameter_memory: 4.131 MiB (4,331,432 bytes) is over the max of*"])


def plugged(arguments: list[str]) -> list[str]:
    """The arguments; without ``-p`` where the plugin is installed and comes by itself."""
    from importlib.metadata import entry_points

    known = any(point.value == "cnncalc.pytest_plugin" for point in entry_points(group="pytest11"))
    return arguments[2:] if known else arguments


def test_the_plain_function_passes_within_the_budget(tmp_path: Path) -> None:
    net = written(tmp_path, {"tiny.yaml": TINY}) / "tiny.yaml"

    assert_within_budget(net, parameters=PARAMETERS, training_memory={"max": "64MiB", "batch": 32, "optimizer": "adam"})
    assert_within_budget("vgg16", parameters="139M", receptive_field={"min": 200})


def test_the_plain_function_reports_the_exceeded_limit(tmp_path: Path) -> None:
    net = written(tmp_path, {"tiny.yaml": TINY}) / "tiny.yaml"

    with pytest.raises(AssertionError, match=r"parameters: 555.8K \(555,754\) is over the max of 555.8K by 1 "):
        assert_within_budget(net, parameters=PARAMETERS - 1)
    with pytest.raises(AssertionError, match="has no budget, so no limit was checked"):
        assert_within_budget(net)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"paramters": "5M"}, "no key 'paramters'; did you mean 'parameters'"),
        ({"parameters": "5Q"}, "no unit 'Q'"),
        ({"parameters": float("nan")}, "'nan' is not a count"),
        ({"parameters": True}, "'True' is not a count"),
        ({"parameters": "+5%"}, "is relative, but no base is given"),
        ({"parameters": {"max": "5M", "batch": 2}}, "has no option 'batch'"),
    ],
)
def test_an_invalid_budget_is_not_an_assertion_error(budget: dict[str, Any], message: str, tmp_path: Path) -> None:
    net = written(tmp_path, {"tiny.yaml": TINY}) / "tiny.yaml"

    with pytest.raises(DesignError, match=re.escape(message)):
        assert_within_budget(net, **budget)
