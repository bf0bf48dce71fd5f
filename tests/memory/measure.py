"""Measures the nets of :mod:`tests.memory.oracle_cases` in PyTorch.

``python -m tests.memory.measure`` prints a few of them, ``... all`` writes ``data/measured.json`` anew.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

from tests.memory.oracle_cases import measures, report_of
from tests.memory.torch_oracle import Habits, measure_fake

MEASURED = Path(__file__).parent / "data" / "measured.json"


def lines(*, some: bool) -> list[str]:
    found = []
    for measure in measures(some=some):
        figures = measure_fake(report_of(measure.net), Habits(**measure.habits))
        found.append(json.dumps([measure.net, measure.habits, list(figures)]))
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    text = "[\n" + ",\n".join(lines(some=len(sys.argv) < 2)) + "\n]\n"
    if len(sys.argv) < 2:
        print(text)
    else:
        MEASURED.write_text(text, encoding="utf-8")
