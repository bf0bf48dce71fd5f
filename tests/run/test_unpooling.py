"""UNPOOL of max pools of every form: windows that overlap, are padded, dilated, rounded up, or adaptive."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnncalc
from cnncalc.layers import KINDS
from cnncalc.layers.keys import shown
from cnncalc.layers.memory import Saved
from cnncalc.layers.planes import pixels, planes
from cnncalc.run.verify import verify
from cnncalc.volume import Volume

FORMS: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({"kernel": 3, "stride": 2}, (9, 11)),
    ({"kernel": 3, "stride": 1, "pad": 1}, (6, 7)),
    ({"kernel": [2, 4], "stride": [1, 3], "pad": [1, 0], "round": "ceil"}, (7, 9)),
    ({"kernel": 3, "stride": 2, "dilation": 2, "pad": 1}, (9, 8)),
    ({"kernel": 2, "stride": 3}, (8, 7)),
    ({"output": [4, 3]}, (9, 10)),
    ({"kernel": 4, "stride": 2, "pad": 2}, (13,)),
    ({"kernel": [2, 3, 2], "stride": [1, 2, 1]}, (4, 7, 5)),
]


def built(keys: dict[str, Any], sides: tuple[int, ...]) -> tuple[Any, Any]:
    """The pool and its UNPOOL, on volumes of depth 3 with these sides."""
    pool = KINDS["pool"](**keys).on(len(sides))
    return pool, KINDS["unpool"]().after(pool, (Volume(*sides, 3),))


@pytest.mark.slow
@pytest.mark.parametrize("strange", [(), (-np.inf,), (np.nan,), (np.nan, -np.inf)])
@pytest.mark.parametrize(("keys", "sides"), FORMS)
def test_unpool_gives_what_pytorch_gives_forward_and_backward(
    keys: dict[str, Any], sides: tuple[int, ...], strange: tuple[float, ...]
) -> None:
    """By the indices that PyTorch's own max pool gives; where windows share a maximum, the last one counts."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed, so nothing here is compared with it")
    from torch.nn import functional as F  # noqa: N812  # its usual name

    pool, unpool = built(keys, sides)
    random = np.random.default_rng(3)
    image = random.standard_normal((2, 3, *sides))
    for value in strange:
        image[random.random(image.shape) < 0.4] = value
    pooled, extras = pool.forward_training(np, pixels(image))
    x = random.standard_normal((2, 3, *pool.output(Volume(*sides, 3)).sides))

    rank, theirs = len(sides), torch.from_numpy(image)
    if pool.adaptive is not None:
        maxima, indices = getattr(F, f"adaptive_max_pool{rank}d")(theirs, pool.adaptive, return_indices=True)
    else:
        call = getattr(F, f"max_pool{rank}d")
        pads, ceil = pool.pad[:rank], pool.round == "ceil"
        maxima, indices = call(theirs, pool.kernel, pool.step, pads, pool.dilation, ceil_mode=ceil, return_indices=True)
    assert np.array_equal(planes(pooled), maxima.numpy(), equal_nan=True)
    entered = torch.from_numpy(x).requires_grad_()
    if rank == 1:
        expected = torch.ops.aten.max_unpool2d(entered[..., None], indices[..., None], [*sides, 1])[..., 0]
    elif rank == 2:
        expected = torch.ops.aten.max_unpool2d(entered, indices, list(sides))
    else:
        expected = torch.ops.aten.max_unpool3d(entered, indices, list(sides), [1] * 3, [0] * 3)
    gradient = random.standard_normal(expected.shape)
    expected.backward(torch.from_numpy(gradient))

    result = unpool.forward(np, pixels(x), extras["places"])
    assert np.array_equal(planes(result), expected.detach().numpy())
    shapes = (pixels(x).shape,) * 2
    saved = Saved(shapes, (None, extras["places"]), None, {}, {}, (True, False))
    (found, none), _ = unpool.backward(np, pixels(gradient), saved)
    assert none is None
    assert np.array_equal(planes(found), entered.grad.numpy())


@pytest.mark.parametrize(("keys", "sides"), FORMS)
def test_the_receptive_field_of_unpool_is_that_of_every_place_of_its_maxima(
    keys: dict[str, Any], sides: tuple[int, ...]
) -> None:
    text = ", ".join(f"{name}={shown(value)}" for name, value in keys.items()).replace("'", "")
    size = "x".join(map(str, sides))
    report = cnncalc.analyze(f"INPUT {size}x2 -> CONV3-3 -> POOL({text})@p -> UNPOOL(@p) -> CONV1-2")
    verification = verify(report)
    tally = next(tally for tally in verification.tallies if tally.quantity == "receptive_field")
    assert (tally.agreed, tally.checked) == (len(report.layers), len(report.layers))
