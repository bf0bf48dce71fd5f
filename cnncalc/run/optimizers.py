"""The steps of optimizers in NumPy, computed in blocks that fit the cache of a core.

No temporary array as large as a parameter is created.

Source: the formulas and default hyperparameters of ``torch.optim`` of PyTorch 2.13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.layers.planes import pieces
from cnncalc.memory.optimizers import OPTIMIZERS, optimizer_named
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK_BYTES = 256 << 10
"""Bytes of a parameter processed at a time."""


class Rates(NamedTuple):
    """The hyperparameters of an optimizer.

    ``rate`` is the learning rate, ``decay`` the weight decay, ``epsilon`` what is added to a divisor. ``first`` is the
    momentum, or the decay rate of the first moment (rmsprop, adadelta: of the squares), ``second`` that of the second
    moment (rmsprop-momentum: the momentum).
    """

    rate: float
    first: float = 0.0
    second: float = 0.0
    epsilon: float = 1e-8
    decay: float = 0.0


RATES = {
    "sgd": Rates(1e-3),
    "momentum": Rates(1e-3, 0.9),
    "nesterov": Rates(1e-3, 0.9),
    "adagrad": Rates(1e-2, epsilon=1e-10),
    "rmsprop": Rates(1e-2, 0.99),
    "rmsprop-centered": Rates(1e-2, 0.99),
    "rmsprop-momentum": Rates(1e-2, 0.99, 0.9),
    "adadelta": Rates(1.0, 0.9, epsilon=1e-6),
    "adam": Rates(1e-3, 0.9, 0.999),
    "amsgrad": Rates(1e-3, 0.9, 0.999),
    "adamw": Rates(1e-3, 0.9, 0.999, decay=1e-2),
    "nadam": Rates(2e-3, 0.9, 0.999),
    "radam": Rates(1e-3, 0.9, 0.999),
}
"""The default hyperparameters of PyTorch by optimizer, with momentum 0.9."""


class Optimizer:
    """An optimizer and its state for a list of parameter arrays, which it updates in place.

    ``state`` holds for each parameter the arrays that :data:`cnncalc.memory.optimizers.OPTIMIZERS` counts, each with
    the shape of the parameter; except for Adagrad they are created in the first step. Raises ValueProblem for an
    unknown name.
    """

    def __init__(self, name: str, parameters: list[Any], rates: Rates | None = None) -> None:
        self.kind = optimizer_named(name)
        self.rates = rates or RATES[name]
        self.parameters = parameters
        self.steps = 0
        self.state: list[list[Any]] = [[] for _ in parameters]
        self.product = 1.0  # of the momenta of nadam
        if self.kind.state_at_start:
            self._begin()

    def _begin(self) -> None:
        for parameter, state in zip(self.parameters, self.state, strict=True):
            state += [np.zeros_like(parameter) for _ in range(self.kind.state)]

    def step(self, gradients: list[Any]) -> None:
        """Updates the parameters with their gradients, in the same order, which are not modified."""
        if self.steps == 0 and not self.kind.state_at_start:
            self._begin()
        self.steps += 1
        update = self._update()
        for parameter, gradient, state in zip(self.parameters, gradients, self.state, strict=True):
            flat = [array.reshape(-1) for array in (parameter, gradient, *state)]
            for piece in pieces(parameter.size, parameter.itemsize, BLOCK_BYTES):
                some, slope, *kept = (array[piece] for array in flat)
                if self.rates.decay:
                    if self.kind.name == "adamw":
                        some *= 1 - self.rates.rate * self.rates.decay
                    else:
                        slope = slope + self.rates.decay * some
                update(some, slope, *kept)

    def _update(self) -> Callable[..., None]:  # noqa: C901  # one formula an optimizer
        """The function that updates a block ``p`` of a parameter with its gradient ``g`` and its state."""
        rate, first, second, epsilon, _ = self.rates
        name, t = self.kind.name, self.steps

        def sgd(p: Any, g: Any) -> None:
            p -= rate * g

        def momentum(p: Any, g: Any, velocity: Any) -> None:
            velocity *= first
            velocity += g
            p -= rate * (g + first * velocity if name == "nesterov" else velocity)

        def adagrad(p: Any, g: Any, total: Any) -> None:
            total += g * g
            p -= rate * g / (np.sqrt(total) + epsilon)

        def rmsprop(p: Any, g: Any, square: Any, other: Any = None) -> None:
            square *= first
            square += (1 - first) * g * g
            if name == "rmsprop-centered":
                other += (1 - first) * (g - other)
                p -= rate * g / (np.sqrt(square - other * other) + epsilon)
            elif name == "rmsprop-momentum":
                other *= second
                other += g / (np.sqrt(square) + epsilon)
                p -= rate * other
            else:
                p -= rate * g / (np.sqrt(square) + epsilon)

        def adadelta(p: Any, g: Any, square: Any, moved: Any) -> None:
            square *= first
            square += (1 - first) * g * g
            delta = np.sqrt(moved + epsilon) / np.sqrt(square + epsilon) * g
            moved *= first
            moved += (1 - first) * delta * delta
            p -= rate * delta

        left, right = 1 - first**t, 1 - second**t if second else 1.0

        def moments(g: Any, mean: Any, square: Any) -> None:
            mean += (1 - first) * (g - mean)
            square *= second
            square += (1 - second) * g * g

        def adam(p: Any, g: Any, mean: Any, square: Any, largest: Any = None) -> None:
            moments(g, mean, square)
            if largest is not None:
                square = np.maximum(largest, square, out=largest)
            p -= rate / left * mean / (np.sqrt(square) / right**0.5 + epsilon)

        if name == "nadam":
            # the momentum grows from first/2 to first; Source: Dozat 2016
            here, ahead = (first * (1 - 0.5 * 0.96 ** (step * 4e-3)) for step in (t, t + 1))
            self.product *= here
        product = self.product

        def nadam(p: Any, g: Any, mean: Any, square: Any) -> None:
            moments(g, mean, square)
            root = np.sqrt(square / right) + epsilon
            p -= rate * (1 - here) / (1 - product) * g / root
            p -= rate * ahead / (1 - product * ahead) * mean / root

        def radam(p: Any, g: Any, mean: Any, square: Any) -> None:
            moments(g, mean, square)
            # the first steps are not adaptive, until the variance can be estimated; Source: Liu et al. 2019
            most = 2 / (1 - second) - 1
            length = most - 2 * t * second**t / right
            if length > 5:
                rectification = ((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)) ** 0.5
                p -= rate / left * rectification * right**0.5 * mean / (np.sqrt(square) + epsilon)
            else:
                p -= rate / left * mean

        if name in ("momentum", "nesterov"):
            return momentum
        if name.startswith("rmsprop"):
            return rmsprop
        if name in ("adam", "amsgrad", "adamw"):
            return adam
        others: dict[str, Callable[..., None]] = {
            "sgd": sgd, "adagrad": adagrad, "adadelta": adadelta, "nadam": nadam, "radam": radam
        }  # fmt: skip
        return others[name]


assert set(RATES) == set(OPTIMIZERS)
