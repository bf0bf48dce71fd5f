"""Properties of every net, tested on random ones."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncalc import DesignError, analyze
from cnncalc.analysis.report import Report, account
from cnncalc.language.reading import read_design, read_pattern
from cnncalc.language.writer import as_pattern, as_yaml
from cnncalc.layers import KINDS
from tests.random_nets import NOT_DRAWN, examples, kinds_of, random_design, seeds

pytestmark = pytest.mark.slow


def report_of(text: str, **options: Any) -> Report:
    return account(read_pattern("<pattern>", text), **options)


def facts(report: Report) -> list[tuple[Any, ...]]:
    """What must be unchanged after writing and reading."""
    return [
        (
            row.name,
            row.layer,
            row.inputs,
            row.output,
            row.receptive_field,
            row.in_place,
            row.training_only,
            row.is_trainable,
            row.shared_with,
            row.parameters,
            row.macs,
        )
        for row in report.layers
    ]


def nameless(report: Report) -> list[tuple[Any, ...]]:
    """The net without the names of its layers."""
    return [(row.layer, row.sources, row.output, row.receptive_field, row.in_place) for row in report.layers]


@examples(100)
@given(seeds)
def test_the_last_volume_is_that_of_the_generator(seed: int) -> None:
    design = random_design(seed)
    assert tuple(report_of(design.text).layers[-1].output) == design.output


@examples(60)
@given(seeds)
def test_totals_are_sums_of_rows_that_are_not_in_place(seed: int) -> None:
    report = report_of(random_design(seed).text)
    for quantity in ("activations", "activation_bytes"):
        rows = [getattr(row, quantity) for row in report.layers if not row.in_place]
        assert getattr(report.totals, quantity) == sum(rows)
    for quantity in ("weights", "biases", "parameters", "trainable", "buffers", "macs"):
        assert getattr(report.totals, quantity) == sum(getattr(row, quantity) for row in report.layers)
    assert report.totals.parameters == report.totals.weights + report.totals.biases
    assert report.totals.parameter_bytes == 4 * report.totals.parameters


@examples(60)
@given(seeds)
def test_every_printed_formula_evaluates_to_its_number(seed: int) -> None:
    for row in report_of(random_design(seed).text).layers:
        for quantity, text in row.arithmetic.items():
            assert re.fullmatch(r"[0-9+*() ]+", text)
            assert eval(text) == getattr(row, quantity), (row.name, quantity, text)  # noqa: S307


@examples(40)
@given(seeds, st.integers(2, 9))
def test_the_batch_size_multiplies_only_activation_bytes(seed: int, batch: int) -> None:
    text = random_design(seed).text
    one, many = report_of(text), report_of(text, batch=batch)
    assert many.totals == one.totals._replace(activation_bytes=batch * one.totals.activation_bytes)


@examples(40)
@given(seeds)
def test_the_data_type_scales_only_bytes(seed: int) -> None:
    text = random_design(seed).text
    single, double = report_of(text).totals, report_of(text, dtype="float64").totals
    assert double.activation_bytes == 2 * single.activation_bytes
    assert double.parameter_bytes == 2 * single.parameter_bytes
    assert double[:7] == single[:7]


@examples(40)
@given(seeds)
def test_without_in_place_only_activation_functions_get_memory_of_their_own(seed: int) -> None:
    text = random_design(seed).text
    usual, apart = report_of(text), report_of(text, in_place=False)
    for before, after in zip(usual.layers, apart.layers, strict=True):
        if before.layer.is_activation:
            assert not after.in_place
        else:
            assert before.in_place == after.in_place


@examples(75)
@given(seeds)
def test_the_output_of_show_reads_back_as_the_same_net(seed: int) -> None:
    report = report_of(random_design(seed).text)
    for write, read in ((as_pattern, read_pattern), (as_yaml, read_design)):
        text = write(report.resolved)
        again = account(read("<again>", text))
        assert facts(again) == facts(report), text
        assert write(again.resolved) == text


@examples(40)
@given(seeds)
def test_blanks_comments_arrows_and_case_do_not_matter(seed: int) -> None:
    text = random_design(seed).text
    plain = text.replace("\u2192", "->")
    loose = re.sub(r"(->|[\[\]|(),])", r" # a comment -> [\n \1\t", plain)
    # case matters in names and variables
    small = re.sub(r"(?<![@\w.{])[A-Z]+", lambda word: word.group().lower(), plain)
    for other in (plain, plain.replace("->", "\u2192"), loose, small):
        assert facts(report_of(other)) == facts(report_of(text)), other


@examples(40)
@given(seeds, st.integers(0, 3))
def test_a_repeat_equals_its_expansion(seed: int, times: int) -> None:
    inner = random_design(seed, items=3, without=("add", "mul", "concat", "from")).text
    body = inner.replace("\u2192", "->").split("->", 1)
    if len(body) == 1 or "@" in inner:
        return
    head, chain = body[0], body[1]
    try:
        written_out = report_of(" -> ".join([head] + [chain] * times))
    except DesignError:
        with pytest.raises(DesignError):
            report_of(f"{head} -> [{chain}]*{times}")
        return
    assert nameless(report_of(f"{head} -> [{chain}]*{times}")) == nameless(written_out)
    if times == 1:
        assert facts(report_of(f"{head} -> [{chain}]")) == facts(written_out)


@examples(30)
@given(seeds)
def test_brackets_around_the_whole_pattern_change_nothing(seed: int) -> None:
    text = random_design(seed).text
    assert facts(report_of(f"[{text}]")) == facts(report_of(text))
    assert facts(report_of(f"[[{text}]*1]")) == facts(report_of(text))


@examples(30)
@given(seeds)
def test_a_pattern_in_a_file_gives_the_same_net(seed: int) -> None:
    text = random_design(seed).text
    block = "layers: |\n" + "".join(f"  {line}\n" for line in text.splitlines())
    assert facts(account(read_design("<file>", block))) == facts(report_of(text))


@examples(100)
@given(
    st.integers(4, 40),
    st.integers(4, 40),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 5),
    st.sampled_from(
        ["CONV{k}-2/{s}", "DWCONV{k}/{s}", "POOL{k}/{s}", "AVGPOOL{k}/{s}(round=ceil)", "CONV{k}-2/{s}(pad=same)"]
    ),
)
def test_a_larger_stride_never_gives_a_larger_output(
    height: int, width: int, kernel: int, stride: int, more: int, layer: str
) -> None:
    outputs = [
        analyze(f"INPUT {height}x{width}x3 -> {layer.format(k=kernel, s=step)}").layers[1].output
        for step in (stride, stride + more)
    ]
    assert outputs[1][0] <= outputs[0][0]
    assert outputs[1][1] <= outputs[0][1]


def test_the_random_designs_hold_every_kind() -> None:
    """The tests above cover only the kinds that the generator draws."""
    seen: set[str] = set()
    for seed in range(400):
        seen |= kinds_of(random_design(seed).text)
    assert set(KINDS) - seen == NOT_DRAWN


def test_the_random_designs_leave_out_given_kinds() -> None:
    for seed in range(50):
        assert not kinds_of(random_design(seed, without=("fc", "bn")).text) & {"fc", "bn"}
