"""The limits of the language. Each error message states the limit.

The digits of a number are limited everywhere alike: :data:`cnncalc.units.MAX_DIGITS`.
"""

from __future__ import annotations

PATTERN_CHARACTERS = 100_000
NESTING = 64
EXPANSION = 200_000
"""Expanded layers, calls and iterations together."""
EXPANSION_BESIDE_PROBLEMS = 20_000
"""The same of a design whose text has problems: a larger one is expanded once these are mended."""
RANGE = 1_000
"""Entries of the list that ``range`` gives."""
REFERENCES = 100_000
"""References that names with a list give in a whole net."""
NAME_CHARACTERS = 500
"""Characters of a name with its blocks; bounds the names of the largest net to 100 MB."""
EXPRESSION_DIGITS = 64
DECIMAL_CHARACTERS = 40
YAML_BYTES = 2 * 1024 * 1024
YAML_DEPTH = 64
YAML_ALIASES = 100
YAML_NODES = 100_000
"""Nodes of a YAML file with its aliases expanded."""
IGNORED = 1000
"""Design rules and layers under 'ignore'."""
