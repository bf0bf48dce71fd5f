"""Random nets with options of training, measured in PyTorch and compared with the computed figures.

    trial = random_trial(seed)              # the same seed gives the same trial
    differences(trial)                      # what is computed beside what is measured

The nets have one to three sides, every kind that PyTorch has, forks, frozen parts, layers in place, checkpointing, all
data types and optimizers; the profiles are ``torch-cpu`` and ``torch-fake``.
"""

from __future__ import annotations

from math import prod
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import cnncalc
from cnncalc.memory.optimizers import OPTIMIZERS
from cnncalc.memory.report import Options, account_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report

FIGURES = ("peak", "first step", "after forward", "after backward", "saved", "inference")

ACTIVATIONS = (
    "RELU", "RELU", "RELU6", "SIGMOID", "TANH", "GELU", "SILU", "HSWISH", "HSIGMOID", "LRELU", "LRELU(-0.2)",
    "ELU(0.7)", "SOFTPLUS", "PRELU", "RELU(in_place=no)", "SIGMOID(in_place=no)", "HSWISH(in_place=no)",
    "ELU(in_place=no)",
)  # fmt: skip
PER_ELEMENT = ("DROPOUT", "DROPOUT(0.2, in_place=yes)", "IDENTITY", "SOFTMAX", "SCALE", "SCALE(shift=no)")
NORMS = (
    "BN", "BN(scale=no)", "BN(shift=no)", "BN(scale=no, shift=no)", "BN(stats=no)", "BN(stats=no, shift=no)", "LN",
    "LN(axes=depth)", "LN(axes=depth)", "LN(axes=depth, shift=no)", "LN(scale=no)", "IN", "IN(scale=yes, shift=yes)",
    "IN(shift=yes)", "LRN3",
)  # fmt: skip

LARGEST = {1: 30, 2: 9, 3: 5}
"""Largest size of a side, by the number of sides."""

Size = tuple[int, ...]
"""The sides, then the depth."""


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
    return _Writer(Random(seed)).trial()  # noqa: S311


class _Writer:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.labels = 0
        self.sides = self.largest = 0

    def trial(self) -> Trial:
        pick = self.random
        self.sides = pick.choice((1, 2, 3))
        self.largest = LARGEST[self.sides]
        size: Size = (
            *[pick.randint(min(4, self.largest // 2), self.largest) for _ in range(self.sides)],
            pick.randint(1, 5),
        )
        parts = [f"INPUT {written(size)}"]
        more, size = self.chain(size, pick.choice((1, 2, 2, 3, 3, 4, 6)))
        parts += more
        tail, size = self.tail(size)
        parts += tail
        profile = pick.choice(("torch-cpu", "torch-fake"))
        options = Options(profile, batch=pick.choice((1, 2, 2, 2, 3)))
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
        pattern = " -> ".join(parts)
        if pick.random() < 0.3:
            options = options._replace(checkpoint=self.segments(pattern))
        return Trial(pattern, options)

    def segments(self, pattern: str) -> str:
        """Ranges of layers that are not outputs."""
        pick = self.random
        rows = cnncalc.analyze(pattern).layers
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

    def label(self) -> str:
        self.labels += 1
        return f"@x{self.labels}"

    def chain(self, size: Size, items: int, depth: int = 0) -> tuple[list[str], Size]:
        parts: list[str] = []
        for _ in range(items):
            form = self.random.random()
            if form < 0.75 or depth > 1:
                text, size = self.layer(size)
            elif form < 0.92:
                text, size = self.fork(size, depth)
            else:
                text, size = self.reference(size, depth)
            parts.append(text)
        return parts, size

    def frozen(self, text: str) -> str:
        """The layer, sometimes frozen."""
        if self.random.random() > 0.25:
            return text
        return f"{text[:-1]}, trainable=no)" if text.endswith(")") else f"{text}(trainable=no)"

    def keeping(self, size: Size) -> str:
        """A layer that leaves the volume as it is."""
        pick, depth = self.random, size[-1]
        groups = pick.choice([part for part in range(1, depth + 1) if depth % part == 0])
        form = pick.random()
        if form < 0.35:
            text = pick.choice(ACTIVATIONS)
            return self.frozen(text) if text == "PRELU" else text
        if form < 0.5:
            text = pick.choice(PER_ELEMENT)
            return self.frozen(text) if text.startswith("SCALE") else text
        if form < 0.75:
            text = pick.choice((*NORMS, f"GN{groups}", f"GN({groups}, scale=no)"))
            return text if text.startswith("LRN") else self.frozen(text)
        if form < 0.85:
            return self.frozen(f"CONV{pick.choice((1, 3, 3))}-{depth}")
        return pick.choice(
            (
                self.frozen("DWCONV3"),
                "POOL3/1(pad=1)",
                "AVGPOOL3/1(pad=1)",
                "LPPOOL3/1(pad=1)",
                "POOL3/1(pad=same)",
                f"SHUFFLE{groups}",
                "UPSAMPLE1",
                "PAD(0)",
            )
        )

    def layer(self, size: Size) -> tuple[str, Size]:
        pick, (*sides, depth) = self.random, size
        ones = (1,) * len(sides)
        filters = pick.randint(1, 6)
        form = pick.randint(0, 26)
        if form <= 3:
            kernel, bias = pick.choice((1, 3)), pick.choice(("", "(bias=no)"))
            return self.frozen(f"CONV{kernel}-{filters}{bias}"), (*sides, filters)
        if form == 4:
            stride = pick.choice((1, 2))
            return self.frozen(f"CONV3-{filters}/{stride}(pad=same)"), (
                *[-(-side // stride) for side in sides],
                filters,
            )
        if form == 5:
            groups = pick.choice([part for part in range(1, depth + 1) if depth % part == 0])
            filters *= groups
            return self.frozen(f"CONV3-{filters}(groups={groups})"), (*sides, filters)
        if form == 6:
            multiplier = pick.randint(1, 2)
            return self.frozen(f"DWCONV3-{multiplier}/2"), (*[-(-side // 2) for side in sides], depth * multiplier)
        if form == 7 and max(sides) <= self.largest:
            return self.frozen(f"DECONV2-{filters}/2"), (*[2 * side for side in sides], filters)
        if form == 8 and min(sides) > 1:
            firsts, lasts = (1, 0, 2)[: len(sides)], (1, 2, 0)[: len(sides)]
            return self.frozen(f"DECONV3-{filters}/1(pad={[*firsts, *lasts]})"), (*sides, filters)
        if form <= 10 and min(sides) > 1:
            kind = pick.choice(("POOL", "AVGPOOL", "LPPOOL", "SUBSAMPLE"))
            text = f"{kind}2"
            return self.frozen(text) if kind == "SUBSAMPLE" else text, (*[side // 2 for side in sides], depth)
        if form == 11:
            bins = [pick.randint(1, side) for side in sides]
            return f"{pick.choice(('POOL', 'AVGPOOL'))}(output={written(bins)})", (*bins, depth)
        if form == 12 and max(sides) <= self.largest:
            mode = pick.choice(("", "(mode=bilinear)"))
            return f"UPSAMPLE2{mode}", (*[side * 2 for side in sides], depth)
        if form == 13 and min(sides) > 2:
            pads = [pick.randint(-1, 1) for _ in range(2 * len(sides))]
            padded = [side + pads[place] + pads[place + len(sides)] for place, side in enumerate(sides)]
            return f"PAD({pads})", (*padded, depth)
        if form == 14 and depth > 1:
            first = pick.randint(0, depth - 1)
            last = pick.randint(first + 1, depth)
            return f"SLICE({first}, to={last})", (*sides, last - first)
        if form == 15:
            after = (*sides[::-1], depth) if pick.random() < 0.5 else (*ones[1:], sides[-1], prod(sides[:-1]) * depth)
            return f"RESHAPE {written(after)}", after
        if form == 16 and pick.random() < 0.3:
            return pick.choice(("GAP", "GMP")), (*ones, depth)
        if form == 17 and pick.random() < 0.3:
            return self.frozen(f"FC-{filters}"), (*ones, filters)
        if form == 17 and pick.random() < 0.3:
            return "FLATTEN", (*ones, prod(size))
        if form == 18 and prod(size) < 200 and pick.random() < 0.3:
            return f"RBF-{filters}", (*ones, filters)
        return self.keeping(size), size

    def fork(self, size: Size, depth: int) -> tuple[str, Size]:
        pick = self.random
        merge = pick.choice(("ADD", "ADD(in_place=yes)", "MUL", "MUL(in_place=yes)", "CONCAT", "CONCAT", "squeeze"))
        if merge == "squeeze":
            pool, kind = pick.choice(("GAP", "GMP")), pick.choice(("MUL", "ADD"))
            return f"[ | {pool} -> CONV1-{size[-1]} -> SIGMOID] -> {kind}", size
        branches, total = [], 0
        for _ in range(pick.choice((2, 2, 3))):
            items = [self.keeping(size) for _ in range(pick.randint(0, 2))]
            channels = size[-1]
            if merge == "CONCAT" and pick.random() < 0.5:
                channels = pick.randint(1, 4)
                items.append(self.frozen(f"CONV3-{channels}"))
            branches.append(" -> ".join(items))
            total += channels
        text = "[" + " | ".join(branches) + f"] -> {merge}"
        return text, (*size[:-1], total if merge == "CONCAT" else size[-1])

    def reference(self, size: Size, depth: int) -> tuple[str, Size]:
        pick = self.random
        label = self.label()
        inner = [self.keeping(size) for _ in range(pick.randint(1, 2))]
        begin = pick.choice(("IDENTITY", "RELU", f"CONV1-{size[-1]}"))
        if pick.random() < 0.5:
            return f"{begin}{label} -> {' -> '.join(inner)} -> {pick.choice(('ADD', 'MUL'))}({label})", size
        text = f"{begin}{label} -> {' -> '.join(inner)} -> CONCAT({label})"
        return text, (*size[:-1], 2 * size[-1])

    def tail(self, size: Size) -> tuple[list[str], Size]:
        pick, form = self.random, self.random.randint(0, 7)
        units = pick.randint(2, 9)
        ones = (1,) * (len(size) - 1)
        if form == 0:
            return ["GAP"], (*ones, size[-1])
        if form == 1:
            return [f"CONV1-{units}"], (*size[:-1], units)
        if form == 2:
            return [f"CONV1-{units}", "GAP", "SOFTMAX"], (*ones, units)
        if form == 3:
            return ["FLATTEN", f"FC-{units}"], (*ones, units)
        if form == 4:
            return ["GAP", f"FC-{units}"], (*ones, units)
        return [f"FC-{units}"], (*ones, units)


def written(size: Sequence[int]) -> str:
    """Sizes as patterns have them: ``5x9x3``."""
    return "x".join(map(str, size))


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
