"""What an option that a command does not have was probably meant as."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from cnncalc.cli.registry import COMMANDS, find_command
from cnncalc.errors import ValueProblem, nearest
from cnncalc.formats import FORMATS, format_of_ending
from cnncalc.source import argument
from cnncalc.units import listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.cli.command import Option

SYNONYMS = {
    "--memory": ("device", "gpu", "vram", "ram", "mem", "capacity", "limit"),
    "--data-parallel": ("devices", "gpus", "num-gpus", "num-devices", "world-size", "ddp"),
    "--list-devices": ("list-gpus", "list"),
    "--batch": ("batch-size", "bs", "b", "images", "n"),
    "--output": ("out", "file", "save", "save-to", "output-file"),
    "--input": ("input-size", "input-shape", "size", "image-size", "imgsz", "img", "resolution", "shape", "i"),
    "--dtype": ("precision", "type", "data-type"),
    "--dtype float32": ("fp32",),
    "--dtype float64": ("double", "fp64"),
    "--autocast float16": ("amp", "mixed-precision", "fp16", "half"),
    "--autocast bfloat16": ("bf16",),
    "--classes": ("num-classes", "nc"),
    "--filters": ("channels", "out-channels"),
    "--hidden": ("units", "hidden-units"),
    "--set": ("variable", "var", "set-variable", "define", "param", "override", "d"),
    "--optimizer": ("optim", "opt", "optimiser"),
    "--optimizer momentum": ("momentum",),
    "--weight-decay": ("wd", "decay"),
    "--checkpoint blocks": ("checkpointing", "gradient-checkpointing", "activation-checkpointing", "recompute"),
    "--accumulate": ("gradient-accumulation", "grad-accum", "accumulation-steps", "micro-batches"),
    "--zero": ("zero-stage", "stage"),
    "--zero 3": ("fsdp", "deepspeed"),
    "--theme": ("color", "colour", "color-scheme"),
    "--theme dark": ("dark",),
    "--theme light": ("light",),
    "--kind": ("plot-kind", "chart"),
    "--format": ("fmt", "f", "output-format", "report-format", "tablefmt"),
    "--units si": ("si",),
    "--units iec": ("iec",),
    "--style notes": ("notes",),
    "--columns": ("cols", "fields", "col-names"),
    "--sort": ("sort-by", "order-by", "order"),
    "--top": ("head", "limit", "first"),
    "--depth": ("level", "levels"),
    "--depth 1": ("summary",),
    "--exact": ("full", "raw", "precise", "bytes"),
    "--short": ("human", "human-readable"),
    "--verbose": ("all", "v", "details"),
    "--brief": ("quiet", "q", "silent"),
    "--heading": ("header",),
    "--no-heading": ("no-header",),
    "--caption": ("title",),
    "--max": ("budget", "limit", "fail-over", "threshold"),
    "--base": ("revision", "rev", "ref", "against", "compare"),
    "--strict": ("werror", "fail-on", "fail-on-warning", "fail-on-warnings", "error-on-warning"),
    "--ignore": ("disable",),
    "--exclude": ("skip", "omit"),
    "--diff": ("dry-run",),
    "--layer": ("node", "name"),
    "--to": ("target", "framework"),
    "--against": ("backend", "engine"),
    "--convention": ("tool",),
    "--seed": ("random-seed", "random-state"),
    "--best": ("objective",),
    "--vary": ("grid", "range", "space"),
    "--pareto": ("front", "objectives"),
    "--points": ("csv", "results", "resume"),
    "--executor": ("jobs", "j", "workers", "num-workers", "n-jobs", "threads", "processes"),
    "--jobs": ("j", "workers", "num-workers", "n-jobs", "threads", "processes", "executor"),
    "--where": ("filter", "constraint", "condition"),
}
"""Options, with their value where the name implies one, by their names in other tools, without dashes."""

ANSWERS = {
    "set the environment variable NO_COLOR=1, or FORCE_COLOR=1 for colours": (
        "color",
        "colour",
        "no-color",
        "no-colour",
    ),
    "leave it out: no figure depends on it": ("lr", "learning-rate", "epochs", "loss"),
    "leave it out: files are written over": ("force", "overwrite"),
    "cnncalc --version": ("version",),
}
"""What to do in place of options that no command has, by their names without dashes."""

MAX_COMMANDS = 6
"""How many commands with an option are named."""

SIMILAR_OPTION = 0.76
"""The least similarity of an option that is suggested."""

SETTINGS = ("yes", "no", "on", "off", "true", "false")
"""Words that are given to a switch by mistake."""


def option_hint(command: str, name: str, value: str | None, variables: Sequence[str] = ()) -> str | None:
    """What to write in place of the unknown option ``name`` of a command; ``value`` is the word after it.

    In this order: an option of the command that is known by this name elsewhere, one of the ``variables`` of the net,
    what is done without an option, the other commands that have the option, a similar option of the command. A
    ``value`` that the option does not take is written as it takes it, or what it takes is said.
    """
    own = _options(command)
    word = name.lstrip("-").lower().replace("_", "-")
    meant = [text for text, words in SYNONYMS.items() if word in words or word in [w.replace("-", "") for w in words]]
    form = word if word in FORMATS else getattr(format_of_ending(word), "name", None)
    if form:
        meant = [f"{flag} {form}" for flag in ("--format", "--as", "--to")]
    for text in meant:
        if option := _option(own, text, form):
            return f"use {_written(option, text, value)}"
    if word in variables and value:
        return f"use --set {argument(f'{word}={value}')}"
    for answer, words in ANSWERS.items():
        if word in words:
            return answer
    for text in (name, *meant):
        having = {each: option for each in COMMANDS if (option := _option(_options(each), text, form))}
        if having:
            return _of_others(having, text, value)
    near = nearest(word, {flag.lstrip("-"): flag for flag in own if _may_mean(own[flag], value)}, SIMILAR_OPTION)
    return f"did you mean '--{near}'?" if near else None


def _option(options: dict[str, Option], text: str, form: str | None) -> Option | None:
    """The option with the flag of ``text``; where that names a format, one that takes it."""
    option = options.get(text.split()[0])
    return option if option is not None and (form is None or form in option.words) else None


def _of_others(having: dict[str, Option], text: str, value: str | None) -> str:
    """The commands that have an option, with its value where the option takes one that is meant."""
    written = {each: _written(option, text, value) for each, option in having.items()}
    best = next((each for each in written.values() if ": " not in each), text.split()[0])
    names = [f"cnncalc {each}" for each in having if written[each] == best] or [f"cnncalc {each}" for each in having]
    more = " and others" if len(names) > MAX_COMMANDS else ""
    return f"{best} is an option of {listing(names[:MAX_COMMANDS])}{more}"


def _written(option: Option, text: str, value: str | None) -> str:
    """The flag of ``text`` with the value that is meant: the nearest of a choice, that of ``text``, or ``value``.

    A colon and what the option takes if it does not take this value.
    """
    flag, _, usual = text.partition(" ")
    if option.opposite:
        return flag
    if value is not None and option.words:
        value = nearest(value, option.words) or value
    chosen = usual if usual and (value is None or value not in option.words) else value
    if chosen is None:
        return flag
    try:
        option.read(chosen)
    except ValueProblem as problem:
        is_whole = (problem.hint or "").startswith(f"{flag} ")
        return problem.hint or flag if is_whole else f"{flag}: {problem.message}"
    return f"{flag} {argument(chosen)}"


def _may_mean(option: Option, value: str | None) -> bool:
    """Whether a misspelt name with this value can be that of an option."""
    if value is None:
        return True
    if option.opposite:
        return not _is_setting(value)
    try:
        option.read(nearest(value, option.words) or value if option.words else value)
    except ValueProblem:
        return False
    return True


def _is_setting(value: str) -> bool:
    """Whether a word after a switch is a value for it: a number or a word such as yes; others may be arguments."""
    try:
        return float(value) >= 0
    except ValueError:
        return value.lower() in SETTINGS


def setting_hint(command: str, words: Sequence[str]) -> str | None:
    """What to write in place of a switch that is given a value, as in ``--heading no``; None if there is none."""
    own = _options(command)
    pairs = [*pairwise(words), *[(word.partition("=")[0], word.partition("=")[2]) for word in words]]
    for flag, value in pairs:
        option = own.get(flag)
        if option is not None and option.opposite and _is_setting(value):
            is_negated = value.lower() in ("no", "off", "false", "0")
            return f"use {option.opposite if is_negated and flag == option.flag else flag}, without a value"
    return None


def _options(command: str) -> dict[str, Option]:
    """The options of a command by each of their flags."""
    found = find_command(command)
    return {flag: option for option in (found.options if found else ()) for flag in option.flags}
