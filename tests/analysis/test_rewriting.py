"""The sums of a net with some layers replaced, from these alone, are those of the whole net."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from cnncalc import analyze
from cnncalc.analysis import rewriting
from cnncalc.analysis.rewriting import rewritten, rewritten_sum
from cnncalc.errors import CnncalcError
from cnncalc.layers import KINDS
from tests.nets import report_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers import Layer

NETS = ("alexnet", "dcgan-generator", "densenet121", "mobilevit-s", "segnet", "squeezenet", "swin-t", "unet3d")
PATTERNS = (
    "INPUT 8x8x4 -> CONV3-4@a -> RELU -> CONV3-4(share=a) -> FC-5 -> FC-5",
    "INPUT 9x9x4 -> CONV3-4@a -> POOL2@p -> DECONV3-4(share=a, transposed=yes) -> UPSAMPLE2 -> CONV3-4",
    "INPUT 8x8x4 -> CONV3-4 -> POOL2@p -> CONV3-4 -> UNPOOL(@p) -> CONV3-4",
    "INPUT 8x8x8 -> CONV3-8 -> WINDOW4 -> LN -> ATTENTION-2 -> UNWINDOW(8) -> CONV3-8",
)


def chains(row: LayerReport) -> list[Sequence[Layer]]:
    """What may replace a layer; not all of these are valid nets, or keep the volume."""
    layer = row.layer
    found: list[Sequence[Layer]] = [(), (layer, KINDS["bn"]()), (layer, KINDS["pool"]())]
    if len(row.sources) == 1:
        found.append((KINDS["relu"](), layer))
    for keys in ({"bias": "no"}, {"filters": row.output.depth + 1}, {"kernel": 1}, {"groups": 2}):
        try:
            found.append((layer.with_keys(**keys),))
        except CnncalcError:
            continue
    return found


def differences(report: Report, seed: int) -> list[str]:
    """The sums that differ from those of the whole net, for one random change of each layer and of several at once."""
    random = Random(seed)  # noqa: S311  # the same changes on every run
    changes = [
        {row.index: random.choice(chains(row))} for row in random.sample(report.layers, min(8, len(report.layers)))
    ]
    several = {}
    for change in changes:
        several.update(change)
    found = []
    for change in (*changes, several):
        whole = rewritten(report, change, brief=True)
        for name in ("weights", "parameters", "macs"):
            expected = None if whole is None else getattr(whole.totals, name)
            if rewritten_sum(report, change, name) != expected:
                found.append(f"{report.name}: {name} of {change}")
    return found


@pytest.mark.parametrize("net", NETS)
def test_sums_of_changed_named_nets(net: str) -> None:
    report = report_of(net)
    assert [found for seed in range(2) for found in differences(report, seed)] == []


def test_weights_of_a_layer_before_which_or_after_which_others_are_put_stay_shared() -> None:
    report = analyze("INPUT 9x9x4 -> CONV3-4@a -> BN -> DECONV3-4(share=a, transposed=yes) -> CONV3-4(share=a)")
    conv = report.layers[1].layer
    changed = rewritten(report, {1: (KINDS["relu"](), conv, KINDS["bn"]())})
    assert changed is not None
    assert [row.shared_with for row in changed.layers[-2:]] == ["a-2", "a-2"]
    assert changed.totals.parameters == report.totals.parameters + 8
    assert rewritten(report, {1: (KINDS["bn"](),)}) is None


@pytest.mark.parametrize("pattern", PATTERNS)
def test_sums_where_other_layers_depend_on_the_changed_one(pattern: str) -> None:
    report = analyze(pattern)
    assert [found for seed in range(30) for found in differences(report, seed)] == []


def test_layers_that_keep_their_volume_are_changed_without_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    report = report_of("vgg16")
    changes = {row.index: (row.layer, KINDS["bn"]()) for row in report.layers if row.kind == "conv"}
    monkeypatch.setattr(rewriting, "account", None)
    assert rewritten_sum(report, changes, "parameters") == report.totals.parameters + 2 * 4224
