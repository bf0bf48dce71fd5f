"""``cnncalc convert``: a net in another format."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cnncalc.cli.command import Command, choice, switch
from cnncalc.cli.options import DESIGN, OUTPUT, OutputOptions, ReportOptions, analyze
from cnncalc.errors import ValueProblem
from cnncalc.interop.exporters import EXPORTERS, ExportOptions, export
from cnncalc.records import NamedTuple
from cnncalc.source import argument, visible
from cnncalc.units import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions
    from cnncalc.interop.exporters import Exporter

HELP = """Writes SOURCE, a design or a model file, in another format: by default as an architecture file.

\b
Examples:
  cnncalc convert resnet18 -o resnet18.yaml
  cnncalc convert "INPUT 32x32x3 -> [CONV3-16 -> RELU]*2 -> GAP -> FC-10" --to yaml
"""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc convert``."""

    source: str
    design: DesignOptions
    to: str | None = None
    flat: bool = False
    weights: str | None = None
    file: str | None = None


def _exporter(call: Call) -> Exporter:
    """The format of a call: that of ``--to``, else that of the ending of the file, else the first.

    Raises ValueProblem for an ending of no format, and for one of another format than that of ``--to``.
    """
    ending = os.path.splitext(call.file or "")[1].lower()
    named = next((each for each in EXPORTERS if each.name == call.to), None)
    if named is None:
        found = next((each for each in EXPORTERS if ending in each.endings), None if ending else EXPORTERS[0])
        if found is not None:
            return found
        known = ", ".join([each for exporter in EXPORTERS for each in exporter.endings])
        message = f"'{visible(ending)}' is not an ending of a format of convert ({known})"
        raise ValueProblem(message, code="usage", hint=f"--to {listed([each.name for each in EXPORTERS], 'or')}")
    if any(ending in each.endings for each in EXPORTERS) and ending not in (*named.endings, *named.other_endings):
        message = f"'{visible(ending)}' is not an ending of the format {named.name}"
        usual = (*named.endings, *named.other_endings)[0]
        target = f"{(call.file or '')[: -len(ending)]}{usual}"
        raise ValueProblem(message, code="usage", hint=f"--output {argument(target)}")
    return named


def idle(call: Call) -> Iterator[tuple[str, str]]:
    """The options without effect."""
    exporter = _exporter(call)
    if not exporter.has_weights:
        yield "weights", f"files of {exporter.name} have no weights"
    if not exporter.has_flat:
        yield "flat", f"it is for --to {' and '.join([each.name for each in EXPORTERS if each.has_flat])}"


def run(call: Call, console: Console) -> None:
    """Writes a net in another format."""
    exporter = _exporter(call)
    if exporter.is_binary and call.file in (None, "-"):
        console.refuse_terminal(f"{exporter.name} is binary", f"net{exporter.endings[0]}")
    report = analyze(call.source, call.design, ReportOptions(), console)
    weights = call.weights or "none"
    arrays = None
    if weights == "seeded" and exporter.has_weights:
        from cnncalc.run.weights import build

        arrays = build(report)
    in_place = [row.in_place_in_training for row in report.layers]
    content = export(report.resolved, exporter.name, ExportOptions(call.flat, weights, arrays, in_place))
    console.write(content, OutputOptions(None, call.file), exporter.name)


COMMAND = Command(
    "convert",
    "A net in another format: text of cnncalc, or files and code of other programs.",
    HELP,
    Call,
    run,
    (
        choice("--to", tuple([each.name for each in EXPORTERS]), "Format (default: by the ending of FILE, else yaml)."),
        switch("--flat", "Every layer by itself, with its name in the source, without repeats and blocks."),
        choice("--weights", ("none", "zeros", "seeded"), "Weights of a model file (default: none)."),
        DESIGN,
        OUTPUT,
    ),
    idle,
)
