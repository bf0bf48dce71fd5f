"""From a report to a tape: each layer as the primitive operations that PyTorch runs for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.memory.tape import (
    ALIAS,
    NEW,
    NONE,
    SAME,
    VIEW,
    ByProduct,
    Frame,
    Operation,
    Parameter,
    Tape,
    Value,
)
from cnncalc.units import bytes_per_element

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.memory.profiles import Profile


CAST_KINDS = ("conv", "dwconv", "deconv", "fc")
"""Kinds that autocast runs in half."""


class Lowering:
    """Lowers one net for a batch, a data type and a profile, for training or for inference."""

    def __init__(
        self, report: Report, profile: Profile, *, batch: int, dtype: str, training: bool, autocast: bool = False
    ) -> None:
        self.report = report
        self.profile = profile
        self.batch = batch
        self.item = bytes_per_element(dtype)
        self.training = training
        self.autocast = autocast
        self.parameter_item = self.item
        if autocast:
            self.item = 2
        self.values: list[Value] = []
        self.wide: set[int] = set()  # values that stay float32 under autocast
        self.casts: list[int] = []
        self.operations: list[Operation] = []
        self.parameters: list[Parameter] = []
        self.buffers: list[int] = []
        self.place: dict[int, int] = {}  # the value that a row gives
        self.owned: dict[int, tuple[int, ...]] = {}  # the parameters of a row
        self.results: list[int] = []
        self.inner_frames: list[Frame] = []

    def size(self, elements: int, item: int | None = None) -> int:
        """Bytes of a tensor of so many elements, as the profile rounds them."""
        size = elements * (self.item if item is None else item)
        rounding = self.profile.rounding
        return -(-size // rounding) * rounding

    def tape(self) -> Tape:
        """The whole tape."""
        report = self.report
        readers = report.graph.readers
        rows = [row for row in report.layers if self.training or not row.training_only]
        for row in report.layers:
            self._own(row)
        sources = []
        outputs: list[LayerReport] = []
        spans: dict[int, tuple[int, int]] = {}
        for row in rows:
            first = len(self.operations)
            read = [reader for reader in readers[row.index] if self.training or not report.layers[reader].training_only]
            is_output = not read
            if row.kind == "input":
                image = self.size(self.batch * row.output.elements, self.parameter_item)
                sources.append(self._value(image, row.index, "inputs"))
                self.wide.add(sources[-1])
                self.place[row.index] = sources[-1]
                if is_output:
                    outputs.append(row)
                continue
            if row.kind == "softmax" and is_output and self.training:
                self.place[row.index] = self.place[row.sources[0]]
                outputs.append(report.layers[row.sources[0]])
                continue
            self._layer(row)
            spans[row.index] = (first, len(self.operations) - 1)
            if is_output:
                outputs.append(row)
        loss = None
        if self.training:
            targets: dict[tuple[int, int], int] = {}
            for row in outputs:
                if row.output[:2] not in targets:
                    targets[row.output[:2]] = self._target(row)
            sources += targets.values()
            loss = self._loss(outputs, targets)
        self.results += [self.place[row.index] for row in outputs]
        return Tape(
            tuple(self.values),
            tuple(self.operations),
            tuple(self.parameters),
            tuple(self.buffers),
            tuple(sources),
            tuple(self.results),
            self._all_frames(rows, spans),
            loss,
        )

    # pieces

    def _own(self, row: LayerReport) -> None:
        if row.shared_with is not None:
            owner = self.report.graph.nodes[row.index].share
            assert owner is not None
            if owner in self.owned:
                self.owned[row.index] = self.owned[owner]
            else:
                self._own(self.report.layers[owner])
                self.owned[row.index] = self.owned[owner]
            return
        if row.index in self.owned:
            return
        places = []
        for array in row.arrays:
            size = self.size(array.count.value, self.parameter_item)
            if array.role == "buffer":
                self.buffers.append(size)
                continue
            places.append(len(self.parameters))
            self.parameters.append(Parameter(size, row.index, row.is_trainable, array.count.value))
        self.owned[row.index] = tuple(places)
        if row.kind == "bn" and any(array.role == "buffer" for array in row.arrays):
            self.buffers.append(self.size(1, 8))  # the number of batches seen

    def _value(self, size: int, layer: int, role: str = "activations") -> int:
        self.values.append(Value(size, layer, role))
        return len(self.values) - 1

    def _operation(
        self,
        row: LayerReport,
        inputs: Sequence[int],
        size: int,
        *,
        name: str | None = None,
        storage: str = NEW,
        keeps: tuple[int, ...] = (),
        keeps_output: bool = False,
        clones_input: bool = False,
        byproducts: tuple[ByProduct, ...] = (),
        gradients: tuple[str, ...] | None = None,
        parameters: tuple[int, ...] = (),
        scratch: int = 0,
        backward_scratch: int = 0,
    ) -> int:
        output = self._value(size, row.index)
        self.operations.append(
            Operation(
                name or row.name,
                row.index,
                tuple(inputs),
                output,
                storage,
                keeps,
                keeps_output,
                clones_input,
                byproducts,
                (NEW,) * len(inputs) if gradients is None else gradients,
                parameters,
                scratch,
                backward_scratch,
            )
        )
        return output

    def _layer(self, row: LayerReport) -> None:
        """The operations of one layer; kinds that PyTorch builds from others have a method of their own."""
        inputs = [self.place[source] for source in row.sources]
        composed = getattr(self, f"_{row.kind}", None)
        if composed is not None:
            self.place[row.index] = composed(row, inputs)
            return
        layer, memory = row.layer, row.layer.training_memory()
        size = self.size(self.batch * row.output.elements)
        if row.kind == "fc" and not row.input_volumes[0].is_point:
            inputs = [self._view(row, inputs[0])]
        keeps = tuple(range(len(inputs))) if memory.keeps_input else ()
        parameters = self.owned[row.index]
        if self.autocast and row.kind in CAST_KINDS:
            if inputs[0] in self.wide:
                elements = self.batch * row.input_volumes[0].elements
                inputs = [self._operation(row, inputs, self.size(elements))]
            # the bias is cast before the weight
            casts = [self._cast(row, parameter) for parameter in reversed(parameters)][::-1]
            inputs += casts
            keeps, parameters = (0, 1), ()
        made = []
        for product in layer.byproducts(row.input_volumes, row.output):
            if not (self.training or product.in_inference or (product.in_half_inference and self.item == 2)):
                continue
            item = {"int64": self.profile.index_bytes, "float32": 4}.get(product.item)
            if item is None:
                item = self.profile.mask_bytes or self.item
                if row.in_place and row.kind == "dropout" and layer.may_work_in_place():
                    item = self.item
            count = product.count * (self.batch if product.per_image else 1)
            made.append(ByProduct(self.size(count, item), product.kept))
        placed = row.in_place
        if row.kind == "dropout":
            placed = not self.training or bool(layer.may_work_in_place())
        self.place[row.index] = self._operation(
            row,
            inputs,
            size,
            storage=ALIAS if placed else NEW,
            keeps=() if placed and row.kind in ("lrelu", "elu") else keeps,
            keeps_output=memory.keeps_output or (placed and row.kind in ("lrelu", "elu")),
            clones_input=memory.clones_input and placed,
            byproducts=tuple(made),
            gradients=({"new": NEW, "same": SAME, "view": VIEW}[memory.gradient],) * len(inputs),
            parameters=parameters,
        )

    def _cast(self, row: LayerReport, parameter: int) -> int:
        """A half copy of a parameter, which lives until autocast ends; its backward makes the gradient in full."""
        size = self.size(self.parameters[parameter].elements)
        cast = self._operation(row, (), size, gradients=(), parameters=(parameter,))
        self.casts.append(cast)
        return cast

    def _view(self, row: LayerReport, value: int) -> int:
        """The same tensor in another shape."""
        return self._operation(row, [value], self.values[value].size, storage=ALIAS, gradients=(VIEW,))

    def _lrn(self, row: LayerReport, inputs: list[int]) -> int:
        """input / (k + alpha * mean of squares) ** beta, as eight operations."""
        (x,) = inputs
        elements = row.output.elements * self.batch
        size = self.size(elements)
        window = row.layer.size
        padded = elements // row.output.depth * (row.output.depth + window - 1)
        square = self._operation(row, [x, x], size, keeps=(0, 1))
        square = self._view(row, square)
        wide = self._operation(row, [square], self.size(padded))
        mean = self._operation(row, [wide], size, keeps=(0,))
        mean = self._view(row, mean)
        first = len(self.operations)
        scaled = self._operation(row, [mean], size)
        base = self._operation(row, [scaled], size, gradients=(SAME,))
        power = self._operation(row, [base], size, keeps=(0,))
        # the function's own variable still holds the mean while the next three are worked out from it
        self.inner_frames.append(Frame(row.name, first, len(self.operations) - 1, (mean,)))
        return self._operation(row, [x, power], size, keeps=(0, 1))

    def _target(self, row: LayerReport) -> int:
        """One int64 an image, or one a pixel."""
        return self._value(self.size(self.batch * row.output.height * row.output.width, 8), row.index, "inputs")

    def _loss(self, outputs: Sequence[LayerReport], targets: dict[tuple[int, int], int]) -> int:
        """Mean cross-entropy over each output; those of auxiliary heads are weighted and added."""
        total: int | None = None
        main = [row for row in outputs if not row.training_only]
        heads = [row for row in outputs if row.training_only]
        scalar = self.size(1, self.parameter_item)
        for row in main + heads:
            logits = self.place[row.index]
            if row.output.is_point and row.kind != "fc":
                logits = self._view(row, logits)
            likelihood = self._operation(row, [logits], self.values[logits].size, name="loss", keeps_output=True)
            if self.autocast:
                full = self.size(self.batch * row.output.elements, 4)
                likelihood = self._operation(row, [likelihood], full, name="loss")
            each = self._operation(
                row,
                [likelihood, targets[row.output[:2]]],
                scalar,
                name="loss",
                keeps=(0, 1),
                byproducts=(ByProduct(self.size(1, 4), True),),
                gradients=(NEW, NONE),
            )
            if row.training_only:
                each = self._operation(row, [each], scalar, name="loss")
            if total is None:
                total = each
            else:
                total = self._operation(row, [total, each], scalar, name="loss", gradients=(SAME, SAME))
        assert total is not None
        return total

    def _all_frames(self, rows: Sequence[LayerReport], spans: dict[int, tuple[int, int]]) -> tuple[Frame, ...]:
        frames: list[Frame] = []
        if self.profile.holds_frames:
            frames += [*self._frames(rows, spans), *self.inner_frames]
        if self.casts:
            last = len(self.operations) - 1
            frames.append(Frame("autocast", 0, last, tuple(self.casts)))
        return tuple(frames)

    def _frames(self, rows: Sequence[LayerReport], spans: dict[int, tuple[int, int]]) -> tuple[Frame, ...]:
        """The calls of blocks, from the dots in the names: each holds what enters it until it returns."""
        frames: list[Frame] = []
        open_blocks: list[tuple[str, list[int]]] = []
        for row in [*rows, None]:
            if row is not None and row.kind == "input":
                continue
            parts = row.name.split(".")[:-1] if row is not None else []
            prefixes = [".".join(parts[: depth + 1]) for depth in range(len(parts))]
            shared = 0
            while shared < min(len(prefixes), len(open_blocks)) and open_blocks[shared][0] == prefixes[shared]:
                shared += 1
            while len(open_blocks) > shared:
                name, members = open_blocks.pop()
                frames.append(self._frame(name, members, spans))
            open_blocks += [(prefix, []) for prefix in prefixes[shared:]]
            if row is not None and row.index in spans:
                for _, members in open_blocks:
                    members.append(row.index)
        return (*frames, *self._locals(rows, spans))

    def _locals(self, rows: Sequence[LayerReport], spans: dict[int, tuple[int, int]]) -> list[Frame]:
        """Volumes that several calls of one function read: a variable of that function holds them until it returns."""
        ends: dict[str, int] = {"": len(self.operations) - 1}
        readers: dict[int, list[LayerReport]] = {}
        for row in rows:
            for source in set(row.sources):
                readers.setdefault(source, []).append(row)
            block = row.block
            while block and row.index in spans:
                ends[block] = spans[row.index][1]
                block = block.rpartition(".")[0]
        frames = []
        for source, read_by in readers.items():
            if len(read_by) < 2 or source not in spans:
                continue
            paths = [row.name.split(".") for row in read_by]
            own = self.report.layers[source].name.split(".")[:-1]
            depth = 0
            while depth < len(own) and all(path[depth] == own[depth] for path in paths if len(path) > depth + 1) and all(
                len(path) > depth + 1 for path in paths
            ):
                depth += 1
            if len({path[depth] for path in paths}) > 1:
                scope = ".".join(own[:depth])
                if scope in ends:
                    frames.append(Frame(scope, spans[source][1], ends[scope], (self.place[source],)))
        return frames

    def _frame(self, name: str, members: list[int], spans: dict[int, tuple[int, int]]) -> Frame:
        inside = set(members)
        held = dict.fromkeys(
            self.place[source]
            for member in members
            for source in self.report.layers[member].sources
            if source not in inside
        )
        return Frame(name, spans[members[0]][0], spans[members[-1]][1], tuple(held))


def lower(
    report: Report, profile: Profile, *, batch: int, dtype: str, training: bool, autocast: bool = False
) -> Tape:
    """The tape of a net; with ``autocast`` activations are half and parameters stay as ``dtype`` says."""
    return Lowering(report, profile, batch=batch, dtype=dtype, training=training, autocast=autocast).tape()

