"""Which windows of a max pool fill which positions of UNPOOL, compared with all small maps."""

from __future__ import annotations

from functools import reduce
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cnncalc import analyze
from cnncalc.errors import CnncalcError, DesignError
from cnncalc.layers import KINDS
from cnncalc.volume import Volume
from tests.analysis.reachability import dependence, dependence_on_windows, exact_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

Pool = tuple[dict[str, Any], tuple[int, ...]]
"""The keys of a max pool, and the sides of its input."""


def along_a_length() -> Iterator[Pool]:
    for size in range(1, 6):
        yield from (({"output": [bins]}, (size,)) for bins in range(1, 9))
        for kernel, stride, dilation in product(range(1, 5), range(1, 4), range(1, 4)):
            keys = {"kernel": [kernel], "stride": [stride], "dilation": [dilation]}
            for pad in product(range(kernel // 2 + 1), repeat=2):
                yield from (({**keys, "pad": list(pad), "round": way}, (size,)) for way in ("floor", "ceil"))
            yield {**keys, "pad": "same"}, (size,)


def on_a_plane() -> Iterator[Pool]:
    for sides in ((2, 3), (3, 2), (1, 4)):
        yield from (({"output": list(bins)}, sides) for bins in product(range(1, 5), repeat=2))
        for kernel in product((1, 2, 3), repeat=2):
            for pad in product(*[range(one // 2 + 1) for one in kernel * 2]):
                yield from (({"kernel": list(kernel), "stride": step, "pad": list(pad)}, sides) for step in (1, 2))


def rule(layer: Any, sides: tuple[int, ...], of: int) -> Any:
    """The stencils of UNPOOL as a matrix position x window."""
    volume, entered = Volume(*sides, 1), layer.undone()[1].sides
    each = zip(layer.stencils(volume, volume, of=of), entered, sides, strict=True)
    parts = [[[window in one.window(p) for window in range(count)] for p in range(size)] for one, size, count in each]
    return reduce(np.kron, map(np.array, parts))


@pytest.mark.slow
@pytest.mark.parametrize(("pools", "valid", "refused"), [(along_a_length, 1_068, 38), (on_a_plane, 426, 0)])
def test_the_windows_that_fill_a_position_are_those_found_on_all_maps_of_three_values(
    pools: Any, valid: int, refused: int
) -> None:
    """Windows within others, cut at borders, of adaptive pools with more bins than positions; ties among the values."""
    counts = [0, 0]
    for keys, sides in pools():
        try:
            pool = KINDS["pool"](**keys).on(len(sides))
            entered = Volume(*sides, 1)
            output = pool.output(entered)
        except CnncalcError:
            continue  # the window does not fit
        layer = KINDS["unpool"]().after(pool, (entered,))
        inside = dependence(pool, (entered,), 0)
        counts[not inside.any(axis=1).all()] += 1
        if not inside.any(axis=1).all():
            with pytest.raises(CnncalcError, match="a window has only padding"):
                layer.output(output, output)
            continue
        fills, moves = dependence_on_windows(layer, output.sides, list(product(range(3), repeat=prod(sides))))

        assert np.array_equal(rule(layer, output.sides, 0), fills), (keys, sides)
        # windows of one element count for the places only where larger ones that cover the same position do
        larger, places = inside.sum(axis=1) > 1, rule(layer, output.sides, 1)
        assert np.array_equal(places & larger, moves), (keys, sides)
        is_exact = not places[~moves.any(axis=1)].any()
        assert is_exact == (not layer.may_see_less(output, output, of=1)), (keys, sides)
    assert counts == [valid, refused]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        # bins 2 and 4 of height 5 lie within others, so rows are filled by at most two windows
        (
            "INPUT 3x5x6x4 -> POOL(output=[3, 7, 8])@x1 -> NEG -> UNPOOL(@x1) -> AVGPOOL(kernel=[2, 4, 2], stride=2)",
            [(1, 1, 1), (1, 2, 2), (1, 2, 2), (1, 3, 3), (2, 5, 3)],
        ),
        # the last element is filled by the last window alone, which has two elements
        ("INPUT 4x1 -> POOL3/1(pad=1)@p -> UNPOOL(@p) -> SLICE(3, 4, axis=length)", [(1,), (3,), (4,), (2,)]),
        # so do the places of the windows of a ceiled pool that see one element, but its other input sees that anyway
        ("INPUT 5x5x2 -> POOL2(round=ceil)@p -> CONV3-2 -> UNPOOL(@p)", [(1, 1), (2, 2), (5, 5), (5, 5)]),
    ],
)
def test_fields_of_unpool(text: str, fields: list[tuple[int, ...]]) -> None:
    report = analyze(text)

    assert [row.receptive_field for row in report.layers] == fields
    assert [exact[report.layers[0].name] for exact in exact_fields(report)] == fields
    assert all(row.receptive_field_is_exact for row in report.layers)


def test_the_places_of_windows_of_one_element_depend_on_nothing() -> None:
    fixed = analyze("[INPUT 5x7x2 -> POOL1@p -> GAP | INPUT 5x7x2 -> UNPOOL(@p)]")
    some = analyze("[INPUT 5x5x2 -> POOL2(round=ceil)@p -> GAP | INPUT 3x3x2 -> UNPOOL(@p)]")
    alone = analyze("[INPUT 6x1 -> POOL([2], stride=3, pad=[1, 0])@p -> GAP | INPUT 2x1 -> UNPOOL(@p)]")

    assert fixed.layers[-1].receptive_fields == exact_fields(fixed)[-1] == {"input2": (1, 1)}
    assert some.layers[-1].receptive_fields == exact_fields(some)[-1] == {"input1": (2, 2), "input2": (1, 1)}
    assert not some.layers[-1].fields["input1"].is_certain  # its corner sees nothing
    assert some.layers[-1].fields["input2"].is_certain
    assert alone.layers[-1].receptive_fields == exact_fields(alone)[-1] == {"input1": (2,), "input2": (1,)}
    assert alone.layers[-1].fields["input1"].is_certain


def test_an_unpool_of_a_window_of_padding_is_refused() -> None:
    with pytest.raises(DesignError) as caught:
        analyze("INPUT 1x3x2 -> POOL([2, 2], stride=1, dilation=[2, 1], pad=[1, 0])@p -> UNPOOL(@p)")

    assert [problem.message for problem in caught.value.problems] == [
        "unpool1: UNPOOL needs a maximum in each window of its pool, but with a dilation larger than height 1 a window "
        "has only padding"
    ]
