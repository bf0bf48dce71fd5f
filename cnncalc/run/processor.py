"""Selects the kernels with the widest vectors of NumPy's OpenBLAS, before NumPy is imported."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

VARIABLE = "OPENBLAS_CORETYPE"
"""The environment variable by which OpenBLAS selects its kernels when NumPy is imported."""

NEEDED = frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"})
"""The instruction sets that the kernels for SkylakeX need, as /proc/cpuinfo names them."""


def widest_kernels(cpuinfo: str) -> str | None:
    """The kernels to select if OpenBLAS would choose slower ones, else None; ``cpuinfo`` is the text of /proc/cpuinfo.

    OpenBLAS chooses well on Intel processors, but treats AMD processors with AVX-512 as if they had none, with kernels
    that are half as fast.
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
    """Sets the variable for this process, unless it is set or NumPy has been imported."""
    if VARIABLE in os.environ or "numpy" in sys.modules:
        return
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        kernels = widest_kernels(file.read(8192))
        if kernels:
            os.environ[VARIABLE] = kernels
