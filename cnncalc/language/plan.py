"""The plan of a layer as written: its kind or block, and the value of each key.

A layer is planned once, however often it is repeated, so that each of its problems is reported once.
"""

from __future__ import annotations

from cnncalc.errors import MAX_PROBLEMS, Problem, Problems
from cnncalc.language.expression import Code
from cnncalc.language.syntax import Argument, Block, Label, LayerSyntax, Literal, Name, Operand, References
from cnncalc.layers import KINDS
from cnncalc.layers.base import COMMON_KEYS, PARAMETER_KEYS, TYING_KEYS
from cnncalc.layers.keys import is_whole, shown
from cnncalc.records import NamedTuple
from cnncalc.units import MAX_DIGITS, plural, too_many_digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cnncalc.layers.base import Layer
    from cnncalc.source import Span

CALL_KEYS = (*COMMON_KEYS, *PARAMETER_KEYS)
"""The keys that a call takes in addition to the parameters of its block."""

KEY_WORDS = frozenset(
    word
    for kind in KINDS.values()
    for key in kind.keys.values()
    for word in key.reader.words
    if not key.reader.holds_names and word not in ("depth", "volume")
)
"""Words that a block's parameter can have as its value, such as ``same``; other names are variables."""


class Given(NamedTuple):
    """The value of a key as written, and the place of the key."""

    value: Operand
    span: Span


class Plan:
    """The kind or block of a layer as written, and the values of its keys.

    One of ``kind``, ``block`` and ``is_from`` is set, unless ``is_broken``: the layer has a problem, which is reported.
    """

    __slots__ = (
        "block",
        "fixed",
        "frozen",
        "given",
        "inputs",
        "is_broken",
        "is_from",
        "key_spans",
        "kind",
        "made",
        "name",
        "share",
        "share_span",
        "syntax",
        "training_only",
        "transposed",
    )  # fmt: skip

    def __init__(self, syntax: LayerSyntax) -> None:
        self.syntax = syntax
        self.kind: type[Layer] | None = None
        self.block: Block | None = None
        self.is_from = False
        self.is_broken = False
        self.given: dict[str, Given] = {}
        self.name: Label | None = syntax.label
        self.inputs: tuple[Label, ...] = syntax.references
        self.share: Label | None = None
        self.share_span: Span | None = None
        self.frozen: Operand | None = None
        self.training_only: Operand | None = None
        self.transposed: Operand | None = None
        self.key_spans: dict[str, Span] = {}
        self.fixed: Layer | None = None
        """The layer, if it is the same wherever it is used."""
        self.made: dict[tuple[Any, ...], Layer] = {}
        """The layers that were made, by the values of their keys; also those made with other settings."""

    @property
    def is_merge(self) -> bool:
        """Whether it joins several volumes (ADD, CONCAT)."""
        return self.kind is not None and self.kind.is_merge


class Planner:
    """Plans the layers of one design and adds their problems to ``problems``."""

    def __init__(self, blocks: Mapping[str, Block], problems: Problems) -> None:
        self.blocks = blocks
        self.problems = problems
        self._known: dict[int, Plan] = {}

    def plan(self, syntax: LayerSyntax) -> Plan:
        """The plan of a written layer."""
        plan = self._known.get(id(syntax))
        if plan is None:
            plan = self._known[id(syntax)] = Plan(syntax)
            before = len(self.problems)
            first = self._look_up(plan)
            if plan.kind is not None:
                self._kind_keys(plan, plan.kind, first)
            elif plan.block is not None:
                self._block_keys(plan, plan.block, first)
            plan.is_broken = len(self.problems) > before
        return plan

    def forget_layers(self) -> None:
        """Keeps the plans but drops their ``fixed`` layers, which other settings may change."""
        for plan in self._known.values():
            plan.fixed = None

    def _problem(self, code: str, message: str, span: Span, hint: str | None = None) -> None:
        self.problems.append(Problem(code, message, span, hint))

    def _look_up(self, plan: Plan) -> Operand | None:
        """Sets the kind or block of a plan; returns its size, which may be part of the word: CONV3, C1x7."""
        syntax = plan.syntax
        if self._set_kind(plan, syntax.word):
            return syntax.first
        stem, sizes = _cut(syntax.word)
        if not stem or not sizes or not self._set_kind(plan, stem):
            self._unknown(syntax, stem if sizes else syntax.word)
            return None
        digits = sizes.replace("\u00d7", "x").split("x")
        if (longest := max(map(len, digits))) > MAX_DIGITS:
            self._problem("limit", too_many_digits(longest), syntax.span)
            return None
        if any(part[0] == "0" and len(part) > 1 for part in digits):
            self._problem("number", f"a number cannot begin with 0: '{sizes}'", syntax.span)
            return None
        if syntax.first is not None:
            self._problem("repeated-key", f"two sizes for one layer: {sizes} and another", syntax.span)
        numbers = [int(part) for part in digits]
        return Literal(numbers[0] if len(numbers) == 1 else numbers, syntax.span)

    def _set_kind(self, plan: Plan, word: str) -> bool:
        """Sets the kind or block named by a word; returns whether there is one."""
        if word in self.blocks:
            plan.block = self.blocks[word]
        elif word.lower() in KINDS:
            plan.kind = KINDS[word.lower()]
        elif word.lower() == "from":
            plan.is_from = True
            self._check_from(plan)
        else:
            return False
        return True

    def _unknown(self, syntax: LayerSyntax, stem: str) -> None:
        word, near, hint = syntax.word, "", None
        import re

        if len(self.problems) <= MAX_PROBLEMS:  # hints beyond MAX_PROBLEMS are not shown
            from cnncalc.language.translation import kind_hint

            meant = kind_hint(syntax, word[len(stem) :])
            if meant is not None:
                near, hint = meant
            elif (sizes := re.fullmatch("(.*?[^0-9x])([0-9]+(?:x[0-9]+)*)x", word)) and isinstance(syntax.first, Code):
                hint = _listed_sizes(sizes[1], sizes[2], syntax.first)
            elif (written := self._with_variable(word)) is not None:
                hint = f"with a variable it is written {written}"
            elif len(word) > 1:  # a single letter is probably a variable
                known = [kind if word.islower() else kind.upper() for kind in KINDS] + list(self.blocks)
                near = self.problems.near(stem or word, known) or self.problems.near(word, known)
        if not near and not hint and re.fullmatch(r"[NMK]|[a-z]", word):
            hint = "a variable follows '-', '/', '*' or '?', or is an argument"
        self._problem("unknown-layer", f"no layer kind or block '{word}'{near}", syntax.span, hint)

    def _with_variable(self, word: str) -> str | None:
        """How a word that ends with a name, such as ``CONVk``, is written if the name is a variable: ``CONV{k}``."""
        stem = word.rstrip("abcdefghijklmnopqrstuvwxyz_")
        name, kind = word[len(stem) :], KINDS.get(stem.lower())
        if not name:
            return None
        block = self.blocks.get(stem)
        if any(each.name == "kernel" for each in block.parameters) if block else kind is not None and kind.first:
            return f"{stem}{{{name}}}"
        return f"{stem}-{name}" if not block and kind is not None and kind.dash else None

    def _check_from(self, plan: Plan) -> None:
        syntax = plan.syntax
        extra = syntax.first or syntax.dash or syntax.slash or syntax.arguments or syntax.stated or syntax.label
        if len(syntax.references) != 1 or extra:
            self._problem("wrong-inputs", "FROM takes the name of one layer and nothing else: FROM(@a)", syntax.span)

    def _take(self, plan: Plan, key: str, value: Operand, span: Span) -> None:
        if key in plan.given:
            self._problem("repeated-key", f"{plan.syntax.word}: '{key}' is given twice", span)
            return
        plan.given[key] = Given(value, span)
        plan.key_spans[key] = span

    def _kind_keys(self, plan: Plan, kind: type[Layer], first: Operand | None) -> None:
        syntax = plan.syntax
        upper = kind.kind.upper()
        for value, key, what in (
            (first, kind.first, "number after its name"),
            (syntax.dash, kind.dash, "'-'"),
            (syntax.slash, kind.slash, "'/'"),
        ):
            if value is None:
                continue
            if key is None:
                hint = _short_form(kind, syntax, value, first)
                self._problem("unknown-key", f"{upper} takes no {what}", value.span, hint)
            else:
                self._take(plan, key, value, value.span)
        bare: list[str | None] = [kind.bare, *kind.further_bare]
        for argument in syntax.arguments:
            if argument.key is None:
                self._bare(plan, kind, argument, bare.pop(0) if bare else None)
            elif argument.key in kind.keys:
                self._take(plan, argument.key, argument.value, argument.span)
            elif argument.key in (*CALL_KEYS, *TYING_KEYS):
                self._common(plan, argument, kind)
            else:
                self._unknown_key(kind, argument)
        if syntax.references and not kind.is_merge and kind.second_input is None:
            message = f"{upper} reads the layer before it; FROM, merges and layers with a second input take '@name'"
            self._problem(
                "wrong-inputs", message, syntax.references[0].span, "write inputs=@name to read another layer"
            )

    def _bare(self, plan: Plan, kind: type[Layer], argument: Argument, key: str | None) -> None:
        """Takes an argument without a key, which is the value of ``key``; None: all keys have theirs."""
        syntax, upper = plan.syntax, kind.kind.upper()
        message, hint = self._bare_hint(kind, argument, plan, may_be_value=key is not None and key not in plan.given)
        if hint is not None:
            self._problem("unknown-key", message, argument.span, hint)
        elif kind.bare is None:
            several = (kind.is_merge or kind.needs_second_input) and syntax.in_file
            hint = f"write {kind.kind}: {{inputs: [a, b]}}" if several else _short_form(kind, syntax, argument.value)
            self._problem("unknown-key", f"{upper} takes no value without a key", argument.span, hint)
        elif key is None:
            taken = (kind.bare, *kind.further_bare)
            count = "one value" if len(taken) == 1 else f"{len(taken)} values"
            message = f"{upper} takes {count} without a key ({', '.join(taken)}); name the others: key=value"
            self._problem("unknown-key", message, argument.span, _without_depth(kind, syntax))
        else:
            self._take(plan, key, argument.value, argument.span)

    def _bare_hint(
        self, kind: type[Layer], argument: Argument, plan: Plan, *, may_be_value: bool
    ) -> tuple[str, str | None]:
        """The message and the hint for a word that needs its key (``round=ceil``) or is one (``ceil_mode``).

        The hint is None for other values. ``may_be_value``: the layer takes a value at this place, so a word may be a
        variable.
        """
        if not isinstance(argument.value, (Name, Literal)):
            return "", None
        from cnncalc.language.foreign import bare_hint, flag_hint

        upper, syntax = kind.kind.upper(), plan.syntax
        given = [other.key for other in syntax.arguments]
        hint = bare_hint(kind, argument.value, given, in_file=argument.in_file, may_be_value=may_be_value)
        if hint or may_be_value:
            return f"{upper} takes this word only with its key", hint
        hint = flag_hint(kind, argument.value, plan.given, in_file=argument.in_file)
        return f"{upper} takes this key only with a value", hint

    def _unknown_key(self, kind: type[Layer], argument: Argument) -> None:
        key, near, hint = argument.key or "", "", None
        if len(self.problems) <= MAX_PROBLEMS:
            from cnncalc.language.foreign import key_hint

            hint = key_hint(key, kind, argument.value, in_file=argument.in_file)
            near = "" if hint else self.problems.near(key, (*kind.keys, *kind.common_keys()))
        self._problem("unknown-key", f"{kind.kind} has no key '{key}'{near}", argument.span, hint)

    def _common(self, plan: Plan, argument: Argument, kind: type[Layer] | None) -> None:
        """Takes a key that any kind or call may have; ``kind`` is None for a call."""
        key, value = argument.key or "", argument.value
        if key in plan.key_spans:
            self._problem("repeated-key", f"{plan.syntax.word}: '{key}' is given twice", argument.span)
            return
        plan.key_spans[key] = argument.span
        if key in PARAMETER_KEYS and kind is not None and not kind.learns:
            self._problem("unknown-key", without_parameters(kind, key), argument.span)
        elif key in TYING_KEYS:
            self._take_transposed(plan, argument, kind)
        elif key == "trainable":
            plan.frozen = value
        elif key == "training_only":
            plan.training_only = value
        else:
            labels = _labels(value)
            if labels is None or (key != "inputs" and len(labels) != 1):
                what = "names" if key == "inputs" else "a name"
                hint = "write inputs=[@a, @b]" if key == "inputs" and not argument.in_file else None
                self._problem("wrong-type", f"{key}: expected {what}", value.span, hint)
            else:
                self._take_names(plan, key, labels, argument.span)

    def _take_transposed(self, plan: Plan, argument: Argument, kind: type[Layer] | None) -> None:
        if kind is None:
            message = "a call shares layer for layer; weights are transposed from one layer to another"
            self._problem("unknown-key", message, argument.span, "write transposed: yes at the layer itself")
        elif kind.tied_to is None:
            tied = ", ".join(f"{known.kind} (of {known.tied_to})" for known in KINDS.values() if known.tied_to)
            message = f"{kind.kind} has no weights that can be those of another layer, transposed"
            self._problem("unknown-key", message, argument.span, f"they can be in {tied}")
        else:
            plan.transposed = argument.value

    def _take_names(self, plan: Plan, key: str, labels: tuple[Label, ...], span: Span) -> None:
        if key == "inputs":
            if plan.inputs:
                self._problem("repeated-key", f"{plan.syntax.word}: its inputs are given twice", span)
            plan.inputs = labels
        elif key == "share":
            plan.share, plan.share_span = labels[0], span
        elif plan.name is not None:
            self._problem("repeated-key", "a layer can have only one name", span)
        else:
            plan.name = labels[0]

    def _block_keys(self, plan: Plan, block: Block, first: Operand | None) -> None:
        syntax = plan.syntax
        before = len(self.problems)
        for value, wanted, what in (
            (first, ("kernel",), "number after its name"),
            (syntax.dash, ("filters", "units"), "'-'"),
            (syntax.slash, ("stride",), "'/'"),
        ):
            if value is not None:
                self._block_size(plan, block, value, wanted, what)
        for argument in syntax.arguments:
            self._block_argument(plan, block, argument)
        missing = [p.name for p in block.parameters if p.default is None and p.name not in plan.given]
        if missing and len(self.problems) == before:
            message = f"the block {block.name} needs a value for {', '.join(missing)}"
            self._problem("missing-key", message, syntax.span)
        if syntax.references:
            message = f"a call of {block.name} takes the volume before it"
            self._problem(
                "wrong-inputs", message, syntax.references[0].span, "write inputs=@name to read another layer"
            )

    def _block_size(self, plan: Plan, block: Block, value: Operand, wanted: tuple[str, ...], what: str) -> None:
        """Takes a value of the short form for the parameter that has one of the ``wanted`` names."""
        key = next((name for name in wanted if name in block.names), None)
        if key is None:
            message = f"the block {block.name} has no parameter named {' or '.join(wanted)}, so it takes no {what}"
            self._problem("unknown-key", message, value.span)
        else:
            self._take(plan, key, value, value.span)

    def _block_argument(self, plan: Plan, block: Block, argument: Argument) -> None:
        names = block.names
        if argument.key is None:
            free = next((name for name in names if name not in plan.given), None)
            if free is None:
                count = plural(len(names), "value")
                message = f"the block {block.name} takes {count}, but more are given"
                self._problem("unknown-key", message, argument.span)
            else:
                self._take(plan, free, argument.value, argument.span)
        elif argument.key in names:
            self._take(plan, argument.key, argument.value, argument.span)
        elif argument.key in (*CALL_KEYS, *TYING_KEYS):
            self._common(plan, argument, None)
        else:
            near = self.problems.near(argument.key, (*names, *CALL_KEYS))
            message = f"the block {block.name} has no parameter '{argument.key}'{near}"
            self._problem("unknown-key", message, argument.span)


def without_parameters(kind: type[Layer], key: str) -> str:
    """What is wrong with ``trainable`` or ``share`` of a kind that has no parameters."""
    return f"{kind.kind} has no parameters to {'freeze' if key == 'trainable' else 'share'}"


def _labels(value: Operand) -> tuple[Label, ...] | None:
    """The labels that a value holds: @a, [@a, @b], a bare word, a word or number of a file; None for anything else."""
    if isinstance(value, References):
        return value.labels
    if isinstance(value, Name):
        return (Label((value.text,), value.span),)
    if isinstance(value, Literal) and isinstance(value.value, (str, int)):
        return (Label((str(value.value),), value.span),)
    return None


def _listed_sizes(word: str, sizes: str, last: Code) -> str | None:
    """The hint for ``CONV1x{k}``: sizes of which one is an expression are a list in braces, ``CONV{[1, k]}``."""
    kind = KINDS.get(word.lower())
    if kind is None or kind.first is None:
        return None
    expression = last.span.source.text[last.span.start + 1 : last.span.end - 1].strip()
    return f"write {word}{{[{', '.join([*sizes.split('x'), expression])}]}}"


def _without_depth(kind: type[Layer], syntax: LayerSyntax) -> str | None:
    """The hint for FC(512, 10), which has the depth of the input before the units, as in PyTorch; else None."""
    values = [argument.value for argument in syntax.arguments if argument.key is None]
    units = values[1].value if len(values) == 2 and isinstance(values[1], Literal) else None
    if kind.first or kind.depth_key != kind.bare or not is_whole(units):
        return None
    return f"write {kind.kind.upper()}-{shown(units)}: the depth of the input is known"


def _short_form(kind: type[Layer], syntax: LayerSyntax, value: Operand, first: Operand | None = None) -> str:
    """The hint with the form of a layer of a kind: with a ``value`` that it does not take here where it may stand.

    ``first`` is the value after its name.
    """
    from cnncalc.language.foreign import second_input_hint

    form, text = kind.kind.upper(), _as_size(value)
    if kind.needs_second_input:
        return second_input_hint(kind, in_file=syntax.in_file)
    if kind.is_merge:
        name = value.text if isinstance(value, Name) else "name"
        return f"write {form} after a fork, or {form}(@{name})"
    if kind.bare and not (kind.first or kind.dash or kind.slash):
        return f"write {form}({text})"
    given = [(kind.first, " " if kind.first == "size" else "", first), (kind.dash, "-", syntax.dash)]
    given.append((kind.slash, "/", syntax.slash))
    free = next((key for key, _, there in given if key and (there is None or there is value)), None)
    for key, sign, there in given:
        if key and (there is not None or key == free):
            form += f"{sign}{text if key == free or there is None else _as_size(there)}"
    if free is not None or not kind.keys:
        return f"write {form}"
    return f"write {form}; its {'key is' if len(kind.keys) == 1 else 'keys are'} {', '.join(kind.keys)}"


def _as_size(value: Operand) -> str:
    """A value as it stands in the short form: ``3``, ``3x3``, ``{2*k}``."""
    if isinstance(value, Literal):
        return "x".join(map(str, value.value)) if isinstance(value.value, list) else str(value.value)
    return value.span.source.text[value.span.start : value.span.end]


def _cut(word: str) -> tuple[str, str]:
    """A word without the sizes at its end, and these (empty: none): ``C1x7`` gives C and 1x7."""
    at = len(word)
    while True:
        stem = word[:at].rstrip("0123456789")
        if len(stem) == at:  # no digit before the mark
            break
        at = len(stem)
        if at < 2 or stem[-1] not in "x\u00d7" or stem[-2] not in "0123456789":
            break
        at -= 1
    return word[:at], word[at:]
