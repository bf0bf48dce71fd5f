"""How many nets of other collections can be written with the kinds there are, by the operators that they use.

    python -m benchmarks.census [torchvision] [timm] [keras] [FOLDER ...]

Takes the nets of torchvision that give one result for an image or a video, the first net of each module of timm, all
of keras.applications, and the darknet files (*.cfg) of each FOLDER; without words the three libraries. For each
collection it prints how many nets use only operators that have a kind, and for each operator without one the nets that
it keeps out. A library that is not installed is skipped, with the reason. Nets are run once, by torch on the device
meta, which computes nothing, or built by Keras on it, so that no weights are needed; in all it takes some minutes.

An operator that has a kind may still have a value that the kind does not take: this counts operators, not designs.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnncalc.layers import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Nets = Iterator[tuple[str, Callable[[], set[str]]]]
    """Names of nets, each with a function that gives the kinds it needs, and operators without a kind as "?name"."""

ATEN = {
    "relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh", "gelu": "gelu", "silu": "silu", "hardswish": "hswish",
    "hardsigmoid": "hsigmoid", "leaky_relu": "lrelu", "elu": "elu", "softplus": "softplus", "mish": "mish",
    "_prelu_kernel": "prelu", "clamp": "clip", "clamp_min": "clip", "clamp_max": "clip", "abs": "abs", "exp": "exp",
    "sqrt": "sqrt", "neg": "neg", "square": "square", "_softmax": "softmax", "_safe_softmax": "softmax",
    "native_batch_norm": "bn", "_native_batch_norm_legit_no_training": "bn", "_native_batch_norm_legit": "bn",
    "native_layer_norm": "ln", "native_group_norm": "gn", "_fused_rms_norm": "rms", "linalg_vector_norm": "l2norm",
    "max_pool2d_with_indices": "pool", "max_pool3d_with_indices": "pool", "avg_pool2d": "avgpool",
    "avg_pool3d": "avgpool", "_adaptive_avg_pool2d": "gap", "_adaptive_avg_pool3d": "gap", "adaptive_max_pool2d": "gmp",
    "mean": "reduce", "sum": "reduce", "amax": "reduce", "amin": "reduce",
    "bmm": "matmul", "baddbmm": "matmul", "_native_multi_head_attention": "attention",
    "_scaled_dot_product_flash_attention_for_cpu": "attention", "_scaled_dot_product_attention_math": "attention",
    "cat": "concat", "maximum": "maximum", "minimum": "minimum",
    "view": "reshape", "_unsafe_view": "reshape", "unsqueeze": "reshape", "squeeze": "reshape", "expand": "reshape",
    "_reshape_alias": "reshape", "as_strided": "reshape",
    "unfold": "reshape", "permute": "permute", "transpose": "permute", "t": "permute",
    "slice": "slice", "select": "slice", "split": "slice", "split_with_sizes": "slice", "unbind": "slice",
    "channel_shuffle": "shuffle", "pixel_shuffle": "depth2space", "pixel_unshuffle": "space2depth",
    "constant_pad_nd": "pad", "reflection_pad2d": "pad", "replication_pad2d": "pad", "roll": "roll",
    "upsample_nearest2d": "upsample", "upsample_bilinear2d": "resize", "_upsample_bilinear2d_aa": "?antialiasing",
    "upsample_bicubic2d": "resize", "upsample_trilinear3d": "resize", "upsample_nearest3d": "upsample",
}  # fmt: skip
"""The kind of each operator of ATen that depends on nothing else."""

NO_KIND_NEEDED = {"detach", "clone", "alias", "_to_copy", "copy", "lift_fresh", "native_dropout"}
"""Operators that change no value of a net at test time."""

CONSTANTS = {"new_zeros", "new_ones", "new_full", "new_empty", "zeros_like", "ones_like", "full_like", "empty_like"}
"""Operators that read nothing but the shape of a volume."""

ARITHMETIC = {"add": "add", "sub": "sub", "mul": "mul", "div": "div", "rsub": "sub"}

KERAS = {
    "Conv1D": "conv", "Conv2D": "conv", "Conv3D": "conv", "Conv2DTranspose": "deconv", "DepthwiseConv2D": "dwconv",
    "SeparableConv2D": "conv", "Dense": "fc", "BatchNormalization": "bn", "LayerNormalization": "ln",
    "GroupNormalization": "gn", "MaxPooling2D": "pool", "AveragePooling2D": "avgpool", "GlobalAveragePooling2D": "gap",
    "GlobalMaxPooling2D": "gmp", "ZeroPadding2D": "pad", "Cropping2D": "crop", "UpSampling2D": "upsample",
    "Concatenate": "concat", "Dropout": "dropout", "StochasticDepth": "dropout", "LayerScale": "scale",
    "Flatten": "flatten", "Reshape": "reshape", "Permute": "permute", "Softmax": "softmax",
    "Rescaling": "affine", "Normalization": "affine", "CustomScaleLayer": "affine",
}  # fmt: skip
"""The kind of each layer of Keras; the activation function that it has besides is looked up by its name."""

KERAS_ARITHMETIC = {"Add": "add", "Subtract": "sub", "Multiply": "mul", "Divide": "div", "TrueDivide": "div"}

WORDS = {
    "linear": "", "relu": "relu", "relu6": "relu6", "sigmoid": "sigmoid", "logistic": "sigmoid", "tanh": "tanh",
    "swish": "silu", "silu": "silu", "gelu": "gelu", "elu": "elu", "selu": "selu", "softmax": "softmax",
    "softplus": "softplus", "mish": "mish", "leaky": "lrelu", "hard_sigmoid": "hsigmoid", "hard_swish": "hswish",
    "hard_silu": "hswish", "hardtan": "hardtanh",
}  # fmt: skip
"""The kinds of activation functions by their names in Keras and darknet."""

DARKNET = {
    "convolutional": "conv", "deconvolutional": "deconv", "connected": "fc", "local": "local", "batchnorm": "bn",
    "maxpool": "pool", "avgpool": "gap", "local_avgpool": "avgpool", "shortcut": "add", "sam": "mul",
    "scale_channels": "mul", "dropout": "dropout", "softmax": "softmax", "upsample": "upsample", "crop": "crop",
    "reorg": "space2depth", "reorg3d": "space2depth", "normalization": "lrn",
}  # fmt: skip
"""The kind of each section of a darknet file."""

LOSSES = {"net", "network", "cost", "yolo", "gaussian_yolo", "region", "detection", "contrastive"}
"""Sections that hold settings, a loss or the reading of boxes."""


def main() -> int:
    """Prints the census; the exit code is 0."""
    for word in sys.argv[1:] or ["torchvision", "timm", "keras"]:
        nets = LIBRARIES[word]() if word in LIBRARIES else _darknet(Path(word))
        try:
            _count(word, nets)
        except (ImportError, RuntimeError) as error:
            print(f"{word}: skipped: {str(error).splitlines()[0]}")
    return 0


def _count(collection: str, nets: Nets) -> None:
    """Prints how many of the nets can be written, and what keeps out the others."""
    keeps_out: dict[str, list[str]] = defaultdict(list)
    count = writable = 0
    for name, kinds_of in nets:
        count += 1
        try:
            missing = sorted(kind for kind in kinds_of() - {""} if kind not in KINDS)
        except ImportError:
            raise  # of the library, not of the net
        except Exception as error:  # noqa: BLE001 (a net that its library cannot run is counted as such)
            missing = [f"?not run: {str(error).strip().splitlines()[0][:80]}"]
        writable += not missing
        for kind in missing:
            keeps_out[kind].append(name)
    print(f"{collection}: {writable} of {count} nets use only operators that have a kind")
    for kind, names in sorted(keeps_out.items(), key=lambda item: -len(item[1])):
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        print(f"  {kind.removeprefix('?')} keeps out {len(names)}: {', '.join(names[:4])}{more}")


def _torchvision() -> Nets:
    """Classification, segmentation and video; detectors choose among boxes, which no kind does."""
    models = import_module("torchvision.models")
    parts: tuple[tuple[Any, tuple[int, ...], dict[str, Any]], ...] = (
        (models, (), {}),
        (models.segmentation, (), {"weights_backbone": None}),
        (models.video, (16,), {}),
    )
    for module, frames, settings in parts:
        for name in models.list_models(module=module):
            given = [weights.transforms() for weights in models.get_model_weights(name)]
            side = min(tuple(getattr(each, "crop_size", None) or each.resize_size) for each in given)
            build = partial(models.get_model, name, weights=None, **settings)
            yield name, partial(_operators, build, (1, 3, *frames, side[0], side[-1]))


def _timm() -> Nets:
    timm = import_module("timm")
    for module in timm.list_modules():
        for name in timm.list_models(module=module)[:1]:
            size = (1, *timm.get_pretrained_cfg(name).input_size)
            yield name, partial(_operators, partial(timm.create_model, name), size)


def _operators(build: Callable[[], Any], size: tuple[int, ...]) -> set[str]:
    """The kinds that a net of PyTorch needs, from the operators that it calls on an input of the size.

    What is computed from weights alone needs no kind.
    """
    torch = import_module("torch")
    overrides, dispatch = import_module("torch.overrides"), import_module("torch.utils._python_dispatch")
    kinds: set[str] = set()
    volumes: dict[int, Any] = {}  # all tensors that depend on the input, held so that no id is used twice

    class Unfilled(overrides.TorchFunctionMode):  # type: ignore[misc, name-defined]
        """Weights are made without memory; what a model computes to choose its sizes is computed."""

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            place = {"device": "meta"} if func is torch.empty else {}
            return func(*args, **{**(kwargs or {}), **place})

    class Census(dispatch.TorchDispatchMode):  # type: ignore[misc, name-defined]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            given = _tensors(torch, args)
            name = func.overloadpacket.__name__.rstrip("_")
            if any(id(tensor) in volumes for tensor in given) and name not in CONSTANTS:
                others = [tensor for tensor in given if id(tensor) not in volumes]
                kinds.add(_kind_of_operator(name, args, given, others))
                volumes.update({id(tensor): tensor for tensor in _tensors(torch, [result])})
            return result

    with torch.no_grad():
        with Unfilled():
            model = build().eval().to("meta")
            image = torch.empty(*size)
        volumes[id(image)] = image
        with Census(), torch.device("meta"):
            model(image)
    return kinds


def _tensors(torch: Any, values: Any) -> list[Any]:
    """The tensors among the values, and in lists among them."""
    flat = [value for each in values for value in (each if isinstance(each, (list, tuple)) else [each])]
    return [value for value in flat if isinstance(value, torch.Tensor)]


def _kind_of_operator(name: str, args: Any, given: list[Any], others: list[Any]) -> str:
    """The kind of an operator of ATen; ``others`` are the tensors among its arguments that come from weights."""
    if name in NO_KIND_NEEDED:
        return ""
    if name == "convolution":
        return "deconv" if args[6] else "conv"
    if name in ("addmm", "mm"):
        rows = given[-2].shape[0]
        return "fc" if rows == 1 else "linear"
    if name == "hardtanh":
        return "relu6" if tuple(args[1:3]) == (0.0, 6.0) else "hardtanh"
    if name == "mean" and list(args[1]) in ([-2, -1], [-1, -2], [2, 3], [2, 3, 4], [-3, -2, -1]) and given[0].ndim > 3:
        return "gap"
    if name in ARITHMETIC:
        if len(given) == 1:
            return "affine"
        if others:
            return "position" if name == "add" else "scale"
        return ARITHMETIC[name]
    return ATEN.get(name, f"?{name}")


def _keras() -> Nets:
    os.environ["KERAS_BACKEND"] = "torch"  # the one that has a device without memory
    applications = import_module("keras").applications
    for name in dir(applications):
        if name[0].isupper():
            yield name, partial(_application, getattr(applications, name))


def _application(build: Callable[..., Any]) -> set[str]:
    with import_module("keras").device("meta"):
        return _layers(build(weights=None))


def _parts(model: Any) -> list[Any]:
    """The layers and operations of a model of Keras; a Sequential model has layers alone."""
    parts: list[Any] = getattr(model, "operations", None) or getattr(model, "layers", [])
    return parts


def _layers(model: Any) -> set[str]:
    """The kinds that a model of Keras needs, with those of the models in it."""
    kinds: set[str] = set()
    for layer in _parts(model):
        name = type(layer).__name__
        if _parts(layer):
            kinds |= _layers(layer)
            continue
        if name in KERAS_ARITHMETIC:
            merges = any(len(node.input_tensors) > 1 for node in layer._inbound_nodes)  # noqa: SLF001
            kinds.add(KERAS_ARITHMETIC[name] if merges else "affine")
        elif name == "ReLU":
            kinds.add({None: "relu", 6: "relu6"}.get(layer.max_value, "?ReLU with another maximum"))
        elif name not in ("InputLayer", "Activation"):
            kinds.add(KERAS.get(name, f"?{name}"))
        function = getattr(getattr(layer, "activation", None), "__name__", "linear")
        kinds.add(WORDS.get(function, f"?{function}"))
    return kinds


def _darknet(folder: Path) -> Nets:
    if not folder.is_dir():
        raise ImportError(f"no folder and no library that is known; the libraries are {', '.join(LIBRARIES)}")
    for file in sorted(folder.glob("*.cfg")):
        sections = _sections(file.read_text(encoding="utf-8", errors="replace"))
        if len(sections) > 1:
            yield file.stem, partial(_kinds_of_sections, sections)


def _sections(text: str) -> list[tuple[str, dict[str, str]]]:
    """The sections of a darknet file with their settings."""
    sections: list[tuple[str, dict[str, str]]] = []
    for line in text.splitlines():
        line = line.partition("#")[0].partition(";")[0].strip()
        if line.startswith("["):
            sections.append((line.strip("[] ").lower(), {}))
        elif "=" in line and sections:
            name, _, value = line.partition("=")
            sections[-1][1][name.strip()] = value.strip()
    return sections


def _kinds_of_sections(sections: list[tuple[str, dict[str, str]]]) -> set[str]:
    return {kind for each in sections for kind in _kinds_of_section(*each)}


def _kinds_of_section(name: str, settings: dict[str, str]) -> Iterator[str]:
    if name in LOSSES:
        return
    if name == "route":
        yield "concat" if "," in settings["layers"] else ""
        yield "slice" if "groups" in settings else ""
        return
    yield DARKNET.get(name, f"?{name}")
    yield "bn" if settings.get("batch_normalize") == "1" else ""
    yield "?binary weights" if "1" in (settings.get("xnor"), settings.get("binary")) else ""
    yield "?weighted shortcut" if settings.get("weights_type", "none") != "none" else ""
    yield "?pool along the depth" if settings.get("maxpool_depth") == "1" else ""
    yield "?antialiasing" if settings.get("antialiasing") == "1" else ""
    activation = settings.get("activation", "linear")
    yield WORDS.get(activation, f"?{activation}")


LIBRARIES = {"torchvision": _torchvision, "timm": _timm, "keras": _keras}


if __name__ == "__main__":
    sys.exit(main())
