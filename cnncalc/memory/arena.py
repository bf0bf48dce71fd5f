"""The arena plan: one block of memory for an inference, with a fixed offset for every volume.

Runtimes for small devices plan memory like this: offsets are fixed before the net runs, and the memory of a volume is
reused as soon as its last reader has run. Parameters are not counted; they are often in read-only memory.

Source: CS231n, "keep only the current activations"; Pisarchyk and Lee 2020 (arXiv 2001.03288) for the offsets.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import accumulate
from typing import TYPE_CHECKING

from cnncalc.analysis.placement import Placement
from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.memory.order import MAX_STATES, Flow, Task, best_order, levels, lifetimes, widest
from cnncalc.records import NamedTuple
from cnncalc.units import bytes_per_element

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import LayerReport, Report

ORDERS = ("given", "best")
"""Order of execution: as in the design, or with the lowest peak."""
MAX_COMPARISONS = 5_000_000
"""Pairs of volumes that greedy placement may compare (about a second); larger nets are placed by best fit."""
MAX_SWAP_COMPARISONS = 200_000
"""Pairs that rearranging may compare where the greedy placement wastes memory: a few hundredths of a second."""


class ArenaVolume(NamedTuple):
    """A volume in the arena: ``size`` bytes at ``offset``, alive from step ``first`` to step ``last``.

    ``name`` is the layer that made it; ``layers`` also has those that work in place on it, and its views. ``role`` is
    ``input``, ``activations``, ``output`` (alive until the end) or ``scratch`` (one map, while a depthwise convolution
    overwrites its input).
    """

    name: str
    layers: tuple[str, ...]
    role: str
    offset: int
    size: int
    first: int
    last: int

    @property
    def end(self) -> int:
        """The offset of the first byte after it."""
        return self.offset + self.size


class ArenaStep(NamedTuple):
    """A step: the first of its layers, all of them, and the bytes alive while they run."""

    name: str
    layers: tuple[str, ...]
    live_bytes: int


class Footprint(NamedTuple):
    """The memory of a net in the given order: the number of ``volumes``, and bytes.

    ``sum_bytes``: all volumes. ``widest_bytes``: the largest input plus output of one operation. ``bound_bytes``:
    the most alive at one step. ``arena_bytes``: the size of the arena.
    """

    volumes: int
    sum_bytes: int
    widest_bytes: int
    bound_bytes: int
    arena_bytes: int


class ArenaPlan(NamedTuple):
    """The offset of every volume of an inference, the order of the operations, and sizes in bytes.

    ``arena_bytes`` is the size of the arena. ``bound_bytes`` is the most alive at one step (``peak_at``), the least
    that any placement of this order takes; ``given_bound_bytes`` is the same for the given order, and
    ``order_bound_bytes`` a lower bound for every order. ``widest_bytes`` is the most that one operation reads and
    makes, ``sum_bytes`` the sum of all volumes. ``unfused`` is the same net without fusing, in the given order.
    ``every_volume_bytes`` adds up the outputs of all layers except views, ``notes_bytes`` those that the notes' tables
    list. ``placement`` names the method that found the offsets: see :func:`place`.
    """

    architecture: str
    batch: int
    dtype: str
    bytes_per_element: int
    fuse: bool
    depthwise_in_place: bool
    order: str
    steps: tuple[ArenaStep, ...]
    volumes: tuple[ArenaVolume, ...]
    arena_bytes: int
    bound_bytes: int
    peak_at: str
    given_bound_bytes: int
    order_bound_bytes: int
    widest_bytes: int
    sum_bytes: int
    every_volume_bytes: int
    notes_bytes: int
    unfused: Footprint
    placement: str

    @property
    def gap_bytes(self) -> int:
        """Bytes of the arena above the most alive at one step."""
        return self.arena_bytes - self.bound_bytes

    @property
    def is_exact_order(self) -> bool:
        """Whether no order of execution has a lower peak, as proved by the bound."""
        return self.bound_bytes == self.order_bound_bytes


def plan(
    report: Report,
    *,
    batch: int = 1,
    dtype: str = "float32",
    fuse: bool = True,
    depthwise_in_place: bool = False,
    order: str = "given",
    states: int = MAX_STATES,
) -> ArenaPlan:
    """The arena plan of a net for ``batch`` images of ``dtype`` (int8 to float64).

    ``fuse``: fused into one operation are (a) a convolution or fully-connected layer, the batch normalization after it
    and an activation function, and (b) any layer and the activation function after it, if nothing else reads the
    volumes between them. Otherwise every layer is an operation, and activation functions work in place unless the
    design says no. In both cases views and dropout share the memory of their input, ADD and MUL work in place where the
    design says so, and CONCAT copies. ``depthwise_in_place``: a depthwise convolution overwrites its input if nothing
    else reads it and the output is not larger; it then needs scratch for one map of its output (Source: Lin et al.
    2020, MCUNet). ``order`` is ``given`` or ``best``; ``states`` bounds the search for the best.

    Layers that run only in training are left out. The images are a volume, freed after their last reader. Raises
    ValueProblem for an unknown data type or order, and for a batch below 1.
    """
    each = bytes_per_element(dtype)
    _check(batch, order)
    scale = batch * each
    net = InferenceNet(report, scale, fuse=fuse, depthwise_in_place=depthwise_in_place)
    unfused = footprint(InferenceNet(report, scale, fuse=False, depthwise_in_place=False).flow())
    flow = net.flow()
    given = tuple(range(len(flow.tasks)))
    found = best_order(flow, states if order == "best" else 0)
    chosen = found.tasks if order == "best" else given
    alive = lifetimes(flow, chosen)
    level = levels(flow, chosen, alive)
    bound = max(level)
    volumes, placement = _placed(net, flow, chosen, alive)
    names = [tuple(net.layers_of_task[number]) for number in chosen]
    steps = tuple([ArenaStep(layers[0], layers, live) for layers, live in zip(names, level, strict=False)])
    running = [row for row in report.layers if not row.training_only]
    own = [row for row in running if not row.layer.is_view_at_test_time]
    return ArenaPlan(
        architecture=report.name,
        batch=batch,
        dtype=dtype,
        bytes_per_element=each,
        fuse=fuse,
        depthwise_in_place=depthwise_in_place,
        order=order,
        steps=steps,
        volumes=volumes,
        arena_bytes=max([volume.end for volume in volumes], default=0),
        bound_bytes=bound,
        peak_at=steps[level.index(bound)].name if steps else volumes[0].name,
        given_bound_bytes=max(levels(flow, given)),
        order_bound_bytes=found.bound,
        widest_bytes=widest(flow),
        sum_bytes=sum(flow.sizes),
        every_volume_bytes=sum([row.activations for row in own]) * scale,
        notes_bytes=sum([row.activations for row in running if row.layer.in_notes_table]) * scale,
        unfused=unfused,
        placement=placement,
    )


def _check(batch: int, order: str) -> None:
    """Raises ValueProblem for an unknown order or a batch below 1."""
    if order not in ORDERS:
        raise ValueProblem(
            f"no order '{order}'{did_you_mean(order, ORDERS)} (known: {', '.join(ORDERS)})", code="unknown-order"
        )
    if batch < 1:
        raise ValueProblem(f"batch: expected a whole number of at least 1, found {batch}", code="wrong-value")


def footprint(flow: Flow) -> Footprint:
    """The memory of a net in the given order; ``volumes`` does not count scratch."""
    given = range(len(flow.tasks))
    alive = lifetimes(flow, given)
    sizes = list(flow.sizes)
    scratch = [(task.scratch, (step, step)) for step, task in enumerate(flow.tasks) if task.scratch]
    offsets, _ = place(sizes + [size for size, _ in scratch], alive + [life for _, life in scratch])
    ends = [offset + size for offset, size in zip(offsets, sizes + [size for size, _ in scratch], strict=True)]
    return Footprint(len(sizes), sum(sizes), widest(flow), max(levels(flow, given, alive)), max(ends, default=0))


def _placed(
    net: InferenceNet, flow: Flow, order: Sequence[int], alive: Sequence[tuple[int, int]]
) -> tuple[tuple[ArenaVolume, ...], str]:
    """The volumes of a net with their offsets, in the order in which they are made, and the method of placement."""
    entries = [
        (names[0], tuple(names), role, flow.sizes[volume], alive[volume])
        for volume, (names, role) in enumerate(zip(net.layers_of_volume, net.roles, strict=True))
    ]
    for step, number in enumerate(order):
        scratch = flow.tasks[number].scratch
        if scratch:
            name = net.layers_of_task[number][0]
            entries.append((name, (name,), "scratch", scratch, (step, step)))
    offsets, placement = place([entry[3] for entry in entries], [entry[4] for entry in entries])
    volumes = [
        ArenaVolume(name, names, role, offset, size, first, last)
        for (name, names, role, size, (first, last)), offset in zip(entries, offsets, strict=True)
    ]
    volumes.sort(key=lambda volume: (volume.first, volume.role != "input"))
    return tuple(volumes), placement


# From a report to operations


class InferenceNet:
    """The operations of a net at test time, and the volumes that they read and write.

    ``scale`` is the bytes of an element for the whole batch.
    """

    def __init__(self, report: Report, scale: int, *, fuse: bool, depthwise_in_place: bool) -> None:
        count = len(report.layers)
        self.scale = scale
        self.fuse = fuse
        self.depthwise_in_place = depthwise_in_place
        self.sizes: list[int] = []
        self.roles: list[str] = []
        self.layers_of_volume: list[list[str]] = []
        self.layers_of_task: list[list[str]] = []
        self.tasks: list[Task] = []
        # by row
        self.volume_of = [-1] * count
        self.task_of = [-1] * count  # the operation that writes it last (-1: none, it is an input)
        self.is_foldable = [False] * count  # whether a normalization can be folded into its weights
        rows = [row for row in report.layers if not row.training_only]
        readers = [0] * count
        for row in rows:
            for source in row.sources:
                readers[source] += 1
        self.placement = Placement(readers, activations=True if fuse else None)
        for row in rows:
            self._add(row)
            self.layers_of_volume[self.volume_of[row.index]].append(row.name)
        self.stays = frozenset([self.volume_of[row.index] for row in rows if not readers[row.index]])
        for volume in self.stays:
            if self.roles[volume] == "activations":
                self.roles[volume] = "output"

    def flow(self) -> Flow:
        """The operations as tasks in the order given."""
        return Flow(tuple(self.tasks), tuple(self.sizes), self.stays)

    def _add(self, row: LayerReport) -> None:
        """Adds a row as an operation, as a part of the operation before it, or as a view."""
        index, layer = row.index, row.layer
        same_shape = bool(row.sources) and row.input_volumes[0] == row.output
        in_place = self.placement.in_place(index, layer, row.sources, same_shape=same_shape)
        if not row.sources:
            self._new_volume(row, "input")
            return
        first = row.sources[0]
        if layer.is_view_at_test_time:
            self._share(row)
            self.is_foldable[index] = self.is_foldable[first] and same_shape and layer.is_identity_at_test_time
        elif same_shape and self._is_fused(row):
            self._share(row)
            self.layers_of_task[self.task_of[first]].append(row.name)
            self.is_foldable[index] = not layer.is_activation
        else:
            self._new_task(row, in_place=in_place)
            self.is_foldable[index] = layer.counts_macs

    def _is_fused(self, row: LayerReport) -> bool:
        """Whether a row becomes part of the operation before it."""
        first = row.sources[0]
        if not self.fuse or self.task_of[first] < 0 or not self.placement.is_only_reader(first):
            return False
        return row.layer.is_activation or (row.layer.folds_into_weights and self.is_foldable[first])

    def _share(self, row: LayerReport) -> None:
        """The output of the row is the memory of its first input, written by the same operation."""
        first = row.sources[0]
        self.task_of[row.index], self.volume_of[row.index] = self.task_of[first], self.volume_of[first]

    def _new_volume(self, row: LayerReport, role: str) -> None:
        self.volume_of[row.index] = len(self.sizes)
        self.sizes.append(row.activations * self.scale)
        self.roles.append(role)
        self.layers_of_volume.append([])

    def _new_task(self, row: LayerReport, *, in_place: bool) -> None:
        """Adds an operation, which overwrites the first input of the row or makes a volume."""
        needs = tuple(dict.fromkeys([self.task_of[source] for source in row.sources if self.task_of[source] >= 0]))
        reads = tuple(dict.fromkeys([self.volume_of[source] for source in row.sources]))
        scratch = 0
        if self.depthwise_in_place and _works_map_by_map(row) and self.placement.is_only_reader(row.sources[0]):
            in_place, scratch = True, row.output.positions * self.scale
        if in_place:
            self.volume_of[row.index] = self.volume_of[row.sources[0]]
        else:
            self._new_volume(row, "activations")
        self.task_of[row.index] = len(self.tasks)
        self.tasks.append(Task(needs, reads, None if in_place else self.volume_of[row.index], scratch))
        self.layers_of_task.append([row.name])


def _works_map_by_map(row: LayerReport) -> bool:
    """Whether each output map depends on one input map and is not larger, with equally many maps."""
    layer, output = row.layer, row.output
    x = row.input_volumes[0]
    if x.depth != output.depth or output.positions > x.positions:
        return False
    return layer.is_depthwise(x) or (x.depth == 1 and layer.counts_macs and not layer.is_flat)


# Offsets


def place(sizes: Sequence[int], alive: Sequence[tuple[int, int]]) -> tuple[list[int], str]:
    """Offsets of volumes that never overlap while both are alive, and the method that found them.

    ``alive`` has the first and last step of each volume, both included. Greedy by size: the largest first, each at the
    lowest offset that is free during its lifetime. If that takes more than the most alive at one step, greedy by
    breadth is tried: volumes of the fullest step first. If that takes more as well, pairs of volumes are swapped in the
    order of placement as long as the arena does not grow (bounded by ``MAX_SWAP_COMPARISONS``). If greedy placement
    would compare too many pairs (``MAX_COMPARISONS``), volumes are placed in the order of their steps, each in the
    smallest gap that is large enough.

    Source: Pisarchyk and Lee 2020, greedy by size and by breadth.
    """
    steps = max([last for _, last in alive], default=-1) + 1
    sums, counts = [0] * (steps + 1), [0] * (steps + 1)
    for size, (first, last) in zip(sizes, alive, strict=True):
        sums[first] += size
        counts[first] += 1
        sums[last + 1] -= size
        counts[last + 1] -= 1
    sums, counts = list(accumulate(sums)), list(accumulate(counts))
    # a volume is compared with those alive at each of its steps, or with all
    before = [0, *accumulate(counts)]
    pairs = [before[last + 1] - before[first] for first, last in alive]
    work = sum([min(each, len(sizes)) for each in pairs])
    if work > MAX_COMPARISONS or sum(counts) > MAX_COMPARISONS:
        return _best_fit(sizes, alive), "best fit"
    every = range(len(sizes))
    bound = max(sums)
    method, order = "greedy by size", sorted(every, key=lambda index: (-sizes[index], alive[index][0], index))
    offsets = place_in_order(order, sizes, alive, pairs)
    arena = _height(offsets, sizes)
    if arena > bound:
        breadth = [max(sums[first : last + 1]) for first, last in alive]
        other = sorted(every, key=lambda index: (-breadth[index], -sizes[index], index))
        found = place_in_order(other, sizes, alive, pairs)
        if _height(found, sizes) < arena:
            method, order, offsets, arena = "greedy by breadth", other, found, _height(found, sizes)
    if arena > bound:
        found = _rearranged(order, offsets, sizes, alive, pairs, bound, MAX_SWAP_COMPARISONS // (len(sizes) + work))
        if _height(found, sizes) < arena:
            method, offsets = f"{method}, rearranged", found
    return offsets, method


def _height(offsets: Sequence[int], sizes: Sequence[int]) -> int:
    """The size of the arena: the end of the highest volume."""
    return max([offset + size for offset, size in zip(offsets, sizes, strict=True)], default=0)


def place_in_order(
    order: Sequence[int], sizes: Sequence[int], alive: Sequence[tuple[int, int]], pairs: Sequence[int] | None = None
) -> list[int]:
    """Offsets of volumes placed in this order, each at the lowest offset free during its lifetime.

    ``pairs`` has for each volume the sum, over its steps, of the volumes alive (None: not known).
    """
    if pairs is None:
        pairs = [0] * len(sizes)
    offsets = [0] * len(sizes)
    by_step: list[list[tuple[int, int, int]]] = [[] for _ in range(max([last for _, last in alive], default=-1) + 1)]
    placed: list[tuple[int, int, int]] = []  # offset, end, volume
    for number, volume in enumerate(order):
        first, last = alive[volume]
        size = sizes[volume]
        offset = 0
        if pairs[volume] < number:
            neighbours = sorted(by_step[first] if first == last else set().union(*by_step[first : last + 1]))
        else:
            neighbours = sorted(
                [entry for entry in placed if alive[entry[2]][0] <= last and first <= alive[entry[2]][1]]
            )
        for begin, end, _ in neighbours:
            if begin - offset >= size:
                break
            offset = max(offset, end)
        offsets[volume] = offset
        entry = (offset, offset + size, volume)
        placed.append(entry)
        for step in range(first, last + 1):
            by_step[step].append(entry)
    return offsets


def _rearranged(
    order: list[int],
    offsets: list[int],
    sizes: Sequence[int],
    alive: Sequence[tuple[int, int]],
    pairs: Sequence[int],
    bound: int,
    rounds: int,
) -> list[int]:
    """Offsets after random swaps in the order of placement; the arena does not grow.

    Each round swaps two volumes alive together with one that ends above the bound. The random numbers are a fixed
    sequence, so the result is the same everywhere.
    """
    arena = _height(offsets, sizes)
    drawn = 1

    def draw_one(choices: Sequence[int]) -> int:
        nonlocal drawn
        drawn = (drawn * 6364136223846793005 + 1442695040888963407) % 2**64  # Knuth's MMIX generator
        return choices[(drawn >> 33) % len(choices)]

    for _ in range(rounds):
        if arena <= bound:
            break
        high = draw_one([index for index, size in enumerate(sizes) if offsets[index] + size > bound])
        first, last = alive[high]
        near = [index for index, life in enumerate(alive) if life[0] <= last and first <= life[1]]
        one, other = draw_one(near), draw_one(near)
        if one == other:
            continue
        tried = [other if index == one else one if index == other else index for index in order]
        found = place_in_order(tried, sizes, alive, pairs)
        reached = _height(found, sizes)
        if reached <= arena:
            order, offsets, arena = tried, found, reached
    return offsets


def _best_fit(sizes: Sequence[int], alive: Sequence[tuple[int, int]]) -> list[int]:
    """Offsets in the order of the steps: each volume in the smallest gap that is large enough, else at the end."""
    offsets = [0] * len(sizes)
    leaving: dict[int, list[int]] = {}
    for volume, (_, last) in enumerate(alive):
        leaving.setdefault(last, []).append(volume)
    gaps: list[tuple[int, int]] = []  # size, offset
    at: dict[int, int] = {}  # offset -> size
    up_to: dict[int, int] = {}  # end -> offset
    end = 0

    def add(offset: int, size: int) -> None:
        if size:
            insort(gaps, (size, offset))
            at[offset] = size
            up_to[offset + size] = offset

    def take(offset: int) -> int:
        size = at.pop(offset)
        del up_to[offset + size]
        del gaps[bisect_left(gaps, (size, offset))]
        return size

    freed = 0
    for volume in sorted(range(len(sizes)), key=lambda index: (alive[index][0], -sizes[index], index)):
        while freed < alive[volume][0]:
            for old in leaving.get(freed, ()):
                offset, size = offsets[old], sizes[old]
                if offset + size in at:
                    size += take(offset + size)
                if offset in up_to:
                    offset = up_to[offset]
                    size += take(offset)
                if offset + size == end:
                    end = offset
                else:
                    add(offset, size)
            freed += 1
        size = sizes[volume]
        fitting = bisect_left(gaps, (size, -1))
        if fitting < len(gaps):
            offset = gaps[fitting][1]
            room = take(offset)
            add(offset + size, room - size)
        else:
            offset, end = end, end + size
        offsets[volume] = offset
    return offsets
