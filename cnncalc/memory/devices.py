"""Devices by name; the memory of a device or a size as text; what a process takes on a device beside tensors."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from cnncalc.errors import ValueProblem
from cnncalc.memory.boards import boards_like, named
from cnncalc.records import NamedTuple
from cnncalc.units import format_bytes, listed, parse_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MIB = 1024**2


class Device(NamedTuple):
    """A device: its memory in bytes, as the vendor's tool reports it, and the source of that output."""

    name: str
    memory: int
    source: str


class Overhead(NamedTuple):
    """What a process takes on a device beside tensors, with the sources of the figures.

    It takes from ``low`` to ``high`` bytes, or percent of the peak (``is_share``); a need counts ``bytes`` of it.
    """

    key: str
    what: str
    low: int
    high: int
    source: str
    bytes: int = 0
    is_share: bool = False


def _file() -> dict[str, Any]:
    import json

    file = os.path.join(os.path.dirname(os.path.abspath(__file__)), "devices.json")
    with open(file, encoding="utf-8") as text:
        found: dict[str, Any] = json.load(text)
    return found


def devices() -> dict[str, Device]:
    """All devices of the data file, by name."""
    return {name: Device(name, entry["mib"] * MIB, entry["source"]) for name, entry in _file()["devices"].items()}


def overheads(profile: str) -> tuple[Overhead, ...]:
    """What a process takes beside tensors in a profile; empty for profiles other than PyTorch's."""
    known = _file()["beside_tensors"]
    return tuple([Overhead(**entry) for entry in known.get("torch-cuda" if profile == "torch-fake" else profile, ())])


def read_memory(text: str) -> tuple[int, Device | None]:
    """The bytes of ``8GiB`` or ``rtx-3090``, with the device if it is one; raises ValueProblem for anything else."""
    known = {_bare(name): device for name, device in devices().items()}
    wanted = _bare(text)
    if text.strip()[:1].isdigit():
        try:
            return parse_size(text), None
        except ValueProblem as problem:
            meant = [device for bare, device in known.items() if bare.endswith(wanted)]
            if problem.code != "no-unit" or not meant:
                raise
            raise ValueProblem(problem.message, code=problem.code, hint=f"{problem.hint}; or {_named(meant)}") from None
    if wanted in known:
        return known[wanted].memory, known[wanted]
    meant = [device for bare, device in known.items() if wanted and wanted in bare]
    if meant:
        raise ValueProblem(f"'{text}' may be {_named(meant)}", code="unknown-device", hint=f"--memory {meant[0].name}")
    raise _unknown(text, known)


def _unknown(text: str, known: Mapping[str, Device]) -> ValueProblem:
    """The error for a text that names no device, with similar devices and boards; ``known`` are by bare name."""
    from difflib import get_close_matches

    near = get_close_matches(_bare(text), known, n=5, cutoff=0.7)
    meant = [device for bare, device in known.items() if bare in near]
    board, others = boards_like(text)
    likely = [_named(meant)] if meant else []
    likely += [named([board] if board is not None else others)] if board is not None or (others and not meant) else []
    message = f"no device or size '{text}'" + (f"; did you mean {' or '.join(likely)}?" if likely else "")
    hint = "write a size such as 8GiB; cnncalc fit --list-devices prints the names of devices"
    return ValueProblem(message, code="unknown-device", hint=hint)


def _bare(name: str) -> str:
    """A name without the words and signs that people leave out or add: ``NVIDIA GeForce RTX 3090`` -> ``rtx3090``."""
    words = re.findall("[a-z0-9.]+", name.lower())
    return "".join([word for word in words if word not in ("nvidia", "geforce", "tesla", "quadro")])


def _named(found: Sequence[Device]) -> str:
    """Devices with their memory, joined by ``or``."""
    names = [f"{device.name} ({format_bytes(device.memory)})" for device in found]
    return listed(names, "or")
