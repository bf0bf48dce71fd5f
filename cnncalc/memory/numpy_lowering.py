"""Builds the tape of a report as the training run in NumPy executes it: one operation for each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.analysis.report import without_gradient
from cnncalc.layers.memory import Size
from cnncalc.memory.builder import TapeBuilder
from cnncalc.memory.tape import NONE

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report


class NumpyLowering(TapeBuilder):
    """Lowers a net for :mod:`cnncalc.run.training`; ``Layer.keeping`` says what each layer keeps for backward.

    Temporary buffers of kernels, such as windows copied for a matrix product, are not counted.
    """

    def __init__(self, report: Report, *arguments: Any, **options: Any) -> None:
        super().__init__(report, *arguments, **options)
        self.without_gradient = without_gradient(report.layers)
        reached = [row.index for row in report.layers if row.index not in self.without_gradient]
        self.used = {report.graph.owner(index)[0] for index in reached}.union(reached)

    def _is_trainable(self, owner: LayerReport) -> bool:
        return owner.is_trainable and owner.index in self.used

    def _unreached(self, loss: int) -> frozenset[int]:
        return frozenset()  # the run knows the layers without a gradient before, and frees what others keep in backward

    def _lower(self, inputs: list[int]) -> int:
        row, layer, in_place = self.row, self.row.layer, self.in_place
        parameters = () if row.index in self.without_gradient else self.own_parameters
        learned = row.is_trainable and bool(parameters)
        keeping = layer.keeping(row.input_volumes, row.output, in_place=in_place, learns=learned)
        if self.training and not layer.is_view:
            in_place = in_place and keeping.overwrites
        keeps, extras, gradients = keeping.kept_inputs(len(inputs)), keeping.extras, keeping.gradients
        if row.index in self.unpooled:  # what it keeps is also read by another layer
            (places,) = extras
            self.places[row.index] = self.operation(
                (), places.elements, item=self._width(places, self.item), gradients=()
            )
            inputs, keeps, extras = [*inputs, self.places[row.index]], (*keeps, len(inputs)), ()
            gradients = (*gradients, NONE)
        return self.operation(
            inputs,
            Size(0, row.output.elements),
            is_alias=in_place,
            keeps=keeps,
            keeps_output=keeping.output,
            clones_input=in_place and keeping.clones,
            extras=extras if self.training else (),
            gradients=gradients,
            parameters=parameters,
        )
