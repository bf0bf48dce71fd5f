"""The recipes of CONTRIBUTING.md for a layer kind, a format and a design rule, followed in a copy of the checkout."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.calls import ROOT, environment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

STEP = re.compile(r"`(?P<file>[\w./]+)`[^`\n]*:\n\n```(?P<language>python|diff)\n(?P<body>.*?)^```$", re.M | re.S)
"""A file, then the text that is appended to it, or the lines of it that are replaced."""


def steps(recipe: str) -> list[re.Match[str]]:
    """The steps of one recipe."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return list(STEP.finditer(text.partition(f"\n### {recipe}\n")[2].partition("\n### ")[0]))


def follow(step: re.Match[str], folder: Path) -> None:
    file = folder / step["file"]
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if step["language"] == "diff":
        before, after = (
            "".join(line[1:] + "\n" for line in step["body"].splitlines() if line.startswith(mark)) for mark in "-+"
        )
        assert text.count(before) == 1, f"{step['file']} has no line {before}"
        text = text.replace(before, after)
    else:
        text += "\n\n" * bool(text) + step["body"]
    file.write_text(text, encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package, the named nets, the tests and the documentation, without golden files."""
    for name in ("cnncalc", "architectures", "tests", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "golden"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tests" / "golden").mkdir()
    return tmp_path


def python(folder: Path, *arguments: str) -> str:
    """What Python prints in the copy."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=600,
        env=environment(PYTHONPATH=str(folder)),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def passes(folder: Path, *words: str) -> str:
    """Runs tests in the copy: files, then the expression that selects them. Returns what pytest prints."""
    *files, chosen = words
    return python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *files)


def undo(step: re.Match[str], folder: Path) -> None:
    """Removes what a step adds; the text between markers may differ from the step."""
    file = folder / step["file"]
    text = file.read_text(encoding="utf-8")
    if step["language"] == "python":
        assert text.count(step["body"]) == 1, f"{step['file']} differs from the recipe"
        text = text.replace(step["body"], "").replace("\n\n\n\n\n", "\n\n\n")
    else:
        for line in step["body"].splitlines():
            if (
                line.startswith("+")
                and f"-{line[1:]}\n" not in step["body"]
                and line not in ("+", "+<!-- /cnncalc -->")
            ):
                assert text.count(f"{line[1:]}\n") == 1, f"{step['file']} has no line {line[1:]}"
                section = re.escape(line[1:]) + (r"\n.*?<!-- /cnncalc -->\n\n" if line.startswith("+<!--") else r"\n")
                text = re.sub(section, "", text, count=1, flags=re.S)
    file.write_text(text, encoding="utf-8")


def test_a_layer_kind(copy: Path) -> None:
    """ABS exists already: it is removed and added again by the recipe."""
    for step in steps("A layer kind"):
        undo(step, copy)
    (copy / "tests" / "memory" / "data" / "measured.json").write_text(
        re.sub(
            r"\[\"abs\(.*\n", "", (copy / "tests" / "memory" / "data" / "measured.json").read_text(encoding="utf-8")
        ),
        encoding="utf-8",
    )
    python(copy, "-c", "from cnncalc.layers import KINDS; assert 'abs' not in KINDS; import tests.layer_cases")

    for step in steps("A layer kind"):
        follow(step, copy)

    assert "ABS" in python(copy, "-m", "cnncalc", "table", "INPUT 9x11x3 -> CONV3-7 -> ABS -> FC-5")
    python(copy, "-m", "cnncalc", "verify", "INPUT 9x11x3 -> CONV3-7 -> ABS -> FC-5", "--train")
    python(copy, "-m", "cnncalc", "docs", "docs/layers.md")
    assert "### ABS\n" in (copy / "docs" / "layers.md").read_text(encoding="utf-8")
    python(copy, "-m", "cnncalc", "schema", "-o", "docs/architecture.schema.json")
    files = ["tests/test_layers.py", "tests/test_kinds.py", "tests/run"]
    tests = ["abs"]
    if importlib.util.find_spec("torch") is not None:
        python(copy, "-m", "tests.memory.measure", "abs")
        files.append("tests/memory/test_oracle.py")
        tests.append("has_a_stored_measurement")
    files += ["tests/views/test_explanation.py", "tests/cli/test_schema.py", "tests/language/test_laws.py"]
    tests += ["layer_is_explained", "schema_files", "valid_schemas", "kind_and_key", "no_kind", "hold_every_kind"]
    said = passes(copy, *files, " or ".join(tests))
    assert re.search(r"\b[1-9][0-9]+ passed", said), said


def test_a_format(copy: Path) -> None:
    for step in steps("A format"):
        follow(step, copy)
    page = copy / "page.adoc"
    calls = ["table lenet5", "table vgg16", "memory lenet5", "memory lenet5 --plan", "kinds"]
    page.write_text(
        "".join([f"// cnncalc: {call} --format asciidoc\n// /cnncalc\n" for call in calls]), encoding="utf-8"
    )

    python(copy, "-m", "cnncalc", "table", "lenet5", "--output", "table.adoc")
    python(copy, "-m", "cnncalc", "docs", "page.adoc")

    written = (copy / "table.adoc").read_text(encoding="utf-8")
    assert "|&#91;28x28x6&#93;" in written
    answers = page.read_text(encoding="utf-8").split("// /cnncalc\n")[: len(calls)]
    assert written.strip() in answers[0], "the table is markup here, not a listing"
    assert all("\n|===\n" in answer for answer in answers)
    assert re.search(r"^(\.{5,})\n(?:.*\n)+\1$", answers[3], re.M), "a drawing is a literal block"
    chosen = "adoc or asciidoc or (prompt and commands.md)"
    passes(copy, "--regenerate", "tests/formats/test_golden.py", "tests/test_manual.py", chosen)
    passes(copy, "tests/formats/test_golden.py", "tests/test_manual.py", chosen)
    golden = (copy / "tests" / "golden" / "lenet5.adoc").read_text(encoding="utf-8")
    assert "|&#91;28x28x6&#93;" in golden
    manual = (copy / "docs" / "commands.md").read_text(encoding="utf-8")
    assert "--format asciidoc\n" in manual
    assert "\n|===\n" in manual
    assert re.search(r"--format text\|\S*\|asciidoc\|\S*json\n", manual)


def test_a_design_rule(copy: Path) -> None:
    for step in steps("A design rule"):
        follow(step, copy)
    net = copy / "net.yaml"
    net.write_text("layers: INPUT 32x32x3 -> CONV4-64(pad=same) -> RELU -> GAP -> FC-10\n", encoding="utf-8")

    said = python(copy, "-m", "cnncalc", "check", "net.yaml", "--select", "even-kernel", "--format", "json")
    ignored = python(copy, "-m", "cnncalc", "check", "net.yaml", "--ignore", "even-kernel", "--format", "json")

    assert "a kernel should have odd sides, but CONV4-64 has an even one" in said
    assert "even-kernel" not in ignored
    assert python(copy, "-m", "cnncalc", "check", "--explain", "even-kernel").startswith("even-kernel: A kernel should")
    chosen = "even or purpose or every or random or document or reason or effect"
    passes(copy, "--regenerate", "tests/checks/test_rules.py", "tests/checks/test_rules_named_nets.py", chosen)
    assert "### even-kernel\n" in (copy / "docs" / "rules.md").read_text(encoding="utf-8")


def test_an_outdated_step_is_detected(copy: Path) -> None:
    (step, *_) = STEP.finditer("`cnncalc/layers/base.py`:\n\n```diff\n-no such line\n+another\n```\n")

    with pytest.raises(AssertionError, match="has no line no such line"):
        follow(step, copy)


def test_every_recipe_has_its_steps() -> None:
    files = {
        recipe: [step["file"] for step in steps(recipe)] for recipe in ("A layer kind", "A format", "A design rule")
    }

    assert files == {
        "A layer kind": [*("cnncalc/layers/elementwise.py", "tests/layer_cases.py", "docs/layers.md")],
        "A format": [
            *("cnncalc/formats/__init__.py", "cnncalc/formats/asciidoc.py", "tests/formats/test_golden.py"),
            "docs/commands.md",
        ],
        "A design rule": [
            *("cnncalc/checks/rules/__init__.py", "cnncalc/checks/rules/even_kernel.py", "tests/checks/test_rules.py")
        ],
    }


def test_every_file_in_a_recipe_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Recipes")[2]
    made = {"cnncalc/formats/asciidoc.py", "cnncalc/checks/rules/even_kernel.py", "cnncalc/interop/", "tests/interop/"}
    named = set(re.findall(r"`((?:cnncalc|tests|docs)/[\w./]*)[#`]", text)) - made

    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
