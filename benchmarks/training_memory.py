"""Computed memory of random nets, compared with what PyTorch holds.

    python -m benchmarks.training_memory [FIRST] [LAST]

Draws the nets of the seeds FIRST (0) to LAST (4999) of tests/memory/random_training.py and measures each in PyTorch, in
the profile torch-cpu or torch-fake. Prints those that differ, with the differences, and those that PyTorch refuses. It
takes about a second a net. Run it from the checkout, with PyTorch 2.13 installed.
"""

from __future__ import annotations

import gc
import sys
import warnings


def main() -> int:
    """Prints the differences; the exit code is 1 if there is any."""
    import torch

    import cnncalc
    from cnncalc.errors import CnncalcError
    from tests.memory.random_training import FIGURES, computed, measured, random_trial
    from tests.memory.torch_device import stand_in_for_cuda

    first, last = (int(sys.argv[place]) if len(sys.argv) > place else given for place, given in ((1, 0), (2, 4999)))
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    stand_in_for_cuda()
    gc.collect()
    gc.freeze()  # else each measurement collects all of PyTorch
    counts = dict.fromkeys(("equal", "different", "refused by PyTorch"), 0)
    for seed in range(first, last + 1):
        trial = random_trial(seed)
        report = cnncalc.analyze(trial.pattern)
        if not report.totals.trainable:
            continue
        said: str | None = None
        try:
            wanted = measured(report, trial.options)
            got = computed(report, trial.options)
        except (RuntimeError, ValueError, NotImplementedError, CnncalcError) as error:
            what, said = "refused by PyTorch", str(error).splitlines()[0]
        else:
            what = "equal" if got == wanted else "different"
            if got != wanted:
                pairs = zip(FIGURES, got, wanted, strict=True)
                said = ", ".join(f"{name} {one - other:+,}" for name, one, other in pairs if one != other)
        counts[what] += 1
        if said is not None:
            print(f"{seed} {what}: {trial.pattern} {trial.habits}: {said}", flush=True)
    print(", ".join(f"{count:,} {what}" for what, count in counts.items()))
    return 1 if counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
