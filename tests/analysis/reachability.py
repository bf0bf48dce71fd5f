"""Reference for receptive fields: which input elements each element of a net depends on, found by changing them.

Every element of a layer's input is changed in turn, and the output elements that change are recorded. Only the
``forward`` method of the layer is used, not its description of windows. The records of all layers are multiplied,
element by element, which gives the input positions that each output position depends on. The module also makes small
random nets.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cnncalc.errors import CnncalcError
from cnncalc.graph import Graph, chain
from cnncalc.layers import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from cnncalc.analysis.report import Report
    from cnncalc.layers import Layer
    from cnncalc.volume import Volume

MOST_ELEMENTS = 500
"""Maximum number of elements of a volume in random nets."""


def dependence(layer: Layer, volumes: tuple[Volume, ...], number: int) -> Any:
    """Whether each output element depends on each element of one input, as a matrix: output x input elements."""
    if layer.takes_places:
        maps = dependence_on_windows(layer, volumes[0].sides)[number]
        return np.kron(maps, np.eye(volumes[number].depth, dtype=bool))
    random = np.random.default_rng(0)
    arrays = layer.parameters(*volumes) + layer.buffers(*volumes)
    parameters = {array.name: random.uniform(0.5, 1.5, array.shape) for array in arrays}
    if layer.kind == "attention":  # with large scores a position takes all, and the others have no effect in float64
        parameters = {name: array / (4 * layer.fan_in(array.shape)) for name, array in parameters.items()}
    base = [random.uniform(0.5, 1.5, (1, *x)) for x in volumes]
    before = layer.forward(np, *base, **parameters)
    size = volumes[number].elements
    changed = np.repeat(base[number], size, axis=0).reshape(size, size)
    changed[range(size), range(size)] += random.uniform(2, 3, size)  # larger than all others, so that a maximum changes
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
    with np.errstate(invalid="ignore"):  # a window that contains only padding has no maximum
        marks = np.abs(np.concatenate(after) - before) > 1e-12 * np.abs(before[np.isfinite(before)]).max(initial=0)
    return marks.reshape(size, -1).T


def dependence_on_windows(layer: Layer, sides: tuple[int, ...], images: Any = None) -> tuple[Any, Any]:
    """For UNPOOL, on a map: which windows fill each position, and which windows do whose maximum moves.

    Both are matrices position x window. The pool runs on each of ``images``, maps x positions. By default these are
    random ones, and for each position and window one whose largest value in the window may be there.
    """
    pool, entered = layer.undone()
    size, windows = entered.positions, prod(sides)
    if images is None:
        random = np.random.default_rng(0)
        inside = dependence(pool, (entered.with_depth(1),), 0)
        images = [random.permutation(size) for _ in range(50)]
        images += [np.where(row, np.arange(size) == n, 2) for row in inside for n in np.flatnonzero(row)]
    maps = np.array(images, np.float64).T.reshape(1, *entered.sides, -1)
    places = pool.forward_training(np, maps)[1]["places"]
    numbers = np.arange(1, windows + 1).reshape(1, *sides, 1)
    filled = layer.forward(np, np.repeat(numbers, maps.shape[-1], axis=-1), places).reshape(size, -1)
    fills = np.array([(filled == window + 1).any(axis=1) for window in range(windows)]).T
    each = places.reshape(windows, -1)
    return fills, fills & (each != each[:, :1]).any(axis=1)


def exact_fields(report: Report) -> list[dict[str, tuple[int, ...]]]:
    """For each layer and each input that it depends on: the receptive field, one size for each side."""
    reached: list[dict[str, Any]] = []  # elements of the layer x positions of the input
    result = []
    for row in report.layers:
        mine: dict[str, Any] = {}
        if not row.sources:
            mine[row.name] = np.repeat(np.eye(row.output.positions, dtype=bool), row.output.depth, axis=0)
        for number, source in enumerate(row.sources):
            marks = dependence(row.layer, row.input_volumes, number).astype(np.float32)
            for name, before in reached[source].items():
                mine[name] = mine.get(name, False) | (marks @ before.astype(np.float32) > 0)
        reached.append(mine)
        boxes = {name: _largest_extents(marks, report.layer(name).output, row.output) for name, marks in mine.items()}
        result.append({name: box for name, box in boxes.items() if max(box)})
    return result


def _largest_extents(marks: Any, image: Volume, output: Volume) -> tuple[int, ...]:
    """For each side, the largest extent (first to last position) that one output position depends on."""
    maps = marks.reshape(output.positions, output.depth, -1).any(axis=1).reshape(-1, *image.sides)
    axes = range(1, maps.ndim)
    return tuple([_largest_extent(maps.any(axis=tuple([other for other in axes if other != axis]))) for axis in axes])


def _largest_extent(seen: Any) -> int:
    some = seen[seen.any(axis=1)]
    if not len(some):
        return 0
    return int((some.shape[1] - some[:, ::-1].argmax(axis=1) - some.argmax(axis=1)).max())


# Random nets


def random_net(random: Random, *, layers: int = 8, inputs: int = 3) -> Graph:
    """A net with several inputs of equal or different sizes, forks, merges and layers that move positions."""
    entries: list[tuple[str, Layer, list[str]]] = []
    volumes: dict[str, Volume] = {}

    def add(layer: Layer, *sources: str) -> bool:
        try:
            volume = _bound(layer, entries, volumes, sources).output(*[volumes[source] for source in sources])
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
        undoable = _undoable(entries, volumes)
        if undoable and random.random() < 0.3:
            add(KINDS["unpool"](), *random.choice(undoable))
            continue
        kind, keys = _random_keys(random, volumes[source])
        try:
            layer = KINDS[kind](**keys)
        except CnncalcError:
            continue
        add(layer, source)
    return chain("random", entries)


Entries: TypeAlias = "list[tuple[str, Layer, list[str]]]"


def _bound(layer: Layer, entries: Entries, volumes: Mapping[str, Volume], sources: Sequence[str]) -> Layer:
    """The layer for the number of sides of its input; UNPOOL with its pool."""
    layer = layer.on(len(volumes[sources[0]].sides)) if sources else layer.on(2)
    if not layer.takes_places:
        return layer
    pool, before = next((pool, before) for name, pool, before in entries if name == sources[1])
    entered = volumes[before[0]]
    return layer.after(pool.on(len(entered.sides)), (entered,))


def _undoable(entries: Entries, volumes: Mapping[str, Volume]) -> list[tuple[str, str]]:
    """Each max pool, after a layer whose output has the same volume."""
    pools = [name for name, layer, _ in entries if layer.kind == "pool"]
    return [(name, pool) for pool in pools for name, volume in volumes.items() if volume == volumes[pool]]


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
    if x.depth == 1:  # a normalization over a single channel gives a constant
        return random.choice((("relu", {}), ("bn", {})))
    return random.choice((("ln", {"axes": "depth"}), ("softmax", {}), ("relu", {}), ("bn", {})))


# Random nets of any number of sides, with layers that move positions between them


def random_net_of_sides(random: Random, *, layers: int = 7) -> Graph:
    """A net with one or two inputs of one to three sides, and the layers of sequences, windows, maps and volumes."""
    entries: list[tuple[str, Layer, list[str]]] = []
    volumes: dict[str, Volume] = {}
    windows: dict[str, bool] = {}

    def add(kind: str, keys: dict[str, Any], *sources: str) -> None:
        inputs = [volumes[source] for source in sources]
        try:
            layer = KINDS[kind](**keys)
            volume = (_bound(layer, entries, volumes, sources) if inputs else layer).output(*inputs)
        except CnncalcError:
            return
        if volume.elements > MOST_ELEMENTS:
            return
        name = f"{kind}{len(entries)}"
        entries.append((name, layer, list(sources)))
        volumes[name] = volume
        of_first = windows[sources[0]] if sources else False
        windows[name] = of_first if layer.makes_windows is None else layer.makes_windows

    sides = random.randint(1, 3)
    most = {1: 12, 2: 7, 3: 4}[sides]
    for _ in range(random.choice((1, 1, 2))):
        add("input", {"size": [*[random.randint(1, most) for _ in range(sides)], random.choice((1, 2, 4))]})
    for _ in range(3 * layers):
        if len(entries) >= layers + 2:
            break
        source = random.choice(list(volumes)[-3:])
        other = random.choice(list(volumes))
        undoable = _undoable(entries, volumes)
        if undoable and random.random() < 0.3:
            add("unpool", {}, *random.choice(undoable))
            continue
        kind, keys = _random_layer(random, volumes[source], are_windows=windows[source])
        reads_another = kind in MERGES or (kind in ("attention", "resize", "crop") and "size" not in keys)
        if (kind == "sub" and other == source) or (kind == "attention" and volumes[other].positions == 1):
            continue  # the output is constant, or the same for every query
        if reads_another and random.random() < (1 if kind in MERGES else 0.5):
            add(kind, keys, source, other)
        elif kind not in MERGES:
            add(kind, keys, source)
    return chain("random", entries)


MERGES = ("add", "sub", "maximum", "concat", "matmul")


def _random_layer(random: Random, x: Volume, *, are_windows: bool) -> tuple[str, dict[str, Any]]:
    """A kind and keys for a volume; a combination that does not fit is skipped by the caller."""
    count, names = len(x.sides), (*x.names, "depth")

    def each(low: int, high: int, times: int = 1) -> list[int]:
        return [random.randint(low, high) for _ in range(count * times)]

    def parts() -> list[int]:
        return [random.choice([n for n in range(1, size + 1) if size % n == 0]) for size in x.sides]

    kinds = [
        "conv", "dwconv", "pool", "avgpool", "deconv", "local", "linear", "pad", "pad", "resize", "resize", "crop",
        "upsample", "slice", "slice", "reduce", "softmax", "permute", "permute", "roll", "space2depth", "depth2space",
        "sequence", "plane", "window", "window", "unwindow", "position", "token", "glu", "ln", "relu", "rms", "bn",
        "shuffle", *MERGES, *MERGES,
    ]  # fmt: skip
    kind = random.choice(["attention", "attention", *kinds] if count == 1 or are_windows else kinds)
    keys: dict[str, Any] = {}
    if kind in ("conv", "local"):
        keys = {"filters": random.choice((2, 4)), "kernel": each(1, 3), "stride": each(1, 2), "pad": each(0, 1, 2)}
    elif kind in ("dwconv", "deconv"):
        keys = {"kernel": each(1, 3), "stride": each(1, 2), **({"filters": 2} if kind == "deconv" else {})}
    elif kind in ("pool", "avgpool"):
        keys = {"output": each(1, 4)} if random.random() < 0.5 else {"kernel": each(1, 3), "stride": each(1, 2)}
        if kind == "pool" and "kernel" in keys:
            keys |= {"pad": [random.randint(0, k // 2) for k in keys["kernel"] * 2], "dilation": each(1, 2)}
            keys["round"] = random.choice(("floor", "ceil"))
    elif kind == "linear":
        keys = {"units": random.choice((1, 2, 4))}
    elif kind == "pad":
        mode = random.choice(("zero", "reflect", "replicate", "wrap"))
        keys = {"pad": each(0, 2, 2), "mode": mode, **({"depth": [1, 0]} if mode == "zero" else {})}
    elif kind == "resize":
        modes = ("nearest", "bilinear", "area", "bicubic")[: 4 if count == 2 else 3]
        keys = {"mode": random.choice(modes)}
        keys |= {"corners": random.random() < 0.4} if keys["mode"].startswith("bi") else {}
        keys |= random.choice(
            ({"size": each(1, 8)}, {"factor": [random.choice((0.5, 1.5, 2, 0.7)) for _ in x.sides]}, {})
        )
    elif kind == "crop":
        keys = random.choice(({"size": [random.randint(1, size) for size in x.sides]}, {}))
        keys["at"] = random.choice(("centre", "begin"))
    elif kind == "upsample":
        keys = {"factor": 2, "mode": random.choice(("nearest", "bilinear"))}
    elif kind == "slice":
        axis = random.choice(names)
        first = random.randint(0, x[x.place(axis)] - 1)
        keys = {"from": first, "to": random.randint(first + 1, x[x.place(axis)]), "axis": axis}
    elif kind in ("reduce", "softmax"):
        keys = {"axes": random.sample(names, random.randint(1, len(names)))}
        keys |= {"op": random.choice(("mean", "max", "sum"))} if kind == "reduce" else {}
    elif kind == "permute":
        keys = {"order": random.sample(names, len(names))}
    elif kind == "roll":
        keys = {"shift": each(-2, 2)}
    elif kind in ("space2depth", "depth2space"):
        keys = {"block": parts() if kind == "space2depth" else each(1, 2)}
        keys["order"] = random.choice(("crd", "dcr", "focus", "darknet"))
    elif kind == "plane":
        first = random.choice([n for n in range(1, x[0] + 1) if x[0] % n == 0])
        keys = {"size": [first, x[0] // first]}
    elif kind == "window":
        keys = {"size": parts()}
    elif kind == "unwindow" and are_windows:
        first = random.choice([n for n in range(1, x.positions + 1) if x.positions % n == 0])
        keys = {"size": [first, x.positions // first]}
    elif kind == "attention":
        keys = {"heads": random.choice((1, 2)), "out": random.random() < 0.5}
    elif kind == "shuffle":
        keys = {"groups": random.choice((1, 2))}
    elif kind == "ln":
        keys = {"axes": "depth"}
    elif kind == "concat":
        keys = {"axis": random.choice(names)}
    elif kind == "matmul":
        keys = {"transpose": random.random() < 0.5}
    over = keys.get("axes", "depth") if kind in ("softmax", "ln", "rms") else names
    if prod([x[x.place(name)] for name in ([over] if isinstance(over, str) else over)]) == 1:
        return "relu", {}  # a normalization over a single number gives a constant
    return kind, keys
