"""``python -m tests.memory.measure_tflm``: what TensorFlow Lite Micro itself allocates, into ``data/tflm.json``.

Needs the package ``tflite-micro``. Each arena is tried in a process of its own, since one that is too small may end it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from cnncalc import analyze
from cnncalc.interop.exporters import export
from cnncalc.interop.tflite_file import read_file
from cnncalc.interop.tflite_layers import tflite_net
from cnncalc.interop.tflite_writer import written
from cnncalc.memory.micro import micro_report
from cnncalc.memory.tflm import arena_of
from tests.memory.tflm_nets import NETS, every_net

if TYPE_CHECKING:
    from cnncalc.interop.tflite_net import TfliteNet

DATA = Path(__file__).parent / "data" / "tflm.json"
SHUFFLED = DATA.with_name("tflm_shuffled.json")
"""The figures of files whose tensors stand in another order, which decides between tensors of one size."""
LARGE = 16 * 1024**2

_TRY = """
import sys
from tflite_micro import runtime
model = open(sys.argv[1], "rb").read()
for size in sys.argv[2:]:
    try:
        interpreter = runtime.Interpreter.from_bytes(model, arena_size=int(size))
    except RuntimeError:
        print(size, "small", flush=True)
    else:
        print(size, "fits", flush=True)
        if len(sys.argv) == 3:
            interpreter.print_allocations()
"""


def _tried(file: str, sizes: list[int]) -> tuple[list[str], str]:
    """What arenas of these sizes give: a line each, and the messages of the interpreter."""
    command = [sys.executable, "-c", _TRY, file, *map(str, sizes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout.splitlines(), done.stderr


def measured(model: bytes, near: int) -> dict[str, int]:
    """Head, tail, total, and the smallest arena, which is searched within 64 bytes of ``near``."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "net.tflite")
        Path(file).write_bytes(model)
        _, messages = _tried(file, [LARGE])
        found = {word: int(size) for word, size in re.findall(r"Arena allocation (head|tail|total) (\d+)", messages)}
        lines, _ = _tried(file, list(range(near + 16, near - 64, -1)))
        fitting = [int(line.split()[0]) for line in lines if line.endswith("fits")]
        return {**found, "minimum": min(fitting, default=0)}


def shuffled(net: TfliteNet, seed: int) -> TfliteNet:
    """The same net with its tensors in another order, as other programs may write it."""
    order = [*range(len(net.tensors))]
    Random(seed).shuffle(order)  # noqa: S311 (a test net)
    place = {old: new for new, old in enumerate(order)} | {-1: -1}

    def moved(places: tuple[int, ...]) -> tuple[int, ...]:
        return tuple([place[each] for each in places])

    operators = [each._replace(inputs=moved(each.inputs), outputs=moved(each.outputs)) for each in net.operators]
    tensors = tuple([net.tensors[old] for old in order])
    return net._replace(
        tensors=tensors, operators=tuple(operators), inputs=moved(net.inputs), outputs=moved(net.outputs)
    )


def shuffled_files() -> dict[str, bytes]:
    """Files of some nets with their tensors in another order."""
    return {
        f"{name} {seed}": written(shuffled(tflite_net(analyze(text).resolved), seed)).content()
        for seed, (name, text) in enumerate(NETS.items())
        if seed % 4 == 0
    }


def main() -> None:
    """Measures every net and writes the file."""
    figures = {}
    for name, text in every_net().items():
        report = analyze(text)
        content = export(report.resolved, "tflite")
        assert isinstance(content, bytes)
        figures[name] = measured(content, micro_report(report, pointers=64).arena.minimum_bytes)
        print(name, figures[name], flush=True)
    orders = {}
    for name, content in shuffled_files().items():
        near = arena_of(read_file(content).net, 8).minimum_bytes
        orders[name] = measured(content, near)
        print(name, orders[name], flush=True)
    SHUFFLED.write_text(json.dumps(orders, indent=1) + "\n", encoding="utf-8")
    DATA.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
