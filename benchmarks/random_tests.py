"""Runs the random tests with more cases than in the suite, different ones on each run.

    python -m benchmarks.random_tests [TIMES] [PYTEST OPTIONS]

Runs every test file that draws random nets, texts or values, or runs a sample of large nets, with TIMES (20) as many
random cases and all nets. Run it from the checkout.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent / "tests"
WORDS = ("@examples(", "fixed_seeds(", "sample(", "@most_nets")
"""What a test file contains that takes more cases here."""


def main() -> int:
    """Runs pytest; its exit code."""
    times, *options = sys.argv[1:] or ["20"]
    os.environ["CNNCALC_EXAMPLES"] = str(int(times))
    files = [
        str(path)
        for path in sorted(TESTS.rglob("test_*.py"))
        if any(word in path.read_text(encoding="utf-8") for word in WORDS)
    ]
    return int(pytest.main(["-q", "-n", "auto", *options, *files]))


if __name__ == "__main__":
    sys.exit(main())
