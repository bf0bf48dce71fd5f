"""Hints about texts such as ``010`` and ``12:30``, which YAML would silently turn into other numbers."""

from __future__ import annotations

from cnncalc.errors import ValueProblem
from cnncalc.language.limits import DECIMAL_CHARACTERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cnncalc.layers.keys import Reader


def yaml_number_hint(text: str, reader: Reader | None = None) -> str | None:
    """The hint for a text that YAML would convert to a number: that number, or how to write it; else None.

    Only numbers that the ``reader`` takes are to be written.
    """
    import re

    def takes(number: int) -> bool:
        try:
            return reader is None or reader(number) is not None
        except ValueProblem:
            return False

    if len(text) > DECIMAL_CHARACTERS:  # no number of a design is longer
        return None
    if re.fullmatch(r"[-+]?0[0-7]+", text):
        octal = int(text, 8)
        numbers = [str(number) for number in dict.fromkeys((int(text), octal)) if takes(number)]
        write = f"; write {numbers[0]}" + "".join([f" (or {number})" for number in numbers[1:]]) if numbers else ""
        return f"YAML would read {text} as {octal}{write}"
    if re.fullmatch(r"[-+]?[0-9][0-9_]*_[0-9_]*", text):
        number = int(text.replace("_", ""))
        return f"write {number}" if takes(number) else None
    if re.fullmatch(r"[-+]?[0-9]+(?::[0-5]?[0-9])+", text):
        value = 0
        for part in text.lstrip("+-").split(":"):
            value = value * 60 + int(part)
        return f"YAML would read {text} as {-value if text[0] == '-' else value}, a time in base 60"
    if re.fullmatch(r"[-+]?0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+", text):
        return f"write {int(text, 0)}" if takes(int(text, 0)) else None
    return None
