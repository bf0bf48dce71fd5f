"""A family: the figures of a member equal those of that design alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cnncalc import analyze
from cnncalc.errors import DesignError
from cnncalc.figures.measure import Measure, Meter
from cnncalc.language.settings import Settings
from cnncalc.search.family import Family, Wanted
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from cnncalc.layers.keys import Value

FILE = """
variables: {w: 8, n: 2}
defaults: {conv: {filters: "{2*w}"}}
blocks:
  unit(k): CONV3-k -> RELU
layers: INPUT 16x16x3 -> unit({w})*n -> CONV3 -> CONV1-{depth//2} -> POOL -> FC-10
"""
WANTED = [Wanted(Measure("parameters")), Wanted(Measure("macs")), Wanted(Measure("training_memory"))]
POINTS: list[dict[str, Value]] = [
    {"w": 3},
    {"w": 8, "n": 5},
    {"w": 3, "batch": 7},
    {"input": Volume(24, 20, 1), "n": 1},
    {"w": 3},
]


def test_each_member_equals_the_design_alone() -> None:
    family = Family("-", stdin=FILE)
    for point in POINTS:
        variables = {name: value for name, value in point.items() if name in ("w", "n")}
        size: Any = point.get("input")
        report = analyze("-", stdin=FILE, variables=variables, input=size)
        meter, batch = Meter(report), int(point.get("batch", 1))
        expected = [meter.value(each.measure) for each in WANTED[:2]]
        expected.append(meter.value(Measure("training_memory", batch)))
        assert family.figures(point, WANTED) == expected


def test_a_member_that_is_broken_leaves_the_others_as_they_are() -> None:
    family = Family("-", stdin=FILE)
    before = family.figures({"w": 4}, WANTED)
    for point in ({"w": 0}, {"n": "x"}, {"input": Volume(1, 1, 1)}, {"w": -3}):
        with pytest.raises(DesignError):
            family.figures(point, WANTED)
    assert family.figures({"w": 4}, WANTED) == before


@pytest.mark.parametrize(("name", "near"), [("width", "no variable 'width'"), ("hidden", "the units of a hidden FC")])
def test_a_name_that_the_design_lacks_is_an_error(name: str, near: str) -> None:
    with pytest.raises(DesignError, match=near) as error:
        Family("-", stdin=FILE).figures({name: 3}, WANTED)
    assert error.value.every[0].code == "unknown-variable"


def test_the_batch_of_a_limit_that_writes_its_own_stays() -> None:
    family = Family("-", stdin=FILE)
    own = Wanted(Measure("training_memory", 3), follows_batch=False)
    assert family.figures({"batch": 9}, [own]) == family.figures({}, [own])


def test_the_input_of_a_design() -> None:
    assert Family("-", stdin=FILE).input_volume() == Volume(16, 16, 3)
    assert Family("INPUT -> CONV3-4 -> FC-2").input_volume() == Volume(224, 224, 3)
    assert Family("INPUT -> CONV1-4 -> POOL500/1").input_volume() is None


def test_a_range_of_inputs_takes_the_depth_from_a_member_that_is_valid() -> None:
    family = Family("INPUT 12x12x4 -> CONV1-{w} -> CONV3-{w}(groups={g}) -> FC-3")
    _, _, sizes = family.ranges(["g=4,3", "w=1..12", "input=5..9/2"], "--for")  # g=4, w=1 is invalid
    assert list(sizes.values) == [Volume(5, 5, 4), Volume(7, 7, 4), Volume(9, 9, 4)]


def test_a_wrong_name_is_told_where_another_has_no_value() -> None:
    """The name is that of a range, so it is no option --set of the call; such an option is still warned of."""
    settings = Settings(variables={"z": 1})
    with pytest.raises(DesignError) as failure:
        Family("INPUT 8x8x3 -> CONV3-{w} -> FC-2", settings, requires_effect=False).look_up([{"q": 8}, {"q": 9}])
    codes = [each.code for each in failure.value.every]
    assert codes == ["unknown-variable", "unset-variable", "no-effect"]
    assert failure.value.first.message == "'q' changes nothing: the design has no variable 'q' (it has w)"
    assert failure.value.every[2].message.startswith("--set z=1 has no effect")


def test_a_variable_called_batch_is_not_the_batch() -> None:
    with pytest.raises(DesignError) as failure:
        Family("INPUT 8x8x3 -> CONV3-{batch} -> CONV1-{w}").look_up([{"batch": 2, "w": 8}])
    assert failure.value.first.message == "variable without a value: batch"
    assert failure.value.first.hint == "a range of batch sets the number of images in a batch: rename the variable"
