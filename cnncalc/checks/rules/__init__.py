"""Design rules: recommendations of the course notes and of papers, each with the computed effect of the fix."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from cnncalc.checks.rules.base import Rule, Site
from cnncalc.checks.rules.unused_ignore import UnusedIgnore
from cnncalc.errors import ValueProblem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.checks.findings import Finding
    from cnncalc.graph import Ignore

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
    "linear-on-map",
    "no-effect",
    "activation-after-last-fc",
    "softmax-inside",
    "first-fc",
    "early-activations",
    "bias-before-bn",
    "odd-depth",
    "unused-ignore",
)
"""The codes of all design rules in the order of the documentation; each module of that name has one Rule."""


def _rule(code: str) -> Rule:
    name = f"{__name__}.{code.replace('-', '_')}"
    rules = [item for item in vars(import_module(name)).values() if getattr(item, "__module__", None) == name]
    (rule,) = [item for item in rules if isinstance(item, type) and issubclass(item, Rule)]
    return rule()


RULES: dict[str, Rule] = {code: _rule(code) for code in CODES}
"""Every design rule by its code."""


def run_rules(report: Report, *, file: str, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> list[Finding]:
    """The findings of the design rules in a net: warnings, in the order of the layers.

    ``file`` is the file as the user wrote it. ``select`` names the only rules to run (none: all), ``ignore`` rules to
    leave out; rules that the file itself ignores, for a layer or everywhere, are left out too. Raises ValueProblem for
    an unknown code, with the nearest known one.
    """
    left_out = set(known("ignore", ignore))
    chosen = [code for code in known("select", select) or RULES if code not in left_out]
    place = {row.name: row.index for row in report.layers}
    used: set[Ignore] = set()
    found: list[Finding] = []
    for code, rule in RULES.items():
        if code in chosen:
            entries: dict[str | None, list[Ignore]] = {}
            for item in report.graph.ignore:
                if item.code == code:
                    entries.setdefault(item.layer, []).append(item)
            sites = [site for site in rule.sites(report) if not entries or not _ignored(entries, site, used)]
            found += rule.findings(report, sites)
    # stable: findings at one layer stay in the order of the rules
    found.sort(key=lambda finding: place[finding.layer or ""])
    if UnusedIgnore.code in chosen:
        found += _unused(report, chosen, used)
    return [finding._replace(file=file) for finding in found]


def _unused(report: Report, chosen: Sequence[str], used: set[Ignore]) -> Iterable[Finding]:
    """The findings about entries under ``ignore`` that suppressed nothing, unless the file ignores that rule too."""
    items = report.graph.ignore
    if any(item.code == UnusedIgnore.code for item in items):
        return ()
    return UnusedIgnore().of(report, [item for item in items if item not in used and item.code in chosen])


def _ignored(entries: Mapping[str | None, list[Ignore]], site: Site, used: set[Ignore]) -> bool:
    """Whether an entry under ``ignore`` (``entries``, by layer or block) covers a site; ``used`` gets those that do."""
    names: list[str | None] = [None]
    name = site.row.name
    while name:
        names.append(name)
        name = name.rpartition(".")[0]
    matching = [item for name in names for item in entries.get(name, ())]
    used.update(matching)
    return bool(matching)


def explain(code: str) -> str:
    """The documentation of a rule: what, why, example, instead, source; raises ValueProblem for an unknown code."""
    from inspect import cleandoc

    known("--explain", [code])
    return f"{code}: {cleandoc(type(RULES[code]).__doc__ or '')}\n"


def known(what: str, codes: Iterable[str]) -> list[str]:
    """The codes as a list; raises ValueProblem for an unknown one, with ``what`` as the option that names it."""
    given = [codes] if isinstance(codes, str) else list(codes)
    for code in given:
        if code not in RULES:
            near = did_you_mean(code, RULES)
            hint = None if near else "the rules are " + ", ".join(RULES)
            raise ValueProblem(f"{what}: no design rule '{code}'{near}", code="unknown-rule", hint=hint)
    return given


__all__ = ["RULES", "Rule", "explain", "known", "run_rules"]
