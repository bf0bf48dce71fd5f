"""Profiles: how a framework on a device uses memory."""

from __future__ import annotations

from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.records import NamedTuple


class Profile(NamedTuple):
    """The memory behaviour of a framework on a device."""

    name: str
    rounding: int = 512
    """Sizes are rounded up to multiples of this many bytes."""
    mask_bytes: int | None = 1
    """Bytes of an element of the mask of DROPOUT; None: as its input."""
    holds_frames: bool = True
    """The caller of a block holds its arguments until the block returns."""
    adds_in_place: bool = True
    """A second gradient is added into the first where nothing else holds it."""
    style: str = "foreach"
    """The default style of optimizers."""
    is_fake: bool = False
    """The tensors are those of FakeTensorMode in a build without CUDA.

    Kernels that the build lacks are composed of others, a bias is not added in place, and a view of a single image
    keeps the stride of the batch. Backward of an overwritten view is that of the view, without a copy of the whole.
    """
    is_cpu: bool = False
    """The kernels are PyTorch's for the CPU, not those for CUDA."""
    convolves_bfloat16: bool = True
    """Convolutions in bfloat16 keep channels-last memory."""
    caches: bool = False
    """Memory comes from the caching allocator of CUDA."""
    is_numpy: bool = False
    """The training run in NumPy: each layer keeps what ``Layer.keeping`` says, and every optimizer can be ``fused``."""


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
