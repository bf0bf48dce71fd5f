"""The reports of the named nets, computed once in each process, and the nets of the quick tests."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

import cnncalc
from cnncalc.language.catalogue import names
from tests.random_nets import sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report

FEW = ("alexnet", "googlenet-aux", "lenet5", "mobilenet-v2", "unet")
"""Nets with groups, training-only heads, buffers without parameters, blocks in blocks, and a decoder."""

NARROW = [[1, 2, 64, 1], [2, 2, 72, 2], [3, 2, 80, 2], [4, 2, 88, 2]]
"""The variable ``stages`` of resnet18 and r3d18 with fewer filters, which gives less than a tenth of the weights."""

DEEP = ("resnet101", "resnet152", "inception-resnet")
"""How the names of the nets with most layers begin; nearly all consist of the blocks of another net."""


def _by_name(nets: Sequence[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=() if name in FEW else pytest.mark.slow) for name in nets]
    )


every_net = _by_name(names())
"""A parameter for every named net; for all but a few nets the test is slow."""

MOST = sample(sorted(names(), key=lambda name: name.startswith(DEEP)), sum(not x.startswith(DEEP) for x in names()))
"""All named nets but the deepest; all with ``python -m benchmarks.random_tests``."""

most_nets = _by_name(MOST)
"""A parameter for each of these nets; for all but a few nets the test is slow."""


@cache
def report_of(name: str) -> Report:
    """The report of a named net, or of a pattern, with default options."""
    return cnncalc.analyze(name)
