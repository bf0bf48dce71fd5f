"""The files of the named nets, whether cnncalc runs from a wheel, an editable install or a checkout."""

from __future__ import annotations

import os


def _folder() -> str:
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    inside = os.path.join(here, "architectures")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(here), "architectures")


def names() -> list[str]:
    """The names of all named nets, numbers in them ordered by value (resnet50 before resnet101)."""
    import re

    try:
        found = [name[: -len(".yaml")] for name in os.listdir(_folder()) if name.endswith(".yaml")]
    except OSError:
        return []
    return sorted(found, key=lambda name: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)])


def path(name: str) -> str | None:
    """The path of the file of a named net; None if there is no net of that name."""
    if not all(c.isalnum() or c in "-._" for c in name) or name.startswith("."):
        return None
    file = os.path.join(_folder(), name + ".yaml")
    return file if os.path.isfile(file) else None
