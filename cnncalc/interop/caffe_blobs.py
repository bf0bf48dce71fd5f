"""Blobs of Caffe as volumes, parameters that layers share, and the registry of known layer types.

A function that translates a type takes the net, the layer, and its bottoms, all known, and returns its tops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.builder import Unknown
from cnncalc.layers.base import Layer
from cnncalc.records import NamedTuple
from cnncalc.units import listed, plural
from cnncalc.volume import SIDES, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.interop.builder import NetBuilder
    from cnncalc.interop.prototxt import Message
    from cnncalc.source import Span

    Function = Callable[["CaffeNet", "CaffeLayer", Sequence["Blob"]], Sequence["Blob"]]

MAX_AXES = 5
_COLOURS = 3
_IN_TRANSFORM = "transform_param"


class CaffeLayer(NamedTuple):
    """A layer of the file. ``kind`` is its type in lower case without ``_``.

    ``message`` is the layer, ``parameter`` the message with the fields of its type. ``is_flat``: both are the same.
    """

    name: str
    type: str
    kind: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    message: Message
    parameter: Message
    span: Span
    is_flat: bool = False


class Blob(NamedTuple):
    """The output of a layer: the index of a node, and the shape, batch first (None: the file does not state it).

    ``place`` is None for a blob that is not known. A blob batch x D is the volume [1x1xD]; one with more axes has its
    second axis as depth and the others as sides.
    """

    place: int | None
    shape: tuple[int | None, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape of one image."""
        return tuple([size for size in self.shape[1:] if size is not None])


UNKNOWN = Blob(None)


def volume_of(sizes: Sequence[int]) -> Volume:
    """The volume of the sizes of one image, channels first."""
    if not sizes:
        return Volume(1, 1, 1)
    return Volume(1, 1, sizes[0]) if len(sizes) == 1 else Volume(*sizes[1:], sizes[0])


class CaffeNet:
    """Builds a net of Caffe with a :class:`NetBuilder`; ``blobs`` has the known blobs by name."""

    def __init__(self, builder: NetBuilder) -> None:
        self.builder = builder
        self.blobs: dict[str, Blob] = {}
        self.left_out: set[str] = set()
        self.silenced: set[str] = set()
        """Blobs that only a Silence reads."""
        self._owners: dict[str, tuple[int, int]] = {}
        self._batches: set[int] = set()

    # blobs

    def volume(self, blob: Blob) -> Volume:
        """The volume of a blob. This and every method that needs it raise Unknown if it is not known."""
        if blob.place is None:
            raise Unknown
        return self.builder.volume(blob.place)

    def blob(self, place: int | None, like: Blob, axes: int | None = None) -> Blob:
        """The output of a layer as a blob with ``axes`` axes (None: as many as ``like``)."""
        if place is None:
            return UNKNOWN
        volume = self.builder.volume(place)
        axes = len(like.shape) if axes is None else axes
        sizes = (volume.depth,) if axes <= 2 else (volume.depth, *volume.sides)
        return Blob(place, (like.shape[0], *sizes))

    def bind(self, layer: CaffeLayer, made: Sequence[Blob]) -> None:
        """Gives the blobs that a layer made their names; tops without a blob are unknown."""
        for number, top in enumerate(layer.tops):
            self.left_out.discard(top)
            self.blobs[top] = made[number] if number < len(made) else UNKNOWN

    def forget(self, layer: CaffeLayer) -> None:
        """Marks the tops of a layer, unless they are bound, as unknown."""
        for top in layer.tops:
            if top in layer.bottoms or top not in self.blobs or self.blobs[top].place is None:
                self.blobs[top] = UNKNOWN

    def leave_out(self, tops: Sequence[str]) -> None:
        """Marks blobs that only losses and measures make or need."""
        self.left_out.update(tops)
        for top in tops:
            self.blobs.pop(top, None)

    def lacks(
        self, layer: CaffeLayer, why: str, bottoms: Sequence[Blob], sizes: Sequence[int] | None = None, **figures: int
    ) -> Blob:
        """Records an unsupported layer; ``sizes`` are those of its output for one image, if they are known."""
        output = None if sizes is None else volume_of(sizes)
        known = [bottom for bottom in bottoms if bottom.place is not None]
        place = self.builder.lacks(layer.type, layer.name, why, [blob.place for blob in known], output, figures)
        return UNKNOWN if place is None or sizes is None else Blob(place, (known[0].shape[0], *sizes))

    # layers

    def add(self, layer: CaffeLayer, kind: str, inputs: Sequence[Blob], *, main: bool = True, **keys: Any) -> Blob:
        """Adds a layer of a kind; ``main``: it gets the name of the layer, else a generated one."""
        name = layer.name if main else None
        place = self.builder.add(kind, [blob.place for blob in inputs], name, span=layer.span, **keys)
        return self.blob(place, inputs[0])

    def add_learned(self, layer: CaffeLayer, kind: str, x: Blob, *, axes: int | None = None, **keys: Any) -> Blob:
        """Adds a layer with parameters, frozen or shared as the fields ``param`` of the layer say."""
        place = self.builder.add(kind, [x.place], layer.name, span=layer.span, **keys)
        if place is None:
            return UNKNOWN
        node = self.builder.nodes[place]
        assert isinstance(node.layer, Layer)
        volume = self.volume(x)
        count = len(node.layer.on(len(volume.sides)).parameters(volume))
        rates, names = _specifications(layer.message)
        rates = [*rates, *([1.0] * count)][:count]
        if count and not any(rates):
            node = node._replace(trainable=False)
        elif 0 in rates:
            self.builder.note(f"{layer.name}: some of its parameters are frozen; all count as trainable")
        self.builder.nodes[place] = node
        if any(names[:count]):
            self._share(layer, place, names[:count], count)
        return self.blob(place, x, axes)

    def is_shared(self, place: int) -> bool:
        """Whether a layer uses the parameters of another layer, or named parameters, which others may use."""
        return self.builder.nodes[place].share is not None or any(place == owner for owner, _ in self._owners.values())

    def _share(self, layer: CaffeLayer, place: int, names: Sequence[str], count: int) -> None:
        """Makes a layer use the parameters of the first layer with these names, or records it as the first."""
        owners = [self._owners.get(name) for name in names]
        first = owners[0]
        if not any(owners):
            self._owners.update({name: (place, number) for number, name in enumerate(names) if name})
        elif first is not None and owners == [(first[0], number) for number in range(count)]:
            self.builder.nodes[place] = self.builder.nodes[place]._replace(share=first[0])
        else:
            why = "it shares only some of its parameters, but a layer can only share all or none"
            self.builder.lacks(f"{layer.type} with partly shared parameters", layer.name, why)

    def reshaped(self, layer: CaffeLayer, x: Blob, sizes: Sequence[int], *, main: bool = False) -> Blob:
        """The same elements with other sizes of one image, channels first."""
        old = self.volume(x)
        if len(sizes) >= MAX_AXES:
            return self.lacks(layer, f"its blob has {len(sizes) + 1} axes, but a volume has at most 3 sides", [x])
        volume = volume_of(sizes)
        result = Blob(x.place, (x.shape[0], *sizes))
        if volume == old:
            return result._replace(place=self.add(layer, "identity", [x]).place) if main else result
        return result._replace(place=self.add(layer, "reshape", [x], main=main, size=list(volume)).place)

    def flattened(self, layer: CaffeLayer, x: Blob, *, main: bool = False) -> Blob:
        """Flattens the elements of each image to a vector."""
        volume = self.volume(x)
        if len(volume.sides) != 2:
            return self.reshaped(layer, x, [volume.elements], main=main)
        return self.blob(self.add(layer, "flatten", [x], main=main).place, x, 2)

    # inputs

    def add_input(self, top: str, shape: Sequence[int | None] | None, span: Span) -> None:
        """Adds an input of the net under the name of its blob; ``shape`` has the batch first."""
        sizes: list[int | None] | None = None
        if shape is not None:
            axes = len(shape)
            if axes > MAX_AXES:
                message = f"the input has {axes} axes, but only batch, channels and at most 3 sides can be read"
                self.builder.fail(message, top, span)
                self.blobs[top] = UNKNOWN
                return
            sizes = [*shape[2:], shape[1]] if axes > 2 else [1, 1, shape[1] if axes > 1 else 1]
        place = self.builder.add_input(top, sizes, span)
        if place is None:
            self.blobs[top] = UNKNOWN
            return
        volume = self.builder.volume(place)
        batch = shape[0] if shape else None
        is_row = shape is not None and len(shape) <= 2 and volume.is_point
        self.blobs[top] = Blob(place, (batch, volume.depth) if is_row else (batch, volume.depth, *volume.sides))
        if batch is not None:
            self._batches.add(batch)

    def add_data(self, layer: CaffeLayer, wanted: set[str]) -> None:
        """Adds the inputs that a layer without bottoms makes, except those that no layer needs, such as labels."""
        shapes = _shapes(layer)
        is_listed = layer.kind in ("input", "dummydata")
        for number, top in enumerate(layer.tops):
            if top not in wanted:
                self.builder.note(f"the input {top} left out: no layer of the net needs it")
                self.leave_out([top])
                continue
            shape = shapes[min(number, len(shapes) - 1)] if shapes and (is_listed or number == 0) else None
            if layer.kind not in ("input", "dummydata", "memorydata") and shape is not None and shape[1:2] == [None]:
                shape = [shape[0], _COLOURS, *shape[2:]]
                self.builder.note(f"{top}: the file does not state the channels of the images, {_COLOURS} are assumed")
            self.add_input(top, shape, layer.span)

    def say_batches(self) -> None:
        """Notes the batch of the file."""
        for batch in sorted(self._batches - {1}):
            self.builder.note(f"the batch size {batch} of the file is not used: figures are for one image")


def _specifications(message: Message) -> tuple[list[float], list[str]]:
    """The learning rate factors and the names of the parameters of a layer, in order; the file may have fewer."""
    fields = message.all("param")
    if fields and isinstance(fields[0].value, str):  # in the older 'layers'
        return message.numbers("blobs_lr"), message.texts("param")
    parts = message.messages("param")
    rates = [part.number("lr_mult", 1.0) for part in parts] or message.numbers("blobs_lr")
    return rates, [part.text("name") for part in parts]


def _shapes(layer: CaffeLayer) -> list[list[int | None]]:
    """The shapes of the tops of a layer without bottoms, as far as the file states them."""
    message = layer.message
    kinds = ("input_param", "dummy_data_param", "memory_data_param", "data_param", "image_data_param")
    inner: list[Message] = [message.message(kind) for kind in (*kinds, "window_data_param")]
    listed = inner[0].messages("shape") + inner[1].messages("shape")
    if listed:
        return [list(shape.integers("dim")) for shape in listed]
    dummy = inner[1]
    if "num" in dummy:
        columns = [dummy.integers(key) for key in ("num", "channels", "height", "width")]
        return [[*row] for row in zip(*columns, strict=False)]
    memory = inner[2]
    if "channels" in memory:
        return [[memory.integer("batch_size", 1), *[memory.integer(key, 1) for key in ("channels", "height", "width")]]]
    return _image_shapes([message.message(_IN_TRANSFORM), *inner[3:], layer.parameter])


def _image_shapes(parts: Sequence[Message]) -> list[list[int | None]]:
    """The shape of images that are cropped or resized when they are read; empty if the file states no size."""
    batch = next((part.integer(key) for part in parts for key in ("batch_size", "batchsize") if key in part), None)
    grey = any(part.boolean("force_gray") or not part.boolean("is_color", True) for part in parts)
    depth = 1 if grey else None
    for part in parts:
        for key in ("crop_size", "cropsize"):
            if part.integer(key):
                side = part.integer(key)
                return [[batch, depth, side, side]]
    for part in parts:
        for inner, high, wide in ((part, "crop_h", "crop_w"), (part.message("resize_param"), "height", "width"),
                                  (part, "new_height", "new_width")):  # fmt: skip
            if inner.integer(high) and inner.integer(wide):
                return [[batch, depth, inner.integer(high), inner.integer(wide)]]
    return []


def side_names(x: Volume) -> tuple[str, ...]:
    """The names of the axes of a blob after the batch, in the order of the blob."""
    return ("depth", *SIDES[len(x) - 1])


class Translation(NamedTuple):
    """How a layer type is translated: ``parameter`` is the field with its options.

    ``is_unsupported``: it is never supported; the function is called even if some of its bottoms are not known.
    """

    parameter: str
    function: Function
    is_unsupported: bool = False


LAYERS: dict[str, Translation] = {}
"""The translations of the known types, by type in lower case without ``_``."""


def translates(parameter: str, *kinds: str, is_unsupported: bool = False) -> Callable[[Function], Function]:
    """A decorator that registers a function in ``LAYERS`` for these types."""

    def register(function: Function) -> Function:
        for kind in kinds:
            LAYERS[kind] = Translation(parameter, function, is_unsupported)
        return function

    return register


def wrong(layer: CaffeLayer, message: str, field: str | None = None, code: str = "wrong-value") -> DesignError:
    """The error at a field of a layer."""
    span = layer.parameter.span(field) if field is not None and field in layer.parameter else layer.span
    return DesignError([Problem(code, f"{layer.name}: {message}", span)])


def axis_of(layer: CaffeLayer, x: Blob, axis: int, field: str | None = "axis", beyond: int = 0) -> int:
    """An axis as a number from 0; a negative one counts from the last. ``beyond``: how many more axes are allowed."""
    count = len(x.shape)
    if not -count - beyond <= axis < count + beyond:
        known = f"{-count - beyond} to {count + beyond - 1}"
        raise wrong(layer, f"{field} must be {known} for a blob with {plural(count, 'axis')}, but is {axis}", field)
    return axis + count + beyond if axis < 0 else axis


def enumeration(layer: CaffeLayer, name: str, words: Sequence[str], default: str, first: int = 0) -> str:
    """The word of a field of an enumeration; a file may have its number, counted from ``first``.

    Raises DesignError for any other value.
    """
    number = layer.parameter.value(name)
    if number is None:
        return default
    word = str(number) if isinstance(number, int) else layer.parameter.text(name).upper()
    word = {str(place): known for place, known in enumerate(words, first)}.get(word, word)
    if word not in words:
        raise wrong(layer, f"{name} must be {listed(words, 'or')}, but is {word[:60]}", name)
    return word
