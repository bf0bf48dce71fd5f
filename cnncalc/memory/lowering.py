"""Builds the tape of a report, for the framework of a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.memory.builder import MANY
from cnncalc.memory.numpy_lowering import NumpyLowering
from cnncalc.memory.torch_products import TorchProducts

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report
    from cnncalc.memory.profiles import Profile
    from cnncalc.memory.tape import Tape


def lower(
    report: Report, profile: Profile, *, dtype: str, training: bool, autocast: str | None = None, images: int = MANY
) -> Tape:
    """The tape of a net for batch 1 (``images=1``), or for any larger batch.

    With ``autocast`` activations have that data type and parameters ``dtype``; otherwise all have ``dtype``.
    """
    lowering = NumpyLowering if profile.is_numpy and autocast is None else TorchProducts
    return lowering(report, profile, dtype=dtype, training=training, autocast=autocast, images=images).build()
