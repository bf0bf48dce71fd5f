"""The budget as a test, with the fixture of cnncalc's plugin for pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def test_tiny_fits_on_the_device(assert_within_budget: Callable[..., None], request: pytest.FixtureRequest) -> None:
    """The budget of the file, and tighter limits for this device."""
    net = request.path.parent.parent / "nets" / "tiny.yaml"

    assert_within_budget(net, parameter_memory="2.5MiB", inference_memory={"max": "4MiB", "batch": 1})
