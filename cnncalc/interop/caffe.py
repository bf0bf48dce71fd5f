"""Reads nets of Caffe: deploy and train_val files, with ``layer`` or the older ``layers``, and layers of forks.

A blob is batch x channels x sides; figures are for one image, so the batch of the file is not used. Losses, accuracies
and labels are left out. Source: caffe.proto and the layers of github.com/BVLC/caffe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import DesignError, Problem
from cnncalc.interop import caffe_layers, caffe_shapes
from cnncalc.interop.builder import NetBuilder, Unknown
from cnncalc.interop.caffe_blobs import LAYERS, UNKNOWN, CaffeLayer, CaffeNet, wrong
from cnncalc.interop.prototxt import PROTOTXT_BYTES, Message, parse, unread
from cnncalc.language.files import decode_names
from cnncalc.source import Source, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.graph import Graph
    from cnncalc.language.settings import Settings

_NUMBERED = {
    1: "accuracy", 2: "bnll", 3: "concat", 4: "convolution", 5: "data", 6: "dropout", 7: "euclideanloss", 8: "flatten",
    9: "hdf5data", 10: "hdf5output", 11: "im2col", 12: "imagedata", 13: "infogainloss", 14: "innerproduct", 15: "lrn",
    16: "multinomiallogisticloss", 17: "pooling", 18: "relu", 19: "sigmoid", 20: "softmax", 21: "softmaxloss",
    22: "split", 23: "tanh", 24: "windowdata", 25: "eltwise", 26: "power", 27: "sigmoidcrossentropyloss",
    28: "hingeloss", 29: "memorydata", 30: "argmax", 31: "threshold", 32: "dummydata", 33: "slice", 34: "mvn",
    35: "absval", 36: "silence", 37: "contrastiveloss", 38: "exp", 39: "deconvolution",
}  # fmt: skip
"""Layer types of the older ``layers`` by their number in caffe.proto."""
_OLD_NAMES = {"kernelsize": "kernel_size", "biasterm": "bias_term"}
_LEFT_OUT = frozenset(["silence", "hdf5output"])
_LEFT_OUT_PARTS = ("loss", "accuracy", "evaluate")
"""A type with one of these words computes a loss or a measure."""
_PREPARATIONS = frozenset([
    "slice", "split", "flatten", "reshape", "concat", "permute", "power", "eltwise", "crop", "argmax", "threshold",
    "tile",
])  # fmt: skip
"""Types that may be used only to prepare the target of a loss."""
_OF_TRAINING = frozenset([
    "weight_filler", "bias_filler", "filler", "slope_filler", "scale_filler", "engine", "force_nd_im2col", "cudnn_flag",
    "moving_average_fraction", "use_global_stats",
])  # fmt: skip
"""Fields of the parameters of layers that change no volume and no count."""

_OF_LAYERS = frozenset(
    ["blobs", "blobs_lr", "debug_info", "loss_param", "loss_weight", "param", "propagate_down", "transform_param",
     "weight_decay"]
)  # fmt: skip
"""Fields of layers that change no volume and no count."""
_OF_NETS = frozenset(["debug_info", "force_backward"])
"""Fields of nets that change no volume and no count."""


def read_caffe(name: str, data: bytes, settings: Settings) -> Graph:
    """The graph of a net of Caffe. Raises DesignError with all problems."""
    shown = visible(name)
    if len(data) > PROTOTXT_BYTES:
        message = f"{shown}: a prototxt file has at most {PROTOTXT_BYTES // 1024**2} MiB"
        raise DesignError([Problem("limit", message)])
    net = parse(Source(shown, decode_names(shown, data)))
    return _Reader(shown, net, settings).graph()


_TRANSLATIONS = (caffe_layers, caffe_shapes)
"""The modules that fill ``LAYERS``."""


class _Reader:
    """Reads one file: selects the layers of the phase, finds the blobs that are needed, and translates the layers."""

    def __init__(self, name: str, net: Message, settings: Settings) -> None:
        self.name = name
        self.net = net
        self.settings = settings
        self.builder = NetBuilder("prototxt file", name, settings)
        self.caffe = CaffeNet(self.builder)
        self.stages = frozenset(net.message("state").texts("stage"))
        self.level = net.message("state").integer("level")
        self.of_other_phase: set[str] = set()
        self.tops: set[str] = set()
        """The blobs that an input or a layer before makes."""

    def graph(self) -> Graph:
        """The whole net."""
        written = [*self.net.messages("layer"), *self.net.messages("layers")]
        if not written:
            raise DesignError([self._no_layers()])
        layers = self._running(written)
        wanted = _wanted(layers)
        self.caffe.silenced = _silenced(layers)
        self._net_inputs()
        for number, layer in enumerate(layers):
            try:
                self._add(layer, wanted.get(number, set()))
            except DesignError as error:
                self.builder.problems += error.every
                self.caffe.forget(layer)
        self.caffe.say_batches()
        title = self.net.text("name")
        for field, span in unread(self.net, _OF_NETS):
            self.builder.warn("not-read", f"the field {field} of the net is not read", span)
        return self.builder.graph(title=title)

    def _no_layers(self) -> Problem:
        """The problem of a text without layers."""
        for key in ("net", "train_net", "base_lr", "solver_type"):
            if key in self.net:
                message = f"{self.name} is the file of a solver; the net is in the file that its key 'net' names"
                return Problem("wrong-file", message, self.net.span(key))
        return Problem("empty", f"{self.name} has no layers: a net of Caffe has fields 'layer' or 'layers'")

    # which layers run

    def _running(self, written: Sequence[Message]) -> list[CaffeLayer]:
        """The layers of the phase; an input that exists only in some stages is the first such layer in the file."""
        found: list[CaffeLayer] = []
        made: set[str] = set()
        for message in written:
            layer = _layer_of(message)
            fits = self._runs(message, by_stage=True)
            if not fits and self._runs(message, by_stage=False) and not made.intersection(layer.tops):
                fits = bool(layer.tops) and not layer.bottoms
                if fits:
                    self.builder.note(f"{layer.name}: of several stages the first is read")
            if fits:
                found.append(layer)
                made.update(layer.tops)
            else:
                self.of_other_phase.update(layer.tops)
        return found

    def _runs(self, message: Message, *, by_stage: bool) -> bool:
        """Whether a layer runs in the phase by its rules; ``by_stage``: and in the level and stages of the file."""
        rules = message.messages("include")
        if rules:
            return any(self._meets(rule, by_stage=by_stage) for rule in rules)
        return not any(self._meets(rule, by_stage=by_stage) for rule in message.messages("exclude"))

    def _meets(self, rule: Message, *, by_stage: bool) -> bool:
        phase = rule.text("phase").lower()
        if phase not in ("", "train", "test"):
            message = f"phase must be TRAIN or TEST, but is {phase[:60].upper()}"
            raise DesignError([Problem("wrong-value", message, rule.span("phase"))])
        if phase and phase != self.settings.phase:
            return False
        if not by_stage:
            return True
        low, high = rule.integer("min_level", self.level), rule.integer("max_level", self.level)
        stages = all(stage in self.stages for stage in rule.texts("stage"))
        return low <= self.level <= high and stages and self.stages.isdisjoint(rule.texts("not_stage"))

    # layer by layer

    def _net_inputs(self) -> None:
        """Adds the inputs that the head of a deploy file names."""
        shapes = [shape.integers("dim") for shape in self.net.messages("input_shape")]
        sizes = self.net.integers("input_dim")
        shapes += [sizes[first : first + 4] for first in range(0, len(sizes), 4)]
        self.tops.update(self.net.texts("input"))
        for number, top in enumerate(self.net.texts("input")):
            field = self.net.all("input")[number]
            span = self.net.span("input")._replace(start=field.start, end=field.end)
            self.caffe.add_input(top, shapes[number] if number < len(shapes) else None, span)

    def _add(self, layer: CaffeLayer, wanted: set[str]) -> None:
        for number, top in enumerate(layer.tops):
            if top in self.tops and layer.bottoms[number : number + 1] != (top,):
                raise wrong(layer, f"its top '{top}' is a blob already, and not its bottom", code="repeated-name")
            self.tops.add(top)
        if is_left_out(layer):
            self.builder.note(f"{layer.type} left out: losses, measures and labels are not layers of the net")
            self.caffe.leave_out(layer.tops)
            return
        if not layer.bottoms and layer.kind != "parameter":
            self.caffe.add_data(layer, wanted)
            return
        lost = [bottom for bottom in layer.bottoms if bottom not in self.caffe.blobs]
        if any(bottom in self.caffe.left_out for bottom in lost):
            self.builder.note(f"{layer.type} left out: it reads the output of a loss, or a label")
            self.caffe.leave_out(layer.tops)
            return
        if lost:
            self._lost(layer, lost[0])
            return
        self._translate(layer)

    def _lost(self, layer: CaffeLayer, bottom: str) -> None:
        """Adds the error that nothing makes a blob, once for each blob."""
        phase = self.settings.phase
        other = "train" if phase == "test" else "test"
        hint = f"a layer of the other phase makes it: --phase {other}" if bottom in self.of_other_phase else None
        message = f"nothing before it makes the blob '{bottom}' in phase {phase}"
        self.builder.fail(message, layer.name, layer.span, code="unknown-blob", hint=hint)
        self.caffe.blobs[bottom] = UNKNOWN
        self.caffe.forget(layer)

    def _translate(self, layer: CaffeLayer) -> None:
        bottoms = [self.caffe.blobs[bottom] for bottom in layer.bottoms]
        translation = LAYERS.get(layer.kind)
        if translation is None:
            self.caffe.lacks(layer, "no layer kind computes it", bottoms)
            self.caffe.forget(layer)
            return
        if translation.parameter and not layer.is_flat:
            layer = layer._replace(parameter=layer.message.message(translation.parameter))
        if any(bottom.place is None for bottom in bottoms) and not translation.is_unsupported:
            self.caffe.forget(layer)
            return
        if not layer.tops:
            self.builder.fail(f"{layer.type} has no top", layer.name, layer.span, code="missing-key")
            return
        try:
            made = translation.function(self.caffe, layer, bottoms)
        except Unknown:
            made = ()
        self.caffe.bind(layer, made)
        for field, span in unread(layer.parameter, _OF_TRAINING) if translation.parameter else ():
            self.builder.warn(
                "not-read", f"{layer.name}: the field {field} of {translation.parameter} is not read", span
            )
        for field, span in () if layer.is_flat else unread(layer.message, _OF_LAYERS):
            self.builder.warn("not-read", f"{layer.name}: the field {field} of the layer is not read", span)


def is_left_out(layer: CaffeLayer) -> bool:
    """Whether a layer computes a loss or a measure, or only discards or stores its input."""
    is_loss = layer.kind == "python" and "loss_weight" in layer.message
    return is_loss or layer.kind in _LEFT_OUT or any(part in layer.kind for part in _LEFT_OUT_PARTS)


def _silenced(layers: Sequence[CaffeLayer]) -> set[str]:
    """The blobs that only Silence layers read."""
    read = {bottom for layer in layers if layer.kind != "silence" for bottom in layer.bottoms}
    return {bottom for layer in layers if layer.kind == "silence" for bottom in layer.bottoms} - read


def _layer_of(message: Message) -> CaffeLayer:
    """A layer of a file in any of the three versions of the format."""
    is_flat = "layer" in message  # the oldest version: the layer, with all its parameters, is in a field ``layer``
    inner = message.message("layer") if is_flat else message
    if is_flat:
        for old, new in _OLD_NAMES.items():
            if old in inner.fields:
                inner.fields[new] = inner.fields.pop(old)
        inner.used.update(inner.fields)
    number = inner.value("type")
    kind = _NUMBERED.get(number, f"type {number}") if isinstance(number, int) else inner.text("type")
    span = inner.span("name") if "name" in inner else message.span()
    name = inner.text("name") or kind or "layer"
    if not kind:
        raise DesignError([Problem("missing-key", f"{name}: the layer has no type", message.span())])
    bottoms, tops = tuple(message.texts("bottom")), tuple(message.texts("top"))
    return CaffeLayer(name, kind, kind.lower().replace("_", ""), bottoms, tops, inner, inner, span, is_flat)


def _wanted(layers: Sequence[CaffeLayer]) -> dict[int, set[str]]:
    """By index of a layer: those of its tops that the net needs, and not only the target of a loss."""
    makers: dict[str, int] = {}
    reads: list[list[tuple[int, str]]] = []
    unread_tops: dict[tuple[int, str], None] = {}
    for index, layer in enumerate(layers):
        reads.append([(makers[bottom], bottom) for bottom in layer.bottoms if bottom in makers])
        for read in reads[-1]:
            unread_tops.pop(read, None)
        for top in layer.tops:
            makers[top] = index
            unread_tops[index, top] = None
    ends = {index for index, _ in unread_tops if layers[index].bottoms}
    wanted: set[tuple[int, str]] = set()
    for index in range(len(layers) - 1, -1, -1):
        layer = layers[index]
        is_useful = not is_left_out(layer) and (
            layer.kind not in _PREPARATIONS or index in ends or any((index, top) in wanted for top in layer.tops)
        )
        if is_useful:
            wanted.update(reads[index])
    found: dict[int, set[str]] = {}
    for index, top in wanted:
        found.setdefault(index, set()).add(top)
    return found
