"""What a check takes and leaves out: folders, links, files that are no designs, and files that cannot be read."""

from __future__ import annotations

import io
import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from cnncalc.checks.search import matches
from cnncalc.cli.program import run
from cnncalc.language.architecture import why_not_a_design
from cnncalc.language.yaml_tree import YamlDocument
from cnncalc.source import Source
from tests.calls import ROOT
from tests.checks.projects import TINY, committed, git, written
from tests.language.test_examples import EXAMPLES

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = "name: a\ninput: 8x8x3\nlayers: FC-2\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any], str]:
    code = run(["check", *words, "--no-rules", "--format", "json"])
    done = capsys.readouterr()
    return code, json.loads(done.out) if done.out else {}, done.err


def names(result: dict[str, Any]) -> list[str]:
    return [file["file"] for file in result["files"]]


# What is meant as a design


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\x85"),
        "? layers\n: INPUT 8x8x3 -> FC-2\n",
        '"l\\u0061yers": INPUT 8x8x3 -> FC-2\n',
        "{input: 8x8x3, layers: [fc: 2]}\n",
        "title: b\n---\n".replace("---\n", "") + "layers: [INPUT 8x8x3, b]\nblocks: {b: FC-2}\n",
        "\ufeff" + PLAIN,
        "%YAML 1.1\n---\n" + PLAIN,
    ],
)
def test_a_folder_takes_what_can_be_read_as_a_file(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "nets/a.yaml").write_bytes(text.encode())

    assert run(["table", "nets/a.yaml"]) == 0
    capsys.readouterr()
    code, result, _ = checked(capsys, "nets", "--max", "macs=1")
    assert (code, names(result), result["left_out"]) == (1, ["nets/a.yaml"], [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("layers: [CNOV3-64]\n", "unknown-layer"),
        ("input: 8x8x3\nlayer: [CONV3-64]\n", "unknown-key"),
        ("lr: 0.1\nlayers: CONV3-64 -> RELU\n", "unknown-key"),
        ("layers: |\n  CONV3-64\n budget: 1\n", "yaml-syntax"),
        ("budget: {parameters: 4M}\n", "missing-key"),
        ("layers:\n  conv: 64\n  relu:\n", "wrong-type"),
        ("input: 8x8x3\nlayers:\n- conv: [\n", "yaml-syntax"),
        ("input: 8x8x3\nlayers:\n- !conv 3\n", "yaml-tag"),
        ("\x01input: 8x8x3\nlayers: POOL2\n", "yaml-syntax"),
        ("{input: 8x8x3, layers: POOL2, title: a\x07}\n", "yaml-syntax"),
        ("input: 8x8x3\n? layers\n: POOL2\x00\n", "yaml-syntax"),
        ("title: @a\ninput: 8x8x3, layers: POOL2\n", "yaml-syntax"),
        ("title: [a\nlayers: POOL2\n", "yaml-syntax"),
        ('{"input": "8x8x3", "layers": ["POOL2",, }\n', "yaml-syntax"),
        ("input: ${size}\nlayers: CONV3-${width} -> RELU\n", "wrong-type"),
        ("layers:\n- !conv 3\nlr: 0.1\n", "yaml-tag"),
    ],
)
def test_a_broken_design_is_an_error_and_not_left_out(
    text: str, code: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "nets/a.yaml").write_text(text, encoding="utf-8")

    found, result, err = checked(capsys, "nets")

    assert (found, names(result), result["left_out"]) == (2, ["nets/a.yaml"], [])
    assert f"error[{code}]" in err


FOREIGN = {
    "hydra.yaml": "_target_: torch.nn.Sequential\nlayers:\n- {_target_: torch.nn.ReLU}\n",
    "words.yaml": "_target_: models.build\nlayers: [conv, relu]\n",
    "entries.yaml": "layers:\n- _target_: torch.nn.ReLU\n  inplace: true\n",
    "replaced.yaml": "input: ${data.size}\nlayers: ${model.layers}\n",
    "asked.yaml": "layers: ???\n",
    "null.yaml": "~\n",
    "lambda.yml": "service: a\nlayers:\n  conv: {path: layer}\nfunctions:\n  a: {handler: !Ref b}\n",
    "root.yaml": "defaults:\n- _self_\nlayers: [64, 64]\n",
    "sizes.yaml": "hidden: [64, 32]\nlayers: [64, 128, 256]\n",
    "count.yaml": "layers: 12\n",
    "missing.yaml": "layers: ???\nlr: 0.1\n",
    "map.yaml": "id: a\nlayers:\n- {id: road, type: line}\n",
    "nested.yaml": "model:\n  layers: 4\n",
    "list.yaml": "- a\n- b\n",
    "empty.yaml": "# nothing\n",
    "text.yaml": "some words\n",
    "chart.yaml": "{{- if .Values.a }}\nkind: Service\n",
    "two.yaml": "kind: A\n---\nkind: B\n",
    "tag.yaml": "Resources: !Ref a\n",
    "comment.yaml": "# layers of the system\nsteps:\n  - run: layers\n   x: [\n",
    "control.yaml": "a: \x01\nmodel:\n  layers: 3\n",
    "braces.yaml": "model: {depth: 3, layers: 4}\nlr: [\n",
    "ci.yml": "stages: [test]\nvariables: {A: b}\ntest: {script: make}\n",
}


def test_what_is_no_design_is_named_with_the_reason_and_fails_where_it_is_strict(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder / "nets", {**FOREIGN, "a.yaml": PLAIN})

    code, result, err = checked(capsys, "nets", "--max", "macs=1K")

    assert (code, names(result), err) == (0, ["nets/a.yaml"], "")
    assert sorted(one["file"] for one in result["left_out"]) == sorted(f"nets/{name}" for name in FOREIGN)
    assert all(one["why"] and not one["on_purpose"] for one in result["left_out"])
    why = {one["file"]: one["why"] for one in result["left_out"]}
    assert why["nets/hydra.yaml"] == "it has the key '_target_' of a Hydra configuration"
    assert why["nets/entries.yaml"] == "it has the key '_target_' of a Hydra configuration"
    assert why["nets/replaced.yaml"] == "it has the value '${model.layers}' of a Hydra configuration"
    assert why["nets/null.yaml"] == "it holds nothing, not a mapping with the key 'layers'"
    assert why["nets/lambda.yml"] == "its 'layers' is a mapping, not a pattern or a list of layers"
    assert why["nets/sizes.yaml"] == "its 'layers' holds no layer, and it has the key 'hidden'"
    assert checked(capsys, "nets", "--max", "macs=1K", "--strict")[0] == 1
    assert run(["check", "nets"]) == 0
    assert "nets/nested.yaml: left out: it has no key 'layers', but 'model'\n" in capsys.readouterr().out
    for name in FOREIGN:  # named by itself each is an error
        assert checked(capsys, f"nets/{name}")[0] == 2


@pytest.mark.parametrize("place", [EXAMPLES, ROOT / "architectures", ROOT / "tests/variants"])
def test_every_design_of_the_project_is_meant_as_one(place: Path) -> None:
    files = list(place.glob("*.yaml"))

    assert files
    for file in files:
        root = YamlDocument(Source(file.name, file.read_text(encoding="utf-8"))).read()
        assert why_not_a_design(root) is None, file


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_a_design_in_another_encoding_is_an_error_that_names_it(
    encoding: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text in ASCII and UTF-16 without a mark is valid in UTF-8, too: every second byte is NUL."""
    data = PLAIN.encode(encoding)
    (folder / "nets/a.yaml").write_bytes(data)
    name = encoding[:6].upper()

    assert checked(capsys, "nets")[::2] == (
        2, f"error[unreadable]: nets/a.yaml is not a text in UTF-8 (it is {name})\n  = hint: save it as UTF-8\n"
    )  # fmt: skip
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert run(["table", "-"]) == 2
    assert capsys.readouterr().err.startswith(f"error[input]: standard input is not a text in UTF-8 (it is {name})\n")


# Links, folders, what is excluded


def test_links_to_folders_are_followed_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, {"nets/v2/a.yaml": PLAIN, "zoo/b.yaml": PLAIN})
    os.symlink("v2", folder / "nets/current")
    os.symlink("../zoo", folder / "nets/other")
    os.symlink("..", folder / "nets/v2/above")
    os.symlink("nowhere", folder / "nets/gone")

    _, result, _ = checked(capsys, "nets")

    assert names(result) == ["nets/other/b.yaml", "nets/v2/a.yaml"]
    assert [(one["file"], one["on_purpose"]) for one in result["left_out"]] == [
        ("nets/current", True),
        ("nets/gone", False),
        ("nets/v2/above", True),
    ]


def test_what_is_excluded_is_named_and_fails_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(
        folder,
        {
            "nets/a.yaml": PLAIN, "nets/old/b.yaml": "layers: POL2\n", "nets/deep/old/c.yaml": "layers: POL2\n",
            "nets/ci.yml": "jobs: 1\n", "nets/.d.yaml": "layers: POL2\n",
            "cnncalc.toml": 'exclude = ["old"]\nfiles = ["nets"]\n[budget]\nmacs = "1K"\n',
        },
    )  # fmt: skip

    code, result, err = checked(capsys, "--strict", "--exclude", "nets/*.yml")

    assert (code, names(result), err) == (0, ["nets/a.yaml"], "")
    assert {one["file"]: one["why"] for one in result["left_out"]} == {
        "nets/.d.yaml": "hidden",
        "nets/ci.yml": "excluded by nets/*.yml",
        "nets/deep/old": "excluded by old in cnncalc.toml",
        "nets/old": "excluded by old in cnncalc.toml",
    }


def test_a_pattern_that_excludes_nothing_is_warned_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each counts once; the configuration of a folder may exclude nothing of what a call names."""
    budget = '[budget]\nmacs = "1G"\n'
    excluded = 'exclude = ["old", "b.yaml", ".old"]\n'
    files = {"nets/a.yaml": PLAIN, "nets/b.yaml": PLAIN, "nets/.old/c.yaml": PLAIN}
    written(folder, {**files, "cnncalc.toml": f'files = ["nets"]\n{excluded}{budget}'})
    line = f"  |\n2 | {excluded}  | ^^^^^^^"
    why = "it matches no file or folder of the search"

    assert checked(capsys, "--strict")[::2] == (
        1, f"cnncalc.toml:2:1: warning[no-effect]: exclude: 'old' has no effect: {why}\n{line}\n"
    )  # fmt: skip
    assert checked(capsys, "nets", "--strict")[::2] == (0, "")
    code, result, err = checked(capsys, "nets", "--strict", "--exclude", "a.yaml", "--exclude", "nets/c.yaml")
    assert (code, names(result)) == (1, [])
    nothing = "no .yaml or .yml file in this folder that is not excluded"
    assert [one["why"] for one in result["left_out"] if not one["on_purpose"]] == [nothing]
    written(folder, {"cnncalc.toml": budget})
    code, result, err = checked(capsys, "nets", "--strict", "--exclude", "nets/a.yaml", "--exclude", "nets/c.yaml")
    assert (code, names(result)) == (1, ["nets/b.yaml"])
    hint = "a pattern with / is compared with paths from the working folder, such as nets/old"
    assert err == f"warning[no-effect]: --exclude 'nets/c.yaml' has no effect: {why}\n  = hint: {hint}\n"
    _, result, err = checked(capsys, "nets/a.yaml", "nets/b.yaml", "--exclude", "a.yaml")
    assert [len(one["problems"]) for one in (result, *result["files"])] == [1, 0, 0]
    assert err == "warning[no-effect]: --exclude 'a.yaml' has no effect: no folder is searched\n"


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("old", "nets/old", True),
        ("old/", "nets/old", True),
        ("/old", "nets/old", False),
        ("*.yml", "a/b/c.yml", True),
        ("a/*.yml", "a/b/c.yml", False),
        ("a/**/*.yml", "a/c.yml", True),
        ("a/**/*.yml", "a/b/b/c.yml", True),
        ("**/b", "a/b", True),
        ("a/**", "a", True),
        ("a/**/b", "a/c", False),
    ],
)
def test_patterns(pattern: str, path: str, *, expected: bool) -> None:
    assert matches(path, pattern) is expected


def test_files_of_the_configuration_are_taken_without_arguments(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(
        folder,
        {
            "nets/a.yaml": PLAIN, "other/b.yaml": PLAIN, "other/c.yaml": PLAIN,
            "cnncalc.toml": 'files = ["nets", "other/b*.yaml", "lenet5"]\n[budget]\nmacs = "1M"\n',
        },
    )  # fmt: skip
    monkeypatch.chdir(folder / "nets")

    assert names(checked(capsys)[1]) == ["../other/b.yaml", "a.yaml", "lenet5"]
    (folder / "cnncalc.toml").write_text('files = ["netz"]\n', encoding="utf-8")
    assert checked(capsys)[0] == 2
    (folder / "cnncalc.toml").write_text('files = ["-"]\n', encoding="utf-8")
    assert "error[wrong-value]: files: '-' is standard input, which only a call can name" in checked(capsys)[2]
    (folder / "cnncalc.toml").unlink()
    assert "error[usage]: check needs FILES" in checked(capsys)[2]


# What cannot be read


@pytest.mark.parametrize("form", ["text", "json", "github", "gitlab", "sarif", "junit", "rdjson", "markdown"])
def test_a_file_name_that_is_not_utf_8_is_written_in_every_format(
    form: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = os.fsdecode(b"bad\xff.yaml")
    try:
        (folder / name).write_text("layers: INPUT 8x8x3 -> NET-2\n", encoding="utf-8")
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")

    assert run(["check", name, "--format", form]) == 2
    out, err = capsys.readouterr()
    assert "bad" in out + err
    assert form != "sarif" or "bad%FF.yaml" in out


def test_a_fifo_is_never_opened(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(folder / "nets/a.yaml")
    for words in (["table", "nets/a.yaml"], ["check", "nets"], ["check", "vgg16", "--baseline", "nets/a.yaml"]):
        assert run(words) == 2
        err = capsys.readouterr().err
        assert "nets/a.yaml is a FIFO, not a file" in err
        assert ("standard input" in err) is ("--baseline" not in words)  # which only a design can be
    os.mkfifo(folder / "a.json")
    for words in (["table", "vgg16"], ["schema"]):
        assert run([*words, "-o", "a.json"]) == 2
        assert "cannot write 'a.json': no process reads this FIFO" in capsys.readouterr().err
    os.symlink("/dev/zero", folder / "nets/b.yaml")
    assert run(["check", "nets/b.yaml"]) == 2
    assert "nets/b.yaml is a device, not a file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["cnncalc.toml", "pyproject.toml"])
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("folder", "is a folder, not a file"),
        ("fifo", "is a FIFO, not a file"),
        ("link", "it is a link to nowhere, which does not exist"),
        ("circle", "too many levels of symbolic links"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_an_error(
    name: str, kind: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder, {"nets/a.yaml": PLAIN + "budget: {macs: 1}\n"})
    if kind == "folder":
        (folder / name).mkdir()
    elif kind == "fifo":
        os.mkfifo(folder / name)
    else:
        os.symlink("nowhere" if kind == "link" else name, folder / name)

    code, result, err = checked(capsys, "nets")

    assert code == 2
    assert "error[unreadable]: " in err
    assert message in err
    assert "standard input" not in err
    assert [one["verdict"] for one in result["files"][0]["limits"]] == [
        "error"
    ]  # its own limit is checked all the same


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_below_one_that_cannot_be_entered_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There may be a configuration above, and that is an error; in the folder itself there is none."""
    written(folder, {"nets/a.yaml": PLAIN})
    os.chdir(folder / "nets")
    folder.chmod(0)
    try:
        code, _, err = checked(capsys, "a.yaml")
    finally:
        folder.chmod(stat.S_IRWXU)

    assert (code, err) == (2, "error[unreadable]: cannot read ../cnncalc.toml: permission denied\n")


def test_a_working_folder_that_is_gone_is_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "gone").mkdir()
    monkeypatch.chdir(folder / "gone")
    (folder / "gone").rmdir()

    for words in (["check", "vgg16"], ["docs", "a.md"], ["report", "vgg16", "-o", "a.html"]):
        assert run(words) == 2
        assert "error[folder]: the working folder does not exist any more" in capsys.readouterr().err


# Against a revision


def committed_links(folder: Path) -> None:
    written(folder, {"nets/v1/a.yaml": TINY, "nets/v2/a.yaml": TINY.replace("FC-256", "FC-128"), "out.yaml": TINY})
    os.symlink("v1", folder / "nets/current")
    os.symlink("nets/current/a.yaml", folder / "chain.yaml")
    os.symlink("chain.yaml", folder / "longer.yaml")
    os.symlink(folder / "nets/v1/a.yaml", folder / "whole.yaml")
    os.symlink("/elsewhere/a.yaml", folder / "outside.yaml")
    os.symlink("../../a.yaml", folder / "above.yaml")
    os.symlink("round.yaml", folder / "round.yaml")
    os.symlink("nets", folder / "folder.yaml")
    committed(folder)


@pytest.mark.parametrize("name", ["nets/current/a.yaml", "chain.yaml", "longer.yaml", "whole.yaml"])
def test_a_link_is_followed_as_it_was_in_the_revision(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Now ``current`` leads to v2, where the FC layer has half as many units: 2059 less for each of the 128."""
    committed_links(folder)
    (folder / "nets/current").unlink()
    os.symlink("v2", folder / "nets/current")

    code, result, err = checked(capsys, name, "--max", "parameters=+0%", "--base", "HEAD")

    assert (code, err) == (0, "")
    (one,) = result["files"][0]["limits"]
    before = 555_754
    assert (one["base"], one["actual"]) == (before, before if name == "whole.yaml" else before - 128 * 2059)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("outside.yaml", "outside.yaml is a symbolic link to /elsewhere/a.yaml in HEAD, outside of the repository"),
        ("above.yaml", "above.yaml is a symbolic link to ../../a.yaml in HEAD, outside of the repository"),
        ("round.yaml", "round.yaml leads through more than 40 symbolic links in HEAD"),
        ("folder.yaml", "folder.yaml is not a file in HEAD"),
    ],
)
def test_a_link_that_leads_to_no_file_of_the_revision_is_no_base(
    name: str, why: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed_links(folder)
    (folder / name).unlink()
    written(folder, {name: TINY})

    code, result, _ = checked(capsys, name, "--max", "parameters=+0%", "--base", "HEAD")

    assert code == 0
    assert result["files"][0]["without_base"][0].startswith(why)
    assert checked(capsys, name, "--max", "parameters=+0%", "--base", "HEAD", "--strict")[0] == 1


def test_a_file_of_a_submodule_is_that_of_the_commit_that_the_revision_names(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The submodule is two commits ahead; its own HEAD~1 is not what the project had."""
    library, project = folder / "library", folder / "project"
    written(library, {"a.yaml": TINY})
    committed(library)
    project.mkdir()
    git(project, "init", "-q")
    git(project, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), "zoo")
    os.symlink("zoo/a.yaml", project / "b.yaml")
    committed(project)
    for units in (128, 64):
        written(project / "zoo", {"a.yaml": TINY.replace("FC-256", f"FC-{units}")})
        committed(project / "zoo")
    os.chdir(project)

    for name in ("zoo/a.yaml", "b.yaml"):
        _, result, err = checked(capsys, name, "--max", "parameters=+0%", "--base", "HEAD")
        assert err == ""
        (one,) = result["files"][0]["limits"]
        assert (one["base"], one["actual"]) == (555_754, 555_754 - 192 * 2059)
    (project / "b.yaml").unlink()
    written(project, {"b.yaml": TINY})
    (project / "zoo").rename(folder / "elsewhere")
    code, result, err = checked(capsys, "b.yaml", "--max", "parameters=+0%", "--base", "HEAD")
    why = "b.yaml is in the submodule zoo, whose commit in HEAD is not fetched"
    assert (code, err, result["files"][0]["without_base"]) == (0, "", [why])
    (folder / "elsewhere").rename(project / "zoo")
    os.chdir(project / "zoo")  # where the revision is one of the submodule
    (one,) = checked(capsys, "a.yaml", "--max", "parameters=+0%", "--base", "HEAD~1")[1]["files"][0]["limits"]
    assert one["base"] == 555_754 - 128 * 2059


def test_the_variables_of_a_git_hook_do_not_hide_the_repository(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(folder, {"nets/a.yaml": TINY})
    committed(folder)
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")

    code, result, _ = checked(capsys, "nets", "--max", "parameters=+0%", "--base", "HEAD")

    assert (code, result["files"][0]["limits"][0]["base"]) == (0, 555_754)


# Many problems


def test_problems_of_100_files_are_printed_and_the_others_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder / "nets", {f"n{number:03}.yaml": "input: 8x8x3\nlayers: POL2\n" for number in range(130)})

    code, result, err = checked(capsys, "nets")

    assert (code, len(result["files"])) == (2, 130)
    assert err.count("error[unknown-layer]") == 100
    assert err.endswith("\n\n... and problems in 30 more files\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exclude = [" + '"x", ' * 1001 + "]\n", "exclude: a list has at most 1,000 words, but this one has 1,001"),
        ("#" * 256 * 1024 + "\n" * 8, "cnncalc.toml: a configuration has at most 256 KiB"),
        ("".join(f"k{number} = 1\n" for number in range(4_000)), "... and at least 980 more problems"),
        ("[budget]\n" + "".join(f"k{number} = 1\n" for number in range(4_000)), "... and at least 980 more problems"),
        ("a = 1\n" * 4_000, "... and at least 980 more problems"),
    ],
)
def test_a_configuration_has_limits(text: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, {"nets/a.yaml": PLAIN, "cnncalc.toml": text})

    code, _, err = checked(capsys, "nets")

    assert code == 2
    assert message in err
