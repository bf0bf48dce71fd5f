"""The largest batch that fits, and the advice."""

from __future__ import annotations

import pytest

import cnncalc
from cnncalc.errors import ValueProblem
from cnncalc.memory.allocator import CachingAllocator
from cnncalc.memory.devices import devices, read_memory
from cnncalc.memory.fit import fit, largest_batch
from cnncalc.memory.report import Options, Simulation
from cnncalc.memory.sharding import sharded

GIB = 1024**3


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


def test_the_search_agrees_with_trying_every_batch_where_the_peak_has_steps() -> None:
    def peak(batch: int) -> int:
        return max(1000, 10 * batch) + 7 * (batch // 16)

    for room in (999, 1000, 1001, 1107, 5000, 12345):
        expected = max((batch for batch in range(1, 3000) if peak(batch) <= room), default=0)
        assert largest_batch(peak, room) == expected


def test_each_advice_lowers_the_peak_and_is_what_the_replay_says() -> None:
    report = cnncalc.analyze("resnet50")
    found = fit(report, Options(batch=128), 8 * GIB, 600 * 1024**2)

    assert found.advice
    assert all(advice.peak_bytes < found.training.peak_at_batch for advice in found.advice)
    assert all(advice.fits == (advice.peak_bytes <= found.room) for advice in found.advice)
    autocast = next(advice for advice in found.advice if advice.what.startswith("autocast"))
    again = Simulation(report, Options(batch=128, autocast="bfloat16")).training(128)
    assert autocast.peak_bytes == again.peak_bytes


def test_pooling_in_front_of_the_first_fc_is_computed_on_the_changed_net() -> None:
    """VGG16 with 1x1x512 in front of fc1 has 512*4096 weights there in place of 7*7*512*4096."""
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


def test_memory_is_read_as_bytes_or_as_a_device() -> None:
    assert read_memory("8GiB") == (8 * GIB, None)
    assert read_memory("RTX 3090")[0] == 24 * GIB
    assert all(device.memory > 0 and device.source for device in devices().values())
    with pytest.raises(ValueProblem, match="did you mean 'rtx-3090'"):
        read_memory("rtx-390")
    with pytest.raises(ValueProblem, match="no unit 'GBi'"):
        read_memory("8GBi")


def test_zero_splits_by_its_stages() -> None:
    """One byte count each: state at stage 1, gradients at 2, parameters at 3."""
    simulation = Simulation(cnncalc.analyze("vgg16"), Options(optimizer="adam", batch=4))

    plain, one, two, three = (sharded(simulation, 4, 4, zero, 24 * GIB) for zero in range(4))

    assert one.optimizer_state * 4 == plain.optimizer_state
    assert (two.gradients * 4, two.parameters) == (plain.gradients, plain.parameters)
    assert three.parameters * 4 == plain.parameters
    assert plain.peak_bytes > one.peak_bytes > two.peak_bytes > three.peak_bytes


def test_the_allocator_by_its_rules() -> None:
    """1 byte takes 512 of a 2 MiB segment; 3 MiB a part of 20 MiB; 19 MiB and 1 byte a segment of 20."""
    allocator = CachingAllocator()

    first = allocator.allocate(1)
    assert (allocator.allocated, allocator.reserved) == (512, 2 * 1024**2)
    allocator.allocate(3 * 1024**2)
    assert allocator.reserved == 22 * 1024**2
    large = allocator.allocate(19 * 1024**2 + 1)
    assert allocator.reserved == 42 * 1024**2
    assert large[0].size == 20 * 1024**2  # what is left is not more than 1 MiB, so it is not split off
    allocator.free(*first)
    allocator.free(*large)
    assert allocator.allocated == 3 * 1024**2
    again = allocator.allocate(2 * 1024**2 - 512 * 1024)
    assert allocator.reserved == 42 * 1024**2
    allocator.free(*again)
