"""Random nets with options of training, measured in PyTorch and compared with the computed figures.

    trial = random_trial(seed)              # the same seed gives the same trial
    differences(trial)                      # what is computed beside what is measured

The nets are those of :mod:`tests.random_volumes`, as far as PyTorch has their layers: every kind but OPAQUE on one to
three sides, with frozen and shared parts, in place and not. They are trained with every optimizer, checkpointed and
not, in float32, bfloat16 and under autocast, in the profiles ``torch-cpu`` and ``torch-fake``.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import cnncalc
from cnncalc.memory.optimizers import OPTIMIZERS
from cnncalc.memory.report import Options, account_memory
from tests.random_volumes import random_net

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report

FIGURES = ("peak", "first step", "after forward", "after backward", "saved", "inference")


class Trial(NamedTuple):
    """A net and how it is trained."""

    pattern: str
    options: Options

    @property
    def habits(self) -> dict[str, Any]:
        """The options that differ from their defaults."""
        return {name: value for name, value in self.options._asdict().items() if value != getattr(Options(), name)}


def random_trial(seed: int) -> Trial:
    """The trial of a seed."""
    pick = Random(seed)  # noqa: S311
    report = None
    while report is None or not all(map(is_in_pytorch, report.layers)):
        pattern = random_net(pick.randrange(10**9), without=("opaque",)).pattern
        report = cnncalc.analyze(pattern)
    options = Options(pick.choice(("torch-cpu", "torch-fake")), batch=pick.choice((1, 2, 2, 2, 3)))
    if pick.random() < 0.4:
        options = options._replace(dtype="bfloat16")
    elif pick.random() < 0.4:
        options = options._replace(autocast="bfloat16")
    form = pick.random()
    if form < 0.5:
        options = options._replace(optimizer=pick.choice(list(OPTIMIZERS)), weight_decay=pick.random() < 0.3)
    if pick.random() < 0.2:
        options = options._replace(zero_grad=pick.choice(("zeros", "before-backward")))
    elif pick.random() < 0.1:
        options = options._replace(accumulate=2)
    if pick.random() < 0.3:
        options = options._replace(checkpoint=segments(pick, report))
    if pick.random() < 0.1:
        options = options._replace(accumulate=2)
    return Trial(pattern, options)


def is_in_pytorch(row: LayerReport) -> bool:
    """Whether PyTorch has the layer, alone or composed as :mod:`tests.memory.torch_composed` does.

    It has no connection tables, no LRN within a map, no padded norm pool that rounds up, and no pool that rounds up
    and has other pads at the ends than at the beginnings.
    """
    layer: Any = row.layer
    keys = layer.written()
    if row.kind in ("pool", "avgpool", "lppool") and keys.get("round") == "ceil" and layer.pad != 0:
        half = 0 if isinstance(layer.pad, str) else len(layer.pad) // 2
        return row.kind != "lppool" and not isinstance(layer.pad, str) and layer.pad[:half] == layer.pad[half:]
    return "connections" not in keys and keys.get("region") != "within"


def segments(pick: Random, report: Report) -> str:
    """Ranges of layers that are not outputs."""
    rows = report.layers
    read = {source for row in rows for source in row.sources}
    names = [row.name for row in rows if row.sources and row.index in read]
    if not names:
        return "none"
    places = sorted(pick.sample(range(len(names)), min(len(names), pick.choice((1, 2, 2, 2, 4)))))
    if len(places) % 2:
        places.append(places[-1])
        places.sort()
    pairs = zip(places[::2], places[1::2], strict=True)
    return ",".join(f"{names[first]}..{names[last]}" for first, last in pairs)


def computed(report: Report, options: Options) -> list[int]:
    """The figures as computed; ``saved`` is -1 under checkpointing."""
    account = account_memory(report, options, details=False)
    training = account.training
    return [
        training.peak_bytes,
        training.first_step_peak_bytes,
        training.after_forward_bytes,
        training.after_backward_bytes,
        training.saved_bytes if options.checkpoint == "none" else -1,
        account.inference.peak_bytes,
    ]


def measured(report: Report, options: Options) -> list[int]:
    """The figures as PyTorch has them."""
    from cnncalc.memory.segments import segments_of
    from tests.memory.torch_oracle import Habits, measure_cpu, measure_fake

    segments = tuple((segment.first, segment.last) for segment in segments_of(report, options.checkpoint))
    habits = Habits(
        options.batch,
        options.dtype,
        options.optimizer,
        options.weight_decay,
        options.style,
        options.autocast,
        options.zero_grad,
        options.accumulate,
        segments,
    )
    measure = measure_cpu if options.profile == "torch-cpu" else measure_fake
    return list(measure(report, habits))
