"""A prepared net gives what the layers give one after another, whatever is fused, split and reused."""

from __future__ import annotations

import tracemalloc
import warnings
from itertools import product
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import cnncalc
from cnncalc.analysis.report import account
from cnncalc.layers import KINDS
from cnncalc.memory.arena import plan
from cnncalc.run.forward import draw_images, relative_distance, run
from cnncalc.run.live_memory import Watch
from cnncalc.run.meter import MeteredNumpy
from cnncalc.run.prepared import PreparedNet
from cnncalc.run.steps import ALIGNMENT, plan_of
from cnncalc.run.weights import build
from tests.case_nets import between_convolutions
from tests.layer_cases import CASES, Case
from tests.random_nets import fixed_seeds, random_design
from tests.random_volumes import random_net
from tests.subcases import each

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report

BOUNDS = {"float32": 2e-5, "float64": 1e-12}


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small nets run on as many threads as large ones."""
    monkeypatch.setattr("cnncalc.run.prepared.LEAST_THREADED_MACS", 0)


def report_of(case: Case, **options: Any) -> Report:
    """A net with the layer of a case between convolutions, with an activation function behind it."""
    return account(between_convolutions(case, KINDS["tanh"]()), **options)


def assert_equal_to_the_layers(report: Report, threads: int, bound: float | None = None) -> None:
    """Runs a net both ways, and the prepared one twice."""
    weights, images = build(report), draw_images(report)
    with np.errstate(all="ignore"):
        expected = run(report, weights, images, training_only=False).outputs
    net = PreparedNet(report, weights, threads=threads)

    for _ in range(2):
        found = net(images)
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            assert found[name].dtype == array.dtype
            assert relative_distance(found[name], array) <= (bound or BOUNDS[report.dtype]), name


@pytest.mark.slow
@each("case", [case for case in CASES if case.inputs], by=lambda case: case.kind)
def test_every_kind_gives_what_its_layer_gives(case: Case) -> None:
    for batch, threads in ((1, 2), (3, 1), (4, 2)):
        assert_equal_to_the_layers(report_of(case, batch=batch, dtype="float64"), threads, 1e-11)
    assert_equal_to_the_layers(report_of(case, batch=3), 2, 2e-4)


@pytest.mark.parametrize("seed", fixed_seeds(12))
def test_a_random_net_gives_what_its_layers_give(seed: int) -> None:
    for part, (batch, threads) in enumerate(product((1, 3), (1, 2))):
        text = random_design(4 * seed + part, items=9).text
        assert_equal_to_the_layers(cnncalc.analyze(text, batch=batch, dtype="float64"), threads, 1e-9)


@pytest.mark.parametrize("seed", fixed_seeds(12))
def test_a_random_net_on_one_to_three_sides_gives_what_its_layers_give(seed: int) -> None:
    for part, (batch, threads) in enumerate(product((1, 3), (1, 2))):
        text = random_net(1000 + 4 * seed + part, items=8, without=("opaque",)).pattern
        assert_equal_to_the_layers(cnncalc.analyze(text, batch=batch, dtype="float64"), threads, 1e-9)


@pytest.fixture(params=["many parts", "tiles everywhere"])
def _ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small nets are computed as large ones would be: in many parts, and with tiles whatever their number."""
    if request.param == "many parts":
        for name in ("MATRIX_BYTES", "TILE_BYTES", "EXPANDED_BYTES"):
            monkeypatch.setattr(f"cnncalc.run.filter_steps.{name}", 4000)
        monkeypatch.setattr("cnncalc.run.shifts.PRODUCT_BYTES", 4000)
        monkeypatch.setattr("cnncalc.run.filter_steps.LEAST_COLUMNS", 20)
        monkeypatch.setattr("cnncalc.run.builder.PART_BYTES", 4000)
        monkeypatch.setattr("cnncalc.run.builder.SMALL_BYTES", 0)
    else:
        monkeypatch.setattr("cnncalc.run.winograd.LEAST_DEPTH", 1)
        monkeypatch.setattr("cnncalc.run.winograd.LEAST_OUTPUTS", 1)


CONVOLVED = [case for case in CASES if case.inputs and case.kind in ("conv", "dwconv", "linear", "fc")]


@pytest.mark.slow
@pytest.mark.usefixtures("_ways")
@each("case", CONVOLVED, by=lambda case: case.kind)
def test_filters_give_the_same_in_every_way_of_computing_them(case: Case) -> None:
    for batch, threads in ((1, 2), (3, 1)):
        assert_equal_to_the_layers(report_of(case, batch=batch, dtype="float64"), threads, 1e-11)


@pytest.mark.usefixtures("_ways")
@pytest.mark.parametrize("seed", fixed_seeds(6))
def test_a_random_net_gives_the_same_in_every_way_of_computing_it(seed: int) -> None:
    for part, (batch, threads) in enumerate(product((1, 2), (1, 3))):
        text = random_design(4 * seed + part + 900, items=9).text
        assert_equal_to_the_layers(cnncalc.analyze(text, batch=batch, dtype="float64"), threads, 1e-9)


CHAINS = [
    "INPUT 13x17x32 -> CONV3-33 -> RELU",
    "INPUT 27x28x64 -> CONV3-48(pad=2) -> BN -> CONV3-32(pad=same, bias=no) -> BN -> RELU6",
    "INPUT 30x19x40 -> CONV3-36(pad=[0, 3, 1, 2]) -> CONV3-36(pad=0) -> [ | CONV3-36] -> ADD -> RELU",
    "INPUT 13x11x9 -> CONV3-7 -> BN -> RELU -> CONV5-3(dilation=2, bias=no) -> CONV1x7-2 -> [ | CONV3-1] -> ADD",
    "INPUT 3x2x8 -> CONV7-5(dilation=2) -> CONV2-4(pad=[1, 0, 0, 1]) -> CONV4-4(pad=same) -> CONV3-2(pad=[2, 0, 0, 2])",
    "INPUT 11x7 -> CONV5-6(dilation=3) -> CONV3-2(pad=same) -> RELU",
    "INPUT 4x6x5x7 -> CONV3-5 -> RELU6 -> CONV2-3(pad=same)",
    "INPUT 9x11x6 -> CONV1-14 -> BN -> RELU6 -> DWCONV3/2 -> BN -> RELU6 -> CONV1-8",
    "INPUT 9x11x6 -> CONV1-14 -> SILU -> DWCONV5-2(pad=same) -> CONV1-8 -> DWCONV3(dilation=2, bias=no)",
    "INPUT 9x11x6 -> LINEAR-14 -> HSWISH -> SCALE -> CONV3-14(groups=14) -> GAP",
    "INPUT 31x5 -> CONV1-7 -> RELU -> DWCONV3/3 -> FC-4",
    "INPUT 5x6x7x2 -> CONV1-7 -> ELU -> DWCONV3/2 -> CONV3-5(pad=same)",
    "INPUT 9x11x6 -> CONV1-14 -> BN -> [DWCONV3 | DWCONV3] -> CONCAT -> CONV1-14 -> [ | DWCONV3] -> ADD",
    "INPUT 9x11x6 -> CONV1-8 -> [ | BN -> RELU -> CONV1-9 -> SCALE -> CONV3-4] -> CONCAT -> BN -> RELU6 -> CONV1-40",
    "INPUT 4x5x6 -> BN -> TANH -> CONV1-34 -> BN -> PRELU -> CONV1-4(groups=2) -> [ | RELU -> CONV1-70] -> CONCAT",
]


@pytest.mark.parametrize("text", CHAINS)
def test_chains_that_are_computed_together_give_what_their_layers_give(text: str) -> None:
    for batch, threads, dtype in ((1, 2, "float64"), (3, 1, "float64"), (2, 2, "float32")):
        assert_equal_to_the_layers(cnncalc.analyze(text, batch=batch, dtype=dtype), threads)


@pytest.mark.usefixtures("_ways")
@pytest.mark.parametrize("text", CHAINS)
def test_chains_give_the_same_in_every_way_of_computing_them(text: str) -> None:
    for batch, threads in ((1, 2), (3, 1)):
        assert_equal_to_the_layers(cnncalc.analyze(text, batch=batch, dtype="float64"), threads)


def test_a_small_net_runs_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    assert cnncalc.prepare("lenet5-modern", threads=2).threads == 1
    assert cnncalc.prepare("squeezenet-1.1", threads=2).threads == 2


def test_given_weights_are_used_and_checked() -> None:
    report = cnncalc.analyze("INPUT 6x7x3 -> CONV3-4 -> BN -> FC-5")
    drawn = build(report, seed=3)
    weights = {row.name: drawn[row.index] for row in report.layers if row.arrays}
    images = draw_images(report)
    net = cnncalc.prepare(report.graph, weights=weights)

    def with_bias(bias: Any) -> dict[str, Any]:
        return {**weights, "fc1": {**weights["fc1"], "bias": bias}}

    expected = run(report, drawn, images).outputs["fc1"]
    assert relative_distance(net(images)["fc1"], expected) <= 2e-5
    assert np.array_equal(net(images["input"])["fc1"], net(images)["fc1"])
    for wrong, message in [
        ({**weights, "fc": {}}, "weights: the net has no layer 'fc'; did you mean 'fc1'?"),
        ({**weights, "fc1": {"weight": drawn[3]["weight"]}}, "weights: fc1 has no 'bias', an array [5]"),
        ({**weights, "fc1": {**weights["fc1"], "wait": 1}}, "weights: fc1 has no use for 'wait'; did you mean"),
        (with_bias([1, 2]), "weights: 'bias' of fc1 must be [5], not [2]"),
        ({"fc1": 1}, "weights: expected arrays by the names of layer and array"),
        (1, "weights: expected arrays by the names of layer and array"),
        (dict, "weights: expected arrays by the names of layer and array"),
        ({"fc1": dict}, "weights: expected arrays by the names of layer and array"),
        (np.ones(3), "weights: expected arrays by the names of layer and array"),
    ]:
        with pytest.raises(cnncalc.ValueProblem) as raised:
            cnncalc.prepare(report.graph, weights=wrong)  # type: ignore[arg-type]
        assert message in raised.value.message


def test_images_are_checked() -> None:
    net = cnncalc.prepare("INPUT 6x7x3@a -> [ | INPUT 6x7x3@b] -> ADD")

    for wrong, message in [
        (np.zeros((1, 6, 7, 3)), "images: expected an array for each of the inputs a, b"),
        ({"a": np.zeros((1, 6, 7, 3))}, "images: there is no array for the input b"),
        ({"a": 0, "b": np.zeros((1, 7, 6, 3))}, "images: those of a must be [1, 6, 7, 3], not []"),
    ]:
        with pytest.raises(cnncalc.ValueProblem) as raised:
            net(wrong)
        assert raised.value.message == message


class Attached:
    """Says that it cannot be read, as a parameter of PyTorch does."""

    def __array__(self, *given: Any, **options: Any) -> Any:
        raise RuntimeError("use detach()")


NO_NUMBERS = [
    ("b", "must be an array of numbers, not 'b'"),
    (["1"] * 5, "must be an array of numbers, not ['1', '1', '1', '1', '1']"),
    (None, "must be an array of numbers, not None"),
    (dict, "must be an array of numbers, not <class 'dict'>"),
    ([1, [2]], "must be an array of numbers, not [1, [2]]"),
    ([10**400] * 5, "must be an array of numbers, not [1000"),
    (np.ones(5, object), "must be an array of numbers, not array([1, 1, 1, 1, 1], dtype=object)"),
    (np.zeros(5, [("x", "f4")]), "must be an array of numbers, not array([(0.,), (0.,)"),
    ([1j] * 5, "must be an array of real numbers, not of complex128"),
    (np.zeros(5, "M8[s]"), "must be an array of real numbers, not of datetime64[s]"),
    (np.ma.masked_equal([1, 2, 3, 4, 5], 3), "must be an array of numbers, but some are masked"),
    (np.broadcast_to(1.0, (2**36, 2**18)), "must be [1, 1, 1, 5], not [68719476736, 262144]"),
    (Attached(), "cannot be read as an array: use detach()"),
]


@pytest.mark.parametrize(("value", "message"), NO_NUMBERS, ids=[message for _, message in NO_NUMBERS])
def test_what_is_no_array_of_real_numbers_is_refused_as_weight_and_as_image(value: Any, message: str) -> None:
    net = cnncalc.prepare("INPUT 1x1x5 -> FC-5")
    weights = {"fc1": {"weight": np.ones((5, 5)), "bias": value}}

    for images in (value, {"input": value}):
        with pytest.raises(cnncalc.ValueProblem) as raised:
            net(images)
        assert raised.value.message.startswith(f"images: those of input {message}")
    with pytest.raises(cnncalc.ValueProblem) as raised:
        cnncalc.prepare("INPUT 1x1x5 -> FC-5", weights=weights)
    assert raised.value.message.startswith(f"weights: 'bias' of fc1 {message.replace('[1, 1, 1, 5]', '[5]')}")


def test_numbers_are_read_whatever_array_holds_them() -> None:
    class Named(np.ndarray):
        pass

    image = np.arange(60.0).reshape(1, 3, 4, 5)
    net = cnncalc.prepare("INPUT 3x4x5 -> CONV3-2", seed=1)
    expected = net(image)["conv1"]

    for same in (
        *(image.astype(">f8"), image.astype(">i2"), np.asfortranarray(image), image[:, ::-1].copy()[:, ::-1]),
        *(image.view(Named), np.ma.masked_array(image), image.tolist(), memoryview(image.data)),
    ):
        assert np.array_equal(net(same)["conv1"], expected)
    assert np.isnan(net(np.full_like(image, np.nan))["conv1"]).all()


@pytest.mark.parametrize(("dtype", "size"), [("float16", "6x7x3"), ("float32", "100000x100000x3")])
def test_what_cannot_be_run_is_refused(dtype: str, size: str) -> None:
    with pytest.raises(cnncalc.CnncalcError):
        cnncalc.prepare(f"INPUT {size} -> CONV3-4", dtype=dtype)


def test_an_error_in_a_thread_ends_the_run() -> None:
    net = cnncalc.prepare("INPUT 8x8x3 -> CONV3-4 -> RELU -> CONV3-4", threads=2)
    image = np.zeros((1, 8, 8, 3))

    def fail() -> None:
        raise MemoryError

    for thread in (0, 1):
        calls = net._calls[thread]
        calls.insert(len(calls) // 2, fail)
        with pytest.raises(MemoryError):
            net(image)
        calls.remove(fail)
    assert net(image)["conv2"].shape == (1, 8, 8, 4)


@pytest.mark.parametrize("net", ["squeezenet", "resnet18", "mobilenet-v2", "densenet121", "googlenet", "unet"])
def test_the_arena_is_no_larger_than_that_of_the_plan(net: str) -> None:
    report = cnncalc.analyze(net)
    predicted = plan(report)

    assert 4 * plan_of(report).elements <= predicted.arena_bytes + 4 * ALIGNMENT * len(predicted.volumes)


def test_a_kernel_far_larger_than_the_map_needs_the_memory_of_its_windows() -> None:
    report = cnncalc.analyze("INPUT 16x8 -> CONV4001-8(pad=same)")

    net = PreparedNet(report, build(report))

    windows = 16 * 4001 * 8
    assert 4 * windows <= net.workspace_bytes < 1.2 * 4 * windows


CHAIN = """INPUT 33x35x3 -> CONV3-33 -> BN -> RELU -> CONV3-34 -> [ | CONV1-34] -> ADD -> DWCONV3/2 -> CONV3-35/2
    -> [CONV1-7 | CONV3-8(groups=1)] -> CONCAT -> CONV5-30(groups=3) -> BN -> CONV1-40 -> RELU6 -> DWCONV3 -> FC-50"""


def test_what_is_allocated_is_what_is_said() -> None:
    report = cnncalc.analyze(CHAIN, batch=3)
    weights, images = build(report), draw_images(report)
    PreparedNet(report, weights, threads=2)(images)  # caches of Python and NumPy are filled
    watch = Watch()
    try:
        net = PreparedNet(report, weights, threads=2)
        said = net.arena_bytes + net.workspace_bytes + net.weight_bytes
        vectors = 4 * sum(row.output.depth for row in report.layers)  # shifts
        assert said <= watch.live() <= said + vectors
        net(images)  # starts the threads
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        net(images)
        assert (
            tracemalloc.get_traced_memory()[1] - before < 96 << 10
        )  # the output, small objects of Python, NumPy's buffers
    finally:
        watch.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_count_of_multiply_adds_is_what_the_meter_counts(threads: int) -> None:
    report = cnncalc.analyze(CHAIN, batch=2)
    weights, images = build(report), draw_images(report)
    meter = LockedMeter(np)

    net = PreparedNet(report, weights, threads=threads, xp=meter)

    assert np.array_equal(net(images)["fc1"], PreparedNet(report, weights, threads=threads)(images)["fc1"])
    assert meter.contracted == net.multiply_adds


@pytest.mark.parametrize(
    ("text", "products"),
    [
        ("INPUT 13x11x9 -> CONV5-7(dilation=2)", "as many"),  # added up shifted
        ("INPUT 13x11x9 -> CONV1-7", "as many"),
        ("INPUT 13x11x9 -> CONV3-11", "more"),  # windows that are laid out
        ("INPUT 64x64x32 -> CONV3-33", "fewer"),  # in tiles
        ("INPUT 4096x1x32 -> CONV3-32", "as many"),  # too narrow for tiles
    ],
)
def test_a_convolution_takes_as_many_products_as_it_has_macs_except_in_tiles(text: str, products: str) -> None:
    report = cnncalc.analyze(text, batch=2)
    macs = 2 * report.totals.macs

    taken = PreparedNet(report, build(report), threads=2).multiply_adds

    assert {"as many": taken == macs, "more": macs < taken < 1.3 * macs, "fewer": taken < 0.5 * macs}[products]


@pytest.mark.parametrize("text", ["INPUT 13x11x9 -> CONV3-7", "INPUT 9x11x9 -> CONV3-11", "INPUT 64x64x32 -> CONV3-33"])
def test_elements_that_are_not_finite_reach_the_outputs_whose_window_they_are_in(text: str) -> None:
    report = cnncalc.analyze(text, dtype="float64")
    weights, images = build(report), draw_images(report)
    images["input"][0, 0, 5, 3], images["input"][0, 8, 7, 2] = np.inf, np.nan

    (found,) = PreparedNet(report, weights, threads=2)(images).values()
    with np.errstate(all="ignore"):
        (expected,) = run(report, weights, images).outputs.values()

    assert not np.isfinite(expected).all()
    assert np.array_equal(np.isfinite(found), np.isfinite(expected))


class LockedMeter(MeteredNumpy):
    """A meter for several threads."""

    def __init__(self, numpy: Any) -> None:
        super().__init__(numpy)
        self.lock = Lock()

    def matmul(self, a: Any, b: Any, *, out: Any = None) -> Any:
        with self.lock:
            return super().matmul(a, b, out=out)


def test_products_of_positions_and_shifts_are_the_macs_and_those_of_3x3_tiles_are_fewer() -> None:
    def counted(text: str) -> tuple[int, int]:
        report = cnncalc.analyze(text, batch=2)
        return PreparedNet(report, build(report)).multiply_adds, 2 * report.totals.macs

    products, macs = counted("INPUT 12x14x6 -> CONV1-40 -> BN -> RELU -> LINEAR-9 -> FC-5")
    assert products == macs

    products, macs = counted("INPUT 12x14x40 -> CONV3-9(dilation=2) -> CONV5x3-7")
    assert products == macs

    # 16 products for 4 outputs, with one more row for the shift and one more column of tiles
    products, macs = counted("INPUT 80x90x48 -> CONV3-40")
    assert products == 2 * 16 * 40 * (48 + 1) * 40 * (45 + 1) < macs / 2


def test_an_interrupt_ends_all_threads_and_the_next_run_is_right() -> None:
    net = cnncalc.prepare("INPUT 8x8x3 -> CONV3-4 -> RELU -> CONV3-4", threads=2)
    image = np.ones((1, 8, 8, 3))
    expected = net(image)["conv2"]
    run_one = net._run

    def interrupted(thread: int) -> BaseException | None:
        if thread == 0:
            raise KeyboardInterrupt
        return run_one(thread)

    for _ in range(3):
        net._run = interrupted  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            net(image)
        del net._run
        assert np.array_equal(net(image)["conv2"], expected)


@pytest.mark.parametrize("value", [[10**400] * 5, [1j] * 5, {1, 2}, object()])
def test_what_is_no_array_of_real_numbers_is_refused(value: Any) -> None:
    with pytest.raises(cnncalc.ValueProblem, match="must be"):
        cnncalc.prepare("INPUT 1x1x5")(value)
    wrongs: list[Any] = [{3: {}}, {"fc1": {None: 1, "weight": np.ones((5, 2)), "bias": [1, 2]}}]
    for wrong in wrongs:
        with pytest.raises(cnncalc.ValueProblem):
            cnncalc.prepare("INPUT 1x1x5 -> FC-2", weights=wrong)


@pytest.mark.slow
def test_weights_of_pytorch_in_the_order_of_the_manual_give_the_same() -> None:
    torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed, so nothing here is compared with it")
    conv = torch.nn.Conv2d(6, 8, (3, 5), padding=(1, 2), groups=2)
    norm = torch.nn.BatchNorm2d(8)
    depthwise = torch.nn.Conv2d(8, 16, (5, 3), padding=(2, 1), groups=8)
    linear = torch.nn.Linear(16 * 5 * 7, 9)
    module = torch.nn.Sequential(conv, norm, torch.nn.ReLU(), depthwise, torch.nn.Flatten(), linear).double().eval()
    for array in module.state_dict().values():
        if array.is_floating_point():
            array.uniform_(0.1, 1)

    def own(array: Any) -> Any:
        return array.detach().numpy()

    weights = {
        "conv1": {"weight": np.transpose(own(conv.weight), (2, 3, 1, 0)), "bias": own(conv.bias)},
        "bn1": {
            "scale": own(norm.weight),
            "shift": own(norm.bias),
            "mean": own(norm.running_mean),
            "variance": own(norm.running_var),
        },
        "dwconv1": {
            "weight": np.transpose(own(depthwise.weight).reshape(8, 2, 5, 3), (2, 3, 0, 1)),
            "bias": own(depthwise.bias),
        },
        "fc1": {"weight": own(linear.weight).T, "bias": own(linear.bias)},
    }
    text = "INPUT 5x7x6 -> CONV3x5-8(groups=2) -> BN -> RELU -> DWCONV5x3(multiplier=2) -> FC-9"
    images = np.random.default_rng(0).normal(size=(2, 5, 7, 6))

    (found,) = cnncalc.prepare(text, weights=weights, batch=2, dtype="float64")(images).values()

    with torch.no_grad():
        expected = own(module(torch.tensor(images).permute(0, 3, 1, 2)))
    np.testing.assert_allclose(found.reshape(2, 9), expected, rtol=1e-10)


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"seed": "x"}, {"threads": 0}, {"threads": "2.5"}])
def test_numbers_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(cnncalc.ValueProblem, match=f"^{next(iter(wrong))}: expected"):
        cnncalc.prepare("INPUT 9x7x3 -> CONV3-4", **wrong)


def test_normed_weights_beside_a_depthwise_layer_give_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cnncalc.prepare("INPUT 9x7x3 -> CONV3-6(normed=weight) -> DWCONV3 -> CONV1-4(normed=spectral)")
