"""The drawing of a sweep: where its points, its front and its limits are."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from cnncalc.drawings.scatter import WIDTH, Axis, draw_scatter
from cnncalc.search.family import Family
from cnncalc.search.sweep import Objective, Summary, SweepRequest, axes_of, plan_of, records
from tests.manual import ROOT, named_files, read

PICTURE = ROOT / "docs" / "pictures" / "sweep.svg"
NET = "INPUT 8x8x3 -> [CONV3-{w} -> RELU]*{n} -> POOL -> FC-10"


def summary_of(
    request: SweepRequest, net: str = NET, drawn: int = 1000, stdin: str | None = None
) -> tuple[Summary, str]:
    """The summary of a sweep and its drawing."""
    family = Family(net, stdin=stdin)
    plan = plan_of(request, family, stdin)
    summary = Summary(plan, request.objectives, drawn=drawn)
    for record in records(plan):
        summary.add(record)
    return summary, draw_scatter(summary, "net", axes_of(plan, request))


def marks(svg: str, name: str) -> list[tuple[float, float]]:
    """The places of the marks of a class, the legend left out: they are drawn first, above the first panel."""
    found: list[tuple[float, float]] = []
    for path in re.findall(rf'<path class="{name}" d="([^"]+)"', svg)[1:]:
        found += [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)", path)]
    return found


def dots(svg: str) -> list[tuple[float, float]]:
    """The places of the dots of the front, without that of the legend."""
    return [(float(x), float(y)) for x, y in re.findall(r'<circle class="dot" cx="([\d.]+)" cy="([\d.]+)"', svg)][1:]


LIMITED = SweepRequest(("w=1..8", "n=1,2,3"), limits=(("max", "macs=40K"),), front=("parameters:max", "activations"))


def test_every_design_is_drawn() -> None:
    summary, svg = summary_of(LIMITED)
    ElementTree.fromstring(svg)  # noqa: S314  # our own text
    assert len(dots(svg)) == len(summary.front) > 3
    assert len(marks(svg, "within")) == summary.counts["ok"]
    assert len(marks(svg, "beyond")) == summary.counts["over"] > 0
    assert f"on the front: {len(summary.front)} designs" in svg


def test_the_front_is_a_staircase_through_its_designs() -> None:
    """More parameters to the right, fewer activations below: a design of the front is below and right of each."""
    _, svg = summary_of(LIMITED)
    (line,) = re.findall(r'<path class="front_line" d="M([^"]+)"', svg)
    corners = [tuple(map(float, corner.split())) for corner in line.split("L")]
    places = dots(svg)
    assert set(places) <= set(corners)
    assert len(corners) == 2 * len(places) - 1
    for (a, b), (c, d) in pairwise(corners):
        assert a == c or b == d
    for x, y in marks(svg, "within"):
        assert any(x <= right and y <= below for right, below in places)


def test_a_limit_on_an_axis_is_a_line() -> None:
    svg = summary_of(LIMITED._replace(front=("macs", "parameters:max")))[1]
    assert svg.count('<path class="dash"') == 1
    assert ">max 40K</text>" in svg
    (x,) = [float(found) for found in re.findall(r'<path class="dash" d="M([\d.]+) ', svg)]
    assert all(left <= x for left, _ in marks(svg, "within"))
    assert all(left + 2 > x for left, _ in marks(svg, "beyond"))


def test_three_keys_are_three_panels() -> None:
    request = SweepRequest(("w=1..8", "n=1,2,3"), front=("parameters", "training_memory", "w:max"))
    summary, svg = summary_of(request)
    titles = re.findall(r'<text class="panel ink"[^>]*>([^<]+)', svg)
    assert titles == ["training_memory", "parameters", "w", "parameters", "w", "training_memory"]
    assert len(dots(svg)) == 3 * len(summary.front)
    assert "w: larger is better." in svg
    assert all(0 < x < WIDTH for x, _ in dots(svg))


def test_many_designs_are_drawn_in_part() -> None:
    _, svg = summary_of(SweepRequest(("w=1..40", "n=1,2,3"), keys=("macs", "parameters")), drawn=50)
    assert len(marks(svg, "within")) == 50
    assert "Drawn: 50 of 120 designs, chosen at random." in svg
    assert "front" not in svg


def test_designs_that_are_all_alike() -> None:
    _, svg = summary_of(SweepRequest(("w=2", "n=0"), keys=("macs", "layers")))
    ((x, y),) = marks(svg, "within")
    assert x > 0
    assert y > 0


def axis(low: float, high: float, *, is_log: bool, is_bytes: bool = False) -> Axis:
    """An axis with these ends."""
    return Axis(Objective("macs"), low, high, is_log, is_bytes, lambda _: 0.0, ())


@pytest.mark.parametrize(
    ("drawn", "texts"),
    [
        (axis(0, 47, is_log=False), ["0", "10", "20", "30", "40"]),
        (axis(5_100_000, 6_900_000, is_log=False), ["5.5M", "6M", "6.5M"]),
        (axis(900, 2.1e6, is_log=True), ["1000", "10K", "100K", "1M"]),
        (axis(3e3, 6e4, is_log=True), ["5000", "10K", "20K", "50K"]),
        (axis(1 << 20, 5 << 20, is_log=False, is_bytes=True), ["1 MiB", "2 MiB", "3 MiB", "4 MiB", "5 MiB"]),
        (axis(1000, 1 << 25, is_log=True, is_bytes=True), ["1 KiB", "16 KiB", "256 KiB", "4 MiB"]),
    ],
)
def test_ticks(drawn: Axis, texts: list[str]) -> None:
    ticks = drawn.ticks(5, "iec")
    assert [tick.text for tick in ticks] == texts
    assert all(0 <= drawn.place(tick.value) <= 1 for tick in ticks)


@pytest.mark.slow
def test_the_picture_of_the_manual(regenerate: bool) -> None:
    """It is the one that the call on its page draws."""
    text = named_files(read("docs/families.md"))["cnn.yaml"]
    vary = ("width=8..128/8", "depth=1..6", "stages=1..5")
    limits = (("max", "macs=300M"), ("min", "macs=250M"))
    request = SweepRequest(vary, limits=limits, front=("parameters", "activations"))
    family = Family("-", stdin=text)
    plan = plan_of(request, family, text)
    summary = Summary(plan, request.objectives, drawn=3000)
    for record in records(plan):
        summary.add(record)
    svg = draw_scatter(summary, "cnn", axes_of(plan, request))
    if regenerate:
        PICTURE.write_text(svg, encoding="utf-8", newline="\n")
    assert PICTURE.read_text(encoding="utf-8") == svg
