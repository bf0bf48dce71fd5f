"""Checks that several kinds have in common; each raises ShapeError with the rule and the numbers."""

from __future__ import annotations

from math import gcd, isqrt

from cnncalc.errors import ShapeError
from cnncalc.units import plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cnncalc.volume import Volumes


def dividing(what: str, number: int, wanted: int, it: str = "it") -> str | None:
    """``3 heads divide it``, with the count nearest to ``wanted`` that divides ``number``; None if none is near."""
    wanted = min(wanted, number)
    near = [count for distance in range(min(wanted, 1000)) for count in (wanted - distance, wanted + distance)]
    found = next((count for count in near if number % count == 0), None)
    return None if found is None else f"{plural(found, what)} {'divides' if found == 1 else 'divide'} {it}"


def squarest(count: int) -> tuple[int, int] | None:
    """Two numbers with this product, as equal as possible; None if none is near its root."""
    root = isqrt(count)
    high = next((side for side in range(root, max(0, root - 1000), -1) if count % side == 0), None)
    return None if high is None else (high, count // high)


def require_groups(depth: int, groups: int, filters: int | None = None) -> None:
    """Raises ShapeError unless the depth, and the filters if there are any, can be split into equal groups."""
    if depth % groups:
        message = f"the depth must be divisible by groups, but depth {depth} is not divisible by {groups}"
        it = "it" if filters is None else "depth and filters"
        hint = dividing("group", gcd(depth, filters or depth), groups, it)
        raise ShapeError(message, code="not-divisible", key="groups", hint=hint)
    if filters is not None and filters % groups:
        message = f"the filters must be divisible by groups, but {filters} filters are not divisible by {groups}"
        raise ShapeError(
            message, code="not-divisible", key="groups", hint=f"{filters + -filters % groups} filters are divisible"
        )


def require_places(depth: int, places: int) -> None:
    """Raises ShapeError unless the depth can be split into the places of a block."""
    if depth % places:
        raise ShapeError(
            f"the depth must be divisible by the places of a block, but depth {depth} is not divisible by {places}",
            code="not-divisible",
            key="block",
            hint=f"CONV1-{depth + -depth % places} before it gives a divisible depth",
        )


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
