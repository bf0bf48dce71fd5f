"""Hints about texts such as ``010`` and ``12:30``, which YAML would silently turn into other numbers."""

from __future__ import annotations

from cnncalc.language.limits import DECIMAL_CHARACTERS


def yaml_number_hint(text: str) -> str | None:
    """The hint for a text that YAML would convert to a number: that number, or how to write it; else None."""
    import re

    if len(text) > DECIMAL_CHARACTERS:  # no number of a design is longer
        return None
    if re.fullmatch(r"[-+]?0[0-7]+", text):
        octal = int(text, 8)
        return f"YAML would read {text} as {octal}; write {int(text)} (or {octal})"
    if re.fullmatch(r"[-+]?[0-9][0-9_]*_[0-9_]*", text):
        return f"write {text.replace('_', '')}"
    if re.fullmatch(r"[-+]?[0-9]+(?::[0-5]?[0-9])+", text):
        value = 0
        for part in text.lstrip("+-").split(":"):
            value = value * 60 + int(part)
        return f"YAML would read {text} as {-value if text[0] == '-' else value}, a time in base 60"
    if re.fullmatch(r"[-+]?0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+", text):
        return f"write {int(text, 0)}"
    return None
