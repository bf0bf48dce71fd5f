"""Sizes that a design leaves open get the defaults that the class declares, also for an added kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from cnncalc import DesignError
from cnncalc.analysis.report import account
from cnncalc.language.layer_text import layer_text
from cnncalc.language.reading import read_design, read_pattern
from cnncalc.language.settings import DEFAULT_SETTINGS, Settings
from cnncalc.language.writer import as_pattern, as_yaml
from cnncalc.layers import KINDS
from cnncalc.layers.base import Layer, Sizing, key
from cnncalc.layers.keys import Whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cnncalc.volume import Volume


class Mix(Layer):
    """As many channels as its units."""

    kind: ClassVar[str] = "mix"
    other_names: ClassVar[tuple[str, ...]] = ("blend",)
    first: ClassVar[str | None] = "groups"
    dash: ClassVar[str | None] = "units"
    bare: ClassVar[str | None] = "units"
    sizes: ClassVar[Mapping[str, Sizing]] = {
        "units": Sizing("hidden", by_depth=True, last=("classes", 7)),
        "groups": Sizing("mix_groups"),
    }
    replaces: ClassVar[Mapping[str, tuple[str, ...]]] = {"whole": ("groups",)}

    units: int = key(Whole(1), 5)
    groups: int = key(Whole(1), 2)
    whole: int | None = key(Whole(1), None)

    def output(self, *inputs: Volume) -> Volume:
        return inputs[0].with_depth(self.units)


@pytest.fixture(autouse=True)
def mix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers MIX."""
    monkeypatch.setitem(KINDS, Mix.kind, Mix)


def labels(text: str, settings: Settings = DEFAULT_SETTINGS) -> list[str]:
    return [layer_text(row.layer) for row in account(read_design("<text>", text, settings)).layers[1:]]


@pytest.mark.parametrize(
    ("text", "expected", "assumed"),
    [
        ("MIX3-4", ["MIX3-4"], {}),
        ("MIX -> RELU -> MIX", ["MIX2-5", "RELU", "MIX2-7"], {"mix_groups": 2, "hidden": 5, "classes": 7}),
        ("MIX3:[9x11x4] -> MIX3", ["MIX3-4", "MIX3-7"], {"classes": 7}),
        ("MIX(9, whole=4)", ["MIX-9(whole=4)"], {}),
    ],
)
def test_open_sizes_are_stated_or_assumed(text: str, expected: list[str], assumed: dict[str, int]) -> None:
    report = account(read_pattern("<text>", f"INPUT 9x11x3 -> {text}"))

    assert [layer_text(row.layer) for row in report.layers[1:]] == expected
    assert report.assumed == assumed
    for again in (as_pattern(report.resolved), as_yaml(report.resolved)):
        assert labels(again) == expected


def test_options_of_the_call_and_defaults_of_a_file_set_open_sizes() -> None:
    settings = Settings(hidden=31, classes=13)
    file = "input: 9x11x3\ndefaults: {mix: {groups: 4}}\nlayers: MIX -> MIX\n"

    assert labels("INPUT 9x11x3 -> MIX -> MIX", settings) == ["MIX2-31", "MIX2-13"]
    assert labels(file, settings) == ["MIX4-31", "MIX4-13"]


def test_the_name_of_another_tool_is_a_hint() -> None:
    with pytest.raises(DesignError, match="no layer kind or block 'BLEND3'; use MIX"):
        read_pattern("<text>", "INPUT 9x11x3 -> BLEND3")
