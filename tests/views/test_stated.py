"""Figures that are stated, not computed, are marked wherever they enter a sum, and never proven."""

from __future__ import annotations

import json

import pytest

import cnncalc
from cnncalc.run.verify_training import verify_training
from tests.calls import called

HEAD = "INPUT 8x8x3 -> CONV3-4@first"
NET = f"{HEAD} -> OPAQUE([4, 4, 6], parameters=50, buffers=3, macs=1000, saved=77)@op -> CONV3-5 -> GAP -> FC-3"
BARE = f"{HEAD} -> OPAQUE([4, 4, 6])@op -> CONV3-5 -> GAP -> FC-3"
LINE = "stated, not computed: 50 of the parameters, 3 of the buffers, 1,000 of the MACs (op)"
BYTES = f"{LINE}; in bytes also its volume, and 77 elements for each image that training saves"


@pytest.mark.parametrize("call", [("memory", NET), ("fit", NET, "--memory", "440MiB")])
def test_reports_on_memory_say_what_is_stated(call: tuple[str, ...]) -> None:
    assert BYTES in called(*call).stdout.split("\n")
    assert json.loads(called(*call, "--format", "json").stdout)["stated"] == {
        "parameters": 50,
        "buffers": 3,
        "macs": 1000,
    }
    plain = called(call[0], HEAD, *call[2:], "--format", "json").stdout
    assert "stated" not in json.loads(plain)


SUMS = (
    *(
        "parameters",
        "weights",
        "trainable",
        "buffers",
        "activations",
        "macs",
        "flops",
        "parameter_memory",
        "plan_arena",
    ),
    *("activation_memory", "inference_memory", "training_memory", "inference_need", "training_need"),
)


@pytest.mark.parametrize("key", SUMS)
def test_a_value_that_holds_stated_figures_says_so(key: str) -> None:
    done = called("value", NET, key)

    assert done.returncode == 0
    assert done.stderr == f"warning[stated]: {key} holds figures that are stated, not computed: those of op\n"
    assert json.loads(called("value", NET, key, "--format", "json").stdout)["stated"] == ["op"]


@pytest.mark.parametrize(
    ("net", "key"),
    [
        *[(NET, key) for key in ("biases", "layers", "receptive_field", "input", "output", "name")],
        *[(BARE, key) for key in ("parameters", "buffers", "macs", "parameter_memory")],
    ],
)
def test_a_value_without_any_says_nothing(net: str, key: str) -> None:
    assert called("value", net, key).stderr == ""
    assert "stated" not in json.loads(called("value", net, key, "--format", "json").stdout)


@pytest.mark.parametrize(
    ("layer", "key", "says"), [("op", "macs", True), ("op", "biases", False), ("fc1", "macs", False)]
)
def test_a_value_of_a_layer_is_stated_where_the_layer_states_it(layer: str, key: str, says: bool) -> None:
    assert bool(called("value", NET, key, "--layer", layer).stderr) == says


def test_a_field_that_depends_on_a_stated_layer_says_so() -> None:
    net = "INPUT 8x8x3 -> CONV3-4 -> OPAQUE([8, 8, 4]) -> CONV3-4"

    assert called("value", net, "receptive_field").stderr == ""  # that of the layer before it
    assert called("value", "INPUT 8x8x3 -> OPAQUE([8, 8, 4])@op", "receptive_field").stderr.startswith(
        "warning[stated]"
    )


def test_a_budget_that_is_exceeded_names_the_stated_layers() -> None:
    found = called("check", NET, "--max", "parameters=400", "--max", "layers=1").stdout

    assert (
        "parameters: 455 is over the max of 400 by 55 (13.8 %); figures of op in it are stated, not computed\n" in found
    )
    assert "layers: 3 is over the max of 1 by 2 (200.0 %)\n" in found


def test_training_is_verified_without_what_is_stated() -> None:
    """The bytes are those of the net whose layer states its volume alone."""
    found, bare = verify_training(cnncalc.analyze(NET, batch=2)), verify_training(cnncalc.analyze(BARE, batch=2))

    assert found.agrees
    assert found.comparisons == bare.comparisons
    assert found.unproven == ("op", "conv2", "gap1", "fc1")
    assert "left out  parameters, buffers and saved elements that are stated" in called("verify", NET, "--train").stdout


def test_limits_that_hold_stated_figures_are_marked_also_where_they_are_kept() -> None:
    call = ("check", NET, "--no-rules", "--max", "parameters=500", "--max", "layers=4")

    assert "parameters (stated in part)    455  max 500" in called(*call).stdout
    assert "layers                           3  max 4" in called(*call).stdout
    limits = json.loads(called(*call, "--format", "json").stdout)["files"][0]["limits"]
    assert [limit.get("stated") for limit in limits] == [["op"], None]


@pytest.mark.parametrize(
    "call",
    [
        ("sweep", "--vary", "w=2..4"),
        ("solve", "--for", "w=2..64", "--max", "parameters=2K"),
        ("formula", "--in", "w", "--set", "w=2"),
    ],
)
def test_families_with_stated_figures_say_so(call: tuple[str, ...]) -> None:
    done = called(call[0], NET.replace("CONV3-5", "CONV3-w"), *call[1:])

    assert done.returncode == 0
    line = "the figures of op are stated, not computed, and are part of the results"
    assert done.stderr == f"warning[stated]: {line}\n"
    assert called(call[0], f"{HEAD} -> CONV3-w", *call[1:]).stderr == ""
