"""The trace and the moments that are read from a record are those of a replay with the bytes of the batch."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from cnncalc import analyze
from cnncalc.layers.memory import Size
from cnncalc.memory.curve import MomentRecorder
from cnncalc.memory.profiles import PROFILES
from cnncalc.memory.replay import PLAIN, Machine
from cnncalc.memory.report import Options, Simulation, account_memory
from cnncalc.memory.tape import Measured
from tests.nets import report_of

if TYPE_CHECKING:
    from typing import Any

    from cnncalc.analysis.report import Report

SHARED = "INPUT 9x9x4 -> CONV3-4@a -> BN -> [CONV3-4(share=a) -> RELU | ] -> ADD -> CONV1-4@b -> CONV1-4(share=b)"
HEADS = "INPUT 8x8x8 -> LRN -> [CONV3-8 -> SILU | ABS | ] -> ADD(in_place=yes) -> SEQUENCE -> LN -> ATTENTION-2 -> FC-5"
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"batch": 3, "optimizer": "adam", "zero_grad": "before-backward"},
    {"batch": 2, "zero_grad": "zeros"},
    {"accumulate": 3, "image_batches": 2},
    {"batch": 5, "checkpoint": "blocks"},
    {"checkpoint": "sqrt", "zero_grad": "zeros"},
    {"batch": 2, "autocast": "bfloat16", "checkpoint": "blocks"},
    {"dtype": "float16"},
)


def differences(report: Report, options: Options) -> list[str]:
    """What differs between a record and a replay, in training and inference."""
    simulation, found = Simulation(report, options), []
    for training in (True, False):
        one = simulation.at(options.batch, training=training)
        segments = one.segments(options.batch) if training else ()
        loop = one.loop_options(segments) if training else PLAIN
        expected = one.machine(Machine, options.batch, segments, training=training, logs=True).run(training=training)
        machine = one.machine(MomentRecorder, options.batch, segments, training=training)
        machine.run(training=training)
        record = one.record(loop, segments, training=training)

        measure = Measured(partial(Size.at, batch=options.batch, rounding=one.profile.rounding)).__getitem__
        if record.trace(measure, logs=True) != expected:
            found.append(f"trace, training={training}")
        if list(record.moments(measure).items()) != list(machine.moments.items()):
            found.append(f"moments, training={training}")
        if record.after_backward(measure) != expected.after_backward:
            found.append(f"after backward, training={training}")
    return found


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("pattern", [SHARED, HEADS])
def test_a_record_is_a_replay(pattern: str, options: dict[str, Any], profile: str) -> None:
    if profile != "numpy" or "autocast" not in options:
        assert differences(analyze(pattern), Options(profile=profile, **options)) == []


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("net", ["densenet121", "googlenet-aux", "mobilenet-v3-large", "segnet", "swin-t", "vit-b-16"])
def test_records_of_named_nets_are_replays(net: str, options: dict[str, Any]) -> None:
    for profile in ("torch-cuda", "torch-cpu"):
        assert differences(report_of(net), Options(profile=profile, **options)) == []


def test_a_memory_report_replays_training_and_inference_once(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []
    run = Machine.run

    def counted(machine: Machine, *, training: bool) -> object:
        runs.append(type(machine).__name__)
        return run(machine, training=training)

    monkeypatch.setattr(Machine, "run", counted)
    account_memory(report_of("lenet5"), logs=True, details=False)
    assert runs == ["Recorder", "Recorder"]
