"""Receptive fields, compared with the measured dependence of outputs on inputs in small nets."""

from __future__ import annotations

from itertools import combinations, product
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncalc import analyze
from cnncalc.analysis import intervals, reach
from cnncalc.analysis.cost import cost_of
from cnncalc.analysis.report import account
from cnncalc.errors import DesignError, ShapeError, ValueProblem
from cnncalc.language.reading import read_design
from cnncalc.layers import KINDS, resize
from cnncalc.layers.stencil import Stencil, count_of
from cnncalc.volume import Volume
from tests.analysis.reachability import dependence, exact_fields, random_net, random_net_of_sides
from tests.layer_cases import CASES, Case, bound
from tests.random_nets import examples, seeds

if TYPE_CHECKING:
    from collections.abc import Iterable


def fields(text: str) -> list[tuple[int, ...]]:
    return [row.receptive_field for row in analyze(text).layers]


def unclipped(text: str) -> list[tuple[int, ...] | None]:
    return [row.receptive_field_unclipped for row in analyze(text).layers]


# Random nets


@pytest.mark.slow
@examples(60)
@given(seeds)
def test_fields_are_exact_or_marked_as_upper_bounds(seed: int) -> None:
    """Nets with several inputs, forks, merges, borders, dilation, strides, resizing and rearranged elements."""
    random = Random(seed)  # noqa: S311
    report = account(random_net(random, layers=random.randint(1, 10)))
    for row, exact in zip(report.layers, exact_fields(report), strict=True):
        assert row.fields.keys() >= exact.keys(), row.name
        for name, field in row.fields.items():
            found = exact.get(name, (0, 0))
            if field.is_certain:
                assert field.size == found, (row.name, name)
            assert all(most >= size for most, size in zip(field.size, found, strict=True)), (row.name, name)
        if row.receptive_field_unclipped is not None:
            pairs = zip(row.receptive_field_unclipped, row.receptive_field, strict=True)
            assert all(endless >= size for endless, size in pairs), row.name


@examples(25)
@given(seeds)
def test_fields_on_one_to_three_sides_are_exact_or_marked_as_upper_bounds(seed: int) -> None:
    """Nets of one to three sides with layers that move, crop, resize and mix positions."""
    random = Random(seed)  # noqa: S311
    report = account(random_net_of_sides(random, layers=random.randint(1, 8)))
    for row, exact in zip(report.layers, exact_fields(report), strict=True):
        assert row.fields.keys() >= exact.keys(), row.name
        for name, field in row.fields.items():
            found = exact.get(name, (0,) * len(field.size))
            assert field.size == found or not field.is_certain, (row.name, name)
            assert all(most >= size for most, size in zip(field.size, found, strict=True)), (row.name, name)


@examples(30)
@given(seeds)
def test_upper_bounds_are_never_too_small(seed: int) -> None:
    """The same with low limits on what is computed position by position."""
    random = Random(seed)  # noqa: S311
    graph = random_net(random, layers=random.randint(1, 10))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "MAX_WORK", random.choice((0, 30, 200)))
        patch.setattr(intervals, "MAX_FIELDS", random.choice((0, 3, 100)))
        patch.setattr(intervals, "MAX_PERIOD", random.choice((1, 3, 512)))
        patch.setattr(reach, "MAX_POSITIONS", random.choice((0, 2_500)))
        report = account(graph)
    for row, exact in zip(report.layers, exact_fields(report), strict=True):
        for name, found in exact.items():
            size = row.fields[name].size if name in row.fields else row.receptive_field
            if row.receptive_field_is_exact:
                assert size == found, (row.name, name)
            assert all(most >= least for most, least in zip(size, found, strict=True)), (row.name, name)


@given(st.integers(0, 5), st.integers(-9, 9), st.integers(1, 5), st.integers(1, 4), st.integers(1, 6))
def test_a_window_contains_the_inputs_of_its_definition(
    step: int, start: int, count: int, gap: int, parts: int
) -> None:
    """The inputs i of output o are those with parts*i = step*o + an offset."""
    stencil = Stencil(step, range(start, start + gap * count, gap), parts)
    for output in range(12):
        expected = [i for i in range(-40, 90) if parts * i - step * output in stencil.offsets]
        assert list(stencil.window(output)) == expected


# All small nets

SEQUENCE_LAYERS = (
    "CONV3-1", "CONV3-1/2", "CONV2-1/3(pad=1)", "CONV1-1/4(pad=2)", "CONV3-1(dilation=2)", "PAD([2, 1])",
    "PAD([-1, 0])", "PAD([3, -1])", "UPSAMPLE2", "UPSAMPLE3", "DECONV3-1/2", "DECONV1-1/2", "DECONV3-1/2(dilation=2)",
    "RESIZE7", "AVGPOOL(output=3)", "ROLL1", "GAP",
)  # fmt: skip
"""Layers on a sequence with every kind of border, step and period."""


def differences(texts: Iterable[str]) -> tuple[int, list[str]]:
    """How many of these nets are valid, and those with a field that is not the measured one or marked as a bound."""
    count, wrong = 0, []
    for text in texts:
        try:
            report = analyze(text)
        except DesignError:
            continue
        count += 1
        for row, exact in zip(report.layers, exact_fields(report), strict=True):
            if exact != {name: field.size for name, field in row.fields.items() if field.is_certain}:
                wrong.append(f"{text}: {row.name}")
    return count, wrong


@pytest.mark.parametrize("depth", [1, 16, 40])
def test_the_reference_of_attention_sees_every_position_at_any_depth(depth: int) -> None:
    """Its softmax must not saturate: then one position would take all, and the others would seem to have no effect."""
    for inputs in ((Volume(12, depth),), (Volume(12, depth), Volume(7, depth))):
        marks = dependence(KINDS["attention"](heads=1).on(1), inputs, len(inputs) - 1)
        seen = marks.reshape(12, depth, inputs[-1].positions, depth)
        assert seen.any(axis=(1, 3)).all()


@pytest.mark.slow
def test_two_layers_on_a_sequence_have_the_measured_field() -> None:
    texts = [f"INPUT 8x1 -> {one} -> {other}" for one, other in product(SEQUENCE_LAYERS, repeat=2)]

    assert differences(texts) == (len(texts) - 2, [])  # GAP leaves nothing to crop


@pytest.mark.slow
def test_two_branches_on_a_sequence_have_the_measured_field() -> None:
    """Branches of equal sizes: with a rule and without, shifted, cropped, with gaps, and that see everything."""
    branches = (
        *("", "CONV3-1", "CONV3-1(dilation=2)", "UPSAMPLE2 -> CONV3-1/2", "PAD([3, -3])", "PAD([-1, 1])", "ROLL1"),
        *("PAD([-2, -1]) -> IN -> PAD([2, 1])", "IN -> PAD([1, -1])", "IN -> PAD([-1, 1])", "IN"),
        *("PAD([-2, -1]) -> CONV4-1(pad=3)", "PAD([-2, -1]) -> IN -> CONV4-1(pad=3)", "CONV9-1"),
        "CONV2-1(dilation=2, pad=1)",
    )
    texts = [
        f"INPUT 8x1 -> [{one} | {other}] -> ADD -> {behind}"
        for one, other in combinations(branches, 2)
        for behind in ("CONV3-1", "PAD([0, -7])", "PAD([-7, 0])")
    ]

    assert differences(texts) == (len(texts), [])


def listed(field: reach.Field) -> intervals.Listed:
    """What each output of a sequence sees."""
    return field.sides[0].as_listed() if field.boxes is None else field.boxes.sides[0]


def test_a_merge_sees_at_every_output_what_its_branches_see_there() -> None:
    """Two and three branches of eight outputs, and of the first, the last or two of them."""
    branches = (
        *("", "CONV3-1", "CONV3-1(dilation=2)", "PAD([3, -3])", "PAD([-1, 1])", "ROLL1", "CONV9-1", "ROLL1 -> CONV3-1"),
        *("PAD([-2, -1]) -> IN -> PAD([2, 1])", "IN -> PAD([1, -1])", "IN -> PAD([-1, 1])", "IN"),
        *("PAD([-2, -1]) -> CONV4-1(pad=3)", "PAD([-1, -2]) -> CONV4-1(pad=3)", "CONV2-1(dilation=2, pad=1)"),
        *("UPSAMPLE3 -> CONV1-1/2 -> UPSAMPLE2 -> CONV1-1/3", "UPSAMPLE2 -> PAD(-4)", "CONV3-1/2 -> PAD(2)"),
        "PAD([-2, -1]) -> IN -> CONV4-1(pad=3)",
    )
    for cut in ("", " -> PAD([0, -7])", " -> PAD([-7, 0])", " -> PAD(-3)"):
        reports = [analyze(f"INPUT 8x1 -> IDENTITY -> {branch or 'IDENTITY'}{cut}") for branch in branches]
        seen = [field for report in reports for field in report.layers[-1].fields.values()]
        for some in (*combinations(seen, 2), *combinations(seen, 3)):
            merged = reach.joined(some, intervals.Work(), is_stacked=False)
            lists = [listed(field) for field in some]
            union = [*map(min, *[one.lows for one in lists])], [*map(max, *[one.highs for one in lists])]
            assert merged.is_certain
            assert ([*listed(merged).lows], [*listed(merged).highs]) == union, some
            if all(field.boxes is None for field in some):  # then the sides are exact, too
                found = merged.sides[0].as_listed()
                assert ([*found.lows], [*found.highs]) == union, some


# Computed by hand


def test_three_small_windows_have_the_field_of_a_large_one() -> None:
    """CS231n: a stack of three 3x3 layers sees 7x7."""
    assert fields("INPUT 20x30x3 -> [CONV3-4]*3")[-1] == fields("INPUT 20x30x3 -> CONV7-4")[-1] == (7, 7)


def test_the_field_is_clipped_at_the_border() -> None:
    text = "INPUT 4x9x3 -> [CONV3-4]*3"
    assert fields(text) == [(1, 1), (3, 3), (4, 5), (4, 7)]
    assert unclipped(text) == [(1, 1), (3, 3), (5, 5), (7, 7)]
    # a single window that begins in the padding: rows -1, 0, 1
    assert fields("INPUT 3x3x1 -> CONV3-1/4")[-1] == (2, 2)


def test_published_fields_without_borders() -> None:
    """Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks", Table 1."""
    for net, size in (("alexnet", 195), ("vgg16", 212), ("resnet50", 483), ("resnet101", 1027), ("resnet152", 1507)):
        report = analyze(net)
        row = [row for row in report.layers if row.receptive_field_unclipped is not None][-1]
        assert row.receptive_field_unclipped == (size, size), net
        assert report.layers[-1].receptive_field_unclipped is None, net


def test_dilation_spreads_a_window() -> None:
    """dilation*(kernel-1) + 1 = 3*(3-1) + 1 = 7."""
    assert fields("INPUT 20x30x3 -> CONV3-4(dilation=3)")[-1] == (7, 7)


def test_only_the_elements_of_a_dilated_window_inside_the_volume_count() -> None:
    """One window with rows -1, 2 and 5: its first row inside the volume is 2."""
    assert fields("INPUT 6x6x1 -> CONV3-1/4(dilation=3, pad=1)")[-1] == (4, 4)


def test_a_dilated_transposed_convolution_is_followed_exactly() -> None:
    """Input i reaches outputs 2*i, 2*i + 2 and 2*i + 4: even outputs see three inputs, odd ones none."""
    assert fields("INPUT 8x8x1 -> DECONV3-1/2(dilation=2)")[-1] == (3, 3)
    assert fields("INPUT 8x8x1 -> DECONV3-1/2(dilation=3)")[-1] == (4, 4)


@pytest.mark.parametrize("layer", ["FC-3", "GAP", "GMP", "FLATTEN", "LN", "IN", "GN1", "RBF-2", "RESHAPE 1x1x336"])
def test_layers_that_see_the_whole_plane_see_every_pixel_that_an_earlier_layer_reads(layer: str) -> None:
    text = f"INPUT 8x14x3 -> {layer} -> RELU"
    assert fields(text) == [(1, 1), (8, 14), (8, 14)]
    assert unclipped(text) == [(1, 1), None, None]
    assert fields(f"INPUT 8x14x3 -> PAD([-1, 0, 0, -2]) -> {layer.replace('336', '252')} -> RELU")[-1] == (7, 12)


@pytest.mark.parametrize("layer", ["BN", "LRN", "LN(axes=depth)", "SOFTMAX", "SHUFFLE3", "RESHAPE 8x14x3", "SLICE(1)"])
def test_layers_that_see_one_position_do_not_change_the_field(layer: str) -> None:
    assert fields(f"INPUT 8x14x3 -> CONV3-3 -> {layer}")[-1] == (3, 3)


def test_a_reshape_is_followed_element_by_element() -> None:
    """Row d of [4x16x1] has the 16 positions of map d; row i of [2x8x4] has rows 2i and 2i + 1 of each map."""
    assert fields("INPUT 4x4x4 -> RESHAPE 4x16x1")[-1] == (1, 1)
    assert fields("INPUT 4x4x4 -> RESHAPE 4x16x1 -> CONV1x3-1(pad=0)")[-1] == (2, 4)
    assert fields("INPUT 4x4x4 -> RESHAPE 2x8x4 -> CONV1x8-1(pad=0)")[-1] == (2, 4)
    # each position of [2x1x32] contains half of the positions of all maps
    assert fields("INPUT 4x4x4 -> RESHAPE 2x1x32")[-1] == (4, 3)


# Merges


def test_the_field_of_a_merge_is_the_union_of_its_branches() -> None:
    report = analyze("INPUT 20x30x3 -> [CONV1-3 | CONV3-3 | CONV3-3 -> CONV3-3 | ] -> ADD -> CONV3-1")
    assert [row.receptive_field[0] for row in report.layers] == [1, 1, 3, 3, 5, 5, 7]


def test_shifted_branches_together_have_a_larger_field() -> None:
    assert fields("INPUT 24x24x3 -> [PAD([1, 0, -1, 0]) | ] -> ADD")[-1] == (2, 1)
    # rows o - 1, o and o + 2 to o + 4
    assert fields("INPUT 24x24x3 -> [PAD([1, 0, -1, 0]) | CONV3-3 -> PAD([-3, 0, 3, 0])] -> ADD")[-1] == (6, 3)


def test_positions_at_which_a_branch_sees_nothing_do_not_count() -> None:
    """The upper half of the sum comes from one branch, the lower half from the other; no output sees both."""
    text = "INPUT 8x8x1 -> [PAD([4, 1, -4, -1]) | PAD([-4, -1, 4, 1])] -> ADD"
    assert fields(text)[-1] == (1, 1)
    assert analyze(text).layers[-1].receptive_field_is_exact
    for side, is_exact in ((50, True), (52, False)):  # up to 2,500 positions are listed
        large = analyze(text.replace("8x8", f"{side}x{side}").replace("4", f"{side // 2}")).layers[-1]
        assert large.receptive_field_is_exact == is_exact


@pytest.mark.parametrize(
    ("layers", "is_exact"),
    [
        ("[CONV3-3 | RELU] -> CONCAT -> [PAD([1, 0, -1, 0]) | ] -> ADD", True),
        ("[CONV3-3 | RELU] -> CONCAT -> [PAD([1, 0, -1, 0]) | ] -> ADD -> SLICE(3, to=6)", False),
        ("[[IN | RELU] -> CONCAT | IN] -> CONCAT -> SLICE(3, to=6)", False),
        ("[CONV3-3 | CONV5-3] -> CONCAT -> [SLICE(0, to=3) -> CONV5-3 | CONV1-3] -> ADD", False),
        ("[CONV3-3 | CONV5-3] -> CONCAT -> [CONV1-3 | SLICE(0, to=3) -> CONV5-3] -> ADD", False),
        ("[CONV3-3 | RELU] -> CONCAT -> [DWCONV3 | TANH] -> ADD -> SLICE(3, to=6)", False),
        ("[CONV3-3 | RELU] -> CONCAT -> [DWCONV3 | CONV1-6] -> ADD -> SLICE(3, to=6)", False),
        ("[SEQUENCE -> CONV3-3 | SEQUENCE -> CONV5-3] -> ADD", True),
        ("[PAD([-4, -4, 0, 0]) -> SEQUENCE -> IN | PAD([0, 0, -4, -4]) -> SEQUENCE -> IN] -> ADD", True),
        # rows 0 and 7, each with rows 3 and 4: extents of 5, not 8
        ("[CONV1-3/7 -> SEQUENCE | PAD(-3) -> SEQUENCE -> IN] -> ADD", False),
    ],
)
def test_merges_of_listed_and_folded_fields_are_exact_or_upper_bounds(layers: str, is_exact: bool) -> None:
    report = analyze(f"INPUT 8x8x3 -> {layers}")
    (field,) = report.layers[-1].fields.values()
    assert field.is_certain == is_exact
    assert ({"input": field.size} == exact_fields(report)[-1]) == is_exact


def test_a_merge_on_a_large_plane_with_listed_positions_is_exact() -> None:
    """Each of 58x58 positions sees itself and a neighbour, but row and column 0 and 59 of the roll."""
    assert fields("INPUT 60x60x1 -> [ROLL1 | ] -> ADD -> PAD(-1)")[-1] == (2, 2)


@pytest.mark.parametrize("other", ["PAD([0, 0, -40, -40]) -> [PAD([0, 1, 0, -1]) | ]", "| PAD([0, 1, -40, -41])"])
def test_a_merge_with_a_field_whose_sides_depend_on_each_other_is_an_upper_bound(other: str) -> None:
    """In row 0 one branch sees nothing: an output there sees two columns, not nine."""
    merge = "[PAD([1, 0, -1, 0]) -> CONV1x9-1 | ] -> ADD"
    whole = f"[{merge} -> PAD([0, 0, -40, -40]) {other}]" if other.startswith("|") else f"{merge} -> {other}"
    (field,) = analyze(f"INPUT 80x80x1 -> {whole} -> ADD -> PAD([0, 0, -39, 0])").layers[-1].fields.values()
    assert not field.is_certain
    assert field.size[1] >= 2


def test_equal_branches_leave_the_field_as_it_is() -> None:
    """The first row has one branch less; two such fields could not be joined exactly."""
    text = "INPUT 80x80x1 -> [PAD([1, 0, -1, 0]) | ] -> ADD -> PAD([0, 0, -40, -40]) -> [ | ] -> ADD"
    assert (fields(text)[-1], analyze(text).layers[-1].receptive_field_is_exact) == ((2, 1), True)


def test_large_planes_with_a_padded_branch_stay_exact() -> None:
    """A decoder pads a map in this way to the size of the map that it is merged with."""
    pad = "PAD([0, 0, 1, 1])"
    row = analyze(f"INPUT 300x300x1 -> [POOL2 -> UPSAMPLE2 -> {pad} | {pad}] -> CONCAT -> CONV3-1").layers[-1]
    assert row.receptive_field == (4, 4)
    assert row.receptive_field_is_exact


def test_the_field_is_the_whole_plane_if_one_branch_sees_it() -> None:
    text = "INPUT 20x30x3 -> CONV3-3 -> [ | GAP -> CONV1-3 -> SIGMOID] -> MUL"
    assert fields(text)[-1] == (20, 30)
    assert unclipped(text)[-1] is None
    for some in ("PAD(-1) -> IN -> PAD(1) | ", " | PAD(-1) -> IN -> PAD(1)"):  # all but the border
        row = analyze(f"INPUT 20x30x3 -> [{some}] -> ADD").layers[-1]
        assert (row.receptive_field, row.receptive_field_unclipped, row.sees_all) == ((18, 28), None, True)


def test_every_unit_sees_what_the_whole_volume_before_it_sees() -> None:
    """Maps of SPACE2DEPTH see different pixels, so a few of them may see less; units see all of them."""
    for between, is_exact in (("", False), ("FC-8 -> ", True), ("RBF-8 -> ", True), ("LINEAR-8 -> ", True)):
        row = analyze(f"INPUT 8x8x3 -> SPACE2DEPTH -> {between}SLICE(4)").layers[-1]
        assert row.receptive_field_is_exact == is_exact


def test_a_merge_has_a_rule_without_borders_if_its_branches_advance_equally(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second element twice, 0 0 2 2 4 4, together with the one before each: -1 to 0, 0, 1 to 2, 2."""
    pairs = "UPSAMPLE3 -> CONV1-1/2 -> UPSAMPLE2 -> CONV1-1/3"
    for branches in (f"{pairs} | PAD([1, -1])", f"PAD([1, -1]) | {pairs}"):
        assert unclipped(f"INPUT 24x1 -> [{branches}] -> ADD")[-1] == (2,)
    for branches in ("CONV1-1/2 -> PAD(2) | ", " | CONV1-1/2 -> PAD(2)", "IN | ", " | IN"):
        assert unclipped(f"INPUT 8x1 -> [{branches}] -> ADD")[-1] is None
    two = intervals.Side(6, intervals.Endless(2, 2, (0, 1), (0, 3)), 0, 7, 0, 5)
    three = intervals.Side(6, intervals.Endless(3, 3, (0, 1, 2), (0, 1, 9)), 0, 7, 0, 5)
    for most, size in ((6, (8,)), (5, None)):
        monkeypatch.setattr(intervals, "MAX_PERIOD", most)
        merged = reach.joined([reach.Field((two,)), reach.Field((three,))], intervals.Work(), is_stacked=False)
        assert merged.unclipped == size
        assert merged.is_certain


@pytest.mark.parametrize("stride", [999, 2**31])
@pytest.mark.parametrize("before", ["", "ROLL1 -> ", "PERMUTE(order=[width, height, depth]) -> "])
def test_outputs_that_see_nothing_count_as_work(before: str, stride: int) -> None:
    """The first output of such a DECONV depends on no input; with the large stride there are billions of them."""
    row = analyze(f"INPUT 8x4x3 -> {before}DECONV1-1/{stride}(pad=1)").layers[-1]
    assert row.receptive_field == ((1, 1) if row.receptive_field_is_exact else (8, 4))


def test_each_input_has_its_own_field_and_the_largest_counts() -> None:
    report = analyze("[INPUT 8x9x3 -> CONV3-2 | INPUT 8x9x3 -> CONV5x1-2] -> CONCAT -> CONV3-2")
    assert [row.receptive_field for row in report.layers] == [(1, 1), (3, 3), (1, 1), (5, 1), (5, 3), (7, 5)]
    assert report.layers[-1].receptive_fields == {"input1": (5, 5), "input2": (7, 3)}
    assert report.layer("conv1").receptive_fields == {"input1": (3, 3)}


def test_a_broadcast_volume_is_seen_at_every_position() -> None:
    row = analyze("[INPUT 1x1x3 | INPUT 8x9x3] -> MUL -> CONV3-2").layers[-1]
    assert row.receptive_fields == {"input1": (1, 1), "input2": (3, 3)}


def test_fields_of_many_inputs_are_separate_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"[{' | '.join(['INPUT 4x5x1'] * 20)}] -> CONCAT -> CONV3-1"
    row = analyze(text).layers[-1]
    assert set(row.receptive_fields.values()) == {(3, 3)}
    assert len(row.receptive_fields) == 20
    monkeypatch.setattr(intervals, "MAX_FIELDS", 10)
    row = analyze(text).layers[-1]
    assert (row.receptive_field, row.receptive_field_is_exact, row.receptive_fields) == ((4, 5), False, {})


# Bounds


@pytest.mark.parametrize(
    ("text", "is_exact"),
    [
        ("CONCAT -> SLICE(0, to=3)", False),
        ("CONCAT -> SLICE(0, to=3) -> CONV3-1", False),
        ("CONCAT -> SLICE(0, to=6)", True),
        ("CONCAT -> CONV1-6 -> SLICE(0, to=3)", True),
        ("CONCAT -> CONV1-6(groups=2) -> SLICE(0, to=3)", False),
        ("CONCAT -> CONV1-2(groups=2)", True),
        ("CONCAT -> CONV1-1(connections=[[0, 1]])", False),
        ("CONCAT -> CONV1-2(connections=[[0, 1, 2], [3, 4, 5]])", True),
        ("CONCAT -> RESHAPE 8x16x3", False),
        ("ADD -> SLICE(0, to=1)", True),
        ("ADD -> FLATTEN -> SLICE(0, to=3)", False),
        ("ADD -> FC-9 -> SLICE(0, to=3)", True),
    ],
)
def test_a_slice_of_channels_with_different_fields_has_an_upper_bound(text: str, is_exact: bool) -> None:
    row = analyze(f"INPUT 8x8x3 -> [CONV3-3 | CONV5-3] -> {text}").layers[-1]
    assert row.receptive_field_is_exact == is_exact


@pytest.mark.parametrize(
    ("branches", "is_exact"),
    [
        ("IN | RELU", False),
        ("RELU | IN", False),
        ("IN | GAP -> UPSAMPLE8", True),
        ("PERMUTE([width, height, depth]) -> CONV3x1-3 | PERMUTE([width, height, depth]) -> CONV1x3-3", False),
        ("PERMUTE([width, height, depth]) -> CONV3-3 | PERMUTE([width, height, depth]) -> CONV3-3", True),
    ],
)
def test_channels_of_branches_with_different_fields_are_told_apart(branches: str, is_exact: bool) -> None:
    """A slice may hold channels of one branch alone, which sees less than both together; a sum has channels of both."""
    for merge, expected in (("CONCAT", is_exact), ("ADD", True)):
        for cut in ("SLICE(0, to=3)", "SLICE(3, to=6)" if merge == "CONCAT" else "SLICE(1, to=2)"):
            report = analyze(f"INPUT 8x8x3 -> [{branches}] -> {merge} -> {cut}")
            (field,) = report.layers[-1].fields.values()
            assert field.is_certain == expected
            assert not expected or {"input": field.size} == exact_fields(report)[-1]


@pytest.mark.parametrize(
    ("text", "is_exact"),
    [
        ("INPUT 4x2x4x1 -> RESHAPE 4x8x1x1 -> RESHAPE 4x8x1", True),  # a single channel
        ("INPUT 6x2x1 -> RESHAPE 3x4x1 -> PERMUTE([depth, width, height])", True),
        ("INPUT 6x2x1 -> RESHAPE 3x4x1 -> PERMUTE([depth, width, height]) -> RESHAPE 3x4", False),
        ("INPUT 2x1x4 -> RESHAPE 2x4 -> SLICE(1, to=3)", True),  # the depth stays
        ("INPUT 2x1x4 -> RESHAPE 4x2 -> SLICE(1)", False),
        ("INPUT 4x3x4 -> LN -> RESHAPE 6x2x4 -> SLICE(1)", True),  # all positions see the same
        ("INPUT 4x3x4 -> CONV9-4 -> RESHAPE 3x2x8 -> SLICE(1)", True),
        ("INPUT 4x3x4 -> CONV3-4 -> RESHAPE 3x2x8 -> SLICE(1)", False),
        ("INPUT 4x3x4 -> LN -> PAD([1, 0]) -> RESHAPE 6x2x6 -> SLICE(1)", False),  # some see nothing
        ("INPUT 4x3 -> SEQUENCE -> LN(axes=volume) -> RESHAPE 2x6 -> RESHAPE 6x2 -> SLICE(1)", True),
        ("INPUT 3x1 -> DECONV1-4/2 -> RESHAPE 4x5 -> SLICE(1)", False),
        ("INPUT 4x3x4 -> [LN | PAD([0, 0], depth=[1, 0]) -> SLICE(0, 4)] -> ADD -> SLICE(1)", True),
        ("INPUT 4x3x4 -> [LN | PAD([0, 0], depth=[1, 0])] -> CONCAT -> SLICE(1)", False),
        ("INPUT 5x3 -> [CONV5-3 | ] -> MATMUL(transpose=yes) -> SLICE(1)", False),
        ("INPUT 5x3 -> [LN(axes=volume) | ] -> MATMUL(transpose=yes) -> SLICE(1)", True),
        ("[INPUT 5x3 | INPUT 4x3] -> MATMUL(transpose=yes) -> SLICE(1, to=2)", False),
        ("INPUT 5x3 -> [ | FC-6 -> SLICE(1, to=4)] -> MATMUL(transpose=yes)", True),
    ],
)
def test_all_channels_see_the_same_where_a_rule_says_so(text: str, is_exact: bool) -> None:
    """A single channel, a depth that stays, positions that see the same, a branch that sees everything."""
    report = analyze(text)
    row = report.layers[-1]

    assert row.receptive_field_is_exact == is_exact
    exact = exact_fields(report)[row.index]
    for name, size in row.receptive_fields.items():
        assert (
            size == exact[name] if is_exact else all(most >= own for most, own in zip(size, exact[name], strict=True))
        )


@pytest.mark.parametrize(
    ("text", "is_exact"),
    [
        ("PAD(0, depth=[1, 0])", True),
        ("PAD(0, depth=[1, 0]) -> SLICE(0, to=1)", False),  # a channel of zeros
        ("PAD(0, depth=[1, 0]) -> PAD(0, depth=[0, 2])", True),
        ("CONV1-3@a -> PAD(0, depth=[1, 0]) -> SLICE(0, to=3) -> ADD(@a)", True),  # @a sees it anyway
        ("CONV1-3@a -> PAD(0, depth=[1, 0]) -> SLICE(0, to=3) -> CONCAT(@a) -> SLICE(0, to=1)", False),
        ("PAD(0, depth=[1, 0]) -> CONV1-2 -> SLICE(0, to=1)", True),
        ("PAD(0, depth=[1, 0]) -> PERMUTE([depth, width, height]) -> CONV1-2/3", False),
    ],
)
def test_channels_of_zeros_see_nothing(text: str, is_exact: bool) -> None:
    row = analyze(f"INPUT 8x8x3 -> {text}").layers[-1]
    assert row.receptive_field_is_exact == is_exact


def test_zero_rows_between_the_windows_of_a_transposed_convolution_see_nothing() -> None:
    """DECONV1/2 inserts a zero row between any two rows; windows that begin at 1, 3, 5, ... see only zero rows."""
    text = "INPUT 8x8x3 -> CONV1-3/2 -> DECONV1-3/2 -> PAD([1, 0, 0, 0]) -> POOL1/2"
    assert fields(text) == [(1, 1), (1, 1), (1, 1), (1, 1), (0, 0)]
    assert analyze(text).layers[-1].fields == {}


@pytest.mark.parametrize(
    ("layers", "field", "is_exact"),
    [
        ("PAD([2, 0]) -> SLICE(0, 1, axis=length)", (0, 0), True),
        ("PAD([2, 0]) -> SLICE(0, 3, axis=length)", (4, 4), True),
        ("PAD([2, 0]) -> ATTENTION(heads=1) -> SLICE(0, 1, axis=length)", (4, 4), True),
        ("PAD([2, 0]) -> PERMUTE([depth, length])", (4, 4), False),  # which rows are zero is not known
        ("DECONV1-1/2", (4, 4), False),
        ("PAD([2, 0])@a -> CONV1-1 -> ADD(@a)", (4, 4), True),
        ("CONV1-1@a -> PAD([16, 0]) -> SLICE(0, 16, axis=length)", (0, 0), True),
        ("POOL(output=16)@p -> SLICE(0, 1, axis=length)", (4, 4), True),
    ],
)
def test_rows_of_padding_after_a_layer_that_mixes_all_positions_see_nothing(
    layers: str, field: tuple[int, ...], is_exact: bool
) -> None:
    """A sequence made of a plane: what each position sees of the plane is not listed once all see everything."""
    report = analyze(f"INPUT 4x4x1 -> SEQUENCE -> ATTENTION(heads=1) -> {layers}")

    assert report.layers[-1].receptive_field == field
    assert report.layers[-1].receptive_field_is_exact == is_exact
    assert not is_exact or exact_fields(report)[-1] == ({"input": field} if max(field) else {})


def test_the_fixed_places_of_windows_of_one_position_see_nothing_of_a_folded_plane() -> None:
    report = analyze("INPUT 4x1x1 -> SEQUENCE -> [ATTENTION(heads=1) -> POOL(output=4)@p -> GAP | UNPOOL(@p)]")
    row = report.layer("unpool1")

    assert row.receptive_field_is_exact
    assert row.receptive_field == exact_fields(report)[row.index]["input"] == (1, 1)


def test_too_many_resizings_give_an_upper_bound() -> None:
    """Factors of 7/6, 11/10, 13/12 and 17/16: the period of the windows becomes too long to follow."""
    chain = " -> ".join(
        f"UPSAMPLE{up} -> AVGPOOL{down}/{down}(round=ceil)" for up, down in ((7, 6), (11, 10), (13, 12), (17, 16))
    )
    row = analyze(f"INPUT 60x60x1 -> {chain}").layers[-1]
    assert (row.receptive_field_is_exact, row.receptive_field_unclipped) == (True, None)
    row = analyze(f"INPUT 90000x60x1 -> {chain}").layers[-1]
    assert not row.receptive_field_is_exact
    assert row.receptive_field[0] >= 5


def test_fields_on_planes_of_any_size_are_computed_by_formula() -> None:
    """Sizes of 17 digits: nothing is computed pixel by pixel."""
    side = 10**17
    text = f"INPUT {side}x9x1 -> [CONV3-1]*2 -> POOL2 -> [CONV3-1/2 | CONV1-1/2] -> ADD -> UPSAMPLE2 -> CONV3-1 -> GAP"
    assert fields(text)[-2:] == [(14, 9), (side, 9)]
    assert all(row.receptive_field_is_exact for row in analyze(text).layers)


def test_branches_with_different_borders_have_a_rule_on_a_side_of_any_length() -> None:
    """A window of 9 contains one of 4 whose input is cropped, also where each is cut by its own border."""
    for branches in ("PAD([-2, -1]) -> CONV4-1(pad=3) | CONV9-1", "CONV9-1 | PAD([-2, -1]) -> CONV4-1(pad=3)"):
        (field,) = analyze(f"INPUT {10**17}x1 -> [{branches}] -> ADD").layers[-1].fields.values()
        assert (field.size, field.is_certain) == ((9,), True)
    for branches in ("IN | ", " | IN", "IN -> PAD([1, -1]) | PAD([1, -1])"):
        (field,) = analyze(f"INPUT {10**17}x1 -> [{branches}] -> ADD").layers[-1].fields.values()
        assert field.sides[0].listed is None
        assert field.sides[0].is_exact


def test_every_kind_declares_how_its_channels_are_used() -> None:
    from tests.layer_cases import CASES

    words = {word for case in CASES for word in case.layer.channel_uses(*case.inputs)}
    assert words == {"apart", "mixed", "some", "filled", "stacked", "moved", "parted"}


@pytest.mark.parametrize("layers", ["[POOL1/999999999]*300", "[CONV3-1/2]*300"])
def test_positions_beyond_every_input_are_not_followed(layers: str) -> None:
    """The strides of 300 layers have a product of 90 to 2,700 digits."""
    rows = analyze(f"INPUT 8x8x3 -> {layers}").layers

    assert rows[-1].receptive_field_unclipped is None
    assert rows[-1].receptive_field <= (8, 8)
    assert rows[2].receptive_field_unclipped is not None


@pytest.mark.parametrize("layers", ["UPSAMPLE2 -> PAD(1000000000) -> DECONV1-3/2", "DECONV1-3/2 -> PAD(1000000000)"])
def test_positions_far_beyond_the_input_do_not_mix_with_outputs_that_see_nothing(layers: str) -> None:
    """Neighbouring windows are 10^29 pixels apart; the first one lies 10^38 pixels before the input."""
    rows = analyze(f"INPUT 8x8x3 -> [POOL1/1000000]*4 -> POOL1/100000 -> {layers} -> CONV3-3").layers

    assert [row.receptive_field_unclipped for row in rows[:6]] == [(1, 1)] * 6
    assert rows[-1].receptive_field_unclipped is None


def test_a_layer_that_sees_only_padding_has_no_field_without_borders() -> None:
    """POOL1/99 reads only the padding, POOL1/8 also the last pixel."""
    row = analyze("INPUT 8x8x3 -> PAD(1) -> POOL1/8").layers[-1]
    assert (row.output, row.receptive_field, row.receptive_field_unclipped) == ((2, 2, 3), (1, 1), (1, 1))
    row = analyze("INPUT 8x8x3 -> PAD(1) -> POOL1/99").layers[-1]
    assert (row.output, row.receptive_field, row.receptive_field_unclipped) == ((1, 1, 3), (0, 0), None)


def test_a_query_sees_its_own_position_and_the_whole_memory() -> None:
    """Attention of a sequence of 13 over a memory of 7; in self-attention each position sees all 13."""
    inputs = "- input: {name: x, size: 13x6}\n- input: {name: m, size: 7x4}"
    text = f"layers:\n{inputs}\n- attention: {{heads: 2, inputs: [x, m]}}"
    row = account(read_design("<text>", text)).layers[-1]

    assert {name: field.size for name, field in row.fields.items()} == {"x": (1,), "m": (7,)}
    assert fields("INPUT 13x6 -> ATTENTION-2")[-1] == (13,)


def test_the_only_position_of_a_memory_has_the_weight_1_whatever_the_query_is() -> None:
    inputs = "- input: {name: x, size: 13x6}\n- input: {name: m, size: 1x4}"
    report = account(read_design("<text>", f"layers:\n{inputs}\n- attention: {{heads: 2, inputs: [x, m]}}"))

    assert report.layers[-1].receptive_fields == exact_fields(report)[-1] == {"m": (1,)}


@pytest.mark.parametrize("sizes", ["7x7", "5x7x7"])
def test_a_matrix_product_sees_one_position_of_the_first_factor_and_all_of_the_second(sizes: str) -> None:
    """Also if both factors have the same volume: 1 position of x, or 3 with a CONV3 before it, and all 7 of y."""
    both = analyze(f"INPUT {sizes} -> [ | CONV1-7] -> MATMUL").layers[-1].receptive_field
    wide = analyze(f"INPUT {sizes} -> [CONV3-7 | CONV1-7] -> MATMUL").layers[-1].receptive_field

    assert both[-1] == wide[-1] == 7
    assert (both[:-1], wide[:-1]) == ((1,) * len(both[:-1]), (3,) * len(both[:-1]))


def test_a_channel_of_a_transposed_product_sees_one_position_of_the_second_factor() -> None:
    """Channel 0 of x y^T depends only on position 0 of y: a slice is only bounded unless SOFTMAX mixes the channels."""
    product = "INPUT 5x3 -> [ | CONV3-3] -> MATMUL(transpose=yes)"

    for layers, is_exact in (("", True), (" -> SLICE(0, 1)", False), (" -> SOFTMAX -> SLICE(0, 1)", True)):
        (field,) = analyze(product + layers).layers[-1].fields.values()
        assert field.is_certain == is_exact, layers
        assert field.size == (5,)


# Volumes of any size

LARGE = 5040 * 10**400
"""A factor for sizes, too large for a list or a float, and divisible by all small numbers."""


def enlarged_inputs(case: Case) -> list[tuple[Volume, ...]]:
    """The inputs of a case with larger sides, with a larger depth, and with both."""
    return [
        tuple([x.with_sides(tuple([size * LARGE for size in x.sides])) for x in case.inputs]),
        tuple([x.with_depth(x.depth * LARGE) for x in case.inputs]),
        tuple([Volume(*[size * LARGE for size in x]) for x in case.inputs]),
    ]


def test_every_kind_takes_a_volume_of_any_size_or_refuses_it() -> None:
    """No rule loops over positions or channels, and none converts a size to a float."""
    taken = set()
    for case in CASES:
        for inputs in enlarged_inputs(case):
            try:
                layer = bound(case.layer, inputs)
                cost = cost_of(layer, inputs)
            except (ShapeError, ValueProblem):
                continue
            taken.add(case.kind)
            for x, seen in zip(inputs, reach.dependences_of(layer, inputs, cost.output), strict=False):
                field = reach.own_field(x).through(seen, intervals.Work())
                assert all(0 <= size <= whole for size, whole in zip(field.size, x.sides, strict=True)), case
    assert {"permute", "resize", "pad", "space2depth", "avgpool", "window", "attention"} <= taken


@pytest.mark.parametrize(
    "layers",
    [
        "PAD(1, mode=reflect)", "PAD(2, mode=replicate)", "PAD(3, mode=wrap)", "RESIZE(factor=1.5)",
        "RESIZE7(mode=bilinear)", "RESIZE(factor=2, mode=bicubic)",
        "PERMUTE([width, height, depth])", "PERMUTE([depth, width, height])", "RESHAPE([depth, width, height])",
    ],
)  # fmt: skip
def test_layers_with_too_many_positions_for_a_list_have_an_upper_bound(layers: str) -> None:
    """Layers that are followed position by position get a marked upper bound on a large plane."""
    small, large = (
        analyze(f"INPUT {side}x{side}x4 -> CONV3-4 -> {layers} -> CONV3-4").layers[-1] for side in (12, 10**9)
    )

    assert all(field.is_certain for field in small.fields.values())
    (field,) = large.fields.values()
    assert not field.is_certain
    assert all(size <= 10**9 for size in field.size)


@pytest.mark.parametrize(("layer", "size"), [("CONV3-1", 3), ("CONV3-1(dilation=900000)", 10**6)])
def test_an_upper_bound_is_neither_wider_than_the_input_nor_than_the_windows_without_borders(
    layer: str, size: int
) -> None:
    (field,) = analyze(f"INPUT 1000000x1 -> PAD(900000, mode=reflect) -> {layer}").layers[-1].fields.values()
    assert (field.size, field.is_certain) == ((size,), False)


def test_a_merge_of_upper_bounds_is_an_upper_bound() -> None:
    """A pad that reflects on a large side is only bounded, and stays so where few positions are left."""
    few = "PAD(1, mode=reflect) -> PAD([-2, 0]) -> POOL1/100000"
    merges = f"{few} -> [PAD([1, -1]) | ] -> ADD", f"[{few} | POOL1/100000] -> ADD", f"[POOL1/100000 | {few}] -> ADD"
    for layers in (few, *merges):
        for cut in ("", " -> PAD([0, -9])", " -> PAD([-9, 0])"):  # all ten outputs, the first or the last
            (field,) = analyze(f"INPUT 1000000x1 -> {layers}{cut}").layers[-1].fields.values()
            assert not field.is_certain
        for cut in ("PAD([2, 0]) -> PAD([0, -10])", "PAD([0, 2]) -> PAD([-10, 0])"):
            assert analyze(f"INPUT 1000000x1 -> {layers} -> {cut}").layers[-1].fields == {}


@pytest.mark.parametrize(
    ("net", "count"),
    [
        ("INPUT 14x1 -> RESIZE7", 7 * resize.EFFORT),  # to find out that the rule holds for all outputs
        ("INPUT 56x1 -> RESIZE7", 7 * resize.EFFORT),
        ("INPUT 63x1 -> RESIZE7", 63),  # no smaller than the input
        ("INPUT 14x1 -> [PAD([3, -3]) | ] -> ADD", 2 * 14 + 2 * 14),  # side by side, and position by position
        ("INPUT 14x1 -> CONV3-1(dilation=2)", 14 + 3 * 14),
        # equal intervals are not joined one by one
        ("INPUT 14x1 -> [CONV3-1(dilation=2) | RELU -> CONV3-1(dilation=2)] -> ADD", 2 * (14 + 3 * 14)),
    ],
)
def test_a_field_is_exact_if_as_many_intervals_are_computed_as_it_needs(
    net: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for most in (count - 1, count):
        monkeypatch.setattr(intervals, "MAX_WORK", most)
        (field,) = analyze(net).layers[-1].fields.values()
        assert field.is_certain == (most == count)


def test_a_range_of_any_length_is_counted() -> None:
    assert [count_of(range(*ends)) for ends in ((5,), (2, 9, 3), (2, 10, 3), (4, 4), (7, 2))] == [5, 3, 3, 0, 0]
    assert count_of(range(-(10**40), 10**40)) == 2 * 10**40
