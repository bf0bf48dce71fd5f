"""``fit --memory board:NAME``: what fits a board, and values of the input and of variables that do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cnncalc import analyze, fit, load, solve, sweep
from cnncalc.errors import ValueProblem
from cnncalc.language.settings import Settings
from cnncalc.memory.boards import Board, read_board
from cnncalc.memory.micro import micro_report
from cnncalc.search.board_fit import BoardFit, fit_board
from cnncalc.search.family import Family
from cnncalc.volume import Volume
from tests.calls import called

KEYWORDS = (
    "INPUT 49x10x1 -> CONV10x4-{w}/2(pad=same, bias=no) -> BN -> RELU -> "
    "[DWCONV3(bias=no) -> BN -> RELU -> CONV1-{w}(bias=no) -> BN -> RELU]*4 -> GAP -> FC-12 -> SOFTMAX"
)


def found(target: str, board: str | Board, reserve: int = 0, settings: Settings | None = None) -> BoardFit:
    family = Family(target, settings or Settings())
    return fit_board(family, family.report({}), read_board(board) if isinstance(board, str) else board, reserve)


def test_a_board_must_have_the_smallest_arena_and_the_model() -> None:
    micro = micro_report(analyze("cifar-tiny"))
    arena, flash = micro.arena.minimum_bytes, micro.flash.bytes
    exact = Board("own", "chip", arena + 100, flash, "")

    assert found("cifar-tiny", exact, 100) == BoardFit("cifar-tiny", exact, 100, found("cifar-tiny", exact).figures)
    assert found("cifar-tiny", exact, 100).fits
    assert (found("cifar-tiny", exact, 100).ram_left, found("cifar-tiny", exact, 100).flash_left) == (0, 0)
    assert not found("cifar-tiny", exact, 101).fits
    assert not found("cifar-tiny", exact._replace(flash=flash - 1)).fits


def test_a_variable_fits_at_its_value_and_not_at_the_next() -> None:
    settings = Settings({"w": 512})
    fit = found(KEYWORDS, "board:nucleo-l433rc", 8 * 1024, settings)
    (change,) = fit.advice
    name, _, width = change.what.partition("=")

    assert name == "w"
    assert change.fits
    for value, fits in ((int(width), True), (int(width) + 8, False)):
        micro = micro_report(analyze(KEYWORDS, variables={"w": value}))
        assert (micro.arena.minimum_bytes <= 56 * 1024 and micro.flash.bytes <= 256 * 1024) is fits
    micro = micro_report(analyze(KEYWORDS, variables={"w": int(width)}))
    assert change.figures[:3] == (micro.arena.minimum_bytes, micro.arena.head_bytes, micro.flash.bytes)


def test_the_function_fits_boards_as_the_command_does() -> None:
    expected = found("mobilenet-v1", "board:raspberry-pi-pico", 1000)
    assert fit("mobilenet-v1", "board:raspberry-pi-pico", reserve=1000) == expected
    assert fit("mobilenet-v1", "Board: Raspberry Pi Pico", reserve="1000B") == expected
    assert fit(load("mobilenet-v1"), "board:raspberry-pi-pico", reserve=1000) == expected._replace(advice=())
    text = "INPUT 8x8x3 -> CONV3-4 -> FC-2"
    read = fit("-", "board:raspberry-pi-pico", stdin=text)
    assert isinstance(read, BoardFit)
    assert read.figures == found(text, "board:raspberry-pi-pico").figures


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory": "board:nothing"}, "no board 'nothing'"),
        ({"batch": 2, "optimizer": "adam"}, "batch, optimizer: a board runs a net in int8, image by image"),
        ({"dtype": "float16"}, "dtype: a board runs a net in int8, image by image"),
        ({"reserve": "auto"}, "reserve: expected bytes, since what a program takes on a chip is not known"),
        ({"reserve": -1}, "reserve: expected a whole number, 0 or more, found -1"),
    ],
)
def test_the_function_refuses_what_a_board_does_not_have(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueProblem) as error:
        fit("cifar-tiny", **{"memory": "board:raspberry-pi-pico", **options})
    assert error.value.message.startswith(message)


def test_a_search_takes_the_memories_of_a_board_as_limits() -> None:
    design, ranges = "INPUT 32x32x3 -> CONV3-{w} -> RELU -> FC-4", {"w": "8..512/8"}
    by_name = solve(design, ranges, max={"arena": "board:raspberry-pi-pico", "flash": "board:raspberry-pi-pico"})
    assert by_name.best == solve(design, ranges, max={"arena": "264KiB", "flash": "2MiB"}).best
    records = list(sweep(design, ranges, max={"arena": "board:raspberry-pi-pico"}))
    assert [record.status for record in records] == [
        "ok" if record.figures["arena"] <= 264 * 1024 else "over" for record in records
    ]


def test_a_smaller_input_helps_the_ram_alone() -> None:
    """MobileNet 0.25 at 96x96x1: its weights do not depend on the input."""
    settings = Settings({"alpha": 0.25}, input=Volume(96, 96, 1), classes=2)
    fit = found("mobilenet-v1", "board:nucleo-l433rc", settings=settings)
    changes = {change.what: change for change in fit.advice}

    assert not fit.fits
    smaller = next(change for what, change in changes.items() if what.startswith("input="))
    side = int(smaller.what[6:].split("x")[0])
    assert smaller.figures.flash == fit.figures.flash > 256 * 1024
    assert not smaller.fits
    for height, fits in ((side, True), (side + 8, False)):
        report = analyze("mobilenet-v1", variables={"alpha": 0.25}, input=(height, height, 1), classes=2)
        assert (micro_report(report).arena.minimum_bytes <= 64 * 1024) is fits


def test_values_that_are_not_valid_are_passed_over() -> None:
    """The width is a multiple of 3 groups: of its steps of 8 those of 24 are valid. Windows of 7 need 7 rows."""
    target = "INPUT 33x33x3 -> CONV7-{w}/2(groups=3, pad=0) -> RELU -> CONV7-{w}(groups=3, pad=0) -> GAP -> FC-2"
    board = Board("own", "chip", 40_000, 200_000, "")
    fit = found(target, board, settings=Settings({"w": 144}))
    micros = {w: micro_report(analyze(target, variables={"w": w})) for w in (24, 48, 72, 96, 120, 144)}
    good = [
        w for w, each in micros.items() if each.arena.minimum_bytes <= board.ram and each.flash.bytes <= board.flash
    ]

    assert 24 < max(good) < 120
    assert [change.what for change in fit.advice if change.fits] == [f"w={max(good)}"]


def test_the_smallest_value_stands_for_a_variable_that_is_not_enough() -> None:
    fit = found(KEYWORDS, Board("own", "chip", 4_000, 6_000, ""), settings=Settings({"w": 64}))
    assert [change.what for change in fit.advice] == ["w=8"]
    assert not fit.advice[0].fits
    assert found(KEYWORDS, Board("own", "chip", 4_000, 6_000, ""), settings=Settings({"w": 8})).figures == (
        fit.advice[0].figures
    )


def test_the_command_says_whether_it_fits_and_fails_if_not() -> None:
    done = called("fit", "cifar-tiny", "--memory", "board:nucleo-l433rc", "--reserve", "20KiB")
    assert done.returncode == 0
    assert "RAM: the smallest arena 15.91 KiB and 20.00 KiB (--reserve) of 64.00 KiB: 28.09 KiB left\n" in done.stdout
    done = called("fit", "mobilenet-v1", "--memory", "board:micro:bit v2", "--format", "json")
    assert done.returncode == 1
    data = json.loads(done.stdout)
    assert data["board"]["name"] == "micro-bit-v2"
    assert data["fits"] is False
    assert data["ram_left_bytes"] == data["board"]["ram_bytes"] - data["arena_bytes"] < 0
    assert {change["what"].split("=")[0] for change in data["advice"]} == {"alpha", "input"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--reserve", "auto"), "error[usage]: --reserve auto: what a program takes on a chip is not known\n"),
        (("--memory", "board:abacus"), "error[unknown-device]: no board 'abacus'\n"),
    ],
)
def test_wrong_calls(words: tuple[str, ...], message: str) -> None:
    memory = () if "--memory" in words else ("--memory", "board:teensy-4.1")
    done = called("fit", "cifar-tiny", *memory, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)


def test_options_of_training_have_no_effect_on_a_board() -> None:
    done = called("fit", "cifar-tiny", "--memory", "board:teensy-4.1", "--batch", "3")
    assert done.stderr == "warning[no-effect]: --batch has no effect: a board runs a net in int8, image by image\n"


def test_boards_are_listed_with_devices() -> None:
    data = json.loads(called("fit", "--list-devices", "--format", "json").stdout)
    assert {device["name"]: device["memory"] for device in data["devices"]}["t4"] == 15_360 * 1024**2
    assert "teensy-4.1" in [board["name"] for board in data["boards"]]
    assert "\nboard:teensy-4.1 " in called("fit", "--list-devices").stdout


def test_solve_takes_a_board() -> None:
    words = ("solve", KEYWORDS, "--for", "w=8..512/8", "--format", "json")
    done = called(*words, "--memory", "board:nucleo-l433rc", "--reserve", "4KiB")
    assert done.stderr == ""
    limits = called(*words, "--max", f"arena={60 * 1024}", "--max", f"flash={256 * 1024}")
    assert json.loads(done.stdout) == json.loads(limits.stdout)
    done = called(*words, "--memory", "board:nucleo-l433rc", "--reserve", "64KiB")
    assert done.returncode == 2
    assert "--reserve: expected a number of bytes below the RAM of nucleo-l433rc (65,536), found 65536" in done.stderr


@pytest.mark.parametrize(("gap", "found_width"), [(160, True), (1600, False)])
def test_gaps_between_valid_values(gap: int, found_width: bool) -> None:
    """Steps of 8, of which every 20th or every 200th is valid: a long gap ends the search, without a value."""
    target = f"INPUT 9x9x3 -> CONV3-{{w//{gap} if w % {gap} == 0 else 0}} -> GAP -> FC-2"
    board = Board("own", "chip", 3_000, 3_600, "")
    fit = found(target, board, settings=Settings({"w": 100 * gap}))
    widths = [int(change.what[2:]) for change in fit.advice if change.what.startswith("w=")]

    assert bool(widths) is found_width
    for width in widths:
        for value, fits in ((width, True), (width + gap, False)):
            micro = micro_report(analyze(target, variables={"w": value}))
            assert (micro.arena.minimum_bytes <= board.ram and micro.flash.bytes <= board.flash) is fits
