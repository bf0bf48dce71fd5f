"""How layers are written here, for hints: keys of other tools, values without a key, second inputs."""

from __future__ import annotations

from cnncalc.errors import ValueProblem, nearest
from cnncalc.language.assignment import value_text
from cnncalc.language.syntax import Literal, Name
from cnncalc.layers.keys import BOOLEAN_WORDS, truth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from typing import Any

    from cnncalc.language.syntax import Operand
    from cnncalc.layers.base import Layer
    from cnncalc.source import Span

WITHOUT_A_KIND = frozenset(
    {
        "hardshrink", "softsign", "maxout", "lstm", "gru", "rnn", "embedding",
        "transformer", "roipool", "roialign", "spp", "deformconv", "lambda",
        "expanddims", "squeeze",
        "unsqueeze", "gather", "se", "squeezeexcite", "squeezeexcitation", "cbam", "eca", "output",
    }
)  # fmt: skip
"""Layers of other tools to which no kind corresponds; no similar kind is suggested for them."""

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
    **dict.fromkeys(("p", "prob", "probability", "drop_rate", "drop_prob", "dropout_ratio"), "rate"),
    **dict.fromkeys(("scale_factor", "scales", "size"), "factor"),
    "interpolation": "mode",
    **dict.fromkeys(("min", "min_val", "min_value", "minimum", "clip_value_min"), "low"),
    **dict.fromkeys(("max", "max_val", "max_value", "maximum", "clip_value_max"), "high"),
    "offset": "shift",
    "approximate": "form",
    "inplace": "in_place",
    "count_include_pad": "count_pad",
    "output_size": "output",
    "normalized_shape": "axes",
    **dict.fromkeys(("epsilon", "variance_epsilon", "norm_eps"), "eps"),
    "track_running_stats": "stats",
    "center": "shift",
    "affine": "scale",
    "elementwise_affine": "scale",
    "local_size": "size",
    "norm_region": "region",
    "align_corners": "corners",
    "padding_mode": "mode",
    **dict.fromkeys(("num_heads", "n_heads", "nhead"), "heads"),
    **dict.fromkeys(("embed_dim", "d_model"), "dim"),
    **dict.fromkeys(("key_dim", "dim_head"), "head_dim"),
    **dict.fromkeys(("block_size", "blocksize", "upscale_factor", "downscale_factor"), "block"),
    "window_size": "size",
    "channel_shared": "shared",
    **dict.fromkeys(("shifts", "shift_size"), "shift"),
    **dict.fromkeys(("perm", "dims"), "order"),
    **dict.fromkeys(("starts", "start", "begin"), "from"),
    **dict.fromkeys(("ends", "end", "stop"), "to"),
    **dict.fromkeys(("params", "weights"), "parameters"),
    **dict.fromkeys(("multadds", "mult_adds"), "macs"),
    **dict.fromkeys(("shape", "output_shape", "volume"), "output"),
}
"""Keys of other tools, and the keys that correspond to them here."""

TIES = ("tie", "tied", "tied_to", "tie_to", "tie_weights", "tied_weights", "weight_tying", "transpose")
"""Keys of other tools by which a layer uses the weights of another one, transposed."""

ALSO_SET = {"affine": ("shift",), "elementwise_affine": ("shift",)}
"""For a key of another tool that corresponds to several keys here, those besides that of :data:`KEYS`."""

SEVERAL_KEYS = {
    "num_output": ("filters", "units"),
    "rounding": ("round",),
    "alpha": ("slope",),
    "beta": ("shift",),
    "scale": ("factor",),
    "size": ("output",),
    **dict.fromkeys(("dim", "axis", "axes"), ("axes", "axis")),
    **dict.fromkeys(("target_shape", "new_shape"), ("size",)),
}
"""Keys of other tools that correspond to different keys here, depending on the kind."""

NEEDLESS_KEYS = {
    "the depth of the input is known": (
        "in_channels",
        "in_features",
        "input_shape",
        "input_dim",
        "num_features",
        "num_channels",
    ),
    "a function is a layer of its own, as in -> RELU": ("activation", "nonlinearity"),
    "it changes no volume, count or byte": (
        *("momentum", "data_format", "device", "dtype", "kernel_initializer", "bias_initializer"),
        *("weight_filler", "bias_filler", "kernel_regularizer", "align_corners", "padding_mode", "return_indices"),
    ),
}
"""Keys of other tools to which nothing corresponds here, by the reason."""


def is_needless(key: str) -> bool:
    """Whether nothing corresponds here to a key of another tool."""
    return any(key.lower() in keys for keys in NEEDLESS_KEYS.values())


def written(span: Span) -> str:
    """The text of a span."""
    return span.source.text[span.start : span.end]


def own_key(key: str, kind: type[Layer], value: Operand) -> tuple[str, str] | None:
    """The key of a kind that corresponds to a key of another tool, and the text of its value; None if there is none."""
    word = key.lower()
    if word == "ceil_mode" and "round" in kind.keys:
        is_on = truth(_word(value)) is True or (isinstance(value, Literal) and value.value == 1)
        return "round", "ceil" if is_on else "floor"
    for name in (word, KEYS.get(word, ""), *SEVERAL_KEYS.get(word, ())):
        if name in kind.keys:
            return name, written(value.span)
    return None


def key_hint(key: str, kind: type[Layer], value: Operand, *, in_file: bool) -> str | None:
    """The hint for a key of another tool at a layer of a kind; None if the key is unknown there too."""
    own = own_key(key, kind, value)
    if own is not None:
        sign = ": " if in_file else "="
        also = [name for name in ALSO_SET.get(key.lower(), ()) if name in kind.keys]
        is_on = truth(own[1])
        if also and is_on is not None and not _fit(kind, dict.fromkeys((own[0], *also), is_on)):
            return None
        return _renamed(kind, *own, value, sign) + "".join([f", {name}{sign}{own[1]}" for name in also])
    if key.lower() in TIES and kind.tied_to:
        sign = ": " if in_file else "="
        return f"write share{sign}NAME and transposed{sign}yes, with the name of a {kind.tied_to}"
    reason = next((reason for reason, keys in NEEDLESS_KEYS.items() if key.lower() in keys), None)
    return f"leave it out: {reason}" if reason else None


def _fit(kind: type[Layer], values: dict[str, Any]) -> bool:
    """Whether a layer of the kind can have these values together."""
    try:
        kind(**values)
    except ValueProblem:
        return False
    return True


def _renamed(kind: type[Layer], key: str, text: str, value: Operand, sign: str) -> str:
    """``write pad=same``; for a word that the key does not take, what it takes."""
    reader, word = kind.keys[key].reader, _word(value)
    if reader.holds_names and not (isinstance(word, str) and word.lower() in reader.words):
        return f"the key is {key}, and takes {reader.expects}"
    if isinstance(word, str) and word.lower() not in reader.words and text == written(value.span):
        return f"the key is {key}, and takes {reader.expects}"
    return f"write {key}{sign}{text}"


def bare_hint(
    kind: type[Layer], value: Operand, given: Container[str | None], *, in_file: bool, may_be_value: bool
) -> str | None:
    """``write round=ceil``, for a word that exactly one key of the kind takes besides its bare key.

    None if there is no such key, or if it is among those ``given``. A misspelt word is taken for a similar one unless
    the layer takes a value at this place (``may_be_value``).
    """
    text = _word(value)
    if not isinstance(text, str) or text.lower() in BOOLEAN_WORDS:
        return None
    others = {name: key.reader.words for name, key in kind.keys.items() if name != kind.bare}
    word = text.lower()
    if not may_be_value and text not in (*kind.keys, *kind.common_keys()):
        word = nearest(word, [word for words in others.values() for word in words], SIMILAR_WORD) or word
    keys = [name for name, words in others.items() if word in words]
    if len(keys) != 1 or keys[0] in given:
        return None
    return f"write {{{keys[0]}: {word}}}" if in_file else f"write {keys[0]}={word}"


SIMILAR_WORD = 0.75
"""The least similarity of a word that is taken for one of a key."""


COMMON_VALUES: Mapping[str, tuple[str, str]] = {
    "training_only": ("yes", "yes"),
    "trainable": ("no", "no"),
    "transposed": ("yes, share=@NAME", "yes, share: NAME"),
    **dict.fromkeys(("name", "share"), ("@NAME", "NAME")),
    "inputs": ("[@NAME, @NAME]", "[NAME, NAME]"),
}
"""What a common key takes, in a pattern and in a file."""


def flag_hint(kind: type[Layer], value: Operand, given: Container[str], *, in_file: bool) -> str | None:
    """``write round=ceil``, for ``ceil_mode`` without its value, a key here or in another tool.

    None for other words and for keys that are ``given``. For a key that is not on or off:
    ``write groups=1; groups takes a whole number of at least 1``. For a key that may not stand beside one that is
    given: ``output takes the place of kernel, stride``.
    """
    text, sign = _word(value), ": " if in_file else "="
    if text in kind.common_keys():
        return f"write {text}{sign}{COMMON_VALUES[str(text)][in_file]}"
    negated = str(text).lower().removeprefix("no").lstrip("_-")
    if text != negated and negated in kind.keys and "no" in kind.keys[negated].reader.words and negated not in given:
        return f"write {negated}{sign}no"
    own = own_key(text, kind, Literal(True, value.span)) if isinstance(text, str) else None
    if own is None or own[0] in given:
        return None
    for key, replaced in kind.replaces.items():
        if (own[0] == key and any(other in given for other in replaced)) or (own[0] in replaced and key in given):
            return f"{key} takes the place of {', '.join(replaced)}"
    words = kind.keys[own[0]].reader.words
    values = dict.fromkeys((own[0], *ALSO_SET.get(str(text).lower(), ())), "yes" if "yes" in words else own[1])
    settings = [f"{key}{sign}{word}" for key, word in values.items() if word in words]
    if settings:
        return f"write {', '.join(settings)}"
    known = kind.keys[own[0]]
    takes = f"{own[0]} takes {known.reader.expects}"
    return takes if known.example is None else f"write {own[0]}{sign}{value_text(known.example)}; {takes}"


def second_input_hint(kind: type[Layer], *, in_file: bool) -> str:
    """The hint for a kind that reads a second volume."""
    form = f"{kind.kind}: {{inputs: [x, name]}}" if in_file else f"{kind.kind.upper()}(@name)"
    return f"write {form}, with the name of {kind.second_input}"


def _word(value: Operand) -> object:
    """The word or value of an operand; None for an expression."""
    return value.text if isinstance(value, Name) else value.value if isinstance(value, Literal) else None
