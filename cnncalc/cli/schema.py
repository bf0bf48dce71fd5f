"""``cnncalc schema``: the JSON Schema of architecture files and of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.command import Command, switch
from cnncalc.cli.options import file_option
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.cli.console import Console
    from cnncalc.cli.options import OutputOptions

HELP = """Prints the JSON Schema (draft-07) of architecture files, or of the configuration with --config.

Editors use it to complete and check files. In YAML, name it on the first line:
# yaml-language-server: $schema=architecture.schema.json

\b
Examples:
  cnncalc schema --architecture
  cnncalc schema --config
"""


class Call(NamedTuple):
    """The options of ``cnncalc schema``."""

    output: OutputOptions
    config: bool = False


def run(call: Call, console: Console) -> None:
    """Prints a schema."""
    import json

    from cnncalc.checks.schema import architecture_schema, configuration_schema

    schema = configuration_schema() if call.config else architecture_schema()
    console.write(json.dumps(schema, indent=1), call.output, "json")


COMMAND = Command(
    "schema",
    "The JSON Schema of architecture files, for editors.",
    HELP,
    Call,
    run,
    (
        switch(
            "--config",
            "Schema of cnncalc.toml and [tool.cnncalc] (default: of architecture files).",
            opposite="--architecture",
        ),
        file_option("json"),
    ),
)
