"""The document of a net on a board: whether it fits, by how much, and what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table, word
from cnncalc.memory.boards import PREFIX

if TYPE_CHECKING:
    from cnncalc.formats.notation import Notation
    from cnncalc.search.board_fit import BoardFit

COLUMNS = (
    Column("what", "net"),
    Column("arena_bytes", "arena", True),
    Column("flash_bytes", "flash", True),
    Column("macs", "MACs", True),
    Column("fits", "fits"),
)


def board_document(fit: BoardFit, *, notation: Notation) -> Document:
    """The arena, flash and MACs of the net and of each change that was tried, and whether they fit the board."""
    board = fit.board
    heading = (
        f"{fit.architecture}: on {PREFIX}{board.name} ({board.chip}), TensorFlow Lite Micro, int8, 32-bit pointers",
        f"RAM: the smallest arena {notation.size(fit.figures.arena)}"
        + (f" and {notation.size(fit.reserve)} (--reserve)" if fit.reserve else "")
        + _verdict(board.ram, fit.ram_left, notation),
        f"flash: the model {notation.size(fit.figures.flash)}{_verdict(board.flash, fit.flash_left, notation)}",
    )
    choices = [("unchanged", fit.figures, fit.fits), *fit.advice]
    rows = [
        (
            word(what),
            Cell(notation.size(figures.arena), figures.arena),
            Cell(notation.size(figures.flash), figures.flash),
            Cell(notation.short(figures.macs), figures.macs),
            Cell("yes" if fits else "no", fits),
        )
        for what, figures, fits in choices
    ]
    program = (
        "the program, its stack and the interpreter take RAM and flash too; --reserve 40KiB keeps RAM for them",
        "RAM is the sum of all banks of the chip, but an arena must be contiguous",
    )
    closing = (Paragraph("beside the net", program, main=2), Paragraph("source", (board.source,), main=1))
    return Document(heading, Table(COLUMNS, tuple(rows)), closing, lambda: _data(fit))


def _verdict(limit: int, left: int, notation: Notation) -> str:
    if left < 0:
        return f": {notation.size(-left)} more than {notation.size(limit)}"
    return f" of {notation.size(limit)}: {notation.size(left)} left"


def _data(fit: BoardFit) -> dict[str, Any]:
    board, figures = fit.board, fit.figures
    return {
        "schema": 1,
        "architecture": fit.architecture,
        "board": {
            "name": board.name,
            "chip": board.chip,
            "ram_bytes": board.ram,
            "flash_bytes": board.flash,
            "source": board.source,
        },
        "reserve_bytes": fit.reserve,
        "pointers": 32,
        "fits": fit.fits,
        "arena_bytes": figures.arena,
        "head_bytes": figures.head,
        "flash_bytes": figures.flash,
        "macs": figures.macs,
        "ram_left_bytes": fit.ram_left,
        "flash_left_bytes": fit.flash_left,
        "advice": [
            {
                "what": what,
                "arena_bytes": changed.arena,
                "flash_bytes": changed.flash,
                "macs": changed.macs,
                "fits": fits,
            }
            for what, changed, fits in fit.advice
        ],
    }
