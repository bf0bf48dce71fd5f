"""Files that are made to cost much: families of them for each format, each of any size.

``FAMILIES[name](size)`` are the bytes of such a file; the ending of the name is that of the file. :func:`largest` is
the size that is measured, about as large as the limits of the format let it be, or larger.
"""

# ruff: noqa: E501  # families stand in rows

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from tests.interop.onnx_writer import block, node, number, tensor, value_info
from tests.interop.tflite_writer import tflite_row

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPE = (1, 4, 8, 8)


def onnx_file(
    *nodes: bytes, inputs: bytes = b"", rest: bytes = b"", outputs: tuple[str, ...] = ("y",), shape: Any = SHAPE
) -> bytes:
    """An ONNX file of these nodes with the input x, of an operator set whose operators may have any attributes."""
    graph = b"".join(block(1, content) for content in nodes) + block(11, value_info("x", shape)) + inputs
    graph += rest + b"".join(block(12, value_info(name, None)) for name in outputs)
    return number(1, 8) + block(7, graph) + block(8, number(2, 99))


def row(type: str, size: int, last: str = "Relu", extra: tuple[str, ...] = (), **keys: Any) -> list[bytes]:
    """Nodes in a row from x to y; the last one has a type of its own."""
    names = ["x", *[f"v{n}" for n in range(size - 1)], "y"]
    return [
        node(
            type if n < size - 1 else last,
            [names[n], *(extra if n < size - 1 else ())],
            [names[n + 1]],
            **(keys if n < size - 1 else {}),
        )
        for n in range(size)
    ]


def constants(type: str, size: int, first: list[str], shape: tuple[int, ...], **keys: Any) -> bytes:
    """Operators in a row on constants."""
    nodes = [node(type, first if n == 0 else [f"v{n - 1}", *first[1:]], [f"v{n}"], **keys) for n in range(size)]
    nodes.append(node("Add", ["x", f"v{size - 1}"], ["y"]))
    count = 1
    for part in shape:
        count *= part
    return onnx_file(
        *nodes, rest=block(5, tensor("a", shape, [1] * count, form=7)) + block(5, tensor("b", (1,), [1], form=7))
    )


def functions(depth: int, nodes: int = 0) -> bytes:
    """Functions that call each other many times."""
    parts = []
    for level in range(depth):
        inner = [node(f"F{level + 1}", ["a"], [f"b{n}"], domain="d") for n in range(12)]
        if level == depth - 1:
            inner = [node("Relu", ["a"], [f"b{n}"]) for n in range(nodes)]
        parts.append(
            block(
                25,
                block(1, f"F{level}")
                + block(10, "d")
                + block(4, "a")
                + block(5, "b0")
                + b"".join(block(7, part) for part in inner),
            )
        )
    return onnx_file(node("F0", ["x"], ["y"], domain="d")) + b"".join(parts)


def calls_of_wide(size: int) -> bytes:
    """Calls of a function with many inputs and no nodes."""
    given = [f"i{n}" for n in range(size)]
    function = block(1, "F") + block(10, "d") + b"".join(block(4, name) for name in given) + block(5, "b")
    return onnx_file(*[node("F", ["x"], [f"y{n}"], domain="d") for n in range(18_000)]) + block(25, function)


ONNX: dict[str, Callable[[int], bytes]] = {
    "chain that ends in an unknown operator": lambda n: onnx_file(*row("Relu", n, "Unheard")),
    "chain": lambda n: onnx_file(*row("Relu", n)),
    "chain of convolutions, then an error": lambda n: onnx_file(
        *row("Conv", n, "Unheard", ("w",)), rest=block(5, tensor("w", (4, 4, 1, 1)))
    ),
    "chain of additions, then an error": lambda n: onnx_file(*row("Add", n, "Unheard", ("x",))),
    "chain of factors, then an error": lambda n: onnx_file(
        *row("Mul", n, "Unheard", ("c",)), rest=block(5, tensor("c", (), [1.5]))
    ),
    "chain of arithmetic, then an error": lambda n: onnx_file(
        *[
            node(
                ["Mul", "Add", "Sigmoid", "Sub", "Max", "Tanh"][k % 6],
                [f"v{k - 1}" if k else "x", *([] if k % 6 in (2, 5) else ["c"])],
                [f"v{k}"],
            )
            for k in range(n)
        ],
        node("Unheard", [f"v{n - 1}"], ["y"]),
        rest=block(5, tensor("c", (), [1.5])),
    ),
    "squares that are summed, then an error": lambda n: onnx_file(
        *[node("Mul", [f"v{k - 1}" if k else "x"] * 2, [f"v{k}"]) for k in range(n)],
        node("Unheard", [f"v{n - 1}"], ["y"]),
    ),
    "unknown operators": lambda n: onnx_file(*row("Unheard", n)),
    "operators of many unknown types": lambda n: onnx_file(
        *[node(f"T{k}", ["x"], [f"v{k}"]) for k in range(n)], node("Relu", ["x"], ["y"])
    ),
    "empty nodes": lambda n: onnx_file(*[b""] * n),
    "inputs of a concatenation": lambda n: onnx_file(
        node("Concat", [f"i{k}" for k in range(n)], ["y"], axis=1),
        node("Unheard", ["y"], ["z"]),
        inputs=b"".join(block(11, value_info(f"i{k}", SHAPE)) for k in range(n)),
        outputs=("z",),
    ),
    "inputs, each with an operator": lambda n: onnx_file(
        *[node("Unsqueeze", [f"i{k}", "a"], [f"v{k}"]) for k in range(n)],
        node("Unheard", ["x"], ["y"]),
        inputs=b"".join(block(11, value_info(f"i{k}", SHAPE)) for k in range(n)),
    ),
    "inputs of open size": lambda n: onnx_file(
        *[node("Relu", [f"i{k}"], [f"v{k}"]) for k in range(n)],
        inputs=b"".join(block(11, value_info(f"i{k}", ("n", None, 3))) for k in range(n)),
    ),
    "tensors": lambda n: onnx_file(
        node("Unheard", ["x"], ["y"]),
        rest=b"".join(block(5, number(1, 1 << 40) + number(2, 1) + block(8, f"t{k}")) for k in range(n)),
    ),
    "tensors of many numbers": lambda n: onnx_file(
        *[node("Reshape", ["x", f"t{k}"], [f"v{k}"]) for k in range(n)],
        rest=b"".join(
            block(5, number(1, 65_536) + number(2, 3) + block(8, f"t{k}") + block(9, b"\1" * 65_536)) for k in range(n)
        ),
    ),
    "values that nothing makes": lambda n: onnx_file(*[node("Relu", [f"i{k}"], [f"v{k}"]) for k in range(n)]),
    "contradicted shapes": lambda n: onnx_file(
        *row("Relu", n), rest=b"".join(block(13, value_info(f"v{k}", (1, 5, 8, 8))) for k in range(n))
    ),
    "contradicted outputs": lambda n: onnx_file(
        *row("Relu", n), rest=b"".join(block(12, value_info(f"v{k}", (1, 5, 8, 8))) for k in range(n - 1))
    ),
    "long names": lambda n: onnx_file(
        *[
            node("Relu", ["x" if k == 0 else f"{'a/' * 480}{k - 1}"], [f"{'a/' * 480}{k}"], f"{'a/' * 480}{k}")
            for k in range(n)
        ],
        node("Unheard", ["x"], ["y"]),
    ),
    "long texts": lambda n: onnx_file(*[node("Unheard", ["x"], [f"v{k}"], mode="m" * 65_000) for k in range(n)]),
    "equal names": lambda n: onnx_file(
        *[node("Relu", [f"v{k - 1}" if k else "x"], [f"v{k}"], "same") for k in range(n)], node("Unheard", ["x"], ["y"])
    ),
    "control characters": lambda n: onnx_file(
        *[node("Unheard\x1b[2J\n", ["x"], [f"v\x00\u202e{k}"], f"\x1b[31m\x07{k}") for k in range(n)]
    ),
    "functions that call each other": lambda n: functions(n),
    "functions full of nodes": lambda n: functions(2, n),
    "calls of a function of many inputs": calls_of_wide,
    "graphs in attributes": lambda n: onnx_file(
        *[
            node("If", ["x"], [f"y{k}"])
            + block(5, block(1, "then_branch") + block(6, b"".join(block(1, part) for part in row("Relu", 20))))
            for k in range(n)
        ]
    ),
    "wide concatenations": lambda n: onnx_file(
        *[node("Concat", ["x"] * 9_000, [f"v{k}"], axis=1) for k in range(n)], node("Unheard", ["x"], ["y"])
    ),
    "wide sums": lambda n: onnx_file(
        *[node("Sum", ["x"] * 9_000, [f"v{k}"]) for k in range(n)], node("Unheard", ["x"], ["y"])
    ),
    "growing concatenations": lambda n: onnx_file(
        *[node("Concat", [f"v{k - 1}" if k else "x"] * 2, [f"v{k}"], axis=1) for k in range(n)],
        node("Unheard", [f"v{n - 1}"], ["y"]),
    ),
    "growing concatenations, each unknown": lambda n: onnx_file(
        *[node("Concat", [f"v{k - 1}" if k else "x"] * 2, [f"v{k}"], axis=1) for k in range(min(n, 14_000))],
        *[node("Unheard", [f"v{min(n, 14_000) - 1}"], [f"w{k}"]) for k in range(5_000)],
    ),
    "transpositions": lambda n: onnx_file(*row("Transpose", n, "Unheard", perm=[0, 2, 3, 1])),
    "transpositions and convolutions": lambda n: onnx_file(
        *[
            node("Transpose", [f"v{k - 1}" if k else "x"], [f"v{k}"], perm=[0, 2, 3, 1])
            if k % 2
            else node("Softmax", [f"v{k - 1}" if k else "x"], [f"v{k}"], axis=-1)
            for k in range(n)
        ],
        node("Unheard", [f"v{n - 1}"], ["y"]),
    ),
    "reshapes": lambda n: onnx_file(
        *[node("Reshape", [f"v{k - 1}" if k else "x", f"s{k % 2}"], [f"v{k}"]) for k in range(n)],
        node("Unheard", [f"v{n - 1}"], ["y"]),
        rest=block(5, tensor("s0", (9,), [1, 2, 2, 2, 2, 2, 2, 2, 2], form=7))
        + block(5, tensor("s1", (4,), [1, 8, 4, 8], form=7)),
    ),
    "slices": lambda n: onnx_file(
        *[node("Slice", [f"v{k - 1}" if k else "x", "a", "b", "c"], [f"v{k}"]) for k in range(n)],
        node("Unheard", [f"v{n - 1}"], ["y"]),
        rest=block(5, tensor("a", (1,), [0], form=7))
        + block(5, tensor("b", (1,), [3], form=7))
        + block(5, tensor("c", (1,), [1], form=7)),
    ),
    "splits of many parts": lambda n: onnx_file(
        node("Split", ["x"], [f"v{k}" for k in range(n)], axis=1, num_outputs=n),
        *[node("Relu", [f"v{k}"], [f"w{k}"]) for k in range(n)],
        node("Unheard", ["x"], ["y"]),
        inputs=block(11, value_info("x", (1, n, 8, 8))),
    ),
    "gathers": lambda n: onnx_file(
        *[node("Gather", ["x", "a"], [f"v{k}"], axis=1) for k in range(n)],
        node("Unheard", ["x"], ["y"]),
        rest=block(5, tensor("a", (4_096,), [0] * 4_096, form=7)),
    ),
    "sums of constants": lambda n: constants("Add", n, ["a", "b"], (4_096,)),
    "products of constants": lambda n: constants("Mul", n, ["a", "a"], (4_096,)),
    "transpositions of constants": lambda n: constants("Transpose", n, ["a"], (64, 64)),
    "slices of constants": lambda n: onnx_file(
        *[node("Slice", [f"v{k - 1}" if k else "a", "z", "e"], [f"v{k}"]) for k in range(n)],
        node("Unheard", ["x"], ["y"]),
        rest=block(5, tensor("a", (4_096,), [0] * 4_096, form=7))
        + block(5, tensor("z", (1,), [0], form=7))
        + block(5, tensor("e", (1,), [4_096], form=7)),
    ),
    "parts of parts of constants": lambda n: onnx_file(
        *[node("Slice", [f"v{k - 1}" if k else "a", "z", "e"], [f"v{k}"]) for k in range(n)],
        node("Unheard", ["x"], ["y"]),
        rest=block(5, tensor("a", (1,), [0], form=7))
        + block(5, tensor("z", (1,), [0], form=7))
        + block(5, tensor("e", (1,), [1], form=7)),
    ),
    "constants of shapes": lambda n: onnx_file(
        *[node("ConstantOfShape", ["s"], [f"v{k}"]) for k in range(n)],
        node("Unheard", ["x"], ["y"]),
        rest=block(5, tensor("s", (1,), [4_096], form=7)),
    ),
    "ranges": lambda n: onnx_file(
        *[node("Range", ["z", "e", "o"], [f"v{k}"]) for k in range(n)],
        node("Unheard", ["x"], ["y"]),
        rest=block(5, tensor("z", (), [0], form=7))
        + block(5, tensor("e", (), [4_096], form=7))
        + block(5, tensor("o", (), [1], form=7)),
    ),
    "sums of many constants": lambda n: onnx_file(
        *[node("Add", [f"v{k - 1}" if k else "t0", f"t{k}"], [f"v{k}"]) for k in range(n)],
        node("Unheard", ["x"], ["y"]),
        rest=b"".join(block(5, tensor(f"t{k}", (1,), [1.0])) for k in range(n)),
    ),
    "gathers of a large constant": lambda n: onnx_file(
        *[node("Slice", ["a", "z", "e"], [f"v{k}"]) for k in range(n)],
        node("Unheard", ["x"], ["y"]),
        rest=block(5, tensor("a", (65_536,), [0] * 65_536, form=7))
        + block(5, tensor("z", (1,), [0], form=7))
        + block(5, tensor("e", (1,), [4_096], form=7)),
    ),
    "padded sides, many pads": lambda n: onnx_file(
        *[node("Pad", [f"v{k - 1}" if k else "x", "p"], [f"v{k}"]) for k in range(n)],
        node("Unheard", [f"v{n - 1}"], ["y"]),
        rest=block(5, tensor("p", (8,), [0, 0, 1 << 62, 1 << 62, 0, 0, 1 << 62, 1 << 62], form=7)),
    ),
    "sizes that are resized": lambda n: onnx_file(
        *[node("Resize", [f"v{k - 1}" if k else "x", "", "p"], [f"v{k}"]) for k in range(n)],
        node("Unheard", [f"v{n - 1}"], ["y"]),
        rest=block(5, tensor("p", (4,), [1.0, 1.0, 1e30, 1e30])),
    ),
    "dimensions of -1, 0 and 2^62": lambda n: onnx_file(
        *[node("Relu", [f"i{k}"], [f"v{k}"]) for k in range(n)],
        inputs=b"".join(
            block(11, value_info(f"i{k}", [(-1, 3, 8, 8), (1, 0, 8, 8), (1, 1 << 62, 1 << 62, 1 << 62)][k % 3]))
            for k in range(n)
        ),
    ),
    "external data that climbs": lambda n: onnx_file(
        *row("Conv", n, "Unheard", ("w",)),
        rest=block(
            5,
            number(1, 4)
            + number(1, 4)
            + number(1, 1)
            + number(1, 1)
            + number(2, 1)
            + block(8, "w")
            + number(14, 1)
            + block(13, block(1, "location") + block(2, "../../../../etc/passwd")),
        ),
    ),
    "cycle": lambda n: onnx_file(*[node("Relu", [f"v{(k + 1) % n}"], [f"v{k}"]) for k in range(n)]),
    "values made twice": lambda n: onnx_file(
        *[node("Relu", ["y" if k else "x"], ["y"]) for k in range(n)], node("Unheard", ["y"], ["z"])
    ),
    "attentions spelled out": lambda n: onnx_file(
        *[
            part
            for k in range(n)
            for part in (
                node("MatMul", [f"s{k - 1}" if k else "x", "x"], [f"m{k}"]),
                node("Softmax", [f"m{k}"], [f"s{k}"], axis=-1),
            )
        ],
        node("Unheard", [f"s{n - 1}"], ["y"]),
    ),
    "products of the input with itself": lambda n: onnx_file(
        *[node("MatMul", [f"v{k - 1}" if k else "x", "x"], [f"v{k}"]) for k in range(n)],
        node("Unheard", [f"v{n - 1}"], ["y"]),
    ),
    "equations": lambda n: onnx_file(
        *[node("Einsum", ["x", "x"], [f"v{k}"], equation="," * 60_000) for k in range(n)], node("Unheard", ["x"], ["y"])
    ),
    "reductions": lambda n: onnx_file(
        *[node("ReduceMean", ["x"], [f"v{k}"], axes=[1] * 4_000) for k in range(n)], node("Unheard", ["x"], ["y"])
    ),
    "kernels of many numbers": lambda n: onnx_file(
        *[
            node("MaxPool", ["x"], [f"v{k}"], kernel_shape=[2] * 4_000, strides=[1] * 4_000, pads=[0] * 4_000)
            for k in range(n)
        ],
        node("Unheard", ["x"], ["y"]),
    ),
    "padding bytes": lambda n: onnx_file(*row("Relu", 2)) + block(3, b"\0" * n),
    "numbers behind each other": lambda n: onnx_file(node("Relu", ["x"], ["y"]) + b"\x20\x01" * n),
    "scopes": lambda n: onnx_file(
        *[
            node("Relu", [f"v{k - 1}" if k else "x"], [f"v{k}"])
            + block(9, block(1, "pkg.torch.onnx.name_scopes") + block(2, "[" + ", ".join(["'a'"] * 6_000) + "]"))
            for k in range(n)
        ],
        node("Unheard", ["x"], ["y"]),
    ),
    "unpoolings": lambda n: onnx_file(
        *[node("MaxPool", [f"v{k - 1}" if k else "x"], [f"v{k}", f"i{k}"], kernel_shape=[1, 1]) for k in range(n // 2)],
        *[node("MaxUnpool", [f"v{n // 2 - 1}", f"i{k}"], [f"u{k}"], kernel_shape=[1, 1]) for k in range(n // 2)],
        node("Unheard", ["x"], ["y"]),
    ),
}

HEAD = 'input: "x" input_shape { dim: 1 dim: 4 dim: 8 dim: 8 }\n'


def caffe(lines: list[str], head: str = HEAD) -> bytes:
    return (head + "\n".join(lines)).encode()


PROTOTXT: dict[str, Callable[[int], bytes]] = {
    "chain, then an error": lambda n: caffe(
        [f'layer {{ name: "l{k}" type: "ReLU" bottom: "{f"b{k - 1}" if k else "x"}" top: "b{k}" }}' for k in range(n)]
        + [f'layer {{ name: "end" type: "Unheard" bottom: "b{n - 1}" top: "y" }}']
    ),
    "in place": lambda n: caffe(
        ['layer { name: "l" type: "ReLU" bottom: "x" top: "x" }'] * n
        + ['layer { name: "e" type: "Unheard" bottom: "x" top: "y" }']
    ),
    "convolutions, then an error": lambda n: caffe(
        [
            'layer { name: "l" type: "Convolution" bottom: "x" top: "x" convolution_param { num_output: 4 kernel_size: 1 } }'
        ]
        * n
        + ['layer { name: "e" type: "Unheard" bottom: "x" top: "y" }']
    ),
    "unknown types": lambda n: caffe(
        [f'layer {{ name: "l{k}" type: "T{k}" bottom: "x" top: "b{k}" }}' for k in range(n)]
    ),
    "blobs that nothing makes": lambda n: caffe(
        [f'layer {{ name: "l{k}" type: "ReLU" bottom: "u{k}" top: "b{k}" }}' for k in range(n)]
    ),
    "layers without a type": lambda n: caffe([f'layer {{ name: "l{k}" }}' for k in range(n)]),
    "wrong values": lambda n: caffe(
        [
            f'layer {{ name: "l{k}" type: "Pooling" bottom: "x" top: "b{k}" pooling_param {{ kernel_size: "q" }} }}'
            for k in range(n)
        ]
    ),
    "fields that are not read": lambda n: caffe(
        [
            f'layer {{ name: "l{k}" type: "Pooling" bottom: "x" top: "b{k}" pooling_param {{ kernel_size: 2 f{k}: 1 }} }}'
            for k in range(n)
        ]
        + ['layer { name: "e" type: "Unheard" bottom: "x" top: "y" }']
    ),
    "many fields that are not read": lambda n: caffe(
        [
            'layer { name: "l" type: "Pooling" bottom: "x" top: "b" pooling_param { kernel_size: 2 '
            + " ".join(f"f{k}: 1" for k in range(n))
            + "} }",
            'layer { name: "e" type: "Unheard" bottom: "x" top: "y" }',
        ]
    ),
    "inputs": lambda n: caffe(
        ['layer { name: "e" type: "Unheard" bottom: "x" top: "y" }'],
        "".join(f'input: "x{k}" input_shape {{ dim: 1 dim: 2 dim: 3 dim: 4 }}\n' for k in range(n)),
    ),
    "inputs without a shape": lambda n: caffe(
        ['layer { name: "e" type: "ReLU" bottom: "x0" top: "y" }'], "".join(f'input: "x{k}"\n' for k in range(n))
    ),
    "many bottoms": lambda n: caffe(
        [
            'layer { name: "l" type: "Eltwise" ' + 'bottom: "x" ' * n + 'top: "s" }',
            'layer { name: "e" type: "Unheard" bottom: "s" top: "y" }',
        ]
    ),
    "concatenations of many": lambda n: caffe(
        [
            'layer { name: "l" type: "Concat" ' + 'bottom: "x" ' * n + 'top: "s" }',
            'layer { name: "e" type: "Unheard" bottom: "s" top: "y" }',
        ]
    ),
    "growing concatenations": lambda n: caffe(
        ['layer { name: "l" type: "Concat" bottom: "x" bottom: "x" top: "x" }'] * n
        + ['layer { name: "e" type: "Unheard" bottom: "x" top: "y" }']
    ),
    "sizes of thousands of digits": lambda n: caffe(
        ['layer { name: "l" type: "Upsample" bottom: "x" top: "x" upsample_param { scale: 999999999999999999 } }'] * 210
        + ['layer { name: "l" type: "ReLU" bottom: "x" top: "x" }'] * n
        + ['layer { name: "e" type: "Unheard" bottom: "x" top: "y" }']
    ),
    "many tops": lambda n: caffe(
        [
            'layer { name: "l" type: "Split" bottom: "x" ' + " ".join(f'top: "s{k}"' for k in range(n)) + "}",
            'layer { name: "e" type: "Unheard" bottom: "x" top: "y" }',
        ]
    ),
    "slices": lambda n: caffe(
        [
            'layer { name: "l" type: "Slice" bottom: "x" slice_param { '
            + " ".join(f"slice_point: {k + 1}" for k in range(n - 1))
            + "} "
            + " ".join(f'top: "s{k}"' for k in range(n))
            + "}"
        ],
        f'input: "x" input_shape {{ dim: 1 dim: {n} dim: 8 dim: 8 }}\n',
    ),
    "rules": lambda n: caffe(
        [
            'layer { name: "l" type: "ReLU" bottom: "x" top: "y" '
            + 'include { phase: TEST stage: "a" not_stage: "b" } ' * n
            + "}"
        ]
    ),
    "stages": lambda n: caffe(
        [
            f'layer {{ name: "l{k}" type: "ReLU" bottom: "x" top: "y{k}" include {{ stage: "a{k}" }} }}'
            for k in range(n)
        ],
        HEAD + "state { " + " ".join(f'stage: "b{k}"' for k in range(n)) + "}\n",
    ),
    "messages of one field": lambda n: caffe(["layer { }"] * n),
    "one list": lambda n: caffe(["l: [" + "1," * n + "1]"]),
    "nested messages": lambda n: caffe(["a {" * n]),
    "open brackets": lambda n: caffe(["l: [" * n]),
    "words without values": lambda n: caffe(["w " * n]),
    "a string that is never closed": lambda n: caffe(['l: "' + "a" * n]),
    "a string of escapes": lambda n: caffe(['l: "' + "\\" * n]),
    "a string in pieces": lambda n: caffe(["l: " + '"a" ' * n]),
    "blanks": lambda n: caffe([" " * n + "?"]),
    "comments": lambda n: caffe(["#\n" * n + "?"]),
    "a long number": lambda n: caffe(["l: " + "9" * n]),
    "a long decimal": lambda n: caffe(["l: 0." + "9" * n + "x"]),
    "minus signs": lambda n: caffe(["l: -" + " " * n + "x"]),
    "names of one letter more": lambda n: caffe(
        ['layer { name: "' + "a" * 400 + '" type: "ReLU" bottom: "x" top: "x" }'] * n
        + ['layer { name: "e" type: "Unheard" bottom: "x" top: "y" }']
    ),
    "control characters": lambda n: caffe(
        [f'layer {{ name: "\\033[2J{k}\x1b[31m" type: "T\\000" bottom: "x" top: "\u202e{k}" }}' for k in range(n)]
    ),
    "losses": lambda n: caffe(
        [
            f'layer {{ name: "l" type: "SoftmaxWithLoss" bottom: "x" top: "a{k}" }}\nlayer {{ name: "l" type: "Power" bottom: "a{k}" top: "c{k}" }}'
            for k in range(n)
        ]
    ),
    "layers in a layer": lambda n: caffe(
        [f'layers {{ layer {{ name: "l{k}" type: "relu" }} bottom: "x" top: "x" }}' for k in range(n)]
        + ['layers { layer { name: "e" type: "unheard" } bottom: "x" top: "y" }']
    ),
    "shared parameters": lambda n: caffe(
        [
            f'layer {{ name: "l{k}" type: "InnerProduct" bottom: "x" top: "b{k}" param {{ name: "w" }} inner_product_param {{ num_output: {k + 1} }} }}'
            for k in range(n)
        ]
    ),
}


def darknet(*sections: str, head: str = "[net]\nheight=8\nwidth=8\nchannels=3\n") -> bytes:
    return (head + "\n".join(sections) + "\n").encode()


CONV = "[convolutional]\nfilters=4\nsize=1\nstride=1\nactivation=linear"
END = "[lstm]\noutput=4"

CFG: dict[str, Callable[[int], bytes]] = {
    "convolutions, then an error": lambda n: darknet(*[CONV] * n, END),
    "convolutions with BN, then an error": lambda n: darknet(
        *[CONV.replace("linear", "leaky") + "\nbatch_normalize=1"] * n, END
    ),
    "activations, then an error": lambda n: darknet(*["[activation]\nactivation=ramp"] * n, END),
    "unknown sections": lambda n: darknet(*[f"[s{k}]" for k in range(n)]),
    "recurrent sections": lambda n: darknet(*["[lstm]\noutput=4"] * n),
    "unknown options": lambda n: darknet(*["[dropout]\n" + "a=1\n"] * 1, *[f"o{k}=1" for k in range(n)], END),
    "wrong values": lambda n: darknet(*["[convolutional]\nfilters=q"] * n),
    "routes to all before": lambda n: darknet(*["[route]\nlayers=" + ",".join(["-1"] * 100)] * n, END),
    "one long route": lambda n: darknet("[dropout]", "[route]\nlayers=" + ",".join(["0"] * n), END),
    "growing routes": lambda n: darknet(*["[dropout]"], *["[route]\nlayers=-1,-1"] * n, END),
    "shortcuts": lambda n: darknet("[dropout]", *["[shortcut]\nfrom=0\nactivation=linear"] * n, END),
    "shortcuts of many": lambda n: darknet(
        "[dropout]", "[shortcut]\nactivation=linear\nfrom=" + ",".join(["0"] * n), END
    ),
    "shortcuts of other volumes": lambda n: darknet(
        "[dropout]", CONV, *["[shortcut]\nfrom=0\nactivation=linear"] * n, END
    ),
    "upsamplings": lambda n: darknet(*["[upsample]\nstride=999999999999999999"] * n, END),
    "sizes of thousands of digits": lambda n: darknet(
        *["[upsample]\nstride=999999999999999999"] * 210, *["[activation]\nactivation=relu"] * n, END
    ),
    "layers before it": lambda n: darknet(*[f"[route]\nlayers={k + 5}" for k in range(n)]),
    "empty lines": lambda n: darknet("\n" * n, "[s"),
    "a line of letters": lambda n: darknet("a" * n),
    "a line of blanks": lambda n: darknet(" " * n + "a"),
    "a long number": lambda n: darknet("[convolutional]\nfilters=" + "9" * n),
    "a long decimal": lambda n: darknet("[dropout]\nprobability=" + "9" * n, END),
    "sections without an end": lambda n: darknet(*["[s"] * n),
    "frozen": lambda n: darknet(*["[dropout]\nstopbackward=1"] * n, END),
    "shared layers": lambda n: darknet(CONV, *[CONV + "\nshare_index=0"] * n, END),
    "control characters": lambda n: darknet(*[f"[\x1b[2J\u202e{k}]" for k in range(n)]),
    "unknown activations": lambda n: darknet(*[f"[activation]\nactivation=a{k}" for k in range(n)], END),
    "recurrent of many": lambda n: darknet(*["[crnn]\noutput=999999999999999999\nhidden=999999999999999999"] * n),
    "heads": lambda n: darknet(*["[yolo]"] * n, END),
}


def keras3(layers: list[Any], outputs: Any = None, inputs: Any = None, kind: str = "Functional") -> Any:
    config: Any = {"name": "net", "layers": layers, "input_layers": inputs if inputs is not None else [["x", 0, 0]]}
    config["output_layers"] = outputs if outputs is not None else [[layers[-1]["config"]["name"], 0, 0]]
    return {"class_name": kind, "config": config, "keras_version": "2.15"}


def named(name: str, kind: str, *reads: str, **config: Any) -> Any:
    nodes = [[[read, 0, 0, {}] for read in reads]] if reads else []
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}


X = named("x", "InputLayer", batch_input_shape=[None, 8, 8, 4])


def text(value: Any) -> bytes:
    return json.dumps(value).encode()


def nested(depth: int) -> Any:
    """Models inside one another, each called twice."""
    model = keras3([X, named("r", "ReLU", "x")])
    for _ in range(depth):
        inner = {**model, "name": "m", "inbound_nodes": [[["x", 0, 0, {}]], [["m", 0, 0, {}]]]}
        inner["config"] = {**model["config"], "name": "m"}
        model = keras3([X, inner], [["m", 1, 0]])
    return model


def nested_empty(depth: int) -> Any:
    """The same of models that only pass their input on."""
    model = keras3([X], [["x", 0, 0]])
    for _ in range(depth):
        inner = {**model, "name": "m", "inbound_nodes": [[["x", 0, 0, {}]], [["m", 0, 0, {}]]]}
        inner["config"] = {**model["config"], "name": "m"}
        model = keras3([X, inner], [["m", 1, 0]])
    return model


JSON: dict[str, Callable[[int], bytes]] = {
    "chain, then an error": lambda n: text(
        keras3(
            [
                X,
                *[named(f"l{k}", "ReLU", f"l{k - 1}" if k else "x") for k in range(n)],
                named("e", "Unheard", f"l{n - 1}"),
            ]
        )
    ),
    "backwards chain, then an error": lambda n: text(
        keras3(
            [
                X,
                named("e", "Unheard", f"l{n - 1}"),
                *[named(f"l{k}", "ReLU", f"l{k - 1}" if k else "x") for k in range(n - 1, -1, -1)],
            ]
        )
    ),
    "sequence, then an error": lambda n: text(
        {
            "class_name": "Sequential",
            "config": [
                {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 8, 8, 4]}},
                *[{"class_name": "ReLU", "config": {}}] * n,
                {"class_name": "Unheard", "config": {}},
            ],
        }
    ),
    "convolutions, then an error": lambda n: text(
        {
            "class_name": "Sequential",
            "config": [
                {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 8, 8, 4]}},
                *[{"class_name": "Conv2D", "config": {"filters": 4, "kernel_size": 1, "activation": "swish"}}] * n,
                {"class_name": "Unheard", "config": {}},
            ],
        }
    ),
    "unknown layers": lambda n: text(keras3([X, *[named(f"l{k}", f"T{k}", "x") for k in range(n)]])),
    "wrong values": lambda n: text(keras3([X, *[named(f"l{k}", "Conv2D", "x", filters="q") for k in range(n)]])),
    "layers that read what is not there": lambda n: text(
        keras3([X, *[named(f"l{k}", "ReLU", f"u{k}") for k in range(n)]])
    ),
    "cycle": lambda n: text(keras3([X, *[named(f"l{k}", "ReLU", f"l{(k + 1) % n}") for k in range(n)]])),
    "inputs": lambda n: text(
        keras3(
            [
                *[named(f"i{k}", "InputLayer", batch_input_shape=[None, 8, 8, 4]) for k in range(n)],
                named("e", "Unheard", "i0"),
            ],
            inputs=[[f"i{k}", 0, 0] for k in range(n)],
        )
    ),
    "open inputs": lambda n: text(
        keras3(
            [
                *[named(f"i{k}", "InputLayer", batch_input_shape=[None, None, 8, 4]) for k in range(n)],
                named("e", "ReLU", "i0"),
            ],
            inputs=[[f"i{k}", 0, 0] for k in range(n)],
        )
    ),
    "inputs of many names": lambda n: text(
        keras3([X, named("e", "Unheard", "x")], inputs=[[f"i{k}", 0, 0] for k in range(n)])
    ),
    "calls": lambda n: text(
        keras3([X, {**named("l", "ReLU", "x"), "inbound_nodes": [[["x", 0, 0, {}]]] * n}, named("e", "Unheard", "x")])
    ),
    "many tensors of one call": lambda n: text(keras3([X, named("a", "Add", *["x"] * n), named("e", "Unheard", "a")])),
    "concatenations of many": lambda n: text(
        keras3([X, named("a", "Concatenate", *["x"] * n), named("e", "Unheard", "a")])
    ),
    "growing concatenations": lambda n: text(
        keras3(
            [
                X,
                *[named(f"l{k}", "Concatenate", *[f"l{k - 1}" if k else "x"] * 2) for k in range(n)],
                named("e", "Unheard", f"l{n - 1}"),
            ]
        )
    ),
    "sizes of thousands of digits": lambda n: text(
        keras3(
            [
                X,
                *[
                    named(f"u{k}", "UpSampling2D", f"u{k - 1}" if k else "x", size=999999999999999999)
                    for k in range(210)
                ],
                *[named(f"l{k}", "ReLU", f"l{k - 1}" if k else "u209") for k in range(n)],
                named("e", "Unheard", f"l{n - 1}"),
            ]
        )
    ),
    "models that double": lambda n: text(nested(n)),
    "empty models that double": lambda n: text(nested_empty(n)),
    "equal names": lambda n: text(keras3([X, *[named("l", "ReLU", "x")] * n, named("e", "Unheard", "x")])),
    "lists": lambda n: b'{"class_name": "Sequential", "config": ' + b"[" * n + b"]" * n + b"}",
    "lists of a layer": lambda n: (
        b'{"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {"units": '
        + b"[" * n
        + b"]" * n
        + b"}}]}}"
    ),
    "objects": lambda n: b'{"class_name": "Sequential", "config": ' + b'{"a":' * n + b"1" + b"}" * n + b"}",
    "empty lists": lambda n: b'{"class_name": "Sequential", "config": [' + b"[]," * n + b"[]]}",
    "empty objects": lambda n: b'{"class_name": "Sequential", "config": [' + b"{}," * n + b"{}]}",
    "numbers": lambda n: b'{"class_name": "Sequential", "config": [' + b"1," * n + b"1]}",
    "a long number": lambda n: b'{"class_name": "Sequential", "config": ' + b"9" * n + b"}",
    "a list of many numbers": lambda n: text(
        {
            "class_name": "Sequential",
            "config": [
                {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 8, 8, 4]}},
                {"class_name": "Conv2D", "config": {"filters": 4, "kernel_size": [1] * n}},
            ],
        }
    ),
    "shapes of many numbers": lambda n: text(
        {
            "class_name": "Sequential",
            "config": [
                {"class_name": "InputLayer", "config": {"batch_input_shape": [None, *[1] * n]}},
                {"class_name": "ReLU", "config": {}},
            ],
        }
    ),
    "control characters": lambda n: text(
        keras3([X, *[named(f"\x1b[2J{k}\u202e", f"T\x00{k}", "x") for k in range(n)]])
    ),
    "dimensions of -1, 0 and 2^62": lambda n: text(
        {
            "class_name": "Sequential",
            "config": [
                {
                    "class_name": "InputLayer",
                    "config": {"batch_input_shape": [None, [-1, 0, 1 << 62][n % 3], 1 << 62, 1 << 62]},
                },
                *[{"class_name": "Dense", "config": {"units": 1 << 62}}] * n,
                {"class_name": "Unheard", "config": {}},
            ],
        }
    ),
    "long strings": lambda n: text(keras3([X, named("e", "Unheard" * n, "x")])),
    "text that is no JSON": lambda n: b'"class_name"' + b" " * n,
    "wrappers": lambda n: (
        b'{"class_name": "Sequential", "config": [{"class_name": "InputLayer", "config": {"batch_input_shape": [null, 8, 8, 8, 4]}}, '
        + b'{"class_name": "TimeDistributed", "config": {"layer": ' * n
        + b'{"class_name": "Dense", "config": {"units": 3}}'
        + b"}}" * n
        + b"]}"
    ),
    "wrapped layers": lambda n: text(
        keras3(
            [
                X,
                *[
                    named(f"l{k}", "TimeDistributed", "x", layer={"class_name": "Dense", "config": {"units": 4}})
                    for k in range(n)
                ],
                named("e", "Unheard", "x"),
            ]
        )
    ),
}


def archive(size: int, name: str = "config.json", method: int = zipfile.ZIP_DEFLATED, fill: bytes = b" ") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made, made.open(name, "w") as member:
        chunk = fill * (1 << 20)
        while size > 0:
            member.write(chunk[:size])
            size -= len(chunk)
    return file.getvalue()


def members(size: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for k in range(size):
            made.writestr(f"m{k}", b"")
    return file.getvalue()


def packed(content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        made.writestr("config.json", content)
    return file.getvalue()


def oversized(size: int) -> bytes:
    """A member that states to be small, and is large."""
    data = archive(size)
    return data.replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little"))


KERAS: dict[str, Callable[[int], bytes]] = {
    "bomb": archive,
    "bomb in LZMA": lambda n: archive(n, method=zipfile.ZIP_LZMA),
    "bomb in BZIP2": lambda n: archive(n, method=zipfile.ZIP_BZIP2),
    "bomb with a wrong size": oversized,
    "bomb beside": lambda n: archive(n, "model.weights.h5"),
    "members": members,
    "chain, then an error": lambda n: packed(JSON["chain, then an error"](n)),
    "zeros": lambda n: b"PK\x03\x04" + b"\0" * n,
    "ends": lambda n: b"PK\x05\x06" * n,
    "brackets": lambda n: packed(b"[" * n),
}

H5: dict[str, Callable[[int], bytes]] = {"zeros": lambda n: b"\x89HDF\r\n\x1a\n" + b"\0" * n}

YAML: dict[str, Callable[[int], bytes]] = {
    "pools of large strides": lambda n: f"layers: 'INPUT 8x8x3 -> [POOL1/999999999]*{n}'\n".encode(),
    "unknown inputs": lambda n: (
        "input: 8x8x3\nlayers:\n" + "".join(f"- relu: {{inputs: z{k}}}\n" for k in range(n))
    ).encode(),
}

TFLITE: dict[str, Callable[[int], bytes]] = {
    "unsupported operators": lambda n: tflite_row(27, n),
    "operators without their inputs": lambda n: tflite_row(9, n),
    "convolutions without weights": lambda n: tflite_row(3, n, 2),
    "concatenations of many": lambda n: tflite_row(2, n, 1_900),
    "tensors of the same values": lambda n: tflite_row(19, 3, constants=n),
    "zeros": lambda n: bytes(4) + b"TFL3" + bytes(n),
    "a table before the file": lambda n: (n).to_bytes(4, "little") + b"TFL3" + b"\xff" * n,
}
FAMILIES: dict[str, Callable[[int], bytes]] = {
    f"{name}{ending}": family
    for ending, families in {
        ".onnx": ONNX, ".prototxt": PROTOTXT, ".cfg": CFG, ".json": JSON, ".keras": KERAS, ".h5": H5, ".yaml": YAML,
        ".tflite": TFLITE,
    }.items()
    for name, family in families.items()
}  # fmt: skip
SIZES: dict[str, int] = {
    "empty nodes.onnx": 1_000_000, "tensors.onnx": 150_000, "tensors of many numbers.onnx": 2_000, "long texts.onnx": 10_000,
    "functions that call each other.onnx": 8, "functions full of nodes.onnx": 2_000, "calls of a function of many inputs.onnx": 200_000,
    "graphs in attributes.onnx": 10_000, "wide concatenations.onnx": 60, "wide sums.onnx": 60, "splits of many parts.onnx": 9_900,
    "inputs of a concatenation.onnx": 9_900, "padding bytes.onnx": 300_000_000, "numbers behind each other.onnx": 590_000, "equations.onnx": 100,
    "reductions.onnx": 140, "kernels of many numbers.onnx": 45, "scopes.onnx": 1_000, "attentions spelled out.onnx": 8_950,
    "inputs, each with an operator.onnx": 17_500, "long names.onnx": 17_500,
    "sums of many constants.onnx": 17_500,
    "fields that are not read.prototxt": 9_000, "many fields that are not read.prototxt": 90_000, "many bottoms.prototxt": 90_000,
    "concatenations of many.prototxt": 90_000, "many tops.prototxt": 90_000, "slices.prototxt": 40_000, "rules.prototxt": 20_000,
    "messages of one field.prototxt": 90_000, "inputs.prototxt": 14_000, "inputs without a shape.prototxt": 90_000,
    "chain, then an error.prototxt": 19_000, "in place.prototxt": 19_000, "convolutions, then an error.prototxt": 14_000,
    "losses.prototxt": 10_000, "names of one letter more.prototxt": 4_000, "wrong values.prototxt": 14_000,
    "growing concatenations.prototxt": 14_200, "sizes of thousands of digits.prototxt": 14_000, "stages.prototxt": 12_000,
    "layers in a layer.prototxt": 14_000, "shared parameters.prototxt": 12_000, "unknown types.prototxt": 19_000,
    "blobs that nothing makes.prototxt": 19_000, "layers without a type.prototxt": 40_000, "control characters.prototxt": 15_000,
    "unknown options.cfg": 90_000, "one long route.cfg": 900_000, "shortcuts of many.cfg": 900_000, "routes to all before.cfg": 6_000,
    "wrappers.json": 5_000, "models that double.json": 31, "empty models that double.json": 31,
    "calls.json": 19_000, "many tensors of one call.json": 150_000, "concatenations of many.json": 150_000,
    "unknown layers.json": 19_000, "wrapped layers.json": 12_000, "chain, then an error.json": 19_000, "inputs of many names.json": 150_000,
    "backwards chain, then an error.json": 19_000, "growing concatenations.json": 14_000, "control characters.json": 20_000,
    "dimensions of -1, 0 and 2^62.json": 15_000, "long strings.json": 500_000, "lists of a layer.json": 100_000, "lists.json": 100_000, "objects.json": 100_000,
    "convolutions, then an error.json": 19_000, "a list of many numbers.json": 1_000_000, "shapes of many numbers.json": 1_000_000, "empty lists.json": 1_300_000,
    "empty objects.json": 1_300_000, "numbers.json": 2_000_000, "a long number.json": 4_000_000, "equal names.json": 19_000,
    "bomb.keras": 1 << 30, "bomb in LZMA.keras": 1 << 29, "bomb in BZIP2.keras": 1 << 28, "bomb with a wrong size.keras": 1 << 30, "bomb beside.keras": 1 << 30,
    "members.keras": 40_000, "zeros.keras": 10_000_000, "ends.keras": 1_000_000, "brackets.keras": 4_000_000, "chain, then an error.keras": 19_000,
    "concatenations of many.tflite": 60, "tensors of the same values.tflite": 20_000, "zeros.tflite": 10_000_000,
    "a table before the file.tflite": 10_000_000,
    "zeros.h5": 10_000_000, "pools of large strides.yaml": 20_000, "unknown inputs.yaml": 19_000,
}  # fmt: skip


def largest(name: str) -> int:
    """The size that is measured."""
    plain = {".onnx": 17_500, ".prototxt": 1_900_000, ".cfg": 19_000, ".json": 19_000, ".tflite": 9_900}
    ending = name[name.rindex(".") :]
    if name in SIZES:
        return SIZES[name]
    if ending == ".cfg" and any(word in name for word in ("line", "number", "decimal")):
        return 1_900_000
    return plain[ending]
