"""The pytest plugin with the fixture ``assert_within_budget``; pytest loads it where cnncalc is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(name="assert_within_budget", scope="session")
def _assert_within_budget() -> Callable[..., None]:
    """Fails a test if a design exceeds its budget; see :func:`cnncalc.testing.assert_within_budget`."""
    from cnncalc.testing import assert_within_budget

    return assert_within_budget
