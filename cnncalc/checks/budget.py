"""Budgets: what may be limited, how limits are written in files, configurations and calls, and which of them holds.

A place (an architecture file, a configuration, the command line) gives a :class:`Written` mapping; :func:`read_budget`
makes a :class:`Budget` of it and refuses whatever is not understood. Nothing that is misspelt ever passes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc.errors import DesignError, Problem, ValueProblem, did_you_mean, in_text_order
from cnncalc.memory.optimizers import OPTIMIZERS
from cnncalc.memory.options import PROFILE_NAMES, TRAINABLE_TYPES
from cnncalc.source import Source, Span, visible
from cnncalc.units import BYTES_PER_ELEMENT, format_bytes, parse_bytes, parse_count, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

UNIT_OF = {
    "parameters": "count",
    "weights": "count",
    "macs": "count",
    "activations": "count",
    "layers": "count",
    "parameter_memory": "bytes",
    "activation_memory": "bytes",
    "inference_memory": "bytes",
    "training_memory": "bytes",
    "receptive_field": "count",
}
"""Every key of a budget, and whether its limits are counts or bytes."""

OPTIONS_OF: Mapping[str, tuple[str, ...]] = {
    "parameter_memory": ("dtype",),
    "activation_memory": ("batch", "dtype"),
    "inference_memory": ("batch", "dtype", "profile"),
    "training_memory": ("batch", "dtype", "optimizer", "profile"),
}
"""The options that the keys of memory take; other keys have none."""

BOUNDS = ("max", "warn", "min")
"""What a limit may be: ``warn`` is a maximum whose breach is a warning."""

DIGITS = 18
"""A limit has at most so many digits before its unit."""

_RELATIVE = re.compile(r"([+-])([0-9]{1,6})(?:\.([0-9]{1,6}))? ?%")


class Measure(NamedTuple):
    """What is measured: a key, and for memory under which options."""

    key: str
    batch: int = 1
    dtype: str = "float32"
    optimizer: str = "momentum"
    profile: str = "torch-cuda"

    @property
    def unit(self) -> str:
        """``count`` or ``bytes``."""
        return UNIT_OF[self.key]

    @property
    def title(self) -> str:
        """The key with the options that are not the usual ones: ``training_memory (batch 64, adam)``."""
        said = [f"batch {self.batch}"] if self.batch != 1 else []
        said += [value for value, usual in zip(self[2:], Measure("macs")[2:], strict=True) if value != usual]
        return f"{self.key} ({', '.join(said)})" if said else self.key

    @property
    def identity(self) -> str:
        """The key with all of its options, as baselines name it."""
        options = [f"{name}={getattr(self, name)}" for name in OPTIONS_OF.get(self.key, ())]
        return " ".join([self.key, *options])


class Amount(NamedTuple):
    """How much: a whole number, or a part of the base.

    ``+5%`` is (None, 105, 100): numerator over denominator of the base.
    """

    value: int | None
    numerator: int = 1
    denominator: int = 1
    text: str = ""

    def settle(self, bound: str, base: int | None) -> int | None:
        """The limit as a whole number, rounded to the strict side; None where a relative one has no base."""
        if self.value is not None:
            return self.value
        if base is None:
            return None
        product = base * self.numerator
        return -(-product // self.denominator) if bound == "min" else product // self.denominator


class Limit(NamedTuple):
    """One limit: ``max``, ``warn`` or ``min``, and its place in the text."""

    bound: str
    amount: Amount
    span: Span | None = None


class Entry(NamedTuple):
    """What a budget says about one key: what is measured and its limits."""

    measure: Measure
    limits: tuple[Limit, ...]
    span: Span | None = None


Budget = dict[str, Entry]
"""A budget: for each key that it limits what it says."""


class Written(NamedTuple):
    """A value as it was written: a ``text``, or a mapping with its ``entries``, or something else (``what``)."""

    span: Span | None
    text: str | None = None
    entries: tuple[tuple[str, Span | None, Written], ...] | None = None
    what: str = ""


# How the places write it


def from_node(node: Any) -> Written:
    """A node of an architecture file."""
    if hasattr(node, "text"):
        if node.is_null:
            return Written(node.span, what="nothing")
        return Written(node.span, node.value.strip())
    if hasattr(node, "entries"):
        entries = tuple((key.value, key.span, from_node(value)) for key, value in node.entries)
        return Written(node.span, entries=entries)
    return Written(node.span, what="a list")


def from_python(value: Any) -> Written:
    """A value of Python: a whole number, a text, a mapping."""
    if isinstance(value, dict):
        return Written(None, entries=tuple((str(key), None, from_python(part)) for key, part in value.items()))
    if isinstance(value, (list, tuple)):
        return Written(None, what="a list")
    if value is None:
        return Written(None, what="nothing")
    return Written(None, str(value))


def from_calls(calls: Sequence[tuple[str, str]]) -> Written:
    """What ``--max KEY=LIMIT[,OPTION=VALUE...]`` and its like say together; raises DesignError.

    ``calls`` are (bound, text) in the order of the command line.
    """
    keys: dict[str, dict[str, tuple[str, Span, Written]]] = {}
    spans: dict[str, Span] = {}
    problems: list[Problem] = []
    for bound, text in calls:
        source = Source(f"--{bound}", text)
        name, sign, rest = text.partition("=")
        key = name.strip()
        here = Span(source, 0, max(1, len(name)))
        if not sign or not key or not rest.strip():
            message = f"expected KEY=LIMIT, as in parameters=7M, found '{text[:60]}'"
            problems.append(Problem("wrong-value", message, Span(source, 0, max(1, len(text)))))
            continue
        mine = keys.setdefault(key, {})
        spans.setdefault(key, here)
        at = len(name) + 1
        for number, part in enumerate(rest.split(",")):
            span = Span(source, at, at + max(1, len(part)))
            at += len(part) + 1
            word, sign, value = part.partition("=")
            word = word.strip()
            if number == 0:
                word, value = bound, part
                if bound in mine:
                    message = f"{key} has two limits: --{bound} stands twice for it"
                    problems.append(Problem("repeated-key", message, here))
                    continue
            elif not sign or word in BOUNDS:
                message = f"expected an option behind the limit, as in {key}=8GiB,batch=64, found '{part[:60]}'"
                problems.append(Problem("wrong-value", message, span))
                continue
            elif word in mine and mine[word][2].text != value.strip():
                message = f"{key} has two values for {word}: {mine[word][2].text} and {value.strip()}"
                problems.append(Problem("repeated-key", message, span))
                continue
            mine.setdefault(word, (word, span, Written(span, value.strip())))
    if problems:
        raise DesignError(problems)
    return Written(
        None,
        entries=tuple(
            (key, spans[key], Written(spans[key], entries=tuple(mine.values()))) for key, mine in keys.items()
        ),
    )


# How it is read


def read_budget(written: Written, where: str = "budget") -> Budget:
    """The budget that a place writes; raises DesignError with all that is wrong with it."""
    problems: list[Problem] = []
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
        if key not in UNIT_OF:
            near = did_you_mean(key, UNIT_OF)
            known = "" if near else f" (known: {', '.join(UNIT_OF)})"
            problems.append(Problem("unknown-key", f"a budget has no key '{_cut(key)}'{near}{known}", span))
            continue
        found_problems: list[Problem] = []
        entry = _entry(key, span, value, found_problems)
        problems += found_problems
        if entry is not None and not found_problems:
            budget[key] = entry
    if problems:
        raise DesignError(in_text_order(problems))
    return budget


def _empty(where: str, span: Span | None) -> Problem:
    message = f"{where}: an empty budget limits nothing: write a key and its limit, as in parameters: 7M"
    return Problem("empty-budget", message, span, "leave it out where nothing is to be limited")


def _entry(key: str, span: Span | None, value: Written, problems: list[Problem]) -> Entry | None:
    """A limit, or a mapping of limits and options."""
    if value.text is not None:
        amount = _amount(key, key, value, problems)
        return None if amount is None else Entry(Measure(key), (Limit("max", amount, span),), span)
    if value.entries is None:
        found = value.what
        message = f"{key}: expected a limit such as {_example(key)}, or a mapping with max, warn or min, found {found}"
        problems.append(Problem("wrong-type", message, value.span if value.what != "nothing" else span))
        return None
    options = OPTIONS_OF.get(key, ())
    known = (*BOUNDS, *options)
    limits: list[Limit] = []
    chosen: dict[str, Any] = {}
    for name, name_span, part in value.entries:
        if name not in known:
            message = f"{key} has no key '{_cut(name)}'{did_you_mean(name, known)} (known: {', '.join(known)})"
            if name in ("batch", "dtype", "optimizer", "profile"):
                takers = [taker for taker, words in OPTIONS_OF.items() if name in words]
                message = f"{key} does not depend on '{name}'; that is for {', '.join(takers)}"
            problems.append(Problem("unknown-key", message, name_span))
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
                chosen[name] = _option(key, name, part.text)
            except ValueProblem as problem:
                problems.append(Problem(problem.code, f"{key}: {problem.message}", part.span))
    if problems:
        return None
    if not limits:
        message = f"{key}: no limit: one of max, warn and min is needed, as in {{max: {_example(key)}}}"
        problems.append(Problem("empty-budget", message, span))
        return None
    _refuse_contradictions(key, limits, problems)
    return Entry(Measure(key, **chosen), tuple(sorted(limits, key=lambda limit: BOUNDS.index(limit.bound))), span)


def _refuse_contradictions(key: str, limits: Sequence[Limit], problems: list[Problem]) -> None:
    """Limits that nothing can keep, or that could never speak."""
    by_bound = {limit.bound: limit for limit in limits}
    for low, high, why in (
        ("min", "max", "no value keeps both"),
        ("warn", "max", "the warning would never be given"),
        ("min", "warn", "every value would break one of them"),
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
            message = f"{key}: {low} {first.text} lies above {high} {second.text}: {why}"
            problems.append(Problem("wrong-value", message, by_bound[low].span))


def _example(key: str) -> str:
    return "8GiB" if UNIT_OF[key] == "bytes" else "7M" if key not in ("layers", "receptive_field") else "50"


def _amount(key: str, where: str, value: Written, problems: list[Problem]) -> Amount | None:
    try:
        return read_amount(value.text or "", UNIT_OF[key])
    except ValueProblem as problem:
        problems.append(Problem(problem.code, f"{where}: {problem.message}", value.span))
        return None


def read_amount(text: str, unit: str) -> Amount:
    """``7M``, ``93MiB`` or ``+5%``; raises ValueProblem for what is none of them."""
    text = text.strip()
    shown = _cut(text)
    longest = max((len(digits) for digits in re.findall("[0-9]+", text)), default=0)
    if longest > DIGITS:
        raise ValueProblem(f"a limit has at most {DIGITS} digits, but this one has {longest}", code="limit")
    if text.endswith("%"):
        found = _RELATIVE.fullmatch(text)
        if found is None:
            bare = re.fullmatch(r"[0-9.]+ ?%", text)
            way = f"write +{shown} or -{shown}" if bare else "write a sign, a number and %, as in +5%"
            raise ValueProblem(f"'{shown}' is no change against the base: {way}")
        sign, whole, part = found.groups()
        scale = 10 ** len(part or "")
        change = int(whole + (part or ""))
        numerator = 100 * scale + (change if sign == "+" else -change)
        if numerator <= 0:
            raise ValueProblem(f"'{shown}' leaves nothing of the base: a decrease is less than 100%")
        return Amount(None, numerator, 100 * scale, text)
    if re.match(r"-\s*[0-9.]", text):
        raise ValueProblem(f"a limit is at least 0, found {shown}")
    if re.match(r"\+\s*[0-9.]", text):
        raise ValueProblem(f"'{shown}' has a sign: a change is written with %, as in +5%, and a limit without a sign")
    if re.match("0[0-9]", text):
        raise ValueProblem(f"a number does not begin with 0, since some readers take it as octal: '{shown}'")
    try:
        value = parse_bytes(text) if unit == "bytes" else parse_count(text)
    except ValueProblem as problem:
        raise ValueProblem(problem.message.replace(text, shown), code=problem.code) from None
    return Amount(value, text=text)


def _option(key: str, name: str, text: str) -> int | str:
    if name == "batch":
        if not re.fullmatch("[1-9][0-9]{0,17}", text):
            raise ValueProblem(f"batch: expected a whole number of at least 1, found '{_cut(text)}'")
        return int(text)
    types = tuple(BYTES_PER_ELEMENT) if key in ("parameter_memory", "activation_memory") else TRAINABLE_TYPES
    known = {"dtype": types, "optimizer": tuple(OPTIMIZERS), "profile": PROFILE_NAMES}[name]
    if text not in known:
        raise ValueProblem(
            f"no {name} '{_cut(text)}'{did_you_mean(text, known)} (known: {', '.join(known)})", code=f"unknown-{name}"
        )
    return text


def _cut(text: str | None) -> str:
    text = visible(text or "")
    return text if len(text) <= 60 else text[:60] + "..."


def merged(*budgets: Budget) -> Budget:
    """Budgets of several places, the strongest last: key by key the later one replaces the one before."""
    found: Budget = {}
    for budget in budgets:
        found.update(budget)
    return {key: found[key] for key in UNIT_OF if key in found}


def is_relative(entries: Iterable[Entry]) -> bool:
    """Whether a limit among them is relative to a base."""
    return any(limit.amount.value is None for entry in entries for limit in entry.limits)


def brief(value: int, unit: str, units: str = "iec") -> str:
    """A value in short form."""
    return format_bytes(value, units) if unit == "bytes" else short(value)


def in_full(value: int, unit: str, units: str = "iec") -> str:
    """A value in short form and exactly: ``138.4M (138,357,544)``, ``58.13 MiB (60,950,432 bytes)``."""
    text = brief(value, unit, units)
    if unit == "bytes":
        return text if text == f"{value} B" else f"{text} ({value:,} bytes)"
    return f"{value:,}" if text == str(value) else f"{text} ({value:,})"
