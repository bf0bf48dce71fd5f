"""A flat net as the shortest readable text: repeats, blocks with parameters, variables and defaults.

The text is read back and compared with the net, node for node; where it does not agree, a simpler form is taken, at
last the long form with one entry a layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.collection import Paused
from cnncalc.errors import CnncalcError
from cnncalc.language.folding.blocks import Blocks
from cnncalc.language.folding.compare import agrees
from cnncalc.language.folding.forms import Forms
from cnncalc.language.folding.loops import Looper, unwrapped
from cnncalc.language.folding.parts import leaves
from cnncalc.language.folding.structure import Builder, Usual
from cnncalc.language.folding.text import PatternText, lines_of
from cnncalc.language.layer_text import written
from cnncalc.language.limits import PATTERN_CHARACTERS
from cnncalc.language.reading import read_architecture, read_pattern
from cnncalc.language.writer import as_pattern, as_yaml, head_lines, note_lines
from cnncalc.layers import KINDS
from cnncalc.layers.base import Layer
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.graph import Graph
    from cnncalc.volume import Volume

MAX_NODES = 25_000
"""A larger net is written in its long form."""


TRIED_NODES = 12_000
"""Of a net with more than a few thousand nodes fewer ways are tried."""


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


def _shortest(graph: Graph, ways: Any, *, is_file: bool) -> str | None:
    """The shortest text that reads back to the net; None if there is none."""
    if len(graph.nodes) > MAX_NODES:
        return None
    volumes = _volumes(graph)
    if volumes is None:
        return None
    builder = Builder(graph, Usual(graph.nodes, volumes, has_defaults=is_file), volumes)
    few = max(1, min(len(ways), TRIED_NODES // len(graph.nodes)))
    texts = [_text(graph, builder, way, is_file=is_file) for way in ways[:few]]
    for found in sorted(texts):
        if _reads_back(graph, volumes, found.text, found.order, is_file=is_file):
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


class Written(NamedTuple):
    """A text with its cost, and the nodes in the order in which they stand in it."""

    cost: int
    text: str
    order: list[int]


def _text(graph: Graph, builder: Builder, way: Way, *, is_file: bool) -> Written:
    """The text of a net folded in one way."""
    forms = Forms()
    looper = Looper(forms, equal_first=way.equal_first, with_single=way.with_single)
    chain = looper.folded(builder.parts(forms, point_apart=way.point_apart))
    if way.with_single:
        chain = unwrapped(forms, chain)
    blocks = Blocks(forms, frozenset(KINDS))
    if way.with_blocks:
        chain = blocks.folded(chain)
    writer = PatternText(forms, blocks.blocks, builder.kept_names, has_variables=is_file)
    writer.net(chain)
    for block in blocks.blocks:
        writer.block(block)
    writer.find_defaults()
    items = writer.net(chain)
    bodies = [writer.block(block) for block in blocks.blocks]
    order = [builder.order[leaf.node] for leaf in leaves(chain)]
    lines = head_lines(graph) if is_file else note_lines(graph)
    if not is_file:
        lines += lines_of(items, "")
        return _measured(lines, order, writer.burden)
    if writer.variables:
        lines.append("variables:")
        for name, rows in writer.variables.items():
            lines += _variable(name, rows, writer.comments[name])
    defaults = [
        f"{kind}: {{{', '.join(f'{key}: {written(value, quoted=True)}' for key, value in keys.items())}}}"
        for kind, keys in builder.usual.defaults.items()
    ]
    if defaults:
        lines.append(f"defaults: {{{', '.join(defaults)}}}")
    if bodies:
        lines.append("blocks:")
        for head, body in bodies:
            lines += [f"  {head}: |", *lines_of(body, "    ")]
    lines += ["layers: |", *lines_of(items, "  ")]
    return _measured(lines, order, writer.burden)


def _measured(lines: list[str], order: list[int], burden: int) -> Written:
    """The text of these lines with its cost: its characters, and 40 for each line."""
    text = "\n".join(lines) + "\n"
    return Written(len(text) + 40 * len(lines) + burden, text, order)


def _variable(name: str, texts: list[str], comment: str) -> list[str]:
    """A list of a file: in one line where it fits, else an entry a line."""
    line = f"  {name}: [{', '.join(texts)}]  # {comment}"
    if len(line) <= 100:
        return [line]
    return [f"  {name}:  # {comment}", *[f"    - {text}" for text in texts]]


def _reads_back(graph: Graph, volumes: list[Volume], text: str, order: list[int], *, is_file: bool) -> bool:
    """Whether a text is read as the net."""
    if len(text) > PATTERN_CHARACTERS:
        return False
    try:
        again = read_architecture("<folded>", text) if is_file else read_pattern("<folded>", text)
    except CnncalcError:
        return False
    return agrees(graph, volumes, again, order)
