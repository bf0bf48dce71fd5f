"""The budget as a test, with the fixture of cnncalc's plugin for pytest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NETS = Path(__file__).resolve().parent.parent / "nets"


def test_tiny_fits_on_the_device(assert_within_budget: Callable[..., None]) -> None:
    """What the file allows, and for this device less."""
    assert_within_budget(NETS / "tiny.yaml", parameter_memory="2.5MiB", inference_memory={"max": "4MiB", "batch": 1})
