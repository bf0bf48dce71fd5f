"""The text of one layer: its keys as fields, in the short form (``CONV3-64/2(pad=0)``) or as keys of an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.layers.keys import VolumeSize
from cnncalc.records import NamedTuple
from cnncalc.units import MAX_DIGITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.layers.base import Layer

NO_DEFAULTS: Mapping[str, Any] = {}


class Field(NamedTuple):
    """One written key of a layer: where it stands, its value, and a value with which it is left out (else None).

    ``place``: ``first``, ``dash``, ``slash`` of the short form, or ``bare``, ``named`` in the parentheses.
    """

    place: str
    key: str
    value: Any
    default: Any = None


# values


def _number(value: int) -> str:
    """A whole number, as an expression if it has too many digits for a literal."""
    limit = 10**MAX_DIGITS
    if abs(value) < limit:
        return str(value)
    high, low = divmod(abs(value), limit)
    text = f"({_number(high)})*10**{MAX_DIGITS}+{low}"
    return f"-({text})" if value < 0 else text


def is_long(value: Any) -> bool:
    """Whether a number has too many digits to be written as such."""
    if isinstance(value, list):
        return any(is_long(part) for part in value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**MAX_DIGITS


def plain(value: Any) -> str:
    """A value of the language, without braces."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "[" + ", ".join(plain(part) for part in value) + "]"
    if isinstance(value, int):
        return _number(value)
    return str(value) if isinstance(value, str) else repr(value)


def written(value: Any, *, quoted: bool = False) -> str:
    """A value as it stands in arguments (or, ``quoted``, in a YAML file)."""
    is_size = isinstance(value, list) and len(value) == 3 and all(isinstance(part, int) for part in value)
    if is_size and not is_long(value) and min(value) > 0:
        return "x".join(str(part) for part in value)
    if is_long(value):
        text = "{" + plain(value) + "}"
        return f'"{text}"' if quoted else text
    return plain(value)


def short(value: Any) -> str:
    """A value as it stands after a word, '-' or '/': 64, 1x7, {10**20}, {-3}."""
    parts = value if isinstance(value, list) else [value]
    if any(isinstance(part, (int, float)) and part < 0 for part in parts):
        return "{" + plain(value) + "}"
    if isinstance(value, list) and not is_long(value):
        return "x".join(str(part) for part in value)
    return written(value)


# layers


def fields_of(layer: Layer, defaults: Mapping[str, Any] = NO_DEFAULTS) -> list[Field]:
    """The keys to write, those of the short form first.

    Sizes of the short form are there also where they are usual, so that layers can be compared; a field whose value
    equals its ``default`` is left out of the text. ``defaults`` are those of the file for the kind.
    """
    kind = type(layer)
    rest = layer.written()
    for name, value in defaults.items():
        if name in rest and rest[name] == value:
            del rest[name]
        elif name not in rest and not kind.is_replaced(name, rest):
            rest[name] = kind.keys[name].reader.write(kind.keys[name].default)
    fields = []
    places: tuple[tuple[str | None, str], ...] = ((kind.first, "first"), (kind.dash, "dash"), (kind.slash, "slash"))
    for key, place in places:
        if key is None or (key not in rest and kind.is_replaced(key, rest)):
            continue
        item = kind.keys[key]
        value = rest.pop(key) if key in rest else getattr(layer, item.attribute)
        if value is None:
            continue
        is_always = place == "first" or (place == "dash" and key in kind.sizes)
        default = None if is_always or item.default is None else item.reader.write(item.default)
        fields.append(Field(place, key, item.reader.write(value) if isinstance(value, tuple) else value, default))
    fields += [Field("bare", name, rest.pop(name)) for name in kind.placed(rest)]
    return fields + [Field("named", name, value) for name, value in rest.items()]


def layer_text(layer: Layer, extra: Sequence[str] = ()) -> str:
    """A layer in its short form: ``CONV3-64/2(pad=0)``; ``extra`` arguments come last."""
    texts = [
        (field, short(field.value) if field.place in MARKS else written(field.value))
        for field in fields_of(layer)
        if field.value != field.default
    ]
    return joined(layer, texts, extra)


MARKS = {"first": "", "dash": "-", "slash": "/"}


def joined(layer: Layer, texts: Sequence[tuple[Field, str]], extra: Sequence[str] = ()) -> str:
    """A layer of fields with the text of each."""
    kind = type(layer)
    text = kind.kind.upper()
    arguments = []
    for field, value in texts:
        if field.place in MARKS:
            blank = " " if isinstance(kind.keys[field.key].reader, VolumeSize) else ""
            text += blank + MARKS[field.place] + value
        else:
            arguments.append(value if field.place == "bare" else f"{field.key}={value}")
    arguments += extra
    return text + (f"({', '.join(arguments)})" if arguments else "")


def entry_keys(layer: Layer) -> dict[str, str]:
    """The keys of a layer as those of an entry of a file, each with its text."""
    order = ("dash", "first", "slash", "bare", "named")
    fields = sorted(fields_of(layer), key=lambda field: order.index(field.place))
    return {field.key: written(field.value, quoted=True) for field in fields if field.value != field.default}
