"""The document of a net on a chip: the arena and flash by part, the volumes at the peak, and a map of the head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table, number
from cnncalc.units import format_bytes, listing, percent
from cnncalc.views.arena import plan_chart

if TYPE_CHECKING:
    from cnncalc.formats.notation import Notation
    from cnncalc.memory.micro import MicroReport

RUNTIME = "TensorFlow Lite Micro"
KERNELS = {
    "": "",
    "none": " and CMSIS-NN for cores without DSP, such as Cortex-M0 and M3",
    "dsp": " and CMSIS-NN for cores with DSP, such as Cortex-M4, M7 and M33",
    "mve": " and CMSIS-NN for cores with MVE, such as Cortex-M55 and M85",
}
"""The words after the name of the runtime, by the extension of the core."""
FLASH = {
    "weights": "weights",
    "biases": "biases",
    "quantization": "scales and zero points",
    "graph": "graph: tensors, operators, names",
}


def micro_document(report: MicroReport, *, notation: Notation, width: int = 100) -> Document:
    """The arena and the flash of a net on a chip."""
    arena, flash = report.arena, report.flash

    def size(count: int) -> str:
        return format_bytes(count, notation.units)

    heading = (
        f"{report.architecture}: on a chip with {RUNTIME}{KERNELS[report.extension]}, {listing(report.types, 4)}, "
        f"one image, {report.pointers}-bit pointers",
        f"arena {size(arena.total_bytes)} ({arena.total_bytes:,} bytes): head {arena.head_bytes:,}, "
        f"tail {arena.tail_bytes:,}; flash {size(flash.bytes)} ({flash.bytes:,} bytes)",
    )
    columns = (Column("part", "part"), Column("bytes", "bytes", True), Column("share", "share", True))
    rows = [_row("head: volumes", arena.head_bytes, arena.total_bytes)]
    rows += [_row(f"tail: {part.what}", part.bytes, arena.total_bytes) for part in report.tail]
    rows.append(_row("arena", arena.total_bytes, arena.total_bytes))
    rows += [_row(f"flash: {FLASH[name]}", count, flash.bytes) for name, count in flash._asdict().items()]
    rows.append(_row("flash", flash.bytes, flash.bytes))
    return Document(heading, Table(columns, tuple(rows)), _closing(report, width), lambda: _data(report))


def _row(what: str, count: int, whole: int) -> tuple[Cell, ...]:
    share = percent(count, whole) if whole else "0%"
    return (Cell(what, what), number(count), Cell(share, share))


def _closing(report: MicroReport, width: int) -> tuple[Paragraph, ...]:
    arena, peak = report.arena, report.peak
    code, layers = report.steps[peak]
    at = f"step {peak}, {code} ({listing(layers, 4)})" if code else "the start"
    lines = [
        f"{volume.offset:>9,} to {volume.end - 1:>9,}  {volume.name} ({volume.role})" for volume in report.alive(peak)
    ]
    smallest = f"{arena.minimum_bytes:,} bytes, from an address that 16 divides"
    return (
        Paragraph("smallest arena", (smallest,), main=1),
        Paragraph("at the peak", (f"bytes of the head at {at}:", *lines), verbatim=True, main=1),
        Paragraph(
            "map",
            (
                "vertical: offset in the head; horizontal: operators, step 0 before the first",
                *plan_chart(report.volumes, len(report.steps), arena.head_bytes, width=width),
            ),
            verbatim=True,
        ),
    )


def _data(report: MicroReport) -> dict[str, Any]:
    arena = report.arena
    volumes = [volume._asdict() for volume in report.volumes]
    steps = [{"operator": code or None, "layers": list(layers)} for code, layers in report.steps]
    return {
        "schema": 1,
        "architecture": report.architecture,
        "profile": report.profile,
        **({"extension": report.extension} if report.extension else {}),
        "pointers": report.pointers,
        "dtype": listing(report.types, 4),
        "batch": 1,
        "training": None,
        "inference": {
            "arena": {
                "head_bytes": arena.head_bytes,
                "tail_bytes": arena.tail_bytes,
                "total_bytes": arena.total_bytes,
                "minimum_bytes": arena.minimum_bytes,
            },
            "flash_bytes": report.flash.bytes,
            "tail": {part.what: part.bytes for part in report.tail},
            "flash": report.flash._asdict(),
            "peak_at": report.peak,
            "steps": steps,
            "volumes": volumes,
        },
    }
