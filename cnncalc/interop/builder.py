"""Builds a graph layer by layer from a file of another program; each layer gets its volume when it is added."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, TypeVar

from cnncalc.errors import CnncalcError, DesignError, Problem, Problems, ShapeError, ValueProblem
from cnncalc.graph import TIED, Graph, Node, topologically_sorted
from cnncalc.language.effects import unread_by_model_files, unread_inputs
from cnncalc.language.limits import EXPANSION, NAME_CHARACTERS
from cnncalc.language.settings import DEFAULT_SETTINGS, NO_VALUES
from cnncalc.layers import KINDS
from cnncalc.layers.base import Layer
from cnncalc.volume import SIDES, Volume

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.language.settings import Settings
    from cnncalc.source import Span

Number = TypeVar("Number", int, float)
_VALID = re.compile(r"[^\W-][\w-]*(?:\.[\w-]+)*")
_FORBIDDEN = re.compile(r"[^\w.-]")
_DOTS = re.compile(r"\.{2,}")
MAX_BITS = 63
"""The bits of the largest size of a volume: the formats have sizes as signed integers of 64 bits."""
TOO_LARGE = f"a size of its volume has more than {MAX_BITS} bits"
MAX_LISTED = 5
"""The most nodes that a message names."""


WRONG = (ArithmeticError, AssertionError, AttributeError, LookupError, StopIteration, TypeError, ValueError)
"""The exceptions that the translation of an operator raises if attributes or inputs are missing or malformed."""


class Unsupported(CnncalcError):
    """An operator is not supported: no layer kind equals it; the message is the reason."""


class Unknown(CnncalcError):
    """The volume of an input is not known, so the outputs of the operator are not known either."""


class NetBuilder:
    """Collects the layers, problems and notes of a net. A layer is its index in ``nodes``, or None if it is unknown.

    ``format`` names the kind of file in messages ("ONNX file"), ``file`` the file.
    """

    def __init__(self, format: str, file: str, settings: Settings = DEFAULT_SETTINGS) -> None:
        self.format = format
        self.file = file
        self.settings = settings
        self.nodes: list[Node] = []
        self.volumes: list[Volume] = []
        self.problems: list[Problem] = Problems()
        self.warnings: list[Problem] = []
        self._names: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._notes: dict[str, int] = {}
        self._unsupported: dict[tuple[str, str], list[str]] = {}
        self._inputs_set: set[str] = set()
        self._known: dict[tuple[object, ...], tuple[Layer, Volume]] = {}
        """Layers and their output volumes by kind, keys and input volumes, so that equal layers are computed once."""

    # layers

    def add(
        self,
        kind: str,
        inputs: Sequence[int | None] = (),
        name: str | None = None,
        *,
        span: Span | None = None,
        share: int | None = None,
        transposed: bool = False,
        trainable: bool = True,
        training_only: bool = False,
        **keys: Any,
    ) -> int | None:
        """Adds a layer of a kind with keys as in architecture files; returns its index.

        ``name`` is the name in the source, for messages too; without it the layer gets a generated one. Returns None if
        an input is unknown, or if the layer cannot take its inputs, which is added to ``problems``.
        """
        known = [place for place in inputs if place is not None]
        if len(known) < len(inputs):
            return None
        if len(self.nodes) >= EXPANSION:
            raise DesignError([Problem("limit", f"{self.file} has more than {EXPANSION:,} layers")])
        try:
            layer, volume = self._layer(kind, keys, known)
        except (ShapeError, ValueProblem) as error:
            self.fail(error.message, name or kind, span, code=error.code, hint=error.hint)
            return None
        unique = self._unique(name) if name is not None else self._generated(kind)
        node = Node(
            unique, layer, tuple(known), span, share=share, transposed=transposed, named=name is not None,
            trainable=trainable, training_only=training_only,
        )  # fmt: skip
        self.nodes.append(node)
        self.volumes.append(volume)
        return len(self.nodes) - 1

    def _layer(self, kind: str, keys: Mapping[str, Any], inputs: Sequence[int]) -> tuple[Layer, Volume]:
        """A layer of a kind with these keys, and its output volume; ShapeError or ValueProblem if it is invalid."""
        like = (kind, repr(keys), *[self.volumes[place] for place in inputs])
        found = self._known.get(like)
        if found is not None:
            return found
        layer = KINDS[kind](**keys)
        volume = self._output(layer, inputs)
        if max(volume).bit_length() > MAX_BITS:
            raise ShapeError(TOO_LARGE, code="limit")
        if not layer.takes_places:  # an UNPOOL also depends on the max pool that it undoes
            self._known[like] = layer, volume
        return layer, volume

    def _output(self, layer: Layer, inputs: Sequence[int]) -> Volume:
        """The output volume of a layer; ShapeError or ValueProblem if it cannot take these inputs."""
        volumes = [self.volumes[place] for place in inputs]
        if not volumes:
            return layer.output()
        layer = layer.on(len(volumes[0].sides))
        if layer.takes_places and len(inputs) > 1:
            source = self.nodes[inputs[1]]
            assert isinstance(source.layer, Layer)
            layer = layer.after(source.layer, tuple([self.volumes[place] for place in source.inputs]))
        return layer.output(*volumes)

    def add_input(self, name: str, sizes: Sequence[int | None] | None, span: Span | None = None) -> int | None:
        """Adds an input with the sides and depth that the source states (None: an open size).

        The sizes of the options replace them: ``--input NAME=VOLUME``, or ``--input VOLUME`` for the first input.
        """
        wanted = self.settings.inputs.get(name)
        if wanted is not None:
            self._inputs_set.add(f"input {name}")
        elif not self.nodes and self.settings.input is not None:
            wanted = self.settings.input
        if wanted is not None:
            fits = sizes is None or (
                len(sizes) == len(wanted)
                and all(size in (None, mine) for size, mine in zip(sizes, wanted, strict=True))
            )
            if sizes is not None and not fits:
                given = f"{name}={wanted.size}" if name in self.settings.inputs else wanted.size
                message = f"--input {given} replaces {_open(sizes)}, which the file states"
                self.warnings.append(Problem("input-replaced", message, None, None, "note"))
            return self.add("input", (), name, span=span, size=list(wanted))
        if sizes is None or any(size is None for size in sizes):
            stated = f" ({_open(sizes)})" if sizes is not None else ""
            self.fail(
                f"the size of the input is open{stated}", name, span, code="open-size",
                hint=f"state it: --input {_example(sizes)}, or --input {name}=... if there are several inputs",
            )  # fmt: skip
            return None
        return self.add("input", (), name, span=span, size=list(sizes))

    def change(self, place: int, **keys: Any) -> None:
        """Sets keys of a layer that do not change its output volume, such as ``bias`` if the next operator adds one."""
        node = self.nodes[place]
        assert isinstance(node.layer, Layer)
        self.nodes[place] = node._replace(layer=node.layer.with_keys(**keys))

    def has_windows(self, place: int | None) -> bool:
        """Whether the sides of the output of a layer are windows x positions, as WINDOW makes them for ATTENTION."""
        while place is not None:
            node = self.nodes[place]
            if isinstance(node.layer, Layer) and node.layer.makes_windows is not None:
                return node.layer.makes_windows
            place = node.inputs[0] if node.inputs else None
        return False

    def keep(self, outputs: Sequence[int], ranks: Mapping[int, int] | None = None) -> None:
        """Removes the layers that no output depends on, such as those that were replaced by others.

        ``ranks`` are the positions of layers in the source; layers are sorted by them as far as the graph allows, after
        the inputs.
        """
        kept = set(outputs)
        for place in range(len(self.nodes) - 1, -1, -1):
            node = self.nodes[place]
            if place in kept:
                kept.update(node.inputs)
                if node.share is not None:
                    kept.add(node.share)

        def position(place: int) -> tuple[int, int]:
            rank = ranks.get(place, place) if ranks else place
            return (-1 if ranks and self.nodes[place].is_input else rank), place

        order = sorted(kept, key=position)
        new = {place: number for number, place in enumerate(order)}
        moved = []
        for place in order:
            node = self.nodes[place]
            share = None if node.share is None else new[node.share]
            moved.append(node._replace(inputs=tuple([new[source] for source in node.inputs]), share=share))
        volumes = {node.name: self.volumes[place] for node, place in zip(moved, order, strict=True)}
        self.nodes = list(topologically_sorted(moved))
        self.volumes = [volumes[node.name] for node in self.nodes]

    def numbers(self) -> int:
        """The number of parameters and buffers of all layers; shared ones count once, stated ones do not."""
        total = 0
        for node in self.nodes:
            if (node.share is None or node.transposed) and isinstance(node.layer, Layer) and not node.layer.is_stated:
                volumes = [self.volumes[source] for source in node.inputs]
                layer = node.layer.on(len(volumes[0].sides)) if volumes else node.layer
                arrays = (*layer.parameters(*volumes), *layer.buffers(*volumes))
                total += sum(int(array.count) for array in arrays if not (node.transposed and array.name == TIED))
        return total

    def volume(self, place: int) -> Volume:
        """The output volume of a layer."""
        return self.volumes[place]

    # notes, warnings and problems

    def note(self, text: str, count: int = 1) -> None:
        """Adds a note on what the layers do not show, such as ``Identity nodes left out``; equal notes are counted."""
        self._notes[text] = self._notes.get(text, 0) + count

    def warn(self, code: str, message: str, span: Span | None = None) -> None:
        """Adds a warning."""
        self.warnings.append(Problem(code, message, span, None, "warning"))

    def fail(
        self, message: str, name: str, span: Span | None = None, *, code: str = "wrong-file", hint: str | None = None
    ) -> None:
        """Adds an error at a node of the file."""
        place = f"{self.file}: " if span is None else ""
        self.problems.append(Problem(code, f"{place}{name}: {message}", span, hint))

    def lacks(
        self,
        operator: str,
        name: str,
        why: str,
        inputs: Sequence[int | None] = (),
        output: Volume | None = None,
        figures: Mapping[str, int] = NO_VALUES,
    ) -> int | None:
        """Records an unsupported operator. It becomes an OPAQUE layer if its output volume is known.

        Without ``--partial`` :meth:`graph` refuses the net, with all such operators. ``figures`` are the keys of OPAQUE
        that are known: ``parameters``, ``buffers``, ``macs``.
        """
        self._unsupported.setdefault((operator, why), []).append(name)
        known = [place for place in inputs if place is not None]
        if output is None or not known:
            return None
        self.warn("no-equal", f"{name}: {operator} is not supported, so it is stated, not computed: {why}")
        keys: dict[str, Any] = {"output": list(output), **figures}
        return self.add("opaque", known[:1], name, **keys)

    # the end

    def graph(self, name: str = "", title: str = "") -> Graph:
        """The finished net. Raises DesignError with all problems, among them unsupported operators.

        Without a ``name`` it has that of the file, without folder and ending; a ``title`` equal to it is left out.
        """
        if self._unsupported and not self.settings.partial:
            self.problems += [self._lack(*key, nodes) for key, nodes in self._unsupported.items()]
        elif self._unsupported and not self.problems and not self.nodes:
            self.problems.append(Problem("no-equal", f"{self.file}: no operator of the file is supported"))
        if self.problems:
            raise DesignError(self.problems)
        if not self.nodes:
            raise DesignError([Problem("empty", f"{self.file} has no layers")])
        name = name or os.path.basename(self.file).rpartition(".")[0] or self.file
        title = "" if title == name else title
        inputs = [node.name for node in self.nodes if node.is_input]
        self.warnings += unread_inputs(self.settings, inputs, self._inputs_set)
        self.warnings += unread_by_model_files(self.settings)
        notes = tuple(text if count == 1 else f"{text} ({count} times)" for text, count in self._notes.items())
        return Graph(name, tuple(self.nodes), title or None, warnings=tuple(self.warnings), notes=notes)

    def _lack(self, operator: str, why: str, nodes: Sequence[str]) -> Problem:
        """The error for an unsupported operator, with its nodes."""
        listed = ", ".join(nodes[:MAX_LISTED])
        more = f" and {len(nodes) - MAX_LISTED:,} more" if len(nodes) > MAX_LISTED else ""
        message = f"{self.file}: {operator} is not supported: {why} (at {listed}{more})"
        hint = "--partial imports the rest, with what is known of these as OPAQUE layers"
        return Problem("no-equal", message, None, hint)

    # names

    def _unique(self, name: str) -> str:
        """A valid name that no other layer has: ``name``, or ``name_2``, ``name_3`` and so on."""
        wanted = valid_name(name)
        found, number = wanted, 1
        while found in self._names:
            number = self._numbers[wanted] = max(number, self._numbers.get(wanted, 1)) + 1
            found = f"{wanted}_{number}"
        self._names.add(found)
        return found

    def _generated(self, kind: str) -> str:
        """The name that an unnamed layer has in the language: ``conv2``."""
        mark = "_" if kind[-1].isdigit() else ""
        while True:
            number = self._numbers[f" {kind}"] = self._numbers.get(f" {kind}", 0) + 1
            name = f"{kind}{mark}{number}"
            if name not in self._names:
                self._names.add(name)
                return name


def uniform(sizes: Sequence[Number]) -> Number | list[Number]:
    """The value of a key with one size for each side: a single number if all are equal, else the list."""
    return sizes[0] if len(set(sizes)) == 1 else list(sizes)


def valid_name(name: str) -> str:
    """The name of a layer from that of another program: ``/`` becomes ``.``, other characters not allowed become ``_``.

    >>> valid_name("/layer1/conv:0"), valid_name("a b//c")
    ('layer1.conv_0', 'a_b.c')
    """
    if _VALID.fullmatch(name) and len(name) <= NAME_CHARACTERS - 20:
        return name
    text = _DOTS.sub(".", _FORBIDDEN.sub("_", name.replace("/", "."))).strip(".")
    text = text[: NAME_CHARACTERS - 20].rstrip(".") or "_"
    return f"_{text}" if text.startswith("-") else text


def _open(sizes: Sequence[int | None]) -> str:
    """Sizes as text, ``?`` for an open one."""
    return "[" + "x".join("?" if size is None else str(size) for size in sizes) + "]"


def _example(sizes: Sequence[int | None] | None) -> str:
    """A volume for a hint: these sizes, with 224 for an open side and 3 for an open depth."""
    if sizes is None or len(sizes) - 1 not in SIDES:
        return "224x224x3"
    return "x".join(str(size or (3 if place == len(sizes) - 1 else 224)) for place, size in enumerate(sizes))
