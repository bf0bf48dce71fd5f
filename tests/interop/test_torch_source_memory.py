"""The training memory of generated PyTorch code, measured, to the byte."""

from __future__ import annotations

import sys
from typing import Any
from unittest.mock import patch

import pytest

import cnncalc
from cnncalc.interop.exporters import ExportOptions
from cnncalc.interop.torch_source import torch_source
from cnncalc.language import catalogue
from cnncalc.layers import KINDS
from tests.memory.own_process import answer, answer_of

torch = pytest.importorskip("torch", reason="PyTorch is not installed, so no memory is measured")
from tests.memory import torch_oracle  # noqa: E402

pytestmark = pytest.mark.slow

NETS = (
    ("lenet5-modern", None),
    ("cifar-tiny", None),
    ("resnet18", (32, 32, 3)),
    ("squeezenet-1.1", (40, 40, 3)),
    ("shufflenet-v2", (32, 32, 3)),
    ("se-resnet50", (32, 32, 3)),
    (
        """INPUT 24x20x3 -> CONV3-8 -> BN -> RELU -> [CONV3-8 -> DROPOUT(0.3) -> HSWISH | ] -> ADD -> POOL2
        -> [CONV3-4 | CONV1-4 | ] -> CONCAT -> GN(groups=4) -> SILU -> GAP -> FC-6 -> SOFTMAX""",
        None,
    ),
)


def generated(report: Any, _: Any = ()) -> Any:
    """The net of the generated code, with what the measurement asks of a net."""
    options = ExportOptions(in_place=[row.in_place_in_training for row in report.layers])
    names: dict[str, Any] = {"__name__": "generated"}
    exec(compile(torch_source(report.resolved, options), "<generated>", "exec"), names)  # noqa: S102 (our own code)
    net = names["Net"]()
    net.segments = ()
    return torch_oracle.as_net(net, report)


@pytest.mark.parametrize(("net", "size"), NETS, ids=[net.split()[0] for net, _ in NETS])
def test_a_training_step_takes_what_is_predicted(net: str, size: Any) -> None:
    report = cnncalc.analyze(net, input=size) if size else cnncalc.analyze(net)
    predicted = cnncalc.account_memory(net, batch=3, profile="torch-cpu", **({"input": size} if size else {}))
    with patch.object(torch_oracle, "Net", generated):
        measured = torch_oracle.measure_cpu(report)
    assert predicted.training is not None
    assert measured.peak == predicted.training.peak_bytes
    assert measured.inference == predicted.inference.peak_bytes


SMALLER = {
    "input": "INPUT 9x8x3 -> CONV3-4",
    "fc": "INPUT 5x4x6 -> FC-7 -> RELU -> FC-3",
    "gap": "INPUT 9x8x3 -> CONV3-4 -> GAP -> FC-3",
    "gmp": "INPUT 9x8x3 -> CONV3-4 -> GMP -> FC-3",
    "subsample": "INPUT 12x8x3 -> CONV3-4 -> SUBSAMPLE2 -> FC-3",
    "lppool": "INPUT 12x8x3 -> CONV3-4 -> LPPOOL2 -> FC-3",
}
"""Nets for kinds whose example is large."""

NOT_MEASURED = {"opaque": "it has no code", "rbf": "its example learns nothing", "plane": "its example learns nothing"}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NOT_MEASURED])
def test_the_code_of_each_kind_takes_what_is_predicted(kind: str) -> None:
    test_a_training_step_takes_what_is_predicted(SMALLER.get(kind, KINDS[kind].example), None)


GROUPS = 6


@pytest.mark.parametrize("group", range(GROUPS))
def test_the_code_of_each_named_net_takes_what_is_predicted(group: int) -> None:
    """At its own size, under FakeTensorMode, in which nothing is computed."""
    names = catalogue.names()[group::GROUPS]
    measured = answer_of("tests.interop.test_torch_source_memory", *names)
    predicted = {}
    for name in names:
        training = cnncalc.account_memory(name, batch=3, profile="torch-fake").training
        assert training is not None
        predicted[name] = training.peak_bytes
    assert measured == predicted


if __name__ == "__main__":
    with patch.object(torch_oracle, "Net", generated):
        answer({name: torch_oracle.measure_fake(cnncalc.analyze(name)).peak for name in sys.argv[1:]})
