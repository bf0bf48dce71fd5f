"""Totals as other tools count them: equal to what the tools gave for the code and the models that ``convert`` writes.

``conventions.json``, written by ``benchmarks.conventions``, holds parameters and operations of each net and each layer
by each tool, with the versions of the tools, or the error with which a tool stops. One that is installed is run too.
"""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import cnncalc
from cnncalc.cli.options import CONVENTION
from cnncalc.interop import darknet_counter, onnx_counter
from cnncalc.interop.conventions import CONVENTIONS, counted
from cnncalc.interop.exporters import ExportOptions
from cnncalc.interop.onnx_shapes import operators
from cnncalc.interop.torch_source import torch_source
from cnncalc.language import catalogue
from cnncalc.layers import KINDS
from tests.calls import ROOT, called
from tests.interop.convention_nets import NETS, layers
from tests.subcases import each

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report
    from cnncalc.graph import Graph

DATA = json.loads((Path(__file__).parent / "conventions.json").read_text(encoding="utf-8"))
FIGURES: dict[str, dict[str, Any]] = DATA["figures"]
LAYERS = dict(layers())
RUN = [name for name in LAYERS if name in FIGURES]
"""The layers on which the tools were run."""
WANTED = (
    *("alexnet-torchvision", "vgg16", "googlenet-bn", "resnet18", "resnet50-v1.5", "inception-v3", "densenet121"),
    *("squeezenet", "mobilenet-v2"),
)
REASONS = {
    "onnx-tool": (
        r"it stops, since it has no rule for (GlobalMaxPool|MaxUnpool|Mean|Mish|ReduceSumSquare|Selu)",
        r"it cannot compute the output shape of (Expand|Resize to a size|MaxPool over three sides .*), nor the .*",
    ),
    "torchinfo": ("it counts parameters that several blocks share more than once",),
}
"""Where a tool cannot be reproduced, and why."""


def analyzed(name: str) -> Report:
    """The report of a named net, a pattern or a layer of the tests."""
    return cnncalc.analyze(LAYERS.get(name, name))


def assert_as_the_tools(name: str) -> None:
    """Each tool is equal, or there is a doubt; a tool that stopped is doubted."""
    report = analyzed(name)
    for tool, figure in FIGURES[name].items():
        ours = counted(tool, report)
        doubts = ours.doubts()
        for doubt in doubts:
            assert any(re.fullmatch(reason, doubt) for reason in REASONS[tool]), (tool, doubt)
        is_equal = [ours.parameters, ours.macs] == figure
        assert is_equal or doubts, (tool, figure)
        assert ours.version == DATA["tools"][tool]


def test_the_tools_were_run_on_every_net_and_kind() -> None:
    assert {tuple(figures) for figures in FIGURES.values()} == {tuple(DATA["tools"])}
    assert not {*catalogue.names(), *NETS} - set(FIGURES), "python -m benchmarks.conventions NAME"
    missing = {graph.nodes[-1].kind for graph in LAYERS.values()} - {LAYERS[name].nodes[-1].kind for name in RUN}
    if missing and not all(find_spec(tool.replace("-", "_")) for tool in DATA["tools"]):
        pytest.skip(f"the tools are not installed, and were not run on {', '.join(missing)}")
    assert not missing, "python -m benchmarks.conventions KIND"


@each("name", [name for name in (*catalogue.names(), *NETS) if name in FIGURES], by=lambda name: name[0])
def test_nets_are_counted_as_by_the_tools(name: str) -> None:
    assert_as_the_tools(name)


@pytest.mark.slow
@each("name", RUN, by=lambda name: LAYERS[name].nodes[-1].kind)
def test_each_layer_is_counted_as_by_the_tools(name: str) -> None:
    assert_as_the_tools(name)


@pytest.mark.parametrize("net", WANTED)
def test_there_is_no_doubt_on_these_nets(net: str) -> None:
    report = cnncalc.analyze(net)
    for tool, figure in FIGURES[net].items():
        ours = counted(tool, report)
        assert not ours.doubts()
        assert [ours.parameters, ours.macs] == figure


@pytest.mark.slow
@each("name", LAYERS, by=lambda name: LAYERS[name].nodes[-1].kind)
def test_words_name_what_is_counted(name: str) -> None:
    """Each module, function or operator that counts has words, and what counts nothing says so."""
    report = analyzed(name)
    for tool in (*DATA["tools"], "darknet"):
        figure = counted(tool, report).figures[-1]
        counting = [text for text in figure.words if not text.endswith(": nothing")]
        if figure.macs:
            assert counting, (tool, figure)
        for text in figure.words:
            assert re.fullmatch(r"(\d+ x )?[\w.]+: [a-z0-9].*[a-z0-9)]", text), (tool, text)
        each_element = re.fullmatch(r"\S+: (\d+) for each (input|output) element", "\n".join(figure.words))
        if each_element and not report.layers[-1].layer.per_side:  # without pads of its own
            row = report.layers[-1]
            volume = row.output if each_element[2] == "output" else row.input_volumes[0]
            assert figure.macs == int(each_element[1]) * volume.elements, (tool, figure)


@pytest.mark.slow
@each("name", LAYERS, by=lambda name: LAYERS[name].nodes[-1].kind)
def test_the_last_operator_in_onnx_gives_the_volume(name: str) -> None:
    report = analyzed(name)
    *_, runs = operators(report.resolved)
    volume = report.layers[-1].output
    assert (runs[-1].given[0] if runs else ()) == (1, volume.depth, *volume.sides)


@pytest.mark.slow
@each("name", LAYERS, by=lambda name: LAYERS[name].nodes[-1].kind)
def test_shapes_of_operators_are_those_of_the_onnx_library(name: str) -> None:
    onnx = pytest.importorskip("onnx", reason="the onnx package is not installed, so shapes are not compared with it")
    from cnncalc.interop.onnx_writer import onnx_model

    graph: Graph = analyzed(name).resolved
    model = onnx_model(graph, ExportOptions(weights="zeros"))
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = 1
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    shapes = {
        value.name: tuple(each.dim_value for each in value.type.tensor_type.shape.dim)
        for value in inferred.graph.value_info
        if value.type.tensor_type.HasField("shape")
    }
    ours = [run for runs in operators(graph) for run in runs]
    theirs = [node for node in model.graph.node if node.op_type != "ConstantOfShape"]
    assert [run.type for run in ours] == [node.op_type for node in theirs]
    for run, node in zip(ours, theirs, strict=True):
        for shape, output in zip(run.given, node.output, strict=True):
            assert shape == shapes.get(output, shape)


def test_keras_counts_running_statistics_as_parameters() -> None:
    report = cnncalc.analyze("mobilenet-v2")
    found = counted("keras", report)
    assert (found.parameters, found.macs) == (report.totals.parameters + report.totals.buffers, None)
    assert found.parameters == 3_538_984  # keras.applications.MobileNetV2().count_params()


def test_darknet_has_two_operations_for_a_product() -> None:
    report = cnncalc.analyze("INPUT 12x10x3 -> CONV3-4 -> BN -> DWCONV3 -> FC-5")
    assert counted("darknet", report).macs == 12 * 10 * (3 * 3 * 3 * 4 + 3 * 3 * 4)
    report = cnncalc.analyze("INPUT 12x10x4 -> [POOL3/1(pad=1) | CONV1-4] -> ADD -> GAP")
    assert counted("darknet", report).macs == 12 * 10 * 4 * (9 / 2 + 4 + 1 / 2)


@pytest.mark.parametrize(
    ("net", "doubts"),
    [
        ("yolov3", {}),
        ("resnet18", {}),
        ("INPUT 8x8x4 -> LOCAL3-4 -> GELU -> UPSAMPLE2 -> REDUCE(max) -> SOFTMAX -> DROPOUT -> FC-5", {}),
        (
            "INPUT 8x8x4 -> GN2 -> DECONV2-4 -> GMP",
            {"it has no such layers, and nothing is counted for them": [1, 2, 3]},
        ),
        ("INPUT 8x8x8x4 -> CONV3-4 -> RELU", {"its volumes have two sides": [1, 2]}),
        ("INPUT 8x8x4 -> CONV1x3-4 -> POOL2x3", {"its kernels are square": [1, 2]}),
        ("INPUT 8x8x4 -> CONV3-4(normed=weight) -> CONV3-4(standardized=yes)", {"it uses weights as they are": [1, 2]}),
        ("INPUT 8x8x4 -> POOL(output=3x3)", {"its pools have a kernel, not the size of their output": [1]}),
        ("INPUT 8x8x4 -> UPSAMPLE2(mode=bilinear)", {"it repeats pixels, and does not interpolate": [1]}),
        ("INPUT 8x8x4 -> LRN(region=within)", {"it normalizes across channels": [1]}),
        ("INPUT 8x8x4 -> REDUCE(mean) ", {"it reduces to the maximum": [1]}),
        ("INPUT 8x8x4 -> REDUCE(max, axes=height)", {"it works along the depth": [1]}),
    ],
)
def test_what_darknet_does_not_have_is_uncertain(net: str, doubts: dict[str, list[int]]) -> None:
    assert counted("darknet", cnncalc.analyze(net)).doubts() == doubts


def test_darknet_counts_only_layers_with_a_rule() -> None:
    """In ``src`` the layers of convolutions, pools and shortcuts set ``bflops``; locally connected ones do not."""
    report = cnncalc.analyze("INPUT 8x8x4 -> LOCAL3-4 -> GN2 -> DECONV2-3 -> REDUCE(max) -> FC-5")
    found = counted("darknet", report)
    assert found.macs == 16 * 16 * 3 / 2  # REDUCE: half of its input elements
    assert found.free == ("local", "gn", "deconv", "fc")


def test_the_sections_of_darknet_are_kinds() -> None:
    assert not darknet_counter.FREE & set(darknet_counter.RULES)
    assert {*darknet_counter.FREE, *darknet_counter.RULES} < set(KINDS)


def test_layers_that_keras_lacks_are_uncertain() -> None:
    report = cnncalc.analyze("INPUT 9x11x6 -> CONV3-4 -> LOCAL3-4 -> BN(stats=no) -> GN2")
    assert counted("keras", report).doubts() == {
        "Keras has no layer for it": [2],
        "Keras has no batch normalization without running statistics": [3],
    }


def test_an_operator_without_a_rule_is_uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    report = cnncalc.analyze("INPUT 8x8x4 -> CONV3-4 -> SOFTMAX -> PERMUTE([width, height, depth])")
    assert not counted("onnx-tool", report).doubts()

    rules = {name: rule for name, rule in onnx_counter.RULES.items() if name != "Softmax"}
    monkeypatch.setattr(onnx_counter, "RULES", rules)
    monkeypatch.setattr(onnx_counter, "FREE", ())

    assert counted("onnx-tool", report).doubts() == {
        "it stops, since it has no rule for Softmax": [2],
        "it stops, since it has no rule for Transpose": [3],
    }


def test_the_table_says_what_a_tool_has_no_rule_for_and_what_is_uncertain() -> None:
    net = "INPUT 8x8x4 -> CONV3-4 -> GN2@norm -> RELU -> DROPOUT -> CONV3-4"
    record = json.loads(called("table", net, "--convention", "darknet", "--format", "json").stdout)["convention"]
    assert record["without_rule"] == ["gn", "relu"]
    assert record["uncertain"] == [
        {"why": "it has no such layers, and nothing is counted for them", "layers": ["norm"]}
    ]
    lines = called("table", net, "--convention", "darknet").stdout.splitlines()
    (place,) = [place for place, line in enumerate(lines) if line.startswith("in darknet")]
    assert lines[place:] == [
        "in darknet    304 parameters, 18,432 MACs / image (version AlexeyAB; no rule, so 0 MACs: GN, RELU; "
        "uncertain for 1 layer)",
        "TOTAL params  304 = 292 weights + 12 biases",
        "TOTAL MACs    18,432 (18.43K) / image, forward",
    ]
    assert called("table", net, "--convention", "darknet", "--strict").returncode == 1
    assert called("table", net, "--convention", "darknet", "--style", "notes", "--strict").returncode == 1
    assert called("table", net, "--convention", "darknet").returncode == 0
    assert called("table", "INPUT 3x32x32 -> CONV3-4", "--strict").returncode == 1  # a warning of the input
    assert called("explain", net, "norm", "--convention", "darknet", "--strict").returncode == 1
    assert called("explain", net, "conv2", "--convention", "darknet", "--strict").returncode == 0
    assert called("table", net, "--convention", "thop", "--strict").returncode == 0


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--brief"], "--brief leaves its line out"),
        (["--format", "csv"], "--format csv has no totals"),
        (["--style", "notes"], "--style notes has the totals of the notes alone"),
    ],
)
def test_a_convention_that_is_not_shown_has_an_effect_only_on_the_exit_code(options: list[str], why: str) -> None:
    call = ["table", "INPUT 8x8x4 -> CONV3-4 -> GN2", "--convention", "darknet", *options]
    warning = f"warning[no-effect]: --convention has no effect: {why}\n"

    plain, strict = called(*call), called(*call, "--strict")

    assert (plain.returncode, warning in plain.stderr) == (0, True)
    assert (strict.returncode, warning in strict.stderr) == (1, False)


def test_darknet_prints_so_for_yolov3() -> None:
    """'Total BFLOPS 65.879' of AlexeyAB/darknet for cfg/yolov3.cfg at 416x416."""
    macs = counted("darknet", cnncalc.analyze("yolov3")).macs
    assert macs is not None
    assert f"{2 * macs / 1e9:.3f}" == "65.879"


def test_every_tool_can_be_chosen() -> None:
    assert CONVENTION.words == tuple(CONVENTIONS)


@pytest.mark.parametrize("tool", CONVENTIONS)
def test_a_convention_is_added_and_alters_no_total(tool: str) -> None:
    plain = json.loads(called("table", "resnet18", "--format", "json").stdout)
    record = json.loads(called("table", "resnet18", "--convention", tool, "--format", "json").stdout)
    added = record.pop("convention")
    assert record == plain
    assert added["tool"] == tool
    assert set(added) == {"tool", "version", "totals", "without_rule", "uncertain"}


@pytest.mark.parametrize(
    ("net", "layer", "tool", "steps"),
    [
        (
            "resnet18", "bn1", "thop",
            ["128 parameters, as here", "3,211,264 MACs, 0 here",
             "nn.BatchNorm2d: 2 for each input element, 4 if it has parameters"],
        ),
        (
            "resnet18", "bn1", "onnx-tool",
            ["256 parameters, 128 here", "24,887,296 MACs, 0 here",
             "BatchNormalization: 31 for each output element"],
        ),
        (
            "resnet18", "relu1", "ptflops",
            ["0 parameters, as here", "1,605,632 MACs, 0 here",
             "nn.ReLU: 2 for each element: for the module, and for the function that it calls"],
        ),
        ("resnet18", "bn1", "keras", ["256 parameters, 128 here"]),
        ("resnet18", "bn1", "darknet", ["128 parameters, as here", "0 MACs, as here", "BN: nothing"]),
        ("lenet5", "c3", "thop", ["0 parameters, 1,516 here", "0 MACs, 150,000 here", "ConnectedConv: nothing"]),
        (
            "lenet5", "s2", "thop",
            ["0 parameters, 12 here", "1,176 MACs, 0 here", "Subsample: nothing",
             "nn.AvgPool2d: 1 for each output element"],
        ),
    ],
)  # fmt: skip
def test_a_layer_says_what_a_tool_counts_differently(net: str, layer: str, tool: str, steps: list[str]) -> None:
    done = called("explain", net, layer, "--convention", tool, "--format", "json")
    found = [each["step"] for each in json.loads(done.stdout)["steps"] if each["number"] == f"in {tool}"]
    assert found == steps
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("net", "tool", "warning"),
    [
        (
            "INPUT 9x9x4 -> CONV3-4 -> GMP -> FC-5", "onnx-tool",
            "it stops, since it has no rule for GlobalMaxPool: 1 layer (GMP)",
        ),
        (
            "INPUT 9x9x4 -> CONV3-4 -> RESIZE(size=[5, 7], mode=bilinear) -> CONV3-4 -> RELU", "onnx-tool",
            "it cannot compute the output shape of Resize to a size, nor the shapes that depend on it: "
            "3 layers (CONV, RELU, RESIZE)",
        ),
        (
            "INPUT 8x8x3 -> OPAQUE([4, 4, 2])@here -> RELU", "thop",
            "PyTorch has no module for OPAQUE layers: 1 layer (OPAQUE)",
        ),
        (
            "INPUT 8x8x3 -> OPAQUE([4, 4, 2])@here -> RELU", "onnx-tool",
            "ONNX has no operator for here: 3 layers (INPUT, OPAQUE, RELU)",
        ),
    ],
)  # fmt: skip
def test_what_a_tool_cannot_count_is_a_warning(net: str, tool: str, warning: str) -> None:
    done = called("table", net, "--convention", tool)
    assert done.stderr.startswith(f"warning[uncertain-convention]: --convention {tool}: {warning}\n")
    assert warning not in called("table", net, "--convention", "keras").stderr


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (
            "INPUT 1x1x20000000 -> BN",
            "input has more than 16,777,216 positions or channels, too many to compute ONNX shapes",
        ),
        (
            "INPUT 400x400x3 -> LOCAL399-4",
            "the net needs more than 100,000 operators in ONNX, too many to compute their shapes",
        ),
    ],
)
def test_nets_too_large_for_shapes_in_onnx_are_refused(net: str, message: str) -> None:
    done = called("table", net, "--convention", "onnx-tool")
    assert (done.returncode, done.stderr) == (2, f"error[limit]: {message}\n")
    assert called("table", net, "--convention", "thop").returncode == 0


@pytest.mark.parametrize("net", ["resnet18", "lenet5", "vit-b-16", "swin-t", "alexnet"])
def test_nets_that_a_tool_counts_have_no_warning(net: str) -> None:
    for tool in ("torchinfo", "thop", "ptflops", "fvcore"):
        assert not called("table", net, "--convention", tool).stderr


def test_the_manual_has_the_figures_of_the_tools() -> None:
    text = (ROOT / "docs" / "counting.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([\w.-]+ [\d.]+) \| ([\d,]+) \|", text, re.MULTILINE))
    figures = {f"{tool} {DATA['tools'][tool]}": f"{macs:,}" for tool, (_, macs) in FIGURES["resnet50-v1.5"].items()}
    assert rows == figures
    assert f"statistics of BN: {counted('keras', cnncalc.analyze('resnet50-v1.5')).parameters:,}" in text


@pytest.mark.slow
def test_the_manual_says_which_named_nets_are_equal() -> None:
    text = (ROOT / "docs" / "counting.md").read_text(encoding="utf-8")
    reports = {name: cnncalc.analyze(name) for name in catalogue.names()}
    for tool in DATA["tools"]:
        ours = {name: counted(tool, report) for name, report in reports.items()}
        unequal = [name for name in ours if [ours[name].parameters, ours[name].macs] != FIGURES[name][tool]]
        assert [name for name in ours if ours[name].doubts()] == unequal
        assert f"\n| {tool} | {', '.join(unequal) or 'none'} |\n" in text


def test_thop_still_counts_so() -> None:
    thop = pytest.importorskip("thop", reason="thop is not installed, so it is not run")
    torch = pytest.importorskip("torch", reason="PyTorch is not installed, so thop is not run")
    report = cnncalc.analyze("INPUT 24x20x3 -> CONV3-8 -> BN -> RELU -> POOL2 -> DECONV2-4/2 -> GAP -> FC-5 -> SOFTMAX")
    names: dict[str, Any] = {"__name__": "generated"}
    exec(torch_source(report.resolved, ExportOptions()), names)  # noqa: S102 (our own code)
    operations, parameters = thop.profile(names["Net"]().eval(), (torch.zeros(1, 3, 24, 20),), verbose=False)
    found = counted("thop", report)
    assert (found.parameters, found.macs) == (parameters, operations)
