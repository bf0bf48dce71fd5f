"""A TARGET is standard input, a design file, a named net or a pattern; a format of design files is one entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cnncalc import DesignError
from cnncalc.analysis import loading
from cnncalc.graph import Graph, chain
from cnncalc.layers import KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from cnncalc.language.settings import Settings

PATTERN = "INPUT 9x11x3 -> RELU"
FILE = "name: mine\nlayers: INPUT 9x11x3 -> RELU\n"


def read_depths(name: str, data: bytes, settings: Settings) -> Graph:
    """Reads a toy format: a size, then one convolution for each depth."""
    size, *depths = data.decode().split()
    layers = [("input", KINDS["input"](size=[int(part) for part in size.split("x")]))]
    layers += [(f"c{place}", KINDS["conv"](filters=int(depth))) for place, depth in enumerate(depths)]
    return chain(name, layers)


@pytest.mark.parametrize(
    ("target", "stdin", "name", "kinds"),
    [
        (PATTERN, None, "pattern", ["input", "relu"]),
        ("-", PATTERN, "pattern", ["input", "relu"]),
        ("-", FILE, "mine", ["input", "relu"]),
        ("net.yaml", None, "mine", ["input", "relu"]),
        ("net.txt", None, "mine", ["input", "relu"]),
        ("alexnet", None, "alexnet", None),
    ],
)
def test_a_target_is_tried_in_order(
    tmp_path: Path, target: str, stdin: str | None, name: str, kinds: list[str] | None
) -> None:
    for file in ("net.yaml", "net.txt"):
        (tmp_path / file).write_text(FILE, encoding="utf-8")

    graph = loading.load(target, stdin=stdin, folder=str(tmp_path))

    assert graph.name == name
    assert kinds is None or [node.kind for node in graph.nodes] == kinds


def test_an_error_contains_the_problems_of_the_text_and_of_the_volumes() -> None:
    with pytest.raises(DesignError) as caught:
        loading.load("INPUT 9x11x3 -> CONV20(pad=0) -> RELUU")

    assert [problem.code for problem in caught.value.every] == ["window-too-large", "unknown-layer"]


def test_a_format_of_design_files_is_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = loading.FileReader((".depths",), 1000, __name__, "read_depths")
    monkeypatch.setattr(loading, "FILE_READERS", (*loading.FILE_READERS, entry))
    (tmp_path / "net.depths").write_text("9x11x3 7 5", encoding="utf-8")

    graph = loading.load("net.depths", folder=str(tmp_path))

    assert [node.kind for node in graph.nodes] == ["input", "conv", "conv"]
    assert loading.load_bytes("HEAD:net.depths", b"9x11x3 7 5").nodes == graph.nodes
    with pytest.raises(DesignError, match=r"cannot read .*other\.depths: no such file or directory"):
        loading.load("other.depths", folder=str(tmp_path))
