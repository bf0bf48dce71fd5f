"""Writes one layer: in the short form of patterns (``CONV3-64/2(pad=0)``), or as keys of an entry of a file."""

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
    """A key of a layer, with its place in the short form and its value; not written if the value is ``default``.

    ``place``: ``first`` (after the kind), ``dash`` or ``slash``; in parentheses ``bare`` (without key) or ``named``.
    """

    place: str
    key: str
    value: Any
    default: Any = None


# values


def _number(value: int) -> str:
    """A whole number; one with more digits than a literal may have as an expression."""
    limit = 10**MAX_DIGITS
    if abs(value) < limit:
        return str(value)
    high, low = divmod(abs(value), limit)
    text = f"({_number(high)})*10**{MAX_DIGITS}+{low}"
    return f"-({text})" if value < 0 else text


def is_long(value: Any) -> bool:
    """Whether a number, or one in a list, has more digits than a literal may have."""
    if isinstance(value, list):
        return any(is_long(part) for part in value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**MAX_DIGITS


def plain(value: Any) -> str:
    """A value as an expression writes it, without braces."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "[" + ", ".join(plain(part) for part in value) + "]"
    if isinstance(value, int):
        return _number(value)
    return str(value) if isinstance(value, str) else repr(value)


def written(value: Any, *, quoted: bool = False) -> str:
    """A value as an argument in parentheses, or with ``quoted`` as a value in a YAML file."""
    is_size = isinstance(value, list) and len(value) == 3 and all(isinstance(part, int) for part in value)
    if is_size and not is_long(value) and min(value) > 0:
        return "x".join(str(part) for part in value)
    if is_long(value):
        text = "{" + plain(value) + "}"
        return f'"{text}"' if quoted else text
    return plain(value)


def short(value: Any) -> str:
    """A value as it is written after a kind, '-' or '/': 64, 1x7, {10**20}, {-3}."""
    parts = value if isinstance(value, list) else [value]
    if any(isinstance(part, (int, float)) and part < 0 for part in parts):
        return "{" + plain(value) + "}"
    if isinstance(value, list) and not is_long(value):
        return "x".join(str(part) for part in value)
    return written(value)


# layers


def fields_of(layer: Layer, defaults: Mapping[str, Any] = NO_DEFAULTS) -> list[Field]:
    """The keys of a layer, those of the short form first.

    The sizes of the short form are always included, so that layers can be compared; a field whose value equals its
    ``default`` is not written. ``defaults`` are those of the file for the kind.
    """
    kind, rest = type(layer), _written_beside(layer, defaults)
    fields = []
    places: tuple[tuple[str | None, str], ...] = ((kind.first, "first"), (kind.dash, "dash"), (kind.slash, "slash"))
    for key, place in places:
        if key is None or (key not in rest and kind.is_replaced(key, rest)):
            continue
        item = kind.keys[key]
        value = rest.pop(key) if key in rest else getattr(layer, item.attribute)
        if value is None:
            continue
        is_always = place == "first" or key in kind.sizes
        default = None if is_always or item.default is None else item.reader.write(item.default)
        value = item.reader.write(value) if isinstance(value, tuple) else value
        is_length = isinstance(value, list) and len(value) == 1  # its number alone would stand for equal sides
        fields.append(Field("bare" if is_length else place, key, value, default))
    fields += [Field("bare", name, rest.pop(name)) for name in kind.placed(rest)]
    return fields + [Field("named", name, value) for name, value in rest.items()]


def _written_beside(layer: Layer, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a layer that must be written in a file with these defaults for its kind, with their values."""
    kind, found = type(layer), layer.written()
    for name, value in defaults.items():
        if name in found and found[name] == value:
            del found[name]
        elif name not in found and not kind.is_replaced(name, found):
            found[name] = kind.keys[name].reader.write(kind.keys[name].default)
    return found


def layer_text(layer: Layer, extra: Sequence[str] = ()) -> str:
    """A layer in the short form, ``CONV3-64/2(pad=0)``, with the arguments ``extra`` last."""
    texts = [
        (field, short(field.value) if field.place in MARKS else written(field.value))
        for field in fields_of(layer)
        if field.value != field.default
    ]
    return joined(layer, texts, extra)


MARKS = {"first": "", "dash": "-", "slash": "/"}
"""The mark before a value of the short form, by its place."""


def joined(layer: Layer, texts: Sequence[tuple[Field, str]], extra: Sequence[str] = ()) -> str:
    """A layer in the short form, from its fields and the text of each."""
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
    """The keys of a layer as an entry of an architecture file has them, each with the text of its value."""
    order = ("dash", "first", "slash", "bare", "named")
    fields = sorted(fields_of(layer), key=lambda field: order.index(field.place))
    return {field.key: written(field.value, quoted=True) for field in fields if field.value != field.default}
