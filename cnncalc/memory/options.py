"""The words of the options that decide how much memory a net takes; light, so that a command line can name them."""

from __future__ import annotations

PROFILE_NAMES = ("torch-cuda", "torch-fake", "torch-cpu", "numpy", "ideal", "notes")
"""Whose memory is worked out; ``notes`` is the rule of the course notes."""

ZERO_GRAD = ("start", "before-backward", "zeros")
"""Where gradients are let go: before the step, between forward and backward, or never (they are set to zero)."""

AUTOCAST = ("bfloat16", "float16")
"""Half types in which autocast holds activations."""

TRAINABLE_TYPES = ("float32", "float64", "float16", "bfloat16")
"""Data types that memory is worked out for."""
