"""Computed memory of random nets, compared with what PyTorch holds.

    python -m benchmarks.training_memory [--short] [FIRST] [LAST]

Draws the nets of the seeds FIRST (0) to LAST (4999) of tests/memory/random_training.py, with ``--short`` of a layer or
two between a head and a tail, and measures each in PyTorch, in the profile torch-cpu or torch-fake. Prints those that
differ, with the differences, and those that PyTorch refuses. A net that differs is measured once more, since what a
refused net has left behind is freed in the next measurement. It takes about half a second a net. Run it from the
checkout, with PyTorch 2.13 installed.
"""

from __future__ import annotations

import gc
import sys
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REFUSED, REFUSED_BY_BOTH, REFUSED_HERE = "refused by PyTorch alone", "refused by both", "refused here alone"


def main() -> int:
    """Prints the differences; the exit code is 1 if there is any, or if a net is refused here alone."""
    import torch

    import cnncalc
    from tests.memory.random_training import computed, measured, random_trial, short_trial
    from tests.memory.torch_device import stand_in_for_cuda

    numbers = [word for word in sys.argv[1:] if word != "--short"]
    draw = random_trial if len(numbers) == len(sys.argv) - 1 else short_trial
    first, last = [int(word) for word in (*numbers, *("0", "4999")[len(numbers) :])]
    warnings.simplefilter("ignore")
    torch.set_num_threads(2)  # a single one has another kernel for convolutions of 1x1x1
    stand_in_for_cuda()
    gc.collect()
    gc.freeze()  # else each measurement collects all of PyTorch
    counts = dict.fromkeys(("equal", "different", REFUSED_HERE, REFUSED_BY_BOTH, REFUSED), 0)
    for seed in range(first, last + 1):
        trial = draw(seed)
        report = cnncalc.analyze(trial.pattern)
        if not report.totals.trainable:
            continue
        got, wanted = _outcome(computed, report, trial.options), _outcome(measured, report, trial.options)
        what, said = _compared(got, wanted)
        if what == "different":
            what, said = _compared(got, _outcome(measured, report, trial.options))
        counts[what] += 1
        if said:
            print(f"{seed} {what}: {trial.pattern} {trial.habits}: {said}", flush=True)
    print(", ".join(f"{count:,} {what}" for what, count in counts.items()))
    return 1 if counts["different"] or counts[REFUSED_HERE] else 0


def _outcome(function: Callable[[Any, Any], Sequence[int]], report: Any, options: Any) -> Sequence[int] | str:
    """The figures, or what is said where they are refused."""
    from cnncalc.errors import CnncalcError

    try:
        return function(report, options)
    except (RuntimeError, ValueError, NotImplementedError, CnncalcError) as error:
        return str(error).splitlines()[0]


def _compared(got: Sequence[int] | str, wanted: Sequence[int] | str) -> tuple[str, str]:
    """How what is computed and what is measured compare, and what to print about it."""
    from tests.memory.random_training import FIGURES

    if isinstance(wanted, str):
        return REFUSED_BY_BOTH if isinstance(got, str) else REFUSED, wanted
    if isinstance(got, str):
        return REFUSED_HERE, got
    pairs = zip(FIGURES, got, wanted, strict=True)
    said = ", ".join(f"{name} {one - other:+,}" for name, one, other in pairs if one != other)
    return "different" if said else "equal", said


if __name__ == "__main__":
    sys.exit(main())
