"""Output of ``check`` in every format against golden files; SARIF and JUnit against their schemas."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cnncalc.checks.check import Checker, CheckOptions
from cnncalc.cli.program import run
from cnncalc.formats.check import CHECK_FORMATS
from cnncalc.language.settings import Settings
from tests.checks.projects import TINY, committed, written

if TYPE_CHECKING:
    from collections.abc import Sequence

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "check"
ENDS = {"text": "txt", "json": "json", "github": "github.txt", "gitlab": "gitlab.json", "sarif": "sarif"}
ENDS |= {"junit": "xml", "markdown": "md", "rdjson": "rdjson"}

OVER = TINY.replace("FC-256", "FC-512") + (
    "budget:\n"
    "  parameters: {max: +5%, warn: 600K}\n"
    "  macs: 20M\n"
    "  training_memory: {max: 16MiB, batch: 8, optimizer: adam}\n"
    "  receptive_field: {min: 40}\n"
)
BROKEN = "name: bad\nlayers: CONV3-64 -> POL2\nbudget: {parameters: 5Q}\n"
WIDE = "name: wide|er\ninput: 32x32x3\nlayers: CONV7-64 -> BN -> RELU -> POOL2 -> FC-10\n"
PROJECT = '[tool.cnncalc.budget]\nparameters = "100K"\ntraining_memory = {max = "1GiB", batch = 16}\n'


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a net over budget, a broken one, a net without budget of its own, and a file that is no net."""
    folder = written(
        tmp_path_factory.mktemp("repository"),
        {
            "nets/over.yaml": OVER.replace("FC-512", "FC-256"),
            "nets/100%, wide.yaml": WIDE,
            "nets/ci.yml": "jobs: {check: 1}\n",
            "pyproject.toml": PROJECT,
        },
    )
    committed(folder)
    return written(
        folder, {"nets/over.yaml": OVER, "nets/broken.yaml": BROKEN, "nets/new.yaml": TINY + "budget: {macs: +1%}\n"}
    )


@pytest.fixture
def project(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository, which a test may change, as the working folder."""
    shutil.copytree(repository, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


CASES: dict[str, tuple[str, ...]] = {
    "project": ("nets", "--base", "HEAD"),
    "fine": ("nets/new.yaml", "--max", "macs=1G"),
}


def output(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code and the report of a call."""
    code = run(["check", *words])
    return code, capsys.readouterr().out


@pytest.mark.parametrize("form", CHECK_FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_the_whole_output(
    case: str, form: str, project: Path, capsys: pytest.CaptureFixture[str], regenerate: bool
) -> None:
    words = CASES[case]
    if case == "fine":
        (project / "pyproject.toml").unlink()

    code, text = output(capsys, *words, "--format", form)

    path = GOLDEN / f"{case}.{ENDS[form]}"
    if regenerate:
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.exists(), f"no golden file {path.name}: run pytest --regenerate and read it"
    assert text == path.read_text(encoding="utf-8")
    assert code == (2 if case == "project" else 0)
    assert str(project) not in text


@pytest.mark.slow
@pytest.mark.parametrize("form", CHECK_FORMATS)
def test_a_second_call_has_the_same_output(form: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (output(capsys, *CASES["project"], "--format", form) for _ in range(2))

    assert first == second


def test_every_golden_file_is_compared() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {f"{case}.{end}" for case in CASES for end in ENDS.values()}


# SARIF


SARIF_ALLOWED: dict[str, dict[str, Any]] = {
    "log": {"$schema": str, "version": str, "runs": ["run"]},
    "run": {
        "tool": "tool",
        "columnKind": str,
        "originalUriBaseIds": dict,
        "invocations": ["invocation"],
        "results": ["result"],
    },
    "tool": {"driver": "driver"},
    "driver": {"name": str, "version": str, "informationUri": str, "rules": ["rule"]},
    "rule": {"id": str, "shortDescription": "message", "fullDescription": "message", "help": "message"},
    "message": {"text": str},
    "invocation": {"executionSuccessful": bool, "exitCode": int},
    "result": {
        "ruleId": str,
        "ruleIndex": int,
        "level": str,
        "message": "message",
        "locations": ["location"],
        "partialFingerprints": dict,
        "properties": dict,
    },
    "location": {"physicalLocation": "physical", "logicalLocations": ["logical"]},
    "physical": {"artifactLocation": "artifact", "region": "region"},
    "artifact": {"uri": str, "uriBaseId": str},
    "region": {"startLine": int, "startColumn": int, "endLine": int, "endColumn": int},
    "logical": {"name": str},
}
"""The part of the schema of SARIF 2.1.0 that is used: no object there may have other properties."""

SARIF_REQUIRED = {
    "log": {"version", "runs"},
    "run": {"tool"},
    "tool": {"driver"},
    "driver": {"name"},
    "rule": {"id"},
    "message": {"text"},
    "invocation": {"executionSuccessful"},
    "result": {"message"},
}


def sarif_faults(value: Any, kind: Any, where: str = "$") -> list[str]:
    """Where a value is not what the schema allows."""
    if isinstance(kind, list):
        if not isinstance(value, list):
            return [f"{where}: no list"]
        return [
            fault for number, part in enumerate(value) for fault in sarif_faults(part, kind[0], f"{where}[{number}]")
        ]
    if isinstance(kind, str):
        if not isinstance(value, dict):
            return [f"{where}: no object"]
        faults = [f"{where}: lacks {name}" for name in SARIF_REQUIRED.get(kind, set()) - set(value)]
        for name, part in value.items():
            if name not in SARIF_ALLOWED[kind]:
                faults.append(f"{where}: has {name}")
            else:
                faults += sarif_faults(part, SARIF_ALLOWED[kind][name], f"{where}.{name}")
        return faults
    return [] if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)) else [f"{where}: wrong type"]


def sarif_of(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(output(capsys, *words, "--format", "sarif")[1])


@pytest.mark.parametrize("words", [CASES["project"], CASES["fine"], ("vgg16", "lenet5"), ("nowhere",)])
def test_sarif_is_valid_against_its_schema(
    words: tuple[str, ...], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = sarif_of(words, capsys)

    assert sarif_faults(log, "log") == []
    assert log["version"] == "2.1.0"
    (run_,) = log["runs"]
    rules = [rule["id"] for rule in run_["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    for result in run_["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        for location in result["locations"]:
            physical = location.get("physicalLocation")
            if physical is not None:
                assert re.fullmatch(r"[\w%./~-]+", physical["artifactLocation"]["uri"])
                assert physical["artifactLocation"]["uriBaseId"] in run_["originalUriBaseIds"]
                region = physical.get("region", {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 2})
                assert min(region.values()) >= 1
                assert (region["startLine"], region["startColumn"]) < (region["endLine"], region["endColumn"])


def test_an_invalid_sarif_is_detected(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = sarif_of(CASES["project"], capsys)
    log["runs"][0]["results"][0]["severity"] = "error"
    del log["runs"][0]["tool"]["driver"]["name"]

    assert len(sarif_faults(log, "log")) == 2


# rdjson


RDJSON: dict[str, dict[str, Any]] = {
    "result": {"source": {"name": str}, "diagnostics": list},
    "diagnostic": {"message": str, "location": dict, "severity": str, "code": {"value": str}},
    "location": {"path": str, "range": {"start": dict, "end": dict}},
    "position": {"line": int, "column": int},
}
"""The part of the schema of DiagnosticResult that is used."""


@pytest.mark.parametrize("words", [CASES["project"], ("nets", "--strict"), ("vgg16", "--max", "parameters=1")])
def test_rdjson_keeps_its_schema(words: tuple[str, ...], project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(output(capsys, *words, "--format", "rdjson")[1])

    assert data.keys() == RDJSON["result"].keys()
    assert data["diagnostics"]
    for each in data["diagnostics"]:
        assert each.keys() == RDJSON["diagnostic"].keys()
        assert each["severity"] in ("ERROR", "WARNING", "INFO")
        assert each["location"].keys() <= RDJSON["location"].keys()
        ends = each["location"].get("range", {})
        assert ends.keys() in (set(), {"start", "end"})
        for place in ends.values():
            assert place.keys() == RDJSON["position"].keys()
            assert min(place.values()) >= 1
        if ends:
            assert list(ends["start"].values()) < list(ends["end"].values())


def test_rdjson_counts_columns_in_bytes_and_its_end_is_the_place_behind(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two of the letters before ``macs`` take two bytes each; the word has four."""
    line = 'title: "\u00e9\u00e9", budget: {macs: 1}'
    written(project, {"nets/c.yaml": "{" + line + ", layers: INPUT 8x8x3 -> FC-2}\n"})

    found = json.loads(output(capsys, "nets/c.yaml", "--no-rules", "--format", "rdjson")[1])["diagnostics"]

    (ends,) = [one["location"]["range"] for one in found if one["message"].startswith("macs:")]
    before = len("{" + line.partition("macs")[0])
    assert ends == {"start": {"line": 1, "column": before + 3}, "end": {"line": 1, "column": before + 7}}


# JUnit


JUNIT = {
    "testsuites": ({"name", "tests", "failures", "errors"}, ["testsuite"]),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped"}, ["testcase"]),
    "testcase": ({"classname", "name"}, ["failure", "error", "skipped", "system-out"]),
    "failure": ({"message", "type"}, []),
    "error": ({"message", "type"}, []),
    "skipped": ({"message"}, []),
    "system-out": (set(), []),
}
"""Each element with its attributes and what may lie in it, as Jenkins' schema for JUnit has it."""


@pytest.mark.parametrize(
    "words", [CASES["project"], (*CASES["project"], "--strict"), CASES["fine"], ("vgg16",), ("nowhere",)]
)
def test_junit_is_valid_against_its_schema_and_its_counts_add_up(
    words: tuple[str, ...], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = output(capsys, *words, "--format", "junit")

    root = ET.fromstring(text)  # noqa: S314  # our own text

    for element in root.iter():
        attributes, children = JUNIT[element.tag]
        assert set(element.attrib) == attributes, element.tag
        assert all(child.tag in children for child in element)
    for suite in root:
        cases = list(suite)
        assert int(suite.get("tests", "")) == len(cases) > 0
        for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.get(name, "")) == sum(case.find(tag) is not None for case in cases)
        names = [(case.get("classname"), case.get("name")) for case in cases]
        assert len(names) == len(set(names))
    for name in ("tests", "failures", "errors"):
        assert int(root.get(name, "")) == sum(int(suite.get(name, "")) for suite in root)
    assert (int(root.get("failures", "")) + int(root.get("errors", "")) > 0) == (code > 0)


# GitHub and GitLab


COMMAND = re.compile(r"::(error|warning|notice) ((?:[a-z]+=[^,:\r\n]*,?)+)::([^\r\n]*)")


def test_github_shows_ten_errors_worst_first_and_logs_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifteen nets, each with a limit of so many parameters; the smallest limit is broken most."""
    written(tmp_path, {f"n{number:02}.yaml": TINY + f"budget: {{parameters: {number + 1}K}}\n" for number in range(15)})
    monkeypatch.chdir(tmp_path)

    code, text = output(capsys, ".", "--format", "github", "--no-rules")

    lines = text.splitlines()
    commands = [COMMAND.fullmatch(line) for line in lines if line.startswith("::")]
    files = [match and match[2].split(",")[0] for match in commands]
    assert code == 1
    assert files == [f"file=n{number:02}.yaml" for number in range(10)]
    assert sum(line.startswith("cnncalc check: error[budget] n1") for line in lines) == 5
    assert lines[-1] == "cnncalc check: 15 files, 15 limits; 15 files over budget"


def test_github_escapes_text_of_users(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, {"100%,a:b.yaml": TINY + "budget: {parameters: 1}\n"})
    monkeypatch.chdir(tmp_path)

    _, text = output(capsys, "100%,a:b.yaml", "--format", "github", "--no-rules")

    assert text.startswith("::error file=100%25%2Ca%3Ab.yaml,line=5,col=10,title=cnncalc budget::parameters: 555.8K")
    assert "(55,575,300.0 %25)%0Alargest: fc1 94.4 %25" in text.splitlines()[0]


def test_a_name_cannot_begin_a_command_or_a_cell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, {"a\n::error::b|`c`.yaml": TINY + "budget: {parameters: 1}\n"})
    monkeypatch.chdir(tmp_path)

    for form in ("github", "text"):
        _, text = output(capsys, ".", "--format", form, "--no-rules")
        assert not any(line.startswith("::error::") for line in text.splitlines())
    _, text = output(capsys, ".", "--format", "markdown", "--no-rules")
    (row,) = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 8


def test_gitlab_fingerprints_are_unique_and_independent_of_lines_and_numbers(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*CASES["project"], "--format", "gitlab")
    before = json.loads(output(capsys, *words)[1])
    (project / "nets/over.yaml").write_text("# a line more\n" + OVER.replace("FC-512", "FC-640"), encoding="utf-8")
    after = json.loads(output(capsys, *words)[1])

    prints = [issue["fingerprint"] for issue in before]
    assert len(set(prints)) == len(prints) > 5
    assert [issue["fingerprint"] for issue in after] == prints
    assert before != after
    for issue in before:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert issue["location"]["lines"]["begin"] >= 1
        assert not issue["location"]["path"].startswith(("/", "./"))


@pytest.mark.slow
def test_markdown_begins_with_the_marker_and_fits_a_comment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comment has at most 65,536 characters."""
    written(tmp_path, {f"nets/n{number:03}.yaml": TINY for number in range(110)})
    monkeypatch.chdir(tmp_path)

    _, text = output(capsys, "nets", "--format", "markdown", "--max", "parameters=1", "--max", "macs=1", "--no-rules")

    assert text.startswith("<!-- cnncalc check -->\n### cnncalc: over budget\n")
    assert "and 20 limits more" in text
    assert len(text) < 65_536


@pytest.mark.parametrize("form", [each for each in CHECK_FORMATS if each != "text"])
def test_a_warning_about_the_call_belongs_to_no_file(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An option without effect on any file; it is said once, and in no annotation of a file."""
    written(tmp_path, {"nets/a.yaml": TINY, "nets/b.yaml": TINY})
    monkeypatch.chdir(tmp_path)

    code = run(["check", "nets", "--exclude", "old", "--set", "zz=1", "--format", form, "--strict"])

    output, errors = capsys.readouterr()
    assert code == 1
    assert errors.count("has no effect") == 2
    messages = [line for line in output.splitlines() if "has no effect" in line]
    assert len(messages) == {"junit": 4}.get(form, 2)  # a test has the message as its name, too
    assert not any("nets/" in line for line in messages)
    if form in ("gitlab", "sarif", "rdjson", "markdown"):
        assert output.count("command line") == 2
    if form == "json":
        assert [len(one["problems"]) for one in (json.loads(output), *json.loads(output)["files"])] == [2, 0, 0]


def test_a_warning_about_a_configuration_stays_with_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, {"a/net.yaml": TINY, "a/cnncalc.toml": "\n", "b/net.yaml": TINY})
    monkeypatch.chdir(tmp_path)

    result = Checker(CheckOptions({}), Settings()).check(["a/net.yaml", "b/net.yaml"])

    assert result.problems == ()
    assert [[each.message for each in one.problems] for one in result.files] == [
        ["a/cnncalc.toml has no effect: it has no keys"], []
    ]  # fmt: skip
