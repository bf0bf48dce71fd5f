"""The arena of TensorFlow Lite Micro: the allocations of its interpreter, in order, with their alignment.

An arena is one block of bytes. Its head holds the tensors at the offsets of a plan; before the plan is made, it holds
temporary records. Its tail grows down from the end and holds what lives as long as the interpreter. Sizes are those of
the structures in the C++ sources for a width of pointers. The interpreter is the one with the recording allocator, as
in the Python package ``tflite-micro``; the figures are those that it reports.

Source: tensorflow/tflite-micro, commit 90b983c2 of August 2026: micro_allocator, micro_interpreter,
micro_allocation_info, memory_planner/greedy_memory_planner, and the reference kernels.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

from cnncalc.interop.tflite_net import BYTES, Tensor
from cnncalc.memory.arena import place_in_order
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cnncalc.interop.tflite_net import Operator, TfliteNet

ALIGNMENT = 16
"""Bytes to which buffers of the arena are aligned."""
MAX_SCRATCH = 12
"""The most scratch buffers of one operator; records for this many are reserved while operators are prepared."""

_SIZES = {"b": 1, "h": 2, "i": 4, "f": 4, "d": 8}
"""Bytes of the types of fields: bool, int16, int32 or enumeration, float, double or int64.

``p`` is a pointer or a size. ``d0`` aligns the next field to 8 bytes, as at the start of a nested structure.
"""


class Struct(NamedTuple):
    """The size of a C++ structure, and its alignment, in bytes."""

    size: int
    alignment: int


@lru_cache(maxsize=256)
def struct(fields: str, pointer: int) -> Struct:
    """The structure with these fields, padded as in C++: ``p2 i4 b`` is two pointers, four int32 and a bool."""
    size, alignment = 0, 1
    for word in fields.split():
        each = pointer if word[0] == "p" else _SIZES[word[0]]
        size = -(-size // each) * each + each * int(word[1:] or 1)
        alignment = max(alignment, each)
    return Struct(-(-size // alignment) * alignment, alignment)


class Kernel(NamedTuple):
    """What an operator allocates."""

    options: str | None
    """The fields parsed from the file."""
    state: str | None
    """The fields of its state, which is allocated when it is initialized."""
    steps: str
    """What is allocated when it is prepared, in order.

    - ``o``, a digit, ``*``: temporary records of its output, of the input with this number, of all inputs
    - ``c``: two persistent arrays of an int32 for each output channel; ``q``: the same unless it computes with floats;
      ``f``: of one for each scale of its weights if they have several
    - ``s``: the buffers of :attr:`scratch`; ``k``: the persistent bytes of :attr:`sums`
    """
    scratch: Callable[[Operator, Sequence[Tensor], Tensor], Sequence[int]] = lambda operator, inputs, output: ()
    inputs: int = 1
    """The least number of inputs."""
    types: tuple[str, ...] = ()
    """The data types of its output for which the allocations are known; empty: all."""
    sums: Callable[[Operator, Sequence[Tensor], Tensor], int] = lambda operator, inputs, output: 0

    def accepts(self, operator: Operator) -> bool:
        """Whether the operator has an output and enough inputs."""
        return bool(operator.outputs) and len(operator.inputs) >= self.inputs


_CONV_STATE = "i4 i3 i i p p i i i i2"

_LSTM_STATE = f"b i4 f h i i {'i7 f2 b3 ' * 8}{'d0 b i12 f2 d2 h2 i5 ' * 3}i4"


def _transposed(operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> tuple[int, ...]:
    """The bytes of the sums of a transposed convolution: 4 each for int8, 8 for int16, none for floats."""
    width = {"int8": 4, "int16": 8}.get(inputs[2].type, 0)
    return (width * output.elements,) if width else ()


def _svdf(operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> tuple[int, ...]:
    """The bytes of one result for each filter and, if quantized, of the sums over ranks."""
    filters = 4 * prod(inputs[0].shape[:1]) * prod(inputs[1].shape[:1])
    return (filters,) if inputs[0].type == "float32" else (filters, 4 * output.elements)


def _lstm(operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> tuple[int, ...]:
    """The bytes of four gates, each with the elements of the state in the data type of the cells."""
    state, cells = inputs[18:20]
    return (state.elements * BYTES[cells.type],) * 4


KERNELS: Mapping[str, Kernel] = {
    "CONV_2D": Kernel("i7", _CONV_STATE, "o 0 1 c 0 1 2 o"),
    "DEPTHWISE_CONV_2D": Kernel("i7", _CONV_STATE, "o 0 1 c 0 1 2 o"),
    "FULLY_CONNECTED": Kernel("i i b b i p i", "i8 i p p b i2", "0 1 2 o f", inputs=2),
    "MAX_POOL_2D": Kernel("i6 i4", "i4 i2 f2", "0 o"),
    "AVERAGE_POOL_2D": Kernel("i6 i4", "i4 i2 f2", "0 o"),
    "ADD": Kernel("i b", "b i12 f2", "0 1 o"),
    "SUB": Kernel("i b", "b i12", "0 1 o"),
    "MUL": Kernel("i", "i7 f2", "0 1 o"),
    "SOFTMAX": Kernel("f", "d i6 f p p p p p", "0 o"),
    "CONCATENATION": Kernel("i i", "i p p i i f i10", "0 o *"),
    "RESHAPE": Kernel("i8 i", None, "0 o"),
    "MEAN": Kernel(
        "b",
        "i6 f i f i i",
        "0 o 1 s 0 1 o",
        lambda o, x, y: (4 * y.elements, 4 * len(x[0].shape), 4 * x[1].elements),
        2,
    ),
    "RELU": Kernel(None, "b i6", "0 o"),
    "RELU6": Kernel(None, "i2", "0"),
    "LOGISTIC": Kernel(None, "i4", "0 o"),
    "TANH": Kernel(None, "i4", "0 0 o"),
    "HARD_SWISH": Kernel(None, "h3 i h i", "0 o"),
    "LEAKY_RELU": Kernel("f", "i6", "0 o"),
    "PRELU": Kernel(None, "i7", "0 1 o"),
    "ELU": Kernel(None, "b256", "0 o"),
    "PAD": Kernel(None, "b i5 b i5 i i", "0 1 o"),
    "RESIZE_NEAREST_NEIGHBOR": Kernel("b b", None, "0 1 o"),
    "RESIZE_BILINEAR": Kernel("b b", None, "0 1 o"),
    "TRANSPOSE_CONV": Kernel("i5", "i h4 h4 i7 f2 i i2 i p p", "o 2 1 c s 2 1 3 o", _transposed, 3),
    "QUANTIZE": Kernel(None, "i d i3", "0 o"),
    "DEQUANTIZE": Kernel(None, "d i d0 i3", "0 o"),
    "TRANSPOSE": Kernel(None, None, "0 1 o"),
    "STRIDED_SLICE": Kernel("i5 b", "b i5 b i5 b i5 h5 b", "0 1 2 3 o"),
    "CAST": Kernel("i2", None, "0 o"),
    "DIV": Kernel("i", "i7", "0 1 o"),
    "EXPAND_DIMS": Kernel(None, None, "0 1 o"),
    "MAXIMUM": Kernel(None, None, ""),
    "MINIMUM": Kernel(None, None, ""),
    "SLICE": Kernel(None, None, "0 1 2 o"),
    "SQUEEZE": Kernel("i8 i", None, "0 o"),
    "SVDF": Kernel("i i b", "i9", "0 1 2 3 4 o s", _svdf, 2),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Kernel("i f2 b3", _LSTM_STATE, "* o s", _lstm, 20),
}
"""The allocations of each known operator, by its name in TensorFlow Lite."""


class Part(NamedTuple):
    """A part of the tail: what it holds, and its bytes including alignment."""

    what: str
    bytes: int


class TflmArena(NamedTuple):
    """The arena of an interpreter, in bytes.

    ``head_bytes`` holds the tensors that are computed, ``tail_bytes`` what the interpreter keeps; ``total_bytes`` is
    their sum, as the recording allocator reports it. ``minimum_bytes`` is the smallest arena in which the tensors can
    be allocated. ``parts`` are those of the tail, ``buffers`` those in the head: tensors in the order of the file, then
    scratch.
    """

    head_bytes: int
    tail_bytes: int
    minimum_bytes: int
    parts: tuple[Part, ...]
    buffers: tuple[Buffer, ...]

    @property
    def total_bytes(self) -> int:
        """The bytes of head and tail."""
        return self.head_bytes + self.tail_bytes


class Buffer(NamedTuple):
    """A buffer in the head: ``size`` aligned bytes at ``offset``, alive from step ``first`` to ``last``, both included.

    Step 0 is before the first operator. ``tensor`` is its index in the net (None: scratch of operator ``operator``).
    """

    tensor: int | None
    operator: int | None
    offset: int
    size: int
    first: int
    last: int


UNLIMITED = 2**62
"""The bytes of an arena in which every net fits: the size of a tensor has 31 bits."""


class ArenaOverflow(Exception):
    """An arena is too small."""


class UnknownScratch(Exception):
    """The scratch of an operator is not known; the message says why."""


class _Arena:
    """One block of ``size`` bytes whose address is aligned."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.tail = size
        self.head = 0
        self.temp = 0
        self.most = 0
        """The most bytes in use at once."""
        self.kept: dict[str, int] = {}
        """The bytes of the tail by purpose, including alignment."""

    def keep(self, what: str, size: int, alignment: int = ALIGNMENT) -> None:
        """Allocates persistent bytes at the end of the free block; raises ArenaOverflow."""
        start = (self.tail - size) // alignment * alignment
        if start < self.head:
            raise ArenaOverflow
        self.kept[what] = self.kept.get(what, 0) + self.tail - start
        self.tail = start
        self.most = max(self.most, self.temp + self.size - self.tail)

    def borrow(self, size: int, alignment: int) -> None:
        """Allocates temporary bytes after the head; raises ArenaOverflow."""
        start = -(-self.temp // alignment) * alignment
        if (self.tail - start) % 2**64 < size:  # the sources subtract without a sign
            raise ArenaOverflow
        self.temp = start + size
        self.most = max(self.most, self.temp + self.size - self.tail)

    def reserve(self, size: int) -> None:
        """Sets the size of the head and frees all temporary bytes; raises ArenaOverflow."""
        if self.tail < size:
            raise ArenaOverflow
        self.head = self.temp = size


def total_bytes(net: TfliteNet, pointer: int = 4) -> int:
    """The bytes of head and tail of the arena of a net; ``pointer`` is the width of a pointer in bytes."""
    planned = _planned(net)
    room = _Arena(UNLIMITED)
    _allocate(net, room, pointer, planned)
    return planned.head + room.size - room.tail


def arena_of(net: TfliteNet, pointer: int = 4, kernels: Mapping[str, Kernel] = KERNELS) -> TflmArena:
    """The arena of a net; ``pointer`` is the width of a pointer in bytes, 4 or 8."""
    planned = _planned(net, kernels)
    room = _Arena(UNLIMITED)
    _allocate(net, room, pointer, planned)
    most = max(room.most, planned.head + room.size - room.tail) + 4 * ALIGNMENT
    minimum = _smallest(net, pointer, planned, most // ALIGNMENT * ALIGNMENT)
    parts = tuple([Part(what, size) for what, size in room.kept.items()])
    return TflmArena(planned.head, room.size - room.tail, minimum, parts, planned.buffers)


def _smallest(net: TfliteNet, pointer: int, plan: _Plan, most: int) -> int:
    """The smallest arena in bytes, up to ``most``, in which all allocations succeed; not always a multiple of 16."""
    high = most // ALIGNMENT
    low = max(0, high - 16)  # it usually differs from ``most`` only by the alignment of some records
    if _fits(net, low * ALIGNMENT, pointer, plan):
        low = 0
    while low < high:
        middle = (low + high) // 2
        if _fits(net, middle * ALIGNMENT, pointer, plan):
            high = middle
        else:
            low = middle + 1
    found = low * ALIGNMENT
    near = range(found - 3 * ALIGNMENT, found)
    return next((size for size in near if size > 0 and _fits(net, size, pointer, plan)), found)


def fits_in(net: TfliteNet, size: int, pointer: int = 4) -> bool:
    """Whether the tensors of a net can be allocated in an arena of ``size`` bytes; ``pointer`` is in bytes."""
    return _fits(net, size, pointer, _planned(net))


def _fits(net: TfliteNet, size: int, pointer: int, plan: _Plan) -> bool:
    try:
        _allocate(net, _Arena(size), pointer, plan)
    except ArenaOverflow:
        return False
    return True


# The plan of the head


class _Plan(NamedTuple):
    """The buffers of the head, its size, and the scratch of each operator, in bytes."""

    buffers: tuple[Buffer, ...]
    head: int
    scratch: tuple[tuple[int, ...], ...]
    kernels: Mapping[str, Kernel]


_NONE = Tensor("", ())
"""An input that is left out."""


def _planned(net: TfliteNet, kernels: Mapping[str, Kernel] = KERNELS) -> _Plan:
    """The plan of the greedy planner: the largest buffer first (the last of equal ones), at the lowest free offset."""
    first, last = _lifetimes(net)
    scratch = [tuple(kernels[operator.code].scratch(*_with_tensors(net, operator))) for operator in net.operators]
    placed = [
        Buffer(place, None, 0, _aligned(tensor.bytes), first[place], last[place])
        for place, tensor in enumerate(net.tensors)
        if not tensor.is_constant and not tensor.is_variable and tensor.elements and first[place] >= 0
    ]
    for number, requests in enumerate(scratch):
        placed += [Buffer(None, number, 0, _aligned(size), number + 1, number + 1) for size in requests]
    sizes = [buffer.size for buffer in placed]
    order = sorted(range(len(placed)), key=lambda place: (-sizes[place], -place))
    offsets = place_in_order(order, sizes, [(buffer.first, buffer.last) for buffer in placed])
    buffers = tuple([buffer._replace(offset=offset) for buffer, offset in zip(placed, offsets, strict=True)])
    return _Plan(buffers, max([buffer.offset + buffer.size for buffer in buffers], default=0), tuple(scratch), kernels)


def _lifetimes(net: TfliteNet) -> tuple[list[int], list[int]]:
    """The first and the last step at which each tensor is in use, as for a :class:`Buffer`; -1: never."""
    first, last = [-1] * len(net.tensors), [-1] * len(net.tensors)
    for tensor in net.inputs:
        first[tensor] = last[tensor] = 0
    for step, operator in enumerate(net.operators, 1):
        for tensor in operator.outputs:
            first[tensor] = step if first[tensor] < 0 else first[tensor]
        for tensor in (*operator.inputs, *operator.outputs):
            if tensor >= 0:
                last[tensor] = step
    for tensor in net.outputs:
        last[tensor] = len(net.operators)
    return first, last


def _with_tensors(net: TfliteNet, operator: Operator) -> tuple[Operator, list[Tensor], Tensor]:
    """An operator, its inputs, and its first output."""
    inputs = [net.tensors[place] if place >= 0 else _NONE for place in operator.inputs]
    return operator, inputs, net.tensors[operator.outputs[0]]


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


# The allocations of the interpreter


def _allocate(net: TfliteNet, arena: _Arena, pointer: int, plan: _Plan) -> None:
    """Makes all allocations of an interpreter in an arena; raises ArenaOverflow."""

    def keep(what: str, fields: str, count: int = 1) -> None:
        size, alignment = struct(fields, pointer)
        arena.keep(what, size * count, alignment)

    request = struct("p i2", pointer)
    allocator = "the allocator"
    keep(allocator, "p2 p5 p i p4")  # RecordingSingleArenaBufferAllocator
    keep(allocator, "p i2 p p2 p i2 p b")  # GreedyMemoryPlanner
    keep(allocator, f"p5 b p3 p p{3 * 8}")  # RecordingMicroAllocator
    keep(allocator, "p2")  # MicroBuiltinDataAllocator
    arena.reserve(request.size * MAX_SCRATCH)
    keep(allocator, "p3")  # SubgraphAllocations
    keep("tensors", "p2 i", len(net.tensors))  # TfLiteEvalTensor
    keep("operators", "p6 i p", len(net.operators))  # NodeAndRegistration
    kernels = [plan.kernels[operator.code] for operator in net.operators]
    for kernel in kernels:
        if kernel.options is not None:
            keep("options of operators", kernel.options)
    for kernel in kernels:
        if kernel.state is not None:
            arena.keep("state of operators", struct(kernel.state, pointer).size)
    requests = 0
    for kernel, operator, scratch in zip(kernels, net.operators, plan.scratch, strict=True):
        _prepare(arena, net, kernel, operator, pointer)
        requests += len(scratch)
        arena.temp = arena.head
        arena.reserve(request.size * (requests + MAX_SCRATCH))
    if requests:
        arena.keep("scratch", pointer * requests, pointer)
    info = struct("p2 i3 b", pointer)
    arena.borrow(pointer, pointer)
    arena.borrow(info.size * (len(net.tensors) + requests), info.alignment)
    for tensor in net.tensors:
        if tensor.is_variable:
            arena.keep("variables", tensor.bytes)
    room = arena.tail // ALIGNMENT * ALIGNMENT - -(-arena.temp // ALIGNMENT) * ALIGNMENT
    if room < _PLANNED * len(plan.buffers):
        raise ArenaOverflow
    arena.borrow(_PLANNED * len(plan.buffers), ALIGNMENT)
    arena.reserve(0)
    arena.reserve(plan.head)
    for places in (net.inputs, net.outputs):
        arena.keep("inputs and outputs", pointer * len(places))
        for place in places:
            tensor = net.tensors[place]
            keep("inputs and outputs", _TENSOR)
            if tensor.scales:
                keep("inputs and outputs", _QUANTIZATION)
                keep("inputs and outputs", "i", 1 + tensor.scales)


_TENSOR = "i p i f p p p i i b"
_QUANTIZATION = "p2 i"
_PLANNED = 40
"""The bytes that the planner needs for a buffer: ten integers."""


def _prepare(arena: _Arena, net: TfliteNet, kernel: Kernel, operator: Operator, pointer: int) -> None:
    """Makes the allocations of an operator when it is prepared."""
    output = net.tensors[operator.outputs[0]]
    for step in kernel.steps.split():
        if step == "f":
            weights = net.tensors[operator.inputs[1]]
            if weights.scales > 1 and output.scales:
                arena.keep("scales of channels", 4 * weights.scales)
                arena.keep("scales of channels", 4 * weights.scales)
        elif step == "c" or (step == "q" and output.scales):
            arena.keep("scales of channels", 4 * prod(output.shape[-1:]))
            arena.keep("scales of channels", 4 * prod(output.shape[-1:]))
        elif step == "k":
            size = kernel.sums(*_with_tensors(net, operator))
            if size:
                arena.keep("sums of weights", size)
        elif step == "o":
            _borrow_tensor(arena, output, pointer)
        elif step not in "qs":
            places = operator.inputs if step == "*" else operator.inputs[int(step) : int(step) + 1]
            for place in places:
                if place >= 0:
                    _borrow_tensor(arena, net.tensors[place], pointer)


def _borrow_tensor(arena: _Arena, tensor: Tensor, pointer: int) -> None:
    """Allocates the temporary record of a tensor and of its quantization."""
    arena.borrow(*struct(_TENSOR, pointer))
    if tensor.scales:
        arena.borrow(*struct(_QUANTIZATION, pointer))
        arena.borrow(4 * (1 + tensor.scales), 4)
