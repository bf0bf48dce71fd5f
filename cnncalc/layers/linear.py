"""Layers of units: each unit of FC and RBF sees the whole volume, each of LINEAR the depth at one position."""

from __future__ import annotations

from math import inf

from cnncalc.counts import Count, product
from cnncalc.layers.base import Layer, Parameter, Sizing, key
from cnncalc.layers.filter_bank import FilterBank
from cnncalc.layers.keys import Boolean, Whole
from cnncalc.layers.memory import WHY_WEIGHTS, Keeping, Size
from cnncalc.layers.planes import pixels, planes
from cnncalc.layers.stencil import WHOLE, Stencil
from cnncalc.layers.window import all_sides, same_on_sides
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volumes


class Dense(Layer):
    """Base of layers whose units depend on the whole input volume."""

    weight_use: ClassVar[str] = "every weight is used once"
    depth_key: ClassVar[str | None] = "units"
    thin_keys: ClassVar[Mapping[str, Any]] = {"units": 1}
    dash: ClassVar[str | None] = "units"
    bare: ClassVar[str | None] = "units"
    is_flat: ClassVar[bool | None] = True
    in_notes_table: ClassVar[bool] = True

    units: int = key(Whole(1), 4096, means="the number of units: the depth of the output")

    def label(self) -> str:
        return f"{self.kind.upper()}-{self.units}"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        return [f"{all_sides(output)} 1: each unit sees the whole {inputs[0]}", f"depth {self.units} = units"]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return Volume(*(1,) * len(x.sides), self.units)

    def stencils(self, *inputs: Volume, of: int = 0) -> tuple[Stencil, ...] | None:
        return WHOLE

    def channel_use(self, *inputs: Volume) -> str:
        return "mixed"

    def kernels(self, x: Volume) -> Count:
        """7*7*512*4096: one weight for each input of each unit."""
        return product(x.depth, self.units) if x.is_point else product(*x, self.units)


class FullyConnected(Dense):
    """K neurons, each connected to the whole volume.

    Formula: each unit adds up the H*W*D inputs times its weights, plus its bias.
    Volume: [1x1xK], K units.
    Learned: H*W*D weights and one bias per unit.

    Inputs are taken in the order depth slowest, then height, then width.

    Source: CS231n, "Fully-connected layer".
    """

    kind: ClassVar[str] = "fc"
    other_names: ClassVar[tuple[str, ...]] = ("ip", "innerproduct", "fullyconnected", "connected", "gemm")
    example: ClassVar[str] = "INPUT 7x7x512 -> FC-4096"
    tied_to: ClassVar[str | None] = "fc"
    tied_as_view: ClassVar[bool] = True
    autocast: ClassVar[str | None] = "half"
    why_input: ClassVar[str] = WHY_WEIGHTS
    is_linear = True
    counts_macs: ClassVar[bool] = True
    learns: ClassVar[bool] = True
    sizes: ClassVar[Mapping[str, Sizing]] = {"units": Sizing("hidden", by_depth=True, last=("classes", 1000))}

    bias: bool = key(Boolean(), True, means="whether each unit has a bias")

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        (x,) = inputs
        weight = Parameter("weight", (x.elements, self.units), self.kernels(x))
        if not self.bias:
            return (weight,)
        return (weight, Parameter("bias", (self.units,), Count(self.units), "bias"))

    def macs(self, inputs: Volumes, output: Volume) -> Count:
        return self.kernels(inputs[0])

    def filter_bank(self, xp: Any, sides: Sequence[int], *, weight: Any, bias: Any = None) -> FilterBank:
        return FilterBank(weight, bias)

    def forward(self, xp: Any, x: Any, *, weight: Any, bias: Any = None) -> Any:
        flat = planes(x).reshape(x.shape[0], -1)
        result = xp.matmul(flat, weight)
        if bias is not None:
            result += bias
        return result.reshape(len(x), *(1,) * (x.ndim - 2), -1)

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(inputs=learns)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        x = builder.flat(inputs[0])
        # the input for the gradient of the weights, the weights for that of the input
        keeps: tuple[int, ...] = (0,) if builder.learned_bytes(builder.own_parameters[0]).fixed else ()
        if builder.autocast and builder.learns(x):
            keeps += (1,)
        result = builder.single([x], keeps=keeps, summed=(1,), is_product=True)
        builder.hold(x)
        return result

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        incoming = gradient.reshape(len(gradient), -1)
        result, found = None, {}
        if saved.needs_gradient[0]:
            result = pixels(xp.matmul(incoming, saved.parameters["weight"].T).reshape(saved.shape))
        if saved.learns:
            found["weight"] = xp.matmul(planes(saved.x).reshape(len(gradient), -1).T, incoming)
            if self.bias:
                found["bias"] = incoming.sum(axis=0)
        return (result,), found


class Linear(Layer):
    """K units at each position, connected to the depth at that position; those of FC see the whole volume.

    Formula: y[.., k] = the sum over d of x[.., d] * w[d, k], plus the bias of unit k.
    Volume: as the input, with depth K, the units.
    Learned: D weights and one bias per unit.

    On a volume of one position, as after GAP or FLATTEN, it is the same as FC. In PyTorch it is torch.nn.Linear on a
    tensor with the depth last, in Keras Dense.

    Source: Liu et al. 2022 (ConvNeXt), section 2.6, where it is the 1x1 convolution.
    """

    kind: ClassVar[str] = "linear"
    other_names: ClassVar[tuple[str, ...]] = ("timedistributed",)
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "dense": ("LINEAR{N}", "along the depth at each position; on the whole volume, as after Flatten, it is FC{n}")
    }
    example: ClassVar[str] = "INPUT 28x28x96 -> LINEAR-384"
    tied_to: ClassVar[str | None] = "linear"
    tied_as_view: ClassVar[bool] = True
    depth_key: ClassVar[str | None] = "units"
    thin_keys: ClassVar[Mapping[str, Any]] = {"units": 1}
    dash: ClassVar[str | None] = "units"
    bare: ClassVar[str | None] = "units"
    memory_order: ClassVar[str] = "contiguous"
    autocast: ClassVar[str | None] = "half"
    why_input: ClassVar[str] = WHY_WEIGHTS
    is_linear = True
    counts_macs: ClassVar[bool] = True
    learns: ClassVar[bool] = True
    in_notes_table: ClassVar[bool] = True

    units: int = key(Whole(1), means="the number of units: the depth of the output")
    bias: bool = key(Boolean(), True, means="whether each unit has a bias")

    def label(self) -> str:
        return f"LINEAR-{self.units}"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        return [same_on_sides(output), f"depth {self.units} = units"]

    def output(self, *inputs: Volume) -> Volume:
        return inputs[0].with_depth(self.units)

    def channel_use(self, *inputs: Volume) -> str:
        return "mixed"

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        depth = inputs[0].depth
        weight = Parameter("weight", (depth, self.units), product(depth, self.units))
        if not self.bias:
            return (weight,)
        return (weight, Parameter("bias", (self.units,), Count(self.units), "bias"))

    def macs(self, inputs: Volumes, output: Volume) -> Count:
        return product(inputs[0].depth, *reversed(output))

    def filter_bank(self, xp: Any, sides: Sequence[int], *, weight: Any, bias: Any = None) -> FilterBank:
        points = (1,) * len(sides)
        return FilterBank(weight.reshape(*points, *weight.shape), bias, 1, tuple(map(range, sides)), points)

    def forward(self, xp: Any, x: Any, *, weight: Any, bias: Any = None) -> Any:
        maps = planes(x)
        result = xp.matmul(weight.T, maps.reshape(*maps.shape[:2], -1))
        if bias is not None:
            result += bias[:, None]
        return pixels(result.reshape(len(maps), -1, *maps.shape[2:]))

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(inputs=learns)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        (x,) = inputs
        if builder.is_flat(x):
            return builder.linear(x, self.units, builder.own_parameters)
        return builder.depth_second(builder.linear(builder.depth_last(x), self.units, builder.own_parameters))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        incoming = planes(gradient)
        incoming = incoming.reshape(*incoming.shape[:2], -1)
        result, found = None, {}
        if saved.needs_gradient[0]:
            result = pixels(xp.matmul(saved.parameters["weight"], incoming).reshape(saved.shape))
        if saved.learns:
            maps = planes(saved.x).reshape(*saved.shape[:2], -1)
            found["weight"] = change = xp.zeros(saved.parameters["weight"].shape, gradient.dtype)
            for image, grad in zip(maps, incoming, strict=True):
                change += xp.matmul(image, grad.T)
            if self.bias:
                found["bias"] = incoming.sum(axis=(0, 2))
        return (result,), found


class Rbf(Dense):
    """Euclidean radial basis functions: each unit gives the squared distance of the volume from its fixed centre.

    Formula: y[k] = the sum over all inputs of (x - c[k])**2.
    Volume: [1x1xK], K units.

    The centres (units x inputs) are buffers: nothing is learned.

    Source: LeCun et al. 1998, section II.B, equation 7.
    """

    kind: ClassVar[str] = "rbf"
    example: ClassVar[str] = "INPUT 1x1x84 -> RBF-10"
    output_range: ClassVar[tuple[float, float]] = (0, inf)
    kept: ClassVar[Keeping] = Keeping(inputs=True)

    units: int = key(Whole(1), means="the number of units: the depth of the output")

    def buffers(self, *inputs: Volume) -> tuple[Parameter, ...]:
        (x,) = inputs
        return (Parameter("centre", (x.elements, self.units), self.kernels(x), "buffer"),)

    def forward(self, xp: Any, x: Any, *, centre: Any) -> Any:
        result = xp.empty((len(x), centre.shape[1]), x.dtype)
        for image, distances in zip(planes(x).reshape(len(x), -1), result, strict=True):
            difference = image[:, None] - centre
            xp.square(difference, out=difference)
            difference.sum(axis=0, out=distances)
        return result.reshape(len(x), *(1,) * (x.ndim - 2), -1)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # the distances, then their squares
        x = builder.converted(builder.flat(inputs[0]), 4)
        layout = builder.made([x], builder.output)
        elements = Size(0, builder.output.elements)
        return builder.power(builder.operation([x], elements, layout=layout, keeps=(0,), keeps_output=True))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        # gradient of sum((x - centre)**2): 2*(x - centre) times the incoming gradient, summed over the units
        incoming = gradient.reshape(len(gradient), -1)
        result = planes(saved.x).reshape(len(gradient), -1) * incoming.sum(axis=1)[:, None]
        result -= xp.matmul(incoming, saved.parameters["centre"].T)
        result *= 2
        return (pixels(result.reshape(saved.shape)),), {}
