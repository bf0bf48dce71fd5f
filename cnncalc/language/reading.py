"""From the text of a design to its graph: a pattern, or an architecture file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import DesignError, NotADesign, Problem
from cnncalc.language.expand import expand
from cnncalc.language.files import decode
from cnncalc.language.settings import DEFAULT_SETTINGS
from cnncalc.language.syntax import Design
from cnncalc.source import Source, plain, visible

if TYPE_CHECKING:
    from cnncalc.graph import Graph
    from cnncalc.language.settings import Settings


def read_pattern(name: str, text: str, settings: Settings = DEFAULT_SETTINGS) -> Graph:
    """The graph of a pattern."""
    from cnncalc.language.pattern import parse_pattern

    return expand(Design("pattern", parse_pattern(plain(name, text))), settings)


def read_architecture(name: str, text: str, settings: Settings = DEFAULT_SETTINGS) -> Graph:
    """The graph of an architecture file, called ``name`` in messages."""
    from cnncalc.language.architecture import parse_architecture

    design, problems, planner, why_foreign = parse_architecture(Source(name, text))
    try:
        graph = expand(design, settings, problems, planner)
    except DesignError as error:
        if why_foreign is None:
            raise
        raise NotADesign(error.every, why_foreign) from None
    if design.defaults or design.blocks:
        from cnncalc.language.unused import unused_problems

        unused = unused_problems(design)
        if unused:
            raise DesignError(unused, graph)
    return graph


def read_architecture_file(name: str, data: bytes, settings: Settings) -> Graph:
    """The graph of the content of an architecture file."""
    return read_architecture(name, decode(visible(name), data), settings)


def read_design(name: str, text: str, settings: Settings = DEFAULT_SETTINGS) -> Graph:
    """The graph of a text: an architecture file if it parses as a mapping, else a pattern."""
    if not text.strip():
        raise DesignError([Problem("empty", f"{name} is empty: write a pattern or an architecture file")])
    if _may_be_yaml(text):
        from cnncalc.language.architecture import looks_like_file

        if looks_like_file(text):
            return read_architecture(name, text, settings)
    return read_pattern(name, text, settings)


def _may_be_yaml(text: str) -> bool:
    """Whether a text has a ':' outside of comments, as every mapping has; without one YAML is not loaded."""
    return any(":" in line.split("#", 1)[0] for line in text.splitlines())
