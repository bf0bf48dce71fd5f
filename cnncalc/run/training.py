"""Training steps of a net in NumPy: forward, loss, backward, optimizer, with live memory at every operation.

The order of operations and the lifetimes of arrays are those that :mod:`cnncalc.memory.replay` predicts for the profile
``numpy``, without using it. An array is freed when no variable refers to it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.analysis.report import without_gradient
from cnncalc.layers.memory import Keeping, Saved
from cnncalc.layers.planes import pieces, pixels, planes
from cnncalc.records import NamedTuple
from cnncalc.run.forward import memory_of
from cnncalc.run.optimizers import Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.run.live_memory import Watch
    from cnncalc.run.weights import Weights

HEAD_WEIGHT = 0.3
"""The weight of an auxiliary head in the loss. Source: Szegedy et al. 2014, section 5."""


class Storage:
    """The memory of a gradient: ``holders`` gradients use it; ``whole``: each of them uses all of it."""

    __slots__ = ("holders", "whole")

    def __init__(self) -> None:
        self.holders = 1
        self.whole = True


class Gradient(NamedTuple):
    """The gradient of an output, accumulated so far, and its memory."""

    array: Any
    storage: Storage


class Step(NamedTuple):
    """The result of one step: the loss before the update of the parameters, and the bytes kept for backward."""

    loss: float
    saved_bytes: int


class Trainer:
    """A net in training: its weights, the gradients of the last step, the optimizer.

    The loss is the mean cross-entropy over each output, those of auxiliary heads with the weight :data:`HEAD_WEIGHT`; a
    final softmax is a part of it, and not run. ``optimizer`` is its name (None: no update). ``watch`` is called when
    each operation begins and ends, ``progress`` with the index and name of each layer. ``random`` draws the masks of
    dropout. Unless ``in_place``, no layer overwrites its input, and no gradient is added to another in place.
    ``gradients`` are by the index of the layer and the name of the array.
    """

    def __init__(
        self,
        report: Report,
        weights: Weights,
        optimizer: str | None = "momentum",
        *,
        random: np.random.Generator | None = None,
        watch: Watch | None = None,
        progress: Callable[[int, str], None] | None = None,
        in_place: bool = True,
    ) -> None:
        self.report = report
        self.in_place = in_place
        self.weights = weights
        self.watch = watch
        self.progress = progress
        self.random = random or np.random.default_rng(0)
        rows = report.layers
        self.place = list(range(len(rows)))  # the row whose output each row stands for in training
        self.outputs = self._find_outputs()
        self.runs = [row for row in rows if self.place[row.index] == row.index]
        frozen = without_gradient(rows)
        self.learned = [
            tuple([array.name for array in row.arrays if array.role != "buffer"])
            if row.is_trainable and row.index not in frozen
            else ()
            for row in rows
        ]
        self.learns = self._find_learning()
        self.gradients: dict[tuple[int, str], Any] = {}
        used = {(report.graph.owner(row.index, name)[0], name) for row in rows for name in self.learned[row.index]}
        self.names = [
            (row.index, array.name) for row in rows for array in row.own_arrays if (row.index, array.name) in used
        ]
        self.optimizer = Optimizer(optimizer, [weights[row][name] for row, name in self.names]) if optimizer else None

    def _find_outputs(self) -> list[LayerReport]:
        """The rows whose outputs the loss reads, auxiliary heads last; the input of a final softmax in its place."""
        readers = self.report.graph.readers()
        outputs = []
        for row in self.report.layers:
            if readers[row.index]:
                continue
            if row.layer.gives_probabilities:
                self.place[row.index] = row.sources[0]
                row = self.report.layers[row.sources[0]]
            outputs.append(row)
        return sorted(outputs, key=lambda row: row.training_only)

    def _find_learning(self) -> list[bool]:
        """For each row whether its output gets a gradient: it learns, or a row before it does."""
        learns = [False] * len(self.report.layers)
        for row in self.runs:
            learns[row.index] = bool(self.learned[row.index]) or any(learns[source] for source in row.learns_from)
        return learns

    def step(self, images: Mapping[str, Any], targets: Mapping[tuple[int, ...], Any]) -> Step:
        """One step: forward, loss, backward, optimizer.

        ``images`` has an array batch x sides x depth for each input by its name, ``targets`` an array of classes,
        batch x sides, for the sides of each output.
        """
        self.gradients.clear()
        one_pass = Pass(self, images, targets)
        loss = one_pass.forward()
        self._mark("after forward")
        saved = one_pass.saved_bytes()
        one_pass.backward()
        self._mark("after backward")
        if self.optimizer is not None:
            self.begin()
            self.optimizer.step([self.gradients[name] for name in self.names])
            self.end("optimizer step", "optimizer step")
        return Step(loss, saved)

    def begin(self) -> None:
        """To be called when an operation begins."""
        if self.watch is not None:
            self.watch.begin()

    def end(self, name: str, phase: str) -> None:
        """To be called when the outputs of an operation exist, before its inputs are freed."""
        if self.watch is not None:
            self.watch.end(name, phase)

    def _mark(self, moment: str) -> None:
        if self.watch is not None:
            self.watch.mark(moment)


class Pass:
    """One forward and backward pass of a batch; logits and loss are kept as long as it exists."""

    def __init__(self, trainer: Trainer, images: Mapping[str, Any], targets: Mapping[tuple[int, ...], Any]) -> None:
        self.trainer = trainer
        self.images = images
        self.targets = targets
        self.rows = trainer.report.layers
        self.arrays: dict[int, Any] = {}
        self.uses: Counter[int] = Counter()  # how often each array will still be read
        self.saved: dict[int, Saved] = {}
        self.terms: list[tuple[str, int, int, int]] = []  # of the loss: operation, its two inputs, its output
        self.values: list[Any] = []  # the scalars of the loss, by number
        self.kept_terms: dict[int, Any] = {}
        self.logits: list[Any] = []
        self.grads: dict[int, Gradient] = {}  # of outputs, accumulated so far
        self.temporaries: dict[str, Any] = {}  # extras of a layer that are not kept
        self.total = 0  # the number of the scalar that is the loss
        self.loss: Any = None

    # forward

    def forward(self) -> float:
        """Runs all layers and the loss, and keeps what backward needs; returns the loss."""
        trainer = self.trainer
        uses = self.uses
        for row in trainer.runs:
            for source in row.reads:
                uses[source] += 1
        for row in trainer.outputs:
            uses[row.index] += 1  # the loss
        for row in trainer.runs:
            if trainer.progress is not None:
                trainer.progress(row.index, row.name)
            if not row.sources:
                self.arrays[row.index] = self.images[row.name]
                continue
            trainer.begin()
            self._run(row)
            trainer.end(row.name, "forward")
            self.temporaries = {}
            for source in row.reads:
                uses[source] -= 1
                if not uses[source]:
                    self.arrays.pop(source, None)
            if not uses[row.index]:  # of a max pool of which only the places are read
                self.arrays.pop(row.index, None)
        self.logits = [self.arrays[row.index] for row in trainer.outputs]
        self.arrays.clear()
        self._loss()
        return float(self.loss)

    def _run(self, row: LayerReport) -> None:
        """Runs one layer, and keeps what it declares if its output gets a gradient."""
        layer, trainer, parameters = row.layer, self.trainer, self.trainer.weights[row.index]
        inputs = [self.arrays[source] for source in row.reads]
        in_place = trainer.in_place and row.in_place_in_training and not layer.is_view
        learns = trainer.learns[row.index]
        learned = bool(trainer.learned[row.index])
        keeping = layer.keeping(row.input_volumes, row.output, in_place=in_place, learns=learned)
        in_place = in_place and keeping.overwrites
        kept = _kept_inputs(inputs, keeping, clones=in_place and keeping.clones) if learns else ()
        arrays = {**parameters, "out": inputs[0]} if in_place else parameters
        with np.errstate(all="ignore"):
            output, extras = layer.forward_training(np, *inputs, random=trainer.random, **arrays)
        self.arrays[row.index] = output
        extras = {extra.name: extras[extra.name] for extra in keeping.extras if extra.name in extras}
        if self.uses[~row.index]:
            self.arrays[~row.index] = extras["places"]
        if not learns:
            self.temporaries = extras
            return
        self.saved[row.index] = Saved(
            tuple([x.shape for x in inputs]),
            kept,
            output if keeping.output else None,
            extras,
            parameters,
            tuple([trainer.learns[source] for source in row.sources]),
            learned,
        )

    def saved_bytes(self) -> int:
        """The memory of all arrays kept for backward; shared memory counts once."""
        arrays: list[Any] = []
        for saved in self.saved.values():
            arrays += [*saved.inputs, saved.output, *saved.extras.values()]
        for kept in self.kept_terms.values():
            arrays += kept
        return memory_of(array for array in arrays if array is not None)

    def _loss(self) -> None:
        """Computes the loss: the sum of the mean cross-entropies of all outputs, those of auxiliary heads weighted.

        Each operation creates an array: the logarithm of softmax, the mean over images and pixels, weighting, sum.
        """
        trainer = self.trainer
        total: int | None = None
        for number, row in enumerate(trainer.outputs):
            learns = trainer.learns[row.index]
            target = self.targets[row.output.sides]
            trainer.begin()
            likelihood = log_softmax(self.logits[number])
            trainer.end("loss", "forward")
            trainer.begin()
            each = self._value(np.empty((), likelihood.dtype))
            chosen = np.take_along_axis(likelihood, target[..., None], axis=-1)
            self.values[each][...] = 0 - chosen.mean()
            del chosen
            trainer.end("loss", "forward")
            if learns:
                self.kept_terms[number] = (likelihood, target)
            del likelihood
            self.terms.append(("mean", number, -1, each))
            if row.training_only:
                trainer.begin()
                weighted = self._value(self.values[each] * np.full((), HEAD_WEIGHT, self.values[each].dtype))
                self._scalar(weighted)
                trainer.end("loss", "forward")
                self.values[each] = None
                self.terms.append(("weight", number, each, weighted))
                each = weighted
            if total is None:
                total = each
            else:
                trainer.begin()
                both = self._value(self.values[total] + self.values[each])
                self._scalar(both)
                trainer.end("loss", "forward")
                self.values[total] = self.values[each] = None
                self.terms.append(("add", total, each, both))
                total = both
        assert total is not None
        self.loss = self.values[total]
        self.values[total] = None
        self.total = total

    def _value(self, array: Any) -> int:
        self.values.append(array)
        return len(self.values) - 1

    def _scalar(self, number: int) -> None:
        """Makes a scalar of the loss an array, so that its memory is counted."""
        self.values[number] = np.array(self.values[number])

    # backward

    def backward(self) -> None:
        """Runs the loss and all layers backward; stores the gradients of parameters in the trainer."""
        trainer = self.trainer
        seed = np.ones((), self.loss.dtype)
        storage = Storage()
        storage.holders = 2
        scalars = {self.total: Gradient(seed, storage)}
        while self.terms:
            self._back_term(*self.terms.pop(), scalars)
        for row in reversed(trainer.runs):
            if row.index in self.grads and row.index in self.saved:
                if trainer.progress is not None:
                    trainer.progress(row.index, row.name)
                self._back(row)
            self.saved.pop(row.index, None)

    def _back_term(self, what: str, first: int, second: int, output: int, scalars: dict[int, Gradient]) -> None:
        """Runs one operation of the loss backward; ``scalars`` are the gradients of its scalars."""
        trainer = self.trainer
        incoming = scalars.pop(output)
        if what == "add":
            for value in (first, second):
                incoming.storage.holders += 1
                scalars[value] = incoming
            trainer.begin()
            trainer.end("loss", "backward")
            incoming.storage.holders -= 1
            return
        row = trainer.outputs[first]
        if not trainer.learns[row.index]:
            return
        if what == "weight":
            trainer.begin()
            scalars[second] = Gradient(np.array(incoming.array * incoming.array.dtype.type(HEAD_WEIGHT)), Storage())
            trainer.end("loss", "backward")
            incoming.storage.holders -= 1
            return
        likelihood, target = self.kept_terms.pop(first)
        trainer.begin()
        chosen = pixels(np.zeros(planes(likelihood).shape, likelihood.dtype))
        np.put_along_axis(chosen, target[..., None], -incoming.array / target.size, axis=-1)
        trainer.end("loss", "backward")
        del incoming, target
        trainer.begin()
        result = log_softmax_backward(likelihood, chosen)
        trainer.end("loss", "backward")
        del chosen, likelihood
        self._accumulate(row.index, Gradient(result, Storage()), "loss")

    def _back(self, row: LayerReport) -> None:
        """Runs one layer backward; the incoming gradient and the kept arrays are freed after its results exist."""
        trainer, layer = self.trainer, row.layer
        incoming, saved = self.grads.pop(row.index), self.saved.pop(row.index)
        keeping = layer.keeping(row.input_volumes, row.output, learns=saved.learns)
        trainer.begin()
        with np.errstate(all="ignore"):
            given, found = layer.backward(np, incoming.array, saved)
        outgoing: list[tuple[int, Gradient]] = []
        for source, array, word in zip(row.sources, given, keeping.gradients, strict=True):
            if array is None or not trainer.learns[source]:
                continue
            if word == "new":
                outgoing.append((source, Gradient(array, Storage())))
                continue
            incoming.storage.holders += 1
            incoming.storage.whole = incoming.storage.whole and array.size == incoming.array.size
            outgoing.append((source, Gradient(array, incoming.storage)))
        del given, array
        summed = []
        for name in list(found):
            owner, is_transposed = trainer.report.graph.owner(row.index, name)
            if is_transposed:
                found[name] = found[name].swapaxes(-1, -2)
            known = trainer.gradients.get((owner, name))
            if known is None:
                trainer.gradients[owner, name] = found.pop(name)
            else:
                summed.append((known, name))
        trainer.end(row.name, "backward")
        incoming.storage.holders -= 1
        del incoming, saved
        while outgoing:
            source, gradient = outgoing.pop(0)
            self._accumulate(source, gradient, row.name)
            del gradient
        for known, name in summed:  # shared weights: the gradients of all their uses are summed
            known += found.pop(name)

    def _accumulate(self, index: int, gradient: Gradient, name: str) -> None:
        """Adds a gradient to that of the output of row ``index``, in place if no other gradient uses that memory."""
        trainer = self.trainer
        before = self.grads.get(index)
        if before is None:
            self.grads[index] = gradient
            return
        if trainer.in_place and before.storage.holders == 1 and before.storage.whole:
            trainer.begin()
            target = planes(before.array)
            target += planes(gradient.array)
        else:
            trainer.begin()
            self.grads[index] = Gradient(pixels(planes(before.array) + planes(gradient.array)), Storage())
            trainer.end(name, "backward")
            before.storage.holders -= 1
        gradient.storage.holders -= 1


def _kept_inputs(inputs: list[Any], keeping: Keeping, *, clones: bool) -> tuple[Any, ...]:
    """The inputs that backward needs, None for others; with ``clones`` a copy of the first, which is overwritten."""
    if clones:
        return (pixels(planes(inputs[0]).copy()),)
    kept = keeping.kept_inputs(len(inputs))
    return tuple([x if number in kept else None for number, x in enumerate(inputs)])


def log_softmax(logits: Any) -> Any:
    """The logarithm of softmax along the depth of an array batch x sides x depth."""
    maps = planes(logits)
    result = np.empty(maps.shape, maps.dtype)
    for image, target in zip(maps, result, strict=True):
        np.subtract(image, image.max(axis=0), out=target)
        total = np.zeros(image.shape[1:], maps.dtype)
        for piece in pieces(len(image), total.nbytes):
            total += np.exp(target[piece]).sum(axis=0)
        target -= np.log(total, out=total)
    return pixels(result)


def log_softmax_backward(output: Any, gradient: Any) -> Any:
    """The gradient of :func:`log_softmax`: gradient - softmax * (the sum of the gradient along the depth)."""
    maps, incoming = planes(output), planes(gradient)
    result = np.empty(maps.shape, maps.dtype)
    for image, grad, target in zip(maps, incoming, result, strict=True):
        total = grad.sum(axis=0)
        np.exp(image, out=target)
        target *= total
        np.subtract(grad, target, out=target)
    return pixels(result)


def draw_targets(report: Report, outputs: Iterable[LayerReport], *, seed: int = 0) -> dict[tuple[int, ...], Any]:
    """Random classes as targets of the loss: for the sides of each output an array batch x sides."""
    random = np.random.default_rng((seed, 2))
    classes: dict[tuple[int, ...], int] = {}
    for row in outputs:
        sides = row.output.sides
        classes[sides] = min(row.output.depth, classes.get(sides, row.output.depth))
    return {sides: random.integers(0, number, (report.batch, *sides)) for sides, number in classes.items()}
