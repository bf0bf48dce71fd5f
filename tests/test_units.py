"""Bytes and counts in short form, written and read."""

# ruff: noqa: E501  # cases stand in rows

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncalc import ValueProblem
from cnncalc.units import (
    bytes_per_element,
    equal_bytes,
    format_bytes,
    parse_bytes,
    parse_count,
    percent,
    plural,
    short,
    short_notes,
    signed_percent,
)
from tests.random_nets import examples


@pytest.mark.parametrize(
    ("count", "iec", "notes", "si"),
    [
        (0, "0 B", "0 B", "0 B"),
        (999, "999 B", "999 B", "999 B"),
        (1000, "1000 B", "1000 B", "1.000 kB"),
        (1023, "1023 B", "1023 B", "1.023 kB"),
        (1024, "1.000 KiB", "1.000 KB", "1.024 kB"),
        (1_048_575, "1.000 MiB", "1.000 MB", "1.049 MB"),
        (60_950_432, "58.13 MiB", "58.13 MB", "60.95 MB"),
        (8 * 1024**3, "8.000 GiB", "8.000 GB", "8.590 GB"),
        (-2048, "-2.000 KiB", "-2.000 KB", "-2.048 kB"),
    ],
)
def test_bytes_have_four_significant_digits(count: int, iec: str, notes: str, si: str) -> None:
    assert [format_bytes(count, style) for style in ("iec", "notes", "si")] == [iec, notes, si]


@given(st.integers(0, 10**15), st.sampled_from(["iec", "notes", "si"]))
@examples(300)
def test_equal_texts_mean_equal_bytes(count: int, style: str) -> None:
    sign, number, unit = equal_bytes(count, style).split()
    step = 1000 if style == "si" else 1024
    value = Decimal(number) * step ** "BKMGTP".index(unit[0].upper())

    assert (sign == "=") == (value == count)
    assert sign in "=~"
    assert f"{number} {unit}" == format_bytes(count, style)


@pytest.mark.parametrize(
    ("count", "text", "notes"),
    [
        (0, "0", "0"),
        (9_999, "9,999", "9999"),
        (10_000, "10.00K", "10K"),
        (150_528, "150.5K", "150K"),
        (3_211_264, "3.211M", "3.2M"),
        (802_816, "802.8K", "800K"),
        (25_088, "25.09K", "25K"),
        (1_605_632, "1.606M", "1.6M"),
        (999_999, "1.000M", "1M"),
        (15_237_608, "15.24M", "15M"),
    ],
)
def test_short_counts(count: int, text: str, notes: str) -> None:
    """The notes' table: 224*224*3=150K, 224*224*64=3.2M, 112*112*64=800K, 7*7*512=25K."""
    assert short(count) == text
    assert short_notes(count) == notes


def test_totals_of_parameters_have_three_digits_in_the_notes() -> None:
    assert short_notes(138_357_544, 3) == "138M"
    assert short(138_357_544) == "138.4M"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0), ("17", 17), ("17B", 17), ("1 KiB", 1024), ("93MiB", 97_517_568), ("8GiB", 8 * 1024**3), ("1TiB", 1024**4),
        ("1kB", 1000), ("1KB", 1000), ("1.5MB", 1_500_000), ("2 GB", 2 * 10**9), ("1TB", 10**12), ("0.5KiB", 512), (" 3B ", 3),
    ],
)  # fmt: skip
def test_bytes_are_read(text: str, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize(
    ("text", "count"), [("7M", 7_000_000), ("1.5K", 1500), ("3G", 3 * 10**9), ("2 T", 2 * 10**12), ("12", 12)]
)
def test_counts_are_read(text: str, count: int) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize(
    "text",
    [
        "",
        "B",
        "MiB",
        "8 gib",
        "8Gib",
        "8  GiB",
        "-1",
        "+1",
        "1e9",
        "0.3KiB",
        "1,000",
        "8GiB/s",
        "1.",
        ".5",
        "8K",
        "8M",
        "\u0661",
    ],
)
def test_invalid_bytes_are_refused(text: str) -> None:
    with pytest.raises(ValueProblem):
        parse_bytes(text)


@pytest.mark.parametrize("text", ["7m", "7MB", "7MiB", "1.2345K", "seven", "7B", "1k", "0.5"])
def test_invalid_counts_are_refused(text: str) -> None:
    with pytest.raises(ValueProblem):
        parse_count(text)


def test_the_error_lists_the_units() -> None:
    with pytest.raises(ValueProblem) as caught:
        parse_bytes("8Gib")
    assert str(caught.value) == (
        "no unit 'Gib' for bytes; did you mean 'GiB'? (known: B, KiB, MiB, GiB, TiB, kB, KB, MB, GB, TB)"
    )


@examples(200)
@given(st.integers(0, 10**30))
def test_printed_bytes_are_correct_to_four_digits(count: int) -> None:
    """Compared with decimal arithmetic: the error is at most half a unit of the last digit."""
    sizes = {"B": 1, **{f"{p}iB": 1024**n for n, p in enumerate("KMGTPEZY", 1)}}
    number, unit = format_bytes(count).split()
    digits = len(number.partition(".")[2])
    assert abs(Decimal(number) - Decimal(count) / sizes[unit]) <= Decimal("0.5") / 10**digits
    assert Decimal(number) < 1024 or unit == "YiB"
    factor = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
    text = short(count).replace(",", "")
    value = Decimal(text[:-1]) * factor[text[-1]] if text[-1] in factor else Decimal(text)
    assert abs(value - count) <= Decimal(count) / 1999


@examples(100)
@given(st.integers(0, 10**15), st.sampled_from(["B", "KiB", "MiB", "kB", "MB"]))
def test_bytes_read_back(count: int, unit: str) -> None:
    each = {"B": 1, "KiB": 1024, "MiB": 1024**2, "kB": 1000, "MB": 10**6}[unit]
    assert parse_bytes(f"{count}{unit}") == parse_bytes(f"{count} {unit}") == count * each


def test_bytes_per_element() -> None:
    assert [bytes_per_element(dtype) for dtype in ("float32", "float64", "float16", "bfloat16", "int8")] == [
        4,
        8,
        2,
        2,
        1,
    ]
    with pytest.raises(ValueProblem, match="no data type 'float31'; did you mean 'float32'"):
        bytes_per_element("float31")


def test_a_noun_agrees_with_its_count() -> None:
    assert plural(1, "layer") == "1 layer"
    assert plural(2_000, "layer") == "2,000 layers"
    assert plural(1, "axis") == "1 axis"
    assert plural(3, "axis") == "3 axes"


def test_percents_are_rounded_half_up_and_changes_are_signed() -> None:
    assert [percent(part, 2000) for part in (1, 0, 1421, 24690)] == ["0.1 %", "0.0 %", "71.1 %", "1,234.5 %"]
    assert percent(1, 0) == "0.0 %"
    assert [signed_percent(change, 2000) for change in (76, 0, -25, -1)] == ["+3.8 %", "0.0 %", "-1.3 %", "-0.1 %"]
    small = {2_001: "-0.05 %", 100_000: "-0.001 %", 100_100: "-0.001 %", 10**11: "-0.000000001 %", 10**12: "0.0 %"}
    assert {whole: signed_percent(-1, whole) for whole in small} == small
    assert signed_percent(2_549, 10_000_000) == "+0.03 %"
    assert signed_percent(1, 0) == "0.0 %"
