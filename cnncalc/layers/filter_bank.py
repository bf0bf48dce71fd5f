"""A layer as matrix products: what a run that lays out windows itself has to know of a kind."""

from __future__ import annotations

from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class FilterBank(NamedTuple):
    """The filters of a layer that is linear in each window.

    ``weight`` is kernel sides x D/groups x K, the K filters in the order of their groups; ``bias`` has one number a
    filter, or is None. ``begins`` has the first index of each window, side by side; indices outside of the input are
    zeros. Without ``begins`` the window is the whole volume, and ``weight`` is elements x K, in the order in memory.
    """

    weight: Any
    bias: Any = None
    groups: int = 1
    begins: tuple[range, ...] = ()
    dilation: tuple[int, ...] = ()
