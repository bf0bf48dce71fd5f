"""The files for maintaining the repository: workflows, templates, hooks, CI."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.calls import ROOT
from tests.conftest import ALL_SLOW

if TYPE_CHECKING:
    from pathlib import Path

GITLAB = ROOT / ".gitlab-ci.yml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = [path for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"]


def content(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_no_text_holds_the_marks_of_an_unfinished_merge() -> None:
    folders = ["architectures", "benchmarks", "cnncalc", "docs", "tests", ".ci", ".github"]
    inside = [path for folder in folders for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    texts = {path: path.read_bytes() for path in [*ROOT.glob("*.*"), *inside] if path.is_file()}

    assert {ROOT / "README.md", ROOT / "docs" / "index.md", ROOT / ".ci" / "run"} <= texts.keys()
    assert [path for path, text in texts.items() if re.search(rb"^(<{7}|>{7}) ", text, re.MULTILINE)] == []


TOP = {
    *(".ci", ".github", ".gitignore", ".gitlab-ci.yml", ".pre-commit-config.yaml", ".pre-commit-hooks.yaml"),
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "action.yml", "mkdocs.yml", "pyproject.toml"),
    *("architectures", "benchmarks", "cnncalc", "docs", "examples", "tests"),
}


def test_nothing_that_a_program_has_written_is_tracked_at_the_top() -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no checkout, or git is missing")
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"git cannot read this checkout: {done.stderr}")
    assert {path.partition("/")[0] for path in done.stdout.splitlines()} == TOP


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_jobs_with_steps_and_few_permissions(path: Path) -> None:
    workflow = content(path)

    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        assert all(("uses" in step) != ("run" in step) for step in job["steps"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_of_others_are_pinned_to_a_commit_with_their_version(path: Path) -> None:
    uses = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))

    assert uses
    assert [use for use in uses if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_step_reads_what_others_write_into_a_shell(path: Path) -> None:
    """An expression in a script is replaced before the shell reads it; a variable is not."""
    for job in content(path)["jobs"].values():
        assert [step["run"] for step in job["steps"] if "${{" in step.get("run", "")] == []


def scripts_of(path: Path) -> list[str]:
    """The lines of the shell that a file for CI runs."""
    jobs = content(path)
    if path.name == ".gitlab-ci.yml":
        return [line for job in jobs.values() if isinstance(job, dict) for line in job.get("script", ())]
    return [line for job in jobs["jobs"].values() for step in job["steps"] for line in step.get("run", "").splitlines()]


@pytest.mark.parametrize("path", [*WORKFLOWS, GITLAB], ids=lambda path: path.stem)
def test_each_step_is_a_script_that_is_there_or_installs_what_one_needs(path: Path) -> None:
    called = [line for line in scripts_of(path) if line.startswith(".ci/")]

    for line in called:
        script = ROOT / line.split()[0]
        assert os.access(script, os.X_OK), script
        assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    others = [line.strip() for line in scripts_of(path) if line not in called]
    allowed = ("python -m pip ", "python -m twine ", "sudo apt-get ", "lmodern ", "test -f ")
    assert [line for line in others if not line.startswith(allowed)] == []


def test_github_and_gitlab_run_the_same_scripts() -> None:
    def scripts(paths: list[Path]) -> set[str]:
        return {line.split()[0] for path in paths for line in scripts_of(path) if line.startswith(".ci/")}

    steps = {f".ci/{path.name}" for path in (ROOT / ".ci").iterdir()}
    assert scripts(WORKFLOWS) == scripts([GITLAB]) == steps


def test_only_the_jobs_that_publish_may_do_so() -> None:
    """Trusted publishing takes a token that the server makes for one job; nothing else is stored."""
    for path in WORKFLOWS:
        jobs = content(path)["jobs"]
        asking = {name for name, job in jobs.items() if "permissions" in job}
        assert asking == ({"publish"} if "publish" in jobs else set())
        assert "secrets." not in path.read_text(encoding="utf-8")
    asking = {name for name, job in content(GITLAB).items() if isinstance(job, dict) and "id_tokens" in job}
    assert asking == {"release"}


def test_ci_runs_the_versions_of_python_that_the_package_names() -> None:
    versions = content(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["tests"]["strategy"]["matrix"]["python"]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert versions == re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)
    assert content(GITLAB)["tests"]["parallel"]["matrix"] == [{"VERSION": versions}]
    assert f'requires-python = ">={versions[0]}"' in project


@pytest.mark.slow
def test_a_release_needs_its_tag_a_heading_and_what_was_built(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "release-check", tmp_path / ".ci")
    (tmp_path / "cnncalc").mkdir()
    (tmp_path / "cnncalc" / "__init__.py").write_text('__version__ = "1.2.0"\n', encoding="utf-8")
    (tmp_path / "dist").mkdir()

    def said(tag: str) -> str:
        done = subprocess.run([tmp_path / ".ci" / "release-check", tag], capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == ("can be released" in done.stdout)
        return done.stdout + done.stderr

    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n\n## [1.20] - 2026-01-01\n", encoding="utf-8")
    assert said("v1.2.1") == "v1.2.1 cannot be released: the version of the package is 1.2.0\n"
    assert "CHANGELOG.md has no heading '## [1.2.0] - YEAR-MONTH-DAY'" in said("v1.2.0")
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n\n## [1.2.0] - 2026-01-01\n", encoding="utf-8")
    assert "dist has no cnncalc-1.2.0-py3-none-any.whl" in said("v1.2.0")
    for name in ("cnncalc-1.2.0-py3-none-any.whl", "cnncalc-1.2.0.tar.gz"):
        (tmp_path / "dist" / name).touch()
    assert said("v1.2.0") == "v1.2.0 can be released\n"
    (tmp_path / "dist" / "cnncalc-1.1.0.tar.gz").touch()
    assert "dist has other files, too" in said("v1.2.0")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_asks_for_the_design(path: Path) -> None:
    fields = {field.get("id"): field for field in content(path)["body"]}

    assert fields["design"]["validations"] == {"required": True}
    assert len(fields) == len(content(path)["body"])


def test_the_hooks_of_this_repository_run_what_ci_runs() -> None:
    (repository,) = content(ROOT / ".pre-commit-config.yaml")["repos"]
    entries = " && ".join(hook["entry"] for hook in repository["hooks"])

    assert entries == "ruff check --fix && ruff format && mypy && cnncalc docs --check README.md docs"
    assert '"$bin/cnncalc" docs --check README.md docs\n' in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_quick_tests_do_not_import_other_engines() -> None:
    """A test file that imports PyTorch or the like has only slow tests, so that the quick set does not import it."""
    engine = re.compile(r"^\w+ = pytest\.importorskip\(\"(?:torch|onnx|onnxruntime|keras|tensorflow)\"", re.M)
    texts = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    importing = [name for name, text in texts.items() if engine.search(text)]

    assert len(importing) >= 2
    assert [name for name in importing if ALL_SLOW not in texts[name]] == []


def test_ci_finds_the_test_command_of_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.partition("<!-- test command -->\n")[2].partition("\n```\n")[0]

    assert block.startswith("```sh\npython3 -m venv .venv && ")
    assert block.endswith(" && .venv/bin/pytest -n auto")
