"""The layers of a net as they are written: without keys that have their usual values; defaults for those most share."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from cnncalc.language.layer_text import is_long
from cnncalc.layers.base import REQUIRED, WINDOW_KEYS, Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.graph import Node
    from cnncalc.volume import Volume


class Usual:
    """The layers of a net as they are written: keys that only repeat what follows from others are left out.

    ``defaults`` are keys that most layers of a kind share.
    """

    def __init__(self, nodes: Sequence[Node], volumes: Sequence[Volume], *, has_defaults: bool) -> None:
        self.layers = [usual(node, volumes) for node in nodes]
        self.defaults: dict[str, dict[str, Any]] = {}
        if has_defaults:
            self._find_defaults()

    def _find_defaults(self) -> None:
        kinds = Counter(type(layer) for layer in self.layers)
        found: dict[type[Layer], Counter[tuple[str, Any]]] = {}
        for layer in self.layers:
            counts = found.setdefault(type(layer), Counter())
            counts.update((key, frozen(value)) for key, value in layer.written().items())
        for kind, counts in found.items():
            needed = _needed(kind)
            for (key, value), count in counts.items():
                if key in (kind.first, kind.dash, kind.slash) or key in kind.sizes or is_long(thawed(value)):
                    continue
                if key in needed:
                    continue
                is_all = count == kinds[kind]
                may_undo = kind.keys[key].default is not None and key not in _replaced(kind)
                if count > 1 and count > 0.6 * kinds[kind] and (is_all or may_undo):
                    self.defaults.setdefault(kind.kind, {})[key] = thawed(value)


def _needed(kind: type[Layer]) -> set[str]:
    """The keys that each layer of a kind states: its bare ones, if one of them has no default, as in SLICE(0, 16)."""
    bare = {key for key in (kind.bare, *kind.further_bare) if key is not None}
    return bare if any(kind.keys[key].default is REQUIRED for key in bare) else set()


def _replaced(kind: type[Layer]) -> set[str]:
    return {name for names in kind.replaces.values() for name in names} | set(kind.replaces)


def frozen(value: Any) -> Any:
    """A value with tuples in place of lists, which can be a key."""
    return tuple([frozen(part) for part in value]) if isinstance(value, (list, tuple)) else value


def thawed(value: Any) -> Any:
    """A value of the language again: lists in place of tuples."""
    return [thawed(part) for part in value] if isinstance(value, tuple) else value


def usual(node: Node, volumes: Sequence[Volume]) -> Layer:
    """The layer of a node without keys of its window that have the value they would have anyway."""
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
