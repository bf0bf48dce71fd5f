"""Many inputs over several processes, resumed where they ended; counts and failures in a folder."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.fuzz.worker import Slot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.fuzz.target import Target

ROOT = Path(__file__).resolve().parent.parent.parent
BATCH = 1_000
"""Inputs of a batch."""
RENEWED = 60
"""A process is ended after so many batches, with what it has kept in memory."""
COUNTS = "counts.json"
CORPUS = "corpus"
GUIDED = "guided.json"


def digest_of_code() -> str:
    """A digest of the package."""
    found = hashlib.sha256()
    for path in sorted((ROOT / "cnncalc").rglob("*.py")):
        found.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:16]


class Campaign:
    """The state of a long run.

    ``counts.json`` holds for each target its batches, inputs, CPU seconds and failures. When the code has changed, the
    counts of targets that had failures begin anew; their later batches go on, so that no input is tried twice.
    """

    def __init__(self, folder: Path, seed: int, targets: Sequence[Target]) -> None:
        self.folder = folder.resolve()
        self.seed = seed
        self.targets = targets
        self.lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self.state: dict[str, Any] = {"seed": seed, "code": "", "targets": {}}
        path = folder / COUNTS
        if path.exists():
            self.state = json.loads(path.read_text(encoding="utf-8"))
            if self.state["seed"] != seed:
                raise SystemExit(f"{path} is that of --seed {self.state['seed']}")
        code = digest_of_code()
        for target in targets:
            count = self.state["targets"].setdefault(target.name, {"batches": 0, "dropped": 0, **NOTHING})
            if count["failures"] and self.state["code"] != code:
                count.update({**NOTHING, "dropped": count["dropped"] + count["inputs"]})
        self.state["code"] = code

    @property
    def inputs(self) -> int:
        """All inputs that count."""
        return sum(count["inputs"] for count in self.state["targets"].values())

    def next_batch(self, most: int) -> tuple[Target, int] | None:
        """The target that has least of its share, and the number of its next batch; None if there are enough."""
        with self.lock:
            counts = self.state["targets"]
            pending = sum(counts[target.name].get("running", 0) for target in self.targets)
            if self.inputs + pending * BATCH >= most:
                return None

            def done(target: Target) -> float:
                count = counts[target.name]
                return float(count["inputs"] + count.get("running", 0) * BATCH) / target.share

            target = min(self.targets, key=done)
            count = counts[target.name]
            count["batches"] += 1
            count["running"] = count.get("running", 0) + 1
            return target, count["batches"]

    def add(self, target: Target, answer: dict[str, Any]) -> None:
        """Counts a batch and writes its failures."""
        with self.lock:
            count = self.state["targets"][target.name]
            count["running"] -= 1
            for key in ("inputs", "read", "seconds"):
                count[key] += answer[key]
            count["longest"] = max(count["longest"], answer["longest"])
            for failure in answer["failures"]:
                count["failures"] += 1
                self._write_failure(target.name, failure)
            self._write()

    def _write_failure(self, target: str, failure: dict[str, Any]) -> None:
        """Writes the input and what it did; of one cause the shortest."""
        name = hashlib.sha256(f"{target} {failure['key']}".encode()).hexdigest()[:12]
        path = self.folder / f"{target.replace(' ', '-')}-{name}.bin"
        data = bytes.fromhex(failure["data"])
        if path.exists() and path.stat().st_size <= len(data):
            return
        path.write_bytes(data)
        text = f"{target}\n{failure['key']}\n{failure['message']}\n\n{data!r}\n\n{failure['traceback']}"
        path.with_suffix(".txt").write_text(text, encoding="utf-8", errors="backslashreplace")
        print(f"FAILURE {path}: {failure['key']}: {failure['message'][:200]}", flush=True)

    def _write(self) -> None:
        targets = {
            name: {key: value for key, value in count.items() if key != "running"}
            for name, count in self.state["targets"].items()
        }
        path = self.folder / COUNTS
        path.with_suffix(".new").write_text(json.dumps({**self.state, "targets": targets}, indent=1), encoding="utf-8")
        path.with_suffix(".new").replace(path)


NOTHING = {"inputs": 0, "read": 0, "seconds": 0.0, "longest": 0.0, "failures": 0}


class Lane:
    """One process after another that tries batches."""

    def __init__(self, campaign: Campaign, number: int) -> None:
        self.campaign = campaign
        self.slot = campaign.folder / f"slot{number}"
        self.process: subprocess.Popen[str] | None = None
        self.batches = 0

    def run(self, most: int) -> None:
        """Tries batches until there are enough inputs."""
        while (found := self.campaign.next_batch(most)) is not None:
            target, batch = found
            self.campaign.add(target, self._answer(target, batch))
        self._end()

    def _answer(self, target: Target, batch: int) -> dict[str, Any]:
        if self.process is None or self.batches >= RENEWED:
            self._end()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.fuzz.worker", str(self.slot), str(self.campaign.folder / CORPUS)],
                cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
            self.batches = 0
        self.batches += 1
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps([target.name, self.campaign.seed, batch, BATCH]) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        with self.process as ended:
            self.process = None
        code = ended.returncode
        number, data = Slot.read(self.slot)
        what = "it did not come to an end" if code == -27 else "it ended the process"
        failure = {"key": f"exit code {code}", "message": what, "traceback": "", "data": data.hex()}
        return {"inputs": number + 1, "read": 0, "seconds": 0.0, "longest": 0.0, "failures": [failure]}

    def _end(self) -> None:
        if self.process is not None:
            with self.process:  # closes its streams, whereupon it ends
                self.process = None


def run(campaign: Campaign, most: int, jobs: int) -> None:
    """Tries inputs until ``most`` count."""
    lanes = [threading.Thread(target=Lane(campaign, number).run, args=(most,)) for number in range(jobs)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
