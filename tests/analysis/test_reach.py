"""The receptive field, compared with sets of pixels traced through small nets."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from cnncalc import analyze
from cnncalc.analysis import reach, report
from tests.random_nets import examples, seeds

if TYPE_CHECKING:
    from collections.abc import Callable

Sees = "Callable[[int], list[int]]"


def window(kernel: int, stride: int, pad: int, dilation: int = 1) -> Callable[[int], list[int]]:
    """Output o sees o*stride - pad, and on in steps of the dilation."""
    return lambda o: [o * stride - pad + dilation * j for j in range(kernel)]


def transposed(kernel: int, stride: int, pad: int) -> Callable[[int], list[int]]:
    """Input i reaches the outputs i*stride - pad + j for each j of the kernel."""
    return lambda o: [i for i in range(o // stride - 12, o // stride + 13) if 0 <= o + pad - i * stride < kernel]


def bilinear(factor: int) -> Callable[[int], list[int]]:
    """Output o lies at (o + 1/2)/factor - 1/2 between two inputs, or on one."""

    def sees(o: int) -> list[int]:
        numerator, denominator = 2 * o + 1 - factor, 2 * factor
        low = numerator // denominator
        return [low] if numerator % denominator == 0 else [low, low + 1]

    return sees


def adaptive(size: int, outputs: int) -> Callable[[int], list[int]]:
    """Bin o begins at floor(o*size/outputs) and ends before ceil((o+1)*size/outputs)."""
    return lambda o: list(range(o * size // outputs, -(-(o + 1) * size // outputs)))


def random_layer(random: Random, side: int) -> tuple[str, Callable[[int], list[int]], int]:
    """A layer as text (its width is left alone), what it sees, and the height behind it."""
    form = random.randint(0, 8)
    kernel, stride, pad = random.randint(1, 4), random.randint(1, 3), random.randint(0, 2)
    if form <= 1 and side + 2 * pad >= 2 * kernel:
        dilation = random.randint(1, 2)
        after = (side + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
        text = f"CONV{kernel}x1-1/{stride}x1(pad=[{pad}, 0], dilation=[{dilation}, 1])"
        return text, window(kernel, stride, pad, dilation), after
    if form == 2:
        after = -(-side // stride)
        missing = max(0, (after - 1) * stride + kernel - side)
        return f"CONV{kernel}x1-1/{stride}x1(pad=same)", window(kernel, stride, missing // 2), after
    if form == 3 and side >= kernel:
        return f"POOL{kernel}x1/{stride}x1", window(kernel, stride, 0), (side - kernel) // stride + 1
    if form == 4 and kernel >= stride and (side - 1) * stride + kernel > 2 * pad:
        after = (side - 1) * stride - 2 * pad + kernel
        return f"DECONV{kernel}x1-1/{stride}x1(pad=[{pad}, 0])", transposed(kernel, stride, pad), after
    if form == 5:
        return f"UPSAMPLE{stride}", lambda o: [o // stride], side * stride
    if form == 6:
        return f"UPSAMPLE{stride}(mode=bilinear)", bilinear(stride), side * stride
    if form == 7:
        outputs = random.randint(1, 7)
        return f"AVGPOOL(output={outputs}x1)", adaptive(side, outputs), outputs
    return f"PAD([{pad}, 0, 1, 0])", lambda o: [o - pad], side + pad + 1


def seen_by(layers: list[Callable[[int], list[int]]], output: int) -> set[int]:
    """The pixels of an endless input that reach an output of the last layer."""
    pixels = {output}
    for sees in reversed(layers):
        pixels = {pixel for place in pixels for pixel in sees(place)}
    return pixels


def extent(layers: list[Callable[[int], list[int]]], outputs: range) -> int:
    """The largest stretch of pixels that one of the outputs sees."""
    found = [seen_by(layers, output) for output in outputs]
    return max(max(pixels) - min(pixels) + 1 for pixels in found)


@examples(150)
@given(seeds)
def test_chains_see_what_sets_of_pixels_say(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    side = random.randint(9, 20)
    texts, layers = [f"INPUT {side}x1x1"], []
    for _ in range(random.randint(1, 5)):
        text, sees, after = random_layer(random, side)
        if not 1 <= after <= 60:
            continue
        texts.append(text)
        layers.append(sees)
        side = after
    row = analyze(" -> ".join(texts)).layers[-1]
    assert row.output.height == side, texts
    assert row.reach is not None
    high = row.reach[0]
    assert high.is_exact
    if high.period > 150:
        return
    assert high.extent == extent(layers, range(-1, 2 * high.period + 1)), texts
    for output in range(min(6, side)):
        pixels = seen_by(layers, output)
        assert high.interval(output) == (min(pixels), max(pixels)), texts


def test_three_small_windows_see_what_a_large_one_sees() -> None:
    """CS231n: a stack of three 3x3 layers sees 7x7."""
    small = analyze("INPUT 20x30x3 -> [CONV3-4]*3").layers[-1]
    large = analyze("INPUT 20x30x3 -> CONV7-4").layers[-1]
    assert small.receptive_field == large.receptive_field == (7, 7)


def test_the_field_is_clipped_to_the_input() -> None:
    assert [row.receptive_field for row in analyze("INPUT 4x9x3 -> [CONV3-4]*3").layers] == [
        (1, 1), (3, 3), (4, 5), (4, 7),
    ]  # fmt: skip


def test_dilation_spreads_a_window() -> None:
    """dilation*(kernel-1) + 1 = 3*(3-1) + 1 = 7."""
    assert analyze("INPUT 20x30x3 -> CONV3-4(dilation=3)").layers[-1].receptive_field == (7, 7)


@pytest.mark.parametrize("layer", ["FC-3", "GAP", "GMP", "FLATTEN", "LN", "IN", "GN1", "RBF-2", "RESHAPE 14x8x3"])
def test_layers_that_see_the_whole_plane_have_the_size_of_the_input(layer: str) -> None:
    report = analyze(f"INPUT 8x14x3 -> {layer} -> RELU")
    assert [row.receptive_field for row in report.layers] == [(1, 1), (8, 14), (8, 14)]


@pytest.mark.parametrize("layer", ["BN", "LRN", "LN(axes=depth)", "SOFTMAX", "SHUFFLE3", "RESHAPE 8x14x3", "SLICE(1)"])
def test_layers_that_see_one_position_leave_the_field_alone(layer: str) -> None:
    assert analyze(f"INPUT 8x14x3 -> CONV3-3 -> {layer}").layers[-1].receptive_field == (3, 3)


def test_through_forks_the_largest_counts() -> None:
    """Branches that see 1, 3 and 5 pixels; then a window of 3 on top of the largest: 7."""
    report = analyze("INPUT 20x30x3 -> [CONV1-3 | CONV3-3 | CONV3-3 -> CONV3-3 | ] -> ADD -> CONV3-1")
    assert [row.receptive_field[0] for row in report.layers] == [1, 1, 3, 3, 5, 5, 7]


def test_a_branch_that_sees_the_whole_plane_decides() -> None:
    report = analyze("INPUT 20x30x3 -> CONV3-3 -> [ | GAP -> CONV1-3 -> SIGMOID] -> MUL")
    assert report.layers[-1].receptive_field == (20, 30)


@examples(80)
@given(seeds)
def test_the_field_of_a_fork_lies_between_its_largest_branch_and_all_pixels(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    branches = []
    texts = []
    for _ in range(random.randint(2, 3)):
        parts, layers = ["IDENTITY"], []
        for _ in range(random.randint(0, 3)):
            kernel, pad = random.choice([(1, 0), (3, 1), (3, 1), (5, 2), (2, 0)])
            text = f"CONV{kernel}x1-1(pad=[{pad}, 0, {kernel - 1 - pad}, 0])"
            parts.append(text)
            layers.append(window(kernel, 1, pad))
        branches.append(layers)
        texts.append(" -> ".join(parts))
    row = analyze(f"INPUT 40x1x1 -> [{' | '.join(texts)}] -> ADD").layers[-1]
    alone = [seen_by(layers, 10) for layers in branches]
    together = set().union(*alone)
    assert row.reach is not None
    assert row.reach[0].extent == max(max(pixels) - min(pixels) + 1 for pixels in alone)
    assert row.reach[0].interval(10) == (min(together), max(together))


def test_of_several_inputs_the_largest_counts() -> None:
    report = analyze("[INPUT 8x9x3 -> CONV3-2 | INPUT 8x9x3 -> CONV5-2] -> CONCAT -> FC-2")
    assert [row.receptive_field for row in report.layers] == [(1, 1), (3, 3), (1, 1), (5, 5), (5, 5), (8, 9)]


def test_between_the_windows_of_a_transposed_convolution_nothing_is_seen() -> None:
    """DECONV1/2 puts a zero row between any two; the windows that begin at 1, 3, 5, ... see these alone."""
    report = analyze("INPUT 8x8x3 -> CONV1-3/2 -> DECONV1-3/2 -> PAD([1, 0, 0, 0]) -> POOL1/2")
    assert [row.receptive_field for row in report.layers] == [(1, 1), (1, 1), (1, 1), (1, 1), (0, 1)]


def test_what_resizes_too_often_is_an_upper_bound() -> None:
    """7/6 and 11/10 and 13/12 of the pixels, again and again: the period is soon too long to follow."""
    text = "INPUT 60x60x1 -> " + " -> ".join(
        f"UPSAMPLE{up} -> AVGPOOL{down}/{down}(round=ceil)" for up, down in ((7, 6), (11, 10), (13, 12), (17, 16))
    )
    row = analyze(text).layers[-1]
    assert row.reach is not None
    assert not row.reach[0].is_exact
    layers: list[Callable[[int], list[int]]] = []
    for up, down in ((7, 6), (11, 10), (13, 12), (17, 16)):
        layers += [lambda o, up=up: [o // up], window(down, down, 0)]  # type: ignore[misc]
    assert row.reach[0].extent >= extent(layers, range(2000))


def test_the_limit_on_periods_can_be_met(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard itself: with more room the same net is followed exactly."""
    text = "INPUT 60x60x1 -> AVGPOOL(output=59x59) -> AVGPOOL(output=60x60)"
    exact = analyze(text).layers[-1].reach
    monkeypatch.setattr(report, "MAX_PERIOD", 50)
    bound = analyze(text).layers[-1].reach
    assert exact is not None
    assert bound is not None
    assert exact[0].is_exact
    assert not bound[0].is_exact
    assert bound[0].extent >= exact[0].extent
    assert reach.PIXEL.extent == 1
