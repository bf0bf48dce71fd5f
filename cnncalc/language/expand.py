"""From a design to a graph: blocks called, repeats unrolled, names given, references resolved.

Volumes are not known here; what depends on them (``CONV1-{depth//2}``) stays a draft that later settles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc.errors import DesignError, Problem, ValueProblem, in_text_order
from cnncalc.graph import Draft, Graph, Node, in_running_order
from cnncalc.language.expansion_size import Weigher
from cnncalc.language.expression import Deferred, entries_of, settled
from cnncalc.language.guesses import yaml_guess
from cnncalc.language.limits import NESTING
from cnncalc.language.names import Names, Scope, Spec, short_enough
from cnncalc.language.plan import Plan, Planner
from cnncalc.language.syntax import GroupSyntax, LayerSyntax, Literal, Name
from cnncalc.language.validation import LookOver, begins_with_input, is_merge, label_of
from cnncalc.language.values import NO_VALUES, Environment, Variables, holds, rounds_of, value_of, yes_or_no
from cnncalc.layers import KINDS
from cnncalc.layers.keys import is_whole
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.language.syntax import Block, Design, Item
    from cnncalc.layers.base import Layer
    from cnncalc.layers.keys import Value
    from cnncalc.source import Span


class Settings(NamedTuple):
    """What the call decides about a design.

    ``variables`` win over the file's; ``optional`` keeps or drops every ``?``, or says so for each occurrence in order
    (None: keep, as an assumption); ``input``, ``filters``, ``hidden`` and ``classes`` size what the text leaves open.
    """

    variables: Mapping[str, Value] = NO_VALUES
    optional: bool | tuple[bool, ...] | None = None
    input: Volume | None = None
    filters: int | None = None
    hidden: int | None = None
    classes: int | None = None

    def given(self) -> dict[str, Value]:
        """The values of names that the call decides; a size is such a name as well."""
        sizes = {"classes": self.classes, "filters": self.filters, "hidden": self.hidden}
        return {**self.variables, **{name: size for name, size in sizes.items() if size is not None}}


def expand(design: Design, settings: Settings, earlier: Sequence[Problem] = ()) -> Graph:
    """The graph of a design; raises DesignError with all problems found, ``earlier`` ones included."""
    return Expander(design, settings, list(earlier)).graph()


class Expander:
    """Unrolls one design: runs through its chains and puts the layers into the net."""

    def __init__(self, design: Design, settings: Settings, problems: list[Problem]) -> None:
        self.design = design
        self.settings = settings
        self.problems = problems
        self.planner = Planner(design.blocks)
        self.variables = Variables(design, settings.given(), problems)
        self.names = Names(problems)
        self.specs = self.names.specs
        self.maker = LayerMaker(design, settings, self.variables, self.names, problems)
        self.occurrences = 0
        self.depth = 0
        self.is_torn = False
        self.frozen = 0
        self.training_only = 0

    # the whole

    def graph(self) -> Graph:
        """The graph, or DesignError with every problem found."""
        design = self.design
        look_over = LookOver(design, self.planner, self.variables, self.settings.variables, self.problems)
        look_over.check_calls()
        if not look_over.check_names():
            self.problems += self.planner.problems
            raise self._failure()
        if not any(problem.code == "recursive-block" for problem in self.problems):
            keeps = self.settings.optional is not False
            Weigher(self.planner, self.variables, self.problems, keeps=keeps).check(design.items)
            scope = Scope("", None)
            ports = self._begin(scope)
            try:
                ports = self.chain(design.items, self.variables.outside, scope, ports)
            except DesignError as error:
                self.problems += error.every
                self.is_torn = True
                ports = []
            self._finish(ports)
        self.problems += self.planner.problems
        if isinstance(self.settings.optional, tuple) and self.occurrences != len(self.settings.optional):
            given, there = len(self.settings.optional), self.occurrences
            message = f"--optional decides {given} optional item{'s' if given != 1 else ''}, but the net has {there}"
            self.problems.append(Problem("optional", message, None))
        nodes = self._nodes()
        if self.problems:
            raise self._failure(nodes)
        assert nodes is not None
        assumed, notes = self.maker.assumed, tuple(self.maker.notes)
        return Graph(design.name, nodes, design.title, design.source, assumed, notes, design.budget, design.ignore)

    def _failure(self, nodes: tuple[Node, ...] | None = None) -> DesignError:
        """All problems in the order of the text, with the nodes in which more may be found."""
        told: list[Span] = []
        for problem in list(self.problems):
            # a name that stands for a volume is said first, then what is made of it
            if problem.code == "graph-needs-volume" and problem.span is not None:
                if any(_is_within(span, problem.span) for span in told):
                    self.problems.remove(problem)
                told.append(problem.span)
        return DesignError(in_text_order(self.problems), nodes)

    def _begin(self, scope: Scope) -> list[Any]:
        """The input of the file's ``input:`` (or of --input) where the pattern has none at its head."""
        if begins_with_input(self.design.items, self.planner):
            return []
        size = self.settings.input or self.design.input
        syntax = LayerSyntax("INPUT", None, None, None, (), (), None, None, None, self._input_span())
        if size is None:
            # where the key 'input' could not be read, the layers are still looked over
            return [] if self.design.input_span is None else [self._broken(Plan(syntax), scope, [])]
        layer = KINDS["input"](size=list(size))
        spec = Spec("input", self.planner.plan(syntax), KINDS["input"], [])
        spec.layer = layer
        self.maker.say_replaced(self.design.input)
        return [self.names.add(spec, scope, None)]

    def _input_span(self) -> Span:
        if self.design.input_span is not None:
            return self.design.input_span
        unit = self.design.items[0].unit if self.design.items else None
        assert unit is not None
        return unit.span

    def _is_there(self, item: Item, environment: Environment) -> bool:
        """Whether an item with '?' is there."""
        if item.condition is not None:
            return holds(item.condition, environment)
        number = self.occurrences
        self.occurrences += 1
        decided = self.settings.optional
        if isinstance(decided, tuple):
            return decided[number] if number < len(decided) else True
        if decided is None:
            self.maker.assumed["optional"] = "keep"
            return True
        return decided

    # chains

    def chain(self, items: Sequence[Item], environment: Environment, scope: Scope, ports: list[Any]) -> list[Any]:
        """Runs volumes through the items of a chain; several ports are the branches of a fork that awaits its merge."""
        for place, item in enumerate(items):
            try:
                ports = self._item(item, environment, scope, ports, at_head=place == 0)
            except DesignError as error:
                self.problems += error.every
                if error.problems and error.problems[0].code == "limit":
                    raise DesignError([]) from None
                self.is_torn = True
                ports = [self._stand_in(item, scope, ports)]
        return ports

    def _item(
        self, item: Item, environment: Environment, scope: Scope, ports: list[Any], *, at_head: bool
    ) -> list[Any]:
        if len(ports) > 1 and not is_merge(item, self.planner):
            message = "a fork must be followed by CONCAT, ADD or MUL, which joins its branches"
            raise DesignError([Problem("fork-without-merge", message, item.unit.span)])
        if (item.optional or item.times is not None) and is_merge(item, self.planner):
            raise DesignError([])  # said when the text was looked over
        if item.optional:
            if not self._is_there(item, environment):
                return ports
            result = self._unit(item.unit, environment, scope, ports, None, at_head=at_head)
            return self._single(result, item)
        if item.times is None:
            return self._unit(item.unit, environment, scope, ports, None, at_head=at_head)
        label = label_of(item.unit, self.planner)
        last, number = None, 0
        for number, values in enumerate(rounds_of(item, environment)):
            inside = environment.bound(**values) if values else environment
            ports = self._unit(item.unit, inside, scope, ports, number, at_head=at_head and number == 0)
            ports = self._single(ports, item)
            last = inside
        if label is not None and last is not None and ports:
            name = self.names.label(label, last, scope, None)
            self.names.name_repeat(name, number, ports[0], label.span)
        return ports

    def _single(self, ports: list[Any], item: Item) -> list[Any]:
        if len(ports) > 1:
            if isinstance(item.unit, GroupSyntax) and len(item.unit.branches) > 1:
                raise DesignError([])  # said when the text was looked over
            suffix = "'?'" if item.optional else "'*'"
            message = f"what ends in a fork takes no {suffix}"
            raise DesignError([Problem("fork-suffix", message, item.suffix_span, "put the merge inside")])
        return ports

    def _unit(
        self,
        unit: LayerSyntax | GroupSyntax,
        environment: Environment,
        scope: Scope,
        ports: list[Any],
        number: int | None,
        *,
        at_head: bool,
    ) -> list[Any]:
        self.depth += 1
        if self.depth > NESTING + 1:
            raise DesignError([Problem("limit", f"groups and calls nest at most {NESTING} deep", unit.span)])
        try:
            if isinstance(unit, GroupSyntax):
                return self._group(unit, environment, scope, ports, number)
            plan = self.planner.plan(unit)
            if plan.block is not None:
                return self._call(plan, plan.block, environment, scope, ports, number)
            return self._layer(plan, environment, scope, ports, number, at_head=at_head)
        finally:
            self.depth -= 1

    def _group(
        self, group: GroupSyntax, environment: Environment, scope: Scope, ports: list[Any], number: int | None
    ) -> list[Any]:
        inside, name = scope, None
        if group.label is not None:
            name = self.names.label(group.label, environment, scope, number)
            inside = Scope(name + ".", scope)
        start = len(self.specs)
        if len(group.branches) == 1:
            result = self.chain(group.branches[0], environment, inside, ports)
        else:
            result = []
            for branch in group.branches:
                ends = self.chain(branch, environment, inside, ports)
                if len(ends) > 1:
                    message = "a fork inside a branch must be joined before the branch ends"
                    raise DesignError([Problem("fork-without-merge", message, group.span)])
                if not ends:
                    message = "no volume enters this branch: begin it with INPUT"
                    raise DesignError([Problem("no-input", message, group.span)])
                result += ends
        if name is not None and group.label is not None:
            self.names.name_stretch(name, start, result, group.label.span, is_output=True)
        return result

    def _call(
        self, plan: Plan, block: Block, environment: Environment, scope: Scope, ports: list[Any], number: int | None
    ) -> list[Any]:
        counted = scope.number(block.name)
        if plan.is_broken:
            return [self._broken(plan, scope, ports)]
        if plan.inputs:
            ports = [self.names.reference(label, environment, scope) for label in plan.inputs]
            if len(ports) > 1:
                message = f"a block takes one volume, but {len(ports)} are named"
                raise DesignError([Problem("wrong-inputs", message, plan.key_spans.get("inputs", plan.syntax.span))])
        here = ports[0] if ports else None
        values = self.variables.bind(plan, block, environment, here)
        if plan.name is not None:
            name = self.names.label(plan.name, environment, scope, number)
        else:
            name = short_enough(f"{scope.prefix}{block.name}{counted}", plan.syntax.span)
        inside = self.variables.inside(values, here)
        frozen = plan.frozen is not None and not yes_or_no(plan.frozen, "trainable", environment)
        extra = plan.training_only is not None and yes_or_no(plan.training_only, "training_only", environment)
        self.frozen += frozen
        self.training_only += extra
        start = len(self.specs)
        try:
            result = self.chain(block.body, inside, Scope(name + ".", scope), ports)
        finally:
            self.frozen -= frozen
            self.training_only -= extra
        span = plan.name.span if plan.name is not None else plan.syntax.span
        self.names.name_stretch(name, start, result, span, is_output=plan.name is not None)
        if plan.syntax.stated is not None:
            self._state(plan, result, start)
        if plan.share is not None:
            self.names.share(plan, plan.share, start, environment, scope)
        return result

    def _state(self, plan: Plan, result: list[Any], start: int) -> None:
        """Holds the volume stated behind a call against the last layer of the call."""
        last = self.specs[result[0]] if len(result) == 1 and isinstance(result[0], int) else None
        if last is None or result[0] < start or (last.stated is not None and last.stated != plan.syntax.stated):
            message = f"the call of {plan.syntax.word} gives no volume of its own that could be {plan.syntax.stated}"
            raise DesignError([Problem("volume-mismatch", message, plan.syntax.stated_span)])
        last.stated, last.stated_span = plan.syntax.stated, plan.syntax.stated_span

    # layers

    def _stand_in(self, item: Item, scope: Scope, ports: list[Any]) -> int:
        """Stands for an item that makes no sense."""
        unit = item.unit
        word = unit.word if isinstance(unit, LayerSyntax) else "[ ]"
        syntax = LayerSyntax(word, None, None, None, (), (), None, None, None, unit.span)
        return self._broken(Plan(syntax), scope, ports)

    def _broken(self, plan: Plan, scope: Scope, ports: list[Any]) -> int:
        """Stands for a layer that makes no sense, so that what lies behind it is not reported."""
        spec = Spec("", plan, KINDS["identity"], list(ports))
        spec.unsized = True
        spec.ends = True
        return self.names.add_stand_in(spec, scope)

    def _layer(
        self,
        plan: Plan,
        environment: Environment,
        scope: Scope,
        ports: list[Any],
        number: int | None,
        *,
        at_head: bool,
    ) -> list[Any]:
        if plan.is_from and not plan.is_broken:
            return [self.names.reference(plan.inputs[0], environment, scope)]
        kind = plan.kind
        if kind is None or plan.is_broken:
            if kind is not None:
                scope.number(kind.kind)
            return [self._broken(plan, scope, ports)]
        inputs = self._entering(plan, kind, environment, scope, ports, at_head=at_head)
        spec = Spec("", plan, kind, inputs)
        try:
            if plan.fixed is not None:
                spec.layer = plan.fixed
            else:
                self.maker.fill(spec, environment, inputs)
            if plan.frozen is not None:
                spec.frozen = not yes_or_no(plan.frozen, "trainable", environment)
            if plan.training_only is not None:
                spec.training_only = yes_or_no(plan.training_only, "training_only", environment)
        except DesignError as error:
            self.problems += error.every
            scope.number(kind.kind)
            return [self._broken(plan, scope, inputs)]
        frozen = spec.frozen or self.frozen > 0 or self._frozen_by_default(kind, plan, environment)
        spec.frozen = frozen and kind.learns  # a frozen call freezes what has parameters
        spec.training_only = spec.training_only or self.training_only > 0
        name = None
        if plan.name is not None:
            name = self.names.label(plan.name, environment, scope, number)
        place = self.names.add(spec, scope, name)
        if plan.share is not None:
            self.names.share(plan, plan.share, place, environment, scope)
        return [place]

    def _frozen_by_default(self, kind: type[Layer], plan: Plan, environment: Environment) -> bool:
        default = self.design.defaults.get(kind.kind, {}).get("trainable")
        return default is not None and plan.frozen is None and not yes_or_no(default.value, "trainable", environment)

    def _entering(
        self,
        plan: Plan,
        kind: type[Layer],
        environment: Environment,
        scope: Scope,
        ports: list[Any],
        *,
        at_head: bool,
    ) -> list[Any]:
        """The ports that enter a layer, by the rules of INPUT, merges and references."""
        syntax = plan.syntax
        named = [self.names.reference(label, environment, scope) for label in plan.inputs]
        if kind.kind == "input":
            if named or (ports and not at_head and not syntax.in_file):
                message = "INPUT begins the net or a branch; it takes no volume"
                raise DesignError([Problem("wrong-inputs", message, syntax.span)])
            return []
        if kind.is_merge:
            return self._merged(plan, named, ports)
        if len(named) > 1:
            message = f"{kind.kind.upper()} takes one volume, but {len(named)} are named"
            raise DesignError([Problem("wrong-inputs", message, plan.key_spans.get("inputs", syntax.span))])
        if not named and not ports:
            message = f"no volume enters {syntax.word}: a net begins with INPUT"
            hint = "begin with 'INPUT -> '" if not self.specs else None
            raise DesignError([Problem("no-input", message, syntax.span, hint)])
        return named or ports

    def _merged(self, plan: Plan, named: list[Any], ports: list[Any]) -> list[Any]:
        syntax = plan.syntax
        upper = syntax.word.upper()
        if len(ports) > 1:
            if named and "inputs" not in plan.key_spans:
                message = f"{upper} joins the branches of the fork before it, so it names no others"
                raise DesignError([Problem("wrong-inputs", message, named[0].span)])
            return named or ports
        if "inputs" in plan.key_spans:
            if len(named) < 2:
                message = f"{upper} joins two or more volumes, but inputs names {len(named)}"
                raise DesignError([Problem("wrong-inputs", message, plan.key_spans["inputs"])])
            return named
        if len(named) > 1:
            return named
        if any(isinstance(port, int) and self._is_stand_in(port) for port in ports):
            raise DesignError([])
        if not named or not ports:
            message = f"{upper} joins two or more volumes, but it follows no fork and names no other layer"
            hint = f"write {upper}(@name), or put a fork before it: [a | b] -> {upper}"
            raise DesignError([Problem("wrong-inputs", message, syntax.span, hint)])
        return [*ports, *named]

    def _is_stand_in(self, place: int) -> bool:
        spec = self.specs[place]
        return spec.unsized and spec.kind.kind == "identity"

    # nodes

    def _finish(self, ports: list[Any]) -> None:
        """Leads every input to its layer, and finds what nobody reads; ``ports`` are the end of the net."""
        if not self.names.resolve():
            self.is_torn = True
        read = set()
        for spec in self.specs:
            spec.inputs = [self.names.place_of(port) for port in spec.inputs]
            read.update(spec.inputs)
        for port in ports:
            end = self.names.place_of(port)
            if end is not None:
                self.specs[end].ends = True
        for place, spec in enumerate(self.specs):
            if place in read or spec.ends or spec.is_named or self.is_torn:
                continue
            message = f"nothing reads the volume of {spec.name}"
            hint: str | None = "name it (@name) if it is an output, or merge it"
            if spec.kind.kind == "input":
                hint = None
            elif spec.plan.syntax.in_file:
                hint = "give it a name if it is an output, or merge it"
            self.problems.append(Problem("unread-volume", message, spec.plan.syntax.span, hint))

    def _nodes(self) -> tuple[Node, ...] | None:
        """The specs as nodes in running order; None if their references could not be resolved."""
        if any(port is None for spec in self.specs for port in spec.inputs) or not self.specs:
            if not self.problems:
                self.problems.append(Problem("no-input", "the net has no layers", None))
            return None
        self.maker.decide_units()
        nodes = []
        for spec in self.specs:
            syntax = spec.plan.syntax
            layer: Layer | Draft
            if spec.layer is not None:
                layer = spec.layer
            else:
                made = self.maker.draft(spec)
                if made is None:
                    return None
                layer = made
            nodes.append(
                Node(
                    spec.name,
                    layer,
                    tuple(spec.inputs),
                    syntax.span,
                    spec.plan.key_spans,
                    spec.stated,
                    spec.stated_span,
                    spec.is_named,
                    not spec.frozen,
                    spec.training_only,
                    spec.share,
                    spec.ends,
                )
            )
        try:
            return in_running_order(nodes)
        except DesignError as error:
            self.problems += error.every
            return None


class LayerMaker:
    """Works out the keys of layers: as written, as stated, by the file, by the call, by assumption.

    ``assumed`` tells what neither the text nor the call has decided, ``notes`` what the call has replaced.
    """

    def __init__(
        self, design: Design, settings: Settings, variables: Variables, names: Names, problems: list[Problem]
    ) -> None:
        self.design = design
        self.settings = settings
        self.variables = variables
        self.names = names
        self.problems = problems
        self.assumed: dict[str, Any] = {}
        self.notes: list[Problem] = []

    def say_replaced(self, stated: Volume | None) -> None:
        """Notes that the input of the call replaces the stated one."""
        size = self.settings.input
        if size is not None and stated is not None and stated != size and not self.notes:
            message = f"the input {size} of the call replaces the stated input {stated}"
            self.notes.append(Problem("input-replaced", message, None, None, "note"))

    def fill(self, spec: Spec, environment: Environment, inputs: list[Any]) -> None:
        """Works out the keys of a layer: as written, as stated, by the file's defaults, by the call, by assumption."""
        kind, plan = spec.kind, spec.plan
        here = inputs[0] if inputs else None
        values: dict[str, Value] = {}
        constant = True
        for key, (operand, span) in plan.given.items():
            words = kind.keys[key].reader.words
            try:
                value = value_of(operand, environment, here, words)
            except ValueProblem as error:
                raise DesignError([Problem(error.code, f"{key}: {error.message}", span, error.hint)]) from None
            constant = constant and isinstance(operand, (Literal, Name)) and not isinstance(value, Deferred)
            if isinstance(operand, Name) and operand.text.lower() not in words:
                constant = False
            values[key] = value
        defaults = self.design.defaults.get(kind.kind, NO_VALUES)
        for key, default in defaults.items():
            if key not in values and key in kind.keys and not _overruled(kind.kind, key, spec, self.settings, values):
                values[key] = value_of(default.value, self.variables.outside, here, kind.keys[key].reader.words)
                plan.key_spans.setdefault(key, default.span)
                constant = constant and not isinstance(values[key], Deferred)
        self._size(spec, values)
        if kind.kind == "input":
            constant = False
        spec.values = values
        spec.layer = self._make(spec)
        if constant and not spec.unsized:
            plan.fixed = spec.layer

    def _size(self, spec: Spec, values: dict[str, Value]) -> None:
        """Sizes what is left open: by the stated volume, the call, or the defaults of the language."""
        kind, settings = spec.kind.kind, self.settings
        stated = spec.stated
        if kind == "input":
            written = Volume(*values["size"]) if _is_size(values.get("size")) else stated
            if self.names.inputs:
                values.setdefault("size", list(stated) if stated is not None else None)
                if values["size"] is None:
                    del values["size"]
                    self._assume("input", spec)
                return
            of_file = self.design.input
            if of_file is not None and written is not None and of_file != written and settings.input is None:
                message = f"the input is {of_file} by the key 'input', but {written} here"
                raise DesignError([Problem("volume-mismatch", message, spec.plan.syntax.span)])
            self.say_replaced(written or of_file)
            size = settings.input or written or of_file
            if settings.input is not None:
                spec.stated = None
            if size is not None:
                values["size"] = list(size)
            elif "size" not in values:
                self._assume("input", spec)
            return
        if kind == "conv":
            if "filters" not in values:
                if stated is not None:
                    values["filters"] = stated.depth
                elif settings.filters is not None:
                    values["filters"] = settings.filters
                else:
                    self._assume("filters", spec)
            if "kernel" not in values:
                self._assume("kernel", spec)
        elif kind == "fc" and "units" not in values:
            if stated is not None:
                values["units"] = stated.depth
            else:
                spec.unsized = True
        elif kind in ("pool", "avgpool", "lppool", "subsample") and not values.keys() & {"kernel", "output"}:
            self._assume("kernel", spec)

    def _assume(self, key: str, spec: Spec) -> None:
        value = spec.kind.keys["size" if key == "input" else key].default
        if key == "input":
            self.assumed["input"] = list(value)
        elif key == "kernel":
            self.assumed["kernel" if spec.kind.kind == "conv" else "pool_kernel"] = value[0]
        else:
            self.assumed[key] = value

    def _make(self, spec: Spec) -> Layer | None:
        """The layer of a spec, or None while its values wait for volumes or its size for the graph."""
        if spec.unsized or any(isinstance(value, Deferred) for value in spec.values.values()):
            return None
        return self._build(spec, spec.values)

    def _build(self, spec: Spec, values: Mapping[str, Value]) -> Layer:
        try:
            return spec.kind(**values)
        except ValueProblem as error:
            found = [error]
        for key, value in values.items():
            # each key by itself, so that all wrong ones are reported
            try:
                spec.kind.keys[key].reader(value)
            except ValueProblem as error:
                if found[0].key != key:
                    message = f"{key}: {error.message}"
                    found.append(ValueProblem(message, code=error.code, hint=error.hint, key=key))
        name = f"{spec.name}: " if spec.name else ""
        problems = []
        for wrong in found:
            span = spec.plan.key_spans.get(wrong.key or "", spec.plan.syntax.span)
            value = values.get(wrong.key or "")
            hint = wrong.hint or (yaml_guess(value) if isinstance(value, str) else None)
            problems.append(Problem(wrong.code, f"{name}{wrong.message}", span, hint))
        raise DesignError(problems)

    def draft(self, spec: Spec) -> Draft | None:
        """What waits for volumes; a broken layer waits for ever."""
        if spec.unsized:

            def never(*_: Volume) -> Layer:
                raise DesignError([])

            return Draft(spec.kind, (), never)
        entries = tuple(dict.fromkeys(entries_of(spec.values.values())))
        if any(entry is None for entry in entries):
            message = "no volume enters here, so it has no depth, height or width"
            self.problems.append(Problem("no-input", message, spec.plan.syntax.span))
            return None
        places = [self.names.place_of(entry) for entry in entries]
        if any(place is None for place in places):
            return None

        def settle(*volumes: Volume) -> Layer:
            known = dict(zip(entries, volumes, strict=True))
            try:
                values = {key: settled(value, known) for key, value in spec.values.items()}
            except ValueProblem as error:
                span = spec.plan.syntax.span
                raise DesignError([Problem(error.code, f"{spec.name}: {error.message}", span)]) from None
            return self._build(spec, values)

        return Draft(spec.kind, tuple(place for place in places if place is not None), settle)

    def decide_units(self) -> None:
        """Gives each FC without units its size: the last one of its branch the classes, those before it the hidden."""
        specs = self.names.specs
        open_fc = [place for place, spec in enumerate(specs) if spec.kind.kind == "fc" and spec.unsized]
        if not open_fc:
            return
        leads = [False] * len(specs)  # whether an FC lies behind it
        stack = [place for place, spec in enumerate(specs) if spec.kind.kind == "fc"]
        while stack:
            for source in specs[stack.pop()].inputs:
                if not leads[source]:
                    leads[source] = True
                    stack.append(source)
        for place in open_fc:
            spec = specs[place]
            decided = self.settings.hidden if leads[place] else self.settings.classes
            default = 4096 if leads[place] else 1000
            if decided is None:
                self.assumed["hidden" if leads[place] else "classes"] = default
            spec.values["units"] = default if decided is None else decided
            spec.unsized = False
            try:
                spec.layer = self._make(spec)
            except DesignError as error:
                self.problems += error.every


def _overruled(kind: str, key: str, spec: Spec, settings: Settings, values: Mapping[str, Value]) -> bool:
    """Whether the call or a stated volume decides a key before the file's defaults do."""
    if kind == "conv" and key == "filters":
        return spec.stated is not None or settings.filters is not None
    if kind == "fc" and key == "units":
        return spec.stated is not None
    if kind == "input" and key == "size":
        return spec.stated is not None
    return "output" in values and key in ("kernel", "stride", "pad", "round", "dilation")


def _is_within(span: Span, other: Span) -> bool:
    """Whether a stretch of text is a part of another one."""
    return span.source is other.source and other.start <= span.start and span.end <= other.end


def _is_size(value: Value) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(is_whole(part) and part > 0 for part in value)
