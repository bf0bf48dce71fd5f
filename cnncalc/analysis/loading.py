"""From what a user names to a graph, with every problem that can be found: of the text and of the volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import DesignError
from cnncalc.language.target import load_file_text, load_target

if TYPE_CHECKING:
    from cnncalc.graph import Graph
    from cnncalc.language.expand import Settings


def load_design(target: str, settings: Settings, stdin: str | None = None) -> Graph:
    """The graph of a target; raises DesignError with the problems of the text and, as far as known, of the volumes."""
    try:
        return load_target(target, settings, stdin)
    except DesignError as error:
        from cnncalc.analysis.volumes import with_volume_problems

        raise with_volume_problems(error) from None


def load_design_text(name: str, text: str, settings: Settings) -> Graph:
    """The graph of the text of an architecture file, called ``name`` in messages; raises DesignError like the above."""
    try:
        return load_file_text(name, text, settings)
    except DesignError as error:
        from cnncalc.analysis.volumes import with_volume_problems

        raise with_volume_problems(error) from None
