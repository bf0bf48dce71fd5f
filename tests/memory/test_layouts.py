"""How outputs and gradients lie in memory, compared with the strides of PyTorch's tensors, layer by layer."""

from __future__ import annotations

import importlib.util
from contextlib import nullcontext
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

import cnncalc
from cnncalc.layers.layout import Layout, viewed
from cnncalc.memory.profiles import profile_named
from cnncalc.memory.report import Options
from cnncalc.memory.torch_products import TorchProducts
from tests.memory.own_process import answer, answer_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def differences(pattern: str, options: Options) -> list[str]:
    """The first layer whose output lies otherwise in PyTorch, and the first such gradient."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    from tests.memory import torch_oracle
    from tests.memory.torch_device import stand_in_for_cuda

    stand_in_for_cuda()
    report = cnncalc.analyze(pattern)
    profile = profile_named(options.profile)
    lowering = TorchProducts(
        report, profile, dtype=options.dtype, training=True, autocast=options.autocast, images=options.batch
    )
    lowering.build()
    outputs: dict[int, Any] = {}
    gradients: dict[int, Any] = {}
    device, dtype = "cpu" if profile.is_cpu else "cuda", getattr(torch, options.dtype)
    habits = torch_oracle.Habits(options.batch, options.dtype, autocast=options.autocast)

    def watched(index: int, function: Any) -> Any:
        def call(*inputs: Any) -> Any:
            made = function(*inputs)
            x = made[0] if isinstance(made, tuple) else made
            outputs[index] = x.shape, x.stride()
            if x.requires_grad and not x._is_view():
                x.register_hook(lambda gradient: gradients.update({index: (gradient.shape, gradient.stride())}))
            return made

        return call

    with nullcontext() if profile.is_cpu else FakeTensorMode(), torch_oracle.as_if_on_cuda():
        net = torch_oracle.Net(report)
        net = net.to(dtype) if profile.is_cpu else torch_oracle.on_cuda(net, dtype)
        images, targets = torch_oracle.data_of(net, options.batch, dtype, device)
        net.functions = {index: watched(index, function) for index, function in net.functions.items()}
        with torch_oracle.autocast_on(device, habits):
            loss = torch_oracle.loss_of(net, net(*images), targets)
        loss.backward()
    found = []
    for known, layouts in ((outputs, lowering.layouts), (gradients, lowering.gradients)):
        each = [(row, layouts[lowering.place[row.index]]) for row in report.layers if row.index in known]
        wrong = [
            f"{row.name} {layout} instead of {known[row.index]}"
            for row, layout in each
            if layout is not None and steps(*layout) != steps(*known[row.index])
        ]
        found += wrong[:1]
    return found


def steps(sizes: Sequence[int], strides: Sequence[int]) -> list[tuple[int, int]]:
    """Size and stride of each side that has more than one element."""
    return [pair for pair in zip(sizes, strides, strict=True) if pair[0] > 1]


SINGLE = (
    "RELU(in_place=no)", "RELU6(in_place=no)", "LRELU(in_place=no)", "PRELU", "CLIP(high=1, in_place=no)",
    "HSWISH(in_place=no)", "HSIGMOID(slope=0.5)", "SOFTPLUS", "ELU(in_place=no)", "SILU(in_place=no)", "GLU",
    "POOL2", "AVGPOOL2", "POOL(output=2)", "AVGPOOL(output=2)", "LPPOOL2", "SUBSAMPLE2", "GMP", "GAP",
    "UPSAMPLE2", "UPSAMPLE(mode=bilinear)", "RESIZE(factor=1.5, mode=area)", "ROLL1", "PAD(pad=1)", "PAD(mode=reflect)",
    "PAD(mode=replicate)", "REDUCE(axes=[width])", "REDUCE(axes=[width], op=sum)", "REDUCE(axes=[width], op=max)",
    "RMS", "RMS(axes=[width])", "RMS(axes=volume)", "LN(axes=[depth])", "LN(axes=[width])", "LN(axes=volume)",
    "SOFTMAX", "SOFTMAX(axes=[depth, width])", "L2NORM", "GN2", "IN", "BN", "DROPOUT(in_place=no)",
    "DWCONV3", "CONV3-4",
)  # fmt: skip
"""Layers between two others, of which a product along the depth makes tensors with the depth fastest."""

AROUND = ((2, "LINEAR-8 -> {} -> LINEAR-4"), (2, "CONV3-8 -> {} -> LINEAR-4"), (1, "LINEAR-8 -> {} -> CONV1-4"))
"""What is around each of them, and for how many images."""


def main() -> None:
    """Prints, as JSON, the layers over one to three sides between others that lie otherwise, for a CPU and a GPU."""
    wrong = []
    for profile, sides, (images, around) in product(("torch-cpu", "torch-fake"), ("9", "6x8", "4x6x5"), AROUND):
        for layer in SINGLE:
            text = layer.replace("width", "length") if sides == "9" else layer
            pattern = f"INPUT {sides}x3 -> {around.format(text)} -> FC-3"
            wrong += [f"{profile}: {pattern}: {said}" for said in differences(pattern, Options(profile, images))]
    answer(wrong)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is not installed, so nothing here is measured anew"
)
def test_outputs_and_gradients_of_kernels_lie_as_those_of_pytorch() -> None:
    assert answer_of("tests.memory.test_layouts") == []


@pytest.mark.parametrize(
    ("sizes", "strides", "wanted", "expected", "of_fake"),
    [
        ((2, 1, 18), (19, 1, 1), (2, 1, 6, 3), (19, 18, 3, 1), (19, 1, 3, 1)),
        ((1, 4, 6), (1, 1, 4), (1, 4, 2, 3), (4, 1, 12, 4), (1, 1, 12, 4)),
        ((2, 3, 1), (3, 1, 9), (2, 3), (3, 1), (3, 1)),
        ((2, 6), (6, 1), (2, 6, 1, 1), (6, 1, 1, 1), (6, 1, 1, 1)),
        ((2, 3, 4), (12, 1, 3), (2, 12), None, None),
    ],
)
def test_views_have_the_strides_of_pytorch(
    sizes: tuple[int, ...],
    strides: tuple[int, ...],
    wanted: tuple[int, ...],
    expected: tuple[int, ...] | None,
    of_fake: tuple[int, ...] | None,
) -> None:
    """Measured with PyTorch 2.13; FakeTensorMode has other strides of axes of size 1."""
    found = [viewed(Layout(sizes, strides), wanted, is_fake=is_fake) for is_fake in (False, True)]
    assert [layout and layout.strides for layout in found] == [expected, of_fake]


def test_views_of_random_tensors_have_the_strides_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    from torch._subclasses.fake_tensor import FakeTensorMode

    pick = Random(1)  # noqa: S311
    for _ in range(400):
        elements = pick.choice((2, 4, 6, 12, 24, 36))
        sizes, wanted = factors(pick, elements), factors(pick, elements)
        strides = dense(pick, sizes)
        for is_fake in (False, True):
            with FakeTensorMode() if is_fake else nullcontext():
                x = torch.empty_strided(sizes, strides)
                made = x.reshape(wanted)
            layout = viewed(Layout(sizes, strides), wanted, is_fake=is_fake)
            assert (layout is not None) == made._is_view(), (sizes, strides, wanted)
            # eager PyTorch returns a tensor of these sizes itself
            if layout is not None and (is_fake or sizes != wanted):
                assert layout.strides == made.stride(), (sizes, strides, wanted, is_fake)


def factors(pick: Random, number: int) -> tuple[int, ...]:
    """Random sizes, some of them 1, with so many elements."""
    found: list[int] = []
    while number > 1 or not found or pick.random() < 0.4:
        found.append(pick.choice([size for size in range(1, number + 1) if number % size == 0]))
        number //= found[-1]
    return tuple(found)


def dense(pick: Random, sizes: Sequence[int]) -> tuple[int, ...]:
    """Strides of a tensor with its axes in a random order, mostly dense, with any strides of axes of size 1."""
    strides, step = [0] * len(sizes), 1
    for axis in pick.sample(range(len(sizes)), len(sizes)):
        strides[axis] = step if sizes[axis] > 1 else pick.randint(1, 40)
        step = step * sizes[axis] + (pick.randint(1, 3) if pick.random() < 0.15 else 0)
    return tuple(strides)


if __name__ == "__main__":
    main()


@pytest.mark.parametrize(
    ("size", "layer", "is_depth_last"),
    [
        ("4x5x6x8", "CONV3-4", (False, True)),
        ("4x5x6x8", "CONV3-4(groups=2)", (True, True)),
        ("4x5x6x8", "CONV3x3x4-4", (False, True)),
        ("4x5x6x8", "CONV3x4x3-4", (False, True)),
        ("4x5x6x8", "CONV4x3x3-4", (False, True)),
        ("4x5x6x8", "CONV3x4x4-4", (True, True)),
        ("20x32x4x32", "CONV3-4", (False, True)),
        ("20x33x4x32", "CONV3-4", (True, True)),
        ("1x6827x3x3", "CONV1x3x3-4", (True, True)),
        ("10x32x4x64", "CONV3-4", (False, True)),
    ],
)
def test_a_convolution_over_three_sides_of_a_single_image_runs_without_onednn(
    size: str, layer: str, is_depth_last: tuple[bool, bool]
) -> None:
    """Strides of the output of torch.nn.Conv3d on a CPU, of one image and of two whose channels lie together.

    Measured with PyTorch 2.13 in float32. 20 * 32 * 32 is 20,480, 6827 * 3 one more; in float64 all are contiguous.
    """
    report = cnncalc.analyze(
        f"INPUT {size} -> LINEAR-{size.rpartition('x')[2]} -> {layer.replace('-4(', '-4(pad=0, ')}"
    )
    for dtype in ("float32", "float64"):
        for images, expected in zip((1, 2), is_depth_last, strict=True):
            profile = profile_named("torch-cpu")
            lowering = TorchProducts(report, profile, dtype=dtype, training=False, images=images)
            lowering.build()
            layout = lowering.layout_of(lowering.place[report.layers[-1].index])
            assert layout.is_depth_last == (expected and dtype == "float32"), (dtype, images)
