"""The interface with which a layer records the operations that PyTorch runs for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.layers.layout import Layout
    from cnncalc.layers.memory import Extra, Size
    from cnncalc.volume import Volume


class TorchBuilder(Protocol):
    """Records the operations that PyTorch runs for one layer.

    Values (tensors) and parameters are numbered; methods take such numbers, and those that record an operation return
    the number of its output. ``item`` is the number of bytes per element.
    """

    @property
    def volumes(self) -> tuple[Volume, ...]:
        """The input volumes of the layer."""

    @property
    def output(self) -> Volume:
        """The output volume of the layer."""

    @property
    def images(self) -> int:
        """The number of images in layouts: 1 for a batch of one image, 2 for any larger batch."""

    @property
    def in_place(self) -> bool:
        """Whether the layer overwrites its first input."""

    @property
    def gives_places(self) -> bool:
        """Whether another layer reads the index of each maximum of the layer."""

    @property
    def training(self) -> bool:
        """Whether a training step is recorded, not an inference."""

    @property
    def is_cpu(self) -> bool:
        """Whether the kernels are those of a CPU, not those of CUDA."""

    @property
    def is_native_norm(self) -> bool:
        """Whether PyTorch normalizes over the batch with its own kernels, not with those of cuDNN."""

    def convolution_order(self, value: int, kernel: Sequence[int], groups: int, *, is_own: bool = False) -> str:
        """The memory order of the output of a convolution of a value with this kernel, in this many groups.

        ``is_own``: by a kernel of PyTorch itself, which keeps the order of its input in every data type.
        """

    def is_without_onednn(self, value: int, kernel: Sequence[int], groups: int) -> bool:
        """Whether a CPU convolves a value over three sides by PyTorch's own kernels instead of those of oneDNN."""

    @property
    def is_fake(self) -> bool:
        """Whether the tensors are those of FakeTensorMode, which composes kernels that its build lacks of others."""

    @property
    def own_parameters(self) -> tuple[int, ...]:
        """The parameters of the layer, in the order of :meth:`Layer.parameters`."""

    @property
    def autocast(self) -> str | None:
        """The half-precision type of activations under autocast; None without autocast."""

    @property
    def item(self) -> int:
        """Bytes of an element of an activation."""

    @property
    def parameter_item(self) -> int:
        """Bytes of an element of a parameter."""

    def learns(self, value: int) -> bool:
        """Whether backward computes a gradient of a value."""

    def item_of(self, value: int) -> int:
        """Bytes of an element of a value."""

    def bytes_of(self, value: int) -> Size:
        """The size of a value in bytes."""

    def is_summed(self, value: int, parameter: int) -> bool:
        """Whether the gradient of a parameter is a sum of elements of one as large as a value.

        For a single image with as many elements as the parameter it is that tensor, in another shape.
        """

    def learned_bytes(self, parameter: int) -> Size:
        """The size of the gradient of a parameter in bytes; 0 if it is frozen."""

    def is_flat(self, value: int) -> bool:
        """Whether a value has the shape batch x depth in PyTorch."""

    def made(self, inputs: Sequence[int], volume: Volume, order: str | None = None) -> Layout:
        """The layout of an output with this volume, by default in the ``memory_order`` of the layer."""

    def elementwise(self, operands: Sequence[Layout]) -> Layout:
        """The layout of the output of an element-wise operation on tensors of these layouts."""

    def copied(self, x: Layout) -> Layout:
        """The layout of a copy of a tensor: also the strides of axes of size 1 where the tensor is dense."""

    def in_type(self, value: int, item: int) -> int:
        """A copy in the data type with ``item`` bytes."""

    def layout_of(self, value: int) -> Layout:
        """The memory layout of a value."""

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
        """Records one operation; its output has the elements and the type of the first input unless given.

        ``layout`` is that of the output, by default that of an element-wise operation on the inputs. ``is_alias``: the
        output overwrites the first input. ``keeps`` are the inputs that are kept for backward, by position;
        ``keeps_output``, ``extras``: output and further arrays that are kept. ``gradients`` has a word for each input,
        as in :class:`~cnncalc.layers.memory.Keeping`: ``new``, ``same``, ``view`` or ``none``. ``parameters`` are those
        that it uses; ``saves_parameter``: backward needs them. ``backward_scratch`` are the temporaries of backward; a
        negative size is a result that is made after the temporaries are freed. ``summed_inputs`` (by position) and
        ``summed_parameters`` are those whose gradients autograd sums to their size after the function of backward is
        over. ``order`` is the memory order of new gradients: ``input`` (as an element-wise operation on the incoming
        gradient and the input makes them), ``output`` (on the output and the incoming gradient), ``repeated`` (on the
        incoming gradient, repeated), ``cut`` (on a part of it), ``incoming`` (channels-last if the incoming one is),
        ``suggested`` (if the input is), ``contiguous``, ``channels last``, ``base`` (exactly as the input), or a
        layout: on that and the incoming gradient, in contiguous memory if this is channels-last. ``gathers``: backward
        first copies the incoming gradient unless it is dense in this order.
        """

    def single(
        self,
        inputs: Sequence[int],
        *,
        output: Volume | None = None,
        is_resized: bool = False,
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
        """Records the layer as one operation, with what ``keeping_in_torch``, ``autocast`` and ``memory_order`` say.

        ``output`` is the volume of the result, by default that of the layer. ``is_resized``: the result is allocated as
        large as the input, then resized, which does not shrink its memory. ``keeps`` and ``order`` replace what the
        layer declares; ``gradient_order`` is the memory order of the gradient, if it is another one. ``gathers``: as
        for :meth:`operation`. ``makes_all``: backward computes the gradient of the ``input``, or ``all`` gradients,
        needed or not. ``summed``: the parameters of the layer, by position, whose gradients are summed as
        ``summed_parameters`` are. ``scratch``: the temporaries of backward. ``made``: a value that replaces parameters,
        and how many of the first it replaces. ``is_product``: the layer multiplies by the first parameter, transposed.
        """

    def view(self, value: int) -> int:
        """Records a view of a value in another shape, within a layer that PyTorch composes of several operations."""

    def same(self, value: int) -> int:
        """Records nothing: the output of the layer is the value itself."""

    def viewed(self, value: int, *, merges: str | None = None) -> int:
        """A view of a value in the shape of the output.

        ``merges``: it was computed with all ``images`` merged to one, or with all ``sides`` merged to one.
        """

    def flat(self, value: int) -> int:
        """A value as batch x depth: a view where its layout allows it, else a copy."""

    def reshaped(self, value: int, sizes: Sequence[int]) -> int:
        """The same elements with these sides after the batch: a view where the layout allows it, else a copy."""

    def sliced(self, value: int, volume: Volume) -> int:
        """A view of a part of the channels and positions; each side that is cut is an operation."""

    def summed(self, value: int, volume: Volume) -> int:
        """The sum along some axes; its gradient is a view of the incoming gradient, repeated along them."""

    def permuted(self, value: int, order: tuple[int, ...]) -> int:
        """A view with its axes (batch, depth, sides) in another order."""

    def gathered(self, value: int, order: str) -> int:
        """The value itself if it is dense in ``order``, else a copy in it: suggested or contiguous."""

    def averaged(self, value: int, output: Volume) -> int:
        """The mean of each map of a value."""

    def as_plane(self, value: int, *, last: bool = False) -> int:
        """A view of a length as a plane of height 1; ``last``: of width 1."""

    def as_length(self, value: int, *, last: bool = False) -> int:
        """The inverse of :meth:`as_plane`."""

    def resized(self, value: int, volume: Volume, *, crops: bool = False, crops_some: bool = False) -> int:
        """A copy padded or cropped to a volume; ``crops``: it only crops; ``crops_some``: it crops at some side."""

    def constant(self, value: int, depth: int | None = None, *, images: bool = False) -> int:
        """A new tensor that gets no gradient: like a value or, with ``depth``, with one number for each channel.

        ``depth`` 0: a single number. ``images``: different numbers for each image.
        """

    def times_number(self, value: int) -> int:
        """Value times a Python number."""

    def plus_number(self, value: int) -> int:
        """Value plus a Python number."""

    def minus_from_number(self, value: int) -> int:
        """A Python number minus a value."""

    def times_constant(self, value: int, constant: int, *, in_place: bool = False) -> int:
        """Value times a tensor that gets no gradient."""

    def plus_constant(self, value: int, constant: int) -> int:
        """Value plus a tensor that gets no gradient."""

    def power(self, value: int) -> int:
        """Value to the power of a Python number."""

    def scaled(self, value: int, *, leads: bool = False, along: Sequence[int] = (1,)) -> int:
        """Value times the first parameter, plus the second if there is one, channel by channel.

        ``leads``: the parameter is the first factor. ``along``: the axes of the value along which the parameter varies.
        """

    def shifted(self, value: int, *, along: Sequence[int] = (1,)) -> int:
        """Value plus the first parameter, channel by channel; ``along`` as for :meth:`scaled`."""

    def depth_last(self, value: int) -> int:
        """A view of a map as batch x sides x depth."""

    def depth_second(self, value: int) -> int:
        """The inverse of :meth:`depth_last`."""

    def reordered(self, value: int, order: Sequence[int]) -> int:
        """A view with its axes, the batch included, in another order."""

    def arranged(self, value: int, sizes: Sequence[int]) -> int:
        """The same elements with these sizes, the batch included: a view where the layout allows it, else a copy."""

    def unfolded(self, value: int, side: int, kernel: int, gap: int, step: int) -> int:
        """A view of the windows along an axis, as Tensor.unfold makes it; backward sums the gradients of an element."""

    def wrapped(self, value: int, pads: Sequence[tuple[int, int]]) -> int:
        """A new map padded with elements from the other ends; the value and each pad are copied by one operation."""

    def products_with_own(self, value: int, depth: int, parameter: int) -> int:
        """The matrix products of a batch of matrices with a parameter, which has one matrix for each of them."""

    def plus_parameter(self, value: int, parameter: int) -> int:
        """Value plus a parameter with the shape of one image."""

    def vectors(self, value: int) -> int:
        """A view of a map as batch x length x depth; the batch includes the sides before the last."""

    def linear(self, value: int, depth: int, parameters: Sequence[int], parts: Sequence[int] = ()) -> int:
        """The product of the vectors along the last side of a value with weights, plus a bias if there is one.

        Weights and bias are ``parameters`` of the layer, or ``parts`` of parameters, which are values.
        """

    def product(self, left: int, right: int) -> int:
        """The matrix product along the last two axes; the axes before are a batch, with broadcasting."""

    def parts_of(self, whole: int, heads: int) -> tuple[int, int, int]:
        """Queries, keys and values of batch x length x 3*inner, each as batch x heads x length x head_dim."""

    def heads_of(self, value: int, heads: int) -> int:
        """Batch x length x inner as batch x heads x length x head_dim."""

    def chunks(self, parameter: int, count: int) -> list[int]:
        """Equal parts of a parameter: views, whose gradients backward joins in one tensor."""

    def attended(self, queries: int, keys: int, value: int, bias: tuple[int, ...]) -> int:
        """softmax(q k^T + b) v, with all of batch x heads x length x head_dim; ``bias`` is b, if there is one."""

    def merged_heads(self, value: int) -> int:
        """Batch x heads x length x head_dim as batch x length x inner."""

    def bias_of_pairs(self, table: int, heads: int, pairs: int) -> tuple[int, int]:
        """The rows of a table of relative biases for all pairs of positions, and the bias of each pair and head."""

    def joined_with_own(self, value: int, layout: Layout) -> int:
        """The first parameter of the layer, repeated for each image, and a value after it, joined to one tensor."""

    def added(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """The sum of two values, with broadcasting."""

    def subtracted(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """The difference of two values, with broadcasting."""

    def divided(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """One value divided by another, with broadcasting."""

    def chosen(self, left: int, right: int, volume: Volume) -> int:
        """The maximum or minimum of two values, with broadcasting."""

    def multiplied(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """The product of two values, with broadcasting."""

    def entering(self, value: int) -> int:
        """An input of the layer, converted to the type in which autocast runs it."""

    def widened(self, value: int) -> int:
        """A value converted to the type of operations that autocast runs in float32 only on CUDA."""

    def converted(self, value: int, item: int) -> int:
        """The value itself or, under autocast, a copy in the type with ``item`` bytes."""

    def cast(self, parameter: int) -> int:
        """A half-precision copy of a parameter."""

    def hold(self, value: int) -> None:
        """Keeps a value alive until the last operation recorded so far has run, as a variable in Python code does."""
