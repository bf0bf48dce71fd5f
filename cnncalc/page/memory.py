"""Memory by batch and optimizer: the figures of one batch, which the program of the page works out for any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.formats.document import percent, plural
from cnncalc.formats.notation import Notation
from cnncalc.page.markup import name, paragraph, section, table, text
from cnncalc.page.verdict import place
from cnncalc.units import bytes_per_element, format_bytes
from cnncalc.views.memory import CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.memory.curve import Curve
    from cnncalc.memory.report import MemoryReport

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""The batches of the table that stands there without a program."""

SHOWN = ("sgd", "momentum", "adam")
"""The optimizers of that table."""

STOPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)
"""Where the slider stops; any other batch is typed in."""


def memory_section(memories: Sequence[MemoryReport], curves: Sequence[Curve], units: str) -> str:
    """The section with its controls; of several nets one block each under the same controls."""
    options = memories[0].options
    kind = "nets" if len(memories) > 1 else "nets single"
    blocks = "\n".join([_block(memory, number, units) for number, memory in enumerate(memories)])
    tables = [by_batch(memory, curve, units) for memory, curve in zip(memories, curves, strict=True)]
    return section(
        "memory",
        "Memory by batch and optimizer",
        paragraph(text(_intro(memories[0]))),
        _controls(memories[0], curves, units),
        '<p class="unseen" role="status" id="said"></p>',
        f'<div class="{kind}">\n{blocks}\n</div>',
        f'<h3>For some batches</h3>\n<div class="nets">{"".join(tables)}',
        '<figure id="curve" hidden><svg role="img" viewBox="0 0 560 340" aria-labelledby="curve-title">'
        '<title id="curve-title">Peak memory over the batch</title></svg>'
        "<figcaption>Peak memory by images in a batch, both on logarithmic scales.</figcaption>"
        "</figure>\n</div>",
        _beside(options.profile, units),
    )


WHOSE = {
    "torch-cuda": "eager PyTorch on CUDA",
    "torch-fake": "PyTorch as its memory tracker sees it, on a device whose kernels the build lacks",
    "torch-cpu": "PyTorch on a CPU",
    "numpy": "the NumPy run of cnncalc",
    "ideal": "an ideal implementation, which keeps nothing that it does not need",
    "notes": "the rule of the CS231n course notes",
}
"""Whose memory a profile is, in words."""


def _intro(memory: MemoryReport) -> str:
    options = memory.options
    if options.profile == "notes":
        return (
            "By the rule of the CS231n course notes: activations once for inference and twice for training, parameters "
            "three times, whatever the optimizer."
        )
    more = []
    if options.autocast:
        more.append(f"autocast to {options.autocast}")
    if options.style:
        more.append(f"the {options.style} form of the optimizer's step")
    if options.weight_decay:
        more.append("weight decay")
    if options.accumulate > 1:
        more.append(f"{options.accumulate:,} micro-batches a step, of which the batch is one")
    if options.zero_grad != "start":
        more.append(f"gradients let go as in zero-grad {options.zero_grad}")
    if options.checkpoint != "none":
        count = len(memory.training.segments)
        more.append(f"{count:,} stretch{'' if count == 1 else 'es'} of layers checkpointed")
    extra = f", with {', '.join(more)}" if more else ""
    return (
        f"The bytes of all tensors that are alive at once in {WHOSE[options.profile]}, in {options.dtype}{extra}. They "
        "are exact for every batch."
    )


def _controls(memory: MemoryReport, curves: Sequence[Curve], units: str) -> str:
    options = memory.options
    known = [name for name in curves[0].optimizers if all(name in curve.optimizers for curve in curves)]
    choices = "".join([f"<option{' selected' if name == options.optimizer else ''}>{name}</option>" for name in known])
    nearest = max([number for number, stop in enumerate(STOPS) if stop <= options.batch])
    return (
        '<form class="controls" id="controls" hidden>\n'
        '<div class="field wide"><label for="slide">Images in a batch</label>'
        f'<input type="range" id="slide" min="0" max="{len(STOPS) - 1}" step="1" value="{nearest}" '
        f'aria-valuetext="{options.batch}"></div>\n'
        '<div class="field"><label for="batch">Batch, typed in</label>'
        f'<input type="text" inputmode="numeric" id="batch" value="{options.batch}" autocomplete="off" '
        'spellcheck="false" aria-describedby="batch-wrong"><p class="wrong" id="batch-wrong" role="alert"></p></div>\n'
        f'<div class="field"><label for="optimizer">Optimizer</label><select id="optimizer">{choices}</select></div>\n'
        '<div class="field"><label for="room">Memory of the device</label>'
        '<input type="text" id="room" value="8 GiB" autocomplete="off" spellcheck="false" '
        'aria-describedby="room-wrong"><p class="wrong" id="room-wrong" role="alert"></p></div>\n'
        "</form>"
    )


def _block(memory: MemoryReport, number: int, units: str) -> str:
    """The figures of one net for the batch of the options."""
    options, training, inference = memory.options, memory.training, memory.inference
    with_what = f"{plural(options.batch, 'image')}, {options.optimizer}"
    rows = []
    for key, title in CLASSES.items():
        a, b = getattr(training.breakdown, key), getattr(inference.breakdown, key)
        rows.append(
            [
                f'<span class="key {key}"></span>{text(title)}',
                _bytes(a, units, f"training-{key}"),
                f'<span data-out="share-{key}">{percent(a, training.peak_bytes)}</span>',
                _bytes(b, units, f"inference-{key}"),
            ]
        )
    rows.append(
        [
            "all together",
            _bytes(training.peak_bytes, units, "training-sum"),
            '<span data-out="share-sum">100.0 %</span>',
            _bytes(inference.peak_bytes, units, "inference-sum"),
        ]
    )
    rule = memory.notes
    rows.append(
        [
            "by the rule of the course notes",
            _bytes(rule.training_bytes, units, "notes-training"),
            f'<span data-out="notes-error">{error(rule.training_bytes, training.peak_bytes)}</span>',
            _bytes(rule.inference_bytes, units, "notes-inference"),
        ]
    )
    caption = f"What lies in memory at the peaks of {memory.architecture}"
    columns = (("what it is for", ""), ("training", "n"), ("share", "n"), ("inference", "n"))
    return (
        f'<div class="net" data-net="{number}">\n<h3>{name(memory.architecture)} '
        f'<span class="with" data-out="with">{text(with_what)}</span></h3>\n'
        '<div class="peaks">\n'
        f'<p><span class="what">Training peak</span> <output class="big" data-out="training-peak" '
        f'data-bytes="{training.peak_bytes}">{format_bytes(training.peak_bytes, units)}</output> '
        f'<span class="exact" data-out="training-exact">{training.peak_bytes:,} bytes</span> '
        f'<span class="where" data-out="training-at">{place(training.peak_at)}</span></p>\n'
        f'<p><span class="what">Inference peak</span> <output class="big" data-out="inference-peak" '
        f'data-bytes="{inference.peak_bytes}">{format_bytes(inference.peak_bytes, units)}</output> '
        f'<span class="exact" data-out="inference-exact">{inference.peak_bytes:,} bytes</span> '
        f'<span class="where" data-out="inference-at">{place(inference.peak_at)}</span></p>\n'
        '<p class="fits" hidden><span class="what">Largest batch that fits</span> '
        '<output class="big" data-out="fits-training"></output> <span class="exact">in training</span> '
        '<span class="where" data-out="fits-inference"></span></p>\n</div>\n'
        f"<div>{_strip(memory)}\n{table(caption, columns, rows, kind='breakdown')}</div>\n</div>"
    )


def _bytes(count: int, units: str, key: str) -> str:
    return f'<span data-out="{key}" data-bytes="{count}">{format_bytes(count, units)}</span>'


def error(guess: int, truth: int) -> str:
    """By how much a guess is off, in percent of the truth."""
    tenths = (2000 * abs(guess - truth) + truth) // (2 * truth) if truth else 0
    sign = "+" if guess >= truth else "\u2212"
    return f"{sign}{tenths // 10}.{tenths % 10} %"


def _strip(memory: MemoryReport) -> str:
    """The parts of the training peak side by side, to scale."""
    whole = memory.training.peak_bytes or 1
    at = 0
    parts = []
    for key in CLASSES:
        size = getattr(memory.training.breakdown, key)
        x, end = 10_000 * at // whole, 10_000 * (at + size) // whole
        parts.append(f'<rect class="{key}" data-part="{key}" x="{x}" width="{end - x}" height="100"/>')
        at += size
    return (
        '<svg class="strip" viewBox="0 0 10000 100" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        f"{''.join(parts)}</svg>"
    )


def by_batch(memory: MemoryReport, curve: Curve, units: str) -> str:
    """A table of peaks for some batches and optimizers, which stands there without a program."""
    chosen = memory.options.optimizer
    optimizers = [name for name in dict.fromkeys((*SHOWN, chosen)) if name in curve.optimizers]
    columns = [("images", "n"), *((name, "n") for name in optimizers), ("inference", "n")]
    batches = sorted({*BATCHES, memory.options.batch})
    rows = []
    for batch in batches:
        peaks = [curve.training(batch, name).bytes for name in optimizers]
        cells = [format_bytes(peak, units) for peak in (*peaks, curve.inference(batch).bytes)]
        rows.append([f"{batch:,}", *cells])
    listed = f"{', '.join(optimizers[:-1])} or {optimizers[-1]}" if len(optimizers) > 1 else "".join(optimizers)
    caption = f"Peak memory of {memory.architecture} by images in a batch: training with {listed}, and inference"
    return table(caption, columns, rows, kind="batches")


def _beside(profile: str, units: str) -> str:
    """What a device holds beside live tensors."""
    from cnncalc.views.memory import overheads

    if not profile.startswith("torch"):
        return ""
    items = "; ".join(
        [f"{item.what}: {item.range_text(Notation(units))} ({item.source})" for item in overheads(profile)]
    )
    return paragraph(text(f"A device holds more than live tensors: {items}."), "note")


def memory_data(memory: MemoryReport, curve: Curve) -> dict[str, Any]:
    """What the program of the page needs to work out any batch."""
    each = bytes_per_element(memory.options.dtype)
    totals = memory.report.totals
    return {
        "name": memory.architecture,
        **curve.data(),
        "notes": [totals.activations * each, totals.parameters * each],
    }
