"""``cnncalc value``: one number, for a sentence or a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.cli.command import Command, Option
from cnncalc.cli.memory import MEMORY, report_options, subset_of
from cnncalc.cli.options import DESIGN, DTYPE, NOTATION, analyze, idle_output, output_options
from cnncalc.records import NamedTuple
from cnncalc.units import listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions, NotationOptions, OutputOptions
    from cnncalc.errors import Problem
    from cnncalc.figures.value import Figure
    from cnncalc.memory.report import Options

HELP = """Prints one number of TARGET, or of one of its layers with --layer; short, or in full with --exact.

\b
KEY of a net:
  parameters weights biases trainable buffers activations macs flops layers
  parameter_memory activation_memory inference_memory training_memory
  inference_need training_need arena flash plan_arena
  receptive_field receptive_field_unclipped input output name title
KEY of a layer:
  parameters weights biases trainable buffers activations macs flops
  parameter_memory activation_memory
  receptive_field receptive_field_unclipped input output name kind label

Counts are for one image, and one MAC is two FLOPs. Memory is for --batch, as in a budget. As in the table, in-place
layers have no memory of their own and do not count in the activations of a net.

\b
Examples:
  cnncalc value vgg16 parameters
  cnncalc value resnet50 training_memory --batch 32 --optimizer adam
  cnncalc value vgg16 macs --layer conv2 --exact
"""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc value``."""

    target: str
    key: str
    design: DesignOptions
    memory: Options
    notation: NotationOptions
    output: OutputOptions
    layer: str | None = None


def idle_options(keys: Iterable[str], why: str) -> Iterator[tuple[str, str]]:
    """The options of memory that none of these keys has, each with ``why`` and the keys that have it."""
    from cnncalc.figures.measure import KEYS

    taken = {name for key in keys if key in KEYS for name in KEYS[key].options}
    for name in (*VALUE_OPTIONS, "dtype"):
        if name not in taken:
            takers = [key.name for key in KEYS.values() if name in key.options]
            yield name, f"{why}; it would set that of {', '.join(takers)}"


def idle_units(keys: Iterable[str], why: str) -> Iterator[tuple[str, str]]:
    """The option ``--units``, with ``why``, if none of these keys is in bytes."""
    from cnncalc.figures.measure import KEYS

    if not any(key in KEYS and KEYS[key].unit == "bytes" for key in keys):
        yield "units", why


def idle(call: Call) -> Iterator[tuple[str, str]]:
    """The options without effect on the number of that key."""
    from cnncalc.figures.measure import KEYS
    from cnncalc.figures.value import LAYER_KEYS, NET_KEYS

    if call.key not in (NET_KEYS if call.layer is None else LAYER_KEYS):
        return
    known = KEYS.get(call.key)
    yield from idle_options([call.key], f"{call.key} does not depend on it")
    if known is None or known.unit != "bytes":
        yield "units", f"{call.key} is not in bytes"
    else:
        yield from idle_output(call.output, call.notation.exact)


def run(call: Call, console: Console) -> None:
    """Prints a number."""
    from cnncalc.figures.value import figure
    from cnncalc.memory.report import check_options

    notation = call.notation.notation(call.output, console)
    options = call.memory
    check_options(options, training=call.key.startswith("training"))
    report = analyze(call.target, call.design, report_options(options), console)
    found = figure(report, call.key, options, call.layer)
    if found.stated:
        console.warn([_stated(found)])
    if call.output.format == "json":
        console.write(_as_json(found, report.name, call.layer), call.output, "json")
    else:
        words = in_words(found, notation.units, exact=notation.numbers == "exact")
        console.write(words, call.output, "line")


def _stated(found: Figure) -> Problem:
    """The warning of a figure that is not wholly computed."""
    from cnncalc.errors import Problem

    message = f"{found.key} holds figures that are stated, not computed: those of {listing(found.stated)}"
    return Problem("stated", message, severity="warning")


def in_words(found: Figure, units: str, *, exact: bool) -> str:
    """A figure for a sentence: ``138.4M``, ``58.13 MiB``, ``[224x224x3]``, ``212x212``."""
    from cnncalc.source import visible
    from cnncalc.units import format_bytes, short

    value = found.value
    if found.unit == "pixels" and isinstance(value, tuple):
        return ("<=" if found.is_upper_bound else "") + "x".join(map(str, value))
    if not isinstance(value, int):
        return visible(str(value))
    if exact:
        return f"{value:,}"
    return format_bytes(value, units) if found.unit == "bytes" else short(value)


def _as_json(found: Figure, architecture: str, layer: str | None) -> str:
    import json

    value = list(found.value) if isinstance(found.value, tuple) else found.value
    data: dict[str, Any] = {"schema": 1, "architecture": architecture}
    if layer is not None:
        data["layer"] = layer
    bound = {"bound": "at_most"} if found.is_upper_bound else {}
    stated = {"stated": list(found.stated)} if found.stated else {}
    return json.dumps({**data, "key": found.key, "unit": found.unit, "value": value, **bound, **stated})


VALUE_OPTIONS = ("batch", "optimizer", "profile", "autocast", "image_batches", "checkpoint", "reserve")
"""The options of a memory report that a key may depend on, beside the data type."""

COMMAND = Command(
    "value",
    "One number of a net or a layer, for a sentence or a script.",
    HELP,
    Call,
    run,
    (
        Option("--layer", "layer", "Number of this layer (default: of the whole net).", "NAME"),
        MEMORY._replace(options=(*subset_of(MEMORY, *VALUE_OPTIONS).options, DTYPE)),
        DESIGN,
        NOTATION,
        output_options("text", "json"),
    ),
    idle,
)
