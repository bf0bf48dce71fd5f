"""What a net takes on a chip without an operating system: the arena in its RAM, and the model in its flash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import ValueProblem
from cnncalc.interop.tflite_layers import tflite_net
from cnncalc.interop.tflite_net import TfliteNet
from cnncalc.interop.tflite_writer import written
from cnncalc.memory.arena import ArenaVolume
from cnncalc.memory.options import POINTERS
from cnncalc.memory.tflm import arena_of
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report
    from cnncalc.memory.tflm import Part, TflmArena


class Flash(NamedTuple):
    """The bytes of the model in flash, which are those of its .tflite file.

    ``weights`` are of int8, ``biases`` of int32, ``quantization`` the scales and zero points, ``graph`` all else.
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
    """A net on a chip. Bytes of the arena are by :class:`~cnncalc.memory.tflm.TflmArena`; ``pointers`` is in bits.

    ``steps`` are the operators in order with the layers that each computes, behind the step before the first.
    ``volumes`` lie in the head.
    """

    architecture: str
    profile: str
    pointers: int
    arena: TflmArena
    flash: Flash
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
        """The step at which most bytes of the head are alive, the first of several."""
        live = [sum([volume.size for volume in self.alive(step)]) for step in range(len(self.steps))]
        return live.index(max(live))


def micro_report(report: Report, profile: str = "tflm", pointers: int = 32) -> MicroReport:
    """A net on a chip; raises DesignError with every layer that the runtime has no operator for."""
    if str(pointers) not in POINTERS:
        raise ValueProblem(f"pointers: expected 32 or 64 bits, found {pointers}")
    net = net_on_chip(report)
    arena = arena_of(net, pointers // 8)
    steps = [("", ()), *[(operator.code, operator.layers) for operator in net.operators]]
    return MicroReport(report.name, profile, pointers, arena, flash_of(net), tuple(steps), _volumes(net, arena))


def net_on_chip(report: Report) -> TfliteNet:
    """The operators of a net, those of its .tflite file where it is one; raises DesignError as :func:`micro_report`."""
    stored = report.graph.stored
    return stored if isinstance(stored, TfliteNet) else tflite_net(report.resolved)


def _volumes(net: TfliteNet, arena: TflmArena) -> tuple[ArenaVolume, ...]:
    """The buffers of the head with the layers that made them."""
    maker = {tensor: operator for operator in net.operators for tensor in operator.outputs}
    found = []
    for buffer in arena.buffers:
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
    constants = [tensor for tensor in net.tensors if tensor.is_constant and tensor.values is None]
    weights = sum([tensor.bytes for tensor in constants if tensor.type == "int8"])
    biases = sum([tensor.bytes for tensor in constants if tensor.type == "int32"])
    quantization = sum([12 * tensor.scales for tensor in net.tensors])  # a scale of 4 bytes, a zero point of 8
    return Flash(weights, biases, quantization, written(net).size - weights - biases - quantization)
