"""Reads models of Keras: JSON of ``to_json``, ``.keras`` and ``.h5`` files, written by Keras 1 to 3.

Only the configuration is read; nothing in a file is executed or unpickled, and weights are not read. Source:
``keras.models.model_from_json`` and the functional models of Keras 2.15 and 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.interop import keras_layers, keras_operations, keras_shapes
from cnncalc.interop.archive import member
from cnncalc.interop.builder import NetBuilder, Unknown
from cnncalc.interop.keras_config import (
    JSON_BYTES,
    MODELS,
    TENSOR,
    Call,
    Config,
    Entry,
    Names,
    Reference,
    calls,
    entry_of,
    found_instead,
    read_json,
    reference_of,
    references,
    upgraded,
)
from cnncalc.interop.keras_net import NO_TENSOR, UNKNOWN, UNSUPPORTED, Applied, KerasNet, Tensor, translation
from cnncalc.language.files import decode_names
from cnncalc.layers.keys import shown
from cnncalc.source import Source, visible
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from mmap import mmap

    from cnncalc.graph import Graph
    from cnncalc.interop.keras_net import Function
    from cnncalc.language.settings import Settings

_TRANSLATIONS = (keras_layers, keras_operations, keras_shapes)
"""The modules that fill ``LAYERS``."""
MAX_LAYERS = 20_000
"""The most layers of one model."""
MAX_CALLS = 20_000
"""The most calls of layers; those of a nested model count at each call of the model."""
MODELS_INSIDE = 32
"""The deepest nesting of models."""


def read_json_file(name: str, data: bytes, settings: Settings) -> Graph:
    """The graph of a JSON file: a model of Keras, or an architecture file, which may be JSON too."""
    shown = visible(name)
    _limit(shown, len(data))
    text = decode_names(shown, data)
    if '"class_name"' not in text:
        from cnncalc.language.reading import read_architecture_file

        return read_architecture_file(name, data, settings)
    return _read(shown, Source(shown, text), settings)


def read_keras_file(name: str, data: bytes | mmap, settings: Settings) -> Graph:
    """The graph of a ``.keras`` file, from its ``config.json``."""
    shown = visible(name)
    content = member(shown, data, "config.json", JSON_BYTES, "a model of Keras")
    return _read(shown, Source(f"{shown}: config.json", decode_names(shown, content)), settings)


def read_h5_file(name: str, data: bytes | mmap, settings: Settings) -> Graph:
    """The graph of an ``.h5`` file, from its attribute ``model_config``. Needs h5py."""
    shown = visible(name)
    try:
        from cnncalc.interop.hdf5 import model_config
    except ImportError:
        hint = "pip install 'cnncalc[h5]'; a .keras file, or a file with the JSON of to_json, does not need it"
        raise DesignError([Problem("missing-extra", f"{shown}: reading .h5 files needs h5py", None, hint)]) from None
    text = model_config(shown, data, JSON_BYTES)
    return _read(shown, Source(f"{shown}: model_config", text), settings)


def _limit(what: str, size: int) -> None:
    """Raises DesignError for a configuration that is too large."""
    if size > JSON_BYTES:
        raise DesignError([Problem("limit", f"{what} has {size:,} bytes, more than {JSON_BYTES:,}")])


def _read(name: str, source: Source, settings: Settings) -> Graph:
    """The graph of the JSON of a model."""
    model = read_json(source)
    kind = model.get("class_name") if isinstance(model, dict) else None
    if not isinstance(model, dict) or not isinstance(kind, str):
        raise DesignError([Problem("wrong-file", f"{name} is not a model of Keras: class_name must be a word")])
    try:
        return _Model(name, source, model, settings).graph()
    except RecursionError:
        raise DesignError([Problem("limit", f"{name}: its lists are nested too deeply")]) from None


class _Model:
    """Reads one file: goes through its models and translates each call of a layer."""

    def __init__(self, name: str, source: Source, model: Mapping[str, Any], settings: Settings) -> None:
        self.name = name
        self.names = Names(source)
        self.model = entry_of(model, name, self.names)
        self.builder = NetBuilder("Keras file", name, settings)
        self.net = KerasNet(self.builder, _version(self.model.outer))
        self.net.is_channels_first = '"channels_first"' in source.text or '"dim_ordering": "th"' in source.text
        self.owners: dict[str, list[int]] = {}
        self.has_mismatch = False
        self.calls = 0

    def graph(self) -> Graph:
        """The whole net."""
        places = [tensor.place for tensor in self.apply_model(self.model, None, "", is_trainable=True)]
        known = [place for place in places if place is not None]
        if len(known) == len(places):
            self.builder.keep(known)  # removes parts of Split that no layer reads
        return self.builder.graph(title=self.model.config.text("name", ""))

    # models

    def apply_model(
        self, model: Entry, inputs: Sequence[Tensor] | None, path: str, *, is_trainable: bool
    ) -> list[Tensor]:
        """Applies a model to tensors, or, with ``inputs`` None, to new inputs of the net; returns its outputs."""
        if path.count(".") > MODELS_INSIDE:
            raise DesignError([Problem("limit", f"{self.name}: models are nested more than {MODELS_INSIDE} deep")])
        values = model.layers or []
        if len(values) > MAX_LAYERS:
            message = f"{self.name}: a model has {len(values):,} layers, more than {MAX_LAYERS:,}"
            raise DesignError([Problem("limit", message)])
        place = path.rstrip(".") or self.name
        layers = [entry_of(value, f"{place}: layer {number}", self.names) for number, value in enumerate(values)]
        self.calls += 1 + max(len(layers), sum(len(layer.nodes) for layer in layers))
        if self.calls > MAX_CALLS:
            message = f"{self.name}: more than {MAX_CALLS:,} calls of layers, counted again for each call of a model"
            raise DesignError([Problem("limit", message)])
        is_trainable = model.config.boolean("trainable", True) and is_trainable
        if any(layer.nodes for layer in layers):
            return _Functional(self, model.config, layers, path, is_trainable=is_trainable).outputs(inputs)
        if layers:
            return self._sequential(model, layers, inputs, path, is_trainable=is_trainable)
        why = "its layers are in Python code, not in the file"
        self.builder.lacks(f"the model {model.kind[:60]}", path.rstrip(".") or model.kind, why)
        return [UNKNOWN]

    def _sequential(
        self, model: Entry, layers: Sequence[Entry], inputs: Sequence[Tensor] | None, path: str, *, is_trainable: bool
    ) -> list[Tensor]:
        tensors = list(inputs or ())
        for number, layer in enumerate(layers):
            if layer.kind == "InputLayer":
                if len(tensors) > 1:
                    raise model.outer.fault(f"the model has 1 input, but is called with {len(tensors)} tensors")
                if not tensors:
                    tensors = [self.add_input(layer, path)]
                continue
            if not tensors and number == 0:
                tensors = [self._first_input(model, layer, path)]
            tensors = self.apply(layer, Call([*tensors], {}), tensors, path, is_trainable=is_trainable)
        return tensors

    def _first_input(self, model: Entry, layer: Entry, path: str) -> Tensor:
        """The input of a sequential model without an InputLayer; a nested model may have one."""
        if layer.kind in MODELS and layer.layers:
            first = entry_of(layer.layers[0], f"{path}{layer.name or layer.kind}: layer 0", self.names)
            return self.add_input(first, path) if first.kind == "InputLayer" else self._first_input(layer, first, path)
        config = layer.config
        built = Config(model.outer.mapping("build_config"), model.outer.name, model.outer.span)
        shape = config.shape("batch_input_shape") or config.shape("batch_shape")
        if shape is None:
            shape = model.config.shape("build_input_shape")
        if shape is None:
            shape = built.shape("input_shape")
        if shape is None and "input_dim" in config and layer.kind != "Embedding":
            length = [config.integer("input_length")] if "input_length" in config else []
            shape = [None, *length, config.integer("input_dim")]
        return self._input(f"{path}{layer.name or 'input'}_input", shape)

    def add_input(self, layer: Entry, path: str) -> Tensor:
        """Adds the input of an InputLayer."""
        config = layer.config
        shape = config.shape("batch_shape") or config.shape("batch_input_shape")
        if shape is None and "shape" in config:
            shape = [None, *(config.shape("shape") or [])]
        return self._input(f"{path}{'input' if layer.name is None else layer.name}", shape)

    def _input(self, name: str, shape: Sequence[int | None] | None) -> Tensor:
        return self.net.input(name, None if shape is None else shape[1:], self.names.span(name.rpartition(".")[2]))

    # layers

    def apply(
        self, layer: Entry, call: Call, inputs: Sequence[Tensor], path: str, *, is_trainable: bool
    ) -> list[Tensor]:
        """Applies a layer or model to tensors; errors are added to the problems, and the output is then unknown."""
        full = path + (layer.name or layer.kind)
        try:
            if layer.is_model:
                if not inputs:
                    raise layer.outer.fault(NO_TENSOR)
                return self.apply_model(layer, list(inputs), f"{full}.", is_trainable=is_trainable)
            config = Config(upgraded(layer.config.values), full, layer.config.span)
            used: list[int] = []
            kind, function = translation(layer.kind)
            applied = Applied(
                full, kind, config, tuple(inputs), call.args, call.kwargs, self.owners.get(full, []), used,
                config.boolean("trainable", True) and is_trainable,
            )  # fmt: skip
            made = self._translated(layer, applied, function)
            self.owners.setdefault(full, used)
            return made
        except DesignError as error:
            self.builder.problems += error.every
            return [UNKNOWN]

    def _translated(self, layer: Entry, applied: Applied, function: Function | None) -> list[Tensor]:
        is_operation = ".ops" in layer.outer.text("module", "") or applied.kind in keras_operations.WRAPPERS
        function = keras_operations.operation if is_operation else function
        if function is None:
            return list(self.net.lacks(applied, "no layer kind computes it"))
        if not is_operation and applied.kind.lower() not in UNSUPPORTED:
            if not applied.inputs and not any(isinstance(value, Tensor) for value in applied.kwargs.values()):
                raise applied.config.fault(NO_TENSOR)
            _check_arguments(applied)
            if any(tensor.place is None for tensor in applied.inputs):
                return [UNKNOWN]
        try:
            return list(function(self.net, applied))
        except Unknown:
            return [UNKNOWN]


class _Functional:
    """Reads one functional model: applies each call of a layer once its inputs are known."""

    def __init__(self, file: _Model, config: Config, layers: Sequence[Entry], path: str, *, is_trainable: bool) -> None:
        self.file = file
        self.config = config
        self.path = path
        self.is_trainable = is_trainable
        self.layers: dict[str, Entry] = {}
        for layer in layers:
            if layer.name is None:
                raise layer.outer.wrong("name", "a word")
            if layer.name in self.layers:
                raise layer.outer.fault("another layer has this name")
            self.layers[layer.name] = layer
        names = frozenset(self.layers)
        self.calls = {name: calls(layer, names) for name, layer in self.layers.items()}
        self.made: dict[tuple[str, int], list[Tensor]] = {}
        self.ends = _ends(config, "output_layers")
        self.first_calls = self._first_calls()

    def _first_calls(self) -> dict[str, int]:
        """The number of the first call of each nested model, which Keras 2 counts from 1."""
        first: dict[str, int] = {}
        reads = [reference for made in self.calls.values() for call in made for reference in call.references]
        for reference in [*reads, *self.ends]:
            first[reference.layer] = min(first.get(reference.layer, reference.call), reference.call)
        return {name: first[name] for name, layer in self.layers.items() if name in first and layer.kind in MODELS}

    def outputs(self, inputs: Sequence[Tensor] | None) -> list[Tensor]:
        """The outputs of the model for these inputs; None: for new inputs of the net."""
        self._inputs(inputs)
        self._run()
        return [self._tensor(reference, "output_layers") for reference in self.ends] or [UNKNOWN]

    def _inputs(self, inputs: Sequence[Tensor] | None) -> None:
        order = [reference.layer for reference in _ends(self.config, "input_layers")]
        known = set(order)
        for name in order:
            if name not in self.layers:
                raise self.config.fault(f"input_layers: the model has no layer {shown(name)}", "unknown-layer")
        order += [name for name, made in self.calls.items() if not made and name not in known and self._is_input(name)]
        if inputs is not None and len(inputs) != len(order):
            message = f"the model has {plural(len(order), 'input')}, but is called with {plural(len(inputs), 'tensor')}"
            raise self.config.fault(message)
        for number, name in enumerate(order):
            tensor = self.file.add_input(self.layers[name], self.path) if inputs is None else inputs[number]
            self.made[name, 0] = [tensor]

    def _is_input(self, name: str) -> bool:
        return self.layers[name].kind == "InputLayer"

    def _run(self) -> None:
        """Applies the layers in the order of the file, each call once its inputs are known."""
        waiting: dict[tuple[str, int], int] = {}
        readers: dict[tuple[str, int], list[tuple[str, int]]] = {}
        ready: list[tuple[str, int]] = []
        for name, made in self.calls.items():
            for number, call in enumerate(made):
                key = name, number
                if key in self.made:
                    continue
                needs = {self._key(reference) for reference in call.references} - self.made.keys()
                waiting[key] = len(needs)
                for need in needs:
                    readers.setdefault(need, []).append(key)
                if not needs:
                    ready.append(key)
        ready.reverse()
        while ready:
            key = ready.pop()
            self.made[key] = self._apply(*key)
            for reader in reversed(readers.get(key, [])):
                waiting[reader] -= 1
                if not waiting[reader]:
                    ready.append(reader)
        self._say_stuck([key for key, count in waiting.items() if count and key not in self.made])

    def _say_stuck(self, stuck: Sequence[tuple[str, int]]) -> None:
        """Adds the error of a call that reads a tensor that does not exist, or of a cycle."""
        builder, waiting = self.file.builder, set(stuck)
        for name, number in stuck:
            for reference in self.calls[name][number].references:
                key = self._key(reference)
                if reference.layer not in self.calls or (key not in self.made and key not in waiting):
                    message = f"it reads call {reference.call} of {reference.layer}, which does not exist"
                    builder.fail(message, self.path + name, self.file.names.span(name), code="unknown-layer")
                    return
        if stuck:
            name = stuck[0][0]
            builder.fail("the layers form a cycle", self.path + name, self.file.names.span(name), code="cycle")

    def _key(self, reference: Reference) -> tuple[str, int]:
        return reference.layer, reference.call - self.first_calls.get(reference.layer, 0)

    def _tensor(self, reference: Reference, reader: str) -> Tensor:
        """The tensor that ``reader``, a layer or ``output_layers``, refers to; DesignError if it does not exist."""
        key = self._key(reference)
        made = self.made.get(key)
        missing = None
        if made is None and key[1] not in range(len(self.calls.get(key[0], ()))):
            missing = f"call {shown(reference.call)}"
        elif made is not None and UNKNOWN not in made and reference.output not in range(len(made)):
            missing = f"output {shown(reference.output)}"
        if missing is not None:
            message = f"{missing} of {reference.layer}, which does not exist"
            if reader in self.layers:
                raise self.layers[reader].outer.fault(f"it reads {message}", "unknown-layer")
            raise self.config.fault(f"{reader} names {message}", "unknown-layer")
        if made is None or UNKNOWN in made:
            return UNKNOWN
        tensor = made[reference.output]
        if reference.shape is not None and tensor.place is not None:
            self._compare(reference, tensor)
        return tensor

    def _compare(self, reference: Reference, tensor: Tensor) -> None:
        """Warns, once for each file, if the file states another shape than the layers give."""
        sizes = self.file.net.sizes(tensor)
        stated = (reference.shape or ())[1:]
        fits = len(stated) == len(sizes) and all(a is None or a == b for a, b in zip(stated, sizes, strict=False))
        if not fits and not self.file.has_mismatch:
            self.file.has_mismatch = True
            text = f"{self.path}{reference.layer}: the file states the shape {list(stated)}, but it is {list(sizes)}"
            self.file.builder.warn("shape-mismatch", text, self.file.names.span(reference.layer))

    def _apply(self, name: str, number: int) -> list[Tensor]:
        call = self.calls[name][number]
        try:
            args = [self._resolved(value, name) for value in call.args]
            kwargs = {key: self._resolved(value, name) for key, value in call.kwargs.items()}
            read = list(references(call.args)) or list(references(call.kwargs.get("inputs")))
            inputs = [self._tensor(reference, name) for reference in read]
        except DesignError as error:
            self.file.builder.problems += error.every
            return [UNKNOWN]
        return self.file.apply(self.layers[name], Call(args, kwargs), inputs, self.path, is_trainable=self.is_trainable)

    def _resolved(self, value: Any, reader: str) -> Any:
        """An argument with tensors in place of references."""
        if isinstance(value, Reference):
            return self._tensor(value, reader)
        if isinstance(value, list):
            return [self._resolved(part, reader) for part in value]
        if isinstance(value, dict):
            return {key: self._resolved(part, reader) for key, part in value.items()}
        return value


def _check_arguments(call: Applied) -> None:
    """Raises DesignError unless the arguments of a layer are tensors, lists of tensors, or flags and numbers."""
    for value in call.args:
        parts = value if isinstance(value, list) else [] if isinstance(value, (bool, int, float)) else [value]
        for part in parts:
            if part is not None and not isinstance(part, Tensor):
                raise call.config.fault(f"expected a tensor, {found_instead(part)}")


def _ends(config: Config, key: str) -> list[Reference]:
    """The inputs or outputs of a functional model, which a file has as one reference, nested lists, or mappings."""

    def within(value: Any) -> list[Reference]:
        parts = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(parts, list) or (parts and isinstance(parts[0], str)):
            reference = reference_of(parts)
            if reference is None:
                raise config.fault(f"{key}: expected {TENSOR}, {found_instead(value)}")
            return [reference]
        return [reference for part in parts for reference in within(part)]

    return within(config.raw(key, []))


def _version(model: Config) -> int:
    """The first number of the version of Keras that wrote the model."""
    written = model.text("keras_version", "")
    if written[:1].isdecimal():
        return int(written[0])
    return 3 if "module" in model.values or "registered_name" in model.values else 2
