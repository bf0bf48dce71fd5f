"""Imports go downward only and have no cycle; a plain table loads no heavy module. Each check is tested itself."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import cnncalc
from tests.subcases import each

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PACKAGE = Path(cnncalc.__file__).resolve().parent

PARTS = (
    {"collection", "records", "volume", "counts", "units", "source", "errors"},
    {"layers"},
    {"graph"},
    {"language"},
    {"interop"},
    {"analysis"},
    {"memory"},
    {"figures"},
    {"search", "run"},
    {"checks"},
    {"formats"},
    {"views"},
    {"drawings"},
    {"page"},
    {"documents"},
    {"arguments"},
    {"api"},
    {"cli", "testing"},
    {"__main__", "pytest_plugin", "sphinx", "mkdocs"},
)
"""From bottom to top; a part may import itself and the parts below it.

The lowest parts are single modules that may import each other. From a part beside it a part may import types, for the
type checker alone. The face of the package, ``cnncalc`` itself, may be imported from everywhere for its version.
"""
LEVEL = {part: level for level, parts in enumerate(PARTS) for part in parts}
FACE = {"__version__"}
HEAVY = (
    *("numpy", "rich", "yaml", "importlib.metadata", "click", "dataclasses", "inspect", "json", "csv", "difflib"),
    *("cnncalc.memory", "cnncalc.figures.budget", "cnncalc.checks.rules", "cnncalc.run", "cnncalc.documents"),
    *("cnncalc.drawings", "cnncalc.page", "cnncalc.formats.html", "cnncalc.layers.documentation"),
)
"""Modules that a plain table of a pattern, and the explanation of a layer, must not load."""
EARLY = ("typing", "re", "enum", "collections", "functools", "contextlib", "struct")
"""Modules that a plain table of a pattern must not load either; most other calls do."""


class Import(NamedTuple):
    """``names`` imported from ``module`` (none: the module itself); ``for_types``: for the type checker alone."""

    module: str
    names: tuple[str, ...]
    line: int
    for_types: bool
    is_relative: bool = False


@cache
def imports_of(text: str) -> list[Import]:
    """Every import of a module, those inside functions included."""
    return list(_imports(ast.parse(text), for_types=False))


def _imports(node: ast.AST, for_types: bool) -> Iterator[Import]:
    """The imports among the statements in a node; expressions hold none."""
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, (), node.lineno, for_types) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        names = tuple(alias.name for alias in node.names)
        yield Import(node.module or "", names, node.lineno, for_types, bool(node.level))
    is_guard = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        statements = getattr(node, name, ())
        for statement in statements if isinstance(statements, list) else ():
            yield from _imports(statement, for_types or (is_guard and name == "body"))


def wrong_imports(part: str, text: str) -> list[str]:
    """The imports of a module of that part that do not go downward."""
    found = []
    for one in imports_of(text):
        if one.is_relative:
            found.append(f"relative import in line {one.line}")
            continue
        names = [one.module]
        if one.module == "cnncalc":
            names = [f"cnncalc.{name}" for name in one.names if name not in FACE]
        for name in names:
            first, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            if first != "cnncalc" or target == part:
                continue
            may_be_beside = LEVEL[part] == 0 or one.for_types
            if (
                target not in LEVEL
                or LEVEL[target] > LEVEL[part]
                or (LEVEL[target] == LEVEL[part] and not may_be_beside)
            ):
                found.append(f"{name} in line {one.line}")
    return found


def circles(texts: Mapping[str, str]) -> list[set[str]]:
    """The modules that import each other, directly or through others, at run time; ``texts`` by their names."""
    reached: dict[str, set[str]] = {name: set() for name in texts}
    for name, text in texts.items():
        for one in imports_of(text):
            if not one.for_types:
                targets = {f"{one.module}.{part}" for part in one.names} & texts.keys() or {one.module} & texts.keys()
                reached[name] |= targets - {name}
    for between in texts:  # transitive closure
        for name in texts:
            if between in reached[name]:
                reached[name] |= reached[between]
    found: list[set[str]] = []
    for name in texts:
        circle = {other for other in reached[name] if name in reached[other]}
        if circle and circle not in found:
            found.append(circle)
    return found


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@each("path", modules())
def test_imports_go_downward_only(path: Path) -> None:
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")

    assert part in LEVEL, f"the part {part} has no place among the others"
    assert wrong_imports(part, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("layers", "from cnncalc.graph import Graph"),
        ("layers", "def f():\n    import cnncalc.language.reading"),
        ("graph", "from cnncalc.analysis import report"),
        ("language", "from cnncalc.formats import write"),
        ("formats", "from cnncalc.views import fit"),
        ("language", "if TYPE_CHECKING:\n    from cnncalc.formats import Document"),
        ("analysis", "from cnncalc import load"),
        ("cli", "from . import options"),
        ("units", "from cnncalc.layers import KINDS"),
    ],
)
def test_an_upward_import_is_detected(part: str, text: str) -> None:
    assert len(wrong_imports(part, text)) == 1


def test_no_modules_import_each_other() -> None:
    texts = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path.read_text(
            encoding="utf-8"
        )
        for path in modules()
    }

    assert circles(texts) == []


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"p.a": "import p.b", "p.b": "from p import a"}, [{"p.a", "p.b"}]),
        ({"p.a": "from p.b import x", "p.b": "def f():\n    from p.a import y"}, [{"p.a", "p.b"}]),
        ({"a": "import b", "b": "import c", "c": "import a", "d": "import a"}, [{"a", "b", "c"}]),
        ({"a": "import b", "b": "import a", "c": "import d", "d": "import c"}, [{"a", "b"}, {"c", "d"}]),
        ({"a": "import b", "b": "if TYPE_CHECKING:\n    import a"}, []),
        ({"p": "from p import a", "p.a": "from p import x"}, [{"p", "p.a"}]),
        ({"a": "import a, b, sys", "b": "import sys"}, []),
    ],
)
def test_an_import_cycle_is_detected(texts: dict[str, str], expected: list[set[str]]) -> None:
    assert circles(texts) == expected


def test_records_compile_no_annotations() -> None:
    """``typing.NamedTuple`` costs a fifth of the start-up time: the package uses ``cnncalc.records.NamedTuple``."""
    slow = [
        str(path.relative_to(PACKAGE))
        for path in modules()
        for one in imports_of(path.read_text(encoding="utf-8"))
        if one.module == "typing" and "NamedTuple" in one.names and path.name != "records.py"
    ]

    assert slow == []


def test_every_room_of_the_package_has_a_module() -> None:
    """Checks that the scan of the source finds the modules of the package."""
    assert {"cli", "views", "layers", "units"} <= {
        path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()
    }


def loaded(arguments: list[str], before: str = "", names: Sequence[str] = HEAVY) -> set[str]:
    """Which of the modules the program has loaded when it ends, besides those that Python loads itself."""
    code = (
        "import sys\n"
        "already = set(sys.modules)\n"
        f"{before}\n"
        "from cnncalc.cli.program import run\n"
        "code = run(sys.argv[1:])\n"
        f"print(*[name for name in {names!r} if name in sys.modules and name not in already], file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert done.stdout
    return set(done.stderr.split())


PATTERN = "INPUT[32x32x3] -> [[CONV3-{32*2**i} -> RELU]*2 -> POOL2]*3 as i -> FC-256 -> RELU -> FC-10"


@pytest.mark.parametrize(
    "arguments", [["table", PATTERN], ["table", PATTERN, "--style", "notes"], ["explain", PATTERN, "conv2"]]
)
def test_a_pattern_in_plain_text_loads_nothing_heavy(arguments: list[str]) -> None:
    assert loaded(arguments) == set()


@pytest.mark.parametrize("style", ["full", "notes"])
def test_a_table_of_a_pattern_loads_hardly_anything_of_the_standard_library(style: str) -> None:
    assert loaded(["table", PATTERN, "--style", style], names=EARLY) == set()


def test_a_table_of_a_file_does_not_load_typing(tmp_path: Path) -> None:
    """PyYAML, which reads the file, loads the regular expressions, but not typing: a thirtieth of the time."""
    file = tmp_path / "net.yaml"
    file.write_text("layers:\n  - input: 8x8x3\n  - conv: {filters: 4}\n  - fc: 5\n", "utf-8")
    assert loaded(["table", str(file)], names=("typing",)) == set()


def test_a_table_on_a_terminal_loads_the_boxes_of_rich_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    parts = ("rich.box", "rich.console", "rich.style", "rich.table", "rich.text")

    assert loaded(["table", PATTERN], names=parts) == {"rich.box"}


def test_a_named_net_in_plain_text_loads_yaml_alone() -> None:
    assert loaded(["table", "vgg16"]) <= {"yaml"}


@pytest.mark.slow
@pytest.mark.parametrize("name", HEAVY)
def test_a_loaded_module_is_detected(name: str) -> None:
    """The guard above can fail."""
    assert name in loaded(["table", PATTERN], before=f"import {name}")


@pytest.mark.parametrize(("form", "expected"), [("json", "json"), ("csv", "csv")])
def test_a_format_loads_its_own_writer_only(form: str, expected: str) -> None:
    assert loaded(["table", PATTERN, "--format", form]) == {expected}


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import cnncalc, sys; print([name for name in {HEAVY!r} if name in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )

    assert done.stdout == "[]\n"
