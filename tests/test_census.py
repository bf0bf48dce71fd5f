"""The census of other collections of nets: reading of files, and operators that have a kind."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import census

if TYPE_CHECKING:
    from pathlib import Path

CFG = """
[net]
width=416
height=416
channels=3

[convolutional]   # comments end with their line
batch_normalize=1
filters=32
size=3
activation={activation}

[route]
layers=-1, 0

[{section}]
stride=2

[yolo]
classes=80
"""


@pytest.mark.parametrize(
    ("activation", "section", "kinds"),
    [
        ("leaky", "maxpool", {"conv", "bn", "lrelu", "concat", "pool"}),
        ("linear", "reorg", {"conv", "bn", "concat", "space2depth"}),
        ("loggy", "gru", {"conv", "bn", "?loggy", "concat", "?gru"}),
    ],
)
def test_a_darknet_file_needs_the_kinds_of_its_sections(activation: str, section: str, kinds: set[str]) -> None:
    sections = census._sections(CFG.format(activation=activation, section=section))
    assert census._kinds_of_sections(sections) - {""} == kinds


def test_an_operator_without_a_kind_is_listed_with_the_nets_that_need_it(tmp_path: Path, capsys: Any) -> None:
    for name, activation, section in (("a", "leaky", "maxpool"), ("b", "loggy", "gru"), ("c", "relu", "gru")):
        (tmp_path / f"{name}.cfg").write_text(CFG.format(activation=activation, section=section), encoding="utf-8")
    (tmp_path / "labels.cfg").write_text("names only", encoding="utf-8")
    census._count("nets", census._darknet(tmp_path))

    assert capsys.readouterr().out.splitlines() == [
        "nets: 1 of 3 nets use only operators that have a kind",
        "  gru keeps out 2: b, c",
        "  loggy keeps out 1: b",
    ]


def test_a_net_that_cannot_be_run_is_counted_with_its_reason(capsys: Any) -> None:
    def broken() -> set[str]:
        raise RuntimeError("no kernel\nat all")

    census._count("nets", iter([("net", broken)]))

    assert capsys.readouterr().out.splitlines()[1:] == ["  not run: no kernel keeps out 1: net"]


def test_operators_are_read_with_their_arguments() -> None:
    map_, weight = SimpleNamespace(ndim=4, shape=(1, 8, 5, 5)), SimpleNamespace(ndim=1, shape=(8,))
    rows = SimpleNamespace(ndim=2, shape=(9, 8))

    def kind(name: str, *args: Any, given: Any = (map_,), others: Any = ()) -> str:
        return census._kind_of_operator(name, args, list(given), list(others))

    assert kind("mean", map_, [-1, -2]) == "gap"
    assert kind("mean", map_, [1], True) == "reduce"
    assert kind("hardtanh", map_, 0.0, 6.0) == "relu6"
    assert kind("hardtanh", map_) == "hardtanh"
    assert kind("mul", map_, 2.0) == "affine"
    assert kind("mul", map_, map_, given=(map_, map_)) == "mul"
    assert kind("mul", map_, weight, given=(map_, weight), others=(weight,)) == "scale"
    assert kind("addmm", weight, rows, weight, given=(weight, rows, weight)) == "linear"
    assert kind("convolution", map_, weight, None, [1], [0], [1], False) == "conv"
    assert kind("convolution", map_, weight, None, [1], [0], [1], True) == "deconv"
    assert kind("_to_copy", map_) == ""
    assert kind("cumsum", map_, 1) == "?cumsum"


def test_models_in_a_model_of_keras_are_entered() -> None:
    """A functional model has operations, a Sequential one only layers."""

    def layer(name: str, **more: Any) -> Any:
        return type(name, (), {"_inbound_nodes": (), **more})()

    inner = layer("Sequential", layers=[layer("Conv2D"), layer("Rescaling")])
    model = layer("Functional", operations=[layer("InputLayer"), inner, layer("GRU"), layer("Add")])

    assert census._layers(model) - {""} == {"conv", "affine", "?GRU"}


def test_a_library_that_lacks_a_package_is_skipped_and_its_nets_are_not_counted() -> None:
    def lacks() -> set[str]:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    with pytest.raises(ImportError, match="torch"):
        census._count("nets", iter([("a", lacks)]))
