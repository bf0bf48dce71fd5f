"""Random valid designs as patterns, for tests of properties that every net has.

    design = random_design(seed)            # the same seed gives the same design
    design.text                             # "INPUT 9x14x3 -> [CONV3-7 -> BN -> RELU]*2 -> ..."
    design.output                           # (height, width, depth) of the last layer, by the arithmetic of this file

Every kind of layer occurs, heights and widths differ, and there are forks, merges, references, repeats with an index or
over a list, labels, optional and conditional items. ``without`` leaves out kinds that a test cannot use; ``items`` says
how long the outermost chain may be. The volumes stay small enough to run the net.
"""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from hypothesis import settings
from hypothesis import strategies as st

from cnncalc.layers import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

ACTIVATIONS = (
    *[cls.example.rpartition(" -> ")[2] for cls in KINDS.values() if cls.is_activation],
    "LRELU", "LRELU(0.2)", "ELU(0.7)", "RELU(in_place=no)", "elu", "Relu", "GELU(tanh)", "HSIGMOID(0.2)",
    "CLIP(-0.5, 0.25)", "NEG", "AFFINE(0.5, -1)",
)  # fmt: skip
SAME_SIZE = (
    "BN", "BN(scale=no)", "BN(stats=no, shift=no)", "LN", "LN(axes=depth)", "IN", "IN(scale=yes, shift=yes)", "LRN",
    "LRN3(alpha=0.001, beta=0.5, k=2)",
    "LRN(3, region=within)", "SCALE", "SCALE(shift=no)", "SCALE(shared=yes)", "DROPOUT", "DROPOUT(0.2)",
    "DROPOUT(0.2, whole=channel)", "DROPOUT(0.2, whole=image)", "NEG(in_place=yes)",
    "RMS", "RMS(axes=volume)", "L2NORM(scale=yes)", "GRN", "LN(eps=0.01)",
    "SOFTMAX", "IDENTITY", "POOL3/1(pad=1)", "AVGPOOL3/1(pad=1, count_pad=no)",
    "LPPOOL3/1(pad=same)", "POOL3/1(pad=same)", "BN(trainable=no)",
)  # fmt: skip

NOT_DRAWN = {
    *("sequence", "plane", "token", "position", "attention", "matmul", "window", "unwindow", "roll", "opaque"),
    *("permute", "reduce", "resize", "crop", "space2depth", "depth2space", "unpool", "linear", "local"),
}
"""Kinds that do not occur in these designs; :mod:`tests.layer_cases` has cases of each, and most are in named nets."""

Size = tuple[int, int, int]

seeds = st.integers(0, 10**6)
"""Seeds of designs, for ``hypothesis.given``."""


TIMES = int(os.environ.get("CNNCALC_EXAMPLES", "1"))
"""Factor for the number of random examples; ``python -m benchmarks.random_tests`` sets it."""


def examples(count: int) -> settings:
    """The same ``count`` examples on every run and machine; with ``CNNCALC_EXAMPLES`` more, different on each run."""
    return settings(derandomize=TIMES == 1, deadline=None, database=None, max_examples=count * TIMES)


def sample(values: Sequence[T], count: int) -> Sequence[T]:
    """The first ``count`` values, or all with ``CNNCALC_EXAMPLES``."""
    return values if TIMES > 1 else values[:count]


def fixed_seeds(count: int) -> range:
    """``count`` seeds, or more with ``CNNCALC_EXAMPLES``."""
    return range(count * TIMES)


class RandomDesign(NamedTuple):
    """A pattern and the volume that its last layer gives: height, width, depth."""

    text: str
    output: Size


def random_design(seed: int, *, items: int = 7, without: tuple[str, ...] = ()) -> RandomDesign:
    """The design of a seed. ``items`` bounds the outermost chain; ``without`` names kinds (lower case) to leave out."""
    writer = _Writer(Random(seed), without)  # noqa: S311
    return writer.design(items)


def kinds_of(text: str) -> set[str]:
    """The kinds (lower case) that a text of this file names; for tests of the generator itself."""
    import re

    words = re.findall(r"(?<![@\w.])[A-Za-z]+(?:2[A-Za-z]{3,})?[0-9]*", text)
    return {word.lower() if word.lower() == "relu6" else word.lower().rstrip("0123456789") for word in words}


class _Writer:
    def __init__(self, random: Random, without: tuple[str, ...]) -> None:
        self.random = random
        self.without = without
        self.labels = 0

    def design(self, items: int) -> RandomDesign:
        pick = self.random
        size = (pick.randint(5, 16), pick.randint(5, 16), pick.randint(1, 6))
        parts = [pick.choice(("INPUT {0}x{1}x{2}", "INPUT[{0}x{1}x{2}]", "INPUT({0}x{1}x{2})")).format(*size)]
        more, size = self.chain(size, pick.randint(1, items), 0)
        parts += more
        if pick.random() < 0.4:
            tail, size = self.tail(size)
            parts += tail
        arrow = pick.choice((" -> ", "->", " \u2192 ", "\n-> "))
        return RandomDesign(arrow.join(parts), size)

    def allowed(self, text: str) -> bool:
        return not kinds_of(text) & set(self.without)

    def label(self) -> str:
        self.labels += 1
        return f"@{self.random.choice('abc')}{self.labels}"

    def chain(self, size: Size, items: int, depth: int) -> tuple[list[str], Size]:
        parts: list[str] = []
        while len(parts) < items:
            form = self.random.random()
            before = self.labels
            if form < 0.55 or depth > 2:
                text, after = self.layer(size)
            elif form < 0.70:
                text, after = self.fork(size, depth)
            elif form < 0.80:
                text, after = self.reference(size, depth)
            elif form < 0.92:
                text, after = self.repeat(size, depth)
            else:
                text, after = self.option(size)
            if not self.allowed(text) or after[0] * after[1] * after[2] > 20_000:
                self.labels = before
                continue
            parts.append(text)
            size = after
        return parts, size

    def keeping(self, size: Size, items: int) -> list[str]:
        """Layers that leave the volume as it is."""
        pick, depth = self.random, size[2]
        parts: list[str] = []
        while len(parts) < items:
            text = pick.choice(
                (
                    pick.choice(ACTIVATIONS),
                    pick.choice(SAME_SIZE),
                    f"CONV{pick.choice((1, 3, 5))}-{depth}",
                    f"CONV1x3-{depth}(bias=no)",
                    f"CONV3-{depth}(dilation=2)",
                    "DWCONV3",
                    "DWCONV3x1(bias=no)",
                    f"GN{depth}",
                )
            )
            if self.allowed(text):
                parts.append(text)
        return parts

    def layer(self, size: Size) -> tuple[str, Size]:
        pick, (height, width, depth) = self.random, size
        choice = pick.randint(0, 14)
        filters = pick.randint(1, 9)
        if choice <= 2:
            return self.conv(size, filters)
        if choice == 3:
            return self.pool(size)
        if choice == 4 and max(height, width) <= 16:
            stride, kernel = pick.randint(1, 3), pick.randint(1, 4)
            out = [(side - 1) * stride + kernel for side in (height, width)]
            if min(out) <= 2:
                return f"DECONV{kernel}-{filters}/{stride}", (out[0], out[1], filters)
            text = f"DECONV{kernel}-{filters}/{stride}(pad=[1, 0], bias=no)"
            return text, (out[0] - 2, out[1], filters)
        if choice == 5 and max(height, width) <= 16:
            factor = pick.randint(1, 3)
            mode = pick.choice(("", "(mode=bilinear)"))
            return f"UPSAMPLE{factor}{mode}", (height * factor, width * factor, depth)
        if choice == 6 and depth > 1:
            first = pick.randint(0, depth - 2)
            last = pick.randint(first + 1, depth)
            return f"SLICE({first}, to={last})", (height, width, last - first)
        if choice == 7:
            top, left, bottom, right = (pick.randint(-1, 2) for _ in range(4))
            after = (height + top + bottom, width + left + right)
            if min(after) >= 1 and min(height, width) > 2:
                return f"PAD([{top}, {left}, {bottom}, {right}])", (*after, depth)
        if choice == 8:
            groups = pick.choice([part for part in range(1, depth + 1) if depth % part == 0])
            return f"SHUFFLE{groups}", size
        if choice == 9:
            multiplier = pick.randint(1, 3)
            return f"DWCONV3-{multiplier}/2", (-(-height // 2), -(-width // 2), depth * multiplier)
        if choice == 10:
            return f"RESHAPE {width}x{height}x{depth}", (width, height, depth)
        if choice == 13 and depth % 2 == 0:
            return "GLU", (height, width, depth // 2)
        if choice == 11 and min(height, width) >= 2:
            return "SUBSAMPLE2", (height // 2, width // 2, depth)
        if choice == 12:
            rows, columns = pick.randint(1, height), pick.randint(1, width)
            return f"{pick.choice(('POOL', 'AVGPOOL'))}(output={rows}x{columns})", (rows, columns, depth)
        return self.keeping(size, 1)[0] + (self.label() if pick.random() < 0.2 else ""), size

    def conv(self, size: Size, filters: int) -> tuple[str, Size]:
        pick, (height, width, depth) = self.random, size
        kernels = (pick.randint(1, min(5, height)), pick.randint(1, min(5, width)))
        strides = (pick.randint(1, 3), pick.randint(1, 3))
        groups = pick.choice([part for part in range(1, depth + 1) if depth % part == 0])
        filters *= groups
        text = f"CONV{kernels[0]}x{kernels[1]}-{filters}/{strides[0]}x{strides[1]}"
        pad = pick.choice(("0", "valid", "same", "[1, 2]", "[0, 1, 2, 1]"))
        if pad == "same":
            after = tuple(-(-side // stride) for side, stride in zip((height, width), strides, strict=True))
        else:
            sums = {"[1, 2]": (2, 4), "[0, 1, 2, 1]": (2, 2)}.get(pad, (0, 0))
            after = tuple(
                (side + more - kernel) // stride + 1
                for side, more, kernel, stride in zip((height, width), sums, kernels, strides, strict=True)
            )
        more = f", groups={groups}" if groups > 1 else ""
        return f"{text}(pad={pad}{more})", (after[0], after[1], filters)

    def pool(self, size: Size) -> tuple[str, Size]:
        pick, (height, width, depth) = self.random, size
        kernel = pick.randint(1, min(3, height, width))
        stride = pick.randint(1, 3)
        kind = pick.choice(("POOL", "AVGPOOL", "LPPOOL"))
        if pick.random() < 0.5:
            after = [(side - kernel) // stride + 1 for side in (height, width)]
            return f"{kind}{kernel}/{stride}", (after[0], after[1], depth)
        after = []
        for side in (height, width):
            steps = -(-(side - kernel) // stride) + 1
            after.append(steps - 1 if (steps - 1) * stride >= side else steps)
        return f"{kind}{kernel}/{stride}(round=ceil)", (after[0], after[1], depth)

    def fork(self, size: Size, depth: int) -> tuple[str, Size]:
        pick = self.random
        merge = pick.choice(("ADD", "MUL", "SUB", "DIV", "MAXIMUM", "MINIMUM", "MEAN", "CONCAT", "CONCAT", "squeeze"))
        if merge == "DIV":
            return "[ | SOFTPLUS] -> DIV", size
        if merge == "squeeze":
            pool = pick.choice(("GAP", "GMP"))
            return f"[ | {pool} -> CONV1-{size[2]} -> SIGMOID] -> MUL", size
        count = pick.randint(2, 3)
        branches, total = [], 0
        for _ in range(count):
            items = self.keeping(size, pick.randint(0, 3))
            channels = size[2]
            if merge == "CONCAT" and pick.random() < 0.6 and self.allowed("CONV"):
                channels = pick.randint(1, 6)
                items.append(f"CONV3-{channels}")
            if items and pick.random() < 0.2:
                items = ["[" + " -> ".join(items) + "]" + self.label()]
            branches.append(" -> ".join(items))
            total += channels
        text = "[" + " | ".join(branches) + f"] -> {merge}"
        return text, (size[0], size[1], total if merge == "CONCAT" else size[2])

    def reference(self, size: Size, depth: int) -> tuple[str, Size]:
        pick = self.random
        label, other = self.label(), self.label()
        inner = self.keeping(size, pick.randint(1, 3))
        begin = pick.choice(("IDENTITY", f"CONV1-{size[2]}")) if self.allowed("CONV") else "IDENTITY"
        form = pick.randint(0, 2)
        if form == 0:
            return f"{begin}{label} -> {' -> '.join(inner)} -> ADD({label})", size
        if form == 1:
            text = f"{begin}{label} -> {' -> '.join(inner)} -> CONCAT({label})"
            return text, (size[0], size[1], 2 * size[2])
        text = f"{begin}{label} -> {' -> '.join(inner)} -> IDENTITY{other} -> FROM({label}) -> RELU -> MUL({other})"
        return text, size

    def repeat(self, size: Size, depth: int) -> tuple[str, Size]:
        pick = self.random
        form = pick.randint(0, 4)
        times = pick.randint(0, 3)
        inner = " -> ".join(self.keeping(size, pick.randint(1, 3)))
        if form == 0:
            return f"[{inner}]*{times}", size
        if form == 1:
            return f"[{inner}]{self.label()}*{times}", size
        if form == 2 and self.allowed("CONV"):
            filters = [pick.randint(1, 7) for _ in range(pick.randint(1, 3))]
            listed = ", ".join(str(number) for number in filters)
            return f"[CONV3-w -> RELU]*[{listed}] as w", (size[0], size[1], filters[-1])
        if form == 3 and self.allowed("CONV"):
            last = size[2] if times == 0 else times + 1
            return f"[CONV3-{{i+2}}{self.label()}x{{i}} -> RELU]*{times} as i", (size[0], size[1], last)
        return f"[[ | {inner}] -> ADD -> RELU]*{times}", size

    def option(self, size: Size) -> tuple[str, Size]:
        pick = self.random
        inner = self.keeping(size, 1)[0]
        return f"{inner}{pick.choice(('?', '?{2 > 1}', '?{1 > 2}', '?no', '?yes'))}", size

    def tail(self, size: Size) -> tuple[list[str], Size]:
        pick = self.random
        parts: list[str] = []
        if pick.random() < 0.5 and self.allowed("FLATTEN"):
            parts.append("FLATTEN")
        if not self.allowed("FC"):
            return parts, (1, 1, size[0] * size[1] * size[2]) if parts else size
        units = pick.randint(1, 20)
        parts += [f"FC-{pick.randint(1, 30)}", "RELU", "DROPOUT", f"FC({units}, bias=no)"]
        if pick.random() < 0.3 and self.allowed("RBF"):
            units = pick.randint(1, 5)
            parts.append(f"RBF-{units}")
        return [part for part in parts if self.allowed(part)], (1, 1, units)
