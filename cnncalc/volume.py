"""[224x224x64]: the output volume of a layer."""

from __future__ import annotations

from math import prod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

SIDES: dict[int, tuple[str, ...]] = {1: ("length",), 2: ("height", "width"), 3: ("frames", "height", "width")}
"""The names of the spatial sides of a volume, by their number."""


class Volume(tuple[int, ...]):
    """The spatial sizes and the depth of the activations of one image, each in elements and at least 1.

    One side (length x depth), two (height x width x depth) or three (frames x height x width x depth).

    >>> str(Volume(224, 224, 64)), Volume(224, 224, 64).elements, Volume(16000, 1).sides
    ('[224x224x64]', 3211264, (16000,))
    """

    __slots__ = ()

    def __new__(cls, *sizes: int) -> Volume:
        """The volume of these sizes, the depth last."""
        return tuple.__new__(cls, sizes)

    def __getnewargs__(self) -> tuple[int, ...]:
        return tuple(self)

    @property
    def sides(self) -> tuple[int, ...]:
        """The spatial sizes."""
        return self[:-1]

    @property
    def depth(self) -> int:
        """The number of channels."""
        return self[-1]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the spatial sides: ``height`` and ``width``."""
        return SIDES[len(self) - 1]

    @property
    def elements(self) -> int:
        """How many numbers the volume holds."""
        return prod(self)

    @property
    def positions(self) -> int:
        """How many positions a channel has."""
        return prod(self[:-1])

    @property
    def is_point(self) -> bool:
        """Whether all sides are 1, as after a fully-connected layer."""
        return max(self[:-1]) == 1

    @property
    def size(self) -> str:
        """``224x224x64``"""
        return "x".join(map(str, self))

    @property
    def point(self) -> Volume:
        """The volume with all sides 1."""
        return Volume(*(1,) * (len(self) - 1), self[-1])

    def with_depth(self, depth: int) -> Volume:
        """The volume with another depth."""
        return Volume(*self[:-1], depth)

    def with_sides(self, sides: tuple[int, ...]) -> Volume:
        """The volume with other spatial sizes."""
        return Volume(*sides, self[-1])

    def place(self, name: str) -> int:
        """The place of one of its sizes, by the name of the side or ``depth``."""
        return (*self.names, "depth").index(name)

    def replaced(self, place: int, size: int) -> Volume:
        """The volume with another size at a place."""
        return Volume(*self[:place], size, *self[place + 1 :])

    def __str__(self) -> str:
        return f"[{self.size}]"

    def __repr__(self) -> str:
        return f"Volume({', '.join(map(str, self))})"


Volumes: TypeAlias = "tuple[Volume, ...]"
"""The input volumes of a layer, in order."""
