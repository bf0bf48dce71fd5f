"""Nets for Ethos-U: those for chips, and random ones of all that its compiler handles in a way of its own."""

from __future__ import annotations

from random import Random

from tests.memory.tflm_nets import every_net

NETS = {
    "mean of tall maps": "INPUT 100x40x6 -> CONV3-9 -> GAP -> FC-3",
    "mean in two parts": "INPUT 100x80x6 -> CONV3-9 -> GAP -> FC-3",
    "mean in five parts": "INPUT 300x40x20 -> GAP -> FC-3",
    "upsampling three times": "INPUT 10x10x6 -> CONV3-9 -> UPSAMPLE8 -> CONV1-20",
    "upsampling into a part": "INPUT 10x12x6 -> CONV3-9 -> [UPSAMPLE4 | CONV3-5 -> UPSAMPLE4] -> CONCAT -> CONV1-3",
    "bilinear": "INPUT 10x12x6 -> CONV3-9 -> UPSAMPLE4(mode=bilinear) -> RELU -> CONV1-3",
    "patches": "INPUT 64x64x3 -> CONV16-24/16(pad=0) -> RELU -> CONV1-3",
    "average of all": "INPUT 30x30x20 -> AVGPOOL15 -> RELU -> FC-3",
    "softmax of a map": "INPUT 8x8x4 -> CONV1-32 -> SOFTMAX -> CONV1-2",
    "dense at each position": "INPUT 8x8x4 -> LINEAR-8 -> RELU -> LINEAR-5 -> SOFTMAX",
    "sequence": "INPUT 50x40 -> LINEAR-8 -> RELU -> LINEAR-3",
    "two softmaxes": "INPUT 5x5x3 -> [FC-3 -> SOFTMAX | FC-3 -> SOFTMAX] -> CONCAT",
    "functions alone": "INPUT 7x7x3 -> RELU -> RELU6 -> SIGMOID",
    "input twice": "INPUT 5x5x3@x -> CONV1-3 -> ADD(@x)",
    "copy of the input": "INPUT 5x5x3@x -> [ | ] -> CONCAT",
    "padding alone": "INPUT 5x5x3 -> PAD(pad=1)",
    "padding for two": "INPUT 15x15x3 -> PAD(pad=2) -> [CONV3-4(pad=0) | CONV3-4(pad=0)] -> CONCAT",
    "padding before a mean": "INPUT 33x21x5 -> CONV3-5 -> PAD(pad=[1, 0, 2, 1]) -> GAP -> FC-3",
    "padding before a tall mean": "INPUT 70x21x5 -> CONV3-5 -> PAD(pad=[1, 0, 2, 1]) -> GAP -> FC-3",
    "padding of the depth": "INPUT 5x5x3 -> PAD(pad=0, depth=[2, 3]) -> CONV1-4",
    "concatenation of rows": "INPUT 12x12x6 -> [CONV1-4 | CONV1-4] -> CONCAT(axis=height) -> CONV1-3",
    "one input channel": "INPUT 12x12x1 -> DWCONV3(multiplier=8) -> RELU",
    "groups of one": "INPUT 12x12x6 -> CONV3-6(groups=6) -> RELU",
    "two groups": "INPUT 12x12x64 -> CONV3-64(groups=2) -> RELU -> CONV1-5",
    "inception": "INPUT 24x24x16 -> [[CONV1-16 -> RELU | CONV3-16 -> RELU | CONV5-16 | POOL3/1(pad=1) -> CONV1-16] -> "
    "CONCAT]*2 -> GAP -> FC-2",
    "wide kernel": "INPUT 300x1 -> CONV80-8/2(pad=0) -> RELU -> CONV3-4",
}  # fmt: skip


def random_net(seed: int) -> str:
    """A random net of what the compiler joins, splits or writes in place."""
    random = Random(seed)  # noqa: S311 (a test net)
    parts = [f"INPUT {random.randint(6, 80)}x{random.randint(6, 80)}x{random.choice([1, 2, 3, 4, 8, 16, 17])}"]
    parts += [_part(random) for _ in range(random.randint(1, 7))]
    return " -> ".join([*parts, random.choice(ENDS)])


ENDS = (
    "FC-9", "GAP -> FC-5 -> SOFTMAX", "GAP", "SOFTMAX", "[GAP -> FC-3@label | CONV1-2@mask]", "GAP -> SOFTMAX",
    "FLATTEN -> FC-64 -> RELU -> FC-10", "LINEAR-9 -> RELU -> GAP", "CONV1-6 -> SOFTMAX",
)  # fmt: skip


def _part(random: Random) -> str:
    """One layer or block with an activation function."""
    wide = random.choice([2, 3, 4, 6, 7, 8, 12, 16, 20, 24, 32, 40, 48])
    kernel, stride = random.choice([1, 2, 3, 5, 7]), random.choice([1, 1, 2, 3])
    functions = ["", " -> RELU", " -> RELU6", " -> HSWISH", " -> TANH -> CONV1-5", " -> BN", " -> SILU", " -> ELU"]
    then = random.choice(functions)
    return random.choice(
        [
            f"CONV{kernel}-{wide}/{stride}{then}",
            f"DWCONV{kernel}/{stride}{then}",
            f"[CONV3-{wide} -> RELU | CONV1-{wide}] -> ADD{then}",
            f"[CONV1-{wide} -> RELU | CONV3-{random.choice([1, 4, 8, 16])} | ] -> CONCAT{then}",
            f"[[CONV1-{wide} | CONV3-16 -> RELU] -> CONCAT | DWCONV3 -> RELU] -> CONCAT{then}",
            f"CONV1-{wide} -> [ | GAP -> CONV1-4 -> RELU -> CONV1-{wide} -> SIGMOID] -> MUL",
            f"PAD(pad={random.randint(0, 3)}) -> CONV{kernel}-{wide}/{stride}(pad=0){then}",
            f"POOL{kernel}/{stride}{then}",
            f"AVGPOOL2{then}",
            "UPSAMPLE2",
            f"DECONV{random.choice([2, 3, 4])}-{wide}/2(pad=same)",
            f"CONV1-16 -> CONV3-16(groups={random.choice([2, 4, 16])}){then}",
            f"[CONV3-{wide} -> RELU | CONV1-{wide}] -> SUB{then}",
            f"PAD(pad=[1, 0, 2, 1]){then}",
            f"CONV3-{wide}(dilation=2, pad=2){then}",
        ]
    )


def tangled_net(seed: int) -> str:
    """A random net whose volumes are read again much later, so that good places for them have to be searched."""
    random = Random(seed)  # noqa: S311 (a test net)
    text, names = "INPUT 9x9x3", []
    for number in range(random.randint(6, 16)):
        names.append(f"@v{number}")
        text += f" -> CONV{random.choice([1, 3])}-{random.choice([1, 3, 5, 9, 16, 17, 20, 33, 40, 50])}{names[-1]}"
        if len(names) > 2 and random.random() < 0.4:
            again = random.sample(names[:-1], random.randint(1, min(3, len(names) - 1)))
            text += f" -> CONCAT({', '.join([names[-1], *again])})"
    again = random.sample(names[:-1], min(4, len(names) - 1))
    return f"{text} -> CONV1-3@w -> CONCAT(@w, {', '.join(again)}) -> FC-3"


RANDOM = range(100)
"""The seeds of the random nets whose figures are in ``data/vela.json``, those that are designs."""
TANGLED = (56, 111, 118, 130, 161, 173, 229, 233, 330)
"""Those of nets whose places are searched in up to 5,069 rounds."""


def all_nets() -> dict[str, str]:
    """Every net by its name."""
    return {
        **every_net(),
        **NETS,
        **{f"compiled {seed}": random_net(seed) for seed in RANDOM},
        **{f"tangled {seed}": tangled_net(seed) for seed in TANGLED},
    }
