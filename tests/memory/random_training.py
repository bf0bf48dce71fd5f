"""Random nets with ways to train them, each measured in PyTorch and compared with what is computed.

    trial = random_trial(seed)              # the same seed gives the same trial
    differences(trial)                      # what is computed beside what is measured

Every kind that PyTorch has occurs, alone and in forks, with frozen parts, in place and not, checkpointed, in all data
types and with every optimizer, in the profiles ``torch-cpu`` and ``torch-fake``.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import cnncalc
from cnncalc.memory.optimizers import OPTIMIZERS
from cnncalc.memory.report import Options, account_memory

if TYPE_CHECKING:
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

Size = tuple[int, int, int]


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

    def trial(self) -> Trial:
        pick = self.random
        size = (pick.randint(4, 9), pick.randint(4, 9), pick.randint(1, 5))
        parts = ["INPUT {}x{}x{}".format(*size)]
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
        pick, depth = self.random, size[2]
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
        pick, (height, width, depth) = self.random, size
        filters = pick.randint(1, 6)
        form = pick.randint(0, 26)
        if form <= 3:
            kernel, bias = pick.choice((1, 3)), pick.choice(("", "(bias=no)"))
            return self.frozen(f"CONV{kernel}-{filters}{bias}"), (height, width, filters)
        if form == 4:
            stride = pick.choice((1, 2))
            after = tuple(-(-side // stride) for side in (height, width))
            return self.frozen(f"CONV3-{filters}/{stride}(pad=same)"), (after[0], after[1], filters)
        if form == 5:
            groups = pick.choice([part for part in range(1, depth + 1) if depth % part == 0])
            filters *= groups
            return self.frozen(f"CONV3-{filters}(groups={groups})"), (height, width, filters)
        if form == 6:
            multiplier = pick.randint(1, 2)
            after = (-(-height // 2), -(-width // 2), depth * multiplier)
            return self.frozen(f"DWCONV3-{multiplier}/2"), after
        if form == 7 and max(height, width) < 10:
            return self.frozen(f"DECONV2-{filters}/2"), (2 * height, 2 * width, filters)
        if form == 8 and min(height, width) > 1:
            return self.frozen(f"DECONV3-{filters}/1(pad=[1, 0, 1, 2])"), (height, width, filters)
        if form <= 10 and min(height, width) > 1:
            kind = pick.choice(("POOL", "AVGPOOL", "LPPOOL", "SUBSAMPLE"))
            text = f"{kind}2"
            return self.frozen(text) if kind == "SUBSAMPLE" else text, (height // 2, width // 2, depth)
        if form == 11:
            rows, columns = pick.randint(1, height), pick.randint(1, width)
            return f"{pick.choice(('POOL', 'AVGPOOL'))}(output={rows}x{columns})", (rows, columns, depth)
        if form == 12 and max(height, width) < 10:
            mode = pick.choice(("", "(mode=bilinear)"))
            return f"UPSAMPLE2{mode}", (height * 2, width * 2, depth)
        if form == 13 and min(height, width) > 2:
            top, left, bottom, right = (pick.randint(-1, 1) for _ in range(4))
            return f"PAD([{top}, {left}, {bottom}, {right}])", (height + top + bottom, width + left + right, depth)
        if form == 14 and depth > 1:
            first = pick.randint(0, depth - 1)
            last = pick.randint(first + 1, depth)
            return f"SLICE({first}, to={last})", (height, width, last - first)
        if form == 15:
            if pick.random() < 0.5:
                return f"RESHAPE {width}x{height}x{depth}", (width, height, depth)
            return f"RESHAPE 1x{width}x{height * depth}", (1, width, height * depth)
        if form == 16 and pick.random() < 0.3:
            return pick.choice(("GAP", "GMP")), (1, 1, depth)
        if form == 17 and pick.random() < 0.3:
            return self.frozen(f"FC-{filters}"), (1, 1, filters)
        if form == 17 and pick.random() < 0.3:
            return "FLATTEN", (1, 1, height * width * depth)
        if form == 18 and height * width * depth < 200 and pick.random() < 0.3:
            return f"RBF-{filters}", (1, 1, filters)
        return self.keeping(size), size

    def fork(self, size: Size, depth: int) -> tuple[str, Size]:
        pick = self.random
        merge = pick.choice(("ADD", "ADD(in_place=yes)", "MUL", "MUL(in_place=yes)", "CONCAT", "CONCAT", "squeeze"))
        if merge == "squeeze":
            pool, kind = pick.choice(("GAP", "GMP")), pick.choice(("MUL", "ADD"))
            return f"[ | {pool} -> CONV1-{size[2]} -> SIGMOID] -> {kind}", size
        branches, total = [], 0
        for _ in range(pick.choice((2, 2, 3))):
            items = [self.keeping(size) for _ in range(pick.randint(0, 2))]
            channels = size[2]
            if merge == "CONCAT" and pick.random() < 0.5:
                channels = pick.randint(1, 4)
                items.append(self.frozen(f"CONV3-{channels}"))
            branches.append(" -> ".join(items))
            total += channels
        text = "[" + " | ".join(branches) + f"] -> {merge}"
        return text, (size[0], size[1], total if merge == "CONCAT" else size[2])

    def reference(self, size: Size, depth: int) -> tuple[str, Size]:
        pick = self.random
        label = self.label()
        inner = [self.keeping(size) for _ in range(pick.randint(1, 2))]
        begin = pick.choice(("IDENTITY", "RELU", f"CONV1-{size[2]}"))
        if pick.random() < 0.5:
            return f"{begin}{label} -> {' -> '.join(inner)} -> {pick.choice(('ADD', 'MUL'))}({label})", size
        text = f"{begin}{label} -> {' -> '.join(inner)} -> CONCAT({label})"
        return text, (size[0], size[1], 2 * size[2])

    def tail(self, size: Size) -> tuple[list[str], Size]:
        pick, form = self.random, self.random.randint(0, 7)
        units = pick.randint(2, 9)
        if form == 0:
            return ["GAP"], (1, 1, size[2])
        if form == 1:
            return [f"CONV1-{units}"], (*size[:2], units)
        if form == 2:
            return [f"CONV1-{units}", "GAP", "SOFTMAX"], (1, 1, units)
        if form == 3:
            return ["FLATTEN", f"FC-{units}"], (1, 1, units)
        if form == 4:
            return ["GAP", f"FC-{units}"], (1, 1, units)
        return [f"FC-{units}"], (1, 1, units)


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
