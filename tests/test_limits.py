"""The limits of what checks, sweeps and documents read: one at a limit is read, one beyond it is refused.

Those of the language and of model files have tests of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cnncalc.checks.baseline import MAX_BASELINE_BYTES, Baseline
from cnncalc.checks.configuration import MAX_BYTES, MAX_LIST, MAX_PATTERN, Configurations
from cnncalc.checks.family import MOST_CHECKED, ranges_of
from cnncalc.checks.search import Search
from cnncalc.cli.command import whole_number
from cnncalc.cli.docs import read_document
from cnncalc.documents import MAX_BYTES as DOCUMENT_BYTES
from cnncalc.documents.scan import MAX_CALL, words_of
from cnncalc.errors import CnncalcError
from cnncalc.figures.budget import OPTION_READERS, from_python, read_amount, read_budget
from cnncalc.language.limits import NESTING
from cnncalc.memory.report import MAX_IMAGE_BATCHES, Options, check_options
from cnncalc.search.executors import _number_of_processes
from cnncalc.search.family import Family
from cnncalc.search.points import MOST_CHARACTERS, MOST_LATIN, MOST_NAMES, MOST_POINTS, Listed, Product, Sample
from cnncalc.search.processes import MOST_PROCESSES
from cnncalc.search.ranges import MAX_LISTED, read_range
from cnncalc.units import MAX_DIGITS, parse_bytes, parse_count
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow


def _file(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8", newline="")
    return name


def _configured(text: str) -> object:
    _file("cnncalc.toml", text)
    return Configurations().of_folder(".")


def _project(parts: int) -> object:
    """A project with a key of another program."""
    _file("pyproject.toml", "a." * (parts - 1) + 'a = 1\n[tool.cnncalc]\nbase = "main"\n')
    return Configurations().of_folder(".")


def _columns(count: int) -> object:
    names = ",".join([f"a{number}" for number in range(count)])
    return _listed(f"{names}\n{'1,' * (count - 1)}1\n")


def _baseline(text: str) -> object:
    return Baseline(_file("base.json", text), "base.json")


def _family(members: int) -> object:
    family = Family("INPUT 8x8x3 -> CONV-w")
    entry = read_budget(from_python({"macs": {"max": "4M", "for": {"w": f"1..{members}"}}}))["macs"]
    return ranges_of(entry, family)


def _listed(text: str) -> object:
    return Listed(_file("list.csv", text), "list.csv", None)


def _line_of(characters: int) -> str:
    """Eleven columns, and a line of so many characters."""
    cells = ["1".rjust(100_000)] * 10 + ["1".rjust(characters - 10 * 100_001)]
    return f"{','.join('abcdefghijk')}\n{','.join(cells)}\n"


def _product(points: int, sample: Sample | None = None) -> object:
    return Product([read_range(f"w=1..{points}", "--vary")], sample)


DIGITS = "a number has at most 18 digits, but this one has 19"
LIMITS: dict[str, tuple[int, str, Callable[[int], Any]]] = {
    "bytes of a configuration": (MAX_BYTES, "at most 256 KiB", lambda n: _configured('base = "a"\n#'.ljust(n))),
    "parts of a key of a configuration": (NESTING, "at most 64 parts", _project),
    "words of a list of a configuration": (
        MAX_LIST, "at most 1,000 words", lambda n: _configured("files = [" + '"a", ' * n + "]\n"),
    ),
    "characters of a pattern of exclude": (
        MAX_PATTERN, "exclude: a pattern has at most 4,096", lambda n: _configured(f'exclude = ["{"a" * n}"]'),
    ),
    "characters of a pattern of --exclude": (
        MAX_PATTERN, "--exclude: a pattern has at most 4,096", lambda n: Search(Configurations(), "", ["a" * n]),
    ),
    "bytes of a baseline": (
        MAX_BASELINE_BYTES, "at most 8 MiB", lambda n: _baseline('{"schema": 1, "files": {}}'.ljust(n)),
    ),
    "bytes of a document": (DOCUMENT_BYTES, "at most 16 MiB", lambda n: read_document(_file("a.md", "a" * n), "a.md")),
    "characters of a call in a document": (MAX_CALL, "at most 131,072 characters", lambda n: words_of("a" * n)),
    "digits of a limit": (MAX_DIGITS, DIGITS, lambda n: read_amount("9" * n, "count")),
    "digits of bytes": (MAX_DIGITS, DIGITS, lambda n: parse_bytes("9" * n)),
    "digits of a count": (MAX_DIGITS, DIGITS, lambda n: parse_count("9" * n)),
    "digits of an option": (MAX_DIGITS, DIGITS, lambda n: whole_number("9" * n)),
    "digits of a budget's batch": (
        MAX_DIGITS, f"batch: {DIGITS}", lambda n: OPTION_READERS["batch"]("batch", "9" * n),
    ),
    "digits of a side of a range": (
        MAX_DIGITS, DIGITS, lambda n: read_range(f"input=8..{'9' * n}", "--vary", Volume(8, 8, 3)),
    ),
    "digits of an end of a range": (MAX_DIGITS, DIGITS, lambda n: read_range(f"w=1..{'9' * n}", "--vary")),
    "designs of a budget's family": (MOST_CHECKED, "at most 1,000 are checked", _family),
    "batches of images": (
        MAX_IMAGE_BATCHES, "at most 1,000 batches", lambda n: check_options(Options(image_batches=n)),
    ),
    "values of a list": (
        MAX_LISTED, "at most 10,000 values", lambda n: read_range(f"w={','.join(map(str, range(n)))}", "--vary"),
    ),
    "points of ranges": (MOST_POINTS, "100,000,001 points together, more than 100,000,000", _product),
    "points of a Latin hypercube": (MOST_LATIN, "at most 1,000,000 points", lambda n: _product(n, Sample(n, "latin"))),
    "columns of a list of points": (
        MOST_NAMES, "at most 100 columns", _columns,
    ),
    "characters of a line of points": (
        MOST_CHARACTERS, "at most 1,048,576 characters", lambda n: _listed(_line_of(n)),
    ),
    "processes": (MOST_PROCESSES, "from 1 to 1,000", lambda n: _number_of_processes(str(n))),
}  # fmt: skip
"""The largest size that is read, words of the message beyond it, and what reads an input of a size."""


@pytest.mark.parametrize("what", LIMITS)
def test_an_input_at_a_limit_is_read_and_one_beyond_it_is_refused(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    most, words, read = LIMITS[what]
    read(most)
    with pytest.raises(CnncalcError) as caught:
        read(most + 1)
    assert words in str(caught.value)
