"""The base class of layer kinds: keys, volumes, parameters, multiply-adds, and the run in NumPy.

A kind is one class, and a family of kinds one file. Its keys are class attributes made by :func:`key`; the constructor
reads each value as its key expects, so that ``Conv(filters=64, kernel=3)`` and ``conv: {filters: 64, kernel: [3, 3]}``
give equal layers.
"""

from __future__ import annotations

from itertools import takewhile
from math import prod

from cnncalc.counts import NOTHING, Count, product
from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.layers.keys import shown
from cnncalc.layers.memory import Keeping
from cnncalc.layers.side_keys import PerSide
from cnncalc.layers.stencil import POINT
from cnncalc.layers.traits import Traits
from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.filter_bank import FilterBank
    from cnncalc.layers.keys import Reader, Value
    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.stencil import Origins, Stencils
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes

REQUIRED: Any = object()
"""The default of a key that has none."""

COMMON_KEYS = ("name", "inputs", "training_only")
"""Keys of every kind, in addition to its own."""
PARAMETER_KEYS = ("trainable", "share")
"""Keys that kinds with parameters take as well."""
TYING_KEYS = ("transposed",)
"""Keys that kinds also take which can use the weights of another layer transposed."""
WINDOW_KEYS = ("kernel", "stride", "pad", "dilation", "groups", "bias")
"""Keys that tell layers of a kind apart; a table has a column for each."""


class Key:
    """One key of a layer kind.

    ``name`` is the key in files, ``attribute`` the attribute of the layer; ``default``, ``note`` and ``means`` are
    those of :func:`key`.
    """

    __slots__ = ("attribute", "default", "means", "name", "note", "reader")

    def __init__(
        self, reader: Reader, default: Any = REQUIRED, name: str | None = None, note: str = "", means: str = ""
    ) -> None:
        self.reader = reader
        self.default = default
        self.name = name or ""
        self.attribute = ""
        self.note = note
        self.means = means

    def __set_name__(self, owner: type, attribute: str) -> None:
        self.attribute = attribute
        self.name = self.name or attribute

    @property
    def example(self) -> Value:
        """A value of the language for hints, which works in almost every net; None if it follows from the input."""
        if self.reader.example is not None or self.default is None or self.default is REQUIRED:
            return self.reader.example
        return self.reader.write(self.default)


def key(reader: Reader, default: Any = REQUIRED, *, name: str | None = None, note: str = "", means: str = "") -> Any:
    """A key of a kind, as a class attribute.

    ``reader`` reads its values. ``default`` is the default as the layer stores it: REQUIRED if there is none, None if
    it follows from the other keys, which ``note`` describes. ``name`` is the key in files (default: the name of the
    attribute), ``means`` its description in the documentation.
    """
    return Key(reader, default, name, note, means)


class Parameter(NamedTuple):
    """A parameter or buffer of a layer.

    ``shape`` is the shape of the array in the NumPy run, ``count`` the number of its elements with the arithmetic,
    ``role`` one of ``weight`` (weights and scales), ``bias`` (biases and shifts) and ``buffer`` (kept but not learned).
    """

    name: str
    shape: tuple[int, ...]
    count: Count  # type: ignore[assignment]  # the word of the field; tuple's own method is not used
    role: str = "weight"


class Sizing(NamedTuple):
    """How the value of a key is found that a design leaves open.

    In this order: the depth of a stated volume (if ``by_depth``), the option ``name``, the default of the key, which is
    then reported as assumed by this name. ``last`` is another name and default, for a layer after which no other one of
    the kind follows.
    """

    name: str
    by_depth: bool = False
    last: tuple[str, int] | None = None


class Layer(Traits):
    """A layer of a net. A subclass that sets ``kind`` is a layer kind.

    Class attributes define how the kind is written: ``first``, ``dash`` and ``slash`` name the keys that the short form
    ``KIND first - dash / slash`` sets, ``bare`` the key of ``kind: value`` and of the first bare argument. ``example``
    is a pattern with a layer of the kind. :mod:`cnncalc.layers.documentation` reads the docstrings.
    """

    kind: ClassVar[str] = ""
    other_names: ClassVar[tuple[str, ...]] = ()
    """Names of the kind in other tools, for hints; a digit at the end would be read as a size."""
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Names in other tools of layers that differ: how to write each here, and the difference.

    :mod:`cnncalc.language.translation` reads them.
    """
    example: ClassVar[str] = ""
    first: ClassVar[str | None] = None
    dash: ClassVar[str | None] = None
    slash: ClassVar[str | None] = None
    bare: ClassVar[str | None] = None
    further_bare: ClassVar[tuple[str, ...]] = ()
    """The keys that further arguments without a key set, in order: ``high`` in ``CLIP(0, 6)``."""
    keys: ClassVar[dict[str, Key]] = {}
    per_side: ClassVar[tuple[str, ...]] = ()
    """The attributes of keys whose value has one number for each side of the volume."""
    side_count: int | None = None
    """The number of sides to which :meth:`on` has bound these keys, which are then tuples; None: not bound."""
    sizes: ClassVar[Mapping[str, Sizing]] = {}
    """The keys that a design may leave open, such as the filters of ``CONV``."""
    replaces: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The keys that replace others: ``output`` of an adaptive pool replaces ``kernel``, ``stride`` and others."""

    def __init_subclass__(cls) -> None:
        own = {value.name: value for value in vars(cls).values() if isinstance(value, Key)}
        for item in own.values():
            delattr(cls, item.attribute)
        cls.keys = {**cls.keys, **own}
        cls.per_side = tuple([item.attribute for item in cls.keys.values() if isinstance(item.reader, PerSide)])

    def __init__(self, **values: Value) -> None:
        state = self.__dict__
        for name, item in self.keys.items():
            if name in values:
                value = values.pop(name)
            elif item.attribute in values:
                value = values.pop(item.attribute)
            elif item.default is REQUIRED:
                message, hint = f"{self.kind} needs '{name}': {item.reader.expects}", f"as in {self.in_example()}"
                raise ValueProblem(message, code="missing-key", hint=hint)
            else:
                state[item.attribute] = item.default
                continue
            if value is None and item.default is None:
                state[item.attribute] = None
                continue
            try:
                state[item.attribute] = item.reader(value)
            except ValueProblem as problem:
                message = f"{name}: {problem.message}"
                raise ValueProblem(message, code=problem.code, hint=problem.hint, key=name) from None
        for name in values:
            near = did_you_mean(name, self.keys)
            raise ValueProblem(f"{self.kind} has no key '{name}'{near}", code="unknown-key")
        try:
            self._check_unbound()
        except ValueProblem as problem:
            problem.key = problem.key or problem.message.partition(":")[0]
            raise

    def _check_unbound(self) -> None:
        """Checks the keys, bound to the number of sides of :meth:`_fixed_sides`, before the volume is known."""
        if not self.per_side:
            self._check()
            return
        example = self.on(self._fixed_sides())
        for name in self.per_side:
            if example.__dict__[name] is None and not isinstance(self.__dict__[name], tuple):
                self.__dict__[name] = None  # the default; a list stays, so that its length is checked later

    def _fixed_sides(self) -> int:
        """The number of sides that the keys are for; if they are for any number, 2 for lists and else 1."""
        several = []
        for item in self.keys.values():
            if isinstance(item.reader, PerSide):
                value = self.__dict__[item.attribute]
                sides = item.reader.sides_of(value)
                if sides is not None:
                    return sides
                several.append(value)
        return 2 if any(isinstance(value, tuple) for value in several) else 1

    def on(self, sides: int) -> Layer:
        """The layer bound to volumes with this number of sides: keys with one number for each side become tuples.

        Raises ValueProblem, with the key, if a key is for another number of sides.
        """
        if not self.per_side or self.side_count == sides:
            return self
        bound = object.__new__(type(self))
        state = bound.__dict__
        state.update(self.__dict__)
        state["side_count"] = sides
        for item in self.keys.values():
            value = state[item.attribute]
            if isinstance(item.reader, PerSide) and value is not None:
                try:
                    state[item.attribute] = item.reader.bind(value, sides)
                except ValueProblem as problem:
                    message = f"{item.name}: {problem.message}"
                    raise ValueProblem(message, code=problem.code, key=item.name, hint=problem.hint) from None
        bound._check()
        return bound

    def after(self, source: Layer, inputs: Volumes) -> Layer:
        """The layer bound to its second input ``source``, whose places it reads; ``inputs`` are the volumes of that."""
        raise NotImplementedError

    def undone(self) -> tuple[Layer, Volume]:
        """Of a kind that ``takes_places``, the max pool that it undoes, and the input volume of that pool."""
        raise NotImplementedError

    def _check(self) -> None:
        """Raises ValueProblem for keys that contradict each other; keys with one number for each side are tuples."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a layer cannot be changed: {self!r}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.__dict__.values())))

    def __repr__(self) -> str:
        keys = ", ".join(f"{name}={value!r}" for name, value in self.written().items())
        return f"{type(self).__name__}({keys})"

    def written(self) -> dict[str, Value]:
        """The keys that differ from their defaults, by name, as values of the language."""
        found = {}
        for name, item in self.keys.items():
            value = self.__dict__[item.attribute]
            if value != item.default:
                written = item.reader.write(value)
                if written != item.default:  # one number for every side, as the default
                    found[name] = written
        return found

    def with_keys(self, **keys: Any) -> Layer:
        """The layer with other values for some keys; None removes a key."""
        values = {**self.written(), **keys}
        layer = type(self)(**{name: value for name, value in values.items() if value is not None})
        return layer if self.side_count is None else layer.on(self.side_count)

    @classmethod
    def common_keys(cls) -> tuple[str, ...]:
        """The common keys that the kind takes in addition to its own."""
        own = (*PARAMETER_KEYS, *TYING_KEYS) if cls.tied_to else PARAMETER_KEYS if cls.learns else ()
        return (*COMMON_KEYS, *own)

    @property
    def untied(self) -> str | None:
        """The key because of which another layer cannot use its weights transposed; None: it can."""
        return None

    @classmethod
    def in_example(cls) -> str:
        """A layer of the kind in its example, as text: ``LINEAR-64``."""
        from re import search

        found = search(rf"\b{cls.kind.upper()}(?![A-Z])[-\w./]*(?:\([^)]*\)| [\dx]+)?", cls.example)
        assert found is not None
        return found[0]

    @classmethod
    def is_replaced(cls, name: str, values: Mapping[str, Value]) -> bool:
        """Whether one of the keys in ``values`` replaces the key of that name."""
        return any(name in replaced for other, replaced in cls.replaces.items() if other in values)

    @property
    def family(self) -> str:
        """The family of the kind: the file that defines its topmost base below ``Layer``, such as ``convolution``."""
        bases = type(self).__mro__
        return bases[bases.index(Layer) - 1].__module__.rpartition(".")[2]

    @property
    def sliding_kernel(self) -> tuple[int, ...] | None:
        """The sides of the kernel that drawings show as a window on the input; None: no window is drawn."""
        return None

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        """Lines for ``explain`` that show with numbers how the sides and the depth of the output are computed."""
        return ["same as the input"] if output == inputs[0] else []

    def is_depthwise(self, x: Volume) -> bool:
        """Whether it is a convolution each of whose filters sees one channel of the input."""
        return False

    def without_figures(self) -> Layer:
        """The layer without its stated figures, except its volume; the layer itself if its figures are computed."""
        return self

    def no_effect(self, x: Volume) -> str | None:
        """Why the layer leaves an input of this volume unchanged (``its factor is 1``); None if it changes it."""
        return None

    def is_constant(self, *inputs: Volume) -> bool:
        """Whether the output for one image is the same for every input; it counts in receptive fields nevertheless."""
        return False

    def thin(self, *inputs: Volume) -> tuple[Layer, tuple[Volume, ...]]:
        """The layer with the same windows for inputs of depth ``thin_depth``, and the volumes of these inputs."""
        if self.thin_depth is None:
            return self, inputs
        layer = self.with_keys(**self.thin_keys) if self.thin_keys else self
        return layer, tuple([x.with_depth(self.thin_depth) for x in inputs])

    def weight_range(self, shape: tuple[int, ...]) -> tuple[float, float]:
        """The range of random weights of this shape with which activations keep their size from layer to layer.

        It is -sqrt(6/n) to sqrt(6/n), where n is :meth:`fan_in`.

        Source: He et al. 2015, "Delving Deep into Rectifiers", section 2.2.
        """
        bound = (6 / self.fan_in(shape)) ** 0.5
        return -bound, bound

    def fan_in(self, shape: tuple[int, ...]) -> int:
        """The number of products that are added up to one element of the output, for weights of this shape."""
        return prod(shape[:-1])

    # Volumes, parameters and costs

    def label(self) -> str:
        """The layer as the course notes write it: ``CONV3-64``, ``POOL2``, ``RELU``; with other keys ``LRELU(0.2)``.

        The layer need not be bound to a number of sides.
        """
        return self.kind.upper() + self.unusual(*[name for name in self.keys if name != "in_place"])

    def unusual(self, *names: str) -> str:
        """Those of these keys that differ from their defaults, for a label: ``(groups=4, dilation=2)``."""
        written = [(name, value) for name, value in self.written().items() if name in names]
        texts = [(name, shown(value).replace("'", "")) for name, value in written]
        placed = self.placed(dict(written))
        parts = [text if name in placed else f"{name}={text}" for name, text in texts]
        return f"({', '.join(parts)})" if parts else ""

    @classmethod
    def placed(cls, values: Mapping[str, Value]) -> tuple[str, ...]:
        """Those of these keys whose values can be written without the key: the bare ones, up to one that is missing."""
        names = (cls.bare, *cls.further_bare)
        return tuple([name for name in takewhile(values.__contains__, names) if name is not None])

    def window_keys(self) -> dict[str, Any]:
        """The keys in WINDOW_KEYS with the values that are used, also where they are left open."""
        return {name: self.__dict__[name] for name in WINDOW_KEYS if name in self.keys}

    def output(self, *inputs: Volume) -> Volume:
        """The output volume; raises ShapeError with the rule and the numbers that violate it."""
        (x,) = inputs
        return x

    def assumed(self, *inputs: Volume) -> Mapping[str, Value]:
        """What the keys leave open and the input volumes decide, by the name with which it is reported as assumed."""
        return {}

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        """The parameters for these input volumes, in the order of the table."""
        return ()

    def buffers(self, *inputs: Volume) -> tuple[Parameter, ...]:
        """The arrays for these input volumes that are kept but not learned, such as running means."""
        return ()

    def macs(self, inputs: Volumes, output: Volume) -> Count:
        """Multiply-adds for one image; 0 for kinds without the trait ``counts_macs``."""
        return NOTHING

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        """The positions of input number ``of`` on which an output depends, side by side; None: all positions.

        None for a side: all positions along it.
        """
        return (POINT,) * (len(inputs[of]) - 1)

    def stencils_of_each(self, *inputs: Volume) -> list[Stencils | None]:
        """:meth:`stencils` for each of the inputs."""
        if not self.is_merge or self.tells_inputs_apart:
            return [self.stencils(*inputs, of=number) for number in range(len(inputs))]
        numbers = {x: number for number, x in enumerate(inputs)}
        known = {x: self.stencils(*inputs, of=number) for x, number in numbers.items()}
        return [known[x] for x in inputs]

    def may_see_less(self, *inputs: Volume, of: int = 0) -> bool:
        """Whether some outputs depend on none of the positions of input number ``of`` that :meth:`stencils` give."""
        return False

    def origins(self, *inputs: Volume) -> Origins | None:
        """For kinds that move elements between the sides, where these come from; None: :meth:`stencils` tells it."""
        return None

    def channel_use(self, *inputs: Volume) -> str:
        """How the channels of the output depend on those of the inputs, in one word.

        ``apart``: each depends on some channels, at the same position or in the same window, and each channel is used;
        ``mixed``: each depends on all channels; ``some``: some channels of the input are not used; ``filled``: some
        channels of the output depend on nothing; ``stacked``: the channels of one input follow those of another;
        ``moved``: elements of a channel come from different positions; ``parted``: each depends on all channels, of a
        position of its own.
        """
        return "apart"

    def channel_uses(self, *inputs: Volume) -> list[str]:
        """:meth:`channel_use` for each of the inputs."""
        return [self.channel_use(*inputs)] * len(inputs)

    def torch_sample(self, x: Volume, batch: int, *, training: bool) -> int | None:
        """From how many values of an input PyTorch computes each mean, if it refuses to do so from a single one."""
        return None

    def torch_refusal(self, x: Volume) -> tuple[str, str] | None:
        """Why PyTorch refuses the layer on an input of this volume, and a way out; None: it takes it."""
        return None

    def arithmetic(self, output: Volume) -> Count:
        """The elements of the output as the notes write them: ``224*224*64``, and ``4096`` after an FC."""
        if output.is_point:
            return Count(output.depth)
        return product(*output)

    def may_work_in_place(self) -> bool | None:
        """Whether the keys say that it overwrites its input, or that it does not; None: they leave it open."""
        return None

    def forward(self, xp: Any, *inputs: Any, **arrays: Any) -> Any:
        """The output at test time, computed in NumPy.

        Arrays have the shape batch x sides x depth (the sides of a plane are height and width) and the memory order of
        :mod:`cnncalc.layers.planes`. The arguments are the inputs and, by name, the arrays of :meth:`parameters` and
        :meth:`buffers`: ``forward(xp, x, *, weight, bias=None)``. ``xp`` is NumPy, or a wrapper of it that counts
        multiply-adds. Shapes are taken from the arrays, never from :meth:`output`. Kinds that can work in place take
        ``out``, which is then the first input itself; without it the result is a new array, unless the layer is a view.
        """
        raise NotImplementedError

    # What a faster run may use instead of :meth:`forward`, with the same result

    def filter_bank(self, xp: Any, *sides: Any, **arrays: Any) -> FilterBank | None:
        """The layer at test time as filters over windows; None if it cannot be computed so.

        The one positional argument is the sides of the input; ``arrays`` are those of :meth:`forward`.
        """
        return None

    def channelwise(self, xp: Any, *none: Any, **arrays: Any) -> tuple[Any, Any] | None:
        """The factor and the shift by which the layer maps each channel at test time; None if it cannot be computed so.

        Each is an array with one number for each channel, or None. ``arrays`` are those of :meth:`forward`.
        """
        return None

    def pairwise(self, xp: Any) -> Any:
        """The NumPy function of two arrays by which a merge combines its inputs, one after the other.

        None if it cannot be computed so.
        """
        return None

    # Training

    kept: ClassVar[Keeping] = Keeping()
    """What training keeps and allocates, if it does not depend on the keys."""

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        """What the NumPy training run keeps for backward and allocates in backward.

        ``in_place``: it overwrites its first input; ``learns``: its parameters are learned, not frozen.
        """
        return self.kept

    def keeping_in_torch(self, inputs: Volumes, output: Volume, *, in_place: bool = False) -> Keeping:
        """What PyTorch 2.13 keeps and allocates, as measured, whether the parameters are frozen or not."""
        return self.keeping(inputs, output, in_place=in_place)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        """Records the operations that PyTorch runs for the layer; returns the number of the value that is its output.

        ``inputs`` are the numbers of the values that it reads. Kinds that PyTorch composes of several operations
        override this.
        """
        return builder.single(inputs)

    def order_in_torch(self, arrays: Sequence[Parameter]) -> Sequence[Parameter]:
        """The parameters and buffers of the layer in the order in which PyTorch's optimizers go through them."""
        return arrays

    def copies_weight_gradient(self, shape: tuple[int, ...]) -> bool:
        """Whether PyTorch copies the gradient of weights of this shape if it is computed channels-last.

        The gradient must have the memory order of the parameter, which differs from channels-last only if there are
        several kernel positions and several channels.
        """
        return False

    def forward_training(self, xp: Any, *inputs: Any, **arrays: Any) -> tuple[Any, dict[str, Any]]:
        """The output of the forward pass in training, and by name the extras that :meth:`keeping` declares.

        The arguments are those of :meth:`forward`, and ``random``, a NumPy random generator. Running statistics are
        updated in place.
        """
        arrays.pop("random", None)
        return self.forward(xp, *inputs, **arrays), {}

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        """The gradients of the inputs and the parameters, from the gradient of the output.

        ``gradient`` has the shape of the output, batch x sides x depth; each of its images is contiguous in memory. It
        is not modified. The gradients of inputs are what :meth:`keeping` declares: new arrays, the incoming gradient,
        or views of it. Those of parameters are new arrays in the memory order of the parameters.
        """
        raise NotImplementedError
