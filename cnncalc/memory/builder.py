"""Builds the tape of a report: what is the same for all frameworks. Subclasses lower each layer to operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.layers.layout import contiguous
from cnncalc.layers.memory import MASK, Extra, Size
from cnncalc.memory.frames import block_frames
from cnncalc.memory.tape import NEW, NONE, SAME, VIEW, Frame, Operation, ParameterTensor, Tape, Tensor, spans_of
from cnncalc.units import bytes_per_element

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.base import Parameter
    from cnncalc.layers.layout import Layout
    from cnncalc.memory.profiles import Profile

ONE = Size(1)
MANY = 2
"""Stands for every number of images above one in the layouts of tensors."""


class TapeBuilder:
    """Builds the tape of one net for a data type and a profile, for training or for inference.

    ``autocast`` is the data type of the operations where parameters stay in ``dtype`` (None: no mixed precision).
    ``images`` is 1 or :data:`MANY`: the batch in the layouts of tensors.
    """

    def __init__(
        self,
        report: Report,
        profile: Profile,
        *,
        dtype: str,
        training: bool,
        autocast: str | None = None,
        images: int = MANY,
    ) -> None:
        self.report = report
        self.profile = profile
        self.images = images
        self.is_for_several = False  # whether some operations differ for a single image
        self.dtype = autocast or dtype
        self.training = training
        self.autocast = autocast
        self.parameter_item = bytes_per_element(dtype)
        self.item = bytes_per_element(self.dtype)
        self.rows = [row for row in report.layers if training or not row.training_only]
        self.values: list[Tensor] = []
        self.elements: list[Size] = []  # of each value
        self.items: list[int] = []  # bytes of one of them
        self.layouts: list[Layout | None] = []  # of each value; None where no operation depends on it
        self.operations: list[Operation] = []
        self.parameters: list[ParameterTensor] = []
        self.buffers: list[int] = []
        self.place: dict[int, int] = {}  # the output value of each row
        self.unpooled = {row.sources[1] for row in self.rows if row.layer.takes_places}
        self.places: dict[int, int] = {}  # the value of the indices of each max pool that an UNPOOL reads
        self.owned: dict[int, tuple[int, ...]] = {}  # the parameters of each row
        self.transposed: dict[int, tuple[int, ...]] = {}  # those of them that the row uses transposed
        self.tensors: dict[tuple[int, str], int] = {}  # parameters by their owner and name
        self.held: list[Frame] = []  # values that local variables keep alive
        # equal layers do the same to all values of one class
        self.classes: dict[tuple[Any, ...], int] = {}  # the number of each, by what its values have in common
        self.class_by_value: dict[int, int] = {}
        self.repeatable: dict[tuple[Any, ...], int] = {}  # the operation of the first of equal layers, by their key
        # of the layer that is being lowered
        self.row = report.layers[0]
        self.volumes = self.row.input_volumes
        self.output = self.row.output
        self.in_place = False
        self.own_parameters: tuple[int, ...] = ()

    def build(self) -> Tape:
        """The whole tape."""
        layers = self.report.layers
        read = {source for row in self.rows for source in row.sources}
        for row in layers:
            self._own(row)
        sources = []
        outputs: list[LayerReport] = []
        spans: dict[int, tuple[int, int]] = {}
        for row in self.rows:
            is_output = row.index not in read
            if not row.sources:
                layout = contiguous((self.images, row.output.depth, *row.output.sides))
                elements = Size(0, row.output.elements)
                self.place[row.index] = self._value(elements, self.parameter_item, row.index, layout=layout)
                sources.append(self.place[row.index])
            elif is_output and self.training and row.layer.gives_probabilities:
                self.place[row.index] = self.place[row.sources[0]]
                row = layers[row.sources[0]]
            else:
                first = len(self.operations)
                self._layer(row)
                spans[row.index] = (first, len(self.operations) - 1)
            if is_output:
                outputs.append(row)
        loss, unreached = None, frozenset[int]()
        if self.training:
            targets = self._targets(outputs)
            sources += targets.values()
            loss = self._loss(outputs, targets)
            self._finish()
            unreached = self._unreached(loss)
        used = {
            place
            for number, operation in enumerate(self.operations)
            if number not in unreached
            for place in operation.parameters
        }
        return Tape(
            tuple(self.values),
            tuple(self.operations),
            tuple(
                [
                    each._replace(has_gradient=each.is_trainable and place in used)
                    for place, each in enumerate(self.parameters)
                ]
            ),
            tuple(self.buffers),
            tuple(sources),
            tuple([self.place[row.index] for row in outputs]),
            self._frames(spans),
            loss,
            spans_of(self.operations),
            self.is_for_several,
            unreached,
        )

    def _unreached(self, loss: int) -> frozenset[int]:
        """The operations whose outputs require a gradient and get none."""
        reached, found = {loss}, []
        for number in range(self.last, -1, -1):
            operation = self.operations[number]
            if operation.output in reached:
                pairs = zip(operation.inputs, operation.gradients, strict=False)
                reached.update([value for value, how in pairs if how != NONE])
            elif self.learns(operation.output):
                found.append(number)
        return frozenset(found)

    def _own(self, row: LayerReport) -> None:
        """Registers the parameters and buffers of a row; a shared parameter is registered once, for its owner."""
        if not row.arrays:
            self.owned[row.index] = self.transposed[row.index] = ()
            return
        for array in row.own_arrays:
            if array.role == "buffer":
                self.buffers.append(array.count.value * self.parameter_item)
        for array in row.layer.order_in_torch(row.own_arrays):
            if array.role != "buffer":
                self._tensor(row, array)
        places, transposed = [], []
        for array in row.arrays:
            if array.role != "buffer":
                owner, is_transposed = self.report.graph.owner(row.index, array.name)
                places.append(self._tensor(self.report.layers[owner], array))
                transposed += places[-1:] * is_transposed
        self.owned[row.index], self.transposed[row.index] = tuple(places), tuple(transposed)

    def _tensor(self, owner: LayerReport, array: Parameter) -> int:
        """The index of a parameter in ``parameters``; adds it at the first call."""
        place = self.tensors.get((owner.index, array.name))
        if place is None:
            place = self.tensors[owner.index, array.name] = len(self.parameters)
            elements = array.count.value
            is_trainable = self._is_trainable(owner)
            self.parameters.append(ParameterTensor(elements * self.parameter_item, owner.index, is_trainable, elements))
        return place

    def _is_trainable(self, owner: LayerReport) -> bool:
        """Whether the parameters of a row require a gradient."""
        return owner.is_trainable

    def _layer(self, row: LayerReport) -> None:
        """Lowers one layer; if that takes several operations, a frame holds its inputs."""
        self.row = row
        self.volumes = row.input_volumes
        self.output = row.output
        self.in_place = row.in_place_in_training if self.training else row.in_place
        self.own_parameters = self.owned[row.index]
        inputs = [self.place[source] if source >= 0 else self.places[~source] for source in row.reads]
        first = len(self.operations)
        key = self._key(inputs)
        known = self.repeatable.get(key) if key else None
        if known is not None:
            self.place[row.index] = self._repeat(known, inputs)
            return
        held = len(self.held)
        result = self.place[row.index] = self._lower(inputs)
        if key and (self.last, len(self.held)) == (first, held) and self._is_repeatable(first, inputs, result):
            self.repeatable[key] = first
        if row.layer.reads_second_sizes and len(inputs) > 1 and self.profile.holds_frames:
            self._add_argument(inputs[1])
        if self.last > first:
            self.held.append(Frame(self.last, tuple(dict.fromkeys(inputs))))

    def _key(self, inputs: Sequence[int]) -> tuple[Any, ...] | None:
        """What the operations of the current layer depend on; None if also on more than the layer and its inputs."""
        row = self.row
        if row.shared_with is not None or row.index in self.unpooled or row.layer.reads_second_sizes:
            return None
        learned = [self.parameters[place].is_trainable for place in self.own_parameters]
        return (id(row.layer), row.input_volumes, self.in_place, *learned, *map(self._class_of, inputs))

    def _class_of(self, value: int) -> int:
        """The number of the class of a value."""
        number = self.class_by_value.get(value)
        if number is None:
            common = (self.elements[value], self.items[value], self.layouts[value], self.learns(value))
            number = self.class_by_value[value] = self.classes.setdefault(common, len(self.classes))
        return number

    def _is_repeatable(self, number: int, inputs: Sequence[int], result: int) -> bool:
        """Whether an operation, the only one of the current layer, is the same for equal layers."""
        found = self.operations[number]
        is_whole = found.inputs == tuple(inputs) and found.parameters == self.own_parameters and found.output == result
        return is_whole and found.name == self.row.name and len(set(inputs)) == len(inputs)

    def _repeat(self, number: int, inputs: Sequence[int]) -> int:
        """Records an operation again, for the current layer, which is equal; returns its output."""
        row, own, known = self.row, self.own_parameters, self.operations[number]
        size, _, learns, storage = self.values[known.output]
        output = len(self.values)
        self.values.append(Tensor(size, row.index, learns, storage))
        self.elements.append(self.elements[known.output])
        self.items.append(self.items[known.output])
        self.layouts.append(self.layouts[known.output])
        self.class_by_value[output] = self._class_of(known.output)
        changes: dict[str, Any] = {"name": row.name, "layer": row.index, "inputs": tuple(inputs), "output": output}
        if own:
            mine = dict(zip(known.parameters, own, strict=True))
            changes["parameters"] = own
            changes["copied"] = tuple([mine[one] for one in known.copied])
            changes["summed_parameters"] = tuple([mine[one] for one in known.summed_parameters])
        self.operations.append(known._replace(**changes))
        return output

    def _add_argument(self, value: int) -> None:
        """Adds a value that gives only sizes to the inputs of the last operation, which makes no gradient of it."""
        operation = self.operations[-1]
        inputs, gradients = (*operation.inputs, value), (*operation.gradients, NONE)
        self.operations[-1] = operation._replace(inputs=inputs, gradients=gradients)

    def _lower(self, inputs: list[int]) -> int:
        """Records the operations of the current layer; returns the value that is its output."""
        raise NotImplementedError

    # operations

    @property
    def last(self) -> int:
        """The number of the last operation recorded so far."""
        return len(self.operations) - 1

    def learns(self, value: int) -> bool:
        """Whether a value requires a gradient."""
        return self.values[value].learns

    def item_of(self, value: int) -> int:
        """Bytes of an element of a value."""
        return self.items[value]

    def bytes_of(self, value: int) -> Size:
        """The size of a value in bytes."""
        return self.values[value].size

    def _value(
        self,
        elements: Size,
        item: int,
        layer: int,
        *,
        learns: bool = False,
        layout: Layout | None = None,
        storage: Size | None = None,
    ) -> int:
        memory = storage and storage.times(item)
        self.values.append(Tensor(elements.times(item), layer, learns, memory))
        self.elements.append(elements)
        self.items.append(item)
        self.layouts.append(layout)
        return len(self.values) - 1

    def operation(
        self,
        inputs: Sequence[int],
        elements: Size | None = None,
        *,
        item: int | None = None,
        layout: Layout | None = None,
        storage: Size | None = None,
        name: str | None = None,
        extras: tuple[Extra, ...] = (),
        gradients: tuple[str, ...] | None = None,
        parameters: tuple[int, ...] = (),
        **options: Any,
    ) -> int:
        """Records an operation and returns the index of its output; ``options`` are fields of :class:`Operation`.

        The output has as many elements as the first input unless ``elements`` is given, of as many bytes each unless
        ``item`` is given, in memory for ``storage`` elements if that is given. Gradients of all inputs are new tensors
        unless ``gradients`` is given.
        """
        if elements is None:
            elements = self.elements[inputs[0]]
        input_item = self.items[inputs[0]] if inputs else self.item
        how = (NEW,) * len(inputs) if gradients is None else gradients
        learns = self.training and (
            any(self.values[value].learns for value, word in zip(inputs, how, strict=False) if word != NONE)
            or any(self.parameters[parameter].is_trainable for parameter in parameters)
        )
        output = self._value(
            elements,
            input_item if item is None else item,
            self.row.index,
            learns=learns,
            layout=layout,
            storage=storage,
        )
        self.operations.append(
            Operation(
                name or self.row.name,
                self.row.index,
                tuple(inputs),
                output,
                extras=tuple([extra.elements.times(self._width(extra, input_item)) for extra in extras]),
                gradients=how,
                parameters=parameters,
                **options,
            )
        )
        return output

    def view(self, value: int, *, name: str | None = None) -> int:
        """The same tensor in another shape."""
        return self.operation([value], name=name, is_alias=True, gradients=(VIEW,))

    def hold(self, value: int) -> None:
        """Keeps a value alive until the last operation recorded so far has run, as a variable of the caller does."""
        self.held.append(Frame(self.last, (value,)))

    def _width(self, extra: Extra, item: int) -> int:
        """Bytes of an element of ``extra``, which an operation saves, for an input with elements of ``item`` bytes."""
        if extra.item == MASK:
            return self.profile.mask_bytes or item
        return extra.item if isinstance(extra.item, int) else item

    # loss

    def _finish(self) -> None:
        """Called once all operations of a training step are recorded; subclasses may change them."""

    def _targets(self, outputs: Sequence[LayerReport]) -> dict[tuple[int, ...], int]:
        """The targets by the sides of an output: one int64 for each image or position."""
        targets: dict[tuple[int, ...], int] = {}
        for row in outputs:
            if row.output.sides not in targets:
                targets[row.output.sides] = self._value(Size(0, row.output.positions), 8, row.index)
        return targets

    def _loss(self, outputs: Sequence[LayerReport], targets: dict[tuple[int, ...], int]) -> int:
        """Mean cross-entropy over each output; those of auxiliary heads are weighted and added."""
        total: int | None = None
        for row in sorted(outputs, key=lambda row: row.training_only):
            self.row = row
            logits = self.place[row.index]
            is_dense = row.layer.counts_macs and row.layer.is_flat  # its output is batch x depth already
            if row.output.is_point and not is_dense:
                logits = self.view(logits, name="loss")
            likelihood = self._likelihood(logits)
            each = self.operation(
                [likelihood, targets[row.output.sides]],
                ONE,
                name="loss",
                keeps=(0, 1),
                extras=self._loss_extras(),
                gradients=(NEW, NONE),
            )
            if row.training_only:
                each = self.operation([each], name="loss", numbers=8 if self.profile.is_cpu else 0)
            if total is None:
                total = each
            else:
                total = self.operation([total, each], name="loss", gradients=(SAME, SAME))
        assert total is not None
        return total

    def _likelihood(self, logits: int) -> int:
        """The logarithm of the softmax."""
        return self.operation([logits], name="loss", keeps_output=True)

    def _loss_extras(self) -> tuple[Extra, ...]:
        """What the mean of the loss saves in addition to its inputs."""
        return ()

    def _frames(self, spans: dict[int, tuple[int, int]]) -> tuple[Frame, ...]:
        """The values that calls of blocks and layers keep alive, if callers hold their arguments in this profile."""
        if not self.profile.holds_frames:
            return ()
        places = {~row: value for row, value in self.places.items()}
        containers = self.report.graph.containers
        return (*block_frames(self.rows, spans, {**self.place, **places}, containers), *self.held)
