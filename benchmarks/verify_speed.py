"""``cnncalc verify`` from start to end, divided by ``python -c "import torch"``.

    python -m benchmarks.verify_speed [NET ...]

``verify`` builds a net with random weights in NumPy, runs it twice, and compares every number of the table with the
run. A ratio below 1 means that all this is done before PyTorch has been imported.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.interleaved import Benchmark, bare, interleaved, is_installed, ours, process

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.interleaved import Row

NETS = ("lenet5-modern", "cifar-tiny", "squeezenet-1.1", "mobilenet-v2", "resnet18", "googlenet", "resnet50", "vgg16")
IMPORT = 'python -c "import torch"'
BARE = "python -c pass"


def measured(rounds: int, words: Sequence[str]) -> Iterator[Row | str]:
    """A row for each net."""
    nets = words or NETS
    cases = {f"verify {net}": ours("verify", net) for net in nets}
    against = BARE
    if is_installed("torch"):
        against = IMPORT
        cases[IMPORT] = process(sys.executable, "-c", "import torch")
    else:
        yield "Divided by bare Python, since torch is not installed."
        cases[BARE] = bare()
    run = interleaved(cases, rounds)
    for net in nets:
        yield run.row(f"verify {net}", against)


BENCHMARK = Benchmark(__doc__, measured, rounds=7, peers=("numpy", "torch"))


def main() -> int:
    """Measures, and prints the ratios."""
    return BENCHMARK.main()


if __name__ == "__main__":
    sys.exit(main())
