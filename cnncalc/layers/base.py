"""The base class of layer kinds: keys, traits, volumes, parameters, multiply-adds, and the run in NumPy.

A kind is one class in one file. Its keys are class attributes made by :func:`key`; the constructor reads each value as
its key expects, so ``Conv(filters=64, kernel=3)`` and ``conv: {filters: 64, kernel: [3, 3]}`` give equal layers.
"""

from __future__ import annotations

from itertools import takewhile
from math import inf, prod

from cnncalc.counts import NOTHING, Count, product
from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.layers.keys import shown
from cnncalc.layers.memory import Keeping
from cnncalc.layers.side_keys import PerSide
from cnncalc.layers.stencil import POINT
from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.filter_bank import FilterBank
    from cnncalc.layers.keys import Reader, Value
    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.stencil import Origins, Stencils
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes

REQUIRED: Any = object()

COMMON_KEYS = ("name", "inputs", "training_only")
"""Keys of every kind, in addition to its own."""
PARAMETER_KEYS = ("trainable", "share")
"""Keys that kinds with parameters take as well."""
TYING_KEYS = ("transposed",)
"""Keys that kinds take as well whose weights those of another layer can use transposed."""
WINDOW_KEYS = ("kernel", "stride", "pad", "dilation", "groups", "bias")
"""Keys that tell layers of a kind apart; a table has a column for each."""


class Key:
    """One key of a layer kind: its reader, default and description."""

    __slots__ = ("attribute", "default", "means", "name", "note", "reader")

    def __init__(self, reader: Reader, default: Any, name: str | None, note: str, means: str) -> None:
        self.reader = reader
        self.default = default
        self.name = name or ""
        self.attribute = ""
        self.note = note
        self.means = means

    def __set_name__(self, owner: type, attribute: str) -> None:
        self.attribute = attribute
        self.name = self.name or attribute


def key(reader: Reader, default: Any = REQUIRED, *, name: str | None = None, note: str = "", means: str = "") -> Any:
    """A key read by ``reader``; ``default`` as the layer stores it (None: computed from the other keys).

    ``note`` describes a default of None, ``means`` the key.
    """
    return Key(reader, default, name, note, means)


class Parameter(NamedTuple):
    """A parameter or buffer of a layer.

    ``shape`` is that of the array in the NumPy run, ``count`` its elements with their arithmetic, ``role`` one of
    ``weight`` (weights and scales), ``bias`` (biases and shifts), ``buffer`` (kept but not learned).
    """

    name: str
    shape: tuple[int, ...]
    count: Count  # type: ignore[assignment]  # the word of the field; tuple's own method is not used
    role: str = "weight"


class Sizing(NamedTuple):
    """How a key that a design leaves open is decided.

    In this order: by the depth of a stated volume (``by_depth``), by the setting ``name`` of the call, by the key's
    default, which is then reported as the assumption ``name``. ``last`` holds another name and default for the last
    layer of the kind on its path.
    """

    name: str
    by_depth: bool = False
    last: tuple[str, int] | None = None


class Layer:
    """A layer of a net. A subclass that sets ``kind`` is a layer kind.

    Class attributes define how the kind is written: ``first``, ``dash`` and ``slash`` name the keys that the short form
    ``KIND first - dash / slash`` sets, ``bare`` the key of ``kind: value`` and of the first bare argument. ``example``
    is a pattern with a layer of the kind. :mod:`cnncalc.layers.documentation` reads the docstrings.
    """

    kind: ClassVar[str] = ""
    other_names: ClassVar[tuple[str, ...]] = ()
    """Names of the kind in other tools, for hints."""
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Names in other tools of layers that differ: how to write each here, and the difference; see ``translation``."""
    example: ClassVar[str] = ""
    first: ClassVar[str | None] = None
    dash: ClassVar[str | None] = None
    slash: ClassVar[str | None] = None
    bare: ClassVar[str | None] = None
    further_bare: ClassVar[tuple[str, ...]] = ()
    """The keys that further arguments without a key set, in order: the maximum of ``CLIP(0, 6)``."""
    keys: ClassVar[dict[str, Key]] = {}
    per_side: ClassVar[tuple[str, ...]] = ()
    """Attributes of the keys that have one number for each side of the volume."""
    side_count: int | None = None
    """For how many sides these keys are, once :meth:`on` has bound them; None: one number holds for every side."""
    sizes: ClassVar[Mapping[str, Sizing]] = {}
    """Keys that a design may leave open, as the filters of ``CONV``."""
    replaces: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Keys that replace others: the output size of an adaptive pool replaces its windows."""

    # Traits: all that other packages know of a kind. Those that depend on keys are properties.

    is_input: ClassVar[bool] = False
    """An input of the net: it has no inputs of its own."""
    is_merge: ClassVar[bool] = False
    """Takes two or more volumes."""
    second_input: ClassVar[str | None] = None
    """What the second volume that it reads is, written ``KIND(@other)``; None: it reads one volume, or is a merge."""
    needs_second_input: ClassVar[bool] = False
    """It always reads a second volume."""
    reads_second_sizes: ClassVar[bool] = False
    """Of the second volume it reads the sizes alone."""
    takes_places: ClassVar[bool] = False
    """In place of the second volume it gets the index of each maximum, which that layer has computed."""
    is_commutative: ClassVar[bool] = False
    """The order of its inputs does not matter."""
    is_view: ClassVar[bool] = False
    """The output shares the memory of the input, also in training."""
    is_identity_at_test_time: ClassVar[bool] = False
    """At test time the output equals the input."""
    is_activation: ClassVar[bool] = False
    """An activation function, element by element."""
    is_rectifier: ClassVar[bool] = False
    """RELU or a variant of it, not a bounded function (sigmoid, tanh, softmax)."""
    is_idempotent: ClassVar[bool] = False
    """An activation function that leaves an element in its output range as it is."""
    cuts_to_range: ClassVar[bool] = False
    """An activation function that replaces each element by the nearest number of its output range."""
    works_by_map: ClassVar[bool] = False
    """Each map of the output depends on the map of the input with its number alone, and all maps in the same way."""
    is_normalization: ClassVar[bool] = False
    """Subtracts a mean and divides by a deviation."""
    centres_channels: ClassVar[bool] = False
    """Subtracts a mean of each channel, so a constant added to the channel before has no effect."""
    gives_probabilities: ClassVar[bool] = False
    """Turns scores into probabilities; as the output of a net it is computed by the cross-entropy loss."""
    divides_by_sum: ClassVar[bool] = False
    """Each element of the output is divided by a sum of many, in which other engines round more."""
    counts_macs: ClassVar[bool] = False
    """A convolution or fully-connected layer: its multiply-adds are counted, and it adds to the depth of the net."""
    weight_use: ClassVar[str] = "every weight is used at each of the {sides} positions of the output"
    """How often a weight is used, for ``explain``; ``{sides}`` stands for the product of the sides."""
    learns: ClassVar[bool] = False
    """Whether the kind can have parameters."""
    tied_to: ClassVar[str | None] = None
    """The kind whose weights it can use with inputs and outputs swapped: the last two sides of the array."""
    tied_as_view: ClassVar[bool] = False
    """Whether PyTorch gets such weights as a view; else its operation takes them as they are."""
    counts_as_layer: ClassVar[bool] = True
    """Of kinds whose multiply-adds are counted: whether they count among the layers of a net."""
    is_stated: ClassVar[bool] = False
    """Its volume and figures are stated in the text, not computed: nothing that depends on them is proven."""
    makes_windows: ClassVar[bool | None] = None
    """Whether the sides before the last count windows of a map; None: as in its first input."""
    takes_windows: ClassVar[bool] = False
    """Works on a sequence, or on the windows of a map, never on a map itself."""
    depth_key: ClassVar[str | None] = None
    """The key that sets the depth of the output."""
    output_range: ClassVar[tuple[float, float]] = (-inf, inf)
    """Lower and upper bound of the output for any input; infinite where it has none."""
    picks_least: ClassVar[bool] = False
    """The output is the least of several elements: to lower one of them changes it, to raise one may not."""
    active_range: tuple[float, float] = (-inf, inf)
    """Between which inputs the output changes, for kinds that are constant below and above."""
    drawn: ClassVar[str] = "block"
    """How drawings show it: a ``block``, ``joined`` to the block before, or a label on an ``arrow`` in a branch."""
    why_input: ClassVar[str] = "its gradient is computed from it"
    """Why backward needs the input, for kinds that keep it."""
    why_byproducts: ClassVar[str] = "the gradient uses it"
    """What is kept in addition to input and output, and why."""
    thin_depth: ClassVar[int | None] = 1
    """Smallest input depth at which receptive fields can be measured; None: the actual depth."""
    thin_keys: ClassVar[Mapping[str, Any]] = {}
    """Keys that must change for inputs of that depth."""
    keeps_output: ClassVar[bool] = False
    """Backward needs the output, so nothing may overwrite it."""
    keeps_output_in_place: ClassVar[bool] = False
    """Backward needs the output where the layer overwrites its input."""
    is_flat: ClassVar[bool | None] = None
    """Whether the output in PyTorch has shape batch x depth, without height and width; None: same as the input."""
    memory_order: ClassVar[str] = "input"
    """How PyTorch lays out its output: as the ``input``; ``suggested``: channels-last where the inputs are, else
    contiguous; or always ``contiguous``."""
    gradient_follows: ClassVar[str] = "gradient"
    """How PyTorch lays out the gradient of an input, where the output lies as the input: as the incoming ``gradient``;
    as the ``output``; or so where the kernels are not those of a CPU (``output on cuda``)."""
    autocast: ClassVar[str | None] = None
    """The type PyTorch's autocast runs it in: ``half``, ``full`` (float32), None for that of the input, or ``pool``:
    that of the input, but float32 on a CPU for volumes with three sides."""
    normalizes_batch: ClassVar[bool] = False
    """Normalizes over the batch: PyTorch also counts batches, and raises an error for a single value per channel."""
    in_notes_table: ClassVar[bool] = False
    """The course notes list its volume in their tables of memory."""

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
                raise ValueProblem(f"{self.kind} needs '{name}': {item.reader.expects}", code="missing-key")
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
        """Checks the keys as they are on volumes with as many sides as they fix, or one."""
        if not self.per_side:
            self._check()
            return
        example = self.on(self._fixed_sides())
        for name in self.per_side:
            if example.__dict__[name] is None and not isinstance(self.__dict__[name], tuple):
                self.__dict__[name] = None  # as its default; a list stays, so that its length is checked

    def _fixed_sides(self) -> int:
        """The number of sides that the keys are for; where all are single numbers, one stands for every side."""
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
        """The layer for volumes with this number of sides: its keys with one number a side are tuples.

        Raises ValueProblem, with the key, if one of them is for another number of sides.
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
        """The layer that takes the places of ``source``, its second input, whose own inputs are ``inputs``."""
        raise NotImplementedError

    def _check(self) -> None:
        """Raises ValueProblem for keys that contradict each other; those with one number a side are tuples."""

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
        """Why its weights cannot be used transposed, as the key that says so; None: they can."""
        return None

    @classmethod
    def is_replaced(cls, name: str, values: Mapping[str, Value]) -> bool:
        """Whether one of the values replaces a key."""
        return any(name in replaced for other, replaced in cls.replaces.items() if other in values)

    @property
    def is_linear(self) -> bool:
        """At test time the output is a linear function of the inputs, plus a constant."""
        return False

    @property
    def picks_values(self) -> bool:
        """At test time each element of the output is an element of the input."""
        return self.is_identity_at_test_time

    @property
    def folds_into_weights(self) -> bool:
        """At test time it is one learned factor and shift per channel, which can join the weights before it."""
        return False

    @property
    def tells_inputs_apart(self) -> bool:
        """A merge whose output depends in another way on each of several equal inputs: :meth:`stencils` of each."""
        return False

    @property
    def mixes_images(self) -> bool:
        """The output for an image depends on the other images of the batch."""
        return False

    def is_view_in_torch(self, output: Volume) -> bool:
        """Whether PyTorch gives a view of the input as output."""
        return self.is_view

    @property
    def is_view_at_test_time(self) -> bool:
        """At test time the output shares the memory of the input."""
        return self.is_view or self.is_identity_at_test_time

    @property
    def family(self) -> str:
        """The family of the kind: the file that defines its topmost base below ``Layer``, such as ``convolution``."""
        return type(self).__mro__[-3:][0].__module__.rpartition(".")[2]

    @property
    def sliding_kernel(self) -> tuple[int, ...] | None:
        """The sides of the kernel that drawings show as a window on the input; None: no window is drawn."""
        return None

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        """How the sides and the depth of the output are computed, with numbers, for ``explain``."""
        return ["same as the input"] if output == inputs[0] else []

    def is_depthwise(self, x: Volume) -> bool:
        """Whether it is a convolution each of whose filters sees one channel of the input."""
        return False

    def without_figures(self) -> Layer:
        """The layer with none of its stated figures but its volume; itself where they are computed."""
        return self

    def no_effect(self, x: Volume) -> str | None:
        """Why the layer leaves this input unchanged, in words (``its factor is 1``); None where it changes it."""
        return None

    def possible_places(self, xp: Any) -> Iterator[Any]:
        """Of layers that take the places of a max pool: every place that a maximum can have, an array at a time."""
        raise NotImplementedError

    def is_constant(self, *inputs: Volume) -> bool:
        """Whether the output is the same for every input. What it reads counts in receptive fields all the same."""
        return False

    def thin(self, *inputs: Volume) -> tuple[Layer, tuple[Volume, ...]]:
        """The layer with the same windows on inputs of reduced depth, and these inputs."""
        if self.thin_depth is None:
            return self, inputs
        layer = self.with_keys(**self.thin_keys) if self.thin_keys else self
        return layer, tuple([x.with_depth(self.thin_depth) for x in inputs])

    def weight_range(self, shape: tuple[int, ...]) -> tuple[float, float]:
        """Range of random weights that keeps activations of the same size from layer to layer.

        It is -sqrt(6/n) to sqrt(6/n), where n is :meth:`fan_in`. Source: He et al. 2015, section 2.2.
        """
        bound = (6 / self.fan_in(shape)) ** 0.5
        return -bound, bound

    def fan_in(self, shape: tuple[int, ...]) -> int:
        """How many products one output adds up, for weights of this shape."""
        return prod(shape[:-1])

    # Volumes, parameters and costs

    def label(self) -> str:
        """The layer as the notes write it: ``CONV3-64``, ``POOL2``, ``RELU``; with unusual keys ``LRELU(0.2)``.

        Also of layers that are not bound to a number of sides.
        """
        return self.kind.upper() + self.unusual(*[name for name in self.keys if name != "in_place"])

    def unusual(self, *names: str) -> str:
        """The keys of these names that differ from their defaults, for a label: ``(groups=4, dilation=2)``."""
        written = [(name, value) for name, value in self.written().items() if name in names]
        texts = [(name, shown(value).replace("'", "")) for name, value in written]
        placed = self.placed(dict(written))
        parts = [text if name in placed else f"{name}={text}" for name, text in texts]
        return f"({', '.join(parts)})" if parts else ""

    @classmethod
    def placed(cls, values: Mapping[str, Value]) -> tuple[str, ...]:
        """The keys of these that need not be named: the first bare arguments, up to one that is missing."""
        names = (cls.bare, *cls.further_bare)
        return tuple([name for name in takewhile(values.__contains__, names) if name is not None])

    def window_keys(self) -> dict[str, Any]:
        """The keys of the window and of the weights as they are used, also those left open."""
        return {name: self.__dict__[name] for name in WINDOW_KEYS if name in self.keys}

    def output(self, *inputs: Volume) -> Volume:
        """The output volume; raises ShapeError with the rule and the numbers that violate it."""
        (x,) = inputs
        return x

    def assumed(self, *inputs: Volume) -> Mapping[str, Value]:
        """What the keys leave open and the input volumes decide, by the name of the assumption."""
        return {}

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        """The parameters, for these input volumes."""
        return ()

    def buffers(self, *inputs: Volume) -> tuple[Parameter, ...]:
        """Arrays that are kept but not learned, such as running means."""
        return ()

    def macs(self, inputs: Volumes, output: Volume) -> Count:
        """Multiply-adds for one image; 0 for kinds without the trait ``counts_macs``."""
        return NOTHING

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        """Which positions of its input number ``of`` an output depends on, side by side; None: on all of them.

        None for a side: on all positions along it.
        """
        return (POINT,) * (len(inputs[of]) - 1)

    def origins(self, *inputs: Volume) -> Origins | None:
        """For kinds that move elements between the sides: where they come from. None: :meth:`stencils` says it."""
        return None

    def channel_use(self, *inputs: Volume) -> str:
        """How the channels of the output depend on those of the inputs.

        ``apart``: each depends on some, at the same position or in the same window, and all are used; ``mixed``: each
        depends on all; ``some``: not all are used; ``stacked``: those of one input follow those of another; ``moved``:
        they come from different positions.
        """
        return "apart"

    def arithmetic(self, output: Volume) -> Count:
        """The elements of the output as the notes write them: ``224*224*64``, and ``4096`` after an FC."""
        if output.is_point:
            return Count(output.depth)
        return product(*output)

    def may_work_in_place(self) -> bool | None:
        """Whether the keys allow it to overwrite its input; None: the keys do not say."""
        return None

    def forward(self, xp: Any, *inputs: Any, **arrays: Any) -> Any:
        """The output at test time, computed in NumPy.

        Arrays are batch x sides x depth, stored as :mod:`cnncalc.layers.planes` describes; the sides of a plane are
        height and width. A kind names its inputs and the arrays of :meth:`parameters` and :meth:`buffers` that it
        takes: ``forward(xp, x, *, weight, bias=None)``. ``xp`` is NumPy, or a wrapper of it that counts multiply-adds.
        Shapes are taken from the arrays, never from :meth:`output`. Kinds that can work in place take ``out``, which is
        then the first input itself; without it the result has memory of its own, unless the layer is a view.
        """
        raise NotImplementedError

    # What a faster run may use in place of :meth:`forward`, which it must equal

    def filter_bank(self, xp: Any, *sides: Any, **arrays: Any) -> FilterBank | None:
        """The layer at test time as filters over windows of an array with these sides (one sequence).

        None for layers that are something else.
        """
        return None

    def channelwise(self, xp: Any, *none: Any, **arrays: Any) -> tuple[Any, Any] | None:
        """The factor and the shift of each channel that the layer is at test time; either is None if there is none.

        None for layers that are something else.
        """
        return None

    def pairwise(self, xp: Any) -> Any:
        """The NumPy function of two arrays that a merge applies to its inputs, one after the other.

        None for layers that do something else.
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
        """The same for PyTorch 2.13, as measured; frozen parameters make no difference there."""
        return self.keeping(inputs, output, in_place=in_place)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        """Records the operations that PyTorch runs for the layer; returns the value that is its output.

        Kinds that PyTorch composes of several operations override this.
        """
        return builder.single(inputs)

    def order_in_torch(self, arrays: Sequence[Parameter]) -> Sequence[Parameter]:
        """The parameters and buffers of the layer in the order in which PyTorch's optimizers go through them."""
        return arrays

    def copies_weight_gradient(self, shape: tuple[int, ...]) -> bool:
        """Whether PyTorch copies the gradient of weights of this shape where it is made channels-last.

        A gradient takes the order of the parameter, which is another one only where there are several kernel positions
        and several channels behind one another.
        """
        return False

    def forward_training(self, xp: Any, *inputs: Any, **arrays: Any) -> tuple[Any, dict[str, Any]]:
        """The forward pass in training: the output, and by name the extras that :meth:`keeping` declares.

        The arguments are those of :meth:`forward` and ``random``, a NumPy generator. Running statistics are updated.
        """
        arrays.pop("random", None)
        return self.forward(xp, *inputs, **arrays), {}

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        """The gradients of the inputs and the parameters, from the gradient of the output.

        ``gradient`` has the shape of the output; each of its images is contiguous in memory. It is not modified.
        Gradients of inputs are what :meth:`keeping` declares: new arrays, the incoming one, or views of it. Those of
        parameters are new arrays in the memory order of the parameters.
        """
        raise NotImplementedError
