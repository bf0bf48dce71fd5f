"""The table of VGG16 by other programs and by ``cnncalc table``, from start to end of the process.

    python -m benchmarks.peers [torchinfo] [thop] [keras] [onnx-tool]

torchinfo and thop get the module that ``cnncalc convert vgg16 --to torch`` writes: on the device meta, which computes
nothing, and torchinfo also on the CPU, as its manual shows it. Keras builds its own VGG16, on PyTorch unless
``KERAS_BACKEND`` names another one. onnx-tool and ``cnncalc table`` read the ONNX file that ``cnncalc convert vgg16
--weights zeros`` writes. A ratio says how many times as much the other program takes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.interleaved import Benchmark, interleaved, is_installed, left_out, ours, process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.interleaved import Row, Taken

MODULE = "import sys; sys.path.insert(0, {folder!r}); import torch, net\n"
ON_META = "with torch.device('meta'): made = net.Net()\n"
CODE = {
    "torchinfo, on meta": "import torchinfo\n" + ON_META + "torchinfo.summary(made, (1, 3, 224, 224), device='meta')",
    "torchinfo": "import torchinfo\ntorchinfo.summary(net.Net(), (1, 3, 224, 224))",
    "thop, on meta": "import thop\n" + ON_META + "thop.profile(made, (torch.empty(1, 3, 224, 224, device='meta'),))",
}
"""What each program does with the module ``net``."""

KERAS = "import keras; keras.applications.VGG16(weights=None).summary()"
TABLE, TABLE_OF_FILE = "cnncalc table vgg16", "cnncalc table vgg16.onnx"


def measured(rounds: int, words: Sequence[str]) -> Iterator[Row | str]:
    """A row for each program that is installed."""
    with TemporaryDirectory() as folder:
        cases, against = {TABLE: ours("table", "vgg16")}, {}
        for name, (needed, make) in PROGRAMS.items():
            if words and name not in words:
                continue
            missing = [module for module in needed if not is_installed(module)]
            if missing:
                yield left_out(name, missing)
                continue
            made = make(folder)
            against.update(dict.fromkeys(made, TABLE_OF_FILE if TABLE_OF_FILE in made else TABLE))
            cases.update(made)
        run = interleaved(cases, rounds)
        for case in cases:
            if not case.startswith("cnncalc"):
                yield run.row(case, against[case])


def of_module(program: str) -> Callable[[str], dict[str, Callable[[], Taken]]]:
    """Makes the cases of a program that gets a module of PyTorch, in a folder."""

    def make(folder: str) -> dict[str, Callable[[], Taken]]:
        if not Path(folder, "net.py").exists():
            ours("convert", "vgg16", "--to", "torch", "-o", f"{folder}/net.py")()
        head = MODULE.format(folder=folder)
        return {
            name: process(sys.executable, "-c", head + code)
            for name, code in CODE.items()
            if name.split(",")[0] == program
        }

    return make


def of_keras(folder: str) -> dict[str, Callable[[], Taken]]:
    """The case of Keras."""
    backend = os.environ.get("KERAS_BACKEND", "torch")
    return {
        f"Keras summary, on {backend}": process(sys.executable, "-c", KERAS, environment={"KERAS_BACKEND": backend})
    }


def of_onnx(folder: str) -> dict[str, Callable[[], Taken]]:
    """The cases of onnx-tool and of ours on the same file."""
    file = str(Path(folder, "vgg16.onnx"))
    ours("convert", "vgg16", "--weights", "zeros", "-o", file)()
    shape = "input:f32:1x3x224x224"
    return {
        TABLE_OF_FILE: ours("table", file),
        "onnx-tool vgg16.onnx": process(sys.executable, "-m", "onnx_tool", "-i", file, "-d", shape),
    }


PROGRAMS: dict[str, tuple[tuple[str, ...], Callable[[str], dict[str, Callable[[], Taken]]]]] = {
    "torchinfo": (("torch", "torchinfo"), of_module("torchinfo")),
    "thop": (("torch", "thop"), of_module("thop")),
    "keras": (("keras",), of_keras),
    "onnx-tool": (("onnx", "onnx_tool"), of_onnx),
}
"""The modules that each program needs, and what makes its cases."""

BENCHMARK = Benchmark(__doc__, measured, rounds=5, peers=("torch", "torchinfo", "thop", "keras", "onnx", "onnx-tool"))


def main() -> int:
    """Measures, and prints the ratios."""
    return BENCHMARK.main()


if __name__ == "__main__":
    sys.exit(main())
