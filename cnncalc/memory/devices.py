"""Devices by name; the memory of a device or a size as text; what a process takes on a device beside tensors."""

from __future__ import annotations

import os
import re
from math import ceil
from typing import TYPE_CHECKING, Any

from cnncalc.errors import ValueProblem
from cnncalc.memory.boards import boards_like, named
from cnncalc.records import NamedTuple
from cnncalc.units import format_bytes, listed, parse_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MIB = 1024**2
ADDED = re.compile("nvidia|geforce|tesla|quadro|gpu|pcie|sxm[0-9]?|hbm[0-9]e?")
"""Words of the names of devices that do not tell two of them apart."""


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
            if problem.code == "no-unit" and meant:
                hint = f"{problem.hint}; or {_named(meant)}"
                raise ValueProblem(problem.message, code=problem.code, hint=hint) from None
            is_model = meant or _of_model(wanted, known) or re.fullmatch("[0-9]{3,4}(?:ti)?(?:super)?", wanted)
            if problem.code != "unknown-unit" or not is_model:
                raise
    found = known.get(wanted) or _with_its_size(wanted, known)
    if found is not None:
        return found.memory, found
    meant = [device for bare, device in known.items() if wanted and wanted in bare]
    if meant:
        raise ValueProblem(f"'{text}' may be {_named(meant)}", code="unknown-device", hint=f"--memory {meant[0].name}")
    raise _unknown(text, known)


def _of_model(wanted: str, known: Mapping[str, Device]) -> list[Device]:
    """The devices with the number of the model with which a name begins: ``4070super`` -> rtx-4070, rtx-4070-ti."""
    number = re.match("[0-9]{3,4}(?![0-9])", wanted)
    return [device for bare, device in known.items() if number is not None and number[0] in bare]


def _with_its_size(wanted: str, known: Mapping[str, Device]) -> Device | None:
    """The device of a name that is followed by the memory of the device, in GiB or GB: ``h10080gb``."""
    for bare, device in known.items():
        size = wanted.removeprefix(bare)
        gib, gb = device.memory / 1024**3, device.memory / 1000**3
        if size != wanted and size in [f"{number}gb" for number in (round(gib), ceil(gib), round(gb))]:
            return device
    return None


def _unknown(text: str, known: Mapping[str, Device]) -> ValueProblem:
    """The error for a text that names no device, with similar devices and boards; ``known`` are by bare name."""
    from difflib import get_close_matches

    wanted = _bare(text)
    near = get_close_matches(wanted, known, n=5, cutoff=0.7)
    meant = _of_model(wanted, known) or [device for bare, device in known.items() if bare in near]
    board, others = boards_like(text)
    likely = [_named(meant)] if meant else []
    likely += [named([board] if board is not None else others)] if board is not None or (others and not meant) else []
    message = f"no device or size '{text}'" + (f"; did you mean {' or '.join(likely)}?" if likely else "")
    hint = "write a size such as 8GiB; cnncalc fit --list-devices prints the names of devices"
    return ValueProblem(message, code="unknown-device", hint=hint)


def _bare(name: str) -> str:
    """A name without the words and signs that people leave out or add: ``NVIDIA GeForce RTX 3090`` -> ``rtx3090``."""
    words = re.findall("[a-z0-9.]+", name.lower())
    return "".join([word for word in words if not ADDED.fullmatch(word)])


def _named(found: Sequence[Device]) -> str:
    """Devices with their memory, joined by ``or``."""
    names = [f"{device.name} ({format_bytes(device.memory)})" for device in found]
    return listed(names, "or")
