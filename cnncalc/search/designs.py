"""The members of a family at points of rational numbers: which names vary, and the figures at each point."""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any

from cnncalc.analysis.loading import Loader
from cnncalc.analysis.report import account
from cnncalc.errors import CnncalcError, ValueProblem, did_you_mean
from cnncalc.figures.measure import ARENAS, FIGURES, KEYS, SIMULATED, Measure, Meter, last_window, unclipped_of
from cnncalc.figures.value import COUNTS
from cnncalc.language.assignment import decimal
from cnncalc.language.settings import DEFAULT_SETTINGS
from cnncalc.layers.input import Input
from cnncalc.records import NamedTuple
from cnncalc.search.family import BATCH
from cnncalc.search.ranges import SIZES, number_of
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from cnncalc.graph import Graph
    from cnncalc.language.settings import Settings
    from cnncalc.layers.keys import Value
    from cnncalc.memory.report import Options

    Numbers: TypeAlias = tuple[Fraction, ...]
    """The value of each name that varies."""

SHORT_SIDES = {"height": "H", "width": "W"}
"""Short names of sides of the input in formulas; other sides keep their names."""
DEPTH = "depth"
VARIABLE, SIZE, SIDE = "variable", "size", "side"
"""What a name is: a variable of the design, an option such as batch, or a side or the depth of the input."""
TRIED = (16, 8, 4, 3, 2, 1, 32, 64, 6, 12)
"""The values that are tried for variables without a value, in this order."""
PEAKS = (*SIMULATED, *ARENAS)
"""Keys that are the maximum of many numbers, and therefore not polynomials."""
FORMULA_KEYS = tuple(dict.fromkeys([*COUNTS, *[key for key in FIGURES if key not in PEAKS], "output"]))
"""The keys of a net that formulas are searched for."""
COSTLY_KEYS = ("receptive_field", "receptive_field_unclipped")
"""Keys that take much longer to compute than the counts."""
VOLUME_KEYS = ("output", *COSTLY_KEYS)
"""Keys with one number for each side."""


class Name(NamedTuple):
    """A name that varies: its kind, its value in the design (``own``), and for a side its place in the input volume."""

    name: str
    kind: str
    own: Fraction
    place: int = 0


class Figures(NamedTuple):
    """The figures of one key: of the net (None: none, for the reason ``why``), and of each layer (None: none)."""

    total: tuple[int, ...] | None
    layers: tuple[tuple[int, ...] | None, ...]
    why: str = ""


class ComputedDesign(NamedTuple):
    """One design of the family: names and kinds of its layers, and its figures by key."""

    layers: tuple[tuple[str, str], ...]
    figures: Mapping[str, Figures]


class VariedDesign:
    """A TARGET whose names vary; its text is parsed once.

    ``stdin`` and ``folder`` as for :class:`~cnncalc.search.family.Family`. Variables without a value get one with which
    the design is valid, see ``chosen``. Raises DesignError if the design is invalid.
    """

    def __init__(
        self, target: str, settings: Settings = DEFAULT_SETTINGS, stdin: str | None = None, folder: str = ""
    ) -> None:
        self.loader = Loader(target, stdin, folder)
        self.settings = settings
        self.variables = self.loader.variables(settings)
        self.chosen = self._choose()
        self.graph = self.loader.graph(self.settings)
        self.report = account(self.graph)
        self.inputs = [row for row in self.report.layers if row.layer.is_input]

    def _choose(self) -> dict[str, int]:
        """Values for variables without one: the first of TRIED with which the design is valid, the same for all.

        A variable that repeats layers then gets 2, one that changes the receptive field 3, where that is less.
        """
        unset = [name for name, value in self.variables.items() if value is None]
        if not unset:
            return {}
        given, problem = self.settings, None
        for value in TRIED:
            found = dict.fromkeys(unset, value)
            settings = given._replace(variables={**given.variables, **found})
            try:
                count = len(account(self.loader.graph(settings), brief=True).layers)
            except CnncalcError as error:
                problem = problem or error
                continue
            found |= {name: small for name in unset for small in (2, 3) if self._is_small(found, name, small, count)}
            self.settings = given._replace(variables={**given.variables, **found})
            self.variables = {**self.variables, **found}
            return found
        assert problem is not None
        raise problem

    def _is_small(self, found: Mapping[str, int], name: str, value: int, count: int) -> bool:
        """Whether a variable should get a small value: 2 if it repeats layers, 3 if it changes the receptive field."""
        given = self.settings
        if value >= found[name]:
            return False
        try:
            reports = [
                account(self.loader.graph(given._replace(variables={**given.variables, **found, name: each})))
                for each in (value, found[name])
            ]
        except CnncalcError:
            return False
        if value == 2:
            return len(reports[0].layers) < count
        fields = [[row.receptive_field for row in report.layers] for report in reports]
        return len(reports[0].layers) == count and fields[0] != fields[1]

    # names

    @property
    def sides(self) -> dict[str, int]:
        """The names of the sides of the first input and of its depth, with their places in its volume.

        A name that is also a variable of the design has the prefix ``input_``.
        """
        volume = self.inputs[0].output
        names = [SHORT_SIDES.get(name, name) for name in volume.names] + [DEPTH]
        free = [name if name not in self.variables else f"input_{name}" for name in names]
        return {name: place for place, name in enumerate(free)}

    def usual_names(self) -> list[str]:
        """The names that vary by default: the variables of the design that are numbers, and the sides of the input."""
        numbers = [name for name, value in self.variables.items() if number_of(value) is not None]
        return [*numbers, *list(self.sides)[:-1]]

    def name(self, name: str) -> Name:
        """The name that is to vary; raises ValueProblem if the design lacks it, or if its value is not a number."""
        if name not in self.variables and SHORT_SIDES.get(name) in self.sides:
            name = SHORT_SIDES[name]  # height and width can be written in full
        if name in self.variables:
            value = self.variables[name]
            number = number_of(value)
            if number is None:
                raise ValueProblem(_no_number(name, value), code="not-a-number")
            return Name(name, VARIABLE, number)
        if name in self.sides:
            place = self.sides[name]
            return Name(name, SIDE, Fraction(self.inputs[0].output[place]), place)
        if name == BATCH:
            return Name(name, SIZE, Fraction(1))
        if name in SIZES and name in self.graph.assumed:
            return Name(name, SIZE, Fraction(self.graph.assumed[name]))
        if name in SIZES and getattr(self.settings, name, None) is not None:
            return Name(name, SIZE, Fraction(getattr(self.settings, name)))
        known = [*self.variables, *self.sides, BATCH]
        hint = f"it has {', '.join(known)}"
        message = f"the design has no variable '{name[:60]}'{did_you_mean(name, known)}"
        raise ValueProblem(message, code="unknown-variable", hint=hint)

    def stride(self) -> int:
        """The least common multiple of the total strides of all layers, at most 2^20."""
        found = 1
        for row in self.report.layers:
            for field in row.fields.values():
                for side in field.sides:
                    if side.endless is not None and side.endless.advance:
                        found = min(lcm(found, side.endless.advance), 2**20)
        return found


def _no_number(name: str, value: Value) -> str:
    """The message for a variable whose value is not a number."""
    if isinstance(value, (list, tuple)):
        names = f"as in {name}: ['{{a}}', '{{b}}']"
        return f"formulas are in numbers, but {name} is a list: name its numbers, {names}, and vary these names"
    return f"formulas are in numbers, but {name} is not a number"


class ComputedDesigns:
    """The figures of the members of a design, each computed once.

    ``analysed`` counts the designs, ``layers_analysed`` the layers of all of them together.
    """

    def __init__(self, design: VariedDesign, names: Sequence[Name], keys: Sequence[str], options: Options) -> None:
        self.design = design
        self.names = tuple(names)
        self.keys = tuple(keys)
        self.options = options
        self.analysed = 0
        self.layers_analysed = 0
        self._needs_fields = any(key in COSTLY_KEYS for key in keys)
        self._members: dict[Numbers, ComputedDesign | str] = {}
        self._graphs: dict[Numbers, Graph] = {}

    def own(self) -> Numbers:
        """The point of the design itself."""
        return tuple([name.own for name in self.names])

    def at(self, point: Numbers) -> ComputedDesign | str:
        """The member at a point, or the message of the error if it is invalid."""
        if point not in self._members:
            try:
                self._members[point] = self._analysed(point)
            except CnncalcError as error:
                self._members[point] = error.first.message
        return self._members[point]

    def _analysed(self, point: Numbers) -> ComputedDesign:
        self.analysed += 1
        graph = self._graph(point)
        self.layers_analysed += len(graph.nodes)
        report = account(graph, brief=not self._needs_fields)
        meter = Meter(report)
        batch = self.options.batch
        for name, value in zip(self.names, point, strict=True):
            if name.name == BATCH and name.kind == SIZE:
                batch = _whole(name, value)
        layers = tuple([(row.name, row.kind) for row in report.layers])
        return ComputedDesign(layers, {key: _figures(meter, key, self.options, batch) for key in self.keys})

    def _graph(self, point: Numbers) -> Graph:
        """The graph of a member. Of a design in text only the input nodes are replaced where its size varies."""
        design = self.design
        volumes = self._volumes(point)
        others = tuple([Fraction(0) if name.kind == SIDE else value for name, value in self._pairs(point)])
        if not design.loader.is_text or volumes is None:
            return design.loader.graph(self._settings(point, volumes))
        if others not in self._graphs:
            if len(self._graphs) > 64:
                self._graphs.clear()
            self._graphs[others] = design.loader.graph(self._settings(point, None))
        graph = self._graphs[others]
        nodes = list(graph.nodes)
        for place, size in volumes.items():
            nodes[place] = nodes[place]._replace(layer=Input(size=size), stated=None)
        return graph._replace(nodes=tuple(nodes), stored=None)

    def _pairs(self, point: Numbers) -> list[tuple[Name, Fraction]]:
        return list(zip(self.names, point, strict=True))

    def _volumes(self, point: Numbers) -> dict[int, tuple[int, ...]] | None:
        """The new volumes of the first input and of inputs with its volume, by place; None: they do not vary."""
        new = {name.place: _whole(name, value) for name, value in self._pairs(point) if name.kind == SIDE}
        if not new:
            return None
        first = self.design.inputs[0].output
        found = {}
        for row in self.design.inputs:
            if row.output == first:
                found[row.index] = tuple([new.get(place, size) for place, size in enumerate(first)])
        return found

    def _settings(self, point: Numbers, volumes: Mapping[int, tuple[int, ...]] | None) -> Settings:
        settings = self.design.settings
        variables = dict(settings.variables)
        changed: dict[str, Any] = {}
        for name, value in self._pairs(point):
            if name.kind == VARIABLE:
                is_set = getattr(settings, name.name, None) is not None if name.name in SIZES else False
                (changed if is_set else variables)[name.name] = decimal(value)
            elif name.kind == SIZE and name.name != BATCH:
                changed[name.name] = _whole(name, value)
        if volumes:
            first = self.design.inputs[0]
            changed["input"] = Volume(*volumes[first.index])
            others = {row.name: Volume(*volumes[row.index]) for row in self.design.inputs[1:] if row.index in volumes}
            changed["inputs"] = {**settings.inputs, **others}
        return settings._replace(variables=variables, **changed)


def _whole(name: Name, value: Fraction) -> int:
    """The value of a size; raises ValueProblem if it is not a whole number of at least 1."""
    if value.denominator > 1 or value < 1:
        raise ValueProblem(f"{name.name} must be a whole number of at least 1, found {value}")
    return value.numerator


def _figures(meter: Meter, key: str, options: Options, batch: int) -> Figures:
    """The figures of one key: counts, bytes, or sizes of volumes."""
    rows = meter.report.layers
    if key == "output":
        ends = [index for index, readers in enumerate(meter.report.graph.readers()) if not readers]
        total = tuple(rows[ends[0]].output) if len(ends) == 1 else None
        return Figures(
            total, tuple([tuple(row.output) for row in rows]), "" if total else "the net has several outputs"
        )
    if key in COSTLY_KEYS:
        return _fields(meter, key)
    measure = Measure(
        key, batch, options.dtype, options.optimizer, options.profile, options.autocast, options.image_batches
    )
    if key in KEYS:
        value = meter.value(measure)
        parts = KEYS[key].parts
        layers = parts(meter, measure) if parts is not None and KEYS[key].has_layers else []
    else:
        value = getattr(meter.report.totals, key)
        layers = [getattr(row, key) for row in rows]
    return Figures((value,), tuple([(part,) for part in layers]) or (None,) * len(rows))


def _fields(meter: Meter, key: str) -> Figures:
    """The receptive fields, one number for each side; that of the net is that of the last layer with a window."""
    rows = meter.report.layers
    last = last_window(meter.report)
    layers = tuple([getattr(row, key) if row.fields else None for row in rows])
    try:
        total = last.receptive_field if key == "receptive_field" else unclipped_of(last)
    except ValueProblem as problem:
        return Figures(None, layers, problem.message)
    return Figures(total, layers)
