"""Reads nets of darknet, with the sections of its forks.

Each section becomes the layers ``layerN.conv``, ``layerN.bn``, ... where N is the number that darknet counts from 0, so
a table by blocks (``--depth 1``) has the lines of its own. Source: src/parser.c of github.com/pjreddie/darknet and
github.com/AlexeyAB/darknet; utils/layers.py of github.com/WongKinYiu/yolor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.builder import NetBuilder
from cnncalc.interop.cfg_file import CFG_BYTES, Section, read_sections
from cnncalc.language.files import decode_names
from cnncalc.source import Source, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.graph import Graph
    from cnncalc.language.settings import Settings
    from cnncalc.volume import Volume

_HEADS = frozenset([
    "yolo", "region", "detection", "cost", "gaussian_yolo", "contrastive", "iseg", "logistic", "jde", "silence",
    "empty",
])  # fmt: skip
"""Sections that compute a loss, or decode boxes from their input; they do not become layers."""

_ACTIVATIONS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "linear": (),
    "leaky": (("lrelu", {"slope": 0.1}),),
    "relu": (("relu", {}),),
    "relu6": (("relu6", {}),),
    "logistic": (("sigmoid", {}),),
    "tanh": (("tanh", {}),),
    "loggy": (("affine", {"factor": 0.5}), ("tanh", {})),
    "elu": (("elu", {}),),
    "selu": (("selu", {}),),
    "gelu": (("gelu", {"form": "tanh"}),),
    "relie": (("lrelu", {"slope": 0.01}),),
    "ramp": (("lrelu", {"slope": 0.1 / 1.1}), ("affine", {"factor": 1.1})),
    "hardtan": (("hardtanh", {}),),
    "swish": (("silu", {}),),
    "silu": (("silu", {}),),
    "mish": (("mish", {}),),
}
"""The layers of each activation function; ramp is 1.1*x above 0 and 0.1*x below."""
_OTHER_ACTIVATIONS = frozenset(
    [
        "hard_mish", "plse", "lhtan", "stair", "revleaky", "normalize_channels", "normalize_channels_softmax",
        "normalize_channels_softmax_maxval", "emb",
    ]
)  # fmt: skip
_WEIGHT_FORMS = ("binary", "xnor", "sway", "rotate", "stretch", "stretch_sway")
"""Options that use the weights in another form, without changing their number."""


def read_darknet(name: str, data: bytes, settings: Settings) -> Graph:
    """The graph of a net of darknet. Raises DesignError with all problems."""
    shown = visible(name)
    if len(data) > CFG_BYTES:
        raise DesignError([Problem("limit", f"{shown}: a darknet file has at most {CFG_BYTES // 1024**2} MiB")])
    sections = read_sections(Source(shown, decode_names(shown, data)))
    if not sections or sections[0].name not in ("net", "network"):
        span = sections[0].span if sections else None
        message = f"{shown} is not a darknet file: its first section must be [net]"
        raise DesignError([Problem("wrong-file", message, span)])
    return DarknetNet(shown, settings).read(sections)


class DarknetNet:
    """Builds a net of darknet; ``made`` has the node of each section after [net], None if it is not known."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.builder = NetBuilder("darknet file", name, settings)
        self.made: list[int | None] = []
        self.image: int | None = None
        self.implicit: dict[int, int] = {}
        """The number of learned elements of [implicit_...] sections, by section; they have no volume."""
        self.learned: dict[int, tuple[int, str]] = {}
        """By number of such a section: the SCALE with its elements, and the key of it that is off."""
        self.first = 0
        """The first node of the section that is read."""
        self.parts: list[list[int]] = []
        """The nodes of each section, for those that share their parameters."""

    @property
    def index(self) -> int:
        """The number of the section that is read."""
        return len(self.made)

    def read(self, sections: Sequence[Section]) -> Graph:
        """The whole net."""
        from cnncalc.interop.darknet_layers import RECURRENT, SECTIONS

        self._input(sections[0])
        frozen = 0  # the nodes below this index
        for section in sections[1:]:
            self.first = len(self.builder.nodes)
            kind = section.name.lower()
            x = self.made[-1] if self.made else self.image
            place: int | None = None
            try:
                if kind in _HEADS:
                    self.builder.note(f"[{section.name}] left out: it computes no volume of its own")
                    place = x
                elif kind not in SECTIONS or (x is None and kind in RECURRENT):
                    self.lacks(section, RECURRENT.get(kind, "no layer kind computes it"), [x])
                elif x is not None or kind.startswith(("route", "implicit")):
                    place = SECTIONS[kind](self, section, x)
                elif self.index - 1 in self.implicit:
                    self.lacks(section, "its input is the learned numbers of the section before it, not a volume", [])
            except DesignError as error:
                self.builder.problems += error.every
            self.parts.append(list(range(self.first, len(self.builder.nodes))))
            self.made.append(place)
            if "stopbackward" in section and section.text("stopbackward") != "0":
                frozen = len(self.builder.nodes)
        self._freeze(frozen)
        return self.builder.graph()

    def _input(self, net: Section) -> None:
        inputs = net.integer("inputs", 0)
        sides = [net.integer(key, 0) or None for key in ("height", "width", "channels")]
        sizes = [1, 1, inputs] if inputs and sides == [None] * 3 else sides
        self.image = self.builder.add_input("net", sizes, net.span)

    def _freeze(self, count: int) -> None:
        """Freezes the first ``count`` nodes, since the section after them stops the gradient."""
        nodes = self.builder.nodes
        for place, node in enumerate(nodes[:count]):
            nodes[place] = node._replace(trainable=not getattr(node.layer, "learns", False))
        if count:
            self.builder.note(f"stopbackward: the layers up to {nodes[count - 1].block} are frozen")

    # what translations need

    def volume(self, place: int) -> Volume:
        """The volume of a node."""
        return self.builder.volume(place)

    def add(
        self, section: Section, kind: str, inputs: Sequence[int | None], part: str | None = None, **keys: Any
    ) -> int | None:
        """Adds a layer of the section, named by its number and kind."""
        name = f"layer{self.index}.{part or kind}"
        return self.builder.add(kind, inputs, name, span=section.span, **keys)

    def lacks(
        self, section: Section, why: str, inputs: Sequence[int | None], output: Volume | None = None, **figures: int
    ) -> int | None:
        """Records an unsupported section."""
        name = f"layer{self.index}.{section.name}"
        return self.builder.lacks(f"[{section.name}]", name, why, inputs, output, figures)

    def other(self, section: Section, number: int, option: str) -> int | None:
        """The node of another section: ``number`` counts from the first, or backwards from this one if negative."""
        return self.made[self.place(section, number, option)]

    def place(self, section: Section, number: int, option: str) -> int:
        """The number of another section, counted from the first; raises DesignError if it is not an earlier one."""
        index = self.index + number if number < 0 else number
        if not 0 <= index < self.index:
            known = f"0 to {self.index - 1}, or -1 to -{self.index} backwards" if self.index else "there is none"
            message = f"layer{self.index}: {option}={number} must be the number of an earlier section ({known})"
            raise DesignError([Problem("unknown-layer", message, section.at(option))])
        return index

    def activated(self, section: Section, place: int | None, default: str = "logistic") -> int | None:
        """Adds the activation function of a section after one of its layers."""
        word = section.text("activation", default)
        if word in _OTHER_ACTIVATIONS and place is not None:
            name = f"layer{self.index}.{word}"
            why = "no layer kind computes it"
            return self.builder.lacks(f"activation={word}", name, why, [place], self.volume(place))
        if word not in _ACTIVATIONS:
            message = f"unknown activation {word[:60]}: it is read as RELU, as in darknet"
            self.builder.warn("unknown-activation", message, section.at("activation"))
            word = "relu"
        for kind, keys in _ACTIVATIONS[word]:
            place = self.add(section, kind, [place], **keys)
        return place

    def say_weights(self, section: Section) -> None:
        """Notes that a section uses its weights in another form."""
        for option in _WEIGHT_FORMS:
            if section.integer(option, 0):
                self.builder.note(f"{option}=1: the weights count as the numbers that are learned")
