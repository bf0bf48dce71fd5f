"""What words of other tools mean here: kinds, keys, and bare words in parentheses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.language.syntax import Literal, Name
from cnncalc.layers import KINDS
from cnncalc.layers.keys import BOOLEAN_WORDS, truth

if TYPE_CHECKING:
    from cnncalc.language.syntax import LayerSyntax, Operand
    from cnncalc.layers.base import Layer
    from cnncalc.source import Span

WITHOUT_A_KIND = frozenset(
    {
        "mish", "selu", "glu", "hardtanh", "hardshrink", "softsign", "maxout", "clip", "abs", "exp", "sqrt", "lstm",
        "gru", "rnn", "embedding", "attention", "multiheadattention", "transformer", "matmul", "permute", "transpose",
        "pixelshuffle", "depthtospace", "spacetodepth", "reorg", "unpool", "maxunpool", "roipool", "roialign", "spp",
        "locallyconnected", "local", "deformconv", "subtract", "maximum", "minimum", "average", "lambda",
        "weightnorm", "spectralnorm", "rmsnorm", "l2norm", "l2normalize", "normalize", "expanddims", "squeeze",
        "unsqueeze", "gather",
    }
)  # fmt: skip
"""Layers of other tools for which there is no kind, so that no similar word is offered instead."""

KEYS = {
    **dict.fromkeys(("kernel_size", "pool_size", "window", "ksize", "kernel_shape", "filter_size"), "kernel"),
    **dict.fromkeys(("strides", "step"), "stride"),
    **dict.fromkeys(("padding", "pads", "auto_pad"), "pad"),
    **dict.fromkeys(("dilations", "dilation_rate", "atrous_rate"), "dilation"),
    **dict.fromkeys(("out_channels", "channels", "num_filters", "depth"), "filters"),
    **dict.fromkeys(("out_features", "features", "num_units"), "units"),
    **dict.fromkeys(("use_bias", "bias_term", "use_biases"), "bias"),
    **dict.fromkeys(("group", "num_groups"), "groups"),
    **dict.fromkeys(("output_padding", "out_pad"), "output_pad"),
    **dict.fromkeys(("depth_multiplier", "channel_multiplier"), "multiplier"),
    **dict.fromkeys(("negative_slope", "leak"), "slope"),
    **dict.fromkeys(("p", "prob", "probability", "drop_rate", "dropout_ratio"), "rate"),
    **dict.fromkeys(("scale_factor", "scales", "size"), "factor"),
    "interpolation": "mode",
    "inplace": "in_place",
    "count_include_pad": "count_pad",
    "output_size": "output",
    "normalized_shape": "axes",
    "track_running_stats": "stats",
    "center": "shift",
    "affine": "scale",
    "elementwise_affine": "scale",
    "local_size": "size",
    "norm_region": "region",
}
"""Keys of other tools, and what they are called here."""

SEVERAL_KEYS = {"num_output": ("filters", "units"), "rounding": ("round",)}
"""Keys of other tools whose name here depends on the kind."""

NEEDLESS_KEYS = {
    "the depth of the input is known": ("in_channels", "in_features", "input_shape", "input_dim", "num_features"),
    "a function is a layer of its own, as in -> RELU": ("activation", "nonlinearity"),
    "it changes no volume, count or byte": (
        *("eps", "epsilon", "momentum", "data_format", "device", "dtype", "kernel_initializer", "bias_initializer"),
        *("weight_filler", "bias_filler", "kernel_regularizer", "align_corners", "padding_mode", "return_indices"),
    ),
}
"""Keys of other tools that are left out here, by the reason."""


def kind_hint(syntax: LayerSyntax, size: str) -> tuple[str, str | None] | None:
    """What a word of another tool means: an addition to the message, and a hint; None for an unknown word.

    ``size`` is the size at the end of the word, as in ``MAXPOOL3``.
    """
    stem = syntax.word.removesuffix(size)
    sides = re.search("[123](?=d)", stem.lower())
    plain = re.sub("[123]d", "", stem.lower().replace("_", "")).removeprefix("lazy").removesuffix("layer")
    add = ""
    if sides and sides[0] != "2":
        add = "; layers here work on planes, height x width"
    for kind, cls in KINDS.items():
        if plain in cls.related_names:
            form, how = cls.related_names[plain]
            return "", f"write {_filled(form, syntax, size)}: {_filled(how, syntax, size)}{add}"
        if plain in cls.other_names or (plain == kind and plain != stem.lower()):
            name = kind if syntax.in_file and not syntax.word.isupper() else kind.upper()
            return f"; use {name}", add[2:] or None
    if plain in WITHOUT_A_KIND:
        return "", "there is no such layer here; 'cnncalc kinds' lists those that there are"
    return None


def _filled(text: str, syntax: LayerSyntax, size: str) -> str:
    """A form or sentence with the numbers of the layer as written.

    ``{k}`` is the size, ``{n}`` the number after '-' (``{N}``: or 64), ``{s}`` that after '/', ``{b}`` a bare value in
    parentheses, ``{v}`` the same as a number, 1 where there is none.
    """
    first = size or (_written(syntax.first.span) if syntax.first is not None else "")
    bare = [argument.value for argument in syntax.arguments if argument.key is None]
    value = _written(bare[0].span) if len(bare) == 1 and isinstance(bare[0], Literal) else ""
    if isinstance(syntax.dash, (Literal, Name)):
        units = "-" + _written(syntax.dash.span)
    else:
        units = f"-{value}" if value.isdigit() else ""
    slash = f"/{_written(syntax.slash.span)}" if syntax.slash is not None else ""
    numbers = {
        "{k}": first,
        "{n}": units,
        "{N}": units or "-64",
        "{s}": slash,
        "{b}": f"({value})" if value else "",
        "{v}": value if value.isdigit() else "1",
    }
    return re.sub("{[knNsbv]}", lambda found: numbers[found[0]], text)


def _written(span: Span) -> str:
    return span.source.text[span.start : span.end]


def key_hint(key: str, kind: type[Layer], value: Operand, *, in_file: bool) -> str | None:
    """A hint for a key that other tools have, for a layer of a kind; None for an unknown key."""
    word, sign = key.lower(), ": " if in_file else "="
    if word == "ceil_mode" and "round" in kind.keys:
        is_on = truth(_word(value)) is True or (isinstance(value, Literal) and value.value == 1)
        return f"write round{sign}{'ceil' if is_on else 'floor'}"
    for name in (KEYS.get(word, ""), *SEVERAL_KEYS.get(word, ())):
        if name in kind.keys:
            return _renamed(kind, name, value, sign)
    reason = next((reason for reason, keys in NEEDLESS_KEYS.items() if word in keys), None)
    return f"leave it out: {reason}" if reason else None


def _renamed(kind: type[Layer], key: str, value: Operand, sign: str) -> str:
    """``write pad=same``; what the key takes, where the value is a word that it does not."""
    reader, text = kind.keys[key].reader, _word(value)
    if isinstance(text, str) and text.lower() not in reader.words:
        return f"the key is {key}, and takes {reader.expects}"
    return f"write {key}{sign}{_written(value.span)}"


def bare_hint(kind: type[Layer], value: Operand, *, in_file: bool) -> str | None:
    """``write round=ceil`` for a word that exactly one other key of the kind takes."""
    text = _word(value)
    if not isinstance(text, str) or text.lower() in BOOLEAN_WORDS:
        return None
    keys = [name for name, key in kind.keys.items() if text.lower() in key.reader.words and name != kind.bare]
    if len(keys) != 1:
        return None
    form = f"{{{keys[0]}: {text.lower()}}}" if in_file else f"{keys[0]}={text.lower()}"
    return f"write {form}"


def _word(value: Operand) -> object:
    return value.text if isinstance(value, Name) else value.value if isinstance(value, Literal) else None
