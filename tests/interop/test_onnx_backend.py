"""The test suite for backends in the onnx package, run by the importer and the NumPy executor.

A case is a model of one or a few operators with inputs and results. Its floating-point inputs are those of the net, or
the first one alone and the others its weights, as its operators need. Unsupported operators must be refused, what is
read must give the results of the case, unless it is said that its numbers differ. How many ran of each operator, and
why others did not, is kept in a golden file.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from cnncalc.analysis.report import account
from cnncalc.errors import CnncalcError, DesignError
from cnncalc.interop.onnx_weights import OnnxWeights
from cnncalc.interop.tensor_weights import from_volume, to_volume
from cnncalc.language.settings import DEFAULT_SETTINGS
from cnncalc.run.forward import run
from cnncalc.run.weights import build

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.slow
onnx: Any = pytest.importorskip("onnx", reason="the onnx package is not installed, so its test suite is not run")

KINDS = ("node", "pytorch-converted", "pytorch-operator")
GOLDEN = Path(__file__).parents[1] / "golden" / "onnx-backend.txt"
VERSION = "1.23"
"""The version of the package whose numbers the golden file holds; other versions have other cases."""
FEWEST = 400
"""As many cases run at least with every version that has computed cases."""
MENDED = {"test_attention_3d": (1, 19)}
"""Cases, by how their names begin, whose results in the package were wrong before a version."""
SHARE = {"float32": 1e-5, "float64": 1e-10, "float16": 2e-3}
"""How far results may be apart, as a share of the largest one; or as far as the case itself allows."""


class Case(NamedTuple):
    """A model with its inputs and results; ``rtol`` is the relative difference that the case allows."""

    name: str
    model: Any
    data_sets: Sequence[tuple[Sequence[Any], Sequence[Any]]]
    rtol: float


class NotRunError(Exception):
    """A case is not run; the message says why."""


def cases(kind: str) -> Iterator[Case]:
    """The cases of a kind."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():  # those of NumPy, while expected results are computed
        warnings.simplefilter("ignore")
        every = load_model_tests(kind=kind)
    version = tuple(map(int, onnx.__version__.split(".")[:2]))
    for each in every:
        if any(each.name.startswith(name) and version < since for name, since in MENDED.items()):
            continue
        if each.model is not None:
            yield Case(each.name, each.model, each.data_sets, each.rtol)
            continue
        folder = Path(each.model_dir)
        model = onnx.load(folder / "model.onnx")
        sets: list[Any] = [([None], [None])]
        if all(value.type.HasField("tensor_type") for value in (*model.graph.input, *model.graph.output)):
            parts = sorted(folder.glob("test_data_set_*"))
            sets = [(_tensors(part, "input"), _tensors(part, "output")) for part in parts]
        yield Case(each.name, model, sets, each.rtol)


LET_ALONE = ("is computed from the inputs of the net", "with a tensor as exponent", "it has no input of numbers")
"""Reasons why a case is not run that do not hold where its first input alone is that of the net."""


def _tensors(folder: Path, what: str) -> list[Any]:
    found = []
    for number in range(len(list(folder.glob(f"{what}_*.pb")))):
        tensor = onnx.TensorProto()
        tensor.ParseFromString((folder / f"{what}_{number}.pb").read_bytes())
        try:
            found.append(onnx.numpy_helper.to_array(tensor))
        except ValueError:  # old versions do not read all types of their own cases
            found.append(None)
    return found


def difference(case: Case) -> float:
    """How far the results are from those of the case, 1 being all that is allowed; raises NotRunError."""
    held = {tensor.name for tensor in case.model.graph.initializer}
    names = [value.name for value in case.model.graph.input if value.name not in held]
    reasons = []
    for is_alone in (False, True):
        try:
            return max(_apart(case, names, inputs, outputs, is_alone) for inputs, outputs in case.data_sets)
        except (NotRunError, CnncalcError) as error:
            reasons.append(error.problems[0].message if isinstance(error, DesignError) else str(error))
            if not any(text in reasons[0] for text in LET_ALONE):
                break
    raise NotRunError(reasons[-1])


def _apart(case: Case, names: list[str], inputs: Sequence[Any], outputs: Sequence[Any], is_alone: bool) -> float:
    inputs, outputs = [_array(value) for value in inputs], [_array(value) for value in outputs]
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    given = {}
    for number, (name, value) in enumerate(zip(names, inputs, strict=False)):
        array = np.asarray(value)
        if array.dtype.name in SHARE and not (is_alone and number):
            given[name] = array
        else:
            model.graph.initializer.append(_tensor(array, name))
    if not given:
        raise NotRunError("it has no input of numbers")
    kept = [value for value in model.graph.input if value.name in given]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    return _run(case, OnnxWeights("case.onnx", model.SerializeToString(), DEFAULT_SETTINGS), given, outputs)


def _tensor(array: Any, name: str) -> Any:
    try:
        return onnx.numpy_helper.from_array(array, name)
    except ValueError as error:  # the same
        raise NotRunError(f"the package does not write its input: {error}") from None


def _array(value: Any) -> Any:
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value)
    if not isinstance(value, (np.ndarray, np.generic)):
        raise NotRunError("it takes or gives what is no tensor")
    return np.asarray(value)


def _run(case: Case, own: OnnxWeights, given: dict[str, Any], outputs: Sequence[Any]) -> float:
    """Runs a net that was read."""
    origins = own.origins
    dtype = "float64" if any(array.dtype == np.float64 for array in given.values()) else "float32"
    report = account(own.graph, batch=origins.batch, dtype=dtype)
    if origins.inexact:
        raise NotRunError(f"said to differ: {next(iter(origins.inexact.values()))}")
    weights = build(report)
    images = {}
    for row in report.layers:
        for own_array in row.own_arrays:
            weights[row.index][own_array.name][...] = own.array(row.name, own_array.name, own_array.shape)
        if row.layer.is_input:
            source = origins.inputs[row.name]
            images[row.name] = to_volume(given[source.name].astype(dtype), source.axes, row.output, origins.batch)
    found = run(report, weights, images, keep=lambda name: True).outputs
    places = {place.name: place for place in (*origins.inputs.values(), *origins.values)}
    distances = []
    for value, expected in zip(case.model.graph.output, outputs, strict=False):
        place = places.get(value.name)
        array = np.asarray(expected)
        if place is None or place.layer not in found or array.dtype.name not in SHARE:
            continue
        ours = from_volume(found[place.layer], place.axes)
        ours = ours if place.expanded is None else np.broadcast_to(ours, place.expanded)
        assert ours.shape == array.shape, case.name
        allowed = case.rtol * np.abs(array.astype("f8"))
        allowed += SHARE[array.dtype.name] * np.abs(array[np.isfinite(array)].astype("f8")).max(initial=1e-3)
        with np.errstate(invalid="ignore"):
            apart = np.abs(ours.astype("f8") - array)
            same = (ours == array) | (np.isnan(ours) & np.isnan(array))
            distances.append(float((np.where(same, 0, apart) / allowed).max(initial=0)))
    if not distances:
        raise NotRunError("its results are no values of layers")
    return max(distances)


@cache
def outcomes() -> tuple[dict[str, Counter[str]], dict[str, float], int]:
    """For each operator how many cases ran or why not; the differences of those that ran; how many cases there are."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    distances: dict[str, float] = {}
    number = 0
    for kind in KINDS:
        for case in cases(kind):
            number += 1
            types = {node.op_type for node in case.model.graph.node}
            operator = types.pop() if len(types) == 1 and kind == "node" else f"{kind}, several operators"
            try:
                distances[f"{kind} {case.name}"] = difference(case)
                found[operator]["ran"] += 1
            except NotRunError as error:
                found[operator][_shortened(str(error))] += 1
    return found, distances, number


def _shortened(reason: str) -> str:
    """A reason without the names and numbers of one case."""
    text = re.sub(r" \(at .*\)$", "", reason.removeprefix("case.onnx: "))
    text = re.sub(r"\d+", "N", re.sub(r"\[.*?\]", "[..]", text))
    return re.sub(r"^\S+: (?=[A-Z])", "", text)[:140]


def test_every_case_that_is_read_gives_its_results() -> None:
    _, distances, _ = outcomes()
    assert {name: distance for name, distance in distances.items() if distance > 1} == {}
    assert len(distances) >= FEWEST


def test_as_many_cases_run_as_the_list_says(regenerate: bool) -> None:
    if not onnx.__version__.startswith(f"{VERSION}."):
        pytest.skip(f"the list is that of onnx {VERSION}, but {onnx.__version__} is installed")
    found, distances, number = outcomes()
    lines = [f"onnx {VERSION}: {len(distances)} of {number} cases run", ""]
    for operator in sorted(found):
        lines.append(f"{operator}: {found[operator]['ran']} run")
        lines += [
            f"    {count} not: {why}"
            for why, count in sorted(found[operator].items(), key=lambda item: (-item[1], item[0]))
            if why != "ran"
        ]
    text = "\n".join(lines) + "\n"
    if regenerate:
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_a_wrong_result_is_found() -> None:
    case = next(case for case in cases("pytorch-operator") if case.name == "test_operator_exp")
    inputs, (expected,) = case.data_sets[0]
    assert difference(case) <= 1
    assert difference(case._replace(data_sets=[(inputs, [expected * np.float32(1.01)])])) > 1
