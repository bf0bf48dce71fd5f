"""Mutation test: changes traits and formulas of layer kinds one by one and checks that a test fails for each.

    python -m benchmarks.broken_on_purpose [NAME ...]

A plugin makes the break when pytest starts; pytest stops at the first failing test. Prints that test, or NOT NOTICED;
exits with 1 if a break is not noticed. Run it from the checkout.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from cnncalc.layers import KINDS, Layer

ROOT = Path(__file__).resolve().parent.parent
VARIABLE = "CNNCALC_BREAK"
TESTS = (
    *("test_kinds.py", "test_layers.py", "memory/test_oracle.py", "checks/test_rules.py", "views", "analysis"),
    *("run/test_verify.py", "formats/test_golden.py", "drawings", "memory/test_arena.py", "run/test_training.py"),
)
"""Test files to run, quick ones first; a break counts as noticed if one of them fails."""


class Break(NamedTuple):
    """A class attribute or method of a kind that gets another value."""

    kind: str
    name: str
    value: Any


def _without(**keys: Any) -> Any:
    """A method computed as if the layer had not been given some keys."""

    def change(original: Any) -> Any:
        return lambda self, *arguments: original(self.with_keys(**keys), *arguments)

    return change


BREAKS = {
    f"{each.kind}.{each.name}": each
    for each in (
        # traits
        Break("hswish", "is_rectifier", False),
        Break("scale", "is_linear", False),
        Break("in", "centres_channels", False),
        Break("scale", "folds_into_weights", False),
        Break("lrelu", "keeps_output_in_place", False),
        Break("reshape", "thin_depth", 1),
        Break("deconv", "autocast", None),
        Break("fc", "counts_macs", False),
        Break("mul", "is_commutative", False),
        Break("softplus", "output_range", (-inf, inf)),
        Break("rbf", "in_notes_table", False),
        Break("prelu", "drawn", Layer.drawn),
        Break("dropout", "why_byproducts", Layer.why_byproducts),
        # formulas
        Break("conv", "macs", _without(groups=None)),
        Break("pool", "output", _without(round=None)),
        Break("deconv", "parameters", _without(bias="no")),
        Break("avgpool", "stencils", _without(dilation=None, kernel=None)),
    )
}


def pytest_configure() -> None:
    """Applies the break named by the environment variable; this module is also a pytest plugin."""
    name = os.environ.get(VARIABLE)
    if name is not None:
        kind, attribute, value = BREAKS[name]
        original = getattr(KINDS[kind], attribute)
        setattr(KINDS[kind], attribute, value(original) if callable(value) else value)


def first_failure(tests: list[str], **variables: str) -> str | None:
    """The first test that fails; None if all pass."""
    plugin = "benchmarks.broken_on_purpose"
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", plugin]
    done = subprocess.run(
        [*command, *tests], cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.M)
    if found is None:
        raise RuntimeError(f"pytest itself failed:\n{done.stdout}\n{done.stderr}")
    return found[1]


def noticed_by(name: str) -> str | None:
    """The first test that fails with a break and passes without it; None if all pass."""
    test = first_failure([f"tests/{part}" for part in TESTS], **{VARIABLE: name})
    if test is not None and first_failure([test]) is not None:
        raise RuntimeError(f"{test} fails without the break, too")
    return test


def main() -> int:
    """Prints one line a break."""
    missed = 0
    for name in sys.argv[1:] or BREAKS:
        test = noticed_by(name)
        missed += test is None
        print(f"{name:28} {test or 'NOT NOTICED'}", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
