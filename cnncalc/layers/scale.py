"""A learned factor, a learned shift, or both, for each channel or for all of them."""

from __future__ import annotations

from cnncalc.counts import Count
from cnncalc.errors import ValueProblem
from cnncalc.layers.base import Parameter, key
from cnncalc.layers.keys import Boolean
from cnncalc.layers.memory import Keeping
from cnncalc.layers.normalization import Normalization, affine
from cnncalc.layers.planes import by_channel, over_sides, pieces, pixels, planes, sums_of_channels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes


class Scale(Normalization):
    """One learned factor and one learned shift per channel; either alone with ``shift: no`` or ``scale: no``.

    Formula: y = x * scale[d] + shift[d].
    Volume: as the input.
    Learned: D factors (counted as weights), unless ``scale`` is no, and D shifts (biases), unless ``shift`` is no; with
    ``shared`` one factor and one shift for all channels.

    With ``shared`` and ``shift: no`` it is the learned number by which ReZero, SkipInit and SAGAN multiply a branch.

    Source: Ioffe and Szegedy 2015, the last step of Algorithm 1, as layers of their own as in Caffe (Scale, Bias);
    Bachlechner et al. 2020, "ReZero is All You Need", equation 1, and Zhang et al. 2018, "Self-Attention Generative
    Adversarial Networks", equation 3.
    """

    kind: ClassVar[str] = "scale"
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        **dict.fromkeys(("bias", "biasadd"), ("SCALE(scale=no)", "one learned shift a channel, as a layer of its own")),
        "layerscale": ("SCALE(shift=no)", "one learned factor a channel"),
        **dict.fromkeys(
            ("rezero", "skipinit"), ("SCALE(shift=no, shared=yes)", "one learned factor for the whole volume")
        ),
    }
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> SCALE"
    folds_into_weights = True
    is_linear = True
    learns: ClassVar[bool] = True

    scale: bool = key(Boolean(), True, means="whether a factor is learned")
    shift: bool = key(Boolean(), True, means="whether a shift is learned")
    shared: bool = key(Boolean(), False, means="whether all channels have the same factor and the same shift")

    def _check(self) -> None:
        if not self.scale and not self.shift:
            raise ValueProblem("shift: SCALE learns a factor, a shift or both, but scale and shift are no", key="shift")

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        size = 1 if self.shared else inputs[0].depth
        count = Count(size)
        found = (Parameter("scale", (size,), count),) if self.scale else ()
        return (*found, Parameter("shift", (size,), count, "bias")) if self.shift else found

    def channelwise(self, xp: Any, *, scale: Any = None, shift: Any = None) -> tuple[Any, Any]:
        return scale, shift

    def forward(self, xp: Any, x: Any, *, scale: Any = None, shift: Any = None) -> Any:
        maps = planes(x)
        if scale is None:
            return pixels(maps + by_channel(shift, maps))
        return pixels(affine(maps * by_channel(scale, maps), None, shift))

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(inputs=learns) if self.scale else Keeping(gradients=("same",))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        along = () if self.shared else (1,)
        return builder.scaled(inputs[0], along=along) if self.scale else builder.shifted(inputs[0], along=along)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        incoming, found = planes(gradient), {}
        if saved.learns and self.scale:
            change = xp.zeros(saved.shape[1], gradient.dtype)
            for image, grad in zip(planes(saved.x), incoming, strict=True):
                for piece in pieces(len(image), image[0].nbytes):
                    change[piece] += sums_of_channels(image[piece] * grad[piece])
            found["scale"] = change
        if saved.learns and self.shift:
            found["shift"] = incoming.sum(axis=over_sides(incoming)).sum(axis=0)
        if self.shared:
            found = {name: change.sum(keepdims=True) for name, change in found.items()}
        if not saved.needs_gradient[0]:
            return (None,), found
        return (pixels(incoming * by_channel(saved.parameters["scale"], incoming)) if self.scale else gradient,), found
