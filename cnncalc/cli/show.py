"""``cnncalc show``: a net as it was understood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli.options import Word, analyze, design_options, output_options, target_argument

if TYPE_CHECKING:
    from cnncalc.cli.options import Output

HELP = """Prints TARGET as it was understood: text that reads back to the same net, or its expanded layers.

\b
Examples:
  cnncalc show vgg16 --as layers
  cnncalc show "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> FC" --set N=2 --set M=3 --as yaml
"""


@click.command("show", help=HELP, short_help="A net as it was understood: pattern, YAML or layers.")
@target_argument
@click.option(
    "--as", "way", type=Word(("pattern", "yaml", "layers")), default="pattern", show_default=True, help="As what."
)
@design_options
@output_options("text", "rich", "json", "csv")
def command(target: str, way: str, design: dict[str, Any], output: Output) -> None:
    if way != "layers" and output.form not in (None, "text"):
        raise click.UsageError(f"--format {output.form} is for --as layers; --as {way} is text of its own")
    report = analyze(target, design, {})
    if way == "layers":
        from cnncalc.render.catalogue import layers_document

        output.write(layers_document(report))
        return
    from cnncalc.frontend import writer

    text = writer.as_pattern(report) if way == "pattern" else writer.as_yaml(report)
    output.write_text(text if text.endswith("\n") else text + "\n")
