"""``cnncalc value``: one number of a net or of a layer."""

from __future__ import annotations

import json

import pytest

from cnncalc.cli.value import HELP
from cnncalc.figures.measure import ALLOW_STATED, KEYS
from cnncalc.figures.value import LAYER_KEYS, NET_KEYS
from tests.calls import called, cnncalc


def said(*arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of ``value``."""
    done = called("value", *arguments)
    return done.returncode, done.stdout, done.stderr


def value(*arguments: str) -> str:
    """The output of ``value`` for a valid call."""
    code, output, errors = said(*arguments)
    assert (code, errors) == (0, "")
    assert output.endswith("\n")
    assert output.count("\n") == 1
    return output[:-1]


VGG16 = {
    "parameters": ("138.4M", "138,357,544"),
    "weights": ("138.3M", "138,344,128"),
    "biases": ("13.42K", "13,416"),
    "trainable": ("138.4M", "138,357,544"),
    "buffers": ("0", "0"),
    "activations": ("15.24M", "15,237,608"),
    "macs": ("15.47G", "15,470,264,320"),
    "flops": ("30.94G", "30,940,528,640"),
    "layers": ("16", "16"),
    "parameter_memory": ("527.8 MiB", "553,430,176"),
    "activation_memory": ("58.13 MiB", "60,950,432"),
    "receptive_field": ("212x212", "212x212"),
    "receptive_field_unclipped": ("212x212", "212x212"),
    "input": ("[224x224x3]", "[224x224x3]"),
    "output": ("[1x1x1000]", "[1x1x1000]"),
    "name": ("vgg16", "vgg16"),
    "title": ("VGG-16", "VGG-16"),
}
"""Published figures of VGG16 (parameters, MACs, the sum of the notes' rows), and hand arithmetic from them."""


@pytest.mark.parametrize(("key", "values"), VGG16.items(), ids=VGG16)
def test_keys_of_a_net(key: str, values: tuple[str, str]) -> None:
    assert (value("vgg16", key), value("vgg16", key, "--exact")) == values
    assert value("vgg16", key, "--short") == values[0]


CONV2 = {
    "parameters": "36,928",
    "weights": "36,864",
    "biases": "64",
    "trainable": "36,928",
    "buffers": "0",
    "activations": "3,211,264",
    "macs": "1,849,688,064",
    "flops": "3,699,376,128",
    "parameter_memory": "147,712",
    "activation_memory": "12,845,056",
    "receptive_field": "5x5",
    "receptive_field_unclipped": "5x5",
    "input": "[224x224x64]",
    "output": "[224x224x64]",
    "name": "conv2",
    "kind": "conv",
    "label": "CONV3-64",
}


@pytest.mark.parametrize(("key", "expected"), CONV2.items(), ids=CONV2)
def test_keys_of_a_layer(key: str, expected: str) -> None:
    assert value("vgg16", key, "--layer", "conv2", "--exact") == expected


def test_every_key_has_a_case_and_is_named_by_the_help() -> None:
    simulated = {"inference_memory", "training_memory", "inference_need", "training_need", "plan_arena"}
    simulated |= {"arena", "flash"}
    assert set(VGG16) | simulated == set(NET_KEYS)
    assert set(CONV2) == set(LAYER_KEYS)
    assert set(KEYS) - {ALLOW_STATED} <= set(NET_KEYS)
    net, layer = HELP.split("KEY of a net:")[1].split("KEY of a layer:")
    assert net.split() == [*NET_KEYS]
    assert layer.split("\n\n")[0].split() == [*LAYER_KEYS]


@pytest.mark.parametrize(
    "options", [[], ["--batch", "3", "--dtype", "float16"], ["--optimizer", "adam"], ["--profile", "notes"]]
)
@pytest.mark.parametrize("target", ["lenet5-modern", "nin"])
def test_memory_is_that_of_the_command_memory(target: str, options: list[str]) -> None:
    data = json.loads(called("memory", target, *options, "--format", "json").stdout)
    rule = data["notes"] if "notes" in options else None

    for key, part in (("training_memory", "training"), ("inference_memory", "inference")):
        expected = rule[f"{part}_bytes"] if rule else data[part]["peak_bytes"]
        assert said(target, key, *options, "--exact")[:2] == (0, f"{expected:,}\n")
        assert said(target, f"{part}_need", *options, "--exact")[:2] == (0, f"{data[part]['need_bytes']:,}\n")


def test_the_arena_is_that_of_the_plan() -> None:
    """MobileNet v2 in int8: 1,505,280 bytes, as petewarden/ml_memory_analyser computes."""
    assert value("mobilenet-v2", "plan_arena", "--dtype", "int8", "--exact") == "1,505,280"


def test_arena_and_flash_of_a_chip_are_those_of_memory() -> None:
    data = json.loads(called("memory", "cifar-tiny", "--profile", "tflm", "--format", "json").stdout)["inference"]

    assert value("cifar-tiny", "arena", "--exact") == f"{data['arena']['total_bytes']:,}"
    assert value("cifar-tiny", "flash", "--exact") == f"{data['flash_bytes']:,}"


def test_a_net_with_layers_that_no_chip_runs_has_no_arena_of_a_chip() -> None:
    net = "INPUT 8x8x4 -> [CONV3-8 -> GELU]*3 -> LRN -> FC-3"

    assert said(net, "flash") == (
        2,
        "",
        "error[no-equal]: flash: gelu1, gelu2, gelu3: GELU has no operator of TensorFlow Lite Micro; "
        "lrn1: LRN has no operator of TensorFlow Lite Micro\n"
        "  = hint: plan_arena, the arena of the volumes alone, has a value for all layers\n",
    )
    assert said(net, "plan_arena")[0] == 0


def test_autocast_and_batches_of_images_change_memory() -> None:
    options = ["--batch", "4", "--autocast", "bfloat16", "--image-batches", "3"]
    data = json.loads(called("memory", "vgg16", *options, "--format", "json").stdout)

    assert value("vgg16", "training_memory", *options, "--exact") == f"{data['training']['peak_bytes']:,}"
    assert value("vgg16", "inference_memory", *options, "--exact") == f"{data['inference']['peak_bytes']:,}"


def test_memory_depends_on_batch_and_type_and_counts_do_not() -> None:
    more = ["--batch", "32", "--dtype", "float16", "--exact"]

    assert value("vgg16", "activation_memory", *more) == f"{15_237_608 * 32 * 2:,}"
    assert value("vgg16", "activation_memory", "--layer", "conv1", *more) == f"{3_211_264 * 32 * 2:,}"
    assert said("vgg16", "parameter_memory", *more)[1] == f"{138_357_544 * 2:,}\n"
    assert said("vgg16", "activations", *more)[1] == "15,237,608\n"


def test_a_layer_in_place_has_no_memory_of_its_own() -> None:
    assert value("vgg16", "activation_memory", "--layer", "relu1") == "0 B"
    assert value("vgg16", "activations", "--layer", "relu1", "--exact") == "3,211,264"


def test_units_and_settings() -> None:
    assert value("vgg16", "activation_memory", "--units", "si") == "60.95 MB"
    assert value("vgg16", "activation_memory", "--units", "notes") == "58.13 MB"
    assert value("INPUT 8x8x3 -> FC-{k}", "parameters", "--set", "k=2") == "386"
    assert value("INPUT -> FC", "output", "--classes", "7") == "[1x1x7]"
    assert value("INPUT -> FC", "title") == "pattern"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["parameters"], '"key": "parameters", "unit": "count", "value": 138357544}'),
        (["activation_memory"], '"key": "activation_memory", "unit": "bytes", "value": 60950432}'),
        (["input"], '"key": "input", "unit": "volume", "value": [224, 224, 3]}'),
        (["receptive_field"], '"key": "receptive_field", "unit": "pixels", "value": [212, 212]}'),
        (["title"], '"key": "title", "unit": "words", "value": "VGG-16"}'),
        (["macs", "--layer", "fc1"], '"layer": "fc1", "key": "macs", "unit": "count", "value": 102760448}'),
    ],
)
def test_json_has_exact_values(arguments: list[str], expected: str) -> None:
    printed = value("vgg16", *arguments, "--format", "json")

    assert printed == '{"schema": 1, "architecture": "vgg16", ' + expected
    assert json.loads(printed)["schema"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vgg16", "paramters"], "error[unknown-key]: a net has no 'paramters'; did you mean 'parameters'?\n"),
        (["vgg16", "bla"], f"error[unknown-key]: a net has no 'bla' (known: {', '.join(NET_KEYS)})\n"),
        (
            ["vgg16", "bla", "--layer", "conv1"],
            f"error[unknown-key]: a layer has no 'bla' (known: {', '.join(LAYER_KEYS)})\n",
        ),
        (
            ["vgg16", "label"],
            "error[unknown-key]: a net has no 'label'\n  = hint: add --layer NAME to choose a layer\n",
        ),
        (
            ["vgg16", "title", "--layer", "conv1"],
            "error[unknown-key]: a layer has no 'title'\n  = hint: omit --layer for the value of the net\n",
        ),
        (["vgg16", "macs", "--layer", "conv99"], "error[unknown-layer]: vgg16 has no layer 'conv99'; did you mean "),
        (["vgg16"], "error[usage]: cnncalc value needs KEY\n  = hint: cnncalc value --help\n"),
        (["vgg16", "macs", "--optimizer", "adm"], "error[unknown-optimizer]: no optimizer 'adm'; did you mean 'adam'?"),
        (
            ["vgg16", "training_memory", "--dtype", "int8"],
            "error[unknown-dtype]: int8 is not a data type of training (known: float32, float64, float16, bfloat16)\n",
        ),
        (
            ["INPUT 9x9x3 -> [CONV-2 | POOL]", "output"],
            "error[several-values]: pattern has several outputs of different size: conv1 [9x9x2], pool1 [4x4x3]\n"
            "  = hint: choose one with --layer NAME output\n",
        ),
        (
            ["INPUT 9x9x3 -> [CONV-2 | CONV-5] -> CONCAT@c", "input", "--layer", "c"],
            "error[several-values]: c has several inputs of different size: [9x9x2], [9x9x5]\n",
        ),
    ],
)
def test_mistakes(arguments: list[str], message: str) -> None:
    code, output, errors = said(*arguments)

    assert (code, output) == (2, "")
    assert errors == message or (not message.endswith("\n") and errors.startswith(message))


def test_a_training_only_layer_is_not_an_output() -> None:
    assert value("googlenet-aux", "output") == "[1x1x1000]"


def test_several_inputs_and_outputs_of_one_size_are_one_answer() -> None:
    assert value("INPUT 9x9x3 -> [CONV-2 | CONV-2]", "output") == "[9x9x2]"
    assert value("INPUT 9x9x3 -> [CONV-2 | CONV-2] -> CONCAT@c", "input", "--layer", "c") == "[9x9x2]"


def test_control_characters_in_words_are_shown() -> None:
    design = 'name: n\ntitle: "a\\e[31m <b> [red] \u65e5\u672c"\nlayers: INPUT 8x8x3 -> FC-2\n'

    done = cnncalc("value", "-", "title", stdin=design, PYTHONIOENCODING="utf-8")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "a\\x1b[31m <b> [red] \u65e5\u672c\n"
