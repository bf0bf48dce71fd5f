"""JSON: one object in ASCII, one line for each record, with exact integers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnncalc.formats.document import Document, Page


def write(document: Document, page: Page) -> str:
    """The data of the document as a JSON object."""
    members = [f"  {json.dumps(key)}: {_member(value)}" for key, value in document.data().items()]
    return "{\n" + ",\n".join(members) + "\n}\n"


def _member(value: Any) -> str:
    """A value on one line, or a list of records with one line each."""
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, Mapping) for item in value):
        return "[\n" + ",\n".join(f"    {json.dumps(item, default=plain)}" for item in value) + "\n  ]"
    return json.dumps(value, default=plain)


def plain(value: Any) -> Any:
    """Converts a value that JSON cannot write: a mapping to an object, all else to text."""
    return dict(value) if isinstance(value, Mapping) else str(value)
