"""Writes small ONNX files for tests, without the library."""

from __future__ import annotations

import struct
from math import prod
from typing import Any


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    found = bytearray()
    while True:
        byte = value & 127
        value >>= 7
        found.append(byte | (128 if value else 0))
        if not value:
            return bytes(found)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, content: bytes | str) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name: str, shape: tuple[int, ...], values: list[Any] | None = None, *, form: int = 1) -> bytes:
    """A tensor of float32 (1), int64 (7) or bool (9); without values all are 0.5."""
    code = {1: "f", 7: "q", 9: "?"}[form]
    numbers = [0.5 if form == 1 else 0] * prod(shape) if values is None else values
    raw = struct.pack(f"<{len(numbers)}{code}", *numbers)
    return b"".join(number(1, size) for size in shape) + number(2, form) + block(8, name) + block(9, raw)


def value_info(name: str, shape: tuple[int | str | None, ...] | None) -> bytes:
    if shape is None:
        return block(1, name)
    dims = b""
    for size in shape:
        dims += block(1, b"" if size is None else block(2, size) if isinstance(size, str) else number(1, size))
    return block(1, name) + block(2, block(1, number(1, 1) + block(2, dims)))


def attribute(name: str, value: Any) -> bytes:
    head = block(1, name)
    if isinstance(value, bytes):  # a tensor
        return head + block(5, value) + number(20, 4)
    if isinstance(value, Model):  # a branch without inputs
        return head + block(6, value.graph(value.last)) + number(20, 5)
    if isinstance(value, str):
        return head + block(4, value) + number(20, 3)
    if isinstance(value, float):
        return head + varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, 1)
    if isinstance(value, int):
        return head + number(3, value) + number(20, 2)
    if value and isinstance(value[0], float):
        return head + block(7, struct.pack(f"<{len(value)}f", *value)) + number(20, 6)
    return head + b"".join(number(8, item) for item in value) + number(20, 7)


def node(type: str, inputs: list[str], outputs: list[str], name: str = "", domain: str = "", **keys: Any) -> bytes:
    parts = [block(1, given) for given in inputs] + [block(2, made) for made in outputs]
    parts += [block(3, name)] if name else []
    parts += [block(4, type)] + [block(5, attribute(key, value)) for key, value in keys.items()]
    return b"".join(parts) + (block(7, domain) if domain else b"")


class Model:
    """A model in the making; values are called after their node."""

    def __init__(self, opset: int = 17, **inputs: tuple[int | str | None, ...] | None) -> None:
        self.opset = opset
        self.producer = ""
        self.inputs = inputs
        self.nodes: list[bytes] = []
        self.tensors: list[bytes] = []
        self.stated: list[bytes] = []
        self.functions: list[bytes] = []
        self.last = next(iter(inputs), "")

    def weight(self, name: str, shape: tuple[int, ...], values: list[Any] | None = None, *, form: int = 1) -> str:
        self.tensors.append(tensor(name, shape, values, form=form))
        return name

    def shape(self, name: str, *sizes: int) -> str:
        return self.weight(name, (len(sizes),), list(sizes), form=7)

    def add(self, type: str, *inputs: str, name: str = "", outputs: int = 1, domain: str = "", **keys: Any) -> str:
        made = name or f"{type.lower()}{len(self.nodes)}"
        names = [made] + [f"{made}_{number}" for number in range(1, outputs)]
        self.nodes.append(node(type, list(inputs or (self.last,)), names, made, domain, **keys))
        self.last = made
        return made

    def graph(self, *outputs: str, shapes: dict[str, tuple[int | str | None, ...]] | None = None) -> bytes:
        stated = shapes or {}
        graph = b"".join(block(1, content) for content in self.nodes) + block(2, "net")
        graph += b"".join(block(5, content) for content in self.tensors)
        graph += b"".join(block(11, value_info(name, shape)) for name, shape in self.inputs.items())
        names = outputs or (self.last,)
        graph += b"".join(block(12, value_info(name, stated.get(name))) for name in names)
        return graph + b"".join(
            block(13, value_info(name, shape)) for name, shape in stated.items() if name not in names
        )

    def bytes(self, *outputs: str, shapes: dict[str, tuple[int | str | None, ...]] | None = None) -> bytes:
        model = number(1, 8) + (block(2, self.producer) if self.producer else b"")
        model += block(7, self.graph(*outputs, shapes=shapes)) + block(8, number(2, self.opset))
        return model + b"".join(block(25, content) for content in self.functions)
