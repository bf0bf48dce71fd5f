"""All findings of the design rules on the named nets; ``pytest --regenerate`` rewrites ``docs/rules.md``."""

from __future__ import annotations

from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cnncalc.checks.rules import RULES, run_rules
from cnncalc.language.catalogue import names
from tests.checks.test_rules import ON_PURPOSE, PLANTED, findings
from tests.nets import report_of

if TYPE_CHECKING:
    from cnncalc.checks.findings import Finding

pytestmark = pytest.mark.slow

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "rules.md"

TRUE = {
    "first-fc": "the notes state it of VGG and AlexNet; later nets avoid it at no loss of accuracy",
    "early-activations": "the notes state it of VGG; most training memory is there",
    "bias-before-bn": "the biases have no effect; the paper's net has no BN, the model zoo's version kept its biases",
    "uneven-window": "the file has 224 pixels and no padding, and (224 - 7)/2 and (224 - 3)/2 are not integers",
    "kernel-beyond-plane": "the last map of SSD300 has one position, and its heads are 3x3 as those of the others",
}
"""Why findings of a rule on named nets are justified; every other rule must find nothing there."""

FALSE_ALARMS: dict[tuple[str, str], str] = {}
"""By net and rule: findings that are wrong, or report what a paper did on purpose, with the reason. None so far."""

INTRODUCTION = """\
# Design rules

`cnncalc check` applies the rules below to each design. Their findings are warnings. Each finding names the layer,
states the rule and the numbers that violate it, and gives one piece of advice with its effect, computed on the changed
net. Layers from one place in the text (as in `[CONV3-64 -> BN -> RELU]*20`) are one finding; the effect is that of
changing all of them.

## Selecting and ignoring rules

`--select CODE` runs only these rules, `--ignore CODE` runs all but these. A file suppresses findings under `ignore:`:

```yaml
ignore: [first-fc, early-activations]         # for the whole file
```

```yaml
ignore:
  bias-before-bn: [stem, layer1.0.conv2]      # for a layer, or for all layers of a block
  large-kernel: conv1
```

```yaml
ignore:                                       # both
  - first-fc
  - large-kernel: [conv1, conv2]
```

An unknown code is an error in the file. `unused-ignore` reports entries that suppress nothing.

## Accuracy

All rules were run on all {nets} named nets and on {planted} designs with a deliberate fault, each next to a variant
without it; {kept} more designs that are unusual on purpose must have no findings. A test generates this table. The
rules were developed with the named nets in view, so the lack of false alarms there says less than it would about unseen
nets.

"""


@cache
def everything() -> dict[str, list[Finding]]:
    """The findings on every named net."""
    return {name: run_rules(report_of(name), file=f"{name}.yaml") for name in names()}


def document() -> str:
    """The whole of ``docs/rules.md``."""
    found = everything()
    lines = ["| rule | planted faults found | findings on named nets | nets | false alarms |", "|---|---|---|---|---|"]
    for code in RULES:
        planted = [case for case in PLANTED if case.code == code]
        seen = [case for case in planted if findings(case.fault, code)]
        nets = [net for net, every in found.items() for finding in every if finding.code == code]
        false = sum((net, code) in FALSE_ALARMS for net in nets)
        share = f"{len(seen)} of {len(planted)}" if planted else "with files, see its tests"
        lines.append(f"| [`{code}`](#{code}) | {share} | {len(nets)} | {len(set(nets))} | {false} |")
    total = sum(len(every) for every in found.values())
    lines.append(
        f"| all | {len(PLANTED)} of {len(PLANTED)} | {total} | {sum(map(bool, found.values()))} | {len(FALSE_ALARMS)} |"
    )
    lines += ["", "Why the findings on named nets are not false alarms:", ""]
    lines += [f"- `{code}`: {reason}." for code, reason in TRUE.items()]
    lines += ["", "All of them, with the current value and the value with the advice:", ""]
    lines += ["| net | rule | layer | value | now | with the advice | advice |", "|---|---|---|---|---|---|---|"]
    for net, every in found.items():
        for finding in every:
            what, value = finding.advice or ("", None)
            now, then = f"{finding.actual:,}", "" if value is None else f"{value:,}"
            lines.append(f"| {net} | {finding.code} | {finding.layer} | {finding.key} | {now} | {then} | {what} |")
    lines += ["", "## The rules", ""]
    for code, rule in RULES.items():
        lines += [f"### {code}", "", cleandoc(type(rule).__doc__ or "").replace("*", "\\*"), ""]
    head = INTRODUCTION.format(nets=len(found), planted=len(PLANTED), kept=len(ON_PURPOSE))
    return head + "\n".join(lines).rstrip() + "\n"


def test_the_document_of_the_rules_is_true(regenerate: bool) -> None:
    text = document()

    if regenerate:
        DOCUMENT.write_text(text, encoding="utf-8", newline="\n")
    command = "pytest tests/checks/test_rules_named_nets.py --regenerate"
    assert DOCUMENT.read_text(encoding="utf-8") == text, f"{command} writes docs/rules.md anew"


def test_findings_on_named_nets_have_a_reason() -> None:
    codes = {finding.code for every in everything().values() for finding in every}

    assert codes == set(TRUE), "a rule that finds something in a named net needs its reason in TRUE"


def test_every_finding_on_a_named_net_has_an_effect_that_helps() -> None:
    for net, every in everything().items():
        for finding in every:
            assert finding.advice is not None, (net, finding.code)
            assert (finding.advice.value or 0) < (finding.actual or 0), (net, finding.code)


def test_what_the_course_notes_say_of_vgg16_comes_out() -> None:
    """CS231n: most parameters in the first FC layer (103M of 138M), most memory in the early layers."""
    early, first = everything()["vgg16"]

    assert (early.code, first.code) == ("early-activations", "first-fc")
    assert first.message.endswith("but this one holds 102,764,544 of 138,357,544 (74.3 %)")
    # without its plane of 7x7 the first FC has 512*4096 weights, not 7*7*512*4096
    assert first.advice == ("global average pooling before fc1", 138_357_544 - 48 * 512 * 4096)
