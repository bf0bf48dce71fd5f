"""Evaluates operands at one place of the expansion: values of keys, repeats, conditions, arguments of calls."""

from __future__ import annotations

from cnncalc.errors import DesignError, Problem, ValueProblem
from cnncalc.language.expression import (
    VOLUME_NAMES,
    Code,
    Deferred,
    condition,
    deferred_code,
    deferred_list,
    deferred_side,
    entries_of,
    evaluate,
    exact,
)
from cnncalc.language.plan import KEY_WORDS
from cnncalc.language.settings import NO_VALUES
from cnncalc.language.syntax import ListOperand, Literal, Name, References
from cnncalc.language.yaml_numbers import yaml_number_hint
from cnncalc.layers.keys import Boolean, is_whole, shown, ways_to_whole
from cnncalc.records import NamedTuple
from cnncalc.units import plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from cnncalc.language.plan import Plan
    from cnncalc.language.syntax import Block, Design, Item, Operand
    from cnncalc.layers.keys import Value


MOST_IN_BRACES = 200
"""Characters of the longest expression that a hint writes in braces."""


class Environment(NamedTuple):
    """The values of names in a lexical scope: one call of a block, or one iteration of a repeat in it.

    ``entry`` is the port of the volume that enters the block, to which ``depth``, ``height`` and the like refer;
    outside of blocks they refer to the input of the layer.
    """

    values: dict[str, Value]
    entry: Any = None
    in_block: bool = False

    def bound(self, **more: Value) -> Environment:
        """The environment with further names."""
        return Environment({**self.values, **more}, self.entry, self.in_block)


class Iterations:
    """The iterations of a repeat, each as the names that it binds; made one by one, since there may be many.

    ``entries`` are the elements of the list that the repeat goes through (None: it has a count).
    """

    def __init__(self, count: int, entries: list[Value] | None, names: tuple[str, ...]) -> None:
        self.count = count
        self.entries = entries
        self.names = names

    def __bool__(self) -> bool:
        return self.count > 0

    def __iter__(self) -> Iterator[Mapping[str, Value]]:
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


class Variables:
    """The global variables of a design: those that the options set (``given``), and those of the file.

    ``invalid`` are the variables of the file with an invalid value, which ``problems`` reports.
    """

    def __init__(self, design: Design, given: Mapping[str, Value], problems: list[Problem]) -> None:
        self.given = frozenset(given)
        self.values: dict[str, Value] = dict(given)
        self.invalid: set[str] = set()
        self.problems = problems
        self._read(design)
        self.outside = Environment(self.values)
        """The values of names outside of blocks."""

    def inside(self, values: Mapping[str, Value], entry: Any) -> Environment:
        """The environment inside a block with these values of its parameters; ``entry`` is the port of its input."""
        return Environment({**self.values, **values}, entry, True)

    def bind(self, plan: Plan, block: Block, environment: Environment, entry: Any) -> dict[str, Value]:
        """The values of a block's parameters in one call; ``entry`` is the port of its input. Raises DesignError."""
        values: dict[str, Value] = {}
        for parameter in block.parameters:
            given = plan.given.get(parameter.name)
            try:
                if given is not None:
                    values[parameter.name] = exact(value_of(given.value, environment, entry, KEY_WORDS))
                elif parameter.default is not None:
                    inside = self.inside(values, entry)
                    values[parameter.name] = exact(value_of(parameter.default, inside, entry, KEY_WORDS))
            except ValueProblem as error:
                span = given.span if given is not None else block.span
                raise DesignError([Problem(error.code, f"{parameter.name}: {error.message}", span)]) from None
        return values

    def _read(self, design: Design) -> None:
        """Evaluates the file's variables that the options do not set; a variable may use those before it."""
        for name, default in design.variables.items():
            if default is None or name in self.values:
                continue
            later = [used for used in names_of(default.value) if used not in self.values and used in design.variables]
            if later:
                message = f"{name}: a variable can use only earlier variables, but '{min(later)}' has no value yet"
                self._refuse(name, Problem("unset-variable", message, default.span))
                continue
            try:
                found = exact(value_of(default.value, Environment(self.values), None, ()))
            except ValueProblem as error:
                self._refuse(name, Problem(error.code, f"{name}: {error.message}", default.span, error.hint))
                continue
            except DesignError as error:
                self._refuse(name, *error.every)
                continue
            wrong = _invalid_part(found)
            if wrong is not None:
                message = f"{name}: a variable holds numbers, sizes, lists of them or a key word, found {shown(wrong)}"
                hint = yaml_number_hint(wrong) or braces_hint(found, self.values, exact)
                self._refuse(name, Problem("wrong-type", message, default.span, hint))
                continue
            self.values[name] = found

    def _refuse(self, name: str, *problems: Problem) -> None:
        self.problems.extend(problems)
        self.invalid.add(name)


def value_of(
    operand: Operand, environment: Environment, entry: Any, words: Iterable[str], *, holds_names: bool = False
) -> Value:
    """The value of an operand; Deferred if it depends on volumes.

    ``entry`` is the port of the layer's input; ``words`` are the key words, which precede variables of the same name,
    with ``holds_names`` also those in lists. Raises DesignError or ValueProblem.
    """
    if isinstance(operand, Literal):
        return operand.value
    if isinstance(operand, Name):
        text = operand.text
        if text.lower() in words:
            return text.lower()
        if text in environment.values:
            return environment.values[text]
        if text in VOLUME_NAMES:
            return _part(text, environment, entry)
        return text
    if isinstance(operand, ListOperand):
        values = [value_of(part, environment, entry, words) for part in operand.items]
        return deferred_list(values) if entries_of(values) else values
    if isinstance(operand, References):
        raise ValueProblem("expected a value, found a reference", code="wrong-type")
    return _expression_value(operand, environment, entry, words if holds_names else ())


def _expression_value(code: Code, environment: Environment, entry: Any, words: Iterable[str]) -> Value:
    names: dict[str, Value] = {}
    for name in code.names:
        if name.lower() in words:
            names[name] = name.lower()
        elif name in environment.values:
            names[name] = environment.values[name]
        elif name in VOLUME_NAMES:
            names[name] = _part(name, environment, entry)
    if any(isinstance(value, Deferred) for value in names.values()):
        return deferred_code(code, names)
    try:
        return evaluate(code, names)
    except ValueProblem as error:
        raise DesignError([Problem(error.code, error.message, code.span, error.hint)]) from None


def _part(name: str, environment: Environment, entry: Any) -> Value:
    return deferred_side(name, environment.entry if environment.in_block else entry)


def fixed_value_of(operand: Operand, environment: Environment, words: Iterable[str] = ()) -> Value:
    """The value of an operand; raises DesignError if it depends on volumes."""
    value = value_of(operand, environment, None, words)
    if isinstance(value, Deferred):
        message = "counts, conditions and names cannot depend on a volume"
        raise DesignError([Problem("graph-needs-volume", message, operand.span)])
    return value


def braces_hint(value: Value, names: dict[str, Value], takes: Callable[[Any], object]) -> str | None:
    """The hint for an expression that a file writes without braces, such as ``width``; None for other values.

    ``names`` are the names with their values; ``takes`` raises ValueProblem for values that are not allowed here.
    """
    from cnncalc.language.assignment import value_text
    from cnncalc.language.pattern import parse_braces
    from cnncalc.source import Source, Text

    text = f"{{{value_text(value)}}}"
    if len(text) > MOST_IN_BRACES:
        return None
    try:
        computed = fixed_value_of(parse_braces(Text(text, Source("", text))), Environment(names))
        takes(computed)
    except (DesignError, ValueProblem):
        return None
    return None if computed == value else f'a variable or an expression is written in braces: "{text}"'


def holds(operand: Operand, environment: Environment) -> bool:
    """Whether the condition after a '?' holds; raises DesignError."""
    try:
        return condition(fixed_value_of(operand, environment, Boolean.words))
    except ValueProblem as error:
        raise DesignError([Problem(error.code, error.message, operand.span, error.hint)]) from None


def yes_or_no(operand: Operand, key: str, environment: Environment) -> bool:
    """The value of a boolean key; raises DesignError."""
    try:
        return Boolean()(fixed_value_of(operand, environment, Boolean.words))
    except ValueProblem as error:
        raise DesignError([Problem(error.code, f"{key}: {error.message}", operand.span, error.hint)]) from None


def iterations_of(item: Item, environment: Environment) -> Iterations:
    """The iterations of an item with '*'; raises DesignError for an invalid count or list, or too many names."""
    assert item.times is not None
    span = item.times.span
    value = fixed_value_of(item.times, environment)
    if is_whole(value):
        if value < 0:
            raise DesignError([Problem("negative-count", f"a repeat needs a count of at least 0, found {value}", span)])
        if len(item.names) > 1:
            message = f"a repeat count binds one name (its index), but 'as' has {len(item.names)}"
            raise DesignError([Problem("wrong-names", message, item.suffix_span)])
        return Iterations(value, None, item.names)
    if not isinstance(value, list):
        message = f"a repeat needs a whole number or a list, found {shown(value)}"
        raise DesignError([Problem("wrong-type", message, span, ways_to_whole(value))])
    if len(item.names) > 1:
        for entry in value:
            if not isinstance(entry, list) or len(entry) != len(item.names):
                count = len(entry) if isinstance(entry, list) else 1
                parts = plural(count, "part")
                message = f"'as' gives {len(item.names)} names, but the entry {shown(entry)} has {parts}"
                raise DesignError([Problem("wrong-names", message, item.suffix_span)])
    return Iterations(len(value), value, item.names)


def names_of(operand: Operand) -> set[str]:
    """The names in an operand: variables and words."""
    if isinstance(operand, Name):
        return {operand.text}
    if isinstance(operand, Code):
        return set(operand.names)
    if isinstance(operand, ListOperand):
        return set().union(*(names_of(part) for part in operand.items))
    return set()


def _invalid_part(value: Value) -> Value:
    """The first word in a variable's value that is not a key word; None if there is none."""
    if isinstance(value, list):
        for part in value:
            wrong = _invalid_part(part)
            if wrong is not None:
                return wrong
        return None
    if isinstance(value, str) and value.lower() not in (*KEY_WORDS, *VOLUME_NAMES, "volume"):
        return value
    return None
