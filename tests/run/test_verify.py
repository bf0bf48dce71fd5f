"""Verification reports no difference for correct nets, and every wrong number for broken ones."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given

import cnncalc
from cnncalc.analysis.placement import Placement
from cnncalc.analysis.report import account
from cnncalc.errors import DesignError, ValueProblem
from cnncalc.graph import chain
from cnncalc.layers import KINDS
from cnncalc.layers.stencil import Stencil
from cnncalc.run.compare import compare, field_disagreements
from cnncalc.run.forward import Measurement, draw_images, run
from cnncalc.run.receptive_field import Probes, measure_field
from cnncalc.run.training import Storage
from cnncalc.run.verify import needed_bytes, verify
from cnncalc.run.verify_training import verify_training
from cnncalc.run.weights import build
from cnncalc.volume import Volume
from tests.analysis.reachability import random_net
from tests.layer_cases import CASES, Case
from tests.random_nets import examples, seeds
from tests.subcases import each

if TYPE_CHECKING:
    from cnncalc.layers import Layer

SMALL = "INPUT[13x17x3] -> CONV3-4/2 -> RELU -> POOL -> FC-5"


def run_of(report: Any) -> Measurement:
    return run(report, build(report), draw_images(report))


def disagreements(report: Any, measurement: Measurement) -> list[tuple[str, ...]]:
    field = measure_field(report, measurement)
    return [tuple(wrong) for wrong in compare(report, measurement, field).disagreements]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"output": Volume(7, 9, 5)}, ("conv1", "volume", "1x7x9x5", "1x7x9x4")),
        ({"activation_bytes": 1000}, ("conv1", "bytes", "1,000", "1,008")),
        ({"weights": 107}, ("conv1", "weights", "107", "108")),
        ({"biases": 0}, ("conv1", "biases", "0", "4")),
        ({"parameters": 108}, ("conv1", "parameters", "108", "112")),
        ({"buffers": 8}, ("conv1", "buffers", "8", "0")),
        ({"macs": 6803}, ("conv1", "macs", "6,803", "6,804")),
        ({"in_place": True}, ("conv1", "in_place", "yes", "no")),
        ({"receptive_field": (3, 4)}, ("conv1", "receptive_field", "3x4", "3x3")),
        ({"receptive_field": (2, 3)}, ("conv1", "receptive_field", "2x3", "3x3")),
    ],
)
def test_each_wrong_number_of_a_row_is_found(changes: dict[str, Any], found: tuple[str, ...]) -> None:
    report = cnncalc.analyze(SMALL)
    measurement = run_of(report)
    assert disagreements(report, measurement) == []

    rows = tuple(row._replace(**changes) if row.name == "conv1" else row for row in report.layers)
    wrong = disagreements(report._replace(layers=rows), measurement)

    assert found in wrong
    assert {entry[:2] for entry in wrong} == {found[:2]}


def test_a_wrong_total_is_found() -> None:
    report = cnncalc.analyze(SMALL)
    totals = report.totals._replace(macs=report.totals.macs + 1)

    assert disagreements(report._replace(totals=totals), run_of(report)) == [
        ("(totals)", "macs", f"{totals.macs:,}", f"{report.totals.macs:,}")
    ]


def test_a_wrong_shape_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run counts windows on the arrays, so a shape rule that rounds in the wrong direction is found."""
    monkeypatch.setattr(KINDS["pool"], "output", lambda self, x: Volume(-(-x[0] // 2), -(-x[1] // 2), x.depth))
    report = cnncalc.analyze("INPUT[13x17x3] -> CONV3-4 -> POOL -> RELU")

    wrong = [tuple(entry) for entry in verify(report).disagreements]

    assert ("pool1", "volume", "1x7x9x4", "1x6x8x4") in wrong


def test_a_wrong_volume_of_the_input_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KINDS["input"], "output", lambda self: Volume(*self.size[:-1], self.size[-1] + 1))

    wrong = verify(cnncalc.analyze("INPUT 8x9x3 -> GAP")).disagreements

    assert ("input", "volume", "1x8x9x4", "1x8x9x3") in [tuple(entry) for entry in wrong]


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        *(
            (layer, "bias")
            for layer in ("CONV3-4", "CONV3-4(bias=no)", "DWCONV3", "DECONV3-4", "LOCAL3-4", "FC-4", "LINEAR-4")
        ),
        *((layer, "scale") for layer in ("BN", "LN", "GN1", "IN", "RMS", "L2NORM", "SCALE")),
        *((layer, "shift") for layer in ("BN", "LN", "GN1", "IN", "SCALE")),
    ],
)
def test_an_array_that_is_learned_against_the_key_of_its_name_is_found(
    layer: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parameters, and so the run, are those of the layer with the other value of the key."""
    report = cnncalc.analyze(f"INPUT 4x5x3 -> {layer}")
    assert verify(report).agrees
    row = report.layers[-1]
    learns = getattr(row.layer, name)
    other = row.layer.with_keys(**{name: not learns}).parameters(*row.input_volumes)
    monkeypatch.setattr(type(row.layer), "parameters", lambda self, *inputs: other)
    words = (f"{name}: yes", f"has no {name}") if learns else (f"{name}: no", f"has {name}")

    found = verify(cnncalc.analyze(f"INPUT 4x5x3 -> {layer}")).disagreements

    assert [tuple(entry) for entry in found] == [(row.name, "parameters", *words)]


def test_the_arrays_of_a_normed_convolution_are_those_of_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "INPUT 4x5x3 -> CONV3-4(normed={})"
    weight = cnncalc.analyze(text.format("weight")).layers[-1]
    assert verify(cnncalc.analyze(text.format("spectral"))).agrees
    arrays = weight.layer.parameters(*weight.input_volumes)
    monkeypatch.setattr(type(weight.layer), "parameters", lambda self, *inputs: arrays)

    found = verify(cnncalc.analyze(text.format("none"))).disagreements

    assert [tuple(entry) for entry in found] == [("conv1", "parameters", "normed: 'none'", "has length")]


def test_a_wrong_stencil_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KINDS["pool"], "stencils", lambda self, x, of=0: (Stencil(2, range(3)), Stencil(2, range(2))))
    report = cnncalc.analyze("INPUT[13x17x3] -> CONV3-4 -> POOL")

    assert [tuple(entry) for entry in verify(report).disagreements] == [("pool1", "receptive_field", "5x4", "4x4")]


# Receptive fields


def measured_fields(text: str) -> list[tuple[int, ...]]:
    """The measured field of each layer of a net with one input: the most pixels that one output sees, for each side."""
    report = cnncalc.analyze(text)
    field = measure_field(report, run_of(report))
    return [found["input"] for found in field if found is not None]


def test_three_small_filters_have_the_field_of_a_large_one() -> None:
    """CS231n: three 3x3 layers see 7x7."""
    assert measured_fields("INPUT[15x16x3] -> CONV3-4 -> CONV3-4 -> CONV3-4") == [(1, 1), (3, 3), (5, 5), (7, 7)]
    assert measured_fields("INPUT[15x16x3] -> CONV7-4")[-1] == (7, 7)


def test_at_a_border_fewer_pixels_are_seen() -> None:
    """POOL3/2 with a padding of 1 on 3 rows: windows begin at -1 and 1 and contain rows 0, 1 and rows 1, 2."""
    assert measured_fields("INPUT[3x9x2] -> POOL3/2(pad=1)")[-1] == (2, 3)
    assert cnncalc.analyze("INPUT[3x9x2] -> POOL3/2(pad=1)").layers[-1].receptive_field == (2, 3)


def test_fields_of_transposed_convolution_and_interpolation_alternate() -> None:
    assert measured_fields("INPUT[7x9x2] -> DECONV3-2(pad=1)")[-1] == (2, 2)
    assert measured_fields("INPUT[7x9x2] -> DECONV2-2")[-1] == (1, 1)
    assert measured_fields("INPUT[7x9x2] -> UPSAMPLE2(mode=bilinear)")[-1] == (2, 2)
    assert measured_fields("INPUT[7x9x2] -> UPSAMPLE3")[-1] == (1, 1)


def test_after_a_layer_that_sees_the_whole_plane_the_field_is_the_whole_input() -> None:
    assert measured_fields("INPUT[7x9x2] -> CONV3-4 -> GAP -> FC-3")[2:] == [(7, 9), (7, 9)]
    assert measured_fields("INPUT[7x9x2] -> GN2")[-1] == (7, 9)


def test_pixels_that_no_window_reaches_are_not_seen() -> None:
    """POOL2 does not read the last of 7 rows."""
    report = cnncalc.analyze("INPUT[7x8x2] -> POOL2 -> GAP")
    assert report.layers[-1].receptive_field == (6, 8)
    assert measured_fields("INPUT[7x8x2] -> POOL2 -> GAP")[-1] == (6, 8)

    verification = verify(report)

    assert verification.agrees
    assert verification.tallies[-1].measured == "3 equal"


@pytest.mark.parametrize(
    "layer",
    [
        *("HSIGMOID(slope=2)", "CLIP(6, 9)", "CLIP(7)", "CLIP(high=-7)", "HARDTANH(7, 8)"),
        *("AFFINE(2, 100000000000000000)", "CONV1-3(standardized=yes)"),
    ],
)
def test_the_measurement_changes_inputs_where_the_output_is_not_constant(layer: str) -> None:
    report = cnncalc.analyze(f"INPUT 6x7x2 -> {layer} -> CONV3-2")

    assert verify(report).agrees


def test_inputs_may_have_different_numbers_of_sides() -> None:
    sequence, plane = "INPUT 5x4 -> CONV3-4 -> PLANE5x1", "INPUT 3x4x2 -> FC-4"
    report = cnncalc.analyze(f"[{sequence} | {plane} | INPUT 7x6x5x2 -> FC-4 -> RESHAPE 1x1x4] -> ADD")
    last = report.layers[-1]
    assert verify(report).agrees
    assert last.receptive_fields == {"input1": (3,), "input2": (3, 4), "input3": (7, 6, 5)}

    lacking = last._replace(fields={"input1": last.fields["input1"]}, receptive_field=(3,))
    wrong = verify(report._replace(layers=(*report.layers[:-1], lacking))).disagreements

    assert [tuple(one) for one in wrong] == [
        ("add1", "receptive_field", "3", "7x6x5"),
        ("add1", "receptive_field", "input2 0x0", "input2 3x4"),
        ("add1", "receptive_field", "input3 0x0x0", "input3 7x6x5"),
    ]


@examples(30)
@given(seeds)
def test_measured_fields_of_random_nets_agree_with_the_report(seed: int) -> None:
    """Nets with several inputs; where the report has an upper bound, the measured field may be smaller."""
    random = Random(seed)  # noqa: S311
    report = account(random_net(random, layers=random.randint(1, 6)))
    measured = measure_field(report, run_of(report))
    for row, found in zip(report.layers, measured, strict=True):
        assert found is not None
        assert field_disagreements(row, found) == []


def test_each_of_several_inputs_has_its_own_field() -> None:
    report = cnncalc.analyze("[INPUT 9x11x1 -> CONV3-2 -> UPSAMPLE2 | INPUT 18x22x1 -> CONV3-2] -> CONCAT -> CONV3-2")
    assert report.layers[-1].receptive_fields == {"input1": (4, 4), "input2": (5, 5)}
    assert verify(report).agrees

    last = report.layers[-1]
    swapped = last._replace(fields=dict(zip(last.fields, reversed(list(last.fields.values())), strict=True)))
    wrong = verify(report._replace(layers=(*report.layers[:-1], swapped))).disagreements

    assert [tuple(one) for one in wrong] == [
        ("conv3", "receptive_field", "input1 5x5", "input1 4x4"),
        ("conv3", "receptive_field", "input2 4x4", "input2 5x5"),
    ]


@pytest.mark.parametrize("kind", ["maximum", "minimum"])
@pytest.mark.parametrize("number", [0, 1])
def test_each_position_reaches_a_maximum_or_minimum(kind: str, number: int) -> None:
    """None means that each position reaches only the same position."""
    volumes = (Volume(9, 11, 1), Volume(9, 11, 1))

    assert Probes(by_position=True).of(KINDS[kind](), volumes, number) == (None,)


def test_upper_bounds_are_reported_separately() -> None:
    report = cnncalc.analyze("INPUT 9x11x1 -> [CONV3-2 | CONV5-2] -> CONCAT -> SLICE(0, to=2) -> CONV3-2")
    assert verify(report).tallies[-1].measured == "4 equal, 2 within their upper bound"


@pytest.mark.slow
@each(
    "case",
    [case for case in CASES if case.inputs and not case.layer.is_stated and case.kind != "unpool"],
    by=lambda case: case.kind,
)
def test_the_receptive_field_of_every_layer_equals_the_measured_one(case: Case) -> None:
    """Each case behind a convolution of each of its inputs and before another one, also where the inputs are equal.

    Stated layers are left out, since they give zeros in a run.
    """
    sides, behind = len(case.inputs[0].sides), len(case.layer.output(*case.inputs).sides)
    if case.layer.takes_windows and sides > 1:
        return  # it takes only windows, which a convolution does not give
    entries: list[tuple[str, Layer, list[str]]] = []
    for number, x in enumerate(case.inputs):
        kernel = [3 + 2 * number, *[1] * (sides - 1)]  # each input is seen in windows of another size
        entries.append((f"in{number}", KINDS["input"](size=list(x)), []))
        entries.append((f"before{number}", KINDS["conv"](filters=x.depth, kernel=kernel), [f"in{number}"]))
    entries.append(("case", case.layer, [f"before{number}" for number in range(len(case.inputs))]))
    entries.append(("after", KINDS["conv"](filters=5, kernel=[*[1] * (behind - 1), 3]), ["case"]))
    verification = verify(account(chain("case", entries), batch=2, dtype="float64"))

    assert verification.disagreements == ()
    assert verification.tallies[-1].checked == len(entries)


def test_fields_that_take_too_long_to_measure_are_skipped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnncalc.run.receptive_field.MAX_WORK", 84_000)
    verification = verify(cnncalc.analyze(SMALL))

    assert verification.agrees
    assert verification.tallies[-1][1:] == (3, 3, "3 equal; 2 not checked: too large, or constant")


@pytest.mark.parametrize("layer", ["BN(stats=no)", "IN", "LN(axes=[height, width])"])
@pytest.mark.parametrize("batch", [1, 2])
def test_the_field_of_a_value_minus_itself_is_not_measured(layer: str, batch: int) -> None:
    """The mean is that of one value of an image, so changes of the image alone do not show."""
    verification = verify(cnncalc.analyze(f"INPUT 4x5x3 -> GAP -> {layer} -> FC-3", batch=batch))

    assert verification.agrees
    assert verification.tallies[-1][1:] == (2, 2, "2 equal; 2 not checked: too large, or constant")


def test_fields_on_an_input_with_very_many_rows_are_not_measured() -> None:
    verification = verify(cnncalc.analyze("INPUT[3000x2x1] -> CONV3-1"))

    assert verification.tallies[-1].checked == 0


# Values


def only_the_node_itself(self: Placement, source: int) -> bool:
    """A wrong rule: readers of the same memory through a view are ignored."""
    return bool(self._readers[source] == 1)


OVERWRITING = [
    # RELU overwrites, through two views, what ADD reads
    ("CONV3-4@a -> IDENTITY -> IDENTITY -> RELU -> ADD(@a) -> FC-2", ["add1", "fc1"]),
    ("CONV3-4@a -> SLICE(0, to=2) -> TANH -> CONV1-4 -> MUL(@a) -> FC-2", ["mul1", "fc1"]),
    ("CONV3-4@a -> DROPOUT -> SIGMOID@s -> FROM(@a) -> GAP", ["gap1"]),
    # no layer reads what is overwritten, but it is an output of the net
    ("CONV3-4@a -> IDENTITY@out -> FROM(@a) -> IDENTITY -> RELU -> FC-2", ["out"]),
]


@pytest.mark.parametrize(("layers", "changed"), OVERWRITING)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_layer_that_overwrites_what_others_read_is_found(
    layers: str, changed: list[str], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"INPUT 8x9x3 -> {layers}"
    assert verify(cnncalc.analyze(text, batch=batch)).agrees
    monkeypatch.setattr(Placement, "is_only_reader", only_the_node_itself)

    verification = verify(cnncalc.analyze(text, batch=batch))

    assert [(wrong.layer, wrong.quantity) for wrong in verification.disagreements] == [(x, "values") for x in changed]
    [tally] = [tally for tally in verification.tallies if tally.quantity == "values"]
    assert tally.checked - tally.agreed == len(changed)


NEEDLESS = [
    ("CONV3-4 -> RELU -> CONV3-4 -> TANH", ["relu1", "tanh1"]),
    ("CONV3-4 -> DROPOUT -> IDENTITY -> RELU -> SIGMOID", ["relu1"]),  # backward needs the output of RELU
    ("RELU -> SIGMOID", ["relu1", "sigmoid1"]),  # nothing learns
    ("CONV3-4@a -> RELU -> ADD(@a)", []),
    ("CONV3-4@a -> IDENTITY@out -> FROM(@a) -> RELU", []),
    ("CONV3-4@a -> CONV3-4 -> ADD(@a, in_place=yes) -> PRELU -> RELU(in_place=no)", ["add1"]),
]


@pytest.mark.parametrize(("layers", "needless"), NEEDLESS)
def test_a_layer_that_could_work_in_place_but_does_not_is_found(
    layers: str, needless: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"INPUT 8x9x4 -> {layers}"
    assert verify(cnncalc.analyze(text)).agrees
    assert verify(cnncalc.analyze(text, in_place=False)).disagreements == ()
    monkeypatch.setattr(Placement, "_is_requested", lambda self, layer: False)

    wrong = verify(cnncalc.analyze(text)).disagreements

    assert [one.layer for one in wrong] == needless
    assert {one.quantity for one in wrong} <= {"in_place"}


def test_a_layer_that_is_not_to_work_in_place_but_does_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "INPUT 8x9x4 -> CONV3-4@a -> CONV3-4 -> ADD(@a) -> CONV1-4 -> RELU(in_place=no) -> CONV1-4 -> TANH"
    monkeypatch.setattr(Placement, "_is_requested", lambda self, layer: layer.kind in ("relu", "add", "tanh"))

    wrong = verify(cnncalc.analyze(text)).disagreements

    assert [(one.layer, one.measured) for one in wrong] == [
        (name, "it must not overwrite its input") for name in ("add1", "relu1")
    ]


def test_overwriting_what_backward_keeps_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The values of the forward pass are correct."""
    text = "INPUT 8x9x4 -> CONV3-4 -> SIGMOID -> IDENTITY -> RELU@r -> FC-2"
    in_place = Placement.in_place
    monkeypatch.setattr(Placement, "in_place", lambda *given, is_needed=False, **keywords: in_place(*given, **keywords))

    wrong = verify(cnncalc.analyze(text)).disagreements

    assert [(one.layer, one.measured) for one in wrong] == [("r", "backward needs the content of its input")]


def test_a_layer_with_two_disagreements_about_a_quantity_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "INPUT 8x9x4 -> CONV3-4 -> SIGMOID(in_place=no) -> RELU(in_place=no) -> FC-2"
    in_place = Placement.in_place
    monkeypatch.setattr(Placement, "in_place", lambda *given, is_needed=False, **keywords: in_place(*given, **keywords))
    monkeypatch.setattr(Placement, "_is_requested", lambda self, layer: layer.kind == "relu")

    verification = verify(cnncalc.analyze(text))

    assert [one.layer for one in verification.disagreements] == ["relu1", "relu1"]
    [tally] = [tally for tally in verification.tallies if tally.quantity == "in_place"]
    assert (tally.checked, tally.agreed) == (5, 4)


@pytest.mark.parametrize("layers", [layers for layers, _ in OVERWRITING[:2]])
def test_training_finds_overwritten_values_in_the_loss_and_the_gradients(
    layers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"INPUT 8x9x3 -> {layers}"
    found = verify_training(cnncalc.analyze(text))
    assert (found.agrees, found.changed) == (True, ())
    monkeypatch.setattr(Placement, "is_only_reader", only_the_node_itself)

    found = verify_training(cnncalc.analyze(text))

    assert not found.agrees
    assert {"loss", "fc1.weight", "a.weight"} <= {name for name, _ in found.changed}
    assert found.values == 1 + sum(len(row.arrays) for row in cnncalc.analyze(text).layers)
    assert found.wrong == ()  # the bytes are as computed


def test_training_finds_a_gradient_that_overwrites_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """ADD passes one array to all inputs; adding a gradient of another reader of ``a`` to it changes that of ``b``."""
    text = "INPUT 8x9x3 -> CONV3-4@a -> CONV1-4@b -> FROM(@a) -> CONV1-4@c -> ADD(@a, @b) -> FC-2"
    assert verify_training(cnncalc.analyze(text)).agrees
    monkeypatch.setattr(Storage, "holders", property(lambda _: 1, lambda _, number: None))

    found = verify_training(cnncalc.analyze(text))

    names = {name for name, _ in found.changed}
    assert "b.weight" in names
    assert not names & {"loss", "fc1.weight", "c.weight"}


@pytest.mark.parametrize(
    "pattern",
    [
        "INPUT 11x6 -> [SHUFFLE6 -> TANH | RELU] -> ADD",
        "INPUT 11x6 -> [SHUFFLE1 -> TANH | RELU] -> ADD",
        "INPUT 11x6 -> CONV3-6 -> TANH -> SHUFFLE1 -> TANH -> FC-3",
    ],
)
def test_a_view_of_pytorch_that_numpy_copies_is_not_overwritten(pattern: str) -> None:
    assert verify(cnncalc.analyze(pattern)).agrees


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("alpha", "beta", "is_measured"), [(-9, 0.75, False), (-9, -0.5, False), (-0.2, 0.75, True)])
def test_where_a_layer_gives_no_number_its_receptive_field_is_not_measured(
    alpha: float, beta: float, is_measured: bool
) -> None:
    """A warning of NumPy was written, and an output that is not a number counted as one that sees nothing."""
    report = cnncalc.analyze(f"INPUT 8x8x4 -> LRN(size=3, alpha={alpha}, beta={beta}, k=1) -> CONV3-3")

    field = measure_field(report, run_of(report))

    assert [each is not None for each in field] == [True, is_measured, is_measured]
    assert verify(report).agrees


def test_a_gradient_that_is_a_slice_of_another_one_is_not_added_to_in_place() -> None:
    """The gradients of the inputs of CONCAT are slices of one array, so a sum needs a new array."""
    assert verify_training(cnncalc.analyze("INPUT 8x9x3 -> CONV3-4@a -> CONV1-5 -> CONCAT(@a) -> FC-2")).agrees


def test_differences_are_relative_to_the_largest_value() -> None:
    from cnncalc.run.forward import relative_distance

    values = np.array([1.0, -4.0, np.inf, np.nan])
    assert relative_distance(values, values) == 0
    assert relative_distance(values + np.array([1, 0, 0, 0]), values) == 0.25
    assert relative_distance(values + np.array([0, 2, 0, 0]), values) == 0.5
    assert relative_distance(np.array([1.0, -4.0, 1.0, np.nan]), values) == np.inf
    assert relative_distance(np.array([1.0, np.nan, np.inf, np.nan]), values) == np.inf
    assert relative_distance(np.zeros(3), np.zeros(4)) == np.inf
    assert relative_distance(np.array(1.0), np.array(0.0)) == np.inf


def test_the_memory_needed_is_that_of_the_run_without_in_place() -> None:
    """IDENTITY and RELU then have their own arrays: two of 8x9x4 are alive at once, instead of one and an image."""
    placed = needed_bytes(cnncalc.analyze("INPUT 8x9x3 -> CONV3-4 -> IDENTITY -> RELU"))
    assert placed - needed_bytes(cnncalc.analyze("INPUT 8x9x3 -> CONV3-4")) == 4 * 8 * 9 * ((4 + 4) - (3 + 4))


# What cannot be run


def test_a_net_too_large_for_the_machine_is_refused_before_it_runs() -> None:
    report = cnncalc.analyze("vgg16", batch=64)
    with pytest.raises(DesignError) as caught:
        verify(report, memory=2 << 30)

    assert str(caught.value) == (
        "error[too-large-to-run]: the run of vgg16 with 64 images in float32 needs about 5.937 GiB of memory, "
        "but 2.000 GiB is free\n  = hint: a smaller --batch or --input needs less"
    )


def test_running_out_of_memory_gives_the_same_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **keywords: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("cnncalc.run.verify.build", full)
    with pytest.raises(DesignError, match=r"needs about .* of memory"):
        verify(cnncalc.analyze(SMALL))


def test_only_float32_and_float64_are_run() -> None:
    with pytest.raises(ValueProblem, match="float32 or float64, not in float16"):
        verify(cnncalc.analyze(SMALL, dtype="float16"))


def test_progress_is_reported_for_every_layer() -> None:
    told: list[tuple[str, int, str]] = []
    verify(cnncalc.analyze(SMALL), progress=lambda *what: told.append(what))

    names = ["input", "conv1", "relu1", "pool1", "fc1"]
    assert told == [(what, index, name) for what in ("run", "receptive field") for index, name in enumerate(names)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "net", ["lenet5", "alexnet", "googlenet-aux", "resnet50", "densenet121", "mobilenet-v2", "dcgan-generator", "nin"]
)
def test_named_nets_agree(net: str) -> None:
    """Nets that take any input run on a small one."""
    size = (96, 96, 3) if net in ("resnet50", "densenet121", "mobilenet-v2") else None
    verification = verify(cnncalc.analyze(net, input=size))

    assert verification.disagreements == ()
    assert verification.is_finite
    assert verification.tallies[-1].checked == verification.layers


def test_the_document_lists_what_agrees_and_what_does_not() -> None:
    from cnncalc.formats import write
    from cnncalc.views.verification import verification_document

    report = cnncalc.analyze("INPUT[13x17x3] -> CONV3-4/2 -> RELU -> POOL -> FC-5")
    measurement = run_of(report)
    field = measure_field(report, measurement)
    good = write(verification_document(compare(report, measurement, field)), "text")
    rows = tuple(row._replace(macs=1) if row.name == "fc1" else row for row in report.layers)
    bad = write(verification_document(compare(report._replace(layers=rows), measurement, field)), "text")

    assert "all numbers of 5 layers agree" in good
    assert "fc1: MACs: expected 1, measured 240" in bad
    assert np.isfinite(measurement.peak_bytes)
