"""From a report to a tape: each layer as the primitive operations that PyTorch runs for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.memory.profiles import Profile


HALF_KINDS = ("conv", "dwconv", "deconv", "fc", "prelu")
"""Kinds that autocast runs in half, with half copies of their parameters."""

FULL_KINDS = ("ln", "gn", "softplus", "upsample")
"""Kinds that autocast runs in float32."""

FLAT_KINDS = ("fc", "flatten", "rbf")
"""Kinds that give batch x depth, without height and width."""

PLANAR_KINDS = (
    *("input", "conv", "dwconv", "deconv", "pool", "avgpool", "lppool", "gap", "gmp", "subsample", "in", "lrn"),
    *("reshape", "upsample", "pad", "shuffle"),
)
"""Kinds that give maps, even of one pixel."""


class Lowering:
    """Lowers one net for a batch, a data type and a profile, for training or for inference."""

    def __init__(
        self, report: Report, profile: Profile, *, batch: int, dtype: str, training: bool, autocast: str | None = None
    ) -> None:
        self.report = report
        self.profile = profile
        self.batch = batch
        self.dtype = dtype if autocast is None else autocast
        self.training = training
        self.autocast = autocast is not None
        self.parameter_item = bytes_per_element(dtype)
        self.item = bytes_per_element(self.dtype)
        self.values: list[Value] = []
        self.counts: list[int] = []  # elements of each value
        self.items: list[int] = []  # bytes of one of them
        self.learns: list[bool] = []  # whether a gradient reaches it
        self.casts: dict[int, int] = {}  # half copies of parameters
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
                sources.append(self._value(self.batch * row.output.elements, self.parameter_item, row.index, "inputs"))
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

    def _value(self, elements: int, item: int, layer: int, role: str = "activations") -> int:
        self.values.append(Value(self.size(elements, item), layer, role))
        self.counts.append(elements)
        self.items.append(item)
        self.learns.append(False)
        return len(self.values) - 1

    def _operation(
        self,
        row: LayerReport,
        inputs: Sequence[int],
        elements: int | None = None,
        *,
        item: int | None = None,
        name: str | None = None,
        storage: str = NEW,
        keeps: tuple[int, ...] = (),
        keeps_output: bool = False,
        clones_input: bool = False,
        byproducts: tuple[ByProduct, ...] = (),
        gradients: tuple[str, ...] | None = None,
        parameters: tuple[int, ...] = (),
        backward_scratch: tuple[int, ...] = (),
    ) -> int:
        """One operation and the value that it gives: unless said otherwise as large and wide as the first input."""
        if elements is None:
            elements = self.counts[inputs[0]]
        if item is None:
            item = self.items[inputs[0]] if inputs else self.item
        output = self._value(elements, item, row.index)
        self.learns[output] = self.training and (
            any(self.learns[value] for value in inputs)
            or any(self.parameters[parameter].is_trainable for parameter in parameters)
        )
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
                0,
                backward_scratch,
            )
        )
        return output

    def _layer(self, row: LayerReport) -> None:
        """The operations of one layer; kinds that PyTorch builds from others have a method of their own."""
        inputs = [self.place[source] for source in row.sources]
        composed = getattr(self, "_instance" if row.kind == "in" else f"_{row.kind}", None) or self._simple
        first = len(self.operations)
        self.place[row.index] = composed(row, inputs)
        last = len(self.operations) - 1
        if last > first:  # whoever calls it holds what enters it until all is done
            self.inner_frames.append(Frame(row.name, first, last, tuple(dict.fromkeys(inputs))))

    def _simple(self, row: LayerReport, inputs: list[int]) -> int:
        """A layer that is one operation of PyTorch, from what its kind declares."""
        layer, memory = row.layer, row.layer.training_memory()
        if row.kind == "fc" and not row.input_volumes[0].is_point:
            inputs = [self._view(row, inputs[0])]
        keeps = tuple(range(len(inputs))) if memory.keeps_input else ()
        parameters = self.owned[row.index]
        if self.autocast and row.kind in HALF_KINDS:
            keeps = (0, 1)
            if row.kind == "fc" and not self.learns[inputs[0]]:
                keeps = (0,)
            # the last argument is cast first: bias, weight, input
            casts = [self._cast(row, parameter) for parameter in reversed(parameters)][::-1]
            inputs = [self._in(row, inputs[0], self.item), *casts]
            parameters = ()
        elif self.autocast and row.kind in FULL_KINDS:
            inputs = [self._in(row, value, 4) for value in inputs]
        item = self.items[inputs[0]]
        made = []
        for product in layer.byproducts(row.input_volumes, row.output):
            if not (self.training or product.in_inference or (product.in_half_inference and self._norms_itself(row))):
                continue
            each = {"int64": self.profile.index_bytes, "float32": max(4, item)}.get(product.item)
            if each is None:
                each = self.profile.mask_bytes or item
                if row.kind == "dropout" and layer.may_work_in_place():
                    each = item
            count = product.count * (self.batch if product.per_image else 1)
            made.append(ByProduct(self.size(count, each), product.kept))
        placed = row.in_place
        if row.kind == "dropout":
            placed = not self.training or bool(layer.may_work_in_place())
        keeps_output = memory.keeps_output or (placed and row.kind in ("lrelu", "elu"))
        return self._operation(
            row,
            inputs,
            self.batch * row.output.elements,
            storage=ALIAS if placed else NEW,
            keeps=() if placed and row.kind in ("lrelu", "elu") else keeps,
            keeps_output=keeps_output,
            clones_input=memory.clones_input and placed,
            byproducts=tuple(made),
            gradients=({"new": NEW, "same": SAME, "view": VIEW}[memory.gradient],) * len(inputs),
            parameters=parameters,
            backward_scratch=(self.size(self.counts[inputs[0]], item),)
            * (memory.composed_volumes if self.profile.composes else 0),
        )

    def _norms_itself(self, row: LayerReport) -> bool:
        """Whether a BN is not that of cuDNN, and so makes its statistics at test time as well."""
        roles = {array.role for array in row.arrays}
        return self.dtype == "bfloat16" or not {"weight", "bias"} <= roles or self._is_flat(row.sources[0])

    def _is_flat(self, index: int) -> bool:
        """Whether PyTorch has a row's output as batch x depth."""
        row = self.report.layers[index]
        while row.kind not in FLAT_KINDS:
            if row.kind in PLANAR_KINDS or not row.output.is_point:
                return False
            if row.layer.is_merge:
                return all(self._is_flat(source) for source in row.sources)
            row = self.report.layers[row.sources[0]]
        return True

    def _in(self, row: LayerReport, value: int, item: int) -> int:
        """A value in the type that autocast wants: itself, or a copy."""
        if not self.autocast or self.items[value] == item:
            return value
        return self._operation(row, [value], item=item)

    def _cast(self, row: LayerReport, parameter: int) -> int:
        """A half copy of a parameter; its backward makes the gradient in full.

        That of a learned parameter lives until autocast ends, and serves all layers that share it.
        """
        cast = self.casts.get(parameter)
        if cast is None:
            owner = self.parameters[parameter]
            cast = self._operation(row, (), owner.elements, gradients=(), parameters=(parameter,))
            if owner.is_trainable:
                self.casts[parameter] = cast
        return cast

    def _view(self, row: LayerReport, value: int) -> int:
        """The same tensor in another shape."""
        return self._operation(row, [value], storage=ALIAS, gradients=(VIEW,))

    # what PyTorch builds from several operations

    def _padded(self, row: LayerReport, value: int, volume: tuple[int, int, int]) -> int:
        """A copy with zeros around it, or cropped."""
        return self._operation(row, [value], self.batch * volume[0] * volume[1] * volume[2])

    def _power(self, row: LayerReport, value: int) -> int:
        """x ** p, which autocast does in float32; backward is grad * (p * x**(p - 1))."""
        wide = self._in(row, value, 4)
        if wide != value:
            self.inner_frames.append(Frame(row.name, len(self.operations) - 1, len(self.operations), (value,)))
        size = self.values[wide].size
        return self._operation(row, [wide], keeps=(0,), backward_scratch=(size, size))

    def _broadcast(self, row: LayerReport, left: int, right: int, elements: int, *, times: bool, placed: bool) -> int:
        """left + right or left * right, one spread over the other or not.

        Gradients come about in the size of the result, one after the other; then each is summed to its own size.
        """
        inputs = [left, right]
        item = max(self.items[left], self.items[right])
        whole = self.size(elements, item)
        keeps: tuple[int, ...] = ()
        products: tuple[ByProduct, ...] = ()
        if times:
            needed = (self.learns[right], self.learns[left])
            if placed and needed[0]:
                products = (ByProduct(self.values[left].size, True),)
                needed = (False, needed[1])
            keeps = tuple([place for place in (0, 1) if needed[place]])
        own = [self.counts[value] == elements and self.items[value] == item for value in inputs]
        words = [NEW if times or not is_own else SAME for is_own in own]
        reduced = [place for place in (0, 1) if self.learns[inputs[place]] and not own[place]] if times else []
        # most lives when the first of them is summed: the others are still whole
        scratch = [whole] * len(reduced) + [-self.values[inputs[place]].size for place in reduced[1:]]
        return self._operation(
            row,
            inputs,
            elements,
            item=item,
            storage=ALIAS if placed else NEW,
            keeps=keeps,
            byproducts=products,
            gradients=tuple(words),
            backward_scratch=tuple(scratch),
        )

    def _elementwise(self, row: LayerReport, inputs: list[int]) -> int:
        """a + b + c, or a * b * c."""
        result = inputs[0]
        volume = row.input_volumes[0]
        for number, (value, other) in enumerate(zip(inputs[1:], row.input_volumes[1:], strict=True)):
            volume = Volume(*[max(a, b) for a, b in zip(volume, other, strict=True)])
            placed = row.in_place or bool(number and row.layer.may_work_in_place())
            result = self._broadcast(
                row, result, value, self.batch * volume.elements, times=row.kind == "mul", placed=placed
            )
        return result

    _add = _mul = _elementwise

    def _scaled(self, row: LayerReport, value: int) -> int:
        """x * scale, then + shift where there is one."""
        parameters = self.owned[row.index]
        item = max(self.items[value], self.parameter_item)
        whole = self.size(self.counts[value], item)
        learned = [self.parameters[parameter].is_trainable for parameter in parameters]
        scratch = [whole] if learned[0] else []
        if self.items[value] != item and self.learns[value]:  # its gradient, before it is made narrow
            scratch += [whole, -self.parameters[parameters[0]].size] if learned[0] else [whole]
        result = self._operation(
            row,
            [value],
            item=item,
            keeps=(0,) if learned[0] else (),
            parameters=parameters[:1],
            backward_scratch=tuple(scratch),
        )
        if len(parameters) > 1:
            result = self._operation(row, [result], gradients=(SAME,), parameters=parameters[1:])
        return result

    def _scale(self, row: LayerReport, inputs: list[int]) -> int:
        return self._scaled(row, inputs[0])

    def _subsample(self, row: LayerReport, inputs: list[int]) -> int:
        """An average pool, then one factor and one shift a channel."""
        first = len(self.operations)
        pooled = self._operation(row, inputs, self.batch * row.output.elements, keeps=(0,))
        result = self._scaled(row, pooled)
        self.inner_frames.append(Frame(row.name, first, len(self.operations) - 1, (pooled,)))
        return result

    def _prelu(self, row: LayerReport, inputs: list[int]) -> int:
        """Backward makes the gradient of the slopes in full size, then sums it."""
        parameters = self.owned[row.index]
        (x,) = inputs
        if self.autocast:
            slope = self._cast(row, parameters[0])
            x = self._in(row, x, self.item)
            return self._operation(row, [x, slope], keeps=(0, 1), backward_scratch=(self.values[x].size,))
        return self._operation(row, [x], keeps=(0,), parameters=parameters, backward_scratch=(self.values[x].size,))

    def _softmax(self, row: LayerReport, inputs: list[int]) -> int:
        x = inputs[0]
        if self.autocast and self.dtype == "bfloat16":
            x = self._in(row, x, 4)
        return self._operation(row, [x], item=4 if self.autocast else None, keeps_output=True)

    def _lppool(self, row: LayerReport, inputs: list[int]) -> int:
        """(sign(m) * relu(|m|) * window) ** (1/p), where m is the mean of x**p over the window."""
        layer: Any = row.layer
        (x,) = inputs
        (volume,) = row.input_volumes
        pads = layer.windows(volume).pads
        if any(pads):
            x = self._padded(row, x, _grown(volume, pads))
        start = len(self.operations)
        powers = self._power(row, x)
        mean = self._operation(row, [powers], self.batch * row.output.elements, keeps=(0,))
        first = len(self.operations)
        size = self.values[mean].size
        sign = self._operation(row, [mean])
        absolute = self._operation(row, [mean], keeps=(0,), backward_scratch=(size,))
        positive = self._operation(row, [absolute], keeps_output=True)
        signed = self._operation(row, [sign, positive], keeps=(0, 1))
        scaled = self._operation(row, [signed])
        result = self._power(row, scaled)
        last = len(self.operations) - 1
        self.inner_frames += [Frame(row.name, start, last, (x,)), Frame(row.name, first, last, (mean,))]
        return result

    def _windowed(self, row: LayerReport, inputs: list[int]) -> int:
        """A layer with windows, whose padding is a step of its own where it is not alike on both sides."""
        layer: Any = row.layer
        (volume,) = row.input_volumes
        if getattr(layer, "adaptive", None) is None:
            top, left, bottom, right = pads = layer.windows(volume).pads
            if (top, left) != (bottom, right):
                inputs = [self._padded(row, inputs[0], _grown(volume, pads))]
        return self._simple(row, inputs)

    _conv = _dwconv = _pool = _avgpool = _windowed

    def _deconv(self, row: LayerReport, inputs: list[int]) -> int:
        """Cropped in a step of its own where that is not alike on both sides."""
        layer: Any = row.layer
        top, left, bottom, right = pads = layer.pads()
        if (top, left) == (bottom, right):
            return self._simple(row, inputs)
        whole = self._simple(row._replace(output=Volume(*_grown(row.output, pads))), inputs)
        return self._padded(row, whole, row.output)

    def _shuffle(self, row: LayerReport, inputs: list[int]) -> int:
        """A copy, unless the order stays as it is."""
        layer: Any = row.layer
        if layer.groups in (1, row.output.depth):
            return self._view(row, inputs[0])
        return self._simple(row, inputs)

    def _rbf(self, row: LayerReport, inputs: list[int]) -> int:
        """The distances, then their squares."""
        x = self._in(row, inputs[0], 4)
        distance = self._operation(row, [x], self.batch * row.output.elements, keeps=(0,), keeps_output=True)
        return self._power(row, distance)

    def _instance(self, row: LayerReport, inputs: list[int]) -> int:
        """Instance normalization as batch normalization of batch x depth maps, scale and shift repeated as often."""
        parameters = self.owned[row.index]
        if not parameters:
            return self._simple(row, inputs)
        count = self.batch * row.output.depth
        repeated = [
            self._operation(row, (), count, item=self.parameter_item, gradients=(), parameters=(parameter,))
            for parameter in parameters
        ]
        product = ByProduct(self.size(count, max(4, self.items[inputs[0]])), True)
        layer: Any = row.layer
        keeps = (0, 1) if layer.scale else (0,)
        return self._operation(row, [*inputs, *repeated], keeps=keeps, byproducts=(product, product))

    def _lrn(self, row: LayerReport, inputs: list[int]) -> int:
        """input / (k + alpha * mean of squares) ** beta, as eight operations."""
        (x,) = inputs
        elements = row.output.elements * self.batch
        layer: Any = row.layer
        padded = elements // row.output.depth * (row.output.depth + layer.size - 1)
        square = self._operation(row, [x, x], keeps=(0, 1))
        square = self._view(row, square)
        wide = self._operation(row, [square], padded)
        mean = self._operation(row, [wide], elements, keeps=(0,))
        mean = self._view(row, mean)
        first = len(self.operations)
        scaled = self._operation(row, [mean])
        base = self._operation(row, [scaled], gradients=(SAME,))
        power = self._power(row, base)
        # the function's own variable still holds the mean while the next three are worked out from it
        self.inner_frames.append(Frame(row.name, first, len(self.operations) - 1, (mean,)))
        size = self.values[power].size
        scratch = [size, size]
        if self.items[x] != self.items[power] and self.learns[x]:  # its gradient, before it is made narrow
            scratch += [size, -self.values[x].size]
        return self._operation(row, [x, power], item=self.items[power], keeps=(0, 1), backward_scratch=tuple(scratch))

    def _target(self, row: LayerReport) -> int:
        """One int64 an image, or one a pixel."""
        return self._value(self.batch * row.output.height * row.output.width, 8, row.index, "inputs")

    def _loss(self, outputs: Sequence[LayerReport], targets: dict[tuple[int, int], int]) -> int:
        """Mean cross-entropy over each output; those of auxiliary heads are weighted and added."""
        total: int | None = None
        main = [row for row in outputs if not row.training_only]
        heads = [row for row in outputs if row.training_only]
        for row in main + heads:
            logits = self.place[row.index]
            if row.output.is_point and row.kind != "fc":
                logits = self._view(row, logits)
            likelihood = self._operation(row, [logits], name="loss", keeps_output=True)
            if self.autocast:
                likelihood = self._operation(row, [likelihood], item=4, name="loss")
            item = self.items[likelihood]
            each = self._operation(
                row,
                [likelihood, targets[row.output[:2]]],
                1,
                name="loss",
                keeps=(0, 1),
                byproducts=(ByProduct(self.size(1, item), True),),
                gradients=(NEW, NONE),
            )
            if row.training_only:
                each = self._operation(row, [each], name="loss")
            if total is None:
                total = each
            else:
                total = self._operation(row, [total, each], name="loss", gradients=(SAME, SAME))
        assert total is not None
        return total

    def _all_frames(self, rows: Sequence[LayerReport], spans: dict[int, tuple[int, int]]) -> tuple[Frame, ...]:
        frames: list[Frame] = []
        if self.profile.holds_frames:
            frames += [*self._frames(rows, spans), *self.inner_frames]
        if self.casts:
            last = len(self.operations) - 1
            frames.append(Frame("autocast", 0, last, tuple(self.casts.values())))
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
        ends: dict[str, int] = {"": max((last for _, last in spans.values()), default=0)}
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
            while depth < len(own) and all(len(path) > depth + 1 and path[depth] == own[depth] for path in paths):
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


def _grown(volume: Volume, sides: tuple[int, int, int, int]) -> tuple[int, int, int]:
    """A volume with rows and columns added at the top, left, bottom and right."""
    top, left, bottom, right = sides
    return (volume.height + top + bottom, volume.width + left + right, volume.depth)


def lower(
    report: Report, profile: Profile, *, batch: int, dtype: str, training: bool, autocast: str | None = None
) -> Tape:
    """The tape of a net; with ``autocast`` activations are of that half type, parameters of ``dtype``."""
    lowering: type[Lowering] = Lowering
    if profile.is_own and autocast is None:
        from cnncalc.memory.numpy_lowering import OwnLowering  # which is built on what stands above

        lowering = OwnLowering
    return lowering(report, profile, batch=batch, dtype=dtype, training=training, autocast=autocast).tape()
