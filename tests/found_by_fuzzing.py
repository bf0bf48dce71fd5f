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

FLOATS_AS_A_SHAPE = bytes.fromhex(
    """
    0800000054464c335affffff140000001c00000070000000740000000300000002000000680200003c0200005200000077726974
    74656e20627920636e6e63616c633a207765696768747320616e64207175616e74697a6174696f6e20617265206d616465207570
    2c20666f7220706c616e6e696e67206d656d6f7279206f6e6c790000010000003400000001000000100000000c000e000d000000
    080004000c000000160000000100000000160e001800140010000c00080004000e000000140000001c0000002000000024000000
    28000000070000007061747465726e000100000034000000010000000200000001000000000000000300000004010000c0000000
    5800000000000e001400000010000c000b0004000e00000010000000000000112400000028000000cefeffff0400000004000000
    0100000010000000060000000200000001000000020000000200000000000000010000006affffff100000004000000000000009
    240000005cffffff080000001000000001000000000000000000000001000000cdcc4c3d04000000010000001000000006000000
    02000000080000007265736861706531000000000c00140010000d00080004000c00000018000000010000000000000204000000
    01000000040000000e00000072657368617065312f7368617065000000000e00140010000f000000080004000e0000001c000000
    4c00000000000009300000000c000c0000000000080004000c000000080000001000000001000000000000000000000001000000
    cdcc4c3d040000000100000006000000100000000200000005000000696e70757400060008000400060000000400000010000000
    01000000ffffffff060000000200000000000000000000000400040004000000
    """
)
"""A .tflite file whose RESHAPE takes its sizes from floats that are no numbers."""

FOUND: tuple[tuple[str, bytes, str], ...] = (
    ("calls", b"verify\x1fINPUT 8x8x3 -> CONV134 -> RELU -> POOL2 -> FC-5\x1f--seed\x1f1", "read"),
    ("tflite", FLOATS_AS_A_SHAPE, "wrong-file"),
    (
        "pattern",
        b"INPUT[5x15x1]->[CONV1x2-3(bias=no)]@c2*4095->CONV3x1-3/4x4(pad=[0, 2])"
        b"->DROPOUT(0.2, whole=image)->FC-4->RELU->DROPOUT->FC(2147483651, bias=no)->RBF-1",
        "window-too-large",
    ),
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
