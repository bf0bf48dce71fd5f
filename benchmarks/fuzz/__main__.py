"""Tries random inputs on every reader of text and files.

    python -m benchmarks.fuzz [--inputs N] [--jobs N] [--seed N] [--folder FOLDER] [TARGET ...]
    python -m benchmarks.fuzz --guided TARGET [--inputs N] [--seconds N] [--folder FOLDER]
    python -m benchmarks.fuzz --again TARGET FILE
    python -m benchmarks.fuzz --summary FILE [--folder FOLDER]

The first form makes inputs by its own mutations, shares them out among the targets (or those that are named), and
writes counts and failures into FOLDER (default: fuzz); the same call goes on where it ended. The second searches inputs
by the code that they reach, with atheris, which has to be installed, and keeps them in FOLDER as seeds of the first
form. The third tries one input once more. The last writes what the page docs/hardening.md says of the runs in FOLDER.

An input fails if it ends in anything but a result or a message: another exception, a process that ends, more than one
CPU second of a refused input, more memory than the target may take. The exit code is 1 if one failed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.fuzz.campaign import COUNTS, GUIDED, Campaign, run
from benchmarks.fuzz.targets import TARGETS
from benchmarks.fuzz.worker import limit_memory, tried


def table(campaign: Campaign) -> str:
    """The counts of every target."""
    lines = [f"{'target':22}{'inputs':>12}{'read':>9}{'a second':>10}{'longest':>9}{'failures':>10}"]
    for name, count in campaign.state["targets"].items():
        share = 100 * count["read"] // max(1, count["inputs"])
        speed = int(count["inputs"] / max(1e-9, count["seconds"]))
        lines.append(
            f"{name:22}{count['inputs']:12,}{share:7} %{speed:10,}{count['longest']:7.2f} s{count['failures']:10,}"
        )
    return "\n".join([*lines, f"{'all':22}{campaign.inputs:12,}"])


def summary(folder: Path) -> dict[str, Any]:
    """Inputs of each target since its last failure was mended, and branches that guided inputs reach."""
    counts = json.loads((folder / COUNTS).read_text(encoding="utf-8"))
    path = folder / GUIDED
    guided = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {
        "seed": counts["seed"],
        "targets": {
            name: {
                "inputs": count["inputs"],
                "read": count["read"],
                "dropped": count["dropped"],
                "failures": count["failures"],
                "guided": guided.get(name, {}).get("inputs", 0),
                "branches": guided.get(name, {}).get("branches", 0),
            }
            for name, count in counts["targets"].items()
        },
    }


def main() -> int:
    """Runs what the call asks for."""
    parser = argparse.ArgumentParser(description="Tries random inputs on every reader of text and files.")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("fuzz"))
    parser.add_argument("--guided", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=0, help="of --guided; 0: without a limit")
    parser.add_argument("--again", action="store_true", help="try one input once more: TARGET FILE")
    parser.add_argument("--summary", type=Path, help="write inputs and branches of each target")
    parser.add_argument("words", nargs="*", metavar="TARGET")
    call = parser.parse_args()
    if call.summary:
        call.summary.write_text(json.dumps(summary(call.folder), indent=1) + "\n", encoding="utf-8")
        return 0
    if call.again:
        if len(call.words) != 2 or call.words[0] not in TARGETS:
            parser.error("--again takes a target and a file")
        target, data = TARGETS[call.words[0]], Path(call.words[1]).read_bytes()
        with tempfile.TemporaryDirectory() as folder:  # some targets write files
            os.chdir(folder)
            target.run(target.seeds()[0])
            limit_memory(target.mebibytes)
            outcome, seconds, failure = tried(target, data)
        print(failure["traceback"] or failure["message"] if failure else outcome, f"{seconds:.3f} s")
        return int(failure is not None)
    if call.guided:
        from benchmarks.fuzz.guided import search

        return search(call.guided, call.inputs, call.seconds, call.seed, call.folder)
    for name in call.words:
        if name not in TARGETS:
            parser.error(f"no target '{name}'; there are: {', '.join(TARGETS)}")
    campaign = Campaign(call.folder, call.seed, [TARGETS[name] for name in call.words or TARGETS])
    run(campaign, call.inputs, call.jobs)
    print(table(campaign))
    return int(any(count["failures"] for count in campaign.state["targets"].values()))


if __name__ == "__main__":
    sys.exit(main())
