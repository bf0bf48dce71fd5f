"""From a design to a graph: blocks called, repeats unrolled, names given, references resolved.

Volumes are not known here; what depends on them (``CONV1-{depth//2}``) stays a draft that later settles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc.errors import MOST_PROBLEMS, DesignError, Problem, ValueProblem, did_you_mean, in_text_order
from cnncalc.frontend.expression import (
    VOLUME_NAMES,
    Code,
    Deferred,
    DeferredCode,
    DeferredList,
    DeferredPart,
    condition,
    entries_of,
    evaluate,
    settled,
)
from cnncalc.frontend.guesses import yaml_guess
from cnncalc.frontend.limits import EXPANSION, NAME_CHARACTERS, NESTING
from cnncalc.frontend.plan import KEY_WORDS, Plan, Planner
from cnncalc.frontend.syntax import GroupSyntax, Item, Label, LayerSyntax, Literal, Name, Operand, References, Several
from cnncalc.graph import Draft, Graph, Node, in_running_order
from cnncalc.layers import KINDS
from cnncalc.layers.keys import Boolean, is_whole, shown
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cnncalc.frontend.syntax import Block, Design
    from cnncalc.layers.base import Layer
    from cnncalc.layers.keys import Value
    from cnncalc.source import Span

NO_VALUES: Mapping[str, Any] = {}


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


class Environment(NamedTuple):
    """The values of names at a place: lexical, one for each block call and each iteration.

    ``entry`` is the port whose volume ``depth``, ``height`` and ``width`` mean, or None outside of blocks, where it is
    the volume that enters the layer.
    """

    values: dict[str, Value]
    entry: Any = None
    in_block: bool = False

    def bound(self, **more: Value) -> Environment:
        """The same with more names."""
        return Environment({**self.values, **more}, self.entry, self.in_block)


class Scope:
    """A stretch of the net whose layers share a prefix and are numbered anew."""

    __slots__ = ("counters", "outer", "prefix")

    def __init__(self, prefix: str, outer: Scope | None) -> None:
        self.prefix = prefix
        self.outer = outer
        self.counters: dict[str, int] = {}

    def number(self, kind: str) -> int:
        """The running number of one more layer or call of a kind."""
        count = self.counters.get(kind, 0) + 1
        self.counters[kind] = count
        return count


class Reference:
    """``@name`` at a place, to be resolved once all names are known."""

    __slots__ = ("name", "port", "scope", "span")

    def __init__(self, name: str, scope: Scope, span: Span) -> None:
        self.name = name
        self.scope = scope
        self.span = span
        self.port: int | None = None


class Spec:
    """A layer of the expanded net before names are resolved."""

    __slots__ = (
        "ends", "frozen", "inputs", "is_named", "kind", "layer", "name", "plan", "share", "stated", "stated_span",
        "training_only", "unsized", "values",
    )  # fmt: skip

    def __init__(self, name: str, plan: Plan, kind: type[Layer], inputs: list[Any]) -> None:
        self.name = name
        self.plan = plan
        self.kind = kind
        self.inputs = inputs
        self.layer: Layer | None = None
        self.values: dict[str, Value] = {}
        self.stated: Volume | None = plan.syntax.stated
        self.stated_span: Span | None = plan.syntax.stated_span
        self.is_named = False
        self.frozen = False
        self.training_only = False
        self.unsized = False
        self.ends = False
        self.share: int | None = None


class _Shared(NamedTuple):
    start: int
    end: int
    owner: Reference
    span: Span


def expand(design: Design, settings: Settings, earlier: Sequence[Problem] = ()) -> Graph:
    """The graph of a design; raises DesignError with all problems found, ``earlier`` ones included."""
    return Expander(design, settings, list(earlier)).graph()


class Expander:
    """Unrolls one design."""

    def __init__(self, design: Design, settings: Settings, problems: list[Problem]) -> None:
        self.design = design
        self.settings = settings
        self.problems = problems
        self.planner = Planner(design.blocks)
        self.notes: list[Problem] = []
        self.assumed: dict[str, Any] = {}
        self.specs: list[Spec] = []
        self.names: dict[str, int | Reference] = {}
        self.written_at: dict[str, Span] = {}
        self.ranges: dict[str, tuple[int, int]] = {}
        self.references: list[Reference] = []
        self.shared: list[_Shared] = []
        self.occurrences = 0
        self.depth = 0
        self.is_torn = False
        self.frozen = 0
        self.training_only = 0
        self.inputs: list[int] = []
        self.nameless_inputs: list[tuple[int, Scope]] = []
        self.globals: dict[str, Value] = {}
        self.weighed: dict[tuple[str, str], int] = {}
        self.used_names: dict[int, frozenset[str]] = {}
        self.yes_or_no: set[str] = set()
        self.unread: set[str] = set()

    def problem(self, code: str, message: str, span: Span | None, hint: str | None = None) -> None:
        """Notes a problem."""
        self.problems.append(Problem(code, message, span, hint))

    # the whole

    def graph(self) -> Graph:
        """The graph, or DesignError with every problem found."""
        design = self.design
        self.globals = self._variables()
        self._check_calls()
        if not self._check_names():
            self.problems += self.planner.problems
            raise self._failure()
        environment = Environment(self.globals)
        if not any(problem.code == "recursive-block" for problem in self.problems):
            self._weigh(design.items, environment)
            scope = Scope("", None)
            ports = self._begin(scope)
            try:
                ports = self.chain(design.items, environment, scope, ports)
            except DesignError as error:
                self.problems += error.every
                self.is_torn = True
                ports = []
            self._finish(ports)
        self.problems += self.planner.problems
        if isinstance(self.settings.optional, tuple) and self.occurrences != len(self.settings.optional):
            given, there = len(self.settings.optional), self.occurrences
            message = f"--optional decides {given} optional item{'s' if given != 1 else ''}, but the net has {there}"
            self.problem("optional", message, None)
        nodes = self._nodes()
        if self.problems:
            raise self._failure(nodes)
        assert nodes is not None
        notes = tuple(self.notes)
        return Graph(
            design.name, nodes, design.title, design.source, self.assumed, notes, design.budget, design.ignore
        )

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
        if _begins_with_input(self.design.items, self.planner):
            return []
        size = self.settings.input or self.design.input
        syntax = LayerSyntax("INPUT", None, None, None, (), (), None, None, None, self._input_span())
        if size is None:
            # where the key 'input' could not be read, the layers are still looked over
            return [] if self.design.input_span is None else self._broken(Plan(syntax), scope, [])
        layer = KINDS["input"](size=list(size))
        spec = Spec("input", self.planner.plan(syntax), KINDS["input"], [])
        spec.layer = layer
        self._say_replaced(self.design.input)
        return [self._add(spec, scope, None)]

    def _input_span(self) -> Span:
        if self.design.input_span is not None:
            return self.design.input_span
        unit = self.design.items[0].unit if self.design.items else None
        assert unit is not None
        return unit.span

    def _say_replaced(self, stated: Volume | None) -> None:
        size = self.settings.input
        if size is not None and stated is not None and stated != size and not self.notes:
            message = f"the input {size} of the call replaces the stated input {stated}"
            self.notes.append(Problem("input-replaced", message, None, None, "note"))

    # variables and names

    def _variables(self) -> dict[str, Value]:
        """The values of the file's variables and of the call's; a variable may use those before it."""
        values: dict[str, Value] = dict(self.settings.variables)
        sizes = {name: getattr(self.settings, name) for name in ("classes", "filters", "hidden")}
        values |= {name: size for name, size in sizes.items() if size is not None}
        for name, default in self.design.variables.items():
            if default is None or name in values:
                continue
            later = [used for used in _names_of(default.value) if used not in values and used in self.design.variables]
            if later:
                message = f"{name}: a variable uses those before it, but '{min(later)}' has no value yet"
                self.problem("unset-variable", message, default.span)
                self.unread.add(name)
                continue
            try:
                found = self._operand(default.value, Environment(values), None, ())
            except ValueProblem as error:
                self.problem(error.code, f"{name}: {error.message}", default.span, error.hint)
                self.unread.add(name)
                continue
            except DesignError as error:
                self.problems += error.every
                self.unread.add(name)
                continue
            wrong = _no_value(found)
            if wrong is not None:
                message = f"{name}: a variable holds numbers, sizes, lists of them or a key word, found {shown(wrong)}"
                self.problem("wrong-type", message, default.span, yaml_guess(wrong))
                self.unread.add(name)
                continue
            values[name] = found
        return values

    def _check_calls(self) -> None:
        """Refuses blocks that call themselves; the circle is shown."""
        calls = {name: list(dict.fromkeys(self._called(block.body))) for name, block in self.design.blocks.items()}
        state: dict[str, int] = {}
        for start in calls:
            path: list[tuple[str, int]] = [(start, 0)] if start not in state else []
            while path:
                name, place = path.pop()
                state[name] = 1
                if place == len(calls[name]):
                    state[name] = 2
                    continue
                path.append((name, place + 1))
                called = calls[name][place]
                if state.get(called) == 1:
                    names = [step for step, _ in path]
                    circle = " -> ".join([*names[names.index(called) :], called])
                    message = f"blocks call blocks, never themselves: {circle}"
                    self.problem("recursive-block", message, self.design.blocks[called].span)
                    return
                if called not in state:
                    path.append((called, 0))

    def _called(self, items: Iterable[Item]) -> Iterable[str]:
        for unit in _units(items):
            if isinstance(unit, LayerSyntax):
                plan = self.planner.plan(unit)
                if plan.block is not None:
                    yield plan.block.name

    def _check_names(self) -> bool:
        """Refuses names without a value (all of them at once) and variables of the call that nobody uses.

        Gives whether every name has a value, so that the net can be expanded.
        """
        unset: dict[str, Span] = {}
        used: set[str] = set()
        known = set(self.globals) | self.unread
        self._walk(self.design.items, known, unset, used)
        for block in self.design.blocks.values():
            inside = known | {parameter.name for parameter in block.parameters}
            for parameter in block.parameters:
                if parameter.default is not None:
                    self._note_names(parameter.default, inside, unset, used, KEY_WORDS)
            self._walk(block.body, inside, unset, used)
        for default in self.design.variables.values():
            if default is not None:
                self._note_names(default.value, known, unset, used, KEY_WORDS)
        for defaults in self.design.defaults.values():
            for default in defaults.values():
                self._note_names(default.value, known, unset, used, KEY_WORDS)
        declared = set(self.design.variables)
        for name in self.settings.variables:
            if name not in used and name not in declared:
                there = sorted((used | declared) - set(VOLUME_NAMES))
                near = did_you_mean(name, there)
                listed = f" (it has {', '.join(there[:12])})" if there else ", and has none at all"
                self.problem("unknown-variable", f"the design has no variable '{name}'{near}{listed}", None)
        if unset:
            names = list(unset)
            first = unset[names[0]]
            near = did_you_mean(names[0], (*known, *KEY_WORDS)) if len(names) == 1 else ""
            what = "variable without a value" if len(names) == 1 else "variables without a value"
            hint = (
                None
                if near
                else "give each a value: "
                + " ".join(f"--set {name}={'yes' if name in self.yes_or_no else 2}" for name in names[:8])
            )
            self.problem("unset-variable", f"{what}: {', '.join(names)}{near}", first, hint)
        return not unset and not self.unread

    def _note_names(
        self,
        operand: Operand,
        known: Iterable[str],
        unset: dict[str, Span],
        used: set[str],
        words: Iterable[str],
        *,
        volumes: bool = True,
    ) -> None:
        """Sorts the names that a value uses into known and unset ones."""
        if isinstance(operand, Several):
            for part in operand.items:
                self._note_names(part, known, unset, used, words, volumes=volumes)
            return
        if isinstance(operand, Name):
            names: Mapping[str, Span] = {operand.text: operand.span} if operand.text.lower() not in words else {}
        elif isinstance(operand, Code):
            names = operand.names
        else:
            return
        for name, span in names.items():
            used.add(name)
            if name in known or name.lower() in KEY_WORDS:
                continue
            if name in VOLUME_NAMES:
                if not volumes:
                    message = f"'{name}' stands in sizes and arguments only: the graph does not depend on volumes"
                    self.problem("graph-needs-volume", message, span)
                continue
            unset.setdefault(name, span)
            if isinstance(operand, Name) and words == Boolean.words:
                self.yes_or_no.add(name)

    def _walk(self, items: Iterable[Item], known: set[str], unset: dict[str, Span], used: set[str]) -> None:
        """Notes the names of a chain, in the order of the text; forks and merges are held against the rules as well."""
        items = tuple(items)
        for place, item in enumerate(items):
            inside = known | set(item.names)
            self._check_fork(item, items[place + 1] if place + 1 < len(items) else None)
            unit = item.unit
            if isinstance(unit, GroupSyntax):
                for branch in unit.branches:
                    self._walk(branch, inside, unset, used)
            else:
                self._walk_layer(unit, inside, unset, used)
            label = unit.label if isinstance(unit, GroupSyntax) else self.planner.plan(unit).name
            for part in label.parts if label is not None else ():
                if isinstance(part, Code):
                    self._note_names(part, inside, unset, used, (), volumes=False)
            if item.times is not None:
                self._note_names(item.times, known, unset, used, (), volumes=False)
            if item.condition is not None:
                self._note_names(item.condition, known, unset, used, Boolean.words, volumes=False)

    def _walk_layer(self, unit: LayerSyntax, known: set[str], unset: dict[str, Span], used: set[str]) -> None:
        plan = self.planner.plan(unit)
        for key, given in plan.given.items():
            words: Iterable[str] = KEY_WORDS
            if plan.kind is not None:
                words = plan.kind.keys[key].reader.words
            self._note_names(given.value, known, unset, used, words)
        for operand in (plan.frozen, plan.training_only):
            if operand is not None:
                self._note_names(operand, known, unset, used, Boolean.words)
        labels = (*plan.inputs, *((plan.share,) if plan.share is not None else ()))
        for label in labels:
            for part in label.parts:
                if isinstance(part, Code):
                    self._note_names(part, known, unset, used, (), volumes=False)

    def _check_fork(self, item: Item, following: Item | None) -> None:
        """``[A | B]*2``, ``[A | B]?`` and a merge with ``?`` or ``*`` are refused; a fork needs its merge."""
        unit = item.unit
        suffix = "'?'" if item.optional else "'*'" if item.times is not None else None
        if isinstance(unit, GroupSyntax) and len(unit.branches) > 1:
            if suffix:
                hint = "put the merge inside: [ [a | b] -> ADD ]*2" if suffix == "'*'" else None
                hint = hint or "put the merge inside: [ [a | b] -> ADD ]?"
                self.problem("fork-suffix", f"a fork takes no {suffix}", item.suffix_span, hint)
            elif following is not None and not self._merges(following):
                at = following.unit.span
                message = "a fork must be followed by CONCAT, ADD or MUL, which joins its branches"
                self.problem("fork-without-merge", message, at)
        elif suffix and isinstance(unit, LayerSyntax) and self.planner.plan(unit).is_merge:
            hint = f"put fork and merge into '[ ]' and the {suffix} behind it"
            self.problem("fork-suffix", f"a merge takes no {suffix}", item.suffix_span, hint)

    def _merges(self, item: Item) -> bool:
        return isinstance(item.unit, LayerSyntax) and self.planner.plan(item.unit).is_merge

    # the size of the expansion, before anything is expanded

    def _weigh(self, items: Iterable[Item], environment: Environment) -> None:
        """Refuses a net that would expand beyond the limit."""
        self._weight(items, environment, 0)

    def _too_large(self, weight: int, span: Span | None) -> DesignError:
        count = f"{weight:,}" if weight < 10**30 else f"a number of {len(str(weight))} digits"
        message = f"a net expands to at most {EXPANSION:,} layers, calls and iterations, but this gives {count}"
        return DesignError([*self.problems, *self.planner.problems, Problem("limit", message, span)])

    def _weight(self, items: Iterable[Item], environment: Environment, depth: int) -> int:
        total = 0
        for item in items:
            total += self._item_weight(item, environment, depth)
            if total > EXPANSION:
                raise self._too_large(total, item.unit.span)
        return total

    def _item_weight(self, item: Item, environment: Environment, depth: int) -> int:
        span = item.suffix_span or item.unit.span
        if item.optional:
            if item.condition is None:
                return 0 if self.settings.optional is False else self._unit_weight(item.unit, environment, depth)
            try:
                if not condition(self._operand(item.condition, environment, None, Boolean.words)):
                    return 0
            except (ValueProblem, DesignError):
                return 0
            return self._unit_weight(item.unit, environment, depth)
        if item.times is None:
            return self._unit_weight(item.unit, environment, depth)
        try:
            rounds = self._rounds(item, environment)
        except DesignError:
            return 0
        if not rounds:
            return 0
        if not (self._names_used(item.unit) & set(item.names)):
            return self._bounded(len(rounds) * (1 + self._unit_weight(item.unit, environment, depth)), span)
        total = 0
        for values in rounds:
            total += 1 + self._unit_weight(item.unit, environment.bound(**values), depth)
            if total > EXPANSION:
                raise self._too_large(max(total, len(rounds)), span)
        return total

    def _bounded(self, weight: int, span: Span | None) -> int:
        if weight > EXPANSION:
            raise self._too_large(weight, span)
        return weight

    def _unit_weight(self, unit: LayerSyntax | GroupSyntax, environment: Environment, depth: int) -> int:
        if depth > NESTING:
            message = f"groups and calls nest at most {NESTING} deep"
            raise DesignError([*self.problems, *self.planner.problems, Problem("limit", message, unit.span)])
        if isinstance(unit, GroupSyntax):
            return sum(self._weight(branch, environment, depth + 1) for branch in unit.branches)
        plan = self.planner.plan(unit)
        if plan.block is None or plan.is_broken:
            return 1
        try:
            values = self._bind(plan, plan.block, environment, None)
        except DesignError:
            return 1
        known = (plan.block.name, repr([values[p.name] for p in plan.block.parameters]))
        if known not in self.weighed:
            inside = Environment({**self.globals, **values}, None, True)
            self.weighed[known] = 1 + self._weight(plan.block.body, inside, depth + 1)
        return self.weighed[known]

    def _names_used(self, unit: LayerSyntax | GroupSyntax) -> frozenset[str]:
        """The names that counts, conditions and arguments inside a unit use."""
        known = self.used_names.get(id(unit))
        if known is None:
            used: set[str] = set()
            self._collect(unit, used)
            known = self.used_names[id(unit)] = frozenset(used)
        return known

    def _collect(self, unit: LayerSyntax | GroupSyntax, used: set[str]) -> None:
        if isinstance(unit, GroupSyntax):
            for branch in unit.branches:
                for item in branch:
                    for operand in (item.times, item.condition):
                        if operand is not None:
                            used |= _names_of(operand)
                    self._collect(item.unit, used)
            return
        plan = self.planner.plan(unit)
        if plan.block is not None:
            for given in plan.given.values():
                used |= _names_of(given.value)

    # values

    def _operand(self, operand: Operand, environment: Environment, here: Any, words: Iterable[str]) -> Value:
        """A written value at a place: a value of the language, or a Deferred one that waits for volumes."""
        if isinstance(operand, Literal):
            return operand.value
        if isinstance(operand, Name):
            text = operand.text
            if text.lower() in words:
                return text.lower()
            if text in environment.values:
                return environment.values[text]
            if text in VOLUME_NAMES:
                return self._part(text, environment, here)
            return text
        if isinstance(operand, Several):
            values = [self._operand(part, environment, here, words) for part in operand.items]
            return DeferredList(values) if entries_of(values) else values
        if isinstance(operand, References):
            raise ValueProblem("expected a value, found a reference", code="wrong-type")
        names: dict[str, Value] = {}
        for name in operand.names:
            if name in environment.values:
                names[name] = environment.values[name]
            elif name in VOLUME_NAMES:
                names[name] = self._part(name, environment, here)
        if any(isinstance(value, Deferred) for value in names.values()):
            return DeferredCode(operand, names)
        try:
            return evaluate(operand, names)
        except ValueProblem as error:
            raise DesignError([Problem(error.code, error.message, operand.span, error.hint)]) from None

    def _part(self, name: str, environment: Environment, here: Any) -> Value:
        return DeferredPart(name, environment.entry if environment.in_block else here)

    def _now(self, value: Value, span: Span | None) -> Value:
        """A value that must be known before volumes are."""
        if isinstance(value, Deferred):
            message = "this depends on a volume, but counts, conditions and names do not: the graph is fixed before"
            raise DesignError([Problem("graph-needs-volume", message, span)])
        return value

    def _condition(self, item: Item, environment: Environment) -> bool:
        """Whether an item with '?' is there."""
        if item.condition is None:
            number = self.occurrences
            self.occurrences += 1
            decided = self.settings.optional
            if isinstance(decided, tuple):
                return decided[number] if number < len(decided) else True
            if decided is None:
                self.assumed["optional"] = "keep"
                return True
            return decided
        span = item.condition.span
        try:
            return condition(self._now(self._operand(item.condition, environment, None, Boolean.words), span))
        except ValueProblem as error:
            raise DesignError([Problem(error.code, error.message, span, error.hint)]) from None

    def _rounds(self, item: Item, environment: Environment) -> _Rounds:
        """The names bound in each iteration of an item with '*'."""
        assert item.times is not None
        span = item.times.span
        value = self._now(self._operand(item.times, environment, None, ()), span)
        if is_whole(value):
            if value < 0:
                raise DesignError([Problem("negative-count", f"nothing is repeated {value} times", span)])
            if len(item.names) > 1:
                message = f"a number gives one name its index, but 'as' names {len(item.names)}"
                raise DesignError([Problem("wrong-names", message, item.suffix_span)])
            return _Rounds(value, None, item.names)
        if not isinstance(value, list):
            message = f"a repeat needs a whole number or a list, found {shown(value)}"
            raise DesignError([Problem("wrong-type", message, span)])
        if len(item.names) > 1:
            for entry in value:
                if not isinstance(entry, list) or len(entry) != len(item.names):
                    count = len(entry) if isinstance(entry, list) else 1
                    parts = f"{count} part{'s' if count != 1 else ''}"
                    message = f"'as' gives {len(item.names)} names, but the entry {shown(entry)} has {parts}"
                    raise DesignError([Problem("wrong-names", message, item.suffix_span)])
        return _Rounds(len(value), value, item.names)

    def _bind(self, plan: Plan, block: Block, environment: Environment, here: Any) -> dict[str, Value]:
        """The values of a block's parameters in one call."""
        values: dict[str, Value] = {}
        for parameter in block.parameters:
            given = plan.given.get(parameter.name)
            try:
                if given is not None:
                    values[parameter.name] = self._operand(given.value, environment, here, KEY_WORDS)
                elif parameter.default is not None:
                    inside = Environment({**self.globals, **values}, here, True)
                    values[parameter.name] = self._operand(parameter.default, inside, here, KEY_WORDS)
            except ValueProblem as error:
                span = given.span if given is not None else block.span
                raise DesignError([Problem(error.code, f"{parameter.name}: {error.message}", span)]) from None
        return values

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
        if len(ports) > 1 and not self._merges(item):
            message = "a fork must be followed by CONCAT, ADD or MUL, which joins its branches"
            raise DesignError([Problem("fork-without-merge", message, item.unit.span)])
        if (item.optional or item.times is not None) and self._merges(item):
            raise DesignError([])  # said when the text was looked over
        if item.optional:
            if not self._condition(item, environment):
                return ports
            result = self._unit(item.unit, environment, scope, ports, None, at_head=at_head)
            return self._single(result, item)
        if item.times is None:
            return self._unit(item.unit, environment, scope, ports, None, at_head=at_head)
        label = _label_of(item.unit, self.planner)
        last, number = None, 0
        for number, values in enumerate(self._rounds(item, environment)):
            inside = environment.bound(**values) if values else environment
            ports = self._unit(item.unit, inside, scope, ports, number, at_head=at_head and number == 0)
            ports = self._single(ports, item)
            last = inside
        if label is not None and last is not None and ports:
            name = self._label(label, last, scope, None)
            self._name(name, ports[0], label.span)
            if f"{name}.{number}" in self.ranges:
                self.ranges[name] = self.ranges[f"{name}.{number}"]
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
            name = self._label(group.label, environment, scope, number)
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
            self._name_result(name, result, group.label.span, start)
        return result

    def _name_result(self, name: str, result: list[Any], span: Span, start: int) -> None:
        """Gives a group or call its name: that of its last layer's volume."""
        self.ranges[name] = (start, len(self.specs))
        if len(result) == 1:
            self._name(name, result[0], span)
            if isinstance(result[0], int) and result[0] >= start:
                self.specs[result[0]].ends = True

    def _call(
        self, plan: Plan, block: Block, environment: Environment, scope: Scope, ports: list[Any], number: int | None
    ) -> list[Any]:
        counted = scope.number(block.name)
        if plan.is_broken:
            return self._broken(plan, scope, ports)
        if plan.inputs:
            ports = [self._reference(label, environment, scope) for label in plan.inputs]
            if len(ports) > 1:
                message = f"a block takes one volume, but {len(ports)} are named"
                raise DesignError([Problem("wrong-inputs", message, plan.key_spans.get("inputs", plan.syntax.span))])
        here = ports[0] if ports else None
        values = self._bind(plan, block, environment, here)
        if plan.name is not None:
            name = self._label(plan.name, environment, scope, number)
        else:
            name = _short_enough(f"{scope.prefix}{block.name}{counted}", plan.syntax.span)
        inside = Environment({**self.globals, **values}, here, True)
        frozen = plan.frozen is not None and not self._boolean(plan.frozen, "trainable", environment)
        extra = plan.training_only is not None and self._boolean(plan.training_only, "training_only", environment)
        self.frozen += frozen
        self.training_only += extra
        start = len(self.specs)
        try:
            result = self.chain(block.body, inside, Scope(name + ".", scope), ports)
        finally:
            self.frozen -= frozen
            self.training_only -= extra
        if plan.name is not None:
            self._name_result(name, result, plan.name.span, start)
        else:
            self.ranges[name] = (start, len(self.specs))
            if len(result) == 1:
                self._name(name, result[0], plan.syntax.span)
        if plan.syntax.stated is not None:
            self._state(plan, result, start)
        if plan.share is not None:
            owner = self._reference(plan.share, environment, scope, is_input=False)
            self.shared.append(_Shared(start, len(self.specs), owner, plan.share_span or plan.syntax.span))
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
        (place,) = self._broken(Plan(syntax), scope, ports)
        assert isinstance(place, int)
        return place

    def _broken(self, plan: Plan, scope: Scope, ports: list[Any]) -> list[Any]:
        """Stands for a layer that makes no sense, so that what lies behind it is not reported."""
        spec = Spec("", plan, KINDS["identity"], list(ports))
        spec.unsized = True
        spec.ends = True
        spec.name = f"{scope.prefix}?{len(self.specs)}"
        self.specs.append(spec)
        if plan.name is not None and all(isinstance(part, str) for part in plan.name.parts):
            self.names.setdefault(scope.prefix + "".join(str(part) for part in plan.name.parts), len(self.specs) - 1)
        return [len(self.specs) - 1]

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
            return [self._reference(plan.inputs[0], environment, scope)]
        kind = plan.kind
        if kind is None or plan.is_broken:
            if kind is not None:
                scope.number(kind.kind)
            return self._broken(plan, scope, ports)
        inputs = self._entering(plan, kind, environment, scope, ports, at_head=at_head)
        spec = Spec("", plan, kind, inputs)
        try:
            if plan.fixed is not None:
                spec.layer = plan.fixed
            else:
                self._fill(spec, environment, inputs)
            if plan.frozen is not None:
                spec.frozen = not self._boolean(plan.frozen, "trainable", environment)
            if plan.training_only is not None:
                spec.training_only = self._boolean(plan.training_only, "training_only", environment)
        except DesignError as error:
            self.problems += error.every
            scope.number(kind.kind)
            return self._broken(plan, scope, inputs)
        frozen = spec.frozen or self.frozen > 0 or self._frozen_by_default(kind, plan, environment)
        spec.frozen = frozen and kind.learns  # a frozen call freezes what has parameters
        spec.training_only = spec.training_only or self.training_only > 0
        label = plan.name
        name = None
        if label is not None:
            name = self._label(label, environment, scope, number)
        place = self._add(spec, scope, name)
        if plan.share is not None:
            owner = self._reference(plan.share, environment, scope, is_input=False)
            self.shared.append(_Shared(place, place + 1, owner, plan.share_span or plan.syntax.span))
        return [place]

    def _frozen_by_default(self, kind: type[Layer], plan: Plan, environment: Environment) -> bool:
        default = self.design.defaults.get(kind.kind, {}).get("trainable")
        return (
            default is not None and plan.frozen is None and not self._boolean(default.value, "trainable", environment)
        )

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
        named = [self._reference(label, environment, scope) for label in plan.inputs]
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

    def _boolean(self, operand: Operand, key: str, environment: Environment) -> bool:
        try:
            value = self._now(self._operand(operand, environment, None, Boolean.words), operand.span)
            return Boolean()(value)
        except ValueProblem as error:
            raise DesignError([Problem(error.code, f"{key}: {error.message}", operand.span, error.hint)]) from None

    def _fill(self, spec: Spec, environment: Environment, inputs: list[Any]) -> None:
        """Works out the keys of a layer: as written, as stated, by the file's defaults, by the call, by assumption."""
        kind, plan = spec.kind, spec.plan
        here = inputs[0] if inputs else None
        values: dict[str, Value] = {}
        constant = True
        for key, (operand, span) in plan.given.items():
            words = kind.keys[key].reader.words
            try:
                value = self._operand(operand, environment, here, words)
            except ValueProblem as error:
                raise DesignError([Problem(error.code, f"{key}: {error.message}", span, error.hint)]) from None
            constant = constant and isinstance(operand, (Literal, Name)) and not isinstance(value, Deferred)
            if isinstance(operand, Name) and operand.text.lower() not in words:
                constant = False
            values[key] = value
        defaults = self.design.defaults.get(kind.kind, NO_VALUES)
        for key, default in defaults.items():
            if key not in values and key in kind.keys and not _overruled(kind.kind, key, spec, self.settings, values):
                values[key] = self._operand(default.value, Environment(self.globals), here, kind.keys[key].reader.words)
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
            if self.inputs:
                values.setdefault("size", list(stated) if stated is not None else None)
                if values["size"] is None:
                    del values["size"]
                    self._assume("input", spec)
                return
            of_file = self.design.input
            if of_file is not None and written is not None and of_file != written and settings.input is None:
                message = f"the input is {of_file} by the key 'input', but {written} here"
                raise DesignError([Problem("volume-mismatch", message, spec.plan.syntax.span)])
            self._say_replaced(written or of_file)
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

    # names

    def _text(self, label: Label, environment: Environment) -> str:
        """A label with its expressions worked out."""
        text = ""
        for part in label.parts:
            if isinstance(part, str):
                text += part
                continue
            value = self._now(self._operand(part, environment, None, ()), part.span)
            if not is_whole(value) and not isinstance(value, str):
                message = f"a name holds numbers and words, found {shown(value)}"
                raise DesignError([Problem("wrong-name", message, part.span)])
            text += str(value)
        if not all(text.split(".")) or text.startswith("-") or not all(c.isalnum() or c in "_-./" for c in text):
            message = f"a name holds letters, digits, '_', '-', '/' and single dots between them, found '{text}'"
            raise DesignError([Problem("wrong-name", message, label.span)])
        return text

    def _label(self, label: Label, environment: Environment, scope: Scope, number: int | None) -> str:
        """The whole name that a label gives, in the ``number``-th round of a repeat."""
        text = self._text(label, environment)
        return _short_enough(scope.prefix + text + ("" if number is None else f".{number}"), label.span)

    def _add(self, spec: Spec, scope: Scope, written: str | None) -> int:
        """Puts a layer into the net under its written or counted name."""
        place = len(self.specs)
        kind = spec.kind.kind
        number = scope.number(kind)
        self.specs.append(spec)
        if kind == "input":
            self.inputs.append(place)
        if written is not None:
            spec.name = written
            spec.is_named = True
            self._name(spec.name, place, spec.plan.name.span if spec.plan.name is not None else spec.plan.syntax.span)
        elif kind == "input":
            spec.name = f"{scope.prefix}input{number}"
            self.nameless_inputs.append((place, scope))
        else:
            spec.name = f"{scope.prefix}{kind}{'_' if kind[-1].isdigit() else ''}{number}"
            self._name(spec.name, place, spec.plan.syntax.span, is_counted=True)
        return place

    def _name(self, name: str, port: Any, span: Span, *, is_counted: bool = False) -> None:
        """Notes what a name means; a name that stands twice is refused."""
        if name not in self.names:
            self.names[name] = port
            if not is_counted:
                self.written_at[name] = span
            return
        if is_counted:
            message = f"the name '{name}' is written here, but it is also the counted name of another layer"
            self.problem("repeated-name", message, self.written_at.get(name, span))
        elif name not in self.written_at:
            message = f"the name '{name}' is written here, but it is also the counted name of another layer"
            self.problem("repeated-name", message, span)
        else:
            hint = None
            if self.written_at[name] == span:
                hint = "inside a repeat put the index into the name, as in *3 as i and @a{i}, or name the repeat"
            self.problem("repeated-name", f"the name '{name}' stands twice", span, hint)

    def _reference(self, label: Label, environment: Environment, scope: Scope, *, is_input: bool = True) -> Reference:
        reference = Reference(self._text(label, environment), scope, label.span)
        if is_input:
            self.references.append(reference)
        return reference

    def _finish(self, ports: list[Any]) -> None:
        """Names the inputs, resolves references and shares, and finds what nobody reads."""
        for place, scope in self.nameless_inputs:
            spec = self.specs[place]
            if len(self.inputs) == 1:
                spec.name = scope.prefix + "input"
            self._name(spec.name, place, spec.plan.syntax.span, is_counted=True)
        for reference in self.references:
            self._resolve(reference)
        self._share()
        read = set()
        for spec in self.specs:
            spec.inputs = [self._port(port) for port in spec.inputs]
            read.update(spec.inputs)
        for port in ports:
            end = self._port(port)
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
            self.problem("unread-volume", message, spec.plan.syntax.span, hint)

    def _port(self, port: Any) -> int | None:
        seen = 0
        while isinstance(port, Reference):
            port = port.port
            seen += 1
            if seen > len(self.references) + 1:
                return None
        return port if isinstance(port, int) else None

    def _resolve(self, reference: Reference) -> None:
        """Finds what ``@name`` means: innermost first."""
        found = self._find(reference, self.names)
        if found is None and reference.name == "input" and self.inputs:
            found = self.inputs[0]
        if found is None:
            self.is_torn = True
            near = self._nearest(reference, is_input=True)
            self.problem("unknown-name", f"no layer is named '{reference.name}'{near}", reference.span)
            return
        if isinstance(found, Reference):
            reference.port = found  # type: ignore[assignment]
        else:
            reference.port = found

    def _nearest(self, reference: Reference, *, is_input: bool) -> str:
        """A hint at the nearest name, as it is written at this place; a layer is no input of its own."""
        if len(self.problems) > MOST_PROBLEMS:
            return ""
        own = {place for place, spec in enumerate(self.specs) if reference in spec.inputs} if is_input else set()
        known: dict[str, None] = {}
        scope: Scope | None = reference.scope
        while scope is not None:
            known |= dict.fromkeys(
                name[len(scope.prefix) :]
                for name, port in self.names.items()
                if name.startswith(scope.prefix) and "?" not in name and port not in own
            )
            scope = scope.outer
        return did_you_mean(reference.name, known)

    def _find(self, reference: Reference, table: Mapping[str, Any]) -> Any:
        scope: Scope | None = reference.scope
        while scope is not None:
            found = table.get(scope.prefix + reference.name)
            if found is not None:
                return found
            scope = scope.outer
        return None

    def _share(self) -> None:
        """Pairs layers that share their parameters, layer for layer where a call shares those of a call."""
        for start, end, owner, span in self.shared:
            block = self._find(owner, self.ranges)
            if block is None:
                place = self._port(self._find(owner, self.names))
                if place is None:
                    near = self._nearest(owner, is_input=False)
                    self.problem("unknown-name", f"share: no layer is named '{owner.name}'{near}", span)
                    continue
                block = (place, place + 1)
            mine = [place for place in range(start, end) if self.specs[place].kind.learns]
            theirs = [place for place in range(*block) if self.specs[place].kind.learns]
            kinds = [[self.specs[place].kind.kind for place in places] for places in (mine, theirs)]
            if kinds[0] != kinds[1]:
                message = f"share: '{owner.name}' has {_listed(kinds[1])}, but here is {_listed(kinds[0])}"
                self.problem("share-mismatch", message, span)
                continue
            for own, other in zip(mine, theirs, strict=True):
                self.specs[own].share = other
        for place, spec in enumerate(self.specs):
            seen = {place}
            owner_place = spec.share
            while owner_place is not None and self.specs[owner_place].share is not None:
                if owner_place in seen:
                    message = f"share: {spec.name} shares with itself"
                    self.problem("cycle", message, spec.plan.share_span or spec.plan.syntax.span)
                    owner_place = None
                    break
                seen.add(owner_place)
                owner_place = self.specs[owner_place].share
            spec.share = owner_place

    # nodes

    def _nodes(self) -> tuple[Node, ...] | None:
        """The specs as nodes in running order; None if their references could not be resolved."""
        if any(port is None for spec in self.specs for port in spec.inputs) or not self.specs:
            if not self.problems:
                self.problem("no-input", "the net has no layers", None)
            return None
        self._decide_units()
        nodes = []
        for spec in self.specs:
            syntax = spec.plan.syntax
            layer: Layer | Draft
            if spec.layer is not None:
                layer = spec.layer
            else:
                made = self._draft(spec)
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

    def _draft(self, spec: Spec) -> Draft | None:
        """What waits for volumes; a broken layer waits for ever."""
        if spec.unsized:

            def never(*_: Volume) -> Layer:
                raise DesignError([])

            return Draft(spec.kind, (), never)
        entries = tuple(dict.fromkeys(entries_of(spec.values.values())))
        if any(entry is None for entry in entries):
            message = "no volume enters here, so it has no depth, height or width"
            self.problem("no-input", message, spec.plan.syntax.span)
            return None
        places = [self._port(entry) for entry in entries]
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

    def _decide_units(self) -> None:
        """Gives each FC without units its size: the last one of its branch the classes, those before it the hidden."""
        open_fc = [place for place, spec in enumerate(self.specs) if spec.kind.kind == "fc" and spec.unsized]
        if not open_fc:
            return
        readers: list[list[int]] = [[] for _ in self.specs]
        for place, spec in enumerate(self.specs):
            for source in spec.inputs:
                readers[source].append(place)
        leads = [False] * len(self.specs)  # whether an FC lies behind it
        stack = [place for place, spec in enumerate(self.specs) if spec.kind.kind == "fc"]
        while stack:
            for source in self.specs[stack.pop()].inputs:
                if not leads[source]:
                    leads[source] = True
                    stack.append(source)
        for place in open_fc:
            spec = self.specs[place]
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


class _Rounds:
    """The iterations of a repeat, each with the names that it binds; not made before they are asked for."""

    def __init__(self, count: int, entries: list[Value] | None, names: tuple[str, ...]) -> None:
        self.count = count
        self.entries = entries
        self.names = names

    def __len__(self) -> int:
        return self.count

    def __bool__(self) -> bool:
        return self.count > 0

    def __iter__(self) -> Any:
        names = self.names
        for index in range(self.count):
            if not names:
                yield NO_VALUES
            elif self.entries is None:
                yield {names[0]: index}
            elif len(names) == 1:
                yield {names[0]: self.entries[index]}
            else:
                yield dict(zip(names, self.entries[index], strict=True))


def _short_enough(name: str, span: Span) -> str:
    """The name, unless it is longer than a name may be."""
    if len(name) > NAME_CHARACTERS:
        message = (
            f"a name has at most {NAME_CHARACTERS} characters, its blocks included, but this one has {len(name):,}"
        )
        raise DesignError([Problem("limit", message, span)])
    return name


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


def _no_value(value: Value) -> Value:
    """The part of a variable's value that is no number, list or key word; None if there is none."""
    if isinstance(value, list):
        for part in value:
            wrong = _no_value(part)
            if wrong is not None:
                return wrong
        return None
    if isinstance(value, str) and value.lower() not in KEY_WORDS and value.lower() not in ("depth", "volume"):
        return value
    return None


def _names_of(operand: Operand) -> set[str]:
    if isinstance(operand, Name):
        return {operand.text}
    if isinstance(operand, Code):
        return set(operand.names)
    if isinstance(operand, Several):
        return set().union(*(_names_of(part) for part in operand.items))
    return set()


def _units(items: Iterable[Item]) -> Iterable[LayerSyntax | GroupSyntax]:
    """All units of a chain, those inside groups included."""
    stack = list(items)[::-1]
    while stack:
        unit = stack.pop().unit
        yield unit
        if isinstance(unit, GroupSyntax):
            stack += [item for branch in reversed(unit.branches) for item in reversed(branch)]


def _label_of(unit: LayerSyntax | GroupSyntax, planner: Planner) -> Label | None:
    return unit.label if isinstance(unit, GroupSyntax) else planner.plan(unit).name


def _begins_with_input(items: Sequence[Item], planner: Planner) -> bool:
    """Whether a chain begins with INPUT, inside a group, a fork or a block as well."""
    while items:
        unit = items[0].unit
        if isinstance(unit, GroupSyntax):
            if len(unit.branches) > 1:
                return any(_begins_with_input(branch, planner) for branch in unit.branches)
            items = unit.branches[0]
            continue
        plan = planner.plan(unit)
        if plan.block is not None:
            return False
        return plan.kind is KINDS["input"]
    return False


def _listed(kinds: list[str]) -> str:
    return ", ".join(kinds[:8]) + (", ..." if len(kinds) > 8 else "") if kinds else "nothing that learns"
