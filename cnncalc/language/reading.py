"""Reads the text of a design, a pattern or an architecture file, into a graph."""

from __future__ import annotations

from cnncalc.errors import DesignError, NotADesign, Problem, Problems
from cnncalc.language.expand import expand, variables_of
from cnncalc.language.files import decode
from cnncalc.language.plan import Planner
from cnncalc.language.settings import DEFAULT_SETTINGS
from cnncalc.language.syntax import Design
from cnncalc.source import Source, plain, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cnncalc.graph import Graph
    from cnncalc.language.architecture import Parsed
    from cnncalc.language.settings import Settings
    from cnncalc.layers.keys import Value


class PatternReader:
    """Makes the graphs of one pattern for any settings, parsing it once; ``name`` is its name in messages."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self._parsed: tuple[Design, Planner] | None = None

    def graph(self, settings: Settings = DEFAULT_SETTINGS) -> Graph:
        """The graph; raises DesignError with all problems."""
        design, planner = self._parsed or self._parse()
        self._parsed = None  # kept only if the expansion succeeds: a failed one leaves its problems in the planner
        planner.forget_layers()
        graph = expand(design, settings, planner.problems, planner)
        self._parsed = design, planner
        return graph

    def variables(self, settings: Settings = DEFAULT_SETTINGS) -> dict[str, Value | None]:
        """The variables that the design reads and their values (None: without a value); raises DesignError."""
        return variables_of(*self._parse(), settings)

    def _parse(self) -> tuple[Design, Planner]:
        from cnncalc.language.pattern import parse_pattern

        design = Design("pattern", parse_pattern(plain(self._name, self._text)))
        return design, Planner(design.blocks, Problems())


class ArchitectureReader:
    """Makes the graphs of one architecture file for any settings, parsing it once; ``name`` is its name in messages."""

    def __init__(self, name: str, text: str) -> None:
        self._source = Source(name, text)
        self._parsed: Parsed | None = None

    def graph(self, settings: Settings = DEFAULT_SETTINGS) -> Graph:
        """The graph; raises DesignError with all problems, or NotADesign if the file is not meant as a design."""
        parsed, is_new = self._parsed, self._parsed is None
        if parsed is None:
            from cnncalc.language.architecture import parse_architecture

            parsed = parse_architecture(self._source)
        self._parsed = None  # kept only if the expansion succeeds: a failed one leaves its problems in the planner
        design, problems, planner, why_not_a_design = parsed
        planner.forget_layers()
        try:
            graph = expand(design, settings, problems, planner)
        except DesignError as error:
            if why_not_a_design is None:
                raise
            raise NotADesign(error.every, why_not_a_design) from None
        if is_new and (design.defaults or design.blocks):
            from cnncalc.language.unused import problems_in_unused

            unused = problems_in_unused(design)
            if unused:
                raise DesignError(unused, graph)
        self._parsed = parsed
        return graph

    def variables(self, settings: Settings = DEFAULT_SETTINGS) -> dict[str, Value | None]:
        """The variables that the design reads and their values (None: without a value); raises DesignError."""
        from cnncalc.language.architecture import parse_architecture

        parsed = parse_architecture(self._source)
        return variables_of(parsed.design, parsed.planner, settings)


def read_pattern(name: str, text: str, settings: Settings = DEFAULT_SETTINGS) -> Graph:
    """The graph of a pattern, called ``name`` in messages; raises DesignError."""
    return PatternReader(name, text).graph(settings)


def read_architecture(name: str, text: str, settings: Settings = DEFAULT_SETTINGS) -> Graph:
    """The graph of an architecture file, called ``name`` in messages; raises DesignError or NotADesign."""
    return ArchitectureReader(name, text).graph(settings)


def read_architecture_file(name: str, data: bytes, settings: Settings) -> Graph:
    """The graph of the bytes of an architecture file; raises DesignError or NotADesign."""
    return read_architecture(name, decode(visible(name), data), settings)


def design_reader(name: str, text: str) -> PatternReader | ArchitectureReader:
    """The reader of a text, as an architecture file if it looks like one, else as a pattern; raises DesignError."""
    if not text.strip():
        raise DesignError([Problem("empty", f"{name} is empty: write a pattern or an architecture file")])
    if _may_be_yaml(text):
        from cnncalc.language.architecture import looks_like_file

        if looks_like_file(text):
            return ArchitectureReader(name, text)
    return PatternReader(name, text)


def read_design(name: str, text: str, settings: Settings = DEFAULT_SETTINGS) -> Graph:
    """The graph of a pattern or an architecture file, called ``name`` in messages; raises DesignError."""
    return design_reader(name, text).graph(settings)


def _may_be_yaml(text: str) -> bool:
    """Whether a text has a ':' outside of comments, as every mapping has; if not, the YAML parser is not loaded."""
    return any(":" in line.partition("#")[0] for line in text.splitlines())
