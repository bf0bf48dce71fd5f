"""Writes a net as readable Keras code: a function for each block of layer names, a loop for equal successive blocks."""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING, ClassVar

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.exporters import heading
from cnncalc.interop.keras_code import CODES
from cnncalc.interop.source_groups import Body, Groups, identifier
from cnncalc.interop.torch_code import Code
from cnncalc.interop.torch_text import LEAST_LOOP, Class, Shape, Writer, construction, docstring, support, wrapped

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from cnncalc.graph import Graph
    from cnncalc.interop.exporters import ExportOptions
    from cnncalc.interop.source_groups import Step


def keras_source(graph: Graph, options: ExportOptions) -> str:
    """The Python code of a net: a function ``net`` that builds the model, and a function for each block.

    The layers keep the names of the net. Raises DesignError that lists every layer without an equivalent in Keras.
    """
    source = KerasSource(graph)
    if source.lacks:
        nodes = [(graph.nodes[index], why) for index, why in source.lacks.items()]
        message = "{} ({}): Keras has {}"
        raise DesignError(
            Problem("no-equal", message.format(node.name, node.kind.upper(), why), node.span) for node, why in nodes
        )
    return source.text()


class KerasSource(Groups):
    """Generates the Keras code of one net."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.owners = {node.share for node in graph.nodes if node.share is not None}
        names = [node.name for node in graph.nodes]
        joins = map("_".__mul__, range(1, 1 + len(names)))
        self.join = next(join for join in joins if len({keras_name(name, join) for name in names}) == len(names))
        """The underscores that replace a dot in names: so many that all names stay different."""
        self.writer = FunctionWriter(self)
        self.lacks: dict[int, str] = {}
        """What Keras does not have (``no layer for it``), by layer."""
        dropped = without_output(graph)
        for index in range(len(graph.nodes)):
            try:
                if index in dropped:
                    raise DesignError([Problem("no-equal", "no model with a layer that no output is computed from")])
                self.codes.append(self._code(index))
            except DesignError as error:
                self.lacks[index] = error.every[0].message
                self.codes.append(Code(None, ""))

    def text(self) -> str:
        """The whole code."""
        self._group(self.steps(), "net")
        return self.writer.code(self.graph)

    def _code(self, index: int) -> Code:
        """The code of a layer; flat inputs are reshaped first if the layer takes only maps."""
        node = self.graph.nodes[index]
        if node.is_input:
            return Code(None, "")
        if node.kind not in CODES:
            raise DesignError([Problem("no-equal", "no layer for it")])
        if node.transposed:
            raise DesignError([Problem("no-equal", "no layer that uses the weights of another one transposed")])
        code = self.layer_code(index, CODES, lambda x: f"layers.Reshape({tuple(x)})({{}})", in_place=False)
        if code.module is not None and not node.trainable:
            code = code._replace(module=code.module._replace(keys=(*code.module.keys, ("trainable", False))))
        return code

    def _group(self, group: Step, name: str) -> Shape:
        """Writes the function of a group of layers; returns what its calls look like."""
        inside = set(group.indices())
        produced = {value for index in inside for value in self.gives(index)}
        entering: list[Hashable] = list(
            dict.fromkeys(value for index in sorted(inside) for value in self.reads(index) if value not in produced)
        )
        shapes = [self._shape(step) for step in group.steps]
        body = FunctionBody(self, group, entering, self.leaving(inside), is_top=not group.name)
        return self.writer.group(name, [step.name for step in group.steps], shapes, body.parameters, tuple(body.lines))

    def _shape(self, step: Step) -> Shape | None:
        if step.index is None:
            return self._group(step, step.name)
        code = self.codes[step.index]
        node = self.graph.nodes[step.index]
        if code.module is None or node.share is not None:
            return None
        shape = Shape("", code.module, ())
        if step.index in self.owners:
            shape.signature = ("kept", shape.signature)
        return shape

    def kept(self, index: int) -> str:
        """The expression for the layer whose weights this one shares."""
        return f'kept["{keras_name(self.graph.nodes[self.graph.owner(index)[0]].name, self.join)}"]'


def without_output(graph: Graph) -> set[int]:
    """The layers that no output is computed from, as a CROP reads only their sizes: ``keras.Model`` leaves them out."""
    computed = {index for index, readers in enumerate(graph.readers()) if not readers}
    for index in reversed(range(len(graph.nodes))):
        node = graph.nodes[index]
        if index in computed:
            computed.update(node.inputs[:1] if getattr(node.layer, "reads_second_sizes", False) else node.inputs)
    return {index for index, node in enumerate(graph.nodes) if index not in computed and not node.is_input}


def keras_name(name: str, join: str) -> str:
    """A layer name without the characters that Keras and its backends forbid; ``join`` replaces each dot."""
    return name.replace(".", join).replace("/", "_")


FUNCTIONS = ("padded", "windows", "from_windows", "channel_shuffle", "space_to_depth", "depth_to_space")
"""The functions of keras_support that may be copied into the code."""


class FunctionBody(Body):
    """The statements of the function of a group; the index of a step between two NULs stands for its layer or block."""

    taken_names: ClassVar[tuple[str, ...]] = (
        "name", "layers", "ops", "keras", "kept", "keep", "i", "inputs", *FUNCTIONS,
    )  # fmt: skip

    def part(self, place: int, name: str) -> str:
        source = self.source
        step = self.group.steps[place]
        assert isinstance(source, KerasSource)
        if step.index is not None and source.graph.nodes[step.index].share is not None:
            return source.kept(step.index)
        return f"\0{place}\0"

    def end(self, main: Sequence[str], extra: Sequence[str], *, is_top: bool) -> None:
        results = [*main, *extra]
        if is_top:
            self.lines.append(f"return keras.Model(inputs, [{', '.join(results)}])")
        else:
            self.lines.append(f"return {', '.join(results)}")


class FunctionWriter(Writer):
    """Collects the functions of the code and writes them."""

    def __init__(self, source: KerasSource) -> None:
        super().__init__()
        self.source = source
        names = {identifier(part) for node in source.graph.nodes for part in node.name.split(".")}
        self.variables = names | {*FunctionBody.taken_names, "x"}

    def class_name(self, name: str) -> str:
        """A free function name for a block: lower case, with a number if the name is taken."""
        text = "_".join(word.lower() for word in re.findall(r"[A-Za-z]+", name)) or "block"
        if text in self.variables or keyword.iskeyword(text):
            text += "_block"
        found, number = text, 1
        while found in self.names or found in self.variables:
            number += 1
            found = f"{text}{number}"
        self.names.add(found)
        return found

    def code(self, graph: Graph) -> str:
        """The whole code."""
        for each in self.classes.values():
            each.decide()
        code = "\n\n\n".join([self._function(each) for each in self.classes.values()])
        copied = support(code, "keras_support.py")
        head = docstring(heading(graph))
        if "kept[" in code:
            copied.insert(0, "kept = {}")
        everything = "\n\n\n".join([*copied, code])
        imports = ["from __future__ import annotations", ""]
        standard = [line for word, line in (("math", "import math"), ("Any", "from typing import Any"))
                    if re.search(rf"\b{word}\b", everything)]  # fmt: skip
        imports += [*standard, ""] if standard else []
        imports.append("import keras")
        if re.search(r"\bnp\.", everything):
            imports.append("import numpy as np")
        used = [name for name in ("layers", "ops") if re.search(rf"\b{name}\.", everything)]
        if used:
            imports.append(f"from keras import {', '.join(used)}")
        return "\n".join([head, "", *imports]) + "\n\n\n" + everything + "\n"

    def _function(self, made: Class) -> str:
        is_top = made is list(self.classes.values())[-1]
        arguments = [*([] if is_top else made.parameters), *made.arguments, *([] if is_top else ["name"])]
        lines = [f"def {made.name}({', '.join(arguments)}):"]
        if is_top:
            source = self.source
            nodes = zip(source.graph.nodes, source.volumes, strict=True)
            entering = [(node, volume) for node, volume in nodes if node.is_input]
            for variable, (node, volume) in zip(made.parameters, entering, strict=True):
                name = keras_name(node.name, source.join)
                lines.append(f'    {variable} = keras.Input({tuple(volume)}, name="{name}")')
            lines.append(f"    inputs = [{', '.join(made.parameters)}]")
        statements = self._statements(made, is_top=is_top)
        for line in in_loops(statements):
            lines += wrapped(line.lstrip(), 4 + len(line) - len(line.lstrip()))
        return "\n".join(lines)

    def _statements(self, made: Class, *, is_top: bool) -> list[str]:
        """The statements, with the constructors of layers and the calls of blocks filled in."""
        by_name = {each.name: each for each in self.classes.values()}
        starts, place = [], 0
        for shape in made.shapes:
            starts.append(place)
            place += 0 if shape is None else len(shape.numbers)
        lines = []
        for line in made.lines:
            found = re.search("\0(\\d+)\0", line)
            if found:
                number = int(found[1])
                shape, last = made.shapes[number], keras_name(made.names[number], self.source.join)
                assert shape is not None
                name = f'name="{last}"' if is_top else f'name=f"{{name}}{self.source.join}{last}"'
                text = construction(shape, starts[number], made.number, by_name)
                inner = text[text.index("(") + 1 : -1]
                if shape.signature[0] == "class":
                    start, end = line[: found.start()], line[found.end() + 1 : -1]
                    line = f"{start}{shape.name}({', '.join([end, *([inner] if inner else []), name])})"
                else:
                    whole = f"{text[: text.index('(')]}({', '.join([*([inner] if inner else []), name])})"
                    whole = f"keep({whole})" if shape.signature[0] == "kept" else whole
                    start, rest = line[: found.start()], line[found.end() :]
                    if re.match(r"\((layers|ops)\.", rest):  # an operation on the input gets its own statement
                        lines.append(start + rest[1:-1])
                        rest = f"({start[:-3]})"
                    line = start + whole + rest
            lines.append(line)
        return lines


def in_loops(lines: Sequence[str]) -> list[str]:
    """Writes successive statements that differ only in the number at the end of the layer name as a loop."""
    found: list[str] = []
    parts = [re.fullmatch(r'(\w+) = (\w+\(\1, .*name=f?".*?)(\d+)"\)', line) for line in lines]
    at = 0
    while at < len(lines):
        first, end = parts[at], at + 1
        while first is not None and end < len(lines):
            other = parts[end]
            if other is None or other[2] != first[2] or int(other[3]) != int(first[3]) + end - at:
                break
            end += 1
        if first is not None and end - at >= LEAST_LOOP:
            start = int(first[3])
            call = first[2] if 'name=f"' in first[2] else first[2].replace('name="', 'name=f"')
            found += [f"for i in range({start}, {start + end - at}):", f'    {first[1]} = {call}{{i}}")']
        else:
            found += lines[at:end]
        at = end
    return found
