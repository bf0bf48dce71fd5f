"""Data parallelism and ZeRO: bytes on each device, by formula.

With b, g and s bytes of parameters, gradients and optimizer state: plain data parallelism holds b + g + s on each
device, and g more in communication buckets. ZeRO-1 splits s over the devices, ZeRO-2 also g, ZeRO-3 also b, and then
gathers the parameters of one layer at a time. Activations are those of a device's own batch. Source: Rajbhandari et al.
2020 (ZeRO); PyTorch pull request #41954 for the buckets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.records import NamedTuple
from cnncalc.units import format_bytes

if TYPE_CHECKING:
    from cnncalc.memory.report import Simulation


class Sharding(NamedTuple):
    """Bytes on each of ``devices``, and the largest batch of each.

    ``zero`` is the stage of ZeRO, 0 to 3. ``in_flight``: buckets (stage 0) or gathered parameters (stage 3).
    ``activations``, from the replay, also has buffers, inputs and temporaries.
    """

    devices: int
    zero: int
    parameters: int
    gradients: int
    optimizer_state: int
    in_flight: int
    activations: int
    largest_batch: int

    @property
    def peak_bytes(self) -> int:
        """The sum of all bytes on a device."""
        return self.parameters + self.gradients + self.optimizer_state + self.in_flight + self.activations

    def lines(self, units: str) -> tuple[str, ...]:
        """The figures in words."""
        way = f"ZeRO-{self.zero}" if self.zero else "data parallel"

        def size(count: int) -> str:
            return format_bytes(count, units)

        return (
            f"{way} on {self.devices} devices: {size(self.peak_bytes)} per device, batch of at most "
            f"{self.largest_batch:,} per device (by formula, not measured)",
            f"parameters {size(self.parameters)}, gradients {size(self.gradients)}, optimizer state "
            f"{size(self.optimizer_state)}, buffers for communication {size(self.in_flight)}, activations and other "
            f"{size(self.activations)}",
        )

    def data(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return {**self._asdict(), "peak_bytes": self.peak_bytes, "method": "formula"}


def sharded(simulation: Simulation, batch: int, devices: int, zero: int, room: int) -> Sharding:
    """The bytes on each device for ``batch`` images on each; the largest batch is that within ``room`` bytes."""
    from cnncalc.memory.fit import largest_batch

    tape = simulation.tape(training=True)
    sizes = simulation.sizes(1, training=True).parameters
    parameters = sum(sizes)
    learned = sum(simulation.learned())
    by_layer: dict[int, int] = {}
    for parameter, size in zip(tape.parameters, sizes, strict=True):
        by_layer[parameter.layer] = by_layer.get(parameter.layer, 0) + size
    biggest = max(by_layer.values(), default=0)

    def share(batch: int) -> Sharding:
        training = simulation.training(batch)
        state = training.breakdown.optimizer_state
        rest = training.breakdown
        others = rest.buffers + rest.inputs + rest.activations + rest.transient

        def part(count: int, stage: int) -> int:
            return -(-count // devices) if zero >= stage else count

        in_flight = learned if zero == 0 and devices > 1 else biggest if zero == 3 else 0
        return Sharding(devices, zero, part(parameters, 3), part(learned, 2), part(state, 1), in_flight, others, 0)

    found = largest_batch(lambda batch: share(batch).peak_bytes, room)
    return share(batch)._replace(largest_batch=found)
