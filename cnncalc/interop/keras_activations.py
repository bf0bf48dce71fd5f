"""Activation functions of Keras: layers, keys of other layers, and names.

Source: keras.activations and keras.layers.activation, versions 2.15 and 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.interop.keras_config import Config, Entry, entry_of
from cnncalc.interop.keras_net import Applied, KerasNet, Tensor, translates, translation

if TYPE_CHECKING:
    from collections.abc import Sequence

    Steps = tuple[tuple[str, dict[str, Any]], ...]

_WORDS: dict[str, Steps] = {
    "linear": (), "relu": (("relu", {}),), "relu6": (("relu6", {}),), "sigmoid": (("sigmoid", {}),),
    "tanh": (("tanh", {}),), "elu": (("elu", {}),), "celu": (("elu", {}),), "selu": (("selu", {}),),
    "gelu": (("gelu", {}),), "swish": (("silu", {}),), "silu": (("silu", {}),), "mish": (("mish", {}),),
    "exponential": (("exp", {}),), "exp": (("exp", {}),), "softplus": (("softplus", {}),),
    "softmax": (("softmax", {}),), "hard_swish": (("hswish", {}),), "hard_silu": (("hswish", {}),),
    "hard_tanh": (("hardtanh", {}),), "glu": (("glu", {}),), "leaky_relu": (("lrelu", {"slope": 0.2}),),
    "abs": (("abs", {}),), "square": (("square", {}),), "sqrt": (("sqrt", {}),),
}  # fmt: skip
"""The layers of each activation function by its name."""


def activated(net: KerasNet, call: Applied, tensor: Tensor, *, main: bool = False) -> Sequence[Tensor]:
    """Adds the activation function of the key ``activation`` after a layer or (``main``) as the layer itself."""
    value = call.config.raw("activation", "linear")
    while isinstance(value, dict):  # serialized: a function with its name, or a layer
        if isinstance(value.get("config"), dict) and value.get("class_name") != "function":
            return _as_layer(net, call, tensor, entry_of(value, f"{call.name}: activation"))
        value = value.get("config") if value.get("config") is not None else value.get("class_name")
    if not isinstance(value, str):
        raise call.config.wrong("activation", "a word or a layer")
    word = value.rpartition(">")[2]
    steps = _steps(net, word)
    if steps is None:
        sizes = net.sizes(net.last(call, tensor))
        inside = call._replace(inputs=(tensor,))
        return net.lacks(inside, "no layer kind computes it", sizes, f"activation {word[:60]}")
    if not steps and main:
        return [net.add(call, "identity", [tensor])]
    for number, (kind, keys) in enumerate(steps):
        keys = {"axes": net.names(tensor)[-1]} if kind == "softmax" and net.names(tensor)[-1] != "depth" else keys
        tensor = net.add(call, kind, [tensor], main=main and number == len(steps) - 1, **keys)
    return [tensor]


def _steps(net: KerasNet, word: str) -> Steps | None:
    """The layers of an activation function; None for one that is not known."""
    if word == "hard_sigmoid":
        # relu6(x + 3) / 6 since Keras 3, before that 0.2 * x + 0.5 clipped to 0 and 1
        return (("hsigmoid", {} if net.version >= 3 else {"slope": 0.2}),)
    return _WORDS.get(word)


def _as_layer(net: KerasNet, call: Applied, tensor: Tensor, entry: Entry) -> Sequence[Tensor]:
    """Adds an activation function that the file has as a serialized layer inside another one."""
    kind, function = translation(entry.kind)
    inner = call._replace(
        name=f"{call.name}.{kind.lower()}", kind=kind,
        config=Config(entry.config.values, call.name, call.config.span), inputs=(tensor,), args=[tensor], kwargs={},
    )  # fmt: skip
    if function is None:
        return net.lacks(inner, "no layer kind computes it")
    return function(net, inner)


@translates("Activation")
def _activation(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    return activated(net, call, call.x, main=True)


@translates("ReLU")
def _relu(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    config = call.config
    slope, threshold = config.number("negative_slope", 0.0), config.number("threshold", 0.0)
    if threshold:
        return net.lacks(call, f"its threshold {threshold:g} is not 0", net.sizes(net.last(call)))
    if "max_value" not in config:
        return [net.add(call, "lrelu", [call.x], slope=slope) if slope else net.add(call, "relu", [call.x])]
    limit = config.number("max_value", 0.0)
    if slope:
        return net.lacks(call, "it has both a negative slope and a maximum", net.sizes(net.last(call)))
    return [net.add(call, "relu6", [call.x]) if limit == 6 else net.add(call, "clip", [call.x], low=0, high=limit)]


@translates("ThresholdedReLU")
def _thresholded(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    return net.lacks(call, "it sets elements below a threshold to 0", net.sizes(net.last(call)))


@translates("LeakyReLU")
def _leaky(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    slope = call.config.number("negative_slope", call.config.number("alpha", 0.3))
    return [net.add(call, "lrelu", [call.x], slope=slope)]


@translates("ELU")
def _elu(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    return [net.add(call, "elu", [call.x], alpha=call.config.number("alpha", 1.0))]


@translates("PReLU", "ParametricReLU")
def _prelu(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    """Keras has one slope for each element, except along shared axes; PRELU has one for each channel."""
    x = call.x
    shared = {
        net.axis(call, x, axis)
        for axis in (call.config.integers("shared_axes", []) if "shared_axes" in call.config else [])
    }
    own = [axis for axis in range(len(x.axes)) if axis not in shared and net.sizes(x)[axis] > 1]
    if len(own) == 1:
        return [net.add(call, "prelu", [net.ordered(call, x, own[0])])]
    parameters = 1
    for axis in own:
        parameters *= net.sizes(x)[axis]
    why = "its slopes are not one for each channel"
    return net.lacks(call, why, net.sizes(net.last(call)), parameters=parameters)


@translates("Softmax")
def _softmax(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    axes = [net.axis(call, call.x, axis) for axis in call.config.integers("axis", -1)]
    names = [net.names(call.x)[axis] for axis in axes]
    keys: dict[str, Any] = {} if names == ["depth"] else {"axes": names}
    return [net.add(call, "softmax", [call.x], **keys)]
