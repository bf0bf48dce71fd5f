"""The kernels that OpenBLAS is told to use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cnncalc.run.processor import VARIABLE, use_widest_kernels, widest_kernels

WIDE = "fpu sse2 avx2 avx512f avx512dq avx512cd avx512bw avx512vl"


@pytest.mark.parametrize(
    ("vendor", "flags", "kernels"),
    [
        ("AuthenticAMD", WIDE, "SKYLAKEX"),
        ("AuthenticAMD", "fpu sse2 avx2", None),
        ("AuthenticAMD", WIDE.replace("avx512vl", ""), None),
        ("GenuineIntel", WIDE, None),
    ],
)
def test_only_what_openblas_does_not_find_out_itself_is_told(vendor: str, flags: str, kernels: str | None) -> None:
    assert widest_kernels(f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {flags}\n") == kernels
    assert widest_kernels("") is None


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "ZEN")
    monkeypatch.delitem(sys.modules, "numpy", raising=False)

    use_widest_kernels()

    assert os.environ[VARIABLE] == "ZEN"


def test_verify_asks_before_numpy_is_there() -> None:
    """The module itself must not bring NumPy along."""
    code = "import sys, cnncalc.run.processor; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
