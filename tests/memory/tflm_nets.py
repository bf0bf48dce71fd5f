"""Nets for chips: chains, shortcuts, concatenations, pools, depthwise and fully-connected layers, and random ones."""

from __future__ import annotations

from pathlib import Path
from random import Random


def _read() -> dict[str, str]:
    """The patterns of the file, by name."""
    text = (Path(__file__).parent / "data" / "tflm_nets.txt").read_text(encoding="utf-8")
    return dict(line.split(": ", 1) for line in text.splitlines())


NETS = _read()
"""Forty nets and one, with the figures of the package in ``data/tflm.json``."""


def random_net(seed: int) -> str:
    """A random net of layers that chips run."""
    random = Random(seed)  # noqa: S311 (a test net)
    depth = random.randint(1, 8)
    height, width = random.randint(12, 40), random.randint(12, 40)
    parts = [f"INPUT {height}x{width}x{depth}"]
    for _ in range(random.randint(2, 9)):
        wide = random.randint(2, 24)
        activation = random.choice(["RELU", "RELU6", "HSWISH", "BN -> RELU", "LRELU", ""])
        stride = random.choice([1, 1, 1, 2]) if min(height, width) > 8 else 1
        choice = random.randint(0, 6)
        if choice == 0:
            part = f"CONV{random.choice([1, 3, 5])}-{wide}/{stride}"
        elif choice == 1:
            part, wide = f"DWCONV3/{stride}", depth
        elif choice == 2:
            part, wide, stride = f"[CONV3-{depth} | ] -> ADD", depth, 1
        elif choice == 3:
            part, wide, stride = f"[CONV1-{wide} | CONV3-{wide}] -> CONCAT", 2 * wide, 1
        elif choice == 4 and min(height, width) > 8:
            part, wide, stride = random.choice(["POOL2", "AVGPOOL2"]), depth, 2
        else:
            part, stride = f"CONV3-{wide}", 1
        height, width, depth = -(-height // stride), -(-width // stride), wide
        parts += [part, activation] if activation else [part]
    parts += [random.choice(["GAP", "FLATTEN"]), f"FC-{random.randint(2, 40)}"]
    return " -> ".join([*parts, "SOFTMAX"] if random.random() < 0.5 else parts)


RANDOM = range(20)
"""The seeds of the random nets whose figures are in ``data/tflm.json``."""


def every_net() -> dict[str, str]:
    """Every net by its name."""
    return {**NETS, **{f"random {seed}": random_net(seed) for seed in RANDOM}}
