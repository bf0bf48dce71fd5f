"""The SRAM of Ethos-U equals what Vela plans, to the byte."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from cnncalc import analyze
from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import account
from cnncalc.errors import DesignError
from cnncalc.interop.exporters import export
from cnncalc.memory.hillclimb import Range, TooManyPairs, allocated
from cnncalc.memory.vela import vela_report
from tests.memory.measure_vela import measured
from tests.memory.tflm_nets import every_net
from tests.memory.vela_nets import NETS, RANDOM, all_nets, random_net, tangled_net

FIGURES: dict[str, int] = json.loads((Path(__file__).parent / "data" / "vela.json").read_text(encoding="utf-8"))
"""Measured with ethos-u-vela 5.2.0: --memory-mode Sram_Only, --optimise Performance."""
SLOW = ("tangled 229",)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in FIGURES]
)
def test_the_sram_is_exact(name: str) -> None:
    assert vela_report(analyze(all_nets()[name])).sram_bytes == FIGURES[name]


def test_most_nets_are_known() -> None:
    """57 of the 61 nets for chips, and all that were made for this."""
    assert len(FIGURES.keys() & every_net().keys()) == 57
    assert NETS.keys() <= FIGURES.keys()
    assert sum(name.startswith("compiled") for name in FIGURES) >= 0.9 * len(RANDOM)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200, 204))
def test_vela_itself_agrees_on_every_place(seed: int) -> None:
    pytest.importorskip("ethosu.vela")
    for text in (random_net(seed), tangled_net(seed)):
        plan = vela_report(analyze(text))
        places = {(volume.first, volume.last, volume.offset, volume.size) for volume in plan.volumes}
        assert (plan.sram_bytes, places) == measured(text)


@pytest.mark.parametrize(
    ("branches", "steps"),
    [
        ("TANH | SIGMOID", "conv1 sigmoid1 tanh1 add1"),  # both read conv1
        ("TANH | CONV3-16", "conv1 conv2 tanh1 add1"),  # tanh1 follows conv2, but reads conv1
    ],
)
def test_an_activation_function_is_fused_only_as_the_one_reader_of_the_layer_before(branches: str, steps: str) -> None:
    plan = vela_report(analyze(f"INPUT 16x16x16 -> CONV3-16 -> [{branches}] -> ADD"))
    assert plan.steps == tuple((name,) for name in steps.split())


@pytest.mark.parametrize("name", [name for name in FIGURES if name not in SLOW][::4])
def test_no_two_volumes_share_a_byte(name: str) -> None:
    plan = vela_report(analyze(all_nets()[name]))
    for one in plan.volumes:
        for other in plan.volumes:
            if one is not other and one.first <= other.last and other.first <= one.last:
                assert one.offset + one.size <= other.offset or other.offset + other.size <= one.offset
    assert plan.sram_bytes == max(volume.offset + volume.size for volume in plan.volumes)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("INPUT 20x20x3 -> DWCONV3(multiplier=4)", "multiplier"),
        ("INPUT 20x20x3 -> PRELU", "PRELU (at prelu1)"),
        ("INPUT 20x20x3 -> RESIZE(size=[30, 30])", "other factors"),
        ("INPUT 1x1x8 -> UPSAMPLE2", "an upsampling of a single position (at upsample1)"),
        ("INPUT 32x32x3 -> CONV5-8/4", "a stride above 3 with padding, dilation or more than 256 output positions"),
        ("INPUT 32x32x3 -> DWCONV3/4", "a depthwise convolution with a stride of more than 3"),
        ("INPUT 300x300x3 -> FC-2", "a filter of 270,000 elements, more than 65,536"),
        ("INPUT 400x4x8 -> POOL300x2", "300x2, a height above 256 or more than 65,536 elements"),
        ("INPUT 20x20x8 -> AVGPOOL9/1(pad=4)", "an average pool with padding and a window of 9x9, a side above 8"),
        ("INPUT 70000x1 -> CONV3-1", "more than 65,536"),
        ("INPUT 5x5x3 -> FLATTEN", "an input that is an output"),
        ("INPUT 5x5x3 -> CONV1-6 -> [FLATTEN -> FC-3 | GAP -> FC-3] -> CONCAT", "another layer reads"),
        ("INPUT 15x15x3 -> PAD(pad=1) -> [CONV3-4(pad=0) | POOL3/1] -> CONCAT", "PAD"),
        ("INPUT 5x5x3 -> DROPOUT", "without an operator"),
        ("INPUT 13x13x5 -> DECONV4-8/4", "other strides"),
        ("INPUT 13x13x5 -> DECONV4-8(stride=[1, 2])", "other strides"),
        ("INPUT 13x13x5 -> DECONV4-8(stride=[2, 1])", "other strides"),
        ("INPUT 9x9x3 -> GAP -> LRN", "no operator of TensorFlow Lite Micro"),
    ],
)
def test_what_is_not_known_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(DesignError) as error:
        vela_report(analyze(text))
    assert reason in str(error.value)
    assert error.value.every[0].code == "no-equal"


@pytest.mark.parametrize("stride", [1, 2])
def test_transposed_convolutions_of_these_strides_need_no_more_than_input_and_output(stride: int) -> None:
    report = analyze(f"INPUT 16x16x16 -> DECONV3-16/{stride}(pad=1, output_pad={stride - 1})")
    assert vela_report(report).sram_bytes == 16**3 + stride**2 * 16**3


def test_a_file_is_refused() -> None:
    content = export(analyze("INPUT 8x8x3 -> CONV3-4").resolved, "tflite")
    assert isinstance(content, bytes)
    with pytest.raises(DesignError, match="scales, which are not read"):
        vela_report(account(load_bytes("net.tflite", content)))


def test_ranges_that_take_their_turns_need_no_more_than_what_is_alive() -> None:
    assert allocated([]) == ([], 0)
    assert allocated([Range(0, 1, 32), Range(2, 3, 48)]) == ([0, 0], 48)
    offsets, size = allocated([Range(number, number + 1, 16) for number in range(500)])
    assert size == 32
    assert all(one != other for one, other in pairwise(offsets))


@pytest.mark.slow
def test_too_many_ranges_at_once_are_refused() -> None:
    few, many = [Range(0, 500, 16)] * 100, [Range(0, 5_000, 16)] * 100
    assert allocated(few)[1] == 1600
    with pytest.raises(TooManyPairs):
        allocated(many)


def test_a_search_over_too_many_ranges_is_refused() -> None:
    """The ranges of a net that needs a search, again and again."""
    plan = vela_report(analyze(tangled_net(56)))
    once = [Range(volume.first, volume.last, volume.size) for volume in plan.volumes]
    length = max(each.last for each in once) + 1
    assert allocated(once)[1] == plan.sram_bytes
    with pytest.raises(TooManyPairs):
        allocated(
            [Range(n * length + each.first, n * length + each.last, each.size) for n in range(99) for each in once]
        )
