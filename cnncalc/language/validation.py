"""Checks a whole design before it is expanded: cycles of calls, names without a value, forks and merges."""

from __future__ import annotations

from cnncalc.errors import MAX_PROBLEMS, Problem, ValueProblem, did_you_mean
from cnncalc.language.assignment import value_text
from cnncalc.language.expression import FUNCTIONS, VOLUME_NAMES, Code, evaluate
from cnncalc.language.plan import KEY_WORDS
from cnncalc.language.syntax import GroupSyntax, LayerSyntax, ListOperand, Name
from cnncalc.layers import KINDS
from cnncalc.layers.base import Key
from cnncalc.layers.keys import Boolean, Whole, is_volume_size
from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cnncalc.language.plan import Planner
    from cnncalc.language.syntax import Block, Default, Design, Item, Label, Operand
    from cnncalc.language.values import Variables
    from cnncalc.layers.keys import Value
    from cnncalc.source import Span

MOST_USES = 20
"""The most places of a name without a value for which the hint offers one value."""
YES_OR_NO = Key(Boolean())
"""How conditions, and keys that all kinds have, are read."""
COUNT = Key(Whole(0, example=2))
"""How counts of repeats are read."""


class Use(NamedTuple):
    """A place of a name: the operand, which is the name or an expression without other names, and its key.

    ``unit`` is the layer, if the operand is the value of one of its keys.
    """

    name: str
    operand: Name | Code
    key: Key
    unit: LayerSyntax | None

    def takes(self, value: Value) -> bool:
        """Whether the key takes the operand if the name has this value."""
        try:
            self.key.reader(value if isinstance(self.operand, Name) else evaluate(self.operand, {self.name: value}))
        except ValueProblem:
            return False
        return True


class Validator:
    """Checks one design, the parts that a condition leaves out included; adds what it finds to ``problems``.

    ``used`` are the names that its layers use, without those in blocks that are never called. ``unset`` are the names
    without a value, each with the place of its first use.
    """

    def __init__(self, design: Design, planner: Planner, variables: Variables, problems: list[Problem]) -> None:
        self.design = design
        self.planner = planner
        self.variables = variables
        self.problems = problems
        self.unset: dict[str, Span] = {}
        self.near: dict[str, str] = {}
        """By name without a value: ``; did you mean ...?`` with a similar name; empty if there is none."""
        self.used: set[str] = set()
        self.known: set[str] = set()
        """The variables that have a value, or an invalid one."""
        self.block = ""
        """The block whose layers are being checked; empty outside of blocks."""
        self.uses: dict[tuple[str, str], list[Use]] = {}
        """The places where a name is the only one in the value of a key, by block and name.

        Outside of blocks these are names without a value.
        """
        self.arguments: dict[tuple[str, str], dict[tuple[str, str], None]] = {}
        """The parameters of blocks that get the value of a name, by block and name; each is a block and a name."""

    def check_calls(self) -> None:
        """Reports a cycle of blocks that call each other."""
        calls = {name: list(dict.fromkeys(self._called(block.body))) for name, block in self.design.blocks.items()}
        is_open: dict[str, bool] = {}
        """For each block that was reached whether it is on the path."""
        for start in calls:
            path: list[tuple[str, int]] = [(start, 0)] if start not in is_open else []
            while path:
                name, place = path.pop()
                is_open[name] = place < len(calls[name])
                if not is_open[name]:
                    continue
                path.append((name, place + 1))
                called = calls[name][place]
                if is_open.get(called):
                    names = [step for step, _ in path]
                    cycle = " -> ".join([*names[names.index(called) :], called])
                    message = f"blocks cannot call themselves: {cycle}"
                    self.problems.append(Problem("recursive-block", message, self.design.blocks[called].span))
                    return
                if called not in is_open:
                    path.append((called, 0))

    def _called(self, items: Iterable[Item]) -> Iterable[str]:
        for unit in _units(items):
            if isinstance(unit, LayerSyntax):
                plan = self.planner.plan(unit)
                if plan.block is not None:
                    yield plan.block.name

    def check_names(self) -> bool:
        """Reports all names without a value; returns whether every name has one, so that the net can be expanded."""
        self.known = set(self.variables.values) | self.variables.invalid
        self._walk(self.design.items, frozenset())
        for kind, keys in self.design.defaults.items():
            self._walk_defaults(keys, KINDS[kind].keys)
        called = self._called_blocks()
        for name in called:
            self._walk_block(self.design.blocks[name])
        used = set(self.used)
        for name, block in self.design.blocks.items():
            if name not in called:
                self._walk_block(block)
        self._walk_defaults(self.design.variables, {})
        self.used = used
        if self.unset:
            self._report_unset()
        return not self.unset and not self.variables.invalid

    def _walk_block(self, block: Block) -> None:
        self.block = block.name
        inside = frozenset(block.names)
        for parameter in block.parameters:
            self._note_names(parameter.default, inside, KEY_WORDS)
        self._walk(block.body, inside)
        self.block = ""

    def _walk_defaults(self, values: Mapping[str, Default | None], keys: Mapping[str, Key]) -> None:
        for name, default in values.items():
            if default is not None:
                self._note_names(default.value, (), KEY_WORDS, keys.get(name))

    def _called_blocks(self) -> set[str]:
        """The names of the blocks that the net calls, also inside other blocks."""
        called: set[str] = set()
        new = set(self._called(self.design.items))
        while new:
            called |= new
            new = {name for block in new for name in self._called(self.design.blocks[block].body)} - called
        return called

    def _report_unset(self) -> None:
        """Reports all names without a value as one problem."""
        first, *others = self.unset
        use = next((use for use in self._all_uses(first) if use.key.name), None)
        flag = None if others or use is None else self._flag_hint(use)
        if flag is not None:
            self.near.pop(first, None)
        unlike = [name for name in self.unset if not self.near.get(name)]
        settings = [self._setting(name) for name in unlike[:8]]
        hint = f"give {'each' if len(unlike) > 1 else 'it'} a value: {' '.join(settings)}" if unlike else None
        if not others and unlike and use is not None:
            may_be_word = use.key.reader.words and isinstance(use.operand, Name)
            takes = flag or f"{use.key.name} takes {use.key.reader.expects}"
            if settings[0].endswith("=VALUE"):
                hint = f"{takes}; --set gives a variable its value"
            elif flag is not None or may_be_word:
                hint = f"{takes}; to use a variable, give it a value: {settings[0]}"
        if first in FUNCTIONS:
            hint = f"{first} is a function: {first}(..)"
        message = f"variable without a value: {first}{self.near.get(first, '')}"
        if others:
            asked = [name + self.near.get(name, "").replace("; ", " (").replace("?", "?)") for name in self.unset]
            message = f"variables without a value: {', '.join(asked)}"
        self.problems.append(Problem("unset-variable", message, self.unset[first], hint))

    def _flag_hint(self, use: Use) -> str | None:
        """The hint for the name of a key in place of a value, as in ``POOL(ceil_mode)``; None for other names."""
        arguments = use.unit.arguments if use.unit is not None else ()
        bare = [argument for argument in arguments if argument.key is None and argument.value == use.operand]
        if use.unit is None or not bare or not isinstance(use.operand, Name):
            return None
        plan = self.planner.plan(use.unit)
        if plan is None or plan.kind is None:
            return None
        from cnncalc.language.foreign import flag_hint

        others = [key for key, given in plan.given.items() if given.value != use.operand]
        return flag_hint(plan.kind, use.operand, others, in_file=bare[0].in_file)

    def _setting(self, name: str) -> str:
        """The option that gives a name a value that all its keys take, as ``--set p=0.5``; VALUE if none is known."""
        from shlex import quote

        uses = self._all_uses(name)
        examples = [use.key.example for use in uses]
        values = [] if None in examples else [*examples, 2, 10, 100]
        value = next((value for value in values if all(use.takes(value) for use in uses)), "VALUE")
        text = "x".join(map(str, value)) if is_volume_size(value) else value_text(value)
        return f"--set {quote(f'{name}={text}')}"

    def _all_uses(self, name: str) -> list[Use]:
        """The places of a name without a value, and those of the parameters of blocks that get its value."""
        found: list[Use] = []
        places = [("", name)]
        known = set(places)
        for place in places:
            found += self.uses.get(place, ())
            new = [other for other in self.arguments.get(place, ()) if other not in known]
            known.update(new)
            places += new
        return found[:MOST_USES]

    def _walk(self, items: Iterable[Item], known: frozenset[str]) -> None:
        """Notes the names of a chain in the order of the text, and checks its forks; ``known`` are local names."""
        items = tuple(items)
        for place, item in enumerate(items):
            inside = known | set(item.names)
            self._check_fork(item, items[place + 1] if place + 1 < len(items) else None)
            unit = item.unit
            if isinstance(unit, GroupSyntax):
                for branch in unit.branches:
                    self._walk(branch, inside)
            else:
                self._walk_layer(unit, inside)
            label = label_of(unit, self.planner)
            for part in label.parts if label is not None else ():
                if isinstance(part, Code):
                    self._note_names(part, inside, (), volumes=False)
            self._note_names(item.times, known, (), COUNT, volumes=False)
            self._note_names(item.condition, known, Boolean.words, YES_OR_NO, volumes=False)

    def _walk_layer(self, unit: LayerSyntax, known: frozenset[str]) -> None:
        plan = self.planner.plan(unit)
        for key, given in plan.given.items():
            words: Iterable[str] = KEY_WORDS
            reads = None
            if plan.kind is not None:
                reads = plan.kind.keys[key]
                words = reads.reader.words
            elif plan.block is not None and isinstance(given.value, Name):
                scope = self.block if given.value.text in known else ""
                self.arguments.setdefault((scope, given.value.text), {})[plan.block.name, key] = None
            self._note_names(given.value, known, words, reads, unit=unit)
        for operand in (plan.frozen, plan.training_only, plan.transposed):
            self._note_names(operand, known, Boolean.words, YES_OR_NO)
        labels = (*plan.inputs, *((plan.share,) if plan.share is not None else ()))
        for label in labels:
            for part in label.parts:
                if isinstance(part, Code):
                    self._note_names(part, known, (), volumes=False)

    def _note_names(
        self,
        operand: Operand | None,
        known: Iterable[str],
        words: Iterable[str],
        key: Key | None = None,
        *,
        volumes: bool = True,
        unit: LayerSyntax | None = None,
    ) -> None:
        """Notes which names an operand, if there is one, uses, and which of them have no value.

        ``known`` are local names; ``words`` are key words, not names, also in lists if the ``key`` whose value the
        operand is holds names. ``volumes``: names of sizes of a volume are allowed. ``unit`` is the layer with the key.
        """
        holds_names = key is not None and key.reader.holds_names
        if isinstance(operand, ListOperand):
            for part in operand.items:
                self._note_names(part, known, words, key if holds_names else None, volumes=volumes)
            return
        if not isinstance(operand, (Name, Code)):
            return
        names = _names_in(operand, words, in_code=holds_names)
        for name, span in names.items():
            is_local = name in known
            is_sought = bool(self.block) if is_local else name not in self.known
            if key is not None and len(names) == 1 and is_sought:
                scope = self.block if is_local else ""
                self.uses.setdefault((scope, name), []).append(Use(name, operand, key, unit))
            if is_local:
                continue
            self.used.add(name)
            if name in self.known or name.lower() in KEY_WORDS:
                continue
            if name in VOLUME_NAMES:
                if not volumes:
                    message = f"counts, conditions and names cannot depend on a volume, but '{name}' does"
                    self.problems.append(Problem("graph-needs-volume", message, span))
            elif name not in self.unset:
                takes_sizes = volumes and not (words and isinstance(operand, Name))
                self._note_unset(name, span, (*(VOLUME_NAMES if takes_sizes else ()), *known, *words))

    def _note_unset(self, name: str, span: Span, others: Iterable[str]) -> None:
        """Notes a name without a value, and a similar one of the names of the design and ``others``."""
        self.unset[name] = span
        if len(name) > 1 and len(self.unset) <= MAX_PROBLEMS:  # a single letter is similar to any short name
            self.near[name] = did_you_mean(name, (*others, *self.known, *self.design.variables))

    def _check_fork(self, item: Item, following: Item | None) -> None:
        """Reports ``[A | B]*2``, ``[A | B]?``, a merge with ``?`` or ``*``, and a fork that no merge follows."""
        unit = item.unit
        suffix = "'?'" if item.optional else "'*'" if item.times is not None else None
        if isinstance(unit, GroupSyntax) and len(unit.branches) > 1:
            if suffix:
                hint = "put the merge inside: [ [a | b] -> ADD ]*2" if suffix == "'*'" else None
                hint = hint or "put the merge inside: [ [a | b] -> ADD ]?"
                self.problems.append(
                    Problem("fork-suffix", f"{suffix} is not allowed after a fork", item.suffix_span, hint)
                )
            elif following is not None and not is_merge(following, self.planner):
                self.problems.append(unmerged(following, self.planner))
        elif suffix and is_merge(item, self.planner):
            hint = f"put the fork and the merge into '[ ]' and {suffix} after it"
            self.problems.append(
                Problem("fork-suffix", f"{suffix} is not allowed after a merge", item.suffix_span, hint)
            )


def _units(items: Iterable[Item]) -> Iterable[LayerSyntax | GroupSyntax]:
    """All layers, calls and groups of a chain, those inside groups included, in the order of the text."""
    stack = list(items)[::-1]
    while stack:
        unit = stack.pop().unit
        yield unit
        if isinstance(unit, GroupSyntax):
            stack += [item for branch in reversed(unit.branches) for item in reversed(branch)]


def unmerged(item: Item, planner: Planner) -> Problem:
    """The error that this item, which is no merge, follows a fork."""
    message = "a fork must be followed by a merge, such as CONCAT, ADD or MUL, which joins its branches"
    hint = None
    if isinstance(item.unit, LayerSyntax) and planner.plan(item.unit).is_from:
        example = "CONV3-4@a -> FROM(@x) -> CONV3-5@b -> FROM(@a)"
        hint = f"without a merge, write the branches one after the other: {example}"
    return Problem("fork-without-merge", message, item.unit.span, hint)


def _names_in(operand: Name | Code, words: Iterable[str], *, in_code: bool) -> Mapping[str, Span]:
    """The names in an operand, without key words; ``in_code``: words in an expression are key words, too."""
    if isinstance(operand, Name):
        return {} if operand.text.lower() in words else {operand.text: operand.span}
    return {name: span for name, span in operand.names.items() if not (in_code and name.lower() in words)}


def is_merge(item: Item, planner: Planner) -> bool:
    """Whether an item is a merge, which joins several volumes."""
    return isinstance(item.unit, LayerSyntax) and planner.plan(item.unit).is_merge


def label_of(unit: LayerSyntax | GroupSyntax, planner: Planner) -> Label | None:
    """The label of a layer, a call or a group; None if it has none."""
    return unit.label if isinstance(unit, GroupSyntax) else planner.plan(unit).name


def begins_with_input(items: Sequence[Item], planner: Planner) -> bool:
    """Whether a chain begins with INPUT, also inside a group or in a branch of a fork; not inside a block."""
    if not items:
        return False
    unit = items[0].unit
    if isinstance(unit, GroupSyntax):
        return any(begins_with_input(branch, planner) for branch in unit.branches)
    kind = planner.plan(unit).kind
    return kind is not None and kind.is_input
