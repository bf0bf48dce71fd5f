"""Search for inputs by the code that they reach, with atheris, which ends the process that it runs in."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from benchmarks.fuzz.campaign import CORPUS, GUIDED, ROOT
from benchmarks.fuzz.worker import folder_of

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRESS = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)", re.M)
"""A line of libFuzzer: inputs, branches reached, features, inputs that are kept."""


def search(name: str, inputs: int, seconds: int, seed: int, folder: Path) -> int:
    """Tries inputs of one target for so long (0: without a limit); adds what was reached to ``guided.json``.

    The exit code is 1 if one failed, 2 without atheris.
    """
    folder = folder.resolve()
    corpus = folder_of(folder / CORPUS, name)
    corpus.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fuzz.guided", *map(str, (name, inputs, seconds, seed, corpus, folder))],
        cwd=ROOT, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    if "No module named 'atheris'" in done.stderr:
        print("this needs atheris: pip install atheris")
        return 2
    lines = PROGRESS.findall(done.stderr)
    if not lines:
        print(done.stderr[-3000:])
        return 1
    first, last = ([int(number) for number in line] for line in (lines[0], lines[-1]))
    path = folder / GUIDED
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    before = found.get(name, {"inputs": 0, "failures": 0})
    failed = done.returncode != 0
    found[name] = {
        "inputs": before["inputs"] + last[0], "branches_of_seeds": first[1], "branches": last[1], "kept": last[3],
        "failures": before["failures"] + failed,
    }  # fmt: skip
    path.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"{name}: {last[0]:,} inputs, {last[1]:,} branches ({first[1]:,} with the seeds), {last[3]:,} inputs kept")
    if failed:
        print(done.stdout[-3000:], done.stderr[-3000:])
    return int(failed)


def main(arguments: Sequence[str]) -> None:
    """The process that atheris ends."""
    import atheris

    name, inputs, seconds, seed, corpus, folder = arguments
    with atheris.instrument_imports(include=["cnncalc"]):
        from benchmarks.fuzz.targets import TARGETS

        target = TARGETS[name]
        os.chdir(tempfile.mkdtemp())
        pool = list(target.seeds())
        for data in pool:  # modules that are imported when they are needed
            target.run(data)
    for data in pool:
        path = Path(corpus, hashlib.sha256(data).hexdigest()[:20])
        path.write_bytes(data)

    def mutate(data: bytes, most: int, number: int) -> bytes:
        return target.mutate(Random(number), data, pool)[:most]  # noqa: S311  # not for secrets

    options = [
        f"-runs={inputs}",
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        "-timeout=20",
        "-rss_limit_mb=4096",
        "-max_len=6000",
        "-print_final_stats=1",
    ]
    atheris.Setup(
        [sys.argv[0], corpus, *options, f"-artifact_prefix={folder}/guided-"], target.run, custom_mutator=mutate,
        internal_libfuzzer=True,
    )  # fmt: skip
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
