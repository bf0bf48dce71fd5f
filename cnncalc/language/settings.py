"""The options of a call that decide how a design is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cnncalc.layers.keys import Value
    from cnncalc.volume import Volume

NO_VALUES: Mapping[str, Any] = {}


class Settings(NamedTuple):
    """What the call decides about a design.

    ``variables`` override the file's. ``optional`` keeps or drops every ``?``, or one by one in order (None: keep, as
    an assumption). ``input``, ``filters``, ``hidden`` and ``classes`` are sizes that the text leaves open.
    """

    variables: Mapping[str, Value] = NO_VALUES
    optional: bool | tuple[bool, ...] | None = None
    input: Volume | None = None
    filters: int | None = None
    hidden: int | None = None
    classes: int | None = None

    @property
    def sizes(self) -> dict[str, Value]:
        """The sizes that the call sets, by name."""
        sizes = {"classes": self.classes, "filters": self.filters, "hidden": self.hidden}
        return {name: size for name, size in sizes.items() if size is not None}


DEFAULT_SETTINGS = Settings()
