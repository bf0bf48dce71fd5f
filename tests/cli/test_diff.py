"""``cnncalc diff`` as users call it: whole outputs, exit codes, git revisions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.calls import ROOT, called, cnncalc, environment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

BEFORE = """\
name: small
layers: INPUT 9x11x3 -> CONV3-7 -> RELU -> POOL2 -> CONV3-5@last -> FC-4
"""
AFTER = """\
name: "small|er"
layers: INPUT 9x11x3 -> CONV3-8 -> BN -> GELU -> POOL2 -> CONV3-5@final -> FC-4
"""

TEXT = """\
small -> small|er
layers: 1 added, 2 changed, 1 renamed, 1 affected, 2 unchanged

total                 before      after      change       %
-----------------  ---------  ---------  ----------  ------
layers (CONV, FC)          3          3           0     0.0
parameters               920      1,009         +89    +9.7
weights                  904        984         +80    +8.8
MACs                  25,411     28,984      +3,573   +14.1
activations            1,234      2,937      +1,703  +138.0
parameter memory   3.594 KiB  3.941 KiB      +356 B    +9.7
activation memory  9.641 KiB  22.95 KiB  +13.30 KiB  +138.0
inference memory   18.00 KiB  24.00 KiB  +6.000 KiB   +33.3
training memory    43.50 KiB  62.50 KiB  +19.00 KiB   +43.7

change    layer           what                                         volume                activations  parameters    MACs
--------  --------------  -------------------------------------------  --------------------  -----------  ----------  ------
changed   conv1           CONV3-8: filters 7 -> 8                      [9x11x7] -> [9x11x8]          +99         +28  +2,673
added     bn1             BN                                           [9x11x8]                     +792         +16
changed   relu1 -> gelu1  GELU: kind relu -> gelu, in place yes -> no  [9x11x7] -> [9x11x8]         +792
affected  pool1           POOL2                                        [4x5x7] -> [4x5x8]            +20
renamed   last -> final   CONV3-5                                      [4x5x5]                                   +45    +900

memory       2 images in float32, torch-cuda, adam
conventions  counts are for one image; 1 MAC is one multiply and one add; KiB, MiB and GiB are powers of 1024
"""  # noqa: E501

MARKDOWN = """\
### small -> small\\|er

layers: 1 added, 2 changed, 1 renamed, 1 affected, 2 unchanged

| total | before | after | change | % |
| --- | ---: | ---: | ---: | ---: |
| layers (CONV, FC) | 3 | 3 | 0 | 0.0 |
| parameters | 920 | 1,009 | +89 | +9.7 |
| weights | 904 | 984 | +80 | +8.8 |
| MACs | 25,411 | 28,984 | +3,573 | +14.1 |
| activations | 1,234 | 2,937 | +1,703 | +138.0 |
| parameter memory | 3.594 KiB | 3.941 KiB | +356 B | +9.7 |
| activation memory | 9.641 KiB | 22.95 KiB | +13.30 KiB | +138.0 |
| inference memory | 18.00 KiB | 24.00 KiB | +6.000 KiB | +33.3 |
| training memory | 43.50 KiB | 62.50 KiB | +19.00 KiB | +43.7 |

| change | layer | what | volume | activations | parameters | MACs |
| --- | --- | --- | --- | ---: | ---: | ---: |
| changed | conv1 | CONV3-8: filters 7 -> 8 | \\[9x11x7] -> \\[9x11x8] | +99 | +28 | +2,673 |
| added | bn1 | BN | \\[9x11x8] | +792 | +16 |  |
| changed | relu1 -> gelu1 | GELU: kind relu -> gelu, in place yes -> no | \\[9x11x7] -> \\[9x11x8] | +792 |  |  |
| affected | pool1 | POOL2 | \\[4x5x7] -> \\[4x5x8] | +20 |  |  |
| renamed | last -> final | CONV3-5 | \\[4x5x5] |  | +45 | +900 |

**memory:** 2 images in float32, torch-cuda, adam

**conventions:** counts are for one image; 1 MAC is one multiply and one add; KiB, MiB and GiB are powers of 1024
"""

CSV = """\
change,layer_before,layer_after,label_before,label_after,volume_before,volume_after,keys,activations_before,activations_after,weights_before,weights_after,parameters_before,parameters_after,macs_before,macs_after,in_place_before,in_place_after
changed,conv1,conv1,CONV3-7,CONV3-8,9x11x7,9x11x8,filters 7 -> 8,693,792,189,216,196,224,18711,21384,false,false
added,,bn1,,BN,,9x11x8,,,792,,8,,16,,0,,false
changed,relu1,gelu1,RELU,GELU,9x11x7,9x11x8,kind relu -> gelu,693,792,0,0,0,0,0,0,true,false
affected,pool1,pool1,POOL2,POOL2,4x5x7,4x5x8,,140,160,0,0,0,0,0,0,false,false
renamed,last,final,CONV3-5,CONV3-5,4x5x5,4x5x5,,100,100,315,360,320,365,6300,7200,false,false
"""

RICH = """\
small -> small|er
layers: 1 added, 2 changed, 1 renamed, 1 affected, 2 unchanged
╭───────────────────┬───────────┬───────────┬────────────┬────────╮
│ total             │    before │     after │     change │      % │
├───────────────────┼───────────┼───────────┼────────────┼────────┤
│ layers (CONV, FC) │         3 │         3 │          0 │    0.0 │
│ parameters        │       920 │     1,009 │        +89 │   +9.7 │
│ weights           │       904 │       984 │        +80 │   +8.8 │
│ MACs              │    25,411 │    28,984 │     +3,573 │  +14.1 │
│ activations       │     1,234 │     2,937 │     +1,703 │ +138.0 │
│ parameter memory  │ 3.594 KiB │ 3.941 KiB │     +356 B │   +9.7 │
│ activation memory │ 9.641 KiB │ 22.95 KiB │ +13.30 KiB │ +138.0 │
│ inference memory  │ 18.00 KiB │ 24.00 KiB │ +6.000 KiB │  +33.3 │
│ training memory   │ 43.50 KiB │ 62.50 KiB │ +19.00 KiB │  +43.7 │
╰───────────────────┴───────────┴───────────┴────────────┴────────╯
╭──────────┬────────────────┬─────────────────────────────────────────────┬──────────────────────┬─────────────┬────────────┬────────╮
│ change   │ layer          │ what                                        │ volume               │ activations │ parameters │   MACs │
├──────────┼────────────────┼─────────────────────────────────────────────┼──────────────────────┼─────────────┼────────────┼────────┤
│ changed  │ conv1          │ CONV3-8: filters 7 -> 8                     │ [9x11x7] -> [9x11x8] │         +99 │        +28 │ +2,673 │
│ added    │ bn1            │ BN                                          │ [9x11x8]             │        +792 │        +16 │        │
│ changed  │ relu1 -> gelu1 │ GELU: kind relu -> gelu, in place yes -> no │ [9x11x7] -> [9x11x8] │        +792 │            │        │
│ affected │ pool1          │ POOL2                                       │ [4x5x7] -> [4x5x8]   │         +20 │            │        │
│ renamed  │ last -> final  │ CONV3-5                                     │ [4x5x5]              │             │        +45 │   +900 │
╰──────────┴────────────────┴─────────────────────────────────────────────┴──────────────────────┴─────────────┴────────────┴────────╯
memory       2 images in float32, torch-cuda, adam
conventions  counts are for one image; 1 MAC is one multiply and one add; KiB, MiB and GiB are powers of 1024
"""  # noqa: E501

FORCED = {"FORCE_COLOR": "1", "NO_COLOR": "1", "PYTHONUTF8": "1"}
CALL = ("diff", "a.yaml", "b.yaml", "--batch", "2", "--optimizer", "adam")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two files, in which the program runs."""
    (tmp_path / "a.yaml").write_text(BEFORE, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(AFTER, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "variables", "expected"),
    [
        ((), {}, TEXT),
        (("--format", "text"), {}, TEXT),
        (("--format", "markdown"), {}, MARKDOWN),
        (("--format", "csv"), {}, CSV),
        ((), FORCED, RICH),
    ],
)
def test_whole_outputs(folder: Path, options: tuple[str, ...], variables: dict[str, str], expected: str) -> None:
    done = cnncalc(*CALL, *options, **variables)

    assert (done.returncode, done.stderr, done.stdout) == (0, "", expected)


def test_json_has_both_sides_of_everything(folder: Path) -> None:
    done = called(*CALL, "--format", "json")
    found = json.loads(done.stdout)

    assert list(found) == [
        "schema", "before", "after", "equal", "batch", "dtype", "profile", "optimizer", "counts", "totals", "layers",
        "shared", "stages",
    ]  # fmt: skip
    assert (found["schema"], found["before"], found["after"], found["equal"]) == (1, "small", "small|er", False)
    assert (found["batch"], found["dtype"], found["profile"], found["optimizer"]) == (
        2, "float32", "torch-cuda", "adam",
    )  # fmt: skip
    assert found["counts"] == {
        "added": 1, "removed": 0, "changed": 2, "renamed": 1, "affected": 1, "same": 2, "renumbered": 0,
    }  # fmt: skip
    assert [total["key"] for total in found["totals"]] == [
        "layers", "parameters", "weights", "macs", "activations",
        "parameter_memory", "activation_memory", "inference_memory", "training_memory",
    ]  # fmt: skip
    assert found["totals"][1] == {
        "key": "parameters", "unit": "count", "before": 920, "after": 1009, "change": 89, "percent": 9.7,
    }  # fmt: skip
    assert all(total["change"] == total["after"] - total["before"] for total in found["totals"])
    conv, bn, *_ = found["layers"]
    assert conv["status"] == "changed"
    assert conv["changes"] == [{"key": "filters", "before": 7, "after": 8}]
    assert (conv["before"]["output"], conv["after"]["output"]) == ([9, 11, 7], [9, 11, 8])
    assert (bn["status"], bn["before"], bn["after"]["label"]) == ("added", None, "BN")


def test_the_totals_are_those_of_the_other_commands(folder: Path) -> None:
    totals = {total["key"]: total["after"] for total in json.loads(called(*CALL, "--format", "json").stdout)["totals"]}
    table = json.loads(called("table", "b.yaml", "--batch", "2", "--format", "json").stdout)["totals"]
    memory = json.loads(called("memory", "b.yaml", "--batch", "2", "--optimizer", "adam", "--format", "json").stdout)

    assert [totals[key] for key in ("parameters", "weights", "macs", "activations")] == [
        table[key] for key in ("parameters", "weights", "macs", "activations")
    ]
    assert totals["activation_memory"] == table["activation_bytes"]
    assert totals["parameter_memory"] == table["parameter_bytes"]
    assert totals["inference_memory"] == memory["inference"]["peak_bytes"]
    assert totals["training_memory"] == memory["training"]["peak_bytes"]


def test_equal_nets_are_reported_as_equal(folder: Path) -> None:
    done = called("diff", "a.yaml", "a.yaml", "--exit-code")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "a.yaml -> a.yaml\nno difference: the same 6 layers, the same costs\n"


def test_with_exit_code_a_difference_is_exit_code_1() -> None:
    assert called("diff", "vgg16", "vgg19").returncode == 0
    assert called("diff", "vgg16", "vgg19", "--exit-code").returncode == 1
    assert called("diff", "vgg16", "vgg16", "--exit-code").returncode == 0
    assert called("diff", "vgg16", "vgg61", "--exit-code").returncode == 2


def test_options_of_the_design_apply_to_both_nets() -> None:
    done = called("diff", "vgg16", "vgg16-bn", "--input", "64x64x3", "--format", "json")

    assert (
        json.loads(done.stdout)["totals"][3]["before"]
        == json.loads(called("table", "vgg16", "--input", "64x64x3", "--format", "json").stdout)["totals"]["macs"]
    )


def test_the_same_bytes_on_every_run() -> None:
    code = (
        "from cnncalc.cli.program import run\n"
        "for form in ('text', 'json', 'csv', 'markdown'):\n"
        "    assert run(['diff', 'googlenet', 'googlenet-bn', '--format', form]) == 0\n"
    )
    first, second = (
        subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=environment(PYTHONHASHSEED=seed))
        for seed in ("0", "1")
    )

    assert first == second
    assert first.count(b"googlenet-bn") >= 4


# Revisions


def git(folder: Path, *words: str) -> None:
    who = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    settings = (
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "init.defaultBranch=main",
    )
    subprocess.run(["git", *settings, *words], cwd=folder, check=True, capture_output=True, env={**os.environ, **who})


@pytest.fixture
def repository(folder: Path) -> Path:
    """The file nets/x.yaml, first as BEFORE and then as AFTER; nets/wrong.yaml was wrong at first."""
    (folder / "nets").mkdir()
    file, wrong = folder / "nets" / "x.yaml", folder / "nets" / "wrong.yaml"
    git(folder, "init")
    file.write_text(BEFORE, encoding="utf-8")
    wrong.write_text("layers: INPUT -> CNOV\n", encoding="utf-8")
    git(folder, "add", "nets")
    git(folder, "commit", "-m", "first")
    file.write_text(AFTER, encoding="utf-8")
    wrong.write_text(AFTER, encoding="utf-8")
    git(folder, "commit", "-a", "-m", "second")
    return folder


def test_a_file_is_compared_with_itself_in_a_revision(repository: Path) -> None:
    done = called("diff", "nets/x.yaml", "--base", "HEAD~1", "--batch", "2", "--optimizer", "adam")
    now = called("diff", "nets/x.yaml", "--base", "HEAD", "--exit-code")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == TEXT.replace("small -> small|er", "small (HEAD~1) -> small|er (now)", 1)
    assert (now.returncode, now.stderr) == (0, "")
    assert now.stdout.splitlines()[1] == "no difference: the same 7 layers, the same costs"


def test_what_is_not_committed_is_compared_too(repository: Path) -> None:
    (repository / "nets" / "x.yaml").write_text(BEFORE, encoding="utf-8")

    assert called("diff", "nets/x.yaml", "--base", "HEAD", "--exit-code").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nets/x.yaml", "--base", "HAED"), "cannot read the base 'HAED'"),
        (("nets/x.yaml", "--base", "--all"), "cannot read the base '--all': not a revision"),
        (("a.yaml", "--base", "HEAD"), "a.yaml does not exist in HEAD"),
        (("vgg16", "--base", "HEAD"), "--base compares a file with its earlier version, but 'vgg16' is not a file"),
        (("nets", "--base", "HEAD"), "'nets' is not a file"),
        (("nets/x.yaml", "a.yaml", "--base", "HEAD"), "--base compares one file with its earlier version, but two"),
        (("nets/x.yaml",), "diff compares two targets, but one is given"),
        (("-", "-"), "standard input can be read once"),
        ((), "cnncalc diff needs BEFORE"),
        (("a.yaml", "b.yaml", "a.yaml"), "got an unexpected argument: a.yaml"),
        (("a.yaml", "b.yaml", "--optimizer", "adm"), "no optimizer 'adm'; did you mean 'adam'?"),
        (("a.yaml", "vgg61"), "no file, named net or pattern 'vgg61'"),
    ],
)
def test_what_cannot_be_compared_is_refused(repository: Path, arguments: tuple[str, ...], message: str) -> None:
    done = called("diff", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_errors_in_a_revision_have_their_position(repository: Path) -> None:
    done = called("diff", "nets/wrong.yaml", "--base", "HEAD~1")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "HEAD~1:nets/wrong.yaml:1:18: error[unknown-layer]: no layer kind or block 'CNOV'; did you mean 'CONV'?\n"
        "  |\n"
        "1 | layers: INPUT -> CNOV\n"
        "  |                  ^^^^\n"
    )


def test_a_file_outside_of_any_repository_has_no_revisions(folder: Path) -> None:
    done = cnncalc("diff", "a.yaml", "--base", "HEAD", GIT_CEILING_DIRECTORIES=str(folder.parent))

    assert (done.returncode, done.stdout) == (2, "")
    assert "the file is not in a git repository" in done.stderr


def test_a_diff_loads_no_numpy() -> None:
    code = (
        "import sys; from cnncalc.cli.program import run; run(['diff', 'vgg16', 'vgg19', '--output', '/dev/null']);"
        "assert not {'numpy', 'rich', 'click'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment())


OTHER = "INPUT 8x8x3 -> [CONV5-6/2 -> BN -> GELU]*2 -> FLATTEN -> FC-9"
HALVES = """name: halves
variables: {w: 1}
layers: INPUT 9x11x3 -> [CONV3-{round(8*w)} -> BN -> RELU]*2 -> GAP -> FC-4
"""


def test_nets_that_share_little_are_compared_by_totals_stages_and_shares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No layer has a counterpart with matching inputs; the columns of layers are there on demand."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("name: a\nlayers: INPUT 8x8x3 -> CONV3-4 -> RELU -> GAP -> FC-2\n")
    (tmp_path / "b.yaml").write_text("name: b\nlayers: INPUT 8x8x3 -> [CONV5-6/2 -> BN -> GELU]*2 -> FLATTEN -> FC-9\n")

    lines = cnncalc("diff", "a.yaml", "b.yaml", "--verbose").stdout.splitlines()
    by_layer = cnncalc("diff", "a.yaml", "b.yaml", "--columns", "change,layer").stdout.splitlines()
    page = cnncalc("diff", "a.yaml", "b.yaml", "--format", "markdown").stdout
    found = json.loads(called("diff", "a.yaml", "b.yaml", "--format", "json").stdout)

    assert lines[1] == by_layer[1] == "the nets share little: 0 of 4 layers of a and of 8 of b"
    assert next(line for line in lines if line.startswith("8x8")).split() == [
        *("8x8", "3", "1", "448", "(98.7", "%)", "192", "(34.2", "%)", "112", "(91.8", "%)", "0"),
        *("6,912", "(99.9", "%)", "0"),
    ]
    assert any(line.startswith("shares       a: the first layer (conv1): 56.4 % of the activations") for line in lines)
    assert any(line.startswith("rule ") and "50 %" in line and "25 %" in line for line in lines)
    assert "added    bn1" in by_layer
    assert "| 4x4 |  | 3 |" in page
    assert found["shared"] == {"layers": 0, "before": 4, "after": 8, "shares_little": True}
    assert [stage["size"] for stage in found["stages"]] == [[8, 8], [4, 4], [2, 2], [1, 1]]
    assert found["layers"] != []
    for key in ("activations", "parameters", "macs"):
        total = next(each for each in found["totals"] if each["key"] == key)
        for side in ("before", "after"):
            assert sum(stage[side][key] for stage in found["stages"]) == total[side]


def test_a_net_is_compared_with_itself_at_another_width(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the filters change the convolutions, so the nets are compared layer by layer."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(HALVES)

    one = json.loads(called("diff", "net.yaml", "--set-after", "w=0.5", "--format", "json").stdout)
    both = called("diff", "net.yaml", "--set-before", "w=0.5", "--set-after", "w=2", "--format", "json")
    same = cnncalc("diff", "net.yaml", "--set-before", "w=1")

    totals = {each["key"]: (each["before"], each["after"]) for each in one["totals"]}
    assert totals["parameters"] == ((27 + 1) * 8 + (72 + 1) * 8 + 32 + 9 * 4, (27 + 1) * 4 + (36 + 1) * 4 + 16 + 5 * 4)
    assert one["shared"]["shares_little"] is False
    assert one["counts"]["changed"] == 2
    assert one["before"] != one["after"]
    assert json.loads(both.stdout)["layers"][0]["after"]["label"] == "CONV3-16"
    assert same.stdout.splitlines()[1].startswith("no difference")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (
            ("--set", "w=1", "--set-after", "w=2"),
            2,
            "error[usage]: 'w' is set for both nets by --set, and for one by --set-after\n"
            "  = hint: set it with --set-before and --set-after\n",
        ),
        (
            ("--set-before", "v=1"),
            0,
            "warning[no-effect]: --set-before v=1 has no effect: the design has no variable 'v' (it has w)\n",
        ),
    ],
)
def test_a_variable_of_one_net_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], status: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(HALVES)

    done = cnncalc("diff", "net.yaml", *words)

    assert (done.returncode, done.stderr) == (status, message)
    if status == 0:
        assert "v=1" not in done.stdout
        read = cnncalc("diff", "net.yaml", *words, "--set-after", "w=2").stdout
        assert "v=1" not in read
        assert "w=2" in read


def test_stages_of_nets_with_different_numbers_of_sides_are_compared_by_their_sizes() -> None:
    done = called(
        "diff", "INPUT 64x1 -> CONV3-4 -> BN -> GAP -> FC-2", "INPUT 4x6x8x3 -> [CONV3-5 -> SILU]*3 -> FLATTEN"
    )

    stages = done.stdout.partition("volumes of")[2]
    assert done.returncode == 0
    assert [line.split()[0] for line in stages.splitlines()[2:6]] == ["4x6x8", "64", "1x1x1", "1"]
