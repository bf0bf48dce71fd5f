"""The error tree, and the record of one problem that a user can act on.

Every error that a user's text can cause is a :class:`DesignError`; it holds one or more :class:`Problem` records.
Inside, a layer raises :class:`ShapeError` with the reason alone; whoever walks the graph adds the node and the place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cnncalc.source import Span

MOST_PROBLEMS = 20
"""How many problems of one design are shown in full; the others are counted."""


class CnncalcError(Exception):
    """The root of all errors that cnncalc raises on purpose."""


class ShapeError(CnncalcError):
    """A layer cannot take these volumes.

    ``code`` is a word to search for, ``message`` the rule and the numbers that break it, ``key`` the key of the layer
    that is to blame (None: the layer as a whole).
    """

    def __init__(self, message: str, *, code: str = "shape", key: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.key = key


class ValueProblem(CnncalcError):
    """A value is not what its key expects; the message says what was expected and what was found.

    ``key`` is the key of the layer that is to blame, if there is one.
    """

    def __init__(
        self, message: str, *, code: str = "wrong-value", hint: str | None = None, key: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint
        self.key = key


class Problem(NamedTuple):
    """One thing that is wrong with a design, and where.

    ``code`` names the rule, ``message`` gives the rule and the numbers, ``span`` the place in the text (None: the call
    itself), ``hint`` a way out that has been tried.
    """

    code: str
    message: str
    span: Span | None = None
    hint: str | None = None
    severity: str = "error"

    def __str__(self) -> str:
        from cnncalc.source import describe

        return describe(self)


class DesignError(CnncalcError):
    """A design cannot be read or does not fit together: one or more problems.

    ``problems`` holds at most :data:`MOST_PROBLEMS` of them, in the order of the text; ``count`` says how many there
    were, ``every`` holds them all. ``partial`` is the graph as far as it could be understood (None: not at all), in
    which more problems can be found; it may lack its nodes.
    """

    def __init__(self, problems: Iterable[Problem], partial: Any = None) -> None:
        self.every: tuple[Problem, ...] = tuple(dict.fromkeys(problems))
        self.count = len(self.every)
        self.problems: tuple[Problem, ...] = self.every[:MOST_PROBLEMS]
        self.partial = partial
        super().__init__(self.problems[0].message if self.problems else "the design is wrong")

    def __str__(self) -> str:
        text = "\n\n".join(str(problem) for problem in self.problems)
        left = self.count - len(self.problems)
        if left:
            text += f"\n\n... and {left} more problem{'s' if left > 1 else ''}"
        return text


MOST_CANDIDATES = 2000
"""So many words are looked through for the nearest one."""


def in_text_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems in the order in which their places stand in the text; those without a place come last."""
    return sorted(problems, key=lambda p: (p.span is None, p.span.start if p.span is not None else 0))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` was most likely meant to be, or None if none is close."""
    import difflib
    from itertools import islice

    candidates = {name.casefold()[:60]: name for name in islice(known, MOST_CANDIDATES)}
    found = difflib.get_close_matches(word.casefold()[:60], candidates, n=1, cutoff=0.6)
    return candidates[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'conv'?"`` where a known word is close, else nothing."""
    near = nearest(word, known)
    return f"; did you mean '{near}'?" if near else ""
