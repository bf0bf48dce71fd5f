"""The JSON Schema (draft-07) of architecture files and of the configuration, made from the layer classes.

Editors complete and check with it. It describes YAML as an editor reads it, so what the language accepts as text (a
number in quotes, ``2x64``, an expression in quotes and braces) is allowed in addition to numbers and lists. It is
never stricter than cnncalc. Patterns are plain strings in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cnncalc.checks.configuration import CONFIGURATION_KEYS
from cnncalc.checks.rules import RULES
from cnncalc.figures.budget import BOUNDS, FAMILY
from cnncalc.figures.measure import ALLOW_STATED
from cnncalc.figures.measure import KEYS as BUDGET_KEYS
from cnncalc.language.architecture import KEYS
from cnncalc.layers import KINDS
from cnncalc.layers.documentation import default_of, docstring
from cnncalc.layers.keys import (
    MAX_SIDES,
    Boolean,
    Choice,
    Connections,
    Decimal,
    Numbers,
    Reader,
    VolumeSize,
    Whole,
    WholeList,
)
from cnncalc.layers.side_keys import (
    END_COUNTS,
    AnySizes,
    Axes,
    Corner,
    Factors,
    Pad,
    Shifts,
    SideName,
    SideNames,
    SideOrder,
    Sides,
    Sizes,
)
from cnncalc.memory.boards import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cnncalc.layers.base import Key, Layer

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"

INTEGER = "-?(?:0|[1-9][0-9]*)"
DECIMAL = r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
TIMES = "[x\u00d7]"
BYTE_UNITS = "B|[KMGT]iB|[kKMGT]B"
COUNT_UNITS = "[KMGT]"

RULE_CODES = sorted(RULES)
OPTION_MEANINGS = {
    "batch": "Images in a batch (default: 1).",
    "dtype": "Type of every number (default: float32).",
    "optimizer": "The optimizer (default: momentum).",
    "profile": "Framework and device whose memory is computed (default: torch-cuda).",
    "autocast": "Data type of activations under autocast; parameters stay in float32 (default: no autocast).",
    "image_batches": "Batches of images on the device at once (default: 1).",
    "checkpoint": "Checkpointing: none, blocks, stages, sqrt, best, or names of blocks (default: none).",
    "pointers": "Bits of a pointer of the chip (default: 32).",
    "reserve": "Added to live tensors: auto, 0 or bytes (default: the profile's).",
}
OPTION_FORMS: dict[str, Callable[[], list[Schema]]] = {
    "batch": lambda: whole(1),
    "image_batches": lambda: whole(1),
    "checkpoint": lambda: [{"type": "string", "pattern": "\\S"}],
    "reserve": lambda: [{"type": "integer", "minimum": 0}, whole_text(f"auto|[0-9]+(?:\\.[0-9]+)? *(?:{BYTE_UNITS})?")],
}
"""The schemas of options whose values are not words of a list."""
BOUND_MEANINGS = {
    "max": "More than this is an error.",
    "warn": "More than this is a warning.",
    "min": "Less than this is an error.",
}


def any_case(word: str) -> str:
    """A regular expression for a word in any case, since those of JSON Schema have no flags."""
    return "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else re.escape(c) for c in word)


def whole_text(pattern: str) -> Schema:
    """A string that matches the pattern, blanks around it allowed."""
    return {"type": "string", "pattern": f"^\\s*(?:{pattern})\\s*$"}


def size_text(*parts: int) -> Schema:
    """A size such as ``1x7`` with one of these numbers of parts."""
    ways = "|".join(f"[1-9][0-9]*(?:{TIMES}(?:0|[1-9][0-9]*)){{{count - 1}}}" for count in parts)
    return whole_text(ways)


def reference(name: str) -> Schema:
    """A reference to the definition of that name."""
    return {"$ref": f"#/definitions/{name}"}


def any_of(*ways: Schema, description: str = "") -> Schema:
    """Any one of several schemas."""
    return {**({"description": description} if description else {}), "anyOf": list(ways)}


# Readers

VOLUME_PARTS = tuple(range(2, MAX_SIDES + 2))
"""How many sizes a volume has: its sides and the depth."""


def whole(minimum: int) -> list[Schema]:
    """A whole number, or a string with one."""
    return [{"type": "integer", "minimum": minimum}, whole_text(INTEGER)]


def whole_list(minimum: int | None, *counts: int) -> list[Schema]:
    """A list of whole numbers or expressions with one of these lengths, or a size such as ``1x7`` of as many parts."""
    number: Schema = {"type": "integer"} if minimum is None else {"type": "integer", "minimum": minimum}
    items = any_of(number, whole_text(INTEGER), reference("expression"))
    return [
        *[{"type": "array", "items": items, "minItems": count, "maxItems": count} for count in counts],
        size_text(*counts),
    ]


def words(known: Iterable[str]) -> list[Schema]:
    """Words in any case; editors suggest those in lower case."""
    known = list(known)
    return [{"enum": known}, whole_text("|".join(map(any_case, known)))]


def decimal_list() -> Schema:
    """A list with a number above 0 for each side."""
    number = any_of(*decimal(Decimal(above=0)), reference("expression"))
    return {"type": "array", "items": number, "minItems": 1, "maxItems": MAX_SIDES}


def names_list(known: Iterable[str]) -> Schema:
    """A list of these words, each at most once."""
    return {"type": "array", "items": any_of(*words(known)), "minItems": 1, "uniqueItems": True}


def decimal(reader: Decimal) -> list[Schema]:
    """A number within its bounds, or a string with a number."""
    bounds = (("minimum", reader.minimum), ("maximum", reader.maximum), ("exclusiveMinimum", reader.above))
    return [{"type": "number", **{key: bound for key, bound in bounds if bound is not None}}, whole_text(DECIMAL)]


ACCEPTED: dict[type[Reader], Callable[[Any], list[Schema]]] = {
    Whole: lambda reader: whole(reader.minimum),
    Sizes: lambda reader: [*whole(reader.minimum), *whole_list(reader.minimum, *range(1, MAX_SIDES + 1))],
    AnySizes: lambda reader: [*whole(reader.minimum), *whole_list(reader.minimum, *range(1, MAX_SIDES + 1))],
    Shifts: lambda _: [{"type": "integer"}, whole_text(INTEGER), *whole_list(None, *range(1, MAX_SIDES + 1))],
    VolumeSize: lambda _: whole_list(1, *VOLUME_PARTS),
    Decimal: decimal,
    Numbers: lambda reader: [
        *decimal(reader),
        {"type": "array", "minItems": 1, "items": any_of(*decimal(reader), reference("expression"))},
    ],
    Boolean: lambda reader: [{"type": "boolean"}, *words(reader.words)],
    Choice: lambda reader: words(reader.words),
    Pad: lambda reader: [*whole(0), *words(reader.words), *whole_list(0, *END_COUNTS)],
    Sides: lambda _: [{"type": "integer"}, whole_text(INTEGER), *whole_list(None, *END_COUNTS)],
    Corner: lambda reader: [*words(reader.words), *whole(0), *whole_list(0, *range(1, MAX_SIDES + 1))],
    Factors: lambda _: [*decimal(Decimal(above=0)), decimal_list()],
    WholeList: lambda reader: whole_list(0, reader.count),
    SideNames: lambda reader: [*words(reader.words), names_list(reader.words)],
    Axes: lambda reader: [*words(reader.words), names_list(SideNames.words)],
    SideName: lambda reader: words(reader.words),
    SideOrder: lambda reader: [names_list(reader.words)],
    Connections: lambda _: [{"type": "array", "items": connected_maps(), "minItems": 1}],
}
"""The values that each type of reader accepts, without expressions."""


def connected_maps() -> Schema:
    """The input maps of one filter."""
    return any_of(
        {"type": "array", "items": any_of(*whole(0), reference("expression")), "minItems": 1},
        whole_text(f"[1-9][0-9]*(?:{TIMES}(?:0|[1-9][0-9]*))+"),
        reference("expression"),
    )


def reader_name(reader: Reader) -> str:
    """The name of the definition for a reader; readers of the same values share it."""
    parts = [type(reader).__name__.lower()]
    if isinstance(reader, Choice):
        parts += reader.words
    bounds = {name: bound for name, bound in vars(reader).items() if isinstance(bound, (int, float))}
    bounds.pop("example", None)
    return "-".join([*parts, *[f"{name}-{bound:g}" for name, bound in bounds.items()]])


def reader_schemas() -> Schema:
    """A definition for each reader that a kind has: what it accepts, or an expression."""
    readers = [item.reader for kind in KINDS.values() for item in kind.keys.values()]
    return {reader_name(reader): any_of(*ACCEPTED[type(reader)](reader), reference("expression")) for reader in readers}


def key_schema(name: str, item: Key) -> Schema:
    """A key of a layer kind, with its default in the description."""
    description = f"{name}: {item.means}; {item.reader.expects}"
    default = default_of(item)
    if default is not None:
        description += f" (default: {default})"
    return {"description": description, "allOf": [reference(reader_name(item.reader))]}


# Layers


def kind_schema(kind: type[Layer]) -> Schema:
    """A layer as an entry of a list: a table of keys, the value of its main key, or the volume that it must give."""
    keys = {name: key_schema(name, item) for name, item in kind.keys.items()}
    ways: list[Schema] = [{"type": "object"}, {"type": "null"}, reference("volume")]
    if kind.bare is not None:
        ways.append(reference(reader_name(kind.keys[kind.bare].reader)))
    return {
        "description": docstring(kind),
        "properties": {**keys, **{name: reference(name) for name in kind.common_keys()}},
        "additionalProperties": False,
        "anyOf": ways,
    }


def defaults_schema(kind: type[Layer]) -> Schema:
    """The defaults of a kind."""
    keys = {name: reference(f"layer-{kind.kind}/properties/{name}") for name in kind.keys}
    if kind.learns:
        keys["trainable"] = reference("trainable")
    return {
        "description": f"Default keys of {kind.kind.upper()} layers.",
        "type": "object",
        "properties": keys,
        "additionalProperties": False,
    }


def kind_pattern(kind: str) -> str:
    """A key of an entry that writes a layer of the kind: ``conv``, ``CONV3-64/2``, ``CONV1x7-64(pad=same)@a``.

    A block name is never a kind and never ends in a digit, so the pattern matches no block.
    """
    return f"^{any_case(kind)}(?:[0-9]+(?:{TIMES}[0-9]+)*)?(?![A-Za-z0-9_\u00d7\u0080-\uffff])"


def entry_schema() -> Schema:
    """An entry of a list of layers."""
    return {
        "description": "A pattern, a block, a kind, or a mapping of one kind or block to its keys.",
        "type": ["string", "boolean", "object"],
        "pattern": "\\S",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {kind: reference(f"layer-{kind}") for kind in KINDS},
        "patternProperties": {kind_pattern(kind): reference(f"layer-{kind}") for kind in KINDS},
        "additionalProperties": {
            "description": "The arguments of a block.",
            "additionalProperties": any_of(reference("value"), reference("inputs")),
        },
        "propertyNames": {"pattern": "^[^0-9\\[\\](){}|*?/,=>@-]"},
    }


def definitions() -> Schema:
    """The definitions that several parts of an architecture file use."""
    text = {"type": ["string", "number", "boolean"]}
    name = {**text, "description": "The name of a layer, a group or a call; @ may stand before it."}
    boolean = [reference("boolean")]
    return {
        "expression": {
            "description": 'An expression in quotes and braces: "{2*width}".',
            "type": "string",
            "pattern": "^\\s*\\{[\\s\\S]*\\}\\s*$",
        },
        "value": {
            "description": "A number, a size such as 2x64, a list, a word, or an expression in quotes and braces.",
            "type": ["string", "number", "boolean", "array"],
            "items": reference("value"),
        },
        "volume": any_of(
            size_text(*VOLUME_PARTS),
            {"type": "array", "items": size_text(*VOLUME_PARTS), "minItems": 1, "maxItems": 1},
            description="The volume that the layer must give: [112x112x64].",
        ),
        "name": {**text, "description": "The name of the layer (default: its kind and a number)."},
        "inputs": {
            "description": "The layers whose volumes it takes, instead of the one before it.",
            "type": ["string", "number", "boolean", "array"],
            "items": name,
        },
        "share": {
            "description": "The layer or call whose parameters it uses.",
            "type": ["string", "number", "boolean", "array"],
            "items": name,
        },
        "transposed": any_of(
            *boolean, description="yes: it uses only the weights of share, with inputs and outputs swapped."
        ),
        "trainable": any_of(*boolean, description="no: frozen, without gradient and optimizer state (default: yes)."),
        "training_only": any_of(
            *boolean, description="yes: it, and layers that depend only on it, run only in training (default: no)."
        ),
        "chain": {
            "description": "A pattern such as CONV3-64 -> RELU -> POOL2, or a list of layers.",
            "type": ["string", "boolean", "array"],
            "pattern": "\\S",
            "items": reference("entry"),
        },
        "entry": entry_schema(),
        **reader_schemas(),
        **{f"layer-{kind.kind}": kind_schema(kind) for kind in KINDS.values()},
        **{f"defaults-{kind.kind}": defaults_schema(kind) for kind in KINDS.values()},
    }


# Budgets and rules


def limit_schema(unit: str, on_board: str = "") -> Schema:
    """A limit: a whole number, a number with its unit, a change against the base, or the memory of a board."""
    units, example = (BYTE_UNITS, "93MiB") if unit == "bytes" else (COUNT_UNITS, "7M")
    return any_of(
        {"type": "integer", "minimum": 0},
        whole_text(f"[0-9]+(?:\\.[0-9]+)? ?(?:{units})?"),
        whole_text("[+-][0-9]+(?:\\.[0-9]+)? ?%"),
        *([whole_text("[Bb][Oo][Aa][Rr][Dd]:[^,]*[A-Za-z0-9][^,]*")] if on_board else []),
        description=f"A whole number, a number with its unit ({example}), or a change against the base (+5%)"
        + (f"; or the {on_board} of a board ({PREFIX}NAME)." if on_board else "."),
    )


def budget_schema() -> Schema:
    """A budget: for each key a limit, or a table of bounds and options."""
    keys: Schema = {}
    for known in BUDGET_KEYS.values():
        key, unit = known.name, known.unit
        if key == ALLOW_STATED:
            keys[key] = allow_stated_schema()
            continue
        limit = limit_schema(unit, known.on_board)
        bounds = {bound: {**limit, "description": BOUND_MEANINGS[bound]} for bound in BOUNDS}
        table = {
            "type": "object",
            "properties": {**bounds, FAMILY: family_schema(), **option_schemas(key)},
            "additionalProperties": False,
            "anyOf": [{"required": [bound]} for bound in BOUNDS],
        }
        keys[key] = any_of(*limit["anyOf"], table, description=f"A limit for {key}, in {unit}.")
    return {
        "description": "What the design may cost; checked by 'cnncalc check'.",
        "type": ["object", "null"],
        "minProperties": 1,
        "properties": keys,
        "additionalProperties": False,
    }


def allow_stated_schema() -> Schema:
    """Whether layers may have stated figures."""
    forbids = "no: no layer may have figures that are stated, not computed (default: yes)."
    return any_of({"type": "boolean"}, *words(Boolean.words), description=forbids)


def family_schema() -> Schema:
    """The ranges of a family of designs that all have to keep a limit."""
    return {
        "description": "Ranges of variables, batch or input, as in {width: 8..64}: every member must keep the limits.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"type": ["string", "number"]},
    }


def option_schemas(key: str) -> Schema:
    """The options of a budget's key."""
    options: Schema = {}
    for name, known in BUDGET_KEYS[key].options.items():
        meaning = OPTION_MEANINGS[name]
        options[name] = (
            {"enum": list(known), "description": meaning}
            if known
            else any_of(*OPTION_FORMS[name](), description=meaning)
        )
    return options


def ignore_schema() -> Schema:
    """Suppressed design rules."""
    code = any_of(*[{"enum": RULE_CODES}, whole_text("|".join(map(re.escape, RULE_CODES)))])
    name = {"type": ["string", "number", "boolean"]}
    layers = {
        "type": ["string", "number", "boolean", "array"],
        "items": name,
        "minItems": 1,
        "description": "The layers or blocks for which the rule is ignored.",
    }
    table = {"type": "object", "properties": dict.fromkeys(RULE_CODES, layers), "propertyNames": code}
    return any_of(
        {"type": "null"},
        *code["anyOf"],
        table,
        {"type": "array", "items": any_of(*code["anyOf"], table)},
        description="Design rules to ignore, in the whole file or for some layers.",
    )


# The documents


def architecture_schema() -> Schema:
    """The schema of architecture files."""
    text = {"type": ["string", "number", "boolean"]}
    any_kind = {any_case(kind): kind for kind in KINDS}
    properties: dict[str, Schema] = {
        "name": {**text, "description": "The name of the design (default: that of the file)."},
        "title": {**text, "description": "The full name, for headings."},
        "source": {**text, "description": "Where the design comes from."},
        "forms": {
            "description": "Other forms of the net, by name, with what each is: {resnet50-v1.5: torchvision's form}.",
            "type": ["object", "null"],
            "additionalProperties": text,
        },
        "input": any_of(
            size_text(*VOLUME_PARTS),
            {"type": "array", "items": any_of(*whole(1)), "minItems": VOLUME_PARTS[0], "maxItems": VOLUME_PARTS[-1]},
            {"type": "array", "items": size_text(*VOLUME_PARTS), "minItems": 1, "maxItems": 1},
            description="The volume of the input, its sides and its depth: 224x224x3, 16000x1.",
        ),
        "variables": {
            "description": "Variables of the patterns; one without a value must be set by the caller.",
            "type": ["object", "null"],
            "additionalProperties": any_of(reference("value"), {"type": "null"}),
            "propertyNames": {"pattern": "^[^0-9\\s-][^\\s-]*$"},
        },
        "defaults": {
            "description": "Default keys of layers, by kind.",
            "type": ["object", "null"],
            "properties": {kind: reference(f"defaults-{kind}") for kind in KINDS},
            "patternProperties": {f"^{pattern}$": reference(f"defaults-{kind}") for pattern, kind in any_kind.items()},
            "additionalProperties": False,
        },
        "blocks": {
            "description": "Patterns with parameters, used like layers: C(filters): CONV3-filters -> RELU.",
            "type": ["object", "null"],
            "additionalProperties": reference("chain"),
            "propertyNames": {"pattern": "^\\s*[^0-9\\s\\[\\](){}|*?/,=>@-]"},
        },
        "layers": {"allOf": [reference("chain"), {"minItems": 1}]},
        "budget": budget_schema(),
        "ignore": ignore_schema(),
    }
    return {
        "$schema": DRAFT,
        "title": "An architecture file of cnncalc",
        "description": "A convolutional network as text, whose cost cnncalc computes.",
        "type": "object",
        "properties": {key: properties[key] for key in KEYS},
        "required": ["layers"],
        "additionalProperties": False,
        "definitions": definitions(),
    }


def configuration_schema() -> Schema:
    """The schema of cnncalc.toml and of [tool.cnncalc] in pyproject.toml."""
    rules = {"type": "array", "items": {"enum": RULE_CODES}}
    text = {"type": "string", "pattern": "\\S"}
    texts = {"type": "array", "items": text}
    budget = {**budget_schema(), "type": "object"}
    properties: dict[str, Schema] = {
        "budget": {**budget, "description": "Limits for every design, unless its file overrides them."},
        ALLOW_STATED: allow_stated_schema(),
        "base": {**text, "description": "The git revision with which designs are compared: origin/main."},
        "baseline": {**text, "description": "The file of recorded values, relative to the configuration."},
        "files": {**texts, "description": "What a check without FILES takes, relative to the configuration."},
        "exclude": {**texts, "description": "Patterns of files and folders that a search of folders leaves out."},
        "select": {**rules, "description": "The only design rules to run (default: all)."},
        "ignore": {**rules, "description": "Design rules to ignore."},
    }
    return {
        "$schema": DRAFT,
        "title": "The configuration of cnncalc",
        "description": "The content of cnncalc.toml, or of [tool.cnncalc] in pyproject.toml.",
        "type": "object",
        "properties": {key: properties[key] for key in CONFIGURATION_KEYS},
        "additionalProperties": False,
    }
