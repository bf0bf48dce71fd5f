"""Files of other programs that do not hold a design, each with the way from it to one that is read."""

from __future__ import annotations

import re

from cnncalc.errors import Problem
from cnncalc.source import argument, visible

MOST_READ = 100_000
"""The bytes of a file that are searched for names."""
MOST_NAMES = 3
"""How many names are suggested."""

TO_ONNX = "torch.onnx.export(module, images, 'model.onnx') writes a file that is read; so is the code, as net.py:Net"
TO_KERAS = "model.save('model.keras') writes a file that is read"
OTHER_FILES = (
    ((".pt", ".pth", ".ckpt", ".safetensors", ".bin", ".pt2"), "weights of PyTorch", TO_ONNX),
    ((".pb",), "a graph of TensorFlow", TO_KERAS),
    ((".caffemodel",), "the weights of a Caffe net", "the layers are in the file .prototxt beside it"),
    ((".weights",), "the weights of a darknet net", "the layers are in the file .cfg beside it"),
    ((".pkl", ".pickle", ".npz", ".npy"), "objects of Python", TO_ONNX),
    ((".mlmodel", ".mlpackage"), "a model of Core ML", "convert the net that it was made from"),
    ((".ipynb",), "a notebook", "put the code of the net into a file, and name it, as in net.py:Net"),
)
"""Endings of files, what these hold, and the way to a design."""


def refusal(name: str, data: bytes) -> Problem | None:
    """Why a file of this name and content is not read, with the way to one that is; None for any other file."""
    shown, lower = visible(name), name.lower()
    if lower.endswith(".py"):
        return _code(shown, data[:MOST_READ].decode("utf-8", "replace"))
    for endings, what, way in OTHER_FILES:
        if lower.endswith(endings):
            return Problem(
                "not-a-design", f"{shown}: '{lower[lower.rindex('.') :]}' is the ending of {what}", None, way
            )
    return None


def _code(name: str, text: str) -> Problem:
    """The problem of a file of Python code: which of its names can be a net."""
    if re.search(r"^[ \t]*(?:import|from)[ \t]+(?:keras|tensorflow)\b", text, re.MULTILINE) and "torch" not in text:
        message = f"{name} is code of Keras, which is not run"
        return Problem("not-a-design", message, None, f"{TO_KERAS}; so does model.to_json()")
    heads = re.findall(r"^class[ \t]+(\w+)\(([^)\n]*)\)", text, re.MULTILINE)
    classes = [each for each, bases in heads if "Module" in bases or "Sequential" in bases]
    calls = re.findall(r"^(\w+)[ \t]*(?::[^=\n]+)?=[ \t]*(?:nn\.|torch\.nn\.)?([A-Z]\w*)\(", text, re.MULTILINE)
    made = [each for each, called in calls if called in ("Sequential", *classes)]
    functions = re.findall(r"^def[ \t]+([A-Za-z]\w*)\([ \t]*\)", text, re.MULTILINE)
    names = list(dict.fromkeys([*made[::-1], *classes[::-1], *functions[::-1]]))[:MOST_NAMES]
    message = f"{name} is Python code: write which module, class or function in it is the net"
    targets = [argument(f"{name}:{each}") for each in names or ["NAME"]]
    return Problem("not-a-design", message, None, " or ".join(targets))
