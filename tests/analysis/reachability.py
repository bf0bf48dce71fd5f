"""Which elements of its inputs each element of a net depends on, found by changing them.

This is the truth that receptive fields are compared with.

Every element of a layer's input is changed in turn, and the elements of the output that change are marked: the layer's
own ``forward`` runs, nothing that it says of its window is used. Composed element by element, channels told apart, the
marks give the positions of each input that an output position depends on. Small random nets are made here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.errors import CnncalcError
from cnncalc.graph import Graph, chain
from cnncalc.layers import KINDS

if TYPE_CHECKING:
    from random import Random

    from cnncalc.analysis.report import Report
    from cnncalc.layers import Layer
    from cnncalc.volume import Volume

MOST_ELEMENTS = 500
"""Larger volumes do not occur in random nets."""


def dependence(layer: Layer, volumes: tuple[Volume, ...], number: int) -> Any:
    """Whether each output element depends on each element of one input: height x width x depth x elements."""
    random = np.random.default_rng(0)
    arrays = layer.parameters(*volumes) + layer.buffers(*volumes)
    parameters = {array.name: random.uniform(0.5, 1.5, array.shape) for array in arrays}
    base = [random.uniform(0.5, 1.5, (1, *x)) for x in volumes]
    before = layer.forward(np, *base, **parameters)
    size = volumes[number].elements
    changed = np.repeat(base[number], size, axis=0).reshape(size, size)
    changed[range(size), range(size)] += random.uniform(2, 3, size)  # above all others: a maximum changes too
    images = changed.reshape(size, *volumes[number])
    runs = [range(n, n + 1) for n in range(size)] if layer.mixes_images else [range(size)]
    after = [
        layer.forward(
            np,
            *[
                images[run.start : run.stop] if k == number else np.repeat(x, len(run), axis=0)
                for k, x in enumerate(base)
            ],
            **parameters,
        )
        for run in runs
    ]
    with np.errstate(invalid="ignore"):  # a window of nothing but padding has no maximum
        marks = np.abs(np.concatenate(after) - before) > 1e-12 * np.abs(before[np.isfinite(before)]).max(initial=0)
    return marks.transpose(1, 2, 3, 0)


def exact_fields(report: Report) -> list[dict[str, tuple[int, int]]]:
    """For each layer and each input that it depends on: the largest box, by height and by width."""
    reached: list[dict[str, Any]] = []  # elements of the layer x positions of the input
    result = []
    for row in report.layers:
        mine: dict[str, Any] = {}
        if not row.sources:
            height, width, depth = row.output
            mine[row.name] = np.repeat(np.eye(height * width, dtype=bool), depth, axis=0)
        for number, source in enumerate(row.sources):
            marks = dependence(row.layer, row.input_volumes, number)
            marks = marks.reshape(-1, marks.shape[-1]).astype(np.float32)
            for name, before in reached[source].items():
                mine[name] = mine.get(name, False) | (marks @ before.astype(np.float32) > 0)
        reached.append(mine)
        boxes = {name: _box(marks, report.layer(name).output, row.output) for name, marks in mine.items()}
        result.append({name: box for name, box in boxes.items() if box != (0, 0)})
    return result


def _box(marks: Any, image: Volume, output: Volume) -> tuple[int, int]:
    """The most rows and columns, from the first to the last, that one output position depends on."""
    positions = marks.reshape(output.positions, output.depth, -1).any(axis=1)
    planes = positions.reshape(-1, *image.sides)
    return _stretch(planes.any(axis=2)), _stretch(planes.any(axis=1))


def _stretch(seen: Any) -> int:
    some = seen[seen.any(axis=1)]
    if not len(some):
        return 0
    return int((some.shape[1] - some[:, ::-1].argmax(axis=1) - some.argmax(axis=1)).max())


# Random nets


def random_net(random: Random, *, layers: int = 8, inputs: int = 3) -> Graph:
    """A net with several inputs of the same or of different sizes, forks, merges and every way to move positions."""
    entries: list[tuple[str, Layer, list[str]]] = []
    volumes: dict[str, Volume] = {}

    def add(layer: Layer, *sources: str) -> bool:
        try:
            volume = layer.on(2).output(*[volumes[source] for source in sources])
        except CnncalcError:
            return False
        if volume.elements > MOST_ELEMENTS:
            return False
        name = f"{layer.kind}{len(entries)}"
        entries.append((name, layer, list(sources)))
        volumes[name] = volume
        return True

    size = [random.randint(1, 9), random.randint(1, 9), random.randint(1, 4)]
    for _ in range(random.randint(1, inputs)):
        mine = size if random.random() < 0.6 else [random.randint(1, 9), random.randint(1, 9), random.randint(1, 4)]
        add(KINDS["input"](size=mine))
    while len(entries) < layers + inputs:
        names = list(volumes)
        source = random.choice(names[-4:])
        others = [name for name in names if volumes[name][:2] == volumes[source][:2] and name != source]
        if random.random() < 0.35:
            kind = random.choice(("add", "mul", "concat"))
            points = [name for name in names if volumes[name].is_point and kind != "concat"]
            chosen = random.sample(others + points, min(len(others + points), random.randint(1, 2)))
            if chosen:
                add(KINDS[kind](), source, *chosen)
            continue
        kind, keys = _random_keys(random, volumes[source])
        try:
            layer = KINDS[kind](**keys)
        except CnncalcError:
            continue
        add(layer, source)
    return chain("random", entries)


def _random_keys(random: Random, x: Volume) -> tuple[str, dict[str, Any]]:
    def pair(low: int, high: int) -> list[int]:
        return [random.randint(low, high), random.randint(low, high)]

    def pads(low: int, high: int) -> list[int]:
        return [random.randint(low, high) for _ in range(4)]

    kind = random.choice(
        ("conv", "conv", "conv", "dwconv", "deconv", "deconv", "pool", "avgpool", "lppool", "adaptive", "pad", "pad",
         "upsample", "reshape", "reshape", "slice", "shuffle", "lrn", "connections", "whole", "point")
    )  # fmt: skip
    groups = random.choice([n for n in range(1, x.depth + 1) if x.depth % n == 0])
    if kind in ("conv", "dwconv"):
        keys: dict[str, Any] = {"kernel": pair(1, 4), "stride": pair(1, 3), "dilation": pair(1, 3)}
        if random.random() < 0.7:
            keys["pad"] = random.choice((pads(0, 3), "same", 0))
        if kind == "conv":
            keys |= {"filters": groups * random.randint(1, 2), "groups": groups}
        return kind, keys
    if kind == "connections":
        maps = range(x.depth)
        table = [random.sample(maps, random.randint(1, x.depth)) for _ in range(random.randint(1, 3))]
        return "conv", {"filters": len(table), "kernel": pair(1, 3), "connections": table}
    if kind == "deconv":
        keys = {"kernel": pair(1, 4), "stride": pair(1, 3), "dilation": pair(1, 3), "pad": pads(0, 2)}
        if random.random() < 0.3:
            keys["output_pad"] = pair(0, 1)
        return kind, {**keys, "filters": groups * random.randint(1, 2), "groups": groups}
    if kind in ("pool", "avgpool", "lppool"):
        kernel = pair(1, 4)
        keys = {"kernel": kernel, "stride": pair(1, 3), "round": random.choice(("floor", "ceil"))}
        keys["pad"] = random.choice(([random.randint(0, k // 2) for k in kernel * 2], "same"))
        if kind == "pool":
            keys["dilation"] = pair(1, 2)
        return kind, keys
    if kind == "adaptive":
        return random.choice(("pool", "avgpool")), {"output": pair(1, 6)}
    if kind == "pad":
        return kind, {"pad": pads(-2, 3)}
    if kind == "upsample":
        return kind, {"factor": random.randint(1, 3), "mode": random.choice(("nearest", "bilinear"))}
    if kind == "reshape":
        sizes = [(h, w) for h in range(1, 13) for w in range(1, 13) if x.elements % (h * w) == 0]
        height, width = random.choice(sizes)
        return kind, {"size": [height, width, x.elements // (height * width)]}
    if kind == "slice":
        first = random.randint(0, x.depth - 1)
        return kind, {"from": first, "to": random.randint(first + 1, x.depth)}
    if kind == "shuffle":
        return kind, {"groups": groups}
    if kind == "lrn":
        return kind, {"size": random.randint(1, 4), "region": random.choice(("across", "within"))}
    if kind == "whole":
        several = ("in", "ln", "gn") if x.positions > 2 else ()
        kind = random.choice(("gap", "gmp", "flatten", "fc", *several))
        return kind, {"fc": {"units": 3}, "gn": {"groups": groups}}.get(kind, {})
    if x.depth == 1:  # what is normalized over a single channel is constant
        return random.choice((("relu", {}), ("bn", {})))
    return random.choice((("ln", {"axes": "depth"}), ("softmax", {}), ("relu", {}), ("bn", {})))
