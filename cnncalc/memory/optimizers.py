"""Optimizers: their state and the temporaries of their step, in three styles.

``foreach`` works on all parameters at once (the default on CUDA), ``loop`` on one after the other (the default on a
CPU), ``fused`` in one kernel. Source: PyTorch 2.13, measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.records import NamedTuple
from cnncalc.units import round_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.memory.profiles import Profile

STYLES = ("foreach", "loop", "fused")
"""Styles of a step: all parameters at once (``foreach``), one after the other, or in one kernel."""


class OptimizerMemory(NamedTuple):
    """The memory of one optimizer, in arrays of the size of a parameter array.

    ``state``: arrays kept for each parameter array. ``foreach``: temporaries of a foreach step for each of them, all at
    once. ``loop``: the moments of a loop step that can be its peak, each as (temporaries of the previous parameter
    array, temporaries of this one, Python numbers that a CPU wraps in tensors); where there is such a number, the peak
    of a foreach step has one too. ``decay_foreach`` and ``decay_loop``: temporaries that weight decay adds.
    ``counters``: counters of steps kept for each array. ``can_fuse``: it has a fused style. ``state_at_start``: its
    state exists before the first step. ``grows_state``: in the first step it wraps no number, and a loop allocates its
    state array by array.
    """

    name: str
    state: int = 0
    foreach: int = 0
    loop: tuple[tuple[int, int, int], ...] = ((0, 0, 0),)
    decay_foreach: int = 0
    decay_loop: int = 0
    counters: int = 0
    can_fuse: bool = False
    state_at_start: bool = False
    grows_state: bool = False


ROOT = ((1, 1, 0), (0, 1, 1))
"""Loop temporaries of optimizers that hold a square root until the next parameter."""

ADAM = ((1, 2, 1),)
"""Loop temporaries of optimizers that also divide the square root."""

OPTIMIZERS = {
    optimizer.name: optimizer
    for optimizer in (
        OptimizerMemory("sgd", decay_foreach=1, decay_loop=1),
        OptimizerMemory("momentum", 1, loop=((0, 0, 1),), decay_foreach=1, decay_loop=1, grows_state=True),
        OptimizerMemory("nesterov", 1, loop=((0, 0, 1), (0, 1, 0)), decay_foreach=1, decay_loop=1, grows_state=True),
        OptimizerMemory("adagrad", 1, 2, ((1, 1, 1),), decay_loop=1, counters=1, state_at_start=True),
        OptimizerMemory("rmsprop", 1, 1, ROOT, decay_foreach=1, decay_loop=1, counters=1),
        OptimizerMemory("rmsprop-centered", 2, 1, ROOT, decay_foreach=1, decay_loop=1, counters=1),
        OptimizerMemory("rmsprop-momentum", 2, 1, ROOT, decay_foreach=1, decay_loop=1, counters=1),
        OptimizerMemory("adadelta", 2, 2, ((2, 1, 1), (1, 2, 1)), decay_foreach=1, decay_loop=1, counters=1),
        OptimizerMemory("adam", 2, 1, ADAM, decay_loop=1, counters=1, can_fuse=True),
        OptimizerMemory("amsgrad", 3, 1, ADAM, decay_loop=1, counters=1, can_fuse=True),
        OptimizerMemory("adamw", 2, 1, ADAM, counters=1, can_fuse=True),
        OptimizerMemory("nadam", 2, 1, ((1, 1, 1), (1, 2, 0)), decay_foreach=1, decay_loop=1, counters=2),
        OptimizerMemory("radam", 2, 1, ((0, 2, 1),), decay_loop=1, counters=1),
    )
}
"""The optimizers by name."""


def optimizer_named(name: str) -> OptimizerMemory:
    """The optimizer of that name; raises ValueProblem with the nearest name."""
    try:
        return OPTIMIZERS[name]
    except KeyError:
        near = did_you_mean(name, OPTIMIZERS)
        known = ", ".join(OPTIMIZERS)
        raise ValueProblem(f"no optimizer '{name}'{near} (known: {known})", code="unknown-optimizer") from None


COUNTING = 12
"""Bytes of a number that a CPU combines with a counter of steps: a tensor of float64, converted to float32."""


class OptimizerStep(NamedTuple):
    """Bytes of an optimizer's step.

    ``before_first``: the part of ``state`` that exists before the first step. ``first`` and ``steady``: the peak bytes
    that the first and every later step adds; the first includes the state it makes.
    """

    state: int
    before_first: int
    first: int
    steady: int


def step_of(
    optimizer: OptimizerMemory,
    sizes: Sequence[int],
    profile: Profile,
    *,
    style: str | None,
    weight_decay: bool,
    item: int = 4,
    idle: Sequence[int] = (),
) -> OptimizerStep:
    """The bytes of a step over parameter arrays of ``sizes`` bytes, rounded as the profile does.

    ``style``: None for that of the profile. ``item``: bytes of one element. ``idle``: the bytes of trainable arrays
    without a gradient, for which there is only the state that exists before the first step. Raises ValueProblem for a
    style that is unknown or that the optimizer does not have.
    """
    style = _checked_style(optimizer, profile, style or profile.style)
    total = sum(sizes)
    stated = [*sizes, *(idle if optimizer.state_at_start else ())]
    state = optimizer.state * sum(stated)
    if optimizer.counters and (style == "fused" or profile.is_cpu) and not profile.is_numpy:
        counter = round_up(4, profile.rounding)
        state += optimizer.counters * counter * len(stated)
    before = state if optimizer.state_at_start else 0
    made = state - before
    if style == "fused":
        counted = COUNTING if profile.is_cpu else 0
        return OptimizerStep(state, before, made + counted, counted)
    # a CPU wraps a Python number in a tensor of float64, which is then converted
    number = (8 if item == 8 else 8 + item) if profile.is_cpu else 0
    if style == "foreach":
        steady = (optimizer.foreach + optimizer.decay_foreach * weight_decay) * total
        if optimizer.counters > 1 and number:  # the number for one of its counters is the last
            number = COUNTING
        wrapped = number * any(numbers for _, _, numbers in optimizer.loop)
        return OptimizerStep(state, before, made + steady + wrapped * (not optimizer.grows_state), steady + wrapped)
    first, steady = _loop_peaks(optimizer, sizes, made, decay=optimizer.decay_loop * weight_decay, number=number)
    return OptimizerStep(state, before, max(first, made), steady)


class StepTensors(NamedTuple):
    """The tensors of an optimizer: the bytes of those of its ``state``, and the temporaries of a step.

    ``temporaries`` are allocations (the index in ``temporary_sizes``, which has the bytes) and releases (``~index``),
    in order. ``state_at_start``: the state exists before the first step.
    """

    state: tuple[int, ...]
    temporaries: tuple[int, ...]
    temporary_sizes: tuple[int, ...]
    state_at_start: bool


def tensors_of_step(
    optimizer: OptimizerMemory,
    sizes: Sequence[int],
    profile: Profile,
    *,
    style: str | None,
    weight_decay: bool,
    idle: Sequence[int] = (),
) -> StepTensors:
    """The tensors whose bytes :func:`step_of` adds up, for a profile with PyTorch's caching allocator."""
    style = _checked_style(optimizer, profile, style or profile.style)
    counters = (profile.rounding,) * optimizer.counters if style == "fused" else ()
    stated = [*sizes, *(idle if optimizer.state_at_start else ())]
    state = tuple([part for size in stated for part in (*(size,) * optimizer.state, *counters)])
    temporaries: list[int] = []
    temporary_sizes: list[int] = []
    if style == "foreach":
        temporary_sizes = [*sizes] * (optimizer.foreach + optimizer.decay_foreach * weight_decay)
        temporaries = [*range(len(temporary_sizes)), *[~number for number in range(len(temporary_sizes))]]
    elif style == "loop":
        decay = optimizer.decay_loop * weight_decay
        kept: list[int] = []  # of the parameter before
        for size in sizes:
            made: list[int] = []
            for of_previous, of_this, _ in optimizer.loop:
                temporaries += [~number for number in kept[of_previous:]]
                del kept[of_previous:]
                while len(made) < of_this + decay:
                    made.append(len(temporary_sizes))
                    temporaries.append(len(temporary_sizes))
                    temporary_sizes.append(size)
            temporaries += [~number for number in kept]
            kept = made
        temporaries += [~number for number in kept]
    return StepTensors(state, tuple(temporaries), tuple(temporary_sizes), optimizer.state_at_start)


def _checked_style(optimizer: OptimizerMemory, profile: Profile, style: str) -> str:
    """The style; raises ValueProblem if it is unknown or the optimizer does not have it."""
    if style not in STYLES:
        near = did_you_mean(style, STYLES)
        raise ValueProblem(f"no optimizer style '{style}'{near} (known: {', '.join(STYLES)})", code="unknown-style")
    fuses_all = profile.name == "ideal" or profile.is_numpy
    if style == "fused" and not optimizer.can_fuse and not fuses_all:
        fusible = ", ".join([name for name, known in OPTIMIZERS.items() if known.can_fuse])
        raise ValueProblem(
            f"{optimizer.name} has no fused style (optimizers with one: {fusible})", code="unknown-style"
        )
    return style


def _loop_peaks(
    optimizer: OptimizerMemory, sizes: Sequence[int], made: int, *, decay: int, number: int
) -> tuple[int, int]:
    """The peak bytes that a loop adds in the first step and in later ones.

    ``made``: bytes of the state made in the first step. ``decay``: temporaries for weight decay. ``number``: bytes of a
    wrapped number.
    """
    first = steady = grown = previous = 0
    for size in sizes:
        grown += optimizer.state * size
        for of_previous, of_this, numbers in optimizer.loop:
            live = of_previous * previous + (of_this + decay) * size
            wrapped = numbers * number
            steady = max(steady, live + wrapped)
            first = max(first, grown + live if optimizer.grows_state else made + live + wrapped)
            if optimizer.counters and number:
                counted = of_previous * previous + COUNTING
                steady, first = max(steady, counted), max(first, made + counted)
        previous = size
    return first, steady
