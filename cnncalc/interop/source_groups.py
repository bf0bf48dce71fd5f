"""Groups the layers of a net by the dots in their names; generated code has a class or function for each group."""

from __future__ import annotations

import keyword
from collections import Counter
from typing import TYPE_CHECKING, ClassVar

from cnncalc.interop.exporters import bound, unpooled_of, volumes_of
from cnncalc.interop.torch_code import Place
from cnncalc.layers.base import Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from cnncalc.graph import Graph
    from cnncalc.interop.torch_code import Code
    from cnncalc.volume import Volume


class Step:
    """A layer (``index``) or a group of layers (``steps``, in execution order); ``name`` is its last name part."""

    def __init__(self, name: str, index: int | None = None) -> None:
        self.name = name
        self.index = index
        self.steps: list[Step] = []

    def indices(self) -> list[int]:
        """The indices of all layers in it."""
        return [self.index] if self.index is not None else [index for step in self.steps for index in step.indices()]


class Groups:
    """A net for which code is generated: its volumes, the readers of each value, and the code of each layer."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.volumes = volumes_of(graph)
        self.unpooled = unpooled_of(graph)
        self.flat = self._find_flat()
        self.codes: list[Code] = []
        self.readers: dict[Hashable, list[int]] = {}
        for index in range(len(graph.nodes)):
            for value in self.reads(index):
                self.readers.setdefault(value, []).append(index)

    def steps(self) -> Step:
        """All layers but the inputs, as a tree of groups."""
        top = Step("")
        for index, node in enumerate(self.graph.nodes):
            if not node.is_input:
                self._place(top, node.name.split("."), index)
        return top

    def _place(self, top: Step, names: Sequence[str], index: int) -> None:
        """Adds a layer to the groups in its name; outside of a group if other layers have come after that group."""
        group = top
        for name in names[:-1]:
            last = group.steps[-1] if group.steps else None
            if last is None or last.index is not None or last.name != name:
                if any(step.name == name for step in group.steps):
                    group.steps.append(Step("_".join(names), index))
                    return
                last = Step(name)
                group.steps.append(last)
            group = last
            names = names[1:]
        group.steps.append(Step(names[-1], index))

    def layer_code(
        self,
        index: int,
        codes: Mapping[str, Callable[[Place], Code]],
        form: Callable[[Volume], str],
        *,
        in_place: bool | None,
    ) -> Code:
        """The code of a layer, by the function of its kind in ``codes``.

        Inputs that are batch x depth become maps first if the layer takes only maps or has other inputs that are maps.
        ``form`` gives the expression that does so for a volume, with ``{}`` for the input. ``in_place``: whether the
        layer overwrites its input (None: if its keys allow it).
        """
        layer = bound(self.graph, index, self.volumes)
        inputs = self.graph.nodes[index].inputs
        volumes, flat = [self.volumes[source] for source in inputs], [self.flat[source] for source in inputs]
        placed = bool(layer.may_work_in_place()) if in_place is None else in_place
        if not any(flat) or (all(flat) and (layer.is_flat is not False or layer.kind == "reshape")):
            return codes[layer.kind](Place(layer, volumes, self.volumes[index], flat, placed))
        code = codes[layer.kind](Place(layer, volumes, self.volumes[index], [False] * len(flat), placed))
        for number, volume in enumerate(volumes):
            if flat[number]:
                text = form(volume).replace("{}", f"{{{number}}}")
                code = code._replace(expression=code.expression.replace(f"{{{number}}}", text))
        return code

    def reads(self, index: int) -> list[Hashable]:
        """The values that a layer reads: the index of a layer, or ``("places", index)`` for the maxima of a pool."""
        node = self.graph.nodes[index]
        assert isinstance(node.layer, Layer)
        return [node.inputs[0], ("places", node.inputs[1])] if node.layer.takes_places else list(node.inputs)

    def gives(self, index: int) -> list[Hashable]:
        """The values that a layer outputs: its index, and for the pool of an UNPOOL the positions of the maxima."""
        return [index, ("places", index)] if index in self.unpooled else [index]

    def _find_flat(self) -> list[bool]:
        """Whether the output of each layer is batch x depth, without sides."""
        flat: list[bool] = []
        for node in self.graph.nodes:
            layer = node.layer
            assert isinstance(layer, Layer)
            is_flat = False if node.is_input else layer.is_flat
            flat.append(all(flat[source] for source in node.inputs) if is_flat is None else is_flat)
        return flat

    def leaving(self, inside: set[int]) -> list[Hashable]:
        """The outputs of these layers that layers outside read, or that are outputs of the net."""
        found: list[Hashable] = []
        for index in sorted(inside):
            for value in self.gives(index):
                readers = self.readers.get(value, ())
                if (not readers and value == index) or any(reader not in inside for reader in readers):
                    found.append(value)
        return found


class Body:
    """Generates the statements that run a group.

    ``entering`` and ``leaving`` are the input and output values of the group; ``is_top``: it is the whole net.
    """

    taken_names: ClassVar[tuple[str, ...]] = ()
    """Names that no variable may have."""
    input_name: ClassVar[str] = "x"
    """The variable of an input of the net that is named ``input``."""
    new_names: ClassVar[Sequence[str]] = ("x",)
    """Preferred names of a new variable; if all are in use, it is named after its layer."""

    def __init__(
        self, source: Groups, group: Step, entering: Sequence[Hashable], leaving: Sequence[Hashable], *, is_top: bool
    ) -> None:
        self.source = source
        self.group = group
        self.taken: set[str] = set()
        self.names = [self._unique(identifier(step.name)) for step in group.steps]
        self.taken = set(self.taken_names)
        self.variables: dict[Hashable, str] = {}
        inputs = [index for index, node in enumerate(source.graph.nodes) if node.is_input]
        entering = self._enter_net(entering, inputs) if is_top else self._enter_group(entering)
        self.parameters = tuple([self.variables[value] for value in entering])
        reads = [self._entering(step) for step in group.steps]
        self.counts = Counter([value for each in reads for value in each])
        self.lines: list[str] = []
        kept = {*entering, *leaving, *inputs}
        for place, (step, name, each) in enumerate(zip(group.steps, self.names, reads, strict=True)):
            results = self._step(place, step, name, each, leaving, is_top=is_top)
            done = [self.variables[value] for value in each if self.counts[value] == 1 and value not in kept]
            if place + 1 < len(group.steps):
                self.free([variable for variable in done if variable not in results])
        extra = [value for value in leaving if self._only_in_training(value)]
        main = [self.variables[value] for value in leaving if value not in extra]
        self.end(main, [self.variables[value] for value in extra], is_top=is_top)

    def _enter_net(self, entering: Sequence[Hashable], inputs: Sequence[int]) -> Sequence[Hashable]:
        """Names the variables of the inputs of the net, in the order in which they are read; returns all inputs."""
        for index in dict.fromkeys([*entering, *inputs]):
            assert isinstance(index, int)
            name = self.source.graph.nodes[index].name
            self.variables[index] = self._unique(self.input_name if name == "input" else identifier(name))
        return inputs

    def _enter_group(self, entering: Sequence[Hashable]) -> Sequence[Hashable]:
        """Names the variables of the inputs of a group, and returns these: ``x``, ``x2`` and so on."""
        for number, value in enumerate(entering, 1):
            self.variables[value] = self._unique("x" if number == 1 else f"x{number}")
        return entering

    def _only_in_training(self, value: Hashable) -> bool:
        return isinstance(value, int) and self.source.graph.nodes[value].training_only

    def part(self, place: int, name: str) -> str:
        """The expression that is called to run step ``place`` of the group."""
        raise NotImplementedError

    def end(self, main: Sequence[str], extra: Sequence[str], *, is_top: bool) -> None:
        """Adds the return statement for the outputs ``main``, and ``extra``, which exist only in training."""
        raise NotImplementedError

    def write(self, step: Step, line: str, result: str, argument: str, before: str, *, is_top: bool) -> None:
        """Adds the statement ``line`` of a step.

        ``result`` and ``argument`` are its first variables; ``before`` is the variable that now has its first input.
        """
        self.lines.append(line)

    def free(self, variables: Sequence[str]) -> None:
        """Adds statements that delete variables after their only reader; the default adds none."""

    def _is_own_input(self, value: Hashable) -> bool:
        """Whether a value is an input of the net whose variable has its name; that variable is not reused."""
        nodes = self.source.graph.nodes
        return isinstance(value, int) and nodes[value].is_input and self.variables[value] != self.input_name

    def _unique(self, name: str) -> str:
        found, number = name, 1
        while found in self.taken:
            number += 1
            found = f"{name}_{number}"
        self.taken.add(found)
        return found

    def _entering(self, step: Step) -> list[Hashable]:
        """The values that a step reads from outside, each once."""
        source = self.source
        if step.index is not None:
            return list(dict.fromkeys(source.reads(step.index)))
        inside = step.indices()
        made = {value for index in inside for value in source.gives(index)}
        return list(dict.fromkeys(v for i in inside for v in source.reads(i) if v not in made))

    def _step(
        self, place: int, step: Step, name: str, reads: Sequence[Hashable], leaving: Sequence[Hashable], *, is_top: bool
    ) -> list[str]:
        """Adds the statement of a step, and returns the variables that it assigns."""
        source = self.source
        inside = set(step.indices())
        part = self.part(place, name)
        if step.index is not None:
            code = source.codes[step.index]
            arguments = [self.variables[value] for value in source.reads(step.index)]
            text = code.expression.replace("{m}", part)
            for number, argument in enumerate(arguments):
                text = text.replace(f"{{{number}}}", argument)
            results: list[Hashable] = source.gives(step.index)
        else:
            arguments = [self.variables[value] for value in reads]
            text = f"{part}({', '.join(arguments)})"
            results = source.leaving(inside)
        first = reads[0] if reads else None
        names = []
        for number, value in enumerate(results):
            reuses = number == 0 and first is not None and self.counts[first] == 1 and first not in leaving
            if reuses and first is not None and not self._is_own_input(first):
                names.append(self.variables[first])
            elif number:
                names.append(self._unique(f"{name}_places"))
            else:
                free = [new for new in self.new_names if new not in self.taken]
                names.append(self._unique(free[0] if free else identifier(name)))
            self.variables[value] = names[-1]
        line = f"{', '.join(names)} = {text}"
        before = self.variables.get(first, "")
        self.write(step, line, names[0], arguments[0] if arguments else "", before, is_top=is_top)
        return names


def identifier(name: str) -> str:
    """A valid Python identifier for a name; other characters become ``_``."""
    text = "".join(c if c.isalnum() or c == "_" else "_" for c in name)
    text = text if text and not text[0].isdigit() else f"_{text}"
    return f"{text}_" if keyword.iskeyword(text) or text in ("training", "forward") else text
