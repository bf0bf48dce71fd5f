"""Reads models of Keras: JSON of ``to_json``, ``.keras`` and ``.h5`` files, written by Keras 1 to 3.

Only the configuration is read; nothing in a file is executed or unpickled, and weights are not read. Source:
``keras.models.model_from_json`` and the functional models of Keras 2.15 and 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.interop import keras_layers, keras_operations, keras_shapes
from cnncalc.interop.archive import member
from cnncalc.interop.builder import WRONG, NetBuilder, Unknown
from cnncalc.interop.keras_config import (
    JSON_BYTES,
    Call,
    Config,
    Names,
    Reference,
    calls,
    layers_of,
    plain,
    read_json,
    reference_of,
    references,
    upgraded,
)
from cnncalc.interop.keras_net import LAYERS, UNKNOWN, UNSUPPORTED, Applied, KerasNet, Tensor
from cnncalc.language.files import decode_names
from cnncalc.source import Source, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from mmap import mmap

    from cnncalc.graph import Graph
    from cnncalc.language.settings import Settings

_TRANSLATIONS = (keras_layers, keras_operations, keras_shapes)
"""The modules that fill ``LAYERS``."""
_MODELS = frozenset(["Sequential", "Functional", "Model", "Network"])
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
        return _Model(name, source, model, settings).graph(kind)
    except RecursionError:
        raise DesignError([Problem("limit", f"{name}: its lists are nested too deeply")]) from None


class _Model:
    """Reads one file: goes through its models and translates each call of a layer."""

    def __init__(self, name: str, source: Source, model: Mapping[str, Any], settings: Settings) -> None:
        self.name = name
        self.model = model
        self.names = Names(source)
        self.builder = NetBuilder("Keras file", name, settings)
        self.net = KerasNet(self.builder, _version(model))
        self.net.is_channels_first = '"channels_first"' in source.text or '"dim_ordering": "th"' in source.text
        self.owners: dict[str, list[int]] = {}
        self.has_mismatch = False
        self.calls = 0

    def graph(self, kind: str) -> Graph:
        """The whole net."""
        self.apply_model(self.model, None, "", is_trainable=True)
        return self.builder.graph(title=str(_config_of(self.model).get("name") or ""))

    # models

    def apply_model(
        self, model: Mapping[str, Any], inputs: Sequence[Tensor] | None, path: str, *, is_trainable: bool
    ) -> list[Tensor]:
        """Applies a model to tensors, or (None) to inputs of its own; returns its outputs."""
        if path.count(".") > MODELS_INSIDE:
            raise DesignError([Problem("limit", f"{self.name}: models are nested more than {MODELS_INSIDE} deep")])
        config = model.get("config")
        layers = layers_of(config)
        if len(layers) > MAX_LAYERS:
            message = f"{self.name}: a model has {len(layers):,} layers, more than {MAX_LAYERS:,}"
            raise DesignError([Problem("limit", message)])
        times = [len(nodes) for layer in layers if isinstance(nodes := layer.get("inbound_nodes"), list)]
        self.calls += 1 + max(len(layers), sum(times))
        if self.calls > MAX_CALLS:
            message = f"{self.name}: more than {MAX_CALLS:,} calls of layers, counted again for each call of a model"
            raise DesignError([Problem("limit", message)])
        is_trainable = is_trainable and not (isinstance(config, dict) and config.get("trainable") is False)
        if any(layer.get("inbound_nodes") for layer in layers) and isinstance(config, dict):
            return _Functional(self, config, layers, path, is_trainable=is_trainable).outputs(inputs)
        if layers:
            return self._sequential(model, layers, inputs, path, is_trainable=is_trainable)
        kind = _class_of(model)
        why = "its layers are in Python code, not in the file"
        self.builder.lacks(f"the model {kind[:60]}", path.rstrip(".") or kind, why)
        return [UNKNOWN]

    def _sequential(
        self,
        model: Mapping[str, Any],
        layers: Sequence[Mapping[str, Any]],
        inputs: Sequence[Tensor] | None,
        path: str,
        *,
        is_trainable: bool,
    ) -> list[Tensor]:
        tensors = list(inputs or ())
        for number, layer in enumerate(layers):
            config = _config_of(layer)
            kind = _class_of(layer)
            if kind == "InputLayer":
                if not tensors:
                    tensors = [self.add_input(layer, path)]
                continue
            if not tensors and number == 0:
                tensors = [self._first_input(model, layer, config, path)]
            tensors = self.apply(layer, Call([*tensors], {}), tensors, path, is_trainable=is_trainable)
        return tensors

    def _first_input(
        self, model: Mapping[str, Any], layer: Mapping[str, Any], config: Mapping[str, Any], path: str
    ) -> Tensor:
        """The input of a sequential model without an InputLayer; a nested model may have one."""
        if _class_of(layer) in _MODELS:
            inner = layers_of(layer.get("config"))
            if inner and _class_of(inner[0]) == "InputLayer":
                return self.add_input(inner[0], path)
            if inner:
                return self._first_input(layer, inner[0], _config_of(inner[0]), path)
        shape = config.get("batch_input_shape") or config.get("batch_shape")
        outer = model.get("config")
        for holder, key in ((outer, "build_input_shape"), (model.get("build_config"), "input_shape")):
            if shape is None and isinstance(holder, dict):
                shape = holder.get(key)
        if shape is None and "input_dim" in config and _class_of(layer) != "Embedding":
            shape = [None, config.get("input_length"), config["input_dim"]] if config.get("input_length") else [
                None, config["input_dim"]]  # fmt: skip
        return self._input(f"{path}{config.get('name', 'input')}_input", plain(shape))

    def add_input(self, layer: Mapping[str, Any], path: str) -> Tensor:
        """Adds the input of an InputLayer."""
        config = _config_of(layer)
        shape = plain(config.get("batch_shape") or config.get("batch_input_shape"))
        if shape is None and "shape" in config:
            shape = [None, *(plain(config["shape"]) or [])]
        return self._input(f"{path}{layer.get('name') or config.get('name', 'input')}", shape)

    def _input(self, name: str, shape: Any) -> Tensor:
        sizes = None
        if isinstance(shape, (list, tuple)):
            sizes = [size if isinstance(size, int) else None for size in shape[1:]]
        return self.net.input(name, sizes, self.names.span(name.rpartition(".")[2]))

    # layers

    def apply(
        self, layer: Mapping[str, Any], call: Call, inputs: Sequence[Tensor], path: str, *, is_trainable: bool
    ) -> list[Tensor]:
        """Applies a layer or model to tensors; errors are added to the problems, and the output is then unknown."""
        values = upgraded(_config_of(layer))
        name = str(layer.get("name") or values.get("name") or layer.get("class_name"))
        kind = _class_of(layer).rpartition(">")[2]
        full = path + name
        try:
            if kind in _MODELS or ("layers" in values and isinstance(values["layers"], list) and kind != "Merge"):
                return self.apply_model(layer, list(inputs), f"{full}.", is_trainable=is_trainable)
            config = Config(values, full, self.names.span(name))
            used: list[int] = []
            applied = Applied(
                full, kind, config, tuple(inputs), call.args, call.kwargs, self.owners.get(full, []), used,
                is_trainable and values.get("trainable") is not False,
            )  # fmt: skip
            made = self._translated(layer, applied)
            self.owners.setdefault(full, used)
            return made
        except DesignError as error:
            self.builder.problems += error.every
            return [UNKNOWN]
        except WRONG:
            message = f"{kind[:60]}: its configuration is not valid for this class"
            self.builder.fail(message, full, self.names.span(name))
            return [UNKNOWN]

    def _translated(self, layer: Mapping[str, Any], applied: Applied) -> list[Tensor]:
        module = str(layer.get("module") or "")
        is_operation = ".ops" in module or applied.kind in keras_operations.WRAPPERS
        function = keras_operations.operation if is_operation else LAYERS.get(applied.kind.lower())
        if function is None:
            return list(self.net.lacks(applied, "no layer kind computes it"))
        is_open = any(tensor.place is None for tensor in applied.inputs)
        if is_open and not is_operation and applied.kind.lower() not in UNSUPPORTED:
            return [UNKNOWN]
        try:
            return list(function(self.net, applied))
        except Unknown:
            return [UNKNOWN]


class _Functional:
    """Reads one functional model: applies each call of a layer once its inputs are known."""

    def __init__(
        self,
        file: _Model,
        config: Mapping[str, Any],
        layers: Sequence[Mapping[str, Any]],
        path: str,
        *,
        is_trainable: bool,
    ) -> None:
        self.file = file
        self.config = config
        self.path = path
        self.is_trainable = is_trainable
        self.layers = {str(layer.get("name") or _config_of(layer).get("name")): layer for layer in layers}
        names = frozenset(self.layers)
        self.calls = {name: calls(layer, names) for name, layer in self.layers.items()}
        self.made: dict[tuple[str, int], list[Tensor]] = {}
        self.first_calls = self._first_calls()

    def _first_calls(self) -> dict[str, int]:
        """The number of the first call of each nested model, which Keras 2 counts from 1."""
        first: dict[str, int] = {}
        reads = [reference for made in self.calls.values() for call in made for reference in call.references]
        for reference in [*reads, *_ends(self.config.get("output_layers"))]:
            first[reference.layer] = min(first.get(reference.layer, reference.call), reference.call)
        return {name: number for name, number in first.items() if _class_of(self.layers.get(name, {})) in _MODELS}

    def outputs(self, inputs: Sequence[Tensor] | None) -> list[Tensor]:
        """The outputs of the model on these inputs, or on inputs of its own."""
        self._inputs(inputs)
        self._run()
        found = [self._tensor(reference) for reference in _ends(self.config.get("output_layers"))]
        return found or [UNKNOWN]

    def _inputs(self, inputs: Sequence[Tensor] | None) -> None:
        order = [reference.layer for reference in _ends(self.config.get("input_layers"))]
        known = set(order)
        order += [name for name, made in self.calls.items() if not made and name not in known and self._is_input(name)]
        for number, name in enumerate(order):
            if inputs is not None:
                self.made[name, 0] = [inputs[number] if number < len(inputs) else UNKNOWN]
            elif name in self.layers:
                self.made[name, 0] = [self.file.add_input(self.layers[name], self.path)]

    def _is_input(self, name: str) -> bool:
        return _class_of(self.layers[name]) == "InputLayer"

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

    def _tensor(self, reference: Reference) -> Tensor:
        made = self.made.get(self._key(reference), [])
        tensor = made[reference.output] if 0 <= reference.output < len(made) else UNKNOWN
        if reference.shape is not None and tensor.place is not None:
            self._compare(reference, tensor)
        return tensor

    def _compare(self, reference: Reference, tensor: Tensor) -> None:
        """Adds a warning, once for each file, if the file states another shape than the layers have."""
        sizes = self.file.net.sizes(tensor)
        stated = (reference.shape or ())[1:]
        fits = len(stated) == len(sizes) and all(a is None or a == b for a, b in zip(stated, sizes, strict=False))
        if not fits and not self.file.has_mismatch:
            self.file.has_mismatch = True
            text = f"{self.path}{reference.layer}: the file states the shape {list(stated)}, but it is {list(sizes)}"
            self.file.builder.warn("shape-mismatch", text, self.file.names.span(reference.layer))

    def _apply(self, name: str, number: int) -> list[Tensor]:
        call = self.calls[name][number]
        args, kwargs = self._resolved(call.args), {key: self._resolved(value) for key, value in call.kwargs.items()}
        inputs = [self._tensor(reference) for reference in references(call.args)]
        return self.file.apply(self.layers[name], Call(args, kwargs), inputs, self.path, is_trainable=self.is_trainable)

    def _resolved(self, value: Any) -> Any:
        """An argument with tensors in place of references."""
        if isinstance(value, Reference):
            return self._tensor(value)
        if isinstance(value, list):
            return [self._resolved(part) for part in value]
        if isinstance(value, dict):
            return {key: self._resolved(part) for key, part in value.items()}
        return value


def _ends(value: Any) -> list[Reference]:
    """The inputs or outputs of a functional model; the file has one, a list, or a mapping of them."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        value = [value]
    found: list[Reference] = []
    for part in value if isinstance(value, list) else ():
        reference = reference_of(part) if isinstance(part, list) and len(part) == 3 else None
        if reference is not None:
            found.append(reference)
        else:
            found += _ends(part) if isinstance(part, (list, dict)) and part else []
    return found


def _class_of(layer: Mapping[str, Any]) -> str:
    """The class of a layer or model, converted to text whatever its type."""
    return str(layer.get("class_name"))


def _config_of(layer: Mapping[str, Any]) -> Mapping[str, Any]:
    config = layer.get("config")
    return config if isinstance(config, dict) else {}


def _version(model: Mapping[str, Any]) -> int:
    """The first number of the version of Keras that wrote the model."""
    written = str(model.get("keras_version") or "")
    if written[:1].isdigit():
        return int(written[0])
    return 3 if "module" in model or "registered_name" in model else 2
