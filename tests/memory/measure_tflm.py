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

from cnncalc import analyze
from cnncalc.interop.exporters import export
from cnncalc.memory.micro import micro_report
from tests.memory.tflm_nets import every_net

DATA = Path(__file__).parent / "data" / "tflm.json"
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


def main() -> None:
    """Measures every net and writes the file."""
    figures = {}
    for name, text in every_net().items():
        report = analyze(text)
        content = export(report.resolved, "tflite")
        assert isinstance(content, bytes)
        figures[name] = measured(content, micro_report(report, pointers=64).arena.minimum_bytes)
        print(name, figures[name], flush=True)
    DATA.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
