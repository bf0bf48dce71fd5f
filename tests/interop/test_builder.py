"""Nets built layer by layer: names, open inputs, unsupported operators."""

from __future__ import annotations

import pytest

from cnncalc.analysis.volumes import propagate
from cnncalc.errors import DesignError
from cnncalc.interop.builder import NetBuilder, valid_name
from cnncalc.language.settings import Settings
from cnncalc.volume import Volume


def test_a_net_has_the_volumes_that_the_analysis_computes() -> None:
    builder = NetBuilder("test file", "net.test")
    image = builder.add_input("data", (23, 19, 3))
    conv = builder.add("conv", [image], "a/conv", filters=7, kernel=3, stride=2, bias=False)
    unit = builder.add("relu", [conv])
    total = builder.add("add", [unit, conv], "a/conv")
    graph = builder.graph("net")
    assert [node.name for node in graph.nodes] == ["data", "a.conv", "relu1", "a.conv_2"]
    assert total is not None
    assert [item.output for item in propagate(graph)] == [builder.volume(place) for place in range(4)]


def test_names_have_only_characters_of_the_language() -> None:
    names = ["/layer1/conv:0", "a b//c", "-x", "", "..", "\x1b[31m", "\u00fc/1", "x" * 2000]
    valid = [valid_name(name) for name in names]
    assert valid[:5] == ["layer1.conv_0", "a_b.c", "_-x", "_", "_"]
    for name in valid:
        assert all(name.split("."))
        assert all(c.isalnum() or c in "_-." for c in name)


def test_an_open_size_is_an_error_until_the_call_states_it() -> None:
    builder = NetBuilder("test file", "net.test")
    assert builder.add_input("data", (None, None, 3)) is None
    with pytest.raises(DesignError, match=r"open \(\[\?x\?x3\]\)"):
        builder.graph("net")
    builder = NetBuilder("test file", "net.test", Settings(inputs={"data": Volume(32, 24, 3)}))
    assert builder.add_input("data", (None, None, 3)) == 0
    assert builder.volume(0) == Volume(32, 24, 3)


def test_all_unsupported_operators_are_named_at_once() -> None:
    builder = NetBuilder("test file", "net.test")
    image = builder.add_input("data", (8, 8, 3))
    for name in ("a", "b"):
        assert builder.lacks("Fft", name, "no kind transforms frequencies", [image], Volume(8, 8, 3)) is not None
    builder.lacks("Loop", "c", "loops are not unrolled")
    with pytest.raises(DesignError) as caught:
        builder.graph("net")
    assert [problem.code for problem in caught.value.every] == ["no-equal", "no-equal"]
    assert "at a, b" in caught.value.every[0].message


def test_partial_import_states_what_is_known() -> None:
    builder = NetBuilder("test file", "net.test", Settings(partial=True))
    image = builder.add_input("data", (8, 8, 3))
    place = builder.lacks("Fft", "a", "no kind transforms frequencies", [image], Volume(8, 8, 6), {"parameters": 5})
    builder.add("relu", [place], "r")
    graph = builder.graph("net")
    assert [node.kind for node in graph.nodes] == ["input", "opaque", "relu"]
    assert [problem.code for problem in graph.warnings] == ["no-equal"]
