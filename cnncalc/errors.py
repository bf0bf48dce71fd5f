"""The exceptions of cnncalc, and the record of one problem with its place in the text.

Every error in a user's text raises :class:`DesignError`, which holds one or more :class:`Problem` records. A layer
raises :class:`ShapeError` with the reason only; the caller that walks the graph adds the node and the place.
"""

from __future__ import annotations

from cnncalc.records import NamedTuple
from cnncalc.source import excerpt, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from cnncalc.source import Span

MAX_COUNTED = 1000
"""Number of problems of one text at which its reading ends."""
MAX_PROBLEMS = 20
"""Number of problems of one design that are shown in full; the others are counted."""
MAX_MESSAGE_LENGTH = 1000
"""A longer message is cut, such as one that repeats a word of thousands of letters."""
MAX_CANDIDATES = 2000
"""Number of words that are searched for the nearest one."""
SIMILAR = 0.6
"""The least similarity of a word that is suggested, from 0 to 1, as difflib computes it."""
MAX_LETTERS = 20_000
"""Letters of the words that are searched, together."""
MAX_COMPARED = 50
"""Number of words that are compared letter by letter, those with most letters in common first."""


class CnncalcError(Exception):
    """Base class of all errors that cnncalc raises on purpose.

    ``code`` names the rule, ``hint`` is a fix verified to work.
    """

    code = "design"
    hint: str | None = None

    def problem(self, span: Span | None = None) -> Problem:
        """The error as a problem at that place."""
        return Problem(self.code, str(self), span, self.hint)

    @property
    def first(self) -> Problem:
        """The error as a problem; of several problems the first one."""
        return self.problem()


class ShapeError(CnncalcError):
    """A layer cannot take these volumes.

    ``code`` names the rule, ``message`` states the rule and the numbers that break it, ``key`` is the key of the layer
    that caused it (None: the layer as a whole), ``hint`` a way out.
    """

    def __init__(self, message: str, *, code: str = "shape", key: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint
        self.key = key


class ValueProblem(CnncalcError):
    """An invalid value; the message states what was expected and what was found.

    ``key`` is the key of the layer that has the value, if there is one.
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
    """One error or warning about a design.

    ``code`` names the rule, ``message`` states the rule and the numbers, ``span`` is the place in the text (None: the
    command line), ``hint`` a fix verified to work. ``about``: the variable or size of the call that has no effect.
    """

    code: str
    message: str
    span: Span | None = None
    hint: str | None = None
    severity: str = "error"
    about: str = ""

    def __str__(self) -> str:
        """Place, severity, code and message; below them the excerpt of the text and the hint."""
        message = self.message
        if len(message) > MAX_MESSAGE_LENGTH:
            message = message[:MAX_MESSAGE_LENGTH] + "..."
        text = f"{self.severity}[{self.code}]: {visible(message)}"
        margin = "  "
        span = self.span
        if span is not None:
            text = f"{visible(span.source.name)}:{span.line}:{span.column}: {text}\n{excerpt(span)}"
            margin = " " * (len(str(span.line)) + 1)
        if self.hint:
            text += f"\n{margin}= hint: {visible(self.hint)}"
        return text


class DesignError(CnncalcError):
    """One or more problems of a design that cannot be read or whose volumes do not fit together.

    ``every`` holds all problems in the order of the text, ``problems`` the first :data:`MAX_PROBLEMS` of them,
    ``count`` their number. ``partial`` is the readable part of the graph (None: nothing), whose volumes and budget are
    checked too.
    """

    def __init__(self, problems: Iterable[Problem], partial: Any = None) -> None:
        self.every: tuple[Problem, ...] = tuple(dict.fromkeys(problems))
        self.count = len(self.every)
        self.problems: tuple[Problem, ...] = self.every[:MAX_PROBLEMS]
        self.partial = partial
        super().__init__(self.problems[0].message if self.problems else "invalid design")

    @property
    def first(self) -> Problem:
        """The first problem in the order of the text."""
        return self.every[0]

    def __str__(self) -> str:
        return listed(self.every)


class NotADesign(DesignError):
    """The problems of a text that is not meant as an architecture file; ``why`` says by what it can be told."""

    def __init__(self, problems: Iterable[Problem], why: str) -> None:
        super().__init__(problems)
        self.why = why


class Problems(list[Problem]):
    """The problems of one text as they are found; at :data:`MAX_COUNTED` reading ends with a DesignError."""

    def append(self, problem: Problem) -> None:
        super().append(problem)
        if len(self) >= MAX_COUNTED:
            raise DesignError(in_text_order(self))

    def extend(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.append(problem)

    def __iadd__(self, problems: Iterable[Problem]) -> Problems:  # type: ignore[override,misc]
        self.extend(problems)
        return self

    def near(self, word: str, known: Iterable[str]) -> str:
        """As :func:`did_you_mean`, for a problem that is shown; nothing once there are too many to be shown."""
        return did_you_mean(word, known) if len(self) <= MAX_PROBLEMS else ""


def listed(problems: Sequence[object]) -> str:
    """The first :data:`MAX_PROBLEMS` problems, one paragraph each, and the number of the others."""
    text = "\n\n".join([str(problem) for problem in problems[:MAX_PROBLEMS]])
    left = len(problems) - MAX_PROBLEMS
    many = "at least " if len(problems) >= MAX_COUNTED else ""
    return text + (f"\n\n... and {many}{left:,} more problem{'s' if left > 1 else ''}" if left > 0 else "")


def in_text_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems in the order of their places in the text; those without a place come last."""
    return sorted(problems, key=lambda p: (p.span is None, p.span.start if p.span is not None else 0))


OTHER_NAMES = {
    "float32": ("fp32", "single"),
    "float64": ("fp64", "double"),
    "float16": ("fp16", "half"),
    "bfloat16": ("bf16",),
    "int8": ("uint8", "i8"),
    "torch-cuda": ("cuda", "gpu"),
    "torch-cpu": ("cpu",),
    "torch": ("pytorch",),
    "onnxruntime": ("ort",),
    "keras": ("tensorflow", "tf"),
    "tflite": ("tensorflow-lite",),
    "text": ("txt", "plain"),
    "markdown": ("md",),
    "latex": ("tex",),
    "yaml": ("yml",),
    "junit": ("xml",),
    "si": ("decimal",),
    "iec": ("kib", "mib", "gib", "binary"),
    "test": ("eval", "inference"),
    "train": ("training",),
    "dark": ("black",),
    "light": ("white",),
    "auto": ("system",),
    "cost": ("bars",),
    "training": ("timeline",),
    "volumes": ("shapes",),
    "graph": ("dag", "network"),
    "macs": ("mac", "madds", "multadds", "mult_adds"),
    "flops": ("ops", "gflops"),
    "training_memory": ("memory", "vram", "mem", "training"),
    "parameter_memory": ("size", "model_size", "weights_memory"),
    "receptive_field": ("rf", "field"),
    "batch": ("bs", "batch_size"),
    "serial": ("sequential", "sync"),
    "processes": ("multiprocessing",),
}
"""Words of options, budgets and columns, with what people call them elsewhere."""

LEAST_START = 3
"""The fewest letters that a word has for which a known word that begins with it is suggested."""


def nearest(word: str, known: Iterable[str], least: float = SIMILAR) -> str | None:
    """The known word that is meant by ``word`` (:data:`OTHER_NAMES`), else the most similar one.

    If none is at least as similar as ``least``, the shortest that begins with it; None if none does.
    """
    from itertools import islice

    candidates = {name.casefold()[:60]: name for name in islice(known, MAX_CANDIDATES)}
    for meant, words in OTHER_NAMES.items():
        if meant in candidates and word.casefold() in words:
            return candidates[meant]
    letters = _letters(word)
    same = {key: name for key, name in candidates.items() if _letters(key) == letters}
    if letters and same:  # other case or marks, or characters in another order: vgg61 is vgg16
        candidates = same
    found = _most_similar(word, candidates, least)
    if not found and len(word) >= LEAST_START:  # vit: vit-b-16
        found = min([key for key in candidates if key.startswith(word.casefold())], key=len, default="")
    return candidates[found] if found else None


def _most_similar(word: str, keys: Iterable[str], least: float) -> str:
    """The key most similar to a word, at least as similar as ``least``; an empty string if none is."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher()
    matcher.set_seq2(word.casefold()[:60])
    most: list[tuple[float, str]] = []  # bounds of the similarity
    letters_left = MAX_LETTERS
    for key in keys:
        letters_left -= len(key)
        if letters_left < 0:
            break
        matcher.set_seq1(key)
        if matcher.real_quick_ratio() >= least and (bound := matcher.quick_ratio()) >= least:
            most.append((bound, key))
    best, found = least, ""
    for bound, key in sorted(most, reverse=True)[:MAX_COMPARED]:
        if bound < best:
            break
        matcher.set_seq1(key)
        ratio = matcher.ratio()
        if ratio > best or (ratio == best and key > found):
            best, found = ratio, key
    return found


_LETTERS: dict[str, list[str]] = {}  # the names of a text are compared with each unknown one


def _letters(word: str) -> list[str]:
    """The letters and digits of a word, sorted."""
    found = _LETTERS.get(word)
    if found is None:
        if len(_LETTERS) == MAX_LETTERS_KEPT:
            _LETTERS.clear()
        found = _LETTERS[word] = sorted(letter for letter in word.casefold()[:60] if letter.isalnum())
    return found


MAX_LETTERS_KEPT = 4096


def no_effect(what: str, why: str, span: Span | None = None, hint: str | None = None, about: str = "") -> Problem:
    """The warning that an option or key has no effect; ``about`` as for :class:`Problem`."""
    return Problem("no-effect", f"{what} has no effect: {why}", span, hint, "warning", about)


def in_every(warnings: Sequence[Sequence[Problem]]) -> list[list[Problem]]:
    """The warnings of several designs of one call, without those about an option that has an effect in one of them."""
    options = [{option_without_effect(problem) for problem in each} for each in warnings]
    everywhere = set.intersection(*options) if options else set()
    return [[problem for problem in each if option_without_effect(problem) in (None, *everywhere)] for each in warnings]


def option_without_effect(problem: Problem) -> str | None:
    """The option that a problem calls without effect; None for other problems."""
    is_option = problem.code == "no-effect" and problem.span is None and problem.message.startswith("--")
    return problem.message.partition(" has no effect")[0] if is_option else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'conv'?"`` where a known word is similar, else an empty string."""
    near = nearest(word, known)
    return f"; did you mean '{near}'?" if near else ""


MAX_NAMED = 8
"""How many names are listed where none is similar."""


def did_you_mean_or(word: str, known: Sequence[str], what: str) -> str:
    """As :func:`did_you_mean`; where no name is similar, the first ones, as in ``" (layers: conv1, pool1)"``."""
    more = f" and {len(known) - MAX_NAMED:,} more" if len(known) > MAX_NAMED else ""
    return did_you_mean(word, known) or f" ({what}: {', '.join(known[:MAX_NAMED])}{more})"
