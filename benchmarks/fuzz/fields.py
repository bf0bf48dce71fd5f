"""Mutations of the fields of binary model files: messages of ONNX, tables of TensorFlow Lite."""

# ruff: noqa: E501  # words stand as lines

from __future__ import annotations

import struct
from functools import lru_cache
from struct import pack_into, unpack_from
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks.fuzz.mutations import TIMES, damaged
from cnncalc.interop.tensor_layers import HANDLERS
from tests.interop.onnx_writer import varint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    Fields: TypeAlias = list[list[Any]]
    """The fields of a message: number, wire type, and value; that of a known message is a list of fields again."""

MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 25: "function"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph"},
    "value": {2: "type"},
    "type": {1: "tensor type"},
    "tensor type": {2: "shape"},
    "shape": {1: "dimension"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "tensor": {}, "opset": {}, "dimension": {},
}  # fmt: skip
"""The messages of ONNX: which field of each holds which message. Source: onnx.proto of onnx/onnx."""

VARINT, EIGHT, BLOCK, FOUR = 0, 1, 2, 5
INTEGERS = (
    0, 1, 2, 3, 4, 5, 7, 8, 11, 17, 21, 127, 128, 255, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 62),
    (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 2,
)  # fmt: skip
TEXTS = (
    b"", b"\xff\xfe", b"\x1b[2J", *[name.encode() for name in (*HANDLERS, *HANDLERS, "Constant", "Shape", "If", "LSTM")],
    *b"x y axes axis perm kernel_shape strides pads dilations group auto_pad ceil_mode keepdims alpha beta epsilon mode".split(),
    *b"size blocksize to split num_outputs transA transB equation value value_ints allowzero output_padding output_shape".split(),
    *b"shape starts ends scales start end num_groups SAME_UPPER VALID linear cubic a/b com.microsoft ai.onnx.ml ij,jk->ik".split(),
)  # fmt: skip
"""Operators and attributes of ONNX, their values, and texts that are none."""


def with_messages(random: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """An ONNX file with fields taken away, repeated, exchanged with others, or of other values."""
    try:
        fields = _parsed(data, "model")
    except (ValueError, IndexError):
        fields = []
    if not fields:
        return damaged(random, data, pool)
    for _ in range(random.choice(TIMES)):
        owners = _owners(fields)
        holder, place = random.choice(owners)
        what = random.randrange(8)
        if what == 0:
            del holder[place]
        elif what == 1:
            holder.insert(place, list(holder[place]))
        elif what == 2:
            holder[place] = _copy_of_one(random, owners)
        elif what == 3:
            holder.insert(place, _copy_of_one(random, owners))
        else:
            holder[place] = _changed(random, holder[place], owners)
        if not fields:
            break
    return _written(fields)


def _copy_of_one(random: Random, owners: list[tuple[Fields, int]]) -> list[Any]:
    """Any field, a message as its bytes, so that no message holds itself."""
    holder, place = random.choice(owners)
    number, wire, value = holder[place]
    return [number, wire, _written(value) if isinstance(value, list) else value]


def _changed(random: Random, field: list[Any], owners: list[tuple[Fields, int]]) -> list[Any]:
    """A field with another value of its type, rarely with another number or type."""
    number, wire, value = field
    if random.random() < 0.05:
        return [random.randrange(1, 30), VARINT, random.choice(INTEGERS)]
    if wire == VARINT:
        return [number, wire, random.choice(INTEGERS)]
    if wire == BLOCK:
        if random.random() < 0.3:
            texts = [holder[place][2] for holder, place in owners if isinstance(holder[place][2], bytes)]
            return [number, wire, random.choice(texts or [b""])]
        if isinstance(value, bytes) and random.random() < 0.2:
            return [number, wire, damaged(random, value, [value])]
        return [number, wire, random.choice(TEXTS)]
    return [number, wire, random.randbytes(4 if wire == FOUR else 8)]


def _owners(fields: Fields) -> list[tuple[Fields, int]]:
    """Every list of fields inside a message with each of its places."""
    found: list[tuple[Fields, int]] = []
    waiting = [fields]
    while waiting:
        one = waiting.pop()
        for place, field in enumerate(one):
            found.append((one, place))
            if isinstance(field[2], list) and len(found) < 3_000:
                waiting.append(field[2])
    return found


def _parsed(data: bytes, message: str) -> Fields:
    """The fields of a message; raises ValueError or IndexError where it is none."""
    known = MESSAGES[message]
    fields: Fields = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        value: Any
        if wire == VARINT:
            value, at = _varint(data, at)
        elif wire == BLOCK:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
            if number in known:
                value = _parsed(value, known[number])
        elif wire in (FOUR, EIGHT):
            size = 4 if wire == FOUR else 8
            value, at = data[at : at + size], at + size
        else:
            raise ValueError("no such wire type")
        fields.append([number, wire, value])
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value & ((1 << 64) - 1), at
        if shift > 70:
            raise ValueError("a number of more than ten bytes")


def _written(fields: Fields) -> bytes:
    parts = []
    for number, wire, value in fields:
        parts.append(varint(number << 3 | wire))
        if wire == VARINT:
            parts.append(varint(value))
        else:
            content = _written(value) if isinstance(value, list) else value
            parts += [varint(len(content)), content] if wire == BLOCK else [content]
    return b"".join(parts)


# TensorFlow Lite

TABLES: dict[str, dict[int, str]] = {
    "model": {1: "[code", 2: "[graph", 3: "text", 4: "[buffer", 6: "[metadata"},
    "graph": {0: "[tensor", 1: "vector", 2: "vector", 3: "[operator", 4: "text"},
    "tensor": {0: "vector", 3: "text", 4: "quantization"},
    "operator": {1: "vector", 2: "vector", 4: "options"},
    "quantization": {2: "vector", 3: "vector"},
    "code": {1: "text"}, "buffer": {0: "vector"}, "metadata": {0: "text"}, "options": {},
}  # fmt: skip
"""The tables of TensorFlow Lite: which field of each holds a table, a vector of them, numbers or a text."""

SMALL = (0, 1, 2, 3, 4, 5, 6, 7, 9, 14, 16, 19, 22, 40, 127, 128, 255, 65_535, 1 << 31, (1 << 32) - 1, (1 << 32) - 2)


def with_tables(random: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """A file of TensorFlow Lite with numbers, offsets, lengths and layouts of tables replaced."""
    places = _table_places(data)
    if not places:
        return damaged(random, data, pool)
    made = bytearray(data)
    for _ in range(random.choice(TIMES)):
        place, width = random.choice(places)
        other, far = random.choice(places)
        form = {1: "<B", 2: "<H", 4: "<I"}[width]
        what = random.randrange(4)
        if what == 0:
            value = unpack_from({1: "<B", 2: "<H", 4: "<I"}[far], made, other)[0]
        elif what == 1:
            value = unpack_from(form, made, place)[0] + random.choice((-4, -1, 1, 4, other - place))
        else:
            value = random.choice(SMALL) if random.random() < 0.6 else random.randrange(180)
        pack_into(form, made, place, value & ((1 << 8 * width) - 1))
    if random.random() < 0.03:
        del made[random.randrange(len(made)) :]
    return bytes(made)


@lru_cache(maxsize=512)
def _table_places(data: bytes) -> list[tuple[int, int]]:
    """Where numbers of the format stand: each place with its width in bytes."""
    found: list[tuple[int, int]] = []
    try:
        waiting = [(unpack_from("<I", data, 0)[0], "model")]
        while waiting and len(found) < 2_000:
            start, table = waiting.pop()
            layout = start - unpack_from("<i", data, start)[0]
            size = unpack_from("<H", data, layout)[0]
            found += [(start, 4), (layout, 2), (layout + 2, 2)]
            for number in range(min(30, (size - 4) // 2)):
                found.append((layout + 4 + 2 * number, 2))
                offset = unpack_from("<H", data, layout + 4 + 2 * number)[0]
                if offset:
                    _add_field(data, start + offset, TABLES[table].get(number, ""), found, waiting)
    except struct.error:
        pass
    return [(place, width) for place, width in found if 0 <= place <= len(data) - width]


def _add_field(
    data: bytes, place: int, what: str, found: list[tuple[int, int]], waiting: list[tuple[int, str]]
) -> None:
    """Adds the places of one field, and the tables that it holds to those that wait."""
    if not what:
        found += [(place, 1), (place, 4)]
        return
    target = place + unpack_from("<I", data, place)[0]
    found.append((place, 4))
    if what in ("vector", "text"):
        length = unpack_from("<I", data, target)[0]
        found.append((target, 4))
        found += [(target + 4 + 4 * number, 4) for number in range(min(length, 8) if what == "vector" else 0)]
    elif what.startswith("["):
        length = unpack_from("<I", data, target)[0]
        found.append((target, 4))
        for number in range(min(length, 60)):
            slot = target + 4 + 4 * number
            found.append((slot, 4))
            waiting.append((slot + unpack_from("<I", data, slot)[0], what[1:]))
    else:
        waiting.append((target, what))
