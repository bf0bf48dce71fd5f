"""Benchmarks: how times of an interleaved run become ratios, and the page that shows them. No time is judged here."""

from __future__ import annotations

import ast
import json
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import cnncalc
from benchmarks import conventions, page
from benchmarks.interleaved import Benchmark, Goal, Result, Row, Run, Spread, Taken, call, interleaved, process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from cnncalc.analysis.report import Report

SMALLEST = {
    "startup": "--version",
    "peers": "thop",
    "imports": "darknet",
    "layers": "show",
    "sweeps": "20 threads",
    "run_speed": "cifar-tiny 1",
    "verify_speed": "lenet5-modern",
}
"""Words that choose the quickest case of each benchmark."""


def test_cases_take_turns_in_the_opposite_order_in_every_second_round_and_the_first_does_not_count() -> None:
    order: list[str] = []

    def case(name: str, seconds: float) -> Callable[[], Taken]:
        def turn() -> Taken:
            order.append(name)
            return Taken(seconds + 100 * (len(order) <= 3), 1.0)

        return turn

    run = interleaved({"a": case("a", 1), "b": case("b", 2), "c": case("c", 3)}, 2)

    assert "".join(order) == "abccbaabc"
    assert {name: [each.seconds for each in taken] for name, taken in run.taken.items()} == {
        "a": [1, 1],
        "b": [2, 2],
        "c": [3, 3],
    }


def test_a_row_has_the_median_of_the_ratios_of_the_rounds_and_not_the_ratio_of_the_medians() -> None:
    run = Run(
        {
            "ours": [Taken(2, 1, 30), Taken(30, 8, 31), Taken(4, 3, 32)],
            "peer": [Taken(1, 1, 10), Taken(10, 2, 10), Taken(8, 1, 10)],
        }
    )

    row = run.row("ours", "peer")

    assert row.spreads == {
        "time": Spread(2, 1.25, 2.5),
        "CPU time": Spread(3, 2, 3.5),
        "memory": Spread(21, 20.5, 21.5),
    }
    assert row.cells == ("ours", "peer", "2.00 (1.25 to 2.50)", "3.00 (2.00 to 3.50)", "+21.0 (+20.5 to +21.5)", "")
    assert list(run.row("peer", "ours", quantities=["time"]).spreads) == ["time"]


@pytest.mark.parametrize(
    ("goal", "is_missed"),
    [
        (Goal("time", most=2), False),
        (Goal("time", most=1.9), True),
        (Goal("time", least=2), False),
        (Goal("time", least=2.1), True),
    ],
)
def test_a_goal_is_missed_if_the_median_is_beyond_it(goal: Goal, is_missed: bool) -> None:
    row = Row("ours", "peer", {"time": Spread(2, 1, 3)}, (goal,))

    assert row.missed == [goal] * is_missed
    assert row.cells[-1] == goal.text + " (missed)" * is_missed


def test_times_of_a_function_are_for_one_call_and_one_part() -> None:
    calls: list[int] = []

    taken = call(lambda: calls.append(0), times=3, parts=5)()

    assert len(calls) == 3
    assert 0 < taken.seconds < 1
    assert taken.mebibytes is None


def test_the_time_and_memory_of_a_process_are_its_own() -> None:
    """It waits a fifth of a second, in which it computes little, and holds 64 MiB; this process holds 128 MiB."""
    turn = process(sys.executable, "-S", "-c", "import time; held = b'x' * 2**26; time.sleep(0.2)")
    held = b"x" * 2**27

    seconds, cpu_seconds, mebibytes, _ = turn()

    assert held
    assert seconds >= 0.2
    assert cpu_seconds is not None
    assert 0 < cpu_seconds < seconds
    assert mebibytes is not None
    assert 64 < mebibytes < 96


def test_a_process_on_a_terminal_knows_that_it_is_on_one() -> None:
    process(sys.executable, "-S", "-c", "import os; assert os.isatty(1)", is_on_terminal=True)()
    process(sys.executable, "-S", "-c", "import os; assert not os.isatty(1)")()


def test_a_process_that_fails_ends_the_benchmark_with_its_message() -> None:
    turn = process(sys.executable, "-S", "-c", "raise SystemExit('no such net')")

    with pytest.raises(SystemExit, match=r"ended with status 1\n.*no such net"):
        turn()


def test_a_process_reads_what_it_is_given_and_may_end_with_an_expected_code(tmp_path: Path) -> None:
    file = tmp_path / "three.txt"
    file.write_text("3", encoding="utf-8")
    words = (sys.executable, "-S", "-c", "import sys; sys.exit(int(sys.stdin.read()))")

    assert process(*words, given=str(file), codes=(0, 3))().code == 3


def test_a_result_is_the_same_after_json() -> None:
    def measured(rounds: int, words: Sequence[str]) -> Iterator[Row | str]:
        yield interleaved(dict.fromkeys("ab", lambda: Taken(1, 2, 3)), rounds).row("a", "b", Goal("time", most=3.5))
        yield f"left out: {words[0]} is not installed"

    result = Benchmark("What.", measured, rounds=3, peers=("pytest", "no-such-distribution")).result(2, ["peer"])

    assert Result.from_json(json.loads(json.dumps(result.to_json()))) == result
    assert (result.rounds, result.remarks) == (2, ("left out: peer is not installed",))
    assert result.versions["pytest"] == pytest.__version__
    assert result.lines()[0].split("  ")[0] == "case"


def test_the_benchmark_page_shows_the_results_that_are_kept() -> None:
    found = page.results()

    assert page.PAGE.read_text(encoding="utf-8") == page.page(found), "python -m benchmarks --page"
    assert list(found) == list(page.BENCHMARKS), "python -m benchmarks NAME"


def test_the_readme_shows_ratios_of_the_results_that_are_kept() -> None:
    readme = page.README.read_text(encoding="utf-8")

    assert readme == page.with_ratios(readme, page.results()), "python -m benchmarks --page"
    assert readme.count("<!-- benchmarks -->\n`cnncalc table vgg16` takes ") == 1


def test_what_is_kept_is_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = page.results()
    monkeypatch.setattr(page, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(page, "README", tmp_path / "README.md")
    page.README.write_text("", encoding="utf-8")

    page.keep(found)

    assert page.results() == found


@pytest.mark.parametrize("name", [*page.BENCHMARKS, *page.others()])
def test_a_benchmark_is_on_the_page_and_says_how_it_is_run(name: str) -> None:
    source = page.file_of(name).read_text(encoding="utf-8")
    shown = page.PAGE.read_text(encoding="utf-8")

    assert "\ndef main() -> " in source
    assert f"\n    python -m benchmarks.{name}" in (ast.get_docstring(ast.parse(source)) or "")
    assert ("\nBENCHMARK = " in source) == (name in page.BENCHMARKS)
    assert f"python -m benchmarks.{name}" in shown or f"\n| `{name}` |" in shown


def test_a_cell_with_marks_of_markdown_shows_them() -> None:
    row = Row("a|b *c* [d](e)", "python", {"time": Spread(2, 1, 3)})
    result = Result("2026-01-02", 3, {}, {}, (), (row,))

    assert "| a\\|b \\*c\\* \\[d](e) | python | 2.00 (1.00 to 3.00) |\n" in page.section("startup", result)


@pytest.mark.slow
@pytest.mark.parametrize("name", page.BENCHMARKS)
def test_a_benchmark_measures_its_smallest_case(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.layers.SIZES", (2, 20, 200))
    monkeypatch.setattr("benchmarks.verify_speed.is_installed", lambda module: False)  # it would import torch twice

    result = import_module(f"benchmarks.{name}").BENCHMARK.result(1, SMALLEST[name].split())

    assert result.rows or result.remarks


def test_a_program_that_cannot_be_imported_ends_the_comparison_and_is_no_figure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stops(report: Report) -> tuple[int, int]:
        raise ValueError("no rule for Mish")

    def lacks(report: Report) -> tuple[int, int]:
        raise ModuleNotFoundError("No module named 'tqdm'", name="tqdm")

    report = cnncalc.analyze("INPUT 8x8x3 -> CONV3-4")
    monkeypatch.setattr(conventions, "TOOLS", {"thop": lambda report: (1, 2), "onnx-tool": stops})
    assert conventions.figures(report) == {"thop": (1, 2), "onnx-tool": "ValueError: no rule for Mish"}

    monkeypatch.setitem(conventions.TOOLS, "fvcore", lacks)
    with pytest.raises(SystemExit, match=r"^fvcore cannot be run: No module named 'tqdm'$"):
        conventions.figures(report)
