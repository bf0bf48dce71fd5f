"""Inputs that ended in another exception than a message, or took too long, when ``benchmarks.fuzz`` found them."""

from __future__ import annotations

LARGE_TOO_SMALL = """
blocks:
  C(kernel, filters, stride=1): CONV{kernel}-filters/stride -> RELU
  inception(a, r3, b, r5, c, p): |
    [ C1-a | C1-r3 -> C3-b | C1-r5 -> C5-c | POOL3/1(pad=1) -> C1-p ] -> CONCAT
layers: |
  INPUT 224x224x3 -> C7-64/2 -> POOL3/2 -> [inception(8, 8, 8, 8, 8, 8)*3 -> POOL3/2]*4 -> AVGPOOL7/1 -> FC
"""
"""The smallest input that works has sides of several hundred."""

NEGATIVE_COUNT = b"""
variables:
  stages: [[16, 0], [32, 8192]]
layers: |
  INPUT 32x32x3 -> [ CONV3-d -> BN -> RELU -> [ [ CONV3-d -> BN -> RELU | ] -> ADD ]*{n-1} ]*stages as d, n -> FC-10
"""

FOUND: tuple[tuple[str, bytes, str], ...] = (
    ("json", b'{"class_name"', "syntax"),
    (
        "json",
        b'{"class_name":"","config":{"layers":[{"class_name":"","config":{"name":""},"inbound_nodes":[[["",0,0,{}]]]}]}}',
        "cycle",
    ),
    (
        "json",
        b'{"class_name":"Sequential","config":{"layers":[{"class_name":"InputLayer","config":{"shape":7}},1]}}',
        "wrong-value",
    ),
    ("points", b"\0# cnncalc-sweep \n1 {}\n", "other-file"),
    ("points", b"\0# cnncalc-sweep 1\n", "other-file"),
    ("option values", b"", ""),
    ("calls", b"memory\x1fINPUT 8x8x3 -> CONV2147483648-1 -> FC-5\x1f--profile\x1ftflm", "error[no-equal]"),
    ("calls", b"report\x1fINPUT 8x8x2 -> CONV2147483648-1 -> RELU -> POOL3 -> FC-6\x1f-o\x1fout.html", "read"),
    ("calls", b"convert\x1fINPUT 8x8x3 -> POOL2/9999999999\x1f--to\x1ftflite", "<pattern>"),
    ("cfg", b"[net]\nheight=4\nwidth=4\nchannels=3\n[maxpool]\nsize=3\nstride=0\n", "wrong-value"),
    ("cfg", b"[net]\nheight=4\nwidth=4\nchannels=3\n[local_avgpool]\nsize=3\nstride=-1\n", "wrong-value"),
    (
        "prototxt",
        b'input: "x" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 } layer { name: "s" type: "Slice" bottom: "x" }',
        "missing-key",
    ),
    (
        "prototxt",
        b'layer { name: "a" type: "Data" top: "x" input_param { shape { dim: 1 } } }'
        b'layer { name: "r" type: "ReLU" bottom: "x" top: "y" }',
        "read",
    ),
    ("pattern", b"INPUT 1x12x6 -> [GN3 -> CONV0x3-2 | CONV3-5(pad=0)] -> MAXIMUM", "wrong-value"),
    ("pattern", b"INPUT 3x4x3 -> [[ | DWCONV5x2(xias=no)] -> ADD -> RELU]*42096 -> FC-18", "unknown-key"),
    ("pattern", b"INPUT[8x4x6]\n-> DECONV1-1/2147483648(pad=[1, 1], bias=no)", "read"),
    (
        "pattern",
        b"INPUT[11x13x1] -> [[CONV3-2]@b1 | CONV3-1(dilation=2) -> POOL23 | CONV3-5] -> CONCAT",
        "window-too-large",
    ),
    (
        "pattern",
        b"INPUT 2x9x4 -> DWCONV4x1 -> [ | CONV4-4 | IDENTITY -> CONV3-5] -> ADD -> FLATTEN -> FC-6",
        "window-too-large",
    ),
    ("yaml", NEGATIVE_COUNT, "negative-count"),
    ("yaml", LARGE_TOO_SMALL.encode(), "window-too-large"),
)
"""The target, the input, and the rule that refuses it now, or that it is read; empty if there are several."""
