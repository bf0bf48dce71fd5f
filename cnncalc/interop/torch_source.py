"""Writes a net as readable PyTorch code: a module for each block of layer names, a loop for equal modules in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.interop.exporters import require_kinds
from cnncalc.interop.source_groups import Body, Groups
from cnncalc.interop.torch_code import CODES, Call, Code
from cnncalc.interop.torch_text import Shape, Writer

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from cnncalc.graph import Graph
    from cnncalc.interop.exporters import ExportOptions
    from cnncalc.interop.source_groups import Step


def torch_source(graph: Graph, options: ExportOptions) -> str:
    """The Python code of a net: a module ``Net`` with its classes and functions, which imports only PyTorch.

    Modules have the names of the layers, and so their parameters. Raises DesignError for kinds without code.
    """
    require_kinds(graph, CODES, "PyTorch has no module")
    return Source(graph, options).text()


class Source(Groups):
    """Generates the PyTorch code of one net."""

    def __init__(self, graph: Graph, options: ExportOptions) -> None:
        super().__init__(graph)
        self.in_place = options.in_place
        self.writer = Writer()
        self.attributes: dict[int, list[str]] = {}
        """By id of a group: the attribute names of its steps, where they differ from the names of the steps."""
        self.paths: dict[int, str] = {}
        """The path of the module of each layer, by its index."""
        self.codes = [self._code(index) for index in range(len(graph.nodes))]

    def text(self) -> str:
        """The whole code."""
        top = self.steps()
        shape = self._group(top, "Net")
        self._find_paths(top, "")
        return self.writer.text(shape, self.graph, self._after())

    # structure

    def _find_paths(self, group: Step, prefix: str) -> None:
        names = self.attributes.get(id(group), [step.name for step in group.steps])
        for step, name in zip(group.steps, names, strict=True):
            if step.index is not None:
                self.paths[step.index] = prefix + name
            else:
                self._find_paths(step, f"{prefix}{name}.")

    def _code(self, index: int) -> Code:
        """The code of a layer; flat inputs get sides of size 1 first if the layer takes only maps."""
        node = self.graph.nodes[index]
        if node.is_input or node.kind not in CODES:
            return Code(None, "")
        placed = None if self.in_place is None else self.in_place[index]
        code = self.layer_code(index, CODES, lambda x: f"{{}}[:, :{', None' * len(x.sides)}]", in_place=placed)
        if index in self.unpooled and code.module is not None:
            code = code._replace(module=code.module._replace(keys=(*code.module.keys, ("return_indices", True))))
        if node.transposed and code.module is not None and len(code.module.values) == 2:  # a matrix product
            units, bias = code.module.values[1], dict(code.module.keys).get("bias", True)
            code = code._replace(module=Call("Transposed", (units, bias), (), ("units",)))
        return code

    @staticmethod
    def _part(path: str) -> str:
        """The expression for a module of the net, by its path."""
        return f'self.get_submodule("{path}")' if "." in path else f"self.{path}"

    # groups

    def _group(self, group: Step, name: str) -> Shape:
        """What creates the module of a group: a class, which is written now, or ``nn.Sequential``."""
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
        body = ModuleBody(self, group, entering, leaving, is_top=is_top)
        self.attributes[id(group)] = body.names
        return self.writer.group(name, body.names, shapes, body.parameters, tuple(body.lines))

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
        """Whether a group is a chain of modules named 0, 1, 2, ..., as in ``nn.Sequential``."""
        if [step.name for step in group.steps] != [str(number) for number in range(len(group.steps))]:
            return False
        if len(entering) != 1 or len(leaving) != 1:
            return False
        value: Hashable | None = entering[0]
        for step in group.steps:
            value = self._chained(step, value)
        return value == leaving[0]

    def _chained(self, step: Step, value: Hashable | None) -> Hashable | None:
        """The only output of a step; None if it has several, reads more than ``value``, or differs in training."""
        inside, nodes = set(step.indices()), self.graph.nodes
        made = {each for index in inside for each in self.gives(index)}
        if {each for index in inside for each in self.reads(index)} - made != {value}:
            return None
        if step.index is not None:
            code = self.codes[step.index]
            if code.module is None or code.expression != "{m}({0})" or nodes[step.index].share is not None:
                return None
        ends = [each for each in made if not self.readers.get(each) or set(self.readers[each]) - inside]
        is_plain = len(ends) == 1 and not any(nodes[index].training_only for index in inside)
        return ends[0] if is_plain else None

    def _after(self) -> list[str]:
        """The last statements of the constructor of the net, which share and freeze parameters."""
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


class ModuleBody(Body):
    """The statements of ``forward`` of a group, and the names of its modules."""

    taken_names: ClassVar[tuple[str, ...]] = (
        "self", "torch", "nn", "F", "windows", "from_windows", "channel_shuffle", "space_to_depth", "depth_to_space",
        "softmax",
    )  # fmt: skip
    new_names: ClassVar[Sequence[str]] = ("x", "y")
    is_guarded: bool = False

    def part(self, place: int, name: str) -> str:
        return f"self.{name}"

    def write(self, step: Step, line: str, result: str, argument: str, before: str, *, is_top: bool) -> None:
        """Adds the statement, under a condition if it runs only in training or only in inference."""
        source, index = self.source, step.index
        nodes = source.graph.nodes
        indent = ""
        only = is_top and all(nodes[each].training_only for each in step.indices())
        if only:
            if not self.is_guarded:
                self.lines.append("if self.training:")
            indent = "    "
        self.is_guarded = only
        if is_top and index is not None and not source.readers.get(index) and nodes[index].layer.gives_probabilities:  # type: ignore[union-attr]
            self.lines += ["if not self.training:  # the loss takes the scores"]
            if result != before:
                self.lines.insert(-1, f"{result} = {argument}")
            indent = "    "
        self.lines.append(indent + line)

    def free(self, variables: Sequence[str]) -> None:
        if variables:
            self.lines.append(f"{'    ' * self.is_guarded}del {', '.join(variables)}")

    def end(self, main: Sequence[str], extra: Sequence[str], *, is_top: bool) -> None:
        result = ", ".join(main)
        if extra and is_top:
            self.lines.append(f"return ({', '.join([result, *extra])}) if self.training else {result}")
        else:
            self.lines.append(f"return {', '.join([*main, *extra])}")
