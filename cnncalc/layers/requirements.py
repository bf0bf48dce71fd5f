"""Checks that several kinds have in common; each raises ShapeError with the rule and the numbers."""

from __future__ import annotations

from cnncalc.errors import ShapeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cnncalc.volume import Volumes


def require_divisible(depth: int, groups: int, key: str = "groups", what: str = "groups") -> None:
    """Raises ShapeError unless ``groups`` divides the depth; ``what`` describes it, ``key`` is the key that sets it."""
    if depth % groups:
        message = f"the depth must be divisible by {what}, but depth {depth} is not divisible by {groups}"
        raise ShapeError(message, code="not-divisible", key=key)


def require_equal_sides(kind: str, inputs: Volumes) -> None:
    """Raises ShapeError unless all volumes have the same number of sides."""
    if len({len(x) for x in inputs}) > 1:
        volumes = " and ".join(str(x) for x in inputs)
        raise ShapeError(
            f"{kind.upper()} needs volumes with the same number of sides, but gets {volumes}; SEQUENCE makes a "
            "sequence of a map, RESHAPE any other form",
            code="merge-mismatch",
        )


MOST_INPUTS = 10_000
"""The most input volumes of a layer."""


def require_inputs(kind: str, inputs: Volumes, minimum: int, maximum: int | None) -> None:
    """Raises ShapeError unless there are ``minimum`` to ``maximum`` input volumes (None: MOST_INPUTS)."""
    if len(inputs) > MOST_INPUTS:
        message = f"{kind.upper()} takes at most {MOST_INPUTS:,} input volumes, but has {len(inputs):,}"
        raise ShapeError(message, code="limit", hint="merge them in several steps")
    if len(inputs) < minimum or (maximum is not None and len(inputs) > maximum):
        more = " or more" if maximum is None else f" to {maximum}" if maximum > minimum else ""
        takes = f"{minimum}{more}"
        message = f"{kind.upper()} takes {takes} input volume{'s' if takes != '1' else ''}, but has {len(inputs)}"
        raise ShapeError(message, code="wrong-inputs")
