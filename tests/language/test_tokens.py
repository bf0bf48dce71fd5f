"""The scanner of patterns divides a text as the regular expression of its tokens does."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from cnncalc.errors import DesignError
from cnncalc.language.tokens import Scanner
from cnncalc.source import Source, Text
from tests.random_nets import examples

GRAMMAR = re.compile(
    r"""
      (?P<blank>[ \t\r\n\f\v\u00a0]+)
    | (?P<arrow>->|\u2192)
    | (?P<word>[^\W\d]\w*(?:\u00d7[0-9]+)*)
    | (?P<decimal>[0-9]+\.[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)
    | (?P<size>[0-9]+(?:[x\u00d7][0-9]+)+)
    | (?P<integer>[0-9]+)
    | (?P<label>@(?:[\w./]|-(?!>))+)
    | (?P<mark>\*\*|//|<=|>=|==|!=|[\[\](){}|?*,:=/+\-%<>])
    """,
    re.VERBOSE,
)
LETTERS = ("\u00d7", "\u00e9", "\u0663", "\u00b2", "\u00bd", "\u00a0", "\u2028")
WORDS = ("->", "\u2192", "CONV", "3x3", "6.5", "1e5", "E-3", "nn", "==", "**", "//")
PIECES = st.sampled_from([*"@-.3xe*/<>=![]()|?,:+%_' \n\t", *LETTERS, *WORDS])
"""Without braces in names, comments and zeros in front, whose rules are not of this grammar."""


def divided(text: str) -> list[tuple[str, int, int]] | None:
    """Type, start and end of each token by the grammar; None if it has no such token."""
    tokens, at = [], 0
    while at < len(text):
        found = GRAMMAR.match(text, at)
        if found is None:
            return None
        kind = str(found.lastgroup)
        if kind != "blank":
            tokens.append(({"arrow": "->", "mark": found[0]}.get(kind, kind), at, found.end()))
        at = found.end()
    return tokens


@given(st.lists(PIECES, max_size=10).map("".join))
@examples(300)
def test_a_text_is_divided_as_the_grammar_says(text: str) -> None:
    scanner = Scanner(Text(text, Source("<pattern>", text), (0,), (0,)))
    try:
        found = [(token.type, token.start, token.end) for token in scanner.tokens()[:-1]]
    except DesignError:
        found = None

    assert found == divided(text)
