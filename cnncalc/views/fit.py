"""The document of ``fit``: the largest batches that fit, and what allows a larger one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table
from cnncalc.formats.notation import USUAL, Notation
from cnncalc.memory.devices import overheads
from cnncalc.memory.fit import MAX_BATCH
from cnncalc.units import plural

if TYPE_CHECKING:
    from cnncalc.memory.devices import Device
    from cnncalc.memory.fit import Fit, FitReport
    from cnncalc.memory.need import Reserve
    from cnncalc.memory.sharding import Sharding


def fit_document(
    fit: FitReport, *, notation: Notation = USUAL, device: Device | None = None, sharding: Sharding | None = None
) -> Document:
    """The largest batches that fit, and the effect of other options."""
    options = fit.options

    def size(count: int) -> str:
        return notation.size(count)

    where = f"{device.name}, {size(fit.memory)}" if device is not None else size(fit.memory)
    heading = [f"{fit.architecture}: for {where}, {options.profile}, {options.dtype}, {options.optimizer}"]
    for what, part in (("training", fit.training), ("inference", fit.inference)):
        heading.append(f"{what}: {_verdict(part, fit, notation)}")
    if fit.stated is not None:
        heading.append(fit.stated)
    columns = (
        Column("what", f"training with other options, at batch {options.batch}"),
        Column("need_bytes", "need", True),
        Column("peak_bytes", "live tensors", True),
        Column("largest_batch", "largest batch", True),
        Column("macs", "MACs", True),
        Column("fits", "fits"),
    )
    training = fit.training
    unchanged = training.need_at_batch, training.peak_at_batch, training.largest_batch, fit.macs
    choices = [("unchanged", *unchanged, training.need_at_batch <= fit.memory), *fit.advice]
    rows = [
        (
            Cell(what, what),
            Cell(size(need), need),
            Cell(size(peak), peak),
            Cell(f"{batch:,}", batch),
            Cell(notation.short(macs), macs),
            Cell("yes" if fits else "no", fits),
        )
        for what, need, peak, batch, macs, fits in choices
    ]
    closing = []
    if sharding is not None:
        closing.append(Paragraph("on several devices", sharding.lines(notation.units), main=2))
    closing.append(Paragraph("need", need_lines(fit.reserve, notation), main=1))
    unchecked = _unchecked(fit)
    if unchecked:
        closing.append(Paragraph("not simulated", unchecked, main=2))
    closing.append(Paragraph("conventions", (f"1 MAC is one multiply and one add; {notation.rule}",)))
    return Document(tuple(heading), Table(columns, tuple(rows)), tuple(closing), lambda: _data(fit, device, sharding))


def need_lines(reserve: Reserve, notation: Notation) -> tuple[str, ...]:
    """A sentence that says what a need consists of."""
    if reserve.mode == "0":
        return ("live tensors alone",)
    if reserve.mode == "bytes":
        return (f"live tensors and {notation.size(reserve.bytes)} (--reserve)",)
    parts = [f"{notation.size(part.bytes)} for the {part.what}" for part in overheads("torch-cuda") if part.bytes]
    return (
        "what PyTorch's caching allocator reserves for the tensors (simulated, not measured on a device), "
        f"{' and '.join(parts)}",
    )


def _verdict(part: Fit, fit: FitReport, notation: Notation) -> str:
    """The largest batch with its need, the need of one image more, and the largest batch of live tensors alone."""
    need = notation.size(part.need_bytes)
    bound = "at least" if part.largest_batch_live >= MAX_BATCH else "at most"
    live = f"; live tensors alone: {bound} {part.largest_batch_live:,}" if fit.reserve.bytes else ""
    if not part.largest_batch:
        return f"one image does not fit: it needs {need}, {notation.size(part.need_bytes - fit.memory)} too much{live}"
    images = plural(part.largest_batch, "image")
    if part.largest_batch >= MAX_BATCH:
        return f"at least {images} (the search limit): {need}{live}"
    more = f"{part.largest_batch + 1:,} need {notation.size(part.next_need_bytes)}"
    return f"at most {images}: {need} ({more}){live}"


def _unchecked(fit: FitReport) -> tuple[str, ...]:
    """Which smaller batches were not simulated."""
    return tuple(
        [
            f"{what}: {part.unchecked:,} of {part.largest_batch - 1:,} smaller batches; the nearest, and others at "
            "equal distances, fit"
            for what, part in (("training", fit.training), ("inference", fit.inference))
            if part.unchecked
        ]
    )


def _data(fit: FitReport, device: Device | None, sharding: Sharding | None) -> dict[str, Any]:
    options = fit.options
    found: dict[str, Any] = {
        "schema": 1,
        "architecture": fit.architecture,
        **({} if fit.stated_totals is None else {"stated": fit.stated_totals._asdict()}),
        "memory": fit.memory,
        "reserve": fit.reserve._asdict(),
        "device": None if device is None else {"name": device.name, "source": device.source},
        "profile": options.profile,
        "batch": options.batch,
        "dtype": options.dtype,
        "optimizer": options.optimizer,
        "checkpoint": options.checkpoint,
        "image_batches": options.image_batches,
    }
    for key, part in (("training", fit.training), ("inference", fit.inference)):
        found[key] = {
            "largest_batch": part.largest_batch,
            "largest_batch_live": part.largest_batch_live,
            "need_bytes": part.need_bytes,
            "next_need_bytes": part.next_need_bytes,
            "peak_bytes": part.peak_bytes,
            "need_bytes_at_batch": part.need_at_batch,
            "peak_bytes_at_batch": part.peak_at_batch,
            "smaller_batches_not_simulated": part.unchecked,
        }
    found["macs"] = fit.macs
    found["advice"] = [advice._asdict() for advice in fit.advice]
    if sharding is not None:
        found["several_devices"] = sharding.data()
    return found
