"""A family: one design whose names take several values, and the figures of each of its members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.analysis.loading import Loader
from cnncalc.analysis.report import account
from cnncalc.errors import CnncalcError, DesignError, Problem
from cnncalc.figures.measure import Meter
from cnncalc.language.settings import DEFAULT_SETTINGS
from cnncalc.records import NamedTuple
from cnncalc.search.ranges import INPUT, SIZES, read_ranges

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.figures.measure import Measure
    from cnncalc.graph import Graph
    from cnncalc.language.settings import Settings
    from cnncalc.layers.keys import Value
    from cnncalc.search.ranges import Range
    from cnncalc.volume import Volume

BATCH = "batch"
NO_POINT: Mapping[str, Value] = {}

Point = dict[str, "Value"]
"""A member of a family: the value of each name that varies."""


class Wanted(NamedTuple):
    """A figure to compute: what is measured, and whether its batch is that of the point where the batch varies."""

    measure: Measure
    follows_batch: bool = True

    def at(self, point: Mapping[str, Value]) -> Measure:
        """The measure at a point."""
        if self.follows_batch and BATCH in point and BATCH in self.measure.options:
            return self.measure._replace(batch=point[BATCH])
        return self.measure


class Family:
    """The members of the family of a TARGET; its text is parsed once.

    ``settings`` are those of the call that do not vary. ``stdin`` is the text of the target ``-``; a relative path
    starts from ``folder``. Raises DesignError if the target cannot be read.
    """

    def __init__(
        self, target: str, settings: Settings = DEFAULT_SETTINGS, stdin: str | None = None, folder: str = ""
    ) -> None:
        self.target = target
        self.settings = settings
        self._loader = Loader(target, stdin, folder)

    def ranges(self, texts: Sequence[str], option: str) -> list[Range]:
        """The ranges of an option; raises DesignError with the place.

        A range of ``input`` takes the depth from the design as it is with the first values of the other ranges.
        """
        if not any(text.partition("=")[0].strip() == INPUT for text in texts):
            return read_ranges(texts, option)
        others = read_ranges([text for text in texts if text.partition("=")[0].strip() != INPUT], option)
        return read_ranges(texts, option, self.input_volume({each.name: each.values[0] for each in others}))

    def input_volume(self, point: Mapping[str, Value] = NO_POINT) -> Volume | None:
        """The volume of the first input of a member as it is written; None if it is only valid with others.

        Ranges of ``input`` take their depth from it.
        """
        try:
            report = account(self._loader.graph(self._settings(point)))
        except CnncalcError:
            return None
        return next((row.output for row in report.layers if not row.sources), None)

    def graph(self, point: Mapping[str, Value]) -> Graph:
        """The graph of a member; raises DesignError for one that is invalid, and for a name that the design lacks."""
        graph = self._loader.graph(self._settings(point))
        _require_effect(graph, point)
        return graph

    def report(self, point: Mapping[str, Value]) -> Report:
        """The report of a member, for one image."""
        return account(self.graph(point))

    def figures(self, point: Mapping[str, Value], wanted: Sequence[Wanted]) -> list[int]:
        """The figures of a member, each as ``value`` gives it for that design alone.

        Raises DesignError for an invalid member, ValueProblem where a figure has no value.
        """
        meter = Meter(self.report(point))
        return [meter.value(each.at(point)) for each in wanted]

    def _settings(self, point: Mapping[str, Value]) -> Settings:
        """The settings of a member."""
        variables = dict(self.settings.variables)
        changed: dict[str, Any] = {}
        for name, value in point.items():
            if name == INPUT:
                changed["input"] = value
            elif name in SIZES:
                if name != BATCH:
                    changed[name] = value
            else:
                variables[name] = value
        return self.settings._replace(variables=variables, **changed)


def _require_effect(graph: Graph, point: Mapping[str, Value]) -> None:
    """Raises DesignError if a name of the point changes nothing in the design."""
    for warning in graph.warnings:
        if warning.code != "no-effect":
            continue
        for name in point:
            if warning.message.startswith((f"--set {name}=", f"--{name} ")):
                why = warning.message.partition(": ")[2]
                raise DesignError([Problem("unknown-variable", f"'{name}' changes nothing: {why}", None, warning.hint)])
