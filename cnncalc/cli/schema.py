"""``cnncalc schema``: the JSON Schema of architecture files and of the configuration."""

from __future__ import annotations

from cnncalc.cli.command import Command, Option
from cnncalc.cli.options import OUTPUT

HELP = """Prints the JSON Schema (draft-07) of architecture files, or with --config that of the configuration.

Editors complete and check with it. For YAML name it at the head of a file:
# yaml-language-server: $schema=architecture.schema.json

\b
Examples:
  cnncalc schema --architecture
  cnncalc schema --config
"""


def run(config: bool, file: str | None) -> None:
    """Prints a schema."""
    import json

    from cnncalc.checks.schema import architecture_schema, configuration_schema
    from cnncalc.cli.streams import Output

    schema = configuration_schema() if config else architecture_schema()
    Output(None, file).write_text(json.dumps(schema, indent=1), "json")


COMMAND = Command(
    "schema",
    "The JSON Schema of architecture files, for editors.",
    HELP,
    run,
    (),
    (
        Option(
            "--config",
            "config",
            "Of cnncalc.toml and [tool.cnncalc] instead (default: of architecture files).",
            default=False,
            opposite="--architecture",
        ),
        OUTPUT._replace(group=None),
    ),
)
