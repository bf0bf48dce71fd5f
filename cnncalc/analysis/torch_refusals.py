"""Layers that PyTorch refuses: means of a single value, and windows larger than it takes."""

from __future__ import annotations

from cnncalc.errors import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cnncalc.analysis.report import Report


def torch_refusals(report: Report, batch: int, *, training: bool, severity: str = "error") -> list[Problem]:
    """A problem for each layer of which PyTorch refuses the forward pass with a batch of this size.

    ``training``: as in a training step; else as at test time.
    """
    found = []
    for row in report.layers:
        x = row.input_volumes[0] if row.input_volumes else row.output
        refusal = row.layer.torch_refusal(x)
        if refusal is not None:
            found.append(Problem("torch-refuses", f"{row.name}: {refusal[0]}", row.span, refusal[1], severity))
        if row.layer.torch_sample(x, batch, training=training) != 1:
            continue
        in_training_only = training and row.layer.torch_sample(x, batch, training=False) != 1
        kind = row.layer.kind.upper()
        what = f"{'train' if in_training_only else 'compute'} {kind}: each mean would be of a single value"
        message = f"{row.name}: PyTorch cannot {what} (batch {batch} of {x})"
        grows = row.layer.torch_sample(x, 2, training=training) != 1
        hint = "use a batch of at least 2" if grows else "leave it out: its result does not depend on its input"
        found.append(Problem("single-value", message, row.span, hint, severity))
    return found
