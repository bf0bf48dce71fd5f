"""The benchmark page of the manual, from the results that are kept: no module of a benchmark is imported for it."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

from benchmarks.interleaved import HEADINGS, ROOT, Result

RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"
BENCHMARKS = ("startup", "peers", "imports", "layers", "sweeps", "run_speed", "verify_speed")
"""The benchmarks in the order of the page."""

HEAD = """\
# Benchmarks

How long `cnncalc` takes, always divided by what something else takes in the same run. The cases of a benchmark take
turns, in the opposite order in every second round, so that what else the machine does slows all of them alike; in each
round the one is divided by the other. The tables show the median of these ratios and, in brackets, their quartiles.
*time* is from start to end, *CPU time* user and system time on all cores, *MiB more* the largest resident memory of the
process less that of the other one. A goal of the project stands beside the figure it is for, with *missed* if it is.

From a checkout, `python -m benchmarks` repeats all benchmarks and writes this page, `python -m benchmarks NAME ...` the
named ones; `--rounds N` sets the rounds. The sentence with two of the ratios in the README is written anew, too. Below
each table stand the load of the machine (the mean number of processes that ran or waited in the last minute) and the
priority of the benchmark, as it was started: niceness 0 is usual, a lower one or real-time priority goes before other
processes. A program that is not installed is left out; all but `mpiexec`, of Open MPI or MPICH, come with

```sh
pip install {peers}
```
"""

OTHERS = """\
## Other measurements

These programs compare figures instead of times, or hold inputs to bounds; each is run by `python -m benchmarks.NAME`.

| name | what it does |
|---|---|
"""
HELPERS = ("__init__", "__main__", "interleaved", "launcher", "page")


def results() -> dict[str, Result]:
    """The results that are kept, by benchmark."""
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    return {name: Result.from_json(found[name]) for name in BENCHMARKS if name in found}


def keep(found: dict[str, Result]) -> None:
    """Writes the results, and the page and the sentence of the README made of them."""
    lines = [f" {json.dumps(name)}: {_json(found[name])}" for name in BENCHMARKS if name in found]
    RESULTS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")
    README.write_text(with_ratios(README.read_text(encoding="utf-8"), found), encoding="utf-8")


def _json(result: Result) -> str:
    """A result with a row a line."""
    fields = {**result.to_json(), "rows": []}
    rows = ",\n".join(f"   {json.dumps(row)}" for row in result.to_json()["rows"])
    return json.dumps(fields).replace('"rows": []', f'"rows": [\n{rows}\n  ]')


def page(found: dict[str, Result]) -> str:
    """The page in Markdown."""
    sections = [section(name, found[name]) for name in BENCHMARKS if name in found]
    rest = "".join(f"| `{name}` | {_docstring(name)[0]} |\n" for name in others())
    peers = {name for result in found.values() for name in result.versions if name != "CPython"}
    return "\n".join([HEAD.format(peers=" ".join(sorted(peers))), *sections, OTHERS + rest])


def with_ratios(readme: str, found: dict[str, Result]) -> str:
    """The README with two of the ratios between its markers, if they are kept."""
    if not {"startup", "peers"} <= found.keys():
        return readme
    start = _ratio(found["startup"], "table vgg16")
    summary = _ratio(found["peers"], "torchinfo, on meta")
    text = (
        f"`cnncalc table vgg16` takes {start} times the CPU time of Python that does nothing, torchinfo's summary of\n"
        f"the same net {summary} times that of `cnncalc table vgg16` (`python -m benchmarks startup peers`;\n"
        "[all benchmarks](docs/benchmarks.md))."
    )
    return re.sub(r"(?s)(<!-- benchmarks -->\n).*?(\n<!-- /benchmarks -->)", rf"\g<1>{text}\g<2>", readme)


def _ratio(result: Result, case: str) -> str:
    (row,) = (row for row in result.rows if row.case == case)
    return row.spreads["CPU time"].text("CPU time").partition(" ")[0]


def section(name: str, result: Result) -> str:
    """One benchmark: what is compared, the command, the ratios, the circumstances."""
    title, text = _docstring(name)
    paragraphs = [f"```sh\n{each.strip()}\n```" if each.startswith("    ") else each for each in text.split("\n\n")]
    parts = [f"## {title.rstrip('.')}", *paragraphs, _table(result)]
    parts += [_markdown(remark) for remark in result.remarks]
    return "\n\n".join([*parts, _markdown(result.circumstances)]) + "\n"


def _table(result: Result) -> str:
    rows = [row.cells for row in result.rows]
    shown = [number for number in range(len(HEADINGS)) if any(row[number] for row in rows)]
    is_text = (HEADINGS[0], HEADINGS[1], HEADINGS[-1])
    lines = [" | ".join(HEADINGS[number] for number in shown)]
    lines.append("|".join("---" if HEADINGS[number] in is_text else "---:" for number in shown))
    lines += [" | ".join(_escaped(row[number]) for number in shown) for row in rows]
    return "\n".join(f"|{line}|" if line.startswith("---") else f"| {line} |" for line in lines)


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_<\[|])", r"\\\1", text)


def others() -> list[str]:
    """The names of the other programs of this package, which give no ratios of times."""
    folder = Path(__file__).parent
    names = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__main__.py")}
    return sorted(names - {*BENCHMARKS, *HELPERS})


def _docstring(name: str) -> tuple[str, str]:
    """The first line of the docstring of a program, and the rest, in Markdown."""
    source = file_of(name).read_text(encoding="utf-8")
    text = ast.get_docstring(ast.parse(source)) or ""
    title, _, rest = _markdown(text).partition("\n")
    return title, rest.strip("\n")


def file_of(name: str) -> Path:
    """The file of a program of this package."""
    alone = Path(__file__).with_name(f"{name}.py")
    return alone if alone.exists() else Path(__file__).parent / name / "__main__.py"


def _markdown(text: str) -> str:
    return re.sub(r"``([^`]+)``", r"`\1`", text)
