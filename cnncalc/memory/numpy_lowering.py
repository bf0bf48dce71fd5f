"""From a report to a tape: each layer as this package's own run in NumPy does it, one operation a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.memory.lowering import Lowering
from cnncalc.memory.tape import ALIAS, NEW, SAME, VIEW, ByProduct

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport

GRADIENTS = {"new": NEW, "same": SAME, "view": VIEW}


class OwnLowering(Lowering):
    """Lowers a net for the training step of :mod:`cnncalc.run.training`.

    What each layer keeps is what its ``keeping`` says. There are no counters of batches seen, and the loss keeps no
    sum of weights. What a kernel needs for a moment, such as windows laid out for a matrix product, is no part of it.
    """

    def _own(self, row: LayerReport) -> None:
        known = row.index in self.owned
        super()._own(row)
        if not known and row.shared_with is None and row.kind == "bn" and self._has_buffers(row):
            self.buffers.pop()

    def _has_buffers(self, row: LayerReport) -> bool:
        return any(array.role == "buffer" for array in row.arrays)

    def _operation(self, *arguments: Any, **keywords: Any) -> int:
        if keywords.get("name") == "loss":
            keywords["byproducts"] = ()
        return super()._operation(*arguments, **keywords)

    def _layer(self, row: LayerReport) -> None:
        layer = row.layer
        inputs = [self.place[source] for source in row.sources]
        in_place = layer.may_work_in_place()
        if layer.is_view:
            placed = True
        elif row.kind == "dropout":
            placed = not self.training or bool(in_place)
        else:
            placed = row.in_place and in_place is not False
        learned = row.is_trainable and any(array.role != "buffer" for array in row.arrays)
        keeping = layer.keeping(row.input_volumes, row.output, in_place=placed, learns=learned)
        if self.training and not layer.is_view:
            placed = placed and keeping.overwrites
        extras = keeping.extras if self.training else ()
        self.place[row.index] = self._operation(
            row,
            inputs,
            self.batch * row.output.elements,
            storage=ALIAS if placed else NEW,
            keeps=tuple(range(len(inputs))) if keeping.inputs and not (placed and keeping.clones) else (),
            keeps_output=keeping.output,
            clones_input=placed and keeping.clones,
            byproducts=tuple(
                [
                    ByProduct(
                        self.size(extra.count * (self.batch if extra.per_image else 1), extra.item or self.item), True
                    )
                    for extra in extras
                ]
            ),
            gradients=tuple([GRADIENTS[word] for word in keeping.gradients]),
            parameters=self.owned[row.index],
        )
