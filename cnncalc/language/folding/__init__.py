"""A flat net as the shortest readable text: repeats, blocks with parameters, variables and defaults.

The text is read back and compared with the net, node for node; where it does not agree, a simpler form is taken, at
last the long form with one entry a layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.collection import Paused
from cnncalc.errors import CnncalcError
from cnncalc.language.folding.blocks import Blocks
from cnncalc.language.folding.compare import agrees
from cnncalc.language.folding.forms import Forms
from cnncalc.language.folding.layout import lines_of
from cnncalc.language.folding.loops import Looper, unwrapped
from cnncalc.language.folding.naming import Naming
from cnncalc.language.folding.parts import leaves
from cnncalc.language.folding.structure import Builder
from cnncalc.language.folding.text import PatternText
from cnncalc.language.folding.usual import Usual
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
"""A larger net is written in its long form."""

TRIED_NODES = 12_000
"""Ways to try times nodes of the net: of a large net fewer ways are tried, at least one."""


class Way(NamedTuple):
    """One way to fold a net."""

    equal_first: bool
    with_single: bool
    with_blocks: bool = True
    point_apart: bool = False


WAYS = (
    Way(equal_first=True, with_single=False),
    Way(equal_first=True, with_single=True),
    Way(equal_first=False, with_single=False),
    Way(equal_first=True, with_single=False, point_apart=True),
    Way(equal_first=True, with_single=True, point_apart=True),
    Way(equal_first=False, with_single=False, with_blocks=False),
)


def folded(graph: Graph) -> str:
    """A net without drafts as an architecture file: repeats, blocks, variables; the shortest of a few ways.

    It reads back to the same net, in which inputs and outputs have their names.
    """
    with Paused():
        return _shortest(graph, WAYS, is_file=True) or flat(graph)


def folded_pattern(graph: Graph) -> str:
    """A net without drafts as one pattern with repeats, which reads back to the same net."""
    ways = [way._replace(with_blocks=False) for way in WAYS[:3]]
    with Paused():
        return _shortest(graph, ways, is_file=False) or as_pattern(graph)


def flat(graph: Graph) -> str:
    """A net without drafts as an architecture file in its long form, one entry a layer with its name."""
    return as_yaml(graph)


def flat_pattern(graph: Graph) -> str:
    """A net without drafts as one pattern in its long form, in which every layer has its name."""
    return as_pattern(graph)


def _shortest(graph: Graph, ways: Sequence[Way], *, is_file: bool) -> str | None:
    """The shortest text that reads back to the net; None if there is none."""
    if len(graph.nodes) > MAX_NODES or sum([len(node.inputs) for node in graph.nodes]) > MAX_EDGES:
        return None
    volumes = _volumes(graph)
    if volumes is None:
        return None
    layers = Usual(graph.nodes, volumes, has_defaults=is_file)
    for has_own_names in (True, False):
        builder = Builder(graph, layers, volumes, has_own_names=has_own_names)
        if is_file:
            builder.find_variable()
        found = _first_that_agrees(graph, builder, volumes, ways, is_file=is_file)
        if found is not None or not builder.has_doubtful_names:
            return found
    return None


def _first_that_agrees(
    graph: Graph, builder: Builder, volumes: list[Volume], ways: Sequence[Way], *, is_file: bool
) -> str | None:
    """The shortest text of these ways that reads back to the net; None if there is none."""
    few = max(1, min(len(ways), TRIED_NODES // len(graph.nodes)))
    nets = [_folded(builder, way) for way in ways[:few]]
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
    """The volume of each node; None if the net has none."""
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
    """A net folded in one way."""

    forms: Forms
    chain: list[Part]
    blocks: list[Block]


def _folded(builder: Builder, way: Way) -> Net:
    """The net folded in one way."""
    forms = Forms()
    looper = Looper(forms, equal_first=way.equal_first, with_single=way.with_single)
    chain = looper.folded(builder.parts(forms, point_apart=way.point_apart))
    if way.with_single:
        chain = unwrapped(forms, chain)
    blocks = Blocks(forms, frozenset(KINDS))
    if way.with_blocks:
        chain = blocks.folded(chain)
    return Net(forms, chain, blocks.blocks)


class Written(NamedTuple):
    """A text, and what it costs: its characters, 40 for each line, and how hard it is to follow."""

    text: str
    cost: int


def _written(graph: Graph, builder: Builder, net: Net, naming: Naming | None, *, is_file: bool) -> Written:
    """The text of a folded net; ``naming``: with the names of its blocks."""
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
        for kind, keys in builder.usual.defaults.items()
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
    """A list of a file: in one line where it fits, else an entry a line."""
    line = f"  {name}: [{', '.join(texts)}]  # {comment}"
    if len(line) <= 100:
        return [line]
    return [f"  {name}:  # {comment}", *[part for text in texts for part in in_lines(f"    - {text}", " " * 8)]]


def _reads_back(graph: Graph, volumes: list[Volume], text: str, order: list[int], *, is_file: bool) -> bool:
    """Whether a text is read as the net."""
    if len(text) > PATTERN_CHARACTERS:
        return False
    try:
        again = read_architecture("<folded>", text) if is_file else read_pattern("<folded>", text)
    except CnncalcError:
        return False
    return agrees(graph, volumes, again, order) and _has_ignored(graph, again)


def _has_ignored(graph: Graph, again: Graph) -> bool:
    """Whether the layers and blocks for which design rules are ignored have their names."""
    names = {ignored.layer for ignored in graph.ignore if ignored.layer is not None}
    for node in again.nodes if names else ():
        name = node.name
        while name:
            names.discard(name)
            name = name.rpartition(".")[0]
    return not names
