"""What the design rules say about the named nets, all of it: ``pytest --regenerate`` writes ``docs/rules.md`` anew."""

from __future__ import annotations

from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING

import cnncalc
from cnncalc.checks.rules import RULES, run_rules
from cnncalc.language.catalogue import names
from tests.checks.test_rules import ON_PURPOSE, PLANTED, findings

if TYPE_CHECKING:
    from cnncalc.checks.findings import Finding

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "rules.md"

TRUE = {
    "first-fc": "the notes say it of VGG and AlexNet themselves; later nets did without at no loss of accuracy",
    "early-activations": "the notes say it of VGG; training memory goes there",
    "bias-before-bn": "the biases are there and do nothing; the paper's net has no BN, the model zoo's kept the biases",
    "uneven-window": "the file has 224 pixels and no padding, where (224 - 7)/2 and (224 - 3)/2 are no whole numbers",
}
"""Why what a rule says about named nets is a fact worth a warning; a rule that is not here has to be silent."""

FALSE_ALARMS: dict[tuple[str, str], str] = {}
"""By net and rule: findings that are wrong, or cry about what a paper did on purpose, with the reason. None so far."""

INTRODUCTION = """\
# Design rules

`cnncalc check` looks at each design with the rules below. What they find are warnings: a net with findings is a net all
the same. Each finding names the layer, gives the rule and the numbers that break it, and one thing to try; the effect
of that was computed by changing the net and accounting for it anew. Layers that stand at one place in the text (as in
`[CONV3-64 -> BN -> RELU]*20`) are one finding, and the effect is that of changing them all.

## Being silent

`--select CODE` runs these rules alone, `--ignore CODE` all others. A file says under `ignore:` what it knows and wants
to keep:

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

An unknown code is an error of the file. An entry that is not needed is found by `unused-ignore`.

## What they find

All rules on all {nets} named nets, and on {planted} planted faults, each beside a twin without it; {kept} more
designs that are as they are on purpose have to pass without a word. This table is written by a test. The rules were
made with the named nets in view, so that their silence there says less than it would about nets never seen.

"""


@cache
def everything() -> dict[str, list[Finding]]:
    """The findings on every named net."""
    return {name: run_rules(cnncalc.analyze(name), file=f"{name}.yaml") for name in names()}


def document() -> str:
    """The whole of ``docs/rules.md``."""
    found = everything()
    lines = ["| rule | planted faults found | findings on named nets | nets | false alarms |", "|---|---|---|---|---|"]
    for code in RULES:
        planted = [case for case in PLANTED if case.code == code]
        seen = [case for case in planted if findings(case.fault, code)]
        nets = [net for net, every in found.items() for finding in every if finding.code == code]
        false = sum((net, code) in FALSE_ALARMS for net in nets)
        told = f"{len(seen)} of {len(planted)}" if planted else "with files, see its tests"
        lines.append(f"| [`{code}`](#{code}) | {told} | {len(nets)} | {len(set(nets))} | {false} |")
    total = sum(len(every) for every in found.values())
    lines.append(
        f"| all | {len(PLANTED)} of {len(PLANTED)} | {total} | {sum(map(bool, found.values()))} | {len(FALSE_ALARMS)} |"
    )
    lines += ["", "Why the findings on named nets are no false alarms:", ""]
    lines += [f"- `{code}`: {reason}." for code, reason in TRUE.items()]
    lines += ["", "Each of them, with the value now and with the advice:", ""]
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
    assert DOCUMENT.read_text(encoding="utf-8") == text


def test_no_rule_cries_on_a_named_net_without_a_reason() -> None:
    told = {finding.code for every in everything().values() for finding in every}

    assert told == set(TRUE)


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
