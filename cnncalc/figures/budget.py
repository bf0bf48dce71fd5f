"""Budgets: limits as files, configurations and the command line write them, and which of them applies.

Each of these gives a :class:`~cnncalc.graph.RawValue`; :func:`read_budget` reads it and raises DesignError for every
key, limit or option that it does not know.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem, Problems, ValueProblem, did_you_mean, in_text_order
from cnncalc.figures.measure import ALLOW_STATED, KEYS, Measure
from cnncalc.graph import RawValue
from cnncalc.layers.keys import truth
from cnncalc.memory.boards import PREFIX, is_board, read_board
from cnncalc.memory.options import read_reserve
from cnncalc.records import NamedTuple
from cnncalc.source import Source, Span, visible
from cnncalc.units import (
    MAX_DIGITS,
    check_digits,
    format_bytes,
    listed,
    parse_bytes,
    parse_count,
    short,
    too_many_digits,
    untrainable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BOUNDS = ("max", "warn", "min")
"""The bounds a limit may set; a value above ``warn`` is a warning."""

FAMILY = "for"
"""The key with the ranges of the members that all have to keep the limits."""

_RELATIVE = re.compile(r"([+-])([0-9]{1,6})(?:\.([0-9]{1,6}))? ?%")


class Amount(NamedTuple):
    """A whole number, or a fraction of the base: ``+5%`` is (None, 105, 100)."""

    value: int | None
    numerator: int = 1
    denominator: int = 1
    text: str = ""

    def resolve(self, bound: str, base: int | None) -> int | None:
        """The limit as a whole number, rounded to the stricter side; None if it is relative and there is no base."""
        if self.value is not None:
            return self.value
        if base is None:
            return None
        product = base * self.numerator
        return -(-product // self.denominator) if bound == "min" else product // self.denominator


class Limit(NamedTuple):
    """A bound (``max``, ``warn`` or ``min``), its amount, and its place in the text."""

    bound: str
    amount: Amount
    span: Span | None = None


class FamilyRange(NamedTuple):
    """The values of a name as a budget writes them, such as ``8..64``."""

    name: str
    text: str
    span: Span | None = None


class Entry(NamedTuple):
    """The limits on one measure. ``options`` are those of the measure that are written, the others are defaults.

    ``family`` are the ranges for whose members they hold; none: they hold for the design itself.
    """

    measure: Measure
    limits: tuple[Limit, ...]
    span: Span | None = None
    options: tuple[str, ...] = ()
    family: tuple[FamilyRange, ...] = ()


Budget = dict[str, Entry]
"""The entries of a budget by key."""


# Where budgets come from


def from_python(value: Any) -> RawValue:
    """A Python value: a whole number, a text, a mapping."""
    if isinstance(value, dict):
        return RawValue(None, entries=tuple((str(key), None, from_python(part)) for key, part in value.items()))
    if isinstance(value, (list, tuple)):
        return RawValue(None, what="a list")
    if value is None:
        return RawValue(None, what="nothing")
    return RawValue(None, str(value))


IN_THOUSANDS = re.compile(r"\s*[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?[A-Za-z]*\s*")
"""A limit with commas between its thousands: ``1,000,000``, ``1,024MiB``."""


def from_calls(calls: Sequence[tuple[str, str]]) -> RawValue:
    """The budget of the options ``--max``, ``--warn`` and ``--min``, each ``KEY=LIMIT[,OPTION=VALUE...]``.

    ``calls`` are (bound, text) in the order of the command line. Raises DesignError.
    """
    keys: dict[str, dict[str, tuple[str, Span, RawValue]]] = {}
    spans: dict[str, Span] = {}
    problems = Problems()
    for bound, text in calls:
        source = Source(f"--{bound}", text)
        name, sign, rest = text.partition("=")
        key = name.strip()
        key_span = Span(source, 0, max(1, len(name)))
        if not sign or not key or not rest.strip():
            message = f"expected KEY=LIMIT, as in parameters=7M, found '{text[:60]}'"
            problems.append(Problem("wrong-value", message, Span(source, 0, max(1, len(text)))))
            continue
        parts = keys.setdefault(key, {})
        spans.setdefault(key, key_span)
        at = len(name) + 1
        whole = rest.replace(",", "").strip() if IN_THOUSANDS.fullmatch(rest) else ""
        for number, part in enumerate(rest.split(",")):
            span = Span(source, at, at + max(1, len(part)))
            at += len(part) + 1
            word, sign, value = part.partition("=")
            word = word.strip()
            if number == 0:
                word, value = bound, part
                if bound in parts:
                    message = f"{key} has two limits: --{bound} is given twice"
                    problems.append(Problem("repeated-key", message, key_span))
                    continue
            elif not sign or word in BOUNDS:
                if whole:
                    message = f"a number is written without commas, found '{rest[:60]}'"
                    problems.append(Problem("wrong-value", message, span, f"--{bound} {key}={whole[:60]}"))
                    break
                example = "training_memory=8GiB,batch=64"
                message = f"expected an option after the limit, as in {example}, found '{part[:60]}'"
                problems.append(Problem("wrong-value", message, span))
                continue
            elif word in parts and parts[word][2].text != value.strip():
                message = f"{key} has two values for {word}: {parts[word][2].text} and {value.strip()}"
                problems.append(Problem("repeated-key", message, span))
                continue
            parts.setdefault(word, (word, span, RawValue(span, value.strip())))
    if problems:
        raise DesignError(problems)
    return RawValue(
        None,
        entries=tuple(
            (key, spans[key], RawValue(spans[key], entries=tuple(parts.values()))) for key, parts in keys.items()
        ),
    )


# Reading


def read_budget(written: RawValue, where: str = "budget") -> Budget:
    """The budget written at a place; raises DesignError with all its problems."""
    problems = Problems()
    budget: Budget = {}
    if written.entries is None:
        if written.what == "nothing":
            raise DesignError([_empty(where, written.span)])
        found = written.what or f"'{_cut(written.text)}'"
        message = f"{where}: expected a mapping of keys to limits, as in parameters: 7M, found {found}"
        raise DesignError([Problem("wrong-type", message, written.span)])
    if not written.entries:
        raise DesignError([_empty(where, written.span)])
    for key, span, value in written.entries:
        if key not in KEYS:
            near = problems.near(key, KEYS)
            known = "" if near else f" (known: {', '.join(KEYS)})"
            problems.append(Problem("unknown-key", f"a budget has no key '{_cut(key)}'{near}{known}", span))
            continue
        found_problems = Problems()
        entry = _entry(key, span, value, found_problems)
        problems += found_problems
        if entry is not None and not found_problems:
            budget[key] = entry
    if problems:
        raise DesignError(in_text_order(problems))
    return budget


def _empty(where: str, span: Span | None) -> Problem:
    message = f"{where} is empty: write a key and its limit, as in parameters: 7M"
    return Problem("empty-budget", message, span, "remove it if nothing is to be limited")


def _entry(key: str, span: Span | None, value: RawValue, problems: Problems) -> Entry | None:
    """entry = limit | mapping of bounds to limits and of options to values"""
    if key == ALLOW_STATED:
        return _allow_stated(span, value, problems)
    if value.text is not None:
        amount = _amount(key, key, value, problems)
        return None if amount is None else Entry(Measure(key), (Limit("max", amount, span),), span)
    example = KEYS[key].example
    if value.entries is None:
        found = value.what
        message = f"{key}: expected a limit such as {example}, or a mapping with max, warn or min, found {found}"
        problems.append(Problem("wrong-type", message, value.span if value.what != "nothing" else span))
        return None
    limits, options = _bounds_and_options(key, [each for each in value.entries if each[0] != FAMILY], problems)
    family = tuple(
        [each for name, at, part in value.entries if name == FAMILY for each in _family(key, at, part, problems)]
    )
    for each in limits if family else ():
        if each.amount.value is None:
            message = f"{key}: {each.amount.text} is relative, and the members of a family have no base"
            problems.append(Problem("wrong-value", message, each.span, "write the limit itself"))
    for varied in family:
        if varied.name in options:
            message = f"{key}: {varied.name} is {options[varied.name]} and varies by {FAMILY} too"
            problems.append(Problem("wrong-value", message, varied.span))
        elif varied.name == "batch" and varied.name not in KEYS[key].options:
            message = f"{key}: {FAMILY}: the batch changes nothing: {key} does not depend on it"
            problems.append(Problem("wrong-value", message, varied.span, "limit training_memory, or vary another name"))
    if problems:
        return None
    if not limits:
        message = f"{key}: no limit: one of max, warn and min is needed, as in {{max: {example}}}"
        problems.append(Problem("empty-budget", message, span))
        return None
    _refuse_contradictions(key, limits, problems)
    ordered = tuple(sorted(limits, key=lambda limit: BOUNDS.index(limit.bound)))
    return Entry(Measure(key, **options), ordered, span, tuple(options), family)


def _family(key: str, span: Span | None, value: RawValue, problems: Problems) -> list[FamilyRange]:
    """family = mapping of names to ranges"""
    if not value.entries:
        found = value.what or f"'{_cut(value.text)}'" if value.entries is None else "an empty mapping"
        message = f"{key}: {FAMILY}: expected names with ranges, as in {{width: 8..64}}, found {found}"
        problems.append(Problem("wrong-type", message, value.span if value.what != "nothing" else span))
        return []
    ranges = []
    for name, name_span, part in value.entries:
        if part.text is None:
            found = part.what or "a mapping"
            message = f"{key}: {FAMILY}: {_cut(name)}: expected a range such as 8..64, or '8,16,32', found {found}"
            problems.append(Problem("wrong-type", message, part.span if part.what != "nothing" else name_span))
        else:
            ranges.append(FamilyRange(name, part.text, part.span))
    return ranges


def _allow_stated(span: Span | None, value: RawValue, problems: Problems) -> Entry | None:
    """``no``: no layer may have stated figures; ``yes``: any number may."""
    if value.entries is not None and [name for name, _, _ in value.entries] == ["max"]:  # as the command line has it
        value = value.entries[0][2]
    allowed = truth(value.text)
    if allowed is None:
        found = value.what or f"'{_cut(value.text)}'" if value.entries is None else "a mapping"
        message = f"{ALLOW_STATED}: expected yes or no, found {found}"
        problems.append(Problem("wrong-type", message, value.span if value.what != "nothing" else span))
        return None
    limits = () if allowed else (Limit("max", Amount(0, text="no"), span),)
    return Entry(Measure(ALLOW_STATED), limits, span)


def _bounds_and_options(
    key: str, entries: Sequence[tuple[str, Span | None, RawValue]], problems: Problems
) -> tuple[list[Limit], dict[str, Any]]:
    limits: list[Limit] = []
    options: dict[str, Any] = {}
    for name, name_span, part in entries:
        if name not in (*BOUNDS, *KEYS[key].options):
            problems.append(Problem("unknown-key", _unknown(key, name, problems), name_span))
        elif part.text is None:
            found = part.what or "a mapping"
            message = f"{key}: {name}: expected {'a limit' if name in BOUNDS else 'a value'}, found {found}"
            problems.append(Problem("wrong-type", message, part.span if part.what != "nothing" else name_span))
        elif name in BOUNDS:
            amount = _amount(key, f"{key}: {name}", part, problems)
            if amount is not None:
                limits.append(Limit(name, amount, name_span))
        else:
            try:
                options[name] = _option(key, name, part.text)
            except ValueProblem as problem:
                problems.append(Problem(problem.code, f"{key}: {problem.message}", part.span))
    return limits, options


def _unknown(key: str, name: str, problems: Problems) -> str:
    """The message for a name that is neither a bound nor an option of the key."""
    takers = [other.name for other in KEYS.values() if name in other.options]
    if takers:
        return f"{key} has no option '{name}'; keys with this option: {', '.join(takers)}"
    known = (*BOUNDS, FAMILY, *KEYS[key].options)
    return f"{key} has no key '{_cut(name)}'{problems.near(name, known)} (known: {', '.join(known)})"


def _refuse_contradictions(key: str, limits: Sequence[Limit], problems: Problems) -> None:
    """Reports limits that no value satisfies, and warnings that could never occur."""
    by_bound = {limit.bound: limit for limit in limits}
    for low, high, why in (
        ("min", "max", "no value satisfies both"),
        ("warn", "max", "the warning would never be given"),
        ("min", "warn", "every value violates one of them"),
    ):
        if low not in by_bound or high not in by_bound:
            continue
        first, second = by_bound[low].amount, by_bound[high].amount
        if (first.value is None) != (second.value is None):
            continue
        if first.value is not None and second.value is not None:
            is_above = first.value > second.value
        else:
            is_above = first.numerator * second.denominator > second.numerator * first.denominator
        if is_above:
            message = f"{key}: {low} {first.text} is above {high} {second.text}: {why}"
            problems.append(Problem("wrong-value", message, by_bound[low].span))


def _amount(key: str, where: str, value: RawValue, problems: Problems) -> Amount | None:
    text = value.text or ""
    try:
        return board_amount(key, text) if is_board(text) else read_amount(text, KEYS[key].unit)
    except ValueProblem as problem:
        problems.append(Problem(problem.code, f"{where}: {problem.message}", value.span, problem.hint))
        return None


def board_amount(key: str, text: str) -> Amount:
    """The memory of ``board:NAME`` that limits a key; raises ValueProblem for an unknown board, and for other keys."""
    memory = KEYS[key].on_board
    if not memory:
        keys = listed([f"{other.name} by its {other.on_board}" for other in KEYS.values() if other.on_board])
        raise ValueProblem(f"a board limits {keys}, not {key}", code="wrong-value")
    board = read_board(text)
    return Amount(getattr(board, memory), text=f"{PREFIX}{board.name}")


def read_amount(text: str, unit: str) -> Amount:
    """The amount of ``7M``, ``93MiB`` or ``+5%``; raises ValueProblem for anything else."""
    text = text.strip()
    shown = _cut(text)
    check_digits(text)
    if text.endswith("%"):
        found = _RELATIVE.fullmatch(text)
        if found is None:
            bare = re.fullmatch(r"[0-9.]+ ?%", text)
            way = f"write +{shown} or -{shown}" if bare else "write a sign, a number and %, as in +5%"
            raise ValueProblem(f"'{shown}' is not a change against the base: {way}")
        sign, whole, part = found.groups()
        scale = 10 ** len(part or "")
        change = int(whole + (part or ""))
        numerator = 100 * scale + (change if sign == "+" else -change)
        if numerator <= 0:
            raise ValueProblem(f"a decrease must be less than 100%, found '{shown}'")
        return Amount(None, numerator, 100 * scale, text)
    if re.match(r"-\s*[0-9.]", text):
        raise ValueProblem(f"a limit is at least 0, found {shown}")
    if re.match(r"\+\s*[0-9.]", text):
        raise ValueProblem(f"'{shown}': write a change with %, as in +5%, or a limit without a sign")
    if re.match("0[0-9]", text):
        raise ValueProblem(f"a number cannot begin with 0, since some readers take it as octal: '{shown}'")
    try:
        value = parse_bytes(text) if unit == "bytes" else parse_count(text)
    except ValueProblem as problem:
        raise ValueProblem(problem.message.replace(text, shown), code=problem.code) from None
    return Amount(value, text=text)


def _option(key: str, name: str, text: str) -> int | str:
    known = KEYS[key].options[name]
    if not known:
        return OPTION_READERS[name](name, text)
    if text not in known:
        reason = untrainable(text) if name == "dtype" else None
        message = reason or f"no {name} '{_cut(text)}'{did_you_mean(text, known)}"
        raise ValueProblem(f"{message} (known: {', '.join(known)})", code=f"unknown-{name}")
    return text


def _whole(name: str, text: str) -> int:
    if not re.fullmatch("[1-9][0-9]*", text):
        raise ValueProblem(f"{name}: expected a whole number of at least 1, found '{_cut(text)}'")
    if len(text) > MAX_DIGITS:
        raise ValueProblem(f"{name}: {too_many_digits(len(text))}", code="limit")
    return int(text)


def _method(name: str, text: str) -> str:
    """A method of checkpointing, or names of blocks."""
    if not text.strip():
        raise ValueProblem(f"{name}: expected none, blocks, stages, sqrt, best, or names of blocks, found nothing")
    return text.strip()


def _reserve(name: str, text: str) -> int | str:
    try:
        return read_reserve(text)
    except ValueProblem as problem:
        raise ValueProblem(f"{name}: {problem.message}", code=problem.code, hint=problem.hint) from None


OPTION_READERS: Mapping[str, Callable[[str, str], int | str]] = {
    "batch": _whole,
    "image_batches": _whole,
    "checkpoint": _method,
    "reserve": _reserve,
}
"""How the options are read that take no words: name, text."""


def _cut(text: str | None) -> str:
    text = visible(text or "")
    return text if len(text) <= 60 else text[:60] + "..."


def merged(*budgets: Budget) -> Budget:
    """One budget of several: key by key a later one replaces an earlier one."""
    found: Budget = {}
    for budget in budgets:
        found.update(budget)
    return {key: found[key] for key in KEYS if key in found}


def short_value(value: int, unit: str, units: str = "iec") -> str:
    """A value in short form."""
    return format_bytes(value, units) if unit == "bytes" else short(value)


def in_full(value: int, unit: str, units: str = "iec") -> str:
    """A value in short form and exactly: ``138.4M (138,357,544)``, ``58.13 MiB (60,950,432 bytes)``."""
    text = short_value(value, unit, units)
    if unit == "bytes":
        return text if text == f"{value} B" else f"{text} ({value:,} bytes)"
    return text if text == f"{value:,}" else f"{text} ({value:,})"
