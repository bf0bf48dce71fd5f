"""Hints about numbers that YAML would silently convert."""

from __future__ import annotations


def yaml_guess(text: str) -> str | None:
    """A hint that says what number YAML would read in a text, or None."""
    import re

    if re.fullmatch(r"[-+]?0[0-7]+", text):
        plain = text.lstrip("+-0") or "0"
        return f"YAML would read {text} as {int(text, 8)}; write {plain} (or {int(text, 8)})"
    if re.fullmatch(r"[-+]?[0-9][0-9_]*_[0-9_]*", text):
        plain = text.replace("_", "")
        return f"write {plain}"
    if re.fullmatch(r"[-+]?[0-9]+(?::[0-5]?[0-9])+", text):
        value = 0
        for part in text.lstrip("+-").split(":"):
            value = value * 60 + int(part)
        return f"YAML would read {text} as {value}, a time in base 60"
    if re.fullmatch(r"[-+]?0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+", text):
        return f"write {int(text, 0)}"
    return None
