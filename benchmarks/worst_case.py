"""CPU seconds and memory of the slowest inputs, compared with the bounds that the project has set.

    python -m benchmarks.worst_case

Prints one line for each input; exits with 1 if one takes more than its bound. Each bad design is a file, and ``cnncalc
check`` of it a process of its own, whose whole time and memory count; so is each model file that is made to cost much.
Byte code is written first, as by an installation. The tests use the same inputs and check results. Run it from the
checkout.
"""

from __future__ import annotations

import compileall
import sys
import time
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import cnncalc
from benchmarks.interleaved import process
from cnncalc.analysis.difference import difference
from cnncalc.analysis.report import account
from cnncalc.cli.program import run
from cnncalc.collection import Paused
from cnncalc.drawings import draw
from cnncalc.drawings.metrics import wrapped
from cnncalc.language.catalogue import names
from cnncalc.language.reading import read_design
from tests.documents.helpers import HARD_DOCUMENTS, hard_document, scanned
from tests.interop.hostile_files import FAMILIES, largest
from tests.interop.test_limits import LIMITS
from tests.language.test_limits import BEYOND, HEAVY, reader_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROW = "[CONV3-{8+i%7} -> RELU]*10000 as i"
ROWS = {
    "inserted": "[CONV3-{8+i%7} -> BN -> RELU]*10000 as i",
    "shifted": "[CONV3-{9+i%7} -> RELU]*10000 as i",
    "replaced": "[SIGMOID -> CONV5-{8+i*i%5}]*10000 as i",
}
"""Changes to 20,000 layers."""


class Bounds:
    """Remembers whether one of the bounds that it has formatted was exceeded."""

    def __init__(self) -> None:
        self.is_exceeded = False

    def checked(self, value: float, most: float, unit: str) -> str:
        """The bound to print behind ``value``, with a mark if the value exceeds it."""
        exceeds = value > most
        self.is_exceeded |= exceeds
        return f"at most {most:g} {unit}{'  EXCEEDED' if exceeds else ''}"


def refused(text: str) -> tuple[float, float]:
    """CPU seconds and MiB of ``cnncalc check`` of an invalid design, which has to exit with 2."""
    with TemporaryDirectory() as folder:
        is_file = reader_of(text) is read_design
        file = Path(folder, "net.yaml")
        file.write_text(text, encoding="utf-8")
        seconds, mebibytes, code = checked_alone(file, is_file=is_file)
    assert code == 2, f"exit code {code}"
    return seconds, mebibytes


def checked_alone(file: Path, *, is_file: bool = True) -> tuple[float, float, int]:
    """CPU seconds, MiB and exit code of ``cnncalc check`` of a file, or of its content on standard input."""
    words = [sys.executable, "-m", "cnncalc", "check", str(file) if is_file else "-"]
    taken = process(*words, given=str(file), codes=(0, 1, 2))()
    assert taken.cpu_seconds is not None
    assert taken.mebibytes is not None
    return taken.cpu_seconds, taken.mebibytes, taken.code


def hostile(name: str, make: Callable[[int], bytes], size: int) -> tuple[float, float, int]:
    """The same of a model file of a size."""
    with TemporaryDirectory() as folder:
        file = Path(folder, f"net.{name.rpartition('.')[2]}")
        file.write_bytes(make(size))
        return checked_alone(file)


def row(layers: str) -> Any:
    """The report of a net with these layers."""
    return cnncalc.analyze(f"INPUT 5x7x8 -> {layers} -> FC-4")


def checked() -> None:
    """Budgets and rules of every named net, without garbage collection, as in the program."""
    with Paused(), redirect_stdout(StringIO()):
        run(["check", *names(), "--max", "parameters=1G", "--max", "training_memory=80GiB"])


def cases() -> Iterator[tuple[str, float, Callable[[], object]]]:
    """Name, bound in seconds and call of each case."""
    for name in HARD_DOCUMENTS:
        yield f"document of 1 MB: {name}", 3, partial(scanned, hard_document(name, 1_000_000))
    deep = "\n".join("  " * depth + "- a" for depth in range(700))
    yield "document of 0.5 MB: nested lists", 3, partial(scanned, deep)
    yield "title of 100,000 characters in a drawing", 3, partial(wrapped, "wide\u65e5e\u0301" * 14_000, 12, 400)
    before = row(ROW)
    for name, layers in ROWS.items():
        yield f"diff of 20,000 layers: {name}", 10, partial(difference, before, row(layers))
    branches = row(f"[{' | '.join(['CONV1-8'] * 7_000)}] -> ADD")
    yield "drawing of 7,000 branches", 2, partial(draw, branches, "graph")
    many = cnncalc.load(f"[{' | '.join(['INPUT 2x2x1'] * 7_000)}] -> ADD -> FC-4")
    yield "receptive fields of 7,000 inputs", 2, partial(account, many)
    yield f"check of {len(names())} nets", 1, checked


def main() -> int:
    """Prints the table."""
    bounds = Bounds()
    compileall.compile_dir(str(Path(cnncalc.__file__).parent), quiet=1)
    for name, text in {**BEYOND, **HEAVY}.items():
        seconds, mebibytes = refused(text)
        found = f"{bounds.checked(seconds, 1, 's')}, {mebibytes:4.0f} MiB: {bounds.checked(mebibytes, 128, 'MiB')}"
        print(f"{seconds:7.3f} s  bad design: {name}: {found}", flush=True)
    files = {name: (make, largest(name)) for name, make in FAMILIES.items()}
    files |= {f"beyond a limit: {name}": (make, most + 1) for name, (make, most, _) in LIMITS.items()}
    for name, (make, size) in files.items():
        seconds, mebibytes, code = hostile(name, make, size)
        if code == 2:
            found = f"{bounds.checked(seconds, 1, 's')}, {mebibytes:4.0f} MiB: {bounds.checked(mebibytes, 256, 'MiB')}"
        else:
            found = f"{mebibytes:4.0f} MiB, exit code {code}"
        print(f"{seconds:7.3f} s  model file: {name}: {found}", flush=True)
    for name, bound, call in cases():
        start = time.process_time()
        call()
        seconds = time.process_time() - start
        print(f"{seconds:7.3f} s  {name}: {bounds.checked(seconds, bound, 's')}", flush=True)
    return int(bounds.is_exceeded)


if __name__ == "__main__":
    sys.exit(main())
