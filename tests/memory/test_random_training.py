"""Memory of random nets with random options of training, equal to measurements of PyTorch 2.13 to the byte.

``data/random_training.json`` has 611 nets chosen among those that agreed when they were measured: it detects changes
and does not show how many nets agree. ``python -m benchmarks.training_memory`` measures other nets.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import cnncalc
from cnncalc.errors import ValueProblem
from cnncalc.language.writer import as_pattern
from cnncalc.memory.report import Options, Simulation, account_memory
from tests.memory.random_training import FIGURES, computed

DATA = Path(__file__).parent / "data" / "random_training.json"
MEASURED: list[Any] = json.loads(DATA.read_text(encoding="utf-8"))


@pytest.mark.parametrize("part", [*range(3), *(pytest.param(part, marks=pytest.mark.slow) for part in range(3, 12))])
def test_random_nets_need_the_memory_that_pytorch_needs(part: int) -> None:
    wrong = []
    for pattern, habits, figures in MEASURED[part::12]:
        found = computed(cnncalc.analyze(pattern), Options(**habits))
        pairs = zip(FIGURES, found, figures, strict=True)
        wrong += [f"{pattern} {habits}: {name} {got:,} instead of {want:,}" for name, got, want in pairs if got != want]
    assert not wrong


@pytest.mark.parametrize("part", [*range(3), *(pytest.param(part, marks=pytest.mark.slow) for part in range(3, 12))])
def test_a_tape_that_holds_for_every_batch_is_that_of_a_single_image(part: int) -> None:
    """Where the operations for one image differ in memory, ``Tape.is_for_several`` must say so."""
    for pattern, habits, _ in MEASURED[part::12]:
        report = cnncalc.analyze(pattern)
        for profile in ("torch-cpu", "torch-fake"):
            options = Options(profile, 1, habits.get("dtype", "float32"), "sgd", autocast=habits.get("autocast"))
            tapes, of_one = Simulation(report, options), Simulation(report, options, images=1)
            for training in (True, False):
                if not tapes.tape(training=training).is_for_several:
                    found, wanted = [_traced(simulation, training=training) for simulation in (tapes, of_one)]
                    assert found == wanted, (pattern, options)


@pytest.mark.parametrize("net", ["alexnet", "resnet18"])
@pytest.mark.parametrize("profile", ["torch-cpu", "torch-fake", "torch-cuda"])
def test_contiguous_maps_need_no_tape_of_their_own_for_a_single_image(net: str, profile: str) -> None:
    simulation = Simulation(cnncalc.analyze(net), Options(profile, 1))
    assert not any(simulation.tape(training=training).is_for_several for training in (True, False))


def _traced(simulation: Simulation, *, training: bool) -> tuple[int, ...]:
    """The figures of one image."""
    if not training:
        return (simulation.inference(1).peak_bytes,)
    found = simulation.training(1)
    return found.peak_bytes, found.after_forward_bytes, found.after_backward_bytes, found.saved_bytes


PEAKS = [
    ("INPUT 24x20x3 -> CONV1-5(bias=no) -> IN -> RELU -> FC-3", "sgd", 184_532),
    ("INPUT 24x20x3 -> PRELU -> FC-3", "sgd", 80_724),
    ("INPUT 8x8x3 -> CONV3-256 -> LN(axes=depth) -> CONV3-512 -> GAP -> FC-10", "momentum", 19_268_320),
]


@pytest.mark.parametrize(("pattern", "optimizer", "peak"), PEAKS)
def test_peaks_of_real_steps_on_a_cpu(pattern: str, optimizer: str, peak: int) -> None:
    options = Options("torch-cpu", 2, optimizer=optimizer)
    assert account_memory(cnncalc.analyze(pattern), options).training.peak_bytes == peak


MORE_PEAKS = [
    ("INPUT 8x6x4 -> CONV1-4 -> [ | GAP -> CONV1-4] -> ADD -> FC-7", {}, 17_272, 10_228),
    (
        "INPUT 1x1x200 -> CONV1-200 -> [ | TANH(in_place=no)] -> CONCAT -> TANH(in_place=no) -> GAP",
        {"batch": 1},
        324_816,
        165_600,
    ),
    ("INPUT 9x9x8 -> CONV1-8@a -> SLICE(0, to=4) -> CONV3-8 -> ADD(@a) -> FC-3", {"batch": 1}, 28_628, 19_628),
    ("INPUT 8x6x5 -> CONV3-6/2(pad=same) -> CONV1-3 -> GAP", {"autocast": "bfloat16"}, 7_744, 7_728),
    ("INPUT 8x6x5 -> DWCONV3/2(pad=same) -> CONV1-3 -> GAP", {"autocast": "bfloat16"}, 6_328, 6_312),
    ("INPUT 9x5x2 -> CONV3-6 -> SCALE -> FC-3", {"checkpoint": "conv1..scale1"}, 16_440, 10_956),
    ("INPUT 9x5x2 -> CONV3-6 -> PRELU -> CONV1-2 -> GAP", {"checkpoint": "conv1..prelu1"}, 9_992, 5_576),
    ("INPUT 9x5x2 -> CONV3-6 -> FC-30 -> FC-3", {"checkpoint": "conv1..fc1"}, 71_448, 36_468),
    (
        "INPUT 9x5x2 -> CONV3-6 -> [ | GAP -> CONV1-6 -> SIGMOID] -> MUL -> CONV1-2 -> GAP",
        {"checkpoint": "conv1..mul1"},
        10_232,
        6_440,
    ),
    (
        "INPUT 9x5x2 -> CONV3-6 -> SCALE -> CONV1-2 -> GAP",
        {"checkpoint": "conv1..scale1", "autocast": "bfloat16"},
        9_528,
        6_908,
    ),
    (
        "INPUT 5x4x6 -> AVGPOOL(output=2)@a -> LINEAR-6 -> RESIZE(@a, mode=area) -> FLATTEN -> FC-6",
        {"checkpoint": "resize1..flatten1"},
        3_408,
        2_304,
    ),
    (
        "INPUT 8x6x6 -> AVGPOOL(output=[4, 3])@b -> UPSAMPLE2 -> CONV3-8 -> CROP(@b) -> CONV3-6 -> FC-6",
        {"checkpoint": "crop1..conv2"},
        18_440,
        13_520,
    ),
    (
        "INPUT 16x6 -> CONV3-6@a -> CONV3-6(share=a)@b -> LRN@c -> GAP",
        {"checkpoint": "b..c", "autocast": "bfloat16"},
        6_192,
        2_996,
    ),
    ("INPUT 24x3 -> [LINEAR-3 | SCALE -> GMP] -> MUL(in_place=yes) -> FC-9", {}, 10_680, 5_004),
    ("INPUT 24x3 -> [LN(axes=depth, trainable=no) | CONV3-1] -> ADD(in_place=yes) -> GAP", {}, 2_416, 1_600),
    (
        "INPUT 20x20x3 -> [CONV3-4 | CONV3-4 -> SOFTPLUS] -> DIV(in_place=yes) -> GAP",
        {"profile": "torch-fake", "autocast": "bfloat16"},
        109_056,
        52_736,
    ),
    (
        "INPUT 5x4x3 -> [CONV3-3 -> SCALE | CONV3-3 -> GAP -> TANH] -> MUL(in_place=yes) -> GAP",
        {"checkpoint": "conv1..mul1", "autocast": "bfloat16"},
        4_200,
        2_544,
    ),
    (
        "INPUT 50x40x3 -> [CONV3-6 -> SLICE(from=2,to=5) | CONV3-3 -> SOFTPLUS] -> DIV(in_place=yes) -> GAP",
        {"profile": "torch-fake", "autocast": "bfloat16", "checkpoint": "conv1..div1"},
        510_976,
        221_184,
    ),
    ("INPUT 6x4x5 -> LINEAR-4 -> SOFTMAX(axes=[height, width]) -> LINEAR-3 -> GAP", {}, 5_064, 3_228),
    ("INPUT 6x4x5 -> LINEAR-4 -> SOFTMAX(axes=[height, width]) -> FC-3", {}, 6_696, 3_948),
    ("INPUT 25x6@a -> CONV3-6 -> ATTENTION(@a, heads=2, trainable=no) -> FC-3", {}, 16_000, 11_340),
    ("INPUT 9x60@a -> CONV3-60 -> ATTENTION(@a, heads=2, head_dim=3, out=no) -> FC-2", {}, 105_224, 62_528),
    ("INPUT 60x40x5 -> LINEAR-8 -> GN1 -> FC-2", {"profile": "torch-fake", "autocast": "bfloat16"}, 919_552, 792_064),
    (
        "INPUT 4x5x6x3 -> CONV1-5 -> SILU -> DECONV(filters=2, kernel=[2, 2, 1], stride=1, pad=2) -> CONV1-3 -> GAP",
        {"dtype": "bfloat16"},
        8_948,
        6_382,
    ),
    (
        "INPUT 4x5x6x3 -> CONV1-5 -> SILU -> DECONV(filters=2, kernel=[2, 2, 1], stride=1, pad=2) -> CONV1-3 -> GAP",
        {"batch": 1},
        9_188,
        6_524,
    ),
    ("INPUT 22x1 -> LINEAR-1 -> PRELU -> CONV3-6 -> LINEAR-3", {"profile": "torch-fake", "batch": 3}, 14_336, 9_216),
    (
        "INPUT 22x1 -> LN(axes=depth) -> [PRELU | GAP] -> MINIMUM -> DECONV(filters=6, pad=same) -> EXP -> LINEAR-3",
        {"profile": "torch-fake", "batch": 3},
        25_600,
        13_824,
    ),
    (
        "INPUT 3x4x5x2 -> SOFTPLUS -> [LINEAR-1(trainable=no)@x1]@b0.b1 -> PAD(1)@b0.pad1 -> DWCONV3 -> FC-3@b0.fc1",
        {},
        11_260,
        6_976,
    ),
    ("INPUT 12x8x4 -> CONV3-4 -> POOL2@p -> [UNPOOL(@p) -> EXP -> CONV1-2]@b -> FC-2", {}, 20_696, 12_160),
    (
        "INPUT 8x6x3 -> CONV3-40 -> GELU -> CONV3-4 -> GELU@a -> GAP(training_only=yes) -> FC-90(training_only=yes)@h "
        "-> FROM(@a) -> CONV3-4 -> SILU@s -> GAP -> FC-3",
        {"checkpoint": "a..s"},
        70_472,
        44_580,
    ),
    ("INPUT 7x8x3 -> CONV3-30 -> BN -> GAP -> FC-3", {"profile": "torch-fake", "dtype": "float16"}, 33_792, 22_528),
    ("INPUT 7x6x1 -> LN(axes=depth) -> AFFINE(2) -> CONV3-6 -> LINEAR-3", {}, 8_496, 3_692),
    (
        "INPUT 7x10x2 -> CONV3-2 -> WINDOW1x2 -> ATTENTION-2(relative=[1, 2]) -> UNWINDOW7x10(window=[1, 2]) "
        "-> SLICE(4, axis=height) -> FC-6",
        {},
        17_496,
        10_760,
    ),
    ("INPUT 7x6x1 -> LN(axes=depth) -> AFFINE(1, 2) -> CONV3-6 -> LINEAR-3", {}, 8_488, 3_692),
    ("INPUT 7x6x1 -> LN(axes=depth) -> PAD(pad=0) -> CONV3-6 -> LINEAR-3", {}, 8_488, 3_692),
    ("INPUT 2x2x1 -> LINEAR-2 -> GAP -> PRELU -> CONV3-3 -> FC-3", {"batch": 1}, 852, 356),
    ("INPUT 4x1 -> LINEAR-1 -> SCALE(scale=no) -> CONV1-3 -> FC-3", {"batch": 1}, 516, 316),
    ("INPUT 1x3 -> LINEAR-4 -> CONV(filters=3, kernel=3, pad=1) -> FC-3", {}, 720, 348),
    ("INPUT 1x3 -> LINEAR-4 -> DECONV(filters=3, kernel=2, bias=no) -> FC-3", {"batch": 1}, 576, 316),
    ("INPUT 5x5x3 -> CONV1-4 -> GAP -> PRELU -> FC-3", {"profile": "torch-fake", "batch": 1}, 8_192, 4_096),
    ("INPUT 5x5x3 -> CONV1-4 -> GAP -> SCALE -> FC-3", {"profile": "torch-fake", "batch": 1}, 9_216, 5_120),
    ("INPUT 8x8x3 -> LINEAR-8 -> DEPTH2SPACE([2, 4]) -> CONV1-2 -> FC-2", {"batch": 1}, 27_584, 15_256),
    ("INPUT 8x8x3 -> LINEAR-8 -> DEPTH2SPACE(2, order=dcr) -> CONV1-2 -> FC-2", {"batch": 1}, 15_320, 9_120),
    ("INPUT 8x8x3 -> LINEAR-4 -> SPACE2DEPTH([2, 4]) -> SILU -> CONV3-4 -> FC-3", {"batch": 1}, 14_100, 7_900),
    (
        "INPUT 8x8x3 -> LINEAR-4 -> POOL2@p -> UNPOOL(@p) -> SILU -> CONV3-4 -> FC-3",
        {"profile": "torch-fake", "batch": 1},
        24_064,
        9_216,
    ),
    (
        "INPUT 5x6x3 -> LINEAR-16 -> UPSAMPLE2(mode=bilinear) -> DWCONV3 -> FC-2",
        {"profile": "torch-fake", "batch": 1},
        61_440,
        34_816,
    ),
    ("INPUT 6x5x3 -> CONV1-3@x -> [IDENTITY | CONV3-3] -> ADD -> CONCAT(@x) -> GAP", {}, 5_112, 3_984),
    ("INPUT 6x5x3 -> LN@x -> [DROPOUT(0) | LOCAL-3] -> SUB -> DWCONV -> ADD(@x) -> FC-6", {}, 40_696, 23_808),
    ("INPUT 30x3 -> LN@x -> [SEQUENCE | LOCAL-3] -> SUB -> DWCONV -> ADD(@x) -> FC-6", {}, 18_720, 11_664),
    (
        "INPUT 3x4x2 -> RMS(axes=volume) -> CONV1-4 -> GAP -> FC-4",
        {"batch": 1, "dtype": "bfloat16", "checkpoint": "rms1"},
        540,
        452,
    ),
    (
        "INPUT 9x8x4 -> CONV1-4 -> POOL(output=[14, 12])@p -> UNPOOL(@p) -> GAP",
        {"batch": 1, "checkpoint": "p"},
        13_168,
        10_448,
    ),
    ("INPUT 9x8x3 -> CONV1-16 -> RELU6 -> CONV1-2 -> GAP", {"checkpoint": "conv1..relu6_1"}, 29_944, 12_488),
    (
        "INPUT 8x6x4@x -> CONV3-4 -> LINEAR-4@a -> ADD(@x) -> LINEAR-4(share=a)@b -> GAP -> FC-2",
        {"checkpoint": "add1..b", "autocast": "bfloat16"},
        8_056,
        5_656,
    ),
    (
        "INPUT 8x6x4@x -> CONV3-4 -> LINEAR-4@a -> ADD(@x) -> LINEAR-4(share=a) -> SILU -> GAP -> FC-2",
        {"checkpoint": "add1..silu1", "autocast": "bfloat16"},
        10_360,
        5_656,
    ),
]


@pytest.mark.parametrize(("pattern", "options", "training", "inference"), MORE_PEAKS)
def test_peaks_with_separate_padding_summed_gradients_views_and_arguments(
    pattern: str, options: dict[str, Any], training: int, inference: int
) -> None:
    """Measured in PyTorch.

    The nets have padded copies beside half-precision copies, segments freed before sums, views, sums after a view was
    overwritten, quotients of two types, arguments of segments that give only sizes, casts that a segment makes again,
    arguments in float32 beside contiguous copies, contiguous results of softmax and of convolutions without oneDNN or
    of depth 1, gradients of attention that nothing needs, transposed convolutions whose results lie in the memory of
    a larger input, a volume of depth 1 times slopes or a number or without a pad, a block with a layer of another block
    between its own, places that a block reads, an auxiliary head in a segment, BN with parameters in float16, the
    input of a projection, an argument that is copied, layers that return their input to a sum of three gradients, a
    gradient that is summed in float32 when a segment is freed, a segment whose last layer keeps what it makes or a copy
    of its input, casts of shared parameters that a segment makes again, slopes and shifts of a single image with sides
    of 1, and blocks, maxima and enlarged maps whose results are contiguous or not.
    """
    chosen: dict[str, Any] = {"profile": "torch-cpu", "batch": 2, "optimizer": "sgd", **options}
    memory = account_memory(cnncalc.analyze(pattern), Options(**chosen))
    assert (memory.training.peak_bytes, memory.inference.peak_bytes) == (training, inference)


@pytest.mark.parametrize("profile", ["torch-cpu", "torch-fake", "torch-cuda"])
def test_a_branch_of_which_only_the_size_is_read_keeps_what_it_saved_until_it_is_freed(profile: str) -> None:
    """Frozen, the branch saves nothing. What it saves is gone after forward, and raises the peak of forward alone."""
    text = "INPUT 90x80x3@i -> [CONV3-9({}) -> TANH(in_place=no)]*3 -> IDENTITY@b -> FROM(@i) -> RESIZE(@b) -> FC-3"
    trained, frozen = (
        account_memory(cnncalc.analyze(text.format(key)), Options(profile, 2, optimizer="sgd")).training
        for key in ("", "trainable=no")
    )
    assert trained.saved_bytes == frozen.saved_bytes
    assert trained.after_forward_bytes == frozen.after_forward_bytes
    assert trained.peak_bytes > frozen.peak_bytes


def test_only_an_optimizer_that_begins_with_its_state_has_some_for_weights_without_a_gradient() -> None:
    """Adagrad makes the sums of all 2,000 weights and biases of the branch before the first step."""
    report = cnncalc.analyze("INPUT 8x8x3@i -> CONV1-500@a -> FROM(@i) -> RESIZE(@a) -> FC-3")
    state = {
        name: account_memory(report, Options("torch-cuda", 1, optimizer=name)).training.breakdown.optimizer_state
        for name in ("momentum", "adagrad")
    }
    assert state["adagrad"] - state["momentum"] == 6_144 + 2_048  # multiples of 512 bytes


def test_a_segment_that_overwrites_its_input_is_refused() -> None:
    report = cnncalc.analyze("INPUT 8x8x3 -> CONV3-4 -> RELU -> CONV3-4 -> RELU -> FC-2")
    with pytest.raises(ValueProblem, match="relu1 overwrites the output of conv1"):
        account_memory(report, Options(checkpoint="relu1..conv2"))
    assert account_memory(report, Options(checkpoint="conv2..relu2")).training.segments


@pytest.mark.parametrize(("head", "is_refused"), [("", False), ("CONV1-6 -> ", True)])
def test_a_segment_that_backward_does_not_reach_may_overwrite_what_does_not_learn(head: str, is_refused: bool) -> None:
    """PyTorch computes it never again, but never frees a learned tensor that was overwritten there."""
    pattern = f"INPUT 12x6 -> {head}TANH@a -> CONV1-6 -> SOFTPLUS@s -> FROM(@input) -> CONV1-6 -> CROP(@s) -> FC-2"
    options = Options("torch-cpu", checkpoint="a..s")
    if is_refused:
        with pytest.raises(ValueProblem, match=r"never free them, but in .* a overwrites the output of conv1"):
            account_memory(cnncalc.analyze(pattern), options)
    else:
        assert [each.name for each in account_memory(cnncalc.analyze(pattern), options).training.segments] == ["a..s"]


@pytest.mark.parametrize("profile", ["torch-cpu", "torch-fake"])
def test_a_segment_that_saves_nothing_may_overwrite_its_input(profile: str) -> None:
    """Nothing asks for it to be computed again. Measured with PyTorch 2.13, as the same net without a segment."""
    report = cnncalc.analyze("INPUT 12x6 -> CONV1-6 -> NEG(in_place=yes)@a -> FC-2")
    found = [account_memory(report, Options(profile, 2, checkpoint=rule)).training for rule in ("a", "none")]
    assert [segment.name for segment in found[0].segments] == ["a"]
    assert found[0].peak_bytes == found[1].peak_bytes


@pytest.mark.parametrize(
    ("pattern", "rest", "training"),
    [
        ("INPUT 9x8x5 -> [CONV3-5 | EXP@b.exp] -> DIV(in_place=yes)@b.div -> FC-6@b.fc", "b.fc", 29_888),
        ("INPUT 9x8x5 -> CONV3-5 -> RELU@b.relu -> CONV3-7@b.conv -> SIGMOID@b.s -> FC-6", "b.conv..b.s", 44_376),
    ],
)
def test_a_segment_of_a_rule_begins_after_what_overwrites_its_inputs(pattern: str, rest: str, training: int) -> None:
    """The peaks are measured in PyTorch with the rest of the segment checkpointed."""
    memory = account_memory(
        cnncalc.analyze(pattern), Options("torch-cpu", 2, optimizer="sgd", checkpoint="stages")
    ).training
    assert ([segment.name for segment in memory.segments], memory.peak_bytes) == ([rest], training)


@pytest.mark.parametrize("kind", ["CONCAT", "ADD", "MUL"])
def test_a_merge_of_a_single_volume_copies_it(kind: str) -> None:
    report = cnncalc.analyze(f"INPUT 8x8x3 -> CONV3-4@a -> {kind}(inputs=[@a]) -> FC-3")
    alone = cnncalc.analyze("INPUT 8x8x3 -> CONV3-4 -> FC-3")
    assert report.totals.activations == alone.totals.activations + 256
    shown = cnncalc.analyze("-", stdin=as_pattern(report.graph))
    assert [row.inputs for row in shown.layers] == [row.inputs for row in report.layers]
