"""The reference-counting machine: runs a tape forward and backward and finds the peak of live bytes."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from math import inf
from typing import TYPE_CHECKING

from cnncalc.memory.checkpoints import Checkpoints
from cnncalc.memory.tape import NEW, NONE, VIEW
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.memory.tape import Operation, Sizes, Tape


class Level(NamedTuple):
    """Live bytes at one time by category, without resident bytes (parameters, buffers, inputs).

    ``layer`` is the running row (-1: none), ``phase`` is ``forward``, ``backward`` or ``recompute``.
    """

    activations: int
    gradients: int
    transient: int
    layer: int = -1
    phase: str = ""

    @property
    def total(self) -> int:
        """The live bytes of all categories."""
        return self.activations + self.gradients + self.transient


class Event(NamedTuple):
    """Live bytes while one operation runs, without resident bytes; one entry of the log.

    ``total`` is the sum of ``activations``, ``gradients`` and ``transient``; ``layer`` is the running row.
    """

    name: str
    phase: str
    total: int
    activations: int
    gradients: int
    layer: int

    @property
    def transient(self) -> int:
        """Gradients of activations and temporaries."""
        return self.total - self.activations - self.gradients


class Trace(NamedTuple):
    """The result of a replay, in bytes. ``saved`` is what is kept for backward, images and targets included."""

    peak: Level
    after_forward: Level
    after_backward: Level
    saved: int
    events: tuple[Event, ...]


class LoopOptions(NamedTuple):
    """Options of the training loop.

    ``gradients_before``: the gradients of the previous step are alive in forward. ``gradients_stay``: gradients are
    always alive; each new one is added to them and freed. ``segments``: checkpointed ranges of operations, as (first,
    last).
    """

    gradients_before: bool = False
    gradients_stay: bool = False
    segments: tuple[tuple[int, int], ...] = ()


PLAIN = LoopOptions()


class TooHigh(Exception):
    """The live bytes exceed the limit of a machine."""


class Watched(Exception):
    """The event that a machine watches has happened."""


class Machine:
    """Runs one tape and counts live bytes of activations, parameter gradients and transient tensors.

    ``sizes``: those of the tape for one batch. ``adds_in_place``: a second gradient of a value is added into the first
    where nothing else holds it; with ``adds_to_views`` also where that is a view of all elements. ``logs``: keep every
    event. ``watch``: the number of the event at which ``held_by_layer`` is filled and Watched raised. ``limit``: where
    the live bytes exceed it, TooHigh is raised.
    """

    def __init__(
        self,
        tape: Tape,
        sizes: Sizes,
        *,
        adds_in_place: bool,
        adds_to_views: bool = False,
        loop: LoopOptions = PLAIN,
        logs: bool = False,
        watch: int | None = None,
        limit: float = inf,
    ) -> None:
        self.tape = tape
        self.limit = limit
        self.given = sizes
        self.adds_in_place = adds_in_place
        self.adds_to_views = adds_to_views
        self.gradients_stay = loop.gradients_stay
        self.logs = logs or watch is not None
        self.watch = watch
        self.held_by_layer: dict[int, int] = {}
        self.events: list[Event] = []
        self.activations = self.gradients = self.transient = 0
        self.peak = -1
        self.at = Level(0, 0, 0)
        # of each parameter: how many of its operations backward has not reached yet
        reached = [each for number, each in enumerate(tape.operations) if number not in tape.unreached]
        self.parameter_uses = Counter([place for operation in reached for place in operation.parameters])
        self.borrowed_bytes = self._borrowed_bytes()
        self.borrowed: dict[int, int] = {}  # of a parameter with several uses: the gradient of its first use
        self.unordered: set[int] = set()  # those of them for which it has another memory order
        if loop.gradients_before or loop.gradients_stay:
            learned = [place for place, parameter in enumerate(tape.parameters) if parameter.has_gradient]
            self._change_gradients(sum([self.borrowed_bytes.get(place, sizes.parameters[place]) for place in learned]))
        count = len(tape.values)
        self.sizes = list(sizes.storages)  # the bytes of each
        for source in tape.sources:
            self.sizes[source] = 0  # counted separately
        for operation in tape.operations:
            if operation.is_alias:
                self.sizes[operation.output] = 0  # it has the memory of its input, or of a parameter
        self.storage = list(range(count))  # of a value
        self.holders = [0] * count  # of a storage
        self.uses = [0] * count  # of a value: operations that will still read it
        self.learns = [value.learns for value in tape.values]
        operations = len(tape.operations)
        self.saved: list[tuple[int, ...]] = [()] * operations  # storages that backward of an operation needs
        self.kept = [0] * operations  # bytes of extras and clones that backward needs
        self.numbers = [0] * operations  # bytes of numbers that backward needs
        self.numbers_again = 0  # bytes of numbers made in a recomputed segment, freed when it ends
        # checkpointed segments
        self.checkpoints = Checkpoints(tape, loop.segments)
        self.not_recomputed = set(range(len(loop.segments)))
        self.segment_inputs: list[tuple[int, ...]] = [()] * len(loop.segments)  # values
        self.saving = {number for numbers in self.checkpoints.saving for number in numbers}
        # of a segment: what holds its inputs, its call and its operations that keep something
        self.segment_holders = [1 + len(numbers) for numbers in self.checkpoints.saving]
        self.is_recomputing = False
        self.remade: dict[int, int] = {}  # the row of each storage that is made again
        # what backward does not reach is freed with the values that it made
        self.unreached = {tape.operations[number].output: number for number in tape.unreached}  # by value
        self.graph_holders = dict.fromkeys(tape.unreached, 0)  # of an operation
        # gradients of values, which may share a storage
        self.pending: dict[int, int] = {}
        self.gradient_sizes: list[int] = []
        self.gradient_holders: list[int] = []
        self.gradient_whole: list[bool] = []  # whether no gradient is a view of it
        self.has_gradient: set[int] = set()  # parameters
        self.has_view: set[int] = set()  # those of them whose gradient is a view

    # accounting

    def _change_activations(self, change: int) -> None:
        self.activations += change

    def _change_gradients(self, change: int) -> None:
        self.gradients += change

    def _change_transient(self, change: int) -> None:
        self.transient += change

    def _note(self, extra: int, operation: Operation, phase: str) -> None:
        """Records the live bytes plus ``extra`` temporary ones; called after outputs exist, before inputs are freed."""
        total = self.activations + self.gradients + self.transient + extra
        if total > self.peak:
            self.peak = total
            self.at = Level(self.activations, self.gradients, self.transient + extra, operation.layer, phase)
            if total > self.limit:
                raise TooHigh
        if self.logs:
            self.events.append(Event(operation.name, phase, total, self.activations, self.gradients, operation.layer))
            if len(self.events) - 1 == self.watch:
                self.held_by_layer = self._held_by_layer(extra, operation.layer)
                raise Watched

    def _held_by_layer(self, extra: int, layer: int) -> dict[int, int]:
        """Live bytes of activations and transients by row."""
        found: dict[int, int] = {}
        values = self.tape.values
        for storage, count in enumerate(self.holders):
            if count and self.sizes[storage]:
                owner = values[storage].layer if storage < len(values) else self.remade[storage]
                found[owner] = found.get(owner, 0) + self.sizes[storage]
        for operation, kept in zip(self.tape.operations, self.kept, strict=True):
            if kept:
                found[operation.layer] = found.get(operation.layer, 0) + kept
        rest = self.activations + self.transient + extra - sum(found.values())
        found[layer] = found.get(layer, 0) + rest
        return found

    def _drop(self, storage: int) -> None:
        self.holders[storage] -= 1
        if not self.holders[storage]:
            self._change_activations(-self.sizes[storage])

    def _used(self, value: int) -> None:
        self.uses[value] -= 1
        if not self.uses[value]:
            self._discard(value)

    def _discard(self, value: int) -> None:
        """Frees a value that nothing in the program refers to."""
        self._drop(self.storage[value])
        if value in self.unreached:
            self._leave_graph(value)

    def _leave_graph(self, value: int) -> None:
        """Ends one reference to a value; the last one ends what the unreached operations before it have saved."""
        left = [value]
        while left:
            number = self.unreached.get(left.pop())
            if number is None:
                continue
            self.graph_holders[number] -= 1
            if not self.graph_holders[number]:
                if self.is_recomputing:  # the segment is held by what the first run has saved
                    self._drop_saved(number)
                else:
                    self._free_saved(number)
                left += self._requiring(self.tape.operations[number])

    def _requiring(self, operation: Operation) -> list[int]:
        """The inputs for which an operation would make a gradient."""
        pairs = zip(operation.inputs, operation.gradients, strict=False)
        return [value for value, how in pairs if how != NONE and self.learns[value]]

    def _level(self, phase: str) -> Level:
        return Level(self.activations, self.gradients, self.transient, -1, phase)

    def run(self, *, training: bool) -> Trace:
        """Runs forward and, in training, backward."""
        ends = self._count_uses()
        self._forward(ends)
        after_forward = self._level("forward")
        if not training:
            return Trace(self.at, after_forward, after_forward, 0, tuple(self.events))
        saved = self._saved_bytes()
        if not self.gradients_stay:
            self._free_gradients()
        self._backward()
        return Trace(self.at, after_forward, self._level("backward"), saved, tuple(self.events))

    def _saved_bytes(self) -> int:
        """The bytes that are kept for backward at the end of forward, images and targets included."""
        return sum(self._saved_storages()) + sum(self.kept)

    def _saved_storages(self) -> list[int]:
        """The bytes of each storage that is kept for backward."""
        storages = {storage for saved in self.saved for storage in saved}
        storages.update(self.storage[value] for inputs in self.segment_inputs for value in inputs)
        of_parameters = {operation.output for operation in self.tape.operations if operation.is_alias}
        return [self.given.storages[storage] for storage in storages - of_parameters]

    def _free_gradients(self) -> None:
        """Frees the gradients of the previous step."""
        self._change_gradients(-self.gradients)

    # forward

    def _count_uses(self) -> dict[int, list[int]]:
        """Counts the uses of every value; returns the values that frames hold, by the operation at which they end."""
        tape, uses = self.tape, self.uses
        for source in tape.sources:
            uses[source] += 1  # held by the caller; never released
            self.holders[source] = 1
        for operation in tape.operations:
            for value in operation.inputs:
                uses[value] += 1
        for result in tape.results:
            uses[result] += 1
        if tape.loss is not None:
            uses[tape.loss] += 1
        ends: dict[int, list[int]] = {}
        for frame in tape.frames:
            for value in frame.held:
                uses[value] += 1
            ends.setdefault(frame.last, []).extend(frame.held)
        return ends

    def _forward(self, ends: dict[int, list[int]]) -> None:
        """Forward in program order; a segment holds its inputs to its end, or to backward if it keeps something."""
        checkpoints = self.checkpoints
        for number, operation in enumerate(self.tape.operations):
            segment = checkpoints.segment_of.get(number)
            if segment is not None and number == checkpoints.segments[segment][0]:
                self.segment_inputs[segment] = checkpoints.entering[segment]
                for value in checkpoints.entering[segment]:
                    self.holders[self.storage[value]] += 1
                    if value in self.unreached:
                        self.graph_holders[self.unreached[value]] += 1
            self._run(number, operation, "forward", saves=segment is None)
            if segment is not None and number == checkpoints.segments[segment][1]:
                self._leave_segment(segment)
            for value in operation.inputs:
                self._used(value)
            if number in ends:
                for value in ends[number]:
                    self._used(value)
        for result in self.tape.results:  # the caller holds this tensor, not one that is computed again
            self.holders[self.storage[result]] += 1
            self._used(result)

    def _run(self, number: int, operation: Operation, phase: str, *, saves: bool) -> None:
        """Runs one operation: its output, its extras, and what is kept of them."""
        output = operation.output
        learns = self.learns[output]
        if operation.is_alias:
            storage = self.storage[operation.inputs[0] if operation.inputs else output]
            self.storage[output] = storage
            self.holders[storage] += 1
        else:
            storage = self.storage[output]
            self.holders[storage] = 1
            self._change_activations(self.sizes[storage])
        extras = self.given.extras[number]
        kept = extras if learns else 0
        if operation.clones_input and learns:
            kept += self.given.values[operation.inputs[0]]
        if kept:
            self._change_activations(kept)
        numbers = self.given.numbers[number]
        if learns and numbers:
            if phase == "forward":
                self.numbers[number] = numbers
            else:
                self.numbers_again += numbers
            self._change_activations(numbers)
            numbers = 0
        self._note(numbers + (0 if learns else extras), operation, phase)
        if learns and saves:
            self._save(number, operation, storage)
        elif kept:
            self._change_activations(-kept)
            kept = 0
        self.kept[number] = kept
        if output in self.unreached:
            for value in (output, *self._requiring(operation)):
                if value in self.unreached:
                    self.graph_holders[self.unreached[value]] += 1
        if not self.uses[output]:
            self._discard(output)

    def _save(self, number: int, operation: Operation, output: int) -> None:
        """Holds the storages that backward needs; ``output`` is the storage of the output."""
        saved = [] if operation.clones_input else [self.storage[operation.inputs[place]] for place in operation.keeps]
        if operation.keeps_output:
            saved.append(output)
        for storage in saved:
            self.holders[storage] += 1
        self.saved[number] = tuple(saved)

    def _recompute(self, segment: int) -> None:
        """Runs the forward of a segment again, up to its last operation that keeps something."""
        operations, entering = self.tape.operations, set(self.checkpoints.entering[segment])
        first, last, runs_last, casts, used = self.checkpoints.recomputation(segment)
        self.is_recomputing = True
        for value in chain(*used):
            self.uses[value] += 1
        for number in range(first, last + 1):
            for cast in casts.get(number, ()):
                self._run_again(cast, operations[cast])
            if number < last or runs_last:
                self._run_again(number, operations[number])
            elif operations[number].output not in self.unreached:
                self._save(number, operations[number], -1)
            for value in used[number - first]:
                self.uses[value] -= 1
                if not self.uses[value] and value not in entering:
                    self._discard(value)
        self.is_recomputing = False
        self._change_activations(-self.numbers_again)
        self.numbers_again = 0

    def _run_again(self, number: int, operation: Operation) -> None:
        """Runs one operation of a segment again; its output gets a new storage."""
        if not operation.is_alias:
            self.remade[len(self.sizes)] = operation.layer
            self.storage[operation.output] = len(self.sizes)
            self.sizes.append(self.given.storages[operation.output])
            self.holders.append(0)
        self._run(number, operation, "recompute", saves=True)

    # backward

    def _backward(self) -> None:
        """Backward in reverse order."""
        loss = self.tape.loss
        if loss is not None:
            self.pending[loss] = self._new_gradient(self.given.values[loss])
            self.gradient_holders[0] += 1  # held by the caller
        for number, operation in reversed([*enumerate(self.tape.operations)]):
            if operation.output in self.unreached:
                continue
            incoming = self.pending.pop(operation.output, None)
            if incoming is None:
                self._free_saved(number)
                continue
            segment = self.checkpoints.segment_of.get(number)
            if segment in self.not_recomputed and operation.needs_saved:
                self.not_recomputed.discard(segment)
                self._change_transient(self.given.made_before[number])
                self._recompute(segment)
                self._change_transient(-self.given.made_before[number])
            self._run_back(number, operation, incoming)
        if loss is not None:
            self._release_gradient(0)

    def _run_back(self, number: int, operation: Operation, incoming: int) -> None:
        """Backward of one operation: makes its gradients, then frees the incoming one and what was kept.

        In a segment only the backward function holds the recomputed values, so they are freed before gradients are
        summed.
        """
        places = range(len(operation.inputs))
        learned = [place for place in operation.parameters if self.tape.parameters[place].is_trainable]
        borrows = operation.borrows if learned else None
        if borrows:
            self.gradient_holders[incoming] += 1
            learned = []
        is_handed_over = operation.is_product and not places  # from a view of a parameter to the parameter
        if number in self.checkpoints.segment_of and (operation.summed_inputs or operation.summed_parameters):
            late = operation.summed_inputs
            outgoing = self._input_gradients(operation, incoming, [place for place in places if place not in late])
            self._make_parameter_gradients([one for one in learned if one not in operation.summed_parameters])
            self._note(self.given.before_sums[number], operation, "backward")
            self._drop_saved(number)
            outgoing += self._input_gradients(operation, incoming, late)
            self._make_parameter_gradients([one for one in learned if one in operation.summed_parameters])
        else:
            outgoing = self._input_gradients(operation, incoming, places)
            if is_handed_over:
                self._release_gradient(incoming)
            self._make_parameter_gradients(learned)
        self._note(self.given.backward_scratch[number], operation, "backward")
        if not is_handed_over:
            self._release_gradient(incoming)
        self._free_saved(number)
        self._pass_on(outgoing, operation)
        # as for inputs, the gradient of the matrix is added last
        for parameter in sorted(learned, key=lambda one: one not in operation.summed_parameters):
            self._accumulate(parameter, operation)
        if borrows:
            self._accumulate_borrowed(operation.parameters[0], operation, incoming, is_ordered=borrows.is_ordered)

    def _pass_on(self, outgoing: list[tuple[int, int, bool]], operation: Operation) -> None:
        """Adds the gradients of inputs to those that other operations have made for the same values."""
        if operation.is_product:  # the gradient of the matrix is transposed before it is added, after all others
            outgoing.sort(key=lambda one: not one[2])
        for value, gradient, is_whole in outgoing:
            before = self.pending.get(value)
            if before is None:
                self.pending[value] = gradient
                self.gradient_whole[gradient] = self.gradient_whole[gradient] and is_whole
                continue
            if not (self.adds_in_place and self.gradient_holders[before] == 1 and self.gradient_whole[before]):
                self.pending[value] = self._new_gradient(self.given.values[value])
                self._note(0, operation, "backward")
                self._release_gradient(before)
            self._release_gradient(gradient)

    def _new_gradient(self, size: int) -> int:
        """A new storage for the gradient of a value, with one holder."""
        self.gradient_sizes.append(size)
        self.gradient_holders.append(1)
        self.gradient_whole.append(True)
        self._change_transient(size)
        return len(self.gradient_sizes) - 1

    def _release_gradient(self, gradient: int) -> None:
        self.gradient_holders[gradient] -= 1
        if not self.gradient_holders[gradient]:
            self._change_transient(-self.gradient_sizes[gradient])

    def _borrowed_bytes(self) -> dict[int, int]:
        """By parameter: the bytes of its gradient, if that stays in the memory of the gradient of an output."""
        tape = self.tape
        outputs = {
            each.parameters[0]: each.output
            for number, each in enumerate(tape.operations)
            if each.borrows and each.borrows.stays and number not in tape.unreached
        }
        return {
            place: self.given.values[output]
            for place, output in outputs.items()
            if tape.parameters[place].is_trainable and self.parameter_uses[place] == 1
        }

    def _keep_as_gradient(self, parameter: int, gradient: int) -> None:
        """Moves the bytes of the gradient of a value to the gradients of parameters, which stay after backward."""
        size = self.gradient_sizes[gradient]
        self._change_transient(-size)
        self._change_gradients(size)

    def _input_gradients(
        self, operation: Operation, incoming: int, places: Sequence[int]
    ) -> list[tuple[int, int, bool]]:
        """For each of these inputs that needs a gradient: value, storage of the gradient, whether it is not a view.

        Autograd never adds to a view in place, even to a view of all elements: the viewed tensor holds its memory too.
        """
        outgoing = []
        for place in places:
            value, how = operation.inputs[place], operation.gradients[place]
            if how == NONE or not self.learns[value]:
                continue
            if how == NEW:
                is_whole = not (operation.is_product and place == 1)
                outgoing.append((value, self._new_gradient(self.given.values[value]), is_whole))
            else:
                self.gradient_holders[incoming] += 1
                values = self.tape.values
                is_all = self.adds_to_views and values[value].size == values[operation.output].size
                outgoing.append((value, incoming, how != VIEW or is_all))
        return outgoing

    def _accumulate(self, parameter: int, operation: Operation) -> None:
        """Adds a gradient that an operation has made to those of other operations with the same parameter.

        After the last of them the sum becomes the gradient of the parameter. It is copied if its memory has another
        order, or added to the gradient of the previous step if that still exists.
        """
        size = self.given.parameters[parameter]
        if parameter in self.borrowed:  # the sum is a new tensor
            self._note(size, operation, "backward")
            self._release_gradient(self.borrowed.pop(parameter))
        elif parameter in self.has_gradient:
            if not self.adds_in_place or parameter in self.has_view:
                self._note(size, operation, "backward")
            self._change_parameter_gradient(-size)
            self.has_view.discard(parameter)
        elif operation.is_product and parameter == operation.parameters[0]:
            self.has_view.add(parameter)
        self.has_gradient.add(parameter)
        self._end_use(parameter, operation)

    def _accumulate_borrowed(self, parameter: int, operation: Operation, gradient: int, *, is_ordered: bool) -> None:
        """Adds the gradient of an output, which is also that of a parameter, to those of the parameter's other uses.

        ``is_ordered``: it has the memory order of the parameter; a sum has that of its first term.
        """
        size, uses = self.given.parameters[parameter], self.parameter_uses[parameter]
        if parameter in self.borrowed:
            self._change_parameter_gradient(size)
            self._note(0, operation, "backward")
            self._release_gradient(self.borrowed.pop(parameter))
        elif parameter in self.has_gradient:
            if not self.adds_in_place:
                self._note(size, operation, "backward")
        elif uses > 1:
            self.borrowed[parameter] = gradient
            self.parameter_uses[parameter] -= 1
            if not is_ordered:
                self.unordered.add(parameter)
            return
        else:
            self._keep_borrowed(parameter, operation, gradient)
            return
        self.has_gradient.add(parameter)
        self._release_gradient(gradient)
        self._end_use(parameter, operation)

    def _keep_borrowed(self, parameter: int, operation: Operation, gradient: int) -> None:
        """Keeps the gradient of an output, or a copy of it, as the gradient of a parameter without other uses."""
        if parameter in self.borrowed_bytes and not self.gradients_stay:
            self._keep_as_gradient(parameter, gradient)
            return
        if not self.gradients_stay:
            self._change_gradients(self.given.parameters[parameter])
            self._note(0, operation, "backward")
        self._release_gradient(gradient)

    def _end_use(self, parameter: int, operation: Operation) -> None:
        """Ends one use of a parameter; after the last one its gradient is the sum, or a copy of the sum."""
        size = self.given.parameters[parameter]
        self.parameter_uses[parameter] -= 1
        if self.parameter_uses[parameter]:
            return
        if self.gradients_stay:
            self._change_transient(-size)
        elif parameter in operation.copied or parameter in self.unordered:
            self._note(size, operation, "backward")

    def _make_parameter_gradients(self, parameters: Sequence[int]) -> None:
        for parameter in parameters:
            self._change_parameter_gradient(self.given.parameters[parameter])

    def _change_parameter_gradient(self, change: int) -> None:
        if self.gradients_stay:
            self._change_transient(change)
        else:
            self._change_gradients(change)

    def _free_saved(self, number: int) -> None:
        """Frees what an operation kept for backward, and after the last such operation of a segment its inputs."""
        if self.numbers[number]:
            self._change_activations(-self.numbers[number])
            self.numbers[number] = 0
        self._drop_saved(number)
        if number in self.saving:
            self._leave_segment(self.checkpoints.segment_of[number])

    def _drop_saved(self, number: int) -> None:
        """Releases the values that an operation kept, and frees its extras."""
        for storage in self.saved[number]:
            self._drop(storage)
        self.saved[number] = ()
        if self.kept[number]:
            self._change_activations(-self.kept[number])
            self.kept[number] = 0

    def _leave_segment(self, segment: int) -> None:
        """Ends one use of the inputs of a segment; the last one releases them."""
        self.segment_holders[segment] -= 1
        if not self.segment_holders[segment]:
            for value in self.segment_inputs[segment]:
                self._discard(value)
            self.segment_inputs[segment] = ()
