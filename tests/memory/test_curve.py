"""The curve of peak memory over the batch size equals the memory report: bytes, place of the peak, breakdown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

import cnncalc
from cnncalc.errors import ValueProblem
from cnncalc.language.catalogue import names
from cnncalc.memory.curve import curve_of, upper_envelope
from cnncalc.memory.optimizers import OPTIMIZERS
from cnncalc.memory.profiles import PROFILES
from cnncalc.memory.report import Options, Simulation, account_memory
from cnncalc.memory.segments import segments_of
from tests.nets import report_of
from tests.random_nets import examples, random_design, sample, seeds

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report
    from cnncalc.memory.curve import Curve

pytestmark = pytest.mark.slow

BATCHES = (1, 2, 3, 7, 8, 32, 100, 1000)


def differences(report: Report, options: Options, batches: tuple[int, ...], curve: Curve | None = None) -> list[str]:
    """Where the curve and the memory report differ, for every optimizer and batch size."""
    segments = segments_of(report, options.checkpoint)
    curve = curve or curve_of(Simulation(report, options), segments)
    found = []
    for batch in batches:
        simulation = Simulation(report, options._replace(batch=batch))
        inference = simulation.inference(batch)
        if curve.inference(batch) != (inference.peak_bytes, inference.peak_at, inference.breakdown):
            found.append(f"inference of {batch}")
        trace = simulation.trace(batch, segments)
        simulation.trace = lambda *_, trace=trace, **__: trace  # type: ignore[method-assign]  # no optimizer changes it
        for optimizer in curve.optimizers:
            simulation.options = options._replace(batch=batch, optimizer=optimizer)
            training = simulation.training(batch, segments)
            if curve.training(batch, optimizer) != (training.peak_bytes, training.peak_at, training.breakdown):
                found.append(f"{optimizer} with {batch}")
    return found


FEW = ("alexnet", "dcgan-generator", "googlenet-aux", "lenet5", "mobilenet-v2", "unet")


@pytest.mark.parametrize(
    ("net", "profile"),
    sample(
        [(net, profile) for net in FEW for profile in PROFILES]
        + [(net, "torch-cuda") for net in names() if net not in FEW],
        len(FEW) * len(PROFILES),
    ),
)
def test_the_curve_of_a_named_net_equals_the_memory_report(net: str, profile: str) -> None:
    assert differences(report_of(net), Options(profile=profile), BATCHES) == []


@pytest.mark.parametrize("profile", PROFILES)
def test_every_optimizer_at_every_batch(profile: str) -> None:
    report = cnncalc.analyze(
        "INPUT 64x64x3 -> CONV3-16 -> BN -> RELU -> POOL2 -> [CONV1-8 -> RELU | CONV3-24(bias=no) -> BN | ] -> CONCAT"
        " -> GAP -> DROPOUT -> FC-100"
    )
    curve = curve_of(Simulation(report, Options(profile=profile)))

    assert list(curve.optimizers) == list(OPTIMIZERS)
    for batch in BATCHES:
        for optimizer in OPTIMIZERS:
            options = Options(profile=profile, batch=batch, optimizer=optimizer)
            memory = account_memory(report, options, details=False)
            peak = curve.training(batch, optimizer)
            assert peak == (memory.training.peak_bytes, memory.training.peak_at, memory.training.breakdown)


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "float64"},
        {"autocast": "bfloat16"},
        {"weight_decay": True},
        {"style": "loop"},
        {"style": "fused", "optimizer": "adam"},
        {"accumulate": 4},
        {"zero_grad": "before-backward"},
        {"zero_grad": "zeros"},
        {"checkpoint": "blocks"},
        {"checkpoint": "sqrt", "accumulate": 2},
        {"image_batches": 3},
    ],
)
@pytest.mark.parametrize("net", sample(["lenet5", "mobilenet-v2", "resnet18", "densenet121"], 2))
def test_the_curve_follows_every_option(net: str, options: dict[str, object]) -> None:
    assert differences(cnncalc.analyze(net), Options(**options), (1, 2, 9, 64)) == []  # type: ignore[arg-type]


@given(seeds)
@examples(60)
def test_the_curve_of_a_random_net_equals_the_memory_report(seed: int) -> None:
    report = cnncalc.analyze(random_design(seed).text)
    profile = list(PROFILES)[seed % len(PROFILES)]

    assert differences(report, Options(profile=profile), (1, 2, 3, 5, 17, 128, 999)) == []


def test_a_view_is_not_taken_for_the_whole_if_both_have_the_same_rounded_size() -> None:
    """[1x1x3] and the [1x1x5] that contains it both take 512 bytes up to 25 images; no gradient is added in place."""
    report = cnncalc.analyze("INPUT 6x6x2 -> GAP -> [ | CONV1-3 -> BN]@a -> CONCAT@b -> CONV1-5 -> ADD(@b) -> FC-4")
    curve = curve_of(Simulation(report, Options()))

    assert set(curve.special) <= {1}
    assert differences(report, Options(), tuple(range(1, 70)), curve) == []


def test_a_batch_of_one_has_its_own_candidates_if_a_slice_of_it_is_dense() -> None:
    report = cnncalc.analyze("INPUT 6x6x4 -> CONV3-4 -> SLICE(1, to=3) -> FLATTEN -> FC-4")
    curve = curve_of(Simulation(report, Options()))

    assert set(curve.special) == {1}
    assert differences(report, Options(), (1, 2, 3, 64), curve) == []


def test_a_gradient_is_summed_in_a_type_wider_than_that_of_its_value() -> None:
    """MUL of one map in bfloat16 and 37 in float32: the gradient of the map is summed as 10*10*4 bytes an image.

    No volume of the net has 400 bytes an image, or 400 more than a multiple of 512.
    """
    report = cnncalc.analyze("INPUT 10x10x37 -> CONV3-37 -> LN@a -> CONV1-1@g -> MUL(@a, @g) -> CONV3-11 -> FC-10")

    assert differences(report, Options(autocast="bfloat16"), BATCHES) == []


def test_a_batch_of_one_has_its_own_candidates_in_inference_too() -> None:
    """GN copies the slice of several images, which is not contiguous: 512 bytes more for [4x5x2], up to 3 images."""
    report = cnncalc.analyze("INPUT 4x5x4 -> SLICE(1, to=3) -> [GN2 | CONV3-4] -> CONCAT")
    curve = curve_of(Simulation(report, Options()))

    assert set(curve.special_forward) == {1}
    assert differences(report, Options(), (1, 2, 3, 64), curve) == []


def test_the_notes_rule_is_a_straight_line() -> None:
    """vgg16: 15,237,608 activations and 138,357,544 parameters of 4 bytes."""
    report = cnncalc.analyze("vgg16")
    options = Options(profile="notes", batch=5)
    curve, memory = curve_of(Simulation(report, options)), account_memory(report, options)

    assert curve.training(5, "adam").bytes == 2 * 5 * 15_237_608 * 4 + 3 * 138_357_544 * 4
    assert curve.training(5, "adam") == (memory.training.peak_bytes, memory.training.peak_at, memory.training.breakdown)
    assert curve.inference(5) == (memory.inference.peak_bytes, memory.inference.peak_at, memory.inference.breakdown)


def test_a_net_with_only_an_input_has_a_curve() -> None:
    report = cnncalc.analyze("INPUT 4x5x3")

    assert differences(report, Options(), (1, 6)) == []


def test_an_optimizer_without_a_fused_form_is_left_out() -> None:
    simulation = Simulation(cnncalc.analyze("lenet5-modern"), Options(style="fused", optimizer="adam"))

    assert list(curve_of(simulation).optimizers) == ["adam", "amsgrad", "adamw"]
    with pytest.raises(ValueProblem, match="momentum has no fused style"):
        curve_of(Simulation(cnncalc.analyze("lenet5-modern"), Options(style="fused")))


@pytest.mark.parametrize("net", ["vgg16", "resnet152", "googlenet", "densenet121"])
def test_the_data_of_a_curve_are_short(net: str) -> None:
    curve = curve_of(Simulation(cnncalc.analyze(net), Options()))

    assert len(json.dumps(curve.data())) < 3_000
    step = curve.data()["step"]
    assert {len(moment) for moment in step["moments"]} == {len(step["end"])}


@pytest.mark.parametrize(
    ("lines", "steps"),
    [
        ([(5, 0)], [(1, 5, 0)]),
        ([(5, 0), (0, 1)], [(1, 5, 0), (6, 0, 1)]),
        ([(5, 0), (0, 1), (-3, 2)], [(1, 5, 0), (5, -3, 2)]),
        ([(5, 1), (7, 1), (1, 3)], [(1, 7, 1), (4, 1, 3)]),
        ([], []),
    ],
)
def test_the_upper_envelope_of_straight_lines(lines: list[tuple[int, int]], steps: list[tuple[int, int, int]]) -> None:
    """The lines 5 and x are equal at 5; the second is higher from 6 on."""
    assert upper_envelope(lines) == steps


def test_a_net_of_many_sizes_has_few_classes_of_size() -> None:
    """Else the sums of a net of n sizes would have n counts each, and the memory would grow with their square."""
    report = cnncalc.analyze("INPUT 6x5x3 -> [[IDENTITY | CONV3-1] -> CONCAT]*300 -> FC-10")

    curve = curve_of(Simulation(report, Options()))

    assert len({row.output for row in report.layers}) > 300
    assert len(curve.sizes) <= 512 // 4
    assert differences(report, Options(), (1, 2, 7, 100), curve) == []
