"""The memory report: sums, effects of options, errors."""

from __future__ import annotations

import re

import pytest

import cnncalc
from cnncalc import analyze
from cnncalc.errors import ValueProblem
from cnncalc.layers import KINDS
from cnncalc.memory.lowering import lower
from cnncalc.memory.optimizers import OPTIMIZERS
from cnncalc.memory.profiles import PROFILES
from cnncalc.memory.replay import TooHigh
from cnncalc.memory.report import Options, Simulation, account_memory, best_segments
from cnncalc.memory.segments import segments_of
from tests.nets import report_of

NETS = ["lenet5", "alexnet", "googlenet-aux", "resnet18", "mobilenet-v2", "unet"]


@pytest.mark.parametrize(
    "net",
    [net if net in ("lenet5", "alexnet", "resnet18") else pytest.param(net, marks=pytest.mark.slow) for net in NETS],
)
@pytest.mark.parametrize("profile", [*PROFILES, "notes"])
def test_the_breakdown_adds_up_to_the_peak(net: str, profile: str) -> None:
    memory = account_memory(report_of(net), Options(profile=profile, batch=3))

    assert memory.training.breakdown.total == memory.training.peak_bytes
    assert memory.inference.breakdown.total == memory.inference.peak_bytes


@pytest.mark.parametrize("net", NETS)
def test_bytes_by_layer_add_up_to_activations_and_transients(net: str) -> None:
    report = report_of(net)
    simulation = Simulation(report, Options(batch=2))

    peak = simulation.trace(2).peak

    assert sum(simulation.held_by_layer(2).values()) == peak.activations + peak.transient


@pytest.mark.parametrize(
    ("net", "checkpoint", "place", "held"),
    [
        (
            "INPUT 9x8x3 -> CONV1-16@a -> RELU6@b -> CONV1-2 -> GAP@g",
            "none",
            "conv2 (backward)",
            {"a": 9216, "b": 9216, "conv2": 9216 + 1152 + 4, "g": 20},
        ),
        (
            "INPUT 9x8x3 -> CONV1-16@a -> RELU6@b -> CONV1-2 -> GAP@g",
            "a..b",
            "b (recompute)",
            {"a": 9216, "b": 9216 + 9216 + 4, "g": 20},
        ),
        (
            "INPUT 9x8x3 -> CONV1-16@a -> TANH(in_place=no)@b -> CONV1-16@c -> TANH(in_place=no)@d -> GAP@g",
            "a..d",
            "d (recompute)",
            {"b": 9216, "c": 9216, "d": 9216 + 9216 + 4, "g": 132},
        ),
    ],
)
def test_bytes_by_layer_at_the_peak(net: str, checkpoint: str, place: str, held: dict[str, int]) -> None:
    """Two images of 9x8x16 float32 have 9,216 bytes, of 9x8x2 1,152; the loss keeps its scores and 4 bytes.

    The gradients are those of the running layer, with the 4 bytes of the gradient of the loss. RELU6 works in place and
    keeps a copy of its input. The recomputed operation and the backward of it have the same total: the first counts.
    """
    report = cnncalc.analyze(net)
    simulation = Simulation(report, Options("torch-cpu", 2, optimizer="sgd", checkpoint=checkpoint))
    segments = simulation.segments(2)

    found = simulation.held_by_layer(2, segments)

    assert {report.layers[index].name: count for index, count in found.items()} == held
    assert simulation.training(2).peak_at == place
    (peak, *_) = [x for x in simulation.training(2, logs=True).events if x.total == sum(held.values()) + x.gradients]
    assert peak.activations + peak.transient == sum(held.values())


def test_a_replay_stops_only_above_its_limit() -> None:
    simulation = Simulation(report_of("lenet5"), Options())
    peak = simulation.trace(2).peak.total

    assert simulation.trace(2, limit=peak).peak.total == peak
    with pytest.raises(TooHigh):
        simulation.trace(2, limit=peak - 1)


def test_a_training_step_is_logged_only_if_asked_for() -> None:
    simulation = Simulation(report_of("lenet5"), Options())
    assert not simulation.training(1).events
    assert simulation.training(1, logs=True).events


def test_the_notes_rule_is_twice_the_activations_and_three_times_the_parameters() -> None:
    """vgg16: 15,237,608 activations and 138,357,544 parameters of 4 bytes."""
    memory = account_memory(report_of("vgg16"), Options(profile="notes", batch=2))

    assert memory.notes.activation_bytes == 2 * 15_237_608 * 4
    assert memory.notes.training_bytes == 2 * memory.notes.activation_bytes + 3 * 138_357_544 * 4
    assert memory.training.peak_bytes == memory.notes.training_bytes
    assert memory.inference.peak_bytes == memory.notes.activation_bytes + 138_357_544 * 4


def test_adam_at_batch_1_takes_five_times_the_parameters() -> None:
    """The peak is the step of the optimizer: parameters, gradients, two states and one temporary."""
    memory = account_memory(report_of("vgg16"), Options(optimizer="adam"), details=False)

    assert memory.training.peak_at == "optimizer step"
    assert 5.0 <= memory.training.peak_bytes / (138_357_544 * 4) < 5.01


def test_fused_adam_saves_the_temporaries() -> None:
    report = report_of("vgg16")
    plain = account_memory(report, Options(optimizer="adam")).training
    fused = account_memory(report, Options(optimizer="adam", style="fused")).training

    assert fused.peak_bytes < plain.peak_bytes - 400 * 1024**2


@pytest.mark.parametrize("net", ["vgg16", "resnet50", "googlenet"])
def test_a_larger_batch_never_needs_less_memory(net: str) -> None:
    simulation = Simulation(report_of(net), Options(optimizer="adam"))

    peaks = [simulation.training(batch).peak_bytes for batch in (1, 2, 3, 5, 8, 13, 21)]

    assert peaks == sorted(peaks)


@pytest.mark.parametrize("training", [True, False])
def test_the_sizes_of_a_tape_are_linear_in_the_batch_and_rounded_last(training: bool) -> None:
    """CONV3-5 on 7x9x3: each image has 756 bytes, its output 1,260; weights have 540 bytes and biases 20."""
    report = cnncalc.analyze("INPUT 7x9x3 -> CONV3-5")
    tape = lower(report, PROFILES["torch-cuda"], dtype="float32", training=training)

    assert [value.size for value in tape.values[:2]] == [(0, 756), (0, 1260)]
    assert tape.sizes_at(3, 1).values[:2] == [2268, 3780]
    assert tape.sizes_at(3, 512).values[:2] == [2560, 4096]
    assert tape.sizes_at(3, 512).parameters == [1024, 512]


def test_live_memory_of_the_ideal_profile_is_at_most_that_of_pytorch() -> None:
    for net in NETS:
        report = report_of(net)
        ideal = account_memory(report, Options(profile="ideal", batch=2), details=False)
        torch = account_memory(report, Options(profile="torch-cuda", batch=2), details=False)

        assert ideal.inference.peak_bytes <= torch.inference.peak_bytes
        assert ideal.training.peak_bytes <= torch.training.peak_bytes


def test_checkpointed_blocks_are_the_innermost_ones_with_a_merge() -> None:
    report = report_of("resnet18")

    names = [segment.name for segment in segments_of(report, "blocks")]

    assert names == [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert [segment.name for segment in segments_of(report, "stages")] == ["layer1", "layer2", "layer3", "layer4"]


def test_without_merges_the_blocks_end_at_each_pool() -> None:
    report = cnncalc.analyze("INPUT 32x32x3 -> [CONV3-8 -> RELU -> POOL2]*2 -> FC-10")

    assert [segment.name for segment in segments_of(report, "blocks")] == ["conv1..pool1", "conv2..pool2"]


def test_best_is_at_least_as_good_as_every_rule() -> None:
    simulation = Simulation(report_of("resnet50"), Options(batch=32))

    best = simulation.training(32, best_segments(simulation, 32)).peak_bytes

    for way in ("none", "blocks", "stages", "sqrt"):
        assert best <= simulation.training(32, segments_of(simulation.report, way)).peak_bytes


def test_named_segments_and_ranges() -> None:
    report = report_of("resnet18")

    names = [(s.first, s.last) for s in segments_of(report, "layer1, layer2.0..layer3.1")]

    assert names[0][1] + 1 == names[1][0]
    with pytest.raises(ValueProblem, match="no block or layer 'layer9'"):
        segments_of(report, "layer9")
    with pytest.raises(ValueProblem, match="overlap"):
        segments_of(report, "layer1,layer1.0")
    with pytest.raises(ValueProblem, match=r"a range must end after it begins, but in .* comes after"):
        segments_of(report, "layer2..layer1")


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        ("layer3..layer2", "layer2..layer3"),
        ("layer1, layer3..layer2", "layer1,layer2..layer3"),
        ("layer2..layer1,layer4..layer3", "layer1..layer2,layer3..layer4"),
        ("layer3..layer1,layer2", None),
    ],
)
def test_the_hint_for_a_range_that_ends_before_it_begins_is_the_whole_option(names: str, hint: str | None) -> None:
    """It keeps the other ranges, and is left out where the ranges would then overlap."""
    report = report_of("resnet18")
    with pytest.raises(ValueProblem, match="must end after it begins") as error:
        segments_of(report, names)
    assert error.value.hint == (None if hint is None else f"--checkpoint {hint}")
    if hint is not None:
        assert segments_of(report, hint)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adm"}, "no optimizer 'adm'; did you mean 'adam'?"),
        ({"profile": "torch-cud"}, "no profile 'torch-cud'; did you mean 'torch-cuda'?"),
        ({"dtype": "int8"}, "int8 is not a data type of training"),
        ({"style": "forech"}, "no optimizer style 'forech'; did you mean 'foreach'?"),
        ({"style": "fused"}, "momentum has no fused style"),
        ({"zero_grad": "begin"}, "no zero-grad 'begin'"),
        ({"autocast": "float8"}, "no autocast 'float8'"),
        ({"autocast": "float16", "dtype": "float16"}, "autocast keeps parameters in float32"),
        ({"batch": 0}, "batch: expected a whole number of at least 1, found 0"),
        ({"checkpoint": "block"}, "no block or layer 'block'; did you mean 'blocks'?"),
    ],
)
def test_invalid_options_are_refused(options: dict[str, object], message: str) -> None:
    report = report_of("lenet5-modern")

    with pytest.raises(ValueProblem, match=re.escape(message)):
        account_memory(report, Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_has_a_step_in_each_of_its_styles(optimizer: str) -> None:
    report = report_of("lenet5-modern")
    for style in ("foreach", "loop") + (("fused",) if OPTIMIZERS[optimizer].can_fuse else ()):
        for decay in (False, True):
            options = Options(optimizer=optimizer, style=style, weight_decay=decay)
            memory = account_memory(report, options, details=False)
            assert memory.training.peak_bytes >= memory.training.after_backward_bytes


def test_frozen_layers_have_no_gradient_and_no_state() -> None:
    frozen = cnncalc.analyze("INPUT 8x8x3 -> CONV3-8(trainable=no) -> RELU -> FC-10")
    whole = cnncalc.analyze("INPUT 8x8x3 -> CONV3-8 -> RELU -> FC-10")

    less = account_memory(frozen, Options(profile="ideal")).training
    more = account_memory(whole, Options(profile="ideal")).training

    assert more.breakdown.optimizer_state - less.breakdown.optimizer_state == (3 * 3 * 3 * 8 + 8) * 4
    assert less.breakdown.parameters == more.breakdown.parameters


@pytest.mark.parametrize(
    ("layers", "batch", "word"),
    [
        ("GAP -> BN", 1, "train BN"),
        ("GAP -> BN", 2, ""),
        ("GAP -> BN(stats=no)", 1, "compute BN"),
        ("BN", 1, ""),
        ("GAP -> IN", 2, "compute IN"),
        ("IN", 1, ""),
        ("FC-4 -> GN4", 1, "compute GN"),
        ("FC-4 -> GN4", 2, ""),
        ("FC-4 -> GN2", 1, ""),
        ("GAP -> LN", 1, ""),
        ("SLICE(0, 1) -> CONV1-2(standardized=yes)", 2, "compute CONV"),
        ("CONV1-2(standardized=yes)", 1, ""),
    ],
)
def test_layers_with_a_single_value_for_a_mean_give_a_warning(layers: str, batch: int, word: str) -> None:
    """PyTorch refuses them; of BN with running statistics only the training step."""
    report = cnncalc.analyze(f"INPUT 8x8x3 -> {layers} -> FC-10")

    found = account_memory(report, Options(batch=batch)).warnings

    assert [problem.code for problem in found] == ["single-value"] * bool(word)
    assert all(f"PyTorch cannot {word}: each mean would be of a single value" in problem.message for problem in found)


@pytest.mark.parametrize(
    ("pool", "is_refused"),
    [
        ("AVGPOOL4x1x6/2(pad=[2, 0, 3])", True),
        ("AVGPOOL2x1x5(round=ceil)", True),
        ("AVGPOOL4x1x4/2(pad=[2, 0, 2])", False),
        ("AVGPOOL4x1x6/2(pad=[2, 0, 3, 2, 0, 2])", False),
        ("POOL4x1x6/2(pad=[2, 0, 3])", False),
        ("AVGPOOL(output=2x2x6)", False),
    ],
)
def test_a_mean_over_three_sides_of_a_window_that_fits_only_with_padding_gives_a_warning(
    pool: str, is_refused: bool
) -> None:
    found = account_memory(cnncalc.analyze(f"INPUT 5x3x4x2 -> {pool} -> FC-2"), Options()).warnings

    assert [problem.code for problem in found] == ["torch-refuses"] * is_refused
    assert all("larger than width 4" in problem.message for problem in found)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_block_without_operations_holds_nothing(profile: str) -> None:
    """The loss computes the last SOFTMAX, so its block does nothing in training."""
    plain = account_memory(analyze("INPUT 8x8x3 -> FC-4 -> SOFTMAX"), Options(profile=profile))
    block = account_memory(analyze("INPUT 8x8x3 -> FC-4 -> [SOFTMAX]@head"), Options(profile=profile))
    assert block.training.peak_bytes == plain.training.peak_bytes
    assert block.inference.peak_bytes == plain.inference.peak_bytes


def test_a_net_without_operations_needs_only_its_input() -> None:
    """8*8*3 float32: 768 bytes, rounded up to 1,024; and 512 for the targets of training."""
    memory = account_memory(cnncalc.analyze("INPUT 8x8x3"))

    assert memory.inference.peak_bytes == 1024
    assert memory.inference.breakdown.activations == 0


@pytest.mark.parametrize(
    ("net", "measured"),
    [
        ("INPUT 24x20x3 -> CONV3-7 -> RELU -> FC-13 -> SCALE", (690_176, 494_080, 553_472, 119_296)),
        ("INPUT 24x20x3 -> CONV3-7 -> RELU -> FC-13 -> LN", (690_176, 495_104, 553_472, 120_320)),
        ("INPUT 12x10x3 -> CONV3-7 -> RELU -> CONV1-5 -> SCALE", (64_000, 44_032, 26_624, 24_064)),
        ("INPUT 24x20x3 -> CONV3-7 -> RELU -> FC-13", (687_104, 492_032, 550_400, 119_296)),
    ],
)
def test_scores_in_float32_are_not_copied_for_the_loss_under_autocast(net: str, measured: tuple[int, ...]) -> None:
    """PyTorch 2.13 under FakeTensorMode, batch 3, bfloat16: peak, after forward, after backward, saved."""
    options = Options(profile="torch-fake", batch=3, autocast="bfloat16")
    found = account_memory(report_of(net), options).training

    assert (found.peak_bytes, found.after_forward_bytes, found.after_backward_bytes, found.saved_bytes) == measured


@pytest.mark.parametrize("profile", ["torch-cuda", "torch-cpu"])
def test_every_kind_has_a_step_under_autocast(profile: str) -> None:
    """A layer with two inputs converts and keeps both: MATMUL keeps two factors of 49 x 16 numbers."""
    saved = {}
    for kind, cls in KINDS.items():
        options = Options(profile=profile, batch=2, autocast="bfloat16")
        training = account_memory(cnncalc.analyze(cls.example), options, details=False).training
        assert training is not None
        saved[kind] = training.saved_bytes

    assert saved["matmul"] >= 2 * 2 * 49 * 16 * 2
