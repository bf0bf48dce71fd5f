"""Totals as other tools count them: equal to what the tools gave for the modules that ``convert --to torch`` writes.

``conventions.json`` holds parameters and operations of each net by each tool, with the versions of the tools; one that
is installed is run as well.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import cnncalc
from cnncalc.interop.conventions import CONVENTIONS, counted
from cnncalc.interop.exporters import ExportOptions
from cnncalc.interop.torch_source import torch_source
from tests.calls import called

DATA = json.loads((Path(__file__).parent / "conventions.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("net", DATA["figures"])
def test_totals_are_those_of_the_tools(net: str) -> None:
    report = cnncalc.analyze(net)
    for tool, (parameters, operations) in DATA["figures"][net].items():
        found = counted(tool, report.layers)
        assert (found.parameters, found.macs) == (parameters, operations)
        assert found.version == DATA["tools"][tool]


def test_keras_counts_running_statistics_as_parameters() -> None:
    report = cnncalc.analyze("mobilenet-v2")
    found = counted("keras", report.layers)
    assert (found.parameters, found.macs) == (report.totals.parameters + report.totals.buffers, None)
    assert found.parameters == 3_538_984  # keras.applications.MobileNetV2().count_params()


def test_darknet_counts_convolutions_alone() -> None:
    report = cnncalc.analyze("INPUT 12x10x3 -> CONV3-4 -> BN -> DWCONV3 -> FC-5")
    found = counted("darknet", report.layers)
    assert found.macs == 12 * 10 * (3 * 3 * 3 * 4 + 3 * 3 * 4)


@pytest.mark.parametrize("tool", CONVENTIONS)
def test_a_convention_is_added_and_alters_no_total(tool: str) -> None:
    plain = json.loads(called("table", "resnet18", "--format", "json").stdout)
    record = json.loads(called("table", "resnet18", "--convention", tool, "--format", "json").stdout)
    added = record.pop("convention")
    assert record == plain
    assert added["tool"] == tool
    assert set(added) == {"tool", "version", "totals"}


def test_a_layer_says_what_a_tool_counts_differently() -> None:
    done = called("explain", "resnet18", "bn1", "--convention", "thop")
    assert "3,211,264 MACs, 0 here" in done.stdout
    assert done.stderr == ""
    done = called("explain", "lenet5", "c3", "--convention", "thop")
    assert done.stderr.startswith(
        "warning[uncertain-convention]: --convention thop: not compared with the tool on 1 layer"
    )


def test_thop_still_counts_so() -> None:
    thop = pytest.importorskip("thop", reason="thop is not installed, so it is not run")
    torch = pytest.importorskip("torch", reason="PyTorch is not installed, so thop is not run")
    report = cnncalc.analyze("INPUT 24x20x3 -> CONV3-8 -> BN -> RELU -> POOL2 -> DECONV2-4/2 -> GAP -> FC-5 -> SOFTMAX")
    names: dict[str, Any] = {"__name__": "generated"}
    exec(torch_source(report.resolved, ExportOptions()), names)  # noqa: S102 (our own code)
    operations, parameters = thop.profile(names["Net"]().eval(), (torch.zeros(1, 3, 24, 20),), verbose=False)
    found = counted("thop", report.layers)
    assert (found.parameters, found.macs) == (parameters, operations)


@pytest.mark.parametrize(
    ("net", "kinds"),
    [
        ("INPUT 9x9x4 -> CONV3-4 -> POOL3/2(pad=[0, 0, 1, 1]) -> BN(shift=no)", "2 layers (BN, POOL)"),
        ("INPUT 9x9x4 -> CONV3-4(normed=weight) -> LRN -> FC-5", "2 layers (CONV, LRN)"),
        ("INPUT 12x8 -> ATTENTION-2", "1 layer (ATTENTION)"),
    ],
)
def test_layers_on_which_the_tool_was_not_run_are_a_warning(net: str, kinds: str) -> None:
    done = called("table", net, "--convention", "ptflops")
    assert f"--convention ptflops: not compared with the tool on {kinds}" in done.stderr
    assert not called("table", net, "--convention", "keras").stderr


@pytest.mark.parametrize("net", ["resnet18", "inception-v3", "mobilenet-v2", "densenet121"])
def test_nets_on_which_the_tools_were_run_have_no_such_warning(net: str) -> None:
    assert not called("table", net, "--convention", "thop").stderr
