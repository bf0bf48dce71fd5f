"""Verifies a report: builds the net, runs it, measures it, and compares the numbers."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from cnncalc.errors import DesignError, Problem, ValueProblem
from cnncalc.run.compare import Verification, compare
from cnncalc.run.forward import draw_images, run
from cnncalc.run.receptive_field import measure_field
from cnncalc.run.weights import build
from cnncalc.units import bytes_per_element, format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnncalc.analysis.report import Report

DTYPES = ("float32", "float64")
"""The data types in which a net can be run."""
SCRATCH_BYTES = 64 << 20
"""Bytes of temporary buffers in addition to the volumes, such as windows that are copied for BLAS."""


def verify(
    report: Report, *, seed: int = 0, progress: Callable[[str, int, str], None] | None = None, memory: int | None = None
) -> Verification:
    """Builds a net with random weights, runs it in NumPy, and compares all numbers of the report with the run.

    The net is also run with nothing in place, and each layer must have the same output: a layer that overwrites what
    another one still reads would change it.

    The batch and the data type (float32 or float64) are those of the report. ``seed`` is that of weights and images.
    ``progress`` is called with the stage (``run`` or ``receptive field``), the index and the name of the layer.
    ``memory`` is the most bytes that the run may need (default: those available).

    Raises ValueProblem for another data type, DesignError if the run needs more memory.
    """
    limit = available_bytes() if memory is None else memory
    needed = require_runnable(report, limit)
    try:
        weights = build(report, seed=seed)
        images = draw_images(report, seed=seed)
        measurement = run(report, weights, images, progress=step_of(progress, "run"), compares_values=True)
        del weights, images
        field = measure_field(report, measurement, progress=step_of(progress, "receptive field"))
    except MemoryError:
        raise too_large(report, "the run of", needed, limit) from None
    return compare(report, measurement, field, seed=seed)


def require_runnable(report: Report, limit: int) -> int:
    """An estimate of the bytes of a run; raises DesignError above ``limit``, ValueProblem for other data types."""
    if report.dtype not in DTYPES:
        raise ValueProblem(f"a net is run in float32 or float64, not in {report.dtype}", code="dtype")
    needed = needed_bytes(report)
    if needed > limit:
        raise too_large(report, "the run of", needed, limit)
    return needed


def step_of(progress: Callable[[str, int, str], None] | None, what: str) -> Callable[[int, str], None] | None:
    """A callback for the progress of the stage ``what``, which calls that of the whole verification."""
    return None if progress is None else lambda index, name: progress(what, index, name)


def too_large(report: Report, what: str, needed: int, limit: int) -> DesignError:
    """The error for a run that needs more memory than is free; ``what`` says what kind of run: ``the run of``."""
    images = f"{report.batch} images" if report.batch > 1 else "one image"
    message = (
        f"{what} {report.name} with {images} in {report.dtype} needs about {format_bytes(needed)} of memory, "
        f"but {format_bytes(limit)} is free"
    )
    hint = "a smaller --batch or --input needs less" if report.batch > 1 else "a smaller --input needs less"
    return DesignError([Problem("too-large-to-run", message, hint=hint)])


def needed_bytes(report: Report) -> int:
    """An estimate of the bytes of a run: parameters, live activations in place and out of place, temporary buffers."""
    each = bytes_per_element(report.dtype)
    elements = sum([row.parameters + row.buffers for row in report.layers])
    largest = max(row.activations for row in report.layers)
    live = _live_elements(report) + _live_elements(report, in_place=False)
    return (elements + (live + 3 * largest) * report.batch) * each + SCRATCH_BYTES


def _live_elements(report: Report, *, in_place: bool = True) -> int:
    """The most elements of one image that are live at once; with ``in_place`` False no output shares memory."""
    readers = report.graph.readers()
    owner = list(range(len(report.layers)))
    users = [0] * len(report.layers)
    live = peak = 0
    for row in report.layers:
        index = row.index
        if in_place and row.in_place and row.sources:
            owner[index] = owner[row.sources[0]]
        else:
            live += row.output.elements
        users[owner[index]] += max(1, len(readers[index]))
        peak = max(peak, live)
        for source in row.sources:
            users[owner[source]] -= 1
            if not users[owner[source]]:
                live -= report.layers[owner[source]].output.elements
    return peak


def available_bytes() -> int:
    """The available memory of the machine or container in bytes; 8 GiB if it is not known."""
    limits = []
    with suppress(OSError, ValueError), open("/proc/meminfo", encoding="ascii") as file:
        limits += [int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:")]
    with suppress(OSError, ValueError):
        maximum, used = (_number(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
        limits.append(maximum - used)
    if not limits and hasattr(os, "sysconf"):
        with suppress(OSError, ValueError):
            limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4)
    return max(0, min(limits, default=8 << 30))


def _number(file: str) -> int:
    with open(file, encoding="ascii") as text:
        return int(text.read())
