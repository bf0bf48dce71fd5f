"""Profiles: the choices of a framework on a device that decide how much memory the same net takes."""

from __future__ import annotations

from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.records import NamedTuple


class Profile(NamedTuple):
    """What a framework does.

    ``rounding``: sizes are multiples of so many bytes. ``index_bytes``: of one index of a max pool, 0 if none are kept.
    ``mask_bytes``: of one element of a dropout mask, None: as the element. ``holds_frames``: callers hold the
    arguments of a block until it returns. ``adds_in_place``: a second gradient is added into the first where it may be.
    ``composes``: backward of SiLU is built from its parts, as FakeTensorMode does for a device whose kernels the build
    lacks. ``style``: how the optimizer steps unless told otherwise. ``is_own``: the layers run as this package's own
    run in NumPy does them, with what their ``keeping`` says, and every optimizer steps in small blocks (``fused``).
    """

    name: str
    rounding: int = 512
    mask_bytes: int | None = 1
    holds_frames: bool = True
    adds_in_place: bool = True
    style: str = "foreach"
    composes: bool = False
    is_own: bool = False


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("torch-cuda"),
        Profile("torch-fake", adds_in_place=False, composes=True),
        Profile("torch-cpu", rounding=1, mask_bytes=None, style="loop"),
        Profile("numpy", rounding=1, holds_frames=False, style="fused", is_own=True),
        Profile("ideal", rounding=1, holds_frames=False, style="fused"),
    )
}
"""The profiles of the replay; ``notes`` is a rule without one."""


def profile_named(name: str) -> Profile:
    """The profile of that name; ValueProblem with the nearest one if there is none."""
    try:
        return PROFILES[name]
    except KeyError:
        known = (*PROFILES, "notes")
        near = did_you_mean(name, known)
        raise ValueProblem(f"no profile '{name}'{near} (known: {', '.join(known)})", code="unknown-profile") from None
