"""``cnncalc value``: one number, for a sentence or a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.cli.command import Command, Option, choice, output_of
from cnncalc.cli.memory import REPLAY, options_of
from cnncalc.cli.options import DESIGN, NOTATION, analyze, notation_of, output_options
from cnncalc.units import BYTES_PER_ELEMENT

if TYPE_CHECKING:
    from cnncalc.checks.value import Figure

HELP = """Prints one number of TARGET, or with --layer of one of its layers: short, or with --exact in full.

\b
KEY of a net:
  parameters weights biases trainable buffers activations macs layers
  parameter_memory activation_memory inference_memory training_memory
  receptive_field input output name title
KEY of a layer:
  parameters weights biases trainable buffers activations macs
  parameter_memory activation_memory
  receptive_field input output name kind label

Counts are those of one image; memory is that of --batch, counted as a budget counts it. As in the table, the
activations of a net leave out what works in place, and such a layer has no memory of its own.

\b
Examples:
  cnncalc value vgg16 parameters
  cnncalc value resnet50 training_memory --batch 32 --optimizer adam
  cnncalc value vgg16 macs --layer conv2 --exact
"""

USED = ("batch", "optimizer", "profile")


def run(
    target: str,
    key: str,
    layer: str | None,
    notation: dict[str, Any],
    replay: dict[str, Any],
    design: dict[str, Any],
    output: dict[str, Any],
) -> None:
    """Prints a number."""
    from cnncalc.checks.value import figure
    from cnncalc.memory.report import check_options

    out = output_of(output)
    words = notation_of(notation, out)
    options = options_of(replay)
    needs_training = key in ("inference_memory", "training_memory")
    check_options(options if needs_training else options._replace(dtype="float32"))
    report = analyze(target, design, {"batch": options.batch, "dtype": options.dtype})
    found = figure(report, key, options, layer)
    if out.format == "json":
        out.write_text(_as_json(found, report.name, layer), "json")
    else:
        out.write_text(in_words(found, words.units, exact=words.numbers == "exact"), "line")


def in_words(found: Figure, units: str, *, exact: bool) -> str:
    """A figure as it stands in a sentence: ``138.4M``, ``58.13 MiB``, ``[224x224x3]``, ``212x212``."""
    from cnncalc.source import visible
    from cnncalc.units import format_bytes, short

    value = found.value
    if found.unit == "pixels" and isinstance(value, tuple):
        return f"{value[0]}x{value[1]}"
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
    return json.dumps({**data, "key": found.key, "unit": found.unit, "value": value})


COMMAND = Command(
    "value",
    "One number of a net or a layer, for a sentence or a script.",
    HELP,
    run,
    ("target", "key"),
    (
        Option("--layer", "layer", "Of this layer (default: of the whole net).", "NAME"),
        *(option._replace(group="replay") for option in REPLAY if option.name in USED),
        choice("--dtype", tuple(BYTES_PER_ELEMENT), "Type of every number (default: float32).",
               default="float32")._replace(group="replay"),
        *DESIGN,
        *NOTATION,
        *output_options("text", "json"),
    ),
)  # fmt: skip
