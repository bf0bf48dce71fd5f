"""The names of the layers of an expanded net: labels, generated names, references, and shared parameters."""

from __future__ import annotations

from math import prod

from cnncalc.errors import MAX_CANDIDATES, MAX_PROBLEMS, DesignError, Problem, did_you_mean, did_you_mean_or
from cnncalc.language.limits import NAME_CHARACTERS, REFERENCES
from cnncalc.language.values import fixed_value_of
from cnncalc.layers.keys import is_whole, shown
from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cnncalc.language.expression import Code
    from cnncalc.language.plan import Plan
    from cnncalc.language.syntax import Label
    from cnncalc.language.values import Environment
    from cnncalc.layers.base import Layer
    from cnncalc.layers.keys import Value
    from cnncalc.source import Span
    from cnncalc.volume import Volume


class Scope:
    """A part of the net whose names begin with ``prefix`` (``layer1.0.``) and whose layers are numbered on their own.

    ``outer`` is the scope around it, in which references that it does not resolve are looked up.
    """

    __slots__ = ("counters", "outer", "prefix")

    def __init__(self, prefix: str, outer: Scope | None) -> None:
        self.prefix = prefix
        self.outer = outer
        self.counters: dict[str, int] = {}

    def number(self, kind: str) -> int:
        """Counts one more layer of a kind, or call of a block, and returns its number, from 1."""
        count = self.counters.get(kind, 0) + 1
        self.counters[kind] = count
        return count


class Reference:
    """``@name`` in a scope; ``port`` is set once all names are known."""

    __slots__ = ("name", "port", "scope", "span")

    def __init__(self, name: str, scope: Scope, span: Span) -> None:
        self.name = name
        self.scope = scope
        self.span = span
        self.port: int | Reference | None = None


class Spec:
    """A layer of the expanded net before its references are resolved.

    ``inputs`` are ports (see :class:`Names`), and indices of specs once all references are resolved. ``share`` is the
    index of the layer whose parameters it uses; ``values`` are the values of its keys.
    """

    __slots__ = (
        "called_frozen", "frozen", "inputs", "is_broken", "is_named", "is_output", "kind", "layer", "name", "open_key",
        "plan", "share", "stated", "stated_span", "training_only", "transposed", "values",
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
        self.called_frozen = False
        """Whether a call around it has ``trainable=no``."""
        self.training_only = False
        self.is_broken = False
        self.open_key: str | None = None
        """The key whose value depends on the place of the layer in the graph, as the units of the last FC do."""
        self.is_output = False
        self.share: int | None = None
        self.transposed = False


def _in_name(value: Value, part: str | Code) -> str:
    """A value as a part of a name; raises DesignError unless it is a word or a whole number."""
    if not is_whole(value) and not isinstance(value, str):
        message = f"a name holds whole numbers and words, found {shown(value)}"
        raise DesignError([Problem("wrong-name", message, None if isinstance(part, str) else part.span)])
    return str(value)


class _Shared(NamedTuple):
    """Layers ``start`` to ``end`` - 1 use the parameters of the layer or call to which ``owner`` refers."""

    start: int
    end: int
    owner: Reference
    span: Span
    transposed: bool


class Names:
    """The layers of a net in the order of the text, and their names.

    A port stands for the output of a layer: it is the index of the layer in ``specs``, or a Reference, to which
    ``resolve`` gives one. ``inputs`` are the indices of the net's inputs, ``named_ports`` the port of each name,
    ``ranges`` the layers (first, one after the last) of each named group and call.
    """

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self.specs: list[Spec] = []
        self.inputs: list[int] = []
        self.named_ports: dict[str, int | Reference] = {}
        self.written_at: dict[str, Span] = {}
        self.ranges: dict[str, tuple[int, int]] = {}
        self.references_used: list[Reference] = []
        self.listed = 0
        """How many references came from labels with a list in braces."""
        self.shared: list[_Shared] = []
        self.unnamed_inputs: list[tuple[int, Scope]] = []

    # names given

    def label(self, label: Label, environment: Environment, scope: Scope, number: int | None) -> str:
        """The name that a label gives, with the prefix of its scope; in a repeat with the ``number`` of the iteration.

        Raises DesignError for an invalid or too long name, as the other methods that take a label do.
        """
        text = self._text(label, environment)
        return check_length(scope.prefix + text + ("" if number is None else f".{number}"), label.span)

    def _text(self, label: Label, environment: Environment) -> str:
        """The text of a label, its expressions evaluated."""
        parts = [
            part if isinstance(part, str) else _in_name(fixed_value_of(part, environment), part) for part in label.parts
        ]
        return self._checked("".join(parts), label)

    def _checked(self, text: str, label: Label) -> str:
        """The text; raises DesignError if it is not a valid name."""
        if not all(text.split(".")) or text.startswith("-") or not all(c.isalnum() or c in "_-./" for c in text):
            message = f"a name holds letters, digits, '_', '-', '/' and single dots between them, found '{text}'"
            raise DesignError([Problem("wrong-name", message, label.span)])
        return text

    def add(self, spec: Spec, scope: Scope, written: str | None) -> int:
        """Adds a layer under the name that is written (None: under a generated one); returns its index."""
        place = len(self.specs)
        kind = spec.kind.kind
        number = scope.number(kind)
        self.specs.append(spec)
        if spec.kind.is_input:
            self.inputs.append(place)
        if written is not None:
            spec.name = written
            spec.is_named = True
            self.define(spec.name, place, spec.plan.name.span if spec.plan.name is not None else spec.plan.syntax.span)
        elif spec.kind.is_input:
            spec.name = f"{scope.prefix}input{number}"
            self.unnamed_inputs.append((place, scope))
        else:
            spec.name = f"{scope.prefix}{kind}{'_' if kind[-1].isdigit() else ''}{number}"
            self.define(spec.name, place, spec.plan.syntax.span, is_generated=True)
        return place

    def add_placeholder(self, spec: Spec, scope: Scope) -> int:
        """Adds the placeholder of an invalid layer, names it if its label has no expressions, and returns its index."""
        place, label = len(self.specs), spec.plan.name
        spec.name = f"{scope.prefix}?{place}"
        self.specs.append(spec)
        if label is not None and all(isinstance(part, str) for part in label.parts):
            name = scope.prefix + "".join(str(part) for part in label.parts)
            if self.named_ports.setdefault(name, place) == place:
                self.written_at[name] = label.span
        return place

    def define(self, name: str, port: Any, span: Span, *, is_generated: bool = False) -> None:
        """Gives a port a name; reports a name that is given twice."""
        if name not in self.named_ports:
            self.named_ports[name] = port
            if not is_generated:
                self.written_at[name] = span
            return
        block = name.rpartition(".")[0]
        while block:
            if block in self.ranges:
                return  # reported for the whole block
            block = block.rpartition(".")[0]
        if is_generated:
            message = f"the name '{name}' is also the automatic name of another layer"
            self.problems.append(Problem("repeated-name", message, self.written_at.get(name, span)))
        elif name not in self.written_at:
            message = f"the name '{name}' is also the automatic name of another layer"
            self.problems.append(Problem("repeated-name", message, span))
        else:
            hint = None
            if self.written_at[name] == span:
                hint = "inside a repeat put the index into the name, as in *3 as i and @a{i}, or name the repeat"
            self.problems.append(Problem("repeated-name", f"the name '{name}' is defined twice", span, hint))

    def name_range(self, name: str, start: int, ports: list[Any], span: Span, *, is_output: bool) -> None:
        """Names a group or call whose layers begin at ``start``; the name refers to its one output.

        ``is_output``: the output may be read by no layer, since the name makes it an output of the net.
        """
        self.ranges[name] = (start, len(self.specs))
        if len(ports) == 1:
            self.define(name, ports[0], span)
            if is_output and isinstance(ports[0], int) and ports[0] >= start:
                self.specs[ports[0]].is_output = True

    def name_repeat(self, name: str, last: int, port: Any, span: Span) -> None:
        """Makes the name of a repeat, without a number, that of its last iteration."""
        self.define(name, port, span)
        if f"{name}.{last}" in self.ranges:
            self.ranges[name] = self.ranges[f"{name}.{last}"]

    # names used

    def references(self, label: Label, environment: Environment, scope: Scope) -> list[Reference]:
        """The references of a label: several, one for each element, if an expression in it gives a list."""
        values = [part if isinstance(part, str) else fixed_value_of(part, environment) for part in label.parts]
        if not any(isinstance(value, list) for value in values):
            return [self.reference(label, environment, scope)]
        self.listed += prod([max(1, len(value)) for value in values if isinstance(value, list)])
        if self.listed > REFERENCES:
            message = f"names with lists give at most {REFERENCES:,} references in a net"
            raise DesignError([Problem("limit", message, label.span)])
        texts = [""]
        for part, value in zip(label.parts, values, strict=True):
            each = value if isinstance(value, list) else [value]
            texts = [text + _in_name(one, part) for text in texts for one in each]
        found = [Reference(self._checked(text, label), scope, label.span) for text in texts]
        self.references_used += found
        return found

    def reference(self, label: Label, environment: Environment, scope: Scope, *, is_input: bool = True) -> Reference:
        """The reference of a label; ``resolve`` looks it up if it is an input of a layer."""
        reference = Reference(self._text(label, environment), scope, label.span)
        if is_input:
            self.references_used.append(reference)
        return reference

    def share(
        self, plan: Plan, label: Label, start: int, environment: Environment, scope: Scope, *, transposed: bool = False
    ) -> None:
        """Notes that the layers from ``start`` on use the parameters of the layer or call of a label.

        ``transposed``: it is one layer, which uses the weights of another one with inputs and outputs swapped.
        """
        owner = self.reference(label, environment, scope, is_input=False)
        self.shared.append(_Shared(start, len(self.specs), owner, plan.share_span or plan.syntax.span, transposed))

    def resolve(self) -> bool:
        """Names the inputs, resolves all references and shares; returns whether all names were found."""
        for place, scope in self.unnamed_inputs:
            spec = self.specs[place]
            if len(self.inputs) == 1:
                spec.name = scope.prefix + "input"
            self.define(spec.name, place, spec.plan.syntax.span, is_generated=True)
        found = [self._resolve(reference) for reference in self.references_used]
        self._pair()
        return all(found)

    def place_of(self, port: Any) -> int | None:
        """The index of the layer of a port; None for a reference to no layer, or in a cycle of references."""
        seen = 0
        while isinstance(port, Reference):
            port = port.port
            seen += 1
            if seen > len(self.references_used) + 1:
                return None
        return port if isinstance(port, int) else None

    def _resolve(self, reference: Reference) -> bool:
        """Sets the port of a reference, looked up in the innermost scope first; reports an unknown name."""
        found = self._find(reference, self.named_ports)
        if found is None and reference.name == "input" and self.inputs:
            found = self.inputs[0]
        if found is None:
            near = self._nearest(reference, is_input=True, lists_all=True)
            self.problems.append(Problem("unknown-name", f"unknown layer '{reference.name}'{near}", reference.span))
            return False
        reference.port = found
        return True

    def _nearest(self, reference: Reference, *, is_input: bool, lists_all: bool = False) -> str:
        """``; did you mean ...?`` with the most similar name, as written in its scope; never the layer itself.

        ``lists_all``: the first names where none is similar.
        """
        if len(self.problems) > MAX_PROBLEMS:
            return ""  # it is not shown
        known: dict[str, None] = {}
        scope: Scope | None = reference.scope
        while scope is not None:
            for name, port in self.named_ports.items():
                reads_it = is_input and isinstance(port, int) and reference in self.specs[port].inputs
                if name.startswith(scope.prefix) and "?" not in name and not reads_it:
                    known[name[len(scope.prefix) :]] = None
                    if len(known) == MAX_CANDIDATES:
                        return did_you_mean(reference.name, known)
            scope = scope.outer
        listed = lists_all and len(known) > 0
        return did_you_mean_or(reference.name, [*known], "names") if listed else did_you_mean(reference.name, known)

    def _find(self, reference: Reference, table: Mapping[str, Any]) -> Any:
        """The entry of ``table`` for a name, in the innermost scope that has one; None if none has."""
        scope: Scope | None = reference.scope
        while scope is not None:
            found = table.get(scope.prefix + reference.name)
            if found is not None:
                return found
            scope = scope.outer
        return None

    def _pair(self) -> None:
        """Sets ``share`` of all layers that share parameters; the layers of two calls are paired in order."""
        for start, end, owner, span, transposed in self.shared:
            block = self._shared_block(owner, span)
            if block is None:
                continue
            mine = [place for place in range(start, end) if self.specs[place].kind.learns]
            theirs = [place for place in range(*block) if self.specs[place].kind.learns]
            kinds = [[self.specs[place].kind.kind for place in places] for places in (mine, theirs)]
            wanted = [self.specs[place].kind.tied_to for place in mine] if transposed else kinds[0]
            if wanted != kinds[1]:
                found = f"'{owner.name}' has {_listed(kinds[1])}"
                message = f"share: the kinds must be the same, but {found} and this has {_listed(kinds[0])}"
                if transposed:
                    message = f"share: transposed takes the weights of {wanted[0]}, but {found}"
                self.problems.append(Problem("share-mismatch", message, span))
                continue
            for own, other in zip(mine, theirs, strict=True):
                self.specs[own].share = other
                self.specs[own].transposed = transposed
        for place, spec in enumerate(self.specs):
            spec.share = self._owner(place)

    def _shared_block(self, owner: Reference, span: Span) -> tuple[int, int] | None:
        """The range of layers to which the name of ``share`` refers; reports an unknown name and returns None."""
        block: tuple[int, int] | None = self._find(owner, self.ranges)
        if block is not None:
            return block
        place = self.place_of(self._find(owner, self.named_ports))
        if place is not None:
            return place, place + 1
        near = self._nearest(owner, is_input=False)
        self.problems.append(Problem("unknown-name", f"share: unknown layer '{owner.name}'{near}", span))
        return None

    def _owner(self, place: int) -> int | None:
        """The layer whose parameters a layer uses, at the end of a sequence of shares; reports a cycle.

        That layer shares nothing, or only the weights of another one, transposed.
        """
        spec = self.specs[place]
        seen = {place}
        owner = found = spec.share
        while owner is not None and self.specs[owner].share is not None:
            if owner in seen:
                message = f"share: {spec.name} refers to itself"
                self.problems.append(Problem("cycle", message, spec.plan.share_span or spec.plan.syntax.span))
                return None
            seen.add(owner)
            if found == owner and not self.specs[owner].transposed:
                found = self.specs[owner].share
            owner = self.specs[owner].share
        return found


def check_length(name: str, span: Span) -> str:
    """The name; raises DesignError if it is too long."""
    if len(name) > NAME_CHARACTERS:
        message = (
            f"a name has at most {NAME_CHARACTERS} characters, its blocks included, but this one has {len(name):,}"
        )
        raise DesignError([Problem("limit", message, span)])
    return name


def _listed(kinds: list[str]) -> str:
    return ", ".join(kinds[:8]) + (", ..." if len(kinds) > 8 else "") if kinds else "no layers with parameters"
