"""Measures the nets of :mod:`tests.memory.plain_nets` in PyTorch and prints the figures as JSON.

``python -m tests.memory.measure_plain write`` writes ``data/plain_nets.json``; names of nets after it measure these
alone. With a number n it measures each n-th row.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import cnncalc
from tests.memory.own_process import answer
from tests.memory.plain_nets import NETS

if TYPE_CHECKING:
    from collections.abc import Sequence

DATA = Path(__file__).parent / "data" / "plain_nets.json"
HABITS: tuple[dict[str, Any], ...] = (
    {},
    {"batch": 1, "optimizer": "adamw"},
    {"autocast": "bfloat16", "zero_grad": "before-backward"},
    {"dtype": "bfloat16", "accumulate": 2},
)
"""How each net is trained."""


def settings() -> list[tuple[str, dict[str, Any]]]:
    """All nets with each way to train them; every second way in each profile is checkpointed where blocks may be."""
    found = []
    for net, case in NETS.items():
        for profile in ("torch-cpu", "torch-fake"):
            for number, habits in enumerate(HABITS):
                more = {"checkpoint": case.blocks} if case.blocks and number % 2 else {}
                found.append((net, {"profile": profile, "batch": 2, **habits, **more}))
    return found


def measured(net: str, habits: dict[str, Any]) -> list[int]:
    """The figures of one net; ``saved`` is -1 if blocks are checkpointed."""
    from tests.memory import torch_oracle

    case = NETS[net]
    report = cnncalc.analyze("-", stdin=case.design)

    def plain(_: Any, __: Any = ()) -> Any:
        module: Any = case.module()
        module.again = "checkpoint" in habits
        return torch_oracle.as_net(module, report)

    options = {name: value for name, value in habits.items() if name not in ("profile", "checkpoint")}
    segments = ((0, 0),) if "checkpoint" in habits else ()
    measure = torch_oracle.measure_cpu if habits["profile"] == "torch-cpu" else torch_oracle.measure_fake
    with patch.object(torch_oracle, "Net", plain):
        return list(measure(report, torch_oracle.Habits(**options, segments=segments)))


def rows(chosen: Sequence[tuple[str, dict[str, Any]]]) -> list[Any]:
    """The rows of these settings; fake tensors are measured first, before any real backward pass."""
    in_order = sorted(chosen, key=lambda row: row[1]["profile"], reverse=True)
    found = {json.dumps(row): measured(*row) for row in in_order}
    return [[*row, found[json.dumps(row)]] for row in chosen]


def write(names: Sequence[str]) -> None:
    """Measures the nets with these names, or all, and writes the file."""
    known = {} if not names else {json.dumps(row[:2]): row for row in json.loads(DATA.read_text(encoding="utf-8"))}
    new = {json.dumps(row[:2]): row for row in rows([row for row in settings() if not names or row[0] in names])}
    every = [json.dumps({**known, **new}[json.dumps(row)]) for row in settings()]
    DATA.write_text("[\n" + ",\n".join(every) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(sys.argv[2:])
    answer(rows(settings()[:: int(sys.argv[1])]) if sys.argv[1].isdigit() else [])
