"""Expands a design into a graph: inserts the blocks, unrolls the repeats, names the layers, resolves the references.

Volumes are not known yet: a layer with a key that depends on a volume (``CONV1-{depth//2}``) becomes a draft.
"""

from __future__ import annotations

from cnncalc.errors import DesignError, Problem, Problems, in_text_order, no_effect
from cnncalc.graph import Draft, Graph, Node, topologically_sorted
from cnncalc.language.expansion_size import ExpansionCounter
from cnncalc.language.layer_maker import LayerMaker
from cnncalc.language.limits import EXPANSION_BESIDE_PROBLEMS, NESTING
from cnncalc.language.names import Names, Scope, Spec, check_length
from cnncalc.language.plan import Plan, Planner
from cnncalc.language.settings import DEFAULT_SETTINGS
from cnncalc.language.syntax import GroupSyntax, LayerSyntax
from cnncalc.language.validation import Validator, begins_with_input, is_merge, label_of, unmerged
from cnncalc.language.values import Environment, Variables, holds, iterations_of, yes_or_no
from cnncalc.layers import KINDS
from cnncalc.layers.base import Layer
from cnncalc.layers.input import Input
from cnncalc.records import NamedTuple
from cnncalc.units import plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cnncalc.language.settings import Settings
    from cnncalc.language.syntax import Block, Design, Item
    from cnncalc.layers.keys import Value
    from cnncalc.source import Span


def expand(
    design: Design, settings: Settings, earlier: Sequence[Problem] = (), planner: Planner | None = None
) -> Graph:
    """The graph of a design; raises DesignError with all problems, those found ``earlier`` included.

    ``planner``: the one that has planned layers of the design before; its problems are ``earlier``.
    """
    if earlier and not design.items:
        raise DesignError(earlier, _partial(design, ()))
    problems = earlier if isinstance(earlier, Problems) else Problems(earlier)
    return Expander(design, settings, problems, planner or Planner(design.blocks, problems)).graph()


def variables_of(design: Design, planner: Planner, settings: Settings = DEFAULT_SETTINGS) -> dict[str, Value | None]:
    """The variables that a design reads and their values (None: without a value), those of the file first."""
    from cnncalc.language.effects import all_read

    problems = Problems()
    variables = Variables(design, {**settings.variables, **settings.sizes}, problems)
    validator = Validator(design, planner, variables, problems)
    validator.check_names()
    read = all_read(design, validator.used, variables.given)
    names = dict.fromkeys([*design.variables, *variables.values, *validator.unset])
    return {name: variables.values.get(name) for name in names if name in read}


def _partial(design: Design, nodes: tuple[Node, ...]) -> Graph:
    """The graph of an invalid design with those of its nodes that are known."""
    return Graph(design.name, nodes, design.title, design.source, budget=design.budget, ignore=design.ignore)


class Context(NamedTuple):
    """Where an item is expanded: the values of names, the scope, the iteration of its repeat, if it begins a chain."""

    environment: Environment
    scope: Scope
    number: int | None = None
    at_head: bool = False


class Expander:
    """Expands one design: follows its chains and adds their layers to ``names``.

    Ports are those of :class:`cnncalc.language.names.Names`. Problems are added to ``problems``.
    """

    def __init__(self, design: Design, settings: Settings, problems: list[Problem], planner: Planner) -> None:
        self.design = design
        self.settings = settings
        self.problems = problems
        self.planner = planner
        self.variables = Variables(design, {**settings.variables, **settings.sizes}, problems)
        self.names = Names(problems)
        self.specs = self.names.specs
        self.maker = LayerMaker(design, settings, self.variables, self.names, problems)
        self.occurrences = 0
        """How many items with a bare '?' have been expanded."""
        self.depth = 0
        """How many groups and calls are around the item."""
        self.is_incomplete = False
        """Whether a layer could not be expanded; unread volumes are then not reported."""
        self.frozen = 0
        """How many of the calls around the item have ``trainable=no``."""
        self.training_only = 0
        """How many of the calls around the item have ``training_only=yes``."""

    # entry point

    def graph(self) -> Graph:
        """The graph; raises DesignError with all problems."""
        design = self.design
        validator = Validator(design, self.planner, self.variables, self.problems)
        validator.check_calls()
        if not validator.check_names():
            if self.settings.variables:
                from cnncalc.language.effects import unread_variables

                self.problems += unread_variables(design, self.settings, validator.used)
            raise self._failure(())
        if not any(problem.code == "recursive-block" for problem in self.problems):
            keeps = self.settings.optional is not False
            counter = ExpansionCounter(self.planner, self.variables, self.problems, keeps=keeps)
            if counter.count(design.items) > EXPANSION_BESIDE_PROBLEMS and (self.problems or counter.invalid):
                known = {(problem.message, problem.span) for problem in self.problems}
                self.problems += [problem for key, problem in counter.invalid.items() if key not in known]
                raise self._failure(())
            scope = Scope("", None)
            ports = self._begin(scope)
            try:
                ports = self.chain(design.items, self.variables.outside, scope, ports)
            except DesignError as error:
                self.problems += error.every
                self.is_incomplete = True
                ports = []
            self._finish(ports)
        if isinstance(self.settings.optional, tuple) and self.occurrences != len(self.settings.optional):
            given, actual = len(self.settings.optional), self.occurrences
            message = f"--optional decides {plural(given, 'optional item')}, but the net has {actual}"
            self.problems.append(Problem("optional", message, None))
        nodes = self._nodes()
        if self.problems:
            raise self._failure(nodes)
        graph = Graph(
            name=design.name,
            nodes=nodes,
            title=design.title,
            source=design.source,
            forms=design.forms,
            assumed=self.maker.assumed,
            warnings=(*self.maker.notes, *self._overruled(), *self._hidden_kinds()),
            budget=design.budget,
            ignore=design.ignore,
        )
        return graph if self.settings == DEFAULT_SETTINGS else self._with_effects(graph, validator.used)

    def _with_effects(self, graph: Graph, used: set[str]) -> Graph:
        """The graph with a name that shows what the options change, and a warning for each option without effect."""
        from cnncalc.language import effects

        design, settings = self.design, self.settings
        read = effects.all_read(design, used, self.variables.given)
        problems = effects.unread_variables(design, settings, read)
        problems += effects.unread_sizes(settings, read, self.maker.taken, self.occurrences)
        problems += effects.unread_inputs(
            settings, [graph.nodes[place].name for place in self.names.inputs], self.maker.taken
        )
        problems += effects.unread_by_designs(settings)
        changed = effects.changes(
            design,
            settings,
            self.variables.values,
            read,
            new_input=settings.input if self.maker.notes else None,
            dropped=bool(self.occurrences) and settings.optional not in (None, True) and not _all_kept(settings),
        )
        graph = graph._replace(warnings=(*graph.warnings, *problems))
        if not changed:
            return graph
        graph = graph._replace(title=None, source=None, forms={}, changed=changed)
        return graph._replace(name=graph.name + graph.changes)

    def _hidden_kinds(self) -> list[Problem]:
        """A warning for each block that has the name of a layer kind; it may be older than that kind."""
        blocks = [block for name, block in self.design.blocks.items() if name.lower() in KINDS]
        return [
            Problem(
                "block-hides-kind",
                f"the block '{block.name}' is used, not the layer kind of that name",
                block.span,
                f"rename the block if {block.name.upper()} is meant",
                "warning",
            )
            for block in blocks
        ]

    def _overruled(self) -> list[Problem]:
        """A warning for each ``trainable`` of a layer that uses the parameters of another one, which decides."""
        problems: dict[Any, Problem] = {}
        for spec in self.specs:
            owner = spec
            while owner.share is not None:
                owner = self.specs[owner.share]
            written = spec.plan.frozen is not None
            if owner is spec or spec.frozen == owner.frozen or not (written or spec.called_frozen):
                continue
            span = spec.plan.key_spans["trainable"] if written else spec.plan.syntax.span
            what = f"{spec.name}: trainable={'no' if spec.frozen else 'yes'}"
            why = f"it uses the parameters of {owner.name}, which are {'frozen' if owner.frozen else 'trainable'}"
            hint = f"write trainable={'no' if spec.frozen else 'yes'} at {owner.name}"
            problems.setdefault(span, no_effect(what, why, span, hint))
        return list(problems.values())

    def _failure(self, nodes: tuple[Node, ...]) -> DesignError:
        """The error with all problems in the order of the text, and the graph of the nodes that are known."""
        reported: list[Span] = []
        for problem in list(self.problems):
            # the name that depends on a volume is reported first; the expression around it would repeat that
            if problem.code == "graph-needs-volume" and problem.span is not None:
                if any(_is_within(span, problem.span) for span in reported):
                    self.problems.remove(problem)
                reported.append(problem.span)
        known = nodes if len(nodes) <= EXPANSION_BESIDE_PROBLEMS else ()
        return DesignError(in_text_order(self.problems), _partial(self.design, known))

    def _begin(self, scope: Scope) -> list[Any]:
        """The port of the input that the option or the key ``input`` gives, where the pattern begins without INPUT."""
        if begins_with_input(self.design.items, self.planner):
            return []
        size = self.settings.input or self.design.input
        syntax = LayerSyntax("INPUT", self._input_span())
        if size is None:
            # the key 'input' could not be read; the layers are checked nevertheless
            return [] if self.design.input_span is None else [self._broken(Plan(syntax), scope, [])]
        spec = Spec("input", self.planner.plan(syntax), Input, [])
        spec.layer = Input(size=list(size))
        self.maker.note_replaced_input(self.design.input)
        return [self.names.add(spec, scope, None)]

    def _input_span(self) -> Span:
        if self.design.input_span is not None:
            return self.design.input_span
        unit = self.design.items[0].unit if self.design.items else None
        assert unit is not None
        return unit.span

    def _is_kept(self, item: Item, environment: Environment) -> bool:
        """Whether an item with '?' is kept: by its condition, else by the option ``optional``."""
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
        """The output ports of a chain with input ports ``ports``; several are those of a fork whose merge follows."""
        head, rest = Context(environment, scope, at_head=True), Context(environment, scope)
        for place, item in enumerate(items):
            try:
                ports = self._item(item, rest if place else head, ports)
            except DesignError as error:
                self.problems += error.every
                if error.problems and error.problems[0].code == "limit":
                    raise DesignError([]) from None
                self.is_incomplete = True
                ports = [self._placeholder(item, scope, ports)]
        return ports

    def _item(self, item: Item, context: Context, ports: list[Any]) -> list[Any]:
        if len(ports) > 1 and not is_merge(item, self.planner):
            raise DesignError([unmerged(item, self.planner)])
        if (item.optional or item.times is not None) and is_merge(item, self.planner):
            raise DesignError([])  # the Validator has reported it
        if item.optional:
            if not self._is_kept(item, context.environment):
                return ports
            return self._single(self._unit(item.unit, context, ports), item)
        return self._unit(item.unit, context, ports) if item.times is None else self._repeat(item, context, ports)

    def _repeat(self, item: Item, context: Context, ports: list[Any]) -> list[Any]:
        label = label_of(item.unit, self.planner)
        last = None
        for number, values in enumerate(iterations_of(item, context.environment)):
            environment = context.environment.bound(**values) if values else context.environment
            last = Context(environment, context.scope, number, context.at_head and number == 0)
            ports = self._single(self._unit(item.unit, last, ports), item)
        if label is not None and last is not None and last.number is not None and ports:
            name = self.names.label(label, last.environment, context.scope, None)
            self.names.name_repeat(name, last.number, ports[0], label.span)
        return ports

    def _single(self, ports: list[Any], item: Item) -> list[Any]:
        if len(ports) > 1:
            if isinstance(item.unit, GroupSyntax) and len(item.unit.branches) > 1:
                raise DesignError([])  # the Validator has reported it
            suffix = "'?'" if item.optional else "'*'"
            message = f"{suffix} is not allowed after an item that ends in a fork"
            raise DesignError([Problem("fork-suffix", message, item.suffix_span, "put the merge inside")])
        return ports

    def _unit(self, unit: LayerSyntax | GroupSyntax, context: Context, ports: list[Any]) -> list[Any]:
        self.depth += 1
        if self.depth > NESTING + 1:
            raise DesignError([Problem("limit", f"groups and calls nest at most {NESTING} deep", unit.span)])
        try:
            if isinstance(unit, GroupSyntax):
                return self._group(unit, context, ports)
            plan = self.planner.plan(unit)
            if plan.block is not None:
                return self._call(plan, plan.block, context, ports)
            return self._layer(plan, context, ports)
        finally:
            self.depth -= 1

    def _group(self, group: GroupSyntax, context: Context, ports: list[Any]) -> list[Any]:
        environment, scope, number, _ = context
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
                    message = "this branch has no input: begin it with INPUT"
                    raise DesignError([Problem("no-input", message, group.span)])
                result += ends
        if name is not None and group.label is not None:
            self.names.name_range(name, start, result, group.label.span, is_output=True)
        return result

    def _call(self, plan: Plan, block: Block, context: Context, ports: list[Any]) -> list[Any]:
        environment, scope, number, _ = context
        counted = scope.number(block.name)
        if plan.is_broken:
            return [self._broken(plan, scope, ports)]
        if plan.inputs:
            ports = [self.names.reference(label, environment, scope) for label in plan.inputs]
            if len(ports) > 1:
                message = f"a block takes one input, but {len(ports)} are given"
                raise DesignError([Problem("wrong-inputs", message, plan.key_spans.get("inputs", plan.syntax.span))])
        entry = ports[0] if ports else None
        values = self.variables.bind(plan, block, environment, entry)
        if plan.name is not None:
            name = self.names.label(plan.name, environment, scope, number)
        else:
            name = check_length(f"{scope.prefix}{block.name}{counted}", plan.syntax.span)
        inside = self.variables.inside(values, entry)
        frozen, extra = _flags(plan, environment)
        self.frozen += frozen
        self.training_only += extra
        start = len(self.specs)
        try:
            result = self.chain(block.body, inside, Scope(name + ".", scope), ports)
        finally:
            self.frozen -= frozen
            self.training_only -= extra
        span = plan.name.span if plan.name is not None else plan.syntax.span
        self.names.name_range(name, start, result, span, is_output=plan.name is not None)
        if plan.syntax.stated is not None:
            self._state(plan, result, start)
        if plan.share is not None:
            self.names.share(plan, plan.share, start, environment, scope)
        return result

    def _state(self, plan: Plan, result: list[Any], start: int) -> None:
        """Makes the volume that is stated after a call the stated volume of its last layer; raises DesignError."""
        last = self.specs[result[0]] if len(result) == 1 and isinstance(result[0], int) else None
        if last is None or result[0] < start or (last.stated is not None and last.stated != plan.syntax.stated):
            message = f"the call of {plan.syntax.word} has no single output of its own, so "
            message += f"{plan.syntax.stated} cannot be stated for it"
            raise DesignError([Problem("volume-mismatch", message, plan.syntax.stated_span)])
        last.stated, last.stated_span = plan.syntax.stated, plan.syntax.stated_span

    # layers

    def _placeholder(self, item: Item, scope: Scope, ports: list[Any]) -> int:
        """The port of a placeholder for an invalid item, so that what reads it is expanded without further problems."""
        unit = item.unit
        word = unit.word if isinstance(unit, LayerSyntax) else "[ ]"
        return self._broken(Plan(LayerSyntax(word, unit.span)), scope, ports)

    def _broken(self, plan: Plan, scope: Scope, ports: list[Any]) -> int:
        """The port of a placeholder for an invalid layer; problems that follow from it are not reported."""
        spec = Spec("", plan, Layer, list(ports))
        spec.is_broken = True
        spec.is_output = True
        return self.names.add_placeholder(spec, scope)

    def _layer(self, plan: Plan, context: Context, ports: list[Any]) -> list[Any]:
        environment, scope, number, _ = context
        if plan.is_from and not plan.is_broken:
            return [self.names.reference(plan.inputs[0], environment, scope)]
        kind = plan.kind
        if kind is None or plan.is_broken:
            if kind is not None:
                scope.number(kind.kind)
            return [self._broken(plan, scope, ports)]
        inputs = self._entering(plan, kind, context, ports)
        spec = Spec("", plan, kind, inputs)
        name = None if plan.name is None else self.names.label(plan.name, environment, scope, number)
        try:
            if kind.is_input and name is not None:
                spec.name = name  # the option 'inputs' may give its size by this name
            self._fill(spec, environment)
        except DesignError as error:
            self.problems += error.every
            scope.number(kind.kind)
            return [self._broken(plan, scope, inputs)]
        place = self.names.add(spec, scope, name)
        transposed = plan.transposed is not None and yes_or_no(plan.transposed, "transposed", environment)
        if plan.share is not None:
            self.names.share(plan, plan.share, place, environment, scope, transposed=transposed)
        elif transposed:
            message = f"{plan.syntax.word}: transposed says how the weights of another layer are used"
            hint = f"write share: NAME with it, the name of a {kind.tied_to}" if plan.syntax.in_file else None
            hint = hint or f"write share=NAME with it, the name of a {kind.tied_to}"
            self.problems.append(Problem("missing-key", message, plan.key_spans["transposed"], hint))
        return [place]

    def _fill(self, spec: Spec, environment: Environment) -> None:
        """Sets the layer of a spec, and what ``trainable`` and ``training_only`` make of it."""
        plan, kind = spec.plan, spec.kind
        if plan.fixed is not None:
            spec.layer = plan.fixed
        else:
            self.maker.fill(spec, environment, spec.inputs)
        frozen, extra = _flags(plan, environment)
        if self.design.defaults:
            frozen = self._frozen_by_default(kind, plan, environment) or frozen
        # in a frozen call only layers with parameters are frozen
        spec.frozen = (frozen or self.frozen > 0) and kind.learns
        spec.called_frozen = self.frozen > 0
        spec.training_only = extra or self.training_only > 0

    def _frozen_by_default(self, kind: type[Layer], plan: Plan, environment: Environment) -> bool:
        default = self.design.defaults.get(kind.kind, {}).get("trainable")
        if default is None or plan.frozen is not None:
            return False
        plan.key_spans.setdefault("trainable", default.span)
        return not yes_or_no(default.value, "trainable", environment)

    def _entering(self, plan: Plan, kind: type[Layer], context: Context, ports: list[Any]) -> list[Any]:
        """The input ports of a layer; raises DesignError for inputs that its kind cannot take."""
        syntax = plan.syntax
        named = [
            reference
            for label in plan.inputs
            for reference in self.names.references(label, context.environment, context.scope)
        ]
        if kind.is_input:
            if named or (ports and not context.at_head and not syntax.in_file):
                message = "INPUT begins the net or a branch; it takes no input"
                place = "as a branch of a fork, or in brackets after a layer with a name"
                hint = None if named else f"write it {place}: CONV3-4@a -> [INPUT 8x8x3]"
                raise DesignError([Problem("wrong-inputs", message, syntax.span, hint)])
            return []
        if kind.is_merge:
            return self._merged(plan, named, ports)
        if kind.second_input is not None:
            return self._with_second(plan, kind, named, ports)
        if len(named) > 1:
            message = f"{kind.kind.upper()} takes one input, but {len(named)} are named"
            raise DesignError([Problem("wrong-inputs", message, plan.key_spans.get("inputs", syntax.span))])
        if not named and not ports:
            message = f"{syntax.word} has no input: a net begins with INPUT"
            hint = "begin with 'INPUT -> '" if not self.specs else None
            raise DesignError([Problem("no-input", message, syntax.span, hint)])
        return named or ports

    def _with_second(self, plan: Plan, kind: type[Layer], named: list[Any], ports: list[Any]) -> list[Any]:
        """The input ports of a layer that reads a second volume: the one before it and the named one, or the named."""
        upper, syntax = kind.kind.upper(), plan.syntax
        span = plan.key_spans.get("inputs", syntax.span)
        inputs = [*ports, *named] if len(named) == 1 and "inputs" not in plan.key_spans else named or ports
        if any(isinstance(port, int) and self.specs[port].is_broken for port in ports):
            raise DesignError([])
        if len(inputs) > 2:
            message = f"{upper} takes two inputs at most: a volume and {kind.second_input}, but {len(inputs)} are named"
            raise DesignError([Problem("wrong-inputs", message, span)])
        if not ports and len(inputs) == len(named) < (2 if "inputs" not in plan.key_spans else 1):
            message = f"{syntax.word} has no input: a net begins with INPUT"
            raise DesignError([Problem("no-input", message, syntax.span)])
        if len(inputs) == 1 and kind.needs_second_input:
            message = f"{upper} takes a volume and {kind.second_input}, but only one volume is given"
            from cnncalc.language.foreign import second_input_hint

            hint = second_input_hint(kind, in_file=syntax.in_file)
            raise DesignError([Problem("wrong-inputs", message, span, hint)])
        return inputs

    def _merged(self, plan: Plan, named: list[Any], ports: list[Any]) -> list[Any]:
        """The input ports of a merge: those of the fork before it, the one before it and the named, or the named."""
        syntax = plan.syntax
        upper = syntax.word.upper()
        if len(ports) > 1:
            if named and "inputs" not in plan.key_spans:
                message = f"{upper} joins the branches of the fork before it, so it takes no other inputs"
                raise DesignError([Problem("wrong-inputs", message, named[0].span)])
            return named or ports
        if "inputs" in plan.key_spans:
            if not named:
                message = f"{upper} joins volumes, but inputs names none"
                raise DesignError([Problem("wrong-inputs", message, plan.key_spans["inputs"])])
            return named
        if len(named) > 1:
            return named
        if any(isinstance(port, int) and self.specs[port].is_broken for port in ports):
            raise DesignError([])
        if not named or not ports:
            message = f"{upper} joins several volumes, but it follows no fork and names no other layer"
            hint = f"write {upper}(@name), or put a fork before it: [a | b] -> {upper}"
            if syntax.in_file:
                hint = f"write {syntax.word.lower()}: {{inputs: [a, b]}}, with the names of layers"
            raise DesignError([Problem("wrong-inputs", message, syntax.span, hint)])
        return [*ports, *named]

    # nodes

    def _finish(self, ports: list[Any]) -> None:
        """Resolves all references and reports volumes that nothing reads; ``ports`` are at the end of the net."""
        if not self.names.resolve():
            self.is_incomplete = True
        read = set()
        for spec in self.specs:
            spec.inputs = [self.names.place_of(port) for port in spec.inputs]
            read.update(spec.inputs)
        for port in ports:
            end = self.names.place_of(port)
            if end is not None:
                self.specs[end].is_output = True
        for place, spec in enumerate(self.specs):
            if place in read or spec.is_output or spec.is_named or self.is_incomplete:
                continue
            message = f"the output of {spec.name} is not used"
            hint: str | None = "name it (@name) if it is an output, or merge it"
            after = self.specs[place + 1] if place + 1 < len(self.specs) else None
            if after is not None and after.kind.is_merge and len(after.plan.inputs) > 1:
                word = after.plan.syntax.word.upper()
                hint = f"{word} with two or more names joins these alone; name this layer and write {word}(@name, ..)"
            elif spec.kind.is_input:
                hint = None
            elif spec.plan.syntax.in_file:
                hint = "give it a name if it is an output, or merge it"
            self.problems.append(Problem("unread-volume", message, spec.plan.syntax.span, hint))

    def _nodes(self) -> tuple[Node, ...]:
        """The nodes in topological order; none, after reporting the problem, for an unknown reference or a cycle."""
        if any(port is None for spec in self.specs for port in spec.inputs) or not self.specs:
            if not self.problems:
                self.problems.append(Problem("no-input", "the net has no layers", None))
            return ()
        self.maker.size_by_place()
        nodes = []
        for spec in self.specs:
            syntax = spec.plan.syntax
            layer: Layer | Draft
            if spec.layer is not None:
                layer = spec.layer
            else:
                made = self.maker.draft(spec)
                if made is None:
                    return ()
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
                    spec.transposed,
                )
            )
        try:
            return topologically_sorted(nodes)
        except DesignError as error:
            self.problems += error.every
            return ()


def _flags(plan: Plan, environment: Environment) -> tuple[bool, bool]:
    """Whether a layer or call has ``trainable=no``, and whether it has ``training_only=yes``."""
    frozen = plan.frozen is not None and not yes_or_no(plan.frozen, "trainable", environment)
    return frozen, plan.training_only is not None and yes_or_no(plan.training_only, "training_only", environment)


def _all_kept(settings: Settings) -> bool:
    """Whether the option ``optional`` lists a decision for each item, and keeps all of them."""
    return isinstance(settings.optional, tuple) and all(settings.optional)


def _is_within(span: Span, other: Span) -> bool:
    """Whether a span lies within another one of the same text."""
    return other.start <= span.start and span.end <= other.end
