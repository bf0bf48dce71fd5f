"""Writes a net as an ONNX model with weights as initializers; the ONNX library checks the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.exporters import require_kinds, volumes_of
from cnncalc.layers.base import Layer
from cnncalc.units import listing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cnncalc.graph import Graph
    from cnncalc.interop.exporters import ExportOptions
    from cnncalc.layers.base import Parameter
    from cnncalc.volume import Volume

OPERATOR_SET = 21
FORMAT_VERSION = 10
BATCH = "batch"
"""The name of the batch size, which the model leaves open."""


def onnx_bytes(graph: Graph, options: ExportOptions) -> bytes:
    """The ONNX file of a net. Raises DesignError as :func:`onnx_model` does."""
    content: bytes = onnx_model(graph, options).SerializeToString()
    return content


def onnx_model(graph: Graph, options: ExportOptions, *, every_output: bool = False) -> Any:
    """The ONNX model of a net, an ``onnx.ModelProto``; with ``every_output`` each layer is an output of the model.

    Tensors are batch x depth x sides. An output has the name of its layer. Raises DesignError that names the layers
    without an equivalent in ONNX, or if the library ``onnx`` is missing.
    """
    try:
        import onnx
    except ImportError:
        hint = "python -m pip install 'cnncalc[onnx]'"
        raise DesignError(
            [Problem("missing-extra", "writing an ONNX file requires the package onnx", None, hint)]
        ) from None
    writer = OnnxWriter(onnx, graph, options)
    model = writer.model(every_output=every_output)
    onnx.checker.check_model(model, full_check=True)
    return model


def _require_places(graph: Graph) -> None:
    """Raises DesignError for an UNPOOL of an adaptive pool, which is written without the indices of its maxima."""
    names = []
    for node in graph.nodes:
        layer: Any = node.layer
        if layer.takes_places:
            pool: Any = graph.nodes[node.inputs[1]].layer
            if pool.adaptive is not None:
                names.append(f"{node.name} of {pool.label()}")
    if names:
        raise DesignError(
            [Problem("no-equal", f"ONNX has no operator for UNPOOL of an adaptive POOL: {listing(names)}")]
        )


class OnnxWriter:
    """Writes a net, layer by layer."""

    def __init__(self, onnx: Any, graph: Graph, options: ExportOptions) -> None:
        from cnncalc.interop.onnx_layers import LAYERS

        self.onnx = onnx
        self.graph = graph
        self.options = options
        self.volumes = volumes_of(graph)
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self.stripped: dict[str, Any] = {}
        """The node that creates each array of weights without values, by the name of the array."""
        self.places: dict[int, str] = {}
        """The name of the value with the indices of the maxima, by the index of the pool."""
        require_kinds(graph, LAYERS, "ONNX has no operator")
        _require_places(graph)
        self.layers = LAYERS

    def model(self, *, every_output: bool) -> Any:
        """The whole model."""
        helper, number_type = self.onnx.helper, self.onnx.TensorProto.FLOAT
        inputs = []
        for index, node in enumerate(self.graph.nodes):
            assert isinstance(node.layer, Layer)
            if node.is_input:
                inputs.append(helper.make_tensor_value_info(node.name, number_type, self.shape(index)))
            else:
                self.write(index)
        readers = self.graph.readers()
        outputs = [
            helper.make_tensor_value_info(node.name, number_type, self.shape(index))
            for index, node in enumerate(self.graph.nodes)
            if not node.is_input and (every_output or not readers[index])
        ]
        graph = helper.make_graph(
            [*self.stripped.values(), *self.nodes], self.graph.name, inputs, outputs, list(self.initializers.values())
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPERATOR_SET)], ir_version=FORMAT_VERSION,
            producer_name="cnncalc",
        )  # fmt: skip

    def shape(self, index: int) -> list[Any]:
        """The shape of the output of a node: batch (left open) x depth x sides."""
        volume = self.volumes[index]
        return [BATCH, volume.depth, *volume.sides]

    def write(self, index: int) -> None:
        """Adds the operators of one layer; the output of the last one has the name of the layer."""
        node = self.graph.nodes[index]
        assert isinstance(node.layer, Layer)
        writer = LayerWriter(self, index)
        names = [self.graph.nodes[source].name for source in node.inputs]
        layer = writer.layer
        if layer.takes_places:
            names[1] = self.places[node.inputs[1]]
        result = self.layers[node.kind](writer, layer, *names)
        if result == writer.made and self.nodes and result in self.nodes[-1].output:
            last = self.nodes[-1]
            for place, name in enumerate(last.output):
                if name == result:
                    last.output[place] = node.name
            if not writer.is_named:
                last.name = node.name
        else:
            name = f"{node.name}/Identity" if writer.is_named else node.name
            self.nodes.append(self.onnx.helper.make_node("Identity", [result], [node.name], name=name))
        if writer.places is not None:
            self.places[index] = writer.places


class LayerWriter:
    """Writes the operators of one layer.

    ``volumes`` are those of its inputs, ``output`` its own, ``sides`` the number of sides of its first input.
    A pool sets ``places`` to the name of the value with the indices of its maxima.
    """

    def __init__(self, writer: OnnxWriter, index: int) -> None:
        self.writer = writer
        self.index = index
        node = writer.graph.nodes[index]
        assert isinstance(node.layer, Layer)
        self.name = node.name
        self.volumes = [writer.volumes[source] for source in node.inputs]
        self.output: Volume = writer.volumes[index]
        self.sides = len(self.volumes[0].sides)
        self.layer = node.layer.on(self.sides)
        self.places: str | None = None
        self.made = ""
        self.kept: set[str] = set()
        """The names of the initializers that the layer uses."""
        self.is_named = False
        """Whether one of the operators already has the name of the layer."""
        self._count = 0
        self.arrays: Mapping[str, Parameter] = {
            array.name: array for array in (*self.layer.parameters(*self.volumes), *self.layer.buffers(*self.volumes))
        }

    def op(self, type: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Adds an operator with one output, and returns the name of the output."""
        return self.op_of(type, inputs, 1, **attributes)[0]

    def op_of(self, type: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:
        """Adds an operator, and returns the names of its outputs."""
        self._count += 1
        names = [f"{self.name}/{type}_{self._count}" + (f".{place}" if place else "") for place in range(outputs)]
        keeps = type not in ("Transpose", "Expand", "Gather") and any(name in self.kept for name in inputs)
        if keeps and not self.is_named:  # the operator with the weights gets the name of the layer
            self.is_named = True
            own = self.name
        else:
            own = names[0]
        node = self.writer.onnx.helper.make_node(type, list(inputs), names, name=own, **attributes)
        self.writer.nodes.append(node)
        self.made = names[0]
        return names

    def integers(self, values: Any) -> str:
        """A constant of integers (int64)."""
        import numpy as np

        return self._constant(np.array(values, "int64"))

    def number(self, value: Any, dtype: str = "float32") -> str:
        """A constant that is not a parameter of the layer."""
        import numpy as np

        return self._constant(np.asarray(value, dtype))

    def _constant(self, array: Any) -> str:
        """A constant as the output of an operator, so that all initializers are parameters."""
        self._count += 1
        name = f"{self.name}/constant_{self._count}"
        tensor = self.writer.onnx.numpy_helper.from_array(array, name)
        self.writer.nodes.append(self.writer.onnx.helper.make_node("Constant", [], [name], name=name, value=tensor))
        return name

    def has(self, name: str) -> bool:
        """Whether the layer has a parameter or buffer of this name."""
        return name in self.arrays

    def parameter_shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array in the layout of the executor."""
        return self.arrays[name].shape

    def parameter(self, name: str, transform: Callable[[Any], Any] | None = None, part: str | None = None) -> str:
        """The name of the initializer of an array in the layout of ONNX, to which ``transform`` brings it.

        ``part`` is a suffix of the name if the initializer is only a part of the array. Layers that share parameters
        share the initializers.
        """
        import numpy as np

        writer = self.writer
        owner, is_transposed = writer.graph.owner(self.index, name)
        key = f"{writer.graph.nodes[owner].name}.{name}" + (f".{part}" if part is not None else "")
        # Conv and ConvTranspose have the same layout of weights; those of a matrix product are transposed
        transposes = is_transposed and len(self.arrays[name].shape) == 2
        self.kept.add(key)
        if key in writer.initializers or key in writer.stripped:
            return self._transposed(key) if transposes else key
        arrays = writer.options.arrays
        if arrays is not None:
            array = arrays[self.index][name]
        else:
            array = np.broadcast_to(np.zeros((), "float32"), self.arrays[name].shape)
        array = array.T if transposes else array if transform is None else transform(array)
        if arrays is None and writer.options.weights == "none":
            shape = writer.onnx.numpy_helper.from_array(np.array(array.shape, "int64"), f"{key}.shape")
            writer.initializers[f"{key}.shape"] = shape
            writer.stripped[key] = writer.onnx.helper.make_node("ConstantOfShape", [f"{key}.shape"], [key], name=key)
        else:
            array = np.ascontiguousarray(array, "float32")
            writer.initializers[key] = writer.onnx.numpy_helper.from_array(array, key)
        return self._transposed(key) if transposes else key

    def _transposed(self, key: str) -> str:
        """Transposes a matrix of weights."""
        found = self.op("Transpose", [key], perm=[1, 0])
        self.kept.add(found)
        return found

    def as_map(self, flat: str) -> str:
        """Reshapes a vector, batch x depth, to a map with one position."""
        return self.op("Reshape", [flat, self.integers([0, -1, *[1] * self.sides])])

    def last(self, x: str) -> str:
        """Transposes to batch x sides x depth."""
        rank = self.sides + 2
        return self.op("Transpose", [x], perm=[0, *range(2, rank), 1])

    def first(self, x: str) -> str:
        """Transposes to batch x depth x sides."""
        rank = self.sides + 2
        return self.op("Transpose", [x], perm=[0, rank - 1, *range(1, rank - 1)])
