"""Work of a search: a task that can be pickled, and the outcome of each of its points."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from cnncalc.errors import DesignError
from cnncalc.figures.measure import Measure
from cnncalc.language.assignment import variable
from cnncalc.language.settings import Settings
from cnncalc.search.executors import outcomes
from cnncalc.search.family import Wanted
from cnncalc.search.work import Outcome, Work, evaluate
from cnncalc.volume import Volume

FILE = """
variables: {w: 8, n: 2}
defaults: {conv: {filters: "{round(16*w)}"}}
layers: INPUT 16x16x3 -> [CONV3 -> RELU]*n -> POOL -> FC-10
"""


def copy_by_pickle(value: Any) -> Any:
    """What another process gets."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301  # our own bytes


WORK = Work("-", Settings(), (Wanted(Measure("parameters")), Wanted(Measure("macs"))), FILE)
HALF = variable("w", "0.5")


def test_figures_are_in_the_order_of_what_is_wanted() -> None:
    """CONV3-8 on [16x16x3]: 3*3*3*8 + 8 = 224; FC-10 on [8x8x8]: 512*10 + 10 = 5,130."""
    (found,) = evaluate(WORK, [{"w": HALF, "n": 1}])
    assert found == Outcome((224 + 5130, 16 * 16 * 8 * 27 + 5120))


def test_a_broken_member_has_its_reason() -> None:
    found = evaluate(WORK, [{"w": 0}, {"input": Volume(1, 16, 3)}, {"w": HALF}])
    assert [each.figures is None for each in found] == [True, True, False]
    assert [each.code for each in found] == ["wrong-value", "window-too-large", ""]
    assert found[1].reason.startswith("window-too-large: pool1: the window must fit into the volume")


def test_a_figure_without_a_value_is_a_reason() -> None:
    wanted = (Wanted(Measure("receptive_field_unclipped")),)
    (found,) = evaluate(Work("INPUT 9x9x3 -> FC-5", Settings(), wanted), [{}])
    assert found.reason.startswith("undecidable: receptive_field_unclipped: ")


def test_work_survives_pickling() -> None:
    work = WORK._replace(settings=Settings({"w": HALF, "n": 3}, input=Volume(9, 11, 2)))
    again = copy_by_pickle(work)
    assert again == work
    assert copy_by_pickle(HALF).text == "0.5"
    assert evaluate(again, [{"w": HALF}, {"n": 5}]) == evaluate(work, [{"w": HALF}, {"n": 5}])


def test_outcomes_come_with_their_points() -> None:
    points = [{"n": 1}, {"n": 2}, {"w": -1}]
    assert list(outcomes(WORK, points, "serial")) == list(zip(points, evaluate(WORK, points), strict=True))


def test_a_target_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(DesignError, match="no file, named net or pattern"):
        evaluate(WORK._replace(target="vgg99"), [{}])
