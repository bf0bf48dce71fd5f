"""The documentation of layer kinds, from their classes: a table of all kinds, or one kind in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table, word
from cnncalc.layers import KINDS
from cnncalc.layers.base import COMMON_KEYS, PARAMETER_KEYS
from cnncalc.layers.documentation import default_of, documentation, short_form
from cnncalc.views.layer_table import with_exact
from cnncalc.views.memory import why

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.analysis.report import LayerReport
    from cnncalc.layers import Layer
    from cnncalc.memory.report import MemoryReport

ALL = (
    Column("kind", "kind"),
    Column("short_form", "in a pattern"),
    Column("keys", "keys (defaults)"),
    Column("summary", "what it does"),
)
KEYS = (Column("key", "key"), Column("takes", "accepts"), Column("default", "default"), Column("means", "meaning"))


def kinds_document() -> Document:
    """One row for each kind: its form in patterns, its keys with their defaults, a summary."""
    rows = tuple(
        [
            (word(name), word(short_form(kind)), word(keys_with_defaults(kind)), word(documentation(kind).summary))
            for name, kind in KINDS.items()
        ]
    )
    closing = (
        Paragraph("in files", ("the key of a layer is its kind in lower case: conv: {filters: 64}",)),
        Paragraph("every kind", (f"{', '.join(COMMON_KEYS)}; with parameters also {', '.join(PARAMETER_KEYS)}",)),
    )
    return Document((), Table(ALL, rows), closing, lambda: {"schema": 1, "kinds": [kind_record(k) for k in KINDS]})


def keys_with_defaults(kind: type[Layer]) -> str:
    """``filters, kernel (2), stride (2)``: keys with their defaults in parentheses."""
    written = []
    for name, item in kind.keys.items():
        default = default_of(item)
        written.append(name if default is None else f"{name} ({default})")
    return ", ".join(written)


def kind_record(name: str) -> dict[str, Any]:
    """A kind as plain data."""
    kind = KINDS[name]
    texts = documentation(kind)
    return {
        "kind": name,
        "summary": texts.summary,
        "short_form": short_form(kind),
        "bare": kind.bare,
        "keys": [
            {"key": key, "takes": item.reader.expects, "default": default_of(item), "means": item.means}
            for key, item in kind.keys.items()
        ],
        "formula": texts.formula,
        "volume": texts.volume,
        "learned": texts.learned,
        "besides": list(texts.besides),
        "source": texts.source,
        "example": kind.example,
    }


def kind_document(name: str, memory: MemoryReport) -> Document:
    """One kind in full: keys, formula, volume, parameters, an example and the source.

    ``memory`` is the report of the example of the kind; the numbers are those of the last layer of that kind in it.
    """
    kind = KINDS[name]
    texts = documentation(kind)
    rows = tuple(
        [
            (word(key), word(item.reader.expects), _default(default_of(item)), word(item.means))
            for key, item in kind.keys.items()
        ]
    )
    row = [row for row in memory.report.layers if row.kind == name][-1]
    gives, kept = tuple(_gives(row)), tuple([each.line for each in why(memory, row.name, "iec")])
    parts = (
        Paragraph("pattern", (short_form(kind),)),
        Paragraph("file", (_in_a_file(kind),)),
        Paragraph("also takes", (", ".join(kind.common_keys()),)),
        Paragraph("formula", (texts.formula,)),
        Paragraph("volume", (texts.volume,)),
        Paragraph("learned", (texts.learned or "nothing",)),
        Paragraph("notes", texts.besides),
        Paragraph("example", (kind.example, *gives)),
        Paragraph("saved for backward", kept),
        Paragraph("source", (texts.source,)),
    )
    return Document(
        (name.upper(), texts.summary),
        Table(KEYS, rows),
        tuple([part for part in parts if any(part.lines)]),
        lambda: {"schema": 1, **kind_record(name), "example_gives": list(gives), "for_backward": list(kept)},
    )


def _default(default: str | None) -> Cell:
    return Cell("required", None) if default is None else word(default)


def _in_a_file(kind: type[Layer]) -> str:
    if kind.bare is not None:
        return f"{kind.kind}: {kind.bare.upper()}, or {kind.kind}: {{key: value, ...}}"
    return f"{kind.kind}, or {kind.kind}: {{key: value, ...}}"


def _gives(row: LayerReport) -> Iterator[str]:
    """The output volume of a layer and its counts with their arithmetic."""
    arithmetic = row.arithmetic
    yield f"output {row.output}: {with_exact(arithmetic['activations'], row.activations)} activations"
    numbers = {"weights": row.weights, "biases": row.biases, "buffers": row.buffers, "MACs": row.macs}
    for what, number in numbers.items():
        if number:
            yield f"{what}: {with_exact(arithmetic.get(what.lower(), str(number)), number)}"
