"""The SRAM that Vela plans for Ethos-U55 and Ethos-U65 in memory mode Sram_Only.

Optimised for performance (its default), with all memory in SRAM and no limit, Vela runs each step on whole volumes,
without stripes, and keeps no copies of weights. The plan therefore consists of the order of the steps, which volumes
are stored in bricks of 16 channels, which steps write into their input, and the offsets that its allocator finds.

Source: ethos-u-vela 5.2.0 (Arm), its compiler Regor: scheduler_packing, scheduler, live_range, hillclimb_allocator.
"""

from __future__ import annotations

from math import isqrt, prod
from typing import TYPE_CHECKING

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.tflite_layers import tflite_net
from cnncalc.interop.tflite_net import TfliteNet
from cnncalc.memory.hillclimb import Range, TooManyPairs, allocated
from cnncalc.memory.vela_graph import NotKnown
from cnncalc.memory.vela_lowering import vela_outputs
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.memory.vela_graph import FeatureMap, Shape, Step, View

BRICK = 16
"""Number of channels of a brick, and bytes to which volumes are aligned."""
MOST_SRAM = 1 << 30
"""Plans of at least so many bytes are refused."""


class VelaVolume(NamedTuple):
    """A range of SRAM: ``size`` bytes at ``offset``, in use from time ``first`` to ``last``, both included.

    Step n takes times 2n and 2n + 1; the outputs stay for two more. ``names`` are those of the volumes stored there,
    one after the other in place; ``is_brick``: their channels are in bricks of 16.
    """

    names: tuple[str, ...]
    role: str
    offset: int
    size: int
    first: int
    last: int
    is_brick: bool


class VelaPlan(NamedTuple):
    """The plan of SRAM: its bytes, its volumes, and the layers that each step computes."""

    architecture: str
    sram_bytes: int
    volumes: tuple[VelaVolume, ...]
    steps: tuple[tuple[str, ...], ...]


def vela_report(report: Report) -> VelaPlan:
    """The SRAM of a net, which must not be a .tflite file.

    Raises DesignError for layers without an operator in int8, and for operators whose steps are not known.
    """
    if isinstance(report.graph.stored, TfliteNet):
        why = "the plan of Vela for a .tflite file depends on its scales, which are not read"
        hint = "give the net as a design, or --profile tflm"
        raise DesignError([Problem("no-equal", f"{report.name}: {why}", hint=hint)])
    try:
        return vela_plan(tflite_net(report.resolved))
    except NotKnown as error:
        message = f"{report.name}: the plan of Vela is not known for {error}"
        hint = "--profile tflm plans the arena without an Ethos-U"
        raise DesignError([Problem("no-equal", message, hint=hint)]) from None


def vela_plan(net: TfliteNet) -> VelaPlan:
    """The SRAM of a net; raises NotKnown if its steps are not known."""
    steps = _fused(_in_order(vela_outputs(net)))
    maps: dict[int, FeatureMap] = {}
    for step in steps:
        for feature_map in (*[view.feature_map for view in step.inputs], step.target):
            if feature_map is not None:
                maps[id(feature_map)] = feature_map
    bricks = {key: _is_brick(feature_map) for key, feature_map in maps.items()}
    sizes = {key: _size(feature_map, bricks[key]) for key, feature_map in maps.items()}
    found = _ranges(steps, bricks, sizes)
    try:
        offsets, size = allocated([Range(each.first, each.last, each.size) for each in found])
    except TooManyPairs:
        raise NotKnown(f"a net of {len(found):,} volumes, since the search for their offsets takes too long") from None
    if size >= MOST_SRAM:
        raise NotKnown(f"a net that needs {size:,} bytes of SRAM, which must be less than {MOST_SRAM:,}")
    volumes = [each._replace(offset=offset) for each, offset in zip(found, offsets, strict=True)]
    return VelaPlan(net.name, size, tuple(volumes), tuple([tuple(step.layers) for step in steps]))


def _in_order(outputs: Sequence[FeatureMap]) -> list[Step]:
    """The steps in the order in which they run: before each step those that make its inputs, the last input first."""
    found: list[Step] = []
    seen = set()
    stack = [(step, False) for feature_map in outputs for step in feature_map.writers]
    while stack:
        step, is_done = stack.pop()
        if is_done:
            found.append(step)
        elif id(step) not in seen:
            seen.add(id(step))
            stack.append((step, True))
            for view in step.inputs:
                if view.feature_map is not None:
                    stack += [(writer, False) for writer in view.feature_map.writers if id(writer) not in seen]
    return found


def _fused(steps: list[Step]) -> list[Step]:
    """The steps, each with the activation function after it where the two can be fused."""
    for step in steps:
        _deepen(step)
    found: list[Step] = []
    is_fused = False
    for step in steps:
        if found and not is_fused and _takes(found[-1], step):
            before = found[-1].target
            before.writers.clear()
            step.target.writers.remove(step)
            output = step.output if step.output.is_part else found[-1].output._replace(feature_map=step.target)
            found[-1].output = output
            step.target.writers.append(found[-1])
            found[-1].layers += [name for name in step.layers if name not in found[-1].layers]
            is_fused = True
        else:
            found.append(step)
            is_fused = False
    return found


def _deepen(step: Step) -> None:
    """Reshapes volumes of few channels to at least 16 channels, if the step is elementwise."""
    if not step.is_one_to_one or step.output.is_part or any(view.is_part for view in step.inputs):
        return
    shapes = {view.whole for view in step.inputs if prod(view.whole) > 1}
    if len(shapes) > 1 or prod(step.output.whole) <= BRICK or step.output.whole[3] >= BRICK // 2:
        return

    def deeper(view: View) -> View:
        shape = _deep(view.whole) if prod(view.whole) > 1 else view.whole
        return view._replace(whole=shape, part=shape)

    step.inputs = [deeper(view) for view in step.inputs]
    step.output = deeper(step.output)


def _deep(shape: Shape) -> Shape:
    """The elements in another shape: the smallest prime factors are 16 channels or more, the others almost a square."""
    factors, rest = [], prod(shape)
    while rest % 2 == 0:
        factors.append(2)
        rest //= 2
    for factor in range(3, isqrt(rest) + 1, 2):
        while rest % factor == 0:
            factors.append(factor)
            rest //= factor
    if rest > 1:
        factors.append(rest)
    depth, sides = 1, [1, 1]
    for factor in factors:
        if depth < BRICK:
            depth *= factor
        else:
            sides[sides[1] < sides[0]] *= factor
    return 1, max(sides), min(sides), depth


def _takes(step: Step, after: Step) -> bool:
    """Whether a step can compute the activation function directly after it."""
    if after.block != "activation" or step.block == "activation":
        return False
    feature_map = step.target
    if after.inputs[0].feature_map is not feature_map or len(feature_map.writers) != 1 or len(feature_map.readers) != 1:
        return False
    if step.output.is_part or after.inputs[0].is_part or feature_map.is_output:
        return False
    is_reshaped = step.output.whole != after.inputs[0].whole
    return not is_reshaped or not (after.output.is_part or step.block == "convolution" or step.has_window)


def _is_brick(feature_map: FeatureMap) -> bool:
    """Whether a volume is stored in bricks: all its writers and readers see the same width and depth."""
    if feature_map.is_input or feature_map.is_output:
        return False
    reads = [view for step in feature_map.readers for view in step.inputs if view.feature_map is feature_map]
    views = [*[step.output for step in feature_map.writers], *reads]
    if any(view.first % BRICK for view in views):
        return False
    if feature_map.width > 1 and any(step.block == "sum" for step in feature_map.readers):
        return False
    seen = {view.part[2:] for view in reads}
    return all((view.whole[2:] in seen) == len(seen) for view in views)


def _size(feature_map: FeatureMap, is_brick: bool) -> int:
    """The bytes of a volume, aligned to 16."""
    batch, height, width, depth = feature_map.shape
    if is_brick:
        depth = -(-depth // BRICK) * BRICK
    return -(-batch * height * width * depth * feature_map.width // BRICK) * BRICK


def _ranges(steps: Sequence[Step], bricks: dict[int, bool], sizes: dict[int, int]) -> list[VelaVolume]:
    """The ranges of SRAM, still without offsets; an elementwise step writes into an input that nothing else reads."""
    found: list[VelaVolume] = []
    number: dict[int, int] = {}

    def mark(feature_map: FeatureMap, first: int, last: int) -> None:
        key = id(feature_map)
        if key not in number:
            number[key] = len(found)
            found.append(VelaVolume((), "activations", 0, sizes[key], first, last, bricks[key]))
        each = found[number[key]]
        names = each.names if feature_map.name in each.names else (*each.names, feature_map.name)
        role = "input" if feature_map.is_input else "output" if feature_map.is_output else each.role
        first, last = min(each.first, first), max(each.last, last)
        found[number[key]] = each._replace(names=names, role=role, first=first, last=last)

    for index, step in enumerate(steps):
        source = _overwritten(step, bricks)
        if source is not None:
            mark(source, 2 * index, 2 * index + 1)
            number[id(step.target)] = number[id(source)]
        for feature_map in (*[view.feature_map for view in step.inputs], step.target):
            if feature_map is not None:
                mark(feature_map, 0 if feature_map.is_input else 2 * index, 2 * index + 1)
    for step in steps:
        if step.target.is_output:
            mark(step.target, 2 * len(steps), 2 * len(steps) + 1)
    return found


def _overwritten(step: Step, bricks: dict[int, bool]) -> FeatureMap | None:
    """The first input that a step can overwrite, if any."""
    target = step.target
    if not step.is_one_to_one and not (step.block in ("pooling", "sum") and not step.has_window):
        return None
    for view in step.inputs:
        feature_map = view.feature_map
        if (
            feature_map is None
            or feature_map.is_output
            or feature_map.shape != target.shape
            or feature_map.width != target.width
        ):
            continue
        if bricks[id(feature_map)] == bricks[id(target)] and len(feature_map.readers) == len(target.writers) == 1:
            return feature_map
    return None
