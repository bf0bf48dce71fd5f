"""Sweeps: every point equals the design alone; fronts, limits, points files and what is refused."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

import cnncalc
from cnncalc.errors import CnncalcError, DesignError, ValueProblem
from cnncalc.figures.value import figure
from cnncalc.language.assignment import variable
from cnncalc.language.settings import Settings
from cnncalc.memory.report import Options
from cnncalc.search.family import Family
from cnncalc.search.sweep import (
    Objective,
    Plan,
    Record,
    Summary,
    SweepRequest,
    batch_warning,
    look_up,
    plan_of,
    records,
)

FILE = """
variables: {w: 8, n: 2, ratio: 0.5}
blocks:
  unit(k): CONV3-k -> BN -> RELU
layers: INPUT 16x16x3 -> unit({w})*n -> POOL -> CONV3-{round(ratio*w)} -> RELU -> FC-10
"""
VARY = ("w=4..16/4", "n=1,2,3", "ratio=0.25..1/0.25", "input=8..24/8", "batch=1..8/x2")
KEYS = ("parameters", "macs", "activations", "training_memory", "receptive_field", "arena")


def planned(request: SweepRequest, target: str = "-", stdin: str | None = FILE, **settings: Any) -> tuple[Family, Plan]:
    """The family and the plan of a request."""
    family = Family(target, Settings(**settings), stdin)
    return family, plan_of(request, family, stdin)


def swept(request: SweepRequest, target: str = "-", stdin: str | None = FILE, **settings: Any) -> list[Record]:
    """The records of a request."""
    return list(records(planned(request, target, stdin, **settings)[1]))


@pytest.mark.slow
def test_random_points_equal_the_design_alone() -> None:
    found = swept(SweepRequest(VARY, keys=KEYS, options={"optimizer": "adam"}))
    assert len(found) == 4 * 3 * 4 * 3 * 4
    random = Random(1)  # noqa: S311
    for record in random.sample(found, 30):
        point = dict(record.variables)
        batch, size = point.pop("batch"), point.pop("input")
        report = cnncalc.analyze("-", stdin=FILE, variables=point, input=size, batch=batch)
        for key, value in record.figures.items():
            alone = figure(report, key, Options(batch=batch, optimizer="adam")).value
            assert value == (min(alone) if isinstance(alone, tuple) else alone), (key, record)


def test_points_of_a_net_equal_the_net() -> None:
    (first, second) = swept(SweepRequest(("classes=10,100",), keys=("parameters", "macs")), "lenet5", None)
    for record, classes in ((first, 10), (second, 100)):
        totals = cnncalc.analyze("lenet5", classes=classes).totals
        assert record.figures == {"parameters": totals.parameters, "macs": totals.macs}
        assert record.status == "ok"


# Which keys


def test_keys_are_in_the_order_of_their_first_mention() -> None:
    request = SweepRequest(
        ("w=4,8",), limits=(("max", "arena=1MiB"), ("min", "macs=1")), front=("flops:max", "w"), sort="layers"
    )
    assert planned(request)[1].keys == ("parameters", "macs", "activations", "arena", "flops", "layers")
    assert planned(request._replace(keys=("layers", "weights")))[1].keys == (
        "layers",
        "weights",
        "arena",
        "macs",
        "flops",
    )


def test_options_are_those_of_the_limit_else_of_the_call() -> None:
    """A batch that the limit writes holds at each point, too."""
    request = SweepRequest(
        ("batch=1,4",),
        keys=("training_memory", "inference_memory"),
        limits=(("max", "training_memory=8GiB,batch=2,optimizer=sgd"),),
        options={"optimizer": "adam", "dtype": "float64"},
    )
    found = swept(request)
    report = cnncalc.analyze("-", stdin=FILE, dtype="float64")
    training = Options(batch=2, optimizer="sgd", dtype="float64")
    assert [record.figures["training_memory"] for record in found] == [
        figure(report, "training_memory", training).value
    ] * 2
    assert [record.figures["inference_memory"] for record in found] == [
        figure(report, "inference_memory", Options(batch=batch, dtype="float64")).value for batch in (1, 4)
    ]


def test_the_batch_alone_is_warned_of_where_no_key_depends_on_it() -> None:
    warning = batch_warning(planned(SweepRequest(("batch=1,2",)))[1])
    assert warning is not None
    assert warning.message.startswith("--vary batch has no effect: none of parameters, macs, activations depends on it")
    fixed = SweepRequest(("batch=1,2",), keys=("plan_arena",), limits=(("max", "plan_arena=1MiB,batch=3"),))
    assert batch_warning(planned(fixed)[1]) is not None
    assert batch_warning(planned(SweepRequest(("batch=1,2",), keys=("plan_arena",)))[1]) is None
    assert batch_warning(planned(SweepRequest(("w=1,2",)))[1]) is None


# Statuses


def test_limits_and_reasons() -> None:
    """Parameters of CONV3-w on 3 channels and FC-10 on [2x2xw]: 28*w + 40*w + 10."""
    net = "INPUT 4x4x3 -> CONV3-{w} -> POOL -> FC-10"
    request = SweepRequest(("w=0,1,2,5",), limits=(("max", "parameters=146"), ("min", "macs=900")))
    found = swept(request, net, None)
    assert [record.status for record in found] == ["broken", "over", "ok", "over"]
    assert [record.figures.get("parameters") for record in found] == [None, 78, 146, 350]
    assert found[0].reason.startswith("wrong-value: ")
    assert [record.reason for record in found[1:]] == ["macs below 900", "", "parameters above 146"]
    summary = Summary(planned(request, net, None)[1])
    for record in found:
        summary.add(record)
    assert summary.counts == {"ok": 1, "over": 2, "broken": 1}
    assert summary.reasons["over"]["macs below 900"].points == 1
    assert summary.reasons["broken"]["wrong-value"].example == found[0]
    assert list(summary.first) == [found[2]]


def test_a_limit_that_an_upper_bound_does_not_decide_is_a_reason() -> None:
    """Channels that are told apart hide how much a layer of shufflenet-v2 sees: at most 224 pixels."""
    for limits, status in (
        ((("max", "receptive_field=224"),), "ok"),
        ((("max", "receptive_field=100"),), "broken"),
        ((("min", "receptive_field=100"),), "broken"),
    ):
        (record,) = swept(SweepRequest(("classes=10",), keys=("layers",), limits=limits), "shufflenet-v2", None)
        assert record.status == status
        bound, limit = limits[0][0], limits[0][1].partition("=")[2]
        why = f"undecidable: receptive_field is at most 224, which does not decide {bound} {limit}"
        assert record.reason == (why if status == "broken" else "")


def test_front_is_that_of_the_designs_within_the_limits() -> None:
    front = ("activations", "parameters:max")
    request = SweepRequest(("w=1..12", "n=1,2,3"), limits=(("max", "macs=200K"),), front=front)
    plan = planned(request)[1]
    summary = Summary(plan, request.objectives)
    found = list(records(plan))
    for record in found:
        summary.add(record)
    within = [record for record in found if record.status == "ok"]
    assert 1 < len(within) < len(found)
    values = [(record.figures["activations"], -record.figures["parameters"]) for record in within]
    best = [
        record
        for record, (a, b) in zip(within, values, strict=True)
        if not any(x <= a and y <= b and (x, y) != (a, b) for x, y in values)
    ]
    assert sorted(map(repr, summary.front)) == sorted(map(repr, best))
    assert len(best) > 1


def test_order_and_top() -> None:
    request = SweepRequest(("w=1..6",), front=("w", "macs:max"), sort="macs:max")
    plan = planned(request)[1]
    found = list(records(plan))
    by_front, by_order = Summary(plan, request.objectives, request.order, 2), Summary(plan, sort=request.order, top=3)
    plain = Summary(plan, top=2)
    for record in found:
        for each in (by_front, by_order, plain):
            each.add(record)
    assert by_front.shown() == ([found[5], found[4]], 4)
    assert by_order.shown() == ([found[5], found[4], found[3]], 3)
    assert plain.shown() == (found[:2], 4)


# Names


def test_a_name_that_no_design_reads_is_refused() -> None:
    family, plan = planned(SweepRequest(("width=1,2",)))
    with pytest.raises(DesignError, match=r"'width' changes nothing: the design has no variable 'width'"):
        look_up(family, plan.points)
    family, plan = planned(SweepRequest(("rati=1,2",)))
    with pytest.raises(DesignError, match="did you mean 'ratio'"):
        look_up(family, plan.points)


def test_a_name_that_some_designs_read_is_not_refused() -> None:
    net = "INPUT 8x8x3 -> [CONV3-{w}]*{n} -> FC-10"
    family, plan = planned(SweepRequest(("w=4,8", "n=0,1")), net, None)
    name, warnings = look_up(family, plan.points)
    assert (name, warnings) == ("pattern", [])
    found = list(records(plan))
    assert [record.figures.get("parameters") for record in found] == [1930, 2682, 1930, 5354]


def test_the_name_of_the_family_has_what_does_not_vary() -> None:
    family, plan = planned(SweepRequest(("batch=1,2", "input=32,48"), keys=("plan_arena",)), "lenet5", None, classes=12)
    assert look_up(family, plan.points)[0] == "lenet5, changed: classes=12"


def test_a_warning_of_all_designs_is_kept() -> None:
    family, plan = planned(SweepRequest(("w=4,8",)), variables={"zz": 3})
    _, (warning,) = look_up(family, plan.points)
    assert warning.message.startswith("--set zz=3 has no effect")


@pytest.mark.parametrize(
    ("refused", "message", "hint"),
    [
        (SweepRequest(), "a sweep needs names that vary", "--vary width=8..64, or --from FILE.csv"),
        (SweepRequest(("w=1,2", "w=3")), "'w' has two ranges", None),
        (SweepRequest(("w=4..1",)), "the range is empty: its lower end 4 is above its upper end 1", "--vary w=1..4"),
        (SweepRequest(("batch=0.5,2",)), "batch takes whole numbers, found 0.5", None),
        (
            SweepRequest(("w=1..1000000000000",)),
            "the ranges have 1,000,000,000,000 points together, more than 100,000,000",
            "draw some of them: --sample 10000 --seed 1",
        ),
        (SweepRequest(("classes=1,2",)), "'classes' varies, and --classes sets it", "leave out --classes"),
        (SweepRequest(("ratio=1,2",)), "'ratio' varies, and --set sets it", "leave out --set"),
        (
            SweepRequest(("batch=1,2",), options={"batch": 4}),
            "'batch' varies, and --batch sets it",
            "leave out --batch",
        ),
        (SweepRequest(("w=1,2",), keys=("mac",)), "no key 'mac'; did you mean 'macs'?", None),
        (SweepRequest(("w=1,2",), front=("ww", "macs")), "no key 'ww'; did you mean 'w'?", None),
        (SweepRequest(("w=1,2",), front=("macs:up",)), "expected KEY or KEY:max, as in macs, found 'macs:up'", None),
        (SweepRequest(("w=1,2",), front=("macs", "macs:max")), "the front has 'macs' twice", None),
        (SweepRequest(("w=1,2",), sort=""), "expected KEY or KEY:max, as in macs, found nothing", None),
        (SweepRequest(("w=1,2",), limits=(("max", "macs=+5%"),)), "macs: +5% is relative, and a search has no base",
         "write the limit itself, as in macs=7M"),
        (SweepRequest(("w=1,2",), limits=(("max", "macs=1"), ("min", "macs=2"))),
         "macs: min 2 is above max 1: no value satisfies both", None),
        (SweepRequest(("w=1..9",), most=5), "at most 5 points are allowed here, and there are 9",
         "draw some of them: --sample 5"),
        (SweepRequest(("w=1,2",), where=("ww > 1",)), "'ww' has no value here; did you mean 'w'?", None),
    ],
)  # fmt: skip  # one case in one or two lines
def test_what_is_refused(refused: SweepRequest, message: str, hint: str | None) -> None:
    with pytest.raises(CnncalcError) as error:
        planned(refused, classes=10, variables={"ratio": variable("ratio", "0.5")})
    problem = error.value.every[0] if isinstance(error.value, DesignError) else error.value.problem()
    assert (problem.message.partition(" (known")[0], problem.hint) == (message, hint)


def test_a_variable_with_the_name_of_a_key_is_refused_where_both_are_columns() -> None:
    net = "INPUT 8x8x3 -> [CONV3-{macs}]*{layers} -> FC-10"
    vary = ("macs=4,8", "layers=1,2")
    with pytest.raises(ValueProblem) as error:
        planned(SweepRequest(vary), net, None)
    assert error.value.hint == "leave it out: --keys parameters,activations"
    found = swept(SweepRequest(vary, keys=("parameters", "activations")), net, None)
    assert len(found) == 4
    assert all(record.status == "ok" for record in found)


def test_lists_have_no_order() -> None:
    net = "INPUT 8x8x3 -> CONV3-{sizes[0]} -> FC-10"
    plan = planned(SweepRequest(("sizes=2x4,3x5",), front=("sizes",)), net, None)[1]
    summary = Summary(plan, (Objective("sizes"),))
    with pytest.raises(ValueProblem, match="'sizes' has values that are not numbers, so they have no order"):
        summary.add(next(records(plan)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"where": None}, "where: expected a list of expressions, found None"),
        ({"where": [3]}, "where: expected a list of expressions, found [3]"),
        ({"keys": [3]}, "keys: expected a list of names, found [3]"),
        ({"executor": 3}, "executor: expected a text or a concurrent.futures.Executor, found 3"),
    ],
)
def test_wrong_types_of_python_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueProblem) as error:
        next(cnncalc.sweep("INPUT 4x4x3 -> CONV3-{w}", {"w": [1, 2]}, **given))
    assert str(error.value).startswith(message)
