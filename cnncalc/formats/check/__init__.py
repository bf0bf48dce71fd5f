"""The result of ``check`` in the formats for people and CI servers: one module for each format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.formats import FORMATS

if TYPE_CHECKING:
    from cnncalc.checks.check import CheckResult

CHECK_FORMATS = tuple(name for name, each in FORMATS.items() if each.check_writer)
"""The formats of ``check``."""


def write_result(result: CheckResult, format: str, width: int | None = None) -> str:
    """The result in one of the formats, ending in a line break; ``width``: the columns of the terminal, for text."""
    from importlib import import_module

    module = import_module(FORMATS[format].check_writer)
    text: str = module.write(result) if width is None else module.write(result, width)
    return text if text.endswith("\n") else text + "\n"
