"""The reference-counting machine: runs a tape forward and backward and says what is alive when most is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.memory.tape import ALIAS, NEW, NONE, VIEW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.memory.profiles import Profile
    from cnncalc.memory.tape import Tape


class Level(NamedTuple):
    """Live bytes at one moment beside what is there throughout, by what they are for.

    ``layer`` is the row at work, ``phase`` forward, backward or recompute.
    """

    activations: int
    gradients: int
    transient: int
    layer: int = -1
    phase: str = ""

    @property
    def total(self) -> int:
        """The sum."""
        return self.activations + self.gradients + self.transient


class Event(NamedTuple):
    """Live bytes while one operation runs, beside what is there throughout; one entry of the log.

    ``total`` is the sum of ``activations``, ``gradients`` and what is ``transient``; ``layer`` is the row at work.
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
    """What a replay saw. ``saved`` is what is kept for backward, images and targets included."""

    peak: Level
    after_forward: Level
    after_backward: Level
    saved: int
    events: tuple[Event, ...]


NOTHING_LIVE = Level(0, 0, 0)


class Machine:
    """Runs one tape. Bytes are counted in three pots: activations, parameter gradients, and what is transient.

    ``gradients_before``: last step's gradients are there in forward. ``gradients_stay``: they are there throughout, so
    that each new one is added to them and dies. ``segments`` are stretches of operations, first to last, that keep
    nothing and run again for backward. ``logs`` keeps every event; at event number ``watch`` it is noted which layers
    hold what (``table``).
    """

    def __init__(
        self,
        tape: Tape,
        profile: Profile,
        *,
        gradients_before: bool = False,
        gradients_stay: bool = False,
        segments: Sequence[tuple[int, int]] = (),
        logs: bool = False,
        watch: int | None = None,
    ) -> None:
        self.tape = tape
        self.profile = profile
        self.gradients_stay = gradients_stay
        self.logs = logs or watch is not None
        self.watch = watch
        self.table: dict[int, int] = {}
        self.events: list[Event] = []
        self.activations = 0
        self.transient = 0
        self.all_gradients = sum([parameter.size for parameter in tape.parameters if parameter.is_trainable])
        self.gradients = self.all_gradients if gradients_before or gradients_stay else 0
        self.peak = -1
        self.at = NOTHING_LIVE
        count = len(tape.values)
        self.sizes = [value.size for value in tape.values]
        for source in tape.sources:
            self.sizes[source] = 0  # counted as there throughout
        self.storage = list(range(count))  # in which a value lies
        self.holders = [0] * count  # of a storage
        self.uses = [0] * count  # of a value, by what is still to run
        self.learns = [False] * count  # whether a gradient reaches a value
        operations = len(tape.operations)
        self.saved: list[tuple[int, ...]] = [()] * operations  # storages that backward of an operation needs
        self.kept = [0] * operations  # bytes of by-products and clones that backward needs
        self.segment_of: dict[int, int] = {}
        self.segments = list(segments)
        for number, (first, last) in enumerate(segments):
            for operation in range(first, last + 1):
                self.segment_of[operation] = number
        self.waiting_segments = set(range(len(self.segments)))
        self.again: dict[int, int] = {}  # the row of a storage that is made anew
        self.segment_inputs: list[tuple[int, ...]] = [()] * len(self.segments)
        self.entering: set[int] = set()

    def _note(self, extra: int, layer: int, name: str, phase: str) -> None:
        total = self.activations + self.gradients + self.transient + extra
        if total > self.peak:
            self.peak = total
            self.at = Level(self.activations, self.gradients, self.transient + extra, layer, phase)
        if self.logs:
            self.events.append(Event(name, phase, total, self.activations, self.gradients, layer))
            if len(self.events) - 1 == self.watch:
                self.table = self._on_the_table(extra, layer)

    def _on_the_table(self, extra: int, layer: int) -> dict[int, int]:
        """Live bytes of activations and transients by the row that they belong to."""
        found: dict[int, int] = {}
        values = self.tape.values
        for storage, count in enumerate(self.holders):
            if count and self.sizes[storage]:
                owner = values[storage].layer if storage < len(values) else self.again[storage]
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
            self.activations -= self.sizes[storage]

    def _used(self, value: int) -> None:
        self.uses[value] -= 1
        if not self.uses[value]:
            self._drop(self.storage[value])

    def _level(self, phase: str) -> Level:
        return Level(self.activations, self.gradients, self.transient, -1, phase)

    def run(self, *, training: bool) -> Trace:
        """Runs forward and, in training, backward."""
        self._forward(training)
        after_forward = self._level("forward")
        if not training:
            return Trace(self.at, after_forward, after_forward, 0, tuple(self.events))
        storages = {storage for saved in self.saved for storage in saved}
        storages.update(storage for inputs in self.segment_inputs for storage in inputs)
        values = self.tape.values
        saved = sum([values[storage].size for storage in storages]) + sum(self.kept)
        if not self.gradients_stay:
            self.gradients = 0
        self._backward()
        return Trace(self.at, after_forward, self._level("backward"), saved, tuple(self.events))

    # forward

    def _forward(self, training: bool) -> None:
        """Forward in program order."""
        tape, uses = self.tape, self.uses
        for source in tape.sources:
            uses[source] += 1  # the caller's own; never released
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
        trains = [parameter.is_trainable for parameter in tape.parameters]
        learns = self.learns
        for operation in tape.operations if training else ():
            learns[operation.output] = any(learns[value] for value in operation.inputs) or any(
                trains[parameter] for parameter in operation.parameters
            )
        if training:
            for number, (first, last) in enumerate(self.segments):
                inside = {tape.operations[place].output for place in range(first, last + 1)}
                entering = dict.fromkeys(
                    value
                    for place in range(first, last + 1)
                    for value in tape.operations[place].inputs
                    if value not in inside
                )
                self.segment_inputs[number] = tuple(entering)
        for number in range(len(tape.operations)):
            segment = self.segment_of.get(number)
            if segment is not None and number == self.segments[segment][0]:
                held = tuple([self.storage[value] for value in self.segment_inputs[segment]])
                self.segment_inputs[segment] = held
                for storage in held:
                    self.holders[storage] += 1
            self._run(number, "forward", saves=segment is None)
            for value in tape.operations[number].inputs:
                self._used(value)
            for value in ends.get(number, ()):
                self._used(value)

    def _run(self, number: int, phase: str, *, saves: bool) -> None:
        """Runs one operation: its output, by-products, and what is kept of them."""
        operation = self.tape.operations[number]
        output = operation.output
        learns = self.learns[output]
        kept = brief = 0
        if operation.clones_input and learns:
            kept += self.tape.values[operation.inputs[0]].size
        if operation.storage == ALIAS:
            storage = self.storage[operation.inputs[0]]
            self.storage[output] = storage
            self.holders[storage] += 1
        else:
            storage = self.storage[output]
            self.holders[storage] = 1
            self.activations += self.sizes[storage]
        for product in operation.byproducts:
            if product.kept and learns:
                kept += product.size
            else:
                brief += product.size
        self.activations += kept
        self._note(brief + operation.scratch, operation.layer, operation.name, phase)
        if not (learns and saves):
            self.activations -= kept
            kept = 0
        else:
            saved = (
                [] if operation.clones_input else [self.storage[operation.inputs[place]] for place in operation.keeps]
            )
            if operation.keeps_output:
                saved.append(storage)
            for held in saved:
                self.holders[held] += 1
            self.saved[number] = tuple(saved)
        self.kept[number] = kept
        if not self.uses[output]:
            self._drop(storage)

    # backward

    def _needs_saved(self, number: int) -> bool:
        operation = self.tape.operations[number]
        return bool(operation.keeps or operation.keeps_output or any(p.kept for p in operation.byproducts))

    def _recompute(self, segment: int) -> None:
        """Runs the forward of a segment again, up to its last operation that keeps something."""
        first, last = self.segments[segment]
        operations = self.tape.operations
        while last > first and not (self._needs_saved(last) and self.learns[operations[last].output]):
            last -= 1
        # an operation that keeps inputs alone is stopped as soon as they are kept, before it runs
        final = operations[last]
        stops_before = not (final.keeps_output or final.clones_input or any(p.kept for p in final.byproducts))
        for number in range(first, last + 1):
            operation = operations[number]
            for value in operation.inputs:
                self.uses[value] += 1
        for number in range(first, last + 1):
            operation = operations[number]
            if number == last and stops_before:
                saved = tuple([self.storage[operation.inputs[place]] for place in operation.keeps])
                for storage in saved:
                    self.holders[storage] += 1
                self.saved[number] = saved
            else:
                if operation.storage != ALIAS:
                    self.again[len(self.sizes)] = operation.layer
                    self.storage[operation.output] = len(self.sizes)
                    self.sizes.append(self.tape.values[operation.output].size)
                    self.holders.append(0)
                self._run(number, "recompute", saves=True)
            for value in operation.inputs:
                self.uses[value] -= 1
                if not self.uses[value] and value not in self.entering:
                    self._drop(self.storage[value])

    def _fills(self, part: int, whole: int) -> bool:
        """Whether a view is as large as what it is a view of."""
        values = self.tape.values
        return values[part].size == values[whole].size

    def _backward(self) -> None:
        """Backward in the reverse order of creation."""
        tape, profile = self.tape, self.profile
        sizes = [value.size for value in tape.values]
        seed = sizes[tape.loss] if tape.loss is not None else 0
        self.transient += seed
        # gradients of values: a storage each, with its size, its holders, and whether it is whole
        grads: dict[int, int] = {}
        size_of, holders, whole = [seed], [2], [True]
        if tape.loss is not None:
            grads[tape.loss] = 0
        made: set[int] = set()
        for number in range(len(tape.operations) - 1, -1, -1):
            operation = tape.operations[number]
            incoming = grads.pop(operation.output, None)
            segment = self.segment_of.get(number)
            if incoming is None:
                self._forget(number, segment)
                continue
            if segment in self.waiting_segments and segment is not None and self._needs_saved(number):
                self.waiting_segments.discard(segment)
                first = self.segments[segment][0]
                inside = {tape.operations[place].output for place in range(first, self.segments[segment][1] + 1)}
                self.entering = {
                    value
                    for place in range(first, self.segments[segment][1] + 1)
                    for value in tape.operations[place].inputs
                    if value not in inside
                }
                self._recompute(segment)
            outgoing: list[tuple[int, int, bool]] = []
            for value, how in zip(operation.inputs, operation.gradients, strict=True):
                if how == NONE or not self.learns[value]:
                    continue
                if how == NEW:
                    size_of.append(sizes[value])
                    holders.append(1)
                    whole.append(True)
                    self.transient += sizes[value]
                    outgoing.append((value, len(size_of) - 1, True))
                else:
                    holders[incoming] += 1
                    outgoing.append((value, incoming, how != VIEW or self._fills(value, operation.output)))
            brief = 0
            for parameter in operation.parameters:
                if not tape.parameters[parameter].is_trainable:
                    continue
                size = tape.parameters[parameter].size
                if self.gradients_stay or parameter in made:
                    brief += size
                else:
                    self.gradients += size
                    made.add(parameter)
            self._note(brief + sum(operation.backward_scratch), operation.layer, operation.name, "backward")
            holders[incoming] -= 1
            if not holders[incoming]:
                self.transient -= size_of[incoming]
            self._forget(number, segment)
            for value, gradient, is_whole in outgoing:
                before = grads.get(value)
                if before is None:
                    grads[value] = gradient
                    whole[gradient] = whole[gradient] and is_whole
                    continue
                if not (profile.adds_in_place and holders[before] == 1 and whole[before]):
                    size_of.append(sizes[value])
                    holders.append(1)
                    whole.append(True)
                    self.transient += sizes[value]
                    self._note(brief, operation.layer, operation.name, "backward")
                    holders[before] -= 1
                    if not holders[before]:
                        self.transient -= size_of[before]
                    grads[value] = len(size_of) - 1
                holders[gradient] -= 1
                if not holders[gradient]:
                    self.transient -= size_of[gradient]
        self.transient -= seed

    def _forget(self, number: int, segment: int | None) -> None:
        """Frees what backward of an operation needed, and at its first operation what a segment held."""
        self.activations -= self.kept[number]
        for storage in self.saved[number]:
            self._drop(storage)
        self.kept[number] = 0
        self.saved[number] = ()
        if segment is not None and number == self.segments[segment][0]:
            for storage in self.segment_inputs[segment]:
                self._drop(storage)
