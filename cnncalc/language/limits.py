"""The limits of the language. Each error message states the limit.

The limit of the digits of a number is :data:`cnncalc.units.MAX_DIGITS`, which holds outside of designs too.
"""

from __future__ import annotations

PATTERN_CHARACTERS = 100_000
"""Characters of a pattern, and of all patterns of an architecture file together."""
NESTING = 64
"""Depth of nested groups and calls, and of nested expressions."""
EXPANSION = 200_000
"""Expanded layers, calls and iterations of a net together."""
EXPANSION_BESIDE_PROBLEMS = 20_000
"""The same for a design whose text has problems; a larger one is expanded only without problems."""
RANGE = 1_000
"""Entries of the list that ``range`` gives."""
REFERENCES = 100_000
"""References in a net that come from labels with a list in braces."""
NAME_CHARACTERS = 500
"""Characters of a name, its blocks included; limits the names of the largest net to 100 MB."""
EXPRESSION_DIGITS = 64
"""Digits of a number in an expression."""
DECIMAL_CHARACTERS = 40
"""Characters of a decimal number."""
YAML_BYTES = 2 * 1024 * 1024
"""Bytes of an architecture file."""
YAML_DEPTH = 64
"""Depth of nested lists and mappings in a YAML file."""
YAML_ALIASES = 100
"""Aliases in a YAML file."""
YAML_NODES = 100_000
"""Nodes of a YAML file with its aliases expanded."""
IGNORED = 1000
"""Pairs of a design rule and a layer under the key ``ignore``."""
