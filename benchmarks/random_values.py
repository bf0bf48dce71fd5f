"""Outputs and gradients of random nets in float64, compared with those of PyTorch.

    python -m benchmarks.random_values [FIRST] [LAST]

Draws the nets of the seeds FIRST (0) to LAST (999) of tests/random_volumes.py, on one to three sides with every kind
but OPAQUE and those that make ever larger numbers, and compares each as ``cnncalc verify --against torch`` does: every
layer's output (1e-12 of its largest value) and the gradient of every parameter (1e-10). Prints those that differ, and
those that PyTorch refuses. A net that differs is run again with images and weights that are changed by a share of
1e-15: where our own run then differs by more than a tenth of the tolerance, rounding decides, as in the deviation of a
constant map, and the net is counted apart. Run it from the checkout, with PyTorch installed.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report
    from cnncalc.run.against import EngineComparison

UNBOUNDED = ("exp", "square", "sqrt", "div")
"""Kinds left out: of random numbers they make ever larger ones, or none."""


def main() -> int:
    """Prints the differences; the exit code is 1 if there is any."""
    import numpy as np

    import cnncalc
    from cnncalc.run.against import compare_with
    from tests.random_volumes import random_net

    warnings.simplefilter("ignore")
    first, last = (int(sys.argv[place]) if len(sys.argv) > place else given for place, given in ((1, 0), (2, 999)))
    counts: Counter[str] = Counter()
    for seed in range(first, last + 1):
        pattern = random_net(seed, without=("opaque", *UNBOUNDED)).pattern
        report = cnncalc.analyze(pattern, batch=2, dtype="float64", in_place=False)
        try:
            with np.errstate(all="ignore"):
                comparison = compare_with(report, "torch", seed=seed)
        except (RuntimeError, ValueError) as error:
            counts["refused by PyTorch"] += 1
            print(f"{seed} refused: {pattern}: {str(error).splitlines()[0]}", flush=True)
            continue
        said = differences(comparison)
        if said and is_rounding(report, seed):
            counts["decided by rounding"] += 1
            continue
        counts["different" if said else "equal"] += 1
        counts["gradients"] += len(comparison.gradients)
        if said:
            print(f"{seed}: {pattern}: {said}", flush=True)
    print(", ".join(f"{count:,} {what}" for what, count in counts.items()))
    return 1 if counts["different"] else 0


def is_rounding(report: Report, seed: int) -> bool:
    """Whether a change of images and weights in the last place noticeably changes outputs or gradients of ours."""
    import numpy as np

    from cnncalc.run.against import GRADIENT_TOLERANCE, LEAST_SCALE, TOLERANCE
    from cnncalc.run.forward import draw_images, run
    from cnncalc.run.training import Trainer, draw_targets
    from cnncalc.run.weights import build

    out_of_place = report._replace(layers=tuple([row._replace(in_place=False) for row in report.layers]))
    images = draw_images(report, seed=seed)
    random = np.random.default_rng(seed)
    moved = {name: image * (1 + 1e-15 * random.choice((-1, 1), image.shape)) for name, image in images.items()}
    found = []
    for entering, share in ((images, 0.0), (moved, 1e-15)):
        weights = tuple(
            [
                {name: array * (1 + share * random.choice((-1, 1), array.shape)) for name, array in arrays.items()}
                for arrays in build(report, seed=seed)
            ]
        )
        with np.errstate(all="ignore"):
            outputs = run(out_of_place, weights, entering, keep=lambda name: True).outputs
            drawn = np.random.default_rng(seed)
            trainer = Trainer(report, weights, None, random=drawn, in_place=False)
            trainer.step(entering, draw_targets(report, trainer.outputs, seed=seed))
        found.append((outputs, dict(trainer.gradients)))
    (outputs, gradients), (others, slopes) = found
    largest = max([float(np.abs(array).max(initial=0)) for array in gradients.values()], default=0.0)
    pairs = [(array, others[name], 0.0, TOLERANCE["float64"]) for name, array in outputs.items()]
    pairs += [(array, slopes[name], LEAST_SCALE * largest, GRADIENT_TOLERANCE) for name, array in gradients.items()]
    with np.errstate(all="ignore"):
        return any(
            np.abs(one - other).max(initial=0) > 0.1 * tolerance * max(np.abs(one).max(initial=0), least)
            for one, other, least, tolerance in pairs
        )


def differences(comparison: EngineComparison) -> str:
    """The first value that does not agree; empty if all do."""
    for each in (*comparison.outputs, *comparison.gradients):
        if not each.agrees:
            found = f"{each.shape}" if each.distance is None else f"{each.distance:.1e} of its largest value apart"
            return f"{each.what} of {each.layer} is {found}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
