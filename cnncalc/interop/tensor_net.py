"""The state of a conversion from operators over tensors to layers: values, layers, weights and notes."""

from __future__ import annotations

from bisect import bisect_right
from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.errors import CnncalcError
from cnncalc.graph import TIED
from cnncalc.interop.builder import NetBuilder, Unsupported
from cnncalc.interop.operators import Branch, Operator
from cnncalc.interop.tensor import KEEPING, MIXED, MOST_NUMBERS, STORED, Array, Made, Source, Tensor, Value, WrongFile
from cnncalc.interop.views import (
    BATCH,
    Atom,
    Axes,
    batch_of,
    covers,
    last_axes,
    maps_axes,
    memory_order,
    merged,
    moves,
    regrouped,
    shape_of,
    whole,
)  # fmt: skip
from cnncalc.layers import KINDS
from cnncalc.layers.base import Layer
from cnncalc.units import plural
from cnncalc.volume import SIDES, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cnncalc.interop.operators import Constant, OperatorNet
    from cnncalc.language.settings import Settings

MAX_RANK = 16
MOST_WORK = 2_000_000
"""The most numbers of constants that are read for one file."""
FEW_NUMBERS = 16
"""Constants with at most this many numbers are always read."""
MOST_TRANSPOSES = 16
"""The most transposes of a constant that are followed to find whether two layers have the same weights."""
MOST_PENDING = 64
"""The longest chain of layers that are added only when another layer reads them."""

MAPS = {sides + 1: [*[[2 + side] for side in range(sides)], [1]] for sides in SIDES}
"""The axes of batch x channels x sides, grouped as sides and then depth, by the length of the volume."""
LAST = {sides + 1: [[1 + side] for side in range(sides + 1)] for sides in SIDES}
"""The axes of batch x sides x channels, grouped as sides and then depth, by the length of the volume."""


class Net:
    """The state of the conversion of one file."""

    def __init__(self, net: OperatorNet, settings: Settings, format: str, file: str) -> None:
        self.net = net
        self.builder = NetBuilder(format, file, settings)
        self.batch = 1
        self.has_weights = any(not c.is_integer and prod(c.shape) > 1 for c in net.constants.values()) or any(
            each.type == "ConstantOfShape" and each.inputs[0] in net.constants for each in net.operators if each.inputs
        )
        """Whether the file has tensors of weights, or shapes of removed weights, which ConstantOfShape then fills.

        If it has neither, the attributes of Constant operators are weights.
        """
        self.replaced = settings.input is not None or bool(settings.inputs)
        """Whether the caller replaces sizes of inputs, so that the shapes that the file states do not apply."""
        self.values: dict[str, Value] = {}
        self.unknown: set[str] = set()
        """Constants whose shape is not known."""
        self.failed: set[str] = set()
        """Values that are not known, since an operator failed or is not supported; that operator was reported."""
        self.projections: dict[int, Source] = {}
        """The ATTENTION with a bias before each LINEAR layer without one, by the index of the latter."""
        self.resized: dict[int, str] = {}
        """The names of RESIZE layers along one side, by their index."""
        self.ends: list[Source] = []
        """Layers that are read by unsupported operators with unknown outputs."""
        self.contradictions = 0
        """How many values have another shape than the file states."""
        self.readers: dict[str, int] = {}
        """The number of operators and outputs that read each value."""
        self.reading: dict[str, list[Operator]] = {}
        """The operators that read each value."""
        self.makers: dict[str, Operator] = {}
        """The operator that outputs each value."""
        self.steps = 0
        """The number of operators that were searched for the order of the axes of inputs."""
        for operator in _every(net.operators):
            self.makers.update(dict.fromkeys(operator.outputs, operator))
            for name in operator.inputs:
                self.readers[name] = self.readers.get(name, 0) + 1
                self.reading.setdefault(name, []).append(operator)
        for name in net.outputs:
            self.readers[name] = self.readers.get(name, 0) + 1
        self.rank = 0
        """The position in the file of the operator that is being converted."""
        self.ranks_of: dict[str, list[int]] = {}
        """The positions in the file of the operators with a name; the calls of one module have the same name."""
        for number, operator in enumerate(net.operators):
            self.ranks_of.setdefault(operator.name, []).append(number)
        self.ranks: dict[int, int] = {}
        """The position in the file of the operator of each layer, by the index of the layer."""
        self.owners: dict[tuple[Any, ...], int] = {}
        """The index of the first layer with some weights, by the identity of the weights."""
        self.held: dict[tuple[Any, ...], int] = {}
        """The number of elements of each tensor that is a parameter of a layer, by its identity."""
        self.buffers: dict[tuple[Any, ...], int] = {}
        """The number of elements of each tensor that is a buffer of a layer, by its identity."""
        self.origins: dict[tuple[Any, ...], frozenset[str]] = {}
        """The tensors of the file from which each parameter or buffer of a layer is computed, by its identity."""
        self.repeated = 0
        """How many parameters are counted again: several layers have them, but the file stores them once."""
        self.parameters: dict[int, dict[str, Array]] = {}
        """By index of the layer: its parameters and buffers by name, with their axes as the NumPy run takes them."""
        self.entries: dict[int, tuple[str, Axes]] = {}
        """The name in the file and the axes of each input of the net, by its index."""
        self.inexact: dict[int, str] = {}
        """The reason why the output of a layer differs from that of the file, by its index."""
        self.placed: dict[int, int] = {}
        """The longest interpolated side of each layer that interpolates, by its index."""
        self.vague: dict[str, str] = {}
        """By name of a value of the file: why it differs from the output of the layer of which it is a view."""
        self.counted: dict[str, int] = {}
        """The tensors of the file that an operator has used."""
        self.normed: set[int] = set()
        """The ids of the constants that are computed in each pass as a layer computes its weights itself."""
        self._work = 0
        self._parts: dict[tuple[int, str], int] = {}
        self._recipes: dict[tuple[Any, ...], int] = {}
        self._moved: dict[tuple[int, Axes], tuple[Source, Source]] = {}
        """By layer and new axes: the layer, and the layer that rearranges it, which is added only once."""

    # values

    def constant(self, name: str, constant: Constant) -> Array:
        """A tensor of the file as a constant."""
        found = Array(
            constant.shape, constant.values, is_integer=constant.is_integer, origins=frozenset((name,)),
            is_learned=constant.is_learned,
        )  # fmt: skip
        found.made = Made(STORED, {"value": constant}, ())
        return found

    def inputs(self, operator: Operator) -> list[Value]:
        """The values that an operator reads; None for an omitted or unknown one."""
        return [self.values.get(name) if name else None for name in operator.inputs]

    def tensor(self, operator: Operator, number: int = 0) -> Tensor:
        """A non-constant input. Raises Unsupported if it is constant or expanded, WrongFile if it is missing."""
        value = self.values.get(operator.inputs[number]) if number < len(operator.inputs) else None
        if isinstance(value, Array):
            raise Unsupported(f"its input {number + 1} is a constant")
        if value is None:
            raise WrongFile(f"its input {number + 1} is missing")
        if value.expanded:
            raise Unsupported("its input was expanded to a larger shape")
        return value

    def array(self, operator: Operator, number: int) -> Array | None:
        """An input that is a constant; None if it is omitted. Raises Unsupported if it is not a constant."""
        name = operator.inputs[number] if number < len(operator.inputs) else ""
        value = self.values.get(name) if name else None
        if name and not isinstance(value, Array):
            raise Unsupported(f"its input {number + 1} is computed from the inputs of the net")
        return value if isinstance(value, Array) else None

    def numbers(self, operator: Operator, name: str, number: int) -> list[int] | None:
        """Integers in an attribute or, in newer operator sets, an input; None if there is neither."""
        found = self._listed(operator, name, number)
        if found is None:
            return None
        values = list(found)  # decoded once
        if any(isinstance(value, float) and not value.is_integer() for value in values):
            raise WrongFile(f"its {name} must be integers")
        return [int(value) for value in values]

    def decimals(self, operator: Operator, name: str, number: int) -> list[float] | None:
        """Numbers in an attribute or, in newer operator sets, an input; None if there is neither."""
        found = self._listed(operator, name, number)
        return None if found is None else [float(value) for value in found]

    def _listed(self, operator: Operator, name: str, number: int) -> Sequence[Any] | None:
        """The values of an attribute, or of the input that replaces it in newer operator sets."""
        if name in operator.attributes:
            found = operator.attributes[name]
            return found if isinstance(found, tuple) else (found,)
        array = self.array(operator, number)
        if array is None:
            return None
        self.used(array)
        if array.values is None:
            raise Unsupported(f"its {name} are not known")
        if len(array.values) > MOST_NUMBERS:
            raise WrongFile(f"its {name} are {len(array.values):,} numbers, more than {MOST_NUMBERS:,}")
        self.look_at(len(array.values))
        return array.values

    # work

    def can_look_at(self, numbers: int) -> bool:
        """Whether this many numbers of constants may still be read; counts them."""
        if numbers <= FEW_NUMBERS:
            return True
        self._work += numbers
        return self._work <= MOST_WORK

    def look_at(self, numbers: int) -> None:
        """Counts numbers of constants that are read; raises WrongFile if they are too many."""
        if not self.can_look_at(numbers):
            raise WrongFile(f"the operators of the file compute with more than {MOST_WORK:,} numbers of constants")

    def part_of(self, path: int, name: str) -> int:
        """The number for the part ``name`` of what has the number ``path`` (0: the whole constant)."""
        return self._parts.setdefault((path, name), len(self._parts) + 1)

    def is_read_once(self, source: Source) -> bool:
        """Whether only the operator that is being converted reads a layer."""
        return all(self.readers.get(name, 0) <= 1 for name in source.names)

    # layers

    def place(self, source: Source) -> int | None:
        """The index of a layer; a pending one is added now. None if it cannot be added."""
        if source.place is None and source.make is not None:
            make, source.make = source.make, None
            rank, self.rank = self.rank, self.rank if source.rank is None else source.rank
            source.place = make()
            self.rank = rank
            if source.place is not None:
                source.volume = self.builder.volume(source.place)
        return source.place

    def make_in_time(self, source: Source, operator: Operator) -> None:
        """Adds a pending layer now if too many pending layers precede it."""
        if source.place is None and source.make is not None and not source.pending:
            before = [value.source for value in self.inputs(operator) if isinstance(value, Tensor)]
            source.pending = 1 + max([given.pending for given in before if given.place is None], default=0)
            source.rank = self.rank
            if source.pending > MOST_PENDING:
                self.place(source)

    def guarded(
        self, operator: Operator, source: Source, make: Callable[[], int | None], read: Source
    ) -> Callable[[], int | None]:
        """``make``, except that it records the operator as unsupported if it raises Unsupported."""

        def guarded() -> int | None:
            try:
                return make()
            except Unsupported as error:
                return self.lacks(operator, str(error), source.volume, {}, read)
            except Unknown:
                return None

        return guarded

    def add(self, kind: str, inputs: Iterable[Source], name: str | None, **keys: Any) -> Source | None:
        """Adds a layer; None if it is not valid, or its input is not known."""
        places = [self.place(source) for source in inputs]
        rank = self._rank_of(name)
        key = KINDS[kind].keys.get("in_place")
        if key is not None and name in self.ranks_of:
            in_place = self.net.operators[rank].attributes.get("in_place")
            if in_place not in (None, key.default is None or key.default):
                keys["in_place"] = in_place
        place = self.builder.add(kind, places, name or self._name_in_module(kind), **keys)
        if place is not None:
            self.ranks[place] = rank
        return None if place is None else Source(self.builder.volume(place), place)

    def _name_in_module(self, kind: str) -> str | None:
        """The name of a layer that the source has no operator for, in the module that runs; None outside of modules."""
        operators = self.net.operators
        operator = operators[self.rank] if self.rank < len(operators) else None
        module = operator.name.rpartition(".")[0] if operator is not None and operator.scope else ""
        return f"{module}.{kind}" if module else None

    def _rank_of(self, name: str | None) -> int:
        """The position in the file of the operator of a layer: the last one of that name that was converted."""
        ranks = self.ranks_of.get(name or "")
        return ranks[max(0, bisect_right(ranks, self.rank) - 1)] if ranks else self.rank

    def added(self, kind: str, inputs: Iterable[Source], name: str | None, **keys: Any) -> Source:
        """Adds a layer; raises Unknown if it is not valid, or its input is not known."""
        found = self.add(kind, inputs, name, **keys)
        if found is None:
            raise Unknown
        return found

    def kind(self, source: Source) -> str:
        """The kind of a layer that was added; empty for a pending one."""
        return "" if source.place is None else self.builder.nodes[source.place].kind

    def key(self, source: Source, name: str) -> Any:
        """A key of a layer that was added; None if it has no such key."""
        if source.place is None:
            return None
        return getattr(self.builder.nodes[source.place].layer, name, None)

    # views

    def rearranged(self, tensor: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
        """The tensor as a view of a volume: each group of its axes is a side, the last group is the depth.

        Adds layers if the elements must be reordered. Raises Unsupported if no layers do that.
        """
        if self._is_arranged(tensor, groups):
            return tensor
        parts, target = self._parts_and_target(tensor, groups)
        source = self.moved(tensor.source, target)
        axes = [tuple([atom for atom in axis if atom.side == BATCH]) for axis in tensor.axes]
        for side, group in enumerate(groups):
            step = 1
            for number in reversed(group):
                size = prod(atom.size for atom in parts[number])
                if size > 1:
                    axes[number] = (*axes[number], Atom(side, step, size))
                step *= size
        found = Tensor(source, tuple(axes))
        assert found.shape == shape_of(tensor.axes)
        return found

    def layers_to_rearrange(self, tensor: Tensor, groups: Sequence[Sequence[int]]) -> int:
        """The number of layers that :meth:`rearranged` would add; raises Unsupported as that does."""
        if self._is_arranged(tensor, groups):
            return 0
        _, target = self._parts_and_target(tensor, groups)
        found = moves(tensor.source.volume, target)
        if found is None:
            raise Unsupported("no layer kind brings its elements into the required order")
        return len(found)

    def _is_arranged(self, tensor: Tensor, groups: Sequence[Sequence[int]]) -> bool:
        """Whether these groups of axes are already the sides and the depth of the volume of a tensor."""
        volume = tensor.source.volume
        if tensor.expanded or len(tensor.axes) != len(volume) + 1:
            return False
        if groups == MAPS[len(volume)]:
            return tensor.axes == maps_axes(volume, self.batch)
        return groups == LAST[len(volume)] and tensor.axes == last_axes(volume, self.batch)

    def _parts_and_target(self, tensor: Tensor, groups: Sequence[Sequence[int]]) -> tuple[list[tuple[Atom, ...]], Axes]:
        """The atoms of each axis without those of the batch; and the axes of a volume that has the groups as sides."""
        parts = [self._without_batch(axis) for axis in tensor.axes]
        grouped = {number for group in groups for number in group}
        if any(part for number, part in enumerate(parts) if number not in grouped):
            raise Unsupported(f"it has more than {max(SIDES)} sides")
        return parts, tuple([merged([atom for number in group for atom in parts[number]]) for group in groups])

    def _without_batch(self, axis: Iterable[Atom]) -> tuple[Atom, ...]:
        """The atoms of an axis without those of the batch, which must be the slowest; else raises Unsupported."""
        atoms = tuple(axis)
        batch = tuple([atom for atom in atoms if atom.side == BATCH])
        if batch and (merged(batch) != whole(BATCH, self.batch) or atoms[: len(batch)] != batch):
            raise Unsupported(MIXED)
        return atoms[len(batch) :]

    def moved(self, source: Source, target: Axes) -> Source:
        """Rearranges the elements of a layer to another volume; raises Unsupported if no layers do that."""
        volume = source.volume
        if target == tuple([whole(side, size) for side, size in enumerate(volume)]):
            return source
        known = self._moved.get((id(source), target))
        if known is not None:
            return known[1]
        if not covers(volume, target):
            raise Unsupported("it reads only part of the elements of its input")
        found = moves(volume, target)
        if found is None:
            raise Unsupported(f"no layer kind brings the elements of {volume} into the required order")
        result: Source | None = source
        for move in found:
            result = self.add(move.kind, [result], None, **move.keys) if result is not None else None
        if result is None:
            raise Unknown
        self._moved[id(source), target] = source, result
        return result

    def settled(self, tensor: Tensor) -> Tensor:
        """A tensor whose order SHUFFLE, WINDOW or UNWINDOW gives, as the output of that layer; others as they are."""
        rank, volume = tensor.rank, tensor.source.volume
        has_windows = any(atom.side != BATCH for atom in tensor.axes[0])  # windows x positions x depth
        if rank == len(volume) + 1 and len(tensor.axes[1]) == 2:  # batch x depth x sides, the depth in two parts
            groups = [] if has_windows else [*[[side] for side in range(2, rank)], [1]]
        elif rank == (3 if has_windows else 4):
            groups = [[axis] for axis in range(rank - 3, rank)]
        else:
            groups = []
        if not groups:
            return tensor
        try:
            _, target = self._parts_and_target(tensor, groups)
        except Unsupported:
            return tensor
        found = moves(volume, target) if covers(volume, target) else None
        if found is not None and [move.kind for move in found] in (["shuffle"], ["window"], ["unwindow"]):
            return self.rearranged(tensor, groups)
        return tensor

    def spatial(self, tensor: Tensor) -> tuple[Tensor, int]:
        """The tensor, batch x channels x sides, as a view of a volume with this depth and these sides.

        The second result is 1 if the first axis has elements of one image: they are the first side. Else it is 0.
        """
        if self._is_arranged(tensor, MAPS[len(tensor.source.volume)]):
            return tensor, 0
        if batch_of(tensor.axes[1:]):
            raise Unsupported(MIXED)
        front = [0] if self._without_batch(tensor.axes[0]) else []
        if tensor.rank == 2 and len(tensor.source.volume.sides) > 1 and not front:
            found = self._of_points(tensor)
            return found, 0
        sides = [*front, *range(2, tensor.rank)]
        groups = [*[[side] for side in sides], [1]]
        if len(sides) not in SIDES:
            if tensor.rank == 2:
                return self._of_points(tensor), 0
            raise Unsupported(f"it has {plural(len(sides), 'side')}, but a volume has 1 to {max(SIDES)}")
        return self.rearranged(tensor, groups), len(front)

    def _of_points(self, tensor: Tensor) -> Tensor:
        """A tensor batch x channels as a volume whose sides are all 1."""
        ones: list[list[int]] = [[] for _ in tensor.source.volume.sides]
        return self.rearranged(tensor, [*ones, [1]])

    def depth_last(self, tensor: Tensor) -> Tensor:
        """The tensor, rearranged if necessary so that its last axis is the whole depth."""
        volume = tensor.source.volume
        if tensor.axes[-1] == whole(len(volume) - 1, volume.depth):
            return tensor
        return self.rearranged(tensor, self.last_groups(tensor))

    def last_groups(self, tensor: Tensor) -> list[list[int]]:
        """Groups for :meth:`rearranged`: the last axis is the depth, the others are sides, except batch and size 1."""
        sides = [[n] for n in range(tensor.rank - 1) if self._without_batch(tensor.axes[n])]
        while len(sides) > max(SIDES):
            sides[:2] = [sides[0] + sides[1]]
        if not sides:
            sides = [[] for _ in tensor.source.volume.sides]
        return [*sides, [tensor.rank - 1]]

    def maps(self, source: Source, of: Tensor, front: int = 0) -> Tensor:
        """The output of a layer as a tensor batch x channels x sides.

        ``of`` is the input of the layer: without a batch axis, the output has none. ``front`` is the second result of
        :meth:`spatial`: if it is 1, the first side becomes part of the first axis.
        """
        axes = maps_axes(source.volume, self.batch)
        if not batch_of(of.axes):
            axes = ((), *axes[1:])
        if front:
            axes = ((*axes[0], *axes[2]), axes[1], *axes[3:])
        return Tensor(source, axes)

    def reshaped(self, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        """A tensor of another shape. Adds layers only if no view has the shape; raises WrongFile if none can."""
        axes = regrouped(tensor.axes, shape)
        if axes is None:
            volume = tensor.source.volume
            batch = merged(batch_of(tensor.axes))
            atoms = self._without_batch([atom for axis in tensor.axes for atom in axis])
            target = (*[()] * len(volume.sides), merged(atoms))
            source = self.moved(tensor.source, target)
            axes = regrouped((batch, whole(len(volume) - 1, volume.elements)), shape)
            if axes is None and prod(shape) == prod(tensor.shape):
                raise Unsupported(MIXED)
            if axes is None:
                raise WrongFile(f"a tensor of {shape_of(tensor.axes)} cannot have the shape {tuple(shape)}")
            return Tensor(source, axes)
        return tensor.viewed(axes)

    def flat_order(self, tensor: Tensor) -> bool:
        """Whether the elements of a flat tensor are in the order depth x sides."""
        atoms = merged([atom for axis in tensor.axes for atom in axis if atom.side != BATCH])
        return atoms == merged(memory_order(tensor.source.volume))

    # weights

    def weights(
        self, kind: str, arrays: Sequence[Array | None], buffers: Sequence[Array | None] = ()
    ) -> dict[str, Any]:
        """Records the parameters of a layer, its weights first.

        Returns the key ``share`` if an earlier layer has the same parameters, with ``transposed`` if it has the same
        weights with inputs and outputs swapped; else no keys.
        """
        for array in (*arrays, *buffers):
            if array is not None:
                for origin in array.origins:
                    self.counted[origin] = 1
        share = self.owners.get((kind, *self._key(arrays, buffers))) if any(arrays) else None
        if share is not None:
            return {"share": share}
        tied = self._tied(kind, arrays[0]) if arrays else None
        self.hold(arrays if tied is None else arrays[1:], buffers)
        return {} if tied is None else {"share": tied, "transposed": True}

    def _tied(self, kind: str, weight: Array | None) -> int | None:
        """The index of a layer with the same weights, transposed; None if there is none."""
        other = KINDS[kind].tied_to
        if weight is None or other is None or len(weight.shape) < 2:
            return None
        *identity, axes = self._arranged(weight)
        return self.owners.get((TIED, other, *identity, (*axes[:-2], axes[-1], axes[-2])))

    def hold(self, arrays: Sequence[Array | None], buffers: Sequence[Array | None] = ()) -> None:
        """Counts tensors as the parameters and buffers of one more layer."""
        for array, held in [*[(array, self.held) for array in arrays], *[(array, self.buffers) for array in buffers]]:
            if array is not None:
                identity = self._identity(array)
                self.repeated += array.elements if identity in self.held or identity in self.buffers else 0
                held.setdefault(identity, array.elements)
                self.origins[identity] = array.origins

    def own(self, source: Source | None, arrays: Sequence[Array | None], buffers: Sequence[Array | None] = ()) -> None:
        """Records the layer as the first with these parameters."""
        if source is None or source.place is None or not any(arrays):
            return
        kind = self.kind(source)
        self.owners.setdefault((kind, *self._key(arrays, buffers)), source.place)
        weight, node = arrays[0], self.builder.nodes[source.place]
        if weight is not None and node.share is None and isinstance(node.layer, Layer) and not node.layer.untied:
            self.owners.setdefault((TIED, kind, *self._arranged(weight)), source.place)

    def is_shared_with(self, source: Source, bias: Array) -> bool:
        """Makes a layer that got a bias or shift share the equal ones of an earlier layer; returns whether it does."""
        assert source.place is not None
        node, own = self.builder.nodes[source.place], self.parameters.get(source.place, {})
        weight = own.get("scale" if node.kind == "scale" else TIED)
        if weight is None or node.share is not None:
            return False
        owner = self.owners.setdefault((node.kind, *self._key([weight, bias], [])), source.place)
        if owner == source.place:
            return False
        self.builder.nodes[source.place] = node._replace(share=owner)
        self.repeated -= weight.elements
        return True

    def _identity(self, array: Array) -> tuple[Any, ...]:
        return (*sorted(array.origins), array.path, array.elements) if array.origins else (id(array.base),)

    def _arranged(self, array: Array) -> tuple[Any, ...]:
        """What identifies the values of a tensor; the last item is the order of its axes in the stored tensor."""
        if array.arranged is None:
            axes = tuple(range(len(array.shape)))
            stored = array
            for _ in range(MOST_TRANSPOSES):
                made = stored.made
                if made is None or made.type != "Transpose" or not isinstance(made.inputs[0], Array):
                    break
                order = made.attributes.get("perm") or range(len(axes) - 1, -1, -1)
                axes = tuple([int(order[axis]) % len(axes) for axis in axes])
                stored = made.inputs[0]
            sizes = tuple([size for size in stored.shape if size != 1])
            array.arranged = (*self._identity(stored), self._recipe(stored), sizes, axes)
        return array.arranged

    def _recipe(self, array: Array) -> int:
        """A number that is equal for tensors computed by the same operators; 0 for a tensor as it is stored."""
        pending = [array]
        while pending:
            made = pending[-1].made
            given = made.operands if made is not None else []
            unknown = [other for other in given if other.recipe is None]
            if unknown:
                pending += unknown
                continue
            last = pending.pop()
            if made is None or not given:
                last.recipe = 0
            elif made.type in KEEPING:
                last.recipe = given[0].recipe
            else:
                keys = [self._origin(other) for other in given]
                key = (made.type, made.result, repr(made.attributes), *keys)
                last.recipe = self._recipes.setdefault(key, len(self._recipes) + 1)
        assert array.recipe is not None
        return array.recipe

    def _origin(self, array: Array) -> tuple[Any, ...]:
        """What identifies a constant: its origins, or without them its shape and value."""
        if array.origins:
            return array.origins, array.path, array.recipe
        return array.shape, id(array) if array.scalar is None else array.scalar

    def _key(self, arrays: Sequence[Array | None], buffers: Sequence[Array | None]) -> tuple[Any, ...]:
        return tuple([array and self._arranged(array) for array in (*arrays, *buffers)])

    def used(self, array: Array) -> None:
        """Records that an operator uses a constant, but not as a parameter."""
        for origin in array.origins:
            self.counted[origin] = 1

    def hold_as(self, source: Source | None, arrays: Mapping[str, Array | None]) -> None:
        """Records the parameters and buffers of a layer by name, with their axes as the NumPy run takes them."""
        if source is not None and source.place is not None:
            known = {name: array for name, array in arrays.items() if array is not None}
            self.parameters.setdefault(source.place, {}).update(known)

    # differences

    def differs(self, source: Source | None, why: str) -> None:
        """Records why the output of a layer differs from that of the file."""
        if source is not None and source.place is not None:
            self.inexact.setdefault(source.place, why)

    def lacks(
        self, operator: Operator, why: str, output: Volume | None, figures: Mapping[str, int], source: Source | None
    ) -> int | None:
        """Records an unsupported operator; returns the index of the OPAQUE layer for it, if its volume is known."""
        place = self.place(source) if source is not None else None
        return self.builder.lacks(operator.type, operator.name, why, [place], output, figures)


def _every(operators: Sequence[Operator]) -> Iterator[Operator]:
    """The operators and those in branches of If; an operator without a type stands for the If that reads a branch."""
    for operator in operators:
        yield operator
        for branch in operator.attributes.values() if operator.type == "If" else ():
            if isinstance(branch, Branch):
                yield from _every(branch.operators)
                yield Operator("", "If", branch.outputs, ())


class Unknown(CnncalcError):
    """An input of a layer is not known: an earlier operator failed or is not supported, and was reported."""
