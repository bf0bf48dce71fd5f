"""``cnncalc memory`` and ``cnncalc fit`` as users call them."""

from __future__ import annotations

import json

import pytest

from cnncalc.cli.console import Console
from cnncalc.cli.program import run
from cnncalc.formats.document import Page
from tests.calls import called


def test_memory_as_json_has_the_keys_of_the_language() -> None:
    done = called("memory", "resnet18", "--batch", "8", "--optimizer", "adam", "--format", "json")

    found = json.loads(done.stdout)

    assert (done.returncode, done.stderr) == (0, "")
    assert found["schema"] == 1
    assert (found["architecture"], found["profile"], found["batch"]) == ("resnet18", "torch-cuda", 8)
    training = found["training"]
    assert sum(training["breakdown"].values()) == training["peak_bytes"]
    assert list(training["breakdown"]) == [
        "parameters", "gradients", "optimizer_state", "buffers", "inputs", "activations", "transient",
    ]  # fmt: skip
    for key in ("peak_at", "first_step_peak_bytes", "after_forward_bytes", "after_backward_bytes", "saved_bytes"):
        assert key in training
    assert sum(found["inference"]["breakdown"].values()) == found["inference"]["peak_bytes"]
    assert set(found["notes"]) == {"activation_bytes", "parameter_bytes", "inference_bytes", "training_bytes"}


def test_the_peaks_come_first() -> None:
    lines = called("memory", "vgg16", "--batch", "8", "--verbose").stdout.splitlines()

    assert lines[0] == "vgg16: memory, torch-cuda, 8 images, float32, momentum"
    assert lines[1].startswith("training: peak ")
    assert any(line.startswith("CS231n estimate") for line in lines)


def test_why_says_what_a_pool_keeps() -> None:
    """112x112x64 places of 8 bytes: 6.125 MiB."""
    out = called("memory", "vgg16", "--why", "pool1").stdout

    assert "saves its input (the output of relu2), 12.25 MiB" in out
    assert "6.125 MiB: the index of each maximum" in out


def test_why_has_its_bytes_as_numbers_in_json() -> None:
    """The gradients of conv1 take 27*64*4 = 6912 and 64*4 = 256 bytes, each rounded up to a multiple of 512."""
    pool = json.loads(called("memory", "vgg16", "--why", "pool1", "--format", "json").stdout)
    conv = json.loads(called("memory", "vgg16", "--why", "conv1", "--format", "json").stdout)

    assert pool["saved"] == [
        {"what": "input", "bytes": 224 * 224 * 64 * 4},
        {"what": "additional tensor", "bytes": 112 * 112 * 64 * 8},
    ]
    assert (pool["gradient_bytes"], conv["gradient_bytes"]) == (0, 7168 + 512)
    assert "6.125 MiB" in pool["why"][1]


@pytest.mark.parametrize(
    ("pattern", "layer", "lies_in_it"),
    [
        ("INPUT 7x7x16 -> CONV3-8 -> RELU -> GAP", "relu1", True),
        ("INPUT 7x7x16 -> CONV3-8 -> RELU -> GAP", "gap1", False),
        ("INPUT 7x7x16 -> CONV3-8 -> FLATTEN -> FC-4", "flatten1", True),
        ("INPUT 7x7x16 -> FC-8 -> DROPOUT", "dropout1", False),
        ("INPUT 7x7x16 -> CONV3-8 -> LRN -> FC-4", "lrn1", False),
        ("INPUT 7x7x16 -> CONV3-8 -> RELU(in_place=no) -> GAP", "relu1", False),
    ],
)
def test_why_says_which_output_shares_the_memory_of_the_input(pattern: str, layer: str, lies_in_it: bool) -> None:
    """The loss reads a view of the last volume, which is not an operation of the last layer."""
    out = called("memory", pattern, "--why", layer).stdout

    assert ("its output shares the memory of its input" in out) == lies_in_it


@pytest.mark.parametrize(
    ("layer", "saved"),
    [
        ("RMS", ["input", "intermediate result", "intermediate result"]),
        ("L2NORM", ["input", "intermediate result", "intermediate result"]),
        ("TANH", ["output"]),
        ("TANH -> FLATTEN", ["output"]),
    ],
)
def test_a_tensor_of_a_layer_of_several_operations_is_listed_once(layer: str, saved: list[str]) -> None:
    """The input is kept by two of them; the output is that of the last one, which only TANH keeps."""
    pattern = f"INPUT 8x6x3 -> CONV3-4 -> {layer} -> FC-2"
    name = f"{layer.split()[0].lower()}1"
    record = json.loads(called("memory", pattern, "--why", name, "--format", "json").stdout)
    assert [each["what"] for each in record["saved"]] == saved


@pytest.mark.parametrize(
    ("words", "option", "why"),
    [
        (("--why", "c1"), ("--optimizer", "adam"), "what one layer keeps does not depend on it"),
        (("--why", "c1"), ("--reserve", "0"), "what one layer keeps does not depend on it"),
        (("--format", "csv"), ("--timeline",), "--format csv has the categories alone"),
    ],
)
def test_options_without_effect_are_warned_of(words: tuple[str, ...], option: tuple[str, ...], why: str) -> None:
    plain, done = called("memory", "lenet5", *words), called("memory", "lenet5", *words, *option)

    assert done.stdout == plain.stdout
    assert done.stderr == f"warning[no-effect]: {option[0]} has no effect: {why}\n"


def test_why_names_the_nearest_layer() -> None:
    done = called("memory", "vgg16", "--why", "pol1")

    assert done.returncode == 2
    assert done.stderr == "error[unknown-layer]: vgg16 has no layer 'pol1'; did you mean 'pool1'?\n"


def test_the_timeline_ends_at_the_peak_of_the_report() -> None:
    done = called("memory", "lenet5-modern", "--timeline", "--format", "json")
    training = json.loads(done.stdout)["training"]
    breakdown = training["breakdown"]

    live = max(event["bytes"] for event in training["timeline"])

    assert live == breakdown["activations"] + breakdown["transient"] + breakdown["gradients"]
    assert {event["phase"] for event in training["timeline"]} == {"forward", "backward"}


def test_a_plan_of_mobilenet_v2_in_int8_takes_what_is_published() -> None:
    """1,404,928 bytes where a depthwise convolution may work in place (arXiv 2110.15352: 1372 kB)."""
    done = called("memory", "mobilenet-v2", "--plan", "--dtype", "int8", "--depthwise-in-place", "--format", "json")

    assert json.loads(done.stdout)["arena_bytes"] == 1_404_928


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("memory", "vgg16", "--optimizer", "adm"), "no optimizer 'adm'; did you mean 'adam'?"),
        (("memory", "vgg16", "--profile", "torch"), "found 'torch'"),
        (("memory", "vgg16", "--dtype", "int8"), "hint: add --plan, or --profile tflm"),
        (("fit", "vgg16", "--memory", "8GiB", "--dtype", "int8"), "float16 or bfloat16, found 'int8'"),
        (("memory", "vgg16", "--checkpoint", "block"), "no block or layer 'block'; did you mean 'blocks'?"),
        (("fit", "vgg16"), "fit needs --memory"),
        (("fit", "vgg16", "--memory", "8GBi"), "no unit 'GBi' for bytes; did you mean"),
        (("fit", "vgg16", "--memory", "rtx-390"), "no device or size 'rtx-390'; did you mean "),
        (
            ("fit", "vgg16", "--memory", "1GiB", "--reserve", "2GiB"),
            "the reserve (2,147,483,648 bytes) must be smaller than the memory (1,073,741,824 bytes)",
        ),
        (("fit", "vgg16", "--memory", "1GiB", "--zero", "2"), "--data-parallel"),
    ],
)
def test_invalid_options_are_refused_with_a_suggestion(arguments: tuple[str, ...], message: str) -> None:
    done = called(*arguments)

    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_for_a_net_that_does_not_fit_the_excess_and_other_options_are_shown() -> None:
    done = called("fit", "vgg16", "--memory", "1GiB")

    assert done.returncode == 1
    assert "training: one image does not fit: " in done.stdout
    assert "global average pooling before fc1" in done.stdout


def test_fit_as_json() -> None:
    options = ("--memory", "rtx-3060", "--reserve", "0", "--data-parallel", "4", "--zero", "2", "--format", "json")
    done = called("fit", "resnet18", *options)
    found = json.loads(done.stdout)

    assert done.returncode == 0
    assert found["schema"] == 1
    assert found["memory"] == 12 * 1024**3
    assert found["device"]["name"] == "rtx-3060"
    assert found["training"]["peak_bytes"] <= found["memory"] < found["inference"]["peak_bytes"] * 2
    assert all({"what", "peak_bytes", "largest_batch", "macs"} <= set(advice) for advice in found["advice"])
    assert found["several_devices"]["method"] == "formula"


@pytest.mark.parametrize(
    "words",
    [
        ("memory", "lenet5", "--plan"),
        ("memory", "mobilenet-v1", "--profile", "tflm"),
        ("memory", "lenet5"),
        ("memory", "squeezenet", "--timeline"),
    ],
)
@pytest.mark.parametrize("width", [30, 44, 60, 80])
def test_a_report_fits_a_narrow_terminal(
    words: tuple[str, ...], width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Console, "page", lambda self: Page(width, False, True))

    assert run([*words]) == 0

    assert max(map(len, capsys.readouterr().out.splitlines())) <= width


def test_a_chart_stands_below_its_title_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With 20 columns, five for the operations; no line is broken, and the legend is wrapped at words."""
    monkeypatch.setattr(Console, "page", lambda self: Page(20, False, True))

    assert run(["memory", "lenet5", "--timeline"]) == 0

    lines = capsys.readouterr().out.splitlines()
    start = lines.index("live bytes")
    end = lines.index("live bytes", start + 1)
    bars = ["    293.5 KiB |    #", "              |   ##"]
    assert lines[start + 1 : start + 5] == ["  over a training", "  step", *bars]
    axis = ["              +-----", "               fffbb"]
    assert lines[end - 5 : end] == [*axis, "  f forward, b", "  backward, r", "  recompute"]
    assert max(map(len, lines[start:])) == 20


def test_memory_loads_no_numpy() -> None:
    import subprocess
    import sys

    from tests.calls import ROOT, environment

    code = (
        "import sys; from cnncalc.cli.program import run; run(['memory', 'resnet18', '--output', '/dev/null']);"
        "run(['fit', 'lenet5', '--memory', '440MiB', '--output', '/dev/null']); assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment())


def test_accumulated_micro_batches_count_all_images_of_a_step() -> None:
    done = called("fit", "resnet18", "--memory", "4GiB", "--reserve", "0", "--batch", "256", "--format", "json")
    advice = json.loads(done.stdout)["advice"]

    row = next(row for row in advice if "accumulated" in row["what"])

    assert row["largest_batch"] >= 256


def test_the_devices_are_listed_without_a_target() -> None:
    done = called("fit", "--list-devices", "--format", "json")
    found = {device["name"]: device for device in json.loads(done.stdout)["devices"]}

    assert done.returncode == 0
    assert found["t4"]["memory"] == 15_360 * 1024**2
    assert "h200" in called("fit", "--list-devices").stdout


def test_fit_as_json_has_the_need_and_the_reserve() -> None:
    found = json.loads(called("fit", "resnet18", "--memory", "2GiB", "--format", "json").stdout)
    training = found["training"]
    memory = json.loads(
        called("memory", "resnet18", "--batch", str(training["largest_batch"]), "--format", "json").stdout
    )

    assert found["reserve"]["mode"] == "auto"
    assert found["reserve"] == memory["reserve"]
    assert training["need_bytes"] == memory["training"]["need_bytes"] <= found["memory"] < training["next_need_bytes"]
    assert training["largest_batch_live"] > training["largest_batch"] > 0
    live = json.loads(called("fit", "resnet18", "--memory", "2GiB", "--reserve", "0", "--format", "json").stdout)
    assert live["reserve"] == {"mode": "0", "context_bytes": 0, "workspace_bytes": 0, "bytes": 0}
    assert live["training"]["largest_batch"] == training["largest_batch_live"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fit",), "error[usage]: fit needs a TARGET"),
        (("fit", "vgg16", "--memory", "8"), "error[no-unit]: '8' has no unit: 8 bytes, or 8GiB?"),
        (("fit", "vgg16", "--memory", "8GiB", "--reserve", "600"), "600GiB?\n  = hint: write 600B, 600MiB or 600GiB"),
        (("memory", "vgg16", "--reserve", "auto", "--profile", "numpy"), "but the profile is numpy"),
        (("memory", "vgg16", "--image-batches", "999999999"), "error[limit]: image-batches: at most 1,000 batches"),
        (("memory", "vgg16", "--reserve", "much"), "expected auto or bytes such as 600MiB, found 'much'"),
    ],
)
def test_sizes_that_raise_a_question_are_refused(arguments: tuple[str, ...], message: str) -> None:
    done = called(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
