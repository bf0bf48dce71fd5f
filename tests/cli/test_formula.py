"""``cnncalc formula`` as users call it: tables, LaTeX, Python, JSON, exit codes and refusals."""

from __future__ import annotations

import csv
import io
import json
from fractions import Fraction
from typing import Any

import pytest

import cnncalc
from tests.calls import called

POOLED = "INPUT[32x32x3] -> CONV3-w -> POOL2 -> FC-10"
PLAIN = "INPUT[9x9x3] -> [CONV3-w(pad=1) -> RELU]*2 -> GAP -> FC-5"


def printed(*words: str) -> str:
    done = called("formula", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_whole_answer() -> None:
    assert printed(PLAIN, "--in", "w,H", "--of", "parameters,macs", "--verbose") == (
        "pattern: formulas in w, H\n"
        "values of the design: w=16, H=9\n"
        "without a value in the design, chosen: w=16\n"
        "\n"
        "figure      formula                   holds for\n"
        "----------  ------------------------  ----------\n"
        "parameters  9*w^2 + 34*w + 5          all values\n"
        "macs        81*w^2*H + 243*w*H + 5*w  all values\n"
        "\n"
        "layer  kind   parameters        macs\n"
        "-----  -----  ----------------  ------------------------\n"
        "input  input  0                 0\n"
        "conv1  conv   28*w              243*w*H\n"
        "relu1  relu   0                 0\n"
        "conv2  conv   9*w^2 + w         81*w^2*H\n"
        "relu2  relu   0                 0\n"
        "gap1   gap    0                 0\n"
        "fc1    fc     5*w + 5           5*w\n"
        "total         9*w^2 + 34*w + 5  81*w^2*H + 243*w*H + 5*w\n"
        "\n"
        "checked      parameters: found from 3 designs, compared with 20 others (w 2..913, H 1..979)\n"
        "             macs: found from 6 designs, compared with 20 others (w 2..913, H 1..979)\n"
        "conventions  counts are for one image; 1 MAC is one multiply and one add; '%' is the remainder, '^' the "
        "power\n"
    )


def test_the_python_functions_give_the_figures() -> None:
    """For each residue, and on arrays where there is one case."""
    text = printed(POOLED, "--as", "python")
    found: dict[str, Any] = {}
    exec(text, found)  # noqa: S102  # our own text

    for w, height, width in ((3, 32, 33), (5, 7, 9), (8, 64, 64)):
        totals = cnncalc.analyze(POOLED, variables={"w": w}, input=(height, width, 3)).totals
        for key in ("parameters", "macs", "activations"):
            assert found[key](w, height, width) == getattr(totals, key)
    with pytest.raises(ValueError, match="no formula for these values"):
        found["macs"](w, Fraction(1, 2), 3)
    np = pytest.importorskip("numpy")
    exec(printed(PLAIN, "--in", "w", "--of", "parameters", "--as", "python"), found)  # noqa: S102
    assert list(found["parameters"](np.arange(1, 4))) == [48, 109, 188]


def test_equations_in_latex() -> None:
    assert printed(PLAIN, "--in", "w", "--of", "parameters,output", "--as", "latex") == (
        "% Needs \\usepackage{amsmath} in the preamble.\n"
        "\\begin{align*}\n"
        "  \\text{parameters} &= 9 \\, w^{2} + 34 \\, w + 5 \\\\\n"
        "  \\text{output} &= [1 \\times 1 \\times 5]\n"
        "\\end{align*}\n"
    )


def test_tables_in_latex_have_formulas_in_mathematics() -> None:
    text = printed(POOLED, "--of", "macs", "--format", "latex", "--at", "H % 2 == 1", "--in", "w,H")

    assert r"macs & $464 \, w \, H - 80 \, w$" not in text
    assert r"$944 \, w \, H - 80 \, w$ & $H \bmod 2 = 1$ \\" in text


def test_json_holds_the_terms() -> None:
    data = json.loads(printed(POOLED, "--in", "H", "--of", "macs", "--set", "w=4", "--format", "json"))

    assert data["variables"] == [{"name": "H", "value": 32, "chosen": False}]
    (key,) = data["formulas"]
    assert [case["condition"] for case in key["cases"]] == ["H % 2 == 0", "H % 2 == 1"]
    (total,) = key["cases"][1]["total"]
    expected = cnncalc.analyze(POOLED, variables={"w": 4}, input=(33, 32, 3)).totals.macs
    terms = sum(each["coefficient"] * 33 ** each["powers"].get("H", 0) for each in total["terms"])
    assert terms == total["denominator"] * expected
    assert [layer["name"] for layer in data["layers"]] == ["input", "conv1", "pool1", "fc1"]
    assert data["layers"][1]["macs"][0]["text"] == "3456*H"


@pytest.mark.slow
def test_the_layers_add_up_to_the_total() -> None:
    rows = list(csv.DictReader(io.StringIO(printed("lenet5", "--format", "csv", "--in", "H,W"))))

    for key in ("parameters", "macs", "activations"):
        values = [eval(row[key].replace("^", "**"), {}, {"H": 32, "W": 32}) for row in rows]  # noqa: S307
        assert sum(values[:-1]) == values[-1] == getattr(cnncalc.analyze("lenet5").totals, key)


def test_blocks_are_summed() -> None:
    rows = list(csv.DictReader(io.StringIO(printed("resnet18", "--format", "csv", "--in", "classes", "--depth", "1"))))

    assert [row["layer"] for row in rows][5:9] == ["layer1", "layer2", "layer3", "layer4"]
    own = sum(int(row["parameters"]) for row in rows[:-2])
    assert rows[-1]["parameters"] == f"513*classes + {own}"


def test_many_residues_are_counted() -> None:
    text = printed("vgg16", "--no-by-layer", "--of", "macs")

    assert "macs    307904*H*W + 4096*classes + 16777216  H % 32 == 0, W % 32 == 0\n" in text
    assert 'macs: one of 1,024 cases, that of the design; --at "H % 32 == 1" chooses another\n' in text


def test_no_polynomial_is_exit_code_1() -> None:
    done = called("formula", "INPUT 8x8x3 -> CONV3-{2**m}", "--in", "m", "--of", "parameters,layers")

    assert done.returncode == 1
    assert "parameters  no polynomial in m of a degree up to 8, whatever its step" in done.stdout
    assert "layers      1 " in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            [PLAIN, "--in", "length"],
            "error[unknown-variable]: the design has no variable 'length'\n  = hint: it has w, H, W, depth, batch\n",
        ),
        ([PLAIN, "--in", "w,,H"], "error[usage]: --in: expected names separated by commas, found 'w,,H'\n"),
        (
            [PLAIN, "--of", "training_memory"],
            "error[unknown-key]: training_memory is the maximum of the bytes at many times, not a polynomial\n"
            "  = hint: the keys are parameters, weights, biases, trainable, buffers, activations, macs, flops, layers, "
            "parameter_memory, activation_memory, receptive_field, receptive_field_unclipped, output\n",
        ),
        (
            [PLAIN, "--as", "python", "--format", "csv"],
            "error[usage]: --format csv is for tables; --as python has its own format\n",
        ),
        (
            [PLAIN, "--at", "H % 2"],
            "error[usage]: --at chooses residues, as in H % 32 == 7, W % 32 == 0, or H=231; found 'H % 2'\n",
        ),
        (
            ["INPUT 8x8x3 -> CNOV3-w"],
            "<pattern>:1:16: error[unknown-layer]: no layer kind or block 'CNOV3'; did you mean 'CONV'?\n"
            "  |\n1 | INPUT 8x8x3 -> CNOV3-w\n  |                ^^^^^^^\n",
        ),
    ],
)
def test_refusals(words: list[str], message: str) -> None:
    done = called("formula", *words)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == message


def test_the_python_face_gives_the_same() -> None:
    found = cnncalc.formula(POOLED, ["w", "H"], of=["macs"], at="H % 2 == 1")

    assert str(found.of("macs").polynomial) == "944*w*H - 80*w"
    assert found.of("macs").at(w=3, H=33) == (
        cnncalc.analyze(POOLED, variables={"w": 3}, input=(33, 32, 3)).totals.macs,
    )
    with pytest.raises(cnncalc.ValueProblem, match="of: expected a list of names, found 'macs'"):
        cnncalc.formula(POOLED, of="macs")
