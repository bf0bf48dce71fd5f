"""Rules about where parameters and memory go."""

from __future__ import annotations

from math import lcm
from typing import TYPE_CHECKING, ClassVar

from cnncalc.checks.findings import Advice, Finding, Share
from cnncalc.checks.rules.base import LINEAR, Rule, Site, percent, readers_of, rebuilt, with_keys
from cnncalc.layers.convolution import Conv
from cnncalc.layers.pooling import Pooling
from cnncalc.memory.fit import without_first_fc_plane

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.base import Layer


class FirstFc(Rule):
    """The first fully-connected layer should not hold most of the parameters.

    What: the first FC on a plane of more than one pixel, where it has more than half of all parameters, and at least
    a million of them. Left alone is an FC on the image itself, a linear classifier.

    Why: it has height x width x depth weights for each unit, mostly to learn that a thing looks the same in each place.
    A mean over the plane loses next to nothing, as all nets since GoogLeNet show.

    Example: fc6 of VGG16 has 102,764,544 of 138,357,544 parameters: 74.3 %.

    Instead: a global average pool in front of it (GAP -> FC). The value of the advice is the number of
    parameters of the net with it.

    Source: CS231n, "Case studies"; Lin et al. 2013, section 3.2; Szegedy et al. 2014, section 5.
    """

    code: ClassVar[str] = "first-fc"
    least = 1_000_000

    def sites(self, report: Report) -> Iterable[Site]:
        row = next((row for row in report.layers if row.kind == "fc" and not row.training_only), None)
        if row is None or row.parameters < self.least or 2 * row.parameters <= report.totals.parameters:
            return
        changed = without_first_fc_plane(report)
        if changed is not None and _is_behind_convolution(report, row):
            yield Site(row, (changed[1],))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (changed,) = sites[0]
        total = report.totals.parameters
        message = (
            "the first fully-connected layer should not hold most of the parameters, but this one holds "
            f"{row.parameters:,} of {total:,} ({percent(row.parameters, total)})"
        )
        advice = Advice(f"global average pooling before {row.name}", changed.totals.parameters)
        shares = (Share(row.name, row.parameters),)
        return self.found(report, sites, message, key="parameters", actual=total, shares=shares, advice=advice)


def _is_behind_convolution(report: Report, row: LayerReport) -> bool:
    """Whether a layer sees features rather than the image itself, of which a mean would leave the colour alone."""
    while len(row.sources) == 1:
        row = report.layers[row.sources[0]]
        if row.kind in LINEAR:
            return True
    return bool(row.sources)


class EarlyActivations(Rule):
    """The first layers should not hold most of the activation memory.

    What: nets that classify images with sides of 64 and more, begin with a convolution of stride 1, and hold more than
    half of their activations, and at least a million of them, before the second layer that halves the plane. Left
    alone are small images, nets whose output is a plane (segmentation, generators), and nets that already begin with a
    stride.

    Why: the first volumes are the largest, and training keeps them all; they, not the parameters, decide which batch
    fits.

    Example: the input and the four first convolutions of VGG16, with the pool between them, hold 69.5 % of its
    activations.

    Instead: a stride of 2 in the first convolution (7x7 with stride 2 in ZFNet and ResNet). The value of the advice is
    the number of activations of one image in the net with it. Every volume behind it shrinks as well, and so does a
    first FC on a plane; for the same last plane leave out a pool.

    Source: CS231n, "Computational considerations" and "Layer Sizing Patterns" (compromising based on memory).
    """

    code: ClassVar[str] = "early-activations"
    least_side = 64
    least = 1_000_000

    def sites(self, report: Report) -> Iterable[Site]:
        rows = report.layers
        inputs = [row for row in rows if row.kind == "input"]
        if len(inputs) != 1 or min(inputs[0].output[:2]) < self.least_side:
            return
        readers = readers_of(report)
        if not all(row.output.is_point for row in rows if not readers[row.index] and not row.training_only):
            return
        first = next((row for row in rows if row.kind == "conv"), None)
        if first is None or first.sources != (inputs[0].index,) or not isinstance(first.layer, Conv):
            return
        if first.layer.stride != (1, 1):
            return
        halvings = [0] * len(rows)
        early = []
        for row in rows:
            halved = max((halvings[source] for source in row.sources), default=0)
            if row.sources:
                halved += row.output.height < row.input_volumes[0].height and _strides(row.layer)
            halvings[row.index] = halved
            if halved < 2 and not row.in_place and not row.training_only:
                early.append(row)
        held = sum(row.activations for row in early)
        if held >= self.least and 2 * held > report.test_time.activations:
            yield Site(first, (held, early))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (held, early) = sites[0]
        total = report.test_time.activations
        message = (
            "the first layers should not hold most of the activations, but those before the second halving hold "
            f"{held:,} of {total:,} ({percent(held, total)})"
        )
        shares = sorted((Share(r.name, r.activations) for r in early), key=lambda share: -share.value)[:3]
        changed = rebuilt(report, {row.index: (with_keys(row.layer, stride=2),)})
        advice = None
        if changed is not None:
            advice = Advice(f"{changed.layers[row.index].label} as {row.name}", changed.test_time.activations)
        return self.found(report, sites, message, key="activations", actual=total, shares=tuple(shares), advice=advice)


def _strides(layer: Layer) -> bool:
    """Whether a layer takes steps of more than one pixel, or sees the whole plane."""
    if isinstance(layer, Pooling):
        return max(layer.step) > 1
    return max(getattr(layer, "stride", (1, 1))) > 1 or layer.kind in ("gap", "gmp", "fc", "rbf")


class BiasBeforeBn(Rule):
    """A bias in front of batch normalization does nothing.

    What: a convolution or FC with bias whose only readers are BN or instance normalization (which also takes the mean
    out of each channel). Left alone are layers that share their parameters.

    Why: the normalization subtracts the mean of each channel, and with it any constant that was added before. The bias
    is stored, moved and updated, and its gradient is zero.

    Example: CONV3-64 -> BN -> RELU has 64 biases that nothing depends on.

    Instead: `bias: no` for the convolution, or for all of them with `defaults: {conv: {bias: no}}`. The value of the
    advice is the number of parameters of the net with it.

    Source: Ioffe and Szegedy 2015, section 3.2.
    """

    code: ClassVar[str] = "bias-before-bn"

    def sites(self, report: Report) -> Iterable[Site]:
        readers = readers_of(report)
        lent = {node.share for node in report.graph.nodes}
        for row in report.layers:
            if row.kind in LINEAR and row.biases and row.index not in lent:
                kinds = {report.layers[reader].kind for reader in readers[row.index]}
                if kinds and kinds <= {"bn", "in"}:
                    yield Site(row, (report.layers[readers[row.index][0]],))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (reader,) = sites[0]
        message = (
            f"normalization takes out what a bias adds, but {row.label} has {row.biases:,} "
            f"{'bias' if row.biases == 1 else 'biases'} in front of {reader.name}"
        )
        changed = rebuilt(report, {site.row.index: (with_keys(site.row.layer, bias="no"),) for site in sites})
        advice = None if changed is None else Advice("bias: no", changed.totals.parameters)
        actual = report.totals.parameters
        return self.found(report, sites, message, key="parameters", actual=actual, advice=advice)


class OddDepth(Rule):
    """Large depths should be divisible by 8.

    What: convolutions and FC layers with more than 128 filters or units whose number is not divisible by 8. Left alone
    are the last ones of a chain, whose number is that of the classes.

    Why: matrix units of GPUs work on 8 half-precision numbers at once (16 of int8), and channels lie in memory in such
    groups. Other depths are padded or take a slower path.

    Example: CONV3-250: its time is that of CONV3-256.

    Instead: the next multiple of 8 that the groups divide as well. The value of the advice is the number of
    multiply-adds of the net with it.

    Source: NVIDIA, "Deep Learning Performance: Convolutional Layers User's Guide", section on channels in and out.
    """

    code: ClassVar[str] = "odd-depth"
    above = 128
    multiple = 8

    def sites(self, report: Report) -> Iterable[Site]:
        readers = readers_of(report)
        learned_behind = [False] * len(report.layers)
        for row in reversed(report.layers):
            behind = [report.layers[reader] for reader in readers[row.index]]
            learned_behind[row.index] = any(r.kind in LINEAR or learned_behind[r.index] for r in behind)
        for row in report.layers:
            if row.kind in ("conv", "deconv", "fc") and learned_behind[row.index]:
                depth = row.output.depth
                if depth > self.above and depth % self.multiple:
                    yield Site(row)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row = sites[0].row
        depth = row.output.depth
        better = self._better(row)
        message = f"a large depth should be divisible by {self.multiple}, but {row.label} has {depth:,} = "
        message += f"{depth // self.multiple}*{self.multiple} + {depth % self.multiple}"
        changed = rebuilt(report, {site.row.index: (self._rounded(site.row),) for site in sites})
        what = f"a depth of {better:,}"
        advice = None if changed is None else Advice(what, changed.totals.macs)
        return self.found(report, sites, message, key="macs", actual=report.totals.macs, advice=advice)

    def _better(self, row: LayerReport) -> int:
        """The next depth that is divisible by 8, and by the groups as before."""
        step = lcm(self.multiple, getattr(row.layer, "groups", 1))
        return -(-row.output.depth // step) * step

    def _rounded(self, row: LayerReport) -> Layer:
        return with_keys(row.layer, **{row.layer.dash or "filters": self._better(row)})
