"""Translates a layer as other tools write it (``Conv2d(3, 64, 3)``) into this language, for hints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.language.foreign import ALSO_SET, WITHOUT_A_KIND, is_needless, own_key, second_input_hint, written
from cnncalc.layers import KINDS
from cnncalc.layers.base import COMMON_KEYS, PARAMETER_KEYS
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.language.syntax import LayerSyntax, Operand
    from cnncalc.layers.base import Layer

_LAYER_KEYS = (*COMMON_KEYS, *PARAMETER_KEYS)
_LAYER = re.compile(
    r"(?P<word>[A-Z]+(?:[0-9][A-Z]+)*)(?P<size>[0-9]*)(?P<marks>(?:\{[knNsS]\})*)"
    r"(?:\((?P<arguments>[^@]*)\))?(?P<bare>\{b\})?"
)
"""One layer of a form, see :class:`_Layer`."""
_SHORT = re.compile(r"[0-9]+(?:x[0-9]+)*|[^\W\d]\w*|\{.*\}")
"""A value that the short form can have: a size, a name or braces."""
_SIDES = {
    "1": "; an input of one side is length x depth, as in 16000x1",
    "3": "; an input of three sides is frames x height x width x depth, as in 16x112x112x3",
}
"""What a hint adds for a word with the number of sides (``Conv1d``): here the input decides that number."""
TOOLS = {"dense": "D", "linear": "d", "MultiheadAttention": "d", "MultiHeadAttention": "D"}
"""Words that only one tool has: D is Keras, d PyTorch, as in Conv2D and Conv2d; words of both only with capitals."""
WINDOW_KEYS = ("stride", "pad", "dilation")
"""Keys that, in a form of several layers, belong to the layer with the kernel."""
CEIL_KEY = "round"
"""The key that corresponds to PyTorch's ``ceil_mode``."""
LARGEST_KERNEL = 15
"""The largest number that is taken for a kernel where the text does not tell which tool is meant."""


def _names(word: str) -> tuple[str, str]:
    """A name of a layer in another tool without what tools add to it, with and without its number of sides."""
    full = word.lower().replace("_", "").removeprefix("lazy").removesuffix("layer")
    return full, re.sub("[123]d", "", full)


def kind_called(word: str) -> str | None:
    """The kind that has this name in another tool; None if there is none."""
    names = {*_names(word)}
    return next((kind for kind, cls in KINDS.items() if names & {kind, *cls.other_names, *cls.related_names}), None)


def kind_hint(syntax: LayerSyntax, size: str) -> tuple[str, str | None] | None:
    """An addition to the message and a hint for a word of another tool; None for an unknown word.

    ``size`` is the size at the end of the word, as in ``MAXPOOL3``.
    """
    stem = syntax.word.removesuffix(size)
    sides = re.search("[123](?=d)", stem.lower())
    full, plain = _names(stem)
    add = _SIDES.get(sides[0], "") if sides else ""
    for kind, cls in KINDS.items():
        related = full if full in cls.related_names else plain
        if related in cls.related_names:
            form, how = cls.related_names[related]
            return "", f"write {_choices(_translations(form, how, syntax, size))}{add}"
        if plain in cls.other_names or (plain == kind and plain != stem.lower()):
            return _other_name_hint(cls, syntax, size, add)
    if plain in WITHOUT_A_KIND:
        return "", "there is no such layer here; 'cnncalc kinds' lists those that there are"
    return None


def _other_name_hint(kind: type[Layer], syntax: LayerSyntax, size: str, add: str) -> tuple[str, str | None]:
    """The addition and the hint for another name of a kind; ``add`` is what the hint says of the number of sides."""
    word = kind.kind.upper()
    if kind.needs_second_input:
        return f"; use {word}", second_input_hint(kind, in_file=syntax.in_file)
    marks = {"{k}": kind.first, "{n}": kind.dash, "{s}": kind.slash, "{b}": None if kind.first else kind.bare}
    form = word + "".join([mark for mark, key in marks.items() if key])
    name = kind.kind if syntax.in_file and not syntax.word.isupper() else word
    has_values = bool(size or syntax.arguments or syntax.first or syntax.dash or syntax.slash)
    hint = f"write {_choices(_translations(form, '', syntax, size))}" if has_values else ""
    return f"; use {name}", (hint + add if hint else add[2:]) or None


class _Translation(NamedTuple):
    """A layer in this language, how it differs from the other tool's, and the values left out, as written."""

    text: str
    how: str
    left_out: tuple[str, ...]


def _choices(found: Sequence[_Translation]) -> str:
    """``CONV3-64(pad=0): how it differs``; two translations where the text does not tell which tool is meant."""
    left = [f"not read: {', '.join(each.left_out)}" if each.left_out else "" for each in found]
    if len(found) > 1:
        torch, keras = [each.text + (f" ({what})" if what else "") for each, what in zip(found, left, strict=True)]
        return f"{torch} if the values are in the order of PyTorch, {keras} if they are in that of Keras"
    return found[0].text + (f": {found[0].how}" if found[0].how else "") + (f"; {left[0]}" if left[0] else "")


class _Layer:
    """A layer of a form, and its values by key.

    A form is the translation of a word of another tool, with places for values: ``{k}`` for the size after the kind,
    ``{n}`` for the number after '-' (``{N}``: 64 if there is none), ``{s}`` for that after '/' (``{S}``: 1 if there is
    none), ``{b}`` for a value in parentheses, ``{v}`` for a number (1 if there is none). Forms are in ``related_names``
    of the kinds.
    """

    def __init__(self, form: re.Match[str]) -> None:
        self.kind = kind = KINDS[form["word"].lower()]
        marks = re.findall("[knNsS]", form["marks"])
        self.places = {
            mark: {"k": kind.first, "s": kind.slash, "S": kind.slash}.get(mark, kind.dash) or "" for mark in marks
        }
        self.is_bare = form["bare"] is not None
        if self.is_bare:
            self.places["b"] = kind.bare or ""
        self.values: dict[str, str] = {kind.first or "": form["size"]} if form["size"] else {}
        for argument in filter(None, (form["arguments"] or "").split(", ")):
            key, sign, value = argument.rpartition("=")
            self.is_bare = self.is_bare or not sign
            self.values[key if sign else kind.bare or ""] = value

    def set_missing(self) -> None:
        """Sets the numbers of ``{N}`` and ``{S}`` that have no value."""
        for mark, value in (("N", "64"), ("S", "1")):
            if mark in self.places:
                self.values.setdefault(self.places[mark], value)

    def pattern(self) -> str:
        """The layer as a pattern writes it."""
        kind, values = self.kind, dict(self.values)
        text = kind.kind.upper()
        for key, sign in ((kind.first, ""), (kind.dash, "-"), (kind.slash, "/")):
            if key in values and _SHORT.fullmatch(values[key]):
                value = values.pop(key)
                text += f"{{{value}}}" if not sign and value[0].isalpha() else sign + value
        placed = kind.placed(values) if self.is_bare else ()
        listed = ", ".join([*map(values.pop, placed), *[f"{key}={value}" for key, value in values.items()]])
        return f"{text}({listed})" if listed else text

    def entry(self) -> str:
        """The layer as an entry of a file writes it."""
        kind, values = self.kind, self.values
        order = [key for key in (kind.first, kind.dash, kind.slash) if key in values]
        quoted = {key: f'"{values[key]}"' if values[key][:1] == "{" else values[key] for key in [*order, *values]}
        listed = ", ".join([f"{key}: {value}" for key, value in quoted.items()])
        return f"{self.kind.kind}: {{{listed}}}" if listed else self.kind.kind


def _layers(form: str) -> list[_Layer | str]:
    """The layers of a form; as text those without places for values."""
    found = [(text, _LAYER.fullmatch(text)) for text in form.split(" -> ")]
    return [_Layer(layer) if layer and layer["word"].lower() in KINDS else text for text, layer in found]


class _Values(NamedTuple):
    """The values of a layer of another tool.

    ``named`` are those with a key, by the keys here, ``bare`` those without a key, ``unknown`` those whose key no tool
    has. ``after`` is the layer that follows, from the key ``activation``.
    """

    named: Mapping[str, str]
    bare: Sequence[str]
    after: str
    unknown: Sequence[str]


class _Reading(NamedTuple):
    """Values by the keys here, and the values that are left out, as written."""

    read: Mapping[str, str]
    left_out: Sequence[str]


def _translations(form: str, how: str, syntax: LayerSyntax, size: str) -> list[_Translation]:
    """The translations of a layer by a form; ``how`` says how the form differs from the other tool.

    There are two if the values can be read in the order of PyTorch and in that of Keras.
    """
    layers = [layer for layer in _layers(form) if isinstance(layer, _Layer)]
    places = {mark.lower(): key for layer in layers for mark, key in layer.places.items()}
    values = _values(syntax, size, layers, places)
    found = [_filled(form, how, syntax, reading, values) for reading in _readings(layers, places, values, syntax.word)]
    return list(dict.fromkeys(found))


def _values(syntax: LayerSyntax, size: str, layers: Sequence[_Layer], places: Mapping[str, str]) -> _Values:
    """The values of a layer as written; ``places`` are the keys that the short form sets."""
    named: dict[str, str] = {}
    after = ""
    for key, value in (
        (places.get("k"), size or syntax.first),
        (places.get("n"), syntax.dash),
        (places.get("s"), syntax.slash),
    ):
        if key and value:
            named[key] = value if isinstance(value, str) else _text(value)
    bare = [_text(argument.value) for argument in syntax.arguments if argument.key in (None, "cropping")]
    unknown: list[str] = []
    for argument in syntax.arguments:
        if argument.key in (None, "cropping"):
            continue
        value = _text(argument.value)
        owns = [own_key(argument.key, layer.kind, argument.value) for layer in layers]
        own = next((each for each in owns if each is not None), None)
        if argument.key.lower() == "activation" and value.lower() in KINDS:
            after = f" -> {value.upper()}"
        elif argument.key in _LAYER_KEYS:
            named[argument.key] = value
        elif own is not None:
            named.update(dict.fromkeys((own[0], *ALSO_SET.get(argument.key.lower(), ())), _plain(own[1])))
        elif not is_needless(argument.key):
            unknown.append(f"{argument.key}={value}")
    return _Values(named, bare, after, unknown)


def _text(operand: Operand) -> str:
    return _plain(written(operand.span))


def _plain(text: str) -> str:
    """The text of a value without quotes, with two sizes as 3x5, and True and False as yes and no."""
    text = text.strip("'\"")
    text = {"true": "yes", "false": "no"}.get(text.lower(), text)
    sides = re.fullmatch(r"[\[(]\s*([1-9][0-9]*)\s*,\s*([1-9][0-9]*)\s*[\])]", text)
    return f"{sides[1]}x{sides[2]}" if sides else text


def _readings(layers: Sequence[_Layer], places: Mapping[str, str], values: _Values, word: str) -> list[_Reading]:
    """The values by the keys here, once for each tool in whose order they can be read.

    If all tools have fewer values than are written, the last of these are left out.
    """
    unread = _Reading(values.named, [*values.bare, *values.unknown])
    if not layers or not values.bare:
        return [unread]
    orders = _orders(layers[0].kind, places)
    own = _own_orders(word, orders)
    written = len(values.bare)
    found: list[_Reading] = []
    for least, tools in ((written, own), (0, own), (written, orders), (0, orders)):
        tried = [_reading(tool, order, values, places) for tool, order in tools.items() if len(order) >= least]
        found = [reading for reading in tried if reading is not None]
        if found:
            break
    if len(found) > 1:
        found = [each for each in found if _is_likely(each.read, places.get("k"), places.get("s"))] or found
    return found or [unread]


def _own_orders(word: str, orders: dict[str, list[str]]) -> dict[str, list[str]]:
    """The order of the tool that alone has this word; those of all tools if several have it."""
    tool = TOOLS.get(word) or TOOLS.get(word.lower())
    sides = re.search("[123]([dD])", word)
    if not tool and sides and not word.isupper() and not word.islower():
        tool = sides[1]
    return {tool: orders[tool]} if tool else orders


def _reading(tool: str, order: Sequence[str], values: _Values, places: Mapping[str, str]) -> _Reading | None:
    """The values in the order of a tool; None if one has a key as well, or if PyTorch would need more of them."""
    read = {key: value for key, value in zip(order, values.bare, strict=False) if key}
    if read.pop("ceil_mode", "no") in ("yes", "1"):
        read[CEIL_KEY] = "ceil"
    indices = read.pop("return_indices", "no")
    needed = {places[mark] for mark in "nk" if places.get(mark)} if tool == "d" and places.get("n") else set()
    if read.keys() & values.named.keys() or not needed <= read.keys() | values.named.keys():
        return None
    left_out = [*([] if indices in ("no", "0") else [indices]), *values.bare[len(order) :], *values.unknown]
    return _Reading({**values.named, **read}, left_out)


def _orders(kind: type[Layer], places: Mapping[str, str]) -> dict[str, list[str]]:
    """The order in which each tool has the values of a kind, by the keys here; "" for one to which none corresponds."""
    number, size, stride = places.get("n"), places.get("k"), places.get("s")
    keras = [key for key in dict.fromkeys((number, size, stride, places.get("b"))) if key]
    keys = kind.keys
    if "b" in places:
        keras += kind.further_bare
    if size and "pad" in keys:
        keras.append("pad")
    more = ("output_pad", "groups", "bias", "dilation") if "output_pad" in keys else ("dilation", "groups", "bias")
    torch = [*([""] if number else []), *keras, *[key for key in more if key in keys and key not in keras]]
    if CEIL_KEY in keys and stride == "stride" and "power" not in keys:  # PyTorch's pools end alike
        torch += ["return_indices", "ceil_mode"] if "dilation" in keys else ["ceil_mode", "count_pad"]
    if not number and "pad" not in keys:
        torch.append("")  # the depth, which is known here
    if "multiplier" in keys and "pad" in keras:
        keras.append("multiplier")
    if "head_dim" in keys:
        keras.append("head_dim")
    return {"d": torch, "D": keras}


def _is_likely(values: Mapping[str, str], size: str | None, stride: str | None) -> bool:
    """Whether the values have a usual kernel, and a stride no larger than it."""
    kernel, step = values.get(size or "", ""), values.get(stride or "", "")
    return not (kernel.isdigit() and (int(kernel) > LARGEST_KERNEL or (step.isdigit() and int(step) > int(kernel))))


def _filled(form: str, how: str, syntax: LayerSyntax, reading: _Reading, values: _Values) -> _Translation:
    """A form with values filled in; it does not say how it differs where a value replaces one of the form."""
    left_out = list(reading.left_out)
    value = values.bare[0] if len(values.bare) == 1 else "1"
    if "{v}" in form and value in left_out:
        left_out.remove(value)
    parts = _layers(form.replace("{v}", value if value.isdigit() or "-{v}" not in form else "1"))
    layers = [part for part in parts if isinstance(part, _Layer)]
    for key, text in reading.read.items():
        layer = _layer_with(key, layers)
        if layer is None:
            left_out.append(f"{key}={text}")
            continue
        how = how if key not in layer.values else ""
        layer.values[key] = text
    for layer in layers:
        layer.set_missing()
    number = reading.read.get("filters") or reading.read.get("units")
    how = how.replace("{n}", f"-{number}" if number else "")
    return _Translation(_joined(parts, syntax, values.after), how, tuple(left_out))


def _layer_with(key: str, layers: Sequence[_Layer]) -> _Layer | None:
    """The layer of a form that gets the value of a key: the one with a place for it, or the last that has the key."""
    takes = [layer for layer in layers if key in layer.kind.keys or key in _LAYER_KEYS]
    placed = [layer for layer in takes if key in layer.places.values()]
    windows = [layer for layer in takes if key in WINDOW_KEYS and "k" in layer.places]
    return next(iter(placed or windows or takes[-1:]), None)


def _joined(parts: Sequence[_Layer | str], syntax: LayerSyntax, after: str) -> str:
    """The parts of a form as one text: an entry of a file if the layer is one, else a pattern."""
    is_entry = bool(syntax.arguments) and syntax.in_file and syntax.arguments[-1].span.start >= syntax.span.end
    if is_entry and len(parts) == 1 and isinstance(parts[0], _Layer) and not after:
        return parts[0].entry()
    return " -> ".join([part if isinstance(part, str) else part.pattern() for part in parts]) + after
