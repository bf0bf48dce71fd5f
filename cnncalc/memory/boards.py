"""Boards with a chip that runs TensorFlow Lite Micro, by name: its RAM and its flash."""

from __future__ import annotations

import os
import re

from cnncalc.errors import ValueProblem
from cnncalc.records import NamedTuple
from cnncalc.units import format_bytes, listed

KIB = 1024
PREFIX = "board:"
"""Prefix of the name of a board, as in ``fit --memory board:NAME``."""


class Board(NamedTuple):
    """A board: its chip, RAM (the sum of all banks) and flash in bytes, and the page that states them."""

    name: str
    chip: str
    ram: int
    flash: int
    source: str


def boards() -> dict[str, Board]:
    """All boards of the data file, by name."""
    import json

    file = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boards.json")
    with open(file, encoding="utf-8") as text:
        found = json.load(text)["boards"]
    return {
        name: Board(name, entry["chip"], entry["ram_kib"] * KIB, entry["flash_kib"] * KIB, entry["source"])
        for name, entry in found.items()
    }


def is_board(text: str) -> bool:
    """Whether the value of ``--memory`` names a board: ``board:NAME``."""
    return text.strip().lower().startswith(PREFIX)


def read_board(text: str) -> Board:
    """The board of ``board:NAME``, whatever its case and punctuation; a ValueProblem names similar boards."""
    name = text.strip()[len(PREFIX) :]
    same, near = boards_like(name)
    if same is not None:
        return same
    if not _bare(name):
        raise ValueProblem("board: expected a name, as in board:raspberry-pi-pico", code="unknown-device", hint=LIST)
    message = f"no board '{name.strip()[:60]}'"
    if near:
        message += f"; did you mean {named(near)}?"
    raise ValueProblem(message, code="unknown-device", hint=LIST)


LIST = "cnncalc fit --list-devices prints the names of boards; for any other, cnncalc check --max arena=64KiB"


def boards_like(name: str) -> tuple[Board | None, list[Board]]:
    """The board of that name, whatever its case and punctuation; else None and up to five similar boards."""
    wanted = _bare(name)
    known = boards().values()
    by_name = {_bare(board.name): board for board in known}
    if wanted in by_name:
        return by_name[wanted], []
    if not wanted:
        return None, []
    meant = [board for bare, board in by_name.items() if wanted in bare or wanted in _bare(board.chip)]
    if not meant:
        from difflib import get_close_matches

        parts = {board.name: _parts(board) for board in known}
        near = set(get_close_matches(wanted, [part for each in parts.values() for part in each], n=5, cutoff=0.7))
        meant = [board for board in known if near & parts[board.name]]
    return None, meant[:5]


def _parts(board: Board) -> set[str]:
    """Short names of a board: the end of its name from each word on, and its chip."""
    words = re.split("[-.]", board.name)
    return {_bare(board.chip), *[_bare("".join(words[first:])) for first in range(len(words))]}


def named(found: list[Board]) -> str:
    """Boards with their RAM, joined by ``or``."""
    return listed([f"{PREFIX}{board.name} ({format_bytes(board.ram)} of RAM)" for board in found], "or")


def _bare(name: str) -> str:
    """The letters and digits of a name, in lower case."""
    return "".join(re.findall("[a-z0-9]+", name.lower()))
