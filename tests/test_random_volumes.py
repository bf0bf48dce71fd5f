"""The random nets on one to three sides: every kind occurs, and each net is the same again."""

from __future__ import annotations

from collections import Counter

import cnncalc
from cnncalc.layers import KINDS
from tests.random_volumes import random_net


def test_every_kind_and_every_number_of_sides_occurs_and_volumes_are_as_said() -> None:
    kinds: Counter[str] = Counter()
    sides: Counter[int] = Counter()
    for seed in range(400):
        net = random_net(seed)
        report = cnncalc.analyze(net.pattern)
        assert report.layers[-1].output == net.output, net.pattern
        kinds.update(row.kind for row in report.layers)
        sides[len(report.layers[0].output.sides)] += 1
    assert set(kinds) == set(KINDS)
    assert set(sides) == {1, 2, 3}
    assert min(sides.values()) > 80


def test_a_seed_gives_the_same_net_and_kinds_can_be_left_out() -> None:
    assert random_net(7) == random_net(7)
    left_out = ("conv", "attention", "unpool")
    for seed in range(60):
        report = cnncalc.analyze(random_net(seed, without=left_out, sides=2).pattern)
        assert not {row.kind for row in report.layers} & set(left_out)
        assert len(report.layers[0].output.sides) == 2
