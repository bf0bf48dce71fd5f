"""Every case of every layer kind, and whole nets, against PyTorch: results, parameters, multiply-adds."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given

import cnncalc
from cnncalc.errors import ShapeError
from cnncalc.layers import KINDS
from cnncalc.layers.planes import pixels, planes
from cnncalc.run.forward import draw_images, run
from cnncalc.run.weights import build
from cnncalc.volume import Volume
from tests.layer_cases import CASES, Case
from tests.nets import NARROW
from tests.random_nets import examples, sample, seeds
from tests.random_volumes import random_net
from tests.subcases import each
from tests.test_layers import entering, parameters

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="PyTorch is not installed, so nothing here is compared with it")
from benchmarks.random_counts import differences  # noqa: E402
from cnncalc.interop.torch_layers import layer_in_torch  # noqa: E402

BOUNDS = {"float64": 1e-12, "float32": 1e-5}


def tensor(x: Any) -> Any:
    """A tensor batch x depth x sides of an array batch x sides x depth."""
    return torch.from_numpy(np.ascontiguousarray(planes(x)))


def assert_close(result: Any, expected: Any, bound: float) -> None:
    expected = pixels(expected.numpy())
    assert result.shape == expected.shape
    assert np.abs(result - expected).max() <= bound * np.abs(expected).max()


@pytest.mark.parametrize("dtype", BOUNDS)
@each("case", CASES, by=lambda case: case.kind)
def test_each_layer_equals_that_of_pytorch(case: Case, dtype: str) -> None:
    arrays = [x.astype(dtype, order="K") for x in entering(case)]
    numbers = {name: array.astype(dtype) for name, array in parameters(case).items()}
    with torch.no_grad():
        theirs = {name: torch.from_numpy(array) for name, array in numbers.items()}
        expected = layer_in_torch(case.layer, [tensor(x) for x in arrays], theirs)

    assert_close(case.layer.forward(np, *arrays, **numbers), expected, BOUNDS[dtype])


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
@pytest.mark.parametrize("sides", [(2,), (3,), (3, 2), (4, 7), (2, 3, 5)])
def test_sides_that_a_fractional_factor_keeps_or_doubles_are_resized_as_in_pytorch(
    sides: tuple[int, ...], mode: str
) -> None:
    """floor(3*1.3) is 3: PyTorch copies such a side in some modes and numbers of sides, and interpolates in others."""
    x = np.random.default_rng(0).random((2, *sides, 3))
    for factor in (1.01, 1.3, 1.49, 2.2, 2.3):
        layer = KINDS["resize"](factor=factor, mode=mode)
        if mode != "bicubic" or len(sides) == 2:
            assert_close(layer.on(len(sides)).forward(np, x), layer_in_torch(layer, [tensor(x)], {}), 1e-12)


@examples(400)
@given(seeds)
def test_pools_that_round_up_have_as_many_windows_as_in_pytorch(seed: int) -> None:
    """Any window, stride, padding and size up to 12, also windows larger than the padded volume."""
    random = Random(seed)  # noqa: S311
    size, kernel, stride = (random.randint(1, 12) for _ in range(3))
    keys: dict[str, Any] = {"kernel": kernel, "stride": stride, "round": "ceil"}
    kind = random.choice(("pool", "avgpool", "lppool"))
    pad = keys["pad"] = random.randint(0, kernel // 2) if kind != "lppool" else 0
    x = torch.rand(1, 1, size, size)
    try:
        if kind == "pool":
            keys["dilation"] = random.randint(1, 3)
            expected = torch.nn.functional.max_pool2d(x, kernel, stride, pad, keys["dilation"], ceil_mode=True)
        elif kind == "avgpool":
            expected = torch.nn.functional.avg_pool2d(x, kernel, stride, pad, ceil_mode=True)
        else:
            expected = torch.nn.functional.lp_pool2d(x, 2, kernel, stride, ceil_mode=True)
    except RuntimeError:
        expected = None
    layer = KINDS[kind](**keys).on(2)
    if expected is None:
        with pytest.raises(ShapeError, match="rounding up adds at most"):
            layer.output(Volume(size, size, 1))
        return
    assert layer.output(Volume(size, size, 1)) == (*expected.shape[2:], 1)
    assert layer.forward(np, x.numpy().transpose(0, 2, 3, 1)).shape == (1, *expected.shape[2:], 1)


@examples(200)
@given(seeds)
def test_pools_of_one_to_three_sides_are_refused_where_pytorch_refuses_them(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    sides, kernel, stride = ([random.randint(1, most) for _ in range(3)] for most in (6, 5, 3))
    pads = [random.randint(0, size // 2) for size in kernel * 2]
    count = random.randint(1, 3)
    even = [*pads[:count], *pads[:count]]
    pad = random.choice((even, [*pads[:count], *pads[3 : 3 + count]], "same", 0))
    keys = {"kernel": kernel[:count], "stride": stride[:count], "pad": pad, "round": random.choice(("floor", "ceil"))}
    x = Volume(*sides[:count], 2)
    try:
        layer = KINDS[random.choice(("pool", "avgpool", "lppool"))](**keys).on(count)
        layer.output(x)
    except ShapeError:
        return
    if layer.torch_refusal(x) is None:
        layer_in_torch(layer, [torch.rand(1, 2, *x.sides)], {})
    else:
        with pytest.raises(RuntimeError, match="smaller than kernel size"):
            layer_in_torch(layer, [torch.rand(1, 2, *x.sides)], {})


# Whole nets

NETS = [
    "lenet5",
    "lenet5-modern",
    "cifar-tiny",
    "resnet18",
    "mobilenet-v2",
    "squeezenet-1.1",
    "m5",
    "r3d18",
    """INPUT[33x47x3] -> CONV3-6/2 -> BN -> RELU -> DWCONV5-2(pad=same) -> HSWISH
    -> [GAP -> FC-12 -> SIGMOID | ] -> MUL -> FC-5""",
    """INPUT[12x20x3] -> [CONV3-8 -> GELU -> POOL2 -> CONV3-12(dilation=2) -> PRELU -> DECONV2-8 | ]
    -> CONCAT -> LRN -> CONV1-4""",
    "googlenet",
    "densenet121",
    "dcgan-generator",
]
"""The last three take many seconds."""
SMALL = {
    **dict.fromkeys(("resnet18", "densenet121", "mobilenet-v2", "squeezenet-1.1"), (32, 32, 3)),
    "m5": (3200, 1),
    "r3d18": (5, 24, 32, 3),
}
"""Smaller inputs for nets that accept any size."""
NARROWED = {"r3d18": {"stages": NARROW}}


def modules_in_torch(report: Report, weights: Any, images: Any) -> tuple[dict[str, Any], int]:
    """The output of every layer in PyTorch, and the multiply-adds that its FLOP counter counts."""
    from torch.utils.flop_counter import FlopCounterMode

    tensors: list[Any] = []
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        for row, numbers in zip(report.layers, weights, strict=True):
            inputs = [tensors[source] for source in row.sources] or [tensor(images[row.name])]
            theirs = {name: torch.from_numpy(array) for name, array in numbers.items()}
            tensors.append(layer_in_torch(row.layer, inputs, theirs))
    return {row.name: x for row, x in zip(report.layers, tensors, strict=True)}, counter.get_total_flops() // 2


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("net", sample(NETS, 10))
def test_each_layer_of_a_net_equals_that_of_pytorch(net: str, dtype: str) -> None:
    """In float64 every layer is compared, in float32 only the last one, since RELU6 may clip the largest values."""
    batch = 2 if len(net) > 20 else 1
    report = cnncalc.analyze(
        net, dtype=dtype, batch=batch, in_place=False, input=SMALL.get(net), variables=NARROWED.get(net)
    )
    weights, images = build(report, seed=5), draw_images(report, seed=6)
    measurement = run(report, weights, images, keep=lambda name: True)
    expected, macs = modules_in_torch(report, weights, images)

    last = report.layers[-1].name
    for row in report.layers:
        if dtype == "float64" or row.name == last:
            assert_close(measurement.outputs[row.name], expected[row.name], BOUNDS[dtype])
    table = [row for row in report.layers if row.kind == "conv" and row.layer.connections]  # type: ignore[attr-defined]
    if not table:  # PyTorch has no connection tables and multiplies by the zeros too
        assert macs == report.totals.macs * report.batch
    elements = {id(array): array.size for numbers in weights for array in numbers.values()}
    assert sum(elements.values()) == report.totals.parameters + report.totals.buffers


def test_parameters_are_as_many_as_those_of_pytorch_modules() -> None:
    """nn.Conv2d and its like allocate their own parameters: as many as the report counts."""
    nn = torch.nn
    pairs = [
        ("CONV3-16(groups=2)", nn.Conv2d(6, 16, 3, groups=2)),
        ("CONV5x3-7(bias=no)", nn.Conv2d(6, 7, (5, 3), bias=False)),
        ("DWCONV3-2", nn.Conv2d(6, 12, 3, groups=6)),
        ("DECONV4-9(groups=3)", nn.ConvTranspose2d(6, 9, 4, groups=3)),
        ("FC-13", nn.Linear(9 * 11 * 6, 13)),
        ("BN", nn.BatchNorm2d(6)),
        ("GN3", nn.GroupNorm(3, 6)),
        ("LN", nn.LayerNorm([6, 9, 11])),
        ("IN", nn.InstanceNorm2d(6)),
        ("PRELU", nn.PReLU(6)),
    ]
    for text, module in pairs:
        row = cnncalc.analyze(f"INPUT[9x11x6] -> {text}").layers[-1]
        assert row.parameters == sum(array.numel() for array in module.parameters()), text
        kept = sum(array.numel() for name, array in module.named_buffers() if name != "num_batches_tracked")
        assert row.buffers == kept, text


@pytest.mark.parametrize("part", range(3))
def test_counts_of_random_nets_on_one_to_three_sides_equal_those_of_pytorch(part: int) -> None:
    """Volumes, parameters, buffers and multiply-adds; ``python -m benchmarks.random_counts`` compares more nets."""
    for seed in range(20 * part, 20 * part + 20):
        pattern = random_net(seed).pattern
        assert differences(cnncalc.analyze(pattern)) == [], pattern
