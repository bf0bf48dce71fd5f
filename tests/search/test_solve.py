"""``solve`` gives what an exhaustive search gives: brute force over tables of figures computed design by design."""

from __future__ import annotations

import random
from fractions import Fraction
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from cnncalc import analyze
from cnncalc.errors import CnncalcError, DesignError, ValueProblem
from cnncalc.figures.measure import Measure, Meter
from cnncalc.formats import write
from cnncalc.formats.document import Page
from cnncalc.formats.notation import USUAL
from cnncalc.language.settings import Settings
from cnncalc.memory.micro import micro_report
from cnncalc.memory.need import reserve_of
from cnncalc.search.family import Family
from cnncalc.search.limits import bounds_of
from cnncalc.search.ranges import number_of
from cnncalc.search.solve import USUAL_WORK, Solution, solve
from cnncalc.views.solve import solve_document
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.search.family import Point
    from cnncalc.search.ranges import Range


class Case(NamedTuple):
    """A family and the widest ranges of its names."""

    text: str
    ranges: tuple[str, ...]


CASES = {
    "width": Case("INPUT 16x16x3 -> [CONV3-{w} -> RELU -> POOL]*2 -> FC-10", ("w=1..24",)),
    "width and depth": Case(
        "INPUT 16x16x3 -> CONV3-{w} -> [CONV3-{w} -> RELU]*n -> GAP -> FC-5", ("w=1..12", "n=1..5")
    ),
    "groups": Case("INPUT 12x12x4 -> CONV1-{w} -> CONV3-{w}(groups=4) -> FC-3", ("w=1..24",)),
    "rounded": Case("INPUT 12x12x4 -> CONV1-{make_divisible(w*3)} -> CONV3-{1 + w//4} -> FC-3", ("w=1..24",)),
    "conditional": Case("INPUT 12x12x4 -> CONV3-{w if w % 5 else 2} -> CONV3-{30 - w} -> FC-3", ("w=1..24",)),
    "parts": Case(
        "INPUT 16x16x3 -> CONV3-{w} -> BN -> RELU*{1 if w > 8 else 0} -> POOL{p} -> FC-10", ("w=1..12", "p=2..7")
    ),
    "input": Case("INPUT 16x16x3 -> CONV5-{w}/2 -> RELU -> POOL3 -> FC-10", ("input=8..40/4", "w=2..8/2")),
    "batch": Case("INPUT 8x8x3 -> CONV3-{w} -> BN -> RELU -> GAP -> FC-10", ("w=4..24/4", "batch=1..12")),
    "words": Case(
        "INPUT 8x8x3 -> [CONV{k}-{w} -> RELU]*stages -> FC-10", ("stages=[1,2],[4],[2]", "k=1,5,3", "w=2..6")
    ),
}
COUNTS = ("parameters", "macs", "activations", "weights", "receptive_field")
MEMORY = ("training_memory", "inference_memory", "activation_memory", "training_need", "plan_arena")


class Tabled(Family):
    """A family that keeps its reports, since many problems ask for the same members."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.kept: dict[str, Report | CnncalcError] = {}

    def report(self, point: Any) -> Report:
        own = {name: value for name, value in point.items() if name != "batch"}
        key = repr(own)
        if key not in self.kept:
            try:
                self.kept[key] = super().report(own)
            except CnncalcError as error:
                self.kept[key] = error
        found = self.kept[key]
        if isinstance(found, CnncalcError):
            raise found
        return found


@cache
def tabled(text: str) -> Tabled:
    return Tabled(text)


def family(name: str) -> Tabled:
    return tabled(CASES[name].text)


METERS: dict[str, Meter | None] = {}


def meter(name: str, point: Point) -> Meter | None:
    """What measures one member, from the design by itself; None if it is invalid."""
    key = f"{name}: {sorted(point.items(), key=repr)}"
    if key not in METERS:
        given = {each: value for each, value in point.items() if each != "input"}
        try:
            METERS[key] = Meter(analyze(CASES[name].text, variables=given, input=point.get("input")))
        except DesignError:
            METERS[key] = None
    return METERS[key]


def figure(name: str, point: Point, key: str) -> int | None:
    """A figure of a member, from the design by itself; None if it is invalid."""
    found = meter(name, {each: value for each, value in point.items() if each != "batch"})
    if found is None:
        return None
    measure = Measure(key)
    if "batch" in measure.options and "batch" in point:
        measure = measure._replace(batch=point["batch"])
    return found.value(measure)


class Answer(NamedTuple):
    """The best member by brute force, and the least miss if none fits."""

    variables: Point | None
    miss: Fraction | None


def brute_force(
    name: str, ranges: Sequence[Range], limits: Sequence[tuple[str, str, int]], best: tuple[str, str]
) -> Answer:
    """Looks at every member in the order of the ranges; ``best`` is (max or min, key or name)."""
    names = [each.name for each in ranges]
    found: tuple[Any, Point] | None = None
    misses: list[Fraction] = []
    for place, values in enumerate(product(*[list(each.values) for each in ranges])):
        point = dict(zip(names, values, strict=True))
        figures = {key: figure(name, point, key) for _, key, _ in limits}
        parameters = figure(name, point, "parameters")
        if parameters is None:
            continue
        over = [
            Fraction(figures[key] - limit if bound == "max" else limit - figures[key], max(1, limit))  # type: ignore[operator]
            for bound, key, limit in limits
        ]
        misses.append(max(over))
        if max(over) > 0:
            continue
        sense, key = best
        goal: Any = number_of(point[key]) if key in names else figure(name, point, key)
        order = (-goal if sense == "max" else goal, parameters, place)
        if found is None or order < found[0]:
            found = order, point
    return Answer(None if found is None else found[1], min(misses, default=None))


class Problem(NamedTuple):
    """One random problem."""

    case: str
    ranges: tuple[str, ...]
    limits: tuple[tuple[str, str, int], ...]
    best: tuple[str, str] | None


def narrowed(draw: random.Random, text: str) -> str:
    """A part of a range."""
    name, _, rest = text.partition("=")
    if ".." not in rest:
        return text
    span, _, step = rest.partition("/")
    low, high = map(int, span.split(".."))
    every = int(step or 1)
    numbers = range(low, high + 1, every)
    first = draw.randrange(len(numbers) // 3 + 1)
    last = draw.randrange(len(numbers) // 2, len(numbers))
    more = draw.choice((1, 1, 1, 2))
    form = draw.random()
    if form < 0.15:
        chosen = [str(number) for number in draw.sample(numbers, min(4, len(numbers)))]
        return f"{name}={','.join(chosen)}"
    return f"{name}={numbers[first]}..{numbers[last]}/{every * more}"


def random_problem(draw: random.Random) -> Problem:
    """Limits are near the figures of some member, so that about two thirds of the problems have an answer."""
    name = draw.choice(list(CASES))
    while True:
        texts = tuple([narrowed(draw, text) for text in CASES[name].ranges])
        if draw.random() < 0.3:
            texts = texts[::-1]
        ranges = family(name).ranges(texts, "--for")
        points = [
            dict(zip([each.name for each in ranges], values, strict=True))
            for values in product(*[list(each.values) for each in ranges])
        ]
        draw.shuffle(points)
        valid = [point for point in points[:12] if figure(name, point, "parameters") is not None]
        if valid:
            break
    has_batch = any(each.name == "batch" for each in ranges)
    keys = draw.sample(COUNTS, draw.choice((1, 1, 2)))
    if has_batch or draw.random() < 0.3:
        keys.append(draw.choice(MEMORY))
    limits: list[tuple[str, str, int]] = []
    for key in keys:
        for bound in draw.choice((("max",), ("max",), ("min",), ("min", "max"))):
            value = figure(name, draw.choice(valid), key)
            assert value is not None
            limit = value + draw.choice((0, 0, 1, -1, value // 7))
            before = [other for low, same, other in limits if same == key and low == "min"]
            limits.append((bound, key, max(limit, *before, 0)))
    numeric = [each.name for each in ranges if all(number_of(value) is not None for value in each.values)]
    best = draw.choice((*numeric, *COUNTS[:4], *(("training_memory",) if has_batch else ())))
    if len(ranges) == 1 and draw.random() < 0.5:
        return Problem(name, texts, tuple(limits), None)
    return Problem(name, texts, tuple(limits), (draw.choice(("max", "min")), best))


def solved(problem: Problem, usual_work: int, **more: Any) -> Solution:
    ranges = family(problem.case).ranges(problem.ranges, "--for")
    bounds = bounds_of([(bound, f"{key}={limit}") for bound, key, limit in problem.limits], {})
    best = None if problem.best is None else ":".join(problem.best)
    return solve(family(problem.case), ranges, bounds, best, usual_work=usual_work, **more)


def brute(problem: Problem) -> Answer:
    """The answer of brute force."""
    ranges = family(problem.case).ranges(problem.ranges, "--for")
    return brute_force(problem.case, ranges, problem.limits, problem.best or ("max", ranges[0].name))


def check(problem: Problem, usual_work: int) -> Solution:
    """Solves a problem, and compares the answer with brute force."""
    expected = brute(problem)
    found = solved(problem, usual_work)
    assert (found.best.variables if found.best else None) == expected.variables, problem
    if found.nearest is not None:
        assert found.nearest.worst.excess == expected.miss, problem
        assert found.blame is not None
        assert found.blame.excess > 0
    else:
        assert found.best is not None
        for each in found.best.limits:
            assert not each.bound.is_broken(each.value)
            assert each.value == figure(problem.case, found.best.variables, each.bound.wanted.measure.key)
    if found.next is not None:
        assert found.next.worst.excess > 0, problem
    return found


def problems(seed: int, count: int) -> Iterator[Problem]:
    draw = random.Random(seed)  # noqa: S311  # no secret
    for _ in range(count):
        yield random_problem(draw)


@pytest.mark.parametrize("seed", [1, *[pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3, 4, 5)]])
def test_random_problems_equal_exhaustive_search(seed: int) -> None:
    """300 problems: one to three ranges, lists, words, batches, inputs; upper and lower limits, memory; gaps."""
    results = [check(problem, USUAL_WORK) for problem in problems(seed, 60)]
    assert 20 < sum(found.best is not None for found in results) < 60
    assert all(found.is_complete for found in results)


STEADY = [name for name in CASES if name not in ("conditional", "parts")]
"""Families whose figures are monotone, with gaps and steps; in the others bisection may miss what it does not see."""


@pytest.mark.parametrize("work", [0, pytest.param(60, marks=pytest.mark.slow)])
def test_boxes_give_the_same_where_figures_are_monotone(work: int) -> None:
    """With no work allowed for looking at every member, boxes alone answer."""
    chosen = [problem for problem in problems(7, 120) if problem.case in STEADY]
    results = [check(problem, work) for problem in chosen]
    assert sum(not found.is_complete for found in results) > 10
    assert sum(found.analysed for found in results) < sum(found.members for found in results) * 0.8


@pytest.mark.parametrize("seed", [11, pytest.param(12, marks=pytest.mark.slow)])
def test_asking_for_every_member_proves_every_answer(seed: int) -> None:
    for problem in problems(seed, 40):
        expected = brute(problem)
        found = solved(problem, 0, every=True)
        assert (found.best.variables if found.best else None) == expected.variables
        assert found.is_complete


# Cases that people ask for


def family_of(text: str, name: str, ranges: tuple[str, ...]) -> str:
    """Adds a case for a test."""
    CASES[name] = Case(text, ranges)
    return name


FIXED = [
    ("widths", "INPUT 32x32x3 -> [CONV3-{w} -> BN -> RELU -> POOL]*3 -> FC-10", [("max", "parameters", 40_000)], None,
     ("w=8..64",)),
    ("widths", "INPUT 32x32x3 -> [CONV3-{w} -> BN -> RELU -> POOL]*3 -> FC-10", [("max", "macs", 2_000_000)], None,
     ("w=8..64",)),
    ("batch and input", "INPUT 32x32x3 -> [CONV3-9 -> RELU -> POOL]*2 -> FC-9", [("max", "training_memory", 400_000)],
     ("max", "input"), ("batch=1..40", "input=8..48/4")),
    ("batch and input", "INPUT 32x32x3 -> [CONV3-9 -> RELU -> POOL]*2 -> FC-9", [("max", "training_memory", 10**6)],
     ("max", "batch"), ("batch=1..400", "input=8..24/4")),
    ("three limits", "INPUT 16x16x3 -> [CONV3-{w} -> RELU]*n -> POOL -> FC-10",
     [("max", "parameters", 30_000), ("max", "macs", 5_000_000), ("min", "receptive_field", 9)], ("max", "macs"),
     ("w=4..40", "n=1..7")),
]  # fmt: skip


@pytest.mark.parametrize("work", [0, USUAL_WORK])
@pytest.mark.parametrize(("name", "text", "limits", "best", "ranges"), FIXED)
def test_usual_questions_against_brute_force(
    name: str,
    text: str,
    limits: list[tuple[str, str, int]],
    best: tuple[str, str] | None,
    ranges: tuple[str, ...],
    work: int,
) -> None:
    problem = Problem(family_of(text, name, ranges), ranges, tuple(limits), best)
    found = check(problem, work)
    assert found.best is not None
    assert found.next is not None


def test_a_family_of_a_billion_members_is_bisected() -> None:
    """FC-10 on w filters of a 1x1 CONV on depth 3: 4*w + 10*w + 10 parameters."""
    family = Family("INPUT 4x4x3 -> CONV1-{w} -> GAP -> FC-10")
    found = solve(family, family.ranges(["w=1..1000000000"], "--for"), bounds_of([("max", "parameters=4M")], {}))

    assert found.best is not None
    assert found.best.variables == {"w": (4_000_000 - 10) // 14}
    assert found.next is not None
    assert found.next.worst.value == 14 * (found.best.variables["w"] + 1) + 10
    assert not found.is_complete
    assert found.analysed < 500


def test_what_is_not_monotone_is_found_and_said() -> None:
    """Filters rise to 600 and fall again: few would fit twice, and bisection alone would see the upper end only."""
    family = Family("INPUT 4x4x3 -> CONV1-{w if w < 600 else 1200 - w} -> GAP -> FC-10")
    bounds = bounds_of([("max", "parameters=4000"), ("min", "parameters=1000")], {})
    found = solve(family, family.ranges(["w=1..1199"], "--for"), bounds, usual_work=400)

    assert found.best is not None
    assert found.best.variables == {"w": 1200 - (1000 - 10 + 13) // 14}
    assert "parameters is not monotone: " in found.remarks[0]
    assert found.is_complete
    with pytest.raises(ValueProblem, match=r"parameters is not monotone: .*, so all 1,199 designs would have to be"):
        solve(family, family.ranges(["w=1..1199"], "--for"), bounds, usual_work=400, most_work=9000)


def test_a_batch_of_what_a_device_needs_is_proved() -> None:
    """Every batch from 1 to 60 computed by itself."""
    report = analyze("resnet18", input=(64, 64, 3))
    needs = {batch: Meter(report).value(Measure("training_need", batch=batch)) for batch in range(1, 61)}
    limit = needs[31]
    family = Family("resnet18", Settings(input=Volume(64, 64, 3)))
    found = solve(family, family.ranges(["batch=1..60"], "--for"), bounds_of([("max", f"training_need={limit}B")], {}))

    assert found.best is not None
    assert found.best.variables["batch"] == max(batch for batch, need in needs.items() if need <= limit)
    assert found.is_complete
    assert found.analysed < 40


KEYWORDS = (
    "INPUT 49x10x1 -> CONV10x4-{w}/2(pad=same, bias=no) -> BN -> RELU -> "
    "[DWCONV3(bias=no) -> BN -> RELU -> CONV1-{w}(bias=no) -> BN -> RELU]*4 -> GAP -> FC-12 -> SOFTMAX"
)
"""DS-CNN for keywords (Zhang et al. 2017, "Hello Edge", small form), whose width varies."""


def test_the_widest_keyword_net_of_a_chip_with_64_kib_and_256_kib_of_flash() -> None:
    family = Family(KEYWORDS)
    bounds = bounds_of([("max", "arena=64KiB"), ("max", "flash=256KiB")], {})
    found = solve(family, family.ranges(["w=8..512/8"], "--for"), bounds)

    assert found.best is not None
    assert found.next is not None
    width = found.best.variables["w"]
    fitting, next_one = [micro_report(analyze(KEYWORDS, variables={"w": each})) for each in (width, width + 8)]
    assert (fitting.arena.total_bytes, fitting.flash.bytes) == tuple(each.value for each in found.best.limits)
    assert fitting.arena.total_bytes <= 64 * 1024 < next_one.arena.total_bytes
    assert fitting.flash.bytes <= 256 * 1024
    assert found.next.limits[0].bound.is_broken(found.next.limits[0].value)


def test_a_family_that_no_chip_runs_is_refused() -> None:
    family = Family("INPUT 8x8x1 -> CONV3-{w} -> GELU -> FC-12")
    with pytest.raises(DesignError, match="none of the 5 designs is valid; with w=4: flash: gelu1: GELU has no opera"):
        solve(family, family.ranges(["w=4..8"], "--for"), bounds_of([("max", "flash=64KiB")], {}))


def test_options_of_the_call_and_of_a_limit() -> None:
    family = Family("resnet18", Settings(input=Volume(32, 32, 3)))
    ranges = family.ranges(["classes=10..20/10"], "--for")
    options = {"batch": 7, "optimizer": "adam", "checkpoint": "blocks"}
    bounds = bounds_of([("max", "training_memory=8GiB,batch=3"), ("max", "inference_memory=1GiB")], options)
    found = solve(family, ranges, bounds, None, options)

    meter = Meter(analyze("resnet18", input=(32, 32, 3), classes=20))
    assert found.best is not None
    assert [each.value for each in found.best.limits] == [
        meter.value(Measure("inference_memory", 7)),
        meter.value(Measure("training_memory", 3, optimizer="adam", checkpoint="blocks")),
    ][:: 1 if found.best.limits[0].bound.wanted.measure.key == "inference_memory" else -1]


def test_live_tensors_with_the_reserve_never_exceed_a_need() -> None:
    """The bound that boxes use for what the allocator reserves."""
    for name in ("lenet5", "resnet18"):
        meter = Meter(analyze(name))
        for batch in (1, 2, 5, 16):
            for kind in ("training", "inference"):
                measure = Measure(f"{kind}_need", batch)
                live = meter.value(Measure(f"{kind}_memory", batch))
                assert live + reserve_of(measure.memory_options).bytes <= meter.value(measure)


def test_the_answer_fits_a_narrow_terminal() -> None:
    """Counts are written short there, and shares left out, so that no row is wider than the terminal."""
    family = Family("INPUT 64x64x3 -> CONV3-{w} -> CONV3-{2*w} -> GAP -> FC-10")
    limits = [("max", "training_memory=64MiB,batch=16,optimizer=adam"), ("max", "macs=100M")]
    found = solve(family, family.ranges(["w=1..64"], "--for"), bounds_of(limits, {}))
    text = write(solve_document(found, "cnncalc table"), "rich", Page(60, False))
    rows = [line for line in text.splitlines() if line.startswith("\u2502")]
    assert len(rows) >= 5
    assert {len(row) for row in rows} == {len(rows[0])}
    assert len(rows[0]) <= 60
    assert found.best is not None
    assert f" {USUAL.short(found.best.figures['macs'])} " in text
