"""The rule ``bias-before-bn``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.analysis.rewriting import rewritten_sum
from cnncalc.checks.rules.base import Rule, Site
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.checks.findings import Finding


class BiasBeforeBn(Rule):
    """A bias before batch normalization has no effect.

    What: a convolution or FC with bias whose only readers are BN or instance normalization (which also subtracts the
    mean of each channel). Layers that share their parameters are not reported.

    Why: the normalization subtracts the mean of each channel, and with it any constant that was added before. The bias
    is stored, moved and updated, and its gradient is zero.

    Example: CONV3-64 -> BN -> RELU has 64 biases without any effect.

    Instead: `bias: no` for the convolution, or for all of them with `defaults: {conv: {bias: no}}`. The value of the
    advice is the number of parameters of the net with it.

    Source: Ioffe and Szegedy 2015, section 3.2.
    """

    code: ClassVar[str] = "bias-before-bn"

    def sites(self, report: Report) -> Iterable[Site]:
        readers = report.graph.readers()
        shared = {node.share for node in report.graph.nodes}
        for row in report.layers:
            if row.layer.counts_macs and row.biases and row.index not in shared:
                after = [report.layers[reader] for reader in readers[row.index]]
                if after and all(reader.layer.centres_channels for reader in after):
                    yield Site(row, (after[0],))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (reader,) = sites[0]
        biases = plural(row.biases, "bias")
        message = f"normalization cancels a bias before it, but {row.label} has {biases} before {reader.name}"
        layers = {id(site.row.layer): site.row.layer for site in sites}  # many rows have the same one
        chains = {key: (layer.with_keys(bias="no"),) for key, layer in layers.items()}
        changed = rewritten_sum(report, {site.row.index: chains[id(site.row.layer)] for site in sites}, "parameters")
        return self.found(report, sites, message, "parameters", what="bias: no", changed=changed)
