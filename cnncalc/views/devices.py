"""The list of devices."""

from __future__ import annotations

from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table, word
from cnncalc.formats.notation import USUAL, Notation
from cnncalc.memory.devices import devices

COLUMNS = (
    Column("name", "device"),
    Column("memory", "memory", right=True),
    Column("bytes", "bytes", right=True),
    Column("source", "source"),
)


def devices_document(*, notation: Notation = USUAL) -> Document:
    """One row a device: name, memory, exact bytes, source."""
    found = list(devices().values())
    rows = [
        (
            word(device.name),
            Cell(notation.size(device.memory), device.memory),
            Cell(f"{device.memory:,}", device.memory),
            Cell(device.source, device.source),
        )
        for device in found
    ]
    conventions = (f"the memory that nvidia-smi reports, part of which its driver keeps; {notation.rule}",)
    return Document(
        (),
        Table(COLUMNS, tuple(rows)),
        (Paragraph("conventions", conventions, main=2),),
        lambda: {"schema": 1, "devices": [device._asdict() for device in found]},
    )
