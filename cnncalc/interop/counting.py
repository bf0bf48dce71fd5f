"""The types by which the counting rules of other programs are written: what a rule reads, and the figure it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.graph import Graph
    from cnncalc.layers.base import Layer, Parameter
    from cnncalc.volume import Volume


class Row(Protocol):
    """The properties of a layer that rules read; counts are for one image."""

    @property
    def index(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def layer(self) -> Layer: ...
    @property
    def sources(self) -> tuple[int, ...]: ...
    @property
    def input_volumes(self) -> tuple[Volume, ...]: ...
    @property
    def output(self) -> Volume: ...
    @property
    def arrays(self) -> tuple[Parameter, ...]: ...
    @property
    def parameters(self) -> int: ...
    @property
    def trainable(self) -> int: ...
    @property
    def buffers(self) -> int: ...
    @property
    def macs(self) -> int: ...
    @property
    def training_only(self) -> bool: ...
    @property
    def transposed(self) -> bool: ...
    @property
    def shared_with(self) -> str | None: ...


class Net(Protocol):
    """The properties of a report that rules read."""

    @property
    def layers(self) -> Sequence[Row]: ...
    @property
    def resolved(self) -> Graph: ...


class Figure(NamedTuple):
    """What a program counts of a layer, for one image.

    ``macs`` are its operations (None: it counts none); the sum over all layers is rounded down. ``words`` say how it
    counts each part of the layer. ``doubt`` says why the figure may not be that of the program. ``has_rule``: the
    program has a rule for a part of the layer; without one its operations are 0.
    """

    parameters: int
    macs: float | None
    words: tuple[str, ...] = ()
    doubt: str | None = None
    has_rule: bool = False
