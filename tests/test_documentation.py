"""The documentation of every layer kind: formula, volume, parameters, source, keys."""

from __future__ import annotations

from typing import ClassVar

import pytest

import cnncalc
from cnncalc.layers import KINDS, Layer
from cnncalc.layers.documentation import default_of, documentation, short_form
from tests.subcases import each

every_kind = each("kind", KINDS.values(), ids=lambda kind: kind.kind)


@every_kind
def test_a_kind_documents_formula_volume_and_source(kind: type[Layer]) -> None:
    told = documentation(kind)

    assert told.summary.endswith(".")
    assert told.volume.endswith(".")
    assert any(mark.isdigit() or mark == "," for mark in told.source), "a year, or the page of the notes"
    assert bool(told.formula) == (kind.kind != "input"), "an image is not computed"
    assert bool(told.learned) == kind.learns
    assert "`" not in "".join([*told[:-1], *told.besides])


@every_kind
def test_the_parts_make_up_the_docstring(kind: type[Layer]) -> None:
    told = documentation(kind)

    words = " ".join([told.summary, told.formula, told.volume, told.learned, told.source, *told.besides]).split()
    labels = {"Formula:", "Volume:", "Learned:", "Source:"}

    written = [word for word in (kind.__doc__ or "").replace("``", "").split() if word not in labels]
    assert sorted(words) == sorted(written)


@every_kind
def test_a_key_documents_its_meaning_and_default(kind: type[Layer]) -> None:
    for name, item in kind.keys.items():
        assert item.means, name
        assert default_of(item) != "None", name


@every_kind
def test_the_example_of_a_kind_has_a_layer_of_it(kind: type[Layer]) -> None:
    report = cnncalc.analyze(kind.example)

    assert kind.kind in [row.kind for row in report.layers]
    assert report.warnings == ()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("conv", "CONV{kernel}-{filters}/{stride}"),
        ("fc", "FC-{units}"),
        ("pool", "POOL{kernel}/{stride}"),
        ("gn", "GN{groups}"),
        ("dropout", "DROPOUT({rate})"),
        ("relu", "RELU"),
    ],
)
def test_the_short_form_shows_the_position_of_each_key(kind: str, text: str) -> None:
    assert short_form(KINDS[kind]) == text


class Undocumented(Layer):
    """A layer without parts."""

    kind: ClassVar[str] = "undocumented"


def test_a_kind_without_documentation_is_detected() -> None:
    with pytest.raises(AssertionError):
        test_a_kind_documents_formula_volume_and_source.__wrapped__(Undocumented)
    assert documentation(Undocumented) == ("A layer without parts.", "", "", "", "", ())
