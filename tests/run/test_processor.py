"""The choice of the kernels of OpenBLAS."""

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
def test_openblas_is_told_its_kernels_only_where_it_does_not_detect_them(
    vendor: str, flags: str, kernels: str | None
) -> None:
    assert widest_kernels(f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {flags}\n") == kernels
    assert widest_kernels("") is None


def test_a_variable_set_by_the_user_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "ZEN")
    monkeypatch.delitem(sys.modules, "numpy", raising=False)

    use_widest_kernels()

    assert os.environ[VARIABLE] == "ZEN"


def test_verify_chooses_the_kernels_before_it_imports_numpy() -> None:
    """The module that chooses them must not import NumPy."""
    code = "import sys, cnncalc.run.processor; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
