"""The difference of two nets: which layers are paired, and what is reported about them."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given

import cnncalc
from cnncalc.analysis.alignment import ascending, common, filled
from cnncalc.analysis.difference import NUMBERS, Difference, LayerChange, Quantity, Stage, difference
from tests.nets import most_nets, report_of
from tests.random_nets import examples, random_design, seeds


def diff(before: str, after: str) -> Difference:
    return difference(cnncalc.analyze(before), cnncalc.analyze(after))


def changes_of(found: Difference) -> list[tuple[str, str | None, str | None]]:
    """Status, old name and new name of each layer that differs."""
    return [
        (layer.status, layer.before and layer.before.name, layer.after and layer.after.name)
        for layer in found.different
    ]


# The longest_length common subsequence


def longest_length(before: str, after: str) -> int:
    """The length of the longest_length common subsequence, by the usual dynamic programming."""
    row = [0] * (len(after) + 1)
    for letter in before:
        above, row = row, [0]
        for place, other in enumerate(after):
            row.append(above[place] + 1 if letter == other else max(above[place + 1], row[place]))
    return row[-1]


@pytest.mark.parametrize("letters", ["ab", "abcd", "abcdefghijklmnop"])
def test_the_common_subsequence_is_the_longest_one(letters: str) -> None:
    random = Random(7)  # noqa: S311
    for _ in range(300):
        before, after = ["".join(random.choices(letters, k=random.randrange(30))) for _ in range(2)]

        pairs = common(before, after)

        assert [before[one] for one, _ in pairs] == [after[other] for _, other in pairs]
        assert len(pairs) == longest_length(before, after)
        assert all(one < two and other < later for (one, other), (two, later) in pairwise(pairs))


def test_long_sequences_are_compared_in_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 items and 100 items in windows of at most 400 pairs: pairs within one window are still found."""
    monkeypatch.setattr("cnncalc.analysis.alignment.MAX_BITS", 400)
    before = [f"a{number}" for number in range(100)]
    after = [("b" if number % 10 == 3 or number in (0, 99) else "a") + str(number) for number in range(100)]

    pairs = common(before, after)

    assert len(pairs) == 88
    assert all(one == other for one, other in pairs)


def test_crossing_pairs_are_dropped_and_as_many_as_possible_are_kept() -> None:
    assert ascending([(0, 5), (1, 0), (2, 1), (3, 6), (4, 2)]) == [(1, 0), (2, 1), (4, 2)]
    assert ascending([]) == []


def test_gaps_between_pairs_are_filled() -> None:
    assert filled([(2, 1)], "abcd", "acxd") == [(0, 0), (2, 1), (3, 3)]


# Nets


@most_nets
def test_a_net_is_equal_to_itself(name: str) -> None:
    found = difference(report_of(name), cnncalc.analyze(name))

    assert found.is_equal
    assert found.different == ()
    assert found.renumbered == 0


def test_vgg19_is_vgg16_with_three_more_convolutions() -> None:
    """Simonyan and Zisserman 2014, Table 1, columns D and E: one more in each of the last three blocks."""
    found = diff("vgg16", "vgg19")

    assert changes_of(found) == [
        ("added", None, name) for name in ("conv8", "relu8", "conv12", "relu12", "conv13", "relu13")
    ]
    volumes = [layer.after.output.size for layer in found.different if layer.after and layer.after.kind == "conv"]
    assert volumes == ["56x56x256", "28x28x512", "14x14x512"]
    assert found.quantities[:2] == (
        Quantity("layers", "count", 16, 19),
        Quantity("parameters", "count", 138_357_544, 143_667_240),
    )


def test_blocks_added_to_a_stage_of_equal_blocks_are_found_by_their_names() -> None:
    """The second and third stages have 4 and 6 blocks in ResNet-50, 8 and 36 in ResNet-152; all else is equal."""
    found = diff("resnet50", "resnet152")

    assert {layer.status for layer in found.different} == {"added"}
    blocks = dict.fromkeys(".".join(layer.after.name.split(".")[:2]) for layer in found.different if layer.after)
    assert list(blocks) == [f"layer2.{n}" for n in range(4, 8)] + [f"layer3.{n}" for n in range(6, 36)]
    assert found.renumbered == 0


def test_an_added_layer_is_found_although_all_later_names_change() -> None:
    before = "INPUT 9x11x3 -> CONV3-5 -> RELU -> CONV3-7 -> RELU -> CONV3-7 -> FC-4"
    after = "INPUT 9x11x3 -> CONV3-5 -> RELU -> CONV1-6 -> CONV3-7 -> RELU -> CONV3-7 -> FC-4"

    found = diff(before, after)

    assert changes_of(found) == [("added", None, "conv2"), ("affected", "conv2", "conv3")]
    assert found.renumbered == 2  # conv2 and conv3 are now conv3 and conv4


def test_a_changed_key_is_reported_with_both_values() -> None:
    found = diff(
        "INPUT 9x11x3 -> CONV3-7@a -> POOL2 -> FC-5",
        "INPUT 9x11x3 -> CONV5-7(pad=[1, 2, 2, 1], bias=no)@a -> POOL2 -> FC-5",
    )

    assert changes_of(found) == [("changed", "a", "a")]  # 8x10 pixels instead of 9x11: pooled 4x5 in both
    assert found.different[0].changes == (
        LayerChange("kernel", 3, 5),
        LayerChange("pad", "dilation*(kernel-1)//2", [1, 2, 2, 1]),
        LayerChange("bias", True, False),
    )


def test_a_replaced_activation_function_is_a_change_of_the_kind() -> None:
    found = diff("INPUT 9x11x3 -> CONV3-7 -> RELU -> FC-5", "INPUT 9x11x3 -> CONV3-7 -> SILU -> FC-5")

    assert changes_of(found) == [("changed", "relu1", "silu1")]
    assert found.different[0].changes == (LayerChange("kind", "relu", "silu"),)


def test_a_changed_written_name_is_a_difference_and_a_changed_numbered_name_is_not() -> None:
    renamed = diff("INPUT 9x11x3 -> CONV3-7@a -> FC-5", "INPUT 9x11x3 -> CONV3-7@b -> FC-5")
    counted = diff("INPUT 9x11x3 -> [CONV3-7]@a1 -> FC-5", "INPUT 9x11x3 -> [CONV3-7]@a2 -> FC-5")

    assert changes_of(renamed) == [("renamed", "a", "b")]
    assert not renamed.is_equal
    assert counted.renumbered == 1 or changes_of(counted)


@pytest.mark.parametrize(("before", "after"), [("", "@conv2"), ("@conv2", "")])
def test_a_written_name_that_looks_like_a_number_is_a_difference(before: str, after: str) -> None:
    found = diff(f"INPUT 9x11x3 -> CONV3-7{before} -> FC-5", f"INPUT 9x11x3 -> CONV3-7{after} -> FC-5")
    assert changes_of(found) == [("renamed", before[1:] or "conv1", after[1:] or "conv1")]


def test_stages_by_hand() -> None:
    """A convolution of 3*3*3*7 + 7 parameters and 99 positions; one net ends with an FC layer of 693 inputs."""
    stages = diff("INPUT 9x11x3 -> CONV3-7", "INPUT 9x11x3 -> CONV3-7 -> FC-5").stages()
    plane = Stage(2, 99 * 3 + 99 * 7, 196, 99 * 189)
    assert stages == {(9, 11): (plane, plane), (1, 1): (Stage(), Stage(1, 5, 693 * 5 + 5, 693 * 5))}


def test_inputs_of_a_layer_are_compared_across_added_and_removed_layers() -> None:
    """A block added between two layers of equal volumes does not change the layer after it."""
    before = "INPUT 9x11x3 -> CONV3-7@a -> FC-5"
    block = diff(before, "INPUT 9x11x3 -> CONV3-7@a -> [CONV3-7 -> RELU | ] -> ADD -> FC-5")
    other = diff(
        "INPUT 9x11x3 -> CONV3-7@a -> CONV3-7@b -> CONV3-7@c",
        "INPUT 9x11x3 -> CONV3-7@a -> CONV3-7@b -> FROM(@a) -> CONV3-7@c",
    )

    assert [status for status, _, _ in changes_of(block)] == ["added", "added", "added"]
    assert other.different[0].changes == (LayerChange("inputs", ["b"], ["a"]),)


@pytest.mark.parametrize(
    ("argument", "change"),
    [
        ("trainable=no", LayerChange("trainable", True, False)),
        ("training_only=yes", LayerChange("training_only", False, True)),
        ("share=@a", LayerChange("share", "none", "a")),
    ],
)
def test_training_keys_are_compared(argument: str, change: LayerChange) -> None:
    net = "INPUT 9x11x7 -> CONV3-7@a -> CONV3-7{}@b -> FC-5@end -> FROM(@a) -> FC-3"

    found = diff(net.format(""), net.format(f"({argument})"))

    (layer,) = [layer for layer in found.different if layer.status == "changed"]
    assert layer.changes == (change,)


def test_a_moved_layer_with_a_written_name_is_recognized() -> None:
    found = diff("INPUT 9x11x3 -> CONV3-7@a -> CONV5-5@b -> FC-4@c", "INPUT 9x11x3 -> CONV5-5@b -> CONV3-7@a -> FC-4@c")

    assert changes_of(found) == [("changed", "b", "b"), ("changed", "a", "a"), ("changed", "c", "c")]


@examples(30)
@given(seeds, seeds)
def test_changes_of_the_layers_add_up_to_the_changes_of_the_totals(one: int, other: int) -> None:
    """Every layer is listed once, and swapping the nets changes only the signs."""
    before, after = cnncalc.analyze(random_design(one).text), cnncalc.analyze(random_design(other).text)

    found, back = difference(before, after), difference(after, before)

    assert [layer.before.index for layer in found.layers if layer.before] != [] or not before.layers
    assert sorted(layer.before.index for layer in found.layers if layer.before) == list(range(len(before.layers)))
    assert sorted(layer.after.index for layer in found.layers if layer.after) == list(range(len(after.layers)))
    for quantity in found.quantities:
        if quantity.key in ("parameters", "weights", "macs", "activations"):
            assert sum(layer.change(quantity.key) for layer in found.different) == quantity.change
    assert [quantity.change for quantity in back.quantities] == [-quantity.change for quantity in found.quantities]
    assert found.count("added") - found.count("removed") == len(after.layers) - len(before.layers)
    for layer in found.layers:
        if layer.status == "same" and layer.before and layer.after:
            assert [getattr(layer.before, key) for key in NUMBERS] == [getattr(layer.after, key) for key in NUMBERS]


@examples(30)
@given(seeds)
def test_a_random_net_is_equal_to_itself_and_to_itself_in_yaml(seed: int) -> None:
    text = random_design(seed).text

    assert diff(text, text).is_equal


@pytest.mark.parametrize(
    ("before", "after", "tenths"),
    [(1000, 1001, 1), (1000, 1000, 0), (2000, 2001, 1), (3, 2, -333), (3, 4, 333), (0, 5, None), (8, 0, -1000)],
)
def test_percents_are_rounded_half_away_from_zero(before: int, after: int, tenths: int | None) -> None:
    assert Quantity("macs", "count", before, after).tenths == tenths


@pytest.mark.slow
@pytest.mark.parametrize(
    ("after", "changes"),
    [
        ("[CONV3-{8+i%7} -> BN -> RELU]*1000 as i", 1000),  # 1,000 layers are added
        ("[CONV3-{9+i%7} -> RELU]*1000 as i", 1),  # the widths are shifted by one layer
        ("[SIGMOID -> CONV5-{8+i*i%5}]*1000 as i", 1000),  # all layers differ
    ],
)
def test_nets_of_two_thousand_layers_are_compared(after: str, changes: int) -> None:
    row = "[CONV3-{8+i%7} -> RELU]*1000 as i"
    one, other = [cnncalc.analyze(f"INPUT 5x7x8 -> {middle} -> FC-4") for middle in (row, after)]

    found = difference(one, other)

    assert len(found.layers) >= 2_002
    assert sum(layer.status != "same" for layer in found.layers) >= changes


@pytest.mark.parametrize(
    ("before", "after", "shares_little"),
    [
        ("vgg16", "vgg19", False),
        ("vgg16", "vgg16-bn", False),
        ("resnet50", "resnet152", False),
        ("resnet50", "resnet50-v1.5", False),
        ("vgg16", "resnet50", True),
        ("resnet50", "mobilenet-v2", True),
        ("lenet5", "vgg16", True),
        ("INPUT 4x4x1 -> FC-2", "INPUT 4x4x1 -> FC-2", False),
        ("INPUT 4x4x1", "INPUT 5x5x1", False),
        ("INPUT 8x8x3 -> CONV3-4 -> TANH -> FC-10", "INPUT 8x8x3 -> CONV3-4 -> RELU -> FC-10", False),
        ("INPUT 8x8x3 -> TANH -> FC-10", "INPUT 8x8x3 -> RELU -> GAP -> FC-10", True),
        ("INPUT 8x8x3 -> CONV3-4", "INPUT 8x8x3 -> CONV5-4", False),  # each layer has its counterpart
        ("INPUT 8x8x3 -> CONV3-4", "INPUT 8x8x3 -> FC-4", True),
        ("INPUT 8x8x3 -> CONV5-4", "INPUT 8x8x3 -> CONV3-4*2", True),
    ],
)
def test_whether_nets_share_little(before: str, after: str, shares_little: bool) -> None:
    """In either order. The bound: half of the layers of the smaller net and a quarter of those of the larger one.

    Nets in which each layer has its counterpart are compared layer by layer.
    """
    assert diff(before, after).shares_little == diff(after, before).shares_little == shares_little


@pytest.mark.parametrize(("more", "shares_little"), [(4, False), (5, True)])
def test_the_bound_of_a_larger_net_is_a_quarter(more: int, shares_little: bool) -> None:
    """Both nets begin with the same two layers."""
    found = diff("INPUT 64x64x3 -> CONV1-3*2", f"INPUT 64x64x3 -> CONV1-3*2 -> [TANH -> SIGMOID]*{more - 1}")

    assert (found.shared, found.sizes) == (2, (2, 2 + 2 * (more - 1)))
    assert found.shares_little == shares_little
