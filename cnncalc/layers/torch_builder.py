"""The interface by which a layer records the PyTorch operations it is lowered to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    def in_place(self) -> bool:
        """Whether the layer overwrites its first input."""

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

    def operation(
        self,
        inputs: Sequence[int],
        elements: Size | None = None,
        *,
        item: int | None = None,
        keeps: tuple[int, ...] = (),
        keeps_output: bool = False,
        extras: tuple[Extra, ...] = (),
        gradients: tuple[str, ...] | None = None,
        parameters: tuple[int, ...] = (),
        backward_scratch: tuple[Size, ...] = (),
    ) -> int:
        """One operation; its output has the size and type of the first input unless given.

        ``keeps`` are the inputs kept for backward, by position. ``backward_scratch`` are temporaries of backward;
        negative ones are results that are made after the temporaries are freed. ``gradients`` has a word for each
        input, as in :class:`~cnncalc.layers.memory.Keeping`: ``new``, ``same`` or ``view``.
        """

    def single(self, inputs: Sequence[int], *, output: Volume | None = None, keeps_weight: bool = True) -> int:
        """The layer as one operation, by what it declares in ``keeping_in_torch`` and ``autocast``."""

    def view(self, value: int) -> int:
        """The same tensor in another shape."""

    def resized(self, value: int, volume: Sequence[int]) -> int:
        """A copy padded or cropped to height x width x depth."""

    def power(self, value: int) -> int:
        """Value ** p."""

    def scaled(self, value: int) -> int:
        """Value times the first parameter, plus the second if there is one, channel by channel."""

    def added(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """The sum of two values, with broadcasting."""

    def multiplied(self, left: int, right: int, volume: Volume, *, in_place: bool) -> int:
        """The product of two values, with broadcasting."""

    def converted(self, value: int, item: int) -> int:
        """The value itself or, under autocast, a copy in the type of that width."""

    def cast(self, parameter: int) -> int:
        """A half-precision copy of a parameter."""

    def hold(self, first: int, value: int) -> None:
        """Keeps a value alive from operation ``first`` to the last one, as a variable of the caller does."""
