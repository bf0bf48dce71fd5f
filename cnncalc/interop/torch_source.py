"""A net as readable PyTorch code: a module for each block of the names, a list or a loop for blocks in a row."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.exporters import bound, volumes_of
from cnncalc.interop.torch_code import CODES, Call, Code, Place
from cnncalc.interop.torch_text import Shape, Writer
from cnncalc.layers.base import Layer

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from cnncalc.graph import Graph
    from cnncalc.interop.exporters import ExportOptions


def torch_source(graph: Graph, options: ExportOptions) -> str:
    """The code of a net: a module ``Net`` and what it needs, without imports but those of PyTorch.

    Names of modules are those of the layers, so parameters are called alike. Raises DesignError for layers whose
    figures are stated.
    """
    missing = [node.name for node in graph.nodes if not node.is_input and node.kind not in CODES]
    if missing:
        message = f"PyTorch has no module for what is stated, not computed: {', '.join(missing[:5])}"
        raise DesignError([Problem("no-equal", message)])
    return Source(graph, options).text()


class Step:
    """One layer or one group in the order in which they run; ``name`` is the last part of its name."""

    def __init__(self, name: str, index: int | None = None) -> None:
        self.name = name
        self.index = index
        self.steps: list[Step] = []

    def indices(self) -> list[int]:
        """All layers within."""
        return [self.index] if self.index is not None else [index for step in self.steps for index in step.indices()]


class Source:
    """Makes the code of a net."""

    def __init__(self, graph: Graph, options: ExportOptions) -> None:
        self.graph = graph
        self.volumes = volumes_of(graph)
        self.in_place = options.in_place
        self.writer = Writer()
        self.attributes: dict[int, list[str]] = {}
        """The names of the parts of each group, where they are not those of the steps."""
        self.paths: dict[int, str] = {}
        """Where the module of each layer is."""
        self.unpooled = {node.inputs[1] for node in graph.nodes if node.kind == "unpool"}
        self.flat = self._find_flat()
        self.codes = [self._code(index) for index in range(len(graph.nodes))]
        self.readers: dict[Hashable, list[int]] = {}
        for index in range(len(graph.nodes)):
            for value in self.reads(index):
                self.readers.setdefault(value, []).append(index)

    def text(self) -> str:
        """The whole code."""
        top = Step("")
        for index, node in enumerate(self.graph.nodes):
            if not node.is_input:
                self._place(top, node.name.split("."), index)
        shape = self._group(top, "Net")
        self._find_paths(top, "")
        return self.writer.text(shape, self.graph, self._after())

    # structure

    def _place(self, top: Step, names: Sequence[str], index: int) -> None:
        """Adds a layer to the groups of its name; a group that was left is entered again as another one."""
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

    def _find_paths(self, group: Step, prefix: str) -> None:
        names = self.attributes.get(id(group), [step.name for step in group.steps])
        for step, name in zip(group.steps, names, strict=True):
            if step.index is not None:
                self.paths[step.index] = prefix + name
            else:
                self._find_paths(step, f"{prefix}{name}.")

    def reads(self, index: int) -> list[Hashable]:
        """The values that a layer reads: layers by their index, the places of the maxima of a pool as a pair."""
        node = self.graph.nodes[index]
        return [node.inputs[0], ("places", node.inputs[1])] if node.kind == "unpool" else list(node.inputs)

    def gives(self, index: int) -> list[Hashable]:
        """The values that a layer gives: its output, and of a pool before UNPOOL the places of the maxima."""
        return [index, ("places", index)] if index in self.unpooled else [index]

    def _find_flat(self) -> list[bool]:
        """Which layers give batch x depth."""
        flat: list[bool] = []
        for node in self.graph.nodes:
            layer = node.layer
            assert isinstance(layer, Layer)
            whole = False if node.is_input else layer.is_flat
            flat.append(all(flat[source] for source in node.inputs) if whole is None else whole)
        return flat

    def _code(self, index: int) -> Code:
        """The code of a layer, whose flat inputs are made maps where it takes maps alone."""
        node = self.graph.nodes[index]
        if node.is_input:
            return Code(None, "")
        layer = bound(self.graph, index, self.volumes)
        volumes = [self.volumes[source] for source in node.inputs]
        flat = [self.flat[source] for source in node.inputs]
        takes_maps = layer.is_flat is False and node.kind != "reshape"
        opened = any(flat) and not (all(flat) and not takes_maps)
        placed = self.in_place[index] if self.in_place is not None else bool(layer.may_work_in_place())
        seen = [False] * len(flat) if opened else flat
        code = CODES[node.kind](Place(layer, volumes, self.volumes[index], seen, placed))
        if opened:
            ones = ", None" * len(volumes[0].sides)
            for place, is_flat in enumerate(flat):
                if is_flat:
                    code = code._replace(expression=code.expression.replace(f"{{{place}}}", f"{{{place}}}[:, :{ones}]"))
        if index in self.unpooled and code.module is not None:
            code = code._replace(module=code.module._replace(keys=(*code.module.keys, ("return_indices", True))))
        if node.transposed and code.module is not None and len(code.module.values) == 2:  # a matrix product
            units, bias = code.module.values[1], dict(code.module.keys).get("bias", True)
            code = code._replace(module=Call("Transposed", (units, bias), (), ("units",)))
        return code

    @staticmethod
    def _part(path: str) -> str:
        """A module inside the net, by its path."""
        return f'self.get_submodule("{path}")' if "." in path else f"self.{path}"

    # groups

    def _group(self, group: Step, name: str) -> Shape:
        """What makes the module of a group."""
        inside = set(group.indices())
        produced = {value for index in inside for value in self.gives(index)}
        entering = list(
            dict.fromkeys(value for index in sorted(inside) for value in self.reads(index) if value not in produced)
        )
        leaving = self.leaving(inside)
        is_top = not group.name
        shapes = [self._shape(step) for step in group.steps]
        if not is_top and self._is_chain(group, entering, leaving):
            return Shape("nn.Sequential", None, tuple(zip([step.name for step in group.steps], shapes, strict=True)))
        body = Body(self, group, entering, leaving, is_top=is_top)
        self.attributes[id(group)] = body.names
        return self.writer.group(name, body.names, shapes, body.parameters, tuple(body.lines))

    def leaving(self, inside: set[int]) -> list[Hashable]:
        """The values of these layers that layers outside of them read, and the outputs that nothing reads."""
        found: list[Hashable] = []
        for index in sorted(inside):
            for value in self.gives(index):
                readers = self.readers.get(value, ())
                if (not readers and value == index) or any(reader not in inside for reader in readers):
                    found.append(value)
        return found

    def _shape(self, step: Step) -> Shape | None:
        if step.index is None:
            return self._group(step, step.name)
        code = self.codes[step.index]
        if code.module is None or (self.graph.nodes[step.index].share is not None and not self._is_tied(step.index)):
            return None
        return Shape("", code.module, ())

    def _is_tied(self, index: int) -> bool:
        return self.graph.nodes[index].transposed

    def _is_chain(self, group: Step, entering: Sequence[Hashable], leaving: Sequence[Hashable]) -> bool:
        """Whether a group is modules one after the other, called 0, 1, 2, ..."""
        if [step.name for step in group.steps] != [str(number) for number in range(len(group.steps))]:
            return False
        if len(entering) != 1 or len(leaving) != 1:
            return False
        before = entering[0]
        for step in group.steps:
            inside = set(step.indices())
            made = {value for index in inside for value in self.gives(index)}
            read = {value for index in inside for value in self.reads(index) if value not in made}
            if read != {before}:
                return False
            if step.index is not None:
                code = self.codes[step.index]
                if (
                    code.module is None
                    or code.expression != "{m}({0})"
                    or self.graph.nodes[step.index].share is not None
                ):
                    return False
            if any(self.graph.nodes[index].training_only for index in inside):
                return False
            ends = [value for value in made if not self.readers.get(value) or set(self.readers[value]) - inside]
            if len(ends) != 1:
                return False
            before = ends[0]
        return before == leaving[0]

    def _after(self) -> list[str]:
        """Statements after all modules are made: what is shared, and what is frozen."""
        lines = []
        for index, node in enumerate(self.graph.nodes):
            if node.share is None:
                continue
            owner = self._part(self.paths[self.graph.owner(index)[0]])
            parent, _, last = self.paths[index].rpartition(".")
            target = f"{self._part(parent)}.{last}" if parent else f"self.{last}"
            if not node.transposed:
                lines.append(f"{target} = {owner}")
            elif node.kind in ("fc", "linear"):
                lines.append(f"{target}.of = ({owner},)")
            else:
                lines.append(f"{target}.weight = {owner}.weight")
        nodes = enumerate(self.graph.nodes)
        frozen = [self.paths[index] for index, node in nodes if not node.trainable and node.share is None]
        if frozen:
            lines.append(f"for name in {tuple(frozen)!r}:")
            lines.append("    self.get_submodule(name).requires_grad_(False)")
        return lines


class Body:
    """The statements of ``forward`` of a group, and the names of its parts."""

    def __init__(
        self, source: Source, group: Step, entering: Sequence[Hashable], leaving: Sequence[Hashable], *, is_top: bool
    ) -> None:
        self.source = source
        self.taken: set[str] = set()
        self.names = [self._unique(identifier(step.name)) for step in group.steps]
        self.taken = {"self"}
        self.variables: dict[Hashable, str] = {}
        nodes = source.graph.nodes
        for place, value in enumerate(entering):
            name = nodes[value].name if is_top and isinstance(value, int) else "x" if not place else f"x{place + 1}"
            self.variables[value] = self._unique(identifier(name))
        if is_top:
            inputs = [index for index, node in enumerate(nodes) if node.is_input]
            entering = inputs
            for index in inputs:
                self.variables.setdefault(index, self._unique(identifier(nodes[index].name)))
        self.parameters = tuple([self.variables[value] for value in entering])
        self.counts: dict[Hashable, int] = {}
        reads = [self._entering(step) for step in group.steps]
        for each in reads:
            for value in each:
                self.counts[value] = self.counts.get(value, 0) + 1
        self.lines: list[str] = []
        self.is_guarded = False
        for step, name, each in zip(group.steps, self.names, reads, strict=True):
            self._step(step, name, each, leaving, is_top=is_top)
        main = [v for v in leaving if not self._only_in_training(v)]
        extra = [self.variables[v] for v in leaving if self._only_in_training(v)]
        result = ", ".join([self.variables[value] for value in main])
        if extra and is_top:
            self.lines.append(f"return ({', '.join([result, *extra])}) if self.training else {result}")
        else:
            self.lines.append(f"return {', '.join([*([result] if result else []), *extra])}")

    def _only_in_training(self, value: Hashable) -> bool:
        return isinstance(value, int) and self.source.graph.nodes[value].training_only

    def _unique(self, name: str) -> str:
        found, number = name, 1
        while found in self.taken:
            number += 1
            found = f"{name}_{number}"
        self.taken.add(found)
        return found

    def _entering(self, step: Step) -> list[Hashable]:
        """The values that a step reads, each once for a group, and as often as it is an argument of a layer."""
        source = self.source
        if step.index is not None:
            return list(dict.fromkeys(source.reads(step.index)))
        inside = step.indices()
        made = {value for index in inside for value in source.gives(index)}
        return list(dict.fromkeys(v for i in inside for v in source.reads(i) if v not in made))

    def _step(
        self, step: Step, name: str, reads: Sequence[Hashable], leaving: Sequence[Hashable], *, is_top: bool
    ) -> None:
        source = self.source
        inside = set(step.indices())
        nodes = source.graph.nodes
        if step.index is not None:
            code = source.codes[step.index]
            arguments = [self.variables[value] for value in source.reads(step.index)]
            text = code.expression.replace("{m}", f"self.{name}")
            for place, argument in enumerate(arguments):
                text = text.replace(f"{{{place}}}", argument)
            results: list[Hashable] = source.gives(step.index)
        else:
            arguments = [self.variables[value] for value in reads]
            text = f"self.{name}({', '.join(arguments)})"
            results = source.leaving(inside)
        first = reads[0] if reads else None
        names = []
        for place, value in enumerate(results):
            reuses = place == 0 and first is not None and self.counts.get(first) == 1 and first not in leaving
            names.append(
                self.variables[first]
                if reuses and first is not None
                else self._unique(name if not place else f"{name}_places")
            )
            self.variables[value] = names[-1]
        line = f"{', '.join(names)} = {text}"
        indent = ""
        only = is_top and all(nodes[index].training_only for index in inside)
        if only:
            if not self.is_guarded:
                self.lines.append("if self.training:")
            indent = "    "
        self.is_guarded = only
        index = step.index
        if is_top and index is not None and not source.readers.get(index) and nodes[index].layer.gives_probabilities:  # type: ignore[union-attr]
            self.lines += ["if not self.training:  # the loss takes the scores"]
            if names[0] != self.variables.get(first, ""):
                self.lines.insert(-1, f"{names[0]} = {arguments[0]}")
            indent = "    "
        self.lines.append(indent + line)


def identifier(name: str) -> str:
    """A name as one of Python: other characters become ``_``."""
    text = "".join(c if c.isalnum() or c == "_" else "_" for c in name)
    text = text if text and not text[0].isdigit() else f"_{text}"
    return f"{text}_" if keyword.iskeyword(text) or text in ("training", "forward") else text
