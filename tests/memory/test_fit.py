"""The largest batch that fits, and the advice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import cnncalc
from cnncalc.errors import ValueProblem
from cnncalc.memory.devices import devices, read_memory
from cnncalc.memory.fit import fit, largest_batch
from cnncalc.memory.need import Needs
from cnncalc.memory.report import Options, Simulation, account_memory
from cnncalc.memory.sharding import sharded

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1024**3
MIB = 1024**2


@pytest.mark.parametrize("net", ["lenet5", "vgg16", "resnet50", "googlenet"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("room", [GIB // 2, 3 * GIB, 24 * GIB])
def test_the_largest_batch_fits_and_the_next_one_does_not(net: str, optimizer: str, room: int) -> None:
    report = cnncalc.analyze(net)
    options = Options(optimizer=optimizer)
    simulation = Simulation(report, options)

    found = largest_batch(lambda batch: simulation.training(batch).peak_bytes, room)

    if found:
        assert simulation.training(found).peak_bytes <= room
    assert simulation.training(found + 1).peak_bytes > room


def test_the_search_agrees_with_trying_every_batch() -> None:
    def peak(batch: int) -> int:
        return max(1000, 10 * batch) + 7 * (batch // 16)

    for room in (999, 1000, 1001, 1107, 5000, 12345):
        expected = max((batch for batch in range(1, 3000) if peak(batch) <= room), default=0)
        assert largest_batch(peak, room) == expected


def test_each_advice_lowers_the_peak_to_that_of_the_replay() -> None:
    report = cnncalc.analyze("resnet18")
    found = fit(report, Options(batch=64), GIB)

    assert found.advice
    assert all(advice.need_bytes < found.training.need_at_batch for advice in found.advice)
    assert all(advice.fits == (advice.need_bytes <= found.memory) for advice in found.advice)
    autocast = next(advice for advice in found.advice if advice.what.startswith("autocast"))
    again = Simulation(report, Options(batch=64, autocast="bfloat16")).training(64)
    assert autocast.peak_bytes == again.peak_bytes


BEGINS_IN_PLACE = """\
name: begins-in-place
blocks:
  unit: RELU -> [CONV3-16 -> BN -> RELU -> CONV3-16 -> BN | ] -> ADD
layers: [INPUT 64x64x3 -> CONV3-16, unit, CONV3-16, unit, POOL2, CONV3-16, unit, GAP, FC-9]
"""
"""PyTorch cannot repeat a segment that begins with a RELU in place."""


@pytest.mark.parametrize("net", ["resnet18", BEGINS_IN_PLACE])
def test_the_rows_of_checkpointing_are_what_the_options_give(net: str, tmp_path: Path) -> None:
    if net == BEGINS_IN_PLACE:
        file = tmp_path / "net.yaml"
        file.write_text(net, encoding="utf-8")
        net = str(file)
    report = cnncalc.analyze(net)
    options = Options(batch=32, reserve=0)
    peak = account_memory(report, options, details=False).training.peak_bytes
    found = fit(report, options, peak - 1)

    rows = [advice for advice in found.advice if advice.what.startswith("checkpoint ")]

    assert len(rows) == 2
    for row in rows:
        rule = "best" if row.what.startswith("checkpoint best for batch 32 (") else row.what.partition(" ")[2]
        training = account_memory(report, options._replace(checkpoint=rule), details=False).training
        assert (row.need_bytes, row.peak_bytes) == (training.need_bytes, training.peak_bytes)
        assert row.macs == report.totals.macs + training.recomputed_macs
        assert training.recomputed_macs > 0
    assert found.macs == report.totals.macs


def test_the_macs_of_every_row_include_what_checkpointing_repeats() -> None:
    report = cnncalc.analyze("resnet18")
    options = Options(batch=128, reserve=0, checkpoint="blocks")
    expected = report.totals.macs + account_memory(report, options).training.recomputed_macs

    found = fit(report, options, GIB)

    assert {"batch", "autocast", "optimizer"} <= {advice.what.split()[0] for advice in found.advice}
    assert {found.macs, *[advice.macs for advice in found.advice]} == {expected}


def test_pooling_before_the_first_fc_is_computed_on_the_changed_net() -> None:
    """With 1x1x512 before fc1, VGG16 has 512*4096 weights there instead of 7*7*512*4096."""
    found = fit(cnncalc.analyze("vgg16"), Options(), 2 * GIB)
    by_hand = cnncalc.analyze(
        "INPUT 224x224x3 -> [[CONV3-w -> RELU]*n -> POOL2]*[2x64, 2x128, 3x256, 3x512, 3x512] as n, w"
        " -> GAP -> [FC-4096 -> RELU -> DROPOUT]*2 -> FC-1000"
    )

    advice = next(advice for advice in found.advice if advice.what.startswith("global average pooling"))

    assert advice.macs == by_hand.totals.macs
    assert advice.peak_bytes == Simulation(by_hand, Options()).training(1).peak_bytes


def test_nothing_fits() -> None:
    found = fit(cnncalc.analyze("vgg16"), Options(), GIB // 4)

    assert (found.training.largest_batch, found.inference.largest_batch) == (0, 0)
    assert found.training.peak_bytes == Simulation(cnncalc.analyze("vgg16"), Options()).training(1).peak_bytes


@pytest.mark.parametrize(
    ("net", "memory"),
    [
        ("vgg16", 900 * MIB),
        ("resnet18", 600 * MIB),
        *(
            pytest.param(net, memory, marks=pytest.mark.slow)
            for net in ("lenet5", "alexnet", "vgg16", "resnet18", "googlenet", "densenet121")
            for memory in (900 * MIB, 3 * GIB // 2)
            if (net, memory) != ("vgg16", 900 * MIB)
        ),
    ],
)
def test_the_largest_batch_is_the_last_before_the_first_that_does_not_fit(net: str, memory: int) -> None:
    report = cnncalc.analyze("INPUT 70x60x3 -> [CONV3-64 -> RELU]*3 -> FC-9" if net == "lenet5" else net)
    needs = Needs(Simulation(report, Options()))
    found = fit(report, Options(), memory)

    for part, need in ((found.training, needs.training), (found.inference, needs.inference)):
        first = next(batch for batch in range(1, 2000) if need(batch) > memory)
        assert (part.largest_batch, part.unchecked) == (first - 1, 0)
        assert part.next_need_bytes == need(first)
        assert part.need_bytes == need(max(1, first - 1))
        assert part.largest_batch_live >= part.largest_batch


def test_a_batch_that_fits_above_a_smaller_one_that_does_not_is_not_chosen() -> None:
    """VGG16 reserves more memory for 15 images than for 16 or 17: whether blocks are split depends on their sizes."""
    report = cnncalc.analyze("vgg16")
    needs = Needs(Simulation(report, Options()))
    reserved = {batch: needs.training(batch) for batch in range(1, 40)}
    larger = [batch for batch in range(1, 39) if reserved[batch] > reserved[batch + 1]]
    assert larger

    for batch in larger:
        found = fit(report, Options(), reserved[batch + 1])
        assert found.training.largest_batch < batch
        assert found.training.next_need_bytes > found.memory


@pytest.mark.parametrize("profile", ["torch-cuda", "torch-fake", "torch-cpu", "numpy", "ideal", "notes"])
@pytest.mark.parametrize("reserve", [None, 0, 300 * MIB])
def test_memory_and_fit_give_the_same_figures(profile: str, reserve: int | None) -> None:
    options = Options(profile=profile, batch=7, reserve=reserve, image_batches=2)
    report = cnncalc.analyze(
        "INPUT 112x112x3 -> CONV7-64/2 -> BN -> RELU -> POOL3/2 -> [CONV1-64 -> RELU | CONV3-96 -> RELU | ] -> CONCAT"
        " -> DROPOUT -> GAP -> FC-1000"
    )
    found = fit(report, options, GIB)

    for batch in {max(1, found.training.largest_batch), options.batch}:
        memory = account_memory(report, options._replace(batch=batch))
        if batch == options.batch:
            expected = found.training.need_at_batch, found.training.peak_at_batch
        else:
            expected = found.training.need_bytes, found.training.peak_bytes
        assert (memory.training.need_bytes, memory.training.peak_bytes) == expected
    memory = account_memory(report, options._replace(batch=max(1, found.inference.largest_batch)))
    assert memory.inference.need_bytes == found.inference.need_bytes


def test_a_reserve_is_added_to_live_tensors() -> None:
    report = cnncalc.analyze("lenet5")
    live = account_memory(report, Options(reserve=0)).training
    assert live.need_bytes == live.peak_bytes
    assert account_memory(report, Options(reserve=5000)).training.need_bytes == live.peak_bytes + 5000
    for profile in ("torch-cuda", "torch-fake"):
        auto = account_memory(report, Options(profile=profile, reserve="auto"))
        assert auto.allocator is not None
        assert auto.training.need_bytes == auto.allocator[0].reserved + auto.reserve.context_bytes + 32 * MIB
        brief = account_memory(report, Options(profile=profile, reserve="auto"), details=False)
        assert (brief.training.need_bytes, brief.inference.need_bytes) == (
            auto.training.need_bytes,
            auto.inference.need_bytes,
        )
        assert account_memory(report, Options(profile=profile, reserve=0), details=False).allocator is None
    with pytest.raises(ValueProblem, match="but the profile is numpy"):
        account_memory(report, Options(profile="numpy", reserve="auto"))


def test_waiting_batches_of_images_are_added_to_the_inputs() -> None:
    """An image of 32x32x1 floats has 4,096 bytes; two more batches of 3 images have 24,576 bytes."""
    report = cnncalc.analyze("lenet5")
    one, three = (account_memory(report, Options(batch=3, image_batches=count)) for count in (1, 3))

    for part in ("training", "inference"):
        before, after = getattr(one, part), getattr(three, part)
        assert after.breakdown == before.breakdown._replace(inputs=before.breakdown.inputs + 24_576)
        assert after.peak_bytes == before.peak_bytes + 24_576
    assert three.notes.training_bytes == one.notes.training_bytes + 24_576
    assert three.notes.inference_bytes == one.notes.inference_bytes + 24_576


def test_memory_is_read_as_bytes_or_as_a_device() -> None:
    assert read_memory("8GiB") == (8 * GIB, None)
    assert read_memory("RTX 3090")[0] == 24 * GIB
    assert all(device.memory > 0 and device.source for device in devices().values())
    with pytest.raises(ValueProblem, match=r"did you mean .*rtx-3090 \(24.00 GiB\)"):
        read_memory("rtx-390")
    with pytest.raises(ValueProblem, match="no unit 'GBi'"):
        read_memory("8GBi")


def test_each_stage_of_zero_shards_one_more_part() -> None:
    """Stage 1 shards the state of the optimizer, stage 2 also gradients, stage 3 also parameters."""
    simulation = Simulation(cnncalc.analyze("vgg16"), Options(optimizer="adam", batch=4))

    plain, one, two, three = (sharded(simulation, 4, 4, zero, 24 * GIB) for zero in range(4))

    assert one.optimizer_state * 4 == plain.optimizer_state
    assert (two.gradients * 4, two.parameters) == (plain.gradients, plain.parameters)
    assert three.parameters * 4 == plain.parameters
    assert plain.peak_bytes > one.peak_bytes > two.peak_bytes > three.peak_bytes
    # buckets with all gradients; the parameters of fc1, 25,088 * 4,096 and 4,096 biases
    largest = (25_088 * 4_096 + 4_096) * 4
    assert [each.in_flight for each in (plain, one, two, three)] == [plain.gradients, 0, 0, largest]
    assert sharded(simulation, 4, 1, 0, 24 * GIB).in_flight == 0


def test_the_search_ends_at_16777216_images() -> None:
    """900 TiB hold far more images of a single number."""
    found = fit(cnncalc.analyze("INPUT 1x1x1 -> FC-1"), Options(), 900 * 1024**4)

    assert found.training is not None
    assert found.training.largest_batch_live == found.inference.largest_batch_live == 16_777_216
