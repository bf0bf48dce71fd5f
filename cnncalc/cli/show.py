"""``cnncalc show``: a net as it was understood."""

from __future__ import annotations

from typing import Any

from cnncalc.cli.command import Command, choice, output_of
from cnncalc.cli.options import DESIGN, TABLE_FORMATS, analyze, output_options
from cnncalc.errors import ValueProblem

HELP = """Prints TARGET as it was understood: text that reads back to the same net, or its expanded layers.

\b
Examples:
  cnncalc show vgg16 --as layers
  cnncalc show "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> FC" --set N=2 --set M=3 --as yaml
"""


def run(target: str, way: str | None, design: dict[str, Any], output: dict[str, Any]) -> None:
    """Prints a net as a pattern, as YAML or as layers."""
    out = output_of(output)
    way = way or ("yaml" if (out.file or "").lower().endswith((".yaml", ".yml")) else "pattern")
    if way != "layers" and out.format not in (None, "text"):
        raise ValueProblem(f"--format {out.format} is for --as layers; --as {way} is a text of its own", code="usage")
    report = analyze(target, design, {})
    if way == "layers":
        from cnncalc.views.catalogue import layers_document

        out.write(layers_document(report))
        return
    from cnncalc.language.writer import as_pattern, as_yaml

    if way == "pattern":
        out.write_text(as_pattern(report.settled))
    else:
        out.write_text(as_yaml(report.settled), "yaml")


COMMAND = Command(
    "show",
    "A net as it was understood: pattern, YAML or layers.",
    HELP,
    run,
    ("target",),
    (
        choice(
            "--as", ("pattern", "yaml", "layers"), "As what (default: yaml if FILE ends so, else pattern).", name="way"
        ),
        *DESIGN,
        *output_options(*TABLE_FORMATS),
    ),
)  # fmt: skip
