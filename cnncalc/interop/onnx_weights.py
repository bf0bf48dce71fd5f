"""The weights of an ONNX file: which numbers the parameters of the layers are, read only where they are asked for.

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
"""The most entries that say where an external tensor lies."""


class OnnxWeights:
    """The weights of an ONNX file, and how its values lie in the layers.

    ``path`` is the file, beside which those with external weights must lie; ``origins`` says what of the file the
    layers are, ``results`` which values its own nodes give, not those of its functions.
    Raises DesignError for a file that cannot be read.
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
        """Whether the file holds what is not looked at: graphs, sparse tensors or lists of tensors in attributes."""
        return self._reader.has_more

    def with_outputs(self, names: Iterable[str]) -> bytes:
        """The file with these values as outputs, too: a further part of the graph, which is joined with the first."""
        parts = [_field(12, _field(1, name.encode())) for name in names if name not in self._outputs]
        return bytes(self.data) + (_field(7, b"".join(parts)) if parts else b"")

    def array(self, layer: str, name: str, shape: Sequence[int]) -> Any:
        """A parameter or buffer of a layer in the order of the run; raises NotKnown where it is not known."""
        array = self.origins.parameters.get(layer, {}).get(name)
        if array is None:
            raise NotKnown("nothing in the file is known to be it")
        found = self._values.of(array)
        if found.shape != tuple(shape):
            raise NotKnown(f"in the file its shape is {list(found.shape)}, here {list(shape)}")
        return found

    def check_external(self) -> bool:
        """Whether weights lie in other files, whose paths are checked; raises NotKnown for one that is not allowed."""
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
            raise NotKnown(f"it has {found.size:,} elements in place of {count:,}")
        return found.reshape(constant.shape)

    def _elements(self, stored: Stored, count: int) -> Any:
        form = "<u2" if stored.form == BFLOAT16 else FORMS.get(stored.form)
        if form is None:
            raise NotKnown(f"the type of its elements is number {stored.form}")
        if stored.external is not None:
            path, offset, length = self._external(stored.external)
            size = count * np.dtype(form).itemsize
            if length not in (None, size):
                raise NotKnown(f"{length:,} bytes lie in another file in place of {size:,}")
            if offset + size > os.path.getsize(path):
                raise NotKnown(f"{os.path.basename(path)} ends before byte {offset + size:,}")
            found: Any = np.memmap(path, form, "r", offset, (count,)) if count else np.zeros(0, form)
        elif stored.raw is not None:
            start, end = stored.raw[3:]
            if (end - start) != count * np.dtype(form).itemsize:
                raise NotKnown(f"it has {end - start:,} bytes for {count:,} elements")
            found = np.frombuffer(self.data, form, count, start) if count else np.zeros(0, form)
        else:
            found = self._typed(stored, form, count)
        return (found.astype("<u4") << 16).view("<f4") if stored.form == BFLOAT16 else found

    def _typed(self, stored: Stored, form: str, count: int) -> Any:
        """Elements that are numbers of the message itself."""
        parts: list[Any] = []
        for field in stored.typed:
            code = TYPED[field[0]]
            start, end = field[3:]
            if code == "i":
                parts.append(np.array(integers(self.data, field, count), "i8"))
            else:
                parts.append(np.frombuffer(self.data[start:end], f"<{code}"))
        found = np.concatenate(parts) if parts else np.zeros(0, form)
        # the bits of halves stand in whole numbers
        return found.astype("u2").view("f2") if stored.form == 10 else found.astype(form)

    def _external(self, entries: Sequence[Field]) -> tuple[str, int, int | None]:
        """The file, the first byte and the number of bytes of an external tensor; raises NotKnown, also if unsafe."""
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
            raise NotKnown("where it lies in another file is not readable") from None
        return self._safe(found.get("location", "")), _not_negative(offset), length

    def _safe(self, location: str) -> str:
        """The path of a file beside the model; raises NotKnown for one that lies elsewhere."""
        shown = visible(location)[:80]
        parts = location.replace("\\", "/").split("/")
        if not location or os.path.isabs(location) or ".." in parts or ":" in location or "\0" in location:
            raise NotKnown(f"its elements are said to be in '{shown}', and only files beside the model are opened")
        path = os.path.realpath(os.path.join(self.folder, *parts))
        if os.path.commonpath([path, os.path.realpath(self.folder)]) != os.path.realpath(self.folder):
            raise NotKnown(f"its elements are said to be in '{shown}', which leads out of the folder of the model")
        if not os.path.isfile(path):
            raise NotKnown(f"its elements are in '{shown}', and there is no such file")
        return path


def _field(number: int, content: bytes) -> bytes:
    """A field of a message that is a text or a message itself."""
    size, digits = len(content), bytearray((number << 3 | BYTES,))
    while size > 127:
        digits.append(size & 127 | 128)
        size >>= 7
    return bytes(digits) + bytes((size,)) + content


def _not_negative(offset: int) -> int:
    if offset < 0:
        raise NotKnown(f"it is said to begin at byte {offset} of another file")
    return offset


def onnx_weights(path: str, data: bytes | mmap, settings: Settings) -> OnnxWeights:
    """The weights of an ONNX file. Raises DesignError as reading its structure does."""
    return OnnxWeights(path, data, settings)
