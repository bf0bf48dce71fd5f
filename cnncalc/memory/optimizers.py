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
    ``loop``: of a loop step, of one parameter, and ``left``: what the loop still holds of the parameter before.
    ``decay``: what weight decay adds to either. ``counts``: keeps a step counter for each array. ``can_fuse``: has a
    fused form. ``starts_full``: its state is there before the first step. ``grows``: a loop makes its state
    parameter by parameter.
    """

    name: str
    state: int = 0
    foreach: int = 0
    loop: int = 0
    left: int = 0
    decay_foreach: int = 0
    decay_loop: int = 0
    counts: bool = False
    can_fuse: bool = False
    starts_full: bool = False
    grows: bool = False


OPTIMIZERS = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer("sgd", decay_foreach=1, decay_loop=1),
        Optimizer("momentum", state=1, decay_foreach=1, decay_loop=1, grows=True),
        Optimizer("nesterov", state=1, loop=1, decay_foreach=1, decay_loop=1, grows=True),
        Optimizer("adagrad", state=1, foreach=2, loop=1, left=1, counts=True, starts_full=True),
        Optimizer("rmsprop", state=1, foreach=1, loop=1, left=1, counts=True),
        Optimizer("rmsprop-centered", state=2, foreach=1, loop=1, left=1, counts=True),
        Optimizer("rmsprop-momentum", state=2, foreach=1, loop=1, left=1, counts=True),
        Optimizer("adadelta", state=2, foreach=2, loop=2, left=1, counts=True),
        Optimizer("adam", state=2, foreach=1, loop=2, left=1, decay_loop=1, counts=True, can_fuse=True),
        Optimizer("amsgrad", state=3, foreach=1, loop=2, left=1, decay_loop=1, counts=True, can_fuse=True),
        Optimizer("adamw", state=2, foreach=1, loop=2, left=1, counts=True, can_fuse=True),
        Optimizer("nadam", state=2, foreach=1, loop=2, left=1, counts=True),
        Optimizer("radam", state=2, foreach=1, loop=2, counts=True),
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
    if optimizer.counts and (style == "fused" or profile.name == "torch-cpu") and not profile.is_own:
        counter = -(-4 // profile.rounding) * profile.rounding
        state += counter * len(sizes)
    before = state if optimizer.starts_full else 0
    made = state - before
    if style == "fused":
        return Step(state, before, made, 0)
    if style == "foreach":
        steady = (optimizer.foreach + optimizer.decay_foreach * weight_decay) * total
        if weight_decay and optimizer.foreach and not optimizer.decay_foreach:
            steady = optimizer.foreach * total
        return Step(state, before, made + steady, steady)
    each = optimizer.loop + optimizer.decay_loop * weight_decay
    first = steady = grown = held = 0
    for size in sizes:
        grown += optimizer.state * size
        steady = max(steady, each * size + held)
        first = max(first, (grown if optimizer.grows else made) + each * size + held)
        held = optimizer.left * size
    return Step(state, before, max(first, made), steady)
