"""The document of a net on Ethos-U: the SRAM that Vela plans, its volumes, and a map of them over the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.formats.document import Cell, Column, Document, Paragraph
from cnncalc.memory.arena import ArenaVolume
from cnncalc.units import format_bytes, listing
from cnncalc.views.arena import plan_chart, volume_table

if TYPE_CHECKING:
    from cnncalc.formats.notation import Notation
    from cnncalc.memory.vela import VelaPlan, VelaVolume

SETTING = {
    "version": "5.2.0",
    "accelerator": "ethos-u55, ethos-u65",
    "memory_mode": "Sram_Only",
    "optimise": "Performance",
}
"""The version and options of Vela for which the plan holds."""
WEIGHTS = "not counted: Vela compresses them by their values and lists them apart, as on-chip flash"


def vela_document(plan: VelaPlan, *, notation: Notation, width: int = 100) -> Document:
    """The SRAM of a net on Ethos-U."""
    heading = (
        f"{plan.architecture}: on Ethos-U55 or Ethos-U65 as Vela {SETTING['version']} compiles it, int8, one image",
        f"SRAM {format_bytes(plan.sram_bytes, notation.units)} ({plan.sram_bytes:,} bytes): --memory-mode "
        f"{SETTING['memory_mode']}, --optimise {SETTING['optimise']}, no --arena-cache-size",
    )
    found = [_shown(volume, len(plan.steps)) for volume in plan.volumes]
    cells = [(Cell(_layout(volume), _layout(volume)), Cell(volume.role, volume.role)) for volume in plan.volumes]
    table = volume_table(found, (Column("layout", "layout"), Column("role", "role")), cells)
    closing = (
        Paragraph("weights", (WEIGHTS,), main=1),
        Paragraph(
            "map",
            ("vertical: offset; horizontal: step", *plan_chart(found, len(plan.steps), plan.sram_bytes, width=width)),
            verbatim=True,
        ),
    )
    return Document(heading, table, closing, lambda: _data(plan, found))


def _shown(volume: VelaVolume, steps: int) -> ArenaVolume:
    """A volume with steps instead of times; the lifetime of an output ends with the last step."""
    names = [name for name in volume.names if "/" not in name] or list(volume.names)
    first, last = volume.first // 2, min(volume.last // 2, steps - 1)
    return ArenaVolume(listing(names, 3), tuple(names), volume.role, volume.offset, volume.size, first, last)


def _layout(volume: VelaVolume) -> str:
    return "bricks of 16 channels" if volume.is_brick else "channels last"


def _data(plan: VelaPlan, found: list[ArenaVolume]) -> dict[str, Any]:
    volumes = [
        {**shown._asdict(), "layout": "NHCWB16" if volume.is_brick else "NHWC"}
        for volume, shown in zip(plan.volumes, found, strict=True)
    ]
    return {
        "schema": 1,
        "architecture": plan.architecture,
        "profile": "vela",
        "vela": SETTING,
        "dtype": "int8",
        "batch": 1,
        "training": None,
        "inference": {
            "sram_bytes": plan.sram_bytes,
            "steps": [{"layers": list(layers)} for layers in plan.steps],
            "volumes": volumes,
        },
    }
