"""Builds a net of Keras: tensors as volumes, and a layer for each call.

A tensor is batch x axes. Each axis is a side or the depth of a volume: with ``channels_last`` in the same order, with
``channels_first`` the depth before the sides. If a layer needs another order, a PERMUTE is added before it.
"""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import Unknown
from cnncalc.layers.base import Layer
from cnncalc.records import NamedTuple
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cnncalc.interop.builder import NetBuilder
    from cnncalc.interop.keras_config import Config
    from cnncalc.source import Span

    Function = Callable[["KerasNet", "Applied"], "Sequence[Tensor]"]

MAX_AXES = 4
"""The most axes of a tensor beside the batch: three sides and the depth."""


class Tensor(NamedTuple):
    """The output of a node; ``axes`` has for each axis after the batch its index in the volume of the node.

    ``place`` is the index of the node, None if the volume is not known. A tensor with one axis is a volume with that
    depth and sides of 1.
    """

    place: int | None
    axes: tuple[int, ...] = ()


UNKNOWN = Tensor(None)
_SIDES = re.compile("[123](?=D)")


class Applied(NamedTuple):
    """A layer applied to tensors. ``kind`` is its class, ``name`` its name with those of the models around it.

    ``args`` and ``kwargs`` are the arguments as in the file, ``inputs`` the tensors among ``args``. ``owners`` are the
    nodes with parameters of the first call of the layer (empty: this is the first one), ``used`` those of this call.
    ``lead`` is the number of axes after the batch that TimeDistributed adds.
    """

    name: str
    kind: str
    config: Config
    inputs: tuple[Tensor, ...]
    args: list[Any]
    kwargs: Mapping[str, Any]
    owners: list[int]
    used: list[int]
    trainable: bool = True
    lead: int = 0

    @property
    def x(self) -> Tensor:
        """The first tensor that it reads."""
        return self.inputs[0] if self.inputs else UNKNOWN


LAYERS: dict[str, Function] = {}
"""The translations of the known classes of layers, by name in lower case."""
CLASSES: dict[str, str] = {}
"""The names of these classes, by name in lower case."""
NO_TENSOR = "it reads no tensor"
UNSUPPORTED: set[str] = set()
"""Classes that are never supported; they are reported even if their input is not known."""


def translates(*kinds: str) -> Callable[[Function], Function]:
    """A decorator that registers a function in ``LAYERS`` for these classes."""

    def register(function: Function) -> Function:
        LAYERS.update({kind.lower(): function for kind in kinds})
        CLASSES.update({kind.lower(): kind for kind in kinds})
        return function

    return register


def translation(kind: str) -> tuple[str, Function | None]:
    """The name of a class, which a file may write in any case, and its translation; None if it has none."""
    return CLASSES.get(kind.lower(), kind), LAYERS.get(kind.lower())


def lacking(*kinds: str) -> Callable[[Function], Function]:
    """As ``translates``, for unsupported classes, whose functions may get tensors with unknown volumes."""
    UNSUPPORTED.update(map(str.lower, kinds))
    return translates(*kinds)


class KerasNet:
    """Adds layers for calls of Keras layers. ``version`` is the first number of the version that wrote the file."""

    def __init__(self, builder: NetBuilder, version: int) -> None:
        self.builder = builder
        self.version = version
        self.is_channels_first = False
        self._learning: dict[int, tuple[Layer, bool]] = {}

    # tensors

    def volume(self, tensor: Tensor) -> Volume:
        """The volume of a tensor. This and every method that needs it raise Unknown if it is not known."""
        if tensor.place is None:
            raise Unknown
        return self.builder.volume(tensor.place)

    def sizes(self, tensor: Tensor) -> tuple[int, ...]:
        """The shape of a tensor, without the batch."""
        volume = self.volume(tensor)
        return tuple([volume[axis] for axis in tensor.axes])

    def names(self, tensor: Tensor) -> tuple[str, ...]:
        """For each axis of a tensor the name of the side, or ``depth``."""
        names = (*self.volume(tensor).names, "depth")
        return tuple([names[axis] for axis in tensor.axes])

    def input(self, name: str, sizes: Sequence[int | None] | None, span: Span | None) -> Tensor:
        """Adds an input; ``sizes`` are those of the tensor without the batch, None for open ones."""
        wanted: list[int | None] | None = None
        if sizes is not None:
            if len(sizes) > MAX_AXES:
                message = f"the input has {len(sizes)} axes besides the batch, but at most {MAX_AXES} can be read"
                self.builder.fail(message, name, span)
                return UNKNOWN
            is_moved = self.is_channels_first and len(sizes) > 2
            wanted = (
                [*sizes[1:], sizes[0]]
                if is_moved
                else [*[1] * (3 - len(sizes)), *sizes]
                if len(sizes) < 2
                else [*sizes]
            )
        place = self.builder.add_input(name, wanted, span)
        if place is None:
            return UNKNOWN
        volume = self.builder.volume(place)
        last = len(volume) - 1
        if sizes is not None and len(sizes) < 2 and volume.is_point:
            return Tensor(place, (last,) * len(sizes))
        is_moved = self.is_channels_first and last > 1
        return Tensor(place, (last, *range(last)) if is_moved else tuple(range(last + 1)))

    def ordered(self, call: Applied, tensor: Tensor, channels: int) -> Tensor:
        """The tensor with axis ``channels`` as depth and the others as sides, in order; adds a PERMUTE if needed."""
        volume, count = self.volume(tensor), len(tensor.axes)
        if count <= 1:
            return tensor
        others = [axis for axis in range(count) if axis != channels]
        wanted = [tensor.axes[axis] for axis in (*others, channels)]
        places = {axis: place for place, axis in enumerate((*others, channels))}
        axes = tuple([places[axis] for axis in range(count)])
        if wanted == list(range(count)):
            return tensor
        names = (*volume.names, "depth")
        place = self.builder.add(
            "permute", [tensor.place], span=call.config.span, order=[names[axis] for axis in wanted]
        )
        return Tensor(place, axes)

    def maps(self, call: Applied, tensor: Tensor | None = None) -> Tensor:
        """An input with its channels, by the data format of the layer, as depth.

        Raises DesignError unless it has as many sides as the name of a class with a number says: ``Conv2D``.
        """
        tensor = call.x if tensor is None else tensor
        form = call.config.text("data_format", "channels_last")
        if form not in ("channels_first", "channels_last", "default"):
            raise call.config.wrong("data_format", "channels_first or channels_last")
        first = form == "channels_first"
        found = self.ordered(call, tensor, call.lead if first else len(tensor.axes) - 1)
        digit, axes = _SIDES.search(call.kind), len(tensor.axes) - call.lead
        if digit is not None and axes != int(digit[0]) + 1:
            rule = f"{call.kind} is supported for {int(digit[0]) + 1} axes besides the batch"
            raise call.config.fault(f"{rule}, but its input has {axes}")
        return found

    def last(self, call: Applied, tensor: Tensor | None = None) -> Tensor:
        """An input with its last axis as depth."""
        tensor = call.x if tensor is None else tensor
        return self.ordered(call, tensor, len(tensor.axes) - 1)

    def axis(self, call: Applied, tensor: Tensor, axis: int) -> int:
        """The index in ``tensor.axes`` of an axis of the file, which counts the batch too, or from the last axis."""
        count = len(tensor.axes) + 1
        if not -count <= axis < count or axis % count == 0:
            raise call.config.fault(f"axis must be 1 to {count - 1}, or -1 to {1 - count}, but is {axis}")
        return axis % count - 1

    # layers

    def add(
        self,
        call: Applied,
        kind: str,
        inputs: Sequence[Tensor],
        part: str | None = None,
        *,
        main: bool = True,
        **keys: Any,
    ) -> Tensor:
        """Adds a layer named as the call (``main``), as the call and ``.part``, or with a generated name.

        Its output has the axes of the first input.
        """
        name = f"{call.name}.{part}" if part else call.name if main else None
        builder = self.builder
        place = builder.add(kind, [tensor.place for tensor in inputs], name, span=call.config.span, **keys)
        if place is None:
            return UNKNOWN
        node = builder.nodes[place]
        assert isinstance(node.layer, Layer)
        if node.layer.learns and self._has_parameters(node.layer, inputs):
            number = len(call.used)
            call.used.append(place)
            share = call.owners[number] if number < len(call.owners) else None
            builder.nodes[place] = node._replace(trainable=call.trainable, share=share)
        return Tensor(place, inputs[0].axes)

    def _has_parameters(self, layer: Layer, inputs: Sequence[Tensor]) -> bool:
        """Whether a layer has parameters with these inputs; cached by layer, since equal layers are one object."""
        found = self._learning.get(id(layer))
        if found is None:
            volumes = [self.volume(tensor) for tensor in inputs]
            has_parameters = bool(layer.on(len(volumes[0].sides)).parameters(*volumes))
            found = self._learning[id(layer)] = layer, has_parameters
        return found[1]

    def lacks(
        self, call: Applied, why: str, sizes: Sequence[int] | None = None, what: str | None = None, **figures: int
    ) -> Sequence[Tensor]:
        """Records an unsupported layer; ``sizes`` are those of its output without the batch, if they are known."""
        output = None if sizes is None or len(sizes) > MAX_AXES else self.volume_of(sizes)
        inputs = [tensor.place for tensor in call.inputs if tensor.place is not None]
        place = self.builder.lacks(what or call.kind, call.name, why, inputs, output, figures)
        if place is None or sizes is None or output is None:
            return [UNKNOWN]
        return [Tensor(place, self.axes_of(sizes, output))]

    def volume_of(self, sizes: Sequence[int]) -> Volume:
        """The volume of a tensor with the depth as last axis."""
        return Volume(*[1] * (3 - len(sizes)), *sizes) if len(sizes) < 2 else Volume(*sizes)

    def axes_of(self, sizes: Sequence[int], volume: Volume) -> tuple[int, ...]:
        """The ``axes`` of a tensor of these sizes with the depth as last axis."""
        return tuple(range(len(volume) - len(sizes), len(volume)))

    def reshaped(self, call: Applied, tensor: Tensor, sizes: Sequence[int], *, main: bool = False) -> Tensor:
        """Reshapes a tensor to other sizes; elements keep their order, in which the last axis varies fastest."""
        if len(sizes) > MAX_AXES:
            return self.lacks(
                call, f"a tensor of {len(sizes)} axes besides the batch, but a volume has at most 3 sides"
            )[0]
        tensor = self.ordered(call, tensor, len(tensor.axes) - 1)
        old, new = self.sizes(tensor), tuple(sizes)
        volume = self.volume_of(sizes)
        if prod(old) != prod(new):
            raise call.config.fault(f"the sizes {list(new)} must have the {prod(old):,} elements of {list(old)}")
        axes = self.axes_of(sizes, volume)
        if volume == self.volume(tensor):
            place = self.add(call, "identity", [tensor]).place if main else tensor.place
            return Tensor(place, axes)
        kind, keys = self._view(old, new, volume)
        if kind == "reshape" and _is_reordered(self.volume(tensor), volume):
            self.builder.note(f"{call.kind} orders the elements differently; the counts are the same")
        return self.add(call, kind, [tensor], main=main, **keys)._replace(axes=axes)

    def _view(self, old: tuple[int, ...], new: tuple[int, ...], volume: Volume) -> tuple[str, dict[str, Any]]:
        """The kind and keys of a view with the sizes ``new`` of a tensor whose last axis is the depth."""
        if old[-1:] == new[-1:] and len(new) == 2 and len(old) > 2:
            return "sequence", {}
        if old[-1:] == new[-1:] and len(old) == 2 and len(new) > 2:
            return "plane", {"size": list(new[:-1])}
        if len(new) == 1 and len(old) == 3:
            return "flatten", {}
        return "reshape", {"size": list(volume)}

    def forward(self, tensor: Tensor, sides: int) -> Tensor:
        """A tensor of one axis as a volume with ``sides`` sides."""
        volume = self.volume(tensor)
        if len(volume.sides) == sides:
            return tensor
        size = [*[1] * sides, volume.depth]
        return Tensor(self.builder.add("reshape", [tensor.place], size=size), (sides,))


def _is_reordered(old: Volume, new: Volume) -> bool:
    """Whether RESHAPE, for which the depth varies slowest, would reorder elements that Keras keeps in order."""
    is_row = [volume.is_point or volume.depth == 1 for volume in (old, new)]
    same_depth = old.depth == new.depth and [s for s in old.sides if s > 1] == [s for s in new.sides if s > 1]
    return not (all(is_row) or same_depth)
