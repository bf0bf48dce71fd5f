"""The interface by which a layer records the PyTorch operations it is lowered to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.layers.layout import Layout
    from cnncalc.layers.memory import Extra, Size
    from cnncalc.volume import Volume


class TorchBuilder(Protocol):
    """Records the operations that PyTorch runs for one layer; values and parameters are referred to by number.

    Sizes are those of one image; ``item`` is bytes per element.
    """

    @property
    def volumes(self) -> tuple[Volume, ...]:
        """The input volumes of the layer."""

    @property
    def output(self) -> Volume:
        """The output volume of the layer."""

    @property
    def images(self) -> int:
        """The number of images in layouts, which stands for any larger one."""

    @property
    def in_place(self) -> bool:
        """Whether the layer overwrites its first input."""

    @property
    def gives_places(self) -> bool:
        """Whether another layer reads the index of each maximum of the layer."""

    @property
    def training(self) -> bool:
        """Whether it is a training step, not an inference."""

    @property
    def is_cpu(self) -> bool:
        """Whether the kernels are those of a CPU, not those of CUDA."""

    @property
    def is_native_norm(self) -> bool:
        """Whether PyTorch normalizes over the batch by its native kernels, not by those of cuDNN."""

    @property
    def convolution_order(self) -> str:
        """The order in which a convolution lays out its output."""

    @property
    def composes(self) -> bool:
        """Whether kernels that the build lacks are composed of others."""

    @property
    def own_parameters(self) -> tuple[int, ...]:
        """The parameters of the layer, in its order."""

    @property
    def autocast(self) -> str | None:
        """The half-precision type of activations under autocast."""

    @property
    def item(self) -> int:
        """Bytes of an activation."""

    @property
    def parameter_item(self) -> int:
        """Bytes of an element of a parameter."""

    @property
    def last(self) -> int:
        """The number of the last operation recorded so far."""

    def learns(self, value: int) -> bool:
        """Whether a gradient reaches a value."""

    def item_of(self, value: int) -> int:
        """Bytes of an element of a value."""

    def bytes_of(self, value: int) -> Size:
        """The size of a value in bytes."""

    def learned_bytes(self, parameter: int) -> Size:
        """The bytes of the gradient of a parameter; none if it is frozen."""

    def is_flat(self, value: int) -> bool:
        """Whether PyTorch has a value as batch x depth."""

    def made(self, inputs: Sequence[int], volume: Volume, order: str | None = None) -> Layout:
        """The layout of the output of the layer, by default in the order that it declares in ``memory_order``."""

    def by_channel(self, value: int) -> Layout:
        """The layout of an element-wise operation on a value and a parameter with one element a channel."""

    def layout_of(self, value: int) -> Layout:
        """How the elements of a value of the net lie in memory."""

    def operation(
        self,
        inputs: Sequence[int],
        elements: Size | None = None,
        *,
        item: int | None = None,
        layout: Layout | None = None,
        is_alias: bool = False,
        keeps: tuple[int, ...] = (),
        keeps_output: bool = False,
        extras: tuple[Extra, ...] = (),
        gradients: tuple[str, ...] | None = None,
        parameters: tuple[int, ...] = (),
        saves_parameter: bool = False,
        backward_scratch: tuple[Size, ...] = (),
        summed_inputs: tuple[int, ...] = (),
        summed_parameters: tuple[int, ...] = (),
        order: str | Layout = "input",
        gathers: str | None = None,
    ) -> int:
        """One operation; its output has the size and type of the first input unless given.

        ``keeps`` are the inputs kept for backward, by position. ``backward_scratch`` are temporaries of backward;
        negative ones are results that are made after the temporaries are freed. ``gradients`` has a word for each
        input, as in :class:`~cnncalc.layers.memory.Keeping`: ``new``, ``same``, ``view``, or
        ``none``. ``layout`` is by default that of an element-wise operation on the inputs. ``is_alias``: it overwrites
        the first input. ``saves_parameter``: backward needs a parameter. ``summed_inputs`` (by position) and
        ``summed_parameters``: those whose gradients autograd sums to their size after the function of backward is over.
        ``order`` is that of new gradients: ``input`` (as an element-wise operation on the incoming gradient and the
        input makes them), ``output`` (on the output and the incoming gradient), ``repeated`` (on the incoming one
        alone, repeated), ``cut`` (on a part of it), ``incoming`` (channels-last where the incoming one is),
        ``suggested`` (where the input is), ``contiguous``, ``channels last``, ``base`` (exactly as the input), or a
        layout: on that and the incoming one, in contiguous memory if this is channels-last.
        """

    def single(
        self,
        inputs: Sequence[int],
        *,
        output: Volume | None = None,
        keeps: tuple[int, ...] | None = None,
        order: str | None = None,
        gradient_order: str | Layout | None = None,
        gathers: str | None = None,
        makes_all: str | None = None,
        summed: tuple[int, ...] = (),
        scratch: tuple[Size, ...] = (),
        made: tuple[int, int] | None = None,
        is_product: bool = False,
    ) -> int:
        """The layer as one operation, by what it declares in ``keeping_in_torch``, ``autocast`` and ``memory_order``.

        ``keeps`` and ``order`` replace what it declares; ``gradient_order`` is that of the gradient, if it is another
        one. ``gathers``: backward first copies the gradient if it is not
        dense in that order. ``makes_all``: backward makes the gradient of the
        ``input``, or ``all`` gradients, needed or not.
        ``summed``: the parameters of the layer, by position, whose gradients are summed as ``summed_parameters`` are.
        ``scratch``: temporaries of backward. ``made``: a value that takes the place of the first so many parameters.
        ``is_product``: it multiplies by the first parameter, transposed.
        """

    def view(self, value: int) -> int:
        """The same tensor in another shape, within an operation that PyTorch composes of several."""

    def same(self, value: int) -> int:
        """The tensor itself."""

    def viewed(self, value: int, *, merges: str | None = None) -> int:
        """A view of a value as a map.

        ``merges``: it was computed with the maps of all ``images`` as those of one, or with all ``sides`` as one.
        """

    def flat(self, value: int) -> int:
        """A value as batch x depth: a view where its layout allows it, else a copy."""

    def reshaped(self, value: int, sizes: Sequence[int]) -> int:
        """The same elements with these sides after the batch: a view where the layout allows it, else a copy."""

    def sliced(self, value: int, volume: Volume) -> int:
        """A view of some of the channels and positions: one operation for each side that is cut."""

    def summed(self, value: int, volume: Volume) -> int:
        """A sum over some axes, whose gradient is a view of the incoming one, repeated along them."""

    def permuted(self, value: int, order: tuple[int, ...]) -> int:
        """A view with the batch, the depth and the sides in another order."""

    def gathered(self, value: int, order: str) -> int:
        """The value itself if it is dense in that order, else a copy that is.

        The order is ``suggested``, ``contiguous`` or ``channels last``.
        """

    def averaged(self, value: int, output: Volume) -> int:
        """The layer as the mean of each map."""

    def as_plane(self, value: int) -> int:
        """A view of a length as a plane of height 1."""

    def as_length(self, value: int) -> int:
        """The inverse of :meth:`as_plane`."""

    def resized(self, value: int, volume: Volume, *, crops: bool = False, crops_some: bool = False) -> int:
        """A copy padded or cropped to a volume; ``crops``: on no side padded, ``crops_some``: on some side cropped."""

    def constant(self, value: int, depth: int | None = None, *, images: bool = False) -> int:
        """A new tensor to which no gradient flows: like a value, or with one number a channel.

        ``depth`` 0: a single number; ``images``: others for each image.
        """

    def times_number(self, value: int) -> int:
        """Value times a Python number."""

    def plus_number(self, value: int) -> int:
        """Value plus a Python number."""

    def times_constant(self, value: int, constant: int, *, in_place: bool = False) -> int:
        """Value times a tensor to which no gradient flows."""

    def plus_constant(self, value: int, constant: int) -> int:
        """Value plus a tensor to which no gradient flows."""

    def power(self, value: int) -> int:
        """Value ** p."""

    def scaled(self, value: int, *, leads: bool = False, along: Sequence[int] = (1,)) -> int:
        """Value times the first parameter, plus the second if there is one, channel by channel.

        ``leads``: the parameter is the first factor. ``along``: the axes of the value along which the parameter has
        numbers of its own.
        """

    def shifted(self, value: int) -> int:
        """Value plus the first parameter, channel by channel."""

    def depth_last(self, value: int) -> int:
        """A view of a map as batch x sides x depth."""

    def depth_second(self, value: int) -> int:
        """The inverse of :meth:`depth_last`."""

    def reordered(self, value: int, order: Sequence[int]) -> int:
        """A view with its sizes, that of the batch among them, in another order."""

    def arranged(self, value: int, sizes: Sequence[int]) -> int:
        """The same elements with these sizes, that of the batch among them: a view where that can be, else a copy."""

    def unfolded(self, value: int, side: int, kernel: int, gap: int, step: int) -> int:
        """A view with the windows along a side, their places as a further side; the gradient of a place is summed."""

    def wrapped(self, value: int, pads: Sequence[tuple[int, int]]) -> int:
        """A new map with the value in it and around it copies of its other ends: one copy into a part for each."""

    def products_with_own(self, value: int, depth: int, parameter: int) -> int:
        """The products of a batch of matrices and a parameter that has a matrix for each of them."""

    def plus_parameter(self, value: int, parameter: int) -> int:
        """Value plus a parameter that is as large as the value of one image."""

    def vectors(self, value: int) -> int:
        """The vectors of a map as batch x length x depth, with the sides before the last in the batch."""

    def linear(self, value: int, depth: int, parameters: Sequence[int], parts: Sequence[int] = ()) -> int:
        """The product of the vectors along the last side of a value with weights, plus a bias if there is one.

        Weights and bias are parameters, then ``parts`` of parameters, which are values.
        """

    def product(self, left: int, right: int) -> int:
        """The matrix product along the last two sides; those before are a batch, or 1 and repeated."""

    def parts_of(self, whole: int, heads: int) -> tuple[int, int, int]:
        """Queries, keys and values of batch x length x 3*inner, each as batch x heads x length x numbers of a head."""

    def heads_of(self, value: int, heads: int) -> int:
        """Batch x length x inner as batch x heads x length x numbers of a head."""

    def chunks(self, parameter: int, count: int) -> list[int]:
        """Equal parts of a parameter: values without memory, whose gradients are put together in one tensor."""

    def attended(self, queries: int, keys: int, value: int, bias: tuple[int, ...]) -> int:
        """softmax(q k^T + b) v of batch x heads x length x numbers; ``bias`` is b, if there is one."""

    def side_by_side(self, value: int) -> int:
        """Batch x heads x length x numbers as batch x length x inner."""

    def bias_of_pairs(self, table: int, heads: int, pairs: int) -> tuple[int, int]:
        """The rows of a table that belong to each two positions, and a bias for each of these, head by head."""

    def joined_with_own(self, value: int, layout: Layout) -> int:
        """The first parameter of the layer, for each image, and a value behind it, as one tensor."""

    def added(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """The sum of two values, with broadcasting."""

    def subtracted(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """The difference of two values, with broadcasting."""

    def divided(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """One value divided by another, with broadcasting."""

    def chosen(self, left: int, right: int, volume: Volume) -> int:
        """The larger or smaller of two values, with broadcasting."""

    def multiplied(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """The product of two values, with broadcasting."""

    def entering(self, value: int) -> int:
        """An input of the layer in the type in which autocast runs it."""

    def widened(self, value: int) -> int:
        """A value in the type in which autocast runs operations that are in float32 on CUDA alone."""

    def converted(self, value: int, item: int) -> int:
        """The value itself or, under autocast, a copy in the type of that width."""

    def cast(self, parameter: int) -> int:
        """A half-precision copy of a parameter."""

    def hold(self, first: int, value: int) -> None:
        """Keeps a value alive from operation ``first`` to the last one, as a variable of the caller does."""
