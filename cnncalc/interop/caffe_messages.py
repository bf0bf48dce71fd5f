"""Messages of prototxt files, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

Fields = tuple[tuple[str, Any], ...]
"""The fields of a message in order; a list is a field for each value, Fields are a message."""


class Word(str):
    """A word of an enumeration, written without quotes."""

    __slots__ = ()


class Unsupported(Exception):
    """A layer cannot be written; the message says why."""


def written(fields: Sequence[tuple[str, Any]], depth: int) -> list[str]:
    """The lines of the fields of a message."""
    indent = "  " * depth
    lines = []
    for name, value in fields:
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, tuple):
                lines += [f"{indent}{name} {{", *written(each, depth + 1), f"{indent}}}"]
            else:
                lines.append(f"{indent}{name}: {_scalar(each)}")
    return lines


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Word) or not isinstance(value, str):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
