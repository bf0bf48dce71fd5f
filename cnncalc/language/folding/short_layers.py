"""The layers of a net as they are written: without keys that follow from others, and with defaults for a kind."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from cnncalc.language.layer_text import is_long
from cnncalc.layers.base import REQUIRED, WINDOW_KEYS, Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.graph import Node
    from cnncalc.volume import Volume


class ShortLayers:
    """The layers of a net without keys whose values follow from other keys.

    ``layers`` are in the order of the nodes. ``defaults`` holds for each kind the keys with the value that most layers
    of the kind share; it is empty without ``has_defaults``.
    """

    def __init__(self, nodes: Sequence[Node], volumes: Sequence[Volume], *, has_defaults: bool) -> None:
        self.layers = [short_layer(node, volumes) for node in nodes]
        self.defaults: dict[str, dict[str, Any]] = {}
        if has_defaults:
            self._find_defaults()

    def _find_defaults(self) -> None:
        kinds = Counter(type(layer) for layer in self.layers)
        found: dict[type[Layer], Counter[tuple[str, Any]]] = {}
        for layer in self.layers:
            counts = found.setdefault(type(layer), Counter())
            counts.update((key, as_tuples(value)) for key, value in layer.written().items())
        for kind, counts in found.items():
            needed = _needed(kind)
            for (key, value), count in counts.items():
                if key in (kind.first, kind.dash, kind.slash) or key in kind.sizes or is_long(as_lists(value)):
                    continue
                if key in needed:
                    continue
                is_all = count == kinds[kind]
                may_undo = kind.keys[key].default is not None and key not in _replaced(kind)
                if count > 1 and count > 0.6 * kinds[kind] and (is_all or may_undo):
                    self.defaults.setdefault(kind.kind, {})[key] = as_lists(value)


def _needed(kind: type[Layer]) -> set[str]:
    """The keys that every layer of a kind must write: its positional ones, if one is required, as in SLICE(0, 16)."""
    bare = {key for key in (kind.bare, *kind.further_bare) if key is not None}
    return bare if any(kind.keys[key].default is REQUIRED for key in bare) else set()


def _replaced(kind: type[Layer]) -> set[str]:
    return {name for names in kind.replaces.values() for name in names} | set(kind.replaces)


def as_tuples(value: Any) -> Any:
    """The value with tuples instead of lists, so that it is hashable."""
    return tuple([as_tuples(part) for part in value]) if isinstance(value, (list, tuple)) else value


def as_lists(value: Any) -> Any:
    """The value with lists instead of tuples: the inverse of :func:`as_tuples`."""
    return [as_lists(part) for part in value] if isinstance(value, tuple) else value


def short_layer(node: Node, volumes: Sequence[Volume]) -> Layer:
    """The layer of a node without the window keys whose values would be the same if they were not written."""
    layer = node.layer
    assert isinstance(layer, Layer), node.name
    if not node.inputs:
        return layer
    sides = len(volumes[node.inputs[0]]) - 1
    for key in WINDOW_KEYS:
        if key in layer.keys and layer.keys[key].default is None and key in layer.written():
            shorter = layer.with_keys(**{key: None})
            if shorter.on(sides).window_keys() == layer.on(sides).window_keys():
                layer = shorter
    return layer
