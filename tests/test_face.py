"""The public Python functions give what the commands print."""

from __future__ import annotations

import inspect
import pkgutil
from typing import TYPE_CHECKING, Any

import pytest

import cnncalc
from cnncalc.analysis.report import Report
from cnncalc.cli.options import TABLE_FORMATS
from cnncalc.drawings import DRAWINGS, OVER_TIME
from cnncalc.memory.report import Options
from cnncalc.testing import assert_within_budget
from tests.calls import called, one_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NET = "INPUT 9x11x3 -> [CONV3-7 -> BN -> RELU]*2 -> FC-5"


def test_every_public_name_exists() -> None:
    for name in cnncalc.__all__:
        assert getattr(cnncalc, name) is not None


@pytest.mark.parametrize("form", [form for form in TABLE_FORMATS if form != "rich"])
@pytest.mark.parametrize("net", ["unet", NET])
def test_a_table_equals_the_output_of_the_command(net: str, form: str) -> None:
    assert cnncalc.table(net, form) == called("table", net, "--format", form, "--verbose").stdout


def test_a_table_takes_the_options_of_the_command() -> None:
    text = cnncalc.table("resnet18", "csv", columns=["layer", "macs"], depth=1)
    drawn = cnncalc.table(NET, bars=True, totals=False, units="si", batch=3, dtype="float16")

    assert text == called("table", "resnet18", "--format", "csv", "--columns", "layer,macs", "--depth", "1").stdout
    assert cnncalc.table("resnet18", "csv", columns="layer,macs", depth=1) == text
    words = ("--verbose", "--bars", "--no-totals", "--units", "si", "--batch", "3", "--dtype", "float16")
    assert drawn == called("table", NET, *words).stdout


@pytest.mark.parametrize("kind", DRAWINGS)
def test_a_drawing_equals_the_output_of_the_command(kind: str) -> None:
    words = ["--kind", kind, "--width", "640", "--batch", "3", "--units", "notes"]
    options = {"width": 640, "batch": 3, "units": "notes"}
    if kind in OVER_TIME:
        words += ["--optimizer", "adam"]
        options["optimizer"] = "adam"

    assert cnncalc.plot(NET, kind, **options) == called("plot", NET, *words).stdout  # type: ignore[arg-type]


def test_memory_takes_every_option_of_the_command() -> None:
    assert set(Options._fields) <= set(inspect.signature(cnncalc.account_memory).parameters)


def test_memory_with_logs_holds_every_operation() -> None:
    memory = cnncalc.account_memory(NET, logs=True)

    there = memory.training.breakdown
    base = there.parameters + there.optimizer_state + there.buffers + there.inputs
    assert base + max(event.total for event in memory.training.events) == memory.training.peak_bytes
    assert cnncalc.account_memory(NET).training.events == ()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: cnncalc.table(NET, "markdwn"),
            f"format: expected {one_of(name for name in TABLE_FORMATS if name != 'rich')}, found 'markdwn'; "
            "did you mean 'markdown'?",
        ),
        (lambda: cnncalc.table(NET, "rich"), "found 'rich'"),
        (lambda: cnncalc.table(NET, columns=["mac"]), "no column 'mac'; did you mean 'macs'?"),
        (lambda: cnncalc.table(NET, units="kb"), "units: expected iec, notes or si, found 'kb'"),
        (lambda: cnncalc.plot(NET, depth=0), "depth: expected a whole number of at least 1, found 0"),
        (lambda: cnncalc.plot(NET, "volume"), "no kind of drawing 'volume'; did you mean 'volumes'?"),
        (lambda: cnncalc.plot(NET, units="kb"), "units: expected iec, notes or si, found 'kb'"),
    ],
)  # fmt: skip
def test_invalid_options_are_value_problems(call: object, message: str) -> None:
    with pytest.raises(cnncalc.ValueProblem) as caught:
        call()  # type: ignore[operator]

    assert message in caught.value.message


WRONG: dict[str, list[object]] = {"int": [True, 1.5, "2"], "bool": [1, "no"], "str": [True, 3], "None": []}
"""Values of a wrong type, by the type of the parameter."""

PARAMETERS = [
    (function, name, value)
    for function in (cnncalc.load, cnncalc.analyze, cnncalc.account_memory, cnncalc.fit, cnncalc.table, cnncalc.plot)
    for name, annotation in function.__annotations__.items()
    if name != "return" and set(annotation.split(" | ")) <= WRONG.keys()
    for value in ([True, 1.5] if "str" in annotation and "int" in annotation else WRONG[annotation.split(" | ")[0]])
]


@pytest.mark.parametrize(
    ("function", "name", "value"), PARAMETERS, ids=[f"{f.__name__}-{name}={value!r}" for f, name, value in PARAMETERS]
)
def test_a_value_of_another_type_is_refused(function: Callable[..., object], name: str, value: object) -> None:
    """True equals 1 in Python, so it could be taken for a batch size, a memory or a reserve."""
    given = {"memory": "8GiB"} if function is cnncalc.fit else {}
    with pytest.raises(cnncalc.ValueProblem) as caught:
        function(NET, **{**given, name: value})

    assert caught.value.message.startswith(f"{name}: expected ")
    assert caught.value.message.endswith(f", found {value!r}")


def test_the_types_of_many_parameters_are_checked() -> None:
    assert {"batch", "reserve", "memory", "in_place", "width", "depth", "dtype"} <= {name for _, name, _ in PARAMETERS}


@pytest.mark.parametrize(
    ("name", "value"), [("columns", True), ("columns", [1]), ("variables", ["a"]), ("input", True)]
)
def test_lists_of_another_type_are_refused(name: str, value: object) -> None:
    with pytest.raises(cnncalc.ValueProblem, match=f"^{name}: expected"):
        cnncalc.table(NET, **{name: value})  # type: ignore[arg-type]


DESIGNS: dict[str, Callable[[Any], object]] = {
    "load": cnncalc.load,
    "analyze": cnncalc.analyze,
    "prepare": cnncalc.prepare,
    "account_memory": cnncalc.account_memory,
    "fit": lambda design: cnncalc.fit(design, "8GiB"),
    "fit of a board": lambda design: cnncalc.fit(design, "board:raspberry-pi-pico"),
    "table": cnncalc.table,
    "plot": cnncalc.plot,
    "solve": lambda design: cnncalc.solve(design, {"w": "1..4"}, max={"parameters": 9}),
    "formula": cnncalc.formula,
    "sweep": lambda design: list(cnncalc.sweep(design, {"w": "1..4"})),
    "assert_within_budget": lambda design: assert_within_budget(design, parameters="1M"),
}


@pytest.mark.parametrize("function", DESIGNS)
@pytest.mark.parametrize("design", [None, 5, b"INPUT 8x8x3 -> FC-5", ["vgg16"], {"layers": []}, Report])
def test_a_design_is_a_text_or_a_path(function: str, design: object) -> None:
    """The text of a report would be read as a pattern."""
    given = cnncalc.analyze(NET) if design is Report else design
    with pytest.raises(cnncalc.ValueProblem) as caught:
        DESIGNS[function](given)
    assert caught.value.message == f"expected a design: its name, pattern or path, found {type(given).__name__}"


def test_no_public_name_is_also_a_module() -> None:
    """Importing ``cnncalc.plot`` as a module would replace the function ``cnncalc.plot``."""
    modules = {module.name for module in pkgutil.iter_modules(cnncalc.__path__)}

    assert modules >= {"drawings", "page"}
    assert modules.isdisjoint(cnncalc.__all__)


def test_a_sweep_equals_the_points_of_the_command(tmp_path: Path) -> None:
    net = "INPUT 8x8x3 -> [CONV3-{w} -> RELU]*{n} -> POOL -> FC-10"
    words = ("--vary", "w=0..8/4", "--vary", "n=1,2", "--max", "macs=20K", "--keys", "macs,arena", "--batch", "3")
    assert called("sweep", net, *words, "--points", str(tmp_path / "a.csv"), "--executor", "serial").returncode == 0
    options: dict[str, Any] = {"keys": ["macs", "arena"], "max": {"macs": 20_000}, "batch": 3}

    found = list(cnncalc.sweep(net, {"w": "0..8/4", "n": [1, 2]}, points=tmp_path / "b.csv", **options))

    assert [record.status for record in found] == ["broken", "broken", "ok", "ok", "ok", "over"]
    assert found[2].variables == {"w": 4, "n": 1}
    assert found[2].figures["macs"] == cnncalc.analyze(net, variables={"w": 4, "n": 1}).totals.macs
    first, second = [(tmp_path / name).read_text().splitlines()[1:] for name in ("a.csv", "b.csv")]
    assert first == second
    assert list(cnncalc.sweep(net, {"w": "0..8/4", "n": [1, 2]}, points=tmp_path / "b.csv", **options)) == found


def test_a_sweep_is_lazy() -> None:
    found = cnncalc.sweep("INPUT 8x8x3 -> CONV3-{w}", {"w": "1..100000000"}, where="w > 5")
    assert [next(found).variables["w"] for _ in range(3)] == [6, 7, 8]


def test_a_sweep_of_rows_and_samples(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("w\n3\n5\n")
    net = "INPUT 8x8x3 -> CONV3-{w}"
    assert [record.variables["w"] for record in cnncalc.sweep(net, rows=tmp_path / "rows.csv")] == [3, 5]
    sampled = [record.variables["w"] for record in cnncalc.sweep(net, {"w": range(1, 1000)}, sample=4, seed=2)]
    assert len(set(sampled)) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vary": {}}, "a sweep needs names that vary"),
        ({"vary": [("w", 1)]}, "expected names with values"),
        ({"vary": {"w": 3}}, "w: expected a text such as '8..64', or at most 10,000 values, found 3"),
        ({"vary": {"w": []}}, "w: expected 1 to 10,000 values, found 0"),
        ({"vary": {"w": [1]}, "sample": 0}, "sample: expected a whole number"),
        (
            {"vary": {"w": [1]}, "method": "latn"},
            "method: expected random or latin, found 'latn'; did you mean 'latin'?",
        ),
        ({"vary": {"w": [1]}, "max": 3}, "expected names with values"),
        ({"vary": {"w": [1]}, "keys": ["mac"]}, "no key 'mac'; did you mean 'macs'?"),
        ({"vary": {"w": [1]}, "batch": 0}, "batch: expected a whole number"),
        ({"vary": {"w": [1]}, "dtype": "float31"}, "no dtype 'float31'"),
        ({"vary": {"w": [1]}, "seed": "x"}, "seed: expected a whole number, found 'x'"),
        ({"vary": {"w": [1]}, "executor": "nobody"}, "no executor 'nobody'"),
    ],
)
def test_wrong_options_of_a_sweep(options: dict[str, Any], message: str) -> None:
    with pytest.raises(cnncalc.ValueProblem) as error:
        next(cnncalc.sweep("INPUT 8x8x3 -> CONV3-{w}", **options))
    assert str(error.value).startswith(message)
