"""The page of what holds for bad input: the limits are those of the code, the counts those of the last long run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fuzz.targets import TARGETS
from benchmarks.fuzz.worker import SECONDS
from tests.interop.test_limits import LIMITS as MODEL_LIMITS
from tests.language.test_limits import PAIRS
from tests.test_limits import LIMITS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "hardening.md"
DATA = ROOT / "tests" / "golden" / "fuzzing.json"
"""Written by ``python -m benchmarks.fuzz --summary tests/golden/fuzzing.json --folder FOLDER``."""

FORMATS = {
    "onnx": "ONNX", "prototxt": "Caffe", "cfg": "darknet", "tflite": "TensorFlow Lite", "json": "Keras",
    "keras": "Keras",
}  # fmt: skip
COUNTS = "| target | inputs | of them read | inputs found by coverage | branches they reach |"
SIZES = "| what | at most |"
REFUSALS = "| model file | one beyond a limit is refused with |"


def counts() -> str:
    """The table of the inputs of each target."""
    targets: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))["targets"]
    keys = ("inputs", "read", "guided", "branches")
    rows = [
        [name, *[f"{one[key]:,}" if one["guided"] or key in keys[:2] else "" for key in keys]]
        for name, one in targets.items()
    ]
    rows.append(["all", *[f"{sum(one[key] for one in targets.values()):,}" for key in keys[:3]], ""])
    return "\n".join([COUNTS, "| --- | ---: | ---: | ---: | ---: |", *[f"| {' | '.join(row)} |" for row in rows]])


def limits() -> str:
    """The table of the limits."""
    rows = [(f"design: {what}", most) for what, (_, most) in PAIRS.items()]
    rows += [(what, most) for what, (most, *_) in LIMITS.items()]
    return "\n".join([SIZES, "| --- | ---: |", *[f"| {what} | {most:,} |" for what, most in rows]])


def refusals() -> str:
    """The table of the limits of model files, each with the words that refuse a file one beyond it."""
    rows = [(*name.rpartition(".")[::2], words) for name, (_, _, words) in MODEL_LIMITS.items()]
    lines = [f"| {FORMATS[ending]} (`.{ending}`), {what} | {words} |" for what, ending, words in rows]
    return "\n".join([REFUSALS, "| --- | --- |", *lines])


def with_tables(text: str) -> str:
    """The page with its tables as they should be; each ends at an empty line or at the end."""
    for head, table in ((COUNTS, counts()), (SIZES, limits()), (REFUSALS, refusals())):
        start = text.index(head)
        end = text.find("\n\n", start)
        text = text[:start] + table + (text[end:] if end >= 0 else "\n")
    return text


def test_the_page_is_true(regenerate: bool) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    if regenerate:
        DOCUMENT.write_text(with_tables(text), encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == with_tables(text), "pytest tests/test_hardening.py --regenerate"
    assert f"at most {SECONDS:g} second of CPU time" in text


def test_every_target_was_tried_and_none_failed() -> None:
    targets = json.loads(DATA.read_text(encoding="utf-8"))["targets"]
    assert targets.keys() == TARGETS.keys()
    assert all(one["inputs"] > one["read"] > 0 or name == "option values" for name, one in targets.items())
    assert not any(one["failures"] for one in targets.values())
