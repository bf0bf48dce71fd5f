"""Profiles: how a framework on a device uses memory."""

from __future__ import annotations

from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.records import NamedTuple


class Profile(NamedTuple):
    """The memory behaviour of a framework on a device.

    ``rounding``: sizes are rounded up to multiples of this many bytes. ``mask_bytes``: bytes of one element of the mask
    of DROPOUT (None: as its input). ``holds_frames``: the caller of a block holds its arguments until it returns.
    ``adds_in_place``: a second gradient is added into the first where nothing else holds it. ``style``: the default
    style of optimizers. ``is_fake``: the tensors of FakeTensorMode in a build without CUDA. It composes kernels that
    the build lacks of others, does not add a bias in place, and keeps the stride of the batch where it views a single
    image; backward of a view that was overwritten is that of the view, not a copy into the memory of the whole.
    ``is_cpu``: PyTorch's kernels for the CPU, not those for CUDA. ``convolves_bfloat16``: convolutions in bfloat16 keep
    channels-last memory. ``caches``: memory comes from the caching allocator of CUDA.
    ``is_numpy``: the training run in NumPy, where each layer keeps what ``Layer.keeping`` says; every optimizer can be
    ``fused``.
    """

    name: str
    rounding: int = 512
    mask_bytes: int | None = 1
    holds_frames: bool = True
    adds_in_place: bool = True
    style: str = "foreach"
    is_fake: bool = False
    is_cpu: bool = False
    convolves_bfloat16: bool = True
    caches: bool = False
    is_numpy: bool = False


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("torch-cuda", caches=True),
        Profile("torch-fake", adds_in_place=False, is_fake=True, convolves_bfloat16=False, caches=True),
        Profile("torch-cpu", rounding=1, mask_bytes=None, style="loop", is_cpu=True),
        Profile("numpy", rounding=1, holds_frames=False, style="fused", is_numpy=True),
        Profile("ideal", rounding=1, holds_frames=False, style="fused"),
    )
}
"""The profiles that are simulated, by name; ``notes`` is a formula and not among them."""


def profile_named(name: str) -> Profile:
    """The profile of that name; raises ValueProblem with the nearest name."""
    try:
        return PROFILES[name]
    except KeyError:
        known = (*PROFILES, "notes")
        near = did_you_mean(name, known)
        raise ValueProblem(f"no profile '{name}'{near} (known: {', '.join(known)})", code="unknown-profile") from None
