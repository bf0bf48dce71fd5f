"""Reads an architecture file (YAML) into a design; each scalar is read as the type that its key expects."""

from __future__ import annotations

import os
import re
from functools import partial

from cnncalc.errors import MAX_COUNTED, DesignError, NotADesign, Problem, Problems, did_you_mean
from cnncalc.graph import Ignore
from cnncalc.language.limits import DECIMAL_CHARACTERS, IGNORED, PATTERN_CHARACTERS
from cnncalc.language.pattern import (
    PatternParser,
    check_name,
    parse_braces,
    parse_label,
    parse_pattern,
    parse_signature,
)
from cnncalc.language.plan import Planner, without_parameters
from cnncalc.language.syntax import (
    Argument,
    Block,
    Default,
    Design,
    Item,
    LayerSyntax,
    ListOperand,
    Literal,
    Operand,
    References,
)
from cnncalc.language.yaml_tree import Mapping, Node, Scalar, Sequence, YamlDocument, raw_value
from cnncalc.layers import KINDS, NEVER_BLOCKS
from cnncalc.layers.keys import DecimalNumber, VolumeSize, is_volume_size
from cnncalc.records import NamedTuple
from cnncalc.source import Span, visible
from cnncalc.units import MAX_DIGITS, too_many_digits
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

    from cnncalc.language.expression import Code
    from cnncalc.source import Source

KEYS = ("name", "title", "source", "forms", "input", "variables", "defaults", "blocks", "layers", "budget", "ignore")
"""The keys of an architecture file."""

KIND_KEYS = ("type", "kind", "op", "op_type", "class_name", "layer", "layer_type")
"""Keys whose value is the kind of a layer in other formats."""
MAX_HINT = 200
"""Characters of the longest entry that a hint shows rewritten."""
_WORD = "[A-Za-z_]{1,100}"
"""A kind or block without numbers and marks, which needs no parser."""
_INTEGER = r"-?(?:0|[1-9][0-9]*)"
_DECIMAL = r"-?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|-?[0-9]+[eE][+-]?[0-9]+"
_SIZE = "[1-9][0-9]*(?:[x\u00d7](?:0|[1-9][0-9]*))+"


def looks_like_file(text: str) -> bool:
    """Whether a text is an architecture file rather than a pattern: it parses as a mapping whose first key is a word.

    ``INPUT: [32x32x3]`` and ``INPUT -> CONV3-64: [224x224x64]`` are mappings to YAML as well, but patterns.
    """
    from cnncalc.source import Source

    # a key at the start of a line decides, even in a text that is too large or invalid; not the key 'input', since a
    # pattern may begin with it
    keys = "|".join(key for key in KEYS if key != "input")
    if re.search(f"^(?:{keys})[ ]*:", text, re.MULTILINE):
        return True
    try:
        root = YamlDocument(Source("<stdin>", text)).read()
    except DesignError:
        return re.search("^input[ ]*:", text, re.MULTILINE) is not None and "->" not in text
    if not isinstance(root, Mapping):
        return False
    first = root.entries[0][0].value if root.entries else ""
    return "->" not in first and "\u2192" not in first and not first.upper().startswith("INPUT ") and first != "INPUT"


class Parsed(NamedTuple):
    """What could be read of an architecture file: the design, its problems, and the planner of its layers.

    ``why_not_a_design`` says why the file is not meant as an architecture file (None: it is meant as one).
    """

    design: Design
    problems: Problems
    planner: Planner
    why_not_a_design: str | None


def parse_architecture(source: Source) -> Parsed:
    """Reads an architecture file; raises DesignError or NotADesign if no design can be read at all."""
    document = YamlDocument(source)
    try:
        root = document.read()
    except DesignError as error:
        why = why_not_a_design(document.root_so_far())
        has_layers = document.has_read("layers")
        if why is None or (not has_layers and _has_own_key(source.text)):
            raise
        raise NotADesign(error.every, why if has_layers else error.every[-1].message) from None
    why = why_not_a_design(root)
    if not isinstance(root, Mapping):
        span = root.span if root is not None else Span(source, 0, 1)
        message = "an architecture file must be a mapping with the key 'layers'"
        hint = PATTERN_IN_A_FILE if isinstance(root, Scalar) and re.search("->|\u2192", root.value) else None
        raise NotADesign([*document.problems, Problem("wrong-type", message, span, hint)], why or "")
    reader = _FileReader(source, root, document.problems)
    try:
        return Parsed(reader.design(), reader.problems, reader.planner, why)
    except DesignError as error:
        raise error if why is None else NotADesign(error.every, why) from None


PATTERN_IN_A_FILE = "write 'layers: ' before a pattern of one line; indent a longer one below a line 'layers: |'"

# which files are meant as architecture files

_LINE_START = r"(?:^|[\n\r\x85\u2028\u2029])"
_KEY_LAYERS = r"[\"']?layers[\"']?[ \t]*(?::(?!\S)|:?[\n\r\x85\u2028\u2029])"
_IN_LINES = rf"{_LINE_START}(?:(?:\?[ \t]+)?{_KEY_LAYERS}|input[ \t]*:[ \t]*[1-9][0-9]*[x\u00d7])"
_IN_BRACES = rf"[{{,]\s*{_KEY_LAYERS}"


def _has_own_key(text: str) -> bool:
    """Whether an invalid YAML text has the key ``layers``, or ``input`` with a size, at the start of a line.

    In a text that begins with a brace ``layers`` may also follow a brace or a comma.
    """
    return re.search(_IN_BRACES if text.lstrip().startswith("{") else _IN_LINES, text) is not None


def why_not_a_design(root: Node | None) -> str | None:
    """Why a YAML text is not meant as an architecture file; None if it is meant as one, though it may be invalid.

    It is meant as one if ``layers`` holds a pattern or names a layer kind, or without ``layers`` if any value is such a
    pattern. If all keys are those of architecture files or similar, it is also meant as one if ``layers`` is neither a
    number nor a list of numbers, or without ``layers`` if a key is misspelled or has the form that it has only there.
    """
    if not isinstance(root, Mapping):
        is_nothing = root is None or (isinstance(root, Scalar) and root.is_null)
        what = "nothing" if is_nothing else "a list" if isinstance(root, Sequence) else "a text"
        return f"it holds {what}, not a mapping with the key 'layers'"
    sign = _sign_of_hydra(root)
    if sign is not None:
        return f"it has {sign} of a Hydra configuration"
    blocks = root.get("blocks")
    calls = [key.value for key, _ in blocks.entries] if isinstance(blocks, Mapping) else []
    words = {re.split(r"[^\w]", call, maxsplit=1)[0] for call in calls[:MAX_LOOKED_AT]}
    layers = root.get("layers")
    if layers is None:
        return _why_without_layers(root, words)
    return None if _names_layers(layers, words) else _why_other_layers(layers, _foreign_key(root))


def _sign_of_hydra(root: Mapping) -> str | None:
    """What a mapping has as only a Hydra configuration has it; None if there is nothing.

    It is the key ``_target_``, also of an entry of ``layers``, or a value of ``layers`` that Hydra replaces:
    ``${model.layers}`` or ``???``.
    """
    layers = root.get("layers")
    items = layers.items[:MAX_LOOKED_AT] if isinstance(layers, Sequence) else (layers,)
    if any(isinstance(one, Mapping) and one.get("_target_") is not None for one in (root, *items)):
        return "the key '_target_'"
    values = [one.value.strip() for one in items if isinstance(one, Scalar)]
    replaced = next((value for value in values if re.fullmatch(r"\$\{[^{}]*\}|\?\?\?", value)), None)
    return None if replaced is None else f"the value '{visible(replaced)[:40]}'"


def _why_without_layers(root: Mapping, words: set[str]) -> str | None:
    """The same for a mapping without the key ``layers``; ``words`` are the names of its blocks."""
    patterns = [node for _, node in root.entries[:MAX_LOOKED_AT] if isinstance(node, Scalar)]
    if any("->" in node.value and _names_layers(node, words) for node in patterns):
        return None
    foreign = _foreign_key(root)
    if foreign is not None:
        return f"it has no key 'layers', but '{foreign}'"
    is_near = _has_own_form(root) or any(key.value not in KEYS for key, _ in root.entries)
    return None if is_near else "it has no key 'layers'"


def _why_other_layers(layers: Node, foreign: str | None) -> str | None:
    """The same for a mapping whose ``layers`` names no layer; ``foreign`` is a key that files here do not have."""
    if isinstance(layers, Mapping):
        return "its 'layers' is a mapping, not a pattern or a list of layers" if foreign is not None else None
    if foreign is not None:
        return f"its 'layers' holds no layer, and it has the key '{foreign}'"
    return "its 'layers' holds no layer" if _holds_numbers(layers) else None


MAX_LOOKED_AT = 50
"""How many entries of a mapping or list are looked at to decide what a file is meant as."""


def _foreign_key(root: Mapping) -> str | None:
    """The first key that is neither one of architecture files nor similar to one, to be shown; None if none is."""
    keys = [key.value for key, _ in root.entries[:MAX_LOOKED_AT]]
    foreign = next((key for key in keys if key not in KEYS and not did_you_mean(key, KEYS)), None)
    return None if foreign is None else visible(foreign)[:40]


def _names_layers(node: Node, blocks: Collection[str]) -> bool:
    """Whether a value has the name of a layer kind, or of a block of its file, where a layer can be."""
    if isinstance(node, Scalar):
        words = re.findall(r"[^\W\d_][^\W_]*", node.value[:1000])
        return any(_is_kind(word, blocks) for word in (words if "->" in node.value else words[:1]))
    if isinstance(node, Mapping):
        return False
    for item in node.items[:MAX_LOOKED_AT]:
        first = item.entries[0][0] if isinstance(item, Mapping) and item.entries else item
        if isinstance(first, Scalar) and _names_layers(first, blocks):
            return True
    return False


def _is_kind(word: str, blocks: Collection[str]) -> bool:
    stem = word.rstrip("0123456789x\u00d7")
    return any(one in blocks or one.lower() in KINDS for one in (word, stem))


def _has_own_form(root: Mapping) -> bool:
    """Whether ``input`` is a size, or ``budget`` or ``blocks`` a mapping, as only architecture files have them."""
    size, budget, blocks = root.get("input"), root.get("budget"), root.get("blocks")
    has_size = isinstance(size, Scalar) and re.fullmatch(_SIZE, size.value.strip()) is not None
    return has_size or isinstance(budget, Mapping) or isinstance(blocks, Mapping)


def _holds_numbers(node: Node) -> bool:
    """Whether a value is a number, or a list of such values that is not empty."""
    if isinstance(node, Scalar):
        return re.fullmatch(f"{_INTEGER}|{_DECIMAL}", node.value.strip()) is not None
    return isinstance(node, Sequence) and bool(node.items) and all(map(_holds_numbers, node.items[:MAX_LOOKED_AT]))


class TooLong(DesignError):
    """A limit was reached after which the rest of a file is not read."""


class _FileReader:
    """Reads the keys of a file; continues after each problem."""

    def __init__(self, source: Source, root: Mapping, problems: Problems) -> None:
        self.source = source
        self.root = root
        self.problems = problems
        self.planner = Planner({}, problems)
        self.characters = 0

    def problem(self, code: str, message: str, span: Span, hint: str | None = None) -> None:
        """Adds a problem."""
        self.problems.append(Problem(code, message, span, hint))

    def attempt(self, read: Callable[..., Any], *arguments: Any) -> Any:
        """What ``read`` returns for the arguments; None after a DesignError, whose problems are added."""
        try:
            return read(*arguments)
        except TooLong:
            raise
        except DesignError as error:
            self.problems += error.every
            return None

    def design(self) -> Design:
        """The design of the whole file, as far as it can be read; the problems are in ``problems``."""
        for key, _ in self.root.entries:
            if key.value not in KEYS:
                near = self.problems.near(key.value, KEYS)
                self.problem("unknown-key", f"an architecture file has no key '{key.value}'{near}", key.span)
        name = self._word("name") or os.path.splitext(os.path.basename(self.source.name))[0]
        title, origin = self._word("title"), self._word("source")
        size, size_span = self._input()
        variables = self._variables()
        defaults = self._defaults()
        self.planner.blocks = blocks = self._blocks()
        ignore = self._ignore()
        layers = self.root.get("layers")
        items: tuple[Item, ...] = ()
        if layers is None:
            message = "an architecture file needs the key 'layers'"
            self.problem("missing-key", message, self.root.entries[0][0].span if self.root.entries else self.root.span)
        else:
            items = self._chain(layers, "layers")
        budget = self.root.get("budget")
        raw_budget = None if budget is None else raw_value(budget)
        return Design(
            name=name,
            items=items,
            title=title,
            source=origin,
            forms=self._forms(),
            input=size,
            input_span=size_span,
            variables=variables,
            defaults=defaults,
            blocks=blocks,
            budget=raw_budget,
            ignore=tuple(ignore),
        )

    # keys of the file

    def _word(self, key: str) -> str | None:
        node = self.root.get(key)
        if node is None:
            return None
        if not isinstance(node, Scalar) or node.is_null:
            self.problem("wrong-type", f"{key}: expected a text", node.span)
            return None
        return node.value.strip() or None

    def _input(self) -> tuple[Volume | None, Span | None]:
        node = self.root.get("input")
        if node is None:
            return None, None
        stated = _stated(node)
        if stated is not None:
            return stated, node.span
        value = self.attempt(self.operand, node)
        size: Any = value.value if isinstance(value, Literal) else None
        if value is None:
            return None, node.span
        if not is_volume_size(size) or min(size) < 1:
            message = f"input: expected {VolumeSize.expects}"
            self.problem("wrong-type", message, node.span)
            return None, node.span
        return Volume(*size), node.span

    def _mapping(self, key: str) -> Mapping | None:
        node = self.root.get(key)
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return None
        if not isinstance(node, Mapping):
            self.problem("wrong-type", f"{key}: expected a mapping", node.span)
            return None
        return node

    def _variables(self) -> dict[str, Default | None]:
        found: dict[str, Default | None] = {}
        mapping = self._mapping("variables")
        for key, node in mapping.entries if mapping else ():
            if not re.fullmatch(r"[^\W\d]\w*", key.value):
                message = f"a variable's name holds letters, digits and '_', found '{key.value}'"
                self.problem("wrong-name", message, key.span)
                continue
            self.attempt(partial(check_name, may_hide=True), key.value, key.span)
            if isinstance(node, Scalar) and node.is_null:
                found[key.value] = None
                continue
            value = self.attempt(self.operand, node)
            if value is not None:
                found[key.value] = Default(value, node.span)
        return found

    def _forms(self) -> dict[str, str]:
        """Other forms of the net: their names and descriptions."""
        found: dict[str, str] = {}
        mapping = self._mapping("forms")
        for key, node in mapping.entries if mapping else ():
            if not isinstance(node, Scalar) or node.is_null:
                self.problem("wrong-type", f"forms: expected a text that says what {key.value} is", node.span)
            else:
                found[key.value.strip()] = node.value.strip()
        return found

    def _defaults(self) -> dict[str, dict[str, Default]]:
        found: dict[str, dict[str, Default]] = {}
        mapping = self._mapping("defaults")
        for key, node in mapping.entries if mapping else ():
            kind = KINDS.get(key.value.lower())
            if kind is None:
                near = self.problems.near(key.value, KINDS)
                self.problem("unknown-layer", f"defaults: no layer kind '{key.value}'{near}", key.span)
                continue
            if kind.kind in found:
                self.problem("repeated-key", f"defaults: '{key.value}' is repeated", key.span)
                continue
            found[kind.kind] = {}
            if not isinstance(node, Mapping):
                message = f"defaults of {key.value}: expected a mapping of keys, as in {{bias: no}}"
                self.problem("wrong-type", message, node.span)
                continue
            known = (*kind.keys, *(("trainable",) if kind.learns else ()))
            for name, value in node.entries:
                if name.value == "trainable" and not kind.learns:
                    self.problem("unknown-key", f"defaults: {without_parameters(kind, name.value)}", name.span)
                    continue
                if name.value not in known:
                    near = self.problems.near(name.value, known)
                    message = f"defaults: {kind.kind} has no key '{name.value}'{near}"
                    self.problem("unknown-key", message, name.span)
                    continue
                operand = self.attempt(self.operand, value)
                if operand is not None:
                    found[kind.kind][name.value] = Default(operand, value.span)
        return found

    def _blocks(self) -> dict[str, Block]:
        found: dict[str, Block] = {}
        mapping = self._mapping("blocks")
        for key, node in mapping.entries if mapping else ():
            signature = self.attempt(parse_signature, key.text)
            body = self._chain(node, f"block {key.value}")
            if signature is None:
                continue
            name, parameters = signature
            if name.lower() in NEVER_BLOCKS or name.lower() == "from":
                message = f"a block cannot have the name of a layer kind: '{name}'"
                self.problem("wrong-name", message, key.span)
            elif name[-1].isdigit():
                message = f"a block's name cannot end in a digit, since {name} would be read as a kernel of {name[-1]}"
                self.problem("wrong-name", message, key.span)
            elif name in found:
                self.problem("repeated-key", f"the block '{name}' is defined twice", key.span)
            else:
                found[name] = Block(name, parameters, body, key.span)
        return found

    def _ignore(self) -> list[Ignore]:
        """ignore = entry | list of entries | mapping of codes to layers; entry = code | mapping of codes to layers"""
        node = self.root.get("ignore")
        found: list[Ignore] = []
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return found
        for entry in node.items if isinstance(node, Sequence) else (node,):
            if isinstance(entry, Mapping):
                for key, value in entry.entries:
                    found += self._ignored_layers(key, value)
            elif not isinstance(entry, Scalar) or entry.is_null:
                self.problem("wrong-type", "ignore: expected the code of a design rule", entry.span)
            else:
                found.append(Ignore(entry.value.strip(), None, entry.span, entry.span))
            if len(found) > IGNORED:
                message = f"ignore: at most {IGNORED:,} rules and layers can be ignored, but there are more"
                self.problem("limit", message, node.span)
                return []
        return found

    def _ignored_layers(self, code: Scalar, node: Node) -> list[Ignore]:
        """A rule with each layer or block for which it is suppressed: ``node`` is one name or a list of names."""
        found: list[Ignore] = []
        names = node.items if isinstance(node, Sequence) else (node,)
        for name in names:
            if not isinstance(name, Scalar) or name.is_null:
                message = f"ignore: expected the name of a layer or block for which to ignore {code.value}"
                hint = None if name is not node else f"write [{code.value}] for the whole file"
                self.problem("wrong-type", message, (code if name is node else name).span, hint)
                continue
            found.append(Ignore(code.value.strip(), name.value.strip(), name.span, code.span))
        if isinstance(node, Sequence) and not names:
            self.problem("wrong-type", f"ignore: the list of layers of {code.value} is empty", node.span)
        return found

    # patterns and entries

    def _chain(self, node: Node, what: str) -> tuple[Item, ...]:
        """A pattern, or a list of entries, as one chain."""
        if isinstance(node, Scalar):
            if node.is_null:
                self.problem("wrong-type", f"{what}: expected a pattern, found nothing", node.span)
                return ()
            return self.attempt(self._pattern, node) or ()
        if isinstance(node, Mapping):
            message = f"{what}: expected a pattern or a list of layers, but YAML parsed a mapping"
            self.problem("wrong-type", message, node.span, "begin each layer with '- '")
            return ()
        if not node.items and what == "layers":
            message = f"{what}: expected a pattern or a list of layers, but the list is empty"
            self.problem("wrong-type", message, node.span)
            return ()
        items: list[Item] = []
        for entry in node.items:
            read = self.attempt(self._entry, entry) or ()
            if what == "layers":
                for item in read:
                    if isinstance(item.unit, LayerSyntax):
                        self.planner.plan(item.unit)  # here, so that reading ends at MAX_COUNTED problems
            items += read
        return tuple(items)

    def _entry(self, node: Node) -> tuple[Item, ...]:
        """entry = pattern | call | kind | mapping of one kind to its keys, its short value or its volume"""
        if isinstance(node, Scalar):
            return self._pattern_entry(node)
        if isinstance(node, Sequence):
            raise DesignError([_misread(node)])
        if any(key.value in KIND_KEYS and key.value not in self.planner.blocks for key, _ in node.entries):
            raise DesignError([self._kind_as_value(node)])
        if len(node.entries) != 1:
            raise DesignError([_not_one_kind(node)])
        key, value = node.entries[0]
        layer = self._layer(key)
        if isinstance(value, Mapping):
            layer = self._with_keys(layer, value)
        elif not isinstance(value, Scalar) or not value.is_null:
            layer = self._with_value(layer, value)
        return (Item(layer),)

    def _kind_as_value(self, node: Mapping) -> Problem:
        """The problem of an entry such as ``{type: conv, filters: 32}``, whose kind is the value of a key."""
        key, kind = next(entry for entry in node.entries if entry[0].value in KIND_KEYS)
        if not isinstance(kind, Scalar) or not re.fullmatch(r"[\w/-]{1,60}", kind.value):
            return _not_one_kind(node)
        rest = [entry for entry in node.entries if entry[0] is not key]
        if len(rest) == 1 and rest[0][0].value in ("config", "args", "params") and isinstance(rest[0][1], Mapping):
            rest = list(rest[0][1].entries)
        message = f"the kind of a layer is its key, not the value of '{key.value}'"
        layer = LayerSyntax(kind.value, kind.span, in_file=True)
        stem = re.fullmatch("([A-Za-z_]+)[0-9x]*(?:[-/].*)?", kind.value)
        if not any(
            word.lower() in KINDS or word in self.planner.blocks for word in (kind.value, stem[1] if stem else "")
        ):
            from cnncalc.language.translation import kind_hint

            near, hint = kind_hint(self._with_keys(layer, Mapping(tuple(rest), node.span, 0)), "") or ("", None)
            if not near and not hint:
                return Problem("unknown-layer", f"no layer kind or block '{kind.value}'", kind.span)
            return Problem("wrong-type", message, key.span, hint or near.replace("; use", "write"))
        values = [f"{name.value}: {value.span.source.text[value.span.start : value.span.end]}" for name, value in rest]
        written = kind.value + (f": {{{', '.join(values)}}}" if values else "")
        hint = (
            f"write {written}" if len(written) <= MAX_HINT and "\n" not in written else f"write {kind.value}: {{...}}"
        )
        return Problem("wrong-type", message, key.span, hint)

    def _pattern_entry(self, node: Scalar) -> tuple[Item, ...]:
        if node.is_null:
            raise DesignError([Problem("wrong-type", "expected a layer, found nothing", node.span)])
        if re.fullmatch(_WORD, node.value):
            return (Item(LayerSyntax(node.value, node.span, in_file=True)),)
        return tuple(
            item._replace(unit=item.unit._replace(in_file=True)) if isinstance(item.unit, LayerSyntax) else item
            for item in self._pattern(node)
        )

    def _pattern(self, node: Scalar) -> tuple[Item, ...]:
        """The items of a pattern; all patterns of a file together may be as long as one pattern."""
        self.characters += len(node.value)
        if self.characters > PATTERN_CHARACTERS >= len(node.value):
            message = f"the patterns of a file have at most {PATTERN_CHARACTERS:,} characters together"
            raise TooLong([Problem("limit", message, node.span)])
        return parse_pattern(node.text)

    def _layer(self, key: Scalar) -> LayerSyntax:
        """The layer of the key of an entry: ``conv``, ``CONV3-64@a``."""
        if re.fullmatch(_WORD, key.value):
            return LayerSyntax(key.value, key.span, in_file=True)
        parser = PatternParser(key.text)
        if parser.token.type != "word":
            raise DesignError([Problem("unknown-layer", f"no layer kind '{key.value}'", key.span)])
        layer = parser.layer()
        parser.expect_end()
        return layer._replace(in_file=True)

    def _with_keys(self, layer: LayerSyntax, keys: Mapping) -> LayerSyntax:
        if _is_unquoted_expression(keys):
            raise DesignError([_misread(keys)])
        problems: list[Problem] = []
        arguments = list(layer.arguments)
        for name, value in keys.entries[: 2 * MAX_COUNTED]:  # no kind has nearly as many keys
            try:
                arguments.append(
                    Argument(name.value, self._keyed(name.value, value), _together(name, value), in_file=True)
                )
            except DesignError as error:
                problems += error.every
        if problems:
            raise DesignError(problems)
        return layer._replace(arguments=tuple(arguments))

    def _with_value(self, layer: LayerSyntax, value: Node) -> LayerSyntax:
        """The layer with a stated volume (``KIND: [HxWxD]``) or with a value for its bare key (``KIND: value``)."""
        volume = _stated(value)
        if volume is None or (isinstance(value, Scalar) and _is_sized(layer.word)):
            argument = Argument(None, self.operand(value), value.span, in_file=True)
            return layer._replace(arguments=(*layer.arguments, argument))
        if layer.stated is not None:
            raise DesignError([Problem("repeated-key", "a layer can have only one stated volume", value.span)])
        return layer._replace(stated=volume, stated_span=value.span)

    def _keyed(self, key: str, node: Node) -> Operand:
        """The value of a key of a layer; ``name``, ``inputs`` and ``share`` hold names."""
        if key in ("inputs", "share"):
            nodes = node.items if isinstance(node, Sequence) else (node,)
            labels = []
            for part in nodes:
                if not isinstance(part, Scalar) or part.is_null:
                    raise DesignError([Problem("wrong-type", f"{key}: expected the name of a layer", part.span)])
                labels.append(parse_label(part.text))
            return References(tuple(labels), node.span)
        if key == "name":
            if not isinstance(node, Scalar) or node.is_null:
                raise DesignError([Problem("wrong-type", "name: expected a name", node.span)])
            label = parse_label(node.text)
            return References((label,), node.span)
        return self.operand(node)

    # values

    def operand(self, node: Node) -> Operand:
        """A node as an operand; raises DesignError for a mapping or an invalid value."""
        if isinstance(node, Mapping):
            raise DesignError([_misread(node)])
        if isinstance(node, Sequence):
            parts = [self.operand(item) for item in node.items]
            if all(isinstance(part, Literal) for part in parts):
                return Literal([part.value for part in parts if isinstance(part, Literal)], node.span)
            return ListOperand(tuple(parts), node.span)
        return read_scalar(node)


def read_scalar(node: Scalar) -> Literal | Code:
    """A scalar as a number, a size, an expression in braces, or a word; raises DesignError."""
    text = node.value.strip()
    if node.is_null:
        raise DesignError([Problem("wrong-type", "expected a value, found nothing", node.span)])
    if text.startswith("{") and not node.plain:
        return parse_braces(node.text)
    if re.fullmatch(_INTEGER, text):
        if (digits := len(text.lstrip("-"))) > MAX_DIGITS:
            raise DesignError([Problem("limit", too_many_digits(digits), node.span)])
        return Literal(int(text), node.span)
    if re.fullmatch(_DECIMAL, text):
        value = DecimalNumber(text)
        if len(text) > DECIMAL_CHARACTERS or value in (float("inf"), float("-inf")):
            raise DesignError(
                [
                    Problem(
                        "number",
                        f"a decimal number has at most {DECIMAL_CHARACTERS} characters and is finite",
                        node.span,
                    )
                ]
            )
        return Literal(value, node.span)
    if re.fullmatch(_SIZE, text):
        parts = re.split("[x\u00d7]", text)
        if (longest := max(map(len, parts))) > MAX_DIGITS:
            raise DesignError([Problem("limit", too_many_digits(longest), node.span)])
        return Literal([int(part) for part in parts], node.span)
    return Literal(text, node.span)


def _together(key: Scalar, value: Node) -> Span:
    """The span of ``key: value`` if it is on one line, else that of the key."""
    span, end = key.span, value.span.end
    source, start = span.source, span.start
    return span if end <= start or source.text.find("\n", start, end) >= 0 else Span(source, start, end)


def _stated(node: Node) -> Volume | None:
    """The volume of a value such as ``[224x224x64]`` or ``224x224x64``; None for other values."""
    if isinstance(node, Sequence):
        node = node.items[0] if len(node.items) == 1 else node
    if not isinstance(node, Scalar) or not re.fullmatch(_SIZE, node.value.strip()):
        return None
    digits = re.split("[x\u00d7]", node.value.strip())
    if max(map(len, digits)) > MAX_DIGITS:
        return None
    parts = [int(part) for part in digits]
    return Volume(*parts) if is_volume_size(parts) and min(parts) > 0 else None


def _not_one_kind(node: Mapping) -> Problem:
    first = node.entries[0][0].value if node.entries else ""
    message = f"an entry has one layer kind, but this one has {len(node.entries)} keys"
    hint = f"put the keys into braces, as in {first}: {{stride: 2}}, or indent them further" if first else None
    return Problem("wrong-type", message, node.span, hint)


def _is_sized(word: str) -> bool:
    """Whether a size after a kind is its bare value, as for INPUT, and not the volume stated for it."""
    kind = KINDS.get(word.lower())
    return kind is not None and kind.bare is not None and isinstance(kind.keys[kind.bare].reader, VolumeSize)


def _is_unquoted_expression(node: Mapping) -> bool:
    """Whether a mapping is an expression in braces that lacks quotes, ``{2*w}``."""
    text = node.span.source.text
    return (
        text[node.span.start] == "{"
        and len(node.entries) == 1
        and isinstance(node.entries[0][1], Scalar)
        and node.entries[0][1].is_null
        and ":" not in text[node.span.start : node.span.end]
    )


def _misread(node: Sequence | Mapping) -> Problem:
    """The problem of a pattern or expression without quotes, which YAML parses as a list or mapping."""
    if isinstance(node, Mapping) and not _is_unquoted_expression(node):
        return Problem("wrong-type", "expected a value, but YAML parsed a mapping", node.span)
    line = node.span.source.text[node.span.start : node.span.end].partition("\n")[0].rstrip()
    what, meant = ("list", "a pattern") if isinstance(node, Sequence) else ("mapping", "an expression")
    message = f"YAML parsed {line} as a {what}, but {meant} is a text"
    return Problem("yaml-quotes", message, node.span, f'write it in quotes: "{line}"')
