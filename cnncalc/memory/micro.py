"""The memory of a net on a chip without an operating system: the arena in RAM, and the model in flash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import DesignError, Problem, ValueProblem
from cnncalc.interop.tflite_layers import tflite_net
from cnncalc.interop.tflite_net import BYTES, TfliteNet
from cnncalc.interop.tflite_writer import written
from cnncalc.memory.arena import ArenaVolume
from cnncalc.memory.cmsis import CMSIS_KERNELS
from cnncalc.memory.options import EXTENSIONS, POINTERS
from cnncalc.memory.tflm import KERNELS, UnknownScratch, arena_of
from cnncalc.records import NamedTuple
from cnncalc.units import listed, listing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cnncalc.analysis.report import Report
    from cnncalc.memory.tflm import Kernel, Part, TflmArena


class Flash(NamedTuple):
    """The bytes of the model in flash, which are those of its .tflite file.

    ``weights`` are int8 and ``biases`` int32, unless the file has others; ``quantization`` are scales and zero points,
    ``graph`` is the rest of the file.
    """

    weights: int
    biases: int
    quantization: int
    graph: int

    @property
    def bytes(self) -> int:
        """The whole file."""
        return sum(self)


class MicroReport(NamedTuple):
    """The memory of a net on a chip.

    ``pointers`` is the width of a pointer in bits. ``extension`` is the instruction set extension of the core for the
    kernels of CMSIS-NN; empty: reference kernels. ``steps`` are the operators in order, each with its layers, after an
    empty step before the first operator. ``volumes`` are those in the head of the arena; ``types`` the data types of
    their elements.
    """

    architecture: str
    profile: str
    extension: str
    pointers: int
    arena: TflmArena
    flash: Flash
    types: tuple[str, ...]
    steps: tuple[tuple[str, tuple[str, ...]], ...]
    volumes: tuple[ArenaVolume, ...]

    @property
    def tail(self) -> tuple[Part, ...]:
        """The parts of the tail, the largest first."""
        return tuple(sorted(self.arena.parts, key=lambda part: -part.bytes))

    def alive(self, step: int) -> list[ArenaVolume]:
        """The volumes in the head at a step, the lowest first."""
        found = [volume for volume in self.volumes if volume.first <= step <= volume.last]
        return sorted(found, key=lambda volume: volume.offset)

    @property
    def peak(self) -> int:
        """The step at which the most bytes of the head are alive; of several the first."""
        live = [sum([volume.size for volume in self.alive(step)]) for step in range(len(self.steps))]
        return live.index(max(live))


def micro_report(report: Report, profile: str = "tflm", pointers: int = 32, extension: str = "dsp") -> MicroReport:
    """The memory of a net on a chip, for the profile ``tflm`` or ``cmsis`` (with ``extension``, that of the core).

    Raises ValueProblem for other ``pointers`` or extensions, and DesignError with every layer that the runtime has no
    operator for and every operator whose memory is not known.
    """
    if str(pointers) not in POINTERS:
        raise ValueProblem(f"pointers: expected 32 or 64 bits, found {pointers}")
    if extension not in EXTENSIONS:
        raise ValueProblem(f"extension: expected {listed(EXTENSIONS, 'or')}, found '{extension:.60}'")
    extension = extension if profile == "cmsis" else ""
    kernels = CMSIS_KERNELS[extension] if extension else KERNELS
    net = net_on_chip(report, kernels)
    try:
        arena = arena_of(net, pointers // 8, kernels)
    except UnknownScratch as error:
        raise DesignError([Problem("no-equal", f"{report.name}: {error}")]) from None
    steps = [("", ()), *[(operator.code, operator.layers) for operator in net.operators]]
    types = {net.tensors[buffer.tensor].type for buffer in arena.buffers if buffer.tensor is not None}
    return MicroReport(
        report.name,
        profile,
        extension,
        pointers,
        arena,
        flash_of(net),
        tuple(sorted(types)),
        tuple(steps),
        _volumes(net, arena),
    )


def net_on_chip(report: Report, kernels: Mapping[str, Kernel] = KERNELS) -> TfliteNet:
    """The operators of a net; of a .tflite file those of the file. Raises DesignError as :func:`micro_report` does."""
    stored = report.graph.stored
    if not isinstance(stored, TfliteNet):
        return tflite_net(report.resolved)
    problems = [Problem("no-equal", f"{report.name}: {stored.reason}")] if stored.reason else []
    makers: dict[str, list[str]] = {}
    for operator in stored.operators:
        kernel = kernels.get(operator.code)
        if kernel is None:
            makers.setdefault(operator.code, []).extend(operator.layers)
        elif not kernel.accepts(operator):
            raise DesignError([Problem("wrong-file", f"{report.name}: {operator.code} lacks inputs or outputs")])
        elif kernel.types and stored.tensors[operator.outputs[0]].type not in kernel.types:
            form = stored.tensors[operator.outputs[0]].type
            makers.setdefault(f"{operator.code} in {form}", []).extend(operator.layers)
    problems += [
        Problem("no-equal", f"{report.name}: what {code} allocates is not known (at {listing(names, 3)})")
        for code, names in makers.items()
    ]
    types = sorted({tensor.type for tensor in stored.tensors if tensor.type not in BYTES})
    problems += [Problem("no-equal", f"{report.name}: the size of the data type {form} is not known") for form in types]
    if problems:
        raise DesignError(problems)
    return stored


def _volumes(net: TfliteNet, arena: TflmArena) -> tuple[ArenaVolume, ...]:
    """The buffers of the head with the layers that made them."""
    maker = {tensor: operator for operator in net.operators for tensor in operator.outputs}
    found = []
    for buffer in arena.buffers:
        if not buffer.size:
            continue
        if buffer.tensor is None:
            assert buffer.operator is not None
            layers = net.operators[buffer.operator].layers
            name, role = layers[0], "scratch"
        else:
            name = net.tensors[buffer.tensor].name
            operator = maker.get(buffer.tensor)
            layers = (name,) if operator is None else operator.layers
            role = "input" if operator is None else "output" if buffer.tensor in net.outputs else "activations"
        found.append(ArenaVolume(name, layers, role, buffer.offset, buffer.size, buffer.first, buffer.last))
    found.sort(key=lambda volume: (volume.first, volume.role != "input", volume.offset))
    return tuple(found)


def flash_of(net: TfliteNet) -> Flash:
    """The bytes of the .tflite file of a net, by part."""
    added = {
        operator.inputs[BIASES[operator.code]]
        for operator in net.operators
        if operator.code in BIASES and len(operator.inputs) > BIASES[operator.code]
    }
    weights = biases = 0
    seen = {0}
    for place, tensor in enumerate(net.tensors):
        is_number = tensor.scales or tensor.type.startswith("float")
        if not tensor.is_constant or not is_number or (net.file_bytes and tensor.buffer in seen):
            continue
        seen.add(tensor.buffer)
        if place in added:
            biases += tensor.bytes
        else:
            weights += tensor.bytes
    whole = net.file_bytes or written(net).size
    # a scale has 4 bytes, a zero point 8; tensors of a file may have the same ones
    quantization = min(sum([12 * tensor.scales for tensor in net.tensors]), whole - weights - biases)
    return Flash(weights, biases, quantization, whole - weights - biases - quantization)


BIASES = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3, "SVDF": 3}
"""The index of the input that holds the biases, by operator."""
