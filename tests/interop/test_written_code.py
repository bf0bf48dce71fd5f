"""Code that nets are written as has no undefined and no unused name: it is read, not run, without its library."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

import cnncalc
from cnncalc.errors import DesignError
from cnncalc.interop import keras_code, torch_code
from cnncalc.interop.exporters import export
from cnncalc.language import catalogue
from tests.case_nets import between_convolutions
from tests.layer_cases import CASES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cnncalc.graph import Graph

pytest.importorskip("ruff", reason="ruff is not installed, so written code is not checked by it")

CODES: dict[str, Any] = {"torch": torch_code.CODES, "keras": keras_code.CODES}
"""The kinds that each form of code can express."""

REGISTERING = {"register_buffer", "register_parameter"}
INHERITED = REGISTERING | {"add_weight", "get_submodule", "training"}
"""What written classes use of ``torch.nn.Module`` and ``keras.Layer``; the former take the name of an attribute."""


def written(graph: Graph, form: str) -> list[str]:
    """The code of a net; none if the library has no equal for some of its keys."""
    try:
        return [str(export(graph, form))]
    except DesignError as error:
        if {problem.code for problem in error.every} != {"no-equal"}:
            raise
        return []


def faults_of(sources: Mapping[str, str], folder: Path) -> str:
    """The undefined and unused names, and what Python 3.10 does not read; empty if there are none."""
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    words = "-m ruff check --isolated --no-cache --quiet --output-format=concise --select=F --target-version=py310 ."
    command = [sys.executable, *words.split()]  # as a module, since the program need not be on the path
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert not found.stderr
    attributes = [f"{name}: {fault}\n" for name, source in sources.items() for fault in unset_attributes(source)]
    return found.stdout + "".join(attributes)


def unset_attributes(source: str) -> list[str]:
    """The attributes that modules and layers read of ``self``, but that the code sets and registers nowhere."""
    nodes = list(ast.walk(ast.parse(source)))
    known = INHERITED | {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    for node in nodes:  # modules that are shared are set from outside their class
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            known.add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in REGISTERING:
            known.add(ast.literal_eval(node.args[0]))
    return [
        f"{made.name} has no attribute {node.attr}"
        for made in nodes
        if isinstance(made, ast.ClassDef) and ast.unparse(made.bases[0]) in ("nn.Module", "layers.Layer")
        for node in ast.walk(made)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self" and node.attr not in known
    ]


@pytest.mark.slow
@pytest.mark.parametrize("form", CODES)
def test_the_code_of_every_kind_has_no_undefined_and_no_unused_name(form: str, tmp_path: Path) -> None:
    sources: dict[str, list[str]] = defaultdict(list)
    for case in CASES:
        if case.kind in CODES[form]:
            graph = cnncalc.analyze(between_convolutions(case)).resolved
            sources[case.kind] += written(graph, form)
    assert {kind for kind, found in sources.items() if found} == set(CODES[form])
    files = {f"{kind}{number}": source for kind, found in sources.items() for number, source in enumerate(found)}

    assert not faults_of(files, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("form", CODES)
def test_the_code_of_every_named_net_has_no_undefined_and_no_unused_name(form: str, tmp_path: Path) -> None:
    sources = {name: source for name in catalogue.names() for source in written(cnncalc.analyze(name).resolved, form)}
    assert len(sources) > 40

    assert not faults_of(sources, tmp_path)


FAULTY = """\
import math

from torch import nn


class Net(nn.Module):
    def __init__(self):
        self.conv1 = nn.Conv2d(3, depth, 3)

    def forward(self, x):
        y = self.conv1(x)
        z = self.conv2(y)
        del y
        return functional.pad(y, (0, 1))
"""


def test_faults_of_written_code_are_found(tmp_path: Path) -> None:
    assert faults_of({"net": FAULTY}, tmp_path).splitlines() == [
        "net.py:1:8: F401 [*] `math` imported but unused",
        "net.py:8:35: F821 Undefined name `depth`",
        "net.py:12:9: F841 Local variable `z` is assigned to but never used",
        "net.py:14:16: F821 Undefined name `functional`",
        "net.py:14:31: F821 Undefined name `y`",
        "net: Net has no attribute conv2",
    ]
