"""The JSON of a Keras model: configurations of layers, and the tensors that each reads, in all versions of the format.

Source: ``get_config`` of keras.Model and of the layers, versions 1.2, 2.x and 3.x.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

from cnncalc.counts import MANY_DIGITS
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
                found.setdefault(match[1], (start, max(end, start + 1)))  # for an empty name: its closing quote
            self._places = found
        place = self._places.get(name)
        return None if place is None else Span(self.source, *place)


def whole(value: Any) -> int | None:
    """A whole number, which a file may write as ``3.0``; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def decimal(value: Any) -> float | None:
    """A finite number as a float; None for anything else."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) <= sys.float_info.max else None


def boolean(value: Any) -> bool | None:
    """true or false, which a file may write as 1 or 0; None for anything else."""
    return bool(value) if isinstance(value, (bool, int)) and value in (0, 1) else None


class Config:
    """The fields of one object of the file, such as the configuration of a layer.

    Every field is read by the method of its type, which raises DesignError for a value of another type or outside its
    range, so that nothing else has to check them.
    """

    def __init__(self, values: Mapping[str, Any], name: str, span: Span | None) -> None:
        self.values = values
        self.name = name
        self.span = span

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def raw(self, key: str, default: Any = None) -> Any:
        """A value without the object in which Keras wraps arrays and tuples; the default if it is missing or null."""
        value = plain(self.values.get(key))
        return default if value is None else value

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number, which is required if there is no default."""
        value = whole(self.raw(key, default))
        if value is None:
            raise self.wrong(key, "a whole number")
        return value

    def count(self, key: str, default: int | None = None) -> int:
        """A whole number of at least 1, which is required if there is no default."""
        value = self.integer(key, default)
        if value < 1:
            raise self.wrong(key, "a whole number of at least 1")
        return value

    def number(self, key: str, default: float) -> float:
        """A number."""
        value = decimal(self.raw(key, default))
        if value is None:
            raise self.wrong(key, "a number")
        return value

    def boolean(self, key: str, default: bool) -> bool:
        """true or false."""
        value = boolean(self.raw(key, default))
        if value is None:
            raise self.wrong(key, "true or false")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A string, which is required if there is no default."""
        value = self.raw(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "a word")
        return value

    def word(self, key: str, words: Sequence[str], default: str) -> str:
        """One of these words, in any case."""
        value = self.text(key, default).lower()
        if value not in words:
            raise self.wrong(key, f"{', '.join(words[:-1])} or {words[-1]}")
        return value

    def mapping(self, key: str) -> Mapping[str, Any]:
        """An object; an empty one if it is missing."""
        value = self.raw(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, "an object")
        return value

    def parts(self, key: str) -> list[Any]:
        """A list; an empty one if it is missing."""
        value = self.raw(key, [])
        if not isinstance(value, list):
            raise self.wrong(key, "a list")
        return value

    def integers(self, key: str, default: Any = None) -> list[int]:
        """A whole number or a list of them."""
        value = self.raw(key, default)
        found = [whole(part) for part in (value if isinstance(value, list) else [value])]
        numbers = [part for part in found if part is not None]
        if not found or len(numbers) < len(found):
            raise self.wrong(key, "a whole number, or a list of them")
        return numbers

    def sizes(self, key: str, sides: int, default: Any = None, least: int | None = 1) -> list[int]:
        """A whole number for all sides, or a list with one for each side; none is smaller than ``least``."""
        found = self.integers(key, default)
        if least is not None and min(found) < least:
            raise self.wrong(key, f"whole numbers of at least {least}")
        if not isinstance(self.raw(key, default), list):
            return found * sides
        if len(found) != sides:
            raise self.wrong(key, "one number" if sides == 1 else f"one number, or {sides}")
        return found

    def shape(self, key: str) -> list[int | None] | None:
        """The shape of a tensor: a list of whole numbers, null for open sizes; None if it is missing."""
        value = self.raw(key)
        if value is None:
            return None
        sizes = [whole(size) for size in value] if isinstance(value, list) else []
        if not isinstance(value, list) or any(a is None and b is not None for a, b in zip(sizes, value, strict=True)):
            raise self.wrong(key, "a list of whole numbers, or null for open sizes")
        return sizes

    def numbers(self, key: str) -> list[float]:
        """The numbers of a number or of nested lists."""
        found = [decimal(part) for part in _flat(self.raw(key))]
        numbers = [part for part in found if part is not None]
        if not found or len(numbers) < len(found) or len(found) > MAX_NUMBERS:
            raise self.wrong(key, "numbers")
        return numbers

    def wrong(self, key: str, expected: str) -> DesignError:
        """The error for a value that is not what is expected, or that is missing."""
        value = self.values.get(key)
        return self.fault(
            f"{key}: expected {expected}, {'but it is missing' if value is None else found_instead(value)}"
        )

    def fault(self, message: str, code: str = "wrong-value") -> DesignError:
        """An error at the layer."""
        return DesignError([Problem(code, f"{self.name}: {message}", self.span)])


def found_instead(value: Any) -> str:
    """The part of a message that shows a value of the file which is not what is expected."""
    return f"found {shown(value)[:80]}"


class Entry(NamedTuple):
    """A layer or a model as the file has it. ``name`` is None if it has none.

    ``config`` is its configuration, ``layers`` the layers of a model, not yet read, None of anything else, and
    ``nodes`` its calls in a functional model.
    """

    kind: str
    name: str | None
    outer: Config
    config: Config
    layers: list[Any] | None
    nodes: list[Any]

    @property
    def is_model(self) -> bool:
        """Whether it consists of layers."""
        return self.kind in MODELS or (self.layers is not None and self.kind != "Merge")


MODELS = frozenset(["Sequential", "Functional", "Model", "Network"])
"""The classes of models."""


def entry_of(value: Any, where: str, names: Names | None = None) -> Entry:
    """The entry of a serialized layer or model; raises DesignError, which names ``where``, if it is malformed."""
    if not isinstance(value, dict):
        raise DesignError([Problem("wrong-value", f"{where}: expected a layer, {found_instead(value)}")])
    outer = Config(value, where, None)
    config = outer.raw("config", {})
    is_list = isinstance(config, list)  # of the layers of a Sequential of Keras 1
    inner = Config({} if is_list else outer.mapping("config"), where, None)
    name = outer.text("name", "") or (inner.text("name") if "name" in inner else None)
    if name is not None:
        outer.name = inner.name = name or where
        outer.span = inner.span = names.span(name) if names is not None else None
    kind = outer.text("class_name").rpartition(">")[2]
    layers = config if is_list else inner.values.get("layers")
    if not isinstance(layers, list):
        if kind in MODELS and layers is not None:
            raise inner.wrong("layers", "a list of layers")
        layers = None
    return Entry(kind, name, outer, inner, layers, outer.parts("inbound_nodes"))


class Reference(NamedTuple):
    """A tensor: the name of a layer, the number of its call and of the output, and the shape that the file states."""

    layer: str
    call: int
    output: int
    shape: tuple[int | None, ...] | None = None


class Call(NamedTuple):
    """One call of a layer: the arguments, with references in place of tensors."""

    args: list[Any]
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


def calls(entry: Entry, names: frozenset[str]) -> list[Call]:
    """The calls of a layer of a functional model; ``names`` are those of all its layers."""
    return [
        _third(Config(node, entry.outer.name, entry.outer.span))
        if isinstance(node, dict) and "args" in node
        else _second(entry, node, names)
        for node in entry.nodes
    ]


def _third(node: Config) -> Call:
    """A call as Keras 3 writes it."""
    kwargs = {key: _resolved(node, value) for key, value in node.mapping("kwargs").items()}
    return Call([_resolved(node, part) for part in node.parts("args")], kwargs)


def _resolved(node: Config, value: Any) -> Any:
    """An argument with references in place of tensors, and without the objects in which Keras wraps values."""
    if isinstance(value, list):
        return [_resolved(node, part) for part in value]
    if not isinstance(value, dict):
        return value
    kind, config = value.get("class_name"), value.get("config")
    if kind == "__keras_tensor__" and isinstance(config, dict):
        reference = reference_of(config.get("keras_history"), config.get("shape"))
        if reference is None:
            raise Config(config, node.name, node.span).wrong("keras_history", TENSOR)
        return reference
    if kind == "__slice__" and isinstance(config, dict):
        return slice(config.get("start"), config.get("stop"), config.get("step"))
    if kind == "__ellipsis__":
        return Ellipsis
    if kind in ("__tuple__", "__list__"):
        return [_resolved(node, part) for part in Config({"tuple": value}, node.name, node.span).parts("tuple")]
    return plain(value)


TENSOR = "a tensor as [layer, call, output]"


def reference_of(history: Any, shape: Any = None) -> Reference | None:
    """The reference of a list [name, call, output]; None for anything else."""
    is_one = isinstance(history, list) and len(history) >= 3 and isinstance(history[0], str)
    call, output = (whole(part) for part in history[1:3]) if is_one else (None, None)
    if call is None or output is None:
        return None
    stated = tuple(shape) if isinstance(shape, list) else None
    return Reference(history[0], call, output, stated)


def _second(entry: Entry, node: Any, names: frozenset[str]) -> Call:
    """A call as Keras 1 and 2 write it: a list of [layer, call, output, arguments]."""
    if isinstance(node, dict):  # arguments by name
        node = list(node.values())
    entries = node if isinstance(node, list) and node and not isinstance(node[0], str) else [node]
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for part in entries:
        args.append(_tensors(entry, part))
        if isinstance(part, list) and len(part) > 3 and isinstance(part[3], dict):
            for key, value in part[3].items():
                kwargs.setdefault(key, _named(value, names))
    return Call(args, kwargs)


def _tensors(entry: Entry, value: Any) -> Any:
    """The constant, the reference, or the list of them that Keras 2 writes for an argument."""
    if isinstance(value, list) and value and value[0] == "_CONSTANT_VALUE":
        return value[2] if len(value) > 2 else None
    if isinstance(value, list) and value and isinstance(value[0], list):
        return [_tensors(entry, part) for part in value]
    reference = reference_of(value)
    if reference is None:
        raise entry.outer.fault(f"inbound_nodes: expected {TENSOR}, {found_instead(value)}")
    return reference


def _named(value: Any, names: frozenset[str]) -> Any:
    """An argument of Keras 2 with references in place of lists [layer, call, output]."""
    if isinstance(value, list):
        if len(value) >= 3 and isinstance(value[0], str) and value[0] in names:
            return reference_of(value) or [_named(part, names) for part in value]
        if value and value[0] == "_CONSTANT_VALUE":
            return value[2] if len(value) > 2 else None
        return [_named(part, names) for part in value]
    if isinstance(value, dict):
        if {"start", "stop", "step"} <= value.keys():
            return slice(value["start"], value["stop"], value["step"])
        if value.get("class_name") == "__ellipsis__":
            return Ellipsis
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


def _flat(value: Any) -> Iterator[Any]:
    """The parts of nested lists."""
    if isinstance(value, list):
        for part in value:
            yield from _flat(part)
    else:
        yield value


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
    except ValueError:
        raise DesignError([Problem("limit", f"{source.name}: {MANY_DIGITS}")]) from None
