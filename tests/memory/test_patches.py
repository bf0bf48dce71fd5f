"""Patch by patch: what each patch needs, held against sets of positions that are found window by window."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random

import pytest

from cnncalc import analyze
from cnncalc.memory.arena import plan
from cnncalc.memory.patches import edges_of, needed, patch_plans, spans
from cnncalc.memory.plan_advice import PlanAdvice, plan_advice
from tests.calls import called

KIB = 1024


def test_a_side_is_cut_into_parts_that_differ_by_one_at_most() -> None:
    assert spans(28, 4) == [(0, 6), (7, 13), (14, 20), (21, 27)]
    assert spans(7, 3) == [(0, 1), (2, 3), (4, 6)]


def test_two_layers_in_four_patches_by_hand() -> None:
    """8x8x3, CONV3-4, CONV3-2, POOL2: a patch of 2x2 of the pool needs 4x4, 5x5 and 6x6 positions at the corners."""
    report = analyze("INPUT 8x8x3 -> CONV3-4 -> CONV3-2 -> POOL2 -> FC-5")
    rows = report.layers[:4]
    edges = {row.index: edges_of(row) for row in rows}
    assert [needed(rows, edges, 0, span) for span in spans(4, 2)] == [{3: 2, 2: 4, 1: 5, 0: 6}] * 2

    (found,) = patch_plans(report, dtype="int8", grids=(2,))
    assert (found.layer, str(found.output)) == ("pool1", "[4x4x2]")
    # the whole output of 4*4*2, and an image of 6*6*3 with the volume of conv1, of 5*5*4
    assert found.stage_bytes == 32 + 108 + 100
    assert found.rest_bytes == 32 + 5
    assert found.extra_macs == (10 * 10 - 8 * 8) * 27 * 4
    assert found.macs == 64 * 27 * 4 + 64 * 36 * 2 + 32 * 5


def brute(layers: list[tuple[int, int, int]], size: int, wanted: set[int]) -> list[int]:
    """The number of positions of each volume, the input first, that positions of the last one depend on, in a box."""
    sizes = [size]
    for kernel, stride, pad in layers:
        sizes.append((sizes[-1] + 2 * pad - kernel) // stride + 1)
    found = [max(wanted) - min(wanted) + 1]
    for (kernel, stride, pad), before in zip(reversed(layers), reversed(sizes[:-1]), strict=True):
        reached = {output * stride - pad + step for output in wanted for step in range(kernel)}
        wanted = {place for place in reached if 0 <= place < before}
        wanted = set(range(min(wanted), max(wanted) + 1))
        found.insert(0, len(wanted))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_what_a_patch_needs_of_random_chains(seed: int) -> None:
    random = Random(seed)  # noqa: S311 (a test net)
    layers = [(random.choice([1, 3, 5]), random.choice([1, 1, 2]), random.randint(0, 2)) for _ in range(5)]
    size = random.randint(60, 90)
    chain = [f"CONV{kernel}-4/{stride}(pad={pad})" for kernel, stride, pad in layers]
    rows = analyze(" -> ".join([f"INPUT {size}x{size}x3", *chain])).layers
    edges = {row.index: edges_of(row) for row in rows}
    for low, high in spans(rows[-1].output.sides[0], 3):
        found = needed(rows, edges, 0, (low, high))
        assert [found[index] for index in range(6)] == brute(layers, size, set(range(low, high + 1)))


@pytest.mark.parametrize(
    ("layer", "span", "positions"),
    [
        # outputs 0, 1, 10 and 11 see only padding
        ("CONV1-4(pad=2)", (0, 1), {1: 2}),
        ("CONV1-4(pad=2)", (0, 5), {1: 6, 0: 4}),
        ("CONV1-4(pad=2)", (0, 11), {1: 12, 0: 8}),
        ("CONV1-4(pad=2)", (10, 11), {1: 2}),
        # output n sees inputs n - 8, n - 6 and n - 4
        ("CONV3-4(dilation=2, pad=8)", (0, 3), {1: 4}),
        ("CONV3-4(dilation=2, pad=8)", (0, 4), {1: 5, 0: 1}),
        ("CONV3-4(dilation=2, pad=8)", (16, 19), {1: 4}),
        # output 2n sees input n, the others nothing
        ("DECONV1-4/2", (1, 1), {1: 1}),
        ("DECONV1-4/2", (1, 5), {1: 5, 0: 2}),
    ],
)
def test_outputs_that_see_nothing_need_no_input(layer: str, span: tuple[int, int], positions: dict[int, int]) -> None:
    rows = analyze(f"INPUT 8x8x3 -> {layer}").layers
    assert needed(rows, {row.index: edges_of(row) for row in rows}, 0, span) == positions


def test_mobilenet_v2_in_patches_of_mcunet_v2() -> None:
    """1,372 KiB without patches. Lin et al. 2021 state 172 kB with 4x4 patches.

    172 kB are a shortcut of 28*28*32 bytes and an expanded volume of 28*28*192. The operation that reads the expanded
    volume also makes one of 28*28*32 while the shortcut is alive, which is counted here: 196 KiB.
    """
    report = analyze("mobilenet-v2")
    now = plan(report, dtype="int8", depthwise_in_place=True, order="best")
    found = patch_plans(report, dtype="int8", depthwise_in_place=True, grids=(4,))[0]

    assert now.bound_bytes == 1372 * KIB
    assert (found.layer, found.output) == ("inverted3.bn3", (28, 28, 32))
    assert found.peak_bytes == found.rest_bytes == 196 * KIB == 28 * 28 * (192 + 32 + 32)
    assert found.stage_bytes < 172 * KIB < 28 * 28 * (192 + 32) + KIB
    assert 0.09 < found.extra_macs / found.macs < 0.10


@pytest.mark.parametrize(
    "text",
    [
        "INPUT 16000x1 -> CONV80-4/4 -> GAP -> FC-2",  # no plane
        "INPUT 3x3x3 -> CONV3-4 -> FC-2",  # a smaller plane than the grid
        "INPUT 8x8x3",
        "INPUT 16x16x3 -> GAP -> FC-2",
        "INPUT 16x16000x3 -> CONV3-8/2 -> CONV3-8/2 -> GAP -> FC-2",
        "INPUT 1000000x1000000x3 -> RESIZE(factor=0.3) -> CONV3-2 -> GAP -> FC-2",  # sides of more than 10,000
    ],
)
def test_nets_without_a_stage(text: str) -> None:
    assert patch_plans(analyze(text), grids=(4,)) == ()


def test_a_stage_ends_where_one_volume_is_read() -> None:
    """Behind the first layer of a branch the shortcut is read too."""
    report = analyze("INPUT 32x32x3 -> CONV3-8 -> [CONV3-32 -> CONV3-8 | ] -> ADD -> POOL4 -> FC-2")
    for found in patch_plans(report, dtype="int8"):
        assert found.layer in ("conv1", "add1", "pool1")


def test_advice_is_computed_on_the_changed_net() -> None:
    report = analyze("mobilenet-v1", input=(96, 96, 1))
    now = plan(report, dtype="int8", order="best")
    advice = {each.what: each for each in plan_advice(report, now)}

    smaller = analyze("mobilenet-v1", input=(48, 48, 1))
    assert advice["an input of 48x48x1"][1:] == (
        plan(smaller, dtype="int8", order="best").bound_bytes,
        smaller.totals.macs,
        False,
    )
    half = advice["half the filters of each convolution"]
    assert 2 * half.peak_bytes <= now.bound_bytes + 96 * 96
    assert all(each.peak_bytes < now.bound_bytes for each in advice.values())
    patches = [each.peak_bytes for what, each in advice.items() if "patches" in what]
    assert len(patches) >= 2
    assert all(fewer < more for fewer, more in pairwise(patches))  # the most effective first


def wider(text: str) -> dict[str, PlanAdvice]:
    """The advice of a net in int8 by what it changes, about numbers of filters alone."""
    report = analyze(text)
    advice = plan_advice(report, plan(report, dtype="int8", order="best"))
    return {each.what: each for each in advice if "instead of" in each.what}


def test_only_convolutions_have_a_narrower_width() -> None:
    net = "INPUT 16x16x3 -> {} -> CONV3-8/4 -> FC-2"
    assert list(wider(net.format("CONV3-32"))) == ["24 filters instead of 32 in conv1"]
    for layer in ("DECONV2-32", "LOCAL3-32", "[CONV3-16 | CONV1-16] -> CONCAT", "[CONV3-32 | LOCAL3-32] -> ADD"):
        assert not [what for what in wider(net.format(layer)) if "instead of 32" in what]


def test_a_narrower_width_is_planned_again() -> None:
    """The shortcut ties conv1 and conv3; conv2 has a width of its own."""
    net = "INPUT 32x32x3 -> CONV3-{} -> [CONV3-{} -> CONV3-{} | ] -> ADD -> CONV3-8/4 -> FC-2"
    found = wider(net.format(32, 64, 32))
    for what, widths in (
        ("24 filters instead of 32 in conv1, conv3", (24, 64, 24)),
        ("56 filters instead of 64 in conv2", (32, 56, 32)),
        ("24 filters instead of 32 in conv1, conv3; 56 filters instead of 64 in conv2", (24, 56, 24)),
    ):
        report = analyze(net.format(*widths))
        assert found[what][1:] == (plan(report, dtype="int8", order="best").bound_bytes, report.totals.macs, False)
    assert len(found) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the same peak recurs with each pair of convolutions, so that one width alone does not lower it
        ("INPUT 32x32x3 -> [CONV3-16 -> RELU]*5 -> FC-2", ["8 filters instead of 16 in conv1 and 4 more"]),
        ("INPUT 32x32x3 -> CONV3-8 -> CONV3-8 -> FC-2", []),  # not below 8
        ("INPUT 32x32x40 -> POOL2 -> CONV3-4 -> FC-2", []),  # the depth of the input
        ("INPUT 32x32x3 -> CONV3-16 -> CONV3-16(groups=16) -> FC-2", []),  # 16 groups
        (  # the peak is the last step
            "INPUT 32x32x3 -> CONV3-16 -> CONV3-24",
            [
                "16 filters instead of 24 in conv2; 8 filters instead of 16 in conv1",
                "16 filters instead of 24 in conv2",
                "8 filters instead of 16 in conv1",
            ],
        ),
        ("INPUT 32x32x3 -> CONV3-12 -> FC-2", ["8 filters instead of 12 in conv1"]),
        ("INPUT 32x32x3 -> CONV1-20 -> DWCONV3 -> RELU -> CONV1-8 -> FC-2", ["16 filters instead of 20 in conv1"]),
    ],
)
def test_which_widths_are_narrower(text: str, expected: list[str]) -> None:
    assert list(wider(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "lenet5",  # a table of connections has a list for each filter
        "INPUT 16x16x3 -> CONV3-6(groups=3) -> RELU -> CONV1-4",  # three filters in three groups are fine
        "INPUT 16x16x6 -> CONV3-6(groups=6) -> RELU -> CONV1-4",  # three filters in six groups are not
    ],
)
def test_half_the_filters_are_advised_only_where_they_make_a_net(text: str) -> None:
    report = analyze(text)
    advice = [each.what for each in plan_advice(report, plan(report, order="best"))]
    assert ("half the filters of each convolution" in advice) == ("groups=3" in text)


@pytest.mark.slow
def test_the_plan_says_what_would_help() -> None:
    words = ("memory", "mobilenet-v2", "--plan", "--dtype", "int8", "--depthwise-in-place")
    data = json.loads(called(*words, "--format", "json").stdout)
    assert data["advice"][0]["what"] == "4x4 patches up to inverted3.bn3 [28x28x32]"
    assert data["advice"][0]["peak_bytes"] == 196 * KIB
    assert "would help  4x4 patches" in called(*words).stdout
    text = called(*words, "--verbose").stdout
    assert "4x4 patches up to inverted3.bn3 [28x28x32]: 196.0 KiB (14.3 % of the peak), 9.3 % more MACs\n" in text
    assert "; another net\n" in text
