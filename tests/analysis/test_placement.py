"""Which layers have no memory of their own, and which run only in training; compared with PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cnncalc import DesignError, analyze

if TYPE_CHECKING:
    from collections.abc import Callable

ACTIVATIONS = ("RELU", "RELU6", "SIGMOID", "TANH", "SILU", "HSWISH", "HSIGMOID", "LRELU", "ELU")
PRODUCERS = (
    "CONV3-4", "DWCONV3", "DECONV2-4", "BN", "LN", "GN2", "IN", "LRN", "POOL2", "AVGPOOL2",
    "LPPOOL2", "GAP", "GMP", "RELU",
    "RELU6", "SIGMOID", "TANH", "SILU", "HSWISH", "HSIGMOID", "LRELU", "ELU", "GELU", "SOFTPLUS", "PRELU", "SOFTMAX",
    "DROPOUT", "UPSAMPLE2", "IDENTITY", "PAD(1)", "SHUFFLE2",
)  # fmt: skip


def in_place(text: str, **options: Any) -> list[str]:
    """The names of the layers that need no memory of their own."""
    return [row.name for row in analyze(text, **options).layers if row.in_place]


def test_an_activation_function_overwrites_the_convolution_before_it() -> None:
    assert in_place("INPUT 8x9x3 -> CONV3-4 -> RELU -> CONV3-4 -> TANH") == ["relu1", "tanh1"]


def test_an_output_that_no_gradient_reaches_may_be_overwritten() -> None:
    """The statistics of BN are no parameters, so backward needs no output of SIGMOID."""
    assert in_place("INPUT 8x9x3 -> BN -> SIGMOID -> RELU -> FC-2") == ["sigmoid1"]
    assert in_place("INPUT 8x9x3 -> BN(scale=no, shift=no) -> SIGMOID -> RELU -> FC-2") == ["sigmoid1", "relu1"]


def test_in_place_no_disables_it() -> None:
    assert in_place("INPUT 8x9x3 -> CONV3-4 -> RELU(in_place=no)") == []
    assert in_place("INPUT 8x9x3 -> CONV3-4 -> RELU(in_place=yes)") == ["relu1"]


def test_without_in_place_every_activation_function_has_its_own_volume() -> None:
    text = "INPUT 8x9x3 -> CONV3-4 -> RELU -> DROPOUT -> FLATTEN"
    assert in_place(text) == ["relu1", "dropout1", "flatten1"]
    assert in_place(text, in_place=False) == ["dropout1", "flatten1"]


def test_a_layer_does_not_overwrite_an_input_that_another_layer_reads() -> None:
    assert in_place("INPUT 8x9x3 -> CONV3-3@a -> RELU -> ADD(@a)") == []
    assert in_place("INPUT 8x9x3 -> CONV3-3 -> RELU@a -> CONV3-3 -> ADD(@a)") == ["a"]


def test_a_layer_does_not_overwrite_memory_that_another_layer_reads_through_a_view() -> None:
    assert in_place("INPUT 8x9x3 -> CONV3-4@a -> SLICE(0, to=2) -> RELU@r -> FROM(@a) -> SLICE(2) -> FC-2") == [
        "slice1", "slice2",
    ]  # fmt: skip
    assert in_place("INPUT 8x9x3 -> CONV3-4@a -> SLICE(0, to=2) -> RELU -> FC-2") == ["slice1", "relu1"]


@pytest.mark.parametrize(
    "view",
    ["SLICE(2, axis=height)", "CROP4", "PERMUTE([width, height, depth])", "WINDOW8x1", "SPACE2DEPTH1", "DEPTH2SPACE1"],
)
def test_a_layer_does_not_overwrite_what_pytorch_may_compute_as_a_view_of_memory_that_is_read(view: str) -> None:
    text = f"INPUT 8x6x4 -> CONV3-4@a -> {view} -> RELU(in_place=yes) -> FC-7"
    assert in_place(text) == ["relu1"]
    report = analyze(f"{text}@f -> FROM(@a) -> FC-3")
    assert not [row.name for row in report.layers if row.in_place or row.in_place_in_training]
    assert "the memory of a is also read by fc2" in str(report.warnings[0])


@pytest.mark.parametrize("kind", ["GELU", "SOFTPLUS", "PRELU", "SOFTMAX"])
def test_some_functions_never_work_in_place(kind: str) -> None:
    assert in_place(f"INPUT 8x9x3 -> CONV3-4 -> {kind}") == []


def test_a_function_with_a_negative_slope_does_not_work_in_place() -> None:
    """In place, PyTorch's backward needs the sign of the input, which the output of a negative slope does not show."""
    assert in_place("INPUT 8x9x3 -> CONV3-4 -> LRELU(0.1)") == ["lrelu1"]
    assert in_place("INPUT 8x9x3 -> CONV3-4 -> LRELU(-0.1)") == []
    assert in_place("INPUT 8x9x3 -> CONV3-4 -> ELU(-1)") == []


def test_a_layer_does_not_overwrite_what_backward_needs() -> None:
    """SIGMOID needs its output, also through views, unless no gradient passes it or DROPOUT copies it first."""
    assert in_place("INPUT 8x9x3 -> CONV3-4 -> SIGMOID -> RELU") == ["sigmoid1"]
    assert in_place("INPUT 8x9x3 -> CONV3-4 -> SIGMOID -> IDENTITY -> SLICE(1) -> RELU") == [
        "sigmoid1", "identity1", "slice1",
    ]  # fmt: skip
    assert in_place("INPUT 8x9x3 -> CONV3-4(trainable=no) -> SIGMOID -> RELU") == ["sigmoid1", "relu1"]
    assert in_place("INPUT 8x9x3 -> SIGMOID -> RELU") == ["sigmoid1", "relu1"]
    assert in_place("INPUT 8x9x3 -> CONV3-4 -> SIGMOID -> DROPOUT -> RELU") == ["sigmoid1", "dropout1", "relu1"]
    assert in_place("INPUT 8x9x3 -> CONV3-4 -> SILU -> IDENTITY -> RELU") == ["silu1", "identity1", "relu1"]


def test_backward_needs_the_output_if_any_branch_before_it_learns() -> None:
    """A frozen branch is merged with one that learns, so a gradient passes SIGMOID."""
    branches = "[CONV3-4(trainable=no) | CONV3-4{}] -> ADD -> SIGMOID -> RELU"
    assert in_place("INPUT 8x9x3 -> " + branches.format("")) == ["sigmoid1"]
    assert in_place("INPUT 8x9x3 -> " + branches.format("(trainable=no)")) == ["sigmoid1", "relu1"]
    assert in_place("INPUT 8x9x3 -> " + branches.format("(bias=no)")) == ["sigmoid1"]


def test_add_and_mul_work_in_place_only_with_in_place_yes() -> None:
    text = "INPUT 8x9x3 -> CONV3-3@a -> CONV3-3 -> {}(@a{})"
    for kind in ("ADD", "MUL"):
        assert in_place(text.format(kind, "")) == []
        assert in_place(text.format(kind, ", in_place=yes")) == [f"{kind.lower()}1"]


def test_views_and_dropout_have_no_memory_of_their_own() -> None:
    report = analyze("INPUT 8x9x4 -> CONV3-4 -> IDENTITY -> SLICE(1) -> RESHAPE 9x8x3 -> FLATTEN -> DROPOUT")
    assert [row.in_place for row in report.layers] == [False, False, True, True, True, True, True]
    assert report.layers[-1].activations == 9 * 8 * 3
    assert report.totals.activations == 8 * 9 * 4 + 8 * 9 * 4


def module(nn: Any, text: str) -> Any:
    """The PyTorch module of a layer; activation functions do not work in place."""
    made: dict[str, Callable[[], Any]] = {
        "CONV3-4": lambda: nn.Conv2d(4, 4, 3, padding=1),
        "DWCONV3": lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4),
        "DECONV2-4": lambda: nn.ConvTranspose2d(4, 4, 2, 2),
        "BN": lambda: nn.BatchNorm2d(4),
        "LN": lambda: nn.LayerNorm([4, 8, 8]),
        "GN2": lambda: nn.GroupNorm(2, 4),
        "IN": lambda: nn.InstanceNorm2d(4),
        "LRN": lambda: nn.LocalResponseNorm(5),
        "POOL2": lambda: nn.MaxPool2d(2),
        "AVGPOOL2": lambda: nn.AvgPool2d(2),
        "LPPOOL2": lambda: nn.LPPool2d(2, 2),
        "GAP": lambda: nn.AdaptiveAvgPool2d(1),
        "GMP": lambda: nn.AdaptiveMaxPool2d(1),
        "RELU": nn.ReLU,
        "RELU6": nn.ReLU6,
        "SIGMOID": nn.Sigmoid,
        "TANH": nn.Tanh,
        "SILU": nn.SiLU,
        "HSWISH": nn.Hardswish,
        "HSIGMOID": nn.Hardsigmoid,
        "LRELU": nn.LeakyReLU,
        "ELU": nn.ELU,
        "GELU": nn.GELU,
        "SOFTPLUS": nn.Softplus,
        "PRELU": lambda: nn.PReLU(4),
        "SOFTMAX": lambda: nn.Softmax(1),
        "DROPOUT": nn.Dropout,
        "UPSAMPLE2": lambda: nn.Upsample(scale_factor=2),
        "IDENTITY": nn.Identity,
        "PAD(1)": lambda: nn.ZeroPad2d(1),
        "SHUFFLE2": lambda: nn.ChannelShuffle(2),
    }
    return made[text]()


@pytest.mark.slow
@pytest.mark.parametrize("trained", [True, False], ids=["behind a convolution", "on the image"])
@pytest.mark.parametrize("producer", PRODUCERS)
def test_in_place_is_what_pytorch_allows(producer: str, trained: bool) -> None:
    """Each activation function in place after each layer: we refuse it exactly where PyTorch's backward fails."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    nn = torch.nn
    functions = {
        "RELU": nn.ReLU(inplace=True),
        "RELU6": nn.ReLU6(inplace=True),
        "SIGMOID": torch.sigmoid_,
        "TANH": torch.tanh_,
        "SILU": nn.SiLU(inplace=True),
        "HSWISH": nn.Hardswish(inplace=True),
        "HSIGMOID": nn.Hardsigmoid(inplace=True),
        "LRELU": nn.LeakyReLU(inplace=True),
        "ELU": nn.ELU(inplace=True),
    }
    # LRELU and ELU save their output for backward only if they work in place
    written = f"{producer}(in_place=no)" if producer in ACTIVATIONS else producer
    head = "CONV3-4 -> " if trained else ""
    for activation in ACTIVATIONS:
        x = torch.randn(2, 4, 8, 8)
        if trained:
            x = module(nn, "CONV3-4")(x)
        try:
            result = functions[activation](module(nn, producer)(x))
            nn.Conv2d(4, 4, 1)(result).sum().backward()
            allowed = True
        except RuntimeError:
            allowed = False
        row = analyze(f"INPUT 8x8x4 -> {head}{written} -> {activation} -> CONV1-4").layers[-2]
        assert row.in_place == allowed, f"{activation} after {producer}"


@pytest.mark.slow
def test_add_in_place_is_what_pytorch_allows() -> None:
    torch = pytest.importorskip("torch")
    for function, allowed in (("", True), (" -> RELU", False), (" -> SIGMOID", False), (" -> SILU", True)):
        one, two = (torch.nn.Conv2d(4, 4, 1)(torch.randn(1, 4, 3, 3)) for _ in range(2))
        name = function.strip(" ->").lower()
        made = getattr(torch.nn.functional, name)(one) if name else one
        try:
            made.add_(two).sum().backward()
            works = True
        except RuntimeError:
            works = False
        assert works == allowed
        text = f"INPUT 3x3x4 -> CONV1-4@b -> FROM(@input) -> CONV1-4{function} -> ADD(@b, in_place=yes)"
        assert analyze(text).layers[-1].in_place == allowed


def test_auxiliary_heads_run_only_in_training() -> None:
    """GAP, FC-3 and its RELU are used only by the head; its 4*3 + 3 parameters are counted in the totals."""
    text = "INPUT 8x8x2 -> CONV3-4@a -> GAP(training_only=yes) -> FC-3 -> RELU@aux -> FROM(@a) -> FC-5"
    report = analyze(text)
    assert [row.name for row in report.layers if row.training_only] == ["gap1", "fc1", "aux"]
    assert report.totals.parameters - report.test_time.parameters == 4 * 3 + 3
    assert report.totals.macs - report.test_time.macs == 4 * 3
    assert report.totals.activations - report.test_time.activations == 4 + 3


def test_a_layer_that_feeds_a_head_and_the_net_runs_at_test_time_too() -> None:
    report = analyze("INPUT 8x8x2 -> CONV3-4@a -> GAP(training_only=yes)@aux -> FROM(@a) -> FC-5")
    assert [row.name for row in report.layers if row.training_only] == ["aux"]


def test_a_layer_that_runs_at_test_time_cannot_read_a_head() -> None:
    with pytest.raises(DesignError) as caught:
        analyze("INPUT 8x8x2 -> CONV3-4@a -> RELU(training_only=yes) -> ADD(@a)")
    assert str(caught.value) == (
        "<pattern>:1:56: error[training-only]: add1: runs at test time, but its input relu1 runs only in training\n"
        "  |\n"
        "1 | INPUT 8x8x2 -> CONV3-4@a -> RELU(training_only=yes) -> ADD(@a)\n"
        "  |                                                        ^^^^^^^"
    )
