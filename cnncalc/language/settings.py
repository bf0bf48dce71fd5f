"""The options that decide how a design is read."""

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
    """The options of a command or of a function of the package that decide how a design is read.

    ``variables`` override those of the file. ``optional`` keeps (True) or drops (False) all items with a bare ``?``, or
    decides for each, in the order of the expansion; None keeps all and reports that as assumed. ``input`` is the
    volume of the first input, also in place of a stated one. ``filters``, ``hidden`` and ``classes`` are sizes of
    layers that leave them open, and values of variables with these names. ``inputs`` are the volumes of inputs by name.
    For model files of other programs: ``partial`` reads unsupported operators as OPAQUE;
    ``phase`` (``train`` or ``test``) is the phase whose layers are read.
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
        """Those of ``filters``, ``hidden`` and ``classes`` that are set, by name."""
        sizes = {"classes": self.classes, "filters": self.filters, "hidden": self.hidden}
        return {name: size for name, size in sizes.items() if size is not None}


DEFAULT_SETTINGS = Settings()
