"""Translates the sections of darknet files into layers.

A function takes the net, the section, and the node before it, and returns the node of its output, or None if that is
not known. Source: src/*_layer.c of github.com/AlexeyAB/darknet, and of github.com/pjreddie/darknet where they differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.builder import uniform
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.interop.cfg_file import Section
    from cnncalc.interop.darknet import DarknetNet

    Function = Callable[["DarknetNet", "Section", Any], "int | None"]

SECTIONS: dict[str, Function] = {}
"""The translations of the known sections, by name in lower case."""
RECURRENT = dict.fromkeys(("rnn", "lstm", "gru", "crnn"), "a recurrent layer runs over time steps")
"""Sections that are never supported, and the reason."""


def _section(*names: str) -> Callable[[Function], Function]:
    """A decorator that registers a function in ``SECTIONS`` under these names."""

    def register(function: Function) -> Function:
        SECTIONS.update(dict.fromkeys(names, function))
        return function

    return register


def _wrong(net: DarknetNet, section: Section, message: str, option: str, code: str = "wrong-value") -> DesignError:
    """The error at an option of a section."""
    return DesignError([Problem(code, f"layer{net.index}: {message}", section.at(option))])


def _strides(section: Section) -> list[int]:
    """The strides along the height and the width."""
    stride = section.integer("stride", 1)
    high, wide = section.integer("stride_y", stride), section.integer("stride_x", stride)
    return [high if high > 0 else stride, wide if wide > 0 else stride]


def _padding(section: Section, size: int) -> int:
    """The padding: half the size with ``pad=1``, else the value of ``padding``."""
    return size // 2 if section.integer("pad", 0) else section.integer("padding", 0)


# layers with parameters


@_section("convolutional", "conv", "convolutional_nobias")
def _convolution(net: DarknetNet, section: Section, x: int) -> int | None:
    if "," in section.text("size"):
        return net.lacks(section, "its filters have several sizes", [x])
    size, volume = section.integer("size", 1), net.volume(x)
    filters, groups = section.integer("filters", 1), section.integer("groups", 1)
    dilation = section.integer("dilation", 1) if size > 1 else 1
    padding, stride = _padding(section, size), _strides(section)
    if section.integer("antialiasing", 0):
        return _blurred(net, section, x, filters)
    is_normed = section.integer("batch_normalize", 0) or section.integer("cbn", 0)
    keys: dict[str, Any] = {
        "kernel": size,
        "stride": uniform(stride),
        "pad": padding * dilation,
        "dilation": dilation,
        "bias": not is_normed and section.name != "convolutional_nobias",
    }
    if groups == volume.depth > 1 and filters % groups == 0 and filters > 0:
        conv = net.add(section, "dwconv", [x], "conv", multiplier=filters // groups, **keys)
    else:
        conv = net.add(section, "conv", [x], filters=filters, groups=groups, **keys)
    if conv is not None and dilation > 1:
        _check_dilated(net, section, volume, net.volume(conv), size, padding, stride)
    net.say_weights(section)
    for option, what in (
        ("cbn", "read as BN in inference"),
        ("assisted_excitation", "left out, used only in training"),
    ):
        if section.number(option, 0):
            net.builder.note(f"{option}: {what}")
    result = net.add(section, "bn", [conv]) if is_normed else conv
    if "share_index" in section and result is not None:
        _share(net, section)
    return net.activated(section, result)


def _blurred(net: DarknetNet, section: Section, x: int, depth: int) -> int | None:
    """Records a section with antialiasing; its sides are those of the input over the strides, rounded up."""
    sides = [-(-side // max(step, 1)) for side, step in zip(net.volume(x).sides, _strides(section), strict=True)]
    return net.lacks(section, "antialiasing blurs with fixed weights", [x], Volume(*sides, depth))


def _check_dilated(
    net: DarknetNet, section: Section, x: Volume, made: Volume, size: int, padding: int, stride: Sequence[int]
) -> None:
    """Raises DesignError if darknet, which ignores the dilation in sizes, has another size than the convolution."""
    stated = [(side + 2 * padding - size) // step + 1 for side, step in zip(x.sides, stride, strict=True)]
    if stated != list(made.sides):
        sizes = "x".join(map(str, stated))
        message = f"the output is {made}, but darknet ignores the dilation and computes {sizes}; with pad=1 both agree"
        raise _wrong(net, section, message, "dilation", "volume-mismatch")


def _share(net: DarknetNet, section: Section) -> None:
    """Makes the layers of the section use the parameters of those of another section."""
    number = net.place(section, section.integer("share_index", 0), "share_index")
    nodes = net.builder.nodes
    mine = range(net.first, len(nodes))
    theirs = {nodes[place].name.rpartition(".")[2]: place for place in net.parts[number]}
    for place in mine:
        part = nodes[place].name.rpartition(".")[2]
        if part not in theirs:
            raise _wrong(net, section, f"layer{number} has no {part} to share", "share_index")
        nodes[place] = nodes[place]._replace(share=theirs[part])


@_section("deconvolutional", "deconv")
def _deconvolution(net: DarknetNet, section: Section, x: int) -> int | None:
    size, is_normed = section.integer("size", 1), section.integer("batch_normalize", 0)
    keys: dict[str, Any] = {"kernel": size, "stride": section.integer("stride", 1), "pad": _padding(section, size)}
    place = net.add(section, "deconv", [x], filters=section.integer("filters", 1), bias=not is_normed, **keys)
    return net.activated(section, net.add(section, "bn", [place]) if is_normed else place)


@_section("connected", "conn")
def _connected(net: DarknetNet, section: Section, x: int) -> int | None:
    is_normed = section.integer("batch_normalize", 0)
    place = net.add(section, "fc", [x], units=section.integer("output", 1), bias=not is_normed)
    return net.activated(section, net.add(section, "bn", [place]) if is_normed else place)


@_section("local")
def _local(net: DarknetNet, section: Section, x: int) -> int | None:
    size, pad = section.integer("size", 1), section.integer("pad", 0)
    if pad and size != 3:
        message = "its output has the sides of the input only with size=3"
        raise _wrong(net, section, f"pad=1 with size={size}: {message}", "pad")
    keys: dict[str, Any] = {"kernel": size, "stride": section.integer("stride", 1), "pad": 1 if pad else 0}
    place = net.add(section, "local", [x], filters=section.integer("filters", 1), **keys)
    return net.activated(section, place)


@_section("batchnorm")
def _batch_norm(net: DarknetNet, section: Section, x: int) -> int | None:
    return net.add(section, "bn", [x])


# pools


@_section("maxpool", "max")
def _max_pool(net: DarknetNet, section: Section, x: int) -> int | None:
    volume = net.volume(x)
    if section.integer("maxpool_depth", 0):
        channels = section.integer("out_channels", 1)
        if channels == 1:
            return net.add(section, "reduce", [x], "maxpool", op="max")
        return net.lacks(section, "maxpool_depth pools over channels", [x], volume.with_depth(channels))
    if section.integer("antialiasing", 0):
        return _blurred(net, section, x, volume.depth)
    return _windows(net, section, x, "pool", {})


@_section("local_avgpool", "local_avg")
def _average_pool(net: DarknetNet, section: Section, x: int) -> int | None:
    return _windows(net, section, x, "avgpool", {"count_pad": False})


def _windows(net: DarknetNet, section: Section, x: int, kind: str, keys: dict[str, Any]) -> int | None:
    """A pool; darknet pads by size - 1 in total, the smaller half at the beginning."""
    stride = _strides(section)
    size = section.integer("size", section.integer("stride", 1))
    padding = section.integer("padding", size - 1)
    begin, end = padding // 2, padding - padding // 2
    sides = [(side, step) for side, step in zip(net.volume(x).sides, stride, strict=True) if step > 0]
    # padding at the end that no window reaches is left out
    is_reached = any((side + padding - size) // step * step + size > side + begin for side, step in sides)
    pad = [begin, begin, end, end] if is_reached else [begin, begin, 0, 0] if begin else 0
    if isinstance(pad, list) and begin and not is_reached:
        pad = [begin, begin, begin, begin] if _same(sides, size, padding, 2 * begin) else pad
    return net.add(section, kind, [x], section.name, kernel=size, stride=uniform(stride), pad=pad, **keys)


def _same(sides: Sequence[tuple[int, int]], size: int, one: int, other: int) -> bool:
    """Whether two total paddings, ``one`` and ``other``, give the same sizes."""
    return all((side + one - size) // step == (side + other - size) // step for side, step in sides)


@_section("avgpool", "avg")
def _global_average(net: DarknetNet, section: Section, x: int) -> int | None:
    return net.add(section, "gap", [x], "avgpool")


# merges


@_section("route", "route2", "route3", "route_lhalf")
def _route(net: DarknetNet, section: Section, x: int | None) -> int | None:
    if section.name in ("route2", "route3"):
        net.builder.note(f"[{section.name}]: no gradient goes to its second input, which is not shown")
    inputs = [net.other(section, number, "layers") for number in section.integers("layers")]
    groups, group = section.integer("groups", 1), section.integer("group_id", 0)
    if section.name == "route_lhalf":
        groups = 2
    if any(place is None for place in inputs):
        return None
    if groups > 1:
        if not 0 <= group < groups:
            message = f"group_id must be 0 to {groups - 1} for {groups} groups, but is {group}"
            raise _wrong(net, section, message, "group_id")
        inputs = [_part(net, section, place, groups, group, len(inputs)) for place in inputs if place is not None]
    if len(inputs) == 1:
        return inputs[0]
    return net.add(section, "concat", inputs, "route")


def _part(net: DarknetNet, section: Section, place: int, groups: int, group: int, count: int) -> int | None:
    """One group of the channels of an input of a route."""
    depth = net.volume(place).depth
    if depth % groups:
        raise _wrong(net, section, f"{depth} channels do not split into {groups} groups", "groups")
    each = depth // groups
    keys: dict[str, Any] = {"from": group * each, "to": (group + 1) * each}
    return net.add(section, "slice", [place], "route" if count == 1 else "slice", **keys)


@_section("shortcut")
def _shortcut(net: DarknetNet, section: Section, x: int) -> int | None:
    others = [net.other(section, number, "from") for number in section.integers("from")]
    if any(place is None for place in others):
        return None
    volume, form = net.volume(x), section.text("weights_type", "none")
    if form != "none":
        return _weighted(net, section, [x, *[place for place in others if place is not None]], form)
    fitted = [_fitted(net, section, place, volume) for place in others if place is not None]
    return net.activated(section, net.add(section, "add", [x, *fitted], "shortcut"), "linear")


def _weighted(net: DarknetNet, section: Section, places: Sequence[int], form: str) -> int | None:
    """The sum of volumes times learned factors: one for each volume, or with ``per_channel`` for each of its channels.

    Source: AlexeyAB/darknet, ``shortcut_multilayer_cpu`` in blas.c.
    """
    volume = net.volume(places[0])
    is_shared = form != "per_channel"
    normalized = section.text("weights_normalization", "none")
    if normalized != "none" or any(net.volume(place) != volume for place in places):
        why = f"weights_normalization={normalized}: the factors depend on each other"
        if normalized == "none":
            why = f"weights_type={form}: a sum of volumes of different sizes with learned factors"
        count = (1 if is_shared else volume.depth) * len(places)
        return net.lacks(section, why, places, volume, parameters=count)
    keys = {"shift": False, "shared": is_shared}
    scaled = [net.add(section, "scale", [place], "shortcut.scale", **keys) for place in places]
    return net.activated(section, net.add(section, "add", scaled, "shortcut"), "linear")


def _fitted(net: DarknetNet, section: Section, place: int | None, wanted: Volume) -> int | None:
    """An input of a shortcut with the size of the other: sampled with a stride, and cropped or padded in depth."""
    if place is None:
        return None
    volume = net.volume(place)
    if volume.sides != wanted.sides:
        steps = {
            has // needs if needs and has % needs == 0 else 0 for has, needs in zip(volume, wanted[:2], strict=False)
        }
        if len(steps) > 1 or 0 in steps:
            message = f"a shortcut adds a volume with its sides or whole multiples of them, not {volume} to {wanted}"
            raise _wrong(net, section, message, "from", "merge-mismatch")
        place = net.add(section, "pool", [place], kernel=1, stride=steps.pop())
    if volume.depth > wanted.depth:
        return net.add(section, "slice", [place], None, **{"from": 0, "to": wanted.depth})
    if volume.depth < wanted.depth:
        return net.add(section, "pad", [place], depth=[0, wanted.depth - volume.depth])
    return place


@_section("implicit_add", "implicit_mul", "implicit_cat", "implicit")
def _implicit(net: DarknetNet, section: Section, x: int | None) -> int | None:
    net.implicit[net.index] = section.integer("filters", 128) * section.integer("atoms", 1)
    return None


@_section("control_channels", "shift_channels", "alternate_channels", "select_channels")
def _learned_channels(net: DarknetNet, section: Section, x: int) -> int | None:
    number = net.place(section, section.integers("from")[0], "from")
    if number not in net.implicit:
        kind = {"control_channels": "mul", "shift_channels": "add"}.get(section.name.lower())
        if kind is None:
            return net.lacks(section, "it concatenates learned numbers and a volume", [x])
        return net.add(section, kind, [net.made[number], x], section.name)
    volume = net.volume(x)
    absent = {"control_channels": "shift", "shift_channels": "scale"}.get(section.name.lower())
    owner, learns = net.learned.get(number, (None, absent))
    if absent is not None and learns == absent and net.implicit[number] == volume.depth:
        keys: dict[str, Any] = {absent: False}
        place = net.add(section, "scale", [x], share=owner, **keys)
        if place is not None:
            net.learned.setdefault(number, (place, absent))
        return place
    output = volume.with_depth(volume.depth * 2) if section.name.lower() == "alternate_channels" else volume
    why = "its [implicit_...] section does not have one factor or one shift for each channel"
    return net.lacks(section, why, [x], output, parameters=net.implicit[number])


@_section("scale_channels", "sam", "scale_spatial")
def _product(net: DarknetNet, section: Section, x: int) -> int | None:
    place = net.other(section, section.integers("from")[0], "from")
    return net.activated(section, net.add(section, "mul", [place, x], section.name), "linear")


# moving numbers


@_section("upsample")
def _upsample(net: DarknetNet, section: Section, x: int) -> int | None:
    stride, scale = section.integer("stride", 2), section.number("scale", 1)
    if stride < 0:  # backwards: the sum of each block
        place = net.add(section, "avgpool", [x], "upsample", kernel=-stride, stride=-stride)
        scale *= stride * stride
    else:
        place = net.add(section, "upsample", [x], factor=stride)
    return place if scale == 1 else net.add(section, "affine", [place], factor=scale)


@_section("reorg", "reorg3d")
def _reorganize(net: DarknetNet, section: Section, x: int) -> int | None:
    if section.integer("flatten", 0) or section.integer("extra", 0):
        return net.lacks(section, "flatten and extra reorder the elements", [x])
    order = "dcr" if section.name == "reorg3d" else "darknet"
    kind = "depth2space" if section.integer("reverse", 0) else "space2depth"
    if "stride" not in section.options and section.name == "reorg":  # of WongKinYiu's forks: blocks of 2x2
        return net.add(section, kind, [x], section.name, block=2, order="focus")
    return net.add(section, kind, [x], section.name, block=section.integer("stride", 1), order=order)


@_section("crop")
def _crop(net: DarknetNet, section: Section, x: int) -> int | None:
    size = [section.integer("crop_height", 1), section.integer("crop_width", 1)]
    place = net.add(section, "crop", [x], size=size)
    net.builder.note("[crop] takes the centre, as at test time")
    return place if section.integer("noadjust", 0) else net.add(section, "affine", [place], factor=2, shift=-1)


@_section("dropout")
def _dropout(net: DarknetNet, section: Section, x: int) -> int | None:
    if section.integer("dropblock", 0):
        net.builder.note("dropblock: whole blocks are set to zero, shown as DROPOUT")
    return net.add(section, "dropout", [x], rate=section.number("probability", 0.2))


@_section("softmax", "soft")
def _softmax(net: DarknetNet, section: Section, x: int) -> int | None:
    volume = net.volume(x)
    temperature = section.number("temperature", 1)
    if section.integer("groups", 1) != 1 or "tree" in section:
        return net.lacks(section, "it is over groups or a tree of classes", [x], volume)
    if temperature not in (0, 1):
        x_scaled = net.add(section, "affine", [x], factor=1 / temperature)
    else:
        x_scaled = x
    keys: dict[str, Any] = (
        {} if volume.is_point or section.integer("spatial", 0) else {"axes": [*volume.names, "depth"]}
    )
    return net.add(section, "softmax", [x_scaled], **keys)


@_section("normalization", "lrn")
def _local_response(net: DarknetNet, section: Section, x: int) -> int | None:
    size = section.integer("size", 5)
    # darknet does not divide alpha by the size
    keys = {"alpha": section.number("alpha", 1e-4) * size, "beta": section.number("beta", 0.75)}
    return net.add(section, "lrn", [x], "lrn", size=size, k=section.number("kappa", 1), **keys)


@_section("l2norm")
def _length(net: DarknetNet, section: Section, x: int) -> int | None:
    return net.add(section, "l2norm", [x])


@_section("activation")
def _activation(net: DarknetNet, section: Section, x: int) -> int | None:
    return net.activated(section, x, "linear")


# unsupported sections whose figures are known


@_section("rnn", "lstm", "gru")
def _recurrent(net: DarknetNet, section: Section, x: int) -> int | None:
    inputs, outputs = net.volume(x).elements, section.integer("output", 1)
    hidden = section.integer("hidden", 1)
    pairs = {
        "rnn": [(inputs, hidden), (hidden, hidden), (hidden, outputs)],
        "lstm": [(inputs, outputs), (outputs, outputs)] * 4,
        "gru": [(inputs, outputs), (outputs, outputs)] * 3,
    }[section.name.lower()]
    return _recurrent_lack(net, section, x, Volume(1, 1, outputs), pairs, 1)


@_section("crnn")
def _convolutional_recurrent(net: DarknetNet, section: Section, x: int) -> int | None:
    volume, size = net.volume(x), section.integer("size", 3)
    hidden, outputs, groups = section.integer("hidden", 1), section.integer("output", 1), section.integer("groups", 1)
    pairs = [(volume.depth // groups, hidden), (hidden // groups, hidden), (hidden // groups, outputs)]
    padding = _padding(section, size)
    steps = _strides(section)
    sides = [(side + 2 * padding - size) // max(step, 1) + 1 for side, step in zip(volume.sides, steps, strict=True)]
    return _recurrent_lack(net, section, x, Volume(*sides, outputs), pairs, size * size)


def _recurrent_lack(
    net: DarknetNet, section: Section, x: int, output: Volume, pairs: Sequence[tuple[int, int]], taps: int
) -> int | None:
    """Records a recurrent section; ``pairs`` are (inputs, outputs) of its convolutions or connected layers."""
    is_normed = section.integer("batch_normalize", 0)
    biases = sum(outputs for _, outputs in pairs)
    parameters = sum(taps * inputs * outputs for inputs, outputs in pairs) + biases * (2 if is_normed else 1)
    if min(output) < 1:
        return net.lacks(section, RECURRENT["rnn"], [x])
    figures = {"parameters": parameters, "buffers": 2 * biases if is_normed else 0}
    return net.lacks(section, RECURRENT["rnn"], [x], output, **figures)
