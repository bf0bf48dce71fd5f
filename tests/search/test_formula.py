"""Formulas: equal to the analysis of any member, with residues and limits, and refused where there are none."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

import cnncalc
from cnncalc.arguments import settings_of
from cnncalc.errors import DesignError, ValueProblem
from cnncalc.figures.measure import unclipped_of
from cnncalc.search.formula import formulas
from tests.random_nets import examples, random_design, seeds

if TYPE_CHECKING:
    from cnncalc.search.formula import Case, FormulaReport, KeyFormulas

COUNTS = ("parameters", "macs", "activations")
SIDES = ("H", "W")


def texts(key: KeyFormulas) -> list[tuple[str, str]]:
    """Condition and formula of each case."""
    return [(case.condition, " x ".join(map(str, case.total or ()))) for case in key.cases]


def member(target: str, values: dict[str, int], fixed: dict[str, Any] | None = None) -> cnncalc.Report:
    """The report of one member of a family on a plane."""
    first = next(row for row in cnncalc.analyze(target, variables=fixed or {}).layers if not row.sources).output
    size = (values.get("H", first[0]), values.get("W", first[1]), first[2])
    variables = {name: value for name, value in values.items() if name not in SIDES}
    return cnncalc.analyze(target, variables={**(fixed or {}), **variables}, input=size)


def points_of(case: Case, random: Random, count: int) -> list[dict[str, int]]:
    """Random values that fulfil the conditions of a case, from the least and the least compared ones on."""
    found = []
    for number in range(count):
        values = {}
        for each, (compared, _) in zip(case.conditions, case.ranges, strict=True):
            least = compared if number % 2 else each.least or Fraction(0)
            start = least + (each.residue - least) % each.step
            start += each.step if start == 0 else 0
            most = 9 if each.most is None else min(9, int((each.most - start) / each.step))
            values[each.name] = int(start + each.step * random.randint(0, most))
        found.append(values)
    return found


def compare(report: FormulaReport, target: str, random: Random, fixed: dict[str, Any], count: int = 2) -> int:
    """Compares the formulas of all cases, of the net and of its layers, with the analysis; returns how many points."""
    compared = 0
    for key in report.keys:
        for case in key.cases:
            for values in points_of(case, random, count):
                try:
                    net = member(target, values, fixed)
                except DesignError:
                    continue
                compared += 1
                assert case.total is not None
                assert case.total[0](**values) == getattr(net.totals, key.key), (key.key, values)
                for row, formula in zip(net.layers, case.layers, strict=False):
                    own = 0 if key.key == "activations" and row.in_place else getattr(row, key.key)
                    assert formula is not None
                    assert formula[0](**values) == own, (row.name, key.key, values)
    return compared


def random_family(random: Random) -> tuple[str, dict[str, int]]:
    """A pattern with the variables w, k, c, n, and values for them; sizes are divided and rounded in it."""
    items = ["INPUT 129x137x3"]  # large enough for as many kernels as a polynomial needs
    for _ in range(random.randint(2, 5)):
        items.append(
            random.choice(
                [
                    "CONV{k}-w -> RELU", "CONV3-w/2 -> BN -> RELU", "CONV{k}-{2*w}/2(pad=1)", "POOL", "POOL3/2",
                    "POOL3/2(round=ceil)", "DWCONV{k} -> BN", "CONV1-{w//2}", "CONV1-{depth//2}", "UPSAMPLE2",
                    "[CONV3-w(pad=same) | CONV1-c] -> CONCAT", "CONV1-{w*c} -> CONV3-{w*c}(groups=c)",
                    "[CONV3-w -> RELU]*n",
                    "CONV3-{make_divisible(w, 4)}/3", "DECONV2-c", "AVGPOOL2", "CONV3x5-c(dilation=2, pad=4)",
                ]
            )
        )  # fmt: skip
    items.append(random.choice(["GAP -> FC-c", "FC-c", "FC-{c*w} -> FC-10", "CONV1-c"]))
    return " -> ".join(items), {"w": 12, "k": 3, "c": 4, "n": 2}


@given(seeds)
@examples(6)
@pytest.mark.slow
def test_formulas_of_random_families_equal_the_analysis(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # the same families on every run
    target, values = random_family(random)
    used = {name: value for name, value in values.items() if any(f"{sign}{name}" in target for sign in "-{*=(")}
    names = [name for name in used if random.random() < 0.6] + [side for side in SIDES if random.random() < 0.6]
    settings = settings_of(variables=used)

    report = formulas(target, names or ["H"], COUNTS, settings=settings)

    assert all(key.cases for key in report.keys), [key.why for key in report.keys]
    assert compare(report, target, random, used) > 0


@given(seeds)
@examples(5)
@pytest.mark.slow
def test_formulas_of_random_nets_in_their_sides_equal_the_analysis(seed: int) -> None:
    target = random_design(seed).text

    report = formulas(target, None, COUNTS)

    compare(report, target, Random(seed), {}, count=1)  # noqa: S311  # the same points on every run


def test_a_formula_by_hand() -> None:
    """3*3*3*w + w, then 3*3*w*w + w, then 10*w + 10: 9*w^2 + 39*w + 10 parameters."""
    report = formulas("INPUT[32x32x3] -> [CONV3-w -> RELU]*2 -> GAP -> FC-10", ["w", "H"], ["parameters", "macs"])

    assert texts(report.of("parameters")) == [("", "9*w^2 + 39*w + 10")]
    assert texts(report.of("macs")) == [("", "288*w^2*H + 864*w*H + 10*w")]
    assert report.of("parameters").polynomial(w=64) == 9 * 64**2 + 39 * 64 + 10
    assert [str(each[0]) for each in report.of("parameters").cases[0].layers if each] == [
        *("0", "28*w", "0", "9*w^2 + w", "0", "0", "10*w + 10")
    ]
    assert report.chosen == {"w": 16}


def test_rounded_sizes_give_a_formula_for_each_residue() -> None:
    """A pool of 2 leaves out the last row of an odd height: (H - 1)/2 rows."""
    report = formulas("INPUT[32x32x1] -> POOL2", ["H"], ["activations", "output"])

    assert texts(report.of("output")) == [("H % 2 == 0", "H/2 x 16 x 1"), ("H % 2 == 1", "(H - 1)/2 x 16 x 1")]
    assert texts(report.of("activations")) == [("H % 2 == 0", "40*H"), ("H % 2 == 1", "40*H - 8")]
    assert report.of("activations").at(H=33) == (33 * 32 + 16 * 16,)


def test_the_first_residue_is_that_of_the_design() -> None:
    report = formulas("INPUT[33x32x1] -> POOL2", ["H"], ["output"])

    assert [condition for condition, _ in texts(report.of("output"))] == ["H % 2 == 1", "H % 2 == 0"]


def test_a_residue_that_a_first_line_does_not_show_is_found() -> None:
    """The floor of H/32 stays the same for many values in a row."""
    report = formulas("INPUT[224x224x1] -> POOL32 -> FC-10", ["H"], ["parameters"])

    assert report.of("parameters").case_count == 32
    assert [str(report.of("parameters").polynomial), report.of("parameters").cases[0].condition] == [
        *("(35*H + 160)/16", "H % 32 == 0")
    ]


@pytest.mark.parametrize(("at", "height"), [("H % 32 == 7", 231), ("H=231", 231), ("H % 64 == 7, W=225", 263)])
def test_a_residue_is_chosen(at: str, height: int) -> None:
    report = formulas("vgg16", ["H", "W"], ["macs"], at=at)
    case = report.of("macs").cases[0]
    width = 225 if "W" in at else 224

    assert len(report.of("macs").cases) == 1
    assert case.condition.startswith(f"H % {64 if '64' in at else 32} == 7")
    assert report.of("macs").at(H=height, W=width) == (cnncalc.analyze("vgg16", input=(height, width, 3)).totals.macs,)


def test_kernels_are_variables() -> None:
    """Of even kernels the usual pad loses a row and a column a layer."""
    report = formulas("INPUT[32x32x3] -> CONV{k}-8 -> CONV{k}-8", ["k", "H"], ["parameters", "output"])

    assert texts(report.of("parameters")) == [("", "88*k^2 + 16")]
    assert texts(report.of("output")) == [("k % 2 == 1", "H x 32 x 8"), ("k % 2 == 0", "H - 2 x 30 x 8")]


def test_the_depth_of_a_net_and_its_receptive_field() -> None:
    """n layers of kernel k see n*(k - 1) + 1; a pool of 2 adds 1 and doubles the steps behind it: 2*2 for CONV3."""
    target = "INPUT[64x64x3] -> [CONV{k}-8]*n -> POOL2 -> CONV3-8"
    report = formulas(target, ["k", "n"], ["layers", "receptive_field_unclipped"])
    field = report.of("receptive_field_unclipped")

    assert texts(report.of("layers")) == [("", "n + 1")]
    assert texts(field) == [("", "k*n - n + 6 x k*n - n + 6")]
    assert field.why_no_layers == "the layers are not the same for all values"
    assert field.cases[0].layers == ()
    row = cnncalc.analyze(target, variables={"k": 5, "n": 3}).layers[-1]
    assert field.at(k=5, n=3) == unclipped_of(row) == (18, 18)


def test_a_receptive_field_that_the_border_cuts_has_a_limit() -> None:
    report = formulas("INPUT[64x64x3] -> [CONV3-8]*4", ["H", "W"], ["receptive_field"])

    assert texts(report.of("receptive_field")) == [("H >= 9, W >= 9", "9 x 9")]


def test_limits_of_a_formula_are_found() -> None:
    report = formulas("INPUT[8x8x3] -> CONV3-{max(w, 10)} -> CONV3-{min(w, 40)}", ["w"], ["parameters"])
    settings = settings_of(variables={"w": 20})
    low = formulas("INPUT[8x8x3] -> CONV3-{max(w, 10)}", ["w"], ["parameters"], settings=settings)

    # w of the second layer: 10*9*w + w, and 28*10 of the first
    assert texts(report.of("parameters")) == [("w >= 10, w <= 40", "9*w^2 + 29*w")]
    assert texts(low.of("parameters")) == [("w >= 10", "28*w")]


def test_terms_that_vanish_in_the_design_are_found() -> None:
    """With one layer the weights grow with w, with more of them with w^2: (n - 1)*9*w^2 + 27*w, and a bias a filter."""
    settings = settings_of(variables={"n": 1, "w": 4})
    target = "INPUT[32x32x3] -> [CONV3-w -> RELU]*n -> GAP -> FC-10"
    report = formulas(target, ["w", "n"], ["parameters"], settings=settings)

    assert texts(report.of("parameters")) == [("n >= 1", "9*w^2*n - 9*w^2 + w*n + 37*w + 10")]


@pytest.mark.parametrize("width", [3, 4])  # 3: the part has the depth of its input
def test_a_part_that_is_repeated_0_times_has_other_figures(width: int) -> None:
    settings = settings_of(variables={"n": 2, "w": width})
    target = "INPUT[8x8x3] -> [CONV3-w -> RELU]*n -> CONV1-5"
    report = formulas(target, ["w", "n"], COUNTS, settings=settings)

    assert [report.of(key).cases[0].condition for key in COUNTS] == ["n >= 1", "n >= 1", ""]
    assert report.of("activations").at(w=7, n=0) == (member(target, {}, {"w": 7, "n": 0}).totals.activations,)
    with pytest.raises(ValueError, match="no formula for these values"):
        report.of("macs").at(w=7, n=0)


def test_designs_that_are_invalid_in_between_give_a_step_or_limits() -> None:
    """Windows of 7 divide maps of 4*7*k rows alone: between them nothing is known; WINDOW11 of one map has limits."""
    window = "INPUT 56x56x3 -> CONV4-8/4(pad=0) -> WINDOW7 -> UNWINDOW([14, 14])"
    report = formulas(window.partition(" -> UNWINDOW")[0], ["H"], ["macs"])
    fixed = formulas(window, ["H"], ["macs"])

    assert texts(report.of("macs")) == [("H % 28 == 0", "1344*H")]
    assert texts(fixed.of("macs")) == [("H >= 56, H <= 59", "75264")]


def test_decimals_are_variables() -> None:
    settings = settings_of(variables={"alpha": 0.5})
    report = formulas("INPUT[8x8x3] -> CONV3-{floor(64*alpha)}", ["alpha"], ["parameters"], settings=settings)
    key = report.of("parameters")

    assert (str(key.polynomial), key.at(alpha=Fraction(3, 2))) == ("1792*alpha", (28 * 96,))


@pytest.mark.parametrize(
    ("target", "name", "value", "other"),
    [
        ("INPUT 100x3 -> CONV5-8/2 -> POOL4", "length", 100, (103, 3)),
        ("INPUT 8x32x32x2 -> CONV3-8 -> POOL2", "frames", 8, (11, 32, 32, 2)),
        ("INPUT 32x32x3 -> CONV3-8", "depth", 3, (32, 32, 5)),
    ],
)
def test_other_sides_have_their_names(target: str, name: str, value: int, other: tuple[int, ...]) -> None:
    report = formulas(target, [name], COUNTS)
    net = cnncalc.analyze(target, input=other)
    changed = next(new for new, old in zip(other, cnncalc.analyze(target).layers[0].output, strict=True) if new != old)

    assert report.own == {name: value}
    assert [report.of(key).at(**{name: changed}) for key in COUNTS] == [
        *((net.totals.parameters,), (net.totals.macs,), (net.totals.activations,))
    ]


def test_bytes_follow_the_batch() -> None:
    report = formulas("INPUT 8x8x3 -> CONV3-w", None, ["activation_memory", "parameter_memory"])

    assert texts(report.of("activation_memory")) == [("", "4*w*H*W*batch + 12*H*W*batch")]
    assert texts(report.of("parameter_memory")) == [("", "112*w")]


def test_a_variable_without_a_polynomial_keeps_its_value() -> None:
    target = "INPUT 32x32x3 -> [CONV3-{4*2**i}]*m as i"
    report = formulas(target, None, ["parameters"], settings=settings_of(variables={"m": 2}))
    key = report.of("parameters")

    assert key.left_out == (("m", "no polynomial in m of a degree up to 8, whatever its step"),)
    assert (key.names, str(key.polynomial)) == (("H", "W"), str(4 * 28 + 8 * 37))
    named = formulas(target, ["m"], ["parameters"], settings=settings_of(variables={"m": 2})).of("parameters")
    assert (named.cases, named.why) == ((), "no polynomial in m of a degree up to 8, whatever its step")
    with pytest.raises(ValueError, match="parameters has no polynomial: no polynomial in m"):
        _ = named.polynomial


def test_a_variable_whose_own_value_has_no_formula_keeps_it() -> None:
    """The floor of 64/r is none, and 0 from 65 on: a bottleneck of at least 2 filters is a constant from r = 33 on."""
    settings = settings_of(variables={"r": 16})
    target = "INPUT 8x8x3 -> CONV1-{max(2, 64//r)} -> CONV1-w"
    usual = formulas(target, None, ["parameters"], settings=settings).of("parameters")
    named = formulas(target, ["r", "w"], ["parameters"], settings=settings).of("parameters")

    assert (usual.names, str(usual.polynomial)) == (("w", "H", "W"), "5*w + 16")
    assert [name for name, _ in usual.left_out] == ["r"]
    assert texts(named) == [("r >= 22", "3*w + 8")]
    assert named.note == "does not hold for the values of the design"


def test_designs_that_are_invalid_are_a_reason() -> None:
    report = formulas("INPUT 8x8x3 -> CONV3-64 -> CONV3-64(groups=g)", ["g"], ["parameters"])

    assert report.of("parameters").why == (
        "too few designs are valid for a polynomial in g; g=17: conv2: the depth must be divisible by groups, but "
        "depth 64 is not divisible by 17"
    )


FILE = """
variables: {w: 8, act: relu, bias: yes, stages: [[1, 8], [2, 16]]}
layers: INPUT 16x16x3 -> [[CONV3-d(bias=bias)]*n -> RELU -> POOL]*stages as n, d -> CONV3-w -> GAP -> FC-10
"""


@pytest.mark.parametrize(
    ("names", "keys", "message"),
    [
        (["bias"], COUNTS, "formulas are in numbers, but bias is not a number"),
        (["stages"], COUNTS, "but stages is a list: name its numbers, as in stages:"),
        (["lenght"], COUNTS, "the design has no variable 'lenght'"),
        (["w"], ["parms"], "no key 'parms'; did you mean 'parameters'?"),
        (["w"], ["training_memory"], "training_memory is the maximum of the bytes at many times, not a polynomial"),
    ],
)
def test_what_has_no_formula_is_refused(names: list[str], keys: list[str], message: str) -> None:
    text = FILE.replace("act: relu, ", "")
    with pytest.raises(ValueProblem) as error:
        formulas("-", names, keys, stdin=text)

    assert message in str(error.value)


def test_numbers_of_a_list_have_formulas_once_they_have_names() -> None:
    """The way out that the refusal of a list names."""
    text = FILE.replace("act: relu, ", "a: 8, b: 16, ").replace("[[1, 8], [2, 16]]", "[[1, '{a}'], [2, '{b}']]")
    report = formulas("-", ["a", "b"], ["parameters"], stdin=text)

    net = cnncalc.load("-", stdin=text, variables={"a": 5, "b": 9})
    assert report.of("parameters").at(a=5, b=9) == (cnncalc.analyze(net).totals.parameters,)


def test_a_design_that_is_invalid_is_refused() -> None:
    with pytest.raises(DesignError, match="the window must fit into the volume"):
        formulas("INPUT 2x2x3 -> CONV5-w(pad=0)")


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("H % 2", "--at chooses residues, as in H % 32 == 7, W % 32 == 0, or H=231; found 'H % 2'"),
        ("H % 2 == 2", "a residue of a division by 2 is less than 2, found H % 2 == 2"),
        ("H=3, H=4", "--at chooses two residues of H"),
        ("Z=3", "--at: the formulas have no variable 'Z'"),
    ],
)
def test_wrong_residues_are_refused(at: str, message: str) -> None:
    with pytest.raises(ValueProblem) as error:
        formulas("INPUT 8x8x3 -> POOL", None, COUNTS, at=at)

    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("net", "names", "others"),
    [
        ("vgg16", ["classes", "H", "W"], {"classes": 10, "H": 64, "W": 320}),
        ("resnet50", ["width", "H", "classes"], {"width": 3, "H": 416, "classes": 21}),
        pytest.param("densenet121", ["growth", "classes"], {"growth": 48, "classes": 7}, marks=pytest.mark.slow),
        pytest.param("wrn-28-10", ["n", "k"], {"n": 6, "k": 2}, marks=pytest.mark.slow),
    ],
)
def test_formulas_of_named_nets(net: str, names: list[str], others: dict[str, int]) -> None:
    report = formulas(net, names, COUNTS)
    own = {name: int(value) for name, value in report.own.items()}

    for values in (own, others):
        totals = member(net, values).totals
        assert [report.of(key).at(**{name: values[name] for name in names}) for key in COUNTS] == [
            *((totals.parameters,), (totals.macs,), (totals.activations,))
        ]
