"""``cnncalc check`` as users call it: output, streams, exit codes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cnncalc.cli.console import Console
from cnncalc.cli.program import run
from cnncalc.formats.document import Page
from cnncalc.language.catalogue import names
from cnncalc.source import visible
from tests.calls import environment
from tests.checks.projects import PARAMETERS, TINY, written

if TYPE_CHECKING:
    from pathlib import Path

OVER = TINY + "budget:\n  parameters: 500K\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(["check", *words])
    done = capsys.readouterr()
    return code, done.out, done.err


def test_a_finding_has_position_excess_largest_layers_and_advice(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """(8*8*32)*256 + 256 = 524,544 of 555,754 lie in fc1; behind a pool it has 32*256 + 256."""
    written(folder, {"over.yaml": OVER})

    code, out, err = check(capsys, "over.yaml", "--no-rules")

    assert (code, err) == (1, "")
    assert out == (
        "over.yaml:6:3: error[budget]: parameters: 555.8K (555,754) is over the max of 500.0K by 55.75K (11.2 %)\n"
        "  |\n"
        "6 |   parameters: 500K\n"
        "  |   ^^^^^^^^^^\n"
        "  = largest: fc1 94.4 %, conv2 1.7 %, conv3 1.7 %\n"
        "  = try: global average pooling before fc1: 39.66K, within the limit\n"
        "\n"
        "file       key          value  limit     of limit\n"
        "---------  ----------  ------  --------  --------  ----\n"
        "over.yaml  parameters  555.8K  max 500K   111.2 %  over\n"
        "\n"
        "1 file, 1 limit; 1 file over budget\n"
    )


@pytest.mark.parametrize(("limit", "code"), [(PARAMETERS - 1, 1), (PARAMETERS, 0), (PARAMETERS + 1, 0)])
def test_equal_to_the_limit_passes(limit: int, code: int, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, {"a.yaml": TINY})

    assert check(capsys, "a.yaml", "--max", f"parameters={limit}", "--no-rules")[0] == code
    assert check(capsys, "a.yaml", "--min", f"parameters={2 * PARAMETERS - limit}", "--no-rules")[0] == code


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (("fine.yaml",), 0),
        (("over.yaml",), 1),
        (("broken.yaml",), 2),
        (("fine.yaml", "over.yaml"), 1),
        (("over.yaml", "broken.yaml", "fine.yaml"), 2),
        ((".",), 2),
        (("badbudget.yaml", "over.yaml"), 2),
        (("nosuch.yaml",), 2),
        (("vgg61",), 2),
        ((), 2),
    ],
)
def test_the_exit_code_is_the_highest_of_all_files(
    files: tuple[str, ...], code: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(
        folder,
        {
            "fine.yaml": TINY + "budget: {parameters: 600K}\n",
            "over.yaml": OVER,
            "broken.yaml": "layers: POL2\n",
            "badbudget.yaml": TINY + "budget: {paramters: 600K}\n",
        },
    )

    found, out, err = check(capsys, *files, "--no-rules")

    assert found == code
    assert ("over.yaml:6:3: error[budget]" in out) == ("over.yaml" in files or files == (".",))
    assert bool(err) == (code == 2)


def test_errors_in_design_and_budget_are_both_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, {"a.yaml": "layers: INPUT 8x8x3 -> POL2\nbudget: {macs: 5Q}\n"})

    code, _, err = check(capsys, "a.yaml")

    assert code == 2
    assert [line.partition("error[")[2].partition("]")[0] for line in err.splitlines() if "error[" in line] == [
        "unknown-layer", "unknown-unit",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code"), [(("a.yaml",), 0), (("a.yaml", "--strict"), 1), (("empty",), 0), (("empty", "--strict"), 1)]
)
def test_a_check_without_limits_says_so(
    words: tuple[str, ...], code: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder, {"a.yaml": TINY, "empty/readme.txt": ""})

    found, out, _ = check(capsys, *words, "--no-rules")

    assert found == code
    assert "no limit was checked" in out or "no design was checked" in out


@pytest.mark.parametrize(("strict", "code"), [((), 0), (("--strict",), 1)])
def test_a_warning_fails_only_with_strict(
    strict: tuple[str, ...], code: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder, {"a.yaml": TINY + "budget: {parameters: {warn: 500K, max: 600K}}\n"})

    found, out, _ = check(capsys, "a.yaml", "--no-rules", *strict)

    assert found == code
    assert "warning[budget]: parameters: 555.8K (555,754) is over the warning level of 500.0K" in out


def test_an_exceeded_maximum_has_no_additional_warning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, {"a.yaml": TINY + "budget: {parameters: {warn: 400K, max: 500K}}\n"})

    _, out, _ = check(capsys, "a.yaml", "--no-rules")

    assert (out.count("error[budget]"), out.count("warning[budget]")) == (1, 0)


def test_design_rules_are_warnings_and_can_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    limit = ("--max", "parameters=140M")

    code, out, _ = check(capsys, "vgg16", *limit)

    assert code == 0
    assert "warning[first-fc]: fc1: " in out
    assert "first-fc" not in check(capsys, "vgg16", *limit, "--ignore", "first-fc")[1]
    assert "first-fc" not in check(capsys, "vgg16", *limit, "--no-rules")[1]
    assert "warning[" not in check(capsys, "vgg16", *limit, "--select", "large-kernel")[1]
    assert check(capsys, "vgg16", *limit, "--strict")[0] == 1
    assert check(capsys, "vgg16", *limit, "--strict", "--no-rules")[0] == 0


def test_an_unknown_rule_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = check(capsys, "vgg16", "--ignore", "first-fx")

    assert (code, out) == (2, "")
    assert "no design rule 'first-fx'; did you mean 'first-fc'?" in err


def test_a_rule_is_explained_from_its_docstring(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = check(capsys, "--explain", "first-fc")

    assert code == 0
    assert out.startswith("first-fc: ")
    assert "Source:" in out


def test_folders_are_searched_and_each_file_is_checked_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(
        folder,
        {
            "nets/a.yaml": TINY,
            "nets/deep/b.yml": TINY,
            "nets/.hidden/c.yaml": "layers: POL2\n",
            "nets/ci.yml": "jobs: {check: {script: cnncalc check}}\n",
            "nets/notes.txt": "layers: none\n",
        },
    )

    code, out, err = check(capsys, "nets", "nets/a.yaml", "./nets//a.yaml", "--max", "parameters=1M", "--no-rules")

    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines() if " ok" in line] == ["nets/a.yaml", "nets/deep/b.yml"]
    assert "nets/ci.yml: left out: it has no key 'layers', but 'jobs'\nnot searched: nets/.hidden (hidden)\n" in out
    assert out.endswith("2 files, 2 limits; all within budget\n")


def test_a_pattern_and_standard_input_are_checked_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = check(capsys, "INPUT 8x8x3 -> FC-10", "--max", "parameters=1K", "--no-rules")

    assert code == 1
    assert "parameters: 1930 (1,930)" not in out
    assert "parameters: 1,930 is over the max of 1,000 by 930 (93.0 %)" in out


def test_variables_of_the_call_are_used(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, {"a.yaml": "variables: {n: 4}\nlayers: INPUT 8x8x3 -> FC-{n}\nbudget: {parameters: 1K}\n"})

    assert check(capsys, "a.yaml", "--no-rules")[0] == 0
    assert check(capsys, "a.yaml", "--no-rules", "--set", "n=6")[0] == 1


def test_with_output_to_a_file_one_line_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, {"over.yaml": OVER})

    code, out, err = check(capsys, "over.yaml", "--no-rules", "--format", "sarif", "--output", "o.sarif")

    assert (code, out, err) == (1, "", "cnncalc check: 1 file, 1 limit; 1 file over budget\n")
    assert (folder / "o.sarif").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("vgg16", "--base", "HEAD", "--baseline", "b"), "error[usage]: --base and --baseline exclude each other"),
        (("vgg16", "--max", "parameters=5M", "--max", "parameters=6M"), "--max:1:1: error[repeated-key]"),
        (("vgg16", "--max"), "error[usage]: "),
        (("vgg16", "--format", "sarf"), "error[usage]: --format: expected text, markdown, json, "),
        (("--strict",), "error[usage]: check needs FILES"),
    ],
)
def test_a_wrong_call_is_refused(words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = check(capsys, *words)

    assert (code, out) == (2, "")
    assert err.startswith(message)


@pytest.mark.parametrize(
    ("limit", "advice"),
    [
        ("parameters=100M", "global average pooling before fc1: 37.69M, within the limit"),
        ("macs=15G", "DWCONV3 -> CONV1-64 in place of CONV3-64 in conv2: 13.85G, within the limit"),
        ("activations=10M", "CONV3-64/2 in place of CONV3-64 in conv1: "),
        ("training_memory=2GiB,batch=16,optimizer=sgd", "checkpointing of blocks: "),
        ("inference_memory=500MiB", "float16: "),
        ("activation_memory=100MiB,batch=4", "batch 1: 58.13 MiB, within the limit"),
    ],
)
def test_the_value_of_the_advice_is_computed(limit: str, advice: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = check(capsys, "vgg16", "--no-rules", "--max", limit)

    assert code == 1, out
    assert f"= try: {advice}" in out


@pytest.mark.parametrize(
    "keys", ["standardized=yes", "normed=weight", "normed=spectral", "bias=no", "dilation=2", "pad=0", "pad=same"]
)
def test_advice_replaces_a_convolution_with_any_keys(keys: str, capsys: pytest.CaptureFixture[str]) -> None:
    net = f"INPUT 32x32x8 -> CONV3-64({keys}) -> RELU -> GAP -> FC-10"
    code, out, err = check(capsys, net, "--no-rules", "--max", "macs=2M")

    assert (code, err) == (1, "")
    assert "= try: DWCONV3" in out


@pytest.mark.slow
def test_all_named_nets_are_checked_without_numpy() -> None:
    code = (
        "import sys\n"
        "from cnncalc.cli.program import run\n"
        "code = run(['check', *sys.argv[1:], '--max', 'parameters=1G', '--max', 'training_memory=80GiB'])\n"
        "print(code, 'numpy' in sys.modules, file=sys.stderr)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, *names()], capture_output=True, text=True, env=environment(), check=True
    )

    assert done.stderr.split()[-2:] == ["0", "False"]
    assert f"{len(names())} files, {2 * len(names())} limits" in done.stdout


@pytest.mark.parametrize("number", ["0", "1001", "9" * 11, "9" * 5000, "-2", "two", "\u0663", ""])
def test_a_number_of_processes_is_from_1_to_1000(number: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, {"fine.yaml": TINY})

    found, _, err = check(capsys, "fine.yaml", f"--jobs={number}")

    assert found == 2
    assert f"--jobs: the number of processes is a whole number from 1 to 1,000, found '{visible(number)[:60]}'\n" in err


@pytest.mark.parametrize("width", [20, 40, 65])
def test_the_table_fits_a_narrow_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its cells stand below each other, with all that they hold; a format that is asked for stays as it is."""
    monkeypatch.setattr(Console, "page", lambda self: Page(width, False, False))
    call = ["check", "vgg16", "--no-rules", "--max", "training_memory=8GiB,batch=3", "--max", "macs=16G"]

    assert run(call) == 0
    lines = capsys.readouterr().out.splitlines()
    assert run([*call, "--format", "text"]) == 0
    wide = capsys.readouterr().out.splitlines()

    assert max(map(len, lines[: lines.index("")])) <= width < max(map(len, wide))
    assert " ".join(lines).split().count("vgg16") == 2
    for words in ("training_memory (batch 3)", "max 8GiB", "max 16G", "15.47G", "ok"):
        assert words in " ".join(" ".join(lines).split())


def test_the_explanation_of_a_rule_fits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "--explain", "first-fc"]) == 0
    wide = capsys.readouterr().out
    monkeypatch.setattr(Console, "page", lambda self: Page(40, False, False))

    assert run(["check", "--explain", "first-fc"]) == 0

    narrow = capsys.readouterr().out
    assert max(map(len, narrow.splitlines())) <= 40 < max(map(len, wide.splitlines()))
    assert narrow.split() == wide.split()
    assert narrow.count("\n\n") == wide.count("\n\n")
