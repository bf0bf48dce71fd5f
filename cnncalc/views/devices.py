"""The list of devices and boards."""

from __future__ import annotations

from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table, word
from cnncalc.formats.notation import USUAL, Notation
from cnncalc.memory.boards import PREFIX, boards
from cnncalc.memory.devices import devices

COLUMNS = (
    Column("name", "device"),
    Column("memory", "memory", right=True),
    Column("bytes", "bytes", right=True),
    Column("flash", "flash", right=True),
    Column("source", "source"),
)


def devices_document(*, notation: Notation = USUAL) -> Document:
    """One row for each device or board: name, memory, exact bytes, flash of a board, source."""
    found = list(devices().values())
    rows = [
        (
            word(device.name),
            Cell(notation.size(device.memory), device.memory),
            Cell(f"{device.memory:,}", device.memory),
            Cell(""),
            Cell(device.source, device.source),
        )
        for device in found
    ]
    chips = list(boards().values())
    rows += [
        (
            word(f"{PREFIX}{board.name}"),
            Cell(notation.size(board.ram), board.ram),
            Cell(f"{board.ram:,}", board.ram),
            Cell(notation.size(board.flash), board.flash),
            Cell(board.source, board.source),
        )
        for board in chips
    ]
    conventions = (
        f"the memory that nvidia-smi reports, part of which its driver keeps; of boards the RAM; {notation.rule}",
    )
    return Document(
        (),
        Table(COLUMNS, tuple(rows)),
        (Paragraph("conventions", conventions, main=2),),
        lambda: {
            "schema": 1,
            "devices": [device._asdict() for device in found],
            "boards": [board._asdict() for board in chips],
        },
    )
