"""Surveys of products by formulas give the points that computing every design gives."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from cnncalc.errors import CnncalcError, ValueProblem
from cnncalc.figures.measure import Measure
from cnncalc.search.family import Family, Wanted
from cnncalc.search.limits import bounds_of
from cnncalc.search.ranges import read_ranges
from cnncalc.search.survey import Aim, Surveyor
from cnncalc.volume import Volume
from tests.random_nets import examples, seeds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.search.family import Point
    from cnncalc.search.survey import Survey

np = pytest.importorskip("numpy")

KEYS = ("parameters", "macs", "activations")
MACS, PARAMETERS, MOST_ACTIVATIONS = Aim(1), Aim(0), Aim(2, is_max=True)
THREE = "INPUT[32x32x3] -> CONV3-a -> RELU -> POOL2 -> CONV3-b -> POOL2 -> CONV3-c -> GAP -> FC-10"
TWO = THREE.replace("-c", "-5")


def surveyor(target: str, vary: Sequence[str], keys: Sequence[str] = KEYS) -> Surveyor:
    ranges = read_ranges(vary, "--vary", Volume(32, 32, 3))
    return Surveyor(Family(target), ranges, [Wanted(Measure(key)) for key in keys])


def limits(*texts: str, keys: Sequence[str] = KEYS) -> list[Any]:
    return [(keys.index(bound.wanted.measure.key), bound) for bound in bounds_of([("max", text) for text in texts], {})]


def exhaustive(
    mine: Surveyor,
    bounds: Sequence[Any] = (),
    aims: Sequence[Aim] = (),
    condition: Callable[[Point], bool] = lambda _: True,
    top: int | None = None,
) -> tuple[int, int, list[tuple[int, tuple[int, ...]]]]:
    """How many points are within the limits, how many are broken, and the best: every design is computed."""
    names = [axis.name for axis in mine.axes]
    within, broken, found = 0, 0, []
    for place, values in enumerate(product(*[axis.values for axis in mine.axes])):
        point = dict(zip(names, values, strict=True))
        try:
            figures = mine.family.figures(point, mine.wanted)
        except CnncalcError:
            broken += 1
            continue
        if not condition(point) or any(bound.is_broken(figures[at]) for at, bound in bounds):
            continue
        within += 1
        vector = []
        for aim in aims:
            value: Any = values[aim.place] if aim.is_name else figures[aim.place]
            number = Fraction(value[0] if isinstance(value, Volume) else getattr(value, "text", value))
            vector.append(-number if aim.is_max else number)
        found.append((vector, place, tuple(figures)))
    if top is not None:
        kept = sorted(found)[:top]
    else:
        kept = [one for one in found if not any(_beats(other[0], one[0]) for other in found)]
    return within, broken, [(place, figures) for _, place, figures in sorted(kept)]


def _beats(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return list(one) != list(other) and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


def result(found: Survey) -> tuple[int, int, list[tuple[int, tuple[int, ...]]]]:
    return found.within, found.broken, [(each.place, each.figures) for each in found.survivors]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "vary", "bounds", "aims"),
    [
        (THREE, ["a=4..9", "b=4..16/4", "c=5..7"], ["parameters=1500", "macs=400K"], [MACS, MOST_ACTIVATIONS]),
        (TWO, ["a=4..7", "b=4..16/x2", "input=28..31"], ["parameters=1500"], [PARAMETERS, MACS, MOST_ACTIVATIONS]),
        (TWO, ["a=4,8,9", "b=5..20"], [], [MACS, Aim(1, is_name=True, is_max=True)]),
        ("INPUT[32x32x3] -> [CONV{k}-w(pad=0) -> RELU]*n -> FC-10", ["k=3..6", "w=4..8/2", "n=1..3"], [],
         [PARAMETERS, MOST_ACTIVATIONS]),
        ("INPUT[32x32x3] -> CONV3-{make_divisible(16*w)} -> CONV3-8(bias=b)", ["w=0.25..2/0.25", "b=yes,no"], [],
         [PARAMETERS, Aim(0, is_name=True, is_max=True)]),
        ("INPUT[32x32x3] -> CONV3-{w*g} -> CONV3-8(groups=g) -> FC-10", ["w=1..6", "g=2,3,4"], [], [PARAMETERS]),
        ("INPUT[32x32x3] -> CONV{k}-w(pad=0) -> FC-10", ["k=30..36", "w=3,5"], [], [MACS]),
        ("INPUT[32x32x3] -> [CONV3-{2**i} -> RELU]*m as i -> CONV3-w", ["m=1..3", "w=3..5"], [],
         [MACS, MOST_ACTIVATIONS]),
        ("INPUT[32x32x3] -> CONV3-{w//3} -> CONV3-{w//4}", ["w=4..40"], ["parameters=900"], [MACS, MOST_ACTIVATIONS]),
    ],
)  # fmt: skip
def test_the_front_is_that_of_all_designs(target: str, vary: list[str], bounds: list[str], aims: list[Aim]) -> None:
    mine = surveyor(target, vary)
    found = mine.survey(limits(*bounds), aims)

    assert result(found) == exhaustive(mine, limits(*bounds), aims)
    assert found.points == mine.points
    assert found.within > 0
    assert [mine.family.figures(each.point, mine.wanted) for each in found.survivors[:5]] == [
        list(each.figures) for each in found.survivors[:5]
    ]


@pytest.mark.parametrize("size", [1, 7, 40, 10**6])
def test_blocks_of_any_size_give_the_same(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from cnncalc.search import blocks

    mine = surveyor(THREE, ["a=4..7", "b=4..8", "input=30..31"])
    monkeypatch.setattr(blocks, "BLOCK", size)
    aims = [MACS, MOST_ACTIVATIONS]

    assert result(mine.survey(limits("parameters=700"), aims)) == exhaustive(mine, limits("parameters=700"), aims)


def test_the_first_points_in_an_order_are_kept() -> None:
    mine = surveyor(TWO, ["a=4..9", "b=4..9"])

    for top in (1, 5, 100):
        found = mine.survey(limits("macs=300K"), [MACS], top=top)
        assert result(found) == exhaustive(mine, limits("macs=300K"), [MACS], top=top)


def test_conditions_leave_points_out() -> None:
    mine = surveyor(TWO, ["a=3..8", "b=4..12"])

    def condition(point: Point) -> bool:
        return int(point["b"]) == 2 * int(point["a"])

    found = mine.survey((), [MACS, MOST_ACTIVATIONS], conditions=[(("a", "b"), condition)])

    assert result(found) == exhaustive(mine, (), [MACS, MOST_ACTIVATIONS], condition)
    assert found.within == 4


def test_points_that_are_excluded_are_not_kept() -> None:
    mine = surveyor(TWO, ["a=4..9", "b=4..9"])
    first = mine.survey((), [MACS]).survivors[0]

    again = mine.survey((), [MACS], excluded=frozenset([first.place]))

    assert (again.within, first.place, [each.place for each in again.survivors]) == (35, 0, [1])


def test_figures_beyond_64_bits_are_exact() -> None:
    vary = ["a=3999999990..4000000000", "b=2000000000..2000000004"]
    mine = surveyor("INPUT[32x32x3] -> CONV3-a -> CONV3-b", vary)
    found = mine.survey((), [MACS, Aim(0, is_max=True)])

    assert found.survivors[-1].figures[1] > 2**64
    assert result(found) == exhaustive(mine, (), [MACS, Aim(0, is_max=True)])


@given(seeds)
@examples(3)
@pytest.mark.slow
def test_random_families(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # the same families on every run
    items = ["CONV3-a", "CONV{k}-b/2", "POOL", "CONV1-{depth//2}", "BN", "[CONV1-a | CONV3-b] -> CONCAT", "UPSAMPLE2"]
    chain = " -> ".join(random.choice(items) for _ in range(4))
    target = f"INPUT[21x19x3] -> CONV3-{{a+b}} -> {chain} -> FC-{{a+k}}"
    low = random.randint(2, 9)
    aims = random.sample([PARAMETERS, MACS, MOST_ACTIVATIONS, Aim(0, is_name=True, is_max=True)], random.randint(1, 3))
    mine = surveyor(target, [f"a={low}..{low + 3}", "b=3..6", f"k={random.choice(['1..5/2', '2..4'])}"])
    values = sorted(figures[1] for _, figures in exhaustive(mine, top=10**6)[2])
    bounds = limits(f"macs={values[len(values) // 2]}")

    assert result(mine.survey(bounds, aims)) == exhaustive(mine, bounds, aims)


@given(seeds)
@examples(60)
def test_the_front_of_arrays(seed: int) -> None:
    """Equal points are all kept, also where they are met in different blocks."""
    from cnncalc.search.blocks import _front

    random = Random(seed)  # noqa: S311  # the same points on every run
    rows, count = random.randint(1, 4), random.randint(1, 40)
    vectors = np.array([[random.randint(0, 6) for _ in range(count)] for _ in range(rows)])
    columns = [list(column) for column in vectors.T]

    kept = sorted(map(int, _front(vectors)))

    assert kept == [place for place, one in enumerate(columns) if not any(_beats(other, one) for other in columns)]


@pytest.mark.parametrize(
    ("target", "vary", "message"),
    [
        (
            "INPUT[32x32x3] -> CONV3-{2**m}",
            ["m=1..90"],
            "parameters, macs, activations: no formulas for all points of these ranges, since no polynomial in m",
        ),
        ("INPUT[32x32x3] -> CONV3-a", ["a=1..2000000"], "a has 2,000,000 values, more than 1,000,000"),
        (
            "INPUT[32x32x3] -> CONV3-a -> CONV3-b -> CONV3-c",
            ["a=1..10000", "b=1..10000", "c=1..10000"],
            "the ranges have 1,000,000,000,000 points together, more than 100,000,000,000",
        ),
        (
            "INPUT[32x32x3] -> CONV3-{a//100} -> CONV3-{b//100}",
            ["a=100..1000", "b=100..1000"],
            "since sizes are rounded, so that these ranges need 10,000 formulas, more than 4,096",
        ),
    ],
)
def test_what_formulas_cannot_answer_is_refused(target: str, vary: list[str], message: str) -> None:
    with pytest.raises(ValueProblem) as error:
        surveyor(target, vary)

    assert message in str(error.value)


def test_a_front_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from cnncalc.search import blocks

    monkeypatch.setattr(blocks, "MOST_KEPT", 5)
    with pytest.raises(ValueProblem, match="more than 5 points are on the front"):
        surveyor(TWO, ["a=4..9", "b=4..9"]).survey((), [MACS, MOST_ACTIVATIONS])
