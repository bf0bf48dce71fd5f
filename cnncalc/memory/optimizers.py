"""Optimizers: the state they keep and what their step takes for a moment, in three styles.

``foreach`` works on all parameters at once (the default on CUDA), ``loop`` on one after the other (the default on a
CPU), ``fused`` in one kernel. Source: PyTorch 2.13, measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.errors import ValueProblem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.memory.profiles import Profile

STYLES = ("foreach", "loop", "fused")
"""How an optimizer may step."""


class Optimizer(NamedTuple):
    """One optimizer, in multiples of the parameters that are learned.

    ``state``: numbers kept for each parameter. ``foreach``: temporaries of a foreach step, of all parameters;
    ``moments``: those of a loop step where most may live, each as so many of the parameter before, so many of this one,
    and bytes of scalars that a CPU makes tensors of. ``decay_foreach`` and ``decay_loop``: what weight decay adds.
    ``counters``: numbers kept for each array. ``can_fuse``: has a fused form. ``starts_full``: its state is there
    before the first step. ``grows``: a loop makes its state parameter by parameter, and meets no scalar the first time.
    """

    name: str
    state: int = 0
    foreach: int = 0
    moments: tuple[tuple[int, int, int], ...] = ((0, 0, 0),)
    decay_foreach: int = 0
    decay_loop: int = 0
    counters: int = 0
    can_fuse: bool = False
    starts_full: bool = False
    grows: bool = False


SCALAR = 12
"""A number of Python that meets a tensor on a CPU: once in float64, once in float32."""

ROOT = ((1, 1, 0), (0, 1, SCALAR))
"""Moments of an optimizer that takes one root and keeps it till the next."""

ADAM = ((1, 2, SCALAR),)
"""Moments of one that divides the root, too."""

OPTIMIZERS = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer("sgd", decay_foreach=1, decay_loop=1),
        Optimizer("momentum", 1, moments=((0, 0, SCALAR),), decay_foreach=1, decay_loop=1, grows=True),
        Optimizer("nesterov", 1, moments=((0, 1, 0),), decay_foreach=1, decay_loop=1, grows=True),
        Optimizer("adagrad", 1, 2, ((1, 1, SCALAR),), decay_loop=1, counters=1, starts_full=True),
        Optimizer("rmsprop", 1, 1, ROOT, decay_foreach=1, decay_loop=1, counters=1),
        Optimizer("rmsprop-centered", 2, 1, ROOT, decay_foreach=1, decay_loop=1, counters=1),
        Optimizer("rmsprop-momentum", 2, 1, ROOT, decay_foreach=1, decay_loop=1, counters=1),
        Optimizer("adadelta", 2, 2, ((2, 1, SCALAR), (1, 2, SCALAR)), decay_foreach=1, decay_loop=1, counters=1),
        Optimizer("adam", 2, 1, ADAM, decay_loop=1, counters=1, can_fuse=True),
        Optimizer("amsgrad", 3, 1, ADAM, decay_loop=1, counters=1, can_fuse=True),
        Optimizer("adamw", 2, 1, ADAM, counters=1, can_fuse=True),
        Optimizer("nadam", 2, 1, ((1, 2, 0),), decay_foreach=1, decay_loop=1, counters=2),
        Optimizer("radam", 2, 1, ((0, 2, SCALAR),), decay_loop=1, counters=1),
    )
}
"""The optimizers by name."""


def optimizer_named(name: str) -> Optimizer:
    """The optimizer of that name; ValueProblem with the nearest one if there is none."""
    try:
        return OPTIMIZERS[name]
    except KeyError:
        near = did_you_mean(name, OPTIMIZERS)
        known = ", ".join(OPTIMIZERS)
        raise ValueProblem(f"no optimizer '{name}'{near} (known: {known})", code="unknown-optimizer") from None


class Step(NamedTuple):
    """Bytes of an optimizer's step: its state, what is there of it before the first step, and the temporaries.

    ``first`` and ``steady`` are above the level before the step, in the first one with the state that it makes.
    """

    state: int
    before_first: int
    first: int
    steady: int


def step_of(
    optimizer: Optimizer, sizes: Sequence[int], profile: Profile, *, style: str | None, weight_decay: bool
) -> Step:
    """The step over parameters of these sizes (bytes, rounded); raises ValueProblem for a style it does not have."""
    style = style or profile.style
    if style not in STYLES:
        near = did_you_mean(style, STYLES)
        raise ValueProblem(f"no optimizer style '{style}'{near} (known: {', '.join(STYLES)})", code="unknown-style")
    if style == "fused" and not optimizer.can_fuse:
        fusible = ", ".join(name for name, known in OPTIMIZERS.items() if known.can_fuse)
        if profile.name != "ideal" and not profile.is_own:
            message = f"{optimizer.name} has no fused style (those that have: {fusible})"
            raise ValueProblem(message, code="unknown-style")
    total = sum(sizes)
    state = optimizer.state * total
    if optimizer.counters and (style == "fused" or profile.name == "torch-cpu") and not profile.is_own:
        counter = -(-4 // profile.rounding) * profile.rounding
        state += optimizer.counters * counter * len(sizes)
    before = state if optimizer.starts_full else 0
    made = state - before
    if style == "fused":
        return Step(state, before, made, 0)
    if style == "foreach":
        steady = (optimizer.foreach + optimizer.decay_foreach * weight_decay) * total
        return Step(state, before, made + steady, steady)
    decay = optimizer.decay_loop * weight_decay
    first = steady = grown = previous = 0
    for size in sizes:
        grown += optimizer.state * size
        there = grown if optimizer.grows else made
        for held, each, scalars in optimizer.moments:
            live = held * previous + (each + decay) * size
            wrapped = scalars if profile.name == "torch-cpu" else 0
            steady = max(steady, live + wrapped)
            first = max(first, there + live + (0 if optimizer.grows else wrapped))
        previous = size
    return Step(state, before, max(first, made), steady)
