"""Boards by name, with RAM and flash."""

from __future__ import annotations

import pytest

from cnncalc.errors import ValueProblem
from cnncalc.memory.boards import PREFIX, boards, is_board, read_board
from cnncalc.memory.devices import devices, read_memory

KIB = 1024


@pytest.mark.parametrize(
    ("name", "ram", "flash"),
    [("arduino-nano-33-ble-sense", 256, 1024), ("raspberry-pi-pico", 264, 2048), ("nucleo-l4r5zi", 640, 2048)],
)
def test_a_board_has_the_memory_of_its_source(name: str, ram: int, flash: int) -> None:
    assert (boards()[name].ram, boards()[name].flash) == (ram * KIB, flash * KIB)


def test_every_board_states_its_chip_and_its_source() -> None:
    assert len(boards()) >= 15
    for board in boards().values():
        assert board.chip
        assert "." in board.source.split()[0] or "(" in board.source  # a page
        assert 16 * KIB <= board.ram <= board.flash
    assert not set(boards()) & set(devices())


@pytest.mark.parametrize("name", list(boards()))
def test_every_name_is_found_as_it_is_listed(name: str) -> None:
    assert read_board(f"{PREFIX}{name}") == boards()[name]


@pytest.mark.parametrize("spelling", ["board:Raspberry Pi Pico", " Board:raspberrypipico", "board: raspberry_pi_pico"])
def test_a_name_is_found_in_any_spelling(spelling: str) -> None:
    assert is_board(spelling)
    assert read_board(spelling) == boards()["raspberry-pi-pico"]


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_board, "board:nrf52840", "no board 'nrf52840'; did you mean board:arduino-nano-33-ble-sense (256.0 KiB "),
        (read_board, "board:picoo", "no board 'picoo'; did you mean board:raspberry-pi-pico (264.0 KiB of RAM) or "),
        (read_board, "board:teensy-4.2", "no board 'teensy-4.2'; did you mean board:teensy-4.1 (1.000 MiB of RAM)?"),
        (read_board, "board:", "board: expected a name, as in board:raspberry-pi-pico"),
        (read_board, "board:abacus", "no board 'abacus'"),
        (read_memory, "teensy41", "no device or size 'teensy41'; did you mean board:teensy-4.1 (1.000 MiB of RAM)?"),
        (read_memory, "abacus", "no device or size 'abacus'"),
    ],
)
def test_near_names_are_answered_with_what_could_be_meant(read: object, text: str, message: str) -> None:
    assert callable(read)
    with pytest.raises(ValueProblem) as raised:
        read(text)
    assert raised.value.message.startswith(message)
    assert raised.value.code == "unknown-device"
