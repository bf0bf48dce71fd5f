"""Fuzzing: a short run on every target, all inputs that it has found faults with, and how failures are recorded."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.fuzz import campaign
from benchmarks.fuzz.campaign import Campaign
from benchmarks.fuzz.fields import _parsed, _table_places, _written
from benchmarks.fuzz.target import READ, Broken, Target
from benchmarks.fuzz.targets import TARGETS
from benchmarks.fuzz.worker import batch_of, tried
from cnncalc.analysis.loading import ARCHITECTURE, FILE_READERS
from tests.calls import ROOT, environment
from tests.found_by_fuzzing import FOUND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COSTLY = ("calls", "documents")
"""Targets whose inputs take milliseconds."""
ENDINGS = [ending[1:] for reader in FILE_READERS if reader is not ARCHITECTURE for ending in reader.endings]
MODELS = [name for name in ENDINGS if name in TARGETS]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_format_of_model_files_is_a_target() -> None:
    assert set(ENDINGS) - set(MODELS) == {"h5", "hdf5"}  # h5py reads them, and their configuration is that of "keras"


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_random_inputs_are_read_or_refused(name: str) -> None:
    done = batch_of(TARGETS[name], 1, 0, 30 if name in COSTLY else 150)
    assert not done["failures"], done["failures"][0]
    assert done["inputs"] > done["read"]


@pytest.mark.parametrize(("name", "data", "rule"), FOUND, ids=[f"{name} {rule}" for name, _, rule in FOUND])
def test_what_was_found_is_read_or_refused_with_a_message(name: str, data: bytes, rule: str) -> None:
    outcome, _, failure = tried(TARGETS[name], data)
    assert failure is None
    assert outcome.startswith(rule)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_file_that_ends_too_early_is_read_or_refused(name: str) -> None:
    target = TARGETS[name]
    data = target.seeds()[0]
    assert tried(target, data)[0] == READ
    outcomes = [tried(target, data[:end]) for end in range(0, len(data), max(1, len(data) // 60))]
    assert not [failure for *_, failure in outcomes if failure]
    assert {outcome for outcome, *_ in outcomes} - {READ}


@pytest.mark.slow
def test_the_seeds_of_every_target_are_tried_and_some_are_read() -> None:
    for name, target in TARGETS.items():
        outcomes = [tried(target, data) for data in target.seeds()[:12]]
        assert not [failure for *_, failure in outcomes if failure], name
        assert READ in [outcome for outcome, *_ in outcomes] or name == "option values", name


# How inputs are made


def test_the_same_numbers_give_the_same_inputs() -> None:
    tried_inputs: list[bytes] = []

    def run(data: bytes) -> str:
        tried_inputs.append(data)
        return READ if len(data) % 2 else "odd"

    target = TARGETS["conditions"]._replace(run=run)
    batch_of(target, 1, 4, 30)
    first, tried_inputs[:] = list(tried_inputs), []
    batch_of(target, 1, 4, 30)
    assert first == tried_inputs
    assert len(set(first)) > 20
    batch_of(target, 1, 5, 30)
    assert tried_inputs[30:] != first


def test_fields_of_onnx_are_written_as_they_were_read() -> None:
    for data in TARGETS["onnx"].seeds():
        fields = _parsed(data, "model")
        assert _written(fields) == data
        assert [field[0] for field in fields if isinstance(field[2], list)]


def test_places_of_tflite_are_numbers_of_the_format() -> None:
    for data in TARGETS["tflite"].seeds():
        places = _table_places(data)
        assert all(0 <= place <= len(data) - width for place, width in places)
    assert len(_table_places(TARGETS["tflite"].seeds()[0])) > 100


# What is recorded


def _fails(error: BaseException) -> Callable[[bytes], str]:
    def run(data: bytes) -> str:
        raise error

    return run


def _target(run: Callable[[bytes], str]) -> Target:
    return TARGETS["conditions"]._replace(run=run)


@pytest.mark.parametrize(
    "error", [ValueError("x"), RecursionError(), SystemExit(0), Broken("x"), MemoryError()], ids=repr
)
def test_any_exception_is_a_failure(error: BaseException) -> None:
    failure = tried(_target(_fails(error)), b"x")[2]
    assert failure is not None
    assert failure["key"].startswith(type(error).__name__)


def test_a_refused_input_that_is_slow_is_a_failure_and_a_large_one_that_is_read_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(data: bytes) -> str:
        sum(range(100_000))
        return data.decode()

    assert tried(_target(run), b"refused")[2] is None
    monkeypatch.setattr("benchmarks.fuzz.worker.SECONDS", 0.0)
    failure = tried(_target(run), b"refused")[2]
    assert failure is not None
    assert failure["key"] == "slow"
    assert tried(_target(run), READ.encode())[2] is None


def _answer(inputs: int, *failures: dict[str, Any]) -> dict[str, Any]:
    return {"inputs": inputs, "read": 1, "seconds": 1.0, "longest": 0.5, "failures": list(failures)}


def test_an_input_that_is_tried_again_writes_nothing_into_the_folder(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"report\x1fINPUT 8x8x2 -> FC-6\x1f-o\x1fout.html")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fuzz", "--again", "calls", "input"],
        cwd=tmp_path, capture_output=True, text=True, env={**environment(), "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("read "), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["input"]


def test_a_campaign_shares_inputs_out_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    few, many = (TARGETS[name] for name in ("points", "conditions"))
    state = Campaign(tmp_path, 1, [few, many])
    drawn = []
    for _ in range(20):
        found = state.next_batch(10**6)
        assert found is not None
        drawn.append(found)
        state.add(found[0], _answer(1_000))
    assert len({(target.name, batch) for target, batch in drawn}) == 20
    assert [target.name for target, _ in drawn].count("conditions") > 15
    again = Campaign(tmp_path, 1, [few, many])
    assert again.inputs == 20_000
    assert again.next_batch(20_000) is None
    found = again.next_batch(10**6)
    assert found is not None
    assert found not in drawn


def test_counts_of_a_target_with_failures_begin_anew_when_the_code_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = (TARGETS[name] for name in ("points", "conditions"))
    state = Campaign(tmp_path, 1, [good, bad])
    failures = [{"key": "k", "message": "m", "traceback": "", "data": data.hex()} for data in (b"long", b"b", b"mid")]
    for target, answer in ((good, _answer(1_000)), (bad, _answer(1_000, *failures))):
        state.next_batch(10**6)
        state.state["targets"][target.name]["running"] = 1
        state.add(target, answer)
    assert [path.read_bytes() for path in tmp_path.glob("*.bin")] == [b"b"]
    assert Campaign(tmp_path, 1, [good, bad]).inputs == 2_000
    monkeypatch.setattr(campaign, "digest_of_code", lambda: "other")
    changed = Campaign(tmp_path, 1, [good, bad])
    assert changed.inputs == 1_000
    assert changed.state["targets"]["conditions"]["dropped"] == 1_000


@pytest.mark.slow
def test_processes_try_inputs_within_their_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "BATCH", 20)
    state = Campaign(tmp_path, 1, [TARGETS[name] for name in ("conditions", "markers in rst")])
    campaign.run(state, 80, 1)
    assert state.inputs == 80
    assert not list(tmp_path.glob("*.bin"))
