"""Writes a net without repeats and blocks as a short text with repeats, blocks with parameters, variables and defaults.

Each text is parsed again and compared with the net, node for node. If it differs, the next longer text is tried, and
finally the long form with one entry for each layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.collection import Paused
from cnncalc.errors import CnncalcError
from cnncalc.language.folding.blocks import Blocks
from cnncalc.language.folding.compare import agrees
from cnncalc.language.folding.forms import Forms
from cnncalc.language.folding.layout import lines_of
from cnncalc.language.folding.loops import RepeatFinder, unwrapped
from cnncalc.language.folding.naming import Naming
from cnncalc.language.folding.parts import leaves
from cnncalc.language.folding.short_layers import ShortLayers
from cnncalc.language.folding.structure import Builder
from cnncalc.language.folding.text import PatternText
from cnncalc.language.layer_text import written
from cnncalc.language.limits import PATTERN_CHARACTERS
from cnncalc.language.reading import read_architecture, read_pattern
from cnncalc.language.writer import as_pattern, as_yaml, head_lines, in_lines, note_lines
from cnncalc.layers import KINDS
from cnncalc.layers.base import Layer
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.graph import Graph
    from cnncalc.language.folding.blocks import Block
    from cnncalc.language.folding.parts import Part
    from cnncalc.volume import Volume

MAX_NODES = 25_000
MAX_EDGES = 100_000
"""Nets with more nodes or edges are written in the long form."""

STRATEGY_NODES = 12_000
"""The most nodes of a net times the strategies that are tried: fewer, but at least one, for a large net."""


class Strategy(NamedTuple):
    """One strategy to fold a net.

    ``equal_first`` and ``with_single`` as for :class:`RepeatFinder`, ``keeps_pointwise`` as for :meth:`Builder.parts`.
    ``with_blocks``: blocks are searched for too.
    """

    equal_first: bool
    with_single: bool
    with_blocks: bool = True
    keeps_pointwise: bool = False


STRATEGIES = (
    Strategy(equal_first=True, with_single=False),
    Strategy(equal_first=True, with_single=True),
    Strategy(equal_first=False, with_single=False),
    Strategy(equal_first=True, with_single=False, keeps_pointwise=True),
    Strategy(equal_first=True, with_single=True, keeps_pointwise=True),
    Strategy(equal_first=False, with_single=False, with_blocks=False),
)


def folded(graph: Graph) -> str:
    """The architecture file of a net without drafts, with repeats, blocks and variables: the shortest of STRATEGIES.

    Parsed again it gives the same net; inputs and outputs keep their names.
    """
    with Paused():
        return _shortest(graph, STRATEGIES, is_file=True) or flat(graph)


def folded_pattern(graph: Graph) -> str:
    """The pattern of a net without drafts, with repeats; parsed again it gives the same net."""
    strategies = [strategy._replace(with_blocks=False) for strategy in STRATEGIES[:3]]
    with Paused():
        return _shortest(graph, strategies, is_file=False) or as_pattern(graph)


def flat(graph: Graph) -> str:
    """The architecture file of a net without drafts in the long form: one entry with a name for each layer."""
    return as_yaml(graph)


def flat_pattern(graph: Graph) -> str:
    """The pattern of a net without drafts in the long form: every layer has its name."""
    return as_pattern(graph)


def _shortest(graph: Graph, strategies: Sequence[Strategy], *, is_file: bool) -> str | None:
    """The shortest text that gives the same net when parsed; None if there is none or the net is too large."""
    if len(graph.nodes) > MAX_NODES or sum([len(node.inputs) for node in graph.nodes]) > MAX_EDGES:
        return None
    volumes = _volumes(graph)
    if volumes is None:
        return None
    layers = ShortLayers(graph.nodes, volumes, has_defaults=is_file)
    for has_own_names in (True, False):
        builder = Builder(graph, layers, volumes, has_own_names=has_own_names)
        if is_file:
            builder.find_variable()
        found = _first_that_agrees(graph, builder, volumes, strategies, is_file=is_file)
        if found is not None or not builder.has_doubtful_names:
            return found
    return None


def _first_that_agrees(
    graph: Graph, builder: Builder, volumes: list[Volume], strategies: Sequence[Strategy], *, is_file: bool
) -> str | None:
    """The cheapest text of these strategies that gives the same net when parsed; None if there is none."""
    few = max(1, min(len(strategies), STRATEGY_NODES // len(graph.nodes)))
    nets = [_folded(builder, strategy) for strategy in strategies[:few]]
    texts = [_written(graph, builder, net, None, is_file=is_file) for net in nets]
    names = [node.name for node in builder.nodes]
    for place in sorted(range(len(nets)), key=lambda place: (texts[place].cost, place)):
        net = nets[place]
        order = [builder.order[leaf.node] for leaf in leaves(net.chain)]
        naming = Naming(net.forms, net.chain, names)
        tried = [_written(graph, builder, net, naming, is_file=is_file)] if naming.groups else []
        for found in (*tried, texts[place]):
            if _reads_back(graph, volumes, found.text, order, is_file=is_file):
                return found.text
    return None


def _volumes(graph: Graph) -> list[Volume] | None:
    """The output volume of each node; None if one cannot be computed."""
    volumes: list[Volume] = []
    try:
        for node in graph.nodes:
            layer = node.layer
            if not isinstance(layer, Layer):
                return None
            inputs = [volumes[source] for source in node.inputs]
            volumes.append(layer.on(len(inputs[0]) - 1).output(*inputs) if inputs else layer.output())
    except CnncalcError:
        return None
    return volumes


class Net(NamedTuple):
    """A net folded by one strategy."""

    forms: Forms
    chain: list[Part]
    blocks: list[Block]


def _folded(builder: Builder, strategy: Strategy) -> Net:
    """Folds the net by one strategy."""
    forms = Forms()
    repeat_finder = RepeatFinder(forms, equal_first=strategy.equal_first, with_single=strategy.with_single)
    chain = repeat_finder.folded(builder.parts(forms, keeps_pointwise=strategy.keeps_pointwise))
    if strategy.with_single:
        chain = unwrapped(forms, chain)
    blocks = Blocks(forms, frozenset(KINDS))
    if strategy.with_blocks:
        chain = blocks.folded(chain)
    return Net(forms, chain, blocks.blocks)


class Written(NamedTuple):
    """A text and its cost: its characters, 40 for each line, and :attr:`PatternText.burden`."""

    text: str
    cost: int


def _written(graph: Graph, builder: Builder, net: Net, naming: Naming | None, *, is_file: bool) -> Written:
    """The text of a folded net, with the names of ``naming`` for its blocks (None: without names)."""
    writer = PatternText(net.forms, net.blocks, builder.kept_names, naming, has_variables=is_file)
    writer.net(net.chain)
    for block in net.blocks:
        writer.block(block)
    writer.find_defaults()
    items = writer.net(net.chain)
    bodies = [writer.block(block) for block in net.blocks]
    lines = head_lines(graph) if is_file else note_lines(graph)
    if not is_file:
        lines += lines_of(items, 0)
        return _measured(lines, writer.burden)
    if writer.variables or builder.variable is not None:
        lines.append("variables:")
        lines += [f"  {builder.variable.name}: {builder.variable.value}"] if builder.variable is not None else []
        for name, rows in writer.variables.items():
            lines += _variable(name, rows, writer.comments[name])
    defaults = [
        f"{kind}: {{{', '.join(f'{key}: {written(value, quoted=True)}' for key, value in keys.items())}}}"
        for kind, keys in builder.short_layers.defaults.items()
    ]
    if defaults:
        lines += in_lines(f"defaults: {{{', '.join(defaults)}}}")
    if bodies:
        lines.append("blocks:")
        for head, body in bodies:
            lines += [f"  {head}: |", *lines_of(body, 4)]
    lines += ["layers: |", *lines_of(items, 2)]
    return _measured(lines, writer.burden)


def _measured(lines: list[str], burden: int) -> Written:
    """The text of these lines with its cost."""
    text = "\n".join(lines) + "\n"
    return Written(text, len(text) + 40 * len(lines) + burden)


def _variable(name: str, texts: list[str], comment: str) -> list[str]:
    """The lines of a list under ``variables``: one line if it fits, else one line for each entry."""
    line = f"  {name}: [{', '.join(texts)}]  # {comment}"
    if len(line) <= 100:
        return [line]
    return [f"  {name}:  # {comment}", *[part for text in texts for part in in_lines(f"    - {text}", " " * 8)]]


def _reads_back(graph: Graph, volumes: list[Volume], text: str, order: list[int], *, is_file: bool) -> bool:
    """Whether a text gives the same net when it is parsed."""
    if len(text) > PATTERN_CHARACTERS:
        return False
    try:
        again = read_architecture("<folded>", text) if is_file else read_pattern("<folded>", text)
    except CnncalcError:
        return False
    return agrees(graph, volumes, again, order) and _has_ignored(graph, again)


def _has_ignored(graph: Graph, again: Graph) -> bool:
    """Whether all layers and blocks that ``ignore`` names still have their names."""
    names = {ignored.layer for ignored in graph.ignore if ignored.layer is not None}
    for node in again.nodes if names else ():
        name = node.name
        while name:
            names.discard(name)
            name = name.rpartition(".")[0]
    return not names
