"""Design rules: what the course notes and the papers recommend, each with the computed effect of following it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.checks.rules.base import Rule, Site
from cnncalc.checks.rules.cost import BiasBeforeBn, EarlyActivations, FirstFc, OddDepth
from cnncalc.checks.rules.order import (
    ActivationAfterLastFc,
    LinearAfterLinear,
    LongStretch,
    ManyFc,
    NoEffect,
    SoftmaxInside,
    UnreadLayer,
)
from cnncalc.checks.rules.unused import UnusedIgnore
from cnncalc.checks.rules.windows import (
    InputSide,
    KernelBeyondPlane,
    LargeKernel,
    LargePool,
    PaddedPool,
    UnevenWindow,
)
from cnncalc.errors import ValueProblem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cnncalc.analysis.report import Report
    from cnncalc.checks.findings import Finding

RULES: dict[str, Rule] = {
    rule.code: rule()
    for rule in (
        *(InputSide, UnevenWindow, LargeKernel, KernelBeyondPlane, LargePool, PaddedPool),
        *(LongStretch, ManyFc, LinearAfterLinear, NoEffect, ActivationAfterLastFc, SoftmaxInside, UnreadLayer),
        *(FirstFc, EarlyActivations, BiasBeforeBn, OddDepth, UnusedIgnore),
    )
}
"""Every design rule by its code, in the order in which they are documented."""


def run_rules(
    report: Report,
    *,
    file: str,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> list[Finding]:
    """What the design rules find in a net: warnings, in the order of the layers.

    ``file`` is the file as the user wrote it. ``select`` names the only rules to run (none: all), ``ignore`` rules to
    leave out; what the file itself ignores, for a layer or at all, is left out as well. Raises ValueProblem for a code
    that there is not, with the nearest one.
    """
    chosen = known("select", select) or list(RULES)
    left_out = set(known("ignore", ignore))
    silent = report.graph.ignore
    used: set[int] = set()
    ran: list[str] = []
    found: list[tuple[int, int, Finding]] = []
    places = {row.name: row.index for row in report.layers}

    def is_told(code: str, site: Site) -> bool:
        told = True
        for number, item in enumerate(silent):
            name = site.row.name
            if item.code == code and (item.layer is None or name == item.layer or name.startswith(f"{item.layer}.")):
                used.add(number)
                told = False
        return told

    for rank, (code, rule) in enumerate(RULES.items()):
        if code not in chosen or code in left_out or isinstance(rule, UnusedIgnore):
            continue
        ran.append(code)
        sites = [site for site in rule.sites(report) if is_told(code, site)]
        found += [(places[finding.layer or ""], rank, finding) for finding in rule.told(report, sites)]
    unused = RULES[UnusedIgnore.code]
    assert isinstance(unused, UnusedIgnore)
    if unused.code in chosen and unused.code not in left_out and all(item.code != unused.code for item in silent):
        stale = [item for number, item in enumerate(silent) if number not in used and item.code in ran]
        found += [(len(places), len(RULES), finding) for finding in unused.told_of(report, stale)]
    found.sort(key=lambda entry: entry[:2])
    return [finding._replace(file=file) for _, _, finding in found]


def explain(code: str) -> str:
    """The documentation of a rule: what, why, example, what to do instead, source. ValueProblem for an unknown code."""
    from inspect import cleandoc

    known("explain", [code])
    return f"{code}: {cleandoc(type(RULES[code]).__doc__ or '')}\n"


def known(what: str, codes: Iterable[str]) -> list[str]:
    """The codes as a list; raises ValueProblem for one that is no rule's."""
    given = [codes] if isinstance(codes, str) else list(codes)
    for code in given:
        if code not in RULES:
            near = did_you_mean(code, RULES)
            hint = None if near else "the rules are " + ", ".join(RULES)
            raise ValueProblem(f"{what}: no design rule '{code}'{near}", code="unknown-rule", hint=hint)
    return given


__all__ = ["RULES", "Rule", "explain", "known", "run_rules"]
