"""A tape with the operations of equal layers repeated is the one in which each layer is lowered by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cnncalc import DesignError, analyze
from cnncalc.layers import KINDS
from cnncalc.memory.builder import MANY, TapeBuilder
from cnncalc.memory.lowering import lower
from cnncalc.memory.profiles import PROFILES
from tests.nets import report_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.analysis.report import Report

SLOW_NETS = ("densenet121", "mobilenet-v2", "resnet18", "swin-t", "unet3d", "vit-b-16")
TYPES = (("float32", None), ("float32", "bfloat16"), ("float16", None))


def tapes(report: Report) -> Iterator[Any]:
    """The tapes of a net for every profile, in several data types, or the error."""
    for profile in PROFILES.values():
        for dtype, autocast in TYPES:
            for training in (True, False):
                for images in (1, MANY):
                    yield lower(report, profile, dtype=dtype, training=training, autocast=autocast, images=images)


def check(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(tapes(report))
    with monkeypatch.context() as patch:
        patch.setattr(TapeBuilder, "_key", lambda *_: None)
        assert list(tapes(report)) == found


def repeated(example: str) -> Iterator[Report]:
    """Nets with the layers of an example several times, also as branches and behind layers of other orders."""
    first, _, layers = example.partition(" -> ")
    for pattern in (
        f"{first} -> [{layers}]*3",
        f"{first} -> [[{layers} | ] -> ADD]*3 -> [[{layers} | {layers}] -> CONCAT]*2",
        f"{first} -> [RELU -> BN -> DROPOUT -> {layers}]*3 -> LN -> [RELU -> BN -> {layers} -> DROPOUT]*3 -> FC-5",
    ):
        try:
            yield analyze(pattern)
        except DesignError:  # not every layer takes its own output
            continue


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind, layer in KINDS.items() if layer.example])
def test_repeated_layers_of_every_kind_have_the_same_tape(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for report in repeated(KINDS[kind].example):
        check(report, monkeypatch)


@pytest.mark.parametrize("net", ["squeezenet", *[pytest.param(net, marks=pytest.mark.slow) for net in SLOW_NETS]])
def test_named_nets_have_the_same_tape(net: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check(report_of(net), monkeypatch)


def test_most_layers_of_a_deep_net_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    report = analyze("INPUT 8x8x4 -> [[CONV3-4 -> BN -> RELU -> CONV3-4 -> BN | ] -> ADD -> RELU]*50")
    lowered = []
    for kind in ("conv", "bn", "relu", "add"):
        lower_one = KINDS[kind].lower

        def lower_and_note(layer: Any, *call: Any, lower_one: Any = lower_one) -> int:
            lowered.append(layer)
            result: int = lower_one(layer, *call)
            return result

        monkeypatch.setattr(KINDS[kind], "lower", lower_and_note)
    lower(report, PROFILES["torch-cuda"], dtype="float32", training=True)
    assert len(lowered) < 20
