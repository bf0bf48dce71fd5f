"""Nets as PyTorch code: it runs, with our volumes, parameters and names; equal blocks are one class."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import cnncalc
from cnncalc.errors import DesignError, ShapeError
from cnncalc.graph import Graph, Node
from cnncalc.interop.exporters import ExportOptions, export
from cnncalc.interop.torch_code import CODES
from cnncalc.interop.torch_source import torch_source
from cnncalc.language import catalogue
from cnncalc.layers import KINDS
from cnncalc.layers.planes import planes
from cnncalc.run.forward import draw_images, run
from cnncalc.run.weights import build
from cnncalc.volume import Volume
from tests.layer_cases import CASES, Case
from tests.subcases import each
from tests.test_layers import POSITIVE

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report
    from cnncalc.run.weights import Weights

pytestmark = pytest.mark.slow


def source_of(report: Report) -> str:
    """The code of a net."""
    in_place = [row.in_place_in_training for row in report.layers]
    return torch_source(report.resolved, ExportOptions(in_place=in_place))


def made(source: str, device: str = "meta") -> Any:
    """The net that the code makes."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed, so its code is not run")
    names: dict[str, Any] = {"__name__": "generated"}
    exec(compile(source, "<generated>", "exec"), names)  # noqa: S102 (our own code)
    with torch.device(device):
        return names["Net"]()


def assert_is_the_net(report: Report) -> None:
    """The code gives our volumes, and has as many parameters in each part."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed, so its code is not run")
    net = made(source_of(report)).eval()
    images = [
        torch.zeros(2, row.output.depth, *row.output.sides, device="meta")
        for row in report.layers
        if row.layer.is_input
    ]
    readers = report.graph.readers()
    ends = [row for row in report.layers if not readers[row.index] and not row.training_only]
    found = net(*images)
    found = found if isinstance(found, tuple) else (found,)
    assert len(found) == len(ends)
    for row, value in zip(ends, found, strict=True):
        assert value.numel() == 2 * row.output.elements
    assert sum(parameter.numel() for parameter in net.parameters()) == report.totals.parameters
    frozen = sum(parameter.numel() for parameter in net.parameters() if parameter.requires_grad)
    assert frozen == report.totals.trainable


def graph_of(case: Case, *, is_flat: bool = False) -> Graph:
    """The case as a net; ``is_flat``: on the first position of each input, which FLATTEN made batch x depth."""
    sizes = [[*[1] * len(volume.sides), volume.depth] if is_flat else list(volume) for volume in case.inputs]
    nodes = [Node(f"input{place}", KINDS["input"](size=size), named=True) for place, size in enumerate(sizes)]
    if is_flat:
        nodes += [Node(f"flat{place}", KINDS["flatten"](), (place,), named=True) for place in range(len(sizes))]
    sources = tuple(range(len(nodes)))[-len(sizes) :]
    return Graph("case", (*nodes, Node("layer", KINDS[case.kind](**case.keys), sources, named=True)))


def with_constants(report: Report, net: Any) -> Weights:
    """Sets all elements of an array to one number, here and in PyTorch, whatever the order of the array there."""
    import torch

    weights = build(report, dtype="float64")
    there = [value for name, value in net.state_dict().items() if "num_batches" not in name]
    counts = {int(value.numel()) for value in there}
    is_equal = counts == {array.size for arrays in weights for array in arrays.values()}
    for array in (*there, *[torch.from_numpy(array) for arrays in weights for array in arrays.values()]):
        array.fill_(0.3 + array.numel() % 7 / 10 if is_equal else 0.3)  # of fused weights the numbers differ
    return weights


RUNS = [
    case
    for case in CASES
    if case.kind not in ("input", "unpool", "opaque") and not (case.layer.takes_windows and len(case.inputs[0]) > 2)
]


@each("case", RUNS, by=lambda case: case.kind)
def test_each_layer_has_our_volume_and_parameters(case: Case) -> None:
    assert_is_the_net(cnncalc.analyze(graph_of(case)))


def takes_one_position(case: Case) -> bool:
    """Whether the layer works on inputs of one position.

    PyTorch normalizes no map of one element, and has no mean over three sides that are smaller than the kernel.
    """
    try:
        case.layer.output(*[Volume(*[1] * len(volume.sides), volume.depth) for volume in case.inputs])
    except ShapeError:
        return False
    return case.kind != "in" and (case.kind != "avgpool" or len(case.inputs[0]) < 4)


def assert_same_values(case: Case, *, is_flat: bool) -> None:
    """The outputs of the code and of the run in NumPy are equal, on positive numbers for a power or a root."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed, so its code is not run")
    report = cnncalc.analyze(graph_of(case, is_flat=is_flat), batch=3, dtype="float64")
    net = made(source_of(report), "cpu").double().eval()
    weights = with_constants(report, net)
    images = {name: abs(image) + 0.1 for name, image in draw_images(report, dtype="float64").items()}
    if case.kind not in (*POSITIVE, "lppool"):  # PyTorch keeps the sign in a power
        images = {name: image - image.mean() for name, image in images.items()}
    expected = planes(run(report, weights, images, keep=lambda name: True).outputs["layer"])

    with torch.no_grad():
        found = net(*[torch.from_numpy(planes(image).copy()) for image in images.values()]).numpy()

    assert found.size == expected.size
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-9, atol=1e-12)


SAME = [case for case in RUNS if (case.kind, case.keys.get("stride")) != ("lppool", [2, 5])]
"""Without a window of LPPOOL that rounding up cuts, which PyTorch's module multiplies as if it were whole."""


@each("case", SAME, by=lambda case: case.kind)
def test_each_layer_computes_what_it_does_here(case: Case) -> None:
    assert_same_values(case, is_flat=False)


@pytest.mark.parametrize("kind", ["pool", "avgpool"])
@pytest.mark.parametrize(
    ("keys", "size"),
    [
        ({"kernel": [3, 2], "stride": 2, "pad": [0, 0, 1, 1]}, (5, 10)),
        ({"kernel": [2, 3], "stride": 3, "pad": [0, 0, 0, 1]}, (10, 12)),
        ({"kernel": [2, 3], "stride": [1, 3], "pad": [1, 0, 0, 1]}, (11, 12)),
        ({"kernel": [3, 4, 3], "stride": [3, 3, 2], "pad": [1, 1, 0, 1, 0, 1]}, (5, 10, 12)),
    ],
)
def test_no_window_begins_in_uneven_pads_at_the_end(kind: str, keys: dict[str, Any], size: tuple[int, ...]) -> None:
    """The pads are a step of their own, in which PyTorch would begin a last window when it rounds up."""
    others: list[dict[str, Any]] = [{}, {"count_pad": False}] if kind == "avgpool" else [{}]
    for more in others:
        assert_same_values(Case(kind, {**keys, **more, "round": "ceil"}, (Volume(*size, 4),)), is_flat=False)


@each("case", list(filter(takes_one_position, SAME)), by=lambda case: case.kind)
def test_each_layer_does_so_after_flatten(case: Case) -> None:
    """Tensors are batch x depth there, without sides."""
    assert_same_values(case, is_flat=True)


def test_every_kind_can_be_written_but_what_is_stated() -> None:
    assert set(KINDS) - set(CODES) == {"input", "opaque"}
    with pytest.raises(DesignError, match="no module for OPAQUE layers: here"):
        torch_source(cnncalc.load("INPUT 8x8x3 -> OPAQUE([4, 4, 2])@here"), ExportOptions())


@pytest.mark.parametrize("name", catalogue.names())
def test_each_named_net_has_our_volumes_and_parameters(name: str) -> None:
    assert_is_the_net(cnncalc.analyze(name))


NETS = (
    "INPUT 23x19x3 -> POOL3/2(round=ceil)@p -> CONV3-8 -> CONV3-3 -> UNPOOL(@p) -> GAP -> FC-5",
    """INPUT 20x24x3 -> CONV3-6/2(bias=no)@enc -> RELU
    -> DECONV3-3/2(pad=1, output_pad=1, bias=no, share=@enc, transposed=yes)""",
    "INPUT 7x5x2 -> FC-9(bias=no)@a -> FC-70(share=@a, transposed=yes)",
    "INPUT 12x10x3 -> CONV3-4@a(trainable=no) -> [CONV3-4@b | CONV3-4(share=@b)] -> ADD -> GAP -> FC-3 -> SOFTMAX",
    "[INPUT 9x7x2@left -> CONV3-4 | INPUT 9x7x2@right -> CONV3-4] -> ADD -> FLATTEN -> RELU -> FC-2",
    "INPUT 14x14x3 -> CONV7-12/7 -> SEQUENCE -> TOKEN -> POSITION -> [LN -> ATTENTION-3 | ] -> ADD -> LN -> FC-4",
    "INPUT 4x6x2x6 -> WINDOW4x3x2 -> ATTENTION-3(relative=4x3x2) -> UNWINDOW4x6x2 -> FC-3",
    "INPUT 9x6 -> ATTENTION-3(relative=[9]) -> FC-3",
)


@pytest.mark.parametrize("net", NETS)
def test_whole_nets(net: str) -> None:
    assert_is_the_net(cnncalc.analyze(net.replace("@a(trainable=no)", "(trainable=no)@a")))


def test_a_layer_may_be_called_as_a_function_of_the_code() -> None:
    assert_is_the_net(cnncalc.analyze("INPUT 14x14x8 -> WINDOW7@windows -> UNWINDOW(14x14)@softmax -> FC-3@nn"))


def test_the_name_of_an_input_stands_for_the_input_alone() -> None:
    """Values are called x, and y while x is still read; torch is imported only where it is used."""
    source = source_of(cnncalc.analyze("INPUT 8x8x4@image -> CONV3-4 -> [CONV3-4 | ] -> ADD -> ADD(@image)"))
    assert source.endswith(
        "    def forward(self, image):\n"
        "        x = self.conv1(image)\n"
        "        y = self.conv2(x)\n"
        "        y = y + x\n"
        "        y = y + image\n"
        "        return y\n"
    )
    assert "import torch\n" not in source
    assert "import torch\n" in source_of(cnncalc.analyze("INPUT 8x8x3 -> [ | RELU] -> CONCAT"))


def test_parameters_are_called_as_in_torchvision() -> None:
    net = made(source_of(cnncalc.analyze("resnet18")))
    names = dict(net.named_parameters())
    assert tuple(names["layer2.0.conv1.weight"].shape) == (128, 64, 3, 3)
    assert "layer4.1.bn2.bias" in names


def test_equal_blocks_are_one_class_with_parameters() -> None:
    source = source_of(cnncalc.analyze("resnet50"))
    assert source.count("class ") <= 4
    assert "for _ in range(" in source
    assert max(map(len, source.splitlines())) <= 120


@pytest.mark.parametrize("form", ["torch", "keras", "caffe"])
def test_a_title_ends_no_comment_and_sends_no_control_character(form: str) -> None:
    title = 'a""" + exit() + """b\\ \x1b[31m\n\x9b1m\u202e'
    text = export(cnncalc.analyze("INPUT 9x9x3 -> FC-3").resolved._replace(title=title), form)

    assert all(character == "\n" or character.isprintable() for character in str(text))
    if form != "caffe":
        (head, *_) = ast.parse(str(text)).body
        assert isinstance(head, ast.Expr)
        assert isinstance(head.value, ast.Constant)
        assert str(head.value.value).endswith("Written by cnncalc from pattern.")
