"""Nets of Caffe: phases, shared parameters, the rules of its layers, unsupported layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import Report, account
from cnncalc.errors import DesignError
from cnncalc.language.settings import DEFAULT_SETTINGS, Settings
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from cnncalc.graph import Graph

INPUT = 'input: "data" input_shape { dim: 2 dim: 3 dim: 23 dim: 19 } '


def read(text: str, settings: Settings = DEFAULT_SETTINGS) -> Graph:
    return load_bytes("net.prototxt", text.encode(), settings)


def layer(type: str, parameters: str = "", bottom: str = "data", top: str = "out", name: str = "layer1") -> str:
    """A layer that reads a blob, or several with blanks between them."""
    bottoms = " ".join(f'bottom: "{each}"' for each in bottom.split())
    tops = " ".join(f'top: "{each}"' for each in top.split())
    return f'layer {{ name: "{name}" type: "{type}" {bottoms} {tops} {parameters} }} '


def window(fields: str) -> str:
    return layer("Convolution", f"convolution_param {{ num_output: 4 {fields} }}")


def one(type: str, parameters: str = "") -> Report:
    return account(read(INPUT + layer(type, parameters)))


LENET = """
name: "small"
layer { name: "digits" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { crop_size: 24 } data_param { batch_size: 64 } }
layer { name: "digits" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { crop_size: 28 } data_param { batch_size: 100 } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 20 kernel_size: 5 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1" pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "drop" type: "Dropout" bottom: "pool1" top: "pool1" exclude { phase: TEST } }
layer { name: "ip" type: "InnerProduct" bottom: "pool1" top: "ip" inner_product_param { num_output: 10 } }
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


def test_the_phase_chooses_the_layers() -> None:
    test = read(LENET)
    assert [node.name for node in test.nodes] == ["data", "conv1", "relu1", "pool1", "ip"]
    assert account(test).layers[0].output == Volume(28, 28, 3)
    train = read(LENET, Settings(phase="train"))
    assert [node.name for node in train.nodes] == ["data", "conv1", "relu1", "pool1", "drop", "ip"]
    assert account(train).layers[0].output == Volume(24, 24, 3)
    assert any("SoftmaxWithLoss left out" in note for note in train.notes)


def test_the_older_layers_give_the_same_net() -> None:
    older = INPUT + (
        'layers { name: "c" type: CONVOLUTION bottom: "data" top: "c" blobs_lr: 0 blobs_lr: 0'
        " convolution_param { num_output: 8 kernel_size: 3 } }"
        'layers { name: "p" type: 17 bottom: "c" top: "p" pooling_param { pool: AVE kernel_size: 2 stride: 2 } }'
    )
    oldest = INPUT + (
        'layers { layer { name: "c" type: "conv" num_output: 8 kernelsize: 3 blobs_lr: 0 blobs_lr: 0 }'
        'bottom: "data" top: "c" }'
        'layers { layer { name: "p" type: "pool" pool: AVE kernelsize: 2 stride: 2 } bottom: "c" top: "p" }'
    )
    newer = INPUT + layer(
        "Convolution",
        "param { lr_mult: 0 } param { lr_mult: 0 } convolution_param { num_output: 8 kernel_size: 3 }",
        name="c",
        top="c",
    )
    newer += layer("Pooling", "pooling_param { pool: AVE kernel_size: 2 stride: 2 }", "c", "p", "p")
    nets = [read(text) for text in (older, oldest, newer)]
    kept = [[node._replace(span=None) for node in net.nodes] for net in nets]
    assert kept[0] == kept[1] == kept[2]
    assert not nets[0].nodes[1].trainable


def test_named_parameters_are_shared() -> None:
    twin = 'param { name: "w" } param { name: "b" } convolution_param { num_output: 6 kernel_size: 5 }'
    text = (
        INPUT
        + layer("Convolution", twin, name="left", top="left")
        + layer("Convolution", twin, name="right", top="right")
    )
    report = account(read(text))
    assert report.totals.parameters == 5 * 5 * 3 * 6 + 6
    assert report.layers[2].shared_with == "left"
    partly = twin.replace('"b"', '"other"')
    with pytest.raises(DesignError, match="shares only some of its parameters"):
        read(text + layer("Convolution", partly, name="third", top="third"))


def test_a_stage_that_nothing_sets_is_left_out_unless_it_makes_the_data() -> None:
    data = 'layer { name: "data" type: "Input" top: "data" include { stage: "deploy" } '
    data += "input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } } "
    graph = read(data + layer("ReLU") + layer("Sigmoid", 'include { stage: "deploy" }', "out", "end"))
    assert [node.kind for node in graph.nodes] == ["input", "relu"]
    stated = 'state { stage: "deploy" } ' + data + layer("Sigmoid", 'include { stage: "deploy" }')
    assert [node.kind for node in read(stated).nodes] == ["input", "sigmoid"]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pad", "expected"),
    [(23, 3, 2, 0, 11), (24, 3, 2, 0, 12), (23, 2, 2, 1, 12), (24, 2, 2, 1, 13), (9, 2, 3, 1, 4), (8, 2, 3, 1, 3)],
)
def test_pools_round_up_and_drop_a_window_in_the_padding(
    size: int, kernel: int, stride: int, pad: int, expected: int
) -> None:
    text = f'input: "data" input_dim: 1 input_dim: 3 input_dim: {size} input_dim: {size} '
    text += layer("Pooling", f"pooling_param {{ kernel_size: {kernel} stride: {stride} pad: {pad} }}")
    assert account(read(text)).layers[-1].output == Volume(expected, expected, 3)


@pytest.mark.parametrize(
    ("type", "parameters", "kinds", "volume", "learned"),
    [
        ("Convolution", "convolution_param { num_output: 6 kernel_h: 1 kernel_w: 3 pad_w: 1 stride: 2 group: 3 }",
         "dwconv", (12, 10, 6), 24),
        ("Deconvolution", "convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 bias_term: false }",
         "deconv", (46, 38, 4), 192),
        ("InnerProduct", "inner_product_param { num_output: 5 axis: 2 }",
         "reshape permute linear permute", (5, 3), 23 * 19 * 5 + 5),
        ("Pooling", "pooling_param { pool: AVE global_pooling: true }", "gap", (1, 1, 3), 0),
        ("BatchNorm", "", "bn", (23, 19, 3), 0),
        ("BN", "", "bn", (23, 19, 3), 6),
        ("Scale", "scale_param { bias_term: true }", "scale", (23, 19, 3), 6),
        ("PReLU", "", "prelu", (23, 19, 3), 3),
        ("ReLU", "relu_param { negative_slope: 0.1 }", "lrelu", (23, 19, 3), 0),
        ("Power", "power_param { power: 2 scale: 3 }", "affine square", (23, 19, 3), 0),
        ("Scale", "scale_param { num_axes: 0 }", "scale", (23, 19, 3), 1),
        ("Scale", "scale_param { axis: 0 num_axes: 0 bias_term: true }", "scale", (23, 19, 3), 2),
        ("Bias", "bias_param { num_axes: 0 }", "scale", (23, 19, 3), 1),
        ("Normalize", "norm_param { across_spatial: false channel_shared: false }", "l2norm", (23, 19, 3), 3),
        ("Normalize", "norm_param { across_spatial: false }", "l2norm scale", (23, 19, 3), 1),
        ("Normalize", "norm_param { channel_shared: false }", "l2norm scale", (23, 19, 3), 3),
        ("Normalize", "", "l2norm scale", (23, 19, 3), 1),
        ("Slice", "slice_param { slice_point: 1 }", "slice slice", (23, 19, 2), 0),
        ("Flatten", "", "flatten", (1, 1, 1311), 0),
        ("Reshape", "reshape_param { shape { dim: 0 dim: -1 dim: 19 } }", "reshape", (19, 69), 0),
        ("Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }", "permute", (19, 3, 23), 0),
        ("Reduction", "reduction_param { operation: MEAN axis: 2 }", "reduce", (1, 1, 3), 0),
        ("Reduction", "reduction_param { operation: 3 axis: 2 }", "square reduce", (1, 1, 3), 0),
        ("Softmax", "softmax_param { axis: 2 }", "softmax", (23, 19, 3), 0),
        ("LRN", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 }", "lrn", (23, 19, 3), 0),
        ("MVN", "", "in", (23, 19, 3), 0),
        ("Upsample", "upsample_param { scale: 3 }", "upsample", (69, 57, 3), 0),
        ("Interp", "interp_param { zoom_factor: 8 }", "resize", (177, 145, 3), 0),
        ("Exp", "exp_param { base: 2 }", "affine exp", (23, 19, 3), 0),
        ("BNLL", "", "softplus", (23, 19, 3), 0),
        ("Tile", "tile_param { tiles: 3 }", "concat", (23, 19, 9), 0),
        ("Tile", "tile_param { axis: 2 tiles: 2 }", "concat", (46, 19, 3), 0),
        ("Tile", "tile_param { tiles: 1 }", "identity", (23, 19, 3), 0),
    ],
)  # fmt: skip
def test_each_type_becomes_layers_with_its_volume_and_parameters(
    type: str, parameters: str, kinds: str, volume: tuple[int, ...], learned: int
) -> None:
    text = INPUT + (layer(type, parameters, top="a b") if type == "Slice" else layer(type, parameters))
    report = account(read(text))
    assert [row.kind for row in report.layers[1:]] == kinds.split()
    assert report.layers[-1].output == volume
    assert report.totals.parameters == learned


def test_merges_follow_their_parameters() -> None:
    text = INPUT + layer("Sigmoid", top="a", name="a") + layer("TanH", top="b", name="b")
    difference = read(text + layer("Eltwise", "eltwise_param { coeff: 1 coeff: -1 }", "a b"))
    assert [node.kind for node in difference.nodes[3:]] == ["sub"]
    weighted = read(text + layer("Eltwise", "eltwise_param { coeff: 0.5 coeff: 1 }", "a b"))
    assert [node.kind for node in weighted.nodes[3:]] == ["affine", "add"]
    joined = account(read(text + layer("Concat", "concat_param { axis: 2 }", "a b")))
    assert joined.layers[-1].output == Volume(46, 19, 3)
    pooled = text + layer("Pooling", "pooling_param { global_pooling: true }", "a", "g", "g")
    with pytest.raises(DesignError, match=r"same sizes, but gets \[1x1x3\] and \[23x19x3\]"):
        read(pooled + layer("Eltwise", "", "g b"))
    excited = pooled + layer("InnerProduct", "inner_product_param { num_output: 3 }", "g", "f", "f")
    assert account(read(excited + layer("Scale", "scale_param { axis: 0 }", "b f"))).layers[-1].output == Volume(
        23, 19, 3
    )


def test_a_bias_joins_the_layer_before_it() -> None:
    conv = layer(
        "Convolution", "convolution_param { num_output: 4 kernel_size: 1 bias_term: false }", top="c", name="c"
    )
    report = account(read(INPUT + conv + layer("Bias", "", "c", "c")))
    assert [row.kind for row in report.layers] == ["input", "conv"]
    assert report.totals.biases == 4


def test_a_bias_alone_is_a_learned_shift() -> None:
    for text in ("", "bias_param { axis: -3 }"):
        report = one("Bias", text)
        assert (report.layers[-1].label, report.totals.weights, report.totals.biases) == ("SCALE(scale=no)", 0, 3)
    everywhere = one("Bias", "bias_param { num_axes: -1 }")
    assert (everywhere.layers[-1].kind, everywhere.totals.parameters) == ("position", 23 * 19 * 3)
    with pytest.raises(
        DesignError, match="one shift for each channel or for all is supported, not axis 2 and num_axes 1"
    ):
        one("Bias", "bias_param { axis: 2 }")


def test_a_bias_joins_the_layer_before_it_where_their_numbers_agree() -> None:
    dense = layer("InnerProduct", "inner_product_param { num_output: 4 bias_term: false }", top="f", name="f")
    joined = account(read(INPUT + dense + layer("Bias", "bias_param { num_axes: -1 }", "f", "f")))
    assert [(row.kind, row.biases) for row in joined.layers] == [("input", 0), ("fc", 4)]
    normed = layer("MVN", "mvn_param { across_channels: true }")
    for text, biases in (("", [("ln", 0), ("scale", 3)]), ("num_axes: -1", [("ln", 23 * 19 * 3)])):
        report = account(read(INPUT + normed + layer("Bias", f"bias_param {{ {text} }}", "out", "out", "b")))
        assert [(row.kind, row.biases) for row in report.layers[1:]] == biases
    first = layer("Scale", 'param { name: "w" }', top="s", name="s") + layer("Bias", "", "s", "s", "b")
    shared = account(read(INPUT + first + layer("Scale", 'param { name: "w" }', "s", "t", "t")))
    assert [(row.label, row.shared_with) for row in shared.layers[1:]] == [
        ("SCALE(shift=no)", None), ("SCALE(scale=no)", None), ("SCALE(shift=no)", "s")
    ]  # fmt: skip
    after = layer("ReLU", "", "f", "f", "r") + layer("Bias", "", "f", "f")
    assert account(read(INPUT + dense + after)).layers[-1].label == "SCALE(scale=no)"


def test_the_maxima_of_a_pool_are_put_back() -> None:
    text = INPUT + layer("Pooling", "pooling_param { kernel_size: 2 stride: 2 }", top="p mask", name="p")
    text += layer("Upsample", "upsample_param { scale: 2 upsample_h: 23 upsample_w: 19 }", "p mask")
    assert account(read(text)).layers[-1].output == Volume(23, 19, 3)


def test_everything_unsupported_is_named_and_partly_stated() -> None:
    text = (
        INPUT
        + layer("ArgMax", top="a", name="a")
        + layer("Embed", "embed_param { num_output: 7 input_dim: 9 bias_term: false }")
    )
    with pytest.raises(DesignError) as caught:
        read(text)
    assert [problem.code for problem in caught.value.every] == ["no-equal", "no-equal"]
    report = account(read(text, Settings(partial=True)))
    assert report.layers[-1].parameters == 63


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no layers"),
        ('net: "a.prototxt" base_lr: 0.1', "file of a solver"),
        (layer("ReLU", bottom="missing"), "nothing before it makes the blob 'missing'"),
        (INPUT + layer("Convolution", "convolution_param { num_output: 4 }"), "needs kernel_size"),
        (INPUT + layer("Convolution", "convolution_param { num_output: 4 kernel_size: 99 }"), "must fit"),
        (INPUT + layer("Convolution", 'convolution_param { num_output: "4" }'), "expected a whole number"),
        (INPUT + layer("Pooling", "pooling_param { kernel_size: 2 stride: 0 }"), "at least 1"),
        (INPUT + layer("Reshape", "reshape_param { shape { dim: 0 dim: 7 } }"), "must have the 1,311 elements"),
        (INPUT + layer("Reshape", "reshape_param { shape { dim: 0 dim: 7 dim: -1 } }"), "must divide the 1,311"),
        (INPUT + layer("Reshape", "reshape_param { shape { dim: 0 dim: -1 dim: -1 } }"), "must have at most one -1"),
        (INPUT + layer("Slice", "slice_param { slice_point: 5 }", top="a b"), "must split the size 3"),
        (INPUT + layer("Pooling", "pooling_param { pool: MIN kernel_size: 2 }"), "MAX, AVE or STOCHASTIC, but is MIN"),
        (INPUT + layer("Pooling", "pooling_param { round_mode: 2 kernel_size: 2 }"), "CEIL or FLOOR, but is 2"),
        (INPUT + layer("Reduction", "reduction_param { operation: MAX axis: 2 }"), "SUM, ASUM, SUMSQ or MEAN"),
        (INPUT + layer("LRN", "lrn_param { norm_region: WITHIN }"), "WITHIN_CHANNEL, but is WITHIN"),
        (INPUT + layer("Eltwise", "eltwise_param { operation: DIV }"), "PROD, SUM or MAX, but is DIV"),
        (INPUT + layer("Softmax", "softmax_param { axis: 4 }"), "axis must be -4 to 3 for a blob with 4 axes"),
        ('input: "x" input_dim: 1 input_dim: 3 input_dim: -1 input_dim: 4' + layer("ReLU", bottom="x"), "at least 1"),
        (INPUT + 'layer { name: "a" bottom: "data" }', "the layer has no type"),
        (INPUT + window("kernel_size: 3 kernel_h: 5 kernel_w: 5"), "kernel_size cannot be given beside kernel_h or"),
        (INPUT + window("kernel_h: 5"), "kernel_h and kernel_w must be given together"),
        (INPUT + window("kernel_size: 3 stride: 2 stride_h: 1 stride_w: 1"), "stride cannot be given beside stride_h"),
        (INPUT + window("kernel_size: 3 stride_w: 2"), "stride_h and stride_w must be given together"),
        (INPUT + window("kernel_size: 3 num_output: 5"), "num_output has a value already"),
        (INPUT + layer("Pooling", "pooling_param { kernel_size: 2 pad_h: 1 }"), "pad_h and pad_w must be given"),
        (INPUT + layer("Pooling", "pooling_param { kernel_size: 2 kernel_size: 3 }"), "kernel_size has a value"),
        (INPUT + layer("Pooling", "pooling_param { global_pooling: true kernel_size: 2 }"), "both global_pooling and"),
        (INPUT + layer("Pooling", "pooling_param { global_pooling: true stride: 2 }"), "the stride must be 1"),
        (INPUT + layer("Convolution", "convolution_param { num_output: 4 kernel_size: 1 }", "data data"),
         "it has 1 top for 2 bottoms, but needs one for each"),
        (INPUT + layer("Eltwise"), "Eltwise takes at least two bottoms, not 1"),
        (INPUT + layer("Eltwise", "eltwise_param { operation: PROD coeff: 1 coeff: 2 }", "data data"), "belongs to"),
        (INPUT + layer("Concat", "concat_param { axis: 2 concat_dim: 1 }", "data data"), "its older name concat_dim"),
        (INPUT + layer("Slice", "slice_param { axis: 2 slice_dim: 1 }", top="a b c"), "its older name slice_dim"),
        (INPUT + layer("LRN", "lrn_param { local_size: 4 }"), "local_size must be odd, but is 4"),
        (INPUT + layer("Pooling", "pooling_param { global_pooling: true }", top="g")
         + layer("Scale", "scale_param { axis: 0 }", "data g"), "must have the first sizes of the first, [3, 23, 19]"),
        (INPUT + layer("Interp", "interp_param { height: 5 }"), "it needs shrink_factor, zoom_factor, or height and"),
        (INPUT + layer("Interp", "interp_param { zoom_factor: 0 }"), "zoom_factor 0 must be at least 1"),
        (INPUT + layer("ReLU") + layer("TanH"), "its top 'out' is a blob already, and not its bottom"),
        (INPUT + layer("Slice", top="a a a"), "its top 'a' is a blob already, and not its bottom"),
        (INPUT + layer("ReLU", bottom="data", top="data") + layer("TanH", bottom="data", top="data data"),
         "its top 'data' is a blob already"),
        (LENET.replace("phase: TEST", "phase: TRAIN"), "--phase train"),
        (LENET.replace("phase: TEST", "phase: TETS"), "phase must be TRAIN or TEST, but is TETS"),
    ],
)  # fmt: skip
def test_a_fault_of_the_net_is_named(text: str, words: str) -> None:
    with pytest.raises(DesignError) as caught:
        read(text)
    assert words in str(caught.value)


def test_a_pad_along_one_side_and_a_factor_beside_the_sides_are_read() -> None:
    padded = account(read(INPUT + window("kernel_size: 3 pad_h: 1")))
    assert padded.layers[-1].output == Volume(23, 17, 4)
    enlarged = one("Interp", "interp_param { height: 4 width: 5 zoom_factor: 2 }")
    assert enlarged.layers[-1].output == Volume(45, 37, 3)


def test_fields_that_are_not_read_are_warned_of() -> None:
    graph = read(INPUT + layer("Convolution", "convolution_param { num_output: 4 kernel_size: 3 kernal: 5 }"))
    assert [problem.code for problem in graph.warnings] == ["not-read"]
    assert "kernal" in graph.warnings[0].message
    text = 'name: "net" force_backward: true ' + INPUT + layer("LRN", "loss_weight: 0 lrn_parm { local_size: 3 }")
    assert [problem.message for problem in read(text + ' layr { name: "r" }').warnings] == [
        "layer1: the field lrn_parm of the layer is not read",
        "the field layr of the net is not read",
    ]


def test_an_enumeration_has_one_value() -> None:
    for words in ("[AVE, MAX]", "[1, 0]", "AVE pool: MAX"):
        with pytest.raises(DesignError, match="pool has a value already"):
            read(INPUT + layer("Pooling", f"pooling_param {{ kernel_size: 2 pool: {words} }}"))
    assert (
        account(read(INPUT + layer("Pooling", "pooling_param { kernel_size: 2 pool: [1] }"))).layers[1].kind
        == "avgpool"
    )


def test_sizes_of_the_call_replace_open_ones() -> None:
    text = 'layer { name: "d" type: "HDF5Data" top: "data" top: "label" } ' + layer("ReLU")
    with pytest.raises(DesignError, match="the size of the input is open"):
        read(text)
    graph = read(text, Settings(inputs={"data": Volume(9, 8, 7)}))
    assert account(graph).layers[-1].output == Volume(9, 8, 7)
