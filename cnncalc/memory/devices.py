"""Devices by name, and memory given as a size or a device."""

from __future__ import annotations

import os

from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.records import NamedTuple
from cnncalc.units import parse_bytes


class Device(NamedTuple):
    """A device: its memory in bytes, including what its driver takes, and the source of the figure."""

    name: str
    memory: int
    source: str


def devices() -> dict[str, Device]:
    """All devices of the data file, by name."""
    import json

    file = os.path.join(os.path.dirname(os.path.abspath(__file__)), "devices.json")
    with open(file, encoding="utf-8") as text:
        found = json.load(text)
    return {name: Device(name, parse_bytes(entry["memory"]), entry["source"]) for name, entry in found.items()}


def read_memory(text: str) -> tuple[int, Device | None]:
    """The bytes of ``8GiB`` or ``rtx-3090``, with the device if it is one; raises ValueProblem for anything else."""
    if text[:1].isdigit():
        return parse_bytes(text), None
    known = devices()
    device = known.get(text.strip().lower().replace(" ", "-").replace("_", "-"))
    if device is None:
        near = did_you_mean(text, known)
        message = f"no device or size '{text}'{near}"
        raise ValueProblem(message, code="unknown-device", hint="write a size such as 8GiB or a name such as rtx-3090")
    return device.memory, device
