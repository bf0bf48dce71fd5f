"""Devices by name, and sizes of memory."""

from __future__ import annotations

import pytest

from cnncalc.errors import ValueProblem
from cnncalc.memory.devices import devices, overheads, read_memory
from cnncalc.units import parse_size

MIB = 1024**2


@pytest.mark.parametrize(
    ("name", "mib"), [("t4", 15_360), ("h100", 81_559), ("h200", 143_771), ("a100-80gb", 81_920), ("rtx-4090", 24_564)]
)
def test_a_device_has_the_bytes_that_nvidia_smi_reports(name: str, mib: int) -> None:
    assert devices()[name].memory == mib * MIB
    assert devices()[name].source.startswith("nvidia-smi: ")
    assert f"{mib}MiB" in devices()[name].source


def test_every_device_states_its_memory_and_its_source() -> None:
    for device in devices().values():
        tool, _, said = device.source.partition(": ")
        assert tool in ("nvidia-smi", "tegrastats")
        assert f", {device.memory // MIB}M" in said
        assert device.memory % MIB == 0


@pytest.mark.parametrize("spelling", ["rtx3090", "RTX 3090", "NVIDIA GeForce RTX 3090", "rtx_3090", "Rtx-3090"])
def test_a_name_is_found_in_any_spelling(spelling: str) -> None:
    assert read_memory(spelling) == (24_576 * MIB, devices()["rtx-3090"])


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("NVIDIA H100 80GB HBM3", "h100"), ("H100 PCIe", "h100"), ("a100-sxm4-80gb", "a100-80gb"),
        ("h100 nvl", "h100-nvl"), ("Tesla V100-SXM2-16GB", "v100-16gb"), ("t4 16gb", "t4"),
        ("RTX 3090 24GB", "rtx-3090"), ("h200 141gb", "h200"), ("Quadro RTX 8000", "quadro-rtx-8000"),
        ("rtx8000", "quadro-rtx-8000"), ("TITAN X (Pascal)", "titan-x-pascal"),
    ],
)  # fmt: skip
def test_a_name_is_found_with_its_form_and_its_memory(spelling: str, name: str) -> None:
    assert read_memory(spelling) == (devices()[name].memory, devices()[name])


@pytest.mark.parametrize("name", list(devices()))
def test_every_name_is_found_as_it_is_listed(name: str) -> None:
    found = read_memory(name)
    assert found == (devices()[name].memory, devices()[name])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a100", "'a100' may be a100-40gb (40.00 GiB) or a100-80gb (80.00 GiB)"),
        ("Tesla V100", "'Tesla V100' may be v100-16gb (16.00 GiB) or v100-32gb (32.00 GiB)"),
        ("rtx 407", "'rtx 407' may be rtx-4070 (11.99 GiB) or rtx-4070-ti (11.99 GiB)"),
        ("rtx-3o90", "no device or size 'rtx-3o90'; did you mean rtx-3080 (10.00 GiB), "),
        ("1080ti", "'1080ti' may be gtx-1080-ti (11.00 GiB)"),
        ("3090 ti", "'3090 ti' may be rtx-3090-ti (23.99 GiB)"),
        ("4070 super", "no device or size '4070 super'; did you mean rtx-4070 (11.99 GiB) or rtx-4070-ti (11.99 GiB)?"),
        ("5060 ti", "no device or size '5060 ti'"),
        ("rtx 3080 12gb", "no device or size 'rtx 3080 12gb'; did you mean rtx-3080 (10.00 GiB)?"),
        ("8gigs", "no unit 'gigs' for bytes"),
        ("abacus", "no device or size 'abacus'"),
        ("", "no device or size ''"),
        ("-", "no device or size '-'"),
    ],
)
def test_an_ambiguous_device_name_lists_all_candidates(name: str, message: str) -> None:
    with pytest.raises(ValueProblem) as raised:
        read_memory(name)

    assert raised.value.message.startswith(message)


@pytest.mark.parametrize("text", ["8", "1048575", "600", "0.5"])
def test_a_size_below_one_mebibyte_without_a_unit_is_refused(text: str) -> None:
    with pytest.raises(ValueProblem, match=r"GiB\?|whole number"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("8B", 8), ("8 B", 8), ("1048576", MIB), ("8589934592", 8 << 30), ("0.5GiB", 1 << 29)]
)
def test_other_sizes_are_read_as_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_a_number_without_a_unit_may_also_be_a_device() -> None:
    with pytest.raises(ValueProblem) as raised:
        read_memory("3090")

    assert raised.value.message == "'3090' has no unit: 3,090 bytes, or 3090GiB?"
    assert raised.value.hint is not None
    assert "rtx-3090" in raised.value.hint


def test_the_memory_of_a_process_in_addition_to_tensors_has_sources() -> None:
    counted = {item.key: item.bytes for item in overheads("torch-cuda")}
    assert counted == {"context": 400 * MIB, "cublas_workspace": 32 * MIB, "cudnn_workspace": 0}
    assert all(item.source and item.low <= item.bytes <= item.high for item in overheads("torch-cuda"))
    assert overheads("torch-fake") == overheads("torch-cuda")
    assert overheads("numpy") == ()
