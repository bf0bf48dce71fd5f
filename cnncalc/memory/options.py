"""The choices of the options for memory. Imports nothing at its top, so that the help of commands can use it."""

from __future__ import annotations

PROFILE_NAMES = ("torch-cuda", "torch-fake", "torch-cpu", "numpy", "ideal", "notes")
"""Framework and device whose memory is computed; ``notes`` is the rule of the course notes."""

MICRO_PROFILES = ("tflm", "cmsis", "vela")
"""Profiles of chips without an operating system (two runtimes, and the compiler for Ethos-U): int8, batch 1."""

POINTERS = ("32", "64")
"""Widths of a pointer in bits; chips have 32."""

EXTENSIONS = ("none", "dsp", "mve")
"""Instruction set extensions of a Cortex-M core for which the kernels of CMSIS-NN differ: none, DSP, MVE."""

ZERO_GRAD = ("start", "before-backward", "zeros")
"""When gradients are freed: before the step, between forward and backward, or never (they are set to zero)."""

AUTOCAST = ("bfloat16", "float16")
"""Data types of activations under autocast."""

TRAINABLE_TYPES = ("float32", "float64", "float16", "bfloat16")
"""Data types of a net in training."""


def read_reserve(text: str) -> str | int:
    """The value of ``--reserve``: ``auto`` or a number of bytes; raises ValueProblem for another text."""
    from cnncalc.errors import ValueProblem
    from cnncalc.units import parse_size

    if text.strip()[:1].isdigit():
        return parse_size(text)
    if text != "auto":
        raise ValueProblem(f"expected auto or bytes such as 600MiB, found '{text[:60]}'")
    return text
