"""``python -m tests.memory.measure_vela [NAME...]``: the SRAM that Vela itself plans, into ``data/vela.json``.

Needs the package ``ethos-u-vela`` 5.2.0. Names choose nets; the figures of the others stay. Of a net that is no design,
or whose steps are not known, nothing is written.
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
from cnncalc.errors import DesignError
from cnncalc.interop.exporters import export
from cnncalc.memory.vela import vela_report
from tests.memory.vela_nets import all_nets

DATA = Path(__file__).parent / "data" / "vela.json"
OPTIONS = ("--accelerator-config", "ethos-u55-128", "--system-config", "Ethos_U55_High_End_Embedded", "--config",
           "Arm/vela.ini", "--memory-mode", "Sram_Only", "--verbose-allocation", "--show-cpu-operations")  # fmt: skip
_RANGE = re.compile(r"\s*(\d+) -\s+(\d+):\s+(0x\w+|0) -\s+(?:0x\w+|0):\s+(\d+):")


def measured(text: str) -> tuple[int, set[tuple[int, int, int, int]]]:
    """The bytes of SRAM, and every place: first and last time, offset, size. Fails if the CPU runs an operator."""
    content = export(analyze(text).resolved, "tflite")
    assert isinstance(content, bytes)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "net.tflite")
        Path(file).write_bytes(content)
        command = [sys.executable, "-m", "ethosu.vela", *OPTIONS, "--output-dir", folder, file]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert "CPU operators = 0 (" in done.stdout
    _, _, listed = done.stdout.partition("Allocation, memory Sram")
    listed, _, rest = listed.partition("Allocation Peak Tensor Size: ")
    found = {(int(first), int(last), int(at, 16), int(size)) for first, last, at, size in _RANGE.findall(listed)}
    return int(rest.split()[0]), found


def main(names: list[str]) -> None:
    """Measures these nets, or all, and writes the file."""
    before = json.loads(DATA.read_text(encoding="utf-8")) if names else {}
    figures = {}
    for name, text in all_nets().items():
        if names and name not in names:
            if name in before:
                figures[name] = before[name]
            continue
        try:
            ours = vela_report(analyze(text)).sram_bytes
        except DesignError as error:
            print(name, "-", str(error).splitlines()[0])
            continue
        figures[name], _ = measured(text)
        print(name, figures[name], "" if figures[name] == ours else f"DIFFERS: {ours}", flush=True)
    DATA.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
