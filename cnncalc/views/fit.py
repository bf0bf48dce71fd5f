"""The document of ``fit``: the largest batches that fit, and what allows a larger one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table
from cnncalc.formats.notation import USUAL, Notation
from cnncalc.memory.fit import MAX_BATCH
from cnncalc.units import plural

if TYPE_CHECKING:
    from cnncalc.memory.devices import Device
    from cnncalc.memory.fit import Fit, FitReport
    from cnncalc.memory.sharding import Sharding


def fit_document(
    fit: FitReport, *, notation: Notation = USUAL, device: Device | None = None, sharding: Sharding | None = None
) -> Document:
    """The largest batches, and the effect of other options."""
    options = fit.options

    def size(count: int) -> str:
        return notation.size(count)

    where = f"{device.name}, {size(fit.memory)}" if device is not None else size(fit.memory)
    if fit.reserve:
        where += f" less {size(fit.reserve)} in reserve"
    heading = [f"{fit.architecture}: for {where}, {options.profile}, {options.dtype}, {options.optimizer}"]
    for what, part in (("training", fit.training), ("inference", fit.inference)):
        heading.append(f"{what}: {_verdict(part, fit.room, notation)}")
    columns = (
        Column("what", f"training with other options, at batch {options.batch}"),
        Column("peak_bytes", "peak", True),
        Column("largest_batch", "largest batch", True),
        Column("macs", "MACs", True),
        Column("fits", "fits"),
    )
    training = fit.training
    choices = [
        ("unchanged", training.peak_at_batch, training.largest_batch, fit.macs, training.peak_at_batch <= fit.room)
    ]
    choices += [(each.what, each.peak_bytes, each.largest_batch, each.macs, each.fits) for each in fit.advice]
    rows = [
        (
            Cell(what, what),
            Cell(size(peak), peak),
            Cell(f"{batch:,}", batch),
            Cell(notation.short(macs), macs),
            Cell("yes" if fits else "no", fits),
        )
        for what, peak, batch, macs, fits in choices
    ]
    closing = []
    if sharding is not None:
        closing.append(Paragraph("on several devices", sharding.lines(notation.units)))
    closing.append(
        Paragraph(
            "conventions",
            (
                "exact bytes of live tensors; use --reserve for other memory in use on the device (see cnncalc memory)",
                f"1 MAC is one multiply and one add; {notation.rule}",
            ),
        )
    )
    return Document(tuple(heading), Table(columns, tuple(rows)), tuple(closing), lambda: _data(fit, device, sharding))


def _verdict(part: Fit, room: int, notation: Notation) -> str:
    if part.largest_batch:
        images = plural(part.largest_batch, "image")
        if part.largest_batch >= MAX_BATCH:
            return f"at least {images} (the search limit), peak {notation.size(part.peak_bytes)}"
        return f"at most {images}, peak {notation.size(part.peak_bytes)}"
    missing = notation.size(part.peak_bytes - room)
    return f"one image does not fit: peak {notation.size(part.peak_bytes)}, {missing} too much"


def _data(fit: FitReport, device: Device | None, sharding: Sharding | None) -> dict[str, Any]:
    options = fit.options
    found: dict[str, Any] = {
        "schema": 1,
        "architecture": fit.architecture,
        "memory": fit.memory,
        "reserve": fit.reserve,
        "device": None if device is None else {"name": device.name, "source": device.source},
        "profile": options.profile,
        "batch": options.batch,
        "dtype": options.dtype,
        "optimizer": options.optimizer,
        "checkpoint": options.checkpoint,
    }
    for key, part in (("training", fit.training), ("inference", fit.inference)):
        found[key] = {
            "largest_batch": part.largest_batch,
            "peak_bytes": part.peak_bytes,
            "peak_bytes_at_batch": part.peak_at_batch,
        }
    found["macs"] = fit.macs
    found["advice"] = [advice._asdict() for advice in fit.advice]
    if sharding is not None:
        found["several_devices"] = sharding.data()
    return found
