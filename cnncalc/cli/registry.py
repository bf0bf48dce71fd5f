"""The commands by name; each is imported when it is called."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cnncalc.cli.command import Command

COMMANDS = (
    *("table", "list", "kinds", "show", "explain", "verify", "memory", "fit"),
    *("solve", "sweep", "formula", "check", "diff"),
    *("plot", "report", "docs", "value", "schema", "convert"),
)
"""Every command; each is a module of this package that defines ``COMMAND``."""

COMPLETION = "_CNNCALC_COMPLETE"
"""The environment variable with which a shell asks for completions."""


def find_command(name: str) -> Command | None:
    """Imports and returns the command of that name; None if there is none."""
    if name not in COMMANDS:
        return None
    module = __import__(f"cnncalc.cli.{name}", fromlist=("COMMAND",))  # importlib would be one more module
    command: Command = module.COMMAND
    return command
