"""A layer as filters over windows, for a run that gathers the windows itself."""

from __future__ import annotations

from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class FilterBank(NamedTuple):
    """The filters of a layer that is linear in each window.

    ``weight`` has the shape kernel sides x D/groups x K, with the K filters in the order of their groups; ``bias`` has
    one number for each filter, or is None. ``begins`` has for each side the first index of each window; elements
    outside of the input are zero. Without ``begins`` the window is the whole volume, and ``weight`` has the shape
    elements x K, with the elements in the order in memory.
    """

    weight: Any
    bias: Any = None
    groups: int = 1
    begins: tuple[range, ...] = ()
    dilation: tuple[int, ...] = ()
