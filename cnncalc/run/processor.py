"""Selects the widest vector kernels of NumPy's OpenBLAS; must run before NumPy is imported."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

VARIABLE = "OPENBLAS_CORETYPE"
"""The environment variable by which OpenBLAS selects its kernels when NumPy is imported."""

NEEDED = frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"})
"""Instruction sets that the SkylakeX kernels need."""


def widest_kernels(cpuinfo: str) -> str | None:
    """The kernels to request where OpenBLAS would choose slower ones, else None.

    It detects Intel processors, but treats recent AMD processors as old ones without AVX-512, whose kernels are half as
    fast.
    """
    flags: set[str] = set()
    vendor = ""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "vendor_id":
            vendor = value.strip()
        if name.strip() == "flags":
            flags = set(value.split())
            break
    return "SKYLAKEX" if vendor == "AuthenticAMD" and flags >= NEEDED else None


def use_widest_kernels() -> None:
    """Sets the variable for this process, unless the user has or NumPy is already there."""
    if VARIABLE in os.environ or "numpy" in sys.modules:
        return
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        kernels = widest_kernels(file.read(8192))
        if kernels:
            os.environ[VARIABLE] = kernels
