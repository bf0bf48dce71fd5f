"""Computes the output volume and cost of every node of a graph."""

from __future__ import annotations

from cnncalc.analysis.cost import Cost, cost_of, volume_alone
from cnncalc.counts import MAX_RESULT_DIGITS
from cnncalc.errors import DesignError, Problem, Problems, ShapeError, ValueProblem, in_text_order
from cnncalc.graph import TIED, Draft, Graph
from cnncalc.layers.input import Input
from cnncalc.records import NamedTuple
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeAlias

    from cnncalc.graph import Node
    from cnncalc.layers.base import Layer

    CostFunction: TypeAlias = Callable[[Layer, tuple[Volume, ...]], Cost]
    Known: TypeAlias = dict[tuple[Layer, tuple[Volume, ...]], tuple[Layer, Cost]]
    """By a layer and its input volumes: the layer bound to their number of sides, and its cost."""


class Shaped(NamedTuple):
    """A node with its layer, input volumes and cost.

    ``windows``: the output consists of windows of a map, which all its sides but the last count.
    """

    node: Node
    layer: Layer
    inputs: tuple[Volume, ...]
    cost: Cost
    windows: bool = False

    @property
    def output(self) -> Volume:
        """The volume that the layer gives."""
        return self.cost.output


def propagate(graph: Graph, *, with_hints: bool = True, known: Known | None = None) -> tuple[Shaped, ...]:
    """The volume and the cost of every node of a graph, in its order.

    Raises DesignError with one problem for each node that cannot take its volumes; nodes after it are not checked,
    since their inputs are unknown. ``with_hints``: search for an input that works. ``known`` are costs of other graphs
    of the same text; those of this graph are added.
    """
    shaped: list[Shaped | None] = []
    problems: list[Problem] = Problems()
    known = {} if known is None else known
    for node in graph.nodes:
        try:
            shaped.append(_shape(node, shaped, known))
        except DesignError as error:
            problems += error.every
            if any(problem.code == "limit" for problem in error.problems):
                raise DesignError(problems) from None
            shaped.append(None)
    for item in shaped:
        # last, since the owner of shared parameters may come later
        owner = shaped[item.node.share] if item is not None and item.node.share is not None else None
        if item is not None and owner is not None:
            problems += _share_problems(item, owner)
    if problems:
        raise DesignError(_with_other_input(graph, problems) if with_hints else problems)
    return tuple(item for item in shaped if item is not None)


def with_volume_problems(error: DesignError, *, with_hints: bool = True) -> DesignError:
    """The error of a design, with the problems of the volumes of its known nodes added."""
    if error.partial is None:
        return error
    try:
        propagate(error.partial, with_hints=with_hints)
    except DesignError as more:
        return DesignError(in_text_order([*error.every, *more.every]), error.partial)
    return error


MAX_TRIED_SIZE = 4096
"""The largest input side that is tried for the hint."""
MAX_TRIED_LAYERS = 30_000
"""The most layers whose volumes are computed for the hint, over all inputs that are tried."""
TOO_SMALL = ("window-too-large", "crop-too-large", "volume-vanishes", "pad-too-large")
"""The codes of problems that a larger input solves, and a smaller one does not."""
UNEQUAL = ("merge-mismatch",)
"""The codes of problems that an input of a slightly different size may solve: sizes that strides divide."""
MAX_NEAR = 64
"""How much smaller or larger the sides of an input are that is tried for the hint about unequal volumes.

They are at least half as large as those of the design.
"""
MAX_UNCHANGED = 128
"""The most sizes in a row that are tried while the same layer cannot take its volumes."""
MAX_KNOWN = 2_000
"""The most costs of layers that are kept from one input to the next."""
LONGEST_CACHED = 2**60
"""Costs of layers on volumes with a longer side are not cached."""


def depth_last(volume: Volume) -> Volume | None:
    """The volume with its first side as depth, if it looks like depth x height x width; else None."""
    first, *others = volume
    if min(others) < 8 or not (first in (3, 4) or (first == 1 and len(others) > 1 and len(set(others)) == 1)):
        return None
    return Volume(*others, first)


class _Trials:
    """Tries other sizes of the only input of a graph, up to ``MAX_TRIED_LAYERS`` layers."""

    def __init__(self, graph: Graph, place: int) -> None:
        self.graph = graph
        self.place = place
        self.known: Known = {}
        self.computed = 0

    @property
    def are_over(self) -> bool:
        """Whether another trial might exceed the limit."""
        return self.computed + len(self.graph.nodes) > MAX_TRIED_LAYERS

    def problem_of(self, volume: Volume) -> tuple[str, int] | None:
        """The rule that the net breaks with this input, and how many layers precede; None if it works."""
        first = self.graph.nodes[self.place]._replace(layer=Input(size=list(volume)), stated=None)
        nodes = (*self.graph.nodes[: self.place], first, *self.graph.nodes[self.place + 1 :])
        shaped: list[Shaped | None] = []
        if len(self.known) > MAX_KNOWN:
            self.known.clear()
        try:
            for node in nodes:  # up to the first problem, which is early for most inputs
                self.computed += 1
                shaped.append(_shape_if_known(node, shaped, self.known, volume_alone))
            propagate(self.graph._replace(nodes=nodes), with_hints=False)
        except DesignError as error:
            return error.first.code, len(shaped)
        return None

    def is_too_small(self, volume: Volume) -> bool:
        """Whether a larger input may work, but no smaller one."""
        problem = self.problem_of(volume)
        return problem is not None and problem[0] in TOO_SMALL


def _with_other_input(graph: Graph, problems: list[Problem]) -> list[Problem]:
    """The problems with a hint about an input that works, if one is searched for and found.

    For volumes that are too small that is the input with its depth last, or the smallest square one; for unequal
    volumes, the nearest smaller and larger inputs.
    """
    open_codes = {problem.code for problem in problems if problem.hint is None}
    places = [index for index, node in enumerate(graph.nodes) if node.is_input]
    layer = graph.nodes[places[0]].layer if len(places) == 1 else None
    if not isinstance(layer, Input) or open_codes.isdisjoint((*TOO_SMALL, *UNEQUAL)):
        return problems
    trials, size = _Trials(graph, places[0]), Volume(*layer.size)
    if trials.are_over:
        return problems
    if open_codes.isdisjoint(TOO_SMALL):
        near = [f"{found.size}" for found in _nearest_inputs(trials, size)]
        says = "nearest input that works is" if len(near) == 1 else "nearest inputs that work are"
        return _with_hint(problems, f"the {says} {' and '.join(near)}", UNEQUAL) if near else problems
    other = depth_last(size)
    if other is not None and not trials.problem_of(other):
        order = " x ".join(size.names)
        hint = f"an input is {order} x depth: with {other.size} instead of {size.size} it works"
        return _with_hint(problems, hint, TOO_SMALL)
    found = _smallest_input(trials, size)
    if found is None:
        return problems
    shape = {1: "", 2: "square ", 3: "cubic "}[len(size.sides)]
    return _with_hint(problems, f"the smallest {shape}input that works is {found.size}", TOO_SMALL)


def _nearest_inputs(trials: _Trials, size: Volume) -> list[Volume]:
    """The nearest inputs that work of which no side is larger, and of which none is smaller, as far as they are found.

    A side is tried with all sides equal to it: what each side must be does not depend on the others.
    """
    known: dict[int, bool] = {}

    def fits(side: int) -> bool:
        if side not in known:
            known[side] = not trials.are_over and not trials.problem_of(size.with_sides((side,) * len(size.sides)))
        return known[side]

    found = []
    for sign in (-1, 1):
        tried = [[side + sign * step for step in range(MAX_NEAR + 1)] for side in size.sides]
        sides = [
            next((each for each in steps if 2 * each >= side and fits(each)), 0)
            for side, steps in zip(size.sides, tried, strict=True)
        ]
        if all(sides) and not trials.problem_of(size.with_sides(tuple(sides))):
            found.append(size.with_sides(tuple(sides)))
    return found


def _smallest_input(trials: _Trials, size: Volume) -> Volume | None:
    """The smallest input with equal sides that works, if one is found.

    The sides that are large enough for all windows are tried in ascending order, since an input larger than one that
    works may not work: branches may not fit together.
    """

    def of_side(side: int) -> Volume:
        return size.with_sides((side,) * len(size.sides))

    too_small, larger = 0, MAX_TRIED_SIZE
    if trials.is_too_small(of_side(larger)):
        return None
    while larger - too_small > 1 and not trials.are_over:  # if an input is too small, smaller ones are, too
        middle = (too_small + larger) // 2
        too_small, larger = (middle, larger) if trials.is_too_small(of_side(middle)) else (too_small, middle)
    last, first_side = None, larger
    for side in range(larger, MAX_TRIED_SIZE + 1):
        if trials.are_over or side - first_side >= MAX_UNCHANGED:
            return None
        problem = trials.problem_of(of_side(side))
        if problem is None:
            return of_side(side)
        if problem != last:
            last, first_side = problem, side
    return None


def _with_hint(problems: list[Problem], hint: str, codes: Sequence[str]) -> list[Problem]:
    """The problems; those of these codes get the hint unless they have one."""
    return [
        problem._replace(hint=hint) if problem.code in codes and problem.hint is None else problem
        for problem in problems
    ]


def shapes(nodes: Iterable[Node], known: Known) -> Iterator[Shaped | None]:
    """The volume and the cost of one node after the other, as :func:`propagate` finds them.

    Raises DesignError at the first node that cannot take its volumes; shared parameters are not compared.
    """
    shaped: list[Shaped | None] = []
    for node in nodes:
        shaped.append(_shape_if_known(node, shaped, known))
        yield shaped[-1]


def _shape_if_known(
    node: Node, before: list[Shaped | None], known: Known, cost: CostFunction = cost_of
) -> Shaped | None:
    """As :func:`_shape`; also None for wrong keys, which are reported elsewhere."""
    try:
        return _shape(node, before, known, cost)
    except DesignError as error:
        if error.every:
            raise
        return None


def _shape(node: Node, before: list[Shaped | None], known: Known, cost: CostFunction = cost_of) -> Shaped | None:
    """The node with its cost; None if the volume of an input is unknown. ``known`` caches layers and costs."""
    layer = _resolved(node.layer, before)
    inputs = _outputs(node.inputs, before)
    if layer is None or inputs is None:
        return None
    if layer.takes_places and len(node.inputs) > 1:
        source = before[node.inputs[1]]
        assert source is not None
        try:
            layer = layer.after(source.layer, source.inputs)
        except ShapeError as error:
            raise _refused(node, error) from None
    layer, found = _costed(node, layer, inputs, known, cost)
    if node.stated is not None and node.stated != found.output:
        message = f"{node.name}: the text states {node.stated}, but {layer.label()} gives {found.output}"
        if inputs:
            message += " from " + " and ".join(str(volume) for volume in inputs)
        raise DesignError([Problem("volume-mismatch", message, node.stated_span or node.span)])
    return Shaped(node, layer, inputs, found, _has_windows(node, layer, inputs, before))


def _costed(
    node: Node, unbound: Layer, inputs: tuple[Volume, ...], known: Known, function: CostFunction
) -> tuple[Layer, Cost]:
    """The layer of a node, bound to the number of sides of its inputs, and its cost; DesignError if it has none."""
    # not cached for longer sides: powers of two have few different hashes
    is_cached = max(map(max, inputs), default=0) < LONGEST_CACHED
    found = known.get((unbound, inputs)) if is_cached else None
    if found is not None:
        return found
    try:
        layer = unbound.on(len(inputs[0].sides)) if inputs else unbound
        cost = function(layer, inputs)
    except (ShapeError, ValueProblem) as error:
        raise _refused(node, error) from None
    if cost.is_too_long:
        message = f"{node.name}: a result has at most {MAX_RESULT_DIGITS:,} digits, but {layer.label()} gives more"
        raise DesignError([Problem("limit", message, node.span)])
    if is_cached:
        known[unbound, inputs] = layer, cost
    return layer, cost


def _refused(node: Node, error: ShapeError | ValueProblem) -> DesignError:
    """The error of a layer at the place of its node, or of the key that caused it."""
    span = node.key_spans.get(error.key or "", node.span)
    return DesignError([Problem(error.code, f"{node.name}: {error.message}", span, error.hint)])


def _has_windows(node: Node, layer: Layer, inputs: tuple[Volume, ...], before: list[Shaped | None]) -> bool:
    """Whether the output consists of windows of a map; raises DesignError if a layer needs windows and gets a map."""
    first = before[node.inputs[0]] if inputs else None
    are_windows = first is not None and first.windows
    if layer.takes_windows and len(inputs[0].sides) > 1 and not are_windows:
        message = (
            f"{node.name}: {layer.kind.upper()} works along the positions of a sequence, or of each window of a map, "
            f"but {inputs[0]} is a map"
        )
        hint = "put SEQUENCE before it for one sequence of all positions, or WINDOW before it and UNWINDOW after it"
        raise DesignError([Problem("not-a-sequence", message, node.span, hint)])
    return are_windows if layer.makes_windows is None else layer.makes_windows


def _outputs(indices: Sequence[int], before: list[Shaped | None]) -> tuple[Volume, ...] | None:
    """The output volumes of nodes; None where one is unknown."""
    outputs = []
    for index in indices:
        item = before[index]
        if item is None:
            return None
        outputs.append(item.cost.output)
    return tuple(outputs)


def _resolved(layer: Layer | Draft, before: list[Shaped | None]) -> Layer | None:
    """The layer, with all keys known; None where they depend on an unknown volume."""
    if not isinstance(layer, Draft):
        return layer
    volumes = _outputs(layer.entries, before)
    return None if volumes is None else layer.resolve(*volumes)


def _share_problems(item: Shaped, owner: Shaped) -> list[Problem]:
    """Problems if a layer cannot use the parameters of another one."""
    node = item.node
    if node.transposed:
        return _tie_problems(item, owner)
    mine = [(array.name, array.shape) for array in item.cost.arrays]
    theirs = [(array.name, array.shape) for array in owner.cost.arrays]
    if mine == theirs:
        return []
    wanted, found = (
        ", ".join(f"{name} {'x'.join(str(part) for part in shape)}" for name, shape in arrays) or "nothing"
        for arrays in (mine, theirs)
    )
    message = f"{node.name}: shared parameters must have the same shapes, but it needs {wanted}"
    message += f" and {owner.node.name} has {found}"
    return [Problem("share-mismatch", message, node.key_spans.get("share", node.span))]


def _tie_problems(item: Shaped, owner: Shaped) -> list[Problem]:
    """Problems if a layer cannot use the weights of another one transposed."""
    node = item.node
    span = node.key_spans.get("transposed", node.span)
    for each in (owner, item):
        if each.layer.untied:
            message = f"{node.name}: weights with {each.layer.untied} cannot be transposed, and {each.node.name} has it"
            return [Problem("share-mismatch", message, span)]
    wanted, found = _tied_shape(item), _tied_shape(owner)
    transposed = (*found[:-2], found[-1], found[-2])
    if wanted == transposed:
        return []
    message = (
        f"{node.name}: transposed weights must have the shape of the others with inputs and outputs swapped, but it "
        f"needs {_times(wanted)}, and {owner.node.name} has {_times(found)}, which gives {_times(transposed)}"
    )
    return [Problem("share-mismatch", message, span, _fitting(item, transposed))]


def _tied_shape(item: Shaped) -> tuple[int, ...]:
    """The shape of the weights that are used transposed."""
    return next(array.shape for array in item.cost.arrays if array.name == TIED)


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _fitting(item: Shaped, shape: tuple[int, ...]) -> str | None:
    """A hint: keys, or a depth of the input, with which the layer has weights of this shape; None if none are found."""
    layer, (x, *_) = item.layer, item.inputs
    own = layer.window_keys()
    kernel = {"kernel": list(shape[:-2])} if "kernel" in own else {}
    for depth in (shape[-1], shape[-1] * own.get("groups", 1)):
        for volume in (x, x.with_depth(shape[-2])):
            try:
                tried = layer.with_keys(**kernel, **{layer.depth_key or "": depth})
                found = cost_of(tried, (volume,)).arrays
            except (ShapeError, ValueProblem):
                continue
            if any(array.name == TIED and array.shape == shape for array in found):
                where = "" if volume == x else f" on an input of depth {volume.depth}"
                return f"{tried.label()}{where} has {_times(shape)}"
    return None
