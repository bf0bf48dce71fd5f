"""Design rules: what the course notes and the papers recommend, each with the computed effect of following it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from cnncalc.checks.rules.base import Rule, Site
from cnncalc.checks.rules.unused_ignore import UnusedIgnore
from cnncalc.errors import ValueProblem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cnncalc.analysis.report import Report
    from cnncalc.checks.findings import Finding

CODES = (
    "input-side",
    "uneven-window",
    "large-kernel",
    "kernel-beyond-plane",
    "large-pool",
    "padded-pool",
    "long-stretch",
    "many-fc",
    "linear-after-linear",
    "no-effect",
    "activation-after-last-fc",
    "softmax-inside",
    "unread-layer",
    "first-fc",
    "early-activations",
    "bias-before-bn",
    "odd-depth",
    "unused-ignore",
)
"""Every design rule, in the order in which they are documented; each is the one Rule in the module of that name."""


def _rule(code: str) -> Rule:
    name = f"{__name__}.{code.replace('-', '_')}"
    rules = [item for item in vars(import_module(name)).values() if getattr(item, "__module__", None) == name]
    (rule,) = [item for item in rules if isinstance(item, type) and issubclass(item, Rule)]
    return rule()


RULES: dict[str, Rule] = {code: _rule(code) for code in CODES}
"""Every design rule by its code."""


def run_rules(
    report: Report,
    *,
    file: str,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> list[Finding]:
    """The findings of the design rules in a net: warnings, in the order of the layers.

    ``file`` is the file as the user wrote it. ``select`` names the only rules to run (none: all), ``ignore`` rules to
    leave out; rules that the file itself ignores, for a layer or everywhere, are left out too. Raises ValueProblem for
    an unknown code, with the nearest known one.
    """
    chosen = known("select", select) or list(RULES)
    left_out = set(known("ignore", ignore))
    silent = report.graph.ignore
    used: set[int] = set()
    ran: list[str] = []
    found: list[tuple[int, int, Finding]] = []
    places = {row.name: row.index for row in report.layers}

    def is_reported(code: str, site: Site) -> bool:
        reported = True
        for number, item in enumerate(silent):
            name = site.row.name
            if item.code == code and (item.layer is None or name == item.layer or name.startswith(f"{item.layer}.")):
                used.add(number)
                reported = False
        return reported

    for rank, (code, rule) in enumerate(RULES.items()):
        if code not in chosen or code in left_out or isinstance(rule, UnusedIgnore):
            continue
        ran.append(code)
        sites = [site for site in rule.sites(report) if is_reported(code, site)]
        found += [(places[finding.layer or ""], rank, finding) for finding in rule.findings(report, sites)]
    unused = RULES[UnusedIgnore.code]
    assert isinstance(unused, UnusedIgnore)
    if unused.code in chosen and unused.code not in left_out and all(item.code != unused.code for item in silent):
        stale = [item for number, item in enumerate(silent) if number not in used and item.code in ran]
        found += [(len(places), len(RULES), finding) for finding in unused.of(report, stale)]
    found.sort(key=lambda entry: entry[:2])
    return [finding._replace(file=file) for _, _, finding in found]


def explain(code: str) -> str:
    """The documentation of a rule: what, why, example, what to do instead, source. ValueProblem for an unknown code."""
    from inspect import cleandoc

    known("explain", [code])
    return f"{code}: {cleandoc(type(RULES[code]).__doc__ or '')}\n"


def known(what: str, codes: Iterable[str]) -> list[str]:
    """The codes as a list; raises ValueProblem for an unknown one."""
    given = [codes] if isinstance(codes, str) else list(codes)
    for code in given:
        if code not in RULES:
            near = did_you_mean(code, RULES)
            hint = None if near else "the rules are " + ", ".join(RULES)
            raise ValueProblem(f"{what}: no design rule '{code}'{near}", code="unknown-rule", hint=hint)
    return given


__all__ = ["RULES", "Rule", "explain", "known", "run_rules"]
