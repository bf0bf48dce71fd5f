"""From an architecture file (YAML) to a design: every value with its place, every word read as what its key expects."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from cnncalc.errors import MOST_PROBLEMS, DesignError, Problem, did_you_mean
from cnncalc.graph import Ignore
from cnncalc.language.limits import INPUT_DIGITS
from cnncalc.language.pattern import (
    PatternParser,
    check_name,
    parse_braces,
    parse_label,
    parse_pattern,
    parse_signature,
)
from cnncalc.language.syntax import (
    Argument,
    Block,
    Default,
    Design,
    Item,
    LayerSyntax,
    Literal,
    Operand,
    References,
    Several,
)
from cnncalc.language.yaml_tree import Document, Mapping, Node, Scalar, Sequence
from cnncalc.layers import KINDS
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnncalc.language.expression import Code
    from cnncalc.source import Source, Span

KEYS = ("name", "title", "source", "input", "variables", "defaults", "blocks", "layers", "budget", "ignore")
"""The keys of an architecture file."""

BUDGET_KEYS = (
    *("parameters", "weights", "macs", "activations", "layers"),
    *("parameter_memory", "activation_memory", "inference_memory", "training_memory", "receptive_field"),
)

RULE_CODES = (
    *("activation-after-last-fc", "bias-before-bn", "early-activations", "first-fc", "input-side"),
    *("kernel-beyond-plane", "large-kernel", "large-pool", "linear-after-linear", "long-stretch", "many-fc"),
    *("no-effect", "odd-depth", "padded-pool", "softmax-inside", "uneven-window", "unread-layer", "unused-ignore"),
)
"""The codes of the design rules, which a file may tell to be silent."""

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|-?[0-9]+[eE][+-]?[0-9]+")
_SIZE = re.compile("[1-9][0-9]*(?:[x\u00d7](?:0|[1-9][0-9]*))+")


def looks_like_file(text: str) -> bool:
    """Whether a text is an architecture file rather than a pattern: it parses as a mapping whose first key is a word.

    ``INPUT: [32x32x3]`` and ``INPUT -> CONV3-64: [224x224x64]`` are mappings to YAML as well, but patterns.
    """
    from cnncalc.source import Source

    # a key of a file at a line's start decides without reading it all (``input:`` may begin a pattern as well), and
    # also where the limits refuse the text or YAML finds a mistake in it
    keys = "|".join(key for key in KEYS if key != "input")
    if re.search(f"^(?:{keys})[ ]*:", text, re.MULTILINE):
        return True
    try:
        root = Document(Source("<stdin>", text)).read()
    except DesignError:
        return re.search("^input[ ]*:", text, re.MULTILINE) is not None and "->" not in text
    if not isinstance(root, Mapping):
        return False
    first = root.entries[0][0].value if root.entries else ""
    return "->" not in first and "\u2192" not in first and not first.upper().startswith("INPUT ") and first != "INPUT"


def parse_architecture(source: Source) -> tuple[Design, list[Problem]]:
    """The design in an architecture file, as far as it could be read, and its problems.

    Raises DesignError where nothing could be read.
    """
    document = Document(source)
    root = document.read()
    if not isinstance(root, Mapping):
        from cnncalc.source import Span

        span = root.span if root is not None else Span(source, 0, 1)
        message = "an architecture file is a mapping with the key 'layers'"
        raise DesignError([Problem("wrong-type", message, span)])
    reader = _FileReader(source, root, document.problems)
    return reader.design(), reader.problems


class _FileReader:
    """Reads the keys of a file one by one and goes on behind each problem."""

    def __init__(self, source: Source, root: Mapping, problems: list[Problem]) -> None:
        self.source = source
        self.root = root
        self.problems = problems

    def problem(self, code: str, message: str, span: Span, hint: str | None = None) -> None:
        """Notes a problem."""
        self.problems.append(Problem(code, message, span, hint))

    def attempt(self, read: Callable[[], Any]) -> Any:
        """What ``read`` gives, or None after noting its problems."""
        try:
            return read()
        except DesignError as error:
            self.problems += error.every
            return None

    def design(self) -> Design:
        """The whole file."""
        for key, _ in self.root.entries:
            if key.value not in KEYS:
                near = did_you_mean(key.value, KEYS) if len(self.problems) <= MOST_PROBLEMS else ""
                self.problem("unknown-key", f"an architecture file has no key '{key.value}'{near}", key.span)
        name = self._word("name") or os.path.splitext(os.path.basename(self.source.name))[0]
        title, origin = self._word("title"), self._word("source")
        size, size_span = self._input()
        variables = self._variables()
        defaults = self._defaults()
        blocks = self._blocks()
        self._budget()
        ignore = self._ignore()
        layers = self.root.get("layers")
        items: tuple[Item, ...] = ()
        if layers is None:
            message = "an architecture file needs the key 'layers'"
            self.problem("missing-key", message, self.root.entries[0][0].span if self.root.entries else self.root.span)
        else:
            items = self._chain(layers, "layers")
        budget = self.root.get("budget")
        return Design(name, items, title, origin, size, size_span, variables, defaults, blocks, budget, tuple(ignore))

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
        value = self.attempt(lambda: self.operand(node))
        size = value.value if isinstance(value, Literal) else None
        if value is None:
            return None, node.span
        if not isinstance(size, list) or len(size) != 3 or not all(type(part) is int and part > 0 for part in size):
            message = "input: expected a size of three parts, height x width x depth, as in 224x224x3"
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
                message = f"a variable's name holds letters, digits and '_', but this is '{key.value}'"
                self.problem("wrong-name", message, key.span)
                continue
            self.attempt(lambda key=key: check_name(key.value, key.span))  # type: ignore[misc]
            if isinstance(node, Scalar) and node.is_null:
                found[key.value] = None
                continue
            value = self.attempt(lambda node=node: self.operand(node))  # type: ignore[misc]
            if value is not None:
                found[key.value] = Default(value, node.span)
        return found

    def _defaults(self) -> dict[str, dict[str, Default]]:
        found: dict[str, dict[str, Default]] = {}
        mapping = self._mapping("defaults")
        for key, node in mapping.entries if mapping else ():
            kind = KINDS.get(key.value.lower())
            if kind is None:
                near = did_you_mean(key.value, KINDS)
                self.problem("unknown-layer", f"defaults: no layer kind '{key.value}'{near}", key.span)
                continue
            if kind.kind in found:
                self.problem("repeated-key", f"defaults: '{key.value}' stands twice", key.span)
                continue
            found[kind.kind] = {}
            if not isinstance(node, Mapping):
                message = f"defaults of {key.value}: expected a mapping of keys, as in {{bias: no}}"
                self.problem("wrong-type", message, node.span)
                continue
            known = (*kind.keys, *(("trainable",) if kind.learns else ()))
            for name, value in node.entries:
                if name.value not in known:
                    near = did_you_mean(name.value, known)
                    message = f"defaults: {kind.kind} has no key '{name.value}'{near}"
                    self.problem("unknown-key", message, name.span)
                    continue
                operand = self.attempt(lambda value=value: self.operand(value))  # type: ignore[misc]
                if operand is not None:
                    found[kind.kind][name.value] = Default(operand, value.span)
        return found

    def _blocks(self) -> dict[str, Block]:
        found: dict[str, Block] = {}
        mapping = self._mapping("blocks")
        for key, node in mapping.entries if mapping else ():
            signature = self.attempt(lambda key=key: parse_signature(key.text))  # type: ignore[misc]
            body = self._chain(node, f"block {key.value}")
            if signature is None:
                continue
            name, parameters = signature
            if name.lower() in KINDS or name.lower() == "from":
                message = f"a block cannot have the name of a layer kind: '{name}'"
                self.problem("wrong-name", message, key.span)
            elif name[-1].isdigit():
                message = (
                    f"a block's name does not end in a digit, since {name} would be read as a kernel of {name[-1]}"
                )
                self.problem("wrong-name", message, key.span)
            elif name in found:
                self.problem("repeated-key", f"the block '{name}' stands twice", key.span)
            else:
                found[name] = Block(name, parameters, body, key.span)
        return found

    def _budget(self) -> None:
        mapping = self._mapping("budget")
        for key, _ in mapping.entries if mapping else ():
            if key.value not in BUDGET_KEYS:
                near = did_you_mean(key.value, BUDGET_KEYS)
                self.problem("unknown-key", f"a budget has no key '{key.value}'{near}", key.span)

    def _ignore(self) -> list[Ignore]:
        """ignore = entry | list of entries | mapping of codes to layers; entry = code | mapping of codes to layers"""
        node = self.root.get("ignore")
        found: list[Ignore] = []
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return found
        for entry in node.items if isinstance(node, Sequence) else (node,):
            if isinstance(entry, Mapping):
                for key, value in entry.entries:
                    if self._is_rule(key):
                        found += self._ignored_layers(key, value)
            elif not isinstance(entry, Scalar) or entry.is_null:
                self.problem("wrong-type", "ignore: expected the code of a design rule", entry.span)
            elif self._is_rule(entry):
                found.append(Ignore(entry.value.strip(), None, entry.span))
        return found

    def _is_rule(self, code: Scalar) -> bool:
        known = code.value.strip() in RULE_CODES
        if not known:
            near = did_you_mean(code.value, RULE_CODES)
            self.problem("unknown-rule", f"ignore: no design rule '{code.value}'{near}", code.span)
        return known

    def _ignored_layers(self, code: Scalar, node: Node) -> list[Ignore]:
        """The layers or blocks for which a rule is silent: one name or a list of them."""
        found: list[Ignore] = []
        names = node.items if isinstance(node, Sequence) else (node,)
        for name in names:
            if not isinstance(name, Scalar) or name.is_null:
                message = f"ignore: expected the name of a layer or block for which {code.value} is silent"
                hint = None if name is not node else f"write [{code.value}] for the whole file"
                self.problem("wrong-type", message, (code if name is node else name).span, hint)
                continue
            found.append(Ignore(code.value.strip(), name.value.strip(), name.span))
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
            return self.attempt(lambda: parse_pattern(node.text)) or ()
        if isinstance(node, Mapping):
            message = f"{what}: expected a pattern or a list of layers, but YAML has read a mapping"
            self.problem("wrong-type", message, node.span, "begin each layer with '- '")
            return ()
        if not node.items and what == "layers":
            message = f"{what}: expected a pattern or a list of layers, but the list is empty"
            self.problem("wrong-type", message, node.span)
            return ()
        items: list[Item] = []
        for entry in node.items:
            items += self.attempt(lambda entry=entry: self._entry(entry)) or ()  # type: ignore[misc]
        return tuple(items)

    def _entry(self, node: Node) -> tuple[Item, ...]:
        """An entry of a list: a pattern string, a block call, a bare kind, or a mapping of one kind to its keys."""
        if isinstance(node, Scalar):
            if node.is_null:
                raise DesignError([Problem("wrong-type", "expected a layer, found nothing", node.span)])
            items = parse_pattern(node.text)
            return tuple(
                item._replace(unit=item.unit._replace(in_file=True)) if isinstance(item.unit, LayerSyntax) else item
                for item in items
            )
        if isinstance(node, Sequence):
            raise DesignError([_read_as("list", node)])
        if len(node.entries) != 1:
            first = node.entries[0][0].value if node.entries else ""
            message = f"an entry has one layer kind, but this one has {len(node.entries)} keys"
            hint = f"put the keys into braces, as in {first}: {{stride: 2}}, or indent them further" if first else None
            raise DesignError([Problem("wrong-type", message, node.span, hint)])
        key, value = node.entries[0]
        parser = PatternParser(key.text)
        if parser.token.type != "word":
            raise DesignError([Problem("unknown-layer", f"no layer kind '{key.value}'", key.span)])
        layer = parser.layer()
        parser.expect_end()
        layer = layer._replace(in_file=True)
        if isinstance(value, Scalar) and value.is_null:
            return (Item(layer),)
        if isinstance(value, Mapping):
            if _braces_lost(value):
                raise DesignError([_read_as("mapping", value)])
            problems: list[Problem] = []
            arguments = list(layer.arguments)
            for name, node_value in value.entries:
                try:
                    arguments.append(
                        Argument(name.value, self._keyed(name.value, node_value), _together(name, node_value))
                    )
                except DesignError as error:
                    problems += error.every
            if problems:
                raise DesignError(problems)
            return (Item(layer._replace(arguments=tuple(arguments))),)
        volume = _stated(value)
        if volume is not None and not (isinstance(value, Scalar) and layer.word.lower() in ("input", "reshape")):
            if layer.stated is not None:
                raise DesignError([Problem("repeated-key", "a layer states one volume", value.span)])
            return (Item(layer._replace(stated=volume, stated_span=value.span)),)
        short = Argument(None, self.operand(value), value.span)
        return (Item(layer._replace(arguments=(*layer.arguments, short))),)

    def _keyed(self, key: str, node: Node) -> Operand:
        """The value of a key of a layer; ``name``, ``inputs`` and ``share`` hold names."""
        if key in ("inputs", "share"):
            nodes = node.items if isinstance(node, Sequence) else (node,)
            labels = []
            for part in nodes:
                if not isinstance(part, Scalar) or part.is_null:
                    raise DesignError([Problem("wrong-type", f"{key}: expected the name of a layer", part.span)])
                text = part.text
                if text.value.startswith("@"):
                    labels.append(PatternParser(text).label())
                else:
                    labels.append(parse_label(text))
            return References(tuple(labels), node.span)
        if key == "name":
            if not isinstance(node, Scalar) or node.is_null:
                raise DesignError([Problem("wrong-type", "name: expected a name", node.span)])
            label = parse_label(node.text)
            return References((label,), node.span)
        return self.operand(node)

    # values

    def operand(self, node: Node) -> Operand:
        """A node as a value of the language: each scalar by what was written, never by what YAML guesses."""
        if isinstance(node, Mapping):
            raise DesignError([_read_as("mapping", node)])
        if isinstance(node, Sequence):
            parts = [self.operand(item) for item in node.items]
            if all(isinstance(part, Literal) for part in parts):
                return Literal([part.value for part in parts if isinstance(part, Literal)], node.span)
            return Several(tuple(parts), node.span)
        return read_scalar(node)


def read_scalar(node: Scalar) -> Literal | Code:
    """A scalar as a number, a size, an expression in braces, or a word."""
    text = node.value.strip()
    if node.is_null:
        raise DesignError([Problem("wrong-type", "expected a value, found nothing", node.span)])
    if text.startswith("{") and not node.plain:
        return parse_braces(node.text)
    if _INTEGER.fullmatch(text):
        if len(text.lstrip("-")) > INPUT_DIGITS:
            message = f"a number has at most {INPUT_DIGITS} digits, but this one has {len(text.lstrip('-'))}"
            raise DesignError([Problem("limit", message, node.span)])
        return Literal(int(text), node.span)
    if _DECIMAL.fullmatch(text):
        value = float(text)
        if len(text) > 40 or value in (float("inf"), float("-inf")):
            raise DesignError([Problem("number", "a decimal number that is too long or too large", node.span)])
        return Literal(value, node.span)
    if _SIZE.fullmatch(text):
        parts = re.split("[x\u00d7]", text)
        if max(len(part) for part in parts) > INPUT_DIGITS:
            raise DesignError([Problem("limit", f"a number has at most {INPUT_DIGITS} digits", node.span)])
        return Literal([int(part) for part in parts], node.span)
    return Literal(text, node.span)


def _together(key: Scalar, value: Node) -> Span:
    """The place of ``key: value`` where it lies on one line, else of the key."""
    start, end = key.span.start, value.span.end
    return key.span if "\n" in key.span.source.text[start:end] or end <= start else key.span._replace(end=end)


def _stated(node: Node) -> Volume | None:
    """The volume of ``KIND: [HxWxD]``, if the value is one."""
    if isinstance(node, Sequence):
        node = node.items[0] if len(node.items) == 1 else node
    if not isinstance(node, Scalar) or not _SIZE.fullmatch(node.value.strip()):
        return None
    parts = [int(part) for part in re.split("[x\u00d7]", node.value.strip())]
    return Volume(*parts) if len(parts) == 3 and min(parts) > 0 and max(parts) < 10**INPUT_DIGITS else None


def _braces_lost(node: Mapping) -> bool:
    """Whether a flow mapping is really an expression in braces that lacks its quotes."""
    text = node.span.source.text
    return (
        text[node.span.start] == "{"
        and len(node.entries) == 1
        and isinstance(node.entries[0][1], Scalar)
        and node.entries[0][1].is_null
        and ":" not in text[node.span.start : node.span.end]
    )


def _read_as(what: str, node: Sequence | Mapping) -> Problem:
    """The problem of a pattern or expression that YAML has read as a list or mapping."""
    written = node.span.source.text[node.span.start : node.span.end]
    line = written.split("\n", 1)[0].rstrip()
    if what == "mapping" and not _braces_lost(node) if isinstance(node, Mapping) else False:
        return Problem("wrong-type", "expected a value, but YAML has read a mapping", node.span)
    kind = "a pattern" if what == "list" else "an expression"
    return Problem(
        "yaml-quotes",
        f"YAML has read {line} as a {what}, but {kind} is a text",
        node.span,
        f'write it in quotes: "{line}"',
    )
