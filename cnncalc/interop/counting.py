"""What the figures of another program are made of: rules, and what they give for a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.graph import Graph
    from cnncalc.layers.base import Layer, Parameter
    from cnncalc.volume import Volume


class Row(Protocol):
    """What a rule needs of a layer; counts are for one image."""

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
    """A report, as far as rules need it."""

    @property
    def layers(self) -> Sequence[Row]: ...
    @property
    def resolved(self) -> Graph: ...


class Figure(NamedTuple):
    """What a program counts of a layer, for one image.

    ``macs`` are its operations, None where it counts none; a fraction is cut off when all are added up. ``words`` say
    how it counts each part of the layer. ``doubt`` says why the figure may not be that of the program.
    """

    parameters: int
    macs: float | None
    words: tuple[str, ...] = ()
    doubt: str | None = None
