"""``cnncalc schema``: the JSON Schema of architecture files and of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.command import Command, Group, switch
from cnncalc.cli.options import OUTPUT, OutputOptions
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.cli.console import Console

HELP = """Prints the JSON Schema (draft-07) of architecture files, or with --config that of the configuration.

Editors complete and check with it. For YAML name it at the head of a file:
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
    (),
    (
        switch(
            "--config",
            "Of cnncalc.toml and [tool.cnncalc] instead (default: of architecture files).",
            opposite="--architecture",
        ),
        Group("output", OutputOptions, (OUTPUT,)),
    ),
)
