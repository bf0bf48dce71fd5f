"""The JSON of a Keras model: configurations of layers, and the tensors that each reads, in all versions of the format.

Source: ``get_config`` of keras.Model and of the layers, versions 1.2, 2.x and 3.x.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.layers.keys import shown
from cnncalc.records import NamedTuple
from cnncalc.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

JSON_BYTES = 4 * 1024 * 1024
MAX_NUMBERS = 100_000
"""The most numbers of one list in a configuration."""

_NAME = re.compile(r'"name"\s*:\s*"([^"\\]*)"')
_FIRST_KEYS = {
    "nb_filter": "filters", "border_mode": "padding", "bias": "use_bias", "output_dim": "units", "p": "rate",
    "subsample": "strides", "subsample_length": "strides", "filter_length": "kernel_size", "pool_length": "pool_size",
    "stride": "strides", "atrous_rate": "dilation_rate", "sigma": "stddev",
}  # fmt: skip
"""Keys of Keras 1 and their names since Keras 2."""
_ORDERS = {"th": "channels_first", "tf": "channels_last"}


class Names:
    """The positions of the names of layers in the text, searched at the first request."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._places: dict[str, tuple[int, int]] | None = None

    def span(self, name: str) -> Span | None:
        """The first position of a name."""
        if self._places is None:
            found: dict[str, tuple[int, int]] = {}
            for match in _NAME.finditer(self.source.text):
                start, end = match.span(1)
                found.setdefault(match[1], (start, max(end, start + 1)))  # for an empty name its closing quote
            self._places = found
        place = self._places.get(name)
        return None if place is None else Span(self.source, *place)


class Config:
    """The configuration of one layer. The methods that read a value raise DesignError if it has another type."""

    def __init__(self, values: Mapping[str, Any], name: str, span: Span | None) -> None:
        self.values = values
        self.name = name
        self.span = span

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def raw(self, key: str, default: Any = None) -> Any:
        """A value as in the file; the default if it is missing or null."""
        value = self.values.get(key)
        return default if value is None else value

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number, which is required if there is no default."""
        value = self.raw(key, default)
        if isinstance(value, float) and value == int(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(key, "a whole number")
        return value

    def number(self, key: str, default: float) -> float:
        """A number."""
        value = self.raw(key, default)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise self.wrong(key, "a number")
        return float(value)

    def boolean(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.raw(key, default)
        if not isinstance(value, (bool, int)):
            raise self.wrong(key, "true or false")
        return bool(value)

    def text(self, key: str, default: str) -> str:
        """A string."""
        value = self.raw(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "a word")
        return value

    def integers(self, key: str, default: Any = None) -> list[int]:
        """A whole number or a list of them."""
        value = plain(self.raw(key, default))
        found = list(value) if isinstance(value, (list, tuple)) else [value]
        if not found or not all(isinstance(part, int) and not isinstance(part, bool) for part in found):
            raise self.wrong(key, "a whole number, or a list of them")
        return found

    def sizes(self, key: str, sides: int, default: Any = None) -> list[int]:
        """One whole number for each side."""
        found = self.integers(key, default)
        if len(found) == 1:
            return found * sides
        if len(found) != sides:
            raise self.wrong(key, f"one number, or {sides}")
        return found

    def numbers(self, key: str) -> list[float]:
        """The numbers of a number or of nested lists."""
        found = list(_flat(plain(self.raw(key))))
        if not found or len(found) > MAX_NUMBERS:
            raise self.wrong(key, "numbers")
        return found

    def wrong(self, key: str, expected: str) -> DesignError:
        """The error for a value that is not what is expected, or that is missing."""
        value = self.values.get(key)
        found = f"found {shown(value)[:80]}" if value is not None else "but it is missing"
        return self.fault(f"{key}: expected {expected}, {found}")

    def fault(self, message: str, code: str = "wrong-value") -> DesignError:
        """An error at the layer."""
        return DesignError([Problem(code, f"{self.name}: {message}", self.span)])


class Reference(NamedTuple):
    """A tensor: the name of a layer, the number of its call and of the output, and the shape that the file states."""

    layer: str
    call: int
    output: int
    shape: tuple[int | None, ...] | None = None


class Call(NamedTuple):
    """One call of a layer: the arguments, with references in place of tensors."""

    args: Any
    kwargs: Mapping[str, Any]

    @property
    def references(self) -> list[Reference]:
        """The tensors that it reads."""
        return [*references(self.args), *references(list(self.kwargs.values()))]


def references(value: Any) -> Iterator[Reference]:
    """The references within an argument."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from references(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from references(part)


def calls(layer: Mapping[str, Any], names: frozenset[str]) -> list[Call]:
    """The calls of a layer of a functional model; ``names`` are those of all its layers."""
    nodes = layer.get("inbound_nodes") or []
    if not isinstance(nodes, list):
        nodes = []
    return [_third(node) if isinstance(node, dict) and "args" in node else _second(node, names) for node in nodes]


def _third(node: Mapping[str, Any]) -> Call:
    """A call as Keras 3 writes it."""
    kwargs = node.get("kwargs") or {}
    return Call(_resolved(node["args"]), {key: _resolved(value) for key, value in kwargs.items()})


def _resolved(value: Any) -> Any:
    """An argument with references in place of tensors, and without the objects in which Keras wraps values."""
    if isinstance(value, list):
        return [_resolved(part) for part in value]
    if not isinstance(value, dict):
        return value
    kind, config = value.get("class_name"), value.get("config")
    if kind == "__keras_tensor__" and isinstance(config, dict):
        return reference_of(config.get("keras_history"), config.get("shape"))
    if kind == "__slice__" and isinstance(config, dict):
        return slice(config.get("start"), config.get("stop"), config.get("step"))
    if kind == "__ellipsis__":
        return Ellipsis
    if kind in ("__tuple__", "__list__"):
        return [_resolved(part) for part in (config if isinstance(config, list) else value.get("items") or [])]
    return plain(value)


def reference_of(history: Any, shape: Any = None) -> Reference | None:
    """The reference of a list [name, call, output]; None for anything else."""
    is_one = isinstance(history, list) and len(history) >= 3 and isinstance(history[0], str)
    if not is_one or not all(isinstance(part, int) for part in history[1:3]):
        return None
    stated = tuple(shape) if isinstance(shape, list) else None
    return Reference(history[0], history[1], history[2], stated)


def _second(node: Any, names: frozenset[str]) -> Call:
    """A call as Keras 1 and 2 write it: a list of [layer, call, output, arguments]."""
    if isinstance(node, dict):  # arguments by name
        node = list(node.values())
    entries = node if isinstance(node, list) and node and not isinstance(node[0], str) else [node]
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for entry in entries:
        if isinstance(entry, list) and entry and entry[0] == "_CONSTANT_VALUE":
            args.append(entry[2] if len(entry) > 2 else None)
        else:
            args.append(reference_of(entry))
        if isinstance(entry, list) and len(entry) > 3 and isinstance(entry[3], dict):
            for key, value in entry[3].items():
                kwargs.setdefault(key, _named(value, names))
    return Call(args, kwargs)


def _named(value: Any, names: frozenset[str]) -> Any:
    """An argument of Keras 2 with references in place of lists [layer, call, output]."""
    if isinstance(value, list):
        if len(value) >= 3 and isinstance(value[0], str) and value[0] in names:
            return reference_of(value)
        if value and value[0] == "_CONSTANT_VALUE":
            return value[2] if len(value) > 2 else None
        return [_named(part, names) for part in value]
    if isinstance(value, dict):
        if {"start", "stop", "step"} <= value.keys():
            return slice(value["start"], value["stop"], value["step"])
        return plain({key: _named(part, names) for key, part in value.items()})
    return value


def plain(value: Any) -> Any:
    """A value without the object in which Keras wraps arrays and tuples."""
    if isinstance(value, dict):
        config = value.get("config")
        if value.get("class_name") in ("__numpy__", "__tensor__") and isinstance(config, dict):
            return config.get("value")
        if value.get("class_name") in ("__tuple__", "TensorShape", "__list__"):
            return config if isinstance(config, list) else value.get("items")
        if value.get("type") in ("ndarray", "array", "list") and "value" in value:
            return value["value"]
    return value


def _flat(value: Any) -> Iterator[float]:
    """The numbers of nested lists; other values in them are skipped."""
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        yield float(value)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _flat(part)


def upgraded(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a layer, with keys of Keras 1 renamed to those of Keras 2."""
    values = {_FIRST_KEYS.get(key, key): value for key, value in config.items()}
    if "nb_row" in values and "nb_col" in values:
        values["kernel_size"] = [values["nb_row"], values["nb_col"]]
    if "kernel_dim1" in values:
        values["kernel_size"] = [values.get(f"kernel_dim{side}") for side in (1, 2, 3)]
    if "dim_ordering" in values:
        values["data_format"] = _ORDERS.get(str(values["dim_ordering"]), values["dim_ordering"])
    return values


def read_json(source: Source) -> Any:
    """The value of a JSON text; raises DesignError with the position of a syntax error."""
    try:
        return json.loads(source.text)
    except json.JSONDecodeError as error:
        span = Span(source, error.pos, error.pos + 1)  # may be one past the end of the text
        raise DesignError([Problem("syntax", f"JSON: {error.msg}", span)]) from None
    except RecursionError:
        raise DesignError([Problem("limit", f"{source.name}: JSON is nested too deeply")]) from None
    except ValueError as error:  # an integer of too many digits
        raise DesignError([Problem("limit", f"{source.name}: {error}")]) from None


def layers_of(config: Any) -> list[Mapping[str, Any]]:
    """The layers of the configuration of a model; the configuration of an old Sequential is the list itself."""
    layers = config.get("layers") if isinstance(config, dict) else config
    found: Sequence[Any] = layers if isinstance(layers, list) else []
    return [layer for layer in found if isinstance(layer, dict)]
