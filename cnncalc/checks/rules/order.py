"""Rules about which layer follows which, and how many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.checks.findings import Advice, Finding
from cnncalc.checks.rules.base import (
    LINEAR,
    Rule,
    Site,
    counted,
    is_depthwise,
    listed,
    readers_of,
    rebuilt,
    with_keys,
    without,
)
from cnncalc.layers import KINDS
from cnncalc.layers.pooling import AdaptivePooling, Pooling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.base import Layer

VIEWS = frozenset(("flatten", "identity", "reshape", "dropout"))
"""Kinds that pass every value on (dropout at test time)."""
NORMALIZATIONS = frozenset(("bn", "ln", "gn", "in"))
STRAIGHT = frozenset((*VIEWS, "bn", "scale", "pad", "avgpool", "gap", "upsample", "shuffle", "slice"))
"""Kinds that are linear at test time, so that two convolutions with nothing else between are one."""
RECTIFIERS = frozenset(("relu", "relu6", "lrelu", "prelu", "elu", "gelu", "silu", "hswish", "softplus"))


class LongStretch(Rule):
    """Many convolutions in a row need a shortcut or a normalization.

    What: more than 4 convolutions with a kernel above 1x1 between two layers that make the plane smaller, in a plain
    chain: no merge, no normalization among them. The notes' pattern has N <= 3 before a pool; VGG-19 has 4.

    Why: a deeper plain stretch trains worse, not better: gradients fade, and the error grows even on the training set.
    It also keeps many volumes of the same, large size.

    Example: [CONV3-64 -> RELU]*8 -> POOL2.

    Instead: a pool or a stride in between, a shortcut around each two ([CONV -> RELU -> CONV | ] -> ADD), or BN behind
    each. The value of the advice is the number of parameters of the net with BN there and without those biases.

    Source: CS231n, "Layer Patterns"; He et al. 2015, Figure 1.
    """

    code: ClassVar[str] = "long-stretch"
    most = 4

    def sites(self, report: Report) -> Iterable[Site]:
        stretches: list[tuple[int, ...]] = []  # for each row the first convolutions of the stretch that it ends
        readers = readers_of(report)
        for row in report.layers:
            before = stretches[row.sources[0]] if len(row.sources) == 1 else ()
            if row.sources and len(readers[row.sources[0]]) > 1:
                before = ()
            x, y = row.input_volumes[0] if row.sources else row.output, row.output
            shrinks = bool(row.sources) and (y.height, y.width) != (x.height, x.width) and _steps(row.layer)
            if row.kind in NORMALIZATIONS or len(row.sources) > 1 or shrinks:
                before = ()
            if row.kind == "conv" and max(row.layer.kernel) > 1:  # type: ignore[attr-defined]
                if len(before) <= self.most:
                    before = (*before, row.index)
                    if len(before) == self.most + 1:
                        yield Site(row, before)
            stretches.append(before)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, first = sites[0]
        volume = row.output
        readers = readers_of(report)
        members = _stretch(report, readers, first)
        message = (
            f"at most {self.most} convolutions in a row should go without a pool, shortcut or normalization, but this "
            f"is number {self.most + 1} of {len(members)} on {volume}"
        )
        changes: dict[int, Sequence[Layer]] = {}
        for site in sites:
            for index in _stretch(report, readers, site.facts):
                layer = report.layers[index].layer
                changes[index] = (with_keys(layer, bias="no"), KINDS["bn"]())
        changed = rebuilt(report, changes)
        advice = None
        if changed is not None:
            advice = Advice("a BN behind each convolution, whose bias it replaces", changed.totals.parameters)
        actual = report.totals.parameters
        return self.found(report, sites, message, key="parameters", actual=actual, advice=advice)


def _steps(layer: Layer) -> bool:
    """Whether a layer takes steps of more than one pixel."""
    if isinstance(layer, Pooling):
        return (isinstance(layer, AdaptivePooling) and layer.adaptive is not None) or max(layer.step) > 1
    return max(getattr(layer, "stride", None) or (1, 1)) > 1 or layer.kind in ("fc", "gap", "gmp", "upsample")


def _stretch(report: Report, readers: list[list[int]], first: Sequence[int]) -> list[int]:
    """All convolutions of the plain stretch that begins with these."""
    members = list(first)
    index = members[-1]
    while len(readers[index]) == 1:
        (index,) = readers[index]
        row = report.layers[index]
        if len(row.sources) > 1 or row.kind in NORMALIZATIONS or _steps(row.layer):
            break
        if row.kind == "conv" and max(row.layer.kernel) > 1:  # type: ignore[attr-defined]
            members.append(index)
    return members


class ManyFc(Rule):
    """Fewer than three hidden fully-connected layers are enough.

    What: three or more FC layers one after the other in front of the last one (K of the notes' pattern is below 3).

    Why: behind the convolutions one or two find what there is to find; each further one of 4096 units has 16.8 million
    weights that mostly overfit.

    Example: [FC-4096 -> RELU]*3 -> FC-10.

    Instead: two, one, or none behind a global average pool. The value of the advice is the number of parameters of the
    net without the hidden FC layers beyond the second.

    Source: CS231n, "Layer Patterns".
    """

    code: ClassVar[str] = "many-fc"
    most = 2

    def sites(self, report: Report) -> Iterable[Site]:
        none = (0, 0)
        chains: list[tuple[int, int]] = []  # for each row how many FC layers in a row lead to it, and the third of them
        readers = readers_of(report)
        for row in report.layers:
            before = chains[row.sources[0]] if len(row.sources) == 1 and len(readers[row.sources[0]]) == 1 else none
            if row.kind == "fc":
                count = before[0] + 1
                before = (count, row.index if count <= self.most + 1 else before[1])
                if count > self.most + 1 and not _next_fc(report, readers, row.index):
                    yield Site(report.layers[before[1]], (count, row.index))
            elif not (row.layer.is_activation or row.kind in STRAIGHT):
                before = none
            chains.append(before)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        hidden = sites[0].facts[0] - 1
        message = (
            f"at most {self.most} hidden fully-connected layers should stand in front of the last one, but there are "
            f"{hidden}"
        )
        changes: dict[int, Sequence[Layer]] = {}
        for site in sites:
            for index in range(site.row.index, site.facts[1]):
                if not report.layers[index].output.is_point or len(report.layers[index].sources) != 1:
                    return self.found(report, sites, message)
                changes[index] = ()
        changed = rebuilt(report, changes)
        advice = None
        if changed is not None:
            advice = Advice(f"{self.most} hidden FC layers", changed.totals.parameters)
        actual = report.totals.parameters
        return self.found(report, sites, message, key="parameters", actual=actual, advice=advice)


def _next_fc(report: Report, readers: list[list[int]], index: int) -> bool:
    """Whether another FC follows in the same chain."""
    while len(readers[index]) == 1:
        (index,) = readers[index]
        row = report.layers[index]
        if row.kind == "fc":
            return True
        if not (row.layer.is_activation or row.kind in STRAIGHT):
            return False
    return False


class LinearAfterLinear(Rule):
    """Between two linear layers belongs an activation function.

    What: a convolution or FC whose output reaches another one through nothing but BN, dropout, views, padding, means
    or upsampling. Left alone is what is linear on purpose: depthwise convolutions beside a 1x1 (separable
    convolutions, linear bottlenecks), a layer narrower than both its neighbours (a factorization), 1xN beside Nx1,
    and whatever passes a merge (projections of a shortcut).

    Why: two linear functions are one linear function: the second layer adds weights and time, but nothing that the
    first could not have learned.

    Example: CONV3-64 -> BN -> CONV3-64 is a single CONV5-64; FC-512 -> FC-10 on 1,024 inputs is a single FC-10.

    Instead: a RELU between them, or one layer. The value of the advice is the number of parameters of the net with it.

    Source: CS231n, "Layer Patterns" (three advantages of stacked filters) and "Commonly used activation functions".
    """

    code: ClassVar[str] = "linear-after-linear"

    def sites(self, report: Report) -> Iterable[Site]:
        linear: list[LayerReport | None] = []  # for each row the linear layer whose values it still is
        for row in report.layers:
            before = linear[row.sources[0]] if len(row.sources) == 1 else None
            if row.kind in LINEAR:
                if before is not None and not _on_purpose(before, row):
                    yield Site(row, (before,))
                linear.append(row)
            else:
                linear.append(before if row.kind in STRAIGHT else None)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (first,) = sites[0]
        between = []
        index = row.sources[0]
        while index != first.index:
            between.append(report.layers[index].label)
            index = report.layers[index].sources[0]
        with_what = f"only {listed(between[::-1])} stands" if len(between) == 1 else "nothing stands"
        if len(between) > 1:
            with_what = f"only {listed(between[::-1])} stand"
        message = (
            f"two linear layers are one unless an activation stands between them, but between {first.label} "
            f"({first.name}) and {row.label} {with_what}"
        )
        actual = report.totals.parameters
        readers = readers_of(report)
        if all(_can_merge(report, readers, site) for site in sites):
            gone = {site.facts[0].index for site in sites}
            if not gone & {site.row.index for site in sites}:
                changed = rebuilt(report, dict.fromkeys(gone, ()))
                if changed is not None and changed.totals.parameters < actual:
                    advice = Advice(f"a RELU between them, or {row.label} alone", changed.totals.parameters)
                    return self.found(report, sites, message, key="parameters", actual=actual, advice=advice)
        changed = rebuilt(report, {site.row.index: (KINDS["relu"](), site.row.layer) for site in sites})
        between_them = None if changed is None else Advice("a RELU between them", changed.totals.parameters)
        return self.found(report, sites, message, key="parameters", actual=actual, advice=between_them)


def _on_purpose(first: LayerReport, second: LayerReport) -> bool:
    """Whether two linear layers with nothing between are a known construction."""
    if is_depthwise(first) or is_depthwise(second):
        return True
    into = first.input_volumes[0].elements if "fc" in (first.kind, second.kind) else first.input_volumes[0].depth
    middle = first.output.elements if second.kind == "fc" else first.output.depth
    if middle < into and middle < second.output.depth:
        return True
    one, two = (getattr(row.layer, "kernel", (1, 1)) for row in (first, second))
    return (one[0] == 1 < one[1] and two[1] == 1 < two[0]) or (one[1] == 1 < one[0] and two[0] == 1 < two[1])


def _can_merge(report: Report, readers: list[list[int]], site: Site) -> bool:
    """Whether the second of two FC layers does alone what both do."""
    row, (first,) = site
    index = row.sources[0]
    while index != first.index:
        if report.layers[index].kind not in VIEWS:
            return False
        index = report.layers[index].sources[0]
    return first.kind == row.kind == "fc" and len(readers[first.index]) == 1


class UnreadLayer(Rule):
    """A layer that nothing reads costs for nothing.

    What: a layer whose output no other layer takes, and which does not end the chain or a fork. It has a name, or the
    text would have been refused. Left alone are `training_only` layers. An output that is meant as one is put into a
    fork at the end ([FC-10 | FC-4]) or told to this rule (`ignore: {unread-layer: NAME}`).

    Why: it is computed, stored and trained on nothing; mostly an ADD or CONCAT has forgotten it.

    Example: a list entry `conv: {name: proj, filters: 64, inputs: pool1}` to which no `add` refers.

    Instead: read it, or leave it out. The value of the advice is the number of multiply-adds of the net without it and
    without what feeds it alone.

    Source: no paper; the graph itself.
    """

    code: ClassVar[str] = "unread-layer"

    def sites(self, report: Report) -> Iterable[Site]:
        readers = readers_of(report)
        last = len(report.layers) - 1
        for row, node in zip(report.layers, report.graph.nodes, strict=True):
            if not readers[row.index] and not node.is_end and not row.training_only and row.index != last:
                yield Site(row)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        dead = {site.row.index for site in sites}
        readers = readers_of(report)
        for row in reversed(report.layers):
            if readers[row.index] and all(reader in dead for reader in readers[row.index]):
                dead.add(row.index)
        macs = sum(report.layers[index].macs for index in dead)
        weights = sum(report.layers[index].parameters for index in dead)
        message = (
            f"a layer should be read by another one or end the net, but nothing reads this one: "
            f"{macs:,} MACs and {counted(weights, 'parameter')} for nothing"
        )
        changed = without(report, dead)
        names = [report.layers[index].name for index in sorted(dead)]
        advice = None
        if changed is not None:
            what = listed(names) if len(names) < 5 else f"{names[0]} to {names[-1]}"
            advice = Advice(f"without {what}", changed.totals.macs)
        return self.found(report, sites, message, key="macs", actual=report.totals.macs, advice=advice)


class ActivationAfterLastFc(Rule):
    """The last fully-connected layer gives the scores: no rectifier or dropout behind it.

    What: an output of the net that is an FC followed by a rectifier (RELU and its kin) or by dropout. Sigmoid, TANH and
    softmax bound the scores on purpose and are left alone, and so are maps that are averaged after a RELU (Network in
    Network, SqueezeNet), since no FC is there.

    Why: a RELU makes every score below zero zero: the loss gets no gradient for that class, and ties remain. Dropout
    there strikes out whole classes.

    Example: FC-256 -> RELU -> FC-10 -> RELU, often because [FC -> RELU]*K was repeated once too often.

    Instead: end with the FC. The value of the advice is the number of layers of the net without what follows it.

    Source: CS231n, "Layer Patterns": [FC -> RELU]*K -> FC, "the last fully-connected layer ... class scores".
    """

    code: ClassVar[str] = "activation-after-last-fc"

    def sites(self, report: Report) -> Iterable[Site]:
        readers = readers_of(report)
        for row in report.layers:
            if readers[row.index] or not row.sources:
                continue
            behind: list[LayerReport] = []
            while len(row.sources) == 1 and (row.kind in RECTIFIERS or row.kind in VIEWS):
                behind.append(row)
                row = report.layers[row.sources[0]]
            wrong = [other for other in behind if other.kind in RECTIFIERS or other.kind == "dropout"]
            if row.kind == "fc" and wrong and all(len(readers[r.index]) == 1 for r in (row, *behind[1:])):
                yield Site(wrong[-1], (row, wrong))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        _, (fc, wrong) = sites[0]
        kinds = listed([other.label for other in reversed(wrong)])
        message = (
            f"the scores should leave the net as the last fully-connected layer gives them, but behind {fc.name} "
            f"stands {kinds}"
        )
        gone = {other.index: () for site in sites for other in site.facts[1]}
        changed = rebuilt(report, gone)
        advice = None if changed is None else Advice(f"end with {fc.label}", len(changed.layers))
        return self.found(report, sites, message, key="layers", actual=len(report.layers), advice=advice)


class SoftmaxInside(Rule):
    """A softmax belongs to the end of a net.

    What: a softmax whose output another layer works on. Left alone is a softmax that weighs volumes (its reader is MUL:
    attention) and one that only views or averages follow.

    Why: its outputs add up to 1 along the depth, so the next layer sees tiny numbers and hardly a gradient; two of
    them in a row make every class nearly equal.

    Example: FC-128 -> SOFTMAX -> FC-10.

    Instead: a RELU. The value of the advice is the number of activations of the net with it: a RELU works in place,
    a softmax does not.

    Source: CS231n, "Softmax classifier".
    """

    code: ClassVar[str] = "softmax-inside"

    def sites(self, report: Report) -> Iterable[Site]:
        readers = readers_of(report)
        for row in report.layers:
            if row.kind == "softmax":
                reader = _worker(report, readers, row.index)
                if reader is not None:
                    yield Site(row, (reader,))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        (reader,) = sites[0].facts
        message = f"a softmax should end the net, but {reader.label} ({reader.name}) works on what it gives"
        twice = reader.kind == "softmax"
        changed = rebuilt(report, {site.row.index: () if twice else (KINDS["relu"](),) for site in sites})
        what = "leave it out" if twice else "a RELU in its place"
        advice = None if changed is None else Advice(what, changed.totals.activations)
        actual = report.totals.activations
        return self.found(report, sites, message, key="activations", actual=actual, advice=advice)


def _worker(report: Report, readers: list[list[int]], index: int) -> LayerReport | None:
    """The first layer behind another one that works on its values: no view, mean or product."""
    passing = (*VIEWS, "gap", "avgpool", "mul", "concat", "slice", "upsample")
    todo, seen = list(readers[index]), set()
    while todo:
        at = todo.pop(0)
        if at in seen:
            continue
        seen.add(at)
        row = report.layers[at]
        if row.kind not in passing:
            return row
        if row.kind != "mul":
            todo += readers[at]
    return None


class NoEffect(Rule):
    """A layer should change something.

    What: an activation function behind one that has already done its work (RELU behind RELU, RELU6 or sigmoid, also
    across a max pool, a view or dropout), a pool of 1x1 with stride 1, a global pool of a single pixel, upsampling by
    1, padding by 0, dropout at rate 0, and a slice of all channels.

    Why: it takes a line to read and mostly time to run; mostly something else was meant.

    Example: CONV3-64 -> RELU -> POOL2 -> RELU.

    Instead: leave it out. The value of the advice is the number of layers of the net without it.

    Source: the definitions; max(0, max(0, x)) = max(0, x).
    """

    code: ClassVar[str] = "no-effect"

    def sites(self, report: Report) -> Iterable[Site]:
        for row in report.layers:
            if len(row.sources) == 1:
                reason = self._reason(report, row)
                if reason:
                    yield Site(row, (reason,))

    def _reason(self, report: Report, row: LayerReport) -> str | None:
        layer, x = row.layer, row.input_volumes[0]
        if row.kind in ("gap", "gmp") and x.is_point:
            return f"{x} is a single pixel already"
        if isinstance(layer, Pooling) and row.kind != "subsample" and layer.kernel == layer.step == (1, 1):
            if row.output == x and not (isinstance(layer, AdaptivePooling) and layer.adaptive):
                return "each window is a single pixel"
        if row.kind == "upsample" and row.output == x:
            return "its factor is 1"
        if row.kind == "pad" and not any(layer.pad):  # type: ignore[attr-defined]
            return "its pad is 0"
        if row.kind == "dropout" and layer.rate == 0:  # type: ignore[attr-defined]
            return "its rate is 0"
        if row.kind == "slice" and row.output == x:
            return f"all {counted(x.depth, 'channel')} are taken"
        if row.kind in ("relu", "relu6"):
            before = report.layers[row.sources[0]]
            while before.kind in ("pool", "gmp", *VIEWS) and before.sources:
                before = report.layers[before.sources[0]]
            done: tuple[str, ...] = ("relu6", "sigmoid", "hsigmoid", "softmax")
            if row.kind == "relu":
                done += ("relu", "softplus")
            if before.kind in done:
                top = " and at most 6" if row.kind == "relu6" else ""
                return f"what {before.label} ({before.name}) gives is at least 0{top} already"
        return None

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (reason,) = sites[0]
        message = f"a layer should change something, but {row.label} does not: {reason}"
        changed = rebuilt(report, {site.row.index: () for site in sites})
        what = f"without {row.name}" if len(sites) == 1 else "without them"
        advice = None if changed is None else Advice(what, len(changed.layers))
        return self.found(report, sites, message, key="layers", actual=len(report.layers), advice=advice)
