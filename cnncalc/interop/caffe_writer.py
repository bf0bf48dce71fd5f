"""A net as a prototxt file of Caffe: one or more ``layer`` messages for each layer.

Source: caffe.proto of github.com/BVLC/caffe. Shapes are batch x depth x sides; FC and FLATTEN give batch x depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.caffe_code import CODES
from cnncalc.interop.caffe_messages import Fields, Unsupported, Word, written
from cnncalc.interop.exporters import bound, heading, unpooled_of, volumes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.graph import Graph, Node
    from cnncalc.interop.exporters import ExportOptions
    from cnncalc.volume import Volume

IN_PLACE = frozenset(["ReLU", "Sigmoid", "TanH", "ELU", "Dropout"])
"""Types of Caffe that usually overwrite their input."""


def caffe_text(graph: Graph, options: ExportOptions) -> str:
    """The prototxt of a net. Raises DesignError with every layer that Caffe cannot express."""
    return CaffeWriter(graph, options).text()


class CaffeWriter:
    """Writes a net layer by layer; ``blobs`` has the name of the output of each layer."""

    def __init__(self, graph: Graph, options: ExportOptions) -> None:
        self.graph = graph
        self.options = options
        self.volumes = volumes_of(graph)
        self.readers = graph.readers()
        self.unpooled = unpooled_of(graph)
        self.owners = {node.share for node in graph.nodes if node.share is not None}
        self.blobs: list[str] = []
        self.is_row: list[bool] = []
        """Whether the blob of each layer is batch x depth."""
        self.other_forms: dict[int, str] = {}
        """By layer: its output reshaped from batch x depth to all axes, or the other way round."""
        self.messages: list[Fields] = []

    def text(self) -> str:
        """The whole file."""
        problems = []
        for index, node in enumerate(self.graph.nodes):
            place = CaffeLayer(self, index)
            self.blobs.append(node.name)
            self.is_row.append(False)
            try:
                if node.kind not in CODES:
                    raise Unsupported("has no layer for it")
                CODES[node.kind](place)
            except Unsupported as why:
                message = f"{node.name} ({node.kind.upper()}): Caffe {why}"
                problems.append(Problem("no-equal", message, node.span))
        if problems:
            raise DesignError(problems)
        head = f"# {heading(self.graph)}"
        parts = [head, *written((("name", self.graph.name),), 0)]
        for fields in self.messages:
            parts += ["layer {", *written(fields, 1), "}"]
        return "\n".join(parts) + "\n"


class CaffeLayer:
    """A layer of the net while its messages are written.

    ``volumes`` are those of its inputs, ``output`` is that of its output. A row is a blob batch x depth.
    """

    def __init__(self, writer: CaffeWriter, index: int) -> None:
        self.writer = writer
        self.index = index
        self.node: Node = writer.graph.nodes[index]
        self.layer: Any = bound(writer.graph, index, writer.volumes)
        self.volumes: list[Volume] = [writer.volumes[source] for source in self.node.inputs]
        self.output: Volume = writer.volumes[index]

    @property
    def sides(self) -> int:
        """The number of sides of the first input."""
        return len(self.volumes[0].sides)

    @property
    def is_row(self) -> bool:
        """Whether the first input is batch x depth."""
        return self.writer.is_row[self.node.inputs[0]]

    def blob(self, place: int = 0) -> str:
        """An input as it is; the output is a row if the input is one."""
        self.gives_row(self.writer.is_row[self.node.inputs[place]])
        return self.writer.blobs[self.node.inputs[place]]

    def as_map(self, place: int = 0) -> str:
        """An input with all axes."""
        return self._as(place, is_row=False)

    def blobs(self) -> list[str]:
        """All inputs, with the same number of axes: rows if all are rows."""
        inputs = self.node.inputs
        are_rows = all(self.writer.is_row[source] for source in inputs)
        self.gives_row(are_rows)
        return [self._as(place, is_row=are_rows) for place in range(len(inputs))]

    def gives_row(self, is_row: bool = True) -> None:
        """Records whether the output is batch x depth."""
        self.writer.is_row[self.index] = is_row

    def _as(self, place: int, *, is_row: bool) -> str:
        writer, source = self.writer, self.node.inputs[place]
        if writer.is_row[source] == is_row:
            return writer.blobs[source]
        if source not in writer.other_forms:
            name = f"{writer.graph.nodes[source].name}/{'row' if is_row else 'map'}"
            dims = [0, -1] if is_row else [0, -1, *[1] * len(writer.volumes[source].sides)]
            reshape = ("reshape_param", (("shape", (("dim", dims),)),))
            self._add("Reshape", name, [writer.blobs[source]], [name], (reshape,))
            writer.other_forms[source] = name
        return writer.other_forms[source]

    # messages

    def emit(
        self, kind: str, bottoms: Sequence[str], *fields: tuple[str, Any], parameters: int = 0, last: bool = True,
        word: str = "", top: str | None = None, more: Sequence[str] = (),
    ) -> str:  # fmt: skip
        """Adds a message of a type with its fields; returns its top.

        ``parameters``: the number of its learned arrays. ``last``: it has the name of the layer, else that name with
        ``word`` after it. ``top`` is its blob (None: the name of the message), ``more`` are further tops.
        """
        node, writer = self.node, self.writer
        name = node.name if last else f"{node.name}/{word or kind.lower()}"
        placed = writer.options.in_place
        if top is None:
            top = name
            if last and kind in IN_PLACE and placed is not None and placed[self.index]:
                top = bottoms[0]
        if last:
            writer.blobs[self.index] = top
        self._add(kind, name, bottoms, [top, *more], (*self._specifications(parameters), *fields))
        return top

    def silence(self, blobs: Sequence[str], word: str = "") -> None:
        """Adds a Silence for blobs that nothing reads."""
        if blobs:
            self._add("Silence", f"{self.node.name}/silence{word}", blobs, [], ())

    def _specifications(self, count: int) -> Fields:
        """The fields ``param``: the names of shared arrays, and the learning rate 0 of frozen ones."""
        node, index = self.node, self.index
        owner = index if node.share is None else self.writer.graph.owner(index)[0]
        if node.share is not None and node.transposed and count:
            raise Unsupported("cannot use the weights of another layer transposed")
        fields = []
        for number in range(count):
            parts: list[tuple[str, Any]] = []
            if node.share is not None or index in self.writer.owners:
                parts.append(("name", f"{self.writer.graph.nodes[owner].name}/{number}"))
            if not node.trainable:
                parts += [("lr_mult", 0), ("decay_mult", 0)]
            if parts:
                fields.append(("param", tuple(parts)))
        return tuple(fields)

    def _add(self, kind: str, name: str, bottoms: Sequence[str], tops: Sequence[str], fields: Fields) -> None:
        head: list[tuple[str, Any]] = [("name", name), ("type", kind), ("bottom", list(bottoms)), ("top", list(tops))]
        if self.node.training_only:
            head.append(("include", (("phase", Word("TRAIN")),)))
        self.writer.messages.append((*head, *fields))
