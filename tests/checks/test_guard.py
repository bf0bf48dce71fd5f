"""Integrations of ``check``, each one run: the example repository, pre-commit, the GitHub action, pytest."""

from __future__ import annotations

import json
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


GH = """#!{python}
import json, pathlib, sys
words = sys.argv[1:]
store = pathlib.Path("{store}")
comments = json.loads(store.read_text()) if store.exists() else []
path = next(word for word in words if word.startswith("repos/"))
method = words[words.index("--method") + 1] if "--method" in words else "GET"
if method == "GET":
    assert path == "repos/me/project/issues/7/comments" and "--paginate" in words
    assert "github-actions[bot]" in words[words.index("--jq") + 1]
    for number, comment in enumerate(comments):
        if comment["user"] == "github-actions[bot]" and comment["body"].startswith("<!-- cnncalc check -->"):
            print(number)
else:
    name, _, file = words[words.index("-F") + 1].partition("=@")
    assert name == "body"
    body = pathlib.Path(file).read_text()
    if method == "POST":
        comments.append({{"user": "github-actions[bot]", "body": body}})
    else:
        comments[int(path.removeprefix("repos/me/project/issues/comments/"))]["body"] = body
    store.write_text(json.dumps(comments))
"""
"""What the scripts call of GitHub's program: comments are kept in a file."""


def workflow_runs(folder: Path, name: str, **variables: str) -> list[subprocess.CompletedProcess[str]]:
    """Runs the scripts of a workflow but those that install, as GitHub's runner does, up to the first that fails."""
    workflow = yaml.safe_load((folder / f".github/workflows/{name}.yml").read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    environ = {**program(folder.parent), "GITHUB_REPOSITORY": "me/project", "PULL": "7", "BASE": "HEAD", **variables}
    output = folder.parent / "output"
    output.write_text("", encoding="utf-8")
    found = []
    for step in job["steps"]:
        if "run" in step and not step["run"].startswith("pip install"):
            outputs = dict(line.split("=", 1) for line in output.read_text(encoding="utf-8").splitlines())
            words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            more = {"GITHUB_OUTPUT": str(output), "CODE": outputs.get("code", "")}
            found.append(
                subprocess.run(words, cwd=folder, env={**environ, **more}, capture_output=True, text=True, check=False)
            )
            if found[-1].returncode:
                break
    return found


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_comment_is_written_once_and_then_replaced(example: Path) -> None:
    """Another comment that begins alike, of somebody else, is left alone."""
    store = example.parent / "comments.json"
    executable(example.parent / "programs/gh", GH.format(python=sys.executable, store=store))
    other = {"user": "somebody", "body": "<!-- cnncalc check --> is what I see"}
    store.write_text(json.dumps([other]), encoding="utf-8")

    fine = workflow_runs(example, "comment")
    first = json.loads(store.read_text(encoding="utf-8"))
    grown(example)
    over = workflow_runs(example, "comment")
    second = json.loads(store.read_text(encoding="utf-8"))

    assert [done.returncode for done in fine] == [0, 0, 0], fine
    assert [done.returncode for done in over] == [0, 0, 1], over
    assert [comment["user"] for comment in second] == ["somebody", "github-actions[bot]"]
    assert first[0] == second[0] == other
    assert first[1]["body"].startswith("<!-- cnncalc check -->\n### cnncalc: within budget\n")
    assert second[1]["body"].startswith("<!-- cnncalc check -->\n### cnncalc: over budget\n")


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_report_for_code_scanning_is_written_in_any_case(example: Path) -> None:
    """Every result has a file and a region, which code scanning demands."""
    assert [done.returncode for done in workflow_runs(example, "code-scanning")] == [0]
    assert json.loads((example / "cnncalc.sarif").read_text(encoding="utf-8"))["runs"][0]["results"] == []
    grown(example)
    written(example, {"nets/other.yaml": "a: 1\n"})
    assert [done.returncode for done in workflow_runs(example, "code-scanning")] == [1]
    results = json.loads((example / "cnncalc.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    assert {result["ruleId"] for result in results} == {"budget", "left-out"}
    assert all("region" in result["locations"][0]["physicalLocation"] for result in results)


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_reviewdog_gets_the_report(example: Path) -> None:
    script = '#!/bin/sh\ncat > got.json\necho "$@" > words\n'
    executable(example.parent / "programs/reviewdog", script)
    grown(example)

    (done,) = workflow_runs(example, "reviewdog")

    assert done.returncode == 0, done.stderr
    assert "-f=rdjson" in (example / "words").read_text(encoding="utf-8")
    found = json.loads((example / "got.json").read_text(encoding="utf-8"))["diagnostics"]
    assert {one["location"]["path"] for one in found} == {"nets/tiny.yaml"}


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
