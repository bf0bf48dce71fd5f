"""Points files: their lines, how a sweep goes on, and what is refused; a file is never written by two."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from cnncalc.errors import DesignError, ValueProblem
from cnncalc.language.settings import Settings
from cnncalc.search.family import Family
from cnncalc.search.pointsfile import FLUSH_BYTES, Csv, JsonLines, PointsFile, form_of
from cnncalc.search.ranges import value_of_range
from cnncalc.search.sweep import Plan, Record, SweepRequest, plan_of, records

FILE = """
variables: {w: 8, n: 2, form: exact, stages: [[1, 8]], ratio: 1}
layers: "INPUT 16x16x3 -> [CONV3-{w} -> GELU({form})]*n -> POOL*{stages[0][0]} -> FC-{round(10*ratio)}"
"""
REQUEST = SweepRequest(
    ("w=0..8/2", "ratio=0.5,1.5", "form=exact,tanh", "stages=[1x4],[9x4]"), limits=(("max", "macs=200K"),)
)
FORMS = ("csv", "jsonl")
every_form = pytest.mark.parametrize("form", FORMS)


class Sweep:
    """A sweep with a points file."""

    def __init__(
        self, path: Path, request: SweepRequest = REQUEST, version: str = "1.0", text: str = FILE, **settings: Any
    ) -> None:
        self.path = path
        family = Family("-", Settings(**settings), text)
        self.plan: Plan = plan_of(request, family, text)
        self.header = self.plan.header(version, family)

    def open(self) -> PointsFile:
        """Its file."""
        return PointsFile(str(self.path), self.path.name, self.header, self.plan.points.names, self.plan.keys)

    def run(self, most: int | None = None) -> list[Record]:
        """The first records; all by default."""
        file = self.open()
        try:
            return list(islice(records(self.plan, "serial", file), most))
        finally:
            file.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The whole file in each form."""
    folder = tmp_path_factory.mktemp("whole")
    for form in FORMS:
        Sweep(folder / f"whole.{form}").run()
    return {form: (folder / f"whole.{form}").read_bytes() for form in FORMS}


def error_of(sweep: Sweep) -> str:
    """The message with which a sweep is refused; its file stays as it is."""
    before = sweep.path.read_bytes()
    with pytest.raises(DesignError) as error:
        sweep.run()
    assert sweep.path.read_bytes() == before
    return error.value.every[0].message


# What is written


def test_csv_has_every_variable_and_figure(tmp_path: Path, whole: dict[str, bytes]) -> None:
    found = list(records(Sweep(tmp_path / "a.csv").plan))
    first, *rest = whole["csv"].decode().splitlines()
    assert first.startswith('# cnncalc-sweep 1 {"version": "1.0", "design": "')
    rows = list(csv.reader(rest))
    assert rows[0] == ["w", "ratio", "form", "stages", "parameters", "macs", "activations", "status", "reason"]
    assert len(rows) - 1 == len(found) == 40
    for row, record in zip(rows[1:], found, strict=True):
        assert row[:4] == list(map(value_of_range, record.variables.values()))
        numbers = ["", "", ""] if record.numbers is None else list(map(str, record.numbers))
        assert row[4:] == [*numbers, record.status, record.reason]
    assert {record.status for record in found} == {"ok", "over", "broken"}
    assert any('"' in record.reason or "," in record.reason for record in found)


def test_json_lines_have_every_variable_and_figure(tmp_path: Path, whole: dict[str, bytes]) -> None:
    found = list(records(Sweep(tmp_path / "a.csv").plan))
    head, *lines = map(json.loads, whole["jsonl"].decode().splitlines())
    assert list(head) == ["header"]
    assert head["header"]["cnncalc-sweep"] == 1
    assert lines[-1] == {
        "w": 8,
        "ratio": 1.5,
        "form": "tanh",
        "stages": [[9, 4]],
        **dict.fromkeys(("parameters", "macs", "activations")),
        "status": "broken",
        "reason": found[-1].reason,
    }
    for line, record in zip(lines, found, strict=True):
        assert [line[key] for key in record.keys] == list(record.numbers or (None, None, None))


@every_form
def test_records_of_a_file_equal_those_computed(tmp_path: Path, form: str, whole: dict[str, bytes]) -> None:
    sweep = Sweep(tmp_path / f"a.{form}")
    sweep.path.write_bytes(whole[form])
    assert sweep.run() == list(records(sweep.plan))
    assert sweep.path.read_bytes() == whole[form]


# Going on


@every_form
def test_a_file_that_ends_anywhere_is_continued_to_the_same_file(
    tmp_path: Path, form: str, whole: dict[str, bytes]
) -> None:
    """Cut in the head, at the ends of lines, and within them."""
    text = whole[form]
    ends = [place + 1 for place, byte in enumerate(text) if byte == 10]
    cuts = {
        0,
        1,
        40,
        *ends[:3],
        ends[0] - 1,
        ends[0] + 3,
        ends[1] - 1,
        *ends[-2:],
        len(text) - 1,
        *range(700, 3000, 397),
    }
    expected = list(records(Sweep(tmp_path / "none.csv").plan))
    for cut in sorted(cuts):
        sweep = Sweep(tmp_path / f"cut{cut}.{form}")
        sweep.path.write_bytes(text[:cut])
        assert sweep.run() == expected, cut
        assert sweep.path.read_bytes() == text, cut


@every_form
def test_what_was_read_is_written_when_the_sweep_is_left(tmp_path: Path, form: str, whole: dict[str, bytes]) -> None:
    sweep = Sweep(tmp_path / f"a.{form}")
    sweep.run(7)
    assert whole[form].startswith(sweep.path.read_bytes())
    assert sweep.path.read_bytes().count(b"\n") == (9 if form == "csv" else 8)
    sweep.run()
    assert sweep.path.read_bytes() == whole[form]


def test_long_files_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, bytes]) -> None:
    monkeypatch.setattr("cnncalc.search.pointsfile.MAX_LINE", 301)
    sweep = Sweep(tmp_path / "a.csv")
    sweep.path.write_bytes(whole["csv"][:-5])
    assert len(sweep.run()) == 40
    assert sweep.path.read_bytes() == whole["csv"]


def test_points_are_written_in_large_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnncalc.search.pointsfile.FLUSH_SECONDS", 600.0)
    sweep = Sweep(
        tmp_path / "a.csv", SweepRequest(("hidden=1..2000",), keys=("layers",)), text="INPUT 2x2x1 -> FC -> FC-2"
    )
    file = sweep.open()
    sizes = set()
    for record in records(sweep.plan, "serial", file):
        assert record.status == "ok"
        sizes.add(sweep.path.stat().st_size)
    file.close()
    assert len(sizes) <= 2 + sweep.path.stat().st_size // FLUSH_BYTES


# What is refused


@every_form
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "1.1"}, 'version: "1.0" there, "1.1" here'),
        (
            {"request": REQUEST._replace(limits=(("max", "macs=300K"),))},
            'limits: ["max macs=200000"] there, ["max macs=300000"] here',
        ),
        ({"request": REQUEST._replace(where=("w > 1",))}, 'where: [] there, ["w > 1"] here'),
        ({"filters": 3}, "filters: null there, 3 here"),
        ({"variables": {"n": 1}}, 'set: null there, {"n": "1"} here'),
        ({"text": FILE + "\n"}, "the points of another sweep (of another design)"),
        ({"request": REQUEST._replace(vary=("w=0..8/4", *REQUEST.vary[1:]))}, 'variables: {"w": "0..8/2", '),
        (
            {"request": REQUEST._replace(keys=("macs",))},
            'keys: ["parameters", "macs", "activations"] there, ["macs"] here',
        ),
    ],
)
def test_the_file_of_another_sweep_is_left_alone(
    tmp_path: Path, form: str, change: dict[str, Any], message: str, whole: dict[str, bytes]
) -> None:
    path = tmp_path / f"a.{form}"
    path.write_bytes(whole[form])
    assert message in error_of(Sweep(path, **change))


@every_form
@pytest.mark.parametrize(
    "content",
    [b"hello\n", b"w,n\n1,2\n", b"# cnncalc-sweep 2 {}\n", b"{}\n", b'{"header": 3}\n', b"\xff\xfe\n", b"[" * 5000,
     b"# cnncalc-sweep 1 [1]\n", b'{"header": {"cnncalc-sweep": 9}}\n'],
)  # fmt: skip
def test_another_file_is_left_alone(tmp_path: Path, form: str, content: bytes) -> None:
    path = tmp_path / f"a.{form}"
    path.write_bytes(content)
    message = f"a.{form}: it is not a points file of a sweep, so nothing is written to it"
    assert error_of(Sweep(path)) == message


@every_form
def test_a_file_whose_points_were_changed_is_left_alone(tmp_path: Path, form: str, whole: dict[str, bytes]) -> None:
    path = tmp_path / f"a.{form}"
    lines = whole[form].splitlines(keepends=True)
    heads = 2 if form == "csv" else 1
    good = lines[heads + 8]
    assert b"ok" in good
    for bad in (b"x\n", b"\n", b"\xff\n", lines[heads + 9], good.replace(b"ok", b"fine"), good[:-9] + b"\n"):
        path.write_bytes(b"".join([*lines[: heads + 8], bad, *lines[heads + 9 :]]))
        assert error_of(Sweep(path)).startswith(f"a.{form}: point 9 is not the one that this sweep computes"), bad
    path.write_bytes(whole[form] + lines[-1])
    assert error_of(Sweep(path)).startswith(f"a.{form}: point 41 is not the one")


def test_two_writers_are_refused(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "a.csv")
    file = sweep.open()
    assert file.can_lock
    with pytest.raises(DesignError, match=r"a\.csv: another sweep is writing this file"):
        sweep.open()
    file.close()
    assert not sweep.path.exists()
    sweep.open().close()


def test_without_locks_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    file = Sweep(tmp_path / "a.csv").open()
    assert not file.can_lock
    file.close()


def test_an_empty_file_that_was_there_stays(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "a.csv")
    sweep.path.touch()
    sweep.open().close()
    assert sweep.path.exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "b.csv").mkdir()
    for path, message in (
        (tmp_path / "none" / "a.csv", "cannot write 'a.csv': no such file or directory"),
        (tmp_path / "b.csv", "b.csv: points are written to a file, and this is a folder"),
        (Path("a\0.csv"), r"cannot write 'a\x00.csv': its name has a NUL character"),
    ):
        with pytest.raises((DesignError, ValueProblem)) as error:
            Sweep(path).open()
        assert str(error.value).startswith(f"error[output]: {message}")


def test_endings() -> None:
    assert [form_of(name) for name in ("a.csv", "b/c.JSONL")] == ["csv", "jsonl"]
    for name, stem in (("a.json", "a"), ("a", "a"), ("csv", "csv"), ("", "points")):
        with pytest.raises(ValueProblem, match=r"a points file must end in \.csv or \.jsonl") as error:
            form_of(name)
        assert error.value.hint == f"--points {stem}.csv"


def test_values_in_both_forms() -> None:
    """What stands in a line of a point: lists and words as a call writes them, in JSON as values."""
    sweep = Sweep(Path("a.csv"), SweepRequest(("input=8..16/8", "stages=[1x2]")))
    (first, _) = sweep.plan.points
    assert Csv.beginning(first) == '8x8x3,"[[1, 2]]",'
    assert JsonLines.beginning(first) == '{"input": [8, 8, 3], "stages": [[1, 2]], '


# A full disk


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from cnncalc.cli import main
sys.argv[1:] = sys.argv[2:]
main()
"""
CALL = ("sweep", "INPUT 8x8x3 -> CONV3-{w} -> FC-10", "--vary", "w=1..60", "--points", "a.csv")


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of POSIX")
@pytest.mark.parametrize("room", [50, 1500])
def test_a_full_disk_leaves_whole_points(tmp_path: Path, room: int) -> None:
    def run(limit: int) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-B", "-c", FULL, str(limit), *CALL]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ})

    done = run(room)
    text = (tmp_path / "a.csv").read_text() if (tmp_path / "a.csv").exists() else ""
    points = max(0, text.count("\n") - 2)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error[output]: cannot write 'a.csv': file too large\n"
        f"  = hint: it holds {points:,} points; run the same command again to continue\n"
    )
    assert len(text) <= room
    assert text.endswith("\n") is bool(text)
    assert (points > 0) is (room > 1000)
    assert run(10**6).returncode == 0
    assert (tmp_path / "a.csv").read_text().count("\n") == 62
