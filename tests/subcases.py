"""Many small cases in one test, since pytest's time for a test is often longer than that of a case."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def each(
    names: str, values: Iterable[Any], ids: Callable[[Any], str] = str, by: Callable[[Any], str] | None = None
) -> Callable[[Callable[..., None]], Any]:
    """As ``pytest.mark.parametrize``, but all values of a group run in one test, and all values if ``by`` is not given.

    Each value that fails is reported as a subtest with its id, and the values after it still run. The values share
    fixtures, and a value must not skip. ``__wrapped__`` is the undecorated test.
    """
    groups: dict[str, list[Any]] = {}
    for value in values:
        groups.setdefault(by(value) if by else "", []).append(value)

    def decorate(test: Callable[..., None]) -> Any:
        @wraps(test)
        def all_values(subtests: pytest.Subtests, group: str = "", **fixtures: Any) -> None:
            for value in groups[group]:
                arguments = {names: value} if "," not in names else dict(zip(names.split(","), value, strict=True))
                try:
                    test(**arguments, **fixtures)
                except (Exception, pytest.fail.Exception):
                    with subtests.test(ids(value)):
                        raise

        own = ["subtests", *(["group"] if by else [])]
        others = [name for name in inspect.signature(test).parameters if name not in names.split(",")]
        all_values.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in own + others]
        )
        return pytest.mark.parametrize("group", groups)(all_values) if by else all_values

    return decorate
