"""Makes layers. A key is written, or set by a stated volume, the file's defaults, an option, or assumed."""

from __future__ import annotations

from cnncalc.errors import MAX_PROBLEMS, DesignError, Problem, ValueProblem
from cnncalc.graph import Draft
from cnncalc.language.expression import VOLUME_NAMES, Deferred, entries_of, resolved
from cnncalc.language.settings import NO_VALUES
from cnncalc.language.syntax import Literal, Name
from cnncalc.language.values import braces_hint, value_of
from cnncalc.language.yaml_numbers import yaml_number_hint
from cnncalc.layers.keys import is_volume_size
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from cnncalc.language.names import Names, Spec
    from cnncalc.language.settings import Settings
    from cnncalc.language.syntax import Design
    from cnncalc.language.values import Environment, Variables
    from cnncalc.layers.base import Layer
    from cnncalc.layers.keys import Value


MOST_MADE = 1000
"""The most layers that are kept for one layer as written."""
USUAL_SIZE = 64
"""The size of a volume with which a hint about an expression is tried."""


class LayerMaker:
    """Makes the layers of a design.

    ``assumed`` maps what neither the text nor an option decides to the default used; ``notes`` says what an option
    replaces.
    """

    def __init__(
        self, design: Design, settings: Settings, variables: Variables, names: Names, problems: list[Problem]
    ) -> None:
        self.design = design
        self.input = settings.input
        self.inputs = settings.inputs
        self.sizes = settings.sizes
        self.taken: set[str] = set()
        """The sizes of the options that a layer took, and ``input NAME`` for each input that took a volume by name."""
        self.variables = variables
        self.names = names
        self.problems = problems
        self.assumed: dict[str, Any] = {}
        self.notes: list[Problem] = []

    def note_replaced_input(self, stated: Volume | None) -> None:
        """Notes that the option ``input`` replaces another, stated input."""
        if self.input is not None and stated is not None and stated != self.input and not self.notes:
            message = f"--input {self.input.size} replaces the stated input {stated.size}"
            self.notes.append(Problem("input-replaced", message, None, None, "note"))

    def fill(self, spec: Spec, environment: Environment, inputs: list[Any]) -> None:
        """Sets the values of a spec and, unless they depend on volumes or on the whole graph, its layer.

        Raises DesignError for values that its kind cannot take. ``inputs`` are the ports of its inputs.
        """
        entry = inputs[0] if inputs else None
        values, constant = self._written(spec, environment, entry)
        if self.design.defaults:
            constant = self._add_defaults(spec, values, entry) and constant
        if spec.kind.is_input:
            self._size_input(spec, values)
            constant = False
        elif spec.kind.sizes:
            self._size(spec, values)
        spec.values = values
        spec.layer = self._make(spec, environment)
        if constant and spec.open_key is None:
            spec.plan.fixed = spec.layer

    def _written(self, spec: Spec, environment: Environment, entry: Any) -> tuple[dict[str, Value], bool]:
        """The values written at the layer, and whether they are the same wherever the layer is repeated."""
        values: dict[str, Value] = {}
        constant = True
        for key, (operand, span) in spec.plan.given.items():
            reader = spec.kind.keys[key].reader
            words = reader.words
            try:
                value = value_of(operand, environment, entry, words, holds_names=reader.holds_names)
            except ValueProblem as error:
                raise DesignError([Problem(error.code, f"{key}: {error.message}", span, error.hint)]) from None
            constant = constant and isinstance(operand, (Literal, Name)) and not isinstance(value, Deferred)
            if isinstance(operand, Name) and operand.text.lower() not in words:
                constant = False
            values[key] = value
        return values, constant

    def _add_defaults(self, spec: Spec, values: dict[str, Value], entry: Any) -> bool:
        """Adds the file's defaults; returns whether they are the same wherever the layer is repeated."""
        kind, constant = spec.kind, True
        for key, default in self.design.defaults.get(kind.kind, NO_VALUES).items():
            if key in values or key not in kind.keys or self._is_overruled(spec, key, values):
                continue
            reader = kind.keys[key].reader
            values[key] = value_of(
                default.value, self.variables.outside, entry, reader.words, holds_names=reader.holds_names
            )
            spec.plan.key_spans.setdefault(key, default.span)
            constant = constant and not isinstance(values[key], Deferred)
        return constant

    def _is_overruled(self, spec: Spec, key: str, values: Mapping[str, Value]) -> bool:
        """Whether a stated volume, an option or another key takes precedence over the file's default for a key."""
        sizing = spec.kind.sizes.get(key)
        if sizing is None:
            return spec.kind.is_replaced(key, values)
        if spec.stated is not None and (sizing.by_depth or spec.kind.is_input):
            return True
        return (sizing.last is None and sizing.name in self.sizes) or spec.kind.is_replaced(key, values)

    def _size(self, spec: Spec, values: dict[str, Value]) -> None:
        """Sets the sizes left open: by the stated volume, the place in the graph, an option, or the default."""
        for key, sizing in spec.kind.sizes.items():
            if key in values or spec.kind.is_replaced(key, values):
                continue
            if sizing.by_depth and spec.stated is not None:
                values[key] = spec.stated.depth
            elif sizing.last is not None:
                spec.open_key = key
            elif sizing.name in self.sizes:
                values[key] = self.sizes[sizing.name]
                self.taken.add(sizing.name)
            else:
                self._assume(spec, key)

    def _size_input(self, spec: Spec, values: dict[str, Value]) -> None:
        """Sets the size of an input: by its volume in ``inputs``, else as written or the default.

        For the first input of the net the option ``input`` precedes what is written, and the key ``input`` follows it.
        """
        stated = spec.stated
        wanted = self._input_by_name(spec)
        if wanted is not None:
            spec.stated = None
            values["size"] = list(wanted)
            return
        if self.names.inputs:
            if "size" not in values:
                if stated is not None:
                    values["size"] = list(stated)
                else:
                    self._assume(spec, "size")
            return
        is_written = is_volume_size(values.get("size")) and min(values["size"]) > 0
        written = Volume(*values["size"]) if is_written else stated
        of_file = self.design.input
        if of_file is not None and written is not None and of_file != written and self.input is None:
            message = f"the input is {of_file} by the key 'input', but {written} here"
            raise DesignError([Problem("volume-mismatch", message, spec.plan.syntax.span)])
        self.note_replaced_input(written or of_file)
        size = self.input or written or of_file
        if self.input is not None:
            spec.stated = None
        if size is not None:
            values["size"] = list(size)
        elif "size" not in values:
            self._assume(spec, "size")

    def _input_by_name(self, spec: Spec) -> Volume | None:
        """The volume that ``inputs`` of the options gives an input by its name; None if there is none."""
        number = len(self.names.inputs) + 1
        for name in (spec.name,) if spec.name else ("input", f"input{number}")[number > 1 :]:
            if name in self.inputs:
                self.taken.add(f"input {name}")
                return self.inputs[name]
        return None

    def _assume(self, spec: Spec, key: str) -> None:
        """Notes that a key is left to its default."""
        item = spec.kind.keys[key]
        self.assumed[spec.kind.sizes[key].name] = item.reader.write(item.default)

    def _make(self, spec: Spec, environment: Environment | None = None) -> Layer | None:
        """The layer of a spec; None if it depends on volumes or on its place in the graph.

        ``environment`` has the names that hints may use.
        """
        if spec.open_key is not None or any(isinstance(value, Deferred) for value in spec.values.values()):
            return None
        return self._build(spec, spec.values, environment)

    def _build(self, spec: Spec, values: Mapping[str, Value], environment: Environment | None = None) -> Layer:
        """The layer with these values, one object for equal values; raises DesignError with all wrong values."""
        made = spec.plan.made
        key: Any = tuple([(name, type(value), value) for name, value in values.items()])
        try:
            found_layer = made.get(key)
        except TypeError:  # a list
            key = None
        else:
            if found_layer is not None:
                return found_layer
        try:
            layer = spec.kind(**values)
        except ValueProblem as error:
            every = (error, *_further_problems(spec.kind, values, error.key))
            raise DesignError([self._problem(spec, values, wrong, environment) for wrong in every]) from None
        if key is not None:
            if len(made) >= MOST_MADE:
                made.clear()
            made[key] = layer
        return layer

    def _problem(
        self, spec: Spec, values: Mapping[str, Value], wrong: ValueProblem, environment: Environment | None
    ) -> Problem:
        """The problem of a wrong value, at its key, with a hint if there is one."""
        span = spec.plan.key_spans.get(wrong.key or "", spec.plan.syntax.span)
        value = values.get(wrong.key or "")
        reader = spec.kind.keys[wrong.key].reader if wrong.key in spec.kind.keys else None
        hint = wrong.hint or (yaml_number_hint(value, reader) if isinstance(value, str) else None)
        is_shown = len(self.problems) <= MAX_PROBLEMS
        if hint is None and environment is not None and reader is not None and is_shown:
            names = {**dict.fromkeys(VOLUME_NAMES, USUAL_SIZE), **environment.values}
            hint = braces_hint(value, names, reader)
        name = f"{spec.name}: " if spec.name else ""
        return Problem(wrong.code, f"{name}{wrong.message}", span, hint)

    def draft(self, spec: Spec) -> Draft | None:
        """The draft of a layer that depends on volumes; of a broken layer one that fails; None after a problem."""
        if spec.is_broken:

            def fail(*_: Volume) -> Layer:
                raise DesignError([])

            return Draft(spec.kind, (), fail)
        entries = tuple(dict.fromkeys(entries_of(spec.values.values())))
        if any(entry is None for entry in entries):
            message = "depth, height and width are those of the volume before, but there is none"
            self.problems.append(Problem("no-input", message, spec.plan.syntax.span))
            return None
        places = [self.names.place_of(entry) for entry in entries]
        if any(place is None for place in places):
            return None

        def resolve(*volumes: Volume) -> Layer:
            known = dict(zip(entries, volumes, strict=True))
            try:
                values = {key: resolved(value, known) for key, value in spec.values.items()}
            except ValueProblem as error:
                span = spec.plan.syntax.span
                raise DesignError([Problem(error.code, f"{spec.name}: {error.message}", span)]) from None
            return self._build(spec, values)

        return Draft(spec.kind, tuple(place for place in places if place is not None), resolve)

    def size_by_place(self) -> None:
        """Sets the sizes that depend on the place: an FC has ``hidden`` units before another one, else ``classes``."""
        specs = self.names.specs
        for kind in dict.fromkeys(spec.kind for spec in specs if spec.open_key is not None):
            is_before = self._before_another(kind)
            for place, spec in enumerate(specs):
                if spec.kind is kind and spec.open_key is not None:
                    self._size_by_place(spec, spec.open_key, is_last=not is_before[place])

    def _before_another(self, kind: type[Layer]) -> list[bool]:
        """For each spec whether a layer of the kind follows it on a path through the graph."""
        specs = self.names.specs
        found = [False] * len(specs)
        stack = [place for place, spec in enumerate(specs) if spec.kind is kind]
        while stack:
            for source in specs[stack.pop()].inputs:
                if not found[source]:
                    found[source] = True
                    stack.append(source)
        return found

    def _size_by_place(self, spec: Spec, key: str, *, is_last: bool) -> None:
        sizing = spec.kind.sizes[key]
        name, default = sizing.name, spec.kind.keys[key].default
        if is_last and sizing.last is not None:
            name, default = sizing.last
        if name in self.sizes:
            self.taken.add(name)
        else:
            self.assumed[name] = default
        spec.values[key] = self.sizes.get(name, default)
        spec.open_key = None
        try:
            spec.layer = self._make(spec)
        except DesignError as error:
            self.problems += error.every


def _further_problems(kind: type[Layer], values: Mapping[str, Value], first: str | None) -> Iterator[ValueProblem]:
    """The wrong values but that of the key ``first``, at which the constructor of a layer stops."""
    for key, value in values.items():
        try:
            kind.keys[key].reader(value)
        except ValueProblem as error:
            if key != first:
                yield ValueProblem(f"{key}: {error.message}", code=error.code, hint=error.hint, key=key)
