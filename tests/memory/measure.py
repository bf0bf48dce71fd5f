"""Measures the nets of :mod:`tests.memory.oracle_cases` in PyTorch, and writes ``data/measured.json``.

``python -m tests.memory.measure relu bn`` measures the cases of these kinds (or the nets of these names) again and
keeps all others; ``missing`` measures the cases that the file lacks, and removes those that no longer exist; ``all``
measures all cases, which takes minutes. Without an argument, a sample is measured and printed, not written.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from tests.memory.oracle_cases import NETS, Measure, measure_sample, measures, report_of
from tests.memory.torch_oracle import Habits, measure_cpu, measure_fake

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MEASURED = Path(__file__).parent / "data" / "measured.json"


def line_of(measure: Measure) -> str:
    """Measures a net; returns its line of the file."""
    habits = dict(measure.habits)
    measured = measure_cpu if habits.pop("profile", "") == "torch-cpu" else measure_fake
    figures = measured(report_of(measure.net), Habits(**habits))
    return json.dumps([measure.net, measure.habits, list(figures)])


def listing(lines: Iterable[str]) -> str:
    return "[\n" + ",\n".join(lines) + "\n]"


def name_of(measure: Measure) -> str:
    """The kind of a case, or the name of a net."""
    return measure.net if measure.net in NETS else measure.net.partition("(")[0]


def known(path: Path = MEASURED) -> dict[str, str]:
    """The lines of the file, by measure."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return {str(Measure(net, habits)): json.dumps([net, habits, figures]) for net, habits, figures in rows}


def merged(words: Sequence[str], path: Path = MEASURED) -> list[str]:
    """The lines of the file, with the measures that the words select measured again."""
    every = list(measures())
    unknown = sorted(set(words) - {name_of(measure) for measure in every} - {"all", "missing"})
    if unknown:
        sys.exit(f"no layer kind or net of tests/memory/oracle_cases.py is called {', '.join(unknown)}")
    before = known(path)
    lines = []
    for measure in every:
        is_new = str(measure) not in before
        if "all" in words or name_of(measure) in words or ("missing" in words and is_new):
            print(measure, file=sys.stderr)
            lines.append(line_of(measure))
        elif not is_new:
            lines.append(before[str(measure)])
    return lines


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if len(sys.argv) < 2:
        print(listing(line_of(measure) for measure in measure_sample()))
    else:
        MEASURED.write_text(listing(merged(sys.argv[1:])) + "\n", encoding="utf-8")
