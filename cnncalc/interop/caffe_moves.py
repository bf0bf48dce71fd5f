"""What takes several layers in Caffe: parts of blobs, padding, and pools over any axes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.interop.caffe_messages import Word
    from cnncalc.interop.caffe_writer import CaffeLayer


def reshaped(p: CaffeLayer, x: str, sizes: Sequence[int], *, last: bool = True, word: str = "form") -> str:
    """The blob with these sizes of one image."""
    shape = ("reshape_param", (("shape", (("dim", [0, *sizes]),)),))
    return p.emit("Reshape", [x], shape, last=last, word=word)


def cut(p: CaffeLayer, x: str, cuts: Sequence[tuple[int, int, int, int]], *, last: bool = True) -> str:
    """The part of a blob within ``cuts``, each (axis, begin, end, size of the axis); the rest goes to a Silence."""
    if not cuts:
        return p.emit("Power", [x], last=last)
    name = p.node.name
    rest: list[str] = []
    for number, (axis, begin, end, size) in enumerate(cuts):
        is_last = last and number == len(cuts) - 1
        middle = name if is_last else f"{name}/part{axis}"
        tops = [f"{name}/before{axis}"] * (begin > 0) + [middle] + [f"{name}/after{axis}"] * (end < size)
        points = [point for point in (begin, end) if 0 < point < size]
        p.emit(
            "Slice", [x], ("slice_param", (("axis", axis), ("slice_point", points))), last=is_last,
            word=f"slice{axis}", top=tops[0], more=tops[1:],
        )  # fmt: skip
        rest += [top for top in tops if top != middle]
        x = middle
    if last:
        p.writer.blobs[p.index] = name
    p.silence(rest)
    return x


def padded(
    p: CaffeLayer, x: str, sizes: Sequence[int], pads: Sequence[tuple[int, int, int]], value: float = 0.0,
    *, last: bool = True,
) -> str:  # fmt: skip
    """The blob padded along axes with ``value``: concatenated with blobs that are 0 times itself plus the value.

    ``sizes`` are those of one image; ``pads`` are (axis, how many before, how many after).
    """
    sizes = list(sizes)
    for number, (axis, *counts) in enumerate(pads):
        size = sizes[axis - 1]
        keys = (("scale", 0), *((("shift", value),) if value else ()))
        same = p.emit("Power", [x], ("power_param", keys), last=False, word=f"pad{axis}")
        parts: dict[int, str] = {0: "", size: same}
        for count in dict.fromkeys(count % size for count in counts):
            if count not in parts:
                parts[count] = f"{p.node.name}/pad{axis}x{count}"
                rest = f"{parts[count]}/rest"
                p.emit(
                    "Slice", [same], ("slice_param", (("axis", axis), ("slice_point", [count]))), last=False,
                    word=f"slice{axis}x{count}", top=parts[count], more=[rest],
                )  # fmt: skip
                p.silence([rest], f"{axis}x{count}")
        before, after = ([same] * (count // size) + [parts[count % size]] * (count % size > 0) for count in counts)
        field = (("concat_param", (("axis", axis),)),) if axis != 1 else ()
        is_last = last and number == len(pads) - 1
        x = p.emit("Concat", [*before, x, *after], *field, last=is_last, word=f"padded{axis}")
        sizes[axis - 1] += sum(counts)
    return x


def pooled_over(p: CaffeLayer, x: str, sizes: Sequence[int], axes: Sequence[int], method: Word) -> str:
    """The maximum or mean along axes (from 1) of a blob with these sizes of one image, by pools."""
    sizes, left = list(sizes), list(axes)
    while left:
        first = last = left.pop(0)
        while left and left[0] == last + 1:
            last = left.pop(0)
        count = prod(sizes[first - 1 : last])
        form = [prod(sizes[: first - 1]), count, prod(sizes[last:])]
        x = reshaped(p, x, form, last=False, word=f"form{first}")
        keys = (("pool", method), ("kernel_h", count), ("kernel_w", 1))
        x = p.emit("Pooling", [x], ("pooling_param", keys), last=False, word=f"pool{first}")
        sizes[first - 1 : last] = [1] * (last - first + 1)
    return x
