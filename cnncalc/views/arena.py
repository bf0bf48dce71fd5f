"""The document of an arena plan: its size, the offset of each volume, and a map of offsets over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table, listing, number
from cnncalc.memory.arena import draw, marks
from cnncalc.units import format_bytes, plural

if TYPE_CHECKING:
    from cnncalc.memory.arena import ArenaPlan


def plan_document(plan: ArenaPlan, *, units: str = "iec", width: int = 100) -> Document:
    """The plan of one arena for inference."""

    def size(count: int) -> str:
        return format_bytes(count, units)

    images = plural(plan.batch, "image")
    gap = f"{size(plan.gap_bytes)} above" if plan.gap_bytes else "equal to"
    heading = (
        f"{plan.architecture}: one arena for inference, {images}, {plan.dtype} "
        f"({plan.bytes_per_element} bytes per element)",
        f"{size(plan.arena_bytes)} ({plan.arena_bytes:,} bytes) for all volumes, {gap} the peak of live bytes",
    )
    columns = (
        Column("mark", "mark"),
        Column("volume", "volume"),
        Column("offset", "offset", True),
        Column("size", "size", True),
        Column("first", "from step", True),
        Column("last", "to step", True),
        Column("layers", "layers"),
    )
    rows = tuple(
        (
            Cell(mark, mark),
            Cell(volume.name, volume.name),
            number(volume.offset),
            number(volume.size),
            number(volume.first),
            number(volume.last),
            Cell(_layers(volume.layers, volume.role), volume.role),
        )
        for volume, mark in zip(plan.volumes, marks(plan), strict=True)
    )
    exact = "the optimal order" if plan.is_exact_order else "a heuristic order, a better one is possible"
    order = f"{plan.order}: peak of live bytes {size(plan.bound_bytes)}, at {plan.peak_at}; {exact}"
    if plan.bound_bytes != plan.given_bound_bytes:
        order += f"; in the given order {size(plan.given_bound_bytes)}"
    closing = (
        Paragraph("order", (order,)),
        Paragraph(
            "for comparison",
            (
                f"separate memory for each of these volumes: {size(plan.sum_bytes)}; for each layer: "
                f"{size(plan.every_volume_bytes)}; for each layer that is not in place: {size(plan.notes_bytes)}",
                f"largest input and output of one operation: {size(plan.widest_bytes)}",
                f"arena without fusing layers: {size(plan.unfused.arena_bytes)}",
            ),
        ),
        Paragraph("map", ("vertical: offset; horizontal: step", *draw(plan, width=width)), verbatim=True),
    )
    return Document(heading, Table(columns, rows), closing, lambda: _data(plan))


def _layers(layers: tuple[str, ...], role: str) -> str:
    shown = listing(layers, 4)
    return shown if role == "activations" else f"{shown} ({role})"


def _data(plan: ArenaPlan) -> dict[str, Any]:
    found: dict[str, Any] = {"schema": 1, **plan._asdict(), "is_exact_order": plan.is_exact_order}
    found["steps"] = [step._asdict() for step in plan.steps]
    found["volumes"] = [volume._asdict() for volume in plan.volumes]
    found["unfused"] = plan.unfused._asdict()
    return found
