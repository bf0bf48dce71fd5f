"""Checks a whole design before it is expanded: cycles of calls, names without a value, forks and merges."""

from __future__ import annotations

from cnncalc.errors import MAX_PROBLEMS, Problem, ValueProblem, did_you_mean
from cnncalc.language.expression import FUNCTIONS, VOLUME_NAMES, Code
from cnncalc.language.plan import KEY_WORDS
from cnncalc.language.syntax import GroupSyntax, LayerSyntax, ListOperand, Name
from cnncalc.layers.keys import Boolean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cnncalc.language.plan import Planner
    from cnncalc.language.syntax import Block, Default, Design, Item, Label, Operand
    from cnncalc.language.values import Variables
    from cnncalc.layers.keys import Reader
    from cnncalc.source import Span

FORK_NEEDS_A_MERGE = "a fork must be followed by a merge, such as CONCAT, ADD or MUL, which joins its branches"


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
        """For names without a value the question whether a similar name is meant; empty if there is none."""
        self.used: set[str] = set()
        self.known: set[str] = set()
        """The variables that have a value, or an invalid one."""
        self.yes_or_no: set[str] = set()
        """The names without a value of which yes or no is expected."""
        self.keys: dict[str, tuple[str, Reader]] = {}
        """For each bare name that is the value of a key that takes words, but none of these: the key and its reader."""

    def check_calls(self) -> None:
        """Reports a cycle of blocks that call each other."""
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
                    cycle = " -> ".join([*names[names.index(called) :], called])
                    message = f"blocks cannot call themselves: {cycle}"
                    self.problems.append(Problem("recursive-block", message, self.design.blocks[called].span))
                    return
                if called not in state:
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
        for keys in self.design.defaults.values():
            self._walk_defaults(keys)
        called = self._called_blocks()
        for name in called:
            self._walk_block(self.design.blocks[name])
        used = set(self.used)
        for name, block in self.design.blocks.items():
            if name not in called:
                self._walk_block(block)
        self._walk_defaults(self.design.variables)
        self.used = used
        if self.unset:
            self._report_unset()
        return not self.unset and not self.variables.invalid

    def _walk_block(self, block: Block) -> None:
        inside = frozenset(block.names)
        for parameter in block.parameters:
            if parameter.default is not None:
                self._note_names(parameter.default, inside, KEY_WORDS)
        self._walk(block.body, inside)

    def _walk_defaults(self, keys: Mapping[str, Default | None]) -> None:
        for default in keys.values():
            if default is not None:
                self._note_names(default.value, (), KEY_WORDS)

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
        unlike = [name for name in self.unset if not self.near.get(name)]
        settings = [f"--set {name}={self._valid_value(name)}" for name in unlike[:8]]
        hint = f"give {'each' if len(unlike) > 1 else 'it'} a value: {' '.join(settings)}" if unlike else None
        if not others and unlike and first in self.keys:
            key, reader = self.keys[first]
            hint = f"{key} takes {reader.expects}; to use a variable, give it a value: {settings[0]}"
        if first in FUNCTIONS:
            hint = f"{first} is a function: {first}(..)"
        message = f"variable without a value: {first}{self.near.get(first, '')}"
        if others:
            asked = [name + self.near.get(name, "").replace("; ", " (").replace("?", "?)") for name in self.unset]
            message = f"variables without a value: {', '.join(asked)}"
        self.problems.append(Problem("unset-variable", message, self.unset[first], hint))

    def _valid_value(self, name: str) -> str:
        """A value that a name without one can have: yes, 2, or a word of the key whose value it is."""
        if name in self.yes_or_no:
            return "yes"
        if name in self.keys:
            _, reader = self.keys[name]
            try:
                reader(2)
            except ValueProblem:
                return reader.words[0]
        return "2"

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
            if item.times is not None:
                self._note_names(item.times, known, (), volumes=False)
            if item.condition is not None:
                self._note_names(item.condition, known, Boolean.words, volumes=False)

    def _walk_layer(self, unit: LayerSyntax, known: frozenset[str]) -> None:
        plan = self.planner.plan(unit)
        for key, given in plan.given.items():
            words: Iterable[str] = KEY_WORDS
            holds_names = False
            if plan.kind is not None:
                reader = plan.kind.keys[key].reader
                words, holds_names = reader.words, reader.holds_names
                if words and isinstance(given.value, Name) and given.value.text.lower() not in words:
                    self.keys.setdefault(given.value.text, (key, reader))
            self._note_names(given.value, known, words, holds_names=holds_names)
        for operand in (plan.frozen, plan.training_only, plan.transposed):
            if operand is not None:
                self._note_names(operand, known, Boolean.words)
        labels = (*plan.inputs, *((plan.share,) if plan.share is not None else ()))
        for label in labels:
            for part in label.parts:
                if isinstance(part, Code):
                    self._note_names(part, known, (), volumes=False)

    def _note_names(
        self,
        operand: Operand,
        known: Iterable[str],
        words: Iterable[str],
        *,
        volumes: bool = True,
        holds_names: bool = False,
    ) -> None:
        """Notes which names an operand uses, and which of them have no value.

        ``known`` are local names; ``words`` are key words, not names; with ``holds_names`` also in lists.
        ``volumes``: names of sizes of a volume are allowed.
        """
        if isinstance(operand, ListOperand):
            for part in operand.items:
                self._note_names(part, known, words, volumes=volumes, holds_names=holds_names)
            return
        if isinstance(operand, Name):
            names: Mapping[str, Span] = {operand.text: operand.span} if operand.text.lower() not in words else {}
        elif isinstance(operand, Code):
            names = {name: span for name, span in operand.names.items() if not (holds_names and name.lower() in words)}
        else:
            return
        for name, span in names.items():
            if name in known:
                continue
            self.used.add(name)
            if name in self.known or name.lower() in KEY_WORDS:
                continue
            if name in VOLUME_NAMES:
                if not volumes:
                    message = f"counts, conditions and names cannot depend on a volume, but '{name}' does"
                    self.problems.append(Problem("graph-needs-volume", message, span))
                continue
            if name not in self.unset:
                self.unset[name] = span
                if len(name) > 1 and len(self.unset) <= MAX_PROBLEMS:  # a single letter is similar to any short name
                    is_word = bool(words) and isinstance(operand, Name)  # then the key takes words, not sizes
                    sides = VOLUME_NAMES if volumes and not is_word else ()
                    self.near[name] = did_you_mean(name, (*sides, *known, *words, *self.known, *self.design.variables))
            if isinstance(operand, Name) and words == Boolean.words:
                self.yes_or_no.add(name)

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
                at = following.unit.span
                self.problems.append(Problem("fork-without-merge", FORK_NEEDS_A_MERGE, at))
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


def is_merge(item: Item, planner: Planner) -> bool:
    """Whether an item is a merge, which joins several volumes."""
    return isinstance(item.unit, LayerSyntax) and planner.plan(item.unit).is_merge


def label_of(unit: LayerSyntax | GroupSyntax, planner: Planner) -> Label | None:
    """The label of a layer, a call or a group; None if it has none."""
    return unit.label if isinstance(unit, GroupSyntax) else planner.plan(unit).name


def begins_with_input(items: Sequence[Item], planner: Planner) -> bool:
    """Whether a chain begins with INPUT, also inside a group or in a branch of a fork; not inside a block."""
    while items:
        unit = items[0].unit
        if isinstance(unit, GroupSyntax):
            if len(unit.branches) > 1:
                return any(begins_with_input(branch, planner) for branch in unit.branches)
            items = unit.branches[0]
            continue
        plan = planner.plan(unit)
        if plan.block is not None:
            return False
        return plan.kind is not None and plan.kind.is_input
    return False
