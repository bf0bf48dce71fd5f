"""Reads the weights of an ONNX file: the array of each parameter, read only on request.

Source: the comments of onnx.proto, message TensorProto, and "Open Neural Network Exchange Intermediate Representation",
section "External Tensor Data", of ONNX.
"""

from __future__ import annotations

import os
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.onnx_file import FORMAT, MOST_TEXT, Reader
from cnncalc.interop.onnx_tensors import BFLOAT16, TYPED, Stored
from cnncalc.interop.tensor_layers import layers_and_origins
from cnncalc.interop.tensor_values import FORMS, NotKnown, Values
from cnncalc.interop.wire import BYTES, WireError, fields, integers, text
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from mmap import mmap

    from cnncalc.interop.operators import Constant
    from cnncalc.interop.wire import Field
    from cnncalc.language.settings import Settings

MOST_ENTRIES = 16
"""The most entries that locate an external tensor."""


class OnnxWeights:
    """The weights of an ONNX file by layer and parameter.

    Files with external weights must be in the folder of ``path``. ``origins`` maps the layers to values of the file,
    ``results`` has the names of the outputs of its nodes, without those of its functions.
    Raises DesignError if the file cannot be read.
    """

    def __init__(self, path: str, data: bytes | mmap, settings: Settings) -> None:
        self.data = data
        self.folder = os.path.dirname(os.path.abspath(path))
        try:
            self._reader = Reader(data)
            net = self._reader.net(path)
            self.results = self._reader.results
            self._outputs = set(net.outputs)
            self.graph, self.origins = layers_and_origins(net, settings, FORMAT, path)
        except WireError as error:
            raise DesignError([Problem("wrong-file", f"{path} is not a readable {FORMAT}: {error}")]) from None
        self._values = Values(self._tensor)

    @property
    def has_more(self) -> bool:
        """Whether attributes of the file have graphs, sparse tensors or lists of tensors, which are not read."""
        return self._reader.has_more

    def with_outputs(self, names: Iterable[str]) -> bytes:
        """The file with these values as outputs, too: in a second graph field, which protobuf merges with the first."""
        parts = [_field(12, _field(1, name.encode())) for name in names if name not in self._outputs]
        return bytes(self.data) + (_field(7, b"".join(parts)) if parts else b"")

    def array(self, layer: str, name: str, shape: Sequence[int]) -> Any:
        """A parameter or buffer of a layer in the layout of the executor; raises NotKnown if it cannot be read."""
        array = self.origins.parameters.get(layer, {}).get(name)
        if array is None:
            raise NotKnown("the file has no array for it")
        found = self._values.of(array)
        if found.shape != tuple(shape):
            raise NotKnown(f"in the file its shape is {list(found.shape)}, here {list(shape)}")
        return found

    def check_external(self) -> bool:
        """Whether weights are stored in other files; raises NotKnown if the path of one is not allowed."""
        for entries in self._reader.external:
            self._external(entries)
        return bool(self._reader.external)

    def _tensor(self, constant: Constant) -> Any:
        """The elements of a tensor of the file; raises NotKnown."""
        stored: Stored = constant.stored
        count = prod(constant.shape)
        try:
            found = self._elements(stored, count)
        except WireError as error:
            raise NotKnown(str(error)) from None
        if found.size != count:
            raise NotKnown(f"it has {found.size:,} elements, but its shape has {count:,}")
        return found.reshape(constant.shape)

    def _elements(self, stored: Stored, count: int) -> Any:
        form = "<u2" if stored.form == BFLOAT16 else FORMS.get(stored.form)
        if form is None:
            raise NotKnown(f"its elements have the data type {stored.form}, which is not supported")
        if stored.external is not None:
            path, offset, length = self._external(stored.external)
            size = count * np.dtype(form).itemsize
            if length not in (None, size):
                raise NotKnown(f"it has {length:,} bytes in another file, but needs {size:,}")
            if offset + size > os.path.getsize(path):
                raise NotKnown(f"{os.path.basename(path)} ends before byte {offset + size:,}")
            found: Any = np.memmap(path, form, "r", offset, (count,)) if count else np.zeros(0, form)
        elif stored.raw is not None:
            start, end = stored.raw[3:]
            if (end - start) != count * np.dtype(form).itemsize:
                raise NotKnown(
                    f"it has {end - start:,} bytes, but its {count:,} elements need {count * np.dtype(form).itemsize:,}"
                )
            found = np.frombuffer(self.data, form, count, start) if count else np.zeros(0, form)
        else:
            found = self._typed(stored, form, count)
        return (found.astype("<u4") << 16).view("<f4") if stored.form == BFLOAT16 else found

    def _typed(self, stored: Stored, form: str, count: int) -> Any:
        """Elements that are stored as numbers in the message."""
        parts: list[Any] = []
        for field in stored.typed:
            code = TYPED[field[0]]
            start, end = field[3:]
            if code == "i":
                parts.append(np.array(integers(self.data, field, count), "i8"))
            else:
                parts.append(np.frombuffer(self.data[start:end], f"<{code}"))
        found = np.concatenate(parts) if parts else np.zeros(0, form)
        # float16 is stored as the integers of its bits
        return found.astype("u2").view("f2") if stored.form == 10 else found.astype(form)

    def _external(self, entries: Sequence[Field]) -> tuple[str, int, int | None]:
        """File, first byte and number of bytes of an external tensor; raises NotKnown if the path is not allowed."""
        found: dict[str, str] = {}
        try:
            for entry in entries[:MOST_ENTRIES]:
                parts = fields(self.data, entry[3], entry[4], MOST_ENTRIES)
                key, value = (
                    next((text(self.data, part, MOST_TEXT) for part in parts if part[0] == number), "")
                    for number in (1, 2)
                )
                found[key] = value
            offset, length = int(found.get("offset", 0)), int(found["length"]) if "length" in found else None
        except (WireError, ValueError):
            raise NotKnown("its position in another file cannot be read") from None
        return self._safe(found.get("location", "")), _not_negative(offset), length

    def _safe(self, location: str) -> str:
        """The path of a file in the folder of the model; raises NotKnown for one outside."""
        shown = visible(location)[:80]
        parts = location.replace("\\", "/").split("/")
        if not location or os.path.isabs(location) or ".." in parts or ":" in location or "\0" in location:
            raise NotKnown(
                f"its elements are stored in '{shown}', but only files in the folder of the model are opened"
            )
        path = os.path.realpath(os.path.join(self.folder, *parts))
        if os.path.commonpath([path, os.path.realpath(self.folder)]) != os.path.realpath(self.folder):
            raise NotKnown(f"its elements are stored in '{shown}', which leads out of the folder of the model")
        if not os.path.isfile(path):
            raise NotKnown(f"its elements are stored in '{shown}', which does not exist")
        return path


def _field(number: int, content: bytes) -> bytes:
    """Encodes a protobuf field of bytes: a text or a nested message."""
    size, digits = len(content), bytearray((number << 3 | BYTES,))
    while size > 127:
        digits.append(size & 127 | 128)
        size >>= 7
    return bytes(digits) + bytes((size,)) + content


def _not_negative(offset: int) -> int:
    if offset < 0:
        raise NotKnown(f"its first byte in another file must be 0 or more, but is {offset}")
    return offset


def onnx_weights(path: str, data: bytes | mmap, settings: Settings) -> OnnxWeights:
    """The weights of an ONNX file. Raises DesignError if its structure cannot be read."""
    return OnnxWeights(path, data, settings)
