"""Model files read by the libraries of their formats and by cnncalc.

    python -m benchmarks.imports [onnx] [keras] [caffe] [darknet] [tflite]

First a process from start to end, in which the library reads the file, divided by ``cnncalc table FILE``, which also
counts it. Then in one process, with everything imported, the reading alone, divided by ``cnncalc.load``. A ratio says
how many times as much the library takes. The files of Keras are written by Keras (on PyTorch unless ``KERAS_BACKEND``
names another one), that of darknet here, the others by ``cnncalc convert``: ONNX with weights, which onnx reads and
cnncalc does not. Prototxt and cfg are read by OpenCV, which also builds the net.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import cnncalc
from benchmarks.interleaved import Benchmark, call, interleaved, is_installed, left_out, ours, process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.interleaved import Row, Taken

KERAS = {"KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "torch")}


def converted(*words: str) -> Callable[[str], object]:
    """Writes a file by ``cnncalc convert``."""
    return lambda file: ours("convert", *words, "-o", file)()


def by_keras(statement: str) -> Callable[[str], object]:
    """Writes a file by Keras, in a process of its own."""
    code = "import sys, keras; net = keras.applications.MobileNetV2(weights=None); " + statement
    return lambda file: process(sys.executable, "-c", code, file, environment=KERAS)()


def write_darknet53(file: str) -> None:
    """Writes the 52 convolutions of Darknet-53 (Redmon and Farhadi 2018, Table 1) as sections of a cfg file."""
    sections = ["[net]\nbatch=1\nwidth=416\nheight=416\nchannels=3", _section(32, 3)]
    for filters, blocks in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        sections.append(_section(filters, 3, stride=2))
        block = [_section(filters // 2, 1), _section(filters, 3), "[shortcut]\nfrom=-3\nactivation=linear"]
        sections += block * blocks
    Path(file).write_text("\n\n".join(sections) + "\n", encoding="ascii")


def _section(filters: int, size: int, stride: int = 1) -> str:
    head = f"[convolutional]\nbatch_normalize=1\nfilters={filters}\nsize={size}\nstride={stride}"
    return f"{head}\npad=1\nactivation=leaky"


@dataclass(frozen=True)
class Reading:
    """A library that reads a file: what it needs, its imports, and the statement, in which ``file`` is the path."""

    name: str
    module: str
    imports: str
    statement: str
    environment: dict[str, str] = field(default_factory=dict)

    def alone(self, file: str) -> Callable[[], Taken]:
        """The process from start to end."""
        code = f"file = {file!r}\n{self.imports}\n{self.statement}"
        return process(sys.executable, "-c", code, environment=self.environment)

    def here(self, file: str) -> Callable[[], Taken]:
        """The statement in this process."""
        os.environ.update(self.environment)
        names: dict[str, Any] = {"file": file}
        exec(self.imports, names)  # noqa: S102 (our own code)
        return call(partial(exec, compile(self.statement, self.name, "exec"), names))


@dataclass(frozen=True)
class Kind:
    """A kind of file: the name of one, what writes it, what reads it."""

    file: str
    needs: tuple[str, ...]
    write: Callable[[str], object]
    readings: tuple[Reading, ...]


INFERRED = "onnx.shape_inference.infer_shapes(onnx.load(file))"
FLATBUFFERS = """\
model = tflite.Model.GetRootAsModel(open(file, "rb").read(), 0)
graph = model.Subgraphs(0)
for number in range(graph.OperatorsLength()):
    operator = graph.Operators(number)
    model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()
    operator.InputsAsNumpy(), operator.OutputsAsNumpy()
for number in range(graph.TensorsLength()):
    tensor = graph.Tensors(number)
    tensor.Name(), tensor.ShapeAsNumpy(), tensor.Type()
"""
LITERT = "from ai_edge_litert.interpreter import Interpreter"
KINDS = {
    "onnx": Kind(
        "resnet50.onnx",
        (),
        converted("resnet50-v1.5", "--weights", "zeros"),
        (
            Reading("onnx.load", "onnx", "import onnx", "onnx.load(file)"),
            Reading("onnx.load and infer_shapes", "onnx", "import onnx", INFERRED),
        ),
    ),
    "keras": Kind(
        "mobilenet-v2.json",
        ("keras",),
        by_keras("open(sys.argv[1], 'w').write(net.to_json())"),
        (
            Reading(
                "model_from_json", "keras", "import keras", "keras.models.model_from_json(open(file).read())", KERAS
            ),
        ),
    ),
    "keras with weights": Kind(
        "mobilenet-v2.keras",
        ("keras",),
        by_keras("net.save(sys.argv[1])"),
        (Reading("load_model", "keras", "import keras", "keras.models.load_model(file)", KERAS),),
    ),
    "caffe": Kind(
        "googlenet.prototxt",
        (),
        converted("googlenet"),
        (Reading("cv2.dnn.readNetFromCaffe", "cv2", "import cv2", "cv2.dnn.readNetFromCaffe(file)"),),
    ),
    "darknet": Kind(
        "darknet53.cfg",
        (),
        write_darknet53,
        (Reading("cv2.dnn.readNetFromDarknet", "cv2", "import cv2", "cv2.dnn.readNetFromDarknet(file)"),),
    ),
    "tflite": Kind(
        "mobilenet-v1.tflite",
        (),
        converted("mobilenet-v1"),
        (
            Reading("flatbuffers, by the package tflite", "tflite", "import tflite", FLATBUFFERS),
            Reading("LiteRT's Interpreter", "ai_edge_litert", LITERT, "Interpreter(file).get_tensor_details()"),
        ),
    ),
}


def measured(rounds: int, words: Sequence[str]) -> Iterator[Row | str]:
    """Two rows for each library that is installed: the whole process, and the reading alone."""
    with TemporaryDirectory() as folder:
        cases: dict[str, Callable[[], Taken]] = {}
        pairs: list[tuple[str, str]] = []
        for name, kind in KINDS.items():
            if words and name.split()[0] not in words:
                continue
            there = [reading for reading in kind.readings if is_installed(reading.module)]
            for reading in kind.readings:
                if reading not in there:
                    yield left_out(f"{reading.name} of {kind.file}", [reading.module])
            if not there or not all(map(is_installed, kind.needs)):
                continue
            file = str(Path(folder, kind.file))
            kind.write(file)
            table, load = f"cnncalc table {kind.file}", f"cnncalc.load of {kind.file}"
            cases |= {table: ours("table", file), load: call(partial(cnncalc.load, file))}
            for reading in there:
                cases[f"{reading.name}, process"] = reading.alone(file)
                cases[reading.name] = reading.here(file)
                pairs += [(f"{reading.name}, process", table), (reading.name, load)]
        run = interleaved(cases, rounds)
        for case, against in pairs:
            yield run.row(case, against)


BENCHMARK = Benchmark(
    __doc__,
    measured,
    rounds=7,
    peers=("onnx", "keras", "torch", "opencv-python-headless", "tflite", "flatbuffers", "ai-edge-litert"),
)


def main() -> int:
    """Measures, and prints the ratios."""
    return BENCHMARK.main()


if __name__ == "__main__":
    sys.exit(main())
