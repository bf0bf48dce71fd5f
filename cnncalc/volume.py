"""[224x224x64]: the output volume of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from typing import TypeAlias


class Volume(NamedTuple):
    """Height x width x depth of the activations of one image, each in elements and at least 1.

    >>> str(Volume(224, 224, 64)), Volume(224, 224, 64).elements
    ('[224x224x64]', 3211264)
    """

    height: int
    width: int
    depth: int

    @property
    def elements(self) -> int:
        """How many numbers the volume holds."""
        return self.height * self.width * self.depth

    @property
    def is_point(self) -> bool:
        """Whether it is 1 x 1 in height and width, as after a fully-connected layer."""
        return self.height == self.width == 1

    @property
    def size(self) -> str:
        """``224x224x64``"""
        return f"{self.height}x{self.width}x{self.depth}"

    def __str__(self) -> str:
        return f"[{self.height}x{self.width}x{self.depth}]"


Volumes: TypeAlias = "tuple[Volume, ...]"
"""The input volumes of a layer, in order."""
