"""Random nets with options of training, measured in PyTorch and compared with the computed figures.

    trial = random_trial(seed)              # the same seed gives the same trial
    trial = short_trial(seed)               # a layer or two between a head and a tail
    differences(trial)                      # what is computed beside what is measured

The nets are those of :mod:`tests.random_volumes`, as far as PyTorch has their layers: every kind but OPAQUE on one to
three sides, with frozen and shared parts, in place and not. Some get blocks, a frozen stem, a second input, more
outputs, auxiliary heads, layers tied to others, and branches of which only the sizes are read. They are trained with
every optimizer in every style, checkpointed and not, in all data types and under autocast, in the profiles
``torch-cpu`` and ``torch-fake``.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import cnncalc
from cnncalc.errors import DesignError, ValueProblem
from cnncalc.graph import Node, topologically_sorted
from cnncalc.language.writer import as_pattern
from cnncalc.layers import KINDS
from cnncalc.memory.optimizers import OPTIMIZERS, STYLES
from cnncalc.memory.report import Options, Simulation, account_memory
from cnncalc.memory.segments import segments_of
from tests.random_volumes import Writer, random_net

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.memory.segments import Segment


HEADS = ("", "CONV1-DEPTH", "CONV3-DEPTH(trainable=no)", "PRELU", "SIGMOID", "BN -> RELU")
TAILS = ("", "GAP", "FC-3", "SCALE", "SCALE -> GAP", "SOFTPLUS -> GAP")
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
    if pick.random() < 0.5:
        report = varied(pick, report)
        pattern = as_pattern(report.graph)
    return Trial(pattern, random_options(pick, report))


def short_trial(seed: int) -> Trial:
    """The trial of a seed with a layer or two between a head and a tail.

    In a long net the peak hides what most layers hold; here each operation is often the one at the peak.
    """
    pick = Random(seed)  # noqa: S311
    report = None
    while report is None or not report.totals.trainable or not all(map(is_in_pytorch, report.layers)):
        writer = Writer(pick, ("opaque",))
        state = writer.input(None)
        head = pick.choice(HEADS).replace("DEPTH", str(state.volume.depth))
        parts, _ = writer.chain(state, pick.choice((1, 1, 2)))
        pattern = " -> ".join([f"INPUT {writer.first.size}", *filter(None, [head, *parts, pick.choice(TAILS)])])
        try:
            report = cnncalc.analyze(pattern)
        except DesignError:
            continue
    return Trial(pattern, random_options(pick, report))


def random_options(pick: Random, report: Report) -> Options:
    """How a net is trained."""
    options = Options(pick.choice(("torch-cpu", "torch-fake")), batch=pick.choice((1, 2, 2, 2, 3)))
    form = pick.random()
    if form < 0.35:
        options = options._replace(dtype="bfloat16")
    elif form < 0.55:
        options = options._replace(autocast="bfloat16")
    elif form < 0.7:
        name, width = pick.choice((("dtype", "float64"), ("dtype", "float16"), ("autocast", "float16")))
        options = Options(**{**options._asdict(), name: width})
    if pick.random() < 0.5:
        optimizer = pick.choice(list(OPTIMIZERS.values()))
        style = pick.choice((None, None, *STYLES[: 2 + optimizer.can_fuse]))
        options = options._replace(optimizer=optimizer.name, style=style, weight_decay=pick.random() < 0.3)
    if pick.random() < 0.2:
        options = options._replace(zero_grad=pick.choice(("zeros", "before-backward")))
    if pick.random() < 0.2:
        options = options._replace(accumulate=pick.choice((2, 2, 3)))
    if pick.random() < 0.3:
        options = options._replace(checkpoint=segments(pick, report))
    return options


def varied(pick: Random, report: Report) -> Report:
    """The net with some of what :mod:`tests.random_volumes` does not draw, as far as it fits."""
    changes = (blocked, blocked, frozen, with_input, with_output, with_head, tied, sized, sized, sized)
    for change in pick.sample(changes, pick.choice((1, 1, 2, 3))):
        graph = report.graph._replace(nodes=topologically_sorted(change(pick, report)))
        try:
            report = cnncalc.analyze(as_pattern(graph))
        except DesignError:
            continue
    return report


def blocked(pick: Random, report: Report) -> list[Node]:
    """Some ranges of layers as blocks, which may nest."""
    nodes = list(report.graph.nodes)
    first = next(place for place, node in enumerate(nodes) if not node.is_input)
    for number in range(pick.randint(1, 3)):
        begin, end = sorted(pick.sample(range(first, len(nodes) + 1), 2))
        inside = [node.block for node in nodes[begin:end]]
        outside = [node.block for node in (*nodes[:begin], *nodes[end:])]
        if inside[0] != inside[-1] or set(inside) & set(outside) - {inside[0]}:
            continue  # it would cut a block
        before = f"{inside[0]}." if inside[0] else ""
        for place in range(begin, end):
            name = nodes[place].name.removeprefix(before)
            nodes[place] = nodes[place]._replace(name=f"{before}b{number}.{name}", named=True)
    return nodes


def frozen(pick: Random, report: Report) -> list[Node]:
    """The first layers, frozen."""
    nodes = report.graph.nodes
    count = pick.randint(1, len(nodes))
    rows = report.layers
    return [
        node._replace(trainable=node.trainable and not (place < count and rows[place].layer.learns))
        for place, node in enumerate(nodes)
    ]


def with_input(pick: Random, report: Report) -> list[Node]:
    """A second input, joined to a volume."""
    nodes = list(report.graph.nodes)
    place = pick.randrange(len(nodes))
    x = report.layers[place].output
    new = len(nodes)
    size = x.with_depth(pick.randint(1, 4))
    kind = pick.choice(("add", "concat", "mul"))
    nodes = [
        node._replace(inputs=tuple([new + 2 if source == place else source for source in node.inputs]))
        for node in nodes
    ]
    return [
        *nodes,
        Node("more", KINDS["input"](size=[*size.sides, size.depth]), named=True),
        Node("joining", KINDS["conv"](filters=x.depth, kernel=1), (new,), named=True),
        Node("joined", KINDS[kind](), pick.choice(((place, new + 1), (new + 1, place))), named=True),
    ]


def with_output(pick: Random, report: Report) -> list[Node]:
    """Another output."""
    return _with_scores(pick, report, training_only=False)


def with_head(pick: Random, report: Report) -> list[Node]:
    """An auxiliary head, which runs in training alone."""
    return _with_scores(pick, report, training_only=True)


def _with_scores(pick: Random, report: Report, *, training_only: bool) -> list[Node]:
    """Scores of classes computed from a volume inside the net."""
    nodes = list(report.graph.nodes)
    source, new = pick.randrange(len(nodes)), len(nodes)
    kinds = pick.choice((["gap", "conv"], ["conv"], ["gap", "fc"], ["fc"]))
    for number, kind in enumerate(kinds):
        keys = {"fc": {"units": 3}, "conv": {"filters": 3, "kernel": 1}}.get(kind, {})
        inputs = (new + number - 1,) if number else (source,)
        nodes.append(Node(f"more{number}", KINDS[kind](**keys), inputs, named=True, training_only=training_only))
    return nodes


def sized(pick: Random, report: Report) -> list[Node]:
    """Branches with learned layers, of which only the sizes are read, by one to three layers."""
    nodes = list(report.graph.nodes)
    place = pick.randrange(len(nodes))
    volumes = [row.output for row in report.layers]
    like = [source for source in range(place + 1) if volumes[source].sides == volumes[place].sides]
    x = pick.choice(like)
    volume = volumes[x]
    branch = [x]
    new: list[Node] = []
    for number in range(pick.randint(1, 5)):
        kind = pick.choice(("conv", "conv", "dwconv", "bn", "relu", "softplus", "sigmoid", "dropout", "add"))
        keys: dict[str, Any] = {"filters": volume.depth, "kernel": pick.choice((1, 3))} if kind == "conv" else {}
        inputs = tuple(pick.sample(branch, 2)) if kind == "add" and len(branch) > 1 else (branch[-1],)
        if len(inputs) == 1 and kind == "add":
            kind = "tanh"
        branch.append(len(nodes) + len(new))
        is_trainable = not (KINDS[kind](**keys).learns and pick.random() < 0.2)
        new.append(Node(f"size{number}", KINDS[kind](**keys), inputs, named=True, trainable=is_trainable))
    last = place
    for number in range(pick.choice((1, 1, 2, 3))):
        read = branch[-1] if not number else pick.choice(branch[1:])
        new.append(Node(f"sized{number}", KINDS[pick.choice(("crop", "resize"))](), (last, read), named=True))
        last = len(nodes) + len(new) - 1
        if pick.random() < 0.5:
            again = KINDS["conv"](filters=volumes[place].depth, kernel=1)
            new.append(Node(f"between{number}", again, (last,), named=True))
            last = len(nodes) + len(new) - 1
    nodes = [
        node._replace(inputs=tuple([last if source == place else source for source in node.inputs])) for node in nodes
    ]
    return [*nodes, *new]


def tied(pick: Random, report: Report) -> list[Node]:
    """A layer, another that uses its weights transposed, and a third that uses them as they are."""
    nodes = list(report.graph.nodes)
    rows = [row for row in report.layers if row.kind in ("conv", "linear", "fc") and row.layer.untied is None]
    rows = [row for row in rows if row.sources and nodes[row.index].share is None]
    if not rows:
        return nodes
    row, new = pick.choice(rows), len(nodes)
    layer: Any = row.layer
    x = row.input_volumes[0]
    keys: dict[str, Any] = {"units": x.elements if row.kind == "fc" else x.depth}
    if row.kind == "conv":
        windows = layer.windows(x)
        keys = {"filters": x.depth, "groups": layer.groups, "kernel": list(layer.kernel), "stride": list(layer.stride)}
        pads = [pad for pair in zip(*windows.pads, strict=True) for pad in pair]
        keys |= {"dilation": list(layer.dilation), "pad": pads}
    back = KINDS["deconv" if row.kind == "conv" else row.kind](**keys, bias=pick.random() < 0.5)
    return [
        *[
            node._replace(inputs=tuple([new + 1 if source == row.index else source for source in node.inputs]))
            for node in nodes
        ],
        Node("back", back, (row.index,), named=True, share=row.index, transposed=True),
        Node("again", layer, (new,), named=True, share=row.index),
    ]


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
    named = sorted({row.block for row in rows if row.block})
    if named and pick.random() < 0.7:
        return pick.choice(("blocks", "stages", "sqrt", *named))
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
    """The figures as computed; ``saved`` is -1 with checkpointed segments."""
    account = account_memory(report, options, details=False)
    training = account.training
    return [
        training.peak_bytes,
        training.first_step_peak_bytes,
        training.after_forward_bytes,
        training.after_backward_bytes,
        -1 if training.segments else training.saved_bytes,
        account.inference.peak_bytes,
    ]


def checkpointed(report: Report, options: Options) -> Sequence[Segment]:
    """The segments that run again; named ones that cnncalc refuses are among them, as PyTorch must refuse them too."""
    try:
        return Simulation(report, options).segments(options.batch)
    except ValueProblem:
        return segments_of(report, options.checkpoint)


def measured(report: Report, options: Options) -> list[int]:
    """The figures as PyTorch has them."""
    from tests.memory.torch_oracle import Habits, measure_cpu, measure_fake

    segments = tuple((segment.first, segment.last) for segment in checkpointed(report, options))
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
