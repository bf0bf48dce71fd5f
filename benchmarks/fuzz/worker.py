"""A process that tries inputs: each within its limits of time and memory, and every failure recorded.

Reads lines of JSON from standard input, each a batch of one target, and answers each with a line. Before an input is
tried it is written into a shared file, so that the process that started this one knows which input has ended it.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import resource
import signal
import sys
import tempfile
import traceback
from collections import Counter
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from time import process_time
from typing import TYPE_CHECKING, Any

from benchmarks.fuzz.mutations import MOST_BYTES
from benchmarks.fuzz.target import LARGE, READ

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.fuzz.target import Target

SECONDS = 1.0
"""The most CPU seconds of an input that is refused."""
SECONDS_OF_LAYERS = 20.0
"""The most CPU seconds of an input whose layers are expanded; a design of 100,000 layers takes some."""
OUT_OF_MEMORY = {"key": "MemoryError", "message": "more memory than the target may take", "traceback": ""}
MEBIBYTE = 1 << 20
STACK_LEVELS = 8_000
"""Calls of C functions in each other, to which the stack is grown before memory is limited."""
SLOT_BYTES = 1 << 16
MOST_KEPT = 40
"""So many inputs with a new outcome are taken as further seeds inside a batch."""


class Slot:
    """The input that is tried now, in a file that another process reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(SLOT_BYTES))
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), SLOT_BYTES)

    def write(self, number: int, data: bytes) -> None:
        """Remembers the input and its number in the batch."""
        self._map[:8] = number.to_bytes(4, "little") + len(data).to_bytes(4, "little")
        self._map[8 : 8 + len(data)] = data

    @staticmethod
    def read(path: Path) -> tuple[int, bytes]:
        """The number and the input that were written last."""
        content = path.read_bytes()
        size = int.from_bytes(content[4:8], "little")
        return int.from_bytes(content[:4], "little"), content[8 : 8 + size]


def failure_of(error: BaseException) -> dict[str, Any]:
    """What is recorded of an exception; failures with the same key have the same cause."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "cnncalc" in frame.filename] or list(frames)
    place = f"{Path(own[-1].filename).name}:{own[-1].name}" if own else "?"
    return {
        "key": f"{type(error).__name__} in {place}",
        "message": str(error)[:500],
        "traceback": "".join(traceback.format_exception(error))[-6000:],
    }


def tried(target: Target, data: bytes) -> tuple[str, float, dict[str, Any] | None]:
    """The outcome of an input, its CPU seconds, and its failure, if it has one.

    A design that is read may be large, so it may take more than the memory of bad input, and more time. An input that
    is slow is tried three times, since another process may have disturbed it.
    """
    outcome, seconds, failure = tried_once(target, data)
    for _ in range(2):
        if failure is None or not (failure["key"] == "slow" or "MemoryError" in failure["key"] + failure["message"]):
            break
        gc.collect()  # a command leaves its garbage to the end of the process
        limits = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        again = tried_once(target, data)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        if again[0] == READ or again[0].startswith(LARGE) or failure["key"] == "slow":
            outcome, seconds, failure = again
    return outcome, seconds, failure


def tried_once(target: Target, data: bytes) -> tuple[str, float, dict[str, Any] | None]:
    """The same of one try."""
    start = process_time()
    failure, outcome = None, ""
    try:
        outcome = target.run(data)
    except KeyboardInterrupt:
        raise
    except MemoryError:  # there is no memory to say where
        failure = OUT_OF_MEMORY
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is a failure
        failure = failure_of(error)
    seconds = process_time() - start
    is_large = outcome == READ or outcome.startswith(LARGE)
    if failure is None and seconds > (SECONDS_OF_LAYERS if is_large else SECONDS):
        failure = {"key": "slow", "message": f"{seconds:.2f} CPU seconds, {outcome}", "traceback": ""}
    return outcome, seconds, failure


def batch_of(
    target: Target, seed: int, batch: int, count: int, slot: Slot | None = None, more: Sequence[bytes] = ()
) -> dict[str, Any]:
    """Tries ``count`` inputs, the same ones for the same numbers; how many were read and refused, and the failures.

    ``more`` are seeds beyond those of the target.
    """
    random = Random(f"{seed} {target.name} {batch}")  # noqa: S311  # not for secrets
    pool = [*target.seeds(), *more]
    first = len(pool)
    outcomes: Counter[str] = Counter()
    failures = []
    longest = 0.0
    start = process_time()
    for number in range(count):
        data = target.mutate(random, random.choice(pool), pool)
        if slot is not None:
            slot.write(number, data)
            signal.setitimer(signal.ITIMER_PROF, 2 * SECONDS_OF_LAYERS)
        outcome, seconds, failure = tried(target, data)
        longest = max(longest, seconds)
        if failure is not None:
            failures.append({**failure, "data": data.hex()})
        elif outcome not in outcomes and len(pool) < first + MOST_KEPT:
            pool.append(data)
        outcomes[outcome] += 1
    if slot is not None:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return {
        "inputs": count, "read": outcomes[READ], "seconds": process_time() - start, "longest": longest,
        "failures": failures,
    }  # fmt: skip


def folder_of(corpus: Path, name: str) -> Path:
    """Where the inputs of a target are kept that reach code of their own."""
    return corpus / name.replace(" ", "-")


@cache
def kept_of(corpus: Path, name: str) -> list[bytes]:
    """The short ones of these inputs."""
    found = [path.read_bytes() for path in sorted(folder_of(corpus, name).glob("*"))]
    return [data for data in found if len(data) <= MOST_BYTES]


def grow_stack() -> None:
    """Lets the stack grow to a few MiB: a stack that cannot grow within the limit of memory ends the process."""
    nested: list[Any] = []
    for _ in range(STACK_LEVELS):
        nested = [nested]
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(2 * STACK_LEVELS)
    with suppress(RecursionError):
        repr(nested)
    sys.setrecursionlimit(usual)


def limit_memory(mebibytes: int) -> None:
    """Lets this process take so much more memory than it has now; a larger input raises MemoryError."""
    grow_stack()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(
        resource.RLIMIT_AS, (pages * resource.getpagesize() + mebibytes * MEBIBYTE, resource.RLIM_INFINITY)
    )


def main(arguments: Sequence[str]) -> None:
    """Answers batches until standard input ends; arguments are the shared file, and the folder of kept inputs."""
    slot, corpus = Slot(Path(arguments[0]).resolve()), Path(arguments[1]).resolve()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    from benchmarks.fuzz.targets import TARGETS

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for line in sys.stdin:
            name, seed, batch, count = json.loads(line)
            target = TARGETS[name]
            for data in target.seeds()[:50]:  # imports and caches are not those of an input
                tried(target, data)
            more = kept_of(corpus, name)
            limit_memory(target.mebibytes)
            answer = batch_of(target, seed, batch, count, slot, more)
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
