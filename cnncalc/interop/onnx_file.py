"""Reads the structure of ONNX files: never their weights, nor other files that they name.

Source: onnx.proto and the page "Open Neural Network Exchange Intermediate Representation" of ONNX.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.onnx_tensors import MOST_ELEMENTS, read_tensor
from cnncalc.interop.onnx_versions import contradiction, table
from cnncalc.interop.operators import Branch, Constant, Operator, OperatorNet
from cnncalc.interop.wire import (
    BYTES,
    FIXED32,
    VARINT,
    TooManyFieldsError,
    WireError,
    decimals,
    fields,
    float32,
    integers,
    signed,
    text,
)
from cnncalc.records import NamedTuple
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from mmap import mmap

    from cnncalc.graph import Graph
    from cnncalc.interop.wire import Field
    from cnncalc.language.settings import Settings

FORMAT = "ONNX file"
MOST_BYTES = 4 * 1024**3
MOST_NODES = 18_000
MOST_FIELDS = 400_000
"""The most message fields that are read; elements of weights do not count."""
MOST_READS = 200_000
"""The most inputs of all nodes in total."""
MOST_NAME = 1_000
"""The longest name, in bytes."""
MOST_TEXT = 65_536
"""The longest text that is not a name, in bytes."""
MOST_TEXTS = 16 * 1024**2
"""The most bytes of all names and texts in total."""
MOST_DECODED = 2_000_000
"""The most elements of tensors whose values the operators need."""
MOST_NUMBERS = 4_096
"""The most numbers in an attribute."""
MOST_NESTING = 8
"""The deepest nesting of functions that call functions."""

OMITTED = {1: 0.0, 2: 0, 3: ""}
"""By the number of its type: the value of an attribute without a written value; some writers leave out 0."""

OWN_DOMAINS = ("", "ai.onnx")

LEARNED = {b"cnncalc": MOST_ELEMENTS, b"pytorch": 1}
"""By producer: up to how many elements an initializer with axes is known to be a parameter.

Both write the numbers of formulas in nodes, or without axes; those of cnncalc hold nothing but parameters.
"""


class Function(NamedTuple):
    """A function of the file; its nodes replace each node that calls it."""

    inputs: list[str]
    outputs: list[str]
    nodes: list[RawNode]
    defaults: dict[str, Any]
    versions: dict[str, int]


class RawNode(NamedTuple):
    """A node of the file. ``references`` maps an attribute to the attribute of the enclosing function that it takes.

    ``graphs`` are the messages of the attributes that are graphs.
    """

    name: str
    type: str
    domain: str
    overload: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    references: dict[str, str]
    scope: tuple[str, ...]
    graphs: dict[str, Field]


def read_onnx(name: str, data: bytes | mmap, settings: Settings) -> Graph:
    """The net of an ONNX file. Raises DesignError that lists all its errors and operators without an equivalent."""
    from cnncalc.interop.tensor_layers import layers_of

    try:
        return layers_of(Reader(data).net(name), settings, FORMAT, name)
    except WireError as error:
        raise DesignError([Problem("wrong-file", f"{name} is not a readable {FORMAT}: {error}")]) from None


class Reader:
    """Reads the messages of one file."""

    def __init__(self, data: bytes | mmap) -> None:
        self.data = data
        self._read = 0
        self._reads = 0
        self._texts = 0
        self._decoded = 0
        self._nodes = 0
        self._nesting = 0
        self._tensors: dict[str, Constant] = {}
        """The tensors of branches."""
        self._functions: dict[tuple[str, str, str], Function] = {}
        self.results: set[str] = set()
        """The names of the outputs of the nodes of the graph, without those of functions."""
        self.external: list[list[Field]] = []
        """For each tensor whose elements are in another file: the fields that name the file."""
        self.has_more = False
        """Whether there are attributes that are not read: sparse tensors, lists of tensors, graphs except of If."""

    def fields(self, start: int, end: int) -> list[Field]:
        """The fields of a message; raises WireError if it cannot be read, or if the file has too many fields."""
        try:
            found = fields(self.data, start, end, MOST_FIELDS - self._read)
        except TooManyFieldsError:
            raise _too_many_fields() from None
        self._read += len(found)
        return found

    def count(self, values: int) -> None:
        """Counts the values in one field, or the arguments of a function, as one field each."""
        self._read += values
        if self._read > MOST_FIELDS:
            raise _too_many_fields()

    def decode(self, elements: int) -> None:
        """Counts elements of tensors whose values are read; raises WireError if they are too many."""
        self._decoded += elements
        if self._decoded > MOST_DECODED:
            raise WireError(f"its operators need the values of more than {MOST_DECODED:,} elements of tensors")

    def messages(self, start: int, end: int) -> list[Field]:
        """The fields of a message that are texts or nested messages."""
        return [field for field in self.fields(start, end) if field[1] == BYTES]

    def text(self, field: Field, most: int = MOST_NAME) -> str:
        """The text of a field."""
        self.count_text(field[4] - field[3])
        return text(self.data, field, most)

    def count_text(self, size: int) -> None:
        """Counts the bytes of a text; raises WireError if they are too many in total."""
        self._texts += size
        if self._texts > MOST_TEXTS:
            raise WireError(f"its names and texts have more than {MOST_TEXTS:,} bytes")

    # the model

    def net(self, file: str) -> OperatorNet:
        """The net of the file."""
        graph: Field | None = None
        learned = 0
        versions: dict[str, int] = {}
        functions: list[Field] = []
        for field in self.fields(0, len(self.data)):
            if field[1] != BYTES:
                if field[0] in (3, 4, 6, 7, 8):
                    raise WireError(f"at byte {field[3]} there is a number instead of a message")
            elif field[0] == 2:
                learned = LEARNED.get(bytes(self.data[field[3] : min(field[4], field[3] + 10)]), 0)
            elif field[0] == 7:
                graph = field
            elif field[0] == 8:
                self._version(field, versions)
            elif field[0] == 25:
                functions.append(field)
        if graph is None:
            raise WireError("it has no graph")
        for field in functions:
            self._function(field)
        return self._graph(graph, file, versions, learned=learned)

    def _version(self, field: Field, versions: dict[str, int]) -> None:
        """Adds the version of the operators of a domain."""
        domain, version = "", 1
        for part in self.fields(*field[3:]):
            if part[0] == 1:
                domain = self.text(part)
            elif part[0] == 2:
                version = signed(part[2])
        versions["" if domain in OWN_DOMAINS else domain] = version

    def _graph(self, graph: Field, file: str, versions: dict[str, int], *, learned: int) -> OperatorNet:
        constants: dict[str, Constant] = {}
        inputs: dict[str, tuple[int | None, ...] | None] = {}
        shapes: dict[str, tuple[int | None, ...]] = {}
        entries: list[str] = []
        outputs: list[str] = []
        nodes: list[RawNode] = []
        title = ""
        for field in self.messages(*graph[3:]):
            number = field[0]
            if number == 1:
                nodes.append(self._node(field))
            elif number == 2:
                title = self.text(field, MOST_TEXT)
            elif number in (5, 15):
                name, constant = self._initializer(field)
                if constant.shape and prod(constant.shape) <= learned and not constant.is_integer:
                    constant = constant._replace(is_learned=True)
                _add_constant(constants, name, constant)
            elif number in (11, 12, 13):
                found, shape = self._value(field)
                if number == 11:
                    entries.append(found)
                    inputs[found] = shape
                    continue
                if number == 12:
                    outputs.append(found)
                if shape is not None:
                    shapes[found] = shape
        results = [name for node in nodes for name in node.outputs if name]
        _require_distinct(entries)
        _require_distinct([*{**inputs, **constants}, *results])
        self.results.update(results)
        missing = [name for name in outputs if not any(name in known for known in (inputs, constants, self.results))]
        if missing:
            raise WireError(f"it has the output {visible(missing[0])}, which no node gives")
        for name in [name for name in inputs if name in constants]:
            _require_agreement(name, inputs.pop(name), constants[name].shape)
        operators: list[Operator] = []
        self._expand(nodes, versions, operators)
        _require_distinct([*inputs, *constants, *results, *self._tensors])
        constants |= self._tensors
        return OperatorNet(title or file, inputs, tuple(outputs), tuple(operators), constants, shapes)

    def _initializer(self, field: Field) -> tuple[str, Constant]:
        """A tensor of the graph, dense or sparse."""
        if field[0] == 5:
            return read_tensor(self, *field[3:])
        name, shape = "", []
        for part in self.fields(*field[3:]):
            if part[0] == 1:
                name = read_tensor(self, *part[3:])[0]
            elif part[0] == 3:
                shape += integers(self.data, part, MOST_NUMBERS)
        return name, Constant(tuple(shape))

    def _value(self, field: Field) -> tuple[str, tuple[int | None, ...] | None]:
        """The name and the shape of a value; the shape is None if the file states none."""
        name, shape = "", None
        for part in self.messages(*field[3:]):
            if part[0] == 1:
                name = self.text(part)
            elif part[0] == 2:
                for kind in self.messages(*part[3:]):
                    if kind[0] == 1:
                        shape = self._shape(kind)
        return name, shape

    def _shape(self, field: Field) -> tuple[int | None, ...] | None:
        shape: list[int | None] | None = None
        for part in self.messages(*field[3:]):
            if part[0] == 2:
                shape = [self._dimension(dim) for dim in self.messages(*part[3:]) if dim[0] == 1]
        if shape is not None and len(shape) > MOST_NUMBERS:
            raise WireError(f"at byte {field[3]} there is a shape of {len(shape):,} dimensions")
        return None if shape is None else tuple(shape)

    def _dimension(self, field: Field) -> int | None:
        for part in self.fields(*field[3:]):
            if part[0] == 1 and part[1] == VARINT:
                size = signed(part[2])
                return size if size > 0 else None
        return None

    # nodes

    def _node(self, field: Field) -> RawNode:
        self._count_node()
        inputs: list[str] = []
        outputs: list[str] = []
        attributes: dict[str, Any] = {}
        references: dict[str, str] = {}
        graphs: dict[str, Field] = {}
        texts = {3: "", 4: "", 7: "", 8: ""}
        scope: tuple[str, ...] = ()
        for part in self.messages(*field[3:]):
            number = part[0]
            if number == 1:
                inputs.append(self.text(part))
            elif number == 2:
                outputs.append(self.text(part))
            elif number in texts:
                texts[number] = self.text(part)
            elif number == 5:
                self._attribute(part, attributes, references, graphs)
            elif number == 9:
                scope = self._scope(part) or scope
        self._count_reads(len(inputs))
        name, form, domain, overload = texts.values()
        domain = "" if domain in OWN_DOMAINS else domain
        self.has_more |= bool(graphs) and form != "If"
        return RawNode(name, form, domain, overload, inputs, outputs, attributes, references, scope, graphs)

    def _count_reads(self, inputs: int) -> None:
        self._reads += inputs
        if self._reads > MOST_READS:
            raise WireError(f"its nodes have more than {MOST_READS:,} inputs")

    def _count_node(self) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise WireError(f"it has more than {MOST_NODES:,} nodes")

    def _scope(self, field: Field) -> tuple[str, ...]:
        """The modules that contain a node, as the exporter of PyTorch writes them: ``['', 'layer1', 'layer1.0']``."""
        key = value = ""
        for part in self.messages(*field[3:]):
            if part[0] == 1:
                key = self.text(part, MOST_TEXT)
            elif part[0] == 2 and key == "pkg.torch.onnx.name_scopes":
                value = self.text(part, MOST_TEXT)
        if not value.startswith("["):
            return ()
        return tuple([part.strip(" '\"") for part in value.strip("[]").split(",")][:-1])

    def _attribute(
        self, field: Field, attributes: dict[str, Any], references: dict[str, str], graphs: dict[str, Field]
    ) -> None:
        name, reference, form = "", "", 0
        value: Any = None
        graph: Field | None = None
        found: list[Any] = []
        for part in self.fields(*field[3:]):
            number = part[0]
            if number == 1:
                name = self.text(part)
            elif number == 20:
                form = part[2]
            elif number == 21:
                reference = self.text(part)
            elif number == 2 and part[1] == FIXED32:
                value = float32(part[2])
            elif number == 3:
                value = signed(part[2])
            elif number == 4:
                value = self.text(part, MOST_TEXT)
            elif number == 5 and part[1] == BYTES:
                value = read_tensor(self, *part[3:])[1]
            elif number in (6, 10, 11, 22, 23):
                graph = part if number == 6 and part[1] == BYTES else graph
                self.has_more |= number != 6
            else:
                self._repeated(part, found)
        if name in attributes or name in references or name in graphs:
            raise WireError(f"at byte {field[3]} a node has the attribute {visible(name)} a second time")
        if reference:
            references[name] = reference
        elif graph is not None:
            graphs[name] = graph
        elif found or form in (6, 7, 8):
            attributes[name] = tuple(found)
        elif value is not None or form in OMITTED:
            attributes[name] = OMITTED[form] if value is None else value

    def _repeated(self, part: Field, found: list[Any]) -> None:
        """Adds the values of a list attribute."""
        before = len(found)
        if part[0] == 8 and part[1] == VARINT:
            found.append(signed(part[2]))
        elif part[0] == 7:
            found += decimals(self.data, part, "f", MOST_NUMBERS)
        elif part[0] == 8:
            found += integers(self.data, part, MOST_NUMBERS)
        elif part[0] == 9:
            found.append(self.text(part, MOST_TEXT))
        if len(found) > MOST_NUMBERS:
            raise WireError(f"at byte {part[3]} an attribute has more than {MOST_NUMBERS:,} numbers")
        self.count(len(found) - before - 1)

    # functions

    def _function(self, field: Field) -> None:
        function = Function([], [], [], {}, {})
        texts = {1: "", 10: "", 13: ""}
        for part in self.messages(*field[3:]):
            number = part[0]
            if number in texts:
                texts[number] = self.text(part)
            elif number == 4:
                function.inputs.append(self.text(part))
            elif number == 5:
                function.outputs.append(self.text(part))
            elif number == 7:
                function.nodes.append(self._node(part))
            elif number == 9:
                self._version(part, function.versions)
            elif number == 11:
                self._attribute(part, function.defaults, {}, {})
        domain = "" if texts[10] in OWN_DOMAINS else texts[10]
        self._functions[domain, texts[1], texts[13]] = function

    def _expand(self, nodes: list[RawNode], versions: Mapping[str, int], operators: list[Operator]) -> None:
        """Adds the nodes as operators; a call of a function becomes the nodes of the function."""
        for node in nodes:
            function = self._functions.get((node.domain, node.type, node.overload))
            if function is None:
                made = _operator(node, versions.get(""))
                if node.type == "If" and not node.domain:
                    branches = {name: self._branch(graph, versions) for name, graph in node.graphs.items()}
                    made = made._replace(attributes={**made.attributes, **branches})
                operators.append(made)
            else:
                self._call(node, function, operators, 1)

    def _branch(self, graph: Field, versions: Mapping[str, int]) -> Branch:
        """A branch of If; its tensors are added to those of the graph that contains it."""
        self._nesting += 1
        if self._nesting > MOST_NESTING:
            raise WireError(f"its branches are nested more than {MOST_NESTING} deep")
        nodes: list[RawNode] = []
        outputs: list[str] = []
        for field in self.messages(*graph[3:]):
            if field[0] == 1:
                nodes.append(self._node(field))
            elif field[0] in (5, 15):
                _add_constant(self._tensors, *self._initializer(field))
            elif field[0] == 12:
                outputs.append(self._value(field)[0])
        operators: list[Operator] = []
        self._expand(nodes, versions, operators)
        self._nesting -= 1
        return Branch(tuple(operators), tuple(outputs))

    def _call(self, node: RawNode, function: Function, operators: list[Operator], depth: int) -> None:
        if depth > MOST_NESTING:
            raise WireError(f"its function calls are nested more than {MOST_NESTING} deep")
        self.count(len(function.inputs) + len(function.outputs) + len(function.defaults))
        prefix = node.name or next(iter(node.outputs), node.type)
        names = dict.fromkeys(["", *function.inputs], "")
        names.update(zip(function.inputs, node.inputs, strict=False))
        names.update(zip(function.outputs, node.outputs, strict=False))
        given = {**function.defaults, **node.attributes}
        for inner in function.nodes:
            self._count_node()
            attributes = {
                **inner.attributes, **{name: given[of] for name, of in inner.references.items() if of in given}
            }  # fmt: skip
            called = inner._replace(
                name=f"{prefix}/{inner.name or next(iter(inner.outputs), inner.type)}",
                inputs=[names.setdefault(name, f"{prefix}/{name}") for name in inner.inputs],
                outputs=[names.setdefault(name, f"{prefix}/{name}") for name in inner.outputs],
                attributes=attributes,
                scope=inner.scope or node.scope,
            )
            self._count_reads(len(called.inputs))
            self.count(len(called.outputs) + len(attributes))
            self.count_text(len(called.name) + sum(map(len, called.outputs)))
            nested = self._functions.get((inner.domain, inner.type, inner.overload))
            if nested is None:
                operators.append(_operator(called, function.versions.get("")))
            else:
                self._call(called, nested, operators, depth + 1)


def _add_constant(constants: dict[str, Constant], name: str, constant: Constant) -> None:
    """Adds a tensor, or replaces one of that name, as ONNX Runtime does; raises WireError if their shapes differ."""
    before = constants.get(name, constant).shape
    if before != constant.shape:
        both = f"{list(before)} and {list(constant.shape)}"
        raise WireError(f"it defines the tensor {visible(name)} twice, with the shapes {both}")
    constants[name] = constant


def _require_distinct(names: Sequence[str]) -> None:
    """Raises WireError if a name occurs twice."""
    known: set[str] = set()
    for name in names:
        if name in known:
            raise WireError(f"it defines the value {visible(name)} a second time")
        known.add(name)


def _require_agreement(name: str, stated: Sequence[int | None] | None, shape: Sequence[int]) -> None:
    """Raises WireError if a tensor is also an input of the graph, with another shape."""
    if stated is None or (
        len(stated) == len(shape) and all(a in (None, b) for a, b in zip(stated, shape, strict=True))
    ):
        return
    raise WireError(f"the tensor {visible(name)} has the shape {list(shape)}, as an input {list(stated)}")


def _too_many_fields() -> WireError:
    return WireError(f"it has more than {MOST_FIELDS:,} fields")


def _operator(node: RawNode, stated: int | None) -> Operator:
    """A node as an operator; attributes of older operator sets are rewritten for the newest one.

    ``stated`` is the operator set; None if the file does not state it, which stands for the first one.
    """
    attributes = node.attributes
    version = 1 if stated is None else stated
    wrong = _contradiction(node, stated) if not node.domain else ""
    if node.type in ("Softmax", "LogSoftmax", "Hardmax") and version < 13:
        # before version 13 the operator flattened all axes from this one on
        attributes = {**attributes, "axis": attributes.get("axis", 1), "flattened": 1}
    if node.type == "Resize" and version < 11:
        attributes = {**attributes, "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    scope = tuple([part for part in node.scope if part])
    name = scope[-1] if scope else node.name
    name = name or next(iter(node.outputs), "") or node.type
    full = f"{node.domain}.{node.type}" if node.domain else node.type
    return Operator(name, full, tuple(node.inputs), tuple(node.outputs), attributes, scope, wrong=wrong)


def _contradiction(node: RawNode, version: int | None) -> str:
    """Why a node of ONNX's own domain contradicts the definition of its operator; empty if it does not."""
    if node.type in table():
        return "" if version is None else contradiction(node.type, version, len(node.inputs), node.attributes)
    from cnncalc.interop.tensor_layers import HANDLERS

    return "ONNX has no such operator" if node.type in HANDLERS else ""
