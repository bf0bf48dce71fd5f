"""The axes of a normalization: the depth, the whole volume, or any of the sides and the depth.

``axes`` is the value of the key: ``depth``, ``volume`` or a tuple of names.
"""

from __future__ import annotations

from math import prod

from cnncalc.counts import Count, product
from cnncalc.layers.stencil import POINT, WHOLE
from cnncalc.volume import SIDES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cnncalc.layers.stencil import Stencils
    from cnncalc.volume import Volume


def names_of(axes: str | tuple[str, ...], sides: int) -> tuple[str, ...]:
    """The names of the sides, and of the depth, for which ``axes`` stands on a volume with so many sides."""
    every = (*SIDES[sides], "depth")
    return every if axes == "volume" else ("depth",) if axes == "depth" else tuple(axes)


def learned_shape(axes: str | tuple[str, ...], x: Volume) -> tuple[tuple[int, ...], Count]:
    """The shape of a scale with one number for each normalized element, and the number of these."""
    names = names_of(axes, len(x.sides))
    if names == ("depth",) or (x.is_point and "depth" in names):
        return (x.depth,), Count(x.depth)
    sizes = tuple([size for name, size in zip((*x.names, "depth"), x, strict=True) if name in names])
    return sizes, product(*sizes)


def reduced_volume(axes: str | tuple[str, ...], x: Volume) -> Volume:
    """The volume with size 1 along the axes, which has one element for each mean or magnitude."""
    for name in names_of(axes, len(x.sides)):
        x = x.replaced(x.place(name), 1)
    return x


def stencils_over(axes: str | tuple[str, ...], x: Volume) -> Stencils | None:
    """The positions on which an output depends, as :meth:`Layer.stencils` gives them."""
    names = names_of(axes, len(x.sides))
    if all(name in names for name in x.names):
        return WHOLE
    return tuple([None if name in names else POINT for name in x.names])


def is_single(axes: str | tuple[str, ...], x: Volume) -> bool:
    """Whether each mean or magnitude has a single element: all axes are sides of size 1."""
    names = names_of(axes, len(x.sides))
    return "depth" not in names and all(x[x.place(name)] == 1 for name in names)


def axes_of_image(axes: str | tuple[str, ...], rank: int) -> tuple[int, ...]:
    """The numbers of these axes in an image (depth x sides) with ``rank`` axes."""
    names = names_of(axes, rank - 1)
    return tuple([place for place, name in enumerate(("depth", *SIDES[rank - 1])) if name in names])


def axes_last(axes: str | tuple[str, ...], x: Volume) -> tuple[int, ...]:
    """The numbers of all axes of maps (batch x depth x sides), in an order with these axes last."""
    meant = names_of(axes, len(x.sides))
    every = ("depth", *x.names)
    chosen = [1 + every.index(name) for name in (meant if isinstance(axes, tuple) else every) if name in meant]
    return (0, *[axis for axis in range(1, 1 + len(every)) if axis not in chosen], *chosen)


def fitted(array: Any, axes: str | tuple[str, ...], shape: tuple[int, ...]) -> Any:
    """A scale or shift as an array that is broadcast over an image of this shape, depth x sides."""
    meant = axes_of_image(axes, len(shape))
    if array.ndim == 1 and 0 in meant:
        return array.reshape(-1, *(1,) * (len(shape) - 1))
    sizes = [size if place in meant else 1 for place, size in enumerate(shape)]
    return array.reshape(*sizes[1:], sizes[0]).transpose(-1, *range(len(shape) - 1))


def summed_to(image: Any, axes: str | tuple[str, ...], shape: tuple[int, ...]) -> Any:
    """The transpose of :func:`fitted`: an image (depth x sides) summed to the shape of a scale or shift."""
    meant = axes_of_image(axes, image.ndim)
    over = tuple([place for place in range(image.ndim) if place not in meant])
    if prod(shape) < image.size:
        image = image.sum(axis=over, keepdims=True)
    return image.transpose(*range(1, image.ndim), 0).reshape(shape)
