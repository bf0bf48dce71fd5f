"""A family: the members of one design whose names take several values, and the figures of each member."""

from __future__ import annotations

import re
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, Any

from cnncalc.analysis.loading import Loader
from cnncalc.analysis.report import account
from cnncalc.errors import CnncalcError, DesignError, Problem
from cnncalc.figures.measure import KEYS, Meter
from cnncalc.language.settings import DEFAULT_SETTINGS
from cnncalc.layers import KINDS
from cnncalc.records import NamedTuple
from cnncalc.search.ranges import INPUT, SIZES, point_at, points_of, read_ranges
from cnncalc.units import listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.analysis.volumes import Known
    from cnncalc.figures.measure import Measure
    from cnncalc.graph import Graph
    from cnncalc.language.settings import Settings
    from cnncalc.layers.keys import Value
    from cnncalc.search.ranges import Range
    from cnncalc.volume import Volume

BATCH = "batch"
MOST_SENT = 4 * 1024 * 1024
"""The most bytes of a file that is sent to workers; they read a larger one themselves."""
MOST_KNOWN = 10_000
"""The most layers whose costs are kept for other members."""
MOST_PROBED = 16
"""How many members are tried to find the volume of the input: the first ones, and as many random ones."""
NO_POINT: Mapping[str, Value] = {}

Point = dict[str, "Value"]
"""A member of a family: the value of each name that varies."""


class Wanted(NamedTuple):
    """A figure to compute. ``follows_batch``: where the batch varies, it is measured with that of each point."""

    measure: Measure
    follows_batch: bool = True

    def at(self, point: Mapping[str, Value]) -> Measure:
        """The measure at a point."""
        if self.follows_batch and BATCH in point and BATCH in self.measure.options:
            return self.measure._replace(batch=point[BATCH])
        return self.measure


class Family:
    """The members of the family of a TARGET; its text is parsed once.

    ``settings`` are the values that do not vary. ``stdin`` is the text of the target ``-``. A relative path starts from
    ``folder``; ``content`` is the content of the file if the caller has read it. ``requires_effect``: a member in which
    a name changes nothing is an error. ``with_hints``: errors say which size of the input is valid, which takes long to
    find. Raises DesignError if the target cannot be read.
    """

    def __init__(
        self,
        target: str,
        settings: Settings = DEFAULT_SETTINGS,
        stdin: str | None = None,
        folder: str = "",
        content: bytes | None = None,
        *,
        requires_effect: bool = True,
        with_hints: bool = True,
    ) -> None:
        self.target = target
        self.settings = settings
        self.requires_effect = requires_effect
        self.with_hints = with_hints
        self._loader = Loader(target, stdin, folder, content)
        self._known: Known = {}

    @property
    def content(self) -> bytes | None:
        """The content of the target's file, to send to other machines; None for other targets and large files."""
        file = self._loader.file
        return None if file is None or len(file) > MOST_SENT else bytes(file)

    @property
    def variables(self) -> Mapping[str, Value | None]:
        """The variables of the design with their values under these settings; None for one that must be set."""
        return self._loader.variables(self.settings)

    def ranges(self, texts: Sequence[str], option: str) -> list[Range]:
        """The ranges that ``texts`` of an option state, as in ``width=8..64``; raises DesignError with the place.

        A range of ``input`` without a depth has that of a valid member, see :meth:`input_volume_of`.
        """
        if not any(text.partition("=")[0].strip() == INPUT for text in texts):
            return read_ranges(texts, option)
        others = read_ranges([text for text in texts if text.partition("=")[0].strip() != INPUT], option)
        return read_ranges(texts, option, self.input_volume_of(others))

    def input_volume_of(self, ranges: Sequence[Range]) -> Volume | None:
        """The volume of the first input of the first valid one of some members; None if none of these is valid."""
        count, names, values = points_of(ranges), [each.name for each in ranges], [each.values for each in ranges]
        draw = Random(0)  # noqa: S311  # no secret
        places = [*range(min(count, MOST_PROBED)), *[draw.randrange(count) for _ in range(MOST_PROBED)]]
        for place in dict.fromkeys(places):
            volume = self.input_volume(point_at(names, values, place))
            if volume is not None:
                return volume
        return None

    def input_volume(self, point: Mapping[str, Value] = NO_POINT) -> Volume | None:
        """The volume of the first input of a member as the design states it; None if the member is invalid with it."""
        try:
            report = account(self._loader.graph(self._settings(point), with_hints=False), with_hints=False)
        except CnncalcError:
            return None
        return next((row.output for row in report.layers if not row.sources), None)

    def graph(self, point: Mapping[str, Value]) -> Graph:
        """The graph of a member; raises DesignError for one that is invalid, and for a name that the design lacks."""
        graph = self._loader.graph(self._settings(point), with_hints=self.with_hints)
        unread = _unread(graph.warnings, point) if self.requires_effect else {}
        if unread:
            raise DesignError(unread.values())
        return graph

    def looked_up(self, point: Mapping[str, Value]) -> tuple[Graph, dict[str, Problem]]:
        """The graph of a member, and the names of the point that change nothing in it, each with its problem.

        The graph keeps its other warnings. Raises DesignError for an invalid member.
        """
        graph = self._loader.graph(self._settings(point), with_hints=False)
        found = _unread(graph.warnings, point)
        why = {problem.message.partition(": ")[2] for problem in found.values()}
        others = [each for each in graph.warnings if each.message.partition(": ")[2] not in why]
        return graph._replace(warnings=tuple(others)), found

    def look_up(self, probes: Iterable[Point]) -> tuple[str | None, list[Problem]]:
        """The name of the family (None if all of these members are invalid), and the warnings that all of them share.

        Raises DesignError for a name that varies but changes none of them, and for variables without a value.
        """
        name = None
        unset: DesignError | None = None
        unread: list[dict[str, Problem]] = []
        warnings: list[dict[Problem, None]] = []
        stated: dict[str, None] = {}
        for point in probes:
            try:
                graph, found = self.looked_up(point)
            except DesignError as error:  # the search counts it as broken
                if error.first.code == "unset-variable":
                    unset = unset or _with_unread(error, point)
                continue
            kept = graph._replace(changed={key: value for key, value in graph.changed.items() if key not in point})
            name = name or graph.name.removesuffix(graph.changes) + kept.changes
            unread.append(found)
            warnings.append(dict.fromkeys(graph.warnings))
            stated.update(dict.fromkeys([node.name for node in graph.nodes if KINDS[node.kind].is_stated]))
        if name is None:
            if unset is not None:
                raise unset
            return None, []
        nowhere = [problem for each, problem in unread[0].items() if all(each in other for other in unread)]
        if nowhere:
            raise DesignError(nowhere)
        shared = [problem for problem in warnings[0] if all(problem in each for each in warnings)]
        return name, [*shared, *stated_warning(stated)]

    def digest(self) -> str:
        """A SHA-256 digest of the design in hexadecimal digits, by which a points file recognises its sweep.

        It is that of the text or the file; of Python code that of the layers which it builds. Raises DesignError.
        """
        known = self._loader.digest()
        if known is not None:
            return known
        rows = account(self._loader.graph(self.settings)).layers
        lines = [f"{row.name} {row.label} {row.inputs} {row.output} {row.parameters}" for row in rows]
        return sha256("\n".join(lines).encode("utf-8", "backslashreplace")).hexdigest()

    def report(self, point: Mapping[str, Value]) -> Report:
        """The report of a member, for one image."""
        return account(self.graph(point), with_hints=self.with_hints)

    def figures(self, point: Mapping[str, Value], wanted: Sequence[Wanted]) -> list[int]:
        """The figures of a member, the same as ``cnncalc value`` prints for that design.

        Raises DesignError for an invalid member, ValueProblem where a figure has no value.
        """
        meter = self.meter(point, wanted)
        return [meter.value(each.at(point)) for each in wanted]

    def meter(self, point: Mapping[str, Value], wanted: Sequence[Wanted]) -> Meter:
        """The meter for these figures of a member; raises DesignError for an invalid member."""
        sees = any(KEYS[each.measure.key].is_of_window for each in wanted)
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        graph = self.graph(point)
        return Meter(account(graph, brief=not sees, with_hints=self.with_hints, known=self._known))

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


def _with_unread(error: DesignError, point: Mapping[str, Value]) -> DesignError:
    """The error, with a problem for each name of the point that changes nothing in the design put first.

    A range of batch or input does not set a variable of that name; an error about such a variable says so in its hint.
    """
    others = [each for each in error.every if _unread_name(each, point) is None]
    for place, each in enumerate(others):
        unset = re.split(", |: ", each.message)
        name = next((name for name in (BATCH, INPUT) if name in point and name in unset), None)
        if each.code == "unset-variable" and name is not None:
            what = "number of images in a batch" if name == BATCH else "size of the input"
            hint = f"a range of {name} sets the {what}: rename the variable"
            others[place] = each._replace(hint=hint)
    return DesignError([*_unread(error.every, point).values(), *others])


def stated_warning(names: Iterable[str]) -> list[Problem]:
    """The warning that figures of these layers are stated, not computed; empty without layers."""
    layers = list(names)
    message = f"the figures of {listing(layers)} are stated, not computed, and are part of the results"
    return [Problem("stated", message, severity="warning")] if layers else []


def _unread(warnings: Iterable[Problem], point: Mapping[str, Value]) -> dict[str, Problem]:
    """The names of the point that change nothing in the design, each with its problem."""
    found = {}
    for warning in warnings:
        name = _unread_name(warning, point)
        if name is not None:
            why = warning.message.partition(": ")[2]
            found[name] = Problem("unknown-variable", f"'{name}' changes nothing: {why}", None, warning.hint)
    return found


def _unread_name(warning: Problem, point: Mapping[str, Value]) -> str | None:
    """The name of the point that a warning says has no effect; None for other warnings."""
    return warning.about if warning.about in point else None
