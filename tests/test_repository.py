"""The files for maintaining the repository: workflows, templates, hooks, CI."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.calls import ROOT
from tests.conftest import ALL_SLOW

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = [path for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"]


def content(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_jobs_with_steps_and_few_permissions(path: Path) -> None:
    workflow = content(path)

    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        assert all(("uses" in step) != ("run" in step) for step in job["steps"])


def test_ci_runs_the_versions_of_python_that_the_package_names() -> None:
    versions = content(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["tests"]["strategy"]["matrix"]["python"]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert versions == re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)
    assert f'requires-python = ">={versions[0]}"' in project


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
