"""Reads the tensors and operators of .tflite files, never their weights.

Source: the schema of TensorFlow Lite, version 3, which has the field numbers.
"""

from __future__ import annotations

from math import prod
from struct import calcsize, unpack_from
from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import valid_name
from cnncalc.interop.flatbuffer_reader import Data, FlatbufferError, Span
from cnncalc.interop.tflite_codes import ACTIVATIONS, CODES, CUSTOM, OPERATORS, OPTIONS, PADDINGS, TYPES
from cnncalc.interop.tflite_net import DESCRIPTION, Operator, Tensor, TfliteNet
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from mmap import mmap

    from cnncalc.interop.flatbuffer_reader import Table

IDENTIFIER = b"TFL3"
MOST_READ = 300_000
"""The most tables and numbers that are read."""
MOST_TABLES = 40_000
"""The most tensors of a file, and the most buffers."""
MOST_OPERATORS = 10_000
MOST_NAME = 1_000
"""The longest name of an operator, in bytes."""
MOST_TENSOR_NAME = 65_536
"""The longest name of a tensor, in bytes; it may list the names of all operators that were fused into it."""
MOST_TEXTS = 16 * 1024**2
MOST_AXES = 8
MOST_TENSORS = 2_000
"""The most inputs or outputs of an operator."""
MOST_VALUES = 4_096
"""The most elements of a constant whose values are read."""
MOST_ELEMENTS = 1 << 50
OFFLINE_PLAN = "OfflineMemoryAllocation"


class TfliteFile(NamedTuple):
    """A file: its net, and the values of its small constants by tensor; quantized ones are dequantized.

    ``is_made_up``: cnncalc has written it, so its quantized constants are parameters, whose values mean nothing.
    """

    net: TfliteNet
    numbers: dict[int, tuple[float, ...]]
    is_made_up: bool = False


def read_file(content: bytes | mmap) -> TfliteFile:
    """Reads a file; raises FlatbufferError if it is not valid."""
    return _Reader(content).file()


class _Reader:
    """Reads the tables of one file."""

    def __init__(self, content: bytes | mmap) -> None:
        self.data = Data(content, MOST_READ, MOST_TEXTS)
        self.numbers: dict[int, tuple[float, ...]] = {}
        self.buffers: list[Span | None] = []

    def file(self) -> TfliteFile:
        """The whole file."""
        if self.data.size < 8 or self.data.content[4:8] != IDENTIFIER:
            raise FlatbufferError("its bytes 4 to 7 are not TFL3")
        model = self.data.table(self.data.whole(0, "I"))
        codes = [self._code(table) for table in model.tables(1, MOST_OPERATORS)]
        graphs = model.tables(2, MOST_TABLES)
        if not graphs:
            raise FlatbufferError("it has no graph")
        self.buffers = [self._buffer(table) for table in model.tables(4, MOST_TABLES)]
        main = graphs[0]
        tensors = [self._tensor(number, table) for number, table in enumerate(main.tables(0, MOST_TABLES))]
        operators = [self._operator(table, codes, tensors) for table in main.tables(3, MOST_OPERATORS)]
        inputs, outputs = [self._places(main, number, len(tensors)) for number in (1, 2)]
        reason = self._reason(model, len(graphs))
        name = main.text(4, MOST_NAME)
        net = TfliteNet(
            name, tuple(tensors), tuple(operators), inputs, outputs, file_bytes=self.data.size, reason=reason
        )
        return TfliteFile(net, self.numbers, is_made_up=self._is_made_up(model.span(3)))

    def _is_made_up(self, description: Span | None) -> bool:
        """Whether a description is that of the files that cnncalc writes."""
        own = DESCRIPTION.encode()
        if description is None or description.size != len(own):
            return False
        return bytes(self.data.content[description.start : description.end]) == own

    def _code(self, table: Table) -> str:
        """The name of an operator; a custom one is ``CUSTOM`` and its own name."""
        number = max(table.whole(0, "b"), table.whole(3, "i"))
        if not 0 <= number < len(OPERATORS):
            raise FlatbufferError(f"its operators have the unknown number {number}")
        name = OPERATORS[number]
        return f"{CUSTOM} {table.text(1, MOST_NAME)}".strip() if name == CUSTOM else name

    def _buffer(self, table: Table) -> Span | None:
        """The bytes of the file with the values of a buffer; None if it has none."""
        found = table.span(0)
        if found is not None and found.size:
            return found
        start, size = table.whole(1, "Q"), table.whole(2, "Q")
        if start <= 1:
            return None
        if start + size > self.data.size:
            raise FlatbufferError(f"the buffer at byte {start:,} has {size:,} bytes, which reach beyond the end")
        return Span(start, start + size)

    def _reason(self, model: Table, graphs: int) -> str:
        """Why the main graph does not determine the arena; empty if it does."""
        if graphs > 1:
            return f"the file has {graphs} graphs, which call each other"
        for table in model.tables(6, MOST_TABLES):
            if table.text(0, MOST_TENSOR_NAME) == OFFLINE_PLAN:
                return f"the file has its own memory plan ({OFFLINE_PLAN})"
        return ""

    # tensors

    def _tensor(self, number: int, table: Table) -> Tensor:
        shape = table.integers(0, "i", MOST_AXES)
        name = valid_name(table.text(3, MOST_TENSOR_NAME).partition(";")[0] or f"tensor{number}")
        form = table.whole(1, "b")
        if not 0 <= form < len(TYPES):
            raise FlatbufferError(f"tensor {name} has the unknown type {form}")
        if min(shape, default=1) < 0:
            raise FlatbufferError(f"tensor {name} has a negative size in its shape {list(shape)}")
        if prod(shape) > MOST_ELEMENTS:
            raise FlatbufferError(f"tensor {name} has more than {MOST_ELEMENTS:,} elements: {list(shape)}")
        buffer = table.whole(2, "I")
        if buffer >= len(self.buffers):
            raise FlatbufferError(f"tensor {name} has buffer {buffer}, but the file has {len(self.buffers)} buffers")
        place = self.buffers[buffer]
        quantization = table.table(4)
        scales = axis = 0
        if quantization is not None:
            scales, axis = quantization.length(2, 4), quantization.whole(6, "i")
            if not quantization.length(3, 8):
                scales = 0
        sizes = table.integers(7, "i", MOST_AXES)
        found = Tensor(
            name, shape, TYPES[form], scales, axis, is_constant=place is not None, buffer=buffer,
            is_variable=bool(table.whole(5, "?")),
            open_axes=tuple([n for n, size in enumerate(sizes[: len(shape)]) if n and size < 0]),
        )  # fmt: skip
        if place is not None:
            self._values(number, found, place, quantization)
        return found

    def _values(self, number: int, tensor: Tensor, place: Span, quantization: Table | None) -> None:
        """Stores the values of a small constant; quantized ones are dequantized."""
        code = CODES.get(tensor.type)
        if code is None or tensor.elements > MOST_VALUES or not tensor.elements:
            return
        form = f"<{tensor.elements}{code}"
        if calcsize(form) != place.size:
            raise FlatbufferError(
                f"tensor {tensor.name} of shape {list(tensor.shape)} needs {calcsize(form):,} bytes of values, "
                f"but has {place.size:,}"
            )
        values: tuple[float, ...] = unpack_from(form, self.data.content, place.start)
        self.data.count(len(values) // 4 + 1)
        if tensor.scales == 1 and quantization is not None:
            (scale,), (zero,) = quantization.numbers(2, "f", 1), quantization.numbers(3, "q", 1)
            values = tuple([scale * (value - zero) for value in values])
        elif tensor.scales > 1:
            return
        self.numbers[number] = values

    # operators

    def _places(self, table: Table, number: int, tensors: int) -> tuple[int, ...]:
        """A field with a list of tensor indices; -1 stands for an omitted tensor."""
        found = table.integers(number, "i", MOST_TENSORS)
        wrong = next((place for place in found if not -1 <= place < tensors), None)
        if wrong is not None:
            raise FlatbufferError(f"it names tensor {wrong}, but has {tensors} tensors")
        return found

    def _operator(self, table: Table, codes: Sequence[str], tensors: Sequence[Tensor]) -> Operator:
        number = table.whole(0, "I")
        if number >= len(codes):
            raise FlatbufferError(f"an operator has the code {number}, but the file has {len(codes)} codes")
        code = codes[number]
        inputs, outputs = self._places(table, 1, len(tensors)), self._places(table, 2, len(tensors))
        if min(outputs, default=0) < 0:
            raise FlatbufferError(f"an output of {code} is missing")
        name = tensors[outputs[0]].name if outputs else code
        return Operator(code, inputs, outputs, self._options(code, table), (name,))

    def _options(self, code: str, table: Table) -> dict[str, Any]:
        """The options of an operator; ``stride``, ``dilation`` and ``kernel`` are [height, width]."""
        wanted = OPTIONS.get(code)
        if wanted is None:
            return {}
        options = table.table(4)
        found: dict[str, Any] = {}
        for name, option in wanted.items():
            if option.type == "*":
                found[name] = () if options is None else options.integers(option.field, "i", MOST_AXES)
            elif options is None:
                found[name] = option.default
            else:
                found[name] = options.number(option.field, option.type, option.default)
        for name, words in (("padding", PADDINGS), ("activation", ACTIVATIONS)):
            if name in found:
                if not 0 <= found[name] < len(words):
                    raise FlatbufferError(f"{code} has the unknown {name} {found[name]}")
                found[name] = words[found[name]]
        for name, key in (("stride", "stride"), ("dilation", "dilation"), ("filter", "kernel")):
            if f"{name}_h" in found:
                found[key] = [found.pop(f"{name}_h"), found.pop(f"{name}_w")]
        return found
