"""Memory by batch and optimizer: the figures of one batch, and the data to compute those of any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.formats.notation import Notation
from cnncalc.page.conventions import PROFILES
from cnncalc.page.markup import name, paragraph, section, table, text
from cnncalc.page.summary import place
from cnncalc.units import bytes_per_element, format_bytes, percent, plural, signed_percent
from cnncalc.views.fit import need_lines
from cnncalc.views.memory import CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.memory.curve import Curve
    from cnncalc.memory.report import Inference, MemoryReport, Training

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""The batches of the static table."""

SHOWN = ("sgd", "momentum", "adam")
"""The optimizers of the static table."""

STOPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)
"""The positions of the slider."""


def memory_section(memories: Sequence[MemoryReport], curves: Sequence[Curve], units: str) -> str:
    """The section with its controls; several nets share the controls."""
    options = memories[0].options
    kind = "nets" if len(memories) > 1 else "nets single"
    blocks = "\n".join([_net(memory, number, units) for number, memory in enumerate(memories)])
    tables = [_batch_table(memory, curve, units) for memory, curve in zip(memories, curves, strict=True)]
    return section(
        "memory",
        "Memory by batch and optimizer",
        paragraph(text(_intro(memories[0]))),
        _controls(memories[0], curves, units),
        '<p class="unseen" role="status" id="status"></p>',
        f'<div class="{kind}">\n{blocks}\n</div>',
        f'<h3>By batch size</h3>\n<div class="nets">{"".join(tables)}',
        '<figure id="curve" hidden><svg role="img" viewBox="0 0 560 340" aria-labelledby="curve-title">'
        '<title id="curve-title">Peak memory by batch size</title></svg>'
        "<figcaption>Peak memory by batch size, both on logarithmic scales.</figcaption>"
        "</figure>\n</div>",
        _overhead(options.profile, units),
    )


def _intro(memory: MemoryReport) -> str:
    options = memory.options
    if options.profile == "notes":
        return (
            "By the estimate of the CS231n notes: activations once for inference and twice for training, parameters "
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
        more.append(f"{options.accumulate:,} micro-batches a step, each of the batch size")
    if options.zero_grad != "start":
        more.append(f"gradients freed as with zero-grad {options.zero_grad}")
    if options.checkpoint != "none":
        more.append(f"{plural(len(memory.training.segments), 'checkpointed segment')}")
    extra = f", with {', '.join(more)}" if more else ""
    return (
        f"The bytes of all tensors that are live at once in {PROFILES[options.profile]}, in {options.dtype}{extra}. "
        "They are exact for every batch size."
    )


def _controls(memory: MemoryReport, curves: Sequence[Curve], units: str) -> str:
    options = memory.options
    known = [name for name in curves[0].optimizers if all(name in curve.optimizers for curve in curves)]
    choices = "".join([f"<option{' selected' if name == options.optimizer else ''}>{name}</option>" for name in known])
    nearest = max([number for number, stop in enumerate(STOPS) if stop <= options.batch])
    return (
        '<form class="controls" id="controls" hidden>\n'
        '<div class="field wide"><label for="slide">Batch size</label>'
        f'<input type="range" id="slide" min="0" max="{len(STOPS) - 1}" step="1" value="{nearest}" '
        f'aria-valuetext="{options.batch}"></div>\n'
        '<div class="field"><label for="batch">Any batch size</label>'
        f'<input type="text" inputmode="numeric" id="batch" value="{options.batch}" autocomplete="off" '
        'spellcheck="false" aria-describedby="batch-wrong"><p class="wrong" id="batch-wrong" role="alert"></p></div>\n'
        f'<div class="field"><label for="optimizer">Optimizer</label><select id="optimizer">{choices}</select></div>\n'
        '<div class="field"><label for="room">Device memory</label>'
        '<input type="text" id="room" value="8 GiB" autocomplete="off" spellcheck="false" '
        'aria-describedby="room-wrong"><p class="wrong" id="room-wrong" role="alert"></p></div>\n'
        "</form>"
    )


def _net(memory: MemoryReport, number: int, units: str) -> str:
    """The figures of one net for the batch of the options."""
    options, training, inference, rule = memory.options, memory.training, memory.inference, memory.notes

    def row(title: str, key: str, sizes: tuple[int, int], share: str, share_key: str) -> list[str]:
        first, second = (
            f'<span data-out="{kind}-{key}" data-bytes="{size}">{format_bytes(size, units)}</span>'
            for kind, size in zip(("training", "inference"), sizes, strict=True)
        )
        return [title, first, f'<span data-out="{share_key}">{share}</span>', second]

    rows = []
    for key, title in CLASSES.items():
        sizes = getattr(training.breakdown, key), getattr(inference.breakdown, key)
        title = f'<span class="key {key}"></span>{text(title)}'
        rows.append(row(title, key, sizes, percent(sizes[0], training.peak_bytes), f"share-{key}"))
    rows.append(row("total", "sum", (training.peak_bytes, inference.peak_bytes), "100.0 %", "share-sum"))
    sizes = rule.training_bytes, rule.inference_bytes
    off = deviation(rule.training_bytes, training.peak_bytes)
    rows.append(row("CS231n estimate", "notes", sizes, off, "deviation"))
    caption = f"Peak memory of {memory.architecture} by category"
    columns = (("category", ""), ("training", "n"), ("share", "n"), ("inference", "n"))
    return (
        f'<div class="net" data-net="{number}">\n<h3>{name(memory.architecture)} '
        f'<span class="with" data-out="with">{plural(options.batch, "image")}, {options.optimizer}</span></h3>\n'
        f'<div class="peaks">\n{_peak("training", training, units)}\n{_peak("inference", inference, units)}\n'
        '<p class="fits" hidden><span class="what">Largest batch whose live tensors fit</span> '
        '<output class="big" data-out="fits-training"></output> <span class="exact">in training</span> '
        '<span class="where" data-out="fits-inference"></span></p>\n</div>\n'
        f"<div>{_bar(memory)}\n{table(caption, columns, rows, kind='breakdown')}{_need(memory, units)}</div>\n</div>"
    )


def _need(memory: MemoryReport, units: str) -> str:
    """What a device must have for the batch and the optimizer of the options."""
    if not memory.reserve.bytes:
        return ""
    options, training, inference = memory.options, memory.training.need_bytes, memory.inference.need_bytes
    needs = f"{format_bytes(training, units)} in training and {format_bytes(inference, units)} in inference"
    sentence = (
        f"For {plural(options.batch, 'image')} and {options.optimizer} a device needs {needs}: "
        f"{need_lines(memory.reserve, Notation(units))[0]}. cnncalc fit finds the largest batch by this need."
    )
    return paragraph(text(sentence), "note")


def _peak(kind: str, peak: Training | Inference, units: str) -> str:
    """A peak, short and exact, with its place."""
    size = peak.peak_bytes
    return (
        f'<p><span class="what">{kind.capitalize()} peak</span> '
        f'<output class="big" data-out="{kind}-peak" data-bytes="{size}">{format_bytes(size, units)}</output> '
        f'<span class="exact" data-out="{kind}-exact">{size:,} bytes</span> '
        f'<span class="where" data-out="{kind}-at">{place(peak.peak_at)}</span></p>'
    )


def deviation(guess: int, truth: int) -> str:
    """The deviation of a guess from the truth, in percent."""
    return signed_percent(guess - truth, truth).replace("-", "\u2212")


def _bar(memory: MemoryReport) -> str:
    """The categories of the training peak side by side, to scale."""
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


def _batch_table(memory: MemoryReport, curve: Curve, units: str) -> str:
    """The static table of peaks by batch size and optimizer."""
    chosen = memory.options.optimizer
    optimizers = [name for name in dict.fromkeys((*SHOWN, chosen)) if name in curve.optimizers]
    columns = [("batch", "n"), *((name, "n") for name in optimizers), ("inference", "n")]
    batches = sorted({*BATCHES, memory.options.batch})
    rows = []
    for batch in batches:
        peaks = [curve.training(batch, name).bytes for name in optimizers]
        cells = [format_bytes(peak, units) for peak in (*peaks, curve.inference(batch).bytes)]
        rows.append([f"{batch:,}", *cells])
    listed = f"{', '.join(optimizers[:-1])} or {optimizers[-1]}" if len(optimizers) > 1 else "".join(optimizers)
    caption = f"Peak memory of {memory.architecture} by batch size: training with {listed}, and inference"
    return table(caption, columns, rows, kind="batches")


def _overhead(profile: str, units: str) -> str:
    """Device memory other than live tensors."""
    from cnncalc.memory.devices import overheads
    from cnncalc.views.memory import overhead_text

    if not profile.startswith("torch"):
        return ""
    notation = Notation(units)
    items = "; ".join([overhead_text(item, notation) for item in overheads(profile)])
    return paragraph(text(f"Device overhead, not included: {items}."), "note")


def memory_data(memory: MemoryReport, curve: Curve) -> dict[str, Any]:
    """What the script of the page needs to compute the peaks of any batch."""
    each = bytes_per_element(memory.options.dtype)
    totals = memory.report.totals
    waiting = memory.notes.waiting_bytes // memory.options.batch
    return {
        "name": memory.architecture,
        **curve.data(),
        "notes": [totals.activations * each, totals.parameters * each, waiting],
    }
