"""The hint for a layer in a pattern that is written as in a file, with its keys in braces."""

from __future__ import annotations

import re

from cnncalc.layers import KINDS

TYPE_KEYS = ("type", "kind", "layer", "op", "class_name", "module")
"""Keys whose value is the kind of a layer in the files of other tools."""

LONGEST = 300
"""Characters of a mapping that are read."""

IN_GENERAL = "in a pattern a layer is written CONV(filters=64, kernel=3), or CONV3-64; braces are for expressions"
_PAIR = re.compile(r"\s*['\"]?([A-Za-z_]\w*)['\"]?\s*[:=]\s*(.*?)\s*", re.DOTALL)
_VALUE = re.compile(r"[\w.+-]+|\[[\w.,\s+-]*\]")
_MAPPING = re.compile(r"\{\s*['\"]?[A-Za-z_]\w*['\"]?\s*:")


def is_mapping(text: str, at: int) -> bool:
    """Whether a mapping, such as ``{type: conv``, begins at an offset of a text."""
    return _MAPPING.match(text, at) is not None


def mapping_hint(text: str, at: int, word: str = "") -> str:
    """The hint for the mapping that begins at an offset; ``word`` is the text before it, which may name the kind."""
    found_word = re.search(r"(\w+)\s*:?\s*$", word)
    word = found_word[1] if found_word else ""
    body = _inside(text[at : at + LONGEST])
    pairs = [_PAIR.fullmatch(part) for part in _parts(body)] if body is not None else []
    found = [(pair[1], pair[2]) for pair in pairs if pair is not None]
    if not found or len(found) < len(pairs):
        return IN_GENERAL
    bare = ""
    if not word:
        (key, value), *found = found
        if key in TYPE_KEYS:
            word = value
        elif value[:1] == "{" and not found:
            return mapping_hint(value, 0, key)
        else:
            word, bare = key, value
    kind = KINDS.get(word.strip("'\"").lower())
    values = [bare, *[value for _, value in found]]
    if kind is None or not all(_VALUE.fullmatch(value.strip("'\"")) for value in values if value):
        return IN_GENERAL
    listed = [bare.strip("'\"")] if bare else []
    listed += ["{}={}".format(key, value.strip("'\"")) for key, value in found]
    return f"write {kind.kind.upper()}" + (f"({', '.join(listed)})" if listed else "")


def _inside(text: str) -> str | None:
    """The text between the brace at the start of a text and the one that closes it; None if it is never closed."""
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if not depth:
            return text[1:at]
    return None


def _parts(text: str) -> list[str]:
    """The parts of a text between commas; commas in brackets do not count."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
