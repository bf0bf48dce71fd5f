"""The options of a call that decide how a design is read."""

from __future__ import annotations

from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cnncalc.layers.keys import Value
    from cnncalc.volume import Volume

NO_VALUES: Mapping[str, Any] = {}


class Settings(NamedTuple):
    """What the call decides about a design.

    ``variables`` override the file's. ``optional`` keeps or drops every ``?``, or one by one in order (None: keep, as
    an assumption). ``input``, ``filters``, ``hidden`` and ``classes`` are sizes that the text leaves open. ``inputs``
    are volumes of inputs by name. For files of other programs: ``partial`` reads unsupported operators as OPAQUE,
    ``phase`` (train or test) chooses among layers of one phase.
    """

    variables: Mapping[str, Value] = NO_VALUES
    optional: bool | tuple[bool, ...] | None = None
    input: Volume | None = None
    filters: int | None = None
    hidden: int | None = None
    classes: int | None = None
    inputs: Mapping[str, Volume] = NO_VALUES
    partial: bool = False
    phase: str = "test"

    @property
    def sizes(self) -> dict[str, Value]:
        """The sizes that the call sets, by name."""
        sizes = {"classes": self.classes, "filters": self.filters, "hidden": self.hidden}
        return {name: size for name, size in sizes.items() if size is not None}


DEFAULT_SETTINGS = Settings()
