"""What every design rule is: where it finds something, what it says there, and the effect of its fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from cnncalc.analysis.report import account
from cnncalc.checks.findings import Advice, Finding, Share
from cnncalc.errors import CnncalcError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.graph import Node
    from cnncalc.layers.base import Layer


MOST_WORK = 20_000
"""So many layers are accounted for anew by one rule, since the effect of each finding is that of a whole net."""


class Site(NamedTuple):
    """A layer at which a rule finds something, with what the rule knows of it."""

    row: LayerReport
    facts: tuple[Any, ...] = ()


class Rule:
    """A design rule. The docstring of each rule is its documentation: what, why, example, instead, source.

    ``code`` is the word by which it is selected, ignored and explained. ``sites`` looks at every layer; ``finding``
    speaks about all sites that stand at one place in the text, since ``[CONV7-64 -> RELU]*20`` is one thing to change.
    """

    code: ClassVar[str] = ""

    def sites(self, report: Report) -> Iterable[Site]:
        """The layers at which there is something to say."""
        raise NotImplementedError

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        """What there is to say about sites at one place, with the computed effect of the fix."""
        raise NotImplementedError

    def find(self, report: Report) -> Iterator[Finding]:
        """Everything that the rule finds in a net, in its order."""
        return self.told(report, self.sites(report))

    def told(self, report: Report, sites: Iterable[Site]) -> Iterator[Finding]:
        """The findings about sites, one for each place in the text; what is too much for that joins the last one."""
        places: dict[tuple[object, ...], list[Site]] = {}
        most = max(1, MOST_WORK // len(report.layers))
        for site in sites:
            span = site.row.span
            place: tuple[object, ...] = (site.row.index,) if span is None else (id(span.source), span.start, span.end)
            if place not in places and len(places) >= most:
                place = next(reversed(places))
            places.setdefault(place, []).append(site)
        for together in places.values():
            yield self.finding(report, together)

    def found(
        self,
        report: Report,
        sites: Sequence[Site],
        message: str,
        *,
        key: str | None = None,
        actual: int | None = None,
        shares: tuple[Share, ...] = (),
        advice: Advice | None = None,
    ) -> Finding:
        """A finding at the first of the sites; the others are counted in the message."""
        row = sites[0].row
        return Finding(
            self.code,
            "warning",
            f"{row.name}: {message}{others(sites)}",
            "",
            report.name,
            row.span,
            row.name,
            key,
            actual=actual,
            shares=shares,
            advice=advice,
        )


def others(sites: Sequence[Site]) -> str:
    """`` (likewise conv2, conv3 and 4 more)``"""
    names = [site.row.name for site in sites[1:]]
    if not names:
        return ""
    most = 3
    if len(names) > most + 1:
        return f" (likewise {', '.join(names[:most])} and {len(names) - most} more)"
    return f" (likewise {listed(names)})"


def listed(words: Sequence[str], last: str = "and") -> str:
    """``a, b and c``"""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def counted(count: int, what: str) -> str:
    """``1 row``, ``2,000 rows``"""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def percent(part: int, whole: int) -> str:
    """``74.3 %``, rounded half up; ``0.0 %`` of nothing."""
    if not whole:
        return "0.0 %"
    tenths = (2000 * part + whole) // (2 * whole)
    return f"{tenths // 10}.{tenths % 10} %"


def with_keys(layer: Layer, **keys: Any) -> Layer:
    """The layer with other values for some keys (None: left out)."""
    values = {**layer.written(), **keys}
    return type(layer)(**{name: value for name, value in values.items() if value is not None})


def rebuilt(report: Report, changes: Mapping[int, Sequence[Layer]]) -> Report | None:
    """The net with some layers replaced, each by a chain of layers, and accounted anew; None where that is no net.

    An empty chain takes the layer out, so that its readers read its input. The first layer of a chain has the inputs
    of the one that it replaces, the last its name. All other layers stay as they are.
    """
    nodes: list[Node] = []
    moved: list[int] = []
    for index, (node, row) in enumerate(zip(report.graph.nodes, report.layers, strict=True)):
        inputs = tuple([moved[source] for source in node.inputs])
        chain = changes.get(index, (row.layer,))
        if not chain and len(inputs) != 1:
            return None
        if len(chain) != 1 and node.share is not None:
            return None
        for number, layer in enumerate(chain):
            is_last = number == len(chain) - 1
            name = node.name if is_last else f"{node.name}+{number}"
            nodes.append(node._replace(name=name, layer=layer, inputs=inputs, stated=None))
            inputs = (len(nodes) - 1,)
        moved.append(inputs[0] if not chain else len(nodes) - 1)
    if any(node.share is not None and not changes.get(node.share, (1,)) for node in report.graph.nodes):
        return None
    nodes = [node if node.share is None else node._replace(share=moved[node.share]) for node in nodes]
    try:
        return account(report.graph._replace(nodes=tuple(nodes)), batch=report.batch, dtype=report.dtype)
    except CnncalcError:
        return None


def without(report: Report, dead: set[int]) -> Report | None:
    """The net without some layers that nothing else reads."""
    moved: dict[int, int] = {}
    nodes: list[Node] = []
    for index, (node, row) in enumerate(zip(report.graph.nodes, report.layers, strict=True)):
        if index in dead:
            continue
        if node.share in dead or any(source in dead for source in node.inputs):
            return None
        moved[index] = len(nodes)
        inputs = tuple([moved[source] for source in node.inputs])
        nodes.append(node._replace(layer=row.layer, inputs=inputs, stated=None))
    nodes = [node if node.share is None else node._replace(share=moved[node.share]) for node in nodes]
    try:
        return account(report.graph._replace(nodes=tuple(nodes)), batch=report.batch, dtype=report.dtype)
    except CnncalcError:
        return None


def readers_of(report: Report) -> list[list[int]]:
    """For each row the rows that read its output."""
    return report.graph.readers


def is_depthwise(row: LayerReport) -> bool:
    """Whether each filter of a convolution sees one map alone."""
    groups = getattr(row.layer, "groups", 1)
    return row.kind == "dwconv" or (row.kind in ("conv", "deconv") and groups == row.input_volumes[0].depth > 1)


LINEAR = frozenset(("conv", "dwconv", "deconv", "fc"))
"""The kinds that are counted in MACs."""
