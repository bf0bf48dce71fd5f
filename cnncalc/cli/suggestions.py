"""What an option that a command does not have was probably meant as."""

from __future__ import annotations

from cnncalc.cli.registry import COMMANDS, find_command
from cnncalc.errors import nearest
from cnncalc.formats import FORMATS
from cnncalc.source import argument
from cnncalc.units import listing

SYNONYMS = {
    "--memory": ("device", "gpu", "vram", "ram", "mem", "capacity", "limit"),
    "--data-parallel": ("devices", "gpus", "num-gpus", "num-devices", "world-size", "ddp"),
    "--list-devices": ("list-gpus", "list"),
    "--batch": ("batch-size", "bs", "b", "images", "n"),
    "--output": ("out", "file", "save", "save-to", "output-file"),
    "--input": ("input-size", "input-shape", "size", "image-size", "imgsz", "img", "resolution", "shape", "i"),
    "--dtype": ("precision", "type", "data-type"),
    "--autocast": ("amp", "mixed-precision"),
    "--autocast float16": ("fp16", "half"),
    "--autocast bfloat16": ("bf16",),
    "--classes": ("num-classes", "nc"),
    "--filters": ("channels", "out-channels"),
    "--hidden": ("units", "hidden-units"),
    "--set": ("variable", "var", "define", "param", "override", "d"),
    "--optimizer": ("optim", "opt"),
    "--checkpoint": ("checkpointing", "gradient-checkpointing", "activation-checkpointing", "recompute"),
    "--accumulate": ("gradient-accumulation", "grad-accum", "accumulation-steps", "micro-batches"),
    "--zero": ("zero-stage", "fsdp", "deepspeed"),
    "--theme": ("color", "colour", "color-scheme"),
    "--theme dark": ("dark",),
    "--theme light": ("light",),
    "--format": ("fmt", "f"),
    "--columns": ("cols", "fields", "col-names"),
    "--sort": ("sort-by", "order-by", "order"),
    "--top": ("head", "limit", "first"),
    "--depth": ("level", "levels", "summary"),
    "--exact": ("full", "raw", "precise"),
    "--short": ("human", "human-readable"),
    "--verbose": ("all", "v", "details"),
    "--brief": ("quiet", "q", "silent"),
    "--max": ("budget", "limit", "fail-over"),
    "--base": ("revision", "rev", "ref", "against", "compare"),
    "--strict": ("werror", "fail-on-warning", "fail-on-warnings", "error-on-warning"),
    "--exclude": ("skip", "omit"),
    "--layer": ("node", "name"),
    "--vary": ("grid", "range", "space"),
    "--pareto": ("front", "objectives"),
    "--points": ("csv", "results", "resume"),
    "--executor": ("jobs", "j", "workers", "n-jobs", "processes"),
    "--where": ("filter", "constraint", "condition"),
}
"""Options, with their value where the name implies one, by their names in other tools, without dashes."""

MAX_COMMANDS = 6
"""How many commands with an option are named."""


def option_hint(command: str, name: str, value: str | None) -> str | None:
    """What to write in place of the unknown option ``name`` of a command; ``value`` is the word after it.

    In this order: an option of the command that is known by this name elsewhere, the other commands that have the
    option, a similar option of the command.
    """
    flags = {each: _flags(each) for each in COMMANDS}
    own = flags.get(command, [])
    word = name.lstrip("-").lower()
    meant = [text for text, words in SYNONYMS.items() if word.replace("_", "-") in words]
    if word in FORMATS:
        meant = [f"--format {word}"]
    for text in meant:
        if text.split()[0] in own:
            takes = value and " " not in text and _takes_value(command, text)
            return f"use {text} {argument(value)}" if value and takes else f"use {text}"
    for flag in (name, *[text.split()[0] for text in meant]):
        having = [each for each in COMMANDS if flag in flags[each]]
        if having:
            more = " and others" if len(having) > MAX_COMMANDS else ""
            return f"{flag} is an option of {listing([f'cnncalc {each}' for each in having[:MAX_COMMANDS]])}{more}"
    return _similar(word, own)


def _similar(word: str, flags: list[str]) -> str | None:
    """The similar one of some options; their dashes are not compared."""
    by_word = {flag.lstrip("-"): flag for flag in flags}
    near = nearest(word, by_word)
    return f"did you mean '{by_word[near]}'?" if near else None


def _flags(command: str) -> list[str]:
    found = find_command(command)
    return [*[flag for option in (found.options if found else ()) for flag in option.flags], "--help"]


def _takes_value(command: str, flag: str) -> bool:
    found = find_command(command)
    return found is not None and any(flag in option.flags and not option.opposite for option in found.options)
