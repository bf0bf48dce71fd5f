"""The traits of layer kinds: all that other packages know of a kind."""

from __future__ import annotations

from math import inf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

    from cnncalc.volume import Volume


class Traits:
    """The traits with their usual values. A kind sets those that differ; one that depends on the keys is a property."""

    is_input: ClassVar[bool] = False
    """An input of the net: it has no inputs of its own."""
    is_merge: ClassVar[bool] = False
    """Takes two or more volumes."""
    second_input: ClassVar[str | None] = None
    """What the second volume is that it reads, written ``KIND(@other)``; None: it reads one volume, or is a merge."""
    needs_second_input: ClassVar[bool] = False
    """It always reads a second volume."""
    reads_second_sizes: ClassVar[bool] = False
    """It reads the sizes of the second volume, not its elements."""
    takes_places: ClassVar[bool] = False
    """Instead of the second volume it reads the index of each maximum, which that layer (a max pool) has computed."""
    is_commutative: ClassVar[bool] = False
    """The order of its inputs does not matter."""
    is_view: ClassVar[bool] = False
    """The output shares the memory of the input, also in training."""
    is_identity_at_test_time: ClassVar[bool] = False
    """At test time the output equals the input."""
    is_activation: ClassVar[bool] = False
    """An activation function, element by element."""
    is_rectifier: ClassVar[bool] = False
    """RELU or a variant of it, not a bounded function such as sigmoid or tanh."""
    is_idempotent: ClassVar[bool] = False
    """An activation function that leaves elements unchanged that lie in its output range."""
    cuts_to_range: ClassVar[bool] = False
    """An activation function that replaces each element by the nearest number of its output range."""
    works_by_map: ClassVar[bool] = False
    """Map d of the output depends only on map d of the input, and all maps are computed in the same way."""
    is_normalization: ClassVar[bool] = False
    """Subtracts a mean and divides by a standard deviation."""
    centres_channels: ClassVar[bool] = False
    """Subtracts a mean of each channel, so that a constant added to the channel before (a bias) has no effect."""
    gives_probabilities: ClassVar[bool] = False
    """Turns scores into probabilities; as the output of a net the cross-entropy loss computes it in training."""
    divides_by_sum: ClassVar[bool] = False
    """Each element is divided by a sum of many elements, in which other engines make larger rounding errors."""
    counts_macs: ClassVar[bool] = False
    """A convolution or fully-connected layer: its multiply-adds are counted, and it adds to the depth of the net."""
    weight_use: ClassVar[str] = "every weight is used at each of the {sides} positions of the output"
    """How often a weight is used, for ``explain``; ``{sides}`` stands for the product of the sides."""
    learns: ClassVar[bool] = False
    """Whether the kind can have parameters."""
    tied_to: ClassVar[str | None] = None
    """The kind whose weights it can use with inputs and outputs swapped, which are the last two axes of the array."""
    tied_as_view: ClassVar[bool] = False
    """Whether PyTorch code passes such weights as a transposed view; else the operation takes them as they are."""
    counts_as_layer: ClassVar[bool] = True
    """Whether a kind whose multiply-adds are counted also counts among the layers of a net."""
    is_stated: ClassVar[bool] = False
    """Its volume and figures are stated in the text, not computed; ``verify`` proves nothing that depends on them."""
    makes_windows: ClassVar[bool | None] = None
    """Whether the sides of its output before the last count windows of a map; None: if those of its first input do."""
    takes_windows: ClassVar[bool] = False
    """Works on a sequence, or on the windows of a map, never on a map itself."""
    depth_key: ClassVar[str | None] = None
    """The key that sets the depth of the output."""
    output_range: ClassVar[tuple[float, float]] = (-inf, inf)
    """Lower and upper bound of the elements of the output for any input; infinite if there is none."""
    picks_least: ClassVar[bool] = False
    """Each element of the output is the least of several: lowering one of these changes it, raising one may not."""
    active_range: tuple[float, float] = (-inf, inf)
    """The range of inputs in which the output changes, for kinds that are constant below and above it."""
    drawn: ClassVar[str] = "block"
    """How drawings show it: a ``block``, ``joined`` to the block before, or a label on an ``arrow`` in a branch."""
    why_input: ClassVar[str] = "its gradient is computed from it"
    """Why training keeps the input for backward, for kinds that keep it."""
    why_byproducts: ClassVar[str] = "the gradient uses it"
    """What training keeps in addition to input and output, and why."""
    thin_depth: ClassVar[int | None] = 1
    """The smallest input depth with which a run can measure the receptive field; None: the actual depth."""
    thin_keys: ClassVar[Mapping[str, Any]] = {}
    """The values of keys with which the layer takes inputs of that depth."""
    keeps_output: ClassVar[bool] = False
    """Backward needs the output, so nothing may overwrite it."""
    keeps_output_in_place: ClassVar[bool] = False
    """Backward needs the output where the layer overwrites its input."""
    is_flat: ClassVar[bool | None] = None
    """Whether the output in PyTorch has shape batch x depth, without height and width; None: same as the input."""
    memory_order: ClassVar[str] = "input"
    """The memory order of its output in PyTorch: that of the ``input``; ``suggested``: channels-last if the inputs
    are, else contiguous; or always ``contiguous``."""
    gradient_follows: ClassVar[str] = "gradient"
    """The memory order of the gradient of an input in PyTorch, for kinds whose output has that of the input: that of
    the incoming ``gradient``, that of the ``output``, or that of the output on CUDA only (``output on cuda``)."""
    autocast: ClassVar[str | None] = None
    """The type in which PyTorch's autocast runs it: ``half``, ``full`` (float32), None (that of the input), or ``pool``
    (that of the input, but float32 on a CPU for volumes with three sides)."""
    normalizes_batch: ClassVar[bool] = False
    """Normalizes over the batch; PyTorch then also counts the batches."""
    in_notes_table: ClassVar[bool] = False
    """The course notes list its volume in their tables of memory."""

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
        """At test time it is one learned factor and shift per channel, which the weights before it can take over."""
        return False

    @property
    def tells_inputs_apart(self) -> bool:
        """A merge whose output depends in different ways on its inputs, even if they are equal: see ``stencils``."""
        return False

    @property
    def mixes_images(self) -> bool:
        """The output for an image depends on the other images of the batch."""
        return False

    def is_view_in_torch(self, output: Volume) -> bool:
        """Whether PyTorch may compute the output as a view of the input."""
        return self.is_view

    @property
    def is_view_at_test_time(self) -> bool:
        """At test time the output shares the memory of the input."""
        return self.is_view or self.is_identity_at_test_time
