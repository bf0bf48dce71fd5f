"""The document of an arena plan: its size, the offset of each volume, and a map of offsets over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table, number
from cnncalc.units import format_bytes, listing, percent, percent_by, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.memory.arena import ArenaPlan, ArenaVolume
    from cnncalc.memory.plan_advice import PlanAdvice

MARKS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
FREE = "."


def plan_document(
    plan: ArenaPlan, *, advice: Sequence[PlanAdvice] = (), macs: int = 0, units: str = "iec", width: int = 100
) -> Document:
    """The plan of one arena for inference; ``macs`` are those of the net, for the changes of MACs in ``advice``.

    ``width``: the most characters of a line of the map.
    """

    def size(count: int) -> str:
        return format_bytes(count, units)

    images = plural(plan.batch, "image")
    gap = f"{size(plan.gap_bytes)} above" if plan.gap_bytes else "equal to"
    heading = (
        f"{plan.architecture}: one arena for inference, {images}, {plan.dtype} "
        f"({plural(plan.bytes_per_element, 'byte')} per element)",
        f"{size(plan.arena_bytes)} ({plan.arena_bytes:,} bytes) for all volumes, {gap} the peak of live bytes",
    )
    layers = [(Cell(_layers(volume.layers, volume.role), volume.role),) for volume in plan.volumes]
    exact = "the optimal order" if plan.is_exact_order else "a heuristic order, a better one is possible"
    order = f"{plan.order}: peak of live bytes {size(plan.bound_bytes)}, at {plan.peak_at}; {exact}"
    if plan.bound_bytes != plan.given_bound_bytes:
        order += f"; in the given order {size(plan.given_bound_bytes)}"
    chart = plan_chart(plan.volumes, len(plan.steps), plan.arena_bytes, width=width)
    closing = (
        Paragraph("order", (order,), main=1),
        *([Paragraph("would help", _advice(plan, advice, macs, units), main=len(advice))] if advice else []),
        Paragraph(
            "for comparison",
            (
                f"separate memory for each of these volumes: {size(plan.sum_bytes)}; for each layer: "
                f"{size(plan.every_volume_bytes)}; for each layer that is not in place: {size(plan.notes_bytes)}",
                f"largest input and output of one operation: {size(plan.widest_bytes)}",
                f"arena without fusing layers: {size(plan.unfused.arena_bytes)}",
            ),
            main=1,
        ),
        Paragraph("map", ("vertical: offset; horizontal: step", *chart), verbatim=True),
    )
    return Document(
        heading, volume_table(plan.volumes, (Column("layers", "layers"),), layers), closing, lambda: _data(plan, advice)
    )


def _advice(plan: ArenaPlan, advice: Sequence[PlanAdvice], macs: int, units: str) -> tuple[str, ...]:
    """A line for each change, with the peak of live bytes and the change of the MACs."""
    lines = []
    for each in advice:
        share = percent(each.peak_bytes, plan.bound_bytes)
        line = f"{each.what}: {format_bytes(each.peak_bytes, units)} ({share} of the peak)"
        if each.macs != macs:
            more = (
                f"{percent_by(each.macs - macs, macs)} more"
                if each.macs > macs
                else f"{percent(each.macs, macs)} of the"
            )
            line += f", {more} MACs"
        lines.append(line if each.same_net else f"{line}; another net")
    return tuple(lines)


def volume_table(volumes: Sequence[ArenaVolume], more: Sequence[Column], cells: Sequence[tuple[Cell, ...]]) -> Table:
    """The volumes with their marks, bytes and steps, and ``more`` columns with their ``cells`` for each volume."""
    columns = (
        Column("mark", "mark"),
        Column("volume", "volume"),
        Column("offset", "offset", True),
        Column("size", "size", True),
        Column("first", "from step", True),
        Column("last", "to step", True),
        *more,
    )
    rows = [
        (
            Cell(mark, mark),
            Cell(volume.name, volume.name),
            number(volume.offset),
            number(volume.size),
            number(volume.first),
            number(volume.last),
            *rest,
        )
        for volume, mark, rest in zip(volumes, marks(len(volumes)), cells, strict=True)
    ]
    return Table(columns, tuple(rows))


def _layers(layers: tuple[str, ...], role: str) -> str:
    shown = listing(layers, 4)
    return shown if role == "activations" else f"{shown} ({role})"


def _data(plan: ArenaPlan, advice: Sequence[PlanAdvice]) -> dict[str, Any]:
    found: dict[str, Any] = {"schema": 1, **plan._asdict(), "is_exact_order": plan.is_exact_order}
    found["steps"] = [step._asdict() for step in plan.steps]
    found["volumes"] = [volume._asdict() for volume in plan.volumes]
    found["unfused"] = plan.unfused._asdict()
    found["advice"] = [each._asdict() for each in advice]
    return found


def marks(count: int) -> list[str]:
    """A letter or digit for each volume, repeated if there are more volumes than characters."""
    return [MARKS[number % len(MARKS)] for number in range(count)]


def plan_chart(
    volumes: Sequence[ArenaVolume], steps: int, arena_bytes: int, *, width: int = 80, height: int = 24
) -> list[str]:
    """A chart of an arena in ASCII: offsets in bytes upward, steps to the right, a mark for each volume.

    A cell shows the volume that takes the largest part of it, or ``.`` if most of it is free. Lines have at most
    ``width`` characters, the chart at most ``height`` lines; a net of few steps gets several columns for each.
    """
    steps = max(1, steps)
    arena = max(1, arena_bytes)
    label = max(4, len(str(arena)))
    room = max(8, width - label - 3)
    columns = min(room, steps * max(1, min(6, room // steps)))
    lines = max(1, min(height, arena))
    cell = arena * steps
    taken: list[list[tuple[int, str]]] = [[(0, FREE)] * columns for _ in range(lines)]
    covered = [[0] * columns for _ in range(lines)]
    # in units of 1/lines of a byte and 1/columns of a step: integers only
    for volume, mark in zip(volumes, marks(len(volumes)), strict=True):
        low, high = volume.offset * lines, volume.end * lines
        left, right = volume.first * columns, (volume.last + 1) * columns
        for line in range(low // arena, -(-high // arena)):
            tall = min(high, (line + 1) * arena) - max(low, line * arena)
            for column in range(left // steps, -(-right // steps)):
                area = tall * (min(right, (column + 1) * steps) - max(left, column * steps))
                covered[line][column] += area
                if area > taken[line][column][0]:
                    taken[line][column] = (area, mark)
    chart = []
    for line in range(lines - 1, -1, -1):
        cells = [
            mark if area >= cell - full else FREE for (area, mark), full in zip(taken[line], covered[line], strict=True)
        ]
        chart.append(f"{arena * line // lines:>{label}} |{''.join(cells)}|")
    chart.append(f"{'step':>{label}}  {_axis(steps, columns)}".rstrip())
    return chart


def _axis(steps: int, columns: int) -> str:
    """A line with as many numbers of steps as fit, each at its column."""
    text = ""
    for step in range(steps):
        column = step * columns // steps
        if (not text or column > len(text)) and column + len(str(step)) <= columns:
            text = text.ljust(column) + str(step)
    return text
