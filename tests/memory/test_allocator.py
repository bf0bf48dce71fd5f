"""The caching allocator, compared with a plain implementation of its rules and with the replay of live tensors."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cnncalc.errors import ValueProblem
from cnncalc.memory import allocator as module
from cnncalc.memory.allocator import CachingAllocator
from cnncalc.memory.need import Needs
from cnncalc.memory.optimizers import OPTIMIZERS
from cnncalc.memory.report import Options, Simulation
from cnncalc.memory.steps import SmallSegments, Steps
from tests.memory.random_training import random_trial
from tests.nets import report_of
from tests.random_nets import fixed_seeds, random_design

MIB = 1024**2
NETS = (
    *("lenet5", "alexnet", "vgg16", "resnet18"),
    *(pytest.param(net, marks=pytest.mark.slow) for net in ("googlenet", "mobilenet-v2", "densenet121")),
)


def test_the_allocator_follows_the_rules_of_pytorch() -> None:
    """512 bytes get a part of 2 MiB, 3 MiB a part of 20 MiB; 19 MiB and 512 bytes get a whole segment of 20 MiB."""
    allocator = CachingAllocator()
    blocks: dict[int, tuple[int, int]] = {}
    sizes = [512, 3 * MIB, 19 * MIB + 512, 2 * MIB - 512 * 1024]

    def after(*events: int) -> tuple[int, int]:
        allocator.run(events, sizes, blocks)
        return allocator.allocated, allocator.reserved

    assert after(0) == (512, 2 * MIB)
    assert after(1) == (512 + 3 * MIB, 22 * MIB)
    # the rest of the segment of 20 MiB is at most 1 MiB, so the block is not split
    assert after(2) == (512 + 23 * MIB, 42 * MIB)
    assert after(~0, ~2) == (3 * MIB, 42 * MIB)
    assert after(3)[1] == 42 * MIB


class PlainAllocator:
    """The rules as in PyTorch's C++ code: a list of blocks for each segment, searched from start to end."""

    def __init__(self) -> None:
        self.segments: list[list[list[Any]]] = []  # of blocks [size, tensor or None]
        self.is_small: list[bool] = []

    def allocate(self, tensor: int, size: int) -> None:
        small = size <= MIB
        free = [
            (block[0], number, place)
            for number, segment in enumerate(self.segments)
            for place, block in enumerate(segment)
            if self.is_small[number] == small and block[1] is None and block[0] >= size
        ]
        if not free:
            whole = 2 * MIB if small else 20 * MIB if size < 10 * MIB else -(-size // (2 * MIB)) * 2 * MIB
            self.segments.append([[whole, None]])
            self.is_small.append(small)
            free = [(whole, len(self.segments) - 1, 0)]
        whole, number, place = min(free)
        segment = self.segments[number]
        rest = whole - size
        if rest >= 512 if small else rest > MIB:
            segment[place : place + 1] = [[size, tensor], [rest, None]]
        else:
            segment[place][1] = tensor

    def free(self, tensor: int) -> None:
        for segment in self.segments:
            for block in segment:
                if block[1] == tensor:
                    block[1] = None
            place = 1
            while place < len(segment):
                if segment[place - 1][1] is None and segment[place][1] is None:
                    segment[place - 1][0] += segment.pop(place)[0]
                else:
                    place += 1

    @property
    def reserved(self) -> int:
        return sum(block[0] for segment in self.segments for block in segment)


@pytest.mark.parametrize("seed", range(20))
def test_the_allocator_agrees_with_a_plain_implementation(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    allocator, plain = CachingAllocator(), PlainAllocator()
    blocks: dict[int, tuple[int, int]] = {}
    sizes: list[int] = []
    for _ in range(400):
        if blocks and rng.random() < 0.48:
            tensor = rng.choice(list(blocks))
            allocator.run([~tensor], sizes, blocks)
            plain.free(tensor)
        else:
            largest = rng.choice([2000, 2 * MIB, 12 * MIB, 60 * MIB])
            sizes.append(max(1, -(-rng.randrange(largest) // 512)) * 512)
            allocator.run([len(sizes) - 1], sizes, blocks)
            plain.allocate(len(sizes) - 1, sizes[-1])
        assert allocator.reserved == plain.reserved


class LiveBytes(CachingAllocator):
    """Counts the bytes of tensors instead of blocks."""

    def run(self, events: Any, sizes: Any, blocks: Any) -> None:
        for event in events:
            if event >= 0:
                blocks[event] = 0, sizes[event]
                self.allocated += sizes[event]
                self.most = max(self.most, self.allocated)
            else:
                self.allocated -= blocks.pop(~event)[1]


def check_recorded_tensors(net: str, options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks that the recorded tensors are those of the replay, to the byte, and that no block is smaller."""
    simulation = Simulation(report_of(net), options)
    needs = Needs(simulation)
    segments = simulation.segments(options.batch)
    training = simulation.training(options.batch)
    peaks = {
        True: max(training.peak_bytes, training.first_step_peak_bytes),
        False: simulation.inference(options.batch).peak_bytes,
    }
    for is_training, peak in peaks.items():
        chosen = segments if is_training else ()
        with monkeypatch.context() as patch:
            patch.setattr(module, "CachingAllocator", LiveBytes)
            assert needs.allocated(options.batch, chosen, training=is_training).allocated == peak
        blocks = Needs(simulation).allocated(options.batch, chosen, training=is_training)
        assert peak <= blocks.allocated <= blocks.reserved


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(batch=3, image_batches=3),
        Options(batch=4, optimizer="adam", zero_grad="before-backward"),
        Options(batch=4, optimizer="adamw", zero_grad="zeros", style="fused"),
        Options(batch=4, accumulate=2),
        Options(batch=2, accumulate=5, zero_grad="zeros"),
        Options(batch=4, checkpoint="blocks"),
        Options(batch=4, autocast="bfloat16"),
        Options(batch=4, profile="torch-fake"),
    ],
    ids=lambda options: "-".join(map(str, options)),
)
def test_the_recorded_allocations_are_the_tensors_of_the_replay(
    net: str, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_recorded_tensors(net, options, monkeypatch)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("style", ["foreach", "loop", "fused"])
@pytest.mark.parametrize("weight_decay", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_recorded_allocations_include_the_tensors_of_the_optimizer(
    optimizer: str, style: str, weight_decay: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(optimizer=optimizer, style=style, weight_decay=weight_decay)
    try:
        Simulation(report_of("lenet5"), options).step()
    except ValueProblem:
        return  # the optimizer has no fused form
    check_recorded_tensors("lenet5", options, monkeypatch)


@pytest.mark.parametrize("seed", fixed_seeds(40))
def test_the_recorded_allocations_of_random_nets_are_those_of_the_replay(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_recorded_tensors(random_design(seed).text, Options(batch=1 + seed % 5, optimizer="adam"), monkeypatch)


@pytest.mark.parametrize("seed", fixed_seeds(60))
def test_the_recorded_allocations_of_random_training_are_those_of_the_replay(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among them products whose gradients are made after their temporaries are freed."""
    trial = random_trial(seed)
    options = trial.options._replace(profile=("torch-cuda", "torch-fake")[seed % 2])
    if options.checkpoint == "none":
        check_recorded_tensors(trial.pattern, options, monkeypatch)


class Unrepeated(CachingAllocator):
    """An allocator whose state is never that of another moment."""

    def copy(self, largest: int) -> Unrepeated:
        made = Unrepeated(largest)
        made.__dict__.update(super().copy(largest).__dict__)
        return made

    @property
    def state(self) -> Any:
        return object()


def unrepeated(steps: Steps) -> Steps:
    """The same steps on an allocator whose state never repeats, so that all of them are simulated."""
    whole = Unrepeated()
    whole.__dict__.update(steps.plan.parameters.__dict__)
    return Steps(steps.plan._replace(parameters=whole))


PLANS = [
    ("resnet18", Options()),
    ("resnet18", Options(optimizer="adam", zero_grad="before-backward")),
    ("resnet18", Options(optimizer="sgd", zero_grad="zeros", accumulate=3)),
    ("squeezenet", Options(checkpoint="blocks")),
    (
        "INPUT 40x30x3 -> [CONV3-64 -> BN -> RELU]*3 -> POOL2 -> FC-900 -> FC-9",
        Options(style="loop", optimizer="nadam"),
    ),
]


@pytest.mark.parametrize(("net", "options"), PLANS)
@pytest.mark.parametrize("training", [True, False])
def test_steps_end_only_where_all_of_them_would_give_the_same(net: str, options: Options, training: bool) -> None:
    """Against all steps that are simulated at most, none of which is left out."""
    simulation = Simulation(report_of(net), options)
    segments = simulation.segments(1) if training else ()
    for batch in (2, 9, 31):
        steps = Needs(simulation).steps(batch, segments, training=training)
        assert unrepeated(steps).allocated(batch) == steps.allocated(batch)


@pytest.mark.parametrize(("net", "options"), PLANS)
@pytest.mark.parametrize("training", [True, False])
def test_what_fits_by_large_tensors_or_by_the_bound_is_what_is_reserved(
    net: str, options: Options, training: bool
) -> None:
    simulation = Simulation(report_of(net), options)
    needs = Needs(simulation)
    segments = simulation.segments(1) if training else ()
    bound = needs.bound(segments, training=training)
    before = 0
    for batch in (2, 3, 7, 12, 30, 31, 90):
        reserved = needs.allocated(batch, segments, training=training).reserved
        steps = needs.steps(batch, segments, training=training)
        assert [steps.fits(batch, reserved + more) for more in (-1, 0, 1, 900 * MIB)] == [False, True, True, True]
        assert max(before, reserved + needs.reserve.bytes) <= bound.bytes(batch)
        before = bound.bytes(batch)


@pytest.mark.parametrize("seed", fixed_seeds(40))
def test_the_bound_holds_for_random_nets(seed: int) -> None:
    options = Options(optimizer=["momentum", "sgd", "adam"][seed % 3], accumulate=1 + seed % 2)
    needs = Needs(Simulation(report_of(random_design(seed).text), options))
    for training in (True, False):
        bound = needs.bound((), training=training)
        for batch in (2, 40, 3000, 100_000):
            reserved = needs.allocated(batch, training=training).reserved
            assert reserved + needs.reserve.bytes <= bound.bytes(batch)
            steps = needs.steps(batch, (), training=training)
            assert [steps.fits(batch, reserved + more) for more in (-1, 0)] == [False, True]


@pytest.mark.parametrize("seed", range(30))
def test_small_tensors_have_no_more_segments_than_the_bound(seed: int) -> None:
    """Tensors whose sizes are often near 1 MiB, so that little of them keeps a segment from being free."""
    rng = random.Random(seed)  # noqa: S311
    allocator, bound = CachingAllocator(), SmallSegments()
    blocks: dict[int, tuple[int, int]] = {}
    in_use: dict[int, int] = {}
    sizes: list[int] = []
    for _ in range(600):
        if in_use and rng.random() < 0.5:
            event = ~rng.choice(list(in_use))
        else:
            largest = rng.choice([512, 4096, MIB // 2, MIB])
            sizes.append(largest - 512 * rng.randrange(largest // 512 // 3 + 1))
            event = len(sizes) - 1
        allocator.run([event], sizes, blocks)
        bound.run([event], sizes, in_use)
        assert allocator.reserved <= bound.most * 2 * MIB
    assert bound.most


@pytest.mark.parametrize(
    ("batch", "repeats", "times"),
    [(8, True, [3, 3, 3, 3, 3]), (3, True, [3, 3, 3, 2, 2]), (48, True, [2, 2, 2, 2, 2]), (48, False, [6, 6, 6, 6, 6])],
)
def test_the_simulation_ends_where_a_step_repeats_the_one_before(
    batch: int, repeats: bool, times: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step makes the optimizer's state, the second finds it, the third begins or ends like the second.

    If none repeats the one before, six are simulated.
    """
    steps = Needs(Simulation(report_of("resnet18"), Options())).steps(batch, (), training=True)
    steps = steps if repeats else unrepeated(steps)
    ran: list[object] = []
    run = CachingAllocator.run

    def counted(self: CachingAllocator, events: Any, *others: Any) -> None:
        ran.append(events)
        run(self, events, *others)

    monkeypatch.setattr(CachingAllocator, "run", counted)
    steps.allocated(batch)

    _, pieces = steps._pieces.popitem()
    assert tuple(event for piece in pieces for event in piece) == steps.plan.first.events
    assert [ran.count(piece) for piece in pieces] == times


def test_a_copied_allocator_continues_like_the_original() -> None:
    """Also for larger tensors; the original is not changed."""
    first = CachingAllocator(MIB)
    blocks: dict[int, tuple[int, int]] = {}
    first.run([0, 1, 2, ~1], [512, 3 * MIB, 5 * MIB], blocks)
    before = first.state

    second = first.copy(1 << 60)
    second.run([3, 4, ~4], [0, 0, 0, 3 * MIB, 1 << 60], {**blocks})

    assert first.state == before
    assert (second.allocated, second.reserved) == (512 + 8 * MIB, 22 * MIB + (1 << 60))
