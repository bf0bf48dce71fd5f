"""Runs the benchmarks and writes the benchmark page of the manual.

    python -m benchmarks [NAME ...] [--rounds N] [--page]

Without names all run, each in a process of its own. What they find is kept in ``benchmarks/results.json``, and
``docs/benchmarks.md`` is made of it, after each benchmark. With ``--page`` nothing is measured: the page is made again,
as after a change of a docstring.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from benchmarks.interleaved import Result
from benchmarks.page import BENCHMARKS, keep, results


def main() -> int:
    """Measures, prints and keeps the ratios; 1 if a benchmark could not run or a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"a benchmark: {', '.join(BENCHMARKS)}")
    parser.add_argument("--rounds", type=int, help="rounds of each (default: its own number)")
    parser.add_argument("--page", action="store_true", help="measure nothing, and make the page again")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    found = results()
    if given.page:
        keep(found)
        return 0
    is_fine = True
    for name in given.names or BENCHMARKS:
        print(f"{name}:", flush=True)
        result = measured(name, given.rounds)
        if result is None:
            is_fine = False
            continue
        print("\n".join(result.lines()), end="\n\n", flush=True)
        is_fine &= not any(row.missed for row in result.rows)
        found[name] = result
        keep(found)
    return int(not is_fine)


def measured(name: str, rounds: int | None) -> Result | None:
    """What a benchmark finds; none if it fails, with its messages on standard error."""
    words = [sys.executable, "-m", f"benchmarks.{name}", "--json", *(["--rounds", str(rounds)] if rounds else [])]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    if not lines or not lines[-1].startswith("{"):
        print(f"{name} ended with status {done.returncode}", file=sys.stderr)
        return None
    return Result.from_json(json.loads(lines[-1]))


if __name__ == "__main__":
    sys.exit(main())
