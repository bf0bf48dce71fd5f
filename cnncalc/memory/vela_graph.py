"""A net as Vela's compiler for Ethos-U55 represents it: steps over feature maps, before these have offsets in SRAM.

Source: ethos-u-vela 5.2.0 (Arm), its compiler Regor: scheduler_operation, graphir_optimiser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

Shape = tuple[int, int, int, int]
"""Batch, height, width, depth."""


class NotKnown(Exception):
    """The plan is not known for something in a net, which the message names."""


class FeatureMap:
    """A volume in SRAM: ``shape`` as it is stored, ``width`` bytes for each element, writers and readers in order."""

    __slots__ = ("is_input", "is_output", "name", "readers", "shape", "width", "writers")

    def __init__(self, name: str, shape: Sequence[int], width: int = 1) -> None:
        self.name = name
        self.shape = four(shape)
        self.width = width
        self.is_input = self.is_output = False
        self.writers: list[Step] = []
        self.readers: list[Step] = []


class View(NamedTuple):
    """A feature map as a step reads or writes it: ``whole`` is its shape for the step, ``part`` that of the part used.

    ``feature_map`` is None for a constant. ``first`` is the first channel of the part.
    """

    feature_map: FeatureMap | None
    whole: Shape
    part: Shape
    first: int = 0

    @property
    def is_part(self) -> bool:
        """Whether it is not the whole map."""
        return self.part != self.whole


class Step:
    """A step of the compiled net.

    ``block`` is the kind of computation: convolution, product, pooling, elementwise, activation, copy or sum (of
    channels). ``layers`` are those that it computes. ``has_window``: each output depends on several positions, or
    positions are left out. ``is_fixed``: it cannot write directly into a part of another volume.
    """

    __slots__ = ("block", "has_window", "inputs", "is_fixed", "layers", "output")

    def __init__(self, block: str, name: str, inputs: Sequence[View], output: View, has_window: bool = False) -> None:
        self.is_fixed = False
        self.block = block
        self.layers = [name]
        self.inputs = list(inputs)
        self.output = output
        self.has_window = has_window
        for view in self.inputs:
            if view.feature_map is not None:
                view.feature_map.readers.append(self)
        assert output.feature_map is not None
        output.feature_map.writers.append(self)

    @property
    def target(self) -> FeatureMap:
        """The feature map that it writes."""
        assert self.output.feature_map is not None
        return self.output.feature_map

    def write_to(self, view: View) -> None:
        """Changes the output of the step."""
        self.target.writers.remove(self)
        self.output = view
        self.target.writers.append(self)

    @property
    def is_one_to_one(self) -> bool:
        """Whether each output needs one element of each input."""
        return self.block in ("elementwise", "activation", "copy")


def four(shape: Sequence[int]) -> Shape:
    """A shape with leading ones, so that it has four sizes."""
    filled = (*[1] * (4 - len(shape)), *shape)
    return filled[0], filled[1], filled[2], filled[3]


def whole(feature_map: FeatureMap | None, shape: Sequence[int]) -> View:
    """A view of a whole map."""
    return View(feature_map, four(shape), four(shape))


def write_in_place(outputs: Sequence[FeatureMap]) -> None:
    """Removes copies into a part of a volume: the step before writes there, if nothing else reads its output.

    Steps are visited from the outputs back, the last input first.
    """
    stack = [step for found in outputs for step in found.writers]
    visited = set()
    while stack:
        step = stack.pop()
        if id(step) in visited or step not in step.target.writers:
            continue
        writer = _writer_of_part(step)
        if writer is not None:
            source = step.inputs[0].feature_map
            assert source is not None
            writer.write_to(step.output)
            step.target.writers.remove(step)
            step = writer
        visited.add(id(step))
        for view in step.inputs:
            if view.feature_map is not None:
                stack += view.feature_map.writers


def _writer_of_part(step: Step) -> Step | None:
    """The step that can write directly to where this copy writes; None if there is none."""
    source = step.inputs[0].feature_map
    if step.block != "copy" or not step.output.is_part or source is None or source.is_input or source.is_output:
        return None
    if len(source.writers) != 1 or len(source.readers) != 1:
        return None
    writer = source.writers[0]
    if (
        writer.block == "copy"
        or writer.is_fixed
        or writer.output.is_part
        or writer.output.whole != step.inputs[0].whole
    ):
        return None
    return writer
