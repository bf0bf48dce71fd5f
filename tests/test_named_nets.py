"""Every named net has published figures, and all of them agree exactly."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import cnncalc
from cnncalc.language.catalogue import path
from tests.facts import EDITS, FACTS, Fact
from tests.nets import report_of
from tests.subcases import each

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
ARCHITECTURES = Path(path("vgg16") or "").parent
CATALOGUE = sorted(ARCHITECTURES.glob("*.yaml"))
VARIANTS = sorted((HERE / "variants").glob("*.yaml"))
NAMES = [file.stem for file in CATALOGUE]


@cache
def report(net: str) -> Any:
    """The report of a named net, of a file in ``variants/``, or of a named net with some words replaced."""
    if net in NAMES:
        return report_of(net)
    if net not in EDITS:
        return cnncalc.analyze(cnncalc.load(str(HERE / "variants" / f"{net}.yaml")))
    base, replacements = EDITS[net]
    text = (ARCHITECTURES / f"{base}.yaml").read_text(encoding="utf-8")
    for old, new in replacements:
        assert old in text, f"{base}.yaml no longer has the words that {net} replaces: {old!r}"
        text = text.replace(old, new)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{net}.yaml"
        file.write_text(text, encoding="utf-8")
        return cnncalc.analyze(cnncalc.load(str(file)))


def rows(net: str, where: str) -> Sequence[Any]:
    """The rows of a report that ``where`` selects, as described at ``Fact``."""
    layers = report(net).layers
    if where.startswith("kind:"):
        return [row for row in layers if row.kind in where.removeprefix("kind:").split(",")]
    first, _, last = where.partition("..")
    begin, end = (
        [i for i, row in enumerate(layers) if f"{row.name}.".startswith(f"{name}.")] for name in (first, last or first)
    )
    assert begin, f"{net} has no {first!r}, but {[row.name for row in layers]}"
    assert end, f"{net} has no {last!r}, but {[row.name for row in layers]}"
    chosen: Sequence[Any] = layers[begin[0] : end[-1] + 1]
    return chosen


def figure(fact: Fact) -> Any:
    """The computed value of the fact."""
    if not fact.where:
        return getattr(report(fact.net).totals, fact.quantity)
    chosen = rows(fact.net, fact.where)
    if fact.quantity in ("output", "receptive_field"):
        return tuple(getattr(chosen[-1], fact.quantity))
    return sum(getattr(row, fact.quantity) for row in chosen)


@each("fact", FACTS, by=lambda fact: fact.net)
def test_published_figures(fact: Fact) -> None:
    assert figure(fact) == fact.value, f"{fact.source} says otherwise"


@each("net", [*NAMES, *(file.stem for file in VARIANTS), *EDITS])
def test_every_net_has_a_published_figure(net: str) -> None:
    assert any(fact.net == net for fact in FACTS)


@each("net", NAMES)
def test_every_named_net_has_its_totals_among_the_facts(net: str) -> None:
    quantities = {fact.quantity for fact in FACTS if fact.net == net and not fact.where}

    assert "macs" in quantities
    assert quantities & {"parameters", "trainable"}


WIDE = "Zagoruyko, Komodakis 2016, Table 8"
CIFAR = "He et al. 2015, Table 6"
SETTINGS = [
    ("resnet50-v1.5", {"width": 2}, 68_883_240, "torchvision wide_resnet50_2"),
    ("resnet101-v1.5", {"width": 2}, 126_886_696, "torchvision wide_resnet101_2"),
    ("resnet50", {"width": 2}, 68_883_240, "as resnet50-v1.5: the place of the stride has no parameters"),
    ("resnet50-v2", {"width": 2}, 68_883_240 - 7_680, "as resnet50-v1.5 and resnet50-v2: other normalizations"),
    ("resnet18", {"width": 1.5}, 25_875_816, f"{WIDE}: 25.9M"),
    ("resnet18", {"width": 2}, 45_618_216, f"{WIDE}: 45.6M"),
    ("resnet18", {"width": 3}, 101_783_976, f"{WIDE}: 101.8M"),
    ("resnet34", {"width": 1.5}, 48_613_608, f"{WIDE}: 48.6M"),
    ("resnet34", {"width": 2}, 86_036_008, f"{WIDE}: 86.0M"),
    ("resnet110", {"n": 3}, 269_722, f"{CIFAR}: 0.27M"),
    ("resnet110", {"n": 5}, 464_154, f"{CIFAR}: 0.46M"),
    ("resnet110", {"n": 7}, 658_586, f"{CIFAR}: 0.66M"),
    ("resnet110", {"n": 9}, 853_018, f"{CIFAR}: 0.85M"),
    ("resnet110", {"n": 200}, 19_421_274, f"{CIFAR}: 19.4M"),
    ("mobilenet-v1", {"alpha": 0.25}, 470_072, "Keras MobileNet(alpha=0.25), trainable"),
    ("mobilenet-v1", {"alpha": 0.5}, 1_331_592, "Keras MobileNet(alpha=0.5), trainable"),
    ("mobilenet-v1", {"alpha": 0.75}, 2_585_560, "Keras MobileNet(alpha=0.75), trainable"),
    ("mobilenet-v2", {"alpha": 0.35}, 1_677_128, "torchvision MobileNetV2(width_mult=0.35)"),
    ("mobilenet-v2", {"alpha": 0.5}, 1_968_680, "torchvision MobileNetV2(width_mult=0.5)"),
    ("mobilenet-v2", {"alpha": 0.75}, 2_636_424, "torchvision MobileNetV2(width_mult=0.75)"),
    ("mobilenet-v2", {"alpha": 1.3}, 5_386_792, "torchvision MobileNetV2(width_mult=1.3)"),
    ("mobilenet-v2", {"alpha": 1.4}, 6_108_776, "torchvision MobileNetV2(width_mult=1.4)"),
    ("efficientnet-b0", {"length": 1.1}, 7_794_184, "torchvision efficientnet_b1"),
    ("efficientnet-b0", {"width": 1.1, "length": 1.2}, 9_109_994, "torchvision efficientnet_b2"),
    ("efficientnet-b0", {"width": 1.2, "length": 1.4}, 12_233_232, "torchvision efficientnet_b3"),
    ("shufflenet-v2", {"depth2": 48}, 1_366_792, "torchvision shufflenet_v2_x0_5"),
    ("shufflenet-v2", {"depth2": 176}, 3_503_624, "torchvision shufflenet_v2_x1_5"),
    ("shufflenet-v2", {"depth2": 244, "last": 2048}, 7_393_996, "torchvision shufflenet_v2_x2_0"),
]


@pytest.mark.parametrize(("net", "variables", "parameters", "source"), SETTINGS, ids=str)
def test_published_figures_of_other_widths(net: str, variables: Any, parameters: int, source: str) -> None:
    assert cnncalc.analyze(net, variables=variables).totals.parameters == parameters, f"{source} says otherwise"


WITHOUT_CLASSES = ("dcgan-discriminator", "dcgan-generator", "vae-decoder", "vae-encoder")
CHANNELS = {"yolov3": 3 * (4 + 1 + 7), "ssd300": 4 * 7}
"""Channels of the last volume of the detectors, for 7 classes."""


@pytest.mark.slow
@pytest.mark.parametrize("net", [name for name in NAMES if name not in WITHOUT_CLASSES])
def test_every_classifier_has_a_variable_for_its_classes(net: str) -> None:
    """The last volume at test time has as many channels as there are classes, in a detector for each of its boxes.

    DCGAN and the autoencoder have no classes.
    """
    other = cnncalc.analyze(net, variables={"classes": 7})

    assert [row for row in other.layers if not row.training_only][-1].output.depth == CHANNELS.get(net, 7)
    assert "classes=7" in other.name
    assert other.warnings == ()


@pytest.mark.parametrize("net", NAMES)
def test_two_forms_of_a_net_name_each_other(net: str) -> None:
    for other in report(net).graph.forms:
        assert net in report(other).graph.forms


@pytest.mark.parametrize("net", NAMES)
def test_a_net_whose_name_begins_with_that_of_another_is_a_form_of_it(net: str) -> None:
    for base in NAMES:
        if net.startswith(f"{base}-"):
            assert net in report(base).graph.forms


def test_no_fact_is_repeated() -> None:
    assert len({str(fact) for fact in FACTS}) == len(FACTS)


@each("file", [*CATALOGUE, *VARIANTS])
def test_a_file_is_named_after_its_net_and_states_its_source(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    if lines[0].startswith("# yaml-language-server: "):
        lines.pop(0)

    assert lines[0] == f"name: {file.stem}"
    assert lines[1].startswith("title: ")
    assert lines[2].startswith('source: "')


@each("net", NAMES)
def test_a_named_net_gives_logits(net: str) -> None:
    """The final softmax is part of the loss, so that all nets are comparable."""
    assert not [row.name for row in report(net).layers if row.kind == "softmax"]


@each("net", NAMES)
def test_totals_are_the_sums_of_the_rows(net: str) -> None:
    layers, totals = report(net).layers, report(net).totals

    assert totals.activations == sum(row.activations for row in layers if not row.in_place)
    for quantity in ("weights", "biases", "parameters", "trainable", "buffers", "macs"):
        assert getattr(totals, quantity) == sum(getattr(row, quantity) for row in layers)


def test_the_connections_of_lenet5_are_those_of_the_paper() -> None:
    """LeCun et al. 1998, II.B. The bias is also a connection: one per unit; a unit of S2 and S4 has four more."""
    layers = {row.name: row for row in report("lenet5").layers}
    connections = {name: layers[name].macs + layers[name].activations for name in ("c1", "c3", "c5", "f6")}
    connections |= {name: layers[name].activations * (2 * 2 + 1) for name in ("s2", "s4")}
    connections["output"] = layers["output"].buffers

    assert connections == {
        "c1": 122_304,
        "s2": 5_880,
        "c3": 151_600,
        "s4": 2_000,
        "c5": 48_120,
        "f6": 10_164,
        "output": 840,
    }
    assert sum(connections.values()) == 340_908


def test_vgg16_has_the_rows_of_the_notes() -> None:
    """13 CONV, 5 POOL and 3 FC; activation functions and dropout have no memory of their own."""
    layers = report("vgg16").layers
    own = [row.kind for row in layers if not row.in_place]
    stages = [["conv"] * n + ["pool"] for n in (2, 2, 3, 3, 3)]

    assert own == ["input", *(kind for stage in stages for kind in stage), "fc", "fc", "fc"]
    assert {row.kind for row in layers if row.in_place} == {"relu", "dropout"}


def test_the_first_fc_of_vgg16_has_three_quarters_of_the_parameters() -> None:
    """CS231n: most of the parameters are in the first FC layer, most of the memory is in the early CONV layers."""
    totals = report("vgg16").totals
    (fc,) = rows("vgg16", "fc1")
    early = sum(row.activations for row in rows("vgg16", "conv1..pool2") if not row.in_place)

    assert f"{fc.parameters / totals.parameters:.1%}" == "74.3%"
    assert f"{early / totals.activations:.1%}" == "71.1%"


@pytest.mark.parametrize("net", ["resnet50", "resnet101", "resnet152"])
def test_the_stride_in_the_3x3_costs_the_same_at_each_depth(net: str) -> None:
    """In the first unit of three stages, the first 1x1 works on four times as many pixels."""
    assert report(f"{net}-v1.5").totals.macs - report(net).totals.macs == 3 * 77_070_336


def test_resnet_layers_are_named_as_in_torchvision() -> None:
    names = [row.name for row in report("resnet50-v1.5").layers]

    for name in ("conv1", "bn1", "layer1.0.conv1", "layer1.0.bn3", "layer1.0.downsample.0", "layer4.2.conv3", "fc"):
        assert name in names
    assert "layer1.1.downsample.0" not in names


def test_the_auxiliary_heads_are_training_only() -> None:
    """They add parameters and 8,372,224 MACs; the rest of the net is equal."""
    plain, heads = report("googlenet"), report("googlenet-aux")
    extra = [row for row in heads.layers if row.training_only]

    assert {row.name.split(".")[0] for row in extra} == {"aux1", "aux2"}
    assert sum(row.parameters for row in extra) == 6_379_728
    assert heads.totals.macs - plain.totals.macs == sum(row.macs for row in extra) == 8_372_224
    assert [row.name for row in heads.layers if not row.training_only] == [row.name for row in plain.layers]


@pytest.mark.parametrize("net", [name for name in NAMES if name.startswith(("vgg", "resnet", "densenet"))])
def test_the_number_in_the_name_is_the_number_of_layers(net: str) -> None:
    """Convolutions and FC layers on the main path, without those of shortcuts."""
    aside = ("downsample", "shortcut")
    layers = [row for row in report(net).layers if row.kind in ("conv", "fc") and not any(x in row.name for x in aside)]

    assert len(layers) == int("".join(filter(str.isdigit, net.partition("-")[0])))


def test_inception_v4_has_150_layers_with_weights() -> None:
    kinds = [row.kind for row in report("inception-v4").layers]

    assert kinds.count("conv") == 149
    assert kinds.count("fc") == 1


def test_the_up_convolutions_of_unet_make_23_convolutions() -> None:
    """Ronneberger et al. 2015: 23 convolutional layers in all."""
    kinds = [row.kind for row in report("unet").layers]

    assert kinds.count("conv") + kinds.count("deconv") == 23


def rates(net: str, **variables: Any) -> list[float]:
    """How often branches are left out for an image, in order."""
    layers: list[Any] = [row.layer for row in cnncalc.analyze(net, variables=variables).layers]
    return [layer.rate for layer in layers if layer.kind == "dropout" and layer.whole == "image"]


def test_branches_are_left_out_as_often_as_in_torchvision() -> None:
    """Unit k of n: 0.2*k/n in EfficientNet, where the first of each stage has no way around it, and drop*k/(n - 1) in
    ConvNeXt and Swin (torchvision 0.29, the ``p`` of each StochasticDepth)."""
    units = {"b0": [1, 2, 2, 3, 3, 4, 1], "b1": [2, 3, 3, 4, 4, 5, 2], "b3": [2, 3, 3, 5, 5, 6, 2]}
    for form, length in (("b0", 1), ("b1", 1.1), ("b3", 1.4)):
        before = [sum(units[form][:stage]) for stage in range(7)]
        numbers = [first + j for first, count in zip(before, units[form], strict=True) for j in range(1, count)]
        expected = [0.2 * k / sum(units[form]) for k in numbers]
        assert rates("efficientnet-b0", length=length) == pytest.approx(expected, abs=1e-15)
    assert rates("convnext-tiny") == pytest.approx([0.1 * k / 17 for k in range(1, 18)], abs=1e-15)
    assert rates("swin-t") == pytest.approx([0.2 * k / 11 for k in range(1, 12) for _ in range(2)], abs=1e-15)
    small = rates("swin-t", middle=9, drop=0.3)
    assert small == pytest.approx([0.3 * k / 23 for k in range(1, 24) for _ in range(2)], abs=1e-15)
