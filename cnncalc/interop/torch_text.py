"""Writes the text of generated code: numbers that differ become parameters of a class, equal modules become a loop."""

from __future__ import annotations

import ast
import os
import re
from typing import TYPE_CHECKING, Any

from cnncalc.interop.exporters import heading
from cnncalc.interop.torch_code import Call
from cnncalc.language.folding.columns import explained

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.graph import Graph
    from cnncalc.language.folding.forms import Reference

SIZES = {"depth", "filters", "units", "inputs", "inner", "memory"}
"""Roles of numbers that may be multiples of each other."""
LEAST_LOOP = 3
"""The fewest equal successive modules that are written as a loop."""


class Shape:
    """The constructor of a module: a call of PyTorch, an ``nn.Sequential``, or a class of the generated code.

    ``signature`` is all of it except the numbers; these are in ``numbers``, in order, with their ``roles``.
    """

    def __init__(
        self, name: str, call: Call | None, children: Sequence[tuple[str, Shape | None]], signature: Any = None
    ) -> None:
        self.name = name
        self.call = call
        self.children = children
        self.numbers: list[Any] = []
        self.roles: list[str] = []
        if call is not None:
            self.signature: Any = ("call", self._of_call(call))
        else:
            for _, child in children:
                if child is not None:
                    self.numbers += child.numbers
                    self.roles += child.roles
            parts = tuple([None if child is None else child.signature for _, child in children])
            self.signature = signature or ("sequential", parts)

    def _of_call(self, call: Call) -> Any:
        """The signature of a call; records its numbers."""
        parts: list[Any] = [call.name]
        roles = (*call.roles, *["size"] * len(call.values))
        for value, role in zip(call.values, roles, strict=False):
            parts.append(self._of_value(value, role))
        for key, value in call.keys:
            parts.append((key, self._of_value(value, key)))
        return tuple(parts)

    def _of_value(self, value: Any, role: str) -> Any:
        if isinstance(value, Call):
            return self._of_call(value)
        is_numbers = isinstance(value, tuple) and all(isinstance(part, int) for part in value)
        if (isinstance(value, (int, float)) and not isinstance(value, bool)) or is_numbers:
            self.numbers.append(value)
            self.roles.append(role)
            return "?"
        return repr(value)


class Class:
    """A class of the generated code, with the numbers of each of its instances (``rows``)."""

    def __init__(
        self, name: str, names: Sequence[str], shapes: Sequence[Shape | None], parameters: Sequence[str],
        lines: Sequence[str],
    ) -> None:  # fmt: skip
        self.name = name
        self.names = names
        self.shapes = shapes
        self.parameters = parameters
        self.lines = lines
        self.rows: list[tuple[Any, ...]] = []
        self.roles: list[str] = []
        self.plan: tuple[Reference, ...] = ()
        self.columns: tuple[int, ...] = ()
        self.arguments: list[str] = []

    def decide(self) -> None:
        """Decides which numbers become parameters, and names them."""
        roles = ["size" if role in SIZES else role for role in self.roles]
        self.plan, self.columns = explained(self.rows, roles)
        taken: set[str] = set()
        for column in self.columns:
            role = self.roles[column] if self.roles[column].isidentifier() else "size"
            name, number = role, 1
            while name in taken:
                number += 1
                name = f"{role}{number}"
            taken.add(name)
            self.arguments.append(name)

    def number(self, place: int) -> str:
        """The expression for a number: a constant, a parameter, or an operation on a parameter."""
        reference = self.plan[place]
        if reference.is_constant:
            return repr(self.rows[0][place])
        name = self.arguments[reference.column]
        return f"{name} {reference.operation} {reference.number}" if reference.operation else name


class Writer:
    """Collects the classes of the code and writes them."""

    def __init__(self) -> None:
        self.classes: dict[Any, Class] = {}
        self.names: set[str] = set()

    def group(
        self, name: str, names: Sequence[str], shapes: Sequence[Shape | None], parameters: Sequence[str],
        lines: Sequence[str],
    ) -> Shape:  # fmt: skip
        """The shape of a group; groups that differ only in their numbers share a class."""
        signatures = [None if shape is None else shape.signature for shape in shapes]
        key = (tuple(zip(names, signatures, strict=True)), tuple(parameters), tuple(lines))
        if key not in self.classes:
            self.classes[key] = Class(self.class_name(name), names, shapes, parameters, lines)
        made = self.classes[key]
        shape = Shape(made.name, None, tuple(zip(names, shapes, strict=True)), ("class", made.name))
        made.rows.append(tuple(shape.numbers))
        made.roles = shape.roles
        return shape

    def class_name(self, name: str) -> str:
        words = re.findall(r"[A-Za-z]+|\d+", name)
        text = "".join(word.capitalize() for word in words) or "Block"
        text = text if text[0].isalpha() else "Block"
        text = text.rstrip("0123456789") or "Block"
        found, number = text, 1
        while found in self.names:
            number += 1
            found = f"{text}{number}"
        self.names.add(found)
        return found

    def text(self, top: Shape, graph: Graph, after: Sequence[str]) -> str:
        """The whole code; ``after`` are statements at the end of the constructor of the net."""
        for each in self.classes.values():
            each.decide()
        parts = [self._class(each, after if each.name == top.name else ()) for each in self.classes.values()]
        code = "\n\n\n".join(parts)
        copied = support(code, "torch_support.py")
        head = docstring(heading(graph))
        imports = ["from __future__ import annotations", ""]
        everything = "\n\n\n".join([*copied, code])
        if re.search(r"\bmath\.", everything):
            imports.append("import math")
        if re.search(r"\bAny\b", everything):
            imports.append("from typing import Any")
        imports += [""] if imports[-1] else []
        if re.search(r"\btorch\.", everything):
            imports.append("import torch")
        if re.search(r"\bF\b", everything):
            imports.append("import torch.nn.functional as F")
        imports.append("from torch import nn")
        return "\n".join([head, "", *imports]) + "\n\n\n" + everything + "\n"

    def _class(self, made: Class, after: Sequence[str]) -> str:
        by_name = {each.name: each for each in self.classes.values()}
        head = "".join([f", {name}" for name in made.arguments])
        lines = [f"class {made.name}(nn.Module):", f"    def __init__(self{head}):", "        super().__init__()"]
        place = 0
        for name, shape in zip(made.names, made.shapes, strict=True):
            if shape is not None:
                text = construction(shape, place, made.number, by_name)
                lines += wrapped(f"self.{name} = {text}", 8)
                place += len(shape.numbers)
        lines += [f"        {line}" for line in after]
        inputs = "".join([f", {name}" for name in made.parameters])
        lines += ["", f"    def forward(self{inputs}):"]
        lines += _forward(made.lines)
        return "\n".join(lines)


def _forward(lines: Sequence[str]) -> list[str]:
    return [part for line in lines for part in wrapped(line, 8)]


def construction(shape: Shape, place: int, number: Callable[[int], str], classes: dict[str, Class]) -> str:
    """The expression that creates a module; ``place`` is the index of its first number in the enclosing class."""
    if shape.call is not None:
        numbers = iter(range(place, place + len(shape.numbers)))
        return _call(shape.call, lambda: number(next(numbers)))
    if shape.signature[0] == "class":
        made = classes[shape.name]
        return f"{made.name}({', '.join([number(place + column) for column in made.columns])})"
    parts: list[tuple[Any, str]] = []
    for _, child in shape.children:
        assert child is not None
        parts.append((child.signature, construction(child, place, number, classes)))
        place += len(child.numbers)
    return f"nn.Sequential({', '.join(_in_a_row(parts))})"


def _in_a_row(parts: Sequence[tuple[Any, str]]) -> list[str]:
    """The expressions of successive modules; equal ones become a loop."""
    found: list[str] = []
    at = 0
    while at < len(parts):
        end = at
        while end < len(parts) and parts[end][1] == parts[at][1]:
            end += 1
        if end - at >= LEAST_LOOP:
            found.append(f"*[{parts[at][1]} for _ in range({end - at})]")
        else:
            found += [text for _, text in parts[at:end]]
        at = end
    return found


def _call(call: Call, number: Callable[[], str]) -> str:
    def text(value: Any) -> str:
        if isinstance(value, Call):
            return _call(value, number)
        is_numbers = isinstance(value, tuple) and all(isinstance(part, int) for part in value)
        if (isinstance(value, (int, float)) and not isinstance(value, bool)) or is_numbers:
            return number()
        return f'"{value}"' if isinstance(value, str) else repr(value)

    values = [text(value) for value in call.values]
    return f"{call.name}({', '.join([*values, *[f'{key}={text(value)}' for key, value in call.keys]])})"


WIDTH = 110


def wrapped(line: str, indent: int) -> list[str]:
    """The lines of a statement; one longer than :data:`WIDTH` characters is broken inside its outermost brackets."""
    text = " " * indent + line
    if len(text) <= WIDTH or not line.endswith(")"):
        return [text]
    opening = line.find("(")
    parts, depth, start = [], 0, opening + 1
    for place in range(opening + 1, len(line) - 1):
        letter = line[place]
        depth += (letter in "([{") - (letter in ")]}")
        if depth < 0:
            return [text]
        if letter == "," and not depth:
            parts.append(line[start:place].strip())
            start = place + 1
    parts.append(line[start : len(line) - 1].strip())
    inner = [each for part in parts for each in wrapped(f"{part},", indent + 4)]
    return [" " * indent + line[: opening + 1], *inner, " " * indent + ")"]


def docstring(text: str) -> str:
    """A line as a Python docstring; backslashes and quotes that would end it are replaced."""
    return '"""' + text.replace("\\", "/").replace('"""', "'''") + '"""'


def support(code: str, name: str) -> list[str]:
    """The sources of the classes and functions of the file ``name`` that the code uses, directly or indirectly."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    with open(path, encoding="utf-8") as file:
        source = file.read()
    lines = source.splitlines()
    known = {
        node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno])
        for node in ast.parse(source).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    }
    wanted: set[str] = set()
    waiting = [code]
    while waiting:
        text = waiting.pop()
        for name, body in known.items():
            if name not in wanted and re.search(rf"(?<![\w.]){name}\(|\({name}\):", text):
                wanted.add(name)
                waiting.append(body)
    return [body for name, body in known.items() if name in wanted]
